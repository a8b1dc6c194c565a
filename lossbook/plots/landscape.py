"""Landscapes: a loss over a plane through the weights of a network, as contour lines."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor


def landscape_contours(
    surfaces: Mapping[str, Tensor],
    coordinates: Tensor,
    *,
    xlabel: str = "along the first direction",
    ylabel: str = "along the second direction",
    levels: int = 12,
):
    """Draw losses over a plane, one panel each, with a cross at the origin.

    Levels are spaced evenly in the logarithm where a surface is positive, so that a bowl shows near its bottom too.

    Args:
        surfaces: title to losses of shape (K, K); rows follow the first direction, columns the second, as
            :func:`lossbook.measure.landscape.loss_landscape` returns them.
        coordinates: (K,) steps along each direction.
        xlabel, ylabel: axes.
        levels: number of contour levels.

    Returns:
        matplotlib figure, to be passed to :func:`show`.
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FuncFormatter

    fig, axes = plt.subplots(1, len(surfaces), figsize=(3.2 * len(surfaces), 3.4), squeeze=False, sharey=True)
    steps = coordinates.numpy(force=True)
    for ax, (title, surface) in zip(axes[0], surfaces.items(), strict=True):
        values = surface.numpy(force=True)
        if values.shape != (len(steps), len(steps)):
            raise ValueError(f"surfaces[{title!r}]: expected shape {(len(steps),) * 2}, got {values.shape}")
        low, high = float(values.min()), float(values.max())
        spaced = np.geomspace if low > 0 else np.linspace
        marks = spaced(low, max(high, low + 1e-9), levels)
        norm = LogNorm(marks[0], marks[-1]) if low > 0 else None
        drawn = ax.contourf(steps, steps, values.T, levels=marks, cmap="viridis", norm=norm)
        ax.contour(steps, steps, values.T, levels=marks, colors="white", linewidths=0.5)
        bar = fig.colorbar(drawn, ax=ax, ticks=marks[:: max(1, levels // 3)], location="bottom", shrink=0.9)
        bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))
        ax.plot(0, 0, "+", color="#D55E00", markersize=12, markeredgewidth=2)
        ax.set(title=title, xlabel=xlabel)
        ax.grid(visible=False)
    axes[0, 0].set_ylabel(ylabel)
    return fig
