"""Programs of maligrad beside PyTorch."""

PROGRAMS: list = []
