"""Losses of generative models against their definitions in NumPy, their identities, and what goes wrong elsewhere."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import lossbook as lb
from lossbook.losses import generative

Array = NDArray[Any]
DRAWS = range(12)


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def elementwise(function, *arrays: Array) -> Array:
    """A formula of numbers, entry by entry."""
    return np.array([function(*entries) for entries in zip(*(a.flat for a in arrays), strict=True)]).reshape(
        arrays[0].shape
    )


def per_example(values: Array) -> Array:
    return np.array([float(np.sum(example)) for example in values])


def compare(name: str, expected: Array, *tensors: Array, **settings: Any) -> None:
    """All three reductions against the contributions that the definition gives."""
    function = getattr(lb, name)
    tensors = tuple(torch.from_numpy(np.asarray(t)) for t in tensors)
    settings = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
    for reduction, right in (("none", expected), ("sum", expected.sum()), ("mean", expected.sum() / expected.size)):
        value = function(*tensors, reduction=reduction, **settings)
        np.testing.assert_allclose(value.numpy(), right, rtol=1e-10, atol=1e-12)


@pytest.fixture(params=DRAWS)
def random(request):
    return np.random.default_rng(request.param)


# --- games ------------------------------------------------------------------------------------------------------------


def test_games_against_their_definitions(random):
    r, f = 3 * random.standard_normal((2, 4, 3))
    smooth, b, a, m = random.uniform(0, 0.5), random.normal(), random.normal(), random.uniform(0.2, 2)

    def minimax(x, y):
        return (1 - smooth) * softplus(-x) + smooth * softplus(x) + softplus(y)

    compare("minimax_discriminator_loss", elementwise(minimax, r, f), r, f, label_smoothing=smooth)
    compare("minimax_generator_loss", elementwise(lambda y: -softplus(y), f), f)
    compare("non_saturating_generator_loss", elementwise(lambda y: softplus(-y), f), f)
    squares = elementwise(lambda x, y: ((x - b) ** 2 + (y - a) ** 2) / 2, r, f)
    compare("least_squares_discriminator_loss", squares, r, f, real_label=b, fake_label=a)
    compare("least_squares_generator_loss", elementwise(lambda y: (y - b) ** 2 / 2, f), f, real_label=b)
    compare("wasserstein_discriminator_loss", f - r, r, f)
    compare("wasserstein_generator_loss", -f, f)
    hinge = elementwise(lambda x, y: max(0.0, m - x) + max(0.0, m + y), r, f)
    compare("hinge_discriminator_loss", hinge, r, f, margin=m)
    compare("hinge_generator_loss", -f, f)
    compare("relativistic_discriminator_loss", elementwise(lambda x, y: softplus(y - x), r, f), r, f)
    compare("relativistic_generator_loss", elementwise(lambda x, y: softplus(x - y), r, f), r, f)
    mr, mf = sum(r.flat) / r.size, sum(f.flat) / f.size
    average = elementwise(lambda x, y: softplus(mf - x) + softplus(y - mr), r, f)
    compare("relativistic_average_discriminator_loss", average, r, f)
    average = elementwise(lambda x, y: softplus(mr - y) + softplus(x - mf), r, f)
    compare("relativistic_average_generator_loss", average, r, f)


def test_minimax_is_two_binary_cross_entropies_and_four_logs_of_two_less_than_the_divergence():
    r, f = torch.randn(2, 50, dtype=torch.float64)
    bce = lb.binary_cross_entropy_with_logits
    expected = bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))
    assert torch.isclose(lb.minimax_discriminator_loss(r, f), expected)
    # Two distributions on two points: the optimal scores are log p / q, and the loss is 2 log 2 - 2 JS.
    p, q = torch.tensor([0.9, 0.1], dtype=torch.float64), torch.tensor([0.3, 0.7], dtype=torch.float64)
    best = (p / q).log()
    values = p * lb.non_saturating_generator_loss(best, reduction="none")
    values = values - q * lb.minimax_generator_loss(best, reduction="none")
    middle = (p + q) / 2
    js = 0.5 * (p * (p / middle).log()).sum() + 0.5 * (q * (q / middle).log()).sum()
    assert torch.isclose(values.sum(), 2 * math.log(2) - 2 * js)


def test_saturation_of_the_minimax_game():
    """A fake that is found out: the minimax generator hardly learns, the non-saturating one learns most."""
    slopes = {}
    for name in ("minimax_generator_loss", "non_saturating_generator_loss"):
        score = torch.tensor([-20.0], requires_grad=True)
        getattr(lb, name)(score).backward()
        slopes[name] = score.grad.item()
    assert abs(slopes["minimax_generator_loss"]) < 1e-8
    assert slopes["non_saturating_generator_loss"] == pytest.approx(-1.0)


def test_no_hidden_activation():
    """MONAI's hinge passes scores through tanh first (GenerativeModels #255): a score of 1 then still costs 0.24."""
    assert lb.hinge_discriminator_loss(torch.tensor([1.0]), torch.tensor([-1.0])) == 0
    assert lb.hinge_discriminator_loss(torch.tensor([0.0]), torch.tensor([2.0])) == 4
    assert lb.least_squares_generator_loss(torch.tensor([-3.0])) == 8


def test_relativistic_losses_ignore_a_shift_and_mirror_each_other():
    r, f = torch.randn(2, 7, dtype=torch.float64)
    for kind in ("relativistic", "relativistic_average"):
        discriminator, generator = (getattr(lb, f"{kind}_{side}_loss") for side in ("discriminator", "generator"))
        assert torch.isclose(discriminator(r + 5, f + 5), discriminator(r, f))
        assert torch.isclose(generator(r, f), discriminator(f, r))


def test_conditional_adversarial_against_its_definition(random):
    prediction, target = random.uniform(-1, 1, (2, 3, 2, 4))
    scores = 2 * random.standard_normal((3, 2, 2))
    game = ("non_saturating", "minimax", "least_squares", "hinge")[random.integers(4)]
    formula = {
        "non_saturating": lambda s: softplus(-s),
        "minimax": lambda s: -softplus(s),
        "least_squares": lambda s: (s - 1) ** 2 / 2,
        "hinge": lambda s: -s,
    }[game]
    expected = np.array(
        [
            0.5 * elementwise(formula, scores[n]).mean() + 7.0 * np.abs(prediction[n] - target[n]).mean()
            for n in range(3)
        ]
    )
    compare("conditional_adversarial_loss", expected, prediction, target, scores, game=game, adversarial_weight=0.5,
            l1_weight=7.0)  # fmt: skip


def test_mean_feature_matching_is_the_squared_norm_of_salimans():
    """The sum over features of the squared difference of means: not its mean, and not the mean of differences."""
    fake = torch.tensor([[1.0, 4.0], [3.0, 0.0], [2.0, 2.0]], dtype=torch.float64)
    real = torch.tensor([[0.0, 5.0], [2.0, 5.0]], dtype=torch.float64)
    for reduction in ("none", "mean", "sum"):
        assert lb.mean_feature_matching_loss(fake, real, reduction=reduction).item() == pytest.approx(1 + 9)
    empty = torch.zeros(0, 2, requires_grad=True)
    assert lb.mean_feature_matching_loss(empty, real).item() == 0
    with pytest.raises(ValueError, match=r"target must have shape \(M, 2\), got \(2, 3\)"):
        lb.mean_feature_matching_loss(fake, torch.zeros(2, 3))


# --- penalties --------------------------------------------------------------------------------------------------------


class Quadratic(nn.Module):
    """A critic whose slope is known: `w |x|^2 / 2` has the gradient `w x`."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))

    def forward(self, x):
        return 0.5 * self.w * x.flatten(1).square().sum(1)


def test_gradient_penalty_against_known_slopes(random):
    real, fake = random.standard_normal((2, 4, 3))
    mix = random.uniform(size=4)
    critic = Quadratic()
    for one_sided in (False, True):
        expected = []
        for n in range(4):
            point = mix[n] * real[n] + (1 - mix[n]) * fake[n]
            excess = 2.0 * math.sqrt(sum(point**2)) - 1.5
            expected.append(4.0 * (max(excess, 0.0) if one_sided else excess) ** 2)
        value = lb.gradient_penalty(critic, torch.from_numpy(real), torch.from_numpy(fake), strength=4.0, norm=1.5,
                                    one_sided=one_sided, mix=torch.from_numpy(mix), reduction="none")  # fmt: skip
        np.testing.assert_allclose(value.detach().numpy(), expected, rtol=1e-10)


def test_r1_and_r2_are_half_the_strength_times_the_squared_slope():
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    expected = 0.5 * 6.0 * 4.0 * x.flatten(1).square().sum(1)
    for penalty in (lb.r1_penalty, lb.r2_penalty):
        assert torch.allclose(penalty(Quadratic(), x, strength=6.0, reduction="none"), expected)
        assert torch.isclose(penalty(Quadratic(), x, strength=6.0), expected.mean())
        assert torch.isclose(penalty(Quadratic(), x, strength=6.0, reduction="sum"), expected.sum())


def test_penalties_train_the_critic_alone_and_also_under_no_grad():
    critic = Quadratic()
    real, fake = torch.randn(2, 4, 3, dtype=torch.float64)
    real.requires_grad_()
    for penalty in (
        lb.gradient_penalty(critic, real, fake),
        lb.r1_penalty(critic, real),
        lb.r2_penalty(critic, fake),
    ):
        critic.w.grad = None
        penalty.backward()
        assert critic.w.grad.abs() > 0 and real.grad is None
    with torch.no_grad():
        assert lb.r1_penalty(critic, real) > 0


def test_penalty_gradient_against_differences():
    real, fake = torch.randn(2, 4, 3, dtype=torch.float64)
    mix = torch.rand(4, dtype=torch.float64)
    w = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)

    def penalty(w, loss):
        return loss(lambda x: torch.tanh(x @ w).sum(1))

    for loss in (
        lambda critic: lb.gradient_penalty(critic, real, fake, mix=mix),
        lambda critic: lb.gradient_penalty(critic, real, fake, mix=mix, one_sided=True),
        lambda critic: lb.r1_penalty(critic, real),
    ):
        assert torch.autograd.gradcheck(lambda w, loss=loss: penalty(w, loss), w)


def test_gradient_penalty_of_a_flat_critic_is_finite():
    """The length of a gradient has no slope at zero: others answer NaN, or need a number under the root."""
    critic = nn.Linear(3, 1)
    nn.init.zeros_(critic.weight)
    penalty = lb.gradient_penalty(critic, torch.zeros(2, 3), torch.ones(2, 3))
    penalty.backward()
    assert penalty.item() == 10.0
    assert critic.weight.grad.isfinite().all()


def test_one_mixture_for_each_example_and_drawn_anew():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.sum(1)

    real, fake = torch.ones(6, 4), torch.zeros(6, 4)
    lb.gradient_penalty(critic, real, fake)
    lb.gradient_penalty(critic, real, fake)
    first, second = seen
    assert (first == first[:, :1]).all() and len(first[:, 0].unique()) == 6
    assert not torch.equal(first, second)


def test_patch_critics_and_empty_batches():
    patches = nn.Conv2d(1, 1, 3)
    pictures = torch.randn(2, 1, 5, 5)
    assert lb.gradient_penalty(patches, pictures, pictures).isfinite()
    assert lb.r1_penalty(patches, pictures[:0]).item() == 0


@pytest.mark.parametrize("penalty", [lb.r1_penalty, lb.r2_penalty])
def test_silly_penalties(penalty):
    x = torch.zeros(2, 3)
    with pytest.raises(TypeError, match="critic must be callable, got Tensor"):
        penalty(x, x)
    with pytest.raises(TypeError, match="must be a floating-point tensor"):
        penalty(lambda x: x.sum(1), x.long())
    with pytest.raises(ValueError, match="strength must be at least 0, got -1"):
        penalty(lambda x: x.sum(1), x, strength=-1)
    with pytest.raises(ValueError, match="reduction must be one of"):
        penalty(lambda x: x.sum(1), x, reduction="avg")


def test_silly_gradient_penalties():
    x, critic = torch.zeros(2, 3), lambda x: x.sum(1)
    with pytest.raises(ValueError, match="fake must have the shape of real"):
        lb.gradient_penalty(critic, x, x[:1])
    with pytest.raises(ValueError, match=r"mix must have shape \(2,\), got \(3,\)"):
        lb.gradient_penalty(critic, x, x, mix=torch.rand(3))
    with pytest.raises(ValueError, match="strength must be at least 0"):
        lb.gradient_penalty(critic, x, x, strength=-1.0)


# --- variational bounds -----------------------------------------------------------------------------------------------


def kl(mu, s, m=0.0, t=0.0):
    return 0.5 * ((mu - m) ** 2 * math.exp(-t) + math.exp(s - t) - 1 - (s - t))


def test_gaussian_kl_against_its_definition(random):
    mu, s = random.standard_normal((2, 5, 2, 3))
    m, t = random.standard_normal((2, 3))
    compare("gaussian_kl_loss", per_example(elementwise(kl, mu, s)), mu, s)
    M, T = np.broadcast_to(m, mu.shape), np.broadcast_to(t, mu.shape)
    zero = np.zeros(mu.shape)
    compare("gaussian_kl_loss", per_example(elementwise(kl, mu, s, M, zero)), mu, s, prior_mean=m)
    compare("gaussian_kl_loss", per_example(elementwise(kl, mu, s, zero, T)), mu, s, prior_log_variance=t)
    compare("gaussian_kl_loss", per_example(elementwise(kl, mu, s, M, T)), mu, s, prior_mean=m, prior_log_variance=t)
    values, free = elementwise(kl, mu, s), random.uniform(0.2, 1.5)
    for place in np.ndindex(*mu.shape[1:]):
        column = values[(slice(None), *place)]
        if column.mean() <= free:
            values[(slice(None), *place)] = free
    compare("gaussian_kl_loss", per_example(values), mu, s, free_bits=free)


def test_gaussian_kl_is_torchs():
    mu, s, m, t = torch.randn(4, 6, 3, dtype=torch.float64)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mu, (s / 2).exp()), normal(m, (t / 2).exp())).sum(1)
    assert torch.allclose(lb.gaussian_kl_loss(mu, s, prior_mean=m, prior_log_variance=t, reduction="none"), expected)


@pytest.mark.parametrize("s", [1e-6, -1e-6, 1e-4, 3e-3, -0.02, 0.0499, 0.0501, -0.3])
def test_gaussian_kl_keeps_its_digits_in_float32(s):
    """`exp(s) - 1 - s` gives 8.3e-9 for s = 1e-4, where 2.5e-9 is right; expm1 alone is off by percents."""
    single = torch.tensor([[s]], dtype=torch.float32)
    exact = single.double().item()
    right = sum(exact**k / math.factorial(k) for k in range(2, 12)) / 2
    value = lb.gaussian_kl_loss(torch.zeros(1, 1), single).item()
    assert value == pytest.approx(right, rel=1e-5 if abs(s) > 0.05 else 5e-7)
    double = lb.gaussian_kl_loss(torch.zeros(1, 1, dtype=torch.float64), single.double()).item()
    assert double == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("shape", [(7,), (7, 5), (7, 3, 4), (0, 5), (3, 0)])
def test_gaussian_kl_of_float32_goes_block_by_block(monkeypatch, shape):
    """Value, gradient, second derivative and directional derivative are those of float64, for rows in many blocks."""
    monkeypatch.setattr(generative._RowSums, "block", 10)
    exact = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    exact[1] *= 0.3

    def derivatives(codes):
        codes = codes.clone().requires_grad_()
        values = lb.gaussian_kl_loss(*codes, reduction="none")
        (slope,) = torch.autograd.grad(values.sum(), codes, create_graph=True)
        (second,) = torch.autograd.grad(slope.square().sum(), codes)
        moved = torch.func.jvp(lambda c: lb.gaussian_kl_loss(*c, reduction="none"), (codes,), (codes.cos(),))[1]
        return values, slope, second, moved

    for value, right in zip(derivatives(exact.float()), derivatives(exact), strict=True):
        assert value.dtype == torch.float32 and value.shape == right.shape
        torch.testing.assert_close(value.double(), right, rtol=2e-6, atol=1e-6)
    strided = exact.float().movedim(1, -1).contiguous().movedim(-1, 1)
    assert torch.equal(lb.gaussian_kl_loss(*strided), lb.gaussian_kl_loss(*exact.float()))


@pytest.mark.parametrize("dims", [(0, 0), (0, None), (None, 0)])
def test_gaussian_kl_under_vmap_without_a_warning(recwarn, dims):
    mean, log_variance = (torch.randn(3, 4, 2) if dim == 0 else torch.randn(4, 2) for dim in dims)
    for function in (lb.gaussian_kl_loss, torch.func.grad(lb.gaussian_kl_loss)):
        together = torch.func.vmap(function, in_dims=dims)(mean, log_variance)
        one = [
            function(mean if dims[0] is None else mean[i], log_variance if dims[1] is None else log_variance[i])
            for i in range(3)
        ]
        torch.testing.assert_close(together, torch.stack(one))
    assert not recwarn.list


def test_priors_do_not_enlarge_the_code():
    mean = torch.zeros(2, 3)
    for name in ("prior_mean", "prior_log_variance"):
        assert lb.gaussian_kl_loss(mean, mean, **{name: torch.zeros(2, 1)}) == 0
        for shape in ((4,), (1, 2, 3), (4, 3)):
            with pytest.raises(ValueError, match=rf"{name} must have the shape of mean, \(2, 3\), or one that"):
                lb.gaussian_kl_loss(mean, mean, **{name: torch.zeros(shape)})


def test_kl_is_summed_over_dimensions_and_averaged_over_the_batch():
    """A mean over all entries makes the divergence D times too small (pytorch #2259, LD #74)."""
    mean = torch.full((3, 10), 2.0)
    assert lb.gaussian_kl_loss(mean, torch.zeros(3, 10)).item() == pytest.approx(20.0)
    target = torch.zeros(3, 4, 5)
    assert lb.vae_loss(target + 1, target, mean, torch.zeros(3, 10)).item() == pytest.approx(10.0 + 20.0)


def test_vae_against_its_definition(random):
    x, mu, s = random.uniform(size=(4, 2, 3)), random.standard_normal((4, 5)), random.standard_normal((4, 5))
    rebuilt = random.standard_normal((4, 2, 3))
    scale, beta, full = random.uniform(0.3, 2), random.uniform(0, 4), bool(random.integers(2))
    capacity = None if random.random() < 0.5 else random.uniform(0, 8)
    likelihood = ("gaussian", "l1", "bernoulli")[random.integers(3)]

    def rebuild(p, t):
        if likelihood == "gaussian":
            return ((p - t) / scale) ** 2 / 2 + full * (math.log(scale) + 0.5 * math.log(2 * math.pi))
        if likelihood == "l1":
            return abs(p - t) / scale + full * math.log(2 * scale)
        return t * softplus(-p) + (1 - t) * softplus(p)

    divergence = per_example(elementwise(kl, mu, s))
    divergence = divergence if capacity is None else np.abs(divergence - capacity)
    expected = per_example(elementwise(rebuild, rebuilt, x)) + beta * divergence
    compare("vae_loss", expected, rebuilt, x, mu, s, likelihood=likelihood, scale=scale, full=full, beta=beta,
            capacity=capacity)  # fmt: skip


def test_full_likelihoods_are_those_of_torch():
    x, p = torch.rand(2, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    zero = torch.zeros(2, 1, dtype=torch.float64)
    for likelihood, distribution in (("gaussian", torch.distributions.Normal), ("l1", torch.distributions.Laplace)):
        expected = -distribution(p, 0.7).log_prob(x).sum(1)
        value = lb.vae_loss(p, x, zero, zero, likelihood=likelihood, scale=0.7, full=True, reduction="none")
        assert torch.allclose(value, expected)


def test_free_bits_stop_the_gradient_below_them():
    mean = torch.tensor([[0.1, 3.0], [0.2, 1.0]], requires_grad=True)
    loss = lb.gaussian_kl_loss(mean, torch.zeros(2, 2), free_bits=0.5)
    loss.backward()
    assert loss.item() == pytest.approx(0.5 + (4.5 + 0.5) / 2)
    assert mean.grad[:, 0].tolist() == [0.0, 0.0] and (mean.grad[:, 1] > 0).all()


def test_silly_variational_settings():
    x, z = torch.zeros(2, 3), torch.zeros(2, 4)
    with pytest.raises(ValueError, match="likelihood must be one of 'gaussian', 'l1', 'bernoulli', got 'poisson'"):
        lb.vae_loss(x, x, z, z, likelihood="poisson")
    with pytest.raises(ValueError, match="scale must be above 0, got 0"):
        lb.vae_loss(x, x, z, z, scale=0.0)
    with pytest.raises(ValueError, match="beta must be at least 0, got -1"):
        lb.vae_loss(x, x, z, z, beta=-1.0)
    with pytest.raises(ValueError, match=r"mean must have shape \(2, \*\), got \(3, 4\)"):
        lb.vae_loss(x, x, torch.zeros(3, 4), torch.zeros(3, 4))
    with pytest.raises(ValueError, match=r"target must lie in \[0, 1\]"):
        lb.vae_loss(x, x + 2, z, z, likelihood="bernoulli")
    with pytest.raises(ValueError, match="free_bits must be at least 0"):
        lb.gaussian_kl_loss(z, z, free_bits=-0.5)


def test_vq_against_its_definition_and_who_gets_which_gradient(random):
    z, e = random.standard_normal((2, 4, 3))
    beta = random.uniform(0, 2)
    compare("vq_commitment_loss", elementwise(lambda a, b: (1 + beta) * (a - b) ** 2, z, e), z, e, commitment=beta)
    encoder, codes = torch.from_numpy(z).requires_grad_(), torch.from_numpy(e).requires_grad_()
    lb.vq_commitment_loss(encoder, codes, commitment=beta).backward()
    np.testing.assert_allclose(encoder.grad.numpy(), 2 * beta * (z - e) / z.size, rtol=1e-10)
    np.testing.assert_allclose(codes.grad.numpy(), 2 * (e - z) / z.size, rtol=1e-10)


# --- diffusion --------------------------------------------------------------------------------------------------------


def test_diffusion_against_its_definition(random):
    said, truth = random.standard_normal((2, 5, 2, 3))
    share = random.uniform(0.01, 0.99, 5)
    parameterization = ("noise", "x0", "v")[random.integers(3)]
    weighting = ("simple", "snr", "truncated-snr", "min-snr")[random.integers(4)]
    gamma = random.uniform(0.2, 6)
    expected = np.zeros(said.shape)
    for n in range(5):
        snr = share[n] / (1 - share[n])
        clean = {"snr": snr, "truncated-snr": max(snr, 1.0), "min-snr": min(snr, gamma)}
        weight = 1.0
        if weighting != "simple":
            weight = clean[weighting] / {"noise": snr, "x0": 1.0, "v": snr + 1}[parameterization]
        expected[n] = weight * (said[n] - truth[n]) ** 2
    compare("diffusion_loss", expected, said, truth, share, parameterization=parameterization, weighting=weighting,
            gamma=gamma)  # fmt: skip


@pytest.fixture
def step():
    """A noisy example, what is true of it, and what a network says, in all three parameterizations."""
    generator = torch.Generator().manual_seed(0)
    clean, noise, said = torch.randn(3, 6, 4, generator=generator, dtype=torch.float64)
    share = torch.linspace(0.05, 0.95, 6, dtype=torch.float64)
    noisy = lb.add_noise(clean, noise, share)
    truth = {to: lb.convert_diffusion(noise, noisy, share, source="noise", to=to) for to in ("noise", "x0", "v")}
    guess = {to: lb.convert_diffusion(said, noisy, share, source="noise", to=to) for to in ("noise", "x0", "v")}
    return clean, noise, noisy, share, truth, guess


def test_conversions_are_exact_and_go_round(step):
    clean, noise, noisy, share, truth, guess = step
    assert torch.allclose(truth["x0"], clean)
    signal, sigma = share.sqrt()[:, None], (1 - share).sqrt()[:, None]
    assert torch.allclose(truth["v"], signal * noise - sigma * clean)
    for source in guess:
        for to in guess:
            assert torch.allclose(lb.convert_diffusion(guess[source], noisy, share, source=source, to=to), guess[to])


@pytest.mark.parametrize("weighting", ["snr", "truncated-snr", "min-snr"])
def test_a_weighting_is_one_loss_in_each_parameterization(step, weighting):
    _, _, _, share, truth, guess = step
    values = [
        lb.diffusion_loss(guess[p], truth[p], share, parameterization=p, weighting=weighting, gamma=2.0)
        for p in ("noise", "x0", "v")
    ]
    assert torch.allclose(torch.stack(values), values[0])
    if weighting == "snr":
        assert torch.isclose(values[1], lb.diffusion_loss(guess["noise"], truth["noise"], share))


def test_velocity_is_exact_at_both_ends():
    """At a share of 0 (a schedule that ends in pure noise) and 1, the velocity says all, and no weight is NaN."""
    clean, noise = torch.randn(2, 2, 3, dtype=torch.float64)
    share = torch.tensor([0.0, 1.0], dtype=torch.float64)
    noisy = lb.add_noise(clean, noise, share)
    v = torch.stack([-clean[0], noise[1]])
    assert torch.allclose(lb.convert_diffusion(v, noisy, share, source="v", to="x0"), clean)
    assert torch.allclose(lb.convert_diffusion(v, noisy, share, source="v", to="noise"), noise)
    for weighting in ("simple", "snr", "truncated-snr", "min-snr"):
        assert lb.diffusion_loss(v, v + 1, share, parameterization="v", weighting=weighting).isfinite()
    assert lb.diffusion_loss(v, v + 1, share, weighting="min-snr").isfinite()
    assert lb.diffusion_loss(v, v + 1, share, weighting="snr") == 1


def posterior_kl(clean, said, share, before):
    """KL of the true posterior of DDPM and the model's, both with the posterior's variance, from equations 6 and 7."""
    alpha = share / before
    beta = 1 - alpha
    variance = (1 - before) / (1 - share) * beta
    pull = math.sqrt(before) * beta / (1 - share)
    return (pull * (clean - said)) ** 2 / (2 * variance)


def test_variational_term_is_the_divergence_of_the_posteriors(step):
    clean, _, _, share, truth, guess = step
    before = share + 0.3 * (1 - share)
    expected = torch.stack(
        [
            sum(
                posterior_kl(c, s, a, b)
                for c, s in zip(clean[n].tolist(), guess["x0"][n].tolist(), strict=True)
                for a, b in [(share[n].item(), before[n].item())]
            )
            * torch.ones((), dtype=torch.float64)
            for n in range(6)
        ]
    )
    for p in ("noise", "x0", "v"):
        for reduction, right in (("none", expected), ("sum", expected.sum()), ("mean", expected.mean())):
            value = lb.variational_diffusion_loss(
                guess[p], truth[p], share, before, parameterization=p, reduction=reduction
            )
            assert torch.allclose(value, right)


def test_silly_diffusion():
    x, share = torch.zeros(2, 3), torch.tensor([0.5, 0.5])
    with pytest.raises(ValueError, match="parameterization must be one of 'noise', 'x0', 'v', got 'epsilon'"):
        lb.diffusion_loss(x, x, share, parameterization="epsilon")
    with pytest.raises(ValueError, match="weighting must be one of"):
        lb.diffusion_loss(x, x, share, weighting="p2")
    with pytest.raises(ValueError, match="gamma must be above 0"):
        lb.diffusion_loss(x, x, share, weighting="min-snr", gamma=0.0)
    with pytest.raises(ValueError, match=r"alpha_bar must lie in \[0, 1\]"):
        lb.diffusion_loss(x, x, share + 1)
    with pytest.raises(ValueError, match=r"alpha_bar must have shape \(2,\), got \(1,\)"):
        lb.diffusion_loss(x, x, share[:1])
    with pytest.raises(ValueError, match="previous_alpha_bar must not be below alpha_bar"):
        lb.variational_diffusion_loss(x, x, share, share - 0.1)
    with pytest.raises(ValueError, match="to must be one of"):
        lb.convert_diffusion(x, x, share, to="epsilon")
    with pytest.raises(ValueError, match="source must be one of"):
        lb.convert_diffusion(x, x, share, source="epsilon")
    with pytest.raises(ValueError, match="noise must have the shape of clean"):
        lb.add_noise(x, x[:1], share)


def normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def test_discretized_gaussian_against_its_definition(random):
    levels = int(random.choice([4, 16, 256]))
    mu, s = random.uniform(-1, 1, (3, 4)), random.uniform(-1, 1, (3, 4))
    x = 2 * random.integers(levels, size=(3, 4)) / (levels - 1) - 1
    x[0, 0], x[0, 1] = -1.0, 1.0

    def nll(m, t, log_scale):
        half, scale = 1 / (levels - 1), math.exp(log_scale)
        low = 0.0 if t < -1 + half / 2 else normal_cdf((t - half - m) / scale)
        high = 1.0 if t > 1 - half / 2 else normal_cdf((t + half - m) / scale)
        return -math.log(high - low)

    expected = per_example(elementwise(nll, mu, x, s))
    function = lb.discretized_gaussian_nll_loss
    tensors = [torch.from_numpy(t) for t in (mu, x, s)]
    assert np.allclose(function(*tensors, levels=levels, reduction="none").numpy(), expected, rtol=1e-9)
    assert np.allclose(function(*tensors, levels=levels).item(), expected.mean(), rtol=1e-9)
    assert np.allclose(function(*tensors, levels=levels, reduction="sum").item(), expected.sum(), rtol=1e-9)


def test_probabilities_of_all_levels_sum_to_one():
    grid = torch.linspace(-1, 1, 16, dtype=torch.float64).unsqueeze(1)
    mean, log_scale = torch.full_like(grid, 0.3), torch.full_like(grid, -1.0)
    nats = lb.discretized_gaussian_nll_loss(mean, grid, log_scale, levels=16, reduction="none")
    assert torch.isclose(torch.exp(-nats).sum(), torch.tensor(1.0, dtype=torch.float64))


def test_discretized_gaussian_far_from_its_mean_is_finite_in_float32():
    mean = torch.tensor([[1.0]], requires_grad=True)
    loss = lb.discretized_gaussian_nll_loss(mean, torch.tensor([[-0.5]]), torch.tensor([[-4.0]]))
    loss.backward()
    assert loss.item() == pytest.approx((1.4961 * math.exp(4)) ** 2 / 2, rel=0.01)
    assert mean.grad.isfinite().all()
    with pytest.raises(ValueError, match="levels must be at least 2, got 1"):
        lb.discretized_gaussian_nll_loss(mean, mean, mean, levels=1)


@pytest.mark.parametrize("log_scale", [-4.0, -1.0, 0.0, 2.0, 4.0, 8.0, 20.0])
def test_discretized_gaussian_of_wide_widths_keeps_its_digits_in_float32(log_scale):
    """Both ends of a narrow bin have one tail probability: their difference is 0, and its logarithm was -87."""
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.randint(1, 255, (50, 1), generator=generator) / 255 - 1
    mean = (2 * torch.rand(50, 1, generator=generator) - 1).double()
    width, half = math.exp(log_scale), 1 / 255

    def nll(m, t):
        """Simpson's rule with 201 places, which sees no tails."""
        places = np.linspace(t - half, t + half, 201)
        weights = np.array([1, *[4, 2] * 99, 4, 1]) * (2 * half / 200) / 3
        density = -0.5 * ((places - m) / width) ** 2 - math.log(width) - 0.5 * math.log(2 * math.pi)
        return -(density.max() + math.log((weights * np.exp(density - density.max())).sum()))

    right = [nll(m, t) for m, t in zip(mean[:, 0].tolist(), x[:, 0].double().tolist(), strict=True)]
    scales = torch.full((50, 1), log_scale)
    value = lb.discretized_gaussian_nll_loss(mean.float(), x.float(), scales, reduction="none")
    np.testing.assert_allclose(value.numpy(), right, rtol=3e-5, atol=3e-5)
    leaf = mean.float().requires_grad_()
    slope = torch.autograd.grad(lb.discretized_gaussian_nll_loss(leaf, x.float(), scales, reduction="sum"), leaf)[0]
    exact = mean.clone().requires_grad_()
    loss = lb.discretized_gaussian_nll_loss(exact, x.double(), scales.double(), reduction="sum")
    np.testing.assert_allclose(slope.numpy(), torch.autograd.grad(loss, exact)[0].numpy(), rtol=5e-3, atol=1e-5)


def test_gradient_penalty_in_the_dtype_of_real_examples():
    critic = nn.Linear(3, 1)
    for dtype in (torch.float16, torch.float64):
        assert lb.gradient_penalty(critic, torch.ones(2, 3), torch.zeros(2, 3, dtype=dtype)).dtype == torch.float32


# --- flows and scores -------------------------------------------------------------------------------------------------


def test_flow_matching_against_its_definition(random):
    v, end, start = random.standard_normal((3, 4, 3))
    sigma = random.uniform(0, 0.5) * random.integers(2)
    expected = elementwise(lambda v, x1, x0: (v - (x1 - (1 - sigma) * x0)) ** 2, v, end, start)
    compare("flow_matching_loss", expected, v, end, start, sigma_min=sigma)


@pytest.mark.parametrize("sigma", [0.0, 0.2])
def test_the_velocity_is_the_slope_of_the_path(sigma):
    start, end = torch.randn(2, 3, 2, dtype=torch.float64)
    time = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    ahead = lb.flow_path(start, end, time + 1e-6, sigma_min=sigma)
    slope = (ahead - lb.flow_path(start, end, time, sigma_min=sigma)) / 1e-6
    assert lb.flow_matching_loss(slope, end, start, sigma_min=sigma) < 1e-12


def test_consistency_model_against_its_definition(random):
    said, target = random.standard_normal((2, 4, 2, 3))
    before = random.uniform(0, 1, 4)
    sigma = before + random.uniform(0.05, 1, 4)
    c = random.uniform(0.1, 2)
    for distance in ("pseudo_huber", "l2", "l1"):
        for weighting in ("step", "uniform"):
            expected = np.zeros(4)
            for n in range(4):
                error = np.abs(said[n] - target[n])
                length = math.sqrt(np.sum(error**2) + c**2) - c
                expected[n] = {"pseudo_huber": length, "l2": np.mean(error**2), "l1": np.mean(error)}[distance]
                expected[n] /= sigma[n] - before[n] if weighting == "step" else 1.0
            settings = {"distance": distance, "weighting": weighting, "c": c}
            compare("consistency_model_loss", expected, said, target, sigma, before, **settings)


def test_consistency_model_keeps_its_digits_and_its_target():
    """The root minus c is the square over 2 c where errors are small; the form of the paper gives 0 in float32."""
    said, now, before = torch.full((2, 4), 1e-5), torch.tensor([2.0, 2.0]), torch.tensor([1.0, 1.0])
    target = torch.zeros(2, 4, requires_grad=True)
    value = lb.consistency_model_loss(said.requires_grad_(), target, now, before, c=1.0)
    assert value.item() == pytest.approx(4e-10 / 2, rel=1e-5)
    value.backward()
    assert target.grad is None and said.grad.flatten().tolist() == pytest.approx([1e-5 / 2] * 8)
    same = target.detach().requires_grad_()
    lb.consistency_model_loss(same, target, now, before).backward()
    assert (same.grad == 0).all()
    # by default the bend is at 0.00054 sqrt(D): 0.03 for pictures of 3x32x32
    far = lb.consistency_model_loss(torch.ones(1, 3, 32, 32), torch.zeros(1, 3, 32, 32), now[:1], before[:1])
    c = 0.00054 * math.sqrt(3 * 32 * 32)
    assert far.item() == pytest.approx(math.sqrt(3 * 32 * 32 + c**2) - c)


def test_silly_consistency():
    x, now, before = torch.zeros(2, 3), torch.ones(2), torch.zeros(2)
    with pytest.raises(ValueError, match="previous_sigma must be at least 0 and below sigma"):
        lb.consistency_model_loss(x, x, before, now)
    with pytest.raises(ValueError, match="previous_sigma must be at least 0 and below sigma"):
        lb.consistency_model_loss(x, x, now, now)
    with pytest.raises(ValueError, match="previous_sigma must be at least 0 and below sigma"):
        lb.consistency_model_loss(x, x, now, before - 0.1)
    assert lb.consistency_model_loss(x, x, now, before) == 0  # data themselves, without any noise, may be the target
    with pytest.raises(TypeError, match="previous_sigma must be a floating-point tensor"):
        lb.consistency_model_loss(x, x, now, before.long())
    with pytest.raises(ValueError, match=r"prediction must have shape \(N, \*\), got \(\)"):
        lb.consistency_model_loss(x[0, 0], x[0, 0], now, before)
    with pytest.raises(ValueError, match="distance must be one of 'pseudo_huber', 'l2', 'l1'"):
        lb.consistency_model_loss(x, x, now, before, distance="lpips")
    with pytest.raises(ValueError, match="weighting must be one of 'step', 'uniform'"):
        lb.consistency_model_loss(x, x, now, before, weighting="snr")
    with pytest.raises(ValueError, match="c must be above 0, got 0"):
        lb.consistency_model_loss(x, x, now, before, c=0.0)
    with pytest.raises(ValueError, match=r"sigma must have shape \(2,\), got \(1,\)"):
        lb.consistency_model_loss(x, x, now[:1], before)


def test_denoising_score_matching_against_its_definition(random):
    s, clean, noisy = random.standard_normal((3, 4, 2, 3))
    sigma = random.uniform(0.3, 2, 4)
    for weighting in ("variance", "uniform"):
        expected = np.zeros(4)
        for n in range(4):
            error = s[n] - (clean[n] - noisy[n]) / sigma[n] ** 2
            expected[n] = 0.5 * (error**2).sum() * (sigma[n] ** 2 if weighting == "variance" else 1.0)
        compare("denoising_score_matching_loss", expected, s, clean, noisy, sigma, weighting=weighting)


def test_denoising_score_matching_is_noise_prediction():
    clean, noise, said = torch.randn(3, 5, 4, dtype=torch.float64)
    sigma = torch.rand(5, dtype=torch.float64) + 0.5
    noisy = clean + sigma[:, None] * noise
    value = lb.denoising_score_matching_loss(-said / sigma[:, None], clean, noisy, sigma)
    assert torch.isclose(value, 2.0 * lb.diffusion_loss(said, noise, torch.full((5,), 0.5)))  # half a sum of four
    with pytest.raises(ValueError, match="sigma must be above 0"):
        lb.denoising_score_matching_loss(said, clean, noisy, -sigma)
    with pytest.raises(ValueError, match="weighting must be one of 'variance', 'uniform'"):
        lb.denoising_score_matching_loss(said, clean, noisy, sigma, weighting="snr")


@pytest.mark.parametrize("variance_reduced", [True, False])
def test_sliced_score_matching_of_a_linear_model(variance_reduced):
    """For the score `A x` both terms are known: `v A v`, and half the square of `A x`, or of `v A x`."""
    A = torch.randn(3, 3, dtype=torch.float64)
    x, v = torch.randn(4, 3, dtype=torch.float64), torch.randn(2, 4, 3, dtype=torch.float64)
    expected = torch.zeros(4, dtype=torch.float64)
    for n in range(4):
        score = A @ x[n]
        for k in range(2):
            square = score @ score if variance_reduced else (v[k, n] @ score) ** 2
            expected[n] += (v[k, n] @ A @ v[k, n] + square / 2) / 2

    def loss(reduction, A=A):
        return lb.sliced_score_matching_loss(
            lambda x: x @ A.T, x, directions=v, variance_reduced=variance_reduced, reduction=reduction
        )

    assert torch.allclose(loss("none"), expected)
    assert torch.isclose(loss("mean"), expected.mean()) and torch.isclose(loss("sum"), expected.sum())
    assert torch.autograd.gradcheck(lambda A: loss("mean", A), A.requires_grad_())


def test_sliced_score_matching_finds_the_width_of_a_gaussian():
    """For data of standard deviation 2 and the score -x / s the loss is smallest at s = 4."""
    x = 2.0 * torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    losses = {s: lb.sliced_score_matching_loss(lambda x, s=s: -x / s, x).item() for s in (2.0, 3.0, 4.0, 5.0, 8.0)}
    assert min(losses, key=losses.get) == 4.0


def test_sliced_score_matching_draws_signs_and_refuses_wrong_shapes():
    x = torch.randn(3, 2)
    assert lb.sliced_score_matching_loss(lambda x: -x, x, samples=5, reduction="none").shape == (3,)
    assert lb.sliced_score_matching_loss(lambda x: 0.0 * x, x[:0]).item() == 0
    with pytest.raises(TypeError, match="model must be callable, got Tensor"):
        lb.sliced_score_matching_loss(x, x)
    with pytest.raises(ValueError, match="the model's score must have the shape of data"):
        lb.sliced_score_matching_loss(lambda x: x.sum(1), x)
    with pytest.raises(ValueError, match=r"directions must have shape \(samples, 3, 2\)"):
        lb.sliced_score_matching_loss(lambda x: x, x, directions=x)
    with pytest.raises(ValueError, match="samples must be above 0"):
        lb.sliced_score_matching_loss(lambda x: x, x, samples=0)


@pytest.mark.parametrize(
    "module",
    [lb.GradientPenalty(strength=3.0, one_sided=True), lb.R1Penalty(strength=2.0), lb.SlicedScoreMatchingLoss()],
    ids=lambda m: type(m).__name__,
)
def test_modules_of_objectives_copy_and_pickle(module):
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert repr(twin) == repr(module)
    x = torch.randn(3, 2)
    points = (x, x) if isinstance(module, lb.GradientPenalty) else (x,)
    model = (lambda x: -x) if isinstance(module, lb.SlicedScoreMatchingLoss) else (lambda x: x.square().sum(1))
    assert module(model, *points).shape == ()
