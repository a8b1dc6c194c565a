"""Losses for labels of which some are wrong."""

from __future__ import annotations

__all__: list[str] = []
