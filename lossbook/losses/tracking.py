"""Losses for what moves: score maps, gating distances, trajectories, optical flow."""

from __future__ import annotations

__all__: list[str] = []
