"""Losses of the margin: hinge and its kin, which stop caring once an answer is right by enough."""

from __future__ import annotations

__all__: list[str] = []
