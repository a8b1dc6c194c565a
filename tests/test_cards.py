"""What a card states is true: facts are complete, and every answered property is checked on random input.

A "yes" is tried on random and on adverse points; a "no" is replayed from the counterexample that the card stores.
"""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from samples import CLASSES, PROPER, draw, ideal, kinds, perfect, task_of
from torch import Tensor

import lossbook as lb
from lossbook import calculus
from lossbook.catalogue import PROPERTIES, LossCard

CARDS = [pytest.param(card, id=name) for name, card in lb.cards.items()]
FUNCTIONS = [p for p in CARDS if p.values[0].kind != "objective"]
every_card = pytest.mark.parametrize("card", CARDS)
every_function = pytest.mark.parametrize("card", FUNCTIONS)


def answered(name: str, holds: bool) -> Any:
    chosen = [p for p in FUNCTIONS if p.values[0].properties.get(name) and p.values[0].properties[name].holds is holds]
    return pytest.mark.parametrize("card", chosen)


def stated(card: LossCard, name: str) -> tuple[Tensor | None, Tensor | None, list[Tensor], dict[str, Any]]:
    """The stored counterexample: first argument, a second one to go with it, the other tensors, settings.

    Integers are labels, other numbers are float64. A weight map that is not given is one everywhere.
    """
    example = dict(card.properties[name].example)
    settings = {key: example.pop(key) for key in card.parameters if key in example}
    rest = list(card.domain)[1:]
    given = {key: value if isinstance(value, Tensor) else torch.tensor(value) for key, value in example.items()}
    given = {key: value.double() if value.is_floating_point() else value for key, value in given.items()}
    if unknown := set(given) - {"first", "other", *rest}:
        raise LookupError(f"{card.name}, {name}: no argument {unknown}")
    others = [given[key] if key in given else torch.ones_like(given["target"], dtype=torch.float64) for key in rest]
    return given.get("first"), given.get("other"), others, settings


@every_card
def test_card_is_complete(card):
    assert card.tasks and card.chapter and card.domain
    assert set(card.differentiable) <= set(card.domain)
    assert (card.gradient is None) == bool(card.without_gradient)
    assert set(card.properties) == set(PROPERTIES)
    assert card.purpose.endswith(".") and len(card.purpose) < 130
    assert card.formula and (card.gradient is None or "$" in card.gradient_formula)
    for section in ("Args", "Returns", "Raises", "References", "Example"):
        assert card.section(section), section
    assert re.search(r"arxiv\.org/abs/\d{4}\.\d{4,5}|doi\.org/10\.|proceedings\.mlr\.press|ISBN", card.reference)
    for name in [*card.domain, *card.parameters]:
        assert f"{name}:" in card.section("Args"), name
    for name, answer in card.properties.items():
        if answer.holds is False:
            assert answer.example and answer.why, name
        if answer.holds is None:
            assert answer.why, name


@every_function
def test_values_lie_in_the_stated_range(card):
    low, high = card.range
    for seed in range(20):
        for scale in (0.1, 1.0, 10.0, 100.0):
            value = card.function(*draw(card, seed=seed, scale=scale)).item()
            assert low - 1e-9 <= value <= high + 1e-9


@every_function
def test_stated_range_is_tight_below(card):
    """The perfect prediction comes near the lower end, so the range does not promise too little."""
    if math.isfinite(card.range[0]):
        assert card.function(*ideal(card)).item() == pytest.approx(card.range[0], abs=1e-3)


@answered("minimum_at_target", True)
def test_minimum_at_target(card):
    for seed in range(10):
        for scale in (0.3, 3.0, 30.0):
            first, *others = draw(card, seed=seed, scale=scale)
            best = card.function(perfect(card, {}, *others), *others)
            assert best <= card.function(first, *others) + 1e-12


@answered("convex", True)
def test_convex(card):
    for seed in range(50):
        first, *others = draw(card, seed=seed, scale=3.0)
        second = draw(card, seed=seed + 1000, scale=3.0)[0]
        chord = (card.function(first, *others) + card.function(second, *others)) / 2
        assert card.function((first + second) / 2, *others) <= chord + 1e-12


@answered("convex", False)
def test_not_convex(card):
    first, second, others, settings = stated(card, "convex")
    chord = (card.function(first, *others, **settings) + card.function(second, *others, **settings)) / 2
    assert card.function((first + second) / 2, *others, **settings) > chord + 1e-4


@answered("lipschitz", True)
def test_gradient_is_bounded(card):
    """By the stated constant, for one image of 8 by 8 pixels and for one entry of it, at every scale of the scores."""

    def entry(*tensors: Tensor, **settings: Any) -> Tensor:
        return card.function(*tensors, reduction="none", **settings).flatten()[0]

    constant = card.properties["lipschitz"].constant
    for seed in range(10):
        for scale in (0.0, 0.1, 1.0, 5.0, 20.0, 1e3, 1e6):
            for settings in ({}, {"task": "binary"}) if "task" in card.parameters else ({},):
                batch = 8 if card.couples else 1
                tensors = draw(card, settings, seed=seed, batch=batch, size=(8, 8), scale=scale)
                gradient = calculus.autograd(card.function, *tensors, **settings)
                assert gradient.norm() <= constant
                if not card.unit:
                    gradient = calculus.autograd(entry, *tensors, **settings)
                    assert gradient.norm() <= constant * (1 + 1e-12)


@answered("lipschitz", False)
def test_gradient_is_not_bounded(card):
    first, second, others, settings = stated(card, "lipschitz")
    change = card.function(first, *others, **settings) - card.function(second, *others, **settings)
    assert change.abs() > 1e3 * (first - second).norm()


def slopes(
    card: LossCard, first: Tensor, others: list[Tensor], direction: Tensor, settings: dict[str, Any]
) -> list[float]:
    """The slopes to the left and to the right of a point along a direction."""
    step = 1e-7
    middle = card.function(first, *others, **settings)
    right = (card.function(first + step * direction, *others, **settings) - middle) / step
    left = (middle - card.function(first - step * direction, *others, **settings)) / step
    return [left.item(), right.item()]


@answered("smooth", True)
def test_smooth(card):
    """Slopes agree from both sides, also where kinks usually sit: at zero, at ties, at one."""
    for seed in range(5):
        first, *others = draw(card, seed=seed)
        direction = draw(card, seed=seed + 100)[0]
        usual = (torch.zeros_like(first), torch.ones_like(first), first.round(), first.sign())
        for point in (first, *usual) if kinds(card)[0].everywhere else (first,):
            left, right = slopes(card, point, others, direction, {})
            assert left == pytest.approx(right, abs=1e-5)


@answered("smooth", False)
def test_not_smooth(card):
    first, _, others, settings = stated(card, "smooth")
    direction = torch.linspace(0.5, 1.0, first.numel(), dtype=torch.float64).reshape(first.shape)
    left, right = slopes(card, first, others, direction, settings)
    assert abs(left - right) > 1e-2


@answered("bounded", True)
def test_bounded(card):
    assert math.isfinite(card.range[1])  # and test_values_lie_in_the_stated_range checks the number


@answered("bounded", False)
def test_not_bounded(card):
    first, _, others, settings = stated(card, "bounded")
    assert not math.isfinite(card.range[1])
    assert card.function(first, *others, **settings) > 80


def pair(card: LossCard, seed: int) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Prediction and target of one kind, which may change roles (soft masks for an overlap), and what else it takes."""
    if "from_logits" in card.parameters:
        generator = torch.Generator().manual_seed(seed)
        first, second = torch.rand((2, 2, 12), generator=generator, dtype=torch.float64)
        return first, second, []
    first, second, *others = draw(card, seed=seed)
    assert first.shape == second.shape
    return first, second, others


def as_masks(card: LossCard) -> dict[str, Any]:
    return {"task": "binary", "from_logits": False} if "from_logits" in card.parameters else {}


@answered("symmetric", True)
def test_symmetric(card):
    for seed in range(10):
        first, second, others = pair(card, seed)
        there = card.function(first, second, *others, **as_masks(card))
        assert torch.isclose(there, card.function(second, first, *others, **as_masks(card)), rtol=1e-12)


@answered("symmetric", False)
def test_not_symmetric(card):
    first, _, (second, *others), settings = stated(card, "symmetric")
    settings = as_masks(card) | settings
    there = card.function(first, second, *others, **settings)
    assert abs(there - card.function(second, first, *others, **settings)) > 1e-2


@answered("scale_invariant", True)
def test_scale_invariant(card):
    settings = as_masks(card) | ({"smooth": 0.0} if "smooth" in card.parameters else {})
    for seed in range(10):
        first, second, others = pair(card, seed)
        value = card.function(first, second, *others, **settings)
        assert torch.isclose(card.function(0.3 * first, 0.3 * second, *others, **settings), value, rtol=1e-10)


@answered("scale_invariant", False)
def test_not_scale_invariant(card):
    first, _, (second, *others), settings = stated(card, "scale_invariant")
    settings = as_masks(card) | settings
    value = card.function(first, second, *others, **settings)
    assert abs(card.function(first / 2, second / 2, *others, **settings) - value) > 1e-2


def reordered(card: LossCard, tensors: list[Tensor], order: Tensor) -> list[Tensor]:
    return [
        t if kind.axis is None else t.index_select(kind.axis, order)
        for t, kind in zip(tensors, kinds(card), strict=True)
    ]


@answered("permutation_invariant", True)
def test_permutation_invariant(card):
    for seed in range(5):
        tensors = draw(card, seed=seed, batch=12, size=(12,))
        order = torch.randperm(12, generator=torch.Generator().manual_seed(seed))
        moved = card.function(*reordered(card, tensors, order))
        assert torch.isclose(moved, card.function(*tensors), rtol=1e-10)


@answered("permutation_invariant", False)
def test_not_permutation_invariant(card):
    first, _, others, settings = stated(card, "permutation_invariant")
    axis = kinds(card)[0].axis
    last = first.shape[axis] - 1
    order = torch.tensor([index // 2 if index % 2 == 0 else last - index // 2 for index in range(last + 1)])
    moved = card.function(*reordered(card, [first, *others], order), **settings)
    assert abs(moved - card.function(first, *others, **settings)) > 1e-2


def frequencies(card: LossCard, labels: Tensor) -> Tensor:
    """Logits that answer with the frequencies of the labels: one answer for the first half of the positions, which
    look alike, and one for the last half."""
    groups = labels.reshape(2, -1)
    if task_of(card, {}) == "multiclass":
        classes = max(2, int(labels.max()) + 1)
        logits = torch.nn.functional.one_hot(groups, classes).double().mean(1).log()  # (2, C)
        return logits.T.unsqueeze(0).repeat_interleave(groups.shape[1], -1)
    return groups.double().mean(1).logit().repeat_interleave(groups.shape[1]).unsqueeze(0)


def group_slopes(card: LossCard, labels: Tensor, others: list[Tensor]) -> Tensor:
    """How the loss changes when the answer of a group moves: zero for both groups at the best pair of answers."""
    gradient = calculus.autograd(card.function, frequencies(card, labels), labels, *others)
    return gradient.reshape(*gradient.shape[:-1], 2, -1).sum(-1).abs().max()


@answered("proper", True)
def test_proper(card):
    """Among all pairs of answers, the frequencies of the two groups cost least."""
    if not {"labels", "mask", "target of the task"} & set(card.domain.values()):
        PROPER[card.name]()  # the family knows what the truth is here
        return
    classes = CLASSES if task_of(card, {}) == "multiclass" else 2
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(classes, (2, 12), generator=generator)
        labels[:, :classes] = torch.arange(classes)
        labels = labels.reshape(1, -1)
        best = card.function(frequencies(card, labels), labels)
        assert group_slopes(card, labels, []) < 1e-12
        for _ in range(20):
            first, second = torch.randn((2, *frequencies(card, labels).shape[:-1], 1), generator=generator).double()
            move = torch.cat([first.expand(*first.shape[:-1], 12), second.expand(*second.shape[:-1], 12)], -1)
            assert card.function(frequencies(card, labels) + move, labels) >= best


@answered("proper", False)
def test_not_proper(card):
    """The counterexample gives labels, whose frequencies are not the best answer; or a truth (`first`), a better answer
    (`other`) and equally likely targets."""
    truth, better, others, settings = stated(card, "proper")
    if better is not None:
        assert card.function(better, *others, **settings) < card.function(truth, *others, **settings) - 1e-4
        return
    _, _, (labels, *others), _ = stated(card, "proper")
    assert group_slopes(card, labels, others) > 1e-3


def test_a_name_that_is_not_there_is_answered_with_those_like_it():
    with pytest.raises(KeyError, match=r"no loss is named 'bce'; did you mean binary_cross_entropy_with_logits\?"):
        lb.cards["bce"]
    with pytest.raises(AttributeError, match=r"has no attribute 'CLIPLoss'; did you mean ClipLoss\?"):
        lb.CLIPLoss  # noqa: B018
    with pytest.raises(AttributeError, match=r"has no attribute 'nothing_like_it'$"):
        lb.nothing_like_it  # noqa: B018
    assert not hasattr(lb, "_repr_html_") and lb.cards.get("bce") is None


@every_card
def test_a_card_shown_in_a_notebook_has_its_formula_and_all_answers(card):
    shown = card._repr_markdown_()
    assert card.formula in shown and (card.gradient is None or card.gradient_formula in shown)
    assert all(f"| {name.replace('_', ' ')} |" in shown for name in PROPERTIES)
    assert repr(card) == f"LossCard({card.name}: {card.purpose})"
