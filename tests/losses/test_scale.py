"""Losses over very many classes: against the plain way, in every derivative and transform, and in memory."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import lossbook as lb
from lossbook.measure.bench import peak_bytes

SETTINGS = (
    {},
    {"label_smoothing": 0.2},
    {"z_loss": 0.1},
    {"soft_cap": 2.0},
    {"soft_cap": 2.0, "z_loss": 0.1, "label_smoothing": 0.2, "ignore_index": 1},
)


def draw(seed: int = 0, rows: int = 7, classes: int = 5, width: int = 4) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    target = torch.randint(classes, (rows,), generator=generator)
    return normal(rows, width), normal(classes, width), normal(classes), target


def plain(h, w, b, y, *, reduction="mean", label_smoothing=0.0, z_loss=0.0, soft_cap=None, ignore_index=-100):
    z = h @ w.T + b
    z = z if soft_cap is None else soft_cap * torch.tanh(z / soft_cap)
    counted = y != ignore_index
    values = F.cross_entropy(z, y, reduction="none", label_smoothing=label_smoothing, ignore_index=ignore_index)
    values = values + z_loss * z.logsumexp(1) ** 2 * counted
    return {"none": values, "sum": values.sum(), "mean": values.sum() / counted.sum()}[reduction]


@pytest.mark.parametrize(("settings", "reduction"), list(itertools.product(SETTINGS, ("none", "mean", "sum"))))
def test_linear_cross_entropy_is_the_plain_one_with_first_and_second_derivatives(settings, reduction):
    """Liger-Kernel #968: with `"none"`, gradients were wrong under an upstream gradient that is not uniform."""
    h, w, b, y = draw()

    def ours(h, w, b):
        return lb.linear_cross_entropy(h, w, y, bias=b, chunk_size=3, reduction=reduction, **settings)

    inputs = [t.requires_grad_() for t in (h, w, b)]
    expected = plain(h, w, b, y, reduction=reduction, **settings)
    assert torch.allclose(ours(h, w, b), expected, rtol=1e-12)
    upstream = torch.linspace(-1, 2, expected.numel(), dtype=torch.float64).reshape(expected.shape)
    found = torch.autograd.grad((ours(h, w, b) * upstream).sum(), inputs)
    wanted = torch.autograd.grad((expected * upstream).sum(), inputs)
    assert all(torch.allclose(f, e, rtol=1e-10, atol=1e-13) for f, e in zip(found, wanted, strict=True))
    assert torch.autograd.gradgradcheck(ours, inputs)


@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("learned", ["h", "w", "b", "hw", "hb", "wb"])
def test_gradients_of_some_arguments_alone(learned, reduction):
    """Only what is asked for is formed: a frozen head, frozen features."""
    h, w, b, y = draw()
    inputs = [t.requires_grad_() for name, t in zip("hwb", (h, w, b), strict=True) if name in learned]
    upstream = torch.linspace(-1, 2, len(y) if reduction == "none" else 1, dtype=torch.float64)
    loss = lb.linear_cross_entropy(h, w, y, bias=b, chunk_size=3, reduction=reduction)
    found = torch.autograd.grad((loss * upstream).sum(), inputs, create_graph=True)
    wanted = torch.autograd.grad((plain(h, w, b, y, reduction=reduction) * upstream).sum(), inputs, create_graph=True)
    assert all(torch.allclose(f, e, rtol=1e-10, atol=1e-13) for f, e in zip(found, wanted, strict=True))
    twice = [torch.autograd.grad(sum(g.square().sum() for g in first), inputs) for first in (found, wanted)]
    assert all(torch.allclose(f, e, rtol=1e-9, atol=1e-13) for f, e in zip(*twice, strict=True))


def test_frozen_weights_cost_no_memory():
    """A head that does not learn: neither a gradient of its size nor anything larger than a chunk is formed."""
    h, w = (t.float() for t in draw(rows=8, classes=2000, width=64)[:2])
    h, y = h.requires_grad_(), torch.arange(8)
    step = lambda: torch.autograd.grad(lb.linear_cross_entropy(h, w, y, chunk_size=4), h)  # noqa: E731
    assert peak_bytes(step) < 1.2 * 4 * 2000 * 4 < w.numel() * 4 / 10


@pytest.mark.parametrize("chunk_size", [1, 2, 7, 100, None])
def test_the_size_of_the_chunks_changes_nothing(chunk_size):
    h, w, b, y = draw()
    value = lb.linear_cross_entropy(h, w, y, bias=b, chunk_size=chunk_size)
    assert torch.isclose(value, plain(h, w, b, y), rtol=1e-12)


def test_torch_func_transforms_nest():
    h, w, b, y = draw()
    ours = lambda h: lb.linear_cross_entropy(h, w, y, bias=b, chunk_size=2)  # noqa: E731
    reference = lambda h: plain(h, w, b, y)  # noqa: E731
    grad, vmap = torch.func.grad, torch.func.vmap
    assert torch.allclose(grad(ours)(h), grad(reference)(h), rtol=1e-10)
    stacked = torch.stack([h, 2 * h])
    assert torch.allclose(vmap(grad(ours))(stacked), vmap(grad(reference))(stacked), rtol=1e-10)
    twice = lambda f: grad(lambda h: grad(f)(h).square().sum())(h)  # noqa: E731
    assert torch.allclose(twice(ours), twice(reference), rtol=1e-9)
    of_all = [lambda h, w, b: lb.linear_cross_entropy(h, w, y, bias=b, chunk_size=2), lambda h, w, b: plain(h, w, b, y)]
    for argnums in ((0, 1, 2), (1,), (0, 2)):
        found, wanted = (grad(f, argnums=argnums)(h, w, b) for f in of_all)
        assert all(torch.allclose(f, e, rtol=1e-10) for f, e in zip(found, wanted, strict=True))
    mixed = [grad(lambda w, f=f: grad(f)(h, w, b).square().sum())(w) for f in of_all]
    assert torch.allclose(*mixed, rtol=1e-9)


@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_one_graph_when_compiled(reduction):
    h, w, b, y = draw()
    torch._dynamo.reset()
    inputs = [t.requires_grad_() for t in (h, w)]
    ours = torch.compile(lb.linear_cross_entropy, fullgraph=True, backend="aot_eager")
    found = torch.autograd.grad(ours(h, w, y, bias=b, chunk_size=2, reduction=reduction).sum(), inputs)
    wanted = torch.autograd.grad(plain(h, w, b, y, reduction=reduction).sum(), inputs)
    assert all(torch.allclose(f, e, rtol=1e-10, atol=1e-13) for f, e in zip(found, wanted, strict=True))


def test_ignored_rows_neither_count_nor_get_a_gradient_not_even_from_nan():
    """PyTorch #70348: a mean over labels that are all ignored is zero, not NaN."""
    h, w, _, y = draw()
    y[[1, 4]] = 255
    poisoned = torch.where((y == 255).unsqueeze(1), float("nan"), h).requires_grad_()
    value = lb.linear_cross_entropy(poisoned, w, y, ignore_index=255)
    assert torch.isclose(value, F.cross_entropy((h @ w.T)[y != 255], y[y != 255]), rtol=1e-12)
    value.backward()
    assert (poisoned.grad[y == 255] == 0).all() and poisoned.grad.isfinite().all()
    samples = torch.tensor([0, 3, 2])
    poisoned.grad = None
    sampled = lb.sampled_softmax_loss(poisoned, w, y, samples, ignore_index=255)
    assert torch.isclose(sampled, lb.sampled_softmax_loss(h[y != 255], w, y[y != 255], samples), rtol=1e-12)
    sampled.backward()
    assert (poisoned.grad[y == 255] == 0).all() and poisoned.grad.isfinite().all()
    h.requires_grad_()
    for loss, drawn in ((lb.linear_cross_entropy, ()), (lb.sampled_softmax_loss, (samples,))):
        nothing = loss(h, w, torch.full_like(y, 255), *drawn, ignore_index=255)
        nothing.backward()
        assert nothing.item() == 0 and (h.grad == 0).all()


def test_no_table_of_scores_is_formed():
    """The largest tensor that is written has the size of a chunk or of the weights, far below rows times classes."""
    h, w = torch.randn(512, 8), torch.randn(4000, 8)
    y = torch.randint(4000, (512,))
    sizes = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            sizes.extend(t.numel() for t in torch.utils._pytree.tree_leaves(result) if isinstance(t, Tensor))
            return result

    with Watch():
        h.requires_grad_(), w.requires_grad_()
        lb.linear_cross_entropy(h, w, y, chunk_size=16).backward()
    assert max(sizes) <= 16 * 4000 < 512 * 4000 / 4


def test_the_peak_of_memory_is_at_most_a_quarter_of_the_plain_one():
    """Forward and backward, with every allocation inside the operator. The default chunk is that of the goal's size
    (4,096 rows, 50,000 classes, 512 numbers wide) shrunk alike, so that the two peaks are in the same proportion."""
    rows, classes, width = 256, 3000, 32
    h, w = (t.float().requires_grad_() for t in draw(rows=rows, classes=classes, width=width)[:2])
    y = torch.arange(rows) % classes
    chunk = rows * (2**24 // 50_000) // 4096

    def step(loss):
        return lambda: torch.autograd.grad(loss(), (h, w))

    ours = peak_bytes(step(lambda: lb.linear_cross_entropy(h, w, y, chunk_size=chunk)))
    table = rows * classes * 4
    assert peak_bytes(step(lambda: F.cross_entropy(h @ w.T, y))) > 2 * table
    assert ours < 2 * table / 4


def test_silly_input():
    h, w, b, y = draw()
    for error, words, call in (
        (ValueError, r"weight must have shape \(V, 4\)", lambda: lb.linear_cross_entropy(h, w[:, :3], y)),
        (ValueError, r"bias must have shape \(5,\)", lambda: lb.linear_cross_entropy(h, w, y, bias=b[:3])),
        (ValueError, r"target must have shape \(7,\)", lambda: lb.linear_cross_entropy(h, w, y[:3])),
        (TypeError, "target must hold integer class indices", lambda: lb.linear_cross_entropy(h, w, y.double())),
        (ValueError, "target must hold indices 0 to 4", lambda: lb.linear_cross_entropy(h, w, y + 5)),
        (ValueError, "soft_cap must be above 0", lambda: lb.linear_cross_entropy(h, w, y, soft_cap=0.0)),
        (ValueError, "z_loss must be at least 0", lambda: lb.linear_cross_entropy(h, w, y, z_loss=-1.0)),
        (ValueError, "chunk_size must be above 0", lambda: lb.linear_cross_entropy(h, w, y, chunk_size=0)),
        (ValueError, "samples must hold indices 0 to 4", lambda: lb.sampled_softmax_loss(h, w, y, y + 5)),
        (ValueError, r"samples must have shape \(S,\)", lambda: lb.sampled_softmax_loss(h, w, y, y[:0])),
        (TypeError, "samples must hold integer", lambda: lb.sampled_softmax_loss(h, w, y, y.double())),
        (ValueError, "classes must be above 0", lambda: lb.log_uniform_sample(3, 0)),
    ):
        with pytest.raises(error, match=words):
            call()


def test_the_sampled_partition_function_is_right_on_average():
    """Exactly: the expectation over every class that can be drawn, with unequal chances."""
    h, w, b, y = draw(rows=3)
    log_q = lb.log_uniform_log_probability(5, dtype=torch.float64)
    scores = h @ w.T + b
    true = scores.gather(1, y.unsqueeze(1)).squeeze(1)
    partition = 0.0
    for drawn in range(5):
        loss = lb.sampled_softmax_loss(h, w, y, torch.tensor([drawn]), bias=b, log_proposal=log_q, reduction="none")
        partition = partition + log_q[drawn].exp() * (loss + true).exp()
    assert torch.allclose(partition.log() - true, F.cross_entropy(scores, y, reduction="none"), rtol=1e-12)


def test_a_large_sample_gives_the_full_softmax():
    h, w, _, y = draw(classes=50)
    log_q = lb.log_uniform_log_probability(50, dtype=torch.float64)
    samples = lb.log_uniform_sample(200_000, 50, generator=torch.Generator().manual_seed(0))
    full = F.cross_entropy(h @ w.T, y)
    assert torch.isclose(lb.sampled_softmax_loss(h, w, y, samples, log_proposal=log_q), full, rtol=1e-2)


def test_correcting_the_true_class_is_a_softmax_over_the_corrected_candidates():
    """The convention of TensorFlow."""
    h, w, b, y = draw()
    samples, log_q = torch.tensor([0, 3, 3]), lb.log_uniform_log_probability(5, dtype=torch.float64)
    scores = h @ w.T + b - log_q - math.log(3)
    candidates = torch.cat([scores.gather(1, y.unsqueeze(1)), scores[:, samples]], 1)
    expected = F.cross_entropy(candidates, torch.zeros_like(y))
    settings = {"bias": b, "log_proposal": log_q, "correct_target": True, "remove_hits": False}
    assert torch.isclose(lb.sampled_softmax_loss(h, w, y, samples, **settings), expected, rtol=1e-12)


def test_log_uniform_draws_have_their_probabilities():
    chances = lb.log_uniform_log_probability(20, dtype=torch.float64).exp()
    assert torch.isclose(chances.sum(), torch.tensor(1.0, dtype=torch.float64))
    draws = lb.log_uniform_sample(100_000, 20, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(draws.bincount(minlength=20) / 1e5, chances.float(), atol=0.01)
    assert lb.log_uniform_sample(0, 5).shape == (0,)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_a_short_label_of_156_is_a_class_and_not_the_ignored_one(dtype):
    """As a byte, -100 is 156."""
    hidden, weight = torch.randn(3, 4), torch.randn(160, 4)
    target = torch.tensor([156, 3, 156])
    expected = F.cross_entropy(hidden @ weight.T, target)
    assert torch.isclose(lb.linear_cross_entropy(hidden, weight, target.to(dtype)), expected)
    model, settings = torch.nn.Linear(4, 160), {"perturbed": hidden + 0.1}
    assert torch.isclose(
        lb.mart_loss(model, hidden, target.to(dtype), **settings), lb.mart_loss(model, hidden, target, **settings)
    )
    if dtype == torch.uint8:
        with pytest.raises(ValueError, match="got values from"):
            lb.linear_cross_entropy(hidden, weight[:100], target.to(dtype))
