"""What is declared in one place is true in the others, and what is shipped can be installed and imported."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from wheels import build_wheel

import lossbook

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
# Processor time: the tests share the machine with others, whose work is not the import's.
IMPORT_COST = """
import time
import torch, numpy
start = time.process_time()
import lossbook
print(time.process_time() - start)
"""
EXTRAS = {"matplotlib", "pandas", "sklearn", "skimage", "torchmetrics", "IPython", "scipy", "PIL"}
IMPORTED = "import sys, lossbook; print(*sorted(name for name in sys.modules if '.' not in name))"


def normalized(lines):
    return sorted(f"{canonicalize_name(r.name)}{r.specifier}" for r in map(Requirement, lines))


def constraints():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_environment_is_that_of_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [item for item in environment["dependencies"] if isinstance(item, str)]
    (pip,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    extras = PROJECT["optional-dependencies"]
    declared = {*PROJECT["dependencies"], *extras["notebooks"], *extras["book"], *extras["test"]}
    assert normalized(line for line in pip if line != "-e .") == normalized(declared)
    assert "-e ." in pip
    assert f"python{PROJECT['requires-python']}" in conda


def test_core_needs_torch_and_numpy_by_lower_bounds_alone():
    core = [Requirement(line) for line in PROJECT["dependencies"]]
    assert {r.name for r in core} == {"torch", "numpy"}
    assert all({s.operator for s in r.specifier} == {">="} for r in core)


def test_no_extra_that_colab_installs_caps_a_version():
    for line in PROJECT["optional-dependencies"]["notebooks"]:
        assert {s.operator for s in Requirement(line).specifier} <= {">="}, line


def test_constraints_pin_every_dependency():
    pinned = {}
    for line in constraints():
        assert re.fullmatch(r"[a-z0-9.-]+==[\w.!]+", line), line
        name, _, pin = line.partition("==")
        pinned[name] = pin
    assert pinned["torch"] == "2.13.0"
    for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        for requirement in map(Requirement, lines):
            name = canonicalize_name(requirement.name)
            if name == "lossbook" or (requirement.marker and not requirement.marker.evaluate()):
                continue
            assert requirement.specifier.contains(pinned[name]), f"{requirement} against {pinned[name]}"


def test_this_environment_is_the_pinned_one():
    core = ("torch", "numpy", "pytest", "hypothesis", "jupyter-book", "sphinx", "nbval", "papermill", "ruff")
    pinned = dict(line.split("==") for line in constraints())
    assert {name: Version(version(name)).public for name in core} == {name: pinned[name] for name in core}


def test_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert lossbook.__version__ == version("lossbook") == PROJECT["version"] == citation["version"]
    assert CONFIG["repository"]["branch"] == f"v{PROJECT['version']}"
    for page in ("README.md", "book/how-to-use.md", "_config.yml"):
        text = (ROOT / page).read_text()
        tags = set(re.findall(r"lossbook/lossbook(?:@|/blob/|/tree/)(v[\d.]+\d)", text))
        assert tags <= {f"v{PROJECT['version']}"}, page


def test_wheel_has_code_data_and_licences(tmp_path):
    wheel = build_wheel(tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = next(name for name in names if name.endswith("METADATA"))
        described = archive.read(metadata).decode()
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lossbook").rglob("*.py")}
    data = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lossbook/data/files").iterdir()}
    assert data
    assert sources | data | {"lossbook/py.typed", "lossbook/data/LICENSES.md"} <= names
    assert not [name for name in names if name.startswith(("tests/", "book/", "notebooks/"))]
    assert "License-Expression: MIT" in described
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_import_adds_at_most_60_ms_to_torch(tmp_path):
    """From compiled files, as an installed package has them."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    variables["PYTHONPYCACHEPREFIX"] = str(tmp_path)
    costs = []
    for _ in range(6):
        command = [sys.executable, "-c", IMPORT_COST]
        run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=variables)
        costs.append(float(run.stdout))
    assert min(costs) < 0.060, costs


def test_import_loads_no_extra():
    run = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True, cwd=ROOT)
    assert EXTRAS & set(run.stdout.split()) == set()


def test_every_version_of_python_is_declared_alike():
    workflow = (ROOT / ".github/workflows/tests.yml").read_text()
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert f'python-version: "{oldest}"' in workflow
    assert f"Programming Language :: Python :: {oldest}" in PROJECT["classifiers"]
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["target-version"]
    assert ruff == "py" + oldest.replace(".", "")


def test_makefile_names_every_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?m)^([a-z-]+):(?!=)", makefile))
    phony = set(re.search(r"(?m)^\.PHONY:((?:.*\\\n)*.*)", makefile)[1].replace("\\", " ").split())
    assert targets == phony
    documented = set(re.findall(r"(?m)^([a-z-]+):.*##", makefile))
    assert documented == targets


@pytest.mark.parametrize("page", ["README.md", "book/index.md"])
def test_examples_on_the_front_pages_run(page):
    (example,) = re.findall(r"(?ms)^```python\n(.*?)^```$", (ROOT / page).read_text())
    exec(compile(example, page, "exec"), {})


def test_every_file_that_the_readme_names_is_there():
    addresses = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    in_repository = [re.sub(r"https://.*/blob/[^/]+/", "", address) for address in addresses]
    missing = [name for name in in_repository if not name.startswith("https:") and not (ROOT / name).exists()]
    assert missing == []
