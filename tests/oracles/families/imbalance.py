"""Who else computes the losses of imbalanced classes, and how: see `entries.py` for the form."""

from __future__ import annotations

import numpy as np
from entries import Case, Reference

TITLE = "Imbalanced classes"


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Logits (in the second sample cosines), labels, counts `n` and class weights `w`."""
    rng = np.random.default_rng(40)
    z = (2 * rng.standard_normal((3, 4, 2, 3))).astype(np.float32).astype(np.float64)
    y = np.concatenate([np.arange(4), rng.integers(4, size=14)]).reshape(3, 2, 3)
    shared = {"y": y, "n": np.array([1000.0, 200.0, 30.0, 4.0]), "w": np.array([0.5, 1.0, 2.5, 4.0])}
    cosines = rng.uniform(-1, 1, z.shape).astype(np.float32).astype(np.float64)
    return {"imbalanced": {"z": z, **shared}, "imbalanced cosines": {"z": cosines, **shared}}


SAMPLES = ("imbalanced",)
COSINES = ("imbalanced cosines",)
_COLUMN = "[None, :, None, None]"

CASES = [
    Case(
        "torch",
        "class_balanced_loss",
        "F.cross_entropy(z, y, (lambda e: e / e.mean())(1 / (1 - 0.99 ** n)))",
        "lb.class_balanced_loss(z, y, n, beta=0.99, reduction='sum') / lb.effective_number_weights(n, "
        "beta=0.99)[y].sum()",
        SAMPLES,
        "torch divides by the sum of the weights, the paper by the number of labels",
    ),
    Case(
        "torch",
        "ldam_loss",
        "F.cross_entropy(30 * (z - one_hot(y, 4) * (0.5 * (4 / n) ** 0.25)[None, :, None, None]), y, w)",
        "lb.ldam_loss(z, y, n, weight=w)",
        COSINES,
    ),
    Case("torch", "logit_adjusted_loss", f"F.cross_entropy(z + n.log(){_COLUMN}, y)", "lb.logit_adjusted_loss(z, y, n)",
         SAMPLES),
    Case(
        "torch",
        "vector_scaling_loss",
        f"F.cross_entropy((n / 1000){_COLUMN} ** 0.3 * z + 0.5 * n.log(){_COLUMN}, y, w)",
        "lb.vector_scaling_loss(z, y, n, tau=0.5, gamma=0.3, weight=w)",
        SAMPLES,
    ),
    Case(
        "torch",
        "seesaw_loss",
        "(lambda s: F.cross_entropy(z + (s / s.gather(1, y[:, None]).clamp(min=0.01)).clamp(min=1).pow(2).log() + "
        "(n[None, :, None, None] / n[y][:, None]).clamp(max=1).pow(0.8).log(), y))(z.detach().softmax(1))",
        "lb.seesaw_loss(z, y, n)",
        SAMPLES,
        "the compensation is held fixed",
    ),
    Case(
        "torch",
        "equalization_loss",
        f"F.cross_entropy(z.masked_fill((n / n.sum() < 0.1){_COLUMN} & (one_hot(y, 4) == 0), -torch.inf), y)",
        "lb.equalization_loss(z, y, n, threshold=0.1)",
        SAMPLES,
    ),
]  # fmt: skip

REFERENCES = [
    Reference("class_balanced_loss", "ref.class_balanced(z, y, n, 0.999)", "lb.class_balanced_loss(z, y, n)", SAMPLES),
    Reference(
        "class_balanced_loss",
        "ref.class_balanced_focal(z, y, n, 0.9, 0.0)",
        "lb.class_balanced_loss(z, y, n, beta=0.9, base='sigmoid')",
        SAMPLES,
    ),
    Reference(
        "class_balanced_loss",
        "ref.class_balanced_focal(z, y, n, 0.9, 1.5)",
        "lb.class_balanced_loss(z, y, n, beta=0.9, base='focal', gamma=1.5)",
        SAMPLES,
    ),
    *(
        Reference(
            "class_balanced_loss",
            f"ref.class_balanced(z, y, n, {beta})",
            f"lb.class_balanced_loss(z, y, n, beta={beta})",
            SAMPLES,
        )
        for beta in (0.0, 0.9, 0.99, 0.9999)
    ),
    *(
        Reference(
            "class_balanced_loss",
            f"ref.class_balanced_focal(z, y, n, {beta}, {gamma})",
            f"lb.class_balanced_loss(z, y, n, beta={beta}, base='focal', gamma={gamma})",
            SAMPLES,
        )
        for beta in (0.0, 0.9999)
        for gamma in (0.5, 2.0)
    ),
    *(
        Reference(
            "class_balanced_loss",
            f"ref.class_balanced_focal(z, y, n, {beta}, 0.0)",
            f"lb.class_balanced_loss(z, y, n, beta={beta}, base='sigmoid')",
            SAMPLES,
        )
        for beta in (0.0, 0.9999)
    ),
    Reference("ldam_loss", "ref.ldam(z, y, n, 0.5, 30)", "lb.ldam_loss(z, y, n)", COSINES),
    Reference(
        "ldam_loss",
        "ref.ldam(z, y, n, 0.2, 1, w)",
        "lb.ldam_loss(z, y, n, max_margin=0.2, scale=1.0, weight=w)",
        (*SAMPLES, *COSINES),
    ),
    Reference("logit_adjusted_loss", "ref.vector_scaling(z, y, n, 1, 0)", "lb.logit_adjusted_loss(z, y, n)", SAMPLES),
    Reference(
        "logit_adjusted_loss",
        "ref.vector_scaling(z, y, n, 0.4, 0)",
        "lb.logit_adjusted_loss(z, y, n, tau=0.4)",
        SAMPLES,
    ),
    Reference(
        "vector_scaling_loss",
        "ref.vector_scaling(z, y, n, 0.5, 0.3, w)",
        "lb.vector_scaling_loss(z, y, n, tau=0.5, gamma=0.3, weight=w)",
        SAMPLES,
    ),
    Reference("seesaw_loss", "ref.seesaw(z, y, n, 0.8, 2, 0.01)", "lb.seesaw_loss(z.detach(), y, n)", SAMPLES),
    Reference("seesaw_loss", "ref.seesaw(z, y, n, 0.3, 0, 0.01)", "lb.seesaw_loss(z, y, n, p=0.3, q=0.0)", SAMPLES),
    Reference(
        "equalization_loss", "ref.equalization(z, y, n, 0.1)", "lb.equalization_loss(z, y, n, threshold=0.1)", SAMPLES
    ),
]

DIFFERENCES = []
