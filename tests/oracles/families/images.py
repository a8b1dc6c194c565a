"""Who else computes the losses between images, and how: see `entries.py` for the form."""

from __future__ import annotations

import numpy as np
from entries import EXACT, IN_FLOAT32, Case, Difference, Reference

TITLE = "Images"


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Pictures in [0, 1], a mask of holes `w`, and maps of features."""
    rng = np.random.default_rng(40)

    def exact(array: np.ndarray) -> np.ndarray:
        return array.astype(np.float32).astype(np.float64)

    def pair(*shape: int, noise: float) -> dict[str, np.ndarray]:
        y = rng.uniform(0.1, 0.9, shape)
        return {"z": exact(np.clip(y + noise * rng.standard_normal(shape), 0, 1)), "y": exact(y)}

    hole = np.zeros((2, 1, 5, 6), np.int64)
    hole[0, 0, 1:3, 2:4] = 1
    hole[1, 0, 4, :2] = 1
    return {
        "pictures": pair(2, 3, 13, 14, noise=0.2),
        "one picture": pair(1, 2, 12, 13, noise=0.3),
        "large picture": pair(1, 2, 36, 40, noise=0.1),
        "small pictures": pair(2, 2, 5, 6, noise=0.3),
        "holes": pair(2, 2, 5, 6, noise=0.3) | {"w": hole},
        "feature maps": {
            "z": exact(rng.standard_normal((2, 4, 3, 3))), "y": exact(rng.standard_normal((2, 4, 3, 3))),
            "w": np.array([0.5, 1.0, 2.0, 0.25]),
        },
        "even pictures": pair(3, 2, 4, 6, noise=0.3),
    }  # fmt: skip


SIMILAR = ("pictures", "one picture")
SMALL = ("small pictures",)
MAPS = ("feature maps",)
SCALES = "weights=(0.2, 0.5, 0.3), window_size=3"

CASES = [
    Case("kornia", "ssim_loss", "kornia.ssim_loss(z, y, 11)", "lb.ssim_loss(z, y, padding='reflect', form='half')",
         SIMILAR, "half of one minus SSIM, borders mirrored", EXACT),
    Case("kornia", "ssim_loss", "kornia.ssim_loss(z, y, 11, padding='valid')", "lb.ssim_loss(z, y, form='half')",
         SIMILAR, "half of one minus SSIM"),
    Case("msssim", "ssim_loss", "1 - msssim.ssim(z, y, data_range=1.0)", "lb.ssim_loss(z, y)", SIMILAR,
         "its default `data_range` is 255", IN_FLOAT32),
    Case("torchmetrics", "ssim_loss",
         "1 - tm.image.structural_similarity_index_measure(z, y, data_range=1.0)",
         "lb.ssim_loss(z, y, padding='reflect')", SIMILAR,
         "without `data_range` it takes the range of the data, and the value changes with them", IN_FLOAT32),
    Case("torchmetrics", "ssim_loss",
         "1 - tm.image.structural_similarity_index_measure(z, y, data_range=1.0, sigma=1.0, kernel_size=5)",
         "lb.ssim_loss(z, y, padding='reflect', window_size=9, window_sigma=1.0)", SIMILAR,
         "the side of its Gaussian window follows from sigma, `2 * int(3.5 * sigma + 0.5) + 1`; `kernel_size` is that "
         "of the uniform one", IN_FLOAT32),
    Case("torchmetrics", "ssim_loss",
         "1 - tm.image.structural_similarity_index_measure(z, y, data_range=2.0, gaussian_kernel=False, kernel_size=7)",
         "lb.ssim_loss(z, y, padding='reflect', window='uniform', window_size=7, data_range=2.0)", SIMILAR, "",
         IN_FLOAT32),
    Case("monai", "ssim_loss", "monai.SSIMLoss(2)(z, y)", "lb.ssim_loss(z, y)", SIMILAR, "", IN_FLOAT32, "float32"),
    Case("piq", "ssim_loss", "1 - piq_ssim.ssim(z, y, downsample=False)", "lb.ssim_loss(z, y)", SIMILAR,
         "by default it first shrinks pictures of 384 pixels or more", IN_FLOAT32),
    Case("msssim", "ms_ssim_loss",
         "1 - msssim.ms_ssim(z, y, data_range=1.0, win_size=3, weights=[0.2, 0.5, 0.3])",
         f"lb.ms_ssim_loss(z, y, {SCALES})", ("large picture",), "negative terms become 0", 2 * IN_FLOAT32),
    *(Case("torchmetrics", "ms_ssim_loss",
           "1 - tm.image.multiscale_structural_similarity_index_measure(z, y, data_range=1.0, betas=(0.4, 0.6), "
           f"normalize='{theirs}')",
           f"lb.ms_ssim_loss(z, y, weights=(0.4, 0.6), negatives='{ours}', per_channel=False, padding='reflect')",
           ("large picture",), "borders mirrored at the coarsest scale alone, channels averaged first", IN_FLOAT32)
      for theirs, ours in (("relu", "relu"), ("simple", "normalize"))),
    Case("piq", "ms_ssim_loss",
         "1 - piq_ms_ssim.multi_scale_ssim(z, y, 3, scale_weights=torch.tensor([0.2, 0.5, 0.3]))",
         f"lb.ms_ssim_loss(z, y, {SCALES})", ("large picture",), "it makes the weights sum to one", IN_FLOAT32),
    Case("kornia", "psnr_loss", "kornia.psnr_loss(z, y, 1.0)", "lb.psnr_loss(z, y, eps=1e-30)", ("one picture",),
         "the ratio of the whole batch; infinite for identical pictures"),
    Case("torchmetrics", "psnr_loss", "-tm.image.peak_signal_noise_ratio(z, y, data_range=1.0)",
         "lb.psnr_loss(z, y, eps=1e-30)", ("one picture",), "the ratio of the whole batch", IN_FLOAT32),
    Case("kornia", "total_variation_loss", "kornia.total_variation(z).sum(1)",
         "lb.total_variation_loss(z, normalize='none', reduction='none')", SMALL, "one number per channel"),
    Case("kornia", "total_variation_loss", "kornia.total_variation(z, reduction='mean').mean()",
         "lb.total_variation_loss(z, normalize='axes')", SMALL, "each axis is averaged by itself"),
    Case("torchmetrics", "total_variation_loss", "tm.image.total_variation(z, reduction='mean')",
         "lb.total_variation_loss(z, normalize='none')", SMALL, "its default sums over the batch, too"),
    Case("piq", "total_variation_loss", "piq_tv.total_variation(z, norm_type='l1')",
         "lb.total_variation_loss(z, normalize='none')", SMALL),
    Case("piq", "total_variation_loss", "piq_tv.total_variation(z, norm_type='l2_squared')",
         "lb.total_variation_loss(z, norm='squared', normalize='none')", SMALL),
    Case("torch", "reconstruction_loss", "F.l1_loss(z, y)", "lb.reconstruction_loss(z, y)", SMALL),
    Case("torch", "reconstruction_loss", "F.mse_loss(z, y)", "lb.reconstruction_loss(z, y, distance='l2')", SMALL),
    Case("torch", "cycle_consistency_loss", "F.l1_loss(z, y)", "lb.cycle_consistency_loss(z, y)", SMALL),
    Case("torch", "identity_loss", "F.l1_loss(z, y)", "lb.identity_loss(z, y)", SMALL),
    Case("torch", "perceptual_loss", "F.mse_loss(z, y)", "lb.perceptual_loss(z, y)", MAPS),
    Case("torch", "feature_matching_loss", "F.l1_loss(z, y)", "lb.feature_matching_loss(z, y)", MAPS),
    Case("torchmetrics", "lpips_loss",
         "(tm.image.lpips._normalize_tensor(z) - tm.image.lpips._normalize_tensor(y)).square().sum(1).mean()",
         "lb.lpips_loss(z, y)", MAPS, "the head alone; it adds 1e-8 to the squared length of a vector", 1e-7),
    Case("torch", "style_loss",
         "F.mse_loss(*(torch.einsum('nchw,ndhw->ncd', x, x) for x in (z, y)))",
         "lb.style_loss(z, y, normalize='none') / 16", MAPS, "PIQ's, too: a mean over the entries, not their sum"),
    Case("torch", "style_loss",
         "F.l1_loss(*(torch.einsum('nchw,ndhw->ncd', x, x) / x[0].numel() for x in (z, y)))",
         "lb.style_loss(z, y, distance='l1')", MAPS),
]  # fmt: skip

REFERENCES = [
    Reference("ssim_loss", "ref.ssim(z, y)", "lb.ssim_loss(z, y)", SIMILAR),
    Reference("ssim_loss", "ref.ssim(z, y, reflect=True)", "lb.ssim_loss(z, y, padding='reflect')", SIMILAR),
    Reference("ssim_loss", "ref.ssim(z, y, 'uniform', 7, unbiased=True)",
              "lb.ssim_loss(z, y, window='uniform', window_size=7, unbiased=True)", SIMILAR),
    Reference("ms_ssim_loss", "ref.ms_ssim(z, y, (0.2, 0.5, 0.3), 3)", f"lb.ms_ssim_loss(z, y, {SCALES})",
              ("large picture",)),
    Reference("psnr_loss", "ref.psnr(z, y)", "lb.psnr_loss(z, y)", SMALL),
    Reference("total_variation_loss", "ref.total_variation(z)", "lb.total_variation_loss(z)", SMALL),
    Reference("total_variation_loss", "ref.total_variation(z, 'isotropic')",
              "lb.total_variation_loss(z, norm='isotropic')", SMALL),
    Reference("total_variation_loss", "ref.total_variation(z, 'squared')",
              "lb.total_variation_loss(z, norm='squared')", SMALL),
    Reference("gradient_difference_loss", "ref.gradient_difference(z, y)", "lb.gradient_difference_loss(z, y)", SMALL),
    Reference("gradient_difference_loss", "ref.gradient_difference(z, y, 2.0)",
              "lb.gradient_difference_loss(z, y, alpha=2.0)", SMALL),
    *(Reference(name, f"ref.pixels(z, y, '{distance}')", f"lb.{name}(z, y, distance='{distance}')", SMALL)
      for name in ("reconstruction_loss", "cycle_consistency_loss", "identity_loss")
      for distance in ("l1", "l2", "charbonnier")),
    Reference("context_loss", "ref.context(z, y, w)", "lb.context_loss(z, y, w)", ("holes",)),
    Reference("context_loss", "ref.context(z, y, w, 3)", "lb.context_loss(z, y, w, window=3)", ("holes",)),
    Reference("context_loss", "ref.in_hole(z, y, w)", "lb.context_loss(z, y, w, region='hole', distance='l2')",
              ("holes",)),
    Reference("hole_valid_loss", "ref.hole_valid(z, y, w)", "lb.hole_valid_loss(z, y, w)", ("holes",)),
    Reference("focal_frequency_loss", "ref.squared_spectrum(z, y)", "lb.focal_frequency_loss(z, y, alpha=0.0)", SMALL),
    # The weights are held fixed, which differences of the reference cannot see: values alone.
    Reference("focal_frequency_loss", "ref.focal_spectrum(z, y)", "lb.focal_frequency_loss(z.detach(), y)", SMALL),
    *(Reference("focal_frequency_loss", f"ref.focal_spectrum(z, y, {alpha}, {parts}, {average}, {logarithm}, {batch})",
                f"lb.focal_frequency_loss(z.detach(), y, alpha={alpha}, patch_factor={parts}, ave_spectrum={average}, "
                f"log_matrix={logarithm}, batch_matrix={batch})", ("even pictures",))
      for alpha, parts in ((0.5, 1), (0.5, 2), (2.0, 1), (2.0, 2))
      for average in (False, True) for logarithm in (False, True) for batch in (False, True)),
    Reference("perceptual_loss", "ref.features(z, y)", "lb.perceptual_loss(z, y)", MAPS),
    Reference("feature_matching_loss", "ref.features(z, y, 'l1')", "lb.feature_matching_loss(z, y)", MAPS),
    Reference("feature_matching_loss", "ref.matched_means(z, y)", "lb.feature_matching_loss(z, y, form='mean')", MAPS),
    Reference("lpips_loss", "ref.lpips(z, y)", "lb.lpips_loss(z, y)", MAPS),
    Reference("lpips_loss", "ref.lpips(z, y, w)", "lb.lpips_loss(z, y, weight=w)", MAPS),
    *(Reference("style_loss", f"ref.style(z, y, '{name}')", f"lb.style_loss(z, y, normalize='{name}')", MAPS)
      for name in ("johnson", "gatys", "none")),
    Reference("style_loss", "ref.style_l1(z, y)", "lb.style_loss(z, y, distance='l1')", MAPS),
    Reference("contextual_loss", "ref.contextual(z, y)", "lb.contextual_loss(z, y)", MAPS),
    Reference("contextual_loss", "ref.contextual(z, y, 0.2, 0.01, False)",
              "lb.contextual_loss(z, y, h=0.2, eps=0.01, distance='l2')", MAPS),
]  # fmt: skip

DIFFERENCES = [
    Difference("piq", "total_variation_loss", "Isotropic total variation of a constant picture",
               {"z": [[[[0.5, 0.5], [0.5, 0.5]]]]}, "piq_tv.total_variation(z)",
               "lb.total_variation_loss(z, norm='isotropic', normalize='none')", "nan", [0.0, 0.0, 0.0, 0.0],
               "PIQ takes one root over the whole picture, not one at each pixel, and its slope at zero is infinite.",
               gradient=True),
    Difference("piq", "total_variation_loss", "Isotropic total variation of two equal steps",
               {"z": [[[[0.0, 1.0, 0.0]]]]}, "piq_tv.total_variation(z)",
               "lb.total_variation_loss(z, norm='isotropic', normalize='none')", 2**0.5, 2.0,
               "PIQ takes one root over the whole picture; Rudin, Osher and Fatemi add the lengths of the gradient: "
               "two steps of 1 make 2."),
    Difference("kornia", "psnr_loss", "PSNR of identical pictures", {"z": [[[[0.5]]]], "y": [[[[0.5]]]]},
               "kornia.psnr_loss(z, y, 1.0)", "lb.psnr_loss(z, y)", "nan", [0.0],
               "The logarithm of zero, and of its slope; ours is -100 dB there, with a zero gradient.", gradient=True),
]  # fmt: skip
