"""What every loss answers at the edges of its domain, asked of the library itself: the page `book/edge-cases.md`.

`python tests/edge_cases.py --write` writes the page. That the answers are finite, and zero where nothing counts, is
what `test_contract.py` demands; `test_edge_cases.py` keeps the page up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import torch
from samples import adverse, draw, perfect, settings_of
from torch import Tensor

import lossbook as lb
from lossbook.calculus import autograd
from lossbook.catalogue import LossCard

PAGE = Path(__file__).resolve().parents[1] / "book" / "edge-cases.md"
INTRODUCTION = """\
# Edge cases

What a loss answers where others answer NaN: each number is the loss, and behind the bar the largest entry of its
gradient. Every row is computed from the library, and the tests demand what the columns say.

- **Empty batch**: no example at all. A zero that is attached to the graph, so that `backward()` works.
- **Nothing counts**: every target has the value `ignore_index`. The same zero. A dash: the loss has no such setting.
- **Perfect prediction**: prediction and target agree, so that roots and norms are taken at zero.
- **Extreme input**: the first argument at the far end of its domain (scores of 10,000; for boxes, pictures or
  probabilities the degenerate ones). The worst of several.
- **float16**: the dtype of the answer to a float16 argument at the end of its range, computed in float32 inside.
"""
HEADER = ("Loss", "Empty batch", "Nothing counts", "Perfect prediction", "Extreme input", "float16")


def number(value: float) -> str:
    """Three digits; what is zero up to rounding is zero."""
    return "0" if abs(value) < 1e-5 else f"{value:.3g}"


def answer(card: LossCard, first: Tensor, others: list[Tensor], **settings: object) -> tuple[float, float]:
    """The loss and the largest entry of its gradient."""
    value = card.function(first, *others, **settings)
    if not value.requires_grad and not card.function(first.clone().requires_grad_(), *others, **settings).requires_grad:
        return value.item(), 0.0  # a metric has no gradient
    gradient = autograd(card.function, first, *others, **settings)
    return value.item(), gradient.abs().max().item() if gradient.numel() else 0.0


def both(found: tuple[float, float]) -> str:
    return f"{number(found[0])} \\| {number(found[1])}"


def row(card: LossCard) -> Iterator[str]:
    yield f"[`{card.name}`](#atlas-{card.name})"
    first, *others = draw(card, batch=0)
    yield both(answer(card, first, others))
    if "ignore_index" in card.parameters:
        settings = {"ignore_index": 255}
        first, *others = draw(card, settings)
        place = list(card.domain).index("target") - 1
        others[place] = torch.full_like(others[place], 255)
        yield both(answer(card, first, others, **settings))
    else:
        yield "–"
    others = draw(card)[1:]
    yield both(answer(card, perfect(card, {}, *others), others))
    first, *others = draw(card, dtype=torch.float32)
    extremes = [answer(card, extreme, others) for extreme in adverse(card, first, 1e4)]
    yield both((max(value for value, _ in extremes), max(slope for _, slope in extremes)))
    low = adverse(card, first, 3e4)[0].half()
    value = card.function(low, *others, **settings_of(card, {}, torch.float32))
    yield f"{str(value.dtype).removeprefix('torch.')}, {'finite' if value.isfinite() else 'not finite'}"


def page() -> str:
    """The page of the book, as Markdown."""
    cards = sorted((c for c in lb.cards.values() if c.kind != "objective"), key=lambda card: card.family)
    parts = [INTRODUCTION]
    for family, members in groupby(cards, key=lambda card: card.family):
        title = family.replace("_", " ").capitalize()
        parts += [f"## {title}\n", f"| {' | '.join(HEADER)} |", f"|{' --- |' * len(HEADER)}"]
        parts += [f"| {' | '.join(row(card))} |" for card in members]
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit(__doc__)
    PAGE.write_text(page(), encoding="utf-8")
