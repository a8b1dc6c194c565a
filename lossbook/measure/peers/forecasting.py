"""Who has the losses of forecasts as well."""

from __future__ import annotations

from torch import Tensor

from ._entry import Entry, noise


def numbers(N: int = 1000, T: int = 1000) -> dict[str, Tensor]:
    """Forecasts `z`, targets `y`, scales `v`, counts `n`, positive amounts `a` and `b`."""
    z, y = noise(N, T, seed=0), noise(N, T, seed=1)
    v = noise(N, T, seed=2).clamp(-1, 1).exp()
    return {"z": z, "y": y, "v": v, "n": (3 * y.abs()).floor(), "a": z.exp(), "b": y.exp()}


INPUTS = {"1000x1000": numbers}
SMALL = {"1000x1000": lambda: numbers(4, 5)}
WHERE = "1000x1000"

ENTRIES = (
    Entry("gaussian_nll_loss", WHERE, "lb.gaussian_nll_loss(z, y, v)", ("F.gaussian_nll_loss(z, y, v)",)),
    Entry(
        "laplace_nll_loss", WHERE, "lb.laplace_nll_loss(z, y, v)",
        ("-torch.distributions.Laplace(z, v).log_prob(y).mean()",),
    ),
    Entry("poisson_nll_loss", WHERE, "lb.poisson_nll_loss(z, n)", ("F.poisson_nll_loss(z, n)",)),
    Entry(
        "negative_binomial_nll_loss", WHERE, "lb.negative_binomial_nll_loss(z, n, v, form='logits')",
        ("-torch.distributions.NegativeBinomial(v, logits=z).log_prob(n).mean()",),
    ),
)  # fmt: skip
