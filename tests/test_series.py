"""Series: no origin sees its future, and the data are what their descriptions say."""

import numpy as np
import pytest
import torch

import lossbook as lb


def test_gaps_are_filled_from_the_past_alone():
    series = torch.arange(30.0)
    series[[0 + 3, 12, 19]] = torch.nan
    filled = lb.data.fill_from_past(series, season=7)
    assert filled[3] == 2
    assert filled[12] == 5
    assert filled[19] == 5  # a season before it was filled itself
    later = series.clone()
    later[20:] += 100
    assert torch.equal(lb.data.fill_from_past(later, season=7)[:20], filled[:20])


def test_a_series_that_begins_with_a_gap_is_refused():
    with pytest.raises(ValueError, match="first step"):
        lb.data.fill_from_past(torch.tensor([torch.nan, 1.0]), season=1)


def test_windows_meet_at_the_origin():
    past, future = lb.data.make_windows(torch.arange(50), torch.tensor([10, 40]), context=10, horizon=10)
    assert past[0].tolist() == list(range(10))
    assert future[1].tolist() == list(range(40, 50))
    past, _ = lb.data.make_windows(torch.rand(50, 3), torch.tensor([10]), context=4, horizon=2)
    assert past.shape == (1, 4, 3)


@pytest.mark.parametrize("origin", [3, 9])
def test_windows_that_leave_the_series_are_refused(origin):
    with pytest.raises(ValueError, match="origins"):
        lb.data.make_windows(torch.arange(10), torch.tensor([origin]), context=4, horizon=2)


def test_origins_whose_future_has_a_gap_are_left_out():
    series = torch.arange(40.0)
    series[[7, 30]] = torch.nan
    kept = lb.data.complete_origins(series, torch.arange(5, 36), horizon=3)
    assert kept.tolist() == [*range(8, 28), *range(31, 36)]


@pytest.mark.parametrize("gap", [0, 5])
def test_no_target_of_training_reaches_the_test(gap):
    folds = lb.data.rolling_origin(300, context=20, horizon=6, folds=4, test=36, gap=gap, stride=3)
    tested = []
    for fold in folds:
        assert fold.train.min() == 20
        assert fold.train.max() + 6 + gap <= fold.test.min()
        tested += [step for origin in fold.test.tolist() for step in range(origin, origin + 6)]
    assert tested == list(range(300 - 4 * 36, 300))  # each step once


def test_folds_without_a_past_are_refused():
    with pytest.raises(ValueError, match="no past"):
        lb.data.rolling_origin(60, context=20, horizon=5, folds=2, test=20)


def test_bicycles_on_a_grid():
    counts, calendar = lb.data.bike_hours()
    table = lb.data.bikeshare()
    assert counts.shape == (8760,)
    assert calendar.shape == (8760, 5)
    assert int(counts.isnan().sum()) == 8760 - len(table)
    row = table.iloc[4000]
    assert counts[(row["day"] - 1) * 24 + row["hr"]] == row["bikers"]
    assert torch.isfinite(calendar).all()


@pytest.mark.parametrize(("split", "count"), [("train", 1186), ("validation", 28), ("test", 84)])
def test_bicycle_windows(split, count):
    inputs, counts, present, weeks = lb.data.bike_windows(split)
    assert inputs.shape == (count, 72, 6)
    assert counts.shape == present.shape == (count, 24)
    assert weeks.shape == (count, 24, 4)
    assert torch.equal(inputs[:, 48:, 0], counts)
    assert torch.isfinite(inputs).all()
    rented, _ = lb.data.bike_hours()
    if split == "test":
        day = rented[300 * 24 : 301 * 24]
        assert torch.equal(present[20].bool(), ~day.isnan())
        assert torch.equal(counts[20][present[20].bool()], day[~day.isnan()])
        assert weeks[20, 12].tolist() == [rented[300 * 24 + 12 - 168 * k].item() for k in (4, 3, 2, 1)]
    if split == "train":
        assert weeks[0].isnan().all()


def test_bicycle_windows_of_three_parts_share_no_target():
    rented, _ = lb.data.bike_hours()
    filled = lb.data.fill_from_past(rented, season=168)
    last, first = lb.data.bike_windows("train").counts[-1], lb.data.bike_windows("validation").counts[0]
    assert torch.equal(last, filled[5973:5997])  # ends a day before hour 6024
    assert torch.equal(first, filled[6024:6048])
    with pytest.raises(ValueError, match="split"):
        lb.data.bike_windows("testing")
    with pytest.raises(ValueError, match="horizon"):
        lb.data.bike_windows("test", horizon=25)


def test_jumps_follow_from_the_peaks():
    inputs, targets = lb.data.jumps(200, 1)
    assert inputs.shape == (200, 20)
    assert targets.shape == (200, 20, 1)
    peaks = inputs > 0
    assert (peaks.sum(1) == 2).all()
    distance = 19 - peaks.flip(1).int().argmax(1) - peaks.int().argmax(1)
    when = (targets[..., 0] > 0.25).int().argmax(1)
    assert ((when - distance.clamp(2, 17)).abs() <= 3).all()
    assert torch.equal(lb.data.jumps(5, 3)[1], lb.data.jumps(5, 3)[1])


def test_entropy_tells_a_tone_from_noise():
    t = torch.arange(64)
    tone, noise = torch.sin(2 * torch.pi * 5 * t / 64), torch.randn(64)
    features = lb.data.entropy_features(torch.stack([tone, noise]).unsqueeze(0))
    assert features.shape == (1, 6)
    assert features[0, 4] < 0.1
    assert 2 < features[0, 5] <= np.log(32) + 1e-6
