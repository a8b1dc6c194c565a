"""The table of the bench, read from what it last measured: `<!-- bench-table -->`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

PLACEHOLDER = "<!-- bench-table -->"
RESULTS = Path("book") / "results" / "bench.json"
NAMES = {
    "torch": "PyTorch",
    "kornia": "Kornia",
    "monai": "MONAI",
    "smp": "segmentation-models-pytorch",
    "ops": "torchvision",
    "pml": "pytorch-metric-learning",
    "msssim": "pytorch-msssim",
    "tm": "torchmetrics",
    "open_clip": "OpenCLIP",
    "geomloss": "GeomLoss",
}


def where(machine: dict[str, Any]) -> str:
    """What measured, in a sentence."""
    versions = ", ".join(f"{NAMES.get(name, name)} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['threads']} thread(s) of torch, with "
        f"{versions}."
    )


def rows(results: list[dict[str, Any]]) -> Iterator[str]:
    """One row for each loss and input: ours beside the fastest peer and beside the most frugal one."""
    yield "| Loss | Input | Ours, ms | Fastest peer | Its ms | Time: ours over theirs | Memory: ours over theirs |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for result in results:
        if not result["comparisons"]:
            continue
        best = min(result["comparisons"], key=lambda c: c["their_seconds"])
        least = min(c["their_bytes"] for c in result["comparisons"])
        memory = best["our_bytes"] / max(least, 1)
        time = best["time"]
        yield (
            f"| [`{result['loss']}`](#atlas-{result['loss']}) | {result['input']} | {1e3 * best['our_seconds']:.1f} | "
            f"{NAMES.get(best['library'], best['library'])} | {1e3 * best['their_seconds']:.1f} | {time['median']:.2f} "
            f"({time['low']:.2f} to {time['high']:.2f}) | {memory:.2f} |"
        )


def fill_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the table into the page that asks for it."""
    if PLACEHOLDER in source[0]:
        file = Path(app.srcdir) / RESULTS
        app.env.note_dependency(str(file))
        report = json.loads(file.read_text(encoding="utf-8"))
        text = where(report["machine"]) + "\n\n" + "\n".join(rows(report["results"]))
        source[0] = source[0].replace(PLACEHOLDER, text)


def setup(app: Sphinx) -> None:
    app.connect("source-read", fill_in)
