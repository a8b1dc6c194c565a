"""Who else computes the losses of object detection, and how: see `entries.py` for the form."""

from __future__ import annotations

import numpy as np
from entries import IN_FLOAT32, Case, Difference, Reference

TITLE = "Boxes"

PAIRS = ("boxes: overlapping", "boxes: near and far")
ROTATED = ("boxes: rotated",)


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Boxes by their corners, rotated ones, qualities, heat maps, positions between bins."""
    rng = np.random.default_rng(40)

    def exact(array: np.ndarray) -> np.ndarray:
        return array.astype(np.float32).astype(np.float64)

    def corners(spread: float) -> np.ndarray:
        low = rng.uniform(-spread, spread, (6, 2))
        return exact(np.concatenate([low, low + rng.uniform(2.0, 6.0, (6, 2))], 1))

    def rotated() -> np.ndarray:
        return exact(
            np.concatenate([rng.normal(0, 2, (6, 2)), rng.uniform(1, 5, (6, 2)), rng.uniform(0, 3, (6, 1))], 1)
        )

    quality = exact(rng.uniform(0, 1, (4, 5)) * rng.integers(2, size=(4, 5)))
    heat = exact(np.where(rng.uniform(size=(4, 5)) < 0.2, 1.0, rng.uniform(0, 1, (4, 5))))
    logits = exact(2 * rng.standard_normal((4, 5)))
    truth = corners(1.0)
    return {
        "boxes: overlapping": {"z": corners(1.0), "y": corners(1.0)},
        "boxes: near and far": {"z": corners(6.0), "y": corners(6.0)},
        "boxes: rotated": {"z": rotated(), "y": rotated()},
        "boxes: qualities": {"z": logits, "y": quality},
        "boxes: hard qualities": {"z": logits, "y": (quality > 0).astype(float)},
        "boxes: heat map": {"z": logits, "y": heat},
        "boxes: bins": {"z": exact(rng.standard_normal((5, 6))), "y": exact(rng.uniform(0, 5, 5))},
        "boxes: candidates": {"z": exact(rng.standard_normal((6, 3))), "b": corners(1.0),
                              "o": exact(rng.standard_normal(6)), "y": np.array([0, 2, -1, -1, 1, -1]), "t": truth},
    }  # fmt: skip


CASES = [
    Case("torchvision", "giou_loss", "ops.generalized_box_iou_loss(z, y, 'mean', eps=0)", "lb.giou_loss(z, y)", PAIRS),
    Case("torchvision", "giou_loss", "ops.generalized_box_iou_loss(z, y, eps=0)",
         "lb.giou_loss(z, y, reduction='none')", PAIRS),
    Case("torchvision", "diou_loss", "ops.distance_box_iou_loss(z, y, 'mean', eps=0)", "lb.diou_loss(z, y)", PAIRS),
    Case("torchvision", "ciou_loss", "ops.complete_box_iou_loss(z, y, 'mean', eps=0)", "lb.ciou_loss(z, y)", PAIRS,
         "alpha held fixed, not gated; a constant in float32", IN_FLOAT32),
    Case("monai", "giou_loss", "monai.BoxGIoULoss()(z, y)", "lb.giou_loss(z, y)", PAIRS, "", 5e-6, "float32"),
    Case("torchvision", "quality_focal_loss", "ops.sigmoid_focal_loss(z, y, alpha=-1, gamma=2, reduction='mean')",
         "lb.quality_focal_loss(z, y)", ("boxes: hard qualities",), "on labels it is focal loss"),
    Case("torch", "distribution_focal_loss",
         "((1 - y % 1) * F.cross_entropy(z, y.long(), reduction='none')"
         " + y % 1 * F.cross_entropy(z, y.long() + 1, reduction='none')).mean()",
         "lb.distribution_focal_loss(z, y)", ("boxes: bins",), "as detectors write it"),
]  # fmt: skip

REFERENCES = [
    Reference("iou_loss", "ref.iou(z, y)", "lb.iou_loss(z, y)", PAIRS),
    Reference("iou_loss", "ref.iou(z, y, 'log')", "lb.iou_loss(z, y, form='log')", PAIRS),
    Reference("iou_loss", "ref.iou(z, y, 'square')", "lb.iou_loss(z, y, form='square')", PAIRS),
    Reference("giou_loss", "ref.giou(z, y)", "lb.giou_loss(z, y)", PAIRS),
    Reference("diou_loss", "ref.diou(z, y)", "lb.diou_loss(z, y)", PAIRS),
    Reference("ciou_loss", "ref.ciou(z, y)", "lb.ciou_loss(z, y, detach_alpha=False)", PAIRS),
    Reference("eiou_loss", "ref.eiou(z, y)", "lb.eiou_loss(z, y)", PAIRS),
    Reference("focal_eiou_loss", "ref.focal_eiou(z, y, 0.5)", "lb.focal_eiou_loss(z, y)", PAIRS),
    Reference("siou_loss", "ref.siou(z, y)", "lb.siou_loss(z, y)", PAIRS),
    Reference("alpha_iou_loss", "ref.alpha_iou(z, y, 3.0)", "lb.alpha_iou_loss(z, y)", PAIRS),
    Reference("alpha_iou_loss", "ref.alpha_iou(z, y, 2.0, 'giou')",
              "lb.alpha_iou_loss(z, y, alpha=2.0, penalty='giou')",
              PAIRS),
    Reference("alpha_iou_loss", "ref.alpha_iou(z, y, 1.5, 'diou')",
              "lb.alpha_iou_loss(z, y, alpha=1.5, penalty='diou')",
              PAIRS),
    Reference("inner_iou_loss", "ref.inner_iou(z, y, 0.75)", "lb.inner_iou_loss(z, y)", PAIRS),
    Reference("inner_iou_loss", "ref.inner_iou(z, y, 1.25, 'giou')",
              "lb.inner_iou_loss(z, y, ratio=1.25, penalty='giou')", PAIRS),
    Reference("inner_iou_loss", "ref.inner_iou(z, y, 0.6, 'diou')",
              "lb.inner_iou_loss(z, y, ratio=0.6, penalty='diou')", PAIRS),
    Reference("mpdiou_loss", "ref.mpdiou(z, y)", "lb.mpdiou_loss(z, y)", PAIRS),
    Reference("mpdiou_loss", "ref.mpdiou(z, y, 6.0, 8.0)", "lb.mpdiou_loss(z, y, image_size=(6.0, 8.0))", PAIRS),
    Reference("wise_iou_loss", "ref.wise_iou(z, y)", "lb.wise_iou_loss(z, y, detach_diagonal=False)", PAIRS),
    Reference("gwd_loss", "ref.gwd(z, y)", "lb.gwd_loss(z, y)", (*PAIRS, *ROTATED)),
    Reference("gwd_loss", "ref.gwd(z, y, 'raw')", "lb.gwd_loss(z, y, form='raw')", (*PAIRS, *ROTATED)),
    Reference("gwd_loss", "ref.gwd(z, y, 'sqrt', 2.0)", "lb.gwd_loss(z, y, form='sqrt', tau=2.0)", ROTATED),
    Reference("nwd_loss", "ref.nwd(z, y)", "lb.nwd_loss(z, y)", (*PAIRS, *ROTATED)),
    Reference("kld_loss", "ref.kld(z, y)", "lb.kld_loss(z, y)", (*PAIRS, *ROTATED)),
    Reference("kld_loss", "ref.kld(z, y, 'backward', 'sqrt')", "lb.kld_loss(z, y, direction='backward', form='sqrt')",
              ROTATED),
    Reference("kld_loss", "ref.kld(z, y, 'max', 'raw')", "lb.kld_loss(z, y, direction='max', form='raw')", ROTATED),
    Reference("kld_loss", "ref.kld(z, y, 'min', 'raw')", "lb.kld_loss(z, y, direction='min', form='raw')", ROTATED),
    Reference("kld_loss", "ref.kld(z, y, 'jeffreys')", "lb.kld_loss(z, y, direction='jeffreys')", ROTATED),
    Reference("quality_focal_loss", "ref.quality_focal(z, y, 2.0)", "lb.quality_focal_loss(z, y)",
              ("boxes: qualities",)),
    Reference("varifocal_loss", "ref.varifocal(z, y, 0.75, 2.0)", "lb.varifocal_loss(z, y)", ("boxes: qualities",)),
    Reference("gaussian_focal_loss", "ref.gaussian_focal(z, y, 2.0, 4.0)", "lb.gaussian_focal_loss(z, y)",
              ("boxes: heat map",)),
    Reference("distribution_focal_loss", "ref.distribution_focal(z, y)", "lb.distribution_focal_loss(z, y)",
              ("boxes: bins",)),
    Reference("balanced_l1_loss", "ref.balanced_l1(z, x, 0.5, 1.5, 1.0)", "lb.balanced_l1_loss(z, x)", ("numbers",)),
    Reference("balanced_l1_loss", "ref.balanced_l1(z, x, 0.8, 1.0, 2.0)",
              "lb.balanced_l1_loss(z, x, alpha=0.8, gamma=1.0, beta=2.0)", ("numbers",)),
    Reference("detection_loss", "ref.detection(z, b, o, y, t)", "lb.detection_loss(z, b, o, y, t)",
              ("boxes: candidates",)),
]  # fmt: skip

DIFFERENCES = [
    Difference(
        "torchvision", "giou_loss", "an inverted box costs nothing",
        {"z": [[1.0, 1.0, 0.0, 0.0]], "y": [[0.0, 0.0, 1.0, 1.0]]},
        "ops.generalized_box_iou_loss(z, y, eps=0)", "lb.giou_loss(z, y, reduction='none')",
        [0.0], [1.0],
        "two negative sides have a positive area there; here an inverted box is empty",
    ),
    Difference(
        "torchvision", "ciou_loss", "a box without height has a gradient of NaN",
        {"z": [[0.0, 0.0, 0.0, 0.0]], "y": [[0.0, 0.0, 1.0, 1.0]]},
        "ops.complete_box_iou_loss(z, y)", "lb.ciou_loss(z, y, reduction='none')",
        "nan", [1.25 + 1 / 20],
        "0 / 0 in the aspect ratio; here a point has the angle 0",
    ),
]  # fmt: skip
