"""Who has the losses of classification as well."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._entry import MANY, ONE, PICTURES, SMALL_PICTURES, Entry, Input, noise


def rows(N: int = 4096, C: int = 1000) -> dict[str, Tensor]:
    """Logits `z` of single examples, labels `y`, a teacher's logits `v`, a target distribution `t`, many labels `m`."""
    z, v = 2 * noise(N, C, seed=10), 2 * noise(N, C, seed=11)
    return {
        "z": z,
        "y": (z + 3 * noise(N, C, seed=12)).argmax(1),
        "v": v,
        "t": v.softmax(1),
        "m": (noise(N, C, seed=13) > 1.5).float(),
    }


def log_probabilities(N: int = 131072, C: int = 100) -> dict[str, Tensor]:
    sample = rows(N, C)
    return {"z": sample["z"].log_softmax(1), "y": sample["y"]}


def attention(N: int = 8, heads: int = 6, tokens: int = 197) -> dict[str, Tensor]:
    """Attention scores `z`, one target token `k` for each image, its mask `y`."""
    k = torch.arange(N) % tokens
    return {"z": noise(N, heads, tokens, tokens, seed=14), "k": k, "y": F.one_hot(k, tokens)}


def frames(N: int = 16, C: int = 48, T: int = 4000) -> dict[str, Tensor]:
    """Logits `z` of frames and their labels `y`, which change now and then."""
    return {"z": 2 * noise(N, C, T, seed=15), "y": (torch.arange(T) // 50 % C).expand(N, T).contiguous()}


def transcripts(N: int = 16, C: int = 64, T: int = 200, S: int = 30) -> dict[str, Tensor]:
    """Logits `z`, transcripts `y`, numbers of frames `f` and labels `s`."""
    y = 1 + (7 * torch.arange(S) + torch.arange(N).unsqueeze(1)) % (C - 1)
    return {"z": noise(N, C, T, seed=16), "y": y, "f": torch.full((N,), T), "s": torch.full((N,), S)}


INPUTS: dict[str, Input] = {
    **PICTURES,
    "4096x1000": rows,
    "131072x100 log-probabilities": log_probabilities,
    "8x6x197x197": attention,
    "16x48x4000": frames,
    "16x64x200": transcripts,
}
SMALL: dict[str, Input] = {
    **SMALL_PICTURES,
    "4096x1000": lambda: rows(8, 20),
    "131072x100 log-probabilities": lambda: log_probabilities(8, 20),
    "8x6x197x197": lambda: attention(2, 2, 5),
    "16x48x4000": lambda: frames(2, 4, 60),
    "16x64x200": lambda: transcripts(2, 5, 12, 3),
}
ROWS, LOG_PROBABILITIES, ATTENTION, FRAMES, TRANSCRIPTS = (name for name in INPUTS if name not in PICTURES)

ENTRIES = (
    Entry("cross_entropy", MANY, "lb.cross_entropy(z, y)", ("F.cross_entropy(z, y)",)),
    Entry(
        "binary_cross_entropy_with_logits",
        ONE,
        "lb.binary_cross_entropy_with_logits(z, y)",
        ("F.binary_cross_entropy_with_logits(z, y)", "smp.SoftBCEWithLogitsLoss(ignore_index=None)(z, y)"),
    ),
    Entry("weighted_cross_entropy", MANY, "lb.weighted_cross_entropy(z, y, w[y])", ("F.cross_entropy(z, y, w)",)),
    Entry(
        "weighted_cross_entropy",
        ONE,
        "lb.weighted_cross_entropy(z, y, 1 + y, task='binary')",
        ("F.binary_cross_entropy_with_logits(z, y, 1 + y, reduction='sum') / (1 + y).sum()",),
    ),
    Entry(
        "balanced_cross_entropy",
        MANY,
        "lb.balanced_cross_entropy(z, y, task='multiclass')",
        ("F.cross_entropy(z, y, 1 - torch.bincount(y.flatten(), minlength=21) / y.numel())",),
    ),
    Entry(
        "balanced_cross_entropy",
        ONE,
        "lb.balanced_cross_entropy(z, y, per_image=False)",
        ("(lambda v: F.binary_cross_entropy_with_logits(z, y, v) / v.mean())(torch.lerp(y.mean(), 1 - y.mean(), y))",),
    ),
    Entry(
        "focal_loss",
        MANY,
        "lb.focal_loss(z, y)",
        (
            "(lambda ce: ((1 - torch.exp(-ce)) ** 2 * ce).mean())(F.cross_entropy(z, y, reduction='none'))",
            "kornia.focal_loss(z, y, alpha=None, gamma=2.0, reduction='mean') * 21",
            "monai.FocalLoss(gamma=2.0, use_softmax=True, to_onehot_y=True)(z, y[:, None]) * 21",
        ),
    ),
    Entry(
        "focal_loss",
        ONE,
        "lb.focal_loss(z, y, task='binary', alpha=0.3)",
        (
            "kornia.binary_focal_loss_with_logits(z, y, alpha=0.3, gamma=2.0, reduction='mean')",
            "monai.FocalLoss(gamma=2.0, alpha=0.3)(z, y)",
            "smp.FocalLoss('binary', alpha=0.3, gamma=2.0)(z, y)",
        ),
    ),
    Entry("nll_loss", LOG_PROBABILITIES, "lb.nll_loss(z, y)", ("F.nll_loss(z, y)",)),
    Entry(
        "poly1_loss",
        ROWS,
        "lb.poly1_loss(z, y, epsilon=2.0)",
        ("(lambda ce: (ce + 2 * (1 - torch.exp(-ce))).mean())(F.cross_entropy(z, y, reduction='none'))",),
    ),
    Entry(
        "asymmetric_loss",
        ROWS,
        "lb.asymmetric_loss(z, m)",
        ("timm.AsymmetricLossMultiLabel(gamma_neg=4, gamma_pos=1, clip=0.05, reduction='mean')(z, m)",),
    ),
    Entry(
        "kl_divergence_loss",
        ROWS,
        "lb.kl_divergence_loss(z, t)",
        (
            "F.kl_div(z.log_softmax(1), t, reduction='batchmean')",
            "kornia.kl_div_loss_2d(z.softmax(1)[None, :, None], t[None, :, None], reduction='mean')",
        ),
    ),
    Entry(
        "kl_divergence_loss",
        ROWS,
        "lb.kl_divergence_loss(z, t, direction='reverse')",
        ("tm.kl_divergence(z.softmax(1), t)",),
    ),
    Entry(
        "jensen_shannon_loss",
        ROWS,
        "lb.jensen_shannon_loss(z, t)",
        ("kornia.js_div_loss_2d(z.softmax(1)[None, :, None], t[None, :, None], reduction='mean')",),
    ),
    Entry(
        "distillation_loss",
        ROWS,
        "lb.distillation_loss(z, y, v, temperature=2.0, alpha=0.5)",
        (
            (
                "(lambda p, t: 2 * F.kl_div(p, t, reduction='batchmean', log_target=True) + F.cross_entropy(z, y) / 2)"
                "((z / 2).log_softmax(1), (v / 2).log_softmax(1))"
            ),
        ),
    ),
    Entry(
        "confidence_penalty_loss",
        ROWS,
        "lb.confidence_penalty_loss(z, y)",
        ("F.cross_entropy(z, y) - 0.1 * torch.distributions.Categorical(logits=z).entropy().mean()",),
    ),
    Entry("entropy_loss", ROWS, "lb.entropy_loss(z)", ("torch.distributions.Categorical(logits=z).entropy().mean()",)),
    Entry(
        "brier_loss",
        ROWS,
        "lb.brier_loss(z, y)",
        ("(z.softmax(1) - F.one_hot(y, z.shape[1])).square().sum(1).mean()",),
    ),
    Entry("temporal_cross_entropy", FRAMES, "lb.temporal_cross_entropy(z, y)", ("F.cross_entropy(z, y)",)),
    Entry(
        "temporal_cross_entropy",
        FRAMES,
        "lb.temporal_cross_entropy(z, y, smoothness=0.15)",
        (
            (
                "(lambda q, p: F.cross_entropy(z, y) + 0.15 * F.mse_loss(q, p, reduction='none').clamp(0, 16).mean(1)"
                ".sum() / y.numel())(z[:, :, 1:].log_softmax(1), z.detach()[:, :, :-1].log_softmax(1))"
            ),
        ),
    ),
    Entry(
        "attention_target_loss",
        ATTENTION,
        "lb.attention_target_loss(z, y)",
        ("F.nll_loss(z.softmax(-1).mean(1).flatten(0, 1).log(), k.repeat_interleave(z.shape[2]))",),
    ),
    Entry(
        "ctc_loss",
        TRANSCRIPTS,
        "lb.ctc_loss(z, y, f, s)",
        ("F.ctc_loss(z.log_softmax(1).permute(2, 0, 1), y, f, s)",),
    ),
)
