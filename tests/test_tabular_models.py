"""Networks for tables: sparsemax is a projection, masks choose columns, missing values are seen; folds and judges."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import brentq, minimize

from lossbook.claims import measure, widen_for_folds
from lossbook.data import encode_table
from lossbook.experiment import Chapter
from lossbook.measure import binary_quality, greedy_ensemble, mix_logits, regression_quality
from lossbook.models import MixedInputs, TabNet, TabularMLP, sparsemax
from lossbook.training import fit_linear

TABLE = torch.tensor([[0.5, float("nan"), 3.0, 0.0], [-1.0, 2.0, 1.0, 4.0], [0.0, 0.3, 0.0, 8.0]])
CATEGORIES = [5, 9]


def projection(scores):
    """The nearest point of the simplex: the threshold by root finding, one row at a time."""
    rows = []
    for z in scores:
        tau = brentq(lambda t: np.maximum(z - t, 0).sum() - 1, z.min() - 1, z.max(), xtol=1e-14)  # noqa: B023
        rows.append(np.maximum(z - tau, 0))
    return np.array(rows)


@pytest.mark.parametrize("spread", [0.01, 1.0, 10.0])
def test_sparsemax_is_the_projection_on_the_simplex(spread):
    scores = spread * torch.randn(50, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert np.allclose(sparsemax(scores), projection(scores.numpy()), atol=1e-12)


def test_sparsemax_solves_its_quadratic_program():
    z = np.array([0.9, 0.1, 0.6, -2.0])
    equality = {"type": "eq", "fun": lambda p: p.sum() - 1}
    best = minimize(
        lambda p: ((p - z) ** 2).sum(), np.full(4, 0.25), bounds=[(0, 1)] * 4, constraints=equality, tol=1e-12
    )
    assert np.allclose(sparsemax(torch.tensor(z)), best.x, atol=1e-6)


def test_sparsemax_along_any_dimension_and_its_invariances():
    scores = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    middle = sparsemax(scores, dim=1)
    assert torch.allclose(middle.sum(1), torch.ones(3, 5, dtype=torch.float64))
    assert torch.allclose(middle.transpose(1, 2), sparsemax(scores.transpose(1, 2)))
    assert torch.allclose(sparsemax(scores + 100), sparsemax(scores))
    assert torch.equal(sparsemax(torch.zeros(2, 4)), torch.full((2, 4), 0.25))
    assert (sparsemax(10 * scores) == 0).any()
    with pytest.raises(TypeError, match="scores must be a floating-point tensor"):
        sparsemax(torch.tensor([1, 2]))


def test_gradient_of_sparsemax():
    scores = torch.randn(6, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(sparsemax, scores)
    jacobian = torch.autograd.functional.jacobian(sparsemax, scores[0].detach())
    support = (sparsemax(scores[0].detach()) > 0).double()  # on the support the mean is taken off, nothing elsewhere
    assert torch.allclose(jacobian, torch.diag(support) - torch.outer(support, support) / support.sum())


def test_missing_values_are_seen_and_learned():
    inputs = MixedInputs(2, CATEGORIES)
    out = inputs(TABLE)
    assert out.shape == (3, sum(inputs.widths)) == (3, 12)
    assert out.isfinite().all()
    assert out[0, :4].tolist() == [0.5, 0.0, 0.0, 1.0]  # value, indicator; stand-in, indicator
    out.sum().backward()
    assert inputs.stand_in.grad.tolist() == [0.0, 1.0]
    assert all(table.weight.grad.abs().sum() > 0 for table in inputs.embeddings)


def test_one_hot_inputs():
    inputs = MixedInputs(2, CATEGORIES, one_hot=True)
    out = inputs(TABLE)
    assert out.shape == (3, 18)
    assert out[:, 4:].sum(1).tolist() == [2.0, 2.0, 2.0]
    assert out[1, 4:9].tolist() == [0.0, 1.0, 0.0, 0.0, 0.0]


def test_a_linear_model_is_linear():
    model = TabularMLP(3, [], hidden=()).double()
    table = torch.randn(4, 3, dtype=torch.float64)
    weight, bias = model.head.weight[0, ::2], model.head.bias
    assert torch.allclose(model(table)[:, 0], table @ weight + bias)


def test_masks_choose_columns():
    torch.manual_seed(0)
    model = TabNet(2, CATEGORIES, 3, steps=4).double().eval()
    table = TABLE.double()
    masks = model.masks(table)
    assert model(table).shape == (3, 3)
    assert masks.shape == (3, 4, 4)
    assert (masks >= 0).all()
    assert torch.allclose(masks.sum(-1), torch.ones(3, 4, dtype=torch.float64))


def test_what_is_masked_at_every_step_does_not_matter():
    torch.manual_seed(3)
    model = TabNet(4, [], steps=1).double().eval()
    for parameter in (model.first.norm.weight, model.first.second[1].weight):
        torch.nn.init.zeros_(parameter)  # the choice no longer depends on the row
    model.choices[0][1].bias.data = torch.tensor([5.0, 4.8, 0.0, 0.0], dtype=torch.float64)
    table = torch.randn(5, 4, dtype=torch.float64)
    changed = table.clone()
    changed[:, 2:] += 7
    assert (model.masks(table)[:, 0, 2:] == 0).all()
    assert torch.equal(model(table), model(changed))
    assert not torch.equal(model(table), model(table + 7))


def test_gradient_of_tabnet():
    torch.manual_seed(1)
    model = TabNet(3, [], steps=2, width=4).double().eval()
    table = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model, table)


@pytest.mark.parametrize("make", [TabNet, TabularMLP])
def test_models_copy_pickle_and_name_what_is_wrong(make):
    model = make(2, CATEGORIES).eval()
    assert torch.equal(copy.deepcopy(model)(TABLE), model(TABLE))
    assert torch.equal(pickle.loads(pickle.dumps(model))(TABLE), model(TABLE))
    with pytest.raises(ValueError, match=r"table must have shape \(N, 4\), got \(2, 3\)"):
        model(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="columns with at least one code"):
        make(0, [])


def test_settings_of_tabnet():
    with pytest.raises(ValueError, match="steps and relaxation"):
        TabNet(2, [], steps=0)


# --- folds, encoding, linear models, judges ---------------------------------------------------------------------------


def test_corrected_interval():
    values, ratio = [0.1, 0.4, 0.2, 0.3, 0.5], 0.25
    plain, wide = measure(values), measure(widen_for_folds(values, ratio=ratio))
    assert wide.mean == pytest.approx(plain.mean)
    by_formula = 2.7764451052 * np.sqrt((1 / 5 + ratio) * np.var(values, ddof=1))
    assert wide.high - wide.mean == pytest.approx(by_formula)
    with pytest.raises(ValueError, match="ratio"):
        widen_for_folds(values, ratio=0)


def test_table_of_folds_shows_corrected_intervals_and_records_what_was_measured(monkeypatch):
    shown = {}
    monkeypatch.setattr("lossbook.plots.results_table", lambda rows, _, **rest: shown.update(rest, rows=rows))
    chapter = Chapter("15_tabular", profile="full")
    runs = [{"rmse": float(k), "steps": float("nan") if k == 2 else 10.0} for k in range(1, 6)]
    heads = {"rmse": "↓ RMSE", "steps": "steps"}
    chapter.table("bikes", {"mse_loss": runs}, heads, baseline="mse_loss", caption="Bikes.", fold_ratio=0.25)
    assert shown["rows"]["mse_loss"]["rmse"] == pytest.approx([0.0, 1.5, 3.0, 4.5, 6.0])
    assert np.isnan(shown["rows"]["mse_loss"]["steps"][1])
    assert "folds that overlap" in shown["caption"]
    assert [run["rmse"] for run in chapter.results()["metrics"]["bikes/mse_loss"]] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_encoding_uses_training_rows_alone():
    ages, jobs = [20.0, 40.0, None, 50.0, None], ["cook", "judge", None, "pilot", "judge"]
    rows = pd.DataFrame({"age": ages, "same": [3.0, 3.0, 3.0, 3.0, 4.0], "job": jobs, "hour": [7, 9, 7, 9, 8]})
    train = np.array([True, True, True, False, False])
    inputs, categories = encode_table(rows, ["age", "same"], ["job", "hour"], train=train)
    assert categories == [3, 3]
    expected = [[-1, 0, 1, 1], [1, 0, 2, 2], [np.nan, 0, 0, 1], [2, 0, 0, 2], [np.nan, 1, 2, 0]]
    assert torch.equal(inputs.nan_to_num(-99.0), torch.tensor(expected).nan_to_num(-99.0))
    assert encode_table(rows, ["age"], [])[1] == []


def test_linear_model_at_its_minimum():
    generator = torch.Generator().manual_seed(5)
    inputs, target = torch.randn(80, 3, generator=generator), torch.randn(80, generator=generator)
    model = fit_linear(lambda z, y: ((z[:, 0] - y) ** 2).mean(), inputs, target)
    design = torch.cat([inputs, torch.ones(80, 1)], 1).double()
    exact = torch.linalg.lstsq(design, target.double().unsqueeze(1)).solution[:, 0]
    assert torch.allclose(torch.cat([model.weight[0], model.bias]), exact, atol=1e-7)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_linear_model_with_several_outputs_leaves_the_generator_alone():
    before = torch.get_rng_state()
    inputs = torch.randn(60, 2, generator=torch.Generator().manual_seed(6))
    model = fit_linear(
        lambda z, y: ((z - y[:, None] * torch.tensor([1.0, 2.0])) ** 2).mean(), inputs, inputs[:, 1], outputs=2
    )
    assert torch.allclose(model.weight, torch.tensor([[0.0, 1.0], [0.0, 2.0]], dtype=torch.float64), atol=1e-7)
    assert torch.equal(before, torch.get_rng_state())


def test_judges():
    numbers = regression_quality(torch.tensor([2.0, 4.0]), torch.tensor([1.0, 4.0]))
    assert numbers["rmse"] == pytest.approx(0.5**0.5)
    assert numbers["mae"] == numbers["bias"] == 0.5
    assert numbers["below"] == 1.0
    assert numbers["pinball"] == pytest.approx(0.05)
    logits = binary_quality(torch.tensor([2.0, -1.0, 0.5, -3.0]), torch.tensor([1.0, 0.0, 0.0, 0.0]))
    assert logits["auc"] == logits["ap"] == logits["recall"] == 1.0
    assert logits["accuracy"] == 0.75
    assert logits["balanced"] == pytest.approx(5 / 6)
    assert logits["log loss"] == pytest.approx(np.mean(np.log1p(np.exp([-2.0, -1.0, 0.5, -3.0]))))


def test_ensemble_mixes_probabilities_and_takes_what_helps():
    target = (torch.rand(400, generator=torch.Generator().manual_seed(2)) < 0.5).double()
    noise = torch.randn(3, 400, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    logits = torch.stack([3 * (target - 0.5) + noise[0], 3 * (target - 0.5) + noise[1], 3 * noise[2]])
    shares = greedy_ensemble(logits, target, rounds=20)
    assert shares.sum() == pytest.approx(1.0)
    assert min(shares[0], shares[1]) > 0.2
    assert shares[2] < 0.1
    assert torch.allclose(mix_logits(shares, logits).sigmoid(), shares @ logits.sigmoid())
    assert torch.isfinite(mix_logits(torch.ones(1).double(), torch.tensor([[200.0, -200.0]]).double())).all()
