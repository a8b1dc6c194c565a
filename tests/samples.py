"""Random input for any loss of the catalogue, drawn from what its card says of its domain.

A card names, for each tensor argument, what it holds (its *kind*): "logits", "labels", "boxes". Here are the kinds that
families share. What one family alone needs stands in `tests/families/<family>.py`, which is imported at the end.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lossbook.catalogue import LossCard

CLASSES = 3


@dataclass(frozen=True)
class Sample:
    """What a sampler draws from: the loss and its settings, the wanted sizes, and a seeded generator."""

    card: LossCard
    settings: Mapping[str, Any]
    batch: int
    size: tuple[int, ...]
    scale: float
    dtype: torch.dtype
    soft: bool
    generator: torch.Generator

    @property
    def task(self) -> str:
        return task_of(self.card, self.settings)

    @property
    def scores_shape(self) -> tuple[int, ...]:
        return (self.batch, *self.size) if self.task == "binary" else (self.batch, CLASSES, *self.size)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers, in float64."""
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def uniform(self, *shape: int) -> Tensor:
        """Numbers in [0, 1), in float64."""
        return torch.rand(shape, generator=self.generator, dtype=torch.float64)

    def integers(self, high: int, *shape: int) -> Tensor:
        """Integers from 0 to `high - 1`."""
        return torch.randint(high, shape, generator=self.generator)


@dataclass(frozen=True)
class Kind:
    """How to draw what an argument holds, and what tests may do with it.

    Attributes:
        draw: the sampler; its result is converted to the wanted dtype where it is floating-point.
        axis: the axis along which positions may be reordered, alike in all arguments; `None` where there is none.
        any_layout: whether `(N, *)` or `(N, C, *)` may have any number of dimensions `*`, which mean nothing.
        batched: whether its first dimension is the batch (class prototypes, for one, have none).
        any_length: whether it may be longer or shorter and nothing else has to change (classes drawn at random).
        everywhere: whether all real numbers are in the domain, so that tests may move and scale at will.
        adverse: from a drawn tensor and a magnitude, extreme tensors of the domain.
    """

    draw: Callable[[Sample], Tensor]
    axis: int | None = -1
    any_layout: bool = False
    batched: bool = True
    any_length: bool = False
    everywhere: bool = False
    adverse: Callable[[Tensor, float], list[Tensor]] = lambda first, _: [first]


KINDS: dict[str, Kind] = {}
PERFECT: dict[str, Callable[..., Tensor]] = {}
IDEAL: dict[str, Callable[[], list[Tensor]]] = {}
PROPER: dict[str, Callable[[], None]] = {}
HELD_FIXED: dict[str, Callable[..., Callable[..., Tensor]]] = {}
OBJECTIVES: dict[str, Callable[[torch.dtype], tuple[Any, ...]]] = {}


def saturated(first: Tensor, magnitude: float) -> list[Tensor]:
    """Scores as large as `magnitude`: with their signs, against them, and all alike."""
    return [magnitude * first.sign(), -magnitude * first.sign(), torch.full_like(first, magnitude)]


def kind(name: str, **facts: Any) -> Callable[[Callable[[Sample], Tensor]], Callable[[Sample], Tensor]]:
    """Register a sampler: `@kind("boxes", axis=0)`. The facts are those of `Kind`."""

    def register(sampler: Callable[[Sample], Tensor]) -> Callable[[Sample], Tensor]:
        if name in KINDS:
            raise ValueError(f"two samplers for {name!r}")
        if facts.get("everywhere"):
            facts.setdefault("adverse", saturated)
        KINDS[name] = Kind(sampler, **facts)
        return sampler

    return register


def _registrar(registry: dict[str, Any]) -> Callable[[str], Callable[[Any], Any]]:
    def named(name: str) -> Callable[[Any], Any]:
        def register(function: Any) -> Any:
            registry[name] = function
            return function

        return register

    return named


perfect_for = _registrar(PERFECT)
"""`@perfect_for(loss or kind)`: `f(card, settings, *others)` gives the first argument that the others ask for. By
default it is a copy of the second argument."""

ideal_for = _registrar(IDEAL)
"""`@ideal_for(loss)`: `f()` gives all arguments at which the loss comes near the lower end of its range, for losses
whose perfect prediction for random other arguments does not."""

proper_check = _registrar(PROPER)
"""`@proper_check(loss)`: `f()` asserts that the expected loss is smallest at the truth, for losses whose target holds
neither labels nor a mask."""

held_fixed = _registrar(HELD_FIXED)
"""`@held_fixed(loss)`: `f(*tensors, **settings)` gives a function of the same arguments in which the term that the card
calls detached keeps the value that it has at these tensors."""

objective = _registrar(OBJECTIVES)
"""`@objective(loss)`: `f(dtype)` gives the arguments of an objective: a small smooth model with parameters of that
dtype, and tensors."""


def task_of(card: LossCard, settings: Mapping[str, Any]) -> str:
    """The task that decides the layout of prediction and target."""
    if "task" in settings:
        return settings["task"]
    kinds = set(card.domain.values())
    return "multiclass" if "labels" in kinds else "binary" if "mask" in kinds else card.parameters.get("task", "")


def settings_of(card: LossCard, settings: Mapping[str, Any], dtype: torch.dtype = torch.float64) -> dict[str, Any]:
    """Settings as a call takes them: a tuple stands for a tensor where the loss takes one (its annotation says so)."""
    parameters = inspect.signature(card.function).parameters
    return {
        key: torch.tensor(value, dtype=dtype)
        if isinstance(value, tuple) and "Tensor" in str(parameters[key].annotation)
        else value
        for key, value in settings.items()
    }


def draw(
    card: LossCard,
    settings: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    batch: int = 2,
    size: tuple[int, ...] = (4, 5),
    scale: float = 2.0,
    dtype: torch.dtype = torch.float64,
    soft: bool = False,
) -> list[Tensor]:
    """One random argument for each tensor of the loss; `soft` draws probabilities for masks."""
    generator = torch.Generator().manual_seed(seed)
    sample = Sample(card, settings or {}, batch, size, scale, dtype, soft, generator)
    tensors = []
    for name in card.domain.values():
        if name not in KINDS:
            raise LookupError(f"{card.name}: no sampler for {name!r}")
        tensor = KINDS[name].draw(sample)
        tensors.append(tensor.to(dtype) if tensor.is_floating_point() else tensor)
    return tensors


def kinds(card: LossCard) -> list[Kind]:
    """The kinds of a loss's arguments, in order."""
    return [KINDS[name] for name in card.domain.values()]


def adverse(card: LossCard, first: Tensor, magnitude: float) -> list[Tensor]:
    """Extreme values of the first argument."""
    return kinds(card)[0].adverse(first, magnitude)


def perfect(card: LossCard, settings: Mapping[str, Any], *others: Tensor) -> Tensor:
    """The first argument that the others ask for, as sure as float64 makes it."""
    for name in (card.name, *card.domain.values()):
        if name in PERFECT:
            return PERFECT[name](card, settings, *others)
    return others[0].clone()


def with_detached_held(card: LossCard, tensors: list[Tensor], settings: Mapping[str, Any]) -> Callable[..., Tensor]:
    """The loss whose finite differences are its gradient: itself (a detached term may change in jumps alone), or with
    what it detaches held fixed."""
    if card.name not in HELD_FIXED:
        return card.function
    return HELD_FIXED[card.name](*(tensor.detach().clone() for tensor in tensors), **settings)


def ideal(card: LossCard) -> list[Tensor]:
    """Arguments at which the loss comes near the lower end of its range."""
    if card.name in IDEAL:
        return IDEAL[card.name]()
    others = draw(card)[1:]
    return [perfect(card, {}, *others), *others]


# --- kinds that families share ----------------------------------------------------------------------------------------


@kind("logits", any_layout=True, everywhere=True)
@kind("scores of the task", any_layout=True, everywhere=True)
def _scores(s: Sample) -> Tensor:
    return s.scale * s.normal(*s.scores_shape)


@kind("labels", any_layout=True)
@kind("mask", any_layout=True)
@kind("target of the task", any_layout=True)
def _truth(s: Sample) -> Tensor:
    if s.task == "multiclass":
        target = s.integers(CLASSES, s.batch, *s.size)
    elif s.soft:
        return s.uniform(*s.scores_shape)
    else:
        target = s.integers(2, *s.scores_shape)
    ignore_index = s.settings.get("ignore_index")
    if ignore_index is not None:
        target[torch.rand(target.shape, generator=s.generator) < 0.3] = ignore_index
    return target


@kind("weight map", any_layout=True)
def _weight_map(s: Sample) -> Tensor:
    shape = (s.batch, *s.size) if s.task == "multiclass" else s.scores_shape
    return s.normal(*shape).abs().to(s.dtype) + 0.1


@kind("real numbers", axis=1, everywhere=True)
def _real_numbers(s: Sample) -> Tensor:
    return s.scale * s.normal(s.batch, *s.size, CLASSES)


@kind("positive numbers", axis=1, adverse=lambda x, m: [m * torch.ones_like(x), torch.ones_like(x) / m])
def _positive_numbers(s: Sample) -> Tensor:
    return (0.5 * min(s.scale, 10.0) * s.normal(s.batch, *s.size, CLASSES)).exp()


@kind("class probabilities", any_layout=True)
def _class_probabilities(s: Sample) -> Tensor:
    return s.normal(s.batch, CLASSES, *s.size).softmax(1)


@perfect_for("labels")
@perfect_for("mask")
@perfect_for("target of the task")
def _sure_logits(card: LossCard, settings: Mapping[str, Any], target: Tensor, *_: Tensor) -> Tensor:
    if task_of(card, settings) == "multiclass":
        return 100.0 * torch.nn.functional.one_hot(target, CLASSES).movedim(-1, 1).double()
    return 200.0 * target.double() - 100.0


import families  # noqa: E402

for _module in pkgutil.iter_modules(families.__path__):
    importlib.import_module(f"families.{_module.name}")
