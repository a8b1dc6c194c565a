"""Every chapter with another seed, in the fast profile: claims included, in any folder, without network."""

import contextlib
import json
import os
import resource
import time
from pathlib import Path

import notebook_rules as rules
import papermill
import pytest

SEED = 11
# A chapter takes about a minute on a free core; a machine that does other things as well gets twice that.
MOST_SECONDS = 150
MOST_BYTES = 3 * 2**30


@pytest.fixture(params=rules.CHAPTERS or [None], ids=lambda path: path.stem if path else "none")
def chapter(request) -> Path:
    if request.param is None:
        pytest.fail(f"{rules.FOLDER.name}/ holds no chapter, so there is nothing that could have passed")
    return request.param


@pytest.fixture
def without_network(monkeypatch):
    """Requests go to a port where nobody listens."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)


def unexpected_errors(executed: rules.Notebook) -> list[str]:
    """Errors of cells that are not tagged raises-exception."""
    return [
        "\n".join(output["traceback"])
        for _, cell, output in rules.outputs(executed)
        if output["output_type"] == "error" and "raises-exception" not in rules.tags(cell)
    ]


def test_chapter_runs_with_another_seed(chapter, tmp_path, monkeypatch, without_network):
    results = tmp_path / "results"
    monkeypatch.setenv("LOSSBOOK_PROFILE", "fast")
    monkeypatch.setenv("LOSSBOOK_RESULTS", str(results))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    started = time.monotonic()
    # Papermill goes on after a cell that is meant to fail, but still complains about it when all cells have run.
    with contextlib.suppress(papermill.PapermillExecutionError):
        papermill.execute_notebook(
            str(chapter),
            str(tmp_path / chapter.name),
            parameters={"seed": SEED},
            kernel_name="python3",
            cwd=str(elsewhere),
            progress_bar=False,
            log_output=False,
        )
    seconds = time.monotonic() - started
    assert unexpected_errors(rules.load(tmp_path / chapter.name)) == []
    (written,) = results.glob("*.json")
    assert written.name == f"{chapter.stem}.fast.json"
    found = json.loads(written.read_text())
    assert found["profile"] == "fast"
    assert found["seeds"][0] == SEED
    assert [claim["sentence"] for claim in found["claims"] if claim["holds"] is False] == []
    assert not list(elsewhere.iterdir()), "a chapter leaves files behind"
    assert not list(chapter.parent.glob("*.json")), f"results beside the notebook: {os.fspath(chapter.parent)}"
    assert seconds < MOST_SECONDS
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < MOST_BYTES
