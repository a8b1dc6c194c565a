"""Chapter 1: what it computes by hand is what the library, linear algebra and SciPy compute."""

from pathlib import Path

import numpy as np
import pytest
import torch
from notebook_rules import chapter_functions

import lossbook as lb
from lossbook import calculus

CHAPTER = Path(__file__).parents[2] / "notebooks" / "01_what_a_loss_does.ipynb"


@pytest.fixture(scope="module")
def chapter():
    return chapter_functions(CHAPTER)


@pytest.fixture
def classes():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn((12, 5), generator=generator, dtype=torch.float64)
    return logits, torch.randint(5, (12,), generator=generator)


@pytest.mark.parametrize(
    ("by_hand", "loss"), [("brier_by_hand", "brier_loss"), ("hinge_by_hand", "multiclass_hinge_loss")]
)
def test_gradients_of_classes(chapter, classes, by_hand, loss):
    expected = calculus.autograd(getattr(lb, loss), *classes)
    assert torch.allclose(chapter[by_hand](*classes), expected, rtol=1e-9, atol=1e-12)


def test_one_step(chapter):
    for start in (1.5, -0.3):
        weight = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        lb.mse_loss(weight * 2.0, torch.tensor(1.0, dtype=torch.float64)).backward()
        assert chapter["step_by_hand"](start) == pytest.approx(start - 0.1 * weight.grad.item())


def test_descent_finds_the_least_squares_line(chapter):
    x = torch.linspace(-1, 1, 30, dtype=torch.float64)
    y = 0.4 * x + 2 + 0.1 * torch.sin(9 * x)
    slope, intercept = np.polyfit(x.numpy(), y.numpy(), 1)
    found = chapter["descend"](x, y, 0.4, 400)[-1]
    assert found.tolist() == pytest.approx([slope, intercept], abs=1e-9)


def test_square_is_the_mean_squared_error_of_one_hot_scores(chapter, classes):
    logits, labels = classes
    one_hot = torch.eye(5, dtype=torch.float64)[labels]
    assert torch.isclose(chapter["square"](logits, labels), ((logits - one_hot) ** 2).mean())
    assert torch.allclose(chapter["as_probabilities"](logits).sum(1), torch.ones(12, dtype=torch.float64))


def test_noise_is_what_its_name_says(chapter):
    from scipy.stats import kstest

    normal, laplace = (chapter["noise"](kind, 400, 0).flatten().double().numpy() for kind in ("normal", "Laplace"))
    assert kstest(normal, "norm").pvalue > 1e-3
    assert kstest(laplace, "laplace").pvalue > 1e-3


def test_slips(chapter):
    y = torch.rand(5000)
    slipped = chapter["with_slips"](y, 0.1, 3)
    assert 0.08 < (slipped != y).float().mean() < 0.12
    assert torch.equal(slipped[slipped != y], 10 * y[slipped != y])
