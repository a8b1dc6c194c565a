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


def nll(z: Array, y: Array) -> float:
    entries = [-z[(n, y[(n, *rest)], *rest)] for n, *rest in np.ndindex(y.shape) if y[(n, *rest)] != IGNORED]
    return float(np.mean(entries))


def poly1(z: Array, y: Array, epsilon: float) -> float:
    entries = [loss + epsilon * (1 - math.exp(-loss)) for loss in cross_entropies(z, y).flat]
    return sum(entries) / len(entries)


def binary_poly1(z: Array, y: Array, epsilon: float) -> float:
    entries = [
        -log_expit(s if g else -s) + epsilon * expit(-s if g else s) for s, g in zip(z.flat, y.flat, strict=True)
    ]
    return sum(entries) / len(entries)


def asymmetric(z: Array, y: Array, gamma_negative: float, gamma_positive: float, clip: float) -> float:
    """Ridnik et al., equation 6, term by term."""
    entries = []
    for s, g in zip(z.flat, y.flat, strict=True):
        if g == 1:
            entries.append(-(expit(-s) ** gamma_positive) * log_expit(s))
        elif g == 0:
            shifted = max(expit(s) - clip, 0.0)
            entries.append(-(shifted**gamma_negative) * (math.log(1 - shifted) if clip else log_expit(-s)))
    return sum(entries) / len(entries)


def rows(z: Array) -> Iterator[tuple[tuple[int, ...], Array]]:
    """The place and the scores of every distribution of an `(N, C, *)` array."""
    for n, *rest in np.ndindex(z.shape[0], *z.shape[2:]):
        yield (n, *rest), z[(n, slice(None), *rest)]


def divergence(p: Array, q: Array) -> float:
    """D(p || q)."""
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def kl(z: Array, t: Array, forward: bool) -> float:
    entries = []
    for (n, *rest), scores in rows(z):
        p, q = softmax(scores), t[(n, slice(None), *rest)]
        entries.append(divergence(q, p) if forward else divergence(p, q))
    return sum(entries) / len(entries)


def jensen_shannon(z: Array, t: Array) -> float:
    entries = []
    for (n, *rest), scores in rows(z):
        p, q = softmax(scores), t[(n, slice(None), *rest)]
        entries.append((divergence(p, (p + q) / 2) + divergence(q, (p + q) / 2)) / 2)
    return sum(entries) / len(entries)


def distillation(z: Array, y: Array, teacher: Array, temperature: float, alpha: float) -> float:
    entries = []
    for (n, *rest), scores in rows(z):
        soft = divergence(softmax(teacher[(n, slice(None), *rest)] / temperature), softmax(scores / temperature))
        hard = -log_softmax(scores)[y[(n, *rest)]]
        entries.append((1 - alpha) * hard + alpha * temperature**2 * soft)
    return float(sum(entries) / len(entries))


def entropies(z: Array) -> list[float]:
    return [-sum(q * math.log(q) for q in softmax(scores) if q > 0) for _, scores in rows(z)]


def entropy(z: Array) -> float:
    return float(np.mean(entropies(z)))


def binary_entropy(z: Array) -> float:
    return float(np.mean([-p * math.log(p) - (1 - p) * math.log(1 - p) for p in expit(z).flat]))


def confidence_penalty(z: Array, y: Array, beta: float) -> float:
    return cross_entropy(z, y) - beta * entropy(z)


def brier(z: Array, y: Array) -> float:
    entries = [
        sum((q - (c == y[place])) ** 2 for c, q in enumerate(softmax(scores)))
        for place, scores in rows(z)
        if y[place] != IGNORED
    ]
    return sum(entries) / len(entries)


def binary_brier(z: Array, y: Array) -> float:
    entries = [(expit(s) - g) ** 2 for s, g in zip(z.flat, y.flat, strict=True)]
    return sum(entries) / len(entries)


def zero_one(z: Array, y: Array) -> float:
    return float(np.mean([int(np.argmax(scores)) != y[place] for place, scores in rows(z)]))


def smooth_zero_one(z: Array, y: Array, steepness: float) -> float:
    entries = []
    for place, scores in rows(z):
        rival = max(s for c, s in enumerate(scores) if c != y[place])
        entries.append(expit(-steepness * (scores[y[place]] - rival)))
    return float(np.mean(entries))


def hierarchical(z: Array, y: Array, a: Array, alpha: float) -> float:
    """Bertinetto et al., equation 3, with their program's weights: by the steps from the root, which counts as 0."""
    entries = []
    for place, scores in rows(z):
        p, label = softmax(scores), y[place]
        sets = [{label}] + [{c for c in range(len(p)) if row[c] == row[label]} for row in a] + [set(range(len(p)))]
        masses = [sum(p[c] for c in members) for members in sets]
        depths = range(len(a), -1, -1)
        entries.append(-sum(math.exp(-alpha * d) * math.log(masses[i] / masses[i + 1]) for i, d in enumerate(depths)))
    return float(np.mean(entries))


def temporal(z: Array, y: Array, lengths: Array, smoothness: float, threshold: float) -> float:
    """Farha and Gall, equations 8 to 11, on the frames that exist."""
    log_p, total, count = log_softmax(z, axis=1), 0.0, 0
    for n in range(len(z)):
        for t in range(lengths[n]):
            total, count = total - log_p[n, y[n, t], t], count + 1
            if t > 0:
                jumps = np.minimum(np.abs(log_p[n, :, t] - log_p[n, :, t - 1]), threshold)
                total += smoothness * float((jumps**2).mean())
    return float(total / count)


def attention_target(z: Array, y: Array, heads: str, tokens: str) -> float:
    """The loss of each image and query, averaged."""
    a, entries = softmax(z, axis=-1), []
    for n, q in np.ndindex(z.shape[0], z.shape[2]):
        weights = [a[n, :, q].mean(0)] if heads == "mean" else list(a[n, :, q])
        for row in weights:
            hit = row[y[n] == 1]
            loss = -math.log(hit.sum()) if tokens == "sum" else -np.log(hit).mean()
            entries.append(loss / len(weights))
    return float(sum(entries) / (z.shape[0] * z.shape[2]))


def self_paced(z: Array, threshold: float, linear: bool) -> float:
    """The smallest value over weights from 0 to 1 of a parabola in the weight (of a line, for hard weights)."""
    entries = []
    for loss in z.flat:
        square, slope = (threshold / 2 if linear else 0.0), loss - threshold
        weights = [0.0, 1.0]
        if linear and 0 < -slope / (2 * square) < 1:
            weights.append(-slope / (2 * square))
        entries.append(min(square * v * v + slope * v for v in weights) - (square - threshold))
    return float(np.mean(entries))


def ctc(z: Array, y: Array, f: Array, s: Array, blank: int) -> float:
    """The probability of a transcript by trying every path of labels; each loss over the length of its transcript."""
    total = 0.0
    for n in range(len(z)):
        p, mass = softmax(z[n], axis=0), 0.0
        for path in itertools.product(range(z.shape[1]), repeat=int(f[n])):
            merged = [label for label, _ in itertools.groupby(path)]
            if [label for label in merged if label != blank] == list(y[n, : s[n]]):
                mass += math.prod(p[label, t] for t, label in enumerate(path))
        total -= math.log(mass) / max(int(s[n]), 1)
    return total / len(z)
