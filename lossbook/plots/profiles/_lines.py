"""What a line is, how it is registered, and what lines are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...catalogue import LossCard


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
    settings: dict[str, Any] = field(default_factory=dict)


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


def double(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


# What a loss takes besides its first argument and its target, where the kind of argument decides it.
OTHERS: dict[str, Callable[[], Tensor]] = {
    "class counts": lambda: torch.tensor([10, 100, 1000]),
    "transition matrix": lambda: 0.7 * torch.eye(3, dtype=torch.float64) + 0.1,
    "Taylor coefficients": lambda: double(0.0, 0.0, 0.0, -2.0, 0.0, 2.0, 0.0, 0.0),
    "weights of a loss network": lambda: double(1.0, -1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),  # about |error|
    "robust shapes in [0, 2]": lambda: double(1.0),
    "scales of at least 1": lambda: double(1.0),
    "scale of each series": lambda: double([1.0]),
    "logits": lambda: double([2.0, 0.0, -1.0]),
}


def further(card: LossCard, like: Tensor) -> list[Tensor]:
    """The arguments after the first two; weights of one where the kind says nothing."""
    kinds = list(card.domain.values())[2:]
    return [OTHERS[kind]() if kind in OTHERS else torch.ones_like(like, dtype=torch.float64) for kind in kinds]


def disc(size: int = 24, radius: float = 6.0) -> Tensor:
    rows, columns = torch.meshgrid(*[torch.arange(size, dtype=torch.float64)] * 2, indexing="ij")
    center = (size - 1) / 2
    return (rows - center) ** 2 + (columns - center) ** 2 <= radius**2


def unit(angle: Tensor) -> Tensor:
    """The unit vector at an angle in degrees."""
    radians = torch.deg2rad(angle)
    return torch.stack([radians.cos(), radians.sin()])


TURN = {"label": "angle, in degrees", "low": -180.0, "high": 180.0}


AT = {angle: unit(double(angle)[0]) for angle in (0.0, 10.0, 120.0, 130.0)}


def picture(side: int, channels: int = 1) -> Tensor:
    """A smooth pattern between 0.3 and 0.7, `(1, channels, side, side)`."""
    steps = torch.linspace(0, 9, side, dtype=torch.float64)
    pattern = 0.5 + 0.2 * torch.sin(steps[:, None]) * torch.cos(0.7 * steps[None, :])
    return pattern.expand(1, channels, side, side).clone()


def noise_like(like: Tensor) -> Tensor:
    """Noise of deviation one that no generator of other people's has a part in."""
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
