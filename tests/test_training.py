"""The training loop and the metrics."""

import math

import pytest
import torch
from torch import nn

from lossbook import training


def linear_problem(count=64, seed=0):
    """Inputs, targets and the least-squares solution, found without training."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 3, generator=generator)
    targets = inputs @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.3 + 0.1 * torch.randn(count, 1, generator=generator)
    design = torch.cat([inputs, torch.ones(count, 1)], dim=1).double()
    solution = torch.linalg.lstsq(design, targets.double()).solution
    residual = (design @ solution - targets.double()).square().mean()
    return inputs, targets, solution, residual.item()


def mse(outputs, targets):
    return (outputs - targets).square().mean()


def fit(model, inputs, targets, loss=mse, **settings):
    defaults = {"steps": 40, "batch_size": 16, "lr": 0.05, "seed": 0, "progress": False}
    return training.fit(model, loss, inputs, targets, **{**defaults, **settings})


def make_network():
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1))


# --- the loop
# ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_reaches_the_optimum_of_a_convex_problem(schedule):
    inputs, targets, solution, residual = linear_problem()
    model = training.build(lambda: nn.Linear(3, 1), seed=0)
    fit(model, inputs, targets, steps=600, batch_size=64, schedule=schedule)
    found = torch.cat([model.weight.flatten(), model.bias]).detach().double()
    torch.testing.assert_close(found, solution.flatten(), atol=2e-3, rtol=0)
    assert mse(training.predict(model, inputs), targets).item() == pytest.approx(residual, rel=1e-3)


def test_one_step_is_adamws():
    """Without warm-up and with a whole batch, one step equals torch's optimizer, called by hand."""
    inputs, targets, *_ = linear_problem(16)
    model, by_hand = (training.build(lambda: nn.Linear(3, 1), seed=1) for _ in range(2))
    fit(model, inputs, targets, steps=1, warmup=0.0, weight_decay=0.1, schedule="constant")
    optimizer = torch.optim.AdamW(by_hand.parameters(), lr=0.05, weight_decay=0.1)
    mse(by_hand(inputs), targets).backward()
    optimizer.step()
    torch.testing.assert_close(model.weight, by_hand.weight)


def test_same_seed_same_run_and_the_callers_random_numbers_are_left_alone():
    inputs, targets, *_ = linear_problem()

    def run(seed):
        torch.rand(seed + 3)  # whatever was drawn before must not matter
        model = training.build(make_network, seed)
        return fit(model, inputs, targets, seed=seed).losses

    assert run(0) == run(0)
    assert run(0) != run(1)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    fit(training.build(make_network, 0), inputs, targets)
    assert torch.equal(torch.rand(1), expected)


def test_order_of_examples_does_not_depend_on_the_loss():
    """Two losses see the same batches: each example once in a pass, in an order that the seed decides."""
    inputs, targets, *_ = linear_problem(32)
    seen = {}
    for name, factor in (("one", 1.0), ("other", 7.0)):
        batches = seen[name] = []

        def loss(outputs, target, index, batches=batches, factor=factor):
            batches.append(index.tolist())
            return factor * mse(outputs, target)

        fit(
            training.build(make_network, 0),
            inputs,
            (targets, torch.arange(32)),
            loss=loss,
            batch_size=8,
            steps=9,
        )
    assert seen["one"] == seen["other"]
    first_pass, second_pass = (torch.tensor(seen["one"][i : i + 4]).flatten() for i in (0, 4))
    assert first_pass.sort().values.tolist() == second_pass.sort().values.tolist() == list(range(32))
    assert not torch.equal(first_pass, second_pass)


def test_warm_up_and_cosine():
    factor = training._schedule("cosine", 100, 0.1)
    assert [factor(step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert factor(10) == pytest.approx(1.0)
    assert factor(55) == pytest.approx(0.5)
    assert factor(99) < 0.001
    constant = training._schedule("constant", 100, 0.1)
    assert constant(99) == 1.0


def test_gradient_is_clipped(monkeypatch):
    inputs, targets, *_ = linear_problem()
    norms = []
    original = nn.utils.clip_grad_norm_

    def watched(parameters, limit):
        (weight,) = parameters
        before = weight.grad.norm().item()
        original([weight], limit)
        norms.append((before, weight.grad.norm().item()))

    monkeypatch.setattr(nn.utils, "clip_grad_norm_", watched)
    model = training.build(lambda: nn.Linear(3, 1, bias=False), 0)
    fit(model, inputs, targets, steps=3, clip_norm=0.5)
    assert all(before > 0.5 and after == pytest.approx(0.5, rel=1e-4) for before, after in norms)
    assert len(norms) == 3


def test_non_finite_loss_names_the_step():
    inputs, targets, *_ = linear_problem()
    calls = []

    def loss(outputs, target):
        calls.append(1)
        return mse(outputs, target) * (math.nan if len(calls) == 7 else 1.0)

    with pytest.raises(training.NonFiniteLossError, match=r"nan at step 7\b"):
        fit(training.build(make_network, 0), inputs, targets, loss=loss)


def test_evaluations_curve_and_steps_to():
    inputs, targets, *_ = linear_problem()
    modes = []

    def evaluate(model):
        modes.append(model.training)
        return {"quality": float(len(modes))}

    model = training.build(make_network, 0)
    history = fit(model, inputs, targets, steps=25, eval_every=10, evaluate=evaluate, label="run")
    assert history.curve("quality") == ([10, 20, 25], [1.0, 2.0, 3.0])
    assert history.steps_to("quality", 2.0) == 20
    assert history.steps_to("quality", 4.0) is None
    assert history.final == {"step": 25, "quality": 3.0}
    assert len(history.losses) == 25
    assert history.seconds > 0
    assert history.settings["steps"] == 25
    assert modes == [False] * 3
    assert not model.training
    with pytest.raises(ValueError, match="metric: expected one of"):
        history.curve("dice")


def test_augment_sees_inputs_and_targets():
    inputs, targets, *_ = linear_problem()
    model = training.build(lambda: nn.Linear(3, 1), 0)
    fit(model, inputs, targets, steps=400, batch_size=64, augment=lambda x, y: (-x, y))
    opposite = training.build(lambda: nn.Linear(3, 1), 0)
    fit(opposite, -inputs, targets, steps=400, batch_size=64)
    torch.testing.assert_close(model.weight, opposite.weight)


def test_progress_leaves_one_line_on_standard_output(capsys):
    inputs, targets, *_ = linear_problem()
    fit(training.build(make_network, 0), inputs, targets, progress=True, label="Dice")
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    assert captured.out.split("\r")[-1].startswith("Dice: 100%")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 65}, "batch_size: expected 1 to 64"),
        ({"steps": 0}, "steps"),
        ({"schedule": "linear"}, "schedule: expected"),
        ({"eval_every": 5}, "eval_every"),
        ({"amp": "always"}, "amp: expected"),
    ],
)
def test_fit_refuses_wrong_settings(settings, message):
    inputs, targets, *_ = linear_problem()
    with pytest.raises(ValueError, match=message):
        fit(make_network(), inputs, targets, **settings)


def test_fit_refuses_targets_of_another_length():
    inputs, targets, *_ = linear_problem()
    with pytest.raises(ValueError, match="targets: expected 64 entries"):
        fit(make_network(), inputs, targets[:-1])


def test_predict_is_in_evaluation_mode_and_restores_the_mode():
    inputs, *_ = linear_problem()
    model = training.build(make_network, 0).train()
    outputs = training.predict(model, inputs, batch_size=10)
    assert model.training
    assert not outputs.requires_grad
    torch.testing.assert_close(outputs, model.eval()(inputs).detach())


# --- metrics
# -------------------------------------------------------------------------------------------------------


def test_metrics_of_a_worked_example():
    """Eight pixels, three classes; every number was worked out on paper."""
    target = torch.tensor([[[0, 0, 0, 0], [1, 1, 2, 2]]])
    predicted = torch.tensor([[[0, 0, 0, 1], [1, 1, 2, 1]]])
    logits = 20.0 * nn.functional.one_hot(predicted, 3).movedim(-1, 1).float()
    result = training.evaluate_segmentation(logits, target, class_names=("background", "a", "b"))
    assert result["dice/a"] == pytest.approx(2 * 2 / (4 + 2))
    assert result["dice/b"] == pytest.approx(2 * 1 / (1 + 2))
    assert result["dice"] == pytest.approx(2 / 3)
    assert result["iou/a"] == pytest.approx(2 / 4)
    assert result["iou"] == pytest.approx(1 / 2)
    assert result["precision/a"] == pytest.approx(2 / 4)
    assert result["recall/a"] == pytest.approx(1.0)
    assert result["recall"] == pytest.approx(0.75)
    assert result["precision"] == pytest.approx(0.75)
    assert result["recall/background"] == pytest.approx(0.75)
    assert result["accuracy"] == pytest.approx(6 / 8)
    assert result["ece"] == pytest.approx(2 / 8, abs=1e-6)  # certain of all, wrong on 2 of 8
    assert result["nll"] == pytest.approx(2 / 8 * 20, abs=1e-4)
    assert all(isinstance(value, float) for value in result.values())


@pytest.mark.parametrize("ignore_index", [None, 3])
def test_metrics_agree_with_torchmetrics_own(ignore_index):
    from torchmetrics.functional import classification as peer

    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 4, 9, 7, generator=generator)
    target = torch.randint(0, 4, (4, 9, 7), generator=generator)
    result = training.evaluate_segmentation(logits, target, ignore_index=ignore_index)
    settings = {"num_classes": 4, "average": None, "ignore_index": ignore_index}
    peers = {
        "dice": peer.multiclass_f1_score(logits, target, **settings),
        "iou": peer.multiclass_jaccard_index(logits, target, **settings),
        "recall": peer.multiclass_recall(logits, target, **settings),
        "precision": peer.multiclass_precision(logits, target, **settings),
    }
    for metric, expected in peers.items():
        for index in range(3):
            assert result[f"{metric}/{index}"] == pytest.approx(expected[index].item(), abs=1e-6), metric
    counted = {"num_classes": 4, "average": "micro", "ignore_index": ignore_index}
    assert result["accuracy"] == pytest.approx(peer.multiclass_accuracy(logits, target, **counted).item())


def test_binary_metrics_agree_with_torchmetrics_own():
    from torchmetrics.functional import classification as peer

    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(3, 1, 8, 8, generator=generator)
    target = (torch.rand(3, 8, 8, generator=generator) < 0.2).float()
    result = training.evaluate_segmentation(logits, target)
    flat = logits[:, 0].sigmoid()
    assert result["dice"] == pytest.approx(peer.binary_f1_score(flat, target.long()).item(), abs=1e-6)
    assert result["recall"] == pytest.approx(peer.binary_recall(flat, target.long()).item(), abs=1e-6)
    expected = nn.functional.binary_cross_entropy_with_logits(logits[:, 0], target).item()
    assert result["nll"] == pytest.approx(expected, abs=1e-6)
    assert training.evaluate_segmentation(logits[:, 0], target) == result


def test_class_that_is_never_predicted_counts_as_nothing_found():
    target = torch.tensor([[0, 1, 2]])
    logits = torch.tensor([[[9.0, 9.0, 9.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    result = training.evaluate_segmentation(logits, target, calibration=False)
    assert result["dice"] == result["recall"] == result["precision"] == 0.0
    assert math.isnan(result["precision/1"])
    assert math.isnan(result["dice/3"])
    assert "ece" not in result


def test_metrics_refuse_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="target: expected the shape of logits"):
        training.evaluate_segmentation(torch.zeros(2, 3, 4, 4), torch.zeros(2, 4, 5, dtype=torch.long))
    with pytest.raises(ValueError, match="class_names: expected 3 names"):
        training.evaluate_segmentation(
            torch.zeros(2, 3, 4, 4), torch.zeros(2, 4, 4, dtype=torch.long), class_names=("a", "b")
        )
