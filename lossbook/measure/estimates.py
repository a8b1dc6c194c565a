"""Small estimates, many at once: centers, and how far predictions scatter over training sets."""

from torch import Tensor

__all__ = ["bias_and_variance", "huber_center"]


def bias_and_variance(predictions: Tensor, targets: Tensor) -> dict[str, float]:
    """Mean squared error, squared bias (with noise) and variance, averaged over test points.

    Args:
        predictions: (R, T), of models fitted to R training sets.
        targets: (T,).

    Returns:
        ``error``, ``bias²`` and ``variance``; the first is the sum of the others.

    Example:
        >>> import torch
        >>> bias_and_variance(torch.tensor([[1.0], [3.0]]), torch.tensor([0.0]))
        {'error': 5.0, 'bias²': 4.0, 'variance': 1.0}
    """
    center = predictions.mean(0)
    parts = {"error": predictions - targets, "bias²": center - targets, "variance": predictions - center}
    return {name: (difference**2).mean().item() for name, difference in parts.items()}


def huber_center(values: Tensor, delta: float, *, rounds: int = 30) -> Tensor:
    """Huber's estimate of the center of each row, by means that are weighed anew.

    Args:
        values: (R, n).
        delta: where Huber's loss turns from a parabola into a line.
        rounds: how often.

    Returns:
        (R,).

    Example:
        >>> import torch
        >>> huber_center(torch.tensor([[0.0, 1.0, 2.0, 100.0]]), 1.0)
        tensor([1.5000])
    """
    center = values.median(1, keepdim=True).values
    for _ in range(rounds):
        weight = (delta / (values - center).abs().clamp_min(1e-9)).clamp_max(1)
        center = (weight * values).sum(1, keepdim=True) / weight.sum(1, keepdim=True)
    return center[:, 0]
