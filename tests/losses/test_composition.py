"""Sums of losses, learned weights and distances of point sets: definitions in NumPy, optima, memory, silly input."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

import lossbook as lb
from lossbook.measure.bench import peak_bytes

Array = NDArray[Any]


@pytest.fixture(params=range(10))
def random(request):
    return np.random.default_rng(request.param)


def compare(name: str, expected: Array, *tensors: Array, **settings: Any) -> None:
    """All three reductions against the contributions that the definition gives."""
    tensors = tuple(torch.from_numpy(np.asarray(t)) for t in tensors)
    settings = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
    for reduction, right in (("none", expected), ("sum", expected.sum()), ("mean", expected.mean())):
        value = getattr(lb, name)(*tensors, reduction=reduction, **settings)
        np.testing.assert_allclose(value.numpy(), right, rtol=1e-9, atol=1e-12)


# --- sums -------------------------------------------------------------------------------------------------------------


def test_sums_against_their_definitions(random):
    losses = random.uniform(0, 3, (4, 3))
    weight, s = random.uniform(0, 2, 3), random.standard_normal(3)
    compare("weighted_sum_loss", np.array([sum(w * x for w, x in zip(weight, row, strict=True)) for row in losses]),
            losses, weight)  # fmt: skip
    kinds = tuple(("regression", "classification")[i] for i in random.integers(2, size=3))
    expected = [
        sum(
            (0.5 if k == "regression" else 1.0) * math.exp(-v) * x + 0.5 * v
            for k, v, x in zip(kinds, s, row, strict=True)
        )
        for row in losses
    ]
    compare("uncertainty_weighting_loss", np.array(expected), losses, s, kinds=kinds)
    previous, before, tau = random.uniform(0.2, 2, 3), random.uniform(0.2, 2, 3), random.uniform(0.3, 4)
    powers = [math.exp(p / b / tau) for p, b in zip(previous, before, strict=True)]
    expected = [sum(3 * e / sum(powers) * x for e, x in zip(powers, row, strict=True)) for row in losses]
    compare("dynamic_weight_average_loss", np.array(expected), losses, previous, before, temperature=tau)


def test_gradnorm_against_its_definition(random):
    w, norms, now, start = random.uniform(0.2, 2, (4, 5, 3))
    alpha = random.uniform(0, 2)
    expected = []
    for n in range(5):
        progress = now[n] / start[n]
        rate = progress / (sum(progress) / 3)
        mean = sum(w[n] * norms[n]) / 3
        expected.append(sum(abs(w[n, k] * norms[n, k] - mean * rate[k] ** alpha) for k in range(3)))
    compare("gradnorm_loss", np.array(expected), w, norms, now, start, alpha=alpha)


@pytest.mark.parametrize(("kind", "factor"), [("regression", 1.0), ("classification", 2.0)])
@pytest.mark.parametrize("value", [0.01, 0.5, 7.0])
def test_best_log_variance(kind, factor, value):
    """The optimum is log L for a regression and log 2L for a classification."""
    s = torch.tensor([math.log(factor * value)], dtype=torch.float64, requires_grad=True)
    losses = torch.tensor([value], dtype=torch.float64)
    best = lb.uncertainty_weighting_loss(losses, s, kinds=kind)
    best.backward()
    assert abs(s.grad.item()) < 1e-12
    for move in (-0.3, 0.3):
        assert lb.uncertainty_weighting_loss(losses, s.detach() + move, kinds=kind) > best


def test_uncertainty_of_a_regression_is_the_likelihood_of_a_gaussian():
    """Half the squared error over the variance, plus half its logarithm: the Gaussian without its constant."""
    x, y = torch.randn(2, 5, dtype=torch.float64)
    s = torch.tensor([0.4], dtype=torch.float64)
    value = lb.uncertainty_weighting_loss((x - y).square().unsqueeze(1), s, reduction="none")
    expected = -torch.distributions.Normal(x, (s / 2).exp()).log_prob(y) - 0.5 * math.log(2 * math.pi)
    assert torch.allclose(value, expected)


def test_uncertainty_weighting_learns_its_variances():
    weigh = lb.UncertaintyWeighting(2, kinds=("regression", "classification"))
    optimizer = torch.optim.Adam(weigh.parameters(), lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        weigh(torch.tensor(4.0), torch.tensor(0.3)).backward()
        optimizer.step()
    assert weigh.log_variance.tolist() == pytest.approx([math.log(4.0), math.log(0.6)], abs=1e-2)


MODULES = {
    "combined": lambda: lb.CombinedLoss({"ce": lb.CrossEntropyLoss(), "focal": lb.FocalLoss()}, {"focal": 0.5}),
    "uncertainty": lambda: lb.UncertaintyWeighting(2, kinds=("regression", "classification"), initial=0.5),
    "average": lambda: lb.DynamicWeightAverage(2, temperature=1.0),
    "gradnorm": lambda: lb.GradNorm(2, alpha=0.5),
}


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_state_goes_through_copies_pickles_and_state_dicts(make):
    module = make()
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
                tensor.add_(0.25)
    fresh = make()
    fresh.load_state_dict(module.state_dict())
    for twin in (fresh, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert repr(twin) == repr(module)
        for name, value in module.state_dict().items():
            other = twin.state_dict()[name]
            assert torch.equal(other, value) if isinstance(value, torch.Tensor) else other == value


def test_stacked_and_separate_losses_are_the_same():
    weigh = lb.UncertaintyWeighting(2)
    losses = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert torch.equal(weigh(losses), weigh(losses[:, 0], losses[:, 1]))
    assert torch.equal(weigh(losses[0]), weigh(losses[0, 0], losses[0, 1]))


def test_dynamic_weights_remember_two_epochs():
    weigh = lb.DynamicWeightAverage(2, temperature=1.0)
    epochs = ([(4.0, 2.0), (2.0, 2.0)], [(1.0, 2.0)], [(0.5, 1.0)])
    for losses in epochs[0]:
        assert weigh(*map(torch.tensor, losses)).item() == pytest.approx(sum(losses))
    weigh.end_epoch()
    assert weigh.weight.tolist() == [1.0, 1.0]
    weigh(*map(torch.tensor, epochs[1][0]))
    weigh.eval()
    weigh(torch.tensor(100.0), torch.tensor(100.0))  # validation does not count
    weigh.train()
    weigh.end_epoch()
    slow, fast = math.exp(1.0), math.exp(1 / 3)
    expected = [2 * fast / (slow + fast), 2 * slow / (slow + fast)]
    assert weigh.weight.tolist() == pytest.approx(expected)
    assert weigh(torch.tensor(1.0), torch.tensor(0.0)).item() == pytest.approx(expected[0])
    weigh.end_epoch()
    weigh.end_epoch()  # an epoch without a call changes nothing
    assert torch.isfinite(weigh.weight).all()


def test_average_of_a_loss_of_zero_is_no_division_by_zero():
    now = torch.tensor([1.0, 1.0])
    assert lb.dynamic_weight_average_loss(now, now, torch.tensor([0.0, 1.0])) == 2.0


def test_gradnorm_equalizes_gradients():
    """Two tasks, one with a gradient three times larger; with alpha 0 the weighted norms become equal."""
    shared = torch.tensor([1.0, -1.0], requires_grad=True)
    balance = lb.GradNorm(2, alpha=0.0)
    optimizer = torch.optim.Adam(balance.parameters(), lr=0.005)
    for _ in range(300):
        losses = torch.stack([3.0 * shared.square().sum(), shared.square().sum()])
        optimizer.zero_grad()
        balance.loss(losses, [shared]).backward()
        optimizer.step()
        balance.renormalize()
        balance(losses).backward()
    first, second = balance.weight.tolist()
    assert first + second == pytest.approx(2.0)
    assert 3 * first == pytest.approx(second, rel=0.05)


def test_gradnorm_starts_anew_where_all_weights_fell_below_zero():
    """A learning rate that is too large takes both weights down at once; they must not become 0 / 0."""
    balance = lb.GradNorm(2)
    with torch.no_grad():
        balance.weight.fill_(-0.1)
    balance.renormalize()
    assert balance.weight.tolist() == [1.0, 1.0]


def test_gradnorm_takes_the_norms_itself_and_keeps_the_first_losses():
    layer, heads = nn.Linear(2, 3), [nn.Linear(3, 1), nn.Linear(3, 1)]
    balance = lb.GradNorm(2)
    first = None
    for _ in range(2):
        hidden = layer(torch.randn(4, 2))
        losses = [head(hidden).square().mean() for head in heads]
        first = first or [loss.item() for loss in losses]
        balance.loss(losses, layer.parameters()).backward()
        balance(*losses).backward()
    assert balance.initial_losses.tolist() == pytest.approx(first)
    assert balance.weight.grad is not None and layer.weight.grad is not None
    unrelated = torch.zeros(1, requires_grad=True)
    assert balance.loss([loss * 1.0 for loss in (unrelated.sum(), unrelated.sum())], [unrelated]).isfinite()


def test_combined_loss_reports_its_terms_and_nests():
    inner = lb.CombinedLoss({"a": lambda p, t: (p - t).abs().mean(), "b": lambda p, t: (p - t).square().mean()})
    outer = lb.CombinedLoss({"inner": inner, "l1": lb.L1Loss()}, weights={"inner": 2.0, "l1": lambda step: 0.1 * step})
    prediction, target = torch.tensor([3.0], requires_grad=True), torch.tensor([1.0])
    total, terms = outer.report(prediction, target)
    assert {name: value.item() for name, value in terms.items()} == {"inner": 6, "inner/a": 2, "inner/b": 4, "l1": 2}
    assert total.item() == 12.0 and not any(value.requires_grad for value in terms.values())
    outer.advance(5)
    assert outer(prediction, target).item() == 13.0 and inner.step == 5
    outer(prediction, target).backward()
    assert prediction.grad.item() == 2 * (1 + 4) + 0.5
    fresh = lb.CombinedLoss({"inner": copy.deepcopy(inner), "l1": lb.L1Loss()}, weights={"l1": lambda step: 0.1 * step})
    fresh.load_state_dict(outer.state_dict())
    assert fresh.step == 5
    assert "inner=2.0, l1=schedule" in repr(outer)


def test_combined_loss_moves_its_parameters_and_compiles():
    both = lb.CombinedLoss({"ce": lb.CrossEntropyLoss(), "dice": lb.DiceLoss()}, weights={"dice": 0.5})
    logits, target = torch.randn(2, 3, 4), torch.randint(3, (2, 4))
    expected = lb.cross_entropy(logits, target) + 0.5 * lb.dice_loss(logits, target)
    assert torch.isclose(both(logits, target), expected)
    compiled = torch.compile(both, fullgraph=True, backend="aot_eager")
    assert torch.isclose(compiled(logits, target), expected)


def test_a_schedule_is_not_compiled_into_the_graph():
    """As a number it would be compiled anew at each step, until torch gives up after the eighth."""
    torch._dynamo.reset()
    inner = lb.CombinedLoss({"l1": lb.L1Loss()}, weights={"l1": lambda step: 1.0 + step})
    both = lb.CombinedLoss({"inner": inner, "mse": lb.MSELoss()}, weights={"inner": lambda step: 0.1 * step})
    compiled = torch.compile(both, fullgraph=True, backend="aot_eager")
    x, y = torch.randn(2, 5)
    for step in range(10):
        expected = 0.1 * step * (1.0 + step) * lb.l1_loss(x, y) + lb.mse_loss(x, y)
        for found in (both(x, y), compiled(x, y)):
            assert torch.isclose(found, expected) and found.dtype == torch.float32
        both.advance()
    fresh = copy.deepcopy(both)
    fresh.load_state_dict(both.state_dict() | {"_extra_state": {"step": 3}})
    assert fresh.weights_now.tolist() == pytest.approx([0.3, 1.0])


def test_silly_sums():
    losses = torch.ones(4, 2)
    with pytest.raises(ValueError, match=r"log_variance must have shape \(2,\), got \(3,\)"):
        lb.uncertainty_weighting_loss(losses, torch.zeros(3))
    with pytest.raises(ValueError, match="kinds must name 2 tasks, one for each loss, got 1"):
        lb.uncertainty_weighting_loss(losses, torch.zeros(2), kinds=("regression",))
    with pytest.raises(ValueError, match="kinds must be one of 'regression', 'classification', got 'ranking'"):
        lb.UncertaintyWeighting(2, kinds="ranking")
    with pytest.raises(ValueError, match="losses must have shape"):
        lb.weighted_sum_loss(torch.tensor(1.0), torch.ones(1))
    with pytest.raises(ValueError, match="weight must have shape"):
        lb.gradnorm_loss(*[torch.tensor(1.0)] * 4)
    with pytest.raises(ValueError, match="temperature must be above 0, got 0"):
        lb.DynamicWeightAverage(2, temperature=0.0)
    with pytest.raises(ValueError, match="temperature must be above 0"):
        lb.dynamic_weight_average_loss(losses, torch.ones(2), torch.ones(2), temperature=-1.0)
    with pytest.raises(ValueError, match="alpha must be at least 0, got -1"):
        lb.GradNorm(2, alpha=-1.0)
    with pytest.raises(ValueError, match="terms must name at least one loss"):
        lb.CombinedLoss({})
    with pytest.raises(TypeError, match=r"terms\['l1'\] must be callable, got float"):
        lb.CombinedLoss({"l1": 1.0})
    with pytest.raises(ValueError, match="weights must name terms, 'l1', got 'l2'"):
        lb.CombinedLoss({"l1": lb.L1Loss()}, weights={"l2": 1.0})
    with pytest.raises(ValueError, match="reduction must be one of"):
        lb.UncertaintyWeighting(2, reduction="avg")


# --- gradient surgery -------------------------------------------------------------------------------------------------


def test_projection_against_its_definition(random):
    gradients = random.standard_normal((4, 6))
    order = np.stack([random.permutation(4) for _ in range(4)])
    expected = gradients.copy()
    for i in range(4):
        for j in order[i]:
            overlap = float(expected[i] @ gradients[j])
            if j != i and overlap < 0:
                expected[i] = expected[i] - overlap / float(gradients[j] @ gradients[j]) * gradients[j]
    value = lb.project_conflicting_gradients(torch.from_numpy(gradients), order=torch.from_numpy(order))
    np.testing.assert_allclose(value.numpy(), expected, rtol=1e-10)


def test_projection_of_two_tasks_leaves_no_conflict_and_agreement_alone():
    opposed = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
    fixed = lb.project_conflicting_gradients(opposed)
    assert torch.allclose((fixed * opposed.flip(0)).sum(1), torch.zeros(2), atol=1e-7)
    agreed = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    assert torch.equal(lb.project_conflicting_gradients(agreed), agreed)
    assert lb.project_conflicting_gradients(torch.tensor([[1.0], [0.0]])).isfinite().all()
    assert lb.project_conflicting_gradients(torch.zeros(0, 3)).shape == (0, 3)


def test_pcgrad_backward_fills_and_adds_to_gradients():
    a, b = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor(3.0, requires_grad=True)
    frozen = torch.tensor(0.0)
    losses = [a.sum() + b, -a[0] * 1.0]
    rows = torch.tensor([[1.0, 1.0, 1.0], [-1.0, 0.0, 0.0]])
    expected = lb.project_conflicting_gradients(rows).sum(0)
    for times in (1, 2):
        lb.pcgrad_backward(losses, [a, b, frozen])
        assert torch.allclose(a.grad, times * expected[:2]) and torch.allclose(b.grad, times * expected[2])
    with pytest.raises(ValueError, match=r"order must have shape \(2, 2\), got \(3, 3\)"):
        lb.project_conflicting_gradients(rows, order=torch.zeros(3, 3, dtype=torch.long))
    with pytest.raises(ValueError, match="parameters must hold at least one tensor that requires a gradient"):
        lb.pcgrad_backward(losses, [frozen])
    with pytest.raises(ValueError, match="losses must hold at least one loss"):
        lb.pcgrad_backward([], [a])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_projection_of_small_gradients_in_half_precision(dtype):
    """Squares of 1e-4 vanish in float16: the conflict would stay."""
    gradients = 1e-4 * torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
    found = lb.project_conflicting_gradients(gradients.to(dtype))
    assert found.dtype == dtype
    assert torch.allclose(found.float(), lb.project_conflicting_gradients(gradients), rtol=1e-2, atol=1e-7)


# --- deep supervision -------------------------------------------------------------------------------------------------


def test_deep_supervision_against_its_definition():
    fine, coarse = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 2, 2)
    target = torch.randint(3, (2, 4, 4))
    nearest = target[:, 1::2, 1::2]  # nearest-exact takes the pixel at 2 i + 1
    first, second = F.cross_entropy(fine, target), F.cross_entropy(coarse, nearest)
    loss = lb.deep_supervision_loss
    assert torch.isclose(loss(F.cross_entropy, [fine, coarse], target), first + 0.5 * second)
    assert torch.isclose(loss(F.cross_entropy, [fine, coarse], target, weights="same"), first + second)
    assert torch.isclose(loss(F.cross_entropy, [fine, coarse], target, normalize=True), (2 * first + second) / 3)
    assert torch.isclose(loss(F.cross_entropy, [fine, coarse], target, weights=(0.2, 3)), 0.2 * first + 3 * second)
    up = F.interpolate(coarse, (4, 4), mode="bilinear", align_corners=False)
    second = F.cross_entropy(up, target)
    assert torch.isclose(loss(F.cross_entropy, [fine, coarse], target, resize="prediction"), first + 0.5 * second)


def test_deep_supervision_keeps_large_labels_and_soft_targets():
    """Labels resized in half or single precision would change beyond 2048 or 2 ** 24."""
    big = 2**24 + 1
    target, seen = torch.full((1, 4), big), []
    lb.deep_supervision_loss(lambda p, t: seen.append(t) or p.sum(), [torch.zeros(1, 2, 2)], target)
    assert seen[0].dtype == torch.int64 and (seen[0] == big).all()
    soft = torch.rand(1, 2, 4, 4)
    lb.deep_supervision_loss(lambda p, t: seen.append(t) or p.sum(), [torch.zeros(1, 2, 2, 2)], soft)
    assert torch.equal(seen[1], soft[:, :, 1::2, 1::2])
    for grid in ((8,), (4, 4, 4)):
        scores = [torch.randn(1, 2, *grid), torch.randn(1, 2, *(size // 2 for size in grid))]
        labels = torch.zeros(1, *grid, dtype=torch.long)
        for resize in ("target", "prediction"):
            assert lb.deep_supervision_loss(F.cross_entropy, scores, labels, resize=resize).isfinite()


def test_silly_deep_supervision():
    x, y = torch.zeros(1, 2, 4), torch.zeros(1, 4, dtype=torch.long)
    with pytest.raises(TypeError, match="criterion must be callable, got Tensor"):
        lb.deep_supervision_loss(x, [x], y)
    with pytest.raises(ValueError, match="predictions must hold at least one tensor"):
        lb.deep_supervision_loss(F.cross_entropy, [], y)
    with pytest.raises(TypeError, match=r"predictions\[1\] must be a tensor, got list"):
        lb.deep_supervision_loss(F.cross_entropy, [x, [1.0]], y)
    with pytest.raises(ValueError, match="weights must hold 1 numbers, one for each prediction, got 2"):
        lb.deep_supervision_loss(F.cross_entropy, [x], y, weights=(1.0, 0.5))
    with pytest.raises(ValueError, match="weights must be one of"):
        lb.deep_supervision_loss(F.cross_entropy, [x], y, weights="exp")
    with pytest.raises(ValueError, match="resize must be one of"):
        lb.deep_supervision_loss(F.cross_entropy, [x], y, resize="both")


# --- point sets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0])
def test_wasserstein_is_the_best_matching(random, p):
    """Sorting is as good as trying every permutation."""
    x, y = random.standard_normal((2, 3, 5))
    expected = [
        min(
            sum(abs(a - b) ** p for a, b in zip(x[n], order, strict=True)) / 5 for order in itertools.permutations(y[n])
        )
        for n in range(3)
    ]
    compare("wasserstein_1d_loss", np.array(expected), x, y, p=p)


def test_silly_wasserstein():
    with pytest.raises(ValueError, match=r"p must be at least 1, got 0\.5"):
        lb.wasserstein_1d_loss(torch.zeros(2), torch.zeros(2), p=0.5)
    with pytest.raises(ValueError, match="prediction must have shape"):
        lb.wasserstein_1d_loss(torch.tensor(1.0), torch.tensor(1.0))
    assert lb.wasserstein_1d_loss(torch.zeros(3, 0), torch.zeros(3, 0)) == 0


def entropic_cost(x: Array, y: Array, a: Array, b: Array, p: float, epsilon: float, steps: int = 1000) -> float:
    """Sinkhorn's own iteration, on the plan rather than in logarithms, and the primal value of the plan."""
    cost = np.array([[np.sum(np.abs(u - v) ** 2) ** (p / 2) / p for v in y] for u in x])
    kernel, v = np.exp(-cost / epsilon), np.ones(len(b))
    for _ in range(steps):
        u = 1 / (kernel @ (b * v))
        v = 1 / (kernel.T @ (a * u))
    plan = (a * u)[:, None] * kernel * (b * v)[None, :]
    product = a[:, None] * b[None, :]
    ratio = np.where(plan > 0, plan / product, 1.0)
    return float((plan * cost).sum() + epsilon * (plan * np.log(ratio)).sum())


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_sinkhorn_against_the_primal_problem(random, p):
    x, y = random.standard_normal((5, 2)), random.standard_normal((7, 2)) + 0.5
    a, b = random.uniform(0.1, 1, 5), random.uniform(0.1, 1, 7)
    uniform = bool(random.integers(2))
    a, b = (np.ones(5) / 5, np.ones(7) / 7) if uniform else (a / a.sum(), b / b.sum())
    weights = {} if uniform else {"prediction_weight": 3 * a, "target_weight": b}
    epsilon = 2.0
    plain = entropic_cost(x, y, a, b, p, epsilon)
    divergence = plain - (entropic_cost(x, x, a, a, p, epsilon) + entropic_cost(y, y, b, b, p, epsilon)) / 2
    for debias, right in ((False, plain), (True, divergence)):
        compare("sinkhorn_loss", np.array([right]), x[None], y[None], p=p, epsilon=epsilon, iterations=600,
                debias=debias, **weights)  # fmt: skip


def test_sinkhorn_becomes_the_wasserstein_distance():
    x, y = torch.randn(2, 8, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for p in (1, 2):
        exact = lb.wasserstein_1d_loss(x[:, 0], y[:, 0], p=p) / p
        value = lb.sinkhorn_loss(x, y, p=p, epsilon=1e-3, iterations=3000, debias=False)
        assert torch.isclose(value, exact, rtol=5e-3)


def test_fifty_iterations_are_enough_for_points_of_unit_spread():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 40, 2, generator=generator, dtype=torch.float64)
    value = lb.sinkhorn_loss(x, y + 1)
    assert torch.isclose(value, lb.sinkhorn_loss(x, y + 1, iterations=5000), rtol=1e-3)


@pytest.mark.parametrize("debias", [True, False])
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_sinkhorn_gradient_is_that_of_the_optimum(debias, p):
    """Envelope theorem: with enough iterations, the gradient through the last step is that of the whole."""
    x, y = torch.randn(2, 5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weight = torch.tensor([0.1, 0.3, 0.2, 0.2, 0.2], dtype=torch.float64)

    def loss(x, y):
        return lb.sinkhorn_loss(x, y, p=p, epsilon=1.0, iterations=300, debias=debias, prediction_weight=weight)

    if p == 2 or not debias:  # against itself, the distance has a kink at each point
        assert torch.autograd.gradcheck(loss, (x.requires_grad_(), y.requires_grad_()))
    else:
        value = loss(x.requires_grad_(), y)
        value.backward()
        assert x.grad.isfinite().all()


def test_sinkhorn_points_without_mass_may_be_nan():
    """Sets of different sizes are padded; what stands in the padding counts for nothing."""
    x, y = torch.randn(2, 4, 2, dtype=torch.float64), torch.randn(2, 5, 2, dtype=torch.float64)
    mass = torch.tensor([0.25, 0.5, 0.25, 0.0], dtype=torch.float64)
    padded = x.index_fill(1, torch.tensor(3), float("nan")).requires_grad_()
    value = lb.sinkhorn_loss(padded, y, prediction_weight=mass)
    assert torch.isclose(value, lb.sinkhorn_loss(x[:, :3], y, prediction_weight=mass[:3]), rtol=1e-6)
    (slope,) = torch.autograd.grad(value, padded)
    assert slope.isfinite().all() and (slope[:, 3] == 0).all()


def test_sinkhorn_divergence_is_zero_at_the_target_and_positive_elsewhere():
    """Without the divergence the points that fit best have shrunk together."""
    y = torch.randn(6, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert abs(lb.sinkhorn_loss(y[torch.randperm(6)], y, epsilon=1.0).item()) < 1e-12
    assert lb.sinkhorn_loss(0.7 * y, y, epsilon=1.0) > 0
    biased = [lb.sinkhorn_loss(s * y, y, epsilon=1.0, debias=False).item() for s in (0.7, 1.0)]
    assert biased[0] < biased[1]


def test_sinkhorn_of_a_shift_is_the_cost_of_the_shift():
    y = torch.randn(6, 2, dtype=torch.float64)
    value = lb.sinkhorn_loss(y + torch.tensor([3.0, 4.0]), y, iterations=500)
    assert value.item() == pytest.approx(12.5, rel=1e-6)


def test_points_of_no_mass_do_not_count():
    x, y = torch.randn(2, 5, 2, dtype=torch.float64)
    weight = torch.tensor([1.0, 1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    x.requires_grad_()
    value = lb.sinkhorn_loss(x, y, epsilon=2.0, iterations=400, prediction_weight=weight)
    value.backward()
    assert torch.isclose(value, lb.sinkhorn_loss(x[weight > 0], y, epsilon=2.0, iterations=400))
    assert (x.grad[weight == 0] == 0).all() and x.grad.isfinite().all()


@pytest.mark.parametrize("loss", [lb.sinkhorn_loss, lb.mmd_loss, lb.MMDLoss(kernel="energy")])
def test_order_of_the_points_does_not_matter(loss):
    x, y = torch.randn(7, 2, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    assert torch.isclose(loss(x[torch.randperm(7)], y[torch.randperm(5)]), loss(x, y))


def test_far_from_the_origin_float32_keeps_its_digits():
    """Distances do not change with a shift, so points are centered before squares are formed."""
    x, y = torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(3))
    shift = 1000.0
    far_x, far_y = (x + shift).double(), (y + shift).double()
    for loss in (lb.sinkhorn_loss, lb.mmd_loss):
        assert torch.isclose(loss(x + shift, y + shift).double(), loss(far_x, far_y), rtol=1e-3)


def test_mmd_against_its_definition(random):
    x, y = random.standard_normal((2, 4, 3)), random.standard_normal((2, 6, 3))
    kernel = ("gaussian", "laplacian", "energy")[random.integers(3)]
    widths = tuple(random.uniform(0.4, 3, random.integers(1, 4)))
    unbiased = bool(random.integers(2))

    def k(u, v):
        d = math.sqrt(sum((u - v) ** 2))
        if kernel == "energy":
            return -d
        return sum(math.exp(-d * d / (2 * w * w) if kernel == "gaussian" else -d / w) for w in widths) / len(widths)

    def within(points):
        pairs = [k(u, v) for i, u in enumerate(points) for j, v in enumerate(points) if not unbiased or i != j]
        return sum(pairs) / len(pairs)

    expected = [
        within(x[n]) + within(y[n]) - 2 * sum(k(u, v) for u in x[n] for v in y[n]) / (len(x[n]) * len(y[n]))
        for n in range(2)
    ]
    compare("mmd_loss", np.array(expected), x, y, kernel=kernel, bandwidth=widths,
            estimator="unbiased" if unbiased else "biased")  # fmt: skip


def test_energy_distance_in_one_dimension_is_twice_the_integral_of_cramer():
    x, y = torch.tensor([0.0, 1.0], dtype=torch.float64), torch.tensor([0.5, 3.0], dtype=torch.float64)
    # The distribution functions differ by 1/2 on [0, 0.5] and on [1, 3].
    assert lb.mmd_loss(x[:, None], y[:, None], kernel="energy").item() == pytest.approx(2 * 0.25 * (0.5 + 2))


@pytest.mark.parametrize("kernel", ["gaussian", "laplacian", "energy"])
def test_identical_points_have_a_finite_gradient(kernel):
    x = torch.zeros(3, 2, requires_grad=True)
    loss = lb.mmd_loss(x, torch.zeros(3, 2), kernel=kernel)
    loss.backward()
    assert loss.item() == 0 and (x.grad == 0).all()


@pytest.mark.parametrize(
    "loss", [lb.MMDLoss(kernel="energy"), lb.MMDLoss(kernel="laplacian"), lb.SinkhornLoss(p=1, iterations=2)]
)
def test_distances_of_many_dimensions_need_no_tensor_of_all_differences(loss):
    x, y = torch.randn(60, 400, requires_grad=True), torch.randn(50, 400)
    differences = 60 * 50 * 400 * 4
    assert peak_bytes(lambda: torch.autograd.grad(loss(x, y), x)) < differences / 4


@pytest.mark.parametrize("loss", [lb.MMDLoss(kernel="energy"), lb.SinkhornLoss(p=1, epsilon=1.0, debias=False)])
def test_forward_mode_of_distances(loss):
    x, y = torch.randn(5, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    moves = torch.randn_like(x), torch.randn_like(y)
    _, change = torch.func.jvp(loss, (x, y), moves)
    slopes = torch.func.grad(loss, argnums=(0, 1))(x, y)
    assert torch.isclose(change, sum((m * s).sum() for m, s in zip(moves, slopes, strict=True)), rtol=1e-10)


def test_silly_points():
    x, y = torch.zeros(3, 2), torch.zeros(4, 2)
    for loss in (lb.sinkhorn_loss, lb.mmd_loss):
        with pytest.raises(ValueError, match=r"target must have shape \(M, 2\), got \(4, 3\)"):
            loss(x, torch.zeros(4, 3))
        with pytest.raises(ValueError, match=r"prediction must have shape \(\*, N, D\), got \(3,\)"):
            loss(x[:, 0], y)
        with pytest.raises(ValueError, match="target must hold at least one point"):
            loss(x, y[:0])
    with pytest.raises(ValueError, match="p must be 1 or 2, got 3"):
        lb.sinkhorn_loss(x, y, p=3)
    with pytest.raises(ValueError, match="epsilon must be above 0, got 0"):
        lb.sinkhorn_loss(x, y, epsilon=0.0)
    with pytest.raises(ValueError, match="iterations must be at least 1, got 0"):
        lb.sinkhorn_loss(x, y, iterations=0)
    with pytest.raises(ValueError, match=r"prediction_weight must have shape \(3,\) or \(3,\), got \(4,\)"):
        lb.sinkhorn_loss(x, y, prediction_weight=torch.ones(4))
    with pytest.raises(ValueError, match="target_weight must not be negative and must not be all 0"):
        lb.sinkhorn_loss(x, y, target_weight=torch.zeros(4))
    with pytest.raises(TypeError, match="target_weight must be a tensor, got list"):
        lb.sinkhorn_loss(x, y, target_weight=[1.0] * 4)
    with pytest.raises(ValueError, match="kernel must be one of"):
        lb.mmd_loss(x, y, kernel="linear")
    with pytest.raises(ValueError, match="estimator must be one of"):
        lb.mmd_loss(x, y, estimator="u")
    with pytest.raises(ValueError, match="bandwidth must be above 0"):
        lb.mmd_loss(x, y, bandwidth=(1.0, 0.0))
    with pytest.raises(ValueError, match="needs two points in each set"):
        lb.mmd_loss(x[:1], y, estimator="unbiased")
