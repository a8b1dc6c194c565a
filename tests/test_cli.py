"""The `lossbook` command, and what it does to notebooks."""

import base64
import io
import json
import subprocess
import sys

import nbformat
import pytest
from PIL import Image

import lossbook as lb
from lossbook import cli, experiment, runner

FINISH = "chapter.finish();"
CHAPTER = """
import os, sys
from lossbook.experiment import Chapter
chapter = Chapter("98_tiny", profile=profile, seed=seed)
"""
PICTURE = """
from IPython.display import display
import io
from PIL import Image
raw = io.BytesIO()
Image.effect_noise((200, 200), 60).convert("RGB").save(raw, "PNG")
data = {"image/png": raw.getvalue(), "text/plain": "noise"}
display(data, raw=True, metadata={"image/png": {"alt": "gray noise"}})
"""
PROGRESS = """
from lossbook.training import progress_bar
for _ in progress_bar(range(3), "steps"):
    pass
print("seed", seed, profile, os.environ["LOSSBOOK_PROFILE"])
"""


def make_checkout(folder, *sources):
    """A checkout with one small chapter of these code cells."""
    (folder / "notebooks").mkdir()
    (folder / "pyproject.toml").touch()
    cells = [nbformat.v4.new_markdown_cell("# Tiny"), nbformat.v4.new_code_cell('profile = "auto"\nseed = 0')]
    cells[1].metadata["tags"] = ["parameters"]
    cells += [nbformat.v4.new_code_cell(source.strip()) for source in sources]
    path = folder / "notebooks" / "98_tiny.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def outputs(path):
    notebook = nbformat.read(path, as_version=4)
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_version_and_what_head_leaves_unread(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"lossbook {lb.__version__}\n"
    command = f"{sys.executable} -m lossbook.cli losses | head -1"
    read = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert (read.stdout, read.stderr) == ("classification\n", "")


def test_chapters_are_run_by_name_or_all_of_them(capsys):
    for arguments in (["run"], ["run", "8", "--all"]):
        assert cli.main(arguments) == 2
        assert "name chapters, or say --all" in capsys.readouterr().err


# --- losses and show -----------------------------------------------------------------------------------------------


def test_losses_lists_every_card(capsys):
    assert cli.main(["losses"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(listed) == sorted(lb.cards)


def test_show_prints_the_card(capsys):
    assert cli.main(["show", "dice_loss"]) == 0
    out = capsys.readouterr().out
    card = lb.cards["dice_loss"]
    assert card.purpose in out
    assert "denominator='sum'" in out
    assert "DiceLoss" in out


@pytest.mark.parametrize("name", ["DiceLoss", "dice", "Dice"])
def test_show_knows_a_loss_by_its_other_names(name, capsys):
    assert cli.main(["show", name]) == 0
    assert capsys.readouterr().out.startswith("dice_loss\n")


def test_unknown_loss_and_unknown_command(capsys):
    assert cli.main(["show", "no_loss"]) == 2
    assert "no loss is named 'no_loss'" in capsys.readouterr().err
    assert cli.main(["show", "focal_los"]) == 2
    assert "did you mean focal_loss?" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["train"])


def test_bench_gets_its_own_arguments(monkeypatch):
    import types

    seen = []
    fake = types.ModuleType("lossbook.measure.bench")
    fake.main = lambda arguments: seen.append(arguments)
    monkeypatch.setitem(sys.modules, "lossbook.measure", types.ModuleType("lossbook.measure"))
    monkeypatch.setitem(sys.modules, "lossbook.measure.bench", fake)
    assert cli.main(["bench", "--pairs", "3"]) == 0
    assert seen == [["--pairs", "3"]]


def test_command_starts_as_a_program():
    done = subprocess.run([sys.executable, "-m", "lossbook.cli", "--help"], capture_output=True, text=True, check=True)
    assert "losses" in done.stdout


# --- run -----------------------------------------------------------------------------------------------------------


def test_full_run_is_saved_in_place_with_results_and_hashes(monkeypatch, tmp_path, capsys):
    path = make_checkout(tmp_path, CHAPTER, PICTURE, PROGRESS, FINISH)
    before = experiment.code_hash(path)
    monkeypatch.chdir(path.parent)
    assert cli.main(["run", "98"]) == 0
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[1].source == 'profile = "auto"\nseed = 0'
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "execution" not in str([cell.metadata for cell in code])

    picture = next(o for o in outputs(path) if "image/png" in o.get("data", {}))
    png = Image.open(io.BytesIO(base64.b64decode(picture.data["image/png"])))
    assert png.mode == "P"
    assert picture.metadata["image/png"]["alt"] == "gray noise"
    (stream,) = [o for o in outputs(path) if o.output_type == "stream"]
    bar, line = stream.text.splitlines()
    assert bar.startswith("steps: 100%")
    assert line == "seed 0 full full"

    results = json.loads((tmp_path / "book" / "results" / "98_tiny.full.json").read_text())
    facts = notebook.metadata["lossbook"]
    assert results["code_hash"] == facts["code_hash"] == before == experiment.code_hash(path)
    assert facts["source_hash"] == results["source_hash"] == experiment.source_hash()
    assert (facts["profile"], facts["seed"]) == ("full", 0)
    assert str(tmp_path) not in path.read_text()


def test_unsolved_exercises_show_no_error():
    error = nbformat.v4.new_output("error", ename="NotImplementedError", evalue="your turn", traceback=["..."])
    cells = [nbformat.v4.new_code_cell("raise NotImplementedError", outputs=[error]) for _ in range(2)]
    cells[0].metadata["tags"] = ["exercise", "raises-exception"]
    cells[1].metadata["tags"] = ["raises-exception"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    runner.clean_notebook(notebook)
    assert [len(cell.outputs) for cell in notebook.cells] == [0, 1]


@pytest.mark.parametrize("options", [["--profile", "fast"], ["--seed", "7"]])
def test_any_other_run_leaves_the_checkout_alone(monkeypatch, tmp_path, options):
    path = make_checkout(tmp_path, CHAPTER, PROGRESS, FINISH)
    before = path.read_bytes()
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "--all", *options]) == 0
    assert path.read_bytes() == before
    assert not (tmp_path / "book").exists()
    profile, seed = ("fast", 0) if "fast" in options else ("full", 7)
    saved = tmp_path / ".scratch" / f"{profile}-seed{seed}" / path.name
    assert f"seed {seed} {profile} {profile}" in outputs(saved)[0].text
    results = experiment.read_results(saved.with_suffix(f".{profile}.json"))
    assert results["seeds"][0] == seed


@pytest.mark.parametrize(
    ("cell", "message"), [("1 / 0", "ZeroDivisionError"), ('print("careful", file=sys.stderr)', "careful")]
)
def test_error_or_warning_changes_nothing_and_is_told(monkeypatch, tmp_path, capsys, cell, message):
    path = make_checkout(tmp_path, "import sys", cell)
    before = path.read_bytes()
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "--all"]) == 1
    assert message in capsys.readouterr().err
    assert path.read_bytes() == before
    assert not (tmp_path / "book").exists()


def test_chapters_are_found_by_number_name_and_path(tmp_path):
    path = make_checkout(tmp_path, "1 + 1")
    for name in ("98", "98_tiny", "notebooks/98_tiny.ipynb"):
        assert runner.find_chapters(tmp_path, [name]) == [path]
    assert runner.find_chapters(tmp_path, []) == [path]
    with pytest.raises(runner.ChapterError, match="no chapter '7'"):
        runner.find_chapters(tmp_path, ["7"])


def test_outside_a_checkout_and_without_parameters(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "--all"]) == 2
    assert "no checkout of lossbook" in capsys.readouterr().err
    path = make_checkout(tmp_path, "1 + 1")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].source = "seed = 0"
    nbformat.write(notebook, path)
    assert cli.main(["run", "--all"]) == 1
    assert "one line `profile = ...`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\rb\rc\n", "c\n"),
        ("\r 0%\r100%\x1b[A\x1b[K\ndone\n", "100%\ndone\n"),
        ("a\r\nb", "a\nb"),
        ("plain  \n", "plain\n"),
    ],
)
def test_terminal_text(text, expected):
    assert runner.terminal_text(text) == expected


def test_seed_must_not_be_negative():
    with pytest.raises(SystemExit):
        cli.main(["run", "--seed", "-1"])
