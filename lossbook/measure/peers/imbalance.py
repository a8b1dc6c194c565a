"""Who has the losses of imbalanced classes as well."""

from __future__ import annotations

import torch
from torch import Tensor

from ._entry import Entry, Input, noise


def long_tail(N: int = 2048, C: int = 1000) -> dict[str, Tensor]:
    """Logits `z`, labels `y`, the counts `n` of classes from 1,280 down to 5, as in ImageNet-LT."""
    y = torch.randint(C, (N,), generator=torch.Generator().manual_seed(1))
    return {"z": noise(N, C, seed=0), "y": y, "n": torch.logspace(7.15, 1.61, C, base=2.718281828).round()}


LOGITS = "2048x1000"
INPUTS: dict[str, Input] = {LOGITS: long_tail}
SMALL: dict[str, Input] = {LOGITS: lambda: long_tail(8, 12)}

_WEIGHTS = "(lambda e: e / e.mean())(1 / (1 - 0.999 ** n))"

_LDAM = (
    "(lambda m: F.cross_entropy(30 * torch.where(F.one_hot(y, n.numel()).bool(), z - m[y][:, None], z), y))("
    "0.5 * (n.min() / n) ** 0.25)"
)
_SEESAW = (
    "(lambda s: F.cross_entropy(z + ((s / s.gather(1, y[:, None]).clamp(min=0.01)).clamp(min=1) ** 2 * "
    "(n[None] / n[y][:, None]).clamp(max=1) ** 0.8).log(), y))(z.detach().softmax(1))"
)
_RARE = "(n / n.sum() < 1e-3) & ~F.one_hot(y, n.numel()).bool()"

ENTRIES = (
    Entry("class_balanced_loss", LOGITS, "lb.class_balanced_loss(z, y, n)",
          (f"F.cross_entropy(z, y, {_WEIGHTS}, reduction='sum') / len(y)",)),
    Entry("ldam_loss", LOGITS, "lb.ldam_loss(z, y, n)", (_LDAM,)),
    Entry("logit_adjusted_loss", LOGITS, "lb.logit_adjusted_loss(z, y, n)", ("F.cross_entropy(z + n.log(), y)",)),
    Entry("vector_scaling_loss", LOGITS, "lb.vector_scaling_loss(z, y, n)",
          ("F.cross_entropy((n / n.max()) ** 0.15 * z + n.log(), y)",)),
    Entry("seesaw_loss", LOGITS, "lb.seesaw_loss(z, y, n)", (_SEESAW,)),
    Entry("equalization_loss", LOGITS, "lb.equalization_loss(z, y, n, threshold=1e-3)",
          (f"F.cross_entropy(z.masked_fill({_RARE}, -torch.inf), y)",)),
)  # fmt: skip
