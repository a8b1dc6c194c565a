"""Objectives that train against an adversary."""

from __future__ import annotations

__all__: list[str] = []
