"""Programs of simplegrad beside PyTorch."""

PROGRAMS: list = []
