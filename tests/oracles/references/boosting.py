"""Slow references in float64 for the impurities of trees."""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray


def gini(z: Array) -> float:
    """The chance that two examples drawn from a node have different classes, by counting pairs of classes."""
    total = 0.0
    for node in z:
        size = sum(node)
        different = sum(a * b for i, a in enumerate(node) for j, b in enumerate(node) if i != j)
        total += size * different / size**2
    return total / z.sum()


def entropy(z: Array) -> float:
    total = 0.0
    for node in z:
        size = sum(node)
        total += size * sum(-n / size * math.log(n / size) for n in node if n > 0)
    return total / z.sum()
