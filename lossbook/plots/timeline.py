"""A history: who asked what, and when; and what came of it."""

from collections.abc import Sequence

from ..claims import FEWEST_FOR_INTERVAL, measure
from .style import OKABE_ITO, WIDE_SIZE

_COLORS = ("blue", "vermilion", "green", "purple", "orange", "black")


def timeline(events: Sequence[tuple[int, str, str, str]], *, title: str = ""):
    """Draw events along a vertical line, the oldest on top, evenly spaced, so that all of them can be read.

    Args:
        events: year, name, what it brought, and kind of each; kinds get colors and a legend. In the order of years.
        title: title of the figure.

    Returns:
        matplotlib figure.
    """
    import matplotlib.pyplot as plt

    years = [year for year, *_ in events]
    if years != sorted(years):
        raise ValueError(f"events: expected them in the order of years, got {years}")
    kinds = list(dict.fromkeys(kind for *_, kind in events))
    if len(kinds) > len(_COLORS):
        raise ValueError(f"events: expected at most {len(_COLORS)} kinds, got {kinds}")
    color = {kind: OKABE_ITO[name] for kind, name in zip(kinds, _COLORS, strict=False)}
    fig, ax = plt.subplots(figsize=(6.0, 0.9 + 0.36 * len(events)))
    ax.axvline(0, color="#7F7F7F", linewidth=1.5, zorder=0)
    for row, (year, name, brought, kind) in enumerate(events):
        ax.plot(0, row, "o", color=color[kind], markersize=9)
        ax.text(-0.03, row, str(year), ha="right", va="center", fontsize=11)
        ax.text(0.03, row, name, ha="left", va="center", fontsize=11, fontweight="bold", color=color[kind])
        ax.text(0.40, row, brought, ha="left", va="center", fontsize=11)
    ax.set(xlim=(-0.14, 1.0), ylim=(len(events) - 0.4, -0.6), title=title)
    ax.set_axis_off()
    handles = [plt.Line2D([], [], marker="o", linestyle="", color=color[kind], label=kind) for kind in kinds]
    fig.legend(handles=handles, loc="outside lower center", ncols=min(3, len(kinds)), fontsize=10)
    return fig


def interval_points(points: Sequence[tuple[str, str, Sequence[float]]], *, ylabel: str, title: str = ""):
    """Draw means with their 95 % intervals from left to right, a color and a marker for each group.

    Args:
        points: label below the point, group, and one value per seed, from left to right. Below three seeds the point
            stands without an interval.
        ylabel: what the values are, with their unit.
        title: title of the figure.

    Returns:
        matplotlib figure, to be passed to :func:`show`.
    """
    import matplotlib.pyplot as plt

    groups = list(dict.fromkeys(group for _, group, _ in points))
    if len(groups) > len(_COLORS):
        raise ValueError(f"points: expected at most {len(_COLORS)} groups, got {groups}")
    fig, ax = plt.subplots(figsize=WIDE_SIZE)
    for group, name, marker in zip(groups, _COLORS, "os^Dv*", strict=False):
        color = OKABE_ITO[name]
        for column, (_, own, values) in enumerate(points):
            if own == group:
                found = measure(values)
                ax.plot(column, found.mean, marker, color=color, markersize=7)
                if len(values) >= FEWEST_FOR_INTERVAL:
                    ax.errorbar(column, found.mean, yerr=found.high - found.mean, color=color, capsize=4)
        ax.plot([], [], marker, color=color, label=group)
    ax.set_xticks(range(len(points)), [label for label, *_ in points], fontsize=10)
    ax.grid(visible=False, axis="x")
    ax.set(ylabel=ylabel, title=title)
    ax.legend(fontsize=10)
    return fig
