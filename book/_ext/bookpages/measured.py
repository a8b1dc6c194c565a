"""Numbers that a run measured are read from its results, never typed.

    {measured}`08_semantic_segmentation.full:metrics.dice_loss.iou:.2f`

looks up `metrics`, `dice_loss`, `iou` in `book/results/08_semantic_segmentation.full.json`; a list of numbers (one for
each seed) is shown as its mean; the format after the last colon is that of Python.
"""

import json
from pathlib import Path
from statistics import fmean
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole


def look_up(results: dict[str, Any], path: str) -> Any:
    """The value at a dotted path; the message of a `KeyError` says how far the path leads."""
    value: Any = results
    walked: list[str] = []
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            known = sorted(value) if isinstance(value, dict) else type(value).__name__
            raise KeyError(f"no {key!r} below {'.'.join(walked) or 'the results'}: there is {known}")
        value = value[key]
        walked.append(key)
    return value


def as_text(value: Any, form: str) -> str:
    """Text of one value, or of the mean over seeds."""
    return format(fmean(value) if isinstance(value, list) else value, form)


class Measured(SphinxRole):
    """The role `measured`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        name, _, rest = self.text.partition(":")
        path, _, form = rest.partition(":")
        file = Path(self.env.srcdir) / "book" / "results" / f"{name}.json"
        self.env.note_dependency(str(file))
        try:
            text = as_text(look_up(json.loads(file.read_text()), path), form)
        except (OSError, KeyError, ValueError, TypeError) as error:
            message = self.inliner.reporter.error(f"measured {self.text!r}: {error}", line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        return [nodes.inline(text, text, classes=["measured"])], []


def setup(app: Sphinx) -> None:
    app.add_role("measured", Measured())
