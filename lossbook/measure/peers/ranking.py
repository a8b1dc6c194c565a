"""Who has the losses of an order as well."""

from __future__ import annotations

from torch import Tensor

from ._entry import Entry, Input, noise


def lists(N: int = 4096, L: int = 256) -> dict[str, Tensor]:
    """Scores `z` and `x`, grades `y`, and which of two scores is to be larger, `sign`."""
    z = noise(N, L, seed=0)
    y = (2 * (z + noise(N, L, seed=1)).sigmoid()).round().long() * 2
    return {"z": z, "x": noise(N, L, seed=2), "y": y, "sign": 2.0 * (z > 0) - 1}


LISTS = "4096x256 scores"
INPUTS: dict[str, Input] = {LISTS: lists}
SMALL: dict[str, Input] = {LISTS: lambda: lists(3, 5)}

ENTRIES = (
    Entry("margin_ranking_loss", LISTS, "lb.margin_ranking_loss(z, x, sign)", ("F.margin_ranking_loss(z, x, sign)",)),
    Entry("bpr_loss", LISTS, "lb.bpr_loss(z, x)", ("F.soft_margin_loss(z - x, torch.ones_like(z))",)),
    Entry("listnet_loss", LISTS, "lb.listnet_loss(z, y)", ("F.cross_entropy(z, y.float().softmax(1))",)),
)
