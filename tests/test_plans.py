"""Whatever way a contraction is computed: the numbers of einsum, for all layouts and dtypes."""

import numpy as np
import pytest
from differences import numbers

import tidegrad as tg
from tidegrad.ops.contractions import contract

SPECS = [
    *("ij,jk->ik", "ij,kj->ik", "ji,jk->ik", "ji,kj->ik", "ij,jk->ki", "ij,kj->ki"),
    *("i,i->", "i,ij->j", "ij,j->i", "i,j->ij", "i,j->ji", ",ij->ij", "ij,->ij", ",->"),
    *("bij,bjk->bik", "bij,bkj->bik", "bij,bjk->bki", "bij,bjk->ibk", "bi,bi->b", "bi,bi->ib"),
    *("bti,oi->bto", "bto,oi->bti", "bti,bto->oi", "bti,bto->io", "bij,kj->bki", "bij,jk->kbi"),
    *("abc,cde->adbe", "abc,cd->dab", "ab,cb->cab", "nab,nac->bc", "nab,nbc->ac", "nabc,nadc->bd"),
    *("bqhd,bkhd->bhqk", "bhqk,bkhd->bqhd", "ij,ij->", "ij,ji->", "ijk,kji->ki", "ij,ij->ij"),
    *("bchwkl,ockl->bohw", "bohw,ockl->bchwkl", "bchwkl,bohw->ockl", "bohw,bchwkl->ockl"),
    *("bgchwkl,gockl->bgohw", "bgohw,gockl->bgchwkl", "bgchwkl,bgohw->gockl"),
]  # fmt: skip


def operands(spec, size):
    """One size for each label, most of them small, the last ones around `size`."""
    inputs = spec.partition("->")[0].split(",")
    labels = sorted(set("".join(inputs)))
    sizes = {n: 2 + i % 3 for i, n in enumerate(labels)}
    sizes.update({n: size for n in "hij" if n in sizes})
    return [tuple(sizes[n] for n in term) for term in inputs]


@pytest.mark.parametrize("size", [0, 1, 3, 40])
@pytest.mark.parametrize("spec", SPECS)
def test_products_are_einsums(spec, size):
    x, y = (numbers(s, -1, 1, seed=i) for i, s in enumerate(operands(spec, size)))
    found = contract(tg.tensor(x), tg.tensor(y), spec=spec)
    expected = np.einsum(spec, x, y)
    assert found.shape == expected.shape
    assert contract.infer(x, y, spec=spec) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-11, atol=1e-12)
    # The same numbers, reversed and with gaps in memory.
    spread = [np.repeat(a.T[::-1], 2, axis=-1)[..., ::2][::-1].T if a.ndim else a for a in (x, y)]
    again = contract(*spread, spec=spec)
    np.testing.assert_allclose(again, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float32"])
@pytest.mark.parametrize("spec", SPECS)
def test_every_dtype_keeps_its_arithmetic(spec, dtype):
    random = np.random.default_rng(0)
    x, y = (random.integers(0, 2, s).astype(dtype) for s in operands(spec, 40))
    found = contract(x, y, spec=spec)
    expected = np.einsum(spec, x.astype(int), y.astype(int))
    assert np.array_equal(found, expected.astype(dtype)) and np.asarray(found).dtype == dtype


@pytest.mark.parametrize("spec", [s for s in SPECS if len(s) > 12])
def test_gradients_are_contractions_too(spec):
    shapes = operands(spec, 33)
    x, y = (tg.tensor(numbers(s, -1, 1, seed=i), requires_grad=True) for i, s in enumerate(shapes))
    out = contract(x, y, spec=spec)
    g = numbers(out.shape, -1, 1, seed=2)
    out.backward(g)
    terms, result = spec.split("->")
    a, b = terms.split(",")
    for found, text, other in (
        (x.grad, f"{result},{b}->{a}", y),
        (y.grad, f"{result},{a}->{b}", x),
    ):
        expected = np.einsum(text, g, other.numpy())
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10, atol=1e-11)
