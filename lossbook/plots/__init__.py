"""Figures and tables that chapters share: one style, one color for each loss in the whole book."""

from .calibration import reliability_curves, true_class_bars
from .display import palette_png, show
from .landscape import landscape_contours
from .lines import curves, interval_plot, loss_and_gradient
from .panels import line_panels
from .pictures import colorize_labels, image_row, picture_rows, prediction_grid
from .series import fan_chart, forecast_lines, pit_histograms
from .style import COLORS, FIGURE_SIZE, LABEL_COLORS, OKABE_ITO, WIDE_SIZE, color_of, line_style_of, use_style
from .tables import results_table
from .timeline import interval_points, timeline

__all__ = [
    "COLORS",
    "FIGURE_SIZE",
    "LABEL_COLORS",
    "OKABE_ITO",
    "WIDE_SIZE",
    "color_of",
    "colorize_labels",
    "curves",
    "fan_chart",
    "forecast_lines",
    "image_row",
    "interval_plot",
    "interval_points",
    "landscape_contours",
    "line_panels",
    "line_style_of",
    "loss_and_gradient",
    "palette_png",
    "picture_rows",
    "pit_histograms",
    "prediction_grid",
    "reliability_curves",
    "results_table",
    "show",
    "timeline",
    "true_class_bars",
    "use_style",
]
