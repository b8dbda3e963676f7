"""Floor 6. The text of an LLVM module, line by line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["Code", "Module", "llvm_type"]

FLOATS = {4: "float", 8: "double"}


def llvm_type(dtype: np.dtype, width: int = 1) -> str:
    """The type of an element in memory, or of `width` of them side by side; a bool is a byte.

    >>> from tidegrad.jit.ir import llvm_type
    >>> llvm_type(np.dtype("float32"), 16), llvm_type(np.dtype("bool"))
    ('<16 x float>', 'i8')
    """
    one = FLOATS[dtype.itemsize] if dtype.kind == "f" else f"i{8 * dtype.itemsize}"
    return one if width == 1 else f"<{width} x {one}>"


class Module:
    """One LLVM module being written.

    `contract`: a product may be fused with the sum it stands in; without, results are NumPy's bit
    for bit.  `fma`: the target computes a fused multiply-add and rounds to whole numbers in one
    instruction each (x86-64 from AVX2 on, AArch64).
    """

    def __init__(self, *, contract: bool = True, fma: bool = True):
        self.contract, self.fma = contract, fma
        self.declared: dict[str, None] = {}
        self.functions: dict[str, Code] = {}

    def function(
        self,
        name: str,
        result: str,
        parameters: Sequence[tuple[str, str]],
        attributes: str = "",
        *,
        linkage: str = "dso_local",
        contract: bool | None = None,
    ) -> Code:
        """A new function; a parameter is a (type, name), as in ("ptr noalias", "%x")."""
        listed = ", ".join(f"{kind} {given}" for kind, given in parameters)
        head = f"define {linkage} {result} @{name}({listed}) {attributes} {{"
        code = Code(self, head, self.contract if contract is None else contract)
        self.functions[name] = code
        return code

    def declare(self, line: str) -> None:
        """Add a `declare` line, once."""
        self.declared[line] = None

    def text(self) -> str:
        bodies = [code.text() for code in self.functions.values()]
        return "\n".join([*self.declared, *bodies, ""])


class Code:
    """One function's body: a list of lines, results named by counting."""

    def __init__(self, module: Module, head: str, contract: bool):
        self.module, self.contract = module, contract
        self.lines = [head, "entry:"]
        self.block = "entry"  # which one is being written, for phi
        self.known: dict[str, str] = {}  # in this block, the results of instructions by their text
        self.count = self.labels = 0

    def emit(self, text: str) -> str:
        """Append "%17 = text"; gives "%17"."""
        name = f"%{self.count}"
        self.count += 1
        self.lines.append(f"  {name} = {text}")
        return name

    def line(self, text: str) -> None:
        """Append a line without a result: a store, a branch, a call of a void function."""
        self.lines.append("  " + text)

    def label(self, hint: str) -> str:
        """A fresh name for a block that is placed later."""
        self.labels += 1
        return f"{hint}.{self.labels}"

    def place(self, label: str) -> None:
        """Start the block `label`."""
        self.lines.append(f"{label}:")
        self.block, self.known = label, {}

    def text(self) -> str:
        return "\n".join([*self.lines, "}"])
