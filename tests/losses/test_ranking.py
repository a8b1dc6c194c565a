"""Losses of an order against their definitions in NumPy, their identities, and what goes wrong elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from oracles.references import ranking as ref
from torch import Tensor

import lossbook as lb

Array = NDArray[Any]
PADDING = -1
LISTS = {
    "pairwise_ranking_loss": (ref.pairwise, {"form": ("logistic", "hinge"), "margin": (1.0, 0.0, 2.5),
                                             "sigma": (1.0, 2.0)}),
    "listnet_loss": (ref.listnet, {}),
    "list_mle_loss": (ref.list_mle, {}),
    "lambda_rank_loss": (ref.lambda_rank, {"sigma": (1.0, 2.0), "gain": ("exponential", "linear"), "k": (None, 1, 3)}),
    "approx_ndcg_loss": (ref.approx_ndcg, {"temperature": (1.0, 0.3), "gain": ("exponential", "linear")}),
}  # fmt: skip


def compare(name: str, reference: Callable, arrays: tuple[Array, ...], settings: dict[str, Any]) -> None:
    """All three reductions of what the reference says."""
    values, weights = reference(*arrays, **settings)
    for reduction, wanted in {"none": values, "sum": sum(values), "mean": ref.mean(values, weights)}.items():
        found = getattr(lb, name)(*(torch.from_numpy(a) for a in arrays), reduction=reduction, **settings)
        np.testing.assert_allclose(found.numpy().ravel(), np.ravel(wanted), rtol=1e-9, atol=1e-12,
                                   err_msg=f"{reduction} {settings}")  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", LISTS)
def test_lists_by_definition(name, seed):
    """With padding, lists of padding alone, lists of equal grades, grades that are all 0."""
    random = np.random.default_rng(seed)
    reference, choices = LISTS[name]
    scores, target = 2 * random.standard_normal((4, 6)), random.integers(5, size=(4, 6))
    target[random.integers(4)] = random.integers(3)
    settings = {key: values[random.integers(len(values))] for key, values in choices.items()}
    if random.random() < 0.6:
        target[random.random(target.shape) < 0.4] = PADDING
        target[random.integers(4)] = PADDING
        settings["ignore_index"] = PADDING
    compare(name, reference, (scores, target), settings)


@pytest.mark.parametrize("margin", [0.0, 0.5, 3.0])
def test_pairs_and_attention_by_definition(margin):
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, 3, 5))
    compare("margin_ranking_loss", ref.margin_ranking, (a, b, random.choice([-1, 1], (3, 5))), {"margin": margin})
    compare("bpr_loss", ref.bpr, (a, b), {})
    heads, original = random.dirichlet(np.ones(4), (2, 2, 3))
    original[0, 0, 1] = original[0, 0, 2]
    compare("attention_ranking_loss", ref.attention, (heads, original), {"margin": margin})


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_relatives_are_equal():
    """A list of two items is a pair: RankNet, BPR, ListMLE and the margin ranking loss say the same."""
    pair = normal(5, 2)
    first = torch.tensor([[1, 0]] * 5)
    bpr = lb.bpr_loss(pair[:, 0], pair[:, 1])
    assert torch.isclose(lb.pairwise_ranking_loss(pair, first), bpr)
    assert torch.isclose(lb.list_mle_loss(pair, first), bpr)
    hinge = lb.pairwise_ranking_loss(pair, first, form="hinge")
    assert torch.isclose(hinge, lb.margin_ranking_loss(pair[:, 0], pair[:, 1], first[:, 0], margin=1.0))
    assert torch.isclose(lb.attention_ranking_loss(pair, first.double(), margin=1.0), hinge)
    relevance = normal(3, 6, seed=1)
    assert torch.isclose(lb.listnet_loss(normal(3, 6), relevance), F.cross_entropy(normal(3, 6), relevance.softmax(1)))


def test_listnet_is_least_at_the_relevance_itself():
    target = normal(2, 5)
    scores = (target + 3.0).requires_grad_()  # up to a constant
    value = lb.listnet_loss(scores, target)
    value.backward()
    assert torch.isclose(value, torch.distributions.Categorical(logits=target).entropy().mean())
    assert scores.grad.abs().max() < 1e-15


def test_plackett_luce_probabilities_of_all_orders_sum_to_one():
    scores = normal(1, 4).repeat(24, 1)
    orders = torch.tensor([[int(c) for c in f"{i:04d}"] for i in range(10000) if sorted(f"{i:04d}") == list("0123")])
    assert torch.isclose((-lb.list_mle_loss(scores, orders, reduction="none")).exp().sum(), torch.tensor(1.0).double())


def test_lambda_rank_weights_are_the_change_of_ndcg():
    """Exchange two items of a small list, and see what NDCG loses (by the formula of scikit-learn's `ndcg_score`, with
    exponential gains)."""
    target, scores = torch.tensor([[2, 0, 1]]), torch.tensor([[1.0, 3.0, 2.0]], dtype=torch.float64)

    def ndcg(order: list[int]) -> float:
        gains = [2.0 ** int(target[0, i]) - 1 for i in order]
        return sum(g / math.log2(2 + r) for r, g in enumerate(gains)) / (3 + 1 / math.log2(3))

    now, expected = [1, 2, 0], 0.0
    for i, j in ((0, 1), (0, 2), (2, 1)):
        moved = [j if k == i else i if k == j else k for k in now]
        expected += abs(ndcg(moved) - ndcg(now)) * math.log1p(math.exp(float(scores[0, j] - scores[0, i])))
    assert lb.lambda_rank_loss(scores, target).item() == pytest.approx(expected, rel=1e-12)


def test_approximate_ndcg_becomes_ndcg():
    target, scores = torch.tensor([[2, 0, 1]]), torch.tensor([[1.0, 3.0, 2.0]], dtype=torch.float64)
    expected = 1 - (1 / math.log2(3) + 3 / 2) / (3 + 1 / math.log2(3))
    assert lb.approx_ndcg_loss(scores, target, temperature=1e-3).item() == pytest.approx(expected, rel=1e-9)


def test_attention_ranking_ignores_size():
    """It keeps the order of attention and nothing else: a softer map with the same order costs nothing."""
    original = torch.tensor([[0.7, 0.2, 0.1]])
    assert lb.attention_ranking_loss(torch.tensor([[0.4, 0.35, 0.25]]), original) == 0
    value = lb.attention_ranking_loss(torch.tensor([[0.2, 0.7, 0.1]]), original)
    assert value.item() == pytest.approx(0.5 / 3)
    with pytest.raises(ValueError, match="target must hold attention, got NaN"):
        lb.attention_ranking_loss(original, original.where(original > 0.1, math.nan))


def test_equal_relevance_says_nothing():
    scores = normal(2, 4).requires_grad_()
    for function in (lb.pairwise_ranking_loss, lb.lambda_rank_loss):
        value = function(scores, torch.ones(2, 4, dtype=torch.long))
        (grad,) = torch.autograd.grad(value, scores)
        assert value == 0 and (grad == 0).all()
    value = lb.approx_ndcg_loss(scores, torch.zeros(2, 4, dtype=torch.long))
    (grad,) = torch.autograd.grad(value, scores)
    assert value == 0 and (grad == 0).all()


@pytest.mark.parametrize("name", LISTS)
def test_far_apart_scores_are_finite_in_float32(name):
    target = torch.tensor([[4, 0, 2, 1, 0]])
    for scores in (torch.tensor([[-1e4, 1e4, 0.0, 1e4, -1e4]]), torch.zeros(1, 5), torch.full((1, 5), 1e4)):
        first = scores.clone().requires_grad_()
        value = getattr(lb, name)(first, target)
        value.backward()
        assert value.isfinite() and first.grad.isfinite().all()


@pytest.mark.parametrize("name", LISTS)
def test_padding_is_cut_out(name):
    """A list padded to any length is the list itself, whatever stands under the padding."""
    scores, target = normal(2, 5), torch.tensor([[3, 0, 1, 2, 0], [1, 1, 0, 4, 2]])
    padded = torch.cat([scores, torch.full((2, 3), float("nan"), dtype=torch.float64)], 1)
    longer = torch.cat([target, torch.full((2, 3), 99)], 1)
    function = getattr(lb, name)
    assert torch.isclose(function(padded, longer, ignore_index=99), function(scores, target), rtol=1e-12)


@pytest.mark.parametrize("name", ["lambda_rank_loss", "approx_ndcg_loss"])
def test_the_largest_grades(name):
    """Grades of 100 are finite in float32, beyond 127 the gain would not be; linear gains take any number."""
    scores = normal(2, 3).float().requires_grad_()
    for settings, target in (({}, [[100, 100, 0], [100, 1, 2]]), ({"gain": "linear"}, [[1e6, 200.0, 0.0], [0, 1, 2]])):
        value = getattr(lb, name)(scores, torch.tensor(target), **settings)
        assert value.isfinite() and torch.autograd.grad(value, scores)[0].isfinite().all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s, _: lb.margin_ranking_loss(s, s, torch.zeros_like(s)), ValueError, r"target must be 1 .* or -1"),
        (lambda s, _: lb.margin_ranking_loss(s, s[:1], s), ValueError, "others must have the shape of scores"),
        (lambda s, _: lb.margin_ranking_loss(s, s, s.sign(), margin=-1.0), ValueError, "margin must be at least 0"),
        (lambda s, _: lb.margin_ranking_loss(s, s.long(), s.sign()), TypeError, "others must be a floating-point"),
        (lambda s, _: lb.bpr_loss(s, s[:1]), ValueError, "negative must have the shape of positive"),
        (lambda s, y: lb.pairwise_ranking_loss(s[0], y[0]), ValueError, r"scores must have shape \(N, L\), got \(3,\)"),
        (lambda s, y: lb.pairwise_ranking_loss(s, y, form="square"), ValueError, "form must be one of"),
        (lambda s, y: lb.pairwise_ranking_loss(s, y, margin=-1.0), ValueError, "margin must be at least 0"),
        (lambda s, y: lb.pairwise_ranking_loss(s, y, sigma=0.0), ValueError, "sigma must be above 0"),
        (lambda s, _: lb.attention_ranking_loss(s.sum(), s.sum()), ValueError, r"prediction must have shape \(\*, L\)"),
        (lambda s, _: lb.attention_ranking_loss(s, s, margin=-1.0), ValueError, "margin must be at least 0"),
        (lambda s, y: lb.lambda_rank_loss(s, y - 3), ValueError, "target must hold grades from 0 to 100, .* from -3"),
        (lambda s, y: lb.lambda_rank_loss(s, y - 3, gain="linear", ignore_index=-1), ValueError,
         "at least 0 or ignore_index=-1"),
        (lambda s, y: lb.lambda_rank_loss(s, 60 * y), ValueError, "target must hold grades from 0 to 100, .* to 120"),
        (lambda s, y: lb.lambda_rank_loss(s, y, gain="square"), ValueError, "gain must be one of"),
        (lambda s, y: lb.lambda_rank_loss(s, y, k=0), ValueError, "k must be above 0"),
        (lambda s, y: lb.lambda_rank_loss(s, y, sigma=0.0), ValueError, "sigma must be above 0"),
        (lambda s, y: lb.approx_ndcg_loss(s, y, temperature=0.0), ValueError, "temperature must be above 0"),
        (lambda s, y: lb.approx_ndcg_loss(s, y, gain="cubic"), ValueError, "gain must be one of"),
        (lambda s, y: lb.approx_ndcg_loss(s, y - 3), ValueError, "target must hold grades from 0 to 100"),
        (lambda s, y: lb.approx_ndcg_loss(s, 60 * y), ValueError, "target must hold grades from 0 to 100"),
    ],
)  # fmt: skip
def test_wrong_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(normal(2, 3), torch.tensor([[2, 0, 1], [0, 1, 2]]))
