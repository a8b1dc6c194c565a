"""Losses between images: structure, smoothness, features, frequencies, cycles."""

from __future__ import annotations

__all__: list[str] = []
