"""Losses for what moves: score maps, gating distances, trajectories, optical flow.

A score map `(N, *)` says where in the search area the target is. A flow `(N, 2, H, W)` says for each pixel how far to
the right and how far down, in pixels, its counterpart lies in another frame; `warp` follows it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._module import as_module
from ._reduction import reduce, together, widen
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
    check_spread,
    check_tensors,
    check_weight,
    hidden,
    known,
    weighted_entries,
)

__all__ = [
    "CrossCorrelationLoss",
    "DiMPLoss",
    "EndPointErrorLoss",
    "FlowConsistencyLoss",
    "MahalanobisLoss",
    "MotionConsistencyLoss",
    "MotionLoss",
    "ReIDLoss",
    "SequenceLoss",
    "TemporalConsistencyLoss",
    "cross_correlation",
    "cross_correlation_loss",
    "dimp_loss",
    "end_point_error_loss",
    "flow_consistency_loss",
    "mahalanobis_loss",
    "motion_consistency_loss",
    "motion_loss",
    "reid_loss",
    "sequence_loss",
    "temporal_consistency_loss",
    "warp",
]

_DISTANCES = ("l1", "l2", "charbonnier")
_EPS = 1e-3
_NO_TARGET = not_applicable("there is no target")


def _sizes(difference: Tensor, distance: str) -> Tensor:
    """The size of each entry of a difference; zero at zero, Charbonnier's too."""
    if distance == "l1":
        return difference.abs()
    squares = difference.square()
    return squares if distance == "l2" else squares / (torch.sqrt(squares + _EPS**2) + _EPS)


# --- score maps -------------------------------------------------------------------------------------------------------


def cross_correlation(template: Tensor, search: Tensor, *, per_channel: bool = False) -> Tensor:
    r"""The score map of a Siamese tracker: how much each place of the search area looks like the template.

    .. math::

        s_{uv} = \sum_{c,i,j} z_{cij}\, x_{c,\,u+i,\,v+j}

    Args:
        template: features of the target, `(N, C, h, w)`.
        search: features of the search area, `(N, C, H, W)`, not smaller than the template.
        per_channel: leaves the sum over the channels away (SiamRPN++).

    Returns:
        `(N, 1, H - h + 1, W - w + 1)`, or `(N, C, ...)` with `per_channel`.

    Raises:
        TypeError: features that are not floating-point.
        ValueError: batches or channels that differ, a template larger than the search area.

    Example:
        >>> search = torch.zeros(1, 1, 1, 5)
        >>> search[..., 3] = 1.0
        >>> cross_correlation(torch.ones(1, 1, 1, 1), search)
        tensor([[[[0., 0., 0., 1., 0.]]]])
    """
    check_tensors(template=template, search=search)
    check_floating("template", template)
    check_layout("template", template, "N", "C", "h", "w")
    check_layout("search", search, *template.shape[:2], "H", "W")
    rows, columns = (have - want + 1 for have, want in zip(search.shape[2:], template.shape[2:], strict=True))
    if rows < 1 or columns < 1:
        raise ValueError(f"search must not be smaller than template, {tuple(template.shape[2:])}, got "
                         f"{tuple(search.shape[2:])}")  # fmt: skip
    batch, channels = search.shape[:2]
    if not batch:
        return search.new_zeros((0, channels if per_channel else 1, rows, columns))
    kernels = template.flatten(0, 1).unsqueeze(1) if per_channel else template
    scores = F.conv2d(search.reshape(1, batch * channels, *search.shape[2:]), kernels, groups=len(kernels))
    return scores.reshape(batch, -1, rows, columns)


@loss(
    tasks=("object tracking",),
    names=("cross-correlation", "logistic regression", "SiamFC loss", "logistic loss on the score map"),
    domain={"logits": "logits", "target": "mask"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(1.0),
        "smooth": yes,
        "bounded": no("a confident mistake costs as much as its score", first=[[200.0, -200.0]], target=[[0, 1]]),
        "symmetric": not_applicable("the prediction is a score, the target a label"),
        "proper": no("the few positive places count as much as all others", target=[[1, 0, 0, 0, 0, 1, 1, 0, 0, 0]]),
        "scale_invariant": not_applicable("the prediction is a score, the target a label"),
        "permutation_invariant": yes,
    },
    cases=({"balance": False},),
    unit="the number of score maps",
    chapter=7,
)
def cross_correlation_loss(logits: Tensor, target: Tensor, *, balance: bool = True, reduction: str = "mean") -> Tensor:
    r"""Cross-correlation loss (SiamFC): logistic loss on a score map, in which target and surroundings weigh alike.

    .. math::

        \ell = \sum_u w_u \log \big( 1 + e^{-y_u s_u} \big), \qquad y_u \in \{-1, 1\}, \quad
        w_u = \frac{1}{2\, |\{v : y_v = y_u\}|}

    The scores are those of :func:`cross_correlation`. The target holds 1 for places within a radius of the true one and
    0 elsewhere (:math:`y = -1` in the formula), or numbers between them (a Gaussian peak), which divide a place between
    both. Where one kind of place is missing the other has all the weight. Without the balance it is logistic regression
    on the score map.

    Args:
        logits: score maps, `(N, *)`.
        target: the true places, the same shape: booleans, 0 and 1, or numbers between them. A gradient in the target
            takes the weights as fixed.
        balance: whether positive and negative places of a map weigh one half each; else every place weighs alike.
        reduction: `"none"` gives the weighted losses in the shape of the scores, whose sum over a map is the loss
            above (the mean of the map without `balance`); `"mean"` is the mean over the maps.

    Returns:
        The loss in nats: a scalar, or the shape of the scores for `reduction="none"`.

    Raises:
        TypeError: scores that are not floating-point.
        ValueError: shapes that differ, a target outside [0, 1], an unknown reduction.

    References:
        Bertinetto, Valmadre, Henriques, Vedaldi and Torr, Fully-convolutional Siamese networks for object tracking,
        2016, https://arxiv.org/abs/1606.09549.

    Example:
        >>> scores, target = torch.tensor([[2.0, -1.0, -1.0, -1.0]]), torch.tensor([[1, 0, 0, 0]])
        >>> cross_correlation_loss(scores, target)
        tensor(0.2201)
    """
    check_tensors(logits=logits, target=target)
    check_floating("logits", logits)
    check_layout("logits", logits, "N", "*")
    check_same_shape("target", target, "logits", logits)
    check_probabilities("target", target)
    check_reduction(reduction)
    scores = widen(logits)
    truth = target.to(scores.dtype)
    places = math.prod(truth.shape[1:])
    weight = ratio = None
    if balance:
        positive, weight = _shares(truth.detach())
        ratio = positive / weight
    values = F.binary_cross_entropy_with_logits(scores, truth, weight, reduction="none", pos_weight=ratio)
    if reduction != "none":
        values = values.reshape(len(values), places).sum(1)
    if not balance:
        values = values / places
    return reduce(values, reduction, dtype=logits.dtype)


CrossCorrelationLoss = as_module("CrossCorrelationLoss", cross_correlation_loss)


def _shares(truth: Tensor) -> tuple[Tensor, Tensor]:
    """What a positive and what a negative place of each map weighs, for places to be multiplied with."""
    places = math.prod(truth.shape[1:])
    positives = truth.reshape(len(truth), places).sum(1)
    counts = positives, places - positives
    kinds = sum((count > 0).to(truth.dtype) for count in counts)
    shape = (-1, *[1] * (truth.dim() - 1))
    positive, negative = ((1 / (kinds * torch.where(count > 0, count, 1.0))).reshape(shape) for count in counts)
    return positive, negative


@gradient_of(cross_correlation_loss)
def _cross_correlation_gradient(logits: Tensor, target: Tensor, *, balance: bool = True) -> Tensor:
    r""":math:`\partial\mathcal L / \partial s_u = -\frac{1}{N} w_u\, y_u\, \sigma(-y_u s_u)`: only places on the wrong
    side, or close to it, pull.
    """
    truth = target.to(logits.dtype)
    positive, negative = _shares(truth) if balance else 2 * (1 / math.prod(truth.shape[1:]),)
    return (negative * (1 - truth) * logits.sigmoid() - positive * truth * (-logits).sigmoid()) / len(logits)


@loss(
    tasks=("object tracking",),
    names=("DiMP", "logistic regression", "hinge-residual least squares"),
    domain={"scores": "score maps", "target": "confidence maps"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": no("it grows as a square", first=[[1e6]], other=[[1e6 + 1]], target=[[1.0]]),
        "smooth": yes,
        "bounded": no("it grows with the error", first=[[1000.0]], target=[[1.0]]),
        "symmetric": no("low scores are free in the background", first=[[-1.0]], target=[[1.0]]),
        "proper": not_applicable("the prediction is a score that is fitted, not a probability"),
        "scale_invariant": no("it scales with the square of the unit", first=[[1.0]], target=[[0.0]]),
        "permutation_invariant": yes,
    },
    cases=({"mask": (0.3,)}, {"weight": (0.5,)}, {"threshold": 0.3}),
    chapter=7,
)
def dimp_loss(
    scores: Tensor,
    target: Tensor,
    *,
    mask: Tensor | None = None,
    weight: Tensor | None = None,
    threshold: float = 0.05,
    reduction: str = "mean",
) -> Tensor:
    r"""DiMP loss: squared error of the score near the target, and of positive scores alone in the background.

    .. math::

        \mathcal L = \frac{\sum_u v_u^2 r_u^2}{\sum_u v_u^2}, \qquad
        r = m\, s + (1 - m) \max(0, s) - y

    A tracker needs high scores on the target; how far below zero the others lie does not matter, so they get a hinge.
    The review writes "logistic regression" for DiMP; the paper fits least squares. For the logistic loss on a score map
    see :func:`cross_correlation_loss`. Without a mask it is the paper's loss for training the tracker: :math:`m = 1`
    where the target is above the threshold; elsewhere :math:`m = 0` and the target counts as 0. In the paper's inner
    optimization target, mask and weight are learned functions of the distance to the target; a regularizer
    :math:`\|\lambda f\|^2` of the filter is added.

    Args:
        scores: confidence scores, `(N, *)`.
        target: the desired scores :math:`y`, the same shape: a Gaussian peak of height 1, say.
        mask: :math:`m` in [0, 1], broadcast to the shape of the scores; the target is then taken as it is.
        weight: :math:`v`, broadcast to the shape of the scores; it enters as its square. Where it is 0 there may be
            NaN.
        threshold: what separates target and background where no mask is given.
        reduction: `"none"` gives the weighted squares in the shape of the scores; `"mean"` divides by the sum of the
            squared weights.

    Returns:
        The loss: a scalar, or the shape of the scores for `reduction="none"`.

    Raises:
        TypeError: scores that are not floating-point.
        ValueError: shapes that differ, a mask outside [0, 1], an unknown reduction.

    References:
        Bhat, Danelljan, Van Gool and Timofte, Learning discriminative model prediction for tracking, 2019,
        https://arxiv.org/abs/1904.07220.

    Example:
        >>> dimp_loss(torch.tensor([[0.5, -3.0, 0.2]]), torch.tensor([[1.0, 0.0, 0.0]]), reduction="none")
        tensor([[0.2500, 0.0000, 0.0400]])
    """
    check_tensors(scores=scores, target=target, mask=mask, weight=weight)
    check_floating("scores", scores)
    check_same_shape("target", target, "scores", scores)
    check_reduction(reduction)
    if weight is not None:
        check_spread("weight", weight, scores.shape, "scores")
    s, y = hidden(weighted_entries(weight), *together(scores, target))
    if mask is None:
        near = (y.detach() - threshold).relu().sign()
        residual = torch.lerp(s.relu(), s, near) - near * y
    else:
        check_probabilities("mask", mask)
        residual = torch.lerp(s.relu(), s, mask.to(s.dtype).expand_as(s)) - y
    if weight is None:
        return reduce(residual.square(), reduction, dtype=scores.dtype)
    squares = weight.to(s.dtype).square()
    return reduce(squares * residual.square(), reduction, squares, scores.dtype)


DiMPLoss = as_module("DiMPLoss", dimp_loss)


@gradient_of(dimp_loss)
def _dimp_gradient(scores: Tensor, target: Tensor, *, threshold: float = 0.05) -> Tensor:
    r""":math:`\partial\mathcal L / \partial s = \frac{2}{M} \big( m + (1 - m)\, [s > 0] \big)\, r` for :math:`M`
    places of weight one.
    """
    near = target > threshold
    return 2 * torch.where(near, scores - target, scores.clamp_min(0)) / scores.numel()


# --- association ------------------------------------------------------------------------------------------------------


@loss(
    tasks=("object tracking",),
    names=("Mahalanobis", "Mahalanobis distance"),
    domain={"prediction": "states", "target": "states", "covariance": "covariances"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": no("it grows as a square", first=[[1e6]], other=[[1e6 + 1]], target=[[0.0]], covariance=[[[1.0]]]),
        "smooth": yes,
        "bounded": no("it grows with the distance", first=[[1000.0]], target=[[0.0]], covariance=[[[1.0]]]),
        "symmetric": yes,
        "proper": not_applicable("the prediction is a state, not a probability"),
        "scale_invariant": no("the covariance has a unit, too", first=[[1.0]], target=[[0.0]], covariance=[[[1.0]]]),
        "permutation_invariant": yes,
    },
    cases=({"log_determinant": True},),
    differentiable=("prediction", "target", "covariance"),
    chapter=7,
)
def mahalanobis_loss(
    prediction: Tensor,
    target: Tensor,
    covariance: Tensor,
    *,
    log_determinant: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""Mahalanobis loss: squared distance of a measured from a predicted state, in units of its uncertainty.

    .. math::

        \ell = (y - \hat y)^{\top} S^{-1} (y - \hat y)

    It is the square of the Mahalanobis distance (of `scipy.spatial.distance.mahalanobis`), what Deep SORT gates
    detections with: under the model it follows a chi-squared distribution with `D` degrees of freedom. A learned
    covariance would grow without end: `log_determinant` adds what holds it, and gives the Gaussian negative
    log-likelihood. :math:`S^{-1}` is never formed; the Cholesky factor of :math:`S` is solved with.

    Args:
        prediction: predicted states, `(N, D)`.
        target: measured states, the same shape.
        covariance: symmetric positive definite, `(N, D, D)` or one for all, `(D, D)`. Its symmetric part counts.
        log_determinant: the loss is :math:`\frac{1}{2} (\ell + \log \det S + D \log 2 \pi)` instead.
        reduction: `"none"` gives `(N,)`, one number per state; `"mean"` is their mean.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: states that are not floating-point.
        ValueError: shapes that do not go together, a covariance that is not positive definite (on the CPU, in eager
            mode), an unknown reduction.

    References:
        Mahalanobis, On the generalized distance in statistics, 1936, reprinted 2018,
        https://doi.org/10.1007/s13171-019-00164-5; tracking: Wojke, Bewley and Paulus, Deep SORT, 2017,
        https://arxiv.org/abs/1703.07402, equation 1.

    Example:
        >>> covariance = torch.tensor([[4.0, 0.0], [0.0, 1.0]])
        >>> mahalanobis_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 1.0]]), covariance)
        tensor(2.)
    """
    check_tensors(prediction=prediction, target=target, covariance=covariance)
    check_floating("prediction", prediction)
    check_floating("covariance", covariance)
    check_layout("prediction", prediction, "N", "D")
    check_same_shape("target", target, "prediction", prediction)
    count, size = prediction.shape
    if covariance.shape not in ((count, size, size), (size, size)):
        raise ValueError(
            f"covariance must have shape ({count}, {size}, {size}) or ({size}, {size}), got {tuple(covariance.shape)}"
        )
    check_reduction(reduction)
    mean, state, spread = together(prediction, target, covariance)
    factor, failed = torch.linalg.cholesky_ex((spread + spread.mT) / 2)
    if known(failed, lambda: (failed == 0).all()) is False:
        raise ValueError("covariance must be positive definite")
    if spread.dim() == 2:  # one system with a right side for each state
        values = torch.linalg.solve_triangular(factor, (state - mean).mT, upper=False).square().sum(0)
    else:
        whitened = torch.linalg.solve_triangular(factor, (state - mean).unsqueeze(2), upper=False)
        values = whitened.square().sum((1, 2))
    if log_determinant:
        half_log = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        values = values / 2 + half_log + size * math.log(2 * math.pi) / 2
    return reduce(values, reduction, dtype=prediction.dtype)


MahalanobisLoss = as_module("MahalanobisLoss", mahalanobis_loss)


@gradient_of(mahalanobis_loss)
def _mahalanobis_gradient(
    prediction: Tensor, target: Tensor, covariance: Tensor, *, log_determinant: bool = False
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \frac{2}{N} S^{-1} (\hat y - y)`; half of it for the
    log-likelihood.
    """
    pull = torch.linalg.solve(covariance, (prediction - target).unsqueeze(2)).squeeze(2)
    return (1 if log_determinant else 2) * pull / len(prediction)


_CERTAIN = 0.1985  # the entropy of the smoothed label of one identity out of two, in nats


@loss(
    tasks=("object tracking",),
    names=("re-identification", "re-ID", "bag of tricks"),
    domain={"logits": "identity scores", "embeddings": "appearances", "target": "identities"},
    range=(_CERTAIN, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(2.0),
        "smooth": yes,
        "bounded": no("a confident mistake costs as much as its logit", first=[[-200.0, 200.0]], embeddings=[[0.0]],
                      target=[0]),
        "symmetric": not_applicable("the prediction is a logit, the target a label"),
        "proper": no("smoothed labels favor an answer that is less sure", first=[[math.log(0.75), math.log(0.25)]] * 4,
                     other=[[math.log(0.725), math.log(0.275)]] * 4, embeddings=[[0.0]] * 4, target=[0, 0, 0, 1]),
        "scale_invariant": not_applicable("the prediction is a logit, the target a label"),
        "permutation_invariant": yes,
    },
    cases=({"margin": None}, {"label_smoothing": 0.0, "triplet_weight": 0.5},
           {"centers": ((0.1,), (1.0,), (-1.0,)), "center_weight": 0.1}),
    differentiable=("logits", "embeddings"),
    couples="the hardest positive and negative are sought in the batch",
    kind="module",
    chapter=7,
)  # fmt: skip
def reid_loss(
    logits: Tensor,
    embeddings: Tensor,
    target: Tensor,
    *,
    centers: Tensor | None = None,
    label_smoothing: float = 0.1,
    margin: float | None = 0.3,
    triplet_weight: float = 1.0,
    center_weight: float = 5e-4,
    reduction: str = "mean",
) -> Tensor:
    r"""Re-identification loss: who is it, by classification and by the distance to the same and to other identities.

    .. math::

        \ell_i = \mathrm{CE}_{\epsilon}(z_i, y_i)
               + \lambda \big[ \max_{y_p = y_i} d_{ip} - \min_{y_n \ne y_i} d_{in} + m \big]_+
               + \tfrac{\beta}{2} \| f_i - c_{y_i} \|^2

    :math:`d` is the Euclidean distance of embeddings. The sum is the "bag of tricks"; FairMOT, to which the review
    assigns a "re-identification loss", uses the first term alone (`triplet_weight=0`), on the embedding at the center
    of each object. An example without another of its identity, or without one of another, has no triplet and only the
    other terms; the gradient between identical embeddings is zero.

    Args:
        logits: scores of the identities seen in training, `(N, K)`.
        embeddings: appearance features, `(N, D)`.
        target: identities, `(N,)` integers.
        centers: :math:`c`, `(K, D)`; without them there is no third term. `ReIDLoss(K, D)` learns them.
        label_smoothing: :math:`\epsilon`, the share of the label that is spread over all identities.
        margin: :math:`m`; `None` for the soft margin :math:`\log(1 + e^{x})` (Hermans et al.).
        triplet_weight: :math:`\lambda`.
        center_weight: :math:`\beta`.
        reduction: `"none"` gives `(N,)`, one number per example; `"mean"` is their mean.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`, in the dtype of the logits.

    Raises:
        TypeError: scores or embeddings that are not floating-point, labels that are no integers.
        ValueError: shapes that do not go together, labels out of range, a weight out of range.

    References:
        Luo, Gu, Liao, Lai and Jiang, Bag of tricks and a strong baseline for deep person re-identification, 2019,
        https://arxiv.org/abs/1903.07071; the hardest triplet: Hermans, Beyer and Leibe, 2017,
        https://arxiv.org/abs/1703.07737; Zhang et al., FairMOT, 2021, https://arxiv.org/abs/2004.01888.

    Example:
        >>> logits, embeddings = torch.zeros(4, 2), torch.tensor([[0.0], [1.0], [0.5], [2.0]])
        >>> reid_loss(logits, embeddings, torch.tensor([0, 0, 1, 1]))
        tensor(1.6181)
    """
    check_tensors(logits=logits, embeddings=embeddings, target=target, centers=centers)
    check_floating("logits", logits)
    check_floating("embeddings", embeddings)
    check_layout("logits", logits, "N", "K")
    check_layout("embeddings", embeddings, len(logits), "D")
    if not embeddings.shape[1]:
        raise ValueError(f"embeddings must have shape (N, D) with D above 0, got {tuple(embeddings.shape)}")
    check_labels(target, logits.shape, "logits", None)
    check_fraction("label_smoothing", label_smoothing)
    check_positive("triplet_weight", triplet_weight, zero=True)
    check_positive("center_weight", center_weight, zero=True)
    check_reduction(reduction)
    scores, features = together(logits, embeddings)
    labels = target.long()
    values = F.cross_entropy(scores, labels, reduction="none", label_smoothing=label_smoothing)
    if triplet_weight:
        values = values + triplet_weight * _hardest_triplets(features, labels, margin)
    if centers is not None:
        check_layout("centers", centers, logits.shape[1], embeddings.shape[1])
        values = values + center_weight / 2 * (features - centers.to(features.dtype)[labels]).square().sum(1)
    return reduce(values, reduction, dtype=logits.dtype)


def _hardest_triplets(features: Tensor, labels: Tensor, margin: float | None) -> Tensor:
    """For each example, the triplet with the farthest of its own identity and the nearest of the others."""
    if not len(features):
        return features.sum(1)
    distances = root((features.unsqueeze(1) - features.unsqueeze(0)).square().sum(2))
    same = labels.unsqueeze(1) == labels
    others = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positive = torch.where(same & others, distances, -1.0).amax(1)
    farther = distances.detach().amax() + 1
    negative = torch.where(same, farther, distances).amin(1)
    gap = positive - negative
    values = F.softplus(gap) if margin is None else (gap + margin).clamp_min(0)
    return torch.where((same & others).any(1) & (~same).any(1), values, 0.0)


@gradient_of(reid_loss)
def _reid_gradient(logits: Tensor, _embeddings: Tensor, target: Tensor, *, label_smoothing: float = 0.1) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_{ik} = \frac{1}{N} \big( p_{ik} - (1 - \epsilon) [k = y_i] - \epsilon / K
    \big)`; the other terms pull on the embeddings alone.
    """
    classes = logits.shape[1]
    truth = (1 - label_smoothing) * F.one_hot(target, classes).to(logits.dtype) + label_smoothing / classes
    return (logits.softmax(1) - truth) / len(logits)


class ReIDLoss(nn.Module):
    """Module form of `reid_loss`, with the centers of the identities as learnable parameters.

    `ReIDLoss(identities, dim)(logits, embeddings, target)`. With `center_weight=0` there are none, and both
    numbers may be left out. Other settings are those of the function, by keyword.

    The gradient of the center loss on its centers scales with `center_weight`; the bag of tricks divides it out again
    and gives the centers an optimizer of their own.
    """

    function = staticmethod(reid_loss)

    def __init__(
        self,
        identities: int | None = None,
        dim: int | None = None,
        *,
        label_smoothing: float = 0.1,
        margin: float | None = 0.3,
        triplet_weight: float = 1.0,
        center_weight: float = 5e-4,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        if center_weight and (identities is None or dim is None):
            raise ValueError("identities and dim must be given unless center_weight is 0")
        self.centers = nn.Parameter(torch.randn(identities, dim)) if center_weight else None
        self.label_smoothing, self.margin, self.reduction = label_smoothing, margin, reduction
        self.triplet_weight, self.center_weight = triplet_weight, center_weight

    def forward(self, logits: Tensor, embeddings: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch."""
        return reid_loss(
            logits, embeddings, target, centers=self.centers, label_smoothing=self.label_smoothing, margin=self.margin,
            triplet_weight=self.triplet_weight, center_weight=self.center_weight, reduction=self.reduction,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """The settings, as they were given."""
        names = ("label_smoothing", "margin", "triplet_weight", "center_weight", "reduction")
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in names)


# --- trajectories -----------------------------------------------------------------------------------------------------


@loss(
    tasks=("object tracking", "motion detection"),
    names=("temporal consistency", "temporal smoothness"),
    domain={"prediction": "trajectories"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(4.0),
        "smooth": no("where nothing changes there is a kink", first=[[[0.0], [0.0]]], order=1),
        "bounded": no("it grows with the jump", first=[[[0.0], [1000.0], [0.0]]]),
        "symmetric": _NO_TARGET,
        "proper": _NO_TARGET,
        "scale_invariant": _NO_TARGET,
        "permutation_invariant": no("time has an order", first=[[[0.0], [1.0], [2.0], [3.0]]]),
    },
    cases=({"order": 1}, {"order": 3}, {"distance": "l2"}, {"distance": "charbonnier"}),
    chapter=7,
)
def temporal_consistency_loss(
    prediction: Tensor, *, order: int = 2, distance: str = "l1", reduction: str = "mean"
) -> Tensor:
    r"""Temporal consistency loss: how unsteadily predictions move from frame to frame.

    .. math::

        \mathcal L = \frac{1}{M} \sum_t \big\| b_{t+1} - 2 b_t + b_{t-1} \big\|_1

    The review's "temporal consistency" has no single formula. This one is the acceleration of boxes, states or masks:
    motion at constant velocity costs nothing. `order=1` punishes any change, `order=3` changes of the acceleration. For
    pictures whose content moves, see :func:`motion_consistency_loss`. A sequence no longer than the order costs 0.

    Args:
        prediction: a sequence for each example, `(N, T, *)`.
        order: how often differences of neighbors in time are taken, 1 or more.
        distance: `"l1"`, `"l2"` (the square) or `"charbonnier"`, :math:`\sqrt{r^2 + 0.001^2} - 0.001`.
        reduction: `"none"` gives `(N, T - order, *)`; `"mean"` divides by the number :math:`M` of these differences.

    Returns:
        The loss: a scalar, or `(N, T - order, *)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: a prediction without a time axis, an order below 1, an unknown setting.

    References:
        The penalty on differences of a given order: Whittaker, On a new method of graduation, 1923,
        https://doi.org/10.1017/S0013091500077853.

    Example:
        >>> temporal_consistency_loss(torch.tensor([[0.0, 1.0, 2.0, 4.0]]))
        tensor(0.5000)
    """
    check_tensors(prediction=prediction)
    check_floating("prediction", prediction)
    check_layout("prediction", prediction, "N", "T", "*")
    check_choice("distance", distance, _DISTANCES)
    check_reduction(reduction)
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    changes = widen(prediction)
    for _ in range(order):
        changes = changes[:, 1:] - changes[:, :-1]
    return reduce(_sizes(changes, distance), reduction, dtype=prediction.dtype)


TemporalConsistencyLoss = as_module("TemporalConsistencyLoss", temporal_consistency_loss)


@gradient_of(temporal_consistency_loss)
def _temporal_consistency_gradient(prediction: Tensor, *, order: int = 2) -> Tensor:
    r""":math:`\partial\mathcal L / \partial b_t = \frac{1}{M} (s_{t-1} - 2 s_t + s_{t+1})` with the signs :math:`s_t`
    of the second differences, zero outside the sequence.
    """
    pull = prediction.diff(n=order, dim=1).sign()
    count = max(pull.numel(), 1)
    for _ in range(order):
        edge = torch.zeros_like(pull[:, :1])
        pull = -torch.cat([edge, pull, edge], 1).diff(dim=1)
    return pull / count


@loss(
    tasks=("motion detection", "object tracking"),
    names=("sequence", "sequence loss", "RAFT loss"),
    domain={"predictions": "flow iterates", "target": "optical flow"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(1.7, "by the root of the sum of the squared weights"),
        "smooth": no("the slope jumps at the target", first=[[[0.0]]], target=[[0.0]]),
        "bounded": no("it grows with the error", first=[[[1000.0]]], target=[[0.0]]),
        "symmetric": not_applicable("there are several predictions of one target"),
        "proper": not_applicable("the prediction is a value, not a probability"),
        "scale_invariant": no("it scales with the unit", first=[[[1.0]]], target=[[0.0]]),
        "permutation_invariant": yes,
    },
    cases=({"gamma": 0.5}, {"distance": "l2"}, {"distance": "charbonnier"}, {"weight": (0.5,)}),
    chapter=6,
)
def sequence_loss(
    predictions: Tensor | Sequence[Tensor],
    target: Tensor,
    *,
    gamma: float = 0.8,
    weight: Tensor | None = None,
    distance: str = "l1",
    reduction: str = "mean",
) -> Tensor:
    r"""Sequence loss: the error of every iterate of a refined prediction, the later the dearer.

    .. math::

        \ell = \sum_{k=1}^{K} \gamma^{K-k}\, \big| f_k - f \big|

    The review's "sequence loss" for motion has no single formula; this is what RAFT, which estimates optical flow by
    iteration, calls by that name. The loss of a label sequence is cross-entropy over its frames.

    Args:
        predictions: the iterates, first to last: `(N, K, *)`, or a list of :math:`K` tensors `(N, *)`.
        target: the true values, `(N, *)`.
        gamma: the discount of earlier iterates, in (0, 1].
        weight: non-negative weight of each entry of the target, broadcast to its shape; 0 where it is not known
            (`valid.unsqueeze(1)` for a flow), where it may be anything, NaN too.
        distance: `"l1"` (the paper's), `"l2"` (the square) or `"charbonnier"`.
        reduction: `"none"` gives the shape of the target, weighted; `"mean"` divides by the sum of the weights (RAFT's
            code divides by all entries, unknown ones too).

    Returns:
        The loss: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: predictions that are no floating-point tensors.
        ValueError: shapes that do not go together, a discount out of range, a negative weight, an unknown setting.

    References:
        Teed and Deng, RAFT: recurrent all-pairs field transforms for optical flow, 2020,
        https://arxiv.org/abs/2003.12039, equation 7.

    Example:
        >>> sequence_loss(torch.tensor([[[0.0], [0.5], [1.0]]]), torch.tensor([[1.0]]), gamma=0.5)
        tensor(0.5000)
    """
    if isinstance(predictions, Sequence):
        for iterate in predictions:
            check_tensors(predictions=iterate)
        predictions = torch.stack(tuple(predictions), 1)
    check_tensors(predictions=predictions, target=target, weight=weight)
    check_floating("predictions", predictions)
    check_layout("predictions", predictions, "N", "K", "*")
    expected = (predictions.shape[0], *predictions.shape[2:])
    if target.shape != expected:
        raise ValueError(f"target must have shape {expected}, got {tuple(target.shape)}")
    if not 0 < gamma <= 1:
        raise ValueError(f"gamma must lie in (0, 1], got {gamma}")
    check_choice("distance", distance, _DISTANCES)
    check_reduction(reduction)
    check_weight(weight, target.shape, "target")
    counted = weighted_entries(weight)
    iterates, truth = together(predictions, target)
    values = iterates[:, :0].sum(1)
    for iterate in iterates.unbind(1):  # as Horner's rule: each step discounts all that came before
        values = gamma * values + _sizes(*hidden(counted, iterate - truth), distance)
    if weight is None:
        return reduce(values, reduction, dtype=predictions.dtype)
    weight = weight.to(values.dtype)
    return reduce(values * weight, reduction, weight, predictions.dtype)


SequenceLoss = as_module("SequenceLoss", sequence_loss)


@gradient_of(sequence_loss)
def _sequence_gradient(predictions: Tensor, target: Tensor, *, gamma: float = 0.8) -> Tensor:
    r""":math:`\partial\mathcal L / \partial f_k = \frac{\gamma^{K-k}}{M} \mathrm{sign}(f_k - f)` with :math:`M` entries
    of the target.
    """
    iterates = predictions.shape[1]
    discounts = torch.tensor([gamma ** (iterates - 1 - k) for k in range(iterates)], dtype=predictions.dtype)
    signs = (predictions - target.unsqueeze(1)).sign()
    return signs * discounts.reshape(-1, *[1] * (target.dim() - 1)) / target.numel()


# --- optical flow -----------------------------------------------------------------------------------------------------


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    r"""A picture as seen from another frame: each pixel is fetched, bilinearly, from where the flow says.

    .. math::

        W(I, f)(x) = I(x + f(x))

    With the flow from this frame to the next, warping the next frame gives this one (backward warping). What lies
    outside is taken from the border.

    Args:
        picture: `(N, C, H, W)`.
        flow: `(N, 2, H, W)`, in pixels: to the right, then down.

    Returns:
        The warped picture, `(N, C, H, W)`.

    Raises:
        TypeError: a flow that is not floating-point.
        ValueError: shapes that do not go together.

    Example:
        >>> flow = torch.zeros(1, 2, 1, 4)
        >>> flow[:, 0] = 0.5
        >>> warp(torch.tensor([[[[0.0, 1.0, 2.0, 3.0]]]]), flow)
        tensor([[[[0.5000, 1.5000, 2.5000, 3.0000]]]])
    """
    check_tensors(picture=picture, flow=flow)
    check_floating("flow", flow)
    check_layout("picture", picture, "N", "C", "H", "W")
    check_layout("flow", flow, picture.shape[0], 2, *picture.shape[2:])
    pixels, motion = together(picture, flow)
    return _warped(pixels, _destinations(motion)).to(picture.dtype)


def _destinations(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Column and row that each pixel's counterpart has, `(N, H, W)` each."""
    rows = torch.arange(flow.shape[2], dtype=flow.dtype, device=flow.device).unsqueeze(1)
    columns = torch.arange(flow.shape[3], dtype=flow.dtype, device=flow.device)
    return columns + flow[:, 0], rows + flow[:, 1]


def _warped(picture: Tensor, destinations: tuple[Tensor, Tensor]) -> Tensor:
    height, width = picture.shape[2:]
    column, row = destinations
    grid = torch.stack([2 * column / max(width - 1, 1) - 1, 2 * row / max(height - 1, 1) - 1], 3)
    found = F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=True)
    nowhere = 0 * (column.detach().clamp(0, 1) + row.detach().clamp(0, 1))  # NaN where a place is: torch reads border
    return found + nowhere.unsqueeze(1)


def _inside(destinations: tuple[Tensor, Tensor], height: int, width: int) -> Tensor:
    """Whether the counterpart of each pixel lies in the picture, `(N, 1, H, W)`."""
    column, row = destinations
    outside = (column < 0) | (column > width - 1) | (row < 0) | (row > height - 1)
    return ~outside.unsqueeze(1)  # NaN is not outside: what it moves counts, and is NaN


def _flow(name: str, flow: Tensor) -> None:
    check_floating(name, flow)
    check_layout(name, flow, "N", 2, "H", "W")


_MOVED = torch.tensor([[[[-1.0, -1.0, -1.0]], [[0.0, 0.0, 0.0]]]], dtype=torch.float64)


@loss(
    tasks=("motion detection", "object tracking"),
    names=("motion consistency", "warping error", "temporal consistency of pictures"),
    domain={"prediction": "frames", "previous": "frames", "flow": "optical flow"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(1.0),
        "smooth": no("the slope jumps where the frames agree", first=[[[[0.0, 0.0, 0.0]]]],
                     previous=[[[[0.0, 0.0, 0.0]]]], flow=0 * _MOVED),
        "bounded": no("it grows with the difference", first=[[[[1000.0, 1000.0, 1000.0]]]],
                      previous=[[[[0.0, 0.0, 0.0]]]], flow=0 * _MOVED),
        "symmetric": no("motion has a direction", first=[[[[0.0, 1.0, 0.0]]]], previous=[[[[1.0, 0.0, 0.0]]]],
                        flow=_MOVED),
        "proper": not_applicable("the prediction is a picture, not a probability"),
        "scale_invariant": no("it scales with the unit", first=[[[[1.0, 1.0, 1.0]]]], previous=[[[[0.0, 0.0, 0.0]]]],
                              flow=0 * _MOVED),
        "permutation_invariant": no("what is near stays near", first=[[[[0.0, 1.0, 0.0]]]],
                                    previous=[[[[1.0, 0.0, 0.0]]]], flow=_MOVED),
    },
    cases=({"distance": "l2"}, {"distance": "charbonnier"}, {"weight": (0.5,)}),
    differentiable=("prediction", "previous", "flow"),
    chapter=6,
)  # fmt: skip
def motion_consistency_loss(
    prediction: Tensor,
    previous: Tensor,
    flow: Tensor,
    *,
    weight: Tensor | None = None,
    distance: str = "l1",
    reduction: str = "mean",
) -> Tensor:
    r"""Motion consistency loss: how much a predicted frame or mask changes once its motion is taken out.

    .. math::

        \mathcal L = \frac{\sum_x w(x)\, \big| p_t(x) - p_{t-1}(x + f(x)) \big|}{\sum_x w(x)}

    Pixels that come from outside the picture do not count; where no pixel counts the loss is a zero attached to the
    graph. The review's "motion consistency" has no single formula; this one is the short-term temporal loss of Lai et
    al., whose weight is :math:`e^{-50 \| I_t - W(I_{t-1}) \|^2}` of the input frames, small where they are occluded.

    Args:
        prediction: what is predicted for this frame, `(N, C, H, W)`.
        previous: what was predicted for the previous frame, the same shape.
        flow: from this frame to the previous one, `(N, 2, H, W)`, in pixels.
        weight: non-negative weight of each pixel, broadcast to `(N, 1, H, W)`; where it is 0 there may be NaN.
        distance: `"l1"` (the paper's), `"l2"` (the square) or `"charbonnier"`.
        reduction: `"none"` gives `(N, C, H, W)`, weighted; `"mean"` divides by the sum of the weights.

    Returns:
        The loss: a scalar, or `(N, C, H, W)` for `reduction="none"`.

    Raises:
        TypeError: a prediction or flow that is not floating-point.
        ValueError: shapes that do not go together, a negative weight, an unknown setting.

    References:
        Lai et al., Learning blind video temporal consistency, 2018, https://arxiv.org/abs/1808.00449, equation 2.

    Example:
        >>> previous = torch.tensor([[[[1.0, 0.0, 0.0]]]])
        >>> flow = torch.tensor([-1.0, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 3)
        >>> motion_consistency_loss(torch.tensor([[[[0.0, 1.0, 0.0]]]]), previous, flow)
        tensor(0.)
    """
    check_tensors(prediction=prediction, previous=previous, flow=flow, weight=weight)
    check_floating("prediction", prediction)
    check_layout("prediction", prediction, "N", "C", "H", "W")
    check_same_shape("previous", previous, "prediction", prediction)
    check_floating("flow", flow)
    check_layout("flow", flow, prediction.shape[0], 2, *prediction.shape[2:])
    check_choice("distance", distance, _DISTANCES)
    check_reduction(reduction)
    check_weight(weight, (len(prediction), 1, *prediction.shape[2:]), "prediction with one channel")
    now, before, motion = together(prediction, previous, flow)
    counted = _inside(_destinations(motion.detach()), *now.shape[2:])
    if (weighted := weighted_entries(weight)) is not None:
        counted = counted & weighted
    (motion,) = hidden(counted, motion)
    (difference,) = hidden(counted, now - _warped(before, _destinations(motion)))
    counts = counted.to(now.dtype) if weight is None else counted * weight.to(now.dtype)
    return reduce(counts * _sizes(difference, distance), reduction, counts, prediction.dtype)


MotionConsistencyLoss = as_module("MotionConsistencyLoss", motion_consistency_loss)


@gradient_of(motion_consistency_loss)
def _motion_consistency_gradient(prediction: Tensor, previous: Tensor, flow: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial p_t(x) = w(x)\, \mathrm{sign} \big( p_t(x) - p_{t-1}(x + f(x)) \big) /
    \sum w`.
    """
    destinations = _destinations(flow)
    counts = _inside(destinations, *prediction.shape[2:]).to(prediction.dtype).expand_as(prediction)
    signs = (prediction - _warped(previous, destinations)).sign()
    return counts * signs / counts.sum().clamp_min(1)


_STILL = [[[[0.0, 0.0]], [[0.0, 0.0]]]]


@loss(
    tasks=("motion detection",),
    names=("motion consistency", "forward-backward consistency"),
    domain={"flow": "optical flow", "backward_flow": "optical flow"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": not_applicable("few backward flows have an inverse"),
        "convex": no("where the flow leads decides what it is compared with",
                     first=[[[[0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]]], other=[[[[2.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]]],
                     backward_flow=[[[[0.0, 2.0, -2.0]], [[0.0, 0.0, 0.0]]]]),
        "lipschitz": no("it is as steep as the backward flow", first=[[[[0.0, 0.0]], [[0.0, 0.0]]]],
                        other=[[[[0.1, 0.0]], [[0.0, 0.0]]]], backward_flow=[[[[0.0, 1e6]], [[0.0, 0.0]]]]),
        "smooth": no("the slope jumps where the flows agree", first=[[[[0.0] * 3] * 3] * 2],
                     backward_flow=[[[[0.0] * 3] * 3] * 2]),
        "bounded": no("it grows with the flow", first=_STILL, backward_flow=[[[[1e3, 1e3]], [[0.0, 0.0]]]]),
        "symmetric": no("only one of them is followed", first=[[[[1.0, 0.0]], [[0.0, 0.0]]]],
                        backward_flow=[[[[0.0, -1.0]], [[1.0, 0.0]]]]),
        "proper": _NO_TARGET,
        "scale_invariant": no("flows are in pixels", first=_STILL, backward_flow=[[[[1.0, 1.0]], [[0.0, 0.0]]]]),
        "permutation_invariant": no("positions matter", first=[[[[1.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]]]],
                                    backward_flow=[[[[0.0, -1.0, 0.0]], [[0.0, 0.0, 0.0]]]]),
    },
    cases=({"distance": "l2"}, {"distance": "charbonnier"}, {"occlusion": True}),
    differentiable=("flow", "backward_flow"),
    without_gradient="the flow also moves the place where the backward flow is read; autograd follows it",
    chapter=6,
)  # fmt: skip
def flow_consistency_loss(
    flow: Tensor, backward_flow: Tensor, *, distance: str = "l1", occlusion: bool = False, reduction: str = "mean"
) -> Tensor:
    r"""Flow consistency loss: how far a pixel is from itself after following the flow there and back.

    .. math::

        \ell(x) = \big\| f(x) + b(x + f(x)) \big\|_1

    Pixels that leave the picture do not count. With `occlusion`, nor do those that are hidden in the other frame by the
    paper's criterion, :math:`\|f + b\|^2 \ge 0.01 (\|f\|^2 + \|b\|^2) + 0.5`. Where no pixel counts the loss is a zero
    attached to the graph.

    Args:
        flow: from this frame to the next, `(N, 2, H, W)`, in pixels.
        backward_flow: from the next frame to this one, the same shape.
        distance: `"l1"`, `"l2"` (the square) or `"charbonnier"`, each summed over both components.
        occlusion: whether hidden pixels are left out.
        reduction: `"none"` gives `(N, H, W)`; `"mean"` divides by the number of counted pixels.

    Returns:
        The loss in pixels: a scalar, or `(N, H, W)` for `reduction="none"`.

    Raises:
        TypeError: a flow that is not floating-point.
        ValueError: shapes that do not go together, an unknown setting.

    References:
        Meister, Hur and Roth, UnFlow: unsupervised learning of optical flow with a bidirectional census loss, 2018,
        https://arxiv.org/abs/1711.07837.

    Example:
        >>> flow = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 4)
        >>> flow_consistency_loss(flow, -flow)
        tensor(0.)
    """
    check_tensors(flow=flow, backward_flow=backward_flow)
    _flow("flow", flow)
    check_same_shape("backward_flow", backward_flow, "flow", flow)
    check_choice("distance", distance, _DISTANCES)
    check_reduction(reduction)
    there, back = together(flow, backward_flow)
    destinations = _destinations(there)
    back = _warped(back, destinations)
    rest = there + back
    counts = _inside(destinations, *there.shape[2:]).squeeze(1)
    if occlusion:
        allowed = 0.01 * (there.square() + back.square()).sum(1) + 0.5
        counts = counts & ~(rest.square().sum(1) >= allowed)
    values = torch.where(counts, _sizes(rest, distance).sum(1), 0.0)
    return reduce(values, reduction, counts.to(values.dtype), flow.dtype)


FlowConsistencyLoss = as_module("FlowConsistencyLoss", flow_consistency_loss)


@loss(
    tasks=("motion detection",),
    names=("EPE", "end-point error", "average end-point error"),
    domain={"prediction": "optical flow", "target": "optical flow"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(1.0),
        "smooth": no("a cone has its tip at the target", first=[[[[0.0]], [[0.0]]]], target=[[[[0.0]], [[0.0]]]]),
        "bounded": no("it grows with the error", first=[[[[1000.0]], [[0.0]]]], target=[[[[0.0]], [[0.0]]]]),
        "symmetric": yes,
        "proper": not_applicable("the prediction is a value, not a probability"),
        "scale_invariant": no("it scales with the unit", first=[[[[1.0]], [[0.0]]]], target=[[[[0.0]], [[0.0]]]]),
        "permutation_invariant": yes,
    },
    cases=({"weight": (0.5,)},),
    chapter=6,
)
def end_point_error_loss(
    prediction: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""End-point error (EPE): how far, in pixels, the predicted flow leads from where the true one does.

    .. math::

        \ell = \sqrt{ (\hat u - u)^2 + (\hat v - v)^2 }

    At the target the gradient is zero, not the NaN of a root or norm.

    Args:
        prediction: predicted flow, `(N, 2, H, W)`, in pixels.
        target: true flow, the same shape.
        weight: non-negative weight of each pixel, broadcast to `(N, H, W)`; 0 where it is not known, and may be NaN.
        reduction: `"none"` gives `(N, H, W)`, weighted; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in pixels: a scalar, or `(N, H, W)` for `reduction="none"`.

    Raises:
        TypeError: a flow that is not floating-point.
        ValueError: shapes that do not go together, a negative weight, an unknown reduction.

    References:
        Otte and Nagel, Optical flow estimation: advances and comparisons, 1994,
        https://doi.org/10.1007/3-540-57956-7_5; as a loss: Dosovitskiy et al., FlowNet, 2015, https://arxiv.org/abs/1504.06852.

    Example:
        >>> end_point_error_loss(torch.tensor([[[[3.0]], [[4.0]]]]), torch.zeros(1, 2, 1, 1))
        tensor(5.)
    """
    check_tensors(prediction=prediction, target=target, weight=weight)
    _flow("prediction", prediction)
    check_same_shape("target", target, "prediction", prediction)
    check_reduction(reduction)
    shape = (len(prediction), *prediction.shape[2:])
    check_weight(weight, shape, "prediction without its channels")
    ours, theirs = together(prediction, target)
    difference = ours - theirs
    if (counted := weighted_entries(weight)) is not None:
        (difference,) = hidden(counted.expand(shape).unsqueeze(1), difference)
    values = root(difference.square().sum(1))
    if weight is None:
        return reduce(values, reduction, dtype=prediction.dtype)
    weight = weight.to(values.dtype)
    return reduce(values * weight, reduction, weight, prediction.dtype)


EndPointErrorLoss = as_module("EndPointErrorLoss", end_point_error_loss)


@gradient_of(end_point_error_loss)
def _end_point_error_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat f = \frac{1}{N H W} (\hat f - f) / \|\hat f - f\|`: a pull of one
    length, whatever the error.
    """
    difference = prediction - target
    return difference / root(difference.square().sum(1, keepdim=True)).clamp_min(1e-300) / (target.numel() / 2)


_STRIPES = [[[[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]]]]


@loss(
    tasks=("motion detection",),
    names=("motion", "motion loss", "photometric loss", "unsupervised optical flow"),
    domain={"flow": "optical flow", "frame": "frames", "next_frame": "frames"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": not_applicable("frames do not say which flow is right, only which ones may be"),
        "convex": no("a pattern that repeats fits at several places", first=[[[[0.0] * 6], [[0.0] * 6]]],
                     other=[[[[2.0] * 6], [[0.0] * 6]]], frame=_STRIPES, next_frame=_STRIPES),
        "lipschitz": no("it is as steep as the frames", first=_STILL, other=[[[[0.1, 0.0]], [[0.0, 0.0]]]],
                        frame=[[[[0.0, 0.0]]]], next_frame=[[[[0.0, 1e6]]]]),
        "smooth": no("an even flow is at a kink", first=_STILL, frame=[[[[0.0, 0.0]]]], next_frame=[[[[0.0, 0.0]]]]),
        "bounded": no("it grows with the contrast", first=_STILL, frame=[[[[0.0, 0.0]]]],
                      next_frame=[[[[1e3, 1e3]]]]),
        "symmetric": not_applicable("a flow is no frame"),
        "proper": _NO_TARGET,
        "scale_invariant": not_applicable("flows are in pixels, frames in brightness"),
        "permutation_invariant": no("positions matter", first=[[[[1.0, 1.0, 1.0]], [[0.0, 0.0, 0.0]]]],
                                    frame=[[[[1.0, 2.0, 3.0]]]], next_frame=[[[[0.0, 1.0, 2.0]]]]),
    },
    cases=({"photometric": "l1", "smoothness": 1.0}, {"photometric": "l2", "edge": 2.0}, {"photometric": "ssim"},
           {"smoothness": 0.0}),
    without_gradient="it passes the bilinear interpolation of the frames; autograd follows it",
    chapter=6,
)  # fmt: skip
def motion_loss(
    flow: Tensor,
    frame: Tensor,
    next_frame: Tensor,
    *,
    photometric: str = "charbonnier",
    smoothness: float = 0.1,
    edge: float = 10.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Motion loss: whether a flow carries the next frame back to this one, and is smooth where the frame is.

    .. math::

        \ell = \operatorname{mean}_x \rho \big( I_t(x) - I_{t+1}(x + f(x)) \big)
             + \lambda \operatorname{mean}_x \sum_{k \in \{x, y\}} |\partial_k f|\, e^{-\beta |\partial_k I_t|}

    The review's "motion loss" has no single formula; this is the usual loss of learning optical flow without labels.
    The first term is photometric, over the pixels whose counterpart lies in the picture; the second lets the flow
    change where the frame has an edge. With known flow, use :func:`end_point_error_loss`.

    Args:
        flow: predicted flow from this frame to the next, `(N, 2, H, W)`, in pixels.
        frame: this frame, `(N, C, H, W)`.
        next_frame: the next frame, the same shape.
        photometric: :math:`\rho`: `"charbonnier"`, :math:`\sqrt{r^2 + 0.001^2} - 0.001`, `"l1"`, `"l2"` (the square),
            or `"ssim"`: 0.85 parts of half of one minus SSIM over 3 by 3 pixels and 0.15 parts L1 (Godard et al., for
            frames in [0, 1]).
        smoothness: :math:`\lambda`, at least 0.
        edge: :math:`\beta`, at least 0; larger where frames have little contrast.
        reduction: `"none"` gives `(N,)`, one number per pair of frames; `"mean"` is their mean.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: a flow that is not floating-point.
        ValueError: shapes that do not go together, a negative weight, an unknown setting.

    References:
        Yu, Harley and Derpanis, Back to basics: unsupervised learning of optical flow via brightness constancy and
        motion smoothness, 2016, https://arxiv.org/abs/1608.05842; edges and SSIM: Godard, Mac Aodha and Brostow,
        2017, https://arxiv.org/abs/1609.03677.

    Example:
        >>> frame = torch.tensor([[[[0.0, 1.0, 0.0, 0.0]]]])
        >>> flow = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 4)
        >>> motion_loss(flow, frame, frame.roll(1, 3)), motion_loss(0 * flow, frame, frame.roll(1, 3))
        (tensor(0.), tensor(0.4995))
    """
    check_tensors(flow=flow, frame=frame, next_frame=next_frame)
    _flow("flow", flow)
    check_layout("frame", frame, flow.shape[0], "C", *flow.shape[2:])
    check_same_shape("next_frame", next_frame, "frame", frame)
    check_choice("photometric", photometric, (*_DISTANCES, "ssim"))
    check_positive("smoothness", smoothness, zero=True)
    check_positive("edge", edge, zero=True)
    check_reduction(reduction)
    motion, now, after = together(flow, frame, next_frame)
    destinations = _destinations(motion)
    counts = _inside(destinations, *now.shape[2:]).to(now.dtype)
    seen = _warped(after, destinations)
    if photometric == "ssim":
        misfit = 0.85 * _dissimilarity(now, seen) + 0.15 * (now - seen).abs()
    else:
        misfit = _sizes(now - seen, photometric)
    values = (counts * misfit.mean(1, keepdim=True)).sum((1, 2, 3)) / counts.sum((1, 2, 3)).clamp_min(1)
    for axis in (2, 3):
        size = motion.shape[axis]
        change = motion.narrow(axis, 1, size - 1) - motion.narrow(axis, 0, size - 1)
        contrast = now.narrow(axis, 1, size - 1) - now.narrow(axis, 0, size - 1)
        kept = torch.exp(-edge * contrast.abs().mean(1, keepdim=True))
        bend = (change.abs() * kept).sum((1, 2, 3))
        values = values + smoothness * bend / max(math.prod(change.shape[2:]), 1)
    return reduce(values, reduction, dtype=flow.dtype)


MotionLoss = as_module("MotionLoss", motion_loss)


def _dissimilarity(x: Tensor, y: Tensor) -> Tensor:
    """Half of one minus SSIM over 3 by 3 pixels, for values in [0, 1]; at the border over fewer pixels."""

    def mean(maps: Tensor) -> Tensor:
        return F.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)

    mean_x, mean_y = mean(x), mean(y)
    squares, both = mean_x.square() + mean_y.square(), mean_x * mean_y
    variances = (mean(x.square() + y.square()) - squares).clamp_min(0)
    similarity = (2 * both + 1e-4) * (2 * (mean(x * y) - both) + 9e-4) / ((squares + 1e-4) * (variances + 9e-4))
    return ((1 - similarity) / 2).clamp(0, 1)
