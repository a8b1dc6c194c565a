"""The bench measures what it says: ratios with intervals, peak memory, and only calls that compute the same number."""

import json
import sys

import numpy as np
import pytest
import torch

from lossbook.measure import bench, peers
from lossbook.measure.bench import Comparison, Ratio, Result
from lossbook.measure.peers import Entry
from lossbook.measure.peers._entry import PICTURES

SAMPLE = {"z": torch.linspace(-2, 2, 12).reshape(3, 4), "y": torch.tensor([0, 3, 1])}
CROSS_ENTROPY = Entry("cross_entropy", "small", "lb.cross_entropy(z, y)", ("F.cross_entropy(z, y)",))


def comparison(low=0.9, ours=100, theirs=100, median=1.0):
    return Comparison("torch", "F.it(z, y)", 0.012, 0.010, Ratio(median, low, median + 0.1), ours, theirs)


# --- statistics ------------------------------------------------------------------------------------------------------


def test_ratio_of_exact_timings_has_no_width():
    assert bench.ratio_of([3.0] * 31, [2.0] * 31) == Ratio(1.5, 1.5, 1.5)


def test_interval_holds_the_true_ratio_whatever_slows_both():
    """A load that both see, pair by pair, cancels; noise of 5 % leaves an interval of a few percent."""
    covered = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        load = random.uniform(1, 5, 31)
        ours, theirs = (t * load * np.exp(0.05 * random.standard_normal(31)) for t in (1.2, 1.0))
        ratio = bench.ratio_of(ours, theirs)
        covered += ratio.low <= 1.2 <= ratio.high
        assert ratio.low <= ratio.median <= ratio.high < 1.4
    assert covered >= 34


def test_turns_alternate_and_short_steps_are_repeated(monkeypatch):
    calls = []
    monkeypatch.setattr(bench, "_repeats", lambda _: 1)
    ours, theirs = bench.time_pairs(lambda: calls.append("o"), lambda: calls.append("t"), pairs=3)
    assert "".join(calls) == "ottoot"
    assert len(ours) == len(theirs) == 3
    monkeypatch.undo()
    count = bench._repeats(lambda: sum(range(1000)))
    assert count * bench._seconds(lambda: sum(range(1000)), 100) > bench.SHORTEST / 5


# --- memory ----------------------------------------------------------------------------------------------------------

MEGA = 1_000_000
X = torch.rand(MEGA // 4)  # 1 MB


def three_at_once():
    a = X + 1
    b = a + 1
    return a + b


def one_at_a_time():
    for _ in range(5):
        X + 1


def inside_an_operator():
    torch.logsumexp(X.reshape(1, -1), 1)  # exp(x - max) is as large as x, and never leaves the operator


@pytest.mark.parametrize(("step", "expected"), [(three_at_once, 3), (one_at_a_time, 1), (inside_an_operator, 1)])
def test_peak_of_a_function_that_is_known_by_construction(step, expected, capfd):
    assert bench.peak_bytes(step) == pytest.approx(expected * MEGA, rel=0.01)
    assert capfd.readouterr().err == ""


def test_peak_counts_what_is_saved_for_backward_and_nothing_is_left():
    step = bench.step_of(lambda z: (z.exp() ** 2).sum(), {"z": X})
    # exp (saved), its square (freed, or alive in the sum's frame), and the gradients on the way back
    peaks = [bench.peak_bytes(step) for _ in range(2)]
    assert peaks[0] == peaks[1]
    assert 2.9 * MEGA < peaks[0] < 4.1 * MEGA


# --- agreement -------------------------------------------------------------------------------------------------------


def test_measure_compares_value_time_and_memory():
    result = bench.measure(CROSS_ENTROPY, SAMPLE, {}, pairs=3)
    assert result.fastest.library == "torch"
    assert result.fastest.time.low <= result.fastest.time.median <= result.fastest.time.high
    assert result.fastest.our_bytes > 0


def test_a_peer_that_computes_something_else_is_refused():
    entry = Entry("cross_entropy", "small", "lb.cross_entropy(z, y)", ("F.cross_entropy(z, y, reduction='sum')",))
    with pytest.raises(ValueError, match=r"cross_entropy on small: .* gives 1\.\d+, but F\.cross_entropy"):
        bench.measure(entry, SAMPLE, {}, pairs=1)


def test_a_peer_that_gives_nan_is_refused():
    entry = Entry("cross_entropy", "small", "lb.cross_entropy(z, y)", ("F.cross_entropy(z, y) * float('nan')",))
    with pytest.raises(ValueError, match="gives nan"):
        bench.measure(entry, SAMPLE, {}, pairs=1)


def test_a_peer_without_float64_is_asked_in_float32():
    class Single:
        @staticmethod
        def loss(z, y):
            if z.dtype != torch.float32:
                raise RuntimeError("float32 only")
            return torch.nn.functional.cross_entropy(z, y)

    entry = Entry("cross_entropy", "small", "lb.cross_entropy(z, y)", ("monai.loss(z, y)",))
    assert bench.measure(entry, SAMPLE, {"monai": Single}, pairs=1).fastest.library == "monai"


def test_a_library_that_is_not_installed_is_named_as_absent(monkeypatch):
    entry = Entry("cross_entropy", "small", "lb.cross_entropy(z, y)", ("kornia.cross_entropy(z, y)",))
    result = bench.measure(entry, SAMPLE, {}, pairs=1)
    assert result.absent == ("kornia",)
    assert result.verdict == "no peer"
    monkeypatch.setattr(bench, "LIBRARIES", {"kornia": "no_such_package.losses"})
    assert bench.find_libraries() == {}


def test_a_package_whose_own_init_fails_still_gives_its_losses(monkeypatch, tmp_path):
    package = tmp_path / "half_installed"
    package.mkdir()
    (package / "__init__.py").write_text("import something_that_is_not_there\n")
    (package / "losses.py").write_text("answer = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(bench, "LIBRARIES", {"half": "half_installed.losses"})
    try:
        assert bench.find_libraries()["half"].answer == 42
    finally:
        for name in ("half_installed", "half_installed.losses"):
            sys.modules.pop(name, None)


# --- verdicts and the table ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({}, "ok"),
        ({"low": 1.09, "median": 1.3}, "ok"),
        ({"low": 1.11, "median": 1.3}, "time"),
        ({"ours": 109}, "ok"),
        ({"ours": 111}, "memory"),
        ({"low": 1.2, "ours": 200}, "time and memory"),
    ],
)
def test_verdict(facts, verdict):
    assert comparison(**facts).verdict == verdict


def test_the_fastest_peer_decides():
    slow, fast = comparison(median=0.5), comparison(low=1.2, median=1.3)
    assert Result(CROSS_ENTROPY, "cpu", (slow, fast), ()).verdict == "time"


def test_row_fits_the_header():
    line = bench.line(bench.row(Result(CROSS_ENTROPY, "cpu", (comparison(),), ())))
    assert " ".join(line.split()) == "cross_entropy small cpu 12.0 torch 10.0 1.00 0.90 - 1.10 0.0 / 0.0 1.00 ok"
    alone = bench.row(Result(CROSS_ENTROPY, "cpu", (), ("kornia",)))
    assert len(alone) == len(bench.HEADER) == len(bench.WIDTHS)
    assert alone[-1] == "no peer"


def test_every_entry_runs_and_agrees():
    """On small inputs, with the peers that are torch alone."""
    assert set(peers.INPUTS) == set(peers.SMALL)
    samples = {name: make() for name, make in peers.SMALL.items()}
    for entry in peers.ENTRIES:
        sample = samples[entry.input]
        ours = bench.function_of(entry.ours, sample, {})
        bench.step_of(ours, sample)()
        for call in entry.peers:
            if peers.library(call) == "torch":
                bench.check_agreement(entry, call, ours, bench.function_of(call, sample, {}), sample)
            else:
                compile(call, entry.loss, "eval")


def test_command_prints_the_table_and_writes_json(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "INPUTS", peers.SMALL)
    monkeypatch.setattr(bench, "LIBRARIES", {})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    path = tmp_path / "bench.json"
    status = bench.main(["--quick", "--loss", "l1_loss", "--json", str(path), "--threads", "1"])
    header, *rows = capsys.readouterr().out.splitlines()[1:]
    assert header.split()[:3] == ["loss", "input", "device"]
    assert [row.split()[:2] for row in rows] == [["l1_loss", name] for name in PICTURES]
    report = json.loads(path.read_text())
    results = report["results"]
    assert report["machine"]["threads"] == 1 and report["machine"]["versions"]["torch"] in torch.__version__
    assert [r["input"] for r in results] == list(PICTURES)
    assert all(r["comparisons"][0]["time"]["low"] > 0 for r in results)
    assert status == int(any(r["verdict"] != "ok" for r in results))


def test_command_fails_when_a_loss_falls_short(monkeypatch, capsys):
    monkeypatch.setattr(bench, "INPUTS", peers.SMALL)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(bench, "measure", lambda entry, *_: Result(entry, "cpu", (comparison(low=1.2),), ()))
    assert bench.main(["--loss", "l1_loss"]) == 1
    monkeypatch.setattr(bench, "measure", lambda entry, *_: Result(entry, "cpu", (comparison(),), ()))
    assert bench.main(["--loss", "l1_loss"]) == 0
    assert bench.main(["--loss", "no_loss"]) == 2
    assert "no entry for 'no_loss'" in capsys.readouterr().err
