"""Figures of forecasts: what is drawn is what was given."""

import matplotlib.pyplot as plt
import pytest
import torch

import lossbook as lb

pytestmark = pytest.mark.usefixtures("book_style")


def test_lines_of_forecasts():
    fig = lb.plots.forecast_lines(
        torch.arange(5.0),
        {"mse_loss": torch.ones(5), "naive": torch.zeros(5)},
        xlabel="hour",
        ylabel="vehicles",
        title="t",
    )
    (ax,) = fig.axes
    measured, mse, naive = ax.lines
    assert measured.get_ydata().tolist() == [0, 1, 2, 3, 4]
    assert mse.get_color() == lb.plots.color_of("mse_loss")
    assert naive.get_linestyle() == ":"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["measured", "mse_loss", "naive"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("hour", "vehicles", "t")


def test_panels_that_share_an_axis_have_one_legend():
    _, axes = plt.subplots(1, 2, sharey=True)
    for ax in axes:
        lb.plots.forecast_lines(torch.zeros(3), {}, xlabel="x", ylabel="y", ax=ax)
    assert axes[0].get_legend() is not None
    assert axes[1].get_legend() is None
    assert (axes[0].get_ylabel(), axes[1].get_ylabel()) == ("y", "")


def test_fan_of_intervals():
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    fig = lb.plots.fan_chart(torch.zeros(4), torch.arange(20.0).reshape(4, 5), levels, xlabel="x", ylabel="y")
    (ax,) = fig.axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["90 %", "50 %", "measured"]
    assert len(ax.collections) == 2


def test_histograms():
    fig = lb.plots.pit_histograms({"mse_loss": torch.full((4,), 0.25), "l1_loss": torch.tensor([1.0, 0, 0, 0])})
    assert [ax.get_title() for ax in fig.axes] == ["mse", "l1"]
    assert [bar.get_height() for bar in fig.axes[1].patches] == [1, 0, 0, 0]
    assert fig.axes[0].lines[0].get_ydata()[0] == 0.25
