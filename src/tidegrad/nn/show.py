"""Floor 7. How a module reads: its layers indented, with the number of their parameters."""

from __future__ import annotations

from math import prod

from .tree import entries, walk

__all__ = ["describe"]


def describe(module) -> str:
    """`module` and what it holds, one line each, with parameter counts."""
    lines = _lines(module, ())
    lines[0] += _count(module)
    return "\n".join(lines)


def _lines(module, above):
    kind, extra = type(module).__name__, module.extra_repr()
    if id(module) in above:
        return [f"{kind}(...)"]
    below = []
    for name, what, value in entries(module):
        if what == "module":
            child = _lines(value, (*above, id(module)))
            child[0] = f"({name}): {child[0]}{_count(value)}"
            below += child
        elif what == "parameter" and not extra:
            below.append(f"({name}): parameter {value.shape} {value.dtype}")
    if not below:
        return [f"{kind}({extra})"]
    return [f"{kind}(", *("  " + line for line in [extra, *below] if line), ")"]


def _count(module):
    """The comment that counts parameters, each once, and how many of them are frozen."""
    held = {id(x): x for _, kind, x in walk(module) if kind == "parameter"}
    total = sum(prod(x.shape) for x in held.values())
    frozen = sum(prod(x.shape) for x in held.values() if not x.requires_grad)
    if not total:
        return ""
    tail = f", {frozen:,} frozen" if frozen else ""
    return f"  # {total:,} parameter{'s' if total > 1 else ''}{tail}"
