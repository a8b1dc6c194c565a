"""Kinds of the losses between images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from samples import Sample, held_fixed, kind, perfect_for
from torch import Tensor

from lossbook.catalogue import LossCard


def _extreme_pictures(first: Tensor, magnitude: float) -> list[Tensor]:
    """White, black, and a checkerboard of both."""
    board = (torch.arange(first.shape[-2])[:, None] + torch.arange(first.shape[-1])) % 2
    return [torch.ones_like(first), torch.zeros_like(first), board.to(first).expand_as(first).clone()]


def _limited(first: Tensor, magnitude: float) -> list[Tensor]:
    """Values whose squares float16 holds."""
    size = min(magnitude, 100.0)
    return [size * first.sign(), -size * first.sign(), torch.full_like(first, size)]


@kind("pictures in [0, 1]", adverse=_extreme_pictures)
def _pictures_in_unit_range(s: Sample) -> Tensor:
    """A little larger than the usual window of 11 pixels."""
    return s.uniform(s.batch, 2, 10 + s.size[0], 10 + s.size[-1])


@kind("large pictures in [0, 1]", adverse=_extreme_pictures)
def _large_pictures(s: Sample) -> Tensor:
    """Large enough for the five scales of the default, or for those of the settings."""
    weights = s.settings.get("weights")
    side = 176 if weights is None else s.settings["window_size"] * 2 ** (len(weights) - 1)
    return s.uniform(s.batch, 1 if weights is None else 2, side, side + s.size[-1] - 1)


@kind("pictures", adverse=_limited)
def _pictures(s: Sample) -> Tensor:
    parts = s.settings.get("patch_factor", 1)
    return min(s.scale, 30.0) * s.normal(s.batch, 3, parts * s.size[0], parts * s.size[-1])


@kind("hole")
def _hole(s: Sample) -> Tensor:
    return s.integers(2, s.batch, 1, s.size[0], s.size[-1])


@kind(
    "feature maps", any_layout=True, adverse=lambda x, _: [2 * x.sign(), torch.full_like(x, 3.0), torch.zeros_like(x)]
)
def _feature_maps(s: Sample) -> Tensor:
    return min(s.scale, 3.0) * s.normal(s.batch, 3, *s.size)


@perfect_for("total_variation_loss")
def _constant(card: LossCard, settings: Mapping[str, Any], *_: Tensor) -> Tensor:
    return torch.full((2, 3, 4, 5), 0.5, dtype=torch.float64)


@held_fixed("focal_frequency_loss")
def _focal_frequency_with_fixed_weights(prediction: Tensor, target: Tensor, **settings: Any) -> Callable[..., Tensor]:
    def spectra(first: Tensor, second: Tensor) -> Tensor:
        """One for each patch, `(P, N, C, h, w)`, or `(P, 1, C, h, w)` for their mean over the batch."""
        parts, gap = settings.get("patch_factor", 1), first - second
        patches = torch.stack([patch for rows in gap.chunk(parts, 2) for patch in rows.chunk(parts, 3)])
        found = torch.fft.fft2(patches, norm="ortho")
        return found.mean(1, keepdim=True) if settings.get("ave_spectrum") else found

    weights = spectra(prediction, target).abs() ** settings.get("alpha", 1.0)
    weights = weights.log1p() if settings.get("log_matrix") else weights
    weights = weights / (weights.amax() if settings.get("batch_matrix") else weights.amax((3, 4), keepdim=True))

    def loss(first: Tensor, second: Tensor, *, reduction: str = "mean", **_: Any) -> Tensor:
        found = spectra(first, second)
        values = (weights * (found.real**2 + found.imag**2)).mean((0, 2, 3, 4))
        values = values.squeeze(0) if settings.get("ave_spectrum") else values
        return {"none": values, "mean": values.mean(), "sum": values.sum()}[reduction]

    return loss
