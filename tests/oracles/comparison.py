"""Compare our losses with what the peers said, and write the page of the book that says how they relate.

`python tests/oracles/comparison.py --write` writes `book/conventions.md` and the pages of the families below
`book/conventions/`.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from entries import PEERS, Case, Difference, Family, Reference, families
from evaluate import evaluate

import lossbook as lb

STORED = Path(__file__).parent / "stored"
BOOK = Path(__file__).resolve().parents[2] / "book"


class Distance(NamedTuple):
    """Relative differences; `None` where the peer gives no gradient."""

    value: float
    gradient: float | None


@cache
def index(family: str) -> dict:
    """What is stored of a family, and the versions of the peers that said it."""
    return json.loads((STORED / f"{family}.json").read_text(encoding="utf-8"))


@cache
def answers(family: str) -> Mapping[str, np.ndarray]:
    with np.load(STORED / f"{family}.npz") as stored:
        return dict(stored)


def sample(family: str, name: str) -> dict[str, np.ndarray]:
    """The stored input of this name."""
    prefix = f"input | {name} | "
    return {key.removeprefix(prefix): array for key, array in answers(family).items() if key.startswith(prefix)}


def stored(family: str, run: str, what: str) -> np.ndarray | None:
    """The `"value"` or `"gradient"` that a peer gave in a run."""
    name = index(family)["runs"].get(f"{run} | {what}")
    return None if name is None else answers(family)[name]


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, relative to the largest entry; infinite where shapes or NaN disagree."""
    if ours.shape != theirs.shape or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return math.inf
    scale = np.abs(theirs).max()
    return float(np.abs(ours - theirs).max() / (scale if scale > 0 else 1.0))


def distance(family: str, case: Case, name: str, run: str) -> Distance:
    """How far our answer is from the stored one on one sample."""
    theirs, their_gradient = stored(family, run, "value"), stored(family, run, "gradient")
    if theirs is None:
        raise LookupError(f"not stored: {run}; run `make oracles`")
    value, gradient = evaluate(case.ours, sample(family, name), {"lb": lb})
    return Distance(relative(value, theirs), None if their_gradient is None else relative(gradient, their_gradient))


def worst(family: str, case: Case) -> Distance:
    """The largest distances over all samples of a case."""
    found = [distance(family, case, name, run) for name, run in zip(case.samples, case.runs(), strict=True)]
    gradients = [d.gradient for d in found if d.gradient is not None]
    return Distance(max(d.value for d in found), max(gradients) if gradients else None)


def reference_value(family: str, reference: Reference, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """What the slow reference of a family says."""
    module = importlib.import_module(f"references.{family}")
    return np.asarray(eval(reference.reference, {"ref": module, "np": np, **arrays}), dtype=np.float64)


def reference_distance(family: str, reference: Reference, name: str) -> float:
    """How far our value is from the slow reference's on one sample."""
    arrays = sample(family, name)
    value, _ = evaluate(reference.ours, arrays, {"lb": lb})
    return relative(value, reference_value(family, reference, arrays))


def ours(difference: Difference) -> np.ndarray:
    """Our answer to the minimal input of a difference."""
    inputs = {key: np.array(value) for key, value in difference.inputs.items()}
    value, gradient = evaluate(difference.ours, inputs, {"lb": lb})
    return np.ravel(gradient if difference.gradient else value)


# --------------------------------------------------------------------------------------------------------------------
# The page


def _bound(distance: float | None) -> str:
    """A bound instead of the number itself, which changes from machine to machine."""
    if distance is None:
        return "no gradient"
    bound = next(bound for bound in (1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4) if distance <= bound)
    return f"$< 10^{{{round(math.log10(bound))}}}$"


def _number(answer: float | str | list) -> str:
    if isinstance(answer, list):
        return ", ".join(_number(entry) for entry in answer)
    if isinstance(answer, str):
        return {"nan": "NaN"}.get(answer, f"`{answer}`")
    return f"{answer:.4g}"


def _case_row(family: str, case: Case) -> str:
    distance = worst(family, case)
    cells = [PEERS[case.peer], f"`{case.theirs}`", f"`{case.ours}`", _bound(distance.value),
             _bound(distance.gradient), case.note]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _difference_section(difference: Difference) -> str:
    what = "Gradient" if difference.gradient else "Value"
    inputs = ", ".join(f"`{name} = {_rounded(value)}`" for name, value in difference.inputs.items())
    return (
        f"### {difference.title} ({PEERS[difference.peer]})\n\n{difference.why}\n\n{inputs}\n\n"
        f"| Who | Call | {what} |\n| --- | --- | --- |\n"
        f"| {PEERS[difference.peer]} | `{difference.theirs}` | {_number(difference.answer)} |\n"
        f"| lossbook | `{difference.ours}` | {_number(difference.right)} |\n"
    )


def _rounded(value: object) -> object:
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return round(value, 4) if isinstance(value, float) else value


INTRODUCTION = """\
# Conventions

A loss of the same name need not be the same number. Libraries differ in what a mean divides by, in whether a region
is one picture or the batch, in smoothing, in absent classes and in ignored pixels. Whoever swaps one implementation
for another changes the effective learning rate, and sometimes the loss. The pages below say which of our settings give
what another library gives, and where no setting does.

Every row is computed. The peer's call and ours run on the same small inputs, moderate and extreme ones. The numbers
bound the largest difference over these inputs, relative to the largest entry, of the value and of the gradient with
respect to `z`. The peers run in double precision where they can. The tests of the library make the same comparison.

In a call, `z` is what the gradient is taken of (logits, boxes, embeddings, a prediction), `y` the truth, `t` a soft
target; further letters are weights and other arguments.
`each(loss, z, y)` is the mean over pictures of a loss that sees one at a time, `one_hot(y, C)` and `hard(z)` are
one-hot masks from labels and from the largest logit. `lb` is `lossbook`; the other names are the modules of the
losses: {names}.

The versions are {versions}. Later ones may answer otherwise.

## Every loss and what it was checked against

A *slow reference* is written from the paper in NumPy, in double precision, one entry after the other, without a line of
the library; the slope along random directions is compared as well. The numbers are the bounds of the largest relative
difference.

| Loss | Slow reference | Other libraries |
| --- | --- | --- |
"""

MODULES = {
    "F": "torch.nn.functional",
    "kornia": "kornia.losses",
    "monai": "monai.losses",
    "smp": "segmentation_models_pytorch.losses",
    "ops": "torchvision.ops",
    "pml": "pytorch_metric_learning.losses",
    "tm": "torchmetrics.functional",
    "msssim": "pytorch_msssim",
    "timm": "timm.loss",
    "open_clip": "open_clip.loss",
    "sr": "scoringrules",
    "metrics": "sklearn.metrics",
}


def overview() -> str:
    """The first page: what the others are about, and one row for each loss."""
    names = ", ".join(f"`{name}` for `{module}`" for name, module in MODULES.items())
    versions = {peer: version for family in families() for peer, version in index(family.name)["versions"].items()}
    listed = ", ".join(f"{PEERS[peer]} {versions[peer].split('+')[0]}" for peer in PEERS if peer in versions)
    return INTRODUCTION.format(names=names, versions=listed) + "\n".join(
        row for family in families() for row in _oracle_rows(family)
    ) + "\n"  # fmt: skip


def _oracle_rows(family: Family) -> Iterator[str]:
    """Each loss of a family beside its oracles."""
    for loss in dict.fromkeys(entry.loss for entry in (*family.references, *family.cases)):
        slow = [reference_distance(family.name, r, name)
                for r in family.references if r.loss == loss for name in r.samples]  # fmt: skip
        peers: dict[str, list[float]] = {}
        for case in family.cases:
            if case.loss == loss:
                peers.setdefault(PEERS[case.peer], []).append(worst(family.name, case).value)
        others = "; ".join(f"{peer} {_bound(max(found))}" for peer, found in peers.items())
        yield f"| [`{loss}`](#atlas-{loss}) | {_bound(max(slow)) if slow else '–'} | {others or '–'} |"


FAMILY_INTRODUCTION = """\
Each row is a call of another library, or what a reader would write in plain PyTorch, beside the call of ours that gives
the same number. *Value* and *Gradient* bound the largest relative difference over all inputs that were tried; a metric
has no gradient. *Mind* says where the two differ in what they take or in how they average.
[Conventions](../conventions.md) says what the letters in the calls stand for, and which versions were asked.
"""


def page(family: Family) -> str:
    """The page of one family, as Markdown."""
    parts = [f"# {family.title}: who computes what\n", FAMILY_INTRODUCTION]
    for loss in dict.fromkeys(case.loss for case in family.cases):
        rows = [_case_row(family.name, case) for case in family.cases if case.loss == loss]
        parts.append(
            f"## `{loss}`\n\nIn the atlas: [{loss}](#atlas-{loss}).\n\n"
            "| Library | Theirs | Ours | Value | Gradient | Mind |\n| --- | --- | --- | --- | --- | --- |\n"
            + "\n".join(rows) + "\n"
        )  # fmt: skip
    if family.differences:
        parts.append("## Where no setting helps, or a default surprises\n")
        parts.append("Each difference is shown on an input as small as we can make it.\n")
        parts += [_difference_section(difference) for difference in family.differences]
    return "\n".join(parts)


def has_page(family: Family) -> bool:
    """A family that no other library has needs no page."""
    return bool(family.cases or family.differences)


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        raise SystemExit(__doc__)
    (BOOK / "conventions.md").write_text(overview(), encoding="utf-8")
    for each in filter(has_page, families()):
        (BOOK / "conventions" / f"{each.name}.md").write_text(page(each), encoding="utf-8")
