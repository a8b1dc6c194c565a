"""The contract of an objective, held for every card of that kind: it takes a model, whose parameters get the gradient.

Each family gives the arguments, a small smooth model first (`samples.OBJECTIVES`). Random numbers that an objective
draws come from torch's generator, which is seeded before each call. A term that the card calls detached is held fixed
where finite differences are formed (`samples.HELD_FIXED`).
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from samples import HELD_FIXED, OBJECTIVES, settings_of
from torch import Tensor, nn

import lossbook as lb
from lossbook.catalogue import LossCard

OBJECTIVE_CARDS = {name: card for name, card in lb.cards.items() if card.kind == "objective"}
CARDS = {name: card for name, card in OBJECTIVE_CARDS.items() if card.differentiable[0] == next(iter(card.domain))}
WITHOUT_A_MODEL = [name for name in OBJECTIVE_CARDS if name not in CARDS]
CASES = [
    pytest.param(card, case, id=f"{name}-{'-'.join(f'{k}={v}' for k, v in case.items()) or 'defaults'}")
    for name, card in CARDS.items()
    for case in ({}, *card.cases)
]
every_card = pytest.mark.parametrize("card", [pytest.param(card, id=name) for name, card in CARDS.items()])
every_card_of_numbers = pytest.mark.parametrize(
    "card",
    [pytest.param(card, id=name) for name, card in CARDS.items() if "tokens" not in list(card.domain.values())[1]],
)
every_case = pytest.mark.parametrize(("card", "case"), CASES)


def arguments(card: LossCard, dtype: torch.dtype = torch.float64) -> tuple[Any, ...]:
    assert card.name in OBJECTIVES, f"{card.name}: its family registers no arguments"
    return OBJECTIVES[card.name](dtype)


def seeded(function: Callable[..., Any], *args: Any, **settings: Any) -> Any:
    torch.manual_seed(0)
    return function(*args, **settings)


def gradients(function: Callable[..., Tensor], args: tuple[Any, ...], **settings: Any) -> list[Tensor]:
    """What the parameters of the model get."""
    parameters = list(args[0].parameters())
    value = seeded(function, *args, **settings)
    return list(torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True))


@every_card
def test_arguments_are_those_of_the_card(card):
    model, *tensors = arguments(card)
    assert isinstance(model, nn.Module) and list(model.parameters())
    assert len(tensors) + 1 == len(card.domain)


@every_case
def test_gradient_against_finite_differences(card, case):
    args, settings = arguments(card), settings_of(card, case)
    function = card.function
    if card.name in HELD_FIXED:
        function = seeded(HELD_FIXED[card.name], *args, **settings)
    formed = gradients(card.function, args, **settings)
    step = 1e-6
    for parameter, gradient in zip(args[0].parameters(), formed, strict=True):
        entries = parameter.data.view(-1)
        for index in range(len(entries)):
            ends = []
            for sign in (1, -2):
                entries[index] += sign * step
                ends.append(seeded(function, *args, **settings).item())
            entries[index] += step
            slope = (ends[0] - ends[1]) / (2 * step)
            assert gradient.view(-1)[index].item() == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(("card", "case"), [c for c in CASES if c.values[0].name in HELD_FIXED])
def test_holding_the_detached_term_fixed_changes_nothing(card, case):
    args, settings = arguments(card), settings_of(card, case)
    function = seeded(HELD_FIXED[card.name], *args, **settings)
    assert torch.isclose(
        seeded(card.function, *args, **settings), seeded(function, *args, **settings), rtol=1e-12, atol=0
    )
    for formed, held in zip(gradients(card.function, args, **settings), gradients(function, args, **settings),
                            strict=True):  # fmt: skip
        assert torch.allclose(formed, held, rtol=1e-9, atol=1e-13)


@every_case
def test_sum_is_the_sum_of_none(card, case):
    args, settings = arguments(card), settings_of(card, case)
    contributions = seeded(card.function, *args, reduction="none", **settings)
    assert contributions.dim() >= 1
    assert torch.isclose(
        contributions.sum(), seeded(card.function, *args, reduction="sum", **settings), rtol=1e-12, atol=0
    )


@every_case
def test_dtype_is_that_of_the_model(card, case):
    single = seeded(card.function, *arguments(card, torch.float32), **settings_of(card, case, torch.float32))
    double = seeded(card.function, *arguments(card, torch.float64), **settings_of(card, case))
    assert single.dtype == torch.float32 and double.dtype == torch.float64
    assert double.isfinite() and single.isfinite()


@every_case
@pytest.mark.parametrize("training", [True, False])
def test_model_is_left_alone(card, case, training):
    """Its gradients, its mode (a frozen submodule's, too), its parameters; and the tensors."""
    args, settings = arguments(card), settings_of(card, case)
    model, *tensors = args
    model.train(training)
    frozen = list(model.modules())[-1]
    frozen.eval()
    before = copy.deepcopy(model.state_dict())
    copies = [t.clone() if isinstance(t, Tensor) else t for t in tensors]
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    seeded(card.function, *args, **settings)
    assert model.training is training and not frozen.training
    for parameter in model.parameters():
        assert parameter.requires_grad and (parameter.grad == 7).all()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(torch.equal(t, c) for t, c in zip(tensors, copies, strict=True) if isinstance(t, Tensor))
    assert not any(t.requires_grad or t.grad is not None for t in tensors if isinstance(t, Tensor))


@every_case
def test_backward_reaches_the_parameters(card, case):
    args, settings = arguments(card), settings_of(card, case)
    value = seeded(card.function, *args, **settings)
    value.backward()
    found = [p.grad for p in args[0].parameters() if p.grad is not None]
    assert found and all(grad.isfinite().all() for grad in found)
    assert value == 0 or any((grad != 0).any() for grad in found)


@every_case
def test_empty_batch_is_a_zero_attached_to_the_graph(card, case):
    model, *tensors = arguments(card)
    value = card.function(model, *(t[:0] for t in tensors), **settings_of(card, case))
    value.backward()
    assert value.item() == 0
    assert all(p.grad is None or (p.grad == 0).all() for p in model.parameters())


@every_case
def test_module_is_the_function_with_its_settings(card, case):
    args, settings = arguments(card), settings_of(card, case)
    module = card.module(**settings)
    expected = seeded(card.function, *args, **settings)
    assert getattr(lb, card.module.__name__) is card.module
    for twin in (module, pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert type(twin) is card.module and isinstance(twin, nn.Module)
        assert torch.equal(seeded(twin, *args), expected)
    for name in card.parameters:
        assert f"{name}=" in repr(module)


@every_card
def test_module_refuses_unknown_and_positional_settings(card):
    with pytest.raises(TypeError, match="no setting 'sigma'"):
        card.module(sigma=1.0)
    with pytest.raises(TypeError, match="by keyword"):
        card.module(2.0)


@every_card
def test_unknown_reduction(card):
    with pytest.raises(ValueError, match=r"reduction must be one of 'none', 'mean', 'sum', got 'avg'"):
        card.function(*arguments(card), reduction="avg")


@every_card
def test_not_a_model(card):
    _, *tensors = arguments(card)
    with pytest.raises(TypeError, match=rf"{next(iter(card.domain))} must be .*, got int"):
        card.function(3, *tensors)


@every_card
def test_not_a_tensor(card):
    model, first, *others = arguments(card)
    with pytest.raises(TypeError, match=f"{list(card.domain)[1]} must be a tensor, got list"):
        card.function(model, first.tolist(), *others)


@every_card_of_numbers
def test_integer_inputs(card):
    model, first, *others = arguments(card)
    with pytest.raises(TypeError, match=r"must be a floating-point tensor, got torch\.int64"):
        card.function(model, first.long(), *others)


@every_card
def test_mixed_devices(card):
    model, first, *others = arguments(card)
    if others:
        with pytest.raises(ValueError, match=f"is on cpu, but {list(card.domain)[1]} is on meta"):
            card.function(model, first.to("meta"), *others)


# --- objectives that take another function, and whose gradient goes to their tensors ----------------------------------


@pytest.mark.parametrize("name", WITHOUT_A_MODEL)
def test_objective_without_a_model(name):
    """The gradient of every case against finite differences, its dtype, and a first argument that is none."""
    card = OBJECTIVE_CARDS[name]
    for case in ({}, *card.cases):
        first, *others = arguments(card)
        tensors = [t for other in others for t in (other if isinstance(other, list) else [other])]
        inputs = [t.requires_grad_() for t in tensors if t.is_floating_point()]
        value = seeded(card.function, first, *others, **settings_of(card, case))
        assert value.dtype == torch.float64

        def function(*_: Tensor, case: dict = case, first: Any = first, others: list = others) -> Tensor:
            return card.function(first, *others, **settings_of(card, case))  # gradcheck moves its inputs in place

        assert torch.autograd.gradcheck(function, inputs)
    with pytest.raises(TypeError, match=rf"{next(iter(card.domain))} must be .*, got int"):
        card.function(3, *others)
