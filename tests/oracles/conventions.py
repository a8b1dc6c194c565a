"""Who computes what: each peer's call beside ours, as text that is run on both sides and printed in the book.

The names that both sides may use: the tensors of the sample (see `inputs.py`), `torch`, `F` (torch.nn.functional),
`one_hot(y, C)` (`(N, C, *)` in float64), `each(function, z, y)` (the mean over pictures, taken one by one) and
`hard(z)` (one-hot argmax over the classes). Theirs is a call into the peer; ours starts from `lb`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

EXACT = 1e-9
IN_FLOAT32 = 5e-6  # the peer computes in float32, at least in part; distances are float32 in ours, too


@dataclass(frozen=True)
class Case:
    """One convention of a peer, and the settings with which we compute the same."""

    peer: str
    loss: str
    theirs: str
    ours: str
    samples: tuple[str, ...]
    note: str = ""
    tolerance: float = EXACT
    dtype: str = "float64"  # what the peer is given

    def runs(self) -> list[str]:
        """The names under which its answers are stored."""
        return [f"{self.peer} | {sample} | {self.theirs}" for sample in self.samples]


@dataclass(frozen=True)
class Difference:
    """A minimal input on which a peer's answer is not ours."""

    peer: str
    loss: str
    title: str
    inputs: dict[str, Any]
    theirs: str
    ours: str
    answer: float | str | list  # what the peer says: a number, the name of an error, or a shape
    right: float | list  # what we say, derived by hand
    why: str
    gradient: bool = False  # whether the answers are those of the gradient

    def run(self) -> str:
        return f"{self.peer} | difference | {self.title}"


PEERS = {
    "torch": "PyTorch",
    "kornia": "Kornia",
    "monai": "MONAI",
    "smp": "segmentation-models-pytorch",
    "torchvision": "torchvision",
    "sklearn": "scikit-learn",
}

_LABELS = ("multiclass", "volume", "saturated")
_PLANE = ("multiclass", "saturated")
_MASKS = ("binary", "binary volume", "binary saturated")
_CHANNELS = ("multilabel",)

CROSS_ENTROPIES = [
    Case("torch", "cross_entropy", "F.cross_entropy(z, y)", "lb.cross_entropy(z, y)", _LABELS),
    Case(
        "torch",
        "cross_entropy",
        "F.cross_entropy(z, y, reduction='none')",
        "lb.cross_entropy(z, y, reduction='none')",
        _LABELS,
    ),
    Case(
        "torch",
        "cross_entropy",
        "F.cross_entropy(z, y, weight=w, label_smoothing=0.1, ignore_index=255)",
        "lb.cross_entropy(z, y, weight=w, label_smoothing=0.1, ignore_index=255)",
        ("multiclass", "ignored"),
    ),
    Case(
        "torch",
        "cross_entropy",
        "F.cross_entropy(z, t)",
        "lb.cross_entropy(z, t)",
        ("soft",),
        "the target holds probabilities",
    ),
    Case(
        "smp",
        "cross_entropy",
        "smp.SoftCrossEntropyLoss(smooth_factor=0.1, ignore_index=255)(z, y)",
        "lb.cross_entropy(z, y, label_smoothing=0.1, ignore_index=255, reduction='sum') / y.numel()",
        ("ignored",),
        "its mean counts ignored pixels",
    ),
    Case(
        "sklearn",
        "cross_entropy",
        "metrics.log_loss(y.flatten(), flat(z.softmax(1)))",
        "lb.cross_entropy(z, y)",
        ("multiclass", "volume"),
    ),
    Case(
        "torch",
        "binary_cross_entropy_with_logits",
        "F.binary_cross_entropy_with_logits(z, y.double())",
        "lb.binary_cross_entropy_with_logits(z, y)",
        _MASKS,
    ),
    Case(
        "torch",
        "binary_cross_entropy_with_logits",
        "F.binary_cross_entropy_with_logits(z, y.double(), weight=v, pos_weight=w[:, None, None], reduction='none')",
        "lb.binary_cross_entropy_with_logits(z, y, weight=v, pos_weight=w[:, None, None], reduction='none')",
        _CHANNELS,
    ),
    Case(
        "smp",
        "binary_cross_entropy_with_logits",
        "smp.SoftBCEWithLogitsLoss(ignore_index=255)(z, y.double())",
        "lb.binary_cross_entropy_with_logits(z, y, ignore_index=255, reduction='sum') / y.numel()",
        ("binary ignored", "multilabel ignored"),
        "its mean counts ignored entries",
    ),
    Case(
        "sklearn",
        "binary_cross_entropy_with_logits",
        "metrics.log_loss(y.flatten(), z.sigmoid().flatten())",
        "lb.binary_cross_entropy_with_logits(z, y)",
        ("binary", "binary volume"),
    ),
    Case(
        "torch",
        "weighted_cross_entropy",
        "F.cross_entropy(z, y, weight=w)",
        "lb.weighted_cross_entropy(z, y, w[y])",
        _LABELS,
        "class weights are a map made from the labels",
    ),
    Case(
        "sklearn",
        "weighted_cross_entropy",
        "metrics.log_loss(y.flatten(), flat(z.softmax(1)), sample_weight=v.flatten())",
        "lb.weighted_cross_entropy(z, y, v)",
        ("multiclass", "volume"),
    ),
    Case(
        "sklearn",
        "balanced_cross_entropy",
        "metrics.log_loss(y.flatten(), z.sigmoid().flatten(), sample_weight=balanced(y.flatten()))",
        "lb.balanced_cross_entropy(z, y, per_image=False)",
        ("binary", "binary volume"),
        "`balanced` stands for `compute_sample_weight('balanced', ...)`",
    ),
    Case("torch", "l1_loss", "F.l1_loss(z, x)", "lb.l1_loss(z, x)", ("numbers",)),
    Case("torch", "l1_loss", "F.l1_loss(z, x, reduction='none')", "lb.l1_loss(z, x, reduction='none')", ("numbers",)),
    Case("sklearn", "l1_loss", "metrics.mean_absolute_error(x, z)", "lb.l1_loss(z, x)", ("numbers",)),
]

FOCAL = [
    Case(
        "kornia",
        "focal_loss",
        "kornia.focal_loss(z, y, alpha=None, gamma=2.0, reduction='none').sum(1)",
        "lb.focal_loss(z, y, gamma=2.0, reduction='none')",
        _LABELS,
        'its `"none"` keeps the class axis',
    ),
    Case(
        "kornia",
        "focal_loss",
        "kornia.focal_loss(z, y, alpha=0.3, gamma=0.5, reduction='sum')",
        "lb.focal_loss(z, y, gamma=0.5, alpha=torch.tensor([0.7, 0.3, 0.3], dtype=z.dtype), reduction='sum')",
        _LABELS,
        "a number for `alpha` weighs the first class by `1 - alpha`",
    ),
    Case(
        "kornia",
        "focal_loss",
        "kornia.focal_loss(z, y, alpha=None, gamma=1.5, reduction='mean', ignore_index=255)",
        "lb.focal_loss(z, y, gamma=1.5, ignore_index=255, reduction='sum') / z.numel()",
        ("multiclass", "ignored"),
        "its mean divides by classes times pixels, ignored ones included",
    ),
    Case(
        "kornia",
        "focal_loss",
        "kornia.binary_focal_loss_with_logits(z, y, alpha=0.3, gamma=1.5, reduction='mean')",
        "lb.focal_loss(z, y, task='multilabel', gamma=1.5, alpha=0.3)",
        _CHANNELS,
    ),
    Case(
        "monai",
        "focal_loss",
        "monai.FocalLoss(gamma=2.0, use_softmax=True, to_onehot_y=True, reduction='none')(z, y[:, None]).sum(1)",
        "lb.focal_loss(z, y, gamma=2.0, reduction='none')",
        ("multiclass", "volume"),
        'its `"none"` keeps the class axis; computes in float32',
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "focal_loss",
        "monai.FocalLoss(gamma=1.5, alpha=(0.5, 1.0, 2.5), use_softmax=True, to_onehot_y=True)(z, y[:, None])",
        "lb.focal_loss(z, y, gamma=1.5, alpha=w) / z.shape[1]",
        ("multiclass", "volume"),
        "its mean divides by classes times pixels",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "focal_loss",
        "monai.FocalLoss(use_softmax=True, to_onehot_y=True, ignore_index=255)(z, y[:, None])",
        "lb.focal_loss(z, y, ignore_index=255)",
        ("ignored",),
        "with `ignore_index` its mean divides by pixels alone",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "focal_loss",
        "monai.FocalLoss(gamma=2.0, alpha=0.3)(z, y)",
        "lb.focal_loss(z, y, task='multilabel', gamma=2.0, alpha=0.3)",
        _CHANNELS,
        "",
        IN_FLOAT32,
    ),
    Case(
        "smp",
        "focal_loss",
        "smp.FocalLoss('binary', alpha=0.3, gamma=1.5, ignore_index=255)(z, y)",
        "lb.focal_loss(z, y, task='binary', gamma=1.5, alpha=0.3, ignore_index=255)",
        (*_MASKS, "binary ignored"),
    ),
    Case(
        "smp",
        "focal_loss",
        "smp.FocalLoss('multiclass', alpha=0.3, gamma=2.0)(z, y)",
        "lb.focal_loss(z, one_hot(y, 3), task='multilabel', gamma=2.0, alpha=0.3)",
        _LABELS,
        "one sigmoid per class, not a softmax",
    ),
    Case(
        "torchvision",
        "focal_loss",
        "ops.sigmoid_focal_loss(z, y.double(), alpha=0.3, gamma=2.0, reduction='none')",
        "lb.focal_loss(z, y, task='binary', gamma=2.0, alpha=0.3, reduction='none')",
        _MASKS,
    ),
    Case(
        "torchvision",
        "focal_loss",
        "ops.sigmoid_focal_loss(z, t, alpha=-1, gamma=1.5, reduction='mean')",
        "lb.focal_loss(z, t, task='multilabel', gamma=1.5)",
        ("soft",),
        "soft targets; `alpha=-1` is our `None`",
    ),
]

DICE = [
    Case(
        "monai",
        "dice_loss",
        "monai.DiceLoss(softmax=True, to_onehot_y=True)(z, y[:, None])",
        "lb.dice_loss(z, y)",
        (*_LABELS, "absent"),
        "our defaults",
    ),
    Case(
        "monai",
        "dice_loss",
        "monai.DiceLoss(softmax=True, to_onehot_y=True, reduction='none', smooth_nr=0.5, smooth_dr=1)(z, y[:, "
        "None]).flatten(1)",
        "lb.dice_loss(z, y, smooth=(0.5, 1.0), reduction='none')",
        (*_LABELS, "absent"),
    ),
    Case(
        "monai",
        "dice_loss",
        "monai.DiceLoss(softmax=True, to_onehot_y=True, batch=True)(z, y[:, None])",
        "lb.dice_loss(z, y, per_image=False)",
        (*_LABELS, "absent"),
    ),
    Case(
        "monai",
        "dice_loss",
        "monai.DiceLoss(softmax=True, to_onehot_y=True, ignore_index=255)(z, y[:, None])",
        "lb.dice_loss(z, y, ignore_index=255)",
        ("ignored",),
    ),
    Case(
        "monai",
        "dice_loss",
        "monai.DiceLoss(softmax=True, to_onehot_y=True, weight=(0.5, 1.0, 2.5))(z, y[:, None])",
        "lb.dice_loss(z, y, weight=w) * w.mean()",
        ("multiclass",),
        "its weights are not normalized",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "dice_loss",
        "monai.DiceLoss(sigmoid=True, soft_label=True)(z, t)",
        "lb.dice_loss(z, t, task='multilabel', overlap='l1')",
        ("soft",),
    ),
    Case(
        "kornia",
        "dice_loss",
        "kornia.dice_loss(z, y, average='macro', ignore_index=255)",
        "each(lb.dice_loss, z, y, classes='present', smooth=(0, 1e-8), ignore_index=255)",
        (*_PLANE, "absent", "ignored"),
        "mean over the classes of each picture, then over pictures",
    ),
    Case(
        "kornia",
        "dice_loss",
        "kornia.dice_loss(z, y, average='macro', weight=w)",
        "lb.dice_loss(z, y, weight=w, smooth=(0, 1e-8))",
        _PLANE,
    ),
    Case(
        "smp",
        "dice_loss",
        "smp.DiceLoss('multiclass', smooth=1.0)(z, y)",
        "lb.dice_loss(z, y, per_image=False, smooth=2.0)",
        _LABELS,
        "its `smooth` stands before the factor 2",
    ),
    Case(
        "smp",
        "dice_loss",
        "smp.DiceLoss('multiclass', ignore_index=255)(z, y)",
        "lb.dice_loss(z, y, per_image=False, classes='present', smooth=0.0, ignore_index=255, reduction='sum') / "
        "z.shape[1]",
        ("ignored", "absent"),
        "an absent class has loss 0, and is counted",
    ),
    Case(
        "smp",
        "dice_loss",
        "smp.DiceLoss('binary', ignore_index=255)(z, y)",
        "lb.dice_loss(z, y, task='binary', per_image=False, smooth=0.0, ignore_index=255)",
        (*_MASKS, "binary ignored"),
    ),
    Case(
        "smp",
        "dice_loss",
        "smp.DiceLoss('multilabel')(z, t)",
        "lb.dice_loss(z, t, task='multilabel', per_image=False, overlap='l1', smooth=0.0)",
        ("soft",),
    ),
    Case(
        "sklearn",
        "dice_loss",
        "1 - metrics.f1_score(y.flatten(), z.argmax(1).flatten(), average='macro')",
        "lb.dice_loss(hard(z), y, from_logits=False, per_image=False, smooth=0.0)",
        ("multiclass", "volume"),
        "hard predictions",
    ),
    Case(
        "monai",
        "squared_dice_loss",
        "monai.DiceLoss(softmax=True, to_onehot_y=True, squared_pred=True)(z, y[:, None])",
        "lb.squared_dice_loss(z, y)",
        (*_LABELS, "absent"),
        "its one-hot target is float32",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "squared_dice_loss",
        "monai.DiceLoss(sigmoid=True, squared_pred=True, batch=True)(z, y.double())",
        "lb.squared_dice_loss(z, y, task='multilabel', per_image=False)",
        _CHANNELS,
    ),
    Case(
        "monai",
        "generalized_dice_loss",
        "monai.GeneralizedDiceLoss(softmax=True, to_onehot_y=True)(z, y[:, None])",
        "lb.generalized_dice_loss(z, y)",
        (*_LABELS, "absent"),
        "its weights are float32",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "generalized_dice_loss",
        "monai.GeneralizedDiceLoss(softmax=True, to_onehot_y=True, w_type='simple', batch=True)(z, y[:, None])",
        "lb.generalized_dice_loss(z, y, weighting='simple', per_image=False)",
        (*_LABELS, "absent"),
        "",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "generalized_dice_loss",
        "monai.GeneralizedDiceLoss(sigmoid=True, reduction='none')(z, y.double()).flatten()",
        "lb.generalized_dice_loss(z, y, task='multilabel', reduction='none')",
        _CHANNELS,
        "",
        IN_FLOAT32,
    ),
    Case(
        "kornia",
        "generalized_dice_loss",
        "kornia.dice_loss(z, y, average='micro', ignore_index=255)",
        "lb.generalized_dice_loss(z, y, weighting='uniform', smooth=(0, 1e-8), ignore_index=255)",
        (*_PLANE, "absent", "ignored"),
        "one overlap for all classes: the default of its `dice_loss`",
    ),
    Case(
        "monai",
        "ce_dice_loss",
        "monai.DiceCELoss(softmax=True, to_onehot_y=True)(z, y[:, None])",
        "lb.ce_dice_loss(z, y)",
        (*_LABELS, "absent"),
    ),
    Case(
        "monai",
        "ce_dice_loss",
        "monai.DiceCELoss(softmax=True, to_onehot_y=True, squared_pred=True, batch=True, lambda_ce=0.3, "
        "lambda_dice=0.6)(z, y[:, None])",
        "lb.ce_dice_loss(z, y, denominator='square', per_image=False, ce_weight=0.3, dice_weight=0.6)",
        _LABELS,
        "its one-hot target is float32",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "bce_dice_loss",
        "monai.DiceCELoss(sigmoid=True)(z[:, None], y[:, None].double())",
        "lb.bce_dice_loss(z, y)",
        _MASKS,
        "a single channel",
    ),
]

TVERSKY = [
    Case(
        "monai",
        "jaccard_loss",
        "monai.DiceLoss(softmax=True, to_onehot_y=True, jaccard=True)(z, y[:, None])",
        "lb.jaccard_loss(z, y, smooth=0.5e-5)",
        (*_LABELS, "absent"),
        "its `smooth` stands behind a factor 2",
    ),
    Case(
        "smp",
        "jaccard_loss",
        "smp.JaccardLoss('multiclass', smooth=0.5)(z, y)",
        "lb.jaccard_loss(z, y, per_image=False, smooth=0.5)",
        _LABELS,
    ),
    Case(
        "smp",
        "jaccard_loss",
        "smp.JaccardLoss('multiclass', class_weights=(0.5, 1.0, 2.5), ignore_index=255)(z, y)",
        "lb.jaccard_loss(z, y, per_image=False, smooth=0.0, weight=w, ignore_index=255)",
        ("multiclass", "ignored"),
    ),
    Case(
        "smp",
        "jaccard_loss",
        "smp.JaccardLoss('multilabel')(z, t)",
        "lb.jaccard_loss(z, t, task='multilabel', per_image=False, overlap='l1', smooth=0.0)",
        ("soft",),
    ),
    Case(
        "sklearn",
        "jaccard_loss",
        "1 - metrics.jaccard_score(y.flatten(), z.argmax(1).flatten(), average='macro')",
        "lb.jaccard_loss(hard(z), y, from_logits=False, per_image=False, smooth=0.0)",
        ("multiclass", "volume"),
        "hard predictions",
    ),
    Case(
        "kornia",
        "tversky_loss",
        "kornia.tversky_loss(z, y, alpha=0.3, beta=0.6, ignore_index=255)",
        "each(lb.tversky_loss, z, y, alpha=0.3, beta=0.6, classes='present', smooth=(0, 1e-8), ignore_index=255)",
        (*_PLANE, "absent", "ignored"),
        "mean over the classes of each picture, then over pictures",
    ),
    Case(
        "monai",
        "tversky_loss",
        "monai.TverskyLoss(softmax=True, to_onehot_y=True, alpha=0.3, beta=0.6, reduction='none')(z, y[:, None])",
        "lb.tversky_loss(z, y, alpha=0.3, beta=0.6, reduction='none')",
        (*_LABELS, "absent"),
    ),
    Case(
        "monai",
        "tversky_loss",
        "monai.TverskyLoss(softmax=True, to_onehot_y=True, alpha=0.3, beta=0.6, batch=True)(z, y[:, None])",
        "lb.tversky_loss(z, y, alpha=0.3, beta=0.6, per_image=False)",
        (*_LABELS, "absent"),
    ),
    Case(
        "smp",
        "tversky_loss",
        "smp.TverskyLoss('multiclass', alpha=0.3, beta=0.6, smooth=0.5)(z, y)",
        "lb.tversky_loss(z, y, alpha=0.3, beta=0.6, per_image=False, smooth=0.5)",
        _LABELS,
    ),
    Case(
        "smp",
        "focal_tversky_loss",
        "smp.TverskyLoss('binary', alpha=0.3, beta=0.6, gamma=0.75)(z, y)",
        "lb.focal_tversky_loss(z, y, task='binary', alpha=0.3, beta=0.6, gamma=4/3, per_image=False, smooth=0.0)",
        _MASKS,
        "its `gamma` is our `1 / gamma`",
    ),
    Case(
        "smp",
        "focal_tversky_loss",
        "smp.TverskyLoss('multiclass', alpha=0.3, beta=0.6, gamma=0.75)(z, y)",
        "lb.tversky_loss(z, y, alpha=0.3, beta=0.6, per_image=False, smooth=0.0) ** 0.75",
        _LABELS,
        "the power of the mean, not the mean of the powers: no setting of `focal_tversky_loss`",
    ),
]

LOVASZ = [
    Case(
        "kornia",
        "lovasz_hinge_loss",
        "kornia.lovasz_hinge_loss(z[:, None], y)",
        "lb.lovasz_hinge_loss(z, y)",
        ("binary", "binary saturated"),
    ),
    Case(
        "smp",
        "lovasz_hinge_loss",
        "smp.LovaszLoss('binary', per_image=True, ignore_index=255)(z, y)",
        "lb.lovasz_hinge_loss(z, y, ignore_index=255)",
        (*_MASKS, "binary ignored"),
        "float32 only",
        IN_FLOAT32,
        "float32",
    ),
    Case(
        "smp",
        "lovasz_hinge_loss",
        "smp.LovaszLoss('binary', ignore_index=255)(z, y)",
        "lb.lovasz_hinge_loss(z, y, per_image=False, ignore_index=255)",
        (*_MASKS, "binary ignored"),
        "float32 only",
        IN_FLOAT32,
        "float32",
    ),
    Case(
        "kornia",
        "lovasz_softmax_loss",
        "kornia.lovasz_softmax_loss(z, y)",
        "lb.lovasz_softmax_loss(z, y, per_image=True, classes='all')",
        (*_PLANE, "absent"),
        "absent classes count",
    ),
    Case(
        "smp",
        "lovasz_softmax_loss",
        "smp.LovaszLoss('multiclass', ignore_index=255)(z, y)",
        "lb.lovasz_softmax_loss(z, y, ignore_index=255)",
        ("multiclass", "volume", "ignored", "absent"),
        "our defaults; float32 only",
        IN_FLOAT32,
        "float32",
    ),
    Case(
        "smp",
        "lovasz_softmax_loss",
        "smp.LovaszLoss('multiclass', per_image=True, ignore_index=255)(z, y)",
        "each(lb.lovasz_softmax_loss, z, y, ignore_index=255)",
        ("multiclass", "volume", "ignored", "absent"),
        "mean over the classes of each picture, then over pictures; float32 only",
        IN_FLOAT32,
        "float32",
    ),
]

DISTANCES = [
    Case(
        "monai",
        "boundary_loss",
        "monai.BoundaryLoss(softmax=True, to_onehot_y=True)(z, y[:, None])",
        "lb.boundary_loss(z, lb.signed_distance_map(y, num_classes=z.shape[1]))",
        (*_LABELS, "absent"),
        "it makes the map itself, at every step",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "boundary_loss",
        "monai.BoundaryLoss(sigmoid=True, include_background=False)(z, y.double())",
        "lb.boundary_loss(z, lb.signed_distance_map(y, task='multilabel'), task='multilabel', "
        "weight=torch.tensor([0.0, 1, 1]))",
        _CHANNELS,
        "without the background",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "hausdorff_dt_loss",
        "monai.HausdorffDTLoss(softmax=True, to_onehot_y=True, include_background=True)(z, y[:, None])",
        "lb.hausdorff_dt_loss(z, y)",
        (*_LABELS, "absent"),
        "",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "hausdorff_dt_loss",
        "monai.HausdorffDTLoss(sigmoid=True, include_background=True, alpha=1.5, reduction='none')(z[:, None], "
        "y[:, None].double())",
        "lb.hausdorff_dt_loss(z, y, task='binary', alpha=1.5, reduction='none').mean((1, 2))[:, None, None, None]",
        ("binary", "binary saturated"),
        'its `"none"` is a mean over the picture',
        IN_FLOAT32,
    ),
]

FAMILIES = {
    "Cross-entropies and L1": CROSS_ENTROPIES,
    "Focal": FOCAL,
    "Dice and its compounds": DICE,
    "Jaccard and Tversky": TVERSKY,
    "Lovász": LOVASZ,
    "Distances": DISTANCES,
}
CASES = [case for family in FAMILIES.values() for case in family]

_LN2, _LN3 = math.log(2), math.log(3)
_BCE = (math.log1p(math.exp(-0.3)) + math.log1p(math.exp(0.3))) / 2  # of the logit 0.3 and the target one half
_P = 1 / (1 + math.exp(-0.3))
_TWO_TERMS = -((1 - _P) ** 2 * math.log(_P) + _P**2 * math.log(1 - _P)) / 2
_FLAT = {"z": [[[0.0, 0.0], [0.0, 0.0]]], "y": [[0, 0]]}  # two pixels, undecided between two classes; class 1 is absent
_SURE = {"z": [[200.0]], "y": [[1]]}  # right to the last bit
_NOTHING = {"z": [[[0.0, 0.0], [0.0, 0.0]]], "y": [[255, 255]]}

DIFFERENCES = [
    Difference(
        "monai",
        "focal_loss",
        "A sum that is a mean",
        _FLAT,
        "monai.FocalLoss(gamma=0.0, use_softmax=True, to_onehot_y=True, reduction='sum')(z, y[:, None])",
        "lb.focal_loss(z, y, gamma=0.0, reduction='sum')",
        _LN2,
        2 * _LN2,
        '`"sum"` averages over the pixels of each picture before it sums over classes and pictures.',
    ),
    Difference(
        "kornia",
        "focal_loss",
        "A mean over classes, too",
        _FLAT,
        "kornia.focal_loss(z, y, alpha=None, gamma=0.0, reduction='mean')",
        "lb.focal_loss(z, y, gamma=0.0)",
        _LN2 / 2,
        _LN2,
        "With `gamma=0` a focal loss is cross-entropy; this mean is cross-entropy over $C$.",
    ),
    Difference(
        "kornia",
        "focal_loss",
        "A mean that counts ignored pixels",
        _FLAT | {"y": [[0, 255]]},
        "kornia.focal_loss(z, y, alpha=None, gamma=0.0, reduction='sum', ignore_index=255) / "
        "kornia.focal_loss(z, y, alpha=None, gamma=0.0, reduction='mean', ignore_index=255)",
        "lb.focal_loss(z, y, gamma=0.0, reduction='sum', ignore_index=255) / "
        "lb.focal_loss(z, y, gamma=0.0, ignore_index=255)",
        4.0,
        1.0,
        "Sum over mean is what the mean divides by: 4 entries in Kornia, the one pixel that counts in ours.",
    ),
    Difference(
        "monai",
        "focal_loss",
        "A mean that changes with `ignore_index`",
        _FLAT,
        "monai.FocalLoss(use_softmax=True, to_onehot_y=True, ignore_index=255)(z, y[:, None]) / "
        "monai.FocalLoss(use_softmax=True, to_onehot_y=True)(z, y[:, None])",
        "lb.focal_loss(z, y, ignore_index=255) / lb.focal_loss(z, y)",
        2.0,
        1.0,
        "Nothing is ignored here, and yet the loss is $C$ times as large as soon as `ignore_index` is given.",
    ),
    Difference(
        "smp",
        "cross_entropy",
        "A mean that counts ignored pixels",
        _FLAT | {"y": [[0, 255]]},
        "smp.SoftCrossEntropyLoss(smooth_factor=0.0, ignore_index=255)(z, y)",
        "lb.cross_entropy(z, y, ignore_index=255)",
        _LN2 / 2,
        _LN2,
        "The more is ignored, the smaller the loss.",
    ),
    Difference(
        "smp",
        "dice_loss",
        "Absent classes are perfect",
        _FLAT,
        "smp.DiceLoss('multiclass')(z, y)",
        "lb.dice_loss(z, y, per_image=False, classes='present', smooth=0.0)",
        1 / 6,
        1 / 3,
        "A class that does not occur has loss 0 whatever is predicted, and enters the mean. "
        'With `classes="present"` it does not count, with `"all"` its false alarms cost.',
    ),
    Difference(
        "kornia",
        "lovasz_softmax_loss",
        "Absent classes count",
        {"z": [[[[_LN3, 0.0]], [[0.0, 0.0]]]], "y": [[[0, 0]]]},
        "kornia.lovasz_softmax_loss(z, y)",
        "lb.lovasz_softmax_loss(z, y)",
        (0.375 + 0.5) / 2,
        0.375,
        'The paper leaves absent classes out, and so do we unless `classes="all"` says otherwise.',
    ),
    Difference(
        "monai",
        "dice_loss",
        "An empty mask costs 1",
        {"z": [[[-4.0, -4.0, -4.0, -4.0]]], "y": [[[0, 0, 0, 0]]]},
        "monai.DiceLoss(sigmoid=True)(z, y)",
        "lb.dice_loss(z, y, task='multilabel', classes='present')",
        0.9998610239,
        0.0,
        "A region without foreground costs nearly 1, almost without gradient, however little is predicted. Our "
        'default says the same; `classes="present"` leaves such regions out, a larger `smooth` prices them.',
    ),
    Difference(
        "monai",
        "hausdorff_dt_loss",
        "Distances without decimals",
        {"z": [[[[0.0, 0.0], [0.0, 0.0]]]], "y": [[[[1, 0], [0, 0]]]]},
        "monai.HausdorffDTLoss(sigmoid=True, include_background=True)(z, y)",
        "lb.hausdorff_dt_loss(z, y, task='multilabel')",
        0.25,
        0.3125,
        "A mask of integers makes its distances integers, rounded down: the pixel on the diagonal is 1 away, not "
        "$\\sqrt{2}$. With `y.float()`, or with labels and `to_onehot_y=True`, both agree.",
    ),
    Difference(
        "kornia",
        "focal_loss",
        "Soft targets: two terms",
        {"z": [[0.3]], "t": [[0.5]]},
        "kornia.binary_focal_loss_with_logits(z, t, alpha=None, gamma=2.0, reduction='mean')",
        "lb.focal_loss(z, t, task='binary')",
        _TWO_TERMS,
        _BCE / 4,
        "Kornia weighs each of the two logarithms by its own power; we weigh their sum by one, as torchvision and "
        "MONAI do. On hard targets all agree.",
    ),
    Difference(
        "smp",
        "focal_loss",
        "Soft targets: exp(-BCE)",
        {"z": [[0.3]], "t": [[0.5]]},
        "smp.FocalLoss('binary')(z, t)",
        "lb.focal_loss(z, t, task='binary')",
        (1 - math.exp(-_BCE)) ** 2 * _BCE,
        _BCE / 4,
        "Here the probability of the truth is exp(-BCE), which for a soft target is no mixture of $p$ and $1 - p$.",
    ),
    Difference(
        "smp",
        "focal_loss",
        "A gradient that is not a number",
        _SURE,
        "smp.FocalLoss('binary', gamma=0.5)(z, y)",
        "lb.focal_loss(z, y, task='binary', gamma=0.5)",
        "nan",
        [0.0],
        "For `gamma` below 1 the slope of the power is infinite at a perfect prediction.",
        gradient=True,
    ),
    Difference(
        "torchvision",
        "focal_loss",
        "A gradient that is not a number",
        _SURE,
        "ops.sigmoid_focal_loss(z, y.double(), alpha=-1, gamma=0.5, reduction='mean')",
        "lb.focal_loss(z, y, task='binary', gamma=0.5)",
        "nan",
        [0.0],
        "For `gamma` below 1 the slope of the power is infinite at a perfect prediction.",
        gradient=True,
    ),
    Difference(
        "monai",
        "focal_loss",
        "A gradient that is not a number",
        {"z": [[[200.0], [0.0]]], "y": [[0]]},
        "monai.FocalLoss(gamma=0.5, use_softmax=True, to_onehot_y=True)(z, y[:, None])",
        "lb.focal_loss(z, y, gamma=0.5)",
        "nan",
        [0.0, 0.0],
        "The same with a softmax; Kornia, which had it too, has mended it.",
        gradient=True,
    ),
    Difference(
        "smp",
        "lovasz_hinge_loss",
        "Float32 only",
        {"z": [[2.0, -2.0, 0.5]], "y": [[1, 0, 0]]},
        "smp.LovaszLoss('binary')(z, y)",
        "lb.lovasz_hinge_loss(z, y)",
        "RuntimeError",
        0.75,
        "The weights are float32, and a product with float64 errors is refused.",
    ),
    Difference(
        "torch",
        "cross_entropy",
        "Everything ignored: not a number",
        _NOTHING,
        "F.cross_entropy(z, y, ignore_index=255)",
        "lb.cross_entropy(z, y, ignore_index=255)",
        "nan",
        0.0,
        "Zero over zero. Ours is a zero attached to the graph, so a batch without labels trains nothing.",
    ),
    Difference(
        "smp",
        "focal_loss",
        "Everything ignored: not a number",
        {"z": [[0.0, 0.0]], "y": [[255, 255]]},
        "smp.FocalLoss('binary', ignore_index=255)(z, y)",
        "lb.focal_loss(z, y, task='binary', ignore_index=255)",
        "nan",
        0.0,
        "A mean of nothing.",
    ),
    Difference(
        "kornia",
        "dice_loss",
        "Everything ignored: one",
        {"z": [[[[0.0, 0.0]], [[0.0, 0.0]]]], "y": [[[255, 255]]]},
        "kornia.dice_loss(z, y, average='macro', ignore_index=255)",
        "lb.dice_loss(z, y, ignore_index=255)",
        1.0,
        0.0,
        "Without gradient, but it shifts the curve of the loss.",
    ),
    Difference(
        "smp",
        "lovasz_softmax_loss",
        "Everything ignored: no number at all",
        {"z": [[[[0.0, 0.0]], [[0.0, 0.0]]]], "y": [[[255, 255]]]},
        "torch.tensor(smp.LovaszLoss('multiclass', ignore_index=255)(z, y).shape).double()",
        "lb.lovasz_softmax_loss(z, y, ignore_index=255)",
        [0.0, 2.0],
        0.0,
        "The answer is an empty tensor of shape (0, 2); what is shown is that shape.",
    ),
]


@dataclass(frozen=True)
class Reference:
    """A loss beside a reference from `references.py` (there called `ref`), on the same arrays."""

    loss: str
    reference: str
    ours: str
    samples: tuple[str, ...]
    tolerance: float = EXACT


REFERENCES = [
    Reference("cross_entropy", "ref.cross_entropy(z, y)", "lb.cross_entropy(z, y)", _LABELS),
    Reference(
        "binary_cross_entropy_with_logits",
        "ref.binary_cross_entropy(z, y)",
        "lb.binary_cross_entropy_with_logits(z, y, ignore_index=255)",
        (*_MASKS, "binary ignored"),
    ),
    Reference(
        "weighted_cross_entropy", "ref.weighted_cross_entropy(z, y, v)", "lb.weighted_cross_entropy(z, y, v)", _LABELS
    ),
    Reference(
        "balanced_cross_entropy",
        "ref.balanced_cross_entropy(z, y)",
        "lb.balanced_cross_entropy(z, y, ignore_index=255)",
        (*_MASKS, "binary ignored"),
    ),
    Reference(
        "balanced_cross_entropy",
        "ref.balanced_cross_entropy_of_classes(z, y)",
        "lb.balanced_cross_entropy(z, y, task='multiclass')",
        (*_LABELS, "absent"),
    ),
    Reference(
        "focal_loss", "ref.focal(z, y, 1.5)", "lb.focal_loss(z, y, gamma=1.5, ignore_index=255)", (*_LABELS, "ignored")
    ),
    Reference("l1_loss", "ref.l1(z, x)", "lb.l1_loss(z, x)", ("numbers",)),
    Reference("dice_loss", "ref.dice(z, y)", "lb.dice_loss(z, y, ignore_index=255)", (*_LABELS, "ignored", "absent")),
    Reference(
        "dice_loss",
        "ref.dice(z, y, smooth=0.5, present=True)",
        "lb.dice_loss(z, y, smooth=0.5, classes='present', ignore_index=255)",
        ("ignored", "absent"),
    ),
    Reference(
        "squared_dice_loss",
        "ref.dice(z, y, power=2)",
        "lb.squared_dice_loss(z, y, ignore_index=255)",
        (*_LABELS, "ignored", "absent"),
    ),
    Reference(
        "log_cosh_dice_loss",
        "ref.log_cosh_dice(z, y)",
        "lb.log_cosh_dice_loss(z, y, ignore_index=255)",
        (*_LABELS, "ignored", "absent"),
    ),
    Reference(
        "generalized_dice_loss",
        "ref.generalized_dice(z, y)",
        "lb.generalized_dice_loss(z, y, ignore_index=255)",
        (*_LABELS, "ignored", "absent"),
    ),
    Reference(
        "jaccard_loss", "ref.jaccard(z, y)", "lb.jaccard_loss(z, y, ignore_index=255)", (*_LABELS, "ignored", "absent")
    ),
    Reference(
        "tversky_loss",
        "ref.tversky(z, y, 0.2, 0.7)",
        "lb.tversky_loss(z, y, alpha=0.2, beta=0.7, ignore_index=255)",
        (*_LABELS, "ignored", "absent"),
    ),
    Reference(
        "focal_tversky_loss",
        "ref.focal_tversky(z, y, 0.2, 0.7, 4 / 3)",
        "lb.focal_tversky_loss(z, y, alpha=0.2, beta=0.7, gamma=4 / 3, ignore_index=255)",
        (*_LABELS, "ignored", "absent"),
    ),
    Reference(
        "bce_dice_loss",
        "ref.bce_dice(z, y, 0.3, 0.6)",
        "lb.bce_dice_loss(z, y, bce_weight=0.3, dice_weight=0.6, ignore_index=255)",
        (*_MASKS, "binary ignored"),
    ),
    Reference(
        "ce_dice_loss",
        "ref.ce_dice(z, y, 0.3, 0.6)",
        "lb.ce_dice_loss(z, y, ce_weight=0.3, dice_weight=0.6)",
        (*_LABELS, "absent"),
    ),
    Reference(
        "combo_loss",
        "ref.combo(z, y, 0.3, 0.8, 1.0)",
        "lb.combo_loss(z, y, alpha=0.3, beta=0.8, smooth=1.0, ignore_index=255)",
        (*_MASKS, "binary ignored"),
    ),
    Reference(
        "lovasz_hinge_loss",
        "ref.lovasz_hinge(z, y)",
        "lb.lovasz_hinge_loss(z, y, ignore_index=255)",
        (*_MASKS, "binary ignored"),
    ),
    Reference(
        "lovasz_softmax_loss",
        "ref.lovasz_softmax(z, y)",
        "lb.lovasz_softmax_loss(z, y, ignore_index=255)",
        (*_LABELS, "ignored", "absent"),
    ),
    Reference(
        "boundary_loss",
        "ref.boundary(z, y)",
        "lb.boundary_loss(z, lb.signed_distance_map(y, num_classes=z.shape[1]))",
        (*_LABELS, "absent"),
        IN_FLOAT32,
    ),
    Reference(
        "hausdorff_dt_loss",
        "ref.hausdorff(z, y, 1.5)",
        "lb.hausdorff_dt_loss(z, y, alpha=1.5)",
        (*_LABELS, "absent"),
        IN_FLOAT32,
    ),
]
