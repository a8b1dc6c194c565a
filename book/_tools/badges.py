"""Write the released tag into every place that names it: Colab badges, install cells, pages, `_config.yml`.

The version is that of `pyproject.toml`. A chapter gets its badge and its install cell from here too:

    python book/_tools/badges.py          write them all
    python book/_tools/badges.py --print notebooks/08_semantic_segmentation.ipynb
"""

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
TAG = f"v{VERSION}"
REPOSITORY = "lossbook/lossbook"
COLAB = "https://colab.research.google.com"
PAGES = ["README.md", "book/how-to-use.md", "CONTRIBUTING.md"]
IN_ADDRESS = re.compile(rf"({re.escape(REPOSITORY)}(?:@|/blob/|/tree/))v\d[\w.]*")

INSTALL = f"""\
# In Colab, and only where lossbook is missing: install it. torch and numpy stay as they are.
from importlib.util import find_spec

if find_spec("google") and find_spec("google.colab") and not find_spec("lossbook"):
    %pip install -q "lossbook[notebooks] @ git+https://github.com/{REPOSITORY}@{TAG}"
"""


def colab_link(notebook: Path) -> str:
    """Address that opens the notebook in Colab, at the released tag."""
    return f"{COLAB}/github/{REPOSITORY}/blob/{TAG}/notebooks/{notebook.name}"


def badge(notebook: Path) -> str:
    """The badge as Markdown."""
    return f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({colab_link(notebook)})"


def write_into_notebook(path: Path) -> None:
    """Set badge and install cell of one notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if "colab" in cell["metadata"].get("tags", []):
            source = INSTALL.rstrip("\n")
        source = re.sub(r"\[!\[Open in Colab\]\([^)]*\)\]\([^)]*\)", lambda _: badge(path), source)
        if source != "".join(cell["source"]):
            cell["source"] = source.splitlines(keepends=True)
    path.write_text(json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    if sys.argv[1:2] == ["--print"]:
        print(f"{badge(Path(sys.argv[2]))}\n\n{INSTALL}")
        return
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        write_into_notebook(path)
    for path in (ROOT / page for page in PAGES):
        path.write_text(IN_ADDRESS.sub(rf"\g<1>{TAG}", path.read_text()))
    config = ROOT / "_config.yml"
    text = re.sub(r"(?m)^(  branch: ).*$", rf"\g<1>{TAG}", config.read_text())
    config.write_text(IN_ADDRESS.sub(rf"\g<1>{TAG}", text))
    citation = ROOT / "CITATION.cff"
    citation.write_text(re.sub(r"(?m)^version: .*$", f"version: {VERSION}", citation.read_text()))
    print(f"every badge and install cell names {TAG}")


if __name__ == "__main__":
    main()
