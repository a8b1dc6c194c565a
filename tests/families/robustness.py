"""A small classifier for the objectives that train against an adversary, and their attacks held fixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from samples import held_fixed, objective
from torch import Tensor, nn

import lossbook as lb


@objective("adversarial_training_loss")
@objective("trades_loss")
@objective("mart_loss")
@objective("alp_loss")
def _classifier(dtype: torch.dtype) -> tuple[Any, ...]:
    """Five pictures of two by three pixels, three classes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3)).to(dtype)
        for parameter in model.parameters():
            parameter.data *= 3
        inputs = torch.rand(5, 1, 2, 3, dtype=torch.float64).to(dtype)
    return model, inputs, torch.tensor([0, 2, 1, 1, 0])


def divergence(log_p: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss that TRADES attacks: how far logits lead away from fixed probabilities."""
    return lambda logits, _: (log_p.exp() * (log_p - logits.log_softmax(1))).sum(1)


@held_fixed("adversarial_training_loss")
def _adversarial_training(model: nn.Module, inputs: Tensor, target: Tensor, **settings: Any) -> Callable[..., Tensor]:
    perturbed = lb.pgd_attack(model, inputs, target)
    return lambda *args, **settings: lb.adversarial_training_loss(*args, **settings, perturbed=perturbed)


@held_fixed("mart_loss")
def _mart(model: nn.Module, inputs: Tensor, target: Tensor, **settings: Any) -> Callable[..., Tensor]:
    perturbed = lb.pgd_attack(model, inputs, target, start="normal")
    return lambda *args, **settings: lb.mart_loss(*args, **settings, perturbed=perturbed)


@held_fixed("alp_loss")
def _alp(model: nn.Module, inputs: Tensor, target: Tensor, **settings: Any) -> Callable[..., Tensor]:
    perturbed = lb.pgd_attack(model, inputs, target)
    return lambda *args, **settings: lb.alp_loss(*args, **settings, perturbed=perturbed)


@held_fixed("trades_loss")
def _trades(model: nn.Module, inputs: Tensor, target: Tensor, **settings: Any) -> Callable[..., Tensor]:
    loss = divergence(model(inputs).log_softmax(1).detach())
    perturbed = lb.pgd_attack(model, inputs, target, loss=loss, start="normal")
    return lambda *args, **settings: lb.trades_loss(*args, **settings, perturbed=perturbed)
