"""Lines of forecasts."""

from __future__ import annotations

import torch
from torch import Tensor

from ...catalogue import LossCard
from ._lines import Line, double, line

_FORECASTS: dict[str, Tensor] = {
    "scales": double(1.0),
    "degrees of freedom": double(3.0),
    "zero-inflation logits": double(-1.0),
    "logits of a zero": double(-1.0),
}


@line(kinds=("forecasts", "log rates", "positive amounts", "predicted amounts"))
def _one_forecast(card: LossCard) -> Line:
    kinds = list(card.domain.values())
    others = [_FORECASTS[kind] for kind in kinds[2:]]
    low, high = {"forecasts": (-4.0, 6.0), "log rates": (-3.0, 4.0)}.get(kinds[0], (0.1, 8.0))
    target = 2.0 if kinds[1] in ("counts", "positive amounts") else 1.0
    return Line(
        f"{next(iter(card.domain)).replace('_', ' ')} (what happens is {target:.0f})",
        low,
        high,
        lambda x: (x.unsqueeze(0), double(target), *others),
        f"One forecast; {target:.0f} is what happens, and the other parameters stay.",
    )


@line(losses=("interval_score_loss",))
def _lower_bound(_: LossCard) -> Line:
    return Line(
        "lower bound (what happens is 1)",
        -4.0,
        3.0,
        lambda x: (x.unsqueeze(0), double(1.0), double(3.0)),
        "A 90 % interval whose upper bound is 3; 1 is what happens.",
    )


@line(losses=("mixture_nll_loss",))
def _weight_of_a_component(_: LossCard) -> Line:
    return Line(
        "lead of the right component",
        -6.0,
        6.0,
        lambda x: (torch.stack([x, -x]).unsqueeze(0) / 2, double(1.0), double([1.0, -1.0]), double([0.5, 0.5])),
        "A mixture of two Gaussians at 1 and -1; 1 is what happens.",
    )


@line(kinds=("quantile forecasts", "ensemble members"))
def _spread_around(_: LossCard) -> Line:
    spread = double(-1.0, 0.0, 1.0)
    return Line(
        "middle of the three forecasts (what happens is 1)",
        -3.0,
        5.0,
        lambda x: ((x + spread).unsqueeze(0), double(1.0)),
        "Three numbers at a distance of 1 from each other (the 10, 50 and 90 % quantiles, or three members).",
    )


@line(losses=("energy_score_loss",))
def _members_in_the_plane(_: LossCard) -> Line:
    members = double([-1.0, 0.0], [0.0, 1.0], [1.0, 0.0])
    return Line(
        "first coordinate of the ensemble",
        -3.0,
        3.0,
        lambda x: ((members + x * double(1.0, 0.0)).unsqueeze(0), double([0.0, 0.0])),
        "Three members in the plane move across what happens, (0, 0).",
    )


@line(kinds=("series", "small series"))
def _late_peak(_: LossCard) -> Line:
    steps = torch.arange(24, dtype=torch.float64)

    def peak(place: Tensor) -> Tensor:
        return torch.exp(-((steps - place) ** 2) / 8).reshape(1, 24, 1)

    return Line(
        "delay of the peak, in steps",
        -8.0,
        8.0,
        lambda x: (peak(12 + x), peak(double(12.0)[0])),
        "A series of 24 steps with one peak, forecast too early or too late.",
    )


@line(losses=("cox_partial_likelihood_loss",))
def _hazard_of_the_first(_: LossCard) -> Line:
    return Line(
        "log-hazard of the first to die",
        -4.0,
        4.0,
        lambda x: (torch.cat([x.unsqueeze(0), double(0.0, 0.0)]), double(1.0, 2.0, 3.0), torch.tensor([1, 1, 0])),
        "Three people, of whom two die, one after the other; the log-hazards of the others are 0.",
    )


@line(losses=("ctc_loss",))
def _transcript(_: LossCard) -> Line:
    path = torch.tensor([[1, 1, 0, 2, 2]])
    right = torch.nn.functional.one_hot(path, 3).movedim(-1, 1).double()
    lengths = torch.tensor([5]), torch.tensor([2])
    return Line(
        "lead of one right alignment, in every frame",
        -6.0,
        6.0,
        lambda x: (x * right, torch.tensor([[1, 2]]), *lengths),
        "Five frames and the transcript (1, 2): every frame leans towards the alignment 1, 1, blank, 2, 2.",
    )
