"""draw: what is in the picture, its values and gradients, its labels, and how it is saved."""

import re
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.viz import Box, Drawing, Picture

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing):
    """All that is written in the picture, which must be well-formed."""
    root = ElementTree.fromstring(drawing.svg)
    return [element.text for element in root.iter(f"{SVG}text")]


def lines(drawing):
    return [box.lines for box in drawing.picture.boxes]


def arrows(drawing):
    """The arrows by the first lines of their boxes."""
    boxes = drawing.picture.boxes
    return sorted((boxes[a].lines[0], boxes[b].lines[0]) for a, b in drawing.picture.arrows)


@pytest.fixture
def x():
    return tg.tensor([[1.0, -2.0, 3.0]], requires_grad=True)


def test_operations_leaves_and_constants(x):
    drawing = tg.draw((tg.exp(x) * 2.0).sum())
    assert lines(drawing) == [
        ["leaf", "(1, 3) float32"],
        ["exp", "(1, 3) float32"],
        ["2"],
        ["multiply", "(1, 3) float32"],
        ["sum", "() float32"],
    ]
    assert arrows(drawing) == [
        ("2", "multiply"),
        ("exp", "multiply"),
        ("leaf", "exp"),
        ("multiply", "sum"),
    ]
    kinds = [box.kind for box in drawing.picture.boxes]
    assert kinds == ["leaf", "elementwise", "constant", "elementwise", "reduction"]
    assert [box.result for box in drawing.picture.boxes] == [False] * 4 + [True]
    assert {"exp", "(1, 3) float32", "sum", "reduction", "5 nodes"} <= set(texts(drawing))


def test_kinds_have_colours_of_their_own(x):
    drawing = tg.draw(tg.cumulative_sum(x.T @ x, axis=0)[[0, 1]].reshape(-1))
    fills = re.findall(r'rx="6" fill="(#\w+)"', drawing.svg)
    kinds = [box.kind for box in drawing.picture.boxes if len(box.lines) > 1]
    assert len(set(zip(kinds, fills, strict=True))) == len(set(kinds)) == len(set(fills)) >= 4


def test_an_input_used_twice_has_two_arrows(x):
    assert arrows(tg.draw(x * x)) == [("leaf", "multiply")] * 2


def test_a_constant_used_twice_is_one_box(x):
    c = tg.tensor([[1.0, 2.0, 3.0]])
    drawing = tg.draw(x * c + tg.exp(x) * c)
    assert [first for first, *_ in lines(drawing)].count("constant") == 1


def test_a_tensor_without_a_graph_is_one_box():
    drawing = tg.draw(tg.tensor([1.0, 2.0]), values=True)
    assert lines(drawing) == [["constant", "(2,) float32", "value [1, 2]"]]
    assert drawing.picture.arrows == []
    assert repr(drawing) == "Drawing(1 boxes, 0 arrows)"


def test_several_roots_in_a_tree(x):
    drawing = tg.draw({"a": [tg.exp(x), x * 2.0], "b": (x, tg.tensor(3)), "n": 4})
    results = [box.lines[0] for box in drawing.picture.boxes if box.result]
    assert sorted(results) == ["3", "exp", "leaf", "multiply"]


def test_values_where_somebody_keeps_them(x):
    h = tg.exp(x)
    drawing = tg.draw((h * tg.sin(x)).sum(), values=True)
    found = {box.lines[0]: box.lines[2:] for box in drawing.picture.boxes}
    e, s = np.exp(x.data), np.sin(x.data)
    assert found == {
        "leaf": ["value -2 to 3, mean 0.6667"],
        "exp": [f"value {e.min():.4g} to {e.max():.4g}, mean {e.mean():.4g}"],
        "sin": [f"value {s.min():.4g} to {s.max():.4g}, mean {s.mean():.4g}"],
        "multiply": [],  # neither multiply nor sum need it, so nobody does
        "sum": [f"value {(e * s).sum():.4g}"],
    }


def test_values_of_what_was_not_kept_are_not_invented(x):
    drawing = tg.draw((x + 1.0) + 2.0, values=True)
    assert [len(found) for found in lines(drawing) if found[0] == "add"] == [2, 3]


def test_gradients_of_leaves_and_of_what_retains_them(x):
    h = tg.exp(x)
    h.retain_grad()
    y = (h * 2.0).sum()
    assert not any("gradient" in line for box in lines(tg.draw(y, gradients=True)) for line in box)
    y.backward()
    found = {box.lines[0]: box.lines[2:] for box in tg.draw(y, gradients=True).picture.boxes}
    g = 2 * np.exp(x.data)
    assert found["exp"] == ["gradient 2 to 2, mean 2"]
    assert found["leaf"] == [f"gradient {g.min():.4g} to {g.max():.4g}, mean {g.mean():.4g}"]
    assert found["sum"] == []


def test_a_leaf_shows_its_value_of_today(x):
    y = tg.exp(x)
    with tg.no_grad():
        x *= 0
    found = tg.draw(y, values=True).picture.boxes[0].lines[-1]
    assert found == "value 0 to 0, mean 0" or found == "value -0 to 0, mean 0"


@dataclass
class Nothing:
    size: int = 3


@pytest.mark.parametrize("what", [3, [], Nothing(), lambda: 3, "graph"])
def test_where_there_is_no_tensor(what):
    with pytest.raises(TypeError, match="draw: takes a tensor.*found no tensor in"):
        tg.draw(what)


def test_bad_calls(x):
    with pytest.raises(TypeError, match="draw: arguments go with a function.*not with Tensor"):
        tg.draw(x, 3.0)
    with pytest.raises(ValueError, match="draw: limit is the most boxes.*at least 1, not 0"):
        tg.draw(x, limit=0)


HOSTILE = [
    "<script>alert('x')</script>",
    "a & b < c > d \" e ' f &amp; &#0;",
    "nul \0 bell \a escape \x1b[31m \x7f",
    "line\nfeed\ttab\rreturn \u2028 \u0085",
    "right to left \u202e mark \u200f",
    "alone \ud800 and \ufffe \uffff",
    "]]> --> <!-- <![CDATA[",
    'back\\slash \\N \\" "',
    "水深 ∂ö 🌊",
    "",
    " ",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_labels_are_escaped(x, name):
    y = tg.exp(x)
    drawing = tg.draw(y, names={name: x, f"{name}2": y})
    root = ElementTree.fromstring(drawing.svg.encode())
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "rect", "g", "path", "text"}
    printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
    assert (printable or "leaf") in texts(drawing)
    assert not re.search(r"[^\n -~\u00a0-\U0010ffff]|[\u202a-\u202e\u2028]", drawing.svg)
    # In Graphviz's language a string ends at a quote that no backslash precedes.
    outside = re.sub(r'"(\\.|[^"\\])*"', "", drawing.dot)
    assert re.fullmatch(r"[\w\s{}\[\]=>.-]*", outside)
    assert len(re.findall(r"^ +n\d+ \[", drawing.dot, re.MULTILINE)) == 2


def test_long_labels_lose_their_middle(x):
    (first, *_), *_ = lines(tg.draw(x * 2, names={"a" * 500 + "b" * 500: x}))
    assert re.fullmatch(r"a{21}…b{21}", first)


def test_the_same_graph_gives_the_same_text(alone):
    program = """
        import tidegrad as tg
        net = tg.nn.Sequential(*(tg.nn.Linear(4, 4) for _ in range(9)), tg.nn.Linear(4, 2))
        y = net(tg.ones((2, 4)))
        d = tg.draw({"a": y, "b": (y * y).sum()}, names=net)
        print(d.svg, d.dot)
    """
    assert alone(program, PYTHONHASHSEED="1") == alone(program, PYTHONHASHSEED="2")


def test_saving(x, tmp_path):
    drawing = tg.draw(tg.exp(x))
    drawing.save(tmp_path / "x.svg")
    drawing.save(str(tmp_path / "x.DOT"))
    assert (tmp_path / "x.svg").read_bytes().decode() == drawing.svg
    assert (tmp_path / "x.DOT").read_bytes().decode() == drawing.dot
    tg.draw(tg.sin(x)).save(tmp_path / "x.svg")
    assert ">sin<" in (tmp_path / "x.svg").read_text(encoding="utf-8")
    for name in ("x.png", "x", "svg", "x.svg.gz"):
        with pytest.raises(ValueError, match=r"draw: .*\.svg or as \.dot, not as .*" + name):
            drawing.save(tmp_path / name)
    with pytest.raises(OSError, match="nothing was changed"):
        drawing.save(tmp_path / "no" / "x.svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.DOT", "x.svg"]


def test_a_notebook_shows_a_picture_that_fits_the_page(x):
    shown = tg.draw(tg.exp(x))._repr_svg_()
    assert ElementTree.fromstring(shown).get("style") == "max-width:100%;height:auto"


def test_pictures_of_anything():
    picture = Picture([Box(["a"]), Box(["b"], "no such kind")], [(0, 1)], note="ours")
    assert texts(Drawing(picture))[:2] == ["a", "b"]
    with pytest.raises(ValueError, match="the arrows go in a circle"):
        _ = Drawing(Picture([Box(["a"]), Box(["b"])], [(0, 1), (1, 0)])).svg
