"""Run the tests against one mutant after the other.

The tests are collected once, in this process. Each mutant gets a forked child, which puts the broken code into the
functions that everybody already holds (`function.__code__`), runs the tests that can notice, quick and strong ones
first, and ends with the first failure.
"""

from __future__ import annotations
import __future__

import ast
import functools
import gc
import os
import re
import select
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from .operators import Mutant, functions

ROOT = Path(__file__).resolve().parents[2]
LOSSES = ROOT / "lossbook" / "losses"
APART = ("__init__.py", "_card.py", "_module.py", "_validation.py")  # no formula stands there
FILES = tuple(sorted(path.name for path in LOSSES.glob("*.py") if path.name not in APART))
TESTS = (
    "tests/test_definitions.py", "tests/losses", "tests/test_objectives.py", "tests/test_contract.py",
    "tests/test_cards.py", "tests/oracles/test_oracles.py",
)  # fmt: skip
SLOW = ("test_compiles_into_one_graph",)  # seconds each: only for what nothing else can notice
DEEP = ("test_half_precision", "test_vmap", "test_any_number", "test_second_derivative", "test_cards.py")


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: `by` names the test that caught it, or is empty."""

    mutant: Mutant
    by: str
    seconds: float
    tests: int


class Judge:
    """A pytest plugin that takes the place of the loop over the tests."""

    def __init__(self, mutants: list[Mutant], *, jobs: int = 1, seconds: float | None = None, patience: float = 60.0):
        self.mutants, self.jobs, self.patience = mutants, jobs, patience
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.verdicts: list[Verdict] = []
        self.baseline = ""

    def run(self) -> None:
        """Collect the tests, check that they pass on the code as it is, and judge every mutant."""
        files = [str(ROOT / path) for path in TESTS if (ROOT / path).exists()]
        arguments = ["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-p", "no:xdist",
                     "--doctest-modules", "-m", "not gpu", "--rootdir", str(ROOT), *files,
                     *(str(LOSSES / name) for name in FILES)]  # fmt: skip
        status = pytest.main(arguments, plugins=[self])
        if status not in (0, pytest.ExitCode.OK):
            raise RuntimeError(f"pytest ended with {status!r} before the mutants were judged")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        import torch

        torch.set_num_threads(1)  # a pool of threads does not survive a fork
        living()  # looked up here once for all children
        gc.freeze()
        self.reach = reach()
        self.items = sorted(session.items, key=order)
        print(f"{len(self.items)} tests collected, {len(self.mutants)} mutants to judge", flush=True)
        unbroken = [item for item in self.items if stage(item) <= 1]
        self.baseline = judge_one(None, unbroken, 600)[0]
        if self.baseline:
            raise RuntimeError(f"the code as it is fails {self.baseline}")
        running: dict[int, tuple[_Child, Mutant]] = {}
        waiting = iter(self.mutants)
        for mutant in waiting:
            if self.deadline is not None and time.monotonic() > self.deadline:
                break
            child = start(mutant, self.relevant(mutant), self.patience)
            running[child.pipe] = (child, mutant)
            if len(running) >= self.jobs:
                self._finish(running)
        while running:
            self._finish(running)
        return True

    def relevant(self, mutant: Mutant) -> list[pytest.Item]:
        """The tests of the losses that use the broken function, and the tests of no loss in particular."""
        losses = self.reach.get(mutant.function, set())
        special = mutant.function == "_"  # what torch.compile and vmap ask for
        chosen = [item for item in self.items if special or stage(item) < 5]
        return [item for item in chosen if not (named := names(item)) or named & losses]

    def _finish(self, running: dict[int, tuple[_Child, Mutant]]) -> None:
        ready, _, _ = select.select(list(running), [], [])
        for pipe in ready:
            child, mutant = running.pop(pipe)
            by, tests = child.result()
            verdict = Verdict(mutant, by, time.monotonic() - child.started, tests)
            self.verdicts.append(verdict)
            if not by:
                print(f"  not noticed ({tests} tests, {verdict.seconds:.0f} s): {mutant}", flush=True)


# --- which tests can notice ------------------------------------------------------------------------------------------


def reach() -> dict[str, set[str]]:
    """For each function the public functions whose result it takes part in, by the names that bodies mention."""
    defined = [function for name in FILES for function in functions((LOSSES / name).read_text())]
    callees: dict[str, set[str]] = {function.name: set() for function in defined}
    for function in defined:
        callees[function.name] |= {name for part in function.body for name in _mentioned(part)}
        for decorator in function.decorator_list:  # what is registered for another function is run for it
            for name in _mentioned(decorator) & set(callees):
                callees[name].add(function.name)
    result: dict[str, set[str]] = {}
    for name in callees:
        for used in _closure(name, callees):
            result.setdefault(used, set()).add(name)
    return result


def _mentioned(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _closure(name: str, callees: dict[str, set[str]]) -> set[str]:
    seen, waiting = set(), [name]
    while waiting:
        current = waiting.pop()
        if current not in seen and current in callees:
            seen.add(current)
            waiting.extend(callees[current])
    return seen


def names(item: pytest.Item) -> set[str]:
    """The losses that a test is about."""
    return set(_names().findall(item.nodeid.rpartition("::")[2]))


@functools.cache
def _names() -> re.Pattern[str]:
    import lossbook

    known = sorted([*lossbook.cards, "signed_distance_map"], key=len, reverse=True)
    return re.compile("|".join(known))


def stage(item: pytest.Item) -> int:
    """How early a test is asked: examples and definitions first, what takes seconds last."""
    if any(name in item.nodeid for name in SLOW):
        return 5
    if item.nodeid.startswith("lossbook"):
        return 0
    if "test_definitions" in item.nodeid or "tests/losses" in item.nodeid:
        return 1
    if "finite_differences" in item.nodeid:
        return 4
    if "oracles" in item.nodeid or any(name in item.nodeid for name in DEEP):
        return 3
    return 2


def order(item: pytest.Item) -> tuple[int, int]:
    """By stage; among those of one stage first those of the default settings."""
    return stage(item), 0 if "defaults" in item.nodeid else 1


# --- one mutant ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Child:
    process: int
    pipe: int
    started: float

    def result(self) -> tuple[str, int]:
        """The test that failed, or nothing; and how many tests were run."""
        with os.fdopen(self.pipe) as pipe:
            told = pipe.read()
        os.waitpid(self.process, 0)
        if not told:
            return "the process died", 0  # a crash is noticed by whoever runs the tests
        if told.startswith(INTERNAL):
            raise RuntimeError(told)
        count, _, by = told.partition(" ")
        return by, int(count)


def start(mutant: Mutant | None, items: list[pytest.Item], patience: float) -> _Child:
    """Judge in a child; `None` judges the code as it is."""
    receiving, sending = os.pipe()
    started = time.monotonic()
    process = os.fork()
    if process:
        os.close(sending)
        return _Child(process, receiving, started)
    os.close(receiving)
    _silence()
    try:
        by, count = judge(mutant, items, patience)
        told = f"{count} {by}"
    except BaseException as error:  # of this program, not of the tests: pytest catches those
        told = f"{INTERNAL}{error!r}"
    os.write(sending, told.encode())
    os._exit(0)


INTERNAL = "error: "


def judge_one(mutant: Mutant | None, items: list[pytest.Item], patience: float) -> tuple[str, int]:
    """Judge in a child, and wait for it."""
    return start(mutant, items, patience).result()


def judge(mutant: Mutant | None, items: Iterable[pytest.Item], patience: float) -> tuple[str, int]:
    """Break the function and run tests until one fails or patience ends; the test and how many were run."""

    def too_long(*_: Any) -> None:
        raise TimeoutError("a test does not end")

    if mutant is not None:
        apply(mutant)
    signal.signal(signal.SIGALRM, too_long)
    end = time.monotonic() + patience
    count = 0
    for item in items:
        if time.monotonic() > end:
            break
        signal.alarm(30)
        reports = runtestprotocol(item, nextitem=None, log=False)
        signal.alarm(0)
        count += 1
        if any(report.failed for report in reports):
            return item.nodeid, count
    return "", count


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())


def apply(mutant: Mutant) -> None:
    """Put the broken code into every living function that was made from the source of the mutant."""
    path = str(LOSSES / mutant.file)
    (code,) = code_of(mutant.tree, path)
    broken = [f for f in living().get(path, []) if _place(f.__code__) == _place(code)]
    if not broken:
        raise LookupError(f"no function {mutant.function} of {mutant.file} is loaded")
    for function in broken:
        function.__code__ = code
        if function.__kwdefaults__:
            function.__kwdefaults__ = function.__kwdefaults__ | numbers_by_default(mutant.tree)


def code_of(tree: ast.Module, path: str) -> list[CodeType]:
    """The code of the functions in a module, which is compiled and not run."""
    module = compile(_bare(tree), path, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)
    return [constant for constant in module.co_consts if isinstance(constant, CodeType)]


def _bare(tree: ast.Module) -> ast.Module:
    """Without decorators, which are evaluated outside the function's code."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
    return tree


def numbers_by_default(tree: ast.Module) -> dict[str, int | float]:
    """The settings of the function in a module whose default is a number."""
    (function,) = tree.body
    settings = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    found = {setting.arg: getattr(default, "value", None) for setting, default in settings}
    return {name: value for name, value in found.items() if type(value) in (int, float)}


def _place(code: CodeType) -> tuple[str, int]:
    """The name of a function and the line of its first statement, which decorators do not move."""
    lines = [line for _, _, line in code.co_lines() if line is not None and line > code.co_firstlineno]
    return code.co_name, min(lines, default=code.co_firstlineno)


@functools.cache
def living() -> dict[str, list[FunctionType]]:
    """All functions that were made from the files of the losses, by path."""
    found: dict[str, list[FunctionType]] = {}
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename.startswith(str(LOSSES)):
            found.setdefault(thing.__code__.co_filename, []).append(thing)
    return found
