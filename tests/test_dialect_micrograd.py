"""micrograd: its README, its tests and notebooks, its habits, and Values where it went wrong."""

import copy
import gc
import math
import pickle
import random
import sys
import weakref
from textwrap import dedent
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import tidegrad as tg
from tidegrad.__main__ import main
from tidegrad.dialects import micrograd
from tidegrad.dialects.micrograd import nn
from tidegrad.dialects.micrograd.engine import Value
from tidegrad.dialects.micrograd.nn import MLP, Layer, Module, Neuron
from tidegrad.dialects.running import answered


@pytest.fixture
def seeded():
    """Python's random numbers from a known place, put back afterwards."""
    state = random.getstate()
    random.seed(1337)
    yield random
    random.setstate(state)


def run(program, **names):
    with answered("micrograd"):
        exec(dedent(program), names)
    return names


def test_readme(capsys):
    run("""
        from micrograd.engine import Value

        a = Value(-4.0)
        b = Value(2.0)
        c = a + b
        d = a * b + b**3
        c += c + 1
        c += 1 + c + (-a)
        d += d * 2 + (b + a).relu()
        d += 3 * d + (b - a).relu()
        e = c - d
        f = e**2
        g = f / 2.0
        g += 10.0 / f
        print(f'{g.data:.4f}') # prints 24.7041, the outcome of this forward pass
        g.backward()
        print(f'{a.grad:.4f}') # prints 138.8338, i.e. the numerical value of dg/da
        print(f'{b.grad:.4f}') # prints 645.5773, i.e. the numerical value of dg/db
    """)
    assert capsys.readouterr().out == "24.7041\n138.8338\n645.5773\n"


def sanity(x):
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    return h + q + q * x


def more(a, b):
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + (b + a).relu()
    d = d + 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    return f / 2.0 + 10.0 / f


@pytest.mark.parametrize(("f", "inputs"), [(sanity, [-4.0]), (more, [-4.0, 2.0])])
def test_the_two_tests(oracle, f, inputs):
    ours = [Value(x) for x in inputs]
    theirs = [oracle.tensor(x, dtype=oracle.float64, requires_grad=True) for x in inputs]
    y, wanted = f(*ours), f(*theirs)
    y.backward()
    wanted.backward()
    assert math.isclose(y.data, wanted.item())
    for v, t in zip(ours, theirs):
        assert math.isclose(v.grad, t.grad.item())


DEMO = """
    import random
    import numpy as np

    from micrograd.engine import Value
    from micrograd.nn import Neuron, Layer, MLP

    np.random.seed(1337)
    random.seed(1337)

    # make up a dataset

    from sklearn.datasets import make_moons, make_blobs
    X, y = make_moons(n_samples=100, noise=0.1)

    y = y*2 - 1 # make y be -1 or 1

    # initialize a model
    model = MLP(2, [16, 16, 1]) # 2-layer neural network
    print(model)
    print("number of parameters", len(model.parameters()))

    # loss function
    def loss(batch_size=None):

        # inline DataLoader :)
        if batch_size is None:
            Xb, yb = X, y
        else:
            ri = np.random.permutation(X.shape[0])[:batch_size]
            Xb, yb = X[ri], y[ri]
        inputs = [list(map(Value, xrow)) for xrow in Xb]

        # forward the model to get scores
        scores = list(map(model, inputs))

        # svm "max-margin" loss
        losses = [(1 + -yi*scorei).relu() for yi, scorei in zip(yb, scores)]
        data_loss = sum(losses) * (1.0 / len(losses))
        # L2 regularization
        alpha = 1e-4
        reg_loss = alpha * sum((p*p for p in model.parameters()))
        total_loss = data_loss + reg_loss

        # also get accuracy
        accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(yb, scores)]
        return total_loss, sum(accuracy) / len(accuracy)

    total_loss, acc = loss()
    print(total_loss, acc)

    # optimization
    for k in range(STEPS):

        # forward
        total_loss, acc = loss()

        # backward
        model.zero_grad()
        total_loss.backward()

        # update (sgd)
        learning_rate = 1.0 - 0.9*k/100
        for p in model.parameters():
            p.data -= learning_rate * p.grad

        if k % 1 == 0:
            print(f"step {k} loss {total_loss.data}, accuracy {acc*100}%")
"""


def test_the_demo_notebook_prints_what_it_did(numpy_random, seeded, capsys):
    """Its first steps; all hundred end at loss 0.010978370135492717 and 100.0%, as there."""
    pytest.importorskip("sklearn")
    run(DEMO, STEPS=3)
    model, count, first, *steps = capsys.readouterr().out.splitlines()
    hidden = ["ReLUNeuron(2)"] * 16, ["ReLUNeuron(16)"] * 16
    layers = [f"Layer of [{', '.join(layer)}]" for layer in (*hidden, ["LinearNeuron(16)"])]
    assert model == f"MLP of [{', '.join(layers)}]"
    assert count == "number of parameters 337"
    assert first.startswith("Value(data=0.89584410286832") and first.endswith(", grad=0) 0.5")
    wanted = [0.8958441028683222, 1.7235905336972022, 0.7429006313851131]
    for line, loss, accuracy in zip(steps, wanted, (50, 81, 77), strict=True):
        words = line.split()
        assert math.isclose(float(words[3].rstrip(",")), loss, rel_tol=1e-9)
        assert float(words[5].rstrip("%")) == accuracy


DRAW = """
    from graphviz import Digraph
    from micrograd.engine import Value

    def trace(root):
        nodes, edges = set(), set()
        def build(v):
            if v not in nodes:
                nodes.add(v)
                for child in v._prev:
                    edges.add((child, v))
                    build(child)
        build(root)
        return nodes, edges

    def draw_dot(root, format='svg', rankdir='LR'):
        assert rankdir in ['LR', 'TB']
        nodes, edges = trace(root)
        dot = Digraph(format=format, graph_attr={'rankdir': rankdir}) #, node_attr={'rankdir': 'TB'})

        for n in nodes:
            dot.node(name=str(id(n)), label = "{ data %.4f | grad %.4f }" % (n.data, n.grad), shape='record')
            if n._op:
                dot.node(name=str(id(n)) + n._op, label=n._op)
                dot.edge(str(id(n)) + n._op, str(id(n)))

        for n1, n2 in edges:
            dot.edge(str(id(n1)), str(id(n2)) + n2._op)

        return dot

    # a very simple example
    x = Value(1.0)
    y = (x * 2 + 1).relu()
    y.backward()
    simple = draw_dot(y)

    # a simple 2D neuron
    import random
    from micrograd import nn

    random.seed(1337)
    n = nn.Neuron(2)
    x = [Value(1.0), Value(-2.0)]
    y = n(x)
    y.backward()

    dot = draw_dot(y)
"""  # noqa: E501 - as there


class Digraph(SimpleNamespace):
    """What the notebook uses of the package graphviz."""

    def __init__(self, **options):
        super().__init__(labels=[], edges=[])

    def node(self, name, label, **options):
        self.labels.append(label)

    def edge(self, start, end):
        self.edges.append((start, end))


def test_the_drawing_notebook(monkeypatch, seeded):
    graphviz = ModuleType("graphviz")
    graphviz.Digraph = Digraph
    monkeypatch.setitem(sys.modules, "graphviz", graphviz)
    names = run(DRAW)
    numbers = ["{ data 1.0000 | grad 2.0000 }", "{ data 2.0000 | grad 1.0000 }",
               "{ data 2.0000 | grad 1.0000 }", "{ data 1.0000 | grad 1.0000 }",
               "{ data 3.0000 | grad 1.0000 }", "{ data 3.0000 | grad 1.0000 }"]  # fmt: skip
    assert sorted(names["simple"].labels) == sorted([*numbers, "*", "+", "ReLU"])
    assert len(names["simple"].edges) == 3 + 5
    drawn = names["dot"]
    assert sorted(s for s in drawn.labels if "|" not in s) == ["*", "*", "+", "+", "ReLU"]
    assert len(drawn.labels) == 5 + 10


def test_printed_forms():
    x = Value(2.0)
    y = x * 3
    assert repr(x) == "Value(data=2.0, grad=0)" and str(y) == "Value(data=6.0, grad=0)"
    y.backward()
    assert repr(x) == "Value(data=2.0, grad=3.0)" and repr(y) == "Value(data=6.0, grad=1)"
    assert repr(Value(2) * 3) == "Value(data=6, grad=0)"  # Python's own numbers
    assert repr(Value(-1.5).relu()) == "Value(data=0, grad=0)"
    assert repr(Value(np.float64(0.5))) == "Value(data=0.5, grad=0)"


GRAPHS = {
    "+": (lambda a: a + 1, ["+"]), "radd": (lambda a: 1 + a, ["+"]), "*": (lambda a: 2 * a, ["*"]),
    "**": (lambda a: a**3, ["**3"]), "neg": (lambda a: -a, ["*"]), "-": (lambda a: a - 1, ["+"]),
    "a - b": (lambda a: a - Value(1), ["*", "+"]), "rsub": (lambda a: 1 - a, ["*", "+"]),
    "/": (lambda a: a / 2, ["*"]), "rdiv": (lambda a: 1 / a, ["*", "**-1"]),
    "relu": (lambda a: a.relu(), ["ReLU"]),
}  # fmt: skip


@pytest.mark.parametrize(("f", "operations"), GRAPHS.values(), ids=GRAPHS)
def test_graphs_are_made_of_the_same_operations(f, operations):
    seen, todo = [], [f(Value(2.0))]
    while todo:
        v = todo.pop()
        seen += [v._op] if v._op else []
        todo += v._prev
    assert sorted(seen) == sorted(operations)


def test_every_value_has_a_gradient_and_they_add_up():
    a = Value(3.0)
    h = a * a
    y, z = h * 2, h * 5
    y.backward()
    assert (a.grad, h.grad, y.grad) == (12, 2, 1)
    z.backward()  # the shared h hands on 5, not 2 + 5
    assert (a.grad, h.grad, z.grad) == (42, 7, 1)


def test_a_second_backward_adds_the_same_again():
    x = Value(2.0)
    y = (3 * x) ** 2
    y.backward()
    assert x.grad == 36
    y.backward()
    assert x.grad == 72 and y.grad == 1
    x.backward()
    assert x.grad == 1


def test_gradients_are_set_by_the_program():
    x = Value(2.0)
    (x * x).backward()
    x.grad = 0
    assert repr(x) == "Value(data=2.0, grad=0)"
    x.grad += 5
    (x * x).backward()
    assert x.grad == 9


def test_an_edit_between_forward_and_backward():
    w = Value(2.0)
    old = w**3
    w.data -= 1
    new = w**3
    old.backward()
    assert old.data == 8 and w.grad == 12
    w.grad = 0
    new.backward()
    assert new.data == 1 and w.grad == 3


def test_corners():
    x = Value(0.0)
    x.relu().backward()
    assert x.grad == 0
    x.grad = 0
    (x**0).backward()
    assert x.grad == 0
    with pytest.raises(ZeroDivisionError):
        1 / x


def test_numbers_of_numpy():
    a = Value(2.0)
    for y in (np.float64(3) * a, np.int64(3) * a, a * np.float32(3), np.float64(3) + a):
        assert isinstance(y, Value)
    both = np.array([1.0, 2.0]) * a
    assert both.dtype == object
    both[1].backward()
    assert a.grad == 2 and sum([a, a]).data == 4


WRONG = {
    "text": (lambda: Value("2"), TypeError, "Value holds one number, not str; tg.tensor"),
    "an array": (lambda: Value(1) + np.ones(2), TypeError, "Value holds one number, not ndarray"),
    "a power": (
        lambda: Value(2) ** Value(3),
        TypeError,
        r"Value \*\* Value: powers are numbers; use tg.pow",
    ),
    "complex": (lambda: Value(-2.0) ** 0.5, TypeError, "one number, not complex"),
    "lacking": (lambda: Value(2).exp(), AttributeError, "no Value.exp; tidegrad has tg.exp"),
    "a module": (lambda: nn.Dropout, AttributeError, "no Dropout; tidegrad has tg.nn.Dropout"),
    "a result": (lambda: setattr(Value(2) * 3, "data", 1), AttributeError, r"Value\.data: of \*"),
    "inputs": (lambda: Neuron(2)([1.0]), ValueError, "Neuron: 1 inputs for 2 weights"),
}


@pytest.mark.parametrize(("ask", "error", "text"), WRONG.values(), ids=WRONG)
def test_what_is_refused_is_named(seeded, ask, error, text):
    with pytest.raises(error, match=text):
        ask()


def test_operations_by_hand():
    """As programs add them: a Value with children, and a `_backward` that adds to their grads."""

    def tanh(self):
        t = math.tanh(self.data)
        out = Value(t, (self,), "tanh")

        def _backward():
            self.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

    x = Value(0.5)
    h = x * 2
    t = tanh(h)
    y = t * t * 3
    y.backward()
    slope = 6 * math.tanh(1) * (1 - math.tanh(1) ** 2)
    assert math.isclose(x.grad, 2 * slope) and math.isclose(h.grad, slope)
    assert math.isclose(t.grad, 6 * math.tanh(1)) and h in t._prev and t._op == "tanh"
    y.backward()
    assert math.isclose(x.grad, 4 * slope)
    with pytest.raises(AttributeError, match=r"no Value\._backward"):
        Value(1.0, (x,), "none").backward()
    assert math.isclose(x.grad, 4 * slope)


def test_deep_and_wide_graphs():
    x = Value(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad == 1 and y.data == 100_001
    x.grad, y = 0, x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_memory_is_freed_without_the_collector():
    gc.disable()
    try:
        x = Value(1.0)
        y = (x * 2 + 1).relu()
        gone = weakref.ref(y)
        y.backward()
        del y
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(seeded, copied):
    model = MLP(2, [4, 1])
    model([1.0, -2.0]).backward()
    other = copied(model)
    assert str(other) == str(model)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert p is not q and repr(p) == repr(q)
    assert other([1.0, -2.0]).data == model([1.0, -2.0]).data
    assert repr(copied(Value(2.0) * 3)) == "Value(data=6.0, grad=0)"


def test_networks(seeded):
    layer = Layer(3, 2, nonlin=False)
    drawn = [p.data for p in layer.parameters()]
    random.seed(1337)
    weights = [[random.uniform(-1, 1) for _ in range(3)] for _ in range(2)]
    assert drawn == [*weights[0], 0, *weights[1], 0]
    outs = layer([Value(1.0), 2.0, 3])
    assert [v.data for v in outs] == [w[0] + w[1] * 2 + w[2] * 3 for w in weights]
    assert isinstance(Layer(3, 1)([1, 2, 3]), Value)
    assert str(layer) == "Layer of [LinearNeuron(3), LinearNeuron(3)]"
    assert Module().parameters() == []
    model = MLP(3, [2, 1])
    model([1.0, 2.0, 3.0]).backward()
    model.zero_grad()
    assert len(model.parameters()) == 2 * 4 + 3 and {p.grad for p in model.parameters()} == {0}


def test_programs_are_run_unchanged(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    (tmp_path / "beside.py").write_text("from micrograd.engine import Value\nTWO = Value(2.0)\n")
    program = tmp_path / "program.py"
    program.write_text("import sys\nfrom beside import TWO\nprint(TWO * 3, sys.argv[1:])\n")
    main(["run", "--as", "micrograd", str(program), "--fast"])
    assert capsys.readouterr().out == "Value(data=6.0, grad=0) ['--fast']\n"
    assert "micrograd" not in sys.modules
    monkeypatch.delitem(sys.modules, "beside")


def test_without_recording(seeded):
    with tg.no_grad():
        y = MLP(2, [2, 1])([1.0, 2.0])
    assert isinstance(y.data, float) and micrograd.engine.Value is Value


class Named(Value):
    def __init__(self, data, name):
        super().__init__(data)
        self.name = name


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_keep_what_a_program_has_added(copied):
    """A label, as the lectures give it, and whatever a class of one's own takes."""
    x, y = Value(2.0), Named(3.0, "y")
    x.label = "x"
    (x * y).backward()
    other, named = copied((x, y))
    assert (other.label, other.data, other.grad, other._prev) == ("x", 2.0, 3.0, set())
    assert (type(named), named.name, named.data, named.grad) == (Named, "y", 3.0, 2.0)
    (other * named).backward()
    assert other.grad == 6.0 and x.grad == 3.0


def test_the_rule_of_an_operation_stays():
    """It was ignored where it was assigned; a rule is for a Value made with children."""
    x = Value(3.0)
    for made in (x * 2, x):
        with pytest.raises(AttributeError, match="keeps its own"):
            made._backward = lambda: None
    own = Value(9.0, (x,), "square")
    with pytest.raises(AttributeError, match=r"no Value\._backward"):
        _ = own._backward
    own._backward = rule = lambda: setattr(x, "grad", x.grad + 6.0 * own.grad)
    assert own._backward is rule
    own.backward()
    assert x.grad == 6.0
