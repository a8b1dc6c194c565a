"""Slow references in float64 for the losses of object detection, one pair of boxes at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.linalg import sqrtm
from scipy.special import expit, log_expit, log_softmax

Array = np.ndarray


def mean_over_pairs(score: Callable[[Array, Array], float], z: Array, y: Array) -> float:
    return float(np.mean([score(b, t) for b, t in zip(z, y, strict=True)]))


def area(box: Array) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def intersection(b: Array, t: Array) -> float:
    return area(np.array([max(b[0], t[0]), max(b[1], t[1]), min(b[2], t[2]), min(b[3], t[3])]))


def iou_of(b: Array, t: Array) -> float:
    both = intersection(b, t)
    union = area(b) + area(t) - both
    return both / union if union > 0 else 0.0


def around(b: Array, t: Array) -> tuple[float, float]:
    """Width and height of the smallest box around both."""
    xs, ys = [*b[::2], *t[::2]], [*b[1::2], *t[1::2]]
    return max(xs) - min(xs), max(ys) - min(ys)


def center(b: Array) -> tuple[float, float]:
    return (b[0] + b[2]) / 2, (b[1] + b[3]) / 2


def gap(b: Array, t: Array) -> float:
    width, height = around(b, t)
    union = area(b) + area(t) - intersection(b, t)
    return (width * height - union) / (width * height)


def far(b: Array, t: Array) -> float:
    width, height = around(b, t)
    return math.dist(center(b), center(t)) ** 2 / (width**2 + height**2)


def aspect(b: Array, t: Array) -> float:
    angles = [math.atan((box[2] - box[0]) / (box[3] - box[1])) for box in (b, t)]
    return 4 / math.pi**2 * (angles[0] - angles[1]) ** 2


def iou(z: Array, y: Array, form: str = "linear", eps: float = 1e-6) -> float:
    forms = {"linear": lambda j: 1 - j, "square": lambda j: 1 - j * j, "log": lambda j: -math.log(max(j, eps))}
    return mean_over_pairs(lambda b, t: forms[form](iou_of(b, t)), z, y)


def giou(z: Array, y: Array) -> float:
    return mean_over_pairs(lambda b, t: 1 - iou_of(b, t) + gap(b, t), z, y)


def diou(z: Array, y: Array) -> float:
    return mean_over_pairs(lambda b, t: 1 - iou_of(b, t) + far(b, t), z, y)


def alpha_of(b: Array, t: Array) -> float:
    v = aspect(b, t)
    return v / (1 - iou_of(b, t) + v)


def ciou(z: Array, y: Array) -> float:
    return mean_over_pairs(lambda b, t: 1 - iou_of(b, t) + far(b, t) + alpha_of(b, t) * aspect(b, t), z, y)


def eiou_of(b: Array, t: Array) -> float:
    width, height = around(b, t)
    sides = ((b[2] - b[0] - t[2] + t[0]) / width) ** 2 + ((b[3] - b[1] - t[3] + t[1]) / height) ** 2
    return 1 - iou_of(b, t) + far(b, t) + sides


def eiou(z: Array, y: Array) -> float:
    return mean_over_pairs(eiou_of, z, y)


def focal_eiou(z: Array, y: Array, gamma: float) -> float:
    return mean_over_pairs(lambda b, t: iou_of(b, t) ** gamma * eiou_of(b, t), z, y)


def siou_of(b: Array, t: Array, theta: float) -> float:
    """Gevorgyan, with the angle as he writes it."""
    (x, y), (u, v) = center(b), center(t)
    width, height = around(b, t)
    angle = 1 - 2 * math.sin(math.asin(abs(v - y) / math.dist((x, y), (u, v))) - math.pi / 4) ** 2
    distance = sum(1 - math.exp(-(2 - angle) * share**2) for share in ((u - x) / width, (v - y) / height))
    shape = 0.0
    for k in (0, 1):
        mine, theirs = b[k + 2] - b[k], t[k + 2] - t[k]
        shape += (1 - math.exp(-abs(mine - theirs) / max(mine, theirs))) ** theta
    return 1 - iou_of(b, t) + (distance + shape) / 2


def siou(z: Array, y: Array, theta: float = 4.0) -> float:
    return mean_over_pairs(lambda b, t: siou_of(b, t, theta), z, y)


def alpha_iou(z: Array, y: Array, alpha: float, penalty: str = "none") -> float:
    def of(b: Array, t: Array) -> float:
        value = 1 - iou_of(b, t) ** alpha
        return value if penalty == "none" else value + {"giou": gap, "diou": far}[penalty](b, t) ** alpha

    return mean_over_pairs(of, z, y)


def inner_iou(z: Array, y: Array, ratio: float, penalty: str = "none") -> float:
    """As the paper writes it: with a penalty, the plain loss plus IoU minus that of the scaled boxes."""

    def scaled(box: Array) -> Array:
        (x, v), width, height = center(box), ratio * (box[2] - box[0]), ratio * (box[3] - box[1])
        return np.array([x - width / 2, v - height / 2, x + width / 2, v + height / 2])

    def of(b: Array, t: Array) -> float:
        inner, plain = iou_of(scaled(b), scaled(t)), iou_of(b, t)
        if penalty == "none":
            return 1 - inner
        return 1 - plain + {"giou": gap, "diou": far}[penalty](b, t) + plain - inner

    return mean_over_pairs(of, z, y)


def mpdiou(z: Array, y: Array, height: float = 1.0, width: float = 1.0) -> float:
    def of(b: Array, t: Array) -> float:
        corners = math.dist(b[:2], t[:2]) ** 2 + math.dist(b[2:], t[2:]) ** 2
        return 1 - iou_of(b, t) + corners / math.hypot(height, width) ** 2

    return mean_over_pairs(of, z, y)


def wise_iou(z: Array, y: Array) -> float:
    return mean_over_pairs(lambda b, t: math.exp(far(b, t)) * (1 - iou_of(b, t)), z, y)


# --- boxes as Gaussians -----------------------------------------------------------------------------------------------


def gaussian(box: Array) -> tuple[Array, Array]:
    """Mean and covariance of a rotated box, or of one by its corners."""
    if len(box) == 4:
        box = np.array([*center(box), box[2] - box[0], box[3] - box[1], 0.0])
    turn = np.array([[math.cos(box[4]), -math.sin(box[4])], [math.sin(box[4]), math.cos(box[4])]])
    return box[:2], turn @ np.diag(box[2:4] ** 2 / 4) @ turn.T


def wasserstein(b: Array, t: Array) -> float:
    """The squared distance, by matrix roots."""
    (m, s), (n, r) = gaussian(b), gaussian(t)
    root = sqrtm(s)
    return float(((m - n) ** 2).sum() + np.trace(s + r - 2 * np.real(sqrtm(root @ r @ root))))


def divergence(b: Array, t: Array) -> float:
    (m, s), (n, r) = gaussian(b), gaussian(t)
    inverse = np.linalg.inv(r)
    logs = math.log(np.linalg.det(r) / np.linalg.det(s))
    return float(((m - n) @ inverse @ (m - n) + np.trace(inverse @ s) + logs) / 2 - 1)


def bend(distance: float, form: str, tau: float) -> float:
    if form == "raw":
        return distance
    return 1 - 1 / (tau + (math.log1p(distance) if form == "log" else math.sqrt(distance)))


def gwd(z: Array, y: Array, form: str = "log", tau: float = 1.0) -> float:
    return mean_over_pairs(lambda b, t: bend(wasserstein(b, t), form, tau), z, y)


def nwd(z: Array, y: Array, constant: float = 12.8) -> float:
    return mean_over_pairs(lambda b, t: 1 - math.exp(-math.sqrt(wasserstein(b, t)) / constant), z, y)


def kld(z: Array, y: Array, direction: str = "forward", form: str = "log", tau: float = 1.0) -> float:
    def of(b: Array, t: Array) -> float:
        both = divergence(b, t), divergence(t, b)
        chosen = {"forward": both[0], "backward": both[1], "min": min(both), "max": max(both), "jeffreys": sum(both)}
        return bend(chosen[direction], form, tau)

    return mean_over_pairs(of, z, y)


# --- scores -----------------------------------------------------------------------------------------------------------


def quality_focal(z: Array, y: Array, beta: float) -> float:
    values = [abs(q - expit(s)) ** beta * -(q * log_expit(s) + (1 - q) * log_expit(-s))
              for s, q in zip(z.flat, y.flat, strict=True)]  # fmt: skip
    return float(np.mean(values))


def varifocal(z: Array, y: Array, alpha: float, gamma: float) -> float:
    total = 0.0
    for s, q in zip(z.flat, y.flat, strict=True):
        if q > 0:
            total -= q * (q * log_expit(s) + (1 - q) * log_expit(-s))
        else:
            total -= alpha * expit(s) ** gamma * log_expit(-s)
    return total / z.size


def gaussian_focal(z: Array, y: Array, alpha: float, beta: float) -> float:
    total, peaks = 0.0, 0
    for s, heat in zip(z.flat, y.flat, strict=True):
        if heat == 1:
            total, peaks = total - expit(-s) ** alpha * log_expit(s), peaks + 1
        else:
            total -= (1 - heat) ** beta * expit(s) ** alpha * log_expit(-s)
    return total / max(peaks, 1)


def distribution_focal(z: Array, y: Array) -> float:
    log_p = log_softmax(z, axis=1)
    total = 0.0
    for n, position in enumerate(y):
        below = min(int(position), z.shape[1] - 2)
        total -= (below + 1 - position) * log_p[n, below] + (position - below) * log_p[n, below + 1]
    return total / len(y)


def balanced_l1(z: Array, x: Array, alpha: float, gamma: float, beta: float) -> float:
    """By quadrature of the slope, which is what the paper starts from."""
    b = math.exp(gamma / alpha) - 1
    nodes, weights = np.polynomial.legendre.leggauss(60)
    total = 0.0
    for error in np.abs(z - x).flat:
        near = min(error, beta)
        slopes = alpha * np.log1p(b / beta * near * (nodes + 1) / 2)
        total += near / 2 * (weights * slopes).sum() + gamma * (error - near)
    return total / z.size


def detection(z: Array, b: Array, o: Array, y: Array, t: Array) -> float:
    log_p = log_softmax(z, axis=1)
    total, positive = 0.0, 0
    for n, label in enumerate(y):
        if label >= 0:
            total += -log_p[n, label] + 1 - iou_of(b[n], t[n]) + gap(b[n], t[n]) - log_expit(o[n])
            positive += 1
        else:
            total -= log_expit(-o[n])
    return total / max(positive, 1)
