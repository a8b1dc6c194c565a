"""What a card states is true: facts are complete, and every answered property is checked on random input.

A "yes" is tried on random and on adverse points; a "no" is replayed from the counterexample that the card stores.
"""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from samples import CLASSES, draw, perfect, task_of
from torch import Tensor

import lossbook as lb
from lossbook import calculus
from lossbook.catalogue import PROPERTIES, LossCard

CARDS = [pytest.param(card, id=name) for name, card in lb.cards.items()]
every_card = pytest.mark.parametrize("card", CARDS)


def answered(name: str, holds: bool) -> Any:
    chosen = [p for p in CARDS if p.values[0].properties.get(name) and p.values[0].properties[name].holds is holds]
    return pytest.mark.parametrize("card", chosen)


def stated(card: LossCard, name: str) -> tuple[Tensor, Tensor | None, list[Tensor], dict[str, Any]]:
    """The stored counterexample: prediction, a second prediction, the other tensors, settings."""
    example = dict(card.properties[name].example)
    settings = {key: example.pop(key) for key in ("task",) if key in example}
    labels = example.pop("labels", None)
    given = {key: torch.tensor(value, dtype=torch.float64) for key, value in example.items()}
    scores = given.get("scores")
    others = [torch.tensor(labels)] if labels is not None else [given["target"]] if "target" in given else []
    if "extra" in given:
        others.append(given["extra"])
    elif len(others) + 1 < len(card.domain):
        others.append(torch.ones_like(others[0], dtype=torch.float64))
    return scores, given.get("other"), others, settings


@every_card
def test_card_is_complete(card):
    assert card.tasks and card.chapter and card.domain and card.gradient is not None
    assert set(card.properties) == set(PROPERTIES)
    assert card.purpose.endswith(".") and len(card.purpose) < 130
    assert card.formula and "$" in card.gradient_formula
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


@every_card
def test_values_lie_in_the_stated_range(card):
    low, high = card.range
    for seed in range(20):
        for scale in (0.1, 1.0, 10.0, 100.0):
            value = card.function(*draw(card, seed=seed, scale=scale)).item()
            assert low - 1e-9 <= value <= high + 1e-9


@every_card
def test_stated_range_is_tight_below(card):
    """The perfect prediction comes near the lower end, so the range does not promise too little."""
    if math.isfinite(card.range[0]):
        tensors = draw(card)
        value = card.function(perfect(card, {}, *tensors[1:]), *tensors[1:]).item()
        assert value == pytest.approx(card.range[0], abs=1e-3)


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
    """By the stated constant, for one image of 8 by 8 pixels, at every scale of the scores."""
    constant = card.properties["lipschitz"].constant
    for seed in range(10):
        for scale in (0.0, 0.1, 1.0, 5.0, 20.0, 1e3, 1e6):
            for settings in ({}, {"task": "binary"}) if "task" in card.parameters else ({},):
                tensors = draw(card, settings, seed=seed, batch=1, size=(8, 8), scale=scale)
                gradient = calculus.autograd(card.function, *tensors, **settings)
                assert gradient.norm() <= constant


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
        for point in (first, torch.zeros_like(first), torch.ones_like(first), first.round(), first.sign()):
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


def masks(card: LossCard, seed: int) -> tuple[Tensor, Tensor]:
    """Two soft masks (or two sets of numbers) of one shape, which may change roles."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.rand((2, 12), generator=generator, dtype=torch.float64) for _ in range(2))


def as_masks(card: LossCard) -> dict[str, Any]:
    return {"task": "binary", "from_logits": False} if "from_logits" in card.parameters else {}


@answered("symmetric", True)
def test_symmetric(card):
    for seed in range(10):
        first, second = masks(card, seed)
        there = card.function(first, second, **as_masks(card))
        assert torch.isclose(there, card.function(second, first, **as_masks(card)), rtol=1e-12)


@answered("symmetric", False)
def test_not_symmetric(card):
    first, _, (second,), settings = stated(card, "symmetric")
    settings = as_masks(card) | settings
    assert abs(card.function(first, second, **settings) - card.function(second, first, **settings)) > 1e-2


@answered("scale_invariant", True)
def test_scale_invariant(card):
    settings = as_masks(card) | ({"smooth": 0.0} if "smooth" in card.parameters else {})
    for seed in range(10):
        first, second = masks(card, seed)
        value = card.function(first, second, **settings)
        assert torch.isclose(card.function(0.3 * first, 0.3 * second, **settings), value, rtol=1e-12)


@answered("scale_invariant", False)
def test_not_scale_invariant(card):
    first, _, (second,), settings = stated(card, "scale_invariant")
    settings = as_masks(card) | settings
    value = card.function(first, second, **settings)
    assert abs(card.function(first / 2, second / 2, **settings) - value) > 1e-2


@answered("permutation_invariant", True)
def test_permutation_invariant(card):
    for seed in range(5):
        tensors = draw(card, seed=seed, size=(12,))
        order = torch.randperm(tensors[-1].shape[-1], generator=torch.Generator().manual_seed(seed))
        assert torch.isclose(card.function(*(t[..., order] for t in tensors)), card.function(*tensors), rtol=1e-10)


@answered("permutation_invariant", False)
def test_not_permutation_invariant(card):
    first, _, others, settings = stated(card, "permutation_invariant")
    order = torch.tensor([index // 2 if index % 2 == 0 else 63 - index // 2 for index in range(64)])
    moved = card.function(first[..., order], *(t[..., order] for t in others), **settings)
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
    _, _, (labels, *others), _ = stated(card, "proper")
    assert group_slopes(card, labels, others) > 1e-3
