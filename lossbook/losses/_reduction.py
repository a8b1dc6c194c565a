"""One rule of reduction for the whole library."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype to compute in: half-precision input is accumulated in float32, float32 and float64 stay."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def widen(tensor: Tensor) -> Tensor:
    """`tensor` in the dtype that its loss is computed in."""
    return tensor.to(accumulation_dtype(tensor.dtype))


def together(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Several tensors in the one dtype that their loss is computed in."""
    dtype = tensors[0].dtype
    for tensor in tensors[1:]:
        dtype = torch.promote_types(dtype, tensor.dtype)
    dtype = accumulation_dtype(dtype)
    return tuple(tensor.to(dtype) for tensor in tensors)


def narrow(values: Tensor, dtype: torch.dtype) -> Tensor:
    """`values` in `dtype`, that of the input; under autocast half precision stays wide, as in torch's own losses.

    A gradient scaler multiplies the loss by more than float16 can hold.
    """
    device = values.device.type
    half = accumulation_dtype(dtype) != dtype
    if half and torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return values
    return values.to(dtype)


def full_precision(tensor: Tensor) -> AbstractContextManager[Any]:
    """Matrix products and convolutions keep the dtype of their input, also where autocast would lower it."""
    device = tensor.device.type
    if not torch.amp.is_autocast_available(device):  # the meta device, which holds shapes alone
        return nullcontext()
    return torch.autocast(device, enabled=False)


def reduce(values: Tensor, reduction: str, weights: Tensor | None = None, dtype: torch.dtype | None = None) -> Tensor:
    """Reduce weighted contributions.

    `values` are the contributions, already multiplied by their weights and exactly zero where nothing counts;
    `weights` (broadcastable to them; one each by default) are what the mean divides by. Where all weights are
    zero the mean is a zero that is attached to the graph. The result is returned in `dtype` (see `narrow`), by
    default that of `values`.
    """
    if reduction == "mean":
        if weights is None:
            total = max(values.numel(), 1)
        else:  # a weight that is broadcast counts as often as it is used
            total = weights.sum() * (values.numel() // max(weights.numel(), 1))
            total = torch.where(total > 0, total, 1)
        values = values.sum() / total
    elif reduction == "sum":
        values = values.sum()
    return values if dtype is None else narrow(values, dtype)
