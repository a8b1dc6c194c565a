"""Series as chapters use them: bicycles on a grid without holes, jumps at uncertain times, features of windows."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .tables import bikeshare
from .windows import fill_from_past, make_windows

__all__ = ["BikeHours", "BikeWindows", "bike_hours", "bike_windows", "entropy_features", "jumps"]

WEEK = 7 * 24


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


class BikeWindows(NamedTuple):
    """What :func:`bike_windows` returns: N windows with H hours to forecast."""

    inputs: Tensor  #: (N, context + H, 6) float32: counts without gaps, and the calendar
    counts: Tensor  #: (N, H) float32, what is to be forecast; a filled value where nothing was measured
    present: Tensor  #: (N, H) float32, 1 where the count was measured, else 0
    weeks: Tensor  #: (N, H, 4) float32, the same hours of the four weeks before, NaN before the year begins


def bike_windows(split: str, *, context: int = 48, horizon: int = 24) -> BikeWindows:
    """Windows of :func:`bike_hours` for an autoregressive forecaster, parted by time.

    Missing hours take the value of a week before. Between two parts lies a day at least, so that no hour is a target
    of one part and next to a target of another.

    Args:
        split: ``"train"`` (days 1 to 250, an origin every 5 hours), ``"validation"`` (days 252 to 279, one origin a
            day) or ``"test"`` (days 281 to 364, one origin a day).
        context: hours that are known.
        horizon: hours to forecast, at most 24.

    Returns:
        BikeWindows: inputs (N, context + horizon, 6), counts and present (N, horizon), weeks (N, horizon, 4).
    """
    if not 1 <= horizon <= 24:
        raise ValueError(f"horizon: expected 1 to 24 hours, got {horizon}")
    days = {"train": (0, 250), "validation": (251, 279), "test": (280, 364)}
    if split not in days:
        raise ValueError(f"split: expected one of {sorted(days)}, got {split!r}")
    first, last = (24 * day for day in days[split])
    origins = torch.arange(context, last - horizon, 5) if split == "train" else torch.arange(first, last, 24)
    rented, calendar = bike_hours()
    filled = fill_from_past(rented, season=WEEK)
    past, future = make_windows(
        torch.cat([filled.unsqueeze(1), calendar], 1), origins, context=context, horizon=horizon
    )
    _, measured = make_windows(rented, origins, context=context, horizon=horizon)
    longer = torch.cat([torch.full((4 * WEEK,), torch.nan), filled])
    before, _ = make_windows(longer, origins + 4 * WEEK, context=4 * WEEK, horizon=horizon)
    weeks = before.unflatten(1, (4, WEEK))[..., :horizon].transpose(1, 2)
    return BikeWindows(torch.cat([past, future], 1), future[..., 0], (~measured.isnan()).float(), weeks)


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
