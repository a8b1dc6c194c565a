"""The smallest networks, two adversaries, the measures of samples, the time line."""

import math

import matplotlib as mpl
import pytest
import torch

import lossbook as lb
from lossbook import models, plots, training
from lossbook.measure.samples import frechet_distance, log_likelihood, two_sample_accuracy

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


class LinearCoder:
    """A decoder along one line, whose likelihood is known in closed form, and a crude encoder."""

    def encode(self, x):
        return 0.6 * x[:, :1], torch.full((len(x), 1), -3.0)

    def sample(self, codes):
        return torch.cat([codes, 0.5 * codes], 1)


def test_likelihood_of_a_linear_gaussian_model():
    x = 0.3 * torch.randn(20, 2, generator=torch.Generator().manual_seed(1))
    found = log_likelihood(LinearCoder(), x, scale=0.15, draws=20_000)
    w, scale = torch.tensor([1.0, 0.5]), 0.15
    covariance = torch.outer(w, w) + scale**2 * torch.eye(2)
    exact = torch.distributions.MultivariateNormal(torch.zeros(2), covariance).log_prob(x).mean().item()
    exact += 2 * math.log(scale * math.sqrt(2 * math.pi))  # the constant is left out
    assert found["estimate"] == pytest.approx(exact, abs=0.05)
    assert found["bound"] < found["estimate"]
    assert log_likelihood(LinearCoder(), x, scale=0.15) == log_likelihood(LinearCoder(), x, scale=0.15)
    one = log_likelihood(LinearCoder(), x, scale=0.15, draws=1)
    assert one["estimate"] == pytest.approx(one["bound"])
    with pytest.raises(ValueError, match="scale"):
        log_likelihood(LinearCoder(), x, scale=0.0)


@pytest.mark.parametrize("name", ["minimax_generator_loss", "non_saturating_generator_loss"])
def test_adversaries_find_the_mean_of_a_distribution(name):
    real = torch.randn(400, 1, generator=torch.Generator().manual_seed(0)) + 3
    G, D = (training.build(lambda w=w: models.dense(*w, slope=0.2), 0) for w in ((4, 16, 1), (1, 16, 1)))
    settings = {"noise": 4, "steps": 400, "batch_size": 64, "lr": 5e-3, "seed": 0}
    before = G(torch.randn(500, 4, generator=torch.Generator().manual_seed(1))).mean().item()
    training.fit_adversaries(G, D, getattr(lb, name), real, **settings)
    after = G(torch.randn(500, 4, generator=torch.Generator().manual_seed(1))).mean().item()
    assert abs(before - 3) > 2
    assert abs(after - 3) < 1


def test_adversaries_are_decided_by_the_seed():
    made = []
    for seed in (0, 0, 1):
        G, D = (training.build(lambda w=w: models.dense(*w), 0) for w in ((2, 3), (3, 1)))
        settings = {"noise": 2, "steps": 3, "batch_size": 4, "lr": 1e-2, "seed": seed}
        training.fit_adversaries(G, D, lb.non_saturating_generator_loss, torch.ones(8, 3), **settings)
        made.append(G(torch.ones(1, 2)))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_interval_points():
    points = [("a", "first", [1.0, 2.0, 3.0]), ("b", "second", [4.0, 4.0]), ("a", "second", [0.0])]
    ax = plots.interval_points(points, ylabel="y", title="t").axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "a"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["first", "second"]
    assert len(ax.containers) == 1  # two seeds or one stand without an interval
    low, high = ax.containers[0].lines[2][0].get_segments()[0][:, 1]
    assert (low + high) / 2 == pytest.approx(2)
    assert (high - low) / 2 == pytest.approx(4.303 / math.sqrt(3), rel=1e-3)
    with pytest.raises(ValueError, match="groups"):
        plots.interval_points([("a", str(group), [1.0]) for group in range(7)], ylabel="y")


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
