"""Floor 6. Addresses: where a program finds the arrays that it is called with."""

from __future__ import annotations

from ..native.layout import layout
from .loops import Level
from .memory import Memory

__all__ = ["addresses"]


def addresses(code: Level, memory: Memory, given: int, made: int) -> list[str]:
    """The slots' addresses, then those of the arena and of this thread's scratch.

    Arrays are Python's own objects in Python's own lists: first those `given`, up to `made` those
    for results; other slots are constants, in a table.
    """

    def word(base: str, k: int, kind: str = "ptr") -> str:
        place = code.emit(f"getelementptr {kind}, ptr {base}, i64 {k}")
        return code.emit(f"load ptr, ptr {place}, align 8")

    places = layout()
    inputs, outputs = (word(word("%words", k), places.items, "i8") for k in (0, 1))
    table, arena, scratch = (word("%words", k) for k in (2, 3, 4))
    code.line(f"%n = ptrtoint ptr {word('%words', 5)} to i64")
    names = []
    for k in range(len(memory.slots)):
        if k < made:
            array = word(inputs, k) if k < given else word(outputs, k - given)
            names.append(word(array, places.data, "i8"))
        else:
            names.append(word(table, k - made))
    own = code.emit(f"mul i64 %thread, {memory.scratch}")
    return [*names, arena, code.emit(f"getelementptr i8, ptr {scratch}, i64 {own}")]
