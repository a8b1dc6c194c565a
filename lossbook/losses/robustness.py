"""Objectives that train against an adversary, and the attacks that they use.

An objective takes the model first: `trades_loss(model, inputs, target)`. It looks for inputs nearby that the model gets
wrong, holds them fixed, and returns a loss whose gradient goes to the model's parameters. The attacks form gradients
with respect to the inputs alone: what `backward()` has left in the model's parameters stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from ._card import PROPERTIES, loss, not_applicable
from ._module import as_module
from ._reduction import reduce, widen
from ._validation import (
    check_choice,
    check_floating,
    check_fraction,
    check_positive,
    check_reduction,
    check_tensors,
    known,
    valid_entries,
)
from .classification import _labels, cross_entropy

__all__ = [
    "ALPLoss",
    "AdversarialTrainingLoss",
    "MARTLoss",
    "TRADESLoss",
    "adversarial_training_loss",
    "alp_loss",
    "fgsm_attack",
    "mart_loss",
    "pgd_attack",
    "trades_loss",
]

_TASKS = ("image classification", "challenges and future")
_DOMAIN = {"model": "classifier", "inputs": "pictures in [0, 1]", "target": "labels"}
_FACTS = {
    "tasks": _TASKS,
    "domain": _DOMAIN,
    "range": (0.0, float("inf")),
    "properties": dict.fromkeys(PROPERTIES, not_applicable("its first argument is a model")),
    "detached": "the perturbed inputs",
    "chapter": 18,
    "kind": "objective",
    "without_gradient": "the gradient goes to the parameters of the model, whatever they are",
}

Model = Callable[[Tensor], Tensor]


# --- attacks ----------------------------------------------------------------------------------------------------------


def pgd_attack(
    model: Model,
    inputs: Tensor,
    target: Tensor,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    epsilon: float = 8 / 255,
    step_size: float = 2 / 255,
    steps: int = 10,
    norm: str = "linf",
    bounds: tuple[float, float] | None = (0.0, 1.0),
    start: str = "uniform",
    evaluate: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Projected gradient descent (PGD): inputs near the given ones with as large a loss as a few steps find.

    .. math::

        x^{t+1} = \Pi_{B}\big(x^t + \eta\, s(\nabla_{x} \ell(f(x^t), y))\big), \qquad
        B = \{x' : \lVert x' - x \rVert \le \varepsilon,\ x' \in [\text{low}, \text{high}]\}

    with :math:`s(g) = \mathrm{sign}(g)` in the maximum norm and :math:`g / \lVert g \rVert_2` in the Euclidean one.
    The result never leaves the ball (by more than rounding) nor the bounds. Where the gradient is zero an input stays.

    Args:
        model: from inputs to what the loss takes. If it is a module, its parameters' gradients are not touched.
        inputs: what to perturb, `(N, *)`, within the bounds.
        target: truth, `(N, ...)`.
        loss: from output and target to the loss; :func:`~lossbook.losses.classification.cross_entropy` by default.
        epsilon: radius of the ball, in the units of the inputs, at least 0.
        step_size: length of a step, at least 0.
        steps: number of steps, at least 0.
        norm: `"linf"` (the largest change of an entry) or `"l2"` (the Euclidean length of an input's change).
        bounds: smallest and largest value of an input; `None` for inputs without bounds, such as normalized pictures.
        start: `"uniform"` in the ball (Madry), `"normal"` (the input plus a thousandth of normal noise, TRADES) or
            `"input"`.
        evaluate: whether the attack runs the model in evaluation mode, which keeps batch statistics as they are and
            dropout away; every submodule gets its own mode back. `False` runs it in the mode that it is in.
        generator: source of the random start.

    Returns:
        The perturbed inputs, detached, of the shape and dtype of the inputs.

    Raises:
        TypeError: a model that cannot be called, inputs that are not floating-point.
        ValueError: inputs outside the bounds, a negative radius, an unknown norm or start.

    References:
        Madry, Makelov, Schmidt, Tsipras and Vladu, Towards deep learning models resistant to adversarial attacks, 2018,
        https://arxiv.org/abs/1706.06083.

    Example:
        >>> def model(x):
        ...     return torch.cat([x, -x], 1)
        >>> pgd_attack(model, torch.tensor([[0.50]]), torch.tensor([0]), epsilon=0.1, step_size=0.05)
        tensor([[0.4000]])
    """
    _check_objective(model, inputs, target)
    if loss is None:
        loss = cross_entropy
    with _attacking(model, evaluate):
        return _ascend(
            lambda x: loss(model(x), target), inputs, epsilon, step_size, steps, norm, bounds, start, generator
        )


def fgsm_attack(
    model: Model,
    inputs: Tensor,
    target: Tensor,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    epsilon: float = 8 / 255,
    bounds: tuple[float, float] | None = (0.0, 1.0),
    evaluate: bool = True,
) -> Tensor:
    r"""Fast gradient sign method (FGSM): one step of the attack, as long as it may be.

    .. math::

        x' = x + \varepsilon\, \mathrm{sign}(\nabla_x \ell(f(x), y))

    Args:
        model: from inputs to what the loss takes.
        inputs: what to perturb, `(N, *)`, within the bounds.
        target: truth, `(N, ...)`.
        loss: from output and target to the loss; :func:`~lossbook.losses.classification.cross_entropy` by default.
        epsilon: the change of every entry, at least 0.
        bounds: smallest and largest value of an input; `None` for inputs without bounds.
        evaluate: as for :func:`pgd_attack`.

    Returns:
        The perturbed inputs, detached, of the shape and dtype of the inputs.

    Raises:
        TypeError: a model that cannot be called, inputs that are not floating-point.
        ValueError: inputs outside the bounds, a negative epsilon.

    References:
        Goodfellow, Shlens and Szegedy, Explaining and harnessing adversarial examples, 2015,
        https://arxiv.org/abs/1412.6572.

    Example:
        >>> def model(x):
        ...     return torch.cat([x, -x], 1)
        >>> fgsm_attack(model, torch.tensor([[0.50]]), torch.tensor([0]), epsilon=0.1)
        tensor([[0.4000]])
    """
    return pgd_attack(
        model,
        inputs,
        target,
        loss=loss,
        epsilon=epsilon,
        step_size=epsilon,
        steps=1,
        bounds=bounds,
        start="input",
        evaluate=evaluate,
    )


def _check_objective(model: Model, inputs: Tensor, target: Tensor, **others: Tensor | None) -> None:
    if not callable(model):
        raise TypeError(f"model must be a module or a function, got {type(model).__name__}")
    check_tensors(inputs=inputs, target=target, **others)
    check_floating("inputs", inputs)
    if inputs.dim() < 1 or target.dim() < 1 or len(inputs) != len(target):
        raise ValueError(
            f"target must have shape ({len(inputs) if inputs.dim() else 'N'}, ...), one entry per input, got "
            f"{tuple(target.shape)} for inputs of shape {tuple(inputs.shape)}"
        )


@contextmanager
def _attacking(model: Model, evaluate: bool) -> Iterator[None]:
    """Gradients are on; with `evaluate` the model is in evaluation mode, and afterwards in its own again."""
    modes = [(module, module.training) for module in model.modules()] if isinstance(model, nn.Module) else []
    try:
        if evaluate and modes:
            model.eval()
        with torch.enable_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def _lengths(tensor: Tensor) -> Tensor:
    """The Euclidean length of each input, broadcastable to all of them."""
    lengths = widen(tensor).flatten(1).norm(dim=1)
    return lengths.reshape(-1, *[1] * (tensor.dim() - 1))


def _ascend(
    objective: Callable[[Tensor], Tensor],
    inputs: Tensor,
    epsilon: float,
    step_size: float,
    steps: int,
    norm: str,
    bounds: tuple[float, float] | None,
    start: str,
    generator: torch.Generator | None,
) -> Tensor:
    """Steps uphill on the objective, each projected onto the ball around the inputs and onto the bounds."""
    check_positive("epsilon", epsilon, zero=True)
    check_positive("step_size", step_size, zero=True)
    check_positive("steps", steps, zero=True)
    check_choice("norm", norm, ("linf", "l2"))
    check_choice("start", start, ("uniform", "normal", "input"))
    center = inputs.detach()
    low, high = (-math.inf, math.inf) if bounds is None else bounds
    if not low < high:
        raise ValueError(f"bounds must be two numbers, the smaller first, got {bounds}")
    if center.numel() and known(center, lambda: (center.min() >= low) & (center.max() <= high)) is False:
        raise ValueError(
            f"inputs must lie in bounds={bounds}, got values from {center.min().item():.4g} to "
            f"{center.max().item():.4g}; pass bounds=None for inputs without bounds, such as normalized pictures"
        )
    smallest, largest = (center - epsilon).clamp_min(low), (center + epsilon).clamp_max(high)

    def project(x: Tensor) -> Tensor:
        if norm == "linf":
            return x.clamp(smallest, largest)
        change = x - center
        shrink = (epsilon / _lengths(change).clamp_min(torch.finfo(torch.float32).tiny)).clamp_max(1.0)
        return (center + (change * shrink).to(center.dtype)).clamp(low, high)

    x = project(center + _noise(center, epsilon, norm, start, generator))
    for _ in range(steps):
        x = x.requires_grad_()
        (gradient,) = torch.autograd.grad(objective(x).sum(), x)
        if norm == "linf":
            direction = gradient.sign()
        else:
            direction = gradient / _lengths(gradient).clamp_min(torch.finfo(torch.float32).tiny)
        x = project(x.detach() + (step_size * direction).to(x.dtype))
    return x.detach()


def _noise(center: Tensor, epsilon: float, norm: str, start: str, generator: torch.Generator | None) -> Tensor:
    """Where the attack begins, relative to the inputs."""
    if start == "input":
        return torch.zeros_like(center)
    if start == "uniform" and norm == "linf":
        return torch.empty_like(center).uniform_(-epsilon, epsilon, generator=generator)
    normal = torch.empty_like(center).normal_(generator=generator)
    if start == "normal":
        return 0.001 * normal
    # In a ball of d dimensions the share of the volume within a radius r is r^d.
    size = max(1, center[:1].numel())
    radius = torch.empty_like(_lengths(center)).uniform_(generator=generator) ** (1 / size)
    return (epsilon * radius * normal / _lengths(normal).clamp_min(torch.finfo(torch.float32).tiny)).to(center.dtype)


# --- objectives -------------------------------------------------------------------------------------------------------


def _divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Kullback-Leibler divergence between the distributions over the classes, from their logarithms."""
    return (log_p.exp() * (log_p - log_q)).sum(1)


def _counted(values: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor | None]:
    """The values, zero where the label is the ignored one, and which of them count (`None`: all)."""
    valid = valid_entries(target, ignore_index)
    return (values, None) if valid is None else (torch.where(valid, values, 0.0), valid.to(values.dtype))


@loss(names=("adversarial training", "PGD training", "adversarially robust"), **_FACTS)
def adversarial_training_loss(
    model: Model,
    inputs: Tensor,
    target: Tensor,
    *,
    clean_weight: float = 0.0,
    epsilon: float = 8 / 255,
    step_size: float = 2 / 255,
    steps: int = 10,
    norm: str = "linf",
    bounds: tuple[float, float] | None = (0.0, 1.0),
    start: str = "uniform",
    evaluate: bool = True,
    generator: torch.Generator | None = None,
    perturbed: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Adversarial training loss: the cross-entropy at the worst inputs that an attack finds nearby.

    .. math::

        \ell = (1 - a)\, \mathrm{CE}(f(x'), y) + a\, \mathrm{CE}(f(x), y), \qquad
        x' \approx \arg\max_{\lVert x' - x \rVert \le \varepsilon} \mathrm{CE}(f(x'), y)

    Madry's has :math:`a = 0`; the mixture with clean inputs is Goodfellow's, with :math:`a = 1/2` and a single step.

    Args:
        model: from inputs to logits `(N, C, *)`.
        inputs: pictures or other inputs, `(N, *)`, within the bounds.
        target: class indices, `(N, *)` integers, or probabilities of the classes, `(N, C, *)`.
        clean_weight: weight :math:`a` of the unperturbed inputs, in [0, 1]. For 0 the model does not see them.
        epsilon: radius of the ball, in the units of the inputs, at least 0.
        step_size: length of a step of the attack, at least 0.
        steps: number of steps, at least 0.
        norm: `"linf"` or `"l2"`.
        bounds: smallest and largest value of an input, or `None`.
        start: `"uniform"`, `"normal"` or `"input"`, see :func:`pgd_attack`.
        evaluate: whether the attack runs the model in evaluation mode; the loss runs it in the mode that it is in.
        generator: source of the random start.
        perturbed: perturbed inputs from elsewhere, in the shape of the inputs; by default they are found here.
        ignore_index: label of positions that do not count, neither in the loss nor for the attack.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of labels that count.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`; zero for an empty batch.

    Raises:
        TypeError: a model that cannot be called, inputs that are not floating-point.
        ValueError: inputs outside the bounds, shapes that do not go together, an unknown norm or reduction.

    References:
        Madry, Makelov, Schmidt, Tsipras and Vladu, Towards deep learning models resistant to adversarial attacks, 2018,
        https://arxiv.org/abs/1706.06083, equation 2.1. Mixture: Goodfellow, Shlens and Szegedy, Explaining and
        harnessing adversarial examples, 2015, https://arxiv.org/abs/1412.6572.

    Example:
        >>> def model(x):
        ...     return torch.cat([x, -x], 1)
        >>> adversarial_training_loss(model, torch.tensor([[0.5]]), torch.tensor([0]), epsilon=0.1, step_size=0.1)
        tensor(0.3711)
    """
    check_fraction("clean_weight", clean_weight)
    check_reduction(reduction)
    _check_objective(model, inputs, target, perturbed=perturbed)
    if perturbed is None:
        perturbed = pgd_attack(
            model, inputs, target, loss=partial(cross_entropy, ignore_index=ignore_index), epsilon=epsilon,
            step_size=step_size, steps=steps, norm=norm, bounds=bounds, start=start, evaluate=evaluate,
            generator=generator,
        )  # fmt: skip
    surprise = partial(cross_entropy, ignore_index=ignore_index, reduction=reduction)
    values = surprise(model(perturbed), target)
    if clean_weight == 0:
        return values
    return (1 - clean_weight) * values + clean_weight * surprise(model(inputs), target)


AdversarialTrainingLoss = as_module("AdversarialTrainingLoss", adversarial_training_loss)


@loss(names=("TRADES", "adversarially robust"), **_FACTS)
def trades_loss(
    model: Model,
    inputs: Tensor,
    target: Tensor,
    *,
    beta: float = 6.0,
    epsilon: float = 8 / 255,
    step_size: float = 2 / 255,
    steps: int = 10,
    norm: str = "linf",
    bounds: tuple[float, float] | None = (0.0, 1.0),
    start: str = "normal",
    evaluate: bool = True,
    generator: torch.Generator | None = None,
    perturbed: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""TRADES loss: cross-entropy where the inputs are, plus how far the answer can be moved nearby.

    .. math::

        \ell = \mathrm{CE}(f(x), y) + \beta\, \mathrm{KL}\big(p(x) \,\Vert\, p(x')\big), \qquad
        x' \approx \arg\max_{\lVert x' - x \rVert \le \varepsilon} \mathrm{KL}\big(p(x) \,\Vert\, p(x')\big)

    The weight trades accuracy against robustness. The gradient of the divergence passes through both answers. The
    attack begins beside the input, since at the input itself the divergence has no slope.

    Args:
        model: from inputs to logits `(N, C, *)`.
        inputs: pictures or other inputs, `(N, *)`, within the bounds.
        target: class indices, `(N, *)` integers, or probabilities of the classes, `(N, C, *)`.
        beta: weight of the divergence, at least 0 (the paper's :math:`1/\lambda`).
        epsilon: radius of the ball, in the units of the inputs, at least 0.
        step_size: length of a step of the attack, at least 0.
        steps: number of steps, at least 0.
        norm: `"linf"` or `"l2"`.
        bounds: smallest and largest value of an input, or `None`.
        start: `"uniform"`, `"normal"` or `"input"`, see :func:`pgd_attack`.
        evaluate: whether the attack runs the model in evaluation mode; the loss runs it in the mode that it is in.
        generator: source of the random start.
        perturbed: perturbed inputs from elsewhere, in the shape of the inputs; by default they are found here.
        ignore_index: label of positions that do not count, neither in the loss nor for the attack.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of labels that count.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`; zero for an empty batch.

    Raises:
        TypeError: a model that cannot be called, inputs that are not floating-point.
        ValueError: inputs outside the bounds, shapes that do not go together, a negative beta, an unknown norm or
            reduction.

    References:
        Zhang, Yu, Jiao, Xing, El Ghaoui and Jordan, Theoretically principled trade-off between robustness and accuracy,
        2019, https://arxiv.org/abs/1901.08573, equation 5 and algorithm 1.

    Example:
        >>> def model(x):
        ...     return torch.cat([x, -x], 1)
        >>> trades_loss(model, torch.tensor([[0.5]]), torch.tensor([0]), perturbed=torch.tensor([[0.4]]))
        tensor(0.3376)
    """
    check_positive("beta", beta, zero=True)
    check_reduction(reduction)
    _check_objective(model, inputs, target, perturbed=perturbed)
    if perturbed is None:
        with _attacking(model, evaluate):
            with torch.no_grad():
                fixed = widen(model(inputs)).log_softmax(1)
            perturbed = _ascend(
                lambda x: _counted(_divergence(fixed, widen(model(x)).log_softmax(1)), target, ignore_index)[0],
                inputs, epsilon, step_size, steps, norm, bounds, start, generator,
            )  # fmt: skip
    output = model(inputs)
    clean, attacked = (widen(z).log_softmax(1) for z in (output, model(perturbed)))
    values = cross_entropy(clean, target, ignore_index=ignore_index, reduction="none")
    values, counts = _counted(values + beta * _divergence(clean, attacked), target, ignore_index)
    return reduce(values, reduction, counts, output.dtype)


TRADESLoss = as_module("TRADESLoss", trades_loss)


@loss(names=("MART", "misclassification-aware adversarial training", "adversarially robust"), **_FACTS)
def mart_loss(
    model: Model,
    inputs: Tensor,
    target: Tensor,
    *,
    beta: float = 5.0,
    epsilon: float = 8 / 255,
    step_size: float = 2 / 255,
    steps: int = 10,
    norm: str = "linf",
    bounds: tuple[float, float] | None = (0.0, 1.0),
    start: str = "normal",
    evaluate: bool = True,
    generator: torch.Generator | None = None,
    perturbed: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""MART loss: adversarial training with a margin, and a divergence that counts where the model is wrong anyway.

    .. math::

        \ell = -\log p_y(x') - \log\big(1 - \max_{c \ne y} p_c(x')\big)
            + \beta\, \mathrm{KL}\big(p(x) \,\Vert\, p(x')\big)\, \big(1 - p_y(x)\big)

    The attack maximizes cross-entropy. The logarithm of one minus a probability is formed from the other classes'
    logits, so that it stays finite; the authors' code adds small numbers instead.

    Args:
        model: from inputs to logits `(N, C, *)`.
        inputs: pictures or other inputs, `(N, *)`, within the bounds.
        target: class indices, `(N, *)` integers.
        beta: weight of the divergence, at least 0 (the paper's :math:`\lambda`, 5 there and 6 in the authors' code).
        epsilon: radius of the ball, in the units of the inputs, at least 0.
        step_size: length of a step of the attack, at least 0.
        steps: number of steps, at least 0.
        norm: `"linf"` or `"l2"`.
        bounds: smallest and largest value of an input, or `None`.
        start: `"uniform"`, `"normal"` or `"input"`, see :func:`pgd_attack`.
        evaluate: whether the attack runs the model in evaluation mode; the loss runs it in the mode that it is in.
        generator: source of the random start.
        perturbed: perturbed inputs from elsewhere, in the shape of the inputs; by default they are found here.
        ignore_index: label of positions that do not count, neither in the loss nor for the attack.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of labels that count.

    Returns:
        The loss in nats: a scalar, or `(N, *)` for `reduction="none"`; zero for an empty batch.

    Raises:
        TypeError: a model that cannot be called, inputs that are not floating-point, labels that are not integers.
        ValueError: inputs outside the bounds, shapes that do not go together, a negative beta, an unknown norm or
            reduction.

    References:
        Wang, Zou, Yi, Bailey, Ma and Gu, Improving adversarial robustness requires revisiting misclassified examples,
        2020, https://openreview.net/forum?id=rklOg6EFwS. Robustness of margins: Zhang, Yu, Jiao, Xing, El Ghaoui and
        Jordan, 2019, https://arxiv.org/abs/1901.08573.

    Example:
        >>> def model(x):
        ...     return torch.cat([x, -x], 1)
        >>> mart_loss(model, torch.tensor([[0.5]]), torch.tensor([0]), perturbed=torch.tensor([[0.4]]))
        tensor(0.7476)
    """
    check_positive("beta", beta, zero=True)
    check_reduction(reduction)
    _check_objective(model, inputs, target, perturbed=perturbed)
    if perturbed is None:
        perturbed = pgd_attack(
            model, inputs, target, loss=partial(cross_entropy, ignore_index=ignore_index), epsilon=epsilon,
            step_size=step_size, steps=steps, norm=norm, bounds=bounds, start=start, evaluate=evaluate,
            generator=generator,
        )  # fmt: skip
    output = model(inputs)
    clean, attacked = (widen(z).log_softmax(1) for z in (output, model(perturbed)))
    labels, valid = _labels(target, output.shape, "logits", ignore_index)
    values = cross_entropy(attacked, target, ignore_index=ignore_index, reduction="none")
    labels = (labels if valid is None else torch.where(valid, labels, 0)).unsqueeze(1)
    rival = attacked.detach().scatter(1, labels, -torch.inf).argmax(1, keepdim=True)
    everyone_else = attacked.scatter(1, rival, -torch.inf).logsumexp(1)
    miss = -torch.expm1(clean.gather(1, labels).squeeze(1))
    values = values - everyone_else + beta * miss * _divergence(clean, attacked)
    values, counts = _counted(values, target, ignore_index)
    return reduce(values, reduction, counts, output.dtype)


MARTLoss = as_module("MARTLoss", mart_loss)


@loss(names=("adversarial logit pairing", "ALP"), **_FACTS)
def alp_loss(
    model: Model,
    inputs: Tensor,
    target: Tensor,
    *,
    pairing: float = 0.5,
    epsilon: float = 8 / 255,
    step_size: float = 2 / 255,
    steps: int = 10,
    norm: str = "linf",
    bounds: tuple[float, float] | None = (0.0, 1.0),
    start: str = "uniform",
    evaluate: bool = True,
    generator: torch.Generator | None = None,
    perturbed: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    r"""Adversarial logit pairing (ALP): cross-entropy at both inputs, and logits that should agree between them.

    .. math::

        \ell = \tfrac12 \big[\mathrm{CE}(f(x), y) + \mathrm{CE}(f(x'), y)\big]
            + \frac{\lambda}{C} \sum_c \big(f_c(x) - f_c(x')\big)^2

    The attack maximizes cross-entropy.

    Args:
        model: from inputs to logits `(N, C, *)`.
        inputs: pictures or other inputs, `(N, *)`, within the bounds.
        target: class indices, `(N, *)` integers, or probabilities of the classes, `(N, C, *)`.
        pairing: weight :math:`\lambda` of the squared difference, at least 0.
        epsilon: radius of the ball, in the units of the inputs, at least 0.
        step_size: length of a step of the attack, at least 0.
        steps: number of steps, at least 0.
        norm: `"linf"` or `"l2"`.
        bounds: smallest and largest value of an input, or `None`.
        start: `"uniform"`, `"normal"` or `"input"`, see :func:`pgd_attack`.
        evaluate: whether the attack runs the model in evaluation mode; the loss runs it in the mode that it is in.
        generator: source of the random start.
        perturbed: perturbed inputs from elsewhere, in the shape of the inputs; by default they are found here.
        ignore_index: label of positions that do not count, neither in the loss nor for the attack.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the number of labels that count.

    Returns:
        The loss: a scalar, or `(N, *)` for `reduction="none"`; zero for an empty batch.

    Raises:
        TypeError: a model that cannot be called, inputs that are not floating-point.
        ValueError: inputs outside the bounds, shapes that do not go together, a negative weight, an unknown norm or
            reduction.

    References:
        Kannan, Kurakin and Goodfellow, Adversarial logit pairing, 2018, https://arxiv.org/abs/1803.06373.

    Example:
        >>> def model(x):
        ...     return torch.cat([x, -x], 1)
        >>> alp_loss(model, torch.tensor([[0.5]]), torch.tensor([0]), perturbed=torch.tensor([[0.4]]))
        tensor(0.3472)
    """
    check_positive("pairing", pairing, zero=True)
    check_reduction(reduction)
    _check_objective(model, inputs, target, perturbed=perturbed)
    if perturbed is None:
        perturbed = pgd_attack(
            model, inputs, target, loss=partial(cross_entropy, ignore_index=ignore_index), epsilon=epsilon,
            step_size=step_size, steps=steps, norm=norm, bounds=bounds, start=start, evaluate=evaluate,
            generator=generator,
        )  # fmt: skip
    output = model(inputs)
    clean, attacked = widen(output), widen(model(perturbed))
    surprise = partial(cross_entropy, ignore_index=ignore_index, reduction="none")
    values = (surprise(clean, target) + surprise(attacked, target)) / 2
    values, counts = _counted(values + pairing * (clean - attacked).square().mean(1), target, ignore_index)
    return reduce(values, reduction, counts, output.dtype)


ALPLoss = as_module("ALPLoss", alp_loss)
