"""Floor 6. Functions of Lanes as functions of the module, written once and called."""

from __future__ import annotations

from collections.abc import Callable

from ..lane import BOOL, Lane, suffix

__all__ = ["anywhere", "looped", "routine"]


# A call would have every register that holds something else stored and loaded again.
INLINE = "nounwind alwaysinline"


def routine(build: Callable[..., Lane], *given: Lane, attributes: str = INLINE) -> Lane:
    """`build(*given)`, through a function of its own for this dtype and width.

    In it nothing is contracted: what is to be fused says so.
    """
    x = given[0]
    module, name = x.code.module, f"tg.{build.__name__}.{suffix(x)}"
    if name not in module.functions:
        parameters = [(y.type, f"%x{i}") for i, y in enumerate(given)]
        code = module.function(
            name, x.type, parameters, attributes, linkage="internal", contract=False
        )
        z = build(*[Lane(code, f"%x{i}", y.dtype, y.width) for i, y in enumerate(given)])
        code.line(f"ret {z.type} {z.name}")
    listed = ", ".join(f"{y.type} {y.name}" for y in given)
    return x.like(f"call {x.type} @{name}({listed})")


def anywhere(condition: Lane) -> Lane:
    """Whether a condition holds in any place: a scalar."""
    if condition.width == 1:
        return condition
    kind = condition.type
    name = f"call i1 @llvm.vector.reduce.or.v{condition.width}i1({kind} {condition.name})"
    return Lane(condition.code, condition.code.emit(name), BOOL)


def looped(
    start: tuple[Lane, ...],
    going: Callable[..., Lane],
    step: Callable[..., tuple[Lane, ...]],
) -> tuple[Lane, ...]:
    """`step` applied to `start` again and again while it is `going` in any place."""
    code = start[0].code
    before, head, body, end = code.block, *map(code.label, ("while", "do", "done"))
    code.line(f"br label %{head}")
    code.place(head)
    state, phis = [], []
    for x in start:
        phis.append(len(code.lines))
        name = code.emit(f"phi {x.type} [ {x.name}, %{before} ]")
        state.append(Lane(code, name, x.dtype, x.width))
    code.line(f"br i1 {anywhere(going(*state)).name}, label %{body}, label %{end}")
    code.place(body)
    for at, x in zip(phis, step(*state)):
        code.lines[at] += f", [ {x.name}, %{code.block} ]"
    code.line(f"br label %{head}")
    code.place(end)
    return tuple(state)
