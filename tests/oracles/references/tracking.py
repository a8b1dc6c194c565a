"""Slow references in float64 for the losses of what moves."""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def logistic_on_map(z: Array, y: Array, balance: bool = True) -> float:
    """Bertinetto et al.: labels of plus and minus one, each kind with one half of the weight of a map."""
    values = []
    for scores, truth in zip(z, y, strict=True):
        scores, truth = scores.ravel(), truth.ravel()
        losses = [(softplus(-s if t else s), t) for s, t in zip(scores, truth, strict=True)]
        if balance:
            kinds = [[loss for loss, t in losses if bool(t) is positive] for positive in (True, False)]
            values.append(np.mean([np.mean(kind) for kind in kinds if kind]))
        else:
            values.append(np.mean([loss for loss, _ in losses]))
    return float(np.mean(values))


def dimp(z: Array, y: Array, threshold: float = 0.05) -> float:
    """Bhat et al., equation 6: a square above the threshold, a squared hinge below."""
    total = sum((s - t) ** 2 if t > threshold else max(0.0, s) ** 2 for s, t in zip(z.flat, y.flat, strict=True))
    return total / z.size


def dimp_masked(z: Array, y: Array, mask: Array, weight: Array) -> float:
    total = norm = 0.0
    for s, t, m, v in zip(z.flat, y.flat, mask.flat, weight.flat, strict=True):
        total += (v * (m * s + (1 - m) * max(0.0, s) - t)) ** 2
        norm += v**2
    return total / norm


def mahalanobis(z: Array, y: Array, covariance: Array) -> float:
    return float(np.mean([(b - a) @ np.linalg.inv(s) @ (b - a) for a, b, s in zip(z, y, covariance, strict=True)]))


def gaussian(z: Array, y: Array, covariance: Array) -> float:
    values = []
    for a, b, s in zip(z, y, covariance, strict=True):
        density = math.exp(-(b - a) @ np.linalg.inv(s) @ (b - a) / 2)
        values.append(-math.log(density / math.sqrt((2 * math.pi) ** len(a) * np.linalg.det(s))))
    return float(np.mean(values))


def reid(
    z: Array, embeddings: Array, y: Array, centers: Array | None = None, margin: float | None = 0.3,
    smoothing: float = 0.1, weight: float = 1.0, pull: float = 5e-4,
) -> float:  # fmt: skip
    """Luo et al.: smoothed cross-entropy, the hardest triplet of each example, the distance to its center."""
    values = []
    for i, (scores, label) in enumerate(zip(z, y, strict=True)):
        log_p = scores - math.log(np.exp(scores).sum())
        value = -(1 - smoothing) * log_p[label] - smoothing * log_p.mean()
        gaps = [(np.linalg.norm(embeddings[i] - e), j) for j, e in enumerate(embeddings) if j != i]
        same = [d for d, j in gaps if y[j] == label]
        other = [d for d, j in gaps if y[j] != label]
        if same and other:
            gap = max(same) - min(other)
            value += weight * (softplus(gap) if margin is None else max(0.0, gap + margin))
        if centers is not None:
            value += pull / 2 * ((embeddings[i] - centers[label]) ** 2).sum()
        values.append(value)
    return float(np.mean(values))


def size_of(r: float, distance: str) -> float:
    return {"l1": abs(r), "l2": r * r, "charbonnier": math.sqrt(r * r + 1e-6) - 1e-3}[distance]


def unsteadiness(z: Array, order: int = 2, distance: str = "l1") -> float:
    """Differences of any order by their binomial coefficients."""
    values = []
    for n, t, k in np.ndindex(z.shape[0], z.shape[1] - order, z.shape[2]):
        change = sum((-1) ** (order - i) * math.comb(order, i) * z[n, t + i, k] for i in range(order + 1))
        values.append(size_of(change, distance))
    return float(np.mean(values))


def sequence(z: Array, y: Array, gamma: float = 0.8, distance: str = "l1") -> float:
    iterates = z.shape[1]
    total = 0.0
    for at in np.ndindex(*y.shape):
        for k in range(iterates):
            total += gamma ** (iterates - 1 - k) * size_of(z[at[0], k, *at[1:]] - y[at], distance)
    return total / y.size


def fetched(picture: Array, row: float, column: float) -> Array | None:
    """The values of `(C, H, W)` between its pixels, bilinearly; `None` outside."""
    height, width = picture.shape[1:]
    if not (0 <= row <= height - 1 and 0 <= column <= width - 1):
        return None
    i, j = min(int(row), max(height - 2, 0)), min(int(column), max(width - 2, 0))
    down, right = min(i + 1, height - 1), min(j + 1, width - 1)
    a, b = row - i, column - j
    top = (1 - b) * picture[:, i, j] + b * picture[:, i, right]
    return (1 - a) * top + a * ((1 - b) * picture[:, down, j] + b * picture[:, down, right])


def motion_consistency(z: Array, previous: Array, flow: Array, distance: str = "l1") -> float:
    values = []
    for n, i, j in np.ndindex(z.shape[0], *z.shape[2:]):
        before = fetched(previous[n], i + flow[n, 1, i, j], j + flow[n, 0, i, j])
        if before is not None:
            values += [size_of(r, distance) for r in z[n, :, i, j] - before]
    return float(np.mean(values))


def flow_consistency(z: Array, back: Array, distance: str = "l1", occlusion: bool = False) -> float:
    values = []
    for n, i, j in np.ndindex(z.shape[0], *z.shape[2:]):
        there = z[n, :, i, j]
        again = fetched(back[n], i + there[1], j + there[0])
        if again is None:
            continue
        rest = there + again
        if occlusion and rest @ rest >= 0.01 * (there @ there + again @ again) + 0.5:
            continue
        values.append(sum(size_of(r, distance) for r in rest))
    return float(np.mean(values))


def end_point_error(z: Array, y: Array) -> float:
    gaps = z - y
    return float(np.mean([math.hypot(*gaps[n, :, i, j]) for n, i, j in np.ndindex(z.shape[0], *z.shape[2:])]))


def motion(z: Array, frame: Array, after: Array, distance: str = "charbonnier", smoothness: float = 0.1) -> float:
    values = []
    for flow, now, later in zip(z, frame, after, strict=True):
        height, width = now.shape[1:]
        misfits, bends = [], {(1, 0): [], (0, 1): []}
        for i, j in np.ndindex(height, width):
            seen = fetched(later, i + flow[1, i, j], j + flow[0, i, j])
            if seen is not None:
                misfits.append(np.mean([size_of(r, distance) for r in now[:, i, j] - seen]))
            for (down, right), found in bends.items():
                if i + down < height and j + right < width:
                    contrast = np.abs(now[:, i + down, j + right] - now[:, i, j]).mean()
                    change = np.abs(flow[:, i + down, j + right] - flow[:, i, j]).sum()
                    found.append(change * math.exp(-10 * contrast))
        values.append(np.mean(misfits) + smoothness * sum(np.mean(found) for found in bends.values()))
    return float(np.mean(values))
