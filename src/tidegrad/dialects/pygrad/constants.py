"""Floor 8. The dtype that pygrad's Tensors have unless they are told another."""

import numpy as np

from ..shared import lacking

__all__ = ["PRECISION"]

PRECISION = np.float64

__getattr__ = lacking("pygrad")
