"""Who else computes the losses of an order, and how: see `entries.py` for the form."""

from __future__ import annotations

import numpy as np
from entries import Case, Reference

TITLE = "Ranking"

LISTS, PADDED, PAIRS = "ranking: lists", "ranking: padded lists", "ranking: pairs"
BOTH = (LISTS, PADDED)


def samples() -> dict[str, dict[str, np.ndarray]]:
    """Lists of scores `z` with grades `y`, padded with -1; pairs of scores
    `z` and `x`, and which one is to be larger."""
    rng = np.random.default_rng(30)

    def numbers(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32).astype(np.float64)

    return {
        LISTS: {
            "z": numbers(3, 6), "x": numbers(3, 6),
            "y": np.array([[3, 1, 0, 2, 2, 4], [1, 0, 0, 0, 2, 1], [4, 3, 2, 1, 0, 2]]),
        },
        PADDED: {"z": numbers(3, 4), "x": numbers(3, 4), "y": np.array([[3, 1, 0, -1], [2, -1, -1, 1], [-1, 4, 0, 2]])},
        PAIRS: {"z": numbers(4, 3), "x": numbers(4, 3), "y": rng.choice([-1, 1], (4, 3))},
    }  # fmt: skip


CASES = [
    Case("torch", "margin_ranking_loss", "F.margin_ranking_loss(z, x, y)", "lb.margin_ranking_loss(z, x, y)", (PAIRS,)),
    Case("torch", "margin_ranking_loss", "F.margin_ranking_loss(z, x, y, margin=0.5, reduction='none')",
         "lb.margin_ranking_loss(z, x, y, margin=0.5, reduction='none')", (PAIRS,)),
    Case("torch", "bpr_loss", "F.soft_margin_loss(z - x, torch.ones_like(z))", "lb.bpr_loss(z, x)", (PAIRS,)),
    Case("torch", "listnet_loss", "F.cross_entropy(z, y.double().softmax(1))", "lb.listnet_loss(z, y)", (LISTS,)),
    Case("optax", "listnet_loss", "optax.losses.ranking_softmax_loss(z, y.double().softmax(1))",
         "lb.listnet_loss(z, y)", (LISTS,), "it takes chances, and does not normalize them"),
    Case("sklearn", "approx_ndcg_loss", "1 - metrics.ndcg_score(y, z)",
         "lb.approx_ndcg_loss(z, y, gain='linear', temperature=1e-4)", (LISTS,),
         "the metric itself, to which a low temperature comes near; its gains are linear"),
]  # fmt: skip

REFERENCES = [
    Reference("margin_ranking_loss", "ref.mean(*ref.margin_ranking(z, x, y))", "lb.margin_ranking_loss(z, x, y)",
              (PAIRS,)),
    Reference("bpr_loss", "ref.mean(*ref.bpr(z, x))", "lb.bpr_loss(z, x)", (PAIRS,)),
    Reference("pairwise_ranking_loss", "ref.mean(*ref.pairwise(z, y, ignore_index=-1))",
              "lb.pairwise_ranking_loss(z, y, ignore_index=-1)", BOTH),
    Reference("pairwise_ranking_loss", "ref.mean(*ref.pairwise(z, y, form='hinge', ignore_index=-1))",
              "lb.pairwise_ranking_loss(z, y, form='hinge', ignore_index=-1)", BOTH),
    Reference("attention_ranking_loss", "ref.mean(*ref.attention(z, x))", "lb.attention_ranking_loss(z, x)", BOTH),
    Reference("listnet_loss", "ref.mean(*ref.listnet(z, y, ignore_index=-1))",
              "lb.listnet_loss(z, y, ignore_index=-1)", BOTH),
    Reference("list_mle_loss", "ref.mean(*ref.list_mle(z, y, ignore_index=-1))",
              "lb.list_mle_loss(z, y, ignore_index=-1)", BOTH),
    Reference("lambda_rank_loss", "ref.mean(*ref.lambda_rank(z, y, ignore_index=-1))",
              "lb.lambda_rank_loss(z, y, ignore_index=-1)", BOTH),
    Reference("approx_ndcg_loss", "ref.mean(*ref.approx_ndcg(z, y, ignore_index=-1))",
              "lb.approx_ndcg_loss(z, y, ignore_index=-1)", BOTH),
]  # fmt: skip

DIFFERENCES = []
