"""The atlas draws every loss: its line runs through the domain, and the slope that is drawn is that of the curve."""

import matplotlib.pyplot as plt
import pytest
import torch

import lossbook as lb
from lossbook.plots import profiles

CARDS = [pytest.param(card, id=name) for name, card in lb.cards.items() if card.kind != "objective"]


@pytest.mark.parametrize("card", CARDS)
def test_every_loss_has_a_line_with_the_slope_of_its_curve(card):
    path = profiles.line_of(card)
    assert path is not None, "lossbook/plots/profiles.py knows no line for it"
    xs, values, slopes = profiles.values_along(card, path, 25)
    assert values.isfinite().all() and slopes.isfinite().all()
    if card.properties["smooth"].holds and not card.detached:
        x, step = xs[7], 1e-5
        ends = [card.function(*path.at(x + sign * step), **path.settings) for sign in (1, -1)]
        assert slopes[7].item() == pytest.approx(((ends[0] - ends[1]) / (2 * step)).item(), rel=1e-4, abs=1e-7)


def test_text_says_where_the_lowest_point_is():
    assert (
        profiles.profile_text(lb.cards["l1_loss"]) == "One number whose true value is 1. The loss is lowest, 0, at 1."
    )


def test_figure_has_loss_and_slope():
    fig = profiles.profile_figure(lb.cards["dice_loss"])
    assert [ax.get_title() for ax in fig.axes] == ["Loss", "Slope along the line"]
    for ax in fig.axes:
        assert ax.get_xlabel() and torch.tensor(ax.lines[0].get_ydata()).isfinite().all()
    plt.close(fig)
