"""Who else computes the losses of the margin, and how: see `entries.py` for the form."""

from __future__ import annotations

import math

import numpy as np
from entries import LABELS, MASKS, Case, Difference, Reference

TITLE = "Margins"

_SIGNED = "(2 * y - 1)"


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Margins on both sides of every bend, and rows of scores with labels."""
    rng = np.random.default_rng(31)
    z = np.linspace(-2.875, 2.875, 24).reshape(4, 6)
    rows = (2 * rng.standard_normal((8, 5))).astype(np.float32).astype(np.float64)
    return {
        "margins: grid": {"z": z, "y": rng.integers(2, size=(4, 6))},
        "margins: far": {"z": 20 * z + 0.3125, "y": rng.integers(2, size=(4, 6))},
        "margins: rows": {"z": rows, "y": rng.integers(5, size=8), "w": np.array([0.5, 1.0, 2.5, 0.25, 1.5])},
    }


_BINARY = ("margins: grid", "margins: far", *MASKS)
_ROWS = ("margins: rows",)

CASES = [
    Case("sklearn", "hinge_loss", "metrics.hinge_loss(y.flatten(), z.flatten())", "lb.hinge_loss(z, y)", _BINARY),
    Case("optax", "hinge_loss", f"optax.losses.hinge_loss(z, {_SIGNED}).mean()", "lb.hinge_loss(z, y)", _BINARY),
    Case(
        "torchmetrics",
        "squared_hinge_loss",
        "tm.classification.binary_hinge_loss(z.flatten(), y.flatten(), squared=True)",
        "lb.squared_hinge_loss(z.sigmoid(), y)",
        _BINARY,
        "it takes the sigmoid first",
    ),
    Case(
        "torch",
        "multiclass_hinge_loss",
        "F.multi_margin_loss(z, y, reduction='none')",
        "lb.multiclass_hinge_loss(z, y, kind='weston-watkins', reduction='none') / z.shape[1]",
        _ROWS,
        "divided by the number of classes",
    ),
    Case(
        "torch",
        "multiclass_hinge_loss",
        "F.multi_margin_loss(z, y, p=2, margin=0.5, weight=w)",
        "lb.multiclass_hinge_loss(z, y, kind='weston-watkins', p=2, margin=0.5, weight=w, reduction='sum')"
        " / (z.shape[1] * len(z))",
        _ROWS,
        "its mean divides by classes and rows, whatever the weights",
    ),
    Case(
        "sklearn",
        "multiclass_hinge_loss",
        "metrics.hinge_loss(y, z, labels=list(range(z.shape[1])))",
        "lb.multiclass_hinge_loss(z, y)",
        _ROWS,
    ),
    Case(
        "optax",
        "multiclass_hinge_loss",
        "optax.losses.multiclass_hinge_loss(z, y)",
        "lb.multiclass_hinge_loss(z, y, reduction='none')",
        _ROWS,
    ),
    Case(
        "torchmetrics",
        "multiclass_hinge_loss",
        "tm.classification.multiclass_hinge_loss(z, y, num_classes=5, squared=True)",
        "lb.multiclass_hinge_loss(z.softmax(1), y, p=2)",
        _ROWS,
        "it takes the softmax first",
    ),
    Case(
        "optax",
        "perceptron_loss",
        f"optax.losses.perceptron_loss(z, {_SIGNED}).mean()",
        "lb.perceptron_loss(z, y)",
        _BINARY,
    ),
    Case(
        "optax",
        "perceptron_loss",
        "optax.losses.multiclass_perceptron_loss(z, y)",
        "lb.perceptron_loss(z, y, task='multiclass', reduction='none')",
        _ROWS,
    ),
]

REFERENCES = [
    Reference("hinge_loss", "ref.hinge(z, y)", "lb.hinge_loss(z, y, ignore_index=255)", (*_BINARY, "binary ignored")),
    Reference("hinge_loss", "ref.hinge(z, y, 0.3)", "lb.hinge_loss(z, y, margin=0.3)", _BINARY),
    Reference(
        "squared_hinge_loss",
        "ref.squared_hinge(z, y, 0.7)",
        "lb.squared_hinge_loss(z, y, margin=0.7, ignore_index=255)",
        (*_BINARY, "binary ignored"),
    ),
    Reference(
        "multiclass_hinge_loss",
        "ref.multiclass_hinge(z, y, False, 0.7)",
        "lb.multiclass_hinge_loss(z, y, margin=0.7, ignore_index=255)",
        (*_ROWS, *LABELS, "ignored"),
    ),
    Reference(
        "multiclass_hinge_loss",
        "ref.multiclass_hinge(z, y, True, 1.3, 2)",
        "lb.multiclass_hinge_loss(z, y, kind='weston-watkins', margin=1.3, p=2, ignore_index=255)",
        (*_ROWS, *LABELS, "ignored"),
    ),
    Reference(
        "perceptron_loss",
        "ref.perceptron(z, y)",
        "lb.perceptron_loss(z, y, ignore_index=255)",
        (*_BINARY, "binary ignored"),
    ),
    Reference(
        "perceptron_loss",
        "ref.multiclass_perceptron(z, y)",
        "lb.perceptron_loss(z, y, task='multiclass')",
        (*_ROWS, *LABELS),
    ),
    Reference(
        "exponential_loss",
        "ref.exponential(z, y)",
        "lb.exponential_loss(z, y, ignore_index=255)",
        (*_BINARY, "binary ignored"),
    ),
    Reference(
        "exponential_loss", "ref.exponential(z, y, 2.0)", "lb.exponential_loss(z, y, linear_beyond=2.0)", _BINARY
    ),
    Reference(
        "modified_huber_loss",
        "ref.modified_huber(z, y)",
        "lb.modified_huber_loss(z, y, ignore_index=255)",
        (*_BINARY, "binary ignored"),
    ),
    Reference(
        "savage_loss", "ref.savage(z, y)", "lb.savage_loss(z, y, ignore_index=255)", (*_BINARY, "binary ignored")
    ),
    Reference(
        "tangent_loss", "ref.tangent(z, y)", "lb.tangent_loss(z, y, ignore_index=255)", (*_BINARY, "binary ignored")
    ),
]

DIFFERENCES = [
    Difference(
        "torch",
        "multiclass_hinge_loss",
        "A multi-class hinge over C",
        {"z": [[0.0, 0.5, 1.0]], "y": [0]},
        "F.multi_margin_loss(z, y)",
        "lb.multiclass_hinge_loss(z, y, kind='weston-watkins')",
        3.5 / 3,
        3.5,
        "Both rivals lack: 1.5 and 2. torch divides their sum by the number of classes, 3, the true one included.",
    ),
    Difference(
        "torchmetrics",
        "hinge_loss",
        "A sigmoid before the hinge",
        {"z": [2.0, -3.0], "y": [1, 0]},
        "tm.classification.binary_hinge_loss(z, y)",
        "lb.hinge_loss(z, y)",
        (2 - 1 / (1 + math.exp(-2)) + 1 / (1 + math.exp(3))) / 2,
        0.0,
        "Scores outside [0, 1] go through a sigmoid, so no answer reaches the margin of 1 and the loss never ends.",
    ),
]
