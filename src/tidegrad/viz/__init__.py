"""Floor 7. Drawing graphs: `draw` gives a picture as SVG, with no program to install."""

from .drawing import Drawing, draw
from .picture import Box, Picture, Repeat

__all__ = ["Box", "Drawing", "Picture", "Repeat", "draw"]
