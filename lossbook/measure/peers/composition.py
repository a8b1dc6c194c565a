"""Who has sums of losses and distances of point sets as well."""

from __future__ import annotations

from torch import Tensor

from ._entry import Entry, noise


def points(N: int = 1000, D: int = 8) -> dict[str, Tensor]:
    """Two clouds of points."""
    return {"z": noise(N, D, seed=0), "x": 0.7 * noise(N, D, seed=1) + 0.5}


def scales(N: int = 8, size: int = 256) -> dict[str, Tensor]:
    """A prediction and a target of the same shape."""
    return {"z": noise(N, 3, size, size, seed=0), "x": noise(N, 3, size, size, seed=1)}


INPUTS = {"points 1000x8": points, "pictures 8x3x256x256": scales}
SMALL = {"points 1000x8": lambda: points(8, 2), "pictures 8x3x256x256": lambda: scales(1, 8)}
POINTS, PICTURES = INPUTS

ENTRIES = (
    Entry("sinkhorn_loss", POINTS, "lb.sinkhorn_loss(z, x, epsilon=4.0, iterations=20)",
          ("geomloss.SamplesLoss('sinkhorn', p=2, blur=2.0, scaling=0.99, debias=True)(z, x)",)),
    Entry("mmd_loss", POINTS, "lb.mmd_loss(z, x, bandwidth=2.0)",
          ("2 * geomloss.SamplesLoss('gaussian', blur=2.0)(z, x)",)),
    Entry("deep_supervision_loss", PICTURES, "lb.deep_supervision_loss(F.mse_loss, [z, z[..., ::2, ::2]], x)",
          ("monai.DeepSupervisionLoss(torch.nn.MSELoss(), weight_mode='exp')([z, z[..., ::2, ::2]], x)",)),
)  # fmt: skip
