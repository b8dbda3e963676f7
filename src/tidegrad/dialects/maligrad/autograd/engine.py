"""Floor 8. maligrad's engine: Variables and the Functions that connect them."""

from ...shared import lacking
from .function import (
    Add,
    Compare,
    Function,
    Invert,
    Log,
    Matmul,
    Max,
    Mul,
    Pow,
    Reshape,
    Slice,
    Sum,
    Transpose,
    accumulate_grad,
)  # fmt: skip
from .methods import Variable

__all__ = ["Add", "Compare", "Function", "Invert", "Log", "Matmul", "Max", "Mul", "Pow"]
__all__ += ["Reshape", "Slice", "Sum", "Transpose", "Variable", "accumulate_grad"]

__getattr__ = lacking("maligrad")
