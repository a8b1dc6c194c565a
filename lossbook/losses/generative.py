"""Losses of generative models: adversarial games, variational bounds, diffusion, flows and scores.

In an adversarial game a discriminator (or critic) gives real examples and generated ones a score, and two losses take
turns: `..._discriminator_loss(real_logits, fake_logits)` and `..._generator_loss(fake_logits)`. Scores are raw: no
activation is hidden in a loss, and a map of scores, one for each patch, is as good as one score for each image. The
generator's step needs the scores of the discriminator as it is; the discriminator's step needs fakes that are
detached from the generator.

Variational losses are sums over the dimensions of an example, in nats, and means over the batch, as the bound is
written. Losses of diffusion and flows are means over all entries, as their papers train with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._card import PROPERTIES, gradient_of, loss, no, not_applicable, up_to, yes
from ._module import as_module
from ._reduction import narrow, reduce, together, widen
from ._slope import forward_mode, with_slope
from ._validation import (
    check_choice,
    check_floating,
    check_fraction,
    check_layout,
    check_positive,
    check_probabilities,
    check_reduction,
    check_same_shape,
    check_spread,
    check_tensors,
    known,
)

__all__ = [
    "ConditionalAdversarialLoss",
    "ConsistencyModelLoss",
    "DenoisingScoreMatchingLoss",
    "DiffusionLoss",
    "DiscretizedGaussianNLLLoss",
    "FlowMatchingLoss",
    "GaussianKLLoss",
    "GradientPenalty",
    "HingeDiscriminatorLoss",
    "HingeGeneratorLoss",
    "LeastSquaresDiscriminatorLoss",
    "LeastSquaresGeneratorLoss",
    "MeanFeatureMatchingLoss",
    "MinimaxDiscriminatorLoss",
    "MinimaxGeneratorLoss",
    "NonSaturatingGeneratorLoss",
    "R1Penalty",
    "R2Penalty",
    "RelativisticAverageDiscriminatorLoss",
    "RelativisticAverageGeneratorLoss",
    "RelativisticDiscriminatorLoss",
    "RelativisticGeneratorLoss",
    "SlicedScoreMatchingLoss",
    "VAELoss",
    "VQCommitmentLoss",
    "VariationalDiffusionLoss",
    "WassersteinDiscriminatorLoss",
    "WassersteinGeneratorLoss",
    "add_noise",
    "conditional_adversarial_loss",
    "consistency_model_loss",
    "convert_diffusion",
    "denoising_score_matching_loss",
    "diffusion_loss",
    "discretized_gaussian_nll_loss",
    "flow_matching_loss",
    "flow_path",
    "gaussian_kl_loss",
    "gradient_penalty",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "mean_feature_matching_loss",
    "minimax_discriminator_loss",
    "minimax_generator_loss",
    "non_saturating_generator_loss",
    "r1_penalty",
    "r2_penalty",
    "relativistic_average_discriminator_loss",
    "relativistic_average_generator_loss",
    "relativistic_discriminator_loss",
    "relativistic_generator_loss",
    "sliced_score_matching_loss",
    "vae_loss",
    "variational_diffusion_loss",
    "vq_commitment_loss",
    "wasserstein_discriminator_loss",
    "wasserstein_generator_loss",
]

# --------------------------------------------------------------------------------------------------------------------
# Adversarial games

_PICTURES = ("image-to-image", "text-to-image", "audio-to-image", "inpainting", "dehazing")
_TWO_SCORES = {"real_logits": "logits", "fake_logits": "logits"}
_ROLES = not_applicable("real and fake are two roles, and scores have no truth of their own kind")
_NO_LABELS = not_applicable("real and fake come apart, not as labels of one distribution")
_WITHOUT_END = not_applicable("a linear loss falls without end")
_GAME = {
    "minimum_at_target": yes,
    "convex": yes,
    "lipschitz": up_to(1.0),
    "smooth": yes,
    "bounded": no("a mistake costs as much as its score", first=[[-200.0]], fake_logits=[[0.0]]),
    "symmetric": _ROLES,
    "proper": _NO_LABELS,
    "scale_invariant": _ROLES,
    "permutation_invariant": yes,
}
_GENERATOR = _GAME | {"bounded": no("a fake that is found out costs as much as its score", first=[[-200.0]])}


def _two_scores(real_logits: Tensor, fake_logits: Tensor, reduction: str) -> tuple[Tensor, ...]:
    """Both scores, checked, in the dtype of the computation."""
    check_tensors(real_logits=real_logits, fake_logits=fake_logits)
    check_floating("real_logits", real_logits)
    check_floating("fake_logits", fake_logits)
    check_same_shape("fake_logits", fake_logits, "real_logits", real_logits)
    check_reduction(reduction)
    return together(real_logits, fake_logits)


def _fake_scores(fake_logits: Tensor, reduction: str) -> Tensor:
    """The scores of fakes, checked, in the dtype of the computation."""
    check_tensors(fake_logits=fake_logits)
    check_floating("fake_logits", fake_logits)
    check_reduction(reduction)
    return widen(fake_logits)


@loss(
    tasks=_PICTURES,
    names=("adversarial", "minimax", "vanilla GAN", "GAN", "discriminator"),
    domain=_TWO_SCORES,
    range=(0.0, float("inf")),
    properties=_GAME,
    cases=({"label_smoothing": 0.1},),
    differentiable=("real_logits", "fake_logits"),
    chapter=9,
)
def minimax_discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, *, label_smoothing: float = 0.0, reduction: str = "mean"
) -> Tensor:
    r"""Minimax discriminator loss: the surprise, in nats, at which examples are real and which are fakes.

    .. math::

        \ell = -\log \sigma(D(x)) - \log\big(1 - \sigma(D(\tilde x))\big)

    It is the sum, not the mean, of the two binary cross-entropies; at scores of zero it is :math:`2 \log 2`. Where the
    discriminator is optimal it is :math:`2\log 2` minus twice the Jensen-Shannon divergence of data and fakes.

    Args:
        real_logits: raw scores of real examples, any shape (one for each image, or a map of patches).
        fake_logits: raw scores of generated examples, the same shape.
        label_smoothing: share of the real examples' label that is taken off, in [0, 1] (one-sided: fakes keep theirs).
        reduction: `"none"` gives the shape of the scores, each real one paired with the fake one in its place.

    Returns:
        The loss in nats: a scalar, or the shape of the scores for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: shapes that differ, a smoothing outside [0, 1], an unknown reduction.

    References:
        Goodfellow et al., Generative adversarial nets, 2014, https://arxiv.org/abs/1406.2661; one-sided smoothing:
        Salimans et al., Improved techniques for training GANs, 2016, https://arxiv.org/abs/1606.03498.

    Example:
        >>> minimax_discriminator_loss(torch.tensor([2.0]), torch.tensor([-1.0]))
        tensor(0.4402)
    """
    real, fake = _two_scores(real_logits, fake_logits, reduction)
    check_fraction("label_smoothing", label_smoothing)
    values = F.softplus(-real) + F.softplus(fake)
    if label_smoothing:
        values = values + label_smoothing * real
    return reduce(values, reduction, dtype=real_logits.dtype)


MinimaxDiscriminatorLoss = as_module("MinimaxDiscriminatorLoss", minimax_discriminator_loss)


@gradient_of(minimax_discriminator_loss)
def _minimax_discriminator_gradient(
    real_logits: Tensor, fake_logits: Tensor, *, label_smoothing: float = 0.0
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial D(x) = (\sigma(D(x)) - 1) / N`, and
    :math:`\partial\mathcal L / \partial D(\tilde x) = \sigma(D(\tilde x)) / N`."""
    return (real_logits.sigmoid() - 1 + label_smoothing) / fake_logits.numel()


@loss(
    tasks=_PICTURES,
    names=("adversarial", "minimax", "saturating", "generator"),
    domain={"fake_logits": "logits"},
    range=(-float("inf"), 0.0),
    properties=_GENERATOR
    | {
        "minimum_at_target": not_applicable("it falls without end as the score of the fake rises"),
        "convex": no("it is concave", first=[[-2.0]], other=[[2.0]]),
        "bounded": yes,
    },
    chapter=9,
)
def minimax_generator_loss(fake_logits: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Minimax generator loss: the log-probability with which a fake is found out.

    .. math::

        \ell = \log\big(1 - \sigma(D(\tilde x))\big)

    Its gradient vanishes just where the fake is found out, :math:`D(\tilde x) \ll 0`, which is why
    :func:`non_saturating_generator_loss` is used in its place.

    Args:
        fake_logits: raw scores of generated examples, any shape.
        reduction: `"none"` gives the shape of the scores.

    Returns:
        The loss in nats, at most 0: a scalar, or the shape of the scores for `reduction="none"`. 0 for an empty batch.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: an unknown reduction.

    References:
        Goodfellow et al., Generative adversarial nets, 2014, https://arxiv.org/abs/1406.2661.

    Example:
        >>> minimax_generator_loss(torch.tensor([0.0]))
        tensor(-0.6931)
    """
    return reduce(-F.softplus(_fake_scores(fake_logits, reduction)), reduction, dtype=fake_logits.dtype)


MinimaxGeneratorLoss = as_module("MinimaxGeneratorLoss", minimax_generator_loss)


@gradient_of(minimax_generator_loss)
def _minimax_generator_gradient(fake_logits: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial D(\tilde x) = -\sigma(D(\tilde x)) / N`: nothing where the fake is found
    out."""
    return -fake_logits.sigmoid() / fake_logits.numel()


@loss(
    tasks=_PICTURES,
    names=("adversarial", "non-saturating", "generator"),
    domain={"fake_logits": "logits"},
    range=(0.0, float("inf")),
    properties=_GENERATOR,
    chapter=9,
)
def non_saturating_generator_loss(fake_logits: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Non-saturating generator loss: the surprise, in nats, of a discriminator that takes a fake for real.

    .. math::

        \ell = -\log \sigma(D(\tilde x))

    It has the fixed points of :func:`minimax_generator_loss`, and its largest gradient where the fake is found out.

    Args:
        fake_logits: raw scores of generated examples, any shape.
        reduction: `"none"` gives the shape of the scores.

    Returns:
        The loss in nats: a scalar, or the shape of the scores for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: an unknown reduction.

    References:
        Goodfellow et al., Generative adversarial nets, 2014, https://arxiv.org/abs/1406.2661.

    Example:
        >>> non_saturating_generator_loss(torch.tensor([0.0]))
        tensor(0.6931)
    """
    return reduce(F.softplus(-_fake_scores(fake_logits, reduction)), reduction, dtype=fake_logits.dtype)


NonSaturatingGeneratorLoss = as_module("NonSaturatingGeneratorLoss", non_saturating_generator_loss)


@gradient_of(non_saturating_generator_loss)
def _non_saturating_generator_gradient(fake_logits: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial D(\tilde x) = (\sigma(D(\tilde x)) - 1) / N`."""
    return (fake_logits.sigmoid() - 1) / fake_logits.numel()


@loss(
    tasks=_PICTURES,
    names=("adversarial", "least squares", "LSGAN"),
    domain={"real_logits": "critic scores", "fake_logits": "critic scores"},
    range=(0.0, float("inf")),
    properties=_GAME
    | {"lipschitz": no("it is quadratic", first=[[2e4]], other=[[0.0]], fake_logits=[[0.0]])},
    cases=({"real_label": 0.9, "fake_label": -1.0},),
    differentiable=("real_logits", "fake_logits"),
    chapter=9,
)  # fmt: skip
def least_squares_discriminator_loss(
    real_logits: Tensor,
    fake_logits: Tensor,
    *,
    real_label: float = 1.0,
    fake_label: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Least-squares discriminator loss (LSGAN): half the squared distance of the scores to their labels.

    .. math::

        \ell = \tfrac12 (D(x) - b)^2 + \tfrac12 (D(\tilde x) - a)^2

    Libraries that use a mean squared error leave out the halves, and their loss is twice as large. With labels
    :math:`b - c = 1` and :math:`b - a = 2` (:math:`a = -1, b = 1, c = 0`) the game minimizes the Pearson
    :math:`\chi^2` divergence.

    Args:
        real_logits: scores of real examples, any shape; nothing is squashed.
        fake_logits: scores of generated examples, the same shape.
        real_label: label :math:`b` of real examples.
        fake_label: label :math:`a` of fakes.
        reduction: `"none"` gives the shape of the scores, each real one paired with the fake one in its place.

    Returns:
        The loss: a scalar, or the shape of the scores for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: shapes that differ, an unknown reduction.

    References:
        Mao et al., Least squares generative adversarial networks, 2017, https://arxiv.org/abs/1611.04076.

    Example:
        >>> least_squares_discriminator_loss(torch.tensor([0.5]), torch.tensor([1.0]))
        tensor(0.6250)
    """
    real, fake = _two_scores(real_logits, fake_logits, reduction)
    sum_or_none = "none" if reduction == "none" else "sum"
    values = sum(
        F.mse_loss(scores, scores.new_tensor(label).expand_as(scores), reduction=sum_or_none)
        for scores, label in ((real, real_label), (fake, fake_label))
    )
    if reduction == "mean":
        values = values / max(real.numel(), 1)
    return narrow(0.5 * values, real_logits.dtype)


LeastSquaresDiscriminatorLoss = as_module("LeastSquaresDiscriminatorLoss", least_squares_discriminator_loss)


@gradient_of(least_squares_discriminator_loss)
def _least_squares_discriminator_gradient(
    real_logits: Tensor,
    fake_logits: Tensor,
    *,
    real_label: float = 1.0,
    fake_label: float = 0.0,  # noqa: ARG001
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial D(x) = (D(x) - b) / N`, and
    :math:`\partial\mathcal L / \partial D(\tilde x) = (D(\tilde x) - a) / N`."""
    return (real_logits - real_label) / fake_logits.numel()


@loss(
    tasks=_PICTURES,
    names=("adversarial", "least squares", "LSGAN"),
    domain={"fake_logits": "critic scores"},
    range=(0.0, float("inf")),
    properties=_GENERATOR
    | {"lipschitz": no("it is quadratic", first=[[2e4]], other=[[0.0]])},
    cases=({"real_label": 0.0},),
    chapter=9,
)  # fmt: skip
def least_squares_generator_loss(fake_logits: Tensor, *, real_label: float = 1.0, reduction: str = "mean") -> Tensor:
    r"""Least-squares generator loss (LSGAN): half the squared distance of a fake's score to the real label.

    .. math::

        \ell = \tfrac12 (D(\tilde x) - c)^2

    Args:
        fake_logits: scores of generated examples, any shape; nothing is squashed.
        real_label: label :math:`c` that the generator wants its fakes to get.
        reduction: `"none"` gives the shape of the scores.

    Returns:
        The loss: a scalar, or the shape of the scores for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: an unknown reduction.

    References:
        Mao et al., Least squares generative adversarial networks, 2017, https://arxiv.org/abs/1611.04076.

    Example:
        >>> least_squares_generator_loss(torch.tensor([0.0]))
        tensor(0.5000)
    """
    fake = _fake_scores(fake_logits, reduction)
    values = F.mse_loss(fake, torch.full_like(fake, real_label), reduction="none")
    return narrow(0.5 * reduce(values, reduction), fake_logits.dtype)


LeastSquaresGeneratorLoss = as_module("LeastSquaresGeneratorLoss", least_squares_generator_loss)


@gradient_of(least_squares_generator_loss)
def _least_squares_generator_gradient(fake_logits: Tensor, *, real_label: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial D(\tilde x) = (D(\tilde x) - c) / N`."""
    return (fake_logits - real_label) / fake_logits.numel()


@loss(
    tasks=(*_PICTURES, "challenges and future"),
    names=("adversarial", "Wasserstein", "WGAN", "critic", "Wasserstein (with gradient penalty)"),
    domain=_TWO_SCORES,
    range=(-float("inf"), float("inf")),
    properties=_GAME | {"minimum_at_target": _WITHOUT_END},
    differentiable=("real_logits", "fake_logits"),
    chapter=9,
)
def wasserstein_discriminator_loss(real_logits: Tensor, fake_logits: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Wasserstein critic loss (WGAN): how much higher the critic scores fakes than real examples.

    .. math::

        \ell = D(\tilde x) - D(x)

    Over critics of Lipschitz constant 1, the smallest value is minus the Wasserstein-1 distance of data and fakes. The
    loss does not hold the critic to that: add :func:`gradient_penalty`.

    Args:
        real_logits: scores of real examples, any shape; nothing is squashed.
        fake_logits: scores of generated examples, the same shape.
        reduction: `"none"` gives the shape of the scores, each real one paired with the fake one in its place.

    Returns:
        The loss, of either sign: a scalar, or the shape of the scores for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: shapes that differ, an unknown reduction.

    References:
        Arjovsky, Chintala and Bottou, Wasserstein GAN, 2017, https://arxiv.org/abs/1701.07875; with a gradient penalty:
        Gulrajani et al., 2017, https://arxiv.org/abs/1704.00028.

    Example:
        >>> wasserstein_discriminator_loss(torch.tensor([2.0]), torch.tensor([-1.0]))
        tensor(-3.)
    """
    real, fake = _two_scores(real_logits, fake_logits, reduction)
    return reduce(fake - real, reduction, dtype=real_logits.dtype)


WassersteinDiscriminatorLoss = as_module("WassersteinDiscriminatorLoss", wasserstein_discriminator_loss)


@gradient_of(wasserstein_discriminator_loss)
def _wasserstein_discriminator_gradient(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial D(x) = -1 / N`, and
    :math:`\partial\mathcal L / \partial D(\tilde x) = 1 / N`."""
    return -torch.ones_like(real_logits) / fake_logits.numel()


@loss(
    tasks=(*_PICTURES, "challenges and future"),
    names=("adversarial", "Wasserstein", "WGAN"),
    domain={"fake_logits": "logits"},
    range=(-float("inf"), float("inf")),
    properties=_GENERATOR | {"minimum_at_target": _WITHOUT_END},
    chapter=9,
)
def wasserstein_generator_loss(fake_logits: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Wasserstein generator loss (WGAN): minus the critic's score of a fake.

    .. math::

        \ell = -D(\tilde x)

    Args:
        fake_logits: scores of generated examples, any shape.
        reduction: `"none"` gives the shape of the scores.

    Returns:
        The loss, of either sign: a scalar, or the shape of the scores for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: an unknown reduction.

    References:
        Arjovsky, Chintala and Bottou, Wasserstein GAN, 2017, https://arxiv.org/abs/1701.07875.

    Example:
        >>> wasserstein_generator_loss(torch.tensor([2.0, -1.0]))
        tensor(-0.5000)
    """
    return reduce(-_fake_scores(fake_logits, reduction), reduction, dtype=fake_logits.dtype)


WassersteinGeneratorLoss = as_module("WassersteinGeneratorLoss", wasserstein_generator_loss)


@gradient_of(wasserstein_generator_loss)
def _wasserstein_generator_gradient(fake_logits: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial D(\tilde x) = -1 / N`, whatever the score."""
    return -torch.ones_like(fake_logits) / fake_logits.numel()


@loss(
    tasks=_PICTURES,
    names=("adversarial", "hinge", "geometric GAN"),
    domain=_TWO_SCORES,
    range=(0.0, float("inf")),
    properties=_GAME
    | {"smooth": no("the slope jumps at the margin", first=[[1.0]], fake_logits=[[-5.0]])},
    cases=({"margin": 0.5},),
    differentiable=("real_logits", "fake_logits"),
    chapter=9,
)  # fmt: skip
def hinge_discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, *, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    r"""Hinge discriminator loss: by how much scores fall short of a margin on the right side of zero.

    .. math::

        \ell = \max(0, m - D(x)) + \max(0, m + D(\tilde x))

    The scores enter as they are. (Some libraries pass them through tanh first, and then the margin is never reached.)
    Beyond the margin the gradient is zero, and at it.

    Args:
        real_logits: scores of real examples, any shape.
        fake_logits: scores of generated examples, the same shape.
        margin: the margin :math:`m`, above 0.
        reduction: `"none"` gives the shape of the scores, each real one paired with the fake one in its place.

    Returns:
        The loss: a scalar, or the shape of the scores for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: shapes that differ, a margin that is not above 0, an unknown reduction.

    References:
        Lim and Ye, Geometric GAN, 2017, https://arxiv.org/abs/1705.02894; Miyato et al., Spectral normalization for
        generative adversarial networks, 2018, https://arxiv.org/abs/1802.05957.

    Example:
        >>> hinge_discriminator_loss(torch.tensor([0.5]), torch.tensor([-3.0]))
        tensor(0.5000)
    """
    real, fake = _two_scores(real_logits, fake_logits, reduction)
    check_positive("margin", margin)
    return reduce(F.relu(margin - real) + F.relu(margin + fake), reduction, dtype=real_logits.dtype)


HingeDiscriminatorLoss = as_module("HingeDiscriminatorLoss", hinge_discriminator_loss)


@gradient_of(hinge_discriminator_loss)
def _hinge_discriminator_gradient(real_logits: Tensor, fake_logits: Tensor, *, margin: float = 1.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial D(x) = -[D(x) < m] / N`, and
    :math:`\partial\mathcal L / \partial D(\tilde x) = [D(\tilde x) > -m] / N`."""
    return -(real_logits < margin).to(real_logits.dtype) / fake_logits.numel()


@loss(
    tasks=_PICTURES,
    names=("adversarial", "hinge", "geometric GAN"),
    domain={"fake_logits": "logits"},
    range=(-float("inf"), float("inf")),
    properties=_GENERATOR | {"minimum_at_target": _WITHOUT_END},
    chapter=9,
)
def hinge_generator_loss(fake_logits: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Hinge generator loss: minus the discriminator's score of a fake.

    .. math::

        \ell = -D(\tilde x)

    The generator has no margin: its loss is that of :func:`wasserstein_generator_loss`, against a discriminator that
    is trained by :func:`hinge_discriminator_loss`.

    Args:
        fake_logits: scores of generated examples, any shape.
        reduction: `"none"` gives the shape of the scores.

    Returns:
        The loss, of either sign: a scalar, or the shape of the scores for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: an unknown reduction.

    References:
        Lim and Ye, Geometric GAN, 2017, https://arxiv.org/abs/1705.02894.

    Example:
        >>> hinge_generator_loss(torch.tensor([2.0, -1.0]))
        tensor(-0.5000)
    """
    return wasserstein_generator_loss(fake_logits, reduction=reduction)


HingeGeneratorLoss = as_module("HingeGeneratorLoss", hinge_generator_loss)


@gradient_of(hinge_generator_loss)
def _hinge_generator_gradient(fake_logits: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial D(\tilde x) = -1 / N`, whatever the score."""
    return -torch.ones_like(fake_logits) / fake_logits.numel()


_REAL_FIRST = not_applicable("its first argument is what the fakes have to beat, not what it trains")


@loss(
    tasks=_PICTURES,
    names=("relativistic", "RSGAN", "relativistic paired"),
    domain=_TWO_SCORES,
    range=(0.0, float("inf")),
    properties=_GAME,
    differentiable=("real_logits", "fake_logits"),
    chapter=9,
)
def relativistic_discriminator_loss(real_logits: Tensor, fake_logits: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Relativistic discriminator loss (RSGAN): the surprise that a real example looks more real than a fake.

    .. math::

        \ell = -\log \sigma\big(D(x) - D(\tilde x)\big)

    Each real example is paired with the fake in its place; a number added to all scores changes nothing.

    Args:
        real_logits: raw scores of real examples, any shape.
        fake_logits: raw scores of generated examples, the same shape.
        reduction: `"none"` gives the shape of the scores.

    Returns:
        The loss in nats: a scalar, or the shape of the scores for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: shapes that differ, an unknown reduction.

    References:
        Jolicoeur-Martineau, The relativistic discriminator, 2019, https://arxiv.org/abs/1807.00734.

    Example:
        >>> relativistic_discriminator_loss(torch.tensor([1.0]), torch.tensor([1.0]))
        tensor(0.6931)
    """
    real, fake = _two_scores(real_logits, fake_logits, reduction)
    return reduce(F.softplus(fake - real), reduction, dtype=real_logits.dtype)


RelativisticDiscriminatorLoss = as_module("RelativisticDiscriminatorLoss", relativistic_discriminator_loss)


@gradient_of(relativistic_discriminator_loss)
def _relativistic_discriminator_gradient(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial D(x) = -\sigma(D(\tilde x) - D(x)) / N`, and its opposite for the fake."""
    return -(fake_logits - real_logits).sigmoid() / fake_logits.numel()


@loss(
    tasks=_PICTURES,
    names=("relativistic", "RSGAN", "relativistic paired"),
    domain=_TWO_SCORES,
    range=(0.0, float("inf")),
    properties=_GAME
    | {
        "minimum_at_target": _REAL_FIRST,
        "bounded": no("a fake that is found out costs the gap", first=[[200.0]], fake_logits=[[0.0]]),
    },
    differentiable=("real_logits", "fake_logits"),
    chapter=9,
)
def relativistic_generator_loss(real_logits: Tensor, fake_logits: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Relativistic generator loss (RSGAN): the surprise that a fake looks more real than a real example.

    .. math::

        \ell = -\log \sigma\big(D(\tilde x) - D(x)\big)

    The order of the arguments is the discriminator's, so that no call swaps them unseen.

    Args:
        real_logits: raw scores of real examples, any shape.
        fake_logits: raw scores of generated examples, the same shape.
        reduction: `"none"` gives the shape of the scores.

    Returns:
        The loss in nats: a scalar, or the shape of the scores for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: shapes that differ, an unknown reduction.

    References:
        Jolicoeur-Martineau, The relativistic discriminator, 2019, https://arxiv.org/abs/1807.00734.

    Example:
        >>> relativistic_generator_loss(torch.tensor([1.0]), torch.tensor([3.0]))
        tensor(0.1269)
    """
    real, fake = _two_scores(real_logits, fake_logits, reduction)
    return reduce(F.softplus(real - fake), reduction, dtype=real_logits.dtype)


RelativisticGeneratorLoss = as_module("RelativisticGeneratorLoss", relativistic_generator_loss)


@gradient_of(relativistic_generator_loss)
def _relativistic_generator_gradient(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial D(x) = \sigma(D(x) - D(\tilde x)) / N`, and its opposite,
    :math:`-\sigma(D(x) - D(\tilde x)) / N`, for the fake."""
    return (real_logits - fake_logits).sigmoid() / fake_logits.numel()


def _average(scores: Tensor) -> Tensor:
    """The mean of all scores; 0 where there are none."""
    return scores.sum() / max(scores.numel(), 1)


@loss(
    tasks=_PICTURES,
    names=("relativistic average", "RaGAN", "RaSGAN"),
    domain=_TWO_SCORES,
    range=(0.0, float("inf")),
    properties=_GAME | {"lipschitz": up_to(2.0)},
    differentiable=("real_logits", "fake_logits"),
    couples="each score is measured against the mean score of the other side",
    chapter=9,
)
def relativistic_average_discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, *, reduction: str = "mean"
) -> Tensor:
    r"""Relativistic average discriminator loss (RaGAN): how surely real examples beat the average fake.

    .. math::

        \ell_i = -\log \sigma\Big(D(x_i) - \tfrac1N \textstyle\sum_j D(\tilde x_j)\Big)
                 - \log\Big(1 - \sigma\big(D(\tilde x_i) - \tfrac1N \sum_j D(x_j)\big)\Big)

    ESRGAN uses half of it. The averages are over all scores of the batch, and gradients flow through them.

    Args:
        real_logits: raw scores of real examples, any shape.
        fake_logits: raw scores of generated examples, the same shape.
        reduction: `"none"` gives the shape of the scores, each real one paired with the fake one in its place.

    Returns:
        The loss in nats: a scalar, or the shape of the scores for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: shapes that differ, an unknown reduction.

    References:
        Jolicoeur-Martineau, The relativistic discriminator, 2019, https://arxiv.org/abs/1807.00734.

    Example:
        >>> relativistic_average_discriminator_loss(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 0.0]))
        tensor(0.7233)
    """
    real, fake = _two_scores(real_logits, fake_logits, reduction)
    values = F.softplus(_average(fake) - real) + F.softplus(fake - _average(real))
    return reduce(values, reduction, dtype=real_logits.dtype)


RelativisticAverageDiscriminatorLoss = as_module(
    "RelativisticAverageDiscriminatorLoss", relativistic_average_discriminator_loss
)


@gradient_of(relativistic_average_discriminator_loss)
def _relativistic_average_discriminator_gradient(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    r"""With the means :math:`\bar D` and :math:`\tilde D` of real and fake scores, :math:`\partial\mathcal L / \partial
    D(x_i) = -\frac1N \sigma(\tilde D - D(x_i)) - \frac1{N^2} \sum_j \sigma(D(\tilde x_j) - \bar D)`."""
    own = (fake_logits.mean() - real_logits).sigmoid()
    through_the_mean = (fake_logits - real_logits.mean()).sigmoid().mean()
    return -(own + through_the_mean) / real_logits.numel()


@loss(
    tasks=_PICTURES,
    names=("relativistic average", "RaGAN", "RaSGAN"),
    domain=_TWO_SCORES,
    range=(0.0, float("inf")),
    properties=_GAME
    | {
        "minimum_at_target": _REAL_FIRST,
        "lipschitz": up_to(2.0),
        "bounded": no("fakes that are found out cost the gap", first=[[200.0]], fake_logits=[[0.0]]),
    },
    differentiable=("real_logits", "fake_logits"),
    couples="each score is measured against the mean score of the other side",
    chapter=9,
)
def relativistic_average_generator_loss(real_logits: Tensor, fake_logits: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Relativistic average generator loss (RaGAN): how surely fakes beat the average real example.

    .. math::

        \ell_i = -\log \sigma\Big(D(\tilde x_i) - \tfrac1N \textstyle\sum_j D(x_j)\Big)
                 - \log\Big(1 - \sigma\big(D(x_i) - \tfrac1N \sum_j D(\tilde x_j)\big)\Big)

    It is :func:`relativistic_average_discriminator_loss` with the roles exchanged; the order of the arguments stays.

    Args:
        real_logits: raw scores of real examples, any shape.
        fake_logits: raw scores of generated examples, the same shape.
        reduction: `"none"` gives the shape of the scores, each real one paired with the fake one in its place.

    Returns:
        The loss in nats: a scalar, or the shape of the scores for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: scores that are not floating-point tensors.
        ValueError: shapes that differ, an unknown reduction.

    References:
        Jolicoeur-Martineau, The relativistic discriminator, 2019, https://arxiv.org/abs/1807.00734.

    Example:
        >>> relativistic_average_generator_loss(torch.tensor([0.0, 0.0]), torch.tensor([2.0, 0.0]))
        tensor(0.7233)
    """
    real, fake = _two_scores(real_logits, fake_logits, reduction)
    values = F.softplus(_average(real) - fake) + F.softplus(real - _average(fake))
    return reduce(values, reduction, dtype=real_logits.dtype)


RelativisticAverageGeneratorLoss = as_module("RelativisticAverageGeneratorLoss", relativistic_average_generator_loss)


@gradient_of(relativistic_average_generator_loss)
def _relativistic_average_generator_gradient(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    r"""With the means :math:`\bar D` and :math:`\tilde D` of real and fake scores, :math:`\partial\mathcal L / \partial
    D(x_i) = \frac1N \sigma(D(x_i) - \tilde D) + \frac1{N^2} \sum_j \sigma(\bar D - D(\tilde x_j))`."""
    own = (real_logits - fake_logits.mean()).sigmoid()
    through_the_mean = (real_logits.mean() - fake_logits).sigmoid().mean()
    return (own + through_the_mean) / real_logits.numel()


_GENERATOR_GAMES = {
    "non_saturating": non_saturating_generator_loss,
    "minimax": minimax_generator_loss,
    "least_squares": least_squares_generator_loss,
    "hinge": hinge_generator_loss,
}


def _example_means(values: Tensor) -> Tensor:
    """`(N,)`: the mean over everything but the batch."""
    return values.flatten(1).mean(1) if values.dim() > 1 else values


def _example_sums(values: Tensor) -> Tensor:
    """`(N,)`: the sum over everything but the batch."""
    return values.flatten(1).sum(1) if values.dim() > 1 else values


@loss(
    tasks=("image-to-image", "text-to-image", "audio-to-image", "inpainting"),
    names=("conditional adversarial", "cGAN", "conditional adversarial (cGAN)", "pix2pix"),
    domain={
        "prediction": "pictures in [-1, 1]",
        "target": "pictures in [-1, 1]",
        "fake_logits": "scores of pictures",
    },
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": up_to(100.0),
        "smooth": no("the slope jumps at the target", first=[[0.0]], target=[[0.0]], fake_logits=[0.0]),
        "bounded": no("it grows with the error", first=[[5.0]], target=[[0.0]], fake_logits=[0.0]),
        "symmetric": yes,
        "proper": not_applicable("the prediction is a picture, not a probability"),
        "scale_invariant": no("it scales with the pictures", first=[[1.0]], target=[[0.0]], fake_logits=[0.0]),
        "permutation_invariant": yes,
    },
    cases=(
        {"l1_weight": 10.0, "game": "least_squares"},
        {"game": "hinge"},
        {"game": "minimax"},
        {"adversarial_weight": 0.3},
    ),
    differentiable=("prediction", "fake_logits"),
    chapter=9,
)
def conditional_adversarial_loss(
    prediction: Tensor,
    target: Tensor,
    fake_logits: Tensor,
    *,
    game: str = "non_saturating",
    adversarial_weight: float = 1.0,
    l1_weight: float = 100.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Conditional adversarial loss (pix2pix): fool a critic that sees the condition too, and stay near the target.

    .. math::

        \ell = w\, \ell_G\big(D(c, \hat y)\big) + \lambda \, \lVert \hat y - y \rVert_1 / P

    The generator's side. The discriminator sees pairs of condition and picture, and is trained by the discriminator's
    loss of the same game. Here :math:`P` is the number of entries of a picture, as where L1 is a mean.

    Args:
        prediction: generated pictures, `(N, *)`.
        target: true pictures, the same shape.
        fake_logits: the discriminator's scores of the generated pictures given their conditions, `(N, *)`: one for
            each picture, or a map of patches (PatchGAN).
        game: the generator's loss of the scores: `"non_saturating"`, `"minimax"`, `"least_squares"` or `"hinge"` (which
            is also Wasserstein's).
        adversarial_weight: weight :math:`w` of the game.
        l1_weight: weight :math:`\lambda` of the L1 distance.
        reduction: `"none"` gives `(N,)`, the loss of each picture.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: arguments that are not floating-point tensors.
        ValueError: shapes that do not go together, an unknown game or reduction.

    References:
        Isola et al., Image-to-image translation with conditional adversarial networks, 2017,
        https://arxiv.org/abs/1611.07004; Mirza and Osindero, Conditional generative adversarial nets, 2014,
        https://arxiv.org/abs/1411.1784.

    Example:
        >>> conditional_adversarial_loss(torch.zeros(1, 3), torch.full((1, 3), 0.01), torch.zeros(1))
        tensor(1.6931)
    """
    check_tensors(prediction=prediction, target=target, fake_logits=fake_logits)
    check_floating("prediction", prediction)
    check_floating("fake_logits", fake_logits)
    check_layout("prediction", prediction, "N", "*")
    check_same_shape("target", target, "prediction", prediction)
    check_layout("fake_logits", fake_logits, prediction.shape[0], "*")
    check_choice("game", game, _GENERATOR_GAMES)
    check_reduction(reduction)
    picture, truth, scores = together(prediction, target, fake_logits)
    adversarial = _GENERATOR_GAMES[game](scores, reduction="none")
    values = adversarial_weight * _example_means(adversarial) + l1_weight * _example_means((picture - truth).abs())
    return reduce(values, reduction, dtype=prediction.dtype)


ConditionalAdversarialLoss = as_module("ConditionalAdversarialLoss", conditional_adversarial_loss)


@gradient_of(conditional_adversarial_loss)
def _conditional_adversarial_gradient(
    prediction: Tensor,
    target: Tensor,
    fake_logits: Tensor,  # noqa: ARG001
    *,
    l1_weight: float = 100.0,
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat y = \lambda\, \mathrm{sign}(\hat y - y) / (N P)`, besides what comes
    through the discriminator."""
    return l1_weight * torch.sign(prediction - target) / target.numel()


@loss(
    tasks=("inpainting", "image-to-image"),
    names=("feature matching (Salimans)", "mean feature matching"),
    domain={"features": "features", "target": "features"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": no("it is quadratic", first=[[2e4]], other=[[0.0]], target=[[0.0]]),
        "smooth": yes,
        "bounded": no("it grows with the distance", first=[[20.0]], target=[[0.0]]),
        "symmetric": yes,
        "proper": not_applicable("the prediction holds features, not probabilities"),
        "scale_invariant": no("it scales with the features", first=[[1.0]], target=[[0.0]]),
        "permutation_invariant": yes,
    },
    differentiable=("features", "target"),
    couples="the features are averaged over the batch before they are compared",
    chapter=9,
)
def mean_feature_matching_loss(features: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    r"""Mean feature matching: the squared distance of the mean features of fakes and of real examples.

    .. math::

        \mathcal L = \Big\lVert \tfrac1N \textstyle\sum_i f(\tilde x_i) - \tfrac1M \sum_j f(x_j) \Big\rVert_2^2

    A generator that matches statistics of a discriminator's layer does not overtrain on it. Matching picture by
    picture, layer by layer (pix2pixHD) is :func:`~lossbook.losses.images.feature_matching_loss`.

    Args:
        features: features of generated examples, `(N, *)`.
        target: features of real examples, `(M, *)` with the same dimensions `*`.
        reduction: a batch has one such number: `"none"`, `"mean"` and `"sum"` give the same scalar.

    Returns:
        The loss, a scalar: the sum over the features, not their mean. 0 where either batch is empty.

    Raises:
        TypeError: features that are not floating-point.
        ValueError: shapes that do not go together, an unknown reduction.

    References:
        Salimans et al., Improved techniques for training GANs, 2016, https://arxiv.org/abs/1606.03498, section 3.1.

    Example:
        >>> mean_feature_matching_loss(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
        tensor(5.)
    """
    check_tensors(features=features, target=target)
    check_floating("features", features)
    check_floating("target", target)
    check_layout("features", features, "N", "*")
    check_layout("target", target, "M", *features.shape[1:])
    check_reduction(reduction)
    fake, real = together(features, target)
    if not len(fake) or not len(real):
        return narrow(0.0 * (fake.sum() + real.sum()), features.dtype)
    return narrow(((fake.mean(0) - real.mean(0)) ** 2).sum(), features.dtype)


MeanFeatureMatchingLoss = as_module("MeanFeatureMatchingLoss", mean_feature_matching_loss)


@gradient_of(mean_feature_matching_loss)
def _mean_feature_matching_gradient(features: Tensor, target: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial f(\tilde x_i) = \frac2N \big(\overline{f(\tilde x)} -
    \overline{f(x)}\big)`, the same for every fake."""
    return (2 * (features.mean(0) - target.mean(0)) / len(features)).expand_as(features)


# --------------------------------------------------------------------------------------------------------------------
# Penalties on the critic's gradient

Critic = Callable[[Tensor], Tensor]

_OF_A_MODEL = dict.fromkeys(PROPERTIES, not_applicable("its first argument is a model"))


def _squared_slopes(critic: Critic, points: Tensor) -> Tensor:
    """`(N,)`: the squared length of the critic's gradient at each point, itself differentiable in the critic."""
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return _example_sums(widen(slope) ** 2)


def _check_critic(critic: Critic, reduction: str, **points: Tensor) -> None:
    if not callable(critic):
        raise TypeError(f"critic must be callable, got {type(critic).__name__}")
    check_tensors(**points)
    for name, tensor in points.items():
        check_floating(name, tensor)
        check_layout(name, tensor, "N", "*")
    check_reduction(reduction)


@loss(
    tasks=(*_PICTURES, "challenges and future"),
    names=("gradient penalty", "WGAN-GP", "Wasserstein with gradient penalty"),
    domain={"critic": "critic", "real": "pictures in [-1, 1]", "fake": "pictures in [-1, 1]"},
    range=(0.0, float("inf")),
    properties=_OF_A_MODEL,
    cases=({"one_sided": True}, {"strength": 2.0, "norm": 0.5}),
    kind="objective",
    without_gradient="the gradient is that of the critic's parameters",
    chapter=9,
)
def gradient_penalty(
    critic: Critic,
    real: Tensor,
    fake: Tensor,
    *,
    strength: float = 10.0,
    norm: float = 1.0,
    one_sided: bool = False,
    mix: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Gradient penalty (WGAN-GP): how far the critic's slope between real examples and fakes is from one.

    .. math::

        \ell = \lambda \big( \lVert \nabla_{\hat x} D(\hat x) \rVert_2 - 1 \big)^2, \qquad
        \hat x = u\, x + (1 - u)\, \tilde x, \quad u \sim U(0, 1)

    One :math:`u` for each example, not for each pixel. Where the critic's gradient vanishes the penalty is
    :math:`\lambda`, and the length, which has no slope there, passes none on: no NaN. The penalty trains the critic
    alone: `real` and `fake` get no gradient. A critic with batch normalization mixes examples, and the penalty then
    measures something else.

    Args:
        critic: maps `(N, *)` to one score for each example (a map of scores is summed).
        real: real examples, `(N, *)`.
        fake: generated examples, the same shape.
        strength: weight :math:`\lambda` of the penalty.
        norm: length that the slope should have.
        one_sided: punish only slopes that are too steep.
        mix: the :math:`u` of each example, `(N,)`; by default drawn anew.
        reduction: `"none"` gives `(N,)`.

    Returns:
        The penalty: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: a critic that cannot be called, examples that are not floating-point tensors.
        ValueError: shapes that do not go together, an unknown reduction.

    References:
        Gulrajani et al., Improved training of Wasserstein GANs, 2017, https://arxiv.org/abs/1704.00028; one-sided:
        Petzka, Fischer and Lukovnikov, 2018, https://arxiv.org/abs/1709.08894.

    Example:
        >>> critic = lambda x: 3.0 * x.sum(1)
        >>> gradient_penalty(critic, torch.ones(2, 1), torch.zeros(2, 1))
        tensor(40.)
    """
    _check_critic(critic, reduction, real=real, fake=fake)
    check_same_shape("fake", fake, "real", real)
    check_positive("strength", strength, zero=True)
    if mix is None:
        mix = torch.rand(len(real), dtype=real.dtype, device=real.device)
    check_layout("mix", mix, len(real))
    mix = mix.to(real.dtype).reshape(-1, *[1] * (real.dim() - 1))
    squared = _squared_slopes(critic, mix * real.detach() + (1 - mix) * fake.detach().to(real.dtype))
    flat = squared == 0
    excess = torch.where(flat, 0.0, torch.where(flat, 1.0, squared).sqrt()) - norm
    values = strength * (F.relu(excess) if one_sided else excess) ** 2
    return reduce(values, reduction, dtype=real.dtype)


GradientPenalty = as_module("GradientPenalty", gradient_penalty)


@loss(
    tasks=_PICTURES,
    names=("R1", "R1 regularization", "zero-centered gradient penalty"),
    domain={"critic": "critic", "real": "pictures in [-1, 1]"},
    range=(0.0, float("inf")),
    properties=_OF_A_MODEL,
    cases=({"strength": 2.0},),
    kind="objective",
    without_gradient="the gradient is that of the critic's parameters",
    chapter=9,
)
def r1_penalty(critic: Critic, real: Tensor, *, strength: float = 10.0, reduction: str = "mean") -> Tensor:
    r"""R1 penalty: how steep the critic is at real examples.

    .. math::

        \ell = \frac{\gamma}{2} \lVert \nabla_x D(x) \rVert_2^2

    The half belongs to it, as in the paper and in StyleGAN. It trains the critic alone.

    Args:
        critic: maps `(N, *)` to one score for each example (a map of scores is summed).
        real: real examples, `(N, *)`.
        strength: weight :math:`\gamma`, at least 0.
        reduction: `"none"` gives `(N,)`.

    Returns:
        The penalty: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: a critic that cannot be called, examples that are not floating-point tensors.
        ValueError: a negative strength, an unknown reduction.

    References:
        Mescheder, Geiger and Nowozin, Which training methods for GANs do actually converge?, 2018,
        https://arxiv.org/abs/1801.04406.

    Example:
        >>> r1_penalty(lambda x: 3.0 * x.sum(1), torch.ones(2, 1))
        tensor(45.)
    """
    _check_critic(critic, reduction, real=real)
    check_positive("strength", strength, zero=True)
    return reduce(0.5 * strength * _squared_slopes(critic, real), reduction, dtype=real.dtype)


R1Penalty = as_module("R1Penalty", r1_penalty)


@loss(
    tasks=_PICTURES,
    names=("R2", "R2 regularization"),
    domain={"critic": "critic", "fake": "pictures in [-1, 1]"},
    range=(0.0, float("inf")),
    properties=_OF_A_MODEL,
    cases=({"strength": 2.0},),
    kind="objective",
    without_gradient="the gradient is that of the critic's parameters",
    chapter=9,
)
def r2_penalty(critic: Critic, fake: Tensor, *, strength: float = 10.0, reduction: str = "mean") -> Tensor:
    r"""R2 penalty: how steep the critic is at generated examples.

    .. math::

        \ell = \frac{\gamma}{2} \lVert \nabla_{\tilde x} D(\tilde x) \rVert_2^2

    :func:`r1_penalty` on the other side of the game.

    Args:
        critic: maps `(N, *)` to one score for each example (a map of scores is summed).
        fake: generated examples, `(N, *)`.
        strength: weight :math:`\gamma`, at least 0.
        reduction: `"none"` gives `(N,)`.

    Returns:
        The penalty: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: a critic that cannot be called, examples that are not floating-point tensors.
        ValueError: a negative strength, an unknown reduction.

    References:
        Mescheder, Geiger and Nowozin, Which training methods for GANs do actually converge?, 2018,
        https://arxiv.org/abs/1801.04406.

    Example:
        >>> r2_penalty(lambda x: 3.0 * x.sum(1), torch.zeros(2, 1), strength=1.0)
        tensor(4.5000)
    """
    _check_critic(critic, reduction, fake=fake)
    check_positive("strength", strength, zero=True)
    return reduce(0.5 * strength * _squared_slopes(critic, fake), reduction, dtype=fake.dtype)


R2Penalty = as_module("R2Penalty", r2_penalty)


# --------------------------------------------------------------------------------------------------------------------
# Variational bounds


def _above_its_tangent(x: Tensor) -> Tensor:
    r""":math:`f(x) = e^x - 1 - x` without cancellation, where even `expm1(x) - x` loses digits: a series of as many
    terms as the dtype has digits for where `x` is near zero, the plain form elsewhere. The slope is :math:`f(x) + x`.
    """

    def curve(x: Tensor) -> Tensor:
        far = F.hardshrink(x, 0.5)  # x, or 0 where it is near
        near = x - far
        terms = 15 if x.dtype == torch.float64 else 8
        shares = [x.new_tensor(1 / math.factorial(term)) for term in range(2, terms + 1)]
        series = shares.pop()
        while shares:
            series = torch.addcmul(shares.pop(), series, near)
        return torch.addcmul(torch.exp(far) - 1 - far, series, near * near)

    return with_slope(curve, torch.add, x, reuse=True)


class _RowSums(torch.autograd.Function):
    r"""For each row of two float32 matrices, :math:`\sum_d \mu_d^2 + f(s_d)` with the :math:`f` above, in about the
    time of the plain form, which cancels, and a third of its memory.

    Rows go in blocks that a core's cache holds. Near zero :math:`f(c) = (c / D)^2` with
    :math:`\sqrt{18}\, D = 6 - c + c^3/180`, in fewer steps than the series takes. The term left out, :math:`c^4/2160`,
    is a relative 6e-7 of :math:`f` at 0.25, beyond which the plain form has as many digits.
    """

    generate_vmap_rule = True
    block = 2**18

    @staticmethod
    def forward(mu: Tensor, s: Tensor) -> Tensor:
        entries = _RowSums.block * torch.get_num_threads() if s.device.type == "cpu" else s.numel()
        rows = max(entries // max(s.shape[1], 1), 1)
        return torch.cat([_RowSums.of_block(*pair) for pair in zip(mu.split(rows), s.split(rows), strict=True)])

    @staticmethod
    def of_block(mu: Tensor, s: Tensor) -> Tensor:
        far = F.hardshrink(s, 0.25)
        near, unit = s - far, 18**-0.5
        below = (near * near).mul_(unit / 180).sub_(unit).mul_(near).add_(6 * unit)
        root = near.div_(below)
        f = root.mul_(root)
        f.sub_(far).add_(far.exp_().sub_(1))
        return torch.addcmul(f, mu, mu).sum(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        mu, s = ctx.saved_tensors
        gradient = gradient.unsqueeze(1)
        of_mu, of_s = ctx.needs_input_grad
        return 2 * gradient * mu if of_mu else None, gradient * torch.expm1(s) if of_s else None

    @staticmethod
    def jvp(ctx: Any, of_mu: Tensor | None, of_s: Tensor | None) -> Tensor:
        with forward_mode(*ctx.saved_tensors) as (mu, s):
            parts = [] if of_mu is None else [2 * mu * of_mu]
            parts += [] if of_s is None else [torch.expm1(s) * of_s]
            return sum(parts).sum(1)


_OF_NUMBERS = not_applicable("the prediction is a number, not a probability")
_LATENT_ROLES = not_applicable("mean and log-variance are two roles")


@loss(
    tasks=("image-to-image", "text-to-image", "audio-to-image"),
    names=("KL divergence", "KL of two Gaussians", "VAE", "KL"),
    domain={"mean": "latent numbers", "log_variance": "latent numbers"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": no("it is quadratic in the mean", first=[[1e4]], other=[[0.0]], log_variance=[[0.0]]),
        "smooth": yes,
        "bounded": no("it grows with the mean", first=[[20.0]], log_variance=[[0.0]]),
        "symmetric": _LATENT_ROLES,
        "proper": _OF_NUMBERS,
        "scale_invariant": _LATENT_ROLES,
        "permutation_invariant": yes,
    },
    cases=(
        {"prior_mean": (0.5, -1.0, 0.25)},
        {"prior_mean": (0.5, -1.0, 0.25), "prior_log_variance": (0.5, -0.25, 0.0)},
        {"free_bits": 0.5},
    ),
    differentiable=("mean", "log_variance"),
    chapter=10,
)
def gaussian_kl_loss(
    mean: Tensor,
    log_variance: Tensor,
    *,
    prior_mean: Tensor | None = None,
    prior_log_variance: Tensor | None = None,
    free_bits: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Gaussian KL divergence: the nats by which a diagonal Gaussian departs from its prior.

    .. math::

        \ell = \mathrm{KL}\big(\mathcal N(\mu, e^{s}) \,\Vert\, \mathcal N(m, e^{t})\big)
             = \tfrac12 \sum_d \Big[ (\mu_d - m_d)^2 e^{-t_d} + e^{s_d - t_d} - 1 - (s_d - t_d) \Big]

    The prior is standard normal, :math:`m = 0` and :math:`t = 0`, unless it is given. The variance's part is computed
    without cancellation, so that it is right for :math:`s` near :math:`t` in float32, too. It is infinite where
    :math:`e^{s - t}` is: in float32 at 88, so keep log-variances below.

    Args:
        mean: :math:`\mu`, `(N, *)`.
        log_variance: :math:`s`, the logarithm of the variance (not of the standard deviation), the same shape.
        prior_mean: :math:`m`, broadcast to the shape of the mean.
        prior_log_variance: :math:`t`, broadcast to the shape of the mean.
        free_bits: nats that each dimension may use, on average over the batch, before it costs more (Kingma et al.):
            a dimension below them counts as much as they are, without gradient.
        reduction: `"none"` gives `(N,)`, the sum over the dimensions of each example; `"mean"` divides by `N`.

    Returns:
        The divergence in nats: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: arguments that are not floating-point tensors.
        ValueError: shapes that differ, negative free bits, an unknown reduction.

    References:
        Kingma and Welling, Auto-encoding variational Bayes, 2014, https://arxiv.org/abs/1312.6114, appendix B; free
        bits: Kingma et al., Improved variational inference with inverse autoregressive flow, 2016,
        https://arxiv.org/abs/1606.04934.

    Example:
        >>> gaussian_kl_loss(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2))
        tensor(2.5000)
    """
    check_tensors(mean=mean, log_variance=log_variance, prior_mean=prior_mean, prior_log_variance=prior_log_variance)
    check_floating("mean", mean)
    check_floating("log_variance", log_variance)
    check_layout("mean", mean, "N", "*")
    check_same_shape("log_variance", log_variance, "mean", mean)
    check_positive("free_bits", free_bits, zero=True)
    check_reduction(reduction)
    for name, prior in (("prior_mean", prior_mean), ("prior_log_variance", prior_log_variance)):
        if prior is not None:
            check_spread(name, prior, mean.shape, "mean")
    mu, s = together(mean, log_variance)
    if prior_mean is not None:
        mu = mu - prior_mean.to(mu.dtype)
    if prior_log_variance is not None:
        t = prior_log_variance.to(mu.dtype)
        mu, s = mu * torch.exp(-t / 2), s - t
    if free_bits:
        values = 0.5 * (mu.square() + _above_its_tangent(s))
        values = _example_sums(torch.where(values.mean(0) <= free_bits, free_bits, values))
    elif s.dtype == torch.float32 and not torch.compiler.is_compiling():
        rows = (x.flatten(1) if x.dim() > 1 else x.unsqueeze(1) for x in (mu, s))
        values = 0.5 * _RowSums.apply(*rows)
    else:
        values = 0.5 * _example_sums(mu.square() + _above_its_tangent(s))
    return reduce(values, reduction, dtype=mean.dtype)


GaussianKLLoss = as_module("GaussianKLLoss", gaussian_kl_loss)


@gradient_of(gaussian_kl_loss)
def _gaussian_kl_gradient(mean: Tensor, log_variance: Tensor) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\mu = \mu / N`, and
    :math:`\partial\mathcal L / \partial s = (e^s - 1) / 2N`."""
    return mean / len(log_variance)


@loss(
    tasks=("text-to-image", "audio-to-image", "image-to-image"),
    names=("VAE", "ELBO", "evidence lower bound", "reconstruction + KL", "beta-VAE"),
    domain={
        "prediction": "numbers of order one",
        "target": "numbers in [0, 1]",
        "mean": "latent numbers",
        "log_variance": "latent numbers",
    },
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": no("it is quadratic", first=[[1e4]], other=[[0.0]], target=[[0.0]], mean=[[0.0]],
                        log_variance=[[0.0]]),
        "smooth": yes,
        "bounded": no("it grows with the error", first=[[20.0]], target=[[0.0]], mean=[[0.0]], log_variance=[[0.0]]),
        "symmetric": yes,
        "proper": _OF_NUMBERS,
        "scale_invariant": no("it scales with the unit", first=[[2.0]], target=[[0.0]], mean=[[0.0]],
                              log_variance=[[0.0]]),
        "permutation_invariant": yes,
    },
    cases=({"likelihood": "bernoulli"}, {"likelihood": "l1", "scale": 0.7, "full": True}, {"scale": 2.0, "full": True},
           {"beta": 4.0, "capacity": 3.0}, {"free_bits": 0.5}),
    differentiable=("prediction", "mean", "log_variance"),
    chapter=10,
)  # fmt: skip
def vae_loss(
    prediction: Tensor,
    target: Tensor,
    mean: Tensor,
    log_variance: Tensor,
    *,
    likelihood: str = "gaussian",
    scale: float = 1.0,
    full: bool = False,
    beta: float = 1.0,
    capacity: float | None = None,
    free_bits: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    r"""VAE loss (negative ELBO): the nats to rebuild an example, plus those its code takes.

    .. math::

        \ell = -\log p(x \mid z) + \beta\, \mathrm{KL}\big(q(z \mid x) \,\Vert\, \mathcal N(0, 1)\big)

    Both terms are sums over dimensions, in the same unit, so :math:`\beta = 1` is the bound. (A reconstruction that is
    a mean over :math:`D` pixels makes :math:`\beta` be :math:`D` times as large, unseen.) The divergence
    keeps its digits where codes are close to the prior, which the plain form does not.

    Args:
        prediction: what the decoder says, `(N, *)`: the mean (`"gaussian"`), the median (`"l1"`) or logits
            (`"bernoulli"`).
        target: the example, the same shape; in [0, 1] for `"bernoulli"`.
        mean: mean of the code, `(N, *)`; its dimensions are its own.
        log_variance: logarithm of the code's variance, the shape of the mean.
        likelihood: `"gaussian"`: :math:`(x - \hat x)^2 / 2\sigma^2`; `"l1"` (Laplace): :math:`|x - \hat x| / \sigma`;
            `"bernoulli"`: the binary cross-entropy.
        scale: :math:`\sigma` of the first two, above 0.
        full: add the constants, :math:`\log \sigma + \frac12 \log 2\pi` or :math:`\log 2\sigma` for each dimension,
            which make the loss a bound on the evidence that may be compared between models.
        beta: weight of the divergence.
        capacity: with a number :math:`C` the second term is :math:`\beta\, |\mathrm{KL} - C|` (Burgess et al.). At
            :math:`\mathrm{KL} = C` its gradient is 0.
        free_bits: as for :func:`gaussian_kl_loss`.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by `N`.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: arguments that are not floating-point tensors.
        ValueError: shapes that do not go together, a setting out of range, an unknown likelihood or reduction.

    References:
        Kingma and Welling, Auto-encoding variational Bayes, 2014, https://arxiv.org/abs/1312.6114; beta: Higgins et
        al., beta-VAE, ICLR 2017, and Burgess et al., Understanding disentangling in beta-VAE, 2018,
        https://arxiv.org/abs/1804.03599 (capacity).

    Example:
        >>> x, rebuilt = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0]])
        >>> vae_loss(rebuilt, x, mean=torch.tensor([[2.0]]), log_variance=torch.zeros(1, 1))
        tensor(2.5000)
    """
    check_tensors(prediction=prediction, target=target, mean=mean, log_variance=log_variance)
    check_floating("prediction", prediction)
    check_layout("prediction", prediction, "N", "*")
    check_same_shape("target", target, "prediction", prediction)
    check_layout("mean", mean, len(prediction), "*")
    check_choice("likelihood", likelihood, ("gaussian", "l1", "bernoulli"))
    check_positive("scale", scale)
    check_positive("beta", beta, zero=True)
    check_reduction(reduction)
    rebuilt, truth, mu, s = together(prediction, target, mean, log_variance)
    if likelihood == "bernoulli":
        check_probabilities("target", target)
        values = F.binary_cross_entropy_with_logits(rebuilt, truth, reduction="none")
    elif likelihood == "gaussian":
        values = F.mse_loss(rebuilt, truth, reduction="none")
        factor, constant = 0.5 / scale**2, math.log(scale) + 0.5 * math.log(2 * math.pi)
    else:
        values = (rebuilt - truth).abs()
        factor, constant = 1 / scale, math.log(2 * scale)
    values = _example_sums(values)
    if likelihood != "bernoulli":
        values = factor * values
        values = values + constant * math.prod(rebuilt.shape[1:]) if full else values
    divergence = gaussian_kl_loss(mu, s, free_bits=free_bits, reduction="none")
    if capacity is not None:
        divergence = (divergence - capacity).abs()
    return reduce(values + beta * divergence, reduction, dtype=prediction.dtype)


VAELoss = as_module("VAELoss", vae_loss)


@gradient_of(vae_loss)
def _vae_gradient(prediction: Tensor, target: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:  # noqa: ARG001
    r""":math:`\partial\mathcal L / \partial\hat x = (\hat x - x) / (N \sigma^2)`; the code gets
    :math:`\beta\mu / N` and :math:`\beta (e^s - 1) / 2N` besides what comes through the decoder."""
    return (prediction - target) / len(prediction)


@loss(
    tasks=("text-to-image", "image-to-image", "audio-to-image"),
    names=("vector quantization", "commitment", "VQ-VAE", "codebook"),
    domain={"embeddings": "numbers of order one", "codes": "numbers of order one"},
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": yes,
        "convex": yes,
        "lipschitz": no("it is quadratic", first=[[1e4]], other=[[0.0]], codes=[[0.0]]),
        "smooth": yes,
        "bounded": no("it grows with the distance", first=[[20.0]], codes=[[0.0]]),
        "symmetric": yes,
        "proper": _OF_NUMBERS,
        "scale_invariant": no("it scales with the embeddings", first=[[2.0]], codes=[[0.0]]),
        "permutation_invariant": yes,
    },
    cases=({"commitment": 1.5},),
    differentiable=("embeddings", "codes"),
    detached="the embeddings in the codebook's term, and the codes in the commitment's",
    chapter=10,
)
def vq_commitment_loss(
    embeddings: Tensor, codes: Tensor, *, commitment: float = 0.25, reduction: str = "mean"
) -> Tensor:
    r"""VQ loss (codebook and commitment): pull codes to embeddings, and embeddings to their codes.

    .. math::

        \ell = \big(\mathrm{sg}[z] - e\big)^2 + \beta \big(z - \mathrm{sg}[e]\big)^2

    :math:`\mathrm{sg}` stops the gradient: the codebook gets that of the first term, the encoder that of the second.
    What the decoder is to see is `embeddings + (codes - embeddings).detach()`, which passes its gradient straight
    through to the encoder.

    Args:
        embeddings: what the encoder says, :math:`z`, any shape.
        codes: the nearest code of each, :math:`e`, the same shape.
        commitment: weight :math:`\beta` of the encoder's term, at least 0.
        reduction: `"none"` gives the shape of the embeddings; `"mean"` is over all entries, as in the authors' code.

    Returns:
        The loss: a scalar, or the shape of the embeddings for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: arguments that are not floating-point tensors.
        ValueError: shapes that differ, a negative commitment, an unknown reduction.

    References:
        Van den Oord, Vinyals and Kavukcuoglu, Neural discrete representation learning, 2017,
        https://arxiv.org/abs/1711.00937, equation 3.

    Example:
        >>> vq_commitment_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0]]))
        tensor(0.6250)
    """
    check_tensors(embeddings=embeddings, codes=codes)
    check_floating("embeddings", embeddings)
    check_floating("codes", codes)
    check_same_shape("codes", codes, "embeddings", embeddings)
    check_positive("commitment", commitment, zero=True)
    check_reduction(reduction)
    z, e = together(embeddings, codes)
    sum_or_none = "none" if reduction == "none" else "sum"
    values = F.mse_loss(e, z.detach(), reduction=sum_or_none)
    values = values + commitment * F.mse_loss(z, e.detach(), reduction=sum_or_none)
    if reduction == "mean":
        values = values / max(z.numel(), 1)
    return narrow(values, embeddings.dtype)


VQCommitmentLoss = as_module("VQCommitmentLoss", vq_commitment_loss)


@gradient_of(vq_commitment_loss)
def _vq_commitment_gradient(embeddings: Tensor, codes: Tensor, *, commitment: float = 0.25) -> Tensor:
    r""":math:`\partial\mathcal L / \partial z = 2\beta (z - e) / N`; the codes get
    :math:`\partial\mathcal L / \partial e = 2 (e - z) / N`, without :math:`\beta`."""
    return 2 * commitment * (embeddings - codes) / embeddings.numel()


# --------------------------------------------------------------------------------------------------------------------
# Diffusion

_PARAMETERIZATIONS = ("noise", "x0", "v")
_WEIGHTINGS = ("simple", "snr", "truncated-snr", "min-snr")
_SQUARED_ERROR = {
    "minimum_at_target": yes,
    "convex": yes,
    "smooth": yes,
    "symmetric": yes,
    "proper": _OF_NUMBERS,
    "permutation_invariant": yes,
}


def _shares(alpha_bar: Tensor, like: Tensor, name: str = "alpha_bar") -> Tensor:
    """The share of the signal's variance in each example, checked and broadcastable to `like`."""
    check_floating(name, alpha_bar)
    check_layout(name, alpha_bar, like.shape[0])
    check_probabilities(name, alpha_bar)
    return alpha_bar.reshape(-1, *[1] * (like.dim() - 1)).to(like.dtype)


def add_noise(clean: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    r"""Diffuse examples: :math:`x_t = \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon`.

    Args:
        clean: the examples :math:`x_0`, `(N, *)`.
        noise: standard normal noise :math:`\epsilon`, the same shape.
        alpha_bar: :math:`\bar\alpha_t` of each example, `(N,)`, in [0, 1].

    Example:
        >>> add_noise(torch.tensor([[1.0]]), torch.tensor([[1.0]]), torch.tensor([0.64]))
        tensor([[1.4000]])
    """
    check_tensors(clean=clean, noise=noise, alpha_bar=alpha_bar)
    check_layout("clean", clean, "N", "*")
    check_same_shape("noise", noise, "clean", clean)
    share = _shares(alpha_bar, clean)
    return share.sqrt() * clean + (1 - share).sqrt() * noise


def convert_diffusion(
    prediction: Tensor, noisy: Tensor, alpha_bar: Tensor, *, source: str = "noise", to: str = "x0"
) -> Tensor:
    r"""Say the same of a noisy example in another parameterization: its noise, its clean form, or its velocity.

    .. math::

        v = \sqrt{\bar\alpha}\, \epsilon - \sqrt{1 - \bar\alpha}\, x_0, \qquad
        x_0 = \sqrt{\bar\alpha}\, x_t - \sqrt{1 - \bar\alpha}\, v, \qquad
        \epsilon = \sqrt{1 - \bar\alpha}\, x_t + \sqrt{\bar\alpha}\, v

    From `"v"` the conversion is exact at every noise level; from `"noise"` it needs :math:`\bar\alpha > 0`, from
    `"x0"` :math:`\bar\alpha < 1`.

    Args:
        prediction: noise, clean example or velocity, `(N, *)`.
        noisy: the noisy example :math:`x_t`, the same shape.
        alpha_bar: :math:`\bar\alpha_t` of each example, `(N,)`, in [0, 1].
        source: what `prediction` is: `"noise"`, `"x0"` or `"v"`.
        to: what is wanted.

    Example:
        >>> noisy, share = torch.tensor([[1.4]]), torch.tensor([0.64])
        >>> convert_diffusion(torch.tensor([[1.0]]), noisy, share, source="noise", to="x0").round(decimals=4)
        tensor([[1.]])
    """
    check_choice("source", source, _PARAMETERIZATIONS)
    check_choice("to", to, _PARAMETERIZATIONS)
    check_tensors(prediction=prediction, noisy=noisy, alpha_bar=alpha_bar)
    check_layout("prediction", prediction, "N", "*")
    check_same_shape("noisy", noisy, "prediction", prediction)
    share = _shares(alpha_bar, prediction)
    signal, sigma = share.sqrt(), (1 - share).sqrt()
    if source == to:
        return prediction
    if source == "v":
        return signal * noisy - sigma * prediction if to == "x0" else sigma * noisy + signal * prediction
    if source == "noise":
        clean, noise = (noisy - sigma * prediction) / signal, prediction
    else:
        clean, noise = prediction, (noisy - signal * prediction) / sigma
    return {"x0": clean, "noise": noise, "v": signal * noise - sigma * clean}[to]


def _diffusion_weight(share: Tensor, parameterization: str, weighting: str, gamma: float) -> Tensor | float:
    """The weight of a squared error of this parameterization; written out so that nothing is 0 / 0 at either end."""
    rest = 1 - share
    table: dict[tuple[str, str], Callable[[], Tensor | float]] = {
        ("noise", "snr"): lambda: 1.0,
        ("x0", "snr"): lambda: share / rest,
        ("v", "snr"): lambda: share,
        ("noise", "truncated-snr"): lambda: (rest / share).clamp_min(1.0),
        ("x0", "truncated-snr"): lambda: (share / rest).clamp_min(1.0),
        ("v", "truncated-snr"): lambda: torch.maximum(share, rest),
        ("noise", "min-snr"): lambda: (gamma * rest / share).clamp_max(1.0),
        ("x0", "min-snr"): lambda: (share / rest).clamp_max(gamma),
        ("v", "min-snr"): lambda: torch.minimum(share, gamma * rest),
    }
    return 1.0 if weighting == "simple" else table[parameterization, weighting]()


@loss(
    tasks=("text-to-image", "audio-to-image", "image-to-image"),
    names=("noise prediction", "diffusion", "DDPM", "denoising", "v-prediction", "Min-SNR"),
    domain={
        "prediction": "numbers of order one",
        "target": "numbers of order one",
        "alpha_bar": "signal shares",
    },
    range=(0.0, float("inf")),
    properties=_SQUARED_ERROR
    | {
        "lipschitz": no("it is quadratic", first=[[1e4]], other=[[0.0]], target=[[0.0]], alpha_bar=[0.5]),
        "bounded": no("it grows with the error", first=[[20.0]], target=[[0.0]], alpha_bar=[0.5]),
        "scale_invariant": no("it scales with the unit", first=[[2.0]], target=[[0.0]], alpha_bar=[0.5]),
    },
    cases=(
        {"parameterization": "x0", "weighting": "snr"},
        {"parameterization": "v", "weighting": "snr"},
        {"weighting": "min-snr", "gamma": 2.0},
        {"parameterization": "v", "weighting": "min-snr", "gamma": 0.7},
        {"parameterization": "x0", "weighting": "truncated-snr"},
    ),
    chapter=10,
)
def diffusion_loss(
    prediction: Tensor,
    target: Tensor,
    alpha_bar: Tensor,
    *,
    parameterization: str = "noise",
    weighting: str = "simple",
    gamma: float = 5.0,
    reduction: str = "mean",
) -> Tensor:
    r"""Diffusion loss (noise prediction): the squared error of what a denoiser says of a noisy example.

    .. math::

        \ell = w(t)\, (\hat\epsilon - \epsilon)^2, \qquad \mathrm{SNR} = \frac{\bar\alpha_t}{1 - \bar\alpha_t}

    The network may predict the noise :math:`\epsilon`, the clean example :math:`x_0` or the velocity :math:`v`
    (see :func:`convert_diffusion`). Errors at one noise level are proportional,
    :math:`(\hat\epsilon - \epsilon)^2 = \mathrm{SNR}\, (\hat x_0 - x_0)^2` and
    :math:`(\hat v - v)^2 = (\mathrm{SNR} + 1)\, (\hat x_0 - x_0)^2`, so a named weighting is the same loss in each
    parameterization:

    ===============  ======================  =============================  ========================================
    weighting        weight of the noise     weight of :math:`x_0`          weight of :math:`v`
    ===============  ======================  =============================  ========================================
    `simple`         1                       1                              1
    `snr`            1                       SNR                            SNR / (SNR + 1)
    `truncated-snr`  max(1, 1 / SNR)         max(SNR, 1)                    max(SNR, 1) / (SNR + 1)
    `min-snr`        min(SNR, g) / SNR       min(SNR, g)                    min(SNR, g) / (SNR + 1)
    ===============  ======================  =============================  ========================================

    Only `"simple"` depends on the parameterization: it is the plain squared error. The bound on the likelihood is
    :func:`variational_diffusion_loss`.

    Args:
        prediction: what the network says, `(N, *)`.
        target: the truth in the same parameterization, the same shape.
        alpha_bar: :math:`\bar\alpha_t`, the share of the signal's variance in each example, `(N,)`, in [0, 1]. At
            0 (1) the weights with SNR below (above) the bar are infinite.
        parameterization: what is predicted: `"noise"`, `"x0"` or `"v"`.
        weighting: `"simple"` (Ho et al.), `"snr"` (theirs for the noise), `"truncated-snr"` (Salimans and Ho) or
            `"min-snr"` (Hang et al.).
        gamma: the bound `g` of `"min-snr"`, above 0.
        reduction: `"none"` gives the shape of the prediction; `"mean"` divides by the number of entries, not by the
            weights, which belong to the loss.

    Returns:
        The loss: a scalar, or the shape of the prediction for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: arguments that are not floating-point tensors.
        ValueError: shapes that do not go together, a share outside [0, 1], an unknown setting.

    References:
        Ho, Jain and Abbeel, Denoising diffusion probabilistic models, 2020, https://arxiv.org/abs/2006.11239; v and the
        truncated SNR: Salimans and Ho, 2022, https://arxiv.org/abs/2202.00512; Min-SNR: Hang et al., 2023,
        https://arxiv.org/abs/2303.09556.

    Example:
        >>> said, truth = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0]])
        >>> diffusion_loss(said, truth, torch.tensor([0.9]), weighting="min-snr")
        tensor(0.2778)
    """
    check_tensors(prediction=prediction, target=target, alpha_bar=alpha_bar)
    check_floating("prediction", prediction)
    check_layout("prediction", prediction, "N", "*")
    check_same_shape("target", target, "prediction", prediction)
    check_choice("parameterization", parameterization, _PARAMETERIZATIONS)
    check_choice("weighting", weighting, _WEIGHTINGS)
    check_positive("gamma", gamma)
    check_reduction(reduction)
    said, truth = together(prediction, target)
    weight = _diffusion_weight(_shares(alpha_bar, said), parameterization, weighting, gamma)
    values = F.mse_loss(said, truth, reduction="none")
    if weighting != "simple":
        values = values * weight
    return reduce(values, reduction, dtype=prediction.dtype)


DiffusionLoss = as_module("DiffusionLoss", diffusion_loss)


@gradient_of(diffusion_loss)
def _diffusion_gradient(
    prediction: Tensor,
    target: Tensor,
    alpha_bar: Tensor,
    *,
    parameterization: str = "noise",
    weighting: str = "simple",
    gamma: float = 5.0,
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial\hat\epsilon = 2 w(t) (\hat\epsilon - \epsilon) / N`."""
    ratio = alpha_bar / (1 - alpha_bar)
    clean = {"snr": ratio, "truncated-snr": ratio.clamp_min(1), "min-snr": ratio.clamp_max(gamma)}
    per_error = {"noise": ratio, "x0": torch.ones_like(ratio), "v": ratio + 1}[parameterization]
    weight = torch.ones_like(ratio) if weighting == "simple" else clean[weighting] / per_error
    weight = weight.reshape(-1, *[1] * (prediction.dim() - 1))
    return 2 * weight * (prediction - target) / target.numel()


@loss(
    tasks=("text-to-image", "audio-to-image", "image-to-image"),
    names=("variational bound", "VLB", "diffusion", "variational diffusion"),
    domain={
        "prediction": "numbers of order one",
        "target": "numbers of order one",
        "alpha_bar": "signal shares",
        "previous_alpha_bar": "earlier signal shares",
    },
    range=(0.0, float("inf")),
    properties=_SQUARED_ERROR
    | {
        "lipschitz": no("it is quadratic", first=[[1e4]], other=[[0.0]], target=[[0.0]], alpha_bar=[0.5],
                        previous_alpha_bar=[0.9]),
        "bounded": no("it grows with the error", first=[[20.0]], target=[[0.0]], alpha_bar=[0.5],
                      previous_alpha_bar=[0.9]),
        "scale_invariant": no("it scales with the unit", first=[[2.0]], target=[[0.0]], alpha_bar=[0.5],
                              previous_alpha_bar=[0.9]),
    },
    cases=({"parameterization": "x0"}, {"parameterization": "v"}),
    chapter=10,
)  # fmt: skip
def variational_diffusion_loss(
    prediction: Tensor,
    target: Tensor,
    alpha_bar: Tensor,
    previous_alpha_bar: Tensor,
    *,
    parameterization: str = "noise",
    reduction: str = "mean",
) -> Tensor:
    r"""Variational diffusion loss: the nats that one step of denoising adds to the bound on the likelihood.

    .. math::

        L_{t-1} = \mathrm{KL}\big(q(x_{t-1} \mid x_t, x_0) \,\Vert\, p(x_{t-1} \mid x_t)\big)
                = \tfrac12 \big( \mathrm{SNR}_{t-1} - \mathrm{SNR}_t \big) \lVert \hat x_0 - x_0 \rVert^2

    That is the term of DDPM with the posterior's variance. The bound is the sum over the steps from 2 to T (or T - 1
    times the mean over steps drawn at random), plus the two ends:
    `gaussian_kl_loss(sqrt(alpha_bar_T) * x0, log(1 - alpha_bar_T))` and :func:`discretized_gaussian_nll_loss` at the
    first step, whose SNR before it is infinite.

    Args:
        prediction: what the network says of :math:`x_t`, `(N, *)`.
        target: the truth in the same parameterization, the same shape.
        alpha_bar: :math:`\bar\alpha_t` of each example, `(N,)`, above 0 and below 1.
        previous_alpha_bar: :math:`\bar\alpha_{t-1}`, `(N,)`, not below it and below 1.
        parameterization: what is predicted: `"noise"`, `"x0"` or `"v"`.
        reduction: `"none"` gives `(N,)`, the sum over the dimensions of each example; `"mean"` divides by `N`.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: arguments that are not floating-point tensors.
        ValueError: shapes that do not go together, shares that rise with the step, an unknown setting.

    References:
        Ho, Jain and Abbeel, Denoising diffusion probabilistic models, 2020, https://arxiv.org/abs/2006.11239, equation
        5; as a difference of SNRs: Kingma et al., Variational diffusion models, 2021, https://arxiv.org/abs/2107.00630.

    Example:
        >>> now, before = torch.tensor([0.5]), torch.tensor([0.8])
        >>> variational_diffusion_loss(torch.tensor([[1.0]]), torch.tensor([[0.0]]), now, before, parameterization="x0")
        tensor(1.5000)
    """
    check_tensors(prediction=prediction, target=target, alpha_bar=alpha_bar, previous_alpha_bar=previous_alpha_bar)
    check_floating("prediction", prediction)
    check_layout("prediction", prediction, "N", "*")
    check_same_shape("target", target, "prediction", prediction)
    check_choice("parameterization", parameterization, _PARAMETERIZATIONS)
    check_reduction(reduction)
    said, truth = together(prediction, target)
    share, before = _shares(alpha_bar, said), _shares(previous_alpha_bar, said, "previous_alpha_bar")
    if known(share, lambda: (before >= share).all()) is False:
        raise ValueError("previous_alpha_bar must not be below alpha_bar: the share of the signal falls with the step")
    # SNR before minus SNR now, over one denominator: no difference of two large numbers.
    fall = (before - share) / ((1 - before) * (1 - share))
    weight = {"noise": lambda: fall * (1 - share) / share, "x0": lambda: fall, "v": lambda: fall * (1 - share)}
    values = 0.5 * weight[parameterization]() * F.mse_loss(said, truth, reduction="none")
    return reduce(_example_sums(values), reduction, dtype=prediction.dtype)


VariationalDiffusionLoss = as_module("VariationalDiffusionLoss", variational_diffusion_loss)


@gradient_of(variational_diffusion_loss)
def _variational_diffusion_gradient(
    prediction: Tensor,
    target: Tensor,
    alpha_bar: Tensor,
    previous_alpha_bar: Tensor,
    *,
    parameterization: str = "noise",
) -> Tensor:
    r"""With :math:`\hat x_0`, :math:`\partial\mathcal L / \partial\hat x_0 = (\mathrm{SNR}_{t-1} - \mathrm{SNR}_t)
    (\hat x_0 - x_0) / N`; for the noise it is divided by :math:`\mathrm{SNR}_t`, for :math:`v` by
    :math:`\mathrm{SNR}_t + 1`."""
    now, before = alpha_bar / (1 - alpha_bar), previous_alpha_bar / (1 - previous_alpha_bar)
    weight = (before - now) / {"noise": now, "x0": torch.ones_like(now), "v": now + 1}[parameterization]
    return weight.reshape(-1, *[1] * (prediction.dim() - 1)) * (prediction - target) / len(target)


@loss(
    tasks=("text-to-image", "image-to-image"),
    names=("discretized Gaussian likelihood", "L0 of the variational bound"),
    domain={
        "prediction": "pictures in [-1, 1]",
        "target": "pictures in [-1, 1]",
        "log_scale": "log-scales of pictures",
    },
    range=(0.0, float("inf")),
    properties={
        "minimum_at_target": no("at the ends the bin is open, and values beyond it fit better", first=[[1.0]],
                                other=[[2.0]], target=[[1.0]], log_scale=[[0.0]]),
        "convex": yes,
        "lipschitz": no("it grows with the squared error", first=[[1e4]], other=[[0.0]], target=[[0.0]],
                        log_scale=[[0.0]]),
        "smooth": yes,
        "bounded": no("it grows with the error", first=[[20.0]], target=[[0.0]], log_scale=[[0.0]]),
        "symmetric": no("the bins at the ends are open", first=[[0.5]], target=[[1.0]], log_scale=[[0.0]]),
        "proper": _OF_NUMBERS,
        "scale_invariant": no("the width of the bins is fixed", first=[[0.5]], target=[[0.0]], log_scale=[[0.0]]),
        "permutation_invariant": yes,
    },
    cases=({"levels": 16},),
    differentiable=("prediction", "log_scale"),
    without_gradient="its two pages of cases for the bins at the ends show nothing that autograd does not",
    chapter=10,
)  # fmt: skip
def discretized_gaussian_nll_loss(
    prediction: Tensor, target: Tensor, log_scale: Tensor, *, levels: int = 256, reduction: str = "mean"
) -> Tensor:
    r"""Discretized Gaussian likelihood: the nats of integer pixels under a Gaussian, integrated over their bins.

    .. math::

        \ell = -\sum_d \log \int_{x_d - \delta}^{x_d + \delta} \mathcal N(u;\, \mu_d, \sigma_d^2)\, du,
        \qquad \delta = \frac1{L - 1}

    The bins of -1 and 1 reach to infinity. It is the first step, :math:`L_0`, of the bound of a diffusion model.

    Args:
        prediction: mean :math:`\mu`, `(N, *)`.
        target: pixels, scaled from their :math:`L` levels to [-1, 1], the same shape.
        log_scale: :math:`\log \sigma`, the same shape.
        levels: number :math:`L` of levels, 2 or more.
        reduction: `"none"` gives `(N,)`, the sum over the pixels of each example; `"mean"` divides by `N`.

    Returns:
        The loss in nats: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0. Dividing by the number of
        entries of a picture and by :math:`\log 2` gives bits per dimension.

    Raises:
        TypeError: arguments that are not floating-point tensors.
        ValueError: shapes that differ, fewer than two levels, an unknown reduction.

    References:
        Ho, Jain and Abbeel, Denoising diffusion probabilistic models, 2020, https://arxiv.org/abs/2006.11239, equation
        13.

    Example:
        >>> discretized_gaussian_nll_loss(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 1), levels=3)
        tensor(0.9599)
    """
    check_tensors(prediction=prediction, target=target, log_scale=log_scale)
    check_floating("prediction", prediction)
    check_layout("prediction", prediction, "N", "*")
    check_same_shape("target", target, "prediction", prediction)
    check_same_shape("log_scale", log_scale, "prediction", prediction)
    check_reduction(reduction)
    if levels < 2:
        raise ValueError(f"levels must be at least 2, got {levels}")
    mu, x, s = together(prediction, target, log_scale)
    half = 1.0 / (levels - 1)
    # By symmetry the bin is turned to the left of the mean, where the tail's logarithm keeps its digits.
    side = torch.where(x > mu, -1.0, 1.0).to(mu.dtype)
    middle = side * (x - mu)
    scale = torch.exp(-s)
    low, high = torch.special.log_ndtr((middle - half) * scale), torch.special.log_ndtr((middle + half) * scale)
    tiny = torch.finfo(mu.dtype).tiny
    inside = high + torch.log((-torch.expm1(low - high)).clamp_min(tiny))
    # Both tails of a bin that is narrow beside the width are one number: there, the density at its middle times its
    # size, with the first term of its curvature.
    h, m = half * scale, middle * scale
    narrow_bin = (h < 0.01) & ((h * m).abs() < 0.1)
    h, m = torch.where(narrow_bin, h, 0.01), torch.where(narrow_bin, m, 0.0)
    density = torch.log(2 * h) - 0.5 * m.square() - 0.5 * math.log(2 * math.pi) + h.square() * (m.square() - 1) / 6
    inside = torch.where(narrow_bin, density, inside)
    at_low, at_high = x <= -1 + 0.5 * half, x >= 1 - 0.5 * half
    open_below, open_above = (x + half - mu) * scale, (mu - x + half) * scale
    ends = torch.special.log_ndtr(torch.where(at_low, open_below, open_above))
    values = -torch.where(at_low | at_high, ends, inside)
    return reduce(_example_sums(values), reduction, dtype=prediction.dtype)


DiscretizedGaussianNLLLoss = as_module("DiscretizedGaussianNLLLoss", discretized_gaussian_nll_loss)


# --------------------------------------------------------------------------------------------------------------------
# Flows and scores


def flow_path(noise: Tensor, data: Tensor, time: Tensor, *, sigma_min: float = 0.0) -> Tensor:
    r"""Where a flow is at a time: :math:`x_t = (1 - (1 - \sigma_{\min}) t)\, x_0 + t\, x_1`.

    Args:
        noise: where it starts, :math:`x_0`, `(N, *)`.
        data: where it ends, :math:`x_1`, the same shape.
        time: :math:`t` of each example, `(N,)`, in [0, 1].
        sigma_min: width of the noise that is left at the end.

    Example:
        >>> flow_path(torch.tensor([[0.0]]), torch.tensor([[2.0]]), torch.tensor([0.25]))
        tensor([[0.5000]])
    """
    check_tensors(noise=noise, data=data, time=time)
    check_layout("noise", noise, "N", "*")
    check_same_shape("data", data, "noise", noise)
    t = _shares(time, noise, "time")
    return (1 - (1 - sigma_min) * t) * noise + t * data


@loss(
    tasks=("text-to-image", "audio-to-image", "image-to-image"),
    names=("flow matching", "rectified flow", "conditional flow matching"),
    domain={
        "prediction": "numbers of order one",
        "target": "numbers of order one",
        "noise": "numbers of order one",
    },
    range=(0.0, float("inf")),
    properties=_SQUARED_ERROR
    | {
        "lipschitz": no("it is quadratic", first=[[1e4]], other=[[0.0]], target=[[0.0]], noise=[[0.0]]),
        "bounded": no("it grows with the error", first=[[20.0]], target=[[0.0]], noise=[[0.0]]),
        "symmetric": not_applicable("a velocity and a place are two kinds of thing"),
        "scale_invariant": no("it scales with the unit", first=[[2.0]], target=[[0.0]], noise=[[0.0]]),
    },
    cases=({"sigma_min": 0.1},),
    chapter=10,
)
def flow_matching_loss(
    prediction: Tensor, target: Tensor, noise: Tensor, *, sigma_min: float = 0.0, reduction: str = "mean"
) -> Tensor:
    r"""Flow matching: the squared error of a velocity along the straight way from noise to an example.

    .. math::

        \ell = \big( v_\theta(x_t, t) - (x_1 - (1 - \sigma_{\min})\, x_0) \big)^2

    The network sees :func:`flow_path`. With :math:`\sigma_{\min} = 0` it is rectified flow.

    Args:
        prediction: velocity :math:`v_\theta`, `(N, *)`.
        target: the example :math:`x_1` that the flow ends at, the same shape.
        noise: the noise :math:`x_0` that it starts from, the same shape.
        sigma_min: width of the noise that is left at the end, in [0, 1].
        reduction: `"none"` gives the shape of the prediction; `"mean"` divides by the number of entries.

    Returns:
        The loss: a scalar, or the shape of the prediction for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: a prediction that is not floating-point.
        ValueError: shapes that differ, a width outside [0, 1], an unknown reduction.

    References:
        Lipman et al., Flow matching for generative modeling, 2023, https://arxiv.org/abs/2210.02747; rectified flow:
        Liu, Gong and Liu, 2023, https://arxiv.org/abs/2209.03003.

    Example:
        >>> flow_matching_loss(torch.tensor([[1.0]]), torch.tensor([[3.0]]), torch.tensor([[1.0]]))
        tensor(1.)
    """
    check_tensors(prediction=prediction, target=target, noise=noise)
    check_floating("prediction", prediction)
    check_same_shape("target", target, "prediction", prediction)
    check_same_shape("noise", noise, "prediction", prediction)
    check_fraction("sigma_min", sigma_min)
    check_reduction(reduction)
    velocity, end, start = together(prediction, target, noise)
    way = end - start if sigma_min == 0 else end - (1 - sigma_min) * start
    return reduce(F.mse_loss(velocity, way, reduction="none"), reduction, dtype=prediction.dtype)


FlowMatchingLoss = as_module("FlowMatchingLoss", flow_matching_loss)


@gradient_of(flow_matching_loss)
def _flow_matching_gradient(prediction: Tensor, target: Tensor, noise: Tensor, *, sigma_min: float = 0.0) -> Tensor:
    r""":math:`\partial\mathcal L / \partial v = 2 \big(v - x_1 + (1 - \sigma_{\min}) x_0\big) / N`."""
    return 2 * (prediction - target + (1 - sigma_min) * noise) / target.numel()


@loss(
    tasks=("text-to-image", "image-to-image"),
    names=("consistency model", "consistency training", "consistency distillation", "iCT"),
    domain={
        "prediction": "numbers of order one",
        "target": "numbers of order one",
        "sigma": "noise widths",
        "previous_sigma": "smaller noise widths",
    },
    range=(0.0, float("inf")),
    properties=_SQUARED_ERROR
    | {
        "lipschitz": no("the smaller the step, the steeper", first=[[1.0]], other=[[0.0]], target=[[0.0]], sigma=[1.0],
                        previous_sigma=[0.9995]),
        "bounded": no("it grows with the error", first=[[100.0]], target=[[0.0]], sigma=[1.0], previous_sigma=[0.5]),
        "scale_invariant": no("it scales with the unit", first=[[2.0]], target=[[0.0]], sigma=[1.0],
                              previous_sigma=[0.5]),
    },
    cases=({"c": 0.5}, {"distance": "l2", "weighting": "uniform"}, {"distance": "l1"}),
    detached="the target: it comes from a network that is held fixed",
    chapter=10,
)  # fmt: skip
def consistency_model_loss(
    prediction: Tensor,
    target: Tensor,
    sigma: Tensor,
    previous_sigma: Tensor,
    *,
    distance: str = "pseudo_huber",
    c: float | None = None,
    weighting: str = "step",
    reduction: str = "mean",
) -> Tensor:
    r"""Consistency model loss: whether two noisy forms of an example, a step apart, are said to have one origin.

    .. math::

        \ell = \frac{1}{\sigma_{n+1} - \sigma_n} \Big( \sqrt{\lVert u - v \rVert_2^2 + c^2} - c \Big), \qquad
        u = f_\theta(x_{n+1}, \sigma_{n+1}), \quad v = f_{\theta^-}(x_n, \sigma_n)

    The network leads from any place on a path of diffusion to where the path began, in one step. In *training*,
    :math:`x_{n+1} = x + \sigma_{n+1} \epsilon` and :math:`x_n = x + \sigma_n \epsilon` have one noise; in
    *distillation* a step of a trained diffusion model leads from :math:`x_{n+1}` to :math:`x_n`. :math:`\theta^-` is
    :math:`\theta` itself, or its moving average. All answers being equal would be perfect, too: what rules that out is
    :math:`f_\theta(x, \sigma_{\min}) = x`, which the network must have built in. The defaults are those of improved
    consistency training; Song et al. have `weighting="uniform"` and `distance="l2"`, `"l1"`, or
    :func:`~lossbook.losses.images.lpips_loss`.

    Args:
        prediction: :math:`u`, what the network says of the noisier form, `(N, *)`.
        target: :math:`v`, what it says of the cleaner one, the same shape; no gradient reaches it.
        sigma: width :math:`\sigma_{n+1}` of the noise of each example, `(N,)`.
        previous_sigma: width :math:`\sigma_n` of the step before, `(N,)`, at least 0 and below `sigma`.
        distance: `"pseudo_huber"`, as in the formula; `"l2"`, the mean of the squared errors, or `"l1"`, the mean of
            their sizes (the paper writes sums, the authors' program takes means).
        c: where the pseudo-Huber distance turns from a square into a length, above 0; by default
            :math:`0.00054 \sqrt{D}` for examples of :math:`D` entries.
        weighting: `"step"`, one over the step between the widths, or `"uniform"`, 1.
        reduction: `"none"` gives `(N,)`; `"mean"` divides by `N`.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: arguments that are not floating-point tensors.
        ValueError: shapes that do not go together, widths that do not fall, an unknown setting.

    References:
        Song, Dhariwal, Chen and Sutskever, Consistency models, 2023, https://arxiv.org/abs/2303.01469, equations 7 and
        10; pseudo-Huber distance and weights: Song and Dhariwal, Improved techniques for training consistency models,
        2024, https://arxiv.org/abs/2310.14189.

    Example:
        >>> said, target = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)
        >>> consistency_model_loss(said, target, torch.tensor([0.75]), torch.tensor([0.25]), c=12.0)
        tensor(2.)
    """
    check_tensors(prediction=prediction, target=target, sigma=sigma, previous_sigma=previous_sigma)
    check_floating("prediction", prediction)
    check_layout("prediction", prediction, "N", "*")
    check_same_shape("target", target, "prediction", prediction)
    for name, width in (("sigma", sigma), ("previous_sigma", previous_sigma)):
        check_floating(name, width)
        check_layout(name, width, len(prediction))
    check_choice("distance", distance, ("pseudo_huber", "l2", "l1"))
    check_choice("weighting", weighting, ("step", "uniform"))
    if c is None:
        c = 0.00054 * math.sqrt(max(math.prod(prediction.shape[1:]), 1))
    check_positive("c", c)
    check_reduction(reduction)
    if known(sigma, lambda: ((previous_sigma >= 0) & (previous_sigma < sigma)).all()) is False:
        raise ValueError("previous_sigma must be at least 0 and below sigma: the target is the cleaner form")
    said, truth, width, before = together(prediction, target.detach(), sigma, previous_sigma)
    if distance == "pseudo_huber":
        squares = _example_sums(F.mse_loss(said, truth, reduction="none"))
        values = squares / (torch.sqrt(squares + c**2) + c)  # the root minus c, with all digits
    else:
        values = _example_means((F.mse_loss if distance == "l2" else F.l1_loss)(said, truth, reduction="none"))
    if weighting == "step":
        values = values / (width - before)
    return reduce(values, reduction, dtype=prediction.dtype)


ConsistencyModelLoss = as_module("ConsistencyModelLoss", consistency_model_loss)


@gradient_of(consistency_model_loss)
def _consistency_model_gradient(
    prediction: Tensor, target: Tensor, sigma: Tensor, previous_sigma: Tensor, *, c: float | None = None
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial u = (u - v) / \big(N (\sigma_{n+1} - \sigma_n) \sqrt{\lVert u - v \rVert^2
    + c^2}\big)`: for errors beyond :math:`c` a vector of one length, whatever the error."""
    error = (prediction - target).flatten(1)
    c = 0.00054 * error.shape[1] ** 0.5 if c is None else c
    length = (error.square().sum(1) + c**2).sqrt() * (sigma - previous_sigma)
    return (error / length.unsqueeze(1)).reshape(prediction.shape) / len(prediction)


@loss(
    tasks=("text-to-image", "audio-to-image", "image-to-image"),
    names=("denoising score matching", "DSM"),
    domain={
        "score": "numbers of order one",
        "target": "numbers of order one",
        "noisy": "numbers of order one",
        "sigma": "noise widths",
    },
    range=(0.0, float("inf")),
    properties=_SQUARED_ERROR
    | {
        "lipschitz": no("it is quadratic", first=[[1e4]], other=[[0.0]], target=[[0.0]], noisy=[[0.0]], sigma=[1.0]),
        "bounded": no("it grows with the error", first=[[20.0]], target=[[0.0]], noisy=[[0.0]], sigma=[1.0]),
        "symmetric": not_applicable("a score and a place are two kinds of thing"),
        "scale_invariant": not_applicable("a score has the inverse unit of a place"),
    },
    cases=({"weighting": "uniform"},),
    chapter=10,
)
def denoising_score_matching_loss(
    score: Tensor, target: Tensor, noisy: Tensor, sigma: Tensor, *, weighting: str = "variance", reduction: str = "mean"
) -> Tensor:
    r"""Denoising score matching: the squared error of a score, against the way back to the clean example.

    .. math::

        \ell = \tfrac12\, \lambda(\sigma) \Big\lVert s_\theta(\tilde x) - \frac{x - \tilde x}{\sigma^2} \Big\rVert^2

    With the weight :math:`\lambda = \sigma^2` it is half the squared error of the noise
    :math:`\hat\epsilon = -\sigma s_\theta`, summed over the dimensions.

    Args:
        score: :math:`s_\theta(\tilde x)`, the predicted gradient of the log-density, `(N, *)`.
        target: the clean example :math:`x`, the same shape.
        noisy: :math:`\tilde x = x + \sigma\epsilon`, the same shape.
        sigma: width of the noise of each example, `(N,)`, above 0.
        weighting: `"variance"`, :math:`\lambda = \sigma^2` (Song and Ermon), or `"uniform"`, 1 (Vincent).
        reduction: `"none"` gives `(N,)`, the sum over the dimensions of each example; `"mean"` divides by `N`.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: arguments that are not floating-point tensors.
        ValueError: shapes that do not go together, a width that is not above 0, an unknown setting.

    References:
        Vincent, A connection between score matching and denoising autoencoders, 2011,
        https://doi.org/10.1162/NECO_a_00142; weights: Song and Ermon, Generative modeling by estimating gradients of
        the data distribution, 2019, https://arxiv.org/abs/1907.05600.

    Example:
        >>> clean, noisy = torch.tensor([[0.0]]), torch.tensor([[2.0]])
        >>> denoising_score_matching_loss(torch.tensor([[0.0]]), clean, noisy, torch.tensor([2.0]))
        tensor(0.5000)
    """
    check_tensors(score=score, target=target, noisy=noisy, sigma=sigma)
    check_floating("score", score)
    check_floating("sigma", sigma)
    check_layout("score", score, "N", "*")
    check_same_shape("target", target, "score", score)
    check_same_shape("noisy", noisy, "score", score)
    check_layout("sigma", sigma, len(score))
    check_choice("weighting", weighting, ("variance", "uniform"))
    check_reduction(reduction)
    if sigma.numel() and known(sigma, lambda: (sigma > 0).all()) is False:
        raise ValueError(f"sigma must be above 0, got {float(sigma.min())}")
    s, clean, noised, width = together(score, target, noisy, sigma)
    width = width.reshape(-1, *[1] * (s.dim() - 1))
    error = width * s + (noised - clean) / width
    if weighting == "uniform":
        error = error / width
    return reduce(_example_sums(0.5 * error * error), reduction, dtype=score.dtype)


DenoisingScoreMatchingLoss = as_module("DenoisingScoreMatchingLoss", denoising_score_matching_loss)


@gradient_of(denoising_score_matching_loss)
def _denoising_score_matching_gradient(
    score: Tensor, target: Tensor, noisy: Tensor, sigma: Tensor, *, weighting: str = "variance"
) -> Tensor:
    r""":math:`\partial\mathcal L / \partial s = \lambda(\sigma) \big(s - (x - \tilde x) / \sigma^2\big) / N`."""
    variance = (sigma**2).reshape(-1, *[1] * (score.dim() - 1))
    weight = variance if weighting == "variance" else torch.ones_like(variance)
    return weight * (score - (target - noisy) / variance) / len(target)


@loss(
    tasks=("text-to-image", "image-to-image"),
    names=("sliced score matching", "SSM", "Hutchinson score matching"),
    domain={"model": "score model", "data": "numbers of order one"},
    range=(-float("inf"), float("inf")),
    properties=_OF_A_MODEL,
    cases=({"variance_reduced": False}, {"samples": 3}),
    kind="objective",
    without_gradient="the gradient is that of the model's parameters",
    chapter=10,
)
def sliced_score_matching_loss(
    model: Critic,
    data: Tensor,
    *,
    samples: int = 1,
    variance_reduced: bool = True,
    directions: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Sliced score matching: fit the gradient of a log-density to examples alone, along random directions.

    .. math::

        \ell = v^\top \nabla_x s_\theta(x)\, v + \tfrac12 \lVert s_\theta(x) \rVert^2

    On average over the directions :math:`v` it is Hyvarinen's loss,
    :math:`\mathrm{tr}\, \nabla s + \frac12 \lVert s \rVert^2`, and up to a constant the expected squared error of the
    score. Without `variance_reduced` the second term is :math:`\frac12 (v^\top s)^2`. The loss may be negative.

    Args:
        model: maps `(N, *)` to scores of the same shape, each example by itself.
        data: examples, `(N, *)`.
        samples: number of directions for each example.
        variance_reduced: the exact second term (SSM-VR), or the sliced one (SSM).
        directions: the directions, `(samples, N, *)`; by default drawn anew, each entry -1 or 1.
        reduction: `"none"` gives `(N,)`.

    Returns:
        The loss: a scalar, or `(N,)` for `reduction="none"`. An empty batch gives 0.

    Raises:
        TypeError: a model that cannot be called, data that is not floating-point.
        ValueError: scores or directions of another shape, an unknown reduction.

    References:
        Song et al., Sliced score matching, 2019, https://arxiv.org/abs/1905.07088; Hyvarinen, 2005,
        https://www.jmlr.org/papers/v6/hyvarinen05a.html.

    Example:
        >>> sliced_score_matching_loss(lambda x: -x, torch.tensor([[1.0, 2.0]])).item()
        0.5
    """
    if not callable(model):
        raise TypeError(f"model must be callable, got {type(model).__name__}")
    check_tensors(data=data, directions=directions)
    check_floating("data", data)
    check_layout("data", data, "N", "*")
    check_reduction(reduction)
    if directions is None:
        check_positive("samples", samples)
        directions = 2.0 * torch.randint(2, (samples, *data.shape), device=data.device).to(data.dtype) - 1.0
    check_layout("directions", directions, "samples", *data.shape)
    with torch.enable_grad():
        points = data.detach().requires_grad_()
        score = model(points)
        check_same_shape("the model's score", score, "data", data)
        values = []
        for direction in directions.to(score.dtype):
            slices = _example_sums(score * direction)
            (turn,) = torch.autograd.grad(slices.sum(), points, create_graph=True)
            size = _example_sums(widen(score) ** 2) if variance_reduced else widen(slices) ** 2
            values.append(_example_sums(widen(turn * direction)) + 0.5 * size)
    return reduce(torch.stack(values).mean(0), reduction, dtype=data.dtype)


SlicedScoreMatchingLoss = as_module("SlicedScoreMatchingLoss", sliced_score_matching_loss)
