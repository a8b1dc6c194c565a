"""Slow references in float64 for the losses of generative models."""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _pairs(real: Array, fake: Array) -> list[tuple[float, float]]:
    return list(zip(real.flat, fake.flat, strict=True))


def minimax_discriminator(real: Array, fake: Array, smoothing: float = 0.0) -> float:
    return _mean([
        (1 - smoothing) * _softplus(-r) + smoothing * _softplus(r) + _softplus(f) for r, f in _pairs(real, fake)
    ])  # fmt: skip


def minimax_generator(fake: Array) -> float:
    return _mean([math.log(1 - 1 / (1 + math.exp(-f))) for f in fake.flat])


def non_saturating_generator(fake: Array) -> float:
    return _mean([-math.log(1 / (1 + math.exp(-f))) for f in fake.flat])


def least_squares_discriminator(real: Array, fake: Array, b: float = 1.0, a: float = 0.0) -> float:
    return _mean([((r - b) ** 2 + (f - a) ** 2) / 2 for r, f in _pairs(real, fake)])


def least_squares_generator(fake: Array, c: float = 1.0) -> float:
    return _mean([(f - c) ** 2 / 2 for f in fake.flat])


def wasserstein_discriminator(real: Array, fake: Array) -> float:
    return _mean([f - r for r, f in _pairs(real, fake)])


def wasserstein_generator(fake: Array) -> float:
    return _mean([-f for f in fake.flat])


def hinge_discriminator(real: Array, fake: Array, margin: float = 1.0) -> float:
    return _mean([max(0.0, margin - r) + max(0.0, margin + f) for r, f in _pairs(real, fake)])


def relativistic(better: Array, worse: Array) -> float:
    return _mean([_softplus(w - b) for b, w in _pairs(better, worse)])


def relativistic_average(better: Array, worse: Array) -> float:
    mean_better, mean_worse = _mean(list(better.flat)), _mean(list(worse.flat))
    return _mean([_softplus(mean_worse - b) + _softplus(w - mean_better) for b, w in _pairs(better, worse)])


def conditional_adversarial(prediction: Array, target: Array, scores: Array, weight: float = 100.0) -> float:
    values = []
    for p, t, s in zip(prediction, target, scores, strict=True):
        distance = _mean([abs(a - b) for a, b in zip(p.flat, t.flat, strict=True)])
        values.append(_mean([_softplus(-x) for x in np.ravel(s)]) + weight * distance)
    return _mean(values)


def mean_feature_matching(fake: Array, real: Array) -> float:
    return sum((_mean(list(f)) - _mean(list(r))) ** 2 for f, r in zip(fake.T, real.T, strict=True))


def _slopes(w: Array, points: Array) -> list[float]:
    """The length of the gradient of `sum tanh(x w)`."""
    return [math.sqrt(sum((w @ (1 - np.tanh(x @ w) ** 2)) ** 2)) for x in points]


def gradient_penalty(w: Array, real: Array, fake: Array, mix: Array, one_sided: bool = False) -> float:
    points = [u * r + (1 - u) * f for u, r, f in zip(mix, real, fake, strict=True)]
    excess = [slope - 1 for slope in _slopes(w, points)]
    return _mean([10 * (max(e, 0.0) if one_sided else e) ** 2 for e in excess])


def zero_centered_penalty(w: Array, points: Array, strength: float) -> float:
    return _mean([strength / 2 * slope**2 for slope in _slopes(w, points)])


def gaussian_kl(mean: Array, log_variance: Array, prior: float = 0.0, prior_log_variance: float = 0.0) -> float:
    total = 0.0
    for mu, s in _pairs(mean, log_variance):
        v, t = math.exp(s), math.exp(prior_log_variance)
        total += 0.5 * (math.log(t / v) + (v + (mu - prior) ** 2) / t - 1)
    return total / len(mean)


def vae(rebuilt: Array, x: Array, mean: Array, log_variance: Array, beta: float = 1.0, kind: str = "gaussian") -> float:
    total = 0.0
    for p, t in _pairs(rebuilt, x):
        total += (p - t) ** 2 / 2 if kind == "gaussian" else abs(p - t) if kind == "l1" else _softplus(p) - t * p
    return total / len(x) + beta * gaussian_kl(mean, log_variance)


def squared_error(a: Array, b: Array, factor: float = 1.0) -> float:
    return _mean([factor * (x - y) ** 2 for x, y in _pairs(a, b)])


def diffusion(said: Array, truth: Array, share: Array, kind: str, weighting: str, gamma: float = 5.0) -> float:
    values = []
    for s, t, a in zip(said, truth, share, strict=True):
        snr = a / (1 - a)
        clean = {"snr": snr, "truncated-snr": max(snr, 1.0), "min-snr": min(snr, gamma)}[weighting]
        weight = clean / {"noise": snr, "x0": 1.0, "v": snr + 1}[kind]
        values += [weight * (x - y) ** 2 for x, y in zip(s.flat, t.flat, strict=True)]
    return _mean(values)


def posterior_divergence(said: Array, clean: Array, share: Array, before: Array) -> float:
    """The divergence of two posteriors of DDPM with one variance, from the squared distance of their means."""
    total = 0.0
    for s, c, now, then in zip(said, clean, share, before, strict=True):
        beta = 1 - now / then
        variance = (1 - then) / (1 - now) * beta
        pull = math.sqrt(then) * beta / (1 - now)
        total += sum((pull * (a - b)) ** 2 / (2 * variance) for a, b in zip(s.flat, c.flat, strict=True))
    return total / len(clean)


def discretized_gaussian(mean: Array, x: Array, log_scale: Array, levels: int) -> float:
    total, half = 0.0, 1 / (levels - 1)
    for (mu, t), s in zip(_pairs(mean, x), log_scale.flat, strict=True):
        width = math.exp(s) * math.sqrt(2)
        low = 0.0 if t < -1 + half / 2 else math.erfc(-(t - half - mu) / width) / 2
        high = 1.0 if t > 1 - half / 2 else math.erfc(-(t + half - mu) / width) / 2
        total -= math.log(high - low)
    return total / len(x)


def flow_matching(velocity: Array, end: Array, start: Array, sigma: float = 0.0) -> float:
    return squared_error(velocity, end - (1 - sigma) * start)


def consistency_model(
    said: Array, target: Array, width: Array, before: Array, distance: str = "pseudo_huber", c: float | None = None
) -> float:
    values = []
    for s, t, now, then in zip(said, target, width, before, strict=True):
        errors = [a - b for a, b in zip(s.flat, t.flat, strict=True)]
        bend = 0.00054 * math.sqrt(len(errors)) if c is None else c
        values.append({
            "pseudo_huber": math.hypot(*errors, bend) - bend,
            "l2": _mean([e * e for e in errors]),
            "l1": _mean([abs(e) for e in errors]),
        }[distance] / (now - then))  # fmt: skip
    return _mean(values)


def denoising_score_matching(score: Array, clean: Array, noisy: Array, sigma: Array, weighting: str) -> float:
    total = 0.0
    for s, c, n, width in zip(score, clean, noisy, sigma, strict=True):
        weight = width**2 if weighting == "variance" else 1.0
        total += sum(0.5 * weight * (a - (b - d) / width**2) ** 2 for a, b, d in zip(s, c, n, strict=True))
    return total / len(score)


def sliced_score_matching(w: Array, points: Array, directions: Array) -> float:
    """For the score `tanh(x w)`, whose derivative is known."""
    values = []
    for v_all in directions:
        for x, v in zip(points, v_all, strict=True):
            score = np.tanh(x @ w)
            jacobian = (1 - score**2)[:, None] * w.T
            values.append(float(v @ jacobian @ v + score @ score / 2))
    return _mean(values)
