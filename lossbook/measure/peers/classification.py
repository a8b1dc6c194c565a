"""Who has the losses of classification as well."""

from __future__ import annotations

from ._entry import MANY, ONE, PICTURES, SMALL_PICTURES, Entry

INPUTS = PICTURES
SMALL = SMALL_PICTURES

ENTRIES = (
    Entry("cross_entropy", MANY, "lb.cross_entropy(z, y)", ("F.cross_entropy(z, y)",)),
    Entry(
        "binary_cross_entropy_with_logits",
        ONE,
        "lb.binary_cross_entropy_with_logits(z, y)",
        ("F.binary_cross_entropy_with_logits(z, y)", "smp.SoftBCEWithLogitsLoss(ignore_index=None)(z, y)"),
    ),
    Entry("weighted_cross_entropy", MANY, "lb.weighted_cross_entropy(z, y, w[y])", ("F.cross_entropy(z, y, w)",)),
    Entry(
        "weighted_cross_entropy",
        ONE,
        "lb.weighted_cross_entropy(z, y, 1 + y, task='binary')",
        ("F.binary_cross_entropy_with_logits(z, y, 1 + y, reduction='sum') / (1 + y).sum()",),
    ),
    Entry(
        "balanced_cross_entropy",
        MANY,
        "lb.balanced_cross_entropy(z, y, task='multiclass')",
        ("F.cross_entropy(z, y, 1 - torch.bincount(y.flatten(), minlength=21) / y.numel())",),
    ),
    Entry(
        "balanced_cross_entropy",
        ONE,
        "lb.balanced_cross_entropy(z, y, per_image=False)",
        ("(lambda v: F.binary_cross_entropy_with_logits(z, y, v) / v.mean())(torch.lerp(y.mean(), 1 - y.mean(), y))",),
    ),
    Entry(
        "focal_loss",
        MANY,
        "lb.focal_loss(z, y)",
        (
            "(lambda ce: ((1 - torch.exp(-ce)) ** 2 * ce).mean())(F.cross_entropy(z, y, reduction='none'))",
            "kornia.focal_loss(z, y, alpha=None, gamma=2.0, reduction='mean') * 21",
            "monai.FocalLoss(gamma=2.0, use_softmax=True, to_onehot_y=True)(z, y[:, None]) * 21",
        ),
    ),
    Entry(
        "focal_loss",
        ONE,
        "lb.focal_loss(z, y, task='binary', alpha=0.3)",
        (
            "kornia.binary_focal_loss_with_logits(z, y, alpha=0.3, gamma=2.0, reduction='mean')",
            "monai.FocalLoss(gamma=2.0, alpha=0.3)(z, y)",
            "smp.FocalLoss('binary', alpha=0.3, gamma=2.0)(z, y)",
        ),
    ),
)
