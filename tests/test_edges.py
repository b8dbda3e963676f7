"""The tables of docs/edges.md, row by row: values, derivatives and warnings at the edges."""

import re
import warnings
from pathlib import Path

import mpmath
import numpy as np
import pytest

import tidegrad as tg

PAGE = Path(__file__).parents[1] / "docs" / "edges.md"
WARNINGS = {"divide by zero": "divide", "overflow": "overflow", "invalid value": "invalid"}
DTYPES = ["float32", "float64"]


def rows():
    """(line, expression, point, value, gradient, second derivative or None, note) of every row."""
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), 1):
        *cells, note = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) in (4, 5):
            assert all(re.fullmatch("`[^`]+`", cell) for cell in cells), f"line {number}: {line}"
            expression, point, value, gradient, *second = [cell.strip("`") for cell in cells]
            yield number, expression, point, value, gradient, second[0] if second else None, note


ROWS = list(rows())
EVERY_ROW = pytest.mark.parametrize("row", ROWS, ids=[f"{r[0]}: {r[1]} at {r[2]}" for r in ROWS])


def scales(dtype):
    """What the page calls huge, small and tiny."""
    single = dtype == "float32"
    return {
        "huge": 1e30 if single else 1e300,
        "small": 1e-30 if single else 1e-300,
        "tiny": float(np.finfo(dtype).smallest_subnormal),
    }


def point(text, dtype):
    """Where a row looks: an array in `dtype`, and that as exact numbers."""
    numbers = eval(text, {"inf": np.inf, "nan": np.nan, "pi": np.pi, **scales(dtype)})
    x = np.array(numbers, dtype)
    exact = [mpmath.mpf(float(n)) for n in x] if x.ndim else mpmath.mpf(float(x))
    return x, exact


def function(expression):
    """An expression of the page as a function; its constants follow the dtype of x."""
    code = compile(expression, "docs/edges.md", "eval")
    names = {"nn": tg.nn, "inf": np.inf, "nan": np.nan, "pi": np.pi, **vars(tg)}
    return lambda x: eval(code, {**names, **scales(str(x.dtype)), "x": x})


def truth(text, exact, dtype):
    """What a cell says, worked out to 60 digits and rounded once."""
    known = {name: getattr(mpmath, name) for name in dir(mpmath)}
    known |= {name: mpmath.mpf(float(np.dtype(dtype).type(n))) for name, n in scales(dtype).items()}
    with mpmath.workdps(60), np.errstate(over="ignore", under="ignore"):
        numbers = eval(text, {**known, "x": exact})
        numbers = numbers if isinstance(numbers, list) else [numbers]
        return np.array([np.longdouble(mpmath.nstr(mpmath.mpf(n), 30)) for n in numbers]).astype(
            dtype
        )


def check(what, found, text, x, exact):
    """Non-finite numbers are exactly those stated, finite ones right within 4 units of rounding."""
    expected = truth(text, exact, x.dtype)
    found = found.numpy().ravel()
    assert found.dtype == x.dtype
    expected = np.broadcast_to(expected, found.shape)
    odd = ~np.isfinite(expected)
    assert np.array_equal(found[odd], expected[odd], equal_nan=True), f"{what}: {found}, {expected}"
    limits = np.finfo(x.dtype)
    off = np.abs(found[~odd].astype("g") - expected[~odd])
    bound = 4 * limits.eps * np.abs(expected[~odd]).astype("g") + 4 * limits.smallest_subnormal
    assert (off <= bound).all(), f"{what}: {found}, {expected}"


@pytest.mark.parametrize("dtype", DTYPES)
@EVERY_ROW
def test_row(row, dtype):
    _, expression, at, value, gradient, _, note = row
    f = function(expression)
    x, exact = point(at, dtype)
    leaf = tg.tensor(x, requires_grad=True)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        y = f(leaf)
    check("value", y, value, x, exact)
    y.backward(np.ones(y.shape))
    check("reverse mode", leaf.grad, gradient, x, exact)
    with np.errstate(all="ignore"):
        check("forward mode", forward(f, x), gradient, x, exact)
    stated = re.search(r"NumPy warns: ([a-z, ]+)", note)
    words = {w for text in map(str, (w.message for w in told)) for w in WARNINGS if w in text}
    assert {WARNINGS[w] for w in words} == set(stated[1].split(", ") if stated else ()), words
    assert len(told) == 0 or words, told


def forward(f, x):
    """The gradient of the sum of f, one tangent at a time."""
    basis = np.eye(x.size, dtype=x.dtype).reshape(x.size, *x.shape)
    return tg.stack([tg.jvp(f, [x], [t])[1].sum() for t in basis])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "row", [r for r in ROWS if r[5]], ids=[f"{r[0]}: {r[1]} at {r[2]}" for r in ROWS if r[5]]
)
def test_second_derivative(row, dtype):
    _, expression, at, _, _, second, _ = row
    f = function(expression)
    x, exact = point(at, dtype)
    slope = tg.grad(lambda x: f(x).sum())
    with np.errstate(all="ignore"):
        check("reverse twice", tg.grad(lambda x: slope(x).sum())(x), second, x, exact)
        check("forward over reverse", tg.jvp(slope, [x], [np.ones_like(x)])[1], second, x, exact)


def test_the_page_has_enough_rows():
    assert len(ROWS) >= 60
    assert len({(*row[1:3], row[5] is None) for row in ROWS}) == len(ROWS)
