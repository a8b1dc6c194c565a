"""Losses for object detection: boxes, rotated boxes, and the scores that go with them."""

from __future__ import annotations

__all__: list[str] = []
