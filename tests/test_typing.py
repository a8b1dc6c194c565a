"""Type checkers see the settings of a derived module, as if its class had been written by hand."""

import ast
import re
import textwrap
from pathlib import Path

import pytest
from mypy import api

import lossbook as lb

ROOT = Path(__file__).resolve().parents[1]

PROGRAM = """
import torch
import lossbook as lb
from lossbook.losses.segmentation import DiceLoss

right: torch.Tensor = DiceLoss(task="binary", smooth=(0.0, 1e-8))(torch.zeros(1, 2), torch.zeros(1, 2))
flat: torch.Tensor = lb.FocalLoss(gamma=2.0)(torch.zeros(1, 2), torch.zeros(1))
lb.DiceLoss(taks="binary")
lb.FocalLoss(gamma="2")
lb.dice_loss(torch.zeros(1, 2))
lb.WeightedCrossEntropyLoss(weight=torch.ones(2))
"""


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("typing")
    program = folder / "program.py"
    program.write_text(PROGRAM)
    options = ["--follow-imports=silent", "--ignore-missing-imports", f"--cache-dir={folder / 'cache'}"]
    output, crash, _ = api.run([*options, str(program)])
    assert not crash, crash
    return {int(line): text for line, text in re.findall(r"program\.py:(\d+): error: (.*)", output)}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ('lb.DiceLoss(taks="binary")', 'Unexpected keyword argument "taks"'),
        ('lb.FocalLoss(gamma="2")', 'Argument "gamma" .* incompatible type "str"'),
        ("lb.dice_loss(torch.zeros(1, 2))", 'Missing positional argument "target"'),
        ("lb.WeightedCrossEntropyLoss(weight=torch.ones(2))", 'Unexpected keyword argument "weight"'),
    ],
)
def test_wrong_calls_are_errors(errors, call, error):
    line = PROGRAM.splitlines().index(call) + 1
    assert re.search(error, errors[line])


def test_right_calls_are_not(errors):
    right = [number for number, line in enumerate(PROGRAM.splitlines(), start=1) if "right" in line or "flat" in line]
    assert not set(right) & set(errors), textwrap.shorten(str(errors), 400)


def test_every_family_is_written_out_where_a_program_cannot_gather_it():
    """Type checkers want imports written out (mypy does not follow one star to the next); the atlas has titles."""
    files = Path(lb.losses.__file__).parent.glob("[a-z]*.py")
    families = sorted(lb.losses.FAMILIES)
    assert families == sorted(path.stem for path in files)
    for module, package in ((lb, ".losses"), (lb.losses, ".")):
        lines = [ast.unparse(node) for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8")))]
        assert f"from {package} import {', '.join(families)}" in lines
        for family in families:
            assert f"from {package.rstrip('.')}.{family} import *" in lines and f"__all__ += {family}.__all__" in lines
    atlas = ast.parse((ROOT / "book/_ext/bookpages/atlas.py").read_text(encoding="utf-8"))
    titles = [ast.literal_eval(n.value) for n in atlas.body if ast.unparse(n).startswith("FAMILIES = ")]
    assert [sorted(names) for names in titles] == [families]
