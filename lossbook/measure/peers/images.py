"""Who has the losses between images as well."""

from __future__ import annotations

import torch
from torch import Tensor

from ._entry import Entry, Input, blobs, noise


def pictures(N: int = 4, C: int = 3, size: int = 256) -> dict[str, Tensor]:
    """Smooth pictures `y` in [0, 1], noisy copies `z`, and `w`, which is one in a square hole."""
    y = blobs(N, C, size, size, seed=0).sigmoid()
    hole = torch.zeros(N, 1, size, size)
    hole[..., size // 4 : size // 2, size // 4 : size // 2] = 1
    return {"z": (y + 0.1 * noise(N, C, size, size, seed=1)).clamp(0, 1), "y": y, "w": hole}


def feature_maps(N: int = 8, C: int = 128, size: int = 64) -> dict[str, Tensor]:
    """Two batches of feature maps."""
    return {"z": noise(N, C, size, size, seed=0).relu(), "y": noise(N, C, size, size, seed=1).relu()}


PICTURES, MAPS = "4x3x256x256", "8x128x64x64"
INPUTS: dict[str, Input] = {PICTURES: pictures, MAPS: feature_maps}
SMALL: dict[str, Input] = {
    PICTURES: lambda: pictures(1, 2, 176),
    MAPS: lambda: feature_maps(2, 4, 3),
}

ENTRIES = (
    Entry(
        "ssim_loss",
        PICTURES,
        "lb.ssim_loss(z, y)",
        ("1 - msssim.ssim(z, y, data_range=1.0)", "monai.SSIMLoss(2)(z, y)"),
    ),
    Entry(
        "ssim_loss",
        PICTURES,
        "lb.ssim_loss(z, y, padding='reflect')",
        (
            "2 * kornia.ssim_loss(z, y, 11)",
            "1 - tm.image.structural_similarity_index_measure(z, y, data_range=1.0)",
        ),
    ),
    Entry(
        "ms_ssim_loss",
        PICTURES,
        "lb.ms_ssim_loss(z, y)",
        ("1 - msssim.ms_ssim(z, y, data_range=1.0)",),
    ),
    Entry(
        "total_variation_loss",
        PICTURES,
        "lb.total_variation_loss(z, normalize='none')",
        ("kornia.total_variation(z).sum(1).mean()", "tm.image.total_variation(z, reduction='mean')"),
    ),
    Entry(
        "psnr_loss",
        PICTURES,
        "lb.psnr_loss(z, y)",
        ("10 * torch.log10((z - y).square().mean((1, 2, 3)) + 1e-10).mean()",),
    ),
    Entry("reconstruction_loss", PICTURES, "lb.reconstruction_loss(z, y)", ("F.l1_loss(z, y)",)),
    Entry("cycle_consistency_loss", PICTURES, "lb.cycle_consistency_loss(z, y)", ("F.l1_loss(z, y)",)),
    Entry("identity_loss", PICTURES, "lb.identity_loss(z, y)", ("F.l1_loss(z, y)",)),
    Entry(
        "hole_valid_loss",
        PICTURES,
        "lb.hole_valid_loss(z, y, w)",
        ("6 * F.l1_loss(w * z, w * y) + F.l1_loss((1 - w) * z, (1 - w) * y)",),
    ),
    Entry("perceptual_loss", MAPS, "lb.perceptual_loss(z, y)", ("F.mse_loss(z, y)",)),
    Entry("feature_matching_loss", MAPS, "lb.feature_matching_loss(z, y)", ("F.l1_loss(z, y)",)),
    Entry(
        "lpips_loss",
        MAPS,
        "lb.lpips_loss(z, y)",
        ("(F.normalize(z, dim=1) - F.normalize(y, dim=1)).square().sum(1).mean()",),
    ),
    Entry(
        "style_loss",
        MAPS,
        "lb.style_loss(z, y)",
        (
            (
                "((torch.einsum('nchw,ndhw->ncd', z, z) - torch.einsum('nchw,ndhw->ncd', y, y)) / z[0].numel())"
                ".square().sum((1, 2)).mean()"
            ),
        ),
    ),
)
