"""Who else computes the losses of segmentation, and how: see `entries.py` for the form."""

from __future__ import annotations

import math

import inputs
import numpy as np
from entries import CHANNELS, IN_FLOAT32, LABELS, MASKS, PLANE, Case, Difference, Reference

TITLE = "Segmentation"

_LN2, _LN3 = math.log(2), math.log(3)
_FLAT = {"z": [[[0.0, 0.0], [0.0, 0.0]]], "y": [[0, 0]]}  # two pixels, undecided between two classes; class 1 is absent

CASES = [
    Case(
        "monai",
        "dice_loss",
        "monai.DiceLoss(softmax=True, to_onehot_y=True)(z, y[:, None])",
        "lb.dice_loss(z, y)",
        (*LABELS, "absent"),
        "our defaults",
    ),
    Case(
        "monai",
        "dice_loss",
        "monai.DiceLoss(softmax=True, to_onehot_y=True, reduction='none', smooth_nr=0.5, smooth_dr=1)(z, y[:, "
        "None]).flatten(1)",
        "lb.dice_loss(z, y, smooth=(0.5, 1.0), reduction='none')",
        (*LABELS, "absent"),
    ),
    Case(
        "monai",
        "dice_loss",
        "monai.DiceLoss(softmax=True, to_onehot_y=True, batch=True)(z, y[:, None])",
        "lb.dice_loss(z, y, per_image=False)",
        (*LABELS, "absent"),
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
        (*PLANE, "absent", "ignored"),
        "mean over the classes of each picture, then over pictures",
    ),
    Case(
        "kornia",
        "dice_loss",
        "kornia.dice_loss(z, y, average='macro', weight=w)",
        "lb.dice_loss(z, y, weight=w, smooth=(0, 1e-8))",
        PLANE,
    ),
    Case(
        "smp",
        "dice_loss",
        "smp.DiceLoss('multiclass', smooth=1.0)(z, y)",
        "lb.dice_loss(z, y, per_image=False, smooth=2.0)",
        LABELS,
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
        (*MASKS, "binary ignored"),
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
        (*LABELS, "absent"),
        "its one-hot target is float32",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "squared_dice_loss",
        "monai.DiceLoss(sigmoid=True, squared_pred=True, batch=True)(z, y.double())",
        "lb.squared_dice_loss(z, y, task='multilabel', per_image=False)",
        CHANNELS,
    ),
    Case(
        "monai",
        "generalized_dice_loss",
        "monai.GeneralizedDiceLoss(softmax=True, to_onehot_y=True)(z, y[:, None])",
        "lb.generalized_dice_loss(z, y)",
        (*LABELS, "absent"),
        "its weights are float32",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "generalized_dice_loss",
        "monai.GeneralizedDiceLoss(softmax=True, to_onehot_y=True, w_type='simple', batch=True)(z, y[:, None])",
        "lb.generalized_dice_loss(z, y, weighting='simple', per_image=False)",
        (*LABELS, "absent"),
        "",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "generalized_dice_loss",
        "monai.GeneralizedDiceLoss(sigmoid=True, reduction='none')(z, y.double()).flatten()",
        "lb.generalized_dice_loss(z, y, task='multilabel', reduction='none')",
        CHANNELS,
        "",
        IN_FLOAT32,
    ),
    Case(
        "kornia",
        "generalized_dice_loss",
        "kornia.dice_loss(z, y, average='micro', ignore_index=255)",
        "lb.generalized_dice_loss(z, y, weighting='uniform', smooth=(0, 1e-8), ignore_index=255)",
        (*PLANE, "absent", "ignored"),
        "one overlap for all classes: the default of its `dice_loss`",
    ),
    Case(
        "monai",
        "ce_dice_loss",
        "monai.DiceCELoss(softmax=True, to_onehot_y=True)(z, y[:, None])",
        "lb.ce_dice_loss(z, y)",
        (*LABELS, "absent"),
    ),
    Case(
        "monai",
        "ce_dice_loss",
        "monai.DiceCELoss(softmax=True, to_onehot_y=True, squared_pred=True, batch=True, lambda_ce=0.3, "
        "lambda_dice=0.6)(z, y[:, None])",
        "lb.ce_dice_loss(z, y, denominator='square', per_image=False, ce_weight=0.3, dice_weight=0.6)",
        LABELS,
        "its one-hot target is float32",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "bce_dice_loss",
        "monai.DiceCELoss(sigmoid=True)(z[:, None], y[:, None].double())",
        "lb.bce_dice_loss(z, y)",
        MASKS,
        "a single channel",
    ),
    Case(
        "monai",
        "jaccard_loss",
        "monai.DiceLoss(softmax=True, to_onehot_y=True, jaccard=True)(z, y[:, None])",
        "lb.jaccard_loss(z, y, smooth=0.5e-5)",
        (*LABELS, "absent"),
        "its `smooth` stands behind a factor 2",
    ),
    Case(
        "smp",
        "jaccard_loss",
        "smp.JaccardLoss('multiclass', smooth=0.5)(z, y)",
        "lb.jaccard_loss(z, y, per_image=False, smooth=0.5)",
        LABELS,
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
        (*PLANE, "absent", "ignored"),
        "mean over the classes of each picture, then over pictures",
    ),
    Case(
        "monai",
        "tversky_loss",
        "monai.TverskyLoss(softmax=True, to_onehot_y=True, alpha=0.3, beta=0.6, reduction='none')(z, y[:, None])",
        "lb.tversky_loss(z, y, alpha=0.3, beta=0.6, reduction='none')",
        (*LABELS, "absent"),
    ),
    Case(
        "monai",
        "tversky_loss",
        "monai.TverskyLoss(softmax=True, to_onehot_y=True, alpha=0.3, beta=0.6, batch=True)(z, y[:, None])",
        "lb.tversky_loss(z, y, alpha=0.3, beta=0.6, per_image=False)",
        (*LABELS, "absent"),
    ),
    Case(
        "smp",
        "tversky_loss",
        "smp.TverskyLoss('multiclass', alpha=0.3, beta=0.6, smooth=0.5)(z, y)",
        "lb.tversky_loss(z, y, alpha=0.3, beta=0.6, per_image=False, smooth=0.5)",
        LABELS,
    ),
    Case(
        "smp",
        "focal_tversky_loss",
        "smp.TverskyLoss('binary', alpha=0.3, beta=0.6, gamma=0.75)(z, y)",
        "lb.focal_tversky_loss(z, y, task='binary', alpha=0.3, beta=0.6, gamma=4/3, per_image=False, smooth=0.0)",
        MASKS,
        "its `gamma` is our `1 / gamma`",
    ),
    Case(
        "smp",
        "focal_tversky_loss",
        "smp.TverskyLoss('multiclass', alpha=0.3, beta=0.6, gamma=0.75)(z, y)",
        "lb.tversky_loss(z, y, alpha=0.3, beta=0.6, per_image=False, smooth=0.0) ** 0.75",
        LABELS,
        "the power of the mean, not the mean of the powers: no setting of `focal_tversky_loss`",
    ),
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
        (*MASKS, "binary ignored"),
        "float32 only",
        IN_FLOAT32,
        "float32",
    ),
    Case(
        "smp",
        "lovasz_hinge_loss",
        "smp.LovaszLoss('binary', ignore_index=255)(z, y)",
        "lb.lovasz_hinge_loss(z, y, per_image=False, ignore_index=255)",
        (*MASKS, "binary ignored"),
        "float32 only",
        IN_FLOAT32,
        "float32",
    ),
    Case(
        "kornia",
        "lovasz_softmax_loss",
        "kornia.lovasz_softmax_loss(z, y)",
        "lb.lovasz_softmax_loss(z, y, per_image=True, classes='all')",
        (*PLANE, "absent"),
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
    Case(
        "monai",
        "boundary_loss",
        "monai.BoundaryLoss(softmax=True, to_onehot_y=True)(z, y[:, None])",
        "lb.boundary_loss(z, lb.signed_distance_map(y, num_classes=z.shape[1]))",
        (*LABELS, "absent"),
        "it makes the map itself, at every step",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "boundary_loss",
        "monai.BoundaryLoss(sigmoid=True, include_background=False)(z, y.double())",
        "lb.boundary_loss(z, lb.signed_distance_map(y, task='multilabel'), task='multilabel', "
        "weight=torch.tensor([0.0, 1, 1]))",
        CHANNELS,
        "without the background",
        IN_FLOAT32,
    ),
    Case(
        "monai",
        "hausdorff_dt_loss",
        "monai.HausdorffDTLoss(softmax=True, to_onehot_y=True, include_background=True)(z, y[:, None])",
        "lb.hausdorff_dt_loss(z, y)",
        (*LABELS, "absent"),
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

REFERENCES = [
    Reference("dice_loss", "ref.dice(z, y)", "lb.dice_loss(z, y, ignore_index=255)", (*LABELS, "ignored", "absent")),
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
        (*LABELS, "ignored", "absent"),
    ),
    Reference(
        "log_cosh_dice_loss",
        "ref.log_cosh_dice(z, y)",
        "lb.log_cosh_dice_loss(z, y, ignore_index=255)",
        (*LABELS, "ignored", "absent"),
    ),
    Reference(
        "generalized_dice_loss",
        "ref.generalized_dice(z, y)",
        "lb.generalized_dice_loss(z, y, ignore_index=255)",
        (*LABELS, "ignored", "absent"),
    ),
    Reference(
        "jaccard_loss", "ref.jaccard(z, y)", "lb.jaccard_loss(z, y, ignore_index=255)", (*LABELS, "ignored", "absent")
    ),
    Reference(
        "tversky_loss",
        "ref.tversky(z, y, 0.2, 0.7)",
        "lb.tversky_loss(z, y, alpha=0.2, beta=0.7, ignore_index=255)",
        (*LABELS, "ignored", "absent"),
    ),
    Reference(
        "focal_tversky_loss",
        "ref.focal_tversky(z, y, 0.2, 0.7, 4 / 3)",
        "lb.focal_tversky_loss(z, y, alpha=0.2, beta=0.7, gamma=4 / 3, ignore_index=255)",
        (*LABELS, "ignored", "absent"),
    ),
    Reference(
        "bce_dice_loss",
        "ref.bce_dice(z, y, 0.3, 0.6)",
        "lb.bce_dice_loss(z, y, bce_weight=0.3, dice_weight=0.6, ignore_index=255)",
        (*MASKS, "binary ignored"),
    ),
    Reference(
        "ce_dice_loss",
        "ref.ce_dice(z, y, 0.3, 0.6)",
        "lb.ce_dice_loss(z, y, ce_weight=0.3, dice_weight=0.6)",
        (*LABELS, "absent"),
    ),
    Reference(
        "combo_loss",
        "ref.combo(z, y, 0.3, 0.8, 1.0)",
        "lb.combo_loss(z, y, alpha=0.3, beta=0.8, smooth=1.0, ignore_index=255)",
        (*MASKS, "binary ignored"),
    ),
    Reference(
        "lovasz_hinge_loss",
        "ref.lovasz_hinge(z, y)",
        "lb.lovasz_hinge_loss(z, y, ignore_index=255)",
        (*MASKS, "binary ignored"),
    ),
    Reference(
        "lovasz_softmax_loss",
        "ref.lovasz_softmax(z, y)",
        "lb.lovasz_softmax_loss(z, y, ignore_index=255)",
        (*LABELS, "ignored", "absent"),
    ),
    Reference(
        "boundary_loss",
        "ref.boundary(z, y)",
        "lb.boundary_loss(z, lb.signed_distance_map(y, num_classes=z.shape[1]))",
        (*LABELS, "absent"),
        IN_FLOAT32,
    ),
    Reference(
        "hausdorff_dt_loss",
        "ref.hausdorff(z, y, 1.5)",
        "lb.hausdorff_dt_loss(z, y, alpha=1.5)",
        (*LABELS, "absent"),
        IN_FLOAT32,
    ),
]

DIFFERENCES = [
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
    Difference(
        "monai",
        "cl_dice_loss",
        "All channels make one center line",
        {"z": [[[[0.0, 1.0, 1.0, 1.0, 0.0]], [[0.0, 0.0, 0.0, 0.0, 0.0]]]],
         "y": [[[[0, 1, 1, 1, 0]], [[0, 0, 1, 0, 0]]]]},
        "monai.SoftclDiceLoss(smooth=1e-30)(z, y.double())",
        "lb.cl_dice_loss(z, y, task='multilabel', from_logits=False)",
        0.2,
        1 / 6,
        "The lines of all channels are added up before the ratio, so that long ones outweigh short ones. Here each "
        "channel of each picture is a region; with a single channel both agree.",
    ),
]  # fmt: skip


# --- center lines, correlation, Wasserstein Dice, hard pixels, compounds, masks of queries ----------------------------


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Queries and the segments that they were matched with."""
    rng = np.random.default_rng(41)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32).astype(np.float64)

    return {
        "segmentation: queries": {
            "z": normal(2, 4, 5), "s": 2 * normal(2, 5, 3, 4), "y": np.array([[0, 2, -1], [1, 1, 0]]),
            "g": rng.integers(2, size=(2, 3, 3, 4)), "m": np.array([[3, 0, 0], [2, 4, 1]]),
        },
        "segmentation: distances": inputs.draw()["multiclass"] | {
            "m": np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.25], [1.0, 0.25, 0.0]]),
        },
    }  # fmt: skip


_QUERIES, _DISTANT = ("segmentation: queries",), ("segmentation: distances",)

CASES += [
    Case("monai", "cl_dice_loss", "monai.SoftclDiceLoss(iter_=2, smooth=1e-30)"
         "(z.sigmoid()[:, None], y[:, None].double())",
         "lb.cl_dice_loss(z, y, task='binary', iterations=2)", MASKS),
    Case("monai", "mcc_loss", "monai.MCCLoss(softmax=True, to_onehot_y=True, smooth_dr=0)(z, y[:, None])",
         "lb.mcc_loss(z, y)", LABELS),
    Case("smp", "mcc_loss", "smp.MCCLoss(eps=0.0)(z.sigmoid(), y.double())",
         "lb.mcc_loss(z, y, task='binary', per_image=False)", ("binary",), "it takes probabilities"),
    Case("monai", "unified_focal_loss",
         "monai.AsymmetricUnifiedFocalLoss(delta=0.6)(z.sigmoid()[:, None], y[:, None].double())",
         "lb.unified_focal_loss(z, y, task='binary', focal_weight=1/3, smooth=1e-7) * 0.75", ("binary",),
         "it halves the focal term: a mean over both channels, one of which is zero; it takes probabilities"),
    Case("monai", "generalized_wasserstein_dice_loss",
         "monai.GeneralizedWassersteinDiceLoss(m.numpy(), smooth_nr=1e-5, smooth_dr=1e-5)(z, y)",
         "lb.generalized_wasserstein_dice_loss(z, y, m)", _DISTANT),
    Case("monai", "generalized_wasserstein_dice_loss",
         "monai.GeneralizedWassersteinDiceLoss(m.numpy(), weighting_mode='GDL', smooth_nr=1e-5, smooth_dr=1e-5)(z, y)",
         "lb.generalized_wasserstein_dice_loss(z, y, m, weighting='size')", _DISTANT, "", IN_FLOAT32),
    Case("monai", "log_hausdorff_dt_loss",
         "monai.LogHausdorffDTLoss(softmax=True, to_onehot_y=True, include_background=True)(z, y[:, None])",
         "lb.log_hausdorff_dt_loss(z, y, per_image=False)", PLANE, "", IN_FLOAT32),
    Case("kornia", "hausdorff_er_loss", "kornia.HausdorffERLoss()(z.softmax(1), y[:, None])",
         "lb.hausdorff_er_loss(z, y)", PLANE, "its kernel is in float32", IN_FLOAT32),
    Case("torch", "topk_cross_entropy",
         "F.cross_entropy(z, y, reduction='none').flatten().topk(int(0.25 * y.numel())).values.mean()",
         "lb.topk_cross_entropy(z, y, per_image=False)", ("multiclass",), "as nnU-Net has it"),
]  # fmt: skip

REFERENCES += [
    Reference("log_hausdorff_dt_loss", "ref.log_hausdorff(z, y, 2.0)", "lb.log_hausdorff_dt_loss(z, y)", PLANE,
              IN_FLOAT32),
    Reference("hausdorff_er_loss", "ref.hausdorff_erosion(z, y, 2.0, 3)", "lb.hausdorff_er_loss(z, y, iterations=3)",
              ("multiclass",)),
    Reference("cl_dice_loss", "ref.cl_dice(z, y, 2)", "lb.cl_dice_loss(z, y, iterations=2)", ("multiclass", "volume")),
    Reference("mcc_loss", "ref.mcc(z, y)", "lb.mcc_loss(z, y)", LABELS),
    Reference("sensitivity_specificity_loss", "ref.sensitivity_specificity(z, y, 0.05)",
              "lb.sensitivity_specificity_loss(z, y)", LABELS),
    Reference("generalized_wasserstein_dice_loss", "ref.wasserstein_dice(z, y, m)",
              "lb.generalized_wasserstein_dice_loss(z, y, m)", _DISTANT),
    Reference("topk_cross_entropy", "ref.topk_cross_entropy(z, y, 0.25)", "lb.topk_cross_entropy(z, y)", LABELS),
    Reference("unified_focal_loss", "ref.unified_focal(z, y, 0.6, 0.5, 0.5)", "lb.unified_focal_loss(z, y)",
              ("multiclass", "volume")),
    Reference("exponential_logarithmic_loss", "ref.exponential_logarithmic(z, y, w)",
              "lb.exponential_logarithmic_loss(z, y, weight=w)", ("multiclass", "volume")),
    Reference("mask_classification_loss", "ref.mask_classification(z, s, y, g, m)",
              "lb.mask_classification_loss(z, s, y, g, m)", _QUERIES),
]  # fmt: skip
