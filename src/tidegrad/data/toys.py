"""Floor 7. Toy problems: small labelled data made from a seed, the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np

import tidegrad as tg

__all__ = ["addition", "blobs", "moons", "spiral"]

Points = tuple[Any, Any]


def spiral(
    points: int = 100, classes: int = 3, *, turns: float = 0.6, noise: float = 0.2, seed: int = 0
) -> Points:
    """Interleaved spiral arms: `points` of each class in the plane, and the class of each.

    x is (points * classes, 2) of the default dtype within the unit circle, y int64. Every arm
    makes `turns` turns about the centre; `noise` is the deviation of its angle in radians.

    >>> x, y = tg.data.spiral(200, classes=3)
    >>> x.shape, y.shape
    ((600, 2), (600,))
    """
    label = np.repeat(np.arange(classes), points)
    radius = np.tile(np.linspace(0, 1, points), classes)
    angle = 2 * np.pi * (label / classes + turns * radius)
    angle += noise * normals(seed, angle.shape)
    return labelled(polar(radius, angle), label)


def moons(points: int = 100, *, noise: float = 0.1, seed: int = 0) -> Points:
    """Two interlocking half circles: `points` of each in the plane, and which half each is of.

    x is (2 * points, 2) of the default dtype, y int64; `noise` is the deviation of x.

    >>> x, y = tg.data.moons(2)
    >>> x.shape, y.tolist()
    ((4, 2), [0, 0, 1, 1])
    """
    upper = polar(1.0, np.linspace(0, np.pi, points))
    # The lower moon is the upper one turned by half a turn about the middle between them.
    x = np.concatenate([upper, np.array([1.0, 0.5]) - upper])
    x += noise * normals(seed, x.shape)
    return labelled(x, np.repeat(np.arange(2), points))


def blobs(
    points: int = 100, classes: int = 3, features: int = 2, *, spread: float = 1.0, seed: int = 0
) -> Points:
    """Normal clouds about random centres: `points` of each class, and the class of each.

    x is (points * classes, features) of the default dtype, y int64. Centres are uniform in
    [-10, 10); `spread` is the deviation of a cloud.

    >>> x, y = tg.data.blobs(20, classes=4, features=3)
    >>> x.shape, y.shape
    ((80, 3), (80,))
    """
    label = np.repeat(np.arange(classes), points)
    generator = tg.random.Generator(seed)
    centres = generator.uniform((classes, features), -10, 10, dtype=tg.float64).numpy()
    cloud = generator.normal((len(label), features), dtype=tg.float64).numpy()
    return labelled(centres[label] + spread * cloud, label)


def addition(points: int = 10_000, *, seed: int = 0) -> Points:
    """Sums of two two-digit numbers as digits: x is `27+45=` and y is `072`, as int64 tokens.

    Digits stand for themselves, 10 is `+` and 11 is `=`; x is (points, 6) and y (points, 3). The
    questions are distinct (there are 10,000), so a split never shows a test question in training.

    >>> x, y = tg.data.addition(1)
    >>> (a, b, _, c, d, _), (e, f, g) = x[0].tolist(), y[0].tolist()
    >>> 10 * (a + c) + b + d == 100 * e + 10 * f + g
    True
    """
    if not 0 <= points <= 10_000:
        raise ValueError(f"addition: points must lie in 0 to 10000, the questions, got {points}")
    order = tg.random.Generator(seed).permutation(10_000)
    # The four digits of a question's number are those of its two summands.
    question = order.numpy()[:points, None]
    total = question // 100 + question % 100
    x = np.insert(question // [1000, 100, 10, 1] % 10, [2, 4], [10, 11], axis=1)
    y = total // [100, 10, 1] % 10
    return tg.asarray(x), tg.asarray(y)


def polar(radius: float | np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Points of the plane at this distance and angle."""
    x = radius * np.cos(angle)
    y = radius * np.sin(angle)
    return np.stack([x, y], axis=1)


def normals(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    generator = tg.random.Generator(seed)
    return generator.normal(shape, dtype=tg.float64).numpy()


def labelled(x: np.ndarray, y: np.ndarray) -> Points:
    """Points in the default dtype, and their labels."""
    return tg.asarray(x, dtype=tg.default_dtype()), tg.asarray(y, dtype=tg.int64)
