"""SqueezeNet 1.1, trained on ImageNet: a small network whose features compare pictures."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..data._files import load_arrays

SMALLEST = 32  # pixels; below, the last maps would have no pixel


class Fire(nn.Module):
    """Squeeze to few channels, then expand by convolutions of 1 by 1 and of 3 by 3 pixels."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        squeezed = F.relu(self.squeeze1x1(maps))
        return F.relu(torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], 1))


class SqueezeNet(nn.Module):
    """SqueezeNet 1.1: 1.2 million parameters, 1,000 classes.

    Takes RGB pictures with values in [0, 1], which it turns into what it was trained on: blue, green, red,
    from 0 to 255, minus the mean color. Weights are random until `squeezenet()` fills them in.

    Shape:
        input (N, 3, H, W) with sides of 32 pixels or more; output (N, 1000), logits.

    Reference: Iandola et al., "SqueezeNet", 2016, https://arxiv.org/abs/1602.07360

    Example:
        >>> SqueezeNet()(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 1000])
    """

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([104.0, 117.0, 123.0]).reshape(1, 3, 1, 1), persistent=False)
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2)
        self.fire2, self.fire3 = Fire(64, 16, 64), Fire(128, 16, 64)
        self.fire4, self.fire5 = Fire(128, 32, 128), Fire(256, 32, 128)
        self.fire6, self.fire7 = Fire(256, 48, 192), Fire(384, 48, 192)
        self.fire8, self.fire9 = Fire(384, 64, 256), Fire(512, 64, 256)
        self.conv10 = nn.Conv2d(512, 1000, 1)

    def feature_maps(self, pictures: Tensor) -> list[Tensor]:
        """Seven maps, from edges to parts: after the first convolution, before each pooling, and at the end.

        These are the layers that LPIPS takes of SqueezeNet.
        """
        if pictures.dim() != 4 or pictures.shape[1] != 3 or min(pictures.shape[2:]) < SMALLEST:
            raise ValueError(
                f"pictures: expected shape (N, 3, H, W) with sides of {SMALLEST} or more, got {tuple(pictures.shape)}"
            )
        first = F.relu(self.conv1(255 * pictures.flip(1) - self.mean))
        third = self.fire3(self.fire2(_pooled(first)))
        fifth = self.fire5(self.fire4(_pooled(third)))
        sixth = self.fire6(_pooled(fifth))
        seventh = self.fire7(sixth)
        eighth = self.fire8(seventh)
        return [first, third, fifth, sixth, seventh, eighth, self.fire9(eighth)]

    def forward(self, pictures: Tensor) -> Tensor:
        return F.relu(self.conv10(self.feature_maps(pictures)[-1])).mean((2, 3))


class SqueezeNetFeatures(nn.Module):
    """The seven feature maps of a SqueezeNet, finest first: 64, 128, 256, 384, 384, 512 and 512 channels."""

    def __init__(self, network: SqueezeNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> list[Tensor]:
        return self.network.feature_maps(pictures)


def squeezenet() -> SqueezeNet:
    """SqueezeNet with the weights that ship with lossbook (see `lossbook/data/LICENSES.md`), frozen.

    Example:
        >>> sum(parameter.numel() for parameter in squeezenet().parameters())
        1235496
    """
    network = SqueezeNet()
    arrays = load_arrays("squeezenet16.npz")
    state = {}
    for name, array in arrays.items():  # "fire2.squeeze1x1.0" holds weights, ".1" the bias
        layer, _, index = name.rpartition(".")
        tensor = torch.tensor(array).float()
        state[f"{layer}.{'weight' if index == '0' else 'bias'}"] = (
            tensor.permute(3, 2, 0, 1) if index == "0" else tensor  # stored as height, width, in, out
        )
    network.load_state_dict(state)
    return network.requires_grad_(False).eval()


def squeezenet_features() -> SqueezeNetFeatures:
    """The feature maps of the shipped SqueezeNet, frozen: what losses on features use where no network is given."""
    return SqueezeNetFeatures(squeezenet()).eval()


def _pooled(maps: Tensor) -> Tensor:
    return F.max_pool2d(maps, 3, stride=2, ceil_mode=True)
