"""Chapter 15: what it computes by hand is what the library computes, and its objectives are those of LightGBM."""

from pathlib import Path

import numpy as np
import pytest
import torch
from notebook_rules import chapter_functions

import lossbook as lb
from lossbook import calculus

CHAPTER = Path(__file__).parents[2] / "notebooks" / "15_tabular.ipynb"


@pytest.fixture(scope="module")
def chapter():
    return chapter_functions(CHAPTER)


@pytest.fixture
def numbers():
    generator = torch.Generator().manual_seed(1)
    return torch.randn((2, 40), generator=generator, dtype=torch.float64).unbind()


@pytest.mark.parametrize(
    ("by_hand", "loss", "settings"),
    [
        ("mse_by_hand", lb.mse_loss, {}),
        ("l1_by_hand", lb.l1_loss, {}),
        ("huber_by_hand", lb.huber_loss, {"delta": 0.4}),
        ("quantile_by_hand", lb.quantile_loss, {"quantile": 0.8}),
    ],
)
def test_gradients_of_numbers(chapter, numbers, by_hand, loss, settings):
    expected = calculus.autograd(loss, *numbers, **settings)
    assert torch.allclose(chapter[by_hand](*numbers, **settings), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("power", [1.2, 1.5, 1.9])
def test_gradient_of_tweedie(chapter, numbers, power):
    z, y = numbers[0], numbers[1].abs().round()
    expected = calculus.autograd(lb.tweedie_loss, z, y, power=power, from_log=True)
    assert torch.allclose(chapter["tweedie_by_hand"](z, y, power), expected, rtol=1e-9, atol=1e-12)


def test_gradient_of_the_zero_inflated_poisson(chapter, numbers):
    z, w = numbers
    y = torch.poisson(torch.ones(40, dtype=torch.float64))
    expected = calculus.autograd(lb.zero_inflated_poisson_nll_loss, z, y, w)
    assert torch.allclose(chapter["zip_by_hand"](z, y, w), expected, rtol=1e-9, atol=1e-12)


def test_gradients_of_classes(chapter, numbers):
    z, y = numbers[0], (numbers[1] > 0).long()
    binary = {"task": "binary"}
    for by_hand, loss, settings in (
        ("log_loss_by_hand", lb.binary_cross_entropy_with_logits, {}),
        ("smooth_zero_one_by_hand", lambda z, y: lb.smooth_zero_one_loss(z, y, **binary), {}),
        ("focal_by_hand", lambda z, y, gamma=2.0: lb.focal_loss(z, y, gamma=gamma, **binary), {"gamma": 0.7}),
    ):
        expected = calculus.autograd(loss, z, y, **settings)
        assert torch.allclose(chapter[by_hand](z, y, **settings), expected, rtol=1e-9, atol=1e-12)
    scores, labels = z.reshape(10, 4), torch.arange(10) % 4
    expected = calculus.autograd(lb.cross_entropy, scores, labels)
    assert torch.allclose(chapter["categorical_by_hand"](scores, labels), expected, rtol=1e-9, atol=1e-12)


def test_gradient_through_sparsemax(chapter, numbers):
    z = numbers[0].reshape(8, 5)
    expected = calculus.autograd(lambda z: lb.models.sparsemax(z).square().sum(), z)
    assert torch.allclose(chapter["sparsemax_by_hand"](z), expected, rtol=1e-9, atol=1e-12)


def test_losses_of_the_experiments(chapter, numbers):
    z, y = torch.stack(numbers, 1), torch.poisson(torch.ones(40, dtype=torch.float64))
    mean, spread = z[:, 0].exp(), z[:, 1].exp()
    poisson = torch.distributions.Poisson(mean).log_prob(y)
    assert torch.isclose(chapter["visit_poisson"](z, y), -poisson.mean())
    nothing = torch.sigmoid(z[:, 1])
    mixed = torch.log((y == 0) * nothing + (1 - nothing) * poisson.exp())
    assert torch.isclose(chapter["visit_zip"](z, y), -mixed.mean())
    binomial = torch.distributions.NegativeBinomial(1 / spread, logits=(spread * mean).log()).log_prob(y)
    assert torch.isclose(chapter["visit_negative_binomial"](z, y), -binomial.mean())
    assert torch.allclose(chapter["two"](z[:, 0]).softmax(1)[:, 1], z[:, 0].sigmoid())


def test_boosting_equals_the_built_in_objective(chapter):
    from sklearn.datasets import load_breast_cancer, load_diabetes

    inputs, target = load_diabetes(return_X_y=True)
    pairs = [("regression", lb.mse_loss, inputs, target / 100)]
    pairs.append(("binary", lb.binary_cross_entropy_with_logits, *load_breast_cancer(return_X_y=True)))
    for name, loss, x, y in pairs:
        ours, theirs = (
            chapter["boost"](objective, x, y).predict(x, raw_score=True)
            for objective in (lb.as_boosting_objective(loss), name)
        )
        assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_best_cut_is_what_scikit_learn_finds(chapter):
    from sklearn.datasets import load_wine
    from sklearn.tree import DecisionTreeClassifier

    inputs, target = load_wine(return_X_y=True)
    inputs, target = inputs[target < 2], target[target < 2]
    stump = DecisionTreeClassifier(max_depth=1, random_state=0).fit(inputs, target).tree_
    after = (stump.n_node_samples * stump.impurity)[1:].sum() / len(target)
    best = min(chapter["best_cut"](lb.gini_impurity_loss, column, target) for column in inputs.T)
    assert best == pytest.approx(after)


def test_losses_of_two_tasks(chapter, numbers):
    z, y = torch.stack(numbers, 1), torch.stack([(numbers[1] > 0).double(), 40 + numbers[0]], 1)
    income, hours = chapter["task_losses"](z, y)
    assert torch.isclose(income, lb.binary_cross_entropy_with_logits(z[:, 0], y[:, 0]))
    assert torch.isclose(hours, (z[:, 1] - z[:, 0]).square().mean())
