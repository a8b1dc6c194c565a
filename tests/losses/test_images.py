"""Losses between images: identities, and the pitfalls of other libraries. Definitions: `tests/oracles/references`."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import lossbook as lb
from lossbook import calculus


def pictures(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_ssim_is_that_of_scikit_image():
    """Its two ways: the Gaussian window of the paper, and its own default (pytorch-msssim #23, #30)."""
    from skimage.metrics import structural_similarity

    x, y = pictures(2, 20, 24)
    pair = x[None, None], y[None, None]
    own = structural_similarity(x.numpy(), y.numpy(), data_range=1.0)
    paper = structural_similarity(x.numpy(), y.numpy(), data_range=1.0, gaussian_weights=True, sigma=1.5,
                                  use_sample_covariance=False)  # fmt: skip
    assert 1 - lb.ssim_loss(*pair, window="uniform", window_size=7, unbiased=True).item() == pytest.approx(own)
    assert 1 - lb.ssim_loss(*pair).item() == pytest.approx(paper, abs=1e-12)


@pytest.mark.parametrize(("data_range", "k1", "k2"), [(1.0, 0.01, 0.03), (255.0, 0.02, 0.05)])
@pytest.mark.parametrize("unbiased", [False, True])
def test_ssim_is_that_of_scikit_image_with_every_window(data_range, k1, k2, unbiased):
    from skimage.metrics import structural_similarity

    x, y = data_range * pictures(2, 3, 24, 27)
    theirs = {"data_range": data_range, "channel_axis": 0, "use_sample_covariance": unbiased, "K1": k1, "K2": k2}
    ours = {"data_range": data_range, "unbiased": unbiased, "k1": k1, "k2": k2}
    for size in (3, 7, 11):
        right = structural_similarity(x.numpy(), y.numpy(), win_size=size, **theirs)
        value = lb.ssim_loss(x[None], y[None], window="uniform", window_size=size, **ours).item()
        assert 1 - value == pytest.approx(right, abs=1e-12)
    for sigma in (0.8, 1.5, 2.0):
        right = structural_similarity(x.numpy(), y.numpy(), gaussian_weights=True, sigma=sigma, **theirs)
        size = 2 * int(3.5 * sigma + 0.5) + 1
        value = lb.ssim_loss(x[None], y[None], window_size=size, window_sigma=sigma, **ours).item()
        assert 1 - value == pytest.approx(right, abs=1e-12)


def test_ssim_of_8_bits_is_that_of_unit_range():
    """`data_range` is an argument, never guessed from the data (torchmetrics does)."""
    x, y = pictures(2, 1, 2, 16, 16)
    assert torch.isclose(lb.ssim_loss(255 * x, 255 * y, data_range=255), lb.ssim_loss(x, y), rtol=1e-10)


def test_ssim_of_constant_and_of_identical_pictures():
    """A constant picture has no variance: value and gradient are finite, and zero where it is identical."""
    flat = torch.full((1, 1, 12, 12), 0.5, dtype=torch.float64)
    assert abs(lb.ssim_loss(flat, flat)) < 1e-12
    assert calculus.autograd(lb.ssim_loss, flat, flat).abs().max() < 1e-12
    for outside in (-1e4, 3e4):  # far outside data_range, in float32
        x = torch.full((1, 1, 12, 12), outside)
        assert lb.ssim_loss(x, torch.zeros_like(x)).isfinite()
        assert calculus.autograd(lb.ssim_loss, x, torch.zeros_like(x)).isfinite().all()


def test_one_scale_is_ssim():
    x, y = pictures(2, 2, 3, 16, 18)
    similar = 0.9 * y + 0.1 * x
    for padding in ("valid", "reflect"):
        several = lb.ms_ssim_loss(similar, y, weights=(1.0,), padding=padding)
        assert torch.isclose(several, lb.ssim_loss(similar, y, padding=padding), rtol=1e-12)


def test_ms_ssim_of_opposites_has_a_gradient():
    """VainF/pytorch-msssim #7: contrast terms below zero give NaN, or with a clamp no gradient at all."""
    y = pictures(1, 1, 24, 24)
    settings = {"weights": (0.5, 0.5), "window_size": 5}
    for x in (1 - y, torch.full_like(y, 0.5)):
        assert lb.ms_ssim_loss(x, y, **settings).isfinite()
        gradient = calculus.autograd(lb.ms_ssim_loss, x, y, **settings)
        better = x - 0.1 * gradient / gradient.norm()  # small, but it leads the right way
        assert lb.ms_ssim_loss(better, y, **settings) < lb.ms_ssim_loss(x, y, **settings)
    assert calculus.autograd(lb.ms_ssim_loss, 1 - y, y, negatives="relu", **settings).abs().max() == 0
    near = 0.9 * y + 0.05  # where every term is positive, the remedy changes nothing
    assert lb.ms_ssim_loss(near, y, **settings) == lb.ms_ssim_loss(near, y, negatives="relu", **settings)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_what_stands_for_a_negative_similarity(exponent):
    """Of one scale, where the similarity of the picture is known: that of SSIM."""
    y = pictures(1, 1, 16, 18)
    x, floor = 1 - y, 0.01
    t = 1 - lb.ssim_loss(x, y)
    assert t < -0.1
    stands = {"smooth": floor**2 / (2 * floor - t), "relu": 0.0 * t, "normalize": (t + 1) / 2}
    for negatives, similarity in stands.items():
        found = lb.ms_ssim_loss(x, y, weights=(exponent,), negatives=negatives)
        torch.testing.assert_close(found, 1 - similarity**exponent, rtol=1e-10, atol=0)


def test_too_small_pictures_are_told_what_would_do():
    small = torch.rand(1, 3, 128, 128)
    with pytest.raises(
        ValueError, match=r"sides of 176 pixels or more for 5 scales and window_size=11, got \(128, 128\)"
    ):
        lb.ms_ssim_loss(small, small)
    with pytest.raises(ValueError, match="window_size=11 or more"):
        lb.ssim_loss(small[..., :10], small[..., :10])
    with pytest.raises(ValueError, match="sides above 5 to be mirrored"):
        lb.ssim_loss(small[..., :5], small[..., :5], padding="reflect")


def test_isotropic_total_variation_is_taken_pixel_by_pixel_and_is_safe():
    """PIQ's 'l2' is one root over the picture, with a NaN gradient where it is constant."""
    flat = torch.full((1, 1, 3, 3), 0.5)
    assert (calculus.autograd(lb.total_variation_loss, flat, norm="isotropic") == 0).all()
    steps = torch.tensor([[[[0.0, 1.0, 0.0]]]])
    assert lb.total_variation_loss(steps, norm="isotropic", normalize="none") == 2
    corner = torch.tensor([[[[0.0, 4.0], [3.0, 0.0]]]])
    assert lb.total_variation_loss(corner, norm="isotropic", normalize="none") == 5 + 4 + 3


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("distance", ["l1", "l2", "charbonnier"])
def test_pixel_losses_in_numpy(reduction, distance):
    x, y = pictures(2, 2, 3, 4, 5, seed=3)
    r = (x - y).numpy()
    sizes = {"l1": np.abs(r), "l2": r**2, "charbonnier": np.sqrt(r**2 + 1e-6)}[distance]
    expected = {"none": sizes, "mean": sizes.mean(), "sum": sizes.sum()}[reduction]
    for loss in (lb.reconstruction_loss, lb.cycle_consistency_loss, lb.identity_loss):
        np.testing.assert_allclose(loss(x, y, distance=distance, reduction=reduction), expected, rtol=1e-12)


def test_focal_frequency_without_weights_is_the_mean_squared_error():
    """Parseval's theorem."""
    x, y = pictures(2, 2, 3, 6, 7)
    assert torch.isclose(lb.focal_frequency_loss(x, y, alpha=0.0), (x - y).square().mean(), rtol=1e-12)


def test_patches_of_focal_frequency_are_pictures_of_their_own():
    """Cut into patches, with the average spectrum: what single calls on each patch, and on the mean picture, say."""
    x, y = pictures(2, 3, 2, 4, 6)
    patches = [
        torch.stack([picture[..., i : i + 2, j : j + 3] for i in (0, 2) for j in (0, 3)]) for picture in (x[0], y[0])
    ]
    whole = lb.focal_frequency_loss(x[:1], y[:1], patch_factor=2)
    torch.testing.assert_close(whole, lb.focal_frequency_loss(*patches), rtol=1e-12, atol=0)
    mean = lb.focal_frequency_loss(x.mean(0, keepdim=True), y.mean(0, keepdim=True))
    for reduction in ("none", "mean", "sum"):
        average = lb.focal_frequency_loss(x, y, ave_spectrum=True, reduction=reduction)
        torch.testing.assert_close(average, mean, rtol=1e-12, atol=0)
    assert lb.focal_frequency_loss(x, x, patch_factor=2, log_matrix=True) == 0
    assert lb.focal_frequency_loss(x[:0], x[:0], ave_spectrum=True, patch_factor=2) == 0


def test_context_loss_counts_nothing_without_a_hole_and_in_a_hole():
    x, y = pictures(2, 1, 2, 6, 6)
    for hole in (torch.zeros(1, 1, 6, 6), torch.ones(1, 1, 6, 6)):
        leaf = x.clone().requires_grad_()
        value = lb.context_loss(leaf, y, hole)
        value.backward()
        assert value == 0 and (leaf.grad == 0).all()
    with pytest.raises(ValueError, match=r"hole must have shape \(1, 1, 6, 6\)"):
        lb.context_loss(x, y, torch.zeros(1, 2, 6, 6))


def test_what_lies_in_the_hole_does_not_matter_to_the_context():
    x, y = pictures(2, 1, 2, 6, 6)
    hole = torch.zeros(1, 1, 6, 6)
    hole[..., 2:4, 2:4] = 1
    assert lb.context_loss(x + 5 * hole, y, hole) == lb.context_loss(x, y, hole)
    assert lb.context_loss(x + 5 * (1 - hole), y, hole, region="hole") == lb.context_loss(x, y, hole, region="hole")


def test_nan_where_nothing_counts():
    """What fills a hole in the target is often NaN: it is not known."""
    x, y = pictures(2, 1, 2, 6, 6)
    hole = torch.zeros(1, 1, 6, 6, dtype=torch.bool)
    hole[..., 2:4, 2:4] = True
    for loss, settings, places in (
        (lb.context_loss, {}, hole),
        (lb.context_loss, {"window": None}, hole),
        (lb.context_loss, {"region": "hole", "distance": "l2"}, ~hole),
        (lb.hole_valid_loss, {"hole_weight": 0.0}, hole),
        (lb.hole_valid_loss, {"valid_weight": 0.0}, ~hole),
    ):
        unknown = y.masked_fill(places, torch.nan)
        leaf, twin = x.clone().requires_grad_(), x.clone().requires_grad_()
        value, right = loss(leaf, unknown, hole, **settings), loss(twin, y, hole, **settings)
        value.backward()
        right.backward()
        assert value == right and torch.equal(leaf.grad, twin.grad)


def test_style_does_not_see_where():
    x, y = pictures(2, 2, 4, 9)
    shuffled = x[..., torch.randperm(9, generator=torch.Generator().manual_seed(0))]
    assert torch.isclose(lb.style_loss(shuffled, y), lb.style_loss(x, y), rtol=1e-12)
    assert lb.style_loss(shuffled, x) < 1e-24


def test_silent_features_have_finite_gradients_in_half_precision():
    """LPIPS divides by a length that is zero where no feature responds."""
    silent = torch.zeros(1, 3, 2, 2, dtype=torch.float16)
    for loss in (lb.lpips_loss, lb.contextual_loss):
        assert calculus.autograd(loss, silent, torch.ones_like(silent)).isfinite().all()


def test_shapes_are_known_without_values():
    """On the meta device, where autocast does not exist."""
    x, y = torch.rand(2, 2, 3, 24, 24, device="meta")
    for loss in (lb.ssim_loss, lb.style_loss, lb.contextual_loss):
        assert loss(x, y, reduction="none").shape == (2,)


def test_lists_of_layers_are_weighted_sums():
    maps = [pictures(2, 3, 4, 4, seed=s) for s in range(2)], [pictures(2, 3, 4, 4, seed=s) for s in (5, 6)]
    for loss in (lb.perceptual_loss, lb.style_loss, lb.lpips_loss, lb.feature_matching_loss, lb.contextual_loss):
        separate = [loss(a, b) for a, b in zip(*maps, strict=True)]
        together = loss(*maps, weights=(0.5, 2.0))
        assert torch.isclose(together, 0.5 * separate[0] + 2 * separate[1], rtol=1e-12)
        with pytest.raises(ValueError, match="one per layer"):
            loss(*maps, weights=(1.0,))
        with pytest.raises(ValueError, match="target must hold 2 layer"):
            loss(maps[0], maps[1][:1])


@pytest.mark.parametrize(
    "module", [lb.PerceptualLoss, lb.StyleLoss, lb.LPIPSLoss, lb.FeatureMatchingLoss, lb.ContextualLoss]
)
def test_modules_hold_their_network(module):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))
    criterion = module(network, layers=("0", "2"), weights=(1.0, 0.5))
    x, y = torch.rand(2, 2, 3, 8, 8)
    first, second = network[0](x), network[0](y)
    expected = module.function([first, network[1:](first)], [second, network[1:](second)], weights=(1.0, 0.5))
    for twin in (criterion, copy.deepcopy(criterion), pickle.loads(pickle.dumps(criterion))):
        assert torch.isclose(twin(x, y), expected, rtol=1e-5)
    criterion(x.requires_grad_(), y).backward()
    assert x.grad.abs().sum() > 0 and network[0].weight.grad is not None  # a discriminator goes on learning
    assert set(criterion.state_dict()) == {f"extractor.{name}" for name in network.state_dict()}
    with pytest.raises(ValueError, match="layers must name modules"):
        module(network, layers=("7",))
    with pytest.raises(TypeError, match="has no setting 'sharpness'"):
        module(network, sharpness=1.0)
    with pytest.raises(TypeError, match="extractor must be a module"):
        module(lambda x: x)


def test_default_network_is_frozen_and_prefers_a_shift_to_a_blur():
    """What pixels cannot tell: a photograph moved by one pixel looks like itself, a blurred one does not."""
    from skimage.data import chelsea

    y = torch.tensor(chelsea()[40:168, 100:228] / 255).permute(2, 0, 1)[None].float()
    moved, blurred = y.roll(1, 3), nn.functional.avg_pool2d(y, 7, stride=1, padding=3, count_include_pad=False)
    criterion = lb.LPIPSLoss()
    assert not any(parameter.requires_grad for parameter in criterion.parameters())
    assert criterion(moved, y) < criterion(blurred, y)
    assert criterion(y, y) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: lb.ssim_loss(x, x, window_size=4), "window_size must be odd"),
        (lambda x: lb.ssim_loss(x, x, window="box"), "window must be one of"),
        (lambda x: lb.ssim_loss(x, x, data_range=0.0), "data_range must be above 0"),
        (lambda x: lb.ssim_loss(x[0], x[0]), "prediction must have shape"),
        (lambda x: lb.ms_ssim_loss(x, x, weights=()), "one exponent per scale"),
        (lambda x: lb.psnr_loss(x, x, eps=0.0), "eps must be above 0"),
        (lambda x: lb.total_variation_loss(x, norm="isotropic", normalize="axes"), "normalize must be"),
        (lambda x: lb.gradient_difference_loss(x, x, alpha=0.5), "alpha must be at least 1"),
        (lambda x: lb.focal_frequency_loss(x, x, patch_factor=3), "patch_factor must divide the sides"),
        (lambda x: lb.focal_frequency_loss(x, x, patch_factor=0), "patch_factor must be above 0"),
        (lambda x: lb.context_loss(x, x, x[:, :1], window=2), "window must be odd"),
        (lambda x: lb.hole_valid_loss(x, x, x[:, :1], hole_weight=-1.0), "hole_weight must be at least 0"),
        (lambda x: lb.hole_valid_loss(x, x, 2 + x[:, :1]), r"hole must lie in \[0, 1\]"),
        (lambda x: lb.style_loss(x, x, normalize="gatys", distance="l1"), "normalize must be"),
        (lambda x: lb.contextual_loss(x, x, h=0.0), "h must be above 0"),
        (lambda x: lb.lpips_loss(x, x, weight=torch.ones(7)), r"weight must have shape \(3,\)"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.rand(1, 3, 16, 16))
