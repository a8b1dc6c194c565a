"""Chapter 16: what it computes by hand is what the library computes, and both agree with statsmodels, SciPy and
scikit-learn."""

from pathlib import Path

import numpy as np
import pytest
import torch
from notebook_rules import chapter_functions
from scipy import integrate, stats

import lossbook as lb
from lossbook import calculus

CHAPTER = Path(__file__).parents[2] / "notebooks" / "16_time_series.ipynb"


@pytest.fixture(scope="module")
def chapter():
    return chapter_functions(CHAPTER)


def numbers(*shape, seed=0, low=None):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values if low is None else values.abs() + low


@pytest.mark.parametrize(
    ("by_hand", "loss", "others", "settings"),
    [
        ("mse_by_hand", lb.mse_loss, (), {}),
        ("mae_by_hand", lb.l1_loss, (), {}),
        ("huber_by_hand", lb.huber_loss, (), {"delta": 0.4}),
        ("quantile_by_hand", lb.quantile_loss, (), {"quantile": 0.3}),
        ("mape_by_hand", lb.mape_loss, (), {}),
        ("smape_by_hand", lb.smape_loss, (), {}),
        ("mase_by_hand", lb.mase_loss, (numbers(5, 1, seed=3, low=0.5),), {}),
        (
            "student_by_hand",
            lb.student_t_nll_loss,
            (numbers(5, 4, seed=3, low=0.5), numbers(5, 4, seed=4, low=2.1)),
            {},
        ),
        ("crps_mean_by_hand", lb.crps_gaussian_loss, (numbers(5, 4, seed=3, low=0.5),), {}),
        ("interval_by_hand", lb.interval_score_loss, (numbers(5, 4, seed=3, low=4.0),), {}),
    ],
)
def test_gradients(chapter, by_hand, loss, others, settings):
    first, y = numbers(5, 4, seed=1), numbers(5, 4, seed=2)
    found = chapter[by_hand](first, y, *others, **settings)
    assert torch.allclose(found, calculus.autograd(loss, first, y, *others, **settings), rtol=1e-9, atol=1e-12)


def test_gradients_of_the_gaussian_likelihood(chapter):
    mean, y, s = (numbers(5, 4, seed=seed) for seed in (1, 2, 3))

    def of_s(s, y, mean):
        return lb.gaussian_nll_loss(mean, y, s, from_log=True)

    expected = calculus.autograd(lb.gaussian_nll_loss, mean, y, s, from_log=True)
    assert torch.allclose(chapter["gaussian_by_hand"](mean, y, s), expected)
    assert torch.allclose(chapter["log_variance_by_hand"](s, y, mean), calculus.autograd(of_s, s, y, mean))


def test_gradient_of_the_negative_binomial_likelihood(chapter):
    mu, alpha = numbers(5, 4, seed=1, low=0.5), numbers(5, 4, seed=2, low=0.1)
    y = torch.randint(20, (5, 4)).double()
    expected = calculus.autograd(lb.negative_binomial_nll_loss, mu, y, alpha)
    assert torch.allclose(chapter["negative_binomial_by_hand"](mu, y, alpha), expected)


def test_gradient_of_weighted_cross_entropy(chapter):
    z, labels, w = numbers(9, 4, seed=1), torch.arange(9) % 4, numbers(9, seed=2, low=0.1)
    expected = calculus.autograd(lb.weighted_cross_entropy, z, labels, w)
    assert torch.allclose(chapter["weighted_by_hand"](z, labels, w), expected)


def test_crps_of_a_gaussian_is_its_integral(chapter):
    for mean, y, sigma in ((0.0, 0.3, 1.0), (2.0, -1.0, 0.7), (-1.0, 4.0, 2.0)):
        ours = lb.crps_gaussian_loss(*(torch.tensor([v], dtype=torch.float64) for v in (mean, y, sigma))).item()
        assert chapter["crps_by_integral"](mean, y, sigma) == pytest.approx(ours, abs=1e-7)
        pinball = integrate.quad(
            lambda tau: 2 * (tau - (y < (q := stats.norm.ppf(tau, mean, sigma)))) * (y - q),  # noqa: B023
            1e-9, 1 - 1e-9, limit=200,
        )[0]  # fmt: skip
        assert pinball == pytest.approx(ours, abs=1e-4)


def test_negative_binomial_is_scipys():
    mu, alpha = numbers(50, seed=1, low=0.1), numbers(50, seed=2, low=0.05)
    y = torch.randint(60, (50,))
    theirs = -stats.nbinom.logpmf(y.numpy(), 1 / alpha.numpy(), 1 / (1 + (alpha * mu).numpy()))
    assert np.allclose(lb.negative_binomial_nll_loss(mu, y.double(), alpha, reduction="none"), theirs, rtol=1e-9)


def minimized(loss, parameters, steps):
    optimizer = torch.optim.LBFGS([parameters], max_iter=steps, tolerance_grad=1e-12, tolerance_change=1e-15)

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    return parameters.detach()


def test_an_autoregression_trained_with_mse_is_statsmodels():
    from statsmodels.datasets import sunspots
    from statsmodels.tsa.ar_model import AutoReg

    series = sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    theirs = AutoReg(series, lags=3).fit().params  # constant, then lags 1 to 3
    y = torch.tensor(series / 100)
    past = torch.stack([torch.ones(len(y) - 3).double(), *(y[3 - lag : len(y) - lag] for lag in (1, 2, 3))], 1)
    weights = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    ours = minimized(lambda: lb.mse_loss(past @ weights, y[3:]), weights, 200)
    assert np.allclose(ours[1:], theirs[1:], atol=1e-5)
    assert 100 * ours[0].item() == pytest.approx(theirs[0], abs=1e-2)


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.8])
def test_quantile_regression_is_scikit_learns(tau):
    from sklearn.linear_model import QuantileRegressor

    x = numbers(201, 2, seed=1)
    y = x @ torch.tensor([1.0, -2.0]).double() + (1 + x[:, 0].abs()) * numbers(201, seed=2)
    exact = QuantileRegressor(quantile=tau, alpha=0.0).fit(x.numpy(), y.numpy())
    least = lb.quantile_loss(torch.tensor(exact.predict(x.numpy())), y, quantile=tau).item()
    weights = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.05)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1500)
    for _ in range(1500):
        optimizer.zero_grad()
        lb.quantile_loss(x @ weights[:2] + weights[2], y, quantile=tau).backward()
        optimizer.step()
        scheduler.step()
    ours = lb.quantile_loss(x @ weights[:2] + weights[2], y, quantile=tau).item()
    assert least <= ours + 1e-9  # theirs is the exact minimum of our loss
    assert ours == pytest.approx(least, rel=1e-3)
    assert np.allclose(weights.detach()[:2], exact.coef_, atol=0.1)


@pytest.mark.parametrize("tau", [0.05, 0.5, 0.9])
def test_the_best_constant_is_numpys_quantile(tau):
    y = numbers(101, seed=5)
    costs = torch.stack([lb.quantile_loss(q.expand(101), y, quantile=tau) for q in y])
    assert y[costs.argmin()].item() == np.quantile(y, tau, method="inverted_cdf")


def test_losses_of_the_experiment(chapter):
    output, y = numbers(3, 24, 19, seed=1), numbers(3, 24, seed=2)
    first, second, third = output[..., 0], output[..., 1], output[..., 2]
    assert torch.equal(chapter["points"](lb.l1_loss)(output, y), lb.l1_loss(first, y))
    nll = lb.gaussian_nll_loss(first, y, second, from_log=True, full=True)
    assert torch.isclose(chapter["gaussian"](output, y), nll)
    normal = torch.distributions.Normal(first, (second / 2).exp())
    assert torch.isclose(chapter["gaussian"](output, y), -normal.log_prob(y).mean())
    student = torch.distributions.StudentT(2.1 + torch.nn.functional.softplus(third), first, second.exp())
    assert torch.isclose(chapter["student_t"](output, y), -student.log_prob(y).mean())
    assert torch.isclose(chapter["crps"](output, y), lb.crps_gaussian_loss(first, y, second.exp()))
