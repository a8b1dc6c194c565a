"""Links to chapters that may not be there yet.

    {chapter}`8 Semantic segmentation`

becomes a link to `notebooks/08_*.ipynb` once that file exists, and plain text until then.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

ROLE = re.compile(r"\{chapter\}`((\d+)[^`]*|[^`]*?(\d+))`")


def chapter_file(root: Path, number: int) -> Path | None:
    """The notebook of a chapter, once it is there."""
    return next(root.glob(f"notebooks/{number:02d}_*.ipynb"), None)


def chapter_link(root: Path, number: int, text: str) -> str:
    """Markdown for a mention of chapter `number`."""
    found = chapter_file(root, number)
    return f"[{text}](/notebooks/{found.name})" if found else text


def link_chapters(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace every mention on a page of the book."""
    if docname.startswith("book/"):
        root = Path(app.srcdir)
        source[0] = ROLE.sub(lambda m: chapter_link(root, int(m[2] or m[3]), m[1]), source[0])


def setup(app: Sphinx) -> None:
    app.connect("source-read", link_chapters)
