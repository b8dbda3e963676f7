"""Small programs whose results are known, native ones and compiled functions, and their callers."""

import ctypes
import sys
from functools import cache

import numpy as np
import numpy.testing  # which is imported at its first use otherwise, by any thread
from jit_lowering import on

import tidegrad as tg
from tidegrad.jit.native import engine, target, threads

# Each thread, in each round, writes one more than its neighbour wrote in the round before.
RELAY = (
    threads.BARRIER
    + """
define void @relay(ptr %a, i64 %t, i64 %n, ptr %barrier) {
start:
  %rounds = load i64, ptr %a
  %cells.at = getelementptr i64, ptr %a, i64 1
  %cells = load ptr, ptr %cells.at
  %next = add i64 %t, 1
  %wrap = urem i64 %next, %n
  br label %loop
loop:
  %r = phi i64 [ 0, %start ], [ %r1, %loop ]
  %odd = and i64 %r, 1
  %even = xor i64 %odd, 1
  %there = mul i64 %odd, 1024
  %here = mul i64 %even, 1024
  %from = add i64 %there, %wrap
  %to = add i64 %here, %t
  %source = getelementptr i64, ptr %cells, i64 %from
  %old = load i64, ptr %source
  %new = add i64 %old, 1
  %goal = getelementptr i64, ptr %cells, i64 %to
  store i64 %new, ptr %goal
  call void @tide_barrier(ptr %barrier)
  %r1 = add i64 %r, 1
  %more = icmp ult i64 %r1, %rounds
  br i1 %more, label %loop, label %end
end:
  ret void
}
"""
)

# Each thread makes its share of a product's cells, as often as asked.
PRODUCT = """
define void @product(ptr %a, i64 %t, i64 %n, ptr %barrier) {
start:
  %times = load i64, ptr %a
  %p1 = getelementptr i64, ptr %a, i64 1
  %size = load i64, ptr %p1
  %p2 = getelementptr i64, ptr %a, i64 2
  %x = load ptr, ptr %p2
  %p3 = getelementptr i64, ptr %a, i64 3
  %y = load ptr, ptr %p3
  %p4 = getelementptr i64, ptr %a, i64 4
  %z = load ptr, ptr %p4
  %cells = mul i64 %size, %size
  %first.n = mul i64 %t, %cells
  %first = udiv i64 %first.n, %n
  %t1 = add i64 %t, 1
  %last.n = mul i64 %t1, %cells
  %last = udiv i64 %last.n, %n
  br label %again
again:
  %r = phi i64 [ 0, %start ], [ %r1, %next ]
  br label %cell
cell:
  %c = phi i64 [ %first, %again ], [ %c1, %stored ]
  %row = udiv i64 %c, %size
  %column = urem i64 %c, %size
  %skip = mul i64 %row, %size
  br label %sum
sum:
  %k = phi i64 [ 0, %cell ], [ %k1, %sum ]
  %old = phi float [ 0.0, %cell ], [ %new, %sum ]
  %left = add i64 %skip, %k
  %left.at = getelementptr float, ptr %x, i64 %left
  %one = load float, ptr %left.at
  %down = mul i64 %k, %size
  %right = add i64 %down, %column
  %right.at = getelementptr float, ptr %y, i64 %right
  %other = load float, ptr %right.at
  %both = fmul float %one, %other
  %new = fadd float %old, %both
  %k1 = add i64 %k, 1
  %longer = icmp ult i64 %k1, %size
  br i1 %longer, label %sum, label %stored
stored:
  %goal = getelementptr float, ptr %z, i64 %c
  store float %new, ptr %goal
  %c1 = add i64 %c, 1
  %further = icmp ult i64 %c1, %last
  br i1 %further, label %cell, label %next
next:
  %r1 = add i64 %r, 1
  %more = icmp ult i64 %r1, %times
  br i1 %more, label %again, label %end
end:
  ret void
}
"""


@cache
def library():
    return engine.loaded(engine.compiled(RELAY + PRODUCT, target.host()))


def relay(number: int, rounds: int = 200, run=threads.run) -> None:
    """Fails unless every thread saw, in every round, what its neighbour wrote before."""
    cells = np.zeros((2, 1024), np.int64)
    argument = np.array([rounds, cells.ctypes.data], np.int64)
    code = library()  # which is there for as long as this name is
    run(code.address("relay"), argument.ctypes.data, number)
    assert cells[rounds % 2, :number].tolist() == [rounds] * number


def product(number: int, size: int = 70, times: int = 1) -> None:
    """Fails unless the threads' rows make the product of two matrices of small integers."""
    rng = np.random.default_rng(size)
    x, y = rng.integers(-3, 4, (2, size, size)).astype(np.float32)
    z = np.full((size, size), np.nan, np.float32)
    places = [array.ctypes.data for array in (x, y, z)]
    argument = np.array([times, size, *places], np.int64)
    code = library()
    threads.run(code.address("product"), argument.ctypes.data, number)
    numpy.testing.assert_array_equal(z, np.einsum("ij,jk->ik", x, y))


@tg.jit
def smooth(x, w):
    """Work for several threads: a product, functions of its elements, sums of rows."""
    return tg.softmax(tg.tanh(x @ w), axis=1).sum(axis=0)


# NumPy's products are made here, since children of busy processes may wait for its BLAS for ever.
X, W = (np.random.default_rng(0).normal(size=s).astype("f4") for s in ((300, 96), (96, 80)))
SCORES = np.exp(np.tanh(X @ W))
SMOOTHED = (SCORES / SCORES.sum(axis=1, keepdims=True)).sum(axis=0)


def smoothed() -> None:
    """Fails unless a compiled function gives what NumPy does."""
    found = smooth(tg.asarray(X), tg.asarray(W)).numpy()
    numpy.testing.assert_allclose(found, SMOOTHED, rtol=1e-4)


class Student:
    """A network and its training step: a compiled one, or the same one eagerly."""

    def __init__(self, compiled: bool = True):
        tg.random.seed(0)
        self.net = tg.nn.Sequential(tg.nn.Linear(20, 30), tg.nn.ReLU(), tg.nn.Linear(30, 5))
        self.opt = tg.optim.Adam(self.net.parameters(), lr=1e-2)
        self.x, self.y = tg.random.normal((64, 20)), tg.tensor(np.arange(64) % 5)
        self.step = tg.jit(self.taught) if compiled else self.taught

    def taught(self):
        self.opt.zero_grad()
        loss = tg.nn.cross_entropy(self.net(self.x), self.y)
        loss.backward()
        self.opt.step()
        return loss

    def losses(self, steps: int) -> list[float]:
        return [self.step().item() for _ in range(steps)]


LOSSES = Student(False).losses(4)


def learn() -> None:
    """Fails unless a network learns, compiled anew, as it does eagerly."""
    numpy.testing.assert_allclose(Student().losses(4), LOSSES, rtol=1e-4)


def check(number: int) -> None:
    """What a child process does; its exit status says how it went."""
    relay(number)
    product(number)
    with on(number):
        smoothed()
        learn()
    code = engine.compiled("define i32 @seven() { ret i32 7 }", target.host())
    seven = engine.loaded(code)
    assert ctypes.CFUNCTYPE(ctypes.c_int32)(seven.address("seven"))() == 7
    sys.exit(42)
