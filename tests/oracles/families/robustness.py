"""Who else computes the objectives against an adversary, and how: see `entries.py` for the form.

Objectives take a model, here a linear one. What an attack has found is given, so that inputs have a gradient.
"""

from __future__ import annotations

import numpy as np
from entries import Case, Reference

TITLE = "Robustness"
MODEL = "lambda x: x @ m"


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Inputs `z`, perturbed inputs `v`, the matrix `m` of a linear classifier, labels."""
    rng = np.random.default_rng(60)
    z = rng.uniform(0, 1, (6, 5)).astype(np.float32).astype(np.float64)
    v = (z + rng.uniform(-0.25, 0.25, z.shape)).astype(np.float32).astype(np.float64)
    m = (2 * rng.standard_normal((5, 3))).astype(np.float32).astype(np.float64)
    return {"attacked": {"z": z, "v": v, "m": m, "y": np.array([0, 1, 2, 2, 1, 0])}}


SAMPLES = ("attacked",)
_DIVERGENCE = "F.kl_div((v @ m).log_softmax(1), (z @ m).softmax(1), reduction='none').sum(1)"
_RIVAL = "(v @ m).softmax(1).masked_fill(one_hot(y, 3) == 1, 0).amax(1)"
_OWN = "(z @ m).softmax(1).gather(1, y[:, None])[:, 0]"

CASES = [
    Case("torch", "adversarial_training_loss", "F.cross_entropy(z @ m, y) / 2 + F.cross_entropy(v @ m, y) / 2",
         f"lb.adversarial_training_loss({MODEL}, z, y, perturbed=v, clean_weight=0.5)", SAMPLES),
    Case("torch", "trades_loss", f"F.cross_entropy(z @ m, y) + 6 * ({_DIVERGENCE}).mean()",
         f"lb.trades_loss({MODEL}, z, y, perturbed=v)", SAMPLES),
    Case("torch", "mart_loss",
         f"F.cross_entropy(v @ m, y) - (1 - {_RIVAL}).log().mean() + 5 * ((1 - {_OWN}) * {_DIVERGENCE}).mean()",
         f"lb.mart_loss({MODEL}, z, y, perturbed=v)", SAMPLES),
    Case("torch", "alp_loss",
         "(F.cross_entropy(z @ m, y) + F.cross_entropy(v @ m, y)) / 2 + F.mse_loss(z @ m, v @ m) / 2",
         f"lb.alp_loss({MODEL}, z, y, perturbed=v)", SAMPLES),
]  # fmt: skip

REFERENCES = [
    Reference("adversarial_training_loss", "ref.adversarial_training(z, v, m, y, 0.3)",
              f"lb.adversarial_training_loss({MODEL}, z, y, perturbed=v, clean_weight=0.3)", SAMPLES),
    Reference("trades_loss", "ref.trades(z, v, m, y, 6)", f"lb.trades_loss({MODEL}, z, y, perturbed=v)", SAMPLES),
    Reference("mart_loss", "ref.mart(z, v, m, y, 5)", f"lb.mart_loss({MODEL}, z, y, perturbed=v)", SAMPLES),
    Reference("alp_loss", "ref.logit_pairing(z, v, m, y, 0.5)", f"lb.alp_loss({MODEL}, z, y, perturbed=v)", SAMPLES),
]  # fmt: skip

DIFFERENCES = []
