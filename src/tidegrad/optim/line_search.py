"""Floor 7. A line search for the strong Wolfe conditions, with cubic interpolation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Point", "strong_wolfe"]

SUFFICIENT = 1e-4  # Armijo's constant c1
CURVATURE = 0.9  # Wolfe's constant c2
MOST = 25  # evaluations on one line
NARROW = 1e-9  # a bracket in which no component moves by more than this is left


class Point(NamedTuple):
    """A place on the line: how far along, the loss there, its gradient, and its slope."""

    t: float
    loss: float
    gradient: Any
    slope: float


Line = Callable[[float], Point]


def strong_wolfe(at: Line, start: Point, t: float, width: float) -> tuple[Point, int]:
    """A point with enough descent and a flat enough slope, and the number of evaluations.

    `at(t)` evaluates the line, `start` is its point 0, `t` the first trial, and `width` the
    largest component of the direction.
    Nocedal and Wright, "Numerical optimization" (2006), algorithms 3.5 and 3.6.

    >>> from tidegrad.optim.line_search import Point, strong_wolfe
    >>> at = lambda t: Point(t, (t - 3.0) ** 2, None, 2 * (t - 3.0))
    >>> point, evaluations = strong_wolfe(at, at(0.0), 0.125, 1.0)
    >>> point.t, evaluations
    (1.25, 2)
    """
    before, now = start, at(t)
    for count in range(MOST):
        # A loss that is NaN counts as too high, so that the bracket closes in on finite ones.
        too_high = not now.loss <= start.loss + SUFFICIENT * now.t * start.slope
        if too_high or (count > 1 and now.loss >= before.loss):
            return zoom(at, start, before, now, count, width)
        if abs(now.slope) <= -CURVATURE * start.slope:
            return now, count + 1
        if now.slope >= 0:
            return zoom(at, start, before, now, count, width)
        bounds = (now.t + 0.01 * (now.t - before.t), now.t * 10)
        before, now = now, at(cubic_minimum(before, now, bounds))
    return min(start, now, key=loss_of), MOST + 1


def zoom(
    at: Line, start: Point, one: Point, other: Point, count: int, width: float
) -> tuple[Point, int]:
    """Close in on a point between `one` and `other` that satisfies the conditions."""
    low, high = sorted((one, other), key=loss_of)
    stuck = False
    while count < MOST:
        left, right = sorted((low.t, high.t))
        if (right - left) * width < NARROW:
            break
        t, stuck = kept_inside(cubic_minimum(low, high, (left, right)), left, right, stuck)
        new = at(t)
        count += 1
        if not new.loss <= start.loss + SUFFICIENT * t * start.slope or new.loss >= low.loss:
            low, high = sorted((low, new), key=loss_of)
        elif abs(new.slope) <= -CURVATURE * start.slope:
            return new, count + 1
        else:
            high, low = (low if new.slope * (high.t - low.t) >= 0 else high), new
    return low, count + 1


def kept_inside(t: float, left: float, right: float, stuck: bool) -> tuple[float, bool]:
    """`t`, moved off an end of the bracket when it is there for the second time."""
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if stuck or t >= right or t <= left:
        return (right - margin if abs(t - right) < abs(t - left) else left + margin), False
    return t, True


def cubic_minimum(one: Point, other: Point, bounds: tuple[float, float]) -> float:
    """Where the cubic through two points and their slopes is least, within `bounds`."""
    least, most = bounds
    if one.t > other.t:
        one, other = other, one
    reach, middle = other.t - one.t, (least + most) / 2
    if reach == 0:
        return middle
    d1 = one.slope + other.slope + 3 * (one.loss - other.loss) / reach
    square = d1 * d1 - one.slope * other.slope
    d2 = math.sqrt(square) if math.isfinite(square) and square >= 0 else math.nan
    below = other.slope - one.slope + 2 * d2
    if below == 0 or math.isnan(below):
        return middle
    return min(max(other.t - reach * ((other.slope + d2 - d1) / below), least), most)


def loss_of(point: Point) -> float:
    """The loss, for sorting; NaN is the worst."""
    return math.inf if math.isnan(point.loss) else point.loss
