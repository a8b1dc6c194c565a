"""Movements of thirty people, measured by a phone at the waist: six activities and six rare transitions."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ._files import load_arrays
from .photos import check_split

HAPT_CLASSES = (
    "walking",
    "walking upstairs",
    "walking downstairs",
    "sitting",
    "standing",
    "lying",
    "stand to sit",
    "sit to stand",
    "sit to lie",
    "lie to sit",
    "stand to lie",
    "lie to stand",
)
_UNITS = np.float32([2048, 2048, 2048, 1000, 1000, 1000])  # steps of the stored integers per g and per rad/s


class Windows(NamedTuple):
    """What :func:`hapt` returns."""

    windows: Tensor  #: (N, 6, 64) float32: acceleration x, y, z in g, rotation x, y, z in rad/s; 25 Hz
    labels: Tensor  #: (N,) int64, index into ``HAPT_CLASSES``; 0 to 5 are activities, 6 to 11 transitions
    people: Tensor  #: (N,) int64, 1 to 30


def hapt(split: str) -> Windows:
    """Windows of 2.56 s, split by person.

    Args:
        split: ``"train"`` (people 1 to 18), ``"validation"`` (19 to 22) or ``"test"`` (23 to 30). Consecutive windows
            overlap by half, so that a split by window would put nearly the same signal on both sides.

    Returns:
        Windows: windows (N, 6, 64) float32, labels (N,) int64, people (N,) int64. A class has at most 600 windows over
        all people, the transitions 61 to 168.
    """
    check_split(split)
    arrays = load_arrays("hapt.npz")
    people = arrays["people"]
    chosen = {"train": people <= 18, "validation": (people > 18) & (people <= 22), "test": people > 22}[split]
    windows = (arrays["windows"][chosen] / _UNITS).transpose(0, 2, 1)
    return Windows(
        torch.from_numpy(np.ascontiguousarray(windows)),
        torch.from_numpy(arrays["labels"][chosen].astype(np.int64)),
        torch.from_numpy(people[chosen].astype(np.int64)),
    )
