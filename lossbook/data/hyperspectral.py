"""Indian Pines: farmland in 200 spectral bands, 16 crops, the rarest with 20 pixels."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .photos import check_split

INDIAN_PINES_CLASSES = (
    "alfalfa",
    "corn, no till",
    "corn, minimum till",
    "corn",
    "grass and pasture",
    "grass and trees",
    "grass and pasture, mowed",
    "hay, windrowed",
    "oats",
    "soybean, no till",
    "soybean, minimum till",
    "soybean, clean",
    "wheat",
    "woods",
    "buildings, grass, trees, drives",
    "stone and steel towers",
)
UNLABELED = -100  # torch's default ignore_index
_BLOCK = 5  # pixels; the scene is 29 by 29 blocks
_CYCLE = ("train", "test", "train", "validation", "train", "test")


class IndianPines(NamedTuple):
    """What :func:`indian_pines` returns."""

    image: Tensor  #: (200, 145, 145) float32, each band standardized on the training pixels
    labels: Tensor  #: (145, 145) int64 in 0..15; -100 where unlabeled or in another split


def indian_pines(split: str) -> IndianPines:
    """The Indian Pines scene with the labels of one split.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``. Blocks of 5 by 5 pixels belong to one split as a
            whole, so that neighboring pixels are mostly in the same split. A network with a large receptive
            field still sees the test pixels' neighbors: compare losses with it, do not quote its accuracy.

    Returns:
        IndianPines: image (200, 145, 145) float32; labels (145, 145) int64, -100 elsewhere.

    The scene comes with the package tensorly (``pip install "lossbook[notebooks]"``); CC BY 3.0, Purdue
    University.
    """
    check_split(split)
    cube, truth = _read()
    blocks = _block_splits(truth.shape)
    training = (blocks == "train") & (truth > 0)
    mean, deviation = cube[training].mean(0), cube[training].std(0)
    standardized = (cube - mean) / np.maximum(deviation, 1e-6)
    labels = np.where((blocks == split) & (truth > 0), truth - 1, UNLABELED)
    image = torch.from_numpy(np.ascontiguousarray(standardized.transpose(2, 0, 1), dtype=np.float32))
    return IndianPines(image, torch.from_numpy(labels.astype(np.int64)))


def _read() -> tuple[np.ndarray, np.ndarray]:
    try:
        from tensorly.datasets import load_indian_pines
    except ImportError as error:
        raise ImportError(
            'Indian Pines comes with tensorly, which is not installed. Run: pip install "lossbook[notebooks]"'
        ) from error
    bunch = load_indian_pines()
    labels, _wavelengths = bunch["ticks"]
    return np.asarray(bunch["tensor"], dtype=np.float64), np.asarray(labels, dtype=np.int64)


def _block_splits(shape: tuple[int, int]) -> np.ndarray:
    rows, columns = (np.arange(extent) // _BLOCK for extent in shape)
    # A shift of 2 from row to row keeps blocks of one split from forming stripes.
    return np.array(_CYCLE)[(columns[None, :] + 2 * rows[:, None]) % len(_CYCLE)]
