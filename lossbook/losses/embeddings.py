"""Losses that shape a space in which like is near and unlike is far: pairs, triplets, batches, prototypes.

An embedding is a row of `(N, D)`. Two measures of nearness occur: the Euclidean distance, and the cosine of the
angle between two rows, which ignores their lengths. Both are safe where embeddings coincide or vanish: the distance
of a row to itself has the gradient zero, and so has the direction of a row of zeros. A cosine turns fast when a row is
short: its gradient is as large as one over the length, which half precision cannot hold below a length of 1e-4 or so.

Losses over a batch compare every row with every other. They keep a few matrices of `N * N` entries, none of
`N * N * D`; where triplets need more, the docstring says so.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._gather import gather_with_gradient
from ._module import LossModule, as_module
from ._reduction import full_precision, reduce, together, widen
from ._slope import root
from ._validation import (
    check_choice,
    check_floating,
    check_fraction,
    check_labels,
    check_layout,
    check_positive,
    check_probabilities,
    check_reduction,
    check_same_shape,
    check_tensors,
    known,
)

__all__ = [
    "AngularLoss",
    "ArcFaceLoss",
    "AudioVisualConsistencyLoss",
    "BYOLLoss",
    "BarlowTwinsLoss",
    "BatchTripletLoss",
    "CachedInfoNCELoss",
    "CenterLoss",
    "CircleLoss",
    "ClipLoss",
    "ContrastiveLoss",
    "CosFaceLoss",
    "ImageTextMatchingLoss",
    "InfoNCELoss",
    "LiftedStructureLoss",
    "MultiSimilarityLoss",
    "NCALoss",
    "NPairsLoss",
    "NTXentLoss",
    "ProxyAnchorLoss",
    "ProxyNCALoss",
    "SigLipLoss",
    "SoftTripleLoss",
    "SphereFaceLoss",
    "SubCenterArcFaceLoss",
    "SupConLoss",
    "TripletMarginLoss",
    "VICRegLoss",
    "angular_loss",
    "arcface_loss",
    "audio_visual_consistency_loss",
    "barlow_twins_loss",
    "batch_triplet_loss",
    "byol_loss",
    "cached_info_nce_loss",
    "center_loss",
    "circle_loss",
    "clip_loss",
    "contrastive_loss",
    "cosface_loss",
    "gather_with_gradient",
    "image_text_matching_loss",
    "info_nce_loss",
    "lifted_structure_loss",
    "multi_similarity_loss",
    "n_pairs_loss",
    "nca_loss",
    "nt_xent_loss",
    "proxy_anchor_loss",
    "proxy_nca_loss",
    "siglip_loss",
    "soft_triple_loss",
    "sphereface_loss",
    "sub_center_arcface_loss",
    "sup_con_loss",
    "triplet_margin_loss",
    "vicreg_loss",
]

# --- nearness ---------------------------------------------------------------------------------------------------------


def _products(first: Tensor, second: Tensor) -> Tensor:
    """The inner product of every row of one tensor with every row of the other, in their own dtype.

    Autocast would round it to half precision, which a temperature of 0.01 makes an error of several percent.
    """
    with full_precision(first):
        return first @ second.mT


_SHORTEST = 1e-12


def _directions(rows: Tensor) -> Tensor:
    """Each row divided by its length; a row of zeros stays one and has the gradient zero.

    As in torch's `normalize` no length counts as less than 1e-12: the slope of a shorter one, the cube of one over its
    length, is more than float32 holds.
    """
    square = (rows * rows).sum(-1, keepdim=True)
    return rows * torch.where(square == 0, math.inf, square.clamp_min(_SHORTEST**2)).rsqrt()


def _cosines(first: Tensor, second: Tensor) -> Tensor:
    """The cosine between row and row of two tensors of one shape."""
    return (_directions(first) * _directions(second)).sum(-1)


def _squared_lengths(difference: Tensor) -> Tensor:
    return (difference * difference).sum(-1)


def _squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """The squared distance of every row of one tensor to every row of the other, without a tensor `(N, M, D)`.

    The rows are centered first, so that a common offset does not eat the digits; what is left below the rounding
    error counts as zero, so that equal rows have the distance and the gradient zero.
    """
    center = second.detach().mean(0, keepdim=True) if second.shape[0] else 0.0
    first, second = first - center, second - center
    lengths = _squared_lengths(first).unsqueeze(1) + _squared_lengths(second)
    square = lengths - 2 * _products(first, second)
    return torch.where(square <= 8 * torch.finfo(square.dtype).eps * lengths, 0.0, square)


def _softplus(x: Tensor) -> Tensor:
    """`log(1 + exp(x))`, exact also where torch's softplus answers `x`."""
    return -F.logsigmoid(-x)


def _log_sum(logits: Tensor, mask: Tensor, axis: int = 1) -> Tensor:
    """`log sum exp` over the entries of the mask; where it has none, a number that acts as minus infinity."""
    return torch.where(mask, logits, torch.finfo(logits.dtype).min).logsumexp(axis)


def _diagonal(rows: Tensor) -> Tensor:
    """The mask of an example and itself, `(N, N)`."""
    return torch.eye(rows.shape[0], dtype=torch.bool, device=rows.device)


def _own(rows: Tensor) -> Tensor:
    """The number of each row: the column that belongs to it where pairs stand on the diagonal."""
    return torch.arange(rows.shape[0], device=rows.device)


def _through_direction(rows: Tensor, slope: Tensor) -> Tensor:
    """From the gradient with respect to the directions to the gradient with respect to the rows."""
    length = rows.norm(dim=-1, keepdim=True)
    direction = rows / length
    turned = (slope - direction * (slope * direction).sum(-1, keepdim=True)) / length
    short = torch.where(length == 0, 0.0, slope / _SHORTEST)
    return torch.where(length < _SHORTEST, short, turned)


# --- checks and facts that several losses share -----------------------------------------------------------------------


def _check_rows(**tensors: Tensor) -> None:
    """Embeddings `(N, D)`, all of the shape of the first."""
    check_tensors(**tensors)
    (first_name, first), *others = tensors.items()
    check_floating(first_name, first)
    check_layout(first_name, first, "N", "D")
    for name, tensor in others:
        check_floating(name, tensor)
        check_same_shape(name, tensor, first_name, first)


def _check_classes(embeddings: Tensor, target: Tensor) -> None:
    """Embeddings `(N, D)` and the class of each."""
    check_tensors(embeddings=embeddings, target=target)
    check_floating("embeddings", embeddings)
    check_layout("embeddings", embeddings, "N", "D")
    if target.is_floating_point():
        raise TypeError(f"target must hold one integer class for each embedding, got {target.dtype}")
    check_layout("target", target, embeddings.shape[0])


def _check_prototypes(
    embeddings: Tensor, target: Tensor, name: str, prototypes: Tensor, several: tuple[str, ...] = ()
) -> None:
    """Embeddings, the class of each, and one row for each class (or `several`, a dimension more)."""
    check_tensors(embeddings=embeddings, target=target, **{name: prototypes})
    check_floating("embeddings", embeddings)
    check_layout("embeddings", embeddings, "N", "D")
    check_floating(name, prototypes)
    check_layout(name, prototypes, "C", *several, embeddings.shape[1])
    check_labels(target, (embeddings.shape[0], prototypes.shape[0]), "the scores of the classes", None)


_NOT_A_PLACE = not_applicable("the target says which embeddings belong together, not where they lie")
_A_CLASS = not_applicable("the target is a class, the prediction an embedding")
_NO_PROBABILITY = not_applicable("embeddings are no probabilities")
_BY_CLASS = {
    "minimum_at_target": _NOT_A_PLACE,
    "symmetric": _A_CLASS,
    "proper": _NO_PROBABILITY,
    "scale_invariant": _A_CLASS,
    "permutation_invariant": yes,
}
_TWO_VIEWS = {
    "minimum_at_target": not_applicable("the other examples of the batch decide as well where an embedding is best"),
    "symmetric": yes,
    "proper": _NO_PROBABILITY,
    "scale_invariant": yes,
    "permutation_invariant": yes,
}
_SHORT = {"first": [[1e-6, 0.0], [1.0, 0.0], [0.0, 1.0]], "other": [[0.0, 1e-6], [1.0, 0.0], [0.0, 1.0]]}
_ZEROS = {"first": [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]}
_NEARLY_ZERO = [[-1.5e-8, -3e-8]]
_TURNS = "a short embedding turns fast"
_NO_DIRECTION = "an embedding of zeros has no direction"
_COUPLED = "the other examples of the batch are the negatives"
_EVERY_TASK = ("image classification", "object tracking", "challenges and future")
_CROSS_MODAL = ("action recognition", "text-to-image", "audio-to-image")


# --- pairs and triplets -----------------------------------------------------------------------------------------------

_FORMS = ("half-squared", "squared", "linear", "margin of squares")


@loss(
    tasks=("image classification", "action recognition", "object tracking", "image-to-image", "text-to-image",
           "audio-to-image", "challenges and future"),
    names=("contrastive", "contrastive (video-text)", "pairwise contrastive", "siamese"),
    domain={"embeddings": "embedding vectors", "others": "embedding vectors", "target": "alike or not"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("two unlike embeddings repel each other",
                     first=[[-0.5]], other=[[0.5]], others=[[0.0]], target=[0]),
        "lipschitz": no("the square of a distance", first=[[3000.0]], other=[[3001.0]], others=[[0.0]], target=[1]),
        "smooth": no("unlike embeddings that coincide", first=[[0.0]], others=[[0.0]], target=[0]),
        "bounded": no("like embeddings far apart", first=[[20.0]], others=[[0.0]], target=[1]),
        "symmetric": yes,
        "proper": _NO_PROBABILITY,
        "scale_invariant": no("it is measured in units of the margin", first=[[2.0]], others=[[0.0]], target=[1]),
        "permutation_invariant": yes,
    },
    cases=({"margin": 3.0}, {"form": "squared"}, {"form": "linear", "margin": 5.0},
           {"form": "margin of squares", "margin": 30.0}, {"normalize": True}),
    differentiable=("embeddings", "others"),
    chapter=10,
)  # fmt: skip
def contrastive_loss(
    embeddings: Tensor,
    others: Tensor,
    target: Tensor,
    *,
    margin: float = 1.0,
    form: str = "half-squared",
    normalize: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""Contrastive loss of pairs: what is alike is drawn together, what is not is pushed a margin apart.

    .. math::

        \ell = \tfrac12\, y\, d^2 + \tfrac12\, (1 - y) \max(0, m - d)^2, \qquad d = \lVert a - b \rVert

    Here the target 1 means alike. In the paper's own notation `Y = 0` means alike: pass `1 - Y`. Where unlike
    embeddings coincide there is no direction to push them in: the gradient is zero there, the loss is not.

    Args:
        embeddings: one side of each pair, `(N, D)`.
        others: the other side, `(N, D)`.
        target: 1 (or `True`) for pairs that are alike, 0 for others, `(N,)`; numbers between them mix both terms.
        margin: distance beyond which unlike pairs cost nothing, above 0.
        form: `"half-squared"` is the paper's; `"squared"` leaves the halves out; `"linear"` is
            :math:`y d + (1 - y) \max(0, m - d)`, pytorch-metric-learning's; `"margin of squares"` is
            :math:`y d^2 + (1 - y) \max(0, m - d^2)`.
        normalize: whether embeddings are divided by their lengths first; distances then lie in [0, 2].
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of pairs.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that do not go together, a target outside [0, 1], an unknown form, a margin that is
            not above 0.

    References:
        Hadsell, Chopra and LeCun, Dimensionality reduction by learning an invariant mapping, 2006,
        https://doi.org/10.1109/CVPR.2006.100.

    Example:
        >>> a, b = torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.3, 0.4]])
        >>> contrastive_loss(a, b, torch.tensor([1, 0]), reduction="none")
        tensor([12.5000,  0.1250])
    """
    check_tensors(embeddings=embeddings, others=others, target=target)
    _check_rows(embeddings=embeddings, others=others)
    check_layout("target", target, embeddings.shape[0])
    check_probabilities("target", target)
    check_choice("form", form, _FORMS)
    check_positive("margin", margin)
    check_reduction(reduction)
    first, second = together(embeddings, others)
    if normalize:
        first, second = _directions(first), _directions(second)
    alike, square = target.to(first.dtype), _squared_lengths(first - second)
    if form == "margin of squares":
        near, far = square, F.relu(margin - square)
    elif form == "linear":
        near = root(square)
        far = F.relu(margin - near)
    else:
        near, far = square, F.relu(margin - root(square)) ** 2
    values = alike * near + (1 - alike) * far
    return reduce(values / 2 if form == "half-squared" else values, reduction, dtype=embeddings.dtype)


ContrastiveLoss = as_module("ContrastiveLoss", contrastive_loss)


@gradient_of(contrastive_loss)
def _contrastive_gradient(embeddings: Tensor, others: Tensor, target: Tensor, *, margin: float = 1.0) -> Tensor:
    r""":math:`\partial\ell / \partial a = y (a - b) - (1 - y) \max(0, m - d)\, (a - b) / d`."""
    difference = embeddings - others
    distance = difference.norm(dim=1)
    pull = target - (1 - target) * (margin - distance).clamp_min(0) / distance
    return pull.unsqueeze(1) * difference / len(target)


@loss(
    tasks=("image classification", "object tracking", "text-to-image", "challenges and future"),
    names=("triplet", "triplet margin"),
    domain={"anchor": "embedding vectors", "positive": "embedding vectors", "negative": "embedding vectors"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("the negative repels", first=[[-1.0]], other=[[1.0]], positive=[[5.0]], negative=[[0.0]]),
        "lipschitz": up_to(2.0),
        "smooth": no("a distance has a kink at zero", first=[[0.0]], positive=[[0.0]], negative=[[0.5]]),
        "bounded": no("a positive far away", first=[[0.0]], positive=[[100.0]], negative=[[0.0]]),
        "symmetric": no("the negative is compared with the anchor", first=[[0.0]], positive=[[2.0]], negative=[[3.0]]),
        "proper": _NO_PROBABILITY,
        "scale_invariant": no("it is measured in units of the margin",
                              first=[[4.0]], positive=[[0.0]], negative=[[5.0]]),
        "permutation_invariant": yes,
    },
    cases=({"margin": 3.0}, {"squared": True, "margin": 30.0}, {"swap": True, "margin": 2.0}, {"soft": True},
           {"normalize": True}),
    differentiable=("anchor", "positive", "negative"),
    chapter=7,
)  # fmt: skip
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    squared: bool = False,
    swap: bool = False,
    soft: bool = False,
    normalize: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""Triplet margin loss: an anchor is to be nearer to its positive than to its negative, by a margin.

    .. math::

        \ell = \max\big(0,\ d(a, p) - d(a, n) + m\big), \qquad d(a, b) = \lVert a - b \rVert

    :func:`torch.nn.functional.triplet_margin_loss` adds `eps=1e-6` to every difference, which gives equal embeddings
    a distance and a gradient along the diagonal; here both are zero, as in torch with `eps=0`.

    Args:
        anchor: `(N, D)`.
        positive: an embedding of the anchor's kind, `(N, D)`.
        negative: an embedding of another kind, `(N, D)`.
        margin: by how much the negative is to be farther, above 0.
        squared: whether distances are squared, as in FaceNet; torch and most later work do not square.
        swap: whether the negative is compared with the anchor or the positive, whichever is nearer.
        soft: whether the hinge is replaced by :math:`\log(1 + e^x)`, without a margin.
        normalize: whether embeddings are divided by their lengths first, as in FaceNet.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of triplets, those without loss included.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that differ, a margin that is not above 0, an unknown reduction.

    References:
        Schroff, Kalenichenko and Philbin, FaceNet, 2015, https://arxiv.org/abs/1503.03832. Swap: Balntas et al.,
        Learning local feature descriptors with triplets, 2016, https://doi.org/10.5244/C.30.119. Soft: Hermans, Beyer
        and Leibe, In defense of the triplet loss, 2017, https://arxiv.org/abs/1703.07737.

    Example:
        >>> a, p, n = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]])
        >>> triplet_margin_loss(a, p, n)
        tensor(4.)
    """
    _check_rows(anchor=anchor, positive=positive, negative=negative)
    check_positive("margin", margin)
    check_reduction(reduction)
    a, p, n = together(anchor, positive, negative)
    if normalize:
        a, p, n = _directions(a), _directions(p), _directions(n)
    near, far = _squared_lengths(a - p), _squared_lengths(a - n)
    if swap:
        far = torch.minimum(far, _squared_lengths(p - n))
    if not squared:
        near, far = root(near), root(far)
    values = _softplus(near - far) if soft else F.relu(near - far + margin)
    return reduce(values, reduction, dtype=anchor.dtype)


TripletMarginLoss = as_module("TripletMarginLoss", triplet_margin_loss)


@gradient_of(triplet_margin_loss)
def _triplet_margin_gradient(anchor: Tensor, positive: Tensor, negative: Tensor, *, margin: float = 1.0) -> Tensor:
    r""":math:`\partial\ell / \partial a = \frac{a - p}{d(a, p)} - \frac{a - n}{d(a, n)}` where the loss is above
    zero."""
    near, far = anchor - positive, anchor - negative
    d_near, d_far = near.norm(dim=1, keepdim=True), far.norm(dim=1, keepdim=True)
    active = (d_near - d_far + margin > 0).to(anchor.dtype)
    return active * (near / d_near - far / d_far) / len(anchor)


_MINING = ("all", "semi-hard", "hard")


@loss(
    tasks=_EVERY_TASK,
    names=("batch-hard triplet", "batch-all triplet", "semi-hard triplet", "online triplet"),
    domain={"embeddings": "embedding vectors of a batch", "target": "classes of a batch"},
    range=(0.0, float("inf")),
    properties=_BY_CLASS
    | {
        "convex": no("negatives repel", first=[[-1.0], [5.0], [0.0]], other=[[1.0], [5.0], [0.0]], target=[0, 0, 1]),
        "lipschitz": up_to(2.5, "each anchor moves itself by 2 at most, a positive and a negative by 1"),
        "smooth": no("a distance has a kink at zero", first=[[0.0], [0.0], [0.5]], target=[0, 0, 1]),
        "bounded": no("a positive far away", first=[[0.0], [200.0], [0.0]], target=[0, 0, 1]),
    },
    cases=({"mining": "all"}, {"mining": "all", "average": "nonzero", "margin": 2.0}, {"mining": "semi-hard"},
           {"squared": True, "average": "nonzero"}, {"soft": True}, {"soft": True, "mining": "all"},
           {"normalize": True, "mining": "semi-hard", "average": "nonzero"}),
    couples="an example's triplets are made with the others of the batch",
    unit="the number of triplets",
    chapter=7,
)  # fmt: skip
def batch_triplet_loss(
    embeddings: Tensor,
    target: Tensor,
    *,
    margin: float = 1.0,
    mining: str = "hard",
    average: str = "all",
    squared: bool = False,
    soft: bool = False,
    normalize: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""Batch triplet loss: every example an anchor, its triplets formed from the classes of the batch.

    .. math::

        \ell_a = \max\Big(0,\ \max_{p: y_p = y_a} d(a, p) - \min_{n: y_n \ne y_a} d(a, n) + m\Big)
        \quad \text{(hard)}

    `"all"` takes every triplet :math:`(a, p, n)`. `"semi-hard"` takes each pair :math:`(a, p)` with the nearest
    negative that is farther than the positive or, where there is none, with the farthest negative. An anchor without
    a positive or without a negative does not count.

    Memory: a few matrices of `N * N`, also for `"all"`, whose hinges are summed along sorted distances in
    `O(N^2 log N)`. Only `mining="all"` with `soft=True` needs a tensor of `N * N * N`.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers.
        margin: by how much a negative is to be farther than a positive, above 0.
        mining: `"hard"`, `"semi-hard"` or `"all"`.
        average: what the mean divides by: `"all"` the triplets, or the `"nonzero"` ones, those that cost something
            (with `mining="all"` the loss that Hermans et al. call batch all without zeros).
        squared: whether distances are squared.
        soft: whether the hinge is replaced by :math:`\log(1 + e^x)`, without a margin.
        normalize: whether embeddings are divided by their lengths first.
        reduction: `"none"` gives the sum over the triplets of each anchor, `(N,)`; `"mean"` divides by the number of
            triplets.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. A batch without a triplet gives 0 with the gradient 0.

    Raises:
        TypeError: embeddings that are not floating-point, a floating-point target.
        ValueError: shapes that do not go together, an unknown mining or average, a margin that is not above 0.

    References:
        Hermans, Beyer and Leibe, In defense of the triplet loss for person re-identification, 2017,
        https://arxiv.org/abs/1703.07737. Semi-hard: Schroff, Kalenichenko and Philbin, FaceNet, 2015,
        https://arxiv.org/abs/1503.03832.

    Example:
        >>> embeddings = torch.tensor([[0.0], [2.0], [1.5]])
        >>> batch_triplet_loss(embeddings, torch.tensor([0, 0, 1]), reduction="none")
        tensor([1.5000, 2.5000, 0.0000])
    """
    _check_classes(embeddings, target)
    check_positive("margin", margin)
    check_choice("mining", mining, _MINING)
    check_choice("average", average, ("all", "nonzero"))
    check_reduction(reduction)
    rows = widen(embeddings)
    if rows.shape[0] == 0:  # no distance has a largest entry
        return reduce(rows.sum(1), reduction, dtype=embeddings.dtype)
    rows = _directions(rows) if normalize else rows
    distance = _squared_distances(rows, rows)
    distance = distance if squared else root(distance)
    alike = target.unsqueeze(1) == target
    positive, negative = alike & ~_diagonal(rows), ~alike
    if mining == "hard":
        values, counts = _hardest(distance, positive, negative, margin, soft, average)
    elif mining == "semi-hard":
        values, counts = _semi_hard(distance, positive, negative, margin, soft, average)
    elif soft:
        values, counts = _all_soft(distance, positive, negative)
    else:
        values, counts = _all_hinges(distance, positive, negative, margin, average)
    return reduce(values, reduction, counts.to(values.dtype), embeddings.dtype)


BatchTripletLoss = as_module("BatchTripletLoss", batch_triplet_loss)


def _costs(gap: Tensor, margin: float, soft: bool) -> Tensor:
    return _softplus(gap) if soft else F.relu(gap + margin)


def _hardest(
    distance: Tensor, positive: Tensor, negative: Tensor, margin: float, soft: bool, average: str
) -> tuple[Tensor, Tensor]:
    """Of each anchor the farthest positive and the nearest negative."""
    far = torch.where(positive, distance, 0.0).amax(1)
    near = torch.where(negative, distance, torch.finfo(distance.dtype).max).amin(1)
    counted = positive.any(1) & negative.any(1)
    values = torch.where(counted, _costs(torch.where(counted, far - near, 0.0), margin, soft), 0.0)
    return values, values > 0 if average == "nonzero" else counted


def _sorted_negatives(distance: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    """Of each anchor the distances of its negatives in rising order, then zeros; and the same with infinity there."""
    keys = torch.where(negative, distance, math.inf).sort(1).values
    return torch.where(keys < math.inf, keys, 0.0), keys.detach()


def _semi_hard(
    distance: Tensor, positive: Tensor, negative: Tensor, margin: float, soft: bool, average: str
) -> tuple[Tensor, Tensor]:
    """Each positive pair with the nearest negative beyond it or, where there is none, with the farthest negative."""
    ordered, keys = _sorted_negatives(distance, negative)
    number = negative.sum(1, keepdim=True)
    beyond = torch.searchsorted(keys, distance.detach().contiguous(), right=True)
    chosen = ordered.gather(1, torch.minimum(beyond, number - 1).clamp_min(0))
    counted = positive & (number > 0)
    values = torch.where(counted, _costs(torch.where(counted, distance - chosen, 0.0), margin, soft), 0.0)
    return values.sum(1), (values > 0 if average == "nonzero" else counted).sum(1)


def _all_hinges(
    distance: Tensor, positive: Tensor, negative: Tensor, margin: float, average: str
) -> tuple[Tensor, Tensor]:
    """The sum of all hinges of each anchor: a positive meets those negatives that are nearer than it plus the margin,
    and these come first in the sorted row."""
    ordered, keys = _sorted_negatives(distance, negative)
    reach = distance + margin
    met = torch.searchsorted(keys, reach.detach().contiguous())
    sums = F.pad(ordered.cumsum(1), (1, 0)).gather(1, met)
    values = torch.where(positive, met * reach - sums, 0.0)
    counts = torch.where(positive, met if average == "nonzero" else negative.sum(1, keepdim=True), 0)
    return values.sum(1), counts.sum(1)


def _all_soft(distance: Tensor, positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    """All triplets at once, `(N, N, N)`."""
    counted = positive.unsqueeze(2) & negative.unsqueeze(1)
    gap = torch.where(counted, distance.unsqueeze(2) - distance.unsqueeze(1), 0.0)
    return torch.where(counted, _softplus(gap), 0.0).sum((1, 2)), counted.sum((1, 2))


def _from_slopes_of_distances(rows: Tensor, slopes: Tensor) -> Tensor:
    """The gradient with respect to the rows, from that with respect to each `d(i, j)`."""
    difference = rows.unsqueeze(1) - rows
    distance = difference.norm(dim=2).fill_diagonal_(1.0)
    return (((slopes + slopes.T) / distance).unsqueeze(2) * difference).sum(1)


@gradient_of(batch_triplet_loss)
def _batch_triplet_gradient(embeddings: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial d(a, p) = 1/A` and :math:`\partial\mathcal L / \partial d(a, n) = -1/A`
    for the hardest pair of each of the :math:`A` anchors whose loss is above zero; :math:`\partial d(a, b) / \partial
    a = (a - b) / d`."""
    distance = (embeddings.unsqueeze(1) - embeddings).norm(dim=2)
    alike = target.unsqueeze(1) == target
    positive = alike & ~_diagonal(embeddings)
    far, hardest_positive = distance.masked_fill(~positive, -1).max(1)
    near, hardest_negative = distance.masked_fill(alike, math.inf).min(1)
    counted = positive.any(1) & ~alike.all(1)
    active = (counted & (far - near + 1 > 0)).to(distance.dtype).unsqueeze(1) / counted.sum().clamp_min(1)
    slopes = active * (F.one_hot(hardest_positive, len(target)) - F.one_hot(hardest_negative, len(target)))
    return _from_slopes_of_distances(embeddings, slopes)


@loss(
    tasks=_EVERY_TASK,
    names=("lifted structure", "lifted structured embedding"),
    domain={"embeddings": "short embedding vectors of a batch", "target": "classes of a batch"},
    range=(0.0, float("inf")),
    properties=_BY_CLASS
    | {
        "convex": no("negatives repel", first=[[-1.0], [5.0], [0.0]], other=[[1.0], [5.0], [0.0]], target=[0, 0, 1]),
        "lipschitz": no("the square of a distance",
                        first=[[3000.0], [0.0], [0.0]], other=[[3001.0], [0.0], [0.0]], target=[0, 0, 1]),
        "smooth": no("a distance has a kink at zero", first=[[0.0], [0.0], [0.5]], target=[0, 0, 1]),
        "bounded": no("a positive far away", first=[[0.0], [200.0], [0.0]], target=[0, 0, 1]),
    },
    cases=({"margin": 3.0}, {"normalize": True}),
    couples=_COUPLED,
    unit="the number of pairs, each counted from both sides",
    chapter=10,
)  # fmt: skip
def lifted_structure_loss(
    embeddings: Tensor, target: Tensor, *, margin: float = 1.0, normalize: bool = False, reduction: str = "mean"
) -> Tensor:
    r"""Lifted structure loss: each pair of a class against all negatives of both its ends, of which the nearest weigh.

    .. math::

        \mathcal L = \frac{1}{2 |P|} \sum_{(i, j) \in P} \max(0, J_{ij})^2, \qquad
        J_{ij} = d_{ij} + \log\Big(\sum_{k:\, y_k \ne y_i} e^{m - d_{ik}} + \sum_{l:\, y_l \ne y_j} e^{m - d_{jl}}\Big)

    :math:`d` is the distance, not squared, and :math:`P` the pairs of one class. The logarithm is a smooth
    :math:`m - \min d`, so that no negative has to be mined. A pair without any negative costs nothing. Memory: a few
    matrices of `N * N`.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers.
        margin: :math:`m`, at least 0.
        normalize: whether embeddings are divided by their lengths first, as in pytorch-metric-learning; the paper does
            not.
        reduction: `"none"` gives :math:`\tfrac12 \max(0, J)^2` added up over the pairs of each example, `(N,)`;
            `"mean"` divides by the number of pairs :math:`(i, j)` and :math:`(j, i)`, which gives the loss above.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. A batch without two of a class gives 0.

    Raises:
        TypeError: embeddings that are not floating-point, a floating-point target.
        ValueError: shapes that do not go together, a negative margin, an unknown reduction.

    References:
        Song, Xiang, Jegelka and Savarese, Deep metric learning via lifted structured feature embedding, 2016,
        https://arxiv.org/abs/1511.06452, equation 4.

    Example:
        >>> embeddings = torch.tensor([[0.0], [2.0], [1.0]])
        >>> lifted_structure_loss(embeddings, torch.tensor([0, 0, 1]))
        tensor(3.6265)
    """
    _check_classes(embeddings, target)
    check_positive("margin", margin, zero=True)
    check_reduction(reduction)
    rows = widen(embeddings)
    rows = _directions(rows) if normalize else rows
    distance = root(_squared_distances(rows, rows))
    alike = target.unsqueeze(1) == target
    positive = alike & ~_diagonal(rows)
    crowd = _log_sum(margin - distance, ~alike)
    costs = F.relu(distance + torch.logaddexp(crowd.unsqueeze(1), crowd)).square() / 2
    values = torch.where(positive, costs, 0.0).sum(1)
    return reduce(values, reduction, positive.sum(1).to(values.dtype), embeddings.dtype)


LiftedStructureLoss = as_module("LiftedStructureLoss", lifted_structure_loss)


@gradient_of(lifted_structure_loss)
def _lifted_structure_gradient(embeddings: Tensor, target: Tensor, *, margin: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial d_{ij} = c_{ij}` for pairs, :math:`\partial\mathcal L / \partial d_{ik} =
    -2 q_{ik} \sum_j c_{ij} \sigma(a_i - a_j)` for negatives, with :math:`c_{ij} = \max(0, J_{ij}) / 2|P|`, :math:`a_i =
    \log\sum_k e^{m - d_{ik}}` over the negatives of :math:`i`, and their softmax :math:`q`."""
    distance = (embeddings.unsqueeze(1) - embeddings).norm(dim=2)
    alike = target.unsqueeze(1) == target
    positive = alike & ~_diagonal(embeddings)
    exponent = torch.where(alike, torch.finfo(distance.dtype).min, margin - distance)
    a = exponent.logsumexp(1, keepdim=True)
    c = positive * (distance + torch.logaddexp(a, a.T)).clamp_min(0) / positive.sum().clamp_min(1)
    crowd = 2 * (c * (a - a.T).sigmoid()).sum(1, keepdim=True)
    return _from_slopes_of_distances(embeddings, c - crowd * exponent.softmax(1))


# --- softmax over a batch ---------------------------------------------------------------------------------------------


@loss(
    tasks=("image classification", "text-to-image", "challenges and future"),
    names=("N-pair", "multi-class N-pair", "N-pair-mc"),
    domain={"anchor": "embedding vectors of a batch", "positive": "embedding vectors of a batch"},
    range=(0.0, float("inf")),
    properties=_TWO_VIEWS
    | {
        "convex": yes,
        "lipschitz": no("the slope is as steep as the positives are long",
                        first=[[0.0], [0.0]], other=[[0.1], [0.0]], positive=[[-9e3], [9e3]]),
        "smooth": yes,
        "bounded": no("a wrong positive that fits better",
                      first=[[10.0], [10.0]], positive=[[-10.0], [10.0]]),
        "symmetric": no("an anchor is compared with all positives, a positive with its anchor alone",
                        first=[[1.0], [2.0]], positive=[[1.0], [0.0]]),
        "scale_invariant": no("lengths matter", first=[[1.0], [2.0]], positive=[[1.0], [0.0]]),
    },
    cases=({"regularization": 0.02},),
    differentiable=("anchor", "positive"),
    couples=_COUPLED,
    chapter=10,
)  # fmt: skip
def n_pairs_loss(anchor: Tensor, positive: Tensor, *, regularization: float = 0.0, reduction: str = "mean") -> Tensor:
    r"""N-pair loss: each anchor picks its positive among those of the whole batch, by inner products.

    .. math::

        \ell_i = \log\Big(1 + \sum_{j \ne i} e^{a_i^\top p_j - a_i^\top p_i}\Big)

    The pairs come from different classes. It is :func:`info_nce_loss` without directions and temperature.

    Args:
        anchor: `(N, D)`.
        positive: the positive of each anchor, `(N, D)`; a negative for all others.
        regularization: weight of :math:`\tfrac12 (\lVert a_i \rVert^2 + \lVert p_i \rVert^2)`, which keeps lengths
            small, at least 0.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of pairs.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. A single pair has nothing to pick from: 0.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that differ, a negative regularization, an unknown reduction.

    References:
        Sohn, Improved deep metric learning with multi-class N-pair loss objective, NeurIPS 2016,
        ISBN 978-1-5108-3881-9, https://papers.nips.cc/paper/2016/hash/6b180037abbebea991d8b1232f8a8ca9-Abstract.html.

    Example:
        >>> n_pairs_loss(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[2.0, 0.0], [0.0, 2.0]]))
        tensor(0.1269)
    """
    _check_rows(anchor=anchor, positive=positive)
    check_positive("regularization", regularization, zero=True)
    check_reduction(reduction)
    a, p = together(anchor, positive)
    values = F.cross_entropy(_products(a, p), _own(a), reduction="none")
    if regularization:
        values = values + regularization / 2 * (_squared_lengths(a) + _squared_lengths(p))
    return reduce(values, reduction, dtype=anchor.dtype)


NPairsLoss = as_module("NPairsLoss", n_pairs_loss)


@gradient_of(n_pairs_loss)
def _n_pairs_gradient(anchor: Tensor, positive: Tensor, *, regularization: float = 0.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial a_i = \frac1N \sum_j (q_{ij} - [i = j])\, p_j` with
    :math:`q = \mathrm{softmax}(a_i^\top p_j)`, plus :math:`\lambda a_i / N`."""
    q = (anchor @ positive.T).softmax(1)
    slope = (q - torch.eye(len(q), dtype=q.dtype)) @ positive
    return (slope + regularization * anchor) / len(anchor)


@loss(
    tasks=("image classification", "object tracking", "challenges and future"),
    names=("angular", "N-pair angular"),
    domain={"embeddings": "embedding directions of a batch", "others": "embedding directions of a batch"},
    range=(0.0, float("inf")),
    properties=_TWO_VIEWS
    | {
        "convex": no("angles are not convex", first=[[1.5, -0.5], [0.5, -0.5]], other=[[-1.5, 0.0], [0.5, -0.5]],
                     others=[[0.0, 1.5], [0.5, -2.0]]),
        "lipschitz": no(_TURNS, **_SHORT, others=[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]),
        "smooth": no(_NO_DIRECTION, **_ZEROS, others=[[1.0, 0.5], [0.0, 1.0], [-1.0, 0.0]]),
        "bounded": no("a pair of opposite directions, at a wide angle", first=[[1.0], [1.0]], others=[[-1.0], [1.0]],
                      angle=85.0),
        "symmetric": no("the negatives are taken from the others alone",
                        first=[[1.0, 0.0], [0.6, 0.8]], others=[[1.0, 0.0], [1.0, 0.0]]),
    },
    cases=({"angle": 30.0}, {"angle": 70.0}),
    differentiable=("embeddings", "others"),
    couples=_COUPLED,
    chapter=10,
)  # fmt: skip
def angular_loss(embeddings: Tensor, others: Tensor, *, angle: float = 45.0, reduction: str = "mean") -> Tensor:
    r"""Angular loss: the angle under which a negative sees a pair is to stay below a bound.

    .. math::

        \ell_i = \log\Big(1 + \sum_{j \ne i} e^{f_{ij}}\Big), \qquad
        f_{ij} = 4 \tan^2\!\alpha\; (\hat x_i + \hat x'_i)^\top \hat x'_j
               - 2\, (1 + \tan^2\!\alpha)\; \hat x_i^\top \hat x'_i

    with :math:`\hat x` the direction of an embedding. Up to a constant, :math:`f_{ij}` is
    :math:`\lVert \hat x_i - \hat x'_i \rVert^2 - 4 \tan^2\!\alpha\, \lVert \hat x'_j - c_i \rVert^2` with the middle
    :math:`c_i` of the pair: it is small where the pair is short as seen from the negative. The pairs come from
    different classes, as in :func:`n_pairs_loss`, to which the paper adds this loss.

    Args:
        embeddings: one side of each pair, `(N, D)`.
        others: the other side, `(N, D)`; a negative for all other pairs.
        angle: the bound :math:`\alpha` in degrees, above 0 and below 90.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of pairs.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. A single pair has no negative: 0.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that differ, an angle that is not between 0 and 90, an unknown reduction.

    References:
        Wang, Zhou, Wen, Liu and Lin, Deep metric learning with angular loss, 2017, https://arxiv.org/abs/1708.01682.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> angular_loss(x, x)
        tensor(0.0181)
    """
    _check_rows(embeddings=embeddings, others=others)
    if not 0 < angle < 90:
        raise ValueError(f"angle must lie in (0, 90) degrees, got {angle}")
    check_reduction(reduction)
    first, second = (_directions(rows) for rows in together(embeddings, others))
    square = math.tan(math.radians(angle)) ** 2
    pair = 2 * (1 + square) * (first * second).sum(1)
    # What stands on the diagonal is the pair's own term, so that the softmax has its 1 there.
    logits = _products(4 * square * (first + second), second).diagonal_scatter(pair)
    return reduce(F.cross_entropy(logits, _own(first), reduction="none"), reduction, dtype=embeddings.dtype)


AngularLoss = as_module("AngularLoss", angular_loss)


@gradient_of(angular_loss)
def _angular_gradient(embeddings: Tensor, others: Tensor, *, angle: float = 45.0) -> Tensor:
    r""":math:`\partial\ell_i / \partial \hat x_i = \sum_{j \ne i} q_{ij} \big( 4 \tan^2\!\alpha\, \hat x'_j
    - 2\, (1 + \tan^2\!\alpha)\, \hat x'_i \big)` with :math:`q_{ij} = e^{f_{ij}} / (1 + \sum_k e^{f_{ik}})`, then
    through the direction, over :math:`N`."""
    x, partner = F.normalize(embeddings, dim=1), F.normalize(others, dim=1)
    square = math.tan(math.radians(angle)) ** 2
    f = 4 * square * (x + partner) @ partner.T - 2 * (1 + square) * (x * partner).sum(1, keepdim=True)
    terms = f.exp() * (1 - torch.eye(len(x), dtype=x.dtype))
    q = terms / (1 + terms.sum(1, keepdim=True))
    slope = 4 * square * q @ partner - 2 * (1 + square) * q.sum(1, keepdim=True) * partner
    return _through_direction(embeddings, slope / len(x))


@loss(
    tasks=("image classification", "action recognition", "image-to-image", "text-to-image", "audio-to-image",
           "challenges and future"),
    names=("InfoNCE", "contrastive", "multiple negatives ranking", "in-batch softmax"),
    domain={"queries": "embedding directions of a batch", "keys": "embedding directions of a batch"},
    range=(0.0, float("inf")),
    properties=_TWO_VIEWS
    | {
        "convex": no("angles are not convex", first=[[1.5, -0.5], [0.5, -0.5]], other=[[-1.5, 0.0], [0.5, -0.5]],
                     keys=[[0.0, 1.5], [0.5, -2.0]]),
        "lipschitz": no(_TURNS, **_SHORT, keys=[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]),
        "smooth": no(_NO_DIRECTION, **_ZEROS, keys=[[1.0, 0.5], [0.0, 1.0], [-1.0, 0.0]]),
        "bounded": no("a wrong key in the query's direction, at a low temperature",
                      first=[[1.0], [1.0]], keys=[[-1.0], [1.0]], temperature=0.01),
        "symmetric": no("a query is compared with all keys, a key with its query alone",
                        first=[[1.0, 0.0], [0.6, 0.8]], keys=[[1.0, 0.0], [1.0, 0.0]]),
    },
    cases=({"temperature": 0.5}, {"symmetric": True}),
    differentiable=("queries", "keys"),
    couples=_COUPLED,
    chapter=10,
)  # fmt: skip
def info_nce_loss(
    queries: Tensor,
    keys: Tensor,
    negatives: Tensor | None = None,
    *,
    temperature: float = 0.1,
    in_batch: bool = True,
    symmetric: bool = False,
    normalize: bool = True,
    reduction: str = "mean",
) -> Tensor:
    r"""InfoNCE: each query picks its key among the other keys, in nats.

    .. math::

        \ell_i = -\log \frac{e^{s(q_i, k_i) / \tau}}{\sum_j e^{s(q_i, k_j) / \tau}}, \qquad s = \cos

    In one direction, with the keys of the other pairs as negatives. The relatives: :func:`clip_loss` averages both
    directions; :func:`nt_xent_loss` has the other queries as negatives, too; `normalize=False` with `temperature=1` is
    :func:`n_pairs_loss`. :math:`\log N - \mathcal L` is a lower bound of the mutual information of query and key.

    Args:
        queries: `(N, D)`.
        keys: the key of each query, `(N, D)`.
        negatives: further keys that belong to no query, `(M, D)`: a queue, or mined negatives.
        temperature: :math:`\tau`, above 0.
        in_batch: whether the keys of other pairs are negatives. With `False` only `negatives` are, as in MoCo.
        symmetric: whether the loss of the keys that pick their queries is averaged in (without `negatives`).
        normalize: whether similarity is the cosine; `False` takes inner products.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of queries.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. A query without any negative costs 0.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that do not go together, a temperature that is not above 0, `in_batch=False` without
            negatives, `symmetric=True` with them.

    References:
        van den Oord, Li and Vinyals, Representation learning with contrastive predictive coding, 2018,
        https://arxiv.org/abs/1807.03748. Queue: He et al., Momentum contrast, 2020, https://arxiv.org/abs/1911.05722.

    Example:
        >>> queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> info_nce_loss(queries, queries, temperature=1.0)
        tensor(0.3133)
    """
    _check_rows(queries=queries, keys=keys)
    check_positive("temperature", temperature)
    check_reduction(reduction)
    if negatives is None:
        if not in_batch:
            raise ValueError("in_batch must be True where no negatives are given, got False")
        first, second = together(queries, keys)
        third = None
    else:
        check_tensors(queries=queries, negatives=negatives)
        check_floating("negatives", negatives)
        check_layout("negatives", negatives, "M", queries.shape[1])
        if symmetric:
            raise ValueError("symmetric must be False where negatives are given, got True")
        first, second, third = together(queries, keys, negatives)
    if normalize:
        first, second = _directions(first), _directions(second)
        third = None if third is None else _directions(third)
    first = first / temperature
    if in_batch:
        logits, own = _products(first, second), _own(first)
    else:
        logits, own = (first * second).sum(1, keepdim=True), torch.zeros_like(_own(first))
    if third is not None:
        logits = torch.cat([logits, _products(first, third)], 1)
    values = F.cross_entropy(logits, own, reduction="none")
    if symmetric:
        values = (values + F.cross_entropy(logits.mT, own, reduction="none")) / 2
    return reduce(values, reduction, dtype=queries.dtype)


InfoNCELoss = as_module("InfoNCELoss", info_nce_loss)


@gradient_of(info_nce_loss)
def _info_nce_gradient(queries: Tensor, keys: Tensor, *, temperature: float = 0.1) -> Tensor:
    r""":math:`\partial\mathcal L / \partial \hat q_i = \frac{1}{N \tau} \sum_j (p_{ij} - [i = j])\, \hat k_j` for the
    direction :math:`\hat q = q / \lVert q \rVert`, then
    :math:`\partial\mathcal L / \partial q = (g - \hat q\, \hat q^\top g) / \lVert q \rVert`."""
    k = F.normalize(keys, dim=1)
    p = (F.normalize(queries, dim=1) @ k.T / temperature).softmax(1)
    slope = (p - torch.eye(len(p), dtype=p.dtype)) @ k / (len(p) * temperature)
    return _through_direction(queries, slope)


@loss(
    tasks=("image classification", "image-to-image", "challenges and future"),
    names=("NT-Xent", "normalized temperature-scaled cross-entropy", "SimCLR"),
    domain={"embeddings": "embedding directions of a batch", "others": "embedding directions of a batch"},
    range=(0.0, float("inf")),
    properties=_TWO_VIEWS
    | {
        "convex": no("angles are not convex", first=[[1.0, 0.5], [0.0, -2.0]], other=[[-1.0, -1.0], [0.0, -2.0]],
                     others=[[0.0, 1.0], [-1.0, 1.5]]),
        "lipschitz": no(_TURNS, **_SHORT, others=[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]),
        "smooth": no(_NO_DIRECTION, **_ZEROS, others=[[1.0, 0.5], [0.0, 1.0], [-1.0, 0.0]]),
        "bounded": no("a wrong view in the same direction, at a low temperature",
                      first=[[1.0], [1.0]], others=[[-1.0], [-1.0]], temperature=0.01),
    },
    cases=({"temperature": 0.1},),
    differentiable=("embeddings", "others"),
    couples=_COUPLED,
    chapter=10,
)  # fmt: skip
def nt_xent_loss(embeddings: Tensor, others: Tensor, *, temperature: float = 0.5, reduction: str = "mean") -> Tensor:
    r"""NT-Xent, the loss of SimCLR: each of 2N views picks its partner among the other 2N - 1.

    .. math::

        \ell_i = -\log \frac{e^{s(z_i, z_{i'}) / \tau}}{\sum_{k \ne i} e^{s(z_i, z_k) / \tau}},
        \qquad z = (a_1, \dots, a_N, b_1, \dots, b_N), \quad s = \cos

    Each view has one positive and :math:`2N - 2` negatives, those of its own kind included; :func:`info_nce_loss` has
    :math:`N - 1`, of the other kind.

    Args:
        embeddings: the first view of each example, `(N, D)`.
        others: the second view, `(N, D)`.
        temperature: :math:`\tau`, above 0.
        reduction: `"none"` gives the mean over the two views of each example, `(N,)`; `"mean"` divides by `N`.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. A single example has no negative: 0.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that differ, a temperature that is not above 0, an unknown reduction.

    References:
        Chen, Kornblith, Norouzi and Hinton, A simple framework for contrastive learning of visual representations,
        2020, https://arxiv.org/abs/2002.05709, equation 1.

    Example:
        >>> views = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> nt_xent_loss(views, views)
        tensor(0.2395)
    """
    _check_rows(embeddings=embeddings, others=others)
    check_positive("temperature", temperature)
    check_reduction(reduction)
    views = _directions(torch.cat(together(embeddings, others))) / temperature**0.5  # one tensor for both factors
    logits = _products(views, views)
    logits = logits.diagonal_scatter(torch.full_like(logits.diagonal(), torch.finfo(logits.dtype).min))
    values = F.cross_entropy(logits, _own(views).roll(embeddings.shape[0]), reduction="none")
    first, second = values.chunk(2) if embeddings.shape[0] else (values, values)
    return reduce((first + second) / 2, reduction, dtype=embeddings.dtype)


NTXentLoss = as_module("NTXentLoss", nt_xent_loss)


@gradient_of(nt_xent_loss)
def _nt_xent_gradient(embeddings: Tensor, others: Tensor, *, temperature: float = 0.5) -> Tensor:
    r""":math:`\partial\mathcal L / \partial s_{ik} = (p_{ik} - [k = i']) / (2N\tau)`, where :math:`s_{ik}` moves both
    views: :math:`\partial\mathcal L / \partial \hat z_i = \sum_k (g_{ik} + g_{ki})\, \hat z_k`."""
    z = F.normalize(torch.cat([embeddings, others]), dim=1)
    p = (z @ z.T / temperature).fill_diagonal_(-math.inf).softmax(1)
    partner = torch.eye(len(z), dtype=z.dtype).roll(len(embeddings), 1)
    g = (p - partner) / (len(z) * temperature)
    return _through_direction(embeddings, ((g + g.T) @ z)[: len(embeddings)])


@loss(
    tasks=_EVERY_TASK,
    names=("SupCon", "supervised contrastive"),
    domain={"embeddings": "embedding directions of a batch", "target": "classes of a batch"},
    range=(0.0, float("inf")),
    properties=_BY_CLASS
    | {
        "convex": no("angles are not convex", first=[[1.5, -1.0], [-0.5, 2.0], [-0.5, -0.5]],
                     other=[[-1.5, 0.5], [-0.5, 2.0], [-0.5, -0.5]], target=[0, 0, 1]),
        "lipschitz": no(_TURNS, **_SHORT, target=[0, 0, 1]),
        "smooth": no(_NO_DIRECTION, **_ZEROS, target=[0, 0, 1]),
        "bounded": no("a stranger in the same direction, at a low temperature",
                      first=[[1.0], [-1.0], [1.0]], target=[0, 0, 1], temperature=0.01),
    },
    cases=({"temperature": 0.5}, {"base_temperature": 0.07}),
    couples=_COUPLED,
    chapter=3,
)  # fmt: skip
def sup_con_loss(
    embeddings: Tensor,
    target: Tensor,
    *,
    temperature: float = 0.1,
    base_temperature: float | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Supervised contrastive loss: each example picks those of its class among all others.

    .. math::

        \ell_i = -\frac{1}{|P(i)|} \sum_{p \in P(i)} \log
            \frac{e^{s(z_i, z_p) / \tau}}{\sum_{k \ne i} e^{s(z_i, z_k) / \tau}},
        \qquad P(i) = \{p \ne i : y_p = y_i\}

    This is the paper's :math:`\mathcal L_{out}`, with the mean outside the logarithm, which works better than the one
    inside. Positives stand in the denominator as well. With one positive each it is :func:`nt_xent_loss`. An example
    whose class occurs once has no positive and does not count. Several views of an example are rows of one class.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers.
        temperature: :math:`\tau`, above 0.
        base_temperature: where given, the loss is multiplied by `temperature / base_temperature`, as the authors' code
            does with 0.07.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of examples that have a positive.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. Without any positive it is 0.

    Raises:
        TypeError: embeddings that are not floating-point, a floating-point target.
        ValueError: shapes that do not go together, a temperature that is not above 0, an unknown reduction.

    References:
        Khosla et al., Supervised contrastive learning, 2020, https://arxiv.org/abs/2004.11362, equation 2.

    Example:
        >>> embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> sup_con_loss(embeddings, torch.tensor([0, 0, 1]), temperature=1.0)
        tensor(0.3133)
    """
    _check_classes(embeddings, target)
    check_positive("temperature", temperature)
    if base_temperature is not None:
        check_positive("base_temperature", base_temperature)
    check_reduction(reduction)
    rows = _directions(widen(embeddings))
    logits = _products(rows / temperature, rows)
    itself = _diagonal(rows)
    surprise = -torch.where(itself, torch.finfo(logits.dtype).min, logits).log_softmax(1)
    positive = (target.unsqueeze(1) == target) & ~itself
    number = positive.sum(1)
    values = torch.where(positive, surprise, 0.0).sum(1) / number.clamp_min(1)
    if base_temperature is not None:
        values = values * (temperature / base_temperature)
    return reduce(values, reduction, (number > 0).to(values.dtype), embeddings.dtype)


SupConLoss = as_module("SupConLoss", sup_con_loss)


@gradient_of(sup_con_loss)
def _sup_con_gradient(embeddings: Tensor, target: Tensor, *, temperature: float = 0.1) -> Tensor:
    r""":math:`\partial\mathcal L / \partial s_{ik} = (p_{ik} - [k \in P(i)] / |P(i)|) / (A\tau)` for the :math:`A`
    examples that have a positive, and zero for the others; :math:`\partial\mathcal L / \partial \hat z_i = \sum_k
    (g_{ik} + g_{ki})\, \hat z_k`."""
    z = F.normalize(embeddings, dim=1)
    p = (z @ z.T / temperature).fill_diagonal_(-math.inf).softmax(1)
    positive = ((target.unsqueeze(1) == target) & ~_diagonal(z)).to(z.dtype)
    number = positive.sum(1, keepdim=True)
    g = (number > 0) * (p - positive / number.clamp_min(1)) / (temperature * (number > 0).sum().clamp_min(1))
    return _through_direction(embeddings, (g + g.T) @ z)


@loss(
    tasks=_EVERY_TASK,
    names=("NCA", "neighborhood component analysis", "soft nearest neighbor"),
    domain={"embeddings": "short embedding vectors of a batch", "target": "classes of a batch"},
    range=(0.0, float("inf")),
    properties=_BY_CLASS
    | {
        "convex": no("either of two members of the class is enough", target=[0, 0, 0, 0, 0, 1],
                     first=[[-3.0], [-3.0], [-3.0], [3.0], [3.0], [0.0]],
                     other=[[3.0], [-3.0], [-3.0], [3.0], [3.0], [0.0]]),
        "lipschitz": no("squares of distances",
                        first=[[3000.0], [0.0], [0.0]], other=[[3001.0], [0.0], [0.0]], target=[0, 1, 0]),
        "smooth": yes,
        "bounded": no("a member of the class far away", first=[[0.0], [20.0], [0.0]], target=[0, 0, 1]),
    },
    cases=({"temperature": 10.0}, {"normalize": True, "temperature": 0.1}),
    couples=_COUPLED,
    chapter=3,
)  # fmt: skip
def nca_loss(
    embeddings: Tensor, target: Tensor, *, temperature: float = 1.0, normalize: bool = False, reduction: str = "mean"
) -> Tensor:
    r"""NCA loss: the surprise at a neighbor of one's own class, if neighbors are drawn by their distances.

    .. math::

        \ell_i = -\log \frac{\sum_{j \ne i,\, y_j = y_i} e^{-\lVert z_i - z_j \rVert^2 / \tau}}{\sum_{k \ne i}
        e^{-\lVert z_i - z_k \rVert^2 / \tau}}

    One near member of the class is enough, where :func:`sup_con_loss` draws all of them near: classes may have several
    clusters. Goldberger et al. maximize the sum of these probabilities or of their logarithms; this is the second. With
    a temperature it is the soft nearest neighbor loss. An example whose class occurs once does not count.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers.
        temperature: :math:`\tau`, above 0, in the unit of a squared distance.
        normalize: whether embeddings are divided by their lengths first, as in pytorch-metric-learning.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of examples that count.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. A batch without two of a class gives 0.

    Raises:
        TypeError: embeddings that are not floating-point, a floating-point target.
        ValueError: shapes that do not go together, a temperature that is not above 0, an unknown reduction.

    References:
        Goldberger, Roweis, Hinton and Salakhutdinov, Neighbourhood components analysis, NeurIPS 2004,
        https://papers.nips.cc/paper/2004/hash/42fe880812925e520249e808937738d2-Abstract.html. Temperature: Frosst,
        Papernot and Hinton, Analyzing and improving representations with the soft nearest neighbor loss, 2019,
        https://arxiv.org/abs/1902.01889.

    Example:
        >>> embeddings = torch.tensor([[0.0], [1.0], [2.0]])
        >>> nca_loss(embeddings, torch.tensor([0, 0, 1]), reduction="none")
        tensor([0.0486, 0.6931, 0.0000])
    """
    _check_classes(embeddings, target)
    check_positive("temperature", temperature)
    check_reduction(reduction)
    rows = widen(embeddings)
    if rows.shape[0] == 0:  # no mean to center on
        return reduce(rows.sum(1), reduction, dtype=embeddings.dtype)
    rows = _directions(rows) if normalize else rows - rows.detach().mean(0)
    # The squared length of its own example, which is part of every distance, cancels out of each probability.
    logits = _products(rows * (2 / temperature), rows) - _squared_lengths(rows) / temperature
    logits = logits.diagonal_scatter(torch.full_like(logits.diagonal(), torch.finfo(logits.dtype).min))
    alike = target.unsqueeze(1) == target
    near = torch.where(alike, logits, torch.finfo(logits.dtype).min)
    nearest = near.argmax(1)  # whose chances among all others and among those of the class have the wanted quotient
    among_class = F.cross_entropy(near, nearest, reduction="none")
    del near  # whose memory the next line can use
    values = F.cross_entropy(logits, nearest, reduction="none") - among_class
    counted = alike.sum(1) > 1
    values = torch.where(counted, values, 0.0)
    return reduce(values, reduction, counted.to(values.dtype), embeddings.dtype)


NCALoss = as_module("NCALoss", nca_loss)


@gradient_of(nca_loss)
def _nca_gradient(embeddings: Tensor, target: Tensor, *, temperature: float = 1.0) -> Tensor:
    r""":math:`\partial\ell_i / \partial d_{ij}^2 = (q_{ij} - p_{ij}) / \tau`, with the softmax :math:`p` over all
    others and :math:`q` over those of the class; :math:`\partial d_{ij}^2 / \partial z_i = 2 (z_i - z_j)`."""
    square = (embeddings.unsqueeze(1) - embeddings).square().sum(2)
    alike = target.unsqueeze(1) == target
    others = (-square / temperature).fill_diagonal_(-math.inf)
    counted = (alike & ~_diagonal(embeddings)).any(1)
    q = torch.where(counted.unsqueeze(1), others.masked_fill(~alike, -math.inf), 0.0).softmax(1)
    g = counted.unsqueeze(1) * (q - others.softmax(1)) / (temperature * counted.sum().clamp_min(1))
    g = g + g.T
    return 2 * (g.sum(1, keepdim=True) * embeddings - g @ embeddings)


# --- pictures and texts -----------------------------------------------------------------------------------------------


class _StatefulLoss(LossModule[...]):
    """A loss with weights of its own: settings by keyword as in every module, the weights from the class below."""

    def __init_subclass__(cls, weights: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "function" in vars(cls):
            parameters = inspect.signature(cls.function).parameters.values()
            names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
            cls.settings = tuple(name for name in names if name not in weights)

    def _settings(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in self.settings}


def _check_scale(name: str, scale: float | Tensor) -> None:
    """A number above zero, or a tensor that holds one."""
    if isinstance(scale, Tensor):
        if scale.numel() != 1:
            raise ValueError(f"{name} must hold one number, got a tensor of shape {tuple(scale.shape)}")
        if known(scale, lambda: (scale > 0).all()) is False:
            raise ValueError(f"{name} must be above 0, got {scale.tolist()}")
    else:
        check_positive(name, scale)


def _one_number(value: float | Tensor, dtype: torch.dtype) -> float | Tensor:
    return value.to(dtype).reshape(()) if isinstance(value, Tensor) else value


def _pairs(image_embeddings: Tensor, text_embeddings: Tensor, normalize: bool, gather: bool) -> tuple[Tensor, Tensor]:
    """Both sides in the dtype of the computation, as directions, of all processes."""
    images, texts = together(image_embeddings, text_embeddings)
    if normalize:
        images, texts = _directions(images), _directions(texts)
    return (gather_with_gradient(images), gather_with_gradient(texts)) if gather else (images, texts)


@loss(
    tasks=(*_CROSS_MODAL, "image classification", "challenges and future"),
    names=("CLIP", "contrastive", "symmetric cross-entropy of image and text", "image-text contrastive", "ITC"),
    domain={"image_embeddings": "embedding directions of a batch",
            "text_embeddings": "embedding directions of a batch"},
    range=(0.0, float("inf")),
    properties=_TWO_VIEWS
    | {
        "convex": no("angles are not convex", first=[[0.5, -1.5], [-1.5, 1.5]], other=[[0.0, 1.5], [-1.5, 1.5]],
                     text_embeddings=[[-0.5, 0.0], [0.5, 0.0]]),
        "lipschitz": no(_TURNS, **_SHORT, text_embeddings=[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]),
        "smooth": no(_NO_DIRECTION, **_ZEROS, text_embeddings=[[1.0, 0.5], [0.0, 1.0], [-1.0, 0.0]]),
        "bounded": no("wrong texts in the pictures' directions, with a large scale",
                      first=[[1.0], [-1.0]], text_embeddings=[[-1.0], [1.0]], logit_scale=100.0),
    },
    cases=({"logit_scale": 2.0}, {"label_smoothing": 0.1}),
    differentiable=("image_embeddings", "text_embeddings"),
    couples=_COUPLED,
    kind="module",
    chapter=10,
)  # fmt: skip
def clip_loss(
    image_embeddings: Tensor,
    text_embeddings: Tensor,
    *,
    logit_scale: float | Tensor = 1 / 0.07,
    label_smoothing: float = 0.0,
    normalize: bool = True,
    gather: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""CLIP loss: each picture picks its text among those of the batch, and each text its picture.

    .. math::

        \mathcal L = \frac{1}{2N} \sum_i \Big[ -\log \frac{e^{t s_{ii}}}{\sum_j e^{t s_{ij}}}
            - \log \frac{e^{t s_{ii}}}{\sum_j e^{t s_{ji}}} \Big],
        \qquad s_{ij} = \cos(u_i, v_j)

    Args:
        image_embeddings: `(N, D)`.
        text_embeddings: the text of each picture, `(N, D)`.
        logit_scale: :math:`t`, one over the temperature, above 0: a number, or a tensor with one, which then gets a
            gradient. The module learns its logarithm, beginning at `log(1 / 0.07)` and held below `log(100)`.
        label_smoothing: share of the target that is spread evenly over the batch, in [0, 1].
        normalize: whether embeddings are divided by their lengths; `False` where that has been done.
        gather: whether the batch is that of all processes of `torch.distributed`, see
            `gather_with_gradient`.
            Every process then has the loss of the whole batch; averaged over processes, as `DistributedDataParallel`
            does, the gradients of the weights are those of one process with that batch.
        reduction: `"none"` gives the mean of both directions for each pair, `(N,)`; `"mean"` divides by `N`.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. A single pair has nothing to pick from: 0.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that differ, a scale that is not above 0, an unknown reduction.

    References:
        Radford et al., Learning transferable visual models from natural language supervision, 2021,
        https://arxiv.org/abs/2103.00020, figure 3.

    Example:
        >>> embeddings = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> clip_loss(embeddings, embeddings, logit_scale=1.0)
        tensor(0.3133)
    """
    _check_rows(image_embeddings=image_embeddings, text_embeddings=text_embeddings)
    _check_scale("logit_scale", logit_scale)
    check_fraction("label_smoothing", label_smoothing)
    check_reduction(reduction)
    images, texts = _pairs(image_embeddings, text_embeddings, normalize, gather)
    logits, own = _products(images * _one_number(logit_scale, images.dtype), texts), _own(images)
    values = F.cross_entropy(logits, own, reduction="none", label_smoothing=label_smoothing)
    values = values + F.cross_entropy(logits.mT, own, reduction="none", label_smoothing=label_smoothing)
    return reduce(values / 2, reduction, dtype=image_embeddings.dtype)


class ClipLoss(_StatefulLoss, weights=("logit_scale",)):
    """Module form of `clip_loss`, which learns the scale of the logits: call it with `(image_embeddings,
    text_embeddings)`.

    Args:
        logit_scale: the scale to begin with.
        max_logit_scale: the scale is held at this value. Its gradient passes there, so that it can come back.
        settings: `label_smoothing`, `normalize`, `gather`, `reduction`.
    """

    function = staticmethod(clip_loss)

    def __init__(self, *, logit_scale: float = 1 / 0.07, max_logit_scale: float = 100.0, **settings: Any) -> None:
        super().__init__(**settings)
        check_positive("logit_scale", logit_scale)
        check_positive("max_logit_scale", max_logit_scale)
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale)))
        self.max_logit_scale = max_logit_scale

    @property
    def logit_scale(self) -> Tensor:
        """The scale that the loss uses now."""
        held = self.log_scale.clamp_max(math.log(self.max_logit_scale))
        return (self.log_scale + (held - self.log_scale).detach()).exp()

    def forward(self, image_embeddings: Tensor, text_embeddings: Tensor) -> Tensor:
        """The loss of a batch of pairs."""
        return clip_loss(image_embeddings, text_embeddings, logit_scale=self.logit_scale, **self._settings())


@gradient_of(clip_loss)
def _clip_gradient(image_embeddings: Tensor, text_embeddings: Tensor, *, logit_scale: float = 1 / 0.07) -> Tensor:
    r""":math:`\partial\mathcal L / \partial s_{ij} = \frac{t}{2N} (p_{ij} + q_{ij} - 2 [i = j])`, :math:`p` the
    softmax over texts, :math:`q` over pictures; :math:`\partial\mathcal L / \partial \hat u_i = \sum_j g_{ij} \hat
    v_j`, then through the direction."""
    u, v = F.normalize(image_embeddings, dim=1), F.normalize(text_embeddings, dim=1)
    z = logit_scale * u @ v.T
    g = (z.softmax(1) + z.softmax(0) - 2 * torch.eye(len(z), dtype=z.dtype)) * logit_scale / (2 * len(z))
    return _through_direction(image_embeddings, g @ v)


@loss(
    tasks=(*_CROSS_MODAL, "image classification", "challenges and future"),
    names=("SigLIP", "pairwise sigmoid", "sigmoid loss for language-image pre-training"),
    domain={"image_embeddings": "embedding directions of a batch",
            "text_embeddings": "embedding directions of a batch"},
    range=(math.log(2), float("inf")),
    properties=_TWO_VIEWS
    | {
        "convex": no("angles are not convex", first=[[1.0, 0.0], [0.0, 1.0]], other=[[-1.0, 0.1], [0.0, 1.0]],
                     text_embeddings=[[0.0, -1.0], [0.0, 1.0]]),
        "lipschitz": no(_TURNS, **_SHORT, text_embeddings=[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]),
        "smooth": no(_NO_DIRECTION, **_ZEROS, text_embeddings=[[1.0, 0.5], [0.0, 1.0], [-1.0, 0.0]]),
        "bounded": no("a pair in opposite directions, with a large scale",
                      first=[[1.0]], text_embeddings=[[-1.0]], logit_scale=100.0),
    },
    cases=({"logit_scale": 2.0, "logit_bias": 0.5},),
    differentiable=("image_embeddings", "text_embeddings"),
    couples=_COUPLED,
    kind="module",
    chapter=10,
)  # fmt: skip
def siglip_loss(
    image_embeddings: Tensor,
    text_embeddings: Tensor,
    *,
    logit_scale: float | Tensor = 10.0,
    logit_bias: float | Tensor = -10.0,
    normalize: bool = True,
    gather: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""SigLIP loss: of every picture and every text, whether they belong together, as a yes-or-no question.

    .. math::

        \mathcal L = \frac1N \sum_i \sum_j \log\big(1 + e^{-y_{ij} (t\, s_{ij} + b)}\big),
        \qquad y_{ij} = \begin{cases} 1 & i = j \\ -1 & \text{else} \end{cases}

    It is divided by the :math:`N` rows, not by the :math:`N^2` questions, as in the paper. The sign is that of the
    paper's equation; its pseudo-code, read literally, has another. With scale 10 and bias -10 the loss is
    :math:`\log 2` at least, since a perfect pair has the logit 0.

    Args:
        image_embeddings: `(N, D)`.
        text_embeddings: the text of each picture, `(N, D)`.
        logit_scale: :math:`t`, above 0: a number, or a tensor with one, which then gets a gradient. The module learns
            its logarithm.
        logit_bias: :math:`b`, a number or a tensor with one. At -10 almost all answers begin as no, which is right for
            almost all pairs. The module learns it.
        normalize: whether embeddings are divided by their lengths; `False` where that has been done.
        gather: whether the batch is that of all processes of `torch.distributed`, as in :func:`clip_loss`.
        reduction: `"none"` gives the sum of each picture, `(N,)`; `"mean"` divides by `N`.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that differ, a scale that is not above 0, an unknown reduction.

    References:
        Zhai, Mustafa, Kolesnikov and Beyer, Sigmoid loss for language image pre-training, 2023,
        https://arxiv.org/abs/2303.15343.

    Example:
        >>> embeddings = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> siglip_loss(embeddings, embeddings)
        tensor(0.6932)
    """
    _check_rows(image_embeddings=image_embeddings, text_embeddings=text_embeddings)
    _check_scale("logit_scale", logit_scale)
    if isinstance(logit_bias, Tensor) and logit_bias.numel() != 1:
        raise ValueError(f"logit_bias must hold one number, got a tensor of shape {tuple(logit_bias.shape)}")
    check_reduction(reduction)
    images, texts = _pairs(image_embeddings, text_embeddings, normalize, gather)
    scale, bias = _one_number(logit_scale, images.dtype), _one_number(logit_bias, images.dtype)
    answers = -bias - _products(images * scale, texts)  # no for all pairs, so far
    answers = answers.diagonal_scatter(-answers.diagonal())
    values = -F.logsigmoid(answers).sum(1)
    return reduce(values, reduction, dtype=image_embeddings.dtype)


class SigLipLoss(_StatefulLoss, weights=("logit_scale", "logit_bias")):
    """Module form of `siglip_loss`, which learns scale and bias of the logits: call it with `(image_embeddings,
    text_embeddings)`.

    Args:
        logit_scale: the scale to begin with.
        logit_bias: the bias to begin with.
        settings: `normalize`, `gather`, `reduction`.
    """

    function = staticmethod(siglip_loss)

    def __init__(self, *, logit_scale: float = 10.0, logit_bias: float = -10.0, **settings: Any) -> None:
        super().__init__(**settings)
        check_positive("logit_scale", logit_scale)
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale)))
        self.logit_bias = nn.Parameter(torch.tensor(float(logit_bias)))

    @property
    def logit_scale(self) -> Tensor:
        """The scale that the loss uses now."""
        return self.log_scale.exp()

    def forward(self, image_embeddings: Tensor, text_embeddings: Tensor) -> Tensor:
        """The loss of a batch of pairs."""
        weights = {"logit_scale": self.logit_scale, "logit_bias": self.logit_bias}
        return siglip_loss(image_embeddings, text_embeddings, **weights, **self._settings())


@gradient_of(siglip_loss)
def _siglip_gradient(
    image_embeddings: Tensor, text_embeddings: Tensor, *, logit_scale: float = 10.0, logit_bias: float = -10.0
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial s_{ij} = \frac tN (\sigma(t s_{ij} + b) - [i = j])`;
    :math:`\partial\mathcal L / \partial \hat u_i = \sum_j g_{ij} \hat v_j`, then through the direction."""
    u, v = F.normalize(image_embeddings, dim=1), F.normalize(text_embeddings, dim=1)
    answers = (logit_scale * u @ v.T + logit_bias).sigmoid()
    g = (answers - torch.eye(len(u), dtype=u.dtype)) * logit_scale / len(u)
    return _through_direction(image_embeddings, g @ v)


@loss(
    tasks=("text-to-image", "audio-to-image", "challenges and future"),
    names=("text-image matching (pairwise ranking)", "ranking", "bidirectional hinge", "VSE", "VSE++", "max of hinges"),
    domain={"image_embeddings": "embedding directions of a batch",
            "text_embeddings": "embedding directions of a batch"},
    range=(0.0, float("inf")),
    properties=_TWO_VIEWS
    | {
        "convex": no("angles are not convex", first=[[-0.5, 0.5], [-0.5, 0.5]], other=[[1.5, -1.0], [-0.5, 0.5]],
                     text_embeddings=[[-1.0, 0.5], [1.0, -1.0]]),
        "lipschitz": no(_TURNS, **_SHORT, text_embeddings=[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]),
        "smooth": no(_NO_DIRECTION, **_ZEROS, text_embeddings=[[1.0, 0.5], [0.0, 1.0], [-1.0, 0.0]]),
        "bounded": no("it grows with the margin and with the batch",
                      first=[[1.0], [1.0]], text_embeddings=[[1.0], [1.0]], margin=100.0),
    },
    cases=({"hardest": True}, {"margin": 1.0}),
    differentiable=("image_embeddings", "text_embeddings"),
    couples=_COUPLED,
    chapter=10,
)  # fmt: skip
def image_text_matching_loss(
    image_embeddings: Tensor,
    text_embeddings: Tensor,
    *,
    margin: float = 0.2,
    hardest: bool = False,
    normalize: bool = True,
    reduction: str = "mean",
) -> Tensor:
    r"""Image-text matching loss: a pair is to fit better than any wrong text, and any wrong picture, by a margin.

    .. math::

        \ell_i = \sum_{j \ne i} \max(0, m - s_{ii} + s_{ij}) + \sum_{j \ne i} \max(0, m - s_{ii} + s_{ji}),
        \qquad s = \cos

    A pairwise ranking loss in both directions. `hardest=True` takes of each sum its largest term only (VSE++, the max
    of hinges), which gradients of many easy negatives cannot drown. It can collapse early in training, when every
    negative is hard.

    Args:
        image_embeddings: `(N, D)`.
        text_embeddings: the text of each picture, `(N, D)`.
        margin: :math:`m`, above 0.
        hardest: whether only the hardest text and the hardest picture count, instead of all.
        normalize: whether similarity is the cosine; `False` takes inner products.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of pairs (the papers take the sum).

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. A single pair has no rival: 0.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that differ, a margin that is not above 0, an unknown reduction.

    References:
        Kiros, Salakhutdinov and Zemel, Unifying visual-semantic embeddings with multimodal neural language models,
        2014, https://arxiv.org/abs/1411.2539. Hardest: Faghri et al., VSE++, 2018, https://arxiv.org/abs/1707.05612.

    Example:
        >>> images, texts = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.6, 0.8]])
        >>> image_text_matching_loss(images, texts, margin=0.5, reduction="none")
        tensor([0.1000, 0.3000])
    """
    _check_rows(image_embeddings=image_embeddings, text_embeddings=text_embeddings)
    check_positive("margin", margin)
    check_reduction(reduction)
    images, texts = _pairs(image_embeddings, text_embeddings, normalize, gather=False)
    if images.shape[0] == 0:  # nothing is the hardest
        return reduce((images * texts).sum(1), reduction, dtype=image_embeddings.dtype)
    scores, own = _products(images, texts), _diagonal(images)
    right = scores.diagonal()
    by_image = torch.where(own, 0.0, F.relu(scores - right.unsqueeze(1) + margin))
    by_text = torch.where(own, 0.0, F.relu(scores - right + margin))
    values = by_image.amax(1) + by_text.amax(0) if hardest else by_image.sum(1) + by_text.sum(0)
    return reduce(values, reduction, dtype=image_embeddings.dtype)


ImageTextMatchingLoss = as_module("ImageTextMatchingLoss", image_text_matching_loss)


@gradient_of(image_text_matching_loss)
def _image_text_matching_gradient(image_embeddings: Tensor, text_embeddings: Tensor, *, margin: float = 0.2) -> Tensor:
    r""":math:`\partial\mathcal L / \partial s_{ij}` counts, divided by :math:`N`, in how many of its two hinges a
    wrong pair is active; a right pair gets minus the number of active hinges that it stands in."""
    u, v = F.normalize(image_embeddings, dim=1), F.normalize(text_embeddings, dim=1)
    s = u @ v.T
    right, wrong = s.diagonal(), 1 - torch.eye(len(s), dtype=s.dtype)
    by_image = wrong * (s - right.unsqueeze(1) + margin > 0)
    by_text = wrong * (s - right + margin > 0)
    g = by_image + by_text - torch.diag(by_image.sum(1) + by_text.sum(0))
    return _through_direction(image_embeddings, g @ v / len(s))


@loss(
    tasks=("audio-to-image", "challenges and future"),
    names=("audio-visual consistency", "consistency", "audio-visual correspondence"),
    domain={"audio_embeddings": "embedding directions of a batch",
            "image_embeddings": "embedding directions of a batch"},
    range=(0.0, 2.0),
    properties=_TWO_VIEWS
    | {
        "minimum_at_target": yes,
        "convex": no("angles are not convex", first=[[1.0, 0.0]], other=[[-1.0, 0.1]], image_embeddings=[[0.0, -1.0]]),
        "lipschitz": no(_TURNS, first=[[1e-6, 0.0]], other=[[0.0, 1e-6]], image_embeddings=[[1.0, 0.0]]),
        "smooth": no(_NO_DIRECTION, first=_NEARLY_ZERO, image_embeddings=[[1.0, 0.5]]),
        "bounded": yes,
    },
    cases=({"form": "contrastive"}, {"form": "contrastive", "temperature": 0.5}),
    differentiable=("audio_embeddings", "image_embeddings"),
    couples="with form='contrastive' the other examples of the batch are the negatives",
    chapter=11,
)  # fmt: skip
def audio_visual_consistency_loss(
    audio_embeddings: Tensor,
    image_embeddings: Tensor,
    *,
    form: str = "cosine",
    temperature: float = 0.07,
    reduction: str = "mean",
) -> Tensor:
    r"""Audio-visual consistency loss: a sound and the picture it belongs to are to point the same way.

    .. math::

        \ell_i = 1 - \cos(a_i, v_i)

    That form alone has a trivial answer, the same embedding for everything; it needs another loss beside it, or fixed
    embeddings on one side. `form="contrastive"` has none: each sound picks its picture among those of the batch and
    each picture its sound, the symmetric :func:`info_nce_loss` of cross-modal instance discrimination. Papers call
    different losses by the name of consistency: Arandjelovic and Zisserman train a yes-or-no classifier of
    correspondence, which is :func:`siglip_loss` here.

    Args:
        audio_embeddings: `(N, D)`.
        image_embeddings: the picture (or the frames) of each sound, `(N, D)`.
        form: `"cosine"` or `"contrastive"`.
        temperature: of the contrastive form, above 0.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of pairs.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0; an embedding of zeros costs 1 in
        the cosine form.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that differ, an unknown form, a temperature that is not above 0.

    References:
        Arandjelovic and Zisserman, Look, listen and learn, 2017, https://arxiv.org/abs/1705.08168. Contrastive:
        Morgado, Vasconcelos and Misra, Audio-visual instance discrimination with cross-modal agreement, 2021,
        https://arxiv.org/abs/2004.12943.

    Example:
        >>> audio_visual_consistency_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
        tensor(0.4000)
    """
    _check_rows(audio_embeddings=audio_embeddings, image_embeddings=image_embeddings)
    check_choice("form", form, ("cosine", "contrastive"))
    check_positive("temperature", temperature)
    check_reduction(reduction)
    if form == "contrastive":
        return info_nce_loss(
            audio_embeddings, image_embeddings, temperature=temperature, symmetric=True, reduction=reduction
        )
    values = 1 - _cosines(*together(audio_embeddings, image_embeddings))
    return reduce(values, reduction, dtype=audio_embeddings.dtype)


AudioVisualConsistencyLoss = as_module("AudioVisualConsistencyLoss", audio_visual_consistency_loss)


@gradient_of(audio_visual_consistency_loss)
def _audio_visual_consistency_gradient(audio_embeddings: Tensor, image_embeddings: Tensor) -> Tensor:
    r""":math:`\partial\ell / \partial a = -(\hat v - \hat a \cos(a, v)) / \lVert a \rVert`."""
    return -_through_direction(audio_embeddings, F.normalize(image_embeddings, dim=1)) / len(audio_embeddings)


# --- two views, without negatives -------------------------------------------------------------------------------------


@loss(
    tasks=("image classification", "challenges and future"),
    names=("BYOL", "SimSiam", "cosine regression", "negative cosine similarity"),
    domain={"prediction": "embedding directions", "target": "embedding directions"},
    range=(0.0, 4.0),
    properties=_TWO_VIEWS
    | {
        "minimum_at_target": yes,
        "convex": no("angles are not convex", first=[[1.0, 0.0]], other=[[-1.0, 0.1]], target=[[0.0, -1.0]]),
        "lipschitz": no(_TURNS, first=[[1e-6, 0.0]], other=[[0.0, 1e-6]], target=[[1.0, 0.0]]),
        "smooth": no(_NO_DIRECTION, first=_NEARLY_ZERO, target=[[1.0, 0.5]]),
        "bounded": yes,
    },
    cases=({"form": "simsiam"},),
    detached="the target: it comes from a branch without gradient, which keeps the embeddings from collapsing",
    chapter=3,
)  # fmt: skip
def byol_loss(prediction: Tensor, target: Tensor, *, form: str = "byol", reduction: str = "mean") -> Tensor:
    r"""BYOL and SimSiam loss: a prediction is to point where the other view's embedding does.

    .. math::

        \ell = \lVert \hat p - \hat z \rVert^2 = 2 - 2 \cos(p, z), \qquad
        \ell_{\text{SimSiam}} = -\cos(p, z)

    There are no negatives. What keeps all embeddings from becoming equal is outside of the loss: a predictor on one
    side and no gradient on the other, which is therefore detached here. Both papers exchange the views and add (BYOL)
    or average (SimSiam) both losses.

    Args:
        prediction: what the predictor says of one view, `(N, D)`.
        target: the embedding of the other view, `(N, D)`; it gets no gradient.
        form: `"byol"` or `"simsiam"`.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by `N`.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0; an embedding of zeros has the
        cosine 0 and no gradient.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that differ, an unknown form or reduction.

    References:
        Grill et al., Bootstrap your own latent, 2020, https://arxiv.org/abs/2006.07733, equation 2. Chen and He,
        Exploring simple Siamese representation learning, 2021, https://arxiv.org/abs/2011.10566, equation 1.

    Example:
        >>> byol_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
        tensor(0.8000)
    """
    _check_rows(prediction=prediction, target=target)
    check_choice("form", form, ("byol", "simsiam"))
    check_reduction(reduction)
    cosine = _cosines(*together(prediction, target.detach()))
    return reduce(2 - 2 * cosine if form == "byol" else -cosine, reduction, dtype=prediction.dtype)


BYOLLoss = as_module("BYOLLoss", byol_loss)


@gradient_of(byol_loss)
def _byol_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\ell / \partial p = -2 (\hat z - \hat p \cos(p, z)) / \lVert p \rVert`."""
    return -2 * _through_direction(prediction, F.normalize(target, dim=1)) / len(prediction)


_ANTI = [[1.0] * 25, [-1.0] * 25], [[-1.0] * 25, [1.0] * 25]


@loss(
    tasks=("image classification", "challenges and future"),
    names=("Barlow Twins", "redundancy reduction"),
    domain={"embeddings": "features of a batch", "others": "features of a batch"},
    range=(0.0, float("inf")),
    properties=_TWO_VIEWS
    | {
        "minimum_at_target": not_applicable("the best first view also has features that do not correlate"),
        "convex": no("a correlation does not change with length", first=[[1.5], [0.5]], other=[[-2.0], [4.0]],
                     others=[[0.5], [-1.5]]),
        "lipschitz": up_to(1800.0, "for eight examples of four features: 8 sqrt(32 / eps) / 8, where one is constant"),
        "smooth": yes,
        "bounded": no("it grows with the number of features", first=_ANTI[0], others=_ANTI[1]),
        "scale_invariant": no("features that hardly vary count as constant",
                              first=[[1e-3], [-1e-3]], others=[[1e-3], [-1e-3]]),
    },
    cases=({"off_diagonal": 0.5}, {"eps": 0.01}),
    differentiable=("embeddings", "others"),
    couples="it compares features over the batch",
    unit="nothing: it is the sum over the features, as in the paper",
    chapter=3,
)  # fmt: skip
def barlow_twins_loss(
    embeddings: Tensor, others: Tensor, *, off_diagonal: float = 0.005, eps: float = 1e-5, reduction: str = "mean"
) -> Tensor:
    r"""Barlow Twins loss: each feature is to agree between two views, and to tell what no other feature tells.

    .. math::

        \mathcal L = \sum_i (1 - C_{ii})^2 + \lambda \sum_i \sum_{j \ne i} C_{ij}^2, \qquad
        C_{ij} = \frac{1}{N} \sum_n \tilde a_{ni}\, \tilde b_{nj}

    :math:`\tilde a = (a - \bar a) / \sqrt{\mathrm{var}(a) + \varepsilon}` over the batch, with the variance divided by
    :math:`N`, as the batch normalization of the authors' code. A feature that is constant costs 1. Memory: `D * D`.

    Args:
        embeddings: the first view, `(N, D)`.
        others: the second view, `(N, D)`.
        off_diagonal: weight :math:`\lambda` of the redundancy, at least 0.
        eps: added to the variances, above 0.
        reduction: `"none"` gives what each feature of the first view costs, `(D,)`; `"mean"` and `"sum"` both add these
            up: as in the paper, a batch has one loss.

    Returns:
        The loss: a scalar, or `(D,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that differ, a negative weight, an `eps` that is not above 0, an unknown reduction.

    References:
        Zbontar, Jing, Misra, LeCun and Deny, Barlow Twins, 2021, https://arxiv.org/abs/2103.03230, equation 1.

    Example:
        >>> views = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> barlow_twins_loss(views, -views)
        tensor(7.9999)
    """
    _check_rows(embeddings=embeddings, others=others)
    check_positive("off_diagonal", off_diagonal, zero=True)
    check_positive("eps", eps)
    check_reduction(reduction)
    first, second = together(embeddings, others)
    if first.shape[0] == 0:
        return reduce((first * second).sum(0), "sum" if reduction == "mean" else reduction, dtype=embeddings.dtype)
    correlation = _products(_standardized(first, eps).mT, _standardized(second, eps).mT) / first.shape[0]
    same = _diagonal(correlation)
    cost = torch.where(same, (1 - correlation) ** 2, off_diagonal * correlation**2)
    return reduce(cost.sum(1), "sum" if reduction == "mean" else reduction, dtype=embeddings.dtype)


BarlowTwinsLoss = as_module("BarlowTwinsLoss", barlow_twins_loss)


def _standardized(rows: Tensor, eps: float) -> Tensor:
    """Each feature with mean 0 and variance 1 over the batch."""
    centered = rows - rows.mean(0)
    return centered * (centered.square().mean(0) + eps).rsqrt()


@gradient_of(barlow_twins_loss)
def _barlow_twins_gradient(
    embeddings: Tensor, others: Tensor, *, off_diagonal: float = 0.005, eps: float = 1e-5
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial C_{ij} = 2\lambda C_{ij}`, and :math:`2 (C_{ii} - 1)` on the diagonal;
    :math:`\partial\mathcal L / \partial\tilde a = \tilde b\, g^\top / N`, then through the standardization:
    :math:`(s - \bar s - \tilde a\, \overline{s \tilde a}) / \sqrt{\mathrm{var} + \varepsilon}`."""
    a, b = _standardized(embeddings, eps), _standardized(others, eps)
    correlation = a.T @ b / len(a)
    same = torch.eye(len(correlation), dtype=a.dtype)
    g = 2 * same * (correlation - 1) + 2 * off_diagonal * (1 - same) * correlation
    s = b @ g.T / len(a)
    spread = (embeddings.var(0, unbiased=False) + eps).sqrt()
    return (s - s.mean(0) - a * (s * a).mean(0)) / spread


@loss(
    tasks=("image classification", "challenges and future"),
    names=("VICReg", "variance-invariance-covariance regularization"),
    domain={"embeddings": "features of a batch", "others": "features of a batch"},
    range=(0.0, float("inf")),
    properties=_TWO_VIEWS
    | {
        "minimum_at_target": not_applicable("the best first view also has features that vary and do not correlate"),
        "convex": no("features without variance cost most", first=[[0.5], [-0.5]], other=[[-0.5], [0.5]],
                     others=[[0.0], [0.0]], invariance=1.0),
        "lipschitz": no("the square of a difference", first=[[3000.0], [3000.0]], other=[[3001.0], [3001.0]],
                        others=[[0.0], [0.0]]),
        "smooth": no("a standard deviation of just 1", first=[[math.sqrt(0.49995)], [-math.sqrt(0.49995)]],
                     others=[[1.0], [-1.0]]),
        "bounded": no("views that differ", first=[[10.0], [10.0]], others=[[0.0], [0.0]]),
        "scale_invariant": no("features are to vary by 1", first=[[0.5], [-0.5]], others=[[0.5], [-0.5]]),
    },
    cases=({"invariance": 1.0, "variance": 2.0, "covariance": 3.0}, {"gamma": 4.0, "eps": 0.01}),
    differentiable=("embeddings", "others"),
    couples="variance and covariance are those of the batch",
    chapter=3,
)  # fmt: skip
def vicreg_loss(
    embeddings: Tensor,
    others: Tensor,
    *,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
    gamma: float = 1.0,
    eps: float = 1e-4,
    reduction: str = "mean",
) -> Tensor:
    r"""VICReg loss: two views agree, each feature varies over the batch, and no two vary together.

    .. math::

        \mathcal L = \frac{\lambda}{ND} \sum_n \lVert a_n - b_n \rVert^2
            + \frac{\mu}{2D} \sum_i \big[ h(a_i) + h(b_i) \big]
            + \frac{\nu}{D} \sum_{i \ne j} \big[ \mathrm{Cov}(a)_{ij}^2 + \mathrm{Cov}(b)_{ij}^2 \big]

    with :math:`h(x) = \max\big(0, \gamma - \sqrt{\mathrm{Var}(x) + \varepsilon}\big)`; variances and covariances are
    divided by :math:`N - 1`. This is the authors' code and pytorch-metric-learning's: against the paper's equation the
    squared distance is divided by :math:`D` and the variance term by 2. Memory: `D * D`.

    Args:
        embeddings: the first view, `(N, D)`.
        others: the second view, `(N, D)`.
        invariance: weight :math:`\lambda`, at least 0.
        variance: weight :math:`\mu`, at least 0.
        covariance: weight :math:`\nu`, at least 0.
        gamma: standard deviation that a feature is to have, at least 0.
        eps: added to the variances, above 0.
        reduction: `"none"` gives what each feature costs, `(D,)`; `"mean"` divides by `D`, as in the paper.

    Returns:
        The loss: a scalar, or `(D,)` for `reduction="none"`. An empty batch gives 0; a single example has the variance
        0.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that differ, a negative weight, an `eps` that is not above 0, an unknown reduction.

    References:
        Bardes, Ponce and LeCun, VICReg, 2022, https://arxiv.org/abs/2105.04906, equations 1 to 6.

    Example:
        >>> views = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> vicreg_loss(views, views), vicreg_loss(views, views + 0.2)
        (tensor(0.), tensor(1.0000))
    """
    _check_rows(embeddings=embeddings, others=others)
    weights = {"invariance": invariance, "variance": variance, "covariance": covariance, "gamma": gamma}
    for name, value in weights.items():
        check_positive(name, value, zero=True)
    check_positive("eps", eps)
    check_reduction(reduction)
    first, second = together(embeddings, others)
    examples = first.shape[0]
    if examples == 0:
        return reduce((first * second).sum(0), reduction, dtype=embeddings.dtype)
    values = invariance * (first - second).square().mean(0)
    for view in (first, second):
        centered = view - view.mean(0)
        deviation = (centered.square().sum(0) / max(examples - 1, 1) + eps).sqrt()
        values = values + variance / 2 * F.relu(gamma - deviation)
        together_varying = _products(centered.mT, centered.mT) / max(examples - 1, 1)
        values = values + covariance * torch.where(_diagonal(together_varying), 0.0, together_varying**2).sum(1)
    return reduce(values, reduction, dtype=embeddings.dtype)


VICRegLoss = as_module("VICRegLoss", vicreg_loss)


@gradient_of(vicreg_loss)
def _vicreg_gradient(
    embeddings: Tensor,
    others: Tensor,
    *,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
    gamma: float = 1.0,
    eps: float = 1e-4,
) -> Tensor:
    r""":math:`\frac{2\lambda}{ND} (a - b) - \frac{\mu}{2D} [\sigma < \gamma] \frac{a - \bar a}{(N - 1) \sigma}
    + \frac{4\nu}{D (N - 1)} (a - \bar a)\, \mathrm{Cov}_{i \ne j}` with :math:`\sigma = \sqrt{\mathrm{Var} +
    \varepsilon}`."""
    N, D = embeddings.shape
    centered = embeddings - embeddings.mean(0)
    sigma = (centered.square().sum(0) / (N - 1) + eps).sqrt()
    cov = centered.T @ centered / (N - 1)
    agree = 2 * invariance * (embeddings - others) / (N * D)
    vary = variance / (2 * D) * (sigma < gamma) * centered / ((N - 1) * sigma)
    return agree - vary + 4 * covariance / (D * (N - 1)) * centered @ (cov - torch.diag(cov.diagonal()))


# --- classes: pairs of the batch that are weighted by how hard they are -----------------------------------------------


@loss(
    tasks=_EVERY_TASK,
    names=("multi-similarity", "MS"),
    domain={"embeddings": "embedding directions of a batch", "target": "classes of a batch"},
    range=(0.0, float("inf")),
    properties=_BY_CLASS
    | {
        "convex": no("angles are not convex", first=[[1.0, 0.0], [0.0, 1.0]], other=[[-1.0, 0.1], [0.0, 1.0]],
                     target=[0, 1]),
        "lipschitz": no(_TURNS, **_SHORT, target=[0, 0, 1]),
        "smooth": no(_NO_DIRECTION, **_ZEROS, target=[0, 0, 1]),
        "bounded": no("a similarity far above the base", first=[[1.0], [1.0]], target=[0, 1], base=-100.0),
    },
    cases=({"alpha": 3.0, "beta": 10.0, "base": 0.2}, {"mining": 0.1}),
    couples=_COUPLED,
    chapter=3,
)  # fmt: skip
def multi_similarity_loss(
    embeddings: Tensor,
    target: Tensor,
    *,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    mining: float | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Multi-similarity loss: each example weighs its positives and negatives by how hard they are.

    .. math::

        \ell_i = \frac1\alpha \log\Big(1 + \sum_{p} e^{-\alpha (s_{ip} - \lambda)}\Big)
            + \frac1\beta \log\Big(1 + \sum_{n} e^{\beta (s_{in} - \lambda)}\Big), \qquad s = \cos

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers.
        alpha: how strongly hard positives are preferred, above 0.
        beta: how strongly hard negatives are preferred, above 0.
        base: similarity :math:`\lambda` that parts what is near from what is far.
        mining: where given, the paper's :math:`\varepsilon`: only negatives nearer than the farthest positive minus it
            count, and only positives farther than the nearest negative plus it. `None` takes all pairs, as
            pytorch-metric-learning does without a miner. Which pairs count is held fixed in the gradient.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by `N`, examples without positives included.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point, a floating-point target.
        ValueError: shapes that do not go together, an alpha or beta that is not above 0, a negative mining.

    References:
        Wang, Han, Huang, Dong and Scott, Multi-similarity loss with general pair weighting, 2019,
        https://arxiv.org/abs/1904.06627, equation 15.

    Example:
        >>> embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> multi_similarity_loss(embeddings, torch.tensor([0, 0, 1]))
        tensor(0.1044)
    """
    _check_classes(embeddings, target)
    check_positive("alpha", alpha)
    check_positive("beta", beta)
    if mining is not None:
        check_positive("mining", mining, zero=True)
    check_reduction(reduction)
    rows = _directions(widen(embeddings))
    cosine = _products(rows, rows)
    alike = target.unsqueeze(1) == target
    positive, negative = alike & ~_diagonal(rows), ~alike
    if mining is not None and rows.shape[0]:
        seen = cosine.detach()
        farthest = torch.where(positive, seen, math.inf).amin(1, keepdim=True)
        nearest = torch.where(negative, seen, -math.inf).amax(1, keepdim=True)
        positive, negative = positive & ~(seen >= nearest + mining), negative & ~(seen <= farthest - mining)
    near = _softplus(_log_sum(-alpha * (cosine - base), positive)) / alpha
    far = _softplus(_log_sum(beta * (cosine - base), negative)) / beta
    return reduce(near + far, reduction, dtype=embeddings.dtype)


MultiSimilarityLoss = as_module("MultiSimilarityLoss", multi_similarity_loss)


@gradient_of(multi_similarity_loss)
def _multi_similarity_gradient(
    embeddings: Tensor, target: Tensor, *, alpha: float = 2.0, beta: float = 50.0, base: float = 0.5
) -> Tensor:
    r""":math:`\partial\ell_i / \partial s_{ip} = -e_{ip} / (1 + \sum_{p'} e_{ip'})` with :math:`e_{ip} = e^{-\alpha
    (s_{ip} - \lambda)}`, and likewise, with a plus, for negatives; both ends of a pair move."""
    z = F.normalize(embeddings, dim=1)
    s = z @ z.T
    alike = target.unsqueeze(1) == target
    near = (alike & ~_diagonal(z)) * (-alpha * (s - base)).exp()
    far = ~alike * (beta * (s - base)).exp()
    g = far / (1 + far.sum(1, keepdim=True)) - near / (1 + near.sum(1, keepdim=True))
    return _through_direction(embeddings, (g + g.T) @ z / len(z))


@loss(
    tasks=_EVERY_TASK,
    names=("circle",),
    domain={"embeddings": "embedding directions of a batch", "target": "classes of a batch"},
    range=(0.0, float("inf")),
    properties=_BY_CLASS
    | {
        "convex": no("angles are not convex", first=[[0.5, 1.5], [-1.0, 0.0], [1.0, 0.0]],
                     other=[[0.0, -1.5], [-1.0, 0.0], [1.0, 0.0]], target=[0, 0, 1]),
        "lipschitz": no(_TURNS, **_SHORT, target=[0, 0, 1]),
        "smooth": no(_NO_DIRECTION, **_ZEROS, target=[0, 0, 1]),
        "bounded": no("a positive opposite", first=[[1.0], [-1.0], [1.0]], target=[0, 0, 1]),
    },
    cases=({"margin": 0.4, "gamma": 20.0},),
    detached="the weight of each similarity, its distance from the optimum (`hold_weights=False` undoes it)",
    couples=_COUPLED,
    chapter=3,
)  # fmt: skip
def circle_loss(
    embeddings: Tensor,
    target: Tensor,
    *,
    margin: float = 0.25,
    gamma: float = 80.0,
    hold_weights: bool = True,
    reduction: str = "mean",
) -> Tensor:
    r"""Circle loss: similarities are pushed the harder the farther they are from their optimum.

    .. math::

        \ell_i = \log\Big(1 + \sum_n e^{\gamma \alpha_{in} (s_{in} - m)} \sum_p e^{-\gamma \alpha_{ip} (s_{ip} - 1 +
        m)}\Big), \quad \alpha_{in} = [s_{in} + m]_+, \quad \alpha_{ip} = [1 + m - s_{ip}]_+

    with :math:`s = \cos`. The weights :math:`\alpha` are held fixed in the gradient, as in the paper. An example
    without a positive or without a negative does not count.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers.
        margin: :math:`m`; the paper takes 0.25 for faces and people, 0.4 for fine-grained retrieval.
        gamma: scale of the similarities, above 0; the paper takes 256 for faces, 128 for people, 80 for retrieval.
        hold_weights: whether the weights are held fixed in the gradient. The value is the same.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of examples that count.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. A batch without a positive or without a negative gives 0.

    Raises:
        TypeError: embeddings that are not floating-point, a floating-point target.
        ValueError: shapes that do not go together, a gamma that is not above 0, an unknown reduction.

    References:
        Sun et al., Circle loss: a unified perspective of pair similarity optimization, 2020,
        https://arxiv.org/abs/2002.10857, equations 4 to 6.

    Example:
        >>> embeddings = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]])
        >>> circle_loss(embeddings, torch.tensor([0, 0, 1]))
        tensor(44.4640)
    """
    _check_classes(embeddings, target)
    check_positive("gamma", gamma)
    check_reduction(reduction)
    rows = _directions(widen(embeddings))
    cosine = _products(rows, rows)
    alike = target.unsqueeze(1) == target
    positive, negative = alike & ~_diagonal(rows), ~alike
    seen = cosine.detach() if hold_weights else cosine
    near = -gamma * F.relu(1 + margin - seen) * (cosine - 1 + margin)
    far = gamma * F.relu(seen + margin) * (cosine - margin)
    counted = positive.any(1) & negative.any(1)
    exponent = torch.where(counted, _log_sum(near, positive) / 2 + _log_sum(far, negative) / 2, 0.0)
    values = torch.where(counted, _softplus(2 * exponent), 0.0)
    return reduce(values, reduction, counted.to(values.dtype), embeddings.dtype)


CircleLoss = as_module("CircleLoss", circle_loss)


@gradient_of(circle_loss)
def _circle_gradient(
    embeddings: Tensor, target: Tensor, *, margin: float = 0.25, gamma: float = 80.0, hold_weights: bool = True
) -> Tensor:
    r""":math:`\partial\ell_i / \partial s_{in} = (1 - e^{-\ell_i})\, q_{in}\, \gamma \alpha_{in}` and
    :math:`\partial\ell_i / \partial s_{ip} = -(1 - e^{-\ell_i})\, q_{ip}\, \gamma \alpha_{ip}`, where :math:`q` are
    the softmax over the negatives and over the positives. Where the weights move too, :math:`\alpha` gives way to
    :math:`2 s_{in}` and :math:`2 (1 - s_{ip})`."""
    z = F.normalize(embeddings, dim=1)
    s = z @ z.T
    alike = target.unsqueeze(1) == target
    positive = alike & ~_diagonal(z)
    alpha_n, alpha_p = (s + margin).clamp_min(0), (1 + margin - s).clamp_min(0)
    far = (gamma * alpha_n * (s - margin)).masked_fill(alike, -math.inf)
    near = (-gamma * alpha_p * (s - 1 + margin)).masked_fill(~positive, -math.inf)
    counted = (positive.any(1) & ~alike.all(1)).unsqueeze(1)
    share = (far.logsumexp(1) + near.logsumexp(1)).sigmoid().unsqueeze(1) / counted.sum().clamp_min(1)
    slope_n, slope_p = (alpha_n, alpha_p) if hold_weights else (2 * s * (alpha_n > 0), 2 * (1 - s) * (alpha_p > 0))
    g = gamma * share * (far.softmax(1) * slope_n - near.softmax(1) * slope_p)
    g = torch.where(counted, g, 0.0)
    return _through_direction(embeddings, (g + g.T) @ z)


# --- classes: one row of weights for each -----------------------------------------------------------------------------


class _ClassLoss(_StatefulLoss):
    """A loss that learns one row for each class, drawn from the standard normal distribution."""

    rows = "prototypes"

    def __init__(self, num_classes: int, embedding_size: int, **settings: Any) -> None:
        super().__init__(**settings)
        self._learn(num_classes=num_classes, embedding_size=embedding_size)

    def _learn(self, **sizes: int) -> None:
        for name, value in sizes.items():
            check_positive(name, value)
        setattr(self, self.rows, nn.Parameter(torch.randn(*sizes.values())))

    def forward(self, embeddings: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch of embeddings and their classes."""
        return type(self).function(embeddings, target, getattr(self, self.rows), **self._settings())

    def extra_repr(self) -> str:
        """The number of classes, the size of embeddings, and the settings."""
        classes, size = getattr(self, self.rows).shape
        return f"num_classes={classes}, embedding_size={size}, {super().extra_repr()}"


class _SubCenterLoss(_ClassLoss):
    """A loss that learns several rows for each class, drawn from the standard normal distribution."""

    def __init__(self, num_classes: int, embedding_size: int, sub_centers: int = 3, **settings: Any) -> None:
        _StatefulLoss.__init__(self, **settings)
        self._learn(num_classes=num_classes, sub_centers=sub_centers, embedding_size=embedding_size)

    def extra_repr(self) -> str:
        """The number of classes, the size of embeddings, the number of sub-centers, and the settings."""
        classes, sub_centers, size = self.prototypes.shape
        settings = _StatefulLoss.extra_repr(self)
        return f"num_classes={classes}, embedding_size={size}, sub_centers={sub_centers}, {settings}"


_SUB_CENTERS = [[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]]
_PROTOTYPES = [[1.0, 0.0], [0.0, 1.0]]
_MARGIN_SOFTMAX = _BY_CLASS | {
    "convex": no("angles are not convex", first=[[1.0, 0.0]], other=[[-1.0, 0.1]], target=[1], prototypes=[[0.0, 1.0],
                 [0.0, -1.0]]),
    "lipschitz": no(_TURNS, first=[[1e-6, 0.0]], other=[[0.0, 1e-6]], target=[0], prototypes=_PROTOTYPES),
    "smooth": no(_NO_DIRECTION, first=[[0.0, 0.0]], target=[0], prototypes=_PROTOTYPES),
    "bounded": no("an embedding opposite to its class",
                  first=[[-1.0, 0.0]], target=[0], prototypes=[[1.0, 0.0], [-1.0, 0.0]]),
}  # fmt: skip


@loss(
    tasks=("image classification", "object tracking", "challenges and future"),
    names=("ArcFace", "additive angular margin"),
    domain={"embeddings": "embedding directions", "target": "classes", "prototypes": "class prototypes"},
    range=(0.0, float("inf")),
    properties=_MARGIN_SOFTMAX,
    cases=({"margin": 0.0, "scale": 5.0}, {"margin": 1.0, "scale": 10.0}),
    differentiable=("embeddings", "prototypes"),
    kind="module",
    chapter=3,
)
def arcface_loss(
    embeddings: Tensor,
    target: Tensor,
    prototypes: Tensor,
    *,
    margin: float = 0.5,
    scale: float = 64.0,
    reduction: str = "mean",
) -> Tensor:
    r"""ArcFace loss: cross-entropy of cosines to class prototypes, the true angle made wider by a margin.

    .. math::

        \ell = -\log \frac{e^{s \cos(\theta_y + m)}}{e^{s \cos(\theta_y + m)} + \sum_{j \ne y} e^{s \cos \theta_j}}

    Beyond :math:`\theta_y = \pi - m`, where :math:`\cos(\theta + m)` would rise again, :math:`\cos \theta - m \sin m`
    takes its place, as in the authors' code. The cosine is computed as
    :math:`\cos\theta \cos m - \sin\theta \sin m`, whose gradient stays finite at an angle of 0.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers from 0 to `C - 1`.
        prototypes: one row for each class, `(C, D)`; the module learns them.
        margin: :math:`m` in radians, in [0, pi).
        scale: :math:`s`, above 0.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by `N`.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point, a target that is not an integer.
        ValueError: shapes that do not go together, labels out of range, a margin outside [0, pi), a scale that is not
            above 0.

    References:
        Deng, Guo, Xue and Zafeiriou, ArcFace, 2019, https://arxiv.org/abs/1801.07698, equation 3.

    Example:
        >>> prototypes = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> arcface_loss(torch.tensor([[0.8, 0.6]]), torch.tensor([0]), prototypes, scale=10.0)
        tensor(2.0011)
    """
    _check_angle(margin)
    cosine, own = _cosines_to_classes(embeddings, target, prototypes, scale, reduction)
    values = _margin_softmax(cosine, _widened(own, margin), target, scale)
    return reduce(values, reduction, dtype=embeddings.dtype)


class ArcFaceLoss(_ClassLoss):
    """Module form of `arcface_loss`, which learns the prototypes: call it with `(embeddings, target)`.

    Args:
        num_classes: number of classes.
        embedding_size: length of an embedding.
        settings: `margin`, `scale`, `reduction`.
    """

    function = staticmethod(arcface_loss)


def _cosines_to_classes(
    embeddings: Tensor, target: Tensor, prototypes: Tensor, scale: float, reduction: str
) -> tuple[Tensor, Tensor]:
    """The cosine of each embedding to each prototype, `(N, C)`, and to the one of its class, `(N, 1)`."""
    _check_prototypes(embeddings, target, "prototypes", prototypes)
    check_positive("scale", scale)
    check_reduction(reduction)
    rows, weights = together(embeddings, prototypes)
    cosine = _products(_directions(rows), _directions(weights))
    return cosine, cosine.gather(1, target.long().unsqueeze(1))


def _check_angle(margin: float) -> None:
    if not 0 <= margin < math.pi:
        raise ValueError(f"margin must lie in [0, pi) radians, got {margin}")


def _widened(cosine: Tensor, margin: float) -> Tensor:
    """The cosine of an angle that is wider by a margin; beyond pi, where it would rise again, it falls in a line."""
    rest = 1 - cosine * cosine
    visible = rest > torch.finfo(rest.dtype).eps  # below, the sine is rounding, and its slope would be too
    sine = torch.where(visible, torch.where(visible, rest, 1.0).sqrt(), 0.0)
    return torch.where(
        cosine > math.cos(math.pi - margin),
        cosine * math.cos(margin) - sine * math.sin(margin),
        cosine - margin * math.sin(margin),
    )


def _margin_softmax(cosine: Tensor, own: Tensor, target: Tensor, scale: float) -> Tensor:
    """Cross-entropy of scaled cosines, that of the true class replaced."""
    labels = target.long()
    return F.cross_entropy(scale * cosine.scatter(1, labels.unsqueeze(1), own), labels, reduction="none")


@gradient_of(arcface_loss)
def _arcface_gradient(
    embeddings: Tensor, target: Tensor, prototypes: Tensor, *, margin: float = 0.5, scale: float = 64.0
) -> Tensor:
    r""":math:`\partial\ell / \partial\cos\theta_j = s (p_j - [j = y])`, for the true class times
    :math:`\sin(\theta_y + m) / \sin\theta_y` (or 1 beyond :math:`\pi - m`); :math:`\partial\ell / \partial\hat x =
    \sum_j g_j \hat w_j`."""
    w = F.normalize(prototypes, dim=1)
    g = _arcface_slopes(F.normalize(embeddings, dim=1) @ w.T, target, margin, scale)
    return _through_direction(embeddings, g @ w)


def _arcface_slopes(cosine: Tensor, target: Tensor, margin: float, scale: float) -> Tensor:
    """The gradient with respect to each cosine."""
    theta = cosine.acos()
    truth = F.one_hot(target, cosine.shape[1]).to(cosine.dtype)
    inside = theta < math.pi - margin
    wider = torch.where(inside, (theta + margin).cos(), cosine - margin * math.sin(margin))
    g = scale * ((scale * torch.where(truth > 0, wider, cosine)).softmax(1) - truth) / len(target)
    return torch.where((truth > 0) & inside, g * (theta + margin).sin() / theta.sin(), g)


@loss(
    tasks=("image classification", "object tracking", "challenges and future"),
    names=("sub-center ArcFace", "subcenter ArcFace"),
    domain={"embeddings": "embedding directions", "target": "classes", "prototypes": "sub-centers of classes"},
    range=(0.0, float("inf")),
    properties=_BY_CLASS
    | {
        "convex": no("angles are not convex", first=[[1.0, 0.0]], other=[[-1.0, 0.1]], target=[1],
                     prototypes=[[[0.0, 1.0]], [[0.0, -1.0]]]),
        "lipschitz": no(_TURNS, first=[[1e-6, 0.0]], other=[[0.0, 1e-6]], target=[0], prototypes=_SUB_CENTERS),
        "smooth": no("another sub-center takes over", first=[[1.0, 1.0]], target=[0],
                     prototypes=[[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]]),
        "bounded": no("an embedding opposite to its class", first=[[-1.0, 0.0]], target=[0],
                      prototypes=[[[1.0, 0.0]], [[-1.0, 0.0]]]),
    },
    cases=({"margin": 0.0, "scale": 5.0}, {"margin": 1.0, "scale": 10.0}),
    differentiable=("embeddings", "prototypes"),
    kind="module",
    chapter=3,
)  # fmt: skip
def sub_center_arcface_loss(
    embeddings: Tensor,
    target: Tensor,
    prototypes: Tensor,
    *,
    margin: float = 0.5,
    scale: float = 64.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Sub-center ArcFace loss: ArcFace where a class has several prototypes, of which the nearest counts.

    .. math::

        \ell = -\log \frac{e^{s \cos(\theta_y + m)}}{e^{s \cos(\theta_y + m)} + \sum_{j \ne y} e^{s \cos
        \theta_j}}, \qquad \cos\theta_j = \max_{k} \cos(x, w_{jk})

    Clean examples gather at one sub-center of their class, mislabeled and odd ones at the others, where they no longer
    bend the class. After training, the paper keeps the dominant sub-center of each class and drops the examples that
    are more than 75 degrees away from it. Of sub-centers that tie one gets the gradient. With one sub-center it
    is :func:`arcface_loss`, which says what happens beyond :math:`\theta_y = \pi - m`.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers from 0 to `C - 1`.
        prototypes: `K` sub-centers for each class, `(C, K, D)`; the module learns them.
        margin: :math:`m` in radians, in [0, pi).
        scale: :math:`s`, above 0.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by `N`.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point, a target that is not an integer.
        ValueError: shapes that do not go together, labels out of range, no sub-center, a margin outside [0, pi), a
            scale that is not above 0.

    References:
        Deng, Guo, Liu, Gong and Zafeiriou, Sub-center ArcFace: boosting face recognition by large-scale noisy web
        faces, 2020, https://doi.org/10.1007/978-3-030-58621-8_43.

    Example:
        >>> prototypes = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]], [[0.0, 1.0], [0.0, -1.0]]])
        >>> sub_center_arcface_loss(torch.tensor([[-0.8, 0.6]]), torch.tensor([0]), prototypes, scale=10.0)
        tensor(2.0011)
    """
    _check_angle(margin)
    cosine = _cosines_to_sub_centers(embeddings, target, prototypes, scale, reduction).max(2).values
    own = cosine.gather(1, target.long().unsqueeze(1))
    values = _margin_softmax(cosine, _widened(own, margin), target, scale)
    return reduce(values, reduction, dtype=embeddings.dtype)


class SubCenterArcFaceLoss(_SubCenterLoss):
    """Module form of `sub_center_arcface_loss`, which learns the sub-centers: call it with `(embeddings, target)`.

    Args:
        num_classes: number of classes.
        embedding_size: length of an embedding.
        sub_centers: number of sub-centers of each class.
        settings: `margin`, `scale`, `reduction`.
    """

    function = staticmethod(sub_center_arcface_loss)


def _cosines_to_sub_centers(
    embeddings: Tensor, target: Tensor, prototypes: Tensor, scale: float, reduction: str
) -> Tensor:
    """The cosine of each embedding to each sub-center of each class, `(N, C, K)`."""
    _check_prototypes(embeddings, target, "prototypes", prototypes, several=("K",))
    if prototypes.shape[1] == 0:
        raise ValueError(f"prototypes must hold a sub-center or more, got shape {tuple(prototypes.shape)}")
    check_positive("scale", scale)
    check_reduction(reduction)
    rows, weights = together(embeddings, prototypes)
    cosine = _products(_directions(rows), _directions(weights).flatten(0, 1))
    return cosine.unflatten(1, prototypes.shape[:2])


@gradient_of(sub_center_arcface_loss)
def _sub_center_arcface_gradient(
    embeddings: Tensor, target: Tensor, prototypes: Tensor, *, margin: float = 0.5, scale: float = 64.0
) -> Tensor:
    r""":math:`\partial\ell / \partial\hat x = \sum_j g_j \hat w_{j k}` with the :math:`g` of ArcFace and the sub-center
    :math:`k` of each class that is nearest to the embedding."""
    w = F.normalize(prototypes, dim=2)
    cosine, nearest = torch.einsum("nd,ckd->nck", F.normalize(embeddings, dim=1), w).max(2)
    chosen = w[torch.arange(len(w)), nearest]  # (N, C, D)
    g = _arcface_slopes(cosine, target, margin, scale)
    return _through_direction(embeddings, (g.unsqueeze(2) * chosen).sum(1))


@loss(
    tasks=("image classification", "object tracking", "challenges and future"),
    names=("CosFace", "large margin cosine", "AM-Softmax", "additive margin softmax", "normalized softmax", "NormFace"),
    domain={"embeddings": "embedding directions", "target": "classes", "prototypes": "class prototypes"},
    range=(0.0, float("inf")),
    properties=_MARGIN_SOFTMAX,
    cases=({"margin": 0.0, "scale": 5.0}, {"margin": 0.2, "scale": 10.0}),
    differentiable=("embeddings", "prototypes"),
    kind="module",
    chapter=3,
)
def cosface_loss(
    embeddings: Tensor,
    target: Tensor,
    prototypes: Tensor,
    *,
    margin: float = 0.35,
    scale: float = 64.0,
    reduction: str = "mean",
) -> Tensor:
    r"""CosFace loss: cross-entropy of cosines to class prototypes, the true cosine lowered by a margin.

    .. math::

        \ell = -\log \frac{e^{s (\cos \theta_y - m)}}{e^{s (\cos \theta_y - m)} + \sum_{j \ne y} e^{s \cos \theta_j}}

    With `margin=0` it is the normalized softmax.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers from 0 to `C - 1`.
        prototypes: one row for each class, `(C, D)`; the module learns them.
        margin: :math:`m`, a difference of cosines, at least 0.
        scale: :math:`s`, above 0.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by `N`.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point, a target that is not an integer.
        ValueError: shapes that do not go together, labels out of range, a negative margin, a scale that is not above 0.

    References:
        Wang et al., CosFace: large margin cosine loss for deep face recognition, 2018,
        https://arxiv.org/abs/1801.09414, equation 4.

    Example:
        >>> prototypes = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> cosface_loss(torch.tensor([[0.8, 0.6]]), torch.tensor([0]), prototypes, scale=10.0)
        tensor(1.7014)
    """
    check_positive("margin", margin, zero=True)
    cosine, own = _cosines_to_classes(embeddings, target, prototypes, scale, reduction)
    return reduce(_margin_softmax(cosine, own - margin, target, scale), reduction, dtype=embeddings.dtype)


class CosFaceLoss(_ClassLoss):
    """Module form of `cosface_loss`, which learns the prototypes: call it with `(embeddings, target)`.

    Args:
        num_classes: number of classes.
        embedding_size: length of an embedding.
        settings: `margin`, `scale`, `reduction`.
    """

    function = staticmethod(cosface_loss)


@gradient_of(cosface_loss)
def _cosface_gradient(
    embeddings: Tensor, target: Tensor, prototypes: Tensor, *, margin: float = 0.35, scale: float = 64.0
) -> Tensor:
    r""":math:`\partial\ell / \partial\hat x = s \sum_j (p_j - [j = y])\, \hat w_j`, then through the direction."""
    w = F.normalize(prototypes, dim=1)
    truth = F.one_hot(target, len(w)).to(w.dtype)
    p = (scale * (F.normalize(embeddings, dim=1) @ w.T - margin * truth)).softmax(1)
    return _through_direction(embeddings, scale * (p - truth) @ w / len(target))


@loss(
    tasks=("image classification", "object tracking", "challenges and future"),
    names=("SphereFace", "A-Softmax", "angular softmax", "multiplicative angular margin"),
    domain={"embeddings": "embedding vectors", "target": "classes", "prototypes": "class prototypes"},
    range=(0.0, float("inf")),
    properties=_BY_CLASS
    | {
        "convex": no("angles are not convex", first=[[-2.0, -1.0]], other=[[-2.0, 1.0]], target=[0],
                     prototypes=_PROTOTYPES),
        "lipschitz": up_to(8.4, "for a margin of 4: 7.4 from the true class, 1 from the others"),
        "smooth": no("the length has a kink at zero", first=[[0.0, 0.0]], target=[0], prototypes=_PROTOTYPES),
        "bounded": no("a long embedding opposite to its class",
                      first=[[-200.0, 0.0]], target=[0], prototypes=[[1.0, 0.0], [-1.0, 0.0]]),
    },
    cases=({"margin": 2}, {"margin": 3, "annealing": 5.0}),
    differentiable=("embeddings", "prototypes"),
    kind="module",
    chapter=3,
)  # fmt: skip
def sphereface_loss(
    embeddings: Tensor,
    target: Tensor,
    prototypes: Tensor,
    *,
    margin: int = 4,
    annealing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    r"""SphereFace loss: cross-entropy of projections on class prototypes, the true angle multiplied by a margin.

    .. math::

        \ell = -\log \frac{e^{\lVert x \rVert \psi(\theta_y)}}{e^{\lVert x \rVert \psi(\theta_y)} + \sum_{j \ne y}
        e^{\lVert x \rVert \cos \theta_j}}, \qquad \psi(\theta) = (-1)^k \cos(m \theta) - 2k, \quad
        k = \Big\lfloor \frac{m \theta}{\pi} \Big\rfloor

    :math:`\psi` goes on falling where :math:`\cos(m\theta)` would rise again, from 1 to :math:`1 - 2m`. Prototypes
    count by their directions, embeddings by their lengths as well. A margin of 1 is a softmax of projections. With a
    margin of 4 training hardly starts by itself: the authors mix in the plain cosine,
    :math:`(\lambda \cos\theta_y + \psi(\theta_y)) / (1 + \lambda)`, with a :math:`\lambda` that falls from 1500 to 5.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers from 0 to `C - 1`.
        prototypes: one row for each class, `(C, D)`; the module learns them.
        margin: :math:`m`, an integer of at least 1.
        annealing: weight :math:`\lambda` of the plain cosine, at least 0; an attribute of the module, to be lowered
            step by step.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by `N`.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point, a target that is not an integer.
        ValueError: shapes that do not go together, labels out of range, a margin that is not a whole number of at least
            1, a negative annealing.

    References:
        Liu, Wen, Yu, Li, Raj and Song, SphereFace: deep hypersphere embedding for face recognition, 2017,
        https://arxiv.org/abs/1704.08063, equations 6 and 7.

    Example:
        >>> prototypes = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> sphereface_loss(torch.tensor([[8.0, 6.0]]), torch.tensor([0]), prototypes)
        tensor(14.4320)
    """
    if not (margin >= 1 and margin == int(margin)):
        raise ValueError(f"margin must be a whole number of at least 1, got {margin}")
    check_positive("annealing", annealing, zero=True)
    cosine, own = _cosines_to_classes(embeddings, target, prototypes, 1.0, reduction)
    own = (annealing * own + _multiplied(own, int(margin))) / (1 + annealing)
    length = root(_squared_lengths(widen(embeddings))).unsqueeze(1)
    return reduce(_margin_softmax(cosine, own, target, length), reduction, dtype=embeddings.dtype)


class SphereFaceLoss(_ClassLoss):
    """Module form of `sphereface_loss`, which learns the prototypes: call it with `(embeddings, target)`.

    Args:
        num_classes: number of classes.
        embedding_size: length of an embedding.
        settings: `margin`, `annealing`, `reduction`.
    """

    function = staticmethod(sphereface_loss)


def _multiplied(cosine: Tensor, margin: int) -> Tensor:
    """The cosine of an angle that is multiplied, made to fall all the way from 0 to pi."""
    turns = (cosine.detach().clamp(-1, 1).acos() * (margin / math.pi)).floor().clamp_max(margin - 1)
    before, multiple = torch.ones_like(cosine), cosine  # Chebyshev's polynomials, whose slopes are finite at 0 and pi
    for _ in range(margin - 1):
        before, multiple = multiple, 2 * cosine * multiple - before
    return (1 - 2 * (turns % 2)) * multiple - 2 * turns


@gradient_of(sphereface_loss)
def _sphereface_gradient(
    embeddings: Tensor, target: Tensor, prototypes: Tensor, *, margin: int = 4, annealing: float = 0.0
) -> Tensor:
    r""":math:`\partial\ell / \partial x = (p_y - 1) \frac{\lambda \hat w_y + \psi\, \hat x + \psi' (\hat w_y - \hat x
    \cos\theta_y)}{1 + \lambda} + \sum_{j \ne y} p_j \hat w_j` with :math:`\psi' = (-1)^k m \sin(m \theta_y) / \sin
    \theta_y`, the slope along the cosine."""
    w, length = F.normalize(prototypes, dim=1), embeddings.norm(dim=1, keepdim=True)
    x, own = embeddings / length, w[target]
    cosine = (x * own).sum(1, keepdim=True)
    theta = cosine.acos()
    k = (margin * theta / math.pi).floor()
    psi = (-1) ** k * (margin * theta).cos() - 2 * k
    slope = (-1) ** k * margin * (margin * theta).sin() / theta.sin()
    truth = F.one_hot(target, len(w)).to(w.dtype)
    logits = torch.where(truth > 0, length * (annealing * cosine + psi) / (1 + annealing), embeddings @ w.T)
    p = logits.softmax(1)
    rise = (annealing * own + psi * x + slope * (own - cosine * x)) / (1 + annealing)
    return ((truth * (p - 1)).sum(1, keepdim=True) * rise + ((1 - truth) * p) @ w) / len(target)


@loss(
    tasks=("image classification", "object tracking", "challenges and future"),
    names=("center",),
    domain={"embeddings": "embedding vectors", "target": "classes", "centers": "class centers"},
    range=(0.0, float("inf")),
    properties=_BY_CLASS
    | {
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": no("the square of a distance", first=[[3000.0]], other=[[3001.0]], target=[0], centers=[[0.0]]),
        "smooth": yes,
        "bounded": no("an embedding far from its center", first=[[20.0]], target=[0], centers=[[0.0]]),
    },
    cases=(),
    differentiable=("embeddings", "centers"),
    kind="module",
    chapter=3,
)
def center_loss(embeddings: Tensor, target: Tensor, centers: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Center loss: how far embeddings lie from the center of their class.

    .. math::

        \ell = \tfrac12 \lVert x - c_y \rVert^2

    It draws a class together and pushes nothing apart, so it stands beside cross-entropy, with a small weight. The
    module learns the centers by their gradient. The paper moves them by
    :math:`\alpha \sum_i [y_i = j] (x_i - c_j) / (1 + \sum_i [y_i = j])` instead: a step that does not grow with how
    often the class occurs. Give the centers an optimizer of their own: their step should not depend on the weight of
    the loss.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers from 0 to `C - 1`.
        centers: one row for each class, `(C, D)`.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by `N` (the paper's loss is the sum).

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point, a target that is not an integer.
        ValueError: shapes that do not go together, labels out of range, an unknown reduction.

    References:
        Wen, Zhang, Li and Qiao, A discriminative feature learning approach for deep face recognition, 2016,
        https://doi.org/10.1007/978-3-319-46478-7_31, equation 2.

    Example:
        >>> center_loss(torch.tensor([[3.0, 4.0]]), torch.tensor([1]), torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor(12.5000)
    """
    _check_prototypes(embeddings, target, "centers", centers)
    check_reduction(reduction)
    rows, middle = together(embeddings, centers)
    return reduce(_squared_lengths(rows - middle[target.long()]) / 2, reduction, dtype=embeddings.dtype)


class CenterLoss(_ClassLoss):
    """Module form of `center_loss`, which learns the centers: call it with `(embeddings, target)`.

    Args:
        num_classes: number of classes.
        embedding_size: length of an embedding.
        settings: `reduction`.
    """

    function = staticmethod(center_loss)
    rows = "centers"


@gradient_of(center_loss)
def _center_gradient(embeddings: Tensor, target: Tensor, centers: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial x_i = (x_i - c_{y_i}) / N`."""
    return (embeddings - centers[target]) / len(target)


@loss(
    tasks=("image classification", "object tracking", "challenges and future"),
    names=("Proxy-NCA", "proxy neighborhood component analysis"),
    domain={"embeddings": "embedding directions", "target": "classes", "proxies": "class prototypes"},
    range=(-4.0, float("inf")),
    properties=_BY_CLASS
    | {
        "convex": no("angles are not convex", first=[[1.0, 0.0]], other=[[-1.0, 0.1]], target=[0],
                     proxies=[[0.0, -1.0], [0.0, 1.0]]),
        "lipschitz": no(_TURNS, first=[[1e-6, 0.0]], other=[[0.0, 1e-6]], target=[0], proxies=_PROTOTYPES),
        "smooth": no(_NO_DIRECTION, first=_NEARLY_ZERO, target=[0], proxies=_PROTOTYPES),
        "bounded": no("an embedding opposite to its proxy, with a large scale",
                      first=[[-1.0, 0.0]], target=[0], proxies=[[1.0, 0.0], [-1.0, 0.0]], scale=30.0),
    },
    cases=({"include_positive": True}, {"scale": 9.0}),
    differentiable=("embeddings", "proxies"),
    kind="module",
    chapter=3,
)  # fmt: skip
def proxy_nca_loss(
    embeddings: Tensor,
    target: Tensor,
    proxies: Tensor,
    *,
    scale: float = 1.0,
    include_positive: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""Proxy-NCA loss: an embedding is to be nearer to the proxy of its class than to the other proxies.

    .. math::

        \ell = -\log \frac{e^{-s\, d(x, p_y)}}{\sum_{z \ne y} e^{-s\, d(x, p_z)}}, \qquad
        d(a, b) = \lVert \hat a - \hat b \rVert^2 = 2 - 2 \cos(a, b)

    As the paper has it, the denominator leaves out the own proxy; the loss can then be negative, down to -4.
    `include_positive=True` puts it back: a softmax, never negative, as in ProxyNCA++ and pytorch-metric-learning.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers from 0 to `C - 1`.
        proxies: one row for each class, `(C, D)`, two classes at least; the module learns them.
        scale: :math:`s`, above 0; one over the temperature of ProxyNCA++, which takes 9.
        include_positive: whether the own proxy stands in the denominator as well.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by `N`.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point, a target that is not an integer.
        ValueError: shapes that do not go together, labels out of range, a single proxy, a scale that is not above 0.

    References:
        Movshovitz-Attias et al., No fuss distance metric learning using proxies, 2017,
        https://arxiv.org/abs/1703.07464. Teh, DeVries and Taylor, ProxyNCA++, 2020,
        https://arxiv.org/abs/2004.01113.

    Example:
        >>> proxies = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> proxy_nca_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), proxies)
        tensor(-2.)
    """
    _check_prototypes(embeddings, target, "proxies", proxies)
    check_positive("scale", scale)
    check_reduction(reduction)
    if proxies.shape[0] < 2:
        raise ValueError(f"proxies must hold two classes or more, got shape {tuple(proxies.shape)}")
    rows, proxies = together(embeddings, proxies)
    logits = 2 * scale * (_products(_directions(rows), _directions(proxies)) - 1)
    labels = target.long()
    if include_positive:
        values = F.cross_entropy(logits, labels, reduction="none")
    else:
        own = labels.unsqueeze(1) == torch.arange(proxies.shape[0], device=labels.device)
        values = _log_sum(logits, ~own) - logits.gather(1, labels.unsqueeze(1)).squeeze(1)
    return reduce(values, reduction, dtype=embeddings.dtype)


class ProxyNCALoss(_ClassLoss):
    """Module form of `proxy_nca_loss`, which learns the proxies: call it with `(embeddings, target)`.

    Args:
        num_classes: number of classes.
        embedding_size: length of an embedding.
        settings: `scale`, `include_positive`, `reduction`.
    """

    function = staticmethod(proxy_nca_loss)
    rows = "proxies"


@gradient_of(proxy_nca_loss)
def _proxy_nca_gradient(embeddings: Tensor, target: Tensor, proxies: Tensor, *, scale: float = 1.0) -> Tensor:
    r""":math:`\partial\ell / \partial \hat x = 2 s \big( \sum_{z \ne y} q_z \hat p_z - \hat p_y \big)` with :math:`q`
    the softmax over the other proxies, then through the direction."""
    p = F.normalize(proxies, dim=1)
    truth = F.one_hot(target, len(p)).bool()
    q = (2 * scale * F.normalize(embeddings, dim=1) @ p.T).masked_fill(truth, -math.inf).softmax(1)
    return _through_direction(embeddings, 2 * scale * (q @ p - p[target]) / len(target))


@loss(
    tasks=("image classification", "object tracking", "challenges and future"),
    names=("Proxy-Anchor",),
    domain={"embeddings": "embedding directions of a batch", "target": "classes of a batch",
            "proxies": "class prototypes"},
    range=(0.0, float("inf")),
    properties=_BY_CLASS
    | {
        "convex": no("angles are not convex", first=[[1.0, 0.0]], other=[[-1.0, 0.1]], target=[0],
                     proxies=[[0.0, -1.0], [0.0, 1.0]]),
        "lipschitz": no(_TURNS, first=[[1e-6, 0.0]], other=[[0.0, 1e-6]], target=[0], proxies=_PROTOTYPES),
        "smooth": no(_NO_DIRECTION, first=[[0.0, 0.0]], target=[0], proxies=_PROTOTYPES),
        "bounded": no("an embedding opposite to its proxy, with a large scale", first=[[-1.0, 0.0]], target=[0],
                      proxies=[[1.0, 0.0], [-1.0, 0.0]], alpha=100.0),
    },
    cases=({"margin": 0.3, "alpha": 8.0},),
    differentiable=("embeddings", "proxies"),
    couples="each proxy sees all examples of the batch at once",
    kind="module",
    chapter=3,
)  # fmt: skip
def proxy_anchor_loss(
    embeddings: Tensor,
    target: Tensor,
    proxies: Tensor,
    *,
    margin: float = 0.1,
    alpha: float = 32.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Proxy-Anchor loss: each proxy draws the hardest examples of its class and repels the nearest others.

    .. math::

        \mathcal L = \frac{1}{|P_+|} \sum_{p \in P_+} \log\Big(1 + \sum_{x: y = p} e^{-\alpha (s(x, p) - m)}\Big)
            + \frac{1}{C} \sum_{p} \log\Big(1 + \sum_{x: y \ne p} e^{\alpha (s(x, p) + m)}\Big)

    with :math:`s = \cos` and :math:`P_+` the classes that occur in the batch.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers from 0 to `C - 1`.
        proxies: one row for each class, `(C, D)`; the module learns them.
        margin: :math:`m`.
        alpha: scale :math:`\alpha`, above 0.
        reduction: `"none"` gives what each proxy costs, `(C,)`, its first term times :math:`C / |P_+|`; `"mean"`
            divides by `C`, which gives the loss above.

    Returns:
        The loss: a scalar, or `(C,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point, a target that is not an integer.
        ValueError: shapes that do not go together, labels out of range, an alpha that is not above 0.

    References:
        Kim, Kim, Cho and Kwak, Proxy anchor loss for deep metric learning, 2020, https://arxiv.org/abs/2003.13911,
        equation 4.

    Example:
        >>> proxies = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> proxy_anchor_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), proxies)
        tensor(1.6200)
    """
    _check_prototypes(embeddings, target, "proxies", proxies)
    check_positive("alpha", alpha)
    check_reduction(reduction)
    rows, proxies = together(embeddings, proxies)
    classes = proxies.shape[0]
    cosine = _products(_directions(proxies), _directions(rows))  # a row for each proxy
    own = torch.arange(classes, device=target.device).unsqueeze(1) == target
    if rows.shape[0] == 0:
        return reduce(cosine.sum(1), reduction, dtype=embeddings.dtype)
    present = own.any(1).sum()
    near = _softplus(_log_sum(-alpha * (cosine - margin), own)) * (classes / present)
    far = _softplus(_log_sum(alpha * (cosine + margin), ~own))
    return reduce(near + far, reduction, dtype=embeddings.dtype)


class ProxyAnchorLoss(_ClassLoss):
    """Module form of `proxy_anchor_loss`, which learns the proxies: call it with `(embeddings, target)`.

    Args:
        num_classes: number of classes.
        embedding_size: length of an embedding.
        settings: `margin`, `alpha`, `reduction`.
    """

    function = staticmethod(proxy_anchor_loss)
    rows = "proxies"


@gradient_of(proxy_anchor_loss)
def _proxy_anchor_gradient(
    embeddings: Tensor, target: Tensor, proxies: Tensor, *, margin: float = 0.1, alpha: float = 32.0
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial s(x, p) = \frac{\alpha}{C} \frac{e_n}{1 + \sum e_n}` for other proxies and
    :math:`-\frac{\alpha}{|P_+|} \frac{e_p}{1 + \sum e_p}` for the own one, sums over the batch."""
    p = F.normalize(proxies, dim=1)
    s = F.normalize(embeddings, dim=1) @ p.T
    own = F.one_hot(target, len(p)).to(s.dtype)
    near, far = own * (-alpha * (s - margin)).exp(), (1 - own) * (alpha * (s + margin)).exp()
    present = (own.sum(0) > 0).sum()
    g = alpha * (far / (1 + far.sum(0)) / len(p) - near / (1 + near.sum(0)) / present)
    return _through_direction(embeddings, g @ p)


@loss(
    tasks=("image classification", "object tracking", "challenges and future"),
    names=("SoftTriple",),
    domain={"embeddings": "embedding directions", "target": "classes", "prototypes": "sub-centers of classes"},
    range=(0.0, float("inf")),
    properties=_BY_CLASS
    | {
        "convex": no("angles are not convex", first=[[1.0, 0.0]], other=[[-1.0, 0.1]], target=[1],
                     prototypes=[[[0.0, 1.0]], [[0.0, -1.0]]]),
        "lipschitz": no(_TURNS, first=[[1e-6, 0.0]], other=[[0.0, 1e-6]], target=[0], prototypes=_SUB_CENTERS),
        "smooth": no(_NO_DIRECTION, first=[[0.0, 0.0]], target=[0], prototypes=_SUB_CENTERS),
        "bounded": no("an embedding opposite to its class, with a large scale", first=[[-1.0, 0.0]], target=[0],
                      prototypes=[[[1.0, 0.0]], [[-1.0, 0.0]]], scale=100.0),
    },
    cases=({"scale": 5.0, "gamma": 0.5, "margin": 0.3}, {"regularization": 0.0}),
    differentiable=("embeddings", "prototypes"),
    kind="module",
    chapter=3,
)  # fmt: skip
def soft_triple_loss(
    embeddings: Tensor,
    target: Tensor,
    prototypes: Tensor,
    *,
    scale: float = 20.0,
    gamma: float = 0.1,
    margin: float = 0.01,
    regularization: float = 0.2,
    reduction: str = "mean",
) -> Tensor:
    r"""SoftTriple loss: cross-entropy of cosines to classes that have several centers, which are weighed softly.

    .. math::

        \ell = -\log \frac{e^{\lambda (S_y - \delta)}}{e^{\lambda (S_y - \delta)} + \sum_{j \ne y} e^{\lambda S_j}}
            + \frac{\tau}{C K (K - 1)} \sum_{j} \sum_{k < l} \lVert \hat w_{jk} - \hat w_{jl} \rVert, \qquad
        S_j = \sum_k \frac{e^{c_{jk} / \gamma}}{\sum_l e^{c_{jl} / \gamma}}\, c_{jk}

    with :math:`c_{jk} = \cos(x, w_{jk})`. It acts like triplets of an example and two centers, of which there are few
    enough to take all. The last term draws the centers of a class together, so that those that are not needed merge;
    it is part of the loss of every example, and its gradient does not reach the embeddings.

    Args:
        embeddings: `(N, D)`.
        target: class of each embedding, `(N,)` integers from 0 to `C - 1`.
        prototypes: `K` centers for each class, `(C, K, D)`; the module learns them, the paper has ten.
        scale: :math:`\lambda`, above 0.
        gamma: :math:`\gamma`, how softly a center is chosen, above 0.
        margin: :math:`\delta`, a difference of cosines, at least 0.
        regularization: weight :math:`\tau` of the distances between centers, at least 0.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by `N`.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: embeddings that are not floating-point, a target that is not an integer.
        ValueError: shapes that do not go together, labels out of range, no center, a scale or gamma that is not above
            0, a negative margin or regularization.

    References:
        Qian, Shang, Sun, Hu, Li and Jin, SoftTriple loss: deep metric learning without triplet sampling, 2019,
        https://arxiv.org/abs/1909.05235.

    Example:
        >>> centers = torch.tensor([[[1.0, 0.0], [0.8, 0.6]], [[0.0, 1.0], [-0.6, 0.8]]])
        >>> soft_triple_loss(torch.tensor([[0.6, 0.8]]), torch.tensor([0]), centers)
        tensor(0.1186)
    """
    check_positive("gamma", gamma)
    check_positive("margin", margin, zero=True)
    check_positive("regularization", regularization, zero=True)
    cosine = _cosines_to_sub_centers(embeddings, target, prototypes, scale, reduction)
    similarity = ((cosine / gamma).softmax(2) * cosine).sum(2)
    own = similarity.gather(1, target.long().unsqueeze(1))
    values = _margin_softmax(similarity, own - margin, target, scale)
    if regularization and prototypes.shape[1] > 1:
        values = values + regularization * _mean_spread(prototypes.to(values.dtype))
    return reduce(values, reduction, dtype=embeddings.dtype)


class SoftTripleLoss(_SubCenterLoss):
    """Module form of `soft_triple_loss`, which learns the centers: call it with `(embeddings, target)`.

    Args:
        num_classes: number of classes.
        embedding_size: length of an embedding.
        sub_centers: number of centers of each class.
        settings: `scale`, `gamma`, `margin`, `regularization`, `reduction`.
    """

    function = staticmethod(soft_triple_loss)

    def __init__(self, num_classes: int, embedding_size: int, sub_centers: int = 10, **settings: Any) -> None:
        super().__init__(num_classes, embedding_size, sub_centers, **settings)


def _mean_spread(prototypes: Tensor) -> Tensor:
    """Half the mean distance between two sub-centers of a class, as directions. Where two are one, the slope is 0."""
    directions = _directions(prototypes)
    square = 2 - 2 * _products(directions, directions)
    square = torch.where(square <= 16 * torch.finfo(square.dtype).eps, 0.0, square)  # below, it is rounding
    classes, number = prototypes.shape[:2]
    return root(square).sum() / (2 * classes * number * (number - 1))


@gradient_of(soft_triple_loss)
def _soft_triple_gradient(
    embeddings: Tensor,
    target: Tensor,
    prototypes: Tensor,
    *,
    scale: float = 20.0,
    gamma: float = 0.1,
    margin: float = 0.01,
) -> Tensor:
    r""":math:`\partial\ell / \partial S_j = \lambda (p_j - [j = y])` and :math:`\partial S_j / \partial c_{jk} = q_{jk}
    \big( 1 + (c_{jk} - S_j) / \gamma \big)` with the softmax :math:`q` over the centers of a class;
    :math:`\partial\ell / \partial\hat x = \sum_{jk} g_{jk} \hat w_{jk}`."""
    w = F.normalize(prototypes, dim=2)
    cosine = torch.einsum("nd,ckd->nck", F.normalize(embeddings, dim=1), w)
    q = (cosine / gamma).softmax(2)
    similarity = (q * cosine).sum(2, keepdim=True)
    truth = F.one_hot(target, len(w)).to(w.dtype)
    p = (scale * (similarity.squeeze(2) - margin * truth)).softmax(1)
    g = scale * (p - truth).unsqueeze(2) * q * (1 + (cosine - similarity) / gamma) / len(target)
    return _through_direction(embeddings, torch.einsum("nck,ckd->nd", g, w))


# --- large batches in little memory -----------------------------------------------------------------------------------


@loss(
    tasks=("image classification", "text-to-image", "challenges and future"),
    names=("GradCache", "cached InfoNCE", "gradient caching"),
    domain={
        "encoder": "a model",
        "queries": "inputs of the model, numbers or tokens",
        "keys": "inputs of the model, numbers or tokens",
    },
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": not_applicable("the first argument is a model"),
        "convex": not_applicable("the first argument is a model"),
        "lipschitz": not_applicable("the first argument is a model"),
        "smooth": not_applicable("it is as smooth as the model"),
        "bounded": not_applicable("see info_nce_loss"),
        "symmetric": not_applicable("the first argument is a model"),
        "proper": _NO_PROBABILITY,
        "scale_invariant": not_applicable("the first argument is a model"),
        "permutation_invariant": not_applicable("see info_nce_loss"),
    },
    couples=_COUPLED,
    cases=({"chunk_size": 2}, {"symmetric": True, "temperature": 0.5}),
    kind="objective",
    without_gradient="it is the gradient of info_nce_loss, passed on through the model chunk by chunk",
    chapter=17,
)
def cached_info_nce_loss(
    encoder: Callable[[Tensor], Tensor],
    queries: Tensor,
    keys: Tensor,
    *,
    key_encoder: Callable[[Tensor], Tensor] | None = None,
    chunk_size: int = 32,
    temperature: float = 0.1,
    symmetric: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""Cached InfoNCE loss: the InfoNCE of a large batch, whose encoder never sees more than a chunk at a time.

    .. math::

        \frac{\partial\mathcal L}{\partial\theta}
            = \sum_{\text{chunks } S} \sum_{i \in S} \frac{\partial\mathcal L}{\partial z_i}
              \frac{\partial z_i}{\partial\theta}, \qquad z_i = f_\theta(x_i)

    The number of negatives grows with the batch, and so does the memory of the encoder's activations. Accumulating
    gradients of small batches does not help: it has few negatives. Here the batch is encoded in chunks whose
    activations are thrown away, the loss of all embeddings gives :math:`\partial\mathcal L / \partial z`, and each
    chunk is encoded once more for its share of the gradient. Value and gradient are those of :func:`info_nce_loss`;
    memory is that of one chunk and of the embeddings; time that of one more forward pass. Random numbers (dropout) are
    drawn alike both times. Batch normalization sees chunks instead of the batch, and counts each twice in its running
    statistics.

    Args:
        encoder: maps `(n, *)` to embeddings `(n, D)`, each row by itself.
        queries: inputs of the encoder, `(N, *)`.
        keys: the key of each query, `(N, *)`.
        key_encoder: the encoder of the keys; the same one where it is `None`.
        chunk_size: how many inputs are encoded at a time, above 0.
        temperature: as in :func:`info_nce_loss`.
        symmetric: as in :func:`info_nce_loss`.
        reduction: as in :func:`info_nce_loss`.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. Call `backward()` on it as on any loss.

    Raises:
        TypeError: an encoder that cannot be called, inputs that are no tensors.
        ValueError: different numbers of queries and keys, a chunk size that is not above 0.

    References:
        Gao, Zhang, Han and Callan, Scaling deep contrastive learning batch size under memory limited setup, 2021,
        https://arxiv.org/abs/2101.06983.

    Example:
        >>> encoder = torch.nn.Identity()
        >>> queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> cached_info_nce_loss(encoder, queries, queries, chunk_size=1, temperature=1.0)
        tensor(0.3133)
    """
    for name, model in (("encoder", encoder), ("key_encoder", key_encoder)):
        if model is not None and not callable(model):
            raise TypeError(f"{name} must be a model, got {type(model).__name__}")
    check_tensors(queries=queries, keys=keys)
    check_positive("chunk_size", chunk_size)
    if queries.dim() == 0 or queries.shape[:1] != keys.shape[:1]:
        raise ValueError(f"keys must have as many rows as queries, {tuple(queries.shape)}, got {tuple(keys.shape)}")
    embeddings = _in_chunks(encoder, queries, chunk_size)
    others = _in_chunks(encoder if key_encoder is None else key_encoder, keys, chunk_size)
    return info_nce_loss(embeddings, others, temperature=temperature, symmetric=symmetric, reduction=reduction)


CachedInfoNCELoss = as_module("CachedInfoNCELoss", cached_info_nce_loss)


def _in_chunks(encoder: Callable[[Tensor], Tensor], inputs: Tensor, chunk_size: int) -> Tensor:
    """Embeddings of all inputs; the activations of a chunk live again only while its gradient is formed."""
    return torch.cat([checkpoint(encoder, chunk, use_reentrant=False) for chunk in inputs.split(chunk_size)])
