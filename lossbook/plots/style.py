"""Style of all figures, and the one map from losses to colors and line styles."""

from ..catalogue import cards

OKABE_ITO = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "gray": "#7F7F7F",
}
FIGURE_SIZE = (6.0, 4.0)  # inches
WIDE_SIZE = (9.0, 3.5)  # inches

# Colors of class labels 0, 1, 2, ... in pictures of masks.
LABEL_COLORS = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#CC79A7",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#FFFFFF",
)

# There are more losses than colors that everybody can tell apart: related losses share a color and differ in line
# style, and losses of different families may look alike. These are the losses that chapters draw together; all others
# take what their family has left.
_CHOSEN = {
    "cross_entropy": ("black", "-"),
    "binary_cross_entropy_with_logits": ("black", "--"),
    "weighted_cross_entropy": ("gray", "-"),
    "balanced_cross_entropy": ("gray", "--"),
    "focal_loss": ("vermilion", "-"),
    "l1_loss": ("gray", "-."),
    "dice_loss": ("blue", "-"),
    "squared_dice_loss": ("blue", "--"),
    "generalized_dice_loss": ("blue", "-."),
    "log_cosh_dice_loss": ("blue", ":"),
    "jaccard_loss": ("sky", "-"),
    "lovasz_hinge_loss": ("sky", "-."),
    "lovasz_softmax_loss": ("sky", "--"),
    "tversky_loss": ("green", "-"),
    "focal_tversky_loss": ("green", "--"),
    "bce_dice_loss": ("purple", "--"),
    "ce_dice_loss": ("purple", "-"),
    "combo_loss": ("purple", "-."),
    "dice_focal_loss": ("purple", ":"),
    "boundary_loss": ("orange", "-"),
    "hausdorff_dt_loss": ("orange", "--"),
}
_LINES = [
    (color, style)
    for style in ("-", "--", "-.", ":")
    for color in ("blue", "vermilion", "green", "orange", "purple", "sky", "black", "gray")
]


def _styles() -> dict[str, tuple[str, str]]:
    """Color and line style of every loss, different within a family."""
    styles = dict(_CHOSEN)
    for family in {card.family: None for card in cards.values()}:
        members = [name for name, card in cards.items() if card.family == family]
        taken = {_CHOSEN[name] for name in members if name in _CHOSEN}
        free = iter([line for line in _LINES if line not in taken])
        styles |= {name: next(free) for name in members if name not in _CHOSEN}
    return styles


_STYLES = _styles()
COLORS = {name: OKABE_ITO[color] for name, (color, _) in _STYLES.items()}


def color_of(loss: str) -> str:
    """The color of a loss, by the name of its function."""
    return COLORS[_known(loss)]


def line_style_of(loss: str) -> str:
    """The line style of a loss, which tells it from others of the same color."""
    return _STYLES[_known(loss)][1]


def use_style() -> None:
    """Set matplotlib's defaults to the book's."""
    import matplotlib as mpl
    from cycler import cycler

    colors = [OKABE_ITO[name] for name in ("blue", "orange", "green", "vermilion", "sky", "purple", "black")]
    mpl.rcParams.update(
        {
            "figure.figsize": FIGURE_SIZE,
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "white",
            "axes.facecolor": "white",
            "axes.grid": True,
            "axes.prop_cycle": cycler(color=colors),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": 12,
            "font.size": 11,
            "grid.color": "#DDDDDD",
            "grid.linewidth": 0.7,
            "image.interpolation": "nearest",
            "legend.frameon": False,
            "lines.linewidth": 2.0,
        }
    )


def _known(loss: str) -> str:
    if loss not in COLORS:
        raise ValueError(f"loss: expected a name in lossbook.plots.COLORS, got {loss!r}; add it in plots/style.py")
    return loss
