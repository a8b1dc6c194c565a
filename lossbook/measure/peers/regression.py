"""Who has the losses of regression as well."""

from __future__ import annotations

from ._entry import PICTURES, SMALL_PICTURES, Entry

INPUTS = PICTURES
SMALL = SMALL_PICTURES

ENTRIES = tuple(Entry("l1_loss", name, "lb.l1_loss(z, x)", ("F.l1_loss(z, x)",)) for name in INPUTS)
