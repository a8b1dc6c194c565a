"""Figures and tables: what a reader is shown, and what stands in the notebook."""

import io
import math

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

import lossbook as lb
from lossbook import plots

mpl.use("Agg")
pytestmark = pytest.mark.usefixtures("book_style")


@pytest.fixture
def shown(monkeypatch):
    """Everything that is displayed, as (data, metadata)."""
    import IPython.display

    seen = []
    monkeypatch.setattr(IPython.display, "display", lambda item, **o: seen.append((item, o.get("metadata"))))
    return seen


# --- style ---------------------------------------------------------------------------------------------------------


def test_every_loss_has_a_style_of_its_own_in_its_family():
    assert set(lb.cards) == set(plots.COLORS)
    for family in {card.family for card in lb.cards.values()}:
        members = [name for name, card in lb.cards.items() if card.family == family]
        assert len({(plots.color_of(name), plots.line_style_of(name)) for name in members}) == len(members), family
    assert set(plots.COLORS.values()) <= set(plots.OKABE_ITO.values())


def test_no_color_of_a_line_is_too_pale_for_white_ground():
    """Contrast of graphics against white, as WCAG computes it."""

    def luminance(color):
        rgb = np.array(mpl.colors.to_rgb(color))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    contrasts = {name: 1.05 / (luminance(color) + 0.05) for name, color in plots.COLORS.items()}
    assert min(contrasts.values()) > 2.0, contrasts


def test_unknown_loss_is_refused():
    with pytest.raises(ValueError, match=r"COLORS, got 'dice'"):
        plots.color_of("dice")


def test_style_is_the_books():
    assert mpl.rcParams["figure.figsize"] == [6.0, 4.0]
    assert mpl.rcParams["font.size"] == 11.0
    assert mpl.rcParams["savefig.facecolor"] == mpl.rcParams["figure.facecolor"] == "white"


# --- showing -------------------------------------------------------------------------------------------------------


def test_show_writes_a_palette_png_with_alt_text_and_closes_the_figure(shown):
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1])
    plots.show(fig, alt="A line that rises from 0 to 1.")
    ((data, metadata),) = shown
    picture = Image.open(io.BytesIO(data["image/png"]))
    assert picture.mode == "P"
    assert picture.size == (600, 400)
    assert picture.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
    assert metadata == {"image/png": {"alt": "A line that rises from 0 to 1."}}
    assert data["text/plain"] == "A line that rises from 0 to 1."
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize("alt", ["", "figure", None])
def test_show_refuses_an_empty_description(alt):
    with pytest.raises(ValueError, match="alt: expected a description"):
        plots.show(plt.figure(), alt=alt)


def test_palette_keeps_the_picture():
    """Few colors survive exactly; a photograph survives nearly; the file gets smaller or stays."""
    flat = np.zeros((60, 60, 3), np.uint8)
    flat[20:, :, 0], flat[:, 30:, 2] = 200, 90
    rng = np.random.default_rng(0)
    smooth = np.clip(np.linspace(0, 200, 60)[:, None, None] + rng.integers(0, 50, (60, 60, 3)), 0, 255).astype(np.uint8)
    for pixels, tolerance in ((flat, 0), (smooth, 12)):
        raw = io.BytesIO()
        Image.fromarray(pixels).save(raw, "PNG")
        small = plots.palette_png(raw.getvalue())
        again = np.asarray(Image.open(io.BytesIO(small)).convert("RGB")).astype(int)
        assert np.abs(again - pixels).mean() <= tolerance
        assert len(small) <= len(raw.getvalue())
        assert plots.palette_png(small) == small


def test_transparent_ground_becomes_white():
    raw = io.BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(raw, "PNG")
    assert Image.open(io.BytesIO(plots.palette_png(raw.getvalue()))).convert("RGB").getpixel((5, 5)) == (255,) * 3


# --- lines ---------------------------------------------------------------------------------------------------------


def test_gradient_beside_the_loss_is_its_derivative():
    x = torch.linspace(-2, 2, 41)
    fig = plots.loss_and_gradient({"dice_loss": lambda z: z**3, "dice_loss steep": lambda z: 2 * z**3}, x, xlabel="z")
    left, right = fig.axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), x**3, rtol=1e-6)
    np.testing.assert_allclose(right.lines[1].get_ydata(), 6 * x**2, rtol=1e-5)
    assert {line.get_color() for line in left.lines} == {plots.color_of("dice_loss")}
    assert [ax.get_xlabel() for ax in fig.axes] == ["z", "z"]
    with pytest.raises(ValueError, match="expected values of shape"):
        plots.loss_and_gradient({"dice_loss": lambda z: z.sum()}, x, xlabel="z")


def test_curves_draw_mean_and_range_over_seeds():
    fig = plots.curves({"focal_loss": ([0, 10], [[0.0, 1.0], [0.5, 0.6]])}, ylabel="Dice")
    (ax,) = fig.axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.25, 0.8])
    corners = ax.collections[0].get_paths()[0].vertices
    assert {(0.0, 0.0), (0.0, 0.5), (10.0, 0.6), (10.0, 1.0)} <= {tuple(np.round(c, 6)) for c in corners}
    with pytest.raises(ValueError, match="one list of 2 values per seed"):
        plots.curves({"focal_loss": ([0, 10], [0.0, 1.0])}, ylabel="Dice")


def test_interval_plot_draws_the_t_interval():
    values = [0.1, 0.2, 0.4]
    fig = plots.interval_plot({"dice_loss": values, "jaccard_loss": values}, xlabel="difference")
    (ax,) = fig.axes
    measured = lb.claims.measure(values)
    drawn = [tuple(line.get_xdata()) for line in ax.lines]
    assert (measured.low, measured.high) in drawn
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["dice_loss", "jaccard_loss"]


# --- pictures ------------------------------------------------------------------------------------------------------


def test_colors_of_labels():
    picture = plots.colorize_labels(torch.tensor([[0, 1], [3, 2]]))
    assert picture.shape == (2, 2, 3)
    assert picture[1, 0].tolist() == [0x00, 0x9E, 0x73]
    with pytest.raises(ValueError, match=r"labels: expected values in 0\.\.8"):
        plots.colorize_labels(torch.tensor([[9]]))


def test_prediction_grid_shows_the_same_images_in_every_column():
    images, truth = torch.rand(2, 3, 8, 8), torch.randint(0, 3, (2, 8, 8))
    fig = plots.prediction_grid(images, truth, {"cross_entropy": truth, "dice_loss": truth.roll(1, 1)})
    axes = np.array(fig.axes).reshape(2, 6)
    assert [ax.get_title() for ax in axes[0]] == ["input", "truth", "cross entropy", "error", "dice", "error"]
    np.testing.assert_array_equal(axes[1, 1].images[0].get_array(), axes[1, 2].images[0].get_array())
    assert (axes[1, 3].images[0].get_array() == 255).all()  # nothing wrong, all white
    wrong = (np.asarray(axes[1, 5].images[0].get_array()) != 255).any(-1)
    np.testing.assert_array_equal(wrong, (truth != truth.roll(1, 1))[1].numpy())
    with pytest.raises(ValueError, match=r"predictions\['dice_loss'\]: expected shape"):
        plots.prediction_grid(images, truth, {"dice_loss": truth[:1]})


# --- tables --------------------------------------------------------------------------------------------------------

SEEDS = {
    "focal_loss": {"dice": [0.50, 0.52, 0.51], "steps": [90, None, 110]},
    "cross_entropy": {"dice": [0.20, 0.21, 0.22], "steps": [None, None, None]},
    "dice_loss": {"dice": [0.60, 0.61, 0.62], "steps": [80, 80, 100]},
}
HEADS = {"dice": "↑ Dice", "steps": "↓ steps"}


def table(shown, results, heads=None, **settings):
    settings = {"baseline": "cross_entropy", "caption": "240 steps.", **settings}
    plots.results_table(results, heads or {"dice": "↑ Dice"}, **settings)
    return shown[-1][0]


def test_table_begins_with_the_baseline_and_names_seeds_and_budget(shown):
    data = table(shown, SEEDS, HEADS)
    rows = data["text/plain"].splitlines()
    assert [row.split()[0] for row in rows[:4]] == ["Loss", "cross_entropy", "focal_loss", "dice_loss"]
    assert "240 steps." in data["text/html"]
    assert "over 3 seeds" in data["text/plain"]
    assert "none of 3" in rows[1]
    assert "(2 of 3)" in rows[2]


def test_counts_have_no_decimals(shown):
    counted = {name: {"steps": [100, 120, 140]} for name in SEEDS}
    assert "<td>120 ±\xa050</td>" in table(shown, counted, {"steps": "steps"})["text/html"]
    measured = {name: {"seconds": [100.0, 120.5, 140.0]} for name in SEEDS}
    assert "<td>120.167 ±\xa0" in table(shown, measured, {"seconds": "seconds"})["text/html"]


def test_bold_is_what_beats_the_second_best_for_sure(shown):
    assert table(shown, SEEDS)["text/html"].count("<strong>") == 1
    assert "<strong>0.610 ±\xa00.025</strong>" in table(shown, SEEDS)["text/html"]
    close = {**SEEDS, "focal_loss": {"dice": [0.50, 0.52, 0.80]}}
    assert "<strong>" not in table(shown, close)["text/html"]
    smaller = table(shown, SEEDS, {"dice": "↓ error"})["text/html"]
    assert "<strong>0.210" in smaller
    assert "<strong>" not in table(shown, SEEDS, {"dice": "seconds"})["text/html"]


def test_two_seeds_are_too_few_for_bold(shown):
    few = {label: {"dice": metrics["dice"][:2]} for label, metrics in SEEDS.items()}
    data = table(shown, few)
    assert "<strong>" not in data["text/html"]
    assert "Bold" not in data["text/plain"]


def test_text_of_a_table_is_escaped_and_nan_is_no_number(shown):
    results = {"cross_entropy": {"dice": [math.nan]}, "a < b": {"dice": [0.5]}}
    html = table(shown, results)["text/html"]
    assert "a &lt; b" in html
    assert ">none<" in html


def test_table_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="baseline: expected one of"):
        plots.results_table(SEEDS, HEADS, baseline="l1_loss", caption="")
    uneven = {**SEEDS, "focal_loss": {"dice": [0.5], "steps": [1]}}
    with pytest.raises(ValueError, match="same number of seeds"):
        plots.results_table(uneven, HEADS, baseline="cross_entropy", caption="")
