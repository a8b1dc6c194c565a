"""Miniatures of forecasters: shapes, what may see what, and identities."""

import pytest
import torch

import lossbook as lb
from lossbook import models

FORECASTERS = {
    "linear": lambda: models.LinearForecaster(48, 12, 3),
    "nbeats": lambda: models.NBeats(48, 12, 3, width=16),
    "gru": lambda: models.GRUForecaster(12, 3, patch=6, width=16),
    "scinet": lambda: models.SCIForecaster(48, 12, 3, levels=3, width=4),
    "transformer": lambda: models.PatchTransformer(48, 12, 3, patch=6, width=16),
}


def test_seasonal_naive_forecast():
    past = torch.arange(10.0).unsqueeze(0)
    assert models.seasonal_naive(past, horizon=5, season=3).tolist() == [[7, 8, 9, 7, 8]]
    with pytest.raises(ValueError, match="season"):
        models.seasonal_naive(past, horizon=1, season=11)


@pytest.mark.parametrize("name", FORECASTERS)
def test_shapes_and_gradients(name):
    model = lb.training.build(FORECASTERS[name], 0)
    output = model(torch.randn(5, 48))
    assert output.shape == (5, 12, 3)
    output.square().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        last = name == "nbeats" and parameter_name.startswith("blocks.1.4")  # its last backcast is not used
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all()
        assert last or parameter.grad.abs().sum() > 0, parameter_name


@pytest.mark.parametrize("name", FORECASTERS)
def test_series_do_not_see_each_other(name):
    model = lb.training.build(FORECASTERS[name], 0).eval()
    past = torch.randn(4, 48)
    assert torch.allclose(model(past)[2], model(past[2:3])[0], atol=1e-5)


@pytest.mark.parametrize("name", FORECASTERS)
def test_one_batch_can_be_learned(name):
    model = lb.training.build(FORECASTERS[name], 0)
    past, future = torch.randn(8, 48), torch.randn(8, 12, 3)
    settings = {"steps": 60, "batch_size": 8, "lr": 1e-2, "seed": 0, "progress": False}
    losses = lb.training.fit(model, lb.mse_loss, past, future, **settings).losses
    assert losses[-1] < 0.7 * losses[0]


def test_nbeats_parts_add_up():
    model = lb.training.build(lambda: models.NBeats(48, 12, 2, width=16, blocks=3), 0)
    past = torch.randn(5, 48)
    backcasts, forecasts, rest = model.decompose(past)
    assert len(backcasts) == len(forecasts) == 3
    assert torch.allclose(sum(backcasts) + rest, past, atol=1e-5)
    assert torch.allclose(sum(forecasts), model(past), atol=1e-5)
    first = model.blocks[0](past)[:, :48]
    assert torch.allclose(model.blocks[1](past - first)[:, :48], backcasts[1], atol=1e-5)


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_states_do_not_see_later_patches(name):
    model = lb.training.build(FORECASTERS[name], 0).eval()
    past = torch.randn(2, 48)
    changed = past.clone()
    changed[:, 24:] += 5
    before, after = model.states(past), model.states(changed)
    assert torch.allclose(before[:, :4], after[:, :4], atol=1e-6)
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_sci_block_without_interaction_parts_even_from_odd():
    block = models.SCIBlock(2)
    for parameter in block.parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.randn(3, 2, 10)
    even, odd = block(x)
    assert torch.equal(even, x[..., ::2])
    assert torch.equal(odd, x[..., 1::2])


def test_sci_tree_puts_the_steps_back_in_order():
    model = models.SCIForecaster(48, 12, levels=3)
    for parameter in model.tree.parameters():
        torch.nn.init.zeros_(parameter)
    past = torch.randn(3, 48)
    assert torch.allclose(model(past), model.head(2 * past), atol=1e-6)


def deepar(head):
    return lb.training.build(lambda: models.DeepAR(2, context=6, head=head, width=8), 0)


@pytest.mark.parametrize("head", models.DeepAR.HEADS)
def test_deepar_does_not_look_ahead(head):
    model = deepar(head)
    inputs = torch.randint(0, 30, (3, 10, 3)).float()
    changed = inputs.clone()
    changed[:, 8:, 0] += 50  # values of the last two steps
    before, after = model(inputs), model(changed)
    assert before.shape == (3, 4, models.DeepAR.HEADS[head])
    assert torch.allclose(before[:, :3], after[:, :3])  # the step after the first change is the first that sees it
    assert not torch.allclose(before[:, 3:], after[:, 3:])


@pytest.mark.parametrize("head", models.DeepAR.HEADS)
def test_deepar_draws_without_the_future(head):
    model = deepar(head)
    inputs = torch.randint(0, 30, (3, 10, 3)).float()
    changed = inputs.clone()
    changed[:, 6:, 0] = 1e4
    drawn = model.sample(inputs, paths=5, seed=1)
    assert drawn.shape == (3, 4, 5)
    assert torch.equal(drawn, model.sample(changed, paths=5, seed=1))
    assert not torch.equal(drawn, model.sample(inputs, paths=5, seed=2))


@pytest.mark.parametrize("head", models.DeepAR.HEADS)
def test_deepar_draws_from_what_it_predicts(head):
    model = deepar(head)
    inputs = torch.randint(0, 30, (1, 7, 3)).float()
    drawn = model.sample(inputs, paths=20_000, seed=0)[0, 0]
    expected = model.distribution(model(inputs)[0, 0])
    assert drawn.mean().item() == pytest.approx(expected.mean.item(), rel=0.1, abs=0.5)
    if head == "negative_binomial":
        mean, dispersion = model(inputs)[0, 0]
        assert expected.variance.item() == pytest.approx((mean + dispersion * mean**2).item(), rel=1e-3)
        assert (drawn >= 0).all()
        assert torch.equal(drawn, drawn.round())


def test_deepar_refuses_an_unknown_head():
    with pytest.raises(ValueError, match="head"):
        models.DeepAR(2, context=6, head="poisson")


def test_classifier():
    model = lb.training.build(lambda: models.SeriesClassifier(6, 12), 0)
    logits = model(torch.randn(5, 6, 64))
    assert logits.shape == (5, 12)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
