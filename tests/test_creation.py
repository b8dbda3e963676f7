"""New tensors: values and dtypes as NumPy's, and gradients to what they are made from."""

import numpy as np
import pytest

import tidegrad as tg


def test_gradients_flow_to_what_fills_and_to_ends():
    x, y = (tg.tensor(v, requires_grad=True) for v in (2.0, 5.0))
    wide = tg.full((2, 3), x) * tg.full_like(tg.zeros(3, dtype=tg.float64), y)
    assert wide.dtype == tg.float64 and wide.tolist() == [[10] * 3] * 2
    (wide.sum() + tg.linspace(x, y, 4).sum()).backward()
    assert x.grad.item() == 30 + 2 and y.grad.item() == 12 + 2


def test_a_filled_tensor_is_new():
    x = tg.tensor([1.0, 2.0])
    filled = tg.full((2, 2), x)
    filled[0, 0] = 9
    assert x.tolist() == [1, 2] and filled.tolist() == [[9, 2], [1, 2]] and filled.is_leaf
    leaf = tg.full(2, tg.tensor(3), dtype=tg.float32, requires_grad=True)
    assert leaf.is_leaf and leaf.requires_grad and leaf.tolist() == [3, 3]
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\) do not broadcast"):
        tg.full(3, x)


@pytest.mark.parametrize(
    "ends, dtype",
    [
        *[((0, 1), "float32"), ((np.float64(0), 1), "float64"), ((0, np.float32(1)), "float32")],
        *[((tg.tensor(0), 1), "float32"), ((0, tg.tensor(1.0, dtype=tg.float64)), "float64")],
    ],
)
def test_spaced_numbers_have_the_dtype_of_their_ends(ends, dtype):
    found = tg.linspace(*ends, 4)
    assert found.dtype == dtype and np.allclose(found.numpy(), np.linspace(0, 1, 4))
    assert tg.linspace(*ends, 3, dtype=tg.int64).tolist() == [0, 0, 1]


def test_tensors_as_sizes():
    assert tg.zeros((tg.tensor(2), 3)).shape == (2, 3) and tg.ones(tg.tensor(2)).shape == (2,)


def test_layers_refuse_what_their_convolution_would():
    for options in ({"padding": "full"}, {"padding": "same", "stride": 2}, {"groups": 0}):
        with pytest.raises(ValueError, match="Conv2d: "):
            tg.nn.Conv2d(2, 4, 3, **options)
