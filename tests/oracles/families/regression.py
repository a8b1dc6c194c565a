"""Who else computes the losses of regression, and how: see `entries.py` for the form."""

from __future__ import annotations

from entries import Case, Reference

TITLE = "Regression"

CASES = [
    Case("torch", "l1_loss", "F.l1_loss(z, x)", "lb.l1_loss(z, x)", ("numbers",)),
    Case("torch", "l1_loss", "F.l1_loss(z, x, reduction='none')", "lb.l1_loss(z, x, reduction='none')", ("numbers",)),
    Case("sklearn", "l1_loss", "metrics.mean_absolute_error(x, z)", "lb.l1_loss(z, x)", ("numbers",)),
]

REFERENCES = [
    Reference("l1_loss", "ref.l1(z, x)", "lb.l1_loss(z, x)", ("numbers",)),
]

DIFFERENCES = []
