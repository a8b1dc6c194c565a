"""What the book needs beyond the settings of Jupyter Book: a small Sphinx extension, one module for each purpose."""

from typing import Any

from sphinx.application import Sphinx

from . import atlas, chapters, docstrings, measured, notebooks, speed, theme


def setup(app: Sphinx) -> dict[str, Any]:
    atlas.setup(app)
    chapters.setup(app)
    docstrings.setup(app)
    measured.setup(app)
    notebooks.setup(app)
    speed.setup(app)
    theme.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
