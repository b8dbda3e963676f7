"""Floor 8. maligrad's networks."""

from ...shared import lacking
from ..autograd.engine import Variable
from . import functional, optim
from .engine import Module, Parameter, Sequential
from .layers import Conv, Flatten, Linear, Maxpool, ReLU, Sigmoid, Softmax

__all__ = ["Conv", "Flatten", "Linear", "Maxpool", "Module", "Parameter", "ReLU", "Sequential"]
__all__ += ["Sigmoid", "Softmax", "Variable", "functional", "optim"]

__getattr__ = lacking("maligrad")
