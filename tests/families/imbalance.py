"""Kinds of the losses for imbalanced classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from samples import CLASSES, Sample, kind, perfect_for
from torch import Tensor

from lossbook.catalogue import LossCard


@kind("class counts", axis=None, any_layout=True, batched=False)
def _class_counts(s: Sample) -> Tensor:
    return (10 ** (3 * s.uniform(CLASSES))).long()  # from 1 to 999


@kind("normalized logits", any_layout=True)
def _normalized_logits(s: Sample) -> Tensor:
    return 2 * s.uniform(*s.scores_shape) - 1


@perfect_for("normalized logits")
def _ends_of_the_interval(card: LossCard, settings: Mapping[str, Any], target: Tensor, *_: Tensor) -> Tensor:
    return 2.0 * torch.nn.functional.one_hot(target, CLASSES).movedim(-1, 1).double() - 1.0
