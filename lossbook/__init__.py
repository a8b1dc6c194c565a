"""lossbook: loss functions for deep learning, each derived, tested and explained.

Every loss is a function (`lb.dice_loss`), a module (`lb.DiceLoss`) and a card (`lb.cards["dice_loss"]`). Losses, and
what the chapters of the book need besides (`lb.data`, `lb.models`, `lb.training`, `lb.experiment`, `lb.plots`, ...),
are imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import losses
from .losses import LossModule

if TYPE_CHECKING:
    from . import calculus as calculus
    from . import claims as claims
    from . import data as data
    from . import experiment as experiment
    from . import measure as measure
    from . import models as models
    from . import plots as plots
    from . import review as review
    from . import training as training
    from .catalogue import LossCard, cards
    from .losses import (
        boosting,
        boxes,
        classification,
        composition,
        embeddings,
        forecasting,
        generative,
        images,
        imbalance,
        label_noise,
        margins,
        ranking,
        regression,
        robustness,
        scale,
        segmentation,
        tracking,
    )
    from .losses.boosting import *  # noqa: F403
    from .losses.boxes import *  # noqa: F403
    from .losses.classification import *  # noqa: F403
    from .losses.composition import *  # noqa: F403
    from .losses.embeddings import *  # noqa: F403
    from .losses.forecasting import *  # noqa: F403
    from .losses.generative import *  # noqa: F403
    from .losses.images import *  # noqa: F403
    from .losses.imbalance import *  # noqa: F403
    from .losses.label_noise import *  # noqa: F403
    from .losses.margins import *  # noqa: F403
    from .losses.ranking import *  # noqa: F403
    from .losses.regression import *  # noqa: F403
    from .losses.robustness import *  # noqa: F403
    from .losses.scale import *  # noqa: F403
    from .losses.segmentation import *  # noqa: F403
    from .losses.tracking import *  # noqa: F403

    __all__ = ["LossCard", "LossModule", "cards", "losses"]
    __all__ += boosting.__all__
    __all__ += boxes.__all__
    __all__ += classification.__all__
    __all__ += composition.__all__
    __all__ += embeddings.__all__
    __all__ += forecasting.__all__
    __all__ += generative.__all__
    __all__ += images.__all__
    __all__ += imbalance.__all__
    __all__ += label_noise.__all__
    __all__ += margins.__all__
    __all__ += ranking.__all__
    __all__ += regression.__all__
    __all__ += robustness.__all__
    __all__ += scale.__all__
    __all__ += segmentation.__all__
    __all__ += tracking.__all__

__version__ = "0.1.0"

_SUBMODULES = ("calculus", "claims", "data", "experiment", "measure", "models", "plots", "review", "training")


if not TYPE_CHECKING:  # a checker that saw this function would take every name for a module

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            return ["LossCard", "LossModule", "cards", "losses", *losses.__all__]
        if name in _SUBMODULES:
            return importlib.import_module(f"{__name__}.{name}")
        if name in ("LossCard", "cards"):
            return getattr(importlib.import_module(f"{__name__}.catalogue"), name)
        try:
            return getattr(losses, name)
        except AttributeError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}{_hint(name)}") from None

    def _hint(name: str) -> str:
        """Which loss may have been meant."""
        if name.startswith("_"):  # what Python and notebooks probe for
            return ""
        catalogue = importlib.import_module(f"{__name__}.catalogue")
        found = catalogue.suggestions(name)
        return catalogue.did_you_mean(
            [catalogue.cards[each].module.__name__ for each in found] if name[0].isupper() else found
        )


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, "LossCard", "cards", *dir(losses)})
