"""Fashion-MNIST: small gray pictures of ten kinds of clothing, four of which are easily confused."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ._files import load_arrays
from .photos import check_split

FASHION_CLASSES = (
    "T-shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
# The first picture of each class, and how many: the training part of the file trains and validates.
_PLACES = {"train": (0, 800), "validation": (800, 200), "test": (0, 200)}


class Fashion(NamedTuple):
    """What :func:`fashion` returns."""

    images: Tensor  #: (N, 1, 28, 28) float32 in [0, 1], clothing bright on black ground
    labels: Tensor  #: (N,) int64, index into ``FASHION_CLASSES``


def fashion(split: str, *, per_class: int | None = None) -> Fashion:
    """Pictures of clothing with as many examples of each class.

    Args:
        split: ``"train"`` (800 of each class), ``"validation"`` (200) or ``"test"`` (200, from the test part of the
            original). No picture is in two splits.
        per_class: take the first so many of each class; all unless given.

    Returns:
        Fashion: images (N, 1, 28, 28) float32 in [0, 1] and labels (N,) int64.

    Raises:
        ValueError: unknown split, or more pictures of a class than there are.
    """
    check_split(split)
    arrays = load_arrays("fashion12k.npz")
    part = "test" if split == "test" else "train"
    images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
    first, count = _PLACES[split]
    if per_class is not None:
        if not 1 <= per_class <= count:
            raise ValueError(f"per_class: expected 1 to {count} in the split {split!r}, got {per_class}")
        count = per_class
    order = _order_within_class(labels)
    chosen = (order >= first) & (order < first + count)
    pictures = torch.from_numpy(images[chosen]).unsqueeze(1).float() / 255
    return Fashion(pictures, torch.from_numpy(labels[chosen].astype(np.int64)))


def _order_within_class(labels: np.ndarray) -> np.ndarray:
    """How many earlier examples have the same label."""
    order = np.empty(len(labels), dtype=np.int64)
    for label in range(len(FASHION_CLASSES)):
        mine = labels == label
        order[mine] = np.arange(mine.sum())
    return order
