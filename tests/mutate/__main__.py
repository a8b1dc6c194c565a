"""`python -m tests.mutate`: break the formulas on purpose; every mutant has to be caught or argued.

A survivor is argued in `survivors.json`: an entry names file, function, source line and change, and gives the reason
why no test can tell the mutant from the original (it computes the same numbers), or why none should.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .judge import FILES, LOSSES, Judge, Verdict
from .operators import Mutant, mutants

SURVIVORS = Path(__file__).with_name("survivors.json")


def all_mutants() -> list[Mutant]:
    """Every mutant of the formulas, in the order of the source."""
    return [mutant for name in FILES for mutant in mutants((LOSSES / name).read_text(), name)]


def argued() -> dict[tuple[str, ...], str]:
    """The survivors with a reason: key of the mutant, reason."""
    entries = json.loads(SURVIVORS.read_text())
    return {(e["file"], e["function"], e["line"], e["change"]): e["reason"] for e in entries}


def place(mutant: Mutant) -> str:
    """What `--only` looks into."""
    return f"{mutant.file}:{mutant.line} {mutant.function} {mutant.operator}"


def lot(mutant: Mutant, seed: int) -> bytes:
    """Its place in the sample. It depends on nothing but the mutant: who edits one loss draws no others elsewhere."""
    return hashlib.sha256(repr((seed, *mutant.key)).encode()).digest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, report; 1 when a mutant is neither caught nor argued."""
    options = _parser().parse_args(arguments)
    chosen = [m for m in all_mutants() if options.only in place(m)]
    if options.sample is not None or options.seconds is not None:
        chosen = sorted(chosen, key=lambda mutant: lot(mutant, options.seed))[: options.sample]
    if options.list:
        print("\n".join(map(str, chosen)))
        return 0
    started = time.monotonic()
    judge = Judge(chosen, jobs=options.jobs, seconds=options.seconds)
    judge.run()
    return report(judge.verdicts, argued(), len(chosen), time.monotonic() - started, complete=_is_complete(options))


def _is_complete(options: argparse.Namespace) -> bool:
    return options.sample is None and options.seconds is None and not options.only


def report(
    verdicts: list[Verdict], reasons: dict[tuple[str, ...], str], asked: int, seconds: float, *, complete: bool = False
) -> int:
    """Print counts and survivors; the exit status."""
    caught = [v for v in verdicts if v.by]
    survivors = [v.mutant for v in verdicts if not v.by]
    open_ones = [m for m in survivors if m.key not in reasons]
    print(f"\n{len(verdicts)} of {asked} mutants judged in {seconds:.0f} s")
    for operator, count in sorted(Counter(v.mutant.operator for v in verdicts).items()):
        print(f"  {operator:12} {sum(v.mutant.operator == operator for v in caught):5} of {count:5} caught")
    print("caught by: " + ", ".join(f"{k} {n}" for k, n in Counter(_test(v) for v in caught).most_common(12)))
    share = len(caught) / len(verdicts) if verdicts else 0.0
    print(f"caught {len(caught)} ({share:.1%}), argued {len(survivors) - len(open_ones)}, open {len(open_ones)}")
    for mutant in open_ones:
        print(f"  {mutant}\n      {mutant.text}")
        print(f'      again: python -m tests.mutate --only "{place(mutant)}"')
    if open_ones:
        print("Write a test that tells each from the original, or argue in tests/mutate/survivors.json why none can.")
    stale = set()
    if complete:
        stale = set(reasons) - {m.key for m in survivors}
        for key in sorted(stale):
            print(f"survivors.json argues what is caught or no longer there: {' | '.join(key)}")
    return 1 if open_ones or stale or not verdicts else 0


def _test(verdict: Verdict) -> str:
    if verdict.by.startswith("lossbook"):
        return "doctests"
    return verdict.by.rpartition("::")[2].partition("[")[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1, help="mutants judged at a time (default 1)")
    parser.add_argument("--sample", type=int, metavar="N", help="judge N mutants, chosen at random")
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after S seconds, collection included")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice (default 0)")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help='only where "file:line function operator" holds TEXT'
    )
    parser.add_argument("--list", action="store_true", help="list the mutants and judge none")
    return parser


if __name__ == "__main__":
    sys.exit(main())
