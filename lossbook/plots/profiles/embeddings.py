"""Lines of directions, groups and lists."""

from __future__ import annotations

import torch

from ...catalogue import LossCard
from ._lines import AT, TURN, Line, double, line, unit


@line(kinds=("vectors away from zero",))
def _angle_to_the_target(card: LossCard) -> Line:
    signs = [torch.ones(1, dtype=torch.long)] if len(card.domain) == 3 else []
    return Line(
        **TURN,
        at=lambda x: (unit(x).unsqueeze(0), AT[0.0].unsqueeze(0), *signs),
        what="Two unit vectors: one stays at 0 degrees, the other turns.",
    )


@line(losses=("contrastive_loss",))
def _distance_to_the_other(_: LossCard) -> Line:
    others, target = double([0.0, 0.0], [0.0, 0.0]), torch.tensor([1, 0])
    return Line(
        "distance",
        0.02,
        2.0,
        lambda x: (torch.stack([x, torch.zeros_like(x)]).expand(2, 2), others, target),
        "Two pairs at the same distance: one alike, one not.",
    )


@line(losses=("triplet_margin_loss",))
def _anchor_between(_: LossCard) -> Line:
    return Line(
        "place of the anchor",
        -1.5,
        1.5,
        lambda x: (torch.stack([x, torch.zeros_like(x)]).unsqueeze(0), double([-1.0, 0.0]), double([1.0, 0.0])),
        "The positive example is at -1, the negative one at 1.",
    )


@line(losses=("byol_loss",))
def _angle_to_the_other_view(_: LossCard) -> Line:
    return Line(
        **TURN,
        at=lambda x: (unit(x).unsqueeze(0), AT[0.0].unsqueeze(0)),
        what="Two views of one example: one stays at 0 degrees, the other turns.",
    )


@line(
    losses=(
        "batch_triplet_loss", "lifted_structure_loss", "sup_con_loss", "nca_loss", "multi_similarity_loss",
        "circle_loss", "proxy_anchor_loss",
    ),
)  # fmt: skip
def _member_leaves_its_class(card: LossCard) -> Line:
    target = torch.tensor([0, 0, 1, 1])
    rest = torch.stack([AT[10.0], AT[120.0], AT[130.0]])
    others = [torch.stack([AT[0.0], AT[120.0]])] if len(card.domain) == 3 else []
    return Line(
        **TURN,
        at=lambda x: (torch.cat([unit(x).unsqueeze(0), rest]), target, *others),
        what="Four unit vectors: one of the first class turns, its companion stays at 10 degrees, the other class at "
        "120 and 130.",
    )


@line(losses=("arcface_loss", "cosface_loss", "sphereface_loss", "proxy_nca_loss", "center_loss"))
def _angle_to_the_prototype(_: LossCard) -> Line:
    target, prototypes = torch.tensor([0]), torch.stack([AT[0.0], AT[120.0]])
    return Line(
        **TURN,
        at=lambda x: (unit(x).unsqueeze(0), target, prototypes),
        what="One unit vector turns; the prototype of its class stays at 0 degrees, that of another class at 120.",
    )


@line(losses=("sub_center_arcface_loss", "soft_triple_loss"))
def _angle_to_two_sub_centers(_: LossCard) -> Line:
    target, prototypes = torch.tensor([0]), torch.stack([AT[0.0], AT[130.0], AT[120.0], AT[120.0]]).unflatten(0, (2, 2))
    return Line(
        **TURN,
        at=lambda x: (unit(x).unsqueeze(0), target, prototypes),
        what="One unit vector turns; the sub-centers of its class stay at 0 and 130 degrees, those of another class at "
        "120.",
    )


@line(
    losses=(
        "n_pairs_loss", "info_nce_loss", "nt_xent_loss", "clip_loss", "siglip_loss", "image_text_matching_loss",
        "audio_visual_consistency_loss", "angular_loss",
    ),
)  # fmt: skip
def _query_leaves_its_key(_: LossCard) -> Line:
    keys = torch.stack([AT[0.0], AT[120.0]])
    return Line(
        **TURN,
        at=lambda x: (torch.stack([unit(x), AT[130.0]]), keys),
        what="Two pairs of unit vectors: the partner of the first stays at 0 degrees, the second pair at 130 and 120.",
    )


@line(losses=("barlow_twins_loss", "vicreg_loss"))
def _views_of_a_batch(_: LossCard) -> Line:
    view = double([1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0])
    return Line(
        **TURN,
        at=lambda x: (view @ torch.stack([unit(x), unit(x + 90)]), view),
        what="Two views of four examples with two features: one view turns.",
    )


@line(losses=("margin_ranking_loss", "bpr_loss"))
def _lead_of_the_better(card: LossCard) -> Line:
    target = [torch.ones(1, 1, dtype=torch.long)] * (len(card.domain) == 3)
    return Line(
        "lead of the item that belongs first",
        -4.0,
        4.0,
        lambda x: (x.reshape(1, 1), double([0.0]), *target),
        "One pair of items.",
    )


@line(kinds=("scores of a list", "scores of a list within 1000", "attention rows"))
def _best_item(card: LossCard) -> Line:
    target = torch.tensor([[3, 1, 0, 0]])
    if "attention rows" in card.domain.values():
        target = double([0.6, 0.2, 0.1, 0.1])
    return Line(
        "score of the item that belongs first",
        -4.0,
        4.0,
        lambda x: (torch.stack([x, *double(1.0, 0.0, -1.0)]).unsqueeze(0), target),
        "A list of four items, of which the first is the most relevant and the others are in order.",
    )


@line(losses=("linear_cross_entropy", "sampled_softmax_loss"))
def _hidden_state_turns(card: LossCard) -> Line:
    weight = 3 * torch.stack([AT[0.0], AT[120.0], unit(double(-120.0)[0])])
    rest = [torch.tensor([0, 1, 2])] * (len(card.domain) > 3)
    return Line(
        **TURN,
        at=lambda x: (unit(x).unsqueeze(0), weight, torch.tensor([0]), *rest),
        what="A hidden state of length 1 turns; the rows of three classes, of length 3, point to 0, 120 and -120 "
        "degrees.",
    )
