"""A small transformer that segments."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PatchSegmenter(nn.Module):
    """Vision transformer for segmentation in the manner of Segmenter.

    The image is cut into patches, each becomes a token, self-attention mixes all of them from the first layer
    on, and each token is decoded to class scores, which are upsampled bilinearly to pixels.

    Two decoders, both from the paper: ``"linear"`` maps a token to its class scores; ``"mask"`` adds one
    learned query per class, which passes one more attention layer together with the tokens; the scores are
    scalar products of queries and tokens.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, logits: one per class, or 1 for a binary task.
        image_size: height and width of the input in pixels (positions are learned).
        patch_size: height and width of a patch in pixels; divides ``image_size``.
        width: length of a token; a multiple of ``heads``.
        layers: number of encoder layers.
        heads: attention heads per layer.
        decoder: ``"linear"`` or ``"mask"``.

    Shape:
        input (N, in_channels, image_size, image_size), output (N, out_channels, image_size, image_size).

    Reference: Strudel, Garcia, Laptev, Schmid, "Segmenter", ICCV 2021, https://arxiv.org/abs/2105.05633

    Example:
        >>> PatchSegmenter(3, 5, image_size=32, decoder="mask")(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 5, 32, 32])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        image_size: int = 64,
        patch_size: int = 4,
        width: int = 64,
        layers: int = 3,
        heads: int = 4,
        decoder: str = "linear",
    ) -> None:
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f"patch_size: expected a divisor of image_size={image_size}, got {patch_size}")
        if decoder not in ("linear", "mask"):
            raise ValueError(f"decoder: expected 'linear' or 'mask', got {decoder!r}")
        self.expected = (in_channels, image_size, image_size)
        self.grid = image_size // patch_size
        self.embed = nn.Conv2d(in_channels, width, kernel_size=patch_size, stride=patch_size)
        self.positions = nn.Parameter(0.02 * torch.randn(1, self.grid**2, width))
        self.encoder = nn.ModuleList(_attention_layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.decoder = decoder
        if decoder == "linear":
            self.head = nn.Linear(width, out_channels)
        else:
            self.queries = nn.Parameter(0.02 * torch.randn(1, out_channels, width))
            self.decoder_layer = _attention_layer(width, heads)

    def forward(self, images: Tensor) -> Tensor:
        if tuple(images.shape[1:]) != self.expected:
            raise ValueError(f"images: expected shape (N, *{self.expected}), got {tuple(images.shape)}")
        tokens = self.embed(images).flatten(2).transpose(1, 2) + self.positions
        for layer in self.encoder:
            tokens = layer(tokens)
        scores = self._linear_scores(tokens) if self.decoder == "linear" else self._mask_scores(tokens)
        score_maps = scores.transpose(1, 2).unflatten(2, (self.grid, self.grid))
        return F.interpolate(score_maps, size=images.shape[2:], mode="bilinear", align_corners=False)

    def _linear_scores(self, tokens: Tensor) -> Tensor:
        return self.head(self.norm(tokens))

    def _mask_scores(self, tokens: Tensor) -> Tensor:
        queries = self.queries.expand(len(tokens), -1, -1)
        mixed = self.norm(self.decoder_layer(torch.cat([tokens, queries], dim=1)))
        patches, classes = mixed[:, : -queries.shape[1]], mixed[:, -queries.shape[1] :]
        return patches @ classes.transpose(1, 2) / mixed.shape[-1] ** 0.5


def _attention_layer(width: int, heads: int) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        width,
        heads,
        dim_feedforward=2 * width,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
