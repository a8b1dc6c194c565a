"""Networks of the smallest size that still shows what a loss does: for pictures of 8 by 8 pixels, as flat vectors."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn


def dense(*widths: int, slope: float = 0.0) -> nn.Sequential:
    """Linear layers of the given widths with a (leaky) rectifier between them, none after the last.

    Args:
        widths: length of the input, of each hidden layer, and of the output.
        slope: slope of the rectifier below zero.

    Shape:
        input (N, widths[0]), output (N, widths[-1]).

    Example:
        >>> dense(64, 32, 10)(torch.zeros(5, 64)).shape
        torch.Size([5, 10])
    """
    if len(widths) < 2:
        raise ValueError(f"widths: expected at least input and output, got {widths}")
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.LeakyReLU(slope)]
    return nn.Sequential(*layers[:-1])


class TinyVAE(nn.Module):
    """Variational autoencoder: a picture becomes a Gaussian over codes, a code becomes a picture.

    Args:
        size: number of pixels.
        code: number of dimensions of the code.
        width: width of the two hidden layers on each side.

    Shape:
        input (N, size); output a tuple of the rebuilt picture (N, size), made of one code drawn at random in training
        mode and of the mean code in evaluation mode, the code's mean (N, code) and its log-variance (N, code).

    Reference: Kingma and Welling, "Auto-encoding variational Bayes", 2013, https://arxiv.org/abs/1312.6114
    """

    def __init__(self, size: int = 64, code: int = 8, width: int = 128) -> None:
        super().__init__()
        self.code = code
        self.encoder = dense(size, width, width, 2 * code)
        self.decoder = dense(code, width, width, size)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the code of each picture, (N, code) each."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encode(x)
        noise = torch.randn_like(mean) if self.training else torch.zeros_like(mean)
        return self.decoder(mean + (0.5 * log_variance).exp() * noise), mean, log_variance

    def sample(self, codes: Tensor) -> Tensor:
        """Pictures (N, size) of codes (N, code): the decoder's means, without its noise."""
        return self.decoder(codes)


class TinyDenoiser(nn.Module):
    """Says which noise was added to a picture.

    Args:
        size: number of pixels.
        width: width of the two hidden layers.
        waves: number of sines and of cosines that tell the network how noisy its input is.

    Shape:
        input (N, size + 1): the noisy picture, and the share of the signal's variance in it, in [0, 1], as the last
        column; output (N, size): the noise.

    Reference: Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020, https://arxiv.org/abs/2006.11239
    """

    def __init__(self, size: int = 64, width: int = 192, waves: int = 8) -> None:
        super().__init__()
        self.register_buffer("frequencies", math.pi * torch.arange(1, waves + 1))
        self.layers = dense(size + 2 * waves, width, width, size)

    def forward(self, x: Tensor) -> Tensor:
        noisy, share = x[:, :-1], x[:, -1:]
        angles = share.sqrt() * self.frequencies
        return self.layers(torch.cat([noisy, angles.sin(), angles.cos()], dim=1))


def linear_shares(steps: int) -> Tensor:
    r"""The share of the signal's variance after 0, 1, ..., ``steps`` steps of noise, (steps + 1,), from 1 to nearly 0.

    The variance that a step adds grows linearly, from 0.1 / ``steps`` to 20 / ``steps``: the schedule of Ho et al., who
    take 1,000 steps, for any number of them.

    Args:
        steps: number of steps, at least 21 (below, the last step would add more than it has).

    Reference: Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020, https://arxiv.org/abs/2006.11239

    Example:
        >>> linear_shares(100)[[0, 50, 100]].round(decimals=3)
        tensor([1.0000, 0.0740, 0.0000])
    """
    if steps < 21:
        raise ValueError(f"steps: expected at least 21, got {steps}")
    added = torch.linspace(0.1, 20, steps, dtype=torch.float64) / steps
    return torch.cat([torch.ones(1, dtype=torch.float64), (1 - added).cumprod(0)]).float()


@torch.no_grad()
def denoise(model: nn.Module, noise: Tensor, shares: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Pictures out of noise, step by step, with a network that predicts noise (ancestral sampling).

    Args:
        model: as :class:`TinyDenoiser`.
        noise: (N, size) standard normal numbers to begin with.
        shares: (steps + 1,) shares of the signal's variance, falling, as :func:`linear_shares` gives them.
        generator: of the noise that each step adds.

    Returns:
        (N, size) pictures, in [-1, 1] like those that the network was trained with.
    """
    x = noise
    for before, share in zip(shares[:-1].flip(0).tolist(), shares[1:].flip(0).tolist(), strict=True):
        said = model(torch.cat([x, torch.full_like(x[:, :1], share)], dim=1))
        clean = ((x - math.sqrt(1 - share) * said) / math.sqrt(share)).clamp(-1, 1)
        kept = share / before
        mean = (math.sqrt(before) * (1 - kept) * clean + math.sqrt(kept) * (1 - before) * x) / (1 - share)
        fresh = torch.randn(x.shape, generator=generator, device=x.device) if before < 1 else torch.zeros_like(x)
        x = mean + math.sqrt((1 - kept) * (1 - before) / (1 - share)) * fresh
    return x
