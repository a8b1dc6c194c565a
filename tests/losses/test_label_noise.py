"""Losses for noisy labels against their definitions in NumPy, their identities, and what goes wrong elsewhere."""

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
from scipy.optimize import brentq
from torch import nn

import lossbook as lb
from lossbook import calculus

Array = NDArray[Any]
DRAWS = range(12)
C = 4
IGNORED = 7
LABELED = (
    "active_passive_loss",
    "baikal_loss",
    "bi_tempered_logistic_loss",
    "bootstrapping_loss",
    "generalized_cross_entropy",
    "normalized_cross_entropy",
    "probability_mae_loss",
    "symmetric_cross_entropy",
    "taylor_cross_entropy",
)


class Draw:
    """Random settings, and a random input that fits them: logits, labels, some or all of them ignored."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.logits = 2 * self.random.standard_normal((3, C, 2, 3))
        self.target = self.random.integers(C, size=(3, 2, 3))
        self.settings: dict[str, Any] = {}
        if self.one_of(True, False):
            self.target[self.random.random(self.target.shape) < 0.3] = IGNORED
            if self.one_of(True, False, False):
                self.target[:] = IGNORED
            self.settings["ignore_index"] = IGNORED

    def one_of(self, *choices: Any) -> Any:
        return choices[self.random.integers(len(choices))]

    def compare(
        self, function: Callable, value: Callable[[Array, int], float], *others: Array, **settings: Any
    ) -> None:
        """All three reductions of the values of single positions."""
        values = np.zeros(self.target.shape)
        for n, i, j in itertools.product(*map(range, self.target.shape)):
            if self.target[n, i, j] != IGNORED:
                values[n, i, j] = value(self.logits[n, :, i, j], int(self.target[n, i, j]))
        count = (self.target != IGNORED).sum()
        expected = {"none": values, "sum": values.sum(), "mean": values.sum() / count if count else 0.0}
        tensors = [torch.from_numpy(np.array(a)) for a in (self.logits, self.target, *others)]
        for reduction, wanted in expected.items():
            found = function(*tensors, reduction=reduction, **self.settings, **settings)
            np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9, atol=1e-12, err_msg=f"{reduction} {settings}")


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max())
    return e / e.sum()


def one_hot(y: int) -> Array:
    return np.eye(C)[y]


# --- definitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", DRAWS)
def test_generalized_cross_entropy(seed):
    draw = Draw(seed)
    q, k = draw.one_of(0.2, 0.7, 1.0), draw.one_of(0.0, 0.3, 0.5)

    def value(z: Array, y: int) -> float:
        p = softmax(z)[y]
        return (1 - k**q) / q if p <= k else (1 - p**q) / q

    draw.compare(lb.generalized_cross_entropy, value, q=q, truncation=k)


@pytest.mark.parametrize("seed", DRAWS)
def test_jocor_loss(seed):
    """The kept positions are sought one by one: those that fewer than the wished number of others undercut."""
    draw = Draw(seed)
    others = 2 * draw.random.standard_normal(draw.logits.shape)
    agreement, keep = draw.one_of(0.0, 0.1, 0.7, 1.0), draw.one_of(1.0, 0.8, 0.5, 0.01)
    values = {}
    for n, i, j in itertools.product(*map(range, draw.target.shape)):
        p, q, y = softmax(draw.logits[n, :, i, j]), softmax(others[n, :, i, j]), int(draw.target[n, i, j])
        if y != IGNORED:
            divergences = sum(p * np.log(p / q)) + sum(q * np.log(q / p))
            values[n, i, j] = -(1 - agreement) * np.log(p[y] * q[y]) + agreement * divergences
    count = max(1, math.floor(keep * len(values) + 1e-9))
    kept = {place: v for place, v in values.items() if sum(other < v for other in values.values()) < count}
    assert len(kept) == min(count, len(values))
    each = np.zeros(draw.target.shape)
    for place, v in kept.items():
        each[place] = v
    tensors = [torch.from_numpy(a) for a in (draw.logits, draw.target, others)]
    expected = {"none": each, "sum": each.sum(), "mean": each.sum() / len(kept) if kept else 0.0}
    for reduction, wanted in expected.items():
        found = lb.jocor_loss(*tensors, agreement=agreement, keep=keep, reduction=reduction, **draw.settings)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", DRAWS)
def test_symmetric_cross_entropy(seed):
    draw = Draw(seed)
    alpha, beta, log_zero = draw.one_of(0.0, 0.1, 2.0), draw.one_of(0.0, 1.0, 0.3), draw.one_of(-4.0, -9.0)

    def value(z: Array, y: int) -> float:
        p, truth = softmax(z), one_hot(y)
        log_truth = [0.0 if t == 1 else log_zero for t in truth]
        return -alpha * sum(truth * np.log(p)) - beta * sum(p * log_truth)

    draw.compare(lb.symmetric_cross_entropy, value, alpha=alpha, beta=beta, log_zero=log_zero)


@pytest.mark.parametrize("seed", DRAWS)
def test_bootstrapping_loss(seed):
    draw = Draw(seed)
    mode, beta = draw.one_of("soft", "hard"), draw.one_of(0.0, 0.5, 0.95, 1.0)

    def value(z: Array, y: int) -> float:
        p = softmax(z)
        own = p if mode == "soft" else one_hot(int(p.argmax()))
        return -sum((beta * one_hot(y) + (1 - beta) * own) * np.log(p))

    draw.compare(lb.bootstrapping_loss, value, mode=mode, beta=beta)


@pytest.mark.parametrize("seed", DRAWS)
def test_probability_mae_loss(seed):
    Draw(seed).compare(lb.probability_mae_loss, lambda z, y: np.abs(softmax(z) - one_hot(y)).sum())


@pytest.mark.parametrize("seed", DRAWS)
def test_normalized_cross_entropy(seed):
    Draw(seed).compare(
        lb.normalized_cross_entropy, lambda z, y: np.log(softmax(z)[y]) / sum(np.log(softmax(z)[c]) for c in range(C))
    )


@pytest.mark.parametrize("seed", DRAWS)
def test_active_passive_loss(seed):
    draw = Draw(seed)
    active, passive = draw.one_of("cross_entropy", "focal"), draw.one_of("mae", "reverse")
    alpha, beta, gamma, log_zero = draw.one_of(0.5, 2.0), draw.one_of(0.0, 1.5), draw.one_of(0.0, 0.5, 2.0), -6.0

    def value(z: Array, y: int) -> float:
        p = softmax(z)
        losses = -np.log(p) * (1 - p) ** (gamma if active == "focal" else 0)
        error = np.abs(p - one_hot(y)).sum() if passive == "mae" else -log_zero * (p.sum() - p[y])
        return alpha * losses[y] / losses.sum() + beta * error

    settings = {"active": active, "passive": passive, "alpha": alpha, "beta": beta, "gamma": gamma}
    draw.compare(lb.active_passive_loss, value, log_zero=log_zero, **settings)


@pytest.mark.parametrize("seed", DRAWS)
def test_taylor_cross_entropy(seed):
    draw = Draw(seed)
    order = draw.one_of(1, 2, 5)
    draw.compare(
        lb.taylor_cross_entropy,
        lambda z, y: sum((1 - softmax(z)[y]) ** k / k for k in range(1, order + 1)),
        order=order,
    )


def log_t(x: float, t: float) -> float:
    return math.log(x) if t == 1 else (x ** (1 - t) - 1) / (1 - t)


def exp_t(x: float, t: float) -> float:
    return math.exp(x) if t == 1 else max(0.0, 1 + (1 - t) * x) ** (1 / (1 - t))


def tempered_softmax(z: Array, t: float) -> Array:
    """The normalizer by bracketing the root, not by Newton's method."""
    width = -log_t(1 / len(z), t)
    normalizer = brentq(
        lambda v: sum(exp_t(a - v, t) for a in z) - 1, z.max() - 1e-9, z.max() + width + 1, xtol=1e-14, rtol=1e-15
    )
    return np.array([exp_t(a - normalizer, t) for a in z])


@pytest.mark.parametrize("seed", range(24))
def test_bi_tempered_logistic_loss(seed):
    draw = Draw(seed)
    t1, t2 = draw.one_of(0.0, 0.5, 0.8, 1.0), draw.one_of(1.0, 1.01, 1.2, 2.0, 4.0)
    epsilon = draw.one_of(0.0, 0.1)

    def value(z: Array, y: int) -> float:
        p, total = tempered_softmax(z, t2), 0.0
        for c in range(C):
            truth = (1 - epsilon) * (c == y) + epsilon / C
            if truth > 0:
                total += truth * (log_t(truth, t1) - log_t(p[c], t1))
            total -= (truth ** (2 - t1) - p[c] ** (2 - t1)) / (2 - t1)
        return total

    draw.compare(lb.bi_tempered_logistic_loss, value, t1=t1, t2=t2, label_smoothing=epsilon)


def noise(random: np.random.Generator) -> Array:
    matrix = random.random((C, C)) + 2 * np.eye(C)
    matrix[0, 1] = 0
    return matrix / matrix.sum(1, keepdims=True)


@pytest.mark.parametrize("seed", DRAWS)
def test_forward_corrected_loss(seed):
    draw = Draw(seed)
    matrix = noise(draw.random)

    def value(z: Array, y: int) -> float:
        return -np.log(sum(softmax(z)[c] * matrix[c, y] for c in range(C)))

    draw.compare(lb.forward_corrected_loss, value, matrix)


@pytest.mark.parametrize("seed", DRAWS)
def test_backward_corrected_loss(seed):
    draw = Draw(seed)
    matrix = noise(draw.random)
    inverse = np.linalg.inv(matrix)

    def value(z: Array, y: int) -> float:
        return -sum(inverse[y, c] * np.log(softmax(z)[c]) for c in range(C))

    draw.compare(lb.backward_corrected_loss, value, matrix)


@pytest.mark.parametrize("seed", DRAWS)
def test_baikal_loss(seed):
    draw = Draw(seed)
    eps = draw.one_of(1e-9, 0.05)

    def value(z: Array, y: int) -> float:
        p = softmax(z)
        return -sum(np.log(p[c]) - (c == y) / max(p[c], eps) for c in range(C)) / C

    draw.compare(lb.baikal_loss, value, eps=eps)


@pytest.mark.parametrize("seed", DRAWS)
def test_taylor_glo_loss(seed):
    draw = Draw(seed)
    theta = draw.random.standard_normal(8)

    def value(z: Array, y: int) -> float:
        total = 0.0
        for c in range(C):
            u, v = one_hot(y)[c] - theta[0], softmax(z)[c] - theta[1]
            total += theta[2] * v + theta[3] * v**2 / 2 + theta[4] * v**3 / 6
            total += theta[5] * u * v + theta[6] * u * v**2 / 2 + theta[7] * u**2 * v / 2
        return -total / C

    draw.compare(lb.taylor_glo_loss, value, theta)


@pytest.mark.parametrize(("features", "hidden"), [(1, 1), (1, 50), (3, 4), (5, 7)])
def test_learned_loss(features, hidden):
    random = np.random.default_rng(hidden)
    prediction, target = random.standard_normal((2, 6, features))
    sizes = [(hidden, 2 * features), (hidden, hidden), (1, hidden)]
    matrices = [random.standard_normal(size) for size in sizes]
    values = []
    for seen in np.concatenate([prediction, target], 1):
        inner = np.maximum(matrices[1] @ np.maximum(matrices[0] @ seen, 0), 0)
        values.append(np.logaddexp(0, matrices[2] @ inner)[0])
    weights = np.concatenate([matrix.ravel() for matrix in matrices])
    tensors = [torch.from_numpy(a) for a in (prediction, target, weights)]
    np.testing.assert_allclose(lb.learned_loss(*tensors, reduction="none").numpy(), values, rtol=1e-9)
    np.testing.assert_allclose(lb.learned_loss(*tensors, reduction="sum").numpy(), np.sum(values), rtol=1e-9)
    np.testing.assert_allclose(lb.learned_loss(*tensors).numpy(), np.mean(values), rtol=1e-9)


# --- identities -------------------------------------------------------------------------------------------------------


@pytest.fixture
def example() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return 2 * torch.randn(8, C, generator=generator, dtype=torch.float64), torch.arange(8) % C


def same(first: torch.Tensor, second: torch.Tensor, tolerance: float = 1e-12) -> bool:
    return torch.allclose(first, second, rtol=tolerance, atol=1e-15)


def test_all_the_ways_to_cross_entropy(example):
    expected = lb.cross_entropy(*example, reduction="none")
    identity = torch.eye(C, dtype=torch.float64)
    assert same(lb.generalized_cross_entropy(*example, q=0.0, reduction="none"), expected)
    assert same(lb.symmetric_cross_entropy(*example, alpha=1.0, beta=0.0, reduction="none"), expected)
    assert same(lb.bootstrapping_loss(*example, beta=1.0, reduction="none"), expected)
    assert same(lb.bootstrapping_loss(*example, mode="hard", beta=1.0, reduction="none"), expected)
    assert same(lb.bi_tempered_logistic_loss(*example, t1=1.0, t2=1.0, reduction="none"), expected)
    assert same(lb.forward_corrected_loss(*example, identity, reduction="none"), expected)
    assert same(lb.backward_corrected_loss(*example, identity, reduction="none"), expected)
    mild = example[0] / 4
    assert same(lb.taylor_cross_entropy(mild, example[1], order=1000), lb.cross_entropy(mild, example[1]))


def test_smoothed_bi_tempered_loss_at_one_is_smoothed_cross_entropy_less_the_entropy_of_the_target(example):
    target = torch.tensor([0.9 + 0.1 / C] + [0.1 / C] * (C - 1), dtype=torch.float64)
    entropy = -(target * target.log()).sum()
    ours = lb.bi_tempered_logistic_loss(*example, t1=1.0, t2=1.0, label_smoothing=0.1)
    assert same(ours, lb.cross_entropy(*example, label_smoothing=0.1) - entropy)


def test_all_the_ways_to_the_absolute_error(example):
    expected = lb.probability_mae_loss(*example, reduction="none")
    assert same(2 * lb.generalized_cross_entropy(*example, q=1.0, reduction="none"), expected)
    assert same(lb.symmetric_cross_entropy(*example, alpha=0.0, log_zero=-2.0, reduction="none"), expected)
    assert same(2 * lb.taylor_cross_entropy(*example, order=1, reduction="none"), expected)
    assert same(lb.active_passive_loss(*example, alpha=0.0, reduction="none"), expected)


def test_active_passive_loss_is_the_sum_of_its_parts(example):
    parts = lb.normalized_cross_entropy(*example), lb.probability_mae_loss(*example)
    assert same(lb.active_passive_loss(*example, alpha=0.3, beta=0.7), 0.3 * parts[0] + 0.7 * parts[1])
    without_focus = lb.active_passive_loss(*example, active="focal", gamma=0.0, beta=0.0)
    assert same(without_focus, parts[0])


@pytest.mark.parametrize(
    ("function", "total"),
    [
        (lb.probability_mae_loss, 2 * (C - 1)),
        (lb.normalized_cross_entropy, 1),
        (lambda *t, **s: lb.symmetric_cross_entropy(*t, alpha=0.0, **s), 4 * (C - 1)),
        (lambda *t, **s: lb.active_passive_loss(*t, active="focal", passive="reverse", **s), 1 + 4 * (C - 1)),
    ],
    ids=["mae", "normalized", "reverse", "active-passive"],
)
def test_summed_over_all_labels_a_robust_loss_is_constant(function, total, example):
    """The condition of Ghosh, Kumar and Sastry for robustness against labels that are wrong at random."""
    logits = example[0]
    every = [function(logits, torch.full((8,), c), reduction="none") for c in range(C)]
    assert torch.allclose(torch.stack(every).sum(0), torch.full((8,), float(total), dtype=torch.float64), rtol=1e-12)


def test_noise_averages_out_of_the_backward_correction(example):
    """Theorem 1: the mean over the noisy labels of a class is cross-entropy with that class."""
    logits, target = example
    matrix = torch.from_numpy(noise(np.random.default_rng(0)))
    every = [lb.backward_corrected_loss(logits, torch.full((8,), c), matrix, reduction="none") for c in range(C)]
    mean = (matrix[target] * torch.stack(every, 1)).sum(1)
    assert same(mean, lb.cross_entropy(logits, target, reduction="none"), 1e-10)


def test_forward_correction_is_lowest_at_the_clean_probabilities():
    """Theorem 2: with noisy labels drawn through the matrix, the gradient vanishes at the clean distribution."""
    clean = torch.tensor([0.6, 0.3, 0.08, 0.02], dtype=torch.float64)
    matrix = torch.from_numpy(noise(np.random.default_rng(1)))
    logits = clean.log().unsqueeze(0).requires_grad_()
    each = torch.stack([lb.forward_corrected_loss(logits, torch.tensor([c]), matrix) for c in range(C)])
    (gradient,) = torch.autograd.grad((each * (clean @ matrix)).sum(), logits)
    assert gradient.abs().max() < 1e-15


def test_bi_tempered_loss_is_proper_in_its_own_probabilities():
    """Where the tempered softmax gives the frequencies of the labels, the gradient of their mean loss vanishes."""
    frequencies = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    for t1, t2 in ((0.8, 1.2), (0.3, 3.0)):
        logits = ((frequencies ** (1 - t2) - 1) / (1 - t2)).unsqueeze(0).requires_grad_()
        each = torch.stack([lb.bi_tempered_logistic_loss(logits, torch.tensor([c]), t1=t1, t2=t2) for c in range(C)])
        (gradient,) = torch.autograd.grad((each * frequencies).sum(), logits)
        assert gradient.abs().max() < 1e-14


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_baikal_loss_is_lowest_at_one_over_the_root_of_the_number_of_classes(classes):
    p = torch.full((1, classes), (1 - classes**-0.5) / (classes - 1), dtype=torch.float64)
    p[0, 0] = classes**-0.5
    logits = p.log().requires_grad_()
    value = lb.baikal_loss(logits, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(value, logits)
    assert gradient.abs().max() < 1e-14
    assert value < lb.baikal_loss(2 * logits, torch.tensor([0]))
    assert value < lb.baikal_loss(logits / 2, torch.tensor([0]))


def test_taylor_glo_coefficients_of_the_authors_program(example):
    """The program adds plain powers over the classes; the paper divides by factorials and by the number of classes."""
    logits, target = example
    a = torch.randn(8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x, y = torch.nn.functional.one_hot(target, C) - a[0], logits.softmax(1) - a[1]
    powers = a[2] * y + a[3] * y**2 + a[4] * y**3 + a[5] * x * y + a[6] * x * y**2 + a[7] * x**2 * y
    theta = a * torch.tensor([1, 1, C, 2 * C, 6 * C, C, 2 * C, 2 * C])
    assert same(lb.taylor_glo_loss(logits, target, theta, reduction="none"), -powers.sum(1), 1e-10)


def test_taylor_glo_loss_holds_the_squared_error(example):
    logits, target = example
    theta = torch.tensor([0.0, 0.0, 0.0, -2.0, 0.0, 2.0, 0.0, 0.0], dtype=torch.float64)
    truth = torch.nn.functional.one_hot(target, C)
    expected = ((logits.softmax(1) - truth) ** 2).sum(1) - 1
    assert same(C * lb.taylor_glo_loss(logits, target, theta, reduction="none"), expected, 1e-10)


# --- precision and extremes -------------------------------------------------------------------------------------------


def test_generalized_cross_entropy_keeps_its_digits_for_small_exponents():
    """`(1 - p ** q) / q` gives 1.1921 in float32 for q = 1e-6, where the loss is 1.20397."""
    logits = torch.tensor([[math.log(0.3), math.log(0.7)]])
    value = lb.generalized_cross_entropy(logits, torch.tensor([0]), q=1e-6)
    assert value.item() == pytest.approx(-math.log(0.3), rel=2e-6)


@pytest.mark.parametrize("name", LABELED)
def test_gradient_at_the_worst_mistake_is_finite(name):
    """timm's asymmetric loss and others form log(clamp(p)): zero times infinity, or no gradient at all."""
    logits = torch.tensor([[-1e4, 1e4, 0.0]], requires_grad=True)
    value = getattr(lb, name)(logits, torch.tensor([0]))
    value.backward()
    assert value.isfinite() and logits.grad.isfinite().all()


@pytest.mark.parametrize("name", ["baikal_loss", "bootstrapping_loss", "symmetric_cross_entropy"])
def test_gradient_at_the_worst_mistake_does_not_vanish(name):
    """These hold an unbounded logarithm, so that a confident mistake is still corrected."""
    logits = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    getattr(lb, name)(logits, torch.tensor([0])).backward()
    assert logits.grad[0, 0] < -0.05


def test_truncated_loss_has_no_gradient_below_the_truncation():
    logits = torch.tensor([[0.0, 2.0], [2.0, 0.0]], requires_grad=True)
    lb.generalized_cross_entropy(logits, torch.tensor([0, 0]), truncation=0.5).backward()
    assert (logits.grad[0] == 0).all() and (logits.grad[1] != 0).all()


@pytest.mark.parametrize("classes", [2, 1000, 20000])
@pytest.mark.parametrize("t2", [1.0001, 1.2, 2.0, 5.0])
def test_tempered_softmax_sums_to_one(classes, t2):
    """Five fixed-point iterations, as usual elsewhere, are off by percents for heavy tails."""
    generator = torch.Generator().manual_seed(0)
    for scale in (0.0, 1.0, 30.0, 1e4):
        logits = scale * torch.randn(2, classes, generator=generator, dtype=torch.float64)
        p = lb.label_noise._tempered_log_softmax(logits, t2).exp()
        assert torch.allclose(p.sum(1), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-10)


def test_bi_tempered_loss_does_not_change_when_all_logits_move(example):
    logits, target = example
    assert same(lb.bi_tempered_logistic_loss(logits + 1e3, target), lb.bi_tempered_logistic_loss(logits, target), 1e-10)


def test_tempered_softmax_has_a_derivative_in_forward_mode(example):
    logits, target = example
    direction = torch.randn(logits.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def loss(z: torch.Tensor) -> torch.Tensor:
        return lb.bi_tempered_logistic_loss(z, target, label_smoothing=0.1)

    _, slope = torch.func.jvp(loss, (logits,), (direction,))
    assert same(slope, (torch.func.grad(loss)(logits) * direction).sum())
    curvature = torch.func.jacfwd(torch.func.grad(loss))(logits)  # forward over reverse
    assert torch.allclose(curvature, torch.func.jacrev(torch.func.grad(loss))(logits), rtol=1e-10, atol=1e-15)


def test_forward_correction_by_a_matrix_with_zeros_is_exact_for_sure_mistakes():
    """A floor under the matrix, as in log(T + 1e-8), caps the loss at 18 and loses the gradient."""
    logits = torch.tensor([[-50.0, 50.0]], requires_grad=True)
    value = lb.forward_corrected_loss(logits, torch.tensor([0]), torch.eye(2))
    value.backward()
    assert value.item() == 100 and logits.grad.tolist() == [[-1.0, 1.0]]


def test_a_label_that_cannot_occur_has_an_infinite_loss():
    matrix = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert lb.forward_corrected_loss(torch.zeros(1, 2), torch.tensor([1]), matrix).item() == math.inf


def two_networks(*shape: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits, others = 2 * torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    return logits, torch.randint(shape[1], (shape[0], *shape[2:]), generator=generator), others


def test_jocor_networks_play_the_same_role():
    logits, target, others = two_networks(20, C)
    for settings in ({}, {"agreement": 0.8, "keep": 0.5}):
        there = lb.jocor_loss(logits, target, others, reduction="none", **settings)
        assert torch.allclose(there, lb.jocor_loss(others, target, logits, reduction="none", **settings), rtol=1e-12)


def test_jocor_at_its_ends():
    """Two equal networks: twice the cross-entropy. Agreement alone: the two Kullback-Leibler divergences."""
    logits, target, others = two_networks(20, C)
    twice = 2 * lb.cross_entropy(logits, target)
    assert same(lb.jocor_loss(logits, target, logits, agreement=0.0), twice)
    assert same(lb.jocor_loss(logits, target, logits, agreement=0.6), 0.4 * twice)
    p, q = logits.softmax(1), others.softmax(1)
    there, back = (p * (p / q).log()).sum(1).mean(), (q * (q / p).log()).sum(1).mean()
    assert same(lb.jocor_loss(logits, target, others, agreement=1.0), there + back)


def test_jocor_positions_that_are_left_out_have_no_gradient_in_either_network():
    logits, target, others = (t.requires_grad_(t.is_floating_point()) for t in two_networks(10, C))
    values = lb.jocor_loss(logits, target, others, reduction="none").detach()
    lb.jocor_loss(logits, target, others, keep=0.4).backward()
    left_out = values > values.sort().values[3]
    assert left_out.sum() == 6
    for grad in (logits.grad, others.grad):
        assert (grad[left_out] == 0).all() and (grad[~left_out] != 0).all()


def test_jocor_gradient_by_hand_of_a_share_below_one_position():
    arguments = two_networks(3, C)
    by_hand = lb.cards["jocor_loss"].gradient(*arguments, keep=0.1)
    assert same(by_hand, calculus.autograd(lb.jocor_loss, *arguments, keep=0.1))
    assert ((by_hand != 0).any(1)).sum() == 1


def test_jocor_counts_the_share_of_whole_positions_and_ties():
    """0.29 times 100 is a little less than 29 in floating point; the share of a tenth of three positions is one; what
    ties with the last one counts too, whether or not others are ignored."""
    logits, target, others = two_networks(100, C)

    def kept(rows: int, share: float) -> int:
        each = lb.jocor_loss(logits[:rows], target[:rows], others[:rows], keep=share, reduction="none")
        some = torch.cat([target[:rows], torch.full((2,), IGNORED)])
        more = [torch.cat([t[:rows], t[:2]]) for t in (logits, others)]
        ignoring = lb.jocor_loss(more[0], some, more[1], keep=share, ignore_index=IGNORED, reduction="none")
        assert torch.equal(ignoring, torch.cat([each, torch.zeros(2, dtype=torch.float64)]))
        return int((each != 0).sum())

    assert [kept(100, 0.29), kept(3, 0.1), kept(10, 0.99), kept(10, 1.0)] == [29, 1, 9, 10]
    alike = torch.zeros(6, 2, dtype=torch.float64)
    each = lb.jocor_loss(alike, torch.zeros(6, dtype=torch.long), alike, keep=0.5, reduction="none")
    assert (each == each[0]).all() and each[0] == pytest.approx(1.8 * math.log(2))


def test_jocor_does_not_hide_what_is_not_a_number():
    """Selected by `value <= last`, a network that has diverged would train on nothing without a word."""
    logits, target, others = two_networks(6, C)
    for rows in (1, 6):
        broken = logits.clone()
        broken[:rows] = math.nan
        assert lb.jocor_loss(broken, target, others, keep=0.5).isnan()
        hidden = target.clone()
        hidden[0] = IGNORED
        assert lb.jocor_loss(broken, hidden, others, keep=0.5, ignore_index=IGNORED).isnan() == (rows > 1)


def test_jocor_ignored_positions_of_the_other_network_do_not_count():
    logits, target, others = two_networks(6, C)
    target[:2] = IGNORED
    expected = lb.jocor_loss(logits[2:], target[2:], others[2:], keep=0.5)
    others[:2] = math.nan
    others.requires_grad_()
    value = lb.jocor_loss(logits, target, others, keep=0.5, ignore_index=IGNORED)
    value.backward()
    assert same(value, expected)
    assert (others.grad[:2] == 0).all() and others.grad.isfinite().all()


# --- silly input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda *t: lb.generalized_cross_entropy(*t, q=1.5), r"q must lie in \[0, 1\], got 1.5"),
        (lambda *t: lb.generalized_cross_entropy(*t, truncation=-0.1), r"truncation must lie in \[0, 1\], got -0.1"),
        (lambda *t: lb.symmetric_cross_entropy(*t, alpha=-1.0), "alpha must be at least 0, got -1.0"),
        (lambda *t: lb.symmetric_cross_entropy(*t, beta=-1.0), "beta must be at least 0, got -1.0"),
        (lambda *t: lb.symmetric_cross_entropy(*t, log_zero=4.0), "log_zero must be at most 0, got 4.0"),
        (lambda *t: lb.bootstrapping_loss(*t, mode="warm"), "mode must be one of 'soft', 'hard', got 'warm'"),
        (lambda *t: lb.bootstrapping_loss(*t, beta=2.0), r"beta must lie in \[0, 1\], got 2.0"),
        (lambda *t: lb.active_passive_loss(*t, active="hinge"), "active must be one of 'cross_entropy', 'focal'"),
        (lambda *t: lb.active_passive_loss(*t, passive="mse"), "passive must be one of 'mae', 'reverse'"),
        (lambda *t: lb.active_passive_loss(*t, alpha=-1.0), "alpha must be at least 0"),
        (lambda *t: lb.active_passive_loss(*t, beta=-1.0), "beta must be at least 0"),
        (lambda *t: lb.active_passive_loss(*t, gamma=-1.0), "gamma must be at least 0"),
        (lambda *t: lb.active_passive_loss(*t, log_zero=1.0), "log_zero must be at most 0"),
        (lambda *t: lb.taylor_cross_entropy(*t, order=0), "order must be an integer of at least 1, got 0"),
        (lambda *t: lb.taylor_cross_entropy(*t, order=1.5), "order must be an integer of at least 1, got 1.5"),
        (lambda *_: lb.TaylorGLOLoss(torch.zeros(7)), r"theta must have shape \(8,\), got \(7,\)"),
        (lambda *_: lb.LearnedLoss(0), "features must be above 0, got 0"),
        (lambda *_: lb.LearnedLoss(2, hidden=0), "hidden must be above 0, got 0"),
        (lambda *t: lb.bi_tempered_logistic_loss(*t, t1=1.5), r"t1 must lie in \[0, 1\], got 1.5"),
        (lambda *t: lb.bi_tempered_logistic_loss(*t, t2=0.5), "t2 must be at least 1, got 0.5"),
        (lambda *t: lb.bi_tempered_logistic_loss(*t, label_smoothing=2.0), r"label_smoothing must lie in \[0, 1\]"),
        (lambda *t: lb.baikal_loss(*t, eps=0.0), "eps must be above 0, got 0.0"),
        (lambda *t: lb.baikal_loss(*t, eps=2.0), r"eps must lie in \[0, 1\], got 2.0"),
        (lambda *t: lb.taylor_glo_loss(*t, torch.zeros(7)), r"theta must have shape \(8,\), got \(7,\)"),
    ],
)
def test_wrong_settings(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(1, 2), torch.tensor([0]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"agreement": 1.5}, r"agreement must lie in \[0, 1\], got 1.5"),
        ({"keep": 0.0}, r"keep must lie in \(0, 1\], got 0.0"),
        ({"keep": 1.5}, r"keep must lie in \(0, 1\], got 1.5"),
    ],
)
def test_wrong_settings_of_two_networks(settings, message):
    logits, target = torch.zeros(2, 2), torch.zeros(2, dtype=torch.long)
    with pytest.raises(ValueError, match=message):
        lb.jocor_loss(logits, target, logits, **settings)
    with pytest.raises(ValueError, match="others must have the shape of logits"):
        lb.jocor_loss(logits, target, logits[:1])
    with pytest.raises(TypeError, match="others must be a floating-point tensor"):
        lb.jocor_loss(logits, target, logits.long())


@pytest.mark.parametrize("name", ["forward_corrected_loss", "backward_corrected_loss"])
def test_wrong_matrices(name):
    function, logits, target = getattr(lb, name), torch.zeros(1, 2), torch.tensor([0])
    for wrong in ([[0.5, 0.2], [0.5, 0.8]], [[1.5, -0.5], [0.0, 1.0]]):
        with pytest.raises(ValueError, match="transition must hold probabilities, with rows that sum to 1"):
            function(logits, target, torch.tensor(wrong))
    with pytest.raises(ValueError, match=r"transition must have shape \(2, 2\), got \(3, 3\)"):
        function(logits, target, torch.eye(3))
    with pytest.raises(TypeError, match="transition must be a floating-point tensor"):
        function(logits, target, torch.eye(2).long())


def test_a_matrix_without_an_inverse():
    with pytest.raises(ValueError, match="transition must have an inverse, got a singular matrix"):
        lb.backward_corrected_loss(torch.zeros(1, 2), torch.tensor([0]), torch.full((2, 2), 0.5))


@pytest.mark.parametrize("count", [0, 1, 3, 11])
def test_a_number_of_weights_that_fits_no_network(count):
    numbers = torch.zeros(2, 1)
    with pytest.raises(ValueError, match=r"weights must have shape \(H \* \(2 \+ H \+ 1\),\)"):
        lb.learned_loss(numbers, numbers, torch.zeros(count))
    with pytest.raises(ValueError, match="weights must have shape"):
        lb.learned_loss(numbers, numbers, torch.zeros(2, 2))


# --- modules ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (lb.ForwardCorrectedLoss, lb.forward_corrected_loss),
        (lb.BackwardCorrectedLoss, lb.backward_corrected_loss),
    ],
)
def test_module_keeps_the_matrix(module, function, example):
    matrix = torch.from_numpy(noise(np.random.default_rng(0)))
    ours, expected = module(matrix, reduction="sum"), function(*example, matrix, reduction="sum")
    for twin in (ours, pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):
        assert type(twin) is module and torch.equal(twin(*example), expected)
    other = module(transition=torch.eye(C, dtype=torch.float64), reduction="sum")
    other.load_state_dict(ours.state_dict())
    assert torch.equal(other(*example), expected)
    assert "classes=4" in repr(ours) and "reduction='sum'" in repr(ours)
    with pytest.raises(ValueError, match=r"transition must have shape \(2, 2\), got \(2, 3\)"):
        module(torch.ones(2, 3))
    with pytest.raises(TypeError, match="sigma"):
        module(matrix, sigma=1)
    with pytest.raises(TypeError, match="transition must be a tensor, got list"):
        module([[1.0]])


def test_taylor_glo_loss_of_a_label_that_is_ruled_out():
    """A probability of 0 equals the second coefficient of the start: no power of the difference divides by it."""
    theta = torch.tensor([0.0, 0.0, 0.0, -2.0, 0.5, 2.0, 0.3, 0.1], dtype=torch.float64)
    logits = torch.tensor([[-2000.0, 0.0]], dtype=torch.float64)
    found = lb.taylor_glo_loss(logits, torch.tensor([0]), theta)
    # The other class has u = 0 and v = 1, the label v = 0.
    assert torch.isclose(found, torch.tensor(-(-2.0 / 2 + 0.5 / 6) / 2, dtype=torch.float64), rtol=1e-12)


def test_taylor_glo_module_learns_its_coefficients(example):
    module = lb.TaylorGLOLoss(reduction="sum").double()
    expected = lb.taylor_glo_loss(*example, module.theta.detach(), reduction="sum")
    for twin in (module, pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert isinstance(twin, lb.TaylorGLOLoss) and torch.equal(twin(*example), expected)
    module(*example).backward()
    assert module.theta.grad.isfinite().all() and (module.theta.grad != 0).any()
    assert [name for name, _ in module.named_parameters()] == ["theta"]
    other = lb.TaylorGLOLoss(torch.ones(8), reduction="sum").double()
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(*example), expected)
    with pytest.raises(ValueError, match=r"theta must have shape \(8,\), got \(3,\)"):
        lb.TaylorGLOLoss(torch.ones(3))


def test_learned_loss_module():
    torch.manual_seed(0)
    module = lb.LearnedLoss(3, hidden=5, reduction="none")
    prediction, target = torch.randn(2, 4, 3)
    expected = lb.learned_loss(prediction, target, module.weights.detach(), reduction="none")
    for twin in (module, pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert isinstance(twin, lb.LearnedLoss) and torch.equal(twin(prediction, target), expected)
    module(prediction, target).sum().backward()
    assert module.weights.grad.isfinite().all() and (module.weights.grad != 0).any()
    other = lb.LearnedLoss(3, hidden=5, reduction="none")
    assert not torch.equal(other.weights, module.weights)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(prediction, target), expected)
    assert "features=3, hidden=5, reduction='none'" in repr(module)
    bound = math.sqrt(6 / (5 + 6))
    assert module.weights[:30].abs().max() <= bound and module.weights[:30].std() > bound / 4


def test_autocast_does_not_lower_the_precision_of_a_learned_loss():
    torch.manual_seed(0)
    module, (prediction, target) = lb.LearnedLoss(3), torch.randn(2, 4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(module(prediction, target), lb.learned_loss(prediction, target, module.weights))


def test_meta_training_lowers_the_task_loss():
    """Two levels: a step on the learned loss, and the task loss after it, whose gradient goes to the loss's weights."""
    torch.manual_seed(0)
    inputs = torch.linspace(-1, 1, 20).unsqueeze(1)
    target = 2 * inputs - 0.5
    learned = lb.LearnedLoss(1)
    optimizer = torch.optim.Adam(learned.parameters(), lr=0.01)

    def after_training() -> torch.Tensor:
        """The task loss of a line after one step of gradient descent on the learned loss, differentiably."""
        line = torch.zeros(2, requires_grad=True)
        inner = learned(line[0] * inputs + line[1], target)
        (slope,) = torch.autograd.grad(inner, line, create_graph=True)
        line = line - 0.3 * slope
        return lb.mse_loss(line[0] * inputs + line[1], target)

    before = after_training().item()
    for _ in range(60):
        optimizer.zero_grad()
        after_training().backward()
        optimizer.step()
    assert after_training().item() < 0.1 * before


def test_taylor_glo_coefficients_can_be_learned_through_a_training_step():
    """The gradient of the task loss after a step, against finite differences."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(6, 2, generator=generator, dtype=torch.float64)
    target = torch.tensor([0, 1, 0, 1, 1, 0])
    start = torch.randn(2, 2, generator=generator, dtype=torch.float64)

    def task(theta: torch.Tensor) -> torch.Tensor:
        weights = start.clone().requires_grad_()
        (slope,) = torch.autograd.grad(lb.taylor_glo_loss(inputs @ weights, target, theta), weights, create_graph=True)
        return lb.cross_entropy(inputs @ (weights - slope), target)

    theta = torch.randn(8, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(task, theta)


def test_parameters_stay_parameters():
    assert isinstance(lb.LearnedLoss(2).weights, nn.Parameter) and isinstance(lb.TaylorGLOLoss().theta, nn.Parameter)
