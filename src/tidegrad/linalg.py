"""Floor 4. Linear algebra's public names."""

from .ops.reductions import vector_norm

__all__ = ["vector_norm"]
