"""Kinds of the ranking losses: a list is a row of the last dimension.

What adds up over a list is drawn within bounds, so that float16 can hold the sum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from samples import Sample, ideal_for, kind, perfect_for
from torch import Tensor

from lossbook.catalogue import LossCard


def _shape(s: Sample) -> tuple[int, int]:
    return s.batch * math.prod(s.size[:-1]), s.size[-1]


@kind("scores of items", everywhere=True)
@kind("scores of a list", everywhere=True)
def _scores(s: Sample) -> Tensor:
    return s.scale * s.normal(*_shape(s))


def _within(scores: Tensor, magnitude: float) -> list[Tensor]:
    """With their signs, against them, and all alike."""
    far = min(magnitude, 300.0)
    return [far * scores.sign(), -far * scores.sign(), torch.full_like(scores, far)]


@kind("scores of a list within 1000", adverse=_within)
def _scores_within(s: Sample) -> Tensor:
    return (min(s.scale, 100.0) * s.normal(*_shape(s))).clamp(-1000, 1000)


@kind("first or second")
def _first_or_second(s: Sample) -> Tensor:
    return 2 * s.integers(2, *_shape(s)) - 1


@kind("relevance")
def _relevance(s: Sample) -> Tensor:
    """Grades from 0 to 4, the first two of each list different."""
    target = s.integers(5, *_shape(s))
    target[:, :2] = torch.tensor([3, 1])[: target.shape[1]]
    ignore_index = s.settings.get("ignore_index")
    if ignore_index is not None:
        target[torch.rand(target.shape, generator=s.generator) < 0.3] = ignore_index
    return target


@kind("attention rows", everywhere=True)
def _attention(s: Sample) -> Tensor:
    return s.scale * s.normal(*_shape(s))


@perfect_for("relevance")
def _in_order(card: LossCard, settings: Mapping[str, Any], target: Tensor) -> Tensor:
    """Far apart by relevance, and by position where it is equal."""
    order = target.argsort(dim=1, descending=True, stable=True)
    return -100.0 * order.argsort(1).double()


@perfect_for("listnet_loss")
def _as_relevant(card: LossCard, settings: Mapping[str, Any], target: Tensor) -> Tensor:
    return target.double()


@ideal_for("listnet_loss")
def _one_item_stands_out() -> list[Tensor]:
    return [torch.tensor([[50.0, 0.0]], dtype=torch.float64), torch.tensor([[50, 0]])]


@ideal_for("bpr_loss")
def _far_above() -> list[Tensor]:
    return [torch.tensor([[50.0]], dtype=torch.float64), torch.tensor([[0.0]], dtype=torch.float64)]
