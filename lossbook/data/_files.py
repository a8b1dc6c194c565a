"""Data files that ship with the package: where they are, and whether they are what they should be."""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).with_name("files")

# SHA-256 of every shipped file. LICENSES.md repeats them; a test compares the two.
CHECKSUMS = {
    "nuclei.npz": "f0c4a9e2b8a4950d0dd2752ce8c06cc157670f41be6e695df234926ee1798e81",
    "openmoji64.npz": "d3c1e13261da0a186d3e82bfe8ce285694a899c4003cde5c85f96c3684fe71e4",
    "squeezenet16.npz": "b52b11a81cdbfb83cec1d48a2022f9b99da2bd4e72601886354214df5a0b1edb",
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
