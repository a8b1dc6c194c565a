"""Loss landscapes: a loss along random directions through the weights of a network.

A random direction has to be made comparable first. In a network of rectifiers one layer can be multiplied by ten
and the next divided by ten without changing what it computes; a step of fixed length then means something else in
each of the two networks. Filter normalization (Li et al., 2018, https://arxiv.org/abs/1712.09913) gives every
filter of the direction the length of the same filter of the network, so that both draw the same picture.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

__all__ = ["loss_landscape", "random_direction"]

Direction = Mapping[str, Tensor]


def random_direction(model: nn.Module, *, seed: int, normalize: str | None = "filter") -> dict[str, Tensor]:
    """A Gaussian direction in the space of a network's weights.

    Biases and other parameters of one dimension stay as they are: their part of the direction is zero.

    Args:
        model: the network.
        seed: seeds the direction, which depends on nothing else than the shapes and the seed.
        normalize: `"filter"` scales each filter (the weights of one output unit or channel) to the length of the
            network's filter; None leaves the Gaussian numbers alone.

    Returns:
        One tensor for each parameter, of its shape, by name.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> direction = random_direction(layer, seed=0)
        >>> torch.allclose(direction["weight"].norm(dim=1), layer.weight.norm(dim=1))
        True
    """
    if normalize not in ("filter", None):
        raise ValueError(f"normalize: expected 'filter' or None, got {normalize!r}")
    generator = torch.Generator().manual_seed(seed)
    direction = {}
    for name, parameter in model.named_parameters():
        weights = parameter.detach()
        part = torch.randn(weights.shape, generator=generator).to(weights)
        if weights.dim() < 2:
            part = torch.zeros_like(weights)
        elif normalize == "filter":
            rows, wanted = part.flatten(1), weights.flatten(1).norm(dim=1, keepdim=True)
            length = rows.norm(dim=1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
            part = (rows / length * wanted).reshape(weights.shape)
        direction[name] = part
    return direction


def loss_landscape(
    model: nn.Module,
    inputs: Tensor,
    score: Callable[[Tensor], Tensor],
    directions: Sequence[Direction],
    coordinates: Tensor,
) -> Tensor:
    r"""Losses at the weights :math:`\theta + \alpha d_1 + \beta d_2`; the network itself is not changed.

    Args:
        model: the network; its weights are the origin.
        inputs: what it is applied to, `(N, ...)`.
        score: from its outputs to a loss, or to several at once: a tensor of shape `()` or `(M,)`.
        directions: one direction, or two, as :func:`random_direction` makes them.
        coordinates: `(K,)` steps, taken along each direction.

    Returns:
        Losses, `(K,)` or `(K, K)`, with a last dimension of M where the score has one. Rows follow the first
        direction, columns the second.

    Example:
        >>> layer = nn.Linear(1, 1, bias=False)
        >>> along = {"weight": torch.ones(1, 1)}
        >>> losses = loss_landscape(layer, torch.ones(1, 1), lambda y: y.sum(), [along], torch.tensor([0.0, 2.0]))
        >>> round((losses[1] - losses[0]).item(), 3)
        2.0
    """
    if len(directions) not in (1, 2):
        raise ValueError(f"directions: expected one or two, got {len(directions)}")
    origin = {name: parameter.detach() for name, parameter in model.named_parameters()}
    for direction in directions:
        if set(direction) != set(origin):
            raise ValueError("directions: expected a tensor for each parameter of the model")
    was_training = model.training
    model.eval()
    values = []
    with torch.no_grad():
        for steps in torch.cartesian_prod(*[coordinates] * len(directions)).reshape(-1, len(directions)):
            moved = {
                name: weights + sum(step * d[name] for step, d in zip(steps.tolist(), directions, strict=True))
                for name, weights in origin.items()
            }
            values.append(score(functional_call(model, moved, (inputs,))))
    model.train(was_training)
    grid = torch.stack(values)
    return grid.reshape(*[len(coordinates)] * len(directions), *grid.shape[1:])
