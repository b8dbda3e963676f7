"""Folding: repeated layers are found, what is found are copies, and large graphs are cut short."""

import hypothesis
import hypothesis.strategies as st
import pytest

import tidegrad as tg
from tidegrad.viz.describe import common
from tidegrad.viz.fold import fold


class Graph:
    def __init__(self):
        self.keys, self.parents = [], []

    def __call__(self, key, *parents):
        self.keys.append(key)
        self.parents.append(list(parents))
        return len(self.keys) - 1

    def folded(self):
        runs = fold(self.keys, self.parents)
        check(runs, self.keys, self.parents)
        return [(len(run.copies), len(run.copies[0]), run.chained) for run in runs]


def check(runs, keys, parents):
    """Independently: copies are disjoint, have equal keys and the same wiring inside."""
    seen = [item for run in runs for copy in run.copies for item in copy]
    assert len(seen) == len(set(seen))
    for run in runs:
        spots = [{item: k for k, item in enumerate(copy)} for copy in run.copies]
        for k in range(len(run.copies[0])):
            items = [copy[k] for copy in run.copies]
            assert len({keys[item] for item in items}) == 1
            inside = [[spot.get(p) for p in parents[i]] for spot, i in zip(spots, items)]
            assert all(found == inside[0] for found in inside)
            for before, item in zip(spots, items[1:]):
                assert run.chained or not any(p in before for p in parents[item])
            assert len({len(parents[item]) for item in items}) == 1


def layers(count, start="x", swapped=False):
    graph = Graph()
    h = graph(start)
    for _ in range(count):
        weight = graph("turned", graph("weight"))
        h = graph("product", *((weight, h) if swapped else (h, weight)))
        h = graph("relu", graph("add", h, graph("bias")))
    graph("sum", h)
    return graph


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("count", [3, 24, 1000])
def test_a_chain_of_layers_is_one_block(count, swapped):
    assert layers(count, swapped=swapped).folded() == [(count, 6, True)]


def test_two_layers_are_no_repeat():
    assert layers(2).folded() == []


def test_small_savings_are_not_worth_it():
    graph = Graph()
    h = graph("x")
    for _ in range(5):
        h = graph("tanh", h)
    assert graph.folded() == []


def test_a_shared_weight_stays_outside():
    graph = Graph()
    w, h = graph("w"), graph("h")
    turned = graph("turned", w)
    for _ in range(10):
        h = graph("tanh", graph("product", h, turned))
    assert graph.folded() == [(10, 2, True)]


def test_layers_of_other_shapes_around():
    graph = Graph()
    h = graph("x")
    for key in ["wide", *["same"] * 12, "narrow"]:
        h = graph(f"{key} product", h, graph(f"{key} weight"))
        h = graph("tanh", h)
    # Cut so that the copies are whole layers: a tanh belongs to the product before it.
    (run,) = fold(graph.keys, graph.parents)
    assert [graph.keys[i] for i in run.copies[0]] == ["same product", "tanh", "same weight"]
    assert len(run.copies) == 12


def test_what_follows_the_last_layer_may_begin_like_one():
    """As in a transformer that normalises first: a copy is a layer, handing on one value."""
    graph = Graph()
    h = graph("x")
    for _ in range(6):
        inner = graph("product", graph("norm", h), graph("w"))
        h = graph("add", h, graph("tanh", inner))
    graph("head", graph("norm", h))
    (run,) = fold(graph.keys, graph.parents)
    assert [graph.keys[i] for i in run.copies[0]] == ["norm", "product", "tanh", "add", "w"]
    assert len(run.copies) == 6


def test_weights_that_are_used_again_elsewhere_stay_in_their_layer():
    graph = Graph()
    h, weights = graph("x"), [graph("w") for _ in range(8)]
    for weight in weights:
        h = graph("tanh", graph("product", graph("add", h, weight), weight))
    graph("end", h, *weights)
    assert graph.folded() == [(8, 4, True)]


def test_steps_that_each_take_an_input_of_their_own():
    """Made irregularly before the first: each of the inputs has an arrow to the folded step."""
    graph = Graph()
    x, h, w = graph("x"), graph("h"), graph("w")
    inputs = [graph("part", *[x] * (k * k % 7 + 1)) for k in range(12)]
    for part in inputs:
        h = graph("tanh", graph("add", part, graph("product", h, w)))
    graph("end", h, *inputs)
    assert graph.folded() == [(12, 3, True)]


def test_a_recurrent_network_folds_its_steps():
    model = tg.nn.LSTM(2, 3)
    picture = tg.draw(model, tg.ones((32, 1, 2)), limit=400).picture
    steps = [n for n, repeat in enumerate(picture.repeats) if repeat.chained]
    assert sum(picture.repeats[n].count for n in steps) > 16
    assert len(picture.boxes) < 100


def test_what_is_made_from_an_early_layer_ends_a_repeat():
    graph = Graph()
    h = graph("x")
    first = None
    for _ in range(12):
        h = graph("tanh", graph("product", h, *([first] if first else [graph("w")])))
        first = first or h
    for count, size, _ in graph.folded():
        assert count * size <= 2 * 11


def test_branches_side_by_side():
    graph = Graph()
    x = graph("x")
    graph("concat", *(graph("tanh", graph("product", x, graph("w"))) for _ in range(12)))
    assert graph.folded() == [(12, 3, False)]


def test_what_is_made_of_each_layer_is_found_next():
    graph = Graph()
    h, total = graph("x"), graph("zero")
    for _ in range(20):
        h = graph("tanh", graph("product", h, graph("w")))
        total = graph("add", total, graph("mean", graph("square", h)))
    graph("end", h, total)
    runs = graph.folded()
    assert {(count, chained) for count, _, chained in runs} >= {(20, True)}
    assert sum((count - 1) * size for count, size, _ in runs) >= 19 * 5


def test_other_wiring_is_no_copy():
    graph = Graph()
    h = [graph("x"), graph("y")]
    for k in range(40):
        skip = h[-2] if k % 3 else h[0]
        h.append(graph("add", h[-1], skip))
    for count, size, _ in graph.folded():
        assert size % 3 == 0 or count * size < 10


@hypothesis.given(st.data())
def test_whatever_is_folded_are_copies(data):
    """Random graphs of few keys, most arguments near, so that repeats are likely."""
    graph = Graph()
    graph("x")
    pattern = data.draw(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), max_size=6))
    for _ in range(data.draw(st.integers(0, 8))):
        for key, back in pattern:
            n = len(graph.keys)
            graph(key, n - 1, max(n - back, 0))
        if data.draw(st.booleans()):
            n = len(graph.keys)
            graph(data.draw(st.sampled_from("abx")), *data.draw(st.lists(st.integers(0, n - 1))))
    graph.folded()


def net(count, **sizes):
    parts = [tg.nn.Linear(8, 8), tg.nn.Tanh()]
    return tg.nn.Sequential(
        *(part for _ in range(count) for part in (tg.nn.Linear(8, 8), parts[1]))
    )


def test_equal_layers_of_a_real_network():
    model = net(24)
    drawing = tg.draw(model(tg.ones((2, 8))).sum(), names=model)
    (repeat,) = drawing.picture.repeats
    assert (repeat.count, repeat.chained) == (24, True)
    assert "× 24 in sequence" in drawing.svg and "× 24 in sequence" in drawing.dot
    found = [box.lines[0] for box in drawing.picture.boxes]
    assert "0…46.weight" in found and "0…46.bias" in found
    assert len(found) < 10
    whole = tg.draw(model(tg.ones((2, 8))).sum(), fold=False)
    assert len(whole.picture.boxes) > 100 and not whole.picture.repeats


def test_a_transformer_is_one_layer_with_its_count():
    layer = tg.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
    model = tg.nn.TransformerEncoder(layer, 24)
    drawing = tg.draw(model, tg.ones((1, 3, 8)))
    assert [repeat.count for repeat in drawing.picture.repeats] == [24]
    assert len(drawing.picture.boxes) < 120
    names = {box.lines[0] for box in drawing.picture.boxes}
    assert "layers.0…23.linear1.weight" in names


def test_values_of_folded_boxes_are_left_out_unless_all_share_them():
    x = y = tg.tensor(2.0, requires_grad=True)
    for k in range(30):
        y = tg.tanh(y * 0.5) * float(k)
    found = [box.lines for box in tg.draw(y, values=True).picture.boxes if box.repeat is not None]
    assert ["0.5"] in found and ["numbers"] in found
    assert not any("value" in line for box in found for line in box)
    assert x.grad is None


def test_a_graph_that_is_too_large_is_cut_short_and_says_so():
    y = tg.tensor(0.5, requires_grad=True)
    for k in range(300):
        y = (tg.sin, tg.exp, tg.tanh)[k * k % 7 % 3](y)
    drawing = tg.draw(y, fold=False, limit=50)
    assert len(drawing.picture.boxes) == 51
    assert ["…", "251 left out"] in [box.lines for box in drawing.picture.boxes]
    assert drawing.picture.note == "301 nodes; 251 left out"
    assert "251 left out" in drawing.svg and "251 left out" in drawing.dot
    assert len(tg.draw(y, limit=1).picture.boxes) == 2


@pytest.mark.parametrize(
    "step", ["y * 0.999", "(y * 0.999, tg.sin(y), tg.tanh(y), -y)[hash((k, k * k)) % 4]"]
)
def test_a_graph_100000_deep(alone, step):
    """Folded, or cut short where nothing repeats; no recursion, at the default limit."""
    told = alone(f"""
        import tidegrad as tg
        from xml.etree import ElementTree
        y = tg.tensor(1.0, requires_grad=True)
        for k in range(100_000):
            y = {step}
        drawing = tg.draw(y)
        ElementTree.fromstring(drawing.svg)
        print(len(drawing.picture.boxes), drawing.picture.note)
    """)
    boxes, note = told.split(" ", 1)
    assert int(boxes) < 2000
    assert "folded" in note or "left out" in note


@pytest.mark.parametrize(
    "given, told",
    [
        (["a", "a"], "a"),
        (["h.0.w", "h.1.w", "h.2.w"], "h.0…2.w"),
        (["9", "10", "11"], "9…11"),
        (["h0.w1", "h1.w2"], "h0…1.w1…2"),
        (["a", "b", "c"], "a…c"),
        (["a1", "b2", "a3"], "a1…3"),
        (["a1", "b2"], "a1…b2"),
        (["", "", "b"], "…b"),
        (["", ""], ""),
    ],
)
def test_one_name_for_many(given, told):
    assert common(given) == told
