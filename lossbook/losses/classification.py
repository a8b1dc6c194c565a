"""Losses that score class predictions one by one: every pixel, or every example, by itself.

Shapes are torch's: `(N, C, *)` logits with `(N, *)` labels for one label out of `C`, and twice the same shape
where each entry is a yes-or-no question of its own. In segmentation `*` are the dimensions of the picture and
each pixel is an example; these losses are then called distribution-based.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._module import as_module
from ._reduction import reduce, widen
from ._validation import (
    TASKS,
    check_choice,
    check_class_scores,
    check_class_weight,
    check_floating,
    check_fraction,
    check_labels,
    check_positive,
    check_probabilities,
    check_reduction,
    check_same_shape,
    check_tensors,
    valid_entries,
)

__all__ = [
    "BCEWithLogitsLoss",
    "BalancedCrossEntropyLoss",
    "CrossEntropyLoss",
    "FocalLoss",
    "WeightedCrossEntropyLoss",
    "balanced_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "focal_loss",
    "weighted_cross_entropy",
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
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Cross-entropy: the surprise, in nats, at the true class under the predicted probabilities.

    On the pixels of a picture it is the pixel-wise (softmax) cross-entropy of segmentation.

    .. math::

        \ell(z, y) = -w_y \log \mathrm{softmax}(z)_y = w_y \Big( \log \sum_{c} e^{z_c} - z_y \Big)

    The arithmetic, and the meaning of every argument, is that of :func:`torch.nn.functional.cross_entropy`.
    Two things are ours: where every label is ignored the mean is a zero attached to the graph, not NaN; and
    the gradient at an ignored position is zero even where its logits are NaN.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers; or class probabilities, `(N, C, *)` floats.
        weight: one weight per class, `(C,)`.
        ignore_index: label of positions that do not count. A real class given here still takes part in the
            softmax.
        label_smoothing: share of the target that is spread evenly over the classes, in [0, 1].
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the sum of the weights of the counted labels
            (by the number of positions where the target holds probabilities).

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`.

    Raises:
        TypeError: a float target without the shape of the logits.
        ValueError: shapes that do not go together, labels out of range, an unknown reduction.

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
    check_class_scores("logits", logits)
    check_class_weight(weight, logits.shape[1])
    check_fraction("label_smoothing", label_smoothing)
    check_reduction(reduction)
    scores = widen(logits)
    weight = None if weight is None else weight.to(scores.dtype)
    sum_or_none = "none" if reduction == "none" else "sum"
    if target.is_floating_point() and target.shape == logits.shape:
        check_probabilities("target", target)
        values = F.cross_entropy(
            scores, target.to(scores.dtype), weight, reduction=sum_or_none, label_smoothing=label_smoothing
        )
        count = values.new_tensor(logits.numel() / logits.shape[1])
    else:
        check_labels(target, logits.shape, "logits", ignore_index)
        labels, valid = target.long(), valid_entries(target, ignore_index)
        if valid is not None:  # NaN under an ignored label must not reach the gradient
            scores = torch.where(valid.unsqueeze(1), scores, 0.0)
        values = F.cross_entropy(scores, labels, weight, ignore_index=ignore_index, reduction=sum_or_none,
                                 label_smoothing=label_smoothing)  # fmt: skip
        count = _label_weights(labels, valid, weight, scores.dtype)
    if reduction == "mean":
        count = count.sum()
        values = values / torch.where(count > 0, count, 1)
    return values.to(logits.dtype)


CrossEntropyLoss = as_module("CrossEntropyLoss", cross_entropy)


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
    names=("binary cross-entropy", "log loss", "logistic loss", "BCE"),
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
    ours.

    Args:
        logits: raw scores, any shape.
        target: truth of the same shape: booleans, 0 and 1, or probabilities between them.
        weight: weight of each entry, broadcast to the shape of the logits. As in torch it does not enter the
            mean's divisor.
        pos_weight: weight :math:`w_+` of the positive answer, broadcast to the shape of the logits.
        ignore_index: value of the target that marks entries which do not count, such as 255 or -1.
        reduction: `"none"` gives the shape of the logits; `"mean"` divides by the number of counted entries.

    Returns:
        The loss in nats: a scalar, or the shape of the logits for `reduction="none"`.

    Raises:
        ValueError: shapes that differ, a target outside [0, 1], an unknown reduction.

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
    scores, truth, valid = _binary_entries(logits, target, ignore_index)
    weight = None if weight is None else weight.to(scores.dtype)
    pos_weight = None if pos_weight is None else pos_weight.to(scores.dtype)
    values = F.binary_cross_entropy_with_logits(scores, truth, weight, pos_weight=pos_weight, reduction="none")
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
    check_labels(target, logits.shape, "logits", ignore_index)
    scores, labels, valid = widen(logits), target.long(), valid_entries(target, ignore_index)
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
        weight: non-negative weight of each position, the shape of the target.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        ignore_index: label of positions that do not count, or `None`.
        reduction: `"none"` gives the weighted losses in the shape of the target; `"mean"` divides by the sum
            of weights.

    Returns:
        The loss in nats: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, labels out of range, an unknown task or reduction.

    References:
        Ronneberger, Fischer and Brox, U-Net, 2015, https://arxiv.org/abs/1505.04597, equation 1.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 0])
        >>> weighted_cross_entropy(logits, target, torch.tensor([1.0, 3.0]))
        tensor(1.6269)
    """
    check_tensors(logits=logits, target=target, weight=weight)
    check_reduction(reduction)
    scores, truth, valid = _entries(logits, target, task, ignore_index)
    check_same_shape("weight", weight, "target", target)
    check_floating("weight", weight)
    weight = weight.to(scores.dtype)
    if valid is not None:
        weight = torch.where(valid, weight, 0.0)
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
