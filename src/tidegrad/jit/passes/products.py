"""Floor 6. Products: what is done to the inputs of a contraction and its result, in its labels."""

from __future__ import annotations

from functools import lru_cache

from ...abstract import Value
from ...kinds import expand, permute, sum_
from ...ops import elementwise as table
from ...ops.contractions import contract
from ...ops.plans import terms
from .broadcasting import aligned, spread_axes
from .facts import Facts, Rules
from .making import fitted, made, reshaped

__all__ = ["RULES"]

LABELS = "ijklmnopqrstuvwxyzabcdefghABCDEFGHIJKLMNOPQRSTUVWXYZ"


@lru_cache(maxsize=4096)
def canonical(spec: str) -> str:
    """The labels by their order: equal contractions are spelled alike.

    >>> from tidegrad.jit.passes.products import canonical
    >>> canonical("ab,cb->ac")
    'ij,kj->ik'
    """
    labels = dict.fromkeys(n for n in spec if n not in ",->")
    if len(labels) > len(LABELS):
        return spec
    return spec.translate({ord(n): new for n, new in zip(labels, LABELS)})


def contracted(x: Value, y: Value, a: str, b: str, out: str) -> Value:
    return made(contract, x, y, spec=canonical(f"{a},{b}->{out}"))


def respelled(value: Value, facts: Facts) -> Value | None:
    spec = canonical(value.params["spec"])
    return None if spec == value.params["spec"] else made(contract, *value.parents, spec=spec)


def of_permuted(value: Value, facts: Facts) -> Value | None:
    """A permuted input is read with its labels permuted."""
    x, y = value.parents
    if x.prim is not permute and y.prim is not permute:
        return None
    a, b, out = terms(value.params["spec"])
    if x.prim is permute:
        a, x = unpermuted(a, x)
    if y.prim is permute:
        b, y = unpermuted(b, y)
    return contracted(x, y, a, b, out)


def unpermuted(term: str, x: Value) -> tuple[str, Value]:
    label = dict(zip(x.params["axes"], term))
    return "".join(label[k] for k in range(len(term))), x.parents[0]


def permuted(value: Value, facts: Facts) -> Value | None:
    """A permuted result is written with its labels permuted, where nothing else reads it."""
    x = value.parents[0]
    if x.prim is not contract or not facts.once(x):
        return None
    a, b, out = terms(x.params["spec"])
    left, right = x.parents
    return contracted(left, right, a, b, "".join(out[k] for k in value.params["axes"]))


def of_spread(value: Value, facts: Facts) -> Value | None:
    """Equal elements along an axis are not multiplied one by one.

    Where that axis is summed over, the other input is summed first.
    """
    x, y = value.parents
    a, b, out = terms(value.params["spec"])
    if x.prim is not expand:
        if y.prim is not expand:
            return None
        x, y, a, b = y, x, b, a
        found = without_copies(x, y, a, b, out, swapped=True)
    else:
        found = without_copies(x, y, a, b, out, swapped=False)
    return fitted(found, value)


def without_copies(x: Value, y: Value, a: str, b: str, out: str, swapped: bool) -> Value:
    copied = {a[k] for k in spread_axes(x)}
    inner = aligned(x)
    x = reshaped(inner, tuple(n for n, label in zip(inner.shape, a) if label not in copied))
    summed = [k for k, label in enumerate(b) if label in copied and label not in out]
    if summed:
        y = made(sum_, y, axes=tuple(summed), keepdims=False)
    a = "".join(n for n in a if n not in copied)
    b = "".join(n for k, n in enumerate(b) if k not in summed)
    left = "".join(n for n in out if n in a or n in b)
    found = contracted(y, x, b, a, left) if swapped else contracted(x, y, a, b, left)
    sizes = dict(zip(left, found.shape))
    return reshaped(found, tuple(sizes.get(n, 1) for n in out))


def of_ones(value: Value, facts: Facts) -> Value | None:
    """Axes of size 1 that both inputs have are no axes of the contraction."""
    x, y = value.parents
    if 1 not in x.shape or 1 not in y.shape:
        return None
    a, b, out = terms(value.params["spec"])
    ones = {n for n, size in zip(a, x.shape) if size == 1 and n in b}
    if not ones:
        return None
    x, a = without(x, a, ones)
    y, b = without(y, b, ones)
    found = contracted(x, y, a, b, "".join(n for n in out if n not in ones))
    return reshaped(found, value.shape)


def without(x: Value, term: str, ones: set[str]) -> tuple[Value, str]:
    kept = [k for k, n in enumerate(term) if n not in ones]
    return reshaped(x, tuple(x.shape[k] for k in kept)), "".join(term[k] for k in kept)


def multiplied(value: Value, facts: Facts) -> Value | None:
    """Where nothing is summed, a contraction is a product element by element."""
    x, y = value.parents
    a, b, out = terms(value.params["spec"])
    if any(n not in out for n in a) or x.dtype != y.dtype:
        return None
    return fitted(made(table.multiply, spelled(x, a, out), spelled(y, b, out)), value)


def spelled(x: Value, term: str, out: str) -> Value:
    """`x` with an axis for each label of the result, of size 1 where it has none."""
    axes = tuple(term.index(n) for n in out if n in term)
    if axes != tuple(range(len(axes))):
        x = made(permute, x, axes=axes)
    sizes = iter(x.shape)
    return reshaped(x, tuple(next(sizes) if n in term else 1 for n in out))


RULES: Rules = {
    contract: [of_permuted, of_spread, of_ones, multiplied, respelled],
    permute: [permuted],
}
