"""Figures of forecasts: lines beside what was measured, intervals as a fan, histograms of ranks."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from .lines import _line
from .style import OKABE_ITO, WIDE_SIZE


def forecast_lines(
    measured: Tensor, forecasts: Mapping[str, Tensor], *, xlabel: str, ylabel: str, title: str = "", ax=None
):
    """Draw forecasts of one series over what was measured.

    Args:
        measured: (T,) values, drawn as a broad gray line.
        forecasts: label to (T,) values. A label that begins with the name of a loss takes its color; others are dotted.
        xlabel, ylabel, title: texts, with units.
        ax: axes to draw into; a new figure unless given.

    Returns:
        matplotlib figure.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots()
    ax.plot(measured.numpy(), color="black", linewidth=3, alpha=0.35, label="measured")
    for label, values in forecasts.items():
        ax.plot(values.numpy(), label=label, **(_line(label, None) or {"color": OKABE_ITO["orange"], "linestyle": ":"}))
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    _finish(ax)
    return ax.figure


def fan_chart(
    measured: Tensor,
    quantiles: Tensor,
    levels: Sequence[float],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    ax=None,
):
    """Draw central intervals of a forecast as bands, and what was measured as dots.

    Args:
        measured: (T,).
        quantiles: (T, Q).
        levels: Q rising levels, symmetric about one half.
        xlabel, ylabel, title: texts, with units.
        ax: axes to draw into; a new figure unless given.

    Returns:
        matplotlib figure.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots()
    steps = np.arange(len(measured))
    for index in range(len(levels) // 2):
        label = f"{round(100 * (levels[-1 - index] - levels[index]))} %"
        band = (quantiles[:, index].numpy(), quantiles[:, -1 - index].numpy())
        ax.fill_between(steps, *band, color=OKABE_ITO["blue"], alpha=0.2 + 0.1 * index, linewidth=0, label=label)
    ax.plot(steps, measured.numpy(), "k.", markersize=4, label="measured")
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    _finish(ax)
    return ax.figure


def pit_histograms(shares: Mapping[str, Tensor]):
    """Draw where the truth falls within several forecasts, each beside the line that a calibrated one follows.

    Args:
        shares: name of a loss to (K,) shares of the truths in K cells of equal probability.

    Returns:
        matplotlib figure.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(shares), figsize=(WIDE_SIZE[0], 2.8), sharey=True, squeeze=False)
    for ax, (name, values) in zip(axes[0], shares.items(), strict=True):
        width = 1 / len(values)
        middles = (np.arange(len(values)) + 0.5) * width
        ax.bar(middles, values.numpy(), 0.9 * width, color=_line(name, None).get("color"))
        ax.axhline(width, color="black", linewidth=1)
        ax.set_axisbelow(True)
        ax.set_title(name.removesuffix("_loss"), fontsize=9)
        ax.set(xlabel="PIT", xticks=[0, 0.5, 1])
    axes[0, 0].set_ylabel("share of targets")
    return fig


def _finish(ax) -> None:
    """One legend and one label for panels that share their y axis, in the leftmost of them."""
    panels = ax.get_shared_y_axes().get_siblings(ax)
    if len(panels) > 1 and not ax.get_subplotspec().is_first_col():
        ax.set_ylabel("")
    else:
        ax.legend(fontsize=8)
