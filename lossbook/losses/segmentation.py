"""Losses that score a predicted mask as a whole: overlap, the extension of the Jaccard index, distance to the contour.

Throughout, `p` is the predicted probability and `g` the truth (0 or 1) of a pixel in one *region*: one class of one
image, or of the whole batch with `per_image=False`. The prediction is laid out by `task`:

- `"multiclass"`: prediction `(N, C, *)`, target `(N, *)` labels (or `(N, C, *)` probabilities); softmax over classes;
- `"multilabel"`: prediction and target `(N, C, *)`; one sigmoid per channel;
- `"binary"`: prediction and target of one shape `(N, *)`; one sigmoid, everything after `N` is one picture.

`*` are any number of picture dimensions: 2-D images and 3-D volumes alike. Per-pixel losses (cross-entropy, focal) live
in :mod:`lossbook.losses.classification`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._distance import distance
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
from .classification import _binary_entries, binary_cross_entropy_with_logits, cross_entropy

__all__ = [
    "BCEDiceLoss",
    "BoundaryLoss",
    "CEDiceLoss",
    "ComboLoss",
    "DiceLoss",
    "FocalTverskyLoss",
    "GeneralizedDiceLoss",
    "HausdorffDTLoss",
    "JaccardLoss",
    "LogCoshDiceLoss",
    "LovaszHingeLoss",
    "LovaszSoftmaxLoss",
    "SquaredDiceLoss",
    "TverskyLoss",
    "bce_dice_loss",
    "boundary_loss",
    "ce_dice_loss",
    "combo_loss",
    "dice_loss",
    "focal_tversky_loss",
    "generalized_dice_loss",
    "hausdorff_dt_loss",
    "jaccard_loss",
    "log_cosh_dice_loss",
    "lovasz_hinge_loss",
    "lovasz_softmax_loss",
    "signed_distance_map",
    "squared_dice_loss",
    "tversky_loss",
]


# --------------------------------------------------------------------------------------------------------------------
# What every loss below starts from: probabilities, truth, and which pixels count


class _Pixels(NamedTuple):
    """A prediction and its truth, laid out as `(N, C, P)`: images, classes, pixels."""

    p: Tensor  # predicted probability, zero where ignored
    truth: Tensor  # labels `(N, P)`, 0 where ignored; or a mask `(N, C, P)`, booleans or numbers, zero where ignored
    valid: Tensor | None  # (N, 1 or C, P) booleans, or None where every pixel counts

    @property
    def g(self) -> Tensor:
        """The truth as a mask `(N, C, P)`: booleans for hard labels, else numbers; zero where ignored."""
        if self.truth.dim() == 3:
            return self.truth
        classes = torch.arange(self.p.shape[1], device=self.p.device)
        mask = self.truth.unsqueeze(1) == classes.unsqueeze(1)
        return mask if self.valid is None else mask & self.valid


def _pixels(prediction: Tensor, target: Tensor, task: str, from_logits: bool, ignore_index: int | None) -> _Pixels:
    """Check the arguments that all losses here share, and bring them into one layout."""
    check_tensors(prediction=prediction, target=target)
    check_choice("task", task, TASKS)
    if from_logits:
        check_floating("prediction", prediction)
        scores = widen(prediction)
    else:
        check_probabilities("prediction", prediction)
        scores = widen(prediction if prediction.is_floating_point() else prediction.float())
    if task == "multiclass":
        check_class_scores("prediction", prediction)
    elif task == "multilabel" and prediction.dim() < 2:
        raise ValueError(f"prediction must have shape (N, C, *) for task='multilabel', got {tuple(prediction.shape)}")
    elif prediction.dim() < 1:
        raise ValueError("prediction must have shape (N, *), got a scalar")

    if task == "multiclass" and not (target.is_floating_point() and target.shape == prediction.shape):
        check_labels(target, prediction.shape, "prediction", ignore_index)
        valid = valid_entries(target, ignore_index)
        truth = _flat(target.long(), "binary").squeeze(1)
        if valid is not None:
            valid = _flat(valid, "binary")
            truth = torch.where(valid.squeeze(1), truth, 0)
    else:
        check_same_shape("target", target, "prediction", prediction)
        ignore_index = None if task == "multiclass" else ignore_index  # probabilities have no label to ignore
        check_probabilities("target", target, ignore_index)
        valid = valid_entries(target, ignore_index)
        truth = _flat(target if target.dtype == torch.bool else target.to(scores.dtype), task)
        if valid is not None:
            valid = _flat(valid, task)
            truth = torch.where(valid, truth, 0)
    scores = _flat(scores, task)
    if valid is not None:  # NaN under an ignored pixel must not reach the gradient
        scores = torch.where(valid, scores, 0.0)
    p = scores
    if from_logits:
        p = scores.softmax(1) if task == "multiclass" else scores.sigmoid()
    return _Pixels(p if valid is None else torch.where(valid, p, 0.0), truth, valid)


def _flat(tensor: Tensor, task: str) -> Tensor:
    """`(N, C, P)` from the layout of the task; `C` is 1 for a binary one."""
    tensor = tensor.unsqueeze(1) if task == "binary" else tensor
    return tensor.flatten(2) if tensor.dim() > 2 else tensor.unsqueeze(2)


class _Regions(NamedTuple):
    """Sums over the pixels of each region: `(N, C)`, or `(C,)` over the batch."""

    overlap: Tensor  # sum of p g
    predicted: Tensor  # sum of p, or of p squared
    target: Tensor  # sum of g, or of g squared
    counted: Tensor  # 1 where the region counts, else 0


def _regions(
    pixels: _Pixels, *, per_image: bool, classes: str = "all", squared: bool = False, overlap: str = "product"
) -> _Regions:
    """Sum up each region. A region without a valid pixel does not count, nor with `classes="present"` one without
    foreground."""
    check_choice("classes", classes, ("all", "present"))
    check_choice("overlap", overlap, ("product", "l1"))
    p, truth, valid = pixels
    predicted = (p * p if squared else p).sum(-1)
    if truth.dim() == 2:
        common, target = _sums_by_label(p, truth, valid)
    elif truth.dtype == torch.bool:
        common, target = torch.where(truth, p, 0.0).sum(-1), truth.sum(-1).to(p.dtype)
    else:
        target = (truth * truth if squared else truth).sum(-1)
        products = p * truth if overlap == "product" else (p + truth - (p - truth).abs()) / 2
        common = products.sum(-1)
    size = torch.ones_like(common) if valid is None else valid.sum(-1).expand_as(common)
    if not per_image:
        common, predicted, target, size = common.sum(0), predicted.sum(0), target.sum(0), size.sum(0)
    counted = (size > 0) if classes == "all" else (target > 0)
    return _Regions(common, predicted, target, counted.to(p.dtype))


def _sums_by_label(p: Tensor, labels: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """For each class, `(N, C)`: the sum of its probability over its pixels, and their number.

    A one-hot mask would be as large as the prediction; this reads one probability per pixel. The sums are formed one
    pixel after the other, so in float64.
    """
    hits = p.gather(1, labels.unsqueeze(1)).squeeze(1)
    counts = torch.ones_like(hits) if valid is None else valid.squeeze(1)
    nothing = p.new_zeros(p.shape[:2], dtype=torch.float64)
    common, size = (nothing.scatter_add(1, labels, values.double()) for values in (hits, counts))
    return common.to(p.dtype), size.to(p.dtype)


def _ratio(numerator: Tensor, denominator: Tensor, smooth: float | tuple[float, float]) -> Tensor:
    """`(numerator + smooth) / (denominator + smooth)`; 0 / 0, nothing found where nothing is, counts as perfect."""
    above, below = smooth if isinstance(smooth, tuple) else (smooth, smooth)
    check_positive("smooth", min(above, below), zero=True)
    numerator, denominator = numerator + above, denominator + below
    empty = denominator <= 0
    return torch.where(empty, 1.0, numerator / torch.where(empty, 1.0, denominator))


def _reduce_regions(
    values: Tensor, counted: Tensor, weight: Tensor | None, reduction: str, like: Tensor, task: str
) -> Tensor:
    """Weigh by class and reduce; `"none"` drops the class axis of a binary task."""
    check_reduction(reduction)
    check_class_weight(weight, values.shape[-1])
    weights = counted if weight is None else counted * weight.to(values.dtype)
    dtype = like.dtype if like.is_floating_point() else values.dtype
    result = reduce(values * weights, reduction, weights, dtype)
    return result.squeeze(-1) if reduction == "none" and task == "binary" else result


def _through_activation(slope: Tensor, p: Tensor, task: str) -> Tensor:
    """The gradient with respect to the logits from `slope`, the gradient with respect to the probabilities."""
    if task == "multiclass":
        return p * (slope - (p * slope).sum(1, keepdim=True))
    return p * (1 - p) * slope


def _probabilities_and_truth(prediction: Tensor, target: Tensor, task: str) -> tuple[Tensor, Tensor]:
    """What a hand-derived gradient starts from: `p` and `g` in the shape of the prediction."""
    if task == "multiclass":
        return prediction.softmax(1), F.one_hot(target, prediction.shape[1]).movedim(-1, 1).to(prediction.dtype)
    return prediction.sigmoid(), target.to(prediction.dtype)


def _region_sum(tensor: Tensor, task: str) -> Tensor:
    """The sum over the pixels of each region, kept broadcastable."""
    return tensor.sum(tuple(range(1 if task == "binary" else 2, tensor.dim())), keepdim=True)


def _region_count(prediction: Tensor, task: str) -> int:
    return prediction.shape[0] * (1 if task == "binary" else prediction.shape[1])


# --------------------------------------------------------------------------------------------------------------------
# Overlap of two regions

_TASKS = (
    {"task": "binary"},
    {"task": "multilabel"},
    {"per_image": False},
    {"classes": "present"},
    {"ignore_index": 255},
)
_GROUPS = [[1, 0, 0, 0, 0, 1, 1, 0, 0, 0]]  # the first five pixels look alike, and the last five do
_OVERLAP = {
    "minimum_at_target": yes,
    "convex": no("it is flat far from the truth and steep near it", task="binary",
                 first=[[-6.0, -6.0]], other=[[0.0, 0.0]], target=[[1, 1]]),
    "lipschitz": up_to(2.0),
    "smooth": yes,
    "bounded": yes,
    "symmetric": yes,
    "proper": no("where some pixels are surer than others, their frequencies are not the best answer", target=_GROUPS),
    "scale_invariant": no("half the probability on both sides is not the same overlap", task="binary",
                          first=[[0.8, 0.4]], target=[[1.0, 0.0]]),
    "permutation_invariant": yes,
}  # fmt: skip


@loss(
    tasks=("motion detection", "semantic segmentation"),
    names=("Dice",),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, 1.0),
    properties=_OVERLAP,
    cases=(*_TASKS, {"smooth": 1.0}, {"smooth": (0.0, 1e-8)}, {"overlap": "l1"}, {"denominator": "square"},
           {"weight": (0.0, 1.0, 3.0)}),
    chapter=8,
)  # fmt: skip
def dice_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    from_logits: bool = True,
    denominator: str = "sum",
    overlap: str = "product",
    per_image: bool = True,
    classes: str = "all",
    smooth: float | tuple[float, float] = 1e-5,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Dice loss: one minus the overlap of two regions, relative to their mean size.

    .. math::

        \ell = 1 - \frac{2 \sum_i p_i g_i + s}{\sum_i p_i + \sum_i g_i + s}

    Args:
        prediction: logits in the layout of the task; with `from_logits=False` probabilities or a hard mask.
        target: labels or masks in the layout of the task; probabilities are allowed.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        denominator: `"sum"` (Drozdzal et al.) or `"square"`, the sums of squares of V-Net (Milletari et al.).
        overlap: `"product"`, or `"l1"` (Wang et al.): :math:`(\sum p + \sum g - \sum |p - g|) / 2`, which alone is
            smallest at :math:`p = g` where the target is soft. On hard masks both are the same.
        per_image: a region is one class of one image (V-Net, MONAI), or of the batch (nnU-Net's batch Dice).
        classes: `"all"`, or `"present"`: a region without foreground does not count.
        smooth: :math:`s`, at least 0, in the numerator and the denominator, or a pair for both. An empty region with
            nothing predicted scores 0 by it; a region predicted where there is none scores near 1, almost without
            gradient, unless `s` is comparable to the number of pixels predicted.
        weight: one weight per class, `(C,)`; zero leaves a class out, as for the background.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: `"none"` gives `(N, C)`, `(C,)` with `per_image=False`, each without `C` for `"binary"`; `"mean"`
            divides by the sum of the weights of the counted regions.

    Returns:
        The loss, between 0 and 1: a scalar, or one number per region for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Drozdzal et al., The importance of skip connections in biomedical image segmentation, 2016,
        https://arxiv.org/abs/1608.04117; Milletari, Navab and Ahmadi, V-Net, 2016, https://arxiv.org/abs/1606.04797;
        `overlap="l1"`: Wang et al., Dice semimetric losses, 2023, https://arxiv.org/abs/2303.16296.

    Example:
        >>> mask = torch.tensor([[1, 1, 0, 0]])
        >>> dice_loss(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), mask, task="binary", from_logits=False)
        tensor(0.5000)
    """
    check_choice("denominator", denominator, ("sum", "square"))
    pixels = _pixels(prediction, target, task, from_logits, ignore_index)
    regions = _regions(pixels, per_image=per_image, classes=classes, squared=denominator == "square", overlap=overlap)
    values = 1 - _ratio(2 * regions.overlap, regions.predicted + regions.target, smooth)
    return _reduce_regions(values, regions.counted, weight, reduction, prediction, task)


DiceLoss = as_module("DiceLoss", dice_loss)


@gradient_of(dice_loss)
def _dice_gradient(prediction: Tensor, target: Tensor, *, task: str = "multiclass", smooth: float = 1e-5) -> Tensor:
    r"""With :math:`D = (2\sum pg + s) / (\sum p + \sum g + s)`,
    :math:`\partial\ell / \partial p_i = (D - 2 g_i) / (\sum p + \sum g + s)`."""
    p, g = _probabilities_and_truth(prediction, target, task)
    size = _region_sum(p + g, task) + smooth
    dice = (2 * _region_sum(p * g, task) + smooth) / size
    return _through_activation((dice - 2 * g) / size, p, task) / _region_count(prediction, task)


@loss(
    tasks=("semantic segmentation",),
    names=("squared Dice", "sDice"),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, 1.0),
    properties=_OVERLAP | {
        "scale_invariant": yes,
    },
    cases=(*_TASKS, {"smooth": 1.0}, {"weight": (0.0, 1.0, 3.0)}),
    chapter=8,
)  # fmt: skip
def squared_dice_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    from_logits: bool = True,
    per_image: bool = True,
    classes: str = "all",
    smooth: float | tuple[float, float] = 1e-5,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Squared Dice loss (sDice): V-Net's Dice, with sums of squares below the bar.

    .. math::

        \ell = 1 - \frac{2 \sum_i p_i g_i + s}{\sum_i p_i^2 + \sum_i g_i^2 + s}

    It is :func:`dice_loss` with `denominator="square"`.

    Args:
        prediction: logits in the layout of the task; with `from_logits=False` probabilities or a hard mask.
        target: labels or masks in the layout of the task; probabilities are allowed.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        per_image: a region is one class of one image, or of the batch.
        classes: `"all"`, or `"present"`: a region without foreground does not count.
        smooth: :math:`s`, at least 0, or a pair for numerator and denominator.
        weight: one weight per class, `(C,)`.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: as for :func:`dice_loss`.

    Returns:
        The loss, between 0 and 1: a scalar, or one number per region for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Milletari, Navab and Ahmadi, V-Net, 2016, https://arxiv.org/abs/1606.04797.

    Example:
        >>> mask = torch.tensor([[1, 1, 0, 0]])
        >>> squared_dice_loss(torch.tensor([[0.5, 0.5, 0.5, 0.5]]), mask, task="binary", from_logits=False)
        tensor(0.3333)
    """
    return dice_loss(
        prediction,
        target,
        task=task,
        from_logits=from_logits,
        denominator="square",
        per_image=per_image,
        classes=classes,
        smooth=smooth,
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


SquaredDiceLoss = as_module("SquaredDiceLoss", squared_dice_loss)


@gradient_of(squared_dice_loss)
def _squared_dice_gradient(
    prediction: Tensor, target: Tensor, *, task: str = "multiclass", smooth: float = 1e-5
) -> Tensor:
    r"""With :math:`D = (2\sum pg + s) / (\sum p^2 + \sum g^2 + s)`,
    :math:`\partial\ell / \partial p_i = 2 (D p_i - g_i) / (\sum p^2 + \sum g^2 + s)`."""
    p, g = _probabilities_and_truth(prediction, target, task)
    size = _region_sum(p * p + g * g, task) + smooth
    dice = (2 * _region_sum(p * g, task) + smooth) / size
    return _through_activation(2 * (dice * p - g) / size, p, task) / _region_count(prediction, task)


@loss(
    tasks=("semantic segmentation",),
    names=("generalized Dice",),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, 1.0),
    properties=_OVERLAP | {
        "symmetric": no("the weights come from the target alone", task="multilabel",
                        first=[[[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]],
                        target=[[[1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]]),
    },
    cases=({"task": "binary"}, {"task": "multilabel"}, {"per_image": False}, {"ignore_index": 255},
           {"weighting": "simple"}, {"weighting": "uniform"}, {"smooth": 1.0}),
    chapter=8,
)  # fmt: skip
def generalized_dice_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    from_logits: bool = True,
    weighting: str = "square",
    per_image: bool = True,
    smooth: float | tuple[float, float] = 1e-5,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Generalized Dice loss: one overlap for all classes together, each weighed by the inverse of its size.

    .. math::

        \ell = 1 - \frac{2 \sum_c w_c \sum_i p_{ci} g_{ci} + s}{\sum_c w_c \sum_i (p_{ci} + g_{ci}) + s},
        \qquad w_c = \Big( \sum_i g_{ci} \Big)^{-2}

    The weights multiply the sums before the division; a class absent from the target takes the largest weight of the
    others (as in MONAI), and 1 where all are absent.

    Args:
        prediction: logits in the layout of the task; with `from_logits=False` probabilities or a hard mask.
        target: labels or masks in the layout of the task; probabilities are allowed.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        weighting: `"square"` (the paper's), `"simple"` for :math:`1 / \sum g`, or `"uniform"` for 1, the Dice of all
            pixels together (micro average).
        per_image: the sums run over one image, or over the batch.
        smooth: :math:`s`, at least 0, or a pair for numerator and denominator.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: `"none"` gives `(N,)`, or a scalar with `per_image=False`; `"mean"` averages over the images that
            have a valid pixel.

    Returns:
        The loss, between 0 and 1: a scalar, or one number per image for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Sudre et al., Generalised Dice overlap as a deep learning loss function for highly unbalanced segmentations,
        2017, https://arxiv.org/abs/1707.03237.

    Example:
        >>> p = torch.tensor([[[0.9, 0.9, 0.9, 0.4], [0.1, 0.1, 0.1, 0.6]]])
        >>> generalized_dice_loss(p, torch.tensor([[0, 0, 0, 1]]), from_logits=False)
        tensor(0.3017)
    """
    check_choice("weighting", weighting, ("square", "simple", "uniform"))
    check_reduction(reduction)
    regions = _regions(_pixels(prediction, target, task, from_logits, ignore_index), per_image=per_image)
    weight = _size_weights(regions.target, weighting)
    overlap = (weight * regions.overlap).sum(-1)
    size = (weight * (regions.predicted + regions.target)).sum(-1)
    values, counted = 1 - _ratio(2 * overlap, size, smooth), regions.counted.amax(-1)
    dtype = prediction.dtype if prediction.is_floating_point() else values.dtype
    return reduce(values * counted, reduction, counted, dtype)


GeneralizedDiceLoss = as_module("GeneralizedDiceLoss", generalized_dice_loss)


def _size_weights(size: Tensor, weighting: str) -> Tensor:
    """One over the size of each class (last axis), or its square; an absent class takes the largest of the others."""
    if weighting == "uniform":
        return torch.ones_like(size)
    present = size > 0
    weight = torch.where(present, torch.where(present, size, 1.0) ** (-2 if weighting == "square" else -1), 0.0)
    largest = weight.amax(-1, keepdim=True)
    return torch.where(present, weight, torch.where(largest > 0, largest, 1.0))


@gradient_of(generalized_dice_loss)
def _generalized_dice_gradient(prediction: Tensor, target: Tensor, *, smooth: float = 1e-5) -> Tensor:
    r"""With :math:`D = (2\sum_c w_c\sum pg + s) / S` and :math:`S = \sum_c w_c\sum(p + g) + s`,
    :math:`\partial\ell / \partial p_{ci} = w_c (D - 2 g_{ci}) / S`."""
    p, g = _probabilities_and_truth(prediction, target, "multiclass")
    counts = _region_sum(g, "multiclass")
    weight = _size_weights(counts.movedim(1, -1), "square").movedim(-1, 1)
    size = (weight * _region_sum(p + g, "multiclass")).sum(1, keepdim=True) + smooth
    dice = ((2 * weight * _region_sum(p * g, "multiclass")).sum(1, keepdim=True) + smooth) / size
    return _through_activation(weight * (dice - 2 * g) / size, p, "multiclass") / prediction.shape[0]


@loss(
    tasks=("semantic segmentation",),
    names=("log-cosh Dice", "lcDice"),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, 0.4337808304830271),
    properties=_OVERLAP,
    cases=(*_TASKS, {"smooth": 1.0}, {"denominator": "square"}, {"weight": (0.0, 1.0, 3.0)}),
    chapter=8,
)
def log_cosh_dice_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    from_logits: bool = True,
    denominator: str = "sum",
    per_image: bool = True,
    classes: str = "all",
    smooth: float | tuple[float, float] = 1e-5,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Log-cosh Dice loss (lcDice): Dice loss that turns quadratic near its minimum.

    .. math::

        \ell = \log \cosh \ell_{\text{Dice}}

    Args:
        prediction: logits in the layout of the task; with `from_logits=False` probabilities or a hard mask.
        target: labels or masks in the layout of the task; probabilities are allowed.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        denominator: `"sum"` or `"square"`, as for :func:`dice_loss`.
        per_image: a region is one class of one image, or of the batch.
        classes: `"all"`, or `"present"`: a region without foreground does not count.
        smooth: :math:`s`, at least 0, or a pair for numerator and denominator.
        weight: one weight per class, `(C,)`.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: as for :func:`dice_loss`; the log-cosh is that of each region.

    Returns:
        The loss, between 0 and log cosh 1 (0.434): a scalar, or one number per region for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Jadon, A survey of loss functions for semantic segmentation, 2020, https://arxiv.org/abs/2006.14822.

    Example:
        >>> mask = torch.tensor([[1, 1, 0, 0]])
        >>> log_cosh_dice_loss(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), mask, task="binary", from_logits=False)
        tensor(0.1201)
    """
    check_choice("denominator", denominator, ("sum", "square"))
    pixels = _pixels(prediction, target, task, from_logits, ignore_index)
    regions = _regions(pixels, per_image=per_image, classes=classes, squared=denominator == "square")
    dice = 1 - _ratio(2 * regions.overlap, regions.predicted + regions.target, smooth)
    values = torch.log1p(2 * torch.sinh(dice / 2) ** 2)  # log cosh without the cancellation near zero
    return _reduce_regions(values, regions.counted, weight, reduction, prediction, task)


LogCoshDiceLoss = as_module("LogCoshDiceLoss", log_cosh_dice_loss)


@gradient_of(log_cosh_dice_loss)
def _log_cosh_dice_gradient(
    prediction: Tensor, target: Tensor, *, task: str = "multiclass", smooth: float = 1e-5
) -> Tensor:
    r""":math:`\partial\ell / \partial p_i = \tanh(\ell_{\text{Dice}})\, \partial\ell_{\text{Dice}} / \partial p_i`."""
    p, g = _probabilities_and_truth(prediction, target, task)
    size = _region_sum(p + g, task) + smooth
    dice = (2 * _region_sum(p * g, task) + smooth) / size
    slope = torch.tanh(1 - dice) * (dice - 2 * g) / size
    return _through_activation(slope, p, task) / _region_count(prediction, task)


@loss(
    tasks=("image classification", "motion detection", "semantic segmentation"),
    names=("Jaccard", "IoU"),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, 1.0),
    properties=_OVERLAP,
    cases=(*_TASKS, {"smooth": 1.0}, {"overlap": "l1"}, {"weight": (0.0, 1.0, 3.0)}),
    chapter=8,
)
def jaccard_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    from_logits: bool = True,
    overlap: str = "product",
    per_image: bool = True,
    classes: str = "all",
    smooth: float | tuple[float, float] = 1e-5,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Jaccard loss (soft IoU): one minus intersection over union.

    .. math::

        \ell = 1 - \frac{I + s}{\sum_i p_i + \sum_i g_i - I + s}, \qquad I = \sum_i p_i g_i

    Args:
        prediction: logits in the layout of the task; with `from_logits=False` probabilities or a hard mask.
        target: labels or masks in the layout of the task; probabilities are allowed.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        overlap: `"product"`, or `"l1"` for soft targets, as for :func:`dice_loss`.
        per_image: a region is one class of one image, or of the batch.
        classes: `"all"`, or `"present"`: a region without foreground does not count.
        smooth: :math:`s`, at least 0, or a pair for numerator and denominator.
        weight: one weight per class, `(C,)`.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: as for :func:`dice_loss`.

    Returns:
        The loss, between 0 and 1: a scalar, or one number per region for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Rahman and Wang, Optimizing intersection-over-union in deep neural networks for image segmentation, 2016,
        https://doi.org/10.1007/978-3-319-50835-1_22; `overlap="l1"`: Wang, Ning and Blaschko, Jaccard metric losses,
        2023, https://arxiv.org/abs/2302.05666.

    Example:
        >>> mask = torch.tensor([[1, 1, 0, 0]])
        >>> jaccard_loss(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), mask, task="binary", from_logits=False)
        tensor(0.6667)
    """
    pixels = _pixels(prediction, target, task, from_logits, ignore_index)
    regions = _regions(pixels, per_image=per_image, classes=classes, overlap=overlap)
    union = regions.predicted + regions.target - regions.overlap
    values = 1 - _ratio(regions.overlap, union, smooth)
    return _reduce_regions(values, regions.counted, weight, reduction, prediction, task)


JaccardLoss = as_module("JaccardLoss", jaccard_loss)


@gradient_of(jaccard_loss)
def _jaccard_gradient(prediction: Tensor, target: Tensor, *, task: str = "multiclass", smooth: float = 1e-5) -> Tensor:
    r"""With :math:`J = (I + s) / U`,
    :math:`\partial\ell / \partial p_i = \big(J (1 - g_i) - g_i\big) / U`."""
    p, g = _probabilities_and_truth(prediction, target, task)
    overlap = _region_sum(p * g, task)
    union = _region_sum(p + g, task) - overlap + smooth
    jaccard = (overlap + smooth) / union
    return _through_activation((jaccard * (1 - g) - g) / union, p, task) / _region_count(prediction, task)


_TVERSKY = _OVERLAP | {
    "symmetric": no("misses cost more than false alarms", task="binary", first=[[1.0, 1.0]], target=[[1.0, 0.0]]),
}


@loss(
    tasks=("semantic segmentation",),
    names=("Tversky",),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, 1.0),
    properties=_TVERSKY,
    cases=(*_TASKS, {"smooth": 1.0}, {"alpha": 0.5, "beta": 0.5}, {"alpha": 1.0, "beta": 1.0},
           {"weight": (0.0, 1.0, 3.0)}),
    chapter=8,
)  # fmt: skip
def tversky_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    task: str = "multiclass",
    from_logits: bool = True,
    per_image: bool = True,
    classes: str = "all",
    smooth: float | tuple[float, float] = 1e-5,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Tversky loss: an overlap that prices false positives and false negatives apart.

    .. math::

        \ell = 1 - \frac{TP + s}{TP + \alpha\, FP + \beta\, FN + s}, \qquad
        TP = \sum_i p_i g_i,\; FP = \sum_i p_i (1 - g_i),\; FN = \sum_i (1 - p_i) g_i

    With :math:`\alpha = \beta = 1/2` it is the Dice loss (with twice the `smooth`), with 1 and 1 the Jaccard loss.

    Args:
        prediction: logits in the layout of the task; with `from_logits=False` probabilities or a hard mask.
        target: labels or masks in the layout of the task; probabilities are allowed.
        alpha: price of a false positive, at least 0.
        beta: price of a false negative, at least 0; the paper's best pair is 0.3 and 0.7.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        per_image: a region is one class of one image, or of the batch.
        classes: `"all"`, or `"present"`: a region without foreground does not count.
        smooth: :math:`s`, at least 0, or a pair for numerator and denominator.
        weight: one weight per class, `(C,)`.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: as for :func:`dice_loss`.

    Returns:
        The loss, between 0 and 1: a scalar, or one number per region for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Salehi, Erdogmus and Gholipour, Tversky loss function for image segmentation using 3D fully convolutional deep
        networks, 2017, https://arxiv.org/abs/1706.05721.

    Example:
        >>> mask = torch.tensor([[1, 1, 0, 0]])
        >>> tversky_loss(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), mask, task="binary", from_logits=False)
        tensor(0.4118)
    """
    values, counted = _tversky(
        prediction, target, alpha, beta, task, from_logits, per_image, classes, smooth, ignore_index
    )
    return _reduce_regions(values, counted, weight, reduction, prediction, task)


TverskyLoss = as_module("TverskyLoss", tversky_loss)


def _tversky(
    prediction: Tensor,
    target: Tensor,
    alpha: float,
    beta: float,
    task: str,
    from_logits: bool,
    per_image: bool,
    classes: str,
    smooth: float | tuple[float, float],
    ignore_index: int | None,
) -> tuple[Tensor, Tensor]:
    """The Tversky loss of each region, and which regions count."""
    check_positive("alpha", alpha, zero=True)
    check_positive("beta", beta, zero=True)
    pixels = _pixels(prediction, target, task, from_logits, ignore_index)
    regions = _regions(pixels, per_image=per_image, classes=classes)
    false_positives = regions.predicted - regions.overlap
    false_negatives = regions.target - regions.overlap
    size = regions.overlap + alpha * false_positives + beta * false_negatives
    return 1 - _ratio(regions.overlap, size, smooth), regions.counted


@gradient_of(tversky_loss)
def _tversky_gradient(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    task: str = "multiclass",
    smooth: float = 1e-5,
) -> Tensor:
    r"""With :math:`T = (TP + s) / S` and :math:`S = TP + \alpha FP + \beta FN + s`,
    :math:`\partial\ell / \partial p_i = \big(T\,[\alpha + (1 - \alpha - \beta) g_i] - g_i\big) / S`."""
    p, g = _probabilities_and_truth(prediction, target, task)
    slope, _ = _tversky_slope(p, g, alpha, beta, task, smooth)
    return _through_activation(slope, p, task) / _region_count(prediction, task)


def _tversky_slope(p: Tensor, g: Tensor, alpha: float, beta: float, task: str, smooth: float) -> tuple[Tensor, Tensor]:
    """The slope of the Tversky loss in each probability, and its value in each region."""
    hits = _region_sum(p * g, task)
    size = hits + alpha * _region_sum(p * (1 - g), task) + beta * _region_sum((1 - p) * g, task) + smooth
    index = (hits + smooth) / size
    return (index * (alpha + (1 - alpha - beta) * g) - g) / size, 1 - index


@loss(
    tasks=("semantic segmentation",),
    names=("focal Tversky",),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, 1.0),
    properties=_TVERSKY,
    cases=(*_TASKS, {"smooth": 1.0}, {"gamma": 1.0}, {"gamma": 0.5}, {"weight": (0.0, 1.0, 3.0)}),
    chapter=8,
)
def focal_tversky_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    task: str = "multiclass",
    from_logits: bool = True,
    per_image: bool = True,
    classes: str = "all",
    smooth: float | tuple[float, float] = 1e-5,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Focal Tversky loss: the Tversky loss of each region to a power, which shifts weight between easy and hard ones.

    .. math::

        \ell = \ell_{\text{Tversky}}^{1 / \gamma}

    For :math:`\gamma > 1` the slope grows as a region comes right; for :math:`\gamma < 1` hard regions dominate.

    Args:
        prediction: logits in the layout of the task; with `from_logits=False` probabilities or a hard mask.
        target: labels or masks in the layout of the task; probabilities are allowed.
        alpha: price of a false positive. (The paper writes alpha for false negatives; its 0.7 is our `beta=0.7`.)
        beta: price of a false negative.
        gamma: positive; the exponent is its inverse. Libraries that raise to `gamma` itself mean our `1 / gamma`.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        per_image: a region is one class of one image, or of the batch.
        classes: `"all"`, or `"present"`: a region without foreground does not count.
        smooth: :math:`s`, at least 0, or a pair for numerator and denominator.
        weight: one weight per class, `(C,)`.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: as for :func:`dice_loss`; the power is taken of each region (the paper sums over classes).

    Returns:
        The loss, between 0 and 1: a scalar, or one number per region for `reduction="none"`. A Tversky loss below the
        rounding of its dtype counts as zero, so that the gradient stays finite where the prediction is perfect.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Abraham and Khan, A novel focal Tversky loss function with improved attention U-Net for lesion segmentation,
        2019, https://arxiv.org/abs/1810.07842.

    Example:
        >>> mask = torch.tensor([[1, 1, 0, 0]])
        >>> focal_tversky_loss(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), mask, task="binary", from_logits=False)
        tensor(0.5140)
    """
    check_positive("gamma", gamma)
    values, counted = _tversky(
        prediction, target, alpha, beta, task, from_logits, per_image, classes, smooth, ignore_index
    )
    wrong = values > torch.finfo(values.dtype).eps
    values = torch.where(wrong, torch.where(wrong, values, 1.0) ** (1 / gamma), 0.0)
    return _reduce_regions(values, counted, weight, reduction, prediction, task)


FocalTverskyLoss = as_module("FocalTverskyLoss", focal_tversky_loss)


@gradient_of(focal_tversky_loss)
def _focal_tversky_gradient(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    task: str = "multiclass",
    smooth: float = 1e-5,
) -> Tensor:
    r""":math:`\partial\ell / \partial p_i = \tfrac{1}{\gamma}\, \ell_{\text{Tversky}}^{1/\gamma - 1}\,
    \partial\ell_{\text{Tversky}} / \partial p_i`."""
    p, g = _probabilities_and_truth(prediction, target, task)
    slope, value = _tversky_slope(p, g, alpha, beta, task, smooth)
    slope = slope * value ** (1 / gamma - 1) / gamma
    return _through_activation(slope, p, task) / _region_count(prediction, task)


# --------------------------------------------------------------------------------------------------------------------
# A pixel loss and an overlap together


def _image_mean(values: Tensor, target: Tensor, ignore_index: int | None, per_image: bool) -> tuple[Tensor, Tensor]:
    """The mean over the counted pixels of each image, `(N,)`, or of the batch, `()`; and whether there is any."""
    valid = valid_entries(target, ignore_index)
    axes = tuple(range(1 if per_image else 0, values.dim()))
    counted = values.new_ones(()).expand(values.shape) if valid is None else valid.to(values.dtype)
    size = counted.sum(axes) if axes else counted
    total = values.sum(axes) if axes else values
    return total / torch.where(size > 0, size, 1), (size > 0).to(values.dtype)


def _class_mean(values: Tensor, counted: Tensor, weight: Tensor | None) -> Tensor:
    """The weighted mean over the counted classes (last axis)."""
    check_class_weight(weight, values.shape[-1])
    weights = counted if weight is None else counted * weight.to(values.dtype)
    total = weights.sum(-1)
    return (values * weights).sum(-1) / torch.where(total > 0, total, 1)


_COMPOUND = _OVERLAP | {
    "convex": no(
        "Dice is flat far from the truth and steep near it",
        task="binary",
        first=[[-1.0, -1.0]],
        other=[[-9.0, -9.0]],
        target=[[1, 1]],
    ),
    "bounded": no("a confident mistake costs as much as its logit", task="binary", first=[[1000.0]], target=[[0]]),
    "symmetric": not_applicable("the prediction is a logit, the target a label"),
    "scale_invariant": not_applicable("the prediction is a logit, the target a label"),
}


@loss(
    tasks=("semantic segmentation",),
    names=("BCE-Dice",),
    domain={"logits": "logits", "target": "target of the task"},
    range=(0.0, float("inf")),
    properties=_COMPOUND,
    cases=({"task": "multilabel"}, {"per_image": False}, {"ignore_index": 255}, {"bce_weight": 0.3, "dice_weight": 0.7},
           {"smooth": 1.0}, {"denominator": "square"}),
    chapter=8,
)  # fmt: skip
def bce_dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "binary",
    bce_weight: float = 1.0,
    dice_weight: float = 1.0,
    denominator: str = "sum",
    per_image: bool = True,
    classes: str = "all",
    smooth: float | tuple[float, float] = 1e-5,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""BCE-Dice loss: binary cross-entropy for a gradient everywhere, Dice for the region as a whole.

    .. math::

        \ell = \lambda_1\, \ell_{\text{BCE}} + \lambda_2\, \ell_{\text{Dice}}

    Both terms are those of one image: the mean of BCE over its pixels, the mean of Dice over its channels. With
    `per_image=False` the batch is treated as one image.

    Args:
        logits: raw scores in the layout of the task.
        target: booleans or numbers in [0, 1], the shape of the logits.
        task: `"binary"` or `"multilabel"`.
        bce_weight: :math:`\lambda_1`.
        dice_weight: :math:`\lambda_2`.
        denominator: `"sum"` or `"square"`, as for :func:`dice_loss`.
        per_image: whether each image or the batch makes a region.
        classes: `"all"`, or `"present"`: a region without foreground does not count in Dice.
        smooth: smoothing of Dice, at least 0, or a pair for numerator and denominator.
        weight: weight of each channel in Dice, `(C,)`.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: `"none"` gives `(N,)`, or a scalar with `per_image=False`; `"mean"` averages over the images that
            have a counted pixel.

    Returns:
        The loss: a scalar, or one number per image for `reduction="none"`.

    Raises:
        TypeError: logits that are not floating-point.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Zhou et al., UNet++, 2018, https://arxiv.org/abs/1807.10165; Isensee et al., nnU-Net, 2021,
        https://doi.org/10.1038/s41592-020-01008-z.

    Example:
        >>> bce_dice_loss(torch.tensor([[4.0, -4.0]]), torch.tensor([[1, 0]]))
        tensor(0.0361)
    """
    check_tensors(logits=logits, target=target)
    check_floating("logits", logits)
    check_choice("task", task, ("binary", "multilabel"))
    check_choice("denominator", denominator, ("sum", "square"))
    check_reduction(reduction)
    bce = binary_cross_entropy_with_logits(widen(logits), target, ignore_index=ignore_index, reduction="none")
    bce, counted = _image_mean(bce, target, ignore_index, per_image)
    pixels = _pixels(logits, target, task, True, ignore_index)
    regions = _regions(pixels, per_image=per_image, classes=classes, squared=denominator == "square")
    dice = 1 - _ratio(2 * regions.overlap, regions.predicted + regions.target, smooth)
    values = bce_weight * bce + dice_weight * _class_mean(dice, regions.counted, weight)
    return reduce(values * counted, reduction, counted, logits.dtype)


BCEDiceLoss = as_module("BCEDiceLoss", bce_dice_loss)


@gradient_of(bce_dice_loss)
def _bce_dice_gradient(logits: Tensor, target: Tensor, *, task: str = "binary", smooth: float = 1e-5) -> Tensor:
    r""":math:`\partial\ell / \partial z_i = (p_i - y_i) / |\Omega| + \partial\ell_{\text{Dice}} / \partial z_i`."""
    return (logits.sigmoid() - target) / target.numel() + _dice_gradient(logits, target, task=task, smooth=smooth)


@loss(
    tasks=("semantic segmentation",),
    names=("CE-Dice", "cross-entropy + Dice"),
    domain={"logits": "logits", "target": "labels"},
    range=(0.0, float("inf")),
    properties=_COMPOUND | {
        "convex": no("Dice is flat far from the truth and steep near it",
                     first=[[[-8.0, -1.0], [0.0, 0.0]]], other=[[[-7.0, -8.0], [0.0, 0.0]]], target=[[1, 0]]),
        "bounded": no("a confident mistake costs as much as its logit", first=[[[-200.0], [200.0]]], target=[[0]]),
    },
    cases=({"per_image": False}, {"ignore_index": 255}, {"ce_weight": 0.3, "dice_weight": 0.7}, {"smooth": 1.0},
           {"weight": (0.0, 1.0, 3.0)}, {"denominator": "square"}),
    chapter=8,
)  # fmt: skip
def ce_dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ce_weight: float = 1.0,
    dice_weight: float = 1.0,
    denominator: str = "sum",
    per_image: bool = True,
    classes: str = "all",
    smooth: float | tuple[float, float] = 1e-5,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""CE-Dice loss: pixel-wise cross-entropy for a gradient everywhere, Dice for every class as a whole.

    .. math::

        \ell = \lambda_1\, \ell_{\text{CE}} + \lambda_2\, \ell_{\text{Dice}}

    Both terms are those of one image: the mean of CE over its pixels, the mean of Dice over its classes. With
    `per_image=False` the batch is treated as one image, as in nnU-Net's batch Dice.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: labels, `(N, *)`.
        ce_weight: :math:`\lambda_1`.
        dice_weight: :math:`\lambda_2`.
        denominator: `"sum"` or `"square"`, as for :func:`dice_loss`.
        per_image: whether each image or the batch makes a region.
        classes: `"all"`, or `"present"`: a region without foreground does not count in Dice.
        smooth: smoothing of Dice, at least 0, or a pair for numerator and denominator.
        weight: weight of each class in Dice, `(C,)`.
        ignore_index: label of pixels which do not count, or `None`.
        reduction: `"none"` gives `(N,)`, or a scalar with `per_image=False`; `"mean"` averages over the images that
            have a counted pixel.

    Returns:
        The loss: a scalar, or one number per image for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, labels out of range, an unknown setting.

    References:
        Isensee et al., nnU-Net, 2021, https://doi.org/10.1038/s41592-020-01008-z.

    Example:
        >>> ce_dice_loss(torch.tensor([[[4.0, -4.0], [0.0, 0.0]]]), torch.tensor([[0, 1]]))
        tensor(0.0361)
    """
    check_tensors(logits=logits, target=target)
    check_floating("logits", logits)
    check_choice("denominator", denominator, ("sum", "square"))
    check_reduction(reduction)
    pixels = _pixels(logits, target, "multiclass", True, ignore_index)
    if target.is_floating_point():
        raise TypeError(f"target must hold integer class indices, got {target.dtype}")
    ignored = -100 if ignore_index is None else ignore_index
    ce = cross_entropy(widen(logits), target, ignore_index=ignored, reduction="none")
    ce, counted = _image_mean(ce, target, ignore_index, per_image)
    regions = _regions(pixels, per_image=per_image, classes=classes, squared=denominator == "square")
    dice = 1 - _ratio(2 * regions.overlap, regions.predicted + regions.target, smooth)
    values = ce_weight * ce + dice_weight * _class_mean(dice, regions.counted, weight)
    return reduce(values * counted, reduction, counted, logits.dtype)


CEDiceLoss = as_module("CEDiceLoss", ce_dice_loss)


@gradient_of(ce_dice_loss)
def _ce_dice_gradient(logits: Tensor, target: Tensor, *, smooth: float = 1e-5) -> Tensor:
    r""":math:`\partial\ell / \partial z_{ic} =
    (p_{ic} - [c = y_i]) / |\Omega| + \partial\ell_{\text{Dice}} / \partial z_{ic}`."""
    p, g = _probabilities_and_truth(logits, target, "multiclass")
    return (p - g) / target.numel() + _dice_gradient(logits, target, smooth=smooth)


@loss(
    tasks=("semantic segmentation",),
    names=("Combo",),
    domain={"logits": "logits", "target": "target of the task"},
    range=(-0.5, float("inf")),
    properties=_COMPOUND,
    cases=({"task": "multilabel"}, {"per_image": False}, {"ignore_index": 255}, {"alpha": 0.3, "beta": 0.8},
           {"smooth": 1e-5}),
    chapter=8,
)  # fmt: skip
def combo_loss(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "binary",
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    per_image: bool = True,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Combo loss: a cross-entropy that prices misses and false alarms apart, minus the Dice coefficient.

    .. math::

        \ell = -\frac{\alpha}{|\Omega|} \sum_i \big[ \beta\, g_i \log p_i + (1 - \beta)(1 - g_i) \log (1 - p_i) \big]
               - (1 - \alpha)\, \frac{2 \sum_i p_i g_i + s}{\sum_i p_i + \sum_i g_i + s}

    As in the paper the Dice coefficient is subtracted, so a perfect prediction has the loss :math:`-(1 - \alpha)`.

    Args:
        logits: raw scores in the layout of the task.
        target: booleans or numbers in [0, 1], the shape of the logits.
        task: `"binary"` or `"multilabel"`.
        alpha: share of the cross-entropy, in [0, 1].
        beta: price of a miss against that of a false alarm, in [0, 1]; above 0.5 misses cost more.
        smooth: :math:`s`, at least 0.
        per_image: whether each image or the batch makes a region.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: `"none"` gives `(N,)`, or a scalar with `per_image=False`; `"mean"` averages over the images that
            have a counted pixel.

    Returns:
        The loss, at least :math:`-(1 - \alpha)`: a scalar, or one number per image for `reduction="none"`.

    Raises:
        TypeError: logits that are not floating-point.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Taghanaki et al., Combo loss: handling input and output imbalance in multi-organ segmentation, 2019,
        https://arxiv.org/abs/1805.02798.

    Example:
        >>> combo_loss(torch.tensor([[4.0, -4.0]]), torch.tensor([[1, 0]]))
        tensor(-0.4895)
    """
    check_tensors(logits=logits, target=target)
    check_floating("logits", logits)
    check_choice("task", task, ("binary", "multilabel"))
    check_fraction("alpha", alpha)
    check_fraction("beta", beta)
    check_reduction(reduction)
    scores, truth, valid = _binary_entries(logits, target, ignore_index)
    if beta > 0.5:  # the dearer answer has weight one below, and the other its share of it
        scores, truth, dear, cheap = -scores, 1 - truth, beta, 1 - beta
    else:
        dear, cheap = 1 - beta, beta
    share = scores.new_tensor(cheap / dear) if cheap < dear else None
    entropy = F.binary_cross_entropy_with_logits(scores, truth, pos_weight=share, reduction="none")
    if valid is not None:
        entropy = torch.where(valid, entropy, 0.0)
    entropy, counted = _image_mean(entropy, target, ignore_index, per_image)
    regions = _regions(_pixels(logits, target, task, True, ignore_index), per_image=per_image)
    dice = _class_mean(_ratio(2 * regions.overlap, regions.predicted + regions.target, smooth), regions.counted, None)
    return reduce((alpha * dear * entropy - (1 - alpha) * dice) * counted, reduction, counted, logits.dtype)


ComboLoss = as_module("ComboLoss", combo_loss)


@gradient_of(combo_loss)
def _combo_gradient(
    logits: Tensor, target: Tensor, *, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0
) -> Tensor:
    r""":math:`\partial\ell / \partial z_i =
    \frac{\alpha}{|\Omega|} \big[ (1-\beta)(1-g_i) p_i - \beta g_i (1-p_i) \big]
    + (1-\alpha)\, \partial\ell_{\text{Dice}} / \partial z_i`."""
    p, g = logits.sigmoid(), target.to(logits.dtype)
    entropy = ((1 - beta) * (1 - g) * p - beta * g * (1 - p)) / target.numel()
    return alpha * entropy + (1 - alpha) * _dice_gradient(logits, target, task="binary", smooth=smooth)


# --------------------------------------------------------------------------------------------------------------------
# The Lovász extension of the Jaccard index


def _lovasz_weights(errors: Tensor, g: Tensor) -> Tensor:
    """What each error weighs in the Lovász extension of the Jaccard loss: `(N, C, P)` like the arguments.

    Sort the errors, largest first. The weight of the k-th is by how much the Jaccard loss of "the k largest are
    mistakes" exceeds that of "the k - 1 largest are". Between two changes of order the weights are constant, so no
    gradient flows through them.
    """
    with torch.no_grad():
        order = errors.argsort(dim=-1, descending=True)
        found = g.gather(-1, order).to(errors.dtype).cumsum(-1)
        rank = torch.arange(1, errors.shape[-1] + 1, device=errors.device, dtype=errors.dtype)
        size = found[..., -1:]
        jaccard = 1 - (size - found) / (size + rank - found)
        weights = torch.cat([jaccard[..., :1], jaccard.diff(dim=-1)], -1)
        return torch.zeros_like(weights).scatter(-1, order, weights)


_LOVASZ = {
    "minimum_at_target": yes,
    "convex": no("the softmax before it is not", first=[[[-6.0, -6.0], [0.0, 0.0]]], other=[[[0.0, 0.0], [0.0, 0.0]]],
                 target=[[0, 0]]),
    "lipschitz": up_to(2.0),
    "smooth": no("the slope jumps where two errors change order",
                 first=[[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]], target=[[0, 1, 1]]),
    "bounded": yes,
    "symmetric": not_applicable("the target is a hard label"),
    "proper": no("where some pixels are surer than others, their frequencies are not the best answer", target=_GROUPS),
    "scale_invariant": not_applicable("the target is a hard label"),
    "permutation_invariant": yes,
}  # fmt: skip


@loss(
    tasks=("semantic segmentation",),
    names=("Lovász hinge",),
    domain={"logits": "logits", "target": "mask"},
    range=(0.0, float("inf")),
    properties=_LOVASZ | {
        "convex": yes,
        "smooth": no("the slope jumps where the margin is met", first=[[1.0]], target=[[1]]),
        "bounded": no("a confident mistake costs as much as its logit", first=[[200.0]], target=[[0]]),
    },
    cases=({"per_image": False}, {"ignore_index": 255}),
    chapter=8,
)  # fmt: skip
def lovasz_hinge_loss(
    logits: Tensor,
    target: Tensor,
    *,
    per_image: bool = True,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Lovász hinge: the tight convex surrogate of the Jaccard loss of a binary mask.

    .. math::

        \ell = \sum_k \big( \Delta_J(M_k) - \Delta_J(M_{k-1}) \big) \max(0, m_{(k)}), \qquad m_i = 1 - z_i (2 g_i - 1)

    where :math:`m_{(k)}` is the k-th largest margin violation, :math:`M_k` the set of the k largest and
    :math:`\Delta_J(M)` the Jaccard loss when exactly the pixels in :math:`M` are mistaken.

    Args:
        logits: raw scores, `(N, *)`.
        target: booleans or 0 and 1, the shape of the logits.
        per_image: the Jaccard index of each image, or of the batch.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: `"none"` gives `(N,)`, or a scalar with `per_image=False`; `"mean"` averages over the images that
            have a counted pixel.

    Returns:
        The loss: a scalar, or one number per image for `reduction="none"`.

    Raises:
        ValueError: shapes that differ, a target that is not 0 or 1, an unknown reduction.

    References:
        Yu and Blaschko, Learning submodular losses with the Lovász hinge, 2015,
        https://proceedings.mlr.press/v37/yub15.html; Berman, Triki and Blaschko, 2018,
        https://arxiv.org/abs/1705.08790.

    Example:
        >>> lovasz_hinge_loss(torch.tensor([[2.0, -2.0, 0.5]]), torch.tensor([[1, 0, 0]]))
        tensor(0.7500)
    """
    check_tensors(logits=logits, target=target)
    check_floating("logits", logits)
    check_reduction(reduction)
    _, g, valid = _pixels(logits, target, "binary", True, ignore_index)
    margins = 1 - _flat(widen(logits), "binary") * (2 * g.to(widen(logits).dtype) - 1)
    if valid is not None:
        margins = torch.where(valid, margins, -1.0)  # below every violation, so sorted behind them and clipped
    values, counted = _lovasz(margins.relu(), margins, g, valid, per_image)
    result = reduce(values * counted, reduction, counted, logits.dtype)
    return result.squeeze(-1) if reduction == "none" else result


LovaszHingeLoss = as_module("LovaszHingeLoss", lovasz_hinge_loss)


def _lovasz(errors: Tensor, keys: Tensor, g: Tensor, valid: Tensor | None, per_image: bool) -> tuple[Tensor, Tensor]:
    """The Lovász extension of each region, and which regions have a counted pixel. `keys` sort the errors."""
    if not per_image:
        errors, keys, g = (t.movedim(1, 0).flatten(1) for t in (errors, keys, g))
    values = (errors * _lovasz_weights(keys, g > 0)).sum(-1)
    if valid is None:
        return values, torch.ones_like(values)
    size = valid.sum(-1) if per_image else valid.movedim(1, 0).flatten(1).sum(-1)
    return values, (size > 0).to(values.dtype).expand_as(values)


@gradient_of(lovasz_hinge_loss)
def _lovasz_hinge_gradient(logits: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\ell / \partial z_i = -(2 g_i - 1)\, w_i\, [m_i > 0]` with the weight of its rank :math:`w_i`."""
    sign = 2 * target.to(logits.dtype) - 1
    margins = 1 - logits * sign
    weights = _lovasz_weights(_flat(margins, "binary"), _flat(target > 0, "binary")).reshape(logits.shape)
    return -sign * weights * (margins > 0) / logits.shape[0]


@loss(
    tasks=("semantic segmentation",),
    names=("Lovász-softmax",),
    domain={"prediction": "scores of the task", "target": "labels"},
    range=(0.0, 1.0),
    properties=_LOVASZ,
    cases=({"per_image": True}, {"classes": "all"}, {"ignore_index": 255}),
    chapter=8,
)
def lovasz_softmax_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    from_logits: bool = True,
    per_image: bool = False,
    classes: str = "present",
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Lovász-softmax loss: the Jaccard index of every class, extended from hard masks to probabilities.

    .. math::

        \ell_c = \sum_k \big( \Delta_J(M_k) - \Delta_J(M_{k-1}) \big)\, e_{(k)}, \qquad
        e_i = \begin{cases} 1 - p_{ci} & y_i = c \\ p_{ci} & \text{otherwise} \end{cases}

    where :math:`e_{(k)}` is the k-th largest error of class :math:`c` and :math:`M_k` the set of the k largest. On a
    hard prediction it equals one minus the Jaccard index.

    Args:
        prediction: logits `(N, C, *)`; with `from_logits=False` probabilities or a hard one-hot mask.
        target: labels, `(N, *)`.
        from_logits: whether the prediction still has to pass softmax.
        per_image: the Jaccard index of each image, or of the batch (the authors' choice for data-set scores).
        classes: `"present"`: a class without a labeled pixel in the region does not count; or `"all"`.
        ignore_index: label of pixels which do not count, or `None`.
        reduction: `"none"` gives `(C,)`, or `(N, C)` with `per_image=True`; `"mean"` averages over the counted regions.

    Returns:
        The loss, between 0 and 1: a scalar, or one number per region for `reduction="none"`.

    Raises:
        TypeError: a float target.
        ValueError: shapes that do not go together, labels out of range, an unknown setting.

    References:
        Berman, Triki and Blaschko, The Lovász-softmax loss, 2018, https://arxiv.org/abs/1705.08790.

    Example:
        >>> p = torch.tensor([[[0.9, 0.2, 0.6], [0.1, 0.8, 0.4]]])
        >>> lovasz_softmax_loss(p, torch.tensor([[0, 1, 1]]), from_logits=False)
        tensor(0.3833)
    """
    check_choice("classes", classes, ("all", "present"))
    check_reduction(reduction)
    pixels = _pixels(prediction, target, "multiclass", from_logits, ignore_index)
    if target.is_floating_point():
        raise TypeError(f"target must hold integer class indices, got {target.dtype}")
    p, g, valid = pixels.p, pixels.g, pixels.valid
    errors = torch.where(g, 1 - p, p)
    keys = errors.detach()
    if valid is not None:
        errors, keys = torch.where(valid, errors, 0.0), torch.where(valid, keys, -1.0)
    values, counted = _lovasz(errors, keys, g, valid, per_image)
    if classes == "present":
        counted = (g.any(-1) if per_image else g.any(-1).any(0)).to(values.dtype)
    dtype = prediction.dtype if prediction.is_floating_point() else values.dtype
    return reduce(values * counted, reduction, counted, dtype)


LovaszSoftmaxLoss = as_module("LovaszSoftmaxLoss", lovasz_softmax_loss)


@gradient_of(lovasz_softmax_loss)
def _lovasz_softmax_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\ell_c / \partial p_{ci} = w_{ci} (1 - 2 [y_i = c])`, averaged over the classes that occur."""
    p, g = _probabilities_and_truth(prediction, target, "multiclass")
    rows = [t.movedim(1, 0).flatten(1) for t in (torch.where(g > 0, 1 - p, p), g)]
    weights = _lovasz_weights(rows[0], rows[1] > 0)
    weights = weights.reshape(p.movedim(1, 0).shape).movedim(0, 1)
    present = (rows[1].sum(-1) > 0).to(p.dtype)
    weights = weights * (present / present.sum()).reshape(1, -1, *[1] * (p.dim() - 2))
    return _through_activation(weights * (1 - 2 * g), p, "multiclass")


# --------------------------------------------------------------------------------------------------------------------
# Distance to the contour


def _picture_dimensions(prediction: Tensor, task: str) -> int:
    """How many dimensions the picture has, which distances are measured in."""
    spatial = prediction.dim() - (1 if task == "binary" else 2)
    if spatial < 1:
        raise ValueError(f"distances need a picture, but shape {tuple(prediction.shape)} leaves it no dimension")
    return spatial


def signed_distance_map(target: Tensor, *, task: str = "multiclass", num_classes: int | None = None) -> Tensor:
    r"""The signed distance of each pixel to the contour of each class: negative inside, in pixels.

    .. math::

        \phi(i) = \begin{cases} \min_{j \in G} \lVert i - j \rVert & i \notin G \\
                                1 - \min_{j \notin G} \lVert i - j \rVert & i \in G \end{cases}

    The pixels just inside the contour have distance 0, as in the code of the boundary loss's authors. A class that is
    absent, or fills the picture, has no contour: its map is 0. Compute the map once per image, in the data set.

    Args:
        target: labels `(N, *)` for `"multiclass"`; booleans or 0 and 1, `(N, C, *)` for `"multilabel"`, `(N, *)` for
            `"binary"`.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        num_classes: number of classes, for `"multiclass"` only.

    Returns:
        float32 distances in pixels in the layout of the task's prediction: `(N, C, *)`, or `(N, *)` for `"binary"`.

    Example:
        >>> signed_distance_map(torch.tensor([[0, 1, 1, 1, 0, 0]]), task="binary")
        tensor([[ 1.,  0., -1.,  0.,  1.,  2.]])
    """
    check_choice("task", task, TASKS)
    check_tensors(target=target)
    if task == "multiclass":
        if num_classes is None or num_classes < 2:
            raise ValueError(f"num_classes must be 2 or more for task='multiclass', got {num_classes}")
        check_labels(target, (target.shape[0], num_classes, *target.shape[1:]), "the map", None)
        classes = torch.arange(num_classes, device=target.device).view(1, -1, *[1] * (target.dim() - 1))
        mask = target.unsqueeze(1) == classes
    else:
        check_probabilities("target", target)
        mask = target > 0.5
    spatial = _picture_dimensions(mask, task)
    inside = distance(~mask, spatial)
    signed = distance(mask, spatial) - torch.where(inside > 0, inside - 1, 0)
    full = mask.flatten(mask.dim() - spatial).all(-1)
    return torch.where(full.reshape(full.shape + (1,) * spatial), 0.0, signed)


_DISTANCES = {
    "minimum_at_target": yes,
    "smooth": yes,
    "symmetric": not_applicable("the target is a map of distances"),
    "proper": not_applicable("the target is a map of distances, not a label"),
    "scale_invariant": not_applicable("the target is a map of distances"),
    "permutation_invariant": yes,
}


@loss(
    tasks=("semantic segmentation",),
    names=("boundary",),
    domain={"prediction": "scores of the task", "distance_map": "distance map"},
    range=(float("-inf"), float("inf")),
    properties=_DISTANCES | {
        "convex": no("the probability is not convex in the logit", task="binary",
                     first=[[6.0]], other=[[0.0]], distance_map=[[1.0]]),
        "lipschitz": up_to(8.0, "for distances up to 11 pixels; the constant grows with the picture"),
        "bounded": no("a false alarm costs its distance", task="binary", first=[[100.0]], distance_map=[[500.0]]),
    },
    cases=({"task": "binary"}, {"task": "multilabel"}, {"weight": (0.0, 1.0, 3.0)}),
    chapter=8,
)  # fmt: skip
def boundary_loss(
    prediction: Tensor,
    distance_map: Tensor,
    *,
    task: str = "multiclass",
    from_logits: bool = True,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Boundary loss: every predicted pixel pays its signed distance to the true contour.

    .. math::

        \ell_i = \phi_G(i)\, p_i

    Its minimum, at the true mask, is negative, and where a class has no contour it says nothing: the paper adds it to a
    regional loss, with a growing share.

    Args:
        prediction: logits in the layout of the task; with `from_logits=False` probabilities or a hard mask.
        distance_map: signed distances, the shape of the prediction, in pixels; from :func:`signed_distance_map`. Zero
            makes a pixel irrelevant.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        weight: one weight per class, `(C,)`; the paper leaves the background out with a zero.
        reduction: `"none"` gives the shape of the prediction; `"mean"` divides by the sum of its entries' weights.

    Returns:
        The loss in pixels: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a distance map that is not floating-point.
        ValueError: shapes that differ, an unknown setting.

    References:
        Kervadec et al., Boundary loss for highly unbalanced segmentation, 2019, https://arxiv.org/abs/1812.07032.

    Example:
        >>> phi = signed_distance_map(torch.tensor([[0, 1, 1, 1, 0, 0]]), task="binary")
        >>> boundary_loss(torch.tensor([[0.0, 1.0, 1.0, 1.0, 0.0, 1.0]]), phi, task="binary", from_logits=False)
        tensor(0.1667)
    """
    check_tensors(prediction=prediction, distance_map=distance_map, weight=weight)
    check_floating("distance_map", distance_map)
    check_same_shape("distance_map", distance_map, "prediction", prediction)
    check_reduction(reduction)
    p = _activate(prediction, task, from_logits)
    values = p * distance_map.to(p.dtype)
    dtype = prediction.dtype if prediction.is_floating_point() else p.dtype
    if weight is None:
        return reduce(values, reduction, dtype=dtype)
    check_class_weight(weight, 1 if task == "binary" else prediction.shape[1])
    if task != "binary":
        weight = weight.reshape(1, -1, *[1] * (prediction.dim() - 2))
    weight = weight.to(p.dtype)
    return reduce(values * weight, reduction, weight, dtype)


BoundaryLoss = as_module("BoundaryLoss", boundary_loss)


def _activate(prediction: Tensor, task: str, from_logits: bool) -> Tensor:
    """Probabilities in the layout of the prediction."""
    check_choice("task", task, TASKS)
    if task == "multiclass":
        check_class_scores("prediction", prediction)
    if not from_logits:
        check_probabilities("prediction", prediction)
        return widen(prediction if prediction.is_floating_point() else prediction.float())
    check_floating("prediction", prediction)
    return widen(prediction).softmax(1) if task == "multiclass" else widen(prediction).sigmoid()


@gradient_of(boundary_loss)
def _boundary_gradient(prediction: Tensor, distance_map: Tensor, *, task: str = "multiclass") -> Tensor:
    r""":math:`\partial\ell / \partial p_i = \phi_G(i)`: the distance itself, the same wherever the prediction is."""
    p = prediction.softmax(1) if task == "multiclass" else prediction.sigmoid()
    return _through_activation(distance_map, p, task) / prediction.numel()


_FAR = {"task": "binary", "target": [[1] + [0] * 63]}


@loss(
    tasks=("semantic segmentation",),
    names=("Hausdorff distance",),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, float("inf")),
    properties=_DISTANCES | {
        "convex": no("it is flat where the prediction is sure", first=[[-8.0] + [-20.0] * 63],
                     other=[[-1.0] + [-20.0] * 63], **_FAR),
        "lipschitz": no("its value jumps where a probability crosses one half", first=[[-9.0] * 63 + [0.001]],
                        other=[[-9.0] * 63 + [-0.001]], **_FAR),
        "smooth": no("its value jumps where a probability crosses one half", first=[[-9.0] * 63 + [0.0]], **_FAR),
        "bounded": no("it grows with the picture", first=[[-9.0] * 63 + [9.0]], **_FAR),
        "permutation_invariant": no("it depends on where pixels are", first=[[9.0] * 4 + [-9.0] * 60], **_FAR),
    },
    cases=({"task": "binary"}, {"task": "multilabel"}, {"alpha": 1.0}, {"ignore_index": 255}),
    detached="the distance transforms: they change in jumps, where a probability crosses one half",
    chapter=8,
)  # fmt: skip
def hausdorff_dt_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    from_logits: bool = True,
    alpha: float = 2.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Hausdorff distance surrogate: squared errors, weighed by how far they are from both contours.

    .. math::

        \ell_i = (p_i - g_i)^2 \big( d_P(i)^\alpha + d_G(i)^\alpha \big)

    :math:`d_G` is the distance to the contour of the true mask, :math:`d_P` that of the predicted one (where the
    probability exceeds one half), both in pixels and held fixed when the gradient is formed. A mask without a contour
    has distance 0 everywhere.

    Args:
        prediction: logits in the layout of the task; with `from_logits=False` probabilities or a hard mask.
        target: labels or masks in the layout of the task.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        alpha: exponent of the distance, above 0; the paper finds values from 1 to 3 to work and uses 2.
        ignore_index: value of the target that marks pixels which do not count (background for the distance), or `None`.
        reduction: `"none"` gives `(N, C, *)`, or `(N, *)` for `"binary"`; `"mean"` averages over the counted entries.

    Returns:
        The loss in pixels to the power alpha: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Karimi and Salcudean, Reducing the Hausdorff distance in medical image segmentation with convolutional neural
        networks, 2020, https://arxiv.org/abs/1904.10030, equation 8.

    Example:
        >>> mask = torch.tensor([[0, 1, 1, 0, 0, 0]])
        >>> hausdorff_dt_loss(torch.tensor([[0.0, 1.0, 1.0, 0.0, 0.0, 1.0]]), mask, task="binary", from_logits=False)
        tensor(1.6667)
    """
    check_positive("alpha", alpha)
    check_reduction(reduction)
    pixels = _pixels(prediction, target, task, from_logits, ignore_index)
    shape = prediction.shape
    p, g = pixels.p.reshape(shape), pixels.g.reshape(shape)
    spatial = _picture_dimensions(prediction, task)
    with torch.no_grad():
        far = _contour_distance(p > 0.5, spatial, alpha).add_(_contour_distance(g > 0.5, spatial, alpha))
    values = F.mse_loss(p, g.to(p.dtype), reduction="none") * far.to(p.dtype)
    dtype = prediction.dtype if prediction.is_floating_point() else p.dtype
    if pixels.valid is None:
        return reduce(values, reduction, dtype=dtype)
    valid = pixels.valid.expand(pixels.p.shape).reshape(shape)
    return reduce(torch.where(valid, values, 0.0), reduction, valid.to(p.dtype), dtype)


HausdorffDTLoss = as_module("HausdorffDTLoss", hausdorff_dt_loss)


def _contour_distance(mask: Tensor, spatial: int, alpha: float) -> Tensor:
    """Distance of each pixel to the contour of its mask, to the power alpha: to the mask outside, out of it inside."""
    return distance(mask, spatial).add_(distance(~mask, spatial)).pow_(alpha)


@gradient_of(hausdorff_dt_loss)
def _hausdorff_gradient(prediction: Tensor, target: Tensor, *, task: str = "multiclass", alpha: float = 2.0) -> Tensor:
    r""":math:`\partial\ell / \partial p_i = 2 (p_i - g_i) \big( d_P(i)^\alpha + d_G(i)^\alpha \big)`."""
    p, g = _probabilities_and_truth(prediction, target, task)
    spatial = _picture_dimensions(p, task)
    far = _contour_distance(p > 0.5, spatial, alpha) + _contour_distance(g > 0.5, spatial, alpha)
    return _through_activation(2 * (p - g) * far.to(p.dtype), p, task) / p.numel()
