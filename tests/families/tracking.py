"""Kinds of the tracking losses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from samples import Sample, ideal_for, kind, perfect_for
from torch import Tensor

from lossbook.catalogue import LossCard
from lossbook.losses import warp


def _limited(first: Tensor, magnitude: float) -> list[Tensor]:
    """Values whose squares float16 holds."""
    size = min(magnitude, 50.0)
    return [size * first.sign(), -size * first.sign(), torch.full_like(first, size)]


@kind("score maps", any_layout=True, adverse=_limited)
def _score_maps(s: Sample) -> Tensor:
    return min(s.scale, 30.0) * s.normal(s.batch, *s.size)


@kind("confidence maps", any_layout=True)
def _confidence_maps(s: Sample) -> Tensor:
    return s.uniform(s.batch, *s.size) ** 4


@perfect_for("dimp_loss")
def _peaks_and_low_background(card: LossCard, settings: Mapping[str, Any], target: Tensor, *_: Tensor) -> Tensor:
    return torch.where(target > 0.05, target, -1.0)


@kind("states", axis=0, adverse=_limited)
def _states(s: Sample) -> Tensor:
    return min(s.scale, 30.0) * s.normal(s.batch, 3)


@kind("covariances", axis=0)
def _covariances(s: Sample) -> Tensor:
    root = s.normal(s.batch, 3, 3)
    return root @ root.mT / 3 + torch.eye(3, dtype=torch.float64)


@kind("identity scores", axis=0, everywhere=True)
def _identity_scores(s: Sample) -> Tensor:
    return s.scale * s.normal(s.batch, 3)


@kind("appearances", axis=0)
def _appearances(s: Sample) -> Tensor:
    """One number each, so that one less is not an embedding any more."""
    return s.normal(s.batch, 1)


@kind("identities", axis=0)
def _identities(s: Sample) -> Tensor:
    return s.integers(3, s.batch)


@perfect_for("reid_loss")
def _smoothed_labels(card: LossCard, settings: Mapping[str, Any], embeddings: Tensor, target: Tensor) -> Tensor:
    smoothing = settings.get("label_smoothing", 0.1)
    return ((1 - smoothing) * torch.nn.functional.one_hot(target, 3).double() + smoothing / 3).clamp_min(1e-30).log()


@ideal_for("reid_loss")
def _two_identities_apart() -> list[Tensor]:
    sure = [[math.log(0.95), math.log(0.05)], [math.log(0.05), math.log(0.95)]]
    embeddings = torch.tensor([[0.0], [0.0], [9.0], [9.0]], dtype=torch.float64)
    return [torch.tensor(sure, dtype=torch.float64).repeat_interleave(2, 0), embeddings, torch.tensor([0, 0, 1, 1])]


@kind("trajectories", axis=1, adverse=_limited)
def _trajectories(s: Sample) -> Tensor:
    return min(s.scale, 30.0) * s.normal(s.batch, s.size[0] + 2, 4)


@perfect_for("temporal_consistency_loss")
def _steady_motion(card: LossCard, settings: Mapping[str, Any], *_: Tensor) -> Tensor:
    return torch.arange(5.0, dtype=torch.float64).reshape(1, 5, 1).expand(2, 5, 4).clone()


@kind("optical flow", adverse=_limited)
def _optical_flow(s: Sample) -> Tensor:
    return 0.5 * min(s.scale, 30.0) * s.normal(s.batch, 2, s.size[0], s.size[-1])


@kind("flow iterates", adverse=_limited)
def _flow_iterates(s: Sample) -> Tensor:
    return 0.5 * min(s.scale, 30.0) * s.normal(s.batch, 3, 2, s.size[0], s.size[-1])


@perfect_for("sequence_loss")
def _found_at_once(card: LossCard, settings: Mapping[str, Any], target: Tensor, *_: Tensor) -> Tensor:
    return target.unsqueeze(1).repeat(1, 3, *[1] * (target.dim() - 1))


@kind("frames", adverse=_limited)
def _frames(s: Sample) -> Tensor:
    return min(s.scale, 30.0) * s.normal(s.batch, 2, s.size[0], s.size[-1])


@perfect_for("motion_consistency_loss")
def _moved(card: LossCard, settings: Mapping[str, Any], previous: Tensor, flow: Tensor) -> Tensor:
    return warp(previous, flow)


@perfect_for("motion_loss")
def _no_motion(card: LossCard, settings: Mapping[str, Any], frame: Tensor, next_frame: Tensor) -> Tensor:
    return torch.zeros_like(frame[:, :2])


@ideal_for("motion_loss")
def _still_frames() -> list[Tensor]:
    frame = torch.rand(2, 2, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return [torch.zeros_like(frame), frame, frame.clone()]


@ideal_for("flow_consistency_loss")
def _there_and_back() -> list[Tensor]:
    flow = torch.ones(1, 2, 4, 5, dtype=torch.float64)
    return [flow, -flow]
