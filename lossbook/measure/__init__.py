"""What a loss costs, measured: `lossbook bench` times it beside its peers."""
