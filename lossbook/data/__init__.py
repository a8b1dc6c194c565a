"""Real data that needs no network: shipped with the package or read from other packages (see LICENSES.md)."""

from .activity import HAPT_CLASSES, Windows, hapt
from .clothing import FASHION_CLASSES, Fashion, fashion
from .emoji import OpenMoji, openmoji
from .hyperspectral import INDIAN_PINES_CLASSES, UNLABELED, IndianPines, indian_pines
from .microscopy import Nuclei, nuclei
from .photos import PHOTOGRAPHS, photographs
from .scenes import SCENE_CLASSES, Scenes, composed_scenes, scene_emoji, to_binary
from .series import BikeHours, BikeWindows, bike_hours, bike_windows, entropy_features, jumps
from .tables import adult, bikeshare, encode_table, traffic
from .windows import Fold, complete_origins, fill_from_past, make_windows, rolling_origin

__all__ = [
    "BikeHours",
    "BikeWindows",
    "FASHION_CLASSES",
    "Fold",
    "HAPT_CLASSES",
    "Fashion",
    "Windows",
    "adult",
    "bike_hours",
    "bike_windows",
    "bikeshare",
    "complete_origins",
    "encode_table",
    "entropy_features",
    "fashion",
    "fill_from_past",
    "hapt",
    "jumps",
    "make_windows",
    "rolling_origin",
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
