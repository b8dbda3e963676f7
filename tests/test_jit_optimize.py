"""optimize: graphs of eager expressions and of traces, printed and drawn."""

import numpy as np
import pytest
from test_jit_passes import computed

import tidegrad as tg
from tidegrad.abstract import Value, constant, unknown
from tidegrad.errors import GraphError
from tidegrad.jit.graph import Graph
from tidegrad.jit.passes.making import made
from tidegrad.jit.taped import taped
from tidegrad.jit.traced import traced
from tidegrad.jit.verify import verified
from tidegrad.kinds import reshape
from tidegrad.ops.movement import cut


def test_an_eager_expression_computes_the_same():
    x = tg.tensor([[1.0, -2.0, 3.0]], requires_grad=True)
    w = tg.tensor(np.eye(3, dtype=np.float32), requires_grad=True)
    z = tg.tanh(x @ w).sum() * 0.5 - tg.log(tg.exp(x) * 2.0)
    graph = verified(tg.optimize(z), taped(z))
    arrays = [x.data if v.shape == (1, 3) else w.data for v in graph.inputs]
    np.testing.assert_allclose(computed(taped(z), arrays)[0], z.data, 1e-6)
    np.testing.assert_allclose(computed(graph, arrays)[0], z.data, 1e-6)


def test_trees_of_tensors_have_as_many_outputs():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    graph = tg.optimize({"a": x * 1.0, "b": [x * x]})
    assert len(graph.outputs) == 2 and graph.outputs[0] is graph.inputs[0]


def test_what_no_gradient_flows_to_is_an_input():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = tg.tensor([3.0, 4.0])
    graph = taped(x * y + x * y)
    assert [v.shape for v in graph.inputs] == [(2,), (2,)]


def test_what_cannot_be_optimised():
    x = tg.tensor(1.0, requires_grad=True)
    with pytest.raises(TypeError, match=r"found no tensor in list"):
        tg.optimize([1.0])
    with pytest.raises(GraphError, match="was not recorded"):
        tg.optimize(x.detach())
    z = x * x
    z.backward()
    with pytest.raises(GraphError, match="freed by backward"):
        tg.optimize(z)


def test_a_training_step_becomes_smaller():
    net = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.Tanh(), tg.nn.Linear(4, 2))
    adam = tg.optim.Adam(net.parameters())

    def step(x, y):
        adam.zero_grad()
        loss = tg.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        adam.step()
        return loss

    before = traced(step, tg.ones((5, 3)), tg.tensor([0, 1, 0, 1, 1])).graph
    after = verified(tg.optimize(before), verified(before))
    assert len(after.order()) < len(before.order())
    assert not {"expand", "permute", "flow"} & {v.prim.name for v in after.order() if v.prim}


def test_a_listing_marks_inputs_outputs_parameters_and_lines():
    x, y = (unknown((4, 2), np.dtype("float32")) for _ in "xy")
    part = made(cut, x, key=(slice(1, None, 2), 0))
    part.where = "model.py:7"
    assert str(Graph((x, y), (part, x))).splitlines() == [
        "%0 = input float32[4, 2]",
        "%1 = input float32[4, 2]",
        "%2 = slice(%0, key=(1::2, 0)) float32[2]  # model.py:7",
        "return %2, %0",
    ]


def test_graphs_are_drawn():
    x = unknown((2,), np.dtype("float32"))
    graph = Graph((x,), (made(reshape, made(reshape, x, shape=(1, 2)), shape=(2,)),))
    drawing = tg.draw(graph)
    assert [box.lines for box in drawing.picture.boxes] == [
        ["input", "(2,) float32"],
        ["reshape", "(1, 2) float32"],
        ["reshape", "(2,) float32"],
    ]
    assert tg.draw(graph.outputs[0]).picture == drawing.picture
    both = tg.draw([graph, tg.optimize(graph)], fold=False)
    assert len(both.picture.boxes) == 4 and sum(box.result for box in both.picture.boxes) == 2


def test_verification_names_what_is_wrong():
    x = unknown((2,), np.dtype("float32"))
    wrong = made(reshape, x, shape=(1, 2))
    wrong.shape = (2, 2)
    with pytest.raises(GraphError, match=r"should be float32\[1, 2\]"):
        verified(Graph((x,), (wrong,)))
    with pytest.raises(GraphError, match="neither computed, given nor known"):
        verified(Graph((), (x,)))
    with pytest.raises(GraphError, match="the outputs were"):
        verified(Graph((x,), (x,)), Graph((x,), (made(reshape, x, shape=(1, 2)),)))


def test_a_listing_shows_constants_and_programs_inside():
    x = unknown((2,), np.dtype("float32"))
    tenth = constant(np.array(0.1, np.float32))
    inner = Graph((x,), (made(reshape, x, shape=(2, 1)),))
    value = Value(reshape, (x, tenth, constant(np.arange(9))), {"body": inner}, (2,), x.dtype)
    assert str(Graph((x,), (value, tenth))).splitlines()[1:] == [
        "%1 = constant ... int64[9]",
        "%2 = reshape(%0, 0.1, %1, body=<2 Values>) float32[2]",
        "return %2, 0.1",
    ]
