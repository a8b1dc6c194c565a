"""A small U-Net."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class UNet(nn.Module):
    """U-Net for 2-D images: an encoder that halves the resolution, a decoder that restores it, skips.

    Two changes from the paper keep it small and steady: convolutions are padded, so that the output has the
    size of the input, and each is followed by group normalization. Batch normalization would tie a pixel's
    prediction to the other images of the batch; where foreground is rare, its running statistics describe
    background alone, and training and evaluation then differ for a reason that is not the loss.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, logits: one per class, or 1 for a binary task.
        width: channels of the first level; each level below has twice as many. A multiple of 4.
        depth: number of halvings. Height and width of the input must be divisible by ``2**depth``.
        convolutions: 3 by 3 convolutions per block; 2 in the paper, 1 costs about half.

    Shape:
        input (N, in_channels, H, W), output (N, out_channels, H, W).

    Reference: Ronneberger, Fischer, Brox, "U-Net", MICCAI 2015, https://arxiv.org/abs/1505.04597

    Example:
        >>> UNet(3, 5, width=8, depth=2)(torch.zeros(2, 3, 32, 48)).shape
        torch.Size([2, 5, 32, 48])
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, width: int = 16, depth: int = 3, convolutions: int = 2
    ) -> None:
        super().__init__()
        if width < 4 or width % 4:
            raise ValueError(f"width: expected a positive multiple of 4, got {width}")
        if depth < 1 or convolutions < 1:
            raise ValueError(f"depth, convolutions: expected at least 1 each, got {depth} and {convolutions}")
        widths = [width * 2**level for level in range(depth + 1)]
        self.in_channels = in_channels
        self.depth = depth
        self.encoder = nn.ModuleList(
            _block(before, after, convolutions)
            for before, after in zip([in_channels, *widths[:-1]], widths, strict=True)
        )
        self.decoder = nn.ModuleList(
            _block(below + here, here, convolutions) for below, here in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(width, out_channels, kernel_size=1)

    def forward(self, images: Tensor) -> Tensor:
        self._check(images)
        skips = []
        features = self.encoder[0](images)
        for block in self.encoder[1:]:
            skips.append(features)
            features = block(F.max_pool2d(features, 2))
        for block, skip in zip(self.decoder, reversed(skips), strict=True):
            upsampled = F.interpolate(features, scale_factor=2, mode="nearest")
            features = block(torch.cat([upsampled, skip], dim=1))
        return self.head(features)

    def _check(self, images: Tensor) -> None:
        factor = 2**self.depth
        if images.ndim != 4 or images.shape[1] != self.in_channels:
            raise ValueError(f"images: expected shape (N, {self.in_channels}, H, W), got {tuple(images.shape)}")
        if images.shape[2] % factor or images.shape[3] % factor:
            raise ValueError(f"images: expected H and W divisible by {factor}, got {tuple(images.shape[2:])}")


def _block(in_channels: int, out_channels: int, convolutions: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in [in_channels] + [out_channels] * (convolutions - 1):
        layers += [
            nn.Conv2d(channels, out_channels, kernel_size=3, padding=1, bias=False),  # the normalization has a bias
            nn.GroupNorm(4, out_channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
