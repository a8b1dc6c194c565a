"""Slow references in float64 for the losses over very many classes."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

Array = np.ndarray


def linear_cross_entropy(
    z: Array, w: Array, y: Array, *, smoothing: float = 0.0, z_loss: float = 0.0, cap: float = 0.0
):
    total = 0.0
    for hidden, label in zip(z, y, strict=True):
        scores = np.array([hidden @ row for row in w])
        scores = cap * np.tanh(scores / cap) if cap else scores
        partition = logsumexp(scores)
        total += partition - (1 - smoothing) * scores[label] - smoothing * scores.mean() + z_loss * partition**2
    return total / len(y)


def sampled_softmax(z: Array, w: Array, y: Array, s: Array) -> float:
    total = 0.0
    for hidden, label in zip(z, y, strict=True):
        sum_ = np.exp(hidden @ w[label])
        sum_ += sum(np.exp(hidden @ w[drawn]) * len(w) / len(s) for drawn in s if drawn != label)
        total += np.log(sum_) - hidden @ w[label]
    return total / len(y)
