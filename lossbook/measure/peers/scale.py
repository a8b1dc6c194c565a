"""Who has the losses over very many classes as well."""

from __future__ import annotations

import torch
from torch import Tensor

from ._entry import Entry, noise


def hidden(N: int = 256, V: int = 8000, d: int = 64) -> dict[str, Tensor]:
    """Hidden states `z`, weights `w` of the classes, labels `y`."""
    labels = torch.randint(V, (N,), generator=torch.Generator().manual_seed(2))
    return {"z": noise(N, d, seed=0), "w": noise(V, d, seed=1) / d**0.5, "y": labels}


INPUTS = {"256x64, 8000 classes": hidden}
SMALL = {"256x64, 8000 classes": lambda: hidden(8, 50, 4)}

ENTRIES = (
    Entry(
        "linear_cross_entropy",
        "256x64, 8000 classes",
        "lb.linear_cross_entropy(z, w, y)",
        (
            "F.cross_entropy(z @ w.T, y)",
            "F.linear_cross_entropy(z, w, y, options=torch.nn.LinearCrossEntropyOptions())",
        ),
    ),
)
