"""Losses of generative models: adversarial games, variational bounds, diffusion, flows and scores."""

from __future__ import annotations

__all__: list[str] = []
