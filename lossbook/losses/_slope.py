"""A function of one number whose derivative is given, so that neither its digits nor its memory cost much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Curve = Callable[[Tensor], Tensor]


def with_slope(curve: Curve, slope: Curve, x: Tensor) -> Tensor:
    """`curve(x)`, entry by entry, with the derivative `slope(x)`; autograd keeps `x` alone.

    A form of a curve that loses no digits often takes many steps, all of which autograd would keep and walk back,
    where its derivative is one short expression. Under `torch.compile` the steps are fused anyway.
    """
    return curve(x) if torch.compiler.is_compiling() else _WithSlope.apply(x, curve, slope)


class _WithSlope(torch.autograd.Function):
    """The slope is made of torch's functions: so it can be derived again."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, curve: Curve, slope: Curve) -> Tensor:  # noqa: ARG004
        return curve(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Curve, Curve], output: Tensor) -> None:  # noqa: ARG004
        x, _, ctx.slope = inputs
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return gradient * ctx.slope(x), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        (x,) = ctx.saved_tensors
        return tangent * ctx.slope(x)
