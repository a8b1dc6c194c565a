"""The pages of the book, as `_toc.yml` lists them."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
_CHAPTERS = [chapter for part in TOC["parts"] for chapter in part["chapters"]]

SOURCES = [
    TOC["root"],
    *(page["file"] for chapter in _CHAPTERS for page in (chapter, *chapter.get("sections", ()))),
]
CHAPTERS = [source for source in SOURCES if source.startswith("notebooks/")]
