"""Slow references in float64 for sums of losses and distances of point sets."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np

Array = np.ndarray


def weighted_sum(losses: Array, weight: Array) -> float:
    return sum(w * x for row in losses for w, x in zip(weight, row, strict=True)) / len(losses)


def uncertainty(losses: Array, log_variance: Array, kinds: tuple[str, ...]) -> float:
    total = 0.0
    for row in losses:
        for loss, s, kind in zip(row, log_variance, kinds, strict=True):
            sigma = math.exp(s / 2)
            total += loss / (sigma**2 * (2 if kind == "regression" else 1)) + math.log(sigma)
    return total / len(losses)


def dynamic_average(losses: Array, previous: Array, before: Array, temperature: float) -> float:
    powers = [math.exp(p / b / temperature) for p, b in zip(previous, before, strict=True)]
    return weighted_sum(losses, np.array([len(powers) * e / sum(powers) for e in powers]))


def gradnorm(weight: Array, norms: Array, losses: Array, initial: Array, alpha: float) -> float:
    total = 0.0
    for w, g, now, start in zip(weight, norms, losses, initial, strict=True):
        progress = [a / b for a, b in zip(now, start, strict=True)]
        mean_progress = sum(progress) / len(progress)
        mean = sum(a * b for a, b in zip(w, g, strict=True)) / len(w)
        for a, b, rate in zip(w, g, progress, strict=True):
            total += abs(a * b - mean * (rate / mean_progress) ** alpha)
    return total / len(weight)


def deep_supervision(fine: Array, target: Array, weights: tuple[float, float]) -> float:
    """Mean squared error of a picture and of every second pixel of it, against the nearest pixels of the target."""
    coarse = fine[..., ::2, ::2]
    nearest = target[..., 1::2, 1::2]  # the center of a coarse pixel lies between two; the later one is taken
    first = sum((a - b) ** 2 for a, b in zip(fine.flat, target.flat, strict=True)) / fine.size
    second = sum((a - b) ** 2 for a, b in zip(coarse.flat, nearest.flat, strict=True)) / coarse.size
    return weights[0] * first + weights[1] * second


def wasserstein_1d(x: Array, y: Array, p: float) -> float:
    """The best of all matchings."""
    total = 0.0
    for a, b in zip(x, y, strict=True):
        total += min(sum(abs(u - v) ** p for u, v in zip(a, order, strict=True)) / len(a) for order in permutations(b))
    return total / len(x)


def _entropic(x: Array, y: Array, p: float, epsilon: float) -> float:
    """Sinkhorn's iteration on the plan, and the primal value of the plan."""
    cost = np.array([[np.sum((u - v) ** 2) ** (p / 2) / p for v in y] for u in x])
    kernel, right = np.exp(-cost / epsilon), np.ones(len(y))
    for _ in range(2000):
        left = 1 / (kernel @ right / len(y))
        right = 1 / (kernel.T @ left / len(x))
    ratio = left[:, None] * kernel * right[None, :]
    plan = ratio / (len(x) * len(y))
    return float((plan * cost).sum() + epsilon * (plan * np.log(ratio)).sum())


def sinkhorn(x: Array, y: Array, p: float, epsilon: float, debias: bool) -> float:
    value = _entropic(x, y, p, epsilon)
    return value - (_entropic(x, x, p, epsilon) + _entropic(y, y, p, epsilon)) / 2 if debias else value


def mmd(x: Array, y: Array, kernel: str, width: float = 1.0) -> float:
    def mean(a: Array, b: Array) -> float:
        total = 0.0
        for u in a:
            for v in b:
                d = math.sqrt(sum((u - v) ** 2))
                total += {"gaussian": math.exp(-((d / width) ** 2) / 2), "laplacian": math.exp(-d / width),
                          "energy": -d}[kernel]  # fmt: skip
        return total / (len(a) * len(b))

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)
