"""Losses for classes of very different frequency: reweighted, with margins, or with logits moved by the prior."""

from __future__ import annotations

__all__: list[str] = []
