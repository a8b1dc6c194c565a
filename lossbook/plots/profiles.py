"""The figure of a loss in the atlas: the loss and its slope along one line through its arguments.

A line is chosen by what the loss takes. It leads through the perfect prediction where there is one, so that a reader
sees the price of being wrong in either direction and how strongly the loss pulls back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..catalogue import LossCard
from .style import COLORS, OKABE_ITO, WIDE_SIZE

__all__ = ["Line", "line_of", "profile_figure", "profile_text"]


@dataclass(frozen=True)
class Line:
    """A line through the arguments of a loss.

    Attributes:
        label: the quantity along the line, as the axis says it.
        low, high: where the line begins and ends.
        at: from a scalar tensor, the position on the line, all tensor arguments.
        what: what moves and what stays, for the text under the figure.
        settings: settings that differ from the defaults.
    """

    label: str
    low: float
    high: float
    at: Callable[[Tensor], tuple[Tensor, ...]]
    what: str
    settings: dict[str, Any]


LineMaker = Callable[[LossCard], Line]
BY_KIND: dict[str, LineMaker] = {}
BY_LOSS: dict[str, LineMaker] = {}


def line(*, kinds: tuple[str, ...] = (), losses: tuple[str, ...] = ()) -> Callable[[LineMaker], LineMaker]:
    """Register a maker of lines for what the first argument holds, or for single losses."""

    def register(maker: LineMaker) -> LineMaker:
        BY_KIND.update(dict.fromkeys(kinds, maker))
        BY_LOSS.update(dict.fromkeys(losses, maker))
        return maker

    return register


def line_of(card: LossCard) -> Line | None:
    """The line along which a loss is drawn, or `None` where a curve says nothing (an objective takes a model)."""
    if card.name in BY_LOSS:
        return BY_LOSS[card.name](card)
    maker = BY_KIND.get(next(iter(card.domain.values())))
    return None if maker is None or card.kind == "objective" else maker(card)


def values_along(card: LossCard, path: Line, points: int = 121) -> tuple[Tensor, Tensor, Tensor]:
    """Positions, losses and slopes along a line, each `(points,)`, in float64."""
    xs = torch.linspace(path.low, path.high, points, dtype=torch.float64)
    values, slopes = [], []
    for x in xs:
        position = x.clone().requires_grad_()
        value = card.function(*path.at(position), **path.settings)
        slope = torch.zeros(())
        if value.requires_grad:
            (slope,) = torch.autograd.grad(value, position, allow_unused=True)
        values.append(value.detach())
        slopes.append(torch.zeros(()) if slope is None else slope)
    return xs, torch.stack(values), torch.stack([s.double() for s in slopes])


def profile_figure(card: LossCard):
    """The figure of a loss: its values along its line on the left, its slope on the right.

    Args:
        card: the loss.

    Returns:
        matplotlib figure, or `None` where the loss has no line.
    """
    import matplotlib.pyplot as plt

    path = line_of(card)
    if path is None:
        return None
    xs, values, slopes = values_along(card, path)
    fig, (left, right) = plt.subplots(1, 2, figsize=(WIDE_SIZE[0], 2.9))
    color = COLORS.get(card.name, OKABE_ITO["blue"])
    left.plot(xs, values, color=color)
    right.plot(xs, slopes, color=color)
    left.set(xlabel=path.label, ylabel="loss", title="Loss")
    right.set(xlabel=path.label, ylabel="slope", title="Slope along the line")
    return fig


def profile_text(card: LossCard) -> str:
    """What the figure of a loss shows, for those who read it and those who hear it."""
    path = line_of(card)
    if path is None:
        return ""
    xs, values, _ = values_along(card, path, 41)
    lowest = xs[values.argmin()].item()
    shape = f"It is lowest, {values.min():.3g}, at {lowest:.3g}" if values.max() > values.min() else "It is constant"
    return f"{path.what} {shape}."


# --- lines that many losses share -------------------------------------------------------------------------------------


@line(kinds=("logits",))
def _margin(card: LossCard) -> Line:
    """One example: the lead of the true class over two others, or the logit of the true answer."""
    if "labels" in card.domain.values() or card.parameters.get("task") == "multiclass":
        target = torch.zeros(1, dtype=torch.long)
        extra = [torch.ones(1, dtype=torch.float64)] * (len(card.domain) - 2)
        return Line(
            "lead of the true class",
            -6.0,
            6.0,
            lambda x: (torch.stack([x, x.new_zeros(()), x.new_zeros(())]).unsqueeze(0), target, *extra),
            "One example of three classes: the logit of the true class moves, the other two stay at 0.",
            {},
        )
    target = torch.ones(1, dtype=torch.long)
    return Line(
        "logit of a positive example",
        -6.0,
        6.0,
        lambda x: (x.unsqueeze(0), target, *[torch.ones(1, dtype=torch.float64)] * (len(card.domain) - 2)),
        "One entry whose answer is yes: its logit moves.",
        {},
    )


def _disc(size: int = 24, radius: float = 6.0) -> Tensor:
    rows, columns = torch.meshgrid(*[torch.arange(size, dtype=torch.float64)] * 2, indexing="ij")
    center = (size - 1) / 2
    return (rows - center) ** 2 + (columns - center) ** 2 <= radius**2


@line(kinds=("scores of the task",))
def _confidence(card: LossCard) -> Line:
    """A picture of a disc: how sure, and how right, the prediction is."""
    from .. import losses

    mask = _disc().unsqueeze(0)
    sign = 2.0 * mask.double() - 1.0
    second = mask.long()
    if "distance map" in card.domain.values():
        second = losses.signed_distance_map(mask.long(), task="binary")
    extra = [torch.ones_like(sign)] * (len(card.domain) - 2)
    return Line(
        "logit of the right answer, at every pixel",
        -6.0,
        6.0,
        lambda x: (x * sign, second, *extra),
        "A disc that fills a fifth of a picture: every pixel answers with the same certainty, wrong on the left, right "
        "on the right.",
        {"task": "binary"} if "task" in card.parameters else {},
    )


@line(kinds=("real numbers",))
def _error(card: LossCard) -> Line:
    """One number: the error."""
    target = torch.full((1,), 1.0, dtype=torch.float64)
    return Line(
        "prediction (the target is 1)",
        -3.0,
        5.0,
        lambda x: (x.unsqueeze(0), target, *[torch.ones(1, dtype=torch.float64)] * (len(card.domain) - 2)),
        "One number whose true value is 1.",
        {},
    )


@line(kinds=("positive numbers",))
def _positive(card: LossCard) -> Line:
    """One positive number."""
    target = torch.full((1,), 1.0, dtype=torch.float64)
    return Line(
        "prediction (the target is 1)",
        math.exp(-3),
        5.0,
        lambda x: (x.unsqueeze(0), target, *[torch.ones(1, dtype=torch.float64)] * (len(card.domain) - 2)),
        "One positive number whose true value is 1.",
        {},
    )
