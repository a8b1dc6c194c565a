"""What a loss costs, measured: `lossbook bench` times it beside its peers; and the landscape it makes of a network."""

from .calibration import classification_quality, fit_temperature
from .estimates import bias_and_variance, huber_center
from .forecasts import (
    conformal_shift,
    quantiles_of,
    rank_shares,
    score_classes,
    score_jumps,
    score_paths,
    score_points,
    score_quantiles,
)
from .landscape import loss_landscape, random_direction
from .quality import binary_quality, greedy_ensemble, mix_logits, regression_quality

__all__ = [
    "bias_and_variance",
    "binary_quality",
    "classification_quality",
    "conformal_shift",
    "fit_temperature",
    "greedy_ensemble",
    "huber_center",
    "loss_landscape",
    "quantiles_of",
    "mix_logits",
    "random_direction",
    "rank_shares",
    "regression_quality",
    "score_classes",
    "score_jumps",
    "score_paths",
    "score_points",
    "score_quantiles",
]
