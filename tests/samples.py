"""Random input for any loss of the catalogue, drawn from what its card says of its domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lossbook.catalogue import LossCard

CLASSES = 3


def task_of(card: LossCard, settings: Mapping[str, Any]) -> str:
    """The task that decides the layout of prediction and target."""
    if "task" in settings:
        return settings["task"]
    kinds = set(card.domain.values())
    return "multiclass" if "labels" in kinds else "binary" if "mask" in kinds else card.parameters.get("task", "")


def settings_of(settings: Mapping[str, Any], dtype: torch.dtype = torch.float64) -> dict[str, Any]:
    """Settings as a call takes them: numbers in a tuple are a tensor, but for `smooth`, which is a pair."""
    return {
        key: torch.tensor(value, dtype=dtype) if isinstance(value, tuple) and key != "smooth" else value
        for key, value in settings.items()
    }


def draw(
    card: LossCard,
    settings: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    batch: int = 2,
    size: tuple[int, ...] = (4, 5),
    scale: float = 2.0,
    dtype: torch.dtype = torch.float64,
    soft: bool = False,
) -> list[Tensor]:
    """One random argument for each tensor of the loss; `soft` draws probabilities for masks."""
    settings = settings or {}
    generator = torch.Generator().manual_seed(seed)
    task = task_of(card, settings)
    scores_shape = (batch, *size) if task == "binary" else (batch, CLASSES, *size)
    ignore_index = settings.get("ignore_index")

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def truth() -> Tensor:
        if task == "multiclass":
            target = torch.randint(CLASSES, (batch, *size), generator=generator)
        elif soft:
            return torch.rand(scores_shape, generator=generator, dtype=torch.float64).to(dtype)
        else:
            target = torch.randint(2, scores_shape, generator=generator)
        if ignore_index is not None:
            target[torch.rand(target.shape, generator=generator) < 0.3] = ignore_index
        return target

    def argument(kind: str) -> Tensor:
        if kind in ("logits", "scores of the task"):
            return (scale * normal(*scores_shape)).to(dtype)
        if kind in ("labels", "mask", "target of the task"):
            return truth()
        if kind == "weight map":
            shape = (batch, *size) if task == "multiclass" else scores_shape
            return normal(*shape).abs().to(dtype) + 0.1
        if kind == "distance map":
            return (3 * normal(*scores_shape)).clamp(-5, 11).to(dtype)
        if kind == "real numbers":
            return (scale * normal(batch, 4, CLASSES)).to(dtype)
        raise LookupError(f"{card.name}: no sampler for {kind!r}")

    return [argument(kind) for kind in card.domain.values()]


def perfect(card: LossCard, settings: Mapping[str, Any], *others: Tensor) -> Tensor:
    """The prediction that a sample's target asks for, as sure as float64 logits make it."""
    target, task = others[0], task_of(card, settings)
    if "distance map" in card.domain.values():
        if task == "multiclass":
            return 100.0 * torch.nn.functional.one_hot(target.argmin(1), target.shape[1]).movedim(-1, 1).double()
        return -100.0 * target.sign()
    if "real numbers" in card.domain.values():
        return target.clone()
    if task == "multiclass":
        return 100.0 * torch.nn.functional.one_hot(target, CLASSES).movedim(-1, 1).double()
    return 200.0 * target.double() - 100.0
