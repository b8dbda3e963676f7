"""Every other operation, as a list of cases: values by NumPy, derivatives by differences."""

import numpy as np
import pytest
from differences import assert_derivatives, numbers

import tidegrad as tg
from tidegrad.core import Tensor, bind, local

MASK = np.array([[True, False, True, True], [False, False, True, False], [True, True, False, True]])
IDS = np.array([[2, 0], [1, 1]])
A, B, C = (3, 4), (2, 3, 4), (5,)


# What it is called, the function of tensors, NumPy's value of it, the inputs' shapes.
CASES = [
    ("sum", lambda x: tg.sum(x), np.sum, [A]),
    ("sum of an axis", lambda x: tg.sum(x, axis=-1), lambda x: x.sum(-1), [B]),
    ("sum of axes", lambda x: tg.sum(x, axis=(2, 0), keepdims=True), lambda x: x.sum((0, 2), keepdims=True), [B]),
    ("mean", lambda x: x.mean(axis=0), lambda x: x.mean(0), [A]),
    ("prod", lambda x: tg.prod(x), np.prod, [A]),
    ("prod of axes", lambda x: tg.prod(x, axis=(0, 2)), lambda x: x.prod((0, 2)), [B]),
    ("max", lambda x: tg.max(x), np.max, [A]),
    ("max of an axis", lambda x: tg.max(x, axis=0), lambda x: x.max(0), [A]),
    ("max of axes", lambda x: tg.max(x, axis=(0, -1), keepdims=True), lambda x: x.max((0, -1), keepdims=True), [B]),
    ("min", lambda x: tg.min(x, axis=1), lambda x: x.min(1), [B]),
    ("var", lambda x: tg.var(x, axis=1), lambda x: x.var(1), [A]),
    ("var, corrected", lambda x: tg.var(x, correction=1), lambda x: x.var(ddof=1), [A]),
    ("std", lambda x: tg.std(x, axis=0, keepdims=True), lambda x: x.std(0, keepdims=True), [A]),
    ("std, corrected", lambda x: tg.std(x, axis=-1, correction=1), lambda x: x.std(-1, ddof=1), [B]),
    ("logsumexp", lambda x: tg.logsumexp(x, axis=1), lambda x: np.log(np.exp(x).sum(1)), [A]),
    ("logsumexp of all", lambda x: tg.logsumexp(x), lambda x: np.log(np.exp(x).sum()), [A]),
    ("softmax", lambda x: tg.softmax(x, axis=0), lambda x: np.exp(x) / np.exp(x).sum(0), [A]),
    ("log_softmax", lambda x: tg.log_softmax(x), lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)), [A]),
    ("cumulative_sum", lambda x: tg.cumulative_sum(x, axis=0), lambda x: x.cumsum(0), [A]),
    ("cumulative_sum from 0", lambda x: tg.cumulative_sum(x, include_initial=True), lambda x: np.r_[0, x.cumsum()], [C]),
    ("cumulative_prod", lambda x: tg.cumulative_prod(x, axis=-1), lambda x: x.cumprod(-1), [B]),
    ("cumulative_prod from 1", lambda x: tg.cumulative_prod(x, include_initial=True), lambda x: np.r_[1, x.cumprod()], [C]),
    ("vector_norm", lambda x: tg.linalg.vector_norm(x), np.linalg.norm, [A]),
    ("vector_norm 1", lambda x: tg.linalg.vector_norm(x, axis=1, ord=1), lambda x: np.abs(x).sum(1), [A]),
    ("vector_norm 3", lambda x: tg.linalg.vector_norm(x, axis=1, ord=3), lambda x: (np.abs(x) ** 3).sum(1) ** (1 / 3), [A]),
    ("vector_norm inf", lambda x: tg.linalg.vector_norm(x, ord=np.inf, keepdims=True), lambda x: np.abs(x).max(keepdims=True), [A]),
    ("vector_norm -inf", lambda x: tg.linalg.vector_norm(x, axis=0, ord=-np.inf), lambda x: np.abs(x).min(0), [A]),
    ("reshape", lambda x: x.reshape(2, -1), lambda x: x.reshape(2, -1), [A]),
    ("ravel", lambda x: tg.ravel(x.T), lambda x: x.T.ravel(), [A]),
    ("permute_dims", lambda x: tg.permute_dims(x, (2, 0, 1)), lambda x: x.transpose(2, 0, 1), [B]),
    ("transpose", lambda x: x.transpose(-1, 0, 1), lambda x: x.transpose(-1, 0, 1), [B]),
    ("T and mT", lambda x: x.T + tg.permute_dims(x.mT, (1, 2, 0)).T.T, lambda x: x.T + x.mT.transpose(1, 2, 0), [(4, 3, 4)]),
    ("swapaxes", lambda x: tg.swapaxes(x, 0, -1), lambda x: x.swapaxes(0, -1), [B]),
    ("moveaxis", lambda x: tg.moveaxis(x, (0, 1), (-1, 0)), lambda x: np.moveaxis(x, (0, 1), (-1, 0)), [B]),
    ("expand_dims", lambda x: tg.expand_dims(x, (0, -1)), lambda x: np.expand_dims(x, (0, -1)), [A]),
    ("squeeze", lambda x: tg.squeeze(x, axis=1), lambda x: x.squeeze(1), [(3, 1, 4)]),
    ("squeeze all", lambda x: tg.squeeze(x), np.squeeze, [(1, 3, 1)]),
    ("broadcast_to", lambda x: tg.broadcast_to(x, (2, 3, 4)), lambda x: np.broadcast_to(x, (2, 3, 4)), [(3, 1)]),
    ("broadcast_arrays", lambda x, y: tg.concat(tg.broadcast_arrays(x, y)), lambda x, y: np.concatenate(np.broadcast_arrays(x, y)), [(3, 1), (4,)]),
    ("flip", lambda x: tg.flip(x, axis=(0, -1)), lambda x: np.flip(x, (0, -1)), [B]),
    ("roll", lambda x: tg.roll(x, (1, -2), (0, 1)), lambda x: np.roll(x, (1, -2), (0, 1)), [A]),
    ("roll flat", lambda x: tg.roll(x, 5), lambda x: np.roll(x, 5), [A]),
    ("pad", lambda x: tg.pad(x, ((1, 2), (0, 3))), lambda x: np.pad(x, ((1, 2), (0, 3))), [A]),
    ("pad with a number", lambda x: tg.pad(x, 1, constant_values=2.5), lambda x: np.pad(x, 1, constant_values=2.5), [A]),
    ("pad by edge", lambda x: tg.pad(x, 2, mode="edge"), lambda x: np.pad(x, 2, mode="edge"), [A]),
    ("pad by reflection", lambda x: tg.pad(x, (1, 2), mode="reflect"), lambda x: np.pad(x, (1, 2), mode="reflect"), [A]),
    ("pad by wrapping", lambda x: tg.pad(x, 1, mode="wrap"), lambda x: np.pad(x, 1, mode="wrap"), [A]),
    ("pad by mirror", lambda x: tg.pad(x, 2, mode="symmetric"), lambda x: np.pad(x, 2, mode="symmetric"), [A]),
    ("tile", lambda x: tg.tile(x, (2, 1, 3)), lambda x: np.tile(x, (2, 1, 3)), [A]),
    ("repeat", lambda x: tg.repeat(x, 3, axis=0), lambda x: x.repeat(3, 0), [A]),
    ("repeat each", lambda x: tg.repeat(x, [1, 0, 2, 3], axis=1), lambda x: x.repeat([1, 0, 2, 3], 1), [A]),
    ("repeat flat", lambda x: tg.repeat(x, 2), lambda x: x.repeat(2), [A]),
    ("concat", lambda x, y: tg.concat([x, y, x], axis=1), lambda x, y: np.concatenate([x, y, x], 1), [A, (3, 2)]),
    ("concat flat", lambda x, y: tg.concat([x, y], axis=None), lambda x, y: np.concatenate([x, y], None), [A, C]),
    ("stack", lambda x, y: tg.stack([x, y], axis=-1), lambda x, y: np.stack([x, y], -1), [A, A]),
    ("split", lambda x: tg.concat(tg.split(x, 2, axis=1)[::-1]), lambda x: np.concatenate(np.split(x, 2, 1)[::-1]), [A]),
    ("split at", lambda x: tg.split(x, [1, 3], axis=1)[1], lambda x: np.split(x, [1, 3], 1)[1], [A]),
    ("unstack", lambda x: tg.unstack(x, axis=1)[2], lambda x: x[:, 2], [A]),
    ("tril", lambda x: tg.tril(x, -1), lambda x: np.tril(x, -1), [B]),
    ("triu", lambda x: tg.triu(x, 1), lambda x: np.triu(x, 1), [B]),
    ("meshgrid", lambda x, y: tg.stack(tg.meshgrid(x, y)), lambda x, y: np.stack(np.meshgrid(x, y)), [(3,), (4,)]),
    ("meshgrid ij", lambda x, y: tg.stack(tg.meshgrid(x, y, indexing="ij")), lambda x, y: np.stack(np.meshgrid(x, y, indexing="ij")), [(3,), (4,)]),
    ("index", lambda x: x[1], lambda x: x[1], [B]),
    ("index from the end", lambda x: x[-1, ..., -2], lambda x: x[-1, ..., -2], [B]),
    ("slice", lambda x: x[:, 1:3, ::2], lambda x: x[:, 1:3, ::2], [B]),
    ("slice backwards", lambda x: x[::-1, 2:0:-1], lambda x: x[::-1, 2:0:-1], [B]),
    ("new axes", lambda x: x[None, :, None, 0], lambda x: x[None, :, None, 0], [B]),
    ("index array", lambda x: x[IDS], lambda x: x[IDS], [A]),
    ("index arrays", lambda x: x[IDS, [[0], [-1]]], lambda x: x[IDS, [[0], [-1]]], [A]),
    ("index array after a slice", lambda x: x[:, [0, 2, 2], 1:], lambda x: x[:, [0, 2, 2], 1:], [B]),
    ("index arrays apart", lambda x: x[[0, 1], :, [2, 2]], lambda x: x[[0, 1], :, [2, 2]], [B]),
    ("index array and a number", lambda x: x[1, :, IDS], lambda x: x[1, :, IDS], [B]),
    ("mask", lambda x: x[MASK], lambda x: x[MASK], [A]),
    ("mask of an axis", lambda x: x[:, [True, False, True]], lambda x: x[:, [True, False, True]], [B]),
    ("no index", lambda x: x[[]], lambda x: x[[]], [A]),
    ("take", lambda x: tg.take(x, [3, 0, 0], axis=1), lambda x: x.take([3, 0, 0], 1), [A]),
    ("take flat", lambda x: tg.take(x, IDS), lambda x: x.take(IDS), [A]),
    ("take_along_axis", lambda x: tg.take_along_axis(x, np.argsort(~MASK, axis=1), axis=1), lambda x: np.take_along_axis(x, np.argsort(~MASK, axis=1), 1), [A]),
    ("where", lambda x, y: tg.where(MASK, x, y), lambda x, y: np.where(MASK, x, y), [A, (4,)]),
    ("masked_fill", lambda x: tg.masked_fill(x, MASK, -1.0), lambda x: np.where(MASK, -1.0, x), [A]),
    ("clip", lambda x: tg.clip(x, -0.5, 1.1), lambda x: x.clip(-0.5, 1.1), [A]),
    ("clip by tensors", lambda x, y: tg.clip(x, y, 3.0), lambda x, y: x.clip(y, 3.0), [A, (4,)]),
    ("clip above", lambda x: tg.clip(x, max=0.3), lambda x: x.clip(None, 0.3), [A]),
    ("sort", lambda x: tg.sort(x, axis=0), lambda x: np.sort(x, 0), [A]),
    ("sort downwards", lambda x: tg.sort(x, descending=True), lambda x: -np.sort(-x), [A]),
    ("windows", lambda x: tg.sliding_window_view(x, (2, 3), (2, 0)), lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3), (2, 0)), [(3, 2, 4)]),
    ("windows of all axes", lambda x: np.lib.stride_tricks.sliding_window_view(x, (3, 2)), lambda x: np.lib.stride_tricks.sliding_window_view(x, (3, 2)), [A]),
    ("diff", lambda x: tg.diff(x, n=2), lambda x: np.diff(x, 2), [A]),
    ("gelu by tanh", lambda x: tg.gelu(x, approximate="tanh"), lambda x: x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), [A]),
    ("log_sigmoid", lambda x: tg.log_sigmoid(x), lambda x: -np.log1p(np.exp(-x)), [A]),
    ("square as a power", lambda x: x**2 + x**3 + x**1 + x**0, lambda x: x**2 + x**3 + x + 1, [A]),
    ("number to a power", lambda x: 2.0**x, lambda x: 2.0**x, [A]),
    ("astype", lambda x: x.astype(tg.float64) * 2, lambda x: x * 2, [A]),
]  # fmt: skip
NAMES = [case[0] for case in CASES]


def inputs(shapes):
    return [numbers(s, -2 + 0.01 * i, 2 + 0.01 * i, seed=i) for i, s in enumerate(shapes)]


@pytest.mark.parametrize("name, f, truth, shapes", CASES, ids=NAMES)
def test_values_are_numpys(name, f, truth, shapes):
    xs = inputs(shapes)
    found, expected = f(*[tg.tensor(x) for x in xs]), truth(*xs)
    assert found.shape == np.shape(expected) and found.dtype == np.float64
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-13, atol=1e-14)
    single = f(*[tg.tensor(x.astype(np.float32)) for x in xs])
    if name != "astype":
        assert single.dtype == np.float32
    np.testing.assert_allclose(single.numpy(), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name, f, truth, shapes", CASES, ids=NAMES)
def test_first_and_second_derivatives(name, f, truth, shapes):
    assert_derivatives(f, inputs(shapes))


@pytest.mark.parametrize("name, f, truth, shapes", CASES, ids=NAMES)
def test_strided_inputs_have_the_same_gradients(name, f, truth, shapes):
    xs = inputs(shapes)
    # The same numbers, transposed, reversed and with gaps in memory.
    spread = [np.repeat(x.T[::-1], 2, axis=-1) if x.ndim else x for x in xs]
    views = [w[..., ::2][::-1].T if w.ndim else w for w in spread]
    results = []
    for some in (xs, views):
        leaves = [tg.tensor(x * 1.0, requires_grad=True) for x in xs]
        for leaf, x in zip(leaves, some, strict=True):
            leaf.array = x
        out = f(*leaves)
        out.backward(np.ones(out.shape))
        results.append([leaf.grad.numpy() for leaf in leaves])
    for x, v, one, two in zip(xs, views, *results, strict=True):
        assert np.array_equal(x, v) and (x.ndim == 0 or x.strides != v.strides)
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name, f, truth, shapes", CASES, ids=NAMES)
def test_shape_rules_agree_with_what_runs(name, f, truth, shapes):
    seen = []

    def watch(prim, args, params):
        local.trace = None
        try:
            out = bind(prim, args, params)
        finally:
            local.trace = watch
        if type(out) is Tensor and all(type(a) is Tensor for a in args):
            seen.append((prim, prim.infer(*args, **params), (out.shape, out.dtype)))
        return out

    local.trace = watch
    try:
        f(*[tg.tensor(x) for x in inputs(shapes)])
    finally:
        local.trace = None
    for prim, inferred, found in seen:
        assert inferred == found, prim


EMPTY = [
    (lambda x: tg.sum(x, axis=0), (0, 3)), (lambda x: tg.prod(x), (0,)), (lambda x: tg.mean(x, axis=1), (0, 3)),
    (lambda x: tg.softmax(x), (2, 0)), (lambda x: tg.logsumexp(x, axis=1), (0, 3)), (lambda x: tg.concat([x, x]), (0, 2)),
    (lambda x: tg.cumulative_sum(x), (0,)), (lambda x: tg.cumulative_prod(x), (0,)), (lambda x: x[0:0], (3, 2)),
    (lambda x: x[[]], (3, 2)), (lambda x: tg.sort(x), (0,)), (lambda x: tg.flip(x), (2, 0)), (lambda x: tg.pad(x, 1), (0, 2)),
    (lambda x: tg.tile(x, 2), (0,)), (lambda x: tg.repeat(x, 2, axis=0), (0, 2)), (lambda x: tg.linalg.vector_norm(x), (0,)),
    (lambda x: tg.broadcast_to(x, (0, 3)), (1, 3)), (lambda x: tg.reshape(x, (3, 0)), (0, 2)), (lambda x: tg.roll(x, 1), (0,)),
    (lambda x: tg.max(x, axis=1), (0, 3)), (lambda x: tg.std(x, axis=1), (0, 3)), (lambda x: tg.stack([x, x]), (0,)),
]  # fmt: skip


@pytest.mark.parametrize("f, shape", EMPTY)
def test_empty_tensors(f, shape):
    x = tg.zeros(shape, dtype=tg.float64, requires_grad=True)
    out = f(x)
    out.backward(np.ones(out.shape))
    assert x.grad.shape == shape and not x.grad.numpy().any()


@pytest.mark.parametrize("f", [tg.max, tg.min, tg.argmax, tg.argmin])
def test_extremes_of_nothing_are_an_error(f):
    with pytest.raises(ValueError, match="no element"):
        f(tg.zeros((3, 0)), axis=1)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64", "bool"])
def test_integers(dtype):
    x = np.array([[3, 1, 2], [0, 5, 1]]).astype(dtype)
    t = tg.tensor(x)
    for f in ("sum", "prod"):
        found = getattr(tg, f)(t, axis=1)
        assert np.array_equal(found.numpy(), getattr(np, f)(x, axis=1)) and found.dtype.kind in "iu"
    assert np.array_equal(tg.max(t, axis=0).numpy(), x.max(0)) and tg.max(t).dtype == dtype
    assert tg.mean(t).dtype == tg.float32 and tg.exp(t).dtype == tg.float32
    assert np.array_equal(tg.cumulative_sum(t, axis=1).numpy(), x.cumsum(1))
    assert np.array_equal(tg.sort(t, axis=1).numpy(), np.sort(x, 1))
    assert np.array_equal(t[:, ::-1].numpy(), x[:, ::-1])
    assert tg.any(t).item() and not tg.all(t).item()
