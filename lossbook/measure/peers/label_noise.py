"""Who has the losses of noisy labels and the learned losses as well."""

from __future__ import annotations

import torch
from torch import Tensor

from ._entry import Entry, Input, noise


def many_labels(N: int = 8192, C: int = 200) -> dict[str, Tensor]:
    """Logits `z` and, of a second network, `x`; labels `y`, a transition matrix `m`, coefficients `t`."""
    y = torch.randint(C, (N,), generator=torch.Generator().manual_seed(1))
    m = 0.8 * torch.eye(C) + 0.2 / C
    return {"z": 2 * noise(N, C, seed=0), "x": 2 * noise(N, C, seed=5), "y": y, "m": m, "t": noise(8, seed=2)}


def network(N: int = 8192, D: int = 10, H: int = 50) -> dict[str, Tensor]:
    """Predictions `z`, targets `x` and the matrices of a learned loss, one by one and as the vector `w`."""
    a, b, c = (0.2 * noise(*size, seed=seed) for seed, size in enumerate(((H, 2 * D), (H, H), (1, H))))
    w = torch.cat([a.flatten(), b.flatten(), c.flatten()])
    return {"z": noise(N, D, seed=3), "x": noise(N, D, seed=4), "a": a, "b": b, "c": c, "w": w}


LOGITS, NUMBERS = "8192x200", "8192x10"
INPUTS: dict[str, Input] = {LOGITS: many_labels, NUMBERS: network}
SMALL: dict[str, Input] = {LOGITS: lambda: many_labels(12, 5), NUMBERS: lambda: network(6, 3, 4)}

_OWN = "z.softmax(1).gather(1, y[:, None])[:, 0]"
_TRUTH = "F.one_hot(y, z.shape[1]).to(z.dtype)"
_NORMALIZED = "(lambda p: (p.gather(1, y[:, None])[:, 0] / p.sum(1)).mean())(z.log_softmax(1))"
_FIXED_POINT = "".join("a := a0 * (1 - 0.2 * a).pow(-5).sum(1, keepdim=True) ** -0.2, " for _ in range(20))
_TEMPERED = (  # the authors' fixed point, then the loss of equation 6
    f"(lambda a0: (lambda p: (5 * (1 - p.gather(1, y[:, None])[:, 0] ** 0.2) - (1 - (p ** 1.2).sum(1)) / 1.2).mean())"
    f"((a := a0, {_FIXED_POINT}s := (1 - 0.2 * a).pow(-5).sum(1, keepdim=True), "
    "(1 - 0.2 * (a0 - 5 * (s ** 0.2 - 1))).pow(-5))[-1]))(z - z.amax(1, keepdim=True))"
)
_POLYNOMIAL = (
    "(lambda u, v: -(t[2] * v + t[3] * v**2 / 2 + t[4] * v**3 / 6 + t[5] * u * v + t[6] * u * v**2 / 2 + "
    f"t[7] * u**2 * v / 2).mean())({_TRUTH} - t[0], z.softmax(1) - t[1])"
)

ENTRIES = (
    # Not (1 - p ** q) / q: where p underflows its gradient is NaN, and for small q it has few digits.
    Entry("generalized_cross_entropy", LOGITS, "lb.generalized_cross_entropy(z, y)",
          ("(-torch.expm1(-0.7 * F.cross_entropy(z, y, reduction='none')) / 0.7).mean()",)),
    Entry("symmetric_cross_entropy", LOGITS, "lb.symmetric_cross_entropy(z, y)",
          (f"0.1 * F.cross_entropy(z, y) + 4 * (1 - {_OWN}).mean()",)),
    Entry("bootstrapping_loss", LOGITS, "lb.bootstrapping_loss(z, y)",
          ("(lambda p: -0.95 * p.gather(1, y[:, None]).mean() - 0.05 * (p.exp() * p).sum(1).mean())(z.log_softmax(1))",
           f"F.cross_entropy(z, 0.95 * {_TRUTH} + 0.05 * z.softmax(1))")),
    Entry("probability_mae_loss", LOGITS, "lb.probability_mae_loss(z, y)",
          (f"2 * (1 - {_OWN}).mean()", f"(z.softmax(1) - {_TRUTH}).abs().sum(1).mean()")),
    Entry("normalized_cross_entropy", LOGITS, "lb.normalized_cross_entropy(z, y)", (_NORMALIZED,)),
    Entry("active_passive_loss", LOGITS, "lb.active_passive_loss(z, y)",
          (f"{_NORMALIZED} + 2 * (1 - {_OWN}).mean()",)),
    Entry("taylor_cross_entropy", LOGITS, "lb.taylor_cross_entropy(z, y)",
          (f"(lambda m: (m + m**2 / 2).mean())(1 - {_OWN})",)),
    Entry("bi_tempered_logistic_loss", LOGITS, "lb.bi_tempered_logistic_loss(z, y)", (_TEMPERED,)),
    Entry("forward_corrected_loss", LOGITS, "lb.forward_corrected_loss(z, y, m)",
          ("F.nll_loss((z.softmax(1) @ m).log(), y)",)),
    Entry("backward_corrected_loss", LOGITS, "lb.backward_corrected_loss(z, y, m)",
          ("-(torch.linalg.inv(m)[y] * z.log_softmax(1)).sum(1).mean()",)),
    Entry("jocor_loss", LOGITS, "lb.jocor_loss(z, y, x)",
          (("(lambda p, q: 0.9 * (F.nll_loss(p, y) + F.nll_loss(q, y)) + 0.1 * (F.kl_div(p, q, reduction='batchmean', "
            "log_target=True) + F.kl_div(q, p, reduction='batchmean', log_target=True)))"
            "(z.log_softmax(1), x.log_softmax(1))"),)),
    Entry("baikal_loss", LOGITS, "lb.baikal_loss(z, y, eps=1e-9)",
          (f"((1 / {_OWN}).mean() - z.log_softmax(1).sum(1).mean()) / z.shape[1]",)),
    Entry("taylor_glo_loss", LOGITS, "lb.taylor_glo_loss(z, y, t)", (_POLYNOMIAL,)),
    Entry("learned_loss", NUMBERS, "lb.learned_loss(z, x, w)",
          ("F.softplus(F.linear(F.linear(F.linear(torch.cat([z, x], 1), a).relu(), b).relu(), c)).mean()",)),
)  # fmt: skip
