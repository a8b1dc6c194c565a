"""Every saved chapter keeps the rules of `notebook_rules.py`; its results are its own; its exercises can be solved."""

import statistics
from pathlib import Path

import notebook_rules as rules
import pytest

from lossbook.experiment import code_hash, read_results

RESULTS = rules.ROOT / "book" / "results"


@pytest.fixture(params=rules.CHAPTERS or [None], ids=lambda path: path.stem if path else "none")
def chapter(request) -> Path:
    if request.param is None:
        pytest.fail(f"{rules.FOLDER.name}/ holds no chapter, so there is nothing that could have passed")
    return request.param


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_rule(chapter, rule):
    assert list(rule(rules.load(chapter))) == []


def test_size(chapter):
    assert list(rules.too_large(chapter)) == []


def test_links(chapter):
    assert list(rules.broken_links(rules.load(chapter), chapter.parent)) == []


def test_cells_are_short(chapter):
    lengths = [
        len([line for line in cell["source"].splitlines() if line.strip()])
        for _, cell in rules.cells(rules.load(chapter), "code")
    ]
    assert statistics.median(lengths) < 8


def test_results_were_made_by_this_code(chapter):
    results = read_results(RESULTS / f"{chapter.stem}.full.json")
    assert results["profile"] == "full"
    assert results["code_hash"] == code_hash(chapter), "the code has changed since; run `make full`"
    notebook = rules.load(chapter)["metadata"]["lossbook"]
    assert notebook["code_hash"] == results["code_hash"], "notebook and results are of different runs"


def test_no_claim_failed(chapter):
    results = read_results(RESULTS / f"{chapter.stem}.full.json")
    assert results["claims"], "a chapter without claims checks nothing"
    assert [claim["sentence"] for claim in results["claims"] if claim["holds"] is False] == []


def test_effects_are_reported(chapter):
    effects = read_results(RESULTS / f"{chapter.stem}.full.json")["effects"]
    verdicts = {"held", "not seen", "reversed", "not tested here"}
    assert effects
    assert {effect["verdict"] for effect in effects} <= verdicts
    assert all(effect["source"].startswith("https://") for effect in effects)


def test_exercises_fail_before_and_pass_after(chapter):
    notebook = rules.load(chapter)
    setup = rules.setup_code(notebook)
    found = rules.exercises(notebook)
    assert found
    for exercise in found:
        namespace = {"__name__": "exercise"}
        exec(setup, namespace)
        unsolved = dict(namespace)
        stub = "\n".join(exercise.stubs)
        try:
            exec(stub, unsolved)
        except Exception:
            pass
        else:
            pytest.fail(f"cell {exercise.number}: the exercise passes without a solution")
        exec(exercise.solved(), namespace)
