"""Slow references in float64 for the losses of forecasts, from the densities of SciPy and by sums over all paths."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import integrate, special, stats

Array = np.ndarray


def mean(function, *arrays: Array) -> float:
    return float(np.mean([function(*entries) for entries in zip(*(a.flat for a in arrays), strict=True)]))


def gaussian(z: Array, y: Array, v: Array) -> float:
    return mean(lambda m, t, u: -stats.norm.logpdf(t, m, np.sqrt(u)), z, y, v)


def laplace(z: Array, y: Array, v: Array) -> float:
    return mean(lambda m, t, b: -stats.laplace.logpdf(t, m, b), z, y, v)


def student_t(z: Array, y: Array, v: Array, w: Array) -> float:
    return mean(lambda m, t, s, n: -stats.t.logpdf(t, n, m, s), z, y, v, w)


def log_normal(z: Array, y: Array, v: Array) -> float:
    return mean(lambda m, t, s: -stats.lognorm.logpdf(t, s, scale=np.exp(m)), z, y, v)


def mixture(z: Array, y: Array, m: Array, v: Array) -> float:
    total = 0.0
    for scores, target, means, scales in zip(z, y, m, v, strict=True):
        p = special.softmax(scores)
        total -= np.log(sum(p[k] * stats.norm.pdf(target, means[k], scales[k]) for k in range(len(p))))
    return total / len(y)


def poisson(z: Array, y: Array) -> float:
    return mean(lambda a, t: -stats.poisson.logpmf(t, np.exp(a)) - special.gammaln(t + 1), z, y)


def negative_binomial(z: Array, y: Array, v: Array) -> float:
    return mean(lambda m, t, a: -stats.nbinom.logpmf(t, 1 / a, 1 / (1 + a * m)), z, y, v)


def _zero_inflated(chance: float, count: float, logit: float) -> float:
    share = special.expit(logit)
    return -np.log(share * (count == 0) + (1 - share) * chance)


def zero_inflated_poisson(z: Array, y: Array, w: Array) -> float:
    return mean(lambda a, t, logit: _zero_inflated(stats.poisson.pmf(t, np.exp(a)), t, logit), z, y, w)


def zero_inflated_negative_binomial(z: Array, y: Array, v: Array, w: Array) -> float:
    chance = lambda m, t, a: stats.nbinom.pmf(t, 1 / a, 1 / (1 + a * m))  # noqa: E731
    return mean(lambda m, t, a, logit: _zero_inflated(chance(m, t, a), t, logit), z, y, v, w)


def _hurdle(chance: float, zero: float, count: float, logit: float) -> float:
    share = special.expit(logit)
    return -np.log(share if count == 0 else (1 - share) * chance / (1 - zero))


def hurdle_poisson(z: Array, y: Array, w: Array) -> float:
    chance = lambda a, t: stats.poisson.pmf(t, np.exp(a))  # noqa: E731
    return mean(lambda a, t, logit: _hurdle(chance(a, t), chance(a, 0), t, logit), z, y, w)


def hurdle_negative_binomial(z: Array, y: Array, v: Array, w: Array) -> float:
    chance = lambda m, t, a: stats.nbinom.pmf(t, 1 / a, 1 / (1 + a * m))  # noqa: E731
    return mean(lambda m, t, a, logit: _hurdle(chance(m, t, a), chance(m, 0, a), t, logit), z, y, v, w)


def tweedie(z: Array, y: Array, p: float) -> float:
    """Twice the integral of (y - m) / m^p from the prediction to the target."""
    return mean(lambda a, t: 2 * integrate.quad(lambda m: (t - m) / m**p, a, t, epsabs=1e-13)[0], z, y)


def quantiles(z: Array, y: Array, levels: tuple[float, ...]) -> float:
    total = 0.0
    for forecast, target in zip(z, y, strict=True):
        for value, level in zip(forecast, levels, strict=True):
            total += level * (target - value) if target > value else (1 - level) * (value - target)
    return total / z.size


def interval(z: Array, y: Array, w: Array, alpha: float) -> float:
    return mean(lambda a, t, b: b - a + 2 / alpha * (max(a - t, 0) + max(t - b, 0)), z, y, w)


def crps_gaussian(z: Array, y: Array, v: Array) -> float:
    """The integral of the squared difference of the distribution functions."""

    def one(m: float, t: float, s: float) -> float:
        below = integrate.quad(lambda x: stats.norm.cdf(x, m, s) ** 2, -np.inf, t, epsabs=1e-13, epsrel=1e-12)[0]
        above = integrate.quad(lambda x: stats.norm.sf(x, m, s) ** 2, t, np.inf, epsabs=1e-13, epsrel=1e-12)[0]
        return below + above

    return mean(one, z, y, v)


def crps_ensemble(z: Array, y: Array, fair: bool = False) -> float:
    return energy(z[..., None], y[..., None], 1.0, fair)


def energy(z: Array, y: Array, beta: float = 1.0, fair: bool = False) -> float:
    total, members = 0.0, z.shape[1]
    pairs = members * (members - 1) if fair else members**2
    for ensemble, target in zip(z, y, strict=True):
        total += sum(np.linalg.norm(x - target) ** beta for x in ensemble) / members
        total -= sum(np.linalg.norm(a - b) ** beta for a, b in itertools.product(ensemble, ensemble)) / (2 * pairs)
    return total / len(y)


def _paths(rows: int, columns: int) -> list[list[tuple[int, int]]]:
    """All alignments of two series, as lists of cells."""
    if rows == 1 and columns == 1:
        return [[(0, 0)]]
    before = []
    for i, j in ((rows - 1, columns - 1), (rows - 1, columns), (rows, columns - 1)):
        if i > 0 and j > 0:
            before += _paths(i, j)
    return [[*path, (rows - 1, columns - 1)] for path in before]


def _soft_dtw(x: Array, y: Array, gamma: float) -> float:
    costs = [sum(((x[i] - y[j]) ** 2).sum() for i, j in path) for path in _paths(len(x), len(y))]
    return min(costs) if gamma == 0 else -gamma * special.logsumexp(-np.array(costs) / gamma)


def soft_dtw(z: Array, y: Array, gamma: float, divergence: bool = False) -> float:
    total = 0.0
    for a, b in zip(z, y, strict=True):
        total += _soft_dtw(a, b, gamma)
        if divergence:
            total -= 0.5 * (_soft_dtw(a, a, gamma) + _soft_dtw(b, b, gamma))
    return total / len(z)


def dilate(z: Array, y: Array, alpha: float, gamma: float) -> float:
    total = 0.0
    for a, b in zip(z, y, strict=True):
        paths = _paths(len(a), len(b))
        costs = np.array([sum(((a[i] - b[j]) ** 2).sum() for i, j in path) for path in paths])
        delays = np.array([sum((i - j) ** 2 for i, j in path) / len(a) ** 2 for path in paths])
        total -= alpha * gamma * special.logsumexp(-costs / gamma)
        total += (1 - alpha) * (special.softmax(-costs / gamma) * delays).sum()
    return total / len(z)


def fredf(z: Array, y: Array, alpha: float) -> float:
    steps = z.shape[1]
    error, frequencies = z - y, steps // 2 + 1
    waves = [sum(error[:, t] * np.exp(-2j * np.pi * f * t / steps) for t in range(steps)) for f in range(frequencies)]
    return (1 - alpha) * (error**2).mean() + alpha * np.mean(np.abs(waves))


def cox(z: Array, y: Array, w: Array, efron: bool = False) -> float:
    total = 0.0
    for time in np.unique(y[w == 1]):
        events = np.flatnonzero((y == time) & (w == 1))
        risk, own = np.exp(z[y >= time]).sum(), np.exp(z[events]).sum()
        for place, event in enumerate(events):
            total += np.log(risk - (place / len(events) * own if efron else 0.0)) - z[event]
    return total / w.sum()
