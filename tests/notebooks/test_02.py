"""Chapter 2: what it computes by hand is what the library, or another library, computes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from notebook_rules import chapter_functions

import lossbook as lb
from lossbook import calculus

CHAPTER = Path(__file__).parents[2] / "notebooks" / "02_history.ipynb"


@pytest.fixture(scope="module")
def chapter():
    return chapter_functions(CHAPTER)


@pytest.fixture
def random():
    return torch.Generator().manual_seed(3)


@pytest.fixture
def problem(random):
    x = torch.randn((80, 5), generator=random, dtype=torch.float64)
    x[:, -1] = 1
    return x, x @ torch.tensor([1.0, -2.0, 0.5, 0.0, 0.3]).double() + torch.randn(80, generator=random).double()


@pytest.mark.parametrize(
    ("by_hand", "loss"),
    [("perceptron_by_hand", lb.perceptron_loss), ("hinge_by_hand", lb.hinge_loss)],
)
def test_gradients_of_decisions(chapter, random, by_hand, loss):
    z = 2 * torch.randn(50, generator=random, dtype=torch.float64)
    y = torch.randint(2, (50,), generator=random).double()
    assert torch.allclose(chapter[by_hand](z, y), calculus.autograd(loss, z, y), atol=1e-14)


def test_gradient_of_the_brier_score(chapter, random):
    z = torch.randn((6, 4), generator=random, dtype=torch.float64)
    y = torch.randint(4, (6,), generator=random)
    assert torch.allclose(chapter["brier_by_hand"](z, y), calculus.autograd(lb.brier_loss, z, y), atol=1e-14)


def test_least_squares(chapter, problem):
    x, y = problem
    theta = chapter["normal_equations"](x, y)
    expected = np.linalg.lstsq(x.numpy(), y.numpy(), rcond=None)[0]
    assert np.allclose(theta, expected, atol=1e-10)
    assert chapter["squares_by_hand"](theta, x, y).abs().max() < 1e-12


def test_least_absolute_deviations_against_a_linear_program(chapter, problem):
    from sklearn.linear_model import QuantileRegressor

    x, y = problem
    theta = chapter["reweighted"](x, y, lambda e: 1 / e)
    program = QuantileRegressor(quantile=0.5, alpha=0, fit_intercept=False, solver="highs").fit(x, y)
    least = lb.l1_loss(x @ torch.from_numpy(program.coef_), y)
    assert least <= lb.l1_loss(x @ theta, y) < least + 1e-5


def test_logistic_regression_against_scikit_learn(chapter, problem):
    from sklearn.linear_model import LogisticRegression

    x, y = problem
    theta, slope = chapter["newton"](x, (y > 0).double())
    expected = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(x[:, :-1], y > 0)
    assert slope.abs().max() < 1e-8
    assert np.allclose(theta[:-1], expected.coef_[0], atol=1e-4)


def test_the_perceptron_rests_where_a_cut_exists_and_only_there(chapter, problem):
    x = problem[0].float()
    cut = (x @ torch.tensor([1.0, -1.0, 0.5, 0.2, 0.1]) > 0).float()
    noise = (torch.arange(80) % 2).float()
    assert chapter["separable"](x, cut)
    assert not chapter["separable"](torch.cat([x, x]), torch.cat([noise, 1 - noise]))
    mistakes, _, move = chapter["rosenblatt"](x, cut, 500)[-1]
    assert mistakes == 0
    assert move == 0


def test_a_support_vector_machine_near_its_optimum(chapter, problem):
    from sklearn.svm import SVC

    x, y = problem[0][:, :-1], (problem[1] > 0).double()
    chapter["subgradient"].__globals__["hinge_by_hand"] = chapter["hinge_by_hand"]
    found = chapter["objective"](chapter["subgradient"](x, y), x, y)
    machine = SVC(kernel="linear", C=1.0, tol=1e-9).fit(x, y)
    with_constant = (
        machine.coef_[0] @ machine.coef_[0] / 2
        + np.maximum(0, 1 - (2 * y.numpy() - 1) * machine.decision_function(x)).sum()
    )
    assert found > with_constant - 1e-6  # ours has no constant, so it cannot be lower


def test_reward_gradient_is_right_on_average_and_its_variance_is_a_parabola(chapter, random):
    z = torch.randn(10, generator=random, dtype=torch.float64)
    exact = calculus.autograd(lambda z: z.softmax(0)[4], z)
    for b in (0.0, 0.4, 2.0):
        estimates, pi = chapter["pulls"](z, 4, b)
        assert torch.allclose(pi @ estimates, exact, atol=1e-14)
    low, middle, high = (chapter["spread"](z, 4, b) for b in (0.0, 0.5, 1.0))
    scores = torch.eye(10).double() - z.softmax(0)
    assert torch.isclose((low + high - 2 * middle) * 2, z.softmax(0) @ scores.square().sum(1))


@pytest.mark.parametrize("baseline", [True, False])
def test_the_bandit_loss_follows_the_reward_gradient(chapter, baseline):
    torch.manual_seed(0)
    z = torch.linspace(-1, 1, 10).double().repeat(200_000, 1).requires_grad_()
    y = torch.full((200_000,), 6)
    (gradient,) = torch.autograd.grad(chapter["reinforce"](z, y, baseline=baseline), z)
    exact = calculus.autograd(lambda z: z.softmax(0)[6], torch.linspace(-1, 1, 10).double())
    assert torch.allclose(-gradient.sum(0), exact, atol=5e-3)


def test_backpropagation(chapter, random):
    A, B, x = (torch.randn(shape, generator=random, dtype=torch.float64) for shape in ((3, 6), (2, 3), (7, 6)))
    y = torch.randint(2, (7, 2), generator=random).double()
    loss = lambda A: lb.mse_loss(chapter["network"](A, B, x).sigmoid(), y)  # noqa: E731
    assert torch.allclose(chapter["backpropagated"](A, B, x, y), calculus.autograd(loss, A), atol=1e-14)


def test_decisions_hear_only_whether_a_digit_is_odd(chapter):
    z, y = torch.tensor([[0.3], [-0.2], [1.5]]), torch.tensor([3, 4, 8])
    odd = torch.tensor([1.0, 0.0, 0.0])
    assert torch.equal(chapter["decide"](lb.hinge_loss)(z, y), lb.hinge_loss(z[:, 0], odd))
    assert torch.equal(chapter["decide"](lb.mse_loss, signed=True)(z, y), lb.mse_loss(z[:, 0], 2 * odd - 1))
