"""A generator and a discriminator, trained against each other."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..losses.generative import minimax_discriminator_loss


def fit_adversaries(
    generator: nn.Module,
    discriminator: nn.Module,
    generator_loss: Callable[[Tensor], Tensor],
    real: Tensor,
    *,
    noise: int,
    steps: int,
    batch_size: int,
    lr: float,
    seed: int,
) -> None:
    """Train both networks in place, by turns: one step of the discriminator, one of the generator.

    Both use Adam with a first moment of 0.5. The discriminator's loss is
    :func:`~lossbook.minimax_discriminator_loss`: two logistic losses, of real and of generated examples.

    Args:
        generator: maps noise (N, noise) to examples shaped like those of ``real``.
        discriminator: maps examples to one logit each, (N, 1) or (N,); positive says "real".
        generator_loss: takes the discriminator's logits of generated examples, as
            :func:`~lossbook.minimax_generator_loss` or :func:`~lossbook.non_saturating_generator_loss`.
        real: (M, ...) real examples; each step draws ``batch_size`` of them with replacement.
        noise: numbers that the generator is given for an example.
        steps: number of turns.
        batch_size: real and generated examples in a turn.
        lr: step size of both networks.
        seed: seeds noise and order of the examples.

    Reference: Goodfellow et al., "Generative adversarial networks", 2014, https://arxiv.org/abs/1406.2661

    Example:
        >>> from lossbook import non_saturating_generator_loss
        >>> G, D = nn.Linear(1, 2), nn.Linear(2, 1)
        >>> settings = {"noise": 1, "steps": 3, "batch_size": 4, "lr": 1e-3, "seed": 0}
        >>> fit_adversaries(G, D, non_saturating_generator_loss, torch.rand(8, 2), **settings)
    """
    judge, forger = (
        torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.999)) for net in (discriminator, generator)
    )
    random = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        shown = real[torch.randint(len(real), (batch_size,), generator=random).to(real.device)]
        fake = generator(torch.randn(batch_size, noise, generator=random).to(real.device))
        judge.zero_grad()
        minimax_discriminator_loss(discriminator(shown), discriminator(fake.detach())).backward()
        judge.step()
        forger.zero_grad()
        generator_loss(discriminator(fake)).backward()
        forger.step()
