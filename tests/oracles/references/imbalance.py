"""Slow references in float64 for the losses of imbalanced classes; `n` holds the counts of the classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit, logsumexp

Array = np.ndarray


def mean(z: Array, y: Array, value: Callable[[Array, int], float], weight: Array | None = None) -> float:
    """The weighted mean over all positions of what a position's logits and label cost."""
    total = weights = 0.0
    for place in np.ndindex(y.shape):
        label = int(y[place])
        w = 1.0 if weight is None else weight[label]
        total += w * value(z[(place[0], slice(None), *place[1:])], label)
        weights += w
    return total / weights


def class_weights(n: Array, beta: float) -> Array:
    """One over the effective numbers, which are sums of geometric series, with mean one."""
    inverse = np.array([1 / sum(beta**k for k in range(int(count))) for count in n])
    return inverse / inverse.mean()


def class_balanced(z: Array, y: Array, n: Array, beta: float) -> float:
    weight = class_weights(n, beta)
    return mean(z, y, lambda s, c: weight[c] * (logsumexp(s) - s[c]))


def class_balanced_focal(z: Array, y: Array, n: Array, beta: float, gamma: float) -> float:
    weight = class_weights(n, beta)

    def value(s: Array, label: int) -> float:
        total = 0.0
        for c, score in enumerate(s):
            p = expit(score if c == label else -score)
            total -= (1 - p) ** gamma * np.log(p)
        return weight[label] * total

    return mean(z, y, value)


def ldam(z: Array, y: Array, n: Array, margin: float, scale: float, weight: Array | None = None) -> float:
    delta = n**-0.25 / (n**-0.25).max() * margin

    def value(s: Array, label: int) -> float:
        own = scale * (s[label] - delta[label])
        others = [scale * score for c, score in enumerate(s) if c != label]
        return logsumexp([own, *others]) - own

    return mean(z, y, value, weight)


def vector_scaling(z: Array, y: Array, n: Array, tau: float, gamma: float, weight: Array | None = None) -> float:
    def value(s: Array, label: int) -> float:
        moved = [(n[c] / n.max()) ** gamma * s[c] + tau * np.log(n[c] / n.sum()) for c in range(len(s))]
        return logsumexp(moved) - moved[label]

    return mean(z, y, value, weight)


def seesaw(z: Array, y: Array, n: Array, p: float, q: float, eps: float) -> float:
    def value(s: Array, label: int) -> float:
        sigma = np.exp(s - logsumexp(s))
        terms = []
        for c in range(len(s)):
            mitigation = (n[c] / n[label]) ** p if n[c] < n[label] else 1.0
            ratio = sigma[c] / max(sigma[label], eps)
            compensation = ratio**q if ratio > 1 else 1.0
            terms.append(mitigation * compensation * np.exp(s[c]))
        return np.log(sum(terms)) - s[label]

    return mean(z, y, value)


def equalization(z: Array, y: Array, n: Array, threshold: float) -> float:
    def value(s: Array, label: int) -> float:
        kept = [c for c in range(len(s)) if c == label or n[c] / n.sum() >= threshold]
        return logsumexp([s[c] for c in kept]) - s[label]

    return mean(z, y, value)
