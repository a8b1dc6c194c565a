"""Derivations made checkable: a gradient derived by hand against automatic differentiation and against differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["GradientCheck", "autograd", "check_gradient", "finite_differences"]


@dataclass(frozen=True)
class GradientCheck:
    """How far a hand-derived gradient lies from two independent ones, relative to the largest entry.

    Attributes:
        autograd: relative distance to torch's automatic differentiation.
        differences: relative distance to central finite differences.
        tolerance: what the distance to autograd may be; differences, which are themselves inexact, get 1e-5.
    """

    autograd: float
    differences: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether both distances are small."""
        return self.autograd <= self.tolerance and self.differences <= max(self.tolerance, 1e-5)

    def __str__(self) -> str:
        verdict = "agrees with" if self.agrees else "DIFFERS from"
        return f"by hand {verdict} autograd and finite differences"


def autograd(loss: Callable[..., Tensor], first: Tensor, *others: Tensor, **settings: Any) -> Tensor:
    """The gradient of `loss(first, *others, **settings)` with respect to `first`, by automatic differentiation."""
    first = first.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(first, *others, **settings).sum(), first)
    return gradient


def finite_differences(
    loss: Callable[..., Tensor], first: Tensor, *others: Tensor, step: float = 1e-6, **settings: Any
) -> Tensor:
    """The same gradient by central differences: two evaluations for each entry, in float64."""
    gradient = torch.empty_like(first, memory_format=torch.contiguous_format)
    for index in range(first.numel()):
        ends = []
        for sign in (1, -1):
            moved = first.detach().clone(memory_format=torch.contiguous_format)
            moved.view(-1)[index] += sign * step
            ends.append(loss(moved, *others, **settings).sum())
        gradient.view(-1)[index] = (ends[0] - ends[1]) / (2 * step)
    return gradient


def check_gradient(
    loss: Callable[..., Tensor],
    by_hand: Callable[..., Tensor],
    first: Tensor,
    *others: Tensor,
    tolerance: float = 1e-10,
    **settings: Any,
) -> GradientCheck:
    """Compare a gradient derived by hand with autograd and with finite differences, in float64.

    Args:
        loss: the loss; called as `loss(first, *others, **settings)`.
        by_hand: the hand-derived gradient with respect to `first`; called with the same arguments.
        first: where to compare, any shape; converted to float64, as are other floating-point tensors.
        others: the remaining tensors.
        tolerance: relative distance to autograd that is put down to rounding.
        settings: keyword arguments for both.

    Returns:
        Both distances and the verdict.

    Example:
        >>> square = lambda x: (x**2).sum()
        >>> print(check_gradient(square, lambda x: 2 * x, torch.tensor([1.0, -3.0])))
        by hand agrees with autograd and finite differences
        >>> print(check_gradient(square, lambda x: x, torch.tensor([1.0, -3.0])))
        by hand DIFFERS from autograd and finite differences
    """
    first, *others = (t.double() if t.is_floating_point() else t for t in (first, *others))
    hand = by_hand(first, *others, **settings)
    if hand.shape != first.shape:
        raise ValueError(f"the gradient by hand has shape {tuple(hand.shape)}, expected {tuple(first.shape)}")

    def distance(other: Tensor) -> float:
        scale = other.abs().max().clamp_min(torch.finfo(torch.float64).tiny)
        return float((hand - other).abs().max() / scale)

    return GradientCheck(
        distance(autograd(loss, first, *others, **settings)),
        distance(finite_differences(loss, first, *others, **settings)),
        tolerance,
    )
