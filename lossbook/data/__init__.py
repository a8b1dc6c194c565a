"""Real data that needs no network: shipped with the package or read from other packages (see LICENSES.md)."""

from .activity import HAPT_CLASSES, Windows, hapt
from .clothing import FASHION_CLASSES, Fashion, fashion
from .emoji import OpenMoji, openmoji
from .hyperspectral import INDIAN_PINES_CLASSES, UNLABELED, IndianPines, indian_pines
from .microscopy import Nuclei, nuclei
from .photos import PHOTOGRAPHS, photographs
from .scenes import SCENE_CLASSES, Scenes, composed_scenes, scene_emoji, to_binary
from .tables import adult, bikeshare, encode_table, traffic

__all__ = [
    "FASHION_CLASSES",
    "HAPT_CLASSES",
    "Fashion",
    "Windows",
    "adult",
    "bikeshare",
    "encode_table",
    "fashion",
    "hapt",
    "traffic",
    "INDIAN_PINES_CLASSES",
    "PHOTOGRAPHS",
    "SCENE_CLASSES",
    "UNLABELED",
    "IndianPines",
    "Nuclei",
    "OpenMoji",
    "Scenes",
    "composed_scenes",
    "indian_pines",
    "nuclei",
    "openmoji",
    "photographs",
    "scene_emoji",
    "to_binary",
]
