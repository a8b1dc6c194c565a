"""The few small networks that chapters share."""

from .forecasters import (
    DeepAR,
    GRUForecaster,
    LinearForecaster,
    NBeats,
    PatchTransformer,
    SCIBlock,
    SCIForecaster,
    SeriesClassifier,
    seasonal_naive,
)
from .patch_segmenter import PatchSegmenter
from .squeezenet import SqueezeNet, SqueezeNetFeatures, squeezenet, squeezenet_features
from .tabular import MixedInputs, TabNet, TabularMLP, sparsemax
from .tiny import TinyDenoiser, TinyVAE, denoise, dense, linear_shares
from .unet import UNet

__all__ = [
    "DeepAR",
    "GRUForecaster",
    "LinearForecaster",
    "MixedInputs",
    "NBeats",
    "PatchSegmenter",
    "PatchTransformer",
    "SCIBlock",
    "SCIForecaster",
    "SeriesClassifier",
    "SqueezeNet",
    "SqueezeNetFeatures",
    "TabNet",
    "TabularMLP",
    "UNet",
    "seasonal_naive",
    "sparsemax",
    "squeezenet",
    "squeezenet_features",
    "TinyDenoiser",
    "TinyVAE",
    "linear_shares",
    "denoise",
    "dense",
]
