"""Losses that score a predicted mask as a whole: overlap, the extension of the Jaccard index, distance to the contour.

Throughout, `p` is the predicted probability and `g` the truth (0 or 1) of a pixel in one *region*: one class of one
image, or of the whole batch with `per_image=False`. The prediction is laid out by `task`:

- `"multiclass"`: prediction `(N, C, *)`, target `(N, *)` labels (or `(N, C, *)` probabilities); softmax over classes;
- `"multilabel"`: prediction and target `(N, C, *)`; one sigmoid per channel;
- `"binary"`: prediction and target of one shape `(N, *)`; one sigmoid, everything after `N` is one picture.

Pixels whose target is `ignore_index` do not count; a multiclass target of probabilities has no such value.

Most losses read in the same order: check and lay out (`_pixels`), sum up each region (`_regions`), form one score of
the sums, reduce. What tests check of a loss stands in `@loss` above it; its gradient, derived by hand, below it under
`@gradient_of`. From other files come the checks of arguments (`check_...`); `widen`, since half precision is computed
in float32; `reduce`, the sum of weighted values over the sum of weights; `distance`, to the nearest pixel of a mask;
and from `classification` the cross-entropy of each pixel (`_cross_entropies`) and what it takes (`_entries`: scores
and truth, neutral where ignored, and which pixels count).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._distance import distance
from ._module import as_module
from ._reduction import full_precision, reduce, together, widen
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
    known,
    valid_entries,
)
from .classification import (
    _binary_entries,
    _cross_entropies,
    _entries,
    _focal_gradient,
    binary_cross_entropy_with_logits,
    cross_entropy,
    focal_loss,
)

__all__ = [
    "BCEDiceLoss",
    "BoundaryLoss",
    "CEDiceLoss",
    "CLDiceLoss",
    "ComboLoss",
    "DiceFocalLoss",
    "DiceLoss",
    "ExponentialLogarithmicLoss",
    "FocalTverskyLoss",
    "GeneralizedDiceLoss",
    "GeneralizedWassersteinDiceLoss",
    "HausdorffDTLoss",
    "HausdorffERLoss",
    "JaccardLoss",
    "LogCoshDiceLoss",
    "LogHausdorffDTLoss",
    "LovaszHingeLoss",
    "LovaszSoftmaxLoss",
    "MCCLoss",
    "MaskClassificationLoss",
    "SensitivitySpecificityLoss",
    "SquaredDiceLoss",
    "TopKCrossEntropyLoss",
    "TverskyLoss",
    "UnifiedFocalLoss",
    "bce_dice_loss",
    "boundary_loss",
    "ce_dice_loss",
    "cl_dice_loss",
    "combo_loss",
    "dice_focal_loss",
    "dice_loss",
    "exponential_logarithmic_loss",
    "focal_tversky_loss",
    "generalized_dice_loss",
    "generalized_wasserstein_dice_loss",
    "hausdorff_dt_loss",
    "hausdorff_er_loss",
    "jaccard_loss",
    "log_cosh_dice_loss",
    "log_hausdorff_dt_loss",
    "lovasz_hinge_loss",
    "lovasz_softmax_loss",
    "mask_classification_loss",
    "match_masks",
    "mcc_loss",
    "sensitivity_specificity_loss",
    "signed_distance_map",
    "soft_skeleton",
    "squared_dice_loss",
    "topk_cross_entropy",
    "tversky_loss",
    "unified_focal_loss",
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


def _check_hard(target: Tensor) -> None:
    """A mask of numbers in [0, 1] holds none between 0 and 1."""
    if target.is_floating_point() and known(target, lambda: (target != target.floor()).any()):
        raise ValueError("target must hold 0 and 1, got numbers between them")


class _Regions(NamedTuple):
    """Sums over the pixels of each region: `(N, C)`, or `(C,)` over the batch."""

    overlap: Tensor  # sum of p g
    predicted: Tensor  # sum of p, or of p squared
    target: Tensor  # sum of g, or of g squared
    size: Tensor  # number of pixels that count
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
    size = torch.full_like(common, p.shape[-1]) if valid is None else valid.sum(-1).expand_as(common).to(p.dtype)
    if not per_image:
        common, predicted, target, size = common.sum(0), predicted.sum(0), target.sum(0), size.sum(0)
    counted = (size > 0) if classes == "all" else (target > 0)
    return _Regions(common, predicted, target, size, counted.to(p.dtype))


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
    above, below = smooth if isinstance(smooth, tuple | list) else (smooth, smooth)
    check_positive("smooth", min(above, below), zero=True)
    numerator, denominator = numerator + above, denominator + below
    empty = denominator <= 0
    return torch.where(empty, 1.0, numerator / torch.where(empty, 1.0, denominator))


def _reduce_regions(
    values: Tensor, counted: Tensor, weight: Tensor | None, reduction: str, like: Tensor, task: str
) -> Tensor:
    """Weigh by class and reduce; `"none"` drops the class axis of a binary task."""
    check_reduction(reduction)
    check_tensors(prediction=like, weight=weight)
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
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`; with `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape; or probabilities in it.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
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
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`; with `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape; or probabilities in it.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
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
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`; with `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape; or probabilities in it.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
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
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`; with `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape; or probabilities in it.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
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
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`; with `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape; or probabilities in it.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
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
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`; with `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape; or probabilities in it.
        alpha: price of a false positive, at least 0.
        beta: price of a false negative, at least 0; the paper's best pair is 0.3 and 0.7.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
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
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`; with `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape; or probabilities in it.
        alpha: price of a false positive. (The paper writes alpha for false negatives; its 0.7 is our `beta=0.7`.)
        beta: price of a false negative.
        gamma: positive; the exponent is its inverse. Libraries that raise to `gamma` itself mean our `1 / gamma`.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
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
    return _reduce_regions(_power(values, 1 / gamma), counted, weight, reduction, prediction, task)


FocalTverskyLoss = as_module("FocalTverskyLoss", focal_tversky_loss)


def _power(values: Tensor, exponent: float) -> Tensor:
    """Values from 0 up to a power; what is below the rounding of its dtype counts as 0 and has no slope."""
    nothing = values <= torch.finfo(values.dtype).eps
    return torch.where(nothing, 0.0, torch.where(nothing, 1.0, values) ** exponent)


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


def _image_sum(values: Tensor, per_image: bool) -> Tensor:
    """The sum over each image, `(N,)`, or over the batch, `()`."""
    axes = tuple(range(1 if per_image else 0, values.dim()))
    return values.sum(axes) if axes else values  # no axes would mean all of them


def _image_mean(values: Tensor, target: Tensor, ignore_index: int | None, per_image: bool) -> tuple[Tensor, Tensor]:
    """The mean over the counted pixels of each image, `(N,)`, or of the batch, `()`; and whether there is any."""
    valid = valid_entries(target, ignore_index)
    counted = values.new_ones(()).expand(values.shape) if valid is None else valid.to(values.dtype)
    size = _image_sum(counted, per_image)
    return _image_sum(values, per_image) / torch.where(size > 0, size, 1), (size > 0).to(values.dtype)


def _class_mean(values: Tensor, counted: Tensor, weight: Tensor | None) -> Tensor:
    """The weighted mean over the counted classes (last axis)."""
    check_tensors(logits=values, weight=weight)
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
        logits: raw scores, `(N, *)` for `"binary"`, `(N, C, *)` for `"multilabel"`.
        target: booleans or numbers in [0, 1], the shape of the logits.
        task: `"binary"`, or `"multilabel"` with a sigmoid per channel.
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
           {"weight": (0.0, 1.0, 3.0)}, {"denominator": "square"}, {"label_smoothing": 0.1}),
    chapter=8,
)  # fmt: skip
def ce_dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ce_weight: float = 1.0,
    dice_weight: float = 1.0,
    label_smoothing: float = 0.0,
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
        label_smoothing: share of the target that cross-entropy spreads over all classes, in [0, 1].
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
    if target.is_floating_point():
        raise TypeError(f"target must hold integer class indices, got {target.dtype}")
    ce = cross_entropy(
        widen(logits), target, ignore_index=ignore_index, label_smoothing=label_smoothing, reduction="none"
    )
    ce, counted = _image_mean(ce, target, ignore_index, per_image)
    # after all of the cross-entropy, so that the backward pass is through with Dice before it begins with the other
    pixels = _pixels(logits, target, "multiclass", True, ignore_index)
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
    tasks=("semantic segmentation", "challenges and future"),
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
        logits: raw scores, `(N, *)` for `"binary"`, `(N, C, *)` for `"multilabel"`.
        target: booleans or numbers in [0, 1], the shape of the logits.
        task: `"binary"`, or `"multilabel"` with a sigmoid per channel.
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


@loss(
    tasks=("semantic segmentation", "challenges and future"),
    names=("Dice-focal", "Dice + focal"),
    domain={"logits": "logits", "target": "target of the task"},
    range=(0.0, float("inf")),
    properties=_COMPOUND,
    cases=({"task": "binary"}, {"task": "multilabel", "alpha": 0.25}, {"per_image": False}, {"ignore_index": 255},
           {"gamma": 0.5}, {"dice_weight": 0.7, "focal_weight": 0.3}, {"weight": (0.0, 1.0, 3.0)},
           {"denominator": "square"}),
    chapter=8,
)  # fmt: skip
def dice_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    gamma: float = 2.0,
    alpha: float | Tensor | None = None,
    dice_weight: float = 1.0,
    focal_weight: float = 1.0,
    denominator: str = "sum",
    per_image: bool = True,
    classes: str = "all",
    smooth: float | tuple[float, float] = 1e-5,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Dice-focal loss: Dice for every class as a whole, focal loss for the pixels that are still wrong.

    .. math::

        \ell = \lambda_1\, \ell_{\text{Dice}} + \lambda_2\, \ell_{\text{focal}}

    Both terms are those of one image: the mean of Dice over its classes, the mean of the focal loss over its pixels
    (over pixels and channels for `"multilabel"`). With `per_image=False` the batch is treated as one image. For several
    classes MONAI's `DiceFocalLoss` has one sigmoid per class in its focal term, where this loss has the softmax.

    Args:
        logits: raw scores, `(N, C, *)`; for `"binary"` `(N, *)`.
        target: labels, `(N, *)`, for `"multiclass"`; else booleans or numbers in [0, 1], the shape of the logits.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
        gamma: focusing exponent, at least 0; 0 makes the second term cross-entropy.
        alpha: weights in the focal term, as for :func:`~lossbook.losses.classification.focal_loss`.
        dice_weight: :math:`\lambda_1`.
        focal_weight: :math:`\lambda_2`.
        denominator: `"sum"` or `"square"`, as for :func:`dice_loss`.
        per_image: whether each image or the batch makes a region.
        classes: `"all"`, or `"present"`: a region without foreground does not count in Dice.
        smooth: smoothing of Dice, at least 0, or a pair for numerator and denominator.
        weight: weight of each class in Dice, `(C,)`.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: `"none"` gives `(N,)`, or a scalar with `per_image=False`; `"mean"` averages over the images that
            have a counted pixel.

    Returns:
        The loss: a scalar, or one number per image for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due; an `alpha` that does not fit the task.
        ValueError: shapes that do not go together, labels out of range, an unknown setting.

    References:
        Zhu et al., AnatomyNet: deep learning for fast and fully automated whole-volume segmentation of head and neck
        anatomy, 2019, https://arxiv.org/abs/1808.05238 (with the focal loss of Lin et al.,
        https://arxiv.org/abs/1708.02002).

    Example:
        >>> dice_focal_loss(torch.tensor([[[4.0, -4.0], [0.0, 0.0]]]), torch.tensor([[0, 1]]))
        tensor(0.0180)
    """
    check_tensors(logits=logits, target=target)
    check_choice("denominator", denominator, ("sum", "square"))
    check_reduction(reduction)
    focal = focal_loss(
        widen(logits), target, task=task, gamma=gamma, alpha=alpha, ignore_index=ignore_index, reduction="none"
    )
    focal, counted = _image_mean(focal, target, ignore_index, per_image)
    pixels = _pixels(logits, target, task, True, ignore_index)
    regions = _regions(pixels, per_image=per_image, classes=classes, squared=denominator == "square")
    dice = 1 - _ratio(2 * regions.overlap, regions.predicted + regions.target, smooth)
    values = dice_weight * _class_mean(dice, regions.counted, weight) + focal_weight * focal
    return reduce(values * counted, reduction, counted, logits.dtype)


DiceFocalLoss = as_module("DiceFocalLoss", dice_focal_loss)


@gradient_of(dice_focal_loss)
def _dice_focal_gradient(logits: Tensor, target: Tensor, *, gamma: float = 2.0, smooth: float = 1e-5) -> Tensor:
    r""":math:`\partial\ell / \partial z = \partial\ell_{\text{Dice}} / \partial z
    + \partial\ell_{\text{focal}} / \partial z`, term by term."""
    return _dice_gradient(logits, target, smooth=smooth) + _focal_gradient(logits, target, gamma=gamma)


# --------------------------------------------------------------------------------------------------------------------
# The Lovász extension of the Jaccard index


def _lovasz_weights(errors: Tensor, g: Tensor) -> Tensor:
    r"""What each error weighs in the Lovász extension of the Jaccard loss: `(N, C, P)` like the arguments.

    Sort the errors, largest first. The weight of the k-th is by how much the Jaccard loss of "the k largest are
    mistakes" exceeds that of "the k - 1 largest are". With `I` pixels of the truth among the others, and `U` those
    of the truth and the k largest, that is `1 / U` for a pixel of the truth and `I / (U - 1) / U` for another one,
    without the cancellation of a difference. Between two changes of order the weights are constant, so no gradient
    flows through them.
    """
    with torch.no_grad():
        order = errors.argsort(dim=-1, descending=True)
        true = g.gather(-1, order)
        found = true.cumsum(-1, dtype=errors.dtype)
        weights = found[..., -1:] - found  # I; in place from here on, since each of these is as large as the prediction
        del found
        union = weights + torch.arange(errors.shape[-1], device=errors.device, dtype=errors.dtype)  # U - 1
        weights.div_(union).masked_fill_(true, 1.0)
        weights[..., :1] = 1.0  # the first error weighs 1 / U whatever it is: U - 1 may be 0
        weights.div_(union.add_(1))
        del union
        return weights.new_zeros(()).expand_as(weights).scatter(-1, order, weights)


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
    scores, g, valid = _binary_entries(logits, target, ignore_index)
    _check_hard(target)
    g = _flat(g > 0, "binary")
    signs = g.to(torch.int8).mul_(2).sub_(1)  # small, since autograd keeps it
    violations = (1 - _flat(scores, "binary") * signs).relu_()
    if valid is not None:
        valid = _flat(valid, "binary")
        violations = torch.where(valid, violations, 0.0)
    values, counted = _lovasz(violations, g, valid, per_image)
    result = reduce(values * counted, reduction, counted, logits.dtype)
    return result.squeeze(-1) if reduction == "none" else result


LovaszHingeLoss = as_module("LovaszHingeLoss", lovasz_hinge_loss)


def _lovasz(errors: Tensor, g: Tensor, valid: Tensor | None, per_image: bool) -> tuple[Tensor, Tensor]:
    """The Lovász extension of each region, and which regions have a counted pixel.

    `errors` and booleans `g`, `(N, C, P)`, are zero where ignored.
    """
    keys = errors.detach()
    if valid is not None:
        keys = torch.where(valid, keys, -1.0)  # an ignored pixel is sorted behind those without an error
    if not per_image:
        errors, keys, g = (t.movedim(1, 0).flatten(1) for t in (errors, keys, g))
    values = (errors * _lovasz_weights(keys, g)).sum(-1)
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
    p, g, valid = pixels.p, pixels.g, pixels.valid  # both are zero where ignored, so there is no error
    values, counted = _lovasz(torch.where(g, 1 - p, p), g, valid, per_image)
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


def signed_distance_map(
    target: Tensor, *, task: str = "multiclass", num_classes: int | None = None, ignore_index: int | None = None
) -> Tensor:
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
        ignore_index: value of the target that marks pixels which do not count, or `None`: they have distance 0, and are
            background for the distances of others.

    Returns:
        float32 distances in pixels in the layout of the task's prediction: `(N, C, *)`, or `(N, *)` for `"binary"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: a target out of range or without a picture, an unknown task, a missing `num_classes`.

    Example:
        >>> signed_distance_map(torch.tensor([[0, 1, 1, 1, 0, 0]]), task="binary")
        tensor([[ 1.,  0., -1.,  0.,  1.,  2.]])
    """
    check_choice("task", task, TASKS)
    check_tensors(target=target)
    if task == "multiclass":
        if num_classes is None or num_classes < 2:
            raise ValueError(f"num_classes must be 2 or more for task='multiclass', got {num_classes}")
        if target.dim() < 1:
            raise ValueError("target must have shape (N, *), got a scalar")
        check_labels(target, (target.shape[0], num_classes, *target.shape[1:]), "the map", ignore_index)
        classes = torch.arange(num_classes, device=target.device).view(1, -1, *[1] * (target.dim() - 1))
        mask = target.unsqueeze(1) == classes
    else:
        check_probabilities("target", target, ignore_index)
        mask = target > 0.5
    valid = valid_entries(target, ignore_index)
    if valid is not None:
        valid = valid.unsqueeze(1) if task == "multiclass" else valid
        mask = mask & valid
    spatial = _picture_dimensions(mask, task)
    inside = distance(~mask, spatial)
    signed = distance(mask, spatial) - torch.where(inside > 0, inside - 1, 0)
    full = mask.flatten(mask.dim() - spatial).all(-1)
    signed = torch.where(full.reshape(full.shape + (1,) * spatial), 0.0, signed)
    return signed if valid is None else torch.where(valid, signed, 0.0)


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
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`; with `from_logits=False` probabilities or a hard mask.
        distance_map: signed distances, the shape of the prediction, in pixels; from :func:`signed_distance_map`. Zero
            makes a pixel irrelevant.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
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
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`; with `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
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
        networks, 2020, https://arxiv.org/abs/1904.10030.

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
        far = _contour_distance(p > 0.5, spatial, alpha) + _contour_distance(g > 0.5, spatial, alpha)
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


@loss(
    tasks=("semantic segmentation",),
    names=("log Hausdorff distance",),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, float("inf")),
    properties=_DISTANCES | {
        "convex": no("it is flat where the prediction is sure", first=[[-8.0] + [-20.0] * 63],
                     other=[[-1.0] + [-20.0] * 63], **_FAR),
        "lipschitz": no("its value jumps where a probability crosses one half", first=[[-9.0] * 63 + [1e-5]],
                        other=[[-9.0] * 63 + [-1e-5]], **_FAR),
        "smooth": no("its value jumps where a probability crosses one half", first=[[-9.0] * 63 + [0.0]], **_FAR),
        "bounded": no("it grows with the picture, without an end", first=[[-9.0] * 63 + [9.0]], alpha=80.0, **_FAR),
        "permutation_invariant": no("it depends on where pixels are", first=[[9.0] * 4 + [-9.0] * 60], **_FAR),
    },
    cases=({"task": "binary"}, {"task": "multilabel"}, {"alpha": 1.0}, {"ignore_index": 255}, {"per_image": False}),
    detached="the distance transforms: they change in jumps, where a probability crosses one half",
    chapter=8,
)  # fmt: skip
def log_hausdorff_dt_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    from_logits: bool = True,
    alpha: float = 2.0,
    per_image: bool = True,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Log Hausdorff distance surrogate: the Hausdorff surrogate of an image on a logarithmic scale.

    .. math::

        \ell = \log \Big( 1 + \frac{1}{|\Omega|} \sum_i (p_i - g_i)^2 \big( d_P(i)^\alpha + d_G(i)^\alpha \big) \Big)

    The mean runs over the pixels and classes of one image. It stays of the order of an overlap loss, to which it is
    added, where :func:`hausdorff_dt_loss` grows with the square of the picture's size.

    Args:
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`; with `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        alpha: exponent of the distance, above 0.
        per_image: whether the mean inside the logarithm is that of one image, or of the batch (MONAI).
        ignore_index: value of the target that marks pixels which do not count (background for the distance), or `None`.
        reduction: `"none"` gives `(N,)`, or a scalar with `per_image=False`; `"mean"` averages over the images that
            have a counted pixel.

    Returns:
        The loss, at least 0: a scalar, or one number per image for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Karimi and Salcudean, Reducing the Hausdorff distance in medical image segmentation with convolutional neural
        networks, 2020, https://arxiv.org/abs/1904.10030, for what stands inside the logarithm.

    Example:
        >>> mask = torch.tensor([[0, 1, 1, 0, 0, 0]])
        >>> log_hausdorff_dt_loss(
        ...     torch.tensor([[0.0, 1.0, 1.0, 0.0, 0.0, 1.0]]), mask, task="binary", from_logits=False
        ... )
        tensor(0.9808)
    """
    check_reduction(reduction)
    wide = widen(prediction) if isinstance(prediction, Tensor) and prediction.is_floating_point() else prediction
    values = hausdorff_dt_loss(wide, target, task=task, from_logits=from_logits, alpha=alpha,
                               ignore_index=ignore_index, reduction="none")  # fmt: skip
    valid = valid_entries(target, ignore_index)
    if valid is not None:
        valid = (valid.unsqueeze(1) if valid.dim() < values.dim() else valid).expand_as(values)
    size = _image_sum(torch.ones_like(values) if valid is None else valid.to(values.dtype), per_image)
    counted = (size > 0).to(values.dtype)
    values = torch.log1p(_image_sum(values, per_image) / torch.where(size > 0, size, 1))
    return reduce(values, reduction, counted, prediction.dtype if prediction.is_floating_point() else values.dtype)


LogHausdorffDTLoss = as_module("LogHausdorffDTLoss", log_hausdorff_dt_loss)


@gradient_of(log_hausdorff_dt_loss)
def _log_hausdorff_gradient(
    prediction: Tensor, target: Tensor, *, task: str = "multiclass", alpha: float = 2.0
) -> Tensor:
    r"""With the surrogate :math:`H` of the image: :math:`\partial\ell / \partial p_i = \tfrac{1}{1 + H}\,
    \partial H / \partial p_i`."""
    axes = tuple(range(1, prediction.dim()))
    inside = hausdorff_dt_loss(prediction, target, task=task, alpha=alpha, reduction="none").mean(axes, keepdim=True)
    return _hausdorff_gradient(prediction, target, task=task, alpha=alpha) / (1 + inside)


@loss(
    tasks=("semantic segmentation",),
    names=("Hausdorff distance by erosion", "HD-ER"),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, 385.0),
    properties=_DISTANCES | {
        "convex": no("errors below one half vanish in the erosion", task="binary", first=[[0.0] * 16],
                     other=[[-9.0] * 16], target=[[1] * 16]),
        "lipschitz": no("the largest error, however little above one half, is stretched to one", task="binary",
                        first=[[0.8815, 0.8815, 0.8815, 0.8815, 0.8816]],
                        other=[[0.8815, 0.8815, 0.8815, 0.8813, 0.8812]], target=[[0] * 5]),
        "smooth": no("it has kinks where an error is the largest", task="binary", first=[[3.0] * 9], target=[[0] * 9]),
        "bounded": yes,
        "symmetric": yes,
        "scale_invariant": no("half the probability on both sides is not the same error",
                              first=[[0.9, 1.0, 1.0, 0.9, 1.0]], target=[[0.0, 0.0, 0.0, 0.0, 0.0]]),
        "permutation_invariant": no("it depends on where pixels are", task="binary",
                                    first=[[9.0] * 5 + [-9.0] * 11], target=[[0] * 16]),
        "proper": no("errors below one half cost nothing", task="binary", first=[[-1.0986] * 9] * 4,
                     other=[[-0.6190] * 9] * 4, target=[[0] * 9] * 3 + [[1] * 9]),
    },
    cases=({"task": "multilabel"}, {"alpha": 1.0}, {"iterations": 3}),
    without_gradient="the erosions are a chain of cuts and stretches between the smallest and the largest value",
    chapter=8,
)  # fmt: skip
def hausdorff_er_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    from_logits: bool = True,
    alpha: float = 2.0,
    iterations: int = 10,
    reduction: str = "mean",
) -> Tensor:
    r"""Hausdorff distance surrogate by erosion: regions of errors count the more, the more erosions they survive.

    .. math::

        \ell_i = \sum_{k=1}^{K} k^\alpha\, E^k(e)_i, \qquad e = (p - g)^2

    One erosion :math:`E` takes the mean of a pixel and its direct neighbors (outside the picture is 0), subtracts one
    half, cuts off what is negative, and stretches the rest of a region so that it runs from 0 to 1. A region whose
    values are all equal is not stretched.

    The stretching is that of the code in use (Kornia's too); the paper does not mention it, but without it nothing
    survives the second erosion. It makes the loss jump where the largest error crosses one half.

    Args:
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`, where `*` are one to three dimensions; with
            `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        alpha: exponent of the number of erosions, above 0.
        iterations: :math:`K`, the number of erosions, 1 or more.
        reduction: `"none"` gives `(N, C, *)`, or `(N, *)` for `"binary"`; `"mean"` averages over the entries.

    Returns:
        The loss, at least 0 and without a unit: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Karimi and Salcudean, Reducing the Hausdorff distance in medical image segmentation with convolutional neural
        networks, 2020, https://arxiv.org/abs/1904.10030, section III-B.

    Example:
        >>> mask = torch.zeros(1, 5, dtype=torch.long)
        >>> error = torch.tensor([[0.0, 1.0, 1.0, 1.0, 0.0]])
        >>> hausdorff_er_loss(error, mask, task="binary", from_logits=False, iterations=1, reduction="none")
        tensor([[0.0000, 0.3333, 1.0000, 0.3333, 0.0000]])
    """
    check_positive("alpha", alpha)
    check_reduction(reduction)
    if iterations < 1:
        raise ValueError(f"iterations must be 1 or more, got {iterations}")
    pixels = _pixels(prediction, target, task, from_logits, None)
    spatial = _picture_dimensions(prediction, task)
    error = F.mse_loss(pixels.p, pixels.g.to(pixels.p.dtype), reduction="none").reshape(prediction.shape)
    axes = tuple(range(error.dim() - spatial, error.dim()))
    values = torch.zeros_like(error) if error.numel() else error
    for k in range(1, iterations + 1 if error.numel() else 1):
        error = _erode(error, spatial, axes)
        values = values + k**alpha * error
    dtype = prediction.dtype if prediction.is_floating_point() else values.dtype
    return reduce(values, reduction, dtype=dtype)


HausdorffERLoss = as_module("HausdorffERLoss", hausdorff_er_loss)


def _erode(error: Tensor, spatial: int, axes: tuple[int, ...]) -> Tensor:
    """The mean over each pixel and its direct neighbors, less one half, cut off at 0, stretched to run from 0 to 1."""
    around = F.pad(error, (1, 1) * spatial)
    total = error
    for axis in axes:
        line = around
        for other in axes:
            line = line if other == axis else line.narrow(other, 1, error.shape[other])
        total = total + line.narrow(axis, 0, error.shape[axis]) + line.narrow(axis, 2, error.shape[axis])
    eroded = (total / (2 * spatial + 1) - 0.5).clamp_min(0)
    low, high = eroded.amin(axes, keepdim=True), eroded.amax(axes, keepdim=True)
    uneven = high - low > torch.finfo(eroded.dtype).eps
    return torch.where(uneven, (eroded - low) / torch.where(uneven, high - low, 1.0), eroded)


# --------------------------------------------------------------------------------------------------------------------
# Center lines


def soft_skeleton(mask: Tensor, iterations: int = 3, *, spatial: int = 2) -> Tensor:
    r"""The center line of a soft mask, by as many soft erosions as its structures are wide.

    .. math::

        S_0 = \mathrm{relu}(I_0 - O(I_0)), \qquad S_k = S_{k-1} + (1 - S_{k-1})\, \mathrm{relu}(I_k - O(I_k))

    :math:`I_k` is the mask after k erosions (the minimum over a pixel and its direct neighbors), :math:`O` an erosion
    followed by a dilation (the maximum over the 3 by 3 square around a pixel).

    Args:
        mask: probabilities, the last `spatial` dimensions are those of a picture.
        iterations: erosions, at least 0; at least half the width of the thickest structure, in pixels.
        spatial: dimensions of a picture, 1 to 3.

    Returns:
        The skeleton, between 0 and 1, in the shape of the mask.

    Example:
        >>> soft_skeleton(torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]), 1)
        tensor([[0., 0., 0.],
                [1., 1., 1.],
                [0., 0., 0.]])
    """
    check_tensors(mask=mask)
    check_floating("mask", mask)
    if iterations < 0:
        raise ValueError(f"iterations must be at least 0, got {iterations}")
    if not 1 <= spatial <= 3 or mask.dim() < spatial:
        raise ValueError(f"spatial must be 1, 2 or 3, and at most mask.dim()={mask.dim()}, got {spatial}")
    if mask.numel() == 0:
        return mask
    picture = mask.shape[mask.dim() - spatial :]
    image = mask.reshape(-1, 1, *picture)
    skeleton = (image - _soft_open(image)).relu()
    for _ in range(iterations):
        image = _soft_erode(image)
        rest = (image - _soft_open(image)).relu()
        skeleton = skeleton + rest * (1 - skeleton)
    return skeleton.reshape(mask.shape)


def _max_pool(image: Tensor, window: tuple[int, ...]) -> Tensor:
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(window) - 1]
    return pool(image, window, 1, tuple(size // 2 for size in window))


def _soft_erode(image: Tensor) -> Tensor:
    """The minimum over each pixel and its direct neighbors."""
    spatial, result = image.dim() - 2, None
    for axis in range(spatial):
        line = -_max_pool(-image, tuple(3 if other == axis else 1 for other in range(spatial)))
        result = line if result is None else torch.minimum(result, line)
    return result


def _soft_open(image: Tensor) -> Tensor:
    return _max_pool(_soft_erode(image), (3,) * (image.dim() - 2))


@loss(
    tasks=("semantic segmentation",),
    names=("clDice", "center-line Dice"),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, 1.0),
    properties=_OVERLAP | {
        "convex": no("it is flat far from the truth and steep near it", task="binary",
                     first=[[-8.0, -8.0, -8.0, -8.0]], other=[[-8.0, 2.0, -8.0, 2.0]], target=[[0, 1, 0, 1]]),
        "smooth": no("the skeleton has kinks where neighbors are equal", task="binary", first=[[0.0] * 5],
                     target=[[0, 0, 1, 0, 0]]),
        "scale_invariant": no("half the probability on both sides is not the same overlap",
                              first=[[[0.0, 0.8, 0.0, 0.0, 0.0]]], target=[[[0.0, 0.4, 0.0, 0.4, 0.0]]],
                              task="binary"),
        "permutation_invariant": no("it depends on where pixels are", task="binary",
                                    first=[[9.0] * 3 + [-9.0] * 6], target=[[1] * 6 + [0] * 3]),
        "proper": no("where some pixels are surer than others, their frequencies are not the best answer",
                     target=_GROUPS),
    },
    cases=({"task": "binary"}, {"task": "multilabel"}, {"per_image": False}, {"classes": "present"},
           {"ignore_index": 255}, {"iterations": 1}, {"smooth": 0.5}, {"weight": (0.0, 1.0, 3.0)}),
    without_gradient="the soft skeleton is a chain of minima and maxima",
    chapter=8,
)  # fmt: skip
def cl_dice_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    from_logits: bool = True,
    iterations: int = 3,
    per_image: bool = True,
    classes: str = "all",
    smooth: float | tuple[float, float] = 1.0,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Center-line Dice loss (clDice): whether the center line of each mask lies in the other mask.

    .. math::

        \ell = 1 - \frac{2\, T_p T_s}{T_p + T_s}, \qquad
        T_p = \frac{\sum_i S(p)_i\, g_i + s}{\sum_i S(p)_i + s}, \quad
        T_s = \frac{\sum_i S(g)_i\, p_i + s}{\sum_i S(g)_i + s}

    :math:`S` is :func:`soft_skeleton`. A thin vessel counts as much as a thick one of the same length. The paper adds
    it to :func:`dice_loss`, each with weight one half.

    Args:
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`, where `*` are one to three dimensions; with
            `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape; or probabilities in it.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        iterations: erosions of the skeleton, at least 0: half the width of the thickest structure, in pixels.
        per_image: a region is one class of one image, or of the batch.
        classes: `"all"`, or `"present"`: a region without foreground does not count.
        smooth: :math:`s`, at least 0, or a pair for numerator and denominator.
        weight: one weight per class, `(C,)`; zero leaves a class out, as for the background.
        ignore_index: value of the target that marks pixels which do not count (background for the skeleton), or `None`.
        reduction: as for :func:`dice_loss`.

    Returns:
        The loss, between 0 and 1: a scalar, or one number per region for `reduction="none"`. Where both ratios are 0 it
        is 1.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Shit et al., clDice: a novel topology-preserving loss function for tubular structure segmentation, 2021,
        https://arxiv.org/abs/2003.07311.

    Example:
        >>> mask = torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
        >>> broken = mask * torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0])
        >>> cl_dice_loss(broken[None], mask[None], task="binary", from_logits=False, smooth=0.0)
        tensor(0.1111)
    """
    check_choice("classes", classes, ("all", "present"))
    check_reduction(reduction)
    p, _, valid = pixels = _pixels(prediction, target, task, from_logits, ignore_index)
    spatial, g = _picture_dimensions(prediction, task), pixels.g.to(p.dtype)
    picture = prediction.shape[prediction.dim() - spatial :]
    axes = (0, -1) if not per_image else (-1,)
    lines = [soft_skeleton(m.reshape(*m.shape[:2], *picture), iterations, spatial=spatial).flatten(2) for m in (p, g)]
    precision = _ratio((lines[0] * g).sum(axes), lines[0].sum(axes), smooth)
    sensitivity = _ratio((lines[1] * p).sum(axes), lines[1].sum(axes), smooth)
    both = precision + sensitivity
    score = 2 * precision * sensitivity / torch.where(both > 0, both, 1.0)
    foreground = g.sum(axes)
    size = torch.ones_like(foreground) if valid is None else valid.expand_as(p).sum(axes)
    counted = ((size > 0) if classes == "all" else (foreground > 0)).to(p.dtype)
    return _reduce_regions(1 - score, counted, weight, reduction, prediction, task)


CLDiceLoss = as_module("CLDiceLoss", cl_dice_loss)


# --------------------------------------------------------------------------------------------------------------------
# Other scores of a region


class _Correlation(NamedTuple):
    """Moments of the probabilities and the truth of each region."""

    mean_p: Tensor
    mean_g: Tensor
    spread: Tensor  # the product of both variances, as of hard masks: m (1 - m)
    covariance: Tensor


def _correlation(overlap: Tensor, predicted: Tensor, target: Tensor, size: Tensor) -> _Correlation:
    mean_p, mean_g = predicted / size, target / size
    spread = mean_p * (1 - mean_p) * mean_g * (1 - mean_g)
    return _Correlation(mean_p, mean_g, spread.clamp_min(0), overlap / size - mean_p * mean_g)


@loss(
    tasks=("semantic segmentation",),
    names=("Matthews correlation coefficient", "MCC", "phi coefficient"),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, 2.0),
    properties=_OVERLAP | {
        "convex": no("it is flat where the prediction is sure", task="binary", first=[[6.0, -6.0, -6.0, -6.0]],
                     other=[[-6.0, 0.0, 0.0, 0.0]], target=[[0, 1, 1, 1]]),
        "scale_invariant": no("half the probability on both sides is not the same overlap",
                              first=[[1.0, 1.0, 0.0, 0.0]], target=[[1.0, 0.0, 0.0, 0.0]]),
    },
    cases=(*_TASKS, {"weight": (0.0, 1.0, 3.0)}),
    chapter=8,
)  # fmt: skip
def mcc_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    from_logits: bool = True,
    per_image: bool = True,
    classes: str = "all",
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Matthews correlation loss (MCC): one minus the correlation of two masks, in which the background counts as well.

    .. math::

        \ell = 1 - \frac{TP \cdot TN - FP \cdot FN}{\sqrt{(TP + FP)(TP + FN)(TN + FP)(TN + FN)}}

    with the soft counts :math:`TP = \sum_i p_i g_i` and so on. Exchanging foreground and background changes nothing.

    Args:
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`; with `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape; or probabilities in it.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        per_image: a region is one class of one image, or of the batch.
        classes: `"all"`, or `"present"`: a region without foreground does not count.
        weight: one weight per class, `(C,)`.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: as for :func:`dice_loss`.

    Returns:
        The loss, between 0 and 2: a scalar, or one number per region for `reduction="none"`. Where the target, or the
        prediction to the last bit, holds nothing but foreground or nothing but background, the correlation is undefined
        and counts as 0: the loss is 1, without a gradient, even if both agree (scikit-learn's convention).

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Abhishek and Hamarneh, Matthews correlation coefficient loss for deep convolutional networks, 2021,
        https://arxiv.org/abs/2010.13454; Matthews, 1975, https://doi.org/10.1016/0005-2795(75)90109-9.

    Example:
        >>> mask = torch.tensor([[1, 1, 0, 0]])
        >>> mcc_loss(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), mask, task="binary", from_logits=False)
        tensor(0.4226)
    """
    pixels = _pixels(prediction, target, task, from_logits, ignore_index)
    regions = _regions(pixels, per_image=per_image, classes=classes)
    moments = _correlation(regions.overlap, regions.predicted, regions.target, regions.size.clamp_min(1))
    constant = moments.spread <= torch.finfo(moments.spread.dtype).eps ** 4
    values = 1 - torch.where(constant, 0.0, moments.covariance / torch.where(constant, 1.0, moments.spread).sqrt())
    return _reduce_regions(values, regions.counted, weight, reduction, prediction, task)


MCCLoss = as_module("MCCLoss", mcc_loss)


@gradient_of(mcc_loss)
def _mcc_gradient(prediction: Tensor, target: Tensor, *, task: str = "multiclass") -> Tensor:
    r"""With the means :math:`\bar p, \bar g` of a region of :math:`n` pixels, :math:`v = \bar p (1 - \bar p)`,
    :math:`w = \bar g (1 - \bar g)` and the correlation :math:`M`:
    :math:`\partial\ell / \partial p_i = -\tfrac1n \Big( \frac{g_i - \bar g}{\sqrt{v w}} - M \frac{1 - 2 \bar p}{2 v}
    \Big)`."""
    p, g = _probabilities_and_truth(prediction, target, task)
    sums = [_region_sum(t, task) for t in (p * g, p, g, torch.ones_like(p))]
    m, n = _correlation(*sums), sums[-1]
    root, v = m.spread.sqrt(), m.mean_p * (1 - m.mean_p)
    slope = -((g - m.mean_g) / root - m.covariance / root * (1 - 2 * m.mean_p) / (2 * v)) / n
    return _through_activation(slope, p, task) / _region_count(prediction, task)


@loss(
    tasks=("semantic segmentation",),
    names=("sensitivity-specificity",),
    domain={"prediction": "scores of the task", "target": "target of the task"},
    range=(0.0, 1.0),
    properties=_OVERLAP | {
        "convex": no("a squared error of a probability is flat far from the truth", task="binary",
                     first=[[-8.0, -8.0]], other=[[0.0, 0.0]], target=[[1, 1]]),
        "symmetric": no("errors are divided by the size of the true region", task="binary",
                        first=[[1.0, 1.0, 1.0, 0.0]], target=[[1.0, 0.0, 0.0, 0.0]]),
        "scale_invariant": no("half the probability on both sides is not the same error", task="binary",
                              first=[[0.0, 0.4]], target=[[1.0, 0.0]]),
        "proper": no("the two kinds of errors have prices of their own", target=_GROUPS),
    },
    cases=(*_TASKS, {"sensitivity_weight": 0.5}, {"smooth": 1.0}, {"weight": (0.0, 1.0, 3.0)}),
    chapter=8,
)  # fmt: skip
def sensitivity_specificity_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    from_logits: bool = True,
    sensitivity_weight: float = 0.05,
    per_image: bool = True,
    classes: str = "all",
    smooth: float = 1e-5,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Sensitivity-specificity loss: the squared errors on the foreground and on the background, each at a price.

    .. math::

        \ell = r\, \frac{\sum_i (g_i - p_i)^2 g_i}{\sum_i g_i + s}
             + (1 - r)\, \frac{\sum_i (g_i - p_i)^2 (1 - g_i)}{\sum_i (1 - g_i) + s}

    Args:
        prediction: logits `(N, C, *)`, `(N, *)` for `"binary"`; with `from_logits=False` probabilities or a hard mask.
        target: labels `(N, *)` for `"multiclass"`, else a mask in the prediction's shape; or probabilities in it.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
        from_logits: whether the prediction still has to pass softmax or sigmoid.
        sensitivity_weight: :math:`r` in [0, 1], the price of errors on the foreground; the paper takes 0.05.
        per_image: a region is one class of one image, or of the batch.
        classes: `"all"`, or `"present"`: a region without foreground does not count.
        smooth: :math:`s`, at least 0; a sum over no pixel adds 0.
        weight: one weight per class, `(C,)`.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: as for :func:`dice_loss`.

    Returns:
        The loss, between 0 and 1: a scalar, or one number per region for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Brosch et al., Deep convolutional encoder networks for multiple sclerosis lesion segmentation, 2015,
        https://doi.org/10.1007/978-3-319-24574-4_1.

    Example:
        >>> mask = torch.tensor([[1, 1, 0, 0]])
        >>> sensitivity_specificity_loss(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), mask, task="binary", from_logits=False)
        tensor(0.5000)
    """
    check_choice("classes", classes, ("all", "present"))
    check_fraction("sensitivity_weight", sensitivity_weight)
    check_positive("smooth", smooth, zero=True)
    p, _, valid = pixels = _pixels(prediction, target, task, from_logits, ignore_index)
    g, axes = pixels.g.to(p.dtype), (-1,) if per_image else (0, -1)
    squares = F.mse_loss(p, g, reduction="none")  # zero where ignored
    size = p.new_ones(()).expand(p.shape) if valid is None else valid.to(p.dtype).expand_as(p)
    foreground, count = g.sum(axes), size.sum(axes)
    missed = (squares * g).sum(axes)
    found = squares.sum(axes) - missed
    values = sensitivity_weight * _or_zero(missed, foreground + smooth)
    values = values + (1 - sensitivity_weight) * _or_zero(found, count - foreground + smooth)
    counted = ((count > 0) if classes == "all" else (foreground > 0)).to(p.dtype)
    return _reduce_regions(values, counted, weight, reduction, prediction, task)


SensitivitySpecificityLoss = as_module("SensitivitySpecificityLoss", sensitivity_specificity_loss)


def _or_zero(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The ratio; 0 where nothing is divided by nothing."""
    some = denominator > 0
    return torch.where(some, numerator / torch.where(some, denominator, 1.0), 0.0)


@gradient_of(sensitivity_specificity_loss)
def _sensitivity_specificity_gradient(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    sensitivity_weight: float = 0.05,
    smooth: float = 1e-5,
) -> Tensor:
    r""":math:`\partial\ell / \partial p_i = 2 (p_i - g_i) \big( r g_i / \sum g + (1 - r)(1 - g_i) / \sum (1 - g)
    \big)`, with :math:`s` added to both sums."""
    p, g = _probabilities_and_truth(prediction, target, task)
    inside, outside = _region_sum(g, task) + smooth, _region_sum(1 - g, task) + smooth
    slope = 2 * (p - g) * (sensitivity_weight * g / inside + (1 - sensitivity_weight) * (1 - g) / outside)
    return _through_activation(slope, p, task) / _region_count(prediction, task)


_TWO_CLASSES = {"target": _GROUPS, "distances": [[0.0, 1.0], [1.0, 0.0]]}


@loss(
    tasks=("semantic segmentation",),
    names=("generalized Wasserstein Dice",),
    domain={"prediction": "logits", "target": "labels", "distances": "class distances"},
    range=(0.0, 1.0),
    properties=_OVERLAP | {
        "convex": no("it is flat far from the truth and steep near it", first=[[[8.0, 8.0], [0.0, 0.0]]],
                     other=[[[0.0, 0.0], [0.0, 0.0]]], target=[[1, 1]], distances=[[0.0, 1.0], [1.0, 0.0]]),
        "symmetric": not_applicable("the prediction holds probabilities, the target labels"),
        "scale_invariant": not_applicable("the prediction holds probabilities, the target labels"),
        "proper": no("where some pixels are surer than others, their frequencies are not the best answer",
                     **_TWO_CLASSES),
    },
    cases=({"weighting": "size"}, {"background": 1}, {"per_image": False}, {"smooth": 1.0}, {"ignore_index": 255}),
    chapter=8,
)  # fmt: skip
def generalized_wasserstein_dice_loss(
    prediction: Tensor,
    target: Tensor,
    distances: Tensor,
    *,
    from_logits: bool = True,
    weighting: str = "foreground",
    background: int = 0,
    per_image: bool = True,
    smooth: float | tuple[float, float] = 1e-5,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Generalized Wasserstein Dice loss: an overlap of all classes in which confusing related classes costs less.

    .. math::

        \ell = 1 - \frac{2 \sum_i \alpha_{y_i} (1 - W_i) + s}{2 \sum_i \alpha_{y_i} (1 - W_i) + \sum_i W_i + s}, \qquad
        W_i = \sum_c M_{y_i c}\, p_{ci}

    :math:`W_i`, the Wasserstein distance of the prediction at a pixel from its label, is the error expected there.
    :math:`\alpha` is 0 for the background and 1 for all other classes, as in MONAI's
    `"default"` mode; the authors' first program for torch weighs by size instead (`"size"`). With
    :math:`M_{kc} = [k \ne c]` and two classes it is the Dice loss of the foreground.

    Args:
        prediction: logits, `(N, C, *)`; with `from_logits=False` probabilities.
        target: labels, `(N, *)`.
        distances: :math:`M`, `(C, C)`, in [0, 1] with zeros on the diagonal: row, true class; column, predicted class.
            (MONAI divides them by the largest.)
        from_logits: whether the prediction still has to pass softmax.
        weighting: `"foreground"`; or `"size"`, :math:`\alpha_k = 1 / (1 + \text{pixels of class } k)` for every class,
            which then weighs the denominator too: :math:`\sum_i \alpha_{y_i} (2 - W_i)` (MONAI's `"GDL"`).
        background: the class that does not count as found, for `"foreground"`.
        per_image: the sums run over one image, or over the batch.
        smooth: :math:`s`, at least 0, or a pair for numerator and denominator.
        ignore_index: label of pixels which do not count, or `None`.
        reduction: `"none"` gives `(N,)`, or a scalar with `per_image=False`; `"mean"` averages over the images that
            have a counted pixel.

    Returns:
        The loss, between 0 and 1: a scalar, or one number per image for `reduction="none"`. Without foreground, in the
        target and predicted, it is 0.

    Raises:
        TypeError: a float target.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Fidon et al., Generalised Wasserstein Dice score for imbalanced multi-class segmentation using holistic
        convolutional networks, 2017, https://arxiv.org/abs/1707.00478.

    Example:
        >>> near = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.2], [1.0, 0.2, 0.0]])  # classes 1 and 2 are related
        >>> p = torch.tensor([[[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]])  # background, then class 2
        >>> generalized_wasserstein_dice_loss(p, torch.tensor([[0, 1]]), near, from_logits=False)
        tensor(0.1111)
    """
    check_tensors(prediction=prediction, target=target, distances=distances)
    check_choice("weighting", weighting, ("foreground", "size"))
    check_reduction(reduction)
    p, labels, valid = _pixels(prediction, target, "multiclass", from_logits, ignore_index)
    classes = prediction.shape[1]
    if labels.dim() == 3:
        raise TypeError(f"target must hold integer class indices, got {target.dtype}")
    if distances.shape != (classes, classes):
        raise ValueError(f"distances must have shape {(classes, classes)}, got {tuple(distances.shape)}")
    check_probabilities("distances", distances)
    if known(distances, lambda: distances.diagonal().any()):
        raise ValueError("distances must be 0 on the diagonal, from each class to itself")
    if not 0 <= background < classes:
        raise ValueError(f"background must be a class from 0 to {classes - 1}, got {background}")
    with full_precision(p):
        expected = distances.to(p.dtype) @ p  # for each label that a pixel might have
    error = expected.gather(1, labels.unsqueeze(1)).squeeze(1)
    counts = torch.ones_like(error) if valid is None else valid.squeeze(1).to(p.dtype)
    if weighting == "foreground":
        alpha = (labels != background).to(p.dtype) * counts
    else:
        sizes = counts.new_zeros(p.shape[:2]).scatter_add(1, labels, counts)
        sizes = sizes if per_image else sizes.sum(0, keepdim=True).expand_as(sizes)
        alpha = (1 / (1 + sizes)).gather(1, labels) * counts
    axes = (-1,) if per_image else (0, -1)
    found = (alpha * (1 - error)).sum(axes)
    missed = ((alpha if weighting == "size" else counts) * error).sum(axes)
    values = 1 - _ratio(2 * found, 2 * found + missed, smooth)
    counted = (counts.sum(axes) > 0).to(p.dtype)
    dtype = prediction.dtype if prediction.is_floating_point() else values.dtype
    return reduce(values * counted, reduction, counted, dtype)


GeneralizedWassersteinDiceLoss = as_module("GeneralizedWassersteinDiceLoss", generalized_wasserstein_dice_loss)


@gradient_of(generalized_wasserstein_dice_loss)
def _generalized_wasserstein_dice_gradient(
    prediction: Tensor, target: Tensor, distances: Tensor, *, background: int = 0, smooth: float = 1e-5
) -> Tensor:
    r"""With :math:`D` the fraction and :math:`S` its denominator:
    :math:`\partial\ell / \partial p_{ci} = M_{y_i c} \big( 2 \alpha_{y_i} + D (1 - 2 \alpha_{y_i}) \big) / S`."""
    p = prediction.softmax(1)
    costs = distances[target].movedim(-1, 1)
    alpha = (target != background).to(p.dtype).unsqueeze(1)
    error = (costs * p).sum(1, keepdim=True)
    found = _region_sum(alpha * (1 - error), "multiclass")
    size = 2 * found + _region_sum(error, "multiclass") + smooth
    score = (2 * found + smooth) / size
    slope = costs * (2 * alpha + score * (1 - 2 * alpha)) / size
    return _through_activation(slope, p, "multiclass") / prediction.shape[0]


# --------------------------------------------------------------------------------------------------------------------
# Hard pixels, and more compounds


@loss(
    tasks=("semantic segmentation", "object detection"),
    names=("top-k cross-entropy", "online hard example mining", "OHEM", "bootstrapped cross-entropy"),
    domain={"logits": "logits", "target": "target of the task"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(2.0),
        "smooth": no("it has a kink where the last pixel that counts changes", task="binary",
                     first=[[0.0] * 4], target=[[1] * 4]),
        "bounded": no("a confident mistake costs as much as its logit", first=[[[-200.0], [200.0]]], target=[[0]]),
        "symmetric": not_applicable("the prediction is a logit, the target a label"),
        "proper": no("the hardest pixels are not a fair sample", target=_GROUPS),
        "scale_invariant": not_applicable("the prediction is a logit, the target a label"),
        "permutation_invariant": yes,
    },
    cases=({"task": "binary"}, {"task": "multilabel"}, {"share": 0.1}, {"share": 1.0}, {"threshold": 0.7},
           {"per_image": False}, {"ignore_index": 255}),
    chapter=8,
)  # fmt: skip
def topk_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    share: float = 0.25,
    threshold: float | None = None,
    per_image: bool = True,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Top-k cross-entropy: cross-entropy of the hardest pixels alone (online hard example mining, OHEM).

    .. math::

        \mathcal L = \frac{1}{|H|} \sum_{i \in H} \ell_{\text{CE}}(z_i, y_i)

    :math:`H` holds the share of the counted pixels with the largest loss, at least one; with a `threshold` also every
    pixel whose true class has less than that probability. Which pixels are hard is decided anew in each step and is not
    differentiated. Pixels that tie with the last one count too.

    Args:
        logits: raw scores, `(N, C, *)`; `(N, *)` for `"binary"`.
        target: labels `(N, *)` for `"multiclass"`, else booleans, 0 and 1 or probabilities in the shape of the logits.
        task: `"multiclass"`, `"multilabel"` (each entry is a pixel of its own) or `"binary"`.
        share: share of the pixels that count, in (0, 1]; rounded up to whole pixels.
        threshold: probability of the true class below which a pixel always counts, in (0, 1); or `None`.
        per_image: the hardest of each image, or of the batch (nnU-Net).
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: `"none"` gives the shape of the target, zero at easy pixels; `"mean"` divides by the number of hard
            ones.

    Returns:
        The loss in nats: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Wu, Shen and van den Hengel, Bridging category-level and instance-level semantic image segmentation, 2016,
        https://arxiv.org/abs/1605.06885; Shrivastava, Gupta and Girshick, Training region-based object detectors with
        online hard example mining, 2016, https://arxiv.org/abs/1604.03540.

    Example:
        >>> topk_cross_entropy(torch.tensor([[2.0, 0.0, -2.0, 4.0]]), torch.tensor([[1, 1, 1, 1]]), task="binary")
        tensor(2.1269)
    """
    check_tensors(logits=logits, target=target)
    check_reduction(reduction)
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    if threshold is not None and not 0 < threshold < 1:
        raise ValueError(f"threshold must lie in (0, 1), got {threshold}")
    scores, truth, valid = _entries(logits, target, task, ignore_index)
    values = _cross_entropies(scores, truth, task)
    with torch.no_grad():  # 1 where a pixel is hard, else 0: by arithmetic, which is faster than masks and keeps NaN
        hard = (_smallest_hard(values, valid, share, per_image) - values).relu_().sign_().neg_().add_(1)
        if threshold is not None:
            hard = torch.where(values > -math.log(threshold), 1.0, hard)
        hard = hard if valid is None else hard * valid
    values = values * hard if task == "multiclass" else values.mul_(hard)  # the latter is as large as the logits
    return reduce(values, reduction, hard, logits.dtype)


TopKCrossEntropyLoss = as_module("TopKCrossEntropyLoss", topk_cross_entropy)


def _smallest_hard(values: Tensor, valid: Tensor | None, share: float, per_image: bool) -> Tensor:
    """The smallest loss that still belongs to the hardest share, for each image or the batch; broadcastable."""
    values = values.detach()
    if values.numel() == 0:
        return torch.zeros_like(values)
    rows = (values if valid is None else torch.where(valid, values, -1.0)).reshape(len(values) if per_image else 1, -1)
    if valid is None:  # the same rank in each row
        count = max(1, math.ceil(share * rows.shape[1] - 1e-6))
        smallest = rows.topk(count, dim=1, sorted=False).values.amin(1, keepdim=True)
    else:
        counts = valid.reshape(rows.shape).sum(1, keepdim=True)
        rank = (torch.ceil(share * counts - 1e-6).clamp_min(1) - 1).long()
        smallest = rows.sort(1, descending=True).values.gather(1, rank)
    return smallest.reshape(-1, *[1] * (values.dim() - 1))


@gradient_of(topk_cross_entropy)
def _topk_gradient(logits: Tensor, target: Tensor, *, share: float = 0.25) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_{ic} = [i \in H]\, (p_{ic} - [c = y_i]) / |H|`."""
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    values = F.cross_entropy(logits, target, reduction="none")
    hard = (values >= _smallest_hard(values, None, share, per_image=True)).to(logits.dtype)
    return (logits.softmax(1) - truth) * hard.unsqueeze(1) / hard.sum()


def _two_classes(logits: Tensor, target: Tensor, task: str, ignore_index: int | None) -> tuple[Tensor, Tensor]:
    """Logits `(N, C, *)` and labels; a binary task, and each channel of several, becomes one of background and
    foreground, `(N, 2, *)` or `(N C, 2, *)`."""
    check_choice("task", task, TASKS)
    check_tensors(logits=logits, target=target)
    check_floating("logits", logits)
    if task == "multiclass":
        if target.is_floating_point():
            raise TypeError(f"target must hold integer class indices, got {target.dtype}")
        return widen(logits), target
    check_same_shape("target", target, "logits", logits)
    check_probabilities("target", target, ignore_index)
    _check_hard(target)
    scores, labels = widen(logits), target.long()
    if task == "multilabel":
        scores, labels = scores.flatten(0, 1), labels.flatten(0, 1)
    return torch.stack([torch.zeros_like(scores), scores], 1), labels


@loss(
    tasks=("semantic segmentation", "challenges and future"),
    names=("unified focal", "composite losses"),
    domain={"logits": "logits", "target": "target of the task"},
    range=(0.0, float("inf")),
    properties=_COMPOUND | {
        "convex": no("a power below one is steepest near the truth", task="binary", first=[[9.0, 0.0]],
                     other=[[9.0, 9.0]], target=[[1, 0]]),
        "bounded": no("a confident mistake costs as much as its logit", task="binary", first=[[-1000.0]], target=[[1]]),
    },
    cases=({"task": "binary"}, {"symmetric": True}, {"symmetric": True, "task": "multilabel"}, {"delta": 0.8},
           {"gamma": 0.2}, {"focal_weight": 0.3}, {"per_image": False}, {"smooth": 1.0}, {"ignore_index": 255}),
    chapter=8,
)  # fmt: skip
def unified_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    symmetric: bool = False,
    delta: float = 0.6,
    gamma: float = 0.5,
    focal_weight: float = 0.5,
    per_image: bool = True,
    smooth: float | tuple[float, float] = 1e-5,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Unified focal loss: focal cross-entropy and focal Tversky loss under one pair of parameters.

    .. math::

        \ell &= \lambda\, \ell_F + (1 - \lambda)\, \ell_T \\
        \ell_F &= -\frac{1}{|\Omega|} \sum_i \delta_{y_i} (1 - p_{t,i})^{\gamma_F} \log p_{t,i}, \qquad
        \delta_0 = 1 - \delta,\; \delta_{c > 0} = \delta \\
        \ell_T &= \frac1C \sum_c \Big( 1 - \frac{TP_c + s}{TP_c + \delta FN_c + (1 - \delta) FP_c + s}
                  \Big)^{1 - \gamma_T}

    Class 0 is the background. Asymmetric (the default): :math:`\gamma_F = \gamma` on the background alone, which
    suppresses it, and :math:`\gamma_T = \gamma` on the other classes alone, which enhances them; elsewhere they are 0.
    Symmetric: both are :math:`\gamma` everywhere.

    Args:
        logits: raw scores, `(N, C, *)`; `(N, *)` for `"binary"`.
        target: labels `(N, *)` for `"multiclass"`, else 0 and 1 in the shape of the logits.
        task: `"multiclass"`; `"binary"`, which has a background and one other class; or `"multilabel"`, where each
            channel does.
        symmetric: which of the two variants.
        delta: weight of the foreground, and price of a false negative, in [0, 1]; the paper takes 0.6.
        gamma: how much is suppressed and enhanced, in [0, 1).
        focal_weight: :math:`\lambda` in [0, 1].
        per_image: both terms are those of one image, or of the batch.
        smooth: smoothing of the Tversky index, at least 0, or a pair for numerator and denominator.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: `"none"` gives `(N,)`, `(N, C)` for `"multilabel"`, or a scalar with `per_image=False` (channels then
            share a region, too); `"mean"` averages over what has a counted pixel.

    Returns:
        The loss: a scalar, or one number per image for `reduction="none"`. A Tversky loss below the rounding of its
        dtype counts as zero, so that the gradient stays finite where the prediction is perfect.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Yeung et al., Unified focal loss: generalising Dice and cross entropy-based losses to handle class imbalanced
        medical image segmentation, 2022, https://arxiv.org/abs/2102.04525.

    Example:
        >>> unified_focal_loss(torch.tensor([[4.0, -4.0]]), torch.tensor([[1, 0]]), task="binary")
        tensor(0.0410)
    """
    check_reduction(reduction)
    for name, value in {"delta": delta, "gamma": gamma, "focal_weight": focal_weight}.items():
        check_fraction(name, value)
    if gamma == 1:
        raise ValueError("gamma must lie in [0, 1), got 1")
    scores, labels = _two_classes(logits, target, task, ignore_index)
    pixels = _pixels(scores, labels, "multiclass", True, ignore_index)
    regions = _regions(pixels, per_image=per_image)
    missed, alarms = regions.target - regions.overlap, regions.predicted - regions.overlap
    wrong = 1 - _ratio(regions.overlap, regions.overlap + delta * missed + (1 - delta) * alarms, smooth)
    bent = _power(wrong, 1 - gamma)
    if not symmetric:
        bent = torch.cat([wrong[..., :1], bent[..., 1:]], -1)

    if task == "multiclass":
        entropy = cross_entropy(scores, labels, ignore_index=ignore_index, reduction="none")
    else:  # the same number from half as many scores
        single = widen(logits).reshape(labels.shape)
        entropy = binary_cross_entropy_with_logits(single, labels, ignore_index=ignore_index, reduction="none")
    background = (labels == 0).to(entropy.dtype)
    price = delta + (1 - 2 * delta) * background
    focus = (-torch.expm1(-entropy)).clamp_min(torch.finfo(entropy.dtype).tiny) ** gamma
    if not symmetric:  # only background is focused
        focus = torch.lerp(torch.ones_like(focus), focus, background)
    focal, counted = _image_mean(price * focus * entropy, labels, ignore_index, per_image)
    values = (focal_weight * focal + (1 - focal_weight) * bent.mean(-1)) * counted
    if task == "multilabel" and per_image:
        values, counted = values.reshape(logits.shape[:2]), counted.reshape(logits.shape[:2])
    return reduce(values, reduction, counted, logits.dtype)


UnifiedFocalLoss = as_module("UnifiedFocalLoss", unified_focal_loss)


@gradient_of(unified_focal_loss)
def _unified_focal_gradient(
    logits: Tensor,
    target: Tensor,
    *,
    delta: float = 0.6,
    gamma: float = 0.5,
    focal_weight: float = 0.5,
    smooth: float = 1e-5,
) -> Tensor:
    r"""Asymmetric: :math:`\partial\ell_F / \partial z_c = \tfrac{\delta_y}{|\Omega|} f\, (p_c - [c = y])` with
    :math:`f = 1`, on the background :math:`f = (1-p_t)^\gamma - \gamma\, p_t (1-p_t)^{\gamma-1} \log p_t`; and the
    slope of the Tversky loss times :math:`(1 - \gamma)\, \ell^{-\gamma}` for every class but the background."""
    p, g = _probabilities_and_truth(logits, target, "multiclass")
    p_t = (p * g).sum(1, keepdim=True)
    factor = (1 - p_t) ** gamma - gamma * p_t * (1 - p_t) ** (gamma - 1) * p_t.log()
    background = (target == 0).unsqueeze(1)
    factor = torch.where(background, (1 - delta) * factor, delta)
    slope, value = _tversky_slope(p, g, 1 - delta, delta, "multiclass", smooth)
    bend = (1 - gamma) * value**-gamma
    bend = torch.cat([torch.ones_like(bend[:, :1]), bend[:, 1:]], 1)
    overlap = _through_activation(slope * bend, p, "multiclass") / _region_count(logits, "multiclass")
    return focal_weight * factor * (p - g) / target.numel() + (1 - focal_weight) * overlap


@loss(
    tasks=("semantic segmentation",),
    names=("exponential logarithmic",),
    domain={"logits": "logits", "target": "target of the task"},
    range=(0.0, float("inf")),
    properties=_COMPOUND | {
        "convex": no("a power below one is steepest near the truth", task="binary", first=[[-9.0, 9.0]],
                     other=[[4.0, -4.0]], target=[[1, 0]]),
        "bounded": no("a confident mistake costs a power of its logit", task="binary", first=[[-1e8]], target=[[1]],
                      dice_weight=0.0, ce_weight=1.0),
    },
    cases=({"task": "binary"}, {"task": "multilabel"}, {"gamma": 1.0}, {"gamma": 0.7, "dice_gamma": 2.0},
           {"dice_weight": 0.3, "ce_weight": 0.6}, {"smooth": 0.1}, {"per_image": False}, {"ignore_index": 255},
           {"weight": (0.2, 1.0, 3.0)}),
    chapter=8,
)  # fmt: skip
def exponential_logarithmic_loss(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "multiclass",
    dice_weight: float = 0.8,
    ce_weight: float = 0.2,
    dice_gamma: float = 0.3,
    gamma: float = 0.3,
    per_image: bool = True,
    smooth: float | tuple[float, float] = 1.0,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Exponential logarithmic loss: powers of the negative logarithms of Dice and of the probability of the truth.

    .. math::

        \ell = \lambda_D\, \frac1C \sum_c ( -\log D_c )^{\gamma_D}
             + \lambda_C\, \frac{\sum_i w_{y_i} ( -\log p_{t,i} )^{\gamma_C}}{\sum_i w_{y_i}}, \qquad
        D_c = \frac{2 \sum_i p_{ci} g_{ci} + s}{\sum_i (p_{ci} + g_{ci}) + s}

    Exponents below 1 raise the slope near the truth, those above 1 near mistakes.

    Args:
        logits: raw scores, `(N, C, *)`; `(N, *)` for `"binary"`.
        target: labels `(N, *)` for `"multiclass"`, else 0 and 1 in the shape of the logits.
        task: `"multiclass"` (one softmax), `"multilabel"` (a sigmoid per channel) or `"binary"` (one sigmoid).
        dice_weight: :math:`\lambda_D`, at least 0.
        ce_weight: :math:`\lambda_C`, at least 0.
        dice_gamma: :math:`\gamma_D`, above 0.
        gamma: :math:`\gamma_C`, above 0.
        per_image: both terms are those of one image, or of the batch.
        smooth: :math:`s`, at least 0, or a pair for numerator and denominator; the paper has 1.
        weight: :math:`w`, one weight per class, `(C,)`; for `"multilabel"` one per channel. The paper takes the root of
            the inverse share of each class, and divides by the number of pixels instead of the sum of weights.
        ignore_index: value of the target that marks pixels which do not count, or `None`.
        reduction: `"none"` gives `(N,)`, or a scalar with `per_image=False`; `"mean"` averages over the images that
            have a counted pixel.

    Returns:
        The loss: a scalar, or one number per image for `reduction="none"`. A logarithm below the rounding of its dtype
        counts as zero, so that the gradient stays finite where the prediction is perfect.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Wong, Moradi, Tang and Syeda-Mahmood, 3D segmentation with exponential logarithmic loss for highly unbalanced
        object sizes, 2018, https://arxiv.org/abs/1809.00076.

    Example:
        >>> exponential_logarithmic_loss(torch.tensor([[4.0, -4.0]]), torch.tensor([[1, 0]]), task="binary")
        tensor(0.2727)
    """
    check_tensors(logits=logits, target=target, weight=weight)
    check_reduction(reduction)
    for name, value in {"dice_weight": dice_weight, "ce_weight": ce_weight}.items():
        check_positive(name, value, zero=True)
    for name, value in {"dice_gamma": dice_gamma, "gamma": gamma}.items():
        check_positive(name, value)
    scores, truth, valid = _entries(logits, target, task, ignore_index)
    classes = 1 if task == "binary" else logits.shape[1]
    check_class_weight(weight, classes)
    regions = _regions(_pixels(logits, target, task, True, ignore_index), per_image=per_image)
    dice = _ratio(2 * regions.overlap, regions.predicted + regions.target, smooth)
    overlap = _class_mean(
        _power(-dice.clamp_min(torch.finfo(dice.dtype).tiny).log(), dice_gamma), regions.counted, None
    )
    entropy = _power(_cross_entropies(scores, truth, task), gamma)
    weights = torch.ones_like(entropy) if valid is None else valid.to(entropy.dtype)
    counted = (_image_sum(weights, per_image) > 0).to(entropy.dtype)
    if weight is not None:
        weight = weight.to(scores.dtype)
        weight = weight[truth] if task == "multiclass" else weight.reshape(-1, *[1] * max(logits.dim() - 2, 0))
        weights = weights * weight
    pixels = _or_zero(_image_sum(weights * entropy, per_image), _image_sum(weights, per_image))
    values = dice_weight * overlap + ce_weight * pixels
    return reduce(values * counted, reduction, counted, logits.dtype)


ExponentialLogarithmicLoss = as_module("ExponentialLogarithmicLoss", exponential_logarithmic_loss)


@gradient_of(exponential_logarithmic_loss)
def _exponential_logarithmic_gradient(
    logits: Tensor,
    target: Tensor,
    *,
    dice_weight: float = 0.8,
    ce_weight: float = 0.2,
    dice_gamma: float = 0.3,
    gamma: float = 0.3,
    smooth: float = 1.0,
) -> Tensor:
    r"""With :math:`H = -\log p_t`: :math:`\lambda_C\, \gamma_C H^{\gamma_C - 1} (p_c - [c = y]) / |\Omega|`, and
    :math:`\lambda_D\, \gamma_D (-\log D)^{\gamma_D - 1} / D` times the slope of the Dice loss."""
    p, g = _probabilities_and_truth(logits, target, "multiclass")
    size = _region_sum(p + g, "multiclass") + smooth
    dice = (2 * _region_sum(p * g, "multiclass") + smooth) / size
    slope = dice_gamma * (-dice.log()) ** (dice_gamma - 1) / dice * (dice - 2 * g) / size
    overlap = _through_activation(slope, p, "multiclass") / _region_count(logits, "multiclass")
    entropy = -(p * g).sum(1, keepdim=True).log()
    pixels = gamma * entropy ** (gamma - 1) * (p - g) / target.numel()
    return dice_weight * overlap + ce_weight * pixels


# --------------------------------------------------------------------------------------------------------------------
# Segmentation as the classification of masks


def _check_masks(class_logits: Tensor, mask_logits: Tensor, target: Tensor, target_masks: Tensor) -> None:
    check_floating("class_logits", class_logits)
    check_floating("mask_logits", mask_logits)
    if class_logits.dim() != 3 or class_logits.shape[1] < 2:
        raise ValueError(
            "class_logits must have shape (N, C, Q) with one class or more and 'no object', "
            f"got {tuple(class_logits.shape)}"
        )
    pictures, _, queries = class_logits.shape
    if mask_logits.dim() < 3 or mask_logits.shape[:2] != (pictures, queries):
        raise ValueError(f"mask_logits must have shape ({pictures}, {queries}, *), got {tuple(mask_logits.shape)}")
    if target.is_floating_point():
        raise TypeError(f"target must hold integer class indices, got {target.dtype}")
    if target.dim() != 2 or len(target) != pictures:
        raise ValueError(f"target must have shape ({pictures}, M), got {tuple(target.shape)}")
    expected = (*target.shape, *mask_logits.shape[2:])
    if target_masks.shape != expected:
        raise ValueError(f"target_masks must have shape {expected}, got {tuple(target_masks.shape)}")
    if target.shape[1] > queries:
        raise ValueError(f"target has {target.shape[1]} segments, more than the {queries} queries that may match them")
    classes = class_logits.shape[1] - 1
    if target.numel() and known(target, lambda: ((target >= -1) & (target < classes)).all()) is False:
        raise ValueError(f"target must hold classes 0 to {classes - 1}, or -1 for no segment")
    check_probabilities("target_masks", target_masks)


def match_masks(
    class_logits: Tensor,
    mask_logits: Tensor,
    target: Tensor,
    target_masks: Tensor,
    *,
    mask_loss: str = "focal",
    class_weight: float = 1.0,
    mask_weight: float = 20.0,
    dice_weight: float = 1.0,
) -> Tensor:
    r"""Match each true segment with the query that describes it best, one to one, for :func:`mask_classification_loss`.

    The cost of a pair is minus the probability of the class, plus the focal loss (or the cross-entropy) and the Dice
    loss of the mask, each with a weight; the matching of the smallest total cost is found by SciPy (the Hungarian
    method), outside the graph.

    Args:
        class_logits: class scores of the queries, `(N, C, Q)`; the last class is "no object".
        mask_logits: mask of each query, `(N, Q, *)`. Twenty times its loss, with the default weight, has to fit
            into float16 where the class scores are in half precision.
        target: class of each true segment, `(N, M)`; -1 fills up images with fewer segments.
        target_masks: mask of each true segment, `(N, M, *)`, 0 and 1.
        mask_loss: `"focal"` (MaskFormer; gamma 2, alpha 1/4) or `"cross-entropy"` (Mask2Former).
        class_weight: weight of the class, at least 0: 1 in MaskFormer, 2 in Mask2Former.
        mask_weight: weight of the focal loss or the cross-entropy, at least 0: 20 and 5.
        dice_weight: weight of the Dice loss, at least 0: 1 and 5.

    Returns:
        The query of each segment, `(N, M)` integers; 0 for segments that are none.

    Example:
        >>> masks = torch.tensor([[[-9.0, 9.0], [9.0, -9.0]]])
        >>> match_masks(torch.zeros(1, 3, 2), masks, torch.tensor([[1, 0]]), torch.tensor([[[1, 0], [0, 1]]]))
        tensor([[1, 0]])
    """
    from scipy.optimize import linear_sum_assignment

    check_tensors(class_logits=class_logits, mask_logits=mask_logits, target=target, target_masks=target_masks)
    check_choice("mask_loss", mask_loss, ("focal", "cross-entropy"))
    for name, value in {"class_weight": class_weight, "mask_weight": mask_weight, "dice_weight": dice_weight}.items():
        check_positive(name, value, zero=True)
    _check_masks(class_logits, mask_logits, target, target_masks)
    with torch.no_grad(), full_precision(class_logits):
        p = widen(class_logits).softmax(1).movedim(1, 2)  # (N, Q, C)
        z, g = widen(mask_logits).flatten(2), target_masks.flatten(2)
        g = g.to(z.dtype)
        chosen = target.clamp_min(0).unsqueeze(1).expand(-1, p.shape[1], -1)
        positive, negative = _focal_terms(z) if mask_loss == "focal" else (F.softplus(-z), F.softplus(z))
        pixels = (positive @ g.mT + negative @ (1 - g).mT) / max(z.shape[-1], 1)
        masks = z.sigmoid()
        dice = 1 - (2 * masks @ g.mT + 1) / (masks.sum(-1).unsqueeze(-1) + g.sum(-1).unsqueeze(1) + 1)
        cost = mask_weight * pixels + dice_weight * dice - class_weight * p.gather(2, chosen)
        matching = torch.zeros_like(target, dtype=torch.long)
        for n, (costs, real) in enumerate(zip(cost.cpu(), (target >= 0).cpu(), strict=True)):
            queries, segments = linear_sum_assignment(costs[:, real].numpy())
            places = real.nonzero().squeeze(1)[torch.from_numpy(segments)]
            matching[n, places.to(matching.device)] = torch.from_numpy(queries).to(matching.device)
    return matching


def _focal_terms(z: Tensor) -> tuple[Tensor, Tensor]:
    """The focal loss of a logit if its pixel is foreground, and if it is background (gamma 2, alpha 1/4)."""
    p = z.sigmoid()
    return 0.25 * (1 - p) ** 2 * F.softplus(-z), 0.75 * p**2 * F.softplus(z)


@loss(
    tasks=("semantic segmentation",),
    names=("mask classification", "MaskFormer", "BCE + focal"),
    domain={
        "class_logits": "class logits of queries", "mask_logits": "mask logits of queries",
        "target": "classes of segments", "target_masks": "masks of segments", "matching": "matched queries",
    },
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(2.0),
        "smooth": yes,
        "bounded": no("a confident mistake costs as much as its logit", first=[[[-200.0], [200.0]]],
                      mask_logits=[[[1.0, 1.0]]], target=[[0]], target_masks=[[[1, 1]]], matching=[[0]]),
        "symmetric": not_applicable("predictions are logits, the truth classes and masks"),
        "proper": not_applicable("the truth has several parts"),
        "scale_invariant": not_applicable("predictions are logits, the truth classes and masks"),
        "permutation_invariant": yes,
    },
    cases=({"mask_loss": "cross-entropy"}, {"class_weight": 2.0}, {"mask_weight": 5.0}, {"dice_weight": 5.0},
           {"no_object_weight": 0.5}),
    differentiable=("class_logits", "mask_logits"),
    chapter=8,
)  # fmt: skip
def mask_classification_loss(
    class_logits: Tensor,
    mask_logits: Tensor,
    target: Tensor,
    target_masks: Tensor,
    matching: Tensor,
    *,
    mask_loss: str = "focal",
    class_weight: float = 1.0,
    mask_weight: float = 20.0,
    dice_weight: float = 1.0,
    no_object_weight: float = 0.1,
    reduction: str = "mean",
) -> Tensor:
    r"""Mask classification loss (MaskFormer): each query names a class and draws a mask, each segment judges one.

    .. math::

        \ell = \lambda_c\, \frac{\sum_q w_q\, \ell_{\text{CE}}(z_q, c_q)}{\sum_q w_q}
             + \frac1M \sum_{m=1}^{M} \big( \lambda_m\, \ell_{\text{focal}}(s_{\sigma(m)}, g_m)
             + \lambda_d\, \ell_{\text{Dice}}(s_{\sigma(m)}, g_m) \big)

    :math:`\sigma` is the matching, :math:`c_q` the class of the segment that matched query `q`, or "no object", whose
    :math:`w_q` is small. The matching is a choice, not a number: it has no gradient, so it is made before, by
    :func:`match_masks`, and given as a tensor. The loss itself then is one graph.

    Args:
        class_logits: class scores of the queries, `(N, C, Q)`; the last class is "no object".
        mask_logits: mask of each query, `(N, Q, *)`. Twenty times its loss, with the default weight, has to fit
            into float16 where the class scores are in half precision.
        target: class of each true segment, `(N, M)`; -1 fills up images with fewer segments, which do not count.
        target_masks: mask of each true segment, `(N, M, *)`, 0 and 1.
        matching: query of each segment, `(N, M)` integers, no two alike in an image; from :func:`match_masks`.
        mask_loss: `"focal"` (MaskFormer; gamma 2, alpha 1/4) or `"cross-entropy"` (Mask2Former).
        class_weight: :math:`\lambda_c`, at least 0: 1 in MaskFormer, 2 in Mask2Former.
        mask_weight: :math:`\lambda_m`, at least 0: 20 and 5.
        dice_weight: :math:`\lambda_d`, at least 0: 1 and 5. Dice has a smoothing of 1, as in the authors' code.
        no_object_weight: weight of queries without a segment in the cross-entropy, at least 0.
        reduction: `"none"` gives `(N,)`; `"mean"` averages over images. (The authors' code divides by the segments of
            the whole batch, which is the same where images have equally many.)

    Returns:
        The loss: a scalar, or one number per image for `reduction="none"`. An image without a segment costs its
        cross-entropy alone.

    Raises:
        TypeError: a float target or matching.
        ValueError: shapes that do not go together, values out of range, an unknown setting.

    References:
        Cheng, Schwing and Kirillov, Per-pixel classification is not all you need for semantic segmentation, 2021,
        https://arxiv.org/abs/2107.06278; Mask2Former: Cheng et al., 2022, https://arxiv.org/abs/2112.01527.

    Example:
        >>> masks, classes = torch.tensor([[[-9.0, 9.0], [9.0, -9.0]]]), torch.zeros(1, 3, 2)
        >>> target, target_masks = torch.tensor([[1, 0]]), torch.tensor([[[1, 0], [0, 1]]])
        >>> matching = match_masks(classes, masks, target, target_masks)
        >>> mask_classification_loss(classes, masks, target, target_masks, matching)
        tensor(1.0987)
    """
    check_tensors(class_logits=class_logits, mask_logits=mask_logits, target=target, target_masks=target_masks,
                  matching=matching)  # fmt: skip
    check_reduction(reduction)
    check_choice("mask_loss", mask_loss, ("focal", "cross-entropy"))
    weights = {"class_weight": class_weight, "mask_weight": mask_weight, "dice_weight": dice_weight,
               "no_object_weight": no_object_weight}  # fmt: skip
    for name, value in weights.items():
        check_positive(name, value, zero=True)
    _check_masks(class_logits, mask_logits, target, target_masks)
    check_same_shape("matching", matching, "target", target)
    if matching.is_floating_point():
        raise TypeError(f"matching must hold integers, got {matching.dtype}")
    _, classes, queries = class_logits.shape
    if matching.numel() and known(matching, lambda: ((matching >= 0) & (matching < queries)).all()) is False:
        raise ValueError(f"matching must hold queries 0 to {queries - 1}, got values outside")
    scores, masks = together(class_logits, mask_logits)

    real = target >= 0
    place = torch.where(real, matching.long(), queries)  # segments that are none go to one query too many
    labels = target.new_full((len(target), queries + 1), classes - 1, dtype=torch.long)
    labels = labels.scatter(1, place, torch.where(real, target.long(), classes - 1))[:, :queries]
    entropy = F.cross_entropy(scores, labels, reduction="none")
    rarity = 1 + (no_object_weight - 1) * (labels == classes - 1).to(scores.dtype)
    values = class_weight * _or_zero((rarity * entropy).sum(1), rarity.sum(1))

    chosen = matching.long().unsqueeze(-1).expand(-1, -1, math.prod(mask_logits.shape[2:]))
    z, g = masks.flatten(2).gather(1, chosen), target_masks.flatten(2).to(masks.dtype)
    if mask_loss == "focal":
        positive, negative = _focal_terms(z)
        pixel = torch.lerp(negative, positive, g).mean(-1)
    else:
        pixel = F.binary_cross_entropy_with_logits(z, g, reduction="none").mean(-1)
    p = z.sigmoid()
    dice = 1 - (2 * (p * g).sum(-1) + 1) / (p.sum(-1) + g.sum(-1) + 1)
    segments = torch.where(real, mask_weight * pixel + dice_weight * dice, 0.0).sum(1)
    values = values + segments / real.sum(1).clamp_min(1)
    return reduce(values, reduction, dtype=class_logits.dtype)


MaskClassificationLoss = as_module("MaskClassificationLoss", mask_classification_loss)


@gradient_of(mask_classification_loss)
def _mask_classification_gradient(
    class_logits: Tensor,
    mask_logits: Tensor,  # noqa: ARG001
    target: Tensor,
    target_masks: Tensor,  # noqa: ARG001
    matching: Tensor,
    *,
    class_weight: float = 1.0,
    no_object_weight: float = 0.1,
) -> Tensor:
    r""":math:`\partial\ell / \partial z_{qk} = \lambda_c w_q (p_{qk} - [k = c_q]) / \sum_q w_q`."""
    pictures, classes, queries = class_logits.shape
    labels = torch.full((pictures, queries), classes - 1)
    for n, (segments, places) in enumerate(zip(target.tolist(), matching.tolist(), strict=True)):
        for segment, query in zip(segments, places, strict=True):
            if segment >= 0:
                labels[n, query] = segment
    weight = 1 + (no_object_weight - 1) * (labels == classes - 1).to(class_logits.dtype)
    weight = (weight / weight.sum(1, keepdim=True)).unsqueeze(1)
    truth = F.one_hot(labels, classes).movedim(-1, 1)
    return class_weight * weight * (class_logits.softmax(1) - truth) / pictures
