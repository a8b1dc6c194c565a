"""Pitfalls and identities of the losses for object detection; their definitions are in the oracles' references."""

import math

import pytest
import torch
from samples import draw

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
