"""Losses that compare numbers with numbers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._module import as_module
from ._reduction import reduce, widen
from ._validation import check_floating, check_reduction, check_same_shape, check_tensors

__all__ = ["L1Loss", "l1_loss"]


@loss(
    tasks=("object tracking", "semantic segmentation", "image-to-image", "text-to-image", "inpainting",
    "dehazing",
           "tabular", "time series"),
    names=("L1", "MAE", "pixel-wise mean"),
    domain={"prediction": "real numbers", "target": "real numbers"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(1.0),
        "smooth": no("the slope jumps from -1 to 1 at the target", first=[0.0], target=[0.0]),
        "bounded": no("it grows with the error", first=[1000.0], target=[0.0]),
        "symmetric": yes,
        "proper": not_applicable("the prediction is a value, not a probability"),
        "scale_invariant": no("it scales with the unit", first=[1.0], target=[0.0]),
        "permutation_invariant": yes,
    },
    cases=({"weight": (0.5, 2.0, 1.0)},),
    chapter=8,
)  # fmt: skip
def l1_loss(prediction: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    r"""L1 loss (mean absolute error): the size of the error.

    .. math::

        \ell(\hat y, y) = |\hat y - y|

    The arithmetic is that of :func:`torch.nn.functional.l1_loss`. On class probabilities against a one-hot
    mask it is a region loss for segmentation.

    Args:
        prediction: predicted values, any shape.
        target: true values, the same shape (nothing is broadcast).
        weight: weight of each entry, broadcast to the shape of the prediction.
        reduction: `"none"` gives the weighted errors; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in the unit of the target: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, an unknown reduction.

    References:
        Boscovich, 1757, and Laplace, 1774, as told by Stigler, The history of statistics, 1986, ISBN
        978-0674403413.

    Example:
        >>> l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
        tensor(1.)
    """
    check_tensors(prediction=prediction, target=target, weight=weight)
    check_floating("prediction", prediction)
    check_same_shape("target", target, "prediction", prediction)
    check_reduction(reduction)
    values = F.l1_loss(widen(prediction), widen(target), reduction="none")
    if weight is None:
        return reduce(values, reduction, dtype=prediction.dtype)
    weight = weight.to(values.dtype)
    return reduce(values * weight, reduction, weight, prediction.dtype)


L1Loss = as_module("L1Loss", l1_loss)


@gradient_of(l1_loss)
def _l1_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \mathrm{sign}(\hat y - y) / N`."""
    return torch.sign(prediction - target) / target.numel()
