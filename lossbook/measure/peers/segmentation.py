"""Who has the losses of segmentation as well."""

from __future__ import annotations

import torch
from torch import Tensor

from ._entry import MANY, ONE, PICTURES, SMALL_PICTURES, Entry, Input, multiclass


def related_classes(N: int = 4, C: int = 8, size: int = 128) -> dict[str, Tensor]:
    """Logits `z`, labels `y`, and how far apart two classes are, `m`: the more, the farther their numbers."""
    classes = torch.arange(C) / max(C - 1, 1)
    picture = multiclass(N, C, size)
    return {"z": picture["z"], "y": picture["y"], "m": (classes[:, None] - classes).abs()}


RELATED = "4x8x128x128"
INPUTS: dict[str, Input] = PICTURES | {RELATED: related_classes}
SMALL: dict[str, Input] = SMALL_PICTURES | {RELATED: lambda: related_classes(2, 3, 8)}

OVERLAP = (
    Entry(
        "dice_loss",
        MANY,
        "lb.dice_loss(z, y)",
        (
            "kornia.dice_loss(z, y, average='macro')",
            "monai.DiceLoss(softmax=True, to_onehot_y=True)(z, y[:, None])",
            "smp.DiceLoss('multiclass')(z, y)",
        ),
    ),
    Entry(
        "dice_loss",
        ONE,
        "lb.dice_loss(z, y, task='binary', per_image=False)",
        ("monai.DiceLoss(sigmoid=True, batch=True)(z, y)", "smp.DiceLoss('binary')(z, y)"),
    ),
    Entry(
        "squared_dice_loss",
        MANY,
        "lb.squared_dice_loss(z, y)",
        ("monai.DiceLoss(softmax=True, to_onehot_y=True, squared_pred=True)(z, y[:, None])",),
    ),
    Entry(
        "squared_dice_loss",
        ONE,
        "lb.squared_dice_loss(z, y, task='binary')",
        ("monai.DiceLoss(sigmoid=True, squared_pred=True)(z, y)",),
    ),
    Entry(
        "generalized_dice_loss",
        MANY,
        "lb.generalized_dice_loss(z, y)",
        ("monai.GeneralizedDiceLoss(softmax=True, to_onehot_y=True)(z, y[:, None])",),
    ),
    Entry(
        "generalized_dice_loss",
        ONE,
        "lb.generalized_dice_loss(z, y, task='binary')",
        ("monai.GeneralizedDiceLoss(sigmoid=True)(z, y)",),
    ),
    Entry(
        "log_cosh_dice_loss",
        MANY,
        "lb.log_cosh_dice_loss(z, y)",
        ("monai.DiceLoss(softmax=True, to_onehot_y=True, reduction='none')(z, y[:, None]).cosh().log().mean()",),
    ),
    Entry(
        "log_cosh_dice_loss",
        ONE,
        "lb.log_cosh_dice_loss(z, y, task='binary', per_image=False)",
        (
            "monai.DiceLoss(sigmoid=True, batch=True)(z, y).cosh().log()",
            "smp.DiceLoss('binary')(z, y).cosh().log()",
        ),
    ),
    Entry(
        "jaccard_loss",
        MANY,
        "lb.jaccard_loss(z, y)",
        (
            "monai.DiceLoss(softmax=True, to_onehot_y=True, jaccard=True)(z, y[:, None])",
            "smp.JaccardLoss('multiclass')(z, y)",
        ),
    ),
    Entry(
        "jaccard_loss",
        ONE,
        "lb.jaccard_loss(z, y, task='binary', per_image=False)",
        ("monai.DiceLoss(sigmoid=True, jaccard=True, batch=True)(z, y)", "smp.JaccardLoss('binary')(z, y)"),
    ),
    Entry(
        "tversky_loss",
        MANY,
        "lb.tversky_loss(z, y)",
        (
            "kornia.tversky_loss(z, y, alpha=0.3, beta=0.7)",
            "monai.TverskyLoss(softmax=True, to_onehot_y=True, alpha=0.3, beta=0.7)(z, y[:, None])",
            "smp.TverskyLoss('multiclass', alpha=0.3, beta=0.7)(z, y)",
        ),
    ),
    Entry(
        "tversky_loss",
        ONE,
        "lb.tversky_loss(z, y, task='binary', per_image=False)",
        (
            "monai.TverskyLoss(sigmoid=True, alpha=0.3, beta=0.7, batch=True)(z, y)",
            "smp.TverskyLoss('binary', alpha=0.3, beta=0.7)(z, y)",
        ),
    ),
    Entry(
        "focal_tversky_loss",
        MANY,
        "lb.focal_tversky_loss(z, y)",
        (
            (
                "(monai.TverskyLoss(softmax=True, to_onehot_y=True, alpha=0.3, beta=0.7, reduction='none')"
                "(z, y[:, None]) ** 0.75).mean()"
            ),
        ),
    ),
    Entry(
        "focal_tversky_loss",
        ONE,
        "lb.focal_tversky_loss(z, y, task='binary', per_image=False)",
        (
            "monai.TverskyLoss(sigmoid=True, alpha=0.3, beta=0.7, batch=True)(z, y) ** 0.75",
            "smp.TverskyLoss('binary', alpha=0.3, beta=0.7, gamma=0.75)(z, y)",
        ),
    ),
)

COMPOUND = (
    Entry(
        "bce_dice_loss",
        ONE,
        "lb.bce_dice_loss(z, y)",
        ("monai.DiceCELoss(sigmoid=True)(z, y)",),
    ),
    Entry(
        "ce_dice_loss",
        MANY,
        "lb.ce_dice_loss(z, y)",
        (
            "monai.DiceCELoss(softmax=True, to_onehot_y=True)(z, y[:, None])",
            "F.cross_entropy(z, y) + kornia.dice_loss(z, y, average='macro')",
        ),
    ),
    Entry(
        "dice_focal_loss",
        MANY,
        "lb.dice_focal_loss(z, y)",
        (
            (
                "monai.DiceLoss(softmax=True, to_onehot_y=True)(z, y[:, None]) + "
                "21 * monai.FocalLoss(use_softmax=True, to_onehot_y=True)(z, y[:, None])"
            ),
        ),
    ),
    Entry(
        "unified_focal_loss",
        ONE,
        "lb.unified_focal_loss(z, y, task='binary', focal_weight=1/3, smooth=1e-7) * 0.75",
        ("monai.AsymmetricUnifiedFocalLoss(delta=0.6)(z.sigmoid(), y.float())",),
    ),
    Entry(
        "combo_loss",
        ONE,
        "lb.combo_loss(z, y)",
        (
            (
                "F.binary_cross_entropy_with_logits(z, y) / 4"
                " + monai.DiceLoss(sigmoid=True, smooth_nr=1, smooth_dr=1)(z, y) / 2 - 0.5"
            ),
        ),
    ),
)

SURROGATES = (
    Entry(
        "lovasz_softmax_loss",
        MANY,
        "lb.lovasz_softmax_loss(z, y)",
        ("kornia.lovasz_softmax_loss(z, y)", "smp.LovaszLoss('multiclass')(z, y)"),
    ),
    Entry(
        "lovasz_hinge_loss",
        ONE,
        "lb.lovasz_hinge_loss(z, labels)",
        ("kornia.lovasz_hinge_loss(z, labels[:, 0])", "smp.LovaszLoss('binary', per_image=True)(z, labels)"),
    ),
    Entry("boundary_loss", MANY, "lb.boundary_loss(z, phi)", ("(z.softmax(1) * phi).mean()",)),
    Entry("boundary_loss", ONE, "lb.boundary_loss(z, phi, task='binary')", ("(z.sigmoid() * phi).mean()",)),
    Entry(
        "hausdorff_dt_loss",
        MANY,
        "lb.hausdorff_dt_loss(z, y)",
        ("monai.HausdorffDTLoss(softmax=True, to_onehot_y=True, include_background=True)(z, y[:, None])",),
    ),
    Entry(
        "hausdorff_dt_loss",
        ONE,
        "lb.hausdorff_dt_loss(z, y, task='multilabel')",
        ("monai.HausdorffDTLoss(sigmoid=True, include_background=True)(z, y)",),
    ),
)

REGIONS = (
    Entry(
        "cl_dice_loss",
        ONE,
        "lb.cl_dice_loss(z, y, task='multilabel')",
        ("monai.SoftclDiceLoss(iter_=3, smooth=1e-30)(z.sigmoid(), y)",),
    ),
    Entry(
        "mcc_loss",
        MANY,
        "lb.mcc_loss(z, y)",
        ("monai.MCCLoss(softmax=True, to_onehot_y=True)(z, y[:, None])",),
    ),
    Entry(
        "mcc_loss",
        ONE,
        "lb.mcc_loss(z, y, task='binary')",
        ("monai.MCCLoss(sigmoid=True)(z, y)",),
    ),
    Entry(
        "generalized_wasserstein_dice_loss",
        RELATED,
        "lb.generalized_wasserstein_dice_loss(z, y, m)",
        ("monai.GeneralizedWassersteinDiceLoss(m.cpu().numpy(), smooth_nr=1e-5, smooth_dr=1e-5)(z, y)",),
    ),
    Entry(
        "log_hausdorff_dt_loss",
        ONE,
        "lb.log_hausdorff_dt_loss(z, y, task='multilabel', per_image=False)",
        ("monai.LogHausdorffDTLoss(sigmoid=True, include_background=True)(z, y)",),
    ),
    Entry(
        "hausdorff_er_loss",
        RELATED,
        "lb.hausdorff_er_loss(z, y)",
        ("kornia.HausdorffERLoss()(z.softmax(1), y[:, None])",),
    ),
)

HARD_PIXELS = (
    Entry(
        "topk_cross_entropy",
        MANY,
        "lb.topk_cross_entropy(z, y, per_image=False)",
        ("F.cross_entropy(z, y, reduction='none').flatten().topk(y.numel() // 4).values.mean()",),
    ),
    Entry(
        "topk_cross_entropy",
        ONE,
        "lb.topk_cross_entropy(z, y, task='binary')",
        (
            (
                "F.binary_cross_entropy_with_logits(z, y, reduction='none')"
                ".flatten(1).topk(y[0].numel() // 4).values.mean()"
            ),
        ),
    ),
)

ENTRIES = (*OVERLAP, *COMPOUND, *SURROGATES, *REGIONS, *HARD_PIXELS)
