"""Losses: pure functions on tensors, one module per family, each with its derived `nn.Module`."""

from . import classification, regression, segmentation
from ._module import LossModule
from .classification import *  # noqa: F403
from .regression import *  # noqa: F403
from .segmentation import *  # noqa: F403

# Written so that type checkers, which do not run code, know every name.
__all__ = ["LossModule"]
__all__ += classification.__all__
__all__ += regression.__all__
__all__ += segmentation.__all__
