"""What tests draw for a family of losses: its kinds of arguments, its perfect predictions (see `tests/samples.py`)."""
