"""Graphs compiled and interpreted side by side: what they are given, and how results may differ."""

from contextlib import contextmanager

import numpy as np

from tidegrad.abstract import constant, unknown
from tidegrad.jit import executable
from tidegrad.jit.canaries import Guarded
from tidegrad.jit.graph import Graph
from tidegrad.jit.interpreter import Interpreter
from tidegrad.jit.native import threads

# Of the largest number on the way.
NEAR = {np.dtype("f4"): 1e-5, np.dtype("f8"): 1e-12}
HARD = [0.0, -0.0, 1.0, -1.0, 2.5, -3.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38, 1e-20, 0.3]


def x(*shape, dtype="f4"):
    return unknown(shape, np.dtype(dtype))


def known(array, dtype=None):
    array = np.array(array, dtype)
    array.flags.writeable = False
    return constant(array)


@contextmanager
def on(count):
    """Programs of so many threads, however small they are."""
    before = threads.get_num_threads(), executable.SMALL
    threads.set_num_threads(count)
    executable.SMALL = 0
    try:
        yield
    finally:
        threads.set_num_threads(before[0])
        executable.SMALL = before[1]


def numbers(v, rng, hard=False):
    """An array for an input."""
    if v.dtype.kind == "f":
        made = rng.choice(np.array(HARD), v.shape) if hard else rng.normal(size=v.shape)
        return np.asarray(made, v.dtype)
    if v.dtype.kind == "b":
        return rng.integers(0, 2, v.shape).astype(bool)
    of = np.iinfo(v.dtype)
    low, high = (of.min, of.max) if hard else (0 if v.dtype.kind == "u" else -4, 9)
    return rng.integers(low, high, v.shape, v.dtype, endpoint=True)


def graph_of(*outputs):
    """The graph of some Values, whose inputs are what they are made of."""
    order = Graph((), outputs).order()
    return Graph(tuple(v for v in order if v.prim is None and v.saved is None), outputs)


def compared(*outputs, arrays=None, exact=False, hard=False, threads=(1, 2), seed=0, inputs=None):
    """Check that the outputs compiled are what they are interpreted; their arrays."""
    graph = graph_of(*outputs)
    if inputs is not None:
        graph = Graph(tuple(inputs), graph.outputs)
    rng = np.random.default_rng(seed)
    if arrays is None:
        arrays = [numbers(v, rng, hard) for v in graph.inputs]
    copies = [a.copy() for a in arrays]
    way = Interpreter(graph).everything(copies)
    program = Guarded(graph, contract=not exact)
    for count in threads:
        with on(count):
            found = program(list(arrays))
        for v, z in zip(graph.outputs, found, strict=True):
            agree(v, z, way, exact)
    for a, before in zip(arrays, copies):
        np.testing.assert_array_equal(a, before)  # inputs stay as they were
    return found


def agree(v, z, way, exact):
    expected = way[v]
    assert z.shape == expected.shape and z.dtype == expected.dtype
    if exact or z.dtype.kind != "f":
        np.testing.assert_array_equal(z, expected)
        return
    floats = [a for a in way.values() if type(a) is not tuple and a.dtype.kind == "f"]
    sizes = [np.abs(a[np.isfinite(a)]).max(initial=0) for a in floats]
    with np.errstate(invalid="ignore", over="ignore"):
        np.testing.assert_allclose(z, expected, rtol=0, atol=NEAR[z.dtype] * max(sizes, default=0))
