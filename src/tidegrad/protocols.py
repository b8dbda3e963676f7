"""Floor 4. NumPy's protocols, DLPack, copying and pickling of Tensors."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from .arrays import as_array, frozen, is_shared, share, sole_owner
from .core import Tensor
from .errors import GraphError
from .namespace import PUBLIC
from .ops.creation import lift
from .recording import elements

__all__: list[str] = []

# NumPy's ufuncs whose names differ from the array API's.
RENAMED = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "fabs": "abs",
    "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh",
    "invert": "bitwise_invert", "left_shift": "bitwise_left_shift", "power": "pow",
    "right_shift": "bitwise_right_shift", "true_divide": "divide", "rint": "round",
    "float_power": "pow", "fmod": "", "conjugate": "positive", "concatenate": "concat",
    "amax": "max", "amin": "min", "cumsum": "cumulative_sum", "cumprod": "cumulative_prod",
    "product": "prod", "around": "round", "round_": "round",
}  # fmt: skip
SKIPPED = {"out", "where", "order", "subok", "casting", "signature"}
FOLDS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min",
         "logical_and": "all", "logical_or": "any"}  # fmt: skip
# Questions about arrays, to which the answer is no tensor.
ASKING = {np.shape, np.ndim, np.size, np.array_equal, np.shares_memory, np.may_share_memory}
ARGUMENTS = {"ddof": "correction", "a_min": "min", "a_max": "max"}
BY_THE_WAY = {"optimize", "kind"}  # how NumPy computes, not what


def public(name: str):
    return PUBLIC.get(RENAMED.get(name, name))


def vstack(tup):
    return PUBLIC["concat"]([x if np.ndim(x) > 1 else lift(x, "vstack")[None] for x in tup], 0)


def hstack(tup):
    tensors = [x if np.ndim(x) else lift(x, "hstack")[None] for x in tup]
    return PUBLIC["concat"](tensors, 1 if np.ndim(tensors[0]) > 1 else 0)


def trace(a):
    return PUBLIC["einsum"]("ii...->...", a)


def norm(x, ord=None, axis=None, keepdims=False):
    """The norm of vectors, and of matrices the root of the sum of squares."""
    axes = np.ndim(x) if axis is None else np.size(axis)
    if ord not in (None, "fro") and axes > 1:
        raise TypeError(f"np.linalg.norm: ord={ord!r} of a matrix is not differentiable here")
    return PUBLIC["vector_norm"](x, axis, keepdims, 2 if ord is None or ord == "fro" else ord)


FUNCTIONS = {np.vstack: vstack, np.hstack: hstack, np.trace: trace, np.linalg.norm: norm}


def array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *args, **kwargs):
    """`np.sin(t)`, `ndarray + t` ...: the operation of the same name."""
    name = ufunc.__name__
    found = public(name) if method == "__call__" else None
    if method == "reduce":
        found = public(FOLDS.get(name, ""))
        kwargs.setdefault("axis", 0)
    if found is None:
        raise TypeError(
            f"np.{name}{'' if method == '__call__' else '.' + method} has no differentiable "
            "counterpart here; use x.numpy() to leave the graph"
        )
    return found(*args, **given(f"np.{name}", kwargs))


def given(name: str, kwargs: dict) -> dict:
    """NumPy's keyword arguments that mean something here; others must be left at their defaults."""
    kept = {}
    for key, value in kwargs.items():
        if key in SKIPPED:
            if value is not None and value is not True and value is not np._NoValue:
                raise TypeError(f"{name}: {key}= is not supported on tensors; results are new")
        elif value is not np._NoValue and key not in BY_THE_WAY:
            kept[ARGUMENTS.get(key, key)] = value
    return kept


def array_function(self: Tensor, func, types, args: tuple, kwargs: dict):
    """`np.concatenate([t, u])` ...: the public function of the same name."""
    if func in ASKING:
        return func(*(x.array if type(x) is Tensor else x for x in args), **kwargs)
    found = FUNCTIONS.get(func) or public(func.__name__)
    if found is None:
        raise TypeError(
            f"np.{func.__name__} has no differentiable counterpart here; "
            "use x.numpy() to leave the graph"
        )
    return found(*args, **given(f"np.{func.__name__}", kwargs))


def array(self: Tensor, dtype=None, copy: bool | None = None) -> ndarray:
    """`np.asarray(t)`: read-only, sharing memory, and only where no gradient would be lost."""
    if self.node is not None:
        raise GraphError(
            "np.asarray: this tensor requires a gradient, which an ndarray cannot carry; "
            "use .detach().numpy(), or a tidegrad function"
        )
    if dtype is not None and np.dtype(dtype) != self.array.dtype:
        if copy is False:
            raise ValueError(f"np.asarray: {self.array.dtype} becomes {dtype} only by a copy")
        return elements(self).astype(dtype)
    return np.array(elements(self)) if copy else frozen(np.asarray(elements(self)))


def dlpack(self: Tensor, **options):
    """The tensor's memory for another library, which may write to it; tapes keep copies.

    What somebody else still refers to (a tape, a view) stays as it is: then the tensor moves
    to a copy of its own first.  Memory that is shared already, of which they have copies, is
    shared with one more.
    """
    if self.node is not None and self.node.prim is not None:
        raise GraphError(
            "__dlpack__: another library would not carry this tensor's gradient; use .detach()"
        )
    # Where an axis goes backwards PyTorch 2.13 ends the process; where one stays, elements overlap.
    plain = self.array.flags.writeable and min(self.array.strides, default=1) > 0
    if not (plain and is_shared(self.array)) and not sole_owner(self):
        self.array = self.array.copy()
    return share(self.array).__dlpack__(**options)


def reduce(self: Tensor) -> tuple:
    """Pickling and copying keep the value and `requires_grad`: the copy is a leaf."""
    return rebuilt, (elements(self), self.node is not None, self.grad)


def rebuilt(array: ndarray, requires_grad: bool, grad: Tensor | None) -> Tensor:
    made = Tensor(as_array(array, "copy"))
    made.requires_grad = requires_grad
    made.grad = grad
    return made


def deepcopy(self: Tensor, memo: dict) -> Tensor:
    grad = None if self.grad is None else deepcopy(self.grad, memo)
    return memo.setdefault(id(self), rebuilt(elements(self), self.node is not None, grad))


for name, value in {
    "__array_ufunc__": array_ufunc,
    "__array_function__": array_function,
    "__array__": array,
    "__dlpack__": dlpack,
    "__dlpack_device__": lambda self: elements(self).__dlpack_device__(),
    "__reduce__": reduce,
    "__copy__": lambda self: rebuilt(elements(self), self.node is not None, self.grad),
    "__deepcopy__": deepcopy,
}.items():
    setattr(Tensor, name, value)
