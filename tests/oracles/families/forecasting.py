"""Who else computes the losses of forecasts, and how: see `entries.py` for the form."""

from __future__ import annotations

import math

import numpy as np
from entries import IN_FLOAT32, Case, Difference, Reference

TITLE = "Forecasts"


def samples() -> dict[str, dict[str, np.ndarray]]:
    """`v` holds scales, `w` whatever else a loss takes, `m` the means of components."""
    rng = np.random.default_rng(16)

    def exact(array: np.ndarray) -> np.ndarray:
        return array.astype(np.float32).astype(np.float64)

    def normal(*shape: int) -> np.ndarray:
        return exact(2 * rng.standard_normal(shape))

    def positive(*shape: int) -> np.ndarray:
        return exact(rng.uniform(0.3, 3.0, shape))

    counts = rng.integers(0, 6, (3, 4)).astype(float)
    counts[0, :2] = 0
    return {
        "forecasts: location and scale": {"z": normal(3, 4), "y": normal(3, 4), "v": positive(3, 4)},
        "forecasts: heavy tails": {"z": normal(3, 4), "y": 9 * normal(3, 4), "v": positive(3, 4),
                                   "w": exact(rng.uniform(0.5, 80.0, (3, 4)))},
        "forecasts: amounts": {"z": positive(3, 4), "y": positive(3, 4), "v": positive(3, 4)},
        "forecasts: log amounts": {"z": normal(3, 4), "y": positive(3, 4), "v": positive(3, 4)},
        "forecasts: counts": {"z": positive(3, 4), "y": counts, "v": positive(3, 4), "w": normal(3, 4)},
        "forecasts: mixture": {"z": normal(5, 3), "y": normal(5), "m": normal(5, 3), "v": positive(5, 3)},
        "forecasts: three numbers": {"z": normal(6, 3), "y": normal(6)},
        "forecasts: interval": {"z": normal(6) - 1, "y": normal(6), "w": normal(6) + 2},
        "forecasts: vectors": {"z": normal(4, 5, 2), "y": normal(4, 2)},
        "forecasts: series": {"z": 0.5 * normal(2, 4, 2), "y": 0.5 * normal(2, 4, 2)},
        "forecasts: two lengths": {"z": 0.5 * normal(2, 3, 2), "y": 0.5 * normal(2, 5, 2)},
        "forecasts: survival": {"z": normal(8), "y": np.array([1.0, 2, 2, 2, 3, 4, 4, 5]),
                                "w": np.array([1, 1, 0, 1, 1, 1, 1, 0])},
    }  # fmt: skip


PLACE, TAILS = ("forecasts: location and scale",), ("forecasts: heavy tails",)
AMOUNTS, LOGS, COUNTS = ("forecasts: amounts",), ("forecasts: log amounts",), ("forecasts: counts",)
MIXTURE, THREE, INTERVAL = ("forecasts: mixture",), ("forecasts: three numbers",), ("forecasts: interval",)
VECTORS, SERIES, LENGTHS = ("forecasts: vectors",), ("forecasts: series",), ("forecasts: two lengths",)
SURVIVAL = ("forecasts: survival",)
TORCH = "-torch.distributions."
SR = "backend='torch').mean()"

CASES = [
    Case("torch", "gaussian_nll_loss", "F.gaussian_nll_loss(z, y, v)", "lb.gaussian_nll_loss(z, y, v)", PLACE),
    Case("torch", "gaussian_nll_loss", "F.gaussian_nll_loss(z, y, v, full=True, eps=1.0)",
         "lb.gaussian_nll_loss(z, y, v, full=True, eps=1.0)", PLACE, "raised to eps, not added"),
    Case("torch", "laplace_nll_loss", f"{TORCH}Laplace(z, v).log_prob(y).mean()",
         "lb.laplace_nll_loss(z, y, v)", PLACE),
    Case("torch", "student_t_nll_loss", f"{TORCH}StudentT(w, z, v).log_prob(y).mean()",
         "lb.student_t_nll_loss(z, y, v, w)", TAILS),
    Case("torch", "log_normal_nll_loss", f"{TORCH}LogNormal(z, v).log_prob(y).mean()",
         "lb.log_normal_nll_loss(z, y, v)", LOGS),
    Case("torch", "poisson_nll_loss", "F.poisson_nll_loss(z, y)", "lb.poisson_nll_loss(z, y)", COUNTS),
    Case("torch", "poisson_nll_loss", "F.poisson_nll_loss(z, y, log_input=False, full=True, eps=1e-4)",
         "lb.poisson_nll_loss(z, y, from_log=False, full=True, eps=1e-4)", COUNTS),
    Case("torch", "negative_binomial_nll_loss",
         f"{TORCH}NegativeBinomial(v, logits=w + 0 * z).log_prob(y).mean()",
         "lb.negative_binomial_nll_loss(w + 0 * z, y, v, form='logits')", COUNTS, "total count and logits"),
    Case("torch", "mixture_nll_loss",
         "-torch.distributions.MixtureSameFamily(torch.distributions.Categorical(logits=z), "
         "torch.distributions.Normal(m, v)).log_prob(y).mean()",
         "lb.mixture_nll_loss(z, y, m, v)", MIXTURE),
    Case("scoringrules", "gaussian_nll_loss", f"sr.logs_normal(y, z, v.sqrt(), {SR}",
         "lb.gaussian_nll_loss(z, y, v, full=True)", PLACE, tolerance=IN_FLOAT32),
    Case("scoringrules", "crps_gaussian_loss", f"sr.crps_normal(y, z, v, {SR}",
         "lb.crps_gaussian_loss(z, y, v)", PLACE, tolerance=IN_FLOAT32),
    Case("scoringrules", "crps_ensemble_loss", f"sr.crps_ensemble(y, z, estimator='nrg', {SR}",
         "lb.crps_ensemble_loss(z, y)", THREE),
    Case("scoringrules", "crps_ensemble_loss", f"sr.crps_ensemble(y, z, estimator='fair', {SR}",
         "lb.crps_ensemble_loss(z, y, estimator='fair')", THREE),
    Case("scoringrules", "crps_ensemble_loss", f"sr.crps_ensemble(y, z, estimator='pwm', {SR}",
         "lb.crps_ensemble_loss(z, y, estimator='pwm')", THREE),
    Case("scoringrules", "multi_quantile_loss",
         f"sr.quantile_score(y.unsqueeze(-1), z, torch.tensor([0.1, 0.5, 0.9], dtype=z.dtype), {SR}",
         "lb.multi_quantile_loss(z, y)", THREE),
    Case("scoringrules", "crps_quantile_loss",
         f"sr.crps_quantile(y, z, torch.tensor([1 / 6, 3 / 6, 5 / 6], dtype=z.dtype), {SR}",
         "lb.crps_quantile_loss(z, y)", THREE, "levels at the middles of equal parts"),
    Case("scoringrules", "mixture_nll_loss", f"sr.logs_mixnorm(y, m, v, z.softmax(-1), {SR}",
         "lb.mixture_nll_loss(z, y, m, v)", MIXTURE, tolerance=IN_FLOAT32),
    Case("scoringrules", "interval_score_loss", f"sr.interval_score(y, z, w, 0.2, {SR}",
         "lb.interval_score_loss(z, y, w, alpha=0.2)", INTERVAL),
    Case("scoringrules", "energy_score_loss", f"sr.es_ensemble(y, z, {SR}", "lb.energy_score_loss(z, y)", VECTORS),
    Case("scoringrules", "energy_score_loss", f"sr.es_ensemble(y, z, estimator='fair', {SR}",
         "lb.energy_score_loss(z, y, estimator='fair')", VECTORS),
    Case("torchmetrics", "tweedie_loss", "tm.tweedie_deviance_score(z, y, power=1.5)",
         "lb.tweedie_loss(z, y)", AMOUNTS),
    Case("sklearn", "tweedie_loss", "metrics.mean_tweedie_deviance(y.flatten(), z.flatten(), power=1.5)",
         "lb.tweedie_loss(z, y)", AMOUNTS),
    Case("sklearn", "tweedie_loss", "metrics.mean_poisson_deviance(y.flatten(), z.flatten())",
         "lb.tweedie_loss(z, y, power=1.0)", AMOUNTS),
    Case("sklearn", "tweedie_loss", "metrics.mean_gamma_deviance(y.flatten(), z.flatten())",
         "lb.tweedie_loss(z, y, power=2.0)", AMOUNTS),
    Case("sklearn", "tweedie_loss", "metrics.mean_tweedie_deviance(y.flatten(), z.flatten(), power=3)",
         "lb.tweedie_loss(z, y, power=3.0)", AMOUNTS),
    Case("sklearn", "tweedie_loss", "metrics.mean_tweedie_deviance(y.flatten(), z.flatten(), power=-1)",
         "lb.tweedie_loss(z, y, power=-1.0)", AMOUNTS),
]  # fmt: skip

REFERENCES = [
    Reference("gaussian_nll_loss", "ref.gaussian(z, y, v)", "lb.gaussian_nll_loss(z, y, v, full=True)", PLACE),
    Reference("laplace_nll_loss", "ref.laplace(z, y, v)", "lb.laplace_nll_loss(z, y, v)", PLACE),
    Reference("student_t_nll_loss", "ref.student_t(z, y, v, w)", "lb.student_t_nll_loss(z, y, v, w)", TAILS),
    Reference("log_normal_nll_loss", "ref.log_normal(z, y, v)", "lb.log_normal_nll_loss(z, y, v)", LOGS),
    Reference("mixture_nll_loss", "ref.mixture(z, y, m, v)", "lb.mixture_nll_loss(z, y, m, v)", MIXTURE),
    Reference("poisson_nll_loss", "ref.poisson(z, y)", "lb.poisson_nll_loss(z, y)", COUNTS),
    Reference("negative_binomial_nll_loss", "ref.negative_binomial(z, y, v)",
              "lb.negative_binomial_nll_loss(z, y, v)", COUNTS),
    Reference("zero_inflated_poisson_nll_loss", "ref.zero_inflated_poisson(z, y, w)",
              "lb.zero_inflated_poisson_nll_loss(z, y, w)", COUNTS),
    Reference("zero_inflated_negative_binomial_nll_loss", "ref.zero_inflated_negative_binomial(z, y, v, w)",
              "lb.zero_inflated_negative_binomial_nll_loss(z, y, v, w)", COUNTS),
    Reference("hurdle_poisson_nll_loss", "ref.hurdle_poisson(z, y, w)", "lb.hurdle_poisson_nll_loss(z, y, w)", COUNTS),
    Reference("hurdle_negative_binomial_nll_loss", "ref.hurdle_negative_binomial(z, y, v, w)",
              "lb.hurdle_negative_binomial_nll_loss(z, y, v, w)", COUNTS),
    Reference("tweedie_loss", "ref.tweedie(z, y, 1.5)", "lb.tweedie_loss(z, y)", AMOUNTS),
    Reference("tweedie_loss", "ref.tweedie(z, y, 1.01)", "lb.tweedie_loss(z, y, power=1.01)", AMOUNTS),
    Reference("multi_quantile_loss", "ref.quantiles(z, y, (0.1, 0.5, 0.9))", "lb.multi_quantile_loss(z, y)", THREE),
    Reference("crps_quantile_loss", "2 * ref.quantiles(z, y, (1 / 6, 3 / 6, 5 / 6))", "lb.crps_quantile_loss(z, y)",
              THREE),
    Reference("interval_score_loss", "ref.interval(z, y, w, 0.1)", "lb.interval_score_loss(z, y, w)", INTERVAL),
    Reference("crps_gaussian_loss", "ref.crps_gaussian(z, y, v)", "lb.crps_gaussian_loss(z, y, v)", PLACE),
    Reference("crps_ensemble_loss", "ref.crps_ensemble(z, y)", "lb.crps_ensemble_loss(z, y)", THREE),
    Reference("crps_ensemble_loss", "ref.crps_ensemble(z, y, True)", "lb.crps_ensemble_loss(z, y, estimator='fair')",
              THREE),
    Reference("energy_score_loss", "ref.energy(z, y)", "lb.energy_score_loss(z, y)", VECTORS),
    Reference("energy_score_loss", "ref.energy(z, y, 1.5, True)",
              "lb.energy_score_loss(z, y, beta=1.5, estimator='fair')", VECTORS),
    Reference("soft_dtw_loss", "ref.soft_dtw(z, y, 1.0)", "lb.soft_dtw_loss(z, y)", SERIES + LENGTHS),
    Reference("soft_dtw_loss", "ref.soft_dtw(z, y, 0.0)", "lb.soft_dtw_loss(z, y, gamma=0.0)", SERIES + LENGTHS),
    Reference("soft_dtw_loss", "ref.soft_dtw(z, y, 0.5, True)", "lb.soft_dtw_loss(z, y, gamma=0.5, divergence=True)",
              SERIES + LENGTHS),
    Reference("dilate_loss", "ref.dilate(z, y, 0.5, 0.01)", "lb.dilate_loss(z, y)", SERIES),
    Reference("dilate_loss", "ref.dilate(z, y, 0.2, 1.0)", "lb.dilate_loss(z, y, alpha=0.2, gamma=1.0)", SERIES),
    Reference("fredf_loss", "ref.fredf(z, y, 0.5)", "lb.fredf_loss(z, y)", SERIES),
    Reference("cox_partial_likelihood_loss", "ref.cox(z, y, w)", "lb.cox_partial_likelihood_loss(z, y, w)", SURVIVAL),
    Reference("cox_partial_likelihood_loss", "ref.cox(z, y, w, True)",
              "lb.cox_partial_likelihood_loss(z, y, w, ties='efron')", SURVIVAL),
]  # fmt: skip

DIFFERENCES = [
    Difference(
        "scoringrules",
        "negative_binomial_nll_loss",
        "A total count that is not whole",
        {"z": [2.0], "y": [1.0], "v": [0.4]},
        f"sr.logs_negbinom(y, 1 / v, mu=z, {SR}",
        "lb.negative_binomial_nll_loss(z, y, v)",
        -math.log(2 * (5 / 9) ** 2.5 * (4 / 9)),
        -math.log(2.5 * (5 / 9) ** 2.5 * (4 / 9)),
        "Its binomial coefficient is that of whole numbers: the total count of 2.5 is cut down to 2 there.",
    ),
]
