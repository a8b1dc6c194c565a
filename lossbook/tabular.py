"""What the chapter on tables repeats: linear models at their exact minimum, and what predictions are worth."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from .experiment import Chapter
from .folds import widen_for_folds
from .losses import binary_cross_entropy_with_logits

__all__ = ["fit_linear", "judge_logits", "judge_numbers", "table_of_folds", "with_constant"]


def with_constant(inputs: Tensor) -> Tensor:
    """A column of ones before the others, in float64: `(N, 1 + columns)`."""
    return torch.cat([inputs.new_ones(len(inputs), 1), inputs], 1).double()


def fit_linear(loss: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, target: Tensor, *, outputs: int = 1) -> Tensor:
    """A linear model at the minimum of its loss, by L-BFGS in float64.

    Args:
        loss: called as `loss(scores, target)` with scores `(N, outputs)`; convex and smooth if the minimum is to be
            the only one.
        inputs: `(N, columns)`.
        target: `(N,)`.
        outputs: scores per row.

    Returns:
        Weights `(1 + columns, outputs)`, those of the constant first.

    Example:
        >>> line = fit_linear(
        ...     lambda z, y: ((z[:, 0] - y) ** 2).mean(),
        ...     torch.tensor([[0.0], [1.0], [2.0]]),
        ...     torch.tensor([1.0, 3.0, 5.0]),
        ... )
        >>> line.round(decimals=4).flatten().tolist()
        [1.0, 2.0]
    """
    design, truth = with_constant(inputs), target.double()
    weight = torch.zeros(design.shape[1], outputs, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weight], max_iter=300, tolerance_grad=1e-9, tolerance_change=1e-15, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        solver.zero_grad()
        value = loss(design @ weight, truth)
        value.backward()
        return value

    solver.step(closure)
    return weight.detach()


def judge_numbers(prediction: Tensor, target: Tensor, *, quantile: float = 0.9, power: float = 1.5) -> dict[str, float]:
    """Several losses' questions, asked of one prediction, by scikit-learn.

    Returns:
        `rmse`, `mae`, `pinball` at `quantile`, `deviance` (Tweedie, predictions below one raised to one), `below` (the
        share of targets at or below the prediction) and `bias` (mean of prediction minus target).
    """
    from sklearn import metrics

    guess, truth = (np.asarray(x, dtype=np.float64) for x in (prediction, target))
    return {
        "rmse": float(metrics.root_mean_squared_error(truth, guess)),
        "mae": float(metrics.mean_absolute_error(truth, guess)),
        "pinball": float(metrics.mean_pinball_loss(truth, guess, alpha=quantile)),
        "deviance": float(metrics.mean_tweedie_deviance(truth, guess.clip(1.0), power=power)),
        "below": float((truth <= guess).mean()),
        "bias": float((guess - truth).mean()),
    }


def judge_logits(logits: Tensor, target: Tensor) -> dict[str, float]:
    """What logits `(N,)` of a yes-or-no question are worth against labels `(N,)`.

    Returns:
        `log loss`, `auc`, `ap` (average precision), `ece` (15 bins), and at the threshold one half `recall`,
        `balanced` (balanced accuracy) and `accuracy`.
    """
    from sklearn import metrics
    from torchmetrics.functional.classification import binary_calibration_error

    z, truth = logits.double(), target.int()
    p, found = z.sigmoid(), z > 0
    return {
        "log loss": binary_cross_entropy_with_logits(z, target.double()).item(),
        "auc": float(metrics.roc_auc_score(truth, p)),
        "ap": float(metrics.average_precision_score(truth, p)),
        "ece": binary_calibration_error(p, truth, n_bins=15).item(),
        "recall": float(metrics.recall_score(truth, found)),
        "balanced": float(metrics.balanced_accuracy_score(truth, found)),
        "accuracy": float(metrics.accuracy_score(truth, found)),
    }


def table_of_folds(
    chapter: Chapter,
    label: str,
    results: Mapping[str, Sequence[Mapping[str, float]]],
    columns: Mapping[str, str],
    *,
    ratio: float,
    baseline: str,
    caption: str,
) -> None:
    """The book's table with intervals corrected for folds that overlap; what is recorded is as measured.

    Args:
        chapter: keeps the results under `label`.
        results: name to one mapping of metrics per fold.
        columns, baseline, caption: as in :func:`lossbook.plots.results_table`.
        ratio: as in :func:`lossbook.folds.widen_for_folds`.
    """
    from .plots import results_table

    spread = {}
    for name, runs in results.items():
        chapter.record(f"{label}/{name}", runs)
        rows = {key: [run[key] for run in runs] for key in columns}
        spread[name] = {
            key: widen_for_folds(row, ratio=ratio) if np.isfinite(row).all() else row for key, row in rows.items()
        }
    caption += " Each seed is one fold; half widths are corrected for folds that overlap."
    results_table(spread, columns, baseline=baseline, caption=caption)
