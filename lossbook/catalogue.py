"""The catalogue: one card per loss, gathered from the decorator, the signature and the docstring.

Tests, the loss atlas, the bench and the advisor iterate over `cards`; what a card states, a test checks.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from . import losses
from .losses._card import FACTS, GRADIENTS, PROPERTIES, Answer, Facts

__all__ = ["PROPERTIES", "Answer", "LossCard", "cards"]


@dataclass(frozen=True, repr=False)
class LossCard:
    """What is true of one loss.

    Attributes:
        name: the function's name, also the key in `cards`.
        function: the loss itself.
        module: its `nn.Module` form.
        facts: what the decorator states.
    """

    name: str
    function: Callable[..., Tensor]
    module: type[nn.Module]
    facts: Facts

    @property
    def family(self) -> str:
        """The module that the loss lives in, such as `"segmentation"`."""
        return self.function.__module__.rpartition(".")[2]

    @property
    def kind(self) -> str:
        """`"function"` (tensors in, loss out), `"module"` (its module has weights or state) or `"objective"` (takes a
        model or critic)."""
        return self.facts.kind

    @property
    def differentiable(self) -> tuple[str, ...]:
        """The arguments that have a gradient."""
        return self.facts.differentiable

    @property
    def couples(self) -> str:
        """Why the loss of one example depends on the others of its batch; empty where it does not."""
        return self.facts.couples

    @property
    def unit(self) -> str:
        """What `reduction="mean"` divides by, where that is not the number of entries of `"none"` that count; empty
        elsewhere."""
        return self.facts.unit

    @property
    def without_gradient(self) -> str:
        """Why the loss has no gradient derived by hand; empty where it has one."""
        return self.facts.without_gradient

    @property
    def tasks(self) -> tuple[str, ...]:
        """The review's tasks that use the loss."""
        return self.facts.tasks

    @property
    def names(self) -> tuple[str, ...]:
        """Further names that the literature gives it."""
        return self.facts.names

    @property
    def domain(self) -> Mapping[str, str]:
        """What each tensor argument holds."""
        return self.facts.domain

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest value, with the default settings."""
        return self.facts.range

    @property
    def properties(self) -> Mapping[str, Answer]:
        """The answer to each property of `PROPERTIES`, with the default settings."""
        return self.facts.properties

    @property
    def cases(self) -> tuple[Mapping[str, Any], ...]:
        """Settings that tests run besides the defaults."""
        return self.facts.cases

    @property
    def detached(self) -> str:
        """The term that is held fixed on purpose when the gradient is formed, if there is one."""
        return self.facts.detached

    @property
    def chapter(self) -> int:
        """The chapter that it belongs to."""
        return self.facts.chapter

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """Settings and their defaults."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    @property
    def gradient(self) -> Callable[..., Tensor] | None:
        """The hand-derived gradient, a function of the same tensors."""
        return GRADIENTS.get(self.name)

    @cached_property
    def gradient_formula(self) -> str:
        """The formula of the gradient, in LaTeX."""
        return re.sub(r":math:`(.*?)`", r"$\1$", inspect.getdoc(self.gradient) or "", flags=re.DOTALL)

    @cached_property
    def _sections(self) -> dict[str, str]:
        """The docstring: its summary, its first formula, and its sections by name."""
        text = inspect.getdoc(self.function) or ""
        heads = list(re.finditer(r"^(Args|Returns|Raises|References|Example):\n", text, flags=re.MULTILINE))
        ends = [head.start() for head in heads[1:]] + [len(text)]
        sections = {head[1]: inspect.cleandoc(text[head.end() : end]) for head, end in zip(heads, ends, strict=True)}
        formula = re.search(r"\.\. math::\n\n((?:    .*\n|\n)+)", text)
        sections["purpose"] = text.split("\n\n")[0].replace("\n", " ")
        sections["formula"] = inspect.cleandoc(formula[1]) if formula else ""
        return sections

    @property
    def purpose(self) -> str:
        """What the loss measures, in one line."""
        return self._sections["purpose"]

    @property
    def formula(self) -> str:
        """Its definition, in LaTeX."""
        return self._sections["formula"]

    @property
    def reference(self) -> str:
        """Where it comes from, with DOI or arXiv id."""
        return " ".join(self._sections.get("References", "").split())

    def section(self, name: str) -> str:
        """One section of the docstring (`Args`, `Returns`, `Raises`, `References`, `Example`); empty if missing."""
        return self._sections.get(name, "")

    def __repr__(self) -> str:
        return f"LossCard({self.name}: {self.purpose})"

    def _repr_markdown_(self) -> str:
        """What a notebook shows of the card: purpose, formula, gradient, facts."""
        formulas = [f"$$\n{self.formula}\n$$"] + [f"Gradient: {self.gradient_formula}"] * (self.gradient is not None)
        rows = [f"| {name.replace('_', ' ')} | {each.word} | {each.why} |" for name, each in self.properties.items()]
        table = "\n".join(["| property | answer | why |", "| --- | --- | --- |", *rows])
        return "\n\n".join([f"**`{self.name}`** · {self.purpose}", *formulas, table, self.reference])


class Cards(dict[str, LossCard]):
    """The cards by the names of their functions; a name that is not there is answered with those that are like it."""

    def __missing__(self, name: str) -> LossCard:
        raise KeyError(f"no loss is named {name!r}{did_you_mean(suggestions(name))}")


def find(name: str) -> LossCard | None:
    """The card of a loss by its function, its module or another of its names, however these are spelled.

    Example:
        >>> find("DiceLoss"), find("bce")
        (LossCard(dice_loss: ...), LossCard(binary_cross_entropy_with_logits: ...))
    """
    return _names().get(_plain(name))


def suggestions(name: str) -> list[str]:
    """Losses that `name` may stand for: the one that :func:`find` knows, or those with a name spelled like it.

    Example:
        >>> suggestions("bce"), suggestions("focal_los")
        (['binary_cross_entropy_with_logits'], ['focal_loss'])
    """
    names, plain = _names(), _plain(name)
    alike = [plain] if plain in names else difflib.get_close_matches(plain, names, cutoff=0.75)
    return list(dict.fromkeys(names[each].name for each in alike))


def did_you_mean(names: list[str]) -> str:
    """The end of a message about a name that is not known."""
    return f"; did you mean {' or '.join(names)}?" if names else ""


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower()).removesuffix("loss")


def _names() -> dict[str, LossCard]:
    """Every card by all its names; one that several losses claim is the first one's."""
    names: dict[str, LossCard] = {}
    for each in (lambda card: [card.name], lambda card: [card.module.__name__], lambda card: card.names):
        for card in cards.values():
            for name in each(card):
                names.setdefault(_plain(name), card)
    return names


def _modules() -> dict[Callable[..., Tensor], type[nn.Module]]:
    """For each loss the module class whose `function` it is: derived by `as_module`, or written by hand."""
    public = [getattr(family, name) for family in losses.families() for name in family.__all__]
    classes = [item for item in public if isinstance(item, type) and issubclass(item, nn.Module)]
    return {item.function: item for item in classes if hasattr(item, "function")}


def _gathered() -> Cards:
    """The cards family by family, whichever family was imported first."""
    modules = _modules()
    order = [family.__name__ for family in losses.families()]
    gathered = Cards()
    for name, facts in sorted(FACTS.items(), key=lambda item: order.index(item[1].function.__module__)):
        if facts.function not in modules:
            raise LookupError(f"{name} has a card but no module in lossbook.losses")
        gathered[name] = LossCard(name, facts.function, modules[facts.function], facts)
    return gathered


cards: Cards = _gathered()
