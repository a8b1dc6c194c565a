"""Who computes what: each peer's call beside ours, as text that is run on both sides and printed in the book.

A family of losses has one module in `families/`, with `TITLE`, `CASES`, `REFERENCES`, and where it needs them
`DIFFERENCES` and `samples()`. The names that both sides of a call may use: the tensors of the sample (see `inputs.py`),
`torch`, `F` (torch.nn.functional), `one_hot(y, C)` (`(N, C, *)` in float64), `each(function, z, y)` (the mean over
pictures, taken one by one) and `hard(z)` (one-hot argmax over the classes). Theirs is a call into the peer; ours starts
from `lb`.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import inputs
import numpy as np

EXACT = 1e-9
IN_FLOAT32 = 5e-6  # the peer computes in float32, at least in part; distances are float32 in ours, too

PEERS = {
    "torch": "PyTorch",
    "kornia": "Kornia",
    "monai": "MONAI",
    "smp": "segmentation-models-pytorch",
    "torchvision": "torchvision",
    "pml": "pytorch-metric-learning",
    "torchmetrics": "torchmetrics",
    "msssim": "pytorch-msssim",
    "piq": "PIQ",
    "timm": "timm",
    "open_clip": "OpenCLIP",
    "scoringrules": "scoringrules",
    "geomloss": "GeomLoss",
    "optax": "Optax",
    "sklearn": "scikit-learn",
    "scipy": "SciPy",
}
WITHOUT_GRADIENT = ("sklearn", "scipy", "optax")  # they answer with numbers

LABELS = ("multiclass", "volume", "saturated")
PLANE = ("multiclass", "saturated")
MASKS = ("binary", "binary volume", "binary saturated")
CHANNELS = ("multilabel",)


@dataclass(frozen=True)
class Case:
    """One convention of a peer, and the settings with which we compute the same."""

    peer: str
    loss: str
    theirs: str
    ours: str
    samples: tuple[str, ...]
    note: str = ""
    tolerance: float = EXACT
    dtype: str = "float64"  # what the peer is given

    def runs(self) -> list[str]:
        """The names under which its answers are stored."""
        return [f"{self.peer} | {sample} | {self.theirs}" for sample in self.samples]


@dataclass(frozen=True)
class Difference:
    """A minimal input on which a peer's answer is not ours."""

    peer: str
    loss: str
    title: str
    inputs: dict[str, Any]
    theirs: str
    ours: str
    answer: float | str | list  # what the peer says: a number, the name of an error, or a shape
    right: float | list  # what we say, derived by hand
    why: str
    gradient: bool = False  # whether the answers are those of the gradient

    def run(self) -> str:
        return f"{self.peer} | difference | {self.title}"


@dataclass(frozen=True)
class Reference:
    """A loss beside a slow reference of its family (there called `ref`), on the same arrays."""

    loss: str
    reference: str
    ours: str
    samples: tuple[str, ...]
    tolerance: float = EXACT


@dataclass(frozen=True)
class Family:
    """What is compared in one family of losses."""

    name: str
    title: str
    cases: tuple[Case, ...]
    references: tuple[Reference, ...]
    differences: tuple[Difference, ...]
    own_samples: dict[str, dict[str, np.ndarray]]

    def samples(self) -> dict[str, dict[str, np.ndarray]]:
        """The inputs that its comparisons name."""
        everything = inputs.draw() | self.own_samples
        named = dict.fromkeys(name for entry in (*self.cases, *self.references) for name in entry.samples)
        return {name: everything[name] for name in named}


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"oracles_of_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def family(name: str) -> Family:
    """One family by the name of its module."""
    module = _load(Path(__file__).parent / "families" / f"{name}.py")
    facts = [tuple(getattr(module, kind, ())) for kind in ("CASES", "REFERENCES", "DIFFERENCES")]
    own = module.samples() if hasattr(module, "samples") else {}
    return Family(name, module.TITLE, *facts, own)


def families() -> list[Family]:
    """All families, in the order of the alphabet."""
    return [family(path.stem) for path in sorted((Path(__file__).parent / "families").glob("*.py"))]
