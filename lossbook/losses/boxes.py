"""Losses for object detection: boxes, rotated boxes, and the scores that go with them.

A box is `x1, y1, x2, y2`: its low corner, then its high corner, in any one unit. A rotated box is
`x, y, width, height, angle`: its center, its size, and the angle of its width in radians. Boxes come in pairs,
prediction and target of one shape `(*, 4)` or `(*, 5)`: which prediction belongs to which target is decided before.

A box whose high corner lies below its low one (an inverted box, or a negative width) counts as empty: it has no area
and overlaps nothing. Where neither box of a pair has an area, their intersection over union, 0 / 0, counts as 0, so a
point never overlaps a point; the penalties on distance and shape still tell such pairs apart.

A pair whose weight is zero does not count, not even if it holds NaN.

Detectors with many candidates divide by the number of those that hold an object, not by the number of candidates: ask
for `reduction="sum"` and divide, or see :func:`detection_loss`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._module import as_module
from ._reduction import reduce, together
from ._slope import forward_mode, root, with_slope, with_slopes
from ._validation import (
    check_choice,
    check_class_scores,
    check_floating,
    check_fraction,
    check_labels,
    check_positive,
    check_reduction,
    check_same_shape,
    check_tensors,
    check_weight,
    known,
    weighted_entries,
)
from .classification import _binary_entries

__all__ = [
    "AlphaIoULoss",
    "BalancedL1Loss",
    "CIoULoss",
    "DIoULoss",
    "DetectionLoss",
    "DistributionFocalLoss",
    "EIoULoss",
    "FocalEIoULoss",
    "GIoULoss",
    "GWDLoss",
    "GaussianFocalLoss",
    "InnerIoULoss",
    "IoULoss",
    "KLDLoss",
    "MPDIoULoss",
    "NWDLoss",
    "QualityFocalLoss",
    "SIoULoss",
    "VarifocalLoss",
    "WiseIoULoss",
    "alpha_iou_loss",
    "balanced_l1_loss",
    "boxes_from_centers",
    "ciou_loss",
    "detection_loss",
    "diou_loss",
    "distribution_focal_loss",
    "eiou_loss",
    "focal_eiou_loss",
    "gaussian_focal_loss",
    "giou_loss",
    "gwd_loss",
    "inner_iou_loss",
    "iou_loss",
    "kld_loss",
    "mpdiou_loss",
    "nwd_loss",
    "quality_focal_loss",
    "siou_loss",
    "varifocal_loss",
    "wise_iou_loss",
]


def boxes_from_centers(boxes: Tensor) -> Tensor:
    """Boxes `x1, y1, x2, y2` from boxes `x, y, width, height` that are given by their center.

    Args:
        boxes: `(*, 4)`.

    Returns:
        The same boxes by their corners, `(*, 4)`.

    Example:
        >>> boxes_from_centers(torch.tensor([[2.0, 1.0, 4.0, 2.0]]))
        tensor([[0., 0., 4., 2.]])
    """
    check_tensors(boxes=boxes)
    check_floating("boxes", boxes)
    _check_columns("boxes", boxes, 4)
    center, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([center - half, center + half], -1)


# --------------------------------------------------------------------------------------------------------------------
# What every loss of boxes starts from: checked pairs, and what two boxes have in common


def _check_columns(name: str, boxes: Tensor, *columns: int) -> None:
    """The last dimension of `boxes` has one of these sizes."""
    if boxes.dim() == 0 or boxes.shape[-1] not in columns:
        wanted = " or ".join(f"(*, {column})" for column in columns)
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(boxes.shape)}")


def _check_pairs(
    boxes: Tensor, target: Tensor, weight: Tensor | None, reduction: str, *columns: int
) -> tuple[Tensor, Tensor]:
    """The pairs, checked; where the weight is zero, two boxes that agree."""
    check_tensors(boxes=boxes, target=target, weight=weight)
    check_reduction(reduction)
    check_floating("boxes", boxes)
    _check_columns("boxes", boxes, *columns)
    check_same_shape("target", target, "boxes", boxes)
    if weight is None:
        return boxes, target
    check_floating("weight", weight)
    check_weight(weight, boxes.shape[:-1], "boxes without their columns")
    if (counted := weighted_entries(weight)) is None:
        return boxes, target
    unit = (torch.arange(boxes.shape[-1], device=boxes.device) > 1).to(boxes.dtype)  # no box without an area
    return tuple(torch.where(counted.unsqueeze(-1), tensor, unit.to(tensor.dtype)) for tensor in (boxes, target))


def _reduce_pairs(values: Tensor, weight: Tensor | None, reduction: str, like: Tensor) -> Tensor:
    if weight is None:
        return reduce(values, reduction, dtype=like.dtype)
    weight = weight.to(values.dtype)
    return reduce(values * weight, reduction, weight, like.dtype)


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The ratio; 0, without a gradient, where the denominator is 0 (or too small for its inverse)."""
    return numerator / F.threshold(denominator, torch.finfo(denominator.dtype).tiny, math.inf)


def _power(base: Tensor, exponent: float) -> Tensor:
    """A number from 0 up to a power; at 0 its gradient is 0, also where the true one is infinite."""
    if exponent == 1:
        return base
    return base.clamp_min(torch.finfo(base.dtype).tiny) ** exponent if exponent < 2 else base**exponent


class _Pair(NamedTuple):
    """What two boxes have to do with each other, each quantity as `(2, *)`: horizontal, then vertical."""

    size: Tensor
    target_size: Tensor
    shared: Tensor  # the size of the intersection
    enclosing: Tensor | None = None  # the size of the smallest box around all corners, those of inverted boxes too
    step: Tensor | None = None  # from the center of the target to the center of the prediction


_MANY = 2**15  # numbers: from here on masks cost more time than the calls that avoid them


def _pair(boxes: Tensor, target: Tensor, *, apart: bool = True) -> _Pair:
    """The two boxes measured; without `apart` only what the intersection over union needs."""
    boxes, target = together(boxes, target)
    if torch.compiler.is_compiling() or boxes.numel() < _MANY:
        size, *others = _measures(*_ends(boxes), *_ends(target), apart)
    else:
        size, *others = _Measured.apply(boxes, target, apart)
    low, high = _ends(target)
    return _Pair(size, (high - low).clamp_min(0), *others)


def _ends(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """The low and the high corner of boxes, `(2, *)` each."""
    rows = boxes.movedim(-1, 0).contiguous()
    return rows[:2], rows[2:]


def _measures(low: Tensor, high: Tensor, other_low: Tensor, other_high: Tensor, apart: bool) -> list[Tensor]:
    """The size of the first box, and what both share; `apart`: what encloses both, and the step between them."""
    measures = [(high - low).clamp_min(0), _shared(low, high, other_low, other_high).clamp_min(0)]
    if apart:
        highest = torch.maximum(torch.maximum(low, high), torch.maximum(other_low, other_high))
        lowest = torch.minimum(torch.minimum(low, high), torch.minimum(other_low, other_high))
        measures += [highest - lowest, (low + high - other_low - other_high) / 2]
    return measures


def _shared(low: Tensor, high: Tensor, other_low: Tensor, other_high: Tensor) -> Tensor:
    """The length that two sides share; below 0 their distance."""
    return torch.minimum(high, other_high) - torch.maximum(low, other_low)


class _Measured(torch.autograd.Function):
    """`_measures` of both axes, with slopes of its own: autograd keeps the boxes alone.

    They are those of torch, ties included; but torch chooses by masks, which on a CPU take more time than all the rest.
    One axis comes after the other, which halves what is held at a time.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(boxes: Tensor, target: Tensor, apart: bool) -> tuple[Tensor, ...]:
        axes = [_measures(*_ends_along(axis, boxes, target), apart) for axis in (0, 1)]
        return tuple(torch.stack(both) for both in zip(*axes, strict=True))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        *boxes, _ = inputs
        ctx.measures = len(output)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*boxes)
        ctx.save_for_forward(*boxes)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        boxes, target = ctx.saved_tensors
        ours, theirs, _ = ctx.needs_input_grad
        return (
            _pulled(boxes, target, gradients) if ours else None,
            _pulled(target, boxes, _seen_from_the_target(gradients)) if theirs else None,
            None,
        )

    @staticmethod
    def jvp(ctx: Any, d_boxes: Tensor | None, d_target: Tensor | None, _: None) -> tuple[Tensor, ...]:
        with forward_mode(*ctx.saved_tensors) as (boxes, target):
            unit = torch.ones_like(boxes[..., 0]).expand(2, *boxes.shape[:-1])
            changes = []
            for index in range(ctx.measures):
                one = tuple(unit if index == k else None for k in range(ctx.measures))
                change = torch.zeros_like(unit)
                for first, second, moved, pull in (
                    (boxes, target, d_boxes, one),
                    (target, boxes, d_target, _seen_from_the_target(one)),
                ):
                    if moved is not None:
                        both = (_pulled(first, second, pull) * moved).unflatten(-1, (2, 2))
                        change = change + both.sum(-2).movedim(-1, 0)
                changes.append(change)
            return tuple(changes)


def _seen_from_the_target(gradients: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
    """Its own size is no measure of the pair, and the step leads the other way."""
    _, shared, *apart = gradients
    if apart and apart[1] is not None:
        apart[1] = -apart[1]
    return None, shared, *apart


def _ends_along(axis: int, *boxes: Tensor) -> list[Tensor]:
    """Where each of the boxes begins and ends along an axis; contiguous, since strides of four are slow."""
    return [tensor[..., axis + end].contiguous() for tensor in boxes for end in (0, 2)]


def _pulled(boxes: Tensor, other: Tensor, gradients: tuple[Tensor | None, ...]) -> Tensor:
    """The gradient in the boxes from those in their measures, where there are any."""
    (x1, x2), (y1, y2) = (
        _slopes_along(*_ends_along(axis, boxes, other), *(None if g is None else g[axis] for g in gradients))
        for axis in (0, 1)
    )
    return torch.stack([x1, y1, x2, y2]).movedim(0, -1)


def _slopes_along(
    low: Tensor,
    high: Tensor,
    other_low: Tensor,
    other_high: Tensor,
    size: Tensor | None,
    shared: Tensor | None,
    enclosing: Tensor | None = None,
    step: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The gradient in both ends of a box along an axis, from the gradients in its measures."""
    d_low = d_high = low.new_zeros(())
    if enclosing is not None:
        highest = _larger(torch.maximum(low, high), torch.maximum(other_low, other_high))
        lowest = -_larger(torch.minimum(other_low, other_high), torch.minimum(low, high))
        upright = _larger(high, low)
        d_low = enclosing * torch.lerp(highest, lowest, upright)
        d_high = enclosing * torch.lerp(lowest, highest, upright)
        del highest, lowest, upright
    if shared is not None:
        shared = shared * _not_negative(_shared(low, high, other_low, other_high))
        d_low = torch.addcmul(d_low, shared, _larger(low, other_low), value=-1)
        d_high = torch.addcmul(d_high, shared, _larger(other_high, high))
        del shared
    if size is not None:
        size = size * _not_negative(high - low)
        d_low = d_low - size
        d_high = d_high + size
    if step is not None:
        d_low = torch.add(d_low, step, alpha=0.5)
        d_high = torch.add(d_high, step, alpha=0.5)
    return d_low, d_high


@torch.no_grad()
def _larger(a: Tensor, b: Tensor) -> Tensor:
    """1 where the first number is the larger one, one half in a tie, else 0."""
    return (a - b).sign_().add_(1).mul_(0.5)


@torch.no_grad()
def _not_negative(x: Tensor) -> Tensor:
    """1 for a number from 0 up, else 0."""
    return x.sign().add_(1).sign_()


def _iou_and_union(pair: _Pair) -> tuple[Tensor, Tensor]:
    """Intersection over union of each pair, and the union."""
    both = pair.shared[0] * pair.shared[1]
    union = pair.size[0] * pair.size[1] + pair.target_size[0] * pair.target_size[1] - both
    return _ratio(both, union), union


def _gap(pair: _Pair, union: Tensor) -> Tensor:
    """The share of the enclosing box that the union leaves empty (generalized IoU)."""
    width, height = pair.enclosing
    around = width * height
    return _ratio(around - union, around)


def _center_distance(pair: _Pair) -> Tensor:
    """The squared distance of the centers over the squared diagonal of the enclosing box (distance IoU)."""
    return _ratio(pair.step.square().sum(0), pair.enclosing.square().sum(0))


def _aspect(size: Tensor) -> Tensor:
    """The angle between the diagonal and the height of a box; 0, without a gradient, for a point."""
    return with_slopes(_angle, (lambda w, h: _ratio(h, w * w + h * h), lambda w, h: -_ratio(w, w * w + h * h)), *size)


def _angle(width: Tensor, height: Tensor) -> Tensor:
    some = (width * width + height * height - torch.finfo(width.dtype).tiny).relu().sign()
    return torch.atan2(some * width, height + (1 - some))


def _aspect_difference(pair: _Pair) -> Tensor:
    """How much the aspect ratios differ, from 0 to 1 (complete IoU)."""
    return (_aspect(pair.size) - _aspect(pair.target_size)).square() * (4 / math.pi**2)


def _trade_off(iou: Tensor, aspect: Tensor, gated: bool) -> Tensor:
    """The weight of the aspect ratio in complete IoU."""
    weight = _ratio(aspect, 1 - iou + aspect)
    return torch.where(iou >= 0.5, weight, 0.0) if gated else weight


def _penalties(pair: _Pair, iou: Tensor, union: Tensor, penalty: str) -> list[Tensor]:
    """What the loss of that name (`"none"`, `"giou"`, `"diou"`, `"ciou"`) adds to the IoU loss, term by term."""
    if penalty == "none":
        return []
    if penalty == "giou":
        return [_gap(pair, union)]
    if penalty == "diou":
        return [_center_distance(pair)]
    aspect = _aspect_difference(pair)
    return [_center_distance(pair), _trade_off(iou.detach(), aspect.detach(), gated=False) * aspect]


class _Slopes(NamedTuple):
    """What hand-derived gradients share: values, and their slopes in the corners of the prediction, `(4, *)`."""

    pair: _Pair
    iou: Tensor
    union: Tensor
    d_iou: Tensor
    d_union: Tensor
    d_enclosing: Tensor  # of the enclosing width (in x1 and x2) and height (in y1 and y2)


def _slopes(boxes: Tensor, target: Tensor) -> _Slopes:
    r"""With :math:`J = I / U` and :math:`U = A + A^* - I`: :math:`dJ = \big((1 + J)\, dI - J\, dA\big) / U`."""
    pair = _pair(boxes, target)
    iou, union = _iou_and_union(pair)
    rows, wanted = boxes.movedim(-1, 0), target.movedim(-1, 0)
    across = torch.where((pair.shared > 0).all(0), pair.shared.flip(0), 0.0)  # what a side gains when it moves by one
    d_both = torch.cat([-across * (rows[:2] > wanted[:2]), across * (rows[2:] < wanted[2:])])
    d_area = torch.cat([-pair.size.flip(0), pair.size.flip(0)])
    d_iou = ((1 + iou) * d_both - iou * d_area) / union
    sticks_out = torch.cat([rows[:2] < wanted[:2], rows[2:] > wanted[2:]])
    d_enclosing = torch.tensor([-1.0, -1.0, 1.0, 1.0]).reshape(4, *[1] * iou.dim()) * sticks_out
    return _Slopes(pair, iou, union, d_iou, d_area - d_both, d_enclosing)


def _center_slope(s: _Slopes) -> Tensor:
    """The slope of the squared distance of centers over the squared diagonal."""
    step, enclosing = s.pair.step, s.pair.enclosing
    diagonal = enclosing.square().sum(0)
    d_diagonal = 2 * torch.cat([enclosing, enclosing]) * s.d_enclosing
    return (torch.cat([step, step]) - step.square().sum(0) / diagonal * d_diagonal) / diagonal


def _side_slope(slope: Tensor) -> Tensor:
    """From slopes in width and height `(2, *)` to slopes in the corners `(4, *)`."""
    return torch.cat([-slope, slope])


def _mean_over_pairs(slope: Tensor) -> Tensor:
    """The gradient of the mean, `(*, 4)`, from the slopes of each pair, `(4, *)`."""
    return slope.movedim(0, -1) / slope[0].numel()


# --------------------------------------------------------------------------------------------------------------------
# Intersection over union, and what was added to it

_UNIT = [[0.0, 0.0, 1.0, 1.0]]
_AWAY = {"first": [[10.0, 0.0, 11.0, 1.0]], "other": _UNIT, "target": _UNIT}
_BOXES = {
    "minimum_at_target": yes,
    "convex": no("it rises fast near the target and slowly, or not at all, far from it", **_AWAY),
    "lipschitz": no("the smaller a box, the steeper", first=[[0.0, 0.0, 1e-5, 1e-5]], other=[[1e-5, 0.0, 2e-5, 1e-5]],
                    target=[[0.0, 0.0, 1e-5, 1e-5]]),
    "smooth": no("it has a kink where two edges meet, as at the target", first=_UNIT, target=_UNIT),
    "bounded": yes,
    "symmetric": yes,
    "proper": not_applicable("the target is a box, not a label"),
    "scale_invariant": yes,
    "permutation_invariant": yes,
}  # fmt: skip
_PAIRS = {"boxes": "boxes", "target": "boxes"}
_MODERATE = "boxes (in half precision up to 100)"  # a square of 1,000 is more than float16 can hold
_MODERATE_PAIRS = {"boxes": _MODERATE, "target": _MODERATE}


@loss(
    tasks=("image classification", "object detection", "object tracking"),
    names=("IoU", "UnitBox"),
    domain=_PAIRS,
    range=(0.0, 1.0),
    properties=_BOXES,
    cases=({"form": "log"}, {"form": "square"}, {"form": "log", "eps": 1e-3}, {"weight": (0.3,)}),
    chapter=4,
)
def iou_loss(
    boxes: Tensor,
    target: Tensor,
    *,
    form: str = "linear",
    eps: float = 1e-6,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""IoU loss: how far two boxes are from covering the same area.

    .. math::

        \ell = 1 - J, \quad -\log J \quad \text{or} \quad 1 - J^2, \qquad J = \frac{|B \cap B^*|}{|B \cup B^*|}

    Boxes that do not overlap cost 1 whatever their distance, and have no gradient: start from :func:`giou_loss` or
    :func:`diou_loss` where that happens.

    Args:
        boxes: predicted boxes `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        form: `"linear"`, `"log"` (UnitBox) or `"square"`.
        eps: the smallest J that the logarithm sees, in (0, 1); below it the loss stays at :math:`-\log` of it.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss: between 0 and 1, for `form="log"` up to minus the logarithm of `eps`; a scalar, or `(*)` for
        `reduction="none"`. Pairs without any area cost as much as pairs without overlap.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a negative weight, an unknown setting.

    References:
        Yu et al., UnitBox: an advanced object detection network, 2016, https://arxiv.org/abs/1608.01471 (`"log"`);
        Rahman and Wang, Optimizing intersection-over-union, 2016, https://doi.org/10.1007/978-3-319-50835-1_22.

    Example:
        >>> iou_loss(torch.tensor([[0.0, 0.0, 2.0, 1.0]]), torch.tensor([[1.0, 0.0, 3.0, 1.0]]))
        tensor(0.6667)
    """
    check_choice("form", form, ("linear", "log", "square"))
    if not 0 < eps < 1:
        raise ValueError(f"eps must lie in (0, 1), got {eps}")
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4)
    iou, _ = _iou_and_union(_pair(boxes, target, apart=False))
    if form == "linear":
        values = 1 - iou
    elif form == "square":
        values = 1 - iou * iou
    else:
        values = -iou.clamp_min(eps).log()
    return _reduce_pairs(values, weight, reduction, boxes)


IoULoss = as_module("IoULoss", iou_loss)


@gradient_of(iou_loss)
def _iou_gradient(boxes: Tensor, target: Tensor, *, form: str = "linear", eps: float = 1e-6) -> Tensor:
    r""":math:`\partial\ell = -\partial J`, :math:`-\partial J / J` or :math:`-2 J\, \partial J`, with
    :math:`\partial J = \big((1 + J)\, \partial |B \cap B^*| - J\, \partial |B|\big) / |B \cup B^*|`."""
    s = _slopes(boxes, target)
    outer = {
        "linear": -torch.ones_like(s.iou),
        "square": -2 * s.iou,
        "log": -(s.iou > eps).to(s.iou.dtype) / s.iou.clamp_min(eps),
    }
    return _mean_over_pairs(outer[form] * s.d_iou)


@loss(
    tasks=("object detection", "object tracking"),
    names=("generalized IoU", "GIoU"),
    domain=_PAIRS,
    range=(0.0, 2.0),
    properties=_BOXES,
    cases=({"weight": (0.3,)},),
    chapter=4,
)
def giou_loss(
    boxes: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:  # fmt: skip
    r"""Generalized IoU loss (GIoU): IoU loss plus the share of the enclosing box that neither box covers.

    .. math::

        \ell = 1 - J + \frac{|C| - |B \cup B^*|}{|C|}, \qquad C = \text{smallest box around both}

    Boxes that do not overlap are drawn together, first by growing. An inverted box costs at least 1 (its corners count
    for C); it has a gradient that turns it around.

    Args:
        boxes: predicted boxes `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, between 0 and 2: a scalar, or `(*)` for `reduction="none"`. Where C has no area the penalty is 0.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a negative weight, an unknown reduction.

    References:
        Rezatofighi et al., Generalized intersection over union, 2019, https://arxiv.org/abs/1902.09630.

    Example:
        >>> giou_loss(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[3.0, 0.0, 4.0, 1.0]]))
        tensor(1.5000)
    """
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4)
    pair = _pair(boxes, target)
    iou, union = _iou_and_union(pair)
    return _reduce_pairs(1 - iou + _gap(pair, union), weight, reduction, boxes)


GIoULoss = as_module("GIoULoss", giou_loss)


@gradient_of(giou_loss)
def _giou_gradient(boxes: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\ell = -\partial J - \partial U / |C| + U\, \partial |C| / |C|^2` with
    :math:`U = |B \cup B^*|`."""
    s = _slopes(boxes, target)
    width, height = s.pair.enclosing
    area, d_area = width * height, torch.stack([height, width, height, width]) * s.d_enclosing
    return _mean_over_pairs(-s.d_iou - s.d_union / area + s.union / area**2 * d_area)


@loss(
    tasks=("object detection",),
    names=("distance IoU", "DIoU"),
    domain=_PAIRS,
    range=(0.0, 2.0),
    properties=_BOXES,
    cases=({"weight": (0.3,)},),
    chapter=4,
)
def diou_loss(
    boxes: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:  # fmt: skip
    r"""Distance IoU loss (DIoU): IoU loss plus the distance of the centers, relative to the enclosing box.

    .. math::

        \ell = 1 - J + \frac{\rho^2}{c^2}

    :math:`\rho` is the distance of the centers, :math:`c` the diagonal of the smallest box around both.

    Args:
        boxes: predicted boxes `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, between 0 and 2: a scalar, or `(*)` for `reduction="none"`. Where both boxes are one point it is 1.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a negative weight, an unknown reduction.

    References:
        Zheng et al., Distance-IoU loss, 2020, https://arxiv.org/abs/1911.08287, equation 7.

    Example:
        >>> diou_loss(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[3.0, 0.0, 4.0, 1.0]]))
        tensor(1.5294)
    """
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4)
    pair = _pair(boxes, target)
    iou, _ = _iou_and_union(pair)
    return _reduce_pairs(1 - iou + _center_distance(pair), weight, reduction, boxes)


DIoULoss = as_module("DIoULoss", diou_loss)


@gradient_of(diou_loss)
def _diou_gradient(boxes: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\ell = -\partial J + \big(\partial\rho^2 - \tfrac{\rho^2}{c^2}\, \partial c^2\big) / c^2`."""
    s = _slopes(boxes, target)
    return _mean_over_pairs(-s.d_iou + _center_slope(s))


@loss(
    tasks=("object detection",),
    names=("complete IoU", "CIoU"),
    domain=_PAIRS,
    range=(0.0, 2.5),
    properties=_BOXES,
    cases=({"gated": True}, {"detach_alpha": False}, {"weight": (0.3,)}),
    detached="alpha, the weight of the aspect ratio",
    chapter=4,
)
def ciou_loss(
    boxes: Tensor,
    target: Tensor,
    *,
    gated: bool = False,
    detach_alpha: bool = True,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Complete IoU loss (CIoU): distance IoU loss plus a penalty on the aspect ratio.

    .. math::

        \ell = 1 - J + \frac{\rho^2}{c^2} + \alpha v, \qquad
        v = \frac{4}{\pi^2} \Big( \arctan \frac{w^*}{h^*} - \arctan \frac{w}{h} \Big)^2, \quad
        \alpha = \frac{v}{1 - J + v}

    :math:`\alpha` is held fixed when the gradient is formed. The angle is that of `atan2(w, h)`, so a box without
    height has a right angle, and a point has angle 0 and no gradient from :math:`v`. The authors' code also drops the
    factor :math:`1 / (w^2 + h^2)` from the gradient of :math:`v`; the gradient here is that of the formula.

    Args:
        boxes: predicted boxes `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        gated: whether :math:`\alpha` is 0 for pairs with J below one half (the authors' later version; MMDetection).
        detach_alpha: whether :math:`\alpha` is held fixed; `False` differentiates through it.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, between 0 and 2.5: a scalar, or `(*)` for `reduction="none"`. Where both boxes are one point it is 1.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a negative weight, an unknown reduction.

    References:
        Zheng et al., Distance-IoU loss, 2020, https://arxiv.org/abs/1911.08287, equation 10; gated: Zheng et al.,
        Enhancing geometric factors in model learning and inference, 2021, https://arxiv.org/abs/2005.03572.

    Example:
        >>> ciou_loss(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[0.0, 0.0, 2.0, 1.0]]))
        tensor(0.5345)
    """
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4)
    pair = _pair(boxes, target)
    iou, _ = _iou_and_union(pair)
    aspect = _aspect_difference(pair)
    alpha = _trade_off(iou.detach(), aspect.detach(), gated) if detach_alpha else _trade_off(iou, aspect, gated)
    return _reduce_pairs(1 - iou + _center_distance(pair) + alpha * aspect, weight, reduction, boxes)


CIoULoss = as_module("CIoULoss", ciou_loss)


@gradient_of(ciou_loss)
def _ciou_gradient(boxes: Tensor, target: Tensor, *, gated: bool = False) -> Tensor:
    r""":math:`\partial\ell = \partial\ell_{\text{DIoU}} + \alpha\, \partial v`, with
    :math:`\partial v = -\tfrac{8}{\pi^2} \Delta\, \frac{h\, \partial w - w\, \partial h}{w^2 + h^2}` and
    :math:`\Delta` the difference of the two arcus tangents."""
    s = _slopes(boxes, target)
    width, height = s.pair.size
    alpha = _trade_off(s.iou, _aspect_difference(s.pair), gated)
    angle = _aspect(s.pair.target_size) - _aspect(s.pair.size)
    d_aspect = -8 / math.pi**2 * angle * torch.stack([height, -width]) / (width**2 + height**2)
    return _mean_over_pairs(-s.d_iou + _center_slope(s) + alpha * _side_slope(d_aspect))


def _eiou(pair: _Pair) -> tuple[Tensor, Tensor]:
    """Efficient IoU loss of each pair, and its IoU."""
    sides = _ratio(pair.size - pair.target_size, pair.enclosing).square().sum(0)  # first: it keeps the most
    far = _center_distance(pair)
    iou, _ = _iou_and_union(pair)
    return 1 - iou + far + sides, iou


def _eiou_slope(s: _Slopes) -> Tensor:
    """The slope of efficient IoU loss in the corners."""
    enclosing, change = s.pair.enclosing, s.pair.size - s.pair.target_size
    squares = torch.cat([change, change]) ** 2 / torch.cat([enclosing, enclosing]) ** 3
    return -s.d_iou + _center_slope(s) + _side_slope(2 * change / enclosing**2) - 2 * squares * s.d_enclosing


@loss(
    tasks=("object detection",),
    names=("efficient IoU", "EIoU"),
    domain=_PAIRS,
    range=(0.0, 3.25),
    properties=_BOXES,
    cases=({"weight": (0.3,)},),
    chapter=4,
)
def eiou_loss(
    boxes: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:  # fmt: skip
    r"""Efficient IoU loss (EIoU): distance IoU loss plus the errors of width and height, each by itself.

    .. math::

        \ell = 1 - J + \frac{\rho^2}{c^2} + \frac{(w - w^*)^2}{c_w^2} + \frac{(h - h^*)^2}{c_h^2}

    :math:`c_w` and :math:`c_h` are the sides of the smallest box around both, :math:`c` its diagonal. (MMDetection's
    `EIoULoss` is another loss, extended IoU.)

    Args:
        boxes: predicted boxes `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, between 0 and 3.25: a scalar, or `(*)` for `reduction="none"`. A side on which both boxes have no
        extent adds 0.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a negative weight, an unknown reduction.

    References:
        Zhang et al., Focal and efficient IOU loss for accurate bounding box regression, 2022 (preprint 2021),
        https://arxiv.org/abs/2101.08158.

    Example:
        >>> eiou_loss(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[0.0, 0.0, 2.0, 1.0]]))
        tensor(0.7812)
    """
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4)
    values, _ = _eiou(_pair(boxes, target))
    return _reduce_pairs(values, weight, reduction, boxes)


EIoULoss = as_module("EIoULoss", eiou_loss)


@gradient_of(eiou_loss)
def _eiou_gradient(boxes: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\ell = \partial\ell_{\text{DIoU}} + \sum_{s \in \{w, h\}}
    \big( 2 (s - s^*)\, \partial s / c_s^2 - 2 (s - s^*)^2\, \partial c_s / c_s^3 \big)`."""
    return _mean_over_pairs(_eiou_slope(_slopes(boxes, target)))


@loss(
    tasks=("object detection",),
    names=("focal efficient IoU", "focal EIoU", "focal + efficient IoU"),
    domain=_PAIRS,
    range=(0.0, 0.7275),
    properties=_BOXES | {
        "convex": no("it is 0 where boxes do not overlap", first=[[1.5, 0.0, 2.5, 1.0]],
                     other=[[-0.5, 0.0, 0.5, 1.0]], target=_UNIT),
        "lipschitz": no("the smaller a box, the steeper", first=[[0.0, 0.0, 1e-5, 1e-5]],
                        other=[[5e-6, 0.0, 1.5e-5, 1e-5]], target=[[0.0, 0.0, 1e-5, 1e-5]]),
    },
    cases=({"gamma": 1.0}, {"gamma": 2.5}, {"gamma": 0.0}, {"weight": (0.3,)}),
    chapter=4,
)  # fmt: skip
def focal_eiou_loss(
    boxes: Tensor, target: Tensor, *, gamma: float = 0.5, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Focal efficient IoU loss: efficient IoU loss that pays more attention to boxes that already overlap well.

    .. math::

        \ell = J^\gamma\, \ell_{\text{EIoU}}

    A pair without overlap costs nothing and has no gradient: it is meant for candidates that were matched by overlap.

    Args:
        boxes: predicted boxes `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        gamma: exponent, at least 0; 0 is :func:`eiou_loss`, the paper takes 0.5.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights, of which :math:`J^\gamma` is none.

    Returns:
        The loss, at least 0: a scalar, or `(*)` for `reduction="none"`.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a negative gamma, a negative weight, an unknown reduction.

    References:
        Zhang et al., Focal and efficient IOU loss for accurate bounding box regression, 2022 (preprint 2021),
        https://arxiv.org/abs/2101.08158.

    Example:
        >>> focal_eiou_loss(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[0.0, 0.0, 2.0, 1.0]]))
        tensor(0.5524)
    """
    check_positive("gamma", gamma, zero=True)
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4)
    values, iou = _eiou(_pair(boxes, target))
    return _reduce_pairs(_power(iou, gamma) * values, weight, reduction, boxes)


FocalEIoULoss = as_module("FocalEIoULoss", focal_eiou_loss)


@gradient_of(focal_eiou_loss)
def _focal_eiou_gradient(boxes: Tensor, target: Tensor, *, gamma: float = 0.5) -> Tensor:
    r""":math:`\partial\ell = \gamma J^{\gamma - 1} \ell_{\text{EIoU}}\, \partial J
    + J^\gamma\, \partial\ell_{\text{EIoU}}`."""
    s = _slopes(boxes, target)
    value, iou = _eiou(s.pair)[0], torch.where(s.iou > 0, s.iou, torch.finfo(s.iou.dtype).tiny)
    rising = torch.where(s.iou > 0, gamma * iou ** (gamma - 1), 0.0)
    return _mean_over_pairs(rising * value * s.d_iou + iou**gamma * _eiou_slope(s))


@loss(
    tasks=("object detection",),
    names=("SIoU", "SCYLLA-IoU"),
    domain=_PAIRS,
    range=(0.0, 2 - math.exp(-2) + (1 - math.exp(-1)) ** 4),
    properties=_BOXES,
    cases=({"theta": 2.0}, {"theta": 1.0}, {"weight": (0.3,)}),
    chapter=4,
)
def siou_loss(
    boxes: Tensor, target: Tensor, *, theta: float = 4.0, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""SIoU loss: IoU loss plus the distance along each axis, weighed by the direction of the target, plus the shape.

    .. math::

        \ell = 1 - J + \frac{\Delta + \Omega}{2}, \qquad
        \Delta = \sum_{t \in \{x, y\}} \Big( 1 - e^{-(2 - \Lambda) \rho_t} \Big), \quad
        \Omega = \sum_{s \in \{w, h\}} \Big( 1 - e^{-|s - s^*| / \max(s, s^*)} \Big)^\theta

    :math:`\rho_x` is the squared horizontal distance of the centers over the squared width of the smallest box around
    both, :math:`\rho_y` the same vertically. The angle cost :math:`\Lambda = \sin 2 a`, where :math:`a` is the angle
    between the line of centers and an axis, is 1 on a diagonal and 0 along an axis; the paper writes it
    :math:`1 - 2 \sin^2(a - \pi/4)`. Where centers agree it is 0.

    Args:
        boxes: predicted boxes `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        theta: :math:`\theta`, above 0; the paper finds values near 4, between 2 and 6.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, between 0 and 2.03: a scalar, or `(*)` for `reduction="none"`. A side without extent in both boxes
        adds 0.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a theta that is not positive, a negative weight, an unknown
            reduction.

    References:
        Gevorgyan, SIoU loss: more powerful learning for bounding box regression, 2022,
        https://arxiv.org/abs/2205.12740.

    Example:
        >>> siou_loss(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[0.0, 0.0, 2.0, 1.0]]))
        tensor(0.5707)
    """
    check_positive("theta", theta)
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4)
    pair = _pair(boxes, target)
    iou, _ = _iou_and_union(pair)
    step = pair.step.abs()
    angle = _ratio(2 * step[0] * step[1], step.square().sum(0))
    distance = -torch.expm1((angle - 2) * _ratio(step.square(), pair.enclosing.square())).sum(0)
    size, target_size = pair.size, pair.target_size
    change = _ratio((size - target_size).abs(), torch.maximum(size, target_size))
    shape = _power(-torch.expm1(-change), theta).sum(0)
    return _reduce_pairs(1 - iou + (distance + shape) / 2, weight, reduction, boxes)


SIoULoss = as_module("SIoULoss", siou_loss)


@gradient_of(siou_loss)
def _siou_gradient(boxes: Tensor, target: Tensor, *, theta: float = 4.0) -> Tensor:
    r""":math:`\partial\Delta = \sum_t e^{-(2 - \Lambda)\rho_t} \big( (2 - \Lambda)\, \partial\rho_t
    - \rho_t\, \partial\Lambda \big)` and :math:`\partial\Omega = \theta \sum_s (1 - e^{-\omega_s})^{\theta - 1}
    e^{-\omega_s}\, \partial\omega_s`, where :math:`\partial\omega_s = -\partial s / s^*` for a side that is too short
    and :math:`s^*\, \partial s / s^2` for one that is too long."""
    s = _slopes(boxes, target)
    step, enclosing = s.pair.step, s.pair.enclosing
    squares = step.square().sum(0)
    angle = 2 * step.abs().prod(0) / squares
    d_angle = step.sign() * 2 * step.abs().flip(0) * (step.flip(0) ** 2 - step**2) / squares**2  # in the step
    share = (step / enclosing) ** 2
    decay = torch.exp((angle - 2) * share)
    d_step = decay * (2 - angle) * 2 * step / enclosing**2 - (decay * share).sum(0) * d_angle
    d_sides = -decay * (2 - angle) * 2 * share / enclosing
    d_distance = torch.cat([d_step, d_step]) / 2 + torch.cat([d_sides, d_sides]) * s.d_enclosing
    size, target_size = s.pair.size, s.pair.target_size
    change = (size - target_size).abs() / torch.maximum(size, target_size)
    d_change = torch.where(size < target_size, -1 / target_size, target_size / size**2)
    d_shape = theta * (1 - torch.exp(-change)) ** (theta - 1) * torch.exp(-change) * d_change
    return _mean_over_pairs(-s.d_iou + (d_distance + _side_slope(d_shape)) / 2)


@loss(
    tasks=("object detection",),
    names=("alpha-IoU", "power IoU"),
    domain=_PAIRS,
    range=(0.0, 1.0),
    properties=_BOXES,
    cases=({"alpha": 1.5}, {"alpha": 0.5}, {"penalty": "giou"}, {"penalty": "diou", "alpha": 2.0},
           {"penalty": "ciou"}, {"weight": (0.3,)}),
    detached="the weight of the aspect ratio, with penalty='ciou'",
    chapter=4,
)  # fmt: skip
def alpha_iou_loss(
    boxes: Tensor,
    target: Tensor,
    *,
    alpha: float = 3.0,
    penalty: str = "none",
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Alpha-IoU loss: IoU, and what is added to it, each raised to one power.

    .. math::

        \ell = 1 - J^\alpha + R^\alpha

    :math:`R` is 0 or the penalty of :func:`giou_loss`, :func:`diou_loss` or :func:`ciou_loss`; of the latter each of
    the two terms is raised. For :math:`\alpha > 1` boxes that overlap well get the larger gradient.

    Args:
        boxes: predicted boxes `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        alpha: :math:`\alpha`, above 0; 1 is the plain loss, the paper takes 3.
        penalty: `"none"`, `"giou"`, `"diou"` or `"ciou"`.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, between 0 and 1, with a penalty up to 2.5: a scalar, or `(*)` for `reduction="none"`.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, an alpha that is not positive, a negative weight, an unknown
            setting.

    References:
        He et al., Alpha-IoU: a family of power intersection over union losses for bounding box regression, 2021,
        https://arxiv.org/abs/2110.13675.

    Example:
        >>> alpha_iou_loss(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[0.0, 0.0, 2.0, 1.0]]))
        tensor(0.8750)
    """
    check_positive("alpha", alpha)
    check_choice("penalty", penalty, ("none", "giou", "diou", "ciou"))
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4)
    pair = _pair(boxes, target, apart=penalty != "none")
    iou, union = _iou_and_union(pair)
    values = 1 - _power(iou, alpha)
    for term in _penalties(pair, iou, union, penalty):
        values = values + _power(term, alpha)
    return _reduce_pairs(values, weight, reduction, boxes)


AlphaIoULoss = as_module("AlphaIoULoss", alpha_iou_loss)


@gradient_of(alpha_iou_loss)
def _alpha_iou_gradient(boxes: Tensor, target: Tensor, *, alpha: float = 3.0) -> Tensor:
    r""":math:`\partial\ell = -\alpha J^{\alpha - 1}\, \partial J` without a penalty."""
    s = _slopes(boxes, target)
    rising = torch.where(s.iou > 0, alpha * torch.where(s.iou > 0, s.iou, 1.0) ** (alpha - 1), 0.0)
    return _mean_over_pairs(-rising * s.d_iou)


@loss(
    tasks=("object detection",),
    names=("Inner-IoU", "IoU of auxiliary boxes"),
    domain=_PAIRS,
    range=(0.0, 1.0),
    properties=_BOXES,
    cases=({"ratio": 1.25}, {"ratio": 0.5, "penalty": "giou"}, {"penalty": "diou"}, {"penalty": "ciou", "ratio": 1.5},
           {"weight": (0.3,)}),
    detached="the weight of the aspect ratio, with penalty='ciou'",
    chapter=4,
)  # fmt: skip
def inner_iou_loss(
    boxes: Tensor,
    target: Tensor,
    *,
    ratio: float = 0.75,
    penalty: str = "none",
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Inner IoU loss: IoU loss of both boxes shrunk, or grown, by one ratio about their own centers.

    .. math::

        \ell = 1 - J_{\text{inner}} + R, \qquad
        J_{\text{inner}} = \frac{|B_r \cap B_r^*|}{|B_r \cup B_r^*|}, \quad
        B_r = \text{the box with the center of } B \text{ and } r \text{ times its sides}

    :math:`R` is 0 or the penalty of :func:`giou_loss`, :func:`diou_loss` or :func:`ciou_loss` on the boxes as they
    are: the loss is the plain one plus :math:`J - J_{\text{inner}}`. With a ratio below 1 the gradient of a box that
    already overlaps well is larger, and that of a box with little overlap vanishes; the paper finds that it speeds up
    the former. With a ratio above 1 boxes that are near, but do not overlap, still have a gradient; the paper takes it
    for tasks with many boxes of low IoU, as with small objects.

    Args:
        boxes: predicted boxes `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        ratio: :math:`r`, above 0; 1 is the plain loss.
        penalty: `"none"`, `"giou"`, `"diou"` or `"ciou"`.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, between 0 and 1, with a penalty up to 2.5: a scalar, or `(*)` for `reduction="none"`.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a ratio that is not positive, a negative weight, an unknown setting.

    References:
        Zhang, Xu and Zhang, Inner-IoU: more effective intersection over union loss with auxiliary bounding box, 2023,
        https://arxiv.org/abs/2311.02877.

    Example:
        >>> box, target = torch.tensor([[0.0, 0.0, 2.0, 1.0]]), torch.tensor([[1.0, 0.0, 3.0, 1.0]])
        >>> inner_iou_loss(box, target, ratio=0.5), inner_iou_loss(box, target, ratio=1.0)
        (tensor(1.), tensor(0.6667))
    """
    check_positive("ratio", ratio)
    check_choice("penalty", penalty, ("none", "giou", "diou", "ciou"))
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4)
    first, second = together(boxes, target)
    values = 1 - _iou_and_union(_pair(_scaled(first, ratio), _scaled(second, ratio), apart=False))[0]
    if penalty != "none":
        pair = _pair(first, second)
        values = values + sum(_penalties(pair, *_iou_and_union(pair), penalty))
    return _reduce_pairs(values, weight, reduction, boxes)


def _scaled(boxes: Tensor, ratio: float) -> Tensor:
    """Boxes, each scaled about its center: a corner moves towards the opposite one, or away from it."""
    return torch.lerp(boxes, boxes.roll(2, -1), (1 - ratio) / 2)


InnerIoULoss = as_module("InnerIoULoss", inner_iou_loss)


@gradient_of(inner_iou_loss)
def _inner_iou_gradient(boxes: Tensor, target: Tensor, *, ratio: float = 0.75, penalty: str = "none") -> Tensor:
    r""":math:`\partial\ell = \partial\ell_{\text{plain}} + \partial J - \partial J_{\text{inner}}`; a corner moves
    the same corner of its scaled box by :math:`(1 + r) / 2` and the opposite one by :math:`(1 - r) / 2`."""
    s = _slopes(boxes, target)
    d_inner = _slopes(_scaled(boxes, ratio), _scaled(target, ratio)).d_iou
    d_inner = (1 + ratio) / 2 * d_inner + (1 - ratio) / 2 * d_inner.roll(2, 0)
    plain = {"none": _iou_gradient, "giou": _giou_gradient, "diou": _diou_gradient, "ciou": _ciou_gradient}[penalty]
    return plain(boxes, target) + _mean_over_pairs(s.d_iou - d_inner)


@loss(
    tasks=("object detection",),
    names=("minimum points distance IoU", "MPDIoU"),
    domain=_MODERATE_PAIRS,
    range=(0.0, float("inf")),
    properties=_BOXES | {
        "convex": no("IoU falls fast for a small shift, then more slowly", first=[[0.25, 0.0, 1.25, 1.0]],
                     other=_UNIT, target=_UNIT),
        "bounded": no("the distance is measured by the picture, and a box may lie outside", first=_AWAY["first"],
                      target=_UNIT),
        "scale_invariant": no("the size of the picture has a unit", first=[[2.0, 0.0, 3.0, 1.0]], target=_UNIT),
    },
    cases=({"image_size": (3.0, 4.0)}, {"weight": (0.3,)}),
    chapter=4,
)  # fmt: skip
def mpdiou_loss(
    boxes: Tensor,
    target: Tensor,
    *,
    image_size: tuple[float, float] = (1.0, 1.0),
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Minimum points distance IoU loss (MPDIoU): IoU loss plus the distances of the corners, relative to the picture.

    .. math::

        \ell = 1 - J + \frac{d_1^2 + d_2^2}{W^2 + H^2}, \qquad
        d_1^2 = (x_1 - x_1^*)^2 + (y_1 - y_1^*)^2, \quad d_2^2 = (x_2 - x_2^*)^2 + (y_2 - y_2^*)^2

    :math:`d_1` is the distance of the low corners, :math:`d_2` that of the high ones; :math:`W` and :math:`H` are the
    sides of the picture. Two boxes with one center and one aspect ratio still differ in their corners, which the
    penalties of :func:`diou_loss` and :func:`ciou_loss` do not see.

    Args:
        boxes: predicted boxes `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        image_size: height and width of the picture in the unit of the boxes, above 0; the default is for boxes in
            shares of the picture. In pixels it is the size of the network's input.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, at least 0, and at most 3 for boxes inside the picture: a scalar, or `(*)` for `reduction="none"`. In
        float16 a result above 65,504 is infinite.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a side of the picture that is not positive, a negative weight, an
            unknown reduction.

    References:
        Ma and Xu, MPDIoU: a loss for efficient and accurate bounding box regression, 2023,
        https://arxiv.org/abs/2307.07662.

    Example:
        >>> box, target = torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[0.0, 0.0, 2.0, 1.0]])
        >>> mpdiou_loss(box, target, image_size=(3.0, 4.0))
        tensor(0.5400)
    """
    diagonal = _squared_diagonal(image_size)
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4)
    pair = _pair(boxes, target, apart=False)
    iou, _ = _iou_and_union(pair)
    squares = torch.sub(*together(boxes, target)).square().sum(-1)
    return _reduce_pairs(1 - iou + squares / diagonal, weight, reduction, boxes)


def _squared_diagonal(image_size: tuple[float, float]) -> float:
    """The squared diagonal of a picture, from its height and width."""
    if len(image_size) != 2 or not all(side > 0 for side in image_size):
        raise ValueError(f"image_size must be height and width, both above 0, got {image_size}")
    height, width = image_size
    return height**2 + width**2


MPDIoULoss = as_module("MPDIoULoss", mpdiou_loss)


@gradient_of(mpdiou_loss)
def _mpdiou_gradient(boxes: Tensor, target: Tensor, *, image_size: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    r""":math:`\partial\ell = -\partial J + 2 (b - b^*) / (W^2 + H^2)`, each coordinate by itself."""
    s = _slopes(boxes, target)
    return _mean_over_pairs(-s.d_iou + 2 * (boxes - target).movedim(-1, 0) / _squared_diagonal(image_size))


@loss(
    tasks=("object detection",),
    names=("Wise-IoU", "WIoU"),
    domain=_PAIRS,
    range=(0.0, math.e),
    properties=_BOXES,
    cases=({"detach_diagonal": False}, {"focusing": "monotonic", "mean": 0.4}, {"focusing": "monotonic", "gamma": 2.0},
           {"focusing": "dynamic", "mean": 0.4}, {"focusing": "dynamic", "alpha": 1.6, "delta": 2.0},
           {"weight": (0.3,)}),
    detached="the diagonal of the enclosing box (`detach_diagonal=False` undoes it), and what focusing multiplies by",
    chapter=4,
)  # fmt: skip
def wise_iou_loss(
    boxes: Tensor,
    target: Tensor,
    *,
    focusing: str = "none",
    mean: float = 1.0,
    gamma: float = 0.5,
    alpha: float = 1.9,
    delta: float = 3.0,
    detach_diagonal: bool = True,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Wise IoU loss (WIoU): IoU loss times a factor that grows with the distance of the centers.

    .. math::

        \ell = g\, e^{\rho^2 / c^2}\, (1 - J), \qquad
        g = 1, \quad \beta^\gamma \quad \text{or} \quad \frac{\beta}{\delta\, \alpha^{\beta - \delta}}, \quad
        \beta = \frac{1 - J}{m}

    :math:`\rho` is the distance of the centers, :math:`c` the diagonal of the smallest box around both, which is held
    fixed when the gradient is formed: otherwise a box could lower its loss by growing that box. The gain :math:`g` is
    held fixed, too; it compares a pair with :math:`m`, the mean of :math:`1 - J` in training so far. The monotonic one
    (version 2 of the paper) lets the worse pairs count more. The dynamic one (version 3) is 1 at
    :math:`\beta = \delta`, largest at :math:`\beta = 1 / \log \alpha`, and small for pairs that are good already and
    for outliers, whose labels may be wrong.

    Args:
        boxes: predicted boxes `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        focusing: `"none"` (version 1), `"monotonic"` or `"dynamic"`.
        mean: :math:`m`, above 0, of `"monotonic"` and `"dynamic"`: a running mean of :func:`iou_loss`, which the
            training loop keeps; the authors' program starts it at 1.
        gamma: :math:`\gamma` of `"monotonic"`, at least 0.
        alpha: :math:`\alpha` of `"dynamic"`, above 1; the authors' program has 1.9.
        delta: :math:`\delta` of `"dynamic"`, above 0; the authors' program has 3.
        detach_diagonal: whether :math:`c` is held fixed; `False` differentiates through it.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights, of which :math:`g` is none.

    Returns:
        The loss, without focusing between 0 and :math:`e`: a scalar, or `(*)` for `reduction="none"`. Where both boxes
        are one point it is 1 (without focusing).

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a number out of range, a negative weight, an unknown setting.

    References:
        Tong et al., Wise-IoU: bounding box regression loss with dynamic focusing mechanism, 2023,
        https://arxiv.org/abs/2301.10051.

    Example:
        >>> wise_iou_loss(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[0.0, 0.0, 2.0, 1.0]]))
        tensor(0.5159)
    """
    check_choice("focusing", focusing, ("none", "monotonic", "dynamic"))
    check_positive("mean", mean)
    check_positive("gamma", gamma, zero=True)
    check_positive("delta", delta)
    if not alpha > 1:
        raise ValueError(f"alpha must be above 1, got {alpha}")
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4)
    pair = _pair(boxes, target)
    wrong = 1 - _iou_and_union(pair)[0]
    factor = 1.0 if focusing == "none" else _gain(wrong.detach() / mean, focusing, gamma, alpha, delta)
    enclosing = pair.enclosing.detach() if detach_diagonal else pair.enclosing
    far = _ratio(pair.step.square().sum(0), enclosing.square().sum(0))
    return _reduce_pairs(factor * far.exp() * wrong, weight, reduction, boxes)


def _gain(outlier: Tensor, focusing: str, gamma: float, alpha: float, delta: float) -> Tensor:
    """What a pair counts, from its IoU loss over the mean one."""
    if focusing == "monotonic":
        return outlier**gamma
    return outlier / delta * alpha ** (delta - outlier)


WiseIoULoss = as_module("WiseIoULoss", wise_iou_loss)


@gradient_of(wise_iou_loss)
def _wise_iou_gradient(
    boxes: Tensor,
    target: Tensor,
    *,
    focusing: str = "none",
    mean: float = 1.0,
    gamma: float = 0.5,
    alpha: float = 1.9,
    delta: float = 3.0,
    detach_diagonal: bool = True,
) -> Tensor:
    r""":math:`\partial\ell = g\, e^{\rho^2 / c^2} \big( (1 - J)\, \partial\rho^2 / c^2 - \partial J \big)`, where
    :math:`\partial\rho^2` is the step between the centers, in each corner alike."""
    s = _slopes(boxes, target)
    step, diagonal = s.pair.step, s.pair.enclosing.square().sum(0)
    d_far = torch.cat([step, step]) / diagonal if detach_diagonal else _center_slope(s)
    slope = torch.exp(_center_distance(s.pair)) * ((1 - s.iou) * d_far - s.d_iou)
    if focusing != "none":
        slope = _gain((1 - s.iou) / mean, focusing, gamma, alpha, delta) * slope
    return _mean_over_pairs(slope)


# --------------------------------------------------------------------------------------------------------------------
# Boxes as Gaussians: losses of rotated boxes, and of tiny ones


class _Gaussians(NamedTuple):
    """Boxes as normal distributions: the mean `(2, *)`, half the sides `(2, *)` and the angle of the first of them."""

    mean: Tensor
    half: Tensor
    angle: Tensor | None  # None for boxes along the axes


def _gaussians(boxes: Tensor) -> _Gaussians:
    rows = boxes.movedim(-1, 0).contiguous()
    if len(rows) == 4:
        return _Gaussians((rows[:2] + rows[2:]) / 2, (rows[2:] - rows[:2]).clamp_min(0) / 2, None)
    return _Gaussians(rows[:2], rows[2:4].clamp_min(0) / 2, rows[4])


def _wasserstein(ours: _Gaussians, theirs: _Gaussians) -> Tensor:
    r"""The squared Wasserstein distance.

    With half sides :math:`a, b` and :math:`\phi` between the angles, the square root in its formula has the trace
    :math:`\sqrt{t}`, :math:`t = (P \cos\phi)^2 + (Q \sin\phi)^2`, :math:`P = a a^* + b b^*`,
    :math:`Q = a b^* + b a^*`. What is returned is the same with :math:`2 (P - \sqrt t)` as a quotient, so that
    boxes which agree have distance 0, not the difference of large numbers.
    """
    (a, b), (c, d) = ours.half, theirs.half
    distance = (ours.mean - theirs.mean).square().sum(0) + (ours.half - theirs.half).square().sum(0)
    if ours.angle is None:
        return distance
    sine = torch.sin(ours.angle - theirs.angle)
    along, across = a * c + b * d, a * d + b * c
    squares = ((1 - sine * sine) * along * along + sine * sine * across * across).clamp_min(0)
    turned = 2 * sine * sine * (a * a - b * b) * (c * c - d * d)
    return (distance + _ratio(turned, along + _root(squares))).clamp_min(0)


def _root(squares: Tensor) -> Tensor:
    """The square root; at 0, and where the square of its slope would overflow, its gradient is 0."""
    return root(squares, torch.finfo(squares.dtype).tiny)


_FORMS = ("raw", "log", "sqrt")


def _bend(distance: Tensor, form: str, tau: float) -> Tensor:
    """A distance as a loss: itself, or one minus one over tau and its logarithm or root."""
    if form == "raw":
        return distance
    return 1 - 1 / (tau + (torch.log1p(distance) if form == "log" else _root(distance)))


def _bend_slope(distance: Tensor, form: str, tau: float) -> Tensor:
    """The slope of `_bend`."""
    if form == "raw":
        return torch.ones_like(distance)
    if form == "log":
        return 1 / ((tau + torch.log1p(distance)) ** 2 * (1 + distance))
    return 1 / ((tau + distance.sqrt()) ** 2 * 2 * distance.sqrt())


def _check_form(form: str, tau: float) -> None:
    check_choice("form", form, _FORMS)
    if not tau >= 1:
        raise ValueError(f"tau must be at least 1, got {tau}")


_LONG = [[0.0, 0.0, 2e4, 2.0, 0.0]]
_GAUSSIAN = {
    "minimum_at_target": yes,
    "convex": no("it flattens far from the target", first=[[40.0, 0.0, 2.0, 1.0, 0.0]],
                 other=[[0.0, 0.0, 2.0, 1.0, 0.0]], target=[[0.0, 0.0, 2.0, 1.0, 0.0]]),
    "lipschitz": no("the longer a box, the more its angle matters", first=_LONG, other=[[0.0, 0.0, 2e4, 2.0, 1e-4]],
                    target=_LONG),
    "smooth": no("a negative side counts as none", first=[[1.0, 0.0, 0.0, 0.0, 0.0]],
                 target=[[0.0, 0.0, 2.0, 1.0, 0.0]]),
    "bounded": yes,
    "symmetric": yes,
    "proper": not_applicable("the target is a box, not a label"),
    "scale_invariant": no("distances have a unit", first=[[2.0, 0.0, 2.0, 1.0, 0.0]],
                          target=[[0.0, 0.0, 2.0, 1.0, 0.0]]),
    "permutation_invariant": yes,
}  # fmt: skip


@loss(
    tasks=("object detection",),
    names=("Gaussian Wasserstein distance", "GWD"),
    domain={"boxes": "rotated boxes", "target": "rotated boxes"},
    range=(0.0, 1.0),
    properties=_GAUSSIAN,
    cases=({"form": "raw"}, {"form": "sqrt"}, {"tau": 2.0}, {"weight": (0.3,)}),
    chapter=4,
)
def gwd_loss(
    boxes: Tensor,
    target: Tensor,
    *,
    form: str = "log",
    tau: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Gaussian Wasserstein distance (GWD) loss: how far a rotated box has to be moved, resized and turned.

    .. math::

        W^2 = \lVert \mu - \mu^* \rVert^2 +
              \mathrm{Tr}\Big( \Sigma + \Sigma^* - 2 \big( \Sigma^{1/2} \Sigma^* \Sigma^{1/2} \big)^{1/2} \Big), \qquad
        \Sigma = R(\theta) \begin{pmatrix} w^2 / 4 & 0 \\ 0 & h^2 / 4 \end{pmatrix} R(\theta)^\top

    The loss is :math:`1 - 1 / (\tau + \log(1 + W^2))`, or another form of :math:`W^2`. A box and the same with sides
    exchanged and turned by a right angle have distance 0; so have two squares at any angle.

    Args:
        boxes: predicted boxes `x, y, width, height, angle` in radians, `(*, 5)`; or boxes along the axes,
            `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        form: `"log"`, `"sqrt"` for :math:`1 - 1 / (\tau + W)` (both the paper's), or `"raw"` for :math:`W^2` itself.
        tau: :math:`\tau`, at least 1; above 1 the loss of a perfect box is :math:`1 - 1 / \tau`, not 0.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, between 0 and 1 (`"raw"`: at least 0, in squared units of length): a scalar, or `(*)` for
        `reduction="none"`. Sides below 0 count as 0; boxes without area have finite values and gradients. With
        `form="sqrt"` the gradient at a perfect box, where the root has a kink, is 0.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a tau below 1, a negative weight, an unknown setting.

    References:
        Yang et al., Rethinking rotated object detection with Gaussian Wasserstein distance loss, 2021,
        https://arxiv.org/abs/2101.11952.

    Example:
        >>> long, turned = torch.tensor([[0.0, 0.0, 4.0, 2.0, 0.0]]), torch.tensor([[0.0, 0.0, 4.0, 2.0, torch.pi / 2]])
        >>> gwd_loss(long, turned, form="raw")
        tensor(2.)
    """
    _check_form(form, tau)
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4, 5)
    distance = _wasserstein(*(_gaussians(tensor) for tensor in together(boxes, target)))
    return _reduce_pairs(_bend(distance, form, tau), weight, reduction, boxes)


GWDLoss = as_module("GWDLoss", gwd_loss)


@gradient_of(gwd_loss)
def _gwd_gradient(boxes: Tensor, target: Tensor, *, form: str = "log", tau: float = 1.0) -> Tensor:
    r"""With half sides :math:`a, b`: :math:`\partial W^2 / \partial x = 2 (x - x^*)`,
    :math:`\partial W^2 / \partial a = 2 a - 2 (a^* P \cos^2\phi + b^* Q \sin^2\phi) / \sqrt t`,
    :math:`\partial W^2 / \partial \theta = (P^2 - Q^2) \sin 2\phi / \sqrt t`, where
    :math:`t = (P \cos\phi)^2 + (Q \sin\phi)^2`, :math:`P = a a^* + b b^*`, :math:`Q = a b^* + b a^*` and
    :math:`\phi = \theta - \theta^*`."""
    ours, theirs = _gaussians(boxes), _gaussians(target)
    (a, b), (c, d) = ours.half, theirs.half
    turn = ours.angle - theirs.angle
    along, across = a * c + b * d, a * d + b * c
    root = torch.hypot(along * turn.cos(), across * turn.sin())
    cosine, sine = turn.cos() ** 2, turn.sin() ** 2
    d_a = 2 * a - 2 * (c * along * cosine + d * across * sine) / root
    d_b = 2 * b - 2 * (d * along * cosine + c * across * sine) / root
    d_angle = (along**2 - across**2) * torch.sin(2 * turn) / root
    slope = torch.cat([2 * (ours.mean - theirs.mean), torch.stack([d_a / 2, d_b / 2, d_angle])])
    return _mean_over_pairs(_bend_slope(_wasserstein(ours, theirs), form, tau) * slope)


@loss(
    tasks=("object detection",),
    names=("normalized Wasserstein distance", "NWD"),
    domain=_PAIRS,
    range=(0.0, 1.0),
    properties=_BOXES | {
        "convex": no("it flattens far from the target", first=[[50.0, 0.0, 51.0, 1.0]], other=_UNIT, target=_UNIT),
        "lipschitz": up_to(0.06, "one over the root of 2, divided by the constant"),
        "smooth": no("the distance has a kink at the target", first=_UNIT, target=_UNIT),
        "scale_invariant": no("the constant has a unit", first=[[10.0, 0.0, 11.0, 1.0]], target=_UNIT),
    },
    cases=({"constant": 1.0}, {"constant": 40.0}, {"weight": (0.3,)}),
    chapter=4,
)  # fmt: skip
def nwd_loss(
    boxes: Tensor, target: Tensor, *, constant: float = 12.8, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Normalized Wasserstein distance (NWD) loss: how far a box is off, on the scale of the data set's objects.

    .. math::

        \ell = 1 - e^{-W / C}

    :math:`W` is the distance of :func:`gwd_loss`. Unlike IoU it changes gently when a box of few pixels is off by one.

    Args:
        boxes: predicted boxes `x1, y1, x2, y2`, `(*, 4)`; or rotated boxes, `(*, 5)`.
        target: true boxes, the same shape.
        constant: :math:`C`, above 0: the mean size of the data set's objects, in its unit (12.8 pixels for AI-TOD).
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, between 0 and 1: a scalar, or `(*)` for `reduction="none"`. At a perfect box, where the distance has a
        kink, the gradient is 0.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a constant that is not positive, a negative weight, an unknown
            reduction.

    References:
        Wang et al., A normalized Gaussian Wasserstein distance for tiny object detection, 2021,
        https://arxiv.org/abs/2110.13389.

    Example:
        >>> nwd_loss(torch.tensor([[0.0, 0.0, 4.0, 4.0]]), torch.tensor([[3.0, 0.0, 7.0, 4.0]]))
        tensor(0.2089)
    """
    check_positive("constant", constant)
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4, 5)
    distance = _root(_wasserstein(*(_gaussians(tensor) for tensor in together(boxes, target))))
    return _reduce_pairs(-torch.expm1(-distance / constant), weight, reduction, boxes)


NWDLoss = as_module("NWDLoss", nwd_loss)


@gradient_of(nwd_loss)
def _nwd_gradient(boxes: Tensor, target: Tensor, *, constant: float = 12.8) -> Tensor:
    r""":math:`\partial\ell = e^{-W / C}\, \partial W^2 / (2 W C)`, where in the corners of the box
    :math:`\partial W^2` is the error of the center minus, or plus, half the error of the size."""
    pair = _pair(boxes, target)
    change = (pair.size - pair.target_size) / 2
    distance = (pair.step.square().sum(0) + change.square().sum(0)).sqrt()
    slope = torch.cat([pair.step - change, pair.step + change])
    return _mean_over_pairs(torch.exp(-distance / constant) / (2 * distance * constant) * slope)


def _divergence(ours: _Gaussians, theirs: _Gaussians) -> Tensor:
    """The Kullback-Leibler divergence of one Gaussian box from another, in nats."""
    (a, b), (c, d) = ours.half, theirs.half
    step = ours.mean - theirs.mean
    if theirs.angle is None:
        along, across, turned = step[0], step[1], 0.0
    else:  # seen from the axes of the second box
        cosine, sine = torch.cos(theirs.angle), torch.sin(theirs.angle)
        along, across = cosine * step[0] + sine * step[1], cosine * step[1] - sine * step[0]
        sine = torch.sin(ours.angle - theirs.angle)
        turned = sine * sine * (b * b - a * a) * (1 / (c * c) - 1 / (d * d))
    sides = _excess(a, c) + _excess(b, d)
    return ((along / c).square() + (across / d).square() + turned + sides) / 2


def _excess(ours: Tensor, theirs: Tensor) -> Tensor:
    """`q^2 - 1 - log q^2` for the quotient of two sides; 0 where they agree."""
    quotient = (ours / theirs).square()
    return quotient - 1 - quotient.log()


_KLD_DIRECTIONS = ("forward", "backward", "min", "max", "jeffreys")


@loss(
    tasks=("object detection",),
    names=("Kullback-Leibler divergence of boxes", "KLD"),
    domain={"boxes": "rotated boxes", "target": "rotated boxes"},
    range=(0.0, 1.0),
    properties=_GAUSSIAN | {
        "smooth": no("a side below the smallest counts as that", first=[[1.0, 0.0, 1e-3, 1e-3, 0.0]],
                     target=[[0.0, 0.0, 2.0, 1.0, 0.0]]),
        "symmetric": no("a long box is nearer to a short one than the short one to the long",
                        first=[[0.0, 0.0, 8.0, 1.0, 0.0]], target=[[0.0, 0.0, 1.0, 1.0, 0.0]]),
        "scale_invariant": not_applicable("a multiple of a rotated box would have a multiple of its angle"),
    },
    cases=({"form": "raw"}, {"form": "sqrt"}, {"tau": 2.0}, {"direction": "backward"}, {"direction": "min"},
           {"direction": "max"}, {"direction": "jeffreys"}, {"min_size": 0.5}, {"weight": (0.3,)}),
    chapter=4,
)  # fmt: skip
def kld_loss(
    boxes: Tensor,
    target: Tensor,
    *,
    direction: str = "forward",
    form: str = "log",
    tau: float = 1.0,
    min_size: float = 1e-3,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Kullback-Leibler divergence (KLD) loss of boxes: errors of a rotated box, each relative to the side they affect.

    .. math::

        D = \tfrac12 \Big[ (\mu - \mu^*)^\top \Sigma^{*-1} (\mu - \mu^*) + \mathrm{Tr}\big( \Sigma^{*-1} \Sigma \big)
            + \log \frac{|\Sigma^*|}{|\Sigma|} \Big] - 1

    with the Gaussians of :func:`gwd_loss`. The loss is :math:`1 - 1 / (\tau + \log(1 + D))`, or another form. Enlarging
    both boxes alike changes nothing; an error of the angle costs the more, the longer the box.

    Args:
        boxes: predicted boxes `x, y, width, height, angle` in radians, `(*, 5)`; or boxes along the axes,
            `x1, y1, x2, y2`, `(*, 4)`.
        target: true boxes, the same shape.
        direction: `"forward"`, of the prediction from the target (the formula above); `"backward"`, of the target from
            the prediction; the `"min"` or the `"max"` of both; or `"jeffreys"`, their sum.
        form: `"log"`, `"sqrt"` for :math:`1 - 1 / (\tau + \sqrt D)` (both the paper's), or `"raw"` for :math:`D`.
        tau: :math:`\tau`, at least 1; above 1 the loss of a perfect box is :math:`1 - 1 / \tau`, not 0.
        min_size: sides below it count as this long, above 0, in units of the boxes: a box without area has no density.
        weight: non-negative weight of each pair, `(*)`, or a shape that broadcasts to it.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, between 0 and 1 (`"raw"`: at least 0, in nats): a scalar, or `(*)` for `reduction="none"`. With
        `form="sqrt"` the gradient at a perfect box, where the root has a kink, is 0.

    Raises:
        TypeError: boxes that are not floating-point.
        ValueError: shapes that do not go together, a tau below 1, a negative weight, an unknown setting.

    References:
        Yang et al., Learning high-precision bounding box for rotated object detection via Kullback-Leibler divergence,
        2021, https://arxiv.org/abs/2106.01883.

    Example:
        >>> kld_loss(torch.tensor([[1.0, 0.0, 4.0, 2.0, 0.0]]), torch.tensor([[0.0, 0.0, 4.0, 2.0, 0.0]]), form="raw")
        tensor(0.1250)
    """
    _check_form(form, tau)
    check_choice("direction", direction, _KLD_DIRECTIONS)
    check_positive("min_size", min_size)
    boxes, target = _check_pairs(boxes, target, weight, reduction, 4, 5)
    ours, theirs = (_gaussians(tensor) for tensor in together(boxes, target))
    ours, theirs = (box._replace(half=box.half.clamp_min(min_size / 2)) for box in (ours, theirs))
    if direction == "forward":
        divergence = _divergence(ours, theirs)
    elif direction == "backward":
        divergence = _divergence(theirs, ours)
    else:
        both = _divergence(ours, theirs), _divergence(theirs, ours)
        combine = {"min": torch.minimum, "max": torch.maximum, "jeffreys": torch.add}[direction]
        divergence = combine(*both)
    return _reduce_pairs(_bend(divergence.clamp_min(0), form, tau), weight, reduction, boxes)


KLDLoss = as_module("KLDLoss", kld_loss)


@gradient_of(kld_loss)
def _kld_gradient(boxes: Tensor, target: Tensor, *, form: str = "log", tau: float = 1.0) -> Tensor:
    r""":math:`\partial D / \partial\mu = \Sigma^{*-1} (\mu - \mu^*)`; with half sides :math:`a, b` and
    :math:`s_\phi = \sin^2(\theta - \theta^*)`:
    :math:`\partial D / \partial a = a \big( (1 - s_\phi) / a^{*2} + s_\phi / b^{*2} \big) - 1 / a`, the same in
    :math:`b` with the stars exchanged, and
    :math:`\partial D / \partial\theta = \tfrac12 (b^2 - a^2) (1 / a^{*2} - 1 / b^{*2}) \sin 2 (\theta - \theta^*)`."""
    ours, theirs = _gaussians(boxes), _gaussians(target)
    (a, b), (c, d) = ours.half, theirs.half
    step, turn = ours.mean - theirs.mean, ours.angle - theirs.angle
    cosine, sine = theirs.angle.cos(), theirs.angle.sin()
    along = (cosine * step[0] + sine * step[1]) / c**2
    across = (cosine * step[1] - sine * step[0]) / d**2
    share = turn.sin() ** 2
    slope = torch.stack([
        cosine * along - sine * across,
        sine * along + cosine * across,
        (a * ((1 - share) / c**2 + share / d**2) - 1 / a) / 2,
        (b * ((1 - share) / d**2 + share / c**2) - 1 / b) / 2,
        (b**2 - a**2) * (1 / c**2 - 1 / d**2) * torch.sin(2 * turn) / 2,
    ])  # fmt: skip
    return _mean_over_pairs(_bend_slope(_divergence(ours, theirs), form, tau) * slope)


# --------------------------------------------------------------------------------------------------------------------
# Scores of dense detectors


_SCORES = {
    "minimum_at_target": yes,
    "lipschitz": up_to(2.0),
    "smooth": yes,
    "bounded": no("a confident mistake costs as much as its logit", first=[[200.0]], target=[[0.0]]),
    "symmetric": not_applicable("the prediction is a logit, the target a quality"),
    "proper": not_applicable("the target is a quality between 0 and 1, not a label"),
    "scale_invariant": not_applicable("the prediction is a logit, the target a quality"),
    "permutation_invariant": yes,
}


@loss(
    tasks=("object detection",),
    names=("quality focal", "QFL"),
    domain={"logits": "confidence logits", "target": "qualities"},
    range=(0.0, float("inf")),
    properties=_SCORES | {
        "convex": no("its slope falls again where a false alarm is sure", first=[[1.0]], other=[[9.0]],
                     target=[[0.0]]),
    },
    cases=({"beta": 1.0}, {"beta": 0.5}, {"beta": 0.0}, {"ignore_index": 255}),
    chapter=4,
)  # fmt: skip
def quality_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    beta: float = 2.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Quality focal loss (QFL): focal loss for a score that should equal the quality of its box.

    .. math::

        \ell = -|y - p|^\beta \big[ y \log p + (1 - y) \log (1 - p) \big], \qquad p = \sigma(z)

    It is 0 where :math:`p = y`. For targets 0 and 1 it is focal loss with :math:`\gamma = \beta`.

    Args:
        logits: raw scores, any shape; one per class and place.
        target: quality (IoU with the object) of the true class, 0 elsewhere, in [0, 1]; the shape of the logits.
        beta: :math:`\beta`, at least 0; the paper takes 2. Values below 1 have finite gradients too.
        ignore_index: value of the target that marks entries which do not count, or `None`.
        reduction: `"none"` gives the shape of the logits; `"mean"` divides by the number of counted entries (the paper
            divides the sum by the number of positives).

    Returns:
        The loss in nats: a scalar, or the shape of the logits for `reduction="none"`.

    Raises:
        TypeError: logits that are not floating-point.
        ValueError: shapes that differ, a target outside [0, 1], a negative beta, an unknown reduction.

    References:
        Li et al., Generalized focal loss, 2020, https://arxiv.org/abs/2006.04388, equation 2.

    Example:
        >>> quality_focal_loss(torch.tensor([0.0, 2.0]), torch.tensor([0.5, 0.5]), reduction="none")
        tensor([0.0000, 0.1634])
    """
    check_tensors(logits=logits, target=target)
    check_reduction(reduction)
    check_floating("logits", logits)
    check_positive("beta", beta, zero=True)
    scores, quality, valid = _binary_entries(logits, target, ignore_index)
    error = (scores.sigmoid() - quality).abs()
    values = F.binary_cross_entropy_with_logits(scores, quality, reduction="none")
    return _reduce_entries(_power(error, beta) * values, valid, reduction, logits)


QualityFocalLoss = as_module("QualityFocalLoss", quality_focal_loss)


def _reduce_entries(values: Tensor, valid: Tensor | None, reduction: str, like: Tensor) -> Tensor:
    if valid is None:
        return reduce(values, reduction, dtype=like.dtype)
    return reduce(torch.where(valid, values, 0.0), reduction, valid.to(values.dtype), like.dtype)


@gradient_of(quality_focal_loss)
def _quality_focal_gradient(logits: Tensor, target: Tensor, *, beta: float = 2.0) -> Tensor:
    r"""With :math:`e = p - y` and the cross-entropy :math:`H`:
    :math:`\partial\ell / \partial z = |e|^\beta e + \beta |e|^{\beta - 2} e\, p (1 - p) H`."""
    p = logits.sigmoid()
    error = p - target
    entropy = F.softplus(logits) - target * logits
    slope = error.abs() ** beta * error
    if beta > 0:
        slope = slope + beta * error.abs() ** (beta - 1) * error.sign() * p * (1 - p) * entropy
    return slope / logits.numel()


@loss(
    tasks=("object detection",),
    names=("varifocal", "VFL"),
    domain={"logits": "confidence logits", "target": "qualities"},
    range=(0.0, float("inf")),
    properties=_SCORES | {
        "convex": no("its slope falls again where a false alarm is sure", first=[[1.0]], other=[[9.0]],
                     target=[[0.0]]),
    },
    cases=({"alpha": 0.25}, {"gamma": 1.5}, {"gamma": 0.0}, {"ignore_index": 255}),
    chapter=4,
)  # fmt: skip
def varifocal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.75,
    gamma: float = 2.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Varifocal loss (VFL): positives weigh as much as their quality, negatives are focal.

    .. math::

        \ell = \begin{cases} -q \big[ q \log p + (1 - q) \log (1 - p) \big] & q > 0 \\
                             -\alpha\, p^\gamma \log (1 - p) & q = 0 \end{cases}

    Its minimum is at :math:`p = q`, where a positive still costs :math:`q` times the entropy of :math:`q`.

    Args:
        logits: raw scores, any shape; one per class and place.
        target: :math:`q`, the quality (IoU with the object) of the true class, 0 elsewhere, in [0, 1]; the shape of the
            logits.
        alpha: weight of the negatives, in [0, 1].
        gamma: focusing exponent of the negatives, at least 0.
        ignore_index: value of the target that marks entries which do not count, or `None`.
        reduction: `"none"` gives the shape of the logits; `"mean"` divides by the number of counted entries (detectors
            divide the sum by the number of positives).

    Returns:
        The loss in nats: a scalar, or the shape of the logits for `reduction="none"`.

    Raises:
        TypeError: logits that are not floating-point.
        ValueError: shapes that differ, a target outside [0, 1], a setting out of range, an unknown reduction.

    References:
        Zhang et al., VarifocalNet: an IoU-aware dense object detector, 2021, https://arxiv.org/abs/2008.13367,
        equation 2.

    Example:
        >>> varifocal_loss(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 0.0]), reduction="none")
        tensor([0.6931, 0.1300])
    """
    check_tensors(logits=logits, target=target)
    check_reduction(reduction)
    check_floating("logits", logits)
    check_fraction("alpha", alpha)
    check_positive("gamma", gamma, zero=True)
    scores, quality, valid = _binary_entries(logits, target, ignore_index)
    focal = alpha * torch.exp(gamma * F.logsigmoid(scores))  # p to the power gamma
    weight = torch.where(quality > 0, quality, focal)
    values = F.binary_cross_entropy_with_logits(scores, quality, reduction="none")
    return _reduce_entries(weight * values, valid, reduction, logits)


VarifocalLoss = as_module("VarifocalLoss", varifocal_loss)


@gradient_of(varifocal_loss)
def _varifocal_gradient(logits: Tensor, target: Tensor, *, alpha: float = 0.75, gamma: float = 2.0) -> Tensor:
    r""":math:`\partial\ell / \partial z = q (p - q)` for a positive; :math:`\alpha p^\gamma \big( p -
    \gamma (1 - p) \log (1 - p) \big)` for a negative."""
    p = logits.sigmoid()
    negative = alpha * p**gamma * (p + gamma * (1 - p) * F.softplus(logits))
    return torch.where(target > 0, target * (p - target), negative) / logits.numel()


@loss(
    tasks=("object detection", "object tracking"),
    names=("Gaussian focal", "CenterNet focal", "penalty-reduced focal"),
    domain={"logits": "confidence logits", "target": "heat map"},
    range=(0.0, float("inf")),
    properties=_SCORES | {
        "convex": no("its slope falls again where a false alarm is sure", first=[[1.0]], other=[[9.0]],
                     target=[[0.0]]),
        "lipschitz": up_to(12.0, "for maps of up to 100 entries; one peak pays for all of them"),
        "symmetric": not_applicable("the prediction is a logit, the target a heat map"),
        "proper": not_applicable("the target is a heat map, not a label"),
        "scale_invariant": not_applicable("the prediction is a logit, the target a heat map"),
    },
    cases=({"alpha": 1.0}, {"alpha": 0.0}, {"beta": 1.0}, {"ignore_index": 255}),
    unit="the number of peaks",
    chapter=4,
)  # fmt: skip
def gaussian_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 2.0,
    beta: float = 4.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Gaussian focal loss: focal loss for a heat map whose peaks are objects and whose slopes are excused.

    .. math::

        \ell = \begin{cases} -(1 - p)^\alpha \log p & y = 1 \\
                             -(1 - y)^\beta\, p^\alpha \log (1 - p) & y < 1 \end{cases}

    Args:
        logits: raw scores, any shape; one per class and place.
        target: heat map :math:`y` in [0, 1], exactly 1 at the center of each object and a Gaussian around it; the shape
            of the logits.
        alpha: focusing exponent, at least 0.
        beta: how much is excused around a peak, at least 0.
        ignore_index: value of the target that marks entries which do not count, or `None`.
        reduction: `"none"` gives the shape of the logits; `"mean"` divides by the number of peaks, as the paper does,
            and by 1 where there is none.

    Returns:
        The loss in nats: a scalar, or the shape of the logits for `reduction="none"`.

    Raises:
        TypeError: logits that are not floating-point.
        ValueError: shapes that differ, a target outside [0, 1], a negative exponent, an unknown reduction.

    References:
        Law and Deng, CornerNet, 2018, https://arxiv.org/abs/1808.01244, equation 1; Zhou, Wang and Krähenbühl, Objects
        as points, 2019, https://arxiv.org/abs/1904.07850.

    Example:
        >>> gaussian_focal_loss(torch.tensor([0.0, 0.0, 0.0]), torch.tensor([1.0, 0.5, 0.0]), reduction="none")
        tensor([0.1733, 0.0108, 0.1733])
    """
    check_tensors(logits=logits, target=target)
    check_reduction(reduction)
    check_floating("logits", logits)
    check_positive("alpha", alpha, zero=True)
    check_positive("beta", beta, zero=True)
    scores, heat, valid = _binary_entries(logits, target, ignore_index)
    peak = heat == 1
    wrong = torch.where(peak, -scores, scores)  # the logit of being wrong
    values = F.softplus(wrong) * torch.exp(alpha * F.logsigmoid(wrong))
    values = torch.where(peak, values, (1 - heat) ** beta * values)
    if valid is not None:
        peak, values = peak & valid, torch.where(valid, values, 0.0)
    return reduce(values, reduction, peak.to(values.dtype), logits.dtype)


GaussianFocalLoss = as_module("GaussianFocalLoss", gaussian_focal_loss)


@gradient_of(gaussian_focal_loss)
def _gaussian_focal_gradient(logits: Tensor, target: Tensor, *, alpha: float = 2.0, beta: float = 4.0) -> Tensor:
    r"""With :math:`u = -z` at a peak and :math:`u = z` elsewhere, :math:`m = \sigma(u)` and :math:`w = 1` or
    :math:`(1 - y)^\beta`: :math:`\partial\ell / \partial u = w\, m^\alpha \big( m - \alpha (1 - m) \log (1 - m) \big)`,
    over the number of peaks."""
    peak = target == 1
    sign = torch.where(peak, -1.0, 1.0).to(logits.dtype)
    wrong = sign * logits
    m = wrong.sigmoid()
    slope = m**alpha * (m + alpha * (1 - m) * F.softplus(wrong))
    return sign * torch.where(peak, 1.0, (1 - target) ** beta) * slope / peak.sum().clamp_min(1)


@loss(
    tasks=("object detection",),
    names=("distribution focal", "DFL"),
    domain={"logits": "logits", "target": "positions between bins"},
    range=(0.0, float("inf")),
    properties=_SCORES | {
        "convex": yes,
        "bounded": no("a confident mistake costs as much as its logit", first=[[0.0, 200.0]], target=[0.0]),
        "symmetric": not_applicable("the prediction holds logits, the target a position"),
        "proper": not_applicable("the target is a position, not a label"),
        "scale_invariant": not_applicable("the prediction holds logits, the target a position"),
    },
    chapter=4,
)  # fmt: skip
def distribution_focal_loss(logits: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Distribution focal loss (DFL): how well a distribution over bins gathers around a position between two of them.

    .. math::

        \ell = -\big( (i + 1 - y) \log S_i + (y - i) \log S_{i+1} \big), \qquad S = \mathrm{softmax}(z),\;
        i \le y \le i + 1

    Detectors predict each side of a box this way, as the mean of :math:`S`. The minimum, where the two bins share the
    probability as the distances say, is the entropy of that share, 0 at a bin.

    Args:
        logits: raw scores of the bins 0 to `C - 1`, `(N, C, *)`.
        target: position :math:`y` in [0, C - 1], in units of bins, `(N, *)` floats.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of positions (the paper weighs each by the
            quality of its box and divides by the number of positives).

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`.

    Raises:
        TypeError: a target that is not floating-point.
        ValueError: shapes that do not go together, a position out of range, an unknown reduction.

    References:
        Li et al., Generalized focal loss, 2020, https://arxiv.org/abs/2006.04388, equation 6.

    Example:
        >>> distribution_focal_loss(torch.zeros(1, 4), torch.tensor([1.25]))
        tensor(1.3863)
    """
    check_tensors(logits=logits, target=target)
    check_reduction(reduction)
    check_floating("logits", logits)
    if logits.dim() < 2 or logits.shape[1] < 2:
        raise ValueError(f"logits must have shape (N, C, *) with two bins or more, got {tuple(logits.shape)}")
    expected = (logits.shape[0], *logits.shape[2:])
    if target.shape != expected:
        raise ValueError(f"target must have shape {expected}, got {tuple(target.shape)}")
    check_floating("target", target)
    last = logits.shape[1] - 1
    if target.numel() and known(target, lambda: ((target >= 0) & (target <= last)).all()) is False:
        raise ValueError(f"target must lie in [0, {last}], between the first bin and the last, got values outside")
    scores, position = together(logits, target)
    below = position.detach().floor().clamp(0, last - 1)
    index = below.long().unsqueeze(1)
    log_p = scores.log_softmax(1)
    here, next_one = log_p.gather(1, index).squeeze(1), log_p.gather(1, index + 1).squeeze(1)
    share = position - below
    return reduce(-((1 - share) * here + share * next_one), reduction, dtype=logits.dtype)


DistributionFocalLoss = as_module("DistributionFocalLoss", distribution_focal_loss)


@gradient_of(distribution_focal_loss)
def _distribution_focal_gradient(logits: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\ell / \partial z_c = S_c - \max(0, 1 - |c - y|)`: what is predicted minus what the distances
    say."""
    bins = torch.arange(logits.shape[1], dtype=logits.dtype).reshape(1, -1, *[1] * (logits.dim() - 2))
    share = (1 - (bins - target.unsqueeze(1)).abs()).clamp_min(0)
    return (logits.softmax(1) - share) / target.numel()


# --------------------------------------------------------------------------------------------------------------------
# Offsets, and everything together


@loss(
    tasks=("object detection",),
    names=("balanced L1", "Libra R-CNN"),
    domain={"prediction": "real numbers", "target": "real numbers"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(1.5),
        "smooth": yes,
        "bounded": no("it grows in proportion to the error", first=[[[100.0]]], target=[[[0.0]]]),
        "symmetric": yes,
        "proper": not_applicable("the target is a number, not a label"),
        "scale_invariant": no("errors have a unit", first=[[[4.0]]], target=[[[0.0]]]),
        "permutation_invariant": yes,
    },
    cases=({"alpha": 1.0}, {"gamma": 1.0}, {"beta": 0.5}, {"beta": 4.0, "alpha": 0.8}),
    chapter=4,
)
def balanced_l1_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.5,
    gamma: float = 1.5,
    beta: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Balanced L1 loss: smooth L1 whose small errors get more of the gradient.

    .. math::

        \ell = \begin{cases} \frac{\alpha \beta}{b} \big( (1 + u) \log (1 + u) - u \big) & |r| < \beta \\
                             \gamma |r| + \frac{\gamma \beta}{b} - \alpha \beta & \text{else} \end{cases}
        \qquad u = \frac{b |r|}{\beta},\; r = \hat y - y,\; b = e^{\gamma / \alpha} - 1

    The gradient is :math:`\alpha \log(1 + u)` up to :math:`|r| = \beta`, where it reaches :math:`\gamma`.

    Args:
        prediction: predicted offsets of a box, any shape.
        target: true offsets, the same shape.
        alpha: above 0; the smaller, the more small errors count.
        gamma: above 0; the largest slope.
        beta: above 0; the error from which on the loss is linear. The paper has 1; MMDetection's formula has this
            gradient for 1 only.
        reduction: `"none"` gives the shape of the prediction; `"mean"` divides by the number of entries.

    Returns:
        The loss: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a setting that is not positive, an unknown reduction.

    References:
        Pang et al., Libra R-CNN: towards balanced learning for object detection, 2019,
        https://arxiv.org/abs/1904.02701.

    Example:
        >>> balanced_l1_loss(torch.tensor([0.5, 2.0]), torch.tensor([0.0, 0.0]), reduction="none")
        tensor([0.4006, 2.5786])
    """
    check_tensors(prediction=prediction, target=target)
    check_reduction(reduction)
    check_floating("prediction", prediction)
    check_same_shape("target", target, "prediction", prediction)
    for name, value in (("alpha", alpha), ("gamma", gamma), ("beta", beta)):
        check_positive(name, value)
    b = math.expm1(gamma / alpha)

    def curve(error: Tensor) -> Tensor:
        size = error.abs()
        u = b / beta * size.clamp_max(beta)
        near = alpha * beta / b * ((1 + u) * torch.log1p(u) - u)
        return near + gamma * (size - beta).clamp_min(0)

    def slope(error: Tensor) -> Tensor:
        return alpha * torch.log1p(b / beta * error.abs().clamp_max(beta)) * error.sign()

    values = with_slope(curve, slope, torch.sub(*together(prediction, target)))
    return reduce(values, reduction, dtype=prediction.dtype)


BalancedL1Loss = as_module("BalancedL1Loss", balanced_l1_loss)


@gradient_of(balanced_l1_loss)
def _balanced_l1_gradient(
    prediction: Tensor, target: Tensor, *, alpha: float = 0.5, gamma: float = 1.5, beta: float = 1.0
) -> Tensor:
    r""":math:`\partial\ell / \partial \hat y = \mathrm{sign}(r)\, \min\big( \alpha \log (1 + u), \gamma \big)`."""
    error = prediction - target
    slope = alpha * torch.log1p(math.expm1(gamma / alpha) / beta * error.abs())
    return error.sign() * slope.clamp_max(gamma) / error.numel()


@loss(
    tasks=("object detection",),
    names=("detection loss", "classification + box + objectness"),
    domain={
        "logits": "class logits of candidates", "boxes": "boxes", "objectness": "confidence logits",
        "target": "labels or background", "target_boxes": "boxes",
    },
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(2.0),
        "smooth": yes,
        "bounded": no("a confident mistake costs as much as its logit", first=[[-200.0, 200.0]], boxes=_UNIT,
                      objectness=[0.0], target=[0], target_boxes=_UNIT),
        "symmetric": not_applicable("predictions are logits and boxes, the truth labels and boxes"),
        "proper": not_applicable("the truth has several parts"),
        "scale_invariant": not_applicable("predictions are logits and boxes, the truth labels and boxes"),
        "permutation_invariant": yes,
    },
    cases=({"box_loss": "iou"}, {"box_loss": "diou", "box_weight": 2.5}, {"class_weight": 0.5},
           {"objectness_weight": 0.2}, {"background": 2}),
    differentiable=("logits", "boxes", "objectness"),
    couples="the mean divides by the number of candidates that hold an object",
    unit="the number of candidates that hold an object",
    chapter=4,
)  # fmt: skip
def detection_loss(
    logits: Tensor,
    boxes: Tensor,
    objectness: Tensor,
    target: Tensor,
    target_boxes: Tensor,
    *,
    box_loss: str = "giou",
    class_weight: float = 1.0,
    box_weight: float = 1.0,
    objectness_weight: float = 1.0,
    background: int = -1,
    reduction: str = "mean",
) -> Tensor:
    r"""Detection loss: what a candidate holds, where it is, and whether it holds anything, in one sum.

    .. math::

        \mathcal L = \frac{1}{N_+} \Big[ \sum_{i: y_i \ge 0} \big( \lambda_c\, \ell_{\text{CE}}(z_i, y_i)
        + \lambda_b\, \ell_{\text{box}}(b_i, b_i^*) \big)
        + \sum_i \lambda_o\, \ell_{\text{BCE}}(o_i, [y_i \ge 0]) \Big]

    The multi-task sum of one-stage detectors: class and box of the candidates that hold an object, objectness of all.
    All three are divided by :math:`N_+`, the number of candidates that hold an object (RetinaNet's normalization), by 1
    where none does. What another loss should judge (focal loss for objectness) is summed by hand the same way.

    Args:
        logits: class scores of each candidate, `(N, C, *)`.
        boxes: predicted boxes `x1, y1, x2, y2`, `(N, *, 4)`.
        objectness: logits that the candidate holds an object, `(N, *)`.
        target: class of the object that the candidate was matched with, or `background`; `(N, *)` integers.
        target_boxes: its box, `(N, *, 4)`; what stands there for background does not matter, not even NaN.
        box_loss: `"iou"`, `"giou"` or `"diou"`.
        class_weight: :math:`\lambda_c`, at least 0.
        box_weight: :math:`\lambda_b`, at least 0.
        objectness_weight: :math:`\lambda_o`, at least 0.
        background: label of candidates without an object.
        reduction: `"none"` gives `(N, *)`, all that a candidate costs; `"mean"` divides by :math:`N_+`.

    Returns:
        The loss: a scalar, or `(N, *)` for `reduction="none"`.

    Raises:
        TypeError: a float target.
        ValueError: shapes that do not go together, labels out of range, an unknown setting.

    References:
        Redmon et al., You only look once, 2016, https://arxiv.org/abs/1506.02640; Lin et al., Focal loss for dense
        object detection, 2017, https://arxiv.org/abs/1708.02002 (normalization).

    Example:
        >>> box = torch.tensor([[0.0, 0.0, 2.0, 1.0], [5.0, 5.0, 6.0, 6.0]])
        >>> detection_loss(torch.zeros(2, 3), box, torch.zeros(2), torch.tensor([2, -1]), box)
        tensor(2.4849)
    """
    check_tensors(logits=logits, boxes=boxes, objectness=objectness, target=target, target_boxes=target_boxes)
    check_reduction(reduction)
    check_choice("box_loss", box_loss, ("iou", "giou", "diou"))
    weights = {"class_weight": class_weight, "box_weight": box_weight, "objectness_weight": objectness_weight}
    for name, value in weights.items():
        check_positive(name, value, zero=True)
    for name, tensor in {"logits": logits, "boxes": boxes, "objectness": objectness}.items():
        check_floating(name, tensor)
    check_class_scores("logits", logits)
    check_labels(target, logits.shape, "logits", background)
    check_same_shape("objectness", objectness, "target", target)
    if boxes.shape != (*target.shape, 4):
        raise ValueError(f"boxes must have shape {(*target.shape, 4)}, got {tuple(boxes.shape)}")
    check_same_shape("target_boxes", target_boxes, "boxes", boxes)
    scores, boxes, objectness, target_boxes = together(logits, boxes, objectness, target_boxes)

    positive = target != background
    labels = torch.where(positive, target.long(), 0)
    scores = torch.where(positive.unsqueeze(1), scores, 0.0)
    boxes, target_boxes = (torch.where(positive.unsqueeze(-1), b, 0.0) for b in (boxes, target_boxes))
    pair_loss = {"iou": iou_loss, "giou": giou_loss, "diou": diou_loss}[box_loss]
    found = class_weight * F.cross_entropy(scores, labels, reduction="none")
    found = found + box_weight * pair_loss(boxes, target_boxes, reduction="none")
    present = positive.to(scores.dtype)
    there = F.binary_cross_entropy_with_logits(objectness, present, reduction="none")
    return reduce(torch.where(positive, found, 0.0) + objectness_weight * there, reduction, present, logits.dtype)


DetectionLoss = as_module("DetectionLoss", detection_loss)


@gradient_of(detection_loss)
def _detection_gradient(
    logits: Tensor,
    boxes: Tensor,  # noqa: ARG001
    objectness: Tensor,  # noqa: ARG001
    target: Tensor,
    target_boxes: Tensor,  # noqa: ARG001
    *,
    class_weight: float = 1.0,
    background: int = -1,
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_{ic} = \lambda_c (p_{ic} - [c = y_i]) / N_+` for a candidate with an
    object, else 0."""
    positive = target != background
    truth = F.one_hot(torch.where(positive, target, 0), logits.shape[1]).movedim(-1, 1)
    slope = class_weight * (logits.softmax(1) - truth) / positive.sum().clamp_min(1)
    return torch.where(positive.unsqueeze(1), slope, 0.0)
