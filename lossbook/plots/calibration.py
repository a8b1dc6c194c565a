"""Probabilities in pictures: stated confidence against what happened, and single predictions."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .style import color_of, line_style_of


def reliability_curves(probabilities: Mapping[str, Tensor], labels: Tensor, *, ax=None, fewest: int = 30):
    """Draw the share of right answers against the stated confidence, in bins of a tenth, beside the diagonal.

    Args:
        probabilities: name of a loss, which gives color and line style, to (N, C).
        labels: (N,) integers.
        ax: axes to draw into; a new figure unless given.
        fewest: bins with fewer answers are left out.

    Returns:
        matplotlib figure.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots()
    for name, p in probabilities.items():
        stated, right = p.amax(1), (p.argmax(1) == labels).float()
        bins = [(stated - middle).abs() <= 0.05 for middle in torch.linspace(0.05, 0.95, 10)]
        points = [(stated[b].mean().item(), right[b].mean().item()) for b in bins if b.sum() >= fewest]
        style = {"color": color_of(name), "linestyle": line_style_of(name), "marker": "o", "markersize": 4}
        ax.plot([x for x, _ in points], [y for _, y in points], label=name, **style)
    ax.plot([0, 1], [0, 1], color="#7F7F7F", linewidth=1)
    ax.set(xlabel="stated confidence", ylabel="share that is right", title="Calibration", xlim=(0.2, 1), ylim=(0.2, 1))
    return ax.figure


def true_class_bars(images: Tensor, titles: Sequence[str], chances: Mapping[str, tuple[str, Tensor]]):
    """Draw pictures, and below each the probability that every loss's network gives to its true class.

    Args:
        images: (K, 1, H, W) in [0, 1].
        titles: one per picture.
        chances: label to the name of a loss, which gives the color, and (K,) probabilities.

    Returns:
        matplotlib figure.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, len(images), figsize=(9, 4), height_ratios=(1, 1.6), sharey="row", squeeze=False)
    colors = [color_of(name) for name, _ in chances.values()]
    for column, (image, title) in enumerate(zip(images, titles, strict=True)):
        top, bottom = axes[:, column]
        top.imshow(image[0].numpy(force=True), cmap="gray", vmin=0, vmax=1)
        top.set_axis_off()
        top.set_title(title, fontsize=10)
        bottom.barh(list(chances), [p[column].item() for _, p in chances.values()], color=colors)
        bottom.set(xlim=(0, 1), xticks=(0, 1))
        bottom.grid(visible=False)
    axes[1, 0].invert_yaxis()
    fig.supxlabel("probability of the true class", fontsize=11)
    return fig
