"""What a saved chapter has to look like. Each rule takes a notebook and names what is wrong with it."""

from __future__ import annotations

import ast
import base64
import json
import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[2]
# LOSSBOOK_NOTEBOOKS points the rules at a draft outside the repository.
FOLDER = Path(os.environ.get("LOSSBOOK_NOTEBOOKS", ROOT / "notebooks")).resolve()
CHAPTERS = sorted(FOLDER.glob("*.ipynb"))

# The closed list. A misspelt tag would silently switch off what it stands for. CONTRIBUTING.md says what each means.
TAGS = {
    "parameters",
    "colab",
    "setup",
    "nbval-check-output",
    "nbval-ignore-output",
    "exercise",
    "solution",
    "hide-input",
    "raises-exception",
}
FEWEST_CHECKED_CELLS = 6
MOST_LINES = 20
MOST_BYTES = 1_000_000

Notebook = dict[str, Any]
Cell = dict[str, Any]


def load(path: Path) -> Notebook:
    """A notebook, with the source of each cell as one text."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
        for output in cell.get("outputs", []):
            output["text"] = "".join(output.get("text", ""))
            for kind, data in output.get("data", {}).items():
                if isinstance(data, list):
                    output["data"][kind] = "".join(data)
    return notebook


def tags(cell: Cell) -> set[str]:
    return set(cell["metadata"].get("tags", []))


def cells(notebook: Notebook, kind: str, tag: str | None = None) -> Iterator[tuple[int, Cell]]:
    """Cells of one kind with their numbers, which count from 1 as an editor does."""
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == kind and (tag is None or tag in tags(cell)):
            yield number, cell


def outputs(notebook: Notebook) -> Iterator[tuple[int, Cell, dict[str, Any]]]:
    for number, cell in cells(notebook, "code"):
        for output in cell["outputs"]:
            yield number, cell, output


def output_text(output: dict[str, Any]) -> str:
    """All text of an output, without its colors; pictures are left out."""
    data = output.get("data", {})
    shown = [str(text) for kind, text in data.items() if kind.startswith("text/")]
    text = "\n".join([output.get("text", ""), *shown, *output.get("traceback", [])])
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


# --- metadata, tags and execution -------------------------------------------------------------------------------------


def unknown_tags(notebook: Notebook) -> Iterator[str]:
    for number, cell in enumerate(notebook["cells"], start=1):
        for tag in sorted(tags(cell) - TAGS):
            yield f"cell {number}: unknown tag {tag!r}; the list is in CONTRIBUTING.md"


def missing_tags(notebook: Notebook) -> Iterator[str]:
    code = list(cells(notebook, "code"))
    if not code or "colab" not in tags(code[0][1]):
        yield "the first code cell has to carry the tag colab"
    for tag in ("colab", "parameters"):
        found = [number for number, _ in cells(notebook, "code", tag)]
        if len(found) != 1:
            yield f"expected one code cell tagged {tag}, found {found}"
    for number, cell in cells(notebook, "code", "parameters"):
        assigned = {line.partition("=")[0].strip() for line in cell["source"].splitlines() if "=" in line}
        if not {"profile", "seed"} <= assigned:
            yield f"cell {number}: parameters has to set profile and seed"
    if not any(cells(notebook, "code", "setup")):
        yield "no code cell is tagged setup"


def wrong_metadata(notebook: Notebook) -> Iterator[str]:
    metadata = notebook["metadata"]
    if metadata.get("kernelspec", {}).get("name") != "python3":
        yield f"kernelspec: expected python3, got {metadata.get('kernelspec')}"
    if "widgets" in metadata:
        yield "widget state is saved; GitHub refuses to show such a notebook"
    record = metadata.get("lossbook", {})
    for key in ("versions", "source_hash", "code_hash", "profile", "seed"):
        if key not in record:
            yield f"metadata.lossbook has no {key}: save the chapter with `make full`"
    if record.get("profile") != "full" or record.get("seed") != 0:
        yield f"saved from profile {record.get('profile')!r}, seed {record.get('seed')!r}; expected 'full', 0"


def wrong_order(notebook: Notebook) -> Iterator[str]:
    counts = [cell["execution_count"] for _, cell in cells(notebook, "code")]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution numbers are {counts}, expected 1 to {len(counts)}: run it from the top with `make full`"


# --- outputs ----------------------------------------------------------------------------------------------------------

ABSOLUTE = re.compile(r"(?<![\w:/.])/(?:home|root|Users|tmp|work|content|opt|usr|var|mnt)/|[A-Z]:\\\\?\w")
WARNING = re.compile(r"\b\w*Warning:|\bwarn(?:ings)?\.warn\b")


def bad_outputs(notebook: Notebook) -> Iterator[str]:
    for number, cell, output in outputs(notebook):
        text = output_text(output)
        if output["output_type"] == "error" and ("raises-exception" not in tags(cell) or "exercise" in tags(cell)):
            yield f"cell {number}: error {output.get('ename')}"
        if output.get("name") == "stderr":
            yield f"cell {number}: output on stderr: {text[:80]!r}"
        if found := WARNING.search(text):
            yield f"cell {number}: a warning in the output: {text[found.start() :][:80]!r}"
        if found := ABSOLUTE.search(text):
            yield f"cell {number}: an absolute path in the output: {text[found.start() :][:60]!r}"
        if any("widget" in kind for kind in output.get("data", {})):
            yield f"cell {number}: widget output; use text-mode tqdm"


def is_description(alt: object) -> bool:
    """Whether a text describes a picture: at least three words, not the name of a file or a class."""
    return isinstance(alt, str) and len(alt.split()) >= 3 and not re.search(r"^<|\.(png|svg|jpe?g)$", alt.strip())


def pictures_without_alt(notebook: Notebook) -> Iterator[str]:
    for number, _, output in outputs(notebook):
        for kind in output.get("data", {}):
            if kind.startswith("image/"):
                alt = output.get("metadata", {}).get(kind, {}).get("alt")
                if not is_description(alt):
                    yield f"cell {number}: picture with alt {alt!r}; show it with lb.plots.show(fig, alt=...)"
    for number, cell in cells(notebook, "markdown"):
        for alt in re.findall(r"!\[([^\]]*)\]\(", without_code(cell["source"])):
            if not is_description(alt):
                yield f"cell {number}: image with alt {alt!r}"


def too_few_checked_cells(notebook: Notebook) -> Iterator[str]:
    checked = [
        number
        for number, cell in cells(notebook, "code", "nbval-check-output")
        if any(output_text(output).strip() for output in cell["outputs"])
    ]
    if len(checked) < FEWEST_CHECKED_CELLS:
        yield f"only cells {checked} are tagged nbval-check-output and print text; expected {FEWEST_CHECKED_CELLS}"
    for number, cell in cells(notebook, "code", "nbval-check-output"):
        if not any(output_text(output).strip() for output in cell["outputs"]):
            yield f"cell {number}: tagged nbval-check-output, but prints no text to compare"


def too_large(path: Path) -> Iterator[str]:
    if path.stat().st_size > MOST_BYTES:
        yield f"{path.name} has {path.stat().st_size / 1e6:.2f} MB; at most 1 MB, 0.6 MB aimed at"


def pictures_not_readable(notebook: Notebook) -> Iterator[str]:
    for number, _, output in outputs(notebook):
        data = output.get("data", {}).get("image/png")
        if data and not base64.b64decode(data).startswith(b"\x89PNG"):
            yield f"cell {number}: its picture is not a PNG file"


# --- code -------------------------------------------------------------------------------------------------------------


def long_cells(notebook: Notebook) -> Iterator[str]:
    for number, cell in cells(notebook, "code"):
        lines = [line for line in cell["source"].splitlines() if line.strip()]
        if len(lines) > MOST_LINES:
            yield f"cell {number}: {len(lines)} lines; at most {MOST_LINES}, the rest belongs into lossbook"


# --- Markdown ---------------------------------------------------------------------------------------------------------


def without_code(text: str) -> str:
    """Markdown without fenced blocks and code spans."""
    text = re.sub(r"(?ms)^\s*(```+|~~~+).*?^\s*\1\s*$", "", text)
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", text, flags=re.DOTALL)


def without_math(text: str) -> str:
    """Markdown without code and formulas."""
    text = re.sub(r"\$\$.+?\$\$", "", without_code(text), flags=re.DOTALL)
    return re.sub(r"(?<![\\$])\$(?=\S)[^$\n]*(?:\n[^$\n]+)*?(?<=\S)\$(?!\d)", "", text)


MYST = {
    "a MyST role": re.compile(r"\{[a-z][\w:-]*\}`"),
    "a MyST directive": re.compile(r"(?m)^\s*(?:```+|~~~+|:::+)\s*\{"),
    "a MyST target": re.compile(r"(?m)^\([\w-]+\)=\s*$"),
    "a colon fence": re.compile(r"(?m)^:::"),
    "a MyST comment": re.compile(r"(?m)^% "),
    "a substitution": re.compile(r"\{\{\s*\w+\s*\}\}"),
    "a footnote": re.compile(r"\[\^\w+\]"),
    "a task list, which reads as unlabeled checkboxes": re.compile(r"(?m)^\s*[-*] \[[ xX]\]"),
}
HTML = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)\b[^>]*>")
PLAIN_HTML = {"details", "summary", "br", "sub", "sup", "kbd"}


def not_portable(notebook: Notebook) -> Iterator[str]:
    for number, cell in cells(notebook, "markdown"):
        source = cell["source"]
        for name, pattern in MYST.items():
            text = source if "directive" in name or "role" in name else without_math(source)
            if found := pattern.search(text):
                yield f"cell {number}: {name}, which Colab and GitHub do not know: {found[0].strip()!r}"
        for found in HTML.finditer(without_math(source)):
            if found[1].lower() not in PLAIN_HTML:
                yield f"cell {number}: HTML {found[0]!r}"


def broken_details(notebook: Notebook) -> Iterator[str]:
    for number, cell in cells(notebook, "markdown"):
        source = cell["source"]
        if source.count("<details") != source.count("</details>"):
            yield f"cell {number}: <details> has to be closed in its own cell"
        if re.search(r"</summary>(?!\s*?\n[ \t]*\n)", source):
            yield f"cell {number}: a blank line is due after </summary>"
        if re.search(r"(?<!\n\n)</details>", source):
            yield f"cell {number}: a blank line is due before </details>"


def literal_dollars(notebook: Notebook) -> Iterator[str]:
    for number, cell in cells(notebook, "markdown"):
        text = without_math(cell["source"])
        if "$" in text:
            at = text.index("$")
            yield f"cell {number}: a dollar sign that closes no formula: {text[max(0, at - 30) : at + 30]!r}"


def broken_math(notebook: Notebook) -> Iterator[str]:
    for number, cell in cells(notebook, "markdown"):
        source = cell["source"]
        if "\\bm{" in source:
            yield f"cell {number}: \\bm is not known to MathJax; use \\boldsymbol"
        if re.search(r"\\begin\{align\}", source) and "\\tag" in source:
            yield f"cell {number}: align with \\tag numbers twice; use align*"
        text = without_code(source)
        for found in re.finditer(r"\$\$(.+?)\$\$", text, flags=re.DOTALL):
            block = found[1]
            if block.count("{") - block.count("\\{") != block.count("}") - block.count("\\}"):
                yield f"cell {number}: braces do not match in {block.strip()[:50]!r}"
            if "\\\\" in block and "\\tag" in block:
                yield f"cell {number}: a formula with rows cannot carry a number in the book: {block.strip()[:50]!r}"
            before = text[: found.start()].rpartition("\n")[2]
            after = text[found.end() :].partition("\n")[0]
            if before.strip(" >") or after.strip():
                yield f"cell {number}: a displayed formula stands on lines of its own: {block.strip()[:50]!r}"


def slug(title: str) -> str:
    return title.strip().replace(" ", "-")


def headings(notebook: Notebook) -> list[tuple[int, int, str]]:
    """Number of the cell, level and title of each heading."""
    found = []
    for number, cell in cells(notebook, "markdown"):
        fenceless = re.sub(r"(?ms)^\s*(```+|~~~+).*?^\s*\1\s*$", "", cell["source"])
        found += [
            (number, len(match[1]), match[2].strip())
            for match in re.finditer(r"(?m)^(#{1,6})\s+(.+?)\s*#*$", fenceless)
        ]
    return found


def wrong_headings(notebook: Notebook) -> Iterator[str]:
    found = headings(notebook)
    titles = [(number, title) for number, level, title in found if level == 1]
    if len(titles) != 1 or titles[0][0] != 1:
        yield f"expected one first-level heading, in the first cell; found {titles}"
    for (_, before, _), (number, level, title) in pairwise(found):
        if level > before + 1:
            yield f"cell {number}: heading {title!r} skips a level"
    seen: set[str] = set()
    for number, _, title in found:
        if slug(title) in seen:
            yield f"cell {number}: heading {title!r} occurs twice, so a link to it is ambiguous"
        seen.add(slug(title))


LAST_SECTIONS = ("Claims", "Exercises", "References", "Provenance")


def missing_sections(notebook: Notebook) -> Iterator[str]:
    titles = [title for _, level, title in headings(notebook) if level == 2]
    position = -1
    for wanted in LAST_SECTIONS:
        at = [i for i, title in enumerate(titles) if wanted.lower() in title.lower()]
        if not at or at[-1] < position:
            yield f"expected sections on {', '.join(LAST_SECTIONS)}, in this order; found {titles}"
            return
        position = at[-1]


def broken_links(notebook: Notebook, folder: Path) -> Iterator[str]:
    anchors = {slug(title) for _, _, title in headings(notebook)}
    for number, cell in cells(notebook, "markdown"):
        for address in re.findall(r"\]\(\s*<?([^)\s>]+)", without_code(cell["source"])):
            if address.startswith("#"):
                if unquote(address[1:]) not in anchors:
                    yield f"cell {number}: no heading for {address}"
            elif re.match(r"[a-z]+:", address):
                if not re.match(r"https://[\w.-]+(/\S*)?$", address):
                    yield f"cell {number}: expected an https address, got {address}"
            elif not (folder / unquote(address.partition("#")[0])).exists():
                yield f"cell {number}: {address} does not exist"


# --- exercises --------------------------------------------------------------------------------------------------------


class Exercise:
    """Code cells tagged `exercise` up to the Markdown cell with the folded solution, and that solution's code."""

    def __init__(self, number: int, stubs: list[str], solution: str) -> None:
        self.number = number
        self.stubs = stubs
        self.solution = solution

    def solved(self) -> str:
        """The solution, then the exercise's cells without what the solution defines instead."""
        theirs = defined_names(ast.parse(self.solution))
        kept = [
            node
            for stub in self.stubs
            for node in ast.parse(stub).body
            if not defined_names(ast.Module([node], [])) & theirs
        ]
        return self.solution + "\n" + ast.unparse(ast.Module(kept, []))


def defined_names(module: ast.Module) -> set[str]:
    """Functions, classes and plain variables defined at the top level."""
    names: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def solution_code(source: str) -> str:
    """Python blocks inside `<details>`."""
    folded = "\n".join(re.findall(r"<details[^>]*>(.*?)</details>", source, flags=re.DOTALL))
    return "\n".join(re.findall(r"(?ms)^```python\n(.*?)^```\s*$", folded))


def exercises(notebook: Notebook) -> list[Exercise]:
    found: list[Exercise] = []
    stubs: list[str] = []
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "code" and "exercise" in tags(cell):
            stubs.append(cell["source"])
        elif "solution" in tags(cell):
            found.append(Exercise(number, stubs, solution_code(cell["source"])))
            stubs = []
    return found


def weak_exercises(notebook: Notebook) -> Iterator[str]:
    found = exercises(notebook)
    if not 3 <= len(found) <= 5:
        yield f"expected 3 to 5 exercises with a cell tagged solution each, found {len(found)}"
    for exercise in found:
        if not exercise.stubs:
            yield f"cell {exercise.number}: a solution without a cell tagged exercise before it"
        if not exercise.solution.strip():
            yield f"cell {exercise.number}: no ```python block inside <details>"
        if not any("assert" in stub or "check" in stub for stub in exercise.stubs):
            yield f"cell {exercise.number}: its exercise has no check that asserts"


RULES = (
    unknown_tags,
    missing_tags,
    wrong_metadata,
    wrong_order,
    bad_outputs,
    pictures_without_alt,
    pictures_not_readable,
    too_few_checked_cells,
    long_cells,
    not_portable,
    broken_details,
    literal_dollars,
    broken_math,
    wrong_headings,
    missing_sections,
    weak_exercises,
)


def setup_code(notebook: Notebook) -> str:
    """Code of the cells tagged parameters and setup: what an exercise, or a function of the chapter, may rely on."""
    return "\n".join(cell["source"] for _, cell in cells(notebook, "code") if tags(cell) & {"parameters", "setup"})


def chapter_functions(path: Path) -> dict[str, Any]:
    """Functions that a chapter defines at the top level of its cells, by name; its experiments are not run."""
    notebook = load(path)
    module = ast.parse(setup_code(notebook))
    wanted = (ast.FunctionDef, ast.Import, ast.ImportFrom)
    for _, cell in cells(notebook, "code"):
        if not tags(cell) & {"exercise", "colab"}:
            module.body += [node for node in ast.parse(cell["source"]).body if isinstance(node, wanted)]
    module.body = [node for node in module.body if not _starts_chapter(node)]
    namespace: dict[str, Any] = {"__name__": "chapter"}
    exec(compile(module, path.name, "exec"), namespace)
    return {name: thing for name, thing in namespace.items() if getattr(thing, "__module__", "") == "chapter"}


def _starts_chapter(node: ast.stmt) -> bool:
    return "Chapter(" in ast.unparse(node)
