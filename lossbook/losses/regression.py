"""Losses that compare numbers with numbers.

Most of them look at one entry at a time, at its error :math:`r = \\hat y - y`: they differ in how fast they grow.
They share their checks and their weights (`_entries`) and their reduction (`_reduced`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._module import as_module
from ._reduction import narrow, reduce, together
from ._slope import forward_mode, root, with_slope
from ._validation import (
    check_choice,
    check_floating,
    check_layout,
    check_positive,
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
    "AdaptiveRobustLoss",
    "CauchyLoss",
    "CharbonnierLoss",
    "CosineDistanceLoss",
    "CosineEmbeddingLoss",
    "EuclideanLoss",
    "ExpectileLoss",
    "GemanMcClureLoss",
    "GeneralRobustLoss",
    "HuberLoss",
    "L1Loss",
    "LogCoshLoss",
    "MAPELoss",
    "MASELoss",
    "MSELoss",
    "MSLELoss",
    "QuantileHuberLoss",
    "QuantileLoss",
    "RMSELoss",
    "RMSSELoss",
    "RelativeL2Loss",
    "SMAPELoss",
    "ScaleInvariantLogLoss",
    "SmoothL1Loss",
    "TukeyLoss",
    "WelschLoss",
    "adaptive_robust_loss",
    "cauchy_loss",
    "charbonnier_loss",
    "cosine_distance_loss",
    "cosine_embedding_loss",
    "euclidean_loss",
    "expectile_loss",
    "geman_mcclure_loss",
    "general_robust_loss",
    "huber_loss",
    "l1_loss",
    "log_cosh_loss",
    "mape_loss",
    "mase_loss",
    "mse_loss",
    "msle_loss",
    "quantile_huber_loss",
    "quantile_loss",
    "relative_l2_loss",
    "rmse_loss",
    "rmsse_loss",
    "scale_invariant_log_loss",
    "seasonal_naive_scale",
    "smape_loss",
    "smooth_l1_loss",
    "tukey_loss",
    "welsch_loss",
]

_NUMBERS = {"prediction": "real numbers", "target": "real numbers"}
_MODERATE = "real numbers (in half precision up to 100)"  # a square of 1,000 is more than float16 can hold
_SQUARED = {"prediction": _MODERATE, "target": _MODERATE}
_RELATIVE = "numbers of size 1 to 100"

# What holds for most losses of an error. A card states what is different.
_OF_AN_ERROR = {
    "minimum_at_target": yes,
    "convex": yes,
    "smooth": yes,
    "bounded": no("it grows with the error", first=[1000.0], target=[0.0]),
    "symmetric": yes,
    "proper": not_applicable("the prediction is a value, not a probability"),
    "scale_invariant": no("it depends on the unit", first=[3.0], target=[0.0]),
    "permutation_invariant": yes,
}
_STEEP = no("the slope grows with the error", first=[2000.0], other=[2001.0], target=[0.0])
_KINK = no("the slope jumps at the target", first=[1.0], target=[1.0])
_FLAT = no("far from the target it grows slower than a line", first=[10.0], other=[0.0], target=[0.0])
_CASES = ({"weight": (0.5, 2.0, 1.0)},)


def _entries(
    prediction: Tensor, target: Tensor, weight: Tensor | None, reduction: str, neutral: int = 0
) -> tuple[Tensor, Tensor]:
    """Prediction and target, checked, in the dtype of the computation, and `neutral` where the weight is zero."""
    check_tensors(prediction=prediction, target=target, weight=weight)
    check_floating("prediction", prediction)
    check_same_shape("target", target, "prediction", prediction)
    check_reduction(reduction)
    values, truth = together(prediction, target)
    check_weight(weight, prediction.shape)
    return hidden(weighted_entries(weight), values, truth, neutral=neutral)


def _reduced(values: Tensor, prediction: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """The weighted values, reduced, in the dtype of the prediction."""
    if weight is None:
        return reduce(values, reduction, dtype=prediction.dtype)
    weight = weight.to(values.dtype)
    return reduce(values * weight, reduction, weight, prediction.dtype)


def _by_torch(
    function: Callable[..., Tensor],
    values: Tensor,
    truth: Tensor,
    prediction: Tensor,
    weight: Tensor | None,
    reduction: str,
    **settings: float,
) -> Tensor:
    """A loss of torch, reduced by torch in the same pass where nothing is weighted and something is there."""
    if weight is None and values.numel():
        return narrow(function(values, truth, reduction=reduction, **settings), prediction.dtype)
    return _reduced(function(values, truth, reduction="none", **settings), prediction, weight, reduction)


def _within(error: Tensor, bound: float) -> bool | None:
    """Whether all errors are seen to be smaller than the bound (one cheap pass, where looking is free)."""

    def small() -> Tensor:
        low, high = error.aminmax()
        return (low > -bound) & (high < bound)

    return known(error, small)


@loss(
    tasks=("object tracking", "semantic segmentation", "image-to-image", "text-to-image", "inpainting", "dehazing",
           "tabular", "time series"),
    names=("L1", "MAE", "pixel-wise mean"),
    domain=_NUMBERS,
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR | {"lipschitz": up_to(1.0), "smooth": _KINK},
    cases=_CASES,
    chapter=8,
)  # fmt: skip
def l1_loss(prediction: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    r"""L1 loss (mean absolute error): the size of the error.

    .. math::

        \ell(\hat y, y) = |\hat y - y|

    The arithmetic is that of :func:`torch.nn.functional.l1_loss`. The best constant prediction is the median. On
    class probabilities against a one-hot mask it is a region loss for segmentation. At the target itself the
    gradient is zero.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted errors; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in the unit of the target: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a negative weight, an unknown reduction.

    References:
        Boscovich, 1757, and Laplace, 1774, as told by Stigler, The history of statistics, 1986, ISBN
        978-0674403413.

    Example:
        >>> l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
        tensor(1.)
    """
    values, truth = _entries(prediction, target, weight, reduction)
    return _reduced(F.l1_loss(values, truth, reduction="none"), prediction, weight, reduction)


L1Loss = as_module("L1Loss", l1_loss)


@gradient_of(l1_loss)
def _l1_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \mathrm{sign}(\hat y - y) / N`."""
    return torch.sign(prediction - target) / target.numel()


@loss(
    tasks=("image classification", "object detection", "motion detection", "image-to-image", "audio-to-image",
           "dehazing", "tabular", "time series"),
    names=("MSE", "L2", "pixel-wise L2", "least squares"),
    domain=_SQUARED,
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR | {"lipschitz": _STEEP},
    cases=_CASES,
    chapter=15,
)  # fmt: skip
def mse_loss(prediction: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    r"""Mean squared error: the square of the error.

    .. math::

        \ell(\hat y, y) = (\hat y - y)^2

    The arithmetic is that of :func:`torch.nn.functional.mse_loss`. The best constant prediction is the mean; up
    to constants it is the negative log-likelihood of a normal distribution with a fixed variance. As in torch
    there is no factor one half: see :func:`euclidean_loss` for that convention. In float16 a result above 65,504
    is infinite.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted squares; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in the squared unit of the target: a scalar, or the shape of the prediction for
        `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a negative weight, an unknown reduction.

    References:
        Legendre, 1805, and Gauss, 1809, as told by Stigler, The history of statistics, 1986, ISBN
        978-0674403413.

    Example:
        >>> mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
        tensor(2.)
    """
    values, truth = _entries(prediction, target, weight, reduction)
    return _by_torch(F.mse_loss, values, truth, prediction, weight, reduction)


MSELoss = as_module("MSELoss", mse_loss)


@gradient_of(mse_loss)
def _mse_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = 2 (\hat y - y) / N`: a pull as strong as the error is large."""
    return 2 * (prediction - target) / target.numel()


@loss(
    tasks=("image classification", "tabular"),
    names=("Euclidean", "half squared error", "EuclideanLoss of Caffe"),
    domain={"prediction": "vectors (in half precision up to 100)", "target": "vectors (in half precision up to 100)"},
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR | {"lipschitz": _STEEP},
    chapter=3,
)  # fmt: skip
def euclidean_loss(prediction: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Euclidean loss: half the squared distance of two vectors.

    .. math::

        \ell(\hat y, y) = \tfrac12 \| \hat y - y \|_2^2 = \tfrac12 \sum_i (\hat y_i - y_i)^2

    It adds over the entries of an example and averages over the examples, as the layer `EuclideanLoss` of Caffe
    does, with which VGG regressed its boxes. It is :func:`mse_loss` times half the number of entries of an
    example. In float16 a result above 65,504 is infinite.

    Args:
        prediction: predicted vectors, `(N, *)`.
        target: true vectors, the same shape (nothing is broadcast).
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of examples.

    Returns:
        The loss in the squared unit of the target: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: a prediction without a batch dimension, shapes that differ, an unknown reduction.

    References:
        Jia et al., Caffe: Convolutional architecture for fast feature embedding, 2014,
        https://arxiv.org/abs/1408.5093. In VGG: Simonyan and Zisserman, Very deep convolutional networks for
        large-scale image recognition, 2015, https://arxiv.org/abs/1409.1556.

    Example:
        >>> euclidean_loss(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0]]))
        tensor(12.5000)
    """
    values, truth = _entries(prediction, target, None, reduction)
    if reduction != "none" and values.dim() and values.numel():  # one pass of torch's
        examples = len(values) if reduction == "mean" else 1
        return narrow(F.mse_loss(values, truth, reduction="sum") / (2 * examples), prediction.dtype)
    squares = F.mse_loss(*map(_per_example, (values, truth)), reduction="none")
    return reduce(squares.sum(1) / 2, reduction, dtype=prediction.dtype)


EuclideanLoss = as_module("EuclideanLoss", euclidean_loss)


def _per_example(tensor: Tensor) -> Tensor:
    """`(N, *)` as `(N, K)`: the entries of each example in a row."""
    check_layout("prediction", tensor, "N", "*")
    return tensor.flatten(1) if tensor.dim() > 1 else tensor.unsqueeze(1)


@gradient_of(euclidean_loss)
def _euclidean_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = (\hat y - y) / N`: the factor one half is there for this."""
    return (prediction - target) / target.shape[0]


@loss(
    tasks=("tabular", "time series"),
    names=("RMSE", "root mean squared error"),
    domain=_NUMBERS,
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR | {"lipschitz": up_to(1.0), "smooth": _KINK},
    cases=({"dim": -1}, {"dim": (0, 1)}, {"dim": -1, "weight": (0.5, 2.0, 0.0)}),
    couples="the root is taken of the mean over the batch",
    chapter=15,
)
def rmse_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    dim: int | tuple[int, ...] | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Root mean squared error: the size of the error, in its own unit, where large errors count more.

    .. math::

        \mathcal L = \sqrt{\frac{\sum_i w_i (\hat y_i - y_i)^2}{\sum_i w_i}}

    It has the minimum of :func:`mse_loss`, but a gradient whose length does not depend on the size of the
    error. Where all errors are zero, loss and gradient are zero (the slope of a square root there is infinite,
    which makes the usual form NaN).

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        dim: the dimensions over which the mean inside the root is taken; by default all of them.
        weight: weight of each entry inside the root, broadcast to the shape of the prediction. Where it is zero
            the entry does not count, not even if it is NaN.
        reduction: `"none"` gives one root for each position of the other dimensions (a scalar by default);
            `"mean"` divides by the number of those with a positive weight.

    Returns:
        The loss in the unit of the target: a scalar, or the shape of the prediction without `dim` for
        `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a negative weight, an unknown reduction.

    References:
        Hyndman and Koehler, Another look at measures of forecast accuracy, 2006,
        https://doi.org/10.1016/j.ijforecast.2006.03.001.

    Example:
        >>> rmse_loss(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.zeros(2, 2))
        tensor(2.5000)
        >>> rmse_loss(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.zeros(2, 2), dim=1, reduction="none")
        tensor([3.5355, 0.0000])
    """
    values, truth = _entries(prediction, target, weight, reduction)
    if weight is None and dim is None and values.numel():
        return narrow(root(F.mse_loss(values, truth)), prediction.dtype)
    squares = F.mse_loss(values, truth, reduction="none")
    dim = tuple(range(squares.dim())) if dim is None else dim
    if weight is None:
        counts = squares.new_ones(()).expand_as(squares).sum(dim)
    else:
        weight = weight.to(squares.dtype)
        squares, counts = squares * weight, weight.expand_as(squares).sum(dim)
    valid = counts > 0
    roots = root(squares.sum(dim) / torch.where(valid, counts, 1.0))
    return reduce(roots, reduction, valid.to(roots.dtype), prediction.dtype)


RMSELoss = as_module("RMSELoss", rmse_loss)


@gradient_of(rmse_loss)
def _rmse_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y_i = (\hat y_i - y_i) / (N \mathcal L)`: that of the mean squared
    error, over :math:`2 \mathcal L`."""
    error = prediction - target
    return error / (error.numel() * error.square().mean().sqrt())


@loss(
    tasks=("object detection", "object tracking", "dehazing"),
    names=("smooth L1",),
    domain=_NUMBERS,
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR | {"lipschitz": up_to(1.0)},
    cases=({"beta": 0.0}, {"beta": 2.5, "weight": (0.5, 2.0, 1.0)}),
    chapter=4,
)
def smooth_l1_loss(
    prediction: Tensor, target: Tensor, *, beta: float = 1.0, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Smooth L1: the size of the error, rounded off to a parabola near zero.

    .. math::

        \ell(\hat y, y) = \begin{cases} \tfrac12 r^2 / \beta & |r| < \beta \\ |r| - \tfrac12 \beta & \text{else}
        \end{cases} \qquad r = \hat y - y

    The arithmetic is that of :func:`torch.nn.functional.smooth_l1_loss`. It is :func:`huber_loss` divided by its
    threshold: its slope far out is one whatever `beta` is, and as `beta` tends to zero it becomes
    :func:`l1_loss`, which `beta=0` is.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        beta: the error at which the parabola becomes a line, at least 0.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in the unit of the target: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a negative `beta`, a negative weight, an unknown reduction.

    References:
        Girshick, Fast R-CNN, 2015, https://arxiv.org/abs/1504.08083.

    Example:
        >>> smooth_l1_loss(torch.tensor([0.5, 3.0]), torch.tensor([0.0, 0.0]), reduction="none")
        tensor([0.1250, 2.5000])
    """
    values, truth = _entries(prediction, target, weight, reduction)
    check_positive("beta", beta, zero=True)
    return _by_torch(F.smooth_l1_loss, values, truth, prediction, weight, reduction, beta=beta)


SmoothL1Loss = as_module("SmoothL1Loss", smooth_l1_loss)


@gradient_of(smooth_l1_loss)
def _smooth_l1_gradient(prediction: Tensor, target: Tensor, *, beta: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \max(-1, \min(1, r / \beta)) / N`: the error, clipped."""
    error = prediction - target
    return (error.sign() if beta == 0 else (error / beta).clamp(-1, 1)) / error.numel()


@loss(
    tasks=("tabular", "time series", "challenges and future"),
    names=("Huber",),
    domain=_NUMBERS,
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR | {"lipschitz": up_to(1.0)},
    cases=({"delta": 2.0}, {"delta": 0.5, "weight": (0.5, 2.0, 1.0)}),
    chapter=15,
)
def huber_loss(
    prediction: Tensor, target: Tensor, *, delta: float = 1.0, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Huber loss: squares for small errors, lines for large ones.

    .. math::

        \ell(\hat y, y) = \begin{cases} \tfrac12 r^2 & |r| \le \delta \\ \delta (|r| - \tfrac12 \delta) & \text{else}
        \end{cases} \qquad r = \hat y - y

    The arithmetic is that of :func:`torch.nn.functional.huber_loss`. It is :func:`smooth_l1_loss` with
    `beta=delta`, times `delta`: near zero it is half the squared error whatever `delta` is.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        delta: the error above which the loss grows like a line, above 0; 1.345 standard deviations of the noise
            keep 95 % of the efficiency of least squares where the noise is normal.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in the squared unit of the target: a scalar, or the shape of the prediction for
        `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a `delta` that is not positive, a negative weight, an unknown reduction.

    References:
        Huber, Robust estimation of a location parameter, 1964, https://doi.org/10.1214/aoms/1177703732.

    Example:
        >>> huber_loss(torch.tensor([0.5, 3.0]), torch.tensor([0.0, 0.0]), delta=2.0, reduction="none")
        tensor([0.1250, 4.0000])
    """
    values, truth = _entries(prediction, target, weight, reduction)
    check_positive("delta", delta)
    return _by_torch(F.huber_loss, values, truth, prediction, weight, reduction, delta=delta)


HuberLoss = as_module("HuberLoss", huber_loss)


@gradient_of(huber_loss)
def _huber_gradient(prediction: Tensor, target: Tensor, *, delta: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \max(-\delta, \min(\delta, r)) / N`: an outlier pulls no more than
    an error of :math:`\delta`."""
    return (prediction - target).clamp(-delta, delta) / target.numel()


@loss(
    tasks=("challenges and future", "tabular", "time series"),
    names=("log-cosh",),
    domain=_NUMBERS,
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR | {"lipschitz": up_to(1.0)},
    cases=_CASES,
    chapter=15,
)
def log_cosh_loss(
    prediction: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Log-cosh: half the squared error for small errors, its size less log 2 for large ones, with no seam.

    .. math::

        \ell(\hat y, y) = \log\cosh r, \qquad r = \hat y - y

    It is computed as :math:`\tfrac12 \log(1 + \sinh^2 r)`, and as a line far out. So it neither overflows for large
    errors (in float32 :math:`\cosh` does at 89) nor loses the digits of small ones: the usual forms answer 0 for an
    error of 1e-4 in float32, where the loss is 5e-9.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The loss: a scalar, or the shape of the prediction for `reduction="none"`. The unit of the target
        matters: errors are measured against 1.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a negative weight, an unknown reduction.

    References:
        Saleh and Saleh, Statistical properties of the log-cosh loss function used in machine learning, 2022,
        https://arxiv.org/abs/2208.04564.

    Example:
        >>> log_cosh_loss(torch.tensor([1e-4, 100.0]), torch.tensor([0.0, 0.0]), reduction="none")
        tensor([5.0000e-09, 9.9307e+01])
    """
    values, truth = _entries(prediction, target, weight, reduction)
    return _reduced(_LogCosh.of(values - truth), prediction, weight, reduction)


class _LogCosh(torch.autograd.Function):
    """The logarithm of the hyperbolic cosine, and its slope, the hyperbolic tangent: both come from one hyperbolic
    sine, so that the slope is kept in place of the error. It is an output, through which further derivatives go."""

    generate_vmap_rule = True

    @staticmethod
    def of(error: Tensor) -> Tensor:
        return _log_cosh(error)[0] if torch.compiler.is_compiling() else _LogCosh.apply(error)[0]

    @staticmethod
    def forward(error: Tensor) -> tuple[Tensor, Tensor]:
        return _log_cosh(error)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]) -> None:  # noqa: ARG004
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(output[1])
        ctx.save_for_forward(output[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, of_slope: Tensor | None) -> Tensor | None:
        (slope,) = ctx.saved_tensors
        first = None if gradient is None else gradient * slope
        if of_slope is None:
            return first
        second = of_slope * (1 - slope.square())
        return second if first is None else first + second

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> tuple[Tensor, Tensor]:
        with forward_mode(*ctx.saved_tensors) as (slope,):
            return tangent * slope, tangent * (1 - slope.square())


def _log_cosh(error: Tensor) -> tuple[Tensor, Tensor]:
    """The curve and its slope. Beyond 30 it is a line to the last digit of float64; from 44 on the square of a
    hyperbolic sine overflows in float32."""
    within = _within(error, 40)
    sinh = (error if within else error.clamp(-30, 30)).sinh()
    squares = sinh * sinh
    slope = (squares + 1).rsqrt_().mul_(sinh)
    value = squares.log1p_().mul_(0.5)
    return (value if within else value.add_(F.softshrink(error, 30).abs())), slope


LogCoshLoss = as_module("LogCoshLoss", log_cosh_loss)


@gradient_of(log_cosh_loss)
def _log_cosh_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \tanh(\hat y - y) / N`."""
    return torch.tanh(prediction - target) / target.numel()


@loss(
    tasks=("image-to-image", "inpainting", "dehazing", "tabular", "challenges and future"),
    names=("Charbonnier", "pseudo-Huber", "L1-L2"),
    domain=_NUMBERS,
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR | {"lipschitz": up_to(1.0)},
    cases=({"scale": 0.3}, {"form": "root", "scale": 1e-3}, {"scale": 2.0, "weight": (0.5, 2.0, 1.0)}),
    chapter=9,
)
def charbonnier_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    scale: float = 1.0,
    form: str = "pseudo_huber",
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Charbonnier loss (pseudo-Huber): a hyperbola, half the square near zero and a line far out.

    .. math::

        \ell(\hat y, y) = c^2 \Big( \sqrt{1 + (r / c)^2} - 1 \Big), \qquad r = \hat y - y

    This is the form of Charbonnier et al., called pseudo-Huber by Hartley and Zisserman; its slope far out is
    :math:`c`. It is computed as :math:`r^2 / (1 + \sqrt{1 + (r / c)^2})`, which loses no digits of small errors, and
    does not overflow for large ones.

    Image restoration uses :math:`\sqrt{r^2 + c^2}` (Lai et al., with :math:`c` = 1e-3): the same curve divided by
    :math:`c`, and raised by :math:`c`. That is `form="root"`.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        scale: the scale :math:`c` of the error, above 0: where the parabola turns into a line.
        form: `"pseudo_huber"` is zero at the target and has the curvature 1 there; `"root"` is
            :math:`\sqrt{r^2 + c^2}`, with the slope 1 far out.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in the squared unit of the target (in its unit for `form="root"`): a scalar, or the shape of the
        prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a `scale` that is not positive, a negative weight, an unknown `form` or
            reduction.

    References:
        Charbonnier et al., Two deterministic half-quadratic regularization algorithms for computed imaging, 1994,
        https://doi.org/10.1109/ICIP.1994.413553. Pseudo-Huber: Hartley and Zisserman, Multiple view geometry in
        computer vision, 2004, ISBN 978-0521540513. Root: Lai et al., Deep Laplacian pyramid networks for fast and
        accurate super-resolution, 2017, https://arxiv.org/abs/1704.03915.

    Example:
        >>> charbonnier_loss(torch.tensor([0.1, 3.0]), torch.tensor([0.0, 0.0]), reduction="none")
        tensor([0.0050, 2.1623])
    """
    values, truth = _entries(prediction, target, weight, reduction)
    check_positive("scale", scale)
    check_choice("form", form, ("pseudo_huber", "root"))

    error = values - truth
    squared = 1e-15 < scale < 1e15 and _within(error, 1e15)  # no square overflows, and none of the scale is lost

    def curve(error: Tensor) -> Tensor:
        if not squared:
            root = torch.hypot(error, error.new_tensor(scale))
            return root if form == "root" else error * (error / (1 + root / scale))
        squares = error.square()
        root = (squares + scale**2).sqrt_()
        return root if form == "root" else squares.div_(root.add_(scale)).mul_(scale)

    def slope(error: Tensor, value: Tensor) -> Tensor:
        return error / value if form == "root" else error / (1 + value / scale**2)

    return _reduced(with_slope(curve, slope, error, reuse=True), prediction, weight, reduction)


CharbonnierLoss = as_module("CharbonnierLoss", charbonnier_loss)


@gradient_of(charbonnier_loss)
def _charbonnier_gradient(
    prediction: Tensor, target: Tensor, *, scale: float = 1.0, form: str = "pseudo_huber"
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = r / \sqrt{1 + (r / c)^2} / N`: the error, softly clipped at
    :math:`c`."""
    error = prediction - target
    slope = error / (1 + (error / scale).square()).sqrt()
    return (slope / scale if form == "root" else slope) / error.numel()


@loss(
    tasks=("challenges and future", "tabular"),
    names=("Cauchy", "Lorentzian"),
    domain=_NUMBERS,
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR
    | {
        "convex": _FLAT,
        "lipschitz": up_to(0.5**0.5),
        "bounded": no("it grows with the logarithm of the error", first=[1e18], target=[0.0]),
    },
    cases=({"scale": 2.3}, {"scale": 0.5, "weight": (0.5, 2.0, 1.0)}),
    chapter=15,
)
def cauchy_loss(
    prediction: Tensor, target: Tensor, *, scale: float = 1.0, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Cauchy loss (Lorentzian): the logarithm of the squared error, so that outliers pull ever less.

    .. math::

        \ell(\hat y, y) = \log \Big( 1 + \tfrac12 (r / c)^2 \Big), \qquad r = \hat y - y

    It is :func:`general_robust_loss` with `alpha=0`, and up to a constant the negative log-likelihood of a Cauchy
    distribution. Statistics writes it with the tuning constant :math:`k` as
    :math:`\tfrac12 k^2 \log(1 + (r / k)^2)`: that is `scale=k / 2 ** 0.5`, times :math:`\tfrac12 k^2`.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        scale: the scale :math:`c` of the error, above 0; the pull is strongest at :math:`|r| = \sqrt 2 c`.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, without a unit: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a `scale` that is not positive, a negative weight, an unknown reduction.

    References:
        Black and Rangarajan, On the unification of line processes, outlier rejection, and robust statistics with
        applications in early vision, 1996, https://doi.org/10.1007/BF00131148.

    Example:
        >>> cauchy_loss(torch.tensor([0.1, 10.0]), torch.tensor([0.0, 0.0]), reduction="none")
        tensor([0.0050, 3.9318])
    """
    values, truth = _entries(prediction, target, weight, reduction)
    check_positive("scale", scale)
    squares = F.mse_loss(values, truth, reduction="none")
    return _reduced(torch.log1p(squares * (0.5 / scale**2)), prediction, weight, reduction)


CauchyLoss = as_module("CauchyLoss", cauchy_loss)


@gradient_of(cauchy_loss)
def _cauchy_gradient(prediction: Tensor, target: Tensor, *, scale: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \dfrac{2 r}{2 c^2 + r^2} / N`: it fades like :math:`2 / r`."""
    error = prediction - target
    return 2 * error / (2 * scale**2 + error.square()) / error.numel()


@loss(
    tasks=("challenges and future", "tabular"),
    names=("Welsch", "Leclerc", "correntropy"),
    domain=_NUMBERS,
    range=(0.0, 1.0),
    properties=_OF_AN_ERROR | {"convex": _FLAT, "lipschitz": up_to(math.exp(-0.5)), "bounded": yes},
    cases=({"scale": 2.1}, {"scale": 0.5, "weight": (0.5, 2.0, 1.0)}),
    chapter=15,
)
def welsch_loss(
    prediction: Tensor, target: Tensor, *, scale: float = 1.0, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Welsch loss: one less a Gaussian bell of the error, so that outliers cost one and pull no more.

    .. math::

        \ell(\hat y, y) = 1 - e^{-\frac12 (r / c)^2}, \qquad r = \hat y - y

    It is :func:`general_robust_loss` with `alpha=-inf`. Statistics writes it with the tuning constant :math:`k` as
    :math:`\tfrac12 k^2 (1 - e^{-(r / k)^2})`: that is `scale=k / 2 ** 0.5`, times :math:`\tfrac12 k^2`. A
    prediction far from its target gets next to no gradient: start near, or with a large `scale`.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        scale: the scale :math:`c` of the error, above 0; the pull is strongest at :math:`|r| = c`.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, without a unit: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a `scale` that is not positive, a negative weight, an unknown reduction.

    References:
        Dennis and Welsch, Techniques for nonlinear least squares and robust regression, 1978,
        https://doi.org/10.1080/03610917808812083.

    Example:
        >>> welsch_loss(torch.tensor([0.1, 10.0]), torch.tensor([0.0, 0.0]), reduction="none")
        tensor([0.0050, 1.0000])
    """
    values, truth = _entries(prediction, target, weight, reduction)
    check_positive("scale", scale)
    squares = F.mse_loss(values, truth, reduction="none")
    return _reduced(-torch.expm1(squares * (-0.5 / scale**2)), prediction, weight, reduction)


WelschLoss = as_module("WelschLoss", welsch_loss)


@gradient_of(welsch_loss)
def _welsch_gradient(prediction: Tensor, target: Tensor, *, scale: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \dfrac{r}{c^2} e^{-\frac12 (r / c)^2} / N`."""
    error = prediction - target
    return error / scale**2 * torch.exp(-(error / scale).square() / 2) / error.numel()


@loss(
    tasks=("challenges and future", "tabular"),
    names=("Geman-McClure",),
    domain=_NUMBERS,
    range=(0.0, 2.0),
    properties=_OF_AN_ERROR | {"convex": _FLAT, "lipschitz": up_to(3 * 3**0.5 / 8), "bounded": yes},
    cases=({"scale": 2.1}, {"scale": 0.5, "weight": (0.5, 2.0, 1.0)}),
    chapter=15,
)
def geman_mcclure_loss(
    prediction: Tensor, target: Tensor, *, scale: float = 1.0, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Geman-McClure loss: a squared error that saturates, so that outliers hardly pull.

    .. math::

        \ell(\hat y, y) = \frac{2 (r / c)^2}{(r / c)^2 + 4}, \qquad r = \hat y - y

    It is :func:`general_robust_loss` with `alpha=-2`, scaled so that it is :math:`\tfrac12 (r / c)^2` near zero.
    The older form :math:`r^2 / (k^2 + r^2)` is half of it, with `scale=k / 2`. A prediction far from its target
    gets next to no gradient: start near, or with a large `scale`.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        scale: the scale :math:`c` of the error, above 0; the pull is strongest at :math:`|r| = 2 c / \sqrt 3`.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, without a unit: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a `scale` that is not positive, a negative weight, an unknown reduction.

    References:
        Geman and McClure, Bayesian image analysis: An application to single photon emission tomography, 1985, as
        in Black and Rangarajan, On the unification of line processes, outlier rejection, and robust statistics
        with applications in early vision, 1996, https://doi.org/10.1007/BF00131148.

    Example:
        >>> geman_mcclure_loss(torch.tensor([0.1, 10.0]), torch.tensor([0.0, 0.0]), reduction="none")
        tensor([0.0050, 1.9231])
    """
    values, truth = _entries(prediction, target, weight, reduction)
    check_positive("scale", scale)
    squares = F.mse_loss(values, truth, reduction="none")
    squares = squares.clamp_max(torch.finfo(squares.dtype).max / 4)  # infinity over infinity is not a number
    return _reduced(2 * squares / (squares + 4 * scale**2), prediction, weight, reduction)


GemanMcClureLoss = as_module("GemanMcClureLoss", geman_mcclure_loss)


@gradient_of(geman_mcclure_loss)
def _geman_mcclure_gradient(prediction: Tensor, target: Tensor, *, scale: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \dfrac{16 c^2 r}{(r^2 + 4 c^2)^2} / N`: it fades like
    :math:`1 / r^3`."""
    error = prediction - target
    return 16 * scale**2 * error / (error.square() + 4 * scale**2).square() / error.numel()


@loss(
    tasks=("challenges and future", "tabular"),
    names=("Tukey", "biweight", "bisquare"),
    domain=_NUMBERS,
    range=(0.0, 4.685**2 / 6),
    properties=_OF_AN_ERROR | {"convex": _FLAT, "lipschitz": up_to(16 / 25 * 4.685 / 5**0.5), "bounded": yes},
    cases=({"cutoff": 2.0}, {"cutoff": 6.0, "weight": (0.5, 2.0, 1.0)}),
    chapter=15,
)
def tukey_loss(
    prediction: Tensor, target: Tensor, *, cutoff: float = 4.685, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Tukey's biweight: a squared error that is constant beyond a cutoff, so that outliers do not pull at all.

    .. math::

        \ell(\hat y, y) = \frac{c^2}{6} \begin{cases} 1 - \big( 1 - (r / c)^2 \big)^3 & |r| \le c \\ 1 & \text{else}
        \end{cases} \qquad r = \hat y - y

    Beyond the cutoff the gradient is exactly zero. A prediction that starts there stays there: begin with another
    loss, or with a large `cutoff`.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        cutoff: the error :math:`c` from which on nothing changes, above 0; 4.685 standard deviations of the noise
            keep 95 % of the efficiency of least squares where the noise is normal.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in the squared unit of the target: a scalar, or the shape of the prediction for
        `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a `cutoff` that is not positive, a negative weight, an unknown reduction.

    References:
        Beaton and Tukey, The fitting of power series, meaning polynomials, illustrated on band-spectroscopic
        data, 1974, https://doi.org/10.1080/00401706.1974.10489171.

    Example:
        >>> tukey_loss(torch.tensor([0.1, 4.685, 100.0]), torch.zeros(3), reduction="none")
        tensor([0.0050, 3.6582, 3.6582])
    """
    values, truth = _entries(prediction, target, weight, reduction)
    check_positive("cutoff", cutoff)

    def curve(error: Tensor) -> Tensor:  # one less the cube of one less the part, multiplied out: no digits are lost
        part = (error / cutoff).square().clamp_max(1)
        return cutoff**2 / 6 * part * (3 - 3 * part + part.square())

    def slope(error: Tensor) -> Tensor:
        return error * (1 - (error / cutoff).square()).clamp_min(0).square()

    return _reduced(with_slope(curve, slope, values - truth), prediction, weight, reduction)


TukeyLoss = as_module("TukeyLoss", tukey_loss)


@gradient_of(tukey_loss)
def _tukey_gradient(prediction: Tensor, target: Tensor, *, cutoff: float = 4.685) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = r \big( 1 - (r / c)^2 \big)^2 / N` within the cutoff, and zero
    beyond."""
    error = prediction - target
    return error * (1 - (error / cutoff).square()).clamp_min(0).square() / error.numel()


@loss(
    tasks=("challenges and future", "tabular"),
    names=("general robust", "Barron's loss"),
    domain=_NUMBERS,
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR | {"lipschitz": up_to(1.0)},
    cases=(
        {"alpha": 2.0, "scale": 200.0},
        {"alpha": 1.5, "scale": 20.0},
        {"alpha": 0.0, "scale": 2.0},
        {"alpha": -2.0, "weight": (0.5, 2.0, 1.0)},
        {"alpha": -math.inf, "scale": 3.0},
    ),
    chapter=15,
)
def general_robust_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 1.0,
    scale: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""General robust loss: one family from the squared error to a bell, by how much outliers count.

    .. math::

        \ell(\hat y, y) = \frac{|\alpha - 2|}{\alpha} \bigg( \Big( \frac{(r / c)^2}{|\alpha - 2|} + 1 \Big)^{\alpha / 2}
        - 1 \bigg), \qquad r = \hat y - y

    Its limits and special values: :math:`\alpha = 2` is half the squared error, 1 is :func:`charbonnier_loss`
    (over :math:`c^2`), 0 is :func:`cauchy_loss`, -2 is :func:`geman_mcclure_loss`, and :math:`-\infty` is
    :func:`welsch_loss`. Near the target all of them are :math:`\tfrac12 (r / c)^2`. It is convex for
    :math:`\alpha \ge 1`; above 2 (which the formula allows) outliers count more than in least squares.
    :func:`adaptive_robust_loss` learns the shape.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        alpha: the shape :math:`\alpha`, any number below infinity; `-math.inf` is allowed.
        scale: the scale :math:`c` of the error, above 0: where the parabola ends.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, without a unit: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, an `alpha` that is infinite or NaN, a `scale` that is not positive, a negative
            weight, an unknown reduction.

    References:
        Barron, A general and adaptive robust loss function, 2019, https://arxiv.org/abs/1701.03077.

    Example:
        >>> error, zero = torch.tensor([1.0, 10.0]), torch.zeros(2)
        >>> general_robust_loss(error, zero, alpha=1.0, reduction="none")
        tensor([0.4142, 9.0499])
        >>> general_robust_loss(error, zero, alpha=-2.0, reduction="none")
        tensor([0.4000, 1.9231])
    """
    values, truth = _entries(prediction, target, weight, reduction)
    check_positive("scale", scale)
    if not alpha < math.inf:
        raise ValueError(f"alpha must be below infinity, got {alpha}")
    squares = F.mse_loss(values, truth, reduction="none") / scale**2
    if alpha == 2:
        curve = squares / 2
    elif alpha == 0:
        curve = torch.log1p(squares / 2)
    elif alpha == -math.inf:
        curve = -torch.expm1(-squares / 2)
    else:
        bend = abs(alpha - 2)
        curve = bend / alpha * torch.expm1(alpha / 2 * torch.log1p(squares / bend))
    return _reduced(curve, prediction, weight, reduction)


GeneralRobustLoss = as_module("GeneralRobustLoss", general_robust_loss)


@gradient_of(general_robust_loss)
def _general_robust_gradient(prediction: Tensor, target: Tensor, *, alpha: float = 1.0, scale: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \dfrac{r}{c^2} \Big( \dfrac{(r / c)^2}{|\alpha - 2|} + 1
    \Big)^{\alpha / 2 - 1} / N`."""
    error = (prediction - target) / scale
    if alpha == 2:
        pull = torch.ones_like(error)
    elif alpha == -math.inf:
        pull = torch.exp(-error.square() / 2)
    else:
        pull = (error.square() / abs(alpha - 2) + 1) ** (alpha / 2 - 1)
    return error / scale * pull / error.numel()


@loss(
    tasks=("challenges and future", "tabular"),
    names=("adaptive", "adaptive robust"),
    domain={
        "prediction": _MODERATE,
        "target": _MODERATE,
        "alpha": "robust shapes in [0, 2]",
        "scale": "scales of at least 1",
    },
    range=(-math.inf, math.inf),
    properties=_OF_AN_ERROR
    | {
        "convex": no("shapes below one are not convex",
                     first=[10.0], other=[0.0], target=[0.0], alpha=[0.0], scale=[1.0]),
        "lipschitz": no("with the shape two the slope grows with the error",
                        first=[2000.0], other=[2001.0], target=[0.0], alpha=[2.0], scale=[1.0]),
    },
    kind="module",
    differentiable=("prediction", "alpha", "scale"),
    cases=_CASES,
    chapter=15,
)  # fmt: skip
def adaptive_robust_loss(
    prediction: Tensor,
    target: Tensor,
    alpha: Tensor,
    scale: Tensor,
    *,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Adaptive robust loss: the general robust loss as a likelihood, whose shape and scale are learned.

    .. math::

        \ell(\hat y, y; \alpha, c) = \rho(\hat y - y; \alpha, c) + \log c + \log Z(\alpha), \qquad
        Z(\alpha) = \int e^{-\rho(x; \alpha, 1)}\, dx

    with the :math:`\rho` of :func:`general_robust_loss`. Without the normalizer :math:`Z` the smallest
    :math:`\alpha` would always win. With it the loss is a negative log-likelihood: a normal distribution at
    :math:`\alpha = 2`, a Cauchy distribution at 0, and in between the tails that the data ask for. The integral is
    a sum over 192 points, right to 1e-9 for every shape in [0, 2], and differentiable as it stands. In place of
    the tables of the authors' code, it needs no interpolation.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        alpha: shapes in [0, 2], broadcast to the shape of the prediction.
        scale: scales above 0, broadcast to the shape of the prediction.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The negative log-likelihood in nats, which may be negative: a scalar, or the shape of the prediction for
        `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that do not go together, an `alpha` outside [0, 2], a `scale` that is not positive, a
            negative weight, an unknown reduction.

    References:
        Barron, A general and adaptive robust loss function, 2019, https://arxiv.org/abs/1701.03077.

    Example:
        >>> error, zero = torch.tensor([0.0, 10.0]), torch.zeros(2)
        >>> adaptive_robust_loss(error, zero, torch.tensor(2.0), torch.tensor(1.0), reduction="none")
        tensor([ 0.9189, 50.9189])
        >>> adaptive_robust_loss(error, zero, torch.tensor(0.0), torch.tensor(1.0), reduction="none")
        tensor([1.4913, 5.4231])
    """
    check_tensors(prediction=prediction, target=target, alpha=alpha, scale=scale)
    check_floating("alpha", alpha)
    check_floating("scale", scale)
    values, truth = _entries(prediction, target, weight, reduction)
    check_spread("alpha", alpha, prediction.shape)
    check_spread("scale", scale, prediction.shape)
    if known(alpha, lambda: ((alpha >= 0) & (alpha <= 2)).all()) is False:
        raise ValueError("alpha must lie in [0, 2], got values outside")
    if known(scale, lambda: (scale > 0).all()) is False:
        raise ValueError("scale must be above 0, got values that are not")
    values, truth, alpha, scale = together(values, truth, alpha, scale)
    surprise = _general_robust(((values - truth) / scale).square(), alpha) + scale.log() + _log_normalizer(alpha)
    return _reduced(surprise, prediction, weight, reduction)


def _general_robust(squares: Tensor, alpha: Tensor) -> Tensor:
    r"""The general robust loss of squared errors for shapes in [0, 2], with a good gradient in both.

    With :math:`b = 2 - \alpha` and :math:`L = \log(1 + x^2 / b)`, the definition is
    :math:`\frac b\alpha (e^{\alpha L / 2} - 1)`, which is 0 / 0 at :math:`\alpha = 0`, and equally
    :math:`\frac1\alpha \big( x^2 e^{-b L / 2} + b (e^{-b L / 2} - 1) \big)`, in which nothing is divided by
    :math:`b`. Each is used on its half of the shapes.
    """
    low, high = alpha.clamp_max(1), alpha.clamp_min(1)
    bend = 2 - low
    growth = torch.log1p(squares / bend)
    rising = bend / 2 * growth * _expm1_over(low / 2 * growth)
    bend = (2 - high).clamp_min(torch.finfo(alpha.dtype).eps)
    decay = -bend / 2 * torch.log1p(squares / bend)
    falling = (squares * decay.exp() + bend * torch.expm1(decay)) / high
    return torch.where(alpha < 1, rising, falling)


def _expm1_over(y: Tensor) -> Tensor:
    r""":math:`(e^y - 1) / y`, which is 1 at zero: near it by its power series, which has derivatives there."""
    near = y.abs() < 0.05
    small, large = torch.where(near, y, 0.0), torch.where(near, 1.0, y)
    series = torch.ones_like(y)
    for k in range(9, 1, -1):
        series = 1 + small / k * series
    return torch.where(near, series, torch.expm1(large) / large)


def _log_normalizer(alpha: Tensor) -> Tensor:
    r""":math:`\log \int e^{-\rho(x; \alpha, 1)}\, dx`, by the trapezoidal rule.

    The substitution :math:`x = \sinh(\frac\pi2 \sinh t)` makes even the tails of the Cauchy distribution fall
    double exponentially (Takahasi and Mori, 1974); the points lie half a step beside zero, where the curves for
    shapes close to two have their kink.
    """
    points, end = 96, 3.6  # on each side
    step = end / points
    t = (torch.arange(points, dtype=alpha.dtype, device=alpha.device) + 0.5) * step
    inner = math.pi / 2 * t.sinh()
    widths = math.pi * step * t.cosh() * inner.cosh()  # of a point and its mirror image
    return (widths * torch.exp(-_general_robust(inner.sinh().square(), alpha.unsqueeze(-1)))).sum(-1).log()


@gradient_of(adaptive_robust_loss)
def _adaptive_robust_gradient(prediction: Tensor, target: Tensor, alpha: Tensor, scale: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \dfrac{r}{c^2} \Big( \dfrac{(r / c)^2}{2 - \alpha} + 1
    \Big)^{\alpha / 2 - 1} / N`: the normalizer does not depend on the prediction."""
    error = (prediction - target) / scale
    return error / scale * (error.square() / (2 - alpha) + 1) ** (alpha / 2 - 1) / error.numel()


class AdaptiveRobustLoss(nn.Module):
    """Module form of `adaptive_robust_loss`: it holds one shape and one scale for each channel, and learns them.

    The shape is kept inside its range by a sigmoid, the scale above its floor by a softplus. Give the module's
    parameters to the optimizer together with those of the model.

    Args:
        channels: size of the last dimension of what it compares (1 shares shape and scale).
        alpha_range: lowest and highest shape, in [0, 2]; equal ends fix the shape. It begins in the middle.
        scale: the scale to begin with.
        scale_floor: the smallest scale; where it equals `scale` the scale is fixed.
        reduction: as in the function.

    Example:
        >>> criterion = AdaptiveRobustLoss(channels=2)
        >>> criterion(torch.zeros(3, 2), torch.ones(3, 2))
        tensor(1.5997, grad_fn=<DivBackward0>)
        >>> criterion.alpha
        tensor([1., 1.], grad_fn=<AddBackward0>)
    """

    function = staticmethod(adaptive_robust_loss)

    def __init__(
        self,
        channels: int = 1,
        *,
        alpha_range: tuple[float, float] = (0.001, 1.999),
        scale: float = 1.0,
        scale_floor: float = 1e-5,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        low, high = alpha_range
        if not 0 <= low <= high <= 2:
            raise ValueError(f"alpha_range must be two rising numbers in [0, 2], got {alpha_range}")
        check_positive("scale_floor", scale_floor)
        if not scale >= scale_floor:
            raise ValueError(f"scale must be at least scale_floor, {scale_floor}, got {scale}")
        check_reduction(reduction)
        self.channels, self.alpha_range, self.reduction = channels, (low, high), reduction
        self.initial_scale, self.scale_floor = scale, scale_floor
        self.latent_alpha = nn.Parameter(torch.zeros(channels), requires_grad=low < high)
        self.latent_scale = nn.Parameter(torch.zeros(channels), requires_grad=scale > scale_floor)

    @property
    def alpha(self) -> Tensor:
        """The shape of each channel, `(channels,)`."""
        low, high = self.alpha_range
        return low + (high - low) * self.latent_alpha.sigmoid()

    @property
    def scale(self) -> Tensor:
        """The scale of each channel, `(channels,)`."""
        above = (self.initial_scale - self.scale_floor) / math.log(2)
        return self.scale_floor + above * F.softplus(self.latent_scale)

    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of `(*, channels)` predictions under the present shapes and scales."""
        return adaptive_robust_loss(prediction, target, self.alpha, self.scale, weight=weight, reduction=self.reduction)

    def extra_repr(self) -> str:
        """The settings, as they were given."""
        return (
            f"channels={self.channels}, alpha_range={self.alpha_range}, scale={self.initial_scale}, "
            f"scale_floor={self.scale_floor}, reduction={self.reduction!r}"
        )


def _levels(
    name: str, level: float | Sequence[float], prediction: Tensor, target: Tensor
) -> tuple[float | tuple[float, ...], Tensor]:
    """The level or levels, checked, and the target repeated for each of several."""
    check_tensors(prediction=prediction, target=target)
    several = isinstance(level, Sequence)
    for each in level if several else (level,):
        if not 0 < each < 1:
            raise ValueError(f"{name} must lie strictly between 0 and 1, got {each}")
    if not several:
        return level, target
    shape = (*target.shape, len(level))
    if prediction.shape != shape:
        raise ValueError(
            f"prediction must have the shape of target with the {len(level)} values of {name} last, {shape}, "
            f"got {tuple(prediction.shape)}"
        )
    return tuple(level), target.unsqueeze(-1).expand(shape)


def _as_tensor(level: float | tuple[float, ...], like: Tensor) -> float | Tensor:
    """Several levels as a tensor for the last dimension."""
    return torch.tensor(level, dtype=like.dtype, device=like.device) if isinstance(level, tuple) else level


def _sided(error: Tensor, level: float | Tensor) -> Tensor:
    """What an error counts: `1 - level` above the target, `level` elsewhere."""
    level = torch.as_tensor(level, dtype=error.dtype, device=error.device)
    return torch.where(error > 0, 1 - level, level)


@loss(
    tasks=("time series", "tabular"),
    names=("quantile", "pinball", "check loss"),
    domain={"prediction": "real numbers", "target": "target of levels"},
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR | {"lipschitz": up_to(0.5), "smooth": no("the slope jumps at the target", first=[1.0],
                                                                     target=[1.0], quantile=0.9)},
    cases=(
        {"quantile": 0.9},
        {"quantile": (0.1, 0.5, 0.8)},
        {"quantile": 0.2, "weight": (0.5, 2.0, 1.0)},
    ),
    chapter=16,
)  # fmt: skip
def quantile_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    quantile: float | Sequence[float] = 0.5,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Quantile loss (pinball): errors below the target cost q, errors above it 1 - q.

    .. math::

        \ell(\hat y, y) = \max\big( q\,(y - \hat y),\ (q - 1)(y - \hat y) \big)

    The best constant prediction is the quantile of order :math:`q`; for :math:`q = \tfrac12` it is half of
    :func:`l1_loss`. With several quantiles the last dimension of the prediction holds one value for each, and
    `"mean"` averages over them, too: some libraries add them up, or double the loss. At the target itself the
    gradient is that of the mean of both sides, :math:`\tfrac12 - q`.

    Args:
        prediction: predicted quantiles: the shape of the target, or that shape and one more dimension of `Q`
            quantiles at the end.
        target: true values, any shape.
        quantile: the order of the quantile, strictly between 0 and 1, or a sequence of `Q` of them.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in the unit of the target: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that do not go together, a quantile outside (0, 1), a negative weight, an unknown reduction.

    References:
        Koenker and Bassett, Regression quantiles, 1978, https://doi.org/10.2307/1913643.

    Example:
        >>> quantile_loss(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 2.0]), quantile=0.9, reduction="none")
        tensor([0.9000, 0.1000])
        >>> forecast = torch.tensor([[1.0, 2.0, 4.0]])
        >>> quantile_loss(forecast, torch.tensor([3.0]), quantile=(0.1, 0.5, 0.9), reduction="none")
        tensor([[0.2000, 0.5000, 0.1000]])
    """
    quantile, target = _levels("quantile", quantile, prediction, target)
    values, truth = _entries(prediction, target, weight, reduction)
    quantile, missing = _as_tensor(quantile, values), truth - values
    return _reduced(torch.maximum(quantile * missing, (quantile - 1) * missing), prediction, weight, reduction)


QuantileLoss = as_module("QuantileLoss", quantile_loss)


@gradient_of(quantile_loss)
def _quantile_gradient(prediction: Tensor, target: Tensor, *, quantile: float | Sequence[float] = 0.5) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = ([\hat y > y] - q) / N`: up by :math:`q`, down by
    :math:`1 - q`, so it rests where a share of :math:`q` lies below."""
    quantile, target = _levels("quantile", quantile, prediction, target)
    return (torch.heaviside(prediction - target, prediction.new_tensor(0.5)) - _as_tensor(quantile, prediction)) / (
        prediction.numel()
    )


@loss(
    tasks=("time series", "tabular"),
    names=("expectile", "asymmetric least squares"),
    domain={"prediction": _MODERATE, "target": "target of levels (in half precision up to 100)"},
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR | {"lipschitz": _STEEP},
    cases=(
        {"expectile": 0.9},
        {"expectile": (0.1, 0.5, 0.8)},
        {"expectile": 0.2, "weight": (0.5, 2.0, 1.0)},
    ),
    chapter=16,
)
def expectile_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    expectile: float | Sequence[float] = 0.5,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Expectile loss: squared errors that cost the share tau below the target, 1 - tau above it.

    .. math::

        \ell(\hat y, y) = \big| \tau - [\hat y > y] \big|\, (\hat y - y)^2

    It is to the mean what :func:`quantile_loss` is to the median: the best constant prediction is the expectile of
    order :math:`\tau`, which is the mean for :math:`\tau = \tfrac12`. Unlike the quantile loss it is smooth. In
    float16 a result above 65,504 is infinite.

    Args:
        prediction: predicted expectiles: the shape of the target, or that shape and one more dimension of `Q`
            expectiles at the end.
        target: true values, any shape.
        expectile: the order :math:`\tau`, strictly between 0 and 1, or a sequence of `Q` of them.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in the squared unit of the target: a scalar, or the shape of the prediction for
        `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that do not go together, an expectile outside (0, 1), a negative weight, an unknown
            reduction.

    References:
        Newey and Powell, Asymmetric least squares estimation and testing, 1987,
        https://doi.org/10.2307/1911031.

    Example:
        >>> expectile_loss(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 2.0]), expectile=0.9, reduction="none")
        tensor([0.9000, 0.4000])
    """
    expectile, target = _levels("expectile", expectile, prediction, target)
    values, truth = _entries(prediction, target, weight, reduction)
    sided = _sided(values - truth, _as_tensor(expectile, values))
    return _reduced(sided * F.mse_loss(values, truth, reduction="none"), prediction, weight, reduction)


ExpectileLoss = as_module("ExpectileLoss", expectile_loss)


@gradient_of(expectile_loss)
def _expectile_gradient(prediction: Tensor, target: Tensor, *, expectile: float | Sequence[float] = 0.5) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = 2 \big| \tau - [\hat y > y] \big| (\hat y - y) / N`."""
    expectile, target = _levels("expectile", expectile, prediction, target)
    share = (_as_tensor(expectile, prediction) - (prediction > target).to(prediction.dtype)).abs()
    return 2 * share * (prediction - target) / prediction.numel()


@loss(
    tasks=("time series", "challenges and future"),
    names=("quantile Huber", "quantile regression of distributional reinforcement learning"),
    domain={"prediction": "real numbers", "target": "target of levels"},
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR | {"lipschitz": up_to(0.5)},
    cases=(
        {"quantile": 0.9, "kappa": 2.0},
        {"quantile": (0.1, 0.5, 0.8)},
        {"quantile": 0.2, "kappa": 0.5, "weight": (0.5, 2.0, 1.0)},
        {"quantile": 0.7, "kappa": 0.0},
    ),
    chapter=16,
)
def quantile_huber_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    quantile: float | Sequence[float] = 0.5,
    kappa: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Quantile Huber loss: the quantile loss, rounded off to a parabola near zero.

    .. math::

        \ell(\hat y, y) = \big| q - [\hat y > y] \big| \, \frac{h_\kappa(\hat y - y)}{\kappa}, \qquad
        h_\kappa(r) = \begin{cases} \tfrac12 r^2 & |r| \le \kappa \\ \kappa (|r| - \tfrac12 \kappa) & \text{else}
        \end{cases}

    Distributional reinforcement learning compares every predicted quantile with every quantile of the target:
    `quantile_huber_loss(theta.unsqueeze(-2).expand(*s, M, Q), samples.expand(*s, M), quantile=...)`. Its smooth
    middle moves the best prediction a little away from the quantile. `kappa=0` is :func:`quantile_loss`.

    Args:
        prediction: predicted quantiles: the shape of the target, or that shape and one more dimension of `Q`
            quantiles at the end.
        target: true values, any shape.
        quantile: the order of the quantile, strictly between 0 and 1, or a sequence of `Q` of them.
        kappa: the error at which the parabola becomes a line, at least 0.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in the unit of the target: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that do not go together, a quantile outside (0, 1), a negative `kappa`, a negative weight, an
            unknown reduction.

    References:
        Dabney et al., Distributional reinforcement learning with quantile regression, 2018,
        https://arxiv.org/abs/1710.10044.

    Example:
        >>> quantile_huber_loss(torch.tensor([1.5, 4.0]), torch.tensor([2.0, 2.0]), quantile=0.9, reduction="none")
        tensor([0.1125, 0.1500])
    """
    quantile, target = _levels("quantile", quantile, prediction, target)
    values, truth = _entries(prediction, target, weight, reduction)
    check_positive("kappa", kappa, zero=True)
    sided = _sided(values - truth, _as_tensor(quantile, values))
    curve = F.smooth_l1_loss(values, truth, reduction="none", beta=kappa)
    return _reduced(sided * curve, prediction, weight, reduction)


QuantileHuberLoss = as_module("QuantileHuberLoss", quantile_huber_loss)


@gradient_of(quantile_huber_loss)
def _quantile_huber_gradient(
    prediction: Tensor, target: Tensor, *, quantile: float | Sequence[float] = 0.5, kappa: float = 1.0
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \big| q - [\hat y > y] \big| \max(-1, \min(1, r / \kappa)) / N`."""
    quantile, target = _levels("quantile", quantile, prediction, target)
    share = (_as_tensor(quantile, prediction) - (prediction > target).to(prediction.dtype)).abs()
    error = prediction - target
    return share * (error.sign() if kappa == 0 else (error / kappa).clamp(-1, 1)) / error.numel()


@loss(
    tasks=("time series", "tabular"),
    names=("MAPE", "mean absolute percentage error"),
    domain={"prediction": "real numbers", "target": _RELATIVE},
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR
    | {
        "lipschitz": no("a target near zero makes it steep", first=[0.0], other=[0.001], target=[1e-5]),
        "smooth": _KINK,
        "symmetric": no("it divides by the target", first=[1.0], target=[2.0]),
        "scale_invariant": yes,
    },
    cases=({"epsilon": 2.0}, {"skip_zeros": True}, {"weight": (0.5, 2.0, 1.0)}),
    chapter=16,
)
def mape_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    epsilon: float = 1e-6,
    skip_zeros: bool = False,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Mean absolute percentage error: the size of the error relative to the target.

    .. math::

        \ell(\hat y, y) = \frac{|\hat y - y|}{\max(|y|, \epsilon)}

    It is a share: multiply by 100 for percent. A forecast that is too high can cost any number, one of zero costs
    1 at most, so the loss favors low forecasts. At a target of zero it is not defined: either the floor
    :math:`\epsilon` stands in (the loss is then large), or `skip_zeros` leaves such entries out of the sum *and*
    out of the divisor. Where they are only left out of the sum, as in some libraries, zeros make every forecast
    look good.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        epsilon: the smallest number that is divided by, above 0.
        skip_zeros: whether entries with a target of zero do not count.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted shares; `"mean"` divides by the sum of the weights that count.

    Returns:
        The loss as a share of the target: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, an `epsilon` that is not positive, a negative weight, an unknown reduction.

    References:
        de Myttenaere et al., Mean absolute percentage error for regression models, 2016,
        https://doi.org/10.1016/j.neucom.2015.12.114.

    Example:
        >>> mape_loss(torch.tensor([110.0, 40.0]), torch.tensor([100.0, 50.0]), reduction="none")
        tensor([0.1000, 0.2000])
        >>> mape_loss(torch.tensor([110.0, 3.0]), torch.tensor([100.0, 0.0]), skip_zeros=True)
        tensor(0.1000)
    """
    values, truth = _entries(prediction, target, weight, reduction, neutral=1)
    check_positive("epsilon", epsilon)
    shares = F.l1_loss(values, truth, reduction="none") / truth.abs().clamp_min(epsilon)
    if skip_zeros:
        some = truth != 0
        shares = torch.where(some, shares, 0.0)
        counts = some.to(shares.dtype)
        weight = counts if weight is None else weight * counts
    return _reduced(shares, prediction, weight, reduction)


MAPELoss = as_module("MAPELoss", mape_loss)


@gradient_of(mape_loss)
def _mape_gradient(prediction: Tensor, target: Tensor, *, epsilon: float = 1e-6) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \dfrac{\mathrm{sign}(\hat y - y)}{|y|} / N`: small targets pull
    hardest."""
    return torch.sign(prediction - target) / target.abs().clamp_min(epsilon) / target.numel()


@loss(
    tasks=("time series",),
    names=("sMAPE", "symmetric MAPE"),
    domain={"prediction": _RELATIVE, "target": _RELATIVE},
    range=(0.0, 2.0),
    properties=_OF_AN_ERROR
    | {
        "convex": no("it flattens out", first=[3.0], other=[1.0], target=[1.0]),
        "lipschitz": no("it is steep where both are near zero", first=[0.0], other=[1e-4], target=[1e-5]),
        "smooth": _KINK,
        "bounded": yes,
        "scale_invariant": yes,
    },
    cases=({"denominator": "sum"}, {"weight": (0.5, 2.0, 1.0)}),
    chapter=16,
)
def smape_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    denominator: str = "mean",
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Symmetric mean absolute percentage error: the size of the error relative to the sizes of both numbers.

    .. math::

        \ell(\hat y, y) = \frac{|\hat y - y|}{\tfrac12 (|y| + |\hat y|)}

    The values lie in [0, 2]; libraries that leave the factor one half out have half of it, in [0, 1]. Multiply by
    100 for percent. The gradient goes through the denominator, too: where that is held fixed, as in some
    libraries, it points elsewhere. Where both numbers are zero, the loss and its gradient are zero. Where only
    the target is zero, the loss is at its maximum whatever the prediction, and the gradient is zero: do not train
    with it on data that hold zeros.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        denominator: `"mean"` divides by the mean of both sizes, `"sum"` by their sum.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted shares; `"mean"` divides by the sum of the weights.

    Returns:
        The loss as a share: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a negative weight, an unknown `denominator` or reduction.

    References:
        Makridakis, Accuracy measures: theoretical and practical concerns, 1993,
        https://doi.org/10.1016/0169-2070(93)90079-3.

    Example:
        >>> smape_loss(torch.tensor([110.0, 40.0]), torch.tensor([90.0, 60.0]), reduction="none")
        tensor([0.2000, 0.4000])
    """
    values, truth = _entries(prediction, target, weight, reduction)
    check_choice("denominator", denominator, ("mean", "sum"))
    sizes = truth.abs().clamp_min(torch.finfo(values.dtype).tiny) + values.abs()
    shares = _reduced(F.l1_loss(values, truth, reduction="none") / sizes, prediction, weight, reduction)
    return 2 * shares if denominator == "mean" else shares


SMAPELoss = as_module("SMAPELoss", smape_loss)


@gradient_of(smape_loss)
def _smape_gradient(prediction: Tensor, target: Tensor, *, denominator: str = "mean") -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \Big( \dfrac{2\,\mathrm{sign}(r)}{|y| + |\hat y|} -
    \dfrac{2 |r|\,\mathrm{sign}(\hat y)}{(|y| + |\hat y|)^2} \Big) / N`: the second term is the denominator's."""
    error, sizes = prediction - target, prediction.abs() + target.abs()
    slope = error.sign() / sizes - error.abs() * prediction.sign() / sizes.square()
    return (2 if denominator == "mean" else 1) * slope / error.numel()


def seasonal_naive_scale(history: Tensor, *, season: int = 1, squared: bool = False) -> Tensor:
    r"""The error of the seasonal naive forecast on the past of each series: what :func:`mase_loss` divides by.

    .. math::

        \frac1{T - m} \sum_{t = m + 1}^{T} |y_t - y_{t - m}|

    The naive forecast repeats the value of one season ago. Take the *training* part of the series; NaN marks
    values that are missing, and what needs them is left out.

    Args:
        history: past values, `(*, T)`, one series in each row.
        season: the period :math:`m` in steps, such as 12 for months; 1 repeats the last value.
        squared: whether the root of the mean of squares is taken, as :func:`rmsse_loss` needs it.

    Returns:
        One number for each series, `(*, 1)`; zero for a constant series, and where nothing can be compared.

    Raises:
        TypeError: a history that is not floating-point.
        ValueError: a season that is not at least 1, or not shorter than the history.

    References:
        Hyndman and Koehler, Another look at measures of forecast accuracy, 2006,
        https://doi.org/10.1016/j.ijforecast.2006.03.001.

    Example:
        >>> seasonal_naive_scale(torch.tensor([[1.0, 2.0, 4.0, 8.0]]))
        tensor([[2.3333]])
    """
    check_tensors(history=history)
    check_floating("history", history)
    steps = history.shape[-1] if history.dim() else 0
    if not 1 <= season < steps:
        raise ValueError(f"season must be at least 1 and shorter than the history of {steps} steps, got {season}")
    (values,) = together(history)
    change = values[..., season:] - values[..., :-season]
    present = ~change.isnan()
    change = torch.where(present, change, 0.0)
    change = change.square() if squared else change.abs()
    mean = change.sum(-1, keepdim=True) / present.sum(-1, keepdim=True).clamp_min(1)
    return (root(mean) if squared else mean).to(history.dtype)


def _scaled(prediction: Tensor, target: Tensor, scale: Tensor, weight: Tensor | None, reduction: str) -> list[Tensor]:
    """Errors in units of the scale (zero where that is zero), and where it is not."""
    check_tensors(prediction=prediction, target=target, scale=scale)
    check_floating("scale", scale)
    values, truth = _entries(prediction, target, weight, reduction)
    check_spread("scale", scale, prediction.shape)
    values, truth, scale = together(values, truth, scale)
    (scale,) = hidden(weighted_entries(weight), scale)
    if known(scale, lambda: (scale >= 0).all()) is False:
        raise ValueError("scale must not be negative, got values that are")
    valid = scale != 0
    return [(values - truth) / torch.where(valid, scale, math.inf), valid]


@loss(
    tasks=("time series",),
    names=("MASE", "mean absolute scaled error"),
    domain={"prediction": "real numbers", "target": "real numbers", "scale": "scale of each series"},
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR
    | {
        "lipschitz": no("a small scale makes it steep", first=[0.0], other=[1.0], target=[0.0], scale=[1e-4]),
        "smooth": _KINK,
        "scale_invariant": no("the scale is given: it has to change with the unit", first=[3.0], target=[0.0]),
    },
    cases=_CASES,
    chapter=16,
)
def mase_loss(
    prediction: Tensor, target: Tensor, scale: Tensor, *, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Mean absolute scaled error: errors in units of what the naive forecast errs on the past of the series.

    .. math::

        \ell(\hat y, y) = \frac{|\hat y - y|}{s}, \qquad s = \frac1{T - m} \sum_{t = m + 1}^{T} |y_t - y_{t - m}|

    The scale comes from the training history, not from the forecast horizon: :func:`seasonal_naive_scale`. Below 1
    a forecast beats the naive one. Series of different units may be averaged, and zeros in the target do no harm.
    A series whose scale is zero (its past is constant) has no such error and does not count.

    Args:
        prediction: predicted values, `(*, H)`.
        target: true values, the same shape (nothing is broadcast).
        scale: the scale of each series, broadcast to the shape of the prediction, such as `(*, 1)`.
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted values; `"mean"` divides by the sum of the weights that count.

    Returns:
        The loss in units of the naive forecast's error: a scalar, or the shape of the prediction for
        `reduction="none"`.

    Raises:
        TypeError: a prediction or a scale that is not floating-point.
        ValueError: shapes that do not go together, a negative scale, a negative weight, an unknown reduction.

    References:
        Hyndman and Koehler, Another look at measures of forecast accuracy, 2006,
        https://doi.org/10.1016/j.ijforecast.2006.03.001.

    Example:
        >>> scale = seasonal_naive_scale(torch.tensor([[1.0, 3.0, 1.0, 3.0]]))
        >>> mase_loss(torch.tensor([[2.0, 2.0]]), torch.tensor([[1.0, 3.0]]), scale)
        tensor(0.5000)
    """
    error, valid = _scaled(prediction, target, scale, weight, reduction)
    values, weights = error.abs(), valid.to(error.dtype)
    if weight is not None:
        values, weights = values * weight.to(error.dtype), weights * weight.to(error.dtype)
    return reduce(values, reduction, weights, prediction.dtype)


MASELoss = as_module("MASELoss", mase_loss)


@gradient_of(mase_loss)
def _mase_gradient(prediction: Tensor, target: Tensor, scale: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \mathrm{sign}(\hat y - y) / (s N)`."""
    return torch.sign(prediction - target) / scale / target.numel()


@loss(
    tasks=("time series",),
    names=("RMSSE", "root mean squared scaled error", "WRMSSE"),
    domain={"prediction": "real numbers", "target": "real numbers", "scale": "scale of each series"},
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR
    | {
        "lipschitz": no("a small scale makes it steep", first=[0.0], other=[1.0], target=[0.0], scale=[1e-4]),
        "smooth": _KINK,
        "scale_invariant": no("the scale is given: it has to change with the unit", first=[3.0], target=[0.0]),
    },
    cases=({"weight": (0.3,)},),
    chapter=16,
)
def rmsse_loss(
    prediction: Tensor, target: Tensor, scale: Tensor, *, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Root mean squared scaled error: the root mean square over the horizon, in units of the naive forecast's.

    .. math::

        \ell(\hat y, y) = \sqrt{ \frac1H \sum_{h=1}^H \frac{(\hat y_h - y_h)^2}{s^2} }, \qquad
        s^2 = \frac1{T - m} \sum_{t = m + 1}^{T} (y_t - y_{t - m})^2

    The measure of the M5 competition, which adds a weight to each series (WRMSSE). The scale comes from the
    training history: `seasonal_naive_scale(history, squared=True)`. A forecast without an error has the gradient
    zero; a series whose scale is zero does not count.

    Args:
        prediction: predicted values, `(*, H)`, one series in each row.
        target: true values, the same shape (nothing is broadcast).
        scale: the scale :math:`s` of each series, `(*, 1)` or what is broadcast to the shape of the prediction.
        weight: weight of each series, broadcast to `(*)`. Where it is zero the series does not count.
        reduction: `"none"` gives the weighted root of each series, `(*)`; `"mean"` divides by the sum of the
            weights that count.

    Returns:
        The loss in units of the naive forecast's error: a scalar, or `(*)` for `reduction="none"`.

    Raises:
        TypeError: a prediction or a scale that is not floating-point.
        ValueError: shapes that do not go together, a prediction without a horizon, a negative scale, a negative weight,
            an unknown reduction.

    References:
        Makridakis, Spiliotis and Assimakopoulos, M5 accuracy competition: Results, findings, and conclusions,
        2022, https://doi.org/10.1016/j.ijforecast.2021.11.013.

    Example:
        >>> scale = seasonal_naive_scale(torch.tensor([[1.0, 3.0, 1.0, 3.0]]), squared=True)
        >>> rmsse_loss(torch.tensor([[2.0, 2.0]]), torch.tensor([[1.0, 3.0]]), scale)
        tensor(0.5000)
    """
    check_tensors(prediction=prediction, weight=weight)
    if prediction.dim() == 0:
        raise ValueError("prediction must have shape (*, H), with the horizon last, got ()")
    if weight is not None:
        check_weight(weight, prediction.shape[:-1], "prediction without its horizon")
        weight = weight.unsqueeze(-1)
    error, valid = _scaled(prediction, target, scale, weight, reduction)
    roots = root(error.square().sum(-1) / prediction.shape[-1])
    counts = valid.all(-1).to(roots.dtype)
    weight = counts if weight is None else weight.squeeze(-1) * counts
    return _reduced(roots, prediction, weight, reduction)


RMSSELoss = as_module("RMSSELoss", rmsse_loss)


@gradient_of(rmsse_loss)
def _rmsse_gradient(prediction: Tensor, target: Tensor, scale: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y_h = \dfrac{\hat y_h - y_h}{H s^2\, \ell} / N` for :math:`N`
    series."""
    error = (prediction - target) / scale
    roots = error.square().mean(-1, keepdim=True).sqrt()
    return error / scale / roots / error.numel()


@loss(
    tasks=("tabular", "time series"),
    names=("MSLE", "mean squared logarithmic error"),
    domain={"prediction": "numbers of at least 0", "target": "numbers of at least 0"},
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR
    | {
        "convex": no("far above the target it flattens out", first=[[1000.0]], other=[[10.0]], target=[[0.0]]),
        "lipschitz": no("it is steep near -1", first=[[-0.9999]], other=[[-0.9998]], target=[[0.0]]),
        "bounded": no("it grows with the logarithm of the ratio", first=[[1e4]], target=[[0.0]]),
    },
    cases=_CASES,
    chapter=15,
)
def msle_loss(prediction: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    r"""Mean squared logarithmic error: the squared difference of logarithms, so that ratios count.

    .. math::

        \ell(\hat y, y) = \big( \log(1 + \hat y) - \log(1 + y) \big)^2

    For counts and prices: 10 instead of 20 is about as wrong as 100 instead of 200. A prediction that is too low
    costs more than one that is too high by as much.

    Args:
        prediction: predicted values above -1, any shape.
        target: true values above -1, the same shape (nothing is broadcast).
        weight: weight of each entry, broadcast to the shape of the prediction. Where it is zero the entry does
            not count, not even if it is NaN.
        reduction: `"none"` gives the weighted squares; `"mean"` divides by the sum of the weights.

    Returns:
        The loss, without a unit: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, values of -1 or below, a negative weight, an unknown reduction.

    References:
        Törnqvist, Vartia and Vartia, How should relative changes be measured?, 1985,
        https://doi.org/10.1080/00031305.1985.10479385.

    Example:
        >>> msle_loss(torch.tensor([1.0, 3.0]), torch.tensor([3.0, 3.0]), reduction="none")
        tensor([0.4805, 0.0000])
    """
    values, truth = _entries(prediction, target, weight, reduction)
    _check_above("prediction", values, -1.0)
    _check_above("target", truth, -1.0)
    squares = F.mse_loss(values.log1p(), truth.log1p(), reduction="none")
    return _reduced(squares, prediction, weight, reduction)


MSLELoss = as_module("MSLELoss", msle_loss)


def _check_above(name: str, tensor: Tensor, bound: float) -> None:
    """Every entry is above the bound."""
    if tensor.numel() and known(tensor, lambda: tensor.amin() > bound) is False:
        raise ValueError(f"{name} must be above {bound:g} everywhere, got values down to {float(tensor.amin()):g}")


@gradient_of(msle_loss)
def _msle_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \dfrac{2}{1 + \hat y} \log \dfrac{1 + \hat y}{1 + y} / N`."""
    return 2 / (1 + prediction) * (prediction.log1p() - target.log1p()) / target.numel()


@loss(
    tasks=("challenges and future", "time series", "image-to-image"),
    names=("relative L2", "normalized mean squared error"),
    domain={"prediction": _MODERATE, "target": _RELATIVE},
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR
    | {
        "lipschitz": no("a target near zero makes it steep", first=[[0.0]], other=[[1.0]], target=[[1e-4]]),
        "smooth": no("the slope jumps at the target", first=[[1.0]], target=[[1.0]]),
        "bounded": no("it grows with the error", first=[[1000.0]], target=[[1.0]]),
        "symmetric": no("it divides by the target", first=[[1.0]], target=[[2.0]]),
        "scale_invariant": yes,
    },
    cases=({"squared": True},),
    chapter=9,
)
def relative_l2_loss(prediction: Tensor, target: Tensor, *, squared: bool = False, reduction: str = "mean") -> Tensor:
    r"""Relative L2 loss: the length of the error over the length of the target, for each example.

    .. math::

        \ell(\hat y, y) = \frac{\| \hat y - y \|_2}{\| y \|_2}

    The loss of neural operators: fields of different size count alike. Where there is no error the gradient is
    zero; an example whose target is zero everywhere has no relative error and does not count.

    Args:
        prediction: predicted values, `(N, *)`.
        target: true values, the same shape (nothing is broadcast).
        squared: whether the ratio of the squares is taken (the normalized mean squared error).
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of examples that count.

    Returns:
        The loss as a share: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: a prediction without a batch dimension, shapes that differ, an unknown reduction.

    References:
        Li et al., Fourier neural operator for parametric partial differential equations, 2021,
        https://arxiv.org/abs/2010.08895.

    Example:
        >>> relative_l2_loss(torch.tensor([[3.0, 3.0]]), torch.tensor([[3.0, 4.0]]))
        tensor(0.2000)
    """
    values, truth = map(_per_example, _entries(prediction, target, None, reduction))
    size = truth.square().sum(1)
    valid = size != 0
    ratio = F.mse_loss(values, truth, reduction="none").sum(1) / torch.where(valid, size, 1.0)
    ratio = torch.where(valid, ratio if squared else root(ratio), 0.0)
    return reduce(ratio, reduction, valid.to(ratio.dtype), prediction.dtype)


RelativeL2Loss = as_module("RelativeL2Loss", relative_l2_loss)


@gradient_of(relative_l2_loss)
def _relative_l2_gradient(prediction: Tensor, target: Tensor, *, squared: bool = False) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \dfrac{\hat y - y}{\| \hat y - y \|\, \| y \|} / N`: one unit of
    length, however large the error."""
    error = prediction - target
    rows = tuple(range(1, error.dim()))
    size = target.square().sum(rows, keepdim=True)
    if squared:
        return 2 * error / size / len(error)
    return error / (error.square().sum(rows, keepdim=True) * size).sqrt() / len(error)


_COSINE = {
    "minimum_at_target": yes,
    "convex": no("the cosine is not", first=[[0.1, 1.0]], other=[[0.1, -1.0]], partners=[[-1.0, 0.0]], target=[1]),
    "lipschitz": no(
        "a short vector turns fast",
        first=[[1e-5, 0.0]],
        other=[[0.0, 1e-5]],
        partners=[[1.0, 0.0]],
        target=[1],
    ),
    "smooth": no("the hinge has a kink", first=[[0.0, 1.0]], partners=[[1.0, 0.0]], target=[-1]),
    "bounded": yes,
    "symmetric": yes,
    "proper": not_applicable("it compares directions, not probabilities"),
    "scale_invariant": yes,
    "permutation_invariant": yes,
}


@loss(
    tasks=("object tracking", "text-to-image", "challenges and future"),
    names=("cosine embedding",),
    domain={"embeddings": "vectors away from zero", "partners": "vectors away from zero", "target": "signs of pairs"},
    range=(0.0, 2.0),
    properties=_COSINE,
    differentiable=("embeddings", "partners"),
    cases=({"margin": 0.3}, {"margin": -0.5}),
    chapter=7,
)
def cosine_embedding_loss(
    embeddings: Tensor, partners: Tensor, target: Tensor, *, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    r"""Cosine embedding loss: pairs that belong together point the same way, others do not.

    .. math::

        \ell(a, b, y) = \begin{cases} 1 - \cos(a, b) & y = 1 \\ \max(0, \cos(a, b) - m) & y = -1 \end{cases}

    It is :func:`torch.nn.functional.cosine_embedding_loss` for any number of dimensions. A zero vector has the
    cosine 0 with every other; its gradient is finite and points to its partner. The gradient of a short vector is
    large: it is that of its direction, over its length.

    Args:
        embeddings: vectors `(*, D)`.
        partners: the other vector of each pair, the same shape.
        target: 1 where both belong together, -1 where they do not, `(*)`.
        margin: the cosine :math:`m` in [-1, 1] below which a pair that does not belong together costs nothing.
        reduction: `"none"` gives `(*)`; `"mean"` divides by the number of pairs.

    Returns:
        The loss, a difference of cosines: a scalar, or `(*)` for `reduction="none"`.

    Raises:
        TypeError: embeddings that are not floating-point.
        ValueError: shapes that do not go together, a target other than 1 and -1, a margin outside [-1, 1], an
            unknown reduction.

    References:
        Bromley et al., Signature verification using a Siamese time delay neural network, 1993,
        https://doi.org/10.1142/S0218001493000339.

    Example:
        >>> a, b = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
        >>> cosine_embedding_loss(a, b, torch.tensor([1, -1]), reduction="none")
        tensor([1., 1.])
    """
    check_tensors(embeddings=embeddings, partners=partners, target=target)
    check_floating("embeddings", embeddings)
    if embeddings.dim() == 0:
        raise ValueError("embeddings must have shape (*, D), got ()")
    check_same_shape("partners", partners, "embeddings", embeddings)
    if target.shape != embeddings.shape[:-1]:
        raise ValueError(
            f"target must have the shape of embeddings without their last dimension, {tuple(embeddings.shape[:-1])}, "
            f"got {tuple(target.shape)}"
        )
    if not -1 <= margin <= 1:
        raise ValueError(f"margin must lie in [-1, 1], got {margin}")
    check_reduction(reduction)
    if known(target, lambda: ((target == 1) | (target == -1)).all()) is False:
        raise ValueError("target must be 1 or -1 everywhere, got other values")
    cosine = _cosine(*together(embeddings, partners), -1)
    values = torch.where(target > 0, 1 - cosine, F.relu(cosine - margin))
    return reduce(values, reduction, dtype=embeddings.dtype)


CosineEmbeddingLoss = as_module("CosineEmbeddingLoss", cosine_embedding_loss)


def _unit(vectors: Tensor, dim: int) -> Tensor:
    """The vectors over their lengths; a zero vector stays zero, with a gradient as if its length were one.

    They are brought near the length one before the step that has a slope: that of a short vector takes the cube of one
    over its length, which float32 does not hold from 1e-13 on.
    """
    vectors = vectors * _inverse_length(vectors.detach(), dim)
    return vectors * _inverse_length(vectors, dim)


def _inverse_length(vectors: Tensor, dim: int) -> Tensor:
    squares = vectors.square().sum(dim, keepdim=True)
    return torch.where(squares == 0, 1.0, squares).rsqrt()


def _cosine(first: Tensor, second: Tensor, dim: int) -> Tensor:
    """The cosine of the angle between vectors; 0 for a zero vector.

    Where all lengths are seen to be moderate the vectors need not be scaled before they are multiplied.
    """
    product = (first * second).sum(dim)  # before the squares: the way back then holds one table less
    squares = [(vectors * vectors).sum(dim) for vectors in (first, second)]
    if all(known(square, lambda square=square: ((square > 1e-6) & (square < 1e6)).all()) for square in squares):
        return product / (squares[0] * squares[1]).sqrt()
    return (_unit(first, dim) * _unit(second, dim)).sum(dim)


@gradient_of(cosine_embedding_loss)
def _cosine_embedding_gradient(embeddings: Tensor, partners: Tensor, target: Tensor, *, margin: float = 0.0) -> Tensor:
    r""":math:`\partial\ell / \partial a = \mp \dfrac{1}{\| a \|} \Big( \dfrac{b}{\| b \|} - \cos(a, b)
    \dfrac{a}{\| a \|} \Big)`, minus where :math:`y = 1`, plus where :math:`y = -1` and the cosine is above the
    margin."""
    length = embeddings.norm(dim=-1, keepdim=True)
    a, b = embeddings / length, partners / partners.norm(dim=-1, keepdim=True)
    cosine = (a * b).sum(-1, keepdim=True)
    slope = torch.where(target.unsqueeze(-1) > 0, -1.0, (cosine > margin).to(a.dtype))
    return slope * (b - cosine * a) / length / target.numel()


@loss(
    tasks=("image-to-image", "challenges and future"),
    names=("cosine distance", "cosine similarity"),
    domain={"prediction": "vectors away from zero", "target": "vectors away from zero"},
    range=(0.0, 2.0),
    properties={
        **_COSINE,
        "convex": no("the cosine is not", first=[[0.1, 1.0]], other=[[0.1, -1.0]], target=[[-1.0, 0.0]]),
        "lipschitz": no("a short vector turns fast", first=[[1e-5, 0.0]], other=[[0.0, 1e-5]], target=[[1.0, 0.0]]),
        "smooth": yes,
    },
    cases=({"dim": 1}, {"weight": (0.3,)}),
    differentiable=("prediction", "target"),
    chapter=9,
)
def cosine_distance_loss(
    prediction: Tensor, target: Tensor, *, dim: int = -1, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Cosine distance: one less the cosine of the angle between two vectors.

    .. math::

        \ell(\hat y, y) = 1 - \frac{\hat y \cdot y}{\| \hat y \|\, \| y \|}

    It is half the squared distance of the two vectors once both have the length one. Their lengths do not matter.
    A zero vector has the distance 1 to every other; its gradient is finite and points to the other.

    Args:
        prediction: predicted vectors, any shape with the entries of a vector along `dim`.
        target: true vectors, the same shape (nothing is broadcast).
        dim: the dimension of the vectors: the last, or 1 for the channels of feature maps `(N, C, H, W)`.
        weight: weight of each vector, broadcast to the shape without `dim`.
        reduction: `"none"` gives the shape without `dim`; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in [0, 2]: a scalar, or the shape without `dim` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that do not go together, a prediction without dimensions, a negative weight, an unknown
            reduction.

    References:
        Salton, Wong and Yang, A vector space model for automatic indexing, 1975,
        https://doi.org/10.1145/361219.361220.

    Example:
        >>> cosine_distance_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
        tensor(0.4000)
    """
    values, truth = _entries(prediction, target, None, reduction)
    check_tensors(prediction=prediction, weight=weight)
    if prediction.dim() == 0:
        raise ValueError("prediction must have shape (*, D), got ()")
    shape = list(prediction.shape)
    del shape[dim]
    check_weight(weight, shape, "prediction without dim")
    if (counted := weighted_entries(weight)) is not None:
        values, truth = hidden(counted.expand(shape).unsqueeze(dim), values, truth, neutral=1)
    distances = 1 - _cosine(values, truth, dim)
    return _reduced(distances, prediction, weight, reduction)


CosineDistanceLoss = as_module("CosineDistanceLoss", cosine_distance_loss)


@gradient_of(cosine_distance_loss)
def _cosine_distance_gradient(prediction: Tensor, target: Tensor, *, dim: int = -1) -> Tensor:
    r""":math:`\partial\ell / \partial\hat y = -\dfrac{1}{\| \hat y \|} \Big( \dfrac{y}{\| y \|} - \cos(\hat y, y)
    \dfrac{\hat y}{\| \hat y \|} \Big)`: at a right angle to the prediction."""
    length = prediction.norm(dim=dim, keepdim=True)
    a, b = prediction / length, target / target.norm(dim=dim, keepdim=True)
    cosine = (a * b).sum(dim, keepdim=True)
    return -(b - cosine * a) / length / cosine.numel()


@loss(
    tasks=("image-to-image", "challenges and future"),
    names=("scale-invariant log", "SILog"),
    domain={"prediction": "depths", "target": "depths"},
    range=(0.0, math.inf),
    properties=_OF_AN_ERROR
    | {
        "convex": no("logarithms flatten out", first=[[1000.0]], other=[[10.0]], target=[[1.0]]),
        "lipschitz": no("it is steep near zero", first=[[1e-4]], other=[[2e-4]], target=[[1.0]]),
        "bounded": no("it grows with the logarithm of the ratio", first=[[1e6]], target=[[1.0]]),
        "scale_invariant": yes,
    },
    cases=({"lam": 1.0}, {"lam": 0.0, "weight": (0.5, 2.0, 0.0)}, {"log_prediction": True, "lam": 0.85}),
    chapter=9,
)
def scale_invariant_log_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    lam: float = 0.5,
    log_prediction: bool = False,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Scale-invariant log loss: the spread of the log ratios of a picture, with part of their mean taken off.

    .. math::

        \ell(\hat y, y) = \frac1n \sum_i g_i^2 - \lambda \Big( \frac1n \sum_i g_i \Big)^2, \qquad
        g_i = \log \hat y_i - \log y_i

    For depth from a single picture, whose overall scale is ambiguous: with :math:`\lambda = 1` a common factor
    costs nothing (the loss is the variance of the log ratios), with 0 it costs as much as any error; the paper
    trains with one half. It is computed as the variance and :math:`1 - \lambda` times the squared mean, so it is
    never negative. A picture without a valid pixel does not count.

    Later work (BTS, AdaBins) takes ten times the root of it, with :math:`\lambda` = 0.85.

    Args:
        prediction: predicted depths above 0, `(N, *)`; or their logarithms.
        target: true depths above 0, the same shape (nothing is broadcast).
        lam: the share :math:`\lambda` of the squared mean that is taken off, in [0, 1].
        log_prediction: whether the prediction holds logarithms, as the paper's network gives them.
        weight: weight of each pixel, broadcast to the shape of the prediction; zero (or False) marks pixels
            without a known depth, whatever the target holds there.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of pictures that count.

    Returns:
        The loss, without a unit: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: a prediction without a batch dimension, shapes that differ, depths that are not positive, a `lam`
            outside [0, 1], a negative weight, an unknown reduction.

    References:
        Eigen, Puhrsch and Fergus, Depth map prediction from a single image using a multi-scale deep network, 2014,
        https://arxiv.org/abs/1406.2283.

    Example:
        >>> depth = torch.tensor([[1.0, 2.0, 4.0]])
        >>> scale_invariant_log_loss(2 * depth, depth, lam=1.0)
        tensor(0.)
        >>> scale_invariant_log_loss(2 * depth, depth)
        tensor(0.2402)
    """
    values, truth = _entries(prediction, target, weight, reduction, neutral=1)
    if not 0 <= lam <= 1:
        raise ValueError(f"lam must lie in [0, 1], got {lam}")
    _check_above("target", truth, 0.0)
    if not log_prediction:
        _check_above("prediction", values, 0.0)
        values = values.log()
    ratio = _per_example(values - truth.log())
    if weight is None:
        shares = ratio.new_ones(()).expand_as(ratio)
    else:
        shares = _per_example(weight.to(ratio.dtype).expand(prediction.shape))
    total = shares.sum(1, keepdim=True)
    shares = shares / torch.where(total > 0, total, 1.0)
    mean = (shares * ratio).sum(1)
    spread = (shares * (ratio - mean.unsqueeze(1)).square()).sum(1)
    counts = (total.squeeze(1) > 0).to(ratio.dtype)
    return reduce(spread + (1 - lam) * mean.square(), reduction, counts, prediction.dtype)


ScaleInvariantLogLoss = as_module("ScaleInvariantLogLoss", scale_invariant_log_loss)


@gradient_of(scale_invariant_log_loss)
def _scale_invariant_log_gradient(
    prediction: Tensor, target: Tensor, *, lam: float = 0.5, log_prediction: bool = False
) -> Tensor:
    r""":math:`\partial\ell / \partial\hat y_i = \dfrac{2}{n \hat y_i} \Big( g_i - \lambda \tfrac1n \sum_j g_j \Big)`:
    errors that all pixels share are forgiven."""
    log = prediction if log_prediction else prediction.log()
    ratio = log - target.log()
    mean = ratio.mean(tuple(range(1, ratio.dim())), keepdim=True)
    slope = 2 * (ratio - lam * mean) / ratio.numel()
    return slope if log_prediction else slope / prediction
