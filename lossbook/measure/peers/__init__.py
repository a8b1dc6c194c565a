"""Who has a loss as well: the table of `lossbook bench`, one module for each family.

Each entry is a call of ours beside calls of peers that compute the same number on the same input, as text. A new loss
adds entries, a new kind of input a function in `INPUTS`, and a small one of the same name in `SMALL`: the tests run
every entry on it. The names that a call may use are the tensors of its input, `lb`, `torch`, `F` (torch.nn.functional)
and `LIBRARIES`. What no library has, or what is faster without one, is written in torch the way a reader would, or
composed of what a library has.
"""

from __future__ import annotations

import importlib
import pkgutil

from ._entry import DISTRIBUTIONS, LIBRARIES, Entry, Input, library

__all__ = ["DISTRIBUTIONS", "ENTRIES", "INPUTS", "LIBRARIES", "SMALL", "Entry", "library"]

INPUTS: dict[str, Input] = {}
SMALL: dict[str, Input] = {}
_entries: list[Entry] = []
for _found in sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")):
    _family = importlib.import_module(f"{__name__}.{_found}")
    INPUTS |= _family.INPUTS
    SMALL |= _family.SMALL
    _entries += _family.ENTRIES
ENTRIES = tuple(_entries)
