"""Pictures: masks in color, rows of images, predictions beside the truth."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from .style import LABEL_COLORS


def colorize_labels(labels: Tensor) -> np.ndarray:
    """Class labels (..., H, W) as a uint8 picture (..., H, W, 3), in the colors ``LABEL_COLORS``."""
    highest = int(labels.max())
    if int(labels.min()) < 0 or highest >= len(LABEL_COLORS):
        raise ValueError(f"labels: expected values in 0..{len(LABEL_COLORS) - 1}, got up to {highest}")
    palette = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in LABEL_COLORS], dtype=np.uint8)
    return palette[labels.numpy(force=True)]


def image_row(images: Sequence[Tensor | np.ndarray], titles: Sequence[str], *, title: str = "", size: float = 1.6):
    """Draw pictures side by side, each with a title.

    Args:
        images: (3, H, W) or (1, H, W) float in [0, 1], (H, W) integer labels, or (H, W, 3) uint8 arrays.
        titles: one for each.
        title: title of the figure.
        size: width of a picture in inches.

    Returns:
        matplotlib figure.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(images), figsize=(size * len(images), size + 0.5), squeeze=False)
    for ax, image, text in zip(axes[0], images, titles, strict=True):
        _draw(ax, image)
        ax.set_title(text, fontsize=11)
    if title:
        fig.suptitle(title, fontsize=12)
    return fig


def prediction_grid(
    images: Tensor, truth: Tensor, predictions: Mapping[str, Tensor], *, title: str = "", size: float = 1.15
):
    """Draw predictions of several losses on the same images: input, truth, then prediction and error of each.

    Args:
        images: (N, 3, H, W) or (N, 1, H, W) float in [0, 1]; one row each.
        truth: (N, H, W) integer labels.
        predictions: label to (N, H, W) integer labels.
        title: title of the figure.
        size: width of a picture in inches.

    In the columns of errors, a pixel that is right is white; missed foreground is blue, false foreground
    vermilion, a wrong foreground class orange.

    Returns:
        matplotlib figure.
    """
    import matplotlib.pyplot as plt

    for label, prediction in predictions.items():
        if prediction.shape != truth.shape:
            raise ValueError(
                f"predictions[{label!r}]: expected shape {tuple(truth.shape)}, got {tuple(prediction.shape)}"
            )
    columns: list[tuple[str, Sequence]] = [("input", list(images)), ("truth", list(truth))]
    for label, prediction in predictions.items():
        columns += [(label, list(prediction)), ("error", list(error_picture(prediction, truth)))]
    rows = len(truth)
    fig, axes = plt.subplots(rows, len(columns), figsize=(size * len(columns), size * rows + 0.6), squeeze=False)
    for column, (name, pictures) in enumerate(columns):
        for row, picture in enumerate(pictures):
            _draw(axes[row, column], picture)
        axes[0, column].set_title(name.replace("_", " ").replace(" loss", ""), fontsize=11)
    if title:
        fig.suptitle(title, fontsize=12)
    return fig


def picture_rows(rows: Mapping[str, Tensor], *, title: str = "", size: float = 0.5):
    """Draw rows of small gray pictures, each row with its name at the left.

    Args:
        rows: name to (K, H, W) pictures in [0, 1], ink dark; as many in each row.
        title: title of the figure.
        size: side of a picture in inches.

    Returns:
        matplotlib figure.
    """
    import matplotlib.pyplot as plt

    counts = {len(pictures) for pictures in rows.values()}
    if len(counts) != 1:
        raise ValueError(f"rows: expected as many pictures in each, got {sorted(counts)}")
    count = counts.pop()
    fig, axes = plt.subplots(
        len(rows), count, figsize=(size * count + 1.3, size * 1.08 * len(rows) + 0.35), squeeze=False
    )
    for row, (name, pictures) in zip(axes, rows.items(), strict=True):
        for ax, picture in zip(row, pictures, strict=True):
            ax.imshow(picture.clamp(0, 1).numpy(force=True), cmap="gray_r", vmin=0, vmax=1)
            _frame(ax, "#BBBBBB")
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=11)
    if title:
        fig.suptitle(title, fontsize=12)
    return fig


def error_picture(prediction: Tensor, truth: Tensor) -> np.ndarray:
    """(N, H, W) labels to (N, H, W, 3) uint8: white where right, else the kind of error."""
    kind = torch.zeros_like(truth)
    wrong = prediction != truth
    kind[wrong & (prediction == 0)] = 1
    kind[wrong & (truth == 0)] = 2
    kind[wrong & (truth != 0) & (prediction != 0)] = 3
    colors = np.array([[255, 255, 255], [0, 114, 178], [213, 94, 0], [230, 159, 0]], dtype=np.uint8)
    return colors[kind.numpy(force=True)]


def _draw(ax, image: Tensor | np.ndarray) -> None:
    if isinstance(image, Tensor):
        if image.ndim == 2 and not image.is_floating_point():
            image = colorize_labels(image)
        elif image.ndim == 3 and image.shape[0] == 3:
            image = image.permute(1, 2, 0).numpy(force=True)
        else:
            image = image.squeeze(0).numpy(force=True)
    limits = {"vmin": 0, "vmax": 1} if image.dtype != np.uint8 else {}
    ax.imshow(image, cmap="gray", **limits)
    _frame(ax, "#7F7F7F")


def _frame(ax, color: str) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set(visible=True, color=color, linewidth=0.6)
