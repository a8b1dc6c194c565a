"""Losses for labels of which some are wrong, and losses that were found by search or learned.

The first bound what a single label can do, or correct for the noise; the last are products of meta-learning. All but
the learned network take `(N, C, *)` logits and `(N, *)` labels.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._module import LossModule, as_module
from ._reduction import full_precision, reduce, together
from ._slope import forward_mode
from ._validation import (
    check_choice,
    check_floating,
    check_fraction,
    check_layout,
    check_positive,
    check_reduction,
    check_same_shape,
    check_tensors,
    known,
)
from .classification import _entries

__all__ = [
    "ActivePassiveLoss",
    "BackwardCorrectedLoss",
    "BaikalLoss",
    "BiTemperedLogisticLoss",
    "BootstrappingLoss",
    "ForwardCorrectedLoss",
    "GeneralizedCrossEntropyLoss",
    "JoCoRLoss",
    "LearnedLoss",
    "NormalizedCrossEntropyLoss",
    "ProbabilityMAELoss",
    "SymmetricCrossEntropyLoss",
    "TaylorCrossEntropyLoss",
    "TaylorGLOLoss",
    "active_passive_loss",
    "backward_corrected_loss",
    "baikal_loss",
    "bi_tempered_logistic_loss",
    "bootstrapping_loss",
    "forward_corrected_loss",
    "generalized_cross_entropy",
    "jocor_loss",
    "learned_loss",
    "normalized_cross_entropy",
    "probability_mae_loss",
    "symmetric_cross_entropy",
    "taylor_cross_entropy",
    "taylor_glo_loss",
]

P = ParamSpec("P")

_TASKS = ("image classification", "challenges and future")
_DOMAIN = {"logits": "logits", "target": "labels"}
_GROUPS = [[1, 0, 0, 0, 0, 1, 1, 0, 0, 0]]  # the first five positions look alike, and the last five do
_SEPARATE_ROLES = not_applicable("the prediction is a logit, the target a label")
_UNBOUNDED = no("a confident mistake costs more the surer it is", first=[[[-1000.0], [1000.0]]], target=[[0]])
_SATURATES = no(
    "it levels off where the mistake is confident, so that the chord from there to a hesitant answer lies below",
    first=[[[-6.0], [0.0]]],
    other=[[[0.0], [0.0]]],
    target=[[0]],
)
_PROPERTIES = {
    "minimum_at_target": yes,
    "convex": _SATURATES,
    "lipschitz": up_to(1.5),
    "smooth": yes,
    "bounded": yes,
    "symmetric": _SEPARATE_ROLES,
    "proper": no("the best answer is not the truth", target=_GROUPS),
    "scale_invariant": _SEPARATE_ROLES,
    "permutation_invariant": yes,
}


def _reduced(values: Tensor, valid: Tensor | None, reduction: str, dtype: torch.dtype) -> Tensor:
    """The reduction of one value per position, of which the valid ones count."""
    if valid is None:
        return reduce(values, reduction, dtype=dtype)
    return reduce(torch.where(valid, values, 0.0), reduction, valid.to(values.dtype), dtype)


def _at(numbers: Tensor, labels: Tensor) -> Tensor:
    """The entries of `(N, C, *)` at the labels, `(N, *)`."""
    return numbers.gather(1, labels.unsqueeze(1)).squeeze(1)


def _one_hot(target: Tensor, logits: Tensor) -> Tensor:
    return F.one_hot(target, logits.shape[1]).movedim(-1, 1)


@loss(
    tasks=_TASKS,
    names=("GCE", "L_q loss", "truncated L_q loss", "label noise robust losses"),
    domain=_DOMAIN,
    range=(0.0, 1 / 0.7),
    properties=_PROPERTIES,
    cases=({"q": 0.3}, {"q": 1.0}, {"q": 0.0}, {"truncation": 0.5}, {"q": 0.4, "truncation": 0.2}, {"ignore_index": 1}),
    chapter=3,
)
def generalized_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    q: float = 0.7,
    truncation: float = 0.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Generalized cross-entropy (GCE): between cross-entropy, which learns fast, and absolute error, which is robust.

    .. math::

        \ell = \frac{1 - p_y^q}{q}

    Toward :math:`q = 0`, which is allowed, it is cross-entropy; with :math:`q = 1` it is half the absolute error of
    the probabilities. It is computed as `-expm1(q log p) / q`, which keeps its digits for small `q`.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        q: exponent in [0, 1].
        truncation: in [0, 1]; where the true class has at most this probability :math:`k`, the loss is
            :math:`(1 - k^q)/q` and the gradient zero (the paper's truncated loss, 0.5 there). 0 truncates nothing.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, `q` or `truncation` outside [0, 1], an unknown
            reduction.

    References:
        Zhang and Sabuncu, Generalized cross entropy loss for training deep neural networks with noisy labels, 2018,
        https://arxiv.org/abs/1805.07836, equation 6.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> generalized_cross_entropy(logits, target, reduction="none")
        tensor([0.1215, 1.1062])
    """
    check_tensors(logits=logits, target=target)
    check_fraction("q", q)
    check_fraction("truncation", truncation)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    surprise = F.cross_entropy(scores, labels, reduction="none")
    if truncation > 0:
        surprise = surprise.clamp_max(-math.log(truncation))
    values = -torch.expm1(-q * surprise) / q if q > 0 else surprise
    return _reduced(values, valid, reduction, logits.dtype)


GeneralizedCrossEntropyLoss = as_module("GeneralizedCrossEntropyLoss", generalized_cross_entropy)


@gradient_of(generalized_cross_entropy)
def _generalized_cross_entropy_gradient(
    logits: Tensor, target: Tensor, *, q: float = 0.7, truncation: float = 0.0
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = p_y^q\,(p_c - [c = y]) / N`: cross-entropy's gradient, the smaller
    the less the label is believed; zero where :math:`p_y` is below the truncation."""
    p = logits.softmax(1)
    own = p.gather(1, target.unsqueeze(1))
    return own**q * (own > truncation) * (p - _one_hot(target, logits)) / target.numel()


@loss(
    tasks=_TASKS,
    names=("SCE", "symmetric cross-entropy learning", "label noise robust losses"),
    domain=_DOMAIN,
    range=(0.0, float("inf")),
    properties=_PROPERTIES | {"lipschitz": up_to(2.0), "bounded": _UNBOUNDED},
    cases=({"alpha": 1.0, "beta": 0.3}, {"log_zero": -6.0}, {"alpha": 0.0}, {"ignore_index": 1}),
    chapter=3,
)
def symmetric_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.1,
    beta: float = 1.0,
    log_zero: float = -4.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Symmetric cross-entropy (SCE): cross-entropy plus its reverse, in which prediction and label change roles.

    .. math::

        \ell = -\alpha \log p_y - \beta \sum_c p_c \log [c = y] = -\alpha \log p_y - \beta A\,(1 - p_y),
        \qquad \log 0 := A

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        alpha: weight of cross-entropy, at least 0.
        beta: weight of reverse cross-entropy, at least 0.
        log_zero: what stands for the logarithm of zero, at most 0. The paper's is -4; the authors' code clamps at 1e-4,
            which is `math.log(1e-4)`.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, a negative weight, a positive `log_zero`, an
            unknown reduction.

    References:
        Wang, Ma, Chen, Luo, Yi and Bailey, Symmetric cross entropy for robust learning with noisy labels, 2019,
        https://arxiv.org/abs/1908.06112.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> symmetric_cross_entropy(logits, target, reduction="none")
        tensor([0.4895, 3.7359])
    """
    check_tensors(logits=logits, target=target)
    check_positive("alpha", alpha, zero=True)
    check_positive("beta", beta, zero=True)
    if not log_zero <= 0:
        raise ValueError(f"log_zero must be at most 0, got {log_zero}")
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    surprise = F.cross_entropy(scores, labels, reduction="none")
    values = alpha * surprise + beta * log_zero * torch.expm1(-surprise)
    return _reduced(values, valid, reduction, logits.dtype)


SymmetricCrossEntropyLoss = as_module("SymmetricCrossEntropyLoss", symmetric_cross_entropy)


@gradient_of(symmetric_cross_entropy)
def _symmetric_cross_entropy_gradient(
    logits: Tensor, target: Tensor, *, alpha: float = 0.1, beta: float = 1.0, log_zero: float = -4.0
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = (\alpha - \beta A\, p_y)\,(p_c - [c = y]) / N`."""
    p = logits.softmax(1)
    own = p.gather(1, target.unsqueeze(1))
    return (alpha - beta * log_zero * own) * (p - _one_hot(target, logits)) / target.numel()


@loss(
    tasks=_TASKS,
    names=("soft bootstrapping", "hard bootstrapping", "label noise robust losses"),
    domain=_DOMAIN,
    range=(0.0, float("inf")),
    properties=_PROPERTIES
    | {
        "convex": no(
            "between two sure answers the prediction is uncertain, which its own entropy charges for",
            first=[[[10.0], [0.0]]],
            other=[[[-10.0], [0.0]]],
            target=[[0]],
            beta=0.1,
        ),
        "bounded": _UNBOUNDED,
    },
    cases=({"beta": 0.5}, {"mode": "hard"}, {"mode": "hard", "beta": 0.8}, {"ignore_index": 1}),
    chapter=3,
)
def bootstrapping_loss(
    logits: Tensor,
    target: Tensor,
    *,
    mode: str = "soft",
    beta: float = 0.95,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Bootstrapping loss: cross-entropy whose target is a mixture of the label and the prediction itself.

    .. math::

        \ell = -\sum_c \big(\beta\, [c = y] + (1 - \beta)\, \tilde p_c\big) \log p_c, \qquad
        \tilde p_c = p_c \text{ (soft)}, \quad [c = \arg\max p] \text{ (hard)}

    In the soft form the gradient passes through both factors, so that the second term is the entropy of the
    prediction. In the hard form the loss jumps where two classes tie; ties go to the first of them.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        mode: `"soft"` or `"hard"`.
        beta: trust in the label, in [0, 1]. The paper: 0.95 for soft, 0.8 for hard.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, a beta outside [0, 1], an unknown mode or
            reduction.

    References:
        Reed, Lee, Anguelov, Szegedy, Erhan and Rabinovich, Training deep neural networks on noisy labels with
        bootstrapping, 2015, https://arxiv.org/abs/1412.6596.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> bootstrapping_loss(logits, target, reduction="none")
        tensor([0.1388, 2.0388])
    """
    check_tensors(logits=logits, target=target)
    check_choice("mode", mode, ("soft", "hard"))
    check_fraction("beta", beta)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    log_p = scores.log_softmax(1)
    own = (log_p.exp() * log_p).sum(1) if mode == "soft" else _at(log_p, scores.argmax(1))
    return _reduced(-beta * _at(log_p, labels) - (1 - beta) * own, valid, reduction, logits.dtype)


BootstrappingLoss = as_module("BootstrappingLoss", bootstrapping_loss)


@gradient_of(bootstrapping_loss)
def _bootstrapping_gradient(logits: Tensor, target: Tensor, *, mode: str = "soft", beta: float = 0.95) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = \big[\beta\,(p_c - [c = y]) + (1 - \beta)\, g_c\big] / N`; soft:
    :math:`g_c = -p_c (\log p_c + H)` with the entropy :math:`H` of the prediction; hard:
    :math:`g_c = p_c - \tilde p_c`."""
    p, log_p = logits.softmax(1), logits.log_softmax(1)
    soft = -p * (log_p - (p * log_p).sum(1, keepdim=True))
    own = soft if mode == "soft" else p - _one_hot(p.argmax(1), logits)
    return (beta * (p - _one_hot(target, logits)) + (1 - beta) * own) / target.numel()


@loss(
    tasks=_TASKS,
    names=("MAE of probabilities", "unhinged softmax loss"),
    domain=_DOMAIN,
    range=(0.0, 2.0),
    properties=_PROPERTIES,
    cases=({"ignore_index": 1},),
    chapter=3,
)
def probability_mae_loss(
    logits: Tensor, target: Tensor, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    r"""MAE of probabilities: the absolute difference between prediction and one-hot label, summed over the classes.

    .. math::

        \ell = \sum_c \big| p_c - [c = y] \big| = 2\,(1 - p_y)

    Summed over all labels it is constant, which makes it robust against labels that are wrong at random. It learns
    slowly: its gradient vanishes where the label is held improbable.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss, from 0 to 2: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, an unknown reduction.

    References:
        Ghosh, Kumar and Sastry, Robust loss functions under label noise for deep neural networks, 2017,
        https://arxiv.org/abs/1712.09482.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> probability_mae_loss(logits, target, reduction="none")
        tensor([0.2384, 1.7616])
    """
    check_tensors(logits=logits, target=target)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    values = 2 - 2 * _at(scores.softmax(1), labels)
    return _reduced(values, valid, reduction, logits.dtype)


ProbabilityMAELoss = as_module("ProbabilityMAELoss", probability_mae_loss)


@gradient_of(probability_mae_loss)
def _probability_mae_gradient(logits: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = 2\, p_y\, (p_c - [c = y]) / N`."""
    p = logits.softmax(1)
    return 2 * p.gather(1, target.unsqueeze(1)) * (p - _one_hot(target, logits)) / target.numel()


@loss(
    tasks=_TASKS,
    names=("normalized loss",),
    domain=_DOMAIN,
    range=(0.0, 1.0),
    properties=_PROPERTIES
    | {
        "convex": no(
            "it levels off where the mistake is confident",
            first=[[[-100.0], [0.0]]],
            other=[[[0.0], [0.0]]],
            target=[[0]],
        ),
    },
    cases=({"ignore_index": 1},),
    chapter=3,
)
def normalized_cross_entropy(
    logits: Tensor, target: Tensor, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    r"""Normalized cross-entropy: the surprise at the label as a share of the surprises at all classes.

    .. math::

        \ell = \frac{-\log p_y}{-\sum_c \log p_c}

    Summed over all labels it is one, which makes it robust against labels that are wrong at random. It has nothing
    to do with noise-contrastive estimation.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss, from 0 to 1: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, an unknown reduction.

    References:
        Ma, Huang, Wang, Romano, Erfani and Bailey, Normalized loss functions for deep learning with noisy labels,
        2020, https://arxiv.org/abs/2006.13554.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> normalized_cross_entropy(logits, target, reduction="none")
        tensor([0.0563, 0.9437])
    """
    check_tensors(logits=logits, target=target)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    return _reduced(_share(scores.log_softmax(1), labels), valid, reduction, logits.dtype)


NormalizedCrossEntropyLoss = as_module("NormalizedCrossEntropyLoss", normalized_cross_entropy)


def _share(log_p: Tensor, labels: Tensor, gamma: float | None = None) -> Tensor:
    """Cross-entropy (with `gamma`, focal loss) at the label over its sum at all classes, which is never zero."""
    if gamma is None:
        return _at(log_p, labels) / log_p.sum(1)
    miss = -torch.expm1(log_p)
    if gamma < 2:  # a sure class has no miss to the last bit, where the power's derivatives are infinite
        miss = miss.clamp_min(torch.finfo(miss.dtype).tiny)
    losses = log_p * miss**gamma
    return _at(losses, labels) / losses.sum(1)


@gradient_of(normalized_cross_entropy)
def _normalized_cross_entropy_gradient(logits: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = \big[p_c - [c = y] - \ell\,(C p_c - 1)\big] / (N S)` with
    :math:`S = -\sum_k \log p_k`."""
    p, surprises = logits.softmax(1), -logits.log_softmax(1)
    total = surprises.sum(1, keepdim=True)
    share = surprises.gather(1, target.unsqueeze(1)) / total
    return (p - _one_hot(target, logits) - share * (logits.shape[1] * p - 1)) / total / target.numel()


@loss(
    tasks=_TASKS,
    names=("APL", "NCE+MAE", "NCE+RCE", "NFL+MAE", "NFL+RCE"),
    domain=_DOMAIN,
    range=(0.0, 3.0),
    properties=_PROPERTIES | {"lipschitz": up_to(2.0)},
    cases=({"alpha": 0.5, "beta": 2.0}, {"active": "focal"}, {"active": "focal", "gamma": 2.0, "passive": "reverse"},
           {"passive": "reverse", "log_zero": -6.0}, {"ignore_index": 1}),
    chapter=3,
)  # fmt: skip
def active_passive_loss(
    logits: Tensor,
    target: Tensor,
    *,
    active: str = "cross_entropy",
    passive: str = "mae",
    alpha: float = 1.0,
    beta: float = 1.0,
    gamma: float = 0.5,
    log_zero: float = -4.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Active passive loss (APL): a robust loss that raises the label plus a robust loss that lowers everything else.

    .. math::

        \ell = \alpha\, \frac{f(p_y)}{\sum_c f(p_c)} + \beta\, \ell_{\mathrm{passive}}, \qquad
        f(p) = -\log p \ \text{ or } \ -(1 - p)^\gamma \log p

    The passive part is the absolute error of the probabilities, :math:`2\,(1 - p_y)`, or reverse cross-entropy,
    :math:`-A\,(1 - p_y)`. (The authors' code halves the former.)

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        active: `"cross_entropy"` or `"focal"`, each normalized over the classes.
        passive: `"mae"` or `"reverse"`.
        alpha: weight of the active part, at least 0.
        beta: weight of the passive part, at least 0.
        gamma: focusing exponent of `active="focal"`, at least 0.
        log_zero: what stands for the logarithm of zero in `passive="reverse"`, at most 0.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, a negative weight, an unknown part or
            reduction.

    References:
        Ma, Huang, Wang, Romano, Erfani and Bailey, Normalized loss functions for deep learning with noisy labels,
        2020, https://arxiv.org/abs/2006.13554.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> active_passive_loss(logits, target, reduction="none")
        tensor([0.2947, 2.7053])
    """
    check_tensors(logits=logits, target=target)
    check_choice("active", active, ("cross_entropy", "focal"))
    check_choice("passive", passive, ("mae", "reverse"))
    check_positive("alpha", alpha, zero=True)
    check_positive("beta", beta, zero=True)
    check_positive("gamma", gamma, zero=True)
    if not log_zero <= 0:
        raise ValueError(f"log_zero must be at most 0, got {log_zero}")
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    log_p = scores.log_softmax(1)
    share = _share(log_p, labels, gamma if active == "focal" else None)
    miss = -torch.expm1(_at(log_p, labels))
    values = alpha * share + beta * (2.0 if passive == "mae" else -log_zero) * miss
    return _reduced(values, valid, reduction, logits.dtype)


ActivePassiveLoss = as_module("ActivePassiveLoss", active_passive_loss)


@gradient_of(active_passive_loss)
def _active_passive_gradient(logits: Tensor, target: Tensor, *, alpha: float = 1.0, beta: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = \alpha\,\big[p_c - [c = y] - s\,(C p_c - 1)\big] / (N S)
    + 2 \beta\, p_y\, (p_c - [c = y]) / N` with :math:`S = -\sum_k \log p_k` and :math:`s = -\log p_y / S`."""
    return alpha * _normalized_cross_entropy_gradient(logits, target) + beta * _probability_mae_gradient(logits, target)


@loss(
    tasks=_TASKS,
    names=("Taylor cross-entropy", "truncated series of cross-entropy"),
    domain=_DOMAIN,
    range=(0.0, 1.5),
    properties=_PROPERTIES,
    cases=({"order": 1}, {"order": 6}, {"ignore_index": 1}),
    chapter=3,
)
def taylor_cross_entropy(
    logits: Tensor, target: Tensor, *, order: int = 2, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    r"""Taylor cross-entropy: the first terms of the series of cross-entropy in the probability that is missed.

    .. math::

        \ell = \sum_{k=1}^{t} \frac{(1 - p_y)^k}{k}

    One term is half the absolute error of the probabilities; all of them are cross-entropy.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        order: the number :math:`t` of terms, an integer of at least 1.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, an order below 1, an unknown reduction.

    References:
        Feng, Shu, Lin, Lv, Li and An, Can cross entropy loss be robust to label noise?, 2020,
        https://doi.org/10.24963/ijcai.2020/305.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> taylor_cross_entropy(logits, target, reduction="none")
        tensor([0.1263, 1.2687])
    """
    check_tensors(logits=logits, target=target)
    if not (isinstance(order, int) and order >= 1):
        raise ValueError(f"order must be an integer of at least 1, got {order}")
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    miss = 1 - _at(scores.softmax(1), labels)
    values = miss / order
    for k in range(order - 1, 0, -1):
        values = miss * (1 / k + values)
    return _reduced(values, valid, reduction, logits.dtype)


TaylorCrossEntropyLoss = as_module("TaylorCrossEntropyLoss", taylor_cross_entropy)


@gradient_of(taylor_cross_entropy)
def _taylor_cross_entropy_gradient(logits: Tensor, target: Tensor, *, order: int = 2) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = \big(1 - (1 - p_y)^t\big)\,(p_c - [c = y]) / N`."""
    p = logits.softmax(1)
    own = p.gather(1, target.unsqueeze(1))
    return (1 - (1 - own) ** order) * (p - _one_hot(target, logits)) / target.numel()


@loss(
    tasks=_TASKS,
    names=("bi-tempered loss", "tempered logistic loss"),
    domain=_DOMAIN,
    range=(0.0, 5.0),
    properties=_PROPERTIES
    | {
        "convex": no(
            "it levels off where the mistake is confident",
            first=[[[-40.0], [0.0]]],
            other=[[[0.0], [0.0]]],
            target=[[0]],
        ),
        "proper": not_applicable(
            "its probabilities are those of the tempered softmax, for which it is proper, and not of the softmax"
        ),
    },
    cases=({"t1": 0.5, "t2": 2.0}, {"t1": 1.0, "t2": 1.0}, {"t1": 0.0, "t2": 4.0}, {"label_smoothing": 0.1},
           {"t2": 1.0}, {"ignore_index": 1}),
    chapter=3,
)  # fmt: skip
def bi_tempered_logistic_loss(
    logits: Tensor,
    target: Tensor,
    *,
    t1: float = 0.8,
    t2: float = 1.2,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Bi-tempered logistic loss: a bounded logarithm of probabilities whose tails are heavy.

    .. math::

        \ell = \sum_c \Big[ y_c\,(\log_{t_1} y_c - \log_{t_1} \hat p_c)
            - \frac{y_c^{2 - t_1} - \hat p_c^{2 - t_1}}{2 - t_1} \Big], \qquad
        \hat p_c = \exp_{t_2}(z_c - \lambda), \quad \sum_c \hat p_c = 1

    with :math:`\log_t x = (x^{1-t} - 1)/(1 - t)` and :math:`\exp_t` its inverse. A first temperature below one bounds
    the loss by :math:`1/(1 - t_1)`, so that an outlier cannot dominate; a second one above one gives the tempered
    softmax a heavy tail, so that a wrong label near the boundary does not move it. Both are one: cross-entropy.

    The normalizer :math:`\lambda` is the root of a concave function, found by Newton's method to the last bit; its
    derivative is that of the implicit function.

    Args:
        logits: raw scores (activations), `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        t1: temperature of the logarithm, in [0, 1].
        t2: temperature of the softmax, at least 1.
        label_smoothing: share of the target that is spread evenly over the classes, in [0, 1].
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, temperatures out of range, an unknown
            reduction.

    References:
        Amid, Warmuth, Anil and Koren, Robust bi-tempered logistic loss based on Bregman divergences, 2019,
        https://arxiv.org/abs/1906.03361.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> bi_tempered_logistic_loss(logits, target, reduction="none")
        tensor([0.1096, 1.4531])
    """
    check_tensors(logits=logits, target=target)
    check_fraction("t1", t1)
    check_fraction("label_smoothing", label_smoothing)
    if not t2 >= 1:
        raise ValueError(f"t2 must be at least 1, got {t2}")
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    classes = scores.shape[1]
    log_p = _tempered_log_softmax(scores, t2)
    tempered = log_p if t1 == 1 else torch.expm1((1 - t1) * log_p) / (1 - t1)
    power = ((2 - t1) * log_p).exp().sum(1) / (2 - t1)
    # Two values of the smoothed target: at the label, and at the other classes.
    off = label_smoothing / classes
    on = 1 - label_smoothing + off
    fixed = _entropy_of(on, t1) + (classes - 1) * _entropy_of(off, t1)
    at_label = _at(tempered, labels)
    cross = at_label if label_smoothing == 0 else (on - off) * at_label + off * tempered.sum(1)
    return _reduced(fixed - cross + power, valid, reduction, logits.dtype)


BiTemperedLogisticLoss = as_module("BiTemperedLogisticLoss", bi_tempered_logistic_loss)


def _entropy_of(y: float, t: float) -> float:
    """What one entry of the target contributes by itself: y log_t y - y^(2 - t) / (2 - t)."""
    if y == 0:
        return 0.0
    log = math.log(y) if t == 1 else math.expm1((1 - t) * math.log(y)) / (1 - t)
    return y * log - y ** (2 - t) / (2 - t)


def _tempered_log_softmax(scores: Tensor, t: float) -> Tensor:
    """The logarithm of the tempered softmax over the classes, for t of at least 1."""
    if t == 1:
        return scores.log_softmax(1)
    return (_Tempered if torch.compiler.is_compiling() else _TemperedInForwardMode).apply(scores, t)


class _Tempered(torch.autograd.Function):
    """Newton's method forward, the implicit function's derivative backward.

    With the sum f of the tempered exponentials, f^(1 - t) is a concave, increasing function of the normalizer and
    nearly straight: from the left Newton's method never overshoots, and comes within rounding of the root in ten steps
    for any number of classes.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(scores: Tensor, t: float) -> Tensor:
        excess = t - 1
        shifted = (scores - scores.amax(1, keepdim=True)) * excess  # at most zero
        normalizer = torch.zeros_like(shifted[:, :1])
        for _ in range(10):
            base = normalizer - shifted
            p = torch.log1p(base).mul_(-1 / excess).exp_()
            total = p.sum(1, keepdim=True)
            slope = p.div_(base.add_(1)).sum(1, keepdim=True)
            normalizer = normalizer + torch.expm1(excess * total.log()) * total / slope
        return torch.log1p(normalizer - shifted).mul_(-1 / excess)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: Tensor) -> None:
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)
        ctx.t = inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (log_p,) = ctx.saved_tensors
        weighted = gradient * ((ctx.t - 1) * log_p).exp()
        escort = (ctx.t * log_p).softmax(1)
        return weighted - escort * weighted.sum(1, keepdim=True), None


class _TemperedInForwardMode(_Tempered):
    """Apart, since a compiled graph takes no function with this derivative."""

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: None) -> Tensor:
        with forward_mode(*ctx.saved_tensors) as (log_p,):
            escort = (ctx.t * log_p).softmax(1)
            return ((ctx.t - 1) * log_p).exp() * (tangent - (escort * tangent).sum(1, keepdim=True))


@gradient_of(bi_tempered_logistic_loss)
def _bi_tempered_gradient(
    logits: Tensor, target: Tensor, *, t1: float = 0.8, t2: float = 1.2, label_smoothing: float = 0.0
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = (g_c - e_c \sum_k g_k) / N` with
    :math:`g_c = (\hat p_c - y_c)\, \hat p_c^{t_2 - t_1}` and the escort probabilities
    :math:`e_c = \hat p_c^{t_2} / \sum_k \hat p_k^{t_2}`."""
    p = _tempered_log_softmax(logits, t2).exp()
    y = (1 - label_smoothing) * _one_hot(target, logits).to(p.dtype) + label_smoothing / logits.shape[1]
    g = (p - y) * p ** (t2 - t1)
    escort = p**t2 / (p**t2).sum(1, keepdim=True)
    return (g - escort * g.sum(1, keepdim=True)) / target.numel()


def _check_transition(transition: Tensor, classes: int) -> None:
    """`transition` holds, row by row, a distribution over the labels that a class is given."""
    check_floating("transition", transition)
    check_layout("transition", transition, classes, classes)
    if known(transition, lambda: (transition >= 0).all() & ((transition.sum(1) - 1).abs() < 0.01).all()) is False:
        raise ValueError("transition must hold probabilities, with rows that sum to 1, got other numbers")


class _TransitionModule(LossModule[P]):
    """A loss with its settings and the transition matrix fixed: called with logits and target."""

    transition: Tensor

    def __init__(self, transition: Tensor, *args: P.args, **kwargs: P.kwargs) -> None:
        super().__init__(*args, **kwargs)
        check_tensors(transition=transition)
        _check_transition(transition, len(transition))
        self.register_buffer("transition", transition)

    def forward(self, *tensors: Tensor, **named: Tensor) -> Tensor:
        """The loss of logits and target."""
        return super().forward(*tensors, transition=self.transition, **named)

    def extra_repr(self) -> str:
        """The number of classes and the settings."""
        return f"classes={len(self.transition)}, {super().extra_repr()}"


def _transition_module(
    name: str, function: Callable[Concatenate[Tensor, Tensor, Tensor, P], Tensor]
) -> type[_TransitionModule[P]]:
    """Derive the module class called `name`, which is given the matrix once; see `as_module`."""
    parameters = inspect.signature(function).parameters.values()
    settings = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    matrix = inspect.Parameter("transition", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="Tensor")
    return type(
        name,
        (_TransitionModule,),
        {
            "__module__": function.__module__,
            "__qualname__": name,
            "__doc__": f"Module form of `{function.__name__}`: the transition matrix and the settings here, then call "
            "it with `(logits, target)`.",
            "__signature__": inspect.Signature([matrix, *settings]),
            "function": staticmethod(function),
            "settings": tuple(parameter.name for parameter in settings),
        },
    )


_IDENTITY = [[1.0, 0.0], [0.0, 1.0]]


@loss(
    tasks=_TASKS,
    names=("forward correction", "forward loss correction"),
    domain=_DOMAIN | {"transition": "transition matrix"},
    range=(0.0, float("inf")),
    properties=_PROPERTIES
    | {
        "minimum_at_target": no(
            "where a label mostly stems from another class, it is that class which it asks for",
            first=[[[100.0], [0.0]]],
            target=[[0]],
            transition=[[0.4, 0.6], [0.7, 0.3]],
        ),
        "convex": no(
            "it levels off where the label is put down to noise",
            first=[[[-20.0], [0.0]]],
            other=[[[0.0], [0.0]]],
            target=[[0]],
            transition=[[0.9, 0.1], [0.1, 0.9]],
        ),
        "bounded": no(
            "where no label is wrong it is cross-entropy",
            first=[[[-200.0], [200.0]]],
            target=[[0]],
            transition=_IDENTITY,
        ),
        "proper": no(
            "what it asks for are the probabilities of clean labels",
            target=_GROUPS,
            transition=[[0.9, 0.1], [0.1, 0.9]],
        ),
    },
    cases=({"ignore_index": 1},),
    chapter=3,
    kind="module",
)
def forward_corrected_loss(
    logits: Tensor, target: Tensor, transition: Tensor, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    r"""Forward-corrected loss: cross-entropy of the noisy label under the prediction as the noise would garble it.

    .. math::

        \ell = -\log \sum_c p_c\, T_{c \tilde y}, \qquad T_{ij} = P(\tilde y = j \mid y = i)

    Its minimizer over many noisy labels is that of cross-entropy over clean ones.

    Args:
        logits: raw scores for the clean classes, `(N, C, *)`.
        target: noisy class indices, `(N, *)` integers.
        transition: probability of each noisy label (columns) for each true class (rows), `(C, C)`; rows sum to one. A
            label that no class can be given has an infinite loss.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, a matrix that holds no distributions, an
            unknown reduction.

    References:
        Patrini, Rozza, Menon, Nock and Qu, Making deep neural networks robust to label noise: a loss correction
        approach, 2017, https://arxiv.org/abs/1609.03683, theorem 2.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> forward_corrected_loss(logits, target, torch.tensor([[0.8, 0.2], [0.2, 0.8]]), reduction="none")
        tensor([0.3168, 1.3037])
    """
    check_tensors(logits=logits, target=target, transition=transition)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    _check_transition(transition, scores.shape[1])
    scores, matrix = together(scores, transition)
    possible = matrix > 0
    log_matrix = torch.where(possible, torch.where(possible, matrix, 1.0).log(), -torch.inf)
    joint = scores + log_matrix.T[labels].movedim(-1, 1)
    return _reduced(scores.logsumexp(1) - joint.logsumexp(1), valid, reduction, logits.dtype)


ForwardCorrectedLoss = _transition_module("ForwardCorrectedLoss", forward_corrected_loss)


@gradient_of(forward_corrected_loss)
def _forward_corrected_gradient(logits: Tensor, target: Tensor, transition: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = (p_c - r_c) / N` with the posterior
    :math:`r_c = p_c T_{c \tilde y} / \sum_k p_k T_{k \tilde y}` of the true class."""
    p = logits.softmax(1)
    joint = p * transition.T[target].movedim(-1, 1)
    return (p - joint / joint.sum(1, keepdim=True)) / target.numel()


_UNDECIDED = [[0.5001, 0.4999], [0.4999, 0.5001]]


@loss(
    tasks=_TASKS,
    names=("backward correction", "backward loss correction"),
    domain=_DOMAIN | {"transition": "transition matrix"},
    range=(-float("inf"), float("inf")),
    properties=_PROPERTIES
    | {
        "minimum_at_target": no(
            "it falls without end where the other class is held impossible",
            first=[[[100.0], [0.0]]],
            target=[[0]],
            transition=[[0.8, 0.2], [0.2, 0.8]],
        ),
        "convex": yes,
        "lipschitz": no(
            "the inverse of a matrix that hardly tells the classes apart is large",
            first=[[[1.0], [0.0]]],
            other=[[[0.0], [0.0]]],
            target=[[0]],
            transition=_UNDECIDED,
        ),
        "bounded": no(
            "where no label is wrong it is cross-entropy",
            first=[[[-200.0], [200.0]]],
            target=[[0]],
            transition=_IDENTITY,
        ),
        "proper": no(
            "what it asks for are the probabilities of clean labels",
            target=_GROUPS,
            transition=[[0.9, 0.1], [0.1, 0.9]],
        ),
    },
    cases=({"ignore_index": 1},),
    chapter=3,
    kind="module",
)
def backward_corrected_loss(
    logits: Tensor, target: Tensor, transition: Tensor, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    r"""Backward-corrected loss: the cross-entropies of all classes, mixed so that noise cancels on average.

    .. math::

        \ell = -\sum_c (T^{-1})_{\tilde y c} \log p_c, \qquad T_{ij} = P(\tilde y = j \mid y = i)

    Averaged over the noisy labels of a class it is cross-entropy with the true class, an unbiased correction. Single
    values may be negative without bound, so that it is less stable in training than :func:`forward_corrected_loss`.

    Args:
        logits: raw scores for the clean classes, `(N, C, *)`.
        target: noisy class indices, `(N, *)` integers.
        transition: probability of each noisy label (columns) for each true class (rows), `(C, C)`; rows sum to one, and
            the matrix has an inverse.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in nats, of either sign: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, a matrix that holds no distributions or has no
            inverse, an unknown reduction.

    References:
        Patrini, Rozza, Menon, Nock and Qu, Making deep neural networks robust to label noise: a loss correction
        approach, 2017, https://arxiv.org/abs/1609.03683, theorem 1.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> backward_corrected_loss(logits, target, torch.tensor([[0.8, 0.2], [0.2, 0.8]]), reduction="none")
        tensor([-0.5397,  2.7936])
    """
    check_tensors(logits=logits, target=target, transition=transition)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    _check_transition(transition, scores.shape[1])
    scores, matrix = together(scores, transition)
    inverse, failed = torch.linalg.inv_ex(matrix)
    if known(failed, lambda: failed == 0) is False:
        raise ValueError("transition must have an inverse, got a singular matrix")
    values = -(inverse[labels].movedim(-1, 1) * scores.log_softmax(1)).sum(1)
    return _reduced(values, valid, reduction, logits.dtype)


BackwardCorrectedLoss = _transition_module("BackwardCorrectedLoss", backward_corrected_loss)


@gradient_of(backward_corrected_loss)
def _backward_corrected_gradient(logits: Tensor, target: Tensor, transition: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = (p_c - (T^{-1})_{\tilde y c}) / N`, since the rows of
    :math:`T^{-1}` sum to one."""
    return (logits.softmax(1) - transition.inverse()[target].movedim(-1, 1)) / target.numel()


@loss(
    tasks=_TASKS,
    names=("JoCoR", "joint training with co-regularization", "label noise robust losses"),
    domain=_DOMAIN | {"others": "logits"},
    range=(0.0, float("inf")),
    properties=_PROPERTIES
    | {
        "minimum_at_target": not_applicable("label and other network may ask for different answers"),
        "convex": no(
            "the divergence levels off where the networks are sure of different answers",
            first=[[[-8.0], [0.0]]],
            other=[[[0.0], [0.0]]],
            target=[[0]],
            others=[[[10.0], [0.0]]],
            agreement=0.9,
        ),
        "lipschitz": no(
            "the surer the other network, the steeper the divergence",
            first=[[[0.1], [0.0]]],
            other=[[[0.0], [0.0]]],
            target=[[0]],
            others=[[[-1e6], [1e6]]],
        ),
        "bounded": no(
            "a confident mistake costs more the surer it is",
            first=[[[-1000.0], [1000.0]]],
            target=[[0]],
            others=[[[0.0], [0.0]]],
        ),
        "proper": no(
            "the other network draws the answer to its own", target=_GROUPS, others=[[[0.0] * 10, [0.0] * 10]]
        ),
    },
    cases=(
        {"agreement": 0.5},
        {"agreement": 0.0},
        {"agreement": 1.0},
        {"keep": 0.6},
        {"keep": 0.3, "agreement": 0.9},
        {"keep": 0.7, "ignore_index": 1},
        {"ignore_index": 1},
    ),
    differentiable=("logits", "others"),
    couples="with keep below 1 the other positions of the batch decide whether one counts",
    chapter=3,
)
def jocor_loss(
    logits: Tensor,
    target: Tensor,
    others: Tensor,
    *,
    agreement: float = 0.1,
    keep: float = 1.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""JoCoR loss: two networks learn the labels and to agree, from those examples on which both find that easy.

    .. math::

        \mathcal L = \frac{1}{|K|} \sum_{i \in K} \ell_i, \qquad
        \ell = (1 - \lambda) \big( \mathrm{CE}(p, y) + \mathrm{CE}(q, y) \big)
             + \lambda \big( D(p \,\|\, q) + D(q \,\|\, p) \big)

    with :math:`p` and :math:`q` the answers of the two networks, which play the same role: both get a gradient.
    :math:`K` holds the share `keep` of the counted positions with the smallest :math:`\ell_i`: where the networks agree
    with each other and with the label, the label is likely to be right. Which they are is decided anew in each step and
    is not differentiated. Positions that tie with the last one count too.

    Args:
        logits: raw scores of one network, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        others: raw scores of the other network, the shape of the logits.
        agreement: :math:`\lambda`, weight of the divergences, in [0, 1]. The default is that of the authors' code,
            whose notes recommend 0.5 to 0.9.
        keep: share of the positions that count, in (0, 1]; rounded down to whole positions, at least one. The authors
            begin with 1 and go down, within a few epochs, to the share of labels that are right.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`, zero where a position is not kept; `"mean"` divides by the number of kept
            positions.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, an `agreement` outside [0, 1], a `keep` outside
            (0, 1], an unknown reduction.

    References:
        Wei, Feng, Chen and An, Combating noisy labels by agreement: a joint training method with co-regularization,
        2020, https://arxiv.org/abs/2003.02752.

    Example:
        >>> logits, others = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> jocor_loss(logits, torch.tensor([0, 1]), others, reduction="none")
        tensor([0.4111, 3.1111])
        >>> jocor_loss(logits, torch.tensor([0, 1]), others, keep=0.5)
        tensor(0.4111)
    """
    check_tensors(logits=logits, target=target, others=others)
    check_floating("others", others)
    check_same_shape("others", others, "logits", logits)
    check_fraction("agreement", agreement)
    if not 0 < keep <= 1:
        raise ValueError(f"keep must lie in (0, 1], got {keep}")
    check_reduction(reduction)
    first, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    first, second = together(first, others)
    if valid is not None:
        second = torch.where(valid.unsqueeze(1), second, 0.0)
    log_p, log_q = first.log_softmax(1), second.log_softmax(1)
    surprise = -_at(log_p, labels) - _at(log_q, labels)
    # Both divergences at once: no term of the sum is negative, so that no digits cancel.
    apart = ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(1)
    values = (1 - agreement) * surprise + agreement * apart
    return _reduced(values, _smallest(values, valid, keep), reduction, logits.dtype)


JoCoRLoss = as_module("JoCoRLoss", jocor_loss)


_ROUNDING = 1e-6  # of a share times a number of positions: 0.29 times 100 is a little less than 29


def _smallest(values: Tensor, valid: Tensor | None, keep: float) -> Tensor | None:
    """Which positions belong to the share `keep` of the counted ones with the smallest values; `None`: all of them.

    A value that is not a number is never among those left out, so that it shows in the loss.
    """
    if keep == 1 or values.numel() == 0:
        return valid
    found = values.detach()
    if valid is None:
        last = found.flatten().sort().values[max(1, math.floor(keep * found.numel() + _ROUNDING)) - 1]
        return ~(found > last)
    rank = torch.floor(keep * valid.sum().double() + _ROUNDING).clamp_min(1).long() - 1
    last = torch.where(valid, found, math.inf).flatten().sort().values.gather(0, rank.unsqueeze(0))
    return ~(found > last) & valid


@gradient_of(jocor_loss)
def _jocor_gradient(
    logits: Tensor, target: Tensor, others: Tensor, *, agreement: float = 0.1, keep: float = 1.0
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_{ic} = \big[(1 - \lambda)\,(p_c - [c = y]) + \lambda\, \big( p_c - q_c
    + p_c\, (r_c - \sum_k p_k r_k) \big)\big] / |K|` with :math:`r_c = \log (p_c / q_c)` at the positions of :math:`K`,
    zero at others."""
    p, q, truth = logits.softmax(1), others.softmax(1), _one_hot(target, logits)
    ratio = p.log() - q.log()
    surprise, apart = -(truth * (p.log() + q.log())).sum(1), ((p - q) * ratio).sum(1)
    values = ((1 - agreement) * surprise + agreement * apart).flatten()
    count = max(1, int(keep * len(values) + _ROUNDING))
    kept = torch.zeros_like(values).index_fill(0, values.argsort()[:count], 1.0).reshape(target.shape)
    divergence = p - q + p * (ratio - (p * ratio).sum(1, keepdim=True))
    return kept.unsqueeze(1) * ((1 - agreement) * (p - truth) + agreement * divergence) / count


@loss(
    tasks=("challenges and future",),
    names=("Baikal", "GLO loss", "meta-learned"),
    domain=_DOMAIN,
    range=((math.log(2) / 2 + math.sqrt(2) - math.log(1 - math.sqrt(0.5))) / 2, float("inf")),
    properties=_PROPERTIES
    | {
        "minimum_at_target": no(
            "the best answer gives the true class one over the root of the number of classes",
            first=[[[100.0], [0.0]]],
            target=[[0]],
        ),
        "convex": no(
            "one over the probability is held at its largest where the mistake is confident",
            first=[[[-20.0], [0.0]]],
            other=[[[0.0], [0.0]]],
            target=[[0]],
        ),
        "lipschitz": up_to(1e4, "one over the smallest probability that is divided by"),
        "smooth": no(
            "one over the probability is held at its largest",
            first=[[[math.log(1e-4 / (1 - 1e-4))], [0.0]]],
            target=[[0]],
        ),
        "bounded": _UNBOUNDED,
    },
    cases=({"eps": 1e-2}, {"ignore_index": 1}),
    chapter=18,
)
def baikal_loss(
    logits: Tensor, target: Tensor, *, eps: float = 1e-4, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    r"""Baikal loss: found by genetic programming, it stops short of certainty on purpose.

    .. math::

        \ell = -\frac1C \sum_c \Big( \log p_c - \frac{[c = y]}{p_c} \Big)
             = \frac1C \Big( \frac{1}{p_y} - \sum_c \log p_c \Big)

    The logarithms of all classes count, so that no class may be held impossible. The loss is lowest where the true
    class has the probability :math:`1 / \sqrt C` and the others share the rest evenly.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        eps: smallest probability that is divided by, in (0, 1]: keeps the loss finite. Where the true class has less,
            the other term alone pulls it up. The paper has none.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, an `eps` outside (0, 1], an unknown reduction.

    References:
        Gonzalez and Miikkulainen, Improved training speed, accuracy, and data utilization through loss function
        optimization, 2020, https://arxiv.org/abs/1905.11528.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> baikal_loss(logits, target, reduction="none")
        tensor([1.6946, 5.3215])
    """
    check_tensors(logits=logits, target=target)
    check_positive("eps", eps)
    check_fraction("eps", eps)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    log_p = scores.log_softmax(1)
    surprise = -_at(log_p, labels)
    values = (surprise.clamp_max(-math.log(eps)).exp() - log_p.sum(1)) / scores.shape[1]
    return _reduced(values, valid, reduction, logits.dtype)


BaikalLoss = as_module("BaikalLoss", baikal_loss)


@gradient_of(baikal_loss)
def _baikal_gradient(logits: Tensor, target: Tensor, *, eps: float = 1e-4) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = \big[p_c - 1/C + (p_c - [c = y]) / (C p_y)\big] / N`, the last term
    only where :math:`p_y` is above its smallest value."""
    p, classes = logits.softmax(1), logits.shape[1]
    own = p.gather(1, target.unsqueeze(1))
    pull = torch.where(own > eps, (p - _one_hot(target, logits)) / own, 0.0)
    return (p - 1 / classes + pull / classes) / target.numel()


@loss(
    tasks=("challenges and future",),
    names=("TaylorGLO", "meta-learned"),
    domain=_DOMAIN | {"theta": "Taylor coefficients"},
    range=(-float("inf"), float("inf")),
    properties=_PROPERTIES
    | {
        "minimum_at_target": no(
            "the coefficients decide",
            first=[[[100.0], [0.0]]],
            target=[[0]],
            theta=[0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0],
        ),
        "convex": no(
            "it is a polynomial of bounded probabilities",
            first=[[[-6.0], [0.0]]],
            other=[[[0.0], [0.0]]],
            target=[[0]],
            theta=[0.0, 0.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0],
        ),
        "lipschitz": no(
            "the coefficients decide",
            first=[[[1.0], [0.0]]],
            other=[[[0.0], [0.0]]],
            target=[[0]],
            theta=[0.0, 0.0, 0.0, 0.0, 0.0, 1e5, 0.0, 0.0],
        ),
        "bounded": no(
            "the coefficients decide",
            first=[[[9.0], [0.0]]],
            target=[[0]],
            theta=[0.0, 0.0, 0.0, 0.0, 0.0, -1e3, 0.0, 0.0],
        ),
        "proper": no(
            "the coefficients decide",
            target=_GROUPS,
            theta=[0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        ),
    },
    cases=({"ignore_index": 1},),
    differentiable=("logits", "theta"),
    chapter=18,
    kind="module",
)
def taylor_glo_loss(
    logits: Tensor, target: Tensor, theta: Tensor, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    r"""TaylorGLO loss: a polynomial of third order in label and prediction, whose coefficients are searched for.

    .. math::

        \ell = -\frac1C \sum_c \Big[ \theta_2 v_c + \tfrac12 \theta_3 v_c^2 + \tfrac16 \theta_4 v_c^3
            + \theta_5 u_c v_c + \tfrac12 \theta_6 u_c v_c^2 + \tfrac12 \theta_7 u_c^2 v_c \Big], \qquad
        u_c = [c = y] - \theta_0, \quad v_c = p_c - \theta_1

    Terms in the label alone, which have no gradient, are left out. The paper searches for the coefficients by an
    evolution strategy; here they may also be learned by gradient descent through an inner training step. The squared
    error of the probabilities, less one, over C is the special case `(0, 0, 0, -2, 0, 2, 0, 0)`, with which the
    module begins.

    The authors' program leaves out the factors 1/2 and 1/6 and adds up the classes where the paper averages: from its
    coefficients :math:`a` those here are :math:`(a_0, a_1, C a_2, 2 C a_3, 6 C a_4, C a_5, 2 C a_6, 2 C a_7)`.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        theta: the coefficients :math:`\theta_0` to :math:`\theta_7`, `(8,)`.
        ignore_index: label of positions that do not count.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of counted positions.

    Returns:
        The loss, of either sign: a scalar, or `(N, *)` for `reduction="none"`; zero where nothing counts.

    Raises:
        TypeError: labels that are not integers.
        ValueError: shapes that do not go together, labels out of range, an unknown reduction.

    References:
        Gonzalez and Miikkulainen, Optimizing loss functions through multi-variate Taylor polynomial parameterization,
        2021, https://arxiv.org/abs/2002.00059, and its program, https://github.com/cognizant-ai-labs/TaylorGLO.

    Example:
        >>> logits, target = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
        >>> theta = torch.tensor([0.0, 0.0, 0.0, -2.0, 0.0, 2.0, 0.0, 0.0])
        >>> taylor_glo_loss(logits, target, theta, reduction="none")
        tensor([-0.4858,  0.2758])
    """
    check_tensors(logits=logits, target=target, theta=theta)
    check_floating("theta", theta)
    check_layout("theta", theta, 8)
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    scores, theta = together(scores, theta)
    v = scores.softmax(1) - theta[1]
    own = _at(v, labels)

    def polynomial(u: Tensor, *powers: Tensor) -> Tensor:
        factors = theta[2] + u * theta[5] + u * u * theta[7] / 2, (theta[3] + u * theta[6]) / 2, theta[4] / 6
        return factors[0] * powers[0] + factors[1] * powers[1] + factors[2] * powers[2]

    # At all classes but the label's, u is one number, so that the sums of the powers of v are enough.
    square = v * v
    sums = v.sum(1), square.sum(1), (square * v).sum(1)
    others, label = -theta[0], 1 - theta[0]
    powers = own, own * own, own * own * own
    total = polynomial(others, *sums) - polynomial(others, *powers) + polynomial(label, *powers)
    return _reduced(-total / scores.shape[1], valid, reduction, logits.dtype)


class TaylorGLOLoss(LossModule[...]):
    """Module form of `taylor_glo_loss`: its coefficients are parameters.

    Args:
        theta: initial coefficients, `(8,)`; by default the squared error of the probabilities.
        ignore_index: label of positions that do not count.
        reduction: `"none"`, `"mean"` or `"sum"`.
    """

    function = staticmethod(taylor_glo_loss)
    settings = ("ignore_index", "reduction")

    def __init__(self, theta: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(ignore_index=ignore_index, reduction=reduction)
        theta = torch.tensor([0.0, 0.0, 0.0, -2.0, 0.0, 2.0, 0.0, 0.0]) if theta is None else theta
        check_tensors(theta=theta)
        check_floating("theta", theta)
        check_layout("theta", theta, 8)
        self.theta = nn.Parameter(theta.detach().clone())

    def forward(self, *tensors: Tensor, **named: Tensor) -> Tensor:
        """The loss of logits and target."""
        return super().forward(*tensors, theta=self.theta, **named)


@gradient_of(taylor_glo_loss)
def _taylor_glo_gradient(logits: Tensor, target: Tensor, theta: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z_c = -p_c \big(d_c - \sum_k p_k d_k\big) / (C N)` with
    :math:`d_c = \theta_2 + \theta_3 v_c + \tfrac12 \theta_4 v_c^2 + \theta_5 u_c + \theta_6 u_c v_c
    + \tfrac12 \theta_7 u_c^2`."""
    p = logits.softmax(1)
    u, v = _one_hot(target, logits) - theta[0], p - theta[1]
    d = theta[2] + theta[3] * v + theta[4] * v**2 / 2 + theta[5] * u + theta[6] * u * v + theta[7] * u**2 / 2
    return -p * (d - (p * d).sum(1, keepdim=True)) / logits.shape[1] / target.numel()


@loss(
    tasks=("challenges and future",),
    names=("ML3", "meta-learned"),
    domain={"prediction": "real numbers", "target": "real numbers", "weights": "weights of a loss network"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": no("the network decides", first=[[1.0]], target=[[1.0]], weights=[1.0, 0.0, 1.0, 1.0]),
        "convex": no(
            "the network decides", first=[[-2.0]], other=[[2.0]], target=[[0.0]], weights=[1.0, 0.0, 1.0, -1.0]
        ),
        "lipschitz": no(
            "the network decides", first=[[2.0]], other=[[1.0]], target=[[0.0]], weights=[1e4, 0.0, 1.0, 1.0]
        ),
        "smooth": no("its units have a kink", first=[[0.0]], target=[[0.0]], weights=[1.0, 0.0, 1.0, 1.0]),
        "bounded": no("the network decides", first=[[100.0]], target=[[0.0]], weights=[1.0, 0.0, 1.0, 1.0]),
        "symmetric": no("the network decides", first=[[2.0]], target=[[0.0]], weights=[1.0, -1.0, 1.0, 1.0]),
        "proper": not_applicable("the prediction is a number, not a probability"),
        "scale_invariant": no("the network decides", first=[[2.0]], target=[[0.0]], weights=[1.0, -1.0, 1.0, 1.0]),
        "permutation_invariant": yes,
    },
    differentiable=("prediction", "target", "weights"),
    chapter=18,
    kind="module",
    without_gradient="the gradient is the network's, by backpropagation; the weights decide what it is",
)
def learned_loss(prediction: Tensor, target: Tensor, weights: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Learned loss (ML3): a small network looks at prediction and target and says how bad the prediction is.

    .. math::

        \ell = \mathrm{softplus}\big(W_3\, \mathrm{relu}(W_2\, \mathrm{relu}(W_1 [\hat y; y]))\big)

    Its weights are learned so that a model trained with it does well on another loss, the task loss: the gradient of
    the task loss after an inner training step is formed with respect to the weights. The layers have no bias. The
    function takes all weights as one vector, the module `LearnedLoss(features, hidden=50)` holds it as a parameter.

    Args:
        prediction: predictions, `(N, *, D)`: numbers, or probabilities of `D` classes.
        target: truth of the same shape: numbers, or one-hot labels.
        weights: the entries of the matrices, row by row: :math:`W_1` `(H, 2D)`, :math:`W_2` `(H, H)`, :math:`W_3`
            `(1, H)`; the width `H` follows from their number, `H (2D + H + 1)`.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of values.

    Returns:
        The loss, above 0: a scalar, or `(N, *)` for `reduction="none"`; zero for an empty batch.

    Raises:
        ValueError: shapes that differ, a number of weights that fits no width, an unknown reduction.

    References:
        Bechtle, Molchanov, Chebotar, Grefenstette, Righetti, Sukhatme and Meier, Meta-learning via learned loss, 2021,
        https://arxiv.org/abs/1906.05374.

    Example:
        >>> prediction, target = torch.tensor([[2.0], [0.0]]), torch.tensor([[0.0], [2.0]])
        >>> learned_loss(prediction, target, torch.tensor([1.0, -1.0, 1.0, 1.0]), reduction="none")
        tensor([2.1269, 0.6931])
    """
    check_tensors(prediction=prediction, target=target, weights=weights)
    check_floating("prediction", prediction)
    check_floating("weights", weights)
    check_layout("prediction", prediction, "N", "*")
    check_same_shape("target", target, "prediction", prediction)
    check_reduction(reduction)
    features = 2 * prediction.shape[-1]
    hidden = _width(weights, features)
    prediction_, target_, weights_ = together(prediction, target, weights)
    first, second, third = weights_.split([hidden * features, hidden * hidden, hidden])
    with full_precision(prediction):
        x = torch.cat([prediction_, target_], -1)
        x = F.linear(x, first.reshape(hidden, features)).relu()
        x = F.linear(x, second.reshape(hidden, hidden)).relu()
        values = F.softplus(F.linear(x, third.reshape(1, hidden))).squeeze(-1)
    return reduce(values, reduction, dtype=prediction.dtype)


def _width(weights: Tensor, features: int) -> int:
    """The width of the hidden layers, from the number of all weights."""
    count = weights.numel()
    hidden = (math.isqrt((features + 1) ** 2 + 4 * count) - features - 1) // 2
    if weights.dim() != 1 or hidden < 1 or hidden * (features + hidden + 1) != count:
        raise ValueError(
            f"weights must have shape (H * ({features} + H + 1),) for a width H and {features} features, got "
            f"{tuple(weights.shape)}"
        )
    return hidden


class LearnedLoss(LossModule[...]):
    """Module form of `learned_loss`: its weights are a parameter.

    Args:
        features: the number of entries `D` of a prediction.
        hidden: the width of the two hidden layers.
        reduction: `"none"`, `"mean"` or `"sum"`.
    """

    function = staticmethod(learned_loss)
    settings = ("reduction",)

    def __init__(self, features: int, *, hidden: int = 50, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        check_positive("features", features)
        check_positive("hidden", hidden)
        self.features, self.hidden = features, hidden
        self.weights = nn.Parameter(torch.empty(hidden * (2 * features + hidden + 1)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw each matrix as Glorot and Bengio do (the authors' choice)."""
        sizes = [(self.hidden, 2 * self.features), (self.hidden, self.hidden), (1, self.hidden)]
        matrices = [nn.init.xavier_uniform_(torch.empty(size)) for size in sizes]
        with torch.no_grad():
            self.weights.copy_(torch.cat([matrix.flatten() for matrix in matrices]))

    def forward(self, *tensors: Tensor, **named: Tensor) -> Tensor:
        """The loss of prediction and target."""
        return super().forward(*tensors, weights=self.weights, **named)

    def extra_repr(self) -> str:
        """The sizes and the settings."""
        return f"features={self.features}, hidden={self.hidden}, {super().extra_repr()}"
