"""Run the tests against one mutant after the other.

The tests are collected once, in this process. Each mutant gets a forked child, which puts the broken code into the
functions that everybody already holds (`function.__code__`), runs the tests that can notice, quick and strong ones
first, and ends with the first failure. That test is then run on the code as it is, where it has to pass. Limits count
processor time, so that a busy machine judges fewer mutants, and not otherwise.
"""

from __future__ import annotations
import __future__

import ast
import functools
import gc
import math
import os
import re
import select
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from .operators import Mutant, functions

ROOT = Path(__file__).resolve().parents[2]
LOSSES = ROOT / "lossbook" / "losses"
APART = ("__init__.py", "_card.py", "_gather.py", "_module.py", "_validation.py")  # no formula stands there
FILES = tuple(sorted(path.name for path in LOSSES.glob("*.py") if path.name not in APART))
TESTS = (
    "tests/test_definitions.py", "tests/losses", "tests/test_objectives.py", "tests/test_contract.py",
    "tests/test_cards.py", "tests/oracles/test_oracles.py",
)  # fmt: skip
# Seconds each: only for what nothing else can notice.
SLOW = ("test_compiles_into_one_graph", "test_a_compiled_loss", "test_inductor")
ELSEWHERE = ("test_gather.py", "test_two_processes")  # run in processes of their own, which hold no mutant
DEEP = ("test_half_precision", "test_vmap", "test_any_number", "test_second_derivative", "test_cards.py")


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: `by` names the test that caught it, or is empty; how many tests ran, of how many."""

    mutant: Mutant
    by: str
    seconds: float
    tests: int
    asked: int


class Judge:
    """A pytest plugin that takes the place of the loop over the tests."""

    def __init__(self, mutants: list[Mutant], *, jobs: int = 1, seconds: float | None = None, patience: float = 25.0):
        self.mutants, self.jobs, self.patience = mutants, jobs, patience
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.verdicts: list[Verdict] = []
        self.sound: set[str] = set()  # tests that pass on the code as it is

    def run(self) -> None:
        """Collect the tests, and judge every mutant, or as many as there is time for."""
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
        self.reach, self.families = reach(), families()
        self.items = {item.nodeid: item for item in sorted(session.items, key=order)}
        print(f"{len(self.items)} tests collected, {len(self.mutants)} mutants to judge", flush=True)
        running: dict[int, tuple[_Child, Mutant]] = {}
        for mutant in self.mutants:
            if self._remaining() <= 0:
                break
            child = start(mutant, self.relevant(mutant), self.patience)
            running[child.pipe] = (child, mutant)
            if len(running) >= self.jobs:
                self._finish(running)
        while running:
            self._finish(running)
        return True

    def _remaining(self) -> float:
        return math.inf if self.deadline is None else self.deadline - time.monotonic()

    def relevant(self, mutant: Mutant) -> list[pytest.Item]:
        """The tests of the losses that use the broken function, and the tests of no loss in particular."""
        losses = self.reach.get(mutant.function, set())
        special = mutant.function == "_"  # what torch.compile and vmap ask for
        concerned = {self.families.get(loss) for loss in losses} | {Path(mutant.file).stem}

        def can_notice(item: pytest.Item) -> bool:
            if (stage(item) == 5 and not special) or any(name in item.nodeid for name in ELSEWHERE):
                return False
            if named := names(item):
                return bool(named & losses)
            return special or (family := family_of(item)) is None or family in concerned

        chosen = [item for item in self.items.values() if can_notice(item)]
        if not mutant.file.startswith("_"):
            return chosen
        own = f"tests/losses/test{Path(mutant.file).stem}.py"  # of what all losses share: a test of its own comes first
        return sorted(chosen, key=lambda item: not item.nodeid.startswith(own))

    def _finish(self, running: dict[int, tuple[_Child, Mutant]]) -> None:
        """Wait for a child. When time is up, those that are not ready are given up: no verdict."""
        wait = self._remaining()
        ready, _, _ = select.select(list(running), [], [], *([max(wait, 0)] if wait < math.inf else []))
        if not ready:
            while running:
                running.popitem()[1][0].give_up()
        for pipe in ready:
            child, mutant = running.pop(pipe)
            by, tests = child.result()
            self._check(by)
            verdict = Verdict(mutant, by, time.monotonic() - child.started, tests, child.asked)
            self.verdicts.append(verdict)
            if not by:
                print(f"  not noticed ({tests} of {child.asked} tests, {verdict.seconds:.0f} s): {mutant}", flush=True)

    def _check(self, by: str) -> None:
        """What caught a mutant passes on the code as it is."""
        if by in self.items and by not in self.sound:
            if start(None, [self.items[by]], self.patience).result()[0]:
                raise RuntimeError(f"the code as it is fails {by}")
            self.sound.add(by)


# --- which tests can notice ------------------------------------------------------------------------------------------


def reach() -> dict[str, set[str]]:
    """For each function the public functions whose result it takes part in, by the names that bodies mention."""
    trees = [(LOSSES / name).read_text() for name in FILES]
    defined = [function for tree in trees for function in functions(tree)]
    classes = [node for tree in trees for node in ast.parse(tree).body if isinstance(node, ast.ClassDef)]
    callees: dict[str, set[str]] = {function.name: set() for function in defined}
    callees |= {each.name: _mentioned(each) for each in classes}  # a function of autograd, used by its name
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


@functools.cache
def names(item: pytest.Item) -> set[str]:
    """The losses that a test is about."""
    return set(_names().findall(item.nodeid.rpartition("::")[2]))


@functools.cache
def _names() -> re.Pattern[str]:
    import lossbook

    known = sorted([*lossbook.cards, "signed_distance_map"], key=len, reverse=True)
    return re.compile("|".join(known))


@functools.cache
def families() -> dict[str, str]:
    """The family of each loss."""
    import lossbook

    return {name: card.family for name, card in lossbook.cards.items()}


def family_of(item: pytest.Item) -> str | None:
    """The family that a test in the files of a family is about; the tests of what is stored are about none of them."""
    if "test_oracles" in item.nodeid:
        return "what is stored"
    found = re.search(r"losses/(?:test_)?(\w+)\.py", item.nodeid)
    return found[1] if found and found[1] in families().values() else None


@functools.cache
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


def order(item: pytest.Item) -> tuple[int, int, int]:
    """By stage; among those of one stage first those of the loss, then those of the default settings."""
    return stage(item), 0 if names(item) else 1, 0 if "defaults" in item.nodeid else 1


# --- one mutant ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Child:
    process: int
    pipe: int
    started: float
    asked: int

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

    def give_up(self) -> None:
        """End it."""
        os.kill(self.process, signal.SIGKILL)
        os.close(self.pipe)
        os.waitpid(self.process, 0)


def start(mutant: Mutant | None, items: Sequence[pytest.Item], patience: float) -> _Child:
    """Judge in a child; `None` judges the code as it is."""
    receiving, sending = os.pipe()
    started = time.monotonic()
    process = os.fork()
    if process:
        os.close(sending)
        return _Child(process, receiving, started, len(items))
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
ONE_TEST = 20.0  # seconds of processor time


def judge(mutant: Mutant | None, items: Sequence[pytest.Item], patience: float) -> tuple[str, int]:
    """Break the function and run tests until one fails or patience ends (seconds of processor time); the test, and how
    many were run."""

    def too_long(*_: Any) -> None:
        raise TimeoutError("a test does not end")

    if mutant is not None:
        apply(mutant)
    signal.signal(signal.SIGPROF, too_long)
    end = time.process_time() + patience
    count = 0
    for item in items:
        if time.process_time() > end:
            break
        signal.setitimer(signal.ITIMER_PROF, ONE_TEST)
        reports = runtestprotocol(item, nextitem=None, log=False)
        signal.setitimer(signal.ITIMER_PROF, 0)
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
