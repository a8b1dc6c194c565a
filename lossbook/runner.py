"""Execute chapters and save what they show: the program behind ``lossbook run`` and ``make full``."""

import base64
import json
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .experiment import code_hash, read_results, source_hash, versions, write_results

SCRATCH = ".scratch"
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class ChapterError(RuntimeError):
    """A chapter could not be run, or ran with an error or a warning."""


def find_checkout(start: Path) -> Path:
    """The folder above ``start`` that holds ``notebooks/`` and ``pyproject.toml``."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "notebooks").is_dir() and (folder / "pyproject.toml").is_file():
            return folder
    raise ChapterError("no checkout of lossbook here or above: run this where the folder notebooks/ is")


def find_chapters(checkout: Path, names: Sequence[str]) -> list[Path]:
    """Notebooks by number (``"8"``, ``"08"``), by name or by path; all of them without names."""
    notebooks = sorted((checkout / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not names:
        return notebooks
    found = []
    for name in names:
        wanted = Path(name).stem
        number = wanted.zfill(2) if wanted.isdigit() else None
        match = [path for path in notebooks if path.stem == wanted or (number and path.stem.startswith(f"{number}_"))]
        if not match:
            raise ChapterError(f"no chapter {name!r} among {[path.stem for path in notebooks]}")
        found += match
    return found


def run_chapter(path: Path, *, profile: str, seed: int, checkout: Path, timeout: int = 7200) -> Path:
    """Execute one chapter and save it.

    The full profile with seed 0 is what the book shows: the notebook is saved in place and its results go to
    ``book/results``. Everything else goes to ``.scratch``.

    Args:
        path: the notebook.
        profile: ``"fast"`` or ``"full"``.
        seed: first seed of the chapter.
        checkout: the folder that holds ``notebooks/``.
        timeout: seconds that one cell may take.

    Returns:
        Path of the saved notebook.

    Raises:
        ChapterError: a cell raised an exception or wrote a warning. What was executed is then in
            ``.scratch``, and neither the notebook nor the results of the book have changed.
    """
    import nbformat

    published = profile == "full" and seed == 0
    scratch = checkout / SCRATCH / f"{profile}-seed{seed}"
    scratch.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(path, as_version=4)
    hash_of_code = code_hash(notebook)
    original = {index: cell.source for index, cell in enumerate(notebook.cells)}
    _set_parameters(notebook, profile, seed)
    started = time.time()
    try:
        _execute(notebook, path.parent, {"LOSSBOOK_PROFILE": profile, "LOSSBOOK_RESULTS": str(scratch)}, timeout)
    finally:
        if published:
            for index, source in original.items():
                notebook.cells[index].source = source
        clean_notebook(notebook)
        notebook.metadata["lossbook"] = {
            "profile": profile,
            "seed": seed,
            "versions": versions(),
            "source_hash": source_hash(),
            "code_hash": hash_of_code,
        }
        draft = scratch / path.name
        _write_notebook(notebook, draft)
    complaints = _complaints(notebook)
    if complaints:
        raise ChapterError(f"{path.name} wrote to standard error:\n{complaints}\nThe outputs are in {draft}.")
    results_path = scratch / f"{path.stem}.{profile}.json"
    _finish_results(results_path, hash_of_code, started)
    if not published:
        return draft
    _write_notebook(notebook, path)
    if results_path.is_file():
        (checkout / "book" / "results").mkdir(parents=True, exist_ok=True)
        results_path.replace(checkout / "book" / "results" / results_path.name)
    return path


def clean_notebook(notebook: Any) -> None:
    """Take out of an executed notebook, in place, what differs between runs; shrink its pictures.

    The error of an exercise that nobody has solved yet goes as well: its stub says enough.
    """
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["kernelspec"] = kernel
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            outputs = [] if "exercise" in cell.metadata.get("tags", []) else _merged_streams(cell.outputs)
            cell.outputs = [_clean_output(output) for output in outputs]


def terminal_text(text: str) -> str:
    """What a terminal shows after ``text``: carriage returns overwrite their line, control sequences are
    gone.

    Example:
        >>> terminal_text("10%\\r50%\\r100%\\ndone")
        '100%\\ndone'
    """
    lines = []
    for line in _ESCAPE.sub("", text).split("\n"):
        parts = [part for part in line.split("\r") if part.strip()]
        lines.append(parts[-1].rstrip() if parts else "")
    return "\n".join(lines)


def _execute(notebook: Any, folder: Path, environment: Mapping[str, str], timeout: int) -> None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.on_cell_start = _announcer(len(notebook.cells))
    try:
        client.execute(env={**os.environ, **environment})
    except CellExecutionError as error:
        raise ChapterError(f"a cell failed:\n{_ESCAPE.sub('', str(error))}") from error


def _announcer(count: int):
    def announce(cell: Any, cell_index: int) -> None:
        if cell.cell_type == "code" and sys.stdout.isatty():
            print(f"\r  cell {cell_index + 1} of {count}", end="", flush=True)

    return announce


def _set_parameters(notebook: Any, profile: str, seed: int) -> None:
    """Write profile and seed into the cell tagged ``parameters``."""
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ChapterError(f"expected one cell tagged parameters, got {len(cells)}")
    source = cells[0].source
    for name, value in (("profile", f'"{profile}"'), ("seed", str(seed))):
        source, replaced = re.subn(rf"^{name}\s*=.*$", f"{name} = {value}", source, flags=re.MULTILINE)
        if replaced != 1:
            raise ChapterError(f"expected one line `{name} = ...` in the cell tagged parameters, got {replaced}")
    cells[0].source = source


def _merged_streams(outputs: Sequence[Any]) -> list[Any]:
    """Outputs with neighboring pieces of one stream put together, as a progress bar writes many."""
    merged: list[Any] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last is not None and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _clean_output(output: Any) -> Any:
    from .plots import palette_png

    if output.output_type == "stream":
        output.text = terminal_text(output.text)
    data = output.get("data", {})
    data.pop("application/vnd.jupyter.widget-view+json", None)
    if "image/png" in data:
        data["image/png"] = base64.b64encode(palette_png(base64.b64decode(data["image/png"]))).decode("ascii")
    return output


def _complaints(notebook: Any) -> str:
    """Everything that was written to standard error."""
    return "\n".join(
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    )


def _finish_results(path: Path, hash_of_code: str, started: float) -> None:
    """Add the hash of the code that made them to the results of this run."""
    if not path.is_file() or path.stat().st_mtime < started - 1:
        return
    write_results(path, {**read_results(path), "code_hash": hash_of_code})


def _write_notebook(notebook: Any, path: Path) -> None:
    text = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False)
    draft = path.with_suffix(".ipynb.new")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(path)
