"""Programs of picograd beside PyTorch."""

PROGRAMS: list = []
