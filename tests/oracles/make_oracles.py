"""Ask every peer and store what it answers: `make oracles`. Runs in `.venv-oracle`, one process for each peer.

Some peers import libraries that are not there, or replace operators of others. Where only the losses are wanted, the
package is put into `sys.modules` as an empty module with a path: its own `__init__` never runs.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from conventions import CASES, DIFFERENCES, PEERS, Difference
from evaluate import evaluate
from inputs import draw

STORED = Path(__file__).parent / "stored"
DISTRIBUTIONS = {
    "torch": "torch",
    "kornia": "kornia",
    "monai": "monai",
    "smp": "segmentation-models-pytorch",
    "torchvision": "torchvision",
    "sklearn": "scikit-learn",
}


def stub(*packages: str) -> None:
    """Make packages importable without running their `__init__`."""
    for name in packages:
        module = types.ModuleType(name)
        parent, _, child = name.rpartition(".")
        if parent:
            module.__path__ = [str(Path(sys.modules[parent].__path__[0]) / child)]
        else:
            module.__path__ = list(importlib.util.find_spec(name).submodule_search_locations)
        sys.modules[name] = module


def names_of(peer: str) -> dict[str, Any]:
    """What the text of a peer's call may use besides the tensors."""
    if peer == "torch":
        return {}
    if peer == "kornia":
        return {"kornia": importlib.import_module("kornia.losses")}
    if peer == "monai":
        return {"monai": importlib.import_module("monai.losses")}
    if peer == "smp":
        stub("segmentation_models_pytorch")
        return {"smp": importlib.import_module("segmentation_models_pytorch.losses")}
    if peer == "torchvision":
        stub("torchvision", "torchvision.ops")
        sys.modules["torchvision"].utils = sys.modules["torchvision.utils"] = types.ModuleType("torchvision.utils")
        sys.modules["torchvision.utils"]._log_api_usage_once = lambda _: None
        return {"ops": importlib.import_module("torchvision.ops.focal_loss")}
    weights = importlib.import_module("sklearn.utils.class_weight").compute_sample_weight
    return {
        "metrics": importlib.import_module("sklearn.metrics"),
        "balanced": lambda labels: weights("balanced", labels.numpy()),
        "flat": lambda p: p.movedim(1, -1).flatten(0, -2),
    }


def answer_difference(difference: Difference, names: dict[str, Any]) -> Any:
    """What the peer says to a minimal input: numbers, or the name of its error."""
    sample = {key: np.array(value) for key, value in difference.inputs.items()}
    try:
        value, gradient = evaluate(difference.theirs, sample, names)
    except Exception as error:
        return type(error).__name__
    return [repr(float(x)) for x in np.ravel(gradient if difference.gradient else value)]


def ask(peer: str, folder: Path) -> None:
    """Run every call of one peer and leave its answers in `folder`."""
    names, samples = names_of(peer), draw()
    arrays, differences = {}, {}
    for case in CASES:
        if case.peer != peer:
            continue
        for sample, run in zip(case.samples, case.runs(), strict=True):
            value, gradient = evaluate(case.theirs, samples[sample], names, case.dtype, peer != "sklearn")
            arrays[f"{run} | value"] = value
            if gradient is not None:
                arrays[f"{run} | gradient"] = gradient
    for difference in DIFFERENCES:
        if difference.peer == peer:
            differences[difference.run()] = answer_difference(difference, names)
    np.savez(folder / f"{peer}.npz", **arrays)
    (folder / f"{peer}.json").write_text(json.dumps(differences))


def gather() -> None:
    """Ask all peers, each in a process of its own, and write what they say."""
    arrays, runs, differences = {}, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for peer in PEERS:
            subprocess.run([sys.executable, __file__, "--peer", peer, "--folder", folder], check=True)
            with np.load(Path(folder) / f"{peer}.npz") as answers:
                for name in sorted(answers):
                    runs[name] = f"answer_{len(runs):03d}"
                    arrays[runs[name]] = answers[name]
            differences |= json.loads((Path(folder) / f"{peer}.json").read_text())
    for sample, tensors_of_sample in draw().items():
        for name, array in tensors_of_sample.items():
            arrays[f"input | {sample} | {name}"] = array
    STORED.mkdir(exist_ok=True)
    np.savez_compressed(STORED / "answers.npz", **arrays)
    versions = {peer: importlib.metadata.version(distribution) for peer, distribution in DISTRIBUTIONS.items()}
    index = {"differences": differences, "runs": runs, "versions": versions}
    text = json.dumps(index, indent=1, sort_keys=True, ensure_ascii=False)
    (STORED / "index.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", choices=PEERS, help="ask this peer alone (needs --folder)")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.peer:
        ask(arguments.peer, arguments.folder)
    else:
        gather()
