"""The first code cell of each chapter, in a fresh environment with a stand-in for Google Colab, without network.

The environment sees the installed torch and numpy, but not this checkout: lossbook comes from the wheel, as it would
from the tag. Nothing may be downloaded, and torch and numpy must be the same before and after.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from types import SimpleNamespace

import notebook_rules as rules
import pytest
import yaml

sys.path.insert(0, str(rules.ROOT / "tests"))
sys.path.insert(0, str(rules.ROOT / "book" / "_tools"))
import badges
from wheels import build_wheel

CONFIG = yaml.safe_load((rules.ROOT / "_config.yml").read_text())
RUN_CELL = """
import importlib.metadata, json, sys
from IPython.core.interactiveshell import InteractiveShell

def versions():
    return {name: importlib.metadata.version(name) for name in ("torch", "numpy")}

before = versions()
result = InteractiveShell.instance().run_cell(sys.stdin.read())
result.raise_error()
report = {"before": before, "after": versions(), "file": None}
try:
    import lossbook
except ImportError:
    pass
else:
    import torch
    images, instances = lossbook.data.nuclei("test")
    loss = lossbook.dice_loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long))
    report |= {"file": lossbook.__file__, "images": len(images), "loss": float(loss)}
print("REPORT" + json.dumps(report))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def colab(tmp_path) -> SimpleNamespace:
    """A new environment that has every installed package except lossbook, and `google.colab`."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "lossbook" not in entry.name and entry.name != "__pycache__" and entry.suffix != ".pth":
            (packages / entry.name).symlink_to(entry)
    stub = tmp_path / "stub" / "google" / "colab"
    stub.mkdir(parents=True)
    (stub / "__init__.py").touch()
    venv.create(tmp_path / "venv")  # pip comes from the installed packages, like all the rest
    python = tmp_path / "venv" / "bin" / "python"
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (site / "colab.pth").write_text(f"{packages}\n")
    return SimpleNamespace(python=python, site=site, stub=stub.parents[1])


def run_cell(source: str, python: Path, *, path: Path | None = None) -> dict:
    """Run a cell in IPython with that Python and report what it changed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON", "VIRTUAL_ENV"))}
    environment |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    run = subprocess.run(
        [python, "-c", RUN_CELL],
        input=source,
        capture_output=True,
        text=True,
        env=environment,
        cwd=python.parent,
        timeout=300,
    )
    print(run.stdout, run.stderr)
    assert run.returncode == 0
    return json.loads(run.stdout.partition("REPORT")[2])


def from_wheel(source: str, wheel: Path) -> str:
    """The same cell, with the wheel in place of the tag."""
    address = f"git+https://github.com/{badges.REPOSITORY}@{badges.TAG}"
    assert address in source, f"expected {address} in the cell tagged colab"
    return source.replace(address, wheel.as_uri())


def test_cell_installs_in_colab_and_changes_nothing_else(colab, wheel):
    report = run_cell(from_wheel(badges.INSTALL, wheel), colab.python, path=colab.stub)
    assert report["before"] == report["after"]
    assert Path(report["file"]).is_relative_to(colab.site)
    assert report["images"] > 0
    installed = {path.name.partition("-")[0] for path in colab.site.glob("*.dist-info")}
    assert installed == {"lossbook"}


def test_cell_does_nothing_outside_colab(colab, wheel):
    report = run_cell(from_wheel(badges.INSTALL, wheel), colab.python)
    assert report["before"] == report["after"]
    assert report["file"] is None


@pytest.fixture(params=rules.CHAPTERS or [None], ids=lambda path: path.stem if path else "none")
def chapter(request) -> Path:
    if request.param is None:
        pytest.fail(f"{rules.FOLDER.name}/ holds no chapter, so there is nothing that could have passed")
    return request.param


def test_chapter_has_this_cell(chapter):
    ((_, cell),) = rules.cells(rules.load(chapter), "code", "colab")
    assert cell["source"].strip() == badges.INSTALL.strip(), "write it with `make badges`"


def test_badge_and_config_name_the_same_tag(chapter):
    assert CONFIG["repository"] == {"url": f"https://github.com/{badges.REPOSITORY}", "branch": badges.TAG}
    assert CONFIG["launch_buttons"]["colab_url"] == badges.COLAB
    first = rules.load(chapter)["cells"][0]["source"]
    assert badges.badge(chapter) in first, f"the first cell has to hold {badges.badge(chapter)}"
