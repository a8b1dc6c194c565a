"""Slow references in float64 for the losses of segmentation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
from scipy.ndimage import distance_transform_edt, generate_binary_structure, maximum_filter, minimum_filter
from scipy.special import expit, log_expit, log_softmax, softmax

from .classification import cross_entropies, cross_entropy, focal, masks, regions

Array = np.ndarray


def mean_of_regions(score: Callable[[Array, Array], float], z: Array, y: Array, present: bool = False) -> float:
    """The mean over regions of one minus a score; with `present` over those with foreground."""
    values = [1 - score(p, g) for _, _, p, g in regions(z, y) if g.any() or not present]
    return float(np.mean(values))


def dice_score(p: Array, g: Array, smooth: float, power: int = 1) -> float:
    return (2 * (p * g).sum() + smooth) / ((p**power).sum() + (g**power).sum() + smooth)


def tversky_score(p: Array, g: Array, alpha: float, beta: float, smooth: float) -> float:
    hits, alarms, misses = (p * g).sum(), (p * (1 - g)).sum(), ((1 - p) * g).sum()
    return (hits + smooth) / (hits + alpha * alarms + beta * misses + smooth)


def dice(z: Array, y: Array, smooth: float = 1e-5, power: int = 1, present: bool = False) -> float:
    return mean_of_regions(lambda p, g: dice_score(p, g, smooth, power), z, y, present)


def jaccard(z: Array, y: Array, smooth: float = 1e-5) -> float:
    def score(p: Array, g: Array) -> float:
        both = (p * g).sum()
        return (both + smooth) / ((p + g).sum() - both + smooth)

    return mean_of_regions(score, z, y)


def tversky(z: Array, y: Array, alpha: float, beta: float, smooth: float = 1e-5) -> float:
    return mean_of_regions(lambda p, g: tversky_score(p, g, alpha, beta, smooth), z, y)


def focal_tversky(z: Array, y: Array, alpha: float, beta: float, gamma: float, smooth: float = 1e-5) -> float:
    """Abraham and Khan: each class's Tversky loss to the power one over gamma; here the mean over classes."""
    return mean_of_regions(lambda p, g: 1 - (1 - tversky_score(p, g, alpha, beta, smooth)) ** (1 / gamma), z, y)


def log_cosh_dice(z: Array, y: Array, smooth: float = 1e-5) -> float:
    return mean_of_regions(lambda p, g: 1 - math.log(math.cosh(1 - dice_score(p, g, smooth))), z, y)


def generalized_dice(z: Array, y: Array, smooth: float = 1e-5) -> float:
    """Sudre et al.: weights times sums, then one ratio; an absent class takes the largest weight of the others."""
    values = []
    for n in range(len(z)):
        sums = [((p * g).sum(), (p + g).sum(), g.sum()) for m, _, p, g in regions(z, y) if m == n]
        largest = max(1 / size**2 for _, _, size in sums if size)
        weights = [1 / size**2 if size else largest for _, _, size in sums]
        above = 2 * sum(w * both for w, (both, _, _) in zip(weights, sums, strict=True))
        below = sum(w * total for w, (_, total, _) in zip(weights, sums, strict=True))
        values.append(1 - (above + smooth) / (below + smooth))
    return float(np.mean(values))


def bce_dice(z: Array, y: Array, bce_weight: float, dice_weight: float, smooth: float = 1e-5) -> float:
    values = []
    for scores, p, g in masks(z, y):
        bce = -(g * log_expit(scores) + (1 - g) * log_expit(-scores)).mean()
        values.append(bce_weight * bce + dice_weight * (1 - dice_score(p, g, smooth)))
    return float(np.mean(values))


def ce_dice(z: Array, y: Array, ce_weight: float, dice_weight: float) -> float:
    values = []
    for n in range(len(z)):
        one = z[n : n + 1], y[n : n + 1]
        values.append(ce_weight * cross_entropy(*one) + dice_weight * dice(*one))
    return float(np.mean(values))


def dice_focal(z: Array, y: Array, gamma: float, dice_weight: float, focal_weight: float) -> float:
    values = []
    for n in range(len(z)):
        one = z[n : n + 1], y[n : n + 1]
        values.append(dice_weight * dice(*one) + focal_weight * focal(*one, gamma))
    return float(np.mean(values))


def combo(z: Array, y: Array, alpha: float, beta: float, smooth: float) -> float:
    """Taghanaki et al.: a share of modified cross-entropy, minus the rest of the Dice coefficient."""
    values = []
    for scores, p, g in masks(z, y):
        entropy = -(beta * g * log_expit(scores) + (1 - beta) * (1 - g) * log_expit(-scores)).mean()
        values.append(alpha * entropy - (1 - alpha) * dice_score(p, g, smooth))
    return float(np.mean(values))


def jaccard_of_mistakes(mistakes: set[int], truth: set[int]) -> float:
    """One minus the Jaccard index if exactly these pixels are mistaken: predicted is the symmetric difference."""
    predicted = truth ^ mistakes
    union = truth | predicted
    return 1 - len(truth & predicted) / len(union) if union else 0.0


def lovasz_extension(errors: Array, g: Array) -> float:
    """The sum, over errors in falling order, of each error times the rise of the set function."""
    truth = {i for i, label in enumerate(g) if label}
    total, mistakes, before = 0.0, set(), 0.0
    for i in sorted(range(len(errors)), key=lambda i: -errors[i]):
        mistakes = mistakes | {i}
        now = jaccard_of_mistakes(mistakes, truth)
        total, before = total + errors[i] * (now - before), now
    return float(total)


def lovasz_hinge(z: Array, y: Array) -> float:
    values = []
    for scores, _, g in masks(z, y):
        values.append(lovasz_extension(np.maximum(1 - scores * (2 * g - 1), 0), g))
    return float(np.mean(values))


def lovasz_softmax(z: Array, y: Array) -> float:
    """Over the batch, the mean over the classes that occur."""
    values = []
    for c in range(z.shape[1]):
        found = [(p, g) for _, k, p, g in regions(z, y) if k == c]
        p, g = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if g.any():
            values.append(lovasz_extension(np.abs(g - p), g))
    return float(np.mean(values))


def signed_distances(mask: Array) -> Array:
    """Distance to the mask outside; inside one minus the distance to the background; 0 without a contour."""
    mask = mask.astype(bool)
    if mask.all() or not mask.any():
        return np.zeros(mask.shape)
    return distance_transform_edt(~mask) - np.where(mask, distance_transform_edt(mask) - 1, 0)


def signed_distance_map(y: Array, classes: int) -> Array:
    """`(N, C, *)` from labels."""
    return np.stack([np.stack([signed_distances(picture == c) for c in range(classes)]) for picture in y])


def boundary(z: Array, y: Array) -> float:
    return float((softmax(z, axis=1) * signed_distance_map(y, z.shape[1])).mean())


def contour_distances(mask: Array) -> Array:
    if mask.all() or not mask.any():
        return np.zeros(mask.shape)
    return distance_transform_edt(mask) + distance_transform_edt(~mask)


def hausdorff(z: Array, y: Array, alpha: float) -> float:
    """Karimi and Salcudean, equation 8, over all classes."""
    p = softmax(z, axis=1)
    total = 0.0
    for n, c in itertools.product(range(z.shape[0]), range(z.shape[1])):
        g = y[n] == c
        far = contour_distances(p[n, c] > 0.5) ** alpha + contour_distances(g) ** alpha
        total += ((p[n, c] - g) ** 2 * far).sum()
    return total / p.size


def log_hausdorff(z: Array, y: Array, alpha: float) -> float:
    """The logarithm of one plus the surrogate of each picture."""
    return float(np.mean([math.log(1 + hausdorff(z[n : n + 1], y[n : n + 1], alpha)) for n in range(len(z))]))


def eroded(error: Array) -> Array:
    """One erosion of a picture: mean over the cross, less one half, stretched from 0 to 1."""
    result = np.zeros(error.shape)
    for place in np.ndindex(error.shape):
        total = error[place]
        for axis, step in itertools.product(range(error.ndim), (-1, 1)):
            other = list(place)
            other[axis] += step
            total += error[tuple(other)] if 0 <= other[axis] < error.shape[axis] else 0.0
        result[place] = max(total / (2 * error.ndim + 1) - 0.5, 0.0)
    low, high = result.min(), result.max()
    return (result - low) / (high - low) if high > low else result


def hausdorff_erosion(z: Array, y: Array, alpha: float, iterations: int) -> float:
    p, total = softmax(z, axis=1), 0.0
    for n, c in itertools.product(range(z.shape[0]), range(z.shape[1])):
        error = (p[n, c] - (y[n] == c)) ** 2
        for k in range(1, iterations + 1):
            error = eroded(error)
            total += k**alpha * error.sum()
    return total / p.size


def skeleton(mask: Array, iterations: int) -> Array:
    def erode(image: Array) -> Array:
        cross = generate_binary_structure(image.ndim, 1)
        return minimum_filter(image, footprint=cross, mode="constant", cval=np.inf)

    def opened(image: Array) -> Array:
        return maximum_filter(erode(image), size=3, mode="constant", cval=-np.inf)

    result = np.maximum(mask - opened(mask), 0)
    for _ in range(iterations):
        mask = erode(mask)
        result = result + np.maximum(mask - opened(mask), 0) * (1 - result)
    return result


def cl_dice(z: Array, y: Array, iterations: int, smooth: float = 1.0) -> float:
    p, values = softmax(z, axis=1), []
    for n, c in itertools.product(range(z.shape[0]), range(z.shape[1])):
        g = (y[n] == c).astype(float)
        lines = skeleton(p[n, c], iterations), skeleton(g, iterations)
        precision = ((lines[0] * g).sum() + smooth) / (lines[0].sum() + smooth)
        sensitivity = ((lines[1] * p[n, c]).sum() + smooth) / (lines[1].sum() + smooth)
        values.append(1 - 2 * precision * sensitivity / (precision + sensitivity))
    return float(np.mean(values))


def mcc(z: Array, y: Array) -> float:
    def score(p: Array, g: Array) -> float:
        tp, fp, fn, tn = (p * g).sum(), (p * (1 - g)).sum(), ((1 - p) * g).sum(), ((1 - p) * (1 - g)).sum()
        return (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))

    return mean_of_regions(score, z, y)


def sensitivity_specificity(z: Array, y: Array, share: float, smooth: float = 1e-5) -> float:
    def score(p: Array, g: Array) -> float:
        missed, found = ((g - p) ** 2 * g).sum(), ((g - p) ** 2 * (1 - g)).sum()
        return 1 - share * missed / (g.sum() + smooth) - (1 - share) * found / ((1 - g).sum() + smooth)

    return mean_of_regions(score, z, y)


def wasserstein_dice(z: Array, y: Array, m: Array, smooth: float = 1e-5) -> float:
    p, values = softmax(z, axis=1), []
    for n in range(len(z)):
        found = missed = 0.0
        for place in np.ndindex(y[n].shape):
            label = y[(n, *place)]
            error = sum(m[label, c] * p[(n, c, *place)] for c in range(z.shape[1]))
            found, missed = found + (1 - error) * (label > 0), missed + error
        values.append(1 - (2 * found + smooth) / (2 * found + missed + smooth))
    return float(np.mean(values))


def topk_cross_entropy(z: Array, y: Array, share: float) -> float:
    """Pictures of one size, so all keep equally many pixels."""
    values = cross_entropies(z, y).reshape(len(z), -1)
    keep = math.ceil(share * values.shape[1] - 1e-6)
    return float(np.mean([sorted(row)[-keep:] for row in values]))


def unified_focal(z: Array, y: Array, delta: float, gamma: float, share: float, smooth: float = 1e-5) -> float:
    """Asymmetric."""
    entropy, values = cross_entropies(z, y), []
    for n in range(len(z)):
        pixels = [
            (1 - delta) * (1 - math.exp(-h)) ** gamma * h if label == 0 else delta * h
            for h, label in zip(entropy[n].flat, y[n].flat, strict=True)
        ]
        wrong = [
            (1 - tversky_score(p, g, 1 - delta, delta, smooth)) ** (1 - gamma if c else 1)
            for m, c, p, g in regions(z, y) if m == n
        ]  # fmt: skip
        values.append(share * np.mean(pixels) + (1 - share) * np.mean(wrong))
    return float(np.mean(values))


def exponential_logarithmic(z: Array, y: Array, w: Array) -> float:
    entropy, values = cross_entropies(z, y), []
    for n in range(len(z)):
        logs = [(-math.log(dice_score(p, g, 1.0))) ** 0.3 for m, _, p, g in regions(z, y) if m == n]
        weights = w[y[n]]
        values.append(0.8 * np.mean(logs) + 0.2 * (weights * entropy[n] ** 0.3).sum() / weights.sum())
    return float(np.mean(values))


def mask_classification(z: Array, s: Array, y: Array, g: Array, m: Array) -> float:
    """MaskFormer: class of every query, focal and Dice loss of the matched ones."""
    log_p, values = log_softmax(z, axis=1), []
    for n in range(len(z)):
        classes = {int(m[n, k]): int(y[n, k]) for k in range(y.shape[1]) if y[n, k] >= 0}
        weights = [1.0 if q in classes else 0.1 for q in range(z.shape[2])]
        entropy = [-log_p[n, classes.get(q, z.shape[1] - 1), q] for q in range(z.shape[2])]
        value = np.dot(weights, entropy) / sum(weights)
        for k in range(y.shape[1]):
            if y[n, k] >= 0:
                scores, mask = s[n, m[n, k]], g[n, k].astype(float)
                p = expit(scores)
                focal = mask * 0.25 * (1 - p) ** 2 * -log_expit(scores)
                focal = focal + (1 - mask) * 0.75 * p**2 * -log_expit(-scores)
                value += (20 * focal.mean() + 1 - dice_score(p, mask, 1.0)) / len(classes)
        values.append(value)
    return float(np.mean(values))
