"""Floor 6. Family: programs of calls that differ in the leading sizes of arrays alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from ..core import Tensor
from .arguments import Call, is_array
from .executable import Executable
from .general import General, Sized, capacity
from .graph import Graph
from .native.forks import new_lock
from .sizes import Varying
from .sizing import Pattern

__all__ = ["Families", "Family"]

MOST = 32  # families are kept
FEW = 4  # graphs, general programs, and attempts at one that a family has
SMALLEST = 2  # an axis of size 1 broadcasts, and one of size 0 holds nothing


class Families:
    """The families of one function's calls, those used last."""

    def __init__(self) -> None:
        self.kept: OrderedDict[Hashable, Family] = OrderedDict()

    def of(self, call: Call, *rest: Hashable) -> Family:
        """The family that a call belongs to; `rest` is what else a program depends on."""
        structure, named, kinds, same = call.key
        key = structure, named, tuple(map(without_size, kinds)), same, rest
        found = self.kept.setdefault(key, Family())
        self.kept.move_to_end(key)
        while len(self.kept) > MOST:
            self.kept.popitem(last=False)
        return found

    def clear(self) -> None:
        self.kept.clear()


def without_size(kind: tuple) -> tuple:
    """The kind of an argument without its leading size."""
    return (kind[0], None, *kind[1][1:], *kind[2:]) if has_size(kind) else kind


def has_size(kind: tuple) -> bool:
    return len(kind) > 2 and bool(kind[1])


def sizes_of(call: Call) -> tuple[int, ...]:
    """The leading sizes of a call's arrays."""
    arrays = [x.array if type(x) is Tensor else x for x in call.leaves if is_array(x)]
    return tuple([a.shape[0] for a in arrays if a.ndim])


class Family:
    """Graphs that were compiled for one size, and general programs for all of them.

    The first size has a program of its own.  With the second a general one is made, if the two
    graphs differ in nothing but what follows the size; any later one is compared with that.
    """

    def __init__(self) -> None:
        self.known: list[tuple[Graph, tuple[int, ...]]] = []
        self.general: list[tuple[General, int]] = []  # and which of the sizes it follows
        self.left = FEW  # attempts
        self.lock = new_lock()

    def made_for(self, call: Call) -> Callable[[Graph, Mapping[int, int]], Any]:
        """What makes executables of graphs that were traced for a call."""
        return partial(self.compiled, sizes_of(call))

    def compiled(self, sizes: tuple[int, ...], graph: Graph, pairs: Mapping[int, int]) -> Any:
        """What runs `graph`, traced for these leading sizes."""
        with self.lock:
            for k, (general, place) in enumerate(self.general):
                n = sizes[place]
                if general.pairs == pairs and general.pattern.holds(graph, n):
                    return self.fitted(k, graph, n)
            found = self.paired(sizes, graph, pairs)
            if found is None:
                self.known = [(graph, sizes), *self.known[: FEW - 1]]
            return found or Executable(graph, pairs)

    def fitted(self, k: int, graph: Graph, n: int) -> Any:
        """The general program number `k` for one n, or a new one with more room."""
        general, place = self.general[k]
        if n < general.reach.least:
            return Executable(graph, general.pairs)
        if n > general.most:
            wider = widened(general.pattern, general.pairs, n)
            if wider is None:
                return Executable(graph, general.pairs)
            self.general[k] = (general := wider), place
        return Sized(general, graph, n)

    def paired(self, sizes: Sequence[int], graph: Graph, pairs: Mapping[int, int]) -> Sized | None:
        """A new general program, of `graph` and one for other sizes."""
        for other, theirs in self.known:
            place = next((k for k, n in enumerate(sizes) if n != theirs[k]), None)
            if place is None or not self.left:
                continue
            n, both = sizes[place], {theirs[place]: other, sizes[place]: graph}
            if min(both) < SMALLEST:
                continue
            pattern = common_pattern(both)
            self.left -= pattern is not None
            general = None if pattern is None else widened(pattern, pairs, max(both))
            if general is None:
                continue
            self.general.append((general, place))
            if n >= general.reach.least:
                return Sized(general, graph, n)
        return None


def common_pattern(graphs: Mapping[int, Graph]) -> Pattern | None:
    """What graphs for two sizes have in common, where they differ in nothing else."""
    sizes = sorted(graphs)
    with suppress(Varying):
        return Pattern([graphs[n] for n in sizes], sizes)
    return None


def widened(pattern: Pattern, pairs: Mapping[int, int], n: int) -> General | None:
    """A general program with room for `n`, where there is one."""
    with suppress(Varying, MemoryError):
        return General(pattern, pairs, capacity(pattern, n))
    return None
