"""The figure of a loss in the atlas: the loss and its slope along one line through its arguments.

A line is chosen by what the loss takes. It leads through the perfect prediction where there is one, so that a reader
sees the price of being wrong in either direction and how strongly the loss pulls back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
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
    if values.max() == values.min():
        return f"{path.what} The loss is constant."
    lowest, where = (round(number.item(), 6) + 0.0 for number in (values.min(), xs[values.argmin()]))
    return f"{path.what} The loss is lowest, {lowest:.3g}, at {where:.3g}."


def _double(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


# What a loss takes besides its first argument and its target, where the kind of argument decides it.
OTHERS: dict[str, Callable[[], Tensor]] = {
    "class counts": lambda: torch.tensor([10, 100, 1000]),
    "transition matrix": lambda: 0.7 * torch.eye(3, dtype=torch.float64) + 0.1,
    "Taylor coefficients": lambda: _double(0.0, 0.0, 0.0, -2.0, 0.0, 2.0, 0.0, 0.0),
    "weights of a loss network": lambda: _double(1.0, -1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),  # about |error|
    "robust shapes in [0, 2]": lambda: _double(1.0),
    "scales of at least 1": lambda: _double(1.0),
    "scale of each series": lambda: _double([1.0]),
    "logits": lambda: _double([2.0, 0.0, -1.0]),
}


def _others(card: LossCard, like: Tensor) -> list[Tensor]:
    """The arguments after the first two; weights of one where the kind says nothing."""
    kinds = list(card.domain.values())[2:]
    return [OTHERS[kind]() if kind in OTHERS else torch.ones_like(like, dtype=torch.float64) for kind in kinds]


# --- one example: scores, numbers, masks ------------------------------------------------------------------------------


@line(kinds=("logits", "logits within 100", "logits within 10"))
def _margin(card: LossCard) -> Line:
    """One example: the lead of the true class over two others, or the logit of the true answer."""
    if "labels" in card.domain.values() or card.parameters.get("task") == "multiclass":
        target = torch.zeros(1, dtype=torch.long)
        others = _others(card, target)
        return Line(
            "lead of the true class",
            -6.0,
            6.0,
            lambda x: (torch.stack([x, x.new_zeros(()), x.new_zeros(())]).unsqueeze(0), target, *others),
            "One example of three classes: the logit of the true class moves, the other two stay at 0.",
        )
    target = torch.ones(1, dtype=torch.long)
    others = _others(card, target)
    return Line(
        "logit of a positive example",
        -6.0,
        6.0,
        lambda x: (x.unsqueeze(0), target, *others),
        "One entry whose answer is yes: its logit moves.",
    )


@line(kinds=("normalized logits",))
def _cosine_of_the_true_class(card: LossCard) -> Line:
    target = torch.zeros(1, dtype=torch.long)
    return Line(
        "cosine of the true class",
        -1.0,
        1.0,
        lambda x: (torch.stack([x, x.new_zeros(()), x.new_zeros(())]).unsqueeze(0), target, *_others(card, target)),
        "One example of three classes: the score of the true class moves, the other two stay at 0.",
    )


@line(losses=("nll_loss",))
def _log_probability(_: LossCard) -> Line:
    target = torch.zeros(1, dtype=torch.long)
    return Line(
        "lead of the true class",
        -6.0,
        6.0,
        lambda x: (torch.stack([x, x.new_zeros(()), x.new_zeros(())]).unsqueeze(0).log_softmax(1), target),
        "One example of three classes: the score of the true class moves, the other two stay at 0.",
    )


@line(kinds=("logits or probabilities",))
def _between_distributions(_: LossCard) -> Line:
    target = _double([0.7, 0.2, 0.1])
    return Line(
        "logit of the first of three classes",
        -4.0,
        6.0,
        lambda x: (torch.stack([x, _double(0.2)[0].log(), _double(0.1)[0].log()]).unsqueeze(0), target),
        "The target is the distribution (0.7, 0.2, 0.1); the logits of the last two classes are right.",
    )


@line(losses=("entropy_loss",))
def _certainty(_: LossCard) -> Line:
    return Line(
        "lead of the first of three classes",
        -6.0,
        6.0,
        lambda x: (torch.stack([x, x.new_zeros(()), x.new_zeros(())]).unsqueeze(0),),
        "One example of three classes: the logit of one moves, the other two stay at 0.",
    )


@line(kinds=("frames of logits",))
def _frames(_: LossCard) -> Line:
    target = torch.tensor([[0, 0, 0, 1, 1, 1]])
    right = torch.nn.functional.one_hot(target, 3).movedim(-1, 1).double()
    return Line(
        "lead of the true class, in every frame",
        -6.0,
        6.0,
        lambda x: (x * right, target),
        "Six frames, three of one action and three of the next.",
    )


@line(kinds=("attention scores",))
def _attention(_: LossCard) -> Line:
    target = torch.tensor([[1, 0, 0, 0]])
    return Line(
        "attention score of the target token",
        -6.0,
        6.0,
        lambda x: (torch.stack([x, *3 * [x.new_zeros(())]]).expand(1, 1, 1, 4), target),
        "One query and four tokens: the score of the target moves, the other three stay at 0.",
    )


@line(kinds=("losses",))
def _a_loss_of_its_own(_: LossCard) -> Line:
    return Line(
        "loss of one example",
        0.0,
        4.0,
        lambda x: (x.unsqueeze(0),),
        "One example: what its loss counts.",
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
    settings, second, first = {}, mask.long(), sign
    if "distance map" in card.domain.values():
        second = losses.signed_distance_map(mask.long(), task="binary")
    if "task" in card.parameters:
        settings = {"task": "binary"}
    else:  # two classes
        first = torch.stack([-sign, sign], 1) / 2
    return Line(
        "logit of the right answer, at every pixel",
        -6.0,
        6.0,
        lambda x: (x * first, second, *_others(card, sign)),
        "A disc that fills a fifth of a picture: every pixel answers with the same certainty, wrong on the left, right "
        "on the right.",
        settings,
    )


_NUMBERS = (
    "real numbers", "real numbers (in half precision up to 100)", "numbers of size 1 to 100",
)  # fmt: skip


@line(kinds=_NUMBERS)
def _error(card: LossCard) -> Line:
    """One number: the error."""
    target = _double(1.0)
    return Line(
        "prediction (the target is 1)",
        -3.0,
        5.0,
        lambda x: (x.unsqueeze(0), target, *_others(card, target)),
        "One number whose true value is 1.",
    )


@line(losses=("mase_loss", "rmsse_loss"))
def _scaled_error(card: LossCard) -> Line:
    target = _double([1.0])
    return Line(
        "prediction (the target is 1)",
        -3.0,
        5.0,
        lambda x: (x.reshape(1, 1), target, *_others(card, target)),
        "One number whose true value is 1, in a series whose naive forecast is wrong by 1.",
    )


@line(kinds=("positive numbers", "numbers of at least 0", "depths"))
def _positive(card: LossCard) -> Line:
    """One positive number, beside one that is right (a scale-invariant loss needs two)."""
    target = _double([1.0, 1.0])
    return Line(
        "first prediction (both targets are 1)",
        0.05,
        5.0,
        lambda x: (torch.stack([x, torch.ones_like(x)]).unsqueeze(0), target, *_others(card, target)),
        "Two positive numbers whose true value is 1: the second prediction is right.",
    )


@line(kinds=("vectors (in half precision up to 100)",))
def _vector(_: LossCard) -> Line:
    target = _double([1.0, 0.0])
    return Line(
        "first coordinate (the target is 1)",
        -3.0,
        5.0,
        lambda x: (torch.stack([x, torch.zeros_like(x)]).unsqueeze(0), target),
        "A vector of two numbers whose target is (1, 0): the first number moves.",
    )


# --- directions and groups of embeddings ------------------------------------------------------------------------------


def _unit(angle: Tensor) -> Tensor:
    """The unit vector at an angle in degrees."""
    radians = torch.deg2rad(angle)
    return torch.stack([radians.cos(), radians.sin()])


_TURN = {"label": "angle, in degrees", "low": -180.0, "high": 180.0}
_AT = {angle: _unit(_double(angle)[0]) for angle in (0.0, 10.0, 120.0, 130.0)}


@line(kinds=("vectors away from zero",))
def _angle_to_the_target(card: LossCard) -> Line:
    signs = [torch.ones(1, dtype=torch.long)] if len(card.domain) == 3 else []
    return Line(
        **_TURN,
        at=lambda x: (_unit(x).unsqueeze(0), _AT[0.0].unsqueeze(0), *signs),
        what="Two unit vectors: one stays at 0 degrees, the other turns.",
    )


@line(losses=("contrastive_loss",))
def _distance_to_the_other(_: LossCard) -> Line:
    others, target = _double([0.0, 0.0], [0.0, 0.0]), torch.tensor([1, 0])
    return Line(
        "distance",
        0.02,
        2.0,
        lambda x: (torch.stack([x, torch.zeros_like(x)]).expand(2, 2), others, target),
        "Two pairs at the same distance: one alike, one not.",
    )


@line(losses=("triplet_margin_loss",))
def _anchor_between(_: LossCard) -> Line:
    return Line(
        "place of the anchor",
        -1.5,
        1.5,
        lambda x: (torch.stack([x, torch.zeros_like(x)]).unsqueeze(0), _double([-1.0, 0.0]), _double([1.0, 0.0])),
        "The positive example is at -1, the negative one at 1.",
    )


@line(losses=("byol_loss",))
def _angle_to_the_other_view(_: LossCard) -> Line:
    return Line(
        **_TURN,
        at=lambda x: (_unit(x).unsqueeze(0), _AT[0.0].unsqueeze(0)),
        what="Two views of one example: one stays at 0 degrees, the other turns.",
    )


@line(
    losses=("batch_triplet_loss", "sup_con_loss", "multi_similarity_loss", "circle_loss", "proxy_anchor_loss"),
)
def _member_leaves_its_class(card: LossCard) -> Line:
    target = torch.tensor([0, 0, 1, 1])
    rest = torch.stack([_AT[10.0], _AT[120.0], _AT[130.0]])
    others = [torch.stack([_AT[0.0], _AT[120.0]])] if len(card.domain) == 3 else []
    return Line(
        **_TURN,
        at=lambda x: (torch.cat([_unit(x).unsqueeze(0), rest]), target, *others),
        what="Four unit vectors: one of the first class turns, its companion stays at 10 degrees, the other class at "
        "120 and 130.",
    )


@line(losses=("arcface_loss", "cosface_loss", "proxy_nca_loss", "center_loss"))
def _angle_to_the_prototype(_: LossCard) -> Line:
    target, prototypes = torch.tensor([0]), torch.stack([_AT[0.0], _AT[120.0]])
    return Line(
        **_TURN,
        at=lambda x: (_unit(x).unsqueeze(0), target, prototypes),
        what="One unit vector turns; the prototype of its class stays at 0 degrees, that of another class at 120.",
    )


@line(
    losses=(
        "n_pairs_loss", "info_nce_loss", "nt_xent_loss", "clip_loss", "siglip_loss", "image_text_matching_loss",
        "audio_visual_consistency_loss",
    ),
)  # fmt: skip
def _query_leaves_its_key(_: LossCard) -> Line:
    keys = torch.stack([_AT[0.0], _AT[120.0]])
    return Line(
        **_TURN,
        at=lambda x: (torch.stack([_unit(x), _AT[130.0]]), keys),
        what="Two pairs of unit vectors: the partner of the first stays at 0 degrees, the second pair at 130 and 120.",
    )


@line(losses=("barlow_twins_loss", "vicreg_loss"))
def _views_of_a_batch(_: LossCard) -> Line:
    view = _double([1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0])
    return Line(
        **_TURN,
        at=lambda x: (view @ torch.stack([_unit(x), _unit(x + 90)]), view),
        what="Two views of four examples with two features: one view turns.",
    )


# --- pictures and features --------------------------------------------------------------------------------------------


def _picture(side: int, channels: int = 1) -> Tensor:
    """A smooth pattern between 0.3 and 0.7, `(1, channels, side, side)`."""
    steps = torch.linspace(0, 9, side, dtype=torch.float64)
    pattern = 0.5 + 0.2 * torch.sin(steps[:, None]) * torch.cos(0.7 * steps[None, :])
    return pattern.expand(1, channels, side, side).clone()


def _noise(like: Tensor) -> Tensor:
    """Noise of deviation one that no generator of other people's has a part in."""
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@line(kinds=("pictures in [0, 1]", "large pictures in [0, 1]", "pictures"))
def _noisy_picture(card: LossCard) -> Line:
    side = 176 if "large pictures in [0, 1]" in card.domain.values() else 24
    target = _picture(side)
    noise = 0.3 * _noise(target).clamp(-1, 1)
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
    target = _noise(torch.zeros(1, 3, 6, 6))
    noise = _noise(torch.zeros(2, 3, 6, 6))[1:]
    return Line(
        "deviation of the features",
        -1.5,
        1.5,
        lambda x: (target + x * noise, target),
        "Feature maps of three channels that leave those of the target along a fixed direction.",
    )


# --- boxes and what goes with them ------------------------------------------------------------------------------------


@line(kinds=("boxes",))
def _box_slides(_: LossCard) -> Line:
    target, size = _double([0.0, 0.0, 2.0, 1.0]), _double(-0.9, -0.6, 0.9, 0.6)
    return Line(
        "shift to the side, in half widths",
        -3.0,
        3.0,
        lambda x: ((size + _double(1.0, 0.5, 1.0, 0.5) + x * _double(1.0, 0.0, 1.0, 0.0)).unsqueeze(0), target),
        "The target is 2 wide and 1 high; a box of 1.8 by 1.2 slides across it.",
    )


@line(kinds=("rotated boxes",))
def _rotated_box_slides(_: LossCard) -> Line:
    target = _double([0.0, 0.0, 2.0, 1.0, 0.0])
    return Line(
        "shift to the side, in half widths",
        -3.0,
        3.0,
        lambda x: (torch.stack([x, *_double(0.0, 1.8, 1.2, 0.5)]).unsqueeze(0), target),
        "The target is 2 wide and 1 high; a box of 1.8 by 1.2, turned by half a radian, slides across it.",
    )


@line(kinds=("confidence logits",))
def _confidence_of_a_place(card: LossCard) -> Line:
    quality = "qualities" in card.domain.values()
    target = _double(0.7 if quality else 1.0)
    return Line(
        "logit",
        -6.0,
        6.0,
        lambda x: (x.unsqueeze(0), target),
        "One place that holds an object; its box overlaps the truth by 0.7." if quality else "One place, a peak.",
    )


@line(losses=("distribution_focal_loss",))
def _between_two_bins(_: LossCard) -> Line:
    target = _double(1.3)
    return Line(
        "lead of bin 1 over bin 2",
        -6.0,
        6.0,
        lambda x: (torch.stack([_double(-10.0)[0], x / 2, -x / 2, _double(-10.0)[0]]).unsqueeze(0), target),
        "The position is 1.3: bin 1 should get 0.7, bin 2 the rest.",
    )


@line(losses=("detection_loss",))
def _candidate_box_slides(_: LossCard) -> Line:
    logits, target_boxes = _double([4.0, 0.0, 0.0]), _double([0.0, 0.0, 2.0, 1.0])
    return Line(
        "shift of the box to the side, in half widths",
        -3.0,
        3.0,
        lambda x: (
            logits,
            target_boxes + x * _double([1.0, 0.0, 1.0, 0.0]),
            _double(4.0),
            torch.zeros(1, dtype=torch.long),
            target_boxes,
        ),
        "One candidate, sure of the right class; its box slides across the true one.",
    )


# --- what moves -------------------------------------------------------------------------------------------------------


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
    target = _double([0.0, 1.0, 0.0])
    return Line(
        "score of the target",
        -2.0,
        3.0,
        lambda x: (torch.stack([-torch.ones_like(x), x, -torch.ones_like(x)]).unsqueeze(0), target),
        "Three places: the target in the middle should score 1, the background may score anything below 0.",
    )


@line(losses=("mahalanobis_loss",))
def _distance_in_deviations(_: LossCard) -> Line:
    target, covariance = _double([0.0, 0.0]), _double([[4.0, 0.0], [0.0, 1.0]])
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
    rest = _double([0.2, 0.0], [2.0, 0.0])
    right = torch.nn.functional.one_hot(target, 2).double()
    return Line(
        "lead of the right identity",
        -6.0,
        6.0,
        lambda x: (x * right, torch.cat([_double([0.0, 0.0]), rest]), target),
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
        lambda x: (_FLOW + x * _double([[[1.0]], [[0.0]]]), _FLOW),
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
    noise = 0.1 * _noise(now)
    flow = _horizontal(_double(-1.0)[0])
    return Line(
        "noise, in units of its deviation (0.1)",
        -2.0,
        2.0,
        lambda x: (now + x * noise, previous, flow),
        "What is predicted moves by one pixel, as the flow says, but for noise.",
    )


@line(kinds=("class counts of nodes",))
def _share_of_a_class(_: LossCard) -> Line:
    return Line(
        "share of the first of two classes",
        0.0,
        1.0,
        lambda x: (torch.stack([x, 1 - x]).unsqueeze(0),),
        "One node with two classes.",
    )


@line(losses=("balanced_cross_entropy",))
def _one_of_four(_: LossCard) -> Line:
    target = torch.tensor([[1, 0, 0, 0]])
    return Line(
        "logit of the positive entry",
        -6.0,
        6.0,
        lambda x: (torch.cat([x.unsqueeze(0), _double(-2.0, -2.0, -2.0)]).unsqueeze(0), target),
        "Four entries of which one is positive: its logit moves, the other three are right.",
    )


# --- generative models ------------------------------------------------------------------------------------------------


_GAMES = (
    "minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic", "relativistic_average",
)  # fmt: skip


@line(losses=tuple(f"{game}_{side}_loss" for game in _GAMES for side in ("discriminator", "generator")))
def _score_of_the_critic(card: LossCard) -> Line:
    both = len(card.domain) > 1
    others = [_double(0.0)] * both
    return Line(
        "score of the real example" if both else "score of the generated example",
        -4.0,
        4.0,
        lambda x: (x.unsqueeze(0), *others),
        "One real example, beside a generated one of score 0." if both else "One generated example.",
    )


@line(losses=("conditional_adversarial_loss",))
def _generated_pixel(_: LossCard) -> Line:
    target = _double([0.0])
    return Line(
        "error of the picture",
        -1.0,
        1.0,
        lambda x: (x.reshape(1, 1), target, _double(0.0)),
        "A picture of one pixel, which the discriminator finds as likely real as not.",
    )


@line(losses=("mean_feature_matching_loss",))
def _mean_of_a_feature(_: LossCard) -> Line:
    features, target = _double([-0.5, 0.0], [0.5, 0.0]), _double([-1.0, 0.0], [1.0, 0.0])
    return Line(
        "mean of the generated feature",
        -2.0,
        2.0,
        lambda x: (features + x * _double(1.0, 0.0), target),
        "Two generated and two real examples; the mean of the real ones is 0.",
    )


@line(losses=("gaussian_kl_loss",))
def _mean_of_the_code(_: LossCard) -> Line:
    return Line(
        "mean of the code",
        -3.0,
        3.0,
        lambda x: (x.reshape(1, 1), _double([-1.0])),
        "One code of one number with log-variance -1, beside a standard normal distribution.",
    )


@line(losses=("vae_loss",))
def _one_pixel_rebuilt(_: LossCard) -> Line:
    return Line(
        "error of the reconstruction",
        -3.0,
        3.0,
        lambda x: (x.reshape(1, 1) + 0.5, _double([0.5]), _double([0.5]), _double([-1.0])),
        "An example of one number; its code, of mean 0.5 and log-variance -1, costs the same everywhere.",
    )


@line(losses=("vq_commitment_loss", "diffusion_loss", "variational_diffusion_loss", "flow_matching_loss",
              "denoising_score_matching_loss", "discretized_gaussian_nll_loss"))  # fmt: skip
def _one_number_of_a_model(card: LossCard) -> Line:
    target = _double([0.25])
    rest = {
        "signal shares": _double(0.5),
        "earlier signal shares": _double(0.6),
        "noise widths": _double(1.0),
        "log-scales of pictures": _double([-2.0]),
        "numbers of order one": _double([-0.25]),
    }
    others = [rest[kind] for kind in list(card.domain.values())[2:]]
    return Line(
        "what the model says",
        -1.0,
        1.0,
        lambda x: (x.reshape(1, 1), target, *others),
        "An example of one number, 0.25" + (" (and -0.25, or half of the variance, as noise)." if others else "."),
    )


# --- forecasts --------------------------------------------------------------------------------------------------------

_FORECASTS: dict[str, Tensor] = {
    "scales": _double(1.0),
    "degrees of freedom": _double(3.0),
    "zero-inflation logits": _double(-1.0),
}


@line(kinds=("forecasts", "log rates", "positive amounts"))
def _one_forecast(card: LossCard) -> Line:
    kinds = list(card.domain.values())
    others = [_FORECASTS[kind] for kind in kinds[2:]]
    low, high = {"forecasts": (-4.0, 6.0), "log rates": (-3.0, 4.0), "positive amounts": (0.1, 8.0)}[kinds[0]]
    target = 2.0 if kinds[1] in ("counts", "positive amounts") else 1.0
    return Line(
        f"{next(iter(card.domain)).replace('_', ' ')} (what happens is {target:.0f})",
        low,
        high,
        lambda x: (x.unsqueeze(0), _double(target), *others),
        f"One forecast; {target:.0f} is what happens, and the other parameters stay.",
    )


@line(losses=("interval_score_loss",))
def _lower_bound(_: LossCard) -> Line:
    return Line(
        "lower bound (what happens is 1)",
        -4.0,
        3.0,
        lambda x: (x.unsqueeze(0), _double(1.0), _double(3.0)),
        "A 90 % interval whose upper bound is 3; 1 is what happens.",
    )


@line(losses=("mixture_nll_loss",))
def _weight_of_a_component(_: LossCard) -> Line:
    return Line(
        "lead of the right component",
        -6.0,
        6.0,
        lambda x: (torch.stack([x, -x]).unsqueeze(0) / 2, _double(1.0), _double([1.0, -1.0]), _double([0.5, 0.5])),
        "A mixture of two Gaussians at 1 and -1; 1 is what happens.",
    )


@line(kinds=("quantile forecasts", "ensemble members"))
def _spread_around(_: LossCard) -> Line:
    spread = _double(-1.0, 0.0, 1.0)
    return Line(
        "middle of the three forecasts (what happens is 1)",
        -3.0,
        5.0,
        lambda x: ((x + spread).unsqueeze(0), _double(1.0)),
        "Three numbers at a distance of 1 from each other (the 10, 50 and 90 % quantiles, or three members).",
    )


@line(losses=("energy_score_loss",))
def _members_in_the_plane(_: LossCard) -> Line:
    members = _double([-1.0, 0.0], [0.0, 1.0], [1.0, 0.0])
    return Line(
        "first coordinate of the ensemble",
        -3.0,
        3.0,
        lambda x: ((members + x * _double(1.0, 0.0)).unsqueeze(0), _double([0.0, 0.0])),
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
        lambda x: (peak(12 + x), peak(_double(12.0)[0])),
        "A series of 24 steps with one peak, forecast too early or too late.",
    )


@line(losses=("cox_partial_likelihood_loss",))
def _hazard_of_the_first(_: LossCard) -> Line:
    return Line(
        "log-hazard of the first to die",
        -4.0,
        4.0,
        lambda x: (torch.cat([x.unsqueeze(0), _double(0.0, 0.0)]), _double(1.0, 2.0, 3.0), torch.tensor([1, 1, 0])),
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


# --- several losses, and sets of points -------------------------------------------------------------------------------


@line(kinds=("task losses",))
def _loss_of_a_task(card: LossCard) -> Line:
    settings = {
        "weighted_sum_loss": [_double(1.0, 0.5)],
        "uncertainty_weighting_loss": [_double(0.0, 1.0)],
        "dynamic_weight_average_loss": [_double(1.0, 1.0), _double(1.0, 2.0)],
    }
    return Line(
        "loss of the first of two tasks",
        0.0,
        4.0,
        lambda x: (torch.stack([x, torch.ones_like(x)]), *settings[card.name]),
        "Two tasks: the loss of the second stays at 1.",
    )


@line(losses=("gradnorm_loss",))
def _weight_of_a_task(_: LossCard) -> Line:
    return Line(
        "weight of the first of two tasks",
        0.05,
        3.0,
        lambda x: (torch.stack([x, 2 - x]), _double(1.0, 1.0), _double(0.5, 1.0), _double(1.0, 1.0)),
        "Two tasks whose gradients are equally long, and whose weights sum to 2; the loss of the first has fallen by "
        "half.",
    )


@line(losses=("wasserstein_1d_loss",))
def _samples_move(_: LossCard) -> Line:
    return Line(
        "shift of the sample",
        -3.0,
        3.0,
        lambda x: (_double(-1.0, 0.0, 1.0) + x, _double(1.0, -1.0, 0.0)),
        "Three numbers move across three numbers.",
    )


@line(kinds=("points",))
def _points_move(_: LossCard) -> Line:
    points = _double([-1.0, 0.0], [0.0, 1.0], [1.0, 0.0])
    return Line(
        "shift of the points",
        -3.0,
        3.0,
        lambda x: (points + x * _double(1.0, 0.0), points),
        "Three points in the plane move across themselves.",
    )


# --- lists ------------------------------------------------------------------------------------------------------------


@line(losses=("margin_ranking_loss", "bpr_loss"))
def _lead_of_the_better(card: LossCard) -> Line:
    target = [torch.ones(1, 1, dtype=torch.long)] * (len(card.domain) == 3)
    return Line(
        "lead of the item that belongs first",
        -4.0,
        4.0,
        lambda x: (x.reshape(1, 1), _double([0.0]), *target),
        "One pair of items.",
    )


@line(kinds=("scores of a list", "scores of a list within 1000", "attention rows"))
def _best_item(card: LossCard) -> Line:
    target = torch.tensor([[3, 1, 0, 0]])
    if "attention rows" in card.domain.values():
        target = _double([0.6, 0.2, 0.1, 0.1])
    return Line(
        "score of the item that belongs first",
        -4.0,
        4.0,
        lambda x: (torch.stack([x, *_double(1.0, 0.0, -1.0)]).unsqueeze(0), target),
        "A list of four items, of which the first is the most relevant and the others are in order.",
    )


# --- segmentation with more than a mask -------------------------------------------------------------------------------


@line(losses=("generalized_wasserstein_dice_loss",))
def _three_classes(_: LossCard) -> Line:
    target = torch.tensor([[0, 0, 1, 1, 2]])
    right = torch.nn.functional.one_hot(target, 3).movedim(-1, 1).double()
    distances = _double([0.0, 1.0, 1.0], [1.0, 0.0, 0.5], [1.0, 0.5, 0.0])
    return Line(
        "lead of the right class, at every pixel",
        -6.0,
        6.0,
        lambda x: (x * right, target, distances),
        "Five pixels of three classes, of which the last two are half as far from each other as from the background.",
    )


@line(losses=("mask_classification_loss",))
def _one_query(_: LossCard) -> Line:
    mask = _disc().unsqueeze(0).unsqueeze(0)
    sign = 2.0 * mask.double() - 1.0
    zero = torch.zeros(1, 1, dtype=torch.long)
    return Line(
        "logit of the right answer, at every pixel and for the class",
        -6.0,
        6.0,
        lambda x: (torch.stack([x, -x]).reshape(1, 2, 1), x * sign, zero, mask.long(), zero),
        "One query, matched with one object: a disc that fills a fifth of the picture.",
    )


@line(losses=("cl_dice_loss",))
def _vessel(_: LossCard) -> Line:
    vessel = torch.zeros(1, 1, 24, 24, dtype=torch.long)
    vessel[..., 10:13, 3:21] = 1
    sign = 2.0 * vessel.double() - 1.0
    return Line(
        "logit of the right answer, at every pixel",
        -6.0,
        6.0,
        lambda x: (x * sign, vessel),
        "A vessel, three pixels wide: every pixel answers with the same certainty, wrong on the left, right on the "
        "right.",
        {"task": "multilabel"},
    )
