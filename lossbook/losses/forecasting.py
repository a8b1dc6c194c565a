"""Losses of forecasts: likelihoods of a predicted distribution, proper scores, alignments of series.

Three ways to say how uncertain a forecast is have their losses here. Parameters of a distribution: the negative
log-likelihoods, and the CRPS of a Gaussian. Quantiles: the mean of pinball losses, the interval score. Samples: the
CRPS and the energy score of an ensemble. Series that may be out of step are compared by soft-DTW and DILATE.

All likelihoods are in nats. Nothing is broadcast but `weight`, which counts the entries of the result: zero leaves
one out, whatever stands there, NaN too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._module import as_module
from ._reduction import reduce, together
from ._slope import with_slope, with_slopes
from ._validation import (
    check_choice,
    check_floating,
    check_fraction,
    check_positive,
    check_reduction,
    check_same_shape,
    check_tensors,
    check_weight,
    hidden,
    known,
    weighted_entries,
)

__all__ = [
    "CRPSEnsembleLoss",
    "CRPSGaussianLoss",
    "CRPSQuantileLoss",
    "CoxPartialLikelihoodLoss",
    "DILATELoss",
    "EnergyScoreLoss",
    "FreDFLoss",
    "GaussianNLLLoss",
    "HurdleNegativeBinomialNLLLoss",
    "HurdlePoissonNLLLoss",
    "IntervalScoreLoss",
    "LaplaceNLLLoss",
    "LogNormalNLLLoss",
    "MixtureNLLLoss",
    "MultiQuantileLoss",
    "NegativeBinomialNLLLoss",
    "PoissonNLLLoss",
    "SoftDTWLoss",
    "StudentTNLLLoss",
    "TweedieLoss",
    "ZeroInflatedNegativeBinomialNLLLoss",
    "ZeroInflatedPoissonNLLLoss",
    "cox_partial_likelihood_loss",
    "crps_ensemble_loss",
    "crps_gaussian_loss",
    "crps_quantile_loss",
    "dilate_loss",
    "energy_score_loss",
    "fredf_loss",
    "gaussian_nll_loss",
    "hurdle_negative_binomial_nll_loss",
    "hurdle_poisson_nll_loss",
    "interval_score_loss",
    "laplace_nll_loss",
    "log_normal_nll_loss",
    "mixture_nll_loss",
    "multi_quantile_loss",
    "negative_binomial_nll_loss",
    "poisson_nll_loss",
    "soft_dtw_alignment",
    "soft_dtw_loss",
    "student_t_nll_loss",
    "tweedie_loss",
    "zero_inflated_negative_binomial_nll_loss",
    "zero_inflated_poisson_nll_loss",
]

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_INFINITE = (-float("inf"), float("inf"))
_ROLES = not_applicable("prediction and target are of different kinds")
_OF_LOCATION = {
    "minimum_at_target": yes,
    "convex": yes,
    "lipschitz": no("the slope grows with the error", first=[1e4], other=[0.0], target=[0.0]),
    "smooth": yes,
    "bounded": no("it grows with the error", first=[1000.0], target=[0.0]),
    "symmetric": yes,
    "proper": yes,
    "scale_invariant": no("a density depends on the unit", first=[1.0], target=[0.0]),
    "permutation_invariant": yes,
}
_OF_COUNTS = {
    "minimum_at_target": yes,
    "convex": yes,
    "lipschitz": no("the slope grows with the rate", first=[20.0], other=[15.0], target=[0.0]),
    "smooth": yes,
    "bounded": no("it grows with the rate", first=[10.0], target=[0.0]),
    "symmetric": _ROLES,
    "proper": yes,
    "scale_invariant": _ROLES,
    "permutation_invariant": yes,
}
_STEEP = {"lipschitz": no("the slope is one over the scale", first=[1e-6], other=[0.0], target=[0.0], scale=[1e-6])}


# --- helpers ----------------------------------------------------------------------------------------------------------


def _check(reduction: str, weight: Tensor | None, **tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors of one shape on one device, 1 where the weight is zero; the first is floating-point."""
    check_tensors(**tensors, weight=weight)
    names = list(tensors)
    check_floating(names[0], tensors[names[0]])
    for name in names[1:]:
        check_same_shape(name, tensors[name], names[0], tensors[names[0]])
    check_reduction(reduction)
    return _hidden(weight, tensors[names[0]].shape, *tensors.values())


def _hidden(weight: Tensor | None, shape: torch.Size, *tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors, of the shape of the losses or with more dimensions, and 1 where the weight of a loss is zero."""
    check_weight(weight, shape, "the losses")
    counted = weighted_entries(weight)
    if counted is None:
        return tensors
    counted = counted.expand(shape)
    deeper = (counted.reshape(*shape, *[1] * (tensor.dim() - len(shape))) for tensor in tensors)
    return tuple(hidden(mask, tensor, neutral=1)[0] for mask, tensor in zip(deeper, tensors, strict=True))


def _check_not_negative(name: str, tensor: Tensor) -> None:
    if tensor.numel() and known(tensor, lambda: tensor.detach().min() >= 0) is False:
        raise ValueError(f"{name} must not be negative, got values from {tensor.min().item():g}")


def _check_above_zero(name: str, tensor: Tensor) -> None:
    if tensor.numel() and known(tensor, lambda: tensor.detach().min() > 0) is False:
        raise ValueError(f"{name} must be above 0, got values from {tensor.min().item():g}")


def _finish(values: Tensor, weight: Tensor | None, reduction: str, dtype: torch.dtype) -> Tensor:
    """Weighted losses of the entries, reduced."""
    if weight is None:
        return reduce(values, reduction, dtype=dtype)
    weight = weight.to(values.dtype)
    return reduce(values * weight, reduction, weight, dtype)


def _raised(parameter: Tensor, floor: float) -> Tensor:
    """`parameter` raised to `floor`; the gradient passes straight through, as in torch's Gaussian loss."""
    return torch.where(parameter < floor, floor + (parameter - parameter.detach()), parameter)


def _floored(name: str, parameter: Tensor, from_log: bool, eps: float) -> Tensor:
    """A positive parameter that is at least `eps`, or its logarithm that is at least that of `eps`."""
    check_positive("eps", eps)
    if from_log:
        return _raised(parameter, math.log(eps))
    if parameter.numel() and known(parameter, lambda: parameter.detach().min() >= eps):
        return parameter
    _check_not_negative(name, parameter)
    return _raised(parameter, eps)


def _scale(name: str, parameter: Tensor, from_log: bool, eps: float) -> tuple[Tensor, Tensor]:
    """A positive parameter and its logarithm, from either of them; at least `eps`."""
    floored = _floored(name, parameter, from_log, eps)
    return (floored.exp(), floored) if from_log else (floored, floored.log())


# --- likelihoods of real numbers --------------------------------------------------------------------------------------


@loss(
    tasks=("time series", "tabular"),
    names=("negative log-likelihood", "NLL", "Gaussian NLL", "Gaussian likelihood"),
    domain={"mean": "forecasts", "target": "forecasts", "variance": "scales"},
    range=(0.5 * math.log(1e-6), float("inf")),
    properties=_OF_LOCATION,
    cases=({"from_log": True}, {"full": True, "eps": 1e-3}, {"weight": (0.5, 2.0, 1.0)}),
    differentiable=("mean", "variance"),
    chapter=16,
)
def gaussian_nll_loss(
    mean: Tensor,
    target: Tensor,
    variance: Tensor,
    *,
    from_log: bool = False,
    full: bool = False,
    eps: float = 1e-6,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Gaussian NLL: the surprise, in nats, at the target under a normal distribution that was predicted.

    .. math::

        \ell(\mu, y, v) = \frac12 \left( \log v + \frac{(y - \mu)^2}{v} \right)
                          \; \big[ + \tfrac12 \log 2\pi \text{ if full} \big]

    With a fixed variance it is half the squared error, up to a constant. The values are those of
    :func:`torch.nn.functional.gaussian_nll_loss`. As there, a variance below `eps` is raised to it (not added: the
    documentation of older torch says otherwise), and the gradient passes through as if it had not been.

    Args:
        mean: predicted mean, any shape.
        target: true values, the same shape.
        variance: predicted variance, the same shape; with `from_log` its logarithm.
        from_log: whether `variance` holds the logarithm of the variance: any real number, so that a network needs no
            activation for it.
        full: whether the constant :math:`\tfrac12 \log 2\pi` is included. Without it, as in torch, the values of
            different distributions cannot be compared.
        eps: the smallest variance. It bounds the loss from below by :math:`\tfrac12\log\epsilon`.
        weight: weight of each entry, broadcast to the shape of the mean; 0 leaves an entry out.
        reduction: `"none"` gives the weighted losses; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in nats: a scalar, or the shape of the mean for `reduction="none"`.

    Raises:
        TypeError: a mean that is not floating-point.
        ValueError: shapes that differ, a negative variance, a negative weight, an unknown reduction.

    References:
        Nix and Weigend, Estimating the mean and variance of the target probability distribution, 1994,
        https://doi.org/10.1109/ICNN.1994.374138. As a forecaster's loss: Salinas, Flunkert and Gasthaus, DeepAR,
        2017, https://arxiv.org/abs/1704.04110.

    Example:
        >>> gaussian_nll_loss(torch.tensor([0.0]), torch.tensor([1.0]), torch.tensor([1.0]))
        tensor(0.5000)
    """
    mean, target, variance = _check(reduction, weight, mean=mean, target=target, variance=variance)
    mu, y, v = together(mean, target, variance)
    v, log_v = _scale("variance", v, from_log, eps)
    values = 0.5 * (log_v + F.mse_loss(mu, y, reduction="none") / v)
    return _finish(values + _HALF_LOG_2PI if full else values, weight, reduction, mean.dtype)


GaussianNLLLoss = as_module("GaussianNLLLoss", gaussian_nll_loss)


@gradient_of(gaussian_nll_loss)
def _gaussian_nll_gradient(mean: Tensor, target: Tensor, variance: Tensor, *, from_log: bool = False) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\mu = (\mu - y) / (v N)`: the error, in units of the variance. With respect
    to the variance it is :math:`(v - (y-\mu)^2) / (2 v^2 N)`: the predicted minus the observed square."""
    variance = variance.exp() if from_log else variance
    return (mean - target) / (variance * target.numel())


@loss(
    tasks=("time series", "tabular"),
    names=("Laplace NLL", "Laplace likelihood"),
    domain={"location": "forecasts", "target": "forecasts", "scale": "scales"},
    range=(math.log(2e-6), float("inf")),
    properties=_OF_LOCATION
    | _STEEP
    | {"smooth": no("the slope jumps at the target", first=[0.0], target=[0.0])},
    cases=({"from_log": True}, {"eps": 1e-3}, {"weight": (0.5, 2.0, 1.0)}),
    differentiable=("location", "scale"),
    chapter=16,
)  # fmt: skip
def laplace_nll_loss(
    location: Tensor,
    target: Tensor,
    scale: Tensor,
    *,
    from_log: bool = False,
    eps: float = 1e-6,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Laplace NLL: the surprise, in nats, at the target under a Laplace distribution that was predicted.

    .. math::

        \ell(m, y, b) = \log 2b + \frac{|y - m|}{b}

    With a fixed scale it is the absolute error, up to a constant: the location that it asks for is the median.

    Args:
        location: predicted median, any shape.
        target: true values, the same shape.
        scale: predicted scale :math:`b`, the mean absolute deviation, the same shape; with `from_log` its logarithm.
        from_log: whether `scale` holds logarithms.
        eps: the smallest scale; smaller ones are raised to it, and the gradient passes through.
        weight: weight of each entry, broadcast to the shape of the location; 0 leaves an entry out.
        reduction: `"none"` gives the weighted losses; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in nats: a scalar, or the shape of the location for `reduction="none"`. At the target itself the
        gradient with respect to the location is zero.

    Raises:
        TypeError: a location that is not floating-point.
        ValueError: shapes that differ, a negative scale, a negative weight, an unknown reduction.

    References:
        Laplace, Mémoire sur la probabilité des causes par les évènements, 1774, translated by Stigler, 1986,
        https://doi.org/10.1214/ss/1177013621.

    Example:
        >>> laplace_nll_loss(torch.tensor([0.0]), torch.tensor([1.0]), torch.tensor([0.5]))
        tensor(2.)
    """
    location, target, scale = _check(reduction, weight, location=location, target=target, scale=scale)
    m, y, b = together(location, target, scale)
    b, log_b = _scale("scale", b, from_log, eps)
    values = log_b + F.l1_loss(m, y, reduction="none") / b + math.log(2)
    return _finish(values, weight, reduction, location.dtype)


LaplaceNLLLoss = as_module("LaplaceNLLLoss", laplace_nll_loss)


@gradient_of(laplace_nll_loss)
def _laplace_nll_gradient(location: Tensor, target: Tensor, scale: Tensor, *, from_log: bool = False) -> Tensor:
    r""":math:`\partial\mathcal L / \partial m = \mathrm{sign}(m - y) / (b N)`."""
    scale = scale.exp() if from_log else scale
    return torch.sign(location - target) / (scale * target.numel())


@loss(
    tasks=("time series", "tabular"),
    names=("Student-t NLL", "Student-t likelihood"),
    domain={
        "location": "forecasts",
        "target": "forecasts",
        "scale": "scales",
        "degrees_of_freedom": "degrees of freedom",
    },
    range=_INFINITE,
    properties=_OF_LOCATION
    | _STEEP
    | {
        "convex": no("far out it grows like a logarithm", first=[0.0], other=[100.0], target=[0.0]),
        "bounded": no("it grows, slowly, with the error", first=[1e20], target=[0.0]),
    },
    cases=({"from_log": True}, {"eps": 1e-3}, {"weight": (0.5, 2.0, 1.0)}),
    differentiable=("location", "scale", "degrees_of_freedom"),
    chapter=16,
)
def student_t_nll_loss(
    location: Tensor,
    target: Tensor,
    scale: Tensor,
    degrees_of_freedom: Tensor,
    *,
    from_log: bool = False,
    eps: float = 1e-6,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Student-t NLL: the surprise, in nats, at the target under a heavy-tailed distribution that was predicted.

    .. math::

        \ell = \log\Gamma\!\left(\tfrac{\nu}{2}\right) - \log\Gamma\!\left(\tfrac{\nu+1}{2}\right)
               + \tfrac12 \log(\nu\pi) + \log\sigma
               + \tfrac{\nu+1}{2} \log\!\left(1 + \frac{(y-m)^2}{\nu\sigma^2}\right)

    An error far out costs its logarithm, not its square, so that single outliers do not rule the fit. With
    :math:`\nu \to \infty` it becomes the Gaussian loss (with its constant); the two gamma functions are subtracted in
    a form that keeps its digits on the way. With :math:`\nu \le 2` the distribution has no variance: those who need
    one predict :math:`\nu = 2 + \mathrm{softplus}(\cdot)`.

    Args:
        location: predicted center, any shape.
        target: true values, the same shape.
        scale: predicted scale :math:`\sigma` (not the standard deviation), the same shape; with `from_log` its
            logarithm.
        degrees_of_freedom: :math:`\nu`, above 0, the same shape.
        from_log: whether `scale` holds logarithms.
        eps: the smallest scale, and the fewest degrees of freedom; smaller ones are raised to it, and the gradient
            passes through.
        weight: weight of each entry, broadcast to the shape of the location; 0 leaves an entry out.
        reduction: `"none"` gives the weighted losses; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in nats: a scalar, or the shape of the location for `reduction="none"`.

    Raises:
        TypeError: a location that is not floating-point.
        ValueError: shapes that differ, a negative scale or number of degrees, a negative weight, an unknown reduction.

    References:
        Lange, Little and Taylor, Robust statistical modeling using the t distribution, 1989,
        https://doi.org/10.1080/01621459.1989.10478852.

    Example:
        >>> one = torch.tensor([1.0])
        >>> student_t_nll_loss(torch.tensor([0.0]), one, one, one)  # the Cauchy distribution
        tensor(1.8379)
    """
    tensors = _check(
        reduction, weight, location=location, target=target, scale=scale, degrees_of_freedom=degrees_of_freedom
    )
    location, target, scale, degrees_of_freedom = tensors
    m, y, sigma, nu = together(location, target, scale, degrees_of_freedom)
    sigma, log_sigma = _scale("scale", sigma, from_log, eps)
    nu = _floored("degrees_of_freedom", nu, False, eps)
    values = with_slopes(_student_t, _STUDENT_T_SLOPES, m - y, sigma, log_sigma, nu)
    return _finish(values, weight, reduction, location.dtype)


StudentTNLLLoss = as_module("StudentTNLLLoss", student_t_nll_loss)


def _student_t(error: Tensor, sigma: Tensor, log_sigma: Tensor, nu: Tensor) -> Tensor:
    constant = nu.log().sub_(_log_gamma_half_step(nu / 2), alpha=2).add_(math.log(math.pi))
    surprise = (error / sigma).square().div_(nu).log1p_().mul_(nu + 1)
    return surprise.add_(constant).mul_(0.5).add_(log_sigma)


def _student_t_in_error(error: Tensor, sigma: Tensor, _: Tensor, nu: Tensor) -> Tensor:
    w = error / sigma
    return (nu + 1) * (w / (w.square() + nu)) / sigma


def _student_t_in_sigma(error: Tensor, sigma: Tensor, log_sigma: Tensor, nu: Tensor) -> Tensor:
    return -error / sigma * _student_t_in_error(error, sigma, log_sigma, nu)


def _student_t_in_nu(error: Tensor, sigma: Tensor, _: Tensor, nu: Tensor) -> Tensor:
    q = (error / sigma).square() / nu
    return 0.5 * (torch.log1p(q) + (1 - (nu + 1) * (q / (1 + q))) / nu - _log_gamma_half_step_slope(nu / 2))


_STUDENT_T_SLOPES = (_student_t_in_error, _student_t_in_sigma, lambda *_: 1.0, _student_t_in_nu)
_SEAM = 20.0  # from here on Stirling's series below are exact to 1e-15


def _log_gamma_half_step(x: Tensor) -> Tensor:
    r""":math:`\log\Gamma(x + \tfrac12) - \log\Gamma(x)`. For large :math:`x` the difference of two large numbers gives
    way to its asymptotic series.

    The one is followed up to where they meet, the other from there on: what they change is added, and nothing selected.
    """
    series = _half_step_series(_beyond_seam(x)).sub_(math.lgamma(_SEAM + 0.5) - math.lgamma(_SEAM))
    near = x.clamp_max(_SEAM)
    return series.add_((near + 0.5).lgamma_()).sub_(near.lgamma_())


def _log_gamma_half_step_slope(x: Tensor) -> Tensor:
    at_seam = _half_step_slope(torch.tensor(_SEAM, dtype=torch.float64)).item()
    near = x.clamp_max(_SEAM)
    return _half_step_slope(_beyond_seam(x)) - at_seam + torch.digamma(near + 0.5) - torch.digamma(near)


def _beyond_seam(x: Tensor) -> Tensor:
    """`x`, but not less than the seam, where it has no slope: there `x.clamp_max` has it."""
    return F.relu(x - _SEAM) + _SEAM


def _half_step_series(x: Tensor) -> Tensor:
    value = _polynomial(x, -31 / 18432, 17 / 14336, -1 / 640, 1 / 192, -1 / 8).div_(x)
    return value.add_(x.log(), alpha=0.5)


def _half_step_slope(x: Tensor) -> Tensor:
    return _polynomial(x, 31 / 2048, -17 / 2048, 1 / 128, -1 / 64, 1 / 8).div_(x).add_(0.5).div_(x)


def _polynomial(x: Tensor, highest: float, *others: float) -> Tensor:
    """A polynomial of one over the square of `x`, by Horner's scheme."""
    u = x.square().reciprocal_()
    value = u * highest
    for coefficient in others[:-1]:
        value = value.add_(coefficient).mul_(u)
    return value.add_(others[-1])


@gradient_of(student_t_nll_loss)
def _student_t_nll_gradient(
    location: Tensor, target: Tensor, scale: Tensor, degrees_of_freedom: Tensor, *, from_log: bool = False
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial m = (\nu + 1)(m - y) / \big( (\nu\sigma^2 + (m - y)^2) N \big)`: it falls
    again where the error is large."""
    scale = scale.exp() if from_log else scale
    error = location - target
    return (degrees_of_freedom + 1) * error / ((degrees_of_freedom * scale**2 + error**2) * target.numel())


@loss(
    tasks=("time series", "tabular"),
    names=("log-normal NLL",),
    domain={"location": "forecasts", "target": "positive amounts", "scale": "scales"},
    range=_INFINITE,
    properties=_OF_LOCATION
    | {
        "lipschitz": no("the slope grows with the error", first=[1e4], other=[0.0], target=[1.0]),
        "bounded": no("it grows with the error", first=[1000.0], target=[1.0]),
        "symmetric": _ROLES,
        "scale_invariant": _ROLES,
    },
    cases=({"from_log": True}, {"eps": 1e-3}, {"weight": (0.5, 2.0, 1.0)}),
    differentiable=("location", "scale"),
    chapter=16,
)
def log_normal_nll_loss(
    location: Tensor,
    target: Tensor,
    scale: Tensor,
    *,
    from_log: bool = False,
    eps: float = 1e-6,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Log-normal NLL: the surprise, in nats, at a positive target whose logarithm was predicted to be normal.

    .. math::

        \ell(m, y, \sigma) = \log y + \log\sigma + \tfrac12 \log 2\pi + \frac{(\log y - m)^2}{2\sigma^2}

    Args:
        location: predicted mean of :math:`\log y`, any shape; :math:`e^m` is the median of :math:`y`.
        target: true values, above 0, the same shape.
        scale: predicted standard deviation of :math:`\log y`, the same shape; with `from_log` its logarithm.
        from_log: whether `scale` holds logarithms.
        eps: the smallest scale; smaller ones are raised to it, and the gradient passes through.
        weight: weight of each entry, broadcast to the shape of the location; 0 leaves an entry out.
        reduction: `"none"` gives the weighted losses; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in nats: a scalar, or the shape of the location for `reduction="none"`.

    Raises:
        TypeError: a location that is not floating-point.
        ValueError: shapes that differ, a target that is not positive, a negative scale, a negative weight, an unknown
            reduction.

    References:
        Galton, The geometric mean in vital and social statistics, 1879, https://doi.org/10.1098/rspl.1879.0060.

    Example:
        >>> one = torch.tensor([1.0])
        >>> log_normal_nll_loss(torch.tensor([0.0]), one, one)
        tensor(0.9189)
    """
    location, target, scale = _check(reduction, weight, location=location, target=target, scale=scale)
    _check_above_zero("target", target)
    m, y, sigma = together(location, target, scale)
    sigma, log_sigma = _scale("scale", sigma, from_log, eps)
    log_y = y.log()
    values = log_y + log_sigma + _HALF_LOG_2PI + 0.5 * ((log_y - m) / sigma) ** 2
    return _finish(values, weight, reduction, location.dtype)


LogNormalNLLLoss = as_module("LogNormalNLLLoss", log_normal_nll_loss)


@gradient_of(log_normal_nll_loss)
def _log_normal_nll_gradient(location: Tensor, target: Tensor, scale: Tensor, *, from_log: bool = False) -> Tensor:
    r""":math:`\partial\mathcal L / \partial m = (m - \log y) / (\sigma^2 N)`."""
    scale = scale.exp() if from_log else scale
    return (location - target.log()) / (scale**2 * target.numel())


@loss(
    tasks=("time series", "tabular"),
    names=("mixture density", "MDN"),
    domain={
        "logits": "forecasts",
        "target": "observations",
        "mean": "component means",
        "scale": "component scales",
    },
    range=_INFINITE,
    properties={
        "minimum_at_target": yes,
        "convex": no(
            "a component far too weak to matter gains nothing from a little more weight",
            first=[[-60.0, 0.0]], other=[[-40.0, 0.0]], target=[0.0], mean=[[0.0, 10.0]], scale=[[1.0, 1.0]],
        ),
        "lipschitz": up_to(2.0),
        "smooth": yes,
        "bounded": no(
            "it grows with the distance to the nearest component",
            first=[[0.0, 0.0]], target=[100.0], mean=[[0.0, 1.0]], scale=[[1.0, 1.0]],
        ),
        "symmetric": _ROLES,
        "proper": yes,
        "scale_invariant": _ROLES,
        "permutation_invariant": yes,
    },
    cases=({"from_log": True}, {"eps": 1e-3}, {"weight": (0.3,)}),
    differentiable=("logits", "mean", "scale"),
    chapter=16,
)  # fmt: skip
def mixture_nll_loss(
    logits: Tensor,
    target: Tensor,
    mean: Tensor,
    scale: Tensor,
    *,
    from_log: bool = False,
    eps: float = 1e-6,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Mixture NLL: the surprise, in nats, at the target under a mixture of Gaussians that was predicted (MDN).

    .. math::

        \ell = -\log \sum_{k=1}^{K} \pi_k\, \mathcal N(y;\, \mu_k, \sigma_k^2), \qquad \pi = \mathrm{softmax}(z)

    It is summed in logarithms, so that a target far from all components still has a finite loss and a gradient. A
    component that comes to sit on a single target can shrink without end; `eps` stops it.

    Args:
        logits: scores :math:`z` of the components, `(*, K)`.
        target: true values, `(*)`: the shape of the logits without their last dimension.
        mean: predicted means of the components, `(*, K)`.
        scale: predicted standard deviations of the components, `(*, K)`; with `from_log` their logarithms.
        from_log: whether `scale` holds logarithms.
        eps: the smallest scale; smaller ones are raised to it, and the gradient passes through.
        weight: weight of each target, broadcast to the shape of the target; 0 leaves one out.
        reduction: `"none"` gives the weighted losses; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in nats: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: logits that are not floating-point.
        ValueError: shapes that do not go together, a negative scale, a negative weight, an unknown reduction.

    References:
        Bishop, Mixture density networks, 1994, as in Pattern recognition and machine learning, 2006,
        ISBN 978-0387310732, section 5.6.

    Example:
        >>> logits, mean = torch.tensor([[0.0, 0.0]]), torch.tensor([[-1.0, 1.0]])
        >>> mixture_nll_loss(logits, torch.tensor([1.0]), mean, torch.tensor([[0.1, 0.1]]))
        tensor(-0.6905)
    """
    check_tensors(logits=logits, target=target, mean=mean, scale=scale, weight=weight)
    check_floating("logits", logits)
    check_reduction(reduction)
    check_same_shape("mean", mean, "logits", logits)
    check_same_shape("scale", scale, "logits", logits)
    _check_leading_shape(target, "logits", logits, 1)
    tensors = _hidden(weight, target.shape, logits, target, mean, scale)
    z, y, mu, sigma = together(*tensors)
    sigma, log_sigma = _scale("scale", sigma, from_log, eps)
    joint = z.log_softmax(-1) - log_sigma - _HALF_LOG_2PI - 0.5 * ((y.unsqueeze(-1) - mu) / sigma) ** 2
    return _finish(-joint.logsumexp(-1), weight, reduction, logits.dtype)


MixtureNLLLoss = as_module("MixtureNLLLoss", mixture_nll_loss)


def _check_leading_shape(target: Tensor, name: str, first: Tensor, trailing: int) -> None:
    """`target` has the shape of the first argument without its last dimensions, each of which holds something."""
    if first.dim() <= trailing or 0 in first.shape[first.dim() - trailing :]:
        raise ValueError(f"{name} must have shape (N, *, M) with M above 0, got {tuple(first.shape)}")
    expected = tuple(first.shape[: first.dim() - trailing])
    if tuple(target.shape) != expected:
        raise ValueError(
            f"target must have shape {expected} to go with {name} of shape {tuple(first.shape)}, "
            f"got {tuple(target.shape)}"
        )


@gradient_of(mixture_nll_loss)
def _mixture_nll_gradient(
    logits: Tensor, target: Tensor, mean: Tensor, scale: Tensor, *, from_log: bool = False
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_k = (\pi_k - r_k) / N` with the responsibility
    :math:`r_k = \pi_k \mathcal N_k / \sum_j \pi_j \mathcal N_j`: prior minus posterior weight of a component."""
    scale = scale.exp() if from_log else scale
    density = torch.exp(-0.5 * ((target.unsqueeze(-1) - mean) / scale) ** 2 + logits.log_softmax(-1)) / scale
    return (logits.softmax(-1) - density / density.sum(-1, keepdim=True)) / target.numel()


# --- likelihoods of counts and amounts --------------------------------------------------------------------------------


@loss(
    tasks=("time series", "tabular"),
    names=("Poisson NLL", "Poisson likelihood", "Poisson regression"),
    domain={"prediction": "log rates", "target": "counts"},
    range=_INFINITE,
    properties=_OF_COUNTS,
    cases=({"full": True}, {"weight": (0.5, 2.0, 1.0)}, {"full": True, "eps": 1e-4}),
    chapter=15,
)
def poisson_nll_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    from_log: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Poisson NLL: the surprise, in nats, at a count under a Poisson distribution whose rate was predicted.

    .. math::

        \ell(z, y) = e^{z} - y z \quad\text{or, from the rate,}\quad \lambda - y \log(\lambda + \epsilon)
                     \qquad \big[ + \log y! \text{ if full} \big]

    The arithmetic is that of :func:`torch.nn.functional.poisson_nll_loss`, whose `log_input` is our `from_log`; with
    `full`, :math:`\log y!` is Stirling's approximation above 1 and zero up to 1, as there.

    Args:
        prediction: logarithm of the predicted rate, any shape; with `from_log=False` the rate itself. Its exponential
            must be finite in the dtype of the computation: logarithms up to 88 in float32.
        target: counts, the same shape; whole numbers or not, but not negative.
        from_log: whether the prediction is the logarithm of the rate.
        full: whether the term without the prediction is included.
        eps: added to the rate before its logarithm is taken; used with `from_log=False` alone.
        weight: weight of each entry, broadcast to the shape of the prediction; 0 leaves an entry out.
        reduction: `"none"` gives the weighted losses; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in nats: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a negative count or rate, a negative weight, an unknown reduction.

    References:
        Nelder and Wedderburn, Generalized linear models, 1972, https://doi.org/10.2307/2344614.

    Example:
        >>> poisson_nll_loss(torch.tensor([0.0]), torch.tensor([3.0]))
        tensor(1.)
    """
    prediction, target = _check(reduction, weight, prediction=prediction, target=target)
    check_positive("eps", eps)
    _check_not_negative("target", target)
    if not from_log:
        _check_not_negative("prediction", prediction)
    z, y = together(prediction, target)
    values = F.poisson_nll_loss(z, y, log_input=from_log, full=full, eps=eps, reduction="none")
    return _finish(values, weight, reduction, prediction.dtype)


PoissonNLLLoss = as_module("PoissonNLLLoss", poisson_nll_loss)


@gradient_of(poisson_nll_loss)
def _poisson_nll_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = (e^z - y) / N`: the predicted minus the observed count."""
    return (prediction.exp() - target) / target.numel()


_FORMS = ("mean", "log_mean", "logits")


@loss(
    tasks=("time series", "tabular"),
    names=("negative binomial NLL", "negative log-likelihood", "negative binomial likelihood"),
    domain={"prediction": "positive amounts", "target": "counts", "dispersion": "scales"},
    range=(0.0, float("inf")),
    properties=_OF_COUNTS
    | {
        "convex": no("a mean far too large costs its logarithm", first=[1.0], other=[99.0], target=[0.0]),
        "lipschitz": no("close to zero a count is a surprise without bound", first=[1e-5], other=[2e-5], target=[1.0]),
        "bounded": no("it grows with what the mean misses", first=[1e-5], target=[20.0]),
        "scale_invariant": _ROLES,
    },
    cases=({"form": "log_mean"}, {"form": "logits"}, {"eps": 1e-3}, {"weight": (0.5, 2.0, 1.0)}),
    differentiable=("prediction", "dispersion"),
    chapter=16,
)
def negative_binomial_nll_loss(
    prediction: Tensor,
    target: Tensor,
    dispersion: Tensor,
    *,
    form: str = "mean",
    eps: float = 1e-6,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Negative binomial NLL: the surprise, in nats, at a count whose mean and spread were predicted.

    .. math::

        \ell = -\log\frac{\Gamma(y + r)}{y!\, \Gamma(r)} + r \log(1 + \alpha\mu)
               + y \log\frac{1 + \alpha\mu}{\alpha\mu}, \qquad r = \frac1\alpha

    The mean is :math:`\mu` and the variance :math:`\mu + \alpha\mu^2`: more than that of the Poisson distribution,
    which is the limit :math:`\alpha \to 0`. The form is chosen so that no digits are lost on the way there.

    Args:
        prediction: any shape. For `form="mean"` the mean :math:`\mu`, above 0; for `"log_mean"` its logarithm; for
            `"logits"` the log-odds :math:`\log(\alpha\mu)` of another count.
        target: counts, the same shape.
        dispersion: the same shape, above 0. For `"mean"` and `"log_mean"` it is :math:`\alpha`, as DeepAR has it; for
            `"logits"` it is :math:`r`, the `total_count` of :class:`torch.distributions.NegativeBinomial`.
        form: `"mean"`, `"log_mean"` or `"logits"`. DeepAR scales :math:`\mu` and :math:`\alpha` with each series:
            multiply the mean by the scale and divide the dispersion by its root before the call.
        eps: the smallest mean and dispersion; smaller ones are raised to it, and the gradient passes through.
        weight: weight of each entry, broadcast to the shape of the prediction; 0 leaves an entry out.
        reduction: `"none"` gives the weighted losses; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in nats: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a negative count, mean or dispersion, a negative weight, an unknown form or
            reduction.

    References:
        Salinas, Flunkert and Gasthaus, DeepAR, 2017, https://arxiv.org/abs/1704.04110, section 3.1. The distribution:
        Hilbe, Negative binomial regression, 2011, ISBN 978-0521198158.

    Example:
        >>> one = torch.tensor([1.0])
        >>> negative_binomial_nll_loss(one, torch.tensor([0.0]), one)
        tensor(0.6931)
    """
    tensors = _check(reduction, weight, prediction=prediction, target=target, dispersion=dispersion)
    prediction, target, dispersion = tensors
    values = _negative_binomial(*_counts_of(prediction, target, dispersion, form, eps))
    return _finish(values, weight, reduction, prediction.dtype)


NegativeBinomialNLLLoss = as_module("NegativeBinomialNLLLoss", negative_binomial_nll_loss)


def _counts_of(
    prediction: Tensor, target: Tensor, dispersion: Tensor, form: str, eps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """From any of the forms: the counts, the total count `r`, the log-odds, and the logarithm of the mean."""
    check_choice("form", form, _FORMS)
    _check_not_negative("target", target)
    first, y, d = together(prediction, target, dispersion)
    d, log_d = _scale("dispersion", d, False, eps)
    if form == "logits":
        r, z, log_mean = d, first, first + log_d
    else:
        log_mean = _scale("prediction", first, form == "log_mean", eps)[1]
        r, z = 1 / d, log_mean + log_d
    return y, r, z, log_mean


def _negative_binomial(y: Tensor, r: Tensor, z: Tensor, log_mean: Tensor) -> Tensor:
    """The loss of each count."""

    def curve(y: Tensor, r: Tensor, z: Tensor, log_mean: Tensor) -> Tensor:
        # -logsigmoid(-z) = log(1 + e^z); the gamma functions are of the order of r, but their difference is not
        value = F.logsigmoid(-z).mul_(-(y + r)).sub_(y * log_mean)
        return value.sub_(_log_rising(y, r)).add_(torch.lgamma(y + 1))

    def slope_in_count(y: Tensor, r: Tensor, z: Tensor, log_mean: Tensor) -> Tensor:
        return torch.digamma(y + 1) - _log_rising_in_y(y, r) - log_mean - F.logsigmoid(-z)

    def slope_in_r(y: Tensor, r: Tensor, z: Tensor, log_mean: Tensor) -> Tensor:  # noqa: ARG001
        return -_log_rising_in_r(y, r) - F.logsigmoid(-z)

    slopes = (
        slope_in_count,
        slope_in_r,
        lambda y, r, z, _: (y + r) * z.sigmoid(),
        lambda y, *_: -y,
    )
    return with_slopes(curve, slopes, y, r, z, log_mean)


def _log_rising(y: Tensor, r: Tensor) -> Tensor:
    r""":math:`\log\Gamma(r + y) - \log\Gamma(r) - y \log r`, which goes to zero for large :math:`r`; by Stirling's
    series there."""

    def exact() -> Tensor:
        return torch.lgamma(r + y).sub_(torch.lgamma(r)).sub_(y * r.log())

    def series() -> Tensor:
        large = r.clamp_min(_SEAM)
        top = large + y
        return torch.log1p(y / large).mul_(top - 0.5).sub_(y).add_(_stirling(top)).sub_(_stirling(large))

    return _near_or_far(r, exact, series)


def _log_rising_in_y(y: Tensor, r: Tensor) -> Tensor:
    def series() -> Tensor:
        large = r.clamp_min(_SEAM)
        top = large + y
        return torch.log1p(y / large) - 0.5 / top + _stirling_slope(top)

    return _near_or_far(r, lambda: torch.digamma(r + y) - r.log(), series)


def _log_rising_in_r(y: Tensor, r: Tensor) -> Tensor:
    def series() -> Tensor:
        large = r.clamp_min(_SEAM)
        top, u = large + y, y / large
        return torch.log1p(u) - u + 0.5 * u / top + _stirling_slope(top) - _stirling_slope(large)

    return _near_or_far(r, lambda: torch.digamma(r + y) - torch.digamma(r) - y / r, series)


def _near_or_far(r: Tensor, near: Callable[[], Tensor], far: Callable[[], Tensor]) -> Tensor:
    """What is exact for small `r`, or the series for large ones."""
    if r.numel() and known(r, lambda: r.max() <= _SEAM):
        return near()
    return torch.where(r > _SEAM, far(), near())


def _stirling(x: Tensor) -> Tensor:
    """What Stirling's formula for the logarithm of the gamma function leaves out, for large arguments."""
    return _polynomial(x, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12).div_(x)


def _stirling_slope(x: Tensor) -> Tensor:
    return _polynomial(x, 691 / 32760, -1 / 132, 1 / 240, -1 / 252, 1 / 120, -1 / 12).div_(x).div_(x)


@gradient_of(negative_binomial_nll_loss)
def _negative_binomial_nll_gradient(prediction: Tensor, target: Tensor, dispersion: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\mu = (\mu - y) / \big( \mu (1 + \alpha\mu) N \big)`: the error in units of
    the variance."""
    return (prediction - target) / (prediction * (1 + dispersion * prediction) * target.numel())


_ZERO_INFLATED = _OF_COUNTS | {
    "convex": no(
        "a zero has no more to lose once the rate is too large",
        first=[-5.0], other=[10.0], target=[0.0], zero_logits=[0.0],
    ),
    "bounded": no("it grows with the rate", first=[10.0], target=[1.0], zero_logits=[0.0]),
    "lipschitz": no("the slope grows with the rate", first=[20.0], other=[15.0], target=[1.0]),
}  # fmt: skip


@loss(
    tasks=("time series", "tabular"),
    names=("zero-inflated Poisson", "ZIP"),
    domain={"log_rate": "log rates", "target": "counts", "zero_logits": "zero-inflation logits"},
    range=(0.0, float("inf")),
    properties=_ZERO_INFLATED,
    cases=({"weight": (0.5, 2.0, 1.0)},),
    differentiable=("log_rate", "zero_logits"),
    chapter=15,
)
def zero_inflated_poisson_nll_loss(
    log_rate: Tensor,
    target: Tensor,
    zero_logits: Tensor,
    *,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Zero-inflated Poisson NLL: the surprise, in nats, at a count that is zero more often than its rate says.

    .. math::

        P(0) = \pi + (1 - \pi) e^{-\lambda}, \qquad P(y) = (1 - \pi) \frac{\lambda^y e^{-\lambda}}{y!} \;\; (y > 0),
        \qquad \pi = \sigma(w), \; \lambda = e^z

    Sales of a product that was not on the shelf are such counts. All terms are added as logarithms.

    Args:
        log_rate: logarithm :math:`z` of the predicted rate, any shape. Its exponential must be finite in the dtype of
            the computation: up to 88 in float32.
        target: counts, the same shape.
        zero_logits: log-odds :math:`w` of a zero for another reason, the same shape.
        weight: weight of each entry, broadcast to the shape of the rate; 0 leaves an entry out.
        reduction: `"none"` gives the weighted losses; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in nats: a scalar, or the shape of the rate for `reduction="none"`.

    Raises:
        TypeError: a rate that is not floating-point.
        ValueError: shapes that differ, a negative count, a negative weight, an unknown reduction.

    References:
        Lambert, Zero-inflated Poisson regression, 1992, https://doi.org/10.2307/1269547.

    Example:
        >>> zero = torch.tensor([0.0])
        >>> zero_inflated_poisson_nll_loss(zero, zero, zero)
        tensor(0.3799)
    """
    log_rate, target, zero_logits = _check(reduction, weight, log_rate=log_rate, target=target, zero_logits=zero_logits)
    _check_not_negative("target", target)
    z, y, w = together(log_rate, target, zero_logits)
    values = _zero_inflated(z.exp() - y * z + torch.lgamma(y + 1), y, w)
    return _finish(values, weight, reduction, log_rate.dtype)


ZeroInflatedPoissonNLLLoss = as_module("ZeroInflatedPoissonNLLLoss", zero_inflated_poisson_nll_loss)


def _zero_inflated(surprise: Tensor, y: Tensor, zero_logits: Tensor) -> Tensor:
    """The loss of a count from its loss without inflation, and the log-odds of another reason for a zero."""
    counted = surprise - F.logsigmoid(-zero_logits)
    return torch.where(y == 0, -torch.logaddexp(F.logsigmoid(zero_logits), -counted), counted)


@gradient_of(zero_inflated_poisson_nll_loss)
def _zero_inflated_poisson_gradient(log_rate: Tensor, target: Tensor, zero_logits: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = \rho\, (e^z - y) / N`: that of the Poisson loss, times the probability
    :math:`\rho` that the count came from the Poisson distribution, given that it was seen: 1 above zero, and
    :math:`\sigma(-w - \lambda)` at zero."""
    rate = log_rate.exp()
    share = torch.where(target == 0, torch.sigmoid(-zero_logits - rate), 1.0)
    return share * (rate - target) / target.numel()


@loss(
    tasks=("time series", "tabular"),
    names=("zero-inflated negative binomial", "ZINB"),
    domain={
        "prediction": "positive amounts",
        "target": "counts",
        "dispersion": "scales",
        "zero_logits": "zero-inflation logits",
    },
    range=(0.0, float("inf")),
    properties=_ZERO_INFLATED
    | {
        "convex": no("a mean far too large costs little more", first=[1.0], other=[99.0], target=[0.0]),
        "lipschitz": no("close to zero a count is a surprise without bound", first=[1e-5], other=[2e-5], target=[1.0]),
        "bounded": no("it grows with what the mean misses", first=[1e-5], target=[20.0]),
    },
    cases=({"form": "log_mean"}, {"form": "logits"}, {"eps": 1e-3}, {"weight": (0.5, 2.0, 1.0)}),
    differentiable=("prediction", "dispersion", "zero_logits"),
    chapter=16,
)
def zero_inflated_negative_binomial_nll_loss(
    prediction: Tensor,
    target: Tensor,
    dispersion: Tensor,
    zero_logits: Tensor,
    *,
    form: str = "mean",
    eps: float = 1e-6,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Zero-inflated negative binomial NLL: the surprise at a dispersed count with more zeros than it should have.

    .. math::

        P(0) = \pi + (1 - \pi)\, \mathrm{NB}(0;\, \mu, \alpha), \qquad P(y) = (1 - \pi)\, \mathrm{NB}(y;\, \mu, \alpha)
        \;\; (y > 0), \qquad \pi = \sigma(w)

    Args:
        prediction: the mean, its logarithm, or log-odds, as `form` says (see :func:`negative_binomial_nll_loss`).
        target: counts, the same shape.
        dispersion: :math:`\alpha`, or the total count for `form="logits"`; the same shape, above 0.
        zero_logits: log-odds :math:`w` of a zero for another reason, the same shape.
        form: `"mean"`, `"log_mean"` or `"logits"`.
        eps: the smallest mean and dispersion; smaller ones are raised to it, and the gradient passes through.
        weight: weight of each entry, broadcast to the shape of the prediction; 0 leaves an entry out.
        reduction: `"none"` gives the weighted losses; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in nats: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a negative count, mean or dispersion, a negative weight, an unknown form or
            reduction.

    References:
        Greene, Accounting for excess zeros and sample selection in Poisson and negative binomial regression models,
        1994; as in Lopez et al., Deep generative modeling for single-cell transcriptomics, 2018,
        https://doi.org/10.1038/s41592-018-0229-2.

    Example:
        >>> zero, one = torch.tensor([0.0]), torch.tensor([1.0])
        >>> zero_inflated_negative_binomial_nll_loss(one, zero, one, zero)
        tensor(0.2877)
    """
    tensors = _check(
        reduction, weight, prediction=prediction, target=target, dispersion=dispersion, zero_logits=zero_logits
    )
    prediction, target, dispersion, zero_logits = tensors
    y, w = together(target, zero_logits, prediction, dispersion)[:2]
    values = _zero_inflated(_negative_binomial(*_counts_of(prediction, target, dispersion, form, eps)), y, w)
    return _finish(values, weight, reduction, prediction.dtype)


ZeroInflatedNegativeBinomialNLLLoss = as_module(
    "ZeroInflatedNegativeBinomialNLLLoss", zero_inflated_negative_binomial_nll_loss
)


@gradient_of(zero_inflated_negative_binomial_nll_loss)
def _zero_inflated_negative_binomial_gradient(
    prediction: Tensor, target: Tensor, dispersion: Tensor, zero_logits: Tensor
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\mu = \rho\, (\mu - y) / \big( \mu (1 + \alpha\mu) N \big)`, with the
    probability :math:`\rho` that the count came from the negative binomial: 1 above zero, and
    :math:`\sigma\big( -w - \tfrac1\alpha \log(1 + \alpha\mu) \big)` at zero."""
    at_zero = torch.sigmoid(-zero_logits - torch.log1p(dispersion * prediction) / dispersion)
    share = torch.where(target == 0, at_zero, 1.0)
    return share * (prediction - target) / (prediction * (1 + dispersion * prediction) * target.numel())


_HURDLE = _OF_COUNTS | {
    "lipschitz": no("the slope grows with the rate", first=[20.0], other=[15.0], target=[1.0], zero_logits=[0.0]),
    "bounded": no("it grows with the rate", first=[10.0], target=[1.0], zero_logits=[0.0]),
}


@loss(
    tasks=("tabular", "time series"),
    names=("hurdle Poisson", "zero-altered Poisson", "ZAP"),
    domain={"log_rate": "log rates", "target": "counts", "zero_logits": "logits of a zero"},
    range=(0.0, float("inf")),
    properties=_HURDLE,
    cases=({"weight": (0.5, 2.0, 1.0)},),
    differentiable=("log_rate", "zero_logits"),
    chapter=15,
)
def hurdle_poisson_nll_loss(
    log_rate: Tensor,
    target: Tensor,
    zero_logits: Tensor,
    *,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Hurdle Poisson NLL: the surprise, in nats, at a count, whether it is zero, and if not, how large.

    .. math::

        P(0) = \pi, \qquad P(y) = (1 - \pi) \frac{\lambda^y e^{-\lambda}}{y!\,(1 - e^{-\lambda})} \;\; (y > 0),
        \qquad \pi = \sigma(w), \; \lambda = e^z

    All zeros are of one kind, and may be rarer than those of a Poisson distribution, too:
    :func:`zero_inflated_poisson_nll_loss` knows zeros of two kinds, and can only add some. Both answers are learned
    apart from each other: a zero says nothing about the rate, and the logits are those of plain binary
    classification. The mean is :math:`(1 - \pi) \lambda / (1 - e^{-\lambda})`.

    Args:
        log_rate: logarithm :math:`z` of the rate of the Poisson distribution before its zero is cut off, any shape.
            Its exponential must be finite in the dtype of the computation: up to 88 in float32.
        target: counts, the same shape.
        zero_logits: log-odds :math:`w` of a zero, the same shape.
        weight: weight of each entry, broadcast to the shape of the rate; 0 leaves an entry out.
        reduction: `"none"` gives the weighted losses; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in nats: a scalar, or the shape of the rate for `reduction="none"`.

    Raises:
        TypeError: a rate that is not floating-point.
        ValueError: shapes that differ, a negative count, a negative weight, an unknown reduction.

    References:
        Mullahy, Specification and testing of some modified count data models, 1986,
        https://doi.org/10.1016/0304-4076(86)90002-3.

    Example:
        >>> zero, one = torch.tensor([0.0]), torch.tensor([1.0])
        >>> hurdle_poisson_nll_loss(zero, zero, zero), hurdle_poisson_nll_loss(zero, one, zero)
        (tensor(0.6931), tensor(1.2345))
    """
    log_rate, target, zero_logits = _check(reduction, weight, log_rate=log_rate, target=target, zero_logits=zero_logits)
    _check_not_negative("target", target)
    z, y, w = together(log_rate, target, zero_logits)
    values = _beyond_the_hurdle(z.exp() - y * z + torch.lgamma(y + 1), lambda z: z.exp(), z, y, w)
    return _finish(values, weight, reduction, log_rate.dtype)


HurdlePoissonNLLLoss = as_module("HurdlePoissonNLLLoss", hurdle_poisson_nll_loss)


def _beyond_the_hurdle(
    surprise: Tensor, at_zero: Callable[[Tensor], Tensor], z: Tensor, y: Tensor, zero_logits: Tensor
) -> Tensor:
    """The loss of a count from its loss without a hurdle, and what that is for a zero, as a function of `z`.

    Where it is tiny, it is an exponential of `z`, and so is the probability of more than zero.
    """
    low = z.clamp_min(-50.0)
    log_more = torch.log(-torch.expm1(-at_zero(low))) + (z - low)
    crossed = surprise + log_more - F.logsigmoid(-zero_logits)
    return torch.where(y == 0, -F.logsigmoid(zero_logits), crossed)


@gradient_of(hurdle_poisson_nll_loss)
def _hurdle_poisson_gradient(log_rate: Tensor, target: Tensor, zero_logits: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = [y > 0] \big( \tfrac{\lambda}{1 - e^{-\lambda}} - y \big) / N`: the
    mean of the counts above zero, minus the observed one. With respect to the logits it is
    :math:`(\sigma(w) - [y = 0]) / N`."""
    assert zero_logits.shape == target.shape
    rate = log_rate.exp()
    return (target > 0) * (rate / -torch.expm1(-rate) - target) / target.numel()


@loss(
    tasks=("tabular", "time series"),
    names=("hurdle negative binomial", "zero-altered negative binomial", "ZANB"),
    domain={
        "prediction": "positive amounts",
        "target": "counts",
        "dispersion": "scales",
        "zero_logits": "logits of a zero",
    },
    range=(0.0, float("inf")),
    properties=_HURDLE
    | {
        "convex": no("a mean far too large costs little more", first=[1.0], other=[99.0], target=[1.0]),
        "lipschitz": no("close to zero a count is a surprise without bound", first=[1e-5], other=[2e-5], target=[2.0]),
        "bounded": no("it grows with what the mean misses", first=[1e-5], target=[20.0]),
    },
    cases=({"form": "log_mean"}, {"form": "logits"}, {"eps": 1e-3}, {"weight": (0.5, 2.0, 1.0)}),
    differentiable=("prediction", "dispersion", "zero_logits"),
    chapter=15,
)
def hurdle_negative_binomial_nll_loss(
    prediction: Tensor,
    target: Tensor,
    dispersion: Tensor,
    zero_logits: Tensor,
    *,
    form: str = "mean",
    eps: float = 1e-6,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Hurdle negative binomial NLL: the surprise at a dispersed count, whether it is zero, and if not, how large.

    .. math::

        P(0) = \pi, \qquad P(y) = (1 - \pi) \frac{\mathrm{NB}(y;\, \mu, \alpha)}{1 - \mathrm{NB}(0;\, \mu, \alpha)}
        \;\; (y > 0), \qquad \pi = \sigma(w)

    It is to :func:`zero_inflated_negative_binomial_nll_loss` what :func:`hurdle_poisson_nll_loss` is to its neighbor.

    Args:
        prediction: the mean before the zero is cut off, its logarithm, or log-odds, as `form` says (see
            :func:`negative_binomial_nll_loss`).
        target: counts, the same shape.
        dispersion: :math:`\alpha`, or the total count for `form="logits"`; the same shape, above 0.
        zero_logits: log-odds :math:`w` of a zero, the same shape.
        form: `"mean"`, `"log_mean"` or `"logits"`.
        eps: the smallest mean and dispersion; smaller ones are raised to it, and the gradient passes through.
        weight: weight of each entry, broadcast to the shape of the prediction; 0 leaves an entry out.
        reduction: `"none"` gives the weighted losses; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in nats: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a negative count, mean or dispersion, a negative weight, an unknown form or
            reduction.

    References:
        Mullahy, Specification and testing of some modified count data models, 1986,
        https://doi.org/10.1016/0304-4076(86)90002-3; with the negative binomial: Zeileis, Kleiber and Jackman,
        Regression models for count data in R, 2008, https://doi.org/10.18637/jss.v027.i08.

    Example:
        >>> zero, one = torch.tensor([0.0]), torch.tensor([1.0])
        >>> hurdle_negative_binomial_nll_loss(one, one, one, zero)
        tensor(1.3863)
    """
    tensors = _check(
        reduction, weight, prediction=prediction, target=target, dispersion=dispersion, zero_logits=zero_logits
    )
    prediction, target, dispersion, zero_logits = tensors
    first, y, d, w = together(prediction, target, dispersion, zero_logits)
    counts = _, r, z, _ = _counts_of(first, y, d, form, eps)
    values = _beyond_the_hurdle(_negative_binomial(*counts), lambda z: -r * F.logsigmoid(-z), z, y, w)
    return _finish(values, weight, reduction, prediction.dtype)


HurdleNegativeBinomialNLLLoss = as_module("HurdleNegativeBinomialNLLLoss", hurdle_negative_binomial_nll_loss)


@gradient_of(hurdle_negative_binomial_nll_loss)
def _hurdle_negative_binomial_gradient(
    prediction: Tensor, target: Tensor, dispersion: Tensor, zero_logits: Tensor
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\mu = [y > 0] \big( \tfrac{\mu}{1 - P_0} - y \big) /
    \big( \mu (1 + \alpha\mu) N \big)` with the probability of a zero that is cut off,
    :math:`P_0 = (1 + \alpha\mu)^{-1/\alpha}`: the mean of the counts above zero, minus the observed one, in units of
    the variance."""
    assert zero_logits.shape == target.shape
    more = -torch.expm1(-torch.log1p(dispersion * prediction) / dispersion)
    pull = (prediction / more - target) / (prediction * (1 + dispersion * prediction))
    return (target > 0) * pull / target.numel()


@loss(
    tasks=("tabular", "time series"),
    names=("Tweedie deviance", "Tweedie", "gamma deviance", "Poisson deviance"),
    domain={"prediction": "predicted amounts", "target": "positive amounts"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("too large a prediction costs less and less more", first=[1.0], other=[9.0], target=[0.0]),
        "lipschitz": no("it is steep close to zero", first=[1e-4], other=[2e-4], target=[1.0]),
        "smooth": yes,
        "bounded": no("it grows with the prediction", first=[1e4], target=[0.0]),
        "symmetric": no("too little costs more than too much", first=[1.0], target=[4.0]),
        "proper": not_applicable("the prediction is a mean, for which the loss is consistent"),
        "scale_invariant": no("only with power 2", first=[1.0], target=[4.0]),
        "permutation_invariant": yes,
    },
    cases=({"power": 0.0}, {"power": 1.0}, {"power": 1.2}, {"power": 2.0}, {"power": 3.0}, {"power": -0.5},
           {"from_log": True}, {"eps": 1e-3}, {"weight": (0.5, 2.0, 1.0)}),
    chapter=15,
)  # fmt: skip
def tweedie_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    power: float = 1.5,
    from_log: bool = False,
    eps: float = 1e-8,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Tweedie deviance: the misfit of a mean whose variance is a power of it; many zeros and a long tail.

    .. math::

        \ell(\mu, y) = 2 \left( \frac{y^{2-p}}{(1-p)(2-p)} - \frac{y\, \mu^{1-p}}{1-p} + \frac{\mu^{2-p}}{2-p} \right)

    Twice the log-likelihood that is missing to the best fit. The power :math:`p` selects the distribution: 0 normal
    (the squared error), 1 Poisson (:math:`2 (y \log (y/\mu) - y + \mu)`), 2 gamma
    (:math:`2 (\log(\mu/y) + y/\mu - 1)`), 3 inverse Gaussian; between 1 and 2 sums of gammas, a Poisson number of
    them, which may be none: claims on an insurance, rainfall, sales.

    With the default power it is :math:`4 (\sqrt y - \sqrt\mu)^2 / \sqrt\mu`. From others above 1 it is computed by the
    logarithm of the ratio of target and prediction, which keeps the digits that the three terms lose close to powers 1
    and 2.

    Args:
        prediction: predicted mean, any shape, above 0 (any number for `power=0`); with `from_log` its logarithm.
        target: true values, the same shape: any for `power` up to 0, not negative from 1 up to below 2, above 0 from 2
            on.
        power: :math:`p`, at most 0 or at least 1.
        from_log: whether the prediction is a logarithm.
        eps: the smallest prediction (except for `power=0`); smaller ones are raised to it, and the gradient passes
            through.
        weight: weight of each entry, broadcast to the shape of the prediction; 0 leaves an entry out.
        reduction: `"none"` gives the weighted losses; `"mean"` divides by the sum of the weights.

    Returns:
        The deviance, without unit for power 2: a scalar, or the shape of the prediction for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, values outside the domain, a power between 0 and 1, a negative weight, an
            unknown reduction.

    References:
        Jørgensen, Exponential dispersion models, 1987, https://doi.org/10.1111/j.2517-6161.1987.tb01685.x, after
        Tweedie, 1984.

    Example:
        >>> tweedie_loss(torch.tensor([1.0]), torch.tensor([4.0]))
        tensor(4.)
    """
    prediction, target = _check(reduction, weight, prediction=prediction, target=target)
    check_positive("eps", eps)
    if 0 < power < 1:
        raise ValueError(f"power must be at most 0 or at least 1, got {power}")
    if power >= 2:
        _check_above_zero("target", target)
    elif power >= 1:
        _check_not_negative("target", target)
    mu, y = together(prediction, target)
    if power == 0:
        return _finish(((mu.exp() if from_log else mu) - y) ** 2, weight, reduction, prediction.dtype)

    def slope(x: Tensor, y: Tensor) -> Tensor:
        mu, log_mu = (x.exp(), x) if from_log else (x, x.log())
        return 2 * (mu - y) * torch.exp((from_log - power) * log_mu)

    def slope_in_target(x: Tensor, y: Tensor) -> Tensor:
        return _deviance_slope_in_target(x if from_log else x.log(), y, power)

    floored = _floored("prediction", mu, from_log, eps)
    curve = partial(_deviance, power=power, from_log=from_log)
    values = with_slopes(curve, (slope, slope_in_target), floored, y)
    return _finish(values, weight, reduction, prediction.dtype)


TweedieLoss = as_module("TweedieLoss", tweedie_loss)


def _deviance(x: Tensor, y: Tensor, power: float, from_log: bool) -> Tensor:
    """The deviance, in the form that loses the fewest digits: of powers close to 1 and 2, and close to the target."""
    if power == 1.5:
        root = (x / 2).exp() if from_log else x.sqrt()
        return (y.sqrt() - root).square().mul_(4).div_(root)
    if power == 1:
        mu = x.exp() if from_log else x
        excess = y - mu  # what the logarithm below is cut off at does not count beside the rest
        return 2 * (y * torch.log1p((excess / mu).clamp_min(torch.finfo(y.dtype).eps - 1)) - excess)
    log_mu = x if from_log else x.log()
    a, b = 2 - power, power - 1
    if power < 0:  # the target may be negative, which then costs as zero would, plus what is linear in it
        terms = y.clamp_min(0) ** a / (a * b), y * torch.exp(-b * log_mu) / b, torch.exp(a * log_mu) / a
        return 2 * (terms[1] - terms[0] + terms[2])
    ratio = y.log() - log_mu  # minus infinity at a target of zero, where both exponentials below are zero
    if power == 2:
        return 2 * (torch.expm1(ratio) - ratio)
    unit, low = 2 * torch.exp(a * log_mu), torch.expm1(a * ratio)
    if power < 2:
        return unit * ((low + 1) * torch.expm1(b * ratio) / b - low / a)
    return unit * ((torch.expm1(ratio) - low / a) / b)


def _deviance_slope_in_target(log_mu: Tensor, y: Tensor, power: float) -> Tensor:
    """The slope of the deviance in the target; minus infinity at a target of zero."""
    b = power - 1
    if power < 0:
        return 2 * (torch.exp(-b * log_mu) - y.clamp_min(0) ** -b) / b
    ratio = y.log() - log_mu
    return 2 * ratio if power == 1 else -2 * torch.exp(-b * log_mu) * torch.expm1(-b * ratio) / b


@gradient_of(tweedie_loss)
def _tweedie_gradient(prediction: Tensor, target: Tensor, *, power: float = 1.5) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\mu = 2\, (\mu - y)\, \mu^{-p} / N`: the error in units of the variance."""
    return 2 * (prediction - target) * prediction**-power / target.numel()


# --- quantiles and intervals ------------------------------------------------------------------------------------------


def _check_levels(quantiles: tuple[float, ...], count: int) -> None:
    """As many levels as the prediction has quantiles, rising, each between 0 and 1."""
    if len(quantiles) != count:
        raise ValueError(f"quantiles must name {count} levels, as many as the last dimension has, got {quantiles}")
    if any(not 0 < level < 1 for level in quantiles) or list(quantiles) != sorted(set(quantiles)):
        raise ValueError(f"quantiles must be levels above 0 and below 1 in rising order, got {quantiles}")


def _pinball(prediction: Tensor, target: Tensor, levels: tuple[float, ...]) -> Tensor:
    """The pinball loss of each quantile."""
    tau = torch.tensor(levels, dtype=prediction.dtype, device=prediction.device)
    error = target.unsqueeze(-1) - prediction
    return torch.maximum(tau * error, (tau - 1) * error)


_OF_QUANTILES = {
    "minimum_at_target": yes,
    "convex": yes,
    "lipschitz": up_to(2.0),
    "smooth": no("the slope jumps at the target", first=[[0.0, 0.0, 0.0]], target=[0.0]),
    "bounded": no("it grows with the error", first=[[1e3, 1e3, 1e3]], target=[0.0]),
    "symmetric": _ROLES,
    "proper": yes,
    "scale_invariant": no("it scales with the unit", first=[[1.0, 2.0, 3.0]], target=[0.0]),
    "permutation_invariant": yes,
}


@loss(
    tasks=("time series", "tabular"),
    names=("quantile", "multi-quantile", "MQLoss", "weighted quantile"),
    domain={"prediction": "quantile forecasts", "target": "observations"},
    range=(0.0, float("inf")),
    properties=_OF_QUANTILES,
    cases=({"quantiles": (0.05, 0.3, 0.6)}, {"over_quantiles": "sum"}, {"weight": (0.3,)}),
    chapter=16,
)
def multi_quantile_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9),
    over_quantiles: str = "mean",
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Multi-quantile loss: the mean pinball loss of several predicted quantiles.

    .. math::

        \ell(\hat y, y) = \frac1Q \sum_{q=1}^{Q} \max\big( \tau_q (y - \hat y_q),\; (\tau_q - 1)(y - \hat y_q) \big)

    Libraries differ by a factor: GluonTS doubles it, others sum over the quantiles (`over_quantiles="sum"`, as the
    temporal fusion transformer does). The quantiles are free to cross; :func:`crps_quantile_loss` is the same sum read
    as an integral.

    Args:
        prediction: predicted quantiles, `(*, Q)`.
        target: true values, `(*)`: the shape of the prediction without its last dimension.
        quantiles: the levels :math:`\tau_q`, rising, above 0 and below 1; as many as the last dimension has entries.
        over_quantiles: `"mean"` or `"sum"` over the levels.
        weight: weight of each target, broadcast to the shape of the target; 0 leaves one out.
        reduction: `"none"` gives the weighted losses of the targets; `"mean"` divides by the sum of the weights.

    Returns:
        The loss in the unit of the target: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that do not go together, levels that do not rise or do not fit, a negative weight, an unknown
            reduction.

    References:
        Koenker and Bassett, Regression quantiles, 1978, https://doi.org/10.2307/1913643. Several at once: Wen,
        Torkkola, Narayanaswamy and Madeka, A multi-horizon quantile recurrent forecaster, 2017,
        https://arxiv.org/abs/1711.11053.

    Example:
        >>> multi_quantile_loss(torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([2.0]))
        tensor(0.2333)
    """
    check_choice("over_quantiles", over_quantiles, ("mean", "sum"))
    values = _quantile_losses(prediction, target, quantiles, weight, reduction)
    values = values.mean(-1) if over_quantiles == "mean" else values.sum(-1)
    return _finish(values, weight, reduction, prediction.dtype)


MultiQuantileLoss = as_module("MultiQuantileLoss", multi_quantile_loss)


def _quantile_losses(
    prediction: Tensor, target: Tensor, quantiles: tuple[float, ...] | None, weight: Tensor | None, reduction: str
) -> Tensor:
    """Checked arguments, and the pinball loss of each quantile (at the middles of equal cells by default)."""
    check_tensors(prediction=prediction, target=target, weight=weight)
    check_floating("prediction", prediction)
    check_reduction(reduction)
    _check_leading_shape(target, "prediction", prediction, 1)
    prediction, target = _hidden(weight, target.shape, prediction, target)
    levels = _middles(prediction.shape[-1]) if quantiles is None else tuple(quantiles)
    _check_levels(levels, prediction.shape[-1])
    return _pinball(*together(prediction, target), levels)


def _middles(count: int) -> tuple[float, ...]:
    """The middles of equal cells of [0, 1]."""
    return tuple((2 * index + 1) / (2 * count) for index in range(count))


@gradient_of(multi_quantile_loss)
def _multi_quantile_gradient(
    prediction: Tensor, target: Tensor, *, quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y_q = ([\hat y_q > y] - \tau_q) / (Q N)`: zero on average where the
    share :math:`\tau_q` of the targets lies below."""
    tau = torch.tensor(quantiles, dtype=prediction.dtype)
    return ((prediction > target.unsqueeze(-1)).to(tau.dtype) - tau) / prediction.numel()


@loss(
    tasks=("time series",),
    names=("CRPS of quantiles", "quantile score"),
    domain={"prediction": "quantile forecasts", "target": "observations"},
    range=(0.0, float("inf")),
    properties=_OF_QUANTILES,
    cases=({"quantiles": (0.05, 0.3, 0.6)}, {"weight": (0.3,)}),
    chapter=16,
)
def crps_quantile_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    quantiles: tuple[float, ...] | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""CRPS of quantiles: the continuous ranked probability score, integrated over predicted quantiles.

    .. math::

        \mathrm{CRPS} = 2 \int_0^1 \rho_\tau\big( y - F^{-1}(\tau) \big)\, d\tau
        \;\approx\; 2 \sum_{q=1}^{Q} w_q\, \rho_{\tau_q}(y - \hat y_q), \qquad
        \rho_\tau(d) = \max(\tau d, (\tau - 1) d)

    Each level stands for the part of [0, 1] that is nearest to it, and :math:`w_q` is the length of that part. The
    default levels are the middles of `Q` equal parts, :math:`\tau_q = (q - \tfrac12) / Q`, with :math:`w_q = 1/Q`: the
    result is then exactly the CRPS of the ensemble whose members are the quantiles.

    Args:
        prediction: predicted quantiles, `(*, Q)`.
        target: true values, `(*)`: the shape of the prediction without its last dimension.
        quantiles: the levels, rising, above 0 and below 1, as many as the last dimension has entries; `None`: the
            middles of equal parts.
        weight: weight of each target, broadcast to the shape of the target; 0 leaves one out.
        reduction: `"none"` gives the weighted scores; `"mean"` divides by the sum of the weights.

    Returns:
        The score in the unit of the target: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that do not go together, levels that do not rise or do not fit, a negative weight, an unknown
            reduction.

    References:
        Laio and Tamea, Verification tools for probabilistic forecasts of continuous hydrological variables, 2007,
        https://doi.org/10.5194/hess-11-1267-2007.

    Example:
        >>> crps_quantile_loss(torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([2.0]))
        tensor(0.5556)
    """
    values = _quantile_losses(prediction, target, quantiles, weight, reduction)
    parts = values.new_tensor(_parts(_middles(values.shape[-1]) if quantiles is None else tuple(quantiles)))
    return _finish(2 * (values * parts).sum(-1), weight, reduction, prediction.dtype)


CRPSQuantileLoss = as_module("CRPSQuantileLoss", crps_quantile_loss)


def _parts(levels: tuple[float, ...]) -> list[float]:
    """The length of the part of [0, 1] that is nearest to each level."""
    borders = [0.0, *((low + high) / 2 for low, high in pairwise(levels)), 1.0]
    return [high - low for low, high in pairwise(borders)]


@gradient_of(crps_quantile_loss)
def _crps_quantile_gradient(
    prediction: Tensor, target: Tensor, *, quantiles: tuple[float, ...] | None = None
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y_q = 2 w_q ([\hat y_q > y] - \tau_q) / N`."""
    levels = _middles(prediction.shape[-1]) if quantiles is None else quantiles
    tau, parts = torch.tensor(levels, dtype=prediction.dtype), torch.tensor(_parts(levels), dtype=prediction.dtype)
    return 2 * parts * ((prediction > target.unsqueeze(-1)).to(tau.dtype) - tau) / target.numel()


@loss(
    tasks=("time series", "tabular"),
    names=("interval score", "Winkler score", "mean scaled interval score"),
    domain={"lower": "forecasts", "target": "forecasts", "upper": "forecasts"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(20.0),
        "smooth": no("the slope jumps at the target", first=[0.0], target=[0.0], upper=[1.0]),
        "bounded": no("it grows with the width", first=[-1000.0], target=[0.0]),
        "symmetric": not_applicable("a bound and a value are of different kinds"),
        "proper": yes,
        "scale_invariant": no("it scales with the unit", first=[-1.0], target=[0.0]),
        "permutation_invariant": yes,
    },
    cases=({"alpha": 0.5}, {"weight": (0.5, 2.0, 1.0)}),
    differentiable=("lower", "upper"),
    chapter=16,
)
def interval_score_loss(
    lower: Tensor,
    target: Tensor,
    upper: Tensor,
    *,
    alpha: float = 0.1,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Interval score (Winkler): the width of a predicted interval, and a penalty where the target lies outside.

    .. math::

        \ell = (u - l) + \frac2\alpha \max(l - y, 0) + \frac2\alpha \max(y - u, 0)

    It is smallest, on average, where :math:`l` and :math:`u` are the quantiles at :math:`\alpha/2` and
    :math:`1 - \alpha/2`, and equals the sum of their two pinball losses times :math:`2/\alpha`. A lower bound above the
    upper one is scored as it stands; the score stays positive.

    Args:
        lower: lower bound, any shape.
        target: true values, the same shape.
        upper: upper bound, the same shape.
        alpha: probability that is left outside, above 0 and at most 1; 0.1 for a 90 % interval.
        weight: weight of each entry, broadcast to the shape of the bounds; 0 leaves an entry out.
        reduction: `"none"` gives the weighted scores; `"mean"` divides by the sum of the weights.

    Returns:
        The score in the unit of the target: a scalar, or the shape of the bounds for `reduction="none"`.

    Raises:
        TypeError: bounds that are not floating-point.
        ValueError: shapes that differ, an `alpha` outside (0, 1], a negative weight, an unknown reduction.

    References:
        Winkler, A decision-theoretic approach to interval estimation, 1972,
        https://doi.org/10.1080/01621459.1972.10481224; Gneiting and Raftery, 2007,
        https://doi.org/10.1198/016214506000001437, equation 43.

    Example:
        >>> interval_score_loss(torch.tensor([0.0]), torch.tensor([3.0]), torch.tensor([2.0]))
        tensor(22.)
    """
    lower, target, upper = _check(reduction, weight, lower=lower, target=target, upper=upper)
    check_positive("alpha", alpha)
    check_fraction("alpha", alpha)
    low, y, high = together(lower, target, upper)
    values = (high - low) + 2 / alpha * (F.relu(low - y) + F.relu(y - high))
    return _finish(values, weight, reduction, lower.dtype)


IntervalScoreLoss = as_module("IntervalScoreLoss", interval_score_loss)


@gradient_of(interval_score_loss)
def _interval_score_gradient(lower: Tensor, target: Tensor, upper: Tensor, *, alpha: float = 0.1) -> Tensor:
    r""":math:`\partial\mathcal L / \partial l = (\tfrac2\alpha [l > y] - 1) / N`: zero on average where the share
    :math:`\alpha / 2` of the targets lies below (and likewise for the upper bound)."""
    assert upper.shape == lower.shape
    return (2 / alpha * (lower > target).to(lower.dtype) - 1) / target.numel()


# --- proper scores ----------------------------------------------------------------------------------------------------


@loss(
    tasks=("time series", "tabular"),
    names=("CRPS", "continuous ranked probability score"),
    domain={"mean": "forecasts", "target": "forecasts", "scale": "scales"},
    range=(0.0, float("inf")),
    properties=_OF_LOCATION
    | {
        "lipschitz": up_to(1.0),
        "scale_invariant": no("it scales with the unit", first=[1.0], target=[0.0]),
    },
    cases=({"from_log": True}, {"eps": 1e-3}, {"weight": (0.5, 2.0, 1.0)}),
    differentiable=("mean", "scale"),
    chapter=16,
)
def crps_gaussian_loss(
    mean: Tensor,
    target: Tensor,
    scale: Tensor,
    *,
    from_log: bool = False,
    eps: float = 1e-6,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""CRPS of a Gaussian: the squared distance between the predicted distribution function and a step at the target.

    .. math::

        \mathrm{CRPS} = \int \big( F(x) - [x \ge y] \big)^2 dx
        = \sigma \left( w\, (2\Phi(w) - 1) + 2\varphi(w) - \tfrac1{\sqrt\pi} \right), \qquad w = \frac{y - \mu}{\sigma}

    Unlike the likelihood it is in the unit of the target, grows like the absolute error far out, and becomes the
    absolute error as :math:`\sigma \to 0`.

    Args:
        mean: predicted mean, any shape.
        target: true values, the same shape.
        scale: predicted standard deviation :math:`\sigma`, the same shape; with `from_log` its logarithm.
        from_log: whether `scale` holds logarithms.
        eps: the smallest scale; smaller ones are raised to it, and the gradient passes through.
        weight: weight of each entry, broadcast to the shape of the mean; 0 leaves an entry out.
        reduction: `"none"` gives the weighted scores; `"mean"` divides by the sum of the weights.

    Returns:
        The score in the unit of the target: a scalar, or the shape of the mean for `reduction="none"`.

    Raises:
        TypeError: a mean that is not floating-point.
        ValueError: shapes that differ, a negative scale, a negative weight, an unknown reduction.

    References:
        Matheson and Winkler, Scoring rules for continuous probability distributions, 1976,
        https://doi.org/10.1287/mnsc.22.10.1087; the closed form: Gneiting, Raftery, Westveld and Goldman, 2005,
        https://doi.org/10.1175/MWR2904.1, equation 5.

    Example:
        >>> crps_gaussian_loss(torch.tensor([0.0]), torch.tensor([0.0]), torch.tensor([1.0]))
        tensor(0.2337)
    """
    mean, target, scale = _check(reduction, weight, mean=mean, target=target, scale=scale)
    mu, y, sigma = together(mean, target, scale)
    sigma, _ = _scale("scale", sigma, from_log, eps)
    error = y - mu
    w = error / sigma
    bell = with_slope(_bell, lambda w: -w * _bell(w), w)
    values = error * with_slope(lambda w: torch.erf(w / math.sqrt(2)), _bell, w) + sigma * (
        bell - 1 / math.sqrt(math.pi)
    )
    return _finish(values, weight, reduction, mean.dtype)


def _bell(w: Tensor) -> Tensor:
    """Twice the density of the standard normal distribution."""
    return math.sqrt(2 / math.pi) * torch.exp(-0.5 * w.square())


CRPSGaussianLoss = as_module("CRPSGaussianLoss", crps_gaussian_loss)


@gradient_of(crps_gaussian_loss)
def _crps_gaussian_gradient(mean: Tensor, target: Tensor, scale: Tensor, *, from_log: bool = False) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\mu = (1 - 2\Phi(w)) / N`: the sign of the error, softened over the scale.
    With respect to the scale it is :math:`(2\varphi(w) - 1/\sqrt\pi) / N`."""
    scale = scale.exp() if from_log else scale
    return torch.erf((mean - target) / (scale * math.sqrt(2))) / target.numel()


_ESTIMATORS = ("nrg", "fair", "pwm")


@loss(
    tasks=("time series",),
    names=("CRPS of an ensemble", "ensemble CRPS"),
    domain={"prediction": "ensemble members", "target": "observations"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("two members that change places pass through one point", first=[[0.0, 2.0]], other=[[2.0, 0.0]],
                     target=[0.0]),
        "lipschitz": up_to(2.0),
        "smooth": no("the slope jumps at the target", first=[[0.0, 1.0]], target=[0.0]),
        "bounded": no("it grows with the error", first=[[1e3, 1e3]], target=[0.0]),
        "symmetric": _ROLES,
        "proper": yes,
        "scale_invariant": no("it scales with the unit", first=[[1.0, 3.0]], target=[0.0]),
        "permutation_invariant": yes,
    },
    cases=({"estimator": "fair"}, {"estimator": "pwm"}, {"weight": (0.3,)}),
    chapter=16,
)  # fmt: skip
def crps_ensemble_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    estimator: str = "nrg",
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""CRPS of an ensemble: how far samples lie from the target, less how far they lie from each other.

    .. math::

        \mathrm{CRPS} = \mathbb E |X - y| - \tfrac12\, \mathbb E |X - X'|, \qquad
        \sum_{i, j} |x_i - x_j| = 2 \sum_{i=1}^{M} (2i - M - 1)\, x_{(i)}

    The members are sorted instead of compared in pairs: :math:`O(M \log M)` time and no table of pairs. Three
    estimators go by these names:

    - `"nrg"` (energy form; the same number as the quantile and integral forms) divides the pairs by :math:`M^2`: the
      exact CRPS of the members' own distribution. Trained on it, a small ensemble is too narrow.
    - `"fair"` divides by :math:`M (M - 1)`: on average over ensembles, the CRPS of the distribution that they are drawn
      from. Few members can make it negative.
    - `"pwm"` estimates by probability-weighted moments, :math:`\mathbb E|X - y| + \beta_0 - 2\beta_1`, which is the
      fair number, by another way.

    Args:
        prediction: members of the ensemble, `(*, M)`.
        target: true values, `(*)`: the shape of the prediction without its last dimension.
        estimator: `"nrg"`, `"fair"` or `"pwm"`; the last two need at least two members.
        weight: weight of each target, broadcast to the shape of the target; 0 leaves one out.
        reduction: `"none"` gives the weighted scores; `"mean"` divides by the sum of the weights.

    Returns:
        The score in the unit of the target: a scalar, or the shape of the target for `reduction="none"`. Members that
        are equal share out their slopes by the order in which they are sorted.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that do not go together, too few members, a negative weight, an unknown estimator or
            reduction.

    References:
        Gneiting and Raftery, Strictly proper scoring rules, prediction, and estimation, 2007,
        https://doi.org/10.1198/016214506000001437; Hersbach, 2000,
        https://doi.org/10.1175/1520-0434(2000)015<0559:DOTCRP>2.0.CO;2; fair: Ferro, 2014,
        https://doi.org/10.1002/qj.2270; estimators: Zamo and Naveau, 2018, https://doi.org/10.1007/s11004-017-9709-7.

    Example:
        >>> crps_ensemble_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([1.0]))
        tensor(0.5000)
    """
    check_tensors(prediction=prediction, target=target, weight=weight)
    check_floating("prediction", prediction)
    check_choice("estimator", estimator, _ESTIMATORS)
    check_reduction(reduction)
    _check_leading_shape(target, "prediction", prediction, 1)
    x, y = together(*_hidden(weight, target.shape, prediction, target))
    members = prediction.shape[-1]
    _check_members(members, estimator)
    deviations = (x - y.unsqueeze(-1)).sort(-1).values  # differences of members stay as they are
    rank = torch.arange(members, dtype=x.dtype, device=x.device)
    if estimator == "pwm":
        spread = 2 * rank / (members * (members - 1)) - 1 / members
    else:
        spread = (2 * rank + 1 - members) / (members**2 if estimator == "nrg" else members * (members - 1))
    slopes = deviations.detach().sign() / members - spread  # the score is piecewise linear: these are its slopes
    return _finish((slopes * deviations).sum(-1), weight, reduction, prediction.dtype)


CRPSEnsembleLoss = as_module("CRPSEnsembleLoss", crps_ensemble_loss)


def _check_members(members: int, estimator: str) -> None:
    if estimator != "nrg" and members < 2:
        raise ValueError(f"estimator {estimator!r} needs at least two members, prediction has {members}")


@gradient_of(crps_ensemble_loss)
def _crps_ensemble_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial x_{(i)} = \tfrac1{MN} \big( \mathrm{sign}(x_{(i)} - y)
    - \tfrac{2i - M - 1}{M} \big)`: towards the target, and away from the other members."""
    members = prediction.shape[-1]
    rank = prediction.argsort(-1).argsort(-1).to(prediction.dtype) + 1
    pull = torch.sign(prediction - target.unsqueeze(-1))
    return (pull - (2 * rank - members - 1) / members) / prediction.numel()


@loss(
    tasks=("time series",),
    names=("energy score",),
    domain={"prediction": "ensemble of vectors", "target": "forecasts"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("two members that change places pass through one point", first=[[[0.0], [2.0]]],
                     other=[[[2.0], [0.0]]], target=[[0.0]]),
        "lipschitz": up_to(3.0),
        "smooth": no("the slope jumps where a member meets the target", first=[[[0.0], [1.0]]], target=[[0.0]]),
        "bounded": no("it grows with the error", first=[[[1e3], [1e3]]], target=[[0.0]]),
        "symmetric": _ROLES,
        "proper": yes,
        "scale_invariant": no("it scales with the unit", first=[[[1.0], [3.0]]], target=[[0.0]]),
        "permutation_invariant": yes,
    },
    cases=({"estimator": "fair"}, {"beta": 1.5}, {"beta": 0.5}, {"weight": (0.3,)}),
    chapter=16,
)  # fmt: skip
def energy_score_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    beta: float = 1.0,
    estimator: str = "nrg",
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Energy score: the CRPS for vectors, by distances of sampled vectors to the target and to each other.

    .. math::

        \mathrm{ES} = \frac1M \sum_{i} \lVert x_i - y \rVert^\beta
                      - \frac1{2 M^2} \sum_{i, j} \lVert x_i - x_j \rVert^\beta

    With vectors of one number and :math:`\beta = 1` it is :func:`crps_ensemble_loss`. Whole series, or all stations at
    one time, are scored at once, so that what goes together is part of the score.

    Args:
        prediction: members of the ensemble, `(*, M, D)`.
        target: true vectors, `(*, D)`.
        beta: power of the distances, above 0 and below 2.
        estimator: `"nrg"` divides the pairs by :math:`M^2`, `"fair"` by :math:`M (M - 1)`.
        weight: weight of each target vector, broadcast to `(*)`; 0 leaves one out.
        reduction: `"none"` gives the weighted scores; `"mean"` divides by the sum of the weights.

    Returns:
        The score, for :math:`\beta = 1` in the unit of the target: a scalar, or `(*)` for `reduction="none"`. Where two
        vectors are equal, their distance has a zero gradient.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that do not go together, too few members, a `beta` outside (0, 2), a negative weight, an
            unknown estimator or reduction.

    References:
        Gneiting and Raftery, Strictly proper scoring rules, prediction, and estimation, 2007,
        https://doi.org/10.1198/016214506000001437, section 4.3.

    Example:
        >>> energy_score_loss(torch.tensor([[[0.0, 0.0], [6.0, 8.0]]]), torch.tensor([[0.0, 0.0]]))
        tensor(2.5000)
    """
    check_tensors(prediction=prediction, target=target, weight=weight)
    check_floating("prediction", prediction)
    check_choice("estimator", estimator, ("nrg", "fair"))
    check_reduction(reduction)
    if not 0 < beta < 2:
        raise ValueError(f"beta must be above 0 and below 2, got {beta}")
    if prediction.dim() < 3 or 0 in prediction.shape[-2:]:
        raise ValueError(f"prediction must have shape (N, *, M, D) with M and D above 0, got {tuple(prediction.shape)}")
    expected = (*prediction.shape[:-2], prediction.shape[-1])
    if tuple(target.shape) != expected:
        raise ValueError(
            f"target must have shape {expected} to go with prediction of shape {tuple(prediction.shape)}, "
            f"got {tuple(target.shape)}"
        )
    x, y = together(*_hidden(weight, target.shape[:-1], prediction, target))
    members = prediction.shape[-2]
    _check_members(members, estimator)
    error = _power_of_distance(x, y.unsqueeze(-2), beta).mean(-1)
    pairs = members**2 if estimator == "nrg" else members * (members - 1)
    spread = _power_of_distance(x.unsqueeze(-2), x.unsqueeze(-3), beta).sum((-2, -1)) / pairs
    return _finish(error - 0.5 * spread, weight, reduction, prediction.dtype)


EnergyScoreLoss = as_module("EnergyScoreLoss", energy_score_loss)


def _power_of_distance(first: Tensor, second: Tensor, beta: float) -> Tensor:
    """The power of the distance of vectors, with a zero gradient at distance zero; no difference is kept."""
    square = F.mse_loss(*torch.broadcast_tensors(first, second), reduction="none").sum(-1)
    same = square == 0
    return torch.where(same, 0.0, torch.where(same, 1.0, square) ** (beta / 2))


@gradient_of(energy_score_loss)
def _energy_score_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial x_i = \tfrac1{MN} \big( e(x_i - y) - \tfrac1M \sum_j e(x_i - x_j) \big)`
    with the direction :math:`e(v) = v / \lVert v \rVert` and :math:`e(0) = 0`."""

    def direction(v: Tensor) -> Tensor:
        length = v.norm(dim=-1, keepdim=True)
        return v / torch.where(length > 0, length, 1.0)

    members = prediction.shape[-2]
    away = direction(prediction.unsqueeze(-2) - prediction.unsqueeze(-3)).mean(-2)
    return (direction(prediction - target.unsqueeze(-2)) - away) / (members * target[..., 0].numel())


# --- series -----------------------------------------------------------------------------------------------------------


@loss(
    tasks=("time series",),
    names=("soft-DTW", "soft dynamic time warping"),
    domain={"prediction": "series", "target": "series"},
    range=_INFINITE,
    properties={
        "minimum_at_target": no(
            "a series that is pulled together has more alignments that cost little (the divergence mends it)",
            first=[[[1.0], [-1.0]]], other=[[[0.9], [-0.9]]], target=[[[1.0], [-1.0]]], gamma=2.0,
        ),
        "convex": no("warping has many valleys", first=[[[0.0], [4.0], [0.0]]], other=[[[0.0], [0.0], [4.0]]],
                     target=[[[0.0], [8.0], [4.0]]]),
        "lipschitz": no("the slope grows with the error", first=[[[1e4]]], other=[[[0.0]]], target=[[[0.0]]]),
        "smooth": yes,
        "bounded": no("it grows with the error", first=[[[100.0]]], target=[[[0.0]]]),
        "symmetric": yes,
        "proper": not_applicable("the prediction is a series, not a distribution"),
        "scale_invariant": no("it scales with the square of the unit", first=[[[2.0]]], target=[[[0.0]]]),
        "permutation_invariant": no("the order of the steps is what it looks at", first=[[[0.0], [1.0], [2.0], [3.0]]],
                                    target=[[[0.0], [0.0], [3.0], [3.0]]]),
    },
    cases=({"gamma": 0.1}, {"divergence": True}, {"divergence": True, "gamma": 3.0}),
    differentiable=("prediction", "target"),
    chapter=16,
)  # fmt: skip
def soft_dtw_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    gamma: float = 1.0,
    divergence: bool = False,
    prediction_lengths: Tensor | None = None,
    target_lengths: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Soft-DTW: what it costs to align two series that may be out of step, smoothly over all alignments.

    .. math::

        r_{ij} = \lVert x_i - y_j \rVert^2 + \min\nolimits_\gamma (r_{i-1, j-1},\, r_{i-1, j},\, r_{i, j-1}), \qquad
        \min\nolimits_\gamma(a) = -\gamma \log \sum_k e^{-a_k / \gamma}

    The loss of a pair is :math:`r_{TS}`. All cells of an anti-diagonal, of all series of the batch, are computed at
    once: :math:`T + S - 1` steps. Any number of derivatives can be taken. `gamma=0` is dynamic time warping itself.

    Soft-DTW of two equal series is not zero but negative, and not the minimum. The divergence mends both:
    :math:`s(x, y) - \tfrac12 s(x, x) - \tfrac12 s(y, y)` is zero for equal series and positive otherwise.

    Args:
        prediction: predicted series, `(N, T, D)`.
        target: true series, `(N, S, D)`; the numbers of steps may differ.
        gamma: temperature of the minimum, at least 0, in the unit of the squared distances.
        divergence: whether the loss is the soft-DTW divergence.
        prediction_lengths: number of steps that count in each predicted series, `(N,)` integers from 1 to `T`; all by
            default. What lies beyond has a zero gradient, even where it is NaN.
        target_lengths: the same for the true series.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of pairs.

    Returns:
        The loss in the square of the unit of the series: a scalar, or `(N,)` for `reduction="none"`.

    Raises:
        TypeError: series that are not floating-point, lengths that are not integers.
        ValueError: shapes that do not go together, lengths out of range, a negative gamma, an unknown reduction.

    References:
        Cuturi and Blondel, Soft-DTW: a differentiable loss function for time-series, 2017,
        https://arxiv.org/abs/1703.01541. The divergence: Blondel, Mensch and Vert, 2021,
        https://arxiv.org/abs/2010.08354.

    Example:
        >>> early, late = torch.tensor([[[0.0], [5.0], [0.0], [0.0]]]), torch.tensor([[[0.0], [0.0], [5.0], [0.0]]])
        >>> soft_dtw_loss(early, late, gamma=0.0), soft_dtw_loss(early, early, divergence=True)
        (tensor(0.), tensor(0.))
    """
    _check_series(prediction, target, gamma, prediction_lengths, target_lengths)
    check_reduction(reduction)
    x, y = together(prediction, target)
    n, m = prediction_lengths, target_lengths
    values = _soft_dtw(x, y, gamma, n, m)
    if divergence:
        values = values - 0.5 * (_soft_dtw(x, x, gamma, n, n) + _soft_dtw(y, y, gamma, m, m))
    return reduce(values, reduction, dtype=prediction.dtype)


SoftDTWLoss = as_module("SoftDTWLoss", soft_dtw_loss)


def soft_dtw_alignment(
    prediction: Tensor,
    target: Tensor,
    *,
    gamma: float = 1.0,
    prediction_lengths: Tensor | None = None,
    target_lengths: Tensor | None = None,
) -> Tensor:
    r"""The alignment behind :func:`soft_dtw_loss`: how much each pair of steps takes part, `(N, T, S)`.

    Entry :math:`(i, j)` is the derivative of the loss with respect to the distance of step :math:`i` to step :math:`j`:
    the probability that an alignment, drawn with weight :math:`e^{-\text{cost} / \gamma}`, passes through the pair. The
    first and the last pair have probability 1. It can itself be differentiated.

    Args:
        prediction: predicted series, `(N, T, D)`.
        target: true series, `(N, S, D)`.
        gamma: temperature, above 0.
        prediction_lengths: number of steps that count in each predicted series, `(N,)`.
        target_lengths: the same for the true series.

    Returns:
        Probabilities, `(N, T, S)`; zero beyond the lengths.

    Raises:
        TypeError: series that are not floating-point, lengths that are not integers.
        ValueError: shapes that do not go together, lengths out of range, a gamma that is not above 0.

    Example:
        >>> series = torch.tensor([[[0.0], [9.0]]])
        >>> soft_dtw_alignment(series, series).round(decimals=2)
        tensor([[[1., 0.],
                 [0., 1.]]])
    """
    _check_series(prediction, target, gamma, prediction_lengths, target_lengths)
    check_positive("gamma", gamma)
    x, y = together(prediction, target)
    x, y = _cut(x, prediction_lengths), _cut(y, target_lengths)
    columns = y.shape[1]
    _, offers = _walk(_distances(x, y) / gamma, soft=True)
    origins = [(-offered).softmax(0) for offered in offers]  # what of a cell comes from each of its three neighbors
    ends = _is_end(x, columns, prediction_lengths, target_lengths).to(x.dtype)
    visited: list[Tensor] = []  # the last diagonal comes first
    for index in range(len(ends) - 1, -1, -1):
        here = ends[index]
        if index + 1 < len(ends):
            _, up, left = origins[index + 1]
            here = here + _shift_back(visited[-1] * up) + visited[-1] * left
        if index + 2 < len(ends):
            here = here + _shift_back(visited[-2] * origins[index + 2][0])
        visited.append(here)
    return _unskew(torch.stack(visited[::-1]), columns).to(prediction.dtype)


_FAR = 1e30  # the cost of a cell outside of the table: more than any path, less than infinity


def _check_series(
    prediction: Tensor,
    target: Tensor,
    gamma: float,
    prediction_lengths: Tensor | None = None,
    target_lengths: Tensor | None = None,
) -> None:
    """Two batches of series `(N, T, D)` with the same `N` and `D`, and their lengths."""
    check_tensors(
        prediction=prediction, target=target, prediction_lengths=prediction_lengths, target_lengths=target_lengths
    )
    check_floating("prediction", prediction)
    check_floating("target", target)
    check_positive("gamma", gamma, zero=True)
    for name, series in (("prediction", prediction), ("target", target)):
        if series.dim() != 3 or series.shape[1] == 0:
            raise ValueError(f"{name} must have shape (N, T, D) with at least one step, got {tuple(series.shape)}")
    if target.shape[0] != prediction.shape[0] or target.shape[2] != prediction.shape[2]:
        raise ValueError(
            f"target must have shape ({prediction.shape[0]}, S, {prediction.shape[2]}) to go with prediction of shape "
            f"{tuple(prediction.shape)}, got {tuple(target.shape)}"
        )
    _check_lengths("prediction_lengths", prediction_lengths, prediction)
    _check_lengths("target_lengths", target_lengths, target)


def _check_lengths(name: str, lengths: Tensor | None, series: Tensor) -> None:
    """One number of steps for each series, each in range."""
    if lengths is None:
        return
    if lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise TypeError(f"{name} must hold integers, got {lengths.dtype}")
    if tuple(lengths.shape) != (series.shape[0],):
        raise ValueError(f"{name} must have shape ({series.shape[0]},), got {tuple(lengths.shape)}")
    steps = series.shape[1]
    if lengths.numel() and known(lengths, lambda: ((lengths >= 1) & (lengths <= steps)).all()) is False:
        raise ValueError(f"{name} must lie between 1 and {steps}, got {lengths.tolist()}")


def _cut(series: Tensor, lengths: Tensor | None) -> Tensor:
    """The series with zeros, which need no gradient, beyond their lengths."""
    if lengths is None:
        return series
    counted = torch.arange(series.shape[1], device=series.device) < lengths.unsqueeze(1)
    return torch.where(counted.unsqueeze(2), series, 0.0)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared distances of all pairs of steps, `(N, T, S)`, from differences, which keep their digits."""
    return (x.unsqueeze(2) - y.unsqueeze(1)).square().sum(-1)


def _skew(table: Tensor) -> Tensor:
    """The anti-diagonals of tables `(N, T, S)`: `(T + S - 1, N, T)`, where entry `i` of diagonal `k` is cell
    `(i, k - i)`, and zero outside of the table. Each row is moved to the right by its number."""
    rows, columns = table.shape[1:]
    width = rows + columns - 1
    return F.pad(table, (0, rows)).flatten(1)[:, : rows * width].unflatten(1, (rows, width)).movedim(2, 0)


def _unskew(diagonals: Tensor, columns: int) -> Tensor:
    """The tables `(N, T, S)` of which these are the anti-diagonals."""
    rows = diagonals.shape[2]
    flat = F.pad(diagonals.movedim(0, 2).flatten(1), (0, rows))
    return flat.unflatten(1, (rows, rows + columns))[:, :, :columns]


def _shift(diagonal: Tensor, first: float) -> Tensor:
    """Entry `i - 1` at place `i`."""
    return F.pad(diagonal[:, :-1], (1, 0), value=first)


def _shift_back(diagonal: Tensor) -> Tensor:
    """Entry `i + 1` at place `i`."""
    return F.pad(diagonal[:, 1:], (0, 1))


def _walk(cost: Tensor, soft: bool) -> tuple[list[Tensor], list[Tensor]]:
    """The costs, in units of the temperature, of the alignments that end in each cell, by diagonal; and what the three
    neighbors that an alignment can come from (diagonally, from above, from the left) offered to each cell."""
    rows, columns = cost.shape[1:]
    row = torch.arange(rows, device=cost.device)
    column = torch.arange(rows + columns - 1, device=cost.device).unsqueeze(1) - row
    inside = ((column >= 0) & (column < columns)).unbind(0)
    nowhere = torch.full_like(cost[:, :, 0], _FAR)
    totals: list[Tensor] = []
    offers: list[Tensor] = []
    for index, here in enumerate(_skew(cost).unbind(0)):
        last = totals[-1] if index > 0 else nowhere
        before = totals[-2] if index > 1 else nowhere
        offered = torch.stack([_shift(before, _FAR), _shift(last, _FAR), last])
        if index > 0:
            here = here + (-(-offered).logsumexp(0) if soft else offered.amin(0))
        offers.append(offered)
        totals.append(torch.where(inside[index], here, _FAR))
    return totals, offers


def _is_end(x: Tensor, columns: int, n: Tensor | None, m: Tensor | None) -> Tensor:
    """Which cell of the diagonals is the last one of each pair of series, `(T + S - 1, N, T)`."""
    rows = x.shape[1]
    n = torch.full_like(x[:, 0, 0], rows) if n is None else n
    m = torch.full_like(x[:, 0, 0], columns) if m is None else m
    diagonal = torch.arange(rows + columns - 1, device=x.device).reshape(-1, 1, 1)
    row = torch.arange(rows, device=x.device)
    return (diagonal == (n + m - 2).unsqueeze(1)) & (row == (n - 1).unsqueeze(1))


def _soft_dtw(x: Tensor, y: Tensor, gamma: float, n: Tensor | None, m: Tensor | None) -> Tensor:
    """Soft-DTW of each pair of series."""
    x, y = _cut(x, n), _cut(y, m)
    unit = gamma if gamma > 0 else 1.0
    totals, _ = _walk(_distances(x, y) / unit, soft=gamma > 0)
    if n is None and m is None:
        return unit * totals[-1][:, -1]
    return unit * torch.where(_is_end(x, y.shape[1], n, m), torch.stack(totals), 0.0).sum((0, 2))


@gradient_of(soft_dtw_loss)
def _soft_dtw_gradient(prediction: Tensor, target: Tensor, *, gamma: float = 1.0, divergence: bool = False) -> Tensor:
    r""":math:`\partial\mathcal L / \partial x_i = \tfrac2N \sum_j A_{ij} (x_i - y_j)`: each step is drawn to the steps
    that it is aligned with. The divergence subtracts the same for the series and itself,
    :math:`\tfrac1N \sum_j (A_{ij} + A_{ji}) (x_i - x_j)`."""
    alignment = soft_dtw_alignment(prediction, target, gamma=gamma)
    pull = 2 * (alignment.unsqueeze(-1) * (prediction.unsqueeze(2) - target.unsqueeze(1))).sum(2)
    if divergence:
        own = soft_dtw_alignment(prediction, prediction, gamma=gamma)
        own = (own + own.mT).unsqueeze(-1) * (prediction.unsqueeze(2) - prediction.unsqueeze(1))
        pull = pull - own.sum(2)
    return pull / len(target)


@loss(
    tasks=("time series",),
    names=("DILATE", "distortion loss with shape and time"),
    domain={"prediction": "small series", "target": "small series"},
    range=_INFINITE,
    properties={
        "minimum_at_target": no(
            "its soft-DTW part is smaller for series that are pulled together",
            first=[[[1.0], [-1.0]]], other=[[[0.9], [-0.9]]], target=[[[1.0], [-1.0]]], gamma=2.0,
        ),
        "convex": no("warping has many valleys", first=[[[8.0], [8.0], [4.0]]], other=[[[8.0], [0.0], [4.0]]],
                     target=[[[4.0], [8.0], [0.0]]]),
        "lipschitz": no("the slope grows with the error", first=[[[1e4]]], other=[[[0.0]]], target=[[[0.0]]]),
        "smooth": yes,
        "bounded": no("it grows with the error", first=[[[100.0]]], target=[[[0.0]]]),
        "symmetric": yes,
        "proper": not_applicable("the prediction is a series, not a distribution"),
        "scale_invariant": no("it scales with the square of the unit", first=[[[2.0]]], target=[[[0.0]]]),
        "permutation_invariant": no("the order of the steps is what it looks at", first=[[[0.0], [1.0], [2.0], [3.0]]],
                                    target=[[[0.0], [0.0], [3.0], [3.0]]]),
    },
    cases=({"gamma": 1.0}, {"alpha": 0.8, "gamma": 1.0}, {"alpha": 0.0, "gamma": 0.5}),
    differentiable=("prediction", "target"),
    chapter=16,
    without_gradient="it takes the second derivatives of soft-DTW, which are formed as the alignments are walked",
)  # fmt: skip
def dilate_loss(
    prediction: Tensor, target: Tensor, *, alpha: float = 0.5, gamma: float = 0.01, reduction: str = "mean"
) -> Tensor:
    r"""DILATE: a series' misfit in shape, by soft-DTW, and its delay, by how far the alignment leaves the diagonal.

    .. math::

        \ell = \alpha\, \mathrm{dtw}_\gamma(\Delta) + (1 - \alpha)\, \langle A_\gamma, \Omega \rangle, \qquad
        A_\gamma = \nabla_{\!\Delta}\, \mathrm{dtw}_\gamma(\Delta), \qquad \Omega_{ij} = \frac{(i - j)^2}{k^2}

    The distances of the steps are :math:`\Delta_{ij} = \lVert x_i - y_j \rVert^2`, and :math:`k` is their number. The
    second term is the derivative of the first one in the direction :math:`\Omega`; it is carried along as the
    alignments are walked, so that no matrix of alignments is stored and any number of derivatives can be taken.

    Args:
        prediction: predicted series, `(N, T, D)`.
        target: true series, the same shape.
        alpha: share of the shape, in [0, 1]; the rest is the share of the time.
        gamma: temperature, above 0, in the unit of the squared distances. The paper's 0.01 is meant for series of the
            order of one.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by the number of pairs.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. For equal series of distinct steps it is close to zero,
        not zero.

    Raises:
        TypeError: series that are not floating-point.
        ValueError: shapes that differ, an `alpha` outside [0, 1], a gamma that is not above 0, an unknown reduction.

    References:
        Le Guen and Thome, Shape and time distortion loss for training deep time series forecasting models, 2019,
        https://arxiv.org/abs/1909.09020.

    Example:
        >>> early, late = torch.tensor([[[0.0], [5.0], [0.0], [0.0]]]), torch.tensor([[[0.0], [0.0], [5.0], [0.0]]])
        >>> dilate_loss(early, late, alpha=0.0)
        tensor(0.1875)
    """
    _check_series(prediction, target, gamma)
    check_same_shape("target", target, "prediction", prediction)
    check_positive("gamma", gamma)
    check_fraction("alpha", alpha)
    check_reduction(reduction)
    x, y = together(prediction, target)
    totals, offers = _walk(_distances(x, y) / gamma, soft=True)
    step = torch.arange(x.shape[1], dtype=x.dtype, device=x.device)
    omega = ((step.unsqueeze(1) - step) / x.shape[1]) ** 2
    zero = torch.zeros_like(totals[0])
    delays: list[Tensor] = []  # the sum of omega along an alignment that ends in a cell, on average over them
    for index, here in enumerate(_skew(omega.unsqueeze(0)).unbind(0)):
        last = delays[-1] if index > 0 else zero
        before = delays[-2] if index > 1 else zero
        came = torch.stack([_shift(before, 0.0), _shift(last, 0.0), last])
        delays.append(here + ((-offers[index]).softmax(0) * came).sum(0))
    values = alpha * gamma * totals[-1][:, -1] + (1 - alpha) * delays[-1][:, -1]
    return reduce(values, reduction, dtype=prediction.dtype)


DILATELoss = as_module("DILATELoss", dilate_loss)


@loss(
    tasks=("time series",),
    names=("FreDF", "frequency-enhanced direct forecast", "spectral"),
    domain={"prediction": "series", "target": "series"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": no("the slope grows with the error", first=[[[1e4]]], other=[[[0.0]]], target=[[[0.0]]]),
        "smooth": no("the slope jumps where a frequency is right", first=[[[0.0], [0.0]]], target=[[[0.0], [0.0]]]),
        "bounded": no("it grows with the error", first=[[[100.0]]], target=[[[0.0]]]),
        "symmetric": yes,
        "proper": not_applicable("the prediction is a series, not a distribution"),
        "scale_invariant": no("it scales with the unit", first=[[[2.0]]], target=[[[0.0]]]),
        "permutation_invariant": no(
            "frequencies depend on the order of the steps", first=[[[1.0], [0.0], [-1.0], [0.0], [3.0]]],
            target=[[[0.0], [0.0], [0.0], [0.0], [0.0]]],
        ),
    },
    cases=({"alpha": 0.8}, {"alpha": 1.0}),
    differentiable=("prediction", "target"),
    chapter=16,
)  # fmt: skip
def fredf_loss(prediction: Tensor, target: Tensor, *, alpha: float = 0.5, reduction: str = "mean") -> Tensor:
    r"""FreDF: the squared error of a series, and the absolute error of its spectrum.

    .. math::

        \ell = (1 - \alpha)\, \frac1T \sum_t (x_t - y_t)^2
               + \alpha\, \frac1F \sum_f \big| \mathcal F(x)_f - \mathcal F(y)_f \big|,
        \qquad F = \lfloor T/2 \rfloor + 1

    Neighboring steps of a target resemble each other, its frequencies hardly do: an error of the spectrum is counted
    once. The transform is torch's `rfft`, without a factor, over the steps; :math:`|\cdot|` is the modulus of a complex
    number. At a frequency without error the gradient of its modulus is zero.

    Args:
        prediction: predicted series, `(N, T, D)`.
        target: true series, the same shape.
        alpha: share of the spectrum, in [0, 1].
        reduction: `"none"` gives `(N, D)`; `"mean"` divides by the number of series, `N D`.

    Returns:
        The loss: a scalar, or `(N, D)` for `reduction="none"`.

    Raises:
        TypeError: series that are not floating-point.
        ValueError: shapes that differ, an `alpha` outside [0, 1], an unknown reduction.

    References:
        Wang et al., FreDF: learning to forecast in the frequency domain, 2025, https://arxiv.org/abs/2402.02399.

    Example:
        >>> fredf_loss(torch.tensor([[[1.0], [0.0]]]), torch.zeros(1, 2, 1))
        tensor(0.7500)
    """
    _check_series(prediction, target, 0.0)
    check_same_shape("target", target, "prediction", prediction)
    check_fraction("alpha", alpha)
    check_reduction(reduction)
    x, y = together(prediction, target)
    error = x - y
    values = (1 - alpha) * error.square().mean(1)
    if alpha > 0 and error.numel() > 0:  # torch refuses to transform an empty batch
        values = values + alpha * torch.fft.rfft(error, dim=1).abs().mean(1)
    return reduce(values, reduction, dtype=prediction.dtype)


FreDFLoss = as_module("FreDFLoss", fredf_loss)


@gradient_of(fredf_loss)
def _fredf_gradient(prediction: Tensor, target: Tensor, *, alpha: float = 0.5) -> Tensor:
    r""":math:`\partial\mathcal L / \partial x_t = \tfrac1{ND} \big( \tfrac{2 (1 - \alpha)}{T} (x_t - y_t)
    + \tfrac\alpha F \sum_f \cos(\varphi_f + 2\pi f t / T) \big)` with the phase :math:`\varphi_f` of the error of the
    spectrum at each frequency."""
    error = prediction - target
    steps, frequencies = error.shape[1], error.shape[1] // 2 + 1
    phase = torch.fft.rfft(error, dim=1).angle().unsqueeze(2)
    t = torch.arange(steps, dtype=error.dtype)
    angle = 2 * torch.pi * torch.arange(frequencies, dtype=error.dtype).unsqueeze(1) * t / steps
    waves = torch.cos(phase + angle.unsqueeze(-1)).sum(1)
    series = error.shape[0] * error.shape[2]
    return (2 * (1 - alpha) * error / steps + alpha * waves / frequencies) / series


# --- survival ---------------------------------------------------------------------------------------------------------


@loss(
    tasks=("tabular", "time series"),
    names=("Cox partial likelihood", "survival"),
    domain={"log_hazard": "log hazards", "target": "survival times", "event": "event flags"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(2.0),
        "smooth": yes,
        "bounded": no("it grows with the hazard of those who live longer", first=[0.0, 200.0], target=[1.0, 2.0],
                      event=[1, 1]),
        "symmetric": _ROLES,
        "proper": not_applicable("the prediction is a risk relative to others"),
        "scale_invariant": _ROLES,
        "permutation_invariant": yes,
    },
    cases=({"ties": "efron"},),
    couples="each event is compared with all who are still at risk",
    chapter=16,
)  # fmt: skip
def cox_partial_likelihood_loss(
    log_hazard: Tensor, target: Tensor, event: Tensor, *, ties: str = "breslow", reduction: str = "mean"
) -> Tensor:
    r"""Cox partial likelihood: the surprise that, of all still at risk, the event befell those whom it did.

    .. math::

        \ell_i = \log \sum_{j:\, t_j \ge t_i} e^{h_j} - h_i \qquad \text{for each } i \text{ with an event}

    Those whose event was not seen (censored) count among the ones at risk until their time. Only the order of times
    matters, and a constant added to all hazards changes nothing.

    With several events at one time, `"breslow"` compares each with all; `"efron"` takes away, for the :math:`l`-th of
    :math:`d` of them, the share :math:`l/d` of their own hazard (:math:`l = 0, \dots, d - 1`).

    Args:
        log_hazard: predicted logarithm of the hazard, `(N,)`.
        target: time of the event, or until which none was seen, `(N,)`.
        event: whether the event was seen, `(N,)` booleans or 0 and 1.
        ties: `"breslow"` or `"efron"`.
        reduction: `"none"` gives `(N,)`, with zeros for the censored; `"mean"` divides by the number of events.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. Without any event the mean is a zero attached to
        the graph. Times are sorted instead of compared in pairs: :math:`O(N \log N)` time, and no table of pairs.

    Raises:
        TypeError: hazards that are not floating-point.
        ValueError: shapes that do not go together, times that are NaN, events other than 0 and 1, an unknown way with
            ties or reduction.

    References:
        Cox, Regression models and life-tables, 1972, https://doi.org/10.1111/j.2517-6161.1972.tb00899.x; ties: Breslow,
        1974, https://doi.org/10.2307/2529620, and Efron, 1977, https://doi.org/10.1080/01621459.1977.10480613.

    Example:
        >>> zero = torch.zeros(3)
        >>> cox_partial_likelihood_loss(zero, torch.tensor([1.0, 2.0, 3.0]), torch.tensor([True, False, False]))
        tensor(1.0986)
    """
    check_tensors(log_hazard=log_hazard, target=target, event=event)
    check_floating("log_hazard", log_hazard)
    check_choice("ties", ties, ("breslow", "efron"))
    check_reduction(reduction)
    if log_hazard.dim() != 1:
        raise ValueError(f"log_hazard must have shape (N,), got {tuple(log_hazard.shape)}")
    check_same_shape("target", target, "log_hazard", log_hazard)
    check_same_shape("event", event, "log_hazard", log_hazard)
    if event.numel() and known(event, lambda: ((event == 0) | (event == 1)).all()) is False:
        raise ValueError("event must hold booleans or 0 and 1, got other values")
    if target.numel() and known(target, lambda: target.isnan().any()):
        raise ValueError("target must hold times, got NaN")
    (h,) = together(log_hazard)
    order = target.argsort(descending=True, stable=True)  # whoever is at risk stands before, or at the same time
    late, h, seen = -target[order], h[order], event[order] != 0
    last = torch.searchsorted(late, late, right=True) - 1  # of those at the same time
    risk = h.logcumsumexp(0)[last] if len(h) else h
    values = risk - h
    if ties == "efron" and len(h):
        first, events = torch.searchsorted(late, late), seen.cumsum(0)
        before = (events - seen.long())[first]
        share = (events - 1 - before).to(h.dtype) / (events[last] - before).clamp_min(1)
        own = torch.where(seen, (-values).exp(), 0.0)
        own = torch.zeros_like(own).index_add(0, last, own)[last]
        values = values + torch.log1p(-torch.where(seen, share * own, 0.0))
    values = torch.where(seen, values, 0.0)[order.argsort()]
    return reduce(values, reduction, (event != 0).to(h.dtype), log_hazard.dtype)


CoxPartialLikelihoodLoss = as_module("CoxPartialLikelihoodLoss", cox_partial_likelihood_loss)


@gradient_of(cox_partial_likelihood_loss)
def _cox_gradient(log_hazard: Tensor, target: Tensor, event: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial h_k = \tfrac1E \big( \sum_{i:\, t_i \le t_k} p_{ik} - e_k \big)`: how often
    the event was expected of :math:`k`, minus whether it came (:math:`e_k` is 1 or 0), where
    :math:`p_{ik} = e^{h_k} / \sum_{j:\, t_j \ge t_i} e^{h_j}` and the sum runs over the :math:`E` events."""
    seen = event.to(log_hazard.dtype)
    at_risk = target >= target.unsqueeze(1)
    expected = torch.where(at_risk, log_hazard, -torch.inf).softmax(1)
    return ((seen.unsqueeze(1) * expected).sum(0) - seen) / seen.sum().clamp_min(1)
