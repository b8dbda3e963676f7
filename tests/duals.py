"""Forward mode in plain NumPy: arrays with their derivatives by every input, for comparison."""

import numpy as np


class Dual:
    """A value, which may look at memory that others write to, and its slopes along a last axis."""

    def __init__(self, value, slope):
        self.value = np.asarray(value)
        self.slope = np.broadcast_to(slope, (*self.value.shape, np.shape(slope)[-1]))

    @property
    def shape(self):
        return self.value.shape

    def __add__(self, other):
        return Dual(self.value + other.value, self.slope + other.slope)

    def __sub__(self, other):
        return Dual(self.value - other.value, self.slope - other.slope)

    def __mul__(self, other):
        value = self.value * other.value
        return Dual(value, self.slope * wide(other.value) + wide(self.value) * other.slope)

    def __truediv__(self, other):
        value = self.value / other.value
        return Dual(value, (self.slope - wide(value) * other.slope) / wide(other.value))

    def sin(self):
        return Dual(np.sin(self.value), wide(np.cos(self.value)) * self.slope)

    def sum(self):
        return Dual(self.value.sum(), self.slope.sum(axis=tuple(range(self.value.ndim))))

    def __getitem__(self, key):
        return Dual(self.value[key], self.slope[beside(key)])

    def transposed(self):
        axes = range(self.value.ndim)
        return Dual(self.value.T, self.slope.transpose(*axes[::-1], len(axes)))

    def flat(self):
        return Dual(self.value.reshape(-1), self.slope.reshape(-1, self.slope.shape[-1]))

    def repeated(self, n):
        """This `n` times along a new first axis, looking at the same memory."""
        shape, strides = (n, *self.value.shape), (0, *self.value.strides)
        return Dual(np.lib.stride_tricks.as_strided(self.value, shape, strides), self.slope)

    def written(self, key, new):
        """What this is after `[key] = new`; itself it stays as it was."""
        value, slope = self.value.copy(), self.slope.copy()
        value[key] = new.value
        slope[beside(key)] = new.slope
        return Dual(value, slope)

    def constant(self):
        """The same value, looking at the same memory, without slopes."""
        return Dual(self.value, self.slope * 0)


def wide(value):
    """`value` beside slopes, which have one more axis."""
    return np.asarray(value)[..., None]


def beside(key):
    """A key for slopes: an ellipsis must not take their last axis."""
    parts = key if isinstance(key, tuple) else (key,)
    dots = any(part is Ellipsis for part in parts)
    return (*parts, slice(None)) if dots else key
