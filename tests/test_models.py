"""The small networks: shapes, gradients, and that they can learn at all."""

import pytest
import torch
from torch import nn

from lossbook import training
from lossbook.data import composed_scenes
from lossbook.models import PatchSegmenter, UNet, squeezenet, squeezenet_features

MODELS = {
    "unet": lambda: UNet(3, 4, width=8, depth=2),
    "unet, one convolution": lambda: UNet(3, 4, width=8, depth=3, convolutions=1),
    "segmenter, linear": lambda: PatchSegmenter(3, 4, image_size=32, width=32, layers=2),
    "segmenter, mask": lambda: PatchSegmenter(3, 4, image_size=32, width=32, layers=2, decoder="mask"),
}


@pytest.fixture(params=MODELS)
def model(request):
    return training.build(MODELS[request.param], seed=0)


def test_shape_and_gradient_of_every_parameter(model):
    outputs = model(torch.rand(2, 3, 32, 32))
    assert outputs.shape == (2, 4, 32, 32)
    outputs.square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_images_of_a_batch_do_not_touch_each_other(model):
    """True of group and layer normalization, not of batch normalization: an example's output is its own."""
    model.train()
    images = torch.rand(3, 3, 32, 32)
    torch.testing.assert_close(model(images)[:1], model(images[:1]), atol=1e-5, rtol=1e-4)


def test_overfits_two_scenes(model):
    images, labels = composed_scenes("train", 2, size=32, seed=1)
    history = training.fit(
        model,
        nn.functional.cross_entropy,
        images,
        labels,
        steps=120,
        batch_size=2,
        lr=1e-2,
        seed=0,
        progress=False,
    )
    assert history.losses[-1] < 0.25 * history.losses[0]


def test_same_seed_same_weights():
    first, again, other = (training.build(MODELS["unet"], seed) for seed in (0, 0, 1))
    weights = [torch.cat([p.flatten() for p in m.parameters()]) for m in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_unet_takes_any_size_that_can_be_halved():
    network = UNet(1, 1, width=4, depth=3)
    assert network(torch.rand(1, 1, 48, 64)).shape == (1, 1, 48, 64)
    with pytest.raises(ValueError, match="divisible by 8, got \\(48, 60\\)"):
        network(torch.rand(1, 1, 48, 60))
    with pytest.raises(ValueError, match="expected shape \\(N, 1, H, W\\)"):
        network(torch.rand(1, 3, 48, 64))


@pytest.mark.parametrize("settings", [{"width": 6}, {"width": 0}, {"depth": 0}, {"convolutions": 0}])
def test_unet_refuses_wrong_settings(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        UNet(3, 4, **settings)


def test_segmenter_refuses_wrong_settings_and_sizes():
    with pytest.raises(ValueError, match="patch_size"):
        PatchSegmenter(3, 4, image_size=30, patch_size=4)
    with pytest.raises(ValueError, match="decoder"):
        PatchSegmenter(3, 4, decoder="cnn")
    with pytest.raises(ValueError, match="images: expected shape"):
        PatchSegmenter(3, 4, image_size=32)(torch.rand(1, 3, 64, 64))


def test_squeezenet_knows_a_cat_and_a_coffee():
    """On photographs that it has not seen: tabby, tiger or Egyptian cat; espresso."""
    from skimage.data import chelsea, coffee

    pictures = [torch.tensor(picture / 255).permute(2, 0, 1)[None].float() for picture in (chelsea(), coffee())]
    resized = [nn.functional.interpolate(p, (227, 227), mode="bilinear", antialias=True) for p in pictures]
    network = squeezenet()
    cat, espresso = (network(picture).softmax(1)[0] for picture in resized)
    assert set(cat.topk(3).indices.tolist()) == {281, 282, 285}
    assert espresso[967] > 0.9


def test_squeezenet_is_frozen_and_its_maps_halve():
    features = squeezenet_features()
    assert not any(parameter.requires_grad for parameter in features.parameters())
    maps = features(torch.rand(2, 3, 64, 96))
    assert [m.shape[1] for m in maps] == [64, 128, 256, 384, 384, 512, 512]
    assert [m.shape[2] for m in maps] == [31, 15, 7, 3, 3, 3, 3]
    with pytest.raises(ValueError, match="sides of 32 or more"):
        features(torch.rand(1, 3, 31, 64))
