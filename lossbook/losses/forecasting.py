"""Losses of forecasts: likelihoods, proper scores, percentage errors, alignments of series."""

from __future__ import annotations

__all__: list[str] = []
