"""Series as chapters use them: bicycles on a grid without holes, jumps at uncertain times, features of windows."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .tables import bikeshare

__all__ = ["BikeHours", "bike_hours", "entropy_features", "jumps"]


class BikeHours(NamedTuple):
    """What :func:`bike_hours` returns."""

    counts: Tensor  #: (8760,) float32, bicycles rented in each hour of the year, NaN in hours that are absent
    calendar: Tensor  #: (8760, 5) float32, known in advance: two harmonics of the day, and whether it is a working day


def bike_hours() -> BikeHours:
    """The hours of :func:`lossbook.data.bikeshare` in a regular grid of 365 days of 24 hours.

    Returns:
        BikeHours: counts (8760,), calendar (8760, 5). Weather is left out: tomorrow's is not known.
    """
    table = bikeshare()
    grid = np.arange(365 * 24)
    counts = torch.full((len(grid),), float("nan"))
    counts[torch.tensor(((table["day"] - 1) * 24 + table["hr"]).to_numpy())] = torch.tensor(
        table["bikers"].to_numpy(), dtype=torch.float32
    )
    working = table.groupby("day")["workingday"].first().reindex(range(1, 366)).ffill().to_numpy()[grid // 24]
    angle = 2 * np.pi * (grid % 24) / 24
    waves = [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
    return BikeHours(counts, torch.tensor(np.stack([*waves, working], axis=1), dtype=torch.float32))


def jumps(count: int, seed: int, *, steps: int = 20, jitter: int = 3) -> tuple[Tensor, Tensor]:
    """Two peaks, and the jump that follows from them at a time that is not quite certain.

    The height of the jump is the mean of the peaks' heights; its time is their distance, give or take `jitter` steps.
    After the synthetic data of Le Guen and Thome, 2019, https://arxiv.org/abs/1909.09020.

    Args:
        count: number of series N.
        seed: of the random numbers.
        steps: length T of input and target.
        jitter: largest deviation of the time, in steps.

    Returns:
        Inputs (N, T) with the two peaks, targets (N, T, 1) with the jump and noise of deviation 0.02.
    """
    g = torch.Generator().manual_seed(seed)
    first = torch.randint(1, steps // 2 - 1, (count,), generator=g)
    second = torch.randint(steps // 2, steps, (count,), generator=g)
    heights = 0.5 + torch.rand((count, 2), generator=g)
    inputs = torch.zeros(count, steps).scatter_(1, torch.stack([first, second], 1), heights)
    when = second - first + torch.randint(-jitter, jitter + 1, (count,), generator=g)
    jump = torch.arange(steps) >= when.clamp(2, steps - 3).unsqueeze(1)
    level = jump.float() * heights.mean(1, keepdim=True)
    return inputs, (level + 0.02 * torch.randn(count, steps, generator=g)).unsqueeze(2)


def entropy_features(windows: Tensor) -> Tensor:
    """Level, power and spectral entropy of each channel of a window.

    The spectral entropy says how evenly power is spread over the frequencies: 0 for a pure tone,
    the logarithm of the number of frequencies for white noise.

    Args:
        windows: (N, D, T).

    Returns:
        (N, 3 D): D means, D logarithms of the power, D entropies in nats.
    """
    power = torch.fft.rfft(windows - windows.mean(2, keepdim=True)).abs().square()[..., 1:] + 1e-6
    share = power / power.sum(2, keepdim=True)
    entropy = -(share * share.log()).sum(2)
    return torch.cat([windows.mean(2), power.sum(2).log(), entropy], dim=1)
