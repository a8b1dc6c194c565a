"""Losses of embeddings against their definitions in NumPy, their identities, and what goes wrong elsewhere."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from numpy.typing import NDArray
from oracles.references import embeddings as ref
from samples import draw, settings_of
from torch import Tensor, nn

import lossbook as lb

Array = NDArray[Any]
DRAWS = range(12)


class Draw:
    """Random settings, and a random input that fits them; some batches have a class of one, a double, a row of
    zeros."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        N = self.one_of(2, 5, 8)
        self.z, self.x, self.n = (self.random.standard_normal((N, 3)) for _ in range(3))
        self.alike = self.one_of(self.random.integers(2, size=N), self.random.random(N))
        self.y = self.random.integers(self.one_of(1, 3), size=N)
        self.w = self.random.standard_normal((3, 3))
        self.v = self.random.standard_normal((3, self.one_of(1, 3), 3))
        if self.one_of(True, False):
            self.z[1] = self.z[0]
        if self.one_of(True, False):
            self.z[-1] = 0.0

    def one_of(self, *choices: Any) -> Any:
        return choices[self.random.integers(len(choices))]

    def settings(self, **choices: tuple) -> dict[str, Any]:
        return {name: self.one_of(*values) for name, values in choices.items()}


def compare(name: str, reference: Callable, arrays: tuple[Array, ...], settings: dict[str, Any]) -> None:
    """All three reductions of what the reference says."""
    values, weights = reference(*arrays, **settings)
    expected = {"none": values, "sum": sum(values), "mean": ref.mean(values, weights)}
    for reduction, wanted in expected.items():
        found = getattr(lb, name)(*(torch.from_numpy(a) for a in arrays), reduction=reduction, **settings)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9, atol=1e-12, err_msg=f"{reduction} {settings}")


BOOL = (True, False)
PAIRED = {
    "n_pairs_loss": (ref.n_pairs, {"regularization": (0.0, 0.3)}),
    "angular_loss": (ref.angular, {"angle": (30.0, 45.0, 60.0)}),
    "info_nce_loss": (ref.info_nce, {"temperature": (0.1, 2.0), "symmetric": BOOL, "normalize": BOOL}),
    "nt_xent_loss": (ref.nt_xent, {"temperature": (0.1, 0.5)}),
    "clip_loss": (ref.clip, {"logit_scale": (1.0, 14.0), "label_smoothing": (0.0, 0.2)}),
    "siglip_loss": (ref.siglip, {"logit_scale": (1.0, 10.0), "logit_bias": (-10.0, 0.5)}),
    "image_text_matching_loss": (ref.matching, {"margin": (0.2, 1.0), "hardest": BOOL}),
    "audio_visual_consistency_loss": (ref.consistency, {"form": ("cosine", "contrastive"), "temperature": (0.07, 1.0)}),
    "byol_loss": (ref.byol, {"form": ("byol", "simsiam")}),
    "barlow_twins_loss": (ref.barlow, {"off_diagonal": (0.005, 0.5), "eps": (1e-5, 0.1)}),
    "vicreg_loss": (ref.vicreg, {"invariance": (25.0, 2.0), "variance": (25.0, 3.0), "covariance": (1.0, 4.0),
                                 "gamma": (1.0, 2.0), "eps": (1e-4, 0.1)}),
}  # fmt: skip
BY_CLASS = {
    "batch_triplet_loss": (ref.batch_triplet, {
        "margin": (0.3, 1.0), "mining": ("all", "semi-hard", "hard"), "average": ("all", "nonzero"), "squared": BOOL,
        "soft": BOOL, "normalize": BOOL}),
    "sup_con_loss": (ref.sup_con, {"temperature": (0.1, 0.5), "base_temperature": (None, 0.07)}),
    "lifted_structure_loss": (ref.lifted_structure, {"margin": (0.0, 1.0, 2.5), "normalize": BOOL}),
    "nca_loss": (ref.nca, {"temperature": (1.0, 0.3), "normalize": BOOL}),
    "multi_similarity_loss": (ref.multi_similarity, {"alpha": (2.0, 3.0), "beta": (50.0, 5.0), "base": (0.5, 0.2),
                                                     "mining": (None, 0.1)}),
    "circle_loss": (ref.circle, {"margin": (0.25, 0.4), "gamma": (80.0, 5.0)}),
}  # fmt: skip
PROTOTYPES = {
    "arcface_loss": (ref.arcface, {"margin": (0.0, 0.5, 1.5), "scale": (64.0, 5.0)}),
    "cosface_loss": (ref.cosface, {"margin": (0.0, 0.35), "scale": (64.0, 5.0)}),
    "sphereface_loss": (ref.sphereface, {"margin": (1, 2, 3, 4), "annealing": (0.0, 5.0)}),
    "center_loss": (ref.center, {}),
    "proxy_nca_loss": (ref.proxy_nca, {"scale": (1.0, 9.0), "include_positive": BOOL}),
    "proxy_anchor_loss": (ref.proxy_anchor, {"margin": (0.1, 0.3), "alpha": (32.0, 5.0)}),
}
SUB_CENTERS = {
    "sub_center_arcface_loss": (ref.sub_center_arcface, {"margin": (0.0, 0.5, 1.5), "scale": (64.0, 5.0)}),
    "soft_triple_loss": (ref.soft_triple, {"scale": (20.0, 5.0), "gamma": (0.1, 1.0), "margin": (0.01, 0.3),
                                           "regularization": (0.0, 0.2, 3.0)}),
}  # fmt: skip
EVERY = [*PAIRED, *BY_CLASS, *PROTOTYPES, *SUB_CENTERS]


@pytest.mark.parametrize("seed", DRAWS)
@pytest.mark.parametrize("name", PAIRED)
def test_pairs_by_definition(name, seed):
    draw, (reference, choices) = Draw(seed), PAIRED[name]
    compare(name, reference, (draw.z, draw.x), draw.settings(**choices))


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("name", BY_CLASS)
def test_classes_by_definition(name, seed):
    draw, (reference, choices) = Draw(seed), BY_CLASS[name]
    compare(name, reference, (draw.z, draw.y), draw.settings(**choices))


@pytest.mark.parametrize("seed", DRAWS)
@pytest.mark.parametrize("name", PROTOTYPES)
def test_prototypes_by_definition(name, seed):
    draw, (reference, choices) = Draw(seed), PROTOTYPES[name]
    compare(name, reference, (draw.z, draw.y, draw.w), draw.settings(**choices))


@pytest.mark.parametrize("seed", DRAWS)
@pytest.mark.parametrize("name", SUB_CENTERS)
def test_sub_centers_by_definition(name, seed):
    draw, (reference, choices) = Draw(seed), SUB_CENTERS[name]
    compare(name, reference, (draw.z, draw.y, draw.v), draw.settings(**choices))


@pytest.mark.parametrize("seed", DRAWS)
def test_contrastive_by_definition(seed):
    draw = Draw(seed)
    forms = ("half-squared", "squared", "linear", "margin of squares")
    settings = draw.settings(margin=(1.0, 2.5), form=forms, normalize=BOOL)
    compare("contrastive_loss", ref.contrastive, (draw.z, draw.x, draw.alike), settings)


@pytest.mark.parametrize("seed", DRAWS)
def test_triplets_by_definition(seed):
    draw = Draw(seed)
    settings = draw.settings(margin=(1.0, 2.5), squared=BOOL, swap=BOOL, soft=BOOL, normalize=BOOL)
    compare("triplet_margin_loss", ref.triplet, (draw.z, draw.x, draw.n), settings)


@pytest.mark.parametrize("seed", DRAWS)
def test_info_nce_with_further_negatives(seed):
    draw = Draw(seed)
    settings = draw.settings(temperature=(0.1, 2.0), in_batch=BOOL, normalize=BOOL)
    compare("info_nce_loss", ref.info_nce, (draw.z, draw.x, draw.random.standard_normal((4, 3))), settings)


# --- identities -------------------------------------------------------------------------------------------------------


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def test_which_negatives():
    """InfoNCE has N - 1, NT-Xent 2N - 2: the same vectors give 1.11 and 1.54 in other libraries. Between views of which
    all are alike it is log N and log(2N - 1)."""
    same = torch.ones(4, 3, dtype=torch.float64)
    assert lb.info_nce_loss(same, same).item() == pytest.approx(math.log(4))
    assert lb.clip_loss(same, same).item() == pytest.approx(math.log(4))
    assert lb.nt_xent_loss(same, same).item() == pytest.approx(math.log(7))


def test_relatives_are_equal():
    a, b = normal(5, 4), normal(5, 4, seed=1)
    assert torch.isclose(lb.clip_loss(a, b, logit_scale=10.0), lb.info_nce_loss(a, b, symmetric=True))
    both_ways = (lb.info_nce_loss(a, b) + lb.info_nce_loss(b, a)) / 2
    assert torch.isclose(lb.info_nce_loss(a, b, symmetric=True), both_ways)
    assert torch.isclose(lb.n_pairs_loss(a, b), lb.info_nce_loss(a, b, normalize=False, temperature=1.0))
    views, classes = torch.cat([a, b]), torch.arange(5).repeat(2)
    assert torch.isclose(lb.nt_xent_loss(a, b), lb.sup_con_loss(views, classes, temperature=0.5))
    assert torch.isclose(lb.cosface_loss(a, classes[:5], b, margin=0.0), lb.arcface_loss(a, classes[:5], b, margin=0.0))
    assert torch.isclose(lb.byol_loss(a, b), 2 * lb.audio_visual_consistency_loss(a, b))


def test_angular_loss_of_right_angles_by_hand():
    """Equal pairs at right angles: f = -2 (1 + tan^2 a). A negative halfway between the directions of a pair at right
    angles: f = 4 tan^2 a sqrt(2)."""
    square = math.tan(math.radians(40.0)) ** 2
    rows = 3.0 * torch.eye(3, dtype=torch.float64)
    expected = math.log1p(2 * math.exp(-2 * (1 + square)))
    assert lb.angular_loss(rows, rows, angle=40.0).item() == pytest.approx(expected, rel=1e-12)
    a, b = (torch.tensor(t, dtype=torch.float64) for t in ([[1.0, 0.0], [5.0, 5.0]], [[0.0, 2.0], [0.1, 0.1]]))
    found = lb.angular_loss(a, b, angle=40.0, reduction="none")[0].item()
    assert found == pytest.approx(math.log1p(math.exp(4 * square * math.sqrt(2))), rel=1e-12)


def test_angular_loss_does_not_see_lengths_and_takes_negatives_from_the_others_alone():
    a, b = normal(5, 3), normal(5, 3, seed=1)
    value = lb.angular_loss(a, b, reduction="none")
    lengths = torch.tensor([[0.01], [1.0], [7.0], [300.0], [2.0]], dtype=torch.float64)
    assert torch.allclose(lb.angular_loss(lengths * a, b / lengths, reduction="none"), value, rtol=1e-12)
    moved = torch.cat([a[:1], normal(4, 3, seed=2)])
    assert torch.equal(lb.angular_loss(moved, b, reduction="none")[0], value[0])


@pytest.mark.parametrize("angle", [1e-3, 89.0])
def test_angular_loss_at_the_ends_of_its_angles(angle):
    """Logits of 1e4 and more: the exponential is never formed by itself."""
    value, grad = value_and_gradient(lb.angular_loss, normal(6, 3), normal(6, 3, seed=1), angle=angle)
    assert value.isfinite() and grad.isfinite().all()


@pytest.mark.parametrize(
    ("card", "case"),
    [(card, case) for card in lb.cards.values() if card.family == "embeddings" and card.kind != "objective"
     for case in ({}, *card.cases)],
    ids=lambda value: value.name if hasattr(value, "name") else str(value),
)  # fmt: skip
@pytest.mark.parametrize("length", [1e-14, 1e-17, 1e-20])
def test_gradient_of_a_very_short_row_is_finite(card, case, length):
    """The slope of a direction is one over the length; a formula with the cube of that ends at 1e-13 in float32."""
    tensors, settings = draw(card, case, dtype=torch.float32), settings_of(card, case, torch.float32)
    for place, name in enumerate(card.domain):
        if name in card.differentiable and tensors[place].dim() > 1:
            short = tensors[place].clone()
            short[0] = length * F.normalize(short[0], dim=-1)
            arguments = [*tensors[:place], short.requires_grad_(), *tensors[place + 1 :]]
            value = card.function(*arguments, **settings)
            (slope,) = torch.autograd.grad(value, short)
            assert value.isfinite() and slope.isfinite().all(), name


def test_several_positives_supcon_has_them_in_the_denominator():
    """Two stacked copies of one example of each of two classes: every other row of a class is a positive, and stands in
    the denominator: log(e^2 3 + ...) by hand."""
    rows = torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 1.0]], dtype=torch.float64)
    expected = math.log(2 * math.e + 1) - 1
    assert lb.sup_con_loss(rows, torch.tensor([0, 0, 0, 1]), temperature=1.0).item() == pytest.approx(expected)


def test_lifted_structure_by_hand():
    """A pair 2 apart with one negative halfway, at a distance of 1 from both: J = 2 + log 2; the negative gets no share
    of the mean. Without a negative nothing is wrong; far from all negatives neither."""
    rows, classes = torch.tensor([[0.0], [2.0], [1.0]], dtype=torch.float64), torch.tensor([0, 0, 1])
    assert lb.lifted_structure_loss(rows, classes).item() == pytest.approx((2 + math.log(2)) ** 2 / 2)
    values = lb.lifted_structure_loss(rows, classes, reduction="none")
    assert values[0] == values[1] and values[2] == 0
    for apart in (torch.tensor([0, 0, 0]), torch.arange(3)):
        value, grad = value_and_gradient(lb.lifted_structure_loss, rows, apart)
        assert value == 0 and (grad == 0).all()
    far = torch.tensor([[0.0], [0.1], [9.0]], dtype=torch.float64)
    assert lb.lifted_structure_loss(far, classes) == 0


def test_nca_is_content_with_one_near_member_of_the_class():
    """A class in two clusters costs NCA next to nothing, SupCon a lot; with two of each class, both are the same."""
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.0], [-1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], dtype=torch.float64)
    classes = torch.tensor([0, 0, 0, 0, 1, 1])
    assert lb.nca_loss(rows, classes, temperature=0.1) < 1e-6 < 1 < lb.sup_con_loss(rows, classes, temperature=0.05)
    views, pairs = normal(10, 4), torch.arange(5).repeat(2)  # a squared distance of directions is 2 - 2 cos
    value = lb.nca_loss(views, pairs, temperature=1.0, normalize=True)
    assert torch.isclose(value, lb.sup_con_loss(views, pairs, temperature=0.5), rtol=1e-12)


def test_nca_far_apart_loses_no_digits():
    """No probability is formed that rounds to zero, of which other libraries leave the example out."""
    rows = torch.tensor([[0.0], [30.0], [1.0]]).requires_grad_()
    value = lb.nca_loss(rows, torch.tensor([0, 0, 1]), reduction="none")
    assert value[0].item() == pytest.approx(899.0, rel=1e-6) and value[1].item() == pytest.approx(59.0, rel=1e-5)
    assert torch.autograd.grad(value.sum(), rows)[0].isfinite().all()


def test_all_triplets_by_sorting_equal_all_triplets_at_once():
    rows, classes = normal(12, 3, seed=4), torch.arange(12) % 3
    d = (rows.unsqueeze(1) - rows).norm(dim=2)
    alike = classes.unsqueeze(1) == classes
    positive = alike & ~torch.eye(12, dtype=torch.bool)
    hinges = (d.unsqueeze(2) - d.unsqueeze(1) + 0.7).relu() * (positive.unsqueeze(2) & ~alike.unsqueeze(1))
    for average, number in (("all", 12 * 3 * 8), ("nonzero", int((hinges > 0).sum()))):
        value = lb.batch_triplet_loss(rows, classes, margin=0.7, mining="all", average=average)
        assert torch.isclose(value, hinges.sum() / number, rtol=1e-12)


def test_siglip_sign_and_divisor():
    """The sign of the equation, not of the pseudo-code (open_clip #476): a pair that fits better costs less. Divided
    by the rows (#742), so that one perfect pair costs log 2 and doubling the batch about doubles the wrong pairs."""
    image = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    fits, misses = lb.siglip_loss(image, image), lb.siglip_loss(image, -image)
    assert fits.item() == pytest.approx(math.log(2))
    assert misses.item() == pytest.approx(20.0)
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    assert lb.siglip_loss(rows, rows).item() == pytest.approx(2 * math.log(2))


# --- what goes wrong elsewhere ----------------------------------------------------------------------------------------


def value_and_gradient(function: Callable[..., Tensor], first: Tensor, *others: Any, **settings: Any):
    first = first.clone().requires_grad_()
    value = function(first, *others, **settings)
    value.backward()
    return value.detach(), first.grad


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_equal_embeddings_have_the_gradient_zero(dtype):
    """No root or norm at zero: distances of equal rows are 0, and their gradient is 0, not NaN; also where rows lie far
    from the origin, so that their distance is rounding."""
    for offset in (0.0, 1.0, 100.0):
        rows = (torch.tensor([0.3, -0.7, 0.2]) + offset).to(dtype).repeat(6, 1)
        for mining in ("hard", "semi-hard", "all"):
            value, grad = value_and_gradient(
                lb.batch_triplet_loss, rows, torch.tensor([0, 0, 1, 1, 2, 2]), mining=mining, margin=1.0
            )
            assert value == 1.0 and (grad == 0).all()
        value, grad = value_and_gradient(lb.triplet_margin_loss, rows, rows, rows)
        assert value == 1.0 and (grad == 0).all()
        value, grad = value_and_gradient(lb.contrastive_loss, rows, rows, torch.zeros(6, dtype=torch.long))
        assert value == 0.5 and (grad == 0).all()


def second_and_third(name: str, others: Tensor, classes: Tensor, prototypes: Tensor) -> list[Tensor]:
    """What the loss takes besides its embeddings."""
    if name in SUB_CENTERS:
        prototypes = torch.stack([prototypes, prototypes.flip(1)], 1)
    return [others] if name in PAIRED else [classes] if name in BY_CLASS else [classes, prototypes]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_zeros_and_equal_rows_are_safe(name, dtype):
    """Every loss, in half precision too (pytorch-metric-learning #6: no bfloat16 in `cdist`)."""
    for rows in (torch.zeros(4, 3), torch.ones(4, 3), torch.full((4, 3), 1e-3)):
        first = rows.to(dtype)
        others = second_and_third(name, first, torch.tensor([0, 0, 1, 1]), first[:3])
        value, grad = value_and_gradient(getattr(lb, name), first, *others)
        assert value.isfinite() and value.dtype == dtype
        assert grad.isfinite().all()


@pytest.mark.parametrize("name", EVERY)
def test_double_backward(name):
    """pytorch-metric-learning's triplets have none, since `cdist` has none."""
    others = second_and_third(name, normal(5, 3, seed=1), torch.tensor([0, 0, 1, 1, 2]), normal(3, 3, seed=2))
    settings = {"hold_weights": False} if name == "circle_loss" else {}
    function = getattr(lb, name)
    assert torch.autograd.gradgradcheck(lambda z: function(z, *others, **settings), normal(5, 3).requires_grad_())


def test_distances_keep_their_digits_far_from_the_origin():
    """By products alone, a distance of 0.01 at a distance of 1000 is lost in float32; rows are centered first."""
    rows = normal(8, 4, dtype=torch.float32) * 0.01
    classes = torch.arange(8) % 2
    near, far = (lb.batch_triplet_loss(x, classes, margin=0.01, mining="all") for x in (rows, rows + 1024.0))
    rounded = lb.batch_triplet_loss((rows + 1024.0).double() - 1024.0, classes, margin=0.01, mining="all")
    assert far.item() == pytest.approx(rounded.item(), rel=1e-3)
    assert near.item() == pytest.approx(rounded.item(), rel=0.02)
    far = (rows + 1024.0, rows + 1024.0 - 1024.0)
    value, expected = (lb.nca_loss(x, classes, temperature=1e-3) for x in far)
    assert value.item() == pytest.approx(expected.item(), rel=1e-3)


def test_no_triplet_and_no_positive_count_for_nothing():
    """One class, or classes of one: zero, attached to the graph; a lone example does not dilute the mean."""
    rows = normal(4, 3)
    for function, classes in ((lb.batch_triplet_loss, torch.zeros(4, dtype=torch.long)),
                              (lb.batch_triplet_loss, torch.arange(4)), (lb.sup_con_loss, torch.arange(4)),
                              (lb.circle_loss, torch.arange(4)), (lb.nca_loss, torch.arange(4))):  # fmt: skip
        value, grad = value_and_gradient(function, rows, classes)
        assert value == 0 and (grad == 0).all()
    for function in (lb.sup_con_loss, lb.nca_loss):
        values = function(rows, torch.tensor([0, 0, 1, 2]), reduction="none")
        assert torch.isclose(function(rows, torch.tensor([0, 0, 1, 2])), values[:2].mean()) and (values[2:] == 0).all()


def test_contrastive_target_of_one_means_alike():
    """Hadsell's own Y is 0 for what is alike, and many tutorials follow: the docstring says which, this holds it."""
    a, b = torch.zeros(1, 1), torch.full((1, 1), 3.0)
    assert lb.contrastive_loss(a, b, torch.tensor([1])) == 4.5
    assert lb.contrastive_loss(a, b, torch.tensor([0])) == 0.0
    assert lb.contrastive_loss(a, b, torch.tensor([True])) == 4.5


def test_arcface_at_an_angle_of_zero_and_of_pi():
    """The arc cosine has no slope at 1 and -1; there is no epsilon here that would cut it off."""
    prototypes = torch.eye(2)
    for row in ([1.0, 0.0], [-1.0, 0.0], [1.0, 1e-4], [-1.0, 1e-4]):
        value, grad = value_and_gradient(lb.arcface_loss, torch.tensor([row]), torch.tensor([0]), prototypes)
        assert value.isfinite() and grad.isfinite().all() and grad.abs().max() < 100
    assert lb.arcface_loss(torch.eye(2)[:1], torch.tensor([0]), prototypes, scale=1.0).item() == pytest.approx(
        math.log1p(math.exp(-math.cos(0.5))), rel=1e-6
    )


def test_autocast_does_not_round_the_products():
    a, b = normal(16, 8, dtype=torch.float32), normal(16, 8, seed=1, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        value = lb.clip_loss(a, b, logit_scale=100.0)
    assert torch.equal(value, lb.clip_loss(a, b, logit_scale=100.0))


@pytest.mark.parametrize("name", EVERY)
def test_shapes_without_numbers(name):
    """Tensors on the meta device, with which models are planned before there is memory for them."""
    others = second_and_third(name, normal(5, 3), torch.tensor([0, 0, 1, 1, 2]), normal(3, 3))
    first = normal(5, 3).to("meta").requires_grad_()
    value = getattr(lb, name)(first, *(other.to("meta") for other in others))
    value.backward()
    assert value.device.type == "meta" and value.shape == () and first.grad.shape == (5, 3)


@pytest.mark.parametrize("margin", [1, 2, 3, 4, 5])
def test_sphereface_falls_from_one_to_one_minus_twice_the_margin(margin):
    """Two classes at right angles and long embeddings: the loss is what the true projection lacks, which rises with
    every degree, also where the cosine of the multiple turns; its slope is finite at both ends."""
    angle = torch.linspace(0, math.pi, 181, dtype=torch.float64)
    rows = torch.stack([angle.cos(), angle.sin(), torch.zeros_like(angle)], 1).requires_grad_()
    prototypes = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    values = lb.sphereface_loss(rows, torch.zeros(181, dtype=torch.long), prototypes, margin=margin, reduction="none")
    assert (values.diff() > 0).all()
    for value, own in ((values[0], 1.0), (values[-1], 1.0 - 2 * margin)):
        assert value.item() == pytest.approx(math.log1p(math.exp(-own)), rel=1e-12)
    grads = torch.autograd.grad(values.sum(), rows)[0]
    assert grads.isfinite().all() and grads.norm(dim=1).max() < 3 * margin
    opposite = grads[-1, 0].item()  # drawn along its own line alone, by the slope of the length
    assert opposite == pytest.approx((2 * margin - 1) * -torch.sigmoid(torch.tensor(2.0 * margin - 1)).item())


@pytest.mark.parametrize("margin", [1, 2, 3, 4, 5])
def test_sphereface_opposite_to_its_class_in_float32(margin):
    """Where the cosine rounds to -1, the angle counts as pi, which still belongs to the last piece of the curve."""
    row, prototypes = torch.tensor([[-1.0, 1e-4, 0.0]]), torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    grads = []
    for dtype in (torch.float32, torch.float64):
        arguments = row.to(dtype), torch.tensor([0]), prototypes.to(dtype)
        grads.append(value_and_gradient(lb.sphereface_loss, *arguments, margin=margin)[1].double())
    assert torch.allclose(*grads, rtol=1e-3, atol=1e-6)


def test_sphereface_of_margin_one_is_a_softmax_of_projections():
    rows, classes, prototypes = normal(5, 3), torch.tensor([0, 1, 2, 1, 0]), normal(3, 3, seed=1)
    expected = F.cross_entropy(rows @ F.normalize(prototypes, dim=1).T, classes)
    assert torch.isclose(lb.sphereface_loss(rows, classes, prototypes, margin=1), expected, rtol=1e-12)
    for margin in (2, 4):  # with more and more of the plain cosine
        value = lb.sphereface_loss(rows, classes, prototypes, margin=margin, annealing=1e9)
        assert torch.isclose(value, expected, rtol=1e-6)


def test_one_sub_center_is_arcface_and_of_two_that_tie_one_moves():
    rows, classes, prototypes = normal(5, 3), torch.tensor([0, 1, 2, 1, 0]), normal(3, 3, seed=1)
    one, twice = prototypes.unsqueeze(1), torch.stack([prototypes, prototypes], 1).requires_grad_()
    expected = lb.arcface_loss(rows, classes, prototypes)
    assert torch.isclose(lb.sub_center_arcface_loss(rows, classes, one), expected, rtol=1e-12)
    lb.sub_center_arcface_loss(rows, classes, twice).backward()
    prototypes.requires_grad_()
    lb.arcface_loss(rows, classes, prototypes).backward()
    assert torch.allclose(twice.grad.sum(1), prototypes.grad) and (twice.grad == 0).all(2).any(1).all()


def test_soft_triple_between_one_center_and_the_nearest():
    """Centers that are one are a single center, without a pull between them; the softer the choice, the nearer to the
    mean of the cosines, the harder, the nearer to their maximum."""
    rows, classes, centers = normal(5, 3), torch.tensor([0, 1, 2, 1, 0]), normal(3, 2, 3, seed=1)
    alone = centers[:, 0]
    one = lb.cosface_loss(rows, classes, alone, margin=0.3, scale=20.0)
    same = torch.stack([alone, 2 * alone], 1).requires_grad_()
    value = lb.soft_triple_loss(rows, classes, same, margin=0.3)
    assert torch.isclose(value, one, rtol=1e-12)
    assert torch.autograd.grad(value, same)[0].isfinite().all()
    cosines = F.normalize(rows, dim=1) @ F.normalize(centers, dim=2).flatten(0, 1).T
    for gamma, pooled in ((1e6, cosines.unflatten(1, (3, 2)).mean(2)), (1e-4, cosines.unflatten(1, (3, 2)).amax(2))):
        expected = F.cross_entropy(20 * (pooled - 0.3 * F.one_hot(classes, 3)), classes)
        value = lb.soft_triple_loss(rows, classes, centers, margin=0.3, gamma=gamma, regularization=0.0)
        assert torch.isclose(value, expected, rtol=1e-4)


def test_soft_triple_draws_the_centers_of_a_class_together():
    """By hand: two classes of two centers, at right angles and at 180 degrees: (sqrt(2) + 2) / (2 * 2)."""
    centers = torch.tensor([[[3.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [2.0, 0.0]]], dtype=torch.float64)
    rows, classes = normal(4, 2), torch.tensor([0, 1, 0, 1])
    with_it, without = (
        lb.soft_triple_loss(rows, classes, centers, regularization=r, reduction="none") for r in (0.2, 0.0)
    )
    assert torch.allclose(with_it - without, torch.tensor(0.2 * (math.sqrt(2) + 2) / 4, dtype=torch.float64))


def test_byol_gives_the_target_no_gradient():
    prediction, target = normal(3, 4).requires_grad_(), normal(3, 4, seed=1).requires_grad_()
    lb.byol_loss(prediction, target).backward()
    assert prediction.grad.abs().sum() > 0 and target.grad is None


def test_products_without_directions():
    a, b = normal(4, 3), normal(4, 3, seed=1)
    unit = F.normalize(a, dim=1), F.normalize(b, dim=1)
    for function in (lb.info_nce_loss, lb.clip_loss, lb.siglip_loss, lb.image_text_matching_loss):
        assert torch.isclose(function(*unit, normalize=False), function(a, b), rtol=1e-12)
        assert not torch.isclose(function(a, b, normalize=False), function(a, b))


# --- modules that learn -----------------------------------------------------------------------------------------------

CLASS_MODULES = {
    lb.ArcFaceLoss: ("prototypes", {"margin": 0.3, "scale": 10.0}),
    lb.CosFaceLoss: ("prototypes", {"margin": 0.2, "scale": 10.0}),
    lb.SphereFaceLoss: ("prototypes", {"margin": 2, "annealing": 5.0}),
    lb.CenterLoss: ("centers", {"reduction": "sum"}),
    lb.ProxyNCALoss: ("proxies", {"scale": 3.0, "include_positive": True}),
    lb.ProxyAnchorLoss: ("proxies", {"margin": 0.2, "alpha": 8.0}),
}


@pytest.mark.parametrize("module", CLASS_MODULES)
def test_modules_with_a_row_for_each_class(module):
    name, settings = CLASS_MODULES[module]
    loss = module(3, 4, **settings).double()
    rows, classes = normal(5, 4), torch.tensor([0, 1, 2, 1, 0])
    weights = getattr(loss, name)
    assert weights.shape == (3, 4) and [n for n, _ in loss.named_parameters()] == [name]
    value = loss(rows, classes)
    assert torch.equal(value, module.function(rows, classes, weights, **settings))
    value.backward()
    assert weights.grad.abs().sum() > 0
    other = module(3, 4, **settings).double()
    assert not torch.equal(other(rows, classes), value)
    other.load_state_dict(loss.state_dict())
    for twin in (other, copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert torch.equal(twin(rows, classes), value)
    assert "num_classes=3, embedding_size=4" in repr(loss) and all(f"{key}=" in repr(loss) for key in settings)
    with pytest.raises(TypeError, match="no setting 'sigma_2'"):
        module(3, 4, sigma_2=1.0)
    with pytest.raises(ValueError, match="num_classes must be above 0, got 0"):
        module(0, 4)


SUB_CENTER_MODULES = {
    lb.SubCenterArcFaceLoss: {"margin": 0.3, "scale": 10.0},
    lb.SoftTripleLoss: {"margin": 0.1, "gamma": 0.5, "regularization": 1.0},
}


@pytest.mark.parametrize("module", SUB_CENTER_MODULES)
def test_modules_with_sub_centers(module):
    settings, rows, classes = SUB_CENTER_MODULES[module], normal(5, 4), torch.tensor([0, 1, 2, 1, 0])
    loss = module(3, 4, sub_centers=2, **settings).double()
    assert loss.prototypes.shape == (3, 2, 4) and [n for n, _ in loss.named_parameters()] == ["prototypes"]
    value = loss(rows, classes)
    assert torch.equal(value, module.function(rows, classes, loss.prototypes, **settings))
    value.backward()
    assert loss.prototypes.grad.abs().sum() > 0
    other = module(3, 4, 2, **settings).double()
    assert not torch.equal(other(rows, classes), value)
    other.load_state_dict(loss.state_dict())
    for twin in (other, copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert torch.equal(twin(rows, classes), value)
    assert "num_classes=3, embedding_size=4, sub_centers=2, " in repr(loss)
    assert all(f"{key}=" in repr(loss) for key in settings)
    with pytest.raises(TypeError, match="no setting 'sigma_2'"):
        module(3, 4, sigma_2=1.0)
    with pytest.raises(ValueError, match="sub_centers must be above 0, got 0"):
        module(3, 4, sub_centers=0)


def test_centers_learn_the_means_of_their_classes():
    rows, classes = normal(40, 2) + 5.0 * (torch.arange(40) % 2).unsqueeze(1), torch.arange(40) % 2
    loss = lb.CenterLoss(2, 2).double()
    optimizer = torch.optim.SGD(loss.parameters(), lr=1.0)
    for _ in range(50):
        optimizer.zero_grad()
        loss(rows, classes).backward()
        optimizer.step()
    assert torch.allclose(loss.centers, torch.stack([rows[classes == c].mean(0) for c in range(2)]), atol=1e-6)


@pytest.mark.parametrize("module", [lb.ClipLoss, lb.SigLipLoss])
def test_modules_with_a_scale(module):
    loss, (a, b) = module(), (normal(4, 3, dtype=torch.float32), normal(4, 3, seed=1, dtype=torch.float32))
    value = loss(a, b)
    assert torch.isclose(value, module.function(a, b), rtol=1e-6)
    value.backward()
    assert all(p.grad is not None and p.grad != 0 for p in loss.parameters())
    loss.log_scale.data += 0.5
    twin = module()
    twin.load_state_dict(loss.state_dict())
    for other in (twin, copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert torch.equal(other(a, b), loss(a, b)) and not torch.equal(other(a, b), value)
    assert torch.isclose(module(logit_scale=3.0).logit_scale, torch.tensor(3.0))
    assert "reduction='mean'" in repr(loss)
    assert module(reduction="none")(a, b).shape == (4,)


def test_scale_is_held_and_can_come_back():
    """CLIP holds it at 100; a clamp that cuts the gradient would hold it there for good."""
    loss, rows = lb.ClipLoss(logit_scale=90.0), normal(4, 3, dtype=torch.float32)
    loss.log_scale.data += 1.0
    assert loss.logit_scale.item() == pytest.approx(100.0)
    loss(rows, -rows).backward()
    assert loss.log_scale.grad > 0  # down


def test_scale_and_bias_get_gradients():
    a, b = normal(4, 3), normal(4, 3, seed=1)
    scale, bias = torch.tensor(5.0, dtype=torch.float64), torch.tensor([-2.0], dtype=torch.float64)
    scale.requires_grad_(), bias.requires_grad_()
    assert torch.autograd.gradcheck(lambda t, c: lb.siglip_loss(a, b, logit_scale=t, logit_bias=c), (scale, bias))
    assert torch.autograd.gradcheck(lambda t: lb.clip_loss(a, b, logit_scale=t), (scale,))


# --- several processes, large batches ---------------------------------------------------------------------------------


def _on_each_rank(rank: int, folder: str) -> None:
    """What one of two processes computes of its half of the batch."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    a, b = normal(6, 4), normal(6, 4, seed=1)
    half = slice(3 * rank, 3 * rank + 3)
    answers: dict[str, Any] = {}
    for function in (lb.clip_loss, lb.siglip_loss):
        mine, other = a[half].clone().requires_grad_(), b[half].clone().requires_grad_()
        rows = lb.gather_with_gradient(mine, average=True), lb.gather_with_gradient(other, average=True)
        value = function(*rows)
        value.backward()
        model = nn.parallel.DistributedDataParallel(_encoder())
        gathered = function(model(a[half]), model(b[half]), gather=True)
        gathered.backward()
        answers[function.__name__] = (value.detach(), mine.grad, other.grad, gathered.detach(),
                                      [p.grad for p in model.parameters()])  # fmt: skip
    torch.save(answers, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def _encoder() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def test_two_processes_give_the_gradient_of_one(tmp_path):
    """An all-gather without gradient is wrong (SLIP #31): here each rank's gradient is that of one process with the
    whole batch, of its embeddings and, under `DistributedDataParallel`, of the weights."""
    mp.spawn(_on_each_rank, (str(tmp_path),), nprocs=2)
    for rank in range(2):
        answers = torch.load(tmp_path / f"{rank}.pt")
        half = slice(3 * rank, 3 * rank + 3)
        for name, (value, mine, other, gathered, weights) in answers.items():
            function = getattr(lb, name)
            a, b = normal(6, 4).requires_grad_(), normal(6, 4, seed=1).requires_grad_()
            expected = function(a, b)
            expected.backward()
            assert torch.isclose(value, expected, rtol=1e-12)
            assert torch.allclose(mine, a.grad[half], rtol=1e-10)
            assert torch.allclose(other, b.grad[half], rtol=1e-10)
            encoder = _encoder()
            alone = function(encoder(a.detach()), encoder(b.detach()))
            alone.backward()
            assert torch.isclose(gathered, alone, rtol=1e-12)
            for found, p in zip(weights, encoder.parameters(), strict=True):
                assert torch.allclose(found, p.grad, rtol=1e-9, atol=1e-14)


def test_gather_without_processes_is_the_tensor_itself():
    rows = normal(3, 2)
    assert lb.gather_with_gradient(rows) is rows
    assert torch.equal(lb.clip_loss(rows, rows, gather=True), lb.clip_loss(rows, rows))


@pytest.mark.parametrize("chunk_size", [1, 4, 100])
def test_cached_info_nce_has_the_gradient_of_the_plain_loss(chunk_size):
    queries, keys = normal(10, 4), normal(10, 4, seed=1)
    gradients = []
    for loss in (lambda f: lb.info_nce_loss(f(queries), f(keys)),
                 lambda f: lb.cached_info_nce_loss(f, queries, keys, chunk_size=chunk_size)):  # fmt: skip
        encoder = _encoder()
        value = loss(encoder)
        value.backward()
        gradients.append([value, *(p.grad for p in encoder.parameters())])
    for plain, cached in zip(*gradients, strict=True):
        assert torch.allclose(plain, cached, rtol=1e-10, atol=1e-14)


def test_cached_info_nce_never_holds_more_than_a_chunk():
    """Only one chunk's activations are alive at a time, in the backward pass too, and dropout is drawn alike twice."""
    seen: list[int] = []

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3)).double()

        def forward(self, x: Tensor) -> Tensor:
            seen.append(len(x))
            return self.inner(x)

    encoder, queries = Counting(), normal(8, 4)
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (saved.append(t), t)[1], lambda t: t):
        value = lb.cached_info_nce_loss(encoder, queries, queries, chunk_size=2)
    assert not any(t.shape[-1] == 8 and t.shape[0] == 2 for t in saved if t.dim() == 2)  # no hidden layer is kept
    value.backward()
    assert seen == [2] * 16  # each of eight chunks twice
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


def test_cached_info_nce_with_two_encoders_and_with_tokens():
    words, pictures = nn.Embedding(7, 3).double(), nn.Linear(4, 3).double()
    tokens, inputs = torch.tensor([0, 3, 6]), normal(3, 4)
    value = lb.cached_info_nce_loss(words, tokens, inputs, key_encoder=pictures, chunk_size=2)
    value.backward()
    assert torch.isclose(value, lb.info_nce_loss(words(tokens), pictures(inputs)))
    assert words.weight.grad.abs().sum() > 0 and pictures.weight.grad.abs().sum() > 0


# --- silly input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda a, y: lb.contrastive_loss(a, a, y, form="cubed"), ValueError, "form must be one of"),
        (lambda a, y: lb.contrastive_loss(a, a, y, margin=0.0), ValueError, "margin must be above 0, got 0"),
        (lambda a, y: lb.contrastive_loss(a, a, y + 5), ValueError, r"target must lie in \[0, 1\]"),
        (lambda a, _: lb.triplet_margin_loss(a, a, a[:2]), ValueError, "negative must have the shape of anchor"),
        (lambda a, _: lb.triplet_margin_loss(a, a, a, margin=-1.0), ValueError, "margin must be above 0"),
        (lambda a, y: lb.batch_triplet_loss(a, y, mining="easy"), ValueError, "mining must be one of"),
        (lambda a, y: lb.batch_triplet_loss(a, y, average="some"), ValueError, "average must be one of"),
        (lambda a, y: lb.batch_triplet_loss(a, y.double()), TypeError, "target must hold one integer class"),
        (lambda a, y: lb.batch_triplet_loss(a, y, margin=0.0), ValueError, "margin must be above 0"),
        (lambda a, y: lb.sup_con_loss(a[0], y), ValueError, r"embeddings must have shape \(N, D\), got \(3,\)"),
        (lambda a, y: lb.sup_con_loss(a, y, temperature=0.0), ValueError, "temperature must be above 0"),
        (lambda a, y: lb.sup_con_loss(a, y, base_temperature=0.0), ValueError, "base_temperature must be above 0"),
        (lambda a, y: lb.lifted_structure_loss(a, y, margin=-1.0), ValueError, "margin must be at least 0, got -1"),
        (lambda a, y: lb.nca_loss(a, y, temperature=0.0), ValueError, "temperature must be above 0"),
        (lambda a, _: lb.n_pairs_loss(a, a, regularization=-1.0), ValueError, "regularization must be at least 0"),
        (lambda a, _: lb.angular_loss(a, a, angle=0.0), ValueError, r"angle must lie in \(0, 90\) degrees, got 0.0"),
        (lambda a, _: lb.angular_loss(a, a, angle=90.0), ValueError, r"angle must lie in \(0, 90\) degrees, got 90.0"),
        (lambda a, _: lb.angular_loss(a, a[:, :2]), ValueError, "others must have the shape of embeddings"),
        (lambda a, _: lb.info_nce_loss(a, a, temperature=0.0), ValueError, "temperature must be above 0"),
        (lambda a, _: lb.info_nce_loss(a, a, in_batch=False), ValueError, "in_batch must be True"),
        (lambda a, _: lb.info_nce_loss(a, a, a, symmetric=True), ValueError, "symmetric must be False"),
        (lambda a, _: lb.info_nce_loss(a, a, a[:, :2]), ValueError, r"negatives must have shape \(M, 3\)"),
        (lambda a, _: lb.info_nce_loss(a, a, a.long()), TypeError, "negatives must be a floating-point tensor"),
        (lambda a, _: lb.nt_xent_loss(a, a, temperature=-1.0), ValueError, "temperature must be above 0"),
        (lambda a, _: lb.clip_loss(a, a, logit_scale=0.0), ValueError, "logit_scale must be above 0"),
        (lambda a, _: lb.clip_loss(a, a, logit_scale=torch.tensor(-1.0)), ValueError, "logit_scale must be above 0"),
        (lambda a, _: lb.clip_loss(a, a, logit_scale=torch.ones(2)), ValueError, "logit_scale must hold one number"),
        (lambda a, _: lb.clip_loss(a, a, label_smoothing=2.0), ValueError, "label_smoothing must lie in"),
        (lambda a, _: lb.siglip_loss(a, a, logit_bias=torch.ones(2)), ValueError, "logit_bias must hold one number"),
        (lambda a, _: lb.siglip_loss(a, a, logit_scale=-1.0), ValueError, "logit_scale must be above 0"),
        (lambda a, _: lb.image_text_matching_loss(a, a, margin=0.0), ValueError, "margin must be above 0"),
        (lambda a, _: lb.audio_visual_consistency_loss(a, a, form="l2"), ValueError, "form must be one of"),
        (lambda a, _: lb.audio_visual_consistency_loss(a, a, temperature=0.0), ValueError, "temperature must be above"),
        (lambda a, _: lb.byol_loss(a, a, form="moco"), ValueError, "form must be one of"),
        (lambda a, _: lb.barlow_twins_loss(a, a, eps=0.0), ValueError, "eps must be above 0"),
        (lambda a, _: lb.barlow_twins_loss(a, a, off_diagonal=-1.0), ValueError, "off_diagonal must be at least 0"),
        (lambda a, _: lb.vicreg_loss(a, a, eps=0.0), ValueError, "eps must be above 0"),
        (lambda a, _: lb.vicreg_loss(a, a, covariance=-1.0), ValueError, "covariance must be at least 0"),
        (lambda a, y: lb.multi_similarity_loss(a, y, alpha=0.0), ValueError, "alpha must be above 0"),
        (lambda a, y: lb.multi_similarity_loss(a, y, beta=0.0), ValueError, "beta must be above 0"),
        (lambda a, y: lb.multi_similarity_loss(a, y, mining=-1.0), ValueError, "mining must be at least 0"),
        (lambda a, y: lb.circle_loss(a, y, gamma=0.0), ValueError, "gamma must be above 0"),
        (lambda a, y: lb.arcface_loss(a, y, a[:3], margin=4.0), ValueError, r"margin must lie in \[0, pi\)"),
        (lambda a, y: lb.arcface_loss(a, y, a[:3], scale=0.0), ValueError, "scale must be above 0"),
        (lambda a, y: lb.arcface_loss(a, y + 7, a[:3]), ValueError, "target must hold labels 0 to 2"),
        (lambda a, y: lb.arcface_loss(a, y, a.long()), TypeError, "prototypes must be a floating-point tensor"),
        (lambda a, y: lb.sub_center_arcface_loss(a, y, a[:3]), ValueError, r"prototypes must have shape \(C, K, 3\)"),
        (lambda a, y: lb.sub_center_arcface_loss(a, y, a.expand(3, 4, 3)[:, :0]), ValueError,
         "prototypes must hold a sub-center or more"),
        (lambda a, y: lb.sub_center_arcface_loss(a, y, a.expand(3, 4, 3), margin=4.0), ValueError,
         r"margin must lie in \[0, pi\)"),
        (lambda a, y: lb.sub_center_arcface_loss(a, y, a.expand(3, 4, 3), scale=0.0), ValueError,
         "scale must be above 0"),
        (lambda a, y: lb.soft_triple_loss(a, y, a.expand(3, 4, 3), gamma=0.0), ValueError, "gamma must be above 0"),
        (lambda a, y: lb.soft_triple_loss(a, y, a.expand(3, 4, 3), margin=-1.0), ValueError, "margin must be at least"),
        (lambda a, y: lb.soft_triple_loss(a, y, a.expand(3, 4, 3), regularization=-1.0), ValueError,
         "regularization must be at least 0"),
        (lambda a, y: lb.cosface_loss(a, y, a[:3], margin=-1.0), ValueError, "margin must be at least 0"),
        (lambda a, y: lb.sphereface_loss(a, y, a[:3], margin=0), ValueError, "margin must be a whole number of at"),
        (lambda a, y: lb.sphereface_loss(a, y, a[:3], margin=1.5), ValueError, "margin must be a whole number of at"),
        (lambda a, y: lb.sphereface_loss(a, y, a[:3], annealing=-1.0), ValueError, "annealing must be at least 0"),
        (lambda a, y: lb.center_loss(a, y.double(), a[:3]), TypeError, "target must hold integer class indices"),
        (lambda a, y: lb.proxy_nca_loss(a, y * 0, a[:1]), ValueError, "proxies must hold two classes or more"),
        (lambda a, y: lb.proxy_nca_loss(a, y, a[:3], scale=0.0), ValueError, "scale must be above 0"),
        (lambda a, y: lb.proxy_anchor_loss(a, y, a[:3], alpha=0.0), ValueError, "alpha must be above 0"),
        (lambda a, _: lb.cached_info_nce_loss(nn.Identity(), a, a, chunk_size=0), ValueError, "chunk_size must be"),
        (lambda a, _: lb.cached_info_nce_loss(nn.Identity(), a, a[:2]), ValueError, "keys must have as many rows"),
        (lambda a, _: lb.cached_info_nce_loss(3, a, a), TypeError, "encoder must be a model, got int"),
    ],
)  # fmt: skip
def test_wrong_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(normal(4, 3), torch.tensor([0, 1, 0, 1]))
