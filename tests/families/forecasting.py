"""Kinds of the losses of forecasts, and what their perfect predictions are.

Values are of the order of standardized series: the square of more than 250 leaves float16's range, so that extreme
forecasts stop at 100 where they are to be read in half precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from samples import CLASSES, Sample, ideal_for, kind, perfect_for, proper_check
from torch import Tensor

import lossbook as lb
from lossbook.catalogue import LossCard


def _extreme(first: Tensor, magnitude: float) -> list[Tensor]:
    magnitude = magnitude if magnitude < 3e4 else 100.0
    return [magnitude * first.sign(), -magnitude * first.sign(), torch.full_like(first, magnitude)]


@kind("forecasts", axis=1, everywhere=True, adverse=_extreme)
@kind("ensemble members", axis=1, everywhere=True, adverse=_extreme)
@kind("quantile forecasts", axis=1, everywhere=True, adverse=_extreme)
@kind("component means", axis=1)
def _forecasts(s: Sample) -> Tensor:
    return (s.scale * s.normal(s.batch, *s.size, CLASSES)).clamp(-80, 80)


@kind("observations", axis=1)
def _observations(s: Sample) -> Tensor:
    return (s.scale * s.normal(s.batch, *s.size)).clamp(-80, 80)


@kind("ensemble of vectors", axis=1, everywhere=True, adverse=_extreme)
def _ensemble_of_vectors(s: Sample) -> Tensor:
    return (s.scale * s.normal(s.batch, *s.size, 4, CLASSES)).clamp(-80, 80)


@kind("scales", axis=1)
@kind("component scales", axis=1)
def _scales(s: Sample) -> Tensor:
    return (0.5 * s.normal(s.batch, *s.size, CLASSES)).clamp(-0.5, 1.5).exp()


@kind("degrees of freedom", axis=1)
def _degrees_of_freedom(s: Sample) -> Tensor:
    return 1 + (2 * s.normal(s.batch, *s.size, CLASSES)).clamp(-3, 5).exp()


@kind("positive amounts", axis=1, adverse=lambda x, m: [torch.full_like(x, m), torch.full_like(x, 1 / m)])
@kind("predicted amounts", axis=1, adverse=lambda x, m: [torch.full_like(x, min(m, 9.0)), torch.full_like(x, 1 / m)])
def _positive_amounts(s: Sample) -> Tensor:
    width = min(0.35 * s.scale, 2.5)
    return s.normal(s.batch, *s.size, CLASSES).clamp(-width, width).exp()


@kind("counts", axis=1)
def _counts(s: Sample) -> Tensor:
    return (3 * s.normal(s.batch, *s.size, CLASSES).abs()).floor()


@kind("log rates", axis=1, everywhere=True, adverse=lambda x, m: _extreme(x, min(m, 9.0)))
def _log_rates(s: Sample) -> Tensor:
    return (s.scale * s.normal(s.batch, *s.size, CLASSES)).clamp(-9, 9)


@kind("zero-inflation logits", axis=1)
@kind("logits of a zero", axis=1)
def _zero_logits(s: Sample) -> Tensor:
    return (s.scale * s.normal(s.batch, *s.size, CLASSES)).clamp(-30, 30)


@kind("series", axis=1, everywhere=True, adverse=lambda x, m: _extreme(x, m if m < 3e4 else 20.0))
def _series(s: Sample) -> Tensor:
    """At the usual scale, distances are of the order of the temperature 1."""
    return (0.15 * s.scale * s.normal(s.batch, s.size[0], CLASSES)).clamp(-20, 20)


@kind("small series", axis=1, everywhere=True, adverse=lambda x, m: _extreme(x, m if m < 3e4 else 20.0))
def _small_series(s: Sample) -> Tensor:
    """At the usual scale, distances are of the order of the temperature 0.01."""
    return (0.015 * s.scale * s.normal(s.batch, s.size[0], CLASSES)).clamp(-20, 20)


@kind("log hazards", axis=0, everywhere=True)
def _log_hazards(s: Sample) -> Tensor:
    return s.scale * s.normal(s.batch)


@kind("survival times", axis=0)
def _survival_times(s: Sample) -> Tensor:
    return 1.0 + s.integers(4, s.batch).double()


@kind("event flags", axis=0)
def _event_flags(s: Sample) -> Tensor:
    return (s.uniform(s.batch) < 0.8).long()


# --- perfect predictions ----------------------------------------------------------------------------------------------


@perfect_for("log_normal_nll_loss")
def _logarithm(card: LossCard, settings: Mapping[str, Any], target: Tensor, *_: Tensor) -> Tensor:
    return target.log()


@perfect_for("mixture_nll_loss")
def _most_likely_component(
    card: LossCard, settings: Mapping[str, Any], target: Tensor, mean: Tensor, scale: Tensor
) -> Tensor:
    sigma = scale.exp() if settings.get("from_log") else scale
    density = -sigma.log() - 0.5 * ((target.unsqueeze(-1) - mean) / sigma) ** 2
    return 200.0 * torch.nn.functional.one_hot(density.argmax(-1), CLASSES).double()


@perfect_for("poisson_nll_loss")
@perfect_for("zero_inflated_poisson_nll_loss")
def _log_count(card: LossCard, settings: Mapping[str, Any], target: Tensor, *_: Tensor) -> Tensor:
    return target.log().clamp_min(-100.0)


@perfect_for("negative_binomial_nll_loss")
@perfect_for("zero_inflated_negative_binomial_nll_loss")
def _count(card: LossCard, settings: Mapping[str, Any], target: Tensor, dispersion: Tensor, *_: Tensor) -> Tensor:
    form = settings.get("form", "mean")
    count = target.clamp_min(1e-12)
    return {"mean": count, "log_mean": count.log(), "logits": (count / dispersion).log()}[form]


@perfect_for("hurdle_poisson_nll_loss")
def _log_rate_of_the_mean_above_zero(
    card: LossCard, settings: Mapping[str, Any], target: Tensor, zero_logits: Tensor
) -> Tensor:
    return _mean_above_zero(target, lambda rate: -torch.expm1(-rate)).log()


@perfect_for("hurdle_negative_binomial_nll_loss")
def _mean_of_the_mean_above_zero(
    card: LossCard, settings: Mapping[str, Any], target: Tensor, dispersion: Tensor, zero_logits: Tensor
) -> Tensor:
    form = settings.get("form", "mean")
    alpha = 1 / dispersion if form == "logits" else dispersion
    mean = _mean_above_zero(target, lambda mean: -torch.expm1(-torch.log1p(alpha * mean) / alpha))
    return {"mean": mean, "log_mean": mean.log(), "logits": (alpha * mean).log()}[form]


def _mean_above_zero(target: Tensor, chance: Callable[[Tensor], Tensor]) -> Tensor:
    """The mean of all counts for which that of the ones above zero is the target, by bisection of its logarithm."""
    low, high = torch.full_like(target, -60.0), target.clamp_min(1.0).log()
    for _ in range(80):
        middle = (low + high) / 2
        large = middle.exp() / chance(middle.exp()) > target
        low, high = torch.where(large, low, middle), torch.where(large, middle, high)
    return low.exp()


@perfect_for("tweedie_loss")
def _mean(card: LossCard, settings: Mapping[str, Any], target: Tensor) -> Tensor:
    return target.log() if settings.get("from_log") else target.clone()


@perfect_for("multi_quantile_loss")
@perfect_for("crps_quantile_loss")
@perfect_for("crps_ensemble_loss")
def _everything_at_the_target(card: LossCard, settings: Mapping[str, Any], target: Tensor) -> Tensor:
    return target.unsqueeze(-1).repeat_interleave(CLASSES, -1)


@perfect_for("energy_score_loss")
def _all_members_at_the_target(card: LossCard, settings: Mapping[str, Any], target: Tensor) -> Tensor:
    return target.unsqueeze(-2).repeat_interleave(4, -2)


@perfect_for("cox_partial_likelihood_loss")
def _who_dies_first_has_the_largest_hazard(
    card: LossCard, settings: Mapping[str, Any], target: Tensor, event: Tensor
) -> Tensor:
    """Among those who die at one time no order is right; a hazard that they share is best."""
    return -1000.0 * target + 500.0 * event


# --- arguments at which a loss comes near the lower end of its range --------------------------------------------------

_ZERO = torch.zeros(1, 2, CLASSES, dtype=torch.float64)
_TINY = torch.full_like(_ZERO, 1e-6)


@ideal_for("gaussian_nll_loss")
@ideal_for("laplace_nll_loss")
@ideal_for("crps_gaussian_loss")
def _sharp_and_right() -> list[Tensor]:
    return [_ZERO, _ZERO, _TINY]


@ideal_for("interval_score_loss")
def _no_width() -> list[Tensor]:
    return [_ZERO, _ZERO, _ZERO]


@ideal_for("negative_binomial_nll_loss")
def _nothing_expected() -> list[Tensor]:
    return [_TINY, _ZERO, torch.ones_like(_ZERO)]


@ideal_for("zero_inflated_poisson_nll_loss")
@ideal_for("hurdle_poisson_nll_loss")
def _surely_zero() -> list[Tensor]:
    return [_ZERO, _ZERO, 100 + _ZERO]


@ideal_for("zero_inflated_negative_binomial_nll_loss")
@ideal_for("hurdle_negative_binomial_nll_loss")
def _surely_zero_again() -> list[Tensor]:
    return [1 + _ZERO, _ZERO, 1 + _ZERO, 100 + _ZERO]


@ideal_for("cox_partial_likelihood_loss")
def _all_in_order() -> list[Tensor]:
    times = torch.arange(5, dtype=torch.float64)
    return [-100 * times, times, torch.ones(5, dtype=torch.long)]


# --- proper scoring rules: the expected loss is smallest at the distribution of the outcomes --------------------------


def _smallest_at(name: str, outcomes: Tensor, chances: Tensor, first: Tensor, *others: Tensor, seed: int = 0) -> None:
    """The expected loss at the true parameters is below that at 200 others; each argument has shape `(1, *)`."""
    loss = lb.cards[name].function

    def expected(*parameters: Tensor) -> float:
        wide = [p.expand(len(outcomes), *p.shape[1:]) for p in parameters]
        return (
            loss(wide[0], outcomes, *wide[1:], reduction="none").reshape(len(outcomes), -1).mean(1) @ chances
        ).item()

    generator = torch.Generator().manual_seed(seed)
    truth = expected(first, *others)
    for _ in range(200):
        moved = [p + 0.5 * p.abs().clamp_min(0.3) * (2 * torch.rand(p.shape, generator=generator) - 1).double()
                 for p in (first, *others)]  # fmt: skip
        assert truth <= expected(*moved) + 1e-9


def _equally_likely(distribution: torch.distributions.Distribution) -> tuple[Tensor, Tensor]:
    """Outcomes of equal chance: the middles of 4,001 equal parts of the distribution."""
    outcomes = distribution.icdf((torch.arange(4001, dtype=torch.float64) + 0.5) / 4001)
    return outcomes, torch.full_like(outcomes, 1 / 4001)


def _one(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


_NORMAL = _equally_likely(torch.distributions.Normal(_one(0.7), _one(1.3)))
_COUNTS = torch.arange(200, dtype=torch.float64)


@proper_check("gaussian_nll_loss")
def _gaussian_is_proper() -> None:
    outcomes, chances = _NORMAL
    _smallest_at("gaussian_nll_loss", outcomes, chances, _one(0.7), _one(outcomes.var(correction=0).item()))


@proper_check("laplace_nll_loss")
def _laplace_is_proper() -> None:
    outcomes, chances = _equally_likely(torch.distributions.Laplace(_one(0.7), _one(1.3)))
    spread = (outcomes - 0.7).abs().mean().item()
    _smallest_at("laplace_nll_loss", outcomes, chances, _one(0.7), _one(spread))


@proper_check("student_t_nll_loss")
def _student_t_is_proper() -> None:
    """Outcomes on a fine grid, with the chances that the density gives them."""
    outcomes = torch.linspace(-200, 200, 40001, dtype=torch.float64)
    density = torch.distributions.StudentT(_one(4.0), _one(0.7), _one(1.3)).log_prob(outcomes).exp()
    _smallest_at("student_t_nll_loss", outcomes, density / density.sum(), _one(0.7), _one(1.3), _one(4.0))


@proper_check("log_normal_nll_loss")
def _log_normal_is_proper() -> None:
    outcomes, chances = _NORMAL
    scale = outcomes.std(correction=0).item()
    _smallest_at("log_normal_nll_loss", outcomes.exp(), chances, _one(0.7), _one(scale))


@proper_check("crps_gaussian_loss")
def _crps_is_proper() -> None:
    outcomes = torch.linspace(-12, 14, 20001, dtype=torch.float64)
    density = torch.distributions.Normal(_one(0.7), _one(1.3)).log_prob(outcomes).exp()
    _smallest_at("crps_gaussian_loss", outcomes, density / density.sum(), _one(0.7), _one(1.3))


@proper_check("mixture_nll_loss")
def _mixture_is_proper() -> None:
    logits, mean, scale = _one(0.3, -0.4).unsqueeze(0), _one(-1.0, 2.0).unsqueeze(0), _one(0.6, 1.2).unsqueeze(0)
    outcomes = torch.linspace(-14, 16, 20001, dtype=torch.float64)
    parts = logits.log_softmax(-1) + torch.distributions.Normal(mean, scale).log_prob(outcomes.unsqueeze(-1))
    density = parts.logsumexp(-1).exp()
    _smallest_at("mixture_nll_loss", outcomes, density / density.sum(), logits, mean, scale)


@proper_check("poisson_nll_loss")
def _poisson_is_proper() -> None:
    chances = torch.distributions.Poisson(_one(3.5)).log_prob(_COUNTS).exp()
    _smallest_at("poisson_nll_loss", _COUNTS, chances, _one(math.log(3.5)))


def _negative_binomial_chances(mean: float, alpha: float) -> Tensor:
    distribution = torch.distributions.NegativeBinomial(_one(1 / alpha), logits=_one(math.log(alpha * mean)))
    return distribution.log_prob(_COUNTS).exp()


@proper_check("negative_binomial_nll_loss")
def _negative_binomial_is_proper() -> None:
    _smallest_at("negative_binomial_nll_loss", _COUNTS, _negative_binomial_chances(3.5, 0.4), _one(3.5), _one(0.4))


def _with_more_zeros(chances: Tensor, logit: float) -> Tensor:
    share = torch.sigmoid(torch.tensor(logit, dtype=torch.float64))
    return (1 - share) * chances + share * (_COUNTS == 0)


@proper_check("zero_inflated_poisson_nll_loss")
def _zero_inflated_poisson_is_proper() -> None:
    chances = _with_more_zeros(torch.distributions.Poisson(_one(3.5)).log_prob(_COUNTS).exp(), -0.6)
    _smallest_at("zero_inflated_poisson_nll_loss", _COUNTS, chances, _one(math.log(3.5)), _one(-0.6))


@proper_check("zero_inflated_negative_binomial_nll_loss")
def _zero_inflated_negative_binomial_is_proper() -> None:
    chances = _with_more_zeros(_negative_binomial_chances(3.5, 0.4), -0.6)
    truth = _one(3.5), _one(0.4), _one(-0.6)
    _smallest_at("zero_inflated_negative_binomial_nll_loss", _COUNTS, chances, *truth)


def _with_other_zeros(chances: Tensor, logit: float) -> Tensor:
    share = torch.sigmoid(torch.tensor(logit, dtype=torch.float64))
    return torch.where(_COUNTS == 0, share, (1 - share) * chances / (1 - chances[0]))


@proper_check("hurdle_poisson_nll_loss")
def _hurdle_poisson_is_proper() -> None:
    chances = _with_other_zeros(torch.distributions.Poisson(_one(3.5)).log_prob(_COUNTS).exp(), -3.0)
    _smallest_at("hurdle_poisson_nll_loss", _COUNTS, chances, _one(math.log(3.5)), _one(-3.0))


@proper_check("hurdle_negative_binomial_nll_loss")
def _hurdle_negative_binomial_is_proper() -> None:
    chances = _with_other_zeros(_negative_binomial_chances(3.5, 0.4), -3.0)
    _smallest_at("hurdle_negative_binomial_nll_loss", _COUNTS, chances, _one(3.5), _one(0.4), _one(-3.0))


@proper_check("multi_quantile_loss")
def _quantiles_are_proper() -> None:
    outcomes, chances = _NORMAL
    truth = outcomes.quantile(_one(0.1, 0.5, 0.9), interpolation="nearest").unsqueeze(0)
    _smallest_at("multi_quantile_loss", outcomes, chances, truth)


@proper_check("crps_quantile_loss")
def _quantile_score_is_proper() -> None:
    outcomes, chances = _NORMAL
    truth = outcomes.quantile(_one(1 / 6, 0.5, 5 / 6), interpolation="nearest").unsqueeze(0)
    _smallest_at("crps_quantile_loss", outcomes, chances, truth)


@proper_check("interval_score_loss")
def _interval_is_proper() -> None:
    outcomes, chances = _NORMAL
    low, high = outcomes.quantile(_one(0.05, 0.95), interpolation="nearest")
    _smallest_at("interval_score_loss", outcomes, chances, low.reshape(1), high.reshape(1))


@proper_check("crps_ensemble_loss")
def _ensemble_is_proper() -> None:
    """Among ensembles of five, the outcomes themselves are best where all five are equally likely."""
    outcomes = _one(-2.0, -0.5, 0.1, 0.9, 4.0)
    _smallest_at("crps_ensemble_loss", outcomes, torch.full_like(outcomes, 0.2), outcomes.unsqueeze(0))


@proper_check("energy_score_loss")
def _energy_is_proper() -> None:
    generator = torch.Generator().manual_seed(1)
    outcomes = torch.randn(5, 2, generator=generator, dtype=torch.float64)
    _smallest_at("energy_score_loss", outcomes, torch.full((5,), 0.2, dtype=torch.float64), outcomes.unsqueeze(0))
