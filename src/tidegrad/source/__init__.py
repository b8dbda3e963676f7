"""Floor 7. Source: expressions that were recorded, and their gradients, as readable NumPy."""

from .expression import Expression, expression
from .tape import whole_tape

__all__ = ["Expression", "expression", "whole_tape"]
