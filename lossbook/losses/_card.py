"""What a program must know of a loss, stated beside the loss.

`@loss(...)` records facts and leaves the function as it is; `@gradient_of(loss)` records the hand-derived
gradient. `lossbook.catalogue` gathers both, together with what signature and docstring say, into cards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from torch import Tensor

F = TypeVar("F", bound=Callable[..., Tensor])

PROPERTIES = {
    "minimum_at_target": "No prediction has a smaller loss than the perfect one.",
    "convex": "The loss is convex in its first argument.",
    "lipschitz": "The gradient of one example's loss is bounded.",
    "smooth": "The loss has a continuous gradient everywhere.",
    "bounded": "The loss has a finite upper bound.",
    "symmetric": "Exchanging prediction and target changes nothing.",
    "proper": "Proper scoring rule: the expected loss is smallest at the true probability.",
    "scale_invariant": "Multiplying prediction and target by one positive number changes nothing.",
    "permutation_invariant": "Reordering the positions, alike in all arguments, changes nothing.",
}


@dataclass(frozen=True)
class Answer:
    """A card's answer to one property: it holds, does not hold (with a counterexample), or does not apply."""

    holds: bool | None
    why: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)
    constant: float | None = None

    @property
    def word(self) -> str:
        """The answer, for people."""
        return {True: "yes", False: "no", None: "not applicable"}[self.holds]


yes = Answer(True)


def up_to(constant: float, why: str = "") -> Answer:
    """The property holds with this constant, an upper bound that a test tries to exceed."""
    return Answer(True, why, constant=constant)


def no(why: str, **example: Any) -> Answer:
    """The property does not hold, and `example` shows it (a test replays it)."""
    return Answer(False, why, example)


def not_applicable(why: str) -> Answer:
    """The property has no meaning for this loss."""
    return Answer(None, why)


@dataclass(frozen=True)
class Facts:
    """The facts that the decorator states; see `lossbook.catalogue.LossCard` for what each means."""

    function: Callable[..., Tensor]
    tasks: tuple[str, ...]
    names: tuple[str, ...]
    domain: Mapping[str, str]
    range: tuple[float, float]
    properties: Mapping[str, Answer]
    cases: tuple[Mapping[str, Any], ...]
    detached: str
    chapter: int
    kind: str
    differentiable: tuple[str, ...]
    couples: str
    unit: str
    without_gradient: str


KINDS = ("function", "module", "objective")
FACTS: dict[str, Facts] = {}
GRADIENTS: dict[str, Callable[..., Tensor]] = {}


def loss(
    *,
    tasks: tuple[str, ...],
    domain: Mapping[str, str],
    range: tuple[float, float],
    properties: Mapping[str, Answer],
    chapter: int,
    names: tuple[str, ...] = (),
    cases: tuple[Mapping[str, Any], ...] = (),
    detached: str = "",
    kind: str = "function",
    differentiable: tuple[str, ...] = (),
    couples: str = "",
    unit: str = "",
    without_gradient: str = "",
) -> Callable[[F], F]:
    """State the facts of a loss.

    Args:
        tasks: the review's tasks that use it.
        domain: what each tensor argument holds, in the order of the arguments.
        range: the smallest and the largest value, with the default settings.
        properties: the answer to each property of `PROPERTIES`.
        chapter: the chapter that it belongs to.
        names: further names it goes by.
        cases: settings that tests run besides the defaults.
        detached: the term that is held fixed on purpose when the gradient is formed.
        kind: `"function"` (tensors in, loss out; its module is derived), `"module"` (its module has weights or
            running state and is written by hand) or `"objective"` (takes a model or critic).
        differentiable: the arguments that have a gradient; by default the first one alone.
        couples: why the loss of one example depends on the others of its batch, where it does.
        unit: what `"mean"` divides by, where that is not the number of entries of `"none"` that count.
        without_gradient: why no gradient derived by hand stands below the loss.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    facts = {
        "tasks": tasks, "names": names, "domain": domain, "range": range, "properties": properties, "cases": cases,
        "detached": detached, "chapter": chapter, "kind": kind, "couples": couples, "unit": unit,
        "differentiable": differentiable or (next(iter(domain)),), "without_gradient": without_gradient,
    }  # fmt: skip

    def record(function: F) -> F:
        FACTS[function.__name__] = Facts(function, **facts)
        return function

    return record


def gradient_of(function: Callable[..., Tensor]) -> Callable[[F], F]:
    """Record the hand-derived gradient of `function` with respect to its first argument (for `reduction="mean"`)."""

    def record(gradient: F) -> F:
        GRADIENTS[function.__name__] = gradient
        return gradient

    return record
