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

    x is (points * classes, 2) of the default dtype within about the unit circle, y int64. Every
    arm makes `turns` turns about the centre; `noise` is the deviation of its angle in radians.

    >>> x, y = tg.data.spiral(200, classes=3, seed=0)
    >>> x.shape, y.shape, y.numpy().max().item()
    ((600, 2), (600,), 2)
    """
    label = np.repeat(np.arange(classes), points)
    radius = np.tile(np.linspace(0, 1, points), classes)
    angle = 2 * np.pi * (label / classes + turns * radius)
    angle = angle + noise * normals(seed, angle.shape)
    return labelled(polar(radius, angle), label)


def moons(points: int = 100, *, noise: float = 0.1, seed: int = 0) -> Points:
    """Two interlocking half circles: `points` of each in the plane, and which half each is of.

    x is (2 * points, 2) of the default dtype, y int64; `noise` is the deviation of x.

    >>> x, y = tg.data.moons(50)
    >>> x.shape, y.tolist()[48:52]
    ((100, 2), [0, 0, 1, 1])
    """
    upper = polar(1.0, np.linspace(0, np.pi, points))
    # The lower moon is the upper one turned by half a turn about the middle between them.
    lower = np.array([1.0, 0.5]) - upper
    x = np.concatenate([upper, lower])
    x = x + noise * normals(seed, x.shape)
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
    place = generator.uniform((classes, features), dtype=tg.float64)
    cloud = generator.normal((len(label), features), dtype=tg.float64)
    centres = 20 * place.numpy() - 10
    x = centres[label] + spread * cloud.numpy()
    return labelled(x, label)


def addition(points: int = 10_000, *, seed: int = 0) -> Points:
    """Sums of two two-digit numbers as digits: x is `27+45=` and y is `072`, as int64 tokens.

    Digits stand for themselves, 10 is `+` and 11 is `=`; x is (points, 6) and y (points, 3). The
    questions are distinct (there are 10,000), so a split never shows a test question in training.

    >>> x, y = tg.data.addition(1)
    >>> a, b = x[0, 0:2].tolist(), x[0, 3:5].tolist()
    >>> int(f"{a[0]}{a[1]}") + int(f"{b[0]}{b[1]}") == int("".join(map(str, y[0].tolist())))
    True
    """
    if not 0 <= points <= 10_000:
        raise ValueError(f"addition: points must lie in 0 to 10000, the questions, got {points}")
    order = tg.random.Generator(seed).permutation(10_000)
    a, b = np.divmod(order.numpy()[:points], 100)
    plus = np.full((points, 1), 10, np.int64)
    equals = plus + 1
    x = np.concatenate([digits(a, 2), plus, digits(b, 2), equals], axis=1)
    y = digits(a + b, 3)
    return tg.asarray(x), tg.asarray(y)


def digits(number: np.ndarray, count: int) -> np.ndarray:
    """The last `count` decimal digits along a new axis, the highest first."""
    powers = 10 ** np.arange(count, dtype=np.int64)[::-1]
    column = number.astype(np.int64)[:, None]
    return column // powers % 10


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
    dtype = tg.default_dtype()
    return tg.asarray(x, dtype=dtype), tg.asarray(y, dtype=tg.int64)
