"""Slow references in float64 for the losses of an order: list by list, pair by pair.

Each gives the contributions and what the mean divides by, one number for each contribution.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

Array = np.ndarray
Parts = tuple[list[float], list[float]]


def mean(values: list[float], weights: list[float]) -> float:
    return sum(values) / sum(weights) if sum(weights) > 0 else 0.0


def softplus(x: float) -> float:
    return math.log1p(math.exp(-abs(x))) + max(x, 0.0)


def logsumexp(numbers: list[float]) -> float:
    top = max(numbers)
    return top + math.log(sum(math.exp(x - top) for x in numbers))


def lists(z: Array, y: Array, ignore_index: int | None) -> list[tuple[list[float], list[float]]]:
    """The items of each list that are no padding: their scores and their relevance."""
    kept = [[i for i in range(len(row)) if ignore_index is None or row[i] != ignore_index] for row in y]
    return [([float(s[i]) for i in items], [float(row[i]) for i in items])
            for s, row, items in zip(z, y, kept, strict=True)]  # fmt: skip


def ordered(relevance: list[float]) -> list[tuple[int, int]]:
    numbers = range(len(relevance))
    return [(i, j) for i, j in itertools.product(numbers, numbers) if relevance[i] > relevance[j]]


def margin_ranking(z: Array, x: Array, y: Array, margin: float = 0.0) -> Parts:
    values = [max(0.0, -t * (a - b) + margin) for a, b, t in zip(z.flat, x.flat, y.flat, strict=True)]
    return values, [1.0] * len(values)


def bpr(z: Array, x: Array) -> Parts:
    values = [softplus(b - a) for a, b in zip(z.flat, x.flat, strict=True)]
    return values, [1.0] * len(values)


def pairwise(
    z: Array, y: Array, form: str = "logistic", margin: float = 1.0, sigma: float = 1.0, ignore_index: int | None = None
) -> Parts:
    values, weights = [], []
    for s, relevance in lists(z, y, ignore_index):
        gaps = [s[i] - s[j] for i, j in ordered(relevance)]
        values.append(sum(softplus(-sigma * g) if form == "logistic" else max(0.0, margin - g) for g in gaps))
        weights.append(float(len(gaps)))
    return values, weights


def attention(z: Array, x: Array, margin: float = 0.0) -> Parts:
    values, weights = [], []
    for low, original in zip(z.reshape(-1, z.shape[-1]), x.reshape(-1, x.shape[-1]), strict=True):
        pairs = [(i, j) for i in range(len(low)) for j in range(i + 1, len(low)) if original[i] != original[j]]
        costs = [max(0.0, margin - (low[i] - low[j]) * np.sign(original[i] - original[j])) for i, j in pairs]
        values.append(sum(costs))
        weights.append(float(len(costs)))
    return values, weights


def listnet(z: Array, y: Array, ignore_index: int | None = None) -> Parts:
    values, weights = [], []
    for s, relevance in lists(z, y, ignore_index):
        chances = [math.exp(r - logsumexp(relevance)) for r in relevance]
        values.append(sum(p * (logsumexp(s) - score) for p, score in zip(chances, s, strict=True)))
        weights.append(float(bool(s)))
    return values, weights


def list_mle(z: Array, y: Array, ignore_index: int | None = None) -> Parts:
    values, weights = [], []
    for s, relevance in lists(z, y, ignore_index):
        drawn = [s[i] for i in sorted(range(len(s)), key=lambda i: -relevance[i])]  # sorted is stable
        values.append(sum(logsumexp(drawn[i:]) - drawn[i] for i in range(len(drawn))))
        weights.append(float(bool(s)))
    return values, weights


def gain_of(relevance: float, gain: str) -> float:
    return 2**relevance - 1 if gain == "exponential" else relevance


def best_gain(gains: list[float], k: int | None = None) -> float:
    first = sorted(gains, reverse=True)[:k]
    return sum(g / math.log2(2 + rank) for rank, g in enumerate(first))


def lambda_rank(
    z: Array, y: Array, sigma: float = 1.0, gain: str = "exponential", k: int | None = None,
    ignore_index: int | None = None,
) -> Parts:  # fmt: skip
    values, weights = [], []
    for s, relevance in lists(z, y, ignore_index):
        gains = [gain_of(r, gain) for r in relevance]
        order = sorted(range(len(s)), key=lambda i: -s[i])
        discount = [0.0] * len(s)
        for rank, i in enumerate(order):
            discount[i] = 1 / math.log2(2 + rank) if k is None or rank < k else 0.0
        best = best_gain(gains, k)
        values.append(sum(abs(gains[i] - gains[j]) / best * abs(discount[i] - discount[j])
                          * softplus(-sigma * (s[i] - s[j])) for i, j in ordered(relevance)))  # fmt: skip
        weights.append(float(bool(ordered(relevance))))
    return values, weights


def approx_ndcg(
    z: Array, y: Array, temperature: float = 1.0, gain: str = "exponential", ignore_index: int | None = None
) -> Parts:
    values, weights = [], []
    for s, relevance in lists(z, y, ignore_index):
        gains = [gain_of(r, gain) for r in relevance]
        worth = any(g > 0 for g in gains)
        reached = 0.0
        for i in range(len(s)):
            rank = 1 + sum(1 / (1 + math.exp((s[i] - s[j]) / temperature)) for j in range(len(s)) if j != i)
            reached += gains[i] / math.log2(1 + rank)
        values.append(1 - reached / best_gain(gains) if worth else 0.0)
        weights.append(float(worth))
    return values, weights
