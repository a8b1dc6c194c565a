"""Kinds of the losses of regression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from samples import CLASSES, Sample, kind, perfect_for, saturated
from torch import Tensor

from lossbook.catalogue import LossCard


def _up_to_100(first: Tensor, magnitude: float) -> list[Tensor]:
    """Numbers whose squares float16 can hold."""
    return saturated(first, min(magnitude, 100.0))


@kind("real numbers (in half precision up to 100)", axis=1, everywhere=True, adverse=_up_to_100)
def _moderate_numbers(s: Sample) -> Tensor:
    return (s.scale * s.normal(s.batch, *s.size, CLASSES)).clamp(-100, 100)


@kind("vectors (in half precision up to 100)", axis=0, everywhere=True, adverse=_up_to_100)
def _moderate_vectors(s: Sample) -> Tensor:
    return (s.scale * s.normal(s.batch, CLASSES)).clamp(-100, 100)


@kind("numbers of size 1 to 100", axis=1)
def _away_from_zero(s: Sample) -> Tensor:
    drawn = s.normal(s.batch, *s.size, CLASSES)
    return torch.where(drawn < 0, -1.0, 1.0) * (1 + s.scale * drawn.abs()).clamp_max(100)


@kind("robust shapes in [0, 2]", axis=None, batched=False)
def _shapes(s: Sample) -> Tensor:
    return 2 * s.uniform(CLASSES)


@kind("scales of at least 1", axis=None, batched=False)
def _scales(s: Sample) -> Tensor:
    return 1 + s.uniform(CLASSES)


def _levels_of(settings: Mapping[str, Any]) -> tuple[int, ...]:
    level = settings.get("quantile", settings.get("expectile"))
    return () if isinstance(level, tuple) else (CLASSES,)


@kind("target of levels", axis=1)
def _target_of_levels(s: Sample) -> Tensor:
    return s.scale * s.normal(s.batch, *s.size, *_levels_of(s.settings))


@kind("target of levels (in half precision up to 100)", axis=1)
def _moderate_target_of_levels(s: Sample) -> Tensor:
    return _target_of_levels(s).clamp(-100, 100)


@perfect_for("target of levels")
@perfect_for("target of levels (in half precision up to 100)")
def _every_level_on_the_target(card: LossCard, settings: Mapping[str, Any], target: Tensor) -> Tensor:
    several = not _levels_of(settings)
    return target.unsqueeze(-1).repeat_interleave(CLASSES, -1) if several else target.clone()


@kind("scale of each series", axis=1)
def _scale_of_each_series(s: Sample) -> Tensor:
    return 1 + 3 * s.uniform(s.batch, *s.size, 1)


@kind("numbers of at least 0", axis=1, adverse=lambda first, m: [torch.full_like(first, m), torch.zeros_like(first)])
def _at_least_zero(s: Sample) -> Tensor:
    return (s.scale * s.normal(s.batch, *s.size, CLASSES).abs()).clamp_max(1e4)


@kind("depths", axis=1, adverse=lambda x, m: [torch.full_like(x, min(m, 80)), torch.full_like(x, 1 / min(m, 80))])
def _depths(s: Sample) -> Tensor:
    return (0.5 * min(s.scale, 10.0) * s.normal(s.batch, *s.size, CLASSES)).exp().clamp(0.5, 8)


@kind("vectors away from zero", axis=1, adverse=lambda first, magnitude: [magnitude * first.sign(), first / 100])
def _vectors(s: Sample) -> Tensor:
    drawn = s.normal(s.batch, *s.size, CLASSES)
    lengths = (s.scale * s.normal(s.batch, *s.size, 1).abs()).clamp(0.1, 100)
    return lengths * drawn / drawn.norm(dim=-1, keepdim=True)


@kind("signs of pairs", axis=1)
def _signs(s: Sample) -> Tensor:
    return 2 * s.integers(2, s.batch, *s.size) - 1


@perfect_for("cosine_embedding_loss")
def _same_or_opposite(card: LossCard, settings: Mapping[str, Any], partners: Tensor, target: Tensor) -> Tensor:
    return partners * target.unsqueeze(-1)
