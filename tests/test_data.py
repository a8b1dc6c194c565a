"""Data: checksums, shapes, exact masks, and splits that share nothing."""

import gzip
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import lossbook.data as data
from lossbook.data import _files, scenes

SPLITS = ("train", "validation", "test")
LICENSES = Path(data.__file__).with_name("LICENSES.md")


# --- files
# ---------------------------------------------------------------------------------------------------------


def test_every_shipped_file_has_its_checksum_in_code_and_licenses():
    shipped = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _files.FOLDER.iterdir()}
    assert shipped == _files.CHECKSUMS
    text = LICENSES.read_text(encoding="utf-8")
    for name, digest in shipped.items():
        assert re.search(rf"{re.escape(name)}.*?{digest}", text, flags=re.DOTALL), name


def test_missing_file_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(_files, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nuclei\.npz is missing.*remake"):
        _files.verified_path("nuclei.npz")


def test_damaged_file_is_refused(monkeypatch, tmp_path):
    (tmp_path / "nuclei.npz").write_bytes(b"not the file")
    monkeypatch.setattr(_files, "FOLDER", tmp_path)
    with pytest.raises(OSError, match="damaged"):
        _files.verified_path("nuclei.npz")


def test_unknown_file_is_refused():
    with pytest.raises(ValueError, match="expected one of"):
        _files.verified_path("mnist.npz")


# --- emoji and photographs
# -----------------------------------------------------------------------------------------


def test_openmoji_holds_each_picture_once():
    emoji = data.openmoji()
    count = len(emoji.names)
    assert emoji.color.shape == (count, 3, 64, 64)
    assert emoji.line.shape == emoji.alpha.shape == (count, 64, 64)
    assert {len(emoji.groups), len(emoji.subgroups), len(emoji.tags)} == {count}
    pictures = torch.cat([emoji.color.flatten(1), emoji.alpha.flatten(1)], dim=1).numpy()
    assert len(np.unique(pictures, axis=0)) == count


def test_openmoji_entries_belong_together():
    """Color on white, alpha and name of one entry fit: outside the mask a picture is white."""
    emoji = data.openmoji()
    outside = (emoji.alpha == 0)[:, None].expand_as(emoji.color)
    assert (emoji.color[outside] == 255).all()
    strawberry = emoji.color[emoji.names.index("strawberry")].float().flatten(1)
    red, green, _ = strawberry[:, strawberry.min(0).values < 200].mean(1)
    assert red > green


def test_photographs_are_disjoint_and_sized():
    names = [set(data.photographs(split)) for split in SPLITS]
    assert not names[0] & names[1]
    assert not names[0] & names[2]
    assert not names[1] & names[2]
    for picture in data.photographs("test", shorter_side=100).values():
        assert picture.dtype == torch.uint8
        assert picture.shape[0] == 3
        assert min(picture.shape[1:]) == 100


def test_photograph_is_the_one_of_the_package():
    from skimage.data import chelsea

    ours = data.photographs("test", shorter_side=300)["chelsea"]  # 300 pixels: its own size, so nothing is resampled
    np.testing.assert_array_equal(ours.permute(1, 2, 0).numpy(), chelsea())


# --- scenes
# --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("foreground", ["balanced", "rare"])
def test_scenes_are_a_function_of_their_arguments(foreground):
    first = data.composed_scenes("train", 5, size=32, foreground=foreground, seed=3)
    again = data.composed_scenes("train", 5, size=32, foreground=foreground, seed=3)
    other = data.composed_scenes("train", 5, size=32, foreground=foreground, seed=4)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.images, other.images)


def test_more_scenes_begin_with_the_same_scenes():
    few, many = (data.composed_scenes("validation", n, size=32) for n in (3, 6))
    assert torch.equal(few.images, many.images[:3])


@pytest.mark.parametrize(("foreground", "low", "high"), [("balanced", 0.40, 0.50), ("rare", 0.005, 0.015)])
def test_share_of_foreground(foreground, low, high):
    images, labels = data.composed_scenes("test", 150, size=48, foreground=foreground)
    assert images.shape == (150, 3, 48, 48)
    assert images.dtype == torch.float32
    assert labels.shape == (150, 48, 48)
    assert labels.dtype == torch.int64
    assert images.min() >= 0
    assert images.max() <= 1
    assert set(labels.unique().tolist()) == set(range(len(data.SCENE_CLASSES)))
    assert low < data.to_binary(labels).mean() < high
    empty = (labels == 0).flatten(1).all(1).float().mean()
    assert empty == 0 if foreground == "balanced" else 0.05 < empty < 0.35


def test_no_emoji_is_in_two_splits_and_all_are_used():
    entries = {split: data.scene_emoji(split) for split in SPLITS}
    for name in data.SCENE_CLASSES[1:]:
        lists = [entries[split][name] for split in SPLITS]
        together = [index for entry in lists for index in entry]
        assert sum(map(len, lists)) == len(set().union(*lists)) >= 40
        assert sorted(together) == sorted(scenes._shuffled_members(name))
        pictures = [data.openmoji().color[index].numpy().tobytes() for index in together]
        assert len(set(pictures)) == len(pictures)


def test_mask_is_the_alpha_channel_of_what_was_pasted():
    """Without change of size or angle, the mask is the emoji's alpha and the picture its color over the
    ground."""
    emoji = data.openmoji()
    index = data.scene_emoji("train")["face"][0]
    image = np.full((64, 64, 3), 40, np.uint8)
    label = np.zeros((64, 64), np.uint8)
    cutout = np.asarray(scenes._cutout(index))
    rows, columns = np.nonzero(emoji.alpha[index].numpy())
    center = np.array([(rows.min() + rows.max() + 1) / 2, (columns.min() + columns.max() + 1) / 2])
    scenes._composite(image, label, cutout, center, 1)
    alpha = emoji.alpha[index].numpy()
    np.testing.assert_array_equal(label == 1, alpha >= 128)
    opaque = alpha == 255
    np.testing.assert_array_equal(image[opaque], emoji.color[index].permute(1, 2, 0).numpy()[opaque])
    assert (image[alpha == 0] == 40).all()


def test_objects_at_the_border_are_cut_off():
    image, label = np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20), np.uint8)
    cutout = np.full((10, 10, 4), 255, np.uint8)
    scenes._composite(image, label, cutout, np.array([0.0, 20.0]), 2)
    expected = np.zeros((20, 20), np.uint8)
    expected[:5, 15:] = 2
    np.testing.assert_array_equal(label, expected)
    scenes._composite(image, label, cutout, np.array([100.0, -100.0]), 3)  # wholly outside
    np.testing.assert_array_equal(label, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "training"}, "split: expected one of"),
        ({"foreground": "much"}, "foreground: expected one of"),
        ({"count": 0}, "count"),
        ({"size": 8}, "size"),
    ],
)
def test_scenes_refuse_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.composed_scenes(**{"split": "train", "count": 1, **arguments})


# --- microscopy and hyperspectral
# ----------------------------------------------------------------------------------


def test_nuclei_tiles_are_the_image_and_share_no_nucleus():
    arrays = _files.load_arrays("nuclei.npz")
    images, instances = data.nuclei("train", tile=32)
    assert images.shape == (8 * 16, 1, 32, 32)
    assert instances.shape == (8 * 16, 32, 32)
    np.testing.assert_allclose(images[17, 0].numpy() * 255, arrays["x"][32:64, 32:64], atol=1e-4)
    np.testing.assert_array_equal(instances[17].numpy(), arrays["m"][32:64, 32:64])
    numbers = [set(data.nuclei(split, tile=16).instances.unique().tolist()) - {0} for split in SPLITS]
    assert not numbers[0] & numbers[1]
    assert not numbers[0] & numbers[2]
    assert not numbers[1] & numbers[2]
    assert len(data.nuclei("test", tile=64, stride=32).images) == 2 * 15


def test_nuclei_refuses_tiles_larger_than_the_band():
    with pytest.raises(ValueError, match="tile: expected 1 to 64"):
        data.nuclei("validation", tile=65)


def test_indian_pines_splits_cover_every_labeled_pixel_once():
    labels = torch.stack([data.indian_pines(split).labels for split in SPLITS])
    counted = (labels != data.UNLABELED).sum(0)
    assert counted.max() == 1
    assert counted.sum() == 21025 - 10776
    rarest = {6, 8}  # mowed pasture and oats, 28 and 20 pixels
    for split_labels in labels:
        assert {c for c in range(16) if (split_labels == c).any()} >= set(range(16)) - rarest
    assert ((labels[0] >= 0) & (labels[0] < 16)).sum() > 4000
    image = data.indian_pines("train").image
    training = image[:, labels[0] >= 0]
    assert image.shape == (200, 145, 145)
    torch.testing.assert_close(training.mean(1), torch.zeros(200), atol=1e-4, rtol=0)


# --- remaking
# -------------------------------------------------------------------------------------------------------


def test_a_pickle_that_holds_more_than_arrays_is_refused():
    import io
    import os
    import pickle

    from lossbook.data.remake import _ArraysOnly

    kept = _ArraysOnly(io.BytesIO(pickle.dumps({"w": np.arange(3)}))).load()
    np.testing.assert_array_equal(kept["w"], np.arange(3))
    with pytest.raises(pickle.UnpicklingError, match="no part of an array"):
        _ArraysOnly(io.BytesIO(pickle.dumps(os.system))).load()


# --- clothing, movements, tables
# ---------------------------------------------------------------------------------------


def test_fashion_is_balanced_and_its_splits_share_no_picture():
    found = {split: data.fashion(split) for split in SPLITS}
    for split, count in zip(SPLITS, (800, 200, 200), strict=True):
        images, labels = found[split]
        assert images.shape == (10 * count, 1, 28, 28) and images.dtype == torch.float32
        assert images.min() >= 0 and images.max() <= 1
        assert labels.bincount().tolist() == [count] * 10
    train, validation = ({picture.numpy().tobytes() for picture in found[split].images} for split in SPLITS[:2])
    assert not train & validation


def test_fashion_takes_the_first_of_each_class():
    images, labels = data.fashion("validation", per_class=3)
    everything = data.fashion("validation")
    for label in range(10):
        assert torch.equal(images[labels == label], everything.images[everything.labels == label][:3])
    with pytest.raises(ValueError, match="per_class: expected 1 to 200 in the split 'test', got 201"):
        data.fashion("test", per_class=201)


def test_fashion_labels_fit_the_pictures():
    """Trousers are two bright columns with a dark gap between them; bags are wide."""
    images, labels = data.fashion("train")
    means = {name: images[labels == label].mean((0, 1)) for label, name in enumerate(data.FASHION_CLASSES)}
    assert means["trousers"][20, 14] < 0.5 * means["trousers"][20, 11]
    assert means["bag"][15].mean() > 2 * means["trousers"][15].mean()


def test_hapt_is_split_by_person():
    people = [set(data.hapt(split).people.tolist()) for split in SPLITS]
    assert set.union(*people) == set(range(1, 31))
    assert sum(map(len, people)) == 30


def test_hapt_windows_are_in_physical_units():
    """A phone at rest measures one g, whatever its posture; it turns while somebody walks."""
    windows, labels, _ = data.hapt("train")
    assert windows.shape[1:] == (6, 64) and windows.dtype == torch.float32
    gravity = windows[:, :3].mean(2).norm(dim=1)
    for posture in ("sitting", "standing", "lying"):
        assert (gravity[labels == data.HAPT_CLASSES.index(posture)] - 1).abs().median() < 0.06
    turning = windows[:, 3:].std(2).mean(1)
    assert turning[labels == 0].median() > 10 * turning[labels == 5].median()
    rare = labels.bincount(minlength=12)[6:]
    assert rare.min() > 0 and rare.max() < 170


def test_hapt_lying_differs_from_standing_by_the_direction_of_gravity():
    windows, labels, _ = data.hapt("test")
    upright, lying = (
        windows[labels == data.HAPT_CLASSES.index(posture)][:, 0].mean() for posture in ("standing", "lying")
    )
    assert upright > 0.8 and abs(lying) < 0.5


def test_adult_has_missing_cells_and_no_blanks():
    table = data.adult()
    assert table.shape == (32561, 14)
    assert table.isna().sum().sum() == 4262
    assert set(table.columns[table.isna().any()]) == {"workclass", "occupation", "native_country"}
    assert table["income"].dtype == bool and table["income"].sum() == 7841
    text = table.select_dtypes(exclude=["number", "bool"])
    assert not any(value.startswith(" ") for column in text for value in text[column].dropna().unique())


def test_bikeshare_counts_add_up():
    table = data.bikeshare()
    assert table.shape == (8645, 15)
    assert (table.casual + table.registered == table.bikers).all()
    assert table[["mnth", "day", "hr"]].duplicated().sum() == 0


@pytest.mark.parametrize(("load", "column"), [(data.bikeshare, "bikers"), (data.traffic, "temp"), (data.adult, "age")])
def test_a_changed_copy_does_not_change_the_table(load, column):
    table = load()
    table[column] = 0
    assert load()[column].sum() > 0


def test_traffic_has_every_hour_once():
    table = data.traffic()
    assert len(table) == 2 * 365 * 24
    assert (table.index.to_series().diff().dropna().dt.total_seconds() == 3600).all()
    assert table.traffic_volume.isna().sum() == 104
    by_hour = table.traffic_volume.groupby(table.index.hour).mean()
    assert by_hour.idxmin() in (2, 3) and by_hour.idxmax() in (16, 17)


# --- how the files are made
# -----------------------------------------------------------------------------------------


def test_a_remade_table_is_compared_with_the_shipped_one():
    from lossbook.data import remake

    path = _files.FOLDER / "bikeshare.csv.gz"
    text = gzip.decompress(path.read_bytes())
    assert remake.compare_tables(text, path) == ""
    assert "another table" in remake.compare_tables(text + b"1", path)
    assert "no shipped file" in remake.compare_tables(text, path.with_name("nothing.csv.gz"))


def test_every_shipped_file_can_be_made_again():
    from lossbook.data import remake

    assert set(remake.MAKERS) == set(_files.CHECKSUMS)
