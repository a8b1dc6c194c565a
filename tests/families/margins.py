"""Kinds of the losses of the margin; scores within 100 are drawn in `families.classification`."""

from __future__ import annotations

import math

import torch
from samples import Sample, ideal_for, kind, saturated
from torch import Tensor


@kind("logits within 10", any_layout=True, adverse=lambda x, m: saturated(x, min(m, 10.0)))
def _logits_within_10(s: Sample) -> Tensor:
    return (0.5 * s.scale * s.normal(*s.scores_shape)).clamp(-10, 10)


@ideal_for("tangent_loss")
def _at_the_best_margin() -> list[Tensor]:
    mask = torch.tensor([[0, 1, 1]])
    return [math.tan(0.5) * (2.0 * mask.double() - 1), mask]
