"""Lines of pictures, of their features, and of what moves in them."""

from __future__ import annotations

import torch
from torch import Tensor

from ...catalogue import LossCard
from ._lines import Line, double, line, noise_like, picture


@line(kinds=("pictures in [0, 1]", "large pictures in [0, 1]", "pictures"))
def _noisy_picture(card: LossCard) -> Line:
    side = 176 if "large pictures in [0, 1]" in card.domain.values() else 24
    target = picture(side)
    noise = 0.3 * noise_like(target).clamp(-1, 1)
    rest: list[Tensor] = [target] * (len(card.domain) > 1)
    if "hole" in card.domain.values():
        hole = torch.zeros(1, 1, side, side, dtype=torch.long)
        hole[..., 8:16, 8:16] = 1
        rest.append(hole)
    return Line(
        "noise, in units of its largest amplitude (0.3)",
        -1.0,
        1.0,
        lambda x: (target + x * noise, *rest),
        "A smooth picture to which the same noise is added with a growing sign.",
    )


@line(kinds=("feature maps",))
def _noisy_features(_: LossCard) -> Line:
    target = noise_like(torch.zeros(1, 3, 6, 6))
    noise = noise_like(torch.zeros(2, 3, 6, 6))[1:]
    return Line(
        "deviation of the features",
        -1.5,
        1.5,
        lambda x: (target + x * noise, target),
        "Feature maps of three channels that leave those of the target along a fixed direction.",
    )


@line(losses=("cross_correlation_loss",))
def _peak_at_the_place(_: LossCard) -> Line:
    target = torch.zeros(1, 5, 5, dtype=torch.long)
    target[0, 2, 2] = 1
    sign = 2.0 * target.double() - 1
    return Line(
        "score of the right answer, at every place",
        -6.0,
        6.0,
        lambda x: (x * sign, target),
        "A score map of 5 by 5 places; the object is in the middle.",
    )


@line(losses=("dimp_loss",))
def _score_of_the_target(_: LossCard) -> Line:
    target = double([0.0, 1.0, 0.0])
    return Line(
        "score of the target",
        -2.0,
        3.0,
        lambda x: (torch.stack([-torch.ones_like(x), x, -torch.ones_like(x)]).unsqueeze(0), target),
        "Three places: the target in the middle should score 1, the background may score anything below 0.",
    )


@line(losses=("mahalanobis_loss",))
def _distance_in_deviations(_: LossCard) -> Line:
    target, covariance = double([0.0, 0.0]), double([[4.0, 0.0], [0.0, 1.0]])
    return Line(
        "error of the first coordinate",
        -4.0,
        4.0,
        lambda x: (torch.stack([x, torch.zeros_like(x)]).unsqueeze(0), target, covariance),
        "A state of two numbers, of which the first is known to within a deviation of 2.",
    )


@line(losses=("reid_loss",))
def _identity(_: LossCard) -> Line:
    target = torch.tensor([0, 0, 1])
    rest = double([0.2, 0.0], [2.0, 0.0])
    right = torch.nn.functional.one_hot(target, 2).double()
    return Line(
        "lead of the right identity",
        -6.0,
        6.0,
        lambda x: (x * right, torch.cat([double([0.0, 0.0]), rest]), target),
        "Three crops of two people whose appearances are 0.2 and 2 apart: the scores of all crops change together.",
    )


@line(losses=("temporal_consistency_loss",))
def _one_frame_jumps(_: LossCard) -> Line:
    steady = torch.arange(5.0, dtype=torch.float64).reshape(1, 5, 1)
    jump = torch.zeros(1, 5, 1, dtype=torch.float64)
    jump[0, 2] = 1.0
    return Line(
        "jump of the third of five frames",
        -3.0,
        3.0,
        lambda x: (steady + x * jump,),
        "A coordinate that grows steadily over five frames, but for one that jumps.",
    )


_FLOW = torch.ones(1, 2, 12, 12, dtype=torch.float64)


@line(losses=("sequence_loss",))
def _iterates(_: LossCard) -> Line:
    return Line(
        "error of every iterate, in pixels",
        -3.0,
        3.0,
        lambda x: ((_FLOW + x).unsqueeze(1).expand(1, 3, 2, 12, 12), _FLOW),
        "Three iterates of a flow, all wrong by the same.",
    )


@line(losses=("end_point_error_loss",))
def _flow_error(_: LossCard) -> Line:
    return Line(
        "error of the horizontal flow, in pixels",
        -3.0,
        3.0,
        lambda x: (_FLOW + x * double([[[1.0]], [[0.0]]]), _FLOW),
        "A flow of one pixel to the right and one down.",
    )


@line(losses=("flow_consistency_loss",))
def _there_and_back(_: LossCard) -> Line:
    return Line(
        "error of the forward flow, in pixels",
        -3.0,
        3.0,
        lambda x: (_FLOW + x, -_FLOW),
        "The backward flow is one pixel to the left and one up.",
    )


def _moved_picture(shift: float) -> Tensor:
    """The smooth pattern, moved to the right by some pixels."""
    steps = torch.linspace(0, 9, 24, dtype=torch.float64)
    across = steps - shift * (steps[1] - steps[0])
    return (0.5 + 0.2 * torch.sin(steps[:, None]) * torch.cos(0.7 * across[None, :])).expand(1, 1, 24, 24).clone()


def _horizontal(x: Tensor) -> Tensor:
    return torch.stack([x, torch.zeros_like(x)]).reshape(1, 2, 1, 1).expand(1, 2, 24, 24)


@line(losses=("motion_loss",))
def _flow_explains_the_next_frame(_: LossCard) -> Line:
    return Line(
        "predicted flow to the right, in pixels",
        -3.0,
        5.0,
        lambda x: (_horizontal(x), _moved_picture(0.0), _moved_picture(1.0)),
        "Between two frames a pattern moves by one pixel to the right.",
    )


@line(losses=("motion_consistency_loss",))
def _prediction_moves_along(_: LossCard) -> Line:
    previous, now = _moved_picture(0.0), _moved_picture(1.0)
    noise = 0.1 * noise_like(now)
    flow = _horizontal(double(-1.0)[0])
    return Line(
        "noise, in units of its deviation (0.1)",
        -2.0,
        2.0,
        lambda x: (now + x * noise, previous, flow),
        "What is predicted moves by one pixel, as the flow says, but for noise.",
    )
