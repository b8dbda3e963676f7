"""Layout: boxes apart, text inside, arrows around boxes, few crossings, thousands of nodes."""

import itertools
import random

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.viz import Box, Drawing, Picture, Repeat
from tidegrad.viz.describe import summary
from tidegrad.viz.plan import PLAIN, plan, size_of
from tidegrad.viz.rows import Arrow, Rows, ranks
from tidegrad.viz.sheet import settle
from tidegrad.viz.svg import number
from tidegrad.viz.text import short, width


def random_picture(seed, count=60, near=12):
    """A graph of boxes of many sizes, some of them in repeats."""
    r = random.Random(seed)
    boxes = [Box(["m" * r.randint(1, 20), *["text"] * r.randint(0, 3)]) for _ in range(count)]
    arrows = []
    for head in range(1, count):
        for _ in range(r.choice([0, 1, 1, 2, 2, 3, 6])):
            arrows.append((r.randint(max(0, head - near), head - 1), head))
    for start in (10, 30):
        for k in range(start, start + 8):
            boxes[k].repeat = start // 20
    for box in boxes[::7]:
        box.kind = "leaf"
    return Picture(boxes, arrows, [Repeat(3), Repeat(4, False)])


def transformer():
    layer = tg.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
    return tg.draw(tg.nn.TransformerEncoder(layer, 4), tg.ones((1, 3, 8)), values=True).picture


def two_losses():
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    h = [x]
    for k in range(40):
        h.append(tg.sin(h[-1]) * h[k // 2] + float(k))
    return tg.draw([h[-1].sum(), (h[7] * h[20]).mean()], gradients=True, fold=False).picture


def lanes():
    """Far arrows among boxes of many widths, inside a repeat and outside."""
    picture = random_picture(9, 120, 4)
    picture.arrows += [(0, 119), (1, 80), (0, 90), (3, 119)]
    return picture


PICTURES = {f"random {seed}": lambda seed=seed: random_picture(seed) for seed in range(8)}
PICTURES |= {"transformer": transformer, "two losses": two_losses, "lanes": lanes}
EVERY = pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)


def overlap(one, other):
    (x, y, w, h), (a, b, c, d) = one, other
    return x < a + c and a < x + w and y < b + d and b < y + h


@EVERY
def test_boxes_do_not_overlap_and_stand_in_their_repeats(make):
    picture = make()
    laid = plan(picture)
    for one, other in itertools.combinations(laid.boxes, 2):
        assert not overlap(one, other)
    for one, other in itertools.combinations(laid.repeats, 2):
        assert not overlap(one, other)
    for box, (x, y, w, h) in zip(picture.boxes, laid.boxes):
        assert x >= -1e-6 and y >= 0 and x + w <= laid.width + 1e-6 and y + h <= laid.height + 1e-6
        for n, (left, top, wide, high) in enumerate(laid.repeats):
            if box.repeat == n:
                assert left < x and top + 20 < y and x + w < left + wide and y + h < top + high
            else:
                assert not overlap((x, y, w, h), (left, top, wide, high))


@EVERY
def test_arrows_do_not_pass_through_boxes(make):
    laid = plan(make())
    frames = np.array(laid.boxes)
    low, high = frames[:, :2] + 0.5, frames[:, :2] + frames[:, 2:] - 0.5
    t = np.linspace(0, 1, 41)[:, None]
    for s in laid.strokes:
        middle = (s.leave + s.arrive) / 2
        ends = np.array([[s.x, s.leave], [s.x, middle], [s.to, middle], [s.to, s.arrive]])
        powers = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
        up = np.linspace([s.x, s.start], [s.x, s.leave], 20)
        down = np.linspace([s.to, s.arrive], [s.to, s.end], 20)
        points = np.vstack([up, powers @ ends, down])[:, None]
        assert not ((points > low) & (points < high)).all(axis=2).any()
        assert (np.diff([s.start, s.leave, s.arrive, s.end]) > -1e-6).all()


@EVERY
def test_every_arrow_arrives(make):
    """As many tips as arrows, each on the upper edge of the box it points to."""
    picture = make()
    laid = plan(picture)
    wanted = [head for _, head in picture.arrows]
    tops = {}
    for stroke in laid.strokes:
        if stroke.tip:
            box = next(
                b
                for b, (x, y, w, _) in enumerate(laid.boxes)
                if x <= stroke.to <= x + w and abs(y - stroke.end) < 1e-6
            )
            tops[box] = tops.get(box, 0) + 1
    assert tops.keys() == set(wanted)
    assert all(tops[head] <= wanted.count(head) for head in tops)
    outside = [box for box in tops if picture.boxes[box].repeat is None]
    assert all(tops[head] == wanted.count(head) for head in outside if not picture.repeats)


def test_text_fits_in_any_usual_font():
    """No character is wider than it is taken for in DejaVu Sans, which matplotlib brings."""
    manager = pytest.importorskip("matplotlib.font_manager", reason="matplotlib is not installed")
    for weight, bold in (("normal", False), ("bold", True)):
        found = manager.findfont(manager.FontProperties(family="DejaVu Sans", weight=weight))
        font = manager.get_font(found)
        font.set_size(100, 72)
        for c in [*map(chr, range(32, 127)), *"×…−∂öéßÆŒ"]:
            advance = font.load_char(ord(c)).linearHoriAdvance / 65536
            assert 0 < advance <= width(c, 100, bold), c
    w, h = size_of(["title", "(3, 4) float32"])
    assert w > width("(3, 4) float32", PLAIN) + 10 and h > 30


def test_rows_point_down_and_leaves_stand_by_their_use():
    arrows = [(0, 1), (1, 2), (2, 3), (4, 3), (0, 3), (5, 2), (5, 3)]
    rank = ranks(6, arrows)
    assert rank == [0, 1, 2, 3, 2, 1]
    assert ranks(0, []) == [] and ranks(2, []) == [0, 0]


def rows_of(rank, arrows):
    return Rows(rank, [Arrow(*arrow) for arrow in arrows], [False] * len(rank))


def test_crossings_are_counted_rightly():
    r = random.Random(0)
    for _ in range(30):
        arrows = [(r.randrange(6), 6 + r.randrange(6)) for _ in range(12)]
        rows = rows_of([0] * 6 + [1] * 6, arrows)
        place = {v: k for row in rows.rows for k, v in enumerate(row)}
        pairs = itertools.combinations(((place[a], place[b]) for a, b in arrows), 2)
        assert rows.crossings() == sum((a - c) * (b - d) < 0 for (a, b), (c, d) in pairs)
        untouched = rows.crossings()
        rows.untangle()
        assert rows.crossings() <= untouched
        assert sorted(map(len, rows.rows)) == [6, 6]


def test_trees_and_ladders_have_no_crossings():
    tree = [(k, (k - 1) // 2) for k in range(1, 31)]
    ladder = [(k, k + 2) for k in range(20)] + [(k, k + 3) for k in range(0, 18, 2)]
    for count, arrows in ((31, tree), (22, ladder)):
        assert rows_of(ranks(count, arrows), arrows).crossings() == 0


def test_settling_is_an_isotonic_regression(rng):
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not installed")
    for n in (1, 2, 7, 40):
        wanted, weights, gaps = (
            rng.normal(0, 50, n),
            rng.uniform(0.1, 9, n),
            rng.uniform(0, 9, n - 1),
        )
        offsets = np.concatenate([[0], np.cumsum(gaps)])
        expected = optimize.isotonic_regression(wanted - offsets, weights=weights).x + offsets
        assert np.allclose(settle(wanted, weights, gaps), expected, rtol=0, atol=1e-9)


def test_a_chain_runs_straight_down():
    boxes = [Box(["m" * (1 + k % 5)]) for k in range(20)]
    laid = plan(Picture(boxes, [(k, k + 1) for k in range(19)]))
    assert len({round(x + w / 2, 6) for x, _, w, _ in laid.boxes}) == 1


def skipping():
    """A thousand operations, each of the one before and of any other."""
    r = random.Random(0)
    made = [tg.tensor(1.0, requires_grad=True)]
    for _ in range(1000):
        made.append(tg.maximum(made[-1], r.choice(made)))
    return tg.draw(made[-1], fold=False).picture


def test_long_arrows_of_a_thousand_nodes_run_beside_the_picture():
    picture = skipping()
    laid = plan(picture)
    assert len(picture.arrows) == sum(stroke.tip for stroke in laid.strokes) == 2000
    right = max(x + w for x, _, w, _ in laid.boxes)
    far = [s for s in laid.strokes if s.end - s.start > 40 * 40]
    assert far and all(right < s.to <= laid.width for s in far)
    assert len(Drawing(picture).svg) < 2_000_000


@pytest.mark.parametrize(
    "value, told",
    [
        (3.14159, "3.142"),
        (np.float32(2), "2"),
        (7, "7"),
        (True, "True"),
        (np.array([[5]]), "5 to 5, mean 5"),
        (np.zeros((0, 3)), "empty"),
        (np.array([1.5, -2, np.nan]), "[1.5, -2, nan]"),
        (np.array([True, False]), "[True, False]"),
        (np.arange(6), "0 to 5, mean 2.5"),
        (np.array([0, 1, 2, 3, np.inf, np.nan]), "0 to 3, mean 1.5, 2 of 6 not finite"),
        (np.full(5, np.nan), "5 of 5 not finite"),
        (np.array([True] * 3 + [False] * 6), "False to True, mean 0.3333"),
        (np.full(9, 3e38, np.float32), "3e+38 to 3e+38, mean 3e+38"),
    ],
)
def test_arrays_in_a_few_words(value, told):
    assert summary(value) == told


def test_small_texts():
    assert [number(x) for x in (1.04, 2.96, -0.01, 1e6)] == ["1", "3", "0", "1000000"]
    assert short("abcdef", 5) == "ab…ef" and short("abcde", 5) == "abcde"
