"""Random graphs compiled, in frames, on one thread and on two: what the interpreter has."""

from math import prod

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from jit_lowering import compared, known, x
from profiles import many
from test_jit_passes_random import FOLDS, MAPS, MOVES, Growing

from tidegrad.jit.passes.making import made
from tidegrad.kinds import cast, reshape
from tidegrad.ops import elementwise as table
from tidegrad.ops.indexing import gather, put, put_at, scatter
from tidegrad.ops.movement import cut
from tidegrad.ops.reductions import argmax_, argmin_, min_, norm_, prod_
from tidegrad.ops.scans import recurrence, running_product, running_sum
from tidegrad.ops.windows import overlap_add, peaks, spread_windows, sum_windows, window

SMOOTH = [table.exp, table.tanh, table.sigmoid, table.log1p, table.gelu, table.silu, table.sin]


class Wide(Growing):
    """Values of more sizes, among them those of a vector and none at all."""

    def __init__(self, data, dtype):
        super().__init__(data)
        n = self.draw([1, 3, 16, 17, 33, 0])
        shapes = [(n, 4), (4,), (n, 1), (5, n, 4), (n,)]
        self.values = [x(*shape, dtype=dtype) for shape in shapes] + [known(0.5, dtype)]
        self.masks = [x(n, 4, dtype=bool)]
        self.dtype = dtype

    def counted(self):
        self.values.append(made(cast, self.draw(self.masks), dtype=self.values[0].dtype))

    def number(self):
        self.values.append(known(self.draw([0.0, 1.0, -1.0, 0.5, 2.0]), self.dtype))

    def smooth(self):
        self.values.append(made(self.draw(SMOOTH), self.draw(self.values)))

    def fold(self):
        a = self.draw([v for v in self.values if v.size])
        axes = self.data.draw(st.sets(st.integers(0, a.ndim - 1))) if a.ndim else ()
        prim = self.draw([prod_, min_, norm_])
        params = {"axes": tuple(sorted(axes)), "keepdims": self.draw([True, False])}
        self.values.append(made(prim, a, **params))

    def found(self):
        a = self.draw([v for v in self.values if v.ndim and v.size])
        axis = self.data.draw(st.integers(0, a.ndim - 1))
        prim = self.draw([argmax_, argmin_])
        places = made(prim, a, axes=(axis,), keepdims=self.draw([True, False]))
        self.values.append(made(cast, places, dtype=a.dtype))

    def contracted(self):
        before = len(self.values)
        super().contracted()
        v = self.values[before]
        a, b = v.parents
        if b.dtype != a.dtype:
            b = made(cast, b, dtype=a.dtype)
            self.values[before] = made(v.prim, a, b, **v.params)

    def running(self):
        a = self.draw([v for v in self.values if v.ndim])
        prim = self.draw([running_sum, running_product, recurrence])
        self.values.append(made(prim, a, a) if prim is recurrence else made(prim, a))

    def seen(self):
        a = self.draw([v for v in self.values if v.ndim])
        axes = self.data.draw(st.integers(1, min(a.ndim, 2)))
        size, stride, dilation = (
            tuple(self.draw([1, 2, 3]) for _ in range(axes)) for _ in range(3)
        )
        reach = [d * (k - 1) + 1 for k, d in zip(size, dilation)]
        if any(n < r for n, r in zip(a.shape[a.ndim - axes :], reach)):
            return
        params = {"size": size, "stride": stride}
        kind = self.draw(["window", "add", "sum", "spread", "peaks"])
        if kind == "sum":
            a = made(sum_windows, a, **params)
        elif kind == "spread":
            inner = made(sum_windows, a, **params)
            a = made(spread_windows, inner, **params, shape=a.shape)
        elif kind == "peaks":
            pads = tuple((self.draw([0, k // 2]),) * 2 for k in size)
            a = made(cast, made(peaks, a, **params, dilation=(1,) * axes, pads=pads), dtype=a.dtype)
        else:
            wide = made(window, a, **params, dilation=dilation)
            if kind == "add":
                wide = made(overlap_add, wide, **params, dilation=dilation, shape=a.shape)
            a = wide
        self.values.append(a)

    def indexed(self):
        a = self.draw([v for v in self.values if v.ndim])
        count = self.data.draw(st.integers(1, min(a.ndim, 2)))
        axes = tuple(sorted(self.data.draw(
            st.lists(st.integers(0, a.ndim - 1), min_size=count, max_size=count, unique=True)
        )))  # fmt: skip
        if not all(a.shape[k] for k in axes):
            return
        shape = self.draw([(), (3,), (2, 3), (1,), (17,)])
        indices = []
        for k in axes:
            n = a.shape[k]
            places = st.integers(-n, n - 1)
            flat = self.data.draw(st.lists(places, min_size=51, max_size=51))
            own = [flat[j % 51] for j in range(prod(shape))]
            indices.append(known(np.array(own, "i8").reshape(shape)))
        got = made(gather, a, *indices, axes=axes)
        kind = self.draw(["gather", "scatter", "put_at"])
        if kind == "scatter":
            got = made(scatter, got, *indices, axes=axes, shape=a.shape)
        elif kind == "put_at":
            got = made(put_at, a, made(table.negative, got), *indices, axes=axes)
        self.values.append(got)

    def written(self):
        a = self.draw([v for v in self.values if v.ndim])
        key = self.key(a.shape)
        inner = made(table.negative, made(cut, a, key=key))
        self.values.append(made(put, a, inner, key=key))

    def rowed(self):
        a = self.draw(self.values)
        self.values.append(made(reshape, a, shape=(a.size,)))


MORE = ["smooth", "fold", "found", "running", "seen", "indexed", "written", "rowed"]


def grown(data, steps, dtype):
    growing = Wide(data, dtype)
    for step in data.draw(st.lists(st.sampled_from(steps), min_size=1, max_size=12)):
        if growing.values[-1].size < 3000:
            getattr(growing, step)()
    return growing


def results(growing):
    count = growing.data.draw(st.integers(1, 3))
    return [growing.values[-1], *(growing.draw(growing.values) for _ in range(count - 1))]


@settings(max_examples=many(100, 1000))
@given(st.data(), st.sampled_from(["f4", "f8"]))
def test_arithmetic_comparisons_and_moves_have_the_same_bits(data, dtype):
    growing = grown(data, [*MAPS, *MOVES, "written", "rowed"], dtype)
    compared(*results(growing), exact=True, hard=True)


@settings(max_examples=many(100, 1000))
@given(st.data(), st.sampled_from(["f4", "f8"]))
def test_all_else_is_within_rounding(data, dtype):
    growing = grown(data, [*MAPS, *MOVES, *FOLDS, *MORE], dtype)
    compared(*results(growing))
