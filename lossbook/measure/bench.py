"""`lossbook bench`: time and peak memory of every loss, forward and backward, beside its peers in one process.

Other work on the machine slows whatever happens to run, so ours and a peer's take turns, and the ratio is taken within
each turn. Freed memory stays with the process: otherwise who is slow depends on who ran before. A loss falls short of a
peer when it is slower for certain (the lower bound of the ratio's interval exceeds 1.10) or when its peak memory, which
has no noise, exceeds the peer's by more than a tenth.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import importlib
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import re
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import lossbook

from .peers import DISTRIBUTIONS, ENTRIES, INPUTS, LIBRARIES, Entry, library

PAIRS, QUICK_PAIRS = 31, 7
SHORTEST = 5e-3  # seconds that one measurement takes at least
LIMIT = 1.10
TOLERANCE = 1e-4  # relative: between the values of ours and of a peer


@dataclass(frozen=True)
class Ratio:
    """The median of ours over theirs, and its 95 % interval."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Ours beside one peer: seconds of forward and backward, and peak bytes beyond what was there before."""

    library: str
    call: str
    our_seconds: float
    their_seconds: float
    time: Ratio
    our_bytes: int
    their_bytes: int

    @property
    def memory(self) -> float:
        return self.our_bytes / max(self.their_bytes, 1)

    @property
    def verdict(self) -> str:
        """What it falls short in, or `"ok"`."""
        short = [name for name, ratio in (("time", self.time.low), ("memory", self.memory)) if ratio > LIMIT]
        return " and ".join(short) or "ok"


@dataclass(frozen=True)
class Result:
    """All comparisons of an entry on one device; of its peers, `absent` were not installed."""

    entry: Entry
    device: str
    comparisons: tuple[Comparison, ...]
    absent: tuple[str, ...]

    @property
    def fastest(self) -> Comparison | None:
        """The comparison with the fastest peer, which decides; `None` without any peer."""
        return max(self.comparisons, key=lambda c: c.time.median, default=None)

    @property
    def verdict(self) -> str:
        return "no peer" if self.fastest is None else self.fastest.verdict


# --------------------------------------------------------------------------------------------------------------------
# Measuring


def keep_freed_memory() -> None:
    """Let the C library keep what tensors of this process have freed, where it can be told to (glibc).

    By default it returns large blocks to the operating system, at once or at some calls, depending on the sizes that
    came before; the next tensor then pays for every page anew. Two equal calls of torch's cross-entropy on 1x21x512x512
    logits, taking turns, differed by a factor of 2 in the time of their backward pass; with this they do not.
    """
    trim_threshold, mmap_threshold, most = -1, -3, 2**31 - 1  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(mmap_threshold, most)
        mallopt(trim_threshold, most)


def time_pairs(ours: Callable[[], Any], theirs: Callable[[], Any], pairs: int) -> tuple[list[float], list[float]]:
    """Seconds of one call, measured in turns; who goes first alternates."""
    steps = (ours, theirs)
    repeats = [_repeats(step) for step in steps]
    seconds: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    gc.disable()
    try:
        for pair in range(pairs):
            for who in (0, 1) if pair % 2 == 0 else (1, 0):
                seconds[who].append(_seconds(steps[who], repeats[who]))
    finally:
        gc.enable()
    return seconds


def _seconds(step: Callable[[], Any], repeats: int) -> float:
    _synchronize()
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    _synchronize()
    return (time.perf_counter() - start) / repeats


def _synchronize() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _repeats(step: Callable[[], Any]) -> int:
    """How often a step is repeated so that it takes `SHORTEST`; the first calls warm up."""
    step()
    return math.ceil(SHORTEST / min(_seconds(step, 1) for _ in range(2)))


def ratio_of(ours: Sequence[float], theirs: Sequence[float], resamples: int = 5000) -> Ratio:
    """The median ratio over the pairs, with the percentile interval of a bootstrap that resamples pairs."""
    ratios = np.asarray(ours) / np.asarray(theirs)
    drawn = np.random.default_rng(0).integers(len(ratios), size=(resamples, len(ratios)))
    low, high = np.quantile(np.median(ratios[drawn], axis=1), (0.025, 0.975))
    return Ratio(float(np.median(ratios)), float(low), float(high))


def peak_bytes(step: Callable[[], Any], device: str = "cpu") -> int:
    """The most bytes that a step holds at once, beyond what was there before.

    Every allocation of torch counts, those inside an operator as well. What NumPy and SciPy allocate, in MONAI's
    distances and in ours, is not seen.
    """
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    held = peak = 0
    for change in _allocations(step):
        held += change
        peak = max(peak, held)
    return peak


def _allocations(step: Callable[[], Any]) -> list[int]:
    """Bytes that torch allocates (above zero) and frees (below), in their order."""
    cpu = torch.profiler.ProfilerActivity.CPU
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace.json")
        with _quiet(), torch.profiler.profile(activities=[cpu], profile_memory=True) as profile:
            step()
        profile.export_chrome_trace(str(trace))
        events = [e for e in json.loads(trace.read_text(encoding="utf-8"))["traceEvents"] if e["name"] == "[memory]"]
    return [event["args"]["Bytes"] for event in sorted(events, key=lambda event: event["args"]["Ev Idx"])]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing reaches standard error: some builds of the profiler say there when they start and stop."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


# --------------------------------------------------------------------------------------------------------------------
# Calls that are given as text


def find_libraries() -> dict[str, Any]:
    """The peers' modules that can be imported, by the names that calls use."""
    hide_torchvision()
    found = {name: torchvision_losses() if name == "ops" else _import(module) for name, module in LIBRARIES.items()}
    return {name: module for name, module in found.items() if module is not None}


def hide_torchvision() -> None:
    """Let torchmetrics believe that torchvision is not installed: where it is, but does not import (its release for
    another torch), torchmetrics would not import either."""
    try:
        cache = importlib.import_module("lightning_utilities.core.imports").RequirementCache
    except ImportError:
        return
    check = cache._check_requirement

    def without_torchvision(self: Any) -> None:
        if self.requirement.startswith("torchvision"):
            self.available, self.message = False, "hidden"
        else:
            check(self)

    cache._check_requirement = without_torchvision


def torchvision_losses() -> types.SimpleNamespace | None:
    """The losses of torchvision.ops, without the operators that its package registers and without its models."""
    found = importlib.util.find_spec("torchvision")
    if found is None:
        return None
    home = Path(found.submodule_search_locations[0])
    bare = {name: types.ModuleType(name) for name in ("torchvision", "torchvision.ops", "torchvision.utils")}
    bare["torchvision"].__path__, bare["torchvision.ops"].__path__ = [str(home)], [str(home / "ops")]
    bare["torchvision"].utils = bare["torchvision.utils"]
    bare["torchvision.utils"]._log_api_usage_once = lambda _: None
    replaced = {name: sys.modules.get(name) for name in bare}
    sys.modules.update(bare)
    modules = [importlib.import_module(f"torchvision.ops.{name}_loss") for name in ("focal", "giou", "diou", "ciou")]
    for name, module in replaced.items():  # others ask whether torchvision is there: it is as it was
        if module is None:
            del sys.modules[name]
        else:
            sys.modules[name] = module
    losses = {name: getattr(module, name) for module in modules for name in dir(module) if name.endswith("_loss")}
    return types.SimpleNamespace(**losses)


def _import(name: str) -> types.ModuleType | None:
    """A module of losses. Where its package asks for what is not installed (pretrained encoders, for example), the
    package's own `__init__` is passed over: the losses need torch alone."""
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError):  # RuntimeError: a torchvision without its operators
        package = name.partition(".")[0]
        found = importlib.util.find_spec(package)
        if found is None or found.submodule_search_locations is None:
            return None
    bare = types.ModuleType(package)
    bare.__path__ = list(found.submodule_search_locations)
    sys.modules[package] = bare
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError):
        del sys.modules[package]
        return None


def function_of(call: str, sample: Mapping[str, Tensor], libraries: Mapping[str, Any]) -> Callable[..., Tensor]:
    """The function of a sample's tensors that a call writes."""
    names = {"lb": lossbook, "torch": torch, "F": F, **libraries}
    return eval(f"lambda {', '.join(sample)}: {call}", names)


def step_of(function: Callable[..., Tensor], sample: Mapping[str, Tensor]) -> Callable[[], Any]:
    """Forward and backward of a loss; nothing of it stays in memory."""
    z = sample["z"].detach().requires_grad_()

    def step() -> None:
        torch.autograd.grad(function(**(sample | {"z": z})), z)

    return step


def check_agreement(
    entry: Entry, call: str, ours: Callable[..., Tensor], theirs: Callable[..., Tensor], sample: Mapping[str, Tensor]
) -> None:
    """Only what computes the same number can be compared. In float64, since some peers lose digits over many pixels,
    unless the peer refuses it."""
    exact = {name: t.double() if t.is_floating_point() else t for name, t in sample.items()}
    try:
        values = float(ours(**exact)), float(theirs(**exact))
    except RuntimeError:
        values = float(ours(**sample)), float(theirs(**sample))
    if not abs(values[0] - values[1]) <= TOLERANCE * max(map(abs, values)):
        raise ValueError(
            f"{entry.loss} on {entry.input}: {entry.ours} gives {values[0]:.6g}, but {call} gives {values[1]:.6g}"
        )


def measure(entry: Entry, sample: Mapping[str, Tensor], libraries: Mapping[str, Any], pairs: int = PAIRS) -> Result:
    """Compare our loss with each of its peers."""
    device = sample["z"].device.type
    ours = function_of(entry.ours, sample, libraries)
    comparisons, absent = [], []
    for call in entry.peers:
        name = library(call)
        if name != "torch" and name not in libraries:
            absent.append(name)
            continue
        theirs = function_of(call, sample, libraries)
        check_agreement(entry, call, ours, theirs, sample)
        our_step, their_step = step_of(ours, sample), step_of(theirs, sample)
        our_seconds, their_seconds = time_pairs(our_step, their_step, pairs)
        comparisons.append(
            Comparison(
                library=name,
                call=call,
                our_seconds=float(np.median(our_seconds)),
                their_seconds=float(np.median(their_seconds)),
                time=ratio_of(our_seconds, their_seconds),
                our_bytes=peak_bytes(our_step, device),
                their_bytes=peak_bytes(their_step, device),
            )
        )
    return Result(entry, device, tuple(comparisons), tuple(absent))


# --------------------------------------------------------------------------------------------------------------------
# Showing


HEADER = ("loss", "input", "device", "ours ms", "fastest peer", "ms", "ratio", "95 %", "memory MB", "ratio", "verdict")
WIDTHS = (33, 12, 6, 8, 12, 8, 6, 12, 14, 6, 15)


def row(result: Result) -> tuple[str, ...]:
    """A line of the table, as texts: ours beside the fastest peer."""
    best, entry = result.fastest, result.entry
    start = (entry.loss, entry.input, result.device)
    if best is None:
        return (*start, "", "", "", "", "", "", "", result.verdict)
    return (
        *start,
        f"{1e3 * best.our_seconds:.1f}",
        best.library,
        f"{1e3 * best.their_seconds:.1f}",
        f"{best.time.median:.2f}",
        f"{best.time.low:.2f} - {best.time.high:.2f}",
        f"{best.our_bytes / 1e6:.1f} / {best.their_bytes / 1e6:.1f}",
        f"{best.memory:.2f}",
        result.verdict,
    )


def line(cells: Sequence[str]) -> str:
    return "  ".join(f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def as_json(result: Result) -> dict[str, Any]:
    """Everything that was measured, in seconds and bytes."""
    comparisons = [asdict(c) | {"memory": c.memory, "verdict": c.verdict} for c in result.comparisons]
    return asdict(result.entry) | {
        "device": result.device,
        "comparisons": comparisons,
        "absent": result.absent,
        "verdict": result.verdict,
    }


def machine(libraries: Mapping[str, Any]) -> dict[str, Any]:
    """What measured: processor, cores and threads, and the version of each library that was there."""
    info = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.+)", info.read_text()) if info.exists() else []
    versions = {name: importlib.metadata.version(DISTRIBUTIONS.get(name, name)) for name in libraries}
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": {"torch": torch.__version__.split("+")[0], "lossbook": lossbook.__version__} | versions,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; 1 if a loss falls short, else 0."""
    options = _parser().parse_args(arguments)
    known = {entry.loss for entry in ENTRIES}
    unknown = [name for name in options.loss or () if name not in known]
    if unknown:
        print(f"lossbook bench: no entry for {unknown[0]!r}; there is {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    if options.threads:
        torch.set_num_threads(options.threads)
    keep_freed_memory()
    libraries = find_libraries()
    absent = [name for name in LIBRARIES if name not in libraries]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s); absent: {', '.join(absent) or 'none'}")
    print(line(HEADER))
    results = []
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for name, make in INPUTS.items():
            entries = [e for e in ENTRIES if e.input == name and (not options.loss or e.loss in options.loss)]
            sample = {key: tensor.to(device) for key, tensor in make().items()} if entries else {}
            for entry in entries:
                results.append(measure(entry, sample, libraries, QUICK_PAIRS if options.quick else PAIRS))
                print(line(row(results[-1])), flush=True)
    if options.json:
        report = {"machine": machine(libraries), "results": [as_json(result) for result in results]}
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(any(result.verdict not in ("ok", "no peer") for result in results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lossbook bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--loss", nargs="+", metavar="NAME", help="these losses only")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_PAIRS} pairs of measurements instead of {PAIRS}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to this file")
    parser.add_argument("--threads", type=int, metavar="N", help="threads that torch uses on the CPU")
    return parser
