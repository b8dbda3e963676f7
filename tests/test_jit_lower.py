"""Every operation compiled, in frames, on one thread and on two: what the interpreter has."""

from itertools import product

import numpy as np
import pytest
from jit_lowering import compared, graph_of, known, numbers, on, x

import tidegrad as tg
from tidegrad.jit.canaries import Canaries, Guarded
from tidegrad.jit.executable import Executable
from tidegrad.jit.interpreter import Interpreter
from tidegrad.jit.passes.making import made
from tidegrad.jit.traced import traced
from tidegrad.kinds import Map, cast, expand, permute, reshape, sum_, where
from tidegrad.ops import elementwise as table
from tidegrad.ops import reductions
from tidegrad.ops.contractions import contract
from tidegrad.ops.indexing import gather, put, put_at, scatter
from tidegrad.ops.joining import concat_
from tidegrad.ops.movement import cut, flip_, place
from tidegrad.ops.philox import bell, below, bits, unit
from tidegrad.ops.scans import recurrence, running_product, running_sum
from tidegrad.ops.windows import overlap_add, peaks, spread_windows, sum_windows, window

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of 0 / 0 and such

DTYPES = ["f4", "f8", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "?"]
MAPS = [prim for prim in vars(table).values() if isinstance(prim, Map)]
PARAMS = {"leaky_relu": {"negative_slope": 0.1}, "elu": {"alpha": 1.3}}
EXACT = {"add", "subtract", "multiply", "divide", "sqrt", "square", "negative", "abs", "reciprocal"}
EXACT |= {"maximum", "minimum", "relu", "sign", "floor", "ceil", "trunc", "round", "copysign"}
SHAPES = [(), (1,), (37,), (3, 0), (4, 9), (1, 7), (2, 3, 5), (2, 0, 3)]
s = slice


def applied(prim, dtype, shape):
    """`prim` of inputs, the last of which is broadcast; None where it takes no such dtype."""
    kind = np.dtype(dtype).kind
    if (prim.floats and kind != "f") or (prim.name == "pow" and kind != "f"):
        return None  # integers have no negative powers
    params = PARAMS.get(prim.name, {})
    inputs = [x(*shape, dtype=dtype) for _ in range(prim.inputs)]
    if prim.inputs > 1:
        inputs[-1] = x(shape[-1], dtype=dtype)
    try:
        out = prim.run(*(np.ones(v.shape, v.dtype) for v in inputs), **params)
    except TypeError:
        return None
    v = made(prim, *inputs, **params)
    return v if v.dtype == out.dtype else None  # bools that NumPy makes int8 are refused before


@pytest.mark.parametrize("dtype", DTYPES)
def test_maps(dtype):
    found = [v for v in (applied(prim, dtype, (3, 37)) for prim in MAPS) if v is not None]
    assert len(found) > 15
    compared(*(v for v in found if v.prim.name in EXACT), exact=True, hard=True)
    for k in range(0, len(found), 8):  # the largest number on the way is not that of all
        compared(*found[k : k + 8])


@pytest.mark.parametrize("dtype", DTYPES)
def test_casts(dtype, rng):
    v = x(5, 17, dtype=dtype)
    array = numbers(v, rng)  # of floats what fits into every dtype: the rest is up to the machine
    arrays = [abs(array) * 20 if v.dtype.kind == "f" else array]
    casts = (made(cast, v, dtype=np.dtype(other)) for other in DTYPES if other != dtype)
    compared(*casts, arrays=arrays, exact=True)


def test_choice_and_broadcasting():
    c, a, b, n = x(4, 1, dtype="?"), x(3, 1, 17), x(17), x()
    for v in (made(where, c, a, b), made(where, c, n, b), made(where, x(17, dtype="?"), n, n)):
        compared(v, made(table.add, v, n), exact=True, hard=True)


FEW = ["f4", "f8", "i1", "i8", "u4", "?"]
FOLDS = ["sum_", "prod_", "max_", "min_", "all_", "any_", "norm_", "argmax_", "argmin_"]


@pytest.mark.parametrize("name", FOLDS)
@pytest.mark.parametrize("dtype", FEW)
def test_reductions(name, dtype):
    prim = getattr(reductions, name)
    if name == "norm_" and dtype[0] != "f":
        pytest.skip("norms are of floats")
    found = []
    for shape in SHAPES:
        every = tuple(range(len(shape)))
        for axes in {(), every[:1], every[-1:], every[:2], every}:
            empty = any(shape[a] == 0 for a in axes)
            one = name.startswith("arg") and len(axes) != 1
            if not one and (prim.empty or not empty):
                v = x(*shape, dtype=dtype)
                found += [made(prim, v, axes=axes, keepdims=keep) for keep in (True, False)]
    compared(*found)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_extremes_are_found_and_measured_as_by_numpy(dtype):
    huge = np.finfo(dtype).max
    rows = [[1, np.nan, 3, np.nan], [2, 5, 5, 1], [-np.inf] * 4, [0.0, -0.0, 0.0, 0.0]]
    rows += [[huge, huge / 2, 1, 0], [1e-30, 1e-40, 1e-38, 0], [0] * 4, [np.inf, 1, -np.inf, 2]]
    rows += [[np.finfo(dtype).tiny] * 4, [np.inf, np.nan, 1, 1], [3, 1, 1, 3]]
    a = x(len(rows), 4, dtype=dtype)
    folds = [getattr(reductions, name) for name in FOLDS[2:]]
    found = [made(fold, a, axes=(1,), keepdims=False) for fold in folds if fold.name != "norm"]
    compared(*found, arrays=[np.array(rows, dtype)], exact=True)
    norm = made(reductions.norm_, a, axes=(1,), keepdims=True)
    (got,) = Executable(graph_of(norm))([np.array(rows, dtype)])
    expected = reductions.two_norm(np.array(rows, dtype), axes=(1,), keepdims=True)
    np.testing.assert_allclose(got, expected, rtol=1e-6 if dtype == "f4" else 1e-14)


KEYS = [
    (s(None), s(1, None, 2)), (s(None, None, -1), s(10, 2, -3)), (3,), (None, s(2, 5), None, 4),
    (..., 0), (s(4, 4),), (s(None), 11), (s(2, 3), s(5, 6)), (s(8, None, -2), s(None, None, -1)),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_basic_indices(key):
    a = x(9, 13)
    part = made(cut, a, key=key)
    y = x(*part.shape)
    inner = made(table.square, made(place, made(table.square, y), key=key, shape=(9, 13)))
    again = (s(1, 8, 3), s(None, None, -2))
    compared(
        made(table.square, part),
        made(place, y, key=key, shape=(9, 13)),
        made(put, a, y, key=key),
        made(cut, made(table.add, inner, a), key=again),
        exact=True,
    )


@pytest.mark.parametrize("dtype", FEW)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_moves(shape, dtype):
    a, axes = x(*shape, dtype=dtype), tuple(range(len(shape)))
    turned = made(permute, a, axes=axes[::-1])
    found = [turned, made(flip_, a, axes=axes), made(expand, a, shape=(3, *shape))]
    found += [made(reshape, turned, shape=(a.size,)), made(reshape, a, shape=(1, a.size, 1))]
    for axis in axes:
        none = (n * (k != axis) for k, n in enumerate(shape))
        parts = [a, made(flip_, a, axes=axes[:1]), x(*none, dtype=dtype)]
        if all(n or k == axis for k, n in enumerate(shape)):
            sizes = tuple(p.shape[axis] for p in parts)
            found.append(made(concat_, *parts, axis=axis, sizes=sizes))
    compared(*found, exact=True)


WINDOWS = [
    ((3,), (1,), (1,)), ((3,), (2,), (2,)), ((2,), (3,), (1,)), ((2, 2), (2, 2), (1, 1)),
    ((2, 3), (1, 2), (2, 1)), ((1, 3), (2, 4), (1, 1)), ((4, 1), (1, 3), (1, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("size", "stride", "dilation"), WINDOWS, ids=str)
def test_windows(size, stride, dilation):
    a, params = x(2, 9, 13), {"size": size, "stride": stride}
    seen = made(window, a, **params, dilation=dilation)
    y, few = x(*seen.shape), made(sum_windows, a, **params)
    compared(
        made(table.square, seen),
        made(overlap_add, y, **params, dilation=dilation, shape=a.shape),
        made(overlap_add, made(table.exp, y), **params, dilation=dilation, shape=a.shape),
        few,
        made(spread_windows, x(*few.shape), **params, shape=a.shape),
    )
    for dtype, pad in product(["f4", "i2", "u1", "?"], (0, 1)):
        pads = tuple((min(pad, k // 2), pad) for k in size)
        b = x(2, 9, 13, dtype=dtype)
        compared(made(peaks, b, **params, dilation=dilation, pads=pads))


POOLS = [
    (2, {}), (3, {"stride": 2}), (3, {"stride": 2, "padding": 1}), (2, {"dilation": 2}),
    ((2, 3), {"stride": (3, 2), "padding": (1, 1)}), (2, {"ceil_mode": True}), (6, {"stride": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("size", "params"), POOLS, ids=str)
@pytest.mark.parametrize("shape", [(2, 3, 9, 13), (3, 9, 17), (1, 1, 8, 8)], ids=str)
def test_max_pooling_and_its_gradient(size, params, shape, rng):
    def step(image):
        y, places = tg.nn.functional.max_pool2d(image * 2, size, return_indices=True, **params)
        (y * y).sum().backward()
        return y, places

    image = tg.tensor(np.round(rng.normal(size=shape)), dtype="float32", requires_grad=True)
    few = np.round(rng.normal(size=shape)).astype("f4")  # of which many are equal
    graph = traced(step, image).graph
    compared(*graph.outputs, inputs=graph.inputs, arrays=[few])
    odd = few.copy()
    odd.flat[::11], odd.flat[::7] = np.inf, np.nan
    (best,) = (v for v in graph.order() if v.prim is gather)
    compared(best, inputs=graph.inputs, arrays=[odd], exact=True)


INDICES = [
    ((0,), [(4,)]), ((1,), [(2, 3)]), ((2,), [()]), ((0, 1), [(4,), (4,)]),
    ((0, 2), [(3, 1), (4,)]), ((1, 2), [(2, 2), (2, 2)]), ((0, 1, 2), [(3,), (1,), (3,)]),
    ((0,), [(0,)]), ((0,), [(1,)]), ((0,), [(60,)]), ((0, 1), [(60,), (60,)]), ((1,), [(17,)]),
]  # fmt: skip


@pytest.mark.parametrize("given", [True, False], ids=["input", "constant"])
@pytest.mark.parametrize("dtype", ["f4", "?"])
@pytest.mark.parametrize(("axes", "shapes"), INDICES, ids=str)
def test_index_arrays(axes, shapes, dtype, given, rng):
    for sizes in [(6, 7, 5), (6, 1, 19)]:
        a = x(*sizes, dtype=dtype)
        places = [rng.integers(-sizes[k], sizes[k], n) for k, n in zip(axes, shapes)]
        indices = [x(*p.shape, dtype="i8") if given else known(p) for p in places]
        got = made(gather, a, *indices, axes=axes)
        y = x(*got.shape, dtype=dtype)
        inputs = [a, y, *(indices if given else [])]
        arrays = [numbers(a, rng), numbers(y, rng), *(places if given else [])]
        written = made(put_at, a, y, *indices, axes=axes)
        twice = made(table.logical_not if dtype == "?" else table.square, got)
        compared(twice, written, inputs=inputs, arrays=arrays, exact=True)
        added = made(scatter, y, *indices, axes=axes, shape=sizes)
        inner = made(scatter, twice, *indices, axes=axes, shape=sizes)
        compared(added, inner, inputs=inputs, arrays=arrays)


def test_scatters_add_in_one_order_on_any_number_of_threads(rng):
    for shape, axes in [((7, 3), (0,)), ((96, 128), (0,)), ((5, 4, 2), (0, 1)), ((3, 50), (1,))]:
        index = [x(500, dtype="i8") for _ in axes]
        y = x(*made(gather, x(*shape), *index, axes=axes).shape)
        graph = graph_of(made(scatter, y, *index, axes=axes, shape=shape))
        arrays = [numbers(v, rng) if v is y else rng.integers(0, 3, 500) for v in graph.inputs]
        results = []
        for count in (1, 2, 3):
            with on(count):
                results += Guarded(graph)(arrays)
        assert all(r.tobytes() == results[0].tobytes() for r in results)


@pytest.mark.parametrize("dtype", FEW)
@pytest.mark.parametrize("shape", [(7,), (3, 9), (2, 3, 17), (4, 1), (3, 0), (0, 4)], ids=str)
def test_scans(shape, dtype):
    a, b = x(*shape, dtype=dtype), x(*shape, dtype=dtype)
    compared(made(running_sum, a), made(running_product, a), exact=True)
    if dtype[0] == "f":
        compared(made(table.exp, made(recurrence, made(table.tanh, a), made(table.square, b))))
        compared(made(recurrence, a, b), exact=True)


@pytest.mark.parametrize("end", [200, 2**40 + 3, 2**64 - 1])
@pytest.mark.parametrize(
    "shape", [(), (5,), (3, 7), (0,), (64,), (3, 16), (130, 4), (40, 5)], ids=str
)
def test_draws_have_the_same_bits(shape, end):
    key, last = x(2, dtype="u8"), x(dtype="u8")
    draws = [(bits, "u8", {}), *((prim, d, {}) for prim in (unit, bell) for d in ("f4", "f8"))]
    draws += [(below, "i8", {"low": -5, "count": 17}), (below, "i4", {"low": 0, "count": 2**31})]
    draws += [(below, "u8", {"low": 0, "count": 2**64}), (below, "i1", {"low": -128, "count": 256})]
    arrays = [np.array([2**64 - 3, 987654321987654321], np.uint64), np.array(end, np.uint64)]
    params = {"inputs": [key, last], "arrays": arrays, "exact": True}
    found = [made(p, key, last, shape=shape, dtype=np.dtype(d), **more) for p, d, more in draws]
    compared(*found, **params)
    turned = tuple(range(len(shape)))[::-1]
    compared(*(made(permute, v, axes=turned) for v in found[:3]), **params)


SPECS = [
    ("ij,jk->ik", (5, 7), (7, 9)), ("ij,kj->ik", (5, 7), (9, 7)), ("ji,jk->ik", (7, 5), (7, 9)),
    ("ij,jk->ki", (5, 7), (7, 9)), ("ij,j->i", (33, 7), (7,)), ("i,ij->j", (5,), (5, 33)),
    ("i,i->", (37,), (37,)), ("i,j->ij", (5,), (37,)), ("i,j->ji", (5,), (37,)),
    ("bij,bjk->bik", (3, 4, 5), (3, 5, 6)), ("bij,jk->bik", (3, 4, 5), (5, 6)),
    ("abij,bjk->abik", (2, 3, 4, 5), (3, 5, 6)), ("ijk,jkl->il", (4, 5, 6), (5, 6, 7)),
    ("ijk,kjl->il", (4, 5, 6), (6, 5, 7)), ("ij,ij->ij", (4, 5), (4, 5)),
    ("ij,ij->i", (4, 5), (4, 5)), ("ij,i->ij", (4, 35), (4,)), ("i,->i", (5,), ()), (",->", (), ()),
    ("nchwkl,ockl->nohw", (2, 3, 4, 5, 2, 2), (6, 3, 2, 2)), ("ij,jk->ik", (0, 7), (7, 9)),
    ("nohw,nchwkl->ockl", (2, 6, 4, 5), (2, 3, 4, 5, 2, 2)), ("ij,jk->ik", (5, 0), (0, 9)),
    ("ij,jk->ik", (5, 7), (7, 0)), ("ij,jk->ik", (1, 7), (7, 1)), ("ij,jk->ik", (5, 1), (1, 9)),
    ("ij,jk->ik", (40, 50), (50, 70)), ("ji,jk->ik", (64, 33), (64, 70)), ("i,i->", (0,), (0,)),
    ("bhqk,bhkd->bqhd", (2, 2, 9, 11), (2, 2, 11, 8)), ("ji,jk->ik", (130, 1040), (130, 20)),
    ("ij,kj->ik", (3, 1040), (100, 1040)), ("ij,jk->ik", (130, 1040), (1040, 20)),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "left", "right"), SPECS, ids=str)
def test_contractions(spec, left, right):
    for dtype in ("f4", "f8", "i4"):
        a, b = x(*left, dtype=dtype), x(*right, dtype=dtype)
        v = made(contract, a, b, spec=spec)
        compared(v, inputs=[a, b])
        if v.ndim and dtype == "f4":
            after = made(table.tanh, made(table.add, v, x(v.shape[-1])))
            inner = made(contract, made(table.exp, a), b, spec=spec)
            compared(after, made(sum_, inner, axes=(0,), keepdims=False))


def test_an_index_out_of_range_is_an_error_before_anything_is_written():
    weights, out = np.ones((10, 4), "f4"), np.full((10, 4), 7, "f4")
    w, i = x(10, 4), x(3, dtype="i8")
    program = Executable(
        graph_of(made(put_at, w, x(3, 4), made(table.add, i, known(1)), axes=(0,)))
    )
    arrays = {w: weights, i: np.array([1, 9, 2])}
    given = [arrays.get(v, np.zeros((3, 4), "f4")) for v in program.graph.inputs]
    with pytest.raises(IndexError, match="10 is out of range for axis 0 of size 10"):
        program(given, [out])
    assert (out == 7).all()
    given[given.index(next(a for a in given if a is arrays[i]))] = np.array([1, -11, 2])
    assert program(given)[0].shape == (10, 4)


def test_computed_indices_stay_inside():
    a, scores = x(10), x(10, 3)
    index = made(cast, made(sum_, scores, axes=(1,), keepdims=False), dtype=np.dtype("i8"))
    graph = graph_of(
        made(gather, a, index, axes=(0,)),
        made(scatter, a, index, axes=(0,), shape=(10,)),
        made(put_at, a, a, index, axes=(0,)),
    )
    arrays = [np.full(v.shape, 1e9, "f4") for v in graph.inputs]
    for count in (1, 2):
        with on(count):
            Guarded(graph)(arrays)


def test_frames_tell_what_was_written_outside():
    canaries = Canaries()
    array = canaries.array("a result", (3, 5), np.dtype("f4"))
    assert np.isnan(array).all() and array.ctypes.data % 64 == 0
    array[...] = 1
    canaries.check("part 0")
    np.lib.stride_tricks.as_strided(array, (61,), (4,))[60] = 0
    with pytest.raises(MemoryError, match="part 1 wrote behind the memory of a result"):
        canaries.check("part 1")


def test_results_go_where_they_are_wanted(rng):
    a, b = x(5, 9), x(9)
    graph = graph_of(made(table.add, a, b), made(sum_, a, axes=(0,), keepdims=False), a)
    arrays = [numbers(v, rng) for v in graph.inputs]
    outs = [np.empty((5, 9), "f4"), None, np.empty((5, 9), "f4")]
    expected = Interpreter(graph)(arrays)
    for kind in (Executable, Guarded):
        found = kind(graph)(arrays, outs)
        for z, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(z, y, rtol=1e-6)
        assert found[0] is outs[0]
