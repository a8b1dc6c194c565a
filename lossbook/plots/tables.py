"""Tables of results: mean and interval over seeds, the best marked only where it is more than chance."""

import html
from collections.abc import Mapping, Sequence

from ..claims import FEWEST_FOR_INTERVAL, measure, paired

NO_BREAK = "\N{NO-BREAK SPACE}"  # a narrow column may part mean and interval, but not an interval


def results_table(
    results: Mapping[str, Mapping[str, Sequence[float]]],
    metrics: Mapping[str, str],
    *,
    baseline: str,
    caption: str,
    digits: int = 3,
) -> None:
    """Display a table: one row for each loss, the baseline first, and one column for each metric.

    A cell holds the mean over seeds and the half width of its 95 % interval. The best of a column is bold
    only if the interval of its paired difference to the second best excludes zero, over at least three seeds.

    Args:
        results: label to metric to one value per seed, all in the same order of seeds. None or NaN marks a
            seed that has no value (never reached a quality): the cell then says how many have one, and takes
            no part in "best".
        metrics: metric to the head of its column, which begins with an arrow: ``"↑ Dice"`` if larger is
            better, ``"↓ ECE"`` if smaller is; any other head has no best.
        baseline: label of the first row.
        caption: budget and what else a reader must know; the number of seeds is added.
        digits: digits after the point; whole numbers (steps) have none.
    """
    from IPython.display import display

    if baseline not in results:
        raise ValueError(f"baseline: expected one of {sorted(results)}, got {baseline!r}")
    labels = [baseline, *(label for label in results if label != baseline)]
    counts = {len(results[label][metric]) for label in labels for metric in metrics}
    if len(counts) != 1:
        raise ValueError(f"results: expected the same number of seeds everywhere, got {sorted(counts)}")
    count = counts.pop()
    best = {
        metric: _best({label: results[label][metric] for label in labels}, head) for metric, head in metrics.items()
    }
    caption = f"{caption} Mean and half width of the 95 % interval over {count} seed{'s' if count > 1 else ''}."
    if count >= FEWEST_FOR_INTERVAL:
        caption += " Bold: better than the second best, the interval of the paired difference excludes zero."
    header = ["Loss", *metrics.values()]
    rows = [[label, *(_cell(results[label][metric], digits) for metric in metrics)] for label in labels]
    bold = [[False, *(best[metric] == label for metric in metrics)] for label in labels]
    display(
        {
            "text/html": _as_html(header, rows, bold, caption),
            "text/plain": _as_text(header, rows, bold, caption),
        },
        raw=True,
    )


def _best(values: Mapping[str, Sequence[float]], head: str) -> str | None:
    sign = {"↑": 1, "↓": -1}.get(head[:1], 0)
    complete = {label: v for label, v in values.items() if all(_is_number(x) for x in v)}
    if sign == 0 or len(complete) < 2:
        return None
    first, second = sorted(complete, key=lambda label: -sign * measure(complete[label]).mean)[:2]
    if len(complete[first]) < FEWEST_FOR_INTERVAL:
        return None
    difference = measure(paired(complete[first], complete[second]))
    return first if difference.low > 0 or difference.high < 0 else None


def _cell(values: Sequence[float], digits: int) -> str:
    numbers = [value for value in values if _is_number(value)]
    if not numbers:
        return f"none of {len(values)}" if len(values) > 1 else "none"
    measured = measure(numbers)
    digits = 0 if all(float(number).is_integer() for number in numbers) and measured.mean >= 10 else digits
    text = f"{measured.mean:.{digits}f}"
    if measured.high is not None:
        text += f" ±{NO_BREAK}{measured.high - measured.mean:.{digits}f}"
    return text if len(numbers) == len(values) else f"{text} ({len(numbers)} of {len(values)})"


def _is_number(value: float | None) -> bool:
    return value is not None and value == value  # NaN is the only number that differs from itself


def _as_html(header, rows, bold, caption) -> str:
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
    body = ""
    for (label, *cells), (_, *marks) in zip(rows, bold, strict=True):
        data = (f"<strong>{cell}</strong>" if mark else cell for cell, mark in zip(cells, marks, strict=True))
        columns = "".join(f"<td>{cell}</td>" for cell in data)
        body += f'<tr><th scope="row">{html.escape(label)}</th>{columns}</tr>'
    top = f"<caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>"
    return f"<table>{top}<tbody>{body}</tbody></table>"


def _as_text(header, rows, bold, caption) -> str:
    marked = [
        [f"*{cell}*" if mark else cell for cell, mark in zip(row, marks, strict=True)]
        for row, marks in zip(rows, bold, strict=True)
    ]
    widths = [max(map(len, column)) for column in zip(header, *marked, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *marked]
    ]
    return "\n".join([*lines, caption])
