"""Losses that shape a space in which like is near and unlike is far: pairs, triplets, batches, prototypes."""

from __future__ import annotations

__all__: list[str] = []
