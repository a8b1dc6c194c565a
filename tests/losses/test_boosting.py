"""Impurities against decision trees, and objectives against closed forms and against the libraries' own."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
from typing import Any

import lightgbm
import numpy as np
import pytest
import torch
import xgboost
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.tree import DecisionTreeClassifier

import lossbook as lb
from lossbook.calculus import autograd

Array = NDArray[Any]


# --- impurities -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", ["gini_impurity_loss", "entropy_impurity_loss"])
def test_definition(name, reduction):
    counts = np.random.default_rng(0).integers(0, 5, (3, 4, 5)).astype(float)
    counts[1, 2] = 0  # an empty node
    values, sizes = np.zeros((3, 4)), counts.sum(-1)
    for place in np.ndindex(3, 4):
        n = sizes[place]
        shares = [c / n for c in counts[place] if c > 0]
        impurity = 1 - sum(p * p for p in shares) if name.startswith("gini") else -sum(p * math.log(p) for p in shares)
        values[place] = n * impurity if n else 0.0
    expected = {"none": values, "sum": values.sum(), "mean": values.sum() / sizes.sum()}[reduction]
    found = getattr(lb, name)(torch.from_numpy(counts), reduction=reduction)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("criterion", "settings"), [("gini", {}), ("entropy", {"base": 2.0}), ("log_loss", {"base": 2.0})]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_impurities_are_those_of_scikit_learn(criterion, settings, weighted):
    """Of every node of a tree grown on real data, with and without weights of the examples."""
    data = load_wine()
    weights = np.random.default_rng(0).uniform(0.2, 2, len(data.target)) if weighted else None
    grown = DecisionTreeClassifier(criterion=criterion, random_state=0).fit(data.data, data.target, weights)
    tree = grown.tree_
    assert tree.node_count > 10
    counts = torch.from_numpy(tree.value[:, 0] * tree.weighted_n_node_samples[:, None])
    loss = lb.gini_impurity_loss if criterion == "gini" else lb.entropy_impurity_loss
    sizes = torch.from_numpy(tree.weighted_n_node_samples)
    found = loss(counts, reduction="none", **settings) / sizes
    np.testing.assert_allclose(found.numpy(), tree.impurity, atol=1e-12)


@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_the_split_with_the_least_impurity_is_the_tree_s(criterion):
    data = load_wine()
    loss = lb.gini_impurity_loss if criterion == "gini" else lb.entropy_impurity_loss
    target = torch.from_numpy(data.target).long()
    best = (math.inf, -1, 0.0)
    for feature in range(data.data.shape[1]):
        values = np.unique(data.data[:, feature])
        for threshold in (values[1:] + values[:-1]) / 2:
            left = torch.from_numpy(data.data[:, feature] <= threshold).double()
            counts = lb.split_counts(torch.stack([left, 1 - left], 1), target, 3)
            best = min(best, (loss(counts).item(), feature, threshold))
    stump = DecisionTreeClassifier(criterion=criterion, max_depth=1, random_state=0).fit(data.data, data.target).tree_
    assert (best[1], best[2]) == (stump.feature[0], pytest.approx(stump.threshold[0], rel=1e-6))


def test_a_soft_split_learns_where_to_cut():
    """Counts of fractions have a gradient, so the threshold of a logistic gate can be learned."""
    generator = torch.Generator().manual_seed(0)
    x = torch.cat([torch.randn(200, generator=generator) - 2, torch.randn(200, generator=generator) + 2])
    y = torch.cat([torch.zeros(200), torch.ones(200)]).long()
    threshold = torch.tensor(-3.0, requires_grad=True)
    optimizer = torch.optim.Adam([threshold], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        right = torch.sigmoid(4 * (x - threshold))
        lb.gini_impurity_loss(lb.split_counts(torch.stack([1 - right, right], 1), y, 2)).backward()
        optimizer.step()
    assert threshold.item() == pytest.approx(0.0, abs=0.4)


def test_split_counts():
    routing = torch.tensor([[1.0, 0.0], [0.25, 0.75], [0.0, 1.0]], dtype=torch.float64)
    counts = lb.split_counts(routing, torch.tensor([2, 0, 2]), 3, sample_weight=torch.tensor([1.0, 2.0, 3.0]))
    assert counts.tolist() == [[0.5, 0.0, 1.0], [1.5, 0.0, 3.0]]
    assert counts.dtype == torch.float64 and lb.split_counts(routing.half(), torch.tensor([0, 1, 1]), 2).dtype == (
        torch.float16
    )


def test_probabilities_are_nodes_of_size_one():
    p = torch.tensor([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    assert lb.gini_impurity_loss(p, reduction="none").tolist() == pytest.approx([1 - 0.54, 0.0], abs=1e-6)
    assert lb.entropy_impurity_loss(p, reduction="none")[1] == 0
    uniform = torch.full((4,), 0.25)
    assert lb.entropy_impurity_loss(uniform, base=2.0).item() == pytest.approx(2.0)
    assert lb.gini_impurity_loss(uniform).item() == pytest.approx(0.75)


@pytest.mark.parametrize("name", ["gini_impurity_loss", "entropy_impurity_loss"])
def test_impurities_do_not_depend_on_the_unit_of_the_counts(name):
    counts = torch.tensor([[3.0, 1.0], [0.5, 9.0]], dtype=torch.float64)
    assert torch.isclose(getattr(lb, name)(counts), getattr(lb, name)(1e6 * counts), rtol=1e-12)


@pytest.mark.parametrize("name", ["gini_impurity_loss", "entropy_impurity_loss"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_classes_that_do_not_occur_and_empty_nodes(name, dtype):
    """0 log 0 is 0, and neither it nor 0 / 0 makes a gradient infinite."""
    loss = getattr(lb, name)
    counts = torch.tensor([[5.0, 0.0, 0.0], [0.0, 0.0, 0.0], [2.0, 2.0, 0.0]], dtype=dtype)
    assert loss(counts).isfinite() and loss(counts[:1]).abs() < 1e-6 and loss(counts[1:2]) == 0
    assert autograd(loss, counts).isfinite().all()
    assert autograd(loss, counts[1:2]).isfinite().all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lb.gini_impurity_loss(torch.tensor([-1.0, 2.0])), ValueError, "counts must not be negative"),
        (lambda: lb.gini_impurity_loss(torch.tensor(1.0)), ValueError, r"counts must have shape \(\*, C\), got \(\)"),
        (lambda: lb.gini_impurity_loss(torch.tensor([1, 2])), TypeError, "counts must be a floating-point tensor"),
        (lambda: lb.entropy_impurity_loss(torch.ones(2), base=1.0), ValueError, "base must be above 1, got 1.0"),
        (
            lambda: lb.split_counts(torch.ones(3), torch.zeros(3).long(), 2),
            ValueError,
            r"routing must have shape \(N, K",
        ),
        (lambda: lb.split_counts(torch.ones(3, 2), torch.zeros(2).long(), 2), ValueError, "target must have shape"),
        (lambda: lb.split_counts(torch.ones(3, 2), torch.tensor([0, 1, 2]), 2), ValueError, "labels 0 to 1"),
        (lambda: lb.split_counts(torch.ones(3, 2), torch.zeros(3), 2), TypeError, "integer class indices"),
        (
            lambda: lb.split_counts(torch.ones(3, 2), torch.zeros(3).long(), 2, sample_weight=torch.ones(2)),
            ValueError,
            r"sample_weight must have shape \(3,\)",
        ),
    ],
)
def test_wrong_input_of_impurities(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- objectives: closed forms -----------------------------------------------------------------------------------------


RNG = np.random.default_rng(1)
SCORES, VALUES = 2 * RNG.standard_normal(40), 2 * RNG.standard_normal(40)
ANSWERS, WEIGHTS = RNG.integers(2, size=40).astype(float), RNG.uniform(0.2, 3, 40)
SCORES_OF_CLASSES, LABELS = 2 * RNG.standard_normal((40, 4)), RNG.integers(4, size=40).astype(float)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


R = SCORES - VALUES
CLOSED = {
    "mse_loss": ({}, VALUES, 2 * R, 2 * np.ones(40)),
    "euclidean_loss": ({}, VALUES, R, np.ones(40)),
    "l1_loss": ({}, VALUES, np.sign(R), np.zeros(40)),
    "huber_loss": ({"delta": 0.7}, VALUES, np.clip(R, -0.7, 0.7), (np.abs(R) <= 0.7).astype(float)),
    "log_cosh_loss": ({}, VALUES, np.tanh(R), 1 / np.cosh(R) ** 2),
    "charbonnier_loss": ({"scale": 2.0}, VALUES, R / np.sqrt(1 + R**2 / 4), (1 + R**2 / 4) ** -1.5),
    "cauchy_loss": ({}, VALUES, 2 * R / (2 + R**2), (4 - 2 * R**2) / (2 + R**2) ** 2),
    "quantile_loss": ({"quantile": 0.9}, VALUES, np.where(R > 0, 0.1, -0.9), np.zeros(40)),
    "expectile_loss": ({"expectile": 0.9}, VALUES, 2 * np.where(R > 0, 0.1, 0.9) * R, 2 * np.where(R > 0, 0.1, 0.9)),
    "binary_cross_entropy_with_logits": ({}, ANSWERS, sigmoid(SCORES) - ANSWERS,
                                         sigmoid(SCORES) * sigmoid(-SCORES)),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_closed_forms(name, weight):
    settings, target, gradient, hessian = CLOSED[name]
    objective = lb.as_boosting_objective(getattr(lb, name), **settings)
    w = 1.0 if weight is None else weight
    hessian = np.maximum(hessian, 0)  # the floor
    for wanted, found in zip((gradient * w, hessian * w), objective(target, SCORES, weight), strict=True):
        assert found.dtype == np.float64 and found.shape == (40,)
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_closed_form_of_the_softmax(weight):
    """Labels come as floats, scores as a row for each example; the Hessian is the diagonal."""
    p, truth = softmax(SCORES_OF_CLASSES), np.eye(4)[LABELS.astype(int)]
    w = np.ones((40, 1)) if weight is None else weight[:, None]
    gradient, hessian = lb.as_boosting_objective(lb.cross_entropy)(LABELS, SCORES_OF_CLASSES, weight)
    np.testing.assert_allclose(gradient, w * (p - truth), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(hessian, w * p * (1 - p), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("loss", "settings", "scores", "target"),
    [
        (lb.focal_loss, {"gamma": 1.5}, SCORES_OF_CLASSES, LABELS),
        (lb.focal_loss, {"task": "binary", "alpha": 0.3}, SCORES, ANSWERS),
        (lb.tukey_loss, {"cutoff": 3.0}, SCORES, VALUES),
        (lb.smape_loss, {}, SCORES, VALUES),
        (lb.quantile_huber_loss, {"quantile": (0.1, 0.4, 0.5, 0.9)}, SCORES_OF_CLASSES, VALUES),
        (lb.cross_entropy, {"label_smoothing": 0.1, "weight": torch.tensor([0.5, 1.0, 2.0, 3.0])}, SCORES_OF_CLASSES,
         LABELS),
    ],
    ids=["focal", "binary focal", "tukey", "smape", "quantile huber", "weighted smoothed cross-entropy"],
)  # fmt: skip
def test_derivatives_against_differences(loss, settings, scores, target):
    objective = lb.as_boosting_objective(loss, **settings)
    gradient, hessian = (d.reshape(40, -1) for d in lb.BoostingObjective(loss, "lightgbm", -math.inf, 1.0, settings)(
        target, scores))  # fmt: skip
    labels = target.astype(int) if scores.ndim == 2 and loss is not lb.quantile_huber_loss else target

    def values(moved: Array) -> Array:
        found = loss(torch.from_numpy(moved), torch.from_numpy(labels), reduction="none", **settings)
        return found.reshape(40, -1).sum(1).numpy()

    columns = scores.reshape(40, -1)
    for k in range(columns.shape[1]):
        step = np.zeros_like(columns)
        step[:, k] = 1e-4
        up, middle, down = (values((columns + s * step).reshape(scores.shape)) for s in (1, 0, -1))
        np.testing.assert_allclose(gradient[:, k], (up - down) / 2e-4, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(hessian[:, k], (up - 2 * middle + down) / 1e-8, rtol=1e-3, atol=1e-5)
    assert (objective(target, scores)[1] >= 0).all()


def test_floor_and_scale_of_the_hessian():
    """Losses without a curvature, or with a negative one, need a floor; a scale comes first."""
    assert (lb.as_boosting_objective(lb.l1_loss)(VALUES, SCORES)[1] == 0).all()
    assert (lb.as_boosting_objective(lb.l1_loss, hessian_floor=1.0)(VALUES, SCORES)[1] == 1).all()
    cauchy = CLOSED["cauchy_loss"][3]
    assert cauchy.min() < 0
    found = lb.as_boosting_objective(lb.cauchy_loss, hessian_floor=0.1, hessian_scale=3.0)(VALUES, SCORES)[1]
    np.testing.assert_allclose(found, np.maximum(3 * cauchy, 0.1), rtol=1e-10)
    assert (lb.as_boosting_objective(lb.cauchy_loss)(VALUES, SCORES)[1] >= 0).all()


def test_saturated_scores():
    scores = np.array([1e4, -1e4, 1e4])
    for loss in (lb.binary_cross_entropy_with_logits, lb.log_cosh_loss, lb.welsch_loss, lb.cauchy_loss):
        for found in lb.as_boosting_objective(loss)(np.array([0.0, 1.0, 1.0]), scores):
            assert np.isfinite(found).all()


# --- objectives: the forms of the libraries ---------------------------------------------------------------------------


class DataSet:
    """What both `train` functions hand over: labels and weights."""

    def __init__(self, label: Array, weight: Array | None):
        self.label, self.weight = label, weight

    def get_label(self) -> Array:
        return self.label

    def get_weight(self) -> Array | None:
        return self.weight


@pytest.mark.parametrize("weight", [None, np.array([]), WEIGHTS], ids=["none", "empty", "weights"])
def test_both_forms_of_a_call(weight):
    """`f(scores, data)` and `f(target, scores, sample_weight)`; XGBoost gives weights of size zero for none."""
    objective = lb.as_boosting_objective(lb.log_cosh_loss, "xgboost")
    trained = objective(SCORES, DataSet(VALUES, weight))
    expected = objective(VALUES, SCORES, sample_weight=weight)
    assert all(np.array_equal(a, b) for a, b in zip(trained, expected, strict=True))
    assert list(inspect.signature(objective).parameters)[2] == "sample_weight"  # as both libraries look it up


def test_form_of_catboost_for_one_score():
    objective = lb.as_boosting_objective(lb.binary_cross_entropy_with_logits, "catboost")
    p = sigmoid(SCORES)
    for weight in (None, WEIGHTS):
        w = np.ones(40) if weight is None else weight
        found = objective.calc_ders_range(SCORES.tolist(), ANSWERS.tolist(), weight)
        assert all(isinstance(pair, tuple) and isinstance(pair[0], float) for pair in found)
        expected = np.stack([w * (ANSWERS - p), -w * p * (1 - p)], 1)
        np.testing.assert_allclose(np.array(found), expected, rtol=1e-10)


def test_form_of_catboost_for_several_scores():
    """The whole matrix of second derivatives: that of the softmax is p p' - diag(p), for what is climbed."""
    objective = lb.as_boosting_objective(lb.cross_entropy, "catboost")
    for scores, label in zip(SCORES_OF_CLASSES[:5], LABELS, strict=False):
        p = softmax(scores[None])[0]
        first, second = objective.calc_ders_multi(scores.tolist(), label, 2.0)
        np.testing.assert_allclose(first, 2 * (np.eye(4)[int(label)] - p), rtol=1e-10)
        np.testing.assert_allclose(second, 2 * (np.outer(p, p) - np.diag(p)), rtol=1e-10)
        assert isinstance(first, list) and isinstance(second[0], list)
    floored = lb.as_boosting_objective(lb.cross_entropy, "catboost", hessian_floor=0.2, hessian_scale=2.0)
    matrix = np.array(floored.calc_ders_multi(scores.tolist(), label, 1.0)[1])
    np.testing.assert_allclose(np.diag(matrix), -np.maximum(2 * p * (1 - p), 0.2), rtol=1e-10)
    np.testing.assert_allclose(matrix[0, 1], 2 * p[0] * p[1], rtol=1e-10)


def test_catboost_is_not_called():
    with pytest.raises(TypeError, match="calc_ders_range"):
        lb.as_boosting_objective(lb.mse_loss, "catboost")(SCORES, VALUES)


def test_it_pickles_copies_and_has_a_name():
    objective = lb.as_boosting_objective(lb.huber_loss, "xgboost", hessian_floor=0.5, delta=2.0)
    expected = objective(VALUES, SCORES)
    for twin in (pickle.loads(pickle.dumps(objective)), copy.deepcopy(objective)):
        assert all(np.array_equal(a, b) for a, b in zip(twin(VALUES, SCORES), expected, strict=True))
    assert objective.__name__ == "huber_loss_for_xgboost"
    assert repr(objective) == "<huber_loss_for_xgboost: hessian_floor=0.5, hessian_scale=1.0, delta=2.0>"


def test_a_loss_of_one_s_own():
    def cubic(scores: torch.Tensor, target: torch.Tensor, *, reduction: str) -> torch.Tensor:
        assert reduction == "none"
        return (scores - target).abs() ** 3 / 6

    gradient, hessian = lb.as_boosting_objective(cubic)(VALUES, SCORES)
    np.testing.assert_allclose(gradient, R * np.abs(R) / 2, rtol=1e-10)
    np.testing.assert_allclose(hessian, np.abs(R), rtol=1e-10)
    with torch.no_grad():  # as in a prediction loop around the training
        assert np.array_equal(lb.as_boosting_objective(cubic)(VALUES, SCORES)[1], hessian)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lb.as_boosting_objective("mse"), TypeError, "loss must be a function, .* got str"),
        (lambda: lb.as_boosting_objective(lb.MSELoss()), TypeError, "settings given here by name, got MSELoss"),
        (
            lambda: lb.as_boosting_objective(lb.mse_loss, "sklearn"),
            ValueError,
            "library must be one of 'lightgbm', 'xgb",
        ),
        (
            lambda: lb.as_boosting_objective(lb.mse_loss, hessian_floor=-1.0),
            ValueError,
            "hessian_floor must be at least",
        ),
        (lambda: lb.as_boosting_objective(lb.mse_loss, hessian_scale=0.0), ValueError, "hessian_scale must be above 0"),
        (lambda: lb.as_boosting_objective(lb.rmse_loss), ValueError, "rmse_loss has no derivatives of single examples"),
        (lambda: lb.as_boosting_objective(lb.mse_loss)(VALUES[:3], SCORES), ValueError, r"got \(40,\) and \(3,\)"),
        (lambda: lb.as_boosting_objective(lb.mse_loss)(VALUES, SCORES[:, None, None]), ValueError, "scores must have"),
        (
            lambda: lb.as_boosting_objective(lambda z, y, **_: (z - y).sum())(VALUES, SCORES),
            ValueError,
            r"one value for each example; with reduction='none' it gave \(\)",
        ),
        (
            lambda: lb.as_boosting_objective(lb.cross_entropy)(LABELS + 3, SCORES_OF_CLASSES),
            ValueError,
            "labels 0 to 3",
        ),
    ],
)
def test_wrong_input_of_objectives(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- objectives: equal to the libraries' own, on real data ------------------------------------------------------------


DIABETES, CANCER, WINE = load_diabetes(), load_breast_cancer(), load_wine()
BUILT_IN = {
    "regression": (DIABETES, lb.euclidean_loss, {}, {}),
    "huber": (DIABETES, lb.huber_loss, {"delta": 30.0, "hessian_floor": 1.0}, {"alpha": 30.0}),
    "binary": (CANCER, lb.binary_cross_entropy_with_logits, {}, {}),
    "multiclass": (WINE, lb.cross_entropy, {"hessian_scale": 3 / 2}, {"num_class": 3}),
}
COMMON = {"boost_from_average": False, "num_leaves": 7, "min_data_in_leaf": 10, "verbose": -1, "num_threads": 1,
          "deterministic": True, "force_row_wise": True}  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", BUILT_IN)
def test_lightgbm_grows_the_same_trees(name, weighted):
    data, loss, settings, params = BUILT_IN[name]
    weight = np.random.default_rng(0).uniform(0.5, 2, len(data.target)) if weighted else None

    def raw(objective: Any) -> Array:
        train = lightgbm.Dataset(data.data, data.target, weight=weight)
        model = lightgbm.train(COMMON | params | {"objective": objective}, train, num_boost_round=20)
        return model.predict(data.data, raw_score=True)

    theirs, ours = raw(name), raw(lb.as_boosting_objective(loss, **settings))
    assert theirs.std() > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max())


def test_lightgbm_estimator():
    """The form of the scikit-learn interface, with weights."""
    weight = np.random.default_rng(0).uniform(0.5, 2, len(CANCER.target))
    objective = lb.as_boosting_objective(lb.binary_cross_entropy_with_logits)
    settings = {"n_estimators": 10, "num_leaves": 7, "n_jobs": 1, "verbose": -1, "boost_from_average": False}
    ours = lightgbm.LGBMClassifier(objective=objective, **settings).fit(CANCER.data, CANCER.target, weight)
    theirs = lightgbm.LGBMClassifier(**settings).fit(CANCER.data, CANCER.target, weight)
    scores = [model.predict(CANCER.data, raw_score=True) for model in (ours, theirs)]
    np.testing.assert_allclose(*scores, rtol=1e-4, atol=1e-4)


def test_lightgbm_learns_with_losses_that_it_does_not_have():
    """Focal loss and Tukey's biweight train trees that rank, and that forgive outliers."""
    focal = lb.as_boosting_objective(lb.focal_loss, task="binary", hessian_floor=1e-3)
    train = lightgbm.Dataset(CANCER.data[::2], CANCER.target[::2])
    model = lightgbm.train(COMMON | {"objective": focal}, train, num_boost_round=30)
    right = (model.predict(CANCER.data[1::2]) > 0) == CANCER.target[1::2]
    assert right.mean() > 0.93
    wrong = DIABETES.target.copy()
    wrong[::10] += 3000.0
    errors = {}
    for name, objective in (("square", lb.as_boosting_objective(lb.euclidean_loss)),
                            ("charbonnier", lb.as_boosting_objective(lb.charbonnier_loss, scale=50.0,
                                                                     hessian_floor=0.2))):  # fmt: skip
        data = lightgbm.Dataset(DIABETES.data, wrong)
        model = lightgbm.train(COMMON | {"objective": objective}, data, num_boost_round=60)
        errors[name] = np.abs(model.predict(DIABETES.data) - DIABETES.target).mean()
    assert errors["charbonnier"] < errors["square"] / 2


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("name", "data", "loss", "settings", "params"),
    [
        ("reg:squarederror", DIABETES, lb.euclidean_loss, {}, {}),
        ("reg:pseudohubererror", DIABETES, lb.charbonnier_loss, {"scale": 30.0}, {"huber_slope": 30.0}),
        ("binary:logistic", CANCER, lb.binary_cross_entropy_with_logits, {}, {}),
        ("multi:softprob", WINE, lb.cross_entropy, {"hessian_scale": 2.0}, {"num_class": 3}),
    ],
    ids=["squares", "pseudo-Huber", "logistic", "softmax"],
)
def test_xgboost_grows_the_same_trees(name, data, loss, settings, params, weighted):
    weight = np.random.default_rng(0).uniform(0.5, 2, len(data.target)) if weighted else None
    train = xgboost.DMatrix(data.data, data.target, weight=weight)
    common = {"max_depth": 3, "nthread": 1, "tree_method": "hist"}

    def raw(**objective: Any) -> Array:
        start = {"base_score": 0.5 if name == "binary:logistic" else 0.0}
        own = {"objective": name} | params
        asked = {"base_score": 0.0, "num_class": params.get("num_class", 0)} if "obj" in objective else own
        model = xgboost.train(common | start | asked, train, num_boost_round=20, **objective)
        return model.predict(train, output_margin=True)

    theirs, ours = raw(), raw(obj=lb.as_boosting_objective(loss, "xgboost", **settings))
    assert theirs.std() > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max())


def test_xgboost_estimator():
    weight = np.random.default_rng(0).uniform(0.5, 2, len(DIABETES.target))
    settings = {"n_estimators": 10, "max_depth": 3, "n_jobs": 1, "base_score": 0.0}
    objective = lb.as_boosting_objective(lb.euclidean_loss, "xgboost")
    models = [xgboost.XGBRegressor(objective=o, **settings) for o in (objective, "reg:squarederror")]
    scores = [model.fit(DIABETES.data, DIABETES.target, sample_weight=weight).predict(DIABETES.data)
              for model in models]  # fmt: skip
    np.testing.assert_allclose(*scores, rtol=1e-3)
