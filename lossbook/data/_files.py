"""Data files that ship with the package: where they are, and whether they are what they should be."""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).with_name("files")

# SHA-256 of every shipped file. LICENSES.md repeats them; a test compares the two.
CHECKSUMS = {
    "adult.csv.gz": "c551e979074d2c39565f4473814ba959343b4d67ad84a9f175739123fb379796",
    "bikeshare.csv.gz": "55ad9950579b72f6721ca1cfafe26e52128da3b4f700e051fd9cc6e8c7f77c4d",
    "fashion12k.npz": "ce61ba0eda7e5ad4bdc5308bfb035fca2626374799e0b6f1c40c0805d78fa318",
    "hapt.npz": "862233a56fb3df89c03e2d1b493c22afd1d5fec6a940d423f45639a3511c48c1",
    "nuclei.npz": "f0c4a9e2b8a4950d0dd2752ce8c06cc157670f41be6e695df234926ee1798e81",
    "openmoji64.npz": "d3c1e13261da0a186d3e82bfe8ce285694a899c4003cde5c85f96c3684fe71e4",
    "squeezenet16.npz": "b52b11a81cdbfb83cec1d48a2022f9b99da2bd4e72601886354214df5a0b1edb",
    "traffic_hourly.csv.gz": "e5c7eef6b9e5aeeb0938f107e2e1e35f64bc8224a5898e07d17aafed3b2cd3e5",
}


def verified_path(name: str) -> Path:
    """Path of the shipped file ``name``, after its checksum has been compared."""
    if name not in CHECKSUMS:
        raise ValueError(f"name: expected one of {sorted(CHECKSUMS)}, got {name!r}")
    path = FOLDER / name
    if not path.is_file():
        raise FileNotFoundError(
            f"The data file {name} is missing from this copy of lossbook. "
            f"Reinstall the package, or run `python -m lossbook.data.remake {name}`; "
            "lossbook/data/LICENSES.md names its source."
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != CHECKSUMS[name]:
        raise OSError(
            f"The data file {name} is damaged: its SHA-256 is {digest[:12]}..., expected "
            f"{CHECKSUMS[name][:12]}... Reinstall the package."
        )
    return path


@cache
def load_arrays(name: str) -> dict[str, np.ndarray]:
    """All arrays of the shipped ``.npz`` file ``name``, read-only, as they are kept for the next call."""
    with np.load(verified_path(name), allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    for array in arrays.values():
        array.setflags(write=False)
    return arrays
