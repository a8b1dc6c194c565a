"""Scores of forecasts: points, quantiles, drawn paths, shapes and classes of windows."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..losses import crps_ensemble_loss, crps_quantile_loss, dilate_loss, mse_loss, smape_loss, soft_dtw_loss

__all__ = [
    "conformal_shift",
    "quantiles_of",
    "rank_shares",
    "score_classes",
    "score_jumps",
    "score_paths",
    "score_points",
    "score_quantiles",
]


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


def conformal_shift(lower: Tensor, upper: Tensor, target: Tensor, share: float) -> float:
    """By how much both ends of intervals have to move out so that they hold `share` of the targets.

    The finite-sample correction of Romano et al., 2019, https://arxiv.org/abs/1905.03222 (`(n + 1)` for `n`) is left
    out.

    Args:
        lower, upper, target: `(*)`, n entries.
        share: between 0 and 1.

    Returns:
        The smallest shift with which at least `ceil(share * n)` targets lie inside; negative if the intervals are too
        wide.

    Example:
        >>> conformal_shift(torch.zeros(4), torch.ones(4), torch.tensor([0.5, 1.25, -0.5, 3.0]), 0.75)
        0.5
    """
    miss = torch.maximum(lower - target, target - upper).flatten().sort().values
    return miss[int(np.ceil(share * len(miss))) - 1].item()


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


def score_jumps(prediction: Tensor, target: Tensor) -> dict[str, float]:
    """Scores of the shape and of the time of forecasts of a jump.

    Args:
        prediction, target: `(N, T, 1)`.

    Returns:
        `mse`; `dtw`, the cost of the best alignment (shape); `time`, the price that DILATE sets on the distance of that
        alignment from the diagonal; `sharp`, the largest rise within two steps as a share of the whole range: 1 for a
        jump, about 2 / T for a ramp. All are means over series.
    """
    whole = (prediction.amax((1, 2)) - prediction.amin((1, 2))).clamp_min(1e-3)
    rise = (prediction[:, 2:] - prediction[:, :-2]).amax((1, 2))
    return {
        "mse": mse_loss(prediction, target).item(),
        "dtw": soft_dtw_loss(prediction, target, gamma=0.0).item(),
        "time": dilate_loss(prediction, target, alpha=0.0, gamma=1e-3).item(),
        "sharp": (rise / whole).mean().item(),
    }


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
