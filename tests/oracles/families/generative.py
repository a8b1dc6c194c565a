"""Who else computes the losses of generative models, and how: see `entries.py` for the form."""

from __future__ import annotations

import numpy as np
from entries import Case, Difference, Reference

TITLE = "Generative models"


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32).astype(np.float64)


def samples() -> dict[str, dict[str, np.ndarray]]:
    """`z` scores, pictures or codes; `x` and `y` what stands beside them; `w`, `v` one number for each example."""
    rng = np.random.default_rng(41)
    scores = {"z": 2 * rng.standard_normal((4, 3)), "y": 2 * rng.standard_normal((4, 3))}
    pictures = {
        "z": rng.uniform(-1, 1, (3, 2, 4)),
        "x": rng.uniform(-1, 1, (3, 2, 4)),
        "y": 2 * rng.standard_normal((3, 5)),
    }
    levels = {
        "z": rng.uniform(-1, 1, (3, 4)),
        "x": 2 * rng.integers(5, size=(3, 4)) / 4 - 1,
        "y": rng.uniform(-1, 0.5, (3, 4)),
    }
    levels["x"][0, :2] = [-1.0, 1.0]
    code = {
        "z": rng.standard_normal((4, 3)),
        "s": 0.7 * rng.standard_normal((4, 3)),
        "x": rng.uniform(0, 1, (4, 3)),
        "p": rng.standard_normal((4, 3)),
    }
    noisy = {
        "z": rng.standard_normal((4, 5)),
        "x": rng.standard_normal((4, 5)),
        "y": rng.standard_normal((4, 5)),
        "w": np.array([0.0625, 0.3125, 0.625, 0.9375]),
        "v": np.array([0.25, 0.5, 0.75, 0.96875]),
        "t": np.array([0.5, 0.75, 1.0, 2.0]),
    }
    critic = {
        "z": 0.6 * rng.standard_normal((3, 4)),
        "x": rng.standard_normal((5, 3)),
        "y": rng.standard_normal((5, 3)),
        "w": rng.uniform(size=5),
    }
    score = {
        "z": 0.6 * rng.standard_normal((3, 3)),
        "x": rng.standard_normal((5, 3)),
        "v": rng.standard_normal((2, 5, 3)),
    }
    named = {"scores": scores, "pictures": pictures, "levels": levels, "code": code, "noisy": noisy,
             "critic": critic, "score": score}  # fmt: skip
    return {f"generative: {name}": {k: _single(a) for k, a in arrays.items()} for name, arrays in named.items()}


SCORES = ("generative: scores",)
PICTURES = ("generative: pictures",)
CODE = ("generative: code",)
NOISY = ("generative: noisy",)
CRITIC = ("generative: critic",)
BCE = "F.binary_cross_entropy_with_logits"
TANH = "lambda p: torch.tanh(p @ z).sum(1)"

CASES = [
    Case("torch", "minimax_discriminator_loss",
         f"{BCE}(z, torch.ones_like(z)) + {BCE}(y, torch.zeros_like(y))", "lb.minimax_discriminator_loss(z, y)",
         SCORES, note="the sum of both cross-entropies, not their mean"),
    Case("torch", "minimax_generator_loss", f"-{BCE}(z, torch.zeros_like(z))", "lb.minimax_generator_loss(z)", SCORES),
    Case("torch", "non_saturating_generator_loss", f"{BCE}(z, torch.ones_like(z))",
         "lb.non_saturating_generator_loss(z)", SCORES),
    Case("monai", "non_saturating_generator_loss", "monai.PatchAdversarialLoss(criterion='bce')(z, True, False)",
         "lb.non_saturating_generator_loss(z)", SCORES, note="a sigmoid is inside; logits go in"),
    Case("torch", "least_squares_discriminator_loss",
         "F.mse_loss(z, torch.ones_like(z)) + F.mse_loss(y, torch.zeros_like(y))",
         "2 * lb.least_squares_discriminator_loss(z, y)", SCORES, note="halves in the paper alone"),
    Case("torch", "least_squares_generator_loss", "F.mse_loss(z, torch.ones_like(z))",
         "2 * lb.least_squares_generator_loss(z)", SCORES),
    Case("monai", "least_squares_generator_loss",
         "monai.PatchAdversarialLoss(criterion='least_squares', no_activation_leastsq=True)(z, True, False)",
         "2 * lb.least_squares_generator_loss(z)", SCORES, note="without a half; by default a leaky ReLU comes first"),
    Case("torch", "conditional_adversarial_loss", f"{BCE}(y, torch.ones_like(y)) + 100 * F.l1_loss(z, x)",
         "lb.conditional_adversarial_loss(z, x, y)", PICTURES),
    Case("torch", "gaussian_kl_loss",
         "torch.distributions.kl_divergence(torch.distributions.Normal(z, (s / 2).exp()), "
         "torch.distributions.Normal(0.0, 1.0)).sum(1).mean()", "lb.gaussian_kl_loss(z, s)", CODE),
    Case("torch", "vae_loss",
         "(0.5 * F.mse_loss(z, x, reduction='sum') - 0.5 * (1 + s - p**2 - s.exp()).sum()) / len(z)",
         "lb.vae_loss(z, x, p, s)", CODE),
    Case("torch", "vae_loss", f"({BCE}(z, x, reduction='sum') - 0.5 * (1 + s - p**2 - s.exp()).sum()) / len(z)",
         "lb.vae_loss(z, x, p, s, likelihood='bernoulli')", CODE),
    Case("torch", "vq_commitment_loss", "F.mse_loss(p, z.detach()) + 0.25 * F.mse_loss(z, p.detach())",
         "lb.vq_commitment_loss(z, p)", CODE),
    Case("torch", "diffusion_loss", "F.mse_loss(z, x)", "lb.diffusion_loss(z, x, w)", NOISY),
    Case("torch", "flow_matching_loss", "F.mse_loss(z, x - y)", "lb.flow_matching_loss(z, x, y)", NOISY),
    Case("torch", "consistency_model_loss", "F.mse_loss(z, x)",
         "lb.consistency_model_loss(z, x, t, w, distance='l2', weighting='uniform')", NOISY,
         note="a mean over the entries, as in the authors' program"),
]  # fmt: skip

REFERENCES = [
    Reference("minimax_discriminator_loss", "ref.minimax_discriminator(z, y)", "lb.minimax_discriminator_loss(z, y)",
              SCORES),
    Reference("minimax_discriminator_loss", "ref.minimax_discriminator(z, y, 0.1)",
              "lb.minimax_discriminator_loss(z, y, label_smoothing=0.1)", SCORES),
    Reference("minimax_generator_loss", "ref.minimax_generator(z)", "lb.minimax_generator_loss(z)", SCORES),
    Reference("non_saturating_generator_loss", "ref.non_saturating_generator(z)",
              "lb.non_saturating_generator_loss(z)", SCORES),
    Reference("least_squares_discriminator_loss", "ref.least_squares_discriminator(z, y, 0.9, -1.0)",
              "lb.least_squares_discriminator_loss(z, y, real_label=0.9, fake_label=-1.0)", SCORES),
    Reference("least_squares_generator_loss", "ref.least_squares_generator(z)", "lb.least_squares_generator_loss(z)",
              SCORES),
    Reference("wasserstein_discriminator_loss", "ref.wasserstein_discriminator(z, y)",
              "lb.wasserstein_discriminator_loss(z, y)", SCORES),
    Reference("wasserstein_generator_loss", "ref.wasserstein_generator(z)", "lb.wasserstein_generator_loss(z)",
              SCORES),
    Reference("hinge_discriminator_loss", "ref.hinge_discriminator(z, y)", "lb.hinge_discriminator_loss(z, y)",
              SCORES),
    Reference("hinge_generator_loss", "ref.wasserstein_generator(z)", "lb.hinge_generator_loss(z)", SCORES),
    Reference("relativistic_discriminator_loss", "ref.relativistic(z, y)", "lb.relativistic_discriminator_loss(z, y)",
              SCORES),
    Reference("relativistic_generator_loss", "ref.relativistic(y, z)", "lb.relativistic_generator_loss(z, y)", SCORES),
    Reference("relativistic_average_discriminator_loss", "ref.relativistic_average(z, y)",
              "lb.relativistic_average_discriminator_loss(z, y)", SCORES),
    Reference("relativistic_average_generator_loss", "ref.relativistic_average(y, z)",
              "lb.relativistic_average_generator_loss(z, y)", SCORES),
    Reference("conditional_adversarial_loss", "ref.conditional_adversarial(z, x, y)",
              "lb.conditional_adversarial_loss(z, x, y)", PICTURES),
    Reference("mean_feature_matching_loss", "ref.mean_feature_matching(z, x)", "lb.mean_feature_matching_loss(z, x)",
              CODE),
    Reference("gradient_penalty", "ref.gradient_penalty(z, x, y, w)", f"lb.gradient_penalty({TANH}, x, y, mix=w)",
              CRITIC),
    Reference("gradient_penalty", "ref.gradient_penalty(z, x, y, w, True)",
              f"lb.gradient_penalty({TANH}, x, y, mix=w, one_sided=True)", CRITIC),
    Reference("r1_penalty", "ref.zero_centered_penalty(z, x, 10.0)", f"lb.r1_penalty({TANH}, x)", CRITIC),
    Reference("r2_penalty", "ref.zero_centered_penalty(z, y, 4.0)", f"lb.r2_penalty({TANH}, y, strength=4.0)", CRITIC),
    Reference("gaussian_kl_loss", "ref.gaussian_kl(z, s)", "lb.gaussian_kl_loss(z, s)", CODE),
    Reference("gaussian_kl_loss", "ref.gaussian_kl(x, z)", "lb.gaussian_kl_loss(x, z)", CODE),
    Reference("gaussian_kl_loss", "ref.gaussian_kl(z, s, 0.5, -0.25)",
              "lb.gaussian_kl_loss(z, s, prior_mean=torch.tensor(0.5), prior_log_variance=torch.tensor(-0.25))", CODE),
    Reference("vae_loss", "ref.vae(z, x, p, s, 4.0)", "lb.vae_loss(z, x, p, s, beta=4.0)", CODE),
    Reference("vae_loss", "ref.vae(z, x, p, s, 1.0, 'l1')", "lb.vae_loss(z, x, p, s, likelihood='l1')", CODE),
    Reference("vae_loss", "ref.vae(z, x, p, s, 1.0, 'bernoulli')", "lb.vae_loss(z, x, p, s, likelihood='bernoulli')",
              CODE),
    Reference("vq_commitment_loss", "ref.squared_error(z, p, 1.25)", "lb.vq_commitment_loss(z, p).detach()", CODE),
    Reference("vq_commitment_loss", "ref.squared_error(z, p)", "lb.vq_commitment_loss(p, z, commitment=0.0)", CODE),
    *(
        Reference("diffusion_loss", f"ref.diffusion(z, x, w, '{p}', '{weighting}', 2.0)",
                  f"lb.diffusion_loss(z, x, w, parameterization='{p}', weighting='{weighting}', gamma=2.0)", NOISY)
        for p in ("noise", "x0", "v") for weighting in ("snr", "truncated-snr", "min-snr")
    ),
    Reference("diffusion_loss", "ref.squared_error(z, x)", "lb.diffusion_loss(z, x, w)", NOISY),
    Reference("variational_diffusion_loss", "ref.posterior_divergence(z, x, w, v)",
              "lb.variational_diffusion_loss(z, x, w, v, parameterization='x0')", NOISY),
    Reference("discretized_gaussian_nll_loss", "ref.discretized_gaussian(z, x, y, 5)",
              "lb.discretized_gaussian_nll_loss(z, x, y, levels=5)", ("generative: levels",)),
    Reference("flow_matching_loss", "ref.flow_matching(z, x, y, 0.1)",
              "lb.flow_matching_loss(z, x, y, sigma_min=0.1)", NOISY),
    *(Reference("consistency_model_loss", f"ref.consistency_model(z, x, t, w, '{distance}', {c})",
                f"lb.consistency_model_loss(z, x, t, w, distance='{distance}', c={c})", NOISY)
      for distance, c in (("pseudo_huber", None), ("pseudo_huber", 1.5), ("l2", None), ("l1", None))),
    Reference("denoising_score_matching_loss", "ref.denoising_score_matching(z, x, y, t, 'variance')",
              "lb.denoising_score_matching_loss(z, x, y, t)", NOISY),
    Reference("denoising_score_matching_loss", "ref.denoising_score_matching(z, x, y, t, 'uniform')",
              "lb.denoising_score_matching_loss(z, x, y, t, weighting='uniform')", NOISY),
    Reference("sliced_score_matching_loss", "ref.sliced_score_matching(z, x, v)",
              "lb.sliced_score_matching_loss(lambda p: torch.tanh(p @ z), x, directions=v)", ("generative: score",)),
]  # fmt: skip

DIFFERENCES = [
    Difference(
        "monai", "hinge_discriminator_loss", "A real example at the margin",
        {"z": [1.0]},
        "monai.PatchAdversarialLoss(criterion='hinge')(z, True, True)",
        "lb.hinge_discriminator_loss(z, -z)",
        0.2384058440442351, 0.0,
        "MONAI passes the score through tanh before the hinge, so that the margin is never reached: 1 - tanh 1. At the "
        "margin the loss of Lim and Ye is 0.",
    ),
]  # fmt: skip
