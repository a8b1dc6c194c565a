r"""Losses of the margin: hinge and its kin, which stop caring once an answer is right by enough.

The margin :math:`m` of a yes-or-no answer is its logit with the sign of the truth, :math:`m = (2y - 1) z`: positive
where the decision is right, and larger the surer it is. Targets are 0 and 1, or booleans, as everywhere in this
library; for labels -1 and 1 pass `(labels + 1) / 2`. With several classes the margin is the lead of the true class over
the others. The logistic loss of the margin, :math:`\log(1 + e^{-m})`, is `binary_cross_entropy_with_logits`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._card import gradient_of, loss, no, not_applicable, up_to, yes
from ._module import as_module
from ._reduction import reduce
from ._validation import (
    check_choice,
    check_class_weight,
    check_floating,
    check_positive,
    check_reduction,
    check_tensors,
    known,
)
from .classification import _binary_entries, _entries, _margins

__all__ = [
    "ExponentialLoss",
    "HingeLoss",
    "ModifiedHuberLoss",
    "MulticlassHingeLoss",
    "PerceptronLoss",
    "SavageLoss",
    "SquaredHingeLoss",
    "TangentLoss",
    "exponential_loss",
    "hinge_loss",
    "modified_huber_loss",
    "multiclass_hinge_loss",
    "perceptron_loss",
    "savage_loss",
    "squared_hinge_loss",
    "tangent_loss",
]

_GROUPS = [[1, 0, 0, 0, 0, 1, 1, 0, 0, 0]]  # the first five positions look alike, and the last five do
_SEPARATE_ROLES = not_applicable("the prediction is a score, the target a label")
_MARGIN_LOSS = {
    "minimum_at_target": yes,
    "convex": yes,
    "lipschitz": up_to(1.0),
    "smooth": yes,
    "bounded": no("a confident mistake costs as much as its score", first=[[200.0]], target=[[0]]),
    "symmetric": _SEPARATE_ROLES,
    "proper": no("the best score says which answer is likelier, not how likely it is", target=_GROUPS),
    "scale_invariant": _SEPARATE_ROLES,
    "permutation_invariant": yes,
}


def _mistakes(logits: Tensor, target: Tensor, ignore_index: int | None) -> tuple[Tensor, Tensor | None]:
    """Minus the margin of each entry, and which entries count (`None`: all)."""
    check_tensors(logits=logits, target=target)
    check_floating("logits", logits)
    scores, truth, valid = _binary_entries(logits, target, ignore_index)
    return (1 - 2 * truth) * scores, valid


def _reduced(values: Tensor, valid: Tensor | None, reduction: str, dtype: torch.dtype) -> Tensor:
    """The reduction of one value per entry, where ignored entries do not count."""
    if valid is None:
        return reduce(values, reduction, dtype=dtype)
    return reduce(torch.where(valid, values, 0.0), reduction, valid.to(values.dtype), dtype)


@loss(
    tasks=("image classification",),
    names=("hinge", "SVM loss", "soft margin of the SVM"),
    domain={"logits": "logits", "target": "mask"},
    range=(0.0, float("inf")),
    properties=_MARGIN_LOSS
    | {"smooth": no("the slope jumps where the margin is reached", first=[[1.0]], target=[[1]])},
    cases=({"margin": 0.3}, {"ignore_index": 255}),
    chapter=2,
)
def hinge_loss(
    logits: Tensor,
    target: Tensor,
    *,
    margin: float = 1.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Hinge loss: what an answer lacks to being right by a margin.

    .. math::

        \ell = \max(0, \mu - m), \qquad m = (2y - 1) z

    It is the loss of the support vector machine. With a margin of 1 it is never below the zero-one loss. Where the
    margin is reached exactly the gradient is zero.

    Args:
        logits: raw scores, any shape; never squeezed by a sigmoid.
        target: truth of the same shape, booleans or 0 and 1 (for labels -1 and 1 pass `(labels + 1) / 2`). A number
            between them shrinks the score by the factor :math:`2y - 1`.
        margin: :math:`\mu`, above 0.
        ignore_index: value of the target that marks entries which do not count, or `None`.
        reduction: `"none"` gives the shape of the logits; `"mean"` divides by the number of counted entries.

    Returns:
        The loss in the unit of the score: a scalar, or the shape of the logits for `reduction="none"`.

    Raises:
        ValueError: shapes that differ, a target outside [0, 1], a margin that is not positive, an unknown reduction.

    References:
        Cortes and Vapnik, Support-vector networks, 1995, https://doi.org/10.1007/BF00994018.

    Example:
        >>> hinge_loss(torch.tensor([2.0, 0.5, 0.5]), torch.tensor([1, 1, 0]), reduction="none")
        tensor([0.0000, 0.5000, 1.5000])
    """
    check_positive("margin", margin)
    check_reduction(reduction)
    mistake, valid = _mistakes(logits, target, ignore_index)
    return _reduced(F.relu(margin + mistake), valid, reduction, logits.dtype)


HingeLoss = as_module("HingeLoss", hinge_loss)


@gradient_of(hinge_loss)
def _hinge_gradient(logits: Tensor, target: Tensor, *, margin: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = -(2y - 1) [m < \mu] / N`."""
    sign = 2 * target.to(logits.dtype) - 1
    return -sign * (sign * logits < margin) / target.numel()


@loss(
    tasks=("image classification",),
    names=("squared hinge", "L2-SVM loss"),
    domain={"logits": "logits within 100", "target": "mask"},
    range=(0.0, float("inf")),
    properties=_MARGIN_LOSS
    | {"lipschitz": no("it grows with the square of the mistake", first=[[-2000.0]], other=[[-2001.0]],
                       target=[[1]])},
    cases=({"margin": 0.3}, {"ignore_index": 255}),
    chapter=2,
)  # fmt: skip
def squared_hinge_loss(
    logits: Tensor,
    target: Tensor,
    *,
    margin: float = 1.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Squared hinge loss: the square of what an answer lacks to being right by a margin.

    .. math::

        \ell = \max(0, \mu - m)^2, \qquad m = (2y - 1) z

    Unlike the hinge it has no kink, and it weighs large mistakes more. With a margin of 1 it is never below the
    zero-one loss. In float16 a mistake beyond 254 is more than the type holds.

    Args:
        logits: raw scores, any shape; never squeezed by a sigmoid.
        target: truth of the same shape, booleans or 0 and 1. A number between them shrinks the score by the factor
            :math:`2y - 1`.
        margin: :math:`\mu`, above 0.
        ignore_index: value of the target that marks entries which do not count, or `None`.
        reduction: `"none"` gives the shape of the logits; `"mean"` divides by the number of counted entries.

    Returns:
        The loss: a scalar, or the shape of the logits for `reduction="none"`.

    Raises:
        ValueError: shapes that differ, a target outside [0, 1], a margin that is not positive, an unknown reduction.

    References:
        Chang, Hsieh and Lin, Coordinate descent method for large-scale L2-loss linear support vector machines, 2008,
        https://www.jmlr.org/papers/v9/chang08a.html, and Zhang, Statistical behavior and consistency of
        classification methods based on convex risk minimization, 2004, https://doi.org/10.1214/aos/1079120130.

    Example:
        >>> squared_hinge_loss(torch.tensor([2.0, 0.5, 0.5]), torch.tensor([1, 1, 0]), reduction="none")
        tensor([0.0000, 0.2500, 2.2500])
    """
    check_positive("margin", margin)
    check_reduction(reduction)
    mistake, valid = _mistakes(logits, target, ignore_index)
    return _reduced(F.relu(margin + mistake).square(), valid, reduction, logits.dtype)


SquaredHingeLoss = as_module("SquaredHingeLoss", squared_hinge_loss)


@gradient_of(squared_hinge_loss)
def _squared_hinge_gradient(logits: Tensor, target: Tensor, *, margin: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = -2 (2y - 1) \max(0, \mu - m) / N`."""
    sign = 2 * target.to(logits.dtype) - 1
    return -2 * sign * (margin - sign * logits).clamp_min(0) / target.numel()


@loss(
    tasks=("image classification",),
    names=("multi-class hinge", "multi-margin loss", "Crammer-Singer", "Weston-Watkins"),
    domain={"logits": "logits within 100", "target": "labels"},
    range=(0.0, float("inf")),
    properties=_MARGIN_LOSS
    | {
        "lipschitz": up_to(math.sqrt(2)),
        "smooth": no("the best of the other classes may change", first=[[[0.0], [0.0], [0.0]]], target=[[0]]),
        "bounded": no("a confident mistake costs as much as its score", first=[[[-200.0], [0.0]]], target=[[0]]),
    },
    cases=({"kind": "weston-watkins"}, {"kind": "weston-watkins", "p": 2, "margin": 0.5}, {"p": 2},
           {"margin": 0.3, "weight": (0.2, 1.0, 3.0)}, {"kind": "weston-watkins", "weight": (0.2, 1.0, 3.0)},
           {"ignore_index": 255}),
    chapter=2,
)  # fmt: skip
def multiclass_hinge_loss(
    logits: Tensor,
    target: Tensor,
    *,
    kind: str = "crammer-singer",
    margin: float = 1.0,
    p: int = 1,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Multi-class hinge loss: what the true class lacks to leading the other classes by a margin.

    .. math::

        \text{Crammer-Singer: } \ell = \max_{c \ne y} \max(0, \mu + z_c - z_y)^p, \qquad
        \text{Weston-Watkins: } \ell = \sum_{c \ne y} \max(0, \mu + z_c - z_y)^p

    Crammer and Singer count the worst rival, Weston and Watkins all of them. For two classes they agree. torch's
    `multi_margin_loss` is Weston-Watkins divided by the number of classes; scikit-learn, torchmetrics and Optax have
    Crammer-Singer. Of rivals that tie, each gets an equal part of the gradient. With a margin of 1 the loss is never
    below the zero-one loss. In float16 a mistake beyond 254 is more than the type holds for `p=2`. Weston-Watkins calls
    torch's operator, which has no second derivative and no forward-mode derivative.

    Args:
        logits: raw scores, `(N, C, *)`.
        target: class indices, `(N, *)` integers.
        kind: `"crammer-singer"` or `"weston-watkins"`.
        margin: :math:`\mu`, above 0.
        p: the exponent, 1 or 2.
        weight: one weight per class, `(C,)`; that of the true class counts.
        ignore_index: label of positions that do not count, or `None`.
        reduction: `"none"` gives `(N, *)`; `"mean"` divides by the sum of the weights of the counted labels (torch
            divides by their number).

    Returns:
        The loss: a scalar, or `(N, *)` for `reduction="none"`.

    Raises:
        TypeError: a target that holds no integers.
        ValueError: shapes that do not go together, labels out of range, an unknown kind, an exponent other than 1 and
            2, a margin that is not positive, an unknown reduction.

    References:
        Crammer and Singer, On the algorithmic implementation of multiclass kernel-based vector machines, 2001,
        https://www.jmlr.org/papers/v2/crammer01a.html. Weston and Watkins, Support vector machines for multi-class
        pattern recognition, ESANN 1999, pages 219 to 224, ISBN 2-9600049-9-X.

    Example:
        >>> logits, label = torch.tensor([[0.0, 0.5, 1.0]]), torch.tensor([0])
        >>> multiclass_hinge_loss(logits, label), multiclass_hinge_loss(logits, label, kind="weston-watkins")
        (tensor(2.), tensor(3.5000))
    """
    check_tensors(logits=logits, target=target, weight=weight)
    check_choice("kind", kind, ("crammer-singer", "weston-watkins"))
    check_positive("margin", margin)
    check_choice("p", p, (1, 2))
    check_reduction(reduction)
    scores, labels, valid = _entries(logits, target, "multiclass", ignore_index)
    check_class_weight(weight, logits.shape[1])
    if kind == "crammer-singer":
        values = F.relu(margin - _margins(scores, labels, "multiclass"))
        values = values if p == 1 else values.square()
    else:
        rows, classes = scores.movedim(1, -1), scores.shape[1]
        values = F.multi_margin_loss(rows.reshape(-1, classes), labels.flatten(), p, margin, reduction="none")
        values = classes * values.reshape(labels.shape)
        values = torch.where(scores.detach().amax(1).isnan(), math.nan, values)  # torch takes NaN for no lack
    if weight is None:
        return _reduced(values, valid, reduction, logits.dtype)
    weights = weight.to(scores.dtype)[labels]
    if valid is not None:
        weights = torch.where(valid, weights, 0.0)
    return reduce(values * weights, reduction, weights, logits.dtype)


MulticlassHingeLoss = as_module("MulticlassHingeLoss", multiclass_hinge_loss)


@gradient_of(multiclass_hinge_loss)
def _multiclass_hinge_gradient(
    logits: Tensor, target: Tensor, *, kind: str = "crammer-singer", margin: float = 1.0, p: int = 1
) -> Tensor:
    r""":math:`\partial\ell / \partial z_c = p\, a_c^{p-1}` for each rival that counts and lacks
    :math:`a_c = \mu + z_c - z_y > 0`, and minus their sum for the true class; over :math:`N` for the mean."""
    truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1).bool()
    correct = logits.gather(1, target.unsqueeze(1))
    lacks = (margin + logits - correct).masked_fill(truth, -math.inf)
    counts = lacks > 0
    if kind == "crammer-singer":
        counts = counts & (lacks == lacks.amax(1, keepdim=True))
    slopes = torch.where(counts, p * lacks.clamp_min(0) ** (p - 1), 0.0)
    return torch.where(truth, -slopes.sum(1, keepdim=True), slopes) / target.numel()


@loss(
    tasks=("image classification",),
    names=("perceptron criterion",),
    domain={"logits": "logits", "target": "target of the task"},
    range=(0.0, float("inf")),
    properties=_MARGIN_LOSS
    | {
        "lipschitz": up_to(math.sqrt(2)),
        "smooth": no("the slope jumps where the decision changes", first=[[0.0]], target=[[1]]),
    },
    cases=({"task": "multiclass"}, {"task": "multilabel"}, {"ignore_index": 255}),
    chapter=2,
)
def perceptron_loss(
    logits: Tensor,
    target: Tensor,
    *,
    task: str = "binary",
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Perceptron loss: the score of a wrong decision; a right one, however narrow, costs nothing.

    .. math::

        \text{binary: } \ell = \max(0, -m), \quad m = (2y - 1) z, \qquad
        \text{several classes: } \ell = \max_c z_c - z_y

    A gradient step on one mistake is the rule of Rosenblatt's perceptron. It is a hinge with a margin of zero, so
    scores that are all zero cost nothing either, and it is no upper bound of the zero-one loss. At a margin of zero
    the gradient of the binary loss is zero; classes that tie at the top share theirs.

    Args:
        logits: raw scores, `(N, C, *)` for `"multiclass"`, else any shape.
        target: labels `(N, *)` for `"multiclass"`, else booleans or 0 and 1 in the shape of the logits.
        task: `"multiclass"`, `"multilabel"` or `"binary"`.
        ignore_index: value of the target that marks positions which do not count, or `None`.
        reduction: `"none"` gives the shape of the target; `"mean"` divides by the number of counted positions.

    Returns:
        The loss in the unit of the score: a scalar, or the shape of the target for `reduction="none"`.

    Raises:
        TypeError: a float target where class indices are due.
        ValueError: shapes that do not go together, labels out of range, an unknown task or reduction.

    References:
        Rosenblatt, The perceptron, 1958, https://doi.org/10.1037/h0042519. Several classes: Collins, Discriminative
        training methods for hidden Markov models, 2002, https://doi.org/10.3115/1118693.1118694.

    Example:
        >>> perceptron_loss(torch.tensor([2.0, -0.5]), torch.tensor([1, 1]), reduction="none")
        tensor([0.0000, 0.5000])
    """
    check_tensors(logits=logits, target=target)
    check_reduction(reduction)
    scores, truth, valid = _entries(logits, target, task, ignore_index)
    if task == "multiclass":
        values = scores.amax(1) - scores.gather(1, truth.unsqueeze(1)).squeeze(1)
    else:
        values = F.relu((1 - 2 * truth) * scores)
    return _reduced(values, valid, reduction, logits.dtype)


PerceptronLoss = as_module("PerceptronLoss", perceptron_loss)


@gradient_of(perceptron_loss)
def _perceptron_gradient(logits: Tensor, target: Tensor, *, task: str = "binary") -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = -(2y - 1) [m < 0] / N`; for several classes
    :math:`([c = \arg\max_k z_k] - [c = y]) / N`."""
    if task == "multiclass":
        winner, truth = (F.one_hot(i, logits.shape[1]).movedim(-1, 1) for i in (logits.argmax(1), target))
        return (winner - truth).to(logits.dtype) / target.numel()
    sign = 2 * target.to(logits.dtype) - 1
    return -sign * (sign * logits < 0) / target.numel()


@loss(
    tasks=("image classification",),
    names=("AdaBoost loss",),
    domain={"logits": "logits within 10", "target": "mask"},
    range=(0.0, float("inf")),
    properties=_MARGIN_LOSS
    | {
        "lipschitz": up_to(math.exp(20.0), "the slope of the tangent"),
        "bounded": no("it grows with the exponential of the mistake", first=[[10.0]], target=[[0]]),
        "proper": no("the best score is half the log-odds", target=_GROUPS),
    },
    cases=({"linear_beyond": 1.0}, {"ignore_index": 255}),
    chapter=2,
)
def exponential_loss(
    logits: Tensor,
    target: Tensor,
    *,
    linear_beyond: float = 20.0,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Exponential loss: the exponential of the mistake, which boosting descends.

    .. math::

        \ell = e^{-m}, \qquad m = (2y - 1) z

    Its best score is half the log-odds, so probabilities are :math:`\sigma(2z)`. It is never below the zero-one
    loss. Beyond a mistake of `linear_beyond` (:math:`m < -20`) its tangent takes over, so that value and gradient stay
    finite in float32 for every score; float16 holds mistakes of up to 11 only.

    Args:
        logits: raw scores, any shape.
        target: truth of the same shape, booleans or 0 and 1. A number between them shrinks the score by the factor
            :math:`2y - 1`.
        linear_beyond: the mistake from which on the loss grows along its tangent, in (0, 80].
        ignore_index: value of the target that marks entries which do not count, or `None`.
        reduction: `"none"` gives the shape of the logits; `"mean"` divides by the number of counted entries.

    Returns:
        The loss: a scalar, or the shape of the logits for `reduction="none"`.

    Raises:
        ValueError: shapes that differ, a target outside [0, 1], a tangent point outside (0, 80], an unknown reduction.

    References:
        Friedman, Hastie and Tibshirani, Additive logistic regression: a statistical view of boosting, 2000,
        https://doi.org/10.1214/aos/1016218223.

    Example:
        >>> exponential_loss(torch.tensor([2.0, -1.0]), torch.tensor([1, 1]), reduction="none")
        tensor([0.1353, 2.7183])
    """
    if not 0 < linear_beyond <= 80:
        raise ValueError(f"linear_beyond must lie in (0, 80], got {linear_beyond}")
    check_reduction(reduction)
    mistake, valid = _mistakes(logits, target, ignore_index)
    if mistake.numel() and known(mistake, lambda: mistake.amax() <= linear_beyond):
        return _reduced(torch.exp(mistake), valid, reduction, logits.dtype)
    bend = mistake.clamp_max(linear_beyond)
    values = torch.exp(bend) * (1 + mistake - bend)  # beyond the bend the second factor is what grows
    return _reduced(values, valid, reduction, logits.dtype)


ExponentialLoss = as_module("ExponentialLoss", exponential_loss)


@gradient_of(exponential_loss)
def _exponential_gradient(logits: Tensor, target: Tensor, *, linear_beyond: float = 20.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = -(2y - 1) e^{-m} / N`, with :math:`e^{20}` beyond a mistake of 20."""
    sign = 2 * target.to(logits.dtype) - 1
    return -sign * (-sign * logits).clamp_max(linear_beyond).exp() / target.numel()


@loss(
    tasks=("image classification",),
    names=("modified Huber",),
    domain={"logits": "logits within 100", "target": "mask"},
    range=(0.0, float("inf")),
    properties=_MARGIN_LOSS
    | {
        "lipschitz": up_to(4.0),
        "proper": no("the best score is twice the probability minus one, not the log-odds", target=_GROUPS),
    },
    cases=({"ignore_index": 255},),
    chapter=2,
)
def modified_huber_loss(
    logits: Tensor, target: Tensor, *, ignore_index: int | None = None, reduction: str = "mean"
) -> Tensor:
    r"""Modified Huber loss: a squared hinge that goes on as a straight line where the decision is clearly wrong.

    .. math::

        \ell = \begin{cases} \max(0, 1 - m)^2 & m \ge -1 \\ -4m & m < -1 \end{cases}, \qquad m = (2y - 1) z

    It is smooth, bears outliers as the hinge does, and its best score :math:`z = 2p - 1` gives the probability back.
    It is scikit-learn's `"modified_huber"`, and never below the zero-one loss. It has little to do with the Huber
    loss of regression. In float16 a mistake beyond 16,000 is more than the type holds.

    Args:
        logits: raw scores, any shape.
        target: truth of the same shape, booleans or 0 and 1. A number between them shrinks the score by the factor
            :math:`2y - 1`.
        ignore_index: value of the target that marks entries which do not count, or `None`.
        reduction: `"none"` gives the shape of the logits; `"mean"` divides by the number of counted entries.

    Returns:
        The loss: a scalar, or the shape of the logits for `reduction="none"`.

    Raises:
        ValueError: shapes that differ, a target outside [0, 1], an unknown reduction.

    References:
        Zhang, Solving large scale linear prediction problems using stochastic gradient descent algorithms, 2004,
        https://doi.org/10.1145/1015330.1015332.

    Example:
        >>> modified_huber_loss(torch.tensor([2.0, 0.0, -3.0]), torch.tensor([1, 1, 1]), reduction="none")
        tensor([ 0.,  1., 12.])
    """
    check_reduction(reduction)
    mistake, valid = _mistakes(logits, target, ignore_index)
    # The square up to a mistake of 1, where it is 4 and has the slope 4; from there on the line.
    values = F.relu(1 + mistake.clamp_max(1)).square() + 4 * F.relu(mistake - 1)
    return _reduced(values, valid, reduction, logits.dtype)


ModifiedHuberLoss = as_module("ModifiedHuberLoss", modified_huber_loss)


@gradient_of(modified_huber_loss)
def _modified_huber_gradient(logits: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = -2 (2y - 1) \min(\max(0, 1 - m), 2) / N`."""
    sign = 2 * target.to(logits.dtype) - 1
    return -2 * sign * (1 - sign * logits).clamp(0, 2) / target.numel()


@loss(
    tasks=("image classification",),
    names=("Savage",),
    domain={"logits": "logits", "target": "mask"},
    range=(0.0, 1.0),
    properties=_MARGIN_LOSS
    | {
        "convex": no("it levels off at one", first=[[-2.0]], other=[[-10.0]], target=[[1]]),
        "lipschitz": up_to(0.3),
        "bounded": yes,
        "proper": yes,
    },
    cases=({"ignore_index": 255},),
    chapter=2,
)
def savage_loss(logits: Tensor, target: Tensor, *, ignore_index: int | None = None, reduction: str = "mean") -> Tensor:
    r"""Savage loss: the squared probability of the wrong answer, a margin loss that gives up on outliers.

    .. math::

        \ell = \frac{1}{(1 + e^{m})^2} = \sigma(-m)^2, \qquad m = (2y - 1) z

    On targets of 0 and 1 it is the Brier score of a yes-or-no answer, and so proper. The paper writes the score as
    half the log-odds, :math:`1 / (1 + e^{2v})^2`, where :math:`v = z / 2`. Four times the loss is never below the
    zero-one loss.

    Args:
        logits: log-odds, any shape.
        target: truth of the same shape, booleans or 0 and 1. A number between them shrinks the score by the factor
            :math:`2y - 1`; for the Brier score of a probability see :func:`~lossbook.losses.classification.brier_loss`.
        ignore_index: value of the target that marks entries which do not count, or `None`.
        reduction: `"none"` gives the shape of the logits; `"mean"` divides by the number of counted entries.

    Returns:
        The loss: a scalar, or the shape of the logits for `reduction="none"`.

    Raises:
        ValueError: shapes that differ, a target outside [0, 1], an unknown reduction.

    References:
        Masnadi-Shirazi and Vasconcelos, On the design of loss functions for classification: theory, robustness to
        outliers, and SavageBoost, Advances in Neural Information Processing Systems 21, 2008, ISBN 978-1605609492.

    Example:
        >>> savage_loss(torch.tensor([2.0, 0.0, -3.0]), torch.tensor([1, 1, 1]), reduction="none")
        tensor([0.0142, 0.2500, 0.9074])
    """
    check_reduction(reduction)
    mistake, valid = _mistakes(logits, target, ignore_index)
    return _reduced(torch.sigmoid(mistake).square(), valid, reduction, logits.dtype)


SavageLoss = as_module("SavageLoss", savage_loss)


@gradient_of(savage_loss)
def _savage_gradient(logits: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = -2 (2y - 1) \sigma(-m)^2 \sigma(m) / N`."""
    sign = 2 * target.to(logits.dtype) - 1
    wrong = torch.sigmoid(-sign * logits)
    return -2 * sign * wrong.square() * (1 - wrong) / target.numel()


@loss(
    tasks=("image classification",),
    names=("Tangent",),
    domain={"logits": "logits", "target": "mask"},
    range=(0.0, (math.pi + 1) ** 2),
    properties=_MARGIN_LOSS
    | {
        "minimum_at_target": not_applicable("the best score is tan(1/2), and a surer answer costs again"),
        "convex": no("it levels off far from the decision", first=[[-2.0]], other=[[-10.0]], target=[[1]]),
        "lipschitz": up_to(6.17),  # where the margin is near -0.45
        "bounded": yes,
        "proper": no("the best score is the tangent of the probability minus one half", target=_GROUPS),
    },
    cases=({"ignore_index": 255},),
    chapter=2,
)
def tangent_loss(logits: Tensor, target: Tensor, *, ignore_index: int | None = None, reduction: str = "mean") -> Tensor:
    r"""Tangent loss: the squared error of an angle, which bounds what outliers cost and what too sure hits save.

    .. math::

        \ell = (2 \arctan m - 1)^2, \qquad m = (2y - 1) z

    It is zero at the margin :math:`\tan \tfrac12 = 0.546` and rises to :math:`(\pi - 1)^2` for surer hits, to
    :math:`(\pi + 1)^2` for sure mistakes. The best score is :math:`\tan(p - \tfrac12)`. At and below a margin of zero
    the loss is at least 1.

    Args:
        logits: raw scores, any shape.
        target: truth of the same shape, booleans or 0 and 1. A number between them shrinks the score by the factor
            :math:`2y - 1`.
        ignore_index: value of the target that marks entries which do not count, or `None`.
        reduction: `"none"` gives the shape of the logits; `"mean"` divides by the number of counted entries.

    Returns:
        The loss: a scalar, or the shape of the logits for `reduction="none"`.

    Raises:
        ValueError: shapes that differ, a target outside [0, 1], an unknown reduction.

    References:
        Masnadi-Shirazi, Mahadevan and Vasconcelos, On the design of robust classifiers for computer vision, 2010,
        https://doi.org/10.1109/CVPR.2010.5540136.

    Example:
        >>> tangent_loss(torch.tensor([0.5463, 0.0, -3.0]), torch.tensor([1, 1, 1]), reduction="none").round(decimals=3)
        tensor([ 0.0000,  1.0000, 12.2370])
    """
    check_reduction(reduction)
    mistake, valid = _mistakes(logits, target, ignore_index)
    return _reduced((2 * torch.atan(mistake) + 1).square(), valid, reduction, logits.dtype)


TangentLoss = as_module("TangentLoss", tangent_loss)


@gradient_of(tangent_loss)
def _tangent_gradient(logits: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = 4 (2y - 1) (2 \arctan m - 1) / \big( (1 + m^2) N \big)`."""
    sign = 2 * target.to(logits.dtype) - 1
    return 4 * sign * (2 * torch.atan(sign * logits) - 1) / ((1 + logits.square()) * target.numel())
