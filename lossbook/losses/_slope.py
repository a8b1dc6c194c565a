"""Functions whose derivatives are given, where those of autograd cost digits or memory, or are infinite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

Curve = Callable[..., Tensor]


def root(squares: Tensor, floor: float = 0.0) -> Tensor:
    """The square root, with the slope zero at zero (where that of the root is infinite); NaN stays NaN.

    What is not above `floor` counts as zero.
    """
    zero = squares <= floor  # not `> floor`, which NaN fails as well
    return torch.where(zero, 0.0, torch.where(zero, 1.0, squares).sqrt())


def with_slope(curve: Curve, slope: Curve, x: Tensor, *, reuse: bool = False) -> Tensor:
    """`curve(x)`, entry by entry, with the derivative `slope(x)`; autograd keeps `x` alone.

    With `reuse` the value is kept as well, and the slope is `slope(x, value)`.
    """
    return with_slopes(curve, (slope,), x, reuse=reuse)


def with_slopes(curve: Curve, slopes: tuple[Curve, ...], *inputs: Tensor, reuse: bool = False) -> Tensor:
    """`curve(*inputs)`, entry by entry for inputs of one shape, with a derivative `slope(*inputs)` for each of them;
    autograd keeps the inputs alone.

    A form of a curve that loses no digits often takes many steps, all of which autograd would keep and walk back,
    where its derivative is one short expression. Under `torch.compile` the steps are fused anyway.
    """
    if torch.compiler.is_compiling():
        return curve(*inputs)
    return _WithSlopes.apply(curve, slopes, reuse, *inputs)


@contextmanager
def forward_mode(*kept: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Inside the `jvp` of a function: what it kept, such that the slopes made of it can be derived once more.

    Torch turns forward mode off in there, so that a second derivative along a direction would silently be zero.
    """
    enabled = getattr(forward_ad, "_set_fwd_grad_enabled", None)  # torch has no public name for it
    with nullcontext() if enabled is None else enabled(True):
        yield tuple(forward_ad.unpack_dual(tensor).primal for tensor in kept)


class _WithSlopes(torch.autograd.Function):
    """The slopes are made of torch's functions: so they can be derived again."""

    generate_vmap_rule = True

    @staticmethod
    def forward(curve: Curve, slopes: tuple[Curve, ...], reuse: bool, *inputs: Tensor) -> Tensor:  # noqa: ARG004
        return curve(*inputs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, ctx.slopes, reuse, *tensors = inputs
        kept = (*tensors, output) if reuse else tensors
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        kept = ctx.saved_tensors
        wanted = zip(ctx.slopes, ctx.needs_input_grad[3:], strict=True)
        return None, None, None, *(gradient * slope(*kept) if needed else None for slope, needed in wanted)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        moved = [(slope, t) for slope, t in zip(ctx.slopes, tangents[3:], strict=True) if t is not None]
        with forward_mode(*ctx.saved_tensors) as kept:
            return sum(tangent * slope(*kept) for slope, tangent in moved)
