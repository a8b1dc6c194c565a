"""Losses: pure functions on tensors, one module per family, each with its derived `nn.Module`."""

from . import classification, regression, segmentation
from ._module import LossModule
from .classification import *  # noqa: F403
from .regression import *  # noqa: F403
from .segmentation import *  # noqa: F403

__all__ = ["LossModule", *classification.__all__, *regression.__all__, *segmentation.__all__]
