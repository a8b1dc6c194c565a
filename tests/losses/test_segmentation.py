"""The newer losses of segmentation against their definitions, written out in float64 NumPy, region by region."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from test_definitions import (
    IGNORED,
    C,
    Draw,
    activate,
    compare,
    nearest,
    one_hot,
    ratio,
    sigmoid,
    softmax,
    tensors,
)

import lossbook as lb

SEEDS = range(8)


def masks(target, task):
    return one_hot(target) if task == "multiclass" else target.astype(float)


@pytest.mark.parametrize("seed", SEEDS)
def test_mcc_loss(seed):
    """From the four counts of each region; where one of the four sums is zero, the correlation is 0."""
    draw = Draw(seed)
    task = draw.one_of("multiclass", "multilabel")
    logits, target = draw.input(task, ignore=False)
    weight = draw.weight(task)
    p, g = activate(logits, task), masks(target, task)
    values = np.zeros((3, C))
    for n, c in np.ndindex(3, C):
        a, b = p[n, c], g[n, c]
        tp, tn, fp, fn = (a * b).sum(), ((1 - a) * (1 - b)).sum(), (a * (1 - b)).sum(), ((1 - a) * b).sum()
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        values[n, c] = 1 - ((tp * tn - fp * fn) / math.sqrt(product) if 0 < b.sum() < b.size else 0.0)
    w = np.broadcast_to(np.ones(C) if weight is None else weight, values.shape)
    compare(lb.mcc_loss, (logits, target), {"task": task, "weight": weight}, values * w, w)


@pytest.mark.parametrize("seed", SEEDS)
def test_sensitivity_specificity_loss(seed):
    draw = Draw(seed)
    task = draw.one_of("multiclass", "multilabel")
    logits, target = draw.input(task, ignore=False)
    r, s = draw.one_of(0.05, 0.4), draw.one_of(1e-5, 0.5)
    p, g = activate(logits, task), masks(target, task)
    values = np.zeros((3, C))
    for n, c in np.ndindex(3, C):
        squares, b = (p[n, c] - g[n, c]) ** 2, g[n, c]
        inside, outside = (squares * b).sum() / (b.sum() + s), (squares * (1 - b)).sum() / ((1 - b).sum() + s)
        values[n, c] = r * inside + (1 - r) * outside
    settings = {"task": task, "sensitivity_weight": r, "smooth": s}
    compare(lb.sensitivity_specificity_loss, (logits, target), settings, values, np.ones_like(values))


@pytest.mark.parametrize("seed", SEEDS)
def test_topk_cross_entropy(seed):
    draw = Draw(seed)
    logits, target = draw.input("multiclass", ignore=False)
    share, per_image = draw.one_of(0.2, 0.5, 1.0), draw.one_of(True, False)
    entropy = -(one_hot(target) * np.log(softmax(logits, 1))).sum(1)
    hard = np.zeros(entropy.shape)
    for group in [[n] for n in range(3)] if per_image else [[0, 1, 2]]:
        ranked = sorted(entropy[group].flat, reverse=True)
        hard[group] = entropy[group] >= ranked[math.ceil(share * len(ranked) - 1e-6) - 1]
    compare(lb.topk_cross_entropy, (logits, target), {"share": share, "per_image": per_image}, entropy * hard, hard)


@pytest.mark.parametrize("seed", SEEDS)
def test_generalized_wasserstein_dice_loss(seed):
    draw = Draw(seed)
    logits, target = draw.input("multiclass", ignore=False)
    distances = draw.random.random((C, C)) * (1 - np.eye(C))
    s, p, values = draw.one_of(1e-5, 0.5), softmax(logits, 1), np.zeros(3)
    for n in range(3):
        found = missed = 0.0
        for i in np.ndindex(target.shape[1:]):
            y = target[(n, *i)]
            error = sum(distances[y, c] * p[(n, c, *i)] for c in range(C))
            found, missed = found + (y != 0) * (1 - error), missed + error
        values[n] = 1 - (2 * found + s) / (2 * found + missed + s)
    arrays = (logits, target, distances)
    compare(lb.generalized_wasserstein_dice_loss, arrays, {"smooth": s}, values, np.ones(3))


@pytest.mark.parametrize("seed", SEEDS)
def test_exponential_logarithmic_loss(seed):
    draw = Draw(seed)
    logits, target = draw.input("multiclass", ignore=False)
    weight = draw.weight("multiclass")
    w = np.ones(C) if weight is None else weight
    dice_gamma, gamma, s = draw.one_of(0.3, 2.0), draw.one_of(0.3, 1.5), draw.one_of(0.5, 1.0)
    p, g, values = softmax(logits, 1), one_hot(target), np.zeros(3)
    for n in range(3):
        dice = [(2 * (p[n, c] * g[n, c]).sum() + s) / (p[n, c].sum() + g[n, c].sum() + s) for c in range(C)]
        entropy, price = -np.log((p[n] * g[n]).sum(0)), w[target[n]]
        pixels = (price * entropy**gamma).sum() / price.sum() if price.sum() > 0 else 0.0
        values[n] = 0.7 * np.mean([(-math.log(d)) ** dice_gamma for d in dice]) + 0.4 * pixels
    settings = {"dice_weight": 0.7, "ce_weight": 0.4, "dice_gamma": dice_gamma, "gamma": gamma, "smooth": s}
    compare(lb.exponential_logarithmic_loss, (logits, target), settings | {"weight": weight}, values, np.ones(3))


@pytest.mark.parametrize("seed", SEEDS)
def test_unified_focal_loss(seed):
    draw = Draw(seed)
    logits, target = draw.input("multiclass", ignore=False)
    symmetric, delta, gamma = draw.one_of(True, False), draw.one_of(0.6, 0.8), draw.one_of(0.2, 0.5)
    share, s, p, g, values = draw.one_of(0.3, 0.5), 0.5, softmax(logits, 1), one_hot(target), np.zeros(3)
    for n in range(3):
        focal = tversky = 0.0
        for i in np.ndindex(target.shape[1:]):
            y, p_t = target[(n, *i)], p[(n, target[(n, *i)], *i)]
            focus = (1 - p_t) ** gamma if symmetric or y == 0 else 1.0
            focal -= (1 - delta if y == 0 else delta) * focus * math.log(p_t) / target[n].size
        for c in range(C):
            both = (p[n, c] * g[n, c]).sum()
            errors = delta * (g[n, c].sum() - both) + (1 - delta) * (p[n, c].sum() - both)
            tversky += (1 - (both + s) / (both + errors + s)) ** (1 - gamma if symmetric or c > 0 else 1) / C
        values[n] = share * focal + (1 - share) * tversky
    settings = {"symmetric": symmetric, "delta": delta, "gamma": gamma, "focal_weight": share, "smooth": s}
    compare(lb.unified_focal_loss, (logits, target), settings, values, np.ones(3))


SCORES = {
    "multiclass": ([[[1.0, -2.0, 0.5, 3.0], [0.0, 1.0, -1.0, 0.0]]], [[0, 1, 1, 0]]),
    "binary": ([[1.0, -2.0, 0.5, 3.0]], [[1, 0, 0, 1]]),
}


@pytest.mark.parametrize("task", SCORES)
@pytest.mark.parametrize(
    "name",
    ["focal_tversky_loss", "mcc_loss", "exponential_logarithmic_loss", "unified_focal_loss", "topk_cross_entropy"],
)
def test_a_logit_that_is_not_a_number_shows(name, task):
    """A comparison with NaN is false: whoever keeps values above a bound would call the prediction perfect."""
    scores, target = SCORES[task]
    logits = torch.tensor(scores)
    logits.view(-1)[1] = math.nan
    assert getattr(lb, name)(logits, torch.tensor(target), task=task).isnan()


def test_lovasz_weights_keep_their_digits_in_large_pictures():
    """Differences of Jaccard indices in float32 lose them: half a percent at 100,000 pixels, a third at 4,000,000."""
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(1, 2, 100_000, generator=generator)
    target = (torch.rand(1, 100_000, generator=generator) < 0.1).long()
    slopes = []
    for prediction in (p.requires_grad_(), p.detach().double().requires_grad_()):
        lb.lovasz_softmax_loss(prediction, target, from_logits=False).backward()
        slopes.append(prediction.grad.double())
    torch.testing.assert_close(*slopes, rtol=1e-5, atol=0)


def test_masks_between_0_and_1_are_refused_where_they_mean_nothing():
    logits, target = torch.zeros(1, 2), torch.tensor([[0.0, 0.5]])
    with pytest.raises(ValueError, match="target must hold 0 and 1"):
        lb.lovasz_hinge_loss(logits, target)
    assert lb.lovasz_hinge_loss(logits, target.round().fill_(255), ignore_index=255) == 0
    with pytest.raises(TypeError, match="target must hold integer class indices"):
        lb.unified_focal_loss(torch.zeros(1, 2, 3), torch.full((1, 2, 3), 0.5))


def test_settings_that_cannot_be_meant():
    logits, target = torch.zeros(1, 2, 3), torch.tensor([[0, 1, 1]])
    with pytest.raises(TypeError, match="weight must be a tensor"):
        lb.dice_loss(logits, target, weight=(1.0, 2.0))
    with pytest.raises(TypeError, match="weight must be a tensor"):
        lb.ce_dice_loss(logits, target, weight=(1.0, 2.0))
    with pytest.raises(ValueError, match="distances must be 0 on the diagonal"):
        lb.generalized_wasserstein_dice_loss(logits, target, torch.ones(2, 2))
    assert lb.dice_loss(logits, target, smooth=[0.0, 1.0]) == lb.dice_loss(logits, target, smooth=(0.0, 1.0))


@pytest.mark.parametrize("name", ["dice_loss", "mcc_loss", "sensitivity_specificity_loss", "cl_dice_loss"])
def test_a_picture_without_pixels_costs_nothing(name):
    logits, target = torch.zeros(2, 3, 0, 4), torch.zeros(2, 0, 4, dtype=torch.long)
    assert getattr(lb, name)(logits, target) == 0


def test_wasserstein_dice_of_shapes_alone():
    """Its matrix product is kept from autocast, which the meta device does not know."""
    logits, target = torch.zeros(2, 3, 4, device="meta"), torch.zeros(2, 4, dtype=torch.long, device="meta")
    assert lb.generalized_wasserstein_dice_loss(logits, target, torch.zeros(3, 3, device="meta")).shape == ()


def test_signed_distance_map_of_a_target_with_ignored_pixels():
    """They are background for all others, and have no distance themselves."""
    target = torch.tensor([[0, 255, 1, 1, 1, 255]])
    background, foreground = torch.tensor([[0.0, 0, 2, 3, 4, 0]]), torch.tensor([[2.0, 0, 0, -1, 0, 0]])
    found = lb.signed_distance_map(target, num_classes=2, ignore_index=255)
    assert torch.equal(found, torch.stack([background, foreground], 1))
    assert torch.equal(lb.signed_distance_map(target, task="binary", ignore_index=255), foreground)
    channels = lb.signed_distance_map(target[:, None], task="multilabel", ignore_index=255)
    assert torch.equal(channels, foreground[:, None])


@pytest.mark.parametrize("function", [lb.hausdorff_dt_loss, lb.log_hausdorff_dt_loss])
def test_hausdorff_of_several_truths_for_one_prediction(function):
    """Under `vmap` over the target alone, nothing that belongs to the prediction may be changed in place."""
    generator = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(2, 4, 5, generator=generator), torch.randint(2, (3, 2, 4, 5), generator=generator)
    found = torch.vmap(lambda target: function(logits, target, task="binary"))(targets)
    expected = torch.stack([function(logits, target, task="binary") for target in targets])
    torch.testing.assert_close(found, expected)


# --- losses of pictures: center lines and distances, pixel by pixel ---------------------------------------------------

PICTURES = [(6,), (4, 5), (3, 4, 3)]


def truth_and_counted(target, task):
    """Masks of the classes, 0 where ignored, and what counts; both in the layout of the prediction."""
    counted = target != IGNORED
    truth = one_hot(target) if task == "multiclass" else np.where(counted, target, 0).astype(float)
    return truth, np.repeat(counted[:, None], C, 1) if task == "multiclass" else counted


def crossing(place, size):
    """A pixel and its direct neighbors within the picture."""
    yield place
    for axis, step in itertools.product(range(len(size)), (-1, 1)):
        if 0 <= place[axis] + step < size[axis]:
            yield (*place[:axis], place[axis] + step, *place[axis + 1 :])


def eroded_softly(mask):
    return np.array([min(mask[q] for q in crossing(i, mask.shape)) for i in np.ndindex(mask.shape)]).reshape(mask.shape)


def opened(mask):
    small, result = eroded_softly(mask), np.zeros(mask.shape)
    for i in np.ndindex(mask.shape):
        result[i] = small[tuple(slice(max(k - 1, 0), k + 2) for k in i)].max()
    return result


def skeleton(mask, iterations):
    line = np.maximum(mask - opened(mask), 0)
    for _ in range(iterations):
        mask = eroded_softly(mask)
        line = line + (1 - line) * np.maximum(mask - opened(mask), 0)
    return line


@pytest.mark.parametrize("seed", range(24))
def test_cl_dice_loss(seed):
    draw = Draw(seed)
    task, ignore = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False)
    per_image, classes, from_logits = draw.one_of(True, False), draw.one_of("all", "present"), draw.one_of(True, False)
    iterations, smooth, weight = draw.one_of(0, 1, 2), draw.smooth(), draw.weight(task)
    logits, target = draw.input(task, ignore, size=PICTURES[seed % 3])
    p = activate(logits, task)
    g, counted = truth_and_counted(target, task)
    seen = np.where(counted, p, 0.0)
    if task == "binary":
        seen, g, counted = seen[:, None], g[:, None], counted[:, None]
    groups = [[n] for n in range(3)] if per_image else [[0, 1, 2]]
    values, counts = np.zeros((len(groups), seen.shape[1])), np.zeros((len(groups), seen.shape[1]))
    for row, c in np.ndindex(values.shape):
        sums = np.zeros(4)
        for n in groups[row]:
            lines = skeleton(seen[n, c], iterations), skeleton(g[n, c], iterations)
            sums += [(lines[0] * g[n, c]).sum(), lines[0].sum(), (lines[1] * seen[n, c]).sum(), lines[1].sum()]
        precision, sensitivity = ratio(sums[0], sums[1], smooth), ratio(sums[2], sums[3], smooth)
        both = precision + sensitivity
        values[row, c] = 1 - (2 * precision * sensitivity / both if both > 0 else 0.0)
        counts[row, c] = counted[groups[row], c].any() if classes == "all" else g[groups[row], c].any()
    weights = counts * (1.0 if weight is None else weight)
    values = values * weights
    if not per_image:
        values, weights = values[0], weights[0]
    settings = {"task": task, "per_image": per_image, "classes": classes, "smooth": smooth, "weight": weight}
    settings |= {"iterations": iterations, "from_logits": from_logits, "ignore_index": IGNORED if ignore else None}
    values = values[..., 0] if task == "binary" else values
    compare(lb.cl_dice_loss, (logits if from_logits else p, target), settings, values, weights)


def eroded(error):
    """Outside the picture is 0."""
    size = error.shape
    means = [sum(error[q] for q in crossing(i, size)) / (2 * len(size) + 1) for i in np.ndindex(size)]
    cut = np.maximum(np.reshape(means, size) - 0.5, 0)
    return (cut - cut.min()) / (cut.max() - cut.min()) if cut.max() - cut.min() > 1e-15 else cut


@pytest.mark.parametrize("seed", range(18))
def test_hausdorff_er_loss(seed):
    draw = Draw(seed)
    task, from_logits = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False)
    alpha, iterations = draw.one_of(1.0, 2.0, 0.5), draw.one_of(1, 2, 5)
    size = [(8,), (5, 5), (4, 4, 4)][seed % 3]
    logits, target = draw.input(task, ignore=False, size=size)
    logits, target[1] = 4 * logits, 0
    if task != "multiclass":
        logits[1] = np.abs(logits[1]) + 2.0  # a whole picture of errors, of which some survive
    p = activate(logits, task)
    g, _ = truth_and_counted(target, task)
    values = np.zeros(p.shape)
    for region in np.ndindex(p.shape[: p.ndim - len(size)]):
        error = (p[region] - g[region]) ** 2
        for k in range(1, iterations + 1):
            error = eroded(error)
            values[region] += k**alpha * error
    settings = {"task": task, "alpha": alpha, "iterations": iterations, "from_logits": from_logits}
    compare(lb.hausdorff_er_loss, (logits if from_logits else p, target), settings, values, np.ones(p.shape))


@pytest.mark.parametrize("seed", range(18))
def test_log_hausdorff_dt_loss(seed):
    """Beside it the surrogate itself, in pictures of one to three dimensions."""
    draw = Draw(seed)
    task, ignore, size = draw.one_of("multiclass", "multilabel", "binary"), draw.one_of(True, False), PICTURES[seed % 3]
    alpha, from_logits, per_image = draw.one_of(1.0, 2.0, 3.0), draw.one_of(True, False), draw.one_of(True, False)
    logits, target = draw.input(task, ignore, size=size)
    p = activate(logits, task)
    g, counted = truth_and_counted(target, task)
    inside, here = np.zeros(p.shape), np.where(counted, p, 0.0)
    for region in np.ndindex(p.shape[: p.ndim - len(size)]):
        far = sum((nearest(m) + nearest(~m)) ** alpha for m in (here[region] > 0.5, g[region] > 0.5))
        inside[region] = counted[region] * (p[region] - g[region]) ** 2 * far
    groups = [[n] for n in range(3)] if per_image else [[0, 1, 2]]
    values = [math.log1p(inside[n].sum() / max(counted[n].sum(), 1)) for n in groups]
    seen = np.array([float(counted[n].any()) for n in groups])
    given = {"task": task, "alpha": alpha, "from_logits": from_logits} | ({"ignore_index": IGNORED} if ignore else {})
    arrays = tensors(logits if from_logits else p, target)
    shaped = np.array(values) if per_image else values[0]
    results = {"none": shaped, "sum": np.sum(values), "mean": np.sum(values) / max(seen.sum(), 1)}
    for reduction, wanted in results.items():
        found = lb.log_hausdorff_dt_loss(*arrays, per_image=per_image, reduction=reduction, **given)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5, atol=1e-9)  # distances are float32 numbers
    results = {"none": inside, "sum": inside.sum(), "mean": inside.sum() / max(counted.sum(), 1)}
    for reduction, wanted in results.items():
        found = lb.hausdorff_dt_loss(*arrays, reduction=reduction, **given)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5, atol=1e-9)


# --- segmentation as the classification of masks ----------------------------------------------------------------------


def focal_of(p, g):
    return -(0.25 * (1 - p) ** 2 * np.log(p) * g + 0.75 * p**2 * np.log(1 - p) * (1 - g))


def mask_dice(p, g):
    return 1 - (2 * (p * g).sum() + 1) / (p.sum() + g.sum() + 1)


def segments(draw, size):
    """Three pictures of five queries: with three segments, with one, with none (-1 fills up)."""
    class_logits, mask_logits = (
        2 * draw.random.standard_normal((3, 4, 5)),
        2 * draw.random.standard_normal((3, 5, *size)),
    )
    target, masks = draw.random.integers(3, size=(3, 3)), draw.random.integers(2, size=(3, 3, *size))
    target[1, [0, 2]], target[2] = -1, -1
    return class_logits, mask_logits, target, masks


@pytest.mark.parametrize("seed", range(12))
def test_mask_classification_loss(seed):
    draw = Draw(seed)
    class_logits, mask_logits, target, masks = segments(draw, [(6,), (3, 4)][seed % 2])
    matching = np.stack([draw.random.permutation(5)[:3] for _ in range(3)])
    kind = draw.one_of("focal", "cross-entropy")
    names = ("class_weight", "mask_weight", "dice_weight", "no_object_weight")
    settings = {name: float(draw.random.uniform(0.1, 3)) * draw.one_of(1, 1, 0) for name in names}
    values = np.zeros(3)
    for n in range(3):
        labels, costs = np.full(5, 3), []
        for m, y in enumerate(target[n]):
            if y >= 0:
                labels[matching[n, m]] = y
                p, g = sigmoid(mask_logits[n, matching[n, m]]), masks[n, m]
                pixels = focal_of(p, g) if kind == "focal" else -np.log(np.where(g == 1, p, 1 - p))
                costs.append(settings["mask_weight"] * pixels.mean() + settings["dice_weight"] * mask_dice(p, g))
        w = np.where(labels == 3, settings["no_object_weight"], 1.0)
        surprise = -np.log(softmax(class_logits[n], 0)[labels, np.arange(5)])
        entropy = (w * surprise).sum() / w.sum() if w.sum() > 0 else 0.0
        values[n] = settings["class_weight"] * entropy + (np.mean(costs) if costs else 0.0)
    arrays = (class_logits, mask_logits, target, masks, matching)
    compare(lb.mask_classification_loss, arrays, settings | {"mask_loss": kind}, values, np.ones(3))


@pytest.mark.parametrize("seed", range(12))
def test_matching_of_mask_classification_loss(seed):
    """The cheapest of all assignments, by trying them all."""
    draw = Draw(seed)
    class_logits, mask_logits, target, masks = arrays = segments(draw, (6,))
    weights = {name: float(draw.random.uniform(0, 3)) for name in ("class_weight", "mask_weight", "dice_weight")}
    kind = draw.one_of("focal", "cross-entropy")
    found = lb.losses.segmentation.match_masks(*map(torch.from_numpy, arrays), mask_loss=kind, **weights).numpy()
    for n in range(3):
        real = [m for m in range(3) if target[n, m] >= 0]
        cost = np.zeros((5, 3))
        for q, m in itertools.product(range(5), real):
            p, g = sigmoid(mask_logits[n, q]), masks[n, m]
            pixels = focal_of(p, g) if kind == "focal" else -np.log(np.where(g == 1, p, 1 - p))
            cost[q, m] = (weights["mask_weight"] * pixels.mean() + weights["dice_weight"] * mask_dice(p, g)
                          - weights["class_weight"] * softmax(class_logits[n], 0)[target[n, m], q])  # fmt: skip
        choices = itertools.permutations(range(5), len(real))
        best = min(choices, key=lambda queries: cost[list(queries), real].sum())
        assert found[n, real].tolist() == list(best)
        assert (np.delete(found[n], real) == 0).all()


def test_matching_under_autocast():
    """The products of masks stay in float32: in bfloat16, queries that differ little cost the same."""
    generator = torch.Generator().manual_seed(0)
    class_logits = torch.zeros(4, 3, 20)
    mask_logits = 0.01 * torch.randn(4, 20, 100, generator=generator)
    target = torch.zeros(4, 5, dtype=torch.long)
    masks = torch.randint(2, (4, 5, 100), generator=generator)
    expected = lb.match_masks(class_logits, mask_logits, target, masks)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(lb.match_masks(class_logits, mask_logits, target, masks), expected)
