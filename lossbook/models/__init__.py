"""The few small networks that chapters share."""

from .patch_segmenter import PatchSegmenter
from .squeezenet import SqueezeNet, SqueezeNetFeatures, squeezenet, squeezenet_features
from .unet import UNet

__all__ = ["PatchSegmenter", "SqueezeNet", "SqueezeNetFeatures", "UNet", "squeezenet", "squeezenet_features"]
