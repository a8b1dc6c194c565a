"""Who else computes sums of losses and distances of point sets, and how: see `entries.py` for the form."""

from __future__ import annotations

import numpy as np
from entries import IN_FLOAT32, Case, Reference

TITLE = "Several losses, point sets"


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32).astype(np.float64)


def samples() -> dict[str, dict[str, np.ndarray]]:
    """`z` losses, weights or points; `x` what stands beside them; `w`, `v`, `s` one number for each task."""
    rng = np.random.default_rng(42)
    tasks = {
        "z": rng.uniform(0.1, 3, (4, 3)),
        "s": rng.standard_normal(3),
        "w": rng.uniform(0.2, 2, 3),
        "v": rng.uniform(0.2, 2, 3),
    }
    balance = {name: rng.uniform(0.2, 2, (4, 3)) for name in ("z", "w", "v", "x")}
    values = {"z": rng.standard_normal((3, 5)), "x": 2 * rng.standard_normal((3, 5))}
    points = {"z": rng.standard_normal((5, 2)), "x": 0.7 * rng.standard_normal((6, 2)) + 0.5}
    pictures = {"z": rng.standard_normal((2, 3, 4, 4)), "x": rng.standard_normal((2, 3, 4, 4))}
    named = {"tasks": tasks, "balance": balance, "values": values, "points": points, "pictures": pictures}
    return {f"composition: {name}": {k: _single(a) for k, a in arrays.items()} for name, arrays in named.items()}


TASKS = ("composition: tasks",)
POINTS = ("composition: points",)
VALUES = ("composition: values",)
PICTURES = ("composition: pictures",)

CASES = [
    Case("scipy", "wasserstein_1d_loss", "scipy.stats.wasserstein_distance(z[0], x[0])",
         "lb.wasserstein_1d_loss(z[0], x[0])", VALUES),
    Case("geomloss", "sinkhorn_loss",
         "geomloss.SamplesLoss('sinkhorn', p=2, blur=1.0, scaling=0.999, debias=True)(z, x)",
         "lb.sinkhorn_loss(z, x, epsilon=1.0, iterations=600)", POINTS,
         note="epsilon is blur ** p; its annealing ends short of the optimum", tolerance=1e-4),
    Case("geomloss", "sinkhorn_loss",
         "geomloss.SamplesLoss('sinkhorn', p=2, blur=1.0, scaling=0.999, debias=False)(z, x)",
         "lb.sinkhorn_loss(z, x, epsilon=1.0, iterations=600, debias=False)", POINTS, tolerance=1e-4),
    Case("geomloss", "sinkhorn_loss",
         "geomloss.SamplesLoss('sinkhorn', p=1, blur=1.0, scaling=0.999, debias=False)(z, x)",
         "lb.sinkhorn_loss(z, x, p=1, epsilon=1.0, iterations=600, debias=False)", POINTS, tolerance=1e-4),
    Case("geomloss", "mmd_loss", "geomloss.SamplesLoss('gaussian', blur=0.7)(z, x)",
         "0.5 * lb.mmd_loss(z, x, bandwidth=0.7)", POINTS, note="half the squared discrepancy", tolerance=1e-6),
    Case("geomloss", "mmd_loss", "geomloss.SamplesLoss('energy')(z, x)",
         "0.5 * lb.mmd_loss(z, x, kernel='energy')", POINTS, note="half the energy distance",
         tolerance=1e-3),
    Case("monai", "deep_supervision_loss",
         "monai.DeepSupervisionLoss(torch.nn.MSELoss(), weight_mode='exp')([z, z[..., ::2, ::2]], x)",
         "lb.deep_supervision_loss(F.mse_loss, [z, z[..., ::2, ::2]], x)", PICTURES, tolerance=IN_FLOAT32,
         dtype="float32"),
]  # fmt: skip

REFERENCES = [
    Reference("weighted_sum_loss", "ref.weighted_sum(z, w)", "lb.weighted_sum_loss(z, w)", TASKS),
    Reference("uncertainty_weighting_loss", "ref.uncertainty(z, s, ('regression',) * 3)",
              "lb.uncertainty_weighting_loss(z, s)", TASKS),
    Reference("uncertainty_weighting_loss",
              "ref.uncertainty(z, s, ('classification', 'regression', 'classification'))",
              "lb.uncertainty_weighting_loss(z, s, kinds=('classification', 'regression', 'classification'))", TASKS),
    Reference("dynamic_weight_average_loss", "ref.dynamic_average(z, w, v, 2.0)",
              "lb.dynamic_weight_average_loss(z, w, v)", TASKS),
    Reference("gradnorm_loss", "ref.gradnorm(z, w, v, x, 1.5)", "lb.gradnorm_loss(z, w, v, x).detach()",
              ("composition: balance",)),
    Reference("deep_supervision_loss", "ref.deep_supervision(z, x, (1.0, 0.5))",
              "lb.deep_supervision_loss(F.mse_loss, [z, z[..., ::2, ::2]], x)", PICTURES),
    Reference("wasserstein_1d_loss", "ref.wasserstein_1d(z, x, 1)", "lb.wasserstein_1d_loss(z, x)", VALUES),
    Reference("wasserstein_1d_loss", "ref.wasserstein_1d(z, x, 2)", "lb.wasserstein_1d_loss(z, x, p=2.0)", VALUES),
    Reference("sinkhorn_loss", "ref.sinkhorn(z, x, 2, 1.0, True)",
              "lb.sinkhorn_loss(z, x, epsilon=1.0, iterations=600)", POINTS),
    Reference("sinkhorn_loss", "ref.sinkhorn(z, x, 1, 0.5, False)",
              "lb.sinkhorn_loss(z, x, p=1, epsilon=0.5, iterations=600, debias=False)", POINTS),
    Reference("mmd_loss", "ref.mmd(z, x, 'gaussian', 0.7)", "lb.mmd_loss(z, x, bandwidth=0.7)", POINTS),
    Reference("mmd_loss", "ref.mmd(z, x, 'laplacian', 2.0)", "lb.mmd_loss(z, x, kernel='laplacian', bandwidth=2.0)",
              POINTS),
    Reference("mmd_loss", "ref.mmd(z, x, 'energy')", "lb.mmd_loss(z, x, kernel='energy')", POINTS),
]  # fmt: skip

DIFFERENCES = []
