"""Who has the objectives against an adversary as well: the objective alone, with what an attack has found."""

from __future__ import annotations

import torch
from torch import Tensor

from ._entry import Entry, Input, noise


def attacked(N: int = 1024, D: int = 784, C: int = 100) -> dict[str, Tensor]:
    """Inputs `z`, perturbed inputs `v`, labels `y`, the matrix `m` of a linear classifier."""
    z = torch.sigmoid(noise(N, D, seed=0))
    v = (z + 0.03 * noise(N, D, seed=1).sign()).clamp(0, 1)
    y = torch.randint(C, (N,), generator=torch.Generator().manual_seed(2))
    return {"z": z, "v": v, "y": y, "m": 0.3 * noise(D, C, seed=3)}


INPUT = "1024x784, 100 classes"
INPUTS: dict[str, Input] = {INPUT: attacked}
SMALL: dict[str, Input] = {INPUT: lambda: attacked(6, 5, 4)}

_DIVERGENCE = "F.kl_div(b.log_softmax(1), a.softmax(1), reduction='none').sum(1)"
_RIVAL = "b.softmax(1).scatter(1, y[:, None], 0.0).amax(1)"
_OWN = "a.softmax(1).gather(1, y[:, None])[:, 0]"
_MART = (
    f"(lambda a, b: F.cross_entropy(b, y) - (1 - {_RIVAL}).log().mean() + "
    f"5 * ((1 - {_OWN}) * {_DIVERGENCE}).mean())(z @ m, v @ m)"
)

ENTRIES = (
    Entry("adversarial_training_loss", INPUT,
          "lb.adversarial_training_loss(lambda x: x @ m, z, y, perturbed=v, clean_weight=0.5)",
          ("(F.cross_entropy(z @ m, y) + F.cross_entropy(v @ m, y)) / 2",)),
    Entry("trades_loss", INPUT, "lb.trades_loss(lambda x: x @ m, z, y, perturbed=v)",
          (f"(lambda a, b: F.cross_entropy(a, y) + 6 * ({_DIVERGENCE}).mean())(z @ m, v @ m)",)),
    Entry("mart_loss", INPUT, "lb.mart_loss(lambda x: x @ m, z, y, perturbed=v)", (_MART,)),
    Entry("alp_loss", INPUT, "lb.alp_loss(lambda x: x @ m, z, y, perturbed=v)",
          ("(lambda a, b: (F.cross_entropy(a, y) + F.cross_entropy(b, y) + F.mse_loss(a, b)) / 2)(z @ m, v @ m)",)),
)  # fmt: skip
