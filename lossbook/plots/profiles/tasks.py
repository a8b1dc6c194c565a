"""Lines of several losses, and of sets of points."""

from __future__ import annotations

import torch

from ...catalogue import LossCard
from ._lines import Line, double, line


@line(kinds=("task losses",))
def _loss_of_a_task(card: LossCard) -> Line:
    settings = {
        "weighted_sum_loss": [double(1.0, 0.5)],
        "uncertainty_weighting_loss": [double(0.0, 1.0)],
        "dynamic_weight_average_loss": [double(1.0, 1.0), double(1.0, 2.0)],
    }
    return Line(
        "loss of the first of two tasks",
        0.0,
        4.0,
        lambda x: (torch.stack([x, torch.ones_like(x)]), *settings[card.name]),
        "Two tasks: the loss of the second stays at 1.",
    )


@line(losses=("gradnorm_loss",))
def _weight_of_a_task(_: LossCard) -> Line:
    return Line(
        "weight of the first of two tasks",
        0.05,
        3.0,
        lambda x: (torch.stack([x, 2 - x]), double(1.0, 1.0), double(0.5, 1.0), double(1.0, 1.0)),
        "Two tasks whose gradients are equally long, and whose weights sum to 2; the loss of the first has fallen by "
        "half.",
    )


@line(losses=("wasserstein_1d_loss",))
def _samples_move(_: LossCard) -> Line:
    return Line(
        "shift of the sample",
        -3.0,
        3.0,
        lambda x: (double(-1.0, 0.0, 1.0) + x, double(1.0, -1.0, 0.0)),
        "Three numbers move across three numbers.",
    )


@line(kinds=("points",))
def _points_move(_: LossCard) -> Line:
    points = double([-1.0, 0.0], [0.0, 1.0], [1.0, 0.0])
    return Line(
        "shift of the points",
        -3.0,
        3.0,
        lambda x: (points + x * double(1.0, 0.0), points),
        "Three points in the plane move across themselves.",
    )
