"""Cell nuclei under the microscope: one real image with a mask for each nucleus."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ._files import load_arrays
from .photos import check_split

# Rows of the 512 by 512 image; with 32 rows left out between them, no nucleus is in two splits.
_ROWS = {"train": (0, 272), "validation": (304, 368), "test": (400, 512)}


class Nuclei(NamedTuple):
    """What :func:`nuclei` returns."""

    images: Tensor  #: (N, 1, tile, tile) float32 in [0, 1]
    instances: Tensor  #: (N, tile, tile) int64, 0 for background, else the number of the nucleus


def nuclei(split: str, *, tile: int = 64, stride: int | None = None) -> Nuclei:
    """Tiles of a fluorescence image with 125 nuclei, split by position.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``: bands of the image, 32 rows apart.
        tile: height and width of a tile in pixels, at most the height of the band (64 for validation).
        stride: step between tiles in pixels; a tile's size unless given. Less gives overlapping tiles.

    Returns:
        Nuclei: images (N, 1, tile, tile) float32 in [0, 1]; instances (N, tile, tile) int64, 0 outside.

    All tiles show one image: they illustrate, they do not carry a claim about other images.
    Source: Data Science Bowl 2018, by way of the package stardist (BSD-3-Clause).

    Example:
        >>> images, instances = nuclei("test", tile=64)
        >>> tuple(images.shape), tuple(instances.shape)
        ((8, 1, 64, 64), (8, 64, 64))
    """
    check_split(split)
    first, last = _ROWS[split]
    if not 1 <= tile <= last - first:
        raise ValueError(f"tile: expected 1 to {last - first} pixels for split={split!r}, got {tile}")
    stride = tile if stride is None else stride
    if stride < 1:
        raise ValueError(f"stride: expected at least 1 pixel, got {stride}")
    arrays = load_arrays("nuclei.npz")
    image, mask = (_tiles(arrays[key][first:last], tile, stride) for key in ("x", "m"))
    return Nuclei(torch.from_numpy(image).float().div(255)[:, None], torch.from_numpy(mask).long())


def _tiles(band: np.ndarray, tile: int, stride: int) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(band, (tile, tile))[::stride, ::stride]
    return windows.reshape(-1, tile, tile).copy()
