"""Who has the losses of forecasts as well."""

from __future__ import annotations

from torch import Tensor

from ._entry import Entry, noise


def numbers(N: int = 600, T: int = 1000) -> dict[str, Tensor]:
    """Forecasts `z`, targets `y`, scales `v`, upper bounds `u`, counts `n`, positive amounts `a` and `b`."""
    z, y = noise(N, T, seed=0), noise(N, T, seed=1)
    v = noise(N, T, seed=2).clamp(-1, 1).exp()
    return {"z": z, "y": y, "v": v, "u": z + v, "n": (3 * y.abs()).floor(), "a": z.exp(), "b": y.exp()}


def ensembles(N: int = 10_000, M: int = 32) -> dict[str, Tensor]:
    """Members `z` of ensembles, or scores of components with means `m` and scales `v`, for targets `y`."""
    z, m, y = noise(N, M, seed=0), noise(N, M, seed=1), noise(N, seed=2)
    return {"z": z, "y": y, "m": m, "v": noise(N, M, seed=3).clamp(-1, 1).exp()}


def vectors(N: int = 500, M: int = 16, D: int = 16) -> dict[str, Tensor]:
    """Members `z` of ensembles of vectors, and true vectors `y`."""
    return {"z": noise(N, M, D, seed=0), "y": noise(N, D, seed=1)}


WHERE, ENSEMBLES, VECTORS = "600x1000 forecasts", "10000x32 members", "500x16x16 members"
INPUTS = {WHERE: numbers, ENSEMBLES: ensembles, VECTORS: vectors}
SMALL = {WHERE: lambda: numbers(4, 5), ENSEMBLES: lambda: ensembles(4, 5), VECTORS: lambda: vectors(3, 4, 2)}

_PINBALL = (
    "(lambda d, q: torch.maximum(q * d, (q - 1) * d).mean())"
    "(y[:, None] - z, (torch.arange(z.shape[1]) + 0.5) / z.shape[1])"
)
ENTRIES = (
    Entry("gaussian_nll_loss", WHERE, "lb.gaussian_nll_loss(z, y, v)", ("F.gaussian_nll_loss(z, y, v)",)),
    Entry(
        "multi_quantile_loss", ENSEMBLES,
        "lb.multi_quantile_loss(z, y, quantiles=tuple((k + 0.5) / z.shape[1] for k in range(z.shape[1])))",
        (_PINBALL,),
    ),
    Entry("crps_quantile_loss", ENSEMBLES, "lb.crps_quantile_loss(z, y)", (f"2 * {_PINBALL}",)),
    Entry(
        "laplace_nll_loss", WHERE, "lb.laplace_nll_loss(z, y, v)",
        ("-torch.distributions.Laplace(z, v).log_prob(y).mean()",),
    ),
    Entry("poisson_nll_loss", WHERE, "lb.poisson_nll_loss(z, n)", ("F.poisson_nll_loss(z, n)",)),
    Entry(
        "negative_binomial_nll_loss", WHERE, "lb.negative_binomial_nll_loss(z, n, v, form='logits')",
        ("-torch.distributions.NegativeBinomial(v, logits=z).log_prob(n).mean()",),
    ),
    Entry(
        "student_t_nll_loss", WHERE, "lb.student_t_nll_loss(z, y, v, a)",
        ("-torch.distributions.StudentT(a, z, v).log_prob(y).mean()",),
    ),
    Entry(
        "log_normal_nll_loss", WHERE, "lb.log_normal_nll_loss(z, b, v)",
        ("-torch.distributions.LogNormal(z, v).log_prob(b).mean()",),
    ),
    Entry(
        "mixture_nll_loss", ENSEMBLES, "lb.mixture_nll_loss(z, y, m, v)",
        (
            (
                "-torch.distributions.MixtureSameFamily(torch.distributions.Categorical(logits=z), "
                "torch.distributions.Normal(m, v)).log_prob(y).mean()"
            ),
        ),
    ),
    Entry(
        "tweedie_loss", WHERE, "lb.tweedie_loss(z.exp(), b)",
        (
            "tm.tweedie_deviance_score(z.exp(), b, power=1.5)",
            "(lambda m: (2 * (-4 * b ** 0.5 + 2 * b * m ** -0.5 + 2 * m ** 0.5)).mean())(z.exp())",
        ),
    ),
    Entry(
        "crps_gaussian_loss", WHERE, "lb.crps_gaussian_loss(z, y, v)",
        (
            (
                "(lambda w, n: (v * (w * (2 * n.cdf(w) - 1) + 2 * n.log_prob(w).exp() - 0.5641895835477563)).mean())"
                "((y - z) / v, torch.distributions.Normal(0.0, 1.0))"
            ),
        ),
    ),
    Entry(
        "crps_ensemble_loss", ENSEMBLES, "lb.crps_ensemble_loss(z, y)",
        (
            (
                "(z - y[:, None]).abs().mean() - (z.sort(1).values * (2 * torch.arange(z.shape[1]) + 1 - z.shape[1]))"
                ".sum() / (z.numel() * z.shape[1])"
            ),
        ),
    ),
    Entry(
        "interval_score_loss", WHERE, "lb.interval_score_loss(z, y, u, alpha=0.2)",
        ("((u - z) + 10 * F.relu(z - y) + 10 * F.relu(y - u)).mean()",),
    ),
    Entry(
        "energy_score_loss", VECTORS, "lb.energy_score_loss(z, y)",
        ("(z - y[:, None]).norm(dim=2).mean() - (z[:, :, None] - z[:, None]).norm(dim=3).mean() / 2",),
    ),
)  # fmt: skip
