"""The figure of a loss in the atlas: the loss and its slope along one line through its arguments.

A line is chosen by what the loss takes. It leads through the perfect prediction where there is one, so that a reader
sees the price of being wrong in either direction and how strongly the loss pulls back.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from ...catalogue import LossCard, cards
from ..style import COLORS, OKABE_ITO, WIDE_SIZE
from . import boxes, embeddings, forecasts, models, pictures, scores, tasks  # noqa: F401  (each registers lines)
from ._lines import BY_KIND, BY_LOSS, Line

__all__ = ["Line", "line_of", "profile_figure", "profile_text"]


def line_of(card: LossCard) -> Line | None:
    """The line along which a loss is drawn, or `None` where a curve says nothing (an objective takes a model)."""
    if card.name in BY_LOSS:
        return BY_LOSS[card.name](card)
    maker = BY_KIND.get(next(iter(card.domain.values())))
    return None if maker is None or card.kind == "objective" else maker(card)


@cache
def _profile(name: str) -> tuple[Line, Tensor, Tensor, Tensor] | None:
    """The line of a loss with positions, losses and slopes."""
    path = line_of(cards[name])
    return None if path is None else (path, *values_along(cards[name], path))


def values_along(card: LossCard, path: Line, points: int = 81) -> tuple[Tensor, Tensor, Tensor]:
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

    profile = _profile(card.name)
    if profile is None:
        return None
    path, xs, values, slopes = profile
    fig, (left, right) = plt.subplots(1, 2, figsize=(WIDE_SIZE[0], 2.9))
    color = COLORS.get(card.name, OKABE_ITO["blue"])
    left.plot(xs, values, color=color)
    right.plot(xs, slopes, color=color)
    left.set(xlabel=path.label, ylabel="loss", title="Loss")
    right.set(xlabel=path.label, ylabel="slope", title="Slope along the line")
    return fig


def profile_text(card: LossCard) -> str:
    """What the figure of a loss shows, for those who read it and those who hear it."""
    profile = _profile(card.name)
    if profile is None:
        return ""
    path, xs, values, _ = profile
    if values.max() == values.min():
        return f"{path.what} The loss is constant."
    lowest, where = (round(number.item(), 6) + 0.0 for number in (values.min(), xs[values.argmin()]))
    return f"{path.what} The loss is lowest, {lowest:.3g}, at {where:.3g}."
