"""What predictions for rows of a table are worth, and how several are mixed into one."""

import numpy as np
import torch
from torch import Tensor

from ..losses import binary_cross_entropy_with_logits

__all__ = ["binary_quality", "greedy_ensemble", "mix_logits", "regression_quality"]


def regression_quality(
    prediction: Tensor, target: Tensor, *, quantile: float = 0.9, power: float = 1.5
) -> dict[str, float]:
    """Several losses' questions, asked of one prediction, by scikit-learn.

    Args:
        prediction: (N,).
        target: (N,).
        quantile: level of the pinball loss.
        power: of the Tweedie deviance, which needs positive predictions: those below one count as one.

    Returns:
        ``rmse``, ``mae``, ``pinball``, ``deviance``, ``below`` (the share of targets at or below the prediction) and
        ``bias`` (mean of prediction minus target).
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


def binary_quality(logits: Tensor, target: Tensor) -> dict[str, float]:
    """What logits of a yes-or-no question are worth.

    Args:
        logits: (N,).
        target: (N,), zeros and ones.

    Returns:
        ``log loss``, ``auc``, ``ap`` (average precision), ``ece`` (15 bins, of the probability of a yes), and at the
        threshold one half ``recall``, ``balanced`` (balanced accuracy) and ``accuracy``.
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


def mix_logits(shares: Tensor, logits: Tensor) -> Tensor:
    """Logits of mixed probabilities.

    Args:
        shares: (..., M), of sum one.
        logits: (M, N), of M members for N rows, in float64.

    Returns:
        (..., N); rounding cannot carry a probability to zero or one.
    """
    return torch.logit((shares @ logits.sigmoid()).clamp(1e-9, 1 - 1e-9))


def greedy_ensemble(logits: Tensor, target: Tensor, *, rounds: int = 15) -> Tensor:
    """Shares of members in an ensemble: taken one by one, with repetition, each time the one that lowers log loss most.

    Args:
        logits: (M, N), of M members for N rows, in float64.
        target: (N,), zeros and ones.
        rounds: how many are taken.

    Returns:
        Shares (M,) of sum one.

    References:
        Caruana et al., Ensemble selection from libraries of models, 2004, https://doi.org/10.1145/1015330.1015432.

    Example:
        >>> sure, opposite = torch.tensor([4.0, -4.0, 4.0]), torch.tensor([-4.0, 4.0, -4.0])
        >>> greedy_ensemble(torch.stack([opposite, sure]).double(), torch.tensor([1.0, 0.0, 1.0]))
        tensor([0., 1.], dtype=torch.float64)
    """
    count = len(logits)
    taken = logits.new_zeros(count)
    for _ in range(rounds):
        trial = torch.eye(count, dtype=logits.dtype) + taken
        mixed = mix_logits(trial / trial.sum(1, keepdim=True), logits)
        truth = target.to(mixed).expand_as(mixed)
        taken[binary_cross_entropy_with_logits(mixed, truth, reduction="none").mean(1).argmin()] += 1
    return taken / rounds
