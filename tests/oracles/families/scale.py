"""Who else computes the losses over very many classes, and how: see `entries.py` for the form."""

from __future__ import annotations

import numpy as np
from entries import Case, Reference

TITLE = "Very many classes"


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Hidden states `z`, weights `w`, a bias `v`, labels `y`, drawn classes `s`."""
    rng = np.random.default_rng(17)
    normal = lambda *shape: rng.standard_normal(shape).astype(np.float32).astype(np.float64)  # noqa: E731
    return {
        "scale: nine classes": {
            "z": normal(6, 4), "w": normal(9, 4), "v": normal(9), "y": rng.integers(9, size=6),
            "s": rng.integers(9, size=5),
        }
    }  # fmt: skip


NINE = ("scale: nine classes",)

CASES = [
    Case("torch", "linear_cross_entropy", "F.linear_cross_entropy(z, w, y)", "lb.linear_cross_entropy(z, w, y)", NINE),
    Case("torch", "linear_cross_entropy",
         "F.linear_cross_entropy(z, w, y, linear_bias=v, label_smoothing=0.2, ignore_index=2, reduction='sum')",
         "lb.linear_cross_entropy(z, w, y, bias=v, label_smoothing=0.2, ignore_index=2, reduction='sum', chunk_size=2)",
         NINE),
    Case("torch", "linear_cross_entropy", "F.cross_entropy(z @ w.T, y, reduction='none')",
         "lb.linear_cross_entropy(z, w, y, reduction='none', chunk_size=4)", NINE),
]  # fmt: skip

REFERENCES = [
    Reference("linear_cross_entropy", "ref.linear_cross_entropy(z, w, y)", "lb.linear_cross_entropy(z, w, y)", NINE),
    Reference("linear_cross_entropy", "ref.linear_cross_entropy(z, w, y, smoothing=0.2, z_loss=0.3, cap=2.0)",
              "lb.linear_cross_entropy(z, w, y, label_smoothing=0.2, z_loss=0.3, soft_cap=2.0, chunk_size=4)", NINE),
    Reference("sampled_softmax_loss", "ref.sampled_softmax(z, w, y, s)", "lb.sampled_softmax_loss(z, w, y, s)", NINE),
]  # fmt: skip

DIFFERENCES = []
