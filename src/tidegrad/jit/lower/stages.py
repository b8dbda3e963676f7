"""Floor 6. Stages: what one nest of loops stores, and what it reads of which row."""

from __future__ import annotations

from collections.abc import Container, Sequence
from math import prod

from ...abstract import Value, unknown
from ...kinds import Reduce
from ...lazy import lazy
from ...ops.contractions import Contract
from ...ops.plans import terms
from ...shapes import Shape
from ..sizes import slope_of
from .affine import Affine, Loop
from .folds import Fold
from .space import Space, prefix, row_of, space
from .storing import inside_out
from .walk import Access, Probe

__all__ = ["Call", "Combine", "Folding", "Maps", "Stage", "aligned", "natural_rows"]


INTENSE = 16  # uses of each element that is read


class Stage:
    """One nest: the Values that it stores, and how it is cut into rows.

    `whole` says that its results are complete only when all rows have been through.
    """

    whole = False

    def __init__(self, values: Sequence[Value]):
        self.values = list(values)
        self.kept: set[Value] = set(values)  # those of them that are written to memory
        self.known: dict[tuple[int, int], tuple[list[Access], Loop]] = {}

    @property
    def shape(self) -> Shape:
        return self.values[0].shape

    @property
    def sliced(self) -> Shape:
        """The sizes of the axes that rows are cut from."""
        return self.shape

    @property
    def work(self) -> int:
        """How many elements it computes or combines."""
        return int(prod(self.shape))

    def fits(self, rows: int) -> bool:
        """Whether it can be cut into so many rows."""
        return prefix(self.shape, rows) is not None

    def reads(self, stored: Container[Value], rows: int) -> tuple[list[Access], Loop]:
        """What it reads when cut into `rows`, and the loop over these."""
        key = rows, len(self.values)
        if key not in self.known:
            self.known[key] = self.probed(stored, rows)
        return self.known[key]

    def probed(self, stored: Container[Value], rows: int) -> tuple[list[Access], Loop]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(str(v.prim) for v in self.values)})"


class Maps(Stage):
    """Elementwise results of one shape, which are stored side by side."""

    def __init__(self, values: Sequence[Value]):
        super().__init__(values)
        self.spaces: dict[tuple[int, int], tuple[Space, Probe]] = {}

    def opened(self, stored: Container[Value], rows: int) -> tuple[Space, Probe]:
        key = rows, len(self.values)
        if key not in self.spaces:
            loops = space(self.shape, rows)
            probe = Probe(Others(stored, self.values))
            for v in self.values:
                probe.anew(v, loops.index)
            self.spaces[key] = loops, probe
        return self.spaces[key]

    def probed(self, stored: Container[Value], rows: int) -> tuple[list[Access], Loop]:
        loops, probe = self.opened(stored, rows)
        return probe.accesses, loops.loops[0]


class Others:
    """What is stored, without a stage's own results, which it has in registers."""

    def __init__(self, stored: Container[Value], own: Sequence[Value]):
        self.stored, self.own = stored, set(own)

    def __contains__(self, v: object) -> bool:
        return v not in self.own and v in self.stored


class Folding(Stage):
    """A reduction or contraction, for each row or `across` the rows."""

    def __init__(self, value: Value, across: bool = False):
        super().__init__([value])
        self.across = self.whole = across
        self.partial: Value | None = None  # where each part of the rows has a result of its own

    def opened(self, rows: int) -> Fold:
        return Fold(self.values[0], rows, self.across)

    def fits(self, rows: int) -> bool:
        return prefix(self.folded_shape if self.across else self.shape, rows) is not None

    @property
    def sliced(self) -> Shape:
        return self.folded_shape if self.across else self.shape

    @lazy
    def folded_shape(self) -> Shape:
        """The sizes of the leading axes that are folded over."""
        v = self.values[0]
        if isinstance(v.prim, Contract):
            a, b, out = terms(v.params["spec"])
            same = bool(a) and a[:1] == b[:1] and a[0] not in out
            return v.parents[0].shape[:1] if same else ()
        axes, count = v.params["axes"], 0
        while count < len(axes) and axes[count] == count:
            count += 1
        return v.parents[0].shape[:count]

    def probed(self, stored: Container[Value], rows: int) -> tuple[list[Access], Loop]:
        fold = self.opened(rows)
        return fold.probed(stored).accesses, fold.rows

    @property
    def work(self) -> int:
        v = self.values[0]
        if isinstance(v.prim, Contract):
            a, b, _ = terms(v.params["spec"])
            sizes = dict(zip(a + b, v.parents[0].shape + v.parents[1].shape))
            return int(prod(sizes.values()))
        return int(v.parents[0].size)

    @lazy
    def matrix(self) -> tuple[int, int]:
        """The rows and columns of its result; columns are what the right side alone has."""
        v = self.values[0]
        if not isinstance(v.prim, Contract):
            return int(v.size // v.shape[-1]), int(v.shape[-1])
        own = self.columns
        sizes = zip(v.shape, terms(v.params["spec"])[2])
        columns = int(prod(n for n, label in sizes if label in own))
        return int(v.size) // columns, columns

    @property
    def columns(self) -> str:
        """The labels that a product's right side alone has, the one with the last axis."""
        a, b, out = terms(self.values[0].params["spec"])
        right, other = (a, b) if out[-1] in a else (b, a)
        return "".join(label for label in right if label not in other)

    @property
    def by_columns(self) -> bool:
        """Whether rows are cut from the columns of a product's result."""
        v = self.values[0]
        return isinstance(v.prim, Contract) and terms(v.params["spec"])[2][0] in self.columns

    @property
    def intense(self) -> bool:
        """Whether what it reads is used so often that reading it once more does not matter."""
        return self.work > INTENSE * max(int(p.size) for p in self.values[0].parents)


class Combine(Folding):
    """The results that parts of the rows had, made one."""

    def __init__(self, first: Folding, parts: int):
        super().__init__(first.values[0])
        v = first.values[0]
        self.partial = first.partial = unknown((parts, *v.shape), v.dtype)

    def opened(self, rows: int) -> Fold:
        assert self.partial is not None
        fold = Fold(self.values[0], rows)
        fold.inner = [Loop("part", self.partial.shape[0])]
        fold.reads = [(self.partial, (Affine.of(fold.inner[0]), *fold.out.index))]
        if isinstance(self.values[0].prim, Reduce):
            fold.name = self.values[0].prim.name
        return fold


class Call(Stage):
    """A routine of NumPy's, or any other that is no loop here: Python runs it.

    `values` are its results; an operation with several has a `pick` for each that is used.
    """

    whole = True
    python = True

    def __init__(self, operation: Value, values: Sequence[Value]):
        super().__init__(values)
        self.operation = operation
        self.given = [inside_out(p) for p in operation.parents]

    def fits(self, rows: int) -> bool:
        return rows == 1


def natural_rows(shape: Shape, threads: int) -> int:
    """As many rows as leading axes give, and enough of them for all threads."""
    rows = 1
    for n in shape:
        rows *= n
        if slope_of(rows) or rows >= 2 * threads:
            break
    return max(rows, 1)


def aligned(access: Access, rows: int, loop: Loop) -> bool:
    """Whether what is read lies in the row that is being worked on."""
    return rows == 1 or row_of(access.place, access.value.shape, rows) == Affine.of(loop)
