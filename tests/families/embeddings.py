"""Kinds of the embedding losses.

Losses over a batch see five to seven rows where others see one to three, so that there is something to compare. What is
normalized is never shorter than a hundredth, save that it is zero: half precision cannot hold the gradient below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from samples import CLASSES, Sample, held_fixed, ideal_for, kind, objective, perfect_for
from torch import Tensor

from lossbook.catalogue import LossCard

D = 4


def _rows(s: Sample) -> int:
    return s.batch + 4 if 0 < s.batch < 6 else s.batch


def _length(s: Sample) -> float:
    return max(s.scale, 0.05) if s.scale else 0.0


def _scale(s: Sample) -> float:
    return min(_length(s) if s.settings.get("normalize") else s.scale, 10.0)


def _far(rows: Tensor, magnitude: float) -> list[Tensor]:
    """Far away, all at one place, and all at zero. The square of a distance of 200 is the largest in float16."""
    far = min(magnitude, 50.0)
    return [far * rows.sign(), torch.full_like(rows, far), torch.zeros_like(rows)]


def _turned(rows: Tensor, magnitude: float) -> list[Tensor]:
    """Long, opposite, all alike, and zero."""
    return [magnitude * rows.sign(), -magnitude * rows, torch.full_like(rows, magnitude), torch.zeros_like(rows)]


def _flat(rows: Tensor, magnitude: float) -> list[Tensor]:
    """Features that vary much, that are constant, and that are zero."""
    wide = min(magnitude, 5.0)
    return [wide * rows.sign(), torch.full_like(rows, wide), torch.zeros_like(rows)]


@kind("embedding vectors", axis=0, adverse=_far)
def _vectors(s: Sample) -> Tensor:
    return _scale(s) * s.normal(s.batch, D)


@kind("embedding vectors of a batch", axis=0, adverse=_far)
def _vectors_of_a_batch(s: Sample) -> Tensor:
    return _scale(s) * s.normal(_rows(s), D)


@kind("short embedding vectors of a batch", axis=0, adverse=lambda rows, magnitude: _far(rows, min(magnitude, 10.0)))
def _short_vectors_of_a_batch(s: Sample) -> Tensor:
    """Of squares of distances a softmax bends so fast that a difference quotient does not see it is smooth."""
    return min(_scale(s), 1.0) * s.normal(_rows(s), D)


@kind("embedding directions", axis=0, adverse=_turned)
def _directions(s: Sample) -> Tensor:
    return _length(s) * s.normal(s.batch, D)


@kind("embedding directions of a batch", axis=0, adverse=_turned)
def _directions_of_a_batch(s: Sample) -> Tensor:
    return _length(s) * s.normal(_rows(s), D)


@kind("features of a batch", axis=0, adverse=_flat)
def _features(s: Sample) -> Tensor:
    return min(s.scale, 2.0) * s.normal(_rows(s), D)


@kind("alike or not", axis=0)
def _alike(s: Sample) -> Tensor:
    return s.integers(2, s.batch)


@kind("classes", axis=0)
def _classes(s: Sample) -> Tensor:
    return s.integers(CLASSES, s.batch)


@kind("classes of a batch", axis=0)
def _classes_of_a_batch(s: Sample) -> Tensor:
    """At random, but that the first class has two members and the second one, where there is room."""
    drawn = s.integers(CLASSES, _rows(s))
    return torch.cat([torch.tensor([0, 0, 1])[: len(drawn)], drawn[3:]])


@kind("class prototypes", axis=None, batched=False)
@kind("class centers", axis=None, batched=False)
def _prototypes(s: Sample) -> Tensor:
    return s.normal(CLASSES, D)


@kind("sub-centers of classes", axis=None, batched=False)
def _sub_centers(s: Sample) -> Tensor:
    return s.normal(CLASSES, 2, D)


@perfect_for("classes of a batch")
@perfect_for("classes")
def _one_place_for_each_class(card: LossCard, settings: Mapping[str, Any], target: Tensor, *_: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(target, D).double()


@perfect_for("center_loss")
def _centers(card: LossCard, settings: Mapping[str, Any], target: Tensor, centers: Tensor) -> Tensor:
    return centers[target]


@perfect_for("contrastive_loss")
def _at_the_other_or_away(card: LossCard, settings: Mapping[str, Any], others: Tensor, target: Tensor) -> Tensor:
    return others + 2.0 * (1 - target.to(others.dtype)).unsqueeze(1)


def _tensors(*values: list) -> list[Tensor]:
    tensors = [torch.tensor(value) for value in values]
    return [t.double() if t.is_floating_point() else t for t in tensors]


@ideal_for("triplet_margin_loss")
def _positive_here_negative_far() -> list[Tensor]:
    return _tensors([[0.0]], [[0.0]], [[5.0]])


@ideal_for("batch_triplet_loss")
@ideal_for("lifted_structure_loss")
def _classes_far_apart() -> list[Tensor]:
    return _tensors([[0.0], [0.0], [5.0]], [0, 0, 1])


@ideal_for("nca_loss")
@ideal_for("sup_con_loss")
def _one_class() -> list[Tensor]:
    return _tensors([[1.0], [2.0]], [0, 0])


@ideal_for("circle_loss")
def _orthogonal_classes() -> list[Tensor]:
    return _tensors([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], [0, 0, 1])


@ideal_for("multi_similarity_loss")
def _two_strangers() -> list[Tensor]:
    return _tensors([[1.0], [-1.0]], [0, 1])


@ideal_for("n_pairs_loss")
@ideal_for("angular_loss")
@ideal_for("info_nce_loss")
@ideal_for("nt_xent_loss")
@ideal_for("clip_loss")
@ideal_for("siglip_loss")
@ideal_for("image_text_matching_loss")
def _a_single_pair() -> list[Tensor]:
    return _tensors([[1.0, 2.0]], [[1.0, 2.0]])


@ideal_for("barlow_twins_loss")
@ideal_for("vicreg_loss")
def _equal_views_without_correlation() -> list[Tensor]:
    view = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]
    return _tensors(view, view)


@ideal_for("proxy_nca_loss")
@ideal_for("proxy_anchor_loss")
@ideal_for("arcface_loss")
@ideal_for("cosface_loss")
def _opposite_prototypes() -> list[Tensor]:
    return _tensors([[1.0], [-2.0]], [0, 1], [[1.0], [-1.0]])


@ideal_for("sphereface_loss")
def _long_embeddings() -> list[Tensor]:
    return _tensors([[50.0], [-50.0]], [0, 1], [[1.0], [-1.0]])


@ideal_for("soft_triple_loss")
@ideal_for("sub_center_arcface_loss")
def _opposite_sub_centers() -> list[Tensor]:
    return _tensors([[1.0], [-2.0]], [0, 1], [[[1.0], [1.0]], [[-1.0], [-1.0]]])


@held_fixed("circle_loss")
def _with_weights_held(
    embeddings: Tensor, target: Tensor, *, margin: float = 0.25, gamma: float = 80.0, **settings: Any
) -> Callable[..., Tensor]:
    """The weights are those of the given embeddings."""

    def cosines(rows: Tensor) -> Tensor:
        directions = torch.nn.functional.normalize(rows, dim=1)
        return directions @ directions.T

    near_weight = (1 + margin - cosines(embeddings)).clamp_min(0)
    far_weight = (cosines(embeddings) + margin).clamp_min(0)

    def held(embeddings: Tensor, target: Tensor, *, reduction: str = "mean", **settings: Any) -> Tensor:
        cosine, alike = cosines(embeddings), target.unsqueeze(1) == target
        positive = alike & ~torch.eye(len(target), dtype=torch.bool)
        near = (-gamma * near_weight * (cosine - 1 + margin)).exp().where(positive, 0.0).sum(1)
        far = (gamma * far_weight * (cosine - margin)).exp().where(~alike, 0.0).sum(1)
        values, counted = torch.log1p(near * far), positive.any(1) & ~alike.all(1)
        return {"none": values, "sum": values.sum(), "mean": values.sum() / counted.sum()}[reduction]

    return held


@objective("cached_info_nce_loss")
def _encoder_and_pairs(dtype: torch.dtype) -> tuple[Any, ...]:
    generator = torch.Generator().manual_seed(0)
    encoder = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, D)).to(dtype)
    queries, keys = torch.randn((2, 6, 3), generator=generator, dtype=torch.float64).to(dtype)
    return encoder, queries, keys
