"""What boosted trees take: impurities of a split, and losses as gradient and Hessian."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._card import FACTS, gradient_of, loss, no, not_applicable, yes
from ._module import as_module
from ._reduction import reduce, together
from ._validation import (
    check_choice,
    check_floating,
    check_labels,
    check_layout,
    check_positive,
    check_reduction,
    check_tensors,
    known,
)

__all__ = [
    "BoostingObjective",
    "EntropyImpurityLoss",
    "GiniImpurityLoss",
    "as_boosting_objective",
    "entropy_impurity_loss",
    "gini_impurity_loss",
    "split_counts",
]

_NO_TARGET = not_applicable("there is no target beside the counts")
_IMPURITY = {
    "minimum_at_target": yes,
    "convex": no("a mixture is less pure than its parts", first=[[1.0, 0.0]], other=[[0.0, 1.0]]),
    "lipschitz": no("a single example counts much in a small node", first=[[1e-4, 0.0]], other=[[1e-4, 1e-4]]),
    "smooth": yes,
    "symmetric": _NO_TARGET,
    "proper": not_applicable("it judges a split, not a predicted probability"),
    "scale_invariant": _NO_TARGET,
    "permutation_invariant": yes,
}


@loss(
    tasks=("tabular",),
    names=("Gini impurity", "Gini index", "Gini diversity"),
    domain={"counts": "class counts of nodes"},
    range=(0.0, 1.0),
    properties=_IMPURITY | {"bounded": yes},
    chapter=15,
)
def gini_impurity_loss(counts: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Gini impurity: how often two examples drawn from a node have different classes.

    .. math::

        \mathcal L = \frac{\sum_k n_k \big( 1 - \sum_c p_{kc}^2 \big)}{\sum_k n_k}, \qquad
        n_k = \sum_c n_{kc}, \quad p_{kc} = \frac{n_{kc}}{n_k}

    A node :math:`k` of a tree holds :math:`n_{kc}` examples of class :math:`c`. The mean over nodes, weighted by
    their sizes, is what a decision tree minimizes when it chooses a split. Counts may be fractions: those of a
    soft split (:func:`split_counts`) have a gradient, and a row of probabilities is a node of size one. An empty
    node does not count; where all are empty the loss is zero.

    Args:
        counts: class counts of each node, `(*, C)`: not negative, whole numbers or weights.
        reduction: `"none"` gives the impurity of each node times its size, `(*)`; `"mean"` divides by the
            number of examples in all nodes.

    Returns:
        The impurity: a scalar in [0, 1 - 1/C], or `(*)` for `reduction="none"`.

    Raises:
        TypeError: counts that are not floating-point.
        ValueError: counts without a dimension of classes, negative counts, an unknown reduction.

    References:
        Breiman et al., Classification and regression trees, 1984, https://doi.org/10.1201/9781315139470.

    Example:
        >>> gini_impurity_loss(torch.tensor([[2.0, 2.0], [4.0, 0.0]]))
        tensor(0.2500)
    """
    nodes, sizes, shares = _nodes(counts, reduction)
    return reduce(sizes - (nodes * shares).sum(-1), reduction, sizes, counts.dtype)


GiniImpurityLoss = as_module("GiniImpurityLoss", gini_impurity_loss)


def _nodes(counts: Tensor, reduction: str) -> tuple[Tensor, Tensor, Tensor]:
    """Counts, sizes of the nodes, and shares of the classes in each (zero in an empty node)."""
    check_tensors(counts=counts)
    check_floating("counts", counts)
    if counts.dim() == 0:
        raise ValueError("counts must have shape (*, C), got ()")
    if known(counts, lambda: (counts >= 0).all()) is False:
        raise ValueError("counts must not be negative, got values that are")
    check_reduction(reduction)
    (nodes,) = together(counts)
    sizes = nodes.sum(-1)
    return nodes, sizes, nodes / torch.where(sizes > 0, sizes, 1.0).unsqueeze(-1)


@gradient_of(gini_impurity_loss)
def _gini_impurity_gradient(counts: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial n_{kc} = \dfrac{1 - 2 p_{kc} + \sum_j p_{kj}^2 - \mathcal L}{N}`: what one
    more example of class :math:`c` adds to its node, less what it adds to the divisor :math:`N = \sum_k n_k`."""
    shares = counts / counts.sum(-1, keepdim=True)
    purity = shares.square().sum(-1, keepdim=True)
    total = counts.sum()
    mean = (counts.sum(-1, keepdim=True) * (1 - purity)).sum() / total
    return (1 - 2 * shares + purity - mean) / total


@loss(
    tasks=("tabular",),
    names=("entropy impurity", "information gain", "deviance of a tree"),
    domain={"counts": "class counts of nodes"},
    range=(0.0, math.inf),
    properties=_IMPURITY
    | {"bounded": no("it grows with the logarithm of the number of classes", first=[[1.0] * 256], base=1.05)},
    cases=({"base": 2.0},),
    chapter=15,
)
def entropy_impurity_loss(counts: Tensor, *, base: float = math.e, reduction: str = "mean") -> Tensor:
    r"""Entropy impurity: the uncertainty about the class of an example that is drawn from a node.

    .. math::

        \mathcal L = -\frac{\sum_k n_k \sum_c p_{kc} \log p_{kc}}{\sum_k n_k}, \qquad
        n_k = \sum_c n_{kc}, \quad p_{kc} = \frac{n_{kc}}{n_k}

    The nodes are those of :func:`gini_impurity_loss`. The loss of a node, less that of its parts, is the
    information gain of a split. It is the cross-entropy of a tree that predicts the frequencies of its nodes. A
    class that does not occur adds nothing; its gradient is large, but finite (the logarithm stops at the smallest
    number of the dtype).

    Args:
        counts: class counts of each node, `(*, C)`: not negative, whole numbers or weights.
        base: the base of the logarithm, above 1: e for nats, 2 for bits (as scikit-learn has it).
        reduction: `"none"` gives the impurity of each node times its size, `(*)`; `"mean"` divides by the
            number of examples in all nodes.

    Returns:
        The impurity in nats or in the unit of the base: a scalar in [0, log C], or `(*)` for `reduction="none"`.

    Raises:
        TypeError: counts that are not floating-point.
        ValueError: counts without a dimension of classes, negative counts, a base that is not above 1, an unknown
            reduction.

    References:
        Quinlan, Induction of decision trees, 1986, https://doi.org/10.1007/BF00116251.

    Example:
        >>> entropy_impurity_loss(torch.tensor([[2.0, 2.0], [4.0, 0.0]]), base=2.0)
        tensor(0.5000)
    """
    if not base > 1:
        raise ValueError(f"base must be above 1, got {base}")
    nodes, sizes, shares = _nodes(counts, reduction)
    surprise = -shares.clamp_min(torch.finfo(shares.dtype).tiny).log() / math.log(base)
    return reduce((nodes * surprise).sum(-1), reduction, sizes, counts.dtype)


EntropyImpurityLoss = as_module("EntropyImpurityLoss", entropy_impurity_loss)


@gradient_of(entropy_impurity_loss)
def _entropy_impurity_gradient(counts: Tensor, *, base: float = math.e) -> Tensor:
    r""":math:`\partial\mathcal L / \partial n_{kc} = \dfrac{-\log p_{kc} - \mathcal L}{N}`: rare classes are the
    expensive ones."""
    surprise = -(counts / counts.sum(-1, keepdim=True)).log() / math.log(base)
    total = counts.sum()
    return (surprise - (counts * surprise).sum() / total) / total


def split_counts(routing: Tensor, target: Tensor, num_classes: int, *, sample_weight: Tensor | None = None) -> Tensor:
    r"""Class counts of the nodes of a soft split: what an impurity takes.

    .. math::

        n_{kc} = \sum_i w_i\, \pi_{ik}\, [y_i = c]

    Args:
        routing: the share :math:`\pi_{ik}` of each example that goes into each node, `(N, K)`; zeros and ones for
            a hard split.
        target: class indices, `(N,)`.
        num_classes: the number of classes.
        sample_weight: weight of each example, `(N,)`.

    Returns:
        The counts, `(K, num_classes)`, with a gradient for `routing`.

    Raises:
        TypeError: a routing that is not floating-point, a target that is not of integers.
        ValueError: shapes that do not go together, labels out of range.

    Example:
        >>> routing = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
        >>> split_counts(routing, torch.tensor([0, 0, 1]), 2)
        tensor([[1.5000, 0.0000],
                [0.5000, 1.0000]])
    """
    check_tensors(routing=routing, target=target, sample_weight=sample_weight)
    check_floating("routing", routing)
    check_layout("routing", routing, "N", "K")
    check_labels(target, (len(routing), num_classes), "routing", None)
    (shares,) = together(routing)
    truth = torch.nn.functional.one_hot(target.long(), num_classes).to(shares.dtype)
    if sample_weight is not None:
        check_layout("sample_weight", sample_weight, len(routing))
        truth = truth * sample_weight.to(shares.dtype).unsqueeze(1)
    return (shares.mT @ truth).to(routing.dtype)


Arrays = tuple[np.ndarray, np.ndarray]


class BoostingObjective:
    """A loss in the form in which a library of boosted trees takes it; made by `as_boosting_objective`.

    It pickles and deep-copies as long as its loss does.
    """

    def __init__(
        self,
        loss: Callable[..., Tensor],
        library: str,
        hessian_floor: float,
        hessian_scale: float,
        settings: dict[str, Any],
    ) -> None:
        self.loss, self.library, self.settings = loss, library, settings
        self.hessian_floor, self.hessian_scale = hessian_floor, hessian_scale
        self.__name__ = f"{getattr(loss, '__name__', type(loss).__name__)}_for_{library}"

    def __repr__(self) -> str:
        settings = "".join(f", {key}={value!r}" for key, value in self.settings.items())
        return f"<{self.__name__}: hessian_floor={self.hessian_floor}, hessian_scale={self.hessian_scale}{settings}>"

    def __call__(self, first: Any, second: Any, sample_weight: np.ndarray | None = None) -> Arrays:
        """Gradient and Hessian, as LightGBM and XGBoost ask for them.

        Their `train` calls with the scores and the data set, which knows labels and weights; their scikit-learn
        estimators call with the labels and the scores, and the weights where there are some.
        """
        if self.library == "catboost":
            raise TypeError("CatBoost calls calc_ders_range and calc_ders_multi; give the object as loss_function")
        if hasattr(second, "get_label"):
            scores, target, sample_weight = first, second.get_label(), second.get_weight()
        else:
            target, scores = first, second
        return self.derivatives(scores, target, sample_weight)

    @torch.enable_grad()
    def derivatives(self, scores: Any, target: Any, sample_weight: Any = None) -> Arrays:
        """First and second derivative of each example's loss with respect to its own scores.

        Args:
            scores: raw scores, `(n,)`, or `(n, K)` for one score per class (or quantile, ...).
            target: labels or values, `(n,)`.
            sample_weight: weight of each example, `(n,)`; both derivatives are multiplied by it.

        Returns:
            Two arrays of the shape of the scores, in float64. The Hessian is its diagonal.
        """
        inputs, value = self._value(scores, target)
        gradient = _derivative(value, inputs)
        if gradient.dim() == 1:
            hessian = _derivative(gradient.sum(), inputs)
        else:
            columns = [_derivative(gradient[:, k].sum(), inputs)[:, k] for k in range(gradient.shape[1])]
            hessian = torch.stack(columns, 1)
        hessian = (self.hessian_scale * hessian).clamp_min(self.hessian_floor)
        return self._weighted(sample_weight, gradient, hessian)

    def calc_ders_range(self, approxes: Any, targets: Any, weights: Any) -> list[tuple[float, float]]:
        """As CatBoost asks for one score: it climbs, so both derivatives have the opposite sign."""
        gradient, hessian = self.derivatives(np.asarray(approxes), np.asarray(targets), weights)
        return list(zip((-gradient).tolist(), (-hessian).tolist(), strict=True))

    @torch.enable_grad()
    def calc_ders_multi(self, approx: Any, target: Any, weight: float) -> tuple[list[float], list[list[float]]]:
        """As CatBoost asks for one score per class, one example at a time: with the whole matrix of second
        derivatives, whose diagonal gets the floor."""
        inputs, value = self._value(np.asarray(approx)[None], np.asarray([target]))
        gradient = _derivative(value, inputs)
        rows = [self.hessian_scale * _derivative(gradient[0, k], inputs)[0] for k in range(gradient.shape[1])]
        matrix = torch.stack(rows)
        matrix = matrix + torch.diag(matrix.diagonal().clamp_min(self.hessian_floor) - matrix.diagonal())
        return (-weight * gradient[0]).tolist(), (-weight * matrix).tolist()

    def _value(self, scores: Any, target: Any) -> tuple[Tensor, Tensor]:
        """The scores, as a leaf of the graph, and the sum of the losses."""
        inputs = torch.tensor(np.asarray(scores), dtype=torch.float64)
        truth = torch.tensor(np.asarray(target), dtype=torch.float64)
        if inputs.dim() not in (1, 2) or inputs.shape[:1] != truth.shape[:1]:
            raise ValueError(
                f"scores must have shape (n,) or (n, K) for a target of n entries, got {tuple(inputs.shape)} and "
                f"{tuple(truth.shape)}"
            )
        if _takes_labels(self.loss) and inputs.dim() == 2:
            truth = truth.long()
        inputs.requires_grad_()
        values = self.loss(inputs, truth, reduction="none", **self.settings)
        if values.shape[:1] != inputs.shape[:1]:
            raise ValueError(
                f"the loss must have one value for each example; with reduction='none' it gave {tuple(values.shape)} "
                f"for scores of shape {tuple(inputs.shape)}"
            )
        return inputs, values.sum()

    @staticmethod
    def _weighted(sample_weight: Any, gradient: Tensor, hessian: Tensor) -> Arrays:
        arrays = gradient.detach().numpy(), hessian.detach().numpy()
        if sample_weight is None or np.size(sample_weight) == 0:
            return arrays
        weight = np.asarray(sample_weight, dtype=np.float64).reshape(-1, *(1,) * (gradient.dim() - 1))
        return arrays[0] * weight, arrays[1] * weight


def _derivative(value: Tensor, inputs: Tensor) -> Tensor:
    """The derivative of a sum with respect to the scores, zero where it does not depend on them."""
    if not value.requires_grad:
        return torch.zeros_like(inputs)
    (gradient,) = torch.autograd.grad(value, inputs, create_graph=True, allow_unused=True)
    return torch.zeros_like(inputs) if gradient is None else gradient


def _takes_labels(function: Callable[..., Tensor]) -> bool:
    """Whether a loss compares a row of scores with one label; a loss without a card does, given several scores."""
    facts = FACTS.get(getattr(function, "__name__", ""))
    return facts is None or bool({"labels", "target of the task"} & set(facts.domain.values()))


def as_boosting_objective(
    loss: Callable[..., Tensor],
    library: str = "lightgbm",
    *,
    hessian_floor: float = 0.0,
    hessian_scale: float = 1.0,
    **settings: Any,
) -> BoostingObjective:
    r"""Any loss of single examples as an objective for LightGBM, XGBoost or CatBoost.

    Boosted trees fit each new tree to the first and second derivative of the loss at the present scores,
    :math:`g_i = \partial\ell_i / \partial z_i` and :math:`h_i = \partial^2\ell_i / \partial z_i^2`, and give a leaf
    the value :math:`-\sum g_i / (\sum h_i + \lambda)`. Both are formed here by automatic differentiation, twice, in
    float64: they are exact, also for a row of several scores, of whose Hessian the libraries take the diagonal.

    Where the Hessian is zero (`l1_loss`, `quantile_loss`, the far part of `huber_loss`) or negative (`tukey_loss`,
    `cauchy_loss`, beyond their bend), a leaf has no such value. `hessian_floor=1.0` with such a loss is plain
    gradient boosting, which is what the libraries do for their own L1 and Huber. `hessian_scale` multiplies it
    first: LightGBM uses K / (K - 1) for K classes (Friedman's bound), XGBoost 2.

    Args:
        loss: a function such as `lb.focal_loss`: `loss(scores, target, reduction="none", **settings)`. A loss that
            mixes the examples of a batch has no such derivatives and is refused.
        library: `"lightgbm"`, `"xgboost"` or `"catboost"`.
        hessian_floor: the smallest second derivative, at least 0.
        hessian_scale: factor of the second derivative, above 0.
        settings: what the loss is called with.

    Returns:
        LightGBM: `lgb.train({"objective": f}, data)` or `LGBMRegressor(objective=f)`; set `boost_from_average` or
        an `init_score` yourself, scores start at zero. XGBoost: `xgb.train(params, data, obj=f)` or
        `XGBRegressor(objective=f)`. CatBoost: `CatBoostRegressor(loss_function=f, eval_metric=...)`.

    Raises:
        TypeError: a loss that is not a function, but a module or something else.
        ValueError: an unknown library, a negative floor, a scale that is not positive, a loss whose examples
            depend on each other.

    References:
        Friedman, Hastie and Tibshirani, Additive logistic regression: a statistical view of boosting, 2000,
        https://doi.org/10.1214/aos/1016218223. Chen and Guestrin, XGBoost: a scalable tree boosting system, 2016,
        https://arxiv.org/abs/1603.02754.

    Example:
        >>> from lossbook.losses import binary_cross_entropy_with_logits
        >>> objective = as_boosting_objective(binary_cross_entropy_with_logits, "xgboost")
        >>> gradient, hessian = objective(np.array([1.0, 0.0]), np.array([0.0, 0.0]))
        >>> print(gradient, hessian)
        [-0.5  0.5] [0.25 0.25]
    """
    if not callable(loss) or isinstance(loss, torch.nn.Module):
        raise TypeError(f"loss must be a function, its settings given here by name, got {type(loss).__name__}")
    check_choice("library", library, ("lightgbm", "xgboost", "catboost"))
    check_positive("hessian_floor", hessian_floor, zero=True)
    check_positive("hessian_scale", hessian_scale)
    facts = FACTS.get(getattr(loss, "__name__", ""))
    if facts is not None and facts.couples:
        raise ValueError(
            f"{loss.__name__} has no derivatives of single examples: {facts.couples}. Take a loss that adds over them"
        )
    return BoostingObjective(loss, library, hessian_floor, hessian_scale, settings)
