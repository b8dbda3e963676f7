"""draw: names for what is drawn, and functions that are run to be drawn."""

import numpy as np
import pytest

import tidegrad as tg


def lines(drawing):
    return [box.lines for box in drawing.picture.boxes]


def arrows(drawing):
    """The arrows by the first lines of their boxes."""
    boxes = drawing.picture.boxes
    return sorted((boxes[a].lines[0], boxes[b].lines[0]) for a, b in drawing.picture.arrows)


@pytest.fixture
def x():
    return tg.tensor([[1.0, -2.0, 3.0]], requires_grad=True)


def test_names_of_tensors_results_and_constants(x):
    c, h = tg.tensor([[1.0, 2.0, 3.0]]), tg.exp(x)
    drawing = tg.draw((h * c).sum(), names={"x": x, "c": c, "h": h})
    assert [first for first, *_ in lines(drawing)] == ["x", "h = exp", "c", "multiply", "sum"]


def test_names_from_modules():
    net = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.ReLU(), tg.nn.Linear(3, 1))
    y = net(tg.tensor([[1.0, 2.0]])).sum()
    found = {first for first, *_ in lines(tg.draw(y, names=net))}
    assert found >= {"0.weight", "0.bias", "2.weight", "2.bias"}
    found = {first for first, *_ in lines(tg.draw(y, names={"net": net}))}
    assert found >= {"net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"}


@pytest.mark.parametrize("names", [3, {"w": 3}, ["w"]])
def test_names_that_are_none(x, names):
    with pytest.raises(TypeError, match="draw: names is a Module, or a dict .* not (int|list)"):
        tg.draw(x, names=names)


def test_functions_are_run_with_float_arguments_as_leaves():
    def area(width, heights, *rest, scale):
        return width * heights["left"] + rest[0] * scale

    with tg.no_grad():
        drawing = tg.draw(
            lambda a, b, *c: area(a, b, *c, scale=2.0),
            *(3.0, {"left": np.ones(2), "n": np.arange(2)}, tg.tensor(1.0)),
        )
        assert not tg.is_grad_enabled()
    leaves = [box.lines for box in drawing.picture.boxes if box.kind == "leaf"]
    assert leaves == [["a", "() float32"], ["b[0]", "(2,) float64"], ["c", "() float32"]]


def test_a_function_of_tracked_tensors_is_drawn_from_its_arguments_on(x):
    h = tg.exp(x)
    drawing = tg.draw(tg.sin, h)
    assert [first for first, *_ in lines(drawing)] == ["x", "sin"]
    assert [f for f, *_ in lines(tg.draw(lambda y: y * x, x, names={"w": x}))] == ["w", "multiply"]
    assert x.grad is None


def test_modules_as_functions_and_as_arguments():
    class Doubled(tg.nn.Module):
        def __init__(self):
            self.weight = tg.nn.Parameter(tg.ones(2))

        def forward(self, state):
            return state * self.weight

    x, forward = np.ones((1, 2)), tg.nn.Linear(2, 1)
    for drawing, wanted in (
        (tg.draw(forward, x), {"input", "weight", "bias"}),
        (tg.draw(Doubled(), x), {"state", "weight"}),
        (tg.draw(lambda model, batch: model(batch), forward, x), {"batch", "weight", "bias"}),
    ):
        leaves = [box for box in drawing.picture.boxes if box.kind == "leaf"]
        assert {box.lines[0] for box in leaves} == wanted


def test_arguments_without_names():
    class Mute:
        __signature__ = "none"

        def __call__(self, x, y):
            return x + y

    x = tg.tensor(1.0)
    assert arrows(tg.draw(Mute(), x, 2.0)) == [("argument 0", "add"), ("argument 1", "add")]
    assert arrows(tg.draw(lambda *, c=1: x.detach().requires_grad_() * c)) == [
        ("1", "multiply"),
        ("leaf", "multiply"),
    ]
    assert arrows(tg.draw(lambda y, n: y * n, x, 3)) == [("3", "multiply"), ("y", "multiply")]
