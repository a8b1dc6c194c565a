"""Kinds of the segmentation losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from samples import CLASSES, Sample, ideal_for, kind, perfect_for, task_of
from torch import Tensor

from lossbook.catalogue import LossCard


@kind("distance map", any_layout=True)
def _distance_map(s: Sample) -> Tensor:
    return (3 * s.normal(*s.scores_shape)).clamp(-5, 11)


@perfect_for("distance map")
def _inside(card: LossCard, settings: Mapping[str, Any], target: Tensor) -> Tensor:
    if task_of(card, settings) == "multiclass":
        return 100.0 * torch.nn.functional.one_hot(target.argmin(1), target.shape[1]).movedim(-1, 1).double()
    return -100.0 * target.sign()


@kind("class distances", axis=None, batched=False)
def _class_distances(s: Sample) -> Tensor:
    distances = s.uniform(CLASSES, CLASSES)
    return (distances + distances.T) / 2 * (1 - torch.eye(CLASSES, dtype=torch.float64))


# --- masks of queries -------------------------------------------------------------------------------------------------

QUERIES, SEGMENTS = 4, 3


@kind("class logits of queries", axis=None, everywhere=True)
def _class_logits_of_queries(s: Sample) -> Tensor:
    return s.scale * s.normal(s.batch, CLASSES + 1, QUERIES)


@kind("mask logits of queries")
def _mask_logits(s: Sample) -> Tensor:
    """Twenty times their cross-entropy, the default weight, stays in float16's range."""
    return min(s.scale, 100.0) * s.normal(s.batch, QUERIES, *s.size)


@kind("classes of segments", axis=None)
def _classes_of_segments(s: Sample) -> Tensor:
    """A third of them are none."""
    labels = s.integers(CLASSES, s.batch, SEGMENTS)
    return torch.where(s.uniform(s.batch, SEGMENTS) < 0.3, -1, labels)


@kind("masks of segments")
def _masks_of_segments(s: Sample) -> Tensor:
    return s.integers(2, s.batch, SEGMENTS, *s.size)


@kind("matched queries", axis=None)
def _matched_queries(s: Sample) -> Tensor:
    return s.uniform(s.batch, QUERIES).argsort(1)[:, :SEGMENTS]


@perfect_for("mask_classification_loss")
def _sure_of_each_query(card: LossCard, settings: Mapping[str, Any], masks: Tensor, target: Tensor,
                        target_masks: Tensor, matching: Tensor) -> Tensor:  # fmt: skip
    classes = torch.full((len(masks), QUERIES), CLASSES)
    for n, (labels, queries) in enumerate(zip(target.tolist(), matching.tolist(), strict=True)):
        for label, query in zip(labels, queries, strict=True):
            classes[n, query] = label if label >= 0 else CLASSES
    return 100.0 * torch.nn.functional.one_hot(classes, CLASSES + 1).movedim(-1, 1).double()


@ideal_for("mask_classification_loss")
def _masks_as_they_should_be() -> list[Tensor]:
    classes = 100.0 * torch.tensor([[[1, 0], [0, 0], [0, 1]]]).double()
    masks = torch.tensor([[[1, 0, 1], [0, 1, 0]]])
    return [classes, 200.0 * masks.double() - 100, torch.tensor([[0]]), masks[:, :1], torch.tensor([[0]])]
