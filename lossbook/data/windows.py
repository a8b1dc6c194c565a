"""Windows of a series and the folds of a back-test: no origin sees its future.

An *origin* is the index of the first step to be forecast: everything before it is known, nothing from it on.
"""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Fold", "complete_origins", "fill_from_past", "make_windows", "rolling_origin"]


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


def complete_origins(series: Tensor, origins: Tensor, *, horizon: int) -> Tensor:
    """The origins whose whole future was measured.

    Args:
        series: `(T,)`, NaN where nothing was measured.
        origins: `(N,)` int64, each at most `T - horizon`.
        horizon: steps from the origin on.

    Returns:
        `(M,)` int64, M at most N.

    Example:
        >>> complete_origins(torch.tensor([1.0, torch.nan, 3.0, 4.0]), torch.tensor([0, 1, 2]), horizon=2)
        tensor([2])
    """
    _, future = make_windows(series, origins, context=0, horizon=horizon)
    return origins[~future.isnan().any(1)]


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
