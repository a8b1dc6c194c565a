r"""Losses of an order: which of two comes first, or how a whole list is sorted.

Lists are rows: scores `(N, L)` for the `L` items of each of `N` lists, and a target of the same shape whose larger
numbers belong further up. Lists of different lengths are padded, and `ignore_index` marks the padding in the target:
what is padded takes no part and gets no gradient. Pairs of equal relevance say nothing about an order and do not count.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._module import as_module
from ._reduction import reduce, together
from ._validation import (
    check_choice,
    check_floating,
    check_layout,
    check_positive,
    check_reduction,
    check_same_shape,
    check_tensors,
    known,
    valid_entries,
)

__all__ = [
    "ApproxNDCGLoss",
    "AttentionRankingLoss",
    "BPRLoss",
    "LambdaRankLoss",
    "ListMLELoss",
    "ListNetLoss",
    "MarginRankingLoss",
    "PairwiseRankingLoss",
    "approx_ndcg_loss",
    "attention_ranking_loss",
    "bpr_loss",
    "lambda_rank_loss",
    "list_mle_loss",
    "listnet_loss",
    "margin_ranking_loss",
    "pairwise_ranking_loss",
]

_GAINS = ("exponential", "linear")
_AN_ORDER = not_applicable("the target is an order, the prediction a score")
_NO_PROBABILITY = not_applicable("scores are no probabilities")
_TASKS = ("image classification", "tabular", "challenges and future")
_OF_A_LIST = {
    "minimum_at_target": yes,
    "convex": yes,
    "smooth": yes,
    "symmetric": _AN_ORDER,
    "proper": _NO_PROBABILITY,
    "permutation_invariant": yes,
}
_ONE_PAIR = {"first": [[-200.0, 200.0]], "target": [[1, 0]]}


# --- two items --------------------------------------------------------------------------------------------------------


@loss(
    tasks=("image classification", "audio-to-image", "tabular", "challenges and future"),
    names=("margin ranking", "ranking", "pairwise hinge"),
    domain={"scores": "scores of items", "others": "scores of items", "target": "first or second"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(1.0),
        "smooth": no("a hinge", first=[[0.0]], others=[[0.0]], target=[[1]]),
        "bounded": no("a wrong order costs the difference", first=[[-100.0]], others=[[0.0]], target=[[1]]),
        "symmetric": no("the target says which one is to be larger", first=[[1.0]], others=[[0.0]], target=[[-1]]),
        "proper": _NO_PROBABILITY,
        "scale_invariant": no("it is a difference of scores", first=[[-1.0]], others=[[1.0]], target=[[1]]),
        "permutation_invariant": yes,
    },
    cases=({"margin": 2.0},),
    differentiable=("scores", "others"),
    chapter=15,
)
def margin_ranking_loss(
    scores: Tensor, others: Tensor, target: Tensor, *, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    r"""Margin ranking loss: of two scores the one that the target names is to be larger, by a margin.

    .. math::

        \ell = \max\big(0,\ -y\, (a - b) + m\big)

    The arithmetic is that of :func:`torch.nn.functional.margin_ranking_loss`; other targets than 1 and -1 are refused
    here, and shapes are not broadcast.

    Args:
        scores: the first of each pair, any shape.
        others: the second, the same shape.
        target: 1 where the first is to be larger, -1 where the second is; the same shape.
        margin: by how much, at least 0.
        reduction: `"none"` gives the shape of the scores; `"mean"` divides by the number of pairs.

    Returns:
        The loss: a scalar, or the shape of the scores for `reduction="none"`. Without pairs it is 0.

    Raises:
        TypeError: scores that are not floating-point.
        ValueError: shapes that differ, a target other than 1 and -1, a negative margin, an unknown reduction.

    References:
        Herbrich, Graepel and Obermayer, Large margin rank boundaries for ordinal regression, 2000,
        https://doi.org/10.7551/mitpress/1113.003.0010.

    Example:
        >>> margin_ranking_loss(torch.tensor([1.0, 1.0]), torch.tensor([0.0, 3.0]), torch.tensor([1, 1]))
        tensor(1.)
    """
    check_tensors(scores=scores, others=others, target=target)
    check_floating("scores", scores)
    check_floating("others", others)
    check_same_shape("others", others, "scores", scores)
    check_same_shape("target", target, "scores", scores)
    check_positive("margin", margin, zero=True)
    check_reduction(reduction)
    if target.numel() and known(target, lambda: torch.stack(target.abs().aminmax()).eq(1).all()) is False:
        raise ValueError("target must be 1 (the first is to be larger) or -1 (the second), got other values")
    first, second = together(scores, others)
    values = F.margin_ranking_loss(first, second, target.to(first.dtype), margin, reduction="none")
    return reduce(values, reduction, dtype=scores.dtype)


MarginRankingLoss = as_module("MarginRankingLoss", margin_ranking_loss)


@gradient_of(margin_ranking_loss)
def _margin_ranking_gradient(scores: Tensor, others: Tensor, target: Tensor, *, margin: float = 0.0) -> Tensor:
    r""":math:`\partial\ell / \partial a = -y` where the loss is above zero."""
    sign = target.to(scores.dtype)
    return -sign * (margin - sign * (scores - others) > 0) / target.numel()


@loss(
    tasks=("tabular", "challenges and future"),
    names=("BPR", "Bayesian personalized ranking"),
    domain={"positive": "scores of items", "negative": "scores of items"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": not_applicable("a positive score is never high enough"),
        "convex": yes,
        "lipschitz": up_to(1.0),
        "smooth": yes,
        "bounded": no("a wrong order costs the difference", first=[[-100.0]], negative=[[0.0]]),
        "symmetric": no("the first is to be larger", first=[[1.0]], negative=[[0.0]]),
        "proper": _NO_PROBABILITY,
        "scale_invariant": no("it is a difference of scores", first=[[1.0]], negative=[[0.0]]),
        "permutation_invariant": yes,
    },
    differentiable=("positive", "negative"),
    chapter=15,
)
def bpr_loss(positive: Tensor, negative: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""BPR loss, of Bayesian personalized ranking: what a user chose is to score higher than what they did not.

    .. math::

        \ell = -\log \sigma(s_+ - s_-)

    The logistic loss of one pair. The paper adds a penalty on the weights, which is the optimizer's weight decay.

    Args:
        positive: the score of an item that was chosen, any shape.
        negative: the score of an item that was not, the same shape.
        reduction: `"none"` gives the shape of the scores; `"mean"` divides by the number of pairs.

    Returns:
        The loss in nats: a scalar, or the shape of the scores for `reduction="none"`. Without pairs it is 0.

    Raises:
        TypeError: scores that are not floating-point.
        ValueError: shapes that differ, an unknown reduction.

    References:
        Rendle, Freudenthaler, Gantner and Schmidt-Thieme, BPR: Bayesian personalized ranking from implicit feedback,
        2009, https://arxiv.org/abs/1205.2618.

    Example:
        >>> bpr_loss(torch.tensor([2.0]), torch.tensor([0.0]))
        tensor(0.1269)
    """
    check_tensors(positive=positive, negative=negative)
    check_floating("positive", positive)
    check_floating("negative", negative)
    check_same_shape("negative", negative, "positive", positive)
    check_reduction(reduction)
    high, low = together(positive, negative)
    return reduce(-F.logsigmoid(high - low), reduction, dtype=positive.dtype)


BPRLoss = as_module("BPRLoss", bpr_loss)


@gradient_of(bpr_loss)
def _bpr_gradient(positive: Tensor, negative: Tensor) -> Tensor:
    r""":math:`\partial\ell / \partial s_+ = -\sigma(s_- - s_+)`."""
    return -(negative - positive).sigmoid() / positive.numel()


# --- all pairs of a list ----------------------------------------------------------------------------------------------


def _list(scores: Tensor, target: Tensor, ignore_index: int | None) -> tuple[Tensor, Tensor, Tensor]:
    """Scores and target in the dtype of the computation, both zero where padded, and which items count."""
    check_tensors(scores=scores, target=target)
    check_floating("scores", scores)
    check_layout("scores", scores, "N", "L")
    check_same_shape("target", target, "scores", scores)
    s, y = together(scores, target)
    valid = valid_entries(target, ignore_index)
    if valid is None:
        return s, y, torch.ones_like(target, dtype=torch.bool)
    return torch.where(valid, s, 0.0), torch.where(valid, y, 0.0), valid


def _ordered_pairs(y: Tensor, valid: Tensor) -> Tensor:
    """`(N, L, L)`: whether the first item of a pair belongs above the second."""
    return (y.unsqueeze(2) > y.unsqueeze(1)) & valid.unsqueeze(2) & valid.unsqueeze(1)


def _differences(s: Tensor) -> Tensor:
    """The score of the first item of a pair minus that of the second, `(N, L, L)`."""
    return s.unsqueeze(2) - s.unsqueeze(1)


@loss(
    tasks=_TASKS,
    names=("pairwise ranking", "ranking", "RankNet", "pairwise logistic", "pairwise hinge"),
    domain={"scores": "scores of a list", "target": "relevance"},
    range=(0.0, float("inf")),
    properties=_OF_A_LIST
    | {
        "lipschitz": up_to(1.4143),
        "bounded": no("a wrong order costs the difference", **_ONE_PAIR),
        "scale_invariant": no("it is a difference of scores", first=[[2.0, 0.0]], target=[[1.0, 0.0]]),
    },
    cases=({"form": "hinge"}, {"form": "hinge", "margin": 3.0}, {"sigma": 2.0}, {"ignore_index": -1}),
    unit="the number of pairs of different relevance",
    chapter=15,
)
def pairwise_ranking_loss(
    scores: Tensor,
    target: Tensor,
    *,
    form: str = "logistic",
    margin: float = 1.0,
    sigma: float = 1.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Pairwise ranking loss (RankNet, or the hinge): of any two items the more relevant is to score higher.

    .. math::

        \mathcal L = \frac{1}{|P|} \sum_{(i, j) \in P} \log\big(1 + e^{-\sigma (s_i - s_j)}\big)
        \quad \text{or} \quad
        \frac{1}{|P|} \sum_{(i, j) \in P} \max(0, m - s_i + s_j), \qquad P = \{(i, j) : y_i > y_j\}

    Memory: all pairs of a list, `N * L * L`.

    Args:
        scores: `(N, L)`.
        target: relevance of each item, the same shape; only its order within a list matters.
        form: `"logistic"`, RankNet's, or `"hinge"`.
        margin: margin :math:`m` of the hinge, at least 0.
        sigma: steepness :math:`\sigma` of the logistic form, above 0.
        ignore_index: value of the target that marks padding, or `None`.
        reduction: `"none"` gives the sum over the pairs of each list, `(N,)`; `"mean"` divides by the number of pairs
            of all lists.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. Lists without a pair of different relevance give 0.

    Raises:
        TypeError: scores that are not floating-point.
        ValueError: shapes that differ, an unknown form, a negative margin, a sigma that is not above 0.

    References:
        Burges et al., Learning to rank using gradient descent, 2005, https://doi.org/10.1145/1102351.1102363. Hinge:
        Joachims, Optimizing search engines using clickthrough data, 2002, https://doi.org/10.1145/775047.775067.

    Example:
        >>> scores, target = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[2, 1, 0]])
        >>> pairwise_ranking_loss(scores, target, form="hinge")
        tensor(0.6667)
    """
    check_choice("form", form, ("logistic", "hinge"))
    check_positive("margin", margin, zero=True)
    check_positive("sigma", sigma)
    check_reduction(reduction)
    s, y, valid = _list(scores, target, ignore_index)
    pairs, difference = _ordered_pairs(y, valid), _differences(s)
    costs = -F.logsigmoid(sigma * difference) if form == "logistic" else F.relu(margin - difference)
    values = torch.where(pairs, costs, 0.0).sum((1, 2))
    return reduce(values, reduction, pairs.sum((1, 2)).to(s.dtype), scores.dtype)


PairwiseRankingLoss = as_module("PairwiseRankingLoss", pairwise_ranking_loss)


@gradient_of(pairwise_ranking_loss)
def _pairwise_ranking_gradient(scores: Tensor, target: Tensor, *, sigma: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial s_i = \frac{\sigma}{|P|} \Big( \sum_{j: y_j > y_i} \sigma(\sigma (s_i -
    s_j)) - \sum_{j: y_i > y_j} \sigma(\sigma (s_j - s_i)) \Big)`: pushed down by what belongs above, up by what
    belongs below."""
    pairs = (target.unsqueeze(2) > target.unsqueeze(1)).to(scores.dtype)
    push = pairs * (sigma * (scores.unsqueeze(1) - scores.unsqueeze(2))).sigmoid()
    return sigma * (push.sum(1) - push.sum(2)) / pairs.sum().clamp_min(1)


@loss(
    tasks=("image classification", "challenges and future"),
    names=("attention ranking", "ranking", "ranking-aware quantization"),
    domain={"prediction": "attention rows", "target": "attention rows"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(1.4143),
        "smooth": no("a hinge", first=[[0.5, 0.5]], target=[[0.7, 0.3]]),
        "bounded": no("a wrong order costs the difference", first=[[0.0, 100.0]], target=[[1.0, 0.0]]),
        "symmetric": no("only the order of the target counts", first=[[1.0, 0.0]], target=[[0.0, 5.0]]),
        "proper": _NO_PROBABILITY,
        "scale_invariant": no("it is a difference of attention", first=[[0.0, 1.0]], target=[[1.0, 0.0]]),
        "permutation_invariant": yes,
    },
    cases=({"margin": 0.5},),
    unit="the number of pairs whose order is compared",
    chapter=14,
)
def attention_ranking_loss(
    prediction: Tensor, target: Tensor, *, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    r"""Attention ranking loss: a quantized attention map is to order the positions as the original one does.

    .. math::

        \mathcal L = \frac{1}{|P|} \sum_{i < j} \max\big(0,\ \theta - (\hat A_i - \hat A_j)\, \mathrm{sign}(A_i -
        A_j)\big)

    over the positions of each row of the map, of each head. It belongs to the post-training quantization of vision
    transformers by Liu et al.; the review names it with RepQ-ViT, which quantizes them by other means. Positions of
    equal attention in the target do not count; the paper's sum (`reduction="sum"`) has a constant for them.

    Memory: all pairs of a row, for rows of length `L` the size of the map times `L`.

    Args:
        prediction: attention of the quantized model, `(*, L)`, such as `(heads, L, L)`.
        target: attention of the original model, the same shape.
        margin: :math:`\theta`, at least 0.
        reduction: `"none"` gives the sum over the pairs of each row, `(*)`; `"mean"` divides by the number of pairs of
            all rows.

    Returns:
        The loss: a scalar, or `(*)` for `reduction="none"`. Rows without two different positions give 0.

    Raises:
        TypeError: attention that is not floating-point.
        ValueError: shapes that differ, no dimension, NaN in the target, a negative margin, an unknown reduction.

    References:
        Liu, Wang, Han, Zhang, Ma and Gao, Post-training quantization for vision transformer, 2021,
        https://arxiv.org/abs/2106.14156. RepQ-ViT: Li, Xiao, Yang and Gu, 2023, https://arxiv.org/abs/2212.08254.

    Example:
        >>> original, quantized = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.5, 0.2, 0.3])
        >>> attention_ranking_loss(quantized, original)
        tensor(0.0333)
    """
    check_tensors(prediction=prediction, target=target)
    check_floating("prediction", prediction)
    check_floating("target", target)
    check_same_shape("target", target, "prediction", prediction)
    check_positive("margin", margin, zero=True)
    check_reduction(reduction)
    if prediction.dim() == 0:
        raise ValueError("prediction must have shape (*, L), got ()")
    if known(target, lambda: target.isnan().any()):
        raise ValueError("target must hold attention, got NaN, which has no place in an order")
    low, original = together(prediction, target)
    above = original.unsqueeze(-1) > original.unsqueeze(-2)
    costs = torch.where(above, F.relu(margin - (low.unsqueeze(-1) - low.unsqueeze(-2))), 0.0)
    return reduce(costs.sum((-1, -2)), reduction, above.sum((-1, -2)).to(low.dtype), prediction.dtype)


AttentionRankingLoss = as_module("AttentionRankingLoss", attention_ranking_loss)


@gradient_of(attention_ranking_loss)
def _attention_ranking_gradient(prediction: Tensor, target: Tensor, *, margin: float = 0.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial \hat A_i`: the number of active pairs in which :math:`i` belongs below,
    minus that of active pairs in which it belongs above, divided by :math:`|P|`."""
    above = target.unsqueeze(-1) > target.unsqueeze(-2)
    active = above & (margin - prediction.unsqueeze(-1) + prediction.unsqueeze(-2) > 0)
    return (active.sum(-2) - active.sum(-1)).to(prediction.dtype) / above.sum().clamp_min(1)


# --- the list as a whole ----------------------------------------------------------------------------------------------


def _lowest(tensor: Tensor) -> float:
    """What a padded score counts as in a softmax."""
    return torch.finfo(tensor.dtype).min


@loss(
    tasks=_TASKS,
    names=("ListNet", "listwise cross-entropy", "listwise softmax"),
    domain={"scores": "scores of a list", "target": "relevance"},
    range=(0.0, float("inf")),
    properties=_OF_A_LIST
    | {
        "lipschitz": up_to(1.4143),
        "bounded": no("a wrong first item costs the difference", first=[[-200.0, 200.0]], target=[[9, 0]]),
        "scale_invariant": no("a softmax of scores", first=[[2.0, 0.0]], target=[[1.0, 0.0]]),
    },
    cases=({"ignore_index": -1},),
    chapter=15,
)
def listnet_loss(scores: Tensor, target: Tensor, *, ignore_index: int | None = None, reduction: str = "mean") -> Tensor:
    r"""ListNet loss: cross-entropy between the chances to be first, by relevance and by score.

    .. math::

        \ell = -\sum_i \mathrm{softmax}(y)_i \log \mathrm{softmax}(s)_i

    The paper's loss with top-one probabilities. Its minimum, at scores that equal the relevance up to a constant, is
    the entropy of :math:`\mathrm{softmax}(y)`, not 0.

    Args:
        scores: `(N, L)`.
        target: relevance of each item, the same shape; grades 0 to 4 and their exponentials make the chances.
        ignore_index: value of the target that marks padding, or `None`.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of lists that are not all padding.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. Without lists it is 0.

    Raises:
        TypeError: scores that are not floating-point.
        ValueError: shapes that differ, an unknown reduction.

    References:
        Cao, Qin, Liu, Tsai and Li, Learning to rank: from pairwise approach to listwise approach, 2007,
        https://doi.org/10.1145/1273496.1273513.

    Example:
        >>> listnet_loss(torch.tensor([[2.0, 0.0]]), torch.tensor([[1, 0]]))
        tensor(0.6648)
    """
    check_reduction(reduction)
    s, y, valid = _list(scores, target, ignore_index)
    if ignore_index is None and s.shape[1]:
        chances = y.softmax(1)
        del y, valid  # whose memory the next line can use
        return reduce(F.cross_entropy(s, chances, reduction="none"), reduction, dtype=scores.dtype)
    low = _lowest(s)
    chances = torch.where(valid, torch.where(valid, y, low).softmax(1), 0.0)
    surprise = torch.where(valid, -torch.where(valid, s, low).log_softmax(1), 0.0)
    return reduce((chances * surprise).sum(1), reduction, valid.any(1).to(s.dtype), scores.dtype)


ListNetLoss = as_module("ListNetLoss", listnet_loss)


@gradient_of(listnet_loss)
def _listnet_gradient(scores: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\ell / \partial s_i = \mathrm{softmax}(s)_i - \mathrm{softmax}(y)_i`."""
    return (scores.softmax(1) - target.to(scores.dtype).softmax(1)) / len(scores)


@loss(
    tasks=_TASKS,
    names=("ListMLE", "Plackett-Luce"),
    domain={"scores": "scores of a list within 1000", "target": "relevance"},
    range=(0.0, float("inf")),
    properties=_OF_A_LIST
    | {
        "lipschitz": up_to(11.4, "the length of the list, here 8, times the root of 2"),
        "bounded": no("a wrong order costs the difference", **_ONE_PAIR),
        "scale_invariant": no("a softmax of scores", first=[[2.0, 0.0]], target=[[1.0, 0.0]]),
        "permutation_invariant": no("items of equal relevance are expected in the order of their positions",
                                    first=[[3.0, 0.0, -3.0]], target=[[0, 0, 0]]),
    },
    cases=({"ignore_index": -1},),
    chapter=15,
)  # fmt: skip
def list_mle_loss(
    scores: Tensor, target: Tensor, *, ignore_index: int | None = None, reduction: str = "mean"
) -> Tensor:
    r"""ListMLE loss: the surprise, in nats, at the right order if items were drawn one by one by their scores.

    .. math::

        \ell = \sum_{i=1}^{L} \Big( \log \sum_{j \ge i} e^{s_{\pi(j)}} - s_{\pi(i)} \Big), \qquad
        y_{\pi(1)} \ge y_{\pi(2)} \ge \dots

    The order is that of the target, items of equal relevance by their position (no item of a pair of equals should be
    preferred, yet this one is; where that matters use :func:`listnet_loss` or :func:`pairwise_ranking_loss`).

    Args:
        scores: `(N, L)`.
        target: relevance of each item, the same shape; only its order matters.
        ignore_index: value of the target that marks padding, or `None`.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of lists that are not all padding.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. Without lists it is 0.

    Raises:
        TypeError: scores that are not floating-point.
        ValueError: shapes that differ, an unknown reduction.

    References:
        Xia, Liu, Wang, Zhang and Li, Listwise approach to learning to rank: theory and algorithm, 2008,
        https://doi.org/10.1145/1390156.1390306.

    Example:
        >>> list_mle_loss(torch.tensor([[2.0, 0.0]]), torch.tensor([[1, 0]]))
        tensor(0.1269)
    """
    check_reduction(reduction)
    s, y, valid = _list(scores, target, ignore_index)
    order = torch.where(valid, y, -torch.inf).argsort(dim=1, descending=True, stable=True)
    ranked, counted = s.gather(1, order), valid.gather(1, order)
    rest = torch.where(counted, ranked, _lowest(s)).flip(1).logcumsumexp(1).flip(1)
    values = torch.where(counted, rest - ranked, 0.0).sum(1)
    return reduce(values, reduction, valid.any(1).to(s.dtype), scores.dtype)


ListMLELoss = as_module("ListMLELoss", list_mle_loss)


@gradient_of(list_mle_loss)
def _list_mle_gradient(scores: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\ell / \partial s_{\pi(k)} = \sum_{i \le k} \frac{e^{s_{\pi(k)}}}{\sum_{j \ge i} e^{s_{\pi(j)}}}
    - 1`: how often the item was expected to be drawn by its turn, minus the once that it was."""
    order = target.argsort(dim=1, descending=True, stable=True)
    ranked = scores.gather(1, order)
    rest = ranked.flip(1).logcumsumexp(1).flip(1)
    chance = (ranked.unsqueeze(1) - rest.unsqueeze(2)).exp().triu()  # turn by item
    return torch.zeros_like(scores).scatter(1, order, chance.sum(1) - 1) / len(scores)


# --- weighted by the gain of a list -----------------------------------------------------------------------------------


def _gains(y: Tensor, valid: Tensor, gain: str) -> Tensor:
    """What an item is worth at the top: its grade, or two to the grade, minus one."""
    worth = torch.exp2(y) - 1 if gain == "exponential" else y
    return torch.where(valid, worth, 0.0)


def _discounts(ranks: Tensor) -> Tensor:
    """What is left of a gain at a rank, which counts from 1."""
    return torch.log2(ranks + 1).reciprocal()


def _best_gain(gains: Tensor) -> Tensor:
    """The discounted gain of the right order, or 1 where nothing is worth anything, `(N, 1)`."""
    ranks = torch.arange(1, gains.shape[1] + 1, device=gains.device, dtype=gains.dtype)
    best = (gains.sort(1, descending=True).values * _discounts(ranks)).sum(1, keepdim=True)
    return torch.where(best > 0, best, 1.0)


def _check_grades(target: Tensor, gain: str, ignore_index: int | None) -> None:
    """Gains are never negative, so grades are not either; and what doubles with each grade soon exceeds any type."""
    most = 100 if gain == "exponential" else math.inf

    def fits() -> Tensor:
        fine = (target >= 0) & (target <= most)
        return (fine if ignore_index is None else fine | (target == ignore_index)).all()

    if target.numel() and known(target, fits) is False:
        span = "of at least 0" if most == math.inf else "from 0 to 100, where each step doubles the gain,"
        also = "" if ignore_index is None else f" or ignore_index={ignore_index}"
        raise ValueError(
            f"target must hold grades {span}{also}, got values from {target.min().item()} to {target.max().item()}"
        )


@loss(
    tasks=_TASKS,
    names=("LambdaRank", "LambdaLoss", "NDCG-weighted RankNet", "LambdaMART"),
    domain={"scores": "scores of a list within 1000", "target": "relevance"},
    range=(0.0, float("inf")),
    properties=_OF_A_LIST
    | {
        "convex": no("the weights change with the order of the scores",
                     first=[[1.0, 0.0, 0.9]], other=[[-1.0, 0.0, 0.9]], target=[[1, 0, 2]]),
        "lipschitz": up_to(20.1, "for a list of 8 items: the root of 2, times 8 * 7 over the sum of discounts"),
        "smooth": no("where two scores cross, ranks and weights jump",
                     first=[[0.0, 0.0, 1.0]], target=[[2, 0, 1]]),
        "bounded": no("a wrong order costs the difference", **_ONE_PAIR),
        "scale_invariant": no("it is a difference of scores", first=[[2.0, 0.0]], target=[[1.0, 0.0]]),
    },
    cases=({"gain": "linear"}, {"sigma": 2.0}, {"k": 2}, {"ignore_index": -1}),
    detached="the weight of each pair, what exchanging both items would change in NDCG",
    chapter=15,
)  # fmt: skip
def lambda_rank_loss(
    scores: Tensor,
    target: Tensor,
    *,
    sigma: float = 1.0,
    gain: str = "exponential",
    k: int | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""LambdaRank loss: RankNet's pairs, each weighted by what exchanging the two would change in NDCG.

    .. math::

        \ell = \sum_{y_i > y_j} |\Delta_{ij}| \log\big(1 + e^{-\sigma (s_i - s_j)}\big), \qquad
        |\Delta_{ij}| = \frac{|G_i - G_j|}{\mathrm{maxDCG}} \Big| \frac{1}{\log_2 (1 + r_i)} - \frac{1}{\log_2 (1 +
        r_j)} \Big|

    :math:`r` are the ranks by the present scores, from 1; equal scores rank by position. Gains are :math:`G = 2^y - 1`
    or, with `gain="linear"`, :math:`G = y` as in scikit-learn's `ndcg_score`. Weights and ranks are held fixed in the
    gradient, which is the paper's lambda. The paper defines gradients only; this loss has them (Wang et al. show what
    it bounds).

    Memory: all pairs of a list, `N * L * L`.

    Args:
        scores: `(N, L)`.
        target: grade of each item, the same shape, at least 0, and at most 100 where gains are exponential.
        sigma: steepness, above 0.
        gain: `"exponential"` or `"linear"`.
        k: NDCG counts the first `k` ranks alone: pairs with both items beyond have the weight zero. `None` counts all.
        ignore_index: value of the target that marks padding, or `None`.
        reduction: `"none"` gives the sum over the pairs of each list, `(N,)`; `"mean"` divides by the number of lists
            with a pair of different grades.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. Lists of equal grades give 0.

    Raises:
        TypeError: scores that are not floating-point.
        ValueError: shapes that differ, grades that are negative or too large, a sigma or k that is not above 0, an
            unknown gain.

    References:
        Burges, From RankNet to LambdaRank to LambdaMART: an overview, 2010; Burges, Ragno and Le, Learning to rank with
        nonsmooth cost functions, 2006, https://doi.org/10.7551/mitpress/7503.003.0029. Wang, Li, Golbandi, Bendersky
        and Najork, The LambdaLoss framework, 2018, https://doi.org/10.1145/3269206.3271784.

    Example:
        >>> lambda_rank_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[1, 0]]))
        tensor(0.7850)
    """
    check_positive("sigma", sigma)
    check_choice("gain", gain, _GAINS)
    if k is not None:
        check_positive("k", k)
    check_reduction(reduction)
    s, y, valid = _list(scores, target, ignore_index)
    _check_grades(target, gain, ignore_index)
    pairs = _ordered_pairs(y, valid)
    weights = torch.where(pairs, _exchanges(s.detach(), y, valid, gain, k), 0.0)
    values = (weights * -F.logsigmoid(sigma * _differences(s))).sum((1, 2))
    return reduce(values, reduction, pairs.any(2).any(1).to(s.dtype), scores.dtype)


LambdaRankLoss = as_module("LambdaRankLoss", lambda_rank_loss)


def _exchanges(s: Tensor, y: Tensor, valid: Tensor, gain: str, k: int | None) -> Tensor:
    """By how much NDCG changes if two items change places, `(N, L, L)`."""
    gains = _gains(y, valid, gain)
    order = torch.where(valid, s, -torch.inf).argsort(dim=1, descending=True, stable=True)
    ranks = order.argsort(1) + 1
    discounts = _discounts(ranks.to(s.dtype))
    best = _best_gain(gains)
    if k is not None:
        discounts = torch.where(ranks <= k, discounts, 0.0)
        best = _best_gain_of_first(gains, k)
    return (_differences(gains / best) * _differences(discounts)).abs()


def _best_gain_of_first(gains: Tensor, k: int) -> Tensor:
    """The same of the first `k` ranks."""
    return _best_gain(gains.sort(1, descending=True).values[:, :k])


@gradient_of(lambda_rank_loss)
def _lambda_rank_gradient(scores: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\ell / \partial s_i = \sum_{j: y_j > y_i} \lambda_{ji} - \sum_{j: y_i > y_j} \lambda_{ij}` with
    :math:`\lambda_{ij} = \sigma |\Delta_{ij}|\, \sigma(-\sigma (s_i - s_j))`."""
    y = target.to(scores.dtype)
    ranks = 1 + (scores.unsqueeze(1) > scores.unsqueeze(2)).to(y.dtype).sum(2)  # scores without ties
    positions = torch.arange(1, y.shape[1] + 1, dtype=y.dtype)
    gains = (2**y - 1) / ((2 ** y.sort(1, descending=True).values - 1) / (positions + 1).log2()).sum(1, keepdim=True)
    discounts = 1 / (1 + ranks).log2()
    change = ((gains.unsqueeze(2) - gains.unsqueeze(1)) * (discounts.unsqueeze(2) - discounts.unsqueeze(1))).abs()
    pairs = y.unsqueeze(2) > y.unsqueeze(1)
    push = pairs * change * (scores.unsqueeze(1) - scores.unsqueeze(2)).sigmoid()
    return (push.sum(1) - push.sum(2)) / pairs.flatten(1).any(1).sum()


@loss(
    tasks=_TASKS,
    names=("ApproxNDCG", "smooth NDCG"),
    domain={"scores": "scores of a list", "target": "relevance"},
    range=(0.0, 1.0),
    properties=_OF_A_LIST
    | {
        "convex": no("it saturates", first=[[-8.0, 0.0]], other=[[0.0, 0.0]], target=[[1, 0]]),
        "lipschitz": up_to(2.8, "for a list of 8 items"),
        "bounded": yes,
        "scale_invariant": no("a sigmoid of differences", first=[[2.0, 0.0]], target=[[1.0, 0.0]]),
    },
    cases=({"temperature": 0.5}, {"gain": "linear"}, {"ignore_index": -1}),
    chapter=15,
)
def approx_ndcg_loss(
    scores: Tensor,
    target: Tensor,
    *,
    temperature: float = 1.0,
    gain: str = "exponential",
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Approximate NDCG loss: one minus the NDCG of ranks made smooth.

    .. math::

        \ell = 1 - \frac{1}{\mathrm{maxDCG}} \sum_i \frac{G_i}{\log_2 (1 + \hat r_i)}, \qquad
        \hat r_i = 1 + \sum_{j \ne i} \sigma\Big( \frac{s_j - s_i}{\tau} \Big)

    As :math:`\tau` goes to 0 the ranks become those of the scores, and the gradient vanishes. Memory: all pairs of a
    list, `N * L * L`.

    Args:
        scores: `(N, L)`.
        target: grade of each item, the same shape, at least 0, and at most 100 where gains are exponential.
        temperature: :math:`\tau`, above 0.
        gain: :math:`G = 2^y - 1` for `"exponential"`, :math:`G = y` for `"linear"`.
        ignore_index: value of the target that marks padding, or `None`.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of lists with an item of some worth.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. A list in which nothing is worth anything gives 0.

    Raises:
        TypeError: scores that are not floating-point.
        ValueError: shapes that differ, grades that are negative or too large, a temperature that is not above 0, an
            unknown gain.

    References:
        Qin, Liu and Li, A general approximation framework for direct optimization of information retrieval measures,
        2010, https://doi.org/10.1007/s10791-009-9124-x.

    Example:
        >>> approx_ndcg_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[1, 0]]))
        tensor(0.2435)
    """
    check_positive("temperature", temperature)
    check_choice("gain", gain, _GAINS)
    check_reduction(reduction)
    s, y, valid = _list(scores, target, ignore_index)
    _check_grades(target, gain, ignore_index)
    rivals = valid.unsqueeze(1) & ~torch.eye(s.shape[1], dtype=torch.bool, device=s.device)
    ranks = 1 + torch.where(rivals, torch.sigmoid(-_differences(s) / temperature), 0.0).sum(2)
    gains = _gains(y, valid, gain)
    reached = (gains * _discounts(ranks)).sum(1) / _best_gain(gains).squeeze(1)
    worth = (gains > 0).any(1)
    return reduce(torch.where(worth, 1 - reached, 0.0), reduction, worth.to(s.dtype), scores.dtype)


ApproxNDCGLoss = as_module("ApproxNDCGLoss", approx_ndcg_loss)


@gradient_of(approx_ndcg_loss)
def _approx_ndcg_gradient(scores: Tensor, target: Tensor, *, temperature: float = 1.0) -> Tensor:
    r""":math:`\partial\ell / \partial s_k = \sum_i w_i\, \partial\hat r_i / \partial s_k` with
    :math:`w_i = \frac{G_i}{\mathrm{maxDCG}} \frac{\ln 2}{(1 + \hat r_i) \ln^2 (1 + \hat r_i)}` and
    :math:`\partial\hat r_i / \partial s_k = \sigma' / \tau` for :math:`k \ne i`, minus the sum of these for :math:`k =
    i`."""
    y = target.to(scores.dtype)
    rise = ((scores.unsqueeze(1) - scores.unsqueeze(2)) / temperature).sigmoid()  # of j above i
    other = 1 - torch.eye(y.shape[1], dtype=y.dtype)
    ranks = 1 + (rise * other).sum(2)
    positions = torch.arange(1, y.shape[1] + 1, dtype=y.dtype)
    gains = 2**y - 1
    best = (gains.sort(1, descending=True).values / (positions + 1).log2()).sum(1, keepdim=True)
    w = gains / best * torch.log(torch.tensor(2.0, dtype=y.dtype)) / ((1 + ranks) * (1 + ranks).log() ** 2)
    slope = w.unsqueeze(2) * rise * (1 - rise) * other / temperature
    return (slope.sum(1) - slope.sum(2)) / len(scores)
