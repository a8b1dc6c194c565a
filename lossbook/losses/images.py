"""Losses between images: structure, smoothness, features, frequencies, cycles.

A picture is `(N, C, H, W)`. A loss here gives one number per picture, or one per pixel, and says which. Losses on
features take what a network computes of two pictures: one map `(N, C, *)`, or a list of maps, one for each layer. Their
modules (`PerceptualLoss(extractor)`) hold the network and take the pictures.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._module import as_module
from ._reduction import full_precision, reduce, together, widen
from ._slope import root
from ._validation import (
    check_choice,
    check_floating,
    check_layout,
    check_positive,
    check_probabilities,
    check_reduction,
    check_same_shape,
    check_tensors,
    check_weight,
    hidden,
    weighted_entries,
)

__all__ = [
    "ContextLoss",
    "ContextualLoss",
    "CycleConsistencyLoss",
    "FeatureMatchingLoss",
    "FocalFrequencyLoss",
    "GradientDifferenceLoss",
    "HoleValidLoss",
    "IdentityLoss",
    "LPIPSLoss",
    "MSSSIMLoss",
    "PSNRLoss",
    "PerceptualLoss",
    "ReconstructionLoss",
    "SSIMLoss",
    "StyleLoss",
    "TotalVariationLoss",
    "context_loss",
    "contextual_loss",
    "cycle_consistency_loss",
    "feature_matching_loss",
    "focal_frequency_loss",
    "gradient_difference_loss",
    "hole_valid_loss",
    "identity_loss",
    "lpips_loss",
    "ms_ssim_loss",
    "perceptual_loss",
    "psnr_loss",
    "reconstruction_loss",
    "ssim_loss",
    "style_loss",
    "total_variation_loss",
]

_DISTANCES = ("l1", "l2", "charbonnier")
_A_VALUE = not_applicable("the prediction is a picture, not a probability")
_CHARBONNIER = 1e-3  # the constant of Lai et al., where pictures lie in [0, 1]


def _distances(difference: Tensor, distance: str) -> Tensor:
    """The size of each entry of a difference."""
    if distance == "l1":
        return difference.abs()
    if distance == "l2":
        return difference.square()
    return torch.sqrt(difference.square() + _CHARBONNIER**2)


def _pictures(prediction: Tensor, target: Tensor, name: str = "prediction") -> tuple[Tensor, Tensor]:
    """Two pictures, checked, in the dtype of the computation."""
    check_tensors(**{name: prediction, "target": target})
    check_floating(name, prediction)
    check_layout(name, prediction, "N", "C", "H", "W")
    check_same_shape("target", target, name, prediction)
    first, second = together(prediction, target)
    return first, second


# --- structure --------------------------------------------------------------------------------------------------------

_STRIPES = torch.tensor([0.0, 1.0], dtype=torch.float64).repeat(6).expand(1, 1, 12, 12).contiguous()
_GROUND = torch.zeros(1, 1, 12, 12, dtype=torch.float64)
_STRUCTURE = {
    "minimum_at_target": yes,
    "convex": no(
        "half-way between two mirrored patterns there is no pattern",
        first=1 - _STRIPES, other=2 * _STRIPES - 0.5, target=1 - _STRIPES,
    ),
    "lipschitz": up_to(150.0, "the constants of the two ratios bound their slopes by 1/0.01 and 1/0.03"),
    "smooth": yes,
    "bounded": yes,
    "symmetric": yes,
    "proper": _A_VALUE,
    "scale_invariant": no("its constants are shares of data_range", first=0.01 * _STRIPES, target=_GROUND),
    "permutation_invariant": no(
        "structure is what neighboring pixels do together", first=_STRIPES, target=0.5 * _STRIPES.flip(-1)
    ),
}  # fmt: skip


def _window(window: str, size: int, sigma: float, like: Tensor) -> Tensor:
    """The weights of the window along one axis; they sum to one."""
    if window == "uniform":
        return like.new_full((size,), 1 / size)
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-offsets.square() / (2 * sigma**2))
    return (weights / weights.sum()).to(like)


def _smoothed(pictures: Tensor, weights: Tensor) -> Tensor:
    """Weighted means over a window, wherever it lies inside the picture: first along columns, then along rows."""
    channels = pictures.shape[1]
    kernel = weights.expand(channels, 1, -1)
    with full_precision(pictures):
        return F.conv2d(F.conv2d(pictures, kernel.unsqueeze(3), groups=channels), kernel.unsqueeze(2), groups=channels)


def _mirrored(pictures: Tensor, window_size: int) -> Tensor:
    """Pictures whose border is mirrored, so that a window fits around each of their pixels."""
    return F.pad(pictures, 4 * (window_size // 2,), mode="reflect")


def _structure(x: Tensor, y: Tensor, weights: Tensor, c1: float, c2: float) -> tuple[Tensor, Tensor]:
    """The maps of SSIM: agreement of means, and of contrast with structure.

    Only the sum of the two variances is needed, so four filtered maps do where five are usual.
    """
    mean_x, mean_y, energy, product = (_smoothed(maps, weights) for maps in (x, y, x * x + y * y, x * y))
    both, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    luminance = (2 * both + c1) / (squares + c1)
    # rounding can make a variance slightly negative, far outside data_range by more than the constant
    contrast = (2 * (product - both) + c2) / ((energy - squares).clamp_min(0) + c2)
    return luminance, contrast


def _check_window(window: str, window_size: int, window_sigma: float, data_range: float, k1: float, k2: float) -> None:
    check_choice("window", window, ("gaussian", "uniform"))
    if window_size < 1 or window_size % 2 == 0:
        raise ValueError(f"window_size must be odd and above 0, got {window_size}")
    check_positive("window_sigma", window_sigma)
    check_positive("data_range", data_range)
    check_positive("k1", k1)
    check_positive("k2", k2)


@loss(
    tasks=("dehazing",),
    names=("SSIM", "structural similarity", "DSSIM"),
    domain={"prediction": "pictures in [0, 1]", "target": "pictures in [0, 1]"},
    range=(0.0, 2.0),
    properties=_STRUCTURE,
    cases=({"window": "uniform", "window_size": 7, "unbiased": True}, {"padding": "reflect"}, {"form": "half"},
           {"data_range": 2.0, "window_sigma": 2.0}, {"k1": 0.02, "k2": 0.05}),
    chapter=13,
)  # fmt: skip
def ssim_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    data_range: float = 1.0,
    window: str = "gaussian",
    window_size: int = 11,
    window_sigma: float = 1.5,
    padding: str = "valid",
    unbiased: bool = False,
    form: str = "1-ssim",
    k1: float = 0.01,
    k2: float = 0.03,
    reduction: str = "mean",
) -> Tensor:
    r"""SSIM loss: one minus the structural similarity of two pictures, seen through a small window.

    .. math::

        \ell = 1 - \operatorname{mean} \frac{(2 \mu_x \mu_y + C_1)(2 \sigma_{xy} + C_2)}
                   {(\mu_x^2 + \mu_y^2 + C_1)(\sigma_x^2 + \sigma_y^2 + C_2)},
        \qquad C_i = (k_i R)^2

    Means, variances and the covariance are those of a window around each pixel; :math:`R` is `data_range`. Identical
    pictures cost 0 with a zero gradient, constant ones too. Libraries differ in the border, the window, and the range
    that they assume: the settings reproduce each of them.

    Args:
        prediction: pictures `(N, C, H, W)` with values in `[0, data_range]` (or any interval of that length).
        target: the true pictures, the same shape.
        data_range: the largest possible value minus the smallest: 1 for pictures in [0, 1], 255 for 8 bits.
        window: `"gaussian"` (Wang et al.) or `"uniform"` (the default of scikit-image).
        window_size: side of the window in pixels, odd.
        window_sigma: standard deviation of the Gaussian window, in pixels.
        padding: `"valid"` keeps the window inside the picture (Wang et al., scikit-image, pytorch-msssim, PIQ, MONAI);
            `"reflect"` mirrors the border first (Kornia, torchmetrics).
        unbiased: variances as sample variances, divided by one less than the pixels of the window (scikit-image).
        form: `"1-ssim"`, or `"half"`: half of it (Kornia, the structural dissimilarity).
        k1: small constant of the means.
        k2: small constant of the variances.
        reduction: `"none"` gives `(N,)`, one number per picture; `"mean"` is their mean.

    Returns:
        The loss, between 0 and 2: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, pictures smaller than the window, an unknown setting.

    References:
        Wang, Bovik, Sheikh and Simoncelli, Image quality assessment: from error visibility to structural similarity,
        2004, https://doi.org/10.1109/TIP.2003.819861.

    Example:
        >>> picture = torch.linspace(0, 1, 256).reshape(1, 1, 16, 16)
        >>> ssim_loss(picture, picture), ssim_loss(1 - picture, picture)
        (tensor(0.), tensor(1.8262))
    """
    _check_window(window, window_size, window_sigma, data_range, k1, k2)
    check_choice("padding", padding, ("valid", "reflect"))
    check_choice("form", form, ("1-ssim", "half"))
    check_reduction(reduction)
    x, y = _pictures(prediction, target)
    radius, side = window_size // 2, min(x.shape[2:])
    if padding == "reflect":
        if side <= radius:
            raise ValueError(f"prediction must have sides above {radius} to be mirrored, got {tuple(x.shape[2:])}")
        x, y = _mirrored(x, window_size), _mirrored(y, window_size)
    elif side < window_size:
        raise ValueError(f"prediction must have sides of window_size={window_size} or more, got {tuple(x.shape[2:])}")
    share = 1 - 1 / window_size**2 if unbiased else 1.0  # (f cov + c) / (f var + c) = (cov + c/f) / (var + c/f)
    weights = _window(window, window_size, window_sigma, x)
    luminance, contrast = _structure(x, y, weights, (k1 * data_range) ** 2, (k2 * data_range) ** 2 * share)
    values = 1 - (luminance * contrast).mean((1, 2, 3))
    return reduce(values / 2 if form == "half" else values, reduction, dtype=prediction.dtype)


SSIMLoss = as_module("SSIMLoss", ssim_loss)


@gradient_of(ssim_loss)
def _ssim_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial x = -\frac{1}{N M} \big[ G^{\top} \partial_{\mu} S + 2 x \odot G^{\top}
    \partial_{q} S + y \odot G^{\top} \partial_{r} S \big]`, where :math:`G^{\top}` is the window's adjoint, :math:`M`
    the number of values of a map, and :math:`S` is seen as a function of :math:`\mu_x = G x`, :math:`q = G x^2` and
    :math:`r = G (x y)`: with :math:`S = l c`, :math:`c = A / B`, :math:`\partial_q S = -l A / B^2`,
    :math:`\partial_r S = 2 l / B` and :math:`\partial_\mu S = c\, \partial_\mu l + 2 l (\mu_x A / B - \mu_y) / B`.
    """
    weights, c1, c2 = _window("gaussian", 11, 1.5, prediction), 1e-4, 9e-4
    mean_x, mean_y = _smoothed(prediction, weights), _smoothed(target, weights)
    product, squares = _smoothed(prediction * target, weights), mean_x.square() + mean_y.square()
    below = _smoothed(prediction.square() + target.square(), weights) - squares + c2
    contrast = (2 * (product - mean_x * mean_y) + c2) / below
    luminance = (2 * mean_x * mean_y + c1) / (squares + c1)
    by_mean = contrast * 2 * (mean_y - luminance * mean_x) / (squares + c1)
    by_mean = by_mean + 2 * luminance * (mean_x * contrast - mean_y) / below
    by_square, by_product = -luminance * contrast / below, 2 * luminance / below

    def adjoint(maps: Tensor) -> Tensor:
        return _smoothed(F.pad(maps, (10, 10, 10, 10)), weights)

    slope = adjoint(by_mean) + 2 * prediction * adjoint(by_square) + target * adjoint(by_product)
    return -slope / max(by_mean.numel(), 1)


_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_FLOOR = 0.01
_TWO_SCALES = {"weights": (0.5, 0.5), "window_size": 5}


@loss(
    tasks=("dehazing",),
    names=("MS-SSIM", "multi-scale structural similarity"),
    domain={"prediction": "large pictures in [0, 1]", "target": "large pictures in [0, 1]"},
    range=(0.0, 1.0),
    properties=_STRUCTURE
    | {
        "convex": no(
            "half-way between two mirrored patterns there is no pattern",
            first=1 - _STRIPES, other=2 * _STRIPES - 0.5, target=1 - _STRIPES, **_TWO_SCALES,
        ),
        "lipschitz": up_to(150.0, "a power of a similarity is at most as steep as its floor of 0.01 allows"),
        "scale_invariant": no("its constants are shares of data_range", first=0.01 * _STRIPES, target=_GROUND,
                              **_TWO_SCALES),
        "permutation_invariant": no(
            "structure is what neighboring pixels do together", first=_STRIPES, target=_STRIPES.sort()[0],
            **_TWO_SCALES,
        ),
    },
    cases=(
        {"weights": (0.3, 0.7), "window_size": 5}, {"weights": (0.2, 0.5, 0.3), "window_size": 3, "window": "uniform"},
        {"weights": (0.3, 0.7), "window_size": 5, "negatives": "relu"},
        {"weights": (0.3, 0.7), "window_size": 5, "negatives": "normalize", "window_sigma": 1.0},
        {"weights": (0.3, 0.7), "window_size": 5, "per_channel": False, "k1": 0.02},
        {"weights": (0.3, 0.7), "window_size": 5, "data_range": 2.0, "k2": 0.05},
        {"weights": (0.3, 0.7), "window_size": 5, "padding": "reflect"},
    ),
    without_gradient="the chain rule through five scales says no more than each of them, which is that of SSIM",
    chapter=13,
)  # fmt: skip
def ms_ssim_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    data_range: float = 1.0,
    weights: Sequence[float] = _SCALES,
    negatives: str = "smooth",
    per_channel: bool = True,
    window: str = "gaussian",
    window_size: int = 11,
    window_sigma: float = 1.5,
    padding: str = "valid",
    k1: float = 0.01,
    k2: float = 0.03,
    reduction: str = "mean",
) -> Tensor:
    r"""MS-SSIM loss: one minus the structural similarity of two pictures, judged at several resolutions at once.

    .. math::

        \ell = 1 - S_M^{\beta_M} \prod_{j=1}^{M-1} c_j^{\beta_j}

    :math:`c_j` is the mean of the contrast-and-structure term of SSIM at scale :math:`j`, :math:`S_M` the mean SSIM at
    the coarsest scale. From one scale to the next the pictures are halved by averaging squares of 2 by 2 pixels; of an
    odd number of rows or columns the last is left out (as torchmetrics does; pytorch-msssim adds one of zeros before
    the first, PIQ repeats it). Pictures that disagree have negative terms, whose powers are no numbers. The usual
    remedy, zero, also makes the whole gradient zero, just where it is needed.

    Args:
        prediction: pictures `(N, C, H, W)` with values in `[0, data_range]`. Both sides are at least `window_size`
            pixels at the coarsest scale: 176 with the defaults.
        target: the true pictures, the same shape.
        data_range: the largest possible value minus the smallest.
        weights: the exponents, from the finest to the coarsest scale; fewer of them allow smaller pictures.
        negatives: `"smooth"` replaces a term `t` below `f = 0.01` by `f² / (2f - t)`, which is positive, rises with it
            and joins without a kink (a small gradient, which leads the right way); `"relu"` (pytorch-msssim, PIQ,
            torchmetrics' default) by 0, without gradient; `"normalize"` (torchmetrics' `"simple"`) replaces every term
            by `(t + 1) / 2`.
        per_channel: the product is formed for each channel, then averaged (pytorch-msssim); else means are taken over
            the channels first (torchmetrics).
        window: `"gaussian"` or `"uniform"`.
        window_size: side of the window in pixels, odd.
        window_sigma: standard deviation of the Gaussian window, in pixels.
        padding: `"valid"` keeps the window inside the picture; `"reflect"` mirrors the border of the coarsest scale
            (torchmetrics).
        k1: small constant of the means.
        k2: small constant of the variances.
        reduction: `"none"` gives `(N,)`, one number per picture; `"mean"` is their mean.

    Returns:
        The loss, between 0 and 1: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, pictures too small for the number of scales, an unknown setting.

    References:
        Wang, Simoncelli and Bovik, Multiscale structural similarity for image quality assessment, 2003,
        https://doi.org/10.1109/ACSSC.2003.1292216.

    Example:
        >>> picture = torch.linspace(0, 1, 32 * 32).reshape(1, 1, 32, 32)
        >>> ms_ssim_loss(picture.square(), picture, weights=(0.5, 0.5))
        tensor(0.1488)
    """
    _check_window(window, window_size, window_sigma, data_range, k1, k2)
    check_choice("negatives", negatives, ("smooth", "relu", "normalize"))
    check_choice("padding", padding, ("valid", "reflect"))
    check_reduction(reduction)
    scales = len(weights)
    if scales < 1:
        raise ValueError("weights must hold one exponent per scale, got none")
    for exponent in weights:
        check_positive("weights", exponent)
    x, y = _pictures(prediction, target)
    smallest = window_size * 2 ** (scales - 1)
    if min(x.shape[2:]) < smallest:
        raise ValueError(
            f"prediction must have sides of {smallest} pixels or more for {scales} scales and window_size={window_size}"
            f", got {tuple(x.shape[2:])}; fewer weights or a smaller window allow smaller pictures"
        )
    kernel, c1, c2 = _window(window, window_size, window_sigma, x), (k1 * data_range) ** 2, (k2 * data_range) ** 2
    over = (2, 3) if per_channel else (1, 2, 3)
    similarity = x.new_ones(())
    for scale, exponent in enumerate(weights):
        last = scale == scales - 1
        if last and padding == "reflect":
            x, y = _mirrored(x, window_size), _mirrored(y, window_size)
        luminance, contrast = _structure(x, y, kernel, c1, c2)
        term = (luminance * contrast if last else contrast).mean(over)
        similarity = similarity * _power(term, exponent, negatives)
        if not last:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    values = 1 - (similarity.mean(1) if per_channel else similarity)
    return reduce(values, reduction, dtype=prediction.dtype)


MSSSIMLoss = as_module("MSSSIMLoss", ms_ssim_loss)


def _power(term: Tensor, exponent: float, negatives: str) -> Tensor:
    """A power of a similarity that may be negative."""
    if negatives == "normalize":
        return ((term + 1) / 2).clamp_min(_FLOOR**4).pow(exponent)
    if negatives == "relu":
        none = term <= 0  # the slope of a power at 0 is infinite, so no power is taken there
        return torch.where(none, 0.0, torch.where(none, 1.0, term).pow(exponent))
    low = term.clamp_max(_FLOOR)
    return torch.where(term > _FLOOR, term, _FLOOR**2 / (2 * _FLOOR - low)).clamp_min(_FLOOR**4).pow(exponent)


@loss(
    tasks=("dehazing", "image-to-image"),
    names=("PSNR", "peak signal-to-noise ratio"),
    domain={"prediction": "pictures", "target": "pictures"},
    range=(-100.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("a logarithm of the error is concave", first=[[[[1.0]]]], other=[[[[3.0]]]], target=[[[[0.0]]]]),
        "lipschitz": up_to(5e5, "by half of eps to the power -1/2, in decibels"),
        "smooth": yes,
        "bounded": no("it grows with the error", first=[[[[1e5]]]], target=[[[[0.0]]]]),
        "symmetric": yes,
        "proper": _A_VALUE,
        "scale_invariant": no("the error is measured in units of data_range", first=[[[[1.0]]]], target=[[[[0.0]]]]),
        "permutation_invariant": yes,
    },
    cases=({"data_range": 4.0}, {"eps": 1e-6}),
    chapter=13,
)
def psnr_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    data_range: float = 1.0,
    eps: float = 1e-10,
    reduction: str = "mean",
) -> Tensor:
    r"""PSNR loss: minus the peak signal-to-noise ratio, which is the mean squared error in decibels.

    .. math::

        \ell = 10 \log_{10} \Big( \frac{1}{R^2} \operatorname{mean} (\hat y - y)^2 + \epsilon \Big)

    Identical pictures cost :math:`10 \log_{10} \epsilon`, -100 dB, with a zero gradient; without the constant both
    would be infinite.

    Args:
        prediction: pictures `(N, C, H, W)`.
        target: the true pictures, the same shape.
        data_range: :math:`R`, the largest possible value minus the smallest.
        eps: :math:`\epsilon`, above 0: the share of the squared range below which an error does not count.
        reduction: `"none"` gives `(N,)`, one number per picture; `"mean"` is their mean (not the ratio of the batch as
            a whole, which Kornia's and torchmetrics' default is).

    Returns:
        The loss in decibels: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a range or a constant that is not above 0.

    References:
        Chen, Chu, Zhang and Sun, Simple baselines for image restoration, 2022, https://arxiv.org/abs/2204.04676; the
        ratio: Huynh-Thu and Ghanbari, Scope of validity of PSNR, 2008, https://doi.org/10.1049/el:20080522.

    Example:
        >>> psnr_loss(torch.full((1, 1, 2, 2), 0.1), torch.zeros(1, 1, 2, 2))
        tensor(-20.)
    """
    check_positive("data_range", data_range)
    check_positive("eps", eps)
    check_reduction(reduction)
    x, y = _pictures(prediction, target)
    errors = F.mse_loss(x, y, reduction="none").mean((1, 2, 3)) / data_range**2
    return reduce(10 * torch.log10(errors + eps), reduction, dtype=prediction.dtype)


PSNRLoss = as_module("PSNRLoss", psnr_loss)


@gradient_of(psnr_loss)
def _psnr_gradient(prediction: Tensor, target: Tensor, *, data_range: float = 1.0, eps: float = 1e-10) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \frac{20}{N M R^2 \ln 10}\, (\hat y - y) / (e + \epsilon)` with
    the picture's error :math:`e` and its number of values :math:`M`.
    """
    difference = (prediction - target) / data_range
    error = difference.square().mean((1, 2, 3), keepdim=True)
    return 20 / (math.log(10) * data_range * prediction.numel()) * difference / (error + eps)


# --- smoothness -------------------------------------------------------------------------------------------------------


def _differences(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """What changes from one row to the next, and from one column to the next."""
    return pictures[:, :, 1:] - pictures[:, :, :-1], pictures[..., 1:] - pictures[..., :-1]


@loss(
    tasks=("inpainting", "image-to-image"),
    names=("total variation", "TV", "smoothness loss"),
    domain={"prediction": "pictures"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(4.0),
        "smooth": no("a difference of zero has a kink", first=[[[[0.0, 0.0]]]]),
        "bounded": no("it grows with the contrast", first=[[[[0.0, 1000.0]]]]),
        "symmetric": not_applicable("there is no target"),
        "proper": not_applicable("there is no target"),
        "scale_invariant": not_applicable("there is no target to be scaled with the picture"),
        "permutation_invariant": no("neighbors matter", first=[[[[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]]]]),
    },
    cases=({"norm": "isotropic"}, {"normalize": "none"}, {"normalize": "axes"},
           {"norm": "isotropic", "normalize": "none"}, {"norm": "squared"}),
    chapter=12,
)  # fmt: skip
def total_variation_loss(
    prediction: Tensor,
    *,
    norm: str = "anisotropic",
    normalize: str = "pixels",
    reduction: str = "mean",
) -> Tensor:
    r"""Total variation: how much a picture changes from pixel to pixel; small for smooth areas with sharp edges.

    .. math::

        \ell = \frac{1}{C H W} \sum_{i} \big( |\partial_x \hat y_i| + |\partial_y \hat y_i| \big)

    The formula is the anisotropic form. A constant picture costs 0 with a zero gradient, in every form; a picture of a
    single row has no differences across rows.

    Args:
        prediction: pictures `(N, C, H, W)`.
        norm: `"anisotropic"`; `"isotropic"` takes the length of the gradient
            :math:`\sqrt{(\partial_x \hat y)^2 + (\partial_y \hat y)^2}` (Rudin, Osher and Fatemi), zero across the
            border; `"squared"` the sum of squares, which punishes edges more than noise.
        normalize: `"pixels"` divides by the number of values of the picture; `"none"` gives the sum (Rudin et al.,
            Kornia, torchmetrics); `"axes"` averages over each axis' differences by themselves and adds both means
            (Kornia's mean; not for `"isotropic"`).
        reduction: `"none"` gives `(N,)`, one number per picture; `"mean"` is their mean.

    Returns:
        The loss in the unit of the picture: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: a shape that is not `(N, C, H, W)`, an unknown setting.

    References:
        Rudin, Osher and Fatemi, Nonlinear total variation based noise removal algorithms, 1992,
        https://doi.org/10.1016/0167-2789(92)90242-F.

    Example:
        >>> step = torch.tensor([[[[0.0, 0.0, 1.0, 1.0]]]])
        >>> total_variation_loss(step, normalize="none")
        tensor(1.)
    """
    check_tensors(prediction=prediction)
    check_floating("prediction", prediction)
    check_layout("prediction", prediction, "N", "C", "H", "W")
    check_choice("norm", norm, ("anisotropic", "isotropic", "squared"))
    check_choice("normalize", normalize, ("pixels", "none", "axes"))
    check_reduction(reduction)
    if norm == "isotropic" and normalize == "axes":
        raise ValueError("normalize must be 'pixels' or 'none' for norm='isotropic', which joins the axes, got 'axes'")
    pictures = widen(prediction)
    down, right = _differences(pictures)
    if norm == "isotropic":
        squares = F.pad(down.square(), (0, 0, 0, 1)) + F.pad(right.square(), (0, 1))
        values = root(squares).sum((1, 2, 3))
    else:
        size = torch.abs if norm == "anisotropic" else torch.square
        rows, columns = size(down).sum((1, 2, 3)), size(right).sum((1, 2, 3))
        if normalize == "axes":
            rows, columns = rows / max(down[:1].numel(), 1), columns / max(right[:1].numel(), 1)
        values = rows + columns
    if normalize == "pixels":
        values = values / math.prod(pictures.shape[1:])
    return reduce(values, reduction, dtype=prediction.dtype)


TotalVariationLoss = as_module("TotalVariationLoss", total_variation_loss)


def _backward_differences(down: Tensor, right: Tensor) -> Tensor:
    """The adjoint of `_differences`: each difference pushes its two pixels apart."""
    rows = F.pad(down, (0, 0, 1, 0)) - F.pad(down, (0, 0, 0, 1))
    return rows + F.pad(right, (1, 0)) - F.pad(right, (0, 1))


@gradient_of(total_variation_loss)
def _total_variation_gradient(prediction: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \frac{1}{N C H W} \big( \partial_x^{\top} \mathrm{sign}(\partial_x
    \hat y) + \partial_y^{\top} \mathrm{sign}(\partial_y \hat y) \big)`.
    """
    return _backward_differences(*map(torch.sign, _differences(prediction))) / prediction.numel()


@loss(
    tasks=("image-to-image", "dehazing"),
    names=("GDL", "gradient difference", "edge loss"),
    domain={"prediction": "pictures", "target": "pictures"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("an edge the other way round is as good", first=[[[[0.0, 1.0]]]], other=[[[[1.0, 0.0]]]],
                     target=[[[[0.0, 1.0]]]]),
        "lipschitz": up_to(4.0),
        "smooth": no("where an edge is as strong as it should be there is a kink", first=[[[[0.0, 1.0]]]],
                     target=[[[[0.0, 1.0]]]]),
        "bounded": no("it grows with the contrast", first=[[[[0.0, 1000.0]]]], target=[[[[0.0, 0.0]]]]),
        "symmetric": yes,
        "proper": _A_VALUE,
        "scale_invariant": no("it scales with the unit", first=[[[[0.0, 1.0]]]], target=[[[[0.0, 0.0]]]]),
        "permutation_invariant": no("neighbors matter", first=[[[[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]]]],
                                    target=[[[[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]]]),
    },
    cases=({"alpha": 2.0}, {"signed": True}, {"signed": True, "alpha": 1.5}),
    chapter=9,
)  # fmt: skip
def gradient_difference_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 1.0,
    signed: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""Gradient difference loss (GDL): how far the strengths of edges are from those of the target.

    .. math::

        \ell = \frac{1}{C H W} \sum_{i} \Big| |\partial_x \hat y_i| - |\partial_x y_i| \Big|^{\alpha}
             + \Big| |\partial_y \hat y_i| - |\partial_y y_i| \Big|^{\alpha}

    The paper's sum is `reduction="none"` times the number of values. It says nothing of the brightness, and of an edge
    not its direction: it is added to a loss that does.

    Args:
        prediction: pictures `(N, C, H, W)`.
        target: the true pictures, the same shape.
        alpha: the exponent, at least 1.
        signed: compares the differences themselves, so that an edge the other way round is wrong.
        reduction: `"none"` gives `(N,)`, one number per picture; `"mean"` is their mean.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, an exponent below 1, an unknown reduction.

    References:
        Mathieu, Couprie and LeCun, Deep multi-scale video prediction beyond mean square error, 2016,
        https://arxiv.org/abs/1511.05440, equation 6.

    Example:
        >>> edge, blurred = torch.tensor([[[[0.0, 0.0, 1.0, 1.0]]]]), torch.tensor([[[[0.0, 0.3, 0.7, 1.0]]]])
        >>> gradient_difference_loss(blurred, edge)
        tensor(0.3000)
    """
    if not alpha >= 1:
        raise ValueError(f"alpha must be at least 1, got {alpha}")
    check_reduction(reduction)
    x, y = _pictures(prediction, target)
    total = x.new_zeros(())
    for ours, theirs in zip(_differences(x), _differences(y), strict=True):
        gap = (ours - theirs if signed else ours.abs() - theirs.abs()).abs()
        total = total + (gap if alpha == 1 else gap.pow(alpha)).sum((1, 2, 3))
    return reduce(total / math.prod(x.shape[1:]), reduction, dtype=prediction.dtype)


GradientDifferenceLoss = as_module("GradientDifferenceLoss", gradient_difference_loss)


@gradient_of(gradient_difference_loss)
def _gradient_difference_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \frac{1}{N C H W} \sum_{k \in \{x, y\}} \partial_k^{\top} \big[
    \mathrm{sign}(\partial_k \hat y)\, \mathrm{sign}(|\partial_k \hat y| - |\partial_k y|) \big]`.
    """
    pairs = zip(_differences(prediction), _differences(target), strict=True)
    signs = [ours.sign() * (ours.abs() - theirs.abs()).sign() for ours, theirs in pairs]
    return _backward_differences(*signs) / prediction.numel()


# --- pixels -----------------------------------------------------------------------------------------------------------

_PIXELS = {
    "minimum_at_target": yes,
    "convex": yes,
    "lipschitz": up_to(1.0),
    "smooth": no("the slope jumps from -1 to 1 at the target", first=[[[[0.0]]]], target=[[[[0.0]]]]),
    "bounded": no("it grows with the error", first=[[[[1000.0]]]], target=[[[[0.0]]]]),
    "symmetric": yes,
    "proper": _A_VALUE,
    "scale_invariant": no("it scales with the unit", first=[[[[1.0]]]], target=[[[[0.0]]]]),
    "permutation_invariant": yes,
}
_PIXEL_CASES = ({"distance": "l2"}, {"distance": "charbonnier"})


def _pixel_loss(name: str, prediction: Tensor, target: Tensor, distance: str, reduction: str) -> Tensor:
    check_tensors(**{name: prediction, "target": target})
    check_floating(name, prediction)
    check_same_shape("target", target, name, prediction)
    check_choice("distance", distance, _DISTANCES)
    check_reduction(reduction)
    first, second = together(prediction, target)
    return reduce(_distances(first - second, distance), reduction, dtype=prediction.dtype)


@loss(
    tasks=("motion detection", "audio-to-image", "inpainting"),
    names=("reconstruction", "pixel-wise mean", "pixel-wise loss"),
    domain={"prediction": "pictures", "target": "pictures"},
    range=(0.0, float("inf")),
    properties=_PIXELS,
    cases=(*_PIXEL_CASES, {"weight": (((2.0,),), ((1.0,),), ((0.5,),))}),
    chapter=12,
)
def reconstruction_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    distance: str = "l1",
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Reconstruction loss: how far what was rebuilt is from the original, pixel by pixel.

    .. math::

        \mathcal L = \frac{\sum_i w_i\, d(\hat y_i - y_i)}{\sum_i w_i}, \qquad d(r) = |r|

    "Reconstruction" and "pixel-wise" are umbrella terms; papers mean the L1 error, the squared error (autoencoders,
    where it is the Gaussian likelihood up to a constant) or Charbonnier's. With a weight that is one on the background
    it is the loss of background subtraction by reconstruction: what moves is rebuilt badly.

    Args:
        prediction: what was rebuilt, any shape.
        target: the original, the same shape.
        distance: `"l1"`, `"l2"` (the square) or `"charbonnier"`, :math:`\sqrt{r^2 + 0.001^2}`.
        weight: non-negative weight of each entry, broadcast to the shape of the prediction. Where it is zero the
            entry does not count, not even if it is NaN.
        reduction: `"none"` gives the weighted distances; `"mean"` divides by the sum of the weights.

    Returns:
        The loss: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a negative weight, an unknown distance or reduction.

    References:
        Hinton and Salakhutdinov, Reducing the dimensionality of data with neural networks, 2006,
        https://doi.org/10.1126/science.1127647; Charbonnier: Lai et al., Deep Laplacian pyramid networks, 2017,
        https://arxiv.org/abs/1704.03915.

    Example:
        >>> reconstruction_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]), distance="l2")
        tensor(2.)
    """
    check_tensors(prediction=prediction, target=target, weight=weight)
    if weight is None:
        return _pixel_loss("prediction", prediction, target, distance, reduction)
    check_weight(weight, prediction.shape)
    check_same_shape("target", target, "prediction", prediction)
    known_parts = hidden(weighted_entries(weight), widen(prediction), target)
    values = _pixel_loss("prediction", *known_parts, distance, "none")
    weight = weight.to(values.dtype)
    return reduce(values * weight, reduction, weight, prediction.dtype)


ReconstructionLoss = as_module("ReconstructionLoss", reconstruction_loss)


@gradient_of(reconstruction_loss)
def _reconstruction_gradient(prediction: Tensor, target: Tensor, *, distance: str = "l1") -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = d'(\hat y - y) / M` with :math:`M` values, where :math:`d'(r)` is
    :math:`\mathrm{sign}(r)`, :math:`2 r`, or :math:`r / \sqrt{r^2 + 0.001^2}`.
    """
    r = prediction - target
    slope = {"l1": r.sign(), "l2": 2 * r, "charbonnier": r / torch.sqrt(r.square() + 1e-6)}[distance]
    return slope / prediction.numel()


@loss(
    tasks=("image-to-image", "dehazing"),
    names=("cycle consistency",),
    domain={"reconstruction": "pictures", "target": "pictures"},
    range=(0.0, float("inf")),
    properties=_PIXELS,
    cases=_PIXEL_CASES,
    chapter=9,
)
def cycle_consistency_loss(
    reconstruction: Tensor, target: Tensor, *, distance: str = "l1", reduction: str = "mean"
) -> Tensor:
    r"""Cycle consistency loss: how far a picture is from itself after a journey to the other domain and back.

    .. math::

        \mathcal L = \frac{1}{M} \sum_i \big| F(G(x))_i - x_i \big|

    CycleGAN adds the losses of both directions, this one and that of :math:`G(F(y))` and :math:`y`, with weight 10 each
    beside the adversarial losses. Gradients reach both generators.

    Args:
        reconstruction: the picture after the journey, :math:`F(G(x))`, any shape.
        target: the picture itself, :math:`x`, the same shape.
        distance: `"l1"` (the paper's), `"l2"` (the square) or `"charbonnier"`, :math:`\sqrt{r^2 + 0.001^2}`.
        reduction: `"none"` gives the shape of the reconstruction; `"mean"` divides by the number of values.

    Returns:
        The loss: a scalar, or the shape of the reconstruction for `reduction="none"`.

    Raises:
        TypeError: a reconstruction that is not floating-point.
        ValueError: shapes that differ, an unknown distance or reduction.

    References:
        Zhu, Park, Isola and Efros, Unpaired image-to-image translation using cycle-consistent adversarial networks,
        2017, https://arxiv.org/abs/1703.10593, equation 2.

    Example:
        >>> x = torch.tensor([0.0, 0.5, 1.0])
        >>> cycle_consistency_loss(x + 0.25, x)
        tensor(0.2500)
    """
    return _pixel_loss("reconstruction", reconstruction, target, distance, reduction)


CycleConsistencyLoss = as_module("CycleConsistencyLoss", cycle_consistency_loss)


@gradient_of(cycle_consistency_loss)
def _cycle_gradient(reconstruction: Tensor, target: Tensor, *, distance: str = "l1") -> Tensor:
    r""":math:`\partial\mathcal L / \partial F(G(x)) = d'(F(G(x)) - x) / M`: by default the sign of the error."""
    return _reconstruction_gradient(reconstruction, target, distance=distance)


@loss(
    tasks=("image-to-image",),
    names=("identity loss", "identity mapping"),
    domain={"prediction": "pictures", "target": "pictures"},
    range=(0.0, float("inf")),
    properties=_PIXELS,
    cases=_PIXEL_CASES,
    chapter=9,
)
def identity_loss(prediction: Tensor, target: Tensor, *, distance: str = "l1", reduction: str = "mean") -> Tensor:
    r"""Identity loss: how much a generator changes a picture that is already in the domain it leads to.

    .. math::

        \mathcal L = \frac{1}{M} \sum_i \big| G(y)_i - y_i \big|

    CycleGAN adds it, with half the weight of the cycle, where colors should stay.

    Args:
        prediction: what the generator makes of a picture of its output domain, :math:`G(y)`, any shape.
        target: the picture itself, :math:`y`, the same shape.
        distance: `"l1"` (the paper's), `"l2"` (the square) or `"charbonnier"`, :math:`\sqrt{r^2 + 0.001^2}`.
        reduction: `"none"` gives the shape of the prediction; `"mean"` divides by the number of values.

    Returns:
        The loss: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, an unknown distance or reduction.

    References:
        Taigman, Polyak and Wolf, Unsupervised cross-domain image generation, 2017, https://arxiv.org/abs/1611.02200;
        Zhu et al., 2017, https://arxiv.org/abs/1703.10593, section 5.2.

    Example:
        >>> y = torch.tensor([0.0, 0.5, 1.0])
        >>> identity_loss(1 - y, y)
        tensor(0.6667)
    """
    return _pixel_loss("prediction", prediction, target, distance, reduction)


IdentityLoss = as_module("IdentityLoss", identity_loss)


@gradient_of(identity_loss)
def _identity_gradient(prediction: Tensor, target: Tensor, *, distance: str = "l1") -> Tensor:
    r""":math:`\partial\mathcal L / \partial G(y) = d'(G(y) - y) / M`: by default the sign of the change."""
    return _reconstruction_gradient(prediction, target, distance=distance)


# --- holes ------------------------------------------------------------------------------------------------------------

_ONE_HOLE = torch.tensor([[[[0, 1, 0]]]])
_WITH_HOLE = {
    "minimum_at_target": yes,
    "convex": yes,
    "lipschitz": up_to(6.0),
    "smooth": no("the slope jumps at the target", first=[[[[0.0, 0.0, 0.0]]]], target=[[[[0.0, 0.0, 0.0]]]],
                 hole=_ONE_HOLE),
    "bounded": no("it grows with the error", first=[[[[1000.0, 1000.0, 1000.0]]]], target=[[[[0.0, 0.0, 0.0]]]],
                  hole=_ONE_HOLE),
    "symmetric": yes,
    "proper": _A_VALUE,
    "scale_invariant": no("it scales with the unit", first=[[[[1.0, 1.0, 1.0]]]], target=[[[[0.0, 0.0, 0.0]]]],
                          hole=_ONE_HOLE),
    "permutation_invariant": yes,
}  # fmt: skip


def _with_hole(prediction: Tensor, target: Tensor, hole: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Two pictures and where they have a hole, checked, in the dtype of the computation."""
    check_tensors(prediction=prediction, target=target, hole=hole)
    x, y = _pictures(prediction, target)
    expected = (prediction.shape[0], 1, *prediction.shape[2:])
    if hole.shape != expected:
        raise ValueError(f"hole must have shape {expected}, got {tuple(hole.shape)}")
    check_probabilities("hole", hole)
    return x, y, hole.to(x.dtype)


@loss(
    tasks=("image-to-image", "inpainting", "challenges and future"),
    names=("context", "contextual loss of inpainting", "masked reconstruction"),
    domain={"prediction": "pictures", "target": "pictures", "hole": "hole"},
    range=(0.0, float("inf")),
    properties=_WITH_HOLE
    | {
        "permutation_invariant": no(
            "known pixels beside the hole count more", first=[[[[0.0] * 19 + [1.0]]]], target=[[[[0.0] * 20]]],
            hole=torch.tensor([[[[1] + [0] * 19]]]),
        )
    },
    cases=({"region": "hole", "distance": "l2"}, {"window": 3}, {"window": None}, {"distance": "charbonnier"}),
    unit="the sum of the weights",
    chapter=12,
)  # fmt: skip
def context_loss(
    prediction: Tensor,
    target: Tensor,
    hole: Tensor,
    *,
    region: str = "known",
    distance: str = "l1",
    window: int | None = 7,
    reduction: str = "mean",
) -> Tensor:
    r"""Context loss: the error on the pixels that are known, the more the closer they are to the hole.

    .. math::

        \mathcal L = \frac{\sum_i W_i\, |\hat y_i - y_i|}{\sum_i W_i}, \qquad
        W_i = (1 - h_i) \operatorname{mean}_{j \in N(i)} h_j

    The review's "context" has no single formula. In semantic inpainting (Yeh et al., the default here) it is the L1
    error of a generated picture on the known surroundings of the hole, weighted by how much of the window :math:`N(i)`
    is hole. In context encoders (Pathak et al.) it is the squared error inside the hole: `region="hole",
    distance="l2"`. The loss between sets of features is :func:`contextual_loss`. Without a hole, or with nothing but a
    hole, nothing counts: the loss is a zero attached to the graph.

    Args:
        prediction: pictures `(N, C, H, W)`.
        target: the true pictures, the same shape.
        hole: 1 (or `True`) where a pixel is missing, 0 where it is known, `(N, 1, H, W)`. Some papers write the
            opposite mask.
        region: `"known"` (Yeh et al.) or `"hole"` (Pathak et al.), where every pixel counts alike.
        distance: `"l1"`, `"l2"` (the square) or `"charbonnier"`.
        window: side of :math:`N(i)` in pixels, odd; `None` weighs all known pixels alike.
        reduction: `"none"` gives the weighted distances `(N, C, H, W)`; `"mean"` divides by the sum of the weights,
            `"sum"` is what the papers write.

    Returns:
        The loss: a scalar, or `(N, C, H, W)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that do not go together, a mask outside [0, 1], an unknown setting.

    References:
        Yeh et al., Semantic image inpainting with deep generative models, 2017, https://arxiv.org/abs/1607.07539,
        equations 3 and 4; Pathak et al., Context encoders, 2016, https://arxiv.org/abs/1604.07379, equation 1.

    Example:
        >>> target, hole = torch.zeros(1, 1, 1, 5), torch.tensor([[[[0, 0, 1, 0, 0]]]])
        >>> context_loss(torch.tensor([[[[9.0, 1.0, 9.0, 1.0, 9.0]]]]), target, hole, window=3)
        tensor(1.)
    """
    check_choice("region", region, ("known", "hole"))
    check_choice("distance", distance, _DISTANCES)
    check_reduction(reduction)
    if window is not None and (window < 1 or window % 2 == 0):
        raise ValueError(f"window must be odd and above 0, or None, got {window}")
    x, y, missing = _with_hole(prediction, target, hole)
    if region == "hole":
        weight = missing
    elif window is None:
        weight = 1 - missing
    else:  # sums along rows, then along columns: a window of any size costs the same
        weight = (1 - missing) * F.avg_pool2d(missing, window, stride=1, padding=window // 2)
    (difference,) = hidden(weighted_entries(weight), x - y)
    return reduce(weight * _distances(difference, distance), reduction, weight.expand_as(x), prediction.dtype)


ContextLoss = as_module("ContextLoss", context_loss)


@gradient_of(context_loss)
def _context_gradient(prediction: Tensor, target: Tensor, hole: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y_i = W_i\, \mathrm{sign}(\hat y_i - y_i) / \sum_j W_j`."""
    missing = hole.to(prediction.dtype)
    weight = ((1 - missing) * F.avg_pool2d(missing, 7, stride=1, padding=3)).expand_as(prediction)
    total = weight.sum()
    return weight * (prediction - target).sign() / torch.where(total > 0, total, 1)


@loss(
    tasks=("inpainting",),
    names=("hole and valid loss", "L1 of partial convolution"),
    domain={"prediction": "pictures", "target": "pictures", "hole": "hole"},
    range=(0.0, float("inf")),
    properties=_WITH_HOLE,
    cases=({"hole_weight": 2.0, "valid_weight": 0.5}, {"distance": "l2"}, {"distance": "charbonnier"}),
    chapter=12,
)
def hole_valid_loss(
    prediction: Tensor,
    target: Tensor,
    hole: Tensor,
    *,
    hole_weight: float = 6.0,
    valid_weight: float = 1.0,
    distance: str = "l1",
    reduction: str = "mean",
) -> Tensor:
    r"""Hole and valid loss: the error in the hole, six times as dear as the error on the pixels that are known.

    .. math::

        \mathcal L = \frac{1}{M} \sum_i \big( \lambda_h h_i + \lambda_v (1 - h_i) \big)\, |\hat y_i - y_i|

    As in the paper both parts are divided by the number :math:`M` of all values, so a small hole weighs little.

    Args:
        prediction: pictures `(N, C, H, W)`.
        target: the true pictures, the same shape.
        hole: 1 (or `True`) where a pixel is missing, 0 where it is known, `(N, 1, H, W)`: the opposite of the paper's
            mask.
        hole_weight: :math:`\lambda_h`.
        valid_weight: :math:`\lambda_v`.
        distance: `"l1"` (the paper's), `"l2"` (the square) or `"charbonnier"`.
        reduction: `"none"` gives the weighted distances `(N, C, H, W)`; `"mean"` divides by the number of values.

    Returns:
        The loss: a scalar, or `(N, C, H, W)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that do not go together, a mask outside [0, 1], a negative weight, an unknown setting.

    References:
        Liu et al., Image inpainting for irregular holes using partial convolutions, 2018,
        https://arxiv.org/abs/1804.07723, section 3.3.

    Example:
        >>> target, hole = torch.zeros(1, 1, 1, 4), torch.tensor([[[[0, 0, 0, 1]]]])
        >>> hole_valid_loss(torch.ones(1, 1, 1, 4), target, hole)
        tensor(2.2500)
    """
    check_choice("distance", distance, _DISTANCES)
    check_positive("hole_weight", hole_weight, zero=True)
    check_positive("valid_weight", valid_weight, zero=True)
    check_reduction(reduction)
    x, y, missing = _with_hole(prediction, target, hole)
    weight = hole_weight * missing + valid_weight * (1 - missing)
    difference = x - y
    if not hole_weight or not valid_weight:
        (difference,) = hidden(weighted_entries(weight), difference)
    return reduce(weight * _distances(difference, distance), reduction, dtype=prediction.dtype)


HoleValidLoss = as_module("HoleValidLoss", hole_valid_loss)


@gradient_of(hole_valid_loss)
def _hole_valid_gradient(
    prediction: Tensor, target: Tensor, hole: Tensor, *, hole_weight: float = 6.0, valid_weight: float = 1.0
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y_i = (\lambda_h h_i + \lambda_v (1 - h_i))\,
    \mathrm{sign}(\hat y_i - y_i) / M`.
    """
    weight = hole_weight * hole + valid_weight * (1 - hole.to(prediction.dtype))
    return weight * (prediction - target).sign() / prediction.numel()


# --- frequencies ------------------------------------------------------------------------------------------------------


@loss(
    tasks=("image-to-image", "inpainting"),
    names=("focal frequency", "FFL"),
    domain={"prediction": "pictures", "target": "pictures"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("the weights fall with the largest error", first=[[[[2.0, 0.4]]]], other=[[[[2.0, -0.4]]]],
                     target=[[[[0.0, 0.0]]]]),
        "lipschitz": no("it grows as a square", first=[[[[1e6]]]], other=[[[[1e6 + 1]]]], target=[[[[0.0]]]]),
        "smooth": no("where two frequencies are equally wrong the largest changes hands", first=[[[[2.0, 0.0]]]],
                     target=[[[[0.0, 0.0]]]]),
        "bounded": no("it grows with the error", first=[[[[1000.0]]]], target=[[[[0.0]]]]),
        "symmetric": yes,
        "proper": _A_VALUE,
        "scale_invariant": no("it scales with the square of the unit", first=[[[[1.0]]]], target=[[[[0.0]]]]),
        "permutation_invariant": no("order is what frequencies are about", first=[[[[9.0, 9.0, 0.0, 0.0, 0.0, 0.0]]]],
                                    target=[[[[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]]]),
    },
    cases=({"alpha": 2.0}, {"log_matrix": True}, {"batch_matrix": True}, {"patch_factor": 2}, {"ave_spectrum": True},
           {"patch_factor": 2, "ave_spectrum": True, "log_matrix": True, "batch_matrix": True, "alpha": 0.5}),
    detached="the weight of each frequency",
    couples="with batch_matrix the largest weight is that of the batch, with ave_spectrum its spectra are averaged",
    chapter=9,
)  # fmt: skip
def focal_frequency_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 1.0,
    patch_factor: int = 1,
    ave_spectrum: bool = False,
    log_matrix: bool = False,
    batch_matrix: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""Focal frequency loss (FFL): the squared error of the spectrum, which weighs what is furthest off most.

    .. math::

        \ell = \frac{1}{C H W} \sum_{u,v} w_{uv}\, |\hat F_{uv} - F_{uv}|^2, \qquad
        w_{uv} = \frac{|\hat F_{uv} - F_{uv}|^{\alpha}}{\max |\hat F - F|^{\alpha}}

    :math:`F` is the orthonormal discrete Fourier transform of each channel. The weights are held fixed when the
    gradient is formed. With `alpha=0` all weights are one and, by Parseval's theorem, the loss is the mean squared
    error. Identical pictures cost 0 with a zero gradient. The settings are those of the authors' program, and so are
    their names and defaults.

    Args:
        prediction: pictures `(N, C, H, W)`.
        target: the true pictures, the same shape.
        alpha: the exponent of the weights, at least 0.
        patch_factor: into how many parts both sides are cut, each of whose patches has a spectrum of its own; it
            divides the height and the width.
        ave_spectrum: averages the spectra over the batch before they are compared.
        log_matrix: weights grow with the logarithm, :math:`\log(1 + |\hat F - F|^{\alpha})`.
        batch_matrix: the largest weight is that of the batch, not of each channel of each patch of each picture.
        reduction: `"none"` gives `(N,)`, one number per picture, and a scalar with `ave_spectrum`, where the batch has
            one spectrum; `"mean"` is the mean over the pictures.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a negative exponent, sides that do not divide, an unknown reduction.

    References:
        Jiang, Dai, Wu and Loy, Focal frequency loss for image reconstruction and synthesis, 2021,
        https://arxiv.org/abs/2012.12821, and https://github.com/EndlessSora/focal-frequency-loss.

    Example:
        >>> stripes = torch.tensor([1.0, -1.0, 1.0, -1.0]).expand(1, 1, 4, 4)
        >>> focal_frequency_loss(stripes, torch.zeros(1, 1, 4, 4))
        tensor(1.)
    """
    check_positive("alpha", alpha, zero=True)
    check_positive("patch_factor", patch_factor)
    check_reduction(reduction)
    x, y = _pictures(prediction, target)
    height, width = x.shape[2:]
    if height % patch_factor or width % patch_factor:
        raise ValueError(f"patch_factor must divide the sides of prediction, {height} and {width}, got {patch_factor}")
    difference = x - y
    if ave_spectrum:  # the transform is linear: that of the mean is the mean of the transforms
        difference = difference.sum(0, keepdim=True) / max(len(x), 1)
    if not difference.numel():  # there is no transform of nothing
        values = difference.sum((1, 2, 3))
    else:
        if patch_factor > 1:
            difference = difference.unflatten(3, (patch_factor, -1)).unflatten(2, (patch_factor, -1)).transpose(3, 4)
        spectrum = torch.view_as_real(torch.fft.fft2(difference, norm="ortho"))
        errors = spectrum.square().sum(-1)
        weights = errors.detach().pow(alpha / 2)
        if log_matrix:
            weights = torch.log1p(weights)
        largest = weights.amax() if batch_matrix else weights.amax((-2, -1), keepdim=True)
        weights = weights / torch.where(largest > 0, largest, 1.0)
        values = (weights * errors).flatten(1).mean(1)
    return reduce(values.sum() if ave_spectrum else values, reduction, dtype=prediction.dtype)


FocalFrequencyLoss = as_module("FocalFrequencyLoss", focal_frequency_loss)


@gradient_of(focal_frequency_loss)
def _focal_frequency_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \frac{2}{N C H W} \operatorname{Re} \mathcal F^{-1} \big[ w \odot
    (\hat F - F) \big]` with the weights held fixed.
    """
    spectrum = torch.fft.fft2(prediction - target, norm="ortho")
    largest = spectrum.abs().amax((2, 3), keepdim=True)
    weights = spectrum.abs() / torch.where(largest > 0, largest, 1.0)
    return 2 * torch.fft.ifft2(weights * spectrum, norm="ortho").real / prediction.numel()


# --- features ---------------------------------------------------------------------------------------------------------

Features = Tensor | Sequence[Tensor]

_FEATURE_TASKS = ("image-to-image", "text-to-image", "audio-to-image", "inpainting", "dehazing")
_FEATURES = {"features": "feature maps", "target": "feature maps"}
_SQUARED = {
    "minimum_at_target": yes,
    "convex": yes,
    "lipschitz": no("it grows as a square", first=[[1e6]], other=[[1e6 + 1]], target=[[0.0]]),
    "smooth": yes,
    "bounded": no("it grows with the distance", first=[[1000.0]], target=[[0.0]]),
    "symmetric": yes,
    "proper": not_applicable("features are no probabilities"),
    "scale_invariant": no("it scales with the square of the unit", first=[[1.0]], target=[[0.0]]),
    "permutation_invariant": yes,
}


def _layers(
    features: Features, target: Features, weights: Sequence[float] | None
) -> tuple[list[tuple[Tensor, Tensor]], Sequence[float], torch.dtype]:
    """The layers in pairs, in the dtype of the computation, their weights, and the dtype of the result."""
    ours, theirs = ([x] if isinstance(x, Tensor) else x for x in (features, target))
    if not isinstance(ours, Sequence) or not ours:
        raise TypeError(f"features must be a tensor or a list of tensors, got {features!r}")
    for feature in ours:
        check_tensors(features=feature)
    if not isinstance(theirs, Sequence) or len(theirs) != len(ours):
        raise ValueError(f"target must hold {len(ours)} layer(s) as features does, got {target!r}")
    pairs = []
    for feature, truth in zip(ours, theirs, strict=True):
        check_tensors(features=feature, target=truth)
        check_floating("features", feature)
        check_layout("features", feature, "N", "C", "*")
        check_same_shape("target", truth, "features", feature)
        pairs.append(together(feature, truth))
    if weights is None:
        weights = (1.0,) * len(pairs)
    elif len(weights) != len(pairs):
        raise ValueError(f"weights must hold {len(pairs)} number(s), one per layer, got {len(weights)}")
    return pairs, weights, ours[0].dtype


def _mean_of_each(values: Tensor) -> Tensor:
    """`(N,)`: the mean over everything but the batch. (The gradient of torch's mean is as large as its argument.)"""
    return values.flatten(1).sum(1) / math.prod(values.shape[1:])


def _over_layers(
    distance: Callable[[Tensor, Tensor], Tensor],
    features: Features,
    target: Features,
    weights: Sequence[float] | None,
    reduction: str,
) -> Tensor:
    """The weighted sum of a distance over the layers: one number per picture, reduced."""
    check_reduction(reduction)
    pairs, weights, dtype = _layers(features, target, weights)
    values = sum(weight * distance(*pair) for weight, pair in zip(weights, pairs, strict=True))
    return reduce(values, reduction, dtype=dtype)


def _positions(features: Tensor) -> Tensor:
    """Features `(N, C, P)` with the positions in one row; a feature vector is a map of one position."""
    return features.unsqueeze(2) if features.dim() == 2 else features.flatten(2)


class _FeatureLoss(nn.Module):
    """A loss between what a network computes of two pictures.

    `PerceptualLoss(network)(prediction, target)` calls the network on both and compares what it answers: a
    tensor, a list of tensors or a dictionary of them. With `layers`, names as in `network.named_modules()`, it
    compares what these layers answer instead. Other settings are those of the function, by keyword.

    Gradients reach the prediction and, where they ask for one, the network's parameters: freeze those of a
    pretrained network (`network.requires_grad_(False).eval()`), and leave those of a discriminator to its
    optimizer. The target's features are formed without a gradient unless the target asks for one. Without a
    network, it is a SqueezeNet trained on ImageNet that ships with lossbook, frozen, for RGB pictures in [0, 1].
    """

    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, extractor: nn.Module | None = None, *, layers: Sequence[str] | None = None, **settings: Any
    ) -> None:
        super().__init__()
        if extractor is None:
            from ..models.squeezenet import squeezenet_features  # a model, which no other loss needs

            extractor = squeezenet_features()
        if not isinstance(extractor, nn.Module):
            raise TypeError(f"extractor must be a module, got {type(extractor).__name__}")
        parameters = inspect.signature(type(self).function).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        unknown = [key for key in settings if key not in defaults]
        if unknown:
            raise TypeError(f"{type(self).__name__} has no setting {unknown[0]!r}; it has {', '.join(defaults)}")
        known_layers = dict(extractor.named_modules())
        for layer in layers or ():
            if layer not in known_layers:
                raise ValueError(f"layers must name modules of the extractor, got {layer!r}")
        self.extractor = extractor
        self.layers = None if layers is None else tuple(layers)
        self.settings = defaults | settings

    def features(self, pictures: Tensor) -> Features:
        """What the network, or the chosen layers of it, answers to pictures."""
        if self.layers is None:
            answer = self.extractor(pictures)
            return list(answer.values()) if isinstance(answer, Mapping) else answer
        answers: dict[str, Tensor] = {}

        def keep(name: str) -> Callable[..., None]:
            return lambda *call: answers.__setitem__(name, call[-1])

        modules = dict(self.extractor.named_modules())
        hooks = [modules[name].register_forward_hook(keep(name)) for name in self.layers]
        try:
            self.extractor(pictures)
        finally:
            for hook in hooks:
                hook.remove()
        return [answers[name] for name in self.layers]

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss between two batches of pictures."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and target.requires_grad):
            truth = self.features(target)
        return type(self).function(self.features(prediction), truth, **self.settings)

    def extra_repr(self) -> str:
        """The settings, as they were given."""
        return ", ".join(f"{key}={value!r}" for key, value in {"layers": self.layers, **self.settings}.items())


@loss(
    tasks=_FEATURE_TASKS,
    names=("perceptual", "content loss", "feature reconstruction"),
    domain=_FEATURES,
    range=(0.0, float("inf")),
    properties=_SQUARED,
    cases=({"distance": "l1"}, {"weights": (0.5,)}, {"distance": "charbonnier"}),
    kind="module",
    chapter=9,
)
def perceptual_loss(
    features: Features,
    target: Features,
    *,
    weights: Sequence[float] | None = None,
    distance: str = "l2",
    reduction: str = "mean",
) -> Tensor:
    r"""Perceptual loss: how far the features that a network sees in a picture are from those of the target.

    .. math::

        \ell = \sum_l \frac{w_l}{C_l H_l W_l} \big\| \phi_l(\hat y) - \phi_l(y) \big\|_2^2

    Shifting a texture by a pixel changes every pixel and hardly a deep feature. `PerceptualLoss(network)` takes the
    pictures and computes the features.

    Args:
        features: features of the prediction, `(N, C, *)`, or a list of them, one per layer.
        target: features of the true pictures, the same shapes.
        weights: one weight per layer; 1 each by default.
        distance: `"l2"` (the square, Johnson et al.), `"l1"` (Partial Convolution, pix2pixHD) or `"charbonnier"`.
        reduction: `"none"` gives `(N,)`, one number per picture; `"mean"` is their mean.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`, in the dtype of the first layer.

    Raises:
        TypeError: features that are no floating-point tensors.
        ValueError: shapes or numbers of layers that differ, an unknown setting.

    References:
        Johnson, Alahi and Fei-Fei, Perceptual losses for real-time style transfer and super-resolution, 2016,
        https://arxiv.org/abs/1603.08155, equation 2.

    Example:
        >>> maps = [torch.zeros(1, 2, 4, 4), torch.zeros(1, 8, 2, 2)]
        >>> perceptual_loss([maps[0] + 1, maps[1] + 2], maps, weights=(1.0, 0.5))
        tensor(3.)
    """
    check_choice("distance", distance, _DISTANCES)

    def mean_distance(x: Tensor, y: Tensor) -> Tensor:
        if distance == "l2":  # in one pass, which keeps no difference for the gradient
            return _mean_of_each(F.mse_loss(x, y, reduction="none"))
        return _mean_of_each(_distances(x - y, distance))

    return _over_layers(mean_distance, features, target, weights, reduction)


@gradient_of(perceptual_loss)
def _perceptual_gradient(features: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\phi_l = \frac{2 w_l}{N C_l H_l W_l} (\phi_l(\hat y) - \phi_l(y))`, which
    the network carries back to the pixels.
    """
    return 2 * (features - target) / features.numel()


class PerceptualLoss(_FeatureLoss):
    __doc__ = f"Module form of `perceptual_loss`.\n\n{inspect.cleandoc(_FeatureLoss.__doc__)}"
    function = staticmethod(perceptual_loss)


@loss(
    tasks=("inpainting", "image-to-image"),
    names=("feature map", "feature matching", "feature map / feature matching"),
    domain=_FEATURES,
    range=(0.0, float("inf")),
    properties=_SQUARED
    | {
        "lipschitz": up_to(1.0),
        "smooth": no("the slope jumps from -1 to 1 at the target", first=[[0.0]], target=[[0.0]]),
        "scale_invariant": no("it scales with the unit", first=[[1.0]], target=[[0.0]]),
    },
    cases=({"form": "mean"}, {"weights": (0.5,)}),
    couples="with form='mean' the features of the batch are averaged first",
    kind="module",
    chapter=12,
)
def feature_matching_loss(
    features: Features,
    target: Features,
    *,
    form: str = "layers",
    weights: Sequence[float] | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Feature matching loss: how far the discriminator's features of what is made are from those of real pictures.

    .. math::

        \ell = \sum_l \frac{w_l}{C_l H_l W_l} \big\| D_l(G(x)) - D_l(y) \big\|_1

    The features are those of the discriminator that is trained at the same time: the generator learns to match
    what it looks at. Papers mean one of two things, which `form` chooses between.

    Args:
        features: features of the pictures that were made, `(N, C, *)`, or a list of them, one per layer.
        target: features of the real ones, the same shapes; detach them, as the module does.
        form: `"layers"`: the L1 distance picture by picture (pix2pixHD, CoordFill), as in the formula; `"mean"`: the
            squared distance :math:`\| \mathrm{E} D_l(G(x)) - \mathrm{E} D_l(y) \|_2^2` of the batch means (Salimans
            et al.), which needs no pairs; :func:`~lossbook.losses.generative.mean_feature_matching_loss` takes batches
            of two sizes.
        weights: one weight per layer; 1 each by default.
        reduction: `"none"` gives `(N,)`, one number per picture, for `"layers"`, and a scalar for `"mean"`;
            `"mean"` is the mean over the pictures.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`, in the dtype of the first layer.

    Raises:
        TypeError: features that are no floating-point tensors.
        ValueError: shapes or numbers of layers that differ, an unknown setting.

    References:
        Wang et al., High-resolution image synthesis and semantic manipulation with conditional GANs, 2018,
        https://arxiv.org/abs/1711.11585, equation 4; Salimans et al., Improved techniques for training GANs, 2016,
        https://arxiv.org/abs/1606.03498, section 3.1.

    Example:
        >>> made, real = torch.tensor([[0.0], [2.0]]), torch.tensor([[2.0], [0.0]])
        >>> feature_matching_loss(made, real), feature_matching_loss(made, real, form="mean")
        (tensor(2.), tensor(0.))
    """
    check_choice("form", form, ("layers", "mean"))

    def distance(x: Tensor, y: Tensor) -> Tensor:
        if form == "layers":
            return _mean_of_each(F.l1_loss(x, y, reduction="none"))
        return ((x - y).sum(0) / max(len(x), 1)).square().sum()

    return _over_layers(distance, features, target, weights, reduction)


@gradient_of(feature_matching_loss)
def _feature_matching_gradient(features: Tensor, target: Tensor, *, form: str = "layers") -> Tensor:
    r""":math:`\partial\mathcal L / \partial D_l = \frac{w_l}{N C_l H_l W_l} \mathrm{sign}(D_l(G(x)) - D_l(y))`; for
    the means :math:`\frac{2 w_l}{N} (\mathrm{E} D_l(G(x)) - \mathrm{E} D_l(y))`.
    """
    difference = features - target
    if form == "mean":
        return (2 * difference.mean(0, keepdim=True) / len(features)).expand_as(features)
    return difference.sign() / features.numel()


class FeatureMatchingLoss(_FeatureLoss):
    __doc__ = f"Module form of `feature_matching_loss`.\n\n{inspect.cleandoc(_FeatureLoss.__doc__)}"
    function = staticmethod(feature_matching_loss)


def _unit_vectors(features: Tensor, eps: float) -> Tensor:
    """Each position's vector divided by its length, or by `eps` if that is larger."""
    return features * features.square().sum(1, keepdim=True).clamp_min(eps**2).rsqrt()


@loss(
    tasks=_FEATURE_TASKS,
    names=("LPIPS", "learned perceptual image patch similarity"),
    domain=_FEATURES,
    range=(0.0, 4.0),
    properties={
        "minimum_at_target": yes,
        "convex": no("only directions count", first=[[1.0, 0.0]], other=[[-1.0, 1.0]], target=[[1.0, 0.0]]),
        "lipschitz": up_to(4e4, "4 / eps"),
        "smooth": no("vectors as short as eps are at a kink", first=[[1e-4, 0.0]], target=[[0.0, 1.0]]),
        "bounded": yes,
        "symmetric": yes,
        "proper": not_applicable("features are no probabilities"),
        "scale_invariant": yes,
        "permutation_invariant": yes,
    },
    cases=({"weight": (0.5, 2.0, 1.0)}, {"weights": (0.5,)}, {"eps": 1e-2}),
    kind="module",
    chapter=9,
)
def lpips_loss(
    features: Features,
    target: Features,
    *,
    weight: Tensor | Sequence[Tensor] | None = None,
    weights: Sequence[float] | None = None,
    eps: float = 1e-4,
    reduction: str = "mean",
) -> Tensor:
    r"""LPIPS: how far the directions of the feature vectors of two pictures lie apart, position by position.

    .. math::

        \ell = \sum_l \frac{w_l}{H_l W_l} \sum_{h,w} \Big\| u_l \odot \big( \tilde\phi_l(\hat y)_{hw}
             - \tilde\phi_l(y)_{hw} \big) \Big\|_2^2, \qquad \tilde\phi = \frac{\phi}{\max(\|\phi\|, \epsilon)}

    Without channel weights it is the paper's baseline on a network as it is. The paper's own numbers need its
    networks and the weights :math:`u_l^2` that it fits to human judgments: pass them as `weight`. A vector shorter than
    `eps` (a position where no feature responds) is divided by `eps`, so its gradient is finite.

    Args:
        features: features of the prediction, `(N, C, *)`, or a list of them, one per layer.
        target: features of the true pictures, the same shapes.
        weight: the squares :math:`u_l^2`, `(C,)`, or a list of them, one per layer; 1 each by default.
        weights: one weight per layer; 1 each by default.
        eps: the length below which a vector has no direction.
        reduction: `"none"` gives `(N,)`, one number per picture; `"mean"` is their mean.

    Returns:
        The loss, at most 4 per layer without weights: a scalar, or `(N,)` for `reduction="none"`, in the dtype of the
        first layer.

    Raises:
        TypeError: features that are no floating-point tensors.
        ValueError: shapes or numbers of layers that differ, an unknown setting.

    References:
        Zhang, Isola, Efros, Shechtman and Wang, The unreasonable effectiveness of deep features as a perceptual metric,
        2018, https://arxiv.org/abs/1801.03924, equation 1.

    Example:
        >>> lpips_loss(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 5.0]]))
        tensor(2.)
    """
    check_positive("eps", eps)
    check_reduction(reduction)
    pairs, weights, dtype = _layers(features, target, weights)
    heads = [weight] * len(pairs) if weight is None or isinstance(weight, Tensor) else weight
    if len(heads) != len(pairs):
        raise ValueError(f"weight must hold {len(pairs)} tensor(s), one per layer, got {len(heads)}")
    total = pairs[0][0].new_zeros(())
    for (x, y), head, layer_weight in zip(pairs, heads, weights, strict=True):
        squares = (_unit_vectors(x, eps) - _unit_vectors(y, eps)).square()
        if head is not None:
            check_tensors(weight=head)
            if head.shape != (x.shape[1],):
                raise ValueError(f"weight must have shape ({x.shape[1]},), got {tuple(head.shape)}")
            squares = squares * head.to(x.dtype).reshape(-1, *[1] * (x.dim() - 2))
        total = total + layer_weight * _positions(squares).sum(1).mean(1)
    return reduce(total, reduction, dtype=dtype)


@gradient_of(lpips_loss)
def _lpips_gradient(features: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\phi = \frac{2}{N H W\, \|\phi\|} \big( I - \tilde\phi \tilde\phi^{\top}
    \big) (\tilde\phi(\hat y) - \tilde\phi(y))` where :math:`\|\phi\| > \epsilon`: the part of the gap that is
    perpendicular to the vector.
    """
    length = features.square().sum(1, keepdim=True).sqrt()
    unit, truth = features / length, target / target.square().sum(1, keepdim=True).sqrt()
    gap = unit - truth
    across = gap - unit * (unit * gap).sum(1, keepdim=True)
    return 2 * across / length * features.shape[1] / features.numel()


class LPIPSLoss(_FeatureLoss):
    __doc__ = f"Module form of `lpips_loss`.\n\n{inspect.cleandoc(_FeatureLoss.__doc__)}"
    function = staticmethod(lpips_loss)


def _gram(features: Tensor) -> Tensor:
    """Scalar products of all pairs of channels, summed over the positions: `(N, C, C)`."""
    flat = _positions(features)
    with full_precision(flat):
        return flat @ flat.transpose(1, 2)


@loss(
    tasks=("inpainting", "image-to-image"),
    names=("style", "Gram loss"),
    domain=_FEATURES,
    range=(0.0, float("inf")),
    properties=_SQUARED
    | {
        "convex": no("a feature and its negative have one Gram matrix", first=[[1.0]], other=[[-1.0]], target=[[1.0]]),
        "lipschitz": no("it grows as a fourth power", first=[[1e3]], other=[[1e3 + 1]], target=[[0.0]]),
        "scale_invariant": no("it scales with the fourth power of the unit", first=[[1.0]], target=[[0.0]]),
    },
    cases=({"normalize": "gatys"}, {"normalize": "none"}, {"distance": "l1"}, {"weights": (0.5,)},
           {"distance": "l1", "normalize": "none"}),
    kind="module",
    chapter=12,
)  # fmt: skip
def style_loss(
    features: Features,
    target: Features,
    *,
    weights: Sequence[float] | None = None,
    normalize: str = "johnson",
    distance: str = "l2",
    reduction: str = "mean",
) -> Tensor:
    r"""Style loss: how far apart are the Gram matrices of features, which say what occurs together, not where.

    .. math::

        \ell = \sum_l w_l \big\| G_l(\hat y) - G_l(y) \big\|_F^2, \qquad
        G_l = \frac{1}{C_l H_l W_l}\, \phi_l \phi_l^{\top}

    Args:
        features: features of the prediction, `(N, C, *)`, or a list of them, one per layer.
        target: features of the style, the same shapes.
        weights: one weight per layer; 1 each by default.
        normalize: `"johnson"` divides the Gram matrix by :math:`C H W`; `"gatys"` leaves it alone and divides the
            squared distance by :math:`4 C^2 (H W)^2`; `"none"` divides by nothing.
        distance: `"l2"` sums the squares of the differences; `"l1"` averages their sizes over the :math:`C^2`
            entries (Partial Convolution). With `"gatys"` only `"l2"` is defined.
        reduction: `"none"` gives `(N,)`, one number per picture; `"mean"` is their mean.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`, in the dtype of the first layer.

    Raises:
        TypeError: features that are no floating-point tensors.
        ValueError: shapes or numbers of layers that differ, an unknown setting.

    References:
        Gatys, Ecker and Bethge, Image style transfer using convolutional neural networks, 2016,
        https://doi.org/10.1109/CVPR.2016.265; Johnson et al., 2016, https://arxiv.org/abs/1603.08155, equation 4;
        `distance="l1"`: Liu et al., 2018, https://arxiv.org/abs/1804.07723, equation 4.

    Example:
        >>> left, right = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
        >>> style_loss(left, right), style_loss(left, 2 * right)
        (tensor(0.), tensor(2.2500))
    """
    check_choice("normalize", normalize, ("johnson", "gatys", "none"))
    check_choice("distance", distance, ("l1", "l2"))
    if normalize == "gatys" and distance == "l1":
        raise ValueError("normalize must be 'johnson' or 'none' for distance='l1', got 'gatys'")

    def between_grams(x: Tensor, y: Tensor) -> Tensor:
        channels, positions = x.shape[1], math.prod(x.shape[2:])
        difference = _gram(x) - _gram(y)
        if normalize == "johnson":
            difference = difference / (channels * positions)
        if distance == "l1":
            return difference.abs().mean((1, 2))
        squares = difference.square().sum((1, 2))
        return squares / (4 * channels**2 * positions**2) if normalize == "gatys" else squares

    return _over_layers(between_grams, features, target, weights, reduction)


@gradient_of(style_loss)
def _style_gradient(features: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\phi = \frac{4}{N C H W} \big( G(\hat y) - G(y) \big) \phi`: the
    difference of the Gram matrices mixes the channels.
    """
    size = features.numel() / features.shape[0]
    difference = (_gram(features) - _gram(target)) / size
    return (4 / features.numel() * difference @ _positions(features)).reshape(features.shape)


class StyleLoss(_FeatureLoss):
    __doc__ = f"Module form of `style_loss`.\n\n{inspect.cleandoc(_FeatureLoss.__doc__)}"
    function = staticmethod(style_loss)


@loss(
    tasks=("image-to-image", "challenges and future"),
    names=("contextual", "context", "CX"),
    domain=_FEATURES,
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("only directions count", first=[[[1.0, 0.0], [0.0, 1.0]]], other=[[[0.0, 1.0], [1.0, 0.0]]],
                     target=[[[1.0, 0.0], [0.0, 1.0]]]),
        "lipschitz": no("features near the center turn quickly", first=[[[1e-5, 0.0, 0.0], [0.0, 0.0, 1.0]]],
                        other=[[[0.0, 0.0, 0.0], [1e-5, 0.0, 1.0]]],
                        target=[[[1.0, 0.0, -1.0], [0.0, 1.0, -1.0]]]),
        "smooth": no("the best match changes hands", first=[[[1.0, 1.0], [1.0, -1.0]]],
                     target=[[[1.0, 0.5], [0.0, 0.0]]], distance="l2"),
        "bounded": not_applicable("it is at most twice the logarithm of the number of positions"),
        "symmetric": no("the best match is looked for from one side", first=[[[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]],
                        target=[[[1.0, 0.9, -1.0], [0.0, 0.1, 0.0]]]),
        "proper": not_applicable("features are no probabilities"),
        "scale_invariant": yes,
        "permutation_invariant": yes,
    },
    cases=({"h": 0.1}, {"distance": "l2", "eps": 1e-2}, {"weights": (0.5,)}),
    without_gradient="it passes a minimum, a softmax and a maximum; autograd follows it",
    kind="module",
    chapter=9,
)  # fmt: skip
def contextual_loss(
    features: Features,
    target: Features,
    *,
    h: float = 0.5,
    distance: str = "cosine",
    weights: Sequence[float] | None = None,
    eps: float = 1e-5,
    reduction: str = "mean",
) -> Tensor:
    r"""Contextual loss: whether every feature of the target has a counterpart in the prediction, wherever it lies.

    .. math::

        \ell = -\log \frac{1}{P} \sum_j \max_i \mathrm{CX}_{ij}, \qquad
        \mathrm{CX}_{ij} = \operatorname{softmax}_j \Big( \frac{1 - \tilde d_{ij}}{h} \Big), \qquad
        \tilde d_{ij} = \frac{d_{ij}}{\min_k d_{ik} + \epsilon}

    :math:`d_{ij}` is one minus the cosine between the feature at position :math:`i` of the prediction and at
    position :math:`j` of the target, both taken from the mean of the target's features. Pictures need not be aligned.
    Memory grows with the square of the number of positions: sample positions of large maps. One position alone
    costs 0.

    Args:
        features: features of the prediction, `(N, C, *)`, or a list of them, one per layer.
        target: features of the true pictures, the same shapes.
        h: bandwidth: the smaller, the more only the best match counts.
        distance: `"cosine"`, or `"l2"`, the squared distance.
        weights: one weight per layer; 1 each by default.
        eps: :math:`\epsilon`, what keeps the relative distance finite at a perfect match.
        reduction: `"none"` gives `(N,)`, one number per picture; `"mean"` is their mean.

    Returns:
        The loss, between 0 and twice the logarithm of the number of positions: a scalar, or `(N,)` for
        `reduction="none"`, in the dtype of the first layer.

    Raises:
        TypeError: features that are no floating-point tensors.
        ValueError: shapes or numbers of layers that differ, an unknown setting.

    References:
        Mechrez, Talmi and Zelnik-Manor, The contextual loss for image transformation with non-aligned data, 2018,
        https://arxiv.org/abs/1803.02077, equations 1 to 5.

    Example:
        >>> maps = torch.tensor([[[0.0, 1.0, 0.0, -1.0], [1.0, 0.0, -1.0, 0.0]]])
        >>> contextual_loss(maps.flip(-1), maps)
        tensor(0.)
    """
    check_positive("h", h)
    check_positive("eps", eps)
    check_choice("distance", distance, ("cosine", "l2"))

    def unlikeness(x: Tensor, y: Tensor) -> Tensor:
        x, y = _positions(x), _positions(y)
        if not x.numel():
            return x.sum((1, 2))
        center = y.mean(2, keepdim=True)
        x, y = x - center, y - center
        if distance == "cosine":
            x, y = _unit_vectors(x, 1e-4), _unit_vectors(y, 1e-4)
        with full_precision(x):
            products = x.transpose(1, 2) @ y
        if distance == "cosine":
            distances = (1 - products).clamp_min(0)
        else:
            squares = x.square().sum(1).unsqueeze(2) + y.square().sum(1).unsqueeze(1)
            distances = (squares - 2 * products).clamp_min(0)
        relative = distances / (distances.amin(2, keepdim=True) + eps)
        similarity = torch.softmax((1 - relative) / h, 2)
        return -similarity.amax(1).mean(1).log()

    return _over_layers(unlikeness, features, target, weights, reduction)


class ContextualLoss(_FeatureLoss):
    __doc__ = f"Module form of `contextual_loss`.\n\n{inspect.cleandoc(_FeatureLoss.__doc__)}"
    function = staticmethod(contextual_loss)
