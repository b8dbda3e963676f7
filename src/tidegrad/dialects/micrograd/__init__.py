"""Floor 8. micrograd: numbers that know their gradients (karpathy/micrograd).

>>> from tidegrad.dialects.micrograd.engine import Value
>>> a, b = Value(-4.0), Value(2.0)
>>> c = a * b + (a + b).relu() + b**3
>>> c.backward()
>>> a, b
(Value(data=-4.0, grad=2.0), Value(data=2.0, grad=8.0))
"""

from ..shared import lacking
from . import engine, nn

__all__ = ["engine", "nn"]

__getattr__ = lacking("micrograd")
