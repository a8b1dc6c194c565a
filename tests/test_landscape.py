"""Loss landscapes: a quadratic whose landscape is known, and what filter normalization is for."""

import pytest
import torch
from torch import nn

import lossbook as lb
from lossbook.measure.landscape import loss_landscape, random_direction


class Weights(nn.Module):
    """A network whose output is its weights, so that the score is a function of the weights alone."""

    def __init__(self, start):
        super().__init__()
        self.weight = nn.Parameter(start.clone())

    def forward(self, _):
        return self.weight


def rectifiers():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6, 3)
    ).double()


def test_quadratic_in_two_directions():
    center = torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64)
    curvature = torch.tensor([[4.0, 1.0, 0.25]], dtype=torch.float64)
    model = Weights(center)
    first, second = ({"weight": torch.eye(3, dtype=torch.float64)[[i]]} for i in (0, 2))
    steps = torch.linspace(-2, 2, 5, dtype=torch.float64)
    found = loss_landscape(
        model, torch.zeros(1), lambda w: (curvature * (w - center) ** 2).sum(), [first, second], steps
    )
    assert torch.allclose(found, 4.0 * steps[:, None] ** 2 + 0.25 * steps[None, :] ** 2)


def test_quadratic_along_a_random_direction_is_a_parabola():
    model = Weights(torch.randn(3, 4, dtype=torch.float64))
    direction = random_direction(model, seed=3)
    steps = torch.tensor([-1.0, 0.0, 0.5, 2.0], dtype=torch.float64)
    found = loss_landscape(model, torch.zeros(1), lambda w: (w**2).sum(), [direction], steps)
    w, d = model.weight.detach(), direction["weight"]
    expected = (w**2).sum() + 2 * steps * (w * d).sum() + steps**2 * (d**2).sum()
    assert torch.allclose(found, expected)
    assert torch.isclose((d**2).sum(), (w**2).sum())  # filters have the lengths of the network's


def test_several_scores_at_once_and_the_network_stays_as_it_was():
    model, inputs = rectifiers(), torch.randn(5, 1, 8, 8, dtype=torch.float64)
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    directions = [random_direction(model, seed=seed) for seed in (0, 1)]
    both = loss_landscape(
        model, inputs, lambda z: torch.stack([z.mean(), (z**2).mean()]), directions, torch.tensor([-0.5, 0.0, 1.0])
    )
    assert both.shape == (3, 3, 2)
    assert torch.isclose(both[1, 1, 0], model(inputs).mean())
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_filter_normalization_undoes_a_rescaling():
    plain, scaled = rectifiers()[:4], rectifiers()[:4]
    with torch.no_grad():
        scaled[0].weight *= 10
        scaled[0].bias *= 10
        scaled[2].weight /= 10
    inputs, steps = torch.randn(4, 1, 9, 9, dtype=torch.float64), torch.linspace(-1, 1, 7, dtype=torch.float64)
    assert torch.allclose(plain(inputs), scaled(inputs))

    def along(model, normalize):
        direction = random_direction(model, seed=1, normalize=normalize)
        return loss_landscape(model, inputs, lambda z: (z**2).mean(), [direction], steps)

    assert torch.allclose(along(plain, "filter"), along(scaled, "filter"))
    assert not torch.allclose(along(plain, None), along(scaled, None), rtol=0.1)


def test_directions_are_seeded_and_leave_biases_alone():
    model = rectifiers()
    one, same, other = (random_direction(model, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["0.weight"], other["0.weight"])
    assert not one["0.bias"].any()


def test_a_filter_of_zeros_stays():
    model = Weights(torch.zeros(2, 3))
    assert torch.equal(random_direction(model, seed=0)["weight"], torch.zeros(2, 3))


def test_bad_arguments():
    model = rectifiers()
    with pytest.raises(ValueError, match="normalize"):
        random_direction(model, seed=0, normalize="layer")
    with pytest.raises(ValueError, match="directions: expected one or two"):
        loss_landscape(model, torch.zeros(1), torch.sum, [], torch.zeros(1))
    with pytest.raises(ValueError, match="each parameter"):
        loss_landscape(model, torch.zeros(1), torch.sum, [{}], torch.zeros(1))


def test_contours_draw_one_panel_per_surface():
    steps = torch.linspace(-1, 1, 9)
    bowl = steps[:, None] ** 2 + steps[None, :] ** 2
    fig = lb.plots.landscape_contours({"bowl": bowl + 0.1, "signed": bowl - 1, "flat": torch.ones(9, 9)}, steps)
    titles = [ax.get_title() for ax in fig.axes if ax.get_title()]
    assert titles == ["bowl", "signed", "flat"]
    with pytest.raises(ValueError, match="surfaces"):
        lb.plots.landscape_contours({"bowl": bowl[:3]}, steps)


def test_line_panels():
    x = torch.linspace(0, 1, 5)
    panels = [
        {"x": x, "curves": {"square": ("mse_loss", x**2), "line": x}, "title": "two", "ylim": (0, 2)},
        {"x": x, "curves": {"one": x}, "xlabel": "x"},
    ]
    first, second = lb.plots.line_panels(panels).axes
    assert first.get_title() == "two"
    assert first.get_ylim() == (0, 2)
    assert first.lines[0].get_color() == lb.plots.color_of("mse_loss")
    assert second.get_legend() is None
    assert second.get_xlabel() == "x"
    with pytest.raises(ValueError, match="curves"):
        lb.plots.line_panels([{"x": x, "curves": {"short": x[:2]}}])
