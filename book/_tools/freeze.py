"""Write constraints.txt: the versions in this environment of everything that lossbook and its extras need."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("notebooks", "book", "test", "dev", "course")
HEADER = """\
# Every version with which the tests were last seen passing: the closure of the core dependencies and of all extras.
# Why pinned here and not in pyproject.toml: a reader's or Colab's own torch and numpy must stay as they are, while
# this book, its figures and its tests must come out the same on every fresh clone. pip reads the file with -c.
# torch is pinned without a local part, so that the index decides between its CPU and its GPU build.
# Written by `make constraints`; edited by nobody.
"""


def closure(name: str, extras: tuple[str, ...], found: dict[str, str]) -> None:
    """Add to `found` what the installed package `name` needs, with its public version."""
    for line in distribution(name).requires or []:
        requirement = Requirement(line)
        if requirement.marker and not any(requirement.marker.evaluate({"extra": e}) for e in ("", *extras)):
            continue
        key = canonicalize_name(requirement.name)
        if key in found and not requirement.extras:
            continue
        try:
            version = Version(distribution(key).version).public
        except PackageNotFoundError:
            continue
        if key != "lossbook":
            found[key] = version
        closure(key, tuple(requirement.extras), found)


def main() -> None:
    found: dict[str, str] = {}
    closure("lossbook", EXTRAS, found)
    lines = [f"{name}=={version}" for name, version in sorted(found.items())]
    (ROOT / "constraints.txt").write_text(HEADER + "\n".join(lines) + "\n")
    print(f"constraints.txt: {len(lines)} versions")


if __name__ == "__main__":
    main()
