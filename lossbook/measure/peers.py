"""Who has a loss as well: the table of `lossbook bench`.

Each entry is a call of ours beside calls of peers that compute the same number on the same input, as text. A new loss
adds entries, a new kind of input a function below `INPUTS`. The names that a call may use are the tensors of its input,
`lb`, `torch`, `F` (torch.nn.functional) and the libraries below. What no library has, or what is faster without one, is
written in torch the way a reader would, or composed of what a library has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses import signed_distance_map

LIBRARIES = {
    "kornia": "kornia.losses",
    "monai": "monai.losses",
    "smp": "segmentation_models_pytorch.losses",
}


@dataclass(frozen=True)
class Entry:
    """One loss on one input: our call, and the calls of the peers."""

    loss: str
    input: str
    ours: str
    peers: tuple[str, ...]


def library(call: str) -> str:
    """The name of the library that a call needs: one of `LIBRARIES`, or `"torch"`."""
    found = re.search(rf"\b({'|'.join(LIBRARIES)})\.", call)
    return found[1] if found else "torch"


def _blobs(*shape: int, seed: int) -> Tensor:
    """Smooth random fields of the shape `(N, C, H, W)`: a mask made of them has regions, as a picture has."""
    coarse = torch.randn(*shape[:2], 8, 8, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, shape[2:], mode="bicubic", align_corners=False)


def _noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def multiclass(N: int = 1, C: int = 21, size: int = 512) -> dict[str, Tensor]:
    """Logits `z` that are mostly right, labels `y`, class weights `w` and the rest of what a loss may take."""
    truth = _blobs(N, C, size, size, seed=0)
    z = 4 * truth + 2 * _blobs(N, C, size, size, seed=1) + 0.5 * _noise(N, C, size, size, seed=2)
    y = truth.argmax(1)
    return {
        "z": z,
        "y": y,
        "w": torch.linspace(0.5, 2.0, C),
        "x": z + _noise(N, C, size, size, seed=3),
        "phi": signed_distance_map(y, num_classes=C),
    }


def binary(N: int = 16, C: int = 1, size: int = 256) -> dict[str, Tensor]:
    """Logits `z` that are mostly right, a mask `y` of zeros and ones, its integers `labels`."""
    truth = _blobs(N, C, size, size, seed=0) - 0.5
    z = 4 * truth + 2 * _blobs(N, C, size, size, seed=1) + 0.5 * _noise(N, C, size, size, seed=2)
    labels = (truth > 0).long()
    return {
        "z": z,
        "y": labels.float(),
        "labels": labels,
        "x": z + _noise(N, C, size, size, seed=3),
        "phi": signed_distance_map(labels, task="multilabel"),
    }


INPUTS: Mapping[str, Callable[[], dict[str, Tensor]]] = {"1x21x512x512": multiclass, "16x1x256x256": binary}
_MANY, _ONE = INPUTS

CLASSIFICATION = (
    Entry("cross_entropy", _MANY, "lb.cross_entropy(z, y)", ("F.cross_entropy(z, y)",)),
    Entry(
        "binary_cross_entropy_with_logits",
        _ONE,
        "lb.binary_cross_entropy_with_logits(z, y)",
        ("F.binary_cross_entropy_with_logits(z, y)", "smp.SoftBCEWithLogitsLoss(ignore_index=None)(z, y)"),
    ),
    Entry("weighted_cross_entropy", _MANY, "lb.weighted_cross_entropy(z, y, w[y])", ("F.cross_entropy(z, y, w)",)),
    Entry(
        "weighted_cross_entropy",
        _ONE,
        "lb.weighted_cross_entropy(z, y, 1 + y, task='binary')",
        ("F.binary_cross_entropy_with_logits(z, y, 1 + y, reduction='sum') / (1 + y).sum()",),
    ),
    Entry(
        "balanced_cross_entropy",
        _MANY,
        "lb.balanced_cross_entropy(z, y, task='multiclass')",
        ("F.cross_entropy(z, y, 1 - torch.bincount(y.flatten(), minlength=21) / y.numel())",),
    ),
    Entry(
        "balanced_cross_entropy",
        _ONE,
        "lb.balanced_cross_entropy(z, y, per_image=False)",
        ("(lambda v: F.binary_cross_entropy_with_logits(z, y, v) / v.mean())(torch.lerp(y.mean(), 1 - y.mean(), y))",),
    ),
    Entry(
        "focal_loss",
        _MANY,
        "lb.focal_loss(z, y)",
        (
            "(lambda ce: ((1 - torch.exp(-ce)) ** 2 * ce).mean())(F.cross_entropy(z, y, reduction='none'))",
            "kornia.focal_loss(z, y, alpha=None, gamma=2.0, reduction='mean') * 21",
            "monai.FocalLoss(gamma=2.0, use_softmax=True, to_onehot_y=True)(z, y[:, None]) * 21",
        ),
    ),
    Entry(
        "focal_loss",
        _ONE,
        "lb.focal_loss(z, y, task='binary', alpha=0.3)",
        (
            "kornia.binary_focal_loss_with_logits(z, y, alpha=0.3, gamma=2.0, reduction='mean')",
            "monai.FocalLoss(gamma=2.0, alpha=0.3)(z, y)",
            "smp.FocalLoss('binary', alpha=0.3, gamma=2.0)(z, y)",
        ),
    ),
)

REGRESSION = tuple(Entry("l1_loss", name, "lb.l1_loss(z, x)", ("F.l1_loss(z, x)",)) for name in INPUTS)

OVERLAP = (
    Entry(
        "dice_loss",
        _MANY,
        "lb.dice_loss(z, y)",
        (
            "kornia.dice_loss(z, y, average='macro')",
            "monai.DiceLoss(softmax=True, to_onehot_y=True)(z, y[:, None])",
            "smp.DiceLoss('multiclass')(z, y)",
        ),
    ),
    Entry(
        "dice_loss",
        _ONE,
        "lb.dice_loss(z, y, task='binary', per_image=False)",
        ("monai.DiceLoss(sigmoid=True, batch=True)(z, y)", "smp.DiceLoss('binary')(z, y)"),
    ),
    Entry(
        "squared_dice_loss",
        _MANY,
        "lb.squared_dice_loss(z, y)",
        ("monai.DiceLoss(softmax=True, to_onehot_y=True, squared_pred=True)(z, y[:, None])",),
    ),
    Entry(
        "squared_dice_loss",
        _ONE,
        "lb.squared_dice_loss(z, y, task='binary')",
        ("monai.DiceLoss(sigmoid=True, squared_pred=True)(z, y)",),
    ),
    Entry(
        "generalized_dice_loss",
        _MANY,
        "lb.generalized_dice_loss(z, y)",
        ("monai.GeneralizedDiceLoss(softmax=True, to_onehot_y=True)(z, y[:, None])",),
    ),
    Entry(
        "generalized_dice_loss",
        _ONE,
        "lb.generalized_dice_loss(z, y, task='binary')",
        ("monai.GeneralizedDiceLoss(sigmoid=True)(z, y)",),
    ),
    Entry(
        "log_cosh_dice_loss",
        _MANY,
        "lb.log_cosh_dice_loss(z, y)",
        ("monai.DiceLoss(softmax=True, to_onehot_y=True, reduction='none')(z, y[:, None]).cosh().log().mean()",),
    ),
    Entry(
        "log_cosh_dice_loss",
        _ONE,
        "lb.log_cosh_dice_loss(z, y, task='binary', per_image=False)",
        (
            "monai.DiceLoss(sigmoid=True, batch=True)(z, y).cosh().log()",
            "smp.DiceLoss('binary')(z, y).cosh().log()",
        ),
    ),
    Entry(
        "jaccard_loss",
        _MANY,
        "lb.jaccard_loss(z, y)",
        (
            "monai.DiceLoss(softmax=True, to_onehot_y=True, jaccard=True)(z, y[:, None])",
            "smp.JaccardLoss('multiclass')(z, y)",
        ),
    ),
    Entry(
        "jaccard_loss",
        _ONE,
        "lb.jaccard_loss(z, y, task='binary', per_image=False)",
        ("monai.DiceLoss(sigmoid=True, jaccard=True, batch=True)(z, y)", "smp.JaccardLoss('binary')(z, y)"),
    ),
    Entry(
        "tversky_loss",
        _MANY,
        "lb.tversky_loss(z, y)",
        (
            "kornia.tversky_loss(z, y, alpha=0.3, beta=0.7)",
            "monai.TverskyLoss(softmax=True, to_onehot_y=True, alpha=0.3, beta=0.7)(z, y[:, None])",
            "smp.TverskyLoss('multiclass', alpha=0.3, beta=0.7)(z, y)",
        ),
    ),
    Entry(
        "tversky_loss",
        _ONE,
        "lb.tversky_loss(z, y, task='binary', per_image=False)",
        (
            "monai.TverskyLoss(sigmoid=True, alpha=0.3, beta=0.7, batch=True)(z, y)",
            "smp.TverskyLoss('binary', alpha=0.3, beta=0.7)(z, y)",
        ),
    ),
    Entry(
        "focal_tversky_loss",
        _MANY,
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
        _ONE,
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
        _ONE,
        "lb.bce_dice_loss(z, y)",
        ("monai.DiceCELoss(sigmoid=True)(z, y)",),
    ),
    Entry(
        "ce_dice_loss",
        _MANY,
        "lb.ce_dice_loss(z, y)",
        (
            "monai.DiceCELoss(softmax=True, to_onehot_y=True)(z, y[:, None])",
            "F.cross_entropy(z, y) + kornia.dice_loss(z, y, average='macro')",
        ),
    ),
    Entry(
        "combo_loss",
        _ONE,
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
        _MANY,
        "lb.lovasz_softmax_loss(z, y)",
        ("kornia.lovasz_softmax_loss(z, y)", "smp.LovaszLoss('multiclass')(z, y)"),
    ),
    Entry(
        "lovasz_hinge_loss",
        _ONE,
        "lb.lovasz_hinge_loss(z, labels)",
        ("kornia.lovasz_hinge_loss(z, labels[:, 0])", "smp.LovaszLoss('binary', per_image=True)(z, labels)"),
    ),
    Entry("boundary_loss", _MANY, "lb.boundary_loss(z, phi)", ("(z.softmax(1) * phi).mean()",)),
    Entry("boundary_loss", _ONE, "lb.boundary_loss(z, phi, task='binary')", ("(z.sigmoid() * phi).mean()",)),
    Entry(
        "hausdorff_dt_loss",
        _MANY,
        "lb.hausdorff_dt_loss(z, y)",
        ("monai.HausdorffDTLoss(softmax=True, to_onehot_y=True, include_background=True)(z, y[:, None])",),
    ),
    Entry(
        "hausdorff_dt_loss",
        _ONE,
        "lb.hausdorff_dt_loss(z, y, task='multilabel')",
        ("monai.HausdorffDTLoss(sigmoid=True, include_background=True)(z, y)",),
    ),
)

ENTRIES = (*CLASSIFICATION, *REGRESSION, *OVERLAP, *COMPOUND, *SURROGATES)
