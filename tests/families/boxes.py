"""Kinds of the losses for object detection."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from samples import CLASSES, Sample, held_fixed, ideal_for, kind, perfect_for
from torch import Tensor

import lossbook as lb
from lossbook.catalogue import LossCard


def _degenerate(boxes: Tensor, magnitude: float) -> list[Tensor]:
    """Huge, without width, without height, a point, inverted, and far away."""
    low, high = boxes[..., :2], boxes[..., 2:]
    x1, y1, x2, y2 = boxes.unbind(-1)
    return [
        boxes.new_tensor([-magnitude, -magnitude, magnitude, magnitude]).expand_as(boxes).clone(),
        torch.stack([x1, y1, x1, y2], -1),
        torch.stack([x1, y1, x2, y1], -1),
        torch.cat([low, low], -1),
        torch.cat([high, low], -1),
        boxes + magnitude,
    ]


@kind("boxes", axis=-2, adverse=_degenerate)
def _boxes(s: Sample) -> Tensor:
    return _scale(s) * _unscaled_boxes(s)


def _degenerate_up_to_100(boxes: Tensor, magnitude: float) -> list[Tensor]:
    return _degenerate(boxes, min(magnitude, 100.0))


@kind("boxes (in half precision up to 100)", axis=-2, adverse=_degenerate_up_to_100)
def _moderate_boxes(s: Sample) -> Tensor:
    return min(_scale(s), 20.0) * _unscaled_boxes(s)


def _unscaled_boxes(s: Sample) -> Tensor:
    center, half = 0.5 * s.normal(s.batch, *s.size, 2), 0.15 + 0.7 * s.uniform(s.batch, *s.size, 2)
    return torch.cat([center - half, center + half], -1)


def _scale(s: Sample) -> float:
    """Slopes are as large as boxes are small: from a tenth on they fit into float16."""
    return max(s.scale, 0.1) if s.scale else 0.0


def _degenerate_rotated(boxes: Tensor, magnitude: float) -> list[Tensor]:
    """Without width, a point, a negative side, huge, and far away."""
    sides = boxes.new_tensor([0.0, 0.0, 1.0, 1.0, 0.0]) == 1
    flat = boxes.clone()
    flat[..., 2] = 0
    return [
        flat,
        torch.where(sides, 0.0, boxes),
        torch.where(sides, -boxes, boxes),
        torch.where(sides, magnitude, boxes),
        boxes + magnitude,
    ]


@kind("rotated boxes", axis=-2, adverse=_degenerate_rotated)
def _rotated_boxes(s: Sample) -> Tensor:
    shape, scale = (s.batch, *s.size), min(_scale(s), 20.0)  # so that squares of distances fit into float16
    center, sides = 0.5 * scale * s.normal(*shape, 2), scale * (0.3 + 1.4 * s.uniform(*shape, 2))
    return torch.cat([center, sides, 2 * math.pi * s.uniform(*shape, 1)], -1)


@held_fixed("ciou_loss")
def _with_alpha_held(boxes: Tensor, target: Tensor, **settings: Any) -> Callable[..., Tensor]:
    """Complete IoU from its parts, the weight of the aspect ratio as it is at these boxes."""
    if settings.get("detach_alpha") is False:
        return lb.ciou_loss
    alpha = _alpha(boxes, target, settings.get("gated", False))

    def function(boxes: Tensor, target: Tensor, *, gated: bool = False, weight: Tensor | None = None,
                 reduction: str = "mean") -> Tensor:  # fmt: skip
        values = lb.diou_loss(boxes, target, reduction="none") + alpha * _aspects(boxes, target)
        return _reduced(values, weight, reduction)

    return function


@held_fixed("alpha_iou_loss")
def _with_the_weight_of_the_aspect_held(boxes: Tensor, target: Tensor, **settings: Any) -> Callable[..., Tensor]:
    if settings.get("penalty") != "ciou":
        return lb.alpha_iou_loss
    weight_of_aspect = _alpha(boxes, target, gated=False)

    def function(boxes: Tensor, target: Tensor, *, alpha: float = 3.0, penalty: str = "ciou",
                 reduction: str = "mean") -> Tensor:  # fmt: skip
        values = lb.alpha_iou_loss(boxes, target, alpha=alpha, penalty="diou", reduction="none")
        return _reduced(values + (weight_of_aspect * _aspects(boxes, target)) ** alpha, None, reduction)

    return function


@held_fixed("inner_iou_loss")
def _with_the_aspect_of_inner_iou_held(boxes: Tensor, target: Tensor, **settings: Any) -> Callable[..., Tensor]:
    if settings.get("penalty") != "ciou":
        return lb.inner_iou_loss
    weight_of_aspect = _alpha(boxes, target, gated=False)

    def function(boxes: Tensor, target: Tensor, *, ratio: float = 0.75, penalty: str = "ciou",
                 reduction: str = "mean") -> Tensor:  # fmt: skip
        values = lb.inner_iou_loss(boxes, target, ratio=ratio, penalty="diou", reduction="none")
        return _reduced(values + weight_of_aspect * _aspects(boxes, target), None, reduction)

    return function


@held_fixed("wise_iou_loss")
def _with_the_diagonal_and_the_gain_held(boxes: Tensor, target: Tensor, **settings: Any) -> Callable[..., Tensor]:
    """Wise IoU from its parts; the gain is what focusing makes of the loss at these boxes."""
    if settings.get("detach_diagonal") is False and settings.get("focusing", "none") == "none":
        return lb.wise_iou_loss
    held = _squared_diagonal(boxes, target)
    plain = lb.wise_iou_loss(boxes, target, reduction="none")
    gain = lb.wise_iou_loss(boxes, target, **settings | {"weight": None}, reduction="none") / plain

    def function(boxes: Tensor, target: Tensor, *, detach_diagonal: bool = True, weight: Tensor | None = None,
                 reduction: str = "mean", **_: Any) -> Tensor:  # fmt: skip
        diagonal = held if detach_diagonal else _squared_diagonal(boxes, target)
        step = (boxes[..., :2] + boxes[..., 2:] - target[..., :2] - target[..., 2:]) / 2
        factor = gain * torch.exp((step**2).sum(-1) / diagonal)
        return _reduced(factor * lb.iou_loss(boxes, target, reduction="none"), weight, reduction)

    return function


def _squared_diagonal(boxes: Tensor, target: Tensor) -> Tensor:
    high, low = torch.maximum(boxes, target)[..., 2:], torch.minimum(boxes, target)[..., :2]
    return ((high - low) ** 2).sum(-1)


def _aspects(boxes: Tensor, target: Tensor) -> Tensor:
    angles = [torch.atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (boxes, target)]
    return 4 / math.pi**2 * (angles[0] - angles[1]) ** 2


def _alpha(boxes: Tensor, target: Tensor, gated: bool) -> Tensor:
    wrong, aspects = lb.iou_loss(boxes, target, reduction="none"), _aspects(boxes, target)
    return aspects / (wrong + aspects) * (wrong <= 0.5 if gated else 1.0)


def _reduced(values: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    weight = torch.ones_like(values) if weight is None else weight.expand_as(values)
    values = values * weight
    return {"none": values, "sum": values.sum(), "mean": values.sum() / weight.sum()}[reduction]


# --- scores of dense detectors ----------------------------------------------------------------------------------------


@kind("confidence logits", any_layout=True, everywhere=True)
def _confidence_logits(s: Sample) -> Tensor:
    return s.scale * s.normal(s.batch, *s.size)


def _with_ignored(s: Sample, values: Tensor) -> Tensor:
    ignore_index = s.settings.get("ignore_index")
    if ignore_index is None:
        return values
    return torch.where(s.uniform(*values.shape) < 0.3, float(ignore_index), values)


@kind("qualities", any_layout=True)
def _qualities(s: Sample) -> Tensor:
    """Half of them of objects, half 0."""
    shape = (s.batch, *s.size)
    return _with_ignored(s, s.uniform(*shape) * s.integers(2, *shape))


@perfect_for("qualities")
def _logits_of(card: LossCard, settings: Mapping[str, Any], quality: Tensor) -> Tensor:
    return quality.logit().clamp(-100, 100)


@kind("heat map", any_layout=True)
def _heat_map(s: Sample) -> Tensor:
    """A fifth are peaks."""
    shape = (s.batch, *s.size)
    return _with_ignored(s, torch.where(s.uniform(*shape) < 0.2, 1.0, s.uniform(*shape)))


@perfect_for("heat map")
def _sure_of_peaks(card: LossCard, settings: Mapping[str, Any], heat: Tensor) -> Tensor:
    return torch.where(heat == 1, 100.0, -100.0).double()


@ideal_for("varifocal_loss")
def _only_negatives() -> list[Tensor]:
    return [torch.full((2, 3), -100.0).double(), torch.zeros(2, 3).double()]


@kind("positions between bins", any_layout=True)
def _positions(s: Sample) -> Tensor:
    return (CLASSES - 1) * s.uniform(s.batch, *s.size)


@perfect_for("positions between bins")
def _shared_between_two_bins(card: LossCard, settings: Mapping[str, Any], position: Tensor) -> Tensor:
    bins = torch.arange(CLASSES).double().reshape(1, -1, *[1] * (position.dim() - 1))
    return (1 - (bins - position.unsqueeze(1)).abs()).clamp_min(1e-40).log()


@ideal_for("distribution_focal_loss")
def _at_a_bin() -> list[Tensor]:
    return [torch.tensor([[0.0, 100.0, 0.0]]).double(), torch.tensor([1.0]).double()]


# --- everything together ----------------------------------------------------------------------------------------------


@kind("class logits of candidates", axis=-1, everywhere=True)
def _class_logits(s: Sample) -> Tensor:
    return s.scale * s.normal(s.batch, CLASSES, *s.size)


@kind("labels or background", axis=-1)
def _labels_or_background(s: Sample) -> Tensor:
    """Half of the candidates hold an object."""
    shape, background = (s.batch, *s.size), s.settings.get("background", -1)
    labels = s.integers(CLASSES, *shape)
    return torch.where(s.uniform(*shape) < 0.5, background, labels)


@perfect_for("labels or background")
def _sure_of_the_class(card: LossCard, settings: Mapping[str, Any], boxes: Tensor, objectness: Tensor, target: Tensor,
                       *_: Tensor) -> Tensor:  # fmt: skip
    labels = target.clamp_min(0)
    return 100.0 * torch.nn.functional.one_hot(labels, CLASSES).movedim(-1, 1).double()


@ideal_for("detection_loss")
def _everything_right() -> list[Tensor]:
    box = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 2.0, 2.0]]).double()
    logits = torch.tensor([[100.0, 0.0, 0.0], [0.0, 0.0, 0.0]]).double()
    return [logits, box, torch.tensor([100.0, -100.0]).double(), torch.tensor([0, -1]), box]
