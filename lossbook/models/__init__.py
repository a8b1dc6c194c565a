"""The few small networks that chapters share."""

from .patch_segmenter import PatchSegmenter
from .unet import UNet

__all__ = ["PatchSegmenter", "UNet"]
