"""Who else computes the impurities of trees, and how: see `entries.py` for the form."""

from __future__ import annotations

import numpy as np
from entries import Case, Reference

TITLE = "Boosting"

NODES = ("boosting: nodes",)


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Class counts of four nodes of different sizes, and of one node."""
    return {
        "boosting: nodes": {"z": np.array([[5.0, 1.0, 2.0], [0.5, 0.25, 8.0], [3.0, 3.0, 3.0], [1.0, 40.0, 2.0]])},
        "boosting: one node": {"z": np.array([[7.0, 2.0, 1.0]])},
    }


CASES = [
    Case("scipy", "entropy_impurity_loss", "scipy.stats.entropy(z[0])", "lb.entropy_impurity_loss(z)",
         ("boosting: one node",)),
    Case("scipy", "entropy_impurity_loss", "scipy.stats.entropy(z, base=2, axis=1) * np.sum(z.numpy(), 1)",
         "lb.entropy_impurity_loss(z, base=2.0, reduction='none')", NODES, "one number for each node, times its size"),
]  # fmt: skip

REFERENCES = [
    Reference("gini_impurity_loss", "ref.gini(z)", "lb.gini_impurity_loss(z)", NODES),
    Reference("entropy_impurity_loss", "ref.entropy(z)", "lb.entropy_impurity_loss(z)", NODES),
]
