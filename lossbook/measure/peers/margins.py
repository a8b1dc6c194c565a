"""Who has the losses of the margin as well."""

from __future__ import annotations

from torch import Tensor

from ._entry import Entry, Input, noise


def scores(N: int = 4096, C: int = 1000) -> dict[str, Tensor]:
    """Scores `z`, a mask `y` of as many answers, labels `c` of the rows."""
    z = 2 * noise(N, C, seed=20)
    noisy = z + 2 * noise(N, C, seed=21)
    return {"z": z, "y": (noisy > 0).float(), "c": noisy.argmax(1)}


INPUTS: dict[str, Input] = {"4096x1000 scores": scores}
SMALL: dict[str, Input] = {"4096x1000 scores": lambda: scores(8, 20)}
(SCORES,) = INPUTS

ENTRIES = (
    Entry("hinge_loss", SCORES, "lb.hinge_loss(z, y)", ("F.relu(1 - (2 * y - 1) * z).mean()",)),
    Entry(
        "squared_hinge_loss",
        SCORES,
        "lb.squared_hinge_loss(z.sigmoid(), y)",
        (
            "tm.classification.binary_hinge_loss(z.flatten(), y.flatten(), squared=True)",
            "F.relu(1 - (2 * y - 1) * z.sigmoid()).square().mean()",
        ),
    ),
    Entry(
        "multiclass_hinge_loss",
        SCORES,
        "lb.multiclass_hinge_loss(z, c, kind='weston-watkins')",
        ("F.multi_margin_loss(z, c) * z.shape[1]",),
    ),
    Entry(
        "multiclass_hinge_loss",
        SCORES,
        "lb.multiclass_hinge_loss(z.softmax(1), c, p=2)",
        ("tm.classification.multiclass_hinge_loss(z, c, num_classes=z.shape[1], squared=True)",),
    ),
    Entry("perceptron_loss", SCORES, "lb.perceptron_loss(z, y)", ("F.relu((1 - 2 * y) * z).mean()",)),
    Entry("exponential_loss", SCORES, "lb.exponential_loss(z, y)", ("torch.exp((1 - 2 * y) * z).mean()",)),
    Entry(
        "savage_loss",
        SCORES,
        "lb.savage_loss(z, y)",
        ("torch.sigmoid((1 - 2 * y) * z).square().mean()",),
    ),
)
