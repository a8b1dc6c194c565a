"""Slow references in float64 for the losses of regression."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.integrate import quad

Array = np.ndarray


def _mean(loss: Callable[[float, float], float], z: Array, x: Array) -> float:
    return sum(loss(a, b) for a, b in zip(z.flat, x.flat, strict=True)) / z.size


def l1(z: Array, x: Array) -> float:
    return _mean(lambda a, b: abs(a - b), z, x)


def mse(z: Array, x: Array) -> float:
    return _mean(lambda a, b: (a - b) ** 2, z, x)


def weighted_mse(z: Array, x: Array, v: Array) -> float:
    """Each entry times its weight, over the sum of the weights."""
    return sum(w * (a - b) ** 2 for a, b, w in zip(z.flat, x.flat, v.flat, strict=True)) / sum(v.flat)


def euclidean(z: Array, x: Array) -> float:
    return sum(sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) / 2 for p, q in zip(z, x, strict=True)) / len(z)


def rmse(z: Array, x: Array) -> float:
    return math.sqrt(mse(z, x))


def smooth_l1(z: Array, x: Array, beta: float) -> float:
    return _mean(lambda a, b: (a - b) ** 2 / (2 * beta) if abs(a - b) < beta else abs(a - b) - beta / 2, z, x)


def huber(z: Array, x: Array, delta: float) -> float:
    return _mean(lambda a, b: (a - b) ** 2 / 2 if abs(a - b) <= delta else delta * (abs(a - b) - delta / 2), z, x)


def log_cosh(z: Array, x: Array) -> float:
    return _mean(lambda a, b: math.log(math.cosh(a - b)), z, x)


def charbonnier(z: Array, x: Array, c: float) -> float:
    return _mean(lambda a, b: c**2 * (math.sqrt(1 + ((a - b) / c) ** 2) - 1), z, x)


def charbonnier_root(z: Array, x: Array, epsilon: float) -> float:
    return _mean(lambda a, b: math.sqrt((a - b) ** 2 + epsilon**2), z, x)


def cauchy(z: Array, x: Array, c: float) -> float:
    return _mean(lambda a, b: math.log(1 + ((a - b) / c) ** 2 / 2), z, x)


def welsch(z: Array, x: Array, c: float) -> float:
    return _mean(lambda a, b: 1 - math.exp(-(((a - b) / c) ** 2) / 2), z, x)


def geman_mcclure(z: Array, x: Array, c: float) -> float:
    return _mean(lambda a, b: 2 * ((a - b) / c) ** 2 / (((a - b) / c) ** 2 + 4), z, x)


def tukey(z: Array, x: Array, c: float) -> float:
    return _mean(lambda a, b: c**2 / 6 * (1 - (1 - min(1, ((a - b) / c) ** 2)) ** 3), z, x)


def _barron(r: float, alpha: float, c: float) -> float:
    bend = abs(alpha - 2)
    return bend / alpha * (((r / c) ** 2 / bend + 1) ** (alpha / 2) - 1)


def general_robust(z: Array, x: Array, alpha: float, c: float) -> float:
    return _mean(lambda a, b: _barron(a - b, alpha, c), z, x)


def adaptive_robust(z: Array, x: Array, alpha: float, c: float) -> float:
    """The normalizer is an adaptive quadrature of the definition, from zero to infinity."""
    normalizer = 2 * quad(lambda t: math.exp(-_barron(t, alpha, 1.0)), 0, math.inf, epsabs=1e-13, limit=500)[0]
    return general_robust(z, x, alpha, c) + math.log(c * normalizer)


def quantile(z: Array, x: Array, q: float) -> float:
    return _mean(lambda a, b: q * (b - a) if b > a else (1 - q) * (a - b), z, x)


def quantiles(z: Array, x: Array, levels: tuple[float, ...]) -> float:
    """One column of `z` for each level; the mean over them."""
    return sum(quantile(z[:, k], x, q) for k, q in enumerate(levels)) / len(levels)


def expectile(z: Array, x: Array, tau: float) -> float:
    return _mean(lambda a, b: (tau if b > a else 1 - tau) * (a - b) ** 2, z, x)


def quantile_huber(z: Array, x: Array, q: float, kappa: float) -> float:
    def rounded(r: float) -> float:
        return r**2 / 2 if abs(r) <= kappa else kappa * (abs(r) - kappa / 2)

    return _mean(lambda a, b: abs(q - (b - a < 0)) * rounded(b - a) / kappa, z, x)


def mape(z: Array, x: Array) -> float:
    return _mean(lambda a, b: abs(a - b) / abs(b), z, x)


def smape(z: Array, x: Array) -> float:
    return _mean(lambda a, b: 2 * abs(a - b) / (abs(a) + abs(b)), z, x)


def _naive_errors(history: Array, season: int) -> list[float]:
    return [abs(history[t] - history[t - season]) for t in range(season, len(history))]


def mase(z: Array, x: Array, history: Array, season: int) -> float:
    scales = [sum(errors) / len(errors) for errors in (_naive_errors(past, season) for past in history)]
    return sum(l1(a, b) / s for a, b, s in zip(z, x, scales, strict=True)) / len(z)


def rmsse(z: Array, x: Array, history: Array, season: int) -> float:
    scales = [sum(e**2 for e in errors) / len(errors) for errors in (_naive_errors(past, season) for past in history)]
    return sum(math.sqrt(mse(a, b) / s) for a, b, s in zip(z, x, scales, strict=True)) / len(z)


def msle(z: Array, x: Array) -> float:
    return _mean(lambda a, b: (math.log(1 + a) - math.log(1 + b)) ** 2, z, x)


def relative_l2(z: Array, x: Array) -> float:
    lengths = [(math.dist(a, b), math.hypot(*b)) for a, b in zip(z, x, strict=True)]
    return sum(error / size for error, size in lengths) / len(z)


def _cosine(a: Array, b: Array) -> float:
    return sum(p * q for p, q in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def cosine_embedding(z: Array, x: Array, y: Array, margin: float) -> float:
    cosines = [_cosine(a, b) for a, b in zip(z, x, strict=True)]
    return sum(1 - c if sign > 0 else max(0.0, c - margin) for c, sign in zip(cosines, y, strict=True)) / len(z)


def cosine_distance(z: Array, x: Array) -> float:
    return sum(1 - _cosine(a, b) for a, b in zip(z, x, strict=True)) / len(z)


def scale_invariant_log(z: Array, x: Array, lam: float) -> float:
    """The paper's second term as it explains it: credit for each pair of errors in the same direction."""
    total = 0.0
    for a, b in zip(z, x, strict=True):
        d = [math.log(p) - math.log(q) for p, q in zip(a, b, strict=True)]
        n = len(d)
        total += sum(e**2 for e in d) / n - lam * sum(e * f for e in d for f in d) / n**2
    return total / len(z)
