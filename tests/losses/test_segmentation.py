"""The newer losses of segmentation against their definitions, written out in float64 NumPy, region by region."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_definitions import C, Draw, activate, compare, one_hot, softmax

import lossbook as lb

SEEDS = range(8)


def masks(target, task):
    return one_hot(target) if task == "multiclass" else target.astype(float)


@pytest.mark.parametrize("seed", SEEDS)
def test_mcc_loss(seed):
    """From the four counts of each region; where one of the four sums is zero, the correlation is 0."""
    draw = Draw(seed)
    task = draw.one_of("multiclass", "multilabel")
    logits, target = draw.input(task, ignore=False)
    weight = draw.weight(task)
    p, g = activate(logits, task), masks(target, task)
    values = np.zeros((3, C))
    for n, c in np.ndindex(3, C):
        a, b = p[n, c], g[n, c]
        tp, tn, fp, fn = (a * b).sum(), ((1 - a) * (1 - b)).sum(), (a * (1 - b)).sum(), ((1 - a) * b).sum()
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        values[n, c] = 1 - ((tp * tn - fp * fn) / math.sqrt(product) if 0 < b.sum() < b.size else 0.0)
    w = np.broadcast_to(np.ones(C) if weight is None else weight, values.shape)
    compare(lb.mcc_loss, (logits, target), {"task": task, "weight": weight}, values * w, w)


@pytest.mark.parametrize("seed", SEEDS)
def test_sensitivity_specificity_loss(seed):
    draw = Draw(seed)
    task = draw.one_of("multiclass", "multilabel")
    logits, target = draw.input(task, ignore=False)
    r, s = draw.one_of(0.05, 0.4), draw.one_of(1e-5, 0.5)
    p, g = activate(logits, task), masks(target, task)
    values = np.zeros((3, C))
    for n, c in np.ndindex(3, C):
        squares, b = (p[n, c] - g[n, c]) ** 2, g[n, c]
        inside, outside = (squares * b).sum() / (b.sum() + s), (squares * (1 - b)).sum() / ((1 - b).sum() + s)
        values[n, c] = r * inside + (1 - r) * outside
    settings = {"task": task, "sensitivity_weight": r, "smooth": s}
    compare(lb.sensitivity_specificity_loss, (logits, target), settings, values, np.ones_like(values))


@pytest.mark.parametrize("seed", SEEDS)
def test_topk_cross_entropy(seed):
    draw = Draw(seed)
    logits, target = draw.input("multiclass", ignore=False)
    share, per_image = draw.one_of(0.2, 0.5, 1.0), draw.one_of(True, False)
    entropy = -(one_hot(target) * np.log(softmax(logits, 1))).sum(1)
    hard = np.zeros(entropy.shape)
    for group in [[n] for n in range(3)] if per_image else [[0, 1, 2]]:
        ranked = sorted(entropy[group].flat, reverse=True)
        hard[group] = entropy[group] >= ranked[math.ceil(share * len(ranked) - 1e-6) - 1]
    compare(lb.topk_cross_entropy, (logits, target), {"share": share, "per_image": per_image}, entropy * hard, hard)


@pytest.mark.parametrize("seed", SEEDS)
def test_generalized_wasserstein_dice_loss(seed):
    draw = Draw(seed)
    logits, target = draw.input("multiclass", ignore=False)
    distances = draw.random.random((C, C)) * (1 - np.eye(C))
    s, p, values = draw.one_of(1e-5, 0.5), softmax(logits, 1), np.zeros(3)
    for n in range(3):
        found = missed = 0.0
        for i in np.ndindex(target.shape[1:]):
            y = target[(n, *i)]
            error = sum(distances[y, c] * p[(n, c, *i)] for c in range(C))
            found, missed = found + (y != 0) * (1 - error), missed + error
        values[n] = 1 - (2 * found + s) / (2 * found + missed + s)
    arrays = (logits, target, distances)
    compare(lb.generalized_wasserstein_dice_loss, arrays, {"smooth": s}, values, np.ones(3))


@pytest.mark.parametrize("seed", SEEDS)
def test_exponential_logarithmic_loss(seed):
    draw = Draw(seed)
    logits, target = draw.input("multiclass", ignore=False)
    weight = draw.weight("multiclass")
    w = np.ones(C) if weight is None else weight
    dice_gamma, gamma, s = draw.one_of(0.3, 2.0), draw.one_of(0.3, 1.5), draw.one_of(0.5, 1.0)
    p, g, values = softmax(logits, 1), one_hot(target), np.zeros(3)
    for n in range(3):
        dice = [(2 * (p[n, c] * g[n, c]).sum() + s) / (p[n, c].sum() + g[n, c].sum() + s) for c in range(C)]
        entropy, price = -np.log((p[n] * g[n]).sum(0)), w[target[n]]
        pixels = (price * entropy**gamma).sum() / price.sum() if price.sum() > 0 else 0.0
        values[n] = 0.7 * np.mean([(-math.log(d)) ** dice_gamma for d in dice]) + 0.4 * pixels
    settings = {"dice_weight": 0.7, "ce_weight": 0.4, "dice_gamma": dice_gamma, "gamma": gamma, "smooth": s}
    compare(lb.exponential_logarithmic_loss, (logits, target), settings | {"weight": weight}, values, np.ones(3))


@pytest.mark.parametrize("seed", SEEDS)
def test_unified_focal_loss(seed):
    draw = Draw(seed)
    logits, target = draw.input("multiclass", ignore=False)
    symmetric, delta, gamma = draw.one_of(True, False), draw.one_of(0.6, 0.8), draw.one_of(0.2, 0.5)
    share, s, p, g, values = draw.one_of(0.3, 0.5), 0.5, softmax(logits, 1), one_hot(target), np.zeros(3)
    for n in range(3):
        focal = tversky = 0.0
        for i in np.ndindex(target.shape[1:]):
            y, p_t = target[(n, *i)], p[(n, target[(n, *i)], *i)]
            focus = (1 - p_t) ** gamma if symmetric or y == 0 else 1.0
            focal -= (1 - delta if y == 0 else delta) * focus * math.log(p_t) / target[n].size
        for c in range(C):
            both = (p[n, c] * g[n, c]).sum()
            errors = delta * (g[n, c].sum() - both) + (1 - delta) * (p[n, c].sum() - both)
            tversky += (1 - (both + s) / (both + errors + s)) ** (1 - gamma if symmetric or c > 0 else 1) / C
        values[n] = share * focal + (1 - share) * tversky
    settings = {"symmetric": symmetric, "delta": delta, "gamma": gamma, "focal_weight": share, "smooth": s}
    compare(lb.unified_focal_loss, (logits, target), settings, values, np.ones(3))
