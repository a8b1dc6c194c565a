"""Our losses against other libraries, as they answered when asked (`make oracles`), and against slow references.

What is stored was made in an environment of its own, so nothing here needs a peer; nothing is skipped.
"""

import math
import re

import comparison
import inputs
import numpy as np
import pytest
import torch
from comparison import BOOK, distance, has_page, index, reference_value, sample
from entries import WITHOUT_GRADIENT, families
from evaluate import evaluate
from make_oracles import DISTRIBUTIONS, peers_of
from references import segmentation

import lossbook as lb
from lossbook.measure.peers import ENTRIES as ENTRIES_OF_THE_BENCH

pytestmark = pytest.mark.oracle

FAMILIES = families()
RUNS = [(f.name, case, name, run) for f in FAMILIES for case in f.cases
        for name, run in zip(case.samples, case.runs(), strict=True)]  # fmt: skip
DIFFERENCES = [(f.name, difference) for f in FAMILIES for difference in f.differences]
REFERENCE_RUNS = [
    (f.name, reference, name) for f in FAMILIES for reference in f.references for name in reference.samples
]
ENTRIES = [(f, entry) for f in FAMILIES for entry in (*f.cases, *f.references)]
every_family = pytest.mark.parametrize("family", FAMILIES, ids=[f.name for f in FAMILIES])
STEP = 1e-5


@pytest.mark.parametrize(
    ("family", "case", "name", "run"), RUNS, ids=[f"{family} | {case.loss} | {run}" for family, case, _, run in RUNS]
)
def test_peer_says_the_same(family, case, name, run):
    found = distance(family, case, name, run)
    assert found.value <= case.tolerance
    if case.peer in WITHOUT_GRADIENT:
        assert found.gradient is None
    else:
        assert found.gradient <= case.tolerance


@pytest.mark.parametrize(
    ("family", "difference"), DIFFERENCES, ids=[f"{family} | {difference.run()}" for family, difference in DIFFERENCES]
)
def test_difference_is_as_stated(family, difference):
    theirs = index(family)["differences"][difference.run()]
    if isinstance(difference.answer, str) and difference.answer != "nan":
        assert theirs == difference.answer
    elif difference.answer == "nan":
        assert all(math.isnan(float(x)) for x in theirs)
    else:
        assert [float(x) for x in theirs] == pytest.approx(np.ravel(difference.answer).tolist(), rel=1e-6)
    assert comparison.ours(difference) == pytest.approx(np.ravel(difference.right), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("family", "reference", "name"),
    REFERENCE_RUNS,
    ids=[f"{family} | {reference.ours} | {name}" for family, reference, name in REFERENCE_RUNS],
)
def test_reference_says_the_same(family, reference, name):
    """The value, and the slope along four random directions: together they see every entry of the gradient.

    Several values are weighed differently before they are summed, as `evaluate` does before it differentiates.
    """
    arrays = sample(family, name)

    def value(z):
        return reference_value(family, reference, arrays | {"z": z})

    ours, gradient = evaluate(reference.ours, arrays, {"lb": lb})
    expected = value(arrays["z"])
    assert ours == pytest.approx(expected, rel=reference.tolerance, abs=1e-12)
    if gradient is None:
        return
    weights = np.linspace(0.5, 1.5, expected.size).reshape(expected.shape) if expected.size > 1 else 1.0
    rng = np.random.default_rng(0)
    for _ in range(4):
        direction = rng.standard_normal(gradient.shape) * STEP
        near = value(arrays["z"] + direction) - value(arrays["z"] - direction)
        far = value(arrays["z"] + 2 * direction) - value(arrays["z"] - 2 * direction)
        slope = ((8 * near - far) / 12 * weights).sum()
        assert (gradient * direction).sum() == pytest.approx(slope, rel=max(reference.tolerance, 1e-6), abs=1e-11)


@pytest.mark.parametrize("name", ["multiclass", "volume", "absent"])
def test_signed_distance_map(name):
    arrays = sample("segmentation", name)
    classes = arrays["z"].shape[1]
    ours = lb.signed_distance_map(torch.from_numpy(arrays["y"]), num_classes=classes)
    assert ours.numpy() == pytest.approx(segmentation.signed_distance_map(arrays["y"], classes), abs=1e-6)


def test_every_loss_has_an_oracle():
    assert {entry.loss for _, entry in ENTRIES} == {name for name, card in lb.cards.items()}


def test_every_loss_with_a_peer_is_timed():
    """Beside the peers that compute on tensors, as we do, and have a gradient."""
    timed = {entry.loss for entry in ENTRIES_OF_THE_BENCH}
    assert {case.loss for f in FAMILIES for case in f.cases if case.peer not in WITHOUT_GRADIENT} <= timed


def test_families_are_those_of_the_library():
    for family, entry in ENTRIES:
        assert lb.cards[entry.loss].family == family.name, entry.loss


def test_each_comparison_calls_the_loss_it_is_filed_under():
    """A row of another loss would count for nothing; the one that no setting matches is compared through its base."""
    for _, entry in ENTRIES:
        called = re.search(rf"\blb\.({entry.loss}|{lb.cards[entry.loss].module.__name__})\b", entry.ours)
        assert called or entry.ours.endswith("** 0.75"), entry.ours


@every_family
def test_what_is_stored_is_what_is_asked(family):
    """`make oracles` was run since the comparisons or the inputs changed."""
    stored = {run.rsplit(" | ", 1)[0] for run in index(family.name)["runs"]}
    assert stored == {run for name, _, _, run in RUNS if name == family.name}
    assert set(index(family.name)["differences"]) == {difference.run() for difference in family.differences}
    assert set(index(family.name)["versions"]) == set(peers_of(family))
    for name, arrays in family.samples().items():
        stored_arrays = sample(family.name, name)
        assert set(stored_arrays) == set(arrays)
        for key, array in arrays.items():
            assert np.array_equal(stored_arrays[key], array)


@every_family
def test_stored_versions_are_the_pinned_ones(family):
    folder = comparison.STORED.parent
    pins = dict(
        line.split("==")
        for file in ("requirements.txt", "requirements-no-deps.txt")
        for line in (folder / file).read_text().splitlines()
        if "==" in line
    )
    for peer, version in index(family.name)["versions"].items():
        assert pins[DISTRIBUTIONS.get(peer, peer)] == version.split("+")[0]


def test_samples_have_names_of_their_own():
    own = [name for family in FAMILIES for name in (*family.own_samples,)]
    assert len(own) == len(set(own)) and not set(own) & set(inputs.draw())


def test_inputs_are_hard_enough():
    """More than two classes, and never alpha = beta: what goes wrong with two classes alone would not show."""
    names = ("multiclass", "volume", "saturated", "ignored", "absent")
    assert all(inputs.draw()[name]["z"].shape[1] > 2 for name in names)
    for _, entry in ENTRIES:
        if alpha_beta := re.search(r"alpha=([\d.]+), beta=([\d.]+)", entry.ours):
            assert alpha_beta[1] != alpha_beta[2]


def test_pages_are_up_to_date():
    again = "run `python tests/oracles/comparison.py --write`"
    assert (BOOK / "conventions.md").read_text(encoding="utf-8") == comparison.overview(), again
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (BOOK / "conventions").glob("*.md")}
    assert pages == {family.name: comparison.page(family) for family in FAMILIES if has_page(family)}, again


@every_family
def test_stored_files_are_small(family):
    assert sum(path.stat().st_size for path in comparison.STORED.glob(f"{family.name}.*")) < 600_000
