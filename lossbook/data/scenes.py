"""Scenes with exact masks: emoji cut-outs on photographs, with much foreground or with very little."""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .emoji import openmoji
from .photos import PHOTOGRAPHS, check_split, photographs

SCENE_CLASSES = ("background", "face", "plant", "vehicle")

# How the names of a class's subgroups begin. Costumes (ghost, robot, alien) look unlike other faces.
_SUBGROUPS = {
    "face": (
        "face-affection",
        "face-concerned",
        "face-glasses",
        "face-hand",
        "face-hat",
        "face-negative",
        "face-neutral",
        "face-sleepy",
        "face-smiling",
        "face-tongue",
        "face-unwell",
    ),
    "plant": ("plant-flower", "plant-other", "food-fruit", "food-vegetable"),
    "vehicle": ("transport-ground", "transport-air", "transport-water"),
}
# Members of these subgroups that show a part, a place or a sign instead of a vehicle, and the two skulls.
_LEFT_OUT = frozenset(
    {"airplane arrival", "airplane departure", "anchor", "bus stop", "construction", "fuel pump", "motorway"}
    | {"horizontal traffic light", "oil drum", "parachute", "police car light", "railway track", "ring buoy"}
    | {"satellite", "seat", "station", "stop sign", "vertical traffic light", "wheel"}
    | {"skull", "skull and crossbones"}
)
_SPLIT_SHARES = {"train": 0.6, "validation": 0.15, "test": 0.25}
_REGIMES = ("balanced", "rare")


class Scenes(NamedTuple):
    """What :func:`composed_scenes` returns; unpacks as ``images, labels``."""

    images: Tensor  #: (N, 3, size, size) float32 in [0, 1]
    labels: Tensor  #: (N, size, size) int64, an index into ``SCENE_CLASSES``


def composed_scenes(split: str, count: int, *, size: int = 64, foreground: str = "balanced", seed: int = 0) -> Scenes:
    """Compose scenes: emoji of three classes, turned, mirrored, partly hidden, on crops of photographs.

    Args:
        split: ``"train"``, ``"validation"`` or ``"test"``. No two splits share a photograph or an emoji.
        count: number of scenes ``N``.
        size: height and width in pixels.
        foreground: ``"balanced"``: several large objects, about 45 % of all pixels. ``"rare"``: one small
            object in each of four scenes out of five and none in the fifth, about 1 % of all pixels.
        seed: scenes are a function of all arguments; another seed gives other scenes of the same kind.

    Returns:
        Scenes: images (N, 3, size, size) float32 in [0, 1] and labels (N, size, size) int64 in 0..3. A pixel
        belongs to the topmost object that covers at least half of it, else to the background.

    Example:
        >>> images, labels = composed_scenes("train", 4, size=48)
        >>> tuple(images.shape), tuple(labels.shape), images.dtype, labels.dtype
        ((4, 3, 48, 48), (4, 48, 48), torch.float32, torch.int64)
    """
    check_split(split)
    if foreground not in _REGIMES:
        raise ValueError(f"foreground: expected one of {_REGIMES}, got {foreground!r}")
    if count < 1 or size < 16:
        raise ValueError(f"count, size: expected count >= 1 and size >= 16 pixels, got {count} and {size}")
    rng = np.random.default_rng([seed, tuple(PHOTOGRAPHS).index(split), _REGIMES.index(foreground)])
    place_objects = _place_many if foreground == "balanced" else _place_one_or_none
    images = np.empty((count, size, size, 3), np.uint8)
    labels = np.zeros((count, size, size), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:] = _random_crop(split, size, rng)
        place_objects(image, label, split, rng)
    scaled = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float().div_(255)
    return Scenes(scaled, torch.from_numpy(labels).long())


def to_binary(labels: Tensor) -> Tensor:
    """Foreground mask of class labels: 0.0 where ``labels`` is 0, 1.0 elsewhere; float32, same shape."""
    return (labels != 0).float()


def scene_emoji(split: str) -> dict[str, list[int]]:
    """Entries of :func:`openmoji` that scenes of ``split`` show, by class."""
    check_split(split)
    start = sum(share for name, share in _SPLIT_SHARES.items() if _earlier(name, split))
    members = {}
    for class_name in SCENE_CLASSES[1:]:
        entries = _shuffled_members(class_name)
        first, last = (round(len(entries) * edge) for edge in (start, start + _SPLIT_SHARES[split]))
        members[class_name] = entries[first:last]
    return members


def _earlier(name: str, split: str) -> bool:
    order = tuple(_SPLIT_SHARES)
    return order.index(name) < order.index(split)


def _shuffled_members(class_name: str) -> list[int]:
    emoji = openmoji()
    entries = [
        index
        for index, (subgroup, name) in enumerate(zip(emoji.subgroups, emoji.names, strict=True))
        if subgroup.startswith(_SUBGROUPS[class_name]) and name not in _LEFT_OUT
    ]
    return np.random.default_rng(0).permutation(entries).tolist()  # fixed: the split is no matter of the seed


@cache
def _cutouts(split: str) -> tuple[tuple, ...]:
    """For each class of ``SCENE_CLASSES[1:]`` its emoji of ``split`` as tightly cropped RGBA pictures."""
    members = scene_emoji(split)
    return tuple(tuple(_cutout(index) for index in members[name]) for name in SCENE_CLASSES[1:])


def _cutout(index: int):
    from PIL import Image

    emoji = openmoji()
    on_white = emoji.color[index].permute(1, 2, 0).numpy().astype(np.float32)
    alpha = emoji.alpha[index].numpy()
    opacity = np.maximum(alpha, 1)[..., None] / 255
    # Take the white ground out of the soft edges.
    color = np.clip((on_white - 255 * (1 - opacity)) / opacity, 0, 255)
    rgba = np.dstack([color.round().astype(np.uint8), alpha])
    picture = Image.fromarray(rgba, "RGBA")
    return picture.crop(picture.getchannel("A").getbbox())


@cache
def _photographs(split: str) -> tuple:
    from PIL import Image

    return tuple(Image.fromarray(p.permute(1, 2, 0).numpy()) for p in photographs(split).values())


def _random_crop(split: str, size: int, rng: np.random.Generator) -> np.ndarray:
    from PIL import Image

    pictures = _photographs(split)
    picture = pictures[rng.integers(len(pictures))]
    largest = min(picture.size)
    side = rng.integers(min(size, largest), largest, endpoint=True)
    left, top = (rng.integers(extent - side, endpoint=True) for extent in picture.size)
    crop = picture.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
    array = np.asarray(crop)
    return array[:, ::-1] if rng.random() < 0.5 else array


def _place_many(image: np.ndarray, label: np.ndarray, split: str, rng: np.random.Generator) -> None:
    size = len(image)
    wanted = rng.uniform(0.3, 0.5)
    for _ in range(12):
        if (label > 0).mean() >= wanted:
            return
        center = rng.uniform(0.1, 0.9, size=2) * size
        _paste(image, label, split, rng, extent=rng.uniform(0.35, 0.75) * size, center=center)


def _place_one_or_none(image: np.ndarray, label: np.ndarray, split: str, rng: np.random.Generator) -> None:
    if rng.random() < 0.2:
        return
    size = len(image)
    extent = rng.uniform(0.1, 0.18) * size
    center = rng.uniform(0.1, 0.9, size=2) * size
    _paste(image, label, split, rng, extent=extent, center=center)


def _paste(image, label, split, rng, *, extent: float, center: np.ndarray) -> None:
    """Draw a random emoji, its longer side ``extent`` pixels."""
    class_index = rng.integers(len(SCENE_CLASSES) - 1)
    members = _cutouts(split)[class_index]
    cutout = _transformed(members[rng.integers(len(members))], extent, rng)
    _composite(image, label, cutout, center, class_index + 1)


def _composite(image: np.ndarray, label: np.ndarray, cutout: np.ndarray, center: np.ndarray, value: int) -> None:
    """Draw ``cutout`` (h, w, RGBA) over ``image`` (H, W, 3) and ``value`` into ``label`` (H, W)."""
    height, width = cutout.shape[:2]
    top, left = np.round(center - np.array([height, width]) / 2).astype(int)
    rows = slice(max(top, 0), max(min(top + height, len(image)), 0))
    columns = slice(max(left, 0), max(min(left + width, image.shape[1]), 0))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    visible = cutout[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    opacity = visible[..., 3:].astype(np.float32) / 255
    below = image[rows, columns]
    image[rows, columns] = np.round(opacity * visible[..., :3] + (1 - opacity) * below).astype(np.uint8)
    label[rows, columns][visible[..., 3] >= 128] = value


def _transformed(picture, extent: float, rng: np.random.Generator) -> np.ndarray:
    from PIL import Image

    scale = extent / max(picture.size)
    size = [max(2, round(side * scale)) for side in picture.size]
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned = picture.resize(size, Image.Resampling.BOX).rotate(
        rng.uniform(-30, 30), resample=Image.Resampling.BILINEAR, expand=True
    )
    return np.asarray(turned)
