"""Cross-validation: folds that keep groups together, intervals that know that folds overlap, tables as tensors."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TableEncoder", "grouped_parts", "widen_for_folds"]


def grouped_parts(groups: Sequence[int] | np.ndarray, parts: int, *, seed: int = 0) -> np.ndarray:
    """Deal groups of rows out to parts of nearly equal size, so that no group is in two of them.

    Args:
        groups: the group of each row (its day, its household), `(N,)`; all different if rows are independent.
        parts: how many parts.
        seed: order in which groups are dealt.

    Returns:
        The part of each row, integers 0 to `parts - 1`, `(N,)`.

    Example:
        >>> part = grouped_parts([7, 7, 8, 8, 9, 9], 3)
        >>> bool(part[0] == part[1]), sorted(part.tolist())
        (True, [0, 0, 1, 1, 2, 2])
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    if not 2 <= parts <= len(names):
        raise ValueError(f"parts: expected 2 to {len(names)} (the number of groups), got {parts}")
    order = np.random.default_rng(seed).permutation(len(names))
    part = np.empty(len(names), dtype=np.int64)
    part[order] = np.arange(len(names)) % parts
    return part[index]


def widen_for_folds(values: Sequence[float], *, ratio: float) -> list[float]:
    r"""Results of folds, spread about their mean so that Student's t interval over them is the corrected one.

    Training sets of k folds share most of their rows, so results are correlated and the plain interval is too
    short. Nadeau and Bengio replace the factor :math:`1 / k` of the variance of the mean by :math:`1 / k + r` with
    :math:`r = n_\text{test} / n_\text{train}`. The same is reached by multiplying each deviation from the mean by
    :math:`\sqrt{1 + k r}`; the mean stays. As the map is linear, it may be applied before or after a difference is
    formed.

    Args:
        values: one result, or paired difference, per fold.
        ratio: rows of a test fold over rows of its training set.

    References:
        Nadeau and Bengio, Inference for the generalization error, 2003, https://doi.org/10.1023/A:1024068626366.

    Example:
        >>> widen_for_folds([1.0, 2.0, 3.0, 4.0, 5.0], ratio=0.25)
        [0.0, 1.5, 3.0, 4.5, 6.0]
    """
    if not ratio > 0:
        raise ValueError(f"ratio: expected a positive number, got {ratio}")
    numbers = np.asarray(values, dtype=float)
    return (numbers.mean() + (numbers - numbers.mean()) * np.sqrt(1 + len(numbers) * ratio)).tolist()


class TableEncoder:
    """A data frame as one tensor: standardized numbers first, then codes of categories.

    Means, deviations and categories are those of the frame that it is made from: the training rows, so that
    nothing of other rows leaks. A missing number stays NaN; a missing or unseen category has code 0.

    Args:
        frame: training rows.
        numeric: names of numeric columns.
        categorical: names of categorical columns.

    Attributes:
        categories: number of codes for each categorical column, 0 included.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"age": [20.0, 40.0], "job": ["cook", "judge"]})
        >>> TableEncoder(rows, ["age"], ["job"])(pd.DataFrame({"age": [None, 30.0], "job": ["judge", "pilot"]}))
        tensor([[nan, 2.],
                [0., 0.]])
    """

    def __init__(self, frame: "pd.DataFrame", numeric: Sequence[str], categorical: Sequence[str]) -> None:
        self.numeric, self.categorical = list(numeric), list(categorical)
        values = frame[self.numeric].to_numpy(dtype=float)
        self.mean, deviation = np.nanmean(values, 0), np.nanstd(values, 0)
        self.deviation = np.where(deviation > 0, deviation, 1.0)
        self.codes: Mapping[str, dict] = {
            name: {level: code for code, level in enumerate(sorted(frame[name].dropna().unique()), start=1)}
            for name in self.categorical
        }
        self.categories = [len(codes) + 1 for codes in self.codes.values()]

    def __call__(self, frame: "pd.DataFrame") -> Tensor:
        """`(N, columns)` float32."""
        values = (frame[self.numeric].to_numpy(dtype=float) - self.mean) / self.deviation
        codes = [frame[name].map(self.codes[name]).fillna(0).to_numpy(dtype=float) for name in self.categorical]
        return torch.from_numpy(np.column_stack([values, *codes])).float()
