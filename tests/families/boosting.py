"""Kinds of the impurities of trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from samples import CLASSES, Sample, ideal_for, kind, perfect_for
from torch import Tensor

from lossbook.catalogue import LossCard


def _extreme_counts(counts: Tensor, magnitude: float) -> list[Tensor]:
    """Large nodes, pure nodes, empty nodes."""
    pure = torch.zeros_like(counts)
    pure[..., 0] = magnitude
    return [torch.full_like(counts, magnitude), pure, torch.zeros_like(counts)]


@kind("class counts of nodes", axis=1, adverse=_extreme_counts)
def _class_counts(s: Sample) -> Tensor:
    """Fractions of an example: one node has the size one, several have it on the average."""
    counts = (0.5 * min(s.scale, 10.0) * s.normal(s.batch, *s.size, CLASSES)).exp().clamp(0.1, 100)
    return counts / counts.sum(-1).mean()


@perfect_for("class counts of nodes")
def _pure_nodes(card: LossCard, settings: Mapping[str, Any], *others: Tensor) -> Tensor:
    return torch.eye(CLASSES, dtype=torch.float64).repeat(2, 1)


@ideal_for("gini_impurity_loss")
@ideal_for("entropy_impurity_loss")
def _pure() -> list[Tensor]:
    return [torch.eye(CLASSES, dtype=torch.float64)]
