"""Bad input: the kind of error, its words, and that nothing has changed."""

import numpy as np
import pytest

import tidegrad as tg

M = lambda: tg.ones((3, 4))
IDS = lambda: tg.tensor([1, 2])


def leaf(*values):
    return tg.tensor(list(values), requires_grad=True)


def twice():
    y = (leaf(1.0) ** 2).sum()
    y.backward()
    y.backward()


def unrecorded():
    x = leaf(1.0)
    (x**3).sum().backward()
    x.grad.backward()


# What is done, the kind of error, and its words.
CASES = {
    # Shapes.
    "add": (lambda: M() + tg.ones((3, 5)), ValueError, r"add: shapes \(3, 4\) and \(3, 5\) do not broadcast; axis -1 has sizes 4 and 5"),
    "where": (lambda: tg.where(M() > 0, M(), tg.ones(5)), ValueError, r"where: .* axis -1 has sizes 4, 4 and 5"),
    "matmul": (lambda: M() @ M(), ValueError, r"matmul: shapes \(3, 4\) and \(3, 4\) do not fit"),
    "matmul of a number": (lambda: tg.ones(()) @ M(), ValueError, "use \\*"),
    "reshape": (lambda: M().reshape(5, 5), ValueError, r"reshape: 12 elements do not fill shape \(5, 5\)"),
    "reshape -1 -1": (lambda: M().reshape(-1, -1), ValueError, "at most one size may be -1"),
    "broadcast_to": (lambda: tg.broadcast_to(M(), (4, 3)), ValueError, "broadcast_to: .* do not broadcast"),
    "concat": (lambda: tg.concat([M(), tg.ones((2, 5))]), ValueError, r"concat: .* differ outside axis 0"),
    "concat of none": (lambda: tg.concat([]), ValueError, "concat: needs at least one tensor"),
    "stack": (lambda: tg.stack([M(), tg.ones(3)]), ValueError, "stack: needs tensors of one shape"),
    "split": (lambda: tg.split(M(), 2), ValueError, "split: axis 0 of size 3 does not split into 2 equal parts"),
    "squeeze": (lambda: tg.squeeze(M(), axis=0), ValueError, r"squeeze: axis 0 .* has size 3, not 1"),
    "permute_dims": (lambda: tg.permute_dims(M(), (0, 0)), ValueError, "does not name each of 2 axes once"),
    "nested sequences": (lambda: tg.tensor([[1], [1, 2]]), ValueError, "tensor: nested sequences of unequal lengths"),
    "a negative size": (lambda: tg.zeros((2, -1)), ValueError, r"zeros: shape \(2, -1\) has a negative size"),
    "a size that is none": (lambda: tg.zeros("ab"), TypeError, "zeros: a shape is made of integers, not 'ab'"),
    "max of nothing": (lambda: tg.max(tg.zeros((0, 2)), axis=0), ValueError, r"max: shape \(0, 2\) has no element along axis"),
    "in place": (lambda: M().__iadd__(tg.ones((2, 3, 4))), ValueError, r"\+=: .* does not fit .* write x = x \+ y"),
    "data": (lambda: setattr(M(), "data", np.ones(3, "f4")), ValueError, r"data: float32\[3\] does not fit .* float32\[3, 4\]"),
    "assignment": (lambda: M().__setitem__(0, [1.0, 2.0]), ValueError, r"assignment: .*axis -1 has sizes 2 and 4"),
    "a size that is several": (lambda: tg.zeros(tg.tensor([1, 2])), TypeError, "zeros: a shape is made of integers, not tensor"),
    "operands alone": (lambda: tg.einsum(M(), M()), TypeError, "einsum: takes a string and operands, or operands and lists"),
    # Axes.
    "sum": (lambda: M().sum(axis=2), IndexError, "sum: axis 2 is out of range for 2 dimensions; use -2 to 1"),
    "axis twice": (lambda: M().sum(axis=(0, -2)), ValueError, r"sum: axis \(0, -2\) names the same axis twice"),
    "axis a word": (lambda: M().sum(axis="rows"), TypeError, "sum: an axis is an integer, not 'rows'"),
    "axis a float": (lambda: tg.softmax(M(), axis=1.0), TypeError, "an axis is an integer, not 1.0"),
    "axis of a number": (lambda: tg.sum(1.0, axis=0), IndexError, "a 0-d tensor has no axes"),
    # Dtypes.
    "text": (lambda: tg.tensor("abc"), TypeError, "tensor: takes tensors, arrays or numbers, not str"),
    "a masked array": (lambda: tg.tensor(np.ma.array([1.0, 2.0], mask=[0, 1])), TypeError, "tensor: a masked array would lose its mask"),
    "an integer for no dtype": (lambda: tg.tensor([1, 2**64]), OverflowError, "tensor: an integer is too large for every dtype"),
    "nothing": (lambda: tg.exp(None), TypeError, "exp: takes tensors, arrays or numbers, not NoneType"),
    "half": (lambda: tg.ones(2, dtype="float16"), TypeError, "dtype float16 is not supported; convert to float32"),
    "a half array": (lambda: tg.exp(np.ones(2, np.float16)), TypeError, "dtype float16 is not supported"),
    "complex": (lambda: tg.tensor(1j, dtype=tg.float32), TypeError, "dtype complex128 is not supported"),
    "no dtype": (lambda: tg.ones(2, dtype="wide"), TypeError, "'wide' is not a dtype; use one of bool, int8"),
    "bits of floats": (lambda: M() & M(), TypeError, "bitwise_and: is not defined for float32 and float32"),
    "shift": (lambda: M() << 1, TypeError, "bitwise_left_shift: is not defined for float32"),
    "bool minus bool": (lambda: (M() > 0) - (M() > 0), TypeError, "subtract: is not defined for bool and bool"),
    "operand": (lambda: M() + "a", TypeError, "unsupported operand"),
    "int in place": (lambda: IDS().__itruediv__(2), TypeError, r"/=: the result is float32, which does not fit a tensor of int64; write x = x / y"),
    "data of another dtype": (lambda: setattr(M(), "data", np.ones((3, 4))), TypeError, r"data: float64\[3, 4\] does not fit"),
    "mask of floats": (lambda: tg.masked_fill(M(), M(), 0.0), TypeError, "masked_fill: the mask is of bool, not float32"),
    "integers overflow": (lambda: tg.tensor([300], dtype="uint8"), OverflowError, "300 out of bounds for uint8"),
    "a number too large": (lambda: tg.ones(2, dtype="uint8") + 300, OverflowError, "300 out of bounds"),
    "default dtype": (lambda: tg.set_default_dtype("int32"), TypeError, "int32 is not a float; use float32 or float64"),
    "copy=False": (lambda: tg.asarray([1.0], copy=False), ValueError, "a list has no memory to share"),
    "copy=False, other dtype": (lambda: tg.asarray(np.ones(2), dtype="float32", copy=False), ValueError, "only by a copy; use copy=None"),
    # Indices.
    "index": (lambda: M()[3], IndexError, "index: 3 is out of range for axis 0 of size 3"),
    "negative index": (lambda: M()[0, -5], IndexError, "index: -5 is out of range for axis 1 of size 4"),
    "index array": (lambda: M()[:, [0, 4]], IndexError, "index: 4 is out of range for axis 1 of size 4"),
    "written index": (lambda: M().__setitem__([7], 1.0), IndexError, "index: 7 is out of range for axis 0 of size 3"),
    "float index": (lambda: M()[1.0], IndexError, "index: 1.0 is not an integer, slice, None"),
    "float array": (lambda: M()[np.array([1.0])], IndexError, r"of integers or bool, not float64; convert with .astype\(tg.int64\)"),
    "word": (lambda: M()["a"], IndexError, "index: 'a' is not an integer"),
    "too many": (lambda: M()[0, 0, 0], IndexError, "index: 3 indices for a tensor of 2 axes"),
    "dots for no axis": (lambda: M()[:, [0, 1], ..., True], IndexError, "'...' stands for no axis here, but between index arrays"),
    "two ellipses": (lambda: M()[..., ...], IndexError, "only one ellipsis"),
    "mask": (lambda: M()[np.array([True, False])], IndexError, r"mask of shape \(2,\) does not fit the axes \(3,\)"),
    "take": (lambda: tg.take(M(), [0.5]), IndexError, "take: indices are integers, not float32"),
    "one_hot": (lambda: tg.one_hot([3], 3), IndexError, "one_hot: 3 is out of range for 3 classes"),
    # einsum.
    "einsum sizes": (lambda: tg.einsum("ij,jk->ik", M(), M()), ValueError, "'j' in 'ij,jk->ik' has size 4 in operand 0 .* and 3 in operand 1"),
    "einsum diagonal": (lambda: tg.einsum("ii,i->i", tg.ones((1, 3)), tg.ones(3)), ValueError, "'i' stands twice in 'ii', for the sizes 1 and 3"),
    "einsum labels": (lambda: tg.einsum("ij->iz", M()), ValueError, "'z' in the result of 'ij->iz' must be in an input"),
    "einsum count": (lambda: tg.einsum("ij,jk", M()), ValueError, "'ij,jk' is for 2 operands, 1 were given"),
    "einsum axes": (lambda: tg.einsum("ijk->i", M()), ValueError, r"'ijk' in 'ijk->i' does not label the axes of shape \(3, 4\)"),
    "einsum signs": (lambda: tg.einsum("i$->i", M()), ValueError, "is not made of letters"),
    # Gradients.
    "not a scalar": (lambda: (leaf(1.0, 2.0) * 2).backward(), ValueError, r"backward: only a single element .* shape \(2,\); pass gradient=, or reduce it with .sum\(\)"),
    "gradient of another shape": (lambda: (leaf(1.0, 2.0) * 2).backward([1.0]), ValueError, r"backward: shape \(1,\) does not fit the tensor's, \(2,\)"),
    "twice": (twice, RuntimeError, "backward: the graph was freed .* pass retain_graph=True"),
    "second order": (unrecorded, RuntimeError, "by a backward without create_graph=True"),
    "nothing tracked": (lambda: M().sum().backward(), RuntimeError, "does not depend on anything with requires_grad"),
    "integers": (lambda: setattr(IDS(), "requires_grad", True), TypeError, r"requires_grad: only floating tensors have gradients, not int64; convert with .astype"),
    "integers at once": (lambda: tg.tensor([1], requires_grad=True), TypeError, "only floating tensors have gradients"),
    "a changed leaf": (lambda: leaf(1.0).__setitem__(0, 2.0), RuntimeError, r"assignment: a leaf .* do it inside tg.no_grad\(\)"),
    "a leaf in place": (lambda: leaf(1.0).__imul__(2), RuntimeError, r"\*=: a leaf that needs a gradient cannot be changed"),
    "a frozen result": (lambda: setattr(leaf(1.0) * 2, "requires_grad", False), RuntimeError, r"result of multiply; use .detach\(\)"),
    # Transforms.
    "grad of a vector": (lambda: tg.grad(tg.sin)([1.0, 2.0]), ValueError, r"grad: needs a scalar, .* shape \(2,\); .* or use tg.jacobian"),
    "grad of a number": (lambda: tg.grad(lambda x: 3.0)(1.0), TypeError, "grad: the function must return a Tensor, not float"),
    "grad of integers": (lambda: tg.grad(lambda x: x.astype(tg.int64))(1.0), TypeError, "grad: the function returned int64"),
    "grad by an integer": (lambda: tg.grad(tg.sin)(1), TypeError, "grad: only floats have gradients, .* pass 2.0 for 2"),
    "argnums a word": (lambda: tg.grad(tg.sin, argnums="x")(1.0), TypeError, "argnums names argument 'x', and 1 positional"),
    "argnums": (lambda: tg.grad(tg.sin, argnums=1)(1.0), TypeError, "argnums names argument 1, and 1 positional were given"),
    "has_aux": (lambda: tg.grad(tg.sin, has_aux=True)(1.0), TypeError, r"must return a pair \(value, auxiliary\)"),
    "jvp": (lambda: tg.jvp(tg.sin, 1.0, 1.0), TypeError, "jvp: takes a list of inputs and one of tangents"),
    "tangents": (lambda: tg.jvp(tg.sin, [1.0], []), TypeError, "of equal lengths"),
    "tangent": (lambda: tg.jvp(tg.sin, [[1.0, 2.0]], [[1.0]]), ValueError, r"jvp: shape \(1,\) does not fit the tensor's, \(2,\)"),
    "cotangent": (lambda: tg.vjp(tg.sin, [1.0, 2.0])[1]([1.0]), ValueError, r"vjp: shape \(1,\) does not fit the tensor's, \(2,\)"),
    "cotangents": (lambda: tg.vjp(lambda x: (x, x), 1.0)[1](1.0), ValueError, "vjp: 1 leaves were given for 2"),
    "jacobian": (lambda: tg.jacobian(lambda x: 3)(1.0), TypeError, "jacobian: the function must return Tensors"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, words", CASES.values(), ids=CASES)
def test_words(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
    assert tg.is_grad_enabled()


def test_nothing_has_changed_when_an_error_comes():
    x = tg.tensor([1.0, 2.0, 3.0])
    array = x.array
    for change in (
        lambda: x.__setitem__(5, 1.0),
        lambda: x.__setitem__([0, 9], [1.0, 2.0]),
        lambda: x.__setitem__(slice(None), [1.0, 2.0]),
        lambda: x.__setitem__(0, "a"),
        lambda: x.__iadd__(np.ones((2, 3))),
        lambda: x.__imatmul__(tg.ones((3, 4))),
        lambda: setattr(x, "data", [1.0]),
        lambda: x.backward([1.0]),
    ):
        with pytest.raises((ValueError, TypeError, IndexError)):
            change()
    assert x.array is array and x.tolist() == [1, 2, 3] and x.grad is None


def custom(fwd, bwd):
    f = tg.custom_vjp(lambda x: x * 1)
    if fwd:
        f.defvjp(fwd, bwd)
    return lambda: f(leaf(1.0, 2.0)).sum().backward()


CUSTOM = {
    "no rule": (custom(None, None), RuntimeError, r"has no rule yet; call .defvjp\(fwd, bwd\)"),
    "no pair": (custom(lambda x: x * 1, None), TypeError, "fwd must return a pair"),
    "no tensor": (custom(lambda x: (3.0, None), None), TypeError, "must return a Tensor"),
    "no tuple": (custom(lambda x: (x * 1, x), lambda x, g: g), TypeError, "1 cotangents, in a tuple"),
    "two": (custom(lambda x: (x * 1, x), lambda x, g: (g, g)), TypeError, "1 cotangents"),
    "shape": (custom(lambda x: (x * 1, x), lambda x, g: (g[:1],)), ValueError, r"bwd returned \(1,\) .* shape \(2,\)"),
    "number": (custom(lambda x: (x * 1, x), lambda x, g: (1.0,)), ValueError, "bwd returned float"),
    "tree": (custom(lambda x: (x * 1, x), lambda x, g: ([g, g],)), ValueError, "2 cotangents for an argument that holds 1"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, words", CUSTOM.values(), ids=CUSTOM)
def test_words_about_custom_rules(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_a_custom_rule_loses_no_gradient_of_what_it_closes_over():
    w = leaf(3.0, 4.0)
    f = tg.custom_vjp(lambda x: x * w)
    f.defvjp(lambda x: (x * w, x), lambda x, g: (g * 3,))
    with pytest.raises(
        RuntimeError, match=r"reads a tensor of shape \(2,\) .* is no argument; make it one"
    ):
        f(leaf(1.0, 2.0))
    f(tg.ones(2)).sum().backward()
    assert w.grad.tolist() == [1, 1]
    f.defvjp(lambda x: (x * w.detach() * (w > 0), x), lambda x, g: (g * w,))
    x = leaf(1.0, 2.0)
    f(x).sum().backward()
    assert x.grad.tolist() == [3, 4] and w.grad.tolist() == [1, 1]


def test_custom_cotangents_get_their_primals_dtype():
    f = tg.custom_vjp(lambda x: x * 1)
    f.defvjp(lambda x: (x * 1, x), lambda x, g: (g * np.float64(2),))
    x = leaf(1.0, 2.0)
    f(x).sum().backward()
    assert x.grad.dtype == tg.float32 and x.grad.tolist() == [2, 2]


# NaN and infinity are allowed and carried, and found when asked for.


def test_nan_is_carried():
    x = leaf(float("nan"), float("inf"), 1.0)
    y = (x * 2).sum()
    y.backward()
    assert np.isnan(y.item()) and x.grad.tolist() == [2, 2, 2]


ANOMALIES = {
    "forward": (lambda x: tg.log(x - 1), "^log: 1 of 2 elements is NaN, at .*test_errors_engine"),
    "infinite": (lambda x: 1 / (x * 0), "^divide: 2 of 2 elements are infinite, at "),
    "carried": (lambda x: tg.tensor([float("nan"), 1.0]) * x, "^multiply: .*; it came in with argument 0"),
    "backward": (lambda x: tg.sqrt(x * 0).sum().backward(), "^backward of sqrt: 2 of 2 elements are infinite, made at .*test_errors_engine"),
    "transform": (lambda x: tg.grad(lambda x: tg.sqrt(x * 0).sum())(x.detach()), "^backward of sqrt"),
    "NaN of what was meant": (lambda x: tg.where(x > 1, float("inf"), x) * 0, "^multiply: 1 of 2 elements is NaN"),
}  # fmt: skip


@pytest.mark.parametrize("call, words", ANOMALIES.values(), ids=ANOMALIES)
def test_anomalies_are_found_and_named(call, words):
    x = leaf(0.5, 3.0)
    with pytest.raises(FloatingPointError, match=words), tg.detect_anomaly():
        call(x)
    assert x.grad is None
    with tg.detect_anomaly():
        masked = tg.where(x > 1, float("-inf"), x)  # an infinity that is meant
        (tg.softmax(masked * 2) * x).sum().backward()
    assert x.grad.tolist() == [1, 0]
