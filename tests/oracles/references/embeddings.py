"""Slow references in float64 for the losses of embeddings: one pair after the other.

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


def length(a: Array) -> float:
    return math.sqrt(sum(x * x for x in a))


def unit(a: Array) -> Array:
    return a / length(a) if length(a) > 0 else np.zeros_like(a)


def units(rows: Array) -> Array:
    return np.array([unit(row) for row in rows])


def cos(a: Array, b: Array) -> float:
    return float(unit(a) @ unit(b))


def distance(a: Array, b: Array) -> float:
    return length(a - b)


def hinge(x: float) -> float:
    return max(0.0, x)


def softplus(x: float) -> float:
    return math.log1p(math.exp(-abs(x))) + max(x, 0.0)


def logsumexp(numbers: list[float]) -> float:
    top = max(numbers)
    return top + math.log(sum(math.exp(x - top) for x in numbers))


def contrastive(
    z: Array, x: Array, y: Array, margin: float = 1.0, form: str = "half-squared", normalize: bool = False
) -> Parts:
    values = []
    for a, b, alike in zip(z, x, y, strict=True):
        d = distance(unit(a), unit(b)) if normalize else distance(a, b)
        near, far = {
            "half-squared": (d**2 / 2, hinge(margin - d) ** 2 / 2),
            "squared": (d**2, hinge(margin - d) ** 2),
            "linear": (d, hinge(margin - d)),
            "margin of squares": (d**2, hinge(margin - d**2)),
        }[form]
        values.append(alike * near + (1 - alike) * far)
    return values, [1.0] * len(values)


def triplet(
    z: Array, p: Array, n: Array, margin: float = 1.0, squared: bool = False, swap: bool = False, soft: bool = False,
    normalize: bool = False,
) -> Parts:  # fmt: skip
    values = []
    power = 2 if squared else 1
    for rows in zip(z, p, n, strict=True):
        a, b, c = (unit(row) if normalize else row for row in rows)
        far = min(distance(a, c), distance(b, c)) if swap else distance(a, c)
        gap = distance(a, b) ** power - far**power
        values.append(softplus(gap) if soft else hinge(gap + margin))
    return values, [1.0] * len(values)


def batch_triplet(
    z: Array, y: Array, margin: float = 1.0, mining: str = "hard", average: str = "all", squared: bool = False,
    soft: bool = False, normalize: bool = False,
) -> Parts:  # fmt: skip
    rows = units(z) if normalize else z
    d = [[distance(a, b) ** (2 if squared else 1) for b in rows] for a in rows]
    values, weights = [], []
    for a in range(len(z)):
        near = [d[a][p] for p in range(len(z)) if p != a and y[p] == y[a]]
        far = [d[a][n] for n in range(len(z)) if y[n] != y[a]]
        if not near or not far:
            pairs = []
        elif mining == "hard":
            pairs = [(max(near), min(far))]
        elif mining == "semi-hard":
            pairs = [(p, min([n for n in far if n > p], default=max(far))) for p in near]
        else:
            pairs = list(itertools.product(near, far))
        costs = [softplus(p - n) if soft else hinge(p - n + margin) for p, n in pairs]
        values.append(sum(costs))
        weights.append(float(sum(cost > 0 for cost in costs) if average == "nonzero" else len(costs)))
    return values, weights


def lifted_structure(z: Array, y: Array, margin: float = 1.0, normalize: bool = False) -> Parts:
    rows, N = units(z) if normalize else z, range(len(z))
    values, weights = [], []
    for i in N:
        costs = []
        for j in N:
            if j != i and y[i] == y[j]:
                far = [distance(rows[end], rows[k]) for end in (i, j) for k in N if y[k] != y[end]]
                crowd = logsumexp([margin - d for d in far]) if far else -math.inf
                costs.append(hinge(distance(rows[i], rows[j]) + crowd) ** 2 / 2)
        values.append(sum(costs))
        weights.append(float(len(costs)))
    return values, weights


def n_pairs(z: Array, x: Array, regularization: float = 0.0) -> Parts:
    values = []
    for i in range(len(z)):
        others = sum(math.exp(z[i] @ x[j] - z[i] @ x[i]) for j in range(len(x)) if j != i)
        values.append(math.log1p(others) + regularization / 2 * (length(z[i]) ** 2 + length(x[i]) ** 2))
    return values, [1.0] * len(values)


def angular(z: Array, x: Array, angle: float = 45.0) -> Parts:
    """By the lengths in the triangle of a pair and a negative, of which lengths of single rows are no part."""
    rows, partners, square = units(z), units(x), math.tan(math.pi * angle / 180) ** 2
    values = []
    for i in range(len(z)):
        both = length(rows[i]) ** 2 + length(partners[i]) ** 2
        total = 1.0
        for j in range(len(x)):
            if j != i:
                side = distance(rows[i], partners[i]) ** 2 - both
                middle = (rows[i] + partners[i]) / 2
                median = 4 * distance(partners[j], middle) ** 2 - 4 * length(partners[j]) ** 2 - both
                total += math.exp(side - square * median)
        values.append(math.log(total))
    return values, [1.0] * len(values)


def info_nce(
    z: Array, x: Array, n: Array | None = None, temperature: float = 0.1, in_batch: bool = True,
    symmetric: bool = False, normalize: bool = True,
) -> Parts:  # fmt: skip
    similarity = cos if normalize else (lambda a, b: float(a @ b))
    values = []
    for i in range(len(z)):
        others = [similarity(z[i], x[j]) for j in range(len(x)) if in_batch or j == i]
        others += [] if n is None else [similarity(z[i], row) for row in n]
        right = similarity(z[i], x[i])
        value = logsumexp([s / temperature for s in others]) - right / temperature
        if symmetric:
            back = logsumexp([similarity(z[j], x[i]) / temperature for j in range(len(z))]) - right / temperature
            value = (value + back) / 2
        values.append(value)
    return values, [1.0] * len(values)


def nt_xent(z: Array, x: Array, temperature: float = 0.5) -> Parts:
    views, half = [*z, *x], len(z)
    costs = []
    for i in range(2 * half):
        others = [cos(views[i], views[k]) / temperature for k in range(2 * half) if k != i]
        costs.append(logsumexp(others) - cos(views[i], views[(i + half) % (2 * half)]) / temperature)
    return [(costs[i] + costs[i + half]) / 2 for i in range(half)], [1.0] * half


def sup_con(z: Array, y: Array, temperature: float = 0.1, base_temperature: float | None = None) -> Parts:
    values, weights = [], []
    for i in range(len(z)):
        others = [k for k in range(len(z)) if k != i]
        alike = [p for p in others if y[p] == y[i]]
        total = logsumexp([cos(z[i], z[k]) / temperature for k in others]) if others else 0.0
        costs = [total - cos(z[i], z[p]) / temperature for p in alike]
        scale = 1.0 if base_temperature is None else temperature / base_temperature
        values.append(scale * sum(costs) / max(len(costs), 1))
        weights.append(float(bool(alike)))
    return values, weights


def nca(z: Array, y: Array, temperature: float = 1.0, normalize: bool = False) -> Parts:
    rows = units(z) if normalize else z
    values, weights = [], []
    for i in range(len(z)):
        others = [k for k in range(len(z)) if k != i]
        logits = {k: -(distance(rows[i], rows[k]) ** 2) / temperature for k in others}
        alike = [logits[k] for k in others if y[k] == y[i]]
        values.append(logsumexp(list(logits.values())) - logsumexp(alike) if alike else 0.0)
        weights.append(float(bool(alike)))
    return values, weights


def clip(z: Array, x: Array, logit_scale: float = 1 / 0.07, label_smoothing: float = 0.0) -> Parts:
    N, values = len(z), []
    s = [[logit_scale * cos(a, b) for b in x] for a in z]
    for i in range(N):
        value = 0.0
        for scores in (s[i], [s[j][i] for j in range(N)]):
            surprise = [logsumexp(scores) - score for score in scores]
            value += (1 - label_smoothing) * surprise[i] + label_smoothing * sum(surprise) / N
        values.append(value / 2)
    return values, [1.0] * N


def siglip(z: Array, x: Array, logit_scale: float = 10.0, logit_bias: float = -10.0) -> Parts:
    values = []
    for i, j in itertools.product(range(len(z)), range(len(x))):
        if j == 0:
            values.append(0.0)
        logit = logit_scale * cos(z[i], x[j]) + logit_bias
        values[i] += softplus(-logit if i == j else logit)
    return values, [1.0] * len(values)


def matching(z: Array, x: Array, margin: float = 0.2, hardest: bool = False) -> Parts:
    values = []
    for i in range(len(z)):
        right, wrong = cos(z[i], x[i]), [j for j in range(len(z)) if j != i]
        by_image = [hinge(margin - right + cos(z[i], x[j])) for j in wrong]
        by_text = [hinge(margin - right + cos(z[j], x[i])) for j in wrong]
        pick = (lambda costs: max(costs, default=0.0)) if hardest else sum
        values.append(pick(by_image) + pick(by_text))
    return values, [1.0] * len(values)


def consistency(z: Array, x: Array, form: str = "cosine", temperature: float = 0.07) -> Parts:
    if form == "contrastive":
        return info_nce(z, x, temperature=temperature, symmetric=True)
    return [1 - cos(a, b) for a, b in zip(z, x, strict=True)], [1.0] * len(z)


def byol(z: Array, x: Array, form: str = "byol") -> Parts:
    values = [2 - 2 * cos(a, b) if form == "byol" else -cos(a, b) for a, b in zip(z, x, strict=True)]
    return values, [1.0] * len(values)


def barlow(z: Array, x: Array, off_diagonal: float = 0.005, eps: float = 1e-5) -> Parts:
    N, D = z.shape
    a, b = ([[(v[n, i] - np.mean(v[:, i])) / math.sqrt(np.var(v[:, i]) + eps) for i in range(D)] for n in range(N)]
            for v in (z, x))  # fmt: skip
    values = []
    for i in range(D):
        c = [sum(a[n][i] * b[n][j] for n in range(N)) / N for j in range(D)]
        values.append((1 - c[i]) ** 2 + off_diagonal * sum(c[j] ** 2 for j in range(D) if j != i))
    return values, [1.0 / D] * D  # a batch has one loss: the sum


def vicreg(
    z: Array, x: Array, invariance: float = 25.0, variance: float = 25.0, covariance: float = 1.0,
    gamma: float = 1.0, eps: float = 1e-4,
) -> Parts:  # fmt: skip
    N, D = z.shape
    values = []
    for i in range(D):
        value = invariance * sum((z[n, i] - x[n, i]) ** 2 for n in range(N)) / N
        for v in (z, x):
            varying = [sum((v[n, i] - v[:, i].mean()) * (v[n, j] - v[:, j].mean()) for n in range(N)) / max(N - 1, 1)
                       for j in range(D)]  # fmt: skip
            value += variance / 2 * hinge(gamma - math.sqrt(varying[i] + eps))
            value += covariance * sum(varying[j] ** 2 for j in range(D) if j != i)
        values.append(value)
    return values, [1.0] * D


def multi_similarity(
    z: Array, y: Array, alpha: float = 2.0, beta: float = 50.0, base: float = 0.5, mining: float | None = None
) -> Parts:
    values = []
    for i in range(len(z)):
        near = [cos(z[i], z[p]) for p in range(len(z)) if p != i and y[p] == y[i]]
        far = [cos(z[i], z[n]) for n in range(len(z)) if y[n] != y[i]]
        if mining is not None:
            low, high = min(near, default=math.inf), max(far, default=-math.inf)
            near, far = [s for s in near if s < high + mining], [s for s in far if s > low - mining]
        value = math.log1p(sum(math.exp(-alpha * (s - base)) for s in near)) / alpha
        values.append(value + math.log1p(sum(math.exp(beta * (s - base)) for s in far)) / beta)
    return values, [1.0] * len(values)


def circle(z: Array, y: Array, margin: float = 0.25, gamma: float = 80.0) -> Parts:
    values, weights = [], []
    for i in range(len(z)):
        near = [cos(z[i], z[p]) for p in range(len(z)) if p != i and y[p] == y[i]]
        far = [cos(z[i], z[n]) for n in range(len(z)) if y[n] != y[i]]
        counted = bool(near) and bool(far)
        exponents = [gamma * hinge(n + margin) * (n - margin) - gamma * hinge(1 + margin - p) * (p - 1 + margin)
                     for n, p in itertools.product(far, near)]  # fmt: skip
        values.append(softplus(logsumexp(exponents)) if counted else 0.0)
        weights.append(float(counted))
    return values, weights


def arcface(z: Array, y: Array, w: Array, margin: float = 0.5, scale: float = 64.0) -> Parts:
    values = []
    for a, label in zip(z, y, strict=True):
        cosines = [cos(a, row) for row in w]
        theta = math.acos(max(-1.0, min(1.0, cosines[label])))
        inside = theta < math.pi - margin
        cosines[label] = math.cos(theta + margin) if inside else math.cos(theta) - margin * math.sin(margin)
        values.append(logsumexp([scale * c for c in cosines]) - scale * cosines[label])
    return values, [1.0] * len(values)


def sub_center_arcface(z: Array, y: Array, w: Array, margin: float = 0.5, scale: float = 64.0) -> Parts:
    values = []
    for a, label in zip(z, y, strict=True):
        nearest = np.array([max(rows, key=lambda row: cos(a, row)) for rows in w])
        values += arcface(a[None], [label], nearest, margin, scale)[0]
    return values, [1.0] * len(values)


def cosface(z: Array, y: Array, w: Array, margin: float = 0.35, scale: float = 64.0) -> Parts:
    values = []
    for a, label in zip(z, y, strict=True):
        scores = [scale * (cos(a, row) - margin * (c == label)) for c, row in enumerate(w)]
        values.append(logsumexp(scores) - scores[label])
    return values, [1.0] * len(values)


def sphereface(z: Array, y: Array, w: Array, margin: int = 4, annealing: float = 0.0) -> Parts:
    values = []
    for a, label in zip(z, y, strict=True):
        cosines = [cos(a, row) for row in w]
        theta = math.acos(max(-1.0, min(1.0, cosines[label])))
        k = next(k for k in range(margin) if theta <= (k + 1) * math.pi / margin + 1e-12)
        wider = (-1) ** k * math.cos(margin * theta) - 2 * k
        cosines[label] = (annealing * cosines[label] + wider) / (1 + annealing)
        values.append(logsumexp([length(a) * c for c in cosines]) - length(a) * cosines[label])
    return values, [1.0] * len(values)


def soft_triple(
    z: Array, y: Array, w: Array, scale: float = 20.0, gamma: float = 0.1, margin: float = 0.01,
    regularization: float = 0.2,
) -> Parts:  # fmt: skip
    classes, number, values = len(w), w.shape[1], []
    spread = sum(distance(unit(a), unit(b)) for rows in w for a, b in itertools.combinations(rows, 2))
    for a, label in zip(z, y, strict=True):
        similarities = []
        for c, rows in enumerate(w):
            cosines = [cos(a, row) for row in rows]
            shares = [math.exp(x / gamma) for x in cosines]
            similarities.append(sum(q * x for q, x in zip(shares, cosines, strict=True)) / sum(shares))
            similarities[c] -= margin * (c == label)
        value = logsumexp([scale * s for s in similarities]) - scale * similarities[label]
        values.append(value + regularization * spread / (classes * number * max(number - 1, 1)))
    return values, [1.0] * len(values)


def center(z: Array, y: Array, w: Array) -> Parts:
    return [distance(a, w[label]) ** 2 / 2 for a, label in zip(z, y, strict=True)], [1.0] * len(z)


def proxy_nca(z: Array, y: Array, w: Array, scale: float = 1.0, include_positive: bool = False) -> Parts:
    values = []
    for a, label in zip(z, y, strict=True):
        d = [scale * distance(unit(a), unit(row)) ** 2 for row in w]
        values.append(d[label] + logsumexp([-d[c] for c in range(len(w)) if include_positive or c != label]))
    return values, [1.0] * len(values)


def proxy_anchor(z: Array, y: Array, w: Array, margin: float = 0.1, alpha: float = 32.0) -> Parts:
    present, values = len(set(y.tolist())), []
    for c, row in enumerate(w):
        near = sum(math.exp(-alpha * (cos(a, row) - margin)) for a, label in zip(z, y, strict=True) if label == c)
        far = sum(math.exp(alpha * (cos(a, row) + margin)) for a, label in zip(z, y, strict=True) if label != c)
        values.append(math.log1p(near) * len(w) / max(present, 1) + math.log1p(far))
    return values, [1.0] * len(values)
