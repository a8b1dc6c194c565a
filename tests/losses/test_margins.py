"""Losses of the margin against their definitions in NumPy, and what they have to do with the zero-one loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

import lossbook as lb
from lossbook import calculus

Array = NDArray[Any]
DRAWS = range(16)
C = 4
IGNORED = 7


class Draw:
    """Random settings, and scores on both sides of every bend with a target, some of it ignored."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)

    def one_of(self, *choices: Any) -> Any:
        return choices[self.random.integers(len(choices))]

    def binary(self, ignore: bool) -> tuple[Array, Array]:
        scores, target = 3 * self.random.standard_normal((3, 5)), self.random.integers(2, size=(3, 5))
        return scores, self._ignored(target, ignore)

    def classes(self, ignore: bool) -> tuple[Array, Array]:
        scores, target = 2 * self.random.standard_normal((3, C, 5)), self.random.integers(C, size=(3, 5))
        return scores, self._ignored(target, ignore)

    def _ignored(self, target: Array, ignore: bool) -> Array:
        if ignore:
            target[self.random.random(target.shape) < 0.3] = IGNORED
            target[self.random.integers(3)] = IGNORED
        return target


def compare(function: Callable, arrays: tuple[Array, ...], settings: dict[str, Any], values: Array, weights: Array):
    """`values` are the weighted contributions, `weights` what the mean divides by."""
    settings = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
    total = np.sum(weights)
    expected = {"none": values, "sum": np.sum(values), "mean": np.sum(values) / total if total > 0 else 0.0}
    for reduction, wanted in expected.items():
        found = function(*map(torch.from_numpy, arrays), reduction=reduction, **settings)
        assert found.shape == np.shape(wanted), (reduction, settings)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9, atol=1e-12, err_msg=f"{reduction} {settings}")


DEFINITIONS: dict[str, Callable[..., float]] = {
    "hinge_loss": lambda m, margin=1.0: max(0.0, margin - m),
    "squared_hinge_loss": lambda m, margin=1.0: max(0.0, margin - m) ** 2,
    "perceptron_loss": lambda m: max(0.0, -m),
    "exponential_loss": lambda m, linear_beyond=20.0: (
        math.exp(-m) if -m <= linear_beyond else math.exp(linear_beyond) * (1 - m - linear_beyond)
    ),
    "modified_huber_loss": lambda m: -4 * m if m < -1 else max(0.0, 1 - m) ** 2,
    "savage_loss": lambda m: (1 / (1 + math.exp(m))) ** 2,
    "tangent_loss": lambda m: (2 * math.atan(m) - 1) ** 2,
}
SETTINGS = {
    "hinge_loss": ({}, {"margin": 0.2}, {"margin": 3.0}),
    "squared_hinge_loss": ({}, {"margin": 0.2}, {"margin": 3.0}),
    "exponential_loss": ({}, {"linear_beyond": 1.0}),
}
every_loss = pytest.mark.parametrize("name", DEFINITIONS)


@every_loss
@pytest.mark.parametrize("seed", DRAWS)
def test_functions_of_the_margin(name, seed):
    draw = Draw(seed)
    ignore, settings = draw.one_of(True, False), draw.one_of(*SETTINGS.get(name, ({},)))
    z, y = draw.binary(ignore)
    values = np.zeros(y.shape)
    for place in np.ndindex(y.shape):
        if y[place] != IGNORED:
            values[place] = DEFINITIONS[name](z[place] if y[place] == 1 else -z[place], **settings)
    ignoring = {"ignore_index": IGNORED} if ignore else {}
    compare(getattr(lb, name), (z, y), settings | ignoring, values, y != IGNORED)


@pytest.mark.parametrize("seed", DRAWS)
def test_multiclass_hinge(seed):
    draw = Draw(seed)
    ignore, kind, p = draw.one_of(True, False), draw.one_of("crammer-singer", "weston-watkins"), draw.one_of(1, 2)
    margin, weight = draw.one_of(0.3, 1.0, 2.0), draw.one_of(None, np.array([0.5, 1.0, 2.5, 0.0]))
    z, y = draw.classes(ignore)
    values, weights = np.zeros(y.shape), np.zeros(y.shape)
    for n, i in np.ndindex(y.shape):
        if y[n, i] != IGNORED:
            lacks = [max(0.0, margin + z[n, c, i] - z[n, y[n, i], i]) ** p for c in range(C) if c != y[n, i]]
            weights[n, i] = 1.0 if weight is None else weight[y[n, i]]
            values[n, i] = weights[n, i] * (max(lacks) if kind == "crammer-singer" else sum(lacks))
    settings = {"kind": kind, "p": p, "margin": margin, "weight": weight}
    settings |= {"ignore_index": IGNORED} if ignore else {}
    compare(lb.multiclass_hinge_loss, (z, y), settings, values, weights)


@pytest.mark.parametrize("seed", DRAWS)
def test_multiclass_perceptron(seed):
    draw = Draw(seed)
    ignore = draw.one_of(True, False)
    z, y = draw.classes(ignore)
    values = np.zeros(y.shape)
    for n, i in np.ndindex(y.shape):
        if y[n, i] != IGNORED:
            values[n, i] = z[n, :, i].max() - z[n, y[n, i], i]
    settings = {"task": "multiclass"} | ({"ignore_index": IGNORED} if ignore else {})
    compare(lb.perceptron_loss, (z, y), settings, values, y != IGNORED)


# --- surrogates -------------------------------------------------------------------------------------------------------


SCORES = torch.cat([torch.linspace(-6, 6, 241, dtype=torch.float64), torch.tensor([0.0, 1.0, -1.0]).double()])


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("hinge_loss", 1.0),
        ("squared_hinge_loss", 1.0),
        ("exponential_loss", 1.0),
        ("modified_huber_loss", 1.0),
        ("binary_cross_entropy_with_logits", 1 / math.log(2)),
        ("savage_loss", 4.0),
        ("tangent_loss", 1.0),
    ],
)
def test_surrogates_are_never_below_the_zero_one_loss(name, factor):
    """Times the stated factor, and with equality at a margin of zero for all but the tangent loss's far side."""
    for label in (0, 1):
        y = torch.full(SCORES.shape, label)
        surrogate = factor * getattr(lb, name)(SCORES, y, reduction="none")
        step = lb.zero_one_loss(SCORES, y, task="binary", reduction="none")
        assert (surrogate >= step - 1e-12).all()
        assert surrogate[SCORES == 0] == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["crammer-singer", "weston-watkins"])
@pytest.mark.parametrize("p", [1, 2])
def test_multiclass_hinges_are_never_below_the_zero_one_loss(kind, p):
    z, y = map(torch.from_numpy, Draw(3).classes(False))
    hinge = lb.multiclass_hinge_loss(z, y, kind=kind, p=p, reduction="none")
    assert (hinge >= lb.zero_one_loss(z, y, reduction="none")).all()


def test_perceptron_is_below_the_zero_one_loss_at_narrow_mistakes():
    z, y = torch.tensor([-0.1]), torch.tensor([1])
    assert lb.perceptron_loss(z, y) < lb.zero_one_loss(z, y, task="binary")
    assert lb.perceptron_loss(torch.zeros(5), torch.tensor([0, 1, 1, 0, 1])) == 0


def best_score(name: str, probability: float) -> float:
    """The score with the smallest expected loss, by bisection on the sign of its slope (found numerically)."""
    y = torch.tensor([1, 0])
    weights = torch.tensor([probability, 1 - probability], dtype=torch.float64)

    def slope(score: float) -> float:
        z = torch.full((2,), score, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(getattr(lb, name)(z, y, reduction="none") @ weights, z)
        return gradient.sum().item()

    low, high = -8.0, 8.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return (low + high) / 2


@pytest.mark.parametrize("probability", [0.1, 0.35, 0.6, 0.9])
def test_best_scores_are_those_of_the_docstrings(probability):
    odds = math.log(probability / (1 - probability))
    assert best_score("exponential_loss", probability) == pytest.approx(odds / 2)
    assert best_score("savage_loss", probability) == pytest.approx(odds)
    assert best_score("modified_huber_loss", probability) == pytest.approx(2 * probability - 1)
    assert best_score("squared_hinge_loss", probability) == pytest.approx(2 * probability - 1)
    assert best_score("tangent_loss", probability) == pytest.approx(math.tan(probability - 0.5))
    assert best_score("hinge_loss", probability) == pytest.approx(1.0 if probability > 0.5 else -1.0)


# --- identities and pitfalls ------------------------------------------------------------------------------------------


def test_two_classes_are_one_question():
    z, y = torch.randn(6, 2, dtype=torch.float64), torch.tensor([0, 1, 1, 0, 1, 0])
    lead = z[:, 1] - z[:, 0]
    for p, loss in ((1, lb.hinge_loss), (2, lb.squared_hinge_loss)):
        for kind in ("crammer-singer", "weston-watkins"):
            assert torch.isclose(lb.multiclass_hinge_loss(z, y, kind=kind, p=p), loss(lead, y), rtol=1e-12)
    assert torch.isclose(lb.perceptron_loss(z, y, task="multiclass"), lb.perceptron_loss(lead, y), rtol=1e-12)


def test_multi_margin_loss_of_torch_is_weston_watkins_over_the_number_of_classes():
    """The two definitions give 2 and 3.5 on one input, torch 3.5 / 3: each by name."""
    z, y = torch.tensor([[0.0, 0.5, 1.0]]), torch.tensor([0])
    assert lb.multiclass_hinge_loss(z, y) == 2
    assert lb.multiclass_hinge_loss(z, y, kind="weston-watkins") == 3.5
    assert torch.isclose(3 * F.multi_margin_loss(z, y), torch.tensor(3.5))


def test_savage_is_brier():
    z, y = map(torch.from_numpy, Draw(0).binary(False))
    assert torch.isclose(lb.savage_loss(z, y), lb.brier_loss(z, y, task="binary"), rtol=1e-12)


def test_labels_of_minus_one_are_refused_and_how_to_pass_them():
    z, signs = torch.tensor([0.5, 0.5]), torch.tensor([-1, 1])
    with pytest.raises(ValueError, match=r"target must lie in \[0, 1\], got values outside"):
        lb.hinge_loss(z, signs)
    assert torch.isclose(lb.hinge_loss(z, (signs + 1) / 2), F.relu(1 - signs * z).mean())
    assert torch.isclose(lb.hinge_loss(z, signs > 0), F.relu(1 - signs * z).mean())


def test_hinge_is_not_squeezed_by_a_sigmoid():
    """torchmetrics takes the sigmoid of scores outside [0, 1], so that a perfect answer costs something."""
    assert lb.hinge_loss(torch.tensor([2.0, -3.0]), torch.tensor([1, 0])) == 0


@pytest.mark.parametrize(
    ("name", "at", "slope"),
    [("hinge_loss", 1.0, 0.0), ("squared_hinge_loss", 1.0, 0.0), ("perceptron_loss", 0.0, 0.0),
     ("modified_huber_loss", -1.0, -4.0), ("exponential_loss", -20.0, -math.exp(20))],
)  # fmt: skip
def test_slope_at_the_bend(name, at, slope):
    found = calculus.autograd(getattr(lb, name), torch.tensor([at], dtype=torch.float64), torch.tensor([1]))
    assert found.item() == pytest.approx(slope)


def test_ties_share_the_gradient():
    z, y = torch.zeros(1, 3, dtype=torch.float64), torch.tensor([0])
    gradient = calculus.autograd(lb.multiclass_hinge_loss, z, y)
    assert gradient.tolist() == [[-1.0, 0.5, 0.5]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_exponential_loss_is_finite_for_every_score(dtype):
    """`exp` alone is infinite beyond a mistake of 88 in float32."""
    z = torch.tensor([-1e4, -89.0, 89.0, 1e4], dtype=dtype)
    y = torch.ones(4)
    assert lb.exponential_loss(z, y).isfinite()
    gradient = calculus.autograd(lb.exponential_loss, z, y, reduction="sum")
    assert gradient.isfinite().all() and gradient[0] == gradient[1] == -torch.tensor(20.0, dtype=dtype).exp()
    assert gradient[3] == 0


@pytest.mark.parametrize("name", DEFINITIONS)
def test_half_precision_holds_what_the_docstring_says(name):
    """Mistakes up to the stated one are finite in float16: 254 squared, 11 exponentiated, 16,000 times four."""
    mistake = {"squared_hinge_loss": 254.0, "exponential_loss": 11.0, "modified_huber_loss": 16_000.0}.get(name, 3e4)
    z, y = torch.tensor([-mistake], dtype=torch.float16), torch.tensor([1])
    assert getattr(lb, name)(z, y).isfinite()
    assert calculus.autograd(getattr(lb, name), z, y).isfinite().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda z, y: lb.hinge_loss(z, y, margin=0), "margin must be above 0, got 0"),
        (lambda z, y: lb.squared_hinge_loss(z, y, margin=-1), "margin must be above 0, got -1"),
        (lambda z, y: lb.exponential_loss(z, y, linear_beyond=0), r"linear_beyond must lie in \(0, 80\], got 0"),
        (lambda z, y: lb.exponential_loss(z, y, linear_beyond=81), r"linear_beyond must lie in \(0, 80\], got 81"),
        (lambda z, y: lb.perceptron_loss(z, y, task="two"), "task must be one of"),
        (lambda z, y: lb.multiclass_hinge_loss(z, y[:, 0], kind="ww"), "kind must be one of 'crammer-singer'"),
        (lambda z, y: lb.multiclass_hinge_loss(z, y[:, 0], p=3), "p must be one of 1, 2, got 3"),
        (lambda z, y: lb.multiclass_hinge_loss(z, y[:, 0], margin=0), "margin must be above 0"),
        (lambda z, y: lb.multiclass_hinge_loss(z, y[:, 0], weight=-torch.ones(3)), "weight must not be negative"),
    ],
)
def test_clear_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(2, 3), torch.zeros(2, 3).long())


def test_linear_beyond_is_allowed_up_to_its_end():
    assert lb.exponential_loss(torch.tensor([-81.0]), torch.tensor([1]), linear_beyond=80).isfinite()
