"""Evaluate a call that is given as text, on both sides in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """`(N, C, *)` in float64 from labels `(N, *)`."""
    return F.one_hot(labels, classes).movedim(-1, 1).double()


def hard(scores: Tensor) -> Tensor:
    """The class of the largest score as a one-hot mask, `(N, C, *)`."""
    return one_hot(scores.argmax(1), scores.shape[1])


def each(loss: Callable[..., Tensor], z: Tensor, y: Tensor, **settings: Any) -> Tensor:
    """The mean over pictures of a loss that sees one picture at a time."""
    return torch.stack([loss(z[i : i + 1], y[i : i + 1], **settings) for i in range(len(z))]).mean()


def evaluate(
    call: str,
    sample: Mapping[str, np.ndarray],
    names: Mapping[str, Any],
    dtype: str = "float64",
    differentiate: bool = True,
) -> tuple[np.ndarray, np.ndarray | None]:
    """The value of `call` on a sample, and its gradient with respect to `z`.

    What has several entries is differentiated as their sum with unequal weights, so that a gradient at the wrong place
    shows.
    """
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in sample.items()}
    tensors = {name: t.to(getattr(torch, dtype)) if t.is_floating_point() else t for name, t in tensors.items()}
    z = tensors["z"].requires_grad_(differentiate)
    shared = {"torch": torch, "F": F, "one_hot": one_hot, "hard": hard, "each": each}
    value = eval(call, {**shared, **names, **tensors})
    if not isinstance(value, Tensor) or not value.requires_grad:
        return np.asarray(value.detach() if isinstance(value, Tensor) else value, dtype=np.float64), None
    weights = torch.linspace(0.5, 1.5, value.numel(), dtype=value.dtype).reshape(value.shape)
    if value.numel() == 1:
        weights = torch.ones_like(value)
    (gradient,) = torch.autograd.grad((value * weights).sum(), z)
    return value.detach().double().numpy(), gradient.double().numpy()
