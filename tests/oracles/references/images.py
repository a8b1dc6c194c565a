"""Slow references in float64 for the losses between images."""

from __future__ import annotations

import cmath
import math

import numpy as np

Array = np.ndarray


def window(kind: str, size: int, sigma: float = 1.5) -> Array:
    """The weights of a square window; they sum to one."""
    if kind == "uniform":
        return np.full((size, size), 1 / size**2)
    middle = size // 2
    weights = np.array(
        [
            [math.exp(-((i - middle) ** 2 + (j - middle) ** 2) / (2 * sigma**2)) for j in range(size)]
            for i in range(size)
        ]
    )
    return weights / weights.sum()


def similarity(
    x: Array, y: Array, weights: Array, c1: float, c2: float, correction: float = 1.0
) -> tuple[float, float]:
    """Mean SSIM, and mean of its contrast-and-structure term, of one channel: one window after the other."""
    size = len(weights)
    whole, contrast = [], []
    for i in range(x.shape[0] - size + 1):
        for j in range(x.shape[1] - size + 1):
            a, b = x[i : i + size, j : j + size], y[i : i + size, j : j + size]
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            var_a = correction * (weights * (a - mean_a) ** 2).sum()
            var_b = correction * (weights * (b - mean_b) ** 2).sum()
            both = correction * (weights * (a - mean_a) * (b - mean_b)).sum()
            term = (2 * both + c2) / (var_a + var_b + c2)
            contrast.append(term)
            whole.append(term * (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1))
    return float(np.mean(whole)), float(np.mean(contrast))


def ssim(
    z: Array, y: Array, kind: str = "gaussian", size: int = 11, reflect: bool = False, unbiased: bool = False
) -> float:
    weights = window(kind, size)
    if reflect:
        margins = ((0, 0), (0, 0), (size // 2, size // 2), (size // 2, size // 2))
        z, y = np.pad(z, margins, mode="reflect"), np.pad(y, margins, mode="reflect")
    correction = size**2 / (size**2 - 1) if unbiased else 1.0
    values = [
        similarity(a, b, weights, 0.01**2, 0.03**2, correction)[0]
        for pictures in zip(z, y, strict=True)
        for a, b in zip(*pictures, strict=True)
    ]
    return 1 - float(np.mean(values))


def halved(x: Array) -> Array:
    return np.array([[x[i : i + 2, j : j + 2].mean() for j in range(0, x.shape[1] - 1, 2)]
                     for i in range(0, x.shape[0] - 1, 2)])  # fmt: skip


def ms_ssim(z: Array, y: Array, exponents: tuple[float, ...], size: int) -> float:
    """For similar pictures, whose contrast terms are positive."""
    weights, values = window("gaussian", size), []
    for pictures in zip(z, y, strict=True):
        for a, b in zip(*pictures, strict=True):
            product = 1.0
            for scale, exponent in enumerate(exponents):
                whole, contrast = similarity(a, b, weights, 0.01**2, 0.03**2)
                product *= (whole if scale == len(exponents) - 1 else contrast) ** exponent
                a, b = halved(a), halved(b)
            values.append(product)
    return 1 - float(np.mean(values))


def psnr(z: Array, y: Array, eps: float = 1e-10) -> float:
    return float(np.mean([10 * math.log10(np.mean((a - b) ** 2) + eps) for a, b in zip(z, y, strict=True)]))


def steps(picture: Array) -> list[tuple[float, float]]:
    """Every pixel of `(C, H, W)` with what changes to the next row and to the next column, zero across the border."""
    channels, height, width = picture.shape
    found = []
    for c in range(channels):
        for i in range(height):
            for j in range(width):
                down = picture[c, i + 1, j] - picture[c, i, j] if i + 1 < height else 0.0
                right = picture[c, i, j + 1] - picture[c, i, j] if j + 1 < width else 0.0
                found.append((down, right))
    return found


def total_variation(z: Array, norm: str = "anisotropic") -> float:
    size = {
        "anisotropic": lambda d, r: abs(d) + abs(r),
        "isotropic": lambda d, r: math.hypot(d, r),
        "squared": lambda d, r: d * d + r * r,
    }[norm]
    return float(np.mean([sum(size(d, r) for d, r in steps(picture)) / picture.size for picture in z]))


def gradient_difference(z: Array, y: Array, alpha: float = 1.0) -> float:
    values = []
    for a, b in zip(z, y, strict=True):
        pairs = zip(steps(a), steps(b), strict=True)
        total = sum(abs(abs(s) - abs(t)) ** alpha for ours, theirs in pairs for s, t in zip(ours, theirs, strict=True))
        values.append(total / a.size)
    return float(np.mean(values))


def size_of(r: float, distance: str) -> float:
    return {"l1": abs(r), "l2": r * r, "charbonnier": math.sqrt(r * r + 1e-6)}[distance]


def pixels(z: Array, y: Array, distance: str = "l1") -> float:
    return sum(size_of(a - b, distance) for a, b in zip(z.flat, y.flat, strict=True)) / z.size


def context(z: Array, y: Array, hole: Array, side: int = 7) -> float:
    """Yeh et al.: known pixels, weighted by the share of the window that is hole; the window is cut nowhere, so its
    part outside the picture counts as known."""
    total = norm = 0.0
    radius = side // 2
    for n, c, i, j in np.ndindex(*z.shape):
        around = hole[n, 0, max(i - radius, 0) : i + radius + 1, max(j - radius, 0) : j + radius + 1]
        weight = (1 - hole[n, 0, i, j]) * around.sum() / side**2
        total += weight * abs(z[n, c, i, j] - y[n, c, i, j])
        norm += weight
    return total / norm


def in_hole(z: Array, y: Array, hole: Array) -> float:
    missing = [(n, c, i, j) for n, c, i, j in np.ndindex(*z.shape) if hole[n, 0, i, j]]
    return sum((z[at] - y[at]) ** 2 for at in missing) / len(missing)


def hole_valid(z: Array, y: Array, hole: Array) -> float:
    weight = [6.0 if hole[n, 0, i, j] else 1.0 for n, _, i, j in np.ndindex(*z.shape)]
    return sum(w * abs(a - b) for w, a, b in zip(weight, z.flat, y.flat, strict=True)) / z.size


def spectrum(picture: Array) -> Array:
    """The orthonormal discrete Fourier transform of one channel, sum by sum."""
    height, width = picture.shape
    found = np.zeros(picture.shape, complex)
    for u, v in np.ndindex(height, width):
        for i, j in np.ndindex(height, width):
            found[u, v] += picture[i, j] * cmath.exp(-2j * math.pi * (u * i / height + v * j / width))
    return found / math.sqrt(height * width)


def squared_spectrum(z: Array, y: Array) -> float:
    """The focal frequency loss with all weights equal."""
    return float(np.mean([np.mean(np.abs(spectrum(a)) ** 2) for picture in z - y for a in picture]))


def focal_spectrum(
    z: Array,
    y: Array,
    alpha: float = 1.0,
    parts: int = 1,
    average: bool = False,
    logarithm: bool = False,
    batch: bool = False,
) -> float:
    """The focal frequency loss, spectrum by spectrum, after the program of its authors."""
    height, width = z.shape[2] // parts, z.shape[3] // parts
    corners = [(i * height, j * width) for i in range(parts) for j in range(parts)]

    def spectra(pictures: Array) -> Array:
        """`(N, P, C, h, w)`."""
        return np.array([
            [[spectrum(c[i : i + height, j : j + width]) for c in picture] for i, j in corners] for picture in pictures
        ])  # fmt: skip

    ours, theirs = spectra(z), spectra(y)
    if average:
        ours, theirs = sum(ours)[None] / len(ours), sum(theirs)[None] / len(theirs)
    sizes = [size for patches in np.abs(ours - theirs) for patch in patches for size in patch]
    matrices = [np.log(size**alpha + 1) if logarithm else size**alpha for size in sizes]
    largest = max(matrix.max() for matrix in matrices)
    costs = []
    for size, matrix in zip(sizes, matrices, strict=True):
        top = largest if batch else matrix.max()
        costs.append(np.mean([w / top * error**2 for w, error in zip(matrix.flat, size.flat, strict=True)]))
    return float(np.mean(costs))


def features(z: Array, y: Array, distance: str = "l2") -> float:
    return pixels(z, y, distance)


def matched_means(z: Array, y: Array) -> float:
    return sum((a - b) ** 2 for a, b in zip(z.mean(0).flat, y.mean(0).flat, strict=True))


def places(z: Array) -> list[Array]:
    """For each picture, the feature vectors of its positions: `(P, C)`."""
    return [picture.reshape(len(picture), -1).T for picture in z]


def lpips(z: Array, y: Array, weight: Array | None = None) -> float:
    weight = np.ones(z.shape[1]) if weight is None else weight
    values = []
    for a, b in zip(places(z), places(y), strict=True):
        gaps = [u / np.linalg.norm(u) - v / np.linalg.norm(v) for u, v in zip(a, b, strict=True)]
        values.append(np.mean([(weight * gap**2).sum() for gap in gaps]))
    return float(np.mean(values))


def gram(vectors: Array) -> Array:
    channels = vectors.shape[1]
    return np.array([[sum(v[c] * v[d] for v in vectors) for d in range(channels)] for c in range(channels)])


def style(z: Array, y: Array, normalize: str = "johnson") -> float:
    values = []
    for a, b in zip(places(z), places(y), strict=True):
        positions, channels = a.shape
        squares = ((gram(a) - gram(b)) ** 2).sum()
        divisor = {"johnson": (channels * positions) ** 2, "gatys": 4 * (channels * positions) ** 2, "none": 1}
        values.append(squares / divisor[normalize])
    return float(np.mean(values))


def style_l1(z: Array, y: Array) -> float:
    pairs = list(zip(places(z), places(y), strict=True))
    return float(np.mean([np.abs((gram(a) - gram(b)) / a.size).mean() for a, b in pairs]))


def contextual(z: Array, y: Array, h: float = 0.5, eps: float = 1e-5, cosine: bool = True) -> float:
    values = []
    for a, b in zip(places(z), places(y), strict=True):
        center = b.mean(0)
        a, b = a - center, b - center
        similarities = []
        for u in a:
            if cosine:
                distances = [1 - u @ v / (np.linalg.norm(u) * np.linalg.norm(v)) for v in b]
            else:
                distances = [((u - v) ** 2).sum() for v in b]
            w = [math.exp((1 - d / (min(distances) + eps)) / h) for d in distances]
            similarities.append([each / sum(w) for each in w])
        best = [max(row[j] for row in similarities) for j in range(len(b))]
        values.append(-math.log(np.mean(best)))
    return float(np.mean(values))
