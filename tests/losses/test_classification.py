"""Losses of classification against their definitions in NumPy, their identities, and what goes wrong elsewhere.

Cross-entropies and focal loss stand in `test_definitions.py`; here is what came later.
"""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from collections.abc import Callable, Iterator
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
C = 3
IGNORED = 7


class Draw:
    """Random settings, and a random input that fits them: some labels ignored, in one picture perhaps all of them."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)

    def one_of(self, *choices: Any) -> Any:
        return choices[self.random.integers(len(choices))]

    def input(self, task: str, ignore: bool, soft: bool = False) -> tuple[Array, Array]:
        shape = (3, 2, 3) if task == "binary" else (3, C, 2, 3)
        logits = 2 * self.random.standard_normal(shape)
        if task == "multiclass":
            target = self.random.integers(C, size=(3, 2, 3))
        else:
            target = self.random.random(shape) if soft else self.random.integers(2, size=shape)
        if ignore:
            target[self.random.random(target.shape) < 0.3] = IGNORED
            target[self.random.integers(3)] = IGNORED
        return logits, target

    def distributions(self) -> tuple[Array, Array]:
        z, t = 2 * self.random.standard_normal((3, C, 2, 3)), self.random.dirichlet(np.ones(C), size=(3, 2, 3))
        return z, np.moveaxis(t, -1, 1)


def compare(function: Callable, arrays: tuple[Array, ...], settings: dict[str, Any], values: Array, weights: Array):
    """`values` are the weighted contributions, `weights` what the mean divides by."""
    settings = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
    total = np.sum(weights)
    expected = {"none": values, "sum": np.sum(values), "mean": np.sum(values) / total if total > 0 else 0.0}
    for reduction, wanted in expected.items():
        found = function(*map(torch.from_numpy, arrays), reduction=reduction, **settings)
        assert found.shape == np.shape(wanted), (reduction, settings)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9, atol=1e-12, err_msg=f"{reduction} {settings}")


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max())
    return e / e.sum()


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def rows(z: Array) -> Iterator[tuple[tuple[int, ...], Array]]:
    """The place and the scores of each distribution over dimension 1."""
    for n, i, j in np.ndindex(z.shape[0], *z.shape[2:]):
        yield (n, i, j), z[n, :, i, j]


def by_label(z: Array, y: Array, loss: Callable[[Array, int], float]) -> tuple[Array, Array]:
    """The loss of each position, and which positions count."""
    values = np.zeros(y.shape)
    for place, scores in rows(z):
        if y[place] != IGNORED:
            values[place] = loss(scores, y[place])
    return values, y != IGNORED


def by_entry(z: Array, y: Array, loss: Callable[[float, float], float]) -> tuple[Array, Array]:
    values = np.zeros(y.shape)
    for place in np.ndindex(y.shape):
        if y[place] != IGNORED:
            values[place] = loss(z[place], y[place])
    return values, y != IGNORED


def ignoring(ignore: bool) -> dict[str, int]:
    return {"ignore_index": IGNORED} if ignore else {}


# --- definitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", DRAWS)
def test_nll(seed):
    draw = Draw(seed)
    ignore, weight = draw.one_of(True, False), draw.one_of(None, np.array([0.2, 1.0, 3.0]))
    z, y = draw.input("multiclass", ignore)
    w = np.ones(C) if weight is None else weight
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    values, _ = by_label(log_p, y, lambda s, c: -w[c] * s[c])
    weights, _ = by_label(log_p, y, lambda _, c: w[c])
    compare(lb.nll_loss, (log_p, y), {"weight": weight} | ignoring(ignore), values, weights)


@pytest.mark.parametrize("seed", DRAWS)
def test_poly1(seed):
    draw = Draw(seed)
    task, ignore = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False)
    epsilon = draw.one_of(-1.0, 0.0, 1.0, 3.0)
    z, y = draw.input(task, ignore, soft=draw.one_of(True, False))

    def of_label(scores, c):
        p = softmax(scores)[c]
        return -math.log(p) + epsilon * (1 - p)

    def of_entry(s, t):
        p = sigmoid(s)
        return -t * math.log(p) - (1 - t) * math.log(1 - p) + epsilon * (t * (1 - p) + (1 - t) * p)

    values, counted = by_label(z, y, of_label) if task == "multiclass" else by_entry(z, y, of_entry)
    compare(lb.poly1_loss, (z, y), {"task": task, "epsilon": epsilon} | ignoring(ignore), values, counted)


@pytest.mark.parametrize("seed", DRAWS)
def test_asymmetric(seed):
    draw = Draw(seed)
    ignore, clip = draw.one_of(True, False), draw.one_of(0.0, 0.05, 0.3)
    negative, positive = draw.one_of(0.0, 0.5, 1.0, 4.0), draw.one_of(0.0, 0.5, 2.0)
    z, y = draw.input("multilabel", ignore, soft=draw.one_of(True, False))

    def loss(s, t):
        p = sigmoid(s)
        p_m = max(p - clip, 0.0)
        return -t * (1 - p) ** positive * math.log(p) - (1 - t) * p_m**negative * math.log(1 - p_m)

    values, counted = by_entry(z, y, loss)
    settings = {"gamma_negative": negative, "gamma_positive": positive, "clip": clip} | ignoring(ignore)
    compare(lb.asymmetric_loss, (z, y), settings, values, counted)


@pytest.mark.parametrize("seed", DRAWS)
def test_divergences(seed):
    draw = Draw(seed)
    from_logits = draw.one_of(True, False)
    z, t = draw.distributions()
    shape = (3, 2, 3)
    forward, reverse, shannon, p = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(z.shape)
    for (n, i, j), scores in rows(z):
        a, b = softmax(scores), t[n, :, i, j]
        p[n, :, i, j], m = a, (a + b) / 2
        forward[n, i, j] = sum(b[c] * math.log(b[c] / a[c]) for c in range(C))
        reverse[n, i, j] = sum(a[c] * math.log(a[c] / b[c]) for c in range(C))
        shannon[n, i, j] = sum(a[c] * math.log(a[c] / m[c]) + b[c] * math.log(b[c] / m[c]) for c in range(C)) / 2
    arrays, settings, ones = (z if from_logits else p, t), {"from_logits": from_logits}, np.ones(shape)
    compare(lb.kl_divergence_loss, arrays, settings, forward, ones)
    compare(lb.kl_divergence_loss, arrays, settings | {"direction": "reverse"}, reverse, ones)
    compare(lb.jensen_shannon_loss, arrays, settings, shannon, ones)


@pytest.mark.parametrize("seed", DRAWS)
def test_distillation(seed):
    draw = Draw(seed)
    ignore, temperature, alpha = draw.one_of(True, False), draw.one_of(0.5, 1.0, 4.0), draw.one_of(0.0, 0.3, 1.0)
    z, y = draw.input("multiclass", ignore)
    teacher = 2 * draw.random.standard_normal(z.shape)
    values = np.zeros(y.shape)
    for (n, i, j), scores in rows(z):
        if y[n, i, j] != IGNORED:
            p, q = softmax(scores / temperature), softmax(teacher[n, :, i, j] / temperature)
            soft = sum(q[c] * math.log(q[c] / p[c]) for c in range(C))
            hard = -math.log(softmax(scores)[y[n, i, j]])
            values[n, i, j] = (1 - alpha) * hard + alpha * temperature**2 * soft
    settings = {"temperature": temperature, "alpha": alpha} | ignoring(ignore)
    compare(lb.distillation_loss, (z, y, teacher), settings, values, y != IGNORED)


def entropy(p: Array) -> float:
    return -sum(q * math.log(q) for q in p)


@pytest.mark.parametrize("seed", DRAWS)
def test_entropy_and_confidence_penalty(seed):
    draw = Draw(seed)
    ignore, beta = draw.one_of(True, False), draw.one_of(0.0, 0.1, 2.0)
    z, y = draw.input("multiclass", ignore)
    values, counted = by_label(z, y, lambda s, c: -math.log(softmax(s)[c]) - beta * entropy(softmax(s)))
    compare(lb.confidence_penalty_loss, (z, y), {"beta": beta} | ignoring(ignore), values, counted)
    doubts = by_label(z, np.zeros(y.shape, dtype=int), lambda s, _: entropy(softmax(s)))[0]
    compare(lb.entropy_loss, (z,), {}, doubts, np.ones(y.shape))
    p = sigmoid(z)
    doubts = -p * np.log(p) - (1 - p) * np.log(1 - p)
    compare(lb.entropy_loss, (z,), {"task": draw.one_of("multilabel", "binary")}, doubts, np.ones(z.shape))


@pytest.mark.parametrize("seed", DRAWS)
def test_brier(seed):
    draw = Draw(seed)
    task, ignore = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False)
    z, y = draw.input(task, ignore, soft=draw.one_of(True, False))
    if task == "multiclass":
        values, counted = by_label(z, y, lambda s, c: ((softmax(s) - np.eye(C)[c]) ** 2).sum())
    else:
        values, counted = by_entry(z, y, lambda s, t: (sigmoid(s) - t) ** 2)
    compare(lb.brier_loss, (z, y), {"task": task} | ignoring(ignore), values, counted)


@pytest.mark.parametrize("seed", DRAWS)
def test_zero_one_and_its_smooth_form(seed):
    draw = Draw(seed)
    task, ignore = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False)
    steepness = draw.one_of(0.5, 1.0, 7.0)
    z, y = draw.input(task, ignore)
    if task == "multiclass":
        wrong, counted = by_label(z, y, lambda s, c: float(np.argmax(s) != c))
        smooth, _ = by_label(z, y, lambda s, c: sigmoid(-steepness * (s[c] - np.delete(s, c).max())))
    else:
        wrong, counted = by_entry(z, y, lambda s, t: float((s > 0) != (t == 1)))
        smooth, _ = by_entry(z, y, lambda s, t: sigmoid(-steepness * (s if t == 1 else -s)))
    settings = {"task": task} | ignoring(ignore)
    compare(lb.zero_one_loss, (z, y), settings, wrong, counted)
    compare(lb.smooth_zero_one_loss, (z, y), settings | {"steepness": steepness}, smooth, counted)


TREES = ([[0, 0, 1]], [[0, 1, 1], [0, 0, 0]], [[4, 4, 9], [1, 1, 2]], [[0, 1, 2]])


@pytest.mark.parametrize("seed", DRAWS)
def test_hierarchical(seed):
    """By hand: the steps of the path from the label to the root, the topmost step with weight one."""
    draw = Draw(seed)
    ignore, alpha, tree = draw.one_of(True, False), draw.one_of(0.0, 0.1, 1.0), np.array(draw.one_of(*TREES))
    z, y = draw.input("multiclass", ignore)

    def loss(scores, c):
        p, total = softmax(scores), 0.0
        path = [[c], *([k for k in range(C) if row[k] == row[c]] for row in tree), list(range(C))]
        for depth, (outer, inner) in enumerate(itertools.pairwise(reversed(path))):
            total -= math.exp(-alpha * depth) * math.log(p[inner].sum() / p[outer].sum())
        return total

    values, counted = by_label(z, y, loss)
    settings = {"ancestors": tree, "alpha": alpha} | ignoring(ignore)
    compare(lb.hierarchical_cross_entropy, (z, y), settings, values, counted)


@pytest.mark.parametrize("seed", DRAWS)
def test_temporal(seed):
    draw = Draw(seed)
    ignore, smoothness, threshold = draw.one_of(True, False), draw.one_of(0.0, 0.15, 2.0), draw.one_of(0.5, 4.0)
    z, y = 2 * draw.random.standard_normal((3, C, 6)), draw.random.integers(C, size=(3, 6))
    lengths = draw.random.integers(1, 7, size=3)
    if ignore:
        y[draw.random.random(y.shape) < 0.3] = IGNORED
    values, counted = np.zeros(y.shape), np.zeros(y.shape)
    for n, t in np.ndindex(y.shape):
        if t < lengths[n] and y[n, t] != IGNORED:
            now = np.log(softmax(z[n, :, t]))
            values[n, t], counted[n, t] = -now[y[n, t]], 1
            if t > 0 and y[n, t - 1] != IGNORED:
                jump = np.abs(now - np.log(softmax(z[n, :, t - 1])))
                values[n, t] += smoothness * (np.minimum(jump, threshold) ** 2).mean()
    settings = {"smoothness": smoothness, "threshold": threshold} | ignoring(ignore)
    compare(lb.temporal_cross_entropy, (z, y, lengths), settings, values, counted)


@pytest.mark.parametrize("seed", DRAWS)
def test_attention_target(seed):
    draw = Draw(seed)
    heads, tokens = draw.one_of("mean", "each"), draw.one_of("sum", "each")
    from_logits = draw.one_of(True, False)
    scores = draw.random.standard_normal((3, 2, 4, 5))
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    mask = draw.random.integers(2, size=(3, 5))
    mask[0], mask[1, 2] = 0, 1  # no target token at all; one at least
    values, counted = np.zeros((3, 4)), np.zeros((3, 4))
    for n, q in np.ndindex(3, 4):
        if mask[n].any():
            a = weights[n, :, q]
            of_heads = [a.mean(0)] if heads == "mean" else list(a)
            hits = [row[mask[n] == 1] for row in of_heads]
            losses = [-math.log(hit.sum()) if tokens == "sum" else -np.log(hit).mean() for hit in hits]
            values[n, q], counted[n, q] = np.mean(losses), 1
    settings = {"heads": heads, "tokens": tokens, "from_logits": from_logits}
    compare(lb.attention_target_loss, (scores if from_logits else weights, mask), settings, values, counted)


@pytest.mark.parametrize("regularizer", ["hard", "linear"])
@pytest.mark.parametrize("threshold", [0.5, 1.0, 3.0])
def test_self_paced_is_the_minimum_over_the_weights(regularizer, threshold):
    losses = np.random.default_rng(0).uniform(0, 4, (4, 5))
    v = np.linspace(0, 1, 2001)
    price = -threshold * v if regularizer == "hard" else threshold * (v**2 / 2 - v)
    values = np.array([[(v * loss + price).min() - price[-1] for loss in row] for row in losses])
    found = lb.self_paced_loss(torch.from_numpy(losses), threshold=threshold, regularizer=regularizer, reduction="none")
    np.testing.assert_allclose(found.numpy(), values, atol=1e-6 * threshold)
    best = v[np.array([[(v * loss + price).argmin() for loss in row] for row in losses])]
    weights = lb.self_paced_weights(torch.from_numpy(losses), threshold=threshold, regularizer=regularizer)
    np.testing.assert_allclose(weights.numpy(), best, atol=1e-3)


def transcripts(seed: int) -> tuple[Array, ...]:
    random = np.random.default_rng(seed)
    return (random.standard_normal((3, C, 5)), random.integers(1, C, size=(3, 2)),
            random.integers(3, 6, size=3), random.integers(0, 3, size=3))  # fmt: skip


@pytest.mark.parametrize("seed", DRAWS)
def test_ctc_by_trying_every_path(seed):
    z, y, frames, lengths = transcripts(seed)
    values = np.zeros(3)
    for n in range(3):
        p, mass = np.stack([softmax(z[n, :, t]) for t in range(5)], 1), 0.0
        for path in itertools.product(range(C), repeat=int(frames[n])):
            if [label for label, _ in itertools.groupby(path) if label] == list(y[n, : lengths[n]]):
                mass += math.prod(p[label, t] for t, label in enumerate(path))
        values[n] = -math.log(mass)
    arrays = [torch.from_numpy(a) for a in (z, y, frames, lengths)]
    assert lb.ctc_loss(*arrays, reduction="none").numpy() == pytest.approx(values, rel=1e-9)
    assert lb.ctc_loss(*arrays, reduction="sum").item() == pytest.approx(values.sum(), rel=1e-9)
    assert lb.ctc_loss(*arrays).item() == pytest.approx((values / np.maximum(lengths, 1)).mean(), rel=1e-9)


# --- in the place of torch's ------------------------------------------------------------------------------------------

SHAPES = [(), (1,), (4,), (2, 3), (2, 1, 3, 2), (0,), (2, 0)]  # of the labels


def outcome(function: Callable, *tensors: torch.Tensor, **settings: Any) -> list[torch.Tensor]:
    """Value, and the gradients (by an upstream gradient that is not uniform) of all floating-point tensors."""
    tensors = [t.clone().requires_grad_() if t.is_floating_point() else t for t in tensors]
    value = function(*tensors, **settings)
    upstream = torch.linspace(1, 2, value.numel(), dtype=value.dtype).reshape(value.shape)
    return [value, *torch.autograd.grad(value, [t for t in tensors if t.requires_grad], upstream)]


def agree(ours: Callable, theirs: Callable, *tensors: torch.Tensor, **settings: Any) -> None:
    tolerance = 5e-2 if tensors[0].dtype == torch.bfloat16 else 1e-6  # torch rounds each step
    for found, wanted in zip(outcome(ours, *tensors, **settings), outcome(theirs, *tensors, **settings), strict=True):
        wanted = wanted.nan_to_num(0)  # torch's mean of nothing
        torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance, msg=lambda m: f"{settings}: {m}")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_torch_losses_of_labels_may_be_exchanged(shape, dtype):
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(5, shape, generator=generator)
    logits = torch.randn(*shape[:1], 5, *shape[1:], generator=generator).to(dtype)
    for weight, ignored, reduction in itertools.product((None, torch.arange(1, 6)), (-100, 2), ("none", "mean", "sum")):
        settings: dict[str, Any] = {"ignore_index": ignored, "reduction": reduction}
        settings["weight"] = weight if weight is None else weight.to(dtype) / 3
        agree(lb.nll_loss, F.nll_loss, logits.log_softmax(min(logits.dim() - 1, 1)), target, **settings)
        for smoothing in (0.0, 0.2, 1.0):
            agree(lb.cross_entropy, F.cross_entropy, logits, target, label_smoothing=smoothing, **settings)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_torch_losses_of_probabilities_may_be_exchanged(shape, dtype):
    """The target has a gradient as well."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(*shape[:1], 5, *shape[1:], generator=generator).to(dtype)
    target = torch.randn(logits.shape, generator=generator).softmax(min(logits.dim() - 1, 1)).to(dtype)
    weights = torch.rand(2, *logits.shape, generator=generator).to(dtype)
    for reduction in ("none", "mean", "sum"):
        for weight, smoothing in itertools.product((None, torch.arange(1, 6).to(dtype)), (0.0, 0.2, 1.0)):
            settings = {"weight": weight, "label_smoothing": smoothing, "reduction": reduction}
            agree(lb.cross_entropy, F.cross_entropy, logits, target, **settings)
        for weight, pos_weight in itertools.product((None, weights[0]), (None, weights[1])):
            settings = {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}
            agree(lb.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits, logits, target, **settings)


def test_gradients_of_single_examples_as_torch_func_forms_them():
    logits, target = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    ours, theirs = (
        torch.func.vmap(torch.func.grad(function))(logits, target) for function in (lb.cross_entropy, F.cross_entropy)
    )
    assert torch.allclose(ours, theirs, atol=1e-7)
    log_p = logits.log_softmax(1)
    assert (torch.func.vmap(torch.func.grad(lb.nll_loss))(log_p, target) == -F.one_hot(target, 3)).all()


def test_what_torch_refuses_is_refused():
    logits, target = torch.randn(2, 3), torch.tensor([0, 1])
    for wrong, settings in [
        (target.float(), {}),
        (target[:1], {}),
        (torch.tensor([0, 3]), {}),
        (logits.softmax(1)[:, :2], {}),
        (logits.softmax(1), {"ignore_index": 0}),
        (target, {"weight": torch.ones(2)}),
        (target, {"label_smoothing": 1.1}),
    ]:
        for function, errors in ((F.cross_entropy, Exception), (lb.cross_entropy, (TypeError, ValueError))):
            with pytest.raises(errors):
                function(logits, wrong, **settings)
    for function in (lb.cross_entropy, lb.nll_loss):
        with pytest.raises(ValueError, match=r"must have shape \(N, C, \*\), got \(3,\)"):
            function(logits[0].log_softmax(0), target)
    with pytest.raises(ValueError, match="ignore_index marks labels; the target holds probabilities, got 0"):
        lb.cross_entropy(logits, logits.softmax(1), ignore_index=0)


# --- identities -------------------------------------------------------------------------------------------------------


def multiclass(seed: int = 0, ignore: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(map(torch.from_numpy, Draw(seed).input("multiclass", ignore)))


def distributions(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(map(torch.from_numpy, Draw(seed).distributions()))


def test_what_is_cross_entropy_in_disguise():
    z, y = multiclass()
    expected = lb.cross_entropy(z, y)
    one_hot = F.one_hot(y, C).movedim(-1, 1).double()
    for found in (
        lb.nll_loss(z.log_softmax(1), y),
        lb.poly1_loss(z, y, epsilon=0.0),
        lb.kl_divergence_loss(z, one_hot),
        lb.confidence_penalty_loss(z, y, beta=0.0),
        lb.distillation_loss(z, y, torch.randn_like(z), alpha=0.0),
        lb.hierarchical_cross_entropy(z, y),
        lb.hierarchical_cross_entropy(z, y, alpha=3.0),
        lb.hierarchical_cross_entropy(z, y, ancestors=torch.tensor([[0, 0, 1]]), alpha=0.0),
        lb.temporal_cross_entropy(z, y),
    ):
        assert torch.isclose(found, expected, rtol=1e-12)


def test_soft_targets_and_smoothed_labels_are_settings_of_cross_entropy():
    z, y = multiclass()
    smoothed = 0.9 * F.one_hot(y, C).movedim(-1, 1).double() + 0.1 / C
    assert torch.isclose(lb.cross_entropy(z, smoothed), lb.cross_entropy(z, y, label_smoothing=0.1), rtol=1e-12)


def test_margin_losses_of_torch_are_binary_cross_entropy():
    z, y = torch.from_numpy(Draw(0).input("multilabel", False)[0]), torch.randint(2, (3, C, 2, 3))
    expected = lb.binary_cross_entropy_with_logits(z, y)
    assert torch.isclose(F.soft_margin_loss(z, 2.0 * y - 1), expected, rtol=1e-12)
    z, y = z.movedim(1, -1).reshape(-1, C), y.movedim(1, -1).reshape(-1, C)
    assert torch.isclose(F.multilabel_soft_margin_loss(z, y.double()), expected, rtol=1e-12)


def test_asymmetric_loss_without_its_settings_is_binary_cross_entropy():
    z, y = map(torch.from_numpy, Draw(1).input("multilabel", False))
    plain = lb.asymmetric_loss(z, y, gamma_negative=0.0, gamma_positive=0.0, clip=0.0)
    assert torch.isclose(plain, lb.binary_cross_entropy_with_logits(z, y), rtol=1e-12)
    equal = lb.asymmetric_loss(z, y, gamma_negative=2.0, gamma_positive=2.0, clip=0.0)
    assert torch.isclose(equal, lb.focal_loss(z, y, task="multilabel"), rtol=1e-12)


def test_divergences_relate():
    z, t = distributions()
    p = z.softmax(1)
    assert torch.isclose(
        lb.kl_divergence_loss(p, t, from_logits=False),
        lb.kl_divergence_loss(t, p, from_logits=False, direction="reverse"),
    )
    there, back = (lb.jensen_shannon_loss(*pair, from_logits=False) for pair in ((p, t), (t, p)))
    assert torch.isclose(there, back, rtol=1e-12)
    assert torch.isclose(lb.jensen_shannon_loss(z, t), there, rtol=1e-12)
    m = (p + t) / 2
    halves = [lb.kl_divergence_loss(m, q, from_logits=False) / 2 for q in (p, t)]
    assert torch.isclose(sum(halves), there, rtol=1e-12)


def test_kl_mean_is_the_batch_mean():
    """pytorch #2259, #69442, deit #61: torch's `"mean"` divides by the number of classes, too."""
    z, t = distributions()
    z, t = z.movedim(1, -1).reshape(-1, C), t.movedim(1, -1).reshape(-1, C)
    assert torch.isclose(lb.kl_divergence_loss(z, t), F.kl_div(z.log_softmax(1), t, reduction="batchmean"), rtol=1e-12)


def test_distillation_keeps_the_size_of_the_gradient():
    """LD #74: with the mean over classes the teacher's term is far too small; T^2 makes up for the temperature."""
    z = torch.randn(8, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    teacher, y = z.flip(0), torch.zeros(8, dtype=torch.long)
    norms = [
        calculus.autograd(lb.distillation_loss, z, y, teacher, temperature=T, alpha=1.0).norm() for T in (20.0, 200.0)
    ]
    assert torch.isclose(*norms, rtol=0.05)
    centered = (z - z.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))
    limit = centered.square().sum(1).mean() / (2 * 10)
    assert torch.isclose(lb.distillation_loss(z, y, teacher, temperature=1e4, alpha=1.0), limit, rtol=1e-3)


def test_confidence_penalty_adds_the_divergence_from_the_uniform_distribution():
    z, y = multiclass()
    uniform = torch.full_like(z, 1 / C)
    divergence = lb.kl_divergence_loss(z, uniform, direction="reverse")
    expected = lb.cross_entropy(z, y) + 0.3 * (divergence - math.log(C))
    assert torch.isclose(lb.confidence_penalty_loss(z, y, beta=0.3), expected, rtol=1e-12)


def test_entropies_at_their_ends():
    flat, sure = torch.zeros(1, 4), torch.tensor([[1e4, 0.0, -1e4, 0.0]])
    assert lb.entropy_loss(flat).item() == pytest.approx(math.log(4))
    assert lb.entropy_loss(sure) == 0
    for z in (flat, sure):
        assert (calculus.autograd(lb.entropy_loss, z) == 0).all()
    assert lb.entropy_loss(flat, task="binary").item() == pytest.approx(math.log(2))


def test_brier_of_two_classes_is_twice_that_of_one_question():
    z = torch.randn(6, 2, dtype=torch.float64)
    y = torch.tensor([0, 1, 1, 0, 1, 0])
    once = lb.brier_loss(z[:, 1] - z[:, 0], y, task="binary")
    assert torch.isclose(lb.brier_loss(z, y), 2 * once, rtol=1e-12)


def test_zero_one_loss_has_a_zero_gradient_even_at_infinity():
    z = torch.tensor([[math.inf, 0.0], [0.0, -math.inf]], requires_grad=True)
    value = lb.zero_one_loss(z, torch.tensor([1, 0]))
    value.backward()
    assert value == 0.5 and (z.grad == 0).all()
    assert lb.zero_one_loss(torch.zeros(2), torch.tensor([0, 1]), task="binary") == 0.5  # a logit of zero means no
    assert lb.zero_one_loss(torch.zeros(1, 3), torch.tensor([0])) == 0  # of equal logits the first class wins


def test_smooth_zero_one_tends_to_the_step_and_twice_it_is_never_below():
    z, y = multiclass()
    step = lb.zero_one_loss(z, y, reduction="none")
    assert torch.allclose(lb.smooth_zero_one_loss(z, y, steepness=1e4, reduction="none"), step)
    for steepness in (0.1, 1.0, 10.0):
        assert (2 * lb.smooth_zero_one_loss(z, y, steepness=steepness, reduction="none") >= step).all()


def test_smooth_zero_one_of_a_question_is_the_absolute_error_of_the_probability():
    z, y = map(torch.from_numpy, Draw(2).input("binary", False))
    expected = (z.sigmoid() - y).abs().mean()
    assert torch.isclose(lb.smooth_zero_one_loss(z, y, task="binary"), expected, rtol=1e-12)


def test_a_mistake_in_the_right_branch_costs_less():
    tree, label = torch.tensor([[0, 0, 1, 1]]), torch.tensor([0])
    near, far = torch.tensor([[0.0, 3.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 3.0, 0.0]])
    costs = [lb.hierarchical_cross_entropy(z, label, ancestors=tree, alpha=0.5) for z in (near, far)]
    assert costs[0] < costs[1] - 0.3
    assert torch.isclose(lb.cross_entropy(near, label), lb.cross_entropy(far, label))


def test_hierarchical_loss_is_proper():
    """With a tree, too, the frequencies of the classes are the best answer."""
    tree, frequencies = torch.tensor([[0, 0, 1]]), torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    z = frequencies.log().expand(3, 3).clone().requires_grad_()
    losses = lb.hierarchical_cross_entropy(z, torch.arange(3), ancestors=tree, alpha=0.8, reduction="none")
    (slope,) = torch.autograd.grad(losses @ frequencies, z)
    assert slope.sum(0).abs().max() < 1e-12


def test_temporal_smoothness_holds_the_frame_before_fixed():
    """MS-TCN's rule; the shared check of gradients runs without it."""
    z = torch.randn(2, C, 5, dtype=torch.float64, requires_grad=True)
    y = torch.randint(C, (2, 5))
    before = z.detach().log_softmax(1)[..., :-1]

    def fixed(z):
        log_p = z.log_softmax(1)
        jump = (log_p[..., 1:] - before).clamp(-4, 4).square().mean(1)
        return F.cross_entropy(z, y) + 0.15 * jump.sum() / y.numel()

    expected = calculus.autograd(fixed, z)
    found = calculus.autograd(lb.temporal_cross_entropy, z, y, smoothness=0.15)
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-14)
    assert calculus.finite_differences(fixed, z).sub(found).abs().max() < 1e-8
    free = calculus.autograd(lb.temporal_cross_entropy, z, y, smoothness=0.15, stop_gradient=False)
    assert not torch.allclose(free, expected)


def test_temporal_lengths_hide_what_comes_later():
    z, y = torch.randn(2, C, 5, dtype=torch.float64), torch.randint(C, (2, 5))
    lengths = torch.tensor([3, 0])
    padded, labels = z.clone(), y.clone()
    padded[0, :, 3:], padded[1], labels[0, 3:], labels[1] = math.nan, math.nan, -1, 99
    for smoothness in (0.0, 0.5):
        found = lb.temporal_cross_entropy(padded.requires_grad_(), labels, lengths, smoothness=smoothness)
        expected = lb.temporal_cross_entropy(z[:1, :, :3], y[:1, :3], smoothness=smoothness)
        assert torch.isclose(found, expected, rtol=1e-12)
        (gradient,) = torch.autograd.grad(found, padded)
        assert gradient.isfinite().all() and (gradient[0, :, 3:] == 0).all() and (gradient[1] == 0).all()
    nothing = lb.temporal_cross_entropy(z, y, torch.tensor([0, 0]))
    assert nothing == 0


def test_attention_without_a_target_token_is_a_zero_attached_to_the_graph():
    attention = torch.randn(2, 1, 3, 4, requires_grad=True)
    for tokens in ("sum", "each"):
        value = lb.attention_target_loss(attention, torch.zeros(2, 4, dtype=torch.bool), tokens=tokens)
        (gradient,) = torch.autograd.grad(value, attention)
        assert value == 0 and (gradient == 0).all()


def test_attention_of_one_token_does_not_depend_on_how_tokens_are_joined():
    attention, mask = torch.randn(2, 3, 4, 5), F.one_hot(torch.tensor([1, 4]), 5)
    values = [lb.attention_target_loss(attention, mask, tokens=tokens) for tokens in ("sum", "each")]
    assert torch.isclose(*values)


def test_attention_of_all_heads_and_queries_in_one_logarithm():
    """Equation 4 of TrojViT, which its program does not follow."""
    scores, mask = torch.randn(2, 3, 4, 5, dtype=torch.float64), F.one_hot(torch.tensor([1, 4]), 5)
    mask[0, 3] = 1
    expected = -(scores.softmax(-1) * mask[:, None, None]).sum((1, 2, 3)).log()
    values = lb.attention_target_loss(scores.reshape(2, 12, 1, 5), mask, reduction="none")
    assert torch.allclose(values[:, 0], expected + math.log(12), rtol=1e-12)


def test_self_paced_gradient_is_the_weight():
    losses = torch.rand(20, dtype=torch.float64) * 3
    for regularizer in ("hard", "linear"):
        gradient = calculus.autograd(lb.self_paced_loss, losses, regularizer=regularizer, reduction="sum")
        assert torch.allclose(gradient, lb.self_paced_weights(losses, regularizer=regularizer))


def test_curriculum_lets_harder_examples_in():
    losses = torch.tensor([0.1, 1.0, 5.0])
    counts = [lb.self_paced_weights(losses, threshold=age).sum().item() for age in (0.5, 2.0, 10.0)]
    assert counts == [1, 2, 3]
    assert not lb.self_paced_weights(losses.requires_grad_()).requires_grad


# --- what goes wrong elsewhere ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_asymmetric_loss_keeps_its_gradient_at_the_worst_mistakes(dtype):
    """timm: a logit of -200 at a true label costs 18.4 and has a gradient of zero; ASL #53: NaN in float16."""
    z = torch.tensor([-200.0], dtype=dtype)
    assert lb.asymmetric_loss(z, torch.tensor([1])) == 200
    assert calculus.autograd(lb.asymmetric_loss, z, torch.tensor([1])) == -1


@pytest.mark.parametrize("gammas", list(itertools.product((0.0, 0.3, 1.0), repeat=2)))
@pytest.mark.parametrize("clip", [0.0, 0.05])
def test_asymmetric_loss_has_a_finite_gradient_for_every_exponent(gammas, clip):
    """kornia #918 and its kin: exponents below 1 at perfect answers, and at the margin itself."""
    edge = math.log(0.05 / 0.95)
    z = torch.tensor([-1e4, -200.0, -100.0, edge, 0.0, 100.0, 200.0, 1e4])
    settings = {"gamma_negative": gammas[0], "gamma_positive": gammas[1], "clip": clip}
    for label in (0.0, 1.0, 0.5):
        y = torch.full_like(z, label)
        assert lb.asymmetric_loss(z, y, **settings).isfinite()
        assert calculus.autograd(lb.asymmetric_loss, z, y, **settings).isfinite().all()


def test_poly1_does_not_round_a_small_miss_away():
    """1 - p by subtraction would be zero in float32."""
    for z, y in ((20.0, 1), (-20.0, 0)):
        value = lb.poly1_loss(torch.tensor([z]), torch.tensor([y]), task="binary", epsilon=1e6)
        assert value.item() == pytest.approx(1e6 / (1 + math.exp(20)), rel=1e-5)


def test_divergences_with_zeros():
    """No infinity and no NaN from classes of probability zero, on either side."""
    sure, even = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])
    assert lb.kl_divergence_loss(even, sure, from_logits=False).item() == pytest.approx(math.log(2))
    assert lb.kl_divergence_loss(sure, sure, from_logits=False) == 0
    assert lb.kl_divergence_loss(sure, even, from_logits=False) == pytest.approx(-math.log(2) + 87.3365 / 2, rel=1e-4)
    assert lb.jensen_shannon_loss(sure, sure.flip(1), from_logits=False).item() == pytest.approx(math.log(2))
    for loss, settings in itertools.product(
        (lb.kl_divergence_loss, lb.jensen_shannon_loss), ({}, {"from_logits": False})
    ):
        assert calculus.autograd(loss, sure, even, **settings).isfinite().all()
    assert calculus.autograd(lb.kl_divergence_loss, even, sure, direction="reverse").isfinite().all()


def test_nll_refuses_probabilities_and_logits():
    """The mistake that torch lets pass: a mean of minus probabilities looks like a loss that falls."""
    p, y = torch.tensor([[0.2, 0.8]]), torch.tensor([1])
    with pytest.raises(ValueError, match="log_probabilities must not be above 0; apply log_softmax"):
        lb.nll_loss(p, y)
    assert lb.nll_loss(p.log(), y).item() == pytest.approx(-math.log(0.8))


def test_ctc_transcript_that_does_not_fit():
    """Infinite, or zero, and in no case a gradient that is not a number; the rest of the batch is not touched."""
    z = torch.randn(2, C, 3, dtype=torch.float64)
    y, frames, lengths = torch.tensor([[1, 1], [1, 2]]), torch.tensor([2, 3]), torch.tensor([2, 2])
    values = lb.ctc_loss(z, y, frames, lengths, reduction="none")
    assert values[0].isinf() and values[1].isfinite()
    value = lb.ctc_loss(z, y, frames, lengths, zero_infinity=True, reduction="sum")
    assert torch.isclose(value, values[1])
    gradient = calculus.autograd(lb.ctc_loss, z, y, frames, lengths, zero_infinity=True)
    alone = calculus.autograd(lb.ctc_loss, z[1:], y[1:], frames[1:], lengths[1:])
    assert (gradient[0] == 0).all() and torch.allclose(2 * gradient[1:], alone)


def test_ctc_recursion_is_torchs():
    """Under `vmap` the recursion runs in torch itself: the same values and gradients, transcripts without room too."""
    batches = [[torch.from_numpy(a) for a in transcripts(seed)] for seed in range(4)]
    batches[1][2] = torch.tensor([1, 2, 0])
    stacked = [torch.stack(tensors) for tensors in zip(*batches, strict=True)]

    def loss(*tensors):
        return lb.ctc_loss(*tensors, reduction="none")

    expected = torch.stack([loss(*tensors) for tensors in batches])
    assert expected[1].isinf().any()
    assert torch.allclose(torch.func.vmap(loss)(*stacked), expected, rtol=1e-12)

    def total(*tensors):
        return lb.ctc_loss(*tensors, zero_infinity=True)

    gradients = torch.func.vmap(torch.func.grad(total))(*stacked)
    for found, tensors in zip(gradients, batches, strict=True):
        assert torch.allclose(found, calculus.autograd(total, *tensors), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_a_class_is_not_ignored_because_a_byte_cannot_hold_the_ignored_label(dtype):
    """As a byte, -100 is 156: a class like any other where there are so many."""
    logits, target = torch.randn(2, 171, 3), torch.tensor([[156, 3, 170], [0, 156, 156]])
    for name in ("cross_entropy", "nll_loss", "confidence_penalty_loss", "generalized_cross_entropy"):
        scores = logits.log_softmax(1) if name == "nll_loss" else logits
        assert torch.equal(getattr(lb, name)(scores, target.to(dtype)), getattr(lb, name)(scores, target))
    lengths = torch.tensor([2, 3])
    values = (lb.temporal_cross_entropy(logits, y, lengths) for y in (target.to(dtype), target))
    assert torch.equal(*values)


@pytest.mark.parametrize("tokens", ["sum", "each"])
@pytest.mark.parametrize("heads", ["mean", "each"])
def test_attention_with_keys_that_are_masked_out(tokens, heads):
    """Padding has a score of minus infinity in every head: as if it were not there, in value and gradient."""
    scores, mask = torch.randn(2, 3, 4, 5), F.one_hot(torch.tensor([1, 3]), 5)
    mask[0, 0] = 1
    padded = F.pad(scores, (0, 2), value=-math.inf).requires_grad_()
    found = lb.attention_target_loss(padded, F.pad(mask, (0, 2)), tokens=tokens, heads=heads)
    (gradient,) = torch.autograd.grad(found, padded)
    wanted = calculus.autograd(lb.attention_target_loss, scores, mask, tokens=tokens, heads=heads)
    assert torch.isclose(found, lb.attention_target_loss(scores, mask, tokens=tokens, heads=heads))
    assert torch.allclose(gradient, F.pad(wanted, (0, 2)), atol=1e-7)


def test_ctc_of_no_frames():
    """The empty transcript is sure, any other impossible, whichever way it is computed."""
    z, y = torch.randn(3, C, 4, requires_grad=True), torch.tensor([[1, 2]] * 3)
    frames, lengths = torch.tensor([0, 0, 4]), torch.tensor([0, 1, 2])
    for function in (lb.ctc_loss, torch.compile(lb.ctc_loss, backend="eager", fullgraph=True)):
        values = function(z, y, frames, lengths, reduction="none")
        assert values[0] == 0 and values[1].isinf() and values[2].isfinite()
        (gradient,) = torch.autograd.grad(function(z, y, frames, lengths, zero_infinity=True), z)
        assert (gradient[:2] == 0).all() and gradient[2].isfinite().all() and gradient[2].any()


# --- silly input ------------------------------------------------------------------------------------------------------


LOGITS, LABELS = torch.zeros(2, 3), torch.tensor([0, 2])
EVEN = torch.full((2, 3), 1 / 3)
FRAMES = torch.zeros(1, 3, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lb.poly1_loss(LOGITS, LABELS, epsilon=-1.5), ValueError, "at least -1, and finite, got -1.5"),
        (lambda: lb.poly1_loss(LOGITS, LABELS, epsilon=math.inf), ValueError, "and finite, got inf"),
        (lambda: lb.temporal_cross_entropy(FRAMES, LABELS[None], torch.tensor([2.0])), TypeError,
         r"lengths must hold integers, got torch\.float32"),
        *((lambda n=n: lb.temporal_cross_entropy(FRAMES, LABELS[None], torch.tensor([n])), ValueError,
           "lengths must lie between 0 and the number of frames, 2") for n in (-1, 3)),
        (lambda: lb.asymmetric_loss(LOGITS, EVEN, clip=1.0), ValueError, r"clip must lie in \[0, 1\), got 1.0"),
        (lambda: lb.asymmetric_loss(LOGITS, EVEN, gamma_negative=-1), ValueError, "gamma_negative must be at least 0"),
        (lambda: lb.asymmetric_loss(LOGITS, EVEN, gamma_positive=-1), ValueError, "gamma_positive must be at least 0"),
        (lambda: lb.kl_divergence_loss(LOGITS, EVEN, direction="back"), ValueError, "direction must be one of"),
        (lambda: lb.kl_divergence_loss(LOGITS, LABELS), TypeError, "target must be a floating-point tensor"),
        (lambda: lb.kl_divergence_loss(LOGITS, 2 * EVEN + 1), ValueError, r"target must lie in \[0, 1\]"),
        (lambda: lb.kl_divergence_loss(LOGITS - 1, EVEN, from_logits=False), ValueError, "prediction must lie in"),
        (lambda: lb.kl_divergence_loss(LOGITS[0], EVEN[0]), ValueError, r"prediction must have shape \(N, C, \*\)"),
        (lambda: lb.distillation_loss(LOGITS, LABELS, LOGITS[:1]), ValueError, "teacher_logits must have the shape of"),
        (lambda: lb.distillation_loss(LOGITS, LABELS, LOGITS, temperature=0), ValueError, "temperature must be above"),
        (lambda: lb.distillation_loss(LOGITS, LABELS, LOGITS, alpha=2), ValueError, r"alpha must lie in \[0, 1\]"),
        (lambda: lb.distillation_loss(LOGITS, LABELS, [0]), TypeError, "teacher_logits must be a tensor, got list"),
        (lambda: lb.confidence_penalty_loss(LOGITS, LABELS, beta=-1), ValueError, "beta must be at least 0"),
        (lambda: lb.smooth_zero_one_loss(LOGITS, LABELS, steepness=0), ValueError, "steepness must be above 0"),
        (lambda: lb.hierarchical_cross_entropy(LOGITS, LABELS, alpha=-1), ValueError, "alpha must be at least 0"),
        (
            lambda: lb.hierarchical_cross_entropy(LOGITS, LABELS, ancestors=torch.zeros(1, 4)),
            ValueError,
            r"ancestors must have shape \(L, 3\), got \(1, 4\)",
        ),
        (
            lambda: lb.hierarchical_cross_entropy(LOGITS, LABELS, ancestors=torch.tensor([[0, 0, 1], [0, 1, 1]])),
            ValueError,
            "ancestors must describe a tree",
        ),
        (lambda: lb.temporal_cross_entropy(LOGITS, LABELS, smoothness=-1), ValueError, "smoothness must be at least 0"),
        (lambda: lb.temporal_cross_entropy(LOGITS, LABELS, threshold=0), ValueError, "threshold must be above 0"),
        (lambda: lb.temporal_cross_entropy(LOGITS, LABELS, smoothness=1), ValueError, r"shape \(N, C, T, \*\)"),
        (
            lambda: lb.temporal_cross_entropy(torch.zeros(2, 3, 4), torch.zeros(2, 4).long(), torch.ones(3)),
            ValueError,
            r"lengths must have shape \(2,\), got \(3,\)",
        ),
        (lambda: lb.attention_target_loss(LOGITS, LABELS), ValueError, r"attention must have shape \(N, H, Q, K\)"),
        (
            lambda: lb.attention_target_loss(torch.zeros(2, 1, 3, 4), torch.zeros(2, 3)),
            ValueError,
            r"target must have shape \(2, 4\), got \(2, 3\)",
        ),
        (
            lambda: lb.attention_target_loss(torch.zeros(2, 1, 3, 4), torch.full((2, 4), 2)),
            ValueError,
            r"target must lie in \[0, 1\]",
        ),
        (
            lambda: lb.attention_target_loss(torch.full((2, 1, 3, 4), 2.0), torch.ones(2, 4), from_logits=False),
            ValueError,
            r"attention must lie in \[0, 1\]",
        ),
        (
            lambda: lb.attention_target_loss(torch.zeros(2, 1, 3, 4), torch.ones(2, 4), heads="max"),
            ValueError,
            "heads must be one of 'mean', 'each'",
        ),
        (
            lambda: lb.attention_target_loss(torch.zeros(2, 1, 3, 4), torch.ones(2, 4), tokens="max"),
            ValueError,
            "tokens must be one of 'sum', 'each'",
        ),
        (lambda: lb.self_paced_loss(LOGITS, threshold=0), ValueError, "threshold must be above 0"),
        (lambda: lb.self_paced_weights(LOGITS, regularizer="soft"), ValueError, "regularizer must be one of"),
        (lambda: lb.self_paced_weights(LABELS), TypeError, "losses must be a floating-point tensor"),
        (lambda: lb.self_paced_weights([1.0]), TypeError, "losses must be a tensor, got list"),
        (lambda: lb.weighted_cross_entropy(LOGITS, LABELS, -torch.ones(2)), ValueError, "weight must not be negative"),
        (lambda: lb.binary_cross_entropy_with_logits(LOGITS, EVEN, pos_weight=torch.ones(4)), ValueError,
         r"pos_weight must have the shape of logits, \(2, 3\), or one that is broadcast to it, got \(4,\)"),
    ],
)  # fmt: skip
def test_clear_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


FRAMES, WORDS = torch.zeros(2, 3, 4), torch.tensor([[1, 2], [2, 1]])
FOURS, TWOS = torch.tensor([4, 4]), torch.tensor([2, 2])


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "message"),
    [
        ((LOGITS, WORDS, FOURS, TWOS), {}, ValueError, r"logits must have shape \(N, C, T\), got \(2, 3\)"),
        ((FRAMES, WORDS.flatten(), FOURS, TWOS), {}, ValueError, r"target must have shape \(2, S\), got \(4,\)"),
        ((FRAMES, WORDS, FOURS[:1], TWOS), {}, ValueError, r"input_lengths must have shape \(2,\), got \(1,\)"),
        ((FRAMES, WORDS, FOURS, TWOS[:1]), {}, ValueError, r"target_lengths must have shape \(2,\), got \(1,\)"),
        ((FRAMES, WORDS.float(), FOURS, TWOS), {}, TypeError, r"target must hold integers, got torch\.float32"),
        ((FRAMES, WORDS, FOURS.float(), TWOS), {}, TypeError, "input_lengths must hold integers"),
        ((FRAMES, WORDS, FOURS, TWOS > 0), {}, TypeError, r"target_lengths must hold integers, got torch\.bool"),
        ((FRAMES, WORDS, FOURS + 1, TWOS), {}, ValueError, "between 0 and the number of frames, 4"),
        ((FRAMES, WORDS, -FOURS, TWOS), {}, ValueError, "input_lengths must lie between 0"),
        ((FRAMES, WORDS, FOURS, TWOS + 1), {}, ValueError, r"S at least the longest of target_lengths, got \(2, 2\)"),
        ((FRAMES, WORDS, FOURS, -TWOS), {}, ValueError, "S at least the longest of target_lengths"),
        ((FRAMES, WORDS + 1, FOURS, TWOS), {}, ValueError, "target must hold labels 0 to 2 other than the blank, 0"),
        ((FRAMES, WORDS - 2, FOURS, TWOS), {}, ValueError, "target must hold labels 0 to 2 other than the blank, 0"),
        ((FRAMES, WORDS, FOURS, TWOS), {"blank": 1}, ValueError, "other than the blank, 1"),
        ((FRAMES, WORDS, FOURS, TWOS), {"blank": 3}, ValueError, "blank must be one of the labels 0 to 2, got 3"),
        ((FRAMES, WORDS, FOURS, TWOS), {"blank": -1}, ValueError, "blank must be one of the labels 0 to 2, got -1"),
    ],
)  # fmt: skip
def test_clear_errors_of_ctc(arguments, settings, error, message):
    with pytest.raises(error, match=message):
        lb.ctc_loss(*arguments, **settings)


def test_ctc_does_not_read_the_padding():
    padded = torch.tensor([[1, -5], [2, 1]])
    value = lb.ctc_loss(FRAMES, padded, FOURS, torch.tensor([1, 2]))
    assert torch.equal(value, lb.ctc_loss(FRAMES, WORDS, FOURS, torch.tensor([1, 2])))


def test_module_forms_keep_their_tensors():
    tree = torch.tensor([[0, 0, 1]])
    module = lb.HierarchicalCrossEntropyLoss(ancestors=tree, alpha=0.3)
    assert torch.equal(module.state_dict()["ancestors"], tree)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(twin(LOGITS, LABELS), module(LOGITS, LABELS))
    module = lb.TemporalCrossEntropyLoss(smoothness=0.15)
    z, y = torch.randn(2, 3, 4), torch.zeros(2, 4).long()
    assert torch.equal(module(z, y), lb.temporal_cross_entropy(z, y, smoothness=0.15))
    assert torch.equal(module(z, y, TWOS), lb.temporal_cross_entropy(z, y, TWOS, smoothness=0.15))
