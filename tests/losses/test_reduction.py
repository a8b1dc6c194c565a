"""What all losses share: the dtype that they compute in, and the rule of reduction."""

import pytest
import torch

from lossbook.losses._reduction import reduce, together

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
