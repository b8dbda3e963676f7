"""Floor 6. Passes: rules by which a Graph becomes simpler and stays the same."""

from .pipeline import simplified

__all__ = ["simplified"]
