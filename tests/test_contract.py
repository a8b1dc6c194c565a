"""The contract of a loss (what CONTRIBUTING.md promises), held for every card with its defaults and its cases."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import shutil

import pytest
import torch
from samples import adverse, draw, kinds, perfect, settings_of, task_of, with_detached_held
from torch import Tensor

import lossbook as lb
from lossbook import calculus

FUNCTIONS = {name: card for name, card in lb.cards.items() if card.kind != "objective"}
CASES = [
    pytest.param(card, case, id=f"{name}-{'-'.join(f'{k}={v}' for k, v in case.items()) or 'defaults'}")
    for name, card in FUNCTIONS.items()
    for case in ({}, *card.cases)
]
CARDS = [pytest.param(card, id=name) for name, card in FUNCTIONS.items()]
IGNORING = [pytest.param(card, id=name) for name, card in FUNCTIONS.items() if "ignore_index" in card.parameters]
DERIVED = [c for c in CARDS if c.values[0].kind == "function"]
INDEPENDENT = [c for c in CASES if not c.values[0].couples]
ANY_LAYOUT = [c for c in CASES if all(kind.any_layout for kind in kinds(c.values[0]))]
LABELED = [c for c in CASES if {"labels", "mask", "target of the task"} & set(c.values[0].domain.values())]
MULTICLASS = [c for c in LABELED if task_of(*c.values) == "multiclass"]
every_case = pytest.mark.parametrize(("card", "case"), CASES)
every_card = pytest.mark.parametrize("card", CARDS)
every_ignoring_card = pytest.mark.parametrize("card", IGNORING)


def is_large(tensors: list[Tensor]) -> bool:
    """Whether differences take too long entry by entry: along random directions they see every entry as well."""
    return sum(t.numel() for t in tensors) > 2000


def gradient(card, tensors: list[Tensor], **settings) -> Tensor:
    return calculus.autograd(card.function, *tensors, **settings)


@every_case
def test_gradient_against_finite_differences(card, case):
    """With `"none"`, so that the gradient is right under every upstream gradient, not just a uniform one."""
    tensors, settings = draw(card, case, size=(2, 2)), settings_of(card, case)
    for name, tensor in zip(card.domain, tensors, strict=True):
        tensor.requires_grad_(name in card.differentiable)
    function = with_detached_held(card, tensors, settings)
    assert torch.autograd.gradcheck(
        lambda *t: function(*t, reduction="none", **settings), tensors, fast_mode=is_large(tensors)
    )


def is_derived(card, case) -> bool:
    """Whether the derivation covers the case: it always covers the defaults, and whatever settings it names."""
    if card.gradient is None or isinstance(case.get("smooth"), tuple):
        return False
    return set(case) <= set(inspect.signature(card.gradient).parameters)


@pytest.mark.parametrize(("card", "case"), [c for c in CASES if is_derived(*c.values)])
def test_gradient_by_hand(card, case):
    tensors, settings = draw(card, case), settings_of(card, case)
    function = with_detached_held(card, tensors, settings)
    if is_large(tensors):
        by_hand = card.gradient(*tensors, **settings)
        assert torch.allclose(by_hand, gradient(card, tensors, **settings), rtol=1e-10, atol=1e-14)
        return
    check = calculus.check_gradient(function, card.gradient, *tensors, **settings)
    assert check.agrees, check
    if card.detached:
        held = calculus.autograd(function, *tensors, **settings)
        assert torch.allclose(gradient(card, tensors, **settings), held, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(("card", "case"), [c for c in CASES if c.values[0].properties["smooth"].holds])
def test_second_derivative(card, case):
    first, *others = draw(card, case, batch=1, size=(2, 2))
    settings = settings_of(card, case)
    function = with_detached_held(card, [first, *others], settings)
    assert torch.autograd.gradgradcheck(
        lambda x: function(x, *others, **settings), first.requires_grad_(), fast_mode=is_large([first])
    )


@pytest.mark.parametrize("card", [c for c in CARDS if c.values[0].properties["smooth"].holds])
def test_second_derivative_in_forward_mode(card):
    """Along a direction, forward over forward: as in reverse mode, or refused; never silently zero."""
    first, *others = draw(card)
    direction = draw(card, seed=1)[0]

    def along(x: Tensor) -> Tensor:
        return torch.func.jvp(lambda x: card.function(x, *others), (x,), (direction,))[1]

    try:
        found = torch.func.jvp(along, (first,), (direction,))[1]
    except (NotImplementedError, RuntimeError) as refusal:  # torch's Huber loss, and ours of linear layers
        assert re.search("forward AD|implement the jvp", str(refusal))  # noqa: PT017
        return
    (slope,) = torch.autograd.grad(card.function(first.requires_grad_(), *others), first, create_graph=True)
    expected = torch.zeros(())
    if slope.requires_grad:  # else it is the same everywhere
        expected = (torch.autograd.grad((slope * direction).sum(), first)[0] * direction).sum()
    assert torch.isclose(found, expected.to(found.dtype), rtol=1e-6, atol=1e-9)


@every_case
def test_sum_is_the_sum_of_none(card, case):
    tensors, settings = draw(card, case), settings_of(card, case)
    contributions = card.function(*tensors, reduction="none", **settings)
    assert torch.isclose(contributions.sum(), card.function(*tensors, reduction="sum", **settings), rtol=1e-12)


@pytest.mark.parametrize(("card", "case"), INDEPENDENT)
def test_mean_does_not_depend_on_how_often_the_batch_is_repeated(card, case):
    tensors, settings = draw(card, case), settings_of(card, case)
    if case.get("per_image") is False and "smooth" in card.parameters:
        settings["smooth"] = 0.0  # smoothing is small next to one batch, smaller still next to two
    twice = [torch.cat([t, t]) if kind.batched else t for t, kind in zip(tensors, kinds(card), strict=True)]
    assert torch.isclose(card.function(*twice, **settings), card.function(*tensors, **settings), rtol=1e-5)


WEIGHTS = {"weight", "pos_weight", "alpha"}
UNWEIGHTED = [c for c in CASES if not any(isinstance(c.values[1].get(name), tuple) for name in WEIGHTS)]


def divides_by_what_counts(card, case) -> bool:
    """Whether the divisor lies between the number of contributions that are not zero and that of all."""
    tensors, settings = draw(card, case), settings_of(card, case)
    contributions, mean = (card.function(*tensors, reduction=r, **settings) for r in ("none", "mean"))
    assert mean != 0
    divisor = (contributions.sum() / mean).item()
    number = round(divisor)
    return abs(divisor - number) < 1e-6 and (contributions != 0).sum() <= number <= contributions.numel()


@pytest.mark.parametrize(("card", "case"), [c for c in UNWEIGHTED if not c.values[0].unit])
def test_mean_divides_by_the_entries_that_count(card, case):
    assert divides_by_what_counts(card, case)


@pytest.mark.parametrize("card", [c for c in CARDS if c.values[0].unit])
def test_mean_with_a_divisor_of_its_own(card):
    """What the card says of it is needed: with some setting it is not the number of entries."""
    assert not all(divides_by_what_counts(card, case) for case in ({}, *card.cases))


@pytest.mark.parametrize(
    ("card", "case"), [c for c in CASES if isinstance(c.values[1].get("weight", c.values[1].get("alpha")), tuple)]
)
def test_unit_of_the_weights(card, case):
    """Weights are divided out again, however small they are; or, as in torch's binary cross-entropy, not at all."""
    tensors, settings = draw(card, case), settings_of(card, case)
    name = "weight" if "weight" in case else "alpha"
    small = card.function(*tensors, **settings | {name: settings[name] / 1000})
    expected = card.function(*tensors, **settings)
    assert torch.isclose(small, expected, rtol=1e-9) or torch.isclose(small, expected / 1000, rtol=1e-9)
    plain = {key: value for key, value in settings.items() if key != name}
    weighted, unweighted = (card.function(*tensors, reduction="sum", **chosen) for chosen in (settings, plain))
    assert not torch.isclose(weighted, unweighted)


@pytest.mark.parametrize(("card", "case"), ANY_LAYOUT)
@pytest.mark.parametrize("size", [(), (7,), (4, 3), (2, 3, 4)], ids=["0d", "1d", "2d", "3d"])
def test_any_number_of_picture_dimensions(card, case, size):
    """Values do not depend on how the positions are arranged, except where distances matter."""
    settings = settings_of(card, case)
    tensors = draw(card, case, size=size)
    if not size and not card.properties["permutation_invariant"].holds:
        with pytest.raises(ValueError, match="distances need a picture"):
            card.function(*tensors, **settings)
        return
    value = card.function(*tensors, **settings)
    assert value.shape == () and value.isfinite()
    if size and card.properties["permutation_invariant"].holds:
        flat = [t.reshape(*t.shape[: t.dim() - len(size)], -1) for t in tensors]
        assert torch.isclose(card.function(*flat, **settings), value, rtol=1e-12)


@every_case
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(card, case, dtype):
    """Computed in float32, returned in its own dtype, with finite gradients also at the end of float16's range."""
    first, *others = draw(card, case)
    settings = settings_of(card, case, torch.float32)
    low = first.to(dtype)
    value = card.function(low, *others, **settings)
    reference = card.function(low.double(), *others, **settings_of(card, case))
    assert value.dtype == dtype
    assert torch.isclose(value.double(), reference, rtol=torch.finfo(dtype).eps, atol=1e-4)
    extreme = adverse(card, first, 3e4)[0].to(dtype)
    assert card.function(extreme, *others, **settings).isfinite()
    assert gradient(card, [extreme, *others], **settings).isfinite().all()


@every_case
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_float32_inside(card, case, dtype):
    """Bit for bit what float32 gives for the same numbers, rounded once at the end."""
    first, *others = draw(card, case, batch=3, size=(9, 7), dtype=torch.float32)
    others = [t.to(dtype) if t.is_floating_point() else t for t in others]
    settings, low = settings_of(card, case, torch.float32), first.to(dtype)
    value = card.function(low, *others, **settings)
    wide = card.function(low.float(), *(t.float() if t.is_floating_point() else t for t in others), **settings)
    assert torch.equal(value, wide.to(dtype))


@every_case
def test_float64_is_not_rounded(card, case):
    tensors = draw(card, case)
    double = card.function(*tensors, **settings_of(card, case))
    single = card.function(
        *(t.float() if t.is_floating_point() else t for t in tensors), **settings_of(card, case, torch.float32)
    )
    assert double.dtype == torch.float64 and single.dtype == torch.float32
    assert torch.isclose(double, single.double(), rtol=1e-4, atol=1e-5)
    assert double != single.double()


@every_case
@pytest.mark.parametrize("magnitude", [1e2, 1e4])
def test_saturated_scores(card, case, magnitude):
    first, *others = draw(card, case, dtype=torch.float32)
    settings = settings_of(card, case, torch.float32)
    for scores in adverse(card, first, magnitude):
        assert card.function(scores, *others, **settings).isfinite()
        assert gradient(card, [scores, *others], **settings).isfinite().all()


@pytest.mark.parametrize(("card", "case"), LABELED)
@pytest.mark.parametrize("label", [0, 1])
def test_empty_and_full_masks(card, case, label):
    """Nothing, or everything, is foreground: finite value and gradient, for hesitant and for sure predictions."""
    tensors, settings = draw(card, case, dtype=torch.float32), settings_of(card, case, torch.float32)
    others = [t if t.is_floating_point() else torch.full_like(t, label) for t in tensors[1:]]
    for scale in (0.0, 1.0, 100.0):
        scores = scale * tensors[0]
        assert card.function(scores, *others, **settings).isfinite()
        assert gradient(card, [scores, *others], **settings).isfinite().all()


@every_case
def test_perfect_prediction_has_a_finite_gradient(card, case):
    """Identical prediction and target: no root or norm may be taken at zero."""
    tensors = draw(card, {k: v for k, v in case.items() if k != "ignore_index"})
    best = perfect(card, case, *tensors[1:])
    for dtype in (torch.float64, torch.float32):
        settings = settings_of(card, case, dtype)
        others = [t.to(dtype) if t.is_floating_point() else t for t in tensors[1:]]
        assert card.function(best.to(dtype), *others, **settings).isfinite()
        assert gradient(card, [best.to(dtype), *others], **settings).isfinite().all()


@every_case
def test_empty_batch_is_a_zero_attached_to_the_graph(card, case):
    tensors, settings = draw(card, case, batch=0), settings_of(card, case)
    first = tensors[0].requires_grad_()
    value = card.function(first, *tensors[1:], **settings)
    value.backward()
    assert first.grad.shape == first.shape and first.grad.isfinite().all()
    if case.get("per_image", card.parameters.get("per_image", True)):
        assert value.item() == 0
    else:
        assert value.isfinite()  # the batch as one region without a pixel


@every_ignoring_card
def test_nothing_is_ignored(card):
    """`None` is what any label means that does not occur."""
    tensors = draw(card)
    assert torch.equal(card.function(*tensors, ignore_index=None), card.function(*tensors, ignore_index=-77))
    target = tensors[place_of_target(card)]
    if card.domain["target"] == "labels":
        tensors[place_of_target(card)] = torch.full_like(target, -100)
        with pytest.raises(ValueError, match="target must"):
            card.function(*tensors, ignore_index=None)


def place_of_target(card) -> int:
    return list(card.domain).index("target")


@every_ignoring_card
@pytest.mark.parametrize("task", ["multiclass", "multilabel", "binary"])
def test_everything_ignored_is_a_zero_attached_to_the_graph(card, task):
    case = {"task": task} if "task" in card.parameters else {}
    if task == "multiclass" and card.name in ("bce_dice_loss", "combo_loss"):
        case = {}
    for per_image in (True, False) if "per_image" in card.parameters else (None,):
        settings = case | {"ignore_index": 255} | ({} if per_image is None else {"per_image": per_image})
        first, *others = draw(card, settings)
        place = place_of_target(card) - 1
        others[place] = torch.full_like(others[place], 255)
        first.requires_grad_()
        value = card.function(first, *others, **settings)
        value.backward()
        assert value.item() == 0
        assert (first.grad == 0).all()


@every_ignoring_card
def test_ignored_positions_neither_count_nor_get_a_gradient_not_even_from_nan(card):
    for task in ("multiclass", "multilabel", "binary") if "task" in card.parameters else (None,):
        settings = {"ignore_index": 255} | ({} if task is None else {"task": task})
        if task == "multiclass" and card.name in ("bce_dice_loss", "combo_loss"):
            continue
        first, *others = draw(card, settings, seed=3)
        ignored = others[place_of_target(card) - 1] == 255
        assert ignored.any() and not ignored.all()
        if ignored.shape == first.shape:
            spread = ignored
        else:  # a label for the scores of all classes, or for a hidden state
            spread = ignored.unsqueeze(1 if task_of(card, settings) == "multiclass" else -1).expand_as(first)
        poisoned = torch.where(spread, float("nan"), first)
        assert torch.equal(card.function(poisoned, *others, **settings), card.function(first, *others, **settings))
        grad = gradient(card, [poisoned, *others], **settings)
        assert (grad[spread] == 0).all() and grad.isfinite().all()
        assert (grad != 0).any() or card.properties["lipschitz"].constant == 0


@pytest.mark.parametrize("card", [c for c in IGNORING if c.values[0].properties["permutation_invariant"].holds])
def test_ignoring_equals_cutting_out(card):
    """One image, where the ignored positions can simply be left away."""
    settings = {"ignore_index": 255}
    tensors = draw(card, settings, batch=1, size=(12,), seed=5)
    kept = (tensors[place_of_target(card)] != 255).reshape(-1).nonzero().squeeze(1)
    cut = [
        t if kind.axis is None else t.index_select(kind.axis, kept)
        for t, kind in zip(tensors, kinds(card), strict=True)
    ]
    value, expected = card.function(*tensors, **settings), card.function(*cut)
    assert torch.isclose(value, expected, rtol=1e-12)


def slope_in(card, name: str, arguments: dict, **settings) -> Tensor:
    """The gradient with respect to one of the arguments; zero where the loss does not follow it."""
    variable = arguments[name].detach().clone().requires_grad_()
    value = card.function(**arguments | {name: variable}, **settings)
    if not value.requires_grad:
        return torch.zeros_like(variable)
    return torch.autograd.grad(value.sum(), variable, materialize_grads=True)[0]


def with_nan(arguments: dict, name: str, places: Tensor) -> dict:
    return arguments | {name: torch.where(places, float("nan"), arguments[name])}


@every_case
def test_nan_that_counts_is_seen(card, case):
    """A model that answers NaN must not look trained: what has a gradient, and is NaN, leaves no loss finite."""
    arguments = dict(zip(card.domain, draw(card, case, batch=4), strict=True)) | settings_of(card, case)
    for name in card.domain:
        if not arguments[name].is_floating_point():
            continue
        counts = slope_in(card, name, arguments, reduction="sum") != 0
        some = counts.nonzero()[:: max(int(counts.sum()) // 3, 1)]
        single = [torch.zeros_like(counts).index_put(tuple(index), torch.tensor(True)) for index in some]
        for places in [counts, *single] if len(some) else ():
            for reduction in ("none", "mean", "sum"):
                try:
                    value = card.function(**with_nan(arguments, name, places), reduction=reduction)
                except ValueError:  # refused, which is as good
                    continue
                assert not value.isfinite().all(), (name, reduction, int(places.sum()))


def with_zero_weights(card, case) -> Tensor | None:
    """A weight with zeros among its entries, for a loss whose `weight` counts entries; else nothing."""
    annotation = str(inspect.signature(card.function).parameters.get("weight", ""))
    takes_weights = "weight" in card.parameters and "Tensor" in annotation and "weight" not in case
    if not takes_weights and card.domain.get("weight") != "weight map":
        return None
    arguments = dict(zip(card.domain, draw(card, case, batch=4), strict=True)) | settings_of(card, case)
    values, first = card.function(**arguments, reduction="none"), arguments[next(iter(card.domain))]
    generator = torch.Generator().manual_seed(1)
    for shape in (values.shape, first.shape, (*first.shape[:1], 1, *first.shape[2:])):  # the last: one for each pixel
        weight = 0.5 + torch.rand(shape, generator=generator, dtype=torch.float64)
        weight[torch.rand(shape, generator=generator) < 0.4] = 0
        try:
            card.function(**arguments | {"weight": weight})
        except (ValueError, TypeError):
            continue
        if shape[:1] == first.shape[:1]:  # the weights of classes are as many as these, not as the examples
            return weight
    return None


every_weighted_case = pytest.mark.parametrize(
    ("card", "case", "weight"),
    [pytest.param(*c.values, w, id=c.id) for c in CASES if (w := with_zero_weights(*c.values)) is not None],
)


@every_weighted_case
def test_weight_of_zero_hides_nan(card, case, weight):
    """In any argument: where a weight of zero leaves no gradient, NaN changes neither the loss nor its gradients."""
    arguments = dict(zip(card.domain, draw(card, case, batch=4), strict=True)) | settings_of(card, case)
    clean, equal = arguments | {"weight": weight}, arguments | {"weight": torch.ones_like(weight)}
    poisoned, places = clean, {}
    for name in card.domain:
        if clean[name].is_floating_point() and name != "weight":
            counts = slope_in(card, name, equal).abs() > 1e-9  # what is less may be rounding
            places[name] = counts & (slope_in(card, name, clean) == 0)
            poisoned = with_nan(poisoned, name, places[name])
    first = places[next(iter(card.domain))]
    assert first.any() and not first.all()
    for reduction in ("none", "mean", "sum"):
        value = card.function(**poisoned, reduction=reduction)
        assert torch.equal(value, card.function(**clean, reduction=reduction)), reduction
    for name, hidden in places.items():
        slope = slope_in(card, name, poisoned)
        assert (slope[hidden] == 0).all(), name
        assert torch.allclose(slope, slope_in(card, name, clean), rtol=0, atol=0, equal_nan=True), name


@every_weighted_case
def test_learned_weights_of_zero_have_a_gradient(card, case, weight):
    """It says what an entry would cost, which those who learn weights from zero need: then nothing may be hidden."""
    arguments = dict(zip(card.domain, draw(card, case, batch=4), strict=True)) | settings_of(card, case)
    every_other = torch.arange(weight.numel()).reshape(weight.shape) % 2 == 0  # the mean of nothing has no slope
    weights = [torch.where(every_other, little, 1.0 + weight) for little in (0.0, 1e-7)]
    slopes = [slope_in(card, "weight", arguments | {"weight": each}, reduction="sum") for each in weights]
    assert torch.allclose(*slopes, rtol=1e-4, atol=1e-5)


@every_weighted_case
def test_negative_weights_are_refused_or_count_by_their_size(card, case, weight):
    arguments = dict(zip(card.domain, draw(card, case, batch=4), strict=True)) | settings_of(card, case)
    try:
        value = card.function(**arguments | {"weight": -weight})
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ""
        assert torch.equal(value, card.function(**arguments | {"weight": weight}))
    assert not refusal or "weight must not be negative" in refusal


@pytest.mark.parametrize(("card", "case"), [c for c in CASES if c.values[0].kind == "function"])
def test_module_is_the_function_with_its_settings(card, case):
    tensors, settings = draw(card, case), settings_of(card, case)
    module = card.module(**settings)
    expected = card.function(*tensors, **settings)
    assert torch.equal(module(*tensors), expected)
    assert torch.equal(module(**dict(zip(card.domain, tensors, strict=True))), expected)
    for twin in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert type(twin) is card.module and isinstance(twin, torch.nn.Module)
        assert torch.equal(twin(*tensors), expected)
    for name in card.parameters:
        assert f"{name}=" in repr(module)
    assert getattr(lb, card.module.__name__) is card.module
    assert list(inspect.signature(card.module).parameters) == list(card.parameters)
    tensor_settings = {name for name, value in settings.items() if isinstance(value, Tensor)}
    assert tensor_settings == set(module.state_dict())


@pytest.mark.parametrize("card", DERIVED)
def test_module_refuses_unknown_and_positional_settings(card):
    with pytest.raises(TypeError, match="no setting 'no_such_setting'"):
        card.module(no_such_setting=1.0)
    with pytest.raises(TypeError, match="by keyword"):
        card.module(2.0)
    with pytest.raises(ValueError, match="reduction must be one of"):
        card.module(reduction="avg")
    with pytest.raises(TypeError, match="reduction is a setting of"):
        card.module()(*draw(card), reduction="sum")
    for name, annotation in card.function.__annotations__.items():
        if annotation == "Tensor | None" and name in card.parameters:
            with pytest.raises(TypeError, match=f"{name} must be a tensor, got list"):
                card.module(**{name: [1.0, 2.0]})


@every_case
def test_compiles_into_one_graph(card, case):
    """The gradient is traced as well with the defaults; with other settings, what could break a graph is the loss."""
    tensors, settings = draw(card, case), settings_of(card, case)
    torch._dynamo.reset()
    compiled = torch.compile(card.function, fullgraph=True, backend="eager" if case else "aot_eager")
    first = tensors[0].requires_grad_()
    value = compiled(first, *tensors[1:], **settings)
    (grad,) = torch.autograd.grad(value, first)
    assert torch.isclose(value, card.function(*tensors, **settings), rtol=1e-12)
    assert torch.allclose(grad, gradient(card, tensors, **settings), rtol=1e-10, atol=1e-14)


@every_card
def test_a_compiled_loss_takes_batches_of_other_sizes(card):
    """The last batch of an epoch is smaller; from the second size on, torch compiles for all of them."""
    torch._dynamo.reset()
    compiled = torch.compile(card.function, fullgraph=True, backend="eager")
    for batch in (4, 3, 2):
        tensors = draw(card, batch=batch)
        assert torch.isclose(compiled(*tensors), card.function(*tensors), rtol=1e-12)


@pytest.mark.parametrize(
    "name",
    ["cross_entropy", "focal_loss", "ce_dice_loss", "lovasz_softmax_loss", "huber_loss", "ciou_loss", "info_nce_loss",
     "ssim_loss", "vae_loss", "gaussian_nll_loss"],
)  # fmt: skip
@pytest.mark.skipif(shutil.which("c++") is None, reason="inductor needs a C++ compiler")
def test_inductor_gives_the_same_numbers(name):
    """The compiled kernels of torch's own backend, forward and backward, in single precision."""
    card = lb.cards[name]
    tensors = draw(card, dtype=torch.float32)
    first = tensors[0].requires_grad_()
    torch._dynamo.reset()
    value = torch.compile(card.function, fullgraph=True)(first, *tensors[1:])
    (grad,) = torch.autograd.grad(value, first)
    assert torch.isclose(value, card.function(*tensors), rtol=1e-5)
    assert torch.allclose(grad, gradient(card, tensors), rtol=1e-4, atol=1e-6)


@every_case
def test_vmap_and_grad(card, case):
    """Gradients for each of several batches at once, as `torch.func` forms them."""
    batches, settings = [draw(card, case, seed=seed) for seed in range(3)], settings_of(card, case)
    stacked = [torch.stack(tensors) for tensors in zip(*batches, strict=True)]
    grads = torch.func.vmap(torch.func.grad(lambda *t: card.function(*t, **settings)))(*stacked)
    expected = torch.stack([gradient(card, tensors, **settings) for tensors in batches])
    assert torch.allclose(grads, expected, rtol=1e-10, atol=1e-14)


@every_case
def test_memory_layout_does_not_matter_and_input_is_not_changed(card, case):
    tensors, settings = draw(card, case), settings_of(card, case)
    copies = [t.clone() for t in tensors]
    strided = [torch.stack([t, t], -1)[..., 0] for t in tensors]
    value = card.function(*tensors, **settings)
    assert torch.isclose(card.function(*strided, **settings), value, rtol=1e-12)
    assert all(torch.equal(t, c) for t, c in zip(tensors, copies, strict=True))


@every_case
def test_autocast_changes_nothing(card, case):
    tensors = draw(card, case, dtype=torch.float32)
    settings = settings_of(card, case, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        value = card.function(*tensors, **settings)
    assert torch.isclose(value.float(), card.function(*tensors, **settings), rtol=1e-5)


@every_case
def test_half_precision_under_autocast_gives_float32(card, case):
    """As torch's own losses do: a gradient scaler multiplies the loss by more than float16 can hold."""
    tensors = [t.half() if t.is_floating_point() else t for t in draw(card, case)]
    settings = settings_of(card, case, torch.float16)
    for reduction in ("none", "mean", "sum"):
        with torch.autocast("cpu", torch.bfloat16):
            value = card.function(*tensors, reduction=reduction, **settings)
        assert value.dtype == torch.float32
        assert torch.equal(value.half(), card.function(*tensors, reduction=reduction, **settings))


@pytest.mark.parametrize("name", ["cross_entropy", "mse_loss", "dice_loss", "giou_loss", "info_nce_loss"])
def test_gradient_scaler_takes_no_step_back(name):
    """Its first scale is 65,536: more than float16 holds, but not more than the loss under autocast."""
    card = lb.cards[name]
    first, *others = [t.half() if t.is_floating_point() else t for t in draw(card)]
    parameter = torch.nn.Parameter(first.float())
    scaler, optimizer = torch.amp.GradScaler("cpu"), torch.optim.SGD([parameter], lr=0.1)
    with torch.autocast("cpu", torch.float16):
        value = torch.compile(card.function, fullgraph=True, backend="eager")(parameter.half(), *others)
    scaler.scale(value).backward()
    scaler.step(optimizer)
    scaler.update()
    assert value.isfinite() and scaler.get_scale() == 2.0**16
    assert not torch.equal(parameter.detach(), first.float())


@every_card
def test_unknown_reduction(card):
    with pytest.raises(ValueError, match=r"reduction must be one of 'none', 'mean', 'sum', got 'avg'"):
        card.function(*draw(card), reduction="avg")


@every_card
def test_not_a_tensor(card):
    first, *others = draw(card)
    with pytest.raises(TypeError, match=f"{next(iter(card.domain))} must be a tensor, got list"):
        card.function(first.tolist(), *others)


@every_card
def test_integer_scores(card):
    first, *others = draw(card)
    with pytest.raises(TypeError, match=r"must be a floating-point tensor, got torch\.int64"):
        card.function(first.long(), *others)


@every_card
def test_complex_numbers(card):
    tensors = draw(card)
    for index, name in enumerate(card.domain):
        wrong = [t.to(torch.complex64) if place == index else t for place, t in enumerate(tensors)]
        with pytest.raises(TypeError, match=f"{name} must hold real numbers, got torch.complex64"):
            card.function(*wrong)


@every_card
def test_mixed_devices(card):
    first, *others = draw(card)
    if others:
        with pytest.raises(ValueError, match=f"is on cpu, but {next(iter(card.domain))} is on meta"):
            card.function(first.to("meta"), *others)


@every_case
def test_wrong_shape(card, case):
    first, *others = draw(card, case)
    for index, other in enumerate(others):
        if other.dim() == 0 or kinds(card)[1 + index].any_length:
            continue
        wrong = [*others]
        wrong[index] = other[..., :-1]
        with pytest.raises(ValueError, match=r"must have (the )?shape"):
            card.function(first, *wrong, **settings_of(card, case))


@pytest.mark.parametrize(("card", "case"), LABELED)
def test_target_out_of_range(card, case):
    """Too large a label, a negative one, a mask that is not one: the message names what was expected."""
    first, target, *others = draw(card, case)
    for bad in (7, -3):
        wrong = target.clone()
        wrong.view(-1)[0] = bad
        with pytest.raises(ValueError, match=r"target must (hold labels 0 to 2|lie in \[0, 1\])"):
            card.function(first, wrong, *others, **settings_of(card, case))


@pytest.mark.parametrize(("card", "case"), MULTICLASS)
def test_float_labels(card, case):
    first, target, *others = draw(card, case)
    with pytest.raises(TypeError, match="integer class indices"):
        card.function(first, target.double(), *others, **settings_of(card, case))


@every_card
def test_wrong_settings(card):
    tensors = draw(card)
    wrong = {
        "task": "multi", "denominator": "sqrt", "overlap": "min", "classes": "some", "weighting": "log",
        "smooth": -1.0, "gamma": -1.0, "label_smoothing": 1.5,
    }  # fmt: skip
    for name, value in wrong.items():
        if name in card.parameters:
            with pytest.raises(ValueError, match=name):
                card.function(*tensors, **{name: value})


@pytest.mark.parametrize(
    "card",
    [c for c in CARDS if "weight" in c.values[0].parameters and task_of(c.values[0], {}) == "multiclass"],
)
def test_class_weights_of_the_wrong_length(card):
    with pytest.raises(ValueError, match=r"weight must have shape \(3,\)"):
        card.function(*draw(card), weight=torch.ones(4, dtype=torch.float64))


@pytest.mark.parametrize("card", [c for c in CARDS if task_of(c.values[0], {}) == "multiclass"])
def test_one_channel_is_not_multiclass(card):
    first, *others = draw(card)
    others = [other[:, :1] if other.shape == first.shape else other for other in others]
    with pytest.raises(ValueError, match="task='binary'"):
        card.function(first[:, :1], *others)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_case
def test_cuda_agrees_with_cpu(card, case):
    tensors, settings = draw(card, case), settings_of(card, case)
    there = [t.cuda() for t in tensors]
    settings_there = {k: v.cuda() if isinstance(v, Tensor) else v for k, v in settings.items()}
    value = card.function(*there, **settings_there)
    assert value.is_cuda and torch.isclose(value.cpu(), card.function(*tensors, **settings), rtol=1e-10)
    grad = gradient(card, there, **settings_there).cpu()
    assert torch.allclose(grad, gradient(card, tensors, **settings), rtol=1e-8, atol=1e-12)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_case
def test_cuda_under_autocast(card, case):
    """As in mixed-precision training: half-precision input, a loss in float32, a finite gradient."""
    tensors = [t.cuda().half() if t.is_floating_point() else t.cuda() for t in draw(card, case)]
    settings = settings_of(card, case, torch.float16)
    settings = {k: v.cuda() if isinstance(v, Tensor) else v for k, v in settings.items()}
    with torch.autocast("cuda", torch.float16):
        value = card.function(*tensors, **settings)
    assert value.dtype == torch.float32 and value.isfinite()
    assert gradient(card, tensors, **settings).isfinite().all()
