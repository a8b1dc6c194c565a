"""Chapter 8: what it computes by hand is what the library computes."""

from pathlib import Path

import pytest
import torch
from notebook_rules import chapter_functions

import lossbook as lb
from lossbook import calculus

CHAPTER = Path(__file__).parents[2] / "notebooks" / "08_semantic_segmentation.ipynb"


@pytest.fixture(scope="module")
def chapter():
    return chapter_functions(CHAPTER)


@pytest.fixture
def binary():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn((3, 5, 4), generator=generator, dtype=torch.float64)
    return logits, torch.randint(2, logits.shape, generator=generator)


@pytest.fixture
def classes():
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn((2, 4, 5, 3), generator=generator, dtype=torch.float64)
    return logits, torch.randint(4, (2, 5, 3), generator=generator)


@pytest.mark.parametrize(
    ("by_hand", "loss", "settings"),
    [
        ("cross_entropy_by_hand", lb.cross_entropy, {}),
        ("focal_by_hand", lb.focal_loss, {}),
        ("focal_by_hand", lb.focal_loss, {"gamma": 0.7}),
    ],
)
def test_gradients_of_several_classes(chapter, classes, by_hand, loss, settings):
    expected = calculus.autograd(loss, *classes, **settings)
    assert torch.allclose(chapter[by_hand](*classes, **settings), expected, rtol=1e-9, atol=1e-12)


def test_gradient_with_a_weight_map(chapter, classes):
    weight = torch.rand(classes[1].shape, dtype=torch.float64)
    expected = calculus.autograd(lb.weighted_cross_entropy, *classes, weight)
    assert torch.allclose(chapter["weighted_by_hand"](*classes, weight), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("by_hand", "loss"),
    [
        ("balanced_by_hand", lb.balanced_cross_entropy),
        ("dice_by_hand", lambda z, g: lb.dice_loss(z, g, task="binary")),
        ("bce_dice_by_hand", lb.bce_dice_loss),
    ],
)
def test_gradients_of_a_mask(chapter, binary, by_hand, loss):
    assert torch.allclose(chapter[by_hand](*binary), calculus.autograd(loss, *binary), rtol=1e-9, atol=1e-12)


def test_losses_of_the_experiment(chapter, binary):
    logits, mask = binary
    logits, mask = logits.float(), mask.float()
    phi = lb.signed_distance_map(mask, task="binary")
    dice = lb.dice_loss(logits, mask, task="binary")
    boundary = dice + (logits.sigmoid() * phi).mean() / 100
    hausdorff = (
        dice + lb.hausdorff_dt_loss(logits, mask, task="binary") / chapter["with_hausdorff"].__globals__["SIZE"] ** 2
    )
    share = 0.3
    cost = torch.nn.functional.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    weight = mask / share + (1 - mask) / (1 - share)
    batch = (logits.unsqueeze(1), mask, phi)
    assert torch.isclose(chapter["with_boundary"](*batch), boundary)
    assert torch.isclose(chapter["with_hausdorff"](*batch), hausdorff)
    assert torch.isclose(chapter["with_weights"](share)(*batch), (weight * cost).sum() / weight.sum())
    assert torch.equal(chapter["on_mask"](lb.dice_loss, task="binary")(*batch), dice)
