"""Floor 8. maligrad: n-dimensional Variables, user-made Functions, layers (rziga/maligrad).

>>> from tidegrad.dialects.maligrad.autograd.engine import Variable
>>> a, b = Variable(2 * np.ones((2, 2)), requires_grad=True), Variable(3 * np.ones((2, 2)))
>>> (a[0] * b).sum().backward()
>>> a.grad
array([[6., 6.],
       [0., 0.]])
"""

from ..shared import lacking
from . import autograd, data, nn

__all__ = ["autograd", "data", "nn"]

__getattr__ = lacking("maligrad")
