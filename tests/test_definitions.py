"""Every loss against its definition, written out in float64 NumPy, pixel by pixel, without a line of lossbook.

Each test draws settings and a small input (classes that are absent, images that are ignored as a whole) and compares
all three reductions with what the formula gives.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import lossbook as lb

Array = NDArray[Any]
DRAWS = range(24)
C = 3
IGNORED = 7


# --- input ------------------------------------------------------------------------------------------------------------


class Draw:
    """Random settings, and a random input that fits them."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)

    def one_of(self, *choices: Any) -> Any:
        return choices[self.random.integers(len(choices))]

    def input(self, task: str, ignore: bool, soft: bool = False, size: tuple[int, ...] = (2, 3)) -> tuple[Array, Array]:
        """Logits and target of three images; some images hold a single class, some are ignored as a whole."""
        shape = (3, *size) if task == "binary" else (3, C, *size)
        logits = 2 * self.random.standard_normal(shape)
        if task == "multiclass":
            target = self.random.integers(C, size=(3, *size))
        elif soft:
            target = self.random.random(shape)
        else:
            target = self.random.integers(2, size=shape)
        target[self.random.integers(3)] = 0 if self.random.random() < 0.7 else 1
        if ignore:
            target[self.random.random(target.shape) < 0.3] = IGNORED
            if self.random.random() < 0.5:
                target[self.random.integers(3)] = IGNORED
        return logits, target

    def smooth(self) -> Any:
        return self.one_of(0.0, 1e-5, 0.5, (0.25, 2.0), (0.0, 1e-3))

    def weight(self, task: str) -> Array | None:
        return self.one_of(None, np.array([0.5])) if task == "binary" else self.one_of(None, np.array([0.0, 1.0, 2.5]))


def tensors(*arrays: Array) -> list[torch.Tensor]:
    return [torch.from_numpy(np.array(a)) for a in arrays]


def compare(function: Callable, arrays: tuple[Array, ...], settings: dict[str, Any], values: Array, weights: Array):
    """`values` are the weighted contributions, `weights` what the mean divides by."""
    settings = {key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
                for key, value in settings.items() if value is not None}  # fmt: skip
    total = np.sum(weights)
    expected = {"none": values, "sum": np.sum(values), "mean": np.sum(values) / total if total > 0 else 0.0}
    for reduction, wanted in expected.items():
        found = function(*tensors(*arrays), reduction=reduction, **settings)
        assert found.shape == np.shape(wanted), (reduction, settings)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9, atol=1e-12, err_msg=f"{reduction} {settings}")


def softmax(z: Array, axis: int) -> Array:
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def activate(logits: Array, task: str) -> Array:
    return softmax(logits, 1) if task == "multiclass" else sigmoid(logits)


def one_hot(labels: Array) -> Array:
    """`(N, C, *)` zeros and ones; an ignored label belongs to no class."""
    return np.stack([labels == c for c in range(C)], 1).astype(float)


# --- losses of single entries ----------------------------------------------------------------------------------------


def test_the_draws_hold_what_they_should():
    """Absent classes, single-class images and images without a counted pixel all occur."""
    targets = [Draw(seed).input("multiclass", ignore=True)[1] for seed in DRAWS]
    assert any((image == IGNORED).all() for target in targets for image in target)
    assert any(len(set(image.flat) - {IGNORED}) == 1 for target in targets for image in target)


@pytest.mark.parametrize("seed", DRAWS)
def test_cross_entropy_of_labels(seed):
    draw = Draw(seed)
    ignore = draw.one_of(True, False)
    logits, target = draw.input("multiclass", ignore)
    weight, epsilon = draw.one_of(None, np.array([0.2, 1.0, 3.0])), draw.one_of(0.0, 0.1)
    w = np.ones(C) if weight is None else weight
    values, weights = np.zeros(target.shape), np.zeros(target.shape)
    for n, i, j in itertools.product(*map(range, target.shape)):
        y, surprise = target[n, i, j], -np.log(softmax(logits[n, :, i, j], 0))
        if y != IGNORED:
            values[n, i, j] = (1 - epsilon) * w[y] * surprise[y] + epsilon / C * (w * surprise).sum()
            weights[n, i, j] = w[y]
    settings = {"weight": weight, "label_smoothing": epsilon} | ({"ignore_index": IGNORED} if ignore else {})
    compare(lb.cross_entropy, (logits, target), settings, values, weights)


@pytest.mark.parametrize("seed", range(6))
def test_cross_entropy_of_probabilities(seed):
    draw = Draw(seed)
    logits, _ = draw.input("multiclass", ignore=False)
    target = softmax(draw.random.standard_normal(logits.shape), 1)
    weight, epsilon = draw.one_of(None, np.array([0.2, 1.0, 3.0])), draw.one_of(0.0, 0.1)
    w = (np.ones(C) if weight is None else weight).reshape(1, C, 1, 1)
    values = -(w * ((1 - epsilon) * target + epsilon / C) * np.log(softmax(logits, 1))).sum(1)
    compare(lb.cross_entropy, (logits, target), {"weight": weight, "label_smoothing": epsilon}, values,
            np.ones_like(values))  # fmt: skip


def binary_entropies(logits: Array, target: Array, positive: Any = 1.0, negative: Any = 1.0) -> Array:
    """Zero where the target is the ignored value."""
    p = sigmoid(logits)
    values = -positive * target * np.log(p) - negative * (1 - target) * np.log(1 - p)
    return np.where(target == IGNORED, 0.0, values)


@pytest.mark.parametrize("seed", DRAWS)
def test_binary_cross_entropy_with_logits(seed):
    draw = Draw(seed)
    ignore = draw.one_of(True, False)
    logits, target = draw.input("multilabel", ignore, soft=draw.one_of(True, False))
    pos_weight = draw.one_of(None, np.array([1.0, 2.0, 0.5]).reshape(C, 1, 1))
    weight = draw.one_of(None, np.array([2.0, 0.5, 1.0]))
    values = binary_entropies(logits, target, 1.0 if pos_weight is None else pos_weight)
    values = values * (1.0 if weight is None else weight)
    settings = {"weight": weight, "pos_weight": pos_weight, "ignore_index": IGNORED if ignore else None}
    compare(lb.binary_cross_entropy_with_logits, (logits, target), settings, values, target != IGNORED)


def entropies(logits: Array, target: Array, task: str) -> Array:
    if task != "multiclass":
        return binary_entropies(logits, target)
    return -(one_hot(target) * np.log(softmax(logits, 1))).sum(1)


@pytest.mark.parametrize("seed", DRAWS)
def test_weighted_cross_entropy(seed):
    draw = Draw(seed)
    task, ignore = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False)
    logits, target = draw.input(task, ignore)
    weight = draw.random.random(target.shape) * draw.random.integers(2, size=target.shape)
    values = entropies(logits, target, task) * weight
    settings = {"task": task} | ({"ignore_index": IGNORED} if ignore else {})
    compare(lb.weighted_cross_entropy, (logits, target, weight), settings, values, weight * (target != IGNORED))


@pytest.mark.parametrize("seed", DRAWS)
def test_balanced_cross_entropy(seed):
    draw = Draw(seed)
    task, ignore = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False)
    per_image = draw.one_of(True, False)
    logits, target = draw.input(task, ignore)
    weight = np.zeros(target.shape)
    groups = [target[n : n + 1] for n in range(3)] if per_image else [target]
    views = [weight[n : n + 1] for n in range(3)] if per_image else [weight]
    for truth, view in zip(groups, views, strict=True):
        channels = range(C) if task == "multilabel" else [slice(None)]
        for channel in channels:
            y, w = (truth[:, channel], view[:, channel]) if task == "multilabel" else (truth, view)
            counted = y[y != IGNORED]
            for index in np.argwhere(y != IGNORED):
                w[tuple(index)] = 1 - (counted == y[tuple(index)]).mean()
    values = entropies(logits, target, task) * weight
    settings = {"task": task, "per_image": per_image, "ignore_index": IGNORED if ignore else None}
    compare(lb.balanced_cross_entropy, (logits, target), settings, values, weight)


def focal_values(logits: Array, target: Array, task: str, gamma: float, alpha: Any) -> Array:
    if task == "multiclass":
        a = (np.ones(C) if alpha is None else alpha).reshape(1, C, 1, 1)
        p = softmax(logits, 1)
        return -(one_hot(target) * a * (1 - p) ** gamma * np.log(p)).sum(1)
    p, y = sigmoid(logits), target
    a = 1.0 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    with np.errstate(invalid="ignore"):
        values = a * (y * (1 - p) + (1 - y) * p) ** gamma * -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return np.where(target == IGNORED, 0.0, values)


@pytest.mark.parametrize("seed", DRAWS)
def test_focal_loss(seed):
    draw = Draw(seed)
    task, ignore = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False)
    gamma = draw.one_of(0.0, 0.5, 1.0, 2.0, 3.5)
    logits, target = draw.input(task, ignore, soft=draw.one_of(True, False))
    alpha = draw.one_of(None, np.array([0.2, 1.0, 3.0])) if task == "multiclass" else draw.one_of(None, 0.25, 1.0)
    values = focal_values(logits, target, task, gamma, alpha)
    settings = {"task": task, "gamma": gamma, "alpha": alpha, "ignore_index": IGNORED if ignore else None}
    compare(lb.focal_loss, (logits, target), settings, values, target != IGNORED)


@pytest.mark.parametrize("weight", [None, np.array([0.5, 2.0, 0.0])])
def test_l1_loss(weight):
    random = np.random.default_rng(0)
    prediction, target = random.standard_normal((2, 4, 3)), random.standard_normal((2, 4, 3))
    w = np.ones((2, 4, 3)) if weight is None else np.broadcast_to(weight, (2, 4, 3))
    compare(lb.l1_loss, (prediction, target), {"weight": weight}, w * np.abs(prediction - target), w)


# --- losses of regions ------------------------------------------------------------------------------------------------


Region = tuple[Array, Array]  # probabilities and truth of the counted pixels


def regions_of(p: Array, target: Array, task: str, per_image: bool) -> list[list[Region]]:
    """For each image (or the batch) and each class, the counted pixels."""
    if task == "binary":
        p, target = p[:, None], target[:, None]
    truth = one_hot(target) if task == "multiclass" and target.ndim < p.ndim else target
    counted = target != IGNORED
    if task == "multiclass" and target.ndim < p.ndim:
        counted = np.repeat(counted[:, None], C, 1)
    images = [slice(n, n + 1) for n in range(len(p))] if per_image else [slice(None)]
    return [
        [(p[n, c][counted[n, c]], truth[n, c][counted[n, c]].astype(float)) for c in range(p.shape[1])] for n in images
    ]


def ratio(above: float, below: float, smooth: Any) -> float:
    s, t = smooth if isinstance(smooth, tuple) else (smooth, smooth)
    return 1.0 if below + t == 0 else (above + s) / (below + t)


def common(p: Array, g: Array, overlap: str) -> float:
    return (p * g).sum() if overlap == "product" else (p.sum() + g.sum() - np.abs(p - g).sum()) / 2


def dice(p: Array, g: Array, smooth: Any, denominator: str = "sum", overlap: str = "product") -> float:
    size = p.sum() + g.sum() if denominator == "sum" else (p**2).sum() + (g**2).sum()
    return 1 - ratio(2 * common(p, g, overlap), size, smooth)


def squared_dice(p: Array, g: Array, smooth: Any) -> float:
    return dice(p, g, smooth, "square")


def log_cosh_dice(p: Array, g: Array, smooth: Any, denominator: str = "sum") -> float:
    return np.log(np.cosh(dice(p, g, smooth, denominator)))


def jaccard(p: Array, g: Array, smooth: Any, overlap: str = "product") -> float:
    shared = common(p, g, overlap)
    return 1 - ratio(shared, p.sum() + g.sum() - shared, smooth)


def tversky(p: Array, g: Array, smooth: Any, alpha: float = 0.3, beta: float = 0.7) -> float:
    hits, false_alarms, misses = (p * g).sum(), (p * (1 - g)).sum(), ((1 - p) * g).sum()
    return 1 - ratio(hits, hits + alpha * false_alarms + beta * misses, smooth)


def focal_tversky(
    p: Array, g: Array, smooth: Any, alpha: float = 0.3, beta: float = 0.7, gamma: float = 4 / 3
) -> float:
    value = tversky(p, g, smooth, alpha, beta)
    return 0.0 if value < 1e-15 else value ** (1 / gamma)


OVERLAPS: dict[str, tuple[Callable[..., float], dict[str, tuple[Any, ...]]]] = {
    "dice_loss": (dice, {"denominator": ("sum", "square"), "overlap": ("product", "l1")}),
    "squared_dice_loss": (squared_dice, {}),
    "log_cosh_dice_loss": (log_cosh_dice, {"denominator": ("sum", "square")}),
    "jaccard_loss": (jaccard, {"overlap": ("product", "l1")}),
    "tversky_loss": (tversky, {"alpha": (0.3, 1.0, 0.0), "beta": (0.7, 0.5, 2.0)}),
    "focal_tversky_loss": (focal_tversky, {"alpha": (0.3, 1.0), "beta": (0.7, 0.5), "gamma": (4 / 3, 0.75, 1.0)}),
}


@pytest.mark.parametrize("seed", DRAWS)
@pytest.mark.parametrize("name", OVERLAPS)
def test_overlap(name, seed):
    """One number for each class of each image; a class that does not count, or whose weight is 0, adds nothing."""
    formula, choices = OVERLAPS[name]
    draw = Draw(seed)
    task, ignore, soft = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False), False
    own = {key: draw.one_of(*values) for key, values in choices.items()}
    per_image, classes, from_logits = draw.one_of(True, False), draw.one_of("all", "present"), draw.one_of(True, False)
    smooth = draw.smooth()
    if name == "focal_tversky_loss" and isinstance(smooth, tuple):
        smooth = 0.1  # a negative number has no power
    soft = draw.one_of(True, False)
    logits, target = draw.input(task, ignore, soft)
    if task == "multiclass" and soft and not ignore:
        target = softmax(draw.random.standard_normal(logits.shape), 1)
    weight = draw.weight(task)
    p = activate(logits, task)

    regions = regions_of(p, target, task, per_image)
    values = np.array([[formula(p, g, smooth, **own) for p, g in row] for row in regions])
    counted = np.array([[len(g) > 0 if classes == "all" else g.sum() > 0 for _, g in row] for row in regions])
    weights = counted * (1.0 if weight is None else weight)
    values = values * weights
    if not per_image:
        values, weights = values[0], weights[0]
    if task == "binary":
        values = values[..., 0]
    settings = own | {"task": task, "per_image": per_image, "classes": classes, "smooth": smooth, "weight": weight,
                      "from_logits": from_logits, "ignore_index": IGNORED if ignore else None}  # fmt: skip
    compare(getattr(lb, name), (logits if from_logits else p, target), settings, values, weights)


@pytest.mark.parametrize("seed", range(40))
def test_generalized_dice_loss(seed):
    draw = Draw(seed)
    task, ignore = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False)
    per_image, from_logits = draw.one_of(True, False), draw.one_of(True, False)
    weighting, smooth = draw.one_of("square", "simple", "uniform"), draw.smooth()
    logits, target = draw.input(task, ignore, soft=draw.one_of(True, False))
    p = activate(logits, task)
    values, counted = [], []
    for row in regions_of(p, target, task, per_image):
        power = {"square": 2, "simple": 1, "uniform": 0}[weighting]
        known = [g.sum() ** -power for _, g in row if g.sum() > 0]
        weights = [g.sum() ** -power if g.sum() > 0 else max(known, default=1.0) for _, g in row]
        above = 2 * sum(w * (q * g).sum() for w, (q, g) in zip(weights, row, strict=True))
        below = sum(w * (q.sum() + g.sum()) for w, (q, g) in zip(weights, row, strict=True))
        counted.append(float(any(len(g) for _, g in row)))
        values.append((1 - ratio(above, below, smooth)) * counted[-1])
    shape = (3,) if per_image else ()
    settings = {"task": task, "per_image": per_image, "from_logits": from_logits, "weighting": weighting,
                "smooth": smooth, "ignore_index": IGNORED if ignore else None}  # fmt: skip
    compare(lb.generalized_dice_loss, (logits if from_logits else p, target), settings,
            np.reshape(values, shape), np.reshape(counted, shape))  # fmt: skip


COMPOUNDS = {
    "bce_dice_loss": ("binary", "multilabel"),
    "ce_dice_loss": ("multiclass",),
    "combo_loss": ("binary", "multilabel"),
    "dice_focal_loss": ("multiclass", "binary", "multilabel"),
}


@pytest.mark.parametrize("seed", DRAWS)
@pytest.mark.parametrize("name", COMPOUNDS)
def test_compound(name, seed):
    """The mean of a cross-entropy over the counted pixels of an image, and the mean of Dice over its classes."""
    draw = Draw(seed)
    task, ignore, per_image = draw.one_of(*COMPOUNDS[name]), draw.one_of(True, False), draw.one_of(True, False)
    logits, target = draw.input(task, ignore, soft=draw.one_of(True, False))
    first, second = draw.one_of((0.3, 0.9), (1.0, 1.0), (0.5, 2.0))
    smooth, classes, denominator, weight = draw.smooth(), draw.one_of("all", "present"), "sum", None
    images = [slice(n, n + 1) for n in range(3)] if per_image else [slice(None)]
    settings: dict[str, Any] = {"per_image": per_image, "ignore_index": IGNORED if ignore else None}
    if name == "combo_loss":
        alpha, beta, smooth, classes = draw.one_of(0.5, 0.2), draw.one_of(0.5, 0.8), draw.one_of(0.5, 1.0, 0.0), "all"
        first, second = alpha, 1 - alpha
        pixels = binary_entropies(logits, target, beta, 1 - beta)
        settings |= {"alpha": alpha, "beta": beta, "smooth": smooth, "task": task}
    else:
        denominator, weight = draw.one_of("sum", "square"), draw.weight(task)
        pixels = entropies(logits, target, task)
        settings |= {"smooth": smooth, "classes": classes, "denominator": denominator, "dice_weight": second,
                     "weight": weight}  # fmt: skip
        if name == "ce_dice_loss":
            settings["ce_weight"] = first
        elif name == "bce_dice_loss":
            settings |= {"bce_weight": first, "task": task}
        else:
            gamma = draw.one_of(0.5, 2.0)
            alpha = draw.one_of(None, np.array([0.2, 1.0, 3.0]) if task == "multiclass" else 0.25)
            pixels = focal_values(logits, target, task, gamma, alpha)
            settings |= {"focal_weight": first, "task": task, "gamma": gamma, "alpha": alpha}
    values, counted = [], []
    for image, row in zip(images, regions_of(activate(logits, task), target, task, per_image), strict=True):
        size = (target[image] != IGNORED).sum()
        weights = np.array([len(g) > 0 if classes == "all" else g.sum() > 0 for _, g in row])
        weights = weights * (1.0 if weight is None else weight)
        overlap = np.array([dice(q, g, smooth, denominator) for q, g in row])
        if name == "combo_loss":
            overlap = overlap - 1  # minus the coefficient
        region = (weights * overlap).sum() / weights.sum() if weights.sum() else 0.0
        pixel = pixels[image].sum() / size if size else 0.0
        counted.append(float(size > 0))
        values.append((first * pixel + second * region) * counted[-1])
    shape = (3,) if per_image else ()
    compare(getattr(lb, name), (logits, target), settings, np.reshape(values, shape), np.reshape(counted, shape))


# --- the Lovász extension --------------------------------------------------------------------------------------------


def lovasz(keys: Array, errors: Array, g: Array) -> float:
    """The sum over k of how much the k-th largest error adds to the Jaccard loss of the set of mistakes."""
    foreground = {i for i in range(len(g)) if g[i]}
    total, before, mistakes = 0.0, 0.0, set()
    for i in np.argsort(-keys, kind="stable"):
        mistakes.add(i)
        now = len(mistakes) / len(foreground | mistakes)
        total += (now - before) * errors[i]
        before = now
    return total


@pytest.mark.parametrize("seed", DRAWS)
def test_lovasz_hinge_loss(seed):
    draw = Draw(seed)
    ignore, per_image = draw.one_of(True, False), draw.one_of(True, False)
    logits, target = draw.input("binary", ignore)
    values = [
        lovasz(margin, np.maximum(margin, 0), g)
        for ((z, g),) in regions_of(logits, target, "binary", per_image)
        for margin in [1 - z * (2 * g - 1)]
    ]
    counted = [float(len(g) > 0) for ((_, g),) in regions_of(logits, target, "binary", per_image)]
    shape = (3,) if per_image else ()
    settings = {"per_image": per_image, "ignore_index": IGNORED if ignore else None}
    compare(lb.lovasz_hinge_loss, (logits, target), settings, np.reshape(values, shape), np.reshape(counted, shape))


@pytest.mark.parametrize("seed", DRAWS)
def test_lovasz_softmax_loss(seed):
    draw = Draw(seed)
    ignore, per_image, from_logits = draw.one_of(True, False), draw.one_of(True, False), draw.one_of(True, False)
    classes = draw.one_of("all", "present")
    logits, target = draw.input("multiclass", ignore)
    p = softmax(logits, 1)
    regions = regions_of(p, target, "multiclass", per_image)
    values = np.array([[lovasz(np.abs(q - g), np.abs(q - g), g) for q, g in row] for row in regions])
    counted = np.array([[len(g) > 0 if classes == "all" else g.sum() > 0 for _, g in row] for row in regions])
    if not per_image:
        values, counted = values[0], counted[0]
    settings = {"per_image": per_image, "classes": classes, "from_logits": from_logits,
                "ignore_index": IGNORED if ignore else None}  # fmt: skip
    compare(lb.lovasz_softmax_loss, (logits if from_logits else p, target), settings, values * counted, counted)


# --- distances --------------------------------------------------------------------------------------------------------


def nearest(mask: Array) -> Array:
    """The distance to the nearest pixel of the mask, by looking at all of them; 0 where there is none."""
    marked = np.argwhere(mask)
    if not len(marked):
        return np.zeros(mask.shape)
    everywhere = np.argwhere(np.ones(mask.shape))
    between = np.sqrt(((everywhere[:, None] - marked[None]) ** 2).sum(-1))
    return between.min(1).reshape(mask.shape)


def signed(mask: Array) -> Array:
    if mask.all() or not mask.any():
        return np.zeros(mask.shape)
    return np.where(mask, 1 - nearest(~mask), nearest(mask))


SIZES = [(5,), (9, 4), (4, 9), (3, 4, 5), (1, 17), (23, 2)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("task", ["multiclass", "multilabel", "binary"])
def test_signed_distance_map(task, size):
    for seed, density in itertools.product(range(4), (0.02, 0.1, 0.5, 0.95)):
        random = np.random.default_rng(seed)
        shape = (2, *size) if task != "multilabel" else (2, C, *size)
        target = (random.random(shape) < density).astype(int)
        if task == "multiclass":
            target = target * random.integers(1, C, size=shape)
            expected = np.stack([[signed(image == c) for c in range(C)] for image in target])
            found = lb.signed_distance_map(torch.from_numpy(target), num_classes=C)
        else:
            flat = target.reshape(-1, *size)
            expected = np.stack([signed(image == 1) for image in flat]).reshape(shape)
            found = lb.signed_distance_map(torch.from_numpy(target), task=task)
        assert found.dtype == torch.float32
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", DRAWS)
def test_boundary_loss(seed):
    draw = Draw(seed)
    task, from_logits = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False)
    logits, _ = draw.input(task, ignore=False)
    distances, weight = 3 * draw.random.standard_normal(logits.shape), draw.weight(task)
    p = activate(logits, task)
    w = np.ones(logits.shape)
    if weight is not None:
        w = w * (weight if task == "binary" else weight.reshape(1, C, 1, 1))
    settings = {"task": task, "from_logits": from_logits, "weight": weight}
    compare(lb.boundary_loss, (logits if from_logits else p, distances), settings, w * p * distances, w)


@pytest.mark.parametrize("seed", DRAWS)
def test_hausdorff_dt_loss(seed):
    draw = Draw(seed)
    task, ignore = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False)
    alpha, from_logits = draw.one_of(1.0, 2.0, 3.0), draw.one_of(True, False)
    logits, target = draw.input(task, ignore, size=(4, 5))
    p = activate(logits, task)
    truth = one_hot(target) if task == "multiclass" else np.where(target == IGNORED, 0, target)
    counted = target != IGNORED
    if task == "multiclass":
        counted = np.repeat(counted[:, None], C, 1)
    seen = np.where(counted, p, 0.0)
    masks = [m.reshape(-1, 4, 5) for m in (seen > 0.5, truth > 0.5)]
    far = sum(np.stack([(nearest(m) + nearest(~m)) ** alpha for m in stack]) for stack in masks).reshape(p.shape)
    settings = {"task": task, "alpha": alpha, "from_logits": from_logits, "ignore_index": IGNORED if ignore else None}
    # Distances are float32 numbers, whose rounding the powers enlarge.
    values = np.where(counted, (p - truth) ** 2 * far, 0.0)
    given = {k: v for k, v in settings.items() if v is not None}
    for reduction, wanted in {"none": values, "sum": values.sum(), "mean": values.sum() / counted.sum()}.items():
        found = lb.hausdorff_dt_loss(*tensors(logits if from_logits else p, target), reduction=reduction, **given)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5, atol=1e-9)
