"""Floor 7. The layers, one family a file."""
