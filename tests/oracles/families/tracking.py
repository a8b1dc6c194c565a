"""Who else computes the losses of what moves, and how: see `entries.py` for the form."""

from __future__ import annotations

import numpy as np
from entries import Case, Reference

TITLE = "Tracking and motion"


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Score maps, states with covariances `w`, identities with embeddings `x`, trajectories, flows and frames."""
    rng = np.random.default_rng(41)

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * rng.standard_normal(shape)).astype(np.float32).astype(np.float64)

    places = np.zeros((3, 4, 5), np.int64)
    places[0, 1:3, 1:3] = places[1, 2, 3] = 1  # on the third map the target is out of sight
    root = normal(4, 3, 3)
    frame = rng.uniform(0.0, 1.0, (2, 2, 5, 6)).astype(np.float32).astype(np.float64)
    return {
        "score maps": {"z": normal(3, 4, 5, scale=2.0), "y": places},
        "confidence maps": {
            "z": normal(3, 4, 5), "y": (rng.uniform(size=(3, 4, 5)) ** 4).astype(np.float32).astype(np.float64),
            "w": rng.uniform(0.0, 1.0, (3, 4, 5)), "v": rng.uniform(0.5, 2.0, (3, 4, 5)),
        },
        "states": {"z": normal(4, 3), "y": normal(4, 3), "w": root @ root.transpose(0, 2, 1) + np.eye(3)},
        "one state": {"z": normal(1, 3), "y": normal(1, 3), "w": (root @ root.transpose(0, 2, 1))[:1] + np.eye(3)},
        "identities": {
            "z": normal(6, 4), "x": normal(6, 3), "y": np.array([0, 0, 1, 1, 1, 3]), "w": normal(4, 3),
        },
        "trajectories": {"z": normal(2, 6, 4, scale=3.0)},
        "iterates": {"z": normal(2, 3, 2, 3, 4), "y": normal(2, 2, 3, 4)},
        "flow": {"z": normal(2, 2, 3, 4), "y": normal(2, 2, 3, 4)},
        "moving frames": {"z": frame, "x": frame[::-1].copy(), "v": normal(2, 2, 5, 6)},
        "two flows": {"z": normal(2, 2, 5, 6, scale=0.8), "x": normal(2, 2, 5, 6, scale=0.8)},
        "flow of frames": {"z": normal(2, 2, 5, 6, scale=0.8), "x": frame, "v": frame[::-1].copy()},
    }  # fmt: skip


STATES = ("states",)
PEOPLE = ("identities",)
TRACKS = ("trajectories",)

CASES = [
    Case("torch", "cross_correlation_loss", "F.soft_margin_loss(z, 2.0 * y - 1)",
         "lb.cross_correlation_loss(z, y, balance=False)", ("score maps",), "labels of plus and minus one"),
    Case("torch", "dimp_loss", "F.mse_loss(z, y)", "lb.dimp_loss(z, y, threshold=-1.0)", ("confidence maps",),
         "without background all scores are fitted"),
    Case("scipy", "mahalanobis_loss",
         "scipy.spatial.distance.mahalanobis(z[0], y[0], np.linalg.inv(w[0])) ** 2",
         "lb.mahalanobis_loss(z, y, w)", ("one state",), "the loss is the square of the distance"),
    Case("scipy", "mahalanobis_loss", "-scipy.stats.multivariate_normal.logpdf(y[0], z[0], w[0])",
         "lb.mahalanobis_loss(z, y, w, log_determinant=True)", ("one state",)),
    Case("torch", "reid_loss", "F.cross_entropy(z, y, label_smoothing=0.1)",
         "lb.reid_loss(z, x, y, triplet_weight=0.0)",
         PEOPLE),
    Case("torch", "sequence_loss", "0.64 * F.l1_loss(z[:, 0], y) + 0.8 * F.l1_loss(z[:, 1], y) + F.l1_loss(z[:, 2], y)",
         "lb.sequence_loss(z, y)", ("iterates",)),
    Case("torch", "end_point_error_loss", "(z - y).norm(dim=1).mean()", "lb.end_point_error_loss(z, y)", ("flow",)),
    Case("torch", "temporal_consistency_loss", "z.diff(n=2, dim=1).abs().mean()", "lb.temporal_consistency_loss(z)",
         TRACKS),
]  # fmt: skip

REFERENCES = [
    Reference("cross_correlation_loss", "ref.logistic_on_map(z, y)", "lb.cross_correlation_loss(z, y)",
              ("score maps",)),
    Reference("cross_correlation_loss", "ref.logistic_on_map(z, y, False)",
              "lb.cross_correlation_loss(z, y, balance=False)", ("score maps",)),
    Reference("dimp_loss", "ref.dimp(z, y)", "lb.dimp_loss(z, y)", ("confidence maps",)),
    Reference("dimp_loss", "ref.dimp(z, y, 0.3)", "lb.dimp_loss(z, y, threshold=0.3)", ("confidence maps",)),
    Reference("dimp_loss", "ref.dimp_masked(z, y, w, v)", "lb.dimp_loss(z, y, mask=w, weight=v)",
              ("confidence maps",)),
    Reference("mahalanobis_loss", "ref.mahalanobis(z, y, w)", "lb.mahalanobis_loss(z, y, w)", STATES),
    Reference("mahalanobis_loss", "ref.gaussian(z, y, w)", "lb.mahalanobis_loss(z, y, w, log_determinant=True)",
              STATES),
    Reference("reid_loss", "ref.reid(z, x, y)", "lb.reid_loss(z, x, y)", PEOPLE),
    Reference("reid_loss", "ref.reid(z, x, y, w, None, 0.2, 0.5, 0.1)",
              "lb.reid_loss(z, x, y, centers=w, margin=None, label_smoothing=0.2, triplet_weight=0.5, "
              "center_weight=0.1)", PEOPLE),
    *(Reference("temporal_consistency_loss", f"ref.unsteadiness(z, {order}, '{distance}')",
                f"lb.temporal_consistency_loss(z, order={order}, distance='{distance}')", TRACKS)
      for order, distance in ((1, "l2"), (2, "l1"), (3, "charbonnier"))),
    *(Reference("sequence_loss", f"ref.sequence(z, y, {gamma}, '{distance}')",
                f"lb.sequence_loss(z, y, gamma={gamma}, distance='{distance}')", ("iterates",))
      for gamma, distance in ((0.8, "l1"), (0.5, "l2"), (1.0, "charbonnier"))),
    *(Reference("motion_consistency_loss", f"ref.motion_consistency(z, x, v, '{distance}')",
                f"lb.motion_consistency_loss(z, x, v, distance='{distance}')", ("moving frames",))
      for distance in ("l1", "l2", "charbonnier")),
    *(Reference("flow_consistency_loss", f"ref.flow_consistency(z, x, '{distance}')",
                f"lb.flow_consistency_loss(z, x, distance='{distance}')", ("two flows",))
      for distance in ("l1", "l2", "charbonnier")),
    Reference("flow_consistency_loss", "ref.flow_consistency(z, x, occlusion=True)",
              "lb.flow_consistency_loss(z, x, occlusion=True)", ("two flows",)),
    Reference("end_point_error_loss", "ref.end_point_error(z, y)", "lb.end_point_error_loss(z, y)", ("flow",)),
    *(Reference("motion_loss", f"ref.motion(z, x, v, '{distance}', {weight})",
                f"lb.motion_loss(z, x, v, photometric='{distance}', smoothness={weight})", ("flow of frames",))
      for distance, weight in (("charbonnier", 0.1), ("l1", 1.0), ("l2", 0.0))),
]  # fmt: skip
