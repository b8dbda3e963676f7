"""Programs that write: into tensors, their parts, and memory that tensors share with others.

A random program runs twice.  One run is tidegrad's, with assignments, in-place operators and
shared memory.  The other is its purely functional rewriting on dual numbers: a write makes a new
value, and only memory that others own changes under it.  All values and gradients agree, though
before the backward pass everything that can be written to is overwritten.
"""

import importlib.util

import numpy as np
from duals import Dual
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import many

import tidegrad as tg

torch = __import__("torch") if importlib.util.find_spec("torch") else None
SHAPE = (2, 3)
LEAVES = 3
COUNT = LEAVES * 6  # inputs that there are slopes for


def numbers(seed, shape=SHAPE):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


@tg.custom_vjp
def product(x, y):
    return x * y


product.defvjp(lambda x, y: (x * y, (x, y)), lambda kept, g: (g * kept[1], g * kept[0]))


# Each binary operation on tensors, and on duals.
BINARY = [
    (lambda x, y: x + y, lambda x, y: x + y),
    (lambda x, y: x * y, lambda x, y: x * y),
    (lambda x, y: x - tg.sin(y), lambda x, y: x - y.sin()),
    (lambda x, y: x / (y * y + 1), lambda x, y: x / (y * y + Dual(1.0, np.zeros(COUNT)))),
    (tg.checkpoint(lambda x, y: tg.sin(x) * y), lambda x, y: x.sin() * y),
    (lambda x, y: product(x, tg.broadcast_to(y, x.shape)), lambda x, y: x * y),
]


class Program:
    """Tensors and arrays by number, and beside each what it is in the rewriting."""

    def __init__(self):
        self.tensors, self.duals, self.leaves = [], [], []
        self.arrays, self.mirrors = [], []
        self.share(0, numbers(9))  # memory that both a leaf and a constant look at
        for k in range(LEAVES):
            slope = np.zeros((6, COUNT))
            slope[range(6), range(6 * k, 6 * k + 6)] = 1
            dual = Dual(numbers(k), slope.reshape(*SHAPE, COUNT))
            if k == 0:
                leaf, dual.value = tg.asarray(self.arrays[0], copy=False), self.mirrors[0]
                leaf.requires_grad = True
            else:
                leaf = tg.tensor(dual.value, requires_grad=True)
            self.leaves.append(self.know(leaf, dual))

    def know(self, tensor, dual):
        self.tensors.append(tensor)
        self.duals.append(dual)
        return tensor

    def share(self, how, array):
        """A tensor in the memory of a new array, reached in one of several ways."""
        self.arrays.append(array)
        self.mirrors.append(array.copy())
        mirror = self.mirrors[-1]
        if how == 1:
            array, mirror = array[:, ::2], mirror[:, ::2]
        elif how == 2:
            array = array.view()
            array.flags.writeable = False
        elif how == 3 and torch:
            array = torch.from_numpy(array)
        elif how == 4:
            array, mirror = array.T[::-1], mirror.T[::-1]
        made = tg.from_dlpack(array) if how in (3, 5) else tg.asarray(array, copy=False)
        self.know(made, Dual(mirror, np.zeros(COUNT)))

    def pick(self, i):
        return self.tensors[i % len(self.tensors)], self.duals[i % len(self.tensors)]

    def fitting(self, j, shape):
        """A second operand: one that broadcasts to `shape`, or else its sum."""
        y, dual = self.pick(j)
        ours = y.shape
        fits = len(ours) <= len(shape) and all(
            a in (1, b) for a, b in zip(ours[::-1], shape[::-1], strict=False)
        )
        return (y, dual) if fits else (y.sum(), dual.sum())

    # Statements.  Each takes three numbers, and means something whatever they are.

    def compute(self, i, j, k):
        x, dual = self.pick(i)
        y, other = self.fitting(j, x.shape)
        ours, theirs = BINARY[k % len(BINARY)]
        self.know(ours(x, y), theirs(dual, other))

    def compute_with_array(self, i, j, k):
        x, dual = self.pick(i)
        at = j % len(self.arrays)
        pair = self.arrays[at], self.mirrors[at]
        array, mirror = pair if pair[0].shape == x.shape else [a.reshape(-1)[:1] for a in pair]
        ours, theirs = BINARY[k % len(BINARY)]
        self.know(ours(x, array), theirs(dual, Dual(mirror, np.zeros(COUNT))))

    def view(self, i, j, k):
        x, dual = self.pick(i)
        key = basic_key(x.shape, j)
        way = k % 6
        if way == 0:
            self.know(x.T, dual.transposed())
        elif way == 1:
            self.know(x.reshape(-1), dual.flat())
        elif way == 2 and x.ndim < 3:
            self.know(tg.broadcast_to(x, (2, *x.shape)), dual.repeated(2))
        elif way == 3:
            self.know(x.detach(), dual.constant())
        else:
            self.know(x[key], dual[key])

    def gather(self, i, j, k):
        x, dual = self.pick(i)
        key = any_key(x, dual, j)
        self.know(x[key], dual[key])

    def another_name(self, i, j, k):
        self.know(*self.pick(i))

    def clone(self, i, j, k):
        x, dual = self.pick(i)
        made = [x.clone(), tg.asarray(x, copy=True), x * 1][k % 3]
        self.know(made, Dual(dual.value.copy(), dual.slope))

    def assign(self, i, j, k):
        x, dual = self.pick(i)
        key = any_key(x, dual, j)
        y, other = self.fitting(k, dual.value[key].shape)
        self.change(x, dual, lambda: x.__setitem__(key, y), dual.written(key, other))

    def augment(self, i, j, k):
        x, dual = self.pick(i)
        key = any_key(x, dual, j)
        y, other = self.fitting(k, dual.value[key].shape)

        def statement():
            x[key] *= y

        self.change(x, dual, statement, dual.written(key, dual[key] * other))

    def in_place(self, i, j, k):
        x, dual = self.pick(i)
        y, other = self.fitting(j, x.shape)

        def statement():
            nonlocal x
            same = x
            if k % 3 == 0:
                x += y
            elif k % 3 == 1:
                x *= y
            else:
                x -= y
            assert x is same

        new = [dual + other, dual * other, dual - other][k % 3]
        self.change(x, dual, statement, new)

    def change(self, x, dual, statement, new):
        """Run a statement that rebinds `x`: a leaf stays one, if nothing is recorded."""
        if any(x is leaf for leaf in self.leaves):
            with tg.no_grad():
                statement()
            dual.value = new.value
        else:
            statement()
            dual.value, dual.slope = new.value, new.slope

    def set_data(self, i, j, k):
        x, dual = self.pick(i)
        new = numbers(k, x.shape)
        x.data = tg.asarray(new, copy=False) if j % 2 else new
        dual.value = new.copy()
        new[...] = 50
        if not any(x is leaf for leaf in self.leaves):
            dual.slope = dual.slope * 0

    def write(self, i, j, k):
        at = i % len(self.arrays)
        if self.arrays[at].flags.writeable:
            key = basic_key(self.arrays[at].shape, j)
            self.arrays[at][key] = self.mirrors[at][key] = k / 10

    def share_more(self, i, j, k):
        if len(self.arrays) < 6:
            self.share(i % 6, numbers(j))

    def export(self, i, j, k):
        x, dual = self.pick(i)
        if not (x.is_leaf and dual.value.ndim):
            return
        shared = any(np.may_share_memory(dual.value, m) for m in self.mirrors)
        if not (shared and x.array.flags.writeable and min(x.array.strides) > 0):
            dual.value = dual.value.copy()
        outside = torch.from_dlpack(x).numpy() if torch and j % 2 else np.from_dlpack(x)
        assert np.shares_memory(outside, x.numpy()) or not x.size
        if x.size:  # else there is nothing to write, nor a number to compute with
            self.arrays.append(outside)
            self.mirrors.append(dual.value)

    # What is compared.

    def loss(self):
        total, truth = tg.tensor(np.zeros(())), Dual(0.0, np.zeros(COUNT))
        for k, (x, dual) in enumerate(zip(self.tensors, self.duals, strict=True)):
            weight = 0.5 + k / 7
            total = total + (x * weight).sum()
            truth = truth + (dual * Dual(weight, np.zeros(COUNT))).sum()
        return total, truth

    def overwrite(self):
        """Change everything that can be changed: no derivative may notice."""
        for array in self.arrays:
            if array.flags.writeable:
                array[...] = 99
        with tg.no_grad():
            for x in self.tensors:
                x[...] = 77


def basic_key(shape, j):
    """One of the ways to name a part of an array by numbers and slices."""
    if not shape:
        return ()
    n = shape[0]
    ways = [j % n if n else slice(None), slice(j % 2, None, 2), slice(None, None, -1), None]
    ways += [(Ellipsis, slice(0, 1)), (slice(None), *[0] * (len(shape) > 2 and shape[1] > 0))]
    ways += [slice(0, j % 3)]
    return ways[j % len(ways)]


def any_key(x, dual, j):
    """A part named by numbers and slices, by an array of numbers that repeat, or by a mask."""
    n = x.shape[0] if x.ndim else 0
    if j % 3 == 1 and n:
        return np.array([j % n, 0, -1, j % n])
    if j % 3 == 2 and x.ndim:
        mask = dual.value > 0.1
        return mask if j % 2 else mask.any(axis=tuple(range(1, x.ndim)))
    return basic_key(x.shape, j)


STATEMENTS = [
    *(
        Program.compute,
        Program.compute_with_array,
        Program.view,
        Program.view,
        Program.gather,
        Program.clone,
    ),
    *(Program.assign, Program.assign, Program.augment, Program.in_place, Program.set_data),
    *(Program.write, Program.write, Program.share_more, Program.export, Program.another_name),
]
NUMBER = st.integers(0, 41)
PROGRAMS = st.lists(st.tuples(st.sampled_from(STATEMENTS), NUMBER, NUMBER, NUMBER), min_size=5)


@settings(max_examples=many(500, 10_000))
@given(PROGRAMS)
def test_writes_are_what_their_functional_rewriting_says(statements):
    program = Program()
    with np.errstate(all="ignore"):
        for statement, *given_numbers in statements:
            statement(program, *given_numbers)
        loss, truth = program.loss()
        if not np.abs(truth.slope).max() < 1e9:
            return  # a program that only overflows
        for x, dual in zip(program.tensors, program.duals, strict=True):
            np.testing.assert_allclose(x.numpy(), dual.value, rtol=1e-9, atol=1e-9)
        program.overwrite()
        loss.backward()
    scale = max(1, np.abs(truth.slope).max())
    for k, leaf in enumerate(program.leaves):
        expected = truth.slope[6 * k : 6 * k + 6].reshape(SHAPE)
        np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=1e-9, atol=1e-9 * scale)
