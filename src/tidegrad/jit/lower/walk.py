"""Floor 6. Walk: a Value's element at an index, followed down to what is stored in memory."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from ...abstract import Value
from ...kinds import Map
from ...lazy import lazy
from .affine import Affine, Mod, Quotient, Read, Within, linear, strides
from .sliding import SUMS
from .views import VIEWS, Condition, Index, broadcast_index, steps_of

__all__ = ["Access", "Probe", "Walk"]

RULES = VIEWS | SUMS


class Walk:
    """What an element is made of; a subclass says what reading and computing are.

    `stored` are the Values that are in memory.  Each element is visited once.
    """

    def __init__(self, stored: Container[Value]):
        self.stored = stored
        self.memo: dict[Any, Any] = {}

    def at(self, v: Value, index: Index, conditions: tuple[Condition, ...] = ()) -> Any:
        """The element of `v` at `index`, or 0 where a condition fails."""
        key = (id(v), index, conditions)
        if key not in self.memo:
            if conditions and (id(v), index, ()) in self.memo:
                return self.memo[id(v), index, ()]
            self.memo[key] = self.found(v, index, conditions)
        return self.memo[key]

    def found(self, v: Value, index: Index, conditions: tuple[Condition, ...]) -> Any:
        if v in self.stored:
            return self.read(v, index, conditions)
        return self.made(v, index, conditions)

    def anew(self, v: Value, index: Index) -> Any:
        """The element of `v` by its own operation, from now on known."""
        found = self.memo[id(v), index, ()] = self.made(v, index, ())
        return found

    def made(self, v: Value, index: Index, conditions: tuple[Condition, ...]) -> Any:
        if v.prim is None:
            steps = steps_of(v) if v.size > 1 else None
            if steps is not None:
                return self.counted(v, index[steps.axis] * steps.step + steps.start)
            return self.number(v)
        if isinstance(v.prim, Map):
            parts = [self.at(p, broadcast_index(index, p.shape), conditions) for p in v.parents]
            return self.computed(v, parts)
        return RULES[v.prim](self, v, index, conditions)

    def read(self, v: Value, index: Index, conditions: tuple[Condition, ...]) -> Any:
        raise NotImplementedError

    def number(self, v: Value) -> Any:
        raise NotImplementedError

    def counted(self, v: Value, number: Affine) -> Any:
        """The element of a constant that counts."""
        raise NotImplementedError

    def computed(self, v: Value, parts: Sequence[Any]) -> Any:
        raise NotImplementedError

    def guarded(
        self, v: Value, index: Index, conditions: Any, found: Sequence[Condition], dtype: Any
    ) -> Any:
        """The element of `v` where the conditions `found` hold as well, else 0."""
        raise NotImplementedError

    def either(self, found: Sequence[Condition], one: Any, other: Any) -> Any:
        """`one` where the conditions hold, else `other`."""
        raise NotImplementedError

    def total(self, terms: Sequence[Any]) -> Any:
        """The sum of `terms`."""
        raise NotImplementedError

    def drawn(self, v: Value, key: Sequence[Any], end: Any, number: Affine) -> Any:
        """The element of a draw that word `number` is for."""
        raise NotImplementedError


class Access:
    """An element that is read: of what, at which index, and where conditions hold."""

    def __init__(self, value: Value, place: Index, conditions: tuple[Condition, ...]):
        self.value, self.place, self.conditions = value, place, conditions

    @lazy
    def offset(self) -> Affine:
        """How far it is from the first element in memory."""
        return linear(self.place, strides(self.value.shape))


class Probe(Walk):
    """Notes what would be read, without writing any code."""

    def __init__(self, stored: Container[Value]):
        super().__init__(stored)
        self.accesses: list[Access] = []
        self.maps: list[Value] = []

    def read(self, v: Value, index: Index, conditions: tuple[Condition, ...]) -> None:
        self.accesses.append(Access(v, index, conditions))
        for place in [*index, *(c.where for c in conditions)]:
            self.followed(place)

    def followed(self, place: Affine) -> None:
        """Visit the Values of which an index is an element."""
        for variable in place.terms:
            if isinstance(variable, Read):
                self.at(variable.value, variable.index)
            elif isinstance(variable, (Quotient, Mod, Within)):
                self.followed(variable.whole)

    def number(self, v: Value) -> None:
        pass

    def counted(self, v: Value, number: Affine) -> None:
        self.followed(number)

    def computed(self, v: Value, parts: Sequence[Any]) -> None:
        self.maps.append(v)

    def guarded(
        self, v: Value, index: Index, conditions: Any, found: Sequence[Condition], dtype: Any
    ) -> None:
        for condition in found:  # also where `v` is a number, which reads nothing
            self.followed(condition.where)
        self.at(v, index, (*conditions, *found))

    def either(self, found: Sequence[Condition], one: Any, other: Any) -> None:
        for condition in found:
            self.followed(condition.where)

    def total(self, terms: Sequence[Any]) -> None:
        pass

    def drawn(self, v: Value, key: Sequence[None], end: None, number: Affine) -> None:
        self.maps.append(v)
