"""Kinds of the losses for noisy labels and of the learned losses."""

from __future__ import annotations

import math

import torch
from samples import CLASSES, Sample, ideal_for, kind
from torch import Tensor

HIDDEN = 4


@kind("transition matrix", axis=None, batched=False)
def _transition_matrix(s: Sample) -> Tensor:
    """Three labels in five are right, or more."""
    noise = s.uniform(CLASSES, CLASSES)
    noise = noise / noise.sum(1, keepdim=True)
    return 0.6 * torch.eye(CLASSES, dtype=torch.float64) + 0.4 * noise


@kind("Taylor coefficients", axis=None, any_layout=True, batched=False)
def _taylor_coefficients(s: Sample) -> Tensor:
    return s.normal(8)


@kind("weights of a loss network", axis=None, batched=False)
def _weights_of_a_loss_network(s: Sample) -> Tensor:
    return 0.3 * s.normal(HIDDEN * (2 * CLASSES + HIDDEN + 1))


@ideal_for("forward_corrected_loss")
def _no_noise() -> list[Tensor]:
    target = torch.tensor([0, 1, 2])
    return [100 * torch.eye(3, dtype=torch.float64), target, torch.eye(3, dtype=torch.float64)]


@ideal_for("jocor_loss")
def _two_networks_that_are_right() -> list[Tensor]:
    sure = 100 * torch.eye(3, dtype=torch.float64)
    return [sure, torch.tensor([0, 1, 2]), sure]


@ideal_for("baikal_loss")
def _one_over_the_root_of_two() -> list[Tensor]:
    p = math.sqrt(0.5)
    return [torch.tensor([[math.log(p / (1 - p)), 0.0]], dtype=torch.float64), torch.tensor([0])]


@ideal_for("learned_loss")
def _a_network_that_likes_large_numbers() -> list[Tensor]:
    numbers = torch.tensor([[50.0]], dtype=torch.float64)
    return [numbers, numbers, torch.tensor([1.0, 0.0, 1.0, -1.0], dtype=torch.float64)]
