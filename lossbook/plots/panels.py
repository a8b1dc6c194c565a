"""Small panels of curves side by side, such as one picture for each property of a loss."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from .style import WIDE_SIZE, color_of, line_style_of


def line_panels(panels: Sequence[Mapping[str, Any]], *, legend_size: int = 9):
    """Draw several panels of curves beside each other.

    Args:
        panels: one mapping for each panel, with the keys ``x`` (a tensor of shape (K,)) and ``curves`` (label to
            values of shape (K,), or to a pair of the name of a loss, which gives color and line style, and values).
            ``legend`` is the place of the legend; every other key is a setting of the axes, such as ``title``,
            ``xlabel``, ``ylabel``, ``ylim``, ``yscale``.
        legend_size: font size of the legends; a panel with one curve has none.

    Returns:
        matplotlib figure, to be passed to :func:`show`.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, len(panels), figsize=WIDE_SIZE, squeeze=False)
    for ax, panel in zip(axes[0], panels, strict=True):
        settings = {key: value for key, value in panel.items() if key not in ("x", "curves", "legend")}
        x = panel["x"].numpy(force=True)
        for label, curve in panel["curves"].items():
            style = {}
            if not isinstance(curve, Tensor):
                name, curve = curve
                style = {"color": color_of(name), "linestyle": line_style_of(name)}
            if curve.shape != panel["x"].shape:
                raise ValueError(f"curves[{label!r}]: expected shape {tuple(x.shape)}, got {tuple(curve.shape)}")
            ax.plot(x, curve.numpy(force=True), label=label, **style)
        ax.set(**settings)
        if len(panel["curves"]) > 1:
            ax.legend(fontsize=legend_size, loc=panel.get("legend", "best"))
    return fig
