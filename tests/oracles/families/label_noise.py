"""Who else computes the losses of noisy labels and the learned losses, and how: see `entries.py` for the form."""

from __future__ import annotations

import numpy as np
from entries import Case, Reference

TITLE = "Noisy labels"
WIDTH = 4


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Logits and labels of three classes, a transition matrix `m` and coefficients `t`; numbers for the network; and
    logits `z` and `x` of two networks."""
    rng = np.random.default_rng(50)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32).astype(np.float64)

    y = np.concatenate([np.arange(3), rng.integers(3, size=9)]).reshape(2, 2, 3)
    m = np.array([[0.75, 0.25, 0.0], [0.125, 0.75, 0.125], [0.0625, 0.1875, 0.75]])
    noisy = {"z": 2 * normal(2, 3, 2, 3), "y": y, "m": m, "t": normal(8)}
    weights = 0.5 * normal(WIDTH * (2 * 3 + WIDTH + 1))
    numbers = {"z": normal(7, 3), "x": normal(7, 3), "w": weights}
    networks = {"z": 2 * normal(2, 3, 2, 3), "x": 2 * normal(2, 3, 2, 3), "y": y}
    return {"noisy": noisy, "numbers and a network": numbers, "two networks": networks}


NOISY = ("noisy",)
NETWORKS = ("two networks",)
BOTH = ("noisy", "volume")
ALL = ("noisy", "volume", "saturated")
_APART = "F.kl_div({0}.log_softmax(1), {1}.log_softmax(1), reduction='none', log_target=True).sum(1)"
_OWN = "z.softmax(1).gather(1, y[:, None])[:, 0]"
_JOINT = (
    "{0} * (F.cross_entropy(z, y, reduction='none') + F.cross_entropy(x, y, reduction='none')) + {1} * "
    f"({_APART.format('z', 'x')} + {_APART.format('x', 'z')})"
)

CASES = [
    Case("torch", "generalized_cross_entropy", "F.cross_entropy(z, y)", "lb.generalized_cross_entropy(z, y, q=0.0)",
         ALL, "the limit"),
    Case("torch", "generalized_cross_entropy", f"((1 - {_OWN} ** 0.7) / 0.7).mean()",
         "lb.generalized_cross_entropy(z, y)", BOTH),
    Case("torch", "symmetric_cross_entropy", f"0.1 * F.cross_entropy(z, y) + 4 * (1 - {_OWN}).mean()",
         "lb.symmetric_cross_entropy(z, y)", BOTH),
    Case("torch", "bootstrapping_loss", "F.cross_entropy(z, 0.95 * one_hot(y, 3) + 0.05 * z.softmax(1))",
         "lb.bootstrapping_loss(z, y)", ALL, "the target holds probabilities, and has a gradient"),
    Case("torch", "bootstrapping_loss", "F.cross_entropy(z, 0.8 * one_hot(y, 3) + 0.2 * hard(z))",
         "lb.bootstrapping_loss(z, y, mode='hard', beta=0.8)", ALL),
    Case("torch", "probability_mae_loss", "3 * F.l1_loss(z.softmax(1), one_hot(y, 3))",
         "lb.probability_mae_loss(z, y)", BOTH, "torch's mean divides by the classes as well"),
    Case("torch", "normalized_cross_entropy",
         "(F.nll_loss(z.log_softmax(1), y, reduction='none') / -z.log_softmax(1).sum(1)).mean()",
         "lb.normalized_cross_entropy(z, y)", ALL),
    Case("torch", "active_passive_loss",
         "(F.nll_loss(z.log_softmax(1), y, reduction='none') / -z.log_softmax(1).sum(1)).mean() + "
         "3 * F.l1_loss(z.softmax(1), one_hot(y, 3))",
         "lb.active_passive_loss(z, y)", BOTH),
    Case("torch", "bi_tempered_logistic_loss", "F.cross_entropy(z, y)",
         "lb.bi_tempered_logistic_loss(z, y, t1=1.0, t2=1.0)", ALL),
    Case("torch", "forward_corrected_loss",
         "F.nll_loss((z.softmax(1).movedim(1, -1) @ m).movedim(-1, 1).log().contiguous(), y)",
         "lb.forward_corrected_loss(z, y, m)", NOISY),
    Case("torch", "backward_corrected_loss",
         "-(torch.linalg.inv(m)[y] * z.log_softmax(1).movedim(1, -1)).sum(-1).mean()",
         "lb.backward_corrected_loss(z, y, m)", NOISY),
    Case("torch", "taylor_cross_entropy", f"(1.5 - 2 * {_OWN} + {_OWN} ** 2 / 2).mean()",
         "lb.taylor_cross_entropy(z, y)", BOTH),
    Case("torch", "jocor_loss", f"({_JOINT.format(0.9, 0.1)}).mean()", "lb.jocor_loss(z, y, x)", NETWORKS),
    Case("torch", "jocor_loss", f"({_JOINT.format(0.35, 0.65)}).flatten().sort().values[:7].mean()",
         "lb.jocor_loss(z, y, x, agreement=0.65, keep=0.6)", NETWORKS, "7 of 12 positions, as the authors count"),
    Case("torch", "baikal_loss", f"((1 / {_OWN}).mean() - z.log_softmax(1).sum(1).mean()) / 3",
         "lb.baikal_loss(z, y)", BOTH),
    Case("torch", "taylor_glo_loss", "F.mse_loss(z.softmax(1), one_hot(y, 3)) - 1 / 3",
         "lb.taylor_glo_loss(z, y, torch.tensor([0, 0, 0, -2, 0, 2, 0, 0.0]))", BOTH, "the squared error"),
    Case("torch", "learned_loss",
         "F.softplus(F.linear(F.linear(F.linear(torch.cat([z, x], 1), w[:24].view(4, 6)).relu(), "
         "w[24:40].view(4, 4)).relu(), w[40:].view(1, 4))).mean()",
         "lb.learned_loss(z, x, w)", ("numbers and a network",)),
]  # fmt: skip

REFERENCES = [
    Reference("generalized_cross_entropy", "ref.generalized(z, y, 0.7)", "lb.generalized_cross_entropy(z, y)", BOTH),
    Reference("generalized_cross_entropy", "ref.generalized(z, y, 0.3, 0.4)",
              "lb.generalized_cross_entropy(z, y, q=0.3, truncation=0.4)", BOTH),
    Reference("symmetric_cross_entropy", "ref.symmetric(z, y, 0.1, 1, -4)", "lb.symmetric_cross_entropy(z, y)", BOTH),
    Reference("symmetric_cross_entropy", "ref.symmetric(z, y, 2, 0.3, -9)",
              "lb.symmetric_cross_entropy(z, y, alpha=2.0, beta=0.3, log_zero=-9.0)", BOTH),
    Reference("bootstrapping_loss", "ref.bootstrapping(z, y, 'soft', 0.95)", "lb.bootstrapping_loss(z, y)", BOTH),
    Reference("bootstrapping_loss", "ref.bootstrapping(z, y, 'hard', 0.8)",
              "lb.bootstrapping_loss(z, y, mode='hard', beta=0.8)", BOTH),
    Reference("probability_mae_loss", "ref.absolute_error(z, y)", "lb.probability_mae_loss(z, y)", BOTH),
    Reference("normalized_cross_entropy", "ref.normalized(z, y)", "lb.normalized_cross_entropy(z, y)", BOTH),
    Reference("active_passive_loss", "ref.normalized(z, y) + ref.absolute_error(z, y)", "lb.active_passive_loss(z, y)",
              BOTH),
    Reference("active_passive_loss", "0.5 * ref.normalized(z, y, 2.0) + 2 * ref.symmetric(z, y, 0, 1, -6)",
              "lb.active_passive_loss(z, y, alpha=0.5, beta=2.0, active='focal', gamma=2.0, passive='reverse', "
              "log_zero=-6.0)", BOTH),
    Reference("taylor_cross_entropy", "ref.taylor(z, y, 2)", "lb.taylor_cross_entropy(z, y)", BOTH),
    Reference("taylor_cross_entropy", "ref.taylor(z, y, 5)", "lb.taylor_cross_entropy(z, y, order=5)", BOTH),
    Reference("bi_tempered_logistic_loss", "ref.bi_tempered(z, y, 0.8, 1.2)", "lb.bi_tempered_logistic_loss(z, y)",
              BOTH),
    Reference("bi_tempered_logistic_loss", "ref.bi_tempered(z, y, 0.2, 4.0, 0.1)",
              "lb.bi_tempered_logistic_loss(z, y, t1=0.2, t2=4.0, label_smoothing=0.1)", BOTH),
    Reference("forward_corrected_loss", "ref.forward(z, y, m)", "lb.forward_corrected_loss(z, y, m)", NOISY),
    Reference("backward_corrected_loss", "ref.backward(z, y, m)", "lb.backward_corrected_loss(z, y, m)", NOISY),
    Reference("jocor_loss", "ref.jocor(z, y, x, 0.1)", "lb.jocor_loss(z, y, x)", NETWORKS),
    Reference("jocor_loss", "ref.jocor(z, y, x, 0.8, 0.5)", "lb.jocor_loss(z, y, x, agreement=0.8, keep=0.5)",
              NETWORKS),
    Reference("baikal_loss", "ref.baikal(z, y)", "lb.baikal_loss(z, y)", BOTH),
    Reference("taylor_glo_loss", "ref.taylor_glo(z, y, t)", "lb.taylor_glo_loss(z, y, t)", NOISY),
    Reference("learned_loss", f"ref.learned(z, x, w, {WIDTH})", "lb.learned_loss(z, x, w)",
              ("numbers and a network",)),
]  # fmt: skip

DIFFERENCES = []
