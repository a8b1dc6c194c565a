"""Losses of regression against their definitions in NumPy, their identities, and what goes wrong elsewhere."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.integrate import quad
from torch import Tensor

import lossbook as lb
from lossbook.calculus import autograd

Array = NDArray[Any]
DRAWS = range(16)
NAN = float("nan")


# --- definitions ------------------------------------------------------------------------------------------------------


class Draw:
    """Random settings and a random input: predictions, targets (some equal to them), weights (some zero)."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.prediction = 3 * self.random.standard_normal((3, 2, 4))
        self.target = 3 * self.random.standard_normal((3, 2, 4))
        same = self.random.random(self.target.shape) < 0.2
        self.target[same] = self.prediction[same]

    def one_of(self, *choices: Any) -> Any:
        return choices[self.random.integers(len(choices))]

    def weight(self) -> Array | None:
        return self.one_of(
            None, np.array([0.5, 2.0, 0.0, 1.0]), self.random.random((3, 2, 4)), np.array([[0.0], [3.0]]), np.zeros(1)
        )


def compare(function: Callable, arrays: tuple[Array, ...], settings: dict[str, Any], values: Array, weights: Array):
    """`values` are the contributions, `weights` what each counts; both of the shape that `"none"` gives."""
    settings = {key: torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value
                for key, value in settings.items() if value is not None}  # fmt: skip
    weighted, total = values * weights, weights.sum()
    expected = {"none": weighted, "sum": weighted.sum(), "mean": weighted.sum() / total if total > 0 else 0.0}
    for reduction, wanted in expected.items():
        found = function(*(torch.from_numpy(np.array(a)) for a in arrays), reduction=reduction, **settings)
        assert found.shape == np.shape(wanted), (reduction, settings)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9, atol=1e-12, err_msg=f"{reduction} {settings}")


def robust(r: float, alpha: float, c: float) -> float:
    x = (r / c) ** 2
    if alpha == 2:
        return x / 2
    if alpha == 0:
        return math.log(x / 2 + 1)
    if alpha == -math.inf:
        return 1 - math.exp(-x / 2)
    return abs(alpha - 2) / alpha * ((x / abs(alpha - 2) + 1) ** (alpha / 2) - 1)


def tukey(r: float, c: float) -> float:
    return c**2 / 6 * (1 - (1 - (r / c) ** 2) ** 3 if abs(r) <= c else 1)


def huber(r: float, delta: float) -> float:
    return r**2 / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2)


def smooth_l1(r: float, beta: float) -> float:
    return r**2 / 2 / beta if abs(r) < beta else abs(r) - beta / 2


ELEMENTWISE: dict[str, tuple[Callable[..., float], dict[str, tuple[Any, ...]]]] = {
    # the loss of prediction a and target b under the settings, and the settings that are drawn
    "l1_loss": (lambda a, b: abs(a - b), {}),
    "mse_loss": (lambda a, b: (a - b) ** 2, {}),
    "smooth_l1_loss": (lambda a, b, beta: smooth_l1(a - b, beta), {"beta": (0.0, 0.7, 3.0)}),
    "huber_loss": (lambda a, b, delta: huber(a - b, delta), {"delta": (0.4, 1.0, 3.0)}),
    "log_cosh_loss": (lambda a, b: math.log(math.cosh(a - b)), {}),
    "charbonnier_loss": (
        lambda a, b, scale, form: math.sqrt((a - b) ** 2 + scale**2) if form == "root"
        else scale**2 * (math.sqrt(1 + ((a - b) / scale) ** 2) - 1),
        {"scale": (0.3, 1.0, 4.0), "form": ("pseudo_huber", "root")},
    ),
    "cauchy_loss": (lambda a, b, scale: robust(a - b, 0, scale), {"scale": (0.3, 1.0, 4.0)}),
    "welsch_loss": (lambda a, b, scale: robust(a - b, -math.inf, scale), {"scale": (0.3, 1.0, 4.0)}),
    "geman_mcclure_loss": (lambda a, b, scale: robust(a - b, -2, scale), {"scale": (0.3, 1.0, 4.0)}),
    "tukey_loss": (lambda a, b, cutoff: tukey(a - b, cutoff), {"cutoff": (1.0, 4.685)}),
    "general_robust_loss": (
        lambda a, b, alpha, scale: robust(a - b, alpha, scale),
        {"alpha": (-math.inf, -8.0, -2.0, -0.5, 0.0, 0.5, 1.0, 1.7, 2.0, 2.5), "scale": (0.5, 1.0, 4.0)},
    ),
    "mape_loss": (lambda a, b, epsilon: abs(a - b) / max(abs(b), epsilon), {"epsilon": (1e-3, 0.5)}),
    "smape_loss": (
        lambda a, b, denominator: abs(a - b) / (abs(a) + abs(b)) * (2 if denominator == "mean" else 1),
        {"denominator": ("mean", "sum")},
    ),
    "quantile_loss": (
        lambda a, b, quantile: max(quantile * (b - a), (quantile - 1) * (b - a)),
        {"quantile": (0.1, 0.5, 0.9)},
    ),
    "expectile_loss": (
        lambda a, b, expectile: (expectile if b > a else 1 - expectile) * (a - b) ** 2,
        {"expectile": (0.1, 0.5, 0.9)},
    ),
    "quantile_huber_loss": (
        lambda a, b, quantile, kappa: (quantile if b > a else 1 - quantile)
        * (huber(a - b, kappa) / kappa if kappa else abs(a - b)),
        {"quantile": (0.1, 0.5, 0.9), "kappa": (0.0, 0.5, 2.0)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("seed", DRAWS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_definition_entry_by_entry(name, seed):
    draw = Draw(seed)
    definition, choices = ELEMENTWISE[name]
    settings = {key: draw.one_of(*values) for key, values in choices.items()}
    weight = draw.weight()
    values = np.vectorize(lambda a, b: definition(a, b, **settings), otypes=[float])(draw.prediction, draw.target)
    weights = np.broadcast_to(1.0 if weight is None else weight, values.shape)
    compare(getattr(lb, name), (draw.prediction, draw.target), settings | {"weight": weight}, values, weights)


@pytest.mark.parametrize("seed", DRAWS)
def test_msle(seed):
    draw = Draw(seed)
    prediction, target, weight = np.abs(draw.prediction), np.abs(draw.target), draw.weight()
    values = (np.log(1 + prediction) - np.log(1 + target)) ** 2
    weights = np.broadcast_to(1.0 if weight is None else weight, values.shape)
    compare(lb.msle_loss, (prediction, target), {"weight": weight}, values, weights)


@pytest.mark.parametrize("seed", DRAWS)
def test_euclidean(seed):
    draw = Draw(seed)
    values = np.array([sum((a - b) ** 2 for a, b in zip(x.flat, y.flat, strict=True)) / 2
                       for x, y in zip(draw.prediction, draw.target, strict=True)])  # fmt: skip
    compare(lb.euclidean_loss, (draw.prediction, draw.target), {}, values, np.ones(3))


@pytest.mark.parametrize("seed", DRAWS)
def test_relative_l2(seed):
    draw = Draw(seed)
    squared = draw.one_of(True, False)
    if draw.one_of(True, False):
        draw.target[1] = 0
    values, weights = np.zeros(3), np.zeros(3)
    for n in range(3):
        size = (draw.target[n] ** 2).sum()
        if size > 0:
            ratio = ((draw.prediction[n] - draw.target[n]) ** 2).sum() / size
            values[n], weights[n] = ratio if squared else math.sqrt(ratio), 1
    compare(lb.relative_l2_loss, (draw.prediction, draw.target), {"squared": squared}, values, weights)


@pytest.mark.parametrize("seed", DRAWS)
@pytest.mark.parametrize("dim", [None, 0, -1, (0, 2)])
def test_rmse(dim, seed):
    draw = Draw(seed)
    weight = draw.weight()
    w = np.broadcast_to(1.0 if weight is None else weight, draw.target.shape)
    squares, total = (w * (draw.prediction - draw.target) ** 2).sum(dim), w.sum(dim)
    values = np.sqrt(squares / np.where(total > 0, total, 1))
    compare(lb.rmse_loss, (draw.prediction, draw.target), {"weight": weight, "dim": dim}, values,
            (total > 0).astype(float))  # fmt: skip


@pytest.mark.parametrize("seed", DRAWS)
@pytest.mark.parametrize("name", ["mase_loss", "rmsse_loss"])
def test_scaled_errors_from_the_history(name, seed):
    draw = Draw(seed)
    history, season = np.cumsum(draw.random.standard_normal((3, 2, 9)), -1), draw.one_of(1, 3)
    if draw.one_of(True, False):
        history[1, 0] = 5.0  # a constant past
    power = 1 if name == "mase_loss" else 2
    scale = np.zeros((3, 2, 1))
    for n, k in itertools.product(range(3), range(2)):
        past = history[n, k]
        steps = [abs(past[t] - past[t - season]) ** power for t in range(season, 9)]
        scale[n, k, 0] = (sum(steps) / len(steps)) ** (1 / power)
    found = lb.seasonal_naive_scale(torch.from_numpy(history), season=season, squared=power == 2)
    np.testing.assert_allclose(found.numpy(), scale, rtol=1e-12)
    error = np.abs(draw.prediction - draw.target) / np.where(scale > 0, scale, 1)
    valid = np.broadcast_to(scale > 0, error.shape).astype(float)
    if power == 1:
        weight = draw.weight()
        weights = valid * np.broadcast_to(1.0 if weight is None else weight, valid.shape)
        values = error
    else:
        weight = draw.one_of(None, np.array([0.5, 2.0]), np.array([[0.3], [0.0], [1.0]]))
        weights = valid[..., 0] * np.broadcast_to(1.0 if weight is None else weight, (3, 2))
        values = np.sqrt((error**2).mean(-1))
    compare(getattr(lb, name), (draw.prediction, draw.target, scale), {"weight": weight}, values, weights)


@pytest.mark.parametrize("seed", DRAWS)
@pytest.mark.parametrize("name", ["quantile_loss", "expectile_loss", "quantile_huber_loss"])
def test_several_levels_stand_in_the_last_dimension(name, seed):
    draw = Draw(seed)
    definition, choices = ELEMENTWISE[name]
    setting = "expectile" if name == "expectile_loss" else "quantile"
    levels = tuple(draw.random.uniform(0.05, 0.95, 4))
    target, weight = draw.target[..., 0], draw.weight()
    settings = {key: draw.one_of(*values) for key, values in choices.items() if key != setting}
    values = np.zeros(draw.prediction.shape)
    for n, k, q in itertools.product(range(3), range(2), range(4)):
        values[n, k, q] = definition(draw.prediction[n, k, q], target[n, k], **settings, **{setting: levels[q]})
    weights = np.broadcast_to(1.0 if weight is None else weight, values.shape)
    settings |= {setting: levels, "weight": weight}
    compare(getattr(lb, name), (draw.prediction, target), settings, values, weights)


@pytest.mark.parametrize("seed", DRAWS)
def test_cosine_losses(seed):
    draw = Draw(seed)
    margin, weight = draw.one_of(-0.5, 0.0, 0.3), draw.one_of(None, np.array([0.5, 2.0]))
    cosine = np.zeros((3, 2))
    if draw.one_of(True, False):
        draw.prediction[2, 0] = 0
    for n, k in itertools.product(range(3), range(2)):
        a, b = draw.prediction[n, k], draw.target[n, k]
        lengths = math.sqrt((a * a).sum() * (b * b).sum())
        cosine[n, k] = (a * b).sum() / lengths if lengths > 0 else 0
    sign = 2 * draw.random.integers(2, size=(3, 2)) - 1
    values = np.where(sign > 0, 1 - cosine, np.maximum(0, cosine - margin))
    compare(lb.cosine_embedding_loss, (draw.prediction, draw.target, sign), {"margin": margin}, values, np.ones((3, 2)))
    weights = np.broadcast_to(1.0 if weight is None else weight, cosine.shape)
    compare(lb.cosine_distance_loss, (draw.prediction, draw.target), {"weight": weight}, 1 - cosine, weights)
    moved = [np.moveaxis(array, -1, 1) for array in (draw.prediction, draw.target)]
    compare(lb.cosine_distance_loss, tuple(moved), {"weight": weight, "dim": 1}, 1 - cosine, weights)


@pytest.mark.parametrize("seed", DRAWS)
def test_scale_invariant_log(seed):
    draw = Draw(seed)
    lam, logarithm, weight = draw.one_of(0.0, 0.5, 1.0), draw.one_of(True, False), draw.weight()
    if draw.one_of(True, False):
        weight = draw.random.integers(2, size=(3, 2, 4)).astype(float)
        weight[1] = 0
    w = np.broadcast_to(1.0 if weight is None else weight, draw.target.shape)
    depth, truth = np.exp(draw.prediction), np.exp(draw.target)
    values, weights = np.zeros(3), np.zeros(3)
    for n in range(3):
        g = np.log(depth[n]) - np.log(truth[n])
        if w[n].sum() > 0:
            mean_square, mean = (w[n] * g**2).sum() / w[n].sum(), (w[n] * g).sum() / w[n].sum()
            values[n], weights[n] = mean_square - lam * mean**2, 1
    settings = {"lam": lam, "log_prediction": logarithm, "weight": weight}
    compare(lb.scale_invariant_log_loss, (draw.prediction if logarithm else depth, truth), settings, values, weights)


@pytest.mark.parametrize("alpha", [0.0, 1e-6, 0.01, 0.3, 0.999, 1.0, 1.001, 1.7, 1.99, 1.999999, 2.0])
def test_adaptive_robust_loss_is_a_density(alpha):
    """Its exponential integrates to one: the normalizer is right, against an adaptive quadrature."""
    zero = torch.zeros(1, dtype=torch.float64)
    shape = torch.tensor(alpha, dtype=torch.float64)
    log_z = lb.adaptive_robust_loss(zero, zero, shape, torch.ones((), dtype=torch.float64)).item()

    def density(u: float) -> float:  # x = exp(u), so that the tails end
        return math.exp(u - robust(math.exp(u), alpha, 1.0)) if u < 300 else 0.0

    z = 2 * sum(quad(density, *ends, epsabs=1e-13, limit=200)[0] for ends in ((-40, -5), (-5, 0), (0, 5), (5, 60)))
    assert log_z == pytest.approx(math.log(z), abs=2e-9)


@pytest.mark.parametrize("seed", DRAWS)
def test_adaptive_robust(seed):
    draw = Draw(seed)
    alpha, scale = draw.random.uniform(0, 2, 4), draw.random.uniform(0.3, 3, 4)
    alpha[0], weight = draw.one_of(0.0, 1.0, 2.0), draw.weight()
    values = np.zeros(draw.target.shape)
    for n, k, c in itertools.product(range(3), range(2), range(4)):
        z = quad(lambda t, a=alpha[c]: 2 * math.exp(t - robust(math.exp(t), a, 1.0)), -40, 60, limit=400,
                 epsabs=1e-12, points=[-2, 0, 2, 5])[0]  # fmt: skip
        r = draw.prediction[n, k, c] - draw.target[n, k, c]
        values[n, k, c] = robust(r, alpha[c], scale[c]) + math.log(scale[c]) + math.log(z)
    weights = np.broadcast_to(1.0 if weight is None else weight, values.shape)
    settings = {} if weight is None else {"weight": torch.from_numpy(np.array(weight))}
    arrays = [torch.from_numpy(a) for a in (draw.prediction, draw.target, alpha, scale)]
    found = lb.adaptive_robust_loss(*arrays, reduction="none", **settings)
    np.testing.assert_allclose(found.numpy(), values * weights, rtol=1e-8, atol=1e-8)
    total = weights.sum()
    mean = lb.adaptive_robust_loss(*arrays, **settings).item()
    assert mean == pytest.approx((values * weights).sum() / total if total else 0.0, abs=1e-8)


# --- identities -------------------------------------------------------------------------------------------------------


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(3 * torch.randn(2, *shape, generator=generator, dtype=torch.float64).to(dtype))


def same(first: Tensor, second: Tensor) -> bool:
    return torch.allclose(first, second, rtol=1e-10, atol=1e-13)


def test_huber_is_smooth_l1_times_its_threshold():
    """The two are mixed up (pytorch #48595); `beta=0` is L1 (pytorch #68558)."""
    x, y = numbers(50)
    for delta in (0.3, 1.0, 2.5):
        assert same(lb.huber_loss(x, y, delta=delta), delta * lb.smooth_l1_loss(x, y, beta=delta))
    assert torch.equal(lb.smooth_l1_loss(x, y, beta=0.0), lb.l1_loss(x, y))
    one, three = torch.tensor([1.0]), torch.tensor([0.0])
    assert lb.smooth_l1_loss(one, three, beta=2.0) == 0.25 and lb.huber_loss(one, three, delta=2.0) == 0.5


def test_members_of_the_general_robust_loss():
    x, y = numbers(50)
    for c in (0.5, 1.0, 3.0):
        general = {a: lb.general_robust_loss(x, y, alpha=a, scale=c) for a in (2.0, 1.0, 0.0, -2.0, -math.inf)}
        assert same(general[2.0], lb.mse_loss(x, y) / 2 / c**2)
        assert same(general[1.0], lb.charbonnier_loss(x, y, scale=c) / c**2)
        assert same(general[0.0], lb.cauchy_loss(x, y, scale=c))
        assert same(general[-2.0], lb.geman_mcclure_loss(x, y, scale=c))
        assert same(general[-math.inf], lb.welsch_loss(x, y, scale=c))


@pytest.mark.parametrize("limit", [2.0, 0.0, -math.inf])
def test_general_robust_loss_tends_to_its_limits(limit):
    """Shapes beside the removable singularities lose no digits, in value and in gradient."""
    x, y = numbers(50)
    near = -1e9 if limit == -math.inf else limit + 1e-9
    for shape in (near, 2 * limit - near) if math.isfinite(limit) else (near,):
        for function in (lb.general_robust_loss, lambda *t, **s: autograd(lb.general_robust_loss, *t, **s)):
            assert torch.allclose(function(x, y, alpha=shape), function(x, y, alpha=limit), rtol=1e-6)


def test_charbonnier_root_is_the_same_curve_moved():
    x, y = numbers(50)
    c = 0.2
    assert same(lb.charbonnier_loss(x, y, scale=c, form="root"), lb.charbonnier_loss(x, y, scale=c) / c + c)


@pytest.mark.parametrize("k", [1.0, 2.3849])
def test_forms_of_statistics(k):
    """The M-estimators with their tuning constants, as the docstrings translate them."""
    x, y = numbers(50)
    r = x - y
    half, c = k**2 / 2, k / math.sqrt(2)
    assert same(half * lb.cauchy_loss(x, y, scale=c), (half * torch.log1p((r / k) ** 2)).mean())
    assert same(half * lb.welsch_loss(x, y, scale=c), (half * (1 - torch.exp(-((r / k) ** 2)))).mean())
    assert same(lb.geman_mcclure_loss(x, y, scale=k / 2) / 2, (r**2 / (k**2 + r**2)).mean())


def test_quantile_relatives():
    x, y = numbers(50)
    assert same(lb.quantile_loss(x, y), lb.l1_loss(x, y) / 2)
    assert same(lb.expectile_loss(x, y), lb.mse_loss(x, y) / 2)
    assert same(lb.quantile_huber_loss(x, y, quantile=0.3, kappa=0.0), lb.quantile_loss(x, y, quantile=0.3))
    assert same(lb.quantile_huber_loss(x, y, kappa=2.0), lb.huber_loss(x, y, delta=2.0) / 4)
    assert same(lb.quantile_loss(x, y, quantile=0.2), lb.quantile_loss(y, x, quantile=0.8))


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_best_constants(q):
    """The quantile, the mean, the median and the expectile are what their losses elicit."""
    data = numbers(1001)[0]
    grid = torch.linspace(-6, 6, 2401, dtype=torch.float64).unsqueeze(1)

    def best(loss: Callable[..., Tensor], **settings: Any) -> float:
        values = loss(grid.expand(-1, 1001), data.expand(2401, -1), reduction="none", **settings).mean(1)
        return grid[values.argmin(), 0].item()

    assert best(lb.quantile_loss, quantile=q) == pytest.approx(data.quantile(q).item(), abs=0.02)
    assert best(lb.mse_loss) == pytest.approx(data.mean().item(), abs=0.005)
    assert best(lb.l1_loss) == pytest.approx(data.median().item(), abs=0.02)
    e = best(lb.expectile_loss, expectile=q)  # both sides pull alike
    up, down = q * (data - e).clamp_min(0).mean(), (1 - q) * (e - data).clamp_min(0).mean()
    assert up.item() == pytest.approx(down.item(), abs=0.01)


def test_several_quantiles_are_averaged():
    """Not added up (as neuralforecast does), not doubled (as gluonts does): CATALOGUE, pinball."""
    x, y = numbers(20, 3)[0], numbers(20, seed=1)[0]
    levels = (0.1, 0.5, 0.9)
    apart = torch.stack([lb.quantile_loss(x[:, k], y, quantile=q) for k, q in enumerate(levels)])
    assert same(lb.quantile_loss(x, y, quantile=levels), apart.mean())


def test_distributional_reinforcement_learning():
    """The call in the docstring: every predicted quantile against every sample of the target."""
    theta, samples = numbers(2, 5)[0], numbers(2, 4, seed=1)[0]
    levels = tuple((2 * i + 1) / 10 for i in range(5))
    found = lb.quantile_huber_loss(theta.unsqueeze(-2).expand(2, 4, 5), samples, quantile=levels, reduction="none")
    for n, j, i in itertools.product(range(2), range(4), range(5)):
        u = (samples[n, j] - theta[n, i]).item()
        assert found[n, j, i].item() == pytest.approx(abs(levels[i] - (u < 0)) * huber(u, 1.0))


def test_euclidean_is_half_the_squares_of_an_example():
    x, y = numbers(6, 7)
    assert same(lb.euclidean_loss(x, y), lb.mse_loss(x, y) * 7 / 2)
    assert same(autograd(lb.euclidean_loss, x, y, reduction="sum"), x - y)
    assert same(lb.euclidean_loss(x[:, 0], y[:, 0]), lb.mse_loss(x[:, 0], y[:, 0]) / 2)


def test_cosine_distance_of_unit_vectors_is_half_their_squared_distance():
    x, y = (torch.nn.functional.normalize(t, dim=-1) for t in numbers(9, 5))
    assert same(lb.cosine_distance_loss(x, y), (x - y).square().sum(-1).mean() / 2)


def test_scale_invariant_log_forgives_a_common_factor():
    x, y = (t.exp() for t in numbers(4, 30))
    kwargs = {"lam": 1.0, "reduction": "none"}
    factors = torch.tensor([[0.1], [1.0], [3.0], [70.0]], dtype=torch.float64)
    moved = lb.scale_invariant_log_loss(factors * x, y, **kwargs)
    assert same(moved, lb.scale_invariant_log_loss(x, y, **kwargs))
    assert not same(lb.scale_invariant_log_loss(factors * x, y), lb.scale_invariant_log_loss(x, y))


def test_scale_invariant_log_is_never_negative():
    """The difference of two means of equal size would be, by rounding."""
    depth = torch.full((1, 1000), 0.1)
    assert lb.scale_invariant_log_loss(7 * depth, depth, lam=1.0) >= 0
    assert lb.scale_invariant_log_loss(7 * depth, depth, lam=1.0) < 1e-12


# --- what goes wrong elsewhere ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rmse_loss", "rmsse_loss", "relative_l2_loss"])
def test_roots_have_a_gradient_at_zero_error(name):
    """`sqrt(mse)` has a NaN gradient where a batch is fitted exactly."""
    y = numbers(3, 4)[1]
    others = (y, torch.ones(3, 1, dtype=torch.float64)) if name == "rmsse_loss" else (y,)
    x = y.clone()
    assert (autograd(getattr(lb, name), x, *others) == 0).all()
    x[0] += 1  # one row wrong, the others exact
    gradient = autograd(getattr(lb, name), x, *others)
    assert gradient.isfinite().all() and (gradient[1:] == 0).all() and (gradient[0] > 0).all()


def test_log_cosh_keeps_the_digits_of_small_errors_and_does_not_overflow():
    """Usual forms: 0 at 1e-4 in float32 (the true value is 5e-9), infinity at 100."""
    errors = torch.tensor([1e-6, 1e-4, 1e-3, 0.1, 0.9999, 1.0, 1.0001, 10.0, 100.0, 3e4, 1e30])
    found = lb.log_cosh_loss(errors, torch.zeros(11), reduction="none")
    exact = [x**2 / 2 - x**4 / 12 if x < 0.01 else x + math.log1p(math.exp(-2 * x)) - math.log(2)
             for x in errors.double().tolist()]  # fmt: skip
    assert found.double().tolist() == pytest.approx(exact, rel=3e-7)
    assert same(autograd(lb.log_cosh_loss, errors.double(), torch.zeros(11).double(), reduction="sum"),
                errors.double().tanh())  # fmt: skip


def test_log_cosh_has_its_second_derivative_in_every_way():
    """It is given its slope: the slope has to have its own, backwards and forwards, alone and beside an outlier."""
    x, y = numbers(6)
    curvature = (1 - (x - y).tanh().square()).diag() / 6
    for outer, inner in itertools.product((torch.func.jacfwd, torch.func.jacrev), repeat=2):
        assert torch.allclose(outer(inner(lb.log_cosh_loss))(x, y), curvature, rtol=1e-12)
    assert torch.autograd.gradgradcheck(lambda x: lb.log_cosh_loss(x, y, reduction="none"), x.requires_grad_())
    far = torch.tensor([1e3], dtype=torch.float64)
    beside = lb.log_cosh_loss(torch.cat([x, far]), torch.cat([y, -far]), reduction="none")
    assert same(beside[:-1], lb.log_cosh_loss(x, y, reduction="none"))
    assert beside[-1].item() == pytest.approx(2e3 - math.log(2), rel=1e-15)


@pytest.mark.parametrize("form", ["pseudo_huber", "root"])
def test_charbonnier_beside_an_error_whose_square_overflows(form):
    """Then no square is formed: the other entries stay as they are, and a scale whose square is zero still counts."""
    x, y = numbers(6, dtype=torch.float32)
    far = torch.tensor([1e30])
    beside = lb.charbonnier_loss(torch.cat([x, far]), torch.cat([y, -far]), scale=0.3, form=form, reduction="none")
    alone = lb.charbonnier_loss(x, y, scale=0.3, form=form, reduction="none")
    assert torch.allclose(beside[:-1], alone, rtol=1e-6)
    tiny = torch.tensor([3e-25]), torch.zeros(1)
    assert lb.charbonnier_loss(*tiny, scale=4e-25, form="root").item() == pytest.approx(5e-25)
    assert autograd(lb.charbonnier_loss, *tiny, scale=4e-25, form="root").item() == pytest.approx(0.6)


@pytest.mark.parametrize("name", ["charbonnier_loss", "cauchy_loss", "welsch_loss", "geman_mcclure_loss", "tukey_loss",
                                  "general_robust_loss", "log_cosh_loss", "huber_loss"])  # fmt: skip
def test_small_errors_keep_their_digits(name):
    """All of them are half the square near zero; `sqrt(1 + x²) - 1` and `1 - (1 - x²)³` are 0 there in float32."""
    errors = torch.tensor([1e-5, 1e-4, 1e-3])
    found = getattr(lb, name)(errors, torch.zeros(3), reduction="none")
    assert found.tolist() == pytest.approx([5e-11, 5e-9, 5e-7], rel=3e-6)


@pytest.mark.parametrize(("form", "less"), [("pseudo_huber", 3.0), ("root", 0.0)])
def test_charbonnier_of_an_error_whose_square_overflows(form, less):
    """A root of squares is infinite in float32 from 2e19 on, and what is divided by it is 0 or NaN."""
    far = torch.tensor([-1e30, 1e25])
    found = lb.charbonnier_loss(far, torch.zeros(2), scale=3.0, form=form, reduction="none")
    factor = 1.0 if form == "root" else 3.0
    assert found.tolist() == pytest.approx([factor * (1e30 - less), factor * (1e25 - less)], rel=1e-6)
    pull = autograd(lb.charbonnier_loss, far, torch.zeros(2), scale=3.0, form=form, reduction="sum")
    assert pull.tolist() == [-factor, factor]


def test_tukey_saturates_far_from_the_target_not_near_it():
    """In one library the two cases are exchanged: CATALOGUE, Tukey."""
    near, far = lb.tukey_loss(torch.tensor([0.1, 100.0]), torch.zeros(2), reduction="none")
    assert near < 0.006 and far == pytest.approx(4.685**2 / 6)
    pull = autograd(lb.tukey_loss, torch.tensor([0.1, 4.685, 100.0]), torch.zeros(3), reduction="sum")
    assert pull[0] > 0.09 and pull[1].abs() < 1e-5 and pull[2] == 0


@pytest.mark.parametrize(("name", "most"), [("welsch_loss", 1.0), ("geman_mcclure_loss", 2.0),
                                            ("tukey_loss", 4.685**2 / 6)])  # fmt: skip
def test_bounded_losses_of_an_error_whose_square_overflows(name, most):
    far = torch.tensor([1e25, -1e38])
    assert getattr(lb, name)(far, torch.zeros(2), reduction="none").tolist() == pytest.approx([most, most])
    assert (autograd(getattr(lb, name), far, torch.zeros(2)) == 0).all()


def test_redescending_losses_let_go_of_outliers():
    r = torch.linspace(0.5, 20, 40, dtype=torch.float64)
    for name in ("cauchy_loss", "welsch_loss", "geman_mcclure_loss", "tukey_loss"):
        pull = autograd(getattr(lb, name), r, torch.zeros_like(r), reduction="sum")
        assert (pull >= 0).all() and pull[-1] < pull.max() / 2


def test_mape_at_targets_of_zero():
    """Masked entries must not count in the mean: with zeros in the sum but not in the divisor every forecast looks
    better (utilsforecast #86), and a 0 / 0 masked to 0 teaches the model to predict NaN (darts #2517)."""
    x, y = torch.tensor([110.0, 3.0]), torch.tensor([100.0, 0.0])
    assert lb.mape_loss(x, y, skip_zeros=True).item() == pytest.approx(0.1)
    assert lb.mape_loss(x, y, skip_zeros=True, reduction="none").tolist() == pytest.approx([0.1, 0.0])
    assert lb.mape_loss(x, y, epsilon=0.5).item() == pytest.approx((0.1 + 6) / 2)
    assert lb.mape_loss(x, y, skip_zeros=True, weight=torch.tensor([2.0, 5.0])).item() == pytest.approx(0.1)
    assert autograd(lb.mape_loss, x, y, skip_zeros=True).tolist() == pytest.approx([0.01, 0.0])
    nothing = torch.zeros(2)
    assert lb.mape_loss(x, nothing, skip_zeros=True) == 0 and (autograd(lb.mape_loss, x, nothing, skip_zeros=True) == 0
                                                               ).all()  # fmt: skip


@pytest.mark.parametrize("name", ["mape_loss", "smape_loss", "mse_loss", "huber_loss"])
def test_a_forecast_of_nan_is_not_hidden(name):
    """Protection against NaN hides forecasts that are NaN (neuralforecast #72)."""
    x, y = torch.tensor([1.0, NAN]), torch.tensor([1.0, 2.0])
    assert getattr(lb, name)(x, y).isnan()


def test_smape_at_zero():
    """0 / 0 is 0, with the gradient 0; a target of zero alone is 2 whatever is predicted."""
    x, y = torch.tensor([0.0, 0.5, -3.0, 0.0]), torch.tensor([0.0, 0.0, 0.0, 2.0])
    assert lb.smape_loss(x, y, reduction="none").tolist() == [0.0, 2.0, 2.0, 2.0]
    assert lb.smape_loss(x, y, denominator="sum", reduction="none").tolist() == [0.0, 1.0, 1.0, 1.0]
    gradient = autograd(lb.smape_loss, x, y, reduction="sum")
    assert gradient[:3].abs().max() < 1e-6 and gradient.isfinite().all()
    assert autograd(lb.smape_loss, torch.tensor([0.0]), torch.tensor([0.0])) == 0


def test_smape_has_a_gradient_through_its_denominator():
    """With the denominator held fixed the slope at y=2, x=3 would be 2 / 5, not 8 / 25 (darts)."""
    slope = autograd(lb.smape_loss, torch.tensor([3.0]), torch.tensor([2.0]))
    assert slope.item() == pytest.approx(8 / 25)


def test_mase_takes_its_scale_from_the_history():
    """From the training part, for each series by itself; a constant past does not count, rather than give infinity."""
    history = torch.tensor([[1.0, 2.0, 4.0, 8.0], [5.0, 5.0, 5.0, 5.0], [10.0, 30.0, 10.0, 30.0]])
    scale = lb.seasonal_naive_scale(history)
    assert scale.flatten().tolist() == pytest.approx([7 / 3, 0.0, 20.0])
    assert lb.seasonal_naive_scale(history, season=2).flatten().tolist() == pytest.approx([4.5, 0.0, 0.0])
    x, y = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[8.0], [1.0], [23.0]])
    assert lb.mase_loss(x, y, scale, reduction="none").flatten().tolist() == pytest.approx([3.0, 0.0, 1.0])
    assert lb.mase_loss(x, y, scale).item() == pytest.approx(2.0)
    assert lb.rmsse_loss(x, y, scale).item() == pytest.approx(2.0)
    assert (autograd(lb.mase_loss, x, y, scale)[1] == 0).all()


def test_naive_scale_leaves_missing_values_out():
    history = torch.tensor([[1.0, NAN, 4.0, 8.0], [NAN, NAN, NAN, 2.0]])
    assert lb.seasonal_naive_scale(history).tolist() == [[4.0], [0.0]]
    assert lb.seasonal_naive_scale(history, season=2).tolist() == [[3.0], [0.0]]
    half = lb.seasonal_naive_scale(torch.tensor([300.0, 0.0, 300.0]).half(), squared=True)
    assert half.dtype == torch.float16 and half.item() == 300  # the square alone is more than float16 holds


@pytest.mark.parametrize("name", sorted(set(ELEMENTWISE) | {"rmse_loss", "msle_loss"}))
def test_a_weight_of_zero_hides_even_nan(name):
    """The entry neither counts nor gets a gradient; the weights themselves have one."""
    x, y = (t.abs() + 0.5 for t in numbers(5))
    weight = torch.tensor([1.0, 0.0, 2.0, 0.0, 0.5], dtype=torch.float64)
    kept = weight > 0
    wrong = y.clone()
    wrong[1], poisoned = NAN, x.clone()
    poisoned[3] = NAN
    function = getattr(lb, name)
    expected = function(x[kept], y[kept], weight=weight[kept])
    assert torch.allclose(function(poisoned, wrong, weight=weight), expected, rtol=1e-12)
    gradient = autograd(function, poisoned, wrong, weight=weight)
    assert gradient.isfinite().all() and (gradient[~kept] == 0).all()
    weight.requires_grad_()
    function(x, y, weight=weight).backward()
    assert weight.grad.isfinite().all() and weight.grad.any()
    assert torch.isclose(function(x, y, weight=kept), function(x[kept], y[kept]))  # a mask is a weight


def test_missing_depths_may_be_zero():
    """Sensors write 0 where they saw nothing; the mask decides, and a picture without a valid pixel does not count."""
    depth = torch.tensor([[2.0, 4.0, 1.0], [1.0, 1.0, 1.0]])
    truth = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    found = lb.scale_invariant_log_loss(depth, truth, weight=truth > 0, lam=0.0)
    assert found.item() == pytest.approx((math.log(2) ** 2 + math.log(4) ** 2) / 2)
    gradient = autograd(lb.scale_invariant_log_loss, depth, truth, weight=truth > 0)
    assert gradient.isfinite().all() and (gradient[truth == 0] == 0).all()


@pytest.mark.parametrize("name", ["cosine_distance_loss", "cosine_embedding_loss"])
def test_zero_vectors_and_identical_vectors(name):
    """No norm is taken at zero: the gradient is finite, and points to the partner."""
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    y = torch.tensor([[3.0, 4.0], [3.0, 4.0], [0.0, 0.0]])
    others = (y, torch.ones(3)) if name == "cosine_embedding_loss" else (y,)
    function = getattr(lb, name)
    assert function(x, *others, reduction="none").tolist() == pytest.approx([1.0, 0.0, 1.0], abs=1e-6)
    gradient = autograd(function, x, *others, reduction="sum")
    assert gradient[0].tolist() == pytest.approx([-0.6, -0.8]) and gradient[1:].abs().max() < 1e-6


@pytest.mark.parametrize("size", [1e-18, 1e-6, 1.0, 1e6, 1e18])
def test_cosine_of_very_short_and_very_long_vectors(size):
    """torch adds 1e-12 to the squared lengths, which ends at lengths of a millionth; the lengths do not matter."""
    x, y = size * torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0]])
    assert lb.cosine_distance_loss(x, y).item() == pytest.approx(0.4)
    assert (size * autograd(lb.cosine_distance_loss, x, y)).tolist()[0] == pytest.approx([-0.128, 0.096])


def test_squares_beyond_float16_are_infinite_and_their_gradient_is_not():
    x, y = torch.full((3,), 300.0).half(), torch.zeros(3).half()
    assert lb.mse_loss(x, y).isinf() and lb.mse_loss(x.float(), y).item() == 9e4
    assert autograd(lb.mse_loss, x, y).tolist() == [200.0] * 3
    assert lb.rmse_loss(x, y).item() == 300


def test_targets_of_any_dtype():
    x = torch.tensor([1.0, 2.5])
    for target in (torch.tensor([1, 2]), torch.tensor([True, False]), torch.tensor([1.0, 2.0]).double()):
        value = lb.mse_loss(x, target)
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(((x - target.float()) ** 2).mean().item())
    assert lb.mse_loss(x.double(), torch.tensor([1.0, 2.0])).dtype == torch.float64


# --- adaptive module --------------------------------------------------------------------------------------------------


def test_adaptive_module_learns_the_shape_of_the_noise():
    """Normal noise asks for a shape near two, Cauchy noise for one near zero, each with its scale."""
    generator = torch.Generator().manual_seed(0)
    normal = 2.0 * torch.randn(2000, generator=generator)
    cauchy = torch.tan(math.pi * (torch.rand(2000, generator=generator) - 0.5)) / math.sqrt(2)
    criterion = lb.AdaptiveRobustLoss(channels=2)
    optimizer = torch.optim.Adam(criterion.parameters(), lr=0.2)
    noise = torch.stack([normal, cauchy], 1)
    for _ in range(150):
        optimizer.zero_grad()
        criterion(noise, torch.zeros_like(noise)).backward()
        optimizer.step()
    (smooth, heavy), (wide, narrow) = criterion.alpha.tolist(), criterion.scale.tolist()
    assert smooth > 1.7 and wide == pytest.approx(2.0, abs=0.4)
    assert heavy < 0.2 and narrow == pytest.approx(0.5, abs=0.1)  # x² / 2c² + 1 is that of Cauchy's scale 1 / √2


def test_adaptive_module_saves_loads_copies_and_pickles():
    criterion = lb.AdaptiveRobustLoss(channels=3, alpha_range=(0.5, 1.5), scale=2.0, reduction="none")
    with torch.no_grad():
        criterion.latent_alpha.copy_(torch.tensor([-1.0, 0.0, 2.0]))
        criterion.latent_scale.copy_(torch.tensor([0.3, -0.4, 1.0]))
    x, y = numbers(5, 3, dtype=torch.float32)
    expected = criterion(x, y)
    assert expected.shape == (5, 3)
    assert torch.equal(expected, lb.adaptive_robust_loss(x, y, criterion.alpha, criterion.scale, reduction="none"))
    fresh = lb.AdaptiveRobustLoss(channels=3, alpha_range=(0.5, 1.5), scale=2.0, reduction="none")
    assert not torch.equal(fresh(x, y), expected)
    fresh.load_state_dict(criterion.state_dict())
    for twin in (fresh, copy.deepcopy(criterion), pickle.loads(pickle.dumps(criterion))):
        assert torch.equal(twin(x, y), expected)
    criterion(x, y).sum().backward()
    for parameter in criterion.parameters():
        assert parameter.grad.isfinite().all() and (parameter.grad != 0).all()
    weight = torch.tensor([1.0, 0.0, 2.0])
    assert torch.equal(criterion(x, y, weight), expected * weight)
    assert repr(criterion) == (
        "AdaptiveRobustLoss(channels=3, alpha_range=(0.5, 1.5), scale=2.0, scale_floor=1e-05, reduction='none')"
    )


def test_adaptive_module_begins_where_it_is_told_and_may_be_fixed():
    criterion = lb.AdaptiveRobustLoss(alpha_range=(0.5, 1.5), scale=2.0)
    assert criterion.alpha.tolist() == [1.0] and criterion.scale.tolist() == pytest.approx([2.0])
    fixed = lb.AdaptiveRobustLoss(alpha_range=(2.0, 2.0), scale=3.0, scale_floor=3.0)
    assert fixed.alpha.tolist() == [2.0] and fixed.scale.tolist() == [3.0]
    assert not any(parameter.requires_grad for parameter in fixed.parameters())
    x, y = numbers(7, 1)
    normal = torch.distributions.Normal(y, 3.0)
    assert torch.allclose(fixed(x, y), -normal.log_prob(x).mean(), rtol=1e-6)
    for latent in (-50.0, 50.0):  # the sigmoid and the softplus keep inside
        with torch.no_grad():
            criterion.latent_alpha.fill_(latent)
            criterion.latent_scale.fill_(latent)
        assert 0.5 <= criterion.alpha.item() <= 1.5 and criterion.scale.item() >= 0.999e-5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha_range": (-0.1, 1.0)}, "alpha_range"),
        ({"alpha_range": (1.0, 2.1)}, "alpha_range"),
        ({"alpha_range": (1.5, 0.5)}, "alpha_range"),
        ({"scale_floor": 0.0}, "scale_floor"),
        ({"scale": 0.5, "scale_floor": 1.0}, "scale must be at least scale_floor"),
        ({"reduction": "avg"}, "reduction"),
    ],
)
def test_adaptive_module_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        lb.AdaptiveRobustLoss(**settings)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_adaptive_gradients_at_the_ends_of_the_shapes(dtype):
    """Shapes of exactly 0, 1 and 2 and errors of exactly 0: every gradient is finite, and continuous in the shape."""
    shapes = torch.tensor([0.0, 1.0, 2.0, 1e-7, 1 - 1e-6, 1 + 1e-6, 2 - 1e-6], dtype=dtype)
    for error in (0.0, 1e-8, 0.3, 1e4):
        tensors = [torch.full((7,), error, dtype=dtype), torch.zeros(7, dtype=dtype), shapes.clone(),
                   torch.ones(7, dtype=dtype)]  # fmt: skip
        for tensor in tensors:
            tensor.requires_grad_()
        lb.adaptive_robust_loss(*tensors, reduction="sum").backward()
        for tensor in tensors:
            assert tensor.grad.isfinite().all()
        at = tensors[2].grad
        assert at[3].item() == pytest.approx(at[0].item(), rel=1e-3, abs=1e-3)
        assert at[4].item() == pytest.approx(at[5].item(), rel=1e-3, abs=1e-3)


# --- silly input ------------------------------------------------------------------------------------------------------


X, Y = torch.zeros(2, 3), torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lb.mse_loss(X, torch.zeros(3)), r"target must have the shape of prediction, \(2, 3\), got \(3,\)"),
        (lambda: lb.mse_loss(X, Y, weight=torch.ones(4)), r"must have the shape of prediction, \(2, 3\), or one"),
        (lambda: lb.mse_loss(X, Y, weight=torch.ones(1, 2, 3)), "weight must have the shape of prediction"),
        (lambda: lb.euclidean_loss(torch.zeros(()), torch.zeros(())), r"prediction must have shape \(N, \*\)"),
        (lambda: lb.smooth_l1_loss(X, Y, beta=-1.0), "beta must be at least 0, got -1"),
        (lambda: lb.huber_loss(X, Y, delta=0.0), "delta must be above 0, got 0"),
        (lambda: lb.charbonnier_loss(X, Y, scale=0.0), "scale must be above 0"),
        (lambda: lb.charbonnier_loss(X, Y, form="l1"), "form must be one of 'pseudo_huber', 'root', got 'l1'"),
        (lambda: lb.cauchy_loss(X, Y, scale=-1.0), "scale must be above 0"),
        (lambda: lb.welsch_loss(X, Y, scale=0.0), "scale must be above 0"),
        (lambda: lb.geman_mcclure_loss(X, Y, scale=0.0), "scale must be above 0"),
        (lambda: lb.tukey_loss(X, Y, cutoff=0.0), "cutoff must be above 0"),
        (lambda: lb.general_robust_loss(X, Y, alpha=math.inf), "alpha must be below infinity, got inf"),
        (lambda: lb.general_robust_loss(X, Y, alpha=NAN), "alpha must be below infinity, got nan"),
        (lambda: lb.general_robust_loss(X, Y, scale=0.0), "scale must be above 0"),
        (lambda: lb.adaptive_robust_loss(X, Y, torch.tensor(2.5), torch.tensor(1.0)), r"alpha must lie in \[0, 2\]"),
        (lambda: lb.adaptive_robust_loss(X, Y, torch.tensor(-0.5), torch.tensor(1.0)), r"alpha must lie in \[0, 2\]"),
        (lambda: lb.adaptive_robust_loss(X, Y, torch.tensor(1.0), torch.tensor(0.0)), "scale must be above 0"),
        (lambda: lb.quantile_loss(X, Y, quantile=1.0), "quantile must lie strictly between 0 and 1, got 1.0"),
        (lambda: lb.quantile_loss(X, Y, quantile=0.0), "quantile must lie strictly between 0 and 1"),
        (lambda: lb.quantile_loss(X, Y, quantile=(0.5, 1.5)), "quantile must lie strictly between 0 and 1, got 1.5"),
        (lambda: lb.quantile_loss(X, Y, quantile=(0.1, 0.5, 0.9)), r"with the 3 values of quantile last, \(2, 3, 3\)"),
        (lambda: lb.expectile_loss(X, Y, expectile=50), "expectile must lie strictly between 0 and 1, got 50"),
        (lambda: lb.quantile_huber_loss(X, Y, kappa=-1.0), "kappa must be at least 0"),
        (lambda: lb.mape_loss(X, Y, epsilon=0.0), "epsilon must be above 0"),
        (lambda: lb.smape_loss(X, Y, denominator="max"), "denominator must be one of 'mean', 'sum', got 'max'"),
        (lambda: lb.mase_loss(X, Y, torch.ones(2)), "scale must have the shape of prediction"),
        (lambda: lb.mase_loss(X, Y, -torch.ones(2, 1)), "scale must not be negative"),
        (lambda: lb.rmsse_loss(torch.zeros(()), torch.zeros(()), torch.ones(())), r"must have shape \(\*, H\)"),
        (lambda: lb.rmsse_loss(X, Y, torch.ones(2, 1), weight=torch.ones(3)), "prediction without its horizon"),
        (lambda: lb.seasonal_naive_scale(torch.ones(4), season=4), "season must be at least 1 and shorter than"),
        (lambda: lb.seasonal_naive_scale(torch.ones(4), season=0), "season must be at least 1"),
        (lambda: lb.seasonal_naive_scale(torch.ones(())), "shorter than the history of 0 steps"),
        (lambda: lb.msle_loss(X - 1, Y), "prediction must be above -1 everywhere, got values down to -1"),
        (lambda: lb.msle_loss(X, Y - 3), "target must be above -1 everywhere, got values down to -3"),
        (lambda: lb.relative_l2_loss(torch.zeros(()), torch.zeros(())), r"must have shape \(N, \*\)"),
        (lambda: lb.cosine_embedding_loss(X, Y, torch.tensor([1, 0])), "target must be 1 or -1 everywhere"),
        (lambda: lb.cosine_embedding_loss(X, Y, torch.ones(2), margin=1.5), r"margin must lie in \[-1, 1\], got 1.5"),
        (lambda: lb.cosine_embedding_loss(torch.zeros(()), torch.zeros(()), torch.ones(())), r"shape \(\*, D\)"),
        (lambda: lb.cosine_embedding_loss(X, torch.zeros(2, 4), torch.ones(2)), "partners must have the shape of emb"),
        (lambda: lb.cosine_distance_loss(torch.zeros(()), torch.zeros(())), r"must have shape \(\*, D\)"),
        (lambda: lb.cosine_distance_loss(X, Y, weight=torch.ones(3)), "prediction without dim"),
        (lambda: lb.scale_invariant_log_loss(X + 1, Y), "target must be above 0 everywhere"),
        (lambda: lb.scale_invariant_log_loss(X, Y + 1), "prediction must be above 0 everywhere"),
        (lambda: lb.scale_invariant_log_loss(X + 1, Y + 1, lam=1.5), r"lam must lie in \[0, 1\], got 1.5"),
    ],
)  # fmt: skip
def test_wrong_values(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lb.quantile_loss([0.0], Y), "prediction must be a tensor, got list"),
        (lambda: lb.mse_loss(X, Y, weight=2.0), "weight must be a tensor, got float"),
        (lambda: lb.mase_loss(X, Y, 3.0), "scale must be a tensor, got float"),
        (lambda: lb.mase_loss(X, Y, torch.ones(2, 1).long()), "scale must be a floating-point tensor"),
        (lambda: lb.adaptive_robust_loss(X, Y, 1.0, torch.tensor(1.0)), "alpha must be a tensor, got float"),
        (lambda: lb.adaptive_robust_loss(X, Y, torch.tensor(1), torch.tensor(1.0)), "alpha must be a floating-point"),
        (lambda: lb.seasonal_naive_scale(torch.arange(4)), "history must be a floating-point tensor"),
        (lambda: lb.cosine_distance_loss(X, Y, weight=[1.0]), "weight must be a tensor, got list"),
    ],
)
def test_wrong_types(call, message):
    with pytest.raises(TypeError, match=message):
        call()
