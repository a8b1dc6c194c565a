"""Exact Euclidean distance transforms in torch, as one operator that `torch.compile` and `vmap` see as a whole."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.library.custom_op("lossbook::squared_distance", mutates_args=())
def squared_distance(mask: Tensor, spatial: int) -> Tensor:
    """Squared distance, in pixels, from every pixel to the nearest `True` pixel of the same picture.

    Args:
        mask: boolean, the last `spatial` dimensions are those of a picture.
        spatial: number of spatial dimensions, 1 or more.

    Returns:
        float32, the shape of `mask`. A picture without any `True` pixel has distance 0 everywhere.

    The squared distance is separable: along each axis in turn, `D(i) = min_j D(j) + (i - j)^2`. The minimum is taken
    over growing offsets `|i - j|`; on the CPU it stops as soon as no larger offset can lower any value.
    """
    axes = range(mask.dim() - spatial, mask.dim())
    far = float(sum(mask.shape[axis] ** 2 for axis in axes))  # more than any distance inside the picture
    empty = ~mask.flatten(start_dim=mask.dim() - spatial).any(-1)
    start = mask | empty.reshape(empty.shape + (1,) * spatial)
    distance = torch.where(start, 0.0, far)
    if distance.numel() == 0:
        return distance
    for axis in axes:
        distance = _minimum_along(distance.movedim(axis, 0).contiguous()).movedim(0, axis)
    return distance.contiguous()


def _minimum_along(lines: Tensor) -> Tensor:
    """`min_j lines[j] + (i - j)^2` for each position `i` of the first dimension."""
    result = lines.clone()
    for offset in range(1, lines.shape[0]):
        if lines.device.type == "cpu" and offset**2 >= result.max():
            break
        torch.minimum(result[offset:], lines[:-offset] + offset**2, out=result[offset:])
        torch.minimum(result[:-offset], lines[offset:] + offset**2, out=result[:-offset])
    return result


@squared_distance.register_fake
def _(mask: Tensor, spatial: int) -> Tensor:  # noqa: ARG001
    return mask.new_empty(mask.shape, dtype=torch.float32)


@squared_distance.register_vmap
def _(_info, in_dims: tuple[int | None, None], mask: Tensor, spatial: int) -> tuple[Tensor, int]:
    return squared_distance(mask.movedim(in_dims[0], 0), spatial), 0


def distance(mask: Tensor, spatial: int) -> Tensor:
    """Distance, in pixels, from every pixel to the nearest `True` pixel; 0 everywhere where there is none."""
    return squared_distance(mask, spatial).sqrt()
