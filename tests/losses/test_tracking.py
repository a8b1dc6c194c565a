"""Losses of what moves: identities, helpers, and silly input. Definitions: `tests/oracles/references`."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import lossbook as lb
from lossbook import calculus


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("per_channel", [False, True])
def test_cross_correlation_in_loops(per_channel):
    template, search = normal(2, 3, 2, 3), normal(2, 3, 5, 6, seed=1)
    expected = np.zeros((2, 3, 4, 4))
    for n, c, i, j in np.ndindex(*expected.shape):
        expected[n, c, i, j] = (template[n, c] * search[n, c, i : i + 2, j : j + 3]).sum()
    expected = expected if per_channel else expected.sum(1, keepdims=True)
    np.testing.assert_allclose(lb.cross_correlation(template, search, per_channel=per_channel), expected, atol=1e-12)
    assert lb.cross_correlation(template[:0], search[:0]).shape == (0, 1, 4, 4)
    with pytest.raises(ValueError, match="search must not be smaller"):
        lb.cross_correlation(search, template)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_balanced_map_is_the_average_of_both_kinds(reduction):
    z, y = normal(3, 4, 5), (normal(3, 4, 5, seed=1) > 0.5).double()
    losses = F.binary_cross_entropy_with_logits(z, y, reduction="none")
    positives = y.sum((1, 2), keepdim=True)
    expected = losses * torch.where(y > 0, 0.5 / positives, 0.5 / (20 - positives))
    maps = expected.sum((1, 2))
    expected = {"none": expected, "mean": maps.mean(), "sum": maps.sum()}[reduction]
    torch.testing.assert_close(lb.cross_correlation_loss(z, y, reduction=reduction), expected)


def test_map_without_the_target_gives_all_weight_to_the_background():
    z = normal(2, 6)
    for label in (0, 1):
        y = torch.full((2, 6), label)
        expected = F.binary_cross_entropy_with_logits(z, y.double())
        assert torch.isclose(lb.cross_correlation_loss(z, y), expected, rtol=1e-12)


@pytest.mark.parametrize("balance", [True, False])
def test_gradient_in_a_soft_target_takes_the_weights_as_fixed(balance):
    """Torch's cross-entropy refuses a weight with a gradient, in words about its own arguments."""
    z, y = normal(2, 5), torch.rand(2, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    positive, negative = (0.5 / kind.sum(1, keepdim=True) for kind in (y, 1 - y)) if balance else (0.2, 0.2)
    expected = (positive * F.softplus(-z) - negative * F.softplus(z)) / 2
    y.requires_grad_()
    (gradient,) = torch.autograd.grad(lb.cross_correlation_loss(z, y, balance=balance), y)
    torch.testing.assert_close(gradient, expected)


def test_dimp_ignores_how_low_the_background_is():
    """The review writes logistic regression; the paper fits least squares with a hinge in the background."""
    y = torch.tensor([[1.0, 0.0, 0.0]])
    low, lower = torch.tensor([[0.9, -1.0, -2.0]]), torch.tensor([[0.9, -50.0, -60.0]])
    assert lb.dimp_loss(low, y) == lb.dimp_loss(lower, y)
    assert torch.equal(lb.dimp_loss(low, y, mask=torch.ones(1, 3)), (low - y).square().mean())


def test_mahalanobis_is_the_square_of_scipys_and_the_log_likelihood():
    from scipy.spatial.distance import mahalanobis

    x, y, root = normal(5, 3), normal(5, 3, seed=1), normal(5, 3, 3, seed=2)
    covariance = root @ root.mT + torch.eye(3)
    expected = [mahalanobis(a, b, np.linalg.inv(s)) ** 2 for a, b, s in zip(x, y, covariance, strict=True)]
    np.testing.assert_allclose(lb.mahalanobis_loss(x, y, covariance, reduction="none"), expected, rtol=1e-10)
    likelihood = torch.distributions.MultivariateNormal(x, covariance).log_prob(y)
    ours = lb.mahalanobis_loss(x, y, covariance, log_determinant=True, reduction="none")
    torch.testing.assert_close(ours, -likelihood)
    shared = covariance[0]
    assert torch.isclose(lb.mahalanobis_loss(x, y, shared), lb.mahalanobis_loss(x, y, shared.expand(5, 3, 3)))
    assert torch.isclose(lb.mahalanobis_loss(x, y, torch.eye(3)), (x - y).square().sum(1).mean())


def test_covariance_that_is_none():
    x = normal(2, 2)
    with pytest.raises(ValueError, match="covariance must be positive definite"):
        lb.mahalanobis_loss(x, x, torch.tensor([[1.0, 2.0], [2.0, 1.0]]))


def test_reid_with_identical_embeddings_and_lonely_examples():
    """Roots of zero, and examples without a positive or a negative: finite, and no triplet."""
    z, same = normal(4, 3), torch.ones(4, 2, dtype=torch.float64)
    y = torch.tensor([0, 0, 1, 1])
    assert calculus.autograd(lambda e: lb.reid_loss(z, e, y), same).isfinite().all()
    assert torch.isclose(lb.reid_loss(z, same, y), lb.reid_loss(z, same, y, triplet_weight=0.0) + 0.3)
    for lonely in (torch.tensor([0, 1, 2, 2])[:3], torch.tensor([1, 1, 1])):
        alone = lb.reid_loss(z[:3], normal(3, 2), lonely)
        assert torch.isclose(alone, lb.reid_loss(z[:3], normal(3, 2), lonely, triplet_weight=0.0), rtol=1e-12)


def test_reid_gradient_where_the_nearest_other_identity_is_the_farthest_of_all():
    """What stands for the examples of one's own identity is no candidate, not even in a tie."""
    z, y = torch.zeros(3, 2, dtype=torch.float64), torch.tensor([0, 0, 1])
    e = torch.tensor([[0.0], [1.0], [5.0]], dtype=torch.float64, requires_grad=True)
    lb.reid_loss(z, e, y, margin=10.0, reduction="sum").backward()
    # Two triplets count: (1 - 5 + m) and (1 - 4 + m); the third example is alone.
    assert e.grad.flatten().tolist() == [-1.0, 3.0, -2.0]


def test_reid_of_no_example():
    nobody, features = torch.zeros(0, 2), torch.zeros(0, 3)
    assert lb.reid_loss(nobody, features, torch.zeros(0, dtype=torch.long), reduction="none").shape == (0,)


def test_reid_module_learns_its_centers():
    torch.manual_seed(0)
    criterion = lb.ReIDLoss(3, 2, center_weight=0.1)
    z, e, y = normal(4, 3).float(), normal(4, 2).float(), torch.tensor([0, 0, 1, 1])
    value = criterion(z, e, y)
    value.backward()
    assert criterion.centers.grad[:2].abs().sum() > 0 and (criterion.centers.grad[2] == 0).all()
    for twin in (copy.deepcopy(criterion), pickle.loads(pickle.dumps(criterion))):
        assert torch.equal(twin(z, e, y), value)
    other = lb.ReIDLoss(3, 2, center_weight=0.1)
    other.load_state_dict(criterion.state_dict())
    assert torch.equal(other(z, e, y), value)
    assert torch.equal(lb.ReIDLoss(center_weight=0.0)(z, e, y), lb.reid_loss(z, e, y))
    assert "center_weight=0.1" in repr(criterion)
    with pytest.raises(ValueError, match="identities and dim must be given"):
        lb.ReIDLoss()


@pytest.mark.parametrize("order", [1, 2, 3])
def test_motion_of_a_lower_degree_costs_nothing(order):
    """Steady motion has no acceleration; in general, a polynomial below the order."""
    time = torch.arange(6.0, dtype=torch.float64)
    track = (time ** (order - 1)).reshape(1, 6, 1)
    assert lb.temporal_consistency_loss(track, order=order) == 0
    assert lb.temporal_consistency_loss((time**order).reshape(1, 6, 1), order=order) > 0
    short = track[:, :order].requires_grad_()
    lb.temporal_consistency_loss(short, order=order).backward()
    assert (short.grad == 0).all()


def test_sequence_takes_lists_and_masks():
    iterates, y = [normal(2, 2, 3, 3, seed=s) for s in range(3)], normal(2, 2, 3, 3, seed=7)
    stacked = torch.stack(iterates, 1)
    assert torch.equal(lb.sequence_loss(iterates, y), lb.sequence_loss(stacked, y))
    known = torch.zeros(2, 1, 3, 3, dtype=torch.bool)
    known[..., 0] = True
    expected = lb.sequence_loss(stacked[..., :1], y[..., :1])
    assert torch.isclose(lb.sequence_loss(stacked, y, weight=known), expected, rtol=1e-12)


def test_sequence_without_iterates_is_a_zero_attached_to_the_graph():
    none = torch.zeros(2, 0, 2, 3, 3, requires_grad=True)
    value = lb.sequence_loss(none, torch.ones(2, 2, 3, 3))
    value.backward()
    assert value == 0 and none.grad.shape == none.shape


def test_warping_by_whole_pixels_is_shifting():
    picture, flow = normal(1, 2, 4, 5), torch.zeros(1, 2, 4, 5, dtype=torch.float64)
    flow[:, 0], flow[:, 1] = 1.0, -2.0
    torch.testing.assert_close(lb.warp(picture, flow)[..., 2:, :-1], picture[..., :-2, 1:])
    torch.testing.assert_close(lb.warp(picture, 0 * flow), picture)


def test_nothing_left_in_the_picture_is_a_zero_attached_to_the_graph():
    frame, away = normal(1, 2, 3, 3), torch.full((1, 2, 3, 3), 50.0, dtype=torch.float64)
    for call in (
        lambda x: lb.motion_consistency_loss(x, frame, away),
        lambda x: lb.motion_loss(away, x, frame, smoothness=0.0),
        lambda x: lb.flow_consistency_loss(away + 0 * x[:, :2], away),
    ):
        leaf = frame.clone().requires_grad_()
        value = call(leaf)
        value.backward()
        assert value == 0 and (leaf.grad == 0).all()


def test_end_point_error_at_the_target_and_far_away():
    """The norm's gradient at zero is no NaN, and its length is one elsewhere."""
    y = normal(2, 2, 3, 4)
    assert (calculus.autograd(lb.end_point_error_loss, y, y) == 0).all()
    gradient = calculus.autograd(lb.end_point_error_loss, y + 1e6, y)
    torch.testing.assert_close(gradient.norm(dim=1), torch.full((2, 3, 4), 1 / 24, dtype=torch.float64))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: lb.motion_loss(f[:, :1], f, f), r"flow must have shape \(N, 2, H, W\)"),
        (lambda f: lb.motion_loss(f, f, f, smoothness=-1.0), "smoothness must be at least 0"),
        (lambda f: lb.motion_loss(f, f, f, photometric="census"), "photometric must be one of"),
        (lambda f: lb.sequence_loss(f, f[:, 0], gamma=0.0), r"gamma must lie in \(0, 1\]"),
        (lambda f: lb.temporal_consistency_loss(f, order=0), "order must be at least 1"),
        (lambda f: lb.flow_consistency_loss(f, f, distance="l3"), "distance must be one of"),
        (lambda f: lb.warp(f, f[..., :-1]), "flow must have shape"),
        (lambda f: lb.mahalanobis_loss(f[:, :, 0, 0], f[:, :, 0, 0], torch.eye(3)), "covariance must have shape"),
        (lambda f: lb.dimp_loss(f, f, mask=2 + f.abs()), r"mask must lie in \[0, 1\]"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.randn(2, 2, 3, 4))
