"""Losses that score class predictions one by one: every pixel, or every example, by itself.

Shapes are torch's: `(N, C, *)` logits with `(N, *)` labels for one label out of `C`, and twice the same shape
where each entry is a yes-or-no question of its own. In segmentation `*` are the dimensions of the picture and
each pixel is an example; these losses are then called distribution-based. Where the target is a distribution itself,
it has the shape of the prediction, and the classes are dimension 1.
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._module import as_module
from ._reduction import narrow, reduce, together, widen
from ._validation import (
    TASKS,
    can_hold,
    check_choice,
    check_class_scores,
    check_class_weight,
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
    valid_entries,
    weighted_entries,
)

__all__ = [
    "AsymmetricLoss",
    "AttentionTargetLoss",
    "BCEWithLogitsLoss",
    "BalancedCrossEntropyLoss",
    "BrierLoss",
    "CTCLoss",
    "ConfidencePenaltyLoss",
    "CrossEntropyLoss",
    "DistillationLoss",
    "EntropyLoss",
    "FocalLoss",
    "HierarchicalCrossEntropyLoss",
    "JensenShannonLoss",
    "KLDivergenceLoss",
    "NLLLoss",
    "Poly1Loss",
    "SelfPacedLoss",
    "SmoothZeroOneLoss",
    "TemporalCrossEntropyLoss",
    "WeightedCrossEntropyLoss",
    "ZeroOneLoss",
    "asymmetric_loss",
    "attention_target_loss",
    "balanced_cross_entropy",
    "binary_cross_entropy_with_logits",
    "brier_loss",
    "confidence_penalty_loss",
    "cross_entropy",
    "ctc_loss",
    "distillation_loss",
    "entropy_loss",
    "focal_loss",
    "hierarchical_cross_entropy",
    "jensen_shannon_loss",
    "kl_divergence_loss",
    "nll_loss",
    "poly1_loss",
    "self_paced_loss",
    "self_paced_weights",
    "smooth_zero_one_loss",
    "temporal_cross_entropy",
    "weighted_cross_entropy",
    "zero_one_loss",
]

_CLASSIFICATION_TASKS = (
    "image classification",
    "object detection",
    "action recognition",
    "motion detection",
    "object tracking",
    "semantic segmentation",
    "tabular",
    "time series",
)
_GROUPS = [[1, 0, 0, 0, 0, 1, 1, 0, 0, 0]]  # the first five positions look alike, and the last five do
_SEPARATE_ROLES = not_applicable("the prediction is a logit, the target a label")
_LOG_LOSS = {
    "minimum_at_target": yes,
    "convex": yes,
    "lipschitz": up_to(2.0),
    "smooth": yes,
    "bounded": no("a confident mistake costs as much as its logit", first=[[[-200.0], [200.0]]], target=[[0]]),
    "symmetric": _SEPARATE_ROLES,
    "proper": yes,
    "scale_invariant": _SEPARATE_ROLES,
    "permutation_invariant": yes,
}


@loss(
    tasks=(*_CLASSIFICATION_TASKS, "text-to-image", "challenges and future"),
    names=(
        "cross-entropy",
        "categorical cross-entropy",
        "softmax cross-entropy",
        "pixel-wise cross-entropy",
        "pixel-wise softmax cross-entropy",
        "soft-target cross-entropy",
        "label smoothing cross-entropy",
    ),
    domain={"logits": "logits", "target": "labels"},
    range=(0.0, float("inf")),
    properties=_LOG_LOSS,
    cases=({"label_smoothing": 0.1}, {"weight": (0.2, 1.0, 3.0)}, {"ignore_index": 1}),
    chapter=8,
)
def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int | None = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Cross-entropy: the surprise, in nats, at the true class under the predicted probabilities.

    On the pixels of a picture it is the pixel-wise (softmax) cross-entropy of segmentation. With a target of
    probabilities it is the soft-target cross-entropy, with `label_smoothing` that of smoothed labels.

    .. math::

        \ell(z, y) = -w_y \log \mathrm{softmax}(z)_y = w_y \Big( \log \sum_{c} e^{z_c} - z_y \Big)

    The arithmetic, and the meaning of every argument, is that of :func:`torch.nn.functional.cross_entropy`.
    Three things are ours: where every label is ignored the mean is a zero attached to the graph, not NaN; the
    gradient at an ignored position is zero even where its logits are NaN; and a single class, whose loss is always
    zero, is an error.

    Args:
        logits: raw scores, `(N, C, *)`; or `(C,)`, one example.
        target: class indices, `(N, *)` integers (`()` for one example); or class probabilities, the shape of the
            logits, floats.
        weight: one weight per class, `(C,)`.
        ignore_index: label of positions that do not count, or `None`. A real class given here still takes part in
            the softmax. It means nothing to probabilities.
        label_smoothing: share of the target that is spread evenly over the classes, in [0, 1].
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the sum of the weights of the counted labels
            (by the number of positions where the target holds probabilities).

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`.

    Raises:
        TypeError: a float target without the shape of the logits.
        ValueError: shapes that do not go together, labels out of range, an `ignore_index` from 0 on beside
            probabilities, an unknown reduction.

    References:
        Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990,
        https://doi.org/10.1007/978-3-642-76153-9_28. Pixel-wise: Long, Shelhamer and Darrell, Fully
        convolutional networks for semantic segmentation, 2015, https://arxiv.org/abs/1411.4038.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> cross_entropy(logits, torch.tensor([0]))
        tensor(0.2395)
    """
    check_tensors(logits=logits, target=target, weight=weight)
    check_floating("logits", logits)
    if logits.dim() == 1 and target.shape in ((), logits.shape):
        return cross_entropy(logits[None], target[None], weight=weight, ignore_index=ignore_index,
                             label_smoothing=label_smoothing, reduction=reduction).reshape(())  # fmt: skip
    check_class_scores("logits", logits)
    check_class_weight(weight, logits.shape[1])
    check_fraction("label_smoothing", label_smoothing)
    check_reduction(reduction)
    scores = widen(logits)
    weight = None if weight is None else weight.to(scores.dtype)
    sum_or_none = "none" if reduction == "none" else "sum"
    if target.is_floating_point() and target.shape == logits.shape:
        if ignore_index is not None and ignore_index >= 0:
            raise ValueError(f"ignore_index marks labels; the target holds probabilities, got {ignore_index}")
        check_probabilities("target", target)
        values = F.cross_entropy(
            scores, target.to(scores.dtype), weight, reduction=sum_or_none, label_smoothing=label_smoothing
        )
        count = values.new_tensor(logits.numel() / logits.shape[1])
    else:
        labels, valid = _labels(target, logits.shape, "logits", ignore_index)
        if valid is not None:  # NaN under an ignored label must not reach the gradient
            scores = torch.where(valid.unsqueeze(1), scores, 0.0)
        values = F.cross_entropy(scores, labels, weight, ignore_index=_NONE if ignore_index is None else ignore_index,
                                 reduction=sum_or_none, label_smoothing=label_smoothing)  # fmt: skip
        count = _label_weights(labels, valid, weight, scores.dtype)
    if reduction == "mean":
        count = count.sum()
        values = values / torch.where(count > 0, count, 1)
    return narrow(values, logits.dtype)


CrossEntropyLoss = as_module("CrossEntropyLoss", cross_entropy)


_NONE = -100  # no label, once labels are known to be in range; torch has no way to say that none is ignored


def _labels(
    target: Tensor, shape: tuple[int, ...], name: str, ignore_index: int | None
) -> tuple[Tensor, Tensor | None]:
    """Class indices for scores of `shape` as torch wants them, and which of them count (`None`: all)."""
    check_labels(target, shape, name, ignore_index)
    return target.long(), valid_entries(target, ignore_index)


def _label_weights(labels: Tensor, valid: Tensor | None, weight: Tensor | None, dtype: torch.dtype) -> Tensor:
    """What each label counts in the mean: its class weight, and zero where it is ignored."""
    if weight is None:
        return labels.new_tensor(labels.numel(), dtype=dtype) if valid is None else valid.to(dtype)
    if valid is None:
        return weight[labels]
    return torch.where(valid, weight[torch.where(valid, labels, 0)], 0.0)


@gradient_of(cross_entropy)
def _cross_entropy_gradient(logits: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = (p_c - [c = y]) / N`: what is predicted minus what is true."""
    p = logits.softmax(1)
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    return (p - truth) / target.numel()


@loss(
    tasks=("object detection", "motion detection", "semantic segmentation", "tabular"),
    names=("binary cross-entropy", "log loss", "logistic loss", "BCE", "soft margin", "multi-label soft margin"),
    domain={"logits": "logits", "target": "mask"},
    range=(0.0, float("inf")),
    properties=_LOG_LOSS
    | {"bounded": no("a confident mistake costs as much as its logit", first=[[200.0]], target=[[0]])},
    cases=({"pos_weight": (3.0,)}, {"weight": (0.3,)}, {"ignore_index": 255}),
    chapter=8,
)  # fmt: skip
def binary_cross_entropy_with_logits(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Binary cross-entropy: the surprise, in nats, at the answer to a yes-or-no question.

    .. math::

        \ell(z, y) = -w \big[ w_+\, y \log \sigma(z) + (1 - y) \log (1 - \sigma(z)) \big]

    The arithmetic is that of :func:`torch.nn.functional.binary_cross_entropy_with_logits`; `ignore_index` is
    ours. As a function of the margin :math:`m = (2y - 1) z` it is :math:`\log(1 + e^{-m})`: torch's
    `soft_margin_loss` (labels -1 and 1) and `multilabel_soft_margin_loss` are this loss under other names.

    Args:
        logits: raw scores, any shape.
        target: truth of the same shape: booleans, 0 and 1, or probabilities between them.
        weight: weight of each entry, broadcast to the shape of the logits. As in torch it does not enter the
            mean's divisor. Where it is zero the entry may be NaN.
        pos_weight: weight :math:`w_+` of the positive answer, broadcast to the shape of the logits.
        ignore_index: value of the target that marks entries which do not count, such as 255 or -1.
        reduction: `"none"` gives the shape of the logits; `"mean"` divides by the number of counted entries.

    Returns:
        The loss in nats: a scalar, or the shape of the logits for `reduction="none"`.

    Raises:
        ValueError: shapes that differ, a target outside [0, 1], a negative weight, an unknown reduction.

    References:
        Cox, The regression analysis of binary sequences, 1958,
        https://doi.org/10.1111/j.2517-6161.1958.tb00292.x.

    Example:
        >>> binary_cross_entropy_with_logits(torch.tensor([2.0, -2.0]), torch.tensor([1.0, 1.0]))
        tensor(1.1269)
    """
    check_tensors(logits=logits, target=target, weight=weight, pos_weight=pos_weight)
    check_floating("logits", logits)
    check_reduction(reduction)
    check_weight(weight, logits.shape, "logits")
    if pos_weight is not None:
        check_spread("pos_weight", pos_weight, logits.shape, "logits")
    if (counted := weighted_entries(weight)) is not None:
        check_same_shape("target", target, "logits", logits)
        logits, target = hidden(counted, logits, target)
    scores, truth, valid = _binary_entries(logits, target, ignore_index)
    weight = None if weight is None else weight.to(scores.dtype)
    pos_weight = None if pos_weight is None else pos_weight.to(scores.dtype)
    learned = weight is not None and weight.requires_grad  # torch has no derivative with respect to this weight
    given = None if learned else weight
    values = F.binary_cross_entropy_with_logits(scores, truth, given, pos_weight=pos_weight, reduction="none")
    if learned:
        values = values * weight
    if valid is None:
        return reduce(values, reduction, dtype=logits.dtype)
    return reduce(torch.where(valid, values, 0.0), reduction, valid.to(values.dtype), logits.dtype)


BCEWithLogitsLoss = as_module("BCEWithLogitsLoss", binary_cross_entropy_with_logits)


def _binary_entries(logits: Tensor, target: Tensor, ignore_index: int | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Scores and truth in the dtype of the computation, neutral where ignored, and which entries count."""
    check_same_shape("target", target, "logits", logits)
    check_probabilities("target", target, ignore_index)
    scores, valid = widen(logits), valid_entries(target, ignore_index)
    truth = target.to(scores.dtype)
    if valid is not None:
        scores, truth = torch.where(valid, scores, 0.0), torch.where(valid, truth, 0.0)
    return scores, truth, valid


@gradient_of(binary_cross_entropy_with_logits)
def _binary_cross_entropy_gradient(logits: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = (\sigma(z) - y) / N`."""
    return (logits.sigmoid() - target) / target.numel()


def _entries(
    logits: Tensor, target: Tensor, task: str, ignore_index: int | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Scores and truth (labels or numbers), both neutral where ignored, and which entries count (`None`: all)."""
    check_choice("task", task, TASKS)
    check_floating("logits", logits)
    if task != "multiclass":
        return _binary_entries(logits, target, ignore_index)
    check_class_scores("logits", logits)
    scores, (labels, valid) = widen(logits), _labels(target, logits.shape, "logits", ignore_index)
    if valid is not None:
        scores, labels = torch.where(valid.unsqueeze(1), scores, 0.0), torch.where(valid, labels, 0)
    return scores, labels, valid


def _cross_entropies(scores: Tensor, truth: Tensor, task: str, weight: Tensor | None = None) -> Tensor:
    """The weighted cross-entropy of each entry of the target."""
    if task == "multiclass":
        values = F.cross_entropy(scores, truth, reduction="none")
    elif weight is None or weight.requires_grad:  # torch has no derivative with respect to this weight
        values = F.binary_cross_entropy_with_logits(scores, truth, reduction="none")
    else:
        return F.binary_cross_entropy_with_logits(scores, truth, weight, reduction="none")
    return values if weight is None else values * weight


@loss(
    tasks=("semantic segmentation", "time series", "challenges and future"),
    names=("weighted cross-entropy", "WCE"),
    domain={"logits": "logits", "target": "target of the task", "weight": "weight map"},
    range=(0.0, float("inf")),
    properties=_LOG_LOSS
    | {"proper": no("weights that depend on the label move the best answer", target=_GROUPS, weight=[[3.0, 1.0] * 5])},
    cases=({"task": "binary"}, {"task": "multilabel"}, {"ignore_index": 1}),
    unit="the sum of the weights",
    chapter=8,
)
def weighted_cross_entropy(
    logits: Tensor,
    target: Tensor,
    weight: Tensor,
    *,
    task: str = "multiclass",
    ignore_index: int | None = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Weighted cross-entropy (WCE): cross-entropy in which each position counts as much as a map says.

    .. math::

        \mathcal L = \frac{\sum_i w_i\, \ell(z_i, y_i)}{\sum_i w_i}

    U-Net weighs pixels between touching cells this way. Class weights are the special case `weight = w[target]`, for
    which :func:`cross_entropy` has an argument (`weight`), as :func:`binary_cross_entropy_with_logits` has
    `pos_weight`.

    Args:
        logits: raw scores, `(N, C, *)`; `(N, *)` for `task="binary"`.
        target: labels `(N, *)` for `"multiclass"`, else 0 and 1 in the shape of the logits.
        weight: non-negative weight of each position, the shape of the target. Where it is zero the scores may be NaN.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        ignore_index: label of positions that do not count, or `None`.
        reduction: `"none"` gives the weighted losses in the shape of the target; `"mean"` divides by the sum
            of weights.

    Returns:
        The loss in nats: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, labels out of range, a negative weight, an unknown task or
            reduction.

    References:
        Ronneberger, Fischer and Brox, U-Net, 2015, https://arxiv.org/abs/1505.04597, equation 1.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 0])
        >>> weighted_cross_entropy(logits, target, torch.tensor([1.0, 3.0]))
        tensor(1.6269)
    """
    check_tensors(logits=logits, target=target, weight=weight)
    check_reduction(reduction)
    check_same_shape("weight", weight, "target", target)
    check_floating("weight", weight)
    counted = weighted_entries(weight)
    if counted is not None and target.is_floating_point():
        (target,) = hidden(counted, target)
    scores, truth, valid = _entries(logits, target, task, ignore_index)
    if counted is not None:
        (scores,) = hidden(counted.unsqueeze(1) if task == "multiclass" else counted, scores)
    weight = weight.to(scores.dtype)
    if valid is not None:
        weight = torch.where(valid, weight, 0.0)
    check_weight(weight, target.shape, "target")
    return reduce(_cross_entropies(scores, truth, task, weight), reduction, weight, logits.dtype)


WeightedCrossEntropyLoss = as_module("WeightedCrossEntropyLoss", weighted_cross_entropy)


@gradient_of(weighted_cross_entropy)
def _weighted_cross_entropy_gradient(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_{ic} = w_i (p_{ic} - [c = y_i]) / \sum_j w_j`."""
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    return (logits.softmax(1) - truth) * (weight / weight.sum()).unsqueeze(1)


@loss(
    tasks=("semantic segmentation",),
    names=("balanced cross-entropy", "BalanCE"),
    domain={"logits": "logits", "target": "target of the task"},
    range=(0.0, float("inf")),
    properties=_LOG_LOSS
    | {
        "bounded": no("a confident mistake costs as much as its logit", first=[[200.0, -200.0]], target=[[0, 1]]),
        "proper": no(
            "the best answer to a rare class is more often yes than the class is there",
            target=_GROUPS,
        ),
    },
    cases=({"task": "multiclass"}, {"task": "multilabel"}, {"per_image": False}, {"ignore_index": 255}),
    unit="the sum of the weights",
    chapter=8,
)
def balanced_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "binary",
    per_image: bool = True,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Balanced cross-entropy (BalanCE): every class has the same say, however few its pixels are.

    .. math::

        \mathcal L = \frac{-\beta \sum_{i: y_i = 1} \log p_i - (1 - \beta) \sum_{i: y_i = 0} \log (1 - p_i)}
                          {\beta\, |Y_+| + (1 - \beta)\, |Y_-|}, \qquad \beta = \frac{|Y_-|}{|Y_+| + |Y_-|}

    The numerator is the loss of the paper (`reduction="sum"`); with the library's divisor, the sum of the
    weights, the mean is the average of the two classes' mean cross-entropies. With several classes a class
    weighs one minus its share. An image that holds a single class gives that class no weight, so it
    contributes nothing.

    Args:
        logits: raw scores, `(N, C, *)`; `(N, *)` for `task="binary"`.
        target: labels `(N, *)` for `"multiclass"`, else booleans or 0 and 1 in the shape of the logits.
        task: `"multiclass"`, `"multilabel"` (each channel is balanced by itself) or `"binary"`.
        per_image: shares are those of the image (the paper's) or, if `False`, of the batch.
        ignore_index: label of positions that do not count, or `None`.
        reduction: `"none"` gives the weighted losses in the shape of the target; `"mean"` divides by the sum
            of weights.

    Returns:
        The loss in nats: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, labels out of range, an unknown task or reduction.

    References:
        Xie and Tu, Holistically-nested edge detection, 2015, https://arxiv.org/abs/1504.06375, equation 2.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0, 0.0, 0.0]]), torch.tensor([[1, 0, 0, 0]])
        >>> balanced_cross_entropy(logits, target)
        tensor(0.4100)
    """
    check_tensors(logits=logits, target=target)
    check_reduction(reduction)
    scores, truth, valid = _entries(logits, target, task, ignore_index)
    if task == "multiclass":
        weight = _rarity_of_labels(truth, valid, scores, per_image)
    else:
        share = _share_of_positives(truth, valid, per_image, by_channel=task == "multilabel")
        weight = torch.lerp(share, 1 - share, truth)
    if valid is not None:
        weight = torch.where(valid, weight, 0.0)
    return reduce(_cross_entropies(scores, truth, task, weight), reduction, weight, logits.dtype)


BalancedCrossEntropyLoss = as_module("BalancedCrossEntropyLoss", balanced_cross_entropy)


def _rarity_of_labels(labels: Tensor, valid: Tensor | None, scores: Tensor, per_image: bool) -> Tensor:
    """One minus the share of each position's class among the counted positions of its image (or the batch)."""
    rows = labels.unsqueeze(1).flatten(1)
    counted = torch.ones_like(rows) if valid is None else valid.unsqueeze(1).flatten(1).long()
    counts = rows.new_zeros(scores.shape[:2]).scatter_add(1, rows, counted).to(scores.dtype)
    if not per_image:
        counts = counts.sum(0, keepdim=True).expand_as(counts)
    share = counts / counts.sum(1, keepdim=True).clamp_min(1)
    return (1 - share).gather(1, rows).reshape(labels.shape)


def _share_of_positives(truth: Tensor, valid: Tensor | None, per_image: bool, by_channel: bool) -> Tensor:
    """The share of the counted entries that are positive, by image (or in the batch) and channel; broadcastable."""
    axes = [axis for axis in range(truth.dim()) if not (axis == 0 and per_image) and not (axis == 1 and by_channel)]
    if not axes:
        return truth
    counted = truth.new_ones(()).expand(truth.shape) if valid is None else valid.to(truth.dtype)
    return truth.sum(axes, keepdim=True) / counted.sum(axes, keepdim=True).clamp_min(1)


@gradient_of(balanced_cross_entropy)
def _balanced_cross_entropy_gradient(logits: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_i = w_i (\sigma(z_i) - y_i) / \sum_j w_j` with
    :math:`w_i = \beta` on the foreground and :math:`1 - \beta` elsewhere."""
    y = target.to(logits.dtype)
    beta = 1 - y.flatten(1).mean(1).reshape(-1, *[1] * (y.dim() - 1))
    weight = beta * y + (1 - beta) * (1 - y)
    return weight * (logits.sigmoid() - y) / weight.sum()


@loss(
    tasks=("image classification", "object detection", "object tracking", "semantic segmentation",
           "challenges and future"),
    names=("focal",),
    domain={"logits": "logits", "target": "target of the task"},
    range=(0.0, float("inf")),
    properties=_LOG_LOSS
    | {
        "convex": no("between a confident and a hesitant hit the loss lies above its chord",
                     first=[[[-2.0], [0.0]]], other=[[[-10.0], [0.0]]], target=[[0]]),
        "proper": no("the best answer is less sure than the truth", target=_GROUPS),
    },
    cases=({"task": "binary"}, {"task": "multilabel", "alpha": 0.25}, {"gamma": 0.5}, {"gamma": 0.0},
           {"alpha": (0.2, 1.0, 3.0)}, {"ignore_index": 255}),
    chapter=8,
)  # fmt: skip
def focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    gamma: float = 2.0,
    alpha: float | Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Focal loss: cross-entropy that pays less and less attention to what is already right.

    .. math::

        \ell = -\alpha_y (1 - p_t)^\gamma \log p_t, \qquad p_t = \text{probability of the true answer}

    Several classes use one softmax (`"multiclass"`); yes-or-no entries use one sigmoid each (`"binary"`,
    `"multilabel"`). For a target between 0 and 1, :math:`1 - p_t = y (1 - p) + (1 - y) p`.

    Args:
        logits: raw scores, `(N, C, *)`; any shape for `task="binary"`.
        target: labels `(N, *)` for `"multiclass"`, else booleans, 0 and 1 or probabilities in the shape of
            the logits.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        gamma: focusing exponent, at least 0; 0 is cross-entropy. Values below 1 have finite gradients too.
        alpha: `None`; for `"binary"` and `"multilabel"` a number in [0, 1], the weight of the positive answer
            (one minus it weighs the negative); for `"multiclass"` one weight per class, `(C,)`.
        ignore_index: value of the target that marks positions which do not count, or `None`.
        reduction: `"none"` gives the shape of the target; `"mean"` divides by the number of counted positions
            (`alpha` does not enter; RetinaNet divides the sum by the number of positives instead).

    Returns:
        The loss in nats: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due; an `alpha` that does not fit the task.
        ValueError: shapes that do not go together, labels out of range, a negative gamma, an unknown
            reduction.

    References:
        Lin, Goyal, Girshick, He and Dollár, Focal loss for dense object detection, 2017,
        https://arxiv.org/abs/1708.02002, equation 5.

    Example:
        >>> focal_loss(torch.tensor([2.0, -2.0]), torch.tensor([1.0, 1.0]), task="binary")
        tensor(0.8259)
    """
    check_tensors(logits=logits, target=target, alpha=alpha if isinstance(alpha, Tensor) else None)
    check_reduction(reduction)
    check_positive("gamma", gamma, zero=True)
    scores, truth, valid = _entries(logits, target, task, ignore_index)
    weight = _alpha_weights(alpha, truth, task, logits)
    if task == "multiclass":
        values = _cross_entropies(scores, truth, task)
        miss = -torch.expm1(-values)  # 1 - p_t, since values = -log p_t
        values = values if weight is None else values * weight
    else:
        values = _cross_entropies(scores, truth, task, weight)
        p = torch.sigmoid(scores)
        miss = torch.lerp(p, 1 - p, truth)
    if gamma < 2:  # where a prediction is perfect to the last bit, the power's derivatives would be infinite
        miss = miss.clamp_min(torch.finfo(miss.dtype).tiny)
    values = values * miss**gamma
    if valid is None:
        return reduce(values, reduction, dtype=logits.dtype)
    return reduce(torch.where(valid, values, 0.0), reduction, valid.to(values.dtype), logits.dtype)


FocalLoss = as_module("FocalLoss", focal_loss)


def _alpha_weights(alpha: float | Tensor | None, truth: Tensor, task: str, logits: Tensor) -> Tensor | None:
    """What each entry weighs by `alpha`: its class's number, or by which answer is true; `None` where all weigh 1."""
    if alpha is None:
        return None
    if task == "multiclass":
        if not isinstance(alpha, Tensor):
            raise TypeError(f"alpha must hold one weight per class for task='multiclass', got {alpha!r}")
        check_class_weight(alpha, logits.shape[1], "alpha")
        return alpha.to(widen(logits).dtype)[truth]
    if isinstance(alpha, Tensor):
        raise TypeError(f"alpha must be a number in [0, 1] for task={task!r}, got a tensor")
    check_fraction("alpha", alpha)
    return 1 - alpha + (2 * alpha - 1) * truth


@gradient_of(focal_loss)
def _focal_gradient(logits: Tensor, target: Tensor, *, gamma: float = 2.0) -> Tensor:
    r""":math:`\partial\ell / \partial z_c = f(p_t)\, (p_c - [c = y])`, cross-entropy's gradient times
    :math:`f(p_t) = (1-p_t)^\gamma - \gamma\, p_t (1-p_t)^{\gamma-1} \log p_t`."""
    p = logits.softmax(1)
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    p_t = (p * truth).sum(1, keepdim=True)
    factor = (1 - p_t) ** gamma - gamma * p_t * (1 - p_t) ** (gamma - 1) * p_t.log()
    return factor * (p - truth) / target.numel()


def _reduced(values: Tensor, valid: Tensor | None, reduction: str, dtype: torch.dtype) -> Tensor:
    """The reduction of one value per entry, where ignored entries do not count."""
    if valid is None:
        return reduce(values, reduction, dtype=dtype)
    return reduce(torch.where(valid, values, 0.0), reduction, valid.to(values.dtype), dtype)


@loss(
    tasks=_CLASSIFICATION_TASKS,
    names=("negative log-likelihood of classes", "NLL"),
    domain={"log_probabilities": "log-probabilities", "target": "labels"},
    range=(0.0, float("inf")),
    properties=_LOG_LOSS
    | {
        "lipschitz": up_to(1.0),
        "symmetric": not_applicable("the prediction is a log-probability, the target a label"),
        "scale_invariant": not_applicable("the prediction is a log-probability, the target a label"),
        "proper": not_applicable("it reads one number per example and does not see whether all of them sum to one"),
    },
    cases=({"weight": (0.2, 1.0, 3.0)}, {"ignore_index": 1}),
    chapter=3,
)
def nll_loss(
    log_probabilities: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Negative log-likelihood of labels: minus the log-probability that the prediction gives to the true class.

    .. math::

        \ell(\log p, y) = -w_y \log p_y

    It is what remains of :func:`cross_entropy` once the log-softmax is taken: `nll_loss(z.log_softmax(1), y)` is
    `cross_entropy(z, y)`. The arithmetic is that of :func:`torch.nn.functional.nll_loss`; where every label is
    ignored, the mean is a zero attached to the graph. Probabilities or logits that are passed by mistake are refused
    where that shows, in a loss below zero (eager mode, CPU).

    Args:
        log_probabilities: logarithms of class probabilities, `(N, C, *)`, such as `log_softmax` gives; or `(C,)`, one
            example.
        target: class indices, `(N, *)` integers; `()` for one example.
        weight: one weight per class, `(C,)`.
        ignore_index: label of positions that do not count, or `None`.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the sum of the weights of the counted labels.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`.

    Raises:
        TypeError: a target that holds no integers.
        ValueError: shapes that do not go together, labels out of range, a logarithm above 0, an unknown reduction.

    References:
        Fisher, On the mathematical foundations of theoretical statistics, 1922,
        https://doi.org/10.1098/rsta.1922.0009.

    Example:
        >>> nll_loss(torch.tensor([[0.5, 0.25, 0.25]]).log(), torch.tensor([1]))
        tensor(1.3863)
    """
    check_tensors(log_probabilities=log_probabilities, target=target, weight=weight)
    check_floating("log_probabilities", log_probabilities)
    if log_probabilities.dim() == 1 and target.dim() == 0:
        return nll_loss(log_probabilities[None], target[None], weight=weight, ignore_index=ignore_index,
                        reduction=reduction).reshape(())  # fmt: skip
    check_class_scores("log_probabilities", log_probabilities)
    labels, valid = _labels(target, log_probabilities.shape, "log_probabilities", ignore_index)
    check_class_weight(weight, log_probabilities.shape[1])
    check_reduction(reduction)
    scores = widen(log_probabilities)
    if valid is not None:
        scores = torch.where(valid.unsqueeze(1), scores, 0.0)
    weight = None if weight is None else weight.to(scores.dtype)
    sum_or_none = "none" if reduction == "none" else "sum"
    ignored = _NONE if ignore_index is None else ignore_index
    values = F.nll_loss(scores, labels, weight, ignore_index=ignored, reduction=sum_or_none)
    if known(values, lambda: values.sum() >= -1e-3 * labels.numel()) is False:
        raise ValueError("log_probabilities must not be above 0; apply log_softmax, or use cross_entropy on logits")
    if reduction == "mean":
        count = _label_weights(labels, valid, weight, scores.dtype).sum()
        values = values / torch.where(count > 0, count, 1)
    return narrow(values, log_probabilities.dtype)


NLLLoss = as_module("NLLLoss", nll_loss)


@gradient_of(nll_loss)
def _nll_gradient(log_probabilities: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial \log p_c = -[c = y] / N`."""
    truth = F.one_hot(target, log_probabilities.shape[1]).movedim(-1, 1)
    return -truth.to(log_probabilities.dtype) / target.numel()


@loss(
    tasks=("image classification", "object detection"),
    names=("PolyLoss", "Poly-1"),
    domain={"logits": "logits", "target": "target of the task"},
    range=(0.0, float("inf")),
    properties=_LOG_LOSS
    | {
        "lipschitz": up_to(3.0),
        "proper": no("its linear term draws the best answer toward the likeliest class", target=_GROUPS),
    },
    cases=({"task": "binary"}, {"task": "multilabel", "epsilon": -1.0}, {"epsilon": 2.5}, {"ignore_index": 255}),
    chapter=3,
)
def poly1_loss(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    epsilon: float = 1.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Poly-1 loss: cross-entropy with another weight on the first term of its expansion in the miss.

    .. math::

        \ell = -\log p_t + \varepsilon (1 - p_t), \qquad -\log p_t = \sum_{j \ge 1} \tfrac{1}{j} (1 - p_t)^j

    The paper takes :math:`\varepsilon = 2` for classification on ImageNet and -1, which drops the first term, for
    detection. The loss is convex in the logits for :math:`-1 \le \varepsilon \le 1`.

    Args:
        logits: raw scores, `(N, C, *)`; any shape for `task="binary"`.
        target: labels `(N, *)` for `"multiclass"`, else booleans, 0 and 1 or probabilities in the shape of
            the logits; there the miss is :math:`y (1 - p) + (1 - y) p`.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        epsilon: what is added to the first coefficient, at least -1; 0 is cross-entropy.
        ignore_index: value of the target that marks positions which do not count, or `None`.
        reduction: `"none"` gives the shape of the target; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in nats: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, labels out of range, an epsilon below -1, an unknown reduction.

    References:
        Leng, Tan, Liu, Cubuk, Shi, Cheng and Anguelov, PolyLoss, 2022, https://arxiv.org/abs/2204.12511.

    Example:
        >>> poly1_loss(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
        tensor(0.2461)
    """
    check_tensors(logits=logits, target=target)
    check_reduction(reduction)
    if not -1 <= epsilon < math.inf:
        raise ValueError(f"epsilon must be at least -1, and finite, got {epsilon}")
    scores, truth, valid = _entries(logits, target, task, ignore_index)
    values = _cross_entropies(scores, truth, task)
    if task == "multiclass":
        miss = -torch.expm1(-values)  # 1 - p_t, since values = -log p_t
    else:
        miss = torch.lerp(torch.sigmoid(scores), torch.sigmoid(-scores), truth)  # 1 - p would round a small miss away
    return _reduced(values + epsilon * miss, valid, reduction, logits.dtype)


Poly1Loss = as_module("Poly1Loss", poly1_loss)


@gradient_of(poly1_loss)
def _poly1_gradient(logits: Tensor, target: Tensor, *, epsilon: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = (1 + \varepsilon p_t) (p_c - [c = y]) / N`."""
    p = logits.softmax(1)
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    p_t = (p * truth).sum(1, keepdim=True)
    return (1 + epsilon * p_t) * (p - truth) / target.numel()


@loss(
    tasks=("image classification",),
    names=("ASL",),
    domain={"logits": "logits", "target": "mask"},
    range=(0.0, float("inf")),
    properties=_LOG_LOSS
    | {
        "convex": no("a confident false alarm costs no more than -log of the clip", first=[[3.0]], other=[[9.0]],
                     target=[[0]]),
        "bounded": no("a confident miss costs as much as its logit", first=[[-200.0]], target=[[1]]),
        "proper": no("misses and false alarms weigh differently", target=_GROUPS),
    },
    cases=({"gamma_negative": 2.0, "gamma_positive": 0.5}, {"gamma_negative": 0.5, "clip": 0.2},
           {"gamma_negative": 0.0, "gamma_positive": 0.0, "clip": 0.0}, {"clip": 0.0}, {"ignore_index": 255}),
    chapter=3,
)  # fmt: skip
def asymmetric_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma_negative: float = 4.0,
    gamma_positive: float = 1.0,
    clip: float = 0.05,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Asymmetric loss (ASL): a focal loss for many labels that all but forgets the easy negatives.

    .. math::

        \ell = -y\, (1 - p)^{\gamma_+} \log p - (1 - y)\, p_m^{\gamma_-} \log (1 - p_m), \qquad p_m = \max(p - m, 0)

    Negatives below the margin :math:`m` (`clip`) cost nothing and have no gradient. Everything is computed from the
    logits, so that the worst mistakes keep their gradient (a logit of -200 at a true label: slope -1) and exponents
    below 1 have finite gradients. The defaults are those of the authors' program, which returns the sum over the
    batch and holds the focusing factors fixed when it forms the gradient; here they take part in it.

    Args:
        logits: raw scores, any shape; usually `(N, C)`.
        target: truth of the same shape: booleans, 0 and 1, or probabilities between them, which mix the two terms.
        gamma_negative: focusing exponent of the negatives, at least 0.
        gamma_positive: focusing exponent of the positives, at least 0.
        clip: margin :math:`m` by which the probability of a negative is shifted down, in [0, 1).
        ignore_index: value of the target that marks entries which do not count, or `None`.
        reduction: `"none"` gives the shape of the logits; `"mean"` divides by the number of counted entries.

    Returns:
        The loss in nats: a scalar, or the shape of the logits for `reduction="none"`.

    Raises:
        ValueError: shapes that differ, a target outside [0, 1], a negative exponent, a clip outside [0, 1), an
            unknown reduction.

    References:
        Ridnik, Ben-Baruch, Zamir, Noy, Friedman, Protter and Zelnik-Manor, Asymmetric loss for multi-label
        classification, 2021, https://arxiv.org/abs/2009.14119.

    Example:
        >>> asymmetric_loss(torch.tensor([[2.0, -1.0, -4.0]]), torch.tensor([[1, 0, 0]]))
        tensor(0.0052)
    """
    check_tensors(logits=logits, target=target)
    check_floating("logits", logits)
    check_positive("gamma_negative", gamma_negative, zero=True)
    check_positive("gamma_positive", gamma_positive, zero=True)
    if not 0 <= clip < 1:
        raise ValueError(f"clip must lie in [0, 1), got {clip}")
    check_reduction(reduction)
    scores, truth, valid = _binary_entries(logits, target, ignore_index)
    log_yes, log_no = F.logsigmoid(scores), F.logsigmoid(-scores)
    positive = torch.exp(gamma_positive * log_no) * log_yes  # powers of logarithms have finite slopes everywhere
    if clip > 0:
        shifted = (torch.sigmoid(scores) - clip).clamp_min(0)
        focus = shifted.clamp_min(torch.finfo(shifted.dtype).tiny) ** gamma_negative
        negative = focus * torch.log1p(-shifted)
    else:
        negative = torch.exp(gamma_negative * log_yes) * log_no
    return _reduced(-torch.lerp(negative, positive, truth), valid, reduction, logits.dtype)


AsymmetricLoss = as_module("AsymmetricLoss", asymmetric_loss)


@gradient_of(asymmetric_loss)
def _asymmetric_gradient(
    logits: Tensor, target: Tensor, *, gamma_negative: float = 4.0, gamma_positive: float = 1.0, clip: float = 0.05
) -> Tensor:
    r""":math:`\partial\ell / \partial z = \gamma_+ p (1-p)^{\gamma_+} \log p - (1-p)^{\gamma_+ + 1}` at a positive
    and :math:`p (1-p) \big[ p_m^{\gamma_-} / (1 - p_m) - \gamma_- p_m^{\gamma_- - 1} \log (1 - p_m) \big]` at a
    negative with :math:`p > m`, else zero; over :math:`N` for the mean."""
    p = logits.sigmoid()
    miss = 1 - p
    yes_ = gamma_positive * p * miss**gamma_positive * p.log() - miss ** (gamma_positive + 1)
    above = p > clip
    p_m = torch.where(above, p - clip, 0.5)
    slope = p_m**gamma_negative / (1 - p_m) - gamma_negative * p_m ** (gamma_negative - 1) * torch.log1p(-p_m)
    no_ = torch.where(above, p * miss * slope, 0.0)
    return torch.where(target > 0, yes_, no_) / target.numel()


_DISTRIBUTIONS = not_applicable("the prediction is a logit, the target a probability")
_DIVERGENCE = _LOG_LOSS | {
    "bounded": no("it grows with the logit of what is likely", first=[[[-200.0], [200.0]]],
                  target=[[[1.0], [0.0]]]),
    "symmetric": _DISTRIBUTIONS,
    "scale_invariant": _DISTRIBUTIONS,
}  # fmt: skip


@loss(
    tasks=("image classification", "audio-to-image"),
    names=("Kullback-Leibler", "KL divergence", "KL", "relative entropy"),
    domain={"prediction": "logits or probabilities", "target": "class probabilities"},
    range=(0.0, float("inf")),
    properties=_DIVERGENCE,
    cases=({"direction": "reverse"}, {"from_logits": False}, {"direction": "reverse", "from_logits": False}),
    chapter=3,
)
def kl_divergence_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    direction: str = "forward",
    from_logits: bool = True,
    reduction: str = "mean",
) -> Tensor:
    r"""Kullback-Leibler divergence: the nats that are lost by taking the prediction for the target distribution.

    .. math::

        D(t \| p) = \sum_c t_c (\log t_c - \log p_c), \qquad p = \mathrm{softmax}(z)

    `direction="forward"` is :math:`D(t \| p)`, as in torch: it costs much where the prediction misses what is
    likely. `"reverse"` is :math:`D(p \| t)`: it costs much where the prediction claims what is unlikely. The
    classes are summed and `"mean"` is the mean over distributions, which torch calls `"batchmean"` (for `(N, C)`);
    torch's own `"mean"` divides by the number of classes, too.

    A class of target probability zero adds nothing to the forward divergence. In the reverse one, and for
    probabilities of zero with `from_logits=False`, zero counts as the smallest normal number of the dtype (87 nats
    in float32), where the slope is zero: prefer logits.

    Args:
        prediction: logits, or with `from_logits=False` probabilities, `(N, C, *)`.
        target: class probabilities of the same shape, summing to one over dimension 1.
        direction: `"forward"` or `"reverse"`.
        from_logits: whether the prediction holds logits.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by their number.

    Returns:
        The divergence in nats: a scalar, or `(N, *)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, numbers outside [0, 1], an unknown direction or reduction.

    References:
        Kullback and Leibler, On information and sufficiency, 1951, https://doi.org/10.1214/aoms/1177729694.

    Example:
        >>> prediction, target = torch.tensor([[0.25, 0.75]]), torch.tensor([[0.5, 0.5]])
        >>> kl_divergence_loss(prediction, target, from_logits=False)
        tensor(0.1438)
        >>> kl_divergence_loss(prediction, target, from_logits=False, direction="reverse")
        tensor(0.1308)
    """
    check_choice("direction", direction, ("forward", "reverse"))
    check_reduction(reduction)
    log_p, truth = _two_distributions(prediction, target, from_logits)
    if direction == "forward" and reduction != "none":
        total, count = F.kl_div(log_p, truth, reduction="sum"), prediction[:, 0].numel()
        return narrow(total / max(count, 1) if reduction == "mean" else total, prediction.dtype)
    if direction == "forward":
        values = F.kl_div(log_p, truth, reduction="none").sum(1)
    else:
        values = (log_p.exp() * (log_p - _safe_log(truth))).sum(1)
    return reduce(values, reduction, dtype=prediction.dtype)


KLDivergenceLoss = as_module("KLDivergenceLoss", kl_divergence_loss)


def _safe_log(p: Tensor) -> Tensor:
    """The logarithm of a probability; zero counts as the smallest normal number."""
    return p.clamp_min(torch.finfo(p.dtype).tiny).log()


def _two_distributions(prediction: Tensor, target: Tensor, from_logits: bool) -> tuple[Tensor, Tensor]:
    """The log-probabilities of the prediction, and the target's probabilities, in one dtype."""
    check_tensors(prediction=prediction, target=target)
    check_floating("prediction", prediction)
    check_floating("target", target)
    check_layout("prediction", prediction, "N", "C", "*")
    check_same_shape("target", target, "prediction", prediction)
    check_probabilities("target", target)
    scores, truth = together(prediction, target)
    if from_logits:
        return scores.log_softmax(1), truth
    check_probabilities("prediction", prediction)
    return _safe_log(scores), truth


@gradient_of(kl_divergence_loss)
def _kl_divergence_gradient(prediction: Tensor, target: Tensor, *, direction: str = "forward") -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = (p_c \sum_k t_k - t_c) / N` forward, and
    :math:`p_c (\log \tfrac{p_c}{t_c} - D(p \| t)) / N` in reverse."""
    p, count = prediction.softmax(1), prediction[:, 0].numel()
    if direction == "forward":
        return (p * target.sum(1, keepdim=True) - target) / count
    ratio = p.log() - target.log()
    return p * (ratio - (p * ratio).sum(1, keepdim=True)) / count


@loss(
    tasks=("image classification",),
    names=("Jensen-Shannon divergence", "JS", "JSD"),
    domain={"prediction": "logits or probabilities", "target": "class probabilities"},
    range=(0.0, math.log(2)),
    properties=_DIVERGENCE
    | {
        "convex": no("it levels off at log 2", first=[[[-2.0], [0.0]]], other=[[[-10.0], [0.0]]],
                     target=[[[1.0], [0.0]]]),
        "lipschitz": up_to(1.0),
        "bounded": yes,
        "proper": no("the best answer to labels is surer than the truth",
                     first=[[math.log(0.8), math.log(0.2)]] * 5, other=[[math.log(0.9), math.log(0.1)]] * 5,
                     target=[[1.0, 0.0]] * 4 + [[0.0, 1.0]]),
    },
    cases=({"from_logits": False},),
    chapter=3,
)  # fmt: skip
def jensen_shannon_loss(
    prediction: Tensor, target: Tensor, *, from_logits: bool = True, reduction: str = "mean"
) -> Tensor:
    r"""Jensen-Shannon divergence: how far prediction and target lie from their mixture, in nats.

    .. math::

        \mathrm{JS}(p, t) = \tfrac12 D(p \| m) + \tfrac12 D(t \| m), \qquad m = \tfrac12 (p + t)

    On probabilities it is symmetric, and it is at most :math:`\log 2`, which two distributions without a common
    class reach; its square root is a metric. Classes of probability zero in both add nothing. With
    `from_logits=False` a probability of zero has a slope of zero.

    Args:
        prediction: logits, or with `from_logits=False` probabilities, `(N, C, *)`.
        target: class probabilities of the same shape, summing to one over dimension 1.
        from_logits: whether the prediction holds logits.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by their number.

    Returns:
        The divergence in nats: a scalar, or `(N, *)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, numbers outside [0, 1], an unknown reduction.

    References:
        Lin, Divergence measures based on the Shannon entropy, 1991, https://doi.org/10.1109/18.61115.

    Example:
        >>> jensen_shannon_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), from_logits=False)
        tensor(0.6931)
    """
    check_reduction(reduction)
    log_p, truth = _two_distributions(prediction, target, from_logits)
    log_t = _safe_log(truth)
    log_m = torch.logaddexp(log_p, log_t) - math.log(2)
    values = (log_p.exp() * (log_p - log_m) + truth * (log_t - log_m)).sum(1) / 2
    return reduce(values, reduction, dtype=prediction.dtype)


JensenShannonLoss = as_module("JensenShannonLoss", jensen_shannon_loss)


@gradient_of(jensen_shannon_loss)
def _jensen_shannon_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = \tfrac12 p_c (\log \tfrac{p_c}{m_c} - D(p \| m)) / N`."""
    p = prediction.softmax(1)
    ratio = p.log() - ((p + target) / 2).log()
    return p * (ratio - (p * ratio).sum(1, keepdim=True)) / (2 * prediction[:, 0].numel())


@loss(
    tasks=("image classification",),
    names=("knowledge distillation", "KD"),
    domain={"logits": "logits within 100", "target": "labels", "teacher_logits": "logits"},
    range=(0.0, float("inf")),
    properties=_LOG_LOSS
    | {
        "minimum_at_target": not_applicable("label and teacher may ask for different answers"),
        "lipschitz": up_to(6.0),
        "proper": no("the teacher draws the answer to its own", target=_GROUPS,
                     teacher_logits=[[[0.0] * 10, [0.0] * 10]]),
        "bounded": no("a confident mistake costs as much as its logit", first=[[[-200.0], [200.0]]], target=[[0]],
                      teacher_logits=[[[0.0], [0.0]]]),
    },
    cases=({"temperature": 1.0, "alpha": 1.0}, {"temperature": 0.5, "alpha": 0.3}, {"alpha": 0.0},
           {"ignore_index": 1}),
    chapter=3,
)  # fmt: skip
def distillation_loss(
    logits: Tensor,
    target: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float = 4.0,
    alpha: float = 0.9,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Distillation: cross-entropy with the label, mixed with the divergence from a teacher's softened answer.

    .. math::

        \ell = (1 - \alpha)\, \mathrm{CE}(z, y)
             + \alpha\, T^2 D\big( \mathrm{softmax}(v / T) \,\|\, \mathrm{softmax}(z / T) \big)

    The factor :math:`T^2` keeps the size of the teacher's gradient when the temperature changes (Hinton et al.,
    section 2); for a large :math:`T` the term tends to the mean squared difference of the centered logits over
    two times the number of classes. Libraries differ by that factor, by which term `alpha` weighs, and some divide
    the divergence by the number of classes; here the classes are summed. Form the teacher's logits without a
    gradient: nothing here detaches them.

    Args:
        logits: the student's raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        teacher_logits: the teacher's raw scores :math:`v`, the shape of the logits.
        temperature: :math:`T`, above 0. In float32 the divergence of two answers that are softened by more than some
            hundreds is lost in rounding.
        alpha: share of the teacher's term, in [0, 1].
        ignore_index: label of positions that do not count, in neither term.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`.

    Raises:
        TypeError: a target that holds no integers.
        ValueError: shapes that do not go together, labels out of range, a temperature that is not positive, an alpha
            outside [0, 1], an unknown reduction.

    References:
        Hinton, Vinyals and Dean, Distilling the knowledge in a neural network, 2015,
        https://arxiv.org/abs/1503.02531.

    Example:
        >>> logits, teacher = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 0.0]])
        >>> distillation_loss(logits, torch.tensor([0]), teacher, temperature=2.0)
        tensor(0.3562)
    """
    check_tensors(logits=logits, target=target, teacher_logits=teacher_logits)
    check_floating("teacher_logits", teacher_logits)
    check_same_shape("teacher_logits", teacher_logits, "logits", logits)
    check_positive("temperature", temperature)
    check_fraction("alpha", alpha)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    scores, teacher = together(scores, teacher_logits)
    if valid is not None:
        teacher = torch.where(valid.unsqueeze(1), teacher, 0.0)
    log_p, log_t = (scores / temperature).log_softmax(1), (teacher / temperature).log_softmax(1)
    soft = F.kl_div(log_p, log_t, reduction="none", log_target=True).sum(1)
    hard = F.cross_entropy(scores, labels, reduction="none")
    values = (1 - alpha) * hard + alpha * temperature**2 * soft
    return _reduced(values, valid, reduction, logits.dtype)


DistillationLoss = as_module("DistillationLoss", distillation_loss)


@gradient_of(distillation_loss)
def _distillation_gradient(
    logits: Tensor, target: Tensor, teacher_logits: Tensor, *, temperature: float = 4.0, alpha: float = 0.9
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = \big[ (1 - \alpha) (p - y) + \alpha T (p_T - t_T) \big] / N`, where
    :math:`p_T` and :math:`t_T` are the answers of student and teacher at temperature :math:`T`."""
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    soft = (logits / temperature).softmax(1) - (teacher_logits / temperature).softmax(1)
    return ((1 - alpha) * (logits.softmax(1) - truth) + alpha * temperature * soft) / target.numel()


def _entropies(log_p: Tensor) -> Tensor:
    """The entropy of each distribution over dimension 1."""
    return -(log_p.exp() * log_p).sum(1)


@loss(
    tasks=("image classification",),
    names=("confidence penalty",),
    domain={"logits": "logits", "target": "labels"},
    range=(-float("inf"), float("inf")),
    properties=_LOG_LOSS
    | {
        "minimum_at_target": not_applicable("the best answer is a little unsure, and how much depends on beta"),
        "convex": no("a weight on the entropy that is large bends it", first=[[[2.0], [0.0]]],
                     other=[[[10.0], [0.0]]], target=[[0]], beta=5.0),
        "proper": no("the best answer is less sure than the truth", target=_GROUPS),
    },
    cases=({"beta": 0.7}, {"beta": 0.0}, {"ignore_index": 1}),
    chapter=3,
)  # fmt: skip
def confidence_penalty_loss(
    logits: Tensor,
    target: Tensor,
    *,
    beta: float = 0.1,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Confidence penalty: cross-entropy minus a share of the entropy of the prediction, so that sureness costs.

    .. math::

        \ell = -\log p_y - \beta H(p), \qquad H(p) = -\sum_c p_c \log p_c

    Up to a constant it adds :math:`\beta D(p \| u)`, the divergence from the uniform distribution; label smoothing
    adds that of the other direction. The loss may fall a little below zero: for `beta=0.1` and ten classes, by
    0.00004 at the most.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        beta: weight of the entropy, at least 0.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`.

    Raises:
        TypeError: a target that holds no integers.
        ValueError: shapes that do not go together, labels out of range, a negative beta, an unknown reduction.

    References:
        Pereyra, Tucker, Chorowski, Kaiser and Hinton, Regularizing neural networks by penalizing confident output
        distributions, 2017, https://arxiv.org/abs/1701.06548.

    Example:
        >>> confidence_penalty_loss(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
        tensor(0.0904)
    """
    check_tensors(logits=logits, target=target)
    check_positive("beta", beta, zero=True)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    log_p = scores.log_softmax(1)
    values = F.nll_loss(log_p, labels, reduction="none") - beta * _entropies(log_p)
    return _reduced(values, valid, reduction, logits.dtype)


ConfidencePenaltyLoss = as_module("ConfidencePenaltyLoss", confidence_penalty_loss)


@gradient_of(confidence_penalty_loss)
def _confidence_penalty_gradient(logits: Tensor, target: Tensor, *, beta: float = 0.1) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = \big[ p_c - [c = y] + \beta p_c (\log p_c + H(p)) \big] / N`."""
    log_p, truth = logits.log_softmax(1), F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    p = log_p.exp()
    return (p - truth + beta * p * (log_p + _entropies(log_p).unsqueeze(1))) / target.numel()


_NO_TARGET = not_applicable("there is no target")


@loss(
    tasks=("image classification",),
    names=("entropy minimization", "minimum entropy regularization"),
    domain={"logits": "scores of the task"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": _NO_TARGET,
        "convex": no("it falls on both sides of doubt", first=[[[-2.0], [0.0]]], other=[[[2.0], [0.0]]]),
        "lipschitz": up_to(2.0, "for a few classes; it grows with the logarithm of their number"),
        "smooth": yes,
        "bounded": not_applicable("the bound is the logarithm of the number of classes"),
        "symmetric": _NO_TARGET,
        "proper": _NO_TARGET,
        "scale_invariant": _NO_TARGET,
        "permutation_invariant": yes,
    },
    cases=({"task": "binary"}, {"task": "multilabel"}),
    chapter=3,
)
def entropy_loss(logits: Tensor, *, task: str = "multiclass", reduction: str = "mean") -> Tensor:
    r"""Entropy: the doubt in a prediction, in nats; to minimize it where there are no labels asks for a decision.

    .. math::

        H(p) = -\sum_c p_c \log p_c

    It is zero for a sure answer and :math:`\log C` for a uniform one, and its gradient is zero at both, so an answer
    in perfect doubt stays there.

    Args:
        logits: raw scores, `(N, C, *)`; any shape for `task="binary"`.
        task: `"multiclass"` (one softmax), `"multilabel"` or `"binary"` (one sigmoid for each entry).
        reduction: `"none"` gives `(N, *)` for `"multiclass"`, else the shape of the logits; `"mean"` divides by the
            number of these entropies.

    Returns:
        The entropy in nats: a scalar, or one for each distribution for `reduction="none"`.

    Raises:
        TypeError: logits that are not floating-point.
        ValueError: logits of the wrong shape, an unknown task or reduction.

    References:
        Grandvalet and Bengio, Semi-supervised learning by entropy minimization, Advances in Neural Information
        Processing Systems 17, 2004, ISBN 978-0262195348.

    Example:
        >>> entropy_loss(torch.tensor([[2.0, 0.0], [0.0, 0.0]]), reduction="none")
        tensor([0.3653, 0.6931])
    """
    check_tensors(logits=logits)
    check_choice("task", task, TASKS)
    check_floating("logits", logits)
    check_reduction(reduction)
    scores = widen(logits)
    if task == "multiclass":
        check_class_scores("logits", logits)
        values = _entropies(scores.log_softmax(1))
    else:
        values = F.binary_cross_entropy_with_logits(scores, scores.sigmoid(), reduction="none")
    return reduce(values, reduction, dtype=logits.dtype)


EntropyLoss = as_module("EntropyLoss", entropy_loss)


@gradient_of(entropy_loss)
def _entropy_gradient(logits: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = -p_c (\log p_c + H(p)) / N`."""
    log_p = logits.log_softmax(1)
    return -log_p.exp() * (log_p + _entropies(log_p).unsqueeze(1)) / logits[:, 0].numel()


@loss(
    tasks=("image classification",),
    names=("Brier score", "quadratic score"),
    domain={"logits": "logits", "target": "target of the task"},
    range=(0.0, 2.0),
    properties=_LOG_LOSS
    | {
        "convex": no("a confident mistake costs hardly more than a sure one", first=[[[-2.0], [0.0]]],
                     other=[[[-10.0], [0.0]]], target=[[0]]),
        "bounded": yes,
    },
    cases=({"task": "binary"}, {"task": "multilabel"}, {"ignore_index": 255}),
    chapter=3,
)  # fmt: skip
def brier_loss(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Brier score: the squared distance between predicted probabilities and what happened.

    .. math::

        \ell = \sum_c (p_c - [c = y])^2 \in [0, 2], \qquad \text{binary: } \ell = (\sigma(z) - y)^2 \in [0, 1]

    The sum over classes is Brier's definition. For yes-or-no answers the custom is half of that, one term in place
    of two, as in scikit-learn's `brier_score_loss`. Like cross-entropy it is a proper score, but it is bounded, and
    its slope vanishes at confident mistakes.

    Args:
        logits: raw scores, `(N, C, *)`; any shape for `task="binary"`.
        target: labels `(N, *)` for `"multiclass"`, else booleans, 0 and 1 or probabilities in the shape of
            the logits.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        ignore_index: value of the target that marks positions which do not count, or `None`.
        reduction: `"none"` gives the shape of the target; `"mean"` divides by the number of counted positions.

    Returns:
        The score: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, labels out of range, an unknown task or reduction.

    References:
        Brier, Verification of forecasts expressed in terms of probability, 1950,
        https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

    Example:
        >>> logits = torch.tensor([[0.0, 0.0]])
        >>> brier_loss(logits, torch.tensor([0])), brier_loss(logits, torch.tensor([[1, 0]]), task="multilabel")
        (tensor(0.5000), tensor(0.2500))
    """
    check_tensors(logits=logits, target=target)
    check_reduction(reduction)
    scores, truth, valid = _entries(logits, target, task, ignore_index)
    if task == "multiclass":
        p, places = scores.softmax(1), truth.unsqueeze(1)
        values = p.scatter_add(1, places, torch.full_like(places, -1, dtype=p.dtype)).square().sum(1)
    else:
        values = (scores.sigmoid() - truth).square()
    return _reduced(values, valid, reduction, logits.dtype)


BrierLoss = as_module("BrierLoss", brier_loss)


@gradient_of(brier_loss)
def _brier_gradient(logits: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = 2 p_c (d_c - \sum_k p_k d_k) / N` with
    :math:`d_c = p_c - [c = y]`."""
    p = logits.softmax(1)
    d = p - F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    return 2 * p * (d - (p * d).sum(1, keepdim=True)) / target.numel()


def _margins(scores: Tensor, truth: Tensor, task: str) -> Tensor:
    """By how much the true answer leads: over the best of the other classes, or over a logit of zero."""
    if task != "multiclass":
        return (2 * truth - 1) * scores
    places = truth.unsqueeze(1)
    rivals = scores.scatter(1, places, torch.finfo(scores.dtype).min)
    return scores.gather(1, places).squeeze(1) - rivals.amax(1)


@loss(
    tasks=("tabular",),
    names=("zero-one", "0-1 loss", "misclassification rate"),
    domain={"logits": "logits", "target": "target of the task"},
    range=(0.0, 1.0),
    properties=_LOG_LOSS
    | {
        "convex": no("it is flat on both sides of a step", first=[[[-3.0], [0.0]]], other=[[[1.0], [0.0]]],
                     target=[[0]]),
        "lipschitz": up_to(0.0, "the gradient is zero wherever there is one"),
        "smooth": no("it jumps where the decision changes", first=[[[0.0], [0.0]]], target=[[1]]),
        "bounded": yes,
    },
    cases=({"task": "binary"}, {"task": "multilabel"}, {"task": "multilabel", "ignore_index": 255}),
    chapter=15,
)  # fmt: skip
def zero_one_loss(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Zero-one loss: one for a wrong decision, zero for a right one; its mean is the error rate.

    .. math::

        \ell = \big[ \arg\max_c z_c \ne y \big], \qquad \text{binary: } \ell = \big[ [z > 0] \ne [y > \tfrac12] \big]

    It is what a classifier is judged by, and it cannot train one: its gradient is zero wherever it exists. The
    result is attached to the graph with that zero, so that it may be added to other terms. To train, take a
    surrogate: :func:`smooth_zero_one_loss`, :func:`cross_entropy` or one of the margin losses. It is a proper score,
    though not a strict one: all answers with the right winner cost the same.

    Of equal logits the first class wins (as with `argmax`); a logit of zero means no.

    Args:
        logits: raw scores, `(N, C, *)`; any shape for `task="binary"`.
        target: labels `(N, *)` for `"multiclass"`, else booleans or 0 and 1 in the shape of the logits.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        ignore_index: value of the target that marks positions which do not count, or `None`.
        reduction: `"none"` gives the shape of the target; `"mean"` divides by the number of counted positions.

    Returns:
        The error rate: a scalar, or zeros and ones in the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, labels out of range, an unknown task or reduction.

    References:
        Friedman, On bias, variance, 0/1-loss, and the curse of dimensionality, 1997,
        https://doi.org/10.1023/A:1009778005914.

    Example:
        >>> zero_one_loss(torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]]), torch.tensor([0, 1, 1]))
        tensor(0.3333)
    """
    check_tensors(logits=logits, target=target)
    check_reduction(reduction)
    scores, truth, valid = _entries(logits, target, task, ignore_index)
    if task == "multiclass":
        wrong, some = scores.argmax(1) != truth, scores.select(1, 0)
    else:
        wrong, some = (scores > 0) != (truth > 0.5), scores
    # A zero that hangs on the graph whatever the logits are; multiplying them by zero would turn infinity into NaN.
    zero = torch.where(torch.zeros_like(wrong), some, 0.0)
    return _reduced(torch.where(wrong, 1.0, zero), valid, reduction, logits.dtype)


ZeroOneLoss = as_module("ZeroOneLoss", zero_one_loss)


@gradient_of(zero_one_loss)
def _zero_one_gradient(logits: Tensor, _: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = 0` wherever the winner is not about to change."""
    return torch.zeros_like(logits)


@loss(
    tasks=("tabular",),
    names=("smooth zero-one", "sigmoid loss"),
    domain={"logits": "logits", "target": "target of the task"},
    range=(0.0, 1.0),
    properties=_LOG_LOSS
    | {
        "convex": no("it levels off at one", first=[[[-2.0], [0.0]]], other=[[[-10.0], [0.0]]], target=[[0]]),
        "lipschitz": up_to(0.36),
        "smooth": no("the best of the other classes may change", first=[[[0.0], [0.0], [0.0]]], target=[[0]]),
        "bounded": yes,
        "proper": no("the best answer is as sure as can be", target=_GROUPS),
    },
    cases=({"task": "binary"}, {"task": "multilabel", "steepness": 0.5}, {"steepness": 3.0}, {"ignore_index": 255}),
    chapter=15,
)
def smooth_zero_one_loss(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    steepness: float = 1.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Smooth zero-one loss: a sigmoid of the margin, a step with a slope.

    .. math::

        \ell = \sigma(-k m), \qquad m = z_y - \max_{c \ne y} z_c, \qquad \text{binary: } m = (2y - 1) z

    As the steepness :math:`k` grows it tends to :func:`zero_one_loss`; twice the loss is never below it. It is
    bounded, so an outlier counts once, and not convex. For yes-or-no answers and :math:`k = 1` it is the absolute
    error of the probability.

    Args:
        logits: raw scores, `(N, C, *)`; any shape for `task="binary"`.
        target: labels `(N, *)` for `"multiclass"`, else booleans or 0 and 1 in the shape of the logits.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        steepness: :math:`k`, above 0.
        ignore_index: value of the target that marks positions which do not count, or `None`.
        reduction: `"none"` gives the shape of the target; `"mean"` divides by the number of counted positions.

    Returns:
        The loss: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, labels out of range, a steepness that is not positive, an unknown
            task or reduction.

    References:
        Mason, Baxter, Bartlett and Frean, Boosting algorithms as gradient descent, Advances in Neural Information
        Processing Systems 12, 1999, ISBN 978-0262194501.

    Example:
        >>> smooth_zero_one_loss(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
        tensor(0.1192)
    """
    check_tensors(logits=logits, target=target)
    check_positive("steepness", steepness)
    check_reduction(reduction)
    scores, truth, valid = _entries(logits, target, task, ignore_index)
    values = torch.sigmoid(-steepness * _margins(scores, truth, task))
    return _reduced(values, valid, reduction, logits.dtype)


SmoothZeroOneLoss = as_module("SmoothZeroOneLoss", smooth_zero_one_loss)


@gradient_of(smooth_zero_one_loss)
def _smooth_zero_one_gradient(logits: Tensor, target: Tensor, *, steepness: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = k \ell (1 - \ell) ([c = r] - [c = y]) / N`, where :math:`r` is the
    best of the other classes."""
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    rivals = logits.masked_fill(truth.bool(), -math.inf)
    rival = F.one_hot(rivals.argmax(1), logits.shape[1]).movedim(-1, 1)
    margin = (logits * truth).sum(1, keepdim=True) - rivals.amax(1, keepdim=True)
    value = torch.sigmoid(-steepness * margin)
    return steepness * value * (1 - value) * (rival - truth) / target.numel()


@loss(
    tasks=("image classification", "challenges and future"),
    names=("hierarchical", "hierarchical cross-entropy", "HXE"),
    domain={"logits": "logits", "target": "labels"},
    range=(0.0, float("inf")),
    properties=_LOG_LOSS,
    cases=({"ancestors": ((0, 0, 1),)}, {"ancestors": ((0, 1, 1), (0, 0, 0)), "alpha": 0.7},
           {"ancestors": ((0, 1, 0),), "alpha": 0.0}, {"ancestors": ((0, 0, 1),), "ignore_index": 1}),
    chapter=3,
)  # fmt: skip
def hierarchical_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    ancestors: Tensor | None = None,
    alpha: float = 0.1,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Hierarchical cross-entropy (HXE): a mistake inside the right branch of the tree costs less than one outside.

    .. math::

        \ell = -\sum_{l=0}^{L} e^{-\alpha (L - l)} \log p(C^l \mid C^{l+1}), \qquad
        p(C^l \mid C^{l+1}) = \frac{\sum_{c \in C^l} p_c}{\sum_{c \in C^{l+1}} p_c}

    :math:`C^0 = y` is the label, :math:`C^1` to :math:`C^L` are its ancestors, each a set of classes, and
    :math:`C^{L+1}` is the root, which holds them all. With :math:`\alpha = 0` the sum telescopes to cross-entropy; the
    larger :math:`\alpha`, the less the fine decisions count beside the coarse ones. The paper calls the exponent a
    height, but its program counts the steps from the root, which is what it means by a preference for generic
    information; here the decision at the root weighs one (there :math:`e^{-\alpha}`, and all weights are divided by
    their sum over the tree). It is a proper score for every tree, and convex for :math:`\alpha = 0` alone.

    Args:
        logits: raw scores of the leaves, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        ancestors: the tree, `(L, C)`: row :math:`l` names the ancestor of each class :math:`l + 1` steps up, the
            root left out. Two classes share an ancestor where the numbers are equal, and then all those above it. A
            class nearer to the root stands alone in the rows below. `None` is a tree without inner nodes:
            cross-entropy.
        alpha: :math:`\alpha`, at least 0.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`.

    Raises:
        TypeError: a target that holds no integers.
        ValueError: shapes that do not go together, labels out of range, classes that part again above a common
            ancestor, a negative alpha, an unknown reduction.

    References:
        Bertinetto, Mueller, Tertikas, Samangooei and Lord, Making better mistakes, 2020,
        https://arxiv.org/abs/1912.09393.

    Example:
        >>> tree = torch.tensor([[0, 0, 1]])  # the first two classes belong together
        >>> near, far = torch.tensor([[0.0, 2.0, 0.0]]), torch.tensor([[0.0, 0.0, 2.0]])
        >>> label = torch.tensor([0])
        >>> [hierarchical_cross_entropy(z, label, ancestors=tree, alpha=0.5).item() for z in (near, far)]
        [1.4026..., 1.9668...]
        >>> [cross_entropy(z, label).item() for z in (near, far)]
        [2.2395..., 2.2395...]
    """
    check_tensors(logits=logits, target=target, ancestors=ancestors)
    check_positive("alpha", alpha, zero=True)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    if ancestors is not None:
        _check_tree(ancestors, logits.shape[1])
    # log of the mass of C^0, of C^1 ..., of the root, up to the same constant
    masses = [scores.gather(1, labels.unsqueeze(1)).squeeze(1)]
    for names in () if ancestors is None else ancestors:
        names_of_leaves = names.reshape(1, -1, *[1] * (labels.dim() - 1))
        inside = names[labels].unsqueeze(1) == names_of_leaves
        masses.append(torch.where(inside, scores, torch.finfo(scores.dtype).min).logsumexp(1))
    masses.append(scores.logsumexp(1))
    steps = [outer - inner for inner, outer in itertools.pairwise(masses)]  # fine decisions first
    weights = [math.exp(-alpha * depth) for depth in reversed(range(len(steps)))]
    values = sum(weight * step for weight, step in zip(weights[1:], steps[1:], strict=True)) + weights[0] * steps[0]
    return _reduced(values, valid, reduction, logits.dtype)


HierarchicalCrossEntropyLoss = as_module("HierarchicalCrossEntropyLoss", hierarchical_cross_entropy)


def _check_tree(ancestors: Tensor, classes: int) -> None:
    """Classes that share an ancestor share all those above it."""
    check_layout("ancestors", ancestors, "L", classes)
    together_ = ancestors.unsqueeze(1) == ancestors.unsqueeze(2)
    if known(ancestors, lambda: (together_[:-1] <= together_[1:]).all()) is False:
        raise ValueError("ancestors must describe a tree: two classes with a common ancestor share all those above it")


@gradient_of(hierarchical_cross_entropy)
def _hierarchical_gradient(
    logits: Tensor, target: Tensor, *, ancestors: Tensor | None = None, alpha: float = 0.1
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = \big[ \sum_{l=1}^{L+1} (\lambda_{l-1} - \lambda_l)\,
    p(c \mid C^l) - \lambda_0 [c = y] \big] / N` with :math:`\lambda_l = e^{-\alpha (L - l)}` and
    :math:`\lambda_{L+1} = 0`."""
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1).to(logits.dtype)
    rows = [] if ancestors is None else list(ancestors)
    weights = [math.exp(-alpha * (len(rows) - level)) for level in range(len(rows) + 1)]
    gradient = weights[-1] * logits.softmax(1) - weights[0] * truth
    for level, names in enumerate(rows, start=1):
        inside = names[target].unsqueeze(1) == names.reshape(1, -1, *[1] * (target.dim() - 1))
        share = logits.masked_fill(~inside, -math.inf).softmax(1)
        gradient = gradient + (weights[level - 1] - weights[level]) * share
    return gradient / target.numel()


@loss(
    tasks=("action recognition",),
    names=("temporal cross-entropy", "frame-wise cross-entropy", "truncated mean squared error (T-MSE)"),
    domain={"logits": "frames of logits", "target": "labels"},
    range=(0.0, float("inf")),
    properties=_LOG_LOSS,
    cases=({"smoothness": 0.15, "stop_gradient": False}, {"smoothness": 1.0, "threshold": 1.0, "stop_gradient": False},
           {"smoothness": 0.5, "stop_gradient": False, "ignore_index": 1}, {"ignore_index": 1}),
    detached="with smoothness, the frame before is held fixed unless stop_gradient=False",
    chapter=5,
)  # fmt: skip
def temporal_cross_entropy(
    logits: Tensor,
    target: Tensor,
    lengths: Tensor | None = None,
    *,
    smoothness: float = 0.0,
    threshold: float = 4.0,
    stop_gradient: bool = True,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Temporal cross-entropy: cross-entropy averaged over the frames that exist, with a price on jumps between them.

    .. math::

        \mathcal L = \frac{1}{|V|} \sum_{t \in V} \Big[ -\log p_{t, y_t}
            + \frac{\lambda}{C} \sum_c \min\big( |\log p_{t,c} - \log p_{t-1,c}|, \tau \big)^2 \Big]

    :math:`V` are the valid frames of all sequences. The review uses the name for the first term alone, on action
    recognition, without a definition of its own: that is the default, `smoothness=0`. The second term is the truncated
    mean squared error of MS-TCN, whose authors take `smoothness=0.15` and `threshold=4`, and hold frame
    :math:`t - 1` fixed when they form the gradient (`stop_gradient=True`). It counts where both frames are valid.

    Args:
        logits: raw scores, `(N, C, *, T)`; time is the last dimension.
        target: class indices of the frames, `(N, *, T)` integers.
        lengths: number of frames of each sequence, `(N,)` integers; later frames do not count, whatever their labels.
        smoothness: :math:`\lambda`, at least 0.
        threshold: :math:`\tau` in nats, above 0.
        stop_gradient: whether the frame before is held fixed in the second term.
        ignore_index: label of frames that do not count.
        reduction: `"none"` gives the shape of the target; `"mean"` divides by the number of valid frames.

    Returns:
        The loss in nats: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a target or lengths that hold no integers.
        ValueError: shapes that do not go together, labels out of range, lengths that are too large, a negative
            smoothness, a threshold that is not positive, an unknown reduction.

    References:
        Farha and Gall, MS-TCN: multi-stage temporal convolutional network for action segmentation, 2019,
        https://arxiv.org/abs/1903.01945.

    Example:
        >>> logits = torch.tensor([[[2.0, 2.0, 0.0], [0.0, 0.0, 9.0]]])
        >>> temporal_cross_entropy(logits, torch.tensor([[0, 1, 0]]), torch.tensor([2]))
        tensor(1.1269)
    """
    check_tensors(logits=logits, target=target, lengths=lengths)
    check_positive("smoothness", smoothness, zero=True)
    check_positive("threshold", threshold)
    check_reduction(reduction)
    if lengths is not None:
        check_layout("lengths", lengths, target.shape[0])
        frames = target.shape[-1]
        if lengths.is_floating_point() or lengths.dtype == torch.bool:
            raise TypeError(f"lengths must hold integers, got {lengths.dtype}")
        if known(lengths, lambda: ((lengths >= 0) & (lengths <= frames)).all()) is False:
            raise ValueError(f"lengths must lie between 0 and the number of frames, {frames}")
        target = target if can_hold(target, ignore_index) else target.long()
        inside = torch.arange(target.shape[-1], device=target.device) < lengths.reshape(-1, *[1] * (target.dim() - 1))
        target = torch.where(inside, target, ignore_index)
    if smoothness == 0:
        return cross_entropy(logits, target, ignore_index=ignore_index, reduction=reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    check_layout("logits", logits, "N", "C", "T", "*")
    log_p = scores.log_softmax(1)
    values = F.nll_loss(log_p, labels, reduction="none")
    before, after = log_p[..., :-1], log_p[..., 1:]
    jump = (after - (before.detach() if stop_gradient else before)).clamp(-threshold, threshold).square().mean(1)
    if valid is not None:
        jump = torch.where(valid[..., 1:] & valid[..., :-1], jump, 0.0)
    return _reduced(values + smoothness * F.pad(jump, (1, 0)), valid, reduction, logits.dtype)


TemporalCrossEntropyLoss = as_module("TemporalCrossEntropyLoss", temporal_cross_entropy)


@gradient_of(temporal_cross_entropy)
def _temporal_cross_entropy_gradient(logits: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_{tc} = (p_{tc} - [c = y_t]) / |V|`, for the first term alone."""
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    return (logits.softmax(1) - truth) / target.numel()


@loss(
    tasks=("image classification",),
    names=("attention-target", "ATL"),
    domain={"attention": "attention scores", "target": "token mask"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("two target tokens, or two heads, may share the attention either way",
                     first=[[[[6.0, 0.0, 3.0]]]], other=[[[[0.0, 6.0, 3.0]]]], target=[[1, 1, 0]]),
        "lipschitz": up_to(1.5),
        "smooth": yes,
        "bounded": no("it grows with the score of what is attended to instead", first=[[[[-200.0, 0.0]]]],
                      target=[[1, 0]]),
        "symmetric": not_applicable("the prediction is an attention score, the target a mask"),
        "proper": not_applicable("attention is no forecast of an event"),
        "scale_invariant": not_applicable("the prediction is an attention score, the target a mask"),
        "permutation_invariant": yes,
    },
    cases=({"heads": "each"}, {"tokens": "each"}, {"heads": "each", "tokens": "each"}, {"from_logits": False}),
    chapter=3,
)  # fmt: skip
def attention_target_loss(
    attention: Tensor,
    target: Tensor,
    *,
    heads: str = "mean",
    tokens: str = "sum",
    from_logits: bool = True,
    reduction: str = "mean",
) -> Tensor:
    r"""Attention-target loss: minus the logarithm of the attention that queries pay to the target tokens.

    .. math::

        \ell_q = -\log \frac{1}{H} \sum_{h=1}^{H} \sum_{k \in K} A_{hqk}, \qquad A = \mathrm{softmax}_k(s)

    TrojViT optimizes a trigger, a few patches :math:`K` of an image, so that a vision transformer answers with the
    attacker's class and attends to the trigger: cross-entropy with that class plus a multiple of this term, summed over
    the layers. The authors' program averages the heads before the logarithm and the logarithms over the queries, leaves
    the first layer out and aims at one token; so do the defaults, for one token. With several, `tokens="sum"` asks for
    attention to the trigger as a whole, and `tokens="each"` averages the logarithms over its tokens. The paper
    (equation 4) adds the weights of all heads and queries inside one logarithm: up to a constant, that is this loss of
    the scores reshaped to `(N, H Q, 1, K)`. The program also projects conflicting gradients of the terms away, which is
    a matter of the optimizer.

    A target far below the other keys, whose weight is rounded to zero, has its loss and its slope: where there is one,
    and where looking for one would cost a synchronization, the computation takes place in logarithms, which takes
    about three times as long.

    An image without a target token contributes nothing. With `from_logits=False` a target without any weight counts
    as the smallest normal number of the dtype, where the slope is zero: prefer scores.

    Args:
        attention: scores before the softmax, or with `from_logits=False` attention weights, `(N, H, Q, K)`: heads,
            queries, keys.
        target: which keys are target tokens, `(N, K)` booleans or 0 and 1.
        heads: `"mean"` averages the weights of the heads, `"each"` the losses of the heads.
        tokens: `"sum"` adds the weights of the target tokens, `"each"` averages their losses.
        from_logits: whether `attention` holds scores.
        reduction: `"none"` gives `(N, Q)`; `"mean"` divides by the number of queries in images with a target token.

    Returns:
        The loss in nats: a scalar, or `(N, Q)` for `reduction="none"`.

    Raises:
        TypeError: attention that is not floating-point.
        ValueError: shapes that do not go together, a target that is no mask, an unknown choice or reduction.

    References:
        Zheng, Lou and Jiang, TrojViT: Trojan insertion in vision transformers, 2023,
        https://arxiv.org/abs/2208.13049, and its program, https://github.com/mxzheng/TrojViT.

    Example:
        >>> weights = torch.tensor([[[[0.5, 0.25, 0.25]]]])
        >>> attention_target_loss(weights, torch.tensor([[0, 1, 1]]), from_logits=False)
        tensor(0.6931)
        >>> attention_target_loss(weights, torch.tensor([[0, 1, 1]]), tokens="each", from_logits=False)
        tensor(1.3863)
    """
    check_tensors(attention=attention, target=target)
    check_floating("attention", attention)
    check_layout("attention", attention, "N", "H", "Q", "K")
    check_layout("target", target, attention.shape[0], attention.shape[3])
    check_choice("heads", heads, ("mean", "each"))
    check_choice("tokens", tokens, ("sum", "each"))
    check_reduction(reduction)
    check_probabilities("target", target)
    scores = widen(attention)
    if not from_logits:
        check_probabilities("attention", attention)
    hit = (target > 0)[:, None, None]
    some = hit.any(-1, keepdim=True)
    if tokens == "sum":  # without a target token all keys are taken, so that the value is finite; it does not count
        log_hit = _log_of_paid(scores, hit | ~some, heads, from_logits)
    else:
        # keys aside may be masked out in all heads, where the logarithm of their mean would have no slope
        log_a = torch.where(hit, scores.log_softmax(-1) if from_logits else _safe_log(scores), 0.0)
        if heads == "mean":
            log_a = torch.where(hit, log_a.logsumexp(1, keepdim=True) - math.log(attention.shape[1]), 0.0)
        log_hit = log_a.sum(-1) / hit.sum(-1).clamp_min(1)
    counted = some[:, 0, :, 0].expand(attention.shape[0], attention.shape[2])
    values = torch.where(counted, -log_hit.mean(1), 0.0)
    return reduce(values, reduction, counted.to(values.dtype), attention.dtype)


AttentionTargetLoss = as_module("AttentionTargetLoss", attention_target_loss)


def _log_of_paid(scores: Tensor, taken: Tensor, heads: str, from_logits: bool) -> Tensor:
    """The logarithm of the attention `(N, H or 1, Q)` that is paid to the taken keys together."""
    paid = ((scores.softmax(-1) if from_logits else scores) * taken).sum(-1)
    if heads == "mean":
        paid = paid.mean(1, keepdim=True)
    if not from_logits or (paid.numel() and known(paid, lambda: paid.min() > 1e3 * torch.finfo(paid.dtype).tiny)):
        return _safe_log(paid)
    log_a = scores.log_softmax(-1)
    top = torch.where(taken, log_a.detach(), torch.finfo(log_a.dtype).min).amax(-1, keepdim=True)
    shares = torch.where(taken, log_a - top, 0.0).exp() * taken  # keys aside must not underflow, which is slow
    log_paid = shares.sum(-1).log() + top.squeeze(-1)
    return log_paid if heads == "each" else log_paid.logsumexp(1, keepdim=True) - math.log(scores.shape[1])


@gradient_of(attention_target_loss)
def _attention_target_gradient(attention: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\ell_q / \partial s_{hqj} = A_{hqj} (r_{hq} - [j \in K]) / \sum_{h'} r_{h'q}` with
    :math:`r_{hq} = \sum_{k \in K} A_{hqk}`; over the number of queries for the mean."""
    a, hit = attention.softmax(-1), (target > 0)[:, None, None].to(attention.dtype)
    r = (a * hit).sum(-1, keepdim=True)
    return a * (r - hit) / r.sum(1, keepdim=True) / attention[:, 0, :, 0].numel()


@loss(
    tasks=("challenges and future",),
    names=("curriculum", "self-paced learning", "SPL"),
    domain={"losses": "losses"},
    range=(0.0, 1.0),
    properties={
        "minimum_at_target": _NO_TARGET,
        "convex": no("it is cut off at the threshold", first=[0.0], other=[2.0]),
        "lipschitz": up_to(1.0),
        "smooth": no("an example is let go at once", first=[1.0]),
        "bounded": yes,
        "symmetric": _NO_TARGET,
        "proper": _NO_TARGET,
        "scale_invariant": _NO_TARGET,
        "permutation_invariant": yes,
    },
    cases=({"threshold": 2.5}, {"regularizer": "linear", "threshold": 3.0}),
    chapter=3,
)
def self_paced_loss(
    losses: Tensor, *, threshold: float = 1.0, regularizer: str = "hard", reduction: str = "mean"
) -> Tensor:
    r"""Self-paced loss: a curriculum that the model sets itself, where examples that are too hard yet do not count.

    .. math::

        F_\lambda(\ell) = \min_{v \in [0, 1]} \big[ v \ell + f(v) \big] - f(1), \qquad
        \text{hard: } f(v) = -\lambda v, \quad \text{linear: } f(v) = \lambda (\tfrac12 v^2 - v)

    The weights have closed forms, :math:`v = [\ell < \lambda]` (Kumar et al.) and
    :math:`v = \max(1 - \ell / \lambda, 0)` (Jiang et al.), and :math:`F` is :math:`\min(\ell, \lambda)`, or
    :math:`\ell - \ell^2 / 2 \lambda` up to :math:`\lambda`, :math:`\lambda / 2` beyond. The slope of :math:`F` is the
    weight itself, so a step along the gradient is the step of the alternating algorithm: weights first, then the model
    with the weights held fixed. A schedule that raises the threshold lets harder examples in.
    :func:`self_paced_weights` gives the weights.

    Args:
        losses: the loss of each example, not negative, any shape: what a loss gives for `reduction="none"`.
        threshold: :math:`\lambda`, the age of the model, above 0.
        regularizer: `"hard"` or `"linear"`.
        reduction: `"none"` gives the shape of the losses; `"mean"` divides by their number, those left out included.

    Returns:
        The loss: a scalar, or the shape of the losses for `reduction="none"`.

    Raises:
        TypeError: losses that are not floating-point.
        ValueError: a threshold that is not positive, an unknown regularizer or reduction.

    References:
        Kumar, Packer and Koller, Self-paced learning for latent variable models, Advances in Neural Information
        Processing Systems 23, 2010, ISBN 978-1617823800. Linear: Jiang, Meng, Mitamura and Hauptmann, Easy samples
        first, 2014, https://doi.org/10.1145/2647868.2654918. The truncated loss behind it: Meng, Zhao and Jiang, A
        theoretical understanding of self-paced learning, 2017, https://doi.org/10.1016/j.ins.2017.05.043.

    Example:
        >>> losses = torch.tensor([0.2, 0.5, 3.0])
        >>> self_paced_loss(losses, reduction="none")
        tensor([0.2000, 0.5000, 1.0000])
        >>> self_paced_weights(losses)
        tensor([1., 1., 0.])
    """
    check_reduction(reduction)
    _check_pace(losses, threshold, regularizer)
    kept = widen(losses).clamp_max(threshold)
    values = kept if regularizer == "hard" else kept - kept.square() / (2 * threshold)
    return reduce(values, reduction, dtype=losses.dtype)


SelfPacedLoss = as_module("SelfPacedLoss", self_paced_loss)


def self_paced_weights(losses: Tensor, *, threshold: float = 1.0, regularizer: str = "hard") -> Tensor:
    r"""The weight of each example in self-paced learning, without a gradient; see :func:`self_paced_loss`.

    Args:
        losses: the loss of each example, any shape.
        threshold: :math:`\lambda`, above 0.
        regularizer: `"hard"` or `"linear"`.

    Returns:
        Weights from 0 to 1 in the shape of the losses.

    Raises:
        TypeError: losses that are not floating-point.
        ValueError: a threshold that is not positive, an unknown regularizer.

    Example:
        >>> self_paced_weights(torch.tensor([0.0, 0.5, 3.0]), threshold=2.0, regularizer="linear")
        tensor([1.0000, 0.7500, 0.0000])
    """
    _check_pace(losses, threshold, regularizer)
    if regularizer == "hard":
        return (losses < threshold).to(losses.dtype)
    return (1 - losses.detach() / threshold).clamp_min(0)


def _check_pace(losses: Tensor, threshold: float, regularizer: str) -> None:
    check_tensors(losses=losses)
    check_floating("losses", losses)
    check_positive("threshold", threshold)
    check_choice("regularizer", regularizer, ("hard", "linear"))


@gradient_of(self_paced_loss)
def _self_paced_gradient(losses: Tensor, *, threshold: float = 1.0, regularizer: str = "hard") -> Tensor:
    r""":math:`\partial\mathcal L / \partial \ell_i = v_i / N`: the weight of the example."""
    return self_paced_weights(losses, threshold=threshold, regularizer=regularizer) / losses.numel()


@loss(
    tasks=("action recognition", "time series"),
    names=("connectionist temporal classification", "CTC"),
    domain={"logits": "frames to transcribe", "target": "transcripts", "input_lengths": "numbers of frames",
            "target_lengths": "lengths of transcripts"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("two alignments may be mixed", first=[[[-10.0, 10.0], [10.0, -10.0]]],
                     other=[[[10.0, -10.0], [-10.0, 10.0]]], target=[[1]], input_lengths=[2], target_lengths=[1]),
        "lipschitz": up_to(4.0, "for seven frames; it grows with the square root of their number"),
        "smooth": not_applicable("it is, but torch has no second derivative of it"),
        "bounded": no("it grows with the logit of what is not in the transcript", first=[[[200.0], [0.0]]],
                      target=[[1]], input_lengths=[1], target_lengths=[1]),
        "symmetric": not_applicable("the prediction is a sequence of logits, the target one of labels"),
        "proper": not_applicable("the alignment is not observed"),
        "scale_invariant": not_applicable("the prediction is a sequence of logits, the target one of labels"),
        "permutation_invariant": no("frames have an order", first=[[[-5.0, -5.0, -5.0], [5.0, 5.0, 0.0],
                                                                   [0.0, 0.0, 5.0]]],
                                    target=[[1, 2]], input_lengths=[3], target_lengths=[2]),
    },
    cases=({"blank": 2}, {"zero_infinity": True}),
    unit="the length of each transcript, and then by the number of sequences, as in torch",
    chapter=16,
    without_gradient="softmax minus the posterior of each label at each frame, which takes a recursion of its own",
)  # fmt: skip
def ctc_loss(
    logits: Tensor,
    target: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""Connectionist temporal classification (CTC): the surprise at a transcript, summed over all its alignments.

    .. math::

        \ell = -\log \sum_{\pi \in \mathcal B^{-1}(y)} \prod_{t} \mathrm{softmax}(z_t)_{\pi_t}

    :math:`\mathcal B` merges repeated labels and drops blanks; the sum runs over all paths :math:`\pi` of one label
    for each frame that come out as the transcript :math:`y`. The arithmetic is that of
    :func:`torch.nn.functional.ctc_loss`, which takes log-probabilities laid out as `(T, N, C)`: here they are logits
    `(N, C, T)`, classes in dimension 1 as everywhere. Under `torch.compile` and `vmap`, which cannot see into that
    function, the same recursion runs frame by frame in torch.

    A transcript that does not fit into its frames (each repeated label needs a blank between) costs infinity, or with
    `zero_infinity` zero, without a gradient. An empty batch gives zero. There is no second derivative.

    Args:
        logits: raw scores of the frames, `(N, C, T)`.
        target: transcripts, `(N, S)` integers, padded with anything.
        input_lengths: number of frames of each example, `(N,)` integers.
        target_lengths: length of each transcript, `(N,)` integers.
        blank: the label that stands for nothing.
        zero_infinity: whether examples that cannot be transcribed count as zero.
        reduction: `"none"` gives `(N,)`; `"mean"` divides each loss by the length of its transcript (at least 1) and
            averages over the batch, as torch does.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: labels or lengths that are no integers.
        ValueError: shapes that do not go together, labels out of range, lengths that are too large, an unknown
            reduction.

    References:
        Graves, Fernández, Gomez and Schmidhuber, Connectionist temporal classification, 2006,
        https://doi.org/10.1145/1143844.1143891.

    Example:
        >>> logits = torch.zeros(1, 2, 2)  # a blank and one label, two frames: three of four paths give the label
        >>> one, two = torch.tensor([1]), torch.tensor([2])
        >>> ctc_loss(logits, torch.tensor([[1]]), two, one)
        tensor(0.2877)
    """
    check_tensors(logits=logits, target=target, input_lengths=input_lengths, target_lengths=target_lengths)
    check_floating("logits", logits)
    check_layout("logits", logits, "N", "C", "T")
    check_layout("target", target, logits.shape[0], "S")
    check_layout("input_lengths", input_lengths, logits.shape[0])
    check_layout("target_lengths", target_lengths, logits.shape[0])
    check_reduction(reduction)
    labels = _check_transcripts(logits, target, input_lengths, target_lengths, blank)
    log_p = widen(logits).log_softmax(1)
    if logits.shape[0] == 0:
        values = log_p.sum((1, 2))
    else:
        values = _transcription_losses(log_p, labels, input_lengths, target_lengths, blank)
    if zero_infinity:
        values = torch.where(values.isinf(), 0.0, values)
    if reduction == "mean":
        values = values / target_lengths.clamp_min(1)
    return reduce(values, reduction, dtype=logits.dtype)


CTCLoss = as_module("CTCLoss", ctc_loss)


def _check_transcripts(
    logits: Tensor, target: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int
) -> Tensor:
    """The labels, with blanks where a transcript has ended."""
    for name, tensor in (("target", target), ("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        if tensor.is_floating_point() or tensor.dtype == torch.bool:
            raise TypeError(f"{name} must hold integers, got {tensor.dtype}")
    _, classes, frames = logits.shape
    if not 0 <= blank < classes:
        raise ValueError(f"blank must be one of the labels 0 to {classes - 1}, got {blank}")
    if known(input_lengths, lambda: ((input_lengths >= 0) & (input_lengths <= frames)).all()) is False:
        raise ValueError(f"input_lengths must lie between 0 and the number of frames, {frames}")
    if known(target_lengths, lambda: ((target_lengths >= 0) & (target_lengths <= target.shape[1])).all()) is False:
        raise ValueError(
            f"target must have shape (N, S) with S at least the longest of target_lengths, got {tuple(target.shape)}"
        )
    inside = torch.arange(target.shape[1], device=target.device) < target_lengths.unsqueeze(1)
    right = (target >= 0) & (target < classes) & (target != blank)
    if known(target, lambda: (right | ~inside).all()) is False:
        raise ValueError(f"target must hold labels 0 to {classes - 1} other than the blank, {blank}")
    return torch.where(inside, target.long(), blank)


def _transcription_losses(
    log_p: Tensor, labels: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int
) -> Tensor:
    """Minus the log-probability of each transcript, infinite where it does not fit."""
    if not torch.compiler.is_compiling():
        try:
            frames, lengths = input_lengths.tolist(), target_lengths.tolist()
        except RuntimeError:  # inside vmap, where lengths have no values
            pass
        else:
            values = F.ctc_loss(
                log_p.permute(2, 0, 1), labels, frames, lengths, blank=blank, reduction="none", zero_infinity=True
            )
            fits = _fits(labels, input_lengths, target_lengths)
            return torch.where(fits, values, math.inf)
    # States are blank, label, blank, label, ..., blank; alpha is the log-probability of all paths into each state.
    states = torch.full((labels.shape[0], 1, 1), blank, device=labels.device)
    states = F.pad(torch.stack([labels, states[:, :, 0].expand_as(labels)], 2).flatten(1), (1, 0), value=blank)
    emitted = log_p.gather(1, states.unsqueeze(2).expand(-1, -1, log_p.shape[2]))
    never = torch.finfo(log_p.dtype).min / 4  # minus infinity would make the gradient NaN
    skips = (states != blank) & (states != F.pad(states, (2, 0), value=blank)[:, :-2])
    place = torch.arange(states.shape[1], device=labels.device)
    alpha = torch.where(place < 2, emitted[:, :, 0], never)
    for frame in range(1, log_p.shape[2]):
        from_last = F.pad(alpha, (1, 0), value=never)[:, :-1]
        from_before = torch.where(skips, F.pad(alpha, (2, 0), value=never)[:, :-2], never)
        moved = torch.stack([alpha, from_last, from_before]).logsumexp(0) + emitted[:, :, frame]
        alpha = torch.where(frame < input_lengths.unsqueeze(1), moved, alpha)
    ends = (place == 2 * target_lengths.unsqueeze(1)) | (place == 2 * target_lengths.unsqueeze(1) - 1)
    values = -torch.where(ends, alpha, never).logsumexp(1)
    values = torch.where(input_lengths > 0, values, 0.0)  # of no frames, the one path is that of no labels
    return torch.where(_fits(labels, input_lengths, target_lengths), values, math.inf)


def _fits(labels: Tensor, input_lengths: Tensor, target_lengths: Tensor) -> Tensor:
    """Whether each transcript fits: one frame for each label, and one for the blank between equal neighbors."""
    inside = torch.arange(1, labels.shape[1], device=labels.device) < target_lengths.unsqueeze(1)
    repeats = ((labels[:, 1:] == labels[:, :-1]) & inside).sum(1)
    return target_lengths + repeats <= input_lengths
