"""Estimates and calibration against linear algebra, SciPy and the library's own losses."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, minimize_scalar

import lossbook as lb
from lossbook.measure import bias_and_variance, classification_quality, fit_temperature, huber_center
from lossbook.training import fit_linear_models


@pytest.fixture
def lines():
    generator = torch.Generator().manual_seed(2)
    x = torch.randn((6, 40, 3), generator=generator)
    return x, x @ torch.tensor([0.5, -1.0, 0.2]) + 0.3 * torch.randn((6, 40), generator=generator)


@pytest.fixture
def answers():
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(5, (200,), generator=generator)
    return 3 * torch.randn((200, 5), generator=generator) + 3 * torch.eye(5)[labels], labels


def test_many_linear_models_at_once(lines):
    expected = torch.linalg.lstsq(lines[0], lines[1].unsqueeze(2)).solution[:, :, 0]
    assert torch.allclose(fit_linear_models(lb.mse_loss, *lines), expected, atol=2e-3)


def test_linear_model_under_another_loss(lines):
    def risk(w):
        return lb.huber_loss(lines[0][0].double() @ torch.tensor(w), lines[1][0].double()).item()

    found = fit_linear_models(lb.huber_loss, *lines)[0]
    assert found.tolist() == pytest.approx(minimize(risk, np.zeros(3), method="BFGS").x.tolist(), abs=2e-3)


def test_bias_and_variance():
    predictions, y = torch.randn((9, 20), dtype=torch.float64), torch.randn(20, dtype=torch.float64)
    parts = bias_and_variance(predictions, y)
    assert parts["error"] == pytest.approx(parts["bias²"] + parts["variance"])
    assert parts["variance"] == pytest.approx(np.var(predictions.numpy(), axis=0).mean())


def test_huber_center_minimizes_the_huber_loss():
    values = torch.tensor([[0.1, -1.2, 0.7, 9.0, 0.3, -0.4, 1.1]], dtype=torch.float64)

    def risk(center):
        return lb.huber_loss(torch.full_like(values, center), values, delta=1.345).item()

    assert huber_center(values, 1.345).item() == pytest.approx(minimize_scalar(risk, bounds=(-2, 2)).x, abs=1e-4)


def test_quality_agrees_with_the_losses(answers):
    logits, labels = answers
    found = classification_quality(logits.softmax(1), labels)
    assert found["brier"] == pytest.approx(lb.brier_loss(logits, labels).item(), rel=1e-5)
    assert found["accuracy"] == pytest.approx(1 - lb.zero_one_loss(logits, labels).item())
    assert 0 < found["ece"] < 1


def test_temperature_is_the_best_one(answers):
    logits, labels = answers
    risk = {t: lb.cross_entropy(logits / t, labels).item() for t in torch.logspace(-1, 1, 401).tolist()}
    found = fit_temperature(logits, labels)
    assert found > 1  # the logits were too sure
    assert lb.cross_entropy(logits / found, labels).item() == pytest.approx(min(risk.values()), abs=1e-4)


def test_reliability_curve_passes_through_what_happened():
    sure = torch.tensor([[0.75, 0.25]]).repeat(100, 1)
    labels = (torch.arange(100) >= 60).long()  # 60 of 100 are right
    line = lb.plots.reliability_curves({"cross_entropy": sure}, labels).axes[0].lines[0]
    assert line.get_xdata()[0] == pytest.approx(0.75)
    assert line.get_ydata()[0] == pytest.approx(0.6)
    few = lb.plots.reliability_curves({"cross_entropy": sure[:10]}, labels[:10]).axes[0].lines[0]
    assert len(few.get_xdata()) == 0


def test_bars_show_the_true_class():
    fig = lb.plots.true_class_bars(
        torch.rand(2, 1, 8, 8), ["coat", "bag"], {"CE": ("cross_entropy", torch.tensor([0.2, 0.9]))}
    )
    assert [ax.get_title() for ax in fig.axes[:2]] == ["coat", "bag"]
    assert [ax.patches[0].get_width() for ax in fig.axes[2:]] == pytest.approx([0.2, 0.9])
