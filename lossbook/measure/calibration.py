"""Whether probabilities mean what they say, and the one number that mends them when they do not."""

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["classification_quality", "fit_temperature"]


def classification_quality(probabilities: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy, Brier score and expected calibration error.

    Args:
        probabilities: (N, C), rows that sum to one.
        labels: (N,) integers.

    Returns:
        ``accuracy``; ``brier``, the mean of squared distances summed over classes; ``ece``, the expected calibration
        error of the largest probability in 15 bins of equal width, as torchmetrics counts it.
    """
    from torchmetrics.functional.classification import multiclass_calibration_error

    classes = probabilities.shape[1]
    ece = multiclass_calibration_error(probabilities, labels, num_classes=classes, n_bins=15, norm="l1")
    brier = ((probabilities - F.one_hot(labels, classes)) ** 2).sum(1).mean()
    accuracy = (probabilities.argmax(1) == labels).float().mean()
    return {"accuracy": accuracy.item(), "brier": brier.item(), "ece": ece.item()}


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The number to divide logits by, which minimizes cross-entropy; found by L-BFGS on its logarithm.

    Args:
        logits: (N, C), of data that was not trained on.
        labels: (N,) integers.

    References:
        Guo et al., On calibration of modern neural networks, 2017, https://arxiv.org/abs/1706.04599.
    """
    logarithm = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.LBFGS([logarithm], max_iter=50, line_search_fn="strong_wolfe")

    def risk() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(logits / logarithm.exp(), labels)
        value.backward()
        return value

    optimizer.step(risk)
    return logarithm.exp().item()
