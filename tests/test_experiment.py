"""Claims, effects, profiles and results."""

import json
import math

import numpy as np
import pytest
import scipy.stats
import torch

from lossbook import claims, experiment
from lossbook.experiment import Chapter


@pytest.fixture
def chapter(monkeypatch, tmp_path):
    monkeypatch.setenv("LOSSBOOK_RESULTS", str(tmp_path))
    return Chapter("99_test", profile="full", seed=3)


@pytest.fixture
def shown(monkeypatch):
    """Everything that is displayed, as (object, raw)."""
    import IPython.display

    seen = []
    monkeypatch.setattr(IPython.display, "display", lambda item, **_: seen.append(item))
    return seen


# --- statistics
# ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 10, 30, 101])
def test_t_distribution_is_scipys(degrees):
    t = scipy.stats.t(degrees)
    for value in (-3.0, 0.0, 0.4, 1.7, 25.0):
        assert claims.t_cdf(value, degrees) == pytest.approx(t.cdf(value), abs=1e-12)
    for probability in (0.5, 0.75, 0.95, 0.975, 0.9995):
        quantile = claims.t_quantile(probability, degrees)
        assert quantile == pytest.approx(t.ppf(probability), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("count", [2, 3, 5, 12])
def test_interval_is_scipys(count):
    values = np.random.default_rng(count).normal(0.1, 0.3, count)
    measured = claims.measure(values)
    low, high = scipy.stats.t.interval(0.95, count - 1, values.mean(), scipy.stats.sem(values))
    assert (measured.low, measured.high) == pytest.approx((low, high))
    first, second = values, values * 0.2 + 0.05
    ours = claims.measure(claims.paired(first, second))
    theirs = scipy.stats.ttest_rel(first, second).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_interval_covers_the_mean_95_times_in_100():
    rng = np.random.default_rng(0)
    intervals = [claims.measure(rng.normal(1.0, 2.0, 5)) for _ in range(2000)]
    covered = np.mean([m.low <= 1.0 <= m.high for m in intervals])
    assert 0.935 < covered < 0.965  # three standard errors


def test_values_may_be_tensors_and_one_number_has_no_interval():
    assert claims.measure(torch.tensor([1.0, 2.0])).values == (1.0, 2.0)
    single = claims.measure(torch.tensor(0.25))
    assert (single.values, single.mean, single.low) == ((0.25,), 0.25, None)
    assert str(single) == "0.250"


@pytest.mark.parametrize("values", [[], [1.0, math.nan], math.inf])
def test_values_that_say_nothing_are_refused(values):
    with pytest.raises(ValueError, match="values: expected"):
        claims.measure(values)


# --- claims and effects
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "op", "threshold", "holds", "verdict"),
    [
        (0.5, ">", 0.4, True, "holds"),
        (0.5, "==", 0.5, True, "holds"),
        (0.5, "<", 0.5, False, "fails"),
        ([0.3, 0.31, 0.29, 0.3, 0.3], ">", 0.2, True, "holds (5 of 5 seeds)"),
        ([0.3, 0.31, 0.29, 0.3, 0.19], ">", 0.2, True, "holds (4 of 5 seeds)"),
        ([0.3, 0.31, -0.5, 0.3, 0.3], ">", 0.0, False, "fails (4 of 5 seeds)"),  # interval around 0
        ([-0.3, -0.31, -0.29], "<", -0.2, True, "holds (3 of 3 seeds)"),
        ([0.1, 0.9], ">", 0.0, True, "holds (2 of 2 seeds)"),
        ([0.1, -0.1], ">", 0.0, False, "fails (1 of 2 seeds)"),
    ],
)
def test_verdict_on_a_claim(values, op, threshold, holds, verdict):
    claim = claims.check_claim("it is so", values, op, threshold)
    assert (claim.holds, claim.verdict) == (holds, verdict)


@pytest.mark.parametrize(
    ("values", "op", "expected"),
    [
        ([0.3, 0.31, 0.29, 0.3, 0.3], ">", "held"),
        ([-0.3, -0.31, -0.29, -0.3, -0.3], ">", "reversed"),
        ([0.3, -0.31, 0.29, -0.3, 0.3], ">", "not seen"),
        ([-0.3, -0.31, -0.29], "<", "held"),
        ([0.0, 0.0, 0.0], ">", "not seen"),
        ([0.5, 0.6], ">", "not tested here"),
        (None, ">", "not tested here"),
        (0.1, ">", "held"),
        (-0.1, ">", "not seen"),
    ],
)
def test_verdict_on_an_effect(values, op, expected):
    assert claims.judge_effect(values, op, 0.0)[0] == expected


def test_check_prints_or_raises_and_records_both(chapter, capsys):
    chapter.check("more is more", [0.3, 0.31, 0.29], ">", 0.2)
    assert capsys.readouterr().out == "more is more: 0.300 [0.275, 0.325] > 0.2, holds (3 of 3 seeds)\n"
    with pytest.raises(AssertionError, match=r"less is more: 0\.100 > 0\.2, fails\. Values: 0\.1"):
        chapter.check("less is more", 0.1, ">", 0.2)
    chapter.check("for the fast profile", math.nan, ">", 0.0, profile="fast")
    assert capsys.readouterr().out == "Not tested in the full profile: for the fast profile\n"
    assert [c["holds"] for c in chapter.results()["claims"]] == [True, False, None]


def test_every_expected_effect_must_be_reported(chapter, shown):
    chapter.expect("a", "focal lifts recall", source="https://arxiv.org/abs/1708.02002")
    chapter.expect("b", "it is <b>so</b>", source="https://arxiv.org/abs/1708.02002")
    chapter.effect("a", [0.1, 0.11, 0.12], ">", 0.0)
    with pytest.raises(AssertionError, match="not reported: b"):
        chapter.report()
    effect = chapter.effect("b", None, note="needs a GPU")
    assert effect.verdict == "not tested here"
    chapter.report()
    effects, _ = shown
    assert "held" in effects["text/plain"]
    assert "needs a GPU" in effects["text/html"]
    assert "&lt;b&gt;so" in effects["text/html"]
    assert '<a href="https://arxiv.org' in effects["text/html"]


def test_effects_refuse_what_was_not_listed_or_comes_twice(chapter):
    chapter.expect("a", "statement", source="https://arxiv.org/abs/1708.02002")
    with pytest.raises(ValueError, match="key: 'a' is listed already"):
        chapter.expect("a", "statement", source="https://arxiv.org/abs/1708.02002")
    with pytest.raises(ValueError, match="source: expected an https address"):
        chapter.expect("c", "statement", source="some paper")
    with pytest.raises(ValueError, match="list it with expect"):
        chapter.effect("b", 1.0)
    chapter.effect("a", 1.0)
    with pytest.raises(ValueError, match="reported already"):
        chapter.effect("a", 2.0)


@pytest.mark.parametrize(("op", "profile"), [("=>", None), (">", "slow")])
def test_check_refuses_wrong_arguments(chapter, op, profile):
    with pytest.raises(ValueError, match="expected one of"):
        chapter.check("sentence", 1.0, op, 0.0, profile=profile)


# --- profiles
# ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "variable", "gpu", "expected"),
    [
        ("auto", None, False, "fast"),
        ("auto", None, True, "full"),
        ("auto", "full", False, "full"),
        ("auto", "fast", True, "fast"),
        ("fast", "full", True, "fast"),
    ],
)
def test_profile(monkeypatch, argument, variable, gpu, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.delenv("LOSSBOOK_PROFILE", raising=False)
    if variable:
        monkeypatch.setenv("LOSSBOOK_PROFILE", variable)
    assert experiment.resolve_profile(argument) == expected


def test_wrong_profiles_and_names_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="profile: expected one of"):
        experiment.resolve_profile("slow")
    monkeypatch.setenv("LOSSBOOK_PROFILE", "slow")
    with pytest.raises(ValueError, match="LOSSBOOK_PROFILE: expected one of"):
        experiment.resolve_profile("auto")
    with pytest.raises(ValueError, match="name: expected"):
        Chapter("../up", profile="fast")
    with pytest.raises(ValueError, match="seed: expected"):
        Chapter("99_test", profile="fast", seed=-1)


def test_seeds_and_pick():
    fast, full = (Chapter("99_test", profile=profile, seed=7) for profile in ("fast", "full"))
    assert fast.seeds == [7, 8]
    assert full.seeds == [7, 8, 9, 10, 11]
    assert (fast.pick(fast=1, full=2), full.pick(fast=1, full=2)) == (1, 2)


# --- results
# -------------------------------------------------------------------------------------------------------


def test_results_file_is_strict_json_and_reads_back(chapter, shown, tmp_path):
    chapter.record(
        "dice_loss", [{"dice": torch.tensor(0.5), "steps": None, "iou": math.nan}, {"dice": np.float32(0.25)}]
    )
    chapter.check("it holds", 1.0, ">", 0.0)
    path = chapter.finish()
    assert path == tmp_path / "99_test.full.json"

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    results = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert results == experiment.read_results(path)
    assert results["metrics"] == {"dice_loss": [{"dice": 0.5, "steps": None, "iou": None}, {"dice": 0.25}]}
    assert results["seeds"] == [3, 4, 5, 6, 7]
    assert results["versions"]["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert list(results) == sorted(results)
    assert results["claims"][0]["sentence"] == "it holds"
    assert "Profile **full**" in shown[-1].data
    assert list(tmp_path.iterdir()) == [path]


def test_results_refuse_what_json_cannot_hold(chapter):
    with pytest.raises(TypeError, match="a/model: expected numbers"):
        chapter.record("a", {"model": object()})
    chapter.record("b", {"dice": 1.0})
    with pytest.raises(ValueError, match="recorded already"):
        chapter.record("b", {"dice": 1.0})


def test_results_of_another_shape_are_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"schema": 1}')
    with pytest.raises(ValueError, match="expected the keys"):
        experiment.read_results(path)


# --- hashes
# --------------------------------------------------------------------------------------------------------


def notebook(*sources):
    cells = [{"cell_type": "code", "source": source} for source in sources]
    return {"cells": [*cells, {"cell_type": "markdown", "source": "text"}]}


def test_code_hash_sees_code_and_nothing_else():
    reference = experiment.code_hash(notebook("x = 1\ny = [x, 2]"))
    same = [notebook("x = 1  # one\n\ny = [\n    x,\n    2,\n]"), notebook(["x = 1\n", "y = [x, 2]"])]
    assert {experiment.code_hash(n) for n in same} == {reference}
    more_text = {"cells": [*notebook("x = 1\ny = [x, 2]")["cells"], same[0]["cells"][-1]]}
    assert experiment.code_hash(more_text) == reference
    others = [notebook("x = 2\ny = [x, 2]"), notebook("x = 1", "y = [x, 2]"), notebook("x = 1\ny = (x, 2)")]
    assert len({reference, *(experiment.code_hash(n) for n in others)}) == 4


def test_code_hash_reads_magics_and_files(tmp_path):
    with_magic = notebook("%matplotlib inline\nif x:\n    !ls")
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(with_magic))
    assert experiment.code_hash(path) == experiment.code_hash(with_magic)
    assert experiment.code_hash(path) != experiment.code_hash(notebook("%matplotlib agg\nif x:\n    !ls"))


def test_source_hash_follows_the_source(monkeypatch, tmp_path):
    package = tmp_path / "lossbook"
    package.mkdir()
    (package / "experiment.py").write_bytes(b"a = 1\n")
    monkeypatch.setattr(experiment, "__file__", str(package / "experiment.py"))
    before = experiment.source_hash()
    (package / "experiment.py").write_bytes(b"a = 1\r\n")
    assert experiment.source_hash() == before
    (package / "other.py").write_bytes(b"")
    assert experiment.source_hash() != before


def test_compare_chooses_step_sizes_on_the_first_seed(monkeypatch):
    chapter = Chapter("01_test", profile="full", seed=3)
    calls = []

    class Finished:
        def __init__(self, dice):
            self.final = {"dice": dice}

    def train(loss, seed, size):
        calls.append((loss, seed, size))
        dice = {0.1: float("nan"), 0.2: loss, 0.3: 1 - loss}[size]
        return f"model {loss} {seed} {size}", Finished(dice)

    runs = chapter.compare("test", {"small": 0.25, "large": 0.75}, train, step_sizes=[0.1, 0.2, 0.3], metric="dice")
    assert [model for model, _ in runs["small"]] == [f"model 0.25 {seed} 0.3" for seed in range(3, 8)]
    assert [model for model, _ in runs["large"]] == [f"model 0.75 {seed} 0.2" for seed in range(3, 8)]
    assert len(calls) == 2 * 3 + 2 * 4
    assert chapter.results()["metrics"]["test/step sizes"] == {"small": 0.3, "large": 0.2}


def test_table_records_what_it_shows(capsys):
    chapter = Chapter("01_test", profile="fast")
    results = {
        "cross_entropy": [{"dice": 0.5, "ece": 0.1}, {"dice": 0.7, "ece": 0.1}],
        "dice_loss": [{"dice": 0.6}] * 2,
    }
    chapter.table("rare", results, {"dice": "↑ Dice"}, baseline="cross_entropy", caption="Ten steps.")
    assert chapter.results()["metrics"]["rare/cross_entropy"] == results["cross_entropy"]
    assert "0.600" in capsys.readouterr().out
