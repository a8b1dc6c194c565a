"""The project's wheel, built from a copy of the sources so that the checkout stays as it is."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ["pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT"]


def build_wheel(folder: Path) -> Path:
    """Build the wheel below `folder`, without network, and return its path."""
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "lossbook", source / "lossbook", ignore=ignored)
    for name in SOURCES:
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", source],
        check=True,
        capture_output=True,
        text=True,
    )
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel
