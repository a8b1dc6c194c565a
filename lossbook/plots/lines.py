"""Curves: a loss with its gradient, metrics over steps, and paired differences with intervals."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ..claims import Measured, measure
from .style import WIDE_SIZE, color_of, line_style_of


def loss_and_gradient(
    losses: Mapping[str, Callable[[Tensor], Tensor]],
    inputs: Tensor,
    *,
    xlabel: str,
    title: str = "",
    ylabel: str = "loss",
    gradient_label: str = "gradient",
    styles: Mapping[str, str] | None = None,
):
    """Draw losses of one number, and beside them their gradients by autograd.

    Args:
        losses: label to a function that maps a tensor of shape (K,) to losses of shape (K,), entry by entry.
            A label that is a loss's name, or begins with one and a blank (``"focal_loss gamma=2"``), takes
            its color.
        inputs: (K,) values at which to draw.
        xlabel, ylabel, gradient_label: axes, with units.
        title: title of the figure.
        styles: line style by label where several labels belong to one loss.

    Returns:
        matplotlib figure, to be passed to :func:`show`.
    """
    import matplotlib.pyplot as plt

    fig, (left, right) = plt.subplots(1, 2, figsize=WIDE_SIZE)
    for label, function in losses.items():
        x = inputs.detach().clone().requires_grad_()
        values = function(x)
        if values.shape != x.shape:
            raise ValueError(f"losses[{label!r}]: expected values of shape {tuple(x.shape)}, got {tuple(values.shape)}")
        (gradient,) = torch.autograd.grad(values.sum(), x)
        style = _line(label, (styles or {}).get(label))
        left.plot(inputs.numpy(force=True), values.numpy(force=True), label=label, **style)
        right.plot(inputs.numpy(force=True), gradient.numpy(force=True), label=label, **style)
    left.set(xlabel=xlabel, ylabel=ylabel, title="Loss")
    right.set(xlabel=xlabel, ylabel=gradient_label, title="Gradient")
    left.legend(fontsize=10)
    if title:
        fig.suptitle(title, fontsize=12)
    return fig


def curves(
    runs: Mapping[str, tuple[Sequence[float], Sequence[Sequence[float]]]],
    *,
    xlabel: str = "step",
    ylabel: str,
    title: str = "",
    ax=None,
    styles: Mapping[str, str] | None = None,
):
    """Draw metrics over steps: the mean over seeds, and as a band the range of the seeds.

    Args:
        runs: label to (steps of length T, one list of T values per seed). Labels as in
            :func:`loss_and_gradient`.
        xlabel, ylabel, title: texts.
        ax: axes to draw into; a new figure unless given.
        styles: line style by label.

    Returns:
        matplotlib figure.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots()
    for label, (steps, seeds) in runs.items():
        values = np.asarray(seeds, dtype=float)
        if values.ndim != 2 or values.shape[1] != len(steps):
            raise ValueError(f"runs[{label!r}]: expected one list of {len(steps)} values per seed, got {values.shape}")
        style = _line(label, (styles or {}).get(label))
        (line,) = ax.plot(steps, values.mean(0), label=label, **style)
        ax.fill_between(steps, values.min(0), values.max(0), color=line.get_color(), alpha=0.15, linewidth=0)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.legend(fontsize=10)
    return ax.figure


def interval_plot(
    differences: Mapping[str, Sequence[float] | Measured],
    *,
    xlabel: str,
    title: str = "",
    threshold: float = 0.0,
):
    """Draw paired differences with their 95 % intervals, one row each, beside the line of no difference.

    Args:
        differences: label to one difference per seed, or to what :func:`lossbook.claims.measure` made of
            them.
        xlabel: what the difference is, with its sign ("Dice minus Dice of cross-entropy").
        title: title of the figure.
        threshold: where to draw the line.

    Returns:
        matplotlib figure.
    """
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6.0, 1.2 + 0.32 * len(differences)))
    ax.axvline(threshold, color="#7F7F7F", linewidth=1)
    rows = range(len(differences) - 1, -1, -1)
    for row, (label, values) in zip(rows, differences.items(), strict=True):
        measured = values if isinstance(values, Measured) else measure(values)
        color = _line(label, None).get("color", "#0072B2")
        if measured.low is not None:
            ax.plot([measured.low, measured.high], [row, row], color=color, linewidth=2)
        ax.plot(measured.values, [row] * len(measured.values), "|", color=color, markersize=9, alpha=0.6)
        ax.plot(measured.mean, row, "o", color=color, markersize=6)
    ax.set_yticks(list(rows), list(differences))
    ax.set_ylim(-0.6, len(differences) - 0.4)
    ax.grid(visible=False, axis="y")
    ax.set(xlabel=xlabel, title=title)
    return fig


def _line(label: str, style: str | None) -> dict[str, str]:
    """Color and line style of the loss that ``label`` begins with; nothing for other labels."""
    name = label.split(" ", 1)[0]
    try:
        line = {"color": color_of(name), "linestyle": line_style_of(name)}
    except ValueError:
        line = {}
    if style is not None:
        line["linestyle"] = style
    return line
