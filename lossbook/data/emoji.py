"""OpenMoji pictures: color, line art, mask and words for each of about 2,200 emoji."""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ._files import load_arrays


class OpenMoji(NamedTuple):
    """What :func:`openmoji` returns: ``N`` different pictures, entry ``i`` of each field belongs together."""

    color: Tensor  #: (N, 3, 64, 64) uint8, on white ground
    line: Tensor  #: (N, 64, 64) uint8, black line art on white ground
    alpha: Tensor  #: (N, 64, 64) uint8, 0 outside the emoji and 255 inside
    names: list[str]  #: for example "deciduous tree"
    groups: list[str]  #: for example "animals-nature"
    subgroups: list[str]  #: for example "plant-other"
    tags: list[str]  #: words, separated by commas; may be empty


@cache
def openmoji() -> OpenMoji:
    """Load the OpenMoji pictures, each picture once.

    The file holds some pictures under two names ("man farmer", "farmer"). Only the first entry of each
    picture is kept, so that no picture can be in training and test data at the same time.

    Returns:
        OpenMoji: tensors and lists, shared between calls: do not change them in place.

    Source: OpenMoji 17.0 (https://openmoji.org), CC BY-SA 4.0; so is a figure that shows them.

    Example:
        >>> emoji = openmoji()
        >>> tuple(emoji.color.shape), len(set(emoji.groups))
        ((2232, 3, 64, 64), 10)
    """
    arrays = load_arrays("openmoji64.npz")
    keep = _first_of_each_picture(arrays["color"], arrays["alpha"])
    words = {key: arrays[key][keep].tolist() for key in ("names", "group", "subgroup", "tags")}
    return OpenMoji(
        color=torch.from_numpy(np.ascontiguousarray(arrays["color"][keep].transpose(0, 3, 1, 2))),
        line=torch.from_numpy(arrays["line"][keep]),
        alpha=torch.from_numpy(arrays["alpha"][keep]),
        names=words["names"],
        groups=words["group"],
        subgroups=words["subgroup"],
        tags=words["tags"],
    )


def _first_of_each_picture(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    first: dict[bytes, int] = {}
    for index, picture in enumerate(zip(color, alpha, strict=True)):
        first.setdefault(picture[0].tobytes() + picture[1].tobytes(), index)
    return np.fromiter(first.values(), dtype=np.int64)
