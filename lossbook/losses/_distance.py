"""Exact Euclidean distance transforms in torch, as one operator that `torch.compile` and `vmap` see as a whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
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

    The squared distance is separable: along each axis in turn, `D(i) = min_j D(j) + (i - j)^2`. Along the first axis
    the nearest pixel is found by running maxima. Along the others the minimum is taken over growing offsets `|i - j|`.
    On the CPU each picture goes by itself, which keeps it in the cache, and what cannot matter is left out; on other
    devices all go together, since looking would make them wait.
    """
    pictures = mask.reshape(-1, *mask.shape[mask.dim() - spatial :])
    result = torch.zeros(pictures.shape, dtype=torch.float32, device=mask.device)
    if mask.device.type == "cpu":
        for picture, distance in zip(pictures, result, strict=True):
            if picture.any():
                distance.copy_(_transform(picture.unsqueeze(0), _minimum_along_where_it_matters).squeeze(0))
    elif mask.numel():
        any_true = pictures.flatten(1).any(1).reshape(-1, *[1] * spatial)
        result = torch.where(any_true, _transform(pictures, _minimum_along), result)
    return result.reshape(mask.shape)


def _transform(pictures: Tensor, minimum_along: Callable[[Tensor], Tensor]) -> Tensor:
    """The squared distance for pictures of shape `(N, *)`."""
    distance = _along_first_axis(pictures.movedim(0, -1)).movedim(-1, 0)
    for axis in range(2, distance.dim()):
        distance = minimum_along(distance.movedim(axis, 0).contiguous()).movedim(0, axis)
    return distance


def _along_first_axis(mask: Tensor) -> Tensor:
    """The squared distance to the nearest `True` of the same line; lines run along the first axis."""
    position = torch.arange(len(mask), dtype=torch.float32, device=mask.device).reshape(-1, *[1] * (mask.dim() - 1))
    far = float(sum(mask.shape))  # more than any distance inside a picture
    before, after = torch.where(mask, position, -far), torch.where(mask, position, 2 * far)
    step = 1
    while step < len(mask):  # running maximum and minimum, over spans that double
        before[step:] = torch.maximum(before[step:], before[:-step])
        after[:-step] = torch.minimum(after[:-step], after[step:])
        step *= 2
    return torch.minimum(position - before, after - position).clamp_max(far) ** 2


def _minimum_along(lines: Tensor) -> Tensor:
    """`min_j lines[j] + (i - j)^2` for each position `i` of the first dimension."""
    result, moved = lines.clone(), torch.empty_like(lines)
    for offset in range(1, len(lines)):
        torch.add(lines, offset**2, out=moved)
        torch.minimum(result[offset:], moved[:-offset], out=result[offset:])
        torch.minimum(result[:-offset], moved[offset:], out=result[:-offset])
    return result


def _minimum_along_where_it_matters(lines: Tensor) -> Tensor:
    """The same on the CPU, and in NumPy, whose short operations start faster.

    Positions without any finite distance (a region covers few columns) are no source. Once the square of an offset
    exceeds by how much any value lies above the smallest of its line, no larger offset can lower it.
    """
    values = lines.flatten(1).numpy()
    far = float(sum(lines.shape)) ** 2
    finite = np.flatnonzero((values < far).any(1))
    if not finite.size:
        return lines
    first, end = finite[0], finite[-1] + 1
    sources, result = values[first:end], values.copy()
    moved, smallest = np.empty_like(sources), sources.min(0)
    for offset in range(1, len(values)):
        if offset % 8 == 1 and offset**2 >= (result.max(0) - smallest).max():  # looking costs as much as an offset
            break
        np.add(sources, np.float32(offset**2), out=moved)
        if (stop := min(end, len(values) - offset)) > first:
            below = result[first + offset : stop + offset]
            np.minimum(below, moved[: stop - first], out=below)
        if (start := max(first, offset)) < end:
            above = result[start - offset : end - offset]
            np.minimum(above, moved[start - first :], out=above)
    return torch.from_numpy(result).reshape(lines.shape)


@squared_distance.register_fake
def _(mask: Tensor, spatial: int) -> Tensor:  # noqa: ARG001
    return mask.new_empty(mask.shape, dtype=torch.float32)


@squared_distance.register_vmap
def _(_info, in_dims: tuple[int | None, None], mask: Tensor, spatial: int) -> tuple[Tensor, int]:
    return squared_distance(mask.movedim(in_dims[0], 0), spatial), 0


def distance(mask: Tensor, spatial: int) -> Tensor:
    """Distance, in pixels, from every pixel to the nearest `True` pixel; 0 everywhere where there is none."""
    return squared_distance(mask, spatial).sqrt_()
