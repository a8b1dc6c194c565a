"""Scores of forecasts are those of the losses and of slow definitions."""

import numpy as np
import pytest
import torch
from scipy import stats

import lossbook as lb


def test_point_scores_are_those_of_the_losses():
    y, guess = torch.rand(4, 6).double() + 0.5, torch.rand(4, 6).double() + 0.5
    scores = lb.measure.score_points(guess, y, 0.3)
    expected = {"mae": lb.l1_loss, "mape": lb.mape_loss, "smape": lb.smape_loss, "rmse": lb.rmse_loss}
    for name, loss in expected.items():
        assert scores[name] == pytest.approx(loss(guess, y).item()), name
    assert scores["mase"] == pytest.approx(scores["mae"] / 0.3)
    assert scores["bias"] == pytest.approx((guess - y).mean().item())


def test_a_calibrated_forecast_has_a_flat_histogram():
    y = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    levels = [0.05 * k for k in range(1, 20)]
    quantiles = torch.tensor(stats.norm.ppf(levels)).float().expand(len(y), 19)
    scores = lb.measure.score_quantiles(quantiles, y, levels)
    assert scores["coverage"] == pytest.approx(0.9, abs=0.01)
    assert scores["width"] == pytest.approx(2 * 1.6449, abs=1e-3)
    assert scores["pit"] < 0.02
    assert scores["crossing"] == 0
    assert scores["crps"] == pytest.approx(np.pi**-0.5, abs=0.02)  # of a standard normal that is right
    narrow = lb.measure.score_quantiles(0.3 * quantiles, y, levels)
    assert narrow["coverage"] < 0.5
    assert narrow["pit"] > 0.2
    assert narrow["crps"] > scores["crps"]
    assert lb.measure.score_quantiles(quantiles.flip(-1), y, levels)["crossing"] == 1


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
    found = lb.measure.quantiles_of(loss, torch.tensor([outputs]), levels)
    assert np.allclose(found[0], distribution().ppf(levels), atol=1e-5)


def test_quantiles_of_quantiles_and_of_nothing():
    output = torch.rand(2, 3)
    assert lb.measure.quantiles_of("multi_quantile_loss", output, (0.1, 0.5, 0.9)) is output
    with pytest.raises(ValueError, match="loss"):
        lb.measure.quantiles_of("mse_loss", output, (0.5,))


def test_scores_of_classes():
    logits = torch.eye(3)[[0, 0, 1, 2, 2, 2]]
    scores = lb.measure.score_classes(logits, torch.tensor([0, 1, 1, 2, 2, 0]), [1, 2])
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["macro"] == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert scores["rare"] == pytest.approx(0.75)
    assert scores["precision"] == pytest.approx(3 / 4)


def test_scores_of_paths_leave_out_what_was_not_measured():
    paths = torch.randn(5, 4, 60)
    y, present = torch.zeros(5, 4), torch.ones(5, 4)
    y[0, 0], present[0, 0] = 1e6, 0
    scores = lb.measure.score_paths(paths, y, present)
    assert scores["crps"] < 1
    assert scores["coverage"] == 1
    assert scores["negative"] == pytest.approx((paths < 0).double().mean().item())


def test_scores_of_jumps():
    jump = (torch.arange(20) >= 10).float().reshape(1, 20, 1)
    late = (torch.arange(20) >= 13).float().reshape(1, 20, 1)
    ramp = torch.linspace(0, 1, 20).reshape(1, 20, 1)
    right, delayed, blurred = (lb.measure.score_jumps(guess, jump) for guess in (jump, late, ramp))
    assert right["mse"] == right["dtw"] == 0
    assert right["sharp"] == delayed["sharp"] == 1
    assert delayed["dtw"] == 0
    assert delayed["mse"] == pytest.approx(3 / 20)
    assert delayed["time"] > right["time"] + 0.01
    assert blurred["sharp"] == pytest.approx(2 / 19)
    assert blurred["mse"] < delayed["mse"]


@pytest.mark.parametrize("share", [0.5, 0.9, 1.0])
def test_the_conformal_shift_is_the_smallest(share):
    y = torch.randn(100, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    low, high = torch.full_like(y, -0.3), torch.full_like(y, 0.2)
    shift = lb.measure.conformal_shift(low, high, y, share)

    def inside(by):
        return ((y >= low - by) & (y <= high + by)).double().mean().item()

    assert inside(shift + 1e-9) >= share
    assert inside(shift - 1e-9) < share
