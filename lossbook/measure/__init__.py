"""What a loss costs, measured: `lossbook bench` times it beside its peers; and the landscape it makes of a network."""

from .landscape import loss_landscape, random_direction

__all__ = ["loss_landscape", "random_direction"]
