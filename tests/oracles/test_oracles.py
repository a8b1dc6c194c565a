"""Our losses against other libraries, as they answered when asked (`make oracles`), and against slow references.

What is stored was made in an environment of its own, so nothing here needs a peer; nothing is skipped.
"""

import math
import re

import comparison
import conventions
import inputs
import numpy as np
import pytest
import references
import torch
from comparison import PAGE, distance, index, sample
from conventions import CASES, DIFFERENCES, PEERS, REFERENCES
from evaluate import evaluate

import lossbook as lb

pytestmark = pytest.mark.oracle

RUNS = [(case, name, run) for case in CASES for name, run in zip(case.samples, case.runs(), strict=True)]
STEP = 1e-5


@pytest.mark.parametrize(("case", "name", "run"), RUNS, ids=[run for _, _, run in RUNS])
def test_peer_says_the_same(case, name, run):
    found = distance(case, name, run)
    assert found.value <= case.tolerance
    if case.peer == "sklearn":  # its metrics are numbers, without a gradient
        assert found.gradient is None
    else:
        assert found.gradient <= case.tolerance


@pytest.mark.parametrize("difference", DIFFERENCES, ids=[difference.run() for difference in DIFFERENCES])
def test_difference_is_as_stated(difference):
    theirs = index()["differences"][difference.run()]
    if isinstance(difference.answer, str) and difference.answer != "nan":
        assert theirs == difference.answer
    elif difference.answer == "nan":
        assert all(math.isnan(float(x)) for x in theirs)
    else:
        assert [float(x) for x in theirs] == pytest.approx(np.ravel(difference.answer).tolist(), rel=1e-6)
    assert comparison.ours(difference) == pytest.approx(np.ravel(difference.right), rel=1e-6, abs=1e-12)


REFERENCE_RUNS = [(reference, name) for reference in REFERENCES for name in reference.samples]


@pytest.mark.parametrize(
    ("reference", "name"), REFERENCE_RUNS, ids=[f"{reference.ours} | {name}" for reference, name in REFERENCE_RUNS]
)
def test_reference_says_the_same(reference, name):
    """The value, and the slope along four random directions: together they see every entry of the gradient."""
    arrays = sample(name)

    def value(z):
        return eval(reference.reference, {"ref": references, **arrays, "z": z})

    ours, gradient = evaluate(reference.ours, arrays, {"lb": lb})
    assert ours == pytest.approx(value(arrays["z"]), rel=reference.tolerance, abs=1e-12)
    rng = np.random.default_rng(0)
    for _ in range(4):
        direction = rng.standard_normal(gradient.shape) * STEP
        near = value(arrays["z"] + direction) - value(arrays["z"] - direction)
        far = value(arrays["z"] + 2 * direction) - value(arrays["z"] - 2 * direction)
        slope = (8 * near - far) / 12
        assert (gradient * direction).sum() == pytest.approx(slope, rel=max(reference.tolerance, 1e-6), abs=1e-11)


@pytest.mark.parametrize("name", ["multiclass", "volume", "absent"])
def test_signed_distance_map(name):
    arrays = sample(name)
    classes = arrays["z"].shape[1]
    ours = lb.signed_distance_map(torch.from_numpy(arrays["y"]), num_classes=classes)
    assert ours.numpy() == pytest.approx(references.signed_distance_map(arrays["y"], classes), abs=1e-6)


def test_every_loss_has_an_oracle():
    compared = {entry.loss for entry in (*CASES, *REFERENCES)}
    assert compared == set(lb.cards)


def test_each_comparison_calls_the_loss_it_is_filed_under():
    """A row of another loss would count for nothing; the one that no setting matches is compared through its base."""
    for entry in (*CASES, *REFERENCES):
        assert re.search(rf"\blb\.{entry.loss}\b", entry.ours) or entry.ours.endswith("** 0.75"), entry.ours


def test_what_is_stored_is_what_is_asked():
    """`make oracles` was run since the conventions or the inputs changed."""
    stored = {run.rsplit(" | ", 1)[0] for run in index()["runs"]}
    assert stored == {run for _, _, run in RUNS}
    assert set(index()["differences"]) == {difference.run() for difference in DIFFERENCES}
    assert set(index()["versions"]) == set(PEERS)
    for name, arrays in inputs.draw().items():
        stored_arrays = sample(name)
        assert set(stored_arrays) == set(arrays)
        for key, array in arrays.items():
            assert np.array_equal(stored_arrays[key], array)


def test_stored_versions_are_the_pinned_ones():
    folder = comparison.STORED.parent
    pins = dict(
        line.split("==")
        for file in ("requirements.txt", "requirements-no-deps.txt")
        for line in (folder / file).read_text().splitlines()
        if "==" in line
    )
    names = {"smp": "segmentation-models-pytorch", "sklearn": "scikit-learn"}
    for peer, version in index()["versions"].items():
        assert pins[names.get(peer, peer)] == version.split("+")[0]


def test_inputs_are_hard_enough():
    """More than two classes, and never alpha = beta: what goes wrong with two classes alone would not show."""
    assert all(sample(name)["z"].shape[1] > 2 for name in ("multiclass", "volume", "saturated", "ignored", "absent"))
    for entry in (*CASES, *REFERENCES):
        if alpha_beta := re.search(r"alpha=([\d.]+), beta=([\d.]+)", entry.ours):
            assert alpha_beta[1] != alpha_beta[2]


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == comparison.page(), "run `python tests/oracles/comparison.py --write`"


def test_stored_files_are_small():
    assert sum(path.stat().st_size for path in comparison.STORED.iterdir()) < 1_000_000


def test_a_row_names_every_peer():
    assert {case.peer for case in conventions.CASES} == set(PEERS)
