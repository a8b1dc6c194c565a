"""Kinds of the losses for imbalanced classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from samples import CLASSES, Sample, held_fixed, kind, perfect_for
from torch import Tensor

import lossbook as lb
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


@held_fixed("seesaw_loss")
def _with_compensation_held(
    logits: Tensor, target: Tensor, class_counts: Tensor, *, q: float = 2.0, eps: float = 0.01, **settings: Any
) -> Callable[..., Tensor]:
    """The compensation factors, to the logarithm, move the logits of what is then a loss without compensation."""
    sigma = logits.softmax(1)
    labels = torch.where(target < CLASSES, target, 0).clamp_min(0)
    own = sigma.gather(1, labels.unsqueeze(1)).clamp_min(eps)
    moved = q * (sigma / own).clamp_min(1).log()

    def held(logits: Tensor, target: Tensor, class_counts: Tensor, **settings: Any) -> Tensor:
        return lb.seesaw_loss(logits + moved, target, class_counts, **settings | {"q": 0.0})

    return held
