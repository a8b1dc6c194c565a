"""Any legal input, however odd its shape or size: the loss and its gradient are finite, and of the right dtype."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import draw, kinds, settings_of

import lossbook as lb
from lossbook import calculus

CASES = [
    pytest.param(card, case, id=f"{name}-{'-'.join(f'{k}={v}' for k, v in case.items()) or 'defaults'}")
    for name, card in lb.cards.items()
    if card.kind != "objective"
    for case in ({}, *card.cases)
]


@pytest.mark.parametrize(("card", "case"), CASES)
def test_loss_and_gradient_are_finite(card, case):
    # A function of its own for each case: the plugin of Hypothesis for pytest hangs the settings of a function that is
    # called with many parameters one behind the other, and after some 950 of them they are nested too deeply.
    @settings(max_examples=12, deadline=None, derandomize=True)
    @given(
        batch=st.integers(0, 3),
        size=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple),
        scale=st.sampled_from([0.0, 1e-6, 1.0, 30.0, 1e4]),
        dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
        seed=st.integers(0, 2**16),
    )
    def holds(batch, size, scale, dtype, seed):
        first, *others = draw(card, case, batch=batch, size=size, scale=scale, seed=seed)
        first = (first.clamp(-3e4, 3e4) if kinds(card)[0].everywhere else first).to(dtype)
        options = settings_of(card, case, torch.float64 if dtype == torch.float64 else torch.float32)
        value = card.function(first, *others, **options)
        assert value.dtype == dtype
        assert value.isfinite()
        assert calculus.autograd(card.function, first, *others, **options).isfinite().all()

    holds()
