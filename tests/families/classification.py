"""Kinds of the losses of classification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from samples import CLASSES, Sample, ideal_for, kind, perfect_for, proper_check, saturated
from torch import Tensor

import lossbook as lb
from lossbook.catalogue import LossCard


@kind("log-probabilities", any_layout=True, adverse=lambda x, m: [s.log_softmax(1) for s in saturated(x + 1, m)])
def _log_probabilities(s: Sample) -> Tensor:
    return (s.scale * s.normal(*s.scores_shape)).log_softmax(1)


@perfect_for("nll_loss")
def _sure_log_probabilities(card: LossCard, settings: Mapping[str, Any], target: Tensor) -> Tensor:
    return (100.0 * torch.nn.functional.one_hot(target, CLASSES).movedim(-1, 1).double()).log_softmax(1)


def _extreme_distributions(first: Tensor, magnitude: float) -> list[Tensor]:
    """Where the first argument holds distributions, those that are sure of one class; else saturated logits."""
    if first.numel() and first.min() >= 0 and torch.allclose(first.sum(1), torch.ones_like(first.sum(1)), atol=1e-3):
        sure = torch.nn.functional.one_hot(first.argmax(1), first.shape[1]).movedim(-1, 1).to(first.dtype)
        return [sure, torch.full_like(first, 1 / first.shape[1])]
    return saturated(first, magnitude)


@kind("logits or probabilities", any_layout=True, adverse=_extreme_distributions)
def _logits_or_probabilities(s: Sample) -> Tensor:
    if s.settings.get("from_logits", True):
        return s.scale * s.normal(s.batch, CLASSES, *s.size)
    return s.normal(s.batch, CLASSES, *s.size).softmax(1)


@perfect_for("kl_divergence_loss")
@perfect_for("jensen_shannon_loss")
def _same_distribution(card: LossCard, settings: Mapping[str, Any], target: Tensor) -> Tensor:
    return target.clone() if settings.get("from_logits") is False else target.log()


@proper_check("kl_divergence_loss")
def _kl_is_proper() -> None:
    """The mean over one-hot outcomes is smallest at their frequencies."""
    frequencies = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    outcomes = torch.eye(3, dtype=torch.float64)
    truth = frequencies.log()

    def expected(z: Tensor) -> Tensor:
        return frequencies @ lb.kl_divergence_loss(z.expand(3, 3), outcomes, reduction="none")

    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        assert expected(truth + torch.randn(3, generator=generator, dtype=torch.float64)) >= expected(truth)


@kind("logits within 100", any_layout=True, adverse=lambda x, m: saturated(x, min(m, 100.0)))
def _logits_within_100(s: Sample) -> Tensor:
    return (s.scale * s.normal(*s.scores_shape)).clamp(-100, 100)


@ideal_for("distillation_loss")
def _teacher_and_label_agree() -> list[Tensor]:
    labels = torch.tensor([[0, 2]])
    logits = 100.0 * torch.nn.functional.one_hot(labels, CLASSES).movedim(-1, 1).double()
    return [logits, labels, logits]


@perfect_for("entropy_loss")
def _sure_of_the_first_class(card: LossCard, settings: Mapping[str, Any]) -> Tensor:
    return torch.tensor([[[100.0, -100.0], [-100.0, 100.0], [-100.0, -100.0]]], dtype=torch.float64)


@kind("frames of logits", everywhere=True)
def _frames_of_logits(s: Sample) -> Tensor:
    return s.scale * s.normal(s.batch, CLASSES, *s.size)


def _extreme_attention(first: Tensor, magnitude: float) -> list[Tensor]:
    if first.numel() and first.min() >= 0 and torch.allclose(first.sum(-1), torch.ones_like(first.sum(-1)), atol=1e-3):
        sure = torch.nn.functional.one_hot(first.argmax(-1), first.shape[-1]).to(first.dtype)
        return [sure, torch.full_like(first, 1 / first.shape[-1])]
    return saturated(first, magnitude)


@kind("attention scores", adverse=_extreme_attention)
def _attention_scores(s: Sample) -> Tensor:
    keys = s.size[-1] if s.size else 1
    scores = s.normal(s.batch, 2, 3, keys)
    return s.scale * scores if s.settings.get("from_logits", True) else scores.softmax(-1)


@kind("token mask")
def _token_mask(s: Sample) -> Tensor:
    keys = s.size[-1] if s.size else 1
    mask = s.integers(2, s.batch, keys)
    mask[:, 0] = 1
    return mask


@perfect_for("token mask")
def _attends_to_the_target(card: LossCard, settings: Mapping[str, Any], target: Tensor) -> Tensor:
    if settings.get("from_logits", True):
        return (200.0 * target.double() - 100.0)[:, None, None].expand(-1, 2, 3, -1).clone()
    return (target / target.sum(1, keepdim=True)).double()[:, None, None].expand(-1, 2, 3, -1).clone()


@kind("losses", adverse=lambda x, m: [x + m, torch.full_like(x, m)])
def _losses(s: Sample) -> Tensor:
    return (s.scale * s.normal(s.batch, *s.size)).abs().clamp_max(3e4)


@perfect_for("self_paced_loss")
def _no_loss(card: LossCard, settings: Mapping[str, Any]) -> Tensor:
    return torch.zeros(2, 3, dtype=torch.float64)


@kind("frames to transcribe", adverse=lambda x, m: saturated(x, min(m, 1e3)))
def _frames_to_transcribe(s: Sample) -> Tensor:
    return (s.scale * s.normal(s.batch, CLASSES, 7)).clamp(-1e3, 1e3)


@kind("transcripts", axis=None)
def _transcripts(s: Sample) -> Tensor:
    blank = s.settings.get("blank", 0)
    return (blank + 1 + s.integers(CLASSES - 1, s.batch, 3)) % CLASSES


@kind("numbers of frames", axis=None)
def _numbers_of_frames(s: Sample) -> Tensor:
    return 6 + s.integers(2, s.batch)


@kind("lengths of transcripts", axis=None)
def _lengths_of_transcripts(s: Sample) -> Tensor:
    if s.size == (1,):
        return torch.ones(s.batch, dtype=torch.long)
    lengths = s.integers(4, s.batch)
    lengths[:1] = 3
    return lengths


@perfect_for("ctc_loss")
def _spelled_out(
    card: LossCard, settings: Mapping[str, Any], target: Tensor, input_lengths: Tensor, target_lengths: Tensor
) -> Tensor:
    blank = settings.get("blank", 0)
    path = torch.full((len(target), 7), blank)
    path[:, 1::2] = torch.where(torch.arange(3) < target_lengths.unsqueeze(1), target, blank)
    return 100.0 * torch.nn.functional.one_hot(path, CLASSES).movedim(-1, 1).double()
