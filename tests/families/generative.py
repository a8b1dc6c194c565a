"""Kinds of the losses of generative models."""

from __future__ import annotations

import torch
from samples import CLASSES, Sample, held_fixed, ideal_for, kind, objective, perfect_for
from torch import Tensor, nn

# Squares of float16 numbers, summed over a picture, have to stay below its largest number: so kinds that are squared
# keep to a moderate size, whatever scale a test asks for.


def _at_most(size: float):
    return lambda first, magnitude: [min(magnitude, size) * first.sign(), -min(magnitude, size) * first.sign()]


@kind("critic scores", any_layout=True, adverse=_at_most(100.0))
def _critic_scores(s: Sample) -> Tensor:
    return min(s.scale, 20.0) * s.normal(s.batch, CLASSES, *s.size)


@kind("scores of pictures", axis=None, any_layout=True)
def _scores_of_pictures(s: Sample) -> Tensor:
    return min(s.scale, 20.0) * s.normal(s.batch)


@kind("pictures in [-1, 1]", any_layout=True, adverse=_at_most(1.0))
def _signed_pictures(s: Sample) -> Tensor:
    return 2 * s.uniform(s.batch, 3, *s.size) - 1


@kind("log-scales of pictures", any_layout=True)
def _log_scales(s: Sample) -> Tensor:
    return s.uniform(s.batch, 3, *s.size) - 0.5


@kind("numbers of order one", axis=1, adverse=_at_most(3.0))
def _numbers_of_order_one(s: Sample) -> Tensor:
    return 0.2 * min(s.scale, 4.0) * s.normal(s.batch, *s.size, CLASSES)


@kind("latent numbers", axis=1, adverse=_at_most(3.0))
def _latent_numbers(s: Sample) -> Tensor:
    return (min(s.scale, 1.0) * s.normal(s.batch, *s.size, CLASSES)).clamp(-3, 3)


@kind("numbers in [0, 1]", axis=1)
def _numbers_in_the_unit_interval(s: Sample) -> Tensor:
    return s.uniform(s.batch, *s.size, CLASSES)


@kind("features", axis=1, adverse=_at_most(30.0))
def _features(s: Sample) -> Tensor:
    return 0.3 * min(s.scale, 20.0) * s.normal(s.batch, *s.size, CLASSES)


@kind("signal shares", axis=None)
def _signal_shares(s: Sample) -> Tensor:
    return 0.5 + 0.4 * s.uniform(s.batch)


@kind("earlier signal shares", axis=None)
def _earlier_signal_shares(s: Sample) -> Tensor:
    return 0.9 + 0.03 * s.uniform(s.batch)


@kind("noise widths", axis=None)
def _noise_widths(s: Sample) -> Tensor:
    return 0.5 + 1.5 * s.uniform(s.batch)


@kind("smaller noise widths", axis=None)
def _smaller_noise_widths(s: Sample) -> Tensor:
    return 0.4 * s.uniform(s.batch)


for _name in (
    "minimax_discriminator_loss",
    "hinge_discriminator_loss",
    "relativistic_discriminator_loss",
    "relativistic_generator_loss",
    "relativistic_average_discriminator_loss",
    "relativistic_average_generator_loss",
    "wasserstein_discriminator_loss",
):

    @perfect_for(_name)
    def _very_real(card, settings, fake: Tensor) -> Tensor:
        return torch.full_like(fake, -1e4 if card.name.endswith("generator_loss") else 1e4)


for _name in (
    "minimax_generator_loss",
    "non_saturating_generator_loss",
    "wasserstein_generator_loss",
    "hinge_generator_loss",
):

    @perfect_for(_name)
    def _taken_for_real(card, settings) -> Tensor:
        return torch.full((2, CLASSES, 4, 5), 1e4, dtype=torch.float64)


@perfect_for("least_squares_discriminator_loss")
def _labeled_real(card, settings, fake: Tensor) -> Tensor:
    return torch.full_like(fake, settings.get("real_label", 1.0))


@perfect_for("least_squares_generator_loss")
def _labeled_as_real(card, settings) -> Tensor:
    return torch.full((2, CLASSES, 4, 5), settings.get("real_label", 1.0), dtype=torch.float64)


for _name, _real, _fake in (
    ("minimax_discriminator_loss", 100.0, -100.0),
    ("least_squares_discriminator_loss", 1.0, 0.0),
    ("hinge_discriminator_loss", 1.0, -1.0),
    ("relativistic_discriminator_loss", 100.0, -100.0),
    ("relativistic_generator_loss", -100.0, 100.0),
    ("relativistic_average_discriminator_loss", 100.0, -100.0),
    ("relativistic_average_generator_loss", -100.0, 100.0),
):

    @ideal_for(_name)
    def _apart(real: float = _real, fake: float = _fake) -> list[Tensor]:
        return [torch.full((2, 3), real, dtype=torch.float64), torch.full((2, 3), fake, dtype=torch.float64)]


@ideal_for("conditional_adversarial_loss")
def _the_target_taken_for_real() -> list[Tensor]:
    picture = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(2, 3)
    return [picture, picture.clone(), torch.full((2,), 100.0, dtype=torch.float64)]


@perfect_for("gaussian_kl_loss")
def _mean_of_the_prior(card, settings, log_variance: Tensor) -> Tensor:
    return torch.zeros_like(log_variance)


@ideal_for("gaussian_kl_loss")
def _the_prior() -> list[Tensor]:
    return [torch.zeros(2, 3, dtype=torch.float64), torch.zeros(2, 3, dtype=torch.float64)]


@ideal_for("vae_loss")
def _rebuilt_for_nothing() -> list[Tensor]:
    return [torch.ones(2, 3, dtype=torch.float64)] * 2 + [torch.zeros(2, 3, dtype=torch.float64)] * 2


@ideal_for("discretized_gaussian_nll_loss")
def _surely_in_its_bin() -> list[Tensor]:
    return [*[torch.zeros(2, 3, dtype=torch.float64)] * 2, torch.full((2, 3), -12.0, dtype=torch.float64)]


@held_fixed("vq_commitment_loss")
def _with_stopped_gradients(embeddings: Tensor, codes: Tensor, **settings):
    beta = settings.get("commitment", 0.25)

    def function(z: Tensor, e: Tensor, *, commitment: float = beta, reduction: str = "mean") -> Tensor:
        values = (embeddings - e) ** 2 + commitment * (z - codes) ** 2
        return values if reduction == "none" else values.sum() if reduction == "sum" else values.mean()

    return function


@perfect_for("flow_matching_loss")
def _straight_way(card, settings, target: Tensor, noise: Tensor) -> Tensor:
    return target - (1 - settings.get("sigma_min", 0.0)) * noise


@perfect_for("denoising_score_matching_loss")
def _way_back(card, settings, target: Tensor, noisy: Tensor, sigma: Tensor) -> Tensor:
    return (target - noisy) / sigma.reshape(-1, *[1] * (target.dim() - 1)) ** 2


def _smooth_model(dtype: torch.dtype, outputs: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, outputs)).to(dtype)


def _points(seed: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@objective("gradient_penalty")
def _a_critic_between_two_sides(dtype: torch.dtype) -> tuple:
    return _smooth_model(dtype, 1), _points(1, dtype), _points(2, dtype)


@objective("r1_penalty")
@objective("r2_penalty")
def _a_critic_and_one_side(dtype: torch.dtype) -> tuple:
    return _smooth_model(dtype, 1), _points(1, dtype)


@objective("sliced_score_matching_loss")
def _a_score_model(dtype: torch.dtype) -> tuple:
    return _smooth_model(dtype, 3), _points(1, dtype)
