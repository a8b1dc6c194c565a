"""Lines of what scores one example: logits, numbers, masks."""

from __future__ import annotations

import torch
from torch import Tensor

from ...catalogue import LossCard
from ...losses import signed_distance_map
from ._lines import Line, disc, double, further, line


def _one_of_three(score: Tensor) -> Tensor:
    """One example of three classes (1, 3): the first score moves, the other two stay at 0."""
    return torch.stack([score, score.new_zeros(()), score.new_zeros(())]).unsqueeze(0)


@line(kinds=("logits", "logits within 100", "logits within 10"))
def _margin(card: LossCard) -> Line:
    """One example: the lead of the true class over two others, or the logit of the true answer."""
    if "labels" in card.domain.values() or card.parameters.get("task") == "multiclass":
        target = torch.zeros(1, dtype=torch.long)
        others = further(card, target)
        return Line(
            "lead of the true class",
            -6.0,
            6.0,
            lambda x: (_one_of_three(x), target, *others),
            "One example of three classes: the logit of the true class moves, the other two stay at 0.",
        )
    target = torch.ones(1, dtype=torch.long)
    others = further(card, target)
    return Line(
        "logit of a positive example",
        -6.0,
        6.0,
        lambda x: (x.unsqueeze(0), target, *others),
        "One entry whose answer is yes: its logit moves.",
    )


@line(kinds=("normalized logits",))
def _cosine_of_the_true_class(card: LossCard) -> Line:
    target = torch.zeros(1, dtype=torch.long)
    return Line(
        "cosine of the true class",
        -1.0,
        1.0,
        lambda x: (_one_of_three(x), target, *further(card, target)),
        "One example of three classes: the score of the true class moves, the other two stay at 0.",
    )


@line(losses=("nll_loss",))
def _log_probability(_: LossCard) -> Line:
    target = torch.zeros(1, dtype=torch.long)
    return Line(
        "lead of the true class",
        -6.0,
        6.0,
        lambda x: (_one_of_three(x).log_softmax(1), target),
        "One example of three classes: the score of the true class moves, the other two stay at 0.",
    )


@line(kinds=("logits or probabilities",))
def _between_distributions(_: LossCard) -> Line:
    target = double([0.7, 0.2, 0.1])
    return Line(
        "logit of the first of three classes",
        -4.0,
        6.0,
        lambda x: (torch.stack([x, double(0.2)[0].log(), double(0.1)[0].log()]).unsqueeze(0), target),
        "The target is the distribution (0.7, 0.2, 0.1); the logits of the last two classes are right.",
    )


@line(losses=("entropy_loss",))
def _certainty(_: LossCard) -> Line:
    return Line(
        "lead of the first of three classes",
        -6.0,
        6.0,
        lambda x: (_one_of_three(x),),
        "One example of three classes: the logit of one moves, the other two stay at 0.",
    )


@line(kinds=("frames of logits",))
def _frames(_: LossCard) -> Line:
    target = torch.tensor([[0, 0, 0, 1, 1, 1]])
    right = torch.nn.functional.one_hot(target, 3).movedim(-1, 1).double()
    return Line(
        "lead of the true class, in every frame",
        -6.0,
        6.0,
        lambda x: (x * right, target),
        "Six frames, three of one action and three of the next.",
    )


@line(kinds=("attention scores",))
def _attention(_: LossCard) -> Line:
    target = torch.tensor([[1, 0, 0, 0]])
    return Line(
        "attention score of the target token",
        -6.0,
        6.0,
        lambda x: (torch.stack([x, *3 * [x.new_zeros(())]]).expand(1, 1, 1, 4), target),
        "One query and four tokens: the score of the target moves, the other three stay at 0.",
    )


@line(kinds=("losses",))
def _a_loss_of_its_own(_: LossCard) -> Line:
    return Line(
        "loss of one example",
        0.0,
        4.0,
        lambda x: (x.unsqueeze(0),),
        "One example: what its loss counts.",
    )


@line(kinds=("scores of the task",))
def _confidence(card: LossCard) -> Line:
    """A picture of a disc: how sure, and how right, the prediction is."""
    mask = disc().unsqueeze(0)
    sign = 2.0 * mask.double() - 1.0
    settings, second, first = {}, mask.long(), sign
    if "distance map" in card.domain.values():
        second = signed_distance_map(mask.long(), task="binary")
    if "task" in card.parameters:
        settings = {"task": "binary"}
    else:  # two classes
        first = torch.stack([-sign, sign], 1) / 2
    return Line(
        "logit of the right answer, at every pixel",
        -6.0,
        6.0,
        lambda x: (x * first, second, *further(card, sign)),
        "A disc that fills a fifth of a picture: every pixel answers with the same certainty, wrong on the left, right "
        "on the right.",
        settings,
    )


_NUMBERS = (
    "real numbers", "real numbers (in half precision up to 100)", "numbers of size 1 to 100",
)  # fmt: skip


@line(kinds=_NUMBERS)
def _error(card: LossCard) -> Line:
    """One number: the error."""
    target = double(1.0)
    return Line(
        "prediction (the target is 1)",
        -3.0,
        5.0,
        lambda x: (x.unsqueeze(0), target, *further(card, target)),
        "One number whose true value is 1.",
    )


@line(losses=("mase_loss", "rmsse_loss"))
def _scaled_error(card: LossCard) -> Line:
    target = double([1.0])
    return Line(
        "prediction (the target is 1)",
        -3.0,
        5.0,
        lambda x: (x.reshape(1, 1), target, *further(card, target)),
        "One number whose true value is 1, in a series whose naive forecast is wrong by 1.",
    )


@line(kinds=("positive numbers", "numbers of at least 0", "depths"))
def _positive(card: LossCard) -> Line:
    """One positive number, beside one that is right (a scale-invariant loss needs two)."""
    target = double([1.0, 1.0])
    return Line(
        "first prediction (both targets are 1)",
        0.05,
        5.0,
        lambda x: (torch.stack([x, torch.ones_like(x)]).unsqueeze(0), target, *further(card, target)),
        "Two positive numbers whose true value is 1: the second prediction is right.",
    )


@line(kinds=("vectors (in half precision up to 100)",))
def _vector(_: LossCard) -> Line:
    target = double([1.0, 0.0])
    return Line(
        "first coordinate (the target is 1)",
        -3.0,
        5.0,
        lambda x: (torch.stack([x, torch.zeros_like(x)]).unsqueeze(0), target),
        "A vector of two numbers whose target is (1, 0): the first number moves.",
    )


@line(losses=("generalized_wasserstein_dice_loss",))
def _three_classes(_: LossCard) -> Line:
    target = torch.tensor([[0, 0, 1, 1, 2]])
    right = torch.nn.functional.one_hot(target, 3).movedim(-1, 1).double()
    distances = double([0.0, 1.0, 1.0], [1.0, 0.0, 0.5], [1.0, 0.5, 0.0])
    return Line(
        "lead of the right class, at every pixel",
        -6.0,
        6.0,
        lambda x: (x * right, target, distances),
        "Five pixels of three classes, of which the last two are half as far from each other as from the background.",
    )


@line(losses=("mask_classification_loss",))
def _one_query(_: LossCard) -> Line:
    mask = disc().unsqueeze(0).unsqueeze(0)
    sign = 2.0 * mask.double() - 1.0
    zero = torch.zeros(1, 1, dtype=torch.long)
    return Line(
        "logit of the right answer, at every pixel and for the class",
        -6.0,
        6.0,
        lambda x: (torch.stack([x, -x]).reshape(1, 2, 1), x * sign, zero, mask.long(), zero),
        "One query, matched with one object: a disc that fills a fifth of the picture.",
    )


@line(losses=("cl_dice_loss",))
def _vessel(_: LossCard) -> Line:
    vessel = torch.zeros(1, 1, 24, 24, dtype=torch.long)
    vessel[..., 10:13, 3:21] = 1
    sign = 2.0 * vessel.double() - 1.0
    return Line(
        "logit of the right answer, at every pixel",
        -6.0,
        6.0,
        lambda x: (x * sign, vessel),
        "A vessel, three pixels wide: every pixel answers with the same certainty, wrong on the left, right on the "
        "right.",
        {"task": "multilabel"},
    )


@line(kinds=("class counts of nodes",))
def _share_of_a_class(_: LossCard) -> Line:
    return Line(
        "share of the first of two classes",
        0.0,
        1.0,
        lambda x: (torch.stack([x, 1 - x]).unsqueeze(0),),
        "One node with two classes.",
    )


@line(losses=("balanced_cross_entropy",))
def _one_of_four(_: LossCard) -> Line:
    target = torch.tensor([[1, 0, 0, 0]])
    return Line(
        "logit of the positive entry",
        -6.0,
        6.0,
        lambda x: (torch.cat([x.unsqueeze(0), double(-2.0, -2.0, -2.0)]).unsqueeze(0), target),
        "Four entries of which one is positive: its logit moves, the other three are right.",
    )
