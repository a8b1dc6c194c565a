"""Kinds of the losses over very many classes: here there are five, so that all of them can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from samples import Sample, ideal_for, kind, perfect_for
from torch import Tensor

from lossbook.catalogue import LossCard

_CLASSES, _WIDTH = 5, 4


@kind("hidden states", axis=1, everywhere=True)
def _hidden_states(s: Sample) -> Tensor:
    return s.scale * s.normal(s.batch, *s.size, _WIDTH)


@kind("output weights", axis=None, batched=False)
def _output_weights(s: Sample) -> Tensor:
    """So small that float16's largest hidden states have scores that float16 can hold."""
    return (0.2 * s.normal(_CLASSES, _WIDTH)).clamp(-0.2, 0.2)


@kind("class ids", axis=1)
def _class_ids(s: Sample) -> Tensor:
    ids = s.integers(_CLASSES, s.batch, *s.size)
    ignore_index = s.settings.get("ignore_index")
    if ignore_index is not None:
        ids[s.uniform(*ids.shape) < 0.3] = ignore_index
    return ids


@kind("sampled classes", axis=None, batched=False, any_length=True)
def _sampled_classes(s: Sample) -> Tensor:
    return s.integers(_CLASSES, 7)


@perfect_for("linear_cross_entropy")
@perfect_for("sampled_softmax_loss")
def _along_the_weights_of_the_class(
    card: LossCard, settings: Mapping[str, Any], weight: Tensor, target: Tensor, *_: Tensor
) -> Tensor:
    return 100.0 * weight[target.clamp(0, len(weight) - 1)]


@ideal_for("linear_cross_entropy")
def _one_direction_for_each_class() -> list[Tensor]:
    return [100 * torch.eye(3).double(), torch.eye(3).double(), torch.arange(3)]


@ideal_for("sampled_softmax_loss")
def _one_direction_for_each_class_and_all_drawn() -> list[Tensor]:
    return [*_one_direction_for_each_class(), torch.arange(3)]
