"""Slow references in float64 for the losses of noisy labels and the learned losses.

`m` holds a transition matrix, `t` the coefficients of TaylorGLO; of the learned network `x` is the target and `w` the
weights; of two networks `x` holds the logits of the second.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax

Array = np.ndarray


def mean(z: Array, y: Array, value: Callable[[Array, int], float]) -> float:
    """The mean over all positions of what the probabilities of a position and its label cost."""
    p = softmax(z, axis=1)
    values = [value(p[(place[0], slice(None), *place[1:])], int(y[place])) for place in np.ndindex(y.shape)]
    return float(np.mean(values))


def generalized(z: Array, y: Array, q: float, k: float = 0.0) -> float:
    return mean(z, y, lambda p, c: (1 - max(p[c], k) ** q) / q)


def symmetric(z: Array, y: Array, alpha: float, beta: float, log_zero: float) -> float:
    def value(p: Array, label: int) -> float:
        total = 0.0
        for c in range(len(p)):
            total -= alpha * (c == label) * np.log(p[c]) + beta * p[c] * (0.0 if c == label else log_zero)
        return total

    return mean(z, y, value)


def bootstrapping(z: Array, y: Array, mode: str, beta: float) -> float:
    def value(p: Array, label: int) -> float:
        total = 0.0
        for c in range(len(p)):
            own = p[c] if mode == "soft" else float(p[c] == p.max())
            total -= (beta * (c == label) + (1 - beta) * own) * np.log(p[c])
        return total

    return mean(z, y, value)


def absolute_error(z: Array, y: Array) -> float:
    return mean(z, y, lambda p, label: sum(abs(p[c] - (c == label)) for c in range(len(p))))


def normalized(z: Array, y: Array, gamma: float = 0.0) -> float:
    def value(p: Array, label: int) -> float:
        losses = [-((1 - share) ** gamma) * np.log(share) for share in p]
        return losses[label] / sum(losses)

    return mean(z, y, value)


def taylor(z: Array, y: Array, order: int) -> float:
    return mean(z, y, lambda p, c: sum((1 - p[c]) ** k / k for k in range(1, order + 1)))


def log_t(x: float, t: float) -> float:
    return math.log(x) if t == 1 else (x ** (1 - t) - 1) / (1 - t)


def exp_t(x: float, t: float) -> float:
    return math.exp(x) if t == 1 else (1 + (1 - t) * x) ** (1 / (1 - t))


def tempered_softmax(s: Array, t: float) -> list[float]:
    """The normalizer by bisection and interpolation."""

    def excess(normalizer: float) -> float:
        return sum(exp_t(score - normalizer, t) for score in s) - 1

    normalizer = brentq(excess, s.max() - 1e-6, s.max() - log_t(1 / len(s), t) + 1, xtol=1e-14, rtol=1e-15)
    return [exp_t(score - normalizer, t) for score in s]


def bi_tempered(z: Array, y: Array, t1: float, t2: float, smoothing: float = 0.0) -> float:
    values = []
    for place in np.ndindex(y.shape):
        p = tempered_softmax(z[(place[0], slice(None), *place[1:])], t2)
        total = 0.0
        for c in range(len(p)):
            truth = (1 - smoothing) * (c == y[place]) + smoothing / len(p)
            if truth > 0:
                total += truth * (log_t(truth, t1) - log_t(p[c], t1))
            total -= (truth ** (2 - t1) - p[c] ** (2 - t1)) / (2 - t1)
        values.append(total)
    return float(np.mean(values))


def forward(z: Array, y: Array, m: Array) -> float:
    return mean(z, y, lambda p, label: -np.log(sum(p[c] * m[c, label] for c in range(len(p)))))


def backward(z: Array, y: Array, m: Array) -> float:
    """The rows of the inverse solve a linear system each."""
    log_p = log_softmax(z, axis=1)
    values = []
    for place in np.ndindex(y.shape):
        row = np.linalg.solve(m.T, np.eye(len(m))[y[place]])
        values.append(-row @ log_p[(place[0], slice(None), *place[1:])])
    return float(np.mean(values))


def jocor(z: Array, y: Array, x: Array, agreement: float, keep: float = 1.0) -> float:
    """The values of all positions in rising order, and the mean of the first of them."""
    p, q = softmax(z, axis=1), softmax(x, axis=1)
    values = []
    for place in np.ndindex(y.shape):
        one, two = (answer[(place[0], slice(None), *place[1:])] for answer in (p, q))
        there = sum(a * np.log(a / b) for a, b in zip(one, two, strict=True))
        back = sum(b * np.log(b / a) for a, b in zip(one, two, strict=True))
        label = int(y[place])
        values.append((1 - agreement) * -(np.log(one[label]) + np.log(two[label])) + agreement * (there + back))
    return float(np.mean(sorted(values)[: math.floor(keep * len(values))]))


def baikal(z: Array, y: Array) -> float:
    return mean(z, y, lambda p, label: -sum(np.log(p[c]) - (c == label) / p[c] for c in range(len(p))) / len(p))


def taylor_glo(z: Array, y: Array, t: Array) -> float:
    def value(p: Array, label: int) -> float:
        total = 0.0
        for c in range(len(p)):
            u, v = (c == label) - t[0], p[c] - t[1]
            total += t[2] * v + t[3] * v**2 / 2 + t[4] * v**3 / 6
            total += t[5] * u * v + t[6] * u * v**2 / 2 + t[7] * u**2 * v / 2
        return -total / len(p)

    return mean(z, y, value)


def learned(z: Array, x: Array, w: Array, width: int) -> float:
    entries = iter(w)
    sizes = [(width, 2 * z.shape[1]), (width, width), (1, width)]
    layers = [np.array([[next(entries) for _ in range(columns)] for _ in range(rows)]) for rows, columns in sizes]
    values = []
    for prediction, target in zip(z, x, strict=True):
        signal = np.concatenate([prediction, target])
        for layer in layers[:2]:
            signal = np.maximum(layer @ signal, 0)
        values.append(np.log1p(np.exp((layers[2] @ signal)[0])))
    return float(np.mean(values))
