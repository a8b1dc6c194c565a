"""Who has the losses of regression as well."""

from __future__ import annotations

import torch
from torch import Tensor

from ._entry import ONE, PICTURES, SMALL_PICTURES, Entry, noise

POSITIVE, PAIRS, LEVELS, SERIES = "positive 2000x1000", "20000x256 pairs", "200000x9 quantiles", "20000x96 series"


def positive(N: int = 2000, D: int = 1000) -> dict[str, Tensor]:
    """Numbers above zero, as prices and counts are."""
    return {"z": noise(N, D, seed=0).exp(), "x": noise(N, D, seed=1).exp()}


def pairs(N: int = 20000, D: int = 256) -> dict[str, Tensor]:
    """Vectors, their partners, and whether they belong together."""
    return {"z": noise(N, D, seed=0), "x": noise(N, D, seed=1), "y": noise(N, seed=2).sign()}


def levels(N: int = 200_000) -> dict[str, Tensor]:
    """Nine quantiles for each value."""
    return {"z": noise(N, 9, seed=0), "x": noise(N, seed=1), "q": torch.linspace(0.1, 0.9, 9)}


def series(N: int = 20000, T: int = 96) -> dict[str, Tensor]:
    """Forecasts of series, with the scale of each."""
    return {"z": noise(N, T, seed=0), "x": noise(N, T, seed=1), "s": noise(N, 1, seed=2).abs() + 0.1}


INPUTS = PICTURES | {POSITIVE: positive, PAIRS: pairs, LEVELS: levels, SERIES: series}
SMALL = SMALL_PICTURES | {
    POSITIVE: lambda: positive(6, 5),
    PAIRS: lambda: pairs(6, 5),
    LEVELS: lambda: levels(6),
    SERIES: lambda: series(6, 5),
}

_ERROR = "(lambda r: {})(z - x)"


def _robust(loss: str, by_hand: str) -> Entry:
    """A loss of the error that Kornia has, too."""
    return Entry(loss, ONE, f"lb.{loss}(z, x)", (f"kornia.{loss}(z, x, reduction='mean')", _ERROR.format(by_hand)))


ENTRIES = (
    *(Entry("l1_loss", name, "lb.l1_loss(z, x)", ("F.l1_loss(z, x)",)) for name in PICTURES),
    Entry("mse_loss", ONE, "lb.mse_loss(z, x)", ("F.mse_loss(z, x)", "tm.mean_squared_error(z, x)")),
    Entry("euclidean_loss", ONE, "lb.euclidean_loss(z, x)", ("F.mse_loss(z, x, reduction='sum') / 2 / len(z)",)),
    Entry(
        "rmse_loss",
        ONE,
        "lb.rmse_loss(z, x)",
        ("F.mse_loss(z, x).sqrt()", "tm.mean_squared_error(z, x, squared=False)"),
    ),
    Entry("smooth_l1_loss", ONE, "lb.smooth_l1_loss(z, x)", ("F.smooth_l1_loss(z, x)",)),
    Entry("huber_loss", ONE, "lb.huber_loss(z, x, delta=2.0)", ("F.huber_loss(z, x, delta=2.0)",)),
    Entry(
        "log_cosh_loss",
        ONE,
        "lb.log_cosh_loss(z, x)",
        (
            "tm.log_cosh_error(z.flatten(), x.flatten())",
            _ERROR.format("(r + F.softplus(-2 * r) - 0.6931471805599453).mean()"),
        ),
    ),
    _robust("charbonnier_loss", "((1 + r * r).sqrt() - 1).mean()"),
    _robust("cauchy_loss", "torch.log1p(r * r / 2).mean()"),
    _robust("welsch_loss", "(1 - torch.exp(-r * r / 2)).mean()"),
    _robust("geman_mcclure_loss", "(lambda s: (2 * s / (s + 4)).mean())(r * r)"),
    Entry(
        "general_robust_loss",
        ONE,
        "lb.general_robust_loss(z, x, alpha=1.5)",
        (_ERROR.format("((2 * r * r + 1) ** 0.75 - 1).mean() / 3"),),
    ),
    Entry(
        "tukey_loss",
        ONE,
        "lb.tukey_loss(z, x)",
        (_ERROR.format("(4.685 ** 2 / 6 * (1 - (1 - (r / 4.685).square()).clamp_min(0) ** 3)).mean()"),),
    ),
    Entry(
        "quantile_loss",
        LEVELS,
        "lb.quantile_loss(z, x, quantile=tuple(k / 10 for k in range(1, 10)))",
        ("(lambda d: torch.maximum(q * d, (q - 1) * d).mean())(x[:, None] - z)",),
    ),
    Entry(
        "expectile_loss",
        LEVELS,
        "lb.expectile_loss(z, x, expectile=tuple(k / 10 for k in range(1, 10)))",
        ("(lambda d: (torch.where(d > 0, q, 1 - q) * d * d).mean())(x[:, None] - z)",),
    ),
    Entry(
        "mape_loss",
        POSITIVE,
        "lb.mape_loss(z, x)",
        ("((z - x).abs() / x.abs().clamp_min(1e-6)).mean()", "tm.mean_absolute_percentage_error(z, x)"),
    ),
    Entry(
        "smape_loss",
        POSITIVE,
        "lb.smape_loss(z, x)",
        ("(2 * (z - x).abs() / (z.abs() + x.abs())).mean()", "tm.symmetric_mean_absolute_percentage_error(z, x)"),
    ),
    Entry(
        "msle_loss",
        POSITIVE,
        "lb.msle_loss(z, x)",
        ("F.mse_loss(z.log1p(), x.log1p())", "tm.mean_squared_log_error(z, x)"),
    ),
    Entry("mase_loss", SERIES, "lb.mase_loss(z, x, s)", ("((z - x).abs() / s).mean()",)),
    Entry("rmsse_loss", SERIES, "lb.rmsse_loss(z, x, s)", ("((z - x).square() / s.square()).mean(1).sqrt().mean()",)),
    Entry(
        "relative_l2_loss",
        PAIRS,
        "lb.relative_l2_loss(z, x)",
        ("((z - x).norm(dim=1) / x.norm(dim=1)).mean()",),
    ),
    Entry(
        "cosine_embedding_loss",
        PAIRS,
        "lb.cosine_embedding_loss(z, x, y)",
        ("F.cosine_embedding_loss(z, x, y)",),
    ),
    Entry(
        "cosine_distance_loss",
        PAIRS,
        "lb.cosine_distance_loss(z, x)",
        ("1 - F.cosine_similarity(z, x, dim=1).mean()", "1 - tm.cosine_similarity(z, x, reduction='mean')"),
    ),
)
