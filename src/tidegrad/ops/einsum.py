"""Floor 3. einsum: any number of operands, reduced to contractions of two."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from string import ascii_letters
from typing import Any

import numpy as np

from ..core import Tensor
from ..errors import ShapeError
from ..kinds import permute, reshape, sum_
from .contractions import contract
from .creation import lift
from .indexing import gather

__all__ = ["einsum"]

DOTS = "..."


def einsum(subscripts: Any, *operands: Any) -> Tensor:
    """Products of elements, summed over the labels that the result lacks (Einstein's notation).

    As `numpy.einsum`: implicit results, "...", repeated labels for diagonals, and the form of
    alternating operands and lists of axis numbers.  More than two operands are taken in the
    order of `numpy.einsum_path`.

    >>> tg.einsum("ij,kj->ik", [[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]])
    tensor([[11., 17.]])
    """
    if not isinstance(subscripts, str):
        subscripts, operands = from_lists((subscripts, *operands))
    tensors = [lift(x, "einsum") for x in operands]
    shapes = tuple(x.array.shape for x in tensors)
    inputs, out, order = parsed(subscripts.replace(" ", ""), shapes)
    sizes: dict[str, int] = {}
    for term, shape in zip(inputs, shapes):
        for label, n in zip(term, shape):
            sizes[label] = n if sizes.get(label, 1) == 1 else sizes[label]
    pending = [fitted(x, term, sizes) for x, term in zip(tensors, inputs)]
    for group in order:
        chosen = [pending[k] for k in group]
        pending = [p for k, p in enumerate(pending) if k not in group]
        while len(chosen) > 1:
            needed = {n for _, term in pending + chosen[2:] for n in term} | set(out)
            chosen = [pair(chosen[0], chosen[1], needed), *chosen[2:]]
        pending.append(chosen[0])
    x, term = summed(*pending[0], set(out))
    axes = tuple(term.index(n) for n in out)
    return x if axes == tuple(range(len(axes))) else permute(x, axes=axes)


Operand = tuple[Tensor, str]


def summed(x: Tensor, term: str, needed: set[str]) -> Operand:
    """`x` without the labels that nobody needs."""
    axes = tuple(i for i, n in enumerate(term) if n not in needed)
    if axes:
        x = sum_(x, axes=axes, keepdims=False)
    return x, "".join(n for n in term if n in needed)


def pair(first: Operand, second: Operand, needed: set[str]) -> Operand:
    """Two operands as one."""
    x, a = summed(*first, needed | set(second[1]))
    y, b = summed(*second, needed | set(a))
    out = "".join(n for n in dict.fromkeys(a + b) if n in needed)
    return contract(x, y, spec=f"{a},{b}->{out}"), out


def fitted(x: Tensor, term: str, sizes: dict[str, int]) -> Operand:
    """An operand in canonical form: no label twice, none that would be broadcast."""
    kept = [i for i, n in enumerate(term) if x.array.shape[i] == sizes[n]]
    if len(kept) < len(term):
        x = reshape(x, shape=tuple(x.array.shape[i] for i in kept))
        term = "".join(term[i] for i in kept)
    for label in dict.fromkeys(term):
        while term.count(label) > 1:
            i = term.index(label)
            j = term.index(label, i + 1)
            others = [k for k in range(len(term)) if k not in (i, j)]
            along = Tensor(np.arange(sizes[label]))
            turned = permute(x, axes=(*others, i, j))
            x = gather(turned, along, along, axes=(len(term) - 2, len(term) - 1))
            term = "".join(term[k] for k in others) + label
    return x, term


@lru_cache(maxsize=1024)
def parsed(spec: str, shapes: tuple) -> tuple[list[str], str, list[tuple[int, ...]]]:
    """The labels of each operand and of the result, and in which order operands meet."""
    given, arrow, result = spec.partition("->")
    parts = given.split(",")
    if len(parts) != len(shapes):
        raise ValueError(f"einsum: {spec!r} is for {len(parts)} operands, {len(shapes)} were given")
    dotted = [(p, s) for p, s in zip(parts, shapes) if DOTS in p]
    wide = max([0, *(len(s) - len(p.replace(DOTS, "")) for p, s in dotted)])
    spare = [chr(0x3B1 + k) for k in range(wide)]
    terms = [spelled(p, s, spare, spec) for p, s in zip(parts, shapes)]
    everything = "".join(terms)
    if arrow and wide and DOTS not in result:
        raise ValueError(
            f"einsum: the result of {spec!r} needs '...' for the axes that it stands for"
        )
    if arrow:
        out = result.replace(DOTS, "".join(spare))
    else:
        single = sorted(n for n in set(everything) if everything.count(n) == 1 and n not in spare)
        out = "".join([*spare, *single])
    checked(spec, terms, out, shapes)
    return terms, out, path(terms, out, shapes)


def spelled(part: str, shape: tuple, spare: Sequence[str], spec: str) -> str:
    """One operand's labels, with letters of their own for the axes behind "..."."""
    named = part.replace(DOTS, "", 1)
    if not all(n.isascii() and n.isalpha() for n in named):
        raise ValueError(f"einsum: {part!r} in {spec!r} is not made of letters and one '...'")
    hidden = len(shape) - len(named)
    if hidden < 0 or (hidden and DOTS not in part):
        raise ShapeError(f"einsum: {part!r} in {spec!r} does not label the axes of shape {shape}")
    return part.replace(DOTS, "".join(spare[len(spare) - hidden :]))


def checked(spec: str, terms: list[str], out: str, shapes: tuple) -> None:
    seen: dict[str, tuple[int, int]] = {}
    for k, (term, shape) in enumerate(zip(terms, shapes)):
        own: dict[str, int] = {}
        for label, n in zip(term, shape):
            if own.setdefault(label, n) != n:
                raise ShapeError(
                    f"einsum: {label!r} stands twice in {term!r}, for the sizes {own[label]} and "
                    f"{n} of shape {shape}; a diagonal has equal sizes"
                )
            where, m = seen.setdefault(label, (k, n))
            if n != m and 1 not in (n, m):
                raise ShapeError(
                    f"einsum: {label!r} in {spec!r} has size {m} in operand {where} (shape "
                    f"{shapes[where]}) and {n} in operand {k} (shape {shape})"
                )
            if m == 1:
                seen[label] = (k, n)
    for label in out:
        if label not in seen or out.count(label) > 1:
            raise ValueError(
                f"einsum: {label!r} in the result of {spec!r} must be in an input, once"
            )


def path(terms: list[str], out: str, shapes: tuple) -> list[tuple[int, ...]]:
    """In which order operands meet, as `numpy.einsum_path` has it."""
    if len(terms) < 3:
        return [tuple(range(len(terms)))]
    letters = dict(zip(dict.fromkeys("".join(terms)), ascii_letters))
    plain = ",".join("".join(letters[n] for n in term) for term in terms)
    blanks = [np.broadcast_to(np.empty(()), shape) for shape in shapes]
    found = np.einsum_path(f"{plain}->{''.join(letters[n] for n in out)}", *blanks)[0]
    return list(found[1:])


def from_lists(args: tuple) -> tuple[str, tuple]:
    """Alternating operands and lists of axis numbers, as a string and operands."""
    *pairs, last = args if len(args) % 2 else (*args, None)
    if not pairs or not all(isinstance(axes, (list, tuple)) for axes in (*pairs[1::2], last or ())):
        raise TypeError(
            "einsum: takes a string and operands, or operands and lists of axis numbers"
        )
    numbers = sorted({n for axes in pairs[1::2] for n in axes if n is not Ellipsis})
    # Letters in the order of the numbers, by which an implicit result is sorted.
    letters = {Ellipsis: DOTS, **dict(zip(numbers, ascii_letters))}
    spelled_out = ["".join(letters[n] for n in axes) for axes in pairs[1::2]]
    result = "" if last is None else "->" + "".join(letters[n] for n in last)
    return ",".join(spelled_out) + result, tuple(pairs[::2])
