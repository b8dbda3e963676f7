"""Random graphs through all passes, and through each alone: the same numbers come out."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from test_jit_passes import EACH, HARD, checked, known, x

from tidegrad.jit.passes.making import made
from tidegrad.kinds import cast, expand, flow, flow_singular, permute, reshape, sum_, where
from tidegrad.ops import elementwise as table
from tidegrad.ops.contractions import contract
from tidegrad.ops.joining import concat_
from tidegrad.ops.movement import cut, flip_, place
from tidegrad.ops.reductions import max_

EXACT = [table.add, table.subtract, table.multiply, table.divide, table.maximum, table.minimum]
ONE = [table.negative, table.sqrt, table.abs_, table.relu, table.square, table.reciprocal]
SMOOTH = [table.exp, table.tanh, table.sin, table.log, table.sigmoid, table.erf, table.gelu]
ASKING = [table.less, table.greater_equal, table.equal, table.not_equal]
NUMBERS = [*HARD, 2.0, 0.5, 4.0, -2.0]


def broadcasting(a, b):
    return all(n == m or 1 in (n, m) for n, m in zip(a.shape[::-1], b.shape[::-1]))


class Growing:
    """Values that operations are drawn on."""

    def __init__(self, data):
        self.data = data
        self.values = [x(2, 3), x(2, 3), x(3), x(1, 3), known(0.0), known(1.0)]
        self.masks = [x(2, 3, dtype=bool)]

    def draw(self, options):
        return self.data.draw(st.sampled_from(options))

    def fitting(self, a):
        return self.draw([b for b in self.values if broadcasting(a, b)])

    def elementwise(self):
        a = self.draw(self.values)
        self.values.append(made(self.draw(EXACT), a, self.fitting(a)))

    def sums(self):
        a = self.draw(self.values)
        self.values.append(made(self.draw([table.add, table.subtract]), a, self.fitting(a)))

    def one(self):
        self.values.append(made(self.draw(ONE), self.draw(self.values)))

    def smooth(self):
        self.values.append(made(self.draw(SMOOTH), self.draw(self.values)))

    def guarded(self):
        a = self.draw(self.values)
        self.values.append(made(self.draw([flow, flow_singular]), a, self.fitting(a)))

    def number(self):
        self.values.append(known(self.draw(NUMBERS)))

    def asking(self):
        a = self.draw(self.values)
        self.masks.append(made(self.draw(ASKING), a, self.fitting(a)))

    def inverted(self):
        self.masks.append(made(table.logical_not, self.draw(self.masks)))

    def chosen(self):
        c = self.draw(self.masks)
        a = self.draw([v for v in self.values if broadcasting(c, v)])
        both = [v for v in self.values if broadcasting(c, v) and broadcasting(a, v)]
        self.values.append(made(where, c, a, self.draw(both)))

    def counted(self):
        self.values.append(made(cast, self.draw(self.masks), dtype=np.dtype("float32")))

    def turned(self):
        a = self.draw(self.values)
        axes = self.data.draw(st.permutations(range(a.ndim)))
        self.values.append(made(permute, a, axes=tuple(axes)))

    def flipped(self):
        a = self.draw(self.values)
        axes = self.data.draw(st.sets(st.integers(0, a.ndim - 1))) if a.ndim else []
        self.values.append(made(flip_, a, axes=tuple(sorted(axes))))

    def spread(self):
        a = self.draw(self.values)
        shape = tuple(self.draw([1, 2]) if n == 1 else n for n in a.shape)
        shape = (*self.draw([(), (1,), (2,)]), *shape) if a.ndim < 3 else shape
        self.values.append(made(expand, a, shape=shape))

    def reshaped(self):
        a = self.draw(self.values)
        options = [(a.size,), (1, a.size), (a.size, 1)]
        options += [(n, a.size // n) for n in (2, 3) if a.size % n == 0]
        self.values.append(made(reshape, a, shape=self.draw(options)))

    def key(self, shape):
        whole = slice(None)
        key = [self.draw([whole, whole, slice(0, 1), slice(1, None), slice(None, None, -1), 0])
               for _ in shape]  # fmt: skip
        key = [k if n else whole for k, n in zip(key, shape)]
        if len(shape) < 3 and self.draw([False, False, True]):
            key.insert(self.data.draw(st.integers(0, len(key))), None)
        return tuple(key)

    def sliced(self):
        a = self.draw(self.values)
        self.values.append(made(cut, a, key=self.key(a.shape)))

    def placed(self):
        whole = self.draw([v for v in self.values if v.ndim])
        key = self.key(whole.shape)
        shape = made(cut, whole, key=key).shape
        inner = [v for v in self.values if v.shape == shape]
        if inner:
            self.values.append(made(place, self.draw(inner), key=key, shape=whole.shape))

    def joined(self):
        a = self.draw([v for v in self.values if v.ndim])
        axis = self.data.draw(st.integers(0, a.ndim - 1))

        def rest(v):
            return v.ndim, v.shape[:axis], v.shape[axis + 1 :]

        parts = [a, *(self.draw([v for v in self.values if rest(v) == rest(a)]) for _ in "ab")]
        sizes = tuple(p.shape[axis] for p in parts)
        self.values.append(made(concat_, *parts, axis=axis, sizes=sizes))

    def folded(self):
        a = self.draw(self.values)
        axes = self.data.draw(st.sets(st.integers(0, a.ndim - 1))) if a.ndim else ()
        if all(a.shape[k] for k in axes):
            params = {"axes": tuple(sorted(axes)), "keepdims": self.draw([True, False])}
            self.values.append(made(self.draw([sum_, max_]), a, **params))

    def contracted(self):
        a = self.draw([v for v in self.values if v.ndim])
        term, sizes = "abcd"[: a.ndim], dict(zip("abcd", a.shape))
        shared = self.data.draw(st.sets(st.sampled_from(term), min_size=1))
        other = "".join(self.data.draw(st.permutations(sorted(shared)))) + "z"
        b = x(*(sizes.get(n, 2) for n in other))
        b = made(permute, b, axes=tuple(range(b.ndim)[::-1]))
        kept = self.data.draw(st.sets(st.sampled_from(term)))
        out = [n for n in term + "z" if n not in shared or n in kept]
        out = "".join(self.data.draw(st.permutations(out)))
        self.values.append(made(contract, a, b, spec=f"{term},{other[::-1]}->{out}"))


MOVES = ["turned", "flipped", "spread", "reshaped", "sliced", "placed", "joined"]
FOLDS = ["folded", "contracted"]
MAPS = ["elementwise", "one", "number", "asking", "inverted", "chosen", "counted"]


def grown(data, steps):
    growing = Growing(data)
    for step in data.draw(st.lists(st.sampled_from(steps), min_size=1, max_size=12)):
        if growing.values[-1].size < 200:
            getattr(growing, step)()
    return growing


def some(data):
    """One pass or two to be looked at alone."""
    return data.draw(st.lists(st.sampled_from(EACH), min_size=1, max_size=2))


@given(st.data())
def test_arithmetic_comparisons_and_moves_keep_their_bits(data):
    growing = grown(data, MAPS * 2 + MOVES)
    checked(
        growing.values[-1],
        growing.draw(growing.masks),
        growing.draw(growing.values),
        seeds=1,
        alone=some(data),
    )


@given(st.data())
def test_guards_fall_only_where_nothing_can_be_infinite(data):
    growing = grown(data, ["smooth", "guarded", "number", "guarded", "one", "elementwise"])
    values = growing.values[-1], growing.draw(growing.values)
    checked(*values, seeds=1, alone=[("slopes",), ("masks",)], without=["patterns"])


@given(st.data())
def test_moves_keep_their_elements(data):
    growing = grown(data, [*MOVES, "elementwise"])
    checked(growing.values[-1], seeds=1, alone=some(data))


@given(st.data())
def test_folds_and_contractions_stay_within_rounding(data):
    growing = grown(data, [*MOVES, *FOLDS, *FOLDS, "sums"])
    checked(
        growing.values[-1], growing.draw(growing.values), exact=False, seeds=1, alone=some(data)
    )
