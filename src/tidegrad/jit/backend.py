"""Floor 6. Which executable a graph becomes."""

from __future__ import annotations

from collections.abc import Mapping

from .executable import Executable
from .graph import Graph

__all__ = ["compiled"]


def compiled(graph: Graph, pairs: Mapping[int, int]) -> Executable:
    """`graph` as something that is called with a list of arrays and one of where results go.

    An entry of the second list is an array to be written to, which may be the memory of the input
    that `pairs` names for it, or None for new memory, which no input and no other result shares.
    """
    return Executable(graph, pairs)
