"""Who else computes the losses of regression, and how: see `entries.py` for the form."""

from __future__ import annotations

import math

import numpy as np
from entries import IN_FLOAT32, Case, Difference, Reference

TITLE = "Regression"

ERRORS = ("numbers", "regression: outliers")
POSITIVE = ("regression: positive",)
SERIES = ("regression: series",)
VECTORS = ("regression: vectors",)


def _drawn(seed: int, *shape: int, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32).astype(np.float64)


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Errors of every size, positive numbers, series with a past (`h`), pairs with signs (`y`), quantiles."""
    sizes = np.array([[2.0**k, -(3.0**k)] for k in range(-6, 6)])  # from 1 / 64 to 243, none of them zero
    target = np.round(_drawn(20, 12, 2, scale=4.0))
    return {
        "regression: outliers": {
            "z": target + sizes.astype(np.float32),
            "x": target,
            "v": _drawn(21, 12, 2) ** 2 + 0.5,
        },
        "regression: positive": {"z": np.abs(_drawn(22, 5, 4, scale=3.0)) + 0.25, "x": np.abs(_drawn(23, 5, 4)) + 0.5},
        "regression: series": {"z": _drawn(24, 3, 4), "x": _drawn(25, 3, 4), "h": np.cumsum(_drawn(26, 3, 9), -1)},
        "regression: vectors": {
            "z": _drawn(27, 6, 5),
            "x": _drawn(28, 6, 5) + _drawn(27, 6, 5) * np.array([[1], [1], [1], [0], [-1], [0]]),
            "y": np.array([1, -1, 1, -1, -1, 1]),
        },
        "regression: levels": {"z": _drawn(29, 6, 3, scale=2.0), "x": _drawn(30, 6)},
    }


CASES = [
    Case("torch", "l1_loss", "F.l1_loss(z, x)", "lb.l1_loss(z, x)", ERRORS),
    Case("torch", "l1_loss", "F.l1_loss(z, x, reduction='none')", "lb.l1_loss(z, x, reduction='none')", ERRORS),
    Case("sklearn", "l1_loss", "metrics.mean_absolute_error(x, z)", "lb.l1_loss(z, x)", ERRORS),
    Case("torch", "mse_loss", "F.mse_loss(z, x)", "lb.mse_loss(z, x)", ERRORS),
    Case("torch", "mse_loss", "F.mse_loss(z, x, reduction='sum')", "lb.mse_loss(z, x, reduction='sum')", ERRORS),
    Case("torch", "mse_loss", "F.mse_loss(z, x, weight=v)", "lb.mse_loss(z, x, weight=v)", ("regression: outliers",),
         "its weighted mean divides by the sum of the weights, too"),
    Case("sklearn", "mse_loss", "metrics.mean_squared_error(x.flatten(), z.flatten(), sample_weight=v.flatten())",
         "lb.mse_loss(z, x, weight=v)", ("regression: outliers",)),
    Case("torchmetrics", "mse_loss", "tm.mean_squared_error(z, x)", "lb.mse_loss(z, x)", ERRORS),
    Case("optax", "euclidean_loss", "optax.losses.l2_loss(z, x)", "lb.euclidean_loss(z.flatten(), x.flatten(), "
         "reduction='none').reshape(z.shape)", ERRORS, "half the square of each entry"),
    Case("torch", "euclidean_loss", "F.mse_loss(z, x, reduction='sum') / 2 / len(z)", "lb.euclidean_loss(z, x)", ERRORS,
         "the convention of Caffe, composed"),
    Case("torchmetrics", "rmse_loss", "tm.mean_squared_error(z, x, squared=False)", "lb.rmse_loss(z, x)", ERRORS),
    Case("torchmetrics", "rmse_loss", "tm.mean_squared_error(z, x, squared=False, num_outputs=z.shape[1])",
         "lb.rmse_loss(z, x, dim=0, reduction='none')", ERRORS),
    Case("sklearn", "rmse_loss", "metrics.root_mean_squared_error(x, z)", "lb.rmse_loss(z, x, dim=0)", ERRORS,
         "the mean of one root for each column"),
    Case("torch", "smooth_l1_loss", "F.smooth_l1_loss(z, x, beta=0.3)", "lb.smooth_l1_loss(z, x, beta=0.3)", ERRORS),
    Case("torch", "smooth_l1_loss", "F.smooth_l1_loss(z, x, beta=0.0)", "lb.smooth_l1_loss(z, x, beta=0.0)", ERRORS),
    Case("torch", "huber_loss", "F.huber_loss(z, x, delta=2.5)", "lb.huber_loss(z, x, delta=2.5)", ERRORS),
    Case("optax", "huber_loss", "optax.losses.huber_loss(z, x, delta=2.5)",
         "lb.huber_loss(z, x, delta=2.5, reduction='none')", ERRORS),
    Case("scipy", "huber_loss", "scipy.special.huber(2.5, z - x).mean()", "lb.huber_loss(z, x, delta=2.5)", ERRORS),
    Case("torchmetrics", "log_cosh_loss", "tm.log_cosh_error(z, x)", "lb.log_cosh_loss(z, x, reduction='none').mean(0)",
         ("numbers",), "one number for each column"),
    Case("optax", "log_cosh_loss", "optax.losses.log_cosh(z, x)", "lb.log_cosh_loss(z, x, reduction='none')", ERRORS),
    Case("kornia", "charbonnier_loss", "kornia.charbonnier_loss(z, x, reduction='none')",
         "lb.charbonnier_loss(z, x, reduction='none')", ERRORS, "its scale is 1"),
    Case("kornia", "charbonnier_loss", "kornia.charbonnier_loss(z / 0.3, x / 0.3, reduction='mean') * 0.09",
         "lb.charbonnier_loss(z, x, scale=0.3)", ERRORS, "another scale"),
    Case("scipy", "charbonnier_loss", "scipy.special.pseudo_huber(2.5, z - x).mean()",
         "lb.charbonnier_loss(z, x, scale=2.5)", ERRORS),
    Case("kornia", "cauchy_loss", "kornia.cauchy_loss(z, x, reduction='none')",
         "lb.cauchy_loss(z, x, reduction='none')", ERRORS),
    Case("kornia", "welsch_loss", "kornia.welsch_loss(z, x, reduction='sum')", "lb.welsch_loss(z, x, reduction='sum')",
         ERRORS),
    Case("kornia", "geman_mcclure_loss", "kornia.geman_mcclure_loss(z, x, reduction='mean')",
         "lb.geman_mcclure_loss(z, x)", ERRORS),
    Case("kornia", "general_robust_loss", "kornia.charbonnier_loss(z / 3, x / 3, reduction='mean')",
         "lb.general_robust_loss(z, x, alpha=1.0, scale=3.0)", ERRORS),
    Case("kornia", "general_robust_loss", "kornia.geman_mcclure_loss(z, x, reduction='mean')",
         "lb.general_robust_loss(z, x, alpha=-2.0)", ERRORS),
    Case("sklearn", "quantile_loss", "metrics.mean_pinball_loss(x, z, alpha=0.2)",
         "lb.quantile_loss(z, x, quantile=0.2)", ERRORS),
    Case("scoringrules", "quantile_loss", "sr.quantile_score(x, z, 0.25, backend='torch')",
         "lb.quantile_loss(z, x, quantile=0.25, reduction='none')", ERRORS),
    Case("sklearn", "mape_loss", "metrics.mean_absolute_percentage_error(x, z)", "lb.mape_loss(z, x)", POSITIVE),
    Case("torchmetrics", "mape_loss", "tm.mean_absolute_percentage_error(z, x)", "lb.mape_loss(z, x, epsilon=1.17e-06)",
         ("numbers", *POSITIVE)),
    Case("torchmetrics", "smape_loss", "tm.symmetric_mean_absolute_percentage_error(z, x)", "lb.smape_loss(z, x)",
         ("numbers", *POSITIVE)),
    Case("torchmetrics", "msle_loss", "tm.mean_squared_log_error(z, x)", "lb.msle_loss(z, x)", POSITIVE),
    Case("sklearn", "msle_loss", "metrics.mean_squared_log_error(x, z)", "lb.msle_loss(z, x)", POSITIVE),
    Case("torchmetrics", "relative_l2_loss", "tm.normalized_root_mean_squared_error(z.flatten(), x.flatten(), "
         "normalization='l2')", "lb.relative_l2_loss(z.reshape(1, -1), x.reshape(1, -1)) / z.numel() ** 0.5", VECTORS,
         "the whole batch is one example; the root of the mean square over that of the sum"),
    Case("torch", "cosine_embedding_loss", "F.cosine_embedding_loss(z, x, y, margin=0.2)",
         "lb.cosine_embedding_loss(z, x, y, margin=0.2)", VECTORS),
    Case("torch", "cosine_embedding_loss", "F.cosine_embedding_loss(z, x, y, reduction='none')",
         "lb.cosine_embedding_loss(z, x, y, reduction='none')", VECTORS),
    Case("torch", "cosine_distance_loss", "1 - F.cosine_similarity(z, x, dim=1)",
         "lb.cosine_distance_loss(z, x, reduction='none')", VECTORS),
    Case("torchmetrics", "cosine_distance_loss", "tm.cosine_similarity(z, x, reduction='mean')",
         "1 - lb.cosine_distance_loss(z, x)", VECTORS, "computes in float32", IN_FLOAT32),
    Case("optax", "cosine_distance_loss", "optax.losses.cosine_distance(z, x)",
         "lb.cosine_distance_loss(z, x, reduction='none')", VECTORS),
]  # fmt: skip

REFERENCES = [
    Reference("l1_loss", "ref.l1(z, x)", "lb.l1_loss(z, x)", ERRORS),
    Reference("mse_loss", "ref.mse(z, x)", "lb.mse_loss(z, x)", ERRORS),
    Reference("mse_loss", "ref.weighted_mse(z, x, v)", "lb.mse_loss(z, x, weight=v)", ("regression: outliers",)),
    Reference("euclidean_loss", "ref.euclidean(z, x)", "lb.euclidean_loss(z, x)", ERRORS),
    Reference("rmse_loss", "ref.rmse(z, x)", "lb.rmse_loss(z, x)", ERRORS),
    Reference("smooth_l1_loss", "ref.smooth_l1(z, x, 0.3)", "lb.smooth_l1_loss(z, x, beta=0.3)", ERRORS),
    Reference("huber_loss", "ref.huber(z, x, 2.5)", "lb.huber_loss(z, x, delta=2.5)", ERRORS),
    Reference("log_cosh_loss", "ref.log_cosh(z, x)", "lb.log_cosh_loss(z, x)", ERRORS),
    Reference("charbonnier_loss", "ref.charbonnier(z, x, 2.5)", "lb.charbonnier_loss(z, x, scale=2.5)", ERRORS),
    Reference(
        "charbonnier_loss",
        "ref.charbonnier_root(z, x, 0.1)",
        "lb.charbonnier_loss(z, x, scale=0.1, form='root')",
        ERRORS,
    ),
    Reference("cauchy_loss", "ref.cauchy(z, x, 1.3)", "lb.cauchy_loss(z, x, scale=1.3)", ERRORS),
    Reference("welsch_loss", "ref.welsch(z, x, 1.3)", "lb.welsch_loss(z, x, scale=1.3)", ERRORS),
    Reference("geman_mcclure_loss", "ref.geman_mcclure(z, x, 1.3)", "lb.geman_mcclure_loss(z, x, scale=1.3)", ERRORS),
    Reference("tukey_loss", "ref.tukey(z, x, 4.685)", "lb.tukey_loss(z, x)", ERRORS),
    Reference(
        "general_robust_loss",
        "ref.general_robust(z, x, 1.5, 0.7)",
        "lb.general_robust_loss(z, x, alpha=1.5, scale=0.7)",
        ERRORS,
    ),
    Reference(
        "general_robust_loss",
        "ref.general_robust(z, x, -3.0, 2.0)",
        "lb.general_robust_loss(z, x, alpha=-3.0, scale=2.0)",
        ERRORS,
    ),
    Reference(
        "adaptive_robust_loss",
        "ref.adaptive_robust(z, x, 1.5, 0.7)",
        "lb.adaptive_robust_loss(z, x, torch.tensor(1.5).double(), torch.tensor(0.7, dtype=z.dtype))",
        ERRORS,
        1e-8,
    ),
    Reference(
        "adaptive_robust_loss",
        "ref.adaptive_robust(z, x, 0.5, 2.0)",
        "lb.adaptive_robust_loss(z, x, torch.tensor(0.5).double(), torch.tensor(2.0, dtype=z.dtype))",
        ERRORS,
        1e-8,
    ),
    Reference("quantile_loss", "ref.quantile(z, x, 0.2)", "lb.quantile_loss(z, x, quantile=0.2)", ERRORS),
    Reference(
        "quantile_loss",
        "ref.quantiles(z, x, (0.1, 0.5, 0.8))",
        "lb.quantile_loss(z, x, quantile=(0.1, 0.5, 0.8))",
        ("regression: levels",),
    ),
    Reference("expectile_loss", "ref.expectile(z, x, 0.2)", "lb.expectile_loss(z, x, expectile=0.2)", ERRORS),
    Reference(
        "quantile_huber_loss",
        "ref.quantile_huber(z, x, 0.2, 1.3)",
        "lb.quantile_huber_loss(z, x, quantile=0.2, kappa=1.3)",
        ERRORS,
    ),
    Reference("mape_loss", "ref.mape(z, x)", "lb.mape_loss(z, x)", ("numbers", *POSITIVE)),
    Reference("smape_loss", "ref.smape(z, x)", "lb.smape_loss(z, x)", ("numbers", *POSITIVE)),
    Reference("mase_loss", "ref.mase(z, x, h, 2)", "lb.mase_loss(z, x, lb.seasonal_naive_scale(h, season=2))", SERIES),
    Reference(
        "rmsse_loss", "ref.rmsse(z, x, h, 1)", "lb.rmsse_loss(z, x, lb.seasonal_naive_scale(h, squared=True))", SERIES
    ),
    Reference("msle_loss", "ref.msle(z, x)", "lb.msle_loss(z, x)", POSITIVE),
    Reference("relative_l2_loss", "ref.relative_l2(z, x)", "lb.relative_l2_loss(z, x)", VECTORS),
    Reference(
        "cosine_embedding_loss",
        "ref.cosine_embedding(z, x, y, -0.2)",
        "lb.cosine_embedding_loss(z, x, y, margin=-0.2)",
        VECTORS,
    ),
    Reference("cosine_distance_loss", "ref.cosine_distance(z, x)", "lb.cosine_distance_loss(z, x)", VECTORS),
    Reference(
        "scale_invariant_log_loss",
        "ref.scale_invariant_log(z, x, 0.85)",
        "lb.scale_invariant_log_loss(z, x, lam=0.85)",
        POSITIVE,
    ),
]

DIFFERENCES = [
    Difference(
        "torchmetrics",
        "log_cosh_loss",
        "A large error overflows",
        {"z": [800.0], "x": [0.0]},
        "tm.log_cosh_error(z, x)",
        "lb.log_cosh_loss(z, x)",
        math.inf,
        800 - math.log(2),
        "The hyperbolic cosine is formed before its logarithm: in float64 it ends at 710, in float32 at 89.",
    ),
    Difference(
        "torchmetrics",
        "log_cosh_loss",
        "A small error is lost",
        {"z": [1e-9], "x": [0.0]},
        "tm.log_cosh_error(z, x)",
        "lb.log_cosh_loss(z, x)",
        0.0,
        5e-19,
        "The hyperbolic cosine of a small number is rounded to 1. In float32 that happens below 3e-4.",
    ),
    Difference(
        "optax",
        "log_cosh_loss",
        "A small error is lost",
        {"z": [1e-9], "x": [0.0]},
        "optax.losses.log_cosh(z, x)",
        "lb.log_cosh_loss(z, x)",
        0.0,
        5e-19,
        "A logarithm of 2 is taken off again, and with it all digits.",
    ),
    Difference(
        "torchmetrics",
        "rmse_loss",
        "An exact fit",
        {"z": [1.0, 2.0], "x": [1.0, 2.0]},
        "tm.mean_squared_error(z, x, squared=False)",
        "lb.rmse_loss(z, x)",
        "nan",
        [0.0, 0.0],
        "The slope of a square root at zero is infinite, and infinity times zero is not a number.",
        gradient=True,
    ),
    Difference(
        "torchmetrics",
        "mape_loss",
        "A target of zero",
        {"z": [110.0, 3.0], "x": [100.0, 0.0]},
        "tm.mean_absolute_percentage_error(z, x)",
        "lb.mape_loss(z, x, skip_zeros=True)",
        (0.1 + 3 / 1.17e-6) / 2,
        0.1,
        "A relative error does not exist there. The floor of the divisor lets one zero decide the mean; ours may leave "
        "it out.",
    ),
    Difference(
        "optax",
        "cosine_distance_loss",
        "A zero vector",
        {"z": [[0.0, 0.0]], "x": [[3.0, 4.0]]},
        "optax.losses.cosine_distance(z, x)",
        "lb.cosine_distance_loss(z, x)",
        "nan",
        1.0,
        "Zero over zero. We count a zero vector as being at a right angle to every other.",
    ),
]
