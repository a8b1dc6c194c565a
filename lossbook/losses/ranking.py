"""Losses of an order: which of two, or how a whole list is sorted."""

from __future__ import annotations

__all__: list[str] = []
