"""Losses for imbalanced classes against their definitions in NumPy, their identities, and what goes wrong elsewhere."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import lossbook as lb

Array = NDArray[Any]
DRAWS = range(16)
C = 4
IGNORED = 7
COUNTED = {
    "class_balanced_loss": lb.ClassBalancedLoss,
    "ldam_loss": lb.LDAMLoss,
    "logit_adjusted_loss": lb.LogitAdjustedLoss,
    "vector_scaling_loss": lb.VectorScalingLoss,
    "seesaw_loss": lb.SeesawLoss,
    "equalization_loss": lb.EqualizationLoss,
}
counted = pytest.mark.parametrize(("name", "module"), COUNTED.items(), ids=COUNTED)


class Draw:
    """Random settings, and a random input that fits them: logits, labels (some ignored), counts (some zero)."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.logits = 2 * self.random.standard_normal((3, C, 2, 3))
        self.target = self.random.integers(C, size=(3, 2, 3))
        self.counts = (10 ** self.random.uniform(0, 4, C)).astype(np.int64)
        self.settings: dict[str, Any] = {}
        if self.one_of(True, False):
            self.counts[self.random.integers(C)] = 0
        if self.one_of(True, False):
            self.target[self.random.random(self.target.shape) < 0.3] = IGNORED
            if self.one_of(True, False):
                self.target[:] = IGNORED
            self.settings["ignore_index"] = IGNORED

    def one_of(self, *choices: Any) -> Any:
        return choices[self.random.integers(len(choices))]

    def weight(self) -> Array | None:
        return self.one_of(None, np.array([0.0, 1.0, 2.5, 0.5]))

    def n(self) -> Array:
        """The counts as the losses read them."""
        return np.maximum(self.counts, 1).astype(float)

    def compare(
        self,
        function: Callable,
        value: Callable[[Array, int], float],
        weight: Array | None = None,
        **settings: Any,
    ) -> None:
        """All three reductions of the values of single positions, times the weights of their labels."""
        values, weights = np.zeros(self.target.shape), np.zeros(self.target.shape)
        for n, i, j in itertools.product(*map(range, self.target.shape)):
            y = self.target[n, i, j]
            if y != IGNORED:
                weights[n, i, j] = 1.0 if weight is None else weight[y]
                values[n, i, j] = weights[n, i, j] * value(self.logits[n, :, i, j], int(y))
        total = weights.sum()
        expected = {"none": values, "sum": values.sum(), "mean": values.sum() / total if total > 0 else 0.0}
        if weight is not None:
            settings["weight"] = torch.from_numpy(weight)
        tensors = [torch.from_numpy(np.array(a)) for a in (self.logits, self.target, self.counts)]
        for reduction, wanted in expected.items():
            found = function(*tensors, reduction=reduction, **self.settings, **settings)
            np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9, atol=1e-12, err_msg=f"{reduction} {settings}")


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max())
    return e / e.sum()


def effective(n: Array, beta: float) -> Array:
    """Sums of a geometric series, which the closed form abbreviates."""
    sums = np.array([sum(beta**k for k in range(int(count))) for count in n])
    return len(n) / sums / (1 / sums).sum()


def test_the_draws_hold_what_they_should():
    draws = [Draw(seed) for seed in DRAWS]
    assert any((draw.counts == 0).any() for draw in draws)
    assert any((draw.target == IGNORED).all() for draw in draws)
    assert any((draw.target == IGNORED).any() and (draw.target != IGNORED).any() for draw in draws)


# --- definitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999, 1.0])
def test_effective_number_weights(beta):
    counts = np.array([0, 1, 3, 40, 2000])
    found = lb.effective_number_weights(torch.from_numpy(counts.astype(float)), beta=beta)
    np.testing.assert_allclose(found.numpy(), effective(np.maximum(counts, 1), beta), rtol=1e-10)


def test_effective_number_weights_keep_their_digits_in_float32():
    """`(1 - beta) / (1 - beta ** n)` in float32 is 0 / 0 for a beta of 1 - 1e-8."""
    counts = torch.tensor([1, 10, 100])
    expected = torch.tensor([1, 0.1, 0.01]) * 3 / 1.11
    assert torch.allclose(lb.effective_number_weights(counts, beta=1 - 1e-8), expected, rtol=1e-6)
    assert lb.effective_number_weights(counts).dtype == torch.float32
    assert lb.effective_number_weights(counts.half()).dtype == torch.float16


@pytest.mark.parametrize("seed", DRAWS)
def test_class_balanced_loss(seed):
    draw = Draw(seed)
    base, beta, gamma = (
        draw.one_of("softmax", "sigmoid", "focal"),
        draw.one_of(0.0, 0.9, 0.999, 1.0),
        draw.one_of(0.5, 2),
    )
    w = effective(draw.n(), beta)

    def value(z: Array, y: int) -> float:
        if base == "softmax":
            return -w[y] * np.log(softmax(z)[y])
        total = 0.0
        for c in range(C):
            p_t = 1 / (1 + np.exp(-z[c] if c == y else z[c]))
            total -= (1 - p_t) ** (gamma if base == "focal" else 0) * np.log(p_t)
        return w[y] * total

    draw.compare(lb.class_balanced_loss, value, base=base, beta=beta, gamma=gamma)


@pytest.mark.parametrize("seed", DRAWS)
def test_ldam_loss(seed):
    draw = Draw(seed)
    draw.logits = np.tanh(draw.logits)
    margin, scale = draw.one_of(0.0, 0.5, 0.8), draw.one_of(1.0, 30.0)
    delta = draw.n() ** -0.25
    delta *= margin / delta.max()

    def value(z: Array, y: int) -> float:
        moved = z.copy()
        moved[y] -= delta[y]
        return -np.log(softmax(scale * moved)[y])

    draw.compare(lb.ldam_loss, value, draw.weight(), max_margin=margin, scale=scale)


@pytest.mark.parametrize("seed", DRAWS)
def test_logit_adjusted_loss(seed):
    draw = Draw(seed)
    tau, n = draw.one_of(0.0, 0.5, 1.0, 2.0), draw.n()
    prior = n / n.sum()

    def value(z: Array, y: int) -> float:
        return -np.log(softmax(z + tau * np.log(prior))[y])

    draw.compare(lb.logit_adjusted_loss, value, tau=tau)


@pytest.mark.parametrize("seed", DRAWS)
def test_vector_scaling_loss(seed):
    draw = Draw(seed)
    tau, gamma, n = draw.one_of(0.0, 0.5, 1.0), draw.one_of(0.0, 0.15, 1.0), draw.n()

    def value(z: Array, y: int) -> float:
        return -np.log(softmax((n / n.max()) ** gamma * z + tau * np.log(n / n.sum()))[y])

    draw.compare(lb.vector_scaling_loss, value, draw.weight(), tau=tau, gamma=gamma)


@pytest.mark.parametrize("seed", DRAWS)
def test_seesaw_loss(seed):
    draw = Draw(seed)
    p, q, eps, n = draw.one_of(0.0, 0.8), draw.one_of(0.0, 0.5, 2.0), draw.one_of(1e-2, 0.3), draw.n()

    def value(z: Array, y: int) -> float:
        sigma, s = softmax(z), np.ones(C)
        for c in range(C):
            mitigation = (n[c] / n[y]) ** p if n[c] < n[y] else 1.0
            own = max(sigma[y], eps)
            compensation = (sigma[c] / own) ** q if sigma[c] > own else 1.0
            s[c] = mitigation * compensation
        return -np.log(np.exp(z[y]) / (s * np.exp(z)).sum())

    draw.compare(lb.seesaw_loss, value, p=p, q=q, eps=eps)


@pytest.mark.parametrize("seed", DRAWS)
def test_equalization_loss(seed):
    draw = Draw(seed)
    threshold, n = draw.one_of(0.0, 3e-3, 0.2, 1.0), draw.n()
    drawn = draw.one_of(None, np.array([1, 0, 1, 1]))

    def value(z: Array, y: int) -> float:
        w = [1 - (1 if drawn is None else drawn[c]) * (n[c] / n.sum() < threshold) * (c != y) for c in range(C)]
        return -np.log(np.exp(z[y]) / (w * np.exp(z)).sum())

    settings = {} if drawn is None else {"ignored": torch.from_numpy(drawn)}
    draw.compare(lb.equalization_loss, value, threshold=threshold, **settings)


def test_equalization_loss_takes_a_draw_for_every_logit():
    draw = Draw(3)
    tensors = [torch.from_numpy(a) for a in (draw.logits, draw.target, draw.counts)]
    settings = draw.settings | {"threshold": 0.2}
    by_class = torch.tensor([1, 0, 1, 1])
    spread = by_class.reshape(1, C, 1, 1).expand(tensors[0].shape)
    assert torch.equal(
        lb.equalization_loss(*tensors, ignored=spread, **settings),
        lb.equalization_loss(*tensors, ignored=by_class, **settings),
    )
    nothing = lb.equalization_loss(*tensors, ignored=torch.zeros(C), **settings)
    assert torch.isclose(nothing, lb.cross_entropy(tensors[0], tensors[1], **draw.settings), rtol=1e-12)


# --- identities -------------------------------------------------------------------------------------------------------


@pytest.fixture
def example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, C, generator=generator, dtype=torch.float64)
    return logits, torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([1000, 200, 30, 4])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("class_balanced_loss", {"beta": 0.0}),
        ("ldam_loss", {"max_margin": 0.0, "scale": 1.0}),
        ("logit_adjusted_loss", {"tau": 0.0}),
        ("vector_scaling_loss", {"tau": 0.0, "gamma": 0.0}),
        ("seesaw_loss", {"p": 0.0, "q": 0.0}),
        ("equalization_loss", {"threshold": 0.0}),
    ],
)
def test_switched_off_each_is_cross_entropy(name, settings, example):
    logits, target, counts = example
    value = getattr(lb, name)(logits, target, counts, **settings)
    assert torch.isclose(value, lb.cross_entropy(logits, target), rtol=1e-12)


def test_equal_counts_change_nothing_but_a_margin(example):
    logits, target, _ = example
    counts, plain = torch.full((C,), 50), lb.cross_entropy(logits, target)
    for name in ("class_balanced_loss", "logit_adjusted_loss", "vector_scaling_loss"):
        assert torch.isclose(getattr(lb, name)(logits, target, counts), plain, rtol=1e-12), name
    assert torch.isclose(lb.seesaw_loss(logits, target, counts, q=0.0), plain, rtol=1e-12)
    assert lb.ldam_loss(logits, target, counts, scale=1.0) > plain


def test_a_common_factor_of_the_counts_cancels(example):
    logits, target, counts = example
    for name in ("ldam_loss", "logit_adjusted_loss", "vector_scaling_loss", "seesaw_loss", "equalization_loss"):
        function = getattr(lb, name)
        assert torch.isclose(function(logits, target, counts), function(logits, target, 7 * counts), rtol=1e-10), name


def test_vector_scaling_without_factors_is_logit_adjustment(example):
    value = lb.vector_scaling_loss(*example, tau=0.7, gamma=0.0)
    assert torch.isclose(value, lb.logit_adjusted_loss(*example, tau=0.7), rtol=1e-12)


def test_torchs_mean_of_class_balanced_weights(example):
    logits, target, counts = example
    weight = lb.effective_number_weights(counts.double(), beta=0.99)
    ours = lb.class_balanced_loss(logits, target, counts, beta=0.99, reduction="sum") / weight[target].sum()
    assert torch.isclose(ours, torch.nn.functional.cross_entropy(logits, target, weight), rtol=1e-12)


def test_logit_adjustment_learns_balanced_probabilities():
    """At its minimum the adjusted probabilities are the frequencies, so that the logits alone are balanced."""
    counts = torch.tensor([900.0, 90.0, 10.0], dtype=torch.float64)
    logits = torch.zeros(1, 3, dtype=torch.float64)
    each = torch.stack([lb.logit_adjusted_loss(logits.requires_grad_(), torch.tensor([c]), counts) for c in range(3)])
    (gradient,) = torch.autograd.grad((each * counts / counts.sum()).sum(), logits)
    assert gradient.abs().max() < 1e-12


def test_seesaw_holds_its_compensation_fixed():
    """The gradient with respect to the logits adds up to zero over the classes, as cross-entropy's does."""
    logits = torch.tensor([[0.0, 3.0, -1.0]], dtype=torch.float64, requires_grad=True)
    value = lb.seesaw_loss(logits, torch.tensor([0]), torch.tensor([5, 5, 5]), eps=1e-3)
    (gradient,) = torch.autograd.grad(value, logits)
    sigma = logits.detach().softmax(1)[0]
    s = torch.tensor([1.0, (sigma[1] / sigma[0]) ** 2, 1.0], dtype=torch.float64)
    expected = s * sigma / (s * sigma).sum() - torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    assert torch.allclose(gradient[0], expected, rtol=1e-10)


# --- pitfalls ---------------------------------------------------------------------------------------------------------


@counted
def test_everything_ignored(name, module):
    """pytorch issue 70348: the mean over no label at all is NaN in torch; here a zero with a zero gradient."""
    logits = torch.full((2, C), float("nan"), requires_grad=True)
    value = getattr(lb, name)(logits, torch.full((2,), -100), torch.tensor([1, 2, 3, 4]))
    value.backward()
    assert value.item() == 0 and (logits.grad == 0).all()


@counted
def test_a_class_without_examples_counts_as_one(name, module):
    """A prior of zero has an infinite logarithm, and an infinite weight."""
    logits, target = torch.zeros(C, C), torch.arange(C)
    function = getattr(lb, name)
    value = function(logits, target, torch.tensor([0, 5, 50, 500]))
    assert value.isfinite()
    assert torch.equal(value, function(logits, target, torch.tensor([1, 5, 50, 500])))


@counted
def test_shares_instead_of_counts(name, module):
    """They would all be raised to one example, so that nothing would be left of the imbalance."""
    with pytest.raises(ValueError, match=r"class_counts must hold numbers of examples, each 0 or at least 1"):
        getattr(lb, name)(torch.zeros(1, 2), torch.tensor([0]), torch.tensor([0.9, 0.1]))


@counted
def test_wrong_counts(name, module):
    function, logits, target = getattr(lb, name), torch.zeros(1, 2), torch.tensor([0])
    with pytest.raises(ValueError, match=r"class_counts must have shape \(2,\), one count per class, got \(3,\)"):
        function(logits, target, torch.tensor([1, 2, 3]))
    with pytest.raises(ValueError, match="each 0 or at least 1"):
        function(logits, target, torch.tensor([-1, 2]))
    with pytest.raises(TypeError, match=r"class_counts must hold numbers of examples, got torch\.bool"):
        function(logits, target, torch.tensor([True, False]))
    with pytest.raises(TypeError, match="class_counts must be a tensor, got list"):
        function(logits, target, [1, 2])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda *t: lb.class_balanced_loss(*t, beta=1.5), r"beta must lie in \[0, 1\], got 1.5"),
        (lambda *t: lb.class_balanced_loss(*t, base="hinge"), r"base must be one of 'softmax', 'sigmoid', 'focal'"),
        (lambda *t: lb.ldam_loss(*t, max_margin=-0.5), r"max_margin must be at least 0, got -0.5"),
        (lambda *t: lb.ldam_loss(*t, scale=0.0), r"scale must be above 0, got 0.0"),
        (lambda *t: lb.vector_scaling_loss(*t, weight=torch.tensor([-1.0, 1.0])), r"weight must not be negative"),
        (lambda *t: lb.seesaw_loss(*t, p=-1.0), r"p must be at least 0, got -1.0"),
        (lambda *t: lb.seesaw_loss(*t, q=-1.0), r"q must be at least 0, got -1.0"),
        (lambda *t: lb.seesaw_loss(*t, eps=0.0), r"eps must be above 0, got 0.0"),
        (lambda *t: lb.seesaw_loss(*t, eps=2.0), r"eps must lie in \[0, 1\], got 2.0"),
        (lambda *t: lb.equalization_loss(*t, threshold=2.0), r"threshold must lie in \[0, 1\], got 2.0"),
        (
            lambda *t: lb.equalization_loss(*t, ignored=torch.ones(3)),
            r"ignored must have the shape of logits, \(1, 2\)",
        ),
    ],
)
def test_wrong_settings(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(1, 2), torch.tensor([0]), torch.tensor([3, 4]))


# --- modules ----------------------------------------------------------------------------------------------------------


@counted
def test_module_keeps_the_counts(name, module, example):
    logits, target, counts = example
    ours = module(counts.clone(), reduction="sum").eval()
    expected = getattr(lb, name)(logits, target, counts, reduction="sum")
    for twin in (ours, pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):
        assert type(twin) is module and isinstance(twin, lb.LossModule)
        assert torch.equal(twin(logits, target), expected)
    assert set(ours.state_dict()) == {"class_counts"}
    other = module(class_counts=torch.ones(C, dtype=torch.long), reduction="sum").eval()
    other.load_state_dict(ours.state_dict())
    assert torch.equal(other(logits, target), expected)
    assert "classes=4" in repr(ours) and "reduction='sum'" in repr(ours)
    assert ours.to(torch.device("meta")).class_counts.is_meta


@counted
def test_module_refuses_what_it_does_not_know(name, module):
    with pytest.raises(TypeError, match=r"sigma"):
        module(torch.ones(2), sigma=1.0)
    with pytest.raises(TypeError, match="class_counts"):
        module()
    with pytest.raises(TypeError, match="class_counts must be a tensor, got list"):
        module([1, 2])


def test_deferred_reweighting(example):
    """The weights are a buffer, set when their time has come."""
    logits, target, counts = example
    module = lb.LDAMLoss(counts, scale=1.0)
    early = module(logits, target)
    module.weight = lb.effective_number_weights(counts.double())
    late = module(logits, target)
    assert early != late and "weight" in module.state_dict()
    expected = lb.ldam_loss(logits, target, counts, scale=1.0, weight=module.weight)
    assert torch.equal(late, expected)


def test_seesaw_module_counts_what_it_sees():
    """In training mode, before it uses the counts; ignored labels do not count."""
    module = lb.SeesawLoss(torch.zeros(3), ignore_index=9)
    logits, target = torch.randn(2, 3, 2), torch.tensor([[0, 0], [2, 9]])
    value = module(logits, target)
    assert module.class_counts.tolist() == [2, 0, 1]
    assert torch.equal(value, lb.seesaw_loss(logits, target, torch.tensor([2, 0, 1]), ignore_index=9))
    module(logits, target)
    assert module.class_counts.tolist() == [4, 0, 2]
    module.eval()(logits, target)
    assert module.class_counts.tolist() == [4, 0, 2]


def test_seesaw_module_has_counts_of_its_own():
    counts = torch.zeros(3)
    lb.SeesawLoss(counts)(torch.zeros(2, 3), torch.tensor([0, 1]))
    assert counts.tolist() == [0, 0, 0]


def test_seesaw_module_counts_nothing_that_is_wrong():
    module, logits = lb.SeesawLoss(torch.zeros(3)), torch.zeros(2, 3)
    with pytest.raises(ValueError, match="target must hold labels 0 to 2"):
        module(logits, torch.tensor([0, 3]))
    with pytest.raises(ValueError, match="target must have shape"):
        module(logits, torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match=r"class_counts must have shape \(4,\)"):
        module(torch.zeros(2, 4), torch.tensor([0, 3]))
    assert module.class_counts.tolist() == [0, 0, 0]


def test_seesaw_module_counts_beyond_float32():
    """16,777,216 + 1 is 16,777,216 in float32; twenty pictures of a million pixels hold more."""
    module = lb.SeesawLoss(torch.tensor([2.0**24, 0.0]))
    module(torch.zeros(1, 2, 1000), torch.zeros(1, 1000, dtype=torch.long))
    assert module.class_counts.tolist() == [2.0**24 + 1000, 0]


def test_equalization_module_draws_in_training_mode(example):
    logits, target, counts = example
    module = lb.EqualizationLoss(counts, gamma=0.5, threshold=0.1)
    torch.manual_seed(0)
    values = {module(logits, target).item() for _ in range(20)}
    assert len(values) > 5
    low = lb.equalization_loss(logits, target, counts, threshold=0.1).item()
    assert min(values) >= low and max(values) <= lb.cross_entropy(logits, target).item() + 1e-12
    assert module.eval()(logits, target).item() == low
    assert lb.EqualizationLoss(counts, gamma=0.0, threshold=0.1)(logits, target).item() == pytest.approx(
        lb.cross_entropy(logits, target).item()
    )
    assert "gamma=0.5" in repr(module) and "threshold=0.1" in repr(module)
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\]"):
        lb.EqualizationLoss(counts, gamma=2.0)
