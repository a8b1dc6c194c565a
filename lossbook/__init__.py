"""lossbook: loss functions for deep learning, each derived, tested and explained.

Every loss is a function (`lb.dice_loss`), a module (`lb.DiceLoss`) and a card (`lb.cards["dice_loss"]`). What
the chapters of the book need besides (`lb.data`, `lb.models`, `lb.training`, `lb.experiment`, `lb.plots`,
...) is imported on first use.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from . import losses
from .catalogue import LossCard, cards
from .losses import *  # noqa: F403

__version__ = "0.1.0"

_SUBMODULES = ("calculus", "claims", "data", "experiment", "measure", "models", "plots", "training")

__all__ = ["LossCard", "__version__", "cards", "losses", *losses.__all__]


def __getattr__(name: str) -> ModuleType:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES})
