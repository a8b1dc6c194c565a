"""Photographs that come with scikit-image and scikit-learn, in three groups that share none."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

# Photographs, not crops, are split: a test scene never shows a place that training has seen.
PHOTOGRAPHS = {
    "train": (
        "astronaut",
        "coffee",
        "china",
        "stereo_motorcycle",
        "immunohistochemistry",
        "hubble_deep_field",
        "brick",
        "gravel",
        "camera",
    ),
    "validation": ("rocket", "grass", "coins"),
    "test": ("chelsea", "flower", "retina", "clock"),
}
_FROM_SCIKIT_LEARN = ("china", "flower")


def photographs(split: str, *, shorter_side: int = 256) -> dict[str, Tensor]:
    """Photographs of one split by name.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``.
        shorter_side: height or width in pixels, whichever is smaller, after resizing.

    Returns:
        dict: name to uint8 tensor of shape (3, H, W). Gray photographs have three equal channels.

    The pictures are read from the installed packages scikit-image and scikit-learn (``pip install
    "lossbook[notebooks]"``); nothing is fetched. LICENSES.md names their authors.
    """
    check_split(split)
    if shorter_side < 1:
        raise ValueError(f"shorter_side: expected a positive number of pixels, got {shorter_side}")
    return {name: _resized(name, shorter_side) for name in PHOTOGRAPHS[split]}


def check_split(split: str) -> None:
    """Raise a ``ValueError`` unless ``split`` names one of the three splits."""
    if split not in PHOTOGRAPHS:
        raise ValueError(f"split: expected one of {tuple(PHOTOGRAPHS)}, got {split!r}")


@cache
def _resized(name: str, shorter_side: int) -> Tensor:
    from PIL import Image

    picture = Image.fromarray(_read(name)).convert("RGB")
    scale = shorter_side / min(picture.size)
    size = tuple(max(shorter_side, round(side * scale)) for side in picture.size)
    resized = np.array(picture.resize(size, Image.Resampling.LANCZOS))
    return torch.from_numpy(np.ascontiguousarray(resized.transpose(2, 0, 1)))


def _read(name: str) -> np.ndarray:
    try:
        if name in _FROM_SCIKIT_LEARN:
            from sklearn.datasets import load_sample_image

            return load_sample_image(f"{name}.jpg")
        from skimage import data
    except ImportError as error:
        package = "scikit-learn" if name in _FROM_SCIKIT_LEARN else "scikit-image"
        raise ImportError(
            f"The photograph {name!r} comes with {package}, which is not installed. "
            'Run: pip install "lossbook[notebooks]"'
        ) from error
    picture = getattr(data, name)()
    return picture[0] if isinstance(picture, tuple) else picture  # stereo_motorcycle: left, right, disparity
