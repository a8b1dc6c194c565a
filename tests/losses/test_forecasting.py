"""Losses of forecasts: their limits, their identities, the digits that they keep, and what goes wrong elsewhere.

Their definitions, written out in NumPy and SciPy, stand in `tests/oracles/references/forecasting.py`.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

import lossbook as lb
from lossbook.calculus import autograd


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_small_variance_is_raised_to_eps_and_its_gradient_passes():
    """PyTorch #190058: `eps` is the least variance, it is not added; the gradient is as if nothing had been raised."""
    variance = torch.tensor([1e-9, 0.5], dtype=torch.float64, requires_grad=True)
    value = lb.gaussian_nll_loss(torch.zeros(2).double(), torch.ones(2).double(), variance, eps=0.1, reduction="none")
    assert torch.allclose(value, torch.tensor([0.5 * (math.log(0.1) + 10), 0.5 * (math.log(0.5) + 2)]).double())
    value.sum().backward()
    assert torch.allclose(variance.grad, torch.tensor([0.5 * (10 - 100), 0.5 * (2 - 4)]).double())


@pytest.mark.parametrize("loss", [lb.gaussian_nll_loss, lb.laplace_nll_loss, lb.crps_gaussian_loss])
def test_the_logarithm_of_a_scale_gives_the_same(loss):
    mean, target, scale = normal(5), normal(5, seed=1), normal(5, seed=2).exp()
    assert torch.isclose(loss(mean, target, scale), loss(mean, target, scale.log(), from_log=True), rtol=1e-12)


def test_student_t_becomes_gaussian_and_keeps_its_digits_in_float32():
    """The difference of two gamma functions of a million would leave no digit in float32."""
    zero, one = torch.zeros(1), torch.ones(1)
    for degrees in (3.0, 39.9, 40.1, 1e3, 1e6):
        value = lb.student_t_nll_loss(zero, 2 * one, one, degrees * one).item()
        assert value == pytest.approx(-stats.t.logpdf(2.0, degrees), rel=1e-5)
    gaussian = lb.gaussian_nll_loss(zero, 2 * one, one, full=True).item()
    assert value == pytest.approx(gaussian, rel=1e-5)


def test_negative_binomial_becomes_poisson_and_keeps_its_digits_in_float32():
    mean, count = torch.tensor([3.5]), torch.tensor([6.0])
    for alpha in (2.0, 0.051, 0.049, 1e-3, 1e-6):
        value = lb.negative_binomial_nll_loss(mean, count, torch.tensor([alpha])).item()
        assert value == pytest.approx(-stats.nbinom.logpmf(6, 1 / alpha, 1 / (1 + alpha * 3.5)), rel=1e-5)
    assert value == pytest.approx(-stats.poisson.logpmf(6, 3.5), rel=1e-4)


@pytest.mark.parametrize("counted", [(0.3, 1.0, 5.0), (0.3, 20.0, 300.0), (25.0, 40.0, 300.0)])
def test_given_slopes_on_both_sides_of_the_seam(counted):
    """Gamma functions give way to series from 20 on: in all arguments, once and twice derived."""
    r = torch.tensor(counted, dtype=torch.float64)
    place, count, scale = normal(3), torch.tensor([0.0, 2.0, 7.0]).double(), normal(3, seed=1).exp()
    negative_binomial = partial(lb.negative_binomial_nll_loss, form="logits", reduction="none")
    student_t = partial(lb.student_t_nll_loss, reduction="none")
    for function, tensors in (
        (negative_binomial, (place, count + 0.5, r)),
        (student_t, (place, count, scale, torch.cat([r[:1], 2 * r[1:]]))),
    ):
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        assert torch.autograd.gradcheck(function, leaves, check_forward_ad=True)
        assert torch.autograd.gradgradcheck(function, leaves)
        compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
        given, derived = (torch.autograd.grad(call(*leaves).sum(), leaves) for call in (function, compiled))
        assert all(torch.allclose(a, b, rtol=1e-9) for a, b in zip(given, derived, strict=True))


def test_the_three_forms_of_the_negative_binomial_agree():
    mean, alpha, count = normal(6).exp(), normal(6, seed=1).exp(), torch.arange(6).double()
    value = lb.negative_binomial_nll_loss(mean, count, alpha)
    assert torch.isclose(value, lb.negative_binomial_nll_loss(mean.log(), count, alpha, form="log_mean"), rtol=1e-12)
    logits = (alpha * mean).log()
    assert torch.isclose(value, lb.negative_binomial_nll_loss(logits, count, 1 / alpha, form="logits"), rtol=1e-12)


def test_a_hurdle_at_the_height_of_its_zeros_changes_nothing():
    """With the zeros of the Poisson or negative binomial distribution it is that; with more, it is inflated."""
    count, z, alpha, w = torch.arange(6).double(), normal(6), normal(6, seed=1).exp(), normal(6, seed=2)
    poisson = -torch.distributions.Poisson(z.exp()).log_prob(count).mean()
    assert torch.isclose(lb.hurdle_poisson_nll_loss(z, count, torch.exp(-z.exp()).logit()), poisson, rtol=1e-12)
    none = (1 + alpha * z.exp()) ** (-1 / alpha)
    plain = lb.negative_binomial_nll_loss(z.exp(), count, alpha)
    assert torch.isclose(lb.hurdle_negative_binomial_nll_loss(z.exp(), count, alpha, none.logit()), plain, rtol=1e-12)
    share = w.sigmoid() + (1 - w.sigmoid()) * torch.exp(-z.exp())
    inflated = lb.zero_inflated_poisson_nll_loss(z, count, w)
    assert torch.isclose(lb.hurdle_poisson_nll_loss(z, count, share.logit()), inflated, rtol=1e-12)


def test_a_zero_says_nothing_about_the_rate_behind_a_hurdle():
    z, count, w = normal(4), torch.tensor([0.0, 3.0, 0.0, 1.0]).double(), normal(4, seed=1)
    gradient = autograd(lb.hurdle_poisson_nll_loss, z, count, w)
    assert (gradient[count == 0] == 0).all() and (gradient[count > 0] != 0).all()
    w.requires_grad_()
    lb.hurdle_poisson_nll_loss(z, count, w).backward()
    assert torch.allclose(w.grad, (w.sigmoid() - (count == 0).double()) / 4)


@pytest.mark.parametrize("z", [-1e4, -100.0, -50.0, -49.9, 80.0])
def test_hurdles_of_extreme_rates(z):
    """The probability of more than zero is smaller than float32 holds, but a one costs nothing more; two cost z."""
    for count in (1.0, 2.0):
        arguments = torch.tensor([z]), torch.tensor([count]), torch.zeros(1)
        expected = -(count - 1) * z + math.lgamma(count + 1) + math.log(2) if z < 0 else math.exp(z)
        assert lb.hurdle_poisson_nll_loss(*arguments).item() == pytest.approx(expected, rel=1e-5)
        slope = autograd(lb.hurdle_poisson_nll_loss, *arguments).item()
        assert slope == pytest.approx(1 - count if z < 0 else math.exp(z), rel=1e-5, abs=1e-20)
        arguments = *arguments[:2], torch.tensor([2.0]), arguments[2]
        assert lb.hurdle_negative_binomial_nll_loss(*arguments, form="logits").isfinite()
        slope = autograd(lb.hurdle_negative_binomial_nll_loss, *arguments, form="logits").item()
        assert slope == pytest.approx(1 - count if z < 0 else 2.0, rel=1e-5, abs=1e-20)


def test_a_target_far_from_every_component_has_a_gradient():
    logits = torch.zeros(1, 2)
    gradient = autograd(lb.mixture_nll_loss, logits, torch.tensor([1e3]), torch.tensor([[0.0, 1.0]]), torch.ones(1, 2))
    assert torch.allclose(gradient, torch.tensor([[0.5, -0.5]]))


def test_tweedie_goes_over_into_its_special_cases():
    prediction, target = normal(5).exp(), normal(5, seed=1).exp()
    for power in (1.0, 2.0):
        near = lb.tweedie_loss(prediction, target, power=power + 1e-6)
        assert torch.isclose(near, lb.tweedie_loss(prediction, target, power=power), rtol=1e-5)
    assert torch.isclose(lb.tweedie_loss(prediction, target, power=0.0), ((prediction - target) ** 2).mean())


@pytest.mark.parametrize("power", [1.0, 1.001, 1.5, 1.999, 2.0, 2.001])
@pytest.mark.parametrize("from_log", [False, True])
def test_tweedie_keeps_its_digits_in_float32(power, from_log):
    """Close to powers 1 and 2 a difference is divided by next to nothing; close to the target the terms cancel; a
    target may be far smaller than its prediction."""
    prediction = torch.tensor([1e-2, 1.0, 7.0, 7.0, 1e4, 1e4, 1e4])
    target = torch.tensor([3e-2, 1.05, 6.5, 1e-5, 1.2e4, 3e-3, 1e7])
    given = prediction.log() if from_log else prediction
    found = lb.tweedie_loss(given, target, power=power, from_log=from_log, reduction="none")
    mu, y = given.double().exp() if from_log else given.double(), target.double()
    if power == 1:
        exact = 2 * (y * (y / mu).log() - y + mu)
    elif power == 2:
        exact = 2 * ((mu / y).log() + y / mu - 1)
    else:
        a, b = 2 - power, 1 - power
        exact = 2 * (y**a / (a * b) - y * mu**b / b + mu**a / a)
    assert found.tolist() == pytest.approx(exact.tolist(), rel=2e-5)


@pytest.mark.parametrize("power", [1.0, 1.5])
def test_tweedie_of_a_zero_target(power):
    zero = torch.zeros(1, dtype=torch.float64)
    prediction = torch.tensor([2.0], dtype=torch.float64)
    assert lb.tweedie_loss(prediction, zero, power=power).item() == pytest.approx(2 * 2 ** (2 - power) / (2 - power))
    assert autograd(lb.tweedie_loss, prediction, zero, power=power).item() == pytest.approx(2 * 2 ** (1 - power))


def test_scores_of_quantiles_ensembles_and_vectors_are_one():
    """Quantiles at the middles of equal parts, sorted members, and vectors of one number."""
    members, target = normal(4, 6).sort(-1).values, normal(4, seed=1)
    score = lb.crps_ensemble_loss(members, target)
    assert torch.isclose(lb.crps_quantile_loss(members, target), score, rtol=1e-12)
    assert torch.isclose(lb.energy_score_loss(members.unsqueeze(-1), target.unsqueeze(-1)), score, rtol=1e-12)
    fair = lb.crps_ensemble_loss(members, target, estimator="fair")
    assert torch.isclose(lb.crps_ensemble_loss(members, target, estimator="pwm"), fair, rtol=1e-12)


def test_the_fair_score_is_that_of_the_distribution_on_average():
    members = normal(20_000, 3)
    fair = lb.crps_ensemble_loss(members, torch.zeros(20_000).double(), estimator="fair")
    exact = lb.crps_gaussian_loss(*(torch.tensor([v]).double() for v in (0.0, 0.0, 1.0)))
    assert abs(fair - exact) < 0.01 < lb.crps_ensemble_loss(members, torch.zeros(20_000).double()) - exact


def test_the_interval_score_is_two_pinball_losses():
    target, ends = normal(7), normal(7, 2, seed=1).sort(-1).values
    score = lb.interval_score_loss(ends[:, 0], target, ends[:, 1], alpha=0.2)
    pinball = lb.multi_quantile_loss(ends, target, quantiles=(0.1, 0.9), over_quantiles="sum")
    assert torch.isclose(score, 2 / 0.2 * pinball, rtol=1e-12)


def test_lengths_cut_series_off_also_where_nan_follows():
    """pytorch-softdtw #2: series of different lengths in one batch."""
    x, y = normal(3, 5, 2), normal(3, 6, 2, seed=1)
    n, m = torch.tensor([5, 2, 4]), torch.tensor([3, 6, 1])
    single = [lb.soft_dtw_loss(x[i : i + 1, :a], y[i : i + 1, :b]) for i, (a, b) in enumerate(zip(n, m, strict=True))]
    for i, length in enumerate(n):
        x[i, length:] = float("nan")
    x.requires_grad_()
    values = lb.soft_dtw_loss(x, y, prediction_lengths=n, target_lengths=m, reduction="none")
    assert torch.allclose(values, torch.stack(single), rtol=1e-12)
    values.sum().backward()
    assert all((x.grad[i, length:] == 0).all() and x.grad[i, :length].isfinite().all() for i, length in enumerate(n))


def test_the_alignment_is_the_derivative_by_the_distances_and_starts_and_ends_surely():
    x, y = normal(2, 4, 1), normal(2, 3, 1, seed=1)
    alignment = lb.soft_dtw_alignment(x, y, gamma=0.7)
    assert torch.allclose(alignment[:, 0, 0], torch.ones(2).double()) and torch.allclose(
        alignment[:, -1, -1], torch.ones(2).double()
    )
    pull = 2 * (alignment.unsqueeze(-1) * (x.unsqueeze(2) - y.unsqueeze(1))).sum(2) / 2
    assert torch.allclose(pull, autograd(lb.soft_dtw_loss, x, y, gamma=0.7), rtol=1e-10)


def test_soft_dtw_of_equal_series_is_negative_and_the_divergence_is_zero():
    x = torch.zeros(1, 8, 1, dtype=torch.float64)
    assert lb.soft_dtw_loss(x, x) < -3
    assert lb.soft_dtw_loss(x, x, divergence=True).item() == pytest.approx(0.0, abs=1e-12)
    assert lb.soft_dtw_loss(x, x + 0.3, divergence=True) > 0


def test_the_counterexamples_to_a_minimum_at_the_target_hold():
    for name in ("soft_dtw_loss", "dilate_loss"):
        card = lb.cards[name]
        example = dict(card.properties["minimum_at_target"].example)
        first, other, target = (torch.tensor(example.pop(key)).double() for key in ("first", "other", "target"))
        assert card.function(other, target, **example) < card.function(first, target, **example)


def test_without_events_the_cox_loss_is_a_zero_attached_to_the_graph():
    hazard = normal(4).requires_grad_()
    value = lb.cox_partial_likelihood_loss(hazard, torch.arange(4.0), torch.zeros(4, dtype=torch.bool))
    value.backward()
    assert value.item() == 0 and (hazard.grad == 0).all()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_cox_loss_is_that_of_all_pairs(ties, seed):
    """Times are sorted, and many are equal: event by event, the risk sets are found by comparing everyone."""
    random = np.random.default_rng(seed)
    hazard, times, events = random.standard_normal(12), random.integers(4, size=12), random.integers(2, size=12)
    expected = np.zeros(12)
    for i in np.flatnonzero(events):
        tied = np.flatnonzero((times == times[i]) & (events == 1))
        taken = np.exp(hazard[tied]).sum() * list(tied).index(i) / len(tied) if ties == "efron" else 0.0
        expected[i] = np.log(np.exp(hazard[times >= times[i]]).sum() - taken) - hazard[i]
    tensors = [torch.from_numpy(array) for array in (hazard, times, events)]
    found = lb.cox_partial_likelihood_loss(*tensors, ties=ties, reduction="none")
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)


def test_cox_loss_of_a_whole_registry():
    """A table of all pairs of 100,000 people would hold 40 GB."""
    hazard = torch.zeros(100_000, requires_grad=True)
    times = torch.randperm(100_000, generator=torch.Generator().manual_seed(0))
    value = lb.cox_partial_likelihood_loss(hazard, times, torch.ones(100_000))
    assert value.item() == pytest.approx(math.lgamma(100_001) / 100_000, rel=1e-5)
    (gradient,) = torch.autograd.grad(value, hazard)
    assert gradient.sum().abs() < 1e-4 and gradient.isfinite().all()


def test_weights_leave_entries_out():
    mean, target, variance = normal(4), normal(4, seed=1), normal(4, seed=2).exp()
    weight = torch.tensor([1.0, 0.0, 1.0, 0.0]).double()
    kept = lb.gaussian_nll_loss(mean[::2], target[::2], variance[::2])
    assert torch.isclose(lb.gaussian_nll_loss(mean, target, variance, weight=weight), kept, rtol=1e-12)


def test_silly_input():
    x, one = normal(3, 4), torch.ones(3, 4).double()
    series, quantiles = normal(2, 3, 1), normal(3, 3)
    for error, words, call in (
        (ValueError, "variance must not be negative", lambda: lb.gaussian_nll_loss(x, x, -one)),
        (ValueError, "eps must be above 0", lambda: lb.gaussian_nll_loss(x, x, one, eps=0.0)),
        (ValueError, r"weight must have the shape of the losses, \(3, 4\), or one",
         lambda: lb.gaussian_nll_loss(x, x, one, weight=x.T)),
        (ValueError, "target must not be negative", lambda: lb.poisson_nll_loss(x, -one)),
        (ValueError, "form must be one of", lambda: lb.negative_binomial_nll_loss(one, one, one, form="mu")),
        (ValueError, "target must not be negative", lambda: lb.hurdle_poisson_nll_loss(x, -one, x)),
        (ValueError, "zero_logits must have the shape of prediction",
         lambda: lb.hurdle_negative_binomial_nll_loss(one, one, one, x[0])),
        (ValueError, "power must be at most 0 or at least 1", lambda: lb.tweedie_loss(one, one, power=0.5)),
        (ValueError, "target must be above 0", lambda: lb.tweedie_loss(one, 0 * one, power=2.0)),
        (ValueError, "quantiles must name 3 levels",
         lambda: lb.multi_quantile_loss(quantiles, x[:, 0], quantiles=(0.5,))),
        (ValueError, "rising order", lambda: lb.multi_quantile_loss(quantiles, x[:, 0], quantiles=(0.5, 0.1, 0.9))),
        (ValueError, "alpha must", lambda: lb.interval_score_loss(x, x, x, alpha=0.0)),
        (ValueError, "needs at least two members", lambda: lb.crps_ensemble_loss(x[:, :1], x[:, 0], estimator="fair")),
        (ValueError, "beta must be above 0 and below 2", lambda: lb.energy_score_loss(normal(3, 2, 4), x, beta=2.0)),
        (ValueError, r"prediction must have shape \(N, T, D\)", lambda: lb.soft_dtw_loss(x, x)),
        (ValueError, "gamma must be above 0", lambda: lb.dilate_loss(series, series, gamma=0.0)),
        (ValueError, "prediction_lengths must lie between 1 and 3",
         lambda: lb.soft_dtw_loss(series, series, prediction_lengths=torch.tensor([0, 3]))),
        (TypeError, "target_lengths must hold integers",
         lambda: lb.soft_dtw_loss(series, series, target_lengths=torch.ones(2))),
        (ValueError, "target must hold times, got NaN",
         lambda: lb.cox_partial_likelihood_loss(x[0], float("nan") * x[0], one[0])),
        (ValueError, "event must hold", lambda: lb.cox_partial_likelihood_loss(x[0], x[0], 2 * one[0])),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            call()


def test_the_plain_warping_distance_is_that_of_a_loop():
    x, y = normal(1, 9, 2).numpy(), normal(1, 7, 2, seed=3).numpy()
    table = np.full((10, 8), np.inf)
    table[0, 0] = 0.0
    for i in range(9):
        for j in range(7):
            cost = ((x[0, i] - y[0, j]) ** 2).sum()
            table[i + 1, j + 1] = cost + min(table[i, j], table[i, j + 1], table[i + 1, j])
    found = lb.soft_dtw_loss(torch.from_numpy(x), torch.from_numpy(y), gamma=0.0)
    assert found.item() == pytest.approx(table[9, 7], rel=1e-12)
