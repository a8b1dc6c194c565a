"""Losses: pure functions on tensors, one module per family, each with its derived `nn.Module`."""

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
from ._module import LossModule
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

# Written so that type checkers, which do not run code, know every name.
__all__ = ["LossModule"]
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
