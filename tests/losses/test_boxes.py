"""Pitfalls and identities of the losses for object detection, and their definitions written out."""

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from samples import draw
from test_definitions import compare

import lossbook as lb
from lossbook.calculus import autograd

UNIT = torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float64)
LOSSES = (lb.iou_loss, lb.giou_loss, lb.diou_loss, lb.ciou_loss, lb.eiou_loss, lb.siou_loss, lb.alpha_iou_loss)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("box", [[0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0.5, 0.5, 0.5], [1, 1, 0, 0], [5, 5, 5, 5]])
def test_boxes_without_area_cost_at_least_one_and_have_a_finite_gradient(loss, box):
    """NaN of CIoU at zero height (DIoU-pytorch-detectron 3 and 19); an inverted box that cost 0 in torchvision."""
    box = torch.tensor([box], dtype=torch.float64)
    assert loss(box, UNIT) >= 1 - 1e-12
    assert autograd(loss, box, UNIT).isfinite().all()
    assert loss(box, box).isfinite() and autograd(loss, box, box).isfinite().all()


def test_identities():
    boxes, target = draw(lb.cards["giou_loss"], batch=5)
    assert torch.allclose(lb.alpha_iou_loss(boxes, target, alpha=1.0), lb.iou_loss(boxes, target))
    assert torch.allclose(lb.alpha_iou_loss(boxes, target, alpha=1.0, penalty="giou"), lb.giou_loss(boxes, target))
    assert torch.allclose(lb.alpha_iou_loss(boxes, target, alpha=1.0, penalty="ciou"), lb.ciou_loss(boxes, target))
    assert torch.allclose(lb.focal_eiou_loss(boxes, target, gamma=0.0), lb.eiou_loss(boxes, target))
    inside = torch.tensor([[0.2, 0.2, 0.8, 0.6]], dtype=torch.float64)
    assert torch.allclose(lb.giou_loss(inside, UNIT), lb.iou_loss(inside, UNIT))


@pytest.mark.parametrize("loss", [lb.gwd_loss, lb.kld_loss])
def test_sides_exchanged_and_turned_by_a_right_angle_are_the_same_box(loss):
    box = torch.tensor([[1.0, 2.0, 5.0, 2.0, 0.3]], dtype=torch.float64)
    turned = torch.tensor([[1.0, 2.0, 2.0, 5.0, 0.3 + math.pi / 2]], dtype=torch.float64)
    assert loss(turned, box, form="raw").abs() < 1e-12


def test_rare_input():
    assert lb.boxes_from_centers(torch.tensor([[2.0, 1.0, 4.0, 2.0]])).tolist() == [[0.0, 0.0, 4.0, 2.0]]
    with pytest.raises(ValueError, match=r"boxes must have shape \(\*, 4\), got \(2, 5\)"):
        lb.iou_loss(torch.rand(2, 5), torch.rand(2, 5))
    with pytest.raises(ValueError, match=r"weight must have shape \(2,\)"):
        lb.iou_loss(torch.rand(2, 4), torch.rand(2, 4), weight=torch.ones(3))
    with pytest.raises(ValueError, match="tau must be at least 1"):
        lb.gwd_loss(torch.rand(2, 5), torch.rand(2, 5), tau=0.5)
    with pytest.raises(ValueError, match=r"target must lie in \[0, 2\]"):
        lb.distribution_focal_loss(torch.rand(1, 3), torch.tensor([2.5]))


# --- definitions, one pair of boxes at a time -------------------------------------------------------------------------


def corner_boxes(random: np.random.Generator) -> np.ndarray:
    low = random.uniform(-2, 2, (5, 2))
    return np.concatenate([low, low + random.uniform(1, 4, (5, 2))], 1)


class Parts(NamedTuple):
    """Intersection over union; the gap of GIoU; the distance of DIoU; the errors of the sides of EIoU."""

    iou: float
    gap: float
    far: float
    shape: float


def parts(b: np.ndarray, t: np.ndarray) -> Parts:
    sides = [max(min(b[k + 2], t[k + 2]) - max(b[k], t[k]), 0.0) for k in (0, 1)]
    around = [max(b[k + 2], t[k + 2]) - min(b[k], t[k]) for k in (0, 1)]
    both = sides[0] * sides[1]
    union = (b[2] - b[0]) * (b[3] - b[1]) + (t[2] - t[0]) * (t[3] - t[1]) - both
    step = [(b[k] + b[k + 2] - t[k] - t[k + 2]) / 2 for k in (0, 1)]
    shape = sum(((b[k + 2] - b[k] - t[k + 2] + t[k]) / around[k]) ** 2 for k in (0, 1))
    box = around[0] * around[1]
    far = (step[0] ** 2 + step[1] ** 2) / (around[0] ** 2 + around[1] ** 2)
    return Parts(both / union, 1 - union / box, far, shape)


DEFINITIONS = {
    "iou_loss": lambda p: 1 - p.iou,
    "giou_loss": lambda p: 1 - p.iou + p.gap,
    "diou_loss": lambda p: 1 - p.iou + p.far,
    "eiou_loss": lambda p: 1 - p.iou + p.far + p.shape,
    "focal_eiou_loss": lambda p: p.iou**0.5 * (1 - p.iou + p.far + p.shape),
    "alpha_iou_loss": lambda p: 1 - p.iou**3,
}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", DEFINITIONS)
def test_overlap_of_boxes(name, seed):
    random = np.random.default_rng(seed)
    boxes, target, weight = corner_boxes(random), corner_boxes(random), random.integers(3, size=5) / 2
    values = np.array([DEFINITIONS[name](parts(b, t)) for b, t in zip(boxes, target, strict=True)])
    compare(getattr(lb, name), (boxes, target), {"weight": weight}, values * weight, weight)


@pytest.mark.parametrize("seed", range(6))
def test_balanced_l1_loss(seed):
    random = np.random.default_rng(seed)
    prediction, target = 2 * random.standard_normal((2, 4, 3))
    alpha, gamma, beta = random.uniform(0.5, 2, 3)
    b, values = math.exp(gamma / alpha) - 1, np.zeros((4, 3))
    for index, r in np.ndenumerate(np.abs(prediction - target)):
        u = b * r / beta
        near = alpha * beta / b * ((1 + u) * math.log(1 + u) - u)
        values[index] = near if r < beta else gamma * r + gamma * beta / b - alpha * beta
    settings = {"alpha": float(alpha), "gamma": float(gamma), "beta": float(beta)}
    compare(lb.balanced_l1_loss, (prediction, target), settings, values, np.ones_like(values))
