"""What the reference shows of docstrings, and how.

They say in prose what is returned; napoleon would read the words before a colon as the name of a type.
"""

from typing import Any

from sphinx.application import Sphinx


def returns_as_prose(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Turn the section `Returns:` into the field `:returns:`, before napoleon sees it."""
    if "Returns:" not in lines:
        return
    start = lines.index("Returns:")
    end = start + 1
    while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
        end += 1
    body = [line.strip() for line in lines[start + 1 : end] if line.strip()]
    lines[start:end] = [":returns: " + " ".join(body), ""]


def without_what_the_function_says(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Of a derived module its first sentence: the rest of its docstring, for `help`, is that of its function."""
    if what == "class" and lines and lines[0].startswith("Module form of") and "settings here, then call" in lines[0]:
        del lines[lines.index("") :]


def skip_derived(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """A derived module repeats its function as an attribute; the function has an entry of its own."""
    return True if what == "class" and name in {"function", "settings", "forward", "extra_repr"} else None


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", without_what_the_function_says, priority=300)
    app.connect("autodoc-process-docstring", returns_as_prose, priority=400)
    app.connect("autodoc-skip-member", skip_derived)
