"""How good are generated pictures? Numbers that compare samples with real examples; and a model's likelihood."""

import math
from typing import Protocol

import torch
from torch import Tensor


def frechet_distance(features: Tensor, real: Tensor) -> float:
    r"""Squared Fréchet distance of the Gaussians with the means and covariances of two sets of features.

    .. math::

        \lVert m_1 - m_2 \rVert^2 + \mathrm{tr}\big(S_1 + S_2 - 2 (S_1^{1/2} S_2 S_1^{1/2})^{1/2}\big)

    With features of an Inception network this is the FID. Computed in float64, by eigenvalues of symmetric matrices.

    Args:
        features: (N, D) features of the samples.
        real: (M, D) features of real examples; N and M at least 2. Few of them make the distance too large.

    Reference: Heusel et al., "GANs trained by a two time-scale update rule", 2017, https://arxiv.org/abs/1706.08500

    Example:
        >>> x = torch.tensor([[0.0], [2.0]])
        >>> round(frechet_distance(x + 3, x), 6)
        9.0
    """
    if features.ndim != 2 or real.ndim != 2 or features.shape[1] != real.shape[1] or min(len(features), len(real)) < 2:
        raise ValueError(f"expected (N, D) and (M, D) with N, M >= 2, got {tuple(features.shape)}, {tuple(real.shape)}")
    first, second = features.double(), real.double()
    means = (first.mean(0) - second.mean(0)).square().sum()
    s, t = (torch.atleast_2d(torch.cov(x.T)) for x in (first, second))
    root = _square_root(s)
    overlap = torch.linalg.eigvalsh(root @ t @ root).clamp_min(0).sqrt().sum()
    return float(means + s.trace() + t.trace() - 2 * overlap)


def _square_root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp_min(0).sqrt() @ vectors.T


def two_sample_accuracy(samples: Tensor, real: Tensor) -> float:
    """How often the nearest other point tells whether a point is a sample or real: leave-one-out accuracy of 1-NN.

    One half is best: samples and real examples mix. One means that they can be told apart; well below one half, that
    samples repeat the very examples that they are compared with.

    Args:
        samples: (N, D) samples.
        real: (M, D) real examples. Take as many as there are samples: otherwise chance is not one half.

    Reference: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", 2016, https://arxiv.org/abs/1610.06545

    Example:
        >>> two_sample_accuracy(torch.tensor([[0.0], [0.1]]), torch.tensor([[5.0], [5.1]]))
        1.0
    """
    if samples.ndim != 2 or real.ndim != 2 or samples.shape[1] != real.shape[1]:
        raise ValueError(f"expected (N, D) and (M, D), got {tuple(samples.shape)}, {tuple(real.shape)}")
    points = torch.cat([samples, real])
    kind = torch.arange(len(points), device=points.device) < len(samples)
    distances = torch.cdist(points, points).fill_diagonal_(float("inf"))
    return (kind[distances.argmin(1)] == kind).float().mean().item()


class Coder(Protocol):
    """A variational autoencoder as far as its likelihood needs it, such as :class:`lossbook.models.TinyVAE`."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the code of each example, (N, K) each."""

    def sample(self, codes: Tensor) -> Tensor:
        """Examples (N, D) of codes (N, K)."""


@torch.no_grad()
def log_likelihood(model: Coder, x: Tensor, *, scale: float, draws: int = 200, seed: int = 0) -> dict[str, float]:
    r"""How probable a variational autoencoder finds examples: an estimate from below, and the bound it is trained on.

    With codes :math:`z_k \sim q(z \mid x)` and the weights
    :math:`w_k = p(x \mid z_k)\, p(z_k) / q(z_k \mid x)`, the estimate is
    :math:`\log \frac1K \sum_k w_k` and the bound :math:`\frac1K \sum_k \log w_k`. By Jensen's inequality the
    estimate is never below the bound; the more draws, the closer it comes to :math:`\log p(x)`.

    Args:
        model: encodes examples, and makes the mean of an example of a code.
        x: (N, D) examples.
        scale: standard deviation of the decoder's noise.
        draws: K, codes drawn for each example.
        seed: of the draws.

    Returns:
        ``estimate`` and ``bound``, means over the examples, in nats, without the constant
        :math:`-\frac D2 \log 2\pi\sigma^2`.

    Reference: Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", 2015,
        https://arxiv.org/abs/1509.00519
    """
    if x.ndim != 2 or draws < 1 or not scale > 0:
        raise ValueError(f"expected x (N, D), draws >= 1, scale > 0, got {tuple(x.shape)}, {draws}, {scale}")
    mean, log_variance = model.encode(x)
    noise = torch.randn(draws, *mean.shape, generator=torch.Generator().manual_seed(seed)).to(x)
    codes = mean + (log_variance / 2).exp() * noise
    squares = (model.sample(codes.flatten(0, 1)).unflatten(0, (draws, -1)) - x).square().sum(2) / 2 / scale**2
    weights = -squares - codes.square().sum(2) / 2 + (noise.square() + log_variance).sum(2) / 2
    estimate = weights.logsumexp(0) - math.log(draws)
    return {"estimate": estimate.mean().item(), "bound": weights.mean().item()}
