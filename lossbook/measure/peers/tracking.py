"""Who has the losses of what moves as well."""

from __future__ import annotations

import torch
from torch import Tensor

from ._entry import Entry, Input, noise


def score_maps(N: int = 256, size: int = 65) -> dict[str, Tensor]:
    """Score maps `z` and labels `y`: 1 in a disc around the middle."""
    offsets = torch.arange(size) - size // 2
    disc = (offsets[:, None].square() + offsets.square() <= (size // 8) ** 2).float()
    return {"z": 2 * noise(N, size, size, seed=0), "y": disc.expand(N, size, size).contiguous()}


def flows(N: int = 4, size: int = 256) -> dict[str, Tensor]:
    """True flow `y`, and iterates `z` of a prediction, of which `x` is the last."""
    y = 3 * noise(N, 2, size, size, seed=0)
    z = y.unsqueeze(1) + noise(N, 4, 2, size, size, seed=1)
    return {"z": z, "x": z[:, -1].contiguous(), "y": y}


def states(N: int = 100_000, D: int = 4) -> dict[str, Tensor]:
    """Predicted and measured states, and one covariance for all."""
    root = noise(D, D, seed=2)
    return {"z": noise(N, D, seed=0), "y": noise(N, D, seed=1), "w": root @ root.T + torch.eye(D)}


def identities(N: int = 2048, K: int = 1000, D: int = 8) -> dict[str, Tensor]:
    """Logits `z` of identities, their embeddings `x` and labels `y`."""
    return {"z": noise(N, K, seed=0), "x": noise(N, D, seed=1), "y": torch.arange(N) % K}


MAPS, FLOWS, STATES, IDENTITIES = "256x65x65", "4x4x2x256x256", "100000x4", "2048 of 1000 identities"
INPUTS: dict[str, Input] = {MAPS: score_maps, FLOWS: flows, STATES: states, IDENTITIES: identities}
SMALL: dict[str, Input] = {
    MAPS: lambda: score_maps(2, 9),
    FLOWS: lambda: flows(1, 6),
    STATES: lambda: states(5, 3),
    IDENTITIES: lambda: identities(6, 3, 2),
}

ENTRIES = (
    Entry(
        "cross_correlation_loss",
        MAPS,
        "lb.cross_correlation_loss(z, y, balance=False)",
        ("F.soft_margin_loss(z, 2 * y - 1)", "F.binary_cross_entropy_with_logits(z, y)"),
    ),
    Entry(
        "cross_correlation_loss",
        MAPS,
        "lb.cross_correlation_loss(z, y)",
        (
            (
                "(lambda w: F.binary_cross_entropy_with_logits(z, y, w, reduction='sum') / len(z))"
                "(torch.where(y > 0, 0.5 / y.sum((1, 2), keepdim=True), 0.5 / (1 - y).sum((1, 2), keepdim=True)))"
            ),
        ),
    ),
    Entry("dimp_loss", MAPS, "lb.dimp_loss(z, y)", ("torch.where(y > 0.05, z - y, z.relu()).square().mean()",)),
    Entry(
        "mahalanobis_loss",
        STATES,
        "lb.mahalanobis_loss(z, y, w)",
        ("((z - y) * torch.linalg.solve(w, (z - y).T).T).sum(1).mean()",),
    ),
    Entry(
        "reid_loss",
        IDENTITIES,
        "lb.reid_loss(z, x, y, triplet_weight=0.0)",
        ("F.cross_entropy(z, y, label_smoothing=0.1)",),
    ),
    Entry("temporal_consistency_loss", MAPS, "lb.temporal_consistency_loss(z)", ("z.diff(n=2, dim=1).abs().mean()",)),
    Entry(
        "sequence_loss",
        FLOWS,
        "lb.sequence_loss(z, y)",
        ("sum(0.8 ** (3 - k) * F.l1_loss(z[:, k], y) for k in range(4))",),
    ),
    Entry(
        "end_point_error_loss",
        FLOWS,
        "(lambda f: lb.end_point_error_loss(f, y))(z[:, -1])",
        ("(z[:, -1] - y).norm(dim=1).mean()",),
    ),
)
