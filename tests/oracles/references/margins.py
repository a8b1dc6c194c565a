"""Slow references in float64 for the losses of the margin."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Array = np.ndarray
IGNORED = 255


def binary(z: Array, y: Array, loss: Callable[[float], float]) -> float:
    """The mean of a function of the margin over the entries that count."""
    entries = [loss(s if g == 1 else -s) for s, g in zip(z.flat, y.flat, strict=True) if g != IGNORED]
    return sum(entries) / len(entries)


def hinge(z: Array, y: Array, margin: float = 1.0) -> float:
    return binary(z, y, lambda m: max(0.0, margin - m))


def squared_hinge(z: Array, y: Array, margin: float = 1.0) -> float:
    return binary(z, y, lambda m: max(0.0, margin - m) ** 2)


def perceptron(z: Array, y: Array) -> float:
    return binary(z, y, lambda m: max(0.0, -m))


def exponential(z: Array, y: Array, bend: float = 20.0) -> float:
    return binary(z, y, lambda m: math.exp(-m) if -m <= bend else math.exp(bend) * (1 - m - bend))


def modified_huber(z: Array, y: Array) -> float:
    return binary(z, y, lambda m: max(0.0, 1 - m) ** 2 if m >= -1 else -4 * m)


def savage(z: Array, y: Array) -> float:
    return binary(z, y, lambda m: 1 / (1 + math.exp(m)) ** 2)


def tangent(z: Array, y: Array) -> float:
    return binary(z, y, lambda m: (2 * math.atan(m) - 1) ** 2)


def multiclass_hinge(z: Array, y: Array, every_rival: bool, margin: float = 1.0, p: int = 1) -> float:
    """Weston and Watkins count every rival of the true class, Crammer and Singer the worst one."""
    entries = []
    for place in np.ndindex(y.shape):
        if y[place] != IGNORED:
            scores = z[(place[0], slice(None), *place[1:])]
            lacks = [max(0.0, margin + s - scores[y[place]]) ** p for c, s in enumerate(scores) if c != y[place]]
            entries.append(sum(lacks) if every_rival else max(lacks))
    return sum(entries) / len(entries)


def multiclass_perceptron(z: Array, y: Array) -> float:
    leads = [z[(n, slice(None), *rest)].max() - z[(n, y[(n, *rest)], *rest)] for n, *rest in np.ndindex(y.shape)]
    return float(np.mean(leads))
