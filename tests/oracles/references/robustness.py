"""Slow references in float64 for the objectives against an adversary.

`p` and `q` are the probabilities of a linear classifier at the inputs and at the perturbed inputs.
"""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr, softmax

Array = np.ndarray


def surprise(p: Array, y: Array) -> Array:
    return np.array([-np.log(row[label]) for row, label in zip(p, y, strict=True)])


def adversarial_training(z: Array, v: Array, m: Array, y: Array, a: float) -> float:
    p, q = softmax(z @ m, axis=1), softmax(v @ m, axis=1)
    return float((a * surprise(p, y) + (1 - a) * surprise(q, y)).mean())


def trades(z: Array, v: Array, m: Array, y: Array, beta: float) -> float:
    p, q = softmax(z @ m, axis=1), softmax(v @ m, axis=1)
    return float((surprise(p, y) + beta * rel_entr(p, q).sum(1)).mean())


def mart(z: Array, v: Array, m: Array, y: Array, beta: float) -> float:
    p, q = softmax(z @ m, axis=1), softmax(v @ m, axis=1)
    values = []
    for clean, attacked, label in zip(p, q, y, strict=True):
        rival = max(share for c, share in enumerate(attacked) if c != label)
        boosted = -np.log(attacked[label]) - np.log(1 - rival)
        values.append(boosted + beta * rel_entr(clean, attacked).sum() * (1 - clean[label]))
    return float(np.mean(values))


def logit_pairing(z: Array, v: Array, m: Array, y: Array, pairing: float) -> float:
    p, q = softmax(z @ m, axis=1), softmax(v @ m, axis=1)
    difference = ((z @ m - v @ m) ** 2).mean(1)
    return float(((surprise(p, y) + surprise(q, y)) / 2 + pairing * difference).mean())
