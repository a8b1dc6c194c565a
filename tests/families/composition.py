"""Kinds of the losses of several tasks and of point sets."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from samples import CLASSES, Sample, held_fixed, ideal_for, kind, objective, perfect_for
from torch import Tensor

from lossbook.losses import composition

POINTS = 5


@kind("task losses", axis=1, adverse=lambda first, _: [torch.zeros_like(first), 1e3 * torch.ones_like(first)])
def _task_losses(s: Sample) -> Tensor:
    return 0.5 * min(s.scale, 20.0) * s.normal(s.batch, *s.size, CLASSES).abs() + 0.01


@kind("task weights", axis=None, batched=False)
@kind("task averages", axis=None, batched=False)
def _one_number_for_each_task(s: Sample) -> Tensor:
    return 0.2 + 2 * s.uniform(CLASSES)


@kind("task log-variances", axis=None, batched=False)
def _task_log_variances(s: Sample) -> Tensor:
    return 0.7 * s.normal(CLASSES)


@kind("task numbers", axis=1, adverse=lambda first, _: [torch.zeros_like(first), 1e3 * torch.ones_like(first)])
def _task_numbers(s: Sample) -> Tensor:
    return 0.2 + 2 * s.uniform(s.batch, *s.size, CLASSES)


@kind("sample values", axis=1, adverse=lambda first, m: [min(m, 100.0) * first.sign(), torch.zeros_like(first)])
def _sample_values(s: Sample) -> Tensor:
    return min(s.scale, 20.0) * s.normal(s.batch, *s.size, CLASSES)


@kind("points", axis=None, adverse=lambda first, m: [min(m, 50.0) * first.sign(), torch.zeros_like(first)])
def _points(s: Sample) -> Tensor:
    """Sets of points in the plane; that their order does not matter is tested beside the losses."""
    return 0.5 * min(s.scale, 4.0) * s.normal(s.batch, POINTS, 2)


@perfect_for("weighted_sum_loss")
@perfect_for("uncertainty_weighting_loss")
@perfect_for("dynamic_weight_average_loss")
def _no_loss(card, settings, *of_tasks: Tensor) -> Tensor:
    return torch.zeros(2, 4, 5, CLASSES, dtype=torch.float64)


@perfect_for("gradnorm_loss")
def _weights_of_one(card, settings, *others: Tensor) -> Tensor:
    return torch.ones_like(others[0])


@ideal_for("gradnorm_loss")
def _balanced() -> list[Tensor]:
    return [torch.ones(2, CLASSES, dtype=torch.float64) for _ in range(4)]


@held_fixed("gradnorm_loss")
def _with_fixed_norms(weight: Tensor, norms: Tensor, losses: Tensor, initial: Tensor, **settings):
    alpha = settings.get("alpha", 1.5)
    rate = losses / initial
    rate = rate / rate.mean(-1, keepdim=True)
    wanted = (weight * norms).mean(-1, keepdim=True) * rate**alpha

    def function(w: Tensor, *_: Tensor, alpha: float = alpha, reduction: str = "mean") -> Tensor:
        values = (w * norms - wanted).abs().sum(-1)
        return values if reduction == "none" else values.sum() if reduction == "sum" else values.mean()

    return function


@held_fixed("sinkhorn_loss")
def _with_fixed_potentials(prediction: Tensor, target: Tensor, **settings):
    """Each set moves against the other one, which stays, as does what the iterations found."""
    center = target.mean(-2, keepdim=True)
    settings = {"p": 2.0, "epsilon": 0.1, "iterations": 50, "debias": True} | settings
    masses = [settings.pop(f"{name}_weight", None) for name in ("prediction", "target")]
    a, b = (
        points.new_full(points.shape[:-1], 1 / POINTS)
        if mass is None
        else (mass / mass.sum()).expand(points.shape[:-1])
        for points, mass in zip((prediction, target), masses, strict=True)
    )

    def function(x: Tensor, y: Tensor, *, reduction: str = "mean", **_) -> Tensor:
        fixed = prediction - center, target - center
        values = composition._sinkhorn(x - center, y - center, *fixed, a, b, **settings)
        return values if reduction == "none" else values.sum() if reduction == "sum" else values.mean()

    return function


@objective("deep_supervision_loss")
def _two_depths(dtype: torch.dtype) -> tuple:
    generator = torch.Generator().manual_seed(0)
    scores = [torch.randn(2, CLASSES, size, size, generator=generator).to(dtype) for size in (4, 2)]
    return F.cross_entropy, scores, torch.randint(CLASSES, (2, 4, 4), generator=generator)
