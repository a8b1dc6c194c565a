"""Ask every peer and store what it answers: `make oracles`. Runs in `.venv-oracle`, one process for each peer.

`--family NAME` asks for one family alone. Some peers import libraries that are not there, or replace operators of
others. Where only the losses are wanted, the package is put into `sys.modules` as an empty module with a path: its own
`__init__` never runs.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from entries import PEERS, WITHOUT_GRADIENT, Difference, Family, families, family
from evaluate import evaluate

ROOT = Path(__file__).resolve().parents[2]
STORED = Path(__file__).parent / "stored"
DISTRIBUTIONS = {
    "smp": "segmentation-models-pytorch",
    "pml": "pytorch-metric-learning",
    "msssim": "pytorch-msssim",
    "open_clip": "open-clip-torch",
    "sklearn": "scikit-learn",
}


def stub(package: str) -> None:
    """Make the modules of a package importable without running its `__init__`."""
    module = types.ModuleType(package)
    module.__path__ = list(importlib.util.find_spec(package).submodule_search_locations)
    sys.modules[package] = module


def _modules(**modules: str) -> Callable[[], dict[str, Any]]:
    return lambda: {name: importlib.import_module(module) for name, module in modules.items()}


def _stubbed(package: str, **modules: str) -> Callable[[], dict[str, Any]]:
    def names() -> dict[str, Any]:
        stub(package)
        return {name: importlib.import_module(module) for name, module in modules.items()}

    return names


def _bench() -> types.ModuleType:
    """The bench of the library, which knows how to import its peers."""
    sys.path.insert(0, str(ROOT))
    return importlib.import_module("lossbook.measure.bench")


def _torchvision() -> dict[str, Any]:
    return {"ops": _bench().torchvision_losses()}


def _torchmetrics() -> dict[str, Any]:
    _bench().hide_torchvision()
    return {"tm": importlib.import_module("torchmetrics.functional")}


def _sklearn() -> dict[str, Any]:
    weights = importlib.import_module("sklearn.utils.class_weight").compute_sample_weight
    return {
        "metrics": importlib.import_module("sklearn.metrics"),
        "balanced": lambda labels: weights("balanced", labels.numpy()),
        "flat": lambda p: p.movedim(1, -1).flatten(0, -2),
    }


def _scipy() -> dict[str, Any]:
    for name in ("stats", "special", "spatial", "linalg", "optimize", "ndimage"):
        importlib.import_module(f"scipy.{name}")
    return {"scipy": importlib.import_module("scipy"), "np": np}


class _OnArrays:
    """A module whose functions take tensors and answer with tensors, though they compute on arrays of JAX."""

    def __init__(self, module: Any):
        self._module = module

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._module, name)
        if isinstance(function, types.ModuleType):
            return _OnArrays(function)

        def call(*arguments: Any, **settings: Any) -> torch.Tensor:
            import jax.numpy as jnp

            def to_jax(x: Any) -> Any:
                return jnp.asarray(x.detach().numpy()) if isinstance(x, torch.Tensor) else x

            answer = function(*map(to_jax, arguments), **{key: to_jax(value) for key, value in settings.items()})
            return torch.from_numpy(np.array(answer))

        return call


def _optax() -> dict[str, Any]:
    importlib.import_module("jax").config.update("jax_enable_x64", True)
    return {"optax": _OnArrays(importlib.import_module("optax"))}


NAMES: dict[str, Callable[[], dict[str, Any]]] = {
    "torch": dict,
    "kornia": _modules(kornia="kornia.losses"),
    "monai": _modules(monai="monai.losses"),
    "smp": _stubbed("segmentation_models_pytorch", smp="segmentation_models_pytorch.losses"),
    "torchvision": _torchvision,
    "pml": _modules(
        pml="pytorch_metric_learning.losses",
        pml_distances="pytorch_metric_learning.distances",
        pml_miners="pytorch_metric_learning.miners",
        pml_reducers="pytorch_metric_learning.reducers",
    ),
    "torchmetrics": _torchmetrics,
    "msssim": _modules(msssim="pytorch_msssim"),
    "piq": _stubbed("piq", piq_ssim="piq.ssim", piq_ms_ssim="piq.ms_ssim", piq_tv="piq.tv"),
    "timm": _stubbed("timm", timm="timm.loss"),
    "open_clip": _stubbed("open_clip", open_clip="open_clip.loss"),
    "scoringrules": _modules(sr="scoringrules"),
    "geomloss": _modules(geomloss="geomloss"),
    "optax": _optax,
    "sklearn": _sklearn,
    "scipy": _scipy,
}


def answer_difference(difference: Difference, names: dict[str, Any]) -> Any:
    """What the peer says to a minimal input: numbers, or the name of its error."""
    sample = {key: np.array(value) for key, value in difference.inputs.items()}
    try:
        value, gradient = evaluate(difference.theirs, sample, names)
    except Exception as error:
        return type(error).__name__
    return [repr(float(x)) for x in np.ravel(gradient if difference.gradient else value)]


def ask(peer: str, asked: list[Family], folder: Path) -> None:
    """Run every call of one peer and leave its answers in `folder`, one pair of files for each family."""
    names = NAMES[peer]()
    for each in asked:
        samples, arrays = each.samples(), {}
        for case in each.cases:
            if case.peer != peer:
                continue
            for sample, run in zip(case.samples, case.runs(), strict=True):
                try:
                    value, gradient = evaluate(
                        case.theirs, samples[sample], names, case.dtype, peer not in WITHOUT_GRADIENT
                    )
                except Exception as error:
                    raise RuntimeError(f"{each.name}: {run}") from error
                arrays[f"{run} | value"] = value
                if gradient is not None:
                    arrays[f"{run} | gradient"] = gradient
        differences = {d.run(): answer_difference(d, names) for d in each.differences if d.peer == peer}
        np.savez(folder / f"{each.name}.{peer}.npz", **arrays)
        (folder / f"{each.name}.{peer}.json").write_text(json.dumps(differences))


def peers_of(each: Family) -> list[str]:
    """The peers that a family asks, in the order of the table."""
    named = {entry.peer for entry in (*each.cases, *each.differences)}
    return [peer for peer in PEERS if peer in named]


def gather(asked: list[Family]) -> None:
    """Ask all peers, each in a process of its own, and write what they say."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for peer in PEERS:
            wanted = [each.name for each in asked if peer in peers_of(each)]
            if wanted:
                options = ["--peer", peer, "--folder", name, "--family", *wanted]
                subprocess.run([sys.executable, __file__, *options], check=True)
        for each in asked:
            store(each, folder)


def store(each: Family, folder: Path) -> None:
    """Write the answers of all peers to one family."""
    arrays, runs, differences = {}, {}, {}
    for peer in peers_of(each):
        with np.load(folder / f"{each.name}.{peer}.npz") as answers:
            for name in sorted(answers):
                runs[name] = f"answer_{len(runs):03d}"
                arrays[runs[name]] = answers[name]
        differences |= json.loads((folder / f"{each.name}.{peer}.json").read_text())
    for sample, tensors_of_sample in each.samples().items():
        for name, array in tensors_of_sample.items():
            arrays[f"input | {sample} | {name}"] = array
    STORED.mkdir(exist_ok=True)
    np.savez_compressed(STORED / f"{each.name}.npz", **arrays)
    versions = {peer: importlib.metadata.version(DISTRIBUTIONS.get(peer, peer)) for peer in peers_of(each)}
    index = {"differences": differences, "runs": runs, "versions": versions}
    text = json.dumps(index, indent=1, sort_keys=True, ensure_ascii=False)
    (STORED / f"{each.name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", nargs="+", help="these families alone")
    parser.add_argument("--peer", choices=PEERS, help="ask this peer alone (needs --folder)")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [family(name) for name in arguments.family] if arguments.family else families()
    if arguments.peer:
        ask(arguments.peer, chosen, arguments.folder)
    else:
        gather(chosen)
