"""Losses: pure functions on tensors, one module per family, each with its derived `nn.Module`.

A family is imported when one of its names is first asked for, so that `import lossbook` costs next to nothing.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._module import LossModule

FAMILIES = (  # those that most people ask for come first
    "classification",
    "segmentation",
    "regression",
    "margins",
    "imbalance",
    "label_noise",
    "boxes",
    "embeddings",
    "ranking",
    "tracking",
    "images",
    "generative",
    "forecasting",
    "boosting",
    "composition",
    "robustness",
    "scale",
)

if TYPE_CHECKING:  # type checkers, which do not run code, know every name
    from . import (
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
    from .boosting import *  # noqa: F403
    from .boxes import *  # noqa: F403
    from .classification import *  # noqa: F403
    from .composition import *  # noqa: F403
    from .embeddings import *  # noqa: F403
    from .forecasting import *  # noqa: F403
    from .generative import *  # noqa: F403
    from .images import *  # noqa: F403
    from .imbalance import *  # noqa: F403
    from .label_noise import *  # noqa: F403
    from .margins import *  # noqa: F403
    from .ranking import *  # noqa: F403
    from .regression import *  # noqa: F403
    from .robustness import *  # noqa: F403
    from .scale import *  # noqa: F403
    from .segmentation import *  # noqa: F403
    from .tracking import *  # noqa: F403

    __all__ = ["FAMILIES", "LossModule", "families"]
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


def families() -> list[ModuleType]:
    """The modules of all families."""
    return [importlib.import_module(f"{__name__}.{name}") for name in FAMILIES]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            return [
                "FAMILIES",
                "LossModule",
                "families",
                *(public for family in families() for public in family.__all__),
            ]
        if name in FAMILIES:
            return importlib.import_module(f"{__name__}.{name}")
        if not name.startswith("_"):
            for family in FAMILIES:
                module = importlib.import_module(f"{__name__}.{family}")
                if name in module.__all__:
                    globals()[name] = getattr(module, name)
                    return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *FAMILIES, *(public for family in families() for public in family.__all__)})
