"""Back-testing: no origin sees its future, and scores are those of slow definitions."""

import numpy as np
import pytest
import torch
from scipy import stats

import lossbook as lb
from lossbook import backtest
from lossbook.data import windows


def test_gaps_are_filled_from_the_past_alone():
    series = torch.arange(30.0)
    series[[0 + 3, 12, 19]] = torch.nan
    filled = backtest.fill_from_past(series, season=7)
    assert filled[3] == 2
    assert filled[12] == 5
    assert filled[19] == 5  # a season before it was filled itself
    later = series.clone()
    later[20:] += 100
    assert torch.equal(backtest.fill_from_past(later, season=7)[:20], filled[:20])


def test_a_series_that_begins_with_a_gap_is_refused():
    with pytest.raises(ValueError, match="first step"):
        backtest.fill_from_past(torch.tensor([torch.nan, 1.0]), season=1)


def test_windows_meet_at_the_origin():
    past, future = backtest.make_windows(torch.arange(50), torch.tensor([10, 40]), context=10, horizon=10)
    assert past[0].tolist() == list(range(10))
    assert future[1].tolist() == list(range(40, 50))
    past, _ = backtest.make_windows(torch.rand(50, 3), torch.tensor([10]), context=4, horizon=2)
    assert past.shape == (1, 4, 3)


@pytest.mark.parametrize("origin", [3, 9])
def test_windows_that_leave_the_series_are_refused(origin):
    with pytest.raises(ValueError, match="origins"):
        backtest.make_windows(torch.arange(10), torch.tensor([origin]), context=4, horizon=2)


@pytest.mark.parametrize("gap", [0, 5])
def test_no_target_of_training_reaches_the_test(gap):
    folds = backtest.rolling_origin(300, context=20, horizon=6, folds=4, test=36, gap=gap, stride=3)
    tested = []
    for fold in folds:
        assert fold.train.min() == 20
        assert fold.train.max() + 6 + gap <= fold.test.min()
        tested += [step for origin in fold.test.tolist() for step in range(origin, origin + 6)]
    assert tested == list(range(300 - 4 * 36, 300))  # each step once


def test_folds_without_a_past_are_refused():
    with pytest.raises(ValueError, match="no past"):
        backtest.rolling_origin(60, context=20, horizon=5, folds=2, test=20)


def test_seasonal_naive_forecast():
    past = torch.arange(10.0).unsqueeze(0)
    assert backtest.seasonal_naive(past, horizon=5, season=3).tolist() == [[7, 8, 9, 7, 8]]
    with pytest.raises(ValueError, match="season"):
        backtest.seasonal_naive(past, horizon=1, season=11)


def test_point_scores_are_those_of_the_losses():
    y, guess = torch.rand(4, 6).double() + 0.5, torch.rand(4, 6).double() + 0.5
    scores = backtest.score_points(guess, y, 0.3)
    expected = {"mae": lb.l1_loss, "mape": lb.mape_loss, "smape": lb.smape_loss, "rmse": lb.rmse_loss}
    for name, loss in expected.items():
        assert scores[name] == pytest.approx(loss(guess, y).item()), name
    assert scores["mase"] == pytest.approx(scores["mae"] / 0.3)
    assert scores["bias"] == pytest.approx((guess - y).mean().item())


def test_a_calibrated_forecast_has_a_flat_histogram():
    y = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    levels = [0.05 * k for k in range(1, 20)]
    quantiles = torch.tensor(stats.norm.ppf(levels)).float().expand(len(y), 19)
    scores = backtest.score_quantiles(quantiles, y, levels)
    assert scores["coverage"] == pytest.approx(0.9, abs=0.01)
    assert scores["width"] == pytest.approx(2 * 1.6449, abs=1e-3)
    assert scores["pit"] < 0.02
    assert scores["crossing"] == 0
    assert scores["crps"] == pytest.approx(np.pi**-0.5, abs=0.02)  # of a standard normal that is right
    narrow = backtest.score_quantiles(0.3 * quantiles, y, levels)
    assert narrow["coverage"] < 0.5
    assert narrow["pit"] > 0.2
    assert narrow["crps"] > scores["crps"]
    assert backtest.score_quantiles(quantiles.flip(-1), y, levels)["crossing"] == 1


@pytest.mark.parametrize(
    ("loss", "outputs", "distribution"),
    [
        ("gaussian_nll_loss", (0.3, 0.8), lambda: stats.norm(0.3, np.exp(0.4))),
        ("crps_gaussian_loss", (0.3, 0.8), lambda: stats.norm(0.3, np.exp(0.8))),
        ("student_t_nll_loss", (0.3, 0.8, 1.0), lambda: stats.t(2.1 + np.log1p(np.e), 0.3, np.exp(0.8))),
    ],
)
def test_quantiles_of_distributions(loss, outputs, distribution):
    levels = (0.1, 0.5, 0.8)
    found = backtest.quantiles_of(loss, torch.tensor([outputs]), levels)
    assert np.allclose(found[0], distribution().ppf(levels), atol=1e-5)


def test_quantiles_of_quantiles_and_of_nothing():
    output = torch.rand(2, 3)
    assert backtest.quantiles_of("multi_quantile_loss", output, (0.1, 0.5, 0.9)) is output
    with pytest.raises(ValueError, match="loss"):
        backtest.quantiles_of("mse_loss", output, (0.5,))


def test_scores_of_classes():
    logits = torch.eye(3)[[0, 0, 1, 2, 2, 2]]
    scores = backtest.score_classes(logits, torch.tensor([0, 1, 1, 2, 2, 0]), [1, 2])
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["macro"] == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert scores["rare"] == pytest.approx(0.75)
    assert scores["precision"] == pytest.approx(3 / 4)


def test_scores_of_paths_leave_out_what_was_not_measured():
    paths = torch.randn(5, 4, 60)
    y, present = torch.zeros(5, 4), torch.ones(5, 4)
    y[0, 0], present[0, 0] = 1e6, 0
    scores = backtest.score_paths(paths, y, present)
    assert scores["crps"] < 1
    assert scores["coverage"] == 1
    assert scores["negative"] == pytest.approx((paths < 0).double().mean().item())


def test_bicycles_on_a_grid():
    counts, calendar = windows.bike_hours()
    table = lb.data.bikeshare()
    assert counts.shape == (8760,)
    assert calendar.shape == (8760, 5)
    assert int(counts.isnan().sum()) == 8760 - len(table)
    row = table.iloc[4000]
    assert counts[(row["day"] - 1) * 24 + row["hr"]] == row["bikers"]
    assert torch.isfinite(calendar).all()


def test_jumps_follow_from_the_peaks():
    inputs, targets = windows.jumps(200, 1)
    assert inputs.shape == (200, 20)
    assert targets.shape == (200, 20, 1)
    peaks = inputs > 0
    assert (peaks.sum(1) == 2).all()
    distance = 19 - peaks.flip(1).int().argmax(1) - peaks.int().argmax(1)
    when = (targets[..., 0] > 0.25).int().argmax(1)
    assert ((when - distance.clamp(2, 17)).abs() <= 3).all()
    assert torch.equal(windows.jumps(5, 3)[1], windows.jumps(5, 3)[1])


def test_entropy_tells_a_tone_from_noise():
    t = torch.arange(64)
    tone, noise = torch.sin(2 * torch.pi * 5 * t / 64), torch.randn(64)
    features = windows.entropy_features(torch.stack([tone, noise]).unsqueeze(0))
    assert features.shape == (1, 6)
    assert features[0, 4] < 0.1
    assert 2 < features[0, 5] <= np.log(32) + 1e-6
