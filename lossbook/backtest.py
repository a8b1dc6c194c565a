"""Back-testing: windows of a series, origins that never see their future, the seasonal naive forecast, and scores.

An *origin* is the index of the first step to be forecast: everything before it is known, nothing from it on.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .losses import crps_ensemble_loss, crps_quantile_loss, smape_loss

__all__ = [
    "Fold",
    "fill_from_past",
    "make_windows",
    "rank_shares",
    "quantiles_of",
    "rolling_origin",
    "score_classes",
    "score_paths",
    "score_points",
    "score_quantiles",
    "seasonal_naive",
]


class Fold(NamedTuple):
    """One step of a back-test."""

    train: Tensor  #: origins to train on, int64
    test: Tensor  #: origins to test on, int64, later than all targets of `train`


def fill_from_past(series: Tensor, *, season: int) -> Tensor:
    """Replace NaN by the value of one season earlier, itself filled if need be; in the first season by the step before.

    Interpolation would take the next value, too, which is not known yet when the forecast is made.

    Args:
        series: `(T,)`.
        season: steps of one season.

    Returns:
        A copy without NaN, `(T,)`.

    Raises:
        ValueError: the first value is missing: it has no past.

    Example:
        >>> fill_from_past(torch.tensor([1.0, 2.0, torch.nan, 4.0, torch.nan]), season=2)
        tensor([1., 2., 1., 4., 1.])
    """
    filled = series.clone()
    missing = series.isnan().nonzero()[:, 0].tolist()
    if missing[:1] == [0]:
        raise ValueError("series: the first step is missing, and there is nothing before it")
    for index in missing:
        filled[index] = filled[index - season if index >= season else index - 1]
    return filled


def make_windows(series: Tensor, origins: Tensor, *, context: int, horizon: int) -> tuple[Tensor, Tensor]:
    """Cut out the past and the future of each origin.

    Args:
        series: `(T,)` or `(T, D)`.
        origins: `(N,)` int64, each at least `context` and at most `T - horizon`.
        context: steps before the origin.
        horizon: steps from the origin on.

    Returns:
        Past `(N, context)` and future `(N, horizon)`, with `D` as last dimension if the series has it.

    Example:
        >>> past, future = make_windows(torch.arange(6), torch.tensor([3, 4]), context=2, horizon=1)
        >>> past.tolist(), future.tolist()
        ([[1, 2], [2, 3]], [[3], [4]])
    """
    if len(origins) and (int(origins.min()) < context or int(origins.max()) > len(series) - horizon):
        raise ValueError(
            f"origins: expected {context} to {len(series) - horizon}, got {int(origins.min())} to {int(origins.max())}"
        )
    steps = torch.arange(-context, horizon)
    windows = series[origins.unsqueeze(1) + steps]
    return windows[:, :context], windows[:, context:]


def rolling_origin(
    length: int, *, context: int, horizon: int, folds: int, test: int, gap: int = 0, stride: int = 1
) -> list[Fold]:
    """Folds of a back-test: train on all that lies before a cut, test on what follows, move the cut on.

    The targets of training end `gap` steps before the first target of the test. Test origins lie a horizon apart, so
    that each step is forecast once.

    Args:
        length: steps of the series.
        context, horizon: as in :func:`make_windows`.
        folds: number of cuts.
        test: steps that each fold tests; the last fold ends with the series.
        gap: steps between the last training target and the first test target.
        stride: steps between origins of training.

    Returns:
        Folds in order of time.

    Example:
        >>> for fold in rolling_origin(20, context=4, horizon=2, folds=2, test=4, gap=1):
        ...     print(fold.train.tolist(), fold.test.tolist())
        [4, 5, 6, 7, 8, 9] [12, 14]
        [4, 5, 6, 7, 8, 9, 10, 11, 12, 13] [16, 18]
    """
    result = []
    for fold in range(folds):
        cut = length - (folds - fold) * test
        last = cut - gap - horizon  # the last origin whose targets end before the gap
        if last <= context:
            raise ValueError(f"folds: fold {fold} has no past left to train on; take fewer folds or a shorter test")
        train = torch.arange(context, last + 1, stride)
        result.append(Fold(train, torch.arange(cut, cut + test - horizon + 1, horizon)))
    return result


def seasonal_naive(past: Tensor, *, horizon: int, season: int) -> Tensor:
    """Repeat the last season.

    Args:
        past: `(N, L)` with `L` at least `season`.
        horizon: steps to forecast.
        season: steps of one season.

    Returns:
        `(N, horizon)`.

    Example:
        >>> seasonal_naive(torch.tensor([[9.0, 1.0, 2.0]]), horizon=3, season=2)
        tensor([[1., 2., 1.]])
    """
    if past.shape[1] < season:
        raise ValueError(f"past: expected at least one season of {season} steps, got {past.shape[1]}")
    return past[:, -season:][:, torch.arange(horizon) % season]


def score_points(prediction: Tensor, target: Tensor, scale: float) -> dict[str, float]:
    """Scores of a point forecast, by scikit-learn where it has them, else by the loss.

    Args:
        prediction, target: `(N, H)`.
        scale: mean absolute error of the seasonal naive forecast on the training part, for MASE.

    Returns:
        `mae` and `rmse` in the unit of the target; `mase`; `mape` and `smape` as shares (sMAPE in [0, 2]); `bias`, the
        mean of prediction minus target.
    """
    from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error, root_mean_squared_error

    y, guess = (tensor.double().flatten().numpy() for tensor in (target, prediction))
    mae = float(mean_absolute_error(y, guess))
    return {
        "mae": mae,
        "rmse": float(root_mean_squared_error(y, guess)),
        "mase": mae / scale,
        "mape": float(mean_absolute_percentage_error(y, guess)),
        "smape": smape_loss(prediction.double(), target.double()).item(),
        "bias": float((guess - y).mean()),
    }


def score_quantiles(quantiles: Tensor, target: Tensor, levels: Sequence[float]) -> dict[str, float]:
    """Scores of a forecast by quantiles.

    Args:
        quantiles: `(*, Q)`.
        target: `(*)`.
        levels: Q rising levels, symmetric about one half (`0.05, ..., 0.95`).

    Returns:
        `crps`, by the quantiles; `coverage`, the share of targets between the outermost quantiles, and `width`, the
        mean distance of these; `crossing`, the share of neighboring quantiles in the wrong order; `pit`, the distance
        of the histogram of ranks from a flat one (0 where calibrated): half the sum of the absolute differences
        between the shares of targets in the Q + 1 cells and what the levels promise.
    """
    levels = tuple(levels)
    shares = rank_shares(quantiles, target)
    promised = torch.diff(torch.tensor((0.0, *levels, 1.0), dtype=shares.dtype))
    low, high = quantiles[..., 0], quantiles[..., -1]
    return {
        "crps": crps_quantile_loss(quantiles, target, quantiles=levels).item(),
        "coverage": ((target >= low) & (target <= high)).double().mean().item(),
        "width": (high - low).mean().item(),
        "crossing": (quantiles.diff(dim=-1) < 0).double().mean().item(),
        "pit": 0.5 * (shares - promised).abs().sum().item(),
    }


def rank_shares(quantiles: Tensor, target: Tensor) -> Tensor:
    """Share of targets that lie above exactly 0, 1, ..., Q of the quantiles: the PIT histogram of a forecast that is
    known by quantiles.

    Args:
        quantiles: `(*, Q)`.
        target: `(*)`.

    Returns:
        `(Q + 1,)` float64, sums to 1.

    Example:
        >>> rank_shares(torch.tensor([[1.0, 2.0], [1.0, 2.0]]), torch.tensor([1.5, 3.0])).tolist()
        [0.0, 0.5, 0.5]
    """
    ranks = (target.unsqueeze(-1) > quantiles).sum(-1).flatten()
    return torch.bincount(ranks, minlength=quantiles.shape[-1] + 1).double() / target.numel()


def quantiles_of(loss: str, output: Tensor, levels: Sequence[float]) -> Tensor:
    """Quantiles of the distribution that a network's outputs stand for, given the loss that it was trained with.

    Args:
        loss: `"gaussian_nll_loss"` (outputs: mean, logarithm of the variance), `"crps_gaussian_loss"` (mean, logarithm
            of the standard deviation), `"student_t_nll_loss"` (center, logarithm of the scale, a number whose softplus
            plus 2.1 are the degrees of freedom) or `"multi_quantile_loss"` (the quantiles themselves).
        output: `(*, outputs)`.
        levels: Q levels.

    Returns:
        `(*, Q)` float32.
    """
    from scipy import stats

    if loss == "multi_quantile_loss":
        return output
    first, second, *rest = (part.unsqueeze(-1).double().numpy() for part in output.unbind(-1))
    if loss == "student_t_nll_loss":
        found = stats.t.ppf(levels, 2.1 + np.logaddexp(0, rest[0]), first, np.exp(second))
    elif loss in ("gaussian_nll_loss", "crps_gaussian_loss"):
        found = stats.norm.ppf(levels, first, np.exp(second / (2 if loss == "gaussian_nll_loss" else 1)))
    else:
        raise ValueError(f"loss: expected a loss of a distribution or of quantiles, got {loss!r}")
    return torch.from_numpy(found).float()


def score_classes(logits: Tensor, labels: Tensor, rare: Sequence[int]) -> dict[str, float]:
    """Scores of classified windows, from scikit-learn's confusion matrix.

    Args:
        logits: `(N, C)`.
        labels: `(N,)`, each class at least once.
        rare: the classes that are looked at apart.

    Returns:
        `accuracy`; `macro`, the mean recall of all classes; `rare`, the mean recall of the rare ones; `precision`, the
        share of the windows called a rare class that are of that class (0 if none was).
    """
    from sklearn.metrics import confusion_matrix

    table = confusion_matrix(labels, logits.argmax(1), labels=range(logits.shape[1]))
    right, rare = table.diagonal(), list(rare)
    recall = right / table.sum(1)
    return {
        "accuracy": float(right.sum() / table.sum()),
        "macro": float(recall.mean()),
        "rare": float(recall[rare].mean()),
        "precision": float(right[rare].sum() / max(1, table[:, rare].sum())),
    }


def score_paths(paths: Tensor, target: Tensor, present: Tensor) -> dict[str, float]:
    """Scores of a forecast by drawn paths.

    Args:
        paths: `(*, M)` draws.
        target: `(*)`.
        present: `(*)`, 1 where the target was measured, 0 where it does not count.

    Returns:
        `crps` of the ensemble; `coverage` and `width` of the interval between the 5 % and the 95 % quantile of the
        draws; `negative`, the share of draws below zero.
    """
    low, high = paths.quantile(0.05, -1), paths.quantile(0.95, -1)
    inside = ((target >= low) & (target <= high)).to(paths.dtype)
    count = present.sum()
    return {
        "crps": crps_ensemble_loss(paths, target, weight=present).item(),
        "coverage": ((inside * present).sum() / count).item(),
        "width": (((high - low) * present).sum() / count).item(),
        "negative": (paths < 0).double().mean().item(),
    }
