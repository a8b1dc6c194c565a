"""What boosted trees take: impurities of a split, and losses as gradient and Hessian."""

from __future__ import annotations

__all__: list[str] = []
