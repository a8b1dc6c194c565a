"""The inputs on which losses are compared with their peers: small, fixed, and exact in float32.

In every sample `z` is what the gradient is taken of. `y` holds labels or a mask, `t` a soft target, `w` class weights,
`v` the weight of each position, `x` real numbers.
"""

from __future__ import annotations

import numpy as np

IGNORED = 255


def draw() -> dict[str, dict[str, np.ndarray]]:
    """Every sample by name."""
    return {
        "multiclass": _multiclass(1, (2, 3, 4, 5)),
        "volume": _multiclass(2, (2, 3, 3, 4, 3)),
        "saturated": _multiclass(3, (2, 3, 4, 5), scale=12.0),
        "ignored": _ignore(4, _multiclass(4, (2, 3, 4, 5))),
        "absent": _absent(5),
        "binary": _mask(6, (3, 4, 5)),
        "binary volume": _mask(7, (2, 3, 4, 3)),
        "binary saturated": _mask(8, (3, 4, 5), scale=12.0),
        "binary ignored": _ignore(9, _mask(9, (3, 4, 5))),
        "multilabel": _mask(10, (2, 3, 4, 5)),
        "multilabel ignored": _ignore(11, _mask(11, (2, 3, 4, 5))),
        "soft": _soft(12, (2, 3, 4, 5)),
        "numbers": _numbers(13, (3, 4)),
    }


def _normal(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    return (scale * rng.standard_normal(shape)).astype(np.float32).astype(np.float64)


def _positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(0.25, 3.0, shape).astype(np.float32).astype(np.float64)


def _multiclass(seed: int, shape: tuple[int, ...], scale: float = 2.0) -> dict[str, np.ndarray]:
    """Logits, and labels with every class in every picture."""
    rng = np.random.default_rng(seed)
    pictures, classes, *space = shape
    pixels = int(np.prod(space))
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=pixels - classes)])
    labels = np.stack([rng.permutation(labels) for _ in range(pictures)]).reshape(pictures, *space)
    return {
        "z": _normal(rng, shape, scale),
        "y": labels.astype(np.int64),
        "w": np.array([0.5, 1.0, 2.5]),
        "v": _positive(rng, labels.shape),
    }


def _absent(seed: int) -> dict[str, np.ndarray]:
    """Three pictures, four classes: the third class occurs nowhere, the fourth not in the first picture."""
    rng = np.random.default_rng(seed)
    labels = rng.choice([0, 1, 3], size=(3, 4, 3))
    labels[:, 0] = [0, 1, 3]
    labels[0][labels[0] == 3] = 1
    return {"z": _normal(rng, (3, 4, 4, 3), 2.0), "y": labels.astype(np.int64)}


def _mask(seed: int, shape: tuple[int, ...], scale: float = 2.0) -> dict[str, np.ndarray]:
    """Logits and a mask of the same shape, with foreground and background in every region."""
    rng = np.random.default_rng(seed)
    mask = rng.integers(2, size=shape)
    mask[..., 0, 0], mask[..., 1, 1] = 0, 1
    w = np.array([0.5, 1.0, 2.5])
    return {"z": _normal(rng, shape, scale), "y": mask.astype(np.int64), "w": w, "v": _positive(rng, shape)}


def _ignore(seed: int, sample: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The sample with a quarter of its labels ignored; no picture alike."""
    hidden = np.random.default_rng(seed + 100).uniform(size=sample["y"].shape) < 0.25
    return sample | {"y": np.where(hidden, IGNORED, sample["y"])}


def _soft(seed: int, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Class probabilities `t`, each in (0, 1) and summing to one over the classes."""
    rng = np.random.default_rng(seed)
    t = rng.dirichlet(np.ones(shape[1]), size=(shape[0], *shape[2:]))
    return {"z": _normal(rng, shape, 2.0), "t": np.moveaxis(t, -1, 1)}


def _numbers(seed: int, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"z": _normal(rng, shape, 3.0), "x": _normal(rng, shape, 3.0)}
