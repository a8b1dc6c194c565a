"""Lines of boxes and of what goes with them."""

from __future__ import annotations

import torch

from ...catalogue import LossCard
from ._lines import Line, double, line


@line(kinds=("boxes", "boxes (in half precision up to 100)"))
def _box_slides(_: LossCard) -> Line:
    target, size = double([0.0, 0.0, 2.0, 1.0]), double(-0.9, -0.6, 0.9, 0.6)
    return Line(
        "shift to the side, in half widths",
        -3.0,
        3.0,
        lambda x: ((size + double(1.0, 0.5, 1.0, 0.5) + x * double(1.0, 0.0, 1.0, 0.0)).unsqueeze(0), target),
        "The target is 2 wide and 1 high; a box of 1.8 by 1.2 slides across it.",
    )


@line(kinds=("rotated boxes",))
def _rotated_box_slides(_: LossCard) -> Line:
    target = double([0.0, 0.0, 2.0, 1.0, 0.0])
    return Line(
        "shift to the side, in half widths",
        -3.0,
        3.0,
        lambda x: (torch.stack([x, *double(0.0, 1.8, 1.2, 0.5)]).unsqueeze(0), target),
        "The target is 2 wide and 1 high; a box of 1.8 by 1.2, turned by half a radian, slides across it.",
    )


@line(kinds=("confidence logits",))
def _confidence_of_a_place(card: LossCard) -> Line:
    quality = "qualities" in card.domain.values()
    target = double(0.7 if quality else 1.0)
    return Line(
        "logit",
        -6.0,
        6.0,
        lambda x: (x.unsqueeze(0), target),
        "One place that holds an object; its box overlaps the truth by 0.7." if quality else "One place, a peak.",
    )


@line(losses=("distribution_focal_loss",))
def _between_two_bins(_: LossCard) -> Line:
    target = double(1.3)
    return Line(
        "lead of bin 1 over bin 2",
        -6.0,
        6.0,
        lambda x: (torch.stack([double(-10.0)[0], x / 2, -x / 2, double(-10.0)[0]]).unsqueeze(0), target),
        "The position is 1.3: bin 1 should get 0.7, bin 2 the rest.",
    )


@line(losses=("detection_loss",))
def _candidate_box_slides(_: LossCard) -> Line:
    logits, target_boxes = double([4.0, 0.0, 0.0]), double([0.0, 0.0, 2.0, 1.0])
    return Line(
        "shift of the box to the side, in half widths",
        -3.0,
        3.0,
        lambda x: (
            logits,
            target_boxes + x * double([1.0, 0.0, 1.0, 0.0]),
            double(4.0),
            torch.zeros(1, dtype=torch.long),
            target_boxes,
        ),
        "One candidate, sure of the right class; its box slides across the true one.",
    )
