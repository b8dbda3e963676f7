"""Programs of pygrad beside PyTorch."""

PROGRAMS: list = []
