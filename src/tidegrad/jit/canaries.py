"""Floor 6. Canaries: bytes around a program's memory, which tell that it wrote outside of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from ..shapes import Shape
from .executable import Executable, Variant

__all__ = ["Canaries", "Guarded"]

LINE = 64
MARGIN = 4096  # bytes on each side
BYTE = 0xFF  # floats of such bytes are NaN: what is read too early, or outside, is seen in results


class Canaries:
    """Memory in frames of bytes that nobody may change; inside, it holds NaN at first."""

    def __init__(self) -> None:
        self.frames: dict[str, tuple[ndarray, ndarray]] = {}

    def room(self, name: str, size: int) -> ndarray:
        """`size` bytes that begin on a cache line, in a frame of their own."""
        whole = np.full(size + 2 * MARGIN + LINE, BYTE, np.uint8)
        start = MARGIN + -(whole.ctypes.data + MARGIN) % LINE
        inside = whole[start : start + size]
        self.frames[name] = whole[:start], whole[start + size :]
        return inside

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> ndarray:
        """An array in a frame."""
        size = int(np.prod(shape, dtype=np.intp)) * dtype.itemsize
        return self.room(name, size).view(dtype).reshape(shape)

    def check(self, part: object) -> None:
        """MemoryError if a frame has changed: something ran over the edge in `part`."""
        for name, sides in self.frames.items():
            for side, frame in zip(("before", "behind"), sides):
                if (frame != BYTE).any():
                    raise MemoryError(f"jit: {part} wrote {side} the memory of {name}")


class Guarded(Executable):
    """An Executable that checks at every call that it stays within its memory, at a great cost.

    MemoryError where it does not.
    """

    def opened(self, count: int, fixed: bool) -> Variant:
        return GuardedVariant(self, count, fixed)


class GuardedVariant(Variant):
    """A program whose inputs, results and other memory have frames."""

    def __init__(self, whole: Executable, count: int, fixed: bool):
        self.canaries = Canaries()
        super().__init__(whole, count, fixed)

    def room(self, name: str, size: int) -> ndarray:
        return self.canaries.room(name, size)

    def __call__(
        self, arrays: list[ndarray], outs: Sequence[ndarray | None] | None = None
    ) -> list[ndarray]:
        self.arena[...] = self.scratch[...] = BYTE
        given = [self.framed(f"input {k}", a) for k, a in enumerate(arrays)]
        results = super().__call__(given)
        results = [a.copy() for a in results]
        for k, out in enumerate(outs or ()):
            if out is not None:
                out[...] = results[k]
                results[k] = out
        if any(differ(a, b) for a, b in zip(given, arrays)):
            raise MemoryError("jit: the program wrote into an input")
        return results

    def new(self, k: int, shape: Shape, dtype: np.dtype) -> ndarray:
        return self.canaries.array(f"result {k}", shape, dtype)

    def framed(self, name: str, content: ndarray) -> ndarray:
        array = self.canaries.array(name, content.shape, content.dtype)
        array[...] = content
        return array

    def run(self, arrays: list[ndarray], made: list[ndarray]) -> None:
        steps = self.steps
        try:
            for k, step in enumerate(steps):
                self.steps = [step]
                super().run(arrays, made)
                self.canaries.check(f"part {k}")
        finally:
            self.steps = steps


def differ(a: ndarray, b: ndarray) -> bool:
    return a.tobytes() != b.tobytes()
