"""Pitfalls and identities of the losses for object detection, and their definitions written out."""

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from samples import draw
from test_definitions import compare

import lossbook as lb
from lossbook.calculus import autograd

UNIT = torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float64)
LOSSES = (lb.iou_loss, lb.giou_loss, lb.diou_loss, lb.ciou_loss, lb.eiou_loss, lb.siou_loss, lb.alpha_iou_loss,
          lb.inner_iou_loss, lb.mpdiou_loss, lb.wise_iou_loss)  # fmt: skip


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("box", [[0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0.5, 0.5, 0.5], [1, 1, 0, 0], [5, 5, 5, 5]])
def test_boxes_without_area_cost_at_least_one_and_have_a_finite_gradient(loss, box):
    """NaN of CIoU at zero height (DIoU-pytorch-detectron 3 and 19); an inverted box that cost 0 in torchvision."""
    box = torch.tensor([box], dtype=torch.float64)
    assert loss(box, UNIT) >= 1 - 1e-12
    assert autograd(loss, box, UNIT).isfinite().all()
    assert loss(box, box).isfinite() and autograd(loss, box, box).isfinite().all()


def test_identities():
    boxes, target = draw(lb.cards["giou_loss"], batch=5)
    assert torch.allclose(lb.alpha_iou_loss(boxes, target, alpha=1.0), lb.iou_loss(boxes, target))
    assert torch.allclose(lb.alpha_iou_loss(boxes, target, alpha=1.0, penalty="giou"), lb.giou_loss(boxes, target))
    assert torch.allclose(lb.alpha_iou_loss(boxes, target, alpha=1.0, penalty="ciou"), lb.ciou_loss(boxes, target))
    assert torch.allclose(lb.focal_eiou_loss(boxes, target, gamma=0.0), lb.eiou_loss(boxes, target))
    inside = torch.tensor([[0.2, 0.2, 0.8, 0.6]], dtype=torch.float64)
    assert torch.allclose(lb.giou_loss(inside, UNIT), lb.iou_loss(inside, UNIT))


def many_boxes(seed: int) -> torch.Tensor:
    """More than a few: on a grid (where edges meet), inverted ones among them, and anywhere."""
    generator = torch.Generator().manual_seed(seed)
    on_grid = torch.randint(-2, 3, (5000, 4), generator=generator).double()
    low, size = torch.rand(2, 4000, 2, generator=generator, dtype=torch.float64)
    return torch.cat([on_grid, torch.cat([low, low + size], 1)])


def in_parts(loss, boxes, target):
    pairs = zip(boxes.split(1000), target.split(1000), strict=True)
    return torch.cat([loss(b, t, reduction="none") for b, t in pairs])


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # of torch.func.jvp itself
@pytest.mark.parametrize("loss", LOSSES)
def test_many_boxes_at_once_are_as_few_at_a_time(loss):
    """The slopes that spare memory and time are those of torch, in ties too: for both boxes, and derived again."""
    found, pull = [], torch.linspace(-1, 2, 9000, dtype=torch.float64)
    for function in (lambda b, t: loss(b, t, reduction="none"), lambda b, t: in_parts(loss, b, t)):
        boxes, target = many_boxes(0).requires_grad_(), many_boxes(1).requires_grad_()
        values = function(boxes, target)
        slopes = torch.autograd.grad(values, (boxes, target), pull, create_graph=True)
        along = torch.linspace(-1, 1, 36000, dtype=torch.float64).reshape(-1, 4)
        curvature = torch.autograd.grad((slopes[0] * along).sum(), (boxes, target), materialize_grads=True)
        pushed = torch.func.jvp(function, (boxes.detach(), target.detach()), (along, along.flip(0)))[1]
        found.append((values, *slopes, *curvature, pushed))
    for many, few in zip(*found, strict=True):
        torch.testing.assert_close(many, few, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("loss", [lb.iou_loss, lb.giou_loss])
def test_gradients_of_many_boxes_for_many_targets(loss):
    """`torch.func.vmap` maps over the targets alone."""
    boxes, targets = many_boxes(0), torch.stack([many_boxes(1), many_boxes(2)])
    gradients = torch.func.vmap(torch.func.grad(loss), (None, 0))(boxes, targets)
    for gradient, target in zip(gradients, targets, strict=True):
        torch.testing.assert_close(gradient, autograd(loss, boxes, target), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("loss", "most"), [(lb.iou_loss, 15), (lb.giou_loss, 20)])
def test_what_autograd_keeps_of_many_boxes(loss, most):
    """Numbers for each pair, the eight of the boxes among them."""
    boxes, target = torch.rand(2**13, 4, requires_grad=True), torch.rand(2**13, 4)
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() / 4
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        value = loss(boxes, target)
    assert value.requires_grad and sum(kept.values()) / 2**13 <= most


@pytest.mark.parametrize("loss", [lb.gwd_loss, lb.kld_loss])
def test_sides_exchanged_and_turned_by_a_right_angle_are_the_same_box(loss):
    box = torch.tensor([[1.0, 2.0, 5.0, 2.0, 0.3]], dtype=torch.float64)
    turned = torch.tensor([[1.0, 2.0, 2.0, 5.0, 0.3 + math.pi / 2]], dtype=torch.float64)
    assert loss(turned, box, form="raw").abs() < 1e-12


def test_rare_input():
    assert lb.boxes_from_centers(torch.tensor([[2.0, 1.0, 4.0, 2.0]])).tolist() == [[0.0, 0.0, 4.0, 2.0]]
    with pytest.raises(ValueError, match=r"boxes must have shape \(\*, 4\), got \(2, 5\)"):
        lb.iou_loss(torch.rand(2, 5), torch.rand(2, 5))
    with pytest.raises(ValueError, match=r"weight must have the shape of boxes without their columns, \(2,\)"):
        lb.iou_loss(torch.rand(2, 4), torch.rand(2, 4), weight=torch.ones(3))
    with pytest.raises(ValueError, match="ratio must be above 0, got 0"):
        lb.inner_iou_loss(torch.rand(2, 4), torch.rand(2, 4), ratio=0.0)
    with pytest.raises(ValueError, match="penalty must be one of 'none', 'giou', 'diou', 'ciou', got 'eiou'"):
        lb.inner_iou_loss(torch.rand(2, 4), torch.rand(2, 4), penalty="eiou")
    with pytest.raises(ValueError, match="alpha must be above 1, got 1"):
        lb.wise_iou_loss(torch.rand(2, 4), torch.rand(2, 4), alpha=1.0)
    for name, wrong in (("mean", 0.0), ("delta", 0.0), ("gamma", -1.0)):
        with pytest.raises(ValueError, match=f"{name} must be"):
            lb.wise_iou_loss(torch.rand(2, 4), torch.rand(2, 4), **{name: wrong})
    with pytest.raises(ValueError, match="focusing must be one of"):
        lb.wise_iou_loss(torch.rand(2, 4), torch.rand(2, 4), focusing="static")
    for size in ((1.0, 0.0), (-1.0, 1.0), (2.0,)):
        with pytest.raises(ValueError, match=r"image_size must be height and width, both above 0, got \("):
            lb.mpdiou_loss(torch.rand(2, 4), torch.rand(2, 4), image_size=size)
    with pytest.raises(ValueError, match="tau must be at least 1"):
        lb.gwd_loss(torch.rand(2, 5), torch.rand(2, 5), tau=0.5)
    with pytest.raises(ValueError, match=r"target must lie in \[0, 2\]"):
        lb.distribution_focal_loss(torch.rand(1, 3), torch.tensor([2.5]))


# --- definitions, one pair of boxes at a time -------------------------------------------------------------------------


def corner_boxes(random: np.random.Generator) -> np.ndarray:
    low = random.uniform(-2, 2, (5, 2))
    return np.concatenate([low, low + random.uniform(1, 4, (5, 2))], 1)


class Parts(NamedTuple):
    """Intersection over union; the gap of GIoU; the distance of DIoU; the errors of the sides of EIoU."""

    iou: float
    gap: float
    far: float
    shape: float


def parts(b: np.ndarray, t: np.ndarray) -> Parts:
    sides = [max(min(b[k + 2], t[k + 2]) - max(b[k], t[k]), 0.0) for k in (0, 1)]
    around = [max(b[k + 2], t[k + 2]) - min(b[k], t[k]) for k in (0, 1)]
    both = sides[0] * sides[1]
    union = (b[2] - b[0]) * (b[3] - b[1]) + (t[2] - t[0]) * (t[3] - t[1]) - both
    step = [(b[k] + b[k + 2] - t[k] - t[k + 2]) / 2 for k in (0, 1)]
    shape = sum(((b[k + 2] - b[k] - t[k + 2] + t[k]) / around[k]) ** 2 for k in (0, 1))
    box = around[0] * around[1]
    far = (step[0] ** 2 + step[1] ** 2) / (around[0] ** 2 + around[1] ** 2)
    return Parts(both / union, 1 - union / box, far, shape)


DEFINITIONS = {
    "iou_loss": lambda p: 1 - p.iou,
    "giou_loss": lambda p: 1 - p.iou + p.gap,
    "diou_loss": lambda p: 1 - p.iou + p.far,
    "eiou_loss": lambda p: 1 - p.iou + p.far + p.shape,
    "focal_eiou_loss": lambda p: p.iou**0.5 * (1 - p.iou + p.far + p.shape),
    "alpha_iou_loss": lambda p: 1 - p.iou**3,
}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", DEFINITIONS)
def test_overlap_of_boxes(name, seed):
    random = np.random.default_rng(seed)
    boxes, target, weight = corner_boxes(random), corner_boxes(random), random.integers(3, size=5) / 2
    values = np.array([DEFINITIONS[name](parts(b, t)) for b, t in zip(boxes, target, strict=True)])
    compare(getattr(lb, name), (boxes, target), {"weight": weight}, values * weight, weight)


@pytest.mark.parametrize("seed", range(6))
def test_balanced_l1_loss(seed):
    random = np.random.default_rng(seed)
    prediction, target = 2 * random.standard_normal((2, 4, 3))
    alpha, gamma, beta = random.uniform(0.5, 2, 3)
    b, values = math.exp(gamma / alpha) - 1, np.zeros((4, 3))
    for index, r in np.ndenumerate(np.abs(prediction - target)):
        u = b * r / beta
        near = alpha * beta / b * ((1 + u) * math.log(1 + u) - u)
        values[index] = near if r < beta else gamma * r + gamma * beta / b - alpha * beta
    settings = {"alpha": float(alpha), "gamma": float(gamma), "beta": float(beta)}
    compare(lb.balanced_l1_loss, (prediction, target), settings, values, np.ones_like(values))


def pair_value(score, *pairs):
    return np.array([score(b, t) for b, t in zip(*pairs, strict=True)])


def aspect_terms(b: np.ndarray, t: np.ndarray, gated: bool) -> tuple[float, float]:
    """`v` of complete IoU, and its weight."""
    angles = [math.atan((box[2] - box[0]) / (box[3] - box[1])) for box in (t, b)]
    v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    j = parts(b, t).iou
    return v, 0.0 if v == 0 or (gated and j < 0.5) else v / (1 - j + v)


def near_boxes(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pairs with much overlap, with little, with none, and of two boxes that agree."""
    target = corner_boxes(random)
    boxes = target + np.array([0.1, 0.4, 1.0, 3.0, 0.0])[:, None] * random.uniform(-0.5, 0.5, (5, 4))
    boxes[2] += 4
    boxes[3, 2:] = np.maximum(boxes[3, 2:], boxes[3, :2] + 0.5)
    return boxes, target


@pytest.mark.parametrize("seed", range(8))
def test_ciou_loss(seed):
    random = np.random.default_rng(seed)
    (boxes, target), weight = near_boxes(random), random.integers(3, size=5) / 2
    gated, detach_alpha = bool(seed % 2), bool(seed // 2 % 2)

    def score(b, t):
        p, (v, alpha) = parts(b, t), aspect_terms(b, t, gated)
        return 1 - p.iou + p.far + alpha * v

    settings = {"gated": gated, "detach_alpha": detach_alpha, "weight": weight}
    compare(lb.ciou_loss, (boxes, target), settings, pair_value(score, boxes, target) * weight, weight)


@pytest.mark.parametrize("seed", range(8))
def test_siou_loss(seed):
    """The angle as the paper writes it; boxes whose centers agree have none."""
    random = np.random.default_rng(seed)
    (boxes, target), weight = near_boxes(random), random.integers(3, size=5) / 2
    theta = random.uniform(1, 6)

    def score(b, t):
        x, y = [(b[k] + b[k + 2] - t[k] - t[k + 2]) / 2 for k in (0, 1)]
        away = math.hypot(x, y)
        angle = 1 - 2 * math.sin(math.asin(min(abs(y) / away, 1.0)) - math.pi / 4) ** 2 if away > 0 else 0.0
        distance = shape = 0.0
        for k, step in ((0, x), (1, y)):
            rho = (step / (max(b[k + 2], t[k + 2]) - min(b[k], t[k]))) ** 2
            distance += 1 - math.exp(-(2 - angle) * rho)
            side, other = b[k + 2] - b[k], t[k + 2] - t[k]
            shape += (1 - math.exp(-abs(side - other) / max(side, other))) ** theta
        return 1 - parts(b, t).iou + (distance + shape) / 2

    values = pair_value(score, boxes, target)
    compare(lb.siou_loss, (boxes, target), {"theta": float(theta), "weight": weight}, values * weight, weight)


@pytest.mark.parametrize("seed", range(12))
def test_forms_of_overlap(seed):
    random = np.random.default_rng(seed)
    (boxes, target), weight = near_boxes(random), random.integers(3, size=5) / 2
    form, eps = ("linear", "log", "square")[seed % 3], random.uniform(0.01, 0.5)
    forms = {"linear": lambda j: 1 - j, "square": lambda j: 1 - j**2, "log": lambda j: -math.log(max(j, eps))}
    values = pair_value(lambda b, t: forms[form](parts(b, t).iou), boxes, target)
    compare(lb.iou_loss, (boxes, target), {"form": form, "eps": eps, "weight": weight}, values * weight, weight)

    gamma = float(random.choice([0.0, 0.5, 1.0, 2.5]))
    values = pair_value(lambda b, t: parts(b, t).iou ** gamma * DEFINITIONS["eiou_loss"](parts(b, t)), boxes, target)
    compare(lb.focal_eiou_loss, (boxes, target), {"gamma": gamma, "weight": weight}, values * weight, weight)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("penalty", ["none", "giou", "diou", "ciou"])
def test_penalties_of_alpha_iou_loss(penalty, seed):
    random = np.random.default_rng(seed)
    (boxes, target), weight = near_boxes(random), random.integers(3, size=5) / 2
    alpha = (1.0, 1.5, 2.0, 3.0)[seed]  # a root would make a gap out of the rounding of 0

    def score(b, t):
        p, (v, share) = parts(b, t), aspect_terms(b, t, gated=False)
        terms = {"none": [], "giou": [p.gap], "diou": [p.far], "ciou": [p.far, share * v]}[penalty]
        return 1 - p.iou**alpha + sum(max(term, 0.0) ** alpha for term in terms)

    settings = {"alpha": alpha, "penalty": penalty, "weight": weight}
    compare(lb.alpha_iou_loss, (boxes, target), settings, pair_value(score, boxes, target) * weight, weight)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("penalty", ["none", "giou", "diou", "ciou"])
def test_inner_iou_loss(penalty, seed):
    """With a penalty as the paper writes it: the plain loss, plus IoU, minus that of the scaled boxes."""
    random = np.random.default_rng(seed)
    (boxes, target), weight = near_boxes(random), random.integers(3, size=5) / 2
    ratio = random.uniform(0.3, 2)

    def scaled(box):
        middle, half = (box[:2] + box[2:]) / 2, ratio * (box[2:] - box[:2]) / 2
        return np.concatenate([middle - half, middle + half])

    def score(b, t):
        p, inner, (v, share) = parts(b, t), parts(scaled(b), scaled(t)).iou, aspect_terms(b, t, gated=False)
        plain = 1 - p.iou + {"none": 0.0, "giou": p.gap, "diou": p.far, "ciou": p.far + share * v}[penalty]
        return plain + p.iou - inner

    settings = {"ratio": float(ratio), "penalty": penalty, "weight": weight}
    compare(lb.inner_iou_loss, (boxes, target), settings, pair_value(score, boxes, target) * weight, weight)


@pytest.mark.parametrize(("penalty", "plain"), [("none", lb.iou_loss), ("giou", lb.giou_loss), ("diou", lb.diou_loss),
                                                ("ciou", lb.ciou_loss)])  # fmt: skip
def test_inner_iou_loss_of_ratio_1_is_the_plain_loss(penalty, plain):
    boxes, target = draw(lb.cards["giou_loss"], batch=5)
    assert torch.equal(lb.inner_iou_loss(boxes, target, ratio=1.0, penalty=penalty), plain(boxes, target))


def test_what_the_ratio_of_inner_iou_loss_does_to_the_gradient():
    """Small: larger near the target, none where the overlap is slight. Large: also where there is no overlap."""

    def slopes(shift):
        box = UNIT + torch.tensor([shift, 0.0, shift, 0.0], dtype=torch.float64)
        return [autograd(lb.inner_iou_loss, box, UNIT, ratio=ratio).norm().item() for ratio in (0.5, 1.0, 1.5)]

    small, plain, large = slopes(0.1)
    assert small > plain > large > 0
    small, plain, large = slopes(0.7)
    assert small == 0 and plain > 0 and large > 0
    small, plain, large = slopes(1.2)
    assert small == plain == 0 and large > 0


@pytest.mark.parametrize("seed", range(6))
def test_mpdiou_loss(seed):
    random = np.random.default_rng(seed)
    (boxes, target), weight = near_boxes(random), random.integers(3, size=5) / 2
    height, width = random.uniform(0.5, 20, 2)

    def score(b, t):
        squares = sum((b[k] - t[k]) ** 2 for k in range(4))
        return 1 - parts(b, t).iou + squares / (height**2 + width**2)

    settings = {"image_size": (float(height), float(width)), "weight": weight}
    compare(lb.mpdiou_loss, (boxes, target), settings, pair_value(score, boxes, target) * weight, weight)


def test_mpdiou_loss_tells_apart_boxes_of_one_center_and_aspect_ratio():
    """Half and twice the size: one IoU, and no penalty in complete IoU; the larger error costs more here."""
    half = torch.tensor([[0.25, 0.25, 0.75, 0.75]], dtype=torch.float64)
    twice = torch.tensor([[-0.5, -0.5, 1.5, 1.5]], dtype=torch.float64)
    assert lb.ciou_loss(half, UNIT).item() == pytest.approx(0.75)
    assert lb.ciou_loss(twice, UNIT).item() == pytest.approx(0.75)
    assert lb.mpdiou_loss(half, UNIT).item() == pytest.approx(0.75 + 0.125)
    assert lb.mpdiou_loss(twice, UNIT).item() == pytest.approx(0.75 + 0.5)


def test_mpdiou_loss_is_at_most_3_inside_the_picture():
    low, high = torch.tensor([[0.0, 0.0, 0.0, 0.0]]), torch.tensor([[8.0, 6.0, 8.0, 6.0]])
    assert lb.mpdiou_loss(low, high, image_size=(6.0, 8.0)).item() == pytest.approx(3)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("focusing", ["none", "monotonic", "dynamic"])
def test_wise_iou_loss(focusing, seed):
    """With the dynamic gain as the paper writes it, the power below the line."""
    random = np.random.default_rng(seed)
    (boxes, target), weight = near_boxes(random), random.integers(3, size=5) / 2
    mean, gamma, alpha, delta = (float(x) for x in random.uniform([0.1, 0.0, 1.2, 1.0], [1.0, 2.0, 2.5, 5.0]))

    def score(b, t):
        p = parts(b, t)
        beta = (1 - p.iou) / mean
        gain = {"none": 1.0, "monotonic": beta**gamma, "dynamic": beta / (delta * alpha ** (beta - delta))}[focusing]
        return gain * math.exp(p.far) * (1 - p.iou)

    settings = {"focusing": focusing, "mean": mean, "gamma": gamma, "alpha": alpha, "delta": delta,
                "detach_diagonal": bool(seed % 2), "weight": weight}  # fmt: skip
    compare(lb.wise_iou_loss, (boxes, target), settings, pair_value(score, boxes, target) * weight, weight)


def test_dynamic_gain_of_wise_iou_loss():
    """1 where the loss of a pair is delta times the mean, largest where it is 1 / log(alpha) times the mean."""
    box = torch.tensor([[0.0, 0.0, 0.5, 1.0]], dtype=torch.float64)
    wrong, plain = lb.iou_loss(box, UNIT).item(), lb.wise_iou_loss(box, UNIT)

    def gain(beta):
        return (lb.wise_iou_loss(box, UNIT, focusing="dynamic", mean=wrong / beta) / plain).item()

    best = 1 / math.log(1.9)
    assert gain(3.0) == pytest.approx(1)
    assert gain(best) > max(gain(0.99 * best), gain(1.01 * best)) > 1 > gain(0.1)
    assert gain(20.0) < 1e-3


def test_what_wise_iou_loss_holds_fixed():
    """Apart: the gradient only moves the box, both corners alike; through the diagonal it would also grow the box."""
    box = UNIT + torch.tensor([3.0, 0.0, 3.0, 0.0], dtype=torch.float64)
    slope = math.exp(9 / 17) * 3 / 17
    held, free = (autograd(lb.wise_iou_loss, box, UNIT, detach_diagonal=detach)[0] for detach in (True, False))
    assert held.tolist() == pytest.approx([slope, 0, slope, 0])
    assert free[[0, 2]].tolist() == pytest.approx([slope, slope - math.exp(9 / 17) * 9 / 17**2 * 8])
    focused = autograd(lb.wise_iou_loss, box, UNIT, focusing="monotonic", mean=0.25)[0]
    assert focused.tolist() == pytest.approx([2 * slope, 0, 2 * slope, 0])


# --- definitions of boxes as Gaussians, by matrices -------------------------------------------------------------------


def turned_boxes(random: np.random.Generator) -> np.ndarray:
    return np.concatenate([random.uniform(-2, 2, (5, 2)), random.uniform(0.5, 4, (5, 2)),
                           random.uniform(-4, 4, (5, 1))], 1)  # fmt: skip


def gaussian(box: np.ndarray, smallest: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance."""
    if len(box) == 4:
        box = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1], 0.0])
    c, s = math.cos(box[4]), math.sin(box[4])
    turn = np.array([[c, -s], [s, c]])
    return box[:2], turn @ np.diag(np.maximum(box[2:4], smallest) ** 2 / 4) @ turn.T


def root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def wasserstein(b: np.ndarray, t: np.ndarray) -> float:
    """Its square."""
    (m, s), (n, r) = gaussian(b), gaussian(t)
    middle = root(s) @ r @ root(s)
    return ((m - n) ** 2).sum() + np.trace(s + r - 2 * root((middle + middle.T) / 2))


def divergence(b: np.ndarray, t: np.ndarray, smallest: float) -> float:
    (m, s), (n, r) = gaussian(b, smallest), gaussian(t, smallest)
    inverse, step = np.linalg.inv(r), m - n
    volumes = math.log(np.linalg.det(r) / np.linalg.det(s))
    return (step @ inverse @ step + np.trace(inverse @ s) + volumes) / 2 - 1


def bent(distance: float, form: str, tau: float) -> float:
    if form == "raw":
        return distance
    return 1 - 1 / (tau + (math.log(1 + distance) if form == "log" else math.sqrt(distance)))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", [corner_boxes, turned_boxes])
def test_gwd_loss_and_nwd_loss(kind, seed):
    random = np.random.default_rng(seed)
    boxes, target, weight = kind(random), kind(random), random.integers(3, size=5) / 2
    form, tau, constant = ("raw", "log", "sqrt")[seed % 3], random.uniform(1, 3), random.uniform(0.5, 15)
    values = pair_value(lambda b, t: bent(wasserstein(b, t), form, tau), boxes, target)
    compare(lb.gwd_loss, (boxes, target), {"form": form, "tau": tau, "weight": weight}, values * weight, weight)
    values = pair_value(lambda b, t: 1 - math.exp(-math.sqrt(wasserstein(b, t)) / constant), boxes, target)
    compare(lb.nwd_loss, (boxes, target), {"constant": constant, "weight": weight}, values * weight, weight)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", [corner_boxes, turned_boxes])
@pytest.mark.parametrize("direction", ["forward", "backward", "min", "max", "jeffreys"])
def test_kld_loss(direction, kind, seed):
    random = np.random.default_rng(seed)
    boxes, target, weight = kind(random), kind(random), random.integers(3, size=5) / 2
    form, tau, smallest = ("raw", "log", "sqrt")[seed % 3], random.uniform(1, 3), random.choice([1e-3, 1.5])

    def score(b, t):
        there, back = divergence(b, t, smallest), divergence(t, b, smallest)
        both = {"forward": there, "backward": back, "min": min(there, back), "max": max(there, back)}
        return bent(max(both.get(direction, there + back), 0.0), form, tau)

    settings = {"direction": direction, "form": form, "tau": tau, "min_size": float(smallest), "weight": weight}
    compare(lb.kld_loss, (boxes, target), settings, pair_value(score, boxes, target) * weight, weight)


# --- definitions of scores, one entry at a time -----------------------------------------------------------------------

IGNORED = 255.0


def scores(random: np.random.Generator, ignore: bool) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and targets that are 0, 1 or between; some ignored."""
    logits, target = 2 * random.standard_normal((4, 5)), random.random((4, 5))
    target[random.random((4, 5)) < 0.3], target[random.random((4, 5)) < 0.3] = 0.0, 1.0
    if ignore:
        target[random.random((4, 5)) < 0.3] = IGNORED
    return logits, target


def cross_entropy_of(p: float, y: float) -> float:
    return -y * math.log(p) - (1 - y) * math.log(1 - p)


@pytest.mark.parametrize("seed", range(10))
def test_quality_focal_loss_and_varifocal_loss(seed):
    random = np.random.default_rng(seed)
    ignore = {"ignore_index": int(IGNORED)} if seed % 2 else {}
    logits, target = scores(random, bool(ignore))
    beta, alpha, gamma = random.choice([0.0, 0.5, 1.0, 2.0]), random.uniform(0, 1), random.choice([0.0, 1.5, 2.0])
    quality, vari, counted = np.zeros((4, 5)), np.zeros((4, 5)), (target != IGNORED).astype(float)
    for index, z in np.ndenumerate(logits):
        p, q = 1 / (1 + math.exp(-z)), target[index]
        if counted[index]:
            quality[index] = abs(q - p) ** beta * cross_entropy_of(p, q)
            vari[index] = (q if q > 0 else alpha * p**gamma) * cross_entropy_of(p, q)
    compare(lb.quality_focal_loss, (logits, target), {"beta": float(beta)} | ignore, quality, counted)
    compare(lb.varifocal_loss, (logits, target), {"alpha": alpha, "gamma": float(gamma)} | ignore, vari, counted)


@pytest.mark.parametrize("seed", range(10))
def test_gaussian_focal_loss(seed):
    """The mean divides by the number of peaks."""
    random = np.random.default_rng(seed)
    ignore = {"ignore_index": int(IGNORED)} if seed % 2 else {}
    logits, target = scores(random, bool(ignore))
    alpha, beta = float(random.choice([0.0, 1.0, 2.0])), float(random.choice([0.0, 1.0, 4.0]))
    values = np.zeros((4, 5))
    for index, z in np.ndenumerate(logits):
        p, y = 1 / (1 + math.exp(-z)), target[index]
        if y == 1:
            values[index] = -((1 - p) ** alpha) * math.log(p)
        elif y != IGNORED:
            values[index] = -((1 - y) ** beta) * p**alpha * math.log(1 - p)
    compare(lb.gaussian_focal_loss, (logits, target), {"alpha": alpha, "beta": beta} | ignore, values, target == 1)


def test_gaussian_focal_loss_divides_by_one_where_no_peak_is():
    logits, target = torch.tensor([0.3, -1.0, 2.0]), torch.tensor([0.0, 0.5, 0.25])
    one_by_one = lb.gaussian_focal_loss(logits, target, reduction="none")
    assert torch.allclose(lb.gaussian_focal_loss(logits, target), one_by_one.sum())


@pytest.mark.parametrize("seed", range(8))
def test_distribution_focal_loss(seed):
    random = np.random.default_rng(seed)
    bins, size = int(random.integers(2, 7)), [(), (3,), (2, 3)][seed % 3]
    logits, target = 2 * random.standard_normal((4, bins, *size)), random.uniform(0, bins - 1, (4, *size))
    target[0], target[1] = 0.0, bins - 1.0  # the first and the last bin
    values = np.zeros(target.shape)
    for n, *place in np.ndindex(target.shape):
        z, y = logits[(n, slice(None), *place)], target[(n, *place)]
        log_p = z - math.log(np.exp(z).sum())
        i = min(int(y), bins - 2)
        values[(n, *place)] = -(i + 1 - y) * log_p[i] - (y - i) * log_p[i + 1]
    compare(lb.distribution_focal_loss, (logits, target), {}, values, np.ones_like(values))


@pytest.mark.parametrize("seed", range(12))
def test_detection_loss(seed):
    """What stands at the place of a box that is background does not matter."""
    random = np.random.default_rng(seed)
    background, box_loss = int(random.choice([-1, 2, 9])), ("iou", "giou", "diou")[seed % 3]
    logits, objectness = 2 * random.standard_normal((5, 4)), 2 * random.standard_normal(5)
    (boxes, truth), target = near_boxes(random), random.integers(4, size=5)
    target[random.random(5) < 0.4 if seed else np.full(5, True)] = background
    settings = dict(zip(("class_weight", "box_weight", "objectness_weight"), random.uniform(0, 3, 3), strict=True))
    settings["class_weight" if seed % 2 else "box_weight"] = 0.0
    held, values = (target != background).astype(float), np.zeros(5)
    for i, y in enumerate(target):
        p = 1 / (1 + math.exp(-objectness[i]))
        values[i] = settings["objectness_weight"] * cross_entropy_of(p, held[i])
        if held[i]:
            surprise = math.log(np.exp(logits[i]).sum()) - logits[i, y]
            area = DEFINITIONS[f"{box_loss}_loss"](parts(boxes[i], truth[i]))
            values[i] += settings["class_weight"] * surprise + settings["box_weight"] * area
    truth[held == 0] = math.nan
    found = {"none": values, "sum": values.sum(), "mean": values.sum() / max(held.sum(), 1)}
    arguments = [torch.from_numpy(a) for a in (logits, boxes, objectness, target, truth)]
    for reduction, wanted in found.items():
        loss = lb.detection_loss(*arguments, box_loss=box_loss, background=background, reduction=reduction, **settings)
        np.testing.assert_allclose(loss.numpy(), wanted, rtol=1e-9, atol=1e-12)
