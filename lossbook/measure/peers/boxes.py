"""Who has the losses of object detection as well."""

from __future__ import annotations

import torch
from torch import Tensor

from ._entry import Entry, Input, noise


def box_pairs(N: int = 200_000) -> dict[str, Tensor]:
    """Boxes `y` in a picture, and predictions `z` that mostly overlap them."""
    place, size = torch.rand(2, N, 2, generator=torch.Generator().manual_seed(0))
    low = 500 * place
    y = torch.cat([low, low + 10 + 90 * size], 1)
    return {"z": y + 3 * noise(N, 4, seed=1).clamp(-1.5, 1.5), "y": y}


def candidates(N: int = 20_000, C: int = 80) -> dict[str, Tensor]:
    """Scores `z` of candidates, of which one in ten holds an object `y`, and how good the box of each is, `q`."""
    generator = torch.Generator().manual_seed(0)
    y = torch.zeros(N, C)
    y[torch.arange(0, N, 10), torch.randint(C, (len(range(0, N, 10)),), generator=generator)] = 1
    return {"z": 2 * noise(N, C, seed=1) - 3 + 4 * y, "y": y, "q": y * torch.rand(N, 1, generator=generator)}


def sides(N: int = 100_000, bins: int = 17) -> dict[str, Tensor]:
    """Scores `z` of the bins of a side of a box, and its true length `y` in bins."""
    return {
        "z": 2 * noise(N, bins, seed=0),
        "y": (bins - 1.01) * torch.rand(N, generator=torch.Generator().manual_seed(1)),
    }


BOXES, CANDIDATES, SIDES = "200000x4", "20000x80", "100000x17"
INPUTS: dict[str, Input] = {BOXES: box_pairs, CANDIDATES: candidates, SIDES: sides}
SMALL: dict[str, Input] = {
    BOXES: lambda: box_pairs(5),
    CANDIDATES: lambda: candidates(4, 3),
    SIDES: lambda: sides(5, 4),
}

# As detectors write them, from the columns of two sets of boxes.
IOU = (
    "(lambda a, b: (lambda i: i / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - i))("
    "(a[2].minimum(b[2]) - a[0].maximum(b[0])).clamp(0) * (a[3].minimum(b[3]) - a[1].maximum(b[1])).clamp(0)))"
)
AROUND = "(lambda a, b: (a[2].maximum(b[2]) - a[0].minimum(b[0]), a[3].maximum(b[3]) - a[1].minimum(b[1])))"
FAR = "(lambda a, b: ((a[0] + a[2] - b[0] - b[2]) ** 2 + (a[1] + a[3] - b[1] - b[3]) ** 2) / 4)"
SCALED = (
    "(lambda b: torch.cat([0.875 * b[:, :2] + 0.125 * b[:, 2:], 0.125 * b[:, :2] + 0.875 * b[:, 2:]], 1).unbind(1))"
)

ENTRIES = (
    Entry("iou_loss", BOXES, "lb.iou_loss(z, y)", (f"(1 - {IOU}(z.unbind(1), y.unbind(1))).mean()",)),
    Entry(
        "eiou_loss",
        BOXES,
        "lb.eiou_loss(z, y)",
        (
            (
                f"(lambda a, b: (lambda c: 1 - {IOU}(a, b) + {FAR}(a, b) / (c[0] ** 2 + c[1] ** 2)"
                " + ((a[2] - a[0] - b[2] + b[0]) / c[0]) ** 2 + ((a[3] - a[1] - b[3] + b[1]) / c[1]) ** 2)"
                f"({AROUND}(a, b)).mean())(z.unbind(1), y.unbind(1))"
            ),
        ),
    ),
    Entry(
        "inner_iou_loss",
        BOXES,
        "lb.inner_iou_loss(z, y, ratio=0.75)",
        (f"(1 - {IOU}({SCALED}(z), {SCALED}(y))).mean()",),
    ),
    Entry(
        "mpdiou_loss",
        BOXES,
        "lb.mpdiou_loss(z, y, image_size=(600, 800))",
        (f"(1 - {IOU}(z.unbind(1), y.unbind(1)) + (z - y).square().sum(1) / 1e6).mean()",),
    ),
    Entry(
        "wise_iou_loss",
        BOXES,
        "lb.wise_iou_loss(z, y)",
        (
            (
                f"(lambda a, b: (lambda c: ({FAR}(a, b) / (c[0] ** 2 + c[1] ** 2).detach()).exp())({AROUND}(a, b))"
                f" * (1 - {IOU}(a, b)))(z.unbind(1), y.unbind(1)).mean()"
            ),
        ),
    ),
    Entry(
        "wise_iou_loss",
        BOXES,
        "lb.wise_iou_loss(z, y, focusing='dynamic', mean=0.2)",
        (
            (
                f"(lambda a, b: (lambda c, l: ({FAR}(a, b) / (c[0] ** 2 + c[1] ** 2).detach()).exp() * l"
                " * (l.detach() / 0.2 / (3 * 1.9 ** (l.detach() / 0.2 - 3))))"
                f"({AROUND}(a, b), 1 - {IOU}(a, b)))(z.unbind(1), y.unbind(1)).mean()"
            ),
        ),
    ),
    Entry(
        "giou_loss",
        BOXES,
        "lb.giou_loss(z, y)",
        ("ops.generalized_box_iou_loss(z, y, 'mean')", "monai.BoxGIoULoss()(z, y)"),
    ),
    Entry("diou_loss", BOXES, "lb.diou_loss(z, y)", ("ops.distance_box_iou_loss(z, y, 'mean')",)),
    Entry("ciou_loss", BOXES, "lb.ciou_loss(z, y)", ("ops.complete_box_iou_loss(z, y, 'mean')",)),
    Entry(
        "quality_focal_loss",
        CANDIDATES,
        "lb.quality_focal_loss(z, y)",
        ("ops.sigmoid_focal_loss(z, y, alpha=-1, gamma=2, reduction='mean')",),
    ),
    Entry(
        "quality_focal_loss",
        CANDIDATES,
        "lb.quality_focal_loss(z, q)",
        (("((q - z.sigmoid()).abs() ** 2 * F.binary_cross_entropy_with_logits(z, q, reduction='none')).mean()"),),
    ),
    Entry(
        "distribution_focal_loss",
        SIDES,
        "lb.distribution_focal_loss(z, y)",
        (
            (
                "((1 - y % 1) * F.cross_entropy(z, y.long(), reduction='none')"
                " + y % 1 * F.cross_entropy(z, y.long() + 1, reduction='none')).mean()"
            ),
        ),
    ),
    Entry(
        "balanced_l1_loss",
        CANDIDATES,
        "lb.balanced_l1_loss(z, y, alpha=1.0, gamma=1.0)",
        (
            (
                "(lambda r, b: torch.where(r < 1, ((b * r + 1) * torch.log1p(b * r) / b - r),"
                " r + 1 / b - 1))((z - y).abs(), 1.718281828459045).mean()"
            ),
        ),
    ),
)
