"""Several losses at once: weighted, weighed by uncertainty, balanced by their gradients; distances of point sets.

Losses of several tasks come stacked along the last axis, `(*, T)`: `torch.stack([one, other], -1)`, whether they are
scalars or hold one number for each example. Distances of point sets take `(*, N, D)`: `N` points of `D` coordinates,
and any number of sets before them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._card import PROPERTIES, gradient_of, loss, no, not_applicable, up_to, yes
from ._module import as_module
from ._reduction import full_precision, reduce, together, widen
from ._slope import forward_mode
from ._validation import (
    check_choice,
    check_floating,
    check_layout,
    check_positive,
    check_reduction,
    check_same_shape,
    check_tensors,
    known,
    weighted_entries,
)

__all__ = [
    "CombinedLoss",
    "DeepSupervisionLoss",
    "DynamicWeightAverage",
    "GradNorm",
    "MMDLoss",
    "SinkhornLoss",
    "UncertaintyWeighting",
    "Wasserstein1dLoss",
    "deep_supervision_loss",
    "dynamic_weight_average_loss",
    "gradnorm_loss",
    "mmd_loss",
    "pcgrad_backward",
    "project_conflicting_gradients",
    "sinkhorn_loss",
    "uncertainty_weighting_loss",
    "wasserstein_1d_loss",
    "weighted_sum_loss",
]

# --------------------------------------------------------------------------------------------------------------------
# Sums of losses

_OF_TASKS = not_applicable("it takes losses, which have no target of their own")
_SUM = {
    "minimum_at_target": yes,
    "convex": yes,
    "lipschitz": not_applicable("the weights of the tasks decide"),
    "smooth": yes,
    "symmetric": _OF_TASKS,
    "proper": _OF_TASKS,
    "scale_invariant": _OF_TASKS,
    "permutation_invariant": yes,
}


def _check_losses(losses: Tensor, reduction: str, **of_tasks: Tensor) -> None:
    """`losses` are stacked along the last axis, and each of the others holds one number for each task."""
    check_tensors(losses=losses, **of_tasks)
    check_floating("losses", losses)
    if losses.dim() < 1:
        raise ValueError("losses must have shape (*, T), one entry for each task, got a scalar")
    for name, tensor in of_tasks.items():
        check_floating(name, tensor)
        check_layout(name, tensor, losses.shape[-1])
    check_reduction(reduction)


@loss(
    tasks=("challenges and future", "tabular", "motion detection"),
    names=("composite losses", "weighted sum", "multi-task", "multi-task (motion + background)"),
    domain={"losses": "task losses", "weight": "task weights"},
    range=(0.0, float("inf")),
    properties=_SUM | {"bounded": no("it grows with each loss", first=[[100.0, 1.0]], weight=[1.0, 1.0])},
    kind="module",
    differentiable=("losses", "weight"),
    chapter=18,
)
def weighted_sum_loss(losses: Tensor, weight: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Weighted sum: several losses as one, each times its weight.

    .. math::

        \mathcal L = \sum_k w_k\, \mathcal L_k

    The weights are not divided out again: they set the size of each step. :class:`CombinedLoss` forms it from losses.

    Args:
        losses: one loss for each of `T` tasks, `(*, T)`.
        weight: one weight for each task, `(T,)`.
        reduction: `"none"` gives `(*)`, the sum over the tasks; `"mean"` and `"sum"` are over what stands before them
            (examples, if anything).

    Returns:
        The loss: a scalar, or `(*)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: losses that are not floating-point.
        ValueError: weights that do not fit, an unknown reduction.

    References:
        Caruana, Multitask learning, 1997, https://doi.org/10.1023/A:1007379606734.

    Example:
        >>> weighted_sum_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.5]))
        tensor(2.)
    """
    _check_losses(losses, reduction, weight=weight)
    values, weights = together(losses, weight)
    return reduce((values * weights).sum(-1), reduction, dtype=losses.dtype)


@gradient_of(weighted_sum_loss)
def _weighted_sum_gradient(losses: Tensor, weight: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\mathcal L_k = w_k`, divided by the number of examples."""
    return (weight / (losses.numel() // losses.shape[-1])).expand_as(losses)


class CombinedLoss(nn.Module):
    """Named losses with weights, added up; each is reported on request, at no further cost.

    Args:
        terms: a name and a loss for each term: a function or a module that takes the arguments of the call. A term may
            be a `CombinedLoss` itself; its terms are then reported as `outer/inner`.
        weights: a number for each name, 1 where it is missing; or a function of the step, which is a schedule. The
            step is 0 at first, `advance()` raises it, and `state_dict()` keeps it.

    Example:
        >>> from lossbook.losses import CrossEntropyLoss, DiceLoss
        >>> both = CombinedLoss(
        ...     {"ce": CrossEntropyLoss(), "dice": DiceLoss()}, weights={"dice": lambda step: 0.1 * step}
        ... )
        >>> logits, target = torch.zeros(1, 2, 4), torch.tensor([[0, 1, 0, 1]])
        >>> total, terms = both.report(logits, target)
        >>> {name: round(value.item(), 2) for name, value in terms.items()}
        {'ce': 0.69, 'dice': 0.5}
        >>> both(logits, target)
        tensor(0.6931)
        >>> both.advance(10)
        >>> both(logits, target)
        tensor(1.1931)
    """

    function = staticmethod(weighted_sum_loss)

    def __init__(
        self,
        terms: Mapping[str, Callable[..., Tensor]],
        weights: Mapping[str, float | Callable[[int], float]] | None = None,
    ) -> None:
        super().__init__()
        if not terms:
            raise ValueError("terms must name at least one loss, got none")
        for name, term in terms.items():
            if not callable(term):
                raise TypeError(f"terms[{name!r}] must be callable, got {type(term).__name__}")
        weights = dict(weights or {})
        if unknown := [name for name in weights if name not in terms]:
            raise ValueError(f"weights must name terms, {', '.join(map(repr, terms))}, got {unknown[0]!r}")
        self.names = tuple(terms)
        self.weights = {name: weights.get(name, 1.0) for name in terms}
        self.modules_of_terms = nn.ModuleDict({n: t for n, t in terms.items() if isinstance(t, nn.Module)})
        self.functions = {name: term for name, term in terms.items() if not isinstance(term, nn.Module)}
        self.step = 0
        self.weights_now = torch.ones(len(self.names), dtype=torch.float64)  # no buffer, which `.half()` would round
        self._write_weights()

    def _write_weights(self) -> None:
        """Keep the weights of this step where a compiled graph reads them; a number would be compiled into it."""
        for place, name in zip(self.weights_now, self.names, strict=True):
            place.fill_(float(self.weight_of(name)))

    def advance(self, steps: int = 1) -> None:
        """Move the schedules on, those of nested terms too."""
        self.step += steps
        self._write_weights()
        for term in self.modules_of_terms.values():
            if isinstance(term, CombinedLoss):
                term.advance(steps)

    def weight_of(self, name: str) -> float:
        """The weight of a term at this step."""
        weight = self.weights[name]
        return weight(self.step) if callable(weight) else weight

    def report(self, *tensors: Any, **named: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, and each term before its weight, detached and still on its device (nothing is waited for)."""
        total, terms = None, {}
        for place, name in enumerate(self.names):
            term = self.modules_of_terms[name] if name in self.modules_of_terms else self.functions[name]
            if isinstance(term, CombinedLoss):
                value, inner = term.report(*tensors, **named)
                terms[name] = value.detach()
                terms.update({f"{name}/{key}": each for key, each in inner.items()})
            else:
                value = term(*tensors, **named)
                terms[name] = value.detach()
            scheduled = torch.compiler.is_compiling() and callable(self.weights[name])
            weighted = (self.weights_now[place].to(value.dtype) if scheduled else self.weight_of(name)) * value
            total = weighted if total is None else total + weighted
        return total, terms

    def forward(self, *tensors: Any, **named: Any) -> Tensor:
        """The weighted sum of the terms."""
        return self.report(*tensors, **named)[0]

    def get_extra_state(self) -> dict[str, int]:
        """The step of the schedules, for `state_dict()`."""
        return {"step": self.step}

    def set_extra_state(self, state: Mapping[str, int]) -> None:
        """Take the step up again, for `load_state_dict()`."""
        self.step = state["step"]
        self._write_weights()

    def extra_repr(self) -> str:
        """The terms and their weights."""
        return ", ".join(
            f"{name}={'schedule' if callable(weight) else weight}" for name, weight in self.weights.items()
        )


_KINDS_OF_TASKS = ("regression", "classification")


def _temperatures(kinds: str | Sequence[str], like: Tensor) -> Tensor:
    """The factor before each loss: a half for a regression, one for a classification."""
    tasks = like.shape[-1]
    named = (kinds,) * tasks if isinstance(kinds, str) else tuple(kinds)
    for kind in named:
        check_choice("kinds", kind, _KINDS_OF_TASKS)
    if len(named) != tasks:
        raise ValueError(f"kinds must name {tasks} tasks, one for each loss, got {len(named)}")
    return torch.stack([like.new_full((), 0.5 if kind == "regression" else 1.0) for kind in named])


@loss(
    tasks=("tabular", "motion detection", "challenges and future"),
    names=("multi-task", "uncertainty weighting", "adaptive", "multi-task (motion + background)", "homoscedastic"),
    domain={"losses": "task losses", "log_variance": "task log-variances"},
    range=(-float("inf"), float("inf")),
    properties=_SUM | {"bounded": no("it grows with each loss", first=[[300.0, 1.0]], log_variance=[0.0, 0.0])},
    cases=({"kinds": "classification"}, {"kinds": ("regression", "classification", "regression")}),
    kind="module",
    differentiable=("losses", "log_variance"),
    chapter=15,
)
def uncertainty_weighting_loss(
    losses: Tensor, log_variance: Tensor, *, kinds: str | tuple[str, ...] = "regression", reduction: str = "mean"
) -> Tensor:
    r"""Uncertainty weighting (multi-task): each task's loss is divided by a variance that is learned with it.

    .. math::

        \mathcal L = \sum_k \tfrac12 e^{-s_k} \mathcal L_k + \tfrac12 s_k \ \text{(regression)}, \qquad
        \sum_k e^{-s_k} \mathcal L_k + \tfrac12 s_k \ \text{(classification)}

    with :math:`s_k = \log \sigma_k^2`. For losses that stay put the best :math:`s_k` is :math:`\log \mathcal L_k` for a
    regression (a squared error) and :math:`\log 2 \mathcal L_k` for a classification (a cross-entropy). The loss may be
    negative. Where a loss is 0 its best :math:`s` is minus infinity, so a task that is solved takes over.

    Args:
        losses: one loss for each of `T` tasks, `(*, T)`, not negative.
        log_variance: :math:`s_k`, learned, `(T,)`.
        kinds: `"regression"` or `"classification"`, for all tasks or for each of them.
        reduction: `"none"` gives `(*)`, the sum over the tasks; `"mean"` and `"sum"` are over what stands before them.

    Returns:
        The loss: a scalar, or `(*)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: losses that are not floating-point.
        ValueError: as many kinds or variances as there are not losses, an unknown kind or reduction.

    References:
        Kendall, Gal and Cipolla, Multi-task learning using uncertainty to weigh losses for scene geometry and
        semantics, 2018, https://arxiv.org/abs/1705.07115, equations 7 and 10.

    Example:
        >>> uncertainty_weighting_loss(torch.tensor([4.0, 1.0]), torch.tensor([0.0, 0.0]))
        tensor(2.5000)
    """
    _check_losses(losses, reduction, log_variance=log_variance)
    values, s = together(losses, log_variance)
    values = _temperatures(kinds, values) * torch.exp(-s) * values + 0.5 * s
    return reduce(values.sum(-1), reduction, dtype=losses.dtype)


@gradient_of(uncertainty_weighting_loss)
def _uncertainty_weighting_gradient(
    losses: Tensor, log_variance: Tensor, *, kinds: str | tuple[str, ...] = "regression"
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\mathcal L_k = \frac12 e^{-s_k}` (no half for a classification), and
    :math:`\partial\mathcal L / \partial s_k = \frac12 - \frac12 e^{-s_k} \mathcal L_k`."""
    weight = _temperatures(kinds, losses) * torch.exp(-log_variance)
    return (weight / (losses.numel() // losses.shape[-1])).expand_as(losses)


class UncertaintyWeighting(nn.Module):
    """Uncertainty weighting with its learned log-variances (`log_variance`, one for each task).

    Give its parameters to the optimizer beside those of the model (without weight decay).

    Args:
        tasks: number of tasks.
        kinds: `"regression"` or `"classification"`, for all tasks or for each of them.
        initial: the log-variance that each task starts with.
        reduction: as for :func:`uncertainty_weighting_loss`.

    Example:
        >>> weigh = UncertaintyWeighting(2, kinds=("regression", "classification"))
        >>> weigh(torch.tensor(4.0), torch.tensor(1.0))
        tensor(3., grad_fn=<DivBackward0>)
    """

    function = staticmethod(uncertainty_weighting_loss)

    def __init__(
        self,
        tasks: int,
        *,
        kinds: str | tuple[str, ...] = "regression",
        initial: float = 0.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        check_reduction(reduction)
        self.kinds, self.reduction = kinds, reduction
        self.log_variance = nn.Parameter(torch.full((tasks,), float(initial)))
        _temperatures(kinds, self.log_variance)  # refuses wrong kinds here, not at the first step

    def forward(self, *losses: Tensor) -> Tensor:
        """The loss of one tensor `(*, T)`, or of `T` tensors of one shape."""
        return self.function(_stacked(losses), self.log_variance, kinds=self.kinds, reduction=self.reduction)

    def extra_repr(self) -> str:
        """The settings, as they were given."""
        return f"{len(self.log_variance)}, kinds={self.kinds!r}, reduction={self.reduction!r}"


def _stacked(losses: Sequence[Tensor]) -> Tensor:
    """One tensor `(*, T)` as it is; several tensors stacked to one."""
    return losses[0] if len(losses) == 1 and losses[0].dim() else torch.stack(tuple(losses), -1)


@loss(
    tasks=("tabular", "challenges and future"),
    names=("dynamic weight average", "DWA", "multi-task"),
    domain={"losses": "task losses", "previous": "task averages", "before_previous": "task averages"},
    range=(0.0, float("inf")),
    properties=_SUM
    | {"bounded": no("it grows with each loss", first=[[100.0, 1.0]], previous=[1.0, 1.0], before_previous=[1.0, 1.0])},
    cases=({"temperature": 0.5},),
    kind="module",
    chapter=15,
)
def dynamic_weight_average_loss(
    losses: Tensor, previous: Tensor, before_previous: Tensor, *, temperature: float = 2.0, reduction: str = "mean"
) -> Tensor:
    r"""Dynamic weight average (DWA): the slower a task's loss has fallen, the more it counts.

    .. math::

        \mathcal L = \sum_k \lambda_k \mathcal L_k, \qquad
        \lambda_k = T\, \mathrm{softmax}_k\!\left( \frac{\mathcal L_k^{(e-1)}}{\mathcal L_k^{(e-2)}} \Big/ \tau \right)

    The weights sum to the number of tasks. They are numbers, without gradient. A task whose earlier average was 0
    counts as one that has not moved.

    Args:
        losses: one loss for each of `T` tasks, `(*, T)`.
        previous: average loss of each task in the last epoch, `(T,)`.
        before_previous: the same in the epoch before it, `(T,)`.
        temperature: :math:`\tau`, above 0; the larger, the more alike the weights.
        reduction: `"none"` gives `(*)`, the sum over the tasks; `"mean"` and `"sum"` are over what stands before them.

    Returns:
        The loss: a scalar, or `(*)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: losses that are not floating-point.
        ValueError: averages that do not fit, a temperature that is not above 0, an unknown reduction.

    References:
        Liu, Johns and Davison, End-to-end multi-task learning with attention, 2019, https://arxiv.org/abs/1803.10704,
        equation 7.

    Example:
        >>> now, last, earlier = torch.tensor([1.0, 1.0]), torch.tensor([0.5, 1.0]), torch.tensor([1.0, 1.0])
        >>> dynamic_weight_average_loss(now, last, earlier)
        tensor(2.)
    """
    _check_losses(losses, reduction, previous=previous, before_previous=before_previous)
    check_positive("temperature", temperature)
    values, now, then = together(losses, previous, before_previous)
    weight = _dynamic_weights(now.detach(), then.detach(), temperature)
    return reduce((values * weight).sum(-1), reduction, dtype=losses.dtype)


def _dynamic_weights(previous: Tensor, before_previous: Tensor, temperature: float) -> Tensor:
    """Weights that sum to the number of tasks."""
    unknown = before_previous == 0
    ratio = torch.where(unknown, 1.0, previous / torch.where(unknown, 1.0, before_previous))
    return len(ratio) * (ratio / temperature).softmax(-1)


@gradient_of(dynamic_weight_average_loss)
def _dynamic_weight_average_gradient(
    losses: Tensor, previous: Tensor, before_previous: Tensor, *, temperature: float = 2.0
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\mathcal L_k = \lambda_k`, divided by the number of examples."""
    weight = (previous / before_previous / temperature).exp()
    weight = losses.shape[-1] * weight / weight.sum()
    return (weight / (losses.numel() // losses.shape[-1])).expand_as(losses)


class DynamicWeightAverage(nn.Module):
    """Dynamic weight average with its memory of two epochs; call `end_epoch()` after each.

    In the first two epochs the weights are one. Losses are averaged over all calls in training mode.

    Args:
        tasks: number of tasks.
        temperature: as for :func:`dynamic_weight_average_loss`.
        reduction: as for :func:`dynamic_weight_average_loss`.

    Example:
        >>> weigh = DynamicWeightAverage(2)
        >>> weigh(torch.tensor(3.0), torch.tensor(1.0))
        tensor(4.)
        >>> weigh.end_epoch()
        >>> weigh(torch.tensor(3.0), torch.tensor(0.1)).item() > 3
        True
    """

    function = staticmethod(dynamic_weight_average_loss)

    def __init__(self, tasks: int, *, temperature: float = 2.0, reduction: str = "mean") -> None:
        super().__init__()
        check_positive("temperature", temperature)
        check_reduction(reduction)
        self.temperature, self.reduction = temperature, reduction
        for name in ("previous", "before_previous"):
            self.register_buffer(name, torch.ones(tasks))
        self.register_buffer("total", torch.zeros(tasks))
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("epochs", torch.zeros((), dtype=torch.long))

    @property
    def weight(self) -> Tensor:
        """The weights of this epoch."""
        return _dynamic_weights(self.previous, self.before_previous, self.temperature)

    def forward(self, *losses: Tensor) -> Tensor:
        """The loss of one tensor `(*, T)`, or of `T` tensors of one shape."""
        stacked = _stacked(losses)
        if self.training and stacked.numel():
            with torch.no_grad():
                self.total += stacked.flatten(0, -2).mean(0) if stacked.dim() > 1 else stacked
                self.calls += 1
        return self.function(
            stacked, self.previous, self.before_previous, temperature=self.temperature, reduction=self.reduction
        )

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Take the averages of this epoch as the previous ones."""
        average = torch.where(self.calls > 0, self.total / self.calls.clamp_min(1), self.previous)
        self.before_previous.copy_(torch.where(self.epochs == 0, average, self.previous))
        self.previous.copy_(average)
        self.total.zero_()
        self.calls.zero_()
        self.epochs += 1

    def extra_repr(self) -> str:
        """The settings, as they were given."""
        return f"{len(self.total)}, temperature={self.temperature}, reduction={self.reduction!r}"


@loss(
    tasks=("tabular", "challenges and future"),
    names=("GradNorm", "gradient normalization", "multi-task", "adaptive"),
    domain={
        "weight": "task numbers",
        "gradient_norms": "task numbers",
        "losses": "task numbers",
        "initial_losses": "task numbers",
    },
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": not_applicable("weights of 0 make it 0; they are scaled to sum to the number of tasks"),
        "convex": yes,
        "lipschitz": not_applicable("the norms of the gradients decide"),
        "smooth": no("the slope jumps where a norm is as large as it should be", first=[[1.0, 1.0]],
                     gradient_norms=[[1.0, 1.0]], losses=[[1.0, 1.0]], initial_losses=[[1.0, 1.0]]),
        "bounded": no("it grows with the weights", first=[[1000.0, 1.0]], gradient_norms=[[1.0, 1.0]],
                      losses=[[1.0, 1.0]], initial_losses=[[1.0, 1.0]]),
        "symmetric": _OF_TASKS,
        "proper": _OF_TASKS,
        "scale_invariant": _OF_TASKS,
        "permutation_invariant": yes,
    },
    cases=({"alpha": 0.5}, {"alpha": 0.0}),
    kind="module",
    detached="the norms that the tasks' gradients should have",
    chapter=15,
)  # fmt: skip
def gradnorm_loss(
    weight: Tensor,
    gradient_norms: Tensor,
    losses: Tensor,
    initial_losses: Tensor,
    *,
    alpha: float = 1.5,
    reduction: str = "mean",
) -> Tensor:
    r"""GradNorm: how unequally fast tasks train, measured on the gradients of what they share.

    .. math::

        \mathcal L = \sum_k \big| w_k G_k - \bar G\, r_k^\alpha \big|, \qquad
        r_k = \frac{\mathcal L_k / \mathcal L_k^{(0)}}{\frac1T \sum_j \mathcal L_j / \mathcal L_j^{(0)}}, \qquad
        \bar G = \frac1T \sum_j w_j G_j

    It trains the weights alone: the norms that are aimed at, :math:`\bar G r_k^\alpha`, are held fixed, as the paper
    says. A task whose initial loss was 0 counts as one that has not moved.

    Args:
        weight: :math:`w_k`, `(*, T)`.
        gradient_norms: length :math:`G_k` of the gradient of each task's loss, before its weight, `(*, T)`.
        losses: loss of each task now, `(*, T)`.
        initial_losses: loss of each task at the start, `(*, T)`.
        alpha: how strongly slow tasks are helped, at least 0; at 0 all norms are to be equal.
        reduction: `"none"` gives `(*)`, the sum over the tasks; `"mean"` and `"sum"` are over what stands before them.

    Returns:
        The loss of the weights: a scalar, or `(*)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: weights that are not floating-point.
        ValueError: shapes that differ, a negative alpha, an unknown reduction.

    References:
        Chen et al., GradNorm: gradient normalization for adaptive loss balancing in deep multitask networks, 2018,
        https://proceedings.mlr.press/v80/chen18a.html.

    Example:
        >>> one = torch.tensor([1.0, 1.0])
        >>> gradnorm_loss(one, gradient_norms=torch.tensor([3.0, 1.0]), losses=one, initial_losses=one)
        tensor(2.)
    """
    check_tensors(weight=weight, gradient_norms=gradient_norms, losses=losses, initial_losses=initial_losses)
    check_floating("weight", weight)
    if weight.dim() < 1:
        raise ValueError("weight must have shape (*, T), one entry for each task, got a scalar")
    for name, tensor in (("gradient_norms", gradient_norms), ("losses", losses), ("initial_losses", initial_losses)):
        check_same_shape(name, tensor, "weight", weight)
    check_positive("alpha", alpha, zero=True)
    check_reduction(reduction)
    w, norms, now, start = together(weight, gradient_norms, losses, initial_losses)
    norms = norms.detach()
    wanted = _wanted_norms(w.detach() * norms, now.detach(), start.detach(), alpha)
    return reduce((w * norms - wanted).abs().sum(-1), reduction, dtype=weight.dtype)


def _wanted_norms(weighted: Tensor, losses: Tensor, initial: Tensor, alpha: float) -> Tensor:
    """The mean norm, times how slowly each task trains compared with the others."""
    unknown = initial == 0
    rate = torch.where(unknown, 1.0, losses / torch.where(unknown, 1.0, initial))
    mean = rate.mean(-1, keepdim=True)
    rate = torch.where(mean == 0, 1.0, rate / torch.where(mean == 0, 1.0, mean))
    return weighted.mean(-1, keepdim=True) * rate**alpha


@gradient_of(gradnorm_loss)
def _gradnorm_gradient(
    weight: Tensor, gradient_norms: Tensor, losses: Tensor, initial_losses: Tensor, *, alpha: float = 1.5
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial w_k = G_k\, \mathrm{sign}\big(w_k G_k - \bar G r_k^\alpha\big)`, divided by
    the number of examples."""
    rate = losses / initial_losses
    rate = rate / rate.mean(-1, keepdim=True)
    weighted = weight * gradient_norms
    sign = torch.sign(weighted - weighted.mean(-1, keepdim=True) * rate**alpha)
    return gradient_norms * sign / (weight.numel() // weight.shape[-1])


class GradNorm(nn.Module):
    """GradNorm with its learned weights (`weight`) and its memory of the first losses.

    A step: `total = balance(losses)` for the model, `balance.loss(losses, shared)` for the weights, both backward, a
    step of each optimizer, then `balance.renormalize()`.

    Args:
        tasks: number of tasks.
        alpha: as for :func:`gradnorm_loss`.

    Example:
        >>> shared = torch.tensor([1.0], requires_grad=True)
        >>> losses = torch.stack([3.0 * shared.sum(), shared.sum()])
        >>> balance = GradNorm(2)
        >>> balance(losses).item()
        4.0
        >>> balance.loss(losses, [shared]).backward()
        >>> balance.weight.grad
        tensor([ 3., -1.])
    """

    function = staticmethod(gradnorm_loss)

    def __init__(self, tasks: int, *, alpha: float = 1.5) -> None:
        super().__init__()
        check_positive("alpha", alpha, zero=True)
        self.alpha = alpha
        self.weight = nn.Parameter(torch.ones(tasks))
        self.register_buffer("initial_losses", torch.ones(tasks))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    def forward(self, *losses: Tensor) -> Tensor:
        """The weighted sum that trains the model: of one tensor `(T,)`, or of `T` scalars."""
        return weighted_sum_loss(_stacked(losses), self.weight.detach())

    def loss(self, losses: Tensor | Sequence[Tensor], shared: Iterable[Tensor]) -> Tensor:
        """The loss that trains the weights; `shared` are the parameters of the last layer that the tasks share.

        The losses keep their graph, for the model's own backward pass.
        """
        stacked = losses if isinstance(losses, Tensor) else torch.stack(tuple(losses), -1)
        shared = list(shared)
        norms = []
        for each in stacked.unbind(-1):
            gradients = torch.autograd.grad(each, shared, retain_graph=True, allow_unused=True)
            pieces = [g.detach().flatten() for g in gradients if g is not None]
            norms.append(torch.cat(pieces).norm() if pieces else stacked.new_zeros(()))
        now = stacked.detach().to(self.initial_losses.dtype)
        with torch.no_grad():
            self.initial_losses.copy_(torch.where(self.started, self.initial_losses, now))
            self.started.fill_(True)
        norms = torch.stack(norms).to(now.dtype)
        return self.function(self.weight, norms, now, self.initial_losses, alpha=self.alpha)

    @torch.no_grad()
    def renormalize(self) -> None:
        """Scale the weights so that they sum to the number of tasks; a weight below 0 becomes 0.

        Where a step took all of them there, they start anew from 1.
        """
        weight = self.weight.clamp_min(0)
        total = weight.sum()
        self.weight.copy_(torch.where(total > 0, weight * (len(weight) / total), 1.0))

    def extra_repr(self) -> str:
        """The settings, as they were given."""
        return f"{len(self.weight)}, alpha={self.alpha}"


def project_conflicting_gradients(gradients: Tensor, *, order: Tensor | None = None) -> Tensor:
    r"""Gradient surgery (PCGrad): take from each task's gradient what opposes another's.

    For each pair with :math:`g_i \cdot g_j < 0`, :math:`g_i \leftarrow g_i - \frac{g_i \cdot g_j}{\lVert g_j \rVert^2}
    g_j`, one :math:`j` after the other in random order, each :math:`g_j` as it was.

    Yu et al., Gradient surgery for multi-task learning, 2020, https://arxiv.org/abs/2001.06782, algorithm 1.

    Args:
        gradients: one flat gradient for each task, `(T, P)`.
        order: for each task the order in which the others are looked at, `(T, T)`, its own index anywhere among them;
            by default drawn anew.

    Returns:
        The projected gradients, `(T, P)`, in the dtype of the gradients; half precision is computed in float32. The
        paper's step is their sum.

    Example:
        >>> project_conflicting_gradients(torch.tensor([[1.0, 0.0], [-1.0, 1.0]]))
        tensor([[0.5000, 0.5000],
                [0.0000, 1.0000]])
    """
    check_tensors(gradients=gradients, order=order)
    check_floating("gradients", gradients)
    check_layout("gradients", gradients, "T", "P")
    tasks = len(gradients)
    if order is None:
        order = torch.stack([torch.randperm(tasks) for _ in range(tasks)]) if tasks else torch.empty(0, 0)
    check_layout("order", order, tasks, tasks)
    rows = widen(gradients)
    products = (rows * rows).sum(1)
    sizes = torch.where(products > 0, products, 1.0)
    projected = []
    for own, others in enumerate(order.tolist()):
        gradient = rows[own]
        for other in others:
            if other != own:
                overlap = (gradient * rows[other]).sum().clamp_max(0.0)
                gradient = gradient - overlap / sizes[other] * rows[other]
        projected.append(gradient)
    return torch.stack(projected).to(gradients.dtype) if projected else gradients


def pcgrad_backward(
    losses: Tensor | Sequence[Tensor], parameters: Iterable[Tensor], *, order: Tensor | None = None
) -> None:
    """In place of `backward()`: add the sum of the projected gradients of several losses to each parameter's `.grad`.

    The gradients do not pass through the hooks of `backward()`: with `DistributedDataParallel`, average `.grad` over
    the processes yourself.

    Args:
        losses: `T` scalars, or a tensor `(T,)`.
        parameters: the parameters that the losses share; for one that a loss does not use its gradient is zero.
        order: as for :func:`project_conflicting_gradients`.

    Raises:
        ValueError: no loss, or no parameter that requires a gradient.

    Example:
        >>> x = torch.tensor([1.0, 0.0], requires_grad=True)
        >>> pcgrad_backward([x[0], x[1] - x[0]], [x])
        >>> x.grad
        tensor([0.5000, 1.5000])
    """
    parameters = [p for p in parameters if p.requires_grad]
    if not parameters:
        raise ValueError("parameters must hold at least one tensor that requires a gradient, got none")
    if not len(losses):
        raise ValueError("losses must hold at least one loss, got none")
    rows = []
    for each in losses:
        gradients = torch.autograd.grad(each, parameters, retain_graph=True, allow_unused=True)
        filled = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients, strict=True)]
        rows.append(torch.cat([g.flatten() for g in filled]))
    total = project_conflicting_gradients(torch.stack(rows), order=order).sum(0)
    pieces = total.split([p.numel() for p in parameters])
    for parameter, piece in zip(parameters, pieces, strict=True):
        gradient = piece.reshape(parameter.shape).to(parameter.dtype)
        parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


@loss(
    tasks=("semantic segmentation", "image classification"),
    names=("deep supervision", "auxiliary losses"),
    domain={"criterion": "loss", "predictions": "list of scores", "target": "target of the task"},
    range=(-float("inf"), float("inf")),
    properties=dict.fromkeys(PROPERTIES, not_applicable("it is what its criterion is")),
    cases=({"weights": "same"}, {"weights": (1.0, 0.5), "resize": "prediction", "normalize": True}),
    kind="objective",
    differentiable=("predictions",),
    without_gradient="the gradient is that of the criterion, times the weight of the depth",
    chapter=8,
)
def deep_supervision_loss(
    criterion: Callable[[Tensor, Tensor], Tensor],
    predictions: Sequence[Tensor],
    target: Tensor,
    *,
    weights: str | Sequence[float] = "halving",
    normalize: bool = False,
    resize: str = "target",
) -> Tensor:
    r"""Deep supervision: one criterion at several depths of a network, the deeper ones on a coarser grid.

    .. math::

        \mathcal L = \sum_s \lambda_s\, \ell\big(\hat y_s, y_s\big), \qquad \lambda_s = 2^{-s}

    Args:
        criterion: the loss of one prediction and a target, such as `CrossEntropyLoss()`.
        predictions: the network's predictions, `(N, C, *)` each, the finest first.
        target: the truth of the finest, labels `(N, *)` or the layout of the prediction.
        weights: `"halving"` (nnU-Net), `"same"` (all 1), or a number for each prediction.
        normalize: divide by the sum of the weights. nnU-Net does, and leaves the coarsest prediction out before.
        resize: bring the target to the grid of each prediction by its nearest pixels (`"target"`: MONAI, nnU-Net), or
            each prediction to the grid of the target by linear interpolation (`"prediction"`).

    Returns:
        The loss, as the criterion reduces it.

    Raises:
        TypeError: a criterion that cannot be called, predictions that are not tensors.
        ValueError: no prediction, weights that do not fit, an unknown setting.

    References:
        Lee et al., Deeply-supervised nets, 2015, https://proceedings.mlr.press/v38/lee15a.html; halving weights:
        Isensee et al., nnU-Net, 2021, https://doi.org/10.1038/s41592-020-01008-z.

    Example:
        >>> fine, coarse = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 2, 2)
        >>> deep_supervision_loss(F.cross_entropy, [fine, coarse], torch.zeros(1, 4, 4, dtype=torch.long))
        tensor(1.0397)
    """
    if not callable(criterion):
        raise TypeError(f"criterion must be callable, got {type(criterion).__name__}")
    predictions = list(predictions)
    if not predictions:
        raise ValueError("predictions must hold at least one tensor, got none")
    check_tensors(**{f"predictions[{i}]": p for i, p in enumerate(predictions)}, target=target)
    check_choice("resize", resize, ("target", "prediction"))
    if isinstance(weights, str):
        check_choice("weights", weights, ("halving", "same"))
        weights = [0.5**depth if weights == "halving" else 1.0 for depth in range(len(predictions))]
    if len(weights) != len(predictions):
        raise ValueError(f"weights must hold {len(predictions)} numbers, one for each prediction, got {len(weights)}")
    total = predictions[0].new_zeros(())
    for weight, prediction in zip(weights, predictions, strict=True):
        truth = target
        if resize == "target":
            truth = _nearest(target, prediction)
        elif prediction.shape[2:] != _grid(target, prediction):
            prediction = _upsampled(prediction, _grid(target, prediction))
        total = total + weight * criterion(prediction, truth)
    return total / sum(weights) if normalize else total


DeepSupervisionLoss = as_module("DeepSupervisionLoss", deep_supervision_loss)


def _grid(target: Tensor, prediction: Tensor) -> torch.Size:
    """The picture's dimensions of a target, whether it holds labels or channels."""
    return target.shape[1:] if target.dim() == prediction.dim() - 1 else target.shape[2:]


def _nearest(target: Tensor, prediction: Tensor) -> Tensor:
    """The target at the nearest pixels of the prediction's grid."""
    if _grid(target, prediction) == prediction.shape[2:]:
        return target
    labels = target.dim() == prediction.dim() - 1
    channels = target.unsqueeze(1) if labels else target
    numbers = channels if channels.is_floating_point() else channels.double()  # exact for every label
    resized = F.interpolate(numbers, size=prediction.shape[2:], mode="nearest-exact").to(target.dtype)
    return resized.squeeze(1) if labels else resized


def _upsampled(prediction: Tensor, grid: torch.Size) -> Tensor:
    """The prediction on a finer grid."""
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(grid)]
    return F.interpolate(prediction, size=grid, mode=mode, align_corners=False)


# --------------------------------------------------------------------------------------------------------------------
# Distances of point sets

_POINTS = not_applicable("the arguments are points, not probabilities")


def _point_sets(prediction: Tensor, target: Tensor, reduction: str) -> tuple[Tensor, Tensor]:
    """Both sets, checked, in the dtype of the computation, moved so that the target is centered.

    A shift of both changes no distance, and sums of squares then keep their digits.
    """
    check_tensors(prediction=prediction, target=target)
    check_floating("prediction", prediction)
    check_floating("target", target)
    if prediction.dim() < 2:
        raise ValueError(f"prediction must have shape (*, N, D), got {tuple(prediction.shape)}")
    if target.dim() != prediction.dim() or target.shape[:-2] != prediction.shape[:-2] or (
        target.shape[-1] != prediction.shape[-1]
    ):  # fmt: skip
        wanted = (*prediction.shape[:-2], "M", prediction.shape[-1])
        raise ValueError(f"target must have shape ({', '.join(map(str, wanted))}), got {tuple(target.shape)}")
    for name, points in (("prediction", prediction), ("target", target)):
        if points.shape[-2] == 0:
            raise ValueError(f"{name} must hold at least one point, got shape {tuple(points.shape)}")
    check_reduction(reduction)
    x, y = together(prediction, target)
    center = y.detach().mean(-2, keepdim=True)
    return x - center, y - center


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """`(*, N, M)`, through one matrix product; autocast must not round it."""
    with full_precision(x):
        products = x @ y.mT
    return (x * x).sum(-1).unsqueeze(-1) + (y * y).sum(-1).unsqueeze(-2) - 2 * products


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """`(*, N, M)`, from differences: equal points are at distance 0, and pass on no gradient."""
    if torch.compiler.is_compiling():
        squared = ((x.unsqueeze(-2) - y.unsqueeze(-3)) ** 2).sum(-1)
        equal = squared == 0
        return torch.where(equal, 0.0, torch.where(equal, 1.0, squared).sqrt())
    return _Distances.apply(x, y)


class _Distances(torch.autograd.Function):
    """The same without a tensor of all differences `(*, N, M, D)`; its derivatives can be derived again, unlike those
    of `torch.cdist`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, y: Tensor) -> Tensor:
        return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)
        ctx.save_for_forward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y, distance = ctx.saved_tensors
        pull = _per_distance(gradient, distance)
        with full_precision(x):
            d_x = x * pull.sum(-1).unsqueeze(-1) - pull @ y if ctx.needs_input_grad[0] else None
            d_y = y * pull.sum(-2).unsqueeze(-1) - pull.mT @ x if ctx.needs_input_grad[1] else None
        return d_x, d_y

    @staticmethod
    def jvp(ctx: Any, x_moves: Tensor | None, y_moves: Tensor | None) -> Tensor:
        with forward_mode(*ctx.saved_tensors) as (x, y, distance), full_precision(x):
            change = torch.zeros_like(distance)
            if x_moves is not None:
                change = change + (x * x_moves).sum(-1).unsqueeze(-1) - x_moves @ y.mT
            if y_moves is not None:
                change = change + (y * y_moves).sum(-1).unsqueeze(-2) - x @ y_moves.mT
            return _per_distance(change, distance)


def _per_distance(values: Tensor, distance: Tensor) -> Tensor:
    """Divided by the distance; 0 where that is 0."""
    equal = distance == 0
    return torch.where(equal, 0.0, values / torch.where(equal, 1.0, distance))


@loss(
    tasks=("challenges and future", "time series"),
    names=("Wasserstein in one dimension", "sliced Wasserstein", "earth mover's distance"),
    domain={"prediction": "sample values", "target": "sample values"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("two orders of one sample are both right, and their mean is not", first=[[0.0, 2.0]],
                     other=[[2.0, 0.0]], target=[[0.0, 2.0]]),
        "lipschitz": up_to(1.0),
        "smooth": no("the slope jumps where two quantiles meet", first=[[0.0]], target=[[0.0]]),
        "bounded": no("it grows with the distance", first=[[100.0]], target=[[0.0]]),
        "symmetric": yes,
        "proper": _POINTS,
        "scale_invariant": no("it scales with the unit", first=[[1.0]], target=[[0.0]]),
        "permutation_invariant": yes,
    },
    cases=({"p": 2.0}, {"p": 1.5}),
    differentiable=("prediction", "target"),
    chapter=18,
)  # fmt: skip
def wasserstein_1d_loss(prediction: Tensor, target: Tensor, *, p: float = 1.0, reduction: str = "mean") -> Tensor:
    r"""Wasserstein distance in one dimension: what it costs to move one sample of numbers onto another.

    .. math::

        \ell = W_p^p = \frac1N \sum_i \big| x_{(i)} - y_{(i)} \big|^p

    Sorting solves the transport: the i-th smallest goes to the i-th smallest. Note that it is the p-th power.

    Args:
        prediction: samples, `(*, N)`.
        target: samples, the same shape; the order within each does not matter.
        p: exponent of the distance, 1 or more.
        reduction: `"none"` gives `(*)`, one number for each pair of samples.

    Returns:
        The loss: a scalar, or `(*)` for `reduction="none"`. An empty batch gives 0, and so do empty samples.

    Raises:
        TypeError: arguments that are not floating-point tensors.
        ValueError: shapes that differ, an exponent below 1, an unknown reduction.

    References:
        Villani, Topics in optimal transportation, 2003, https://doi.org/10.1090/gsm/058, section 2.2.

    Example:
        >>> wasserstein_1d_loss(torch.tensor([3.0, 1.0]), torch.tensor([0.0, 3.0]))
        tensor(0.5000)
    """
    check_tensors(prediction=prediction, target=target)
    check_floating("prediction", prediction)
    check_floating("target", target)
    if prediction.dim() < 1:
        raise ValueError("prediction must have shape (*, N), got a scalar")
    check_same_shape("target", target, "prediction", prediction)
    if p < 1:
        raise ValueError(f"p must be at least 1, got {p}")
    check_reduction(reduction)
    x, y = together(prediction, target)
    gap = (x.sort(-1).values - y.sort(-1).values).abs()
    gap = gap if p == 1 else gap**p
    return reduce(gap.sum(-1) / max(x.shape[-1], 1), reduction, dtype=prediction.dtype)


Wasserstein1dLoss = as_module("Wasserstein1dLoss", wasserstein_1d_loss)


@gradient_of(wasserstein_1d_loss)
def _wasserstein_1d_gradient(prediction: Tensor, target: Tensor, *, p: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial x_{(i)} = p\, |x_{(i)} - y_{(i)}|^{p-1}\, \mathrm{sign}(x_{(i)} - y_{(i)})
    / N`, divided by the number of samples."""
    ranked = target.sort(-1).values.gather(-1, prediction.argsort(-1).argsort(-1))
    gap = prediction - ranked
    return p * gap.abs() ** (p - 1) * gap.sign() / gap.numel()


@loss(
    tasks=("challenges and future", "image-to-image"),
    names=("Sinkhorn", "entropic optimal transport", "Sinkhorn divergence"),
    domain={"prediction": "points", "target": "points"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": no("two orders of one set are both right, and their mean is not", first=[[[0.0], [2.0]]],
                     other=[[[2.0], [0.0]]], target=[[[0.0], [2.0]]]),
        "lipschitz": no("the cost is quadratic", first=[[[1e4]]], other=[[[0.0]]], target=[[[0.0]]]),
        "smooth": yes,
        "bounded": no("it grows with the distance", first=[[[20.0]]], target=[[[0.0]]]),
        "symmetric": yes,
        "proper": _POINTS,
        "scale_invariant": no("it scales with the points", first=[[[2.0]]], target=[[[0.0]]]),
        "permutation_invariant": yes,
    },
    cases=({"epsilon": 0.5, "iterations": 20}, {"debias": False},
           {"prediction_weight": (0.1, 0.2, 0.3, 0.3, 0.1), "target_weight": (1.0, 2.0, 3.0, 4.0, 5.0)}),
    differentiable=("prediction", "target"),
    detached="the potentials, at whose optimum the value does not depend on them",
    without_gradient="it is the transport plan times the gradient of the cost, and the plan is a limit",
    chapter=18,
)  # fmt: skip
def sinkhorn_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    p: float = 2.0,
    epsilon: float = 0.1,
    iterations: int = 50,
    debias: bool = True,
    prediction_weight: Tensor | None = None,
    target_weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Sinkhorn loss: the cost to move one set of points onto another, smoothed by entropy.

    .. math::

        \mathrm{OT}_\varepsilon(a, b) = \min_{\pi} \sum_{ij} \pi_{ij} C_{ij} + \varepsilon\,
        \mathrm{KL}(\pi \Vert a \otimes b), \qquad
        \ell = \mathrm{OT}_\varepsilon(a, b) - \tfrac12 \mathrm{OT}_\varepsilon(a, a)
        - \tfrac12 \mathrm{OT}_\varepsilon(b, b)

    with :math:`C_{ij} = \frac1p \lVert x_i - y_j \rVert^p`. The two last terms (the divergence) take the bias off:
    without them the loss is smallest where the points have shrunk together. The dual problem is solved in logarithms,
    by a fixed number of averaged steps while :math:`\varepsilon` falls from the size of the costs to its value in the
    first half. How many are needed grows with the costs over :math:`\varepsilon`; too few make the loss inexact, not
    infinite. The gradient is the one at the optimum: it flows through the last step alone, so that memory does not grow
    with the iterations, and there is no useful second derivative.

    Args:
        prediction: points, `(*, N, D)`.
        target: points, `(*, M, D)`.
        p: exponent of the cost: 2, half the squared distance, or 1, the distance.
        epsilon: strength of the entropy, in the unit of the cost, above 0 (GeomLoss: `blur ** p`).
        iterations: number of steps, 1 or more.
        debias: the divergence, or the plain smoothed cost.
        prediction_weight: mass of each point, `(N,)` or `(*, N)`, scaled to sum to 1; equal by default. Where
            it is 0 the point may be NaN.
        target_weight: the same for the target, `(M,)` or `(*, M)`.
        reduction: `"none"` gives `(*)`, one number for each pair of sets.

    Returns:
        The loss: a scalar, or `(*)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: points that are not floating-point tensors.
        ValueError: shapes that do not go together, no points, negative weights, a setting out of range.

    References:
        Cuturi, Sinkhorn distances, 2013, https://arxiv.org/abs/1306.0895; the divergence and its gradient: Feydy et
        al., Interpolating between optimal transport and MMD, 2019, https://arxiv.org/abs/1810.08278.

    Example:
        >>> sinkhorn_loss(torch.tensor([[0.0], [1.0]]), torch.tensor([[3.0], [2.0]]))
        tensor(2.)
    """
    x, y = _point_sets(prediction, target, reduction)
    if p not in (1, 2):
        raise ValueError(f"p must be 1 or 2, got {p}")
    check_positive("epsilon", epsilon)
    if iterations < 1:
        raise ValueError(f"iterations must be at least 1, got {iterations}")
    a, b = _masses("prediction_weight", prediction_weight, x), _masses("target_weight", target_weight, y)
    x, y = _present(x, a, prediction_weight), _present(y, b, target_weight)
    values = _sinkhorn(x, y, x.detach(), y.detach(), a, b, p, epsilon, iterations, debias)
    return reduce(values, reduction, dtype=prediction.dtype)


SinkhornLoss = as_module("SinkhornLoss", sinkhorn_loss)


def _masses(name: str, weight: Tensor | None, points: Tensor) -> Tensor:
    """The mass of each point, `(*, N)`, summing to 1."""
    if weight is None:
        return points.new_full(points.shape[:-1], 1.0 / points.shape[-2])
    check_tensors(prediction=points, **{name: weight})
    check_floating(name, weight)
    if weight.shape not in (points.shape[:-1], points.shape[-2:-1]):
        wanted = f"({points.shape[-2]},) or {tuple(points.shape[:-1])}"
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(weight.shape)}")
    if known(weight, lambda: (weight >= 0).all() & (weight.sum(-1) > 0).all()) is False:
        raise ValueError(f"{name} must not be negative and must not be all 0, got {weight.tolist()}")
    weight = weight.to(points.dtype)
    return (weight / weight.sum(-1, keepdim=True)).expand(points.shape[:-1])


def _present(points: Tensor, mass: Tensor, weight: Tensor | None) -> Tensor:
    """Points without a mass, moved to the middle of the others: NaN may stand there, as padding."""
    if weighted_entries(weight) is None:
        return points
    counted = (mass > 0).unsqueeze(-1)
    middle = (mass.unsqueeze(-1) * torch.where(counted, points, 0.0)).detach().sum(-2, keepdim=True)
    return torch.where(counted, points, middle)


def _sinkhorn(
    x: Tensor,
    y: Tensor,
    fixed_x: Tensor,
    fixed_y: Tensor,
    a: Tensor,
    b: Tensor,
    p: float,
    epsilon: float,
    iterations: int,
    debias: bool,
) -> Tensor:
    """The value, with potentials from the fixed points, and each set moving against the other one fixed."""
    cost = _transport_cost(fixed_x, fixed_y, p)
    f, g = _potentials(cost, a, b, epsilon, iterations)
    values = _pull(x, fixed_y, a, b, g, p, epsilon) + _pull(y, fixed_x, b, a, f, p, epsilon)
    if debias:
        for points, fixed, mass in ((x, fixed_x, a), (y, fixed_y, b)):
            own = _symmetric_potential(_transport_cost(fixed, fixed, p), mass, epsilon, iterations)
            values = values - _pull(points, fixed, mass, mass, own, p, epsilon)
    return values


def _transport_cost(x: Tensor, y: Tensor, p: float) -> Tensor:
    return 0.5 * _squared_distances(x, y) if p == 2 else _distances(x, y)


def _pull(x: Tensor, y: Tensor, a: Tensor, b: Tensor, potential: Tensor, p: float, epsilon: float) -> Tensor:
    """The mass of `x` times its potential, formed from that of `y` by one more step."""
    return (a * _soft_minimum(_transport_cost(x, y, p), _log(b), potential, epsilon)).sum(-1)


def _log(mass: Tensor) -> Tensor:
    """The logarithm; minus infinity at 0, without a NaN behind it."""
    nothing = mass == 0
    return torch.where(nothing, -torch.inf, torch.where(nothing, 1.0, mass).log())


def _soft_minimum(cost: Tensor, log_mass: Tensor, potential: Tensor, epsilon: float | Tensor) -> Tensor:
    """The smallest of cost minus potential along the last axis, softened by `epsilon`."""
    scale = epsilon.squeeze(-1) if isinstance(epsilon, Tensor) else epsilon
    return -scale * ((potential.unsqueeze(-2) - cost) / epsilon + log_mass.unsqueeze(-2)).logsumexp(-1)


def _schedule(cost: Tensor, epsilon: float, iterations: int) -> list[Tensor]:
    """Epsilon at each step, `(*, 1, 1)`: from the largest cost down to its value, which it has in the second half."""
    start = (cost.amax((-2, -1), keepdim=True) / epsilon).clamp_min(1.0)
    half = max(iterations // 2, 1)
    return [epsilon * start ** max(1.0 - step / half, 0.0) for step in range(iterations)]


def _potentials(cost: Tensor, a: Tensor, b: Tensor, epsilon: float, iterations: int) -> tuple[Tensor, Tensor]:
    """Both potentials, treated alike so that exchanging the sets exchanges them."""
    log_a, log_b, turned = _log(a.detach()), _log(b.detach()), cost.mT
    f, g = torch.zeros_like(cost[..., 0]), torch.zeros_like(cost[..., 0, :])
    for now in _schedule(cost, epsilon, iterations):
        f, g = 0.5 * (f + _soft_minimum(cost, log_b, g, now)), 0.5 * (g + _soft_minimum(turned, log_a, f, now))
    return f, g


def _symmetric_potential(cost: Tensor, mass: Tensor, epsilon: float, iterations: int) -> Tensor:
    """The potential of a set against itself: both are one."""
    log_mass, f = _log(mass.detach()), torch.zeros_like(cost[..., 0])
    for now in _schedule(cost, epsilon, iterations):
        f = 0.5 * (f + _soft_minimum(cost, log_mass, f, now))
    return f


_KERNELS = ("gaussian", "laplacian", "energy")


@loss(
    tasks=("challenges and future", "image-to-image"),
    names=("maximum mean discrepancy", "MMD", "energy distance"),
    domain={"prediction": "points", "target": "points"},
    range=(0.0, 2.0),
    properties={
        "minimum_at_target": yes,
        "convex": no("far away it is flat", first=[[[6.0]]], other=[[[0.0]]], target=[[[0.0]]]),
        "lipschitz": up_to(2.5),
        "smooth": yes,
        "bounded": yes,
        "symmetric": yes,
        "proper": _POINTS,
        "scale_invariant": no("the kernel has a width", first=[[[2.0]]], target=[[[0.0]]]),
        "permutation_invariant": yes,
    },
    cases=({"kernel": "laplacian", "bandwidth": 2.0}, {"kernel": "energy"}, {"bandwidth": (0.5, 1.0, 4.0)},
           {"estimator": "unbiased"}),
    differentiable=("prediction", "target"),
    chapter=18,
)  # fmt: skip
def mmd_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    kernel: str = "gaussian",
    bandwidth: float | tuple[float, ...] = 1.0,
    estimator: str = "biased",
    reduction: str = "mean",
) -> Tensor:
    r"""Maximum mean discrepancy (MMD): how far two sets of points are apart, as a kernel sees them.

    .. math::

        \ell = \mathbb E\, k(x, x') + \mathbb E\, k(y, y') - 2\, \mathbb E\, k(x, y), \qquad
        k(x, y) = e^{-\lVert x - y \rVert^2 / 2 \sigma^2}

    It is the squared discrepancy. Where all points are far apart, measured in :math:`\sigma`, its gradient vanishes:
    take several bandwidths, or the median distance.

    Args:
        prediction: points, `(*, N, D)`.
        target: points, `(*, M, D)`.
        kernel: `"gaussian"`; `"laplacian"`, :math:`e^{-\lVert x - y \rVert / \sigma}`; or `"energy"`,
            :math:`-\lVert x - y \rVert`, which gives the energy distance and needs no bandwidth.
        bandwidth: :math:`\sigma`, above 0, or several, over whose kernels the mean is taken.
        estimator: `"biased"` keeps each point's kernel with itself and is never negative; `"unbiased"` leaves it out,
            and needs two points in each set.
        reduction: `"none"` gives `(*)`, one number for each pair of sets.

    Returns:
        The loss: a scalar, or `(*)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: points that are not floating-point tensors.
        ValueError: shapes that do not go together, too few points, an unknown setting.

    References:
        Gretton et al., A kernel two-sample test, 2012, https://www.jmlr.org/papers/v13/gretton12a.html; energy
        distance: Szekely and Rizzo, 2013, https://doi.org/10.1016/j.jspi.2013.03.018.

    Example:
        >>> mmd_loss(torch.tensor([[0.0]]), torch.tensor([[1.0]]))
        tensor(0.7869)
    """
    x, y = _point_sets(prediction, target, reduction)
    check_choice("kernel", kernel, _KERNELS)
    check_choice("estimator", estimator, ("biased", "unbiased"))
    widths = bandwidth if isinstance(bandwidth, tuple) else (bandwidth,)
    for width in widths:
        check_positive("bandwidth", width)
    if estimator == "unbiased" and min(x.shape[-2], y.shape[-2]) < 2:
        raise ValueError("estimator='unbiased' needs two points in each set, got one")
    values = (
        _mean_kernel(x, x, kernel, widths, estimator)
        + _mean_kernel(y, y, kernel, widths, estimator)
        - 2 * _mean_kernel(x, y, kernel, widths, "biased")
    )
    return reduce(values, reduction, dtype=prediction.dtype)


MMDLoss = as_module("MMDLoss", mmd_loss)


def _mean_kernel(x: Tensor, y: Tensor, kernel: str, widths: tuple[float, ...], estimator: str) -> Tensor:
    """The mean of the kernel over pairs; `"unbiased"` leaves out the pairs of a point with itself."""
    if kernel == "gaussian":
        squared = _squared_distances(x, y)
        values = sum(torch.exp(squared / (-2 * width**2)) for width in widths) / len(widths)
    else:
        distance = _distances(x, y)
        values = -distance
        if kernel == "laplacian":
            values = sum(torch.exp(distance / -width) for width in widths) / len(widths)
    total, pairs = values.sum((-2, -1)), math.prod(values.shape[-2:])
    if estimator == "unbiased":
        return (total - values.diagonal(dim1=-2, dim2=-1).sum(-1)) / (pairs - x.shape[-2])
    return total / pairs


@gradient_of(mmd_loss)
def _mmd_gradient(prediction: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\ell / \partial x_i = -\frac2{N^2} \sum_j k(x_i, x_j) \frac{x_i - x_j}{\sigma^2} + \frac2{NM}
    \sum_j k(x_i, y_j) \frac{x_i - y_j}{\sigma^2}`, divided by the number of pairs of sets."""

    def push(x: Tensor, y: Tensor) -> Tensor:
        difference = x.unsqueeze(-2) - y.unsqueeze(-3)
        kernel = torch.exp(-0.5 * (difference**2).sum(-1, keepdim=True))
        return (kernel * difference).mean(-2)

    sets = math.prod(prediction.shape[:-2])
    return 2 * (push(prediction, target) - push(prediction, prediction)) / (prediction.shape[-2] * sets)
