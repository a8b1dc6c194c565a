"""The loss atlas: one entry for each card of the catalogue, written anew at each build.

A page says `<!-- loss-atlas: FAMILY -->`, `<!-- loss-overview -->` or `<!-- review-coverage -->`, and the generated
Markdown takes that place. Figures are drawn into `_build/atlas`.
"""

from __future__ import annotations

import inspect
import io
import json
import math
import re
from collections.abc import Callable, Iterable
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.application import Sphinx

from .chapters import chapter_file, chapter_link

if TYPE_CHECKING:
    from lossbook.catalogue import LossCard

FAMILIES = {
    "classification": "Classification",
    "margins": "Margins",
    "imbalance": "Imbalanced classes",
    "label_noise": "Noisy labels",
    "regression": "Regression",
    "segmentation": "Segmentation",
    "boxes": "Boxes",
    "embeddings": "Embeddings",
    "ranking": "Ranking",
    "tracking": "Tracking and motion",
    "images": "Images",
    "generative": "Generative models",
    "forecasting": "Forecasting and probability",
    "boosting": "Trees",
    "composition": "Composition",
    "robustness": "Robustness",
    "scale": "Scale",
}
PROPERTIES = {
    "minimum_at_target": "minimum at the target",
    "lipschitz": "Lipschitz",
    "proper": "proper scoring rule",
}
OVERVIEW = ("convex", "smooth", "lipschitz", "bounded", "symmetric", "proper")
SIGNS = {True: "yes", False: "no", None: "–"}
ENTRY = """\
(atlas-{name})=
## {title}

{purpose}

$$
{formula}
$$

```python
{call}
```
{figure}

:::{{list-table}}
:class: facts
:widths: 18 82

{table}
:::

:::{{dropdown}} Properties, each checked by a test
{properties}
:::

:::{{dropdown}} Example
```python
{example}
```
:::

"""
FIGURE = """
```{{image}} /{path}
:alt: "{alt}"
:class: atlas-figure
```

{text}
"""
FIGURES = Path("_build") / "atlas"


def all_cards() -> list[LossCard]:
    """Cards by family, and inside it in the order of the catalogue."""
    import lossbook

    families = list(FAMILIES)
    return sorted(lossbook.cards.values(), key=lambda card: families.index(card.family))


def number(value: float) -> str:
    """A bound of a range, as LaTeX."""
    return {math.inf: r"\infty", -math.inf: r"-\infty"}.get(value, f"{value:.4g}")


def interval(bounds: tuple[float, float]) -> str:
    """A range as an interval, open where it is unbounded."""
    low, high = bounds
    left = "(" if math.isinf(low) else "["
    right = ")" if math.isinf(high) else "]"
    return f"${left}{number(low)}, {number(high)}{right}$"


def linked(reference: str) -> str:
    """Addresses in a reference become links."""
    one_line = " ".join(reference.split())
    return re.sub(r"(https?://[^\s,;]+[^\s,;.])", r"<\1>", one_line)


def markdown(text: str) -> str:
    """Docstring text (reStructuredText) as MyST Markdown; roles keep their meaning."""
    text = re.sub(r":math:`([^`]+)`", r"$\1$", " ".join(text.split()))
    text = re.sub(r":(?:\w+:)?\w+:`~?([^`<]+)`", r"`\1`", text)
    return text.replace("``", "`")


def property_name(name: str) -> str:
    """A property as prose calls it."""
    return PROPERTIES.get(name, name.replace("_", " "))


def property_lines(card: LossCard) -> Iterable[str]:
    """Each property that holds or does not, with its reason."""
    for name, answer in card.properties.items():
        if answer.holds is None:
            continue
        details = [f"constant {answer.constant:g}"] if answer.constant is not None else []
        details += [markdown(answer.why)] if answer.why else []
        sign = "yes" if answer.holds else "no"
        yield f"- {property_name(name)}: **{sign}**" + (f" ({'; '.join(details)})" if details else "")


def title(card: LossCard) -> str:
    """The name of a loss as prose writes it: what its docstring says before the colon."""
    return card.purpose.partition(":")[0]


def as_code(value: object) -> str:
    """A default as people write it, text in double quotes."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def call(card: LossCard) -> str:
    """The signature as a reader writes the call, one setting on each line where there are many."""
    parameters = []
    for parameter in inspect.signature(card.function).parameters.values():
        default = parameter.default
        parameters.append(
            parameter.name if default is inspect.Parameter.empty else f"{parameter.name}={as_code(default)}"
        )
    one_line = f"lb.{card.name}({', '.join(parameters)})"
    if len(one_line) <= 90:
        return one_line
    return f"lb.{card.name}(\n    " + ",\n    ".join(parameters) + ",\n)"


def figure(card: LossCard, root: Path) -> str:
    """The figure of one loss, drawn at most once in a process, with what it shows; empty where a curve says nothing."""
    from lossbook.plots.profiles import line_of, profile_text

    path = line_of(card)
    if path is None:
        return ""
    draw_figure(card.name, root)
    alt = f"{title(card)}: the loss, and its slope, against: {path.label}".replace('"', "'")
    return FIGURE.format(path=FIGURES / f"{card.name}.png", alt=alt, text=profile_text(card))


@cache
def draw_figure(name: str, root: Path) -> None:
    """Draw the figure of a loss into the build folder."""
    import matplotlib.pyplot as plt

    import lossbook
    from lossbook.plots import palette_png, use_style
    from lossbook.plots.profiles import profile_figure

    use_style()
    fig = profile_figure(lossbook.cards[name])
    raw = io.BytesIO()
    fig.savefig(raw, format="png", dpi=110)
    plt.close(fig)
    (root / FIGURES).mkdir(parents=True, exist_ok=True)
    (root / FIGURES / f"{name}.png").write_bytes(palette_png(raw.getvalue(), colors=32))


def where_it_is_met(card: LossCard, root: Path) -> str:
    """The chapter that a loss belongs to, and whether it is there and names the loss."""
    link = chapter_link(root, card.chapter, f"chapter {card.chapter}")
    notebook = chapter_file(root, card.chapter)
    if notebook is None:
        return f"planned for {link}"
    return f"in {link}" if card.name in _words(notebook) else f"losses like it are in {link}"


@cache
def _words(notebook: Path) -> frozenset[str]:
    """What the cells of a chapter name."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return frozenset(re.findall(r"\w+", "\n".join("".join(cell["source"]) for cell in cells)))


def entry(card: LossCard, root: Path) -> str:
    """The entry of one loss."""
    home = card.function.__module__
    purpose = markdown(card.purpose.partition(":")[2].strip())
    facts = {
        "Also called": ", ".join(card.names),
        "Takes": "; ".join(f"`{argument}`: {what}" for argument, what in card.domain.items()),
        "Range": interval(card.range),
        "Gradient": " ".join(card.gradient_formula.split()) or markdown(card.without_gradient),
        "Held fixed": markdown(card.detached),
        "In a batch": markdown(card.couples),
        "The mean divides by": markdown(card.unit),
        "Used for": ", ".join(card.tasks),
        "Reference": linked(markdown(card.reference)),
        "More": f"{where_it_is_met(card, root)}; every argument: "
        f"{{py:func}}`{card.name} <{home}.{card.name}>`; as a module: "
        f"{{py:obj}}`{card.module.__name__} <{home}.{card.module.__name__}>`",
    }
    table = [f"* - {name}\n  - {text}" for name, text in facts.items() if text]
    return ENTRY.format(
        name=card.name,
        title=title(card),
        purpose=purpose[:1].upper() + purpose[1:],
        formula=card.formula.strip(),
        call=call(card),
        figure=figure(card, root),
        table="\n".join(table),
        properties="\n".join(property_lines(card)),
        example=card.section("Example").strip(),
    )


def atlas(root: Path, family: str) -> str:
    """All entries of a family."""
    return "\n".join(entry(card, root) for card in all_cards() if card.family == family)


def overview(root: Path) -> str:
    """One row for each loss, one column for each property; one table for each family."""
    parts = []
    for family, cards in groupby(all_cards(), key=lambda card: card.family):
        header = ["Loss", "Range", *(property_name(name) for name in OVERVIEW)]
        parts += [f"## [{FAMILIES[family]}](atlas/{family}.md)\n"]
        parts += [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
        for card in cards:
            answers = [SIGNS[card.properties[name].holds] for name in OVERVIEW]
            link = f"[{title(card).partition(' (')[0]}](#atlas-{card.name})"
            parts.append(f"| {link} | {interval(card.range)} | {' | '.join(answers)} |")
        parts.append("")
    return "\n".join(parts)


def coverage(root: Path) -> str:
    """Every term of the review, and the losses of the library that it stands for."""
    from lossbook.review import LOSSES

    rows = ["| Task | The review's term | Here |", "| --- | --- | --- |"]
    for task, terms in LOSSES.items():
        for term, names in terms.items():
            rows.append(f"| {task} | {term} | {', '.join(f'[`{name}`](#atlas-{name})' for name in names)} |")
    return "\n".join(rows)


PLACEHOLDER = re.compile(r"<!-- (loss-atlas|loss-overview|review-coverage)(?:: (\w+))? -->")
GENERATED: dict[str, Callable[..., str]] = {
    "loss-atlas": atlas,
    "loss-overview": overview,
    "review-coverage": coverage,
}


def fill_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace the placeholders of a page."""
    root = Path(app.srcdir)
    source[0] = PLACEHOLDER.sub(lambda m: GENERATED[m[1]](root, *filter(None, [m[2]])), source[0])


def always_outdated(app: Sphinx, env, added, changed, removed) -> list[str]:
    """Generated pages follow the catalogue, whose changes Sphinx does not see."""
    return [name for name in env.found_docs if name.startswith(("book/atlas", "book/api", "book/coverage"))]


def setup(app: Sphinx) -> None:
    app.connect("source-read", fill_in)
    app.connect("env-get-outdated", always_outdated)
