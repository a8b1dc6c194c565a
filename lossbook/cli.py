"""The ``lossbook`` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["bench"]:  # has options of its own
        from .measure.bench import main as bench

        return bench(arguments[1:]) or 0
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except BrokenPipeError:  # whoever read along, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lossbook", description="Loss functions, and the book that explains them.")
    parser.add_argument("--version", action="version", version=f"lossbook {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    losses = commands.add_parser("losses", help="list all losses")
    losses.set_defaults(run=_list_losses)

    show = commands.add_parser("show", help="what the catalogue knows of a loss")
    show.add_argument("name", metavar="NAME", help="for example dice_loss, DiceLoss or Dice")
    show.set_defaults(run=_show_loss)

    run = commands.add_parser(
        "run",
        help="execute chapters",
        description="Execute chapters. The full profile with seed 0 saves the notebook in place and its "
        "results in book/results; any other run leaves both alone and writes to .scratch.",
    )
    run.add_argument("chapters", metavar="CHAPTER", nargs="*", help="number or name")
    run.add_argument("--all", action="store_true", help="all chapters")
    run.add_argument("--profile", choices=("fast", "full"), default="full")
    run.add_argument("--seed", type=_seed, default=0, help="first seed (default 0)")
    run.add_argument("--timeout", type=int, default=7200, help="seconds that a cell may take (default 7200)")
    run.set_defaults(run=_run_chapters)

    commands.add_parser("bench", help="time the losses beside their peers (lossbook bench --help)")
    return parser


def _seed(text: str) -> int:
    seed = int(text)
    if seed < 0:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text}")
    return seed


def _list_losses(_: argparse.Namespace) -> int:
    from .catalogue import cards

    width = max(map(len, cards))
    for family in dict.fromkeys(card.family for card in cards.values()):
        print(family)
        for name, card in cards.items():
            if card.family == family:
                print(f"  {name:{width}}  {card.purpose}")
    return 0


def _show_loss(options: argparse.Namespace) -> int:
    from .catalogue import did_you_mean, find, suggestions

    card = find(options.name)
    if card is None:
        hint = did_you_mean(suggestions(options.name)) or "; `lossbook losses` lists them"
        print(f"lossbook: no loss is named {options.name!r}{hint}", file=sys.stderr)
        return 2
    settings = ", ".join(f"{name}={default!r}" for name, default in card.parameters.items())
    facts = {
        "purpose": card.purpose,
        "also called": ", ".join(card.names),
        "family": card.family,
        "chapter": card.chapter,
        "tasks": ", ".join(card.tasks),
        "module": card.module.__name__,
        "tensors": "; ".join(f"{name}: {what}" for name, what in card.domain.items()),
        "settings": settings,
        "range": f"{card.range[0]:g} to {card.range[1]:g}",
        "formula": card.formula,
        "gradient": card.gradient_formula if card.gradient else "",
        "reference": card.reference,
    }
    print(card.name)
    for name, fact in facts.items():
        if fact != "":
            print(f"  {name}: {str(fact).replace(os.linesep, os.linesep + '    ')}")
    for name, answer in card.properties.items():
        print(f"  {name.replace('_', ' ')}: {answer.word}" + (f" ({answer.why})" if answer.why else ""))
    return 0


def _run_chapters(options: argparse.Namespace) -> int:
    from .runner import ChapterError, find_chapters, find_checkout, run_chapter

    if bool(options.chapters) is options.all:
        print("lossbook: name chapters, or say --all", file=sys.stderr)
        return 2
    try:
        checkout = find_checkout(Path.cwd())
        chapters = find_chapters(checkout, options.chapters)
    except ChapterError as error:
        print(f"lossbook: {error}", file=sys.stderr)
        return 2
    failed = []
    for path in chapters:
        print(f"{path.stem}: {options.profile} profile, seed {options.seed}", flush=True)
        try:
            saved = run_chapter(
                path, profile=options.profile, seed=options.seed, checkout=checkout, timeout=options.timeout
            )
        except ChapterError as error:
            failed.append(path.stem)
            print(f"lossbook: {path.stem}: {error}", file=sys.stderr)
        else:
            print(f"  saved as {saved.relative_to(checkout)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
