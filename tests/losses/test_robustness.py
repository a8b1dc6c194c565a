"""Attacks stay where they must; objectives against an adversary are what their papers write."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import lossbook as lb

Array = NDArray[Any]
OBJECTIVES = (lb.adversarial_training_loss, lb.trades_loss, lb.mart_loss, lb.alp_loss)
every_objective = pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda f: f.__name__)


def classifier(batch_norm: bool = False, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(0)
    middle = [nn.BatchNorm1d(5), nn.Dropout(0.5)] if batch_norm else []
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), *middle, nn.Tanh(), nn.Linear(5, 3)).to(dtype)
    for parameter in model.parameters():
        parameter.data *= 2
    return model


def batch(size: int = 6, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    pictures = torch.rand(size, 3, 2, 2, generator=generator, dtype=torch.float64).to(dtype)
    return pictures, torch.arange(size) % 3


# --- attacks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("start", ["uniform", "normal", "input"])
@pytest.mark.parametrize("bounds", [(0.0, 1.0), None])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16], ids=str)
def test_an_attack_leaves_neither_the_ball_nor_the_bounds(norm, start, bounds, dtype):
    model, (pictures, target) = classifier(dtype=dtype), batch(dtype=dtype)
    pictures[0] = 0.0
    pictures[1] = 1.0
    for epsilon, step_size in itertools.product((0.0, 0.03, 0.5), (0.01, 3.0)):
        found = lb.pgd_attack(
            model,
            pictures,
            target,
            epsilon=epsilon,
            step_size=step_size,
            steps=3,
            norm=norm,
            start=start,
            bounds=bounds,
        )
        assert found.dtype == dtype and found.shape == pictures.shape and not found.requires_grad
        change = (found.double() - pictures.double()).flatten(1)
        size = change.abs().amax(1) if norm == "linf" else change.norm(dim=1)
        assert (size <= epsilon + 4 * torch.finfo(dtype).eps).all()
        if bounds is not None:
            assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_an_attack_raises_the_loss_of_every_example(norm):
    model, (pictures, target) = classifier(), batch()
    before = lb.cross_entropy(model(pictures), target, reduction="none")
    for start in ("input", "normal", "uniform"):
        found = lb.pgd_attack(model, pictures, target, epsilon=0.2, step_size=0.05, norm=norm, start=start)
        assert (lb.cross_entropy(model(found), target, reduction="none") > before).all()


def test_attack_on_a_line_reaches_its_end():
    """Logits that are linear in the inputs: the worst point of either ball is known."""
    weights = torch.tensor([[3.0, -4.0], [0.0, 0.0]], dtype=torch.float64)
    model, target = lambda x: x @ weights.T, torch.tensor([0])
    inputs = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    box = lb.pgd_attack(model, inputs, target, epsilon=0.1, step_size=0.03)
    assert torch.allclose(box, torch.tensor([[0.4, 0.6]], dtype=torch.float64), rtol=1e-12)
    ball = lb.pgd_attack(model, inputs, target, epsilon=0.1, step_size=0.1, norm="l2", start="input")
    assert torch.allclose(ball, torch.tensor([[0.5 - 0.06, 0.5 + 0.08]], dtype=torch.float64), rtol=1e-12)


def test_fgsm_is_one_whole_step_along_the_signs():
    model, (pictures, target) = classifier(), batch()
    inputs = pictures.clone().requires_grad_()
    (slope,) = torch.autograd.grad(lb.cross_entropy(model(inputs), target), inputs)
    found = lb.fgsm_attack(model, pictures, target, epsilon=0.1)
    assert torch.allclose(found, (pictures + 0.1 * slope.sign()).clamp(0, 1), rtol=1e-12)
    unbounded = lb.fgsm_attack(model, pictures, target, epsilon=0.1, bounds=None)
    assert torch.allclose(unbounded, pictures + 0.1 * slope.sign(), rtol=1e-12)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_starts_fill_the_ball(norm):
    """Zero steps: what is left is the start. In two dimensions a quarter of the disc lies within half its radius."""
    inputs, target = torch.full((4000, 2), 0.5, dtype=torch.float64), torch.zeros(4000, dtype=torch.long)
    generator = torch.Generator().manual_seed(0)
    found = lb.pgd_attack(lambda x: x, inputs, target, epsilon=0.2, steps=0, norm=norm, generator=generator)
    change = (found - inputs) / 0.2
    sizes = change.abs().amax(1) if norm == "linf" else change.norm(dim=1)
    assert abs((sizes < 0.5).double().mean() - 0.25) < 0.03
    assert change.mean(0).abs().max() < 0.03 and sizes.max() > 0.99
    again = lb.pgd_attack(
        lambda x: x, inputs, target, epsilon=0.2, steps=0, norm=norm, generator=torch.Generator().manual_seed(0)
    )
    assert torch.equal(found, again)


def test_attack_takes_any_loss():
    """A regression, attacked through its squared error."""
    inputs, target = torch.tensor([[0.5], [0.5]]), torch.tensor([[1.0], [0.0]])
    found = lb.pgd_attack(
        lambda x: 2 * x, inputs, target, loss=lb.mse_loss, epsilon=0.1, step_size=0.05, start="normal"
    )
    assert torch.allclose(found, torch.tensor([[0.6], [0.6]])) or (found[:, 0] - 0.5).abs().min() > 0.09


def test_attack_with_a_loss_of_no_slope_stays_where_it_is():
    inputs, target = torch.full((2, 3), 0.5), torch.tensor([0, 1])
    for norm in ("linf", "l2"):
        found = lb.pgd_attack(lambda x: 0 * x, inputs, target, norm=norm, start="input")
        assert torch.equal(found, inputs)


@pytest.mark.parametrize("attack", [lb.pgd_attack, lb.fgsm_attack])
def test_attack_checks_what_it_is_given(attack):
    x, y = torch.full((2, 3), 0.5), torch.tensor([0, 1])
    with pytest.raises(TypeError, match="model must be a module or a function, got Tensor"):
        attack(x, x, y)
    with pytest.raises(ValueError, match=r"target must have shape \(2, ...\), one entry per input"):
        attack(lambda z: z, x, y[:1])


def test_attack_works_where_gradients_are_off():
    model, (pictures, target) = classifier(), batch()
    expected = lb.pgd_attack(model, pictures, target, start="input")
    with torch.no_grad():
        assert torch.equal(lb.pgd_attack(model, pictures, target, start="input"), expected)
        assert not torch.is_grad_enabled()


def test_attack_does_not_touch_the_gradients_of_the_parameters():
    """`loss.backward()` inside an attack, as in many implementations, adds to what `backward()` has left there."""
    model, (pictures, target) = classifier(), batch()
    lb.cross_entropy(model(pictures), target).backward()
    before = [parameter.grad.clone() for parameter in model.parameters()]
    lb.pgd_attack(model, pictures.requires_grad_(), target)
    assert all(torch.equal(p.grad, b) for p, b in zip(model.parameters(), before, strict=True))
    assert pictures.grad is None


def test_attack_keeps_batch_statistics_and_every_mode():
    """A frozen batch normalization stays frozen, which `model.train()` after the attack would undo."""
    model, (pictures, target) = classifier(batch_norm=True), batch()
    model.train()
    model[2].eval()
    before = model[2].running_mean.clone()
    lb.pgd_attack(model, pictures, target)
    assert torch.equal(model[2].running_mean, before)
    assert [module.training for module in model] == [True, True, False, True, True, True]
    model[2].train()
    lb.pgd_attack(model, pictures, target, evaluate=False)
    assert not torch.equal(model[2].running_mean, before)


def test_attack_gives_the_modes_back_when_the_model_fails():
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ArithmeticError(f"no answer for {len(x)} inputs")

    model = Failing()
    with pytest.raises(ArithmeticError):
        lb.pgd_attack(model, *batch())
    assert model.training


def test_attack_on_the_training_mode_is_another_attack():
    model, (pictures, target) = classifier(batch_norm=True).train(), batch()
    torch.manual_seed(3)
    inside = lb.pgd_attack(model, pictures, target, start="input", evaluate=False)
    assert not torch.equal(inside, lb.pgd_attack(model, pictures, target, start="input"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epsilon": -0.1}, "epsilon must be at least 0, got -0.1"),
        ({"step_size": -0.1}, "step_size must be at least 0, got -0.1"),
        ({"steps": -1}, "steps must be at least 0, got -1"),
        ({"norm": "l1"}, "norm must be one of 'linf', 'l2', got 'l1'"),
        ({"start": "zero"}, "start must be one of 'uniform', 'normal', 'input', got 'zero'"),
        ({"bounds": (1.0, 0.0)}, r"bounds must be two numbers, the smaller first, got \(1.0, 0.0\)"),
        ({"bounds": (0.0, 0.5)}, r"inputs must lie in bounds=\(0.0, 0.5\), got values from .* pass bounds=None"),
    ],
)
def test_wrong_settings(settings, message):
    for function in (lb.pgd_attack, *OBJECTIVES):
        with pytest.raises(ValueError, match=message):
            function(classifier(), *batch(), **settings)


def test_normalized_pictures_are_refused_unless_there_are_no_bounds():
    """With bounds of 0 and 1 the attack would clip them, and measure its radius in the wrong unit."""
    model, (pictures, target) = classifier(), batch()
    normalized = (pictures - 0.45) / 0.22
    with pytest.raises(ValueError, match="such as normalized pictures"):
        lb.trades_loss(model, normalized, target)
    assert lb.trades_loss(model, normalized, target, bounds=None).isfinite()


@every_objective
@pytest.mark.parametrize(
    ("name", "value"),
    [("beta", -1.0), ("pairing", -1.0), ("clean_weight", 1.5)],
)
def test_wrong_weights(objective, name, value):
    if name in lb.cards[objective.__name__].parameters:
        with pytest.raises(ValueError, match=f"{name} must"):
            objective(classifier(), *batch(), **{name: value})


@every_objective
def test_shapes_that_do_not_go_together(objective):
    model, (pictures, target) = classifier(), batch()
    with pytest.raises(ValueError, match=r"target must have shape \(6, ...\), one entry per input, got \(5,\)"):
        objective(model, pictures, target[:5])
    with pytest.raises(TypeError, match="perturbed must be a tensor, got list"):
        objective(model, pictures, target, perturbed=[1])


# --- objectives -------------------------------------------------------------------------------------------------------


def probabilities(model: Callable[[Tensor], Tensor], inputs: Tensor) -> Array:
    with torch.no_grad():
        z = model(inputs).numpy()
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def compare(objective: Callable, value: Callable[[int], float], *args: Any, **settings: Any) -> None:
    expected = np.array([value(n) for n in range(len(args[1]))])
    for reduction, wanted in (("none", expected), ("sum", expected.sum()), ("mean", expected.mean())):
        found = objective(*args, reduction=reduction, **settings)
        np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-10)


@pytest.fixture
def attacked() -> tuple[nn.Module, Tensor, Tensor, Tensor]:
    model, (pictures, target) = classifier(), batch()
    return model, pictures, target, lb.pgd_attack(model, pictures, target, epsilon=0.2, step_size=0.1)


@pytest.mark.parametrize("clean_weight", [0.0, 0.3, 1.0])
def test_adversarial_training_loss(clean_weight, attacked):
    model, pictures, target, perturbed = attacked
    p, q = probabilities(model, pictures), probabilities(model, perturbed)
    compare(
        lb.adversarial_training_loss,
        lambda n: -clean_weight * np.log(p[n, target[n]]) - (1 - clean_weight) * np.log(q[n, target[n]]),
        model, pictures, target, perturbed=perturbed, clean_weight=clean_weight,
    )  # fmt: skip


@pytest.mark.parametrize("beta", [0.0, 6.0])
def test_trades_loss(beta, attacked):
    model, pictures, target, perturbed = attacked
    p, q = probabilities(model, pictures), probabilities(model, perturbed)
    compare(
        lb.trades_loss,
        lambda n: -np.log(p[n, target[n]]) + beta * sum(p[n, c] * np.log(p[n, c] / q[n, c]) for c in range(3)),
        model, pictures, target, perturbed=perturbed, beta=beta,
    )  # fmt: skip


@pytest.mark.parametrize("beta", [0.0, 5.0])
def test_mart_loss(beta, attacked):
    model, pictures, target, perturbed = attacked
    p, q = probabilities(model, pictures), probabilities(model, perturbed)

    def value(n: int) -> float:
        y = int(target[n])
        rival = max(q[n, c] for c in range(3) if c != y)
        divergence = sum(p[n, c] * np.log(p[n, c] / q[n, c]) for c in range(3))
        return -np.log(q[n, y]) - np.log(1 - rival) + beta * divergence * (1 - p[n, y])

    compare(lb.mart_loss, value, model, pictures, target, perturbed=perturbed, beta=beta)


@pytest.mark.parametrize("pairing", [0.0, 0.5])
def test_alp_loss(pairing, attacked):
    model, pictures, target, perturbed = attacked
    p, q = probabilities(model, pictures), probabilities(model, perturbed)
    with torch.no_grad():
        difference = (model(pictures) - model(perturbed)).numpy()
    compare(
        lb.alp_loss,
        lambda n: -(np.log(p[n, target[n]]) + np.log(q[n, target[n]])) / 2 + pairing * (difference[n] ** 2).mean(),
        model, pictures, target, perturbed=perturbed, pairing=pairing,
    )  # fmt: skip


@every_objective
def test_without_an_attack_it_is_the_plain_loss(objective):
    """A ball of radius zero: divergences and pairings vanish."""
    model, (pictures, target) = classifier(), batch()
    plain = lb.cross_entropy(model(pictures), target)
    if objective is lb.mart_loss:
        with torch.no_grad():
            p = model(pictures).softmax(1)
        rival = p.scatter(1, target[:, None], 0.0).amax(1)
        plain = plain - torch.log1p(-rival).mean()
    assert torch.isclose(objective(model, pictures, target, epsilon=0.0), plain, rtol=1e-10)


@every_objective
def test_same_generator_same_loss(objective):
    model, (pictures, target) = classifier(), batch()
    values = [
        objective(model, pictures, target, generator=torch.Generator().manual_seed(seed), steps=1) for seed in (5, 5, 6)
    ]
    assert torch.equal(values[0], values[1]) and not torch.equal(values[0], values[2])


@every_objective
def test_ignored_pixels_neither_count_nor_steer_the_attack(objective):
    """MART looked a label of 255 up as a class; TRADES and ALP counted it among those that the mean divides by."""
    torch.manual_seed(0)
    model, pictures = nn.Conv2d(3, 4, 1).double(), torch.rand(2, 3, 5, 5, dtype=torch.float64)
    target = torch.randint(4, (2, 5, 5))
    target[:, :, 3:] = 255
    cut = [objective(model, *each, start="input", steps=0, ignore_index=255)
           for each in ((pictures, target), (pictures[..., :3], target[..., :3]))]  # fmt: skip
    assert torch.isclose(*cut, rtol=1e-12)
    seen = []
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    each = objective(model, pictures, target, start="input", ignore_index=255, reduction="none")
    assert all(torch.equal(inputs[..., 3:], pictures[..., 3:]) for inputs in seen)
    assert not torch.equal(seen[-1][..., :3], pictures[..., :3])
    assert (each[:, :, 3:] == 0).all() and (each[:, :, :3] > 0).all()
    nothing = objective(model, pictures, torch.full_like(target, 255), ignore_index=255)
    nothing.backward()
    assert nothing.item() == 0 and (model.weight.grad == 0).all()


def test_probabilities_of_the_classes_as_a_target():
    model, (pictures, target) = classifier(), batch()
    soft = torch.nn.functional.one_hot(target, 3).double()
    for objective in (lb.adversarial_training_loss, lb.trades_loss, lb.alp_loss):
        found, wanted = (objective(model, pictures, truth, steps=2, start="input") for truth in (soft, target))
        assert torch.isclose(found, wanted, rtol=1e-12)
    with pytest.raises(TypeError, match="target must hold integer class indices"):
        lb.mart_loss(model, pictures, soft, steps=1)


@every_objective
def test_pixels_of_a_segmentation(objective):
    """The losses of single positions, as many as there are labels."""
    torch.manual_seed(0)
    model, pictures = nn.Conv2d(3, 4, 1).double(), torch.rand(2, 3, 5, 5, dtype=torch.float64)
    target = torch.randint(4, (2, 5, 5))
    assert objective(model, pictures, target, reduction="none").shape == (2, 5, 5)
    assert objective(model, pictures, target).shape == ()


@every_objective
def test_half_precision_model(objective):
    model, (pictures, target) = classifier(dtype=torch.bfloat16), batch(dtype=torch.bfloat16)
    value = objective(model, pictures, target)
    value.backward()
    assert value.dtype == torch.bfloat16 and value.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@every_objective
@pytest.mark.parametrize("right", [True, False])
def test_saturated_answers_have_finite_gradients(objective, right):
    """kl_div of a softmax that underflows, and log(1 - p) of a p that is one, are NaN or infinite elsewhere."""
    target = torch.tensor([0, 1, 2])
    weights = (1e4 if right else -1e4) * torch.eye(3)
    weights.requires_grad_()
    inputs = torch.eye(3)
    value = objective(lambda x: x @ weights, inputs, target, perturbed=inputs.flip(0))
    value.backward()
    assert value.isfinite() and weights.grad.isfinite().all()


def test_trades_attack_begins_beside_the_input():
    """At the input the divergence has no slope but rounding."""
    model, (pictures, target) = classifier(), batch()
    inputs = pictures.clone().requires_grad_()
    log_p = model(pictures).log_softmax(1).detach()
    divergence = (log_p.exp() * (log_p - model(inputs).log_softmax(1))).sum()
    (slope,) = torch.autograd.grad(divergence, inputs)
    assert slope.abs().max() < 1e-14
    assert lb.trades_loss(model, pictures, target) > lb.cross_entropy(model(pictures), target) + 1e-4


def test_adversarial_training_makes_a_classifier_robust():
    """One feature tells the classes apart by much; fifty do so surely but by little, and an adversary flips those."""
    torch.manual_seed(0)
    target = torch.arange(100) % 2
    sign = (2.0 * target - 1).unsqueeze(1)
    inputs = torch.cat([0.3 * sign + 0.1 * torch.randn(100, 1), 0.05 * sign.expand(-1, 50)], 1)
    settings = {"epsilon": 0.1, "step_size": 0.05, "steps": 2, "bounds": None}

    def robust_accuracy(objective: Callable[[nn.Module], Tensor]) -> float:
        model = nn.Linear(51, 2)
        nn.init.zeros_(model.weight)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        for _ in range(20):
            optimizer.zero_grad()
            objective(model).backward()
            optimizer.step()
        found = lb.pgd_attack(model, inputs, target, **settings)
        return (model(found).argmax(1) == target).double().mean().item()

    plain = robust_accuracy(lambda model: lb.cross_entropy(model(inputs), target))
    for objective in OBJECTIVES:
        trained = robust_accuracy(lambda model, f=objective: f(model, inputs, target, **settings))
        assert trained > plain + 0.3, (objective.__name__, trained, plain)
