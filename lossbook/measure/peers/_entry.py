"""What an entry of the bench is, and the inputs that families share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...losses import signed_distance_map

LIBRARIES = {
    "kornia": "kornia.losses",
    "monai": "monai.losses",
    "smp": "segmentation_models_pytorch.losses",
    "ops": "torchvision.ops",
    "pml": "pytorch_metric_learning.losses",
    "tm": "torchmetrics.functional",
    "msssim": "pytorch_msssim",
    "timm": "timm.loss",
    "open_clip": "open_clip.loss",
    "geomloss": "geomloss",
}

DISTRIBUTIONS = {  # where the package has another name than the short one above
    "smp": "segmentation-models-pytorch",
    "ops": "torchvision",
    "pml": "pytorch-metric-learning",
    "tm": "torchmetrics",
    "msssim": "pytorch-msssim",
    "open_clip": "open-clip-torch",
}

Input = Callable[[], dict[str, Tensor]]


@dataclass(frozen=True)
class Entry:
    """One loss on one input: our call, and the calls of the peers."""

    loss: str
    input: str
    ours: str
    peers: tuple[str, ...]


def library(call: str) -> str:
    """The name of the library that a call needs: one of `LIBRARIES`, or `"torch"`."""
    found = re.search(rf"\b({'|'.join(LIBRARIES)})\.", call)
    return found[1] if found else "torch"


def blobs(*shape: int, seed: int) -> Tensor:
    """Smooth random fields of the shape `(N, C, H, W)`: a mask made of them has regions, as a picture has."""
    coarse = torch.randn(*shape[:2], 8, 8, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, shape[2:], mode="bicubic", align_corners=False)


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def multiclass(N: int = 1, C: int = 21, size: int = 512) -> dict[str, Tensor]:
    """Logits `z` that are mostly right, labels `y`, class weights `w` and the rest of what a loss may take."""
    truth = blobs(N, C, size, size, seed=0)
    z = 4 * truth + 2 * blobs(N, C, size, size, seed=1) + 0.5 * noise(N, C, size, size, seed=2)
    y = truth.argmax(1)
    return {
        "z": z,
        "y": y,
        "w": torch.linspace(0.5, 2.0, C),
        "x": z + noise(N, C, size, size, seed=3),
        "phi": signed_distance_map(y, num_classes=C),
    }


def binary(N: int = 16, C: int = 1, size: int = 256) -> dict[str, Tensor]:
    """Logits `z` that are mostly right, a mask `y` of zeros and ones, its integers `labels`."""
    truth = blobs(N, C, size, size, seed=0) - 0.5
    z = 4 * truth + 2 * blobs(N, C, size, size, seed=1) + 0.5 * noise(N, C, size, size, seed=2)
    labels = (truth > 0).long()
    return {
        "z": z,
        "y": labels.float(),
        "labels": labels,
        "x": z + noise(N, C, size, size, seed=3),
        "phi": signed_distance_map(labels, task="multilabel"),
    }


PICTURES: dict[str, Input] = {"1x21x512x512": multiclass, "16x1x256x256": binary}
SMALL_PICTURES: dict[str, Input] = {
    "1x21x512x512": lambda: multiclass(1, 21, 16),
    "16x1x256x256": lambda: binary(2, 1, 16),
}
MANY, ONE = PICTURES
