"""Slow references in float64 for the losses of classification."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax

Array = np.ndarray
IGNORED = 255


def regions(z: Array, y: Array) -> Iterator[tuple[int, int, Array, Array]]:
    """Picture, class, probabilities and mask of every region of a multiclass prediction, ignored pixels left out."""
    p = softmax(z, axis=1)
    for n, c in itertools.product(range(z.shape[0]), range(z.shape[1])):
        counted = y[n] != IGNORED
        yield n, c, p[n, c][counted], (y[n][counted] == c).astype(float)


def masks(z: Array, y: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Logits, probabilities and mask of every picture of a binary prediction, ignored pixels left out."""
    for n in range(len(z)):
        counted = y[n] != IGNORED
        yield z[n][counted], expit(z[n][counted]), y[n][counted].astype(float)


def cross_entropies(z: Array, y: Array) -> Array:
    """Minus the log-probability of each pixel's label."""
    log_p = log_softmax(z, axis=1)
    losses = np.zeros(y.shape)
    for place in np.ndindex(y.shape):
        losses[place] = -log_p[(place[0], y[place], *place[1:])]
    return losses


def cross_entropy(z: Array, y: Array) -> float:
    return float(cross_entropies(z, y).mean())


def binary_cross_entropy(z: Array, y: Array) -> float:
    entries = [-log_expit(s) if g else -log_expit(-s) for s, g in zip(z.flat, y.flat, strict=True) if g != IGNORED]
    return sum(entries) / len(entries)


def weighted_cross_entropy(z: Array, y: Array, v: Array) -> float:
    return float((v * cross_entropies(z, y)).sum() / v.sum())


def balanced_cross_entropy(z: Array, y: Array) -> float:
    """Xie and Tu, equation 2, divided by the sum of the weights."""
    total = weights = 0.0
    for scores, _, mask in masks(z, y):
        beta = (mask == 0).sum() / mask.size  # the share of negatives weighs the positives
        total -= beta * log_expit(scores[mask == 1]).sum() + (1 - beta) * log_expit(-scores[mask == 0]).sum()
        weights += beta * (mask == 1).sum() + (1 - beta) * (mask == 0).sum()
    return float(total / weights)


def balanced_cross_entropy_of_classes(z: Array, y: Array) -> float:
    """The same with several classes: a class weighs one minus its share of the picture."""
    losses = cross_entropies(z, y)
    total = weights = 0.0
    for place in np.ndindex(y.shape):
        weight = 1 - (y[place[0]] == y[place]).mean()
        total, weights = total + weight * losses[place], weights + weight
    return float(total / weights)


def focal(z: Array, y: Array, gamma: float) -> float:
    p = softmax(z, axis=1)
    entries = []
    for place in np.ndindex(y.shape):
        if y[place] != IGNORED:
            right = p[(place[0], y[place], *place[1:])]
            entries.append(-((1 - right) ** gamma) * math.log(right))
    return sum(entries) / len(entries)
