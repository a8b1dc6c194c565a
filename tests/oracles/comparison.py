"""Compare our losses with what the peers said, and write the page of the book that says how they relate.

`python tests/oracles/comparison.py --write` writes `book/conventions.md`; without `--write` it prints the page.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from conventions import DIFFERENCES, FAMILIES, PEERS, Case, Difference
from evaluate import evaluate

import lossbook as lb

STORED = Path(__file__).parent / "stored"
PAGE = Path(__file__).resolve().parents[2] / "book" / "conventions.md"


class Distance(NamedTuple):
    """Relative differences; `None` where the peer gives no gradient."""

    value: float
    gradient: float | None


@cache
def index() -> dict:
    """What is stored, and the versions of the peers that said it."""
    return json.loads((STORED / "index.json").read_text(encoding="utf-8"))


@cache
def answers() -> Mapping[str, np.ndarray]:
    with np.load(STORED / "answers.npz") as stored:
        return dict(stored)


def sample(name: str) -> dict[str, np.ndarray]:
    """The stored input of this name."""
    prefix = f"input | {name} | "
    return {key.removeprefix(prefix): array for key, array in answers().items() if key.startswith(prefix)}


def stored(run: str, what: str) -> np.ndarray | None:
    """The `"value"` or `"gradient"` that a peer gave in a run."""
    name = index()["runs"].get(f"{run} | {what}")
    return None if name is None else answers()[name]


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, relative to the largest entry; infinite where shapes or NaN disagree."""
    if ours.shape != theirs.shape or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return math.inf
    scale = np.abs(theirs).max()
    return float(np.abs(ours - theirs).max() / (scale if scale > 0 else 1.0))


def distance(case: Case, name: str, run: str) -> Distance:
    """How far our answer is from the stored one on one sample."""
    theirs, their_gradient = stored(run, "value"), stored(run, "gradient")
    if theirs is None:
        raise LookupError(f"not stored: {run}; run `make oracles`")
    value, gradient = evaluate(case.ours, sample(name), {"lb": lb})
    return Distance(relative(value, theirs), None if their_gradient is None else relative(gradient, their_gradient))


def worst(case: Case) -> Distance:
    """The largest distances over all samples of a case."""
    found = [distance(case, name, run) for name, run in zip(case.samples, case.runs(), strict=True)]
    gradients = [d.gradient for d in found if d.gradient is not None]
    return Distance(max(d.value for d in found), max(gradients) if gradients else None)


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
    bound = next(bound for bound in (1e-12, 1e-9, 1e-7, 1e-6, 1e-5) if distance <= bound)
    return f"$< 10^{{{round(math.log10(bound))}}}$"


def _number(answer: float | str | list) -> str:
    if isinstance(answer, list):
        return ", ".join(_number(entry) for entry in answer)
    if isinstance(answer, str):
        return {"nan": "NaN"}.get(answer, f"`{answer}`")
    return f"{answer:.4g}"


def _case_row(case: Case) -> str:
    distance = worst(case)
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
for another changes the effective learning rate, and sometimes the loss. This page says which of our settings give
what another library gives, and where no setting does.

Every row is computed. The peer's call and ours run on the same small inputs: pictures and volumes, moderate and
saturated logits, absent classes and ignored pixels. The two columns of numbers bound the largest difference over
these inputs, relative to the largest entry, of the value and of the gradient with respect to the logits. The peers
run in double precision where they can. The tests of the library make the same comparison.

`z` are the logits, `y` labels or a mask, `t` a soft target, `w` class weights and `v` the weight of each pixel.
`each(loss, z, y)` is the mean over pictures of a loss that sees one at a time, `one_hot(y, C)` and `hard(z)` are
one-hot masks from labels and from the largest logit. `lb` is `lossbook`; the other names are the modules of the
losses: {names}.
"""

MODULES = {
    "kornia": "kornia.losses",
    "monai": "monai.losses",
    "smp": "segmentation_models_pytorch.losses",
    "ops": "torchvision.ops",
    "metrics": "sklearn.metrics",
    "F": "torch.nn.functional",
}


def page() -> str:
    """The page of the book, as Markdown."""
    names = ", ".join(f"`{name}` for `{module}`" for name, module in MODULES.items())
    versions = ", ".join(f"{PEERS[peer]} {index()['versions'][peer].split('+')[0]}" for peer in PEERS)
    parts = [INTRODUCTION.format(names=names), f"The versions are {versions}. Later ones may answer otherwise.\n"]
    for family, cases in FAMILIES.items():
        parts.append(f"## {family}\n")
        for loss in dict.fromkeys(case.loss for case in cases):
            rows = [_case_row(case) for case in cases if case.loss == loss]
            parts.append(
                f"### `{loss}`\n\nIn the atlas: [{loss}](#atlas-{loss}).\n\n"
                "| Library | Theirs | Ours | Value | Gradient | Mind |\n| --- | --- | --- | --- | --- | --- |\n"
                + "\n".join(rows) + "\n"
            )  # fmt: skip
    parts.append("## Where no setting helps, or a default surprises\n")
    parts.append("Each difference is shown on an input as small as we can make it.\n")
    parts += [_difference_section(difference) for difference in DIFFERENCES]
    return "\n".join(parts)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
