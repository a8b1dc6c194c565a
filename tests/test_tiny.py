"""The smallest networks, the measures of samples, the time line."""

import math

import matplotlib as mpl
import pytest
import torch

from lossbook import models, plots, training
from lossbook.measure.samples import frechet_distance, two_sample_accuracy

mpl.use("Agg")
pytestmark = pytest.mark.usefixtures("book_style")


def test_dense_layers():
    net = models.dense(5, 4, 3, slope=0.2)
    assert net(torch.zeros(2, 5)).shape == (2, 3)
    assert [type(layer).__name__ for layer in net] == ["Linear", "LeakyReLU", "Linear"]
    assert net[1].negative_slope == 0.2
    with pytest.raises(ValueError, match="widths"):
        models.dense(5)


def test_vae_draws_in_training_and_is_sure_in_evaluation():
    vae = training.build(lambda: models.TinyVAE(6, code=2, width=8), 0)
    x = torch.rand(4, 6)
    rebuilt, mean, log_variance = vae(x)
    assert (rebuilt.shape, mean.shape, log_variance.shape) == ((4, 6), (4, 2), (4, 2))
    assert not torch.equal(vae(x)[0], rebuilt)
    vae.eval()
    assert torch.equal(vae(x)[0], vae.sample(mean))


def test_denoiser_sees_the_noise_level():
    net = training.build(lambda: models.TinyDenoiser(6, width=8), 0)
    x = torch.rand(3, 6)
    outputs = [net(torch.cat([x, torch.full((3, 1), share)], 1)) for share in (0.1, 0.9)]
    assert outputs[0].shape == (3, 6)
    assert not torch.allclose(*outputs)


def test_shares_fall_from_one_to_nearly_zero():
    shares = models.linear_shares(100)
    assert shares.shape == (101,)
    assert shares[0] == 1
    assert (shares.diff() < 0).all()
    assert 0 < shares[-1] < 1e-3
    assert shares[1].item() == pytest.approx(1 - 0.1 / 100)
    with pytest.raises(ValueError, match="steps"):
        models.linear_shares(20)


def test_denoising_with_the_exact_noise_finds_the_distribution():
    """For Gaussian data the best denoiser is known in closed form, and sampling with it gives the data back."""
    mean, spread = 0.3, 0.2
    shares = models.linear_shares(200)

    def exact(inputs):
        noisy, share = inputs[:, :-1], inputs[:, -1:]
        variance = share * spread**2 + 1 - share
        return (noisy - share.sqrt() * mean) * (1 - share).sqrt() / variance

    generator = torch.Generator().manual_seed(0)
    found = models.denoise(exact, torch.randn(4000, 3, generator=generator), shares, generator=generator)
    assert found.mean().item() == pytest.approx(mean, abs=0.02)
    assert found.std().item() == pytest.approx(spread, rel=0.1)


def test_frechet_distance_of_gaussians():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 3, generator=generator)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x + torch.tensor([1.0, 2.0, 0.0]), x) == pytest.approx(5, rel=1e-5)
    variance = torch.cov(x.T.double()).trace().item()
    assert frechet_distance(3 * x - 2 * x.mean(0), x) == pytest.approx(4 * variance, rel=1e-5)
    y = torch.randn(400, 3, generator=generator) @ torch.randn(3, 3, generator=generator)
    s, t = (torch.cov(a.T.double()).numpy() for a in (x, y))
    from scipy.linalg import sqrtm

    expected = (x.double().mean(0) - y.double().mean(0)).square().sum() + (s + t - 2 * sqrtm(s @ t).real).trace()
    assert frechet_distance(x, y) == pytest.approx(float(expected), rel=1e-8)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9)
    with pytest.raises(ValueError, match="N, D"):
        frechet_distance(x, x[:, :2])


def test_two_sample_accuracy():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(300, 2, generator=generator), torch.randn(300, 2, generator=generator)
    assert two_sample_accuracy(x, y) == pytest.approx(0.5, abs=0.06)
    assert two_sample_accuracy(x, y + 20) == 1
    assert two_sample_accuracy(x, x + 1e-4) == 0  # copies betray themselves on the other side
    with pytest.raises(ValueError, match="N, D"):
        two_sample_accuracy(x, y[:, :1])


def test_timeline():
    events = [(1805, "A", "one", "number"), (1958, "B", "two", "decision"), (1964, "C", "three", "number")]
    fig = plots.timeline(events, title="t")
    texts = {text.get_text() for text in fig.axes[0].texts}
    assert {"1805", "A", "one", "1964", "three"} <= texts
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["number", "decision"]
    with pytest.raises(ValueError, match="order"):
        plots.timeline(events[::-1])
    with pytest.raises(ValueError, match="kinds"):
        plots.timeline([(year, "A", "a", str(year)) for year in range(7)])


def test_picture_rows():
    fig = plots.picture_rows({"a": torch.rand(3, 8, 8), "b": torch.zeros(3, 8, 8)})
    assert len(fig.axes) == 6
    assert [ax.get_ylabel() for ax in fig.axes] == ["a", "", "", "b", "", ""]
    assert math.isclose(fig.axes[3].images[0].get_array().max(), 0)
    with pytest.raises(ValueError, match="as many"):
        plots.picture_rows({"a": torch.rand(3, 8, 8), "b": torch.rand(2, 8, 8)})
