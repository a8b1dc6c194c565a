"""Several losses at once: weighted, weighed by uncertainty, balanced by their gradients; distances of point sets."""

from __future__ import annotations

__all__: list[str] = []
