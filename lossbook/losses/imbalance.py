"""Losses for classes of very different frequency: reweighted, with margins, or with logits moved by the prior.

All of them take `(N, C, *)` logits, `(N, *)` labels and `class_counts`, the number of training examples of each
class, `(C,)`. A class without examples is treated as if it had one. The module forms are given the counts once,
`LDAMLoss(class_counts)`, keep them as a buffer and are then called with logits and labels.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import torch
import torch.nn.functional as F
from torch import Tensor

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._module import LossModule
from ._reduction import accumulation_dtype, reduce
from ._validation import (
    check_choice,
    check_class_weight,
    check_fraction,
    check_positive,
    check_reduction,
    check_tensors,
    known,
)
from .classification import _entries

__all__ = [
    "ClassBalancedLoss",
    "EqualizationLoss",
    "LDAMLoss",
    "LogitAdjustedLoss",
    "SeesawLoss",
    "VectorScalingLoss",
    "class_balanced_loss",
    "effective_number_weights",
    "equalization_loss",
    "ldam_loss",
    "logit_adjusted_loss",
    "seesaw_loss",
    "vector_scaling_loss",
]

P = ParamSpec("P")

_TASKS = ("image classification", "tabular", "challenges and future")
_DETECTION_TASKS = ("image classification", "object detection", "semantic segmentation", "challenges and future")
_DOMAIN = {"logits": "logits", "target": "labels", "class_counts": "class counts"}
_GROUPS = [[1, 0, 0, 0, 0, 1, 1, 0, 0, 0]]  # the first five positions look alike, and the last five do
_SEPARATE_ROLES = not_applicable("the prediction is a logit, the target a label")
_PROPERTIES = {
    "minimum_at_target": yes,
    "convex": yes,
    "lipschitz": up_to(1.5),
    "smooth": yes,
    "bounded": no(
        "a confident mistake costs as much as its logit", first=[[[-200.0], [200.0]]], target=[[0]], class_counts=[1, 1]
    ),
    "symmetric": _SEPARATE_ROLES,
    "proper": no(
        "what it asks for are the probabilities of balanced classes, not of those in the data",
        target=_GROUPS,
        class_counts=[90, 10],
    ),
    "scale_invariant": _SEPARATE_ROLES,
    "permutation_invariant": yes,
}


class _CountsModule(LossModule[P]):
    """A loss with its settings and the counts of the classes fixed: called with logits and target."""

    class_counts: Tensor

    def __init__(self, class_counts: Tensor, *args: P.args, **kwargs: P.kwargs) -> None:
        super().__init__(*args, **kwargs)
        check_tensors(class_counts=class_counts)
        self.register_buffer("class_counts", class_counts)

    def forward(self, *tensors: Tensor, **named: Tensor) -> Tensor:
        """The loss of logits and target."""
        return super().forward(*tensors, class_counts=self.class_counts, **named)

    def extra_repr(self) -> str:
        """The number of classes and the settings."""
        return f"classes={len(self.class_counts)}, {super().extra_repr()}"


def _counts_module(
    name: str,
    function: Callable[Concatenate[Tensor, Tensor, Tensor, P], Tensor],
    base: type[Any] = _CountsModule,
    doc: str = "",
) -> type[_CountsModule[P]]:
    """Derive the module class called `name`, which is given the counts once; see `as_module`."""
    parameters = inspect.signature(function).parameters.values()
    settings = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    counts = inspect.Parameter("class_counts", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="Tensor")
    return type(
        name,
        (base,),
        {
            "__module__": function.__module__,
            "__qualname__": name,
            "__doc__": f"Module form of `{function.__name__}`: the counts of the classes and the settings here, then "
            f"call it with `(logits, target)`.{doc}",
            "__signature__": inspect.Signature([counts, *settings]),
            "function": staticmethod(function),
            "settings": tuple(parameter.name for parameter in settings),
        },
    )


def _counts(class_counts: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    """The counts in the dtype of the computation, at least one each."""
    if class_counts.shape != (classes,):
        raise ValueError(
            f"class_counts must have shape ({classes},), one count per class, got {tuple(class_counts.shape)}"
        )
    if class_counts.dtype == torch.bool or class_counts.is_complex():
        raise TypeError(f"class_counts must hold numbers of examples, got {class_counts.dtype}")
    if known(class_counts, lambda: ((class_counts == 0) | (class_counts >= 1)).all()) is False:
        raise ValueError(
            f"class_counts must hold numbers of examples, each 0 or at least 1, got {class_counts.tolist()}; "
            "shares have to be multiplied by the number of examples"
        )
    return class_counts.to(dtype).clamp_min(1)


def _by_class(numbers: Tensor, scores: Tensor) -> Tensor:
    """One number per class, broadcastable to `(N, C, *)`."""
    return numbers.reshape(1, -1, *[1] * (scores.dim() - 2))


def _true_class(labels: Tensor, scores: Tensor) -> Tensor:
    """Whether a class is the true one, `(N, C, *)` booleans (`one_hot` reads values, which `vmap` forbids)."""
    return labels.unsqueeze(1) == _by_class(torch.arange(scores.shape[1], device=scores.device), scores)


def _moved_cross_entropy(
    scores: Tensor, labels: Tensor, valid: Tensor | None, weight: Tensor | None, reduction: str, dtype: torch.dtype
) -> Tensor:
    """Cross-entropy of logits that the loss has moved; the mean divides by the weights, as torch's does."""
    values = F.cross_entropy(scores, labels, reduction="none")
    weights = None if weight is None else weight.to(scores.dtype)[labels]
    if weights is not None:
        values = values * weights
    if valid is not None:
        values = torch.where(valid, values, 0.0)
        weights = valid.to(scores.dtype) if weights is None else torch.where(valid, weights, 0.0)
    return reduce(values, reduction, weights, dtype)


def effective_number_weights(class_counts: Tensor, *, beta: float = 0.999) -> Tensor:
    r"""Class weights by the effective number of examples, which grows ever more slowly with their number.

    .. math::

        w_c \propto \frac{1 - \beta}{1 - \beta^{n_c}}, \qquad \sum_c w_c = C

    Zero for `beta` weighs all classes alike; toward one the weights become :math:`1 / n_c`, and one is that limit.
    They fit the `weight` of :func:`~lossbook.losses.classification.cross_entropy` and :func:`ldam_loss` (deferred
    reweighting: pass them from a late epoch on).

    Args:
        class_counts: number of training examples of each class, `(C,)`; zero is treated as one.
        beta: share of an example's surroundings that the next example covers already, in [0, 1].

    Returns:
        The weights, `(C,)`, with mean one.

    Raises:
        ValueError: a `beta` outside [0, 1], counts between 0 and 1.

    References:
        Cui, Jia, Lin, Song and Belongie, Class-balanced loss based on effective number of samples, 2019,
        https://arxiv.org/abs/1901.05555.

    Example:
        >>> effective_number_weights(torch.tensor([1000, 100, 10]))
        tensor([0.0422, 0.2800, 2.6778])
    """
    check_tensors(class_counts=class_counts)
    dtype = class_counts.dtype if class_counts.is_floating_point() else torch.get_default_dtype()
    return _effective_weights(_counts(class_counts, len(class_counts), accumulation_dtype(dtype)), beta).to(dtype)


def _effective_weights(counts: Tensor, beta: float) -> Tensor:
    """Weights with mean one; `expm1` keeps the digits that `1 - beta ** n` loses where beta is close to one."""
    check_fraction("beta", beta)
    weights = counts ** -float(beta) if beta in (0, 1) else -1 / torch.expm1(counts * math.log(beta))
    return weights / weights.mean()


@loss(
    tasks=_TASKS,
    names=("class-balanced cross-entropy", "class-balanced focal loss", "CB loss"),
    domain=_DOMAIN,
    range=(0.0, float("inf")),
    properties=_PROPERTIES
    | {
        "lipschitz": up_to(4.5, "for three classes; a class weighs at most as much as there are classes"),
        "proper": no("weights that depend on the label move the best answer", target=_GROUPS, class_counts=[90, 10]),
    },
    cases=({"base": "sigmoid"}, {"base": "focal"}, {"base": "focal", "gamma": 0.5, "beta": 0.9}, {"beta": 1.0},
           {"beta": 0.0}, {"ignore_index": 1}),
    chapter=3,
    kind="module",
)  # fmt: skip
def class_balanced_loss(
    logits: Tensor,
    target: Tensor,
    class_counts: Tensor,
    *,
    base: str = "softmax",
    beta: float = 0.999,
    gamma: float = 2.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Class-balanced loss: a loss divided by the effective number of examples of the true class.

    .. math::

        \ell = w_y\, \ell_0(z, y), \qquad w_c \propto \frac{1 - \beta}{1 - \beta^{n_c}}, \quad \sum_c w_c = C

    The loss :math:`\ell_0` inside is one of the paper's three: softmax cross-entropy; one sigmoid cross-entropy for
    each class, summed; or their focal form, summed. As in the paper the mean divides by the number of examples.
    To divide by the sum of the weights, as torch does, use `cross_entropy(..., weight=effective_number_weights(n))`.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        class_counts: number of training examples of each class, `(C,)`; zero is treated as one.
        base: `"softmax"`, `"sigmoid"` or `"focal"` (with sigmoids).
        beta: in [0, 1]: 0 weighs all classes alike, 1 by one over their counts. The paper tries 0.9 to 0.9999.
        gamma: focusing exponent of `base="focal"`, at least 0.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The weighted loss in nats: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, counts between 0 and 1, an unknown base or
            reduction.

    References:
        Cui, Jia, Lin, Song and Belongie, Class-balanced loss based on effective number of samples, 2019,
        https://arxiv.org/abs/1901.05555.

    Example:
        >>> logits, counts = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([900, 100])
        >>> class_balanced_loss(logits, torch.tensor([0, 1]), counts, reduction="none")
        tensor([0.0351, 3.6659])
    """
    check_tensors(logits=logits, target=target, class_counts=class_counts)
    check_choice("base", base, ("softmax", "sigmoid", "focal"))
    check_positive("gamma", gamma, zero=True)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    weight = _effective_weights(_counts(class_counts, scores.shape[1], scores.dtype), beta)
    if base == "softmax":
        values = F.cross_entropy(scores, labels, reduction="none")
    else:
        truth = _true_class(labels, scores).to(scores.dtype)
        each = F.binary_cross_entropy_with_logits(scores, truth, reduction="none")
        if base == "focal":
            miss = torch.sigmoid(scores * (1 - 2 * truth))  # the probability of the wrong answer
            each = each * miss.clamp_min(torch.finfo(miss.dtype).tiny) ** gamma
        values = each.sum(1)
    values = values * weight[labels]
    if valid is None:
        return reduce(values, reduction, dtype=logits.dtype)
    return reduce(torch.where(valid, values, 0.0), reduction, valid.to(values.dtype), logits.dtype)


ClassBalancedLoss = _counts_module("ClassBalancedLoss", class_balanced_loss)


@gradient_of(class_balanced_loss)
def _class_balanced_gradient(logits: Tensor, target: Tensor, class_counts: Tensor, *, beta: float = 0.999) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = w_y (p_c - [c = y]) / N`."""
    counts = class_counts.to(logits.dtype)
    weight = 1 / counts if beta == 1 else (1 - beta) / (1 - beta**counts)
    weight = weight * len(counts) / weight.sum()
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    return weight[target].unsqueeze(1) * (logits.softmax(1) - truth) / target.numel()


@loss(
    tasks=_TASKS,
    names=("label-distribution-aware margin loss", "LDAM"),
    domain=_DOMAIN | {"logits": "normalized logits"},
    range=(0.0, float("inf")),
    properties=_PROPERTIES
    | {
        "lipschitz": up_to(43.0, "the scale times the root of two"),
        "bounded": no(
            "it grows with the logarithm of the number of classes",
            first=[[[-1.0]] + [[1.0]] * 199],
            target=[[0]],
            class_counts=[1] * 200,
        ),
        "proper": no("margins move the best answer", target=_GROUPS, class_counts=[90, 10]),
    },
    cases=({"max_margin": 0.2}, {"scale": 10.0}, {"weight": (0.2, 1.0, 3.0)}, {"ignore_index": 1}),
    chapter=3,
    kind="module",
)
def ldam_loss(
    logits: Tensor,
    target: Tensor,
    class_counts: Tensor,
    *,
    max_margin: float = 0.5,
    scale: float = 30.0,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""LDAM loss: cross-entropy with a margin that is the wider the rarer the true class is.

    .. math::

        \ell = -w_y \log \frac{e^{s (z_y - \Delta_y)}}{e^{s (z_y - \Delta_y)} + \sum_{c \ne y} e^{s z_c}},
        \qquad \Delta_c = \Delta_{\max} \Big(\frac{\min_k n_k}{n_c}\Big)^{1/4}

    Margins presume logits of a fixed size: the authors' last layer gives cosines of normalized features and
    normalized class weights, and the loss scales them. For raw logits pass `scale=1.0`. Deferred reweighting (DRW)
    passes `weight=effective_number_weights(class_counts)` in the last epochs.

    Args:
        logits: cosines between features and classes, `(N, C, *)`, in [-1, 1].
        target: class indices, `(N, *)` integers.
        class_counts: number of training examples of each class, `(C,)`; zero is treated as one.
        max_margin: margin of the rarest class, at least 0.
        scale: factor of the logits, above 0.
        weight: one weight per class, `(C,)`.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the sum of the weights of the counted labels.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, counts between 0 and 1, a negative margin, an
            unknown reduction.

    References:
        Cao, Wei, Gaidon, Arechiga and Ma, Learning imbalanced datasets with label-distribution-aware margin loss,
        2019, https://arxiv.org/abs/1906.07413.

    Example:
        >>> logits, counts = torch.tensor([[0.6, 0.4], [0.6, 0.4]]), torch.tensor([1600, 100])
        >>> ldam_loss(logits, torch.tensor([0, 1]), counts, reduction="none")
        tensor([ 1.7014, 21.0000])
    """
    check_tensors(logits=logits, target=target, class_counts=class_counts, weight=weight)
    check_positive("max_margin", max_margin, zero=True)
    check_positive("scale", scale)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    counts = _counts(class_counts, scores.shape[1], scores.dtype)
    check_class_weight(weight, scores.shape[1])
    margins = max_margin * (counts.amin() / counts) ** 0.25
    own = labels.unsqueeze(1)
    moved = scale * scores.scatter_add(1, own, -margins[own])
    return _moved_cross_entropy(moved, labels, valid, weight, reduction, logits.dtype)


LDAMLoss = _counts_module("LDAMLoss", ldam_loss)


@gradient_of(ldam_loss)
def _ldam_gradient(
    logits: Tensor, target: Tensor, class_counts: Tensor, *, max_margin: float = 0.5, scale: float = 30.0
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = s\,(p_c - [c = y]) / N` with the probabilities :math:`p` of the
    scaled logits after the margin."""
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    root = class_counts.to(logits.dtype) ** -0.25
    margin = (max_margin * root / root.max())[target].unsqueeze(1)
    return scale * ((scale * (logits - margin * truth)).softmax(1) - truth) / target.numel()


@loss(
    tasks=_TASKS,
    names=("balanced softmax", "logit adjustment", "logit-adjusted cross-entropy"),
    domain=_DOMAIN,
    range=(0.0, float("inf")),
    properties=_PROPERTIES,
    cases=({"tau": 0.5}, {"tau": 0.0}, {"tau": 2.0, "ignore_index": 1}),
    chapter=3,
    kind="module",
)
def logit_adjusted_loss(
    logits: Tensor,
    target: Tensor,
    class_counts: Tensor,
    *,
    tau: float = 1.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Logit-adjusted loss (balanced softmax): cross-entropy after the prior's logarithm is added to the logits.

    .. math::

        \ell = -\log \frac{n_y^\tau e^{z_y}}{\sum_c n_c^\tau e^{z_c}}

    The network need not learn the prior, so that its own logits, without the adjustment, answer for balanced
    classes. With :math:`\tau = 1` it is the balanced softmax, with :math:`\tau = 0` cross-entropy. Shares of the
    classes may take the place of their numbers in the formula: a common factor cancels.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        class_counts: number of training examples of each class, `(C,)`; zero is treated as one.
        tau: exponent of the prior.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, counts between 0 and 1, an unknown reduction.

    References:
        Menon, Jayasumana, Rawat, Jain, Veit and Kumar, Long-tail learning via logit adjustment, 2021,
        https://arxiv.org/abs/2007.07314, equation 10. Balanced softmax: Ren, Yu, Sheng, Ma, Zhao, Yi and Li, Balanced
        meta-softmax for long-tailed visual recognition, 2020, https://arxiv.org/abs/2007.10740.

    Example:
        >>> logits, counts = torch.zeros(2, 2), torch.tensor([900, 100])
        >>> logit_adjusted_loss(logits, torch.tensor([0, 1]), counts, reduction="none")
        tensor([0.1054, 2.3026])
    """
    check_tensors(logits=logits, target=target, class_counts=class_counts)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    counts = _counts(class_counts, scores.shape[1], scores.dtype)
    moved = scores + _by_class(tau * counts.log(), scores)
    return _moved_cross_entropy(moved, labels, valid, None, reduction, logits.dtype)


LogitAdjustedLoss = _counts_module("LogitAdjustedLoss", logit_adjusted_loss)


@gradient_of(logit_adjusted_loss)
def _logit_adjusted_gradient(logits: Tensor, target: Tensor, class_counts: Tensor, *, tau: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = (q_c - [c = y]) / N` with
    :math:`q_c = n_c^\tau e^{z_c} / \sum_k n_k^\tau e^{z_k}`."""
    shape = (1, -1, *[1] * (logits.dim() - 2))
    q = class_counts.to(logits.dtype).reshape(shape) ** tau * logits.softmax(1)
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    return (q / q.sum(1, keepdim=True) - truth) / target.numel()


@loss(
    tasks=_TASKS,
    names=("VS loss", "class-dependent temperature"),
    domain=_DOMAIN,
    range=(0.0, float("inf")),
    properties=_PROPERTIES
    | {
        "minimum_at_target": yes,
        "proper": no("factors and terms move the best answer", target=_GROUPS, class_counts=[90, 10]),
    },
    cases=({"tau": 0.5, "gamma": 0.3}, {"tau": 0.0, "gamma": 1.0}, {"weight": (0.2, 1.0, 3.0)}, {"ignore_index": 1}),
    chapter=3,
    kind="module",
)
def vector_scaling_loss(
    logits: Tensor,
    target: Tensor,
    class_counts: Tensor,
    *,
    tau: float = 1.0,
    gamma: float = 0.15,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Vector-scaling (VS) loss: cross-entropy of logits that are scaled and moved by the frequency of their class.

    .. math::

        \ell = -w_y \log \frac{e^{\Delta_y z_y + \iota_y}}{\sum_c e^{\Delta_c z_c + \iota_c}}, \qquad
        \Delta_c = \Big(\frac{n_c}{\max_k n_k}\Big)^\gamma, \quad \iota_c = \tau \log n_c

    It unifies logit adjustment (:math:`\gamma = 0`: :func:`logit_adjusted_loss`), class-dependent temperatures
    (:math:`\tau = 0`) and class weights. The margin of :func:`ldam_loss` depends on the label as well as on the
    class, so it is no special case with more than two classes.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        class_counts: number of training examples of each class, `(C,)`; zero is treated as one.
        tau: exponent of the prior, the additive part.
        gamma: exponent of the frequency, the multiplicative part, at least 0.
        weight: one weight per class, `(C,)`.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the sum of the weights of the counted labels.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, counts between 0 and 1, a negative gamma, an
            unknown reduction.

    References:
        Kini, Paraskevas, Oymak and Thrampoulidis, Label-imbalanced and group-sensitive classification under
        overparameterization, 2021, https://arxiv.org/abs/2103.01550. Class-dependent temperatures: Ye, Chen, Zhan and
        Chao, Identifying and compensating for feature deviation in imbalanced deep learning, 2020,
        https://arxiv.org/abs/2001.01385.

    Example:
        >>> logits, counts = torch.tensor([[1.0, 1.0]]), torch.tensor([900, 100])
        >>> vector_scaling_loss(logits, torch.tensor([1]), counts)
        tensor(2.5586)
    """
    check_tensors(logits=logits, target=target, class_counts=class_counts, weight=weight)
    check_positive("gamma", gamma, zero=True)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    counts = _counts(class_counts, scores.shape[1], scores.dtype)
    check_class_weight(weight, scores.shape[1])
    factor = (counts / counts.amax()) ** gamma
    moved = _by_class(factor, scores) * scores + _by_class(tau * counts.log(), scores)
    return _moved_cross_entropy(moved, labels, valid, weight, reduction, logits.dtype)


VectorScalingLoss = _counts_module("VectorScalingLoss", vector_scaling_loss)


@gradient_of(vector_scaling_loss)
def _vector_scaling_gradient(
    logits: Tensor, target: Tensor, class_counts: Tensor, *, tau: float = 1.0, gamma: float = 0.15
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = \Delta_c (q_c - [c = y]) / N` with the probabilities :math:`q` of the
    scaled and moved logits."""
    counts = class_counts.to(logits.dtype).reshape(1, -1, *[1] * (logits.dim() - 2))
    factor = (counts / counts.max()) ** gamma
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    return factor * ((factor * logits + tau * counts.log()).softmax(1) - truth) / target.numel()


@loss(
    tasks=_DETECTION_TASKS,
    names=("seesaw",),
    domain=_DOMAIN,
    range=(0.0, float("inf")),
    properties=_PROPERTIES
    | {
        "convex": no(
            "the compensation switches on where another class overtakes the true one, and stops growing",
            first=[[[0.0], [20.0]]],
            other=[[[0.0], [0.0]]],
            target=[[0]],
            class_counts=[1, 1],
            eps=0.5,
        ),
        "smooth": no(
            "the compensation switches on where another class overtakes the true one",
            first=[[[0.0], [0.0]]],
            target=[[0]],
            class_counts=[1, 1],
        ),
        "proper": no("factors that depend on the label move the best answer", target=_GROUPS, class_counts=[90, 10]),
    },
    cases=({"p": 0.3}, {"q": 0.5}, {"q": 0.0}, {"eps": 1e-4}, {"ignore_index": 1}),
    detached="the compensation factor",
    chapter=3,
    kind="module",
)
def seesaw_loss(
    logits: Tensor,
    target: Tensor,
    class_counts: Tensor,
    *,
    p: float = 0.8,
    q: float = 2.0,
    eps: float = 0.01,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Seesaw loss: cross-entropy that spares rare classes as negatives, unless they take over.

    .. math::

        \ell = -\log \frac{e^{z_y}}{\sum_c S_{yc}\, e^{z_c}}, \qquad
        S_{yc} = \min\Big(1, \frac{n_c}{n_y}\Big)^p \max\Big(1, \frac{\sigma_c}{\sigma_y}\Big)^q

    The first factor mitigates what a frequent true class :math:`y` does to a rarer class :math:`c`; the second
    compensates where :math:`c` is held more probable (:math:`\sigma` = softmax) than the true class. The second
    factor is held fixed when the gradient is formed. The paper's counts are those of the labels seen so far: the
    module adds up the labels that it is called with in training mode, beginning with the counts it was given, which
    may all be zero (`SeesawLoss(torch.zeros(C))`). Counts that are integers stay exact, and stay integers in a module
    that is moved to half precision.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        class_counts: number of examples of each class so far, `(C,)`; zero is treated as one.
        p: exponent of the mitigation, at least 0.
        q: exponent of the compensation, at least 0.
        eps: smallest probability of the true class that the compensation divides by, in (0, 1]. It bounds the
            compensation (the authors' code; the paper has none).
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, counts between 0 and 1, a negative exponent,
            an unknown reduction.

    References:
        Wang, Zhang, Zang, Cao, Pang, Gong, Chen, Liu, Loy and Lin, Seesaw loss for long-tailed instance segmentation,
        2021, https://arxiv.org/abs/2008.10032.

    Example:
        >>> logits, counts = torch.zeros(2, 2), torch.tensor([900, 100])
        >>> seesaw_loss(logits, torch.tensor([0, 1]), counts, reduction="none")
        tensor([0.1591, 0.6931])
    """
    check_tensors(logits=logits, target=target, class_counts=class_counts)
    check_positive("p", p, zero=True)
    check_positive("q", q, zero=True)
    check_positive("eps", eps)
    check_fraction("eps", eps)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    log_counts = _counts(class_counts, scores.shape[1], scores.dtype).log()
    moved = scores + _seesaw_factors(scores.detach(), labels, log_counts, p, q, eps)
    return _moved_cross_entropy(moved, labels, valid, None, reduction, logits.dtype)


def _seesaw_factors(scores: Tensor, labels: Tensor, log_counts: Tensor, p: float, q: float, eps: float) -> Tensor:
    """The logarithms of both factors of every class, `(N, C, *)`."""
    mitigation = p * (_by_class(log_counts, scores) - log_counts[labels].unsqueeze(1)).clamp_max(0)
    if q == 0:
        return mitigation
    log_p = scores.log_softmax(1)
    own = log_p.gather(1, labels.unsqueeze(1)).clamp_min(math.log(eps))
    return torch.add(mitigation, (log_p - own).clamp_min(0), alpha=q)


class _CountingModule(_CountsModule[P]):
    """A loss that counts the labels it is called with in training mode, before it uses the counts."""

    def __init__(self, class_counts: Tensor, *args: P.args, **kwargs: P.kwargs) -> None:
        super().__init__(class_counts, *args, **kwargs)
        self.class_counts = class_counts.clone()  # the caller's tensor stays as it is

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of logits and target."""
        if self.training:
            # checked before they are counted
            _, labels, valid = _entries(logits, target, "multiclass", self.ignore_index)
            _counts(self.class_counts, logits.shape[1], torch.float32)
            seen = torch.ones_like(labels) if valid is None else valid.long()
            # in integers: a sum in float32 no longer grows by single labels from 16.8 million on
            new = torch.zeros_like(self.class_counts, dtype=torch.long).scatter_add_(
                0, labels.flatten(), seen.flatten()
            )
            self.class_counts += new
        return super().forward(logits, target)


SeesawLoss = _counts_module(
    "SeesawLoss", seesaw_loss, _CountingModule, " In training mode every call first adds its labels to the counts."
)


@gradient_of(seesaw_loss)
def _seesaw_gradient(
    logits: Tensor, target: Tensor, class_counts: Tensor, *, p: float = 0.8, q: float = 2.0, eps: float = 0.01
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = (r_c - [c = y]) / N` with
    :math:`r_c = S_{yc} e^{z_c} / \sum_k S_{yk} e^{z_k}` and the factors :math:`S` held fixed."""
    counts = class_counts.to(logits.dtype)
    sigma = logits.softmax(1)
    ratio = counts.reshape(1, -1, *[1] * (logits.dim() - 2)) / counts[target].unsqueeze(1)
    own = sigma.gather(1, target.unsqueeze(1)).clamp(min=eps)
    r = ratio.clamp(max=1) ** p * (sigma / own).clamp(min=1) ** q * sigma
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    return (r / r.sum(1, keepdim=True) - truth) / target.numel()


@loss(
    tasks=_DETECTION_TASKS,
    names=("EQL", "softmax equalization loss", "SEQL"),
    domain=_DOMAIN,
    range=(0.0, float("inf")),
    properties=_PROPERTIES
    | {
        "proper": no(
            "rare classes are not discouraged, so the best answer gives them all",
            target=_GROUPS,
            class_counts=[9990, 10],
        ),
    },
    cases=({"threshold": 0.2}, {"threshold": 0.4, "ignored": (1.0, 0.0, 1.0)}, {"threshold": 0.3, "ignore_index": 1}),
    chapter=3,
    kind="module",
)
def equalization_loss(
    logits: Tensor,
    target: Tensor,
    class_counts: Tensor,
    *,
    threshold: float = 3e-3,
    ignored: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Equalization loss (EQL): cross-entropy that leaves rare classes out as negatives.

    .. math::

        \ell = -\log \frac{e^{z_y}}{\sum_c w_c\, e^{z_c}}, \qquad
        w_c = 1 - \beta_c\, [n_c / {\textstyle\sum_k} n_k < \lambda]\, (1 - [c = y])

    This is the softmax form, for classification. The paper draws each :math:`\beta` from {0, 1}, one with
    probability :math:`\gamma`; the function takes what was drawn (`ignored`), and the module
    `EqualizationLoss(class_counts, gamma=0.9)` draws anew for every logit in training mode and leaves out all
    rare classes in evaluation mode.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        class_counts: number of training examples of each class, `(C,)`; zero is treated as one.
        threshold: the share :math:`\lambda` of all examples below which a class is rare.
        ignored: the draws :math:`\beta`, zeros and ones, in the shape of the logits or `(C,)`; ones by default.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts, and where all other
        classes are left out.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, counts between 0 and 1, a threshold outside
            [0, 1], an unknown reduction.

    References:
        Tan, Wang, Li, Li, Ouyang, Yin and Yan, Equalization loss for long-tailed object recognition, 2020,
        https://arxiv.org/abs/2003.05176.

    Example:
        >>> logits, counts = torch.tensor([[1.0, 1.0, 1.0]]), torch.tensor([900, 99, 1])
        >>> equalization_loss(logits, torch.tensor([0]), counts)
        tensor(0.6931)
    """
    check_tensors(logits=logits, target=target, class_counts=class_counts, ignored=ignored)
    check_fraction("threshold", threshold)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    counts = _counts(class_counts, scores.shape[1], scores.dtype)
    left_out = _by_class(counts / counts.sum() < threshold, scores)
    if ignored is not None:
        if ignored.shape not in (scores.shape, counts.shape):
            raise ValueError(
                f"ignored must have the shape of logits, {tuple(scores.shape)}, or {tuple(counts.shape)}, got "
                f"{tuple(ignored.shape)}"
            )
        drawn = ignored.bool()
        left_out = left_out & (_by_class(drawn, scores) if drawn.dim() == 1 else drawn)
    moved = scores.masked_fill(left_out & ~_true_class(labels, scores), -torch.inf)
    return _moved_cross_entropy(moved, labels, valid, None, reduction, logits.dtype)


class EqualizationLoss(_CountsModule[...]):
    """Module form of `equalization_loss`, which draws the rare classes to leave out.

    Args:
        class_counts: number of training examples of each class, `(C,)`; zero is treated as one.
        gamma: probability that a rare class is left out of an example's negatives, in training mode. In evaluation
            mode all of them are.
        threshold: the share of all examples below which a class is rare.
        ignore_index: label of positions that do not count.
        reduction: `"none"`, `"mean"` or `"sum"`.
    """

    function = staticmethod(equalization_loss)
    settings = ("threshold", "ignore_index", "reduction")

    def __init__(
        self,
        class_counts: Tensor,
        *,
        gamma: float = 0.9,
        threshold: float = 3e-3,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__(class_counts, threshold=threshold, ignore_index=ignore_index, reduction=reduction)
        check_fraction("gamma", gamma)
        self.gamma = gamma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of logits and target."""
        settings = {key: getattr(self, key) for key in self.settings}
        drawn = torch.rand_like(logits, dtype=torch.float32) < self.gamma if self.training else None
        return equalization_loss(logits, target, self.class_counts, ignored=drawn, **settings)

    def extra_repr(self) -> str:
        """The number of classes and the settings."""
        return f"{super().extra_repr()}, gamma={self.gamma}"


@gradient_of(equalization_loss)
def _equalization_gradient(logits: Tensor, target: Tensor, class_counts: Tensor, *, threshold: float = 3e-3) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = (r_c - [c = y]) / N` with
    :math:`r_c = w_c e^{z_c} / \sum_k w_k e^{z_k}`, which is zero for a class that is left out."""
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
    share = class_counts / class_counts.sum()
    rare = (share < threshold).reshape(1, -1, *[1] * (logits.dim() - 2))
    r = torch.where(rare & (truth == 0), 0.0, logits.softmax(1))
    return (r / r.sum(1, keepdim=True) - truth) / target.numel()
