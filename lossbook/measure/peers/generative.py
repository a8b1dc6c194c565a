"""Who has the losses of generative models as well: torch, whose functions they are written with there."""

from __future__ import annotations

import torch
from torch import Tensor

from ._entry import Entry, noise


def scores(N: int = 64, size: int = 256) -> dict[str, Tensor]:
    """Scores of patches, real and fake."""
    return {"z": noise(N, 1, size, size, seed=0), "y": noise(N, 1, size, size, seed=1)}


def pictures(N: int = 16, size: int = 256) -> dict[str, Tensor]:
    """Predicted and true pictures in [0, 1], scores of patches, and the noise level of each picture."""
    return {
        "z": noise(N, 3, size, size, seed=0).sigmoid(),
        "x": noise(N, 3, size, size, seed=1).sigmoid(),
        "y": noise(N, 1, size // 8, size // 8, seed=2),
        "e": noise(N, 3, size, size, seed=3),
        "w": torch.linspace(0.05, 0.95, N),
    }


def codes(N: int = 16384, D: int = 128) -> dict[str, Tensor]:
    """Means and log-variances of codes, and codes of a codebook."""
    return {"z": noise(N, D, seed=0), "s": 0.5 * noise(N, D, seed=1), "p": noise(N, D, seed=2)}


INPUTS = {"scores 64x256x256": scores, "pictures 16x3x256x256": pictures, "codes 16384x128": codes}
SMALL = {
    "scores 64x256x256": lambda: scores(2, 8),
    "pictures 16x3x256x256": lambda: pictures(2, 16),
    "codes 16384x128": lambda: codes(4, 3),
}
SCORES, PICTURES, CODES = INPUTS
NORMAL = "torch.distributions.Normal"
BCE = "F.binary_cross_entropy_with_logits"

ENTRIES = (
    Entry("minimax_discriminator_loss", SCORES, "lb.minimax_discriminator_loss(z, y)",
          (f"{BCE}(z, torch.ones_like(z)) + {BCE}(y, torch.zeros_like(y))",)),
    Entry("minimax_generator_loss", SCORES, "lb.minimax_generator_loss(z)", (f"-{BCE}(z, torch.zeros_like(z))",)),
    Entry("non_saturating_generator_loss", SCORES, "lb.non_saturating_generator_loss(z)",
          (f"{BCE}(z, torch.ones_like(z))", "monai.PatchAdversarialLoss(criterion='bce')(z, True, False)")),
    Entry("least_squares_discriminator_loss", SCORES, "lb.least_squares_discriminator_loss(z, y)",
          ("0.5 * (F.mse_loss(z, torch.ones_like(z)) + F.mse_loss(y, torch.zeros_like(y)))",)),
    Entry("least_squares_generator_loss", SCORES, "lb.least_squares_generator_loss(z)",
          ("0.5 * F.mse_loss(z, torch.ones_like(z))",)),
    Entry("conditional_adversarial_loss", PICTURES, "lb.conditional_adversarial_loss(z, x, y)",
          (f"{BCE}(y, torch.ones_like(y)) + 100 * F.l1_loss(z, x)",)),
    Entry("gaussian_kl_loss", CODES, "lb.gaussian_kl_loss(z, s)",
          (f"torch.distributions.kl_divergence({NORMAL}(z, (s / 2).exp()), {NORMAL}(0.0, 1.0)).sum(1).mean()",)),
    Entry("vae_loss", CODES, "lb.vae_loss(z, p, p, s)",
          ("(0.5 * F.mse_loss(z, p, reduction='sum') - 0.5 * (1 + s - p**2 - s.exp()).sum()) / len(z)",)),
    Entry("vq_commitment_loss", CODES, "lb.vq_commitment_loss(z, p)",
          ("F.mse_loss(p, z.detach()) + 0.25 * F.mse_loss(z, p.detach())",)),
    Entry("diffusion_loss", PICTURES, "lb.diffusion_loss(z, e, w)", ("F.mse_loss(z, e)",)),
    Entry("flow_matching_loss", PICTURES, "lb.flow_matching_loss(z, x, e)", ("F.mse_loss(z, x - e)",)),
    Entry("consistency_model_loss", PICTURES, "lb.consistency_model_loss(z, x, w, w / 2, c=0.25)",
          ("((((z - x).square().flatten(1).sum(1) + 0.25**2).sqrt() - 0.25) / (w - w / 2)).mean()",)),
)  # fmt: skip
