"""Settings of every loss that lie outside what its docstring says: refused, in words that name them."""

from __future__ import annotations

import inspect
import re

import pytest
from samples import draw, settings_of

import lossbook as lb

FUNCTIONS = {name: card for name, card in lb.cards.items() if card.kind != "objective"}
# What a docstring says of a number, and numbers that are not so.
STATED = {
    r"above 0\b": (0.0, -1.0),
    r"at least 0\b|not negative|non-negative": (-1.0,),
    r"in \[0, 1\]|between 0 and 1": (-0.5, 1.5),
    r"in \(0, 1\)": (0.0, 1.0, -0.5, 1.5),
    r"in \[0, 1\)": (-0.5, 1.0),
    r"in \(0, 1\]": (0.0, 1.5),
    r"above 1\b": (1.0, 0.5),
    r"(?<!or )at least 1\b|\b1 or more": (0,),
    r"\b2 or more": (1,),
    r"\bodd$": (2,),
}


def described(function) -> dict[str, str]:
    """What the docstring says of each argument."""
    text = inspect.getdoc(function).partition("\nArgs:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", text, re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in found}


def numbers() -> list:
    found = []
    for name, card in FUNCTIONS.items():
        for argument, words in described(card.function).items():
            default = card.parameters.get(argument)
            if type(default) in (int, float):
                first = re.split(r"[.;:(]\s", words)[0]
                for pattern, wrong in STATED.items():
                    if re.search(pattern, first):
                        found += [pytest.param(name, argument, type(default)(w), id=f"{name}-{argument}={w}")
                                  for w in wrong if type(default)(w) == w]  # fmt: skip
    return found


CHOICES = [
    pytest.param(name, argument, id=f"{name}-{argument}")
    for name, card in FUNCTIONS.items()
    for argument, default in card.parameters.items()
    if isinstance(default, str)
]


@pytest.mark.parametrize(("name", "argument", "wrong"), numbers())
def test_number_outside_of_what_is_documented(name, argument, wrong):
    card = FUNCTIONS[name]
    with pytest.raises(ValueError, match=argument):
        card.function(*draw(card), **settings_of(card, {}) | {argument: wrong})


@pytest.mark.parametrize(("name", "argument"), CHOICES)
def test_unknown_choice(name, argument):
    card = FUNCTIONS[name]
    with pytest.raises(ValueError, match=f"{argument} must be one of"):
        card.function(*draw(card), **settings_of(card, {}) | {argument: "something else"})
