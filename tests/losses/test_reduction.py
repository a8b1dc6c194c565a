"""What all losses share: the dtype that they compute in, and the rule of reduction."""

import pytest
import torch

from lossbook.losses._reduction import narrow, reduce, together
from lossbook.losses._slope import root

F16, F32, F64, BF16 = torch.float16, torch.float32, torch.float64, torch.bfloat16


@pytest.mark.parametrize(
    ("given", "wanted"),
    [((F32,), F32), ((F16,), F32), ((F32, F64), F64), ((F64, F32), F64), ((BF16, F16), F32), ((F32, F32, F64), F64)],
)
def test_several_tensors_get_the_widest_dtype(given, wanted):
    assert [t.dtype for t in together(*(torch.ones(2, dtype=dtype) for dtype in given))] == [wanted] * len(given)


def test_rule_of_reduction():
    values, weights = torch.tensor([1.0, 0.0, 6.0]), torch.tensor([0.5, 0.0, 3.0])
    assert reduce(values, "none", weights).tolist() == values.tolist()
    assert reduce(values, "sum", weights) == 7
    assert reduce(values, "mean", weights) == 2
    assert reduce(values, "mean") == 7 / 3
    assert reduce(0 * values, "mean", 0 * weights) == 0
    assert reduce(values, "mean", dtype=F64).dtype == F64


@pytest.mark.parametrize(("wanted", "inside"), [(F16, F32), (BF16, F32), (F32, F32), (F64, F64)])
def test_half_precision_stays_wide_under_autocast(wanted, inside):
    values = torch.ones(2, dtype=F32)
    assert narrow(values, wanted).dtype == wanted
    with torch.autocast("cpu", BF16):
        assert narrow(values, wanted).dtype == inside
    assert narrow(torch.ones(2, device="meta"), wanted).dtype == wanted


def test_root_has_no_slope_at_zero_and_keeps_nan():
    squares = torch.tensor([4.0, 0.0, 1e-3, float("nan")], dtype=F64, requires_grad=True)
    roots = root(squares)
    (slopes,) = torch.autograd.grad(roots[:3].sum(), squares)
    assert torch.allclose(roots[:3], torch.tensor([2.0, 0.0, 1e-3**0.5], dtype=F64)) and roots[3].isnan()
    assert torch.allclose(slopes[:3], torch.tensor([0.25, 0.0, 0.5 * 1e-3**-0.5], dtype=F64))
    floored = root(squares, 1e-3)  # what equals the floor counts as zero, too
    assert floored[:3].tolist() == [2.0, 0.0, 0.0]
    assert torch.autograd.grad(floored[:3].sum(), squares)[0][2] == 0
