"""The dialect pygrad: the programs of its README and its pages as they stand, imports and all.

Their numbers are the true ones: where a page states others, a comment says which.
"""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from tidegrad.dialects import pygrad
from tidegrad.dialects.running import answered

DIALECT = Path(pygrad.__file__).parent

README = """
from pygrad.tensor import Tensor
x = Tensor(1)
(((x**3 + x**2 + x + 1) - 1)**2).backward()
x.value, x.grad  # 1.0, 36.0
"""
README_LOOP = """
for _ in range(100):
    (((x**3 + x**2 + x + 1) - 1)**2).backward()     # gradients are automatically reset when called
    x.value = x.value - 0.01*x.grad
"""
README_ARRAYS = """
import numpy as np
x  = Tensor(np.ones((10,20)))
y  = Tensor(np.ones((20,10)))
z1 = x@y
z2 = x@np.ones((20,10))
np.all(z1.value == z2.value)  # True
"""


def run(*programs, **names):
    """The names that are there after the programs have run, one after the other."""
    with answered("pygrad"):
        for program in programs:
            exec(compile(dedent(program), "<pygrad>", "exec"), names)
    return names


def close(x, y, tol=1e-8):
    np.testing.assert_allclose(x, y, rtol=tol, atol=tol)


def test_readme():
    x = run(README)["x"]
    assert x.value == 1.0 and x.grad == 36.0


def test_readme_loop():
    close(run(README, README_LOOP)["x"].value, 0.02402962)


def test_readme_arrays():
    names = run(README, README_ARRAYS)
    z1, z2, x = names["z1"], names["z2"], names["x"]
    assert np.all(z1.value == z2.value)
    z2.backward()
    assert np.all(x.grad == 10) and z2.weights == [x]  # the engine's constant was a weight
    z1.backward()
    assert np.all(names["y"].grad == 10) and len(z1.weights) == 2


def test_usage_tensor(capsys):
    run("""
        from pygrad.tensor import Tensor
        x = Tensor(1)
        y = x**2 + 1
        y.backward()
        print(y.grad, x.grad)
        # -> 1.0, 2.0
    """)
    assert capsys.readouterr().out == "1.0 2.0\n"


def test_usage_linear(capsys, numpy_random):
    run("""
        import numpy as np
        from pygrad.tensor import Tensor
        from pygrad.basics import Linear
        x  = Tensor(np.ones((1,1,2)))
        l1 = Linear(2,1)
        y  = l1(x)
        y.backward()
        print(y.shape, y.grad.shape, l1.W.grad.shape, l1.B.grad.shape, x.shape)
        # -> (1, 1, 1) (1, 1, 1) (1, 2, 1) (1, 1, 1) (1, 1, 2)
    """)
    assert capsys.readouterr().out == "(1, 1, 1) (1, 1, 1) (1, 2, 1) (1, 1, 1) (1, 1, 2)\n"


def test_usage_sgd(capsys):
    names = run("""
        from pygrad.tensor import Tensor
        from pygrad.optims import SGD

        x     = Tensor([1])
        y     = x**2 + 1
        optim = SGD(y.create_graph()[1], lr=0.01)

        for _ in range(100):
            optim.zero_grad()
            y    = x**2 + 1
            loss = (y-1.5)**2
            loss.backward()
            optim.step(loss)

        print(x.value, y.value, loss.value)
        # -> 0.7100436 1.50433688 1.88085134e-05
    """)
    assert capsys.readouterr().out == "[0.7100436] [1.50433688] [1.88085134e-05]\n"
    close(names["loss"].value, [1.88085134e-05], 1e-13)


def test_index():
    names = run("""
        from pygrad.tensor import Tensor

        loss_fn = lambda y, yh: (y-yh)**2   # L2 norm
        x       = Tensor(1)                 # Tensor
        y       = x**2 + 0.25               # model
        yh      = 0.5                       # float

        for _ in range(1000):
           y    = x**2 + 0.25               # fwd pass
           loss_fn(y,yh).backward()         # populates x.grad
           x.value = x.value - 0.01*x.grad  # gradient descent

        x.value, loss_fn(y,yh).value        # 0.5, 0
    """)
    close(names["x"].value, 0.5000000003, 1e-10)
    assert names["loss_fn"](names["y"], 0.5).value < 1e-18


@pytest.mark.parametrize(
    ("steps", "x", "loss"), [(1000, 1.4999999992, 7.4e-19), (100, 1.43369022, 0.00457829)]
)
def test_manual_gradient_descent(steps, x, loss):
    """The page prints what 100 steps give after its loop of 1000."""
    program = """
        from pygrad.tensor import Tensor
        n_iters = 1000
        stepsize= 0.01
        x       = Tensor(1)

        for _ in range(n_iters):
            loss_fn = (x-1.5)**2                    # define a loss function
            loss_fn.backward(reset_grad=True)       # run .backward() to compute gradients
            x.value = x.value - stepsize*x.grad

        print(x.value, loss_fn.value)
        # -> 1.4336... 0.0045...
    """
    names = run(program.replace("1000", str(steps)))
    close(names["x"].value, x)
    np.testing.assert_allclose(names["loss_fn"].value, loss, rtol=0.05)


def test_examples_attributes():
    names = run("""
        from pygrad.tensor import Tensor
        a = Tensor(1)
        assert (a.value, a.grad, a.label) == (1, 0, "")
        assert (a.learnable, a.leaf, a._prev) == (True, False, ())
        a.backward()
    """)
    a = names["a"]
    assert a.grad == 1 and a.topo == [a] and a.weights == [a]


def test_examples_arrays(numpy_random):
    names = run("""
        from pygrad.tensor import Tensor
        import numpy as np
        x   = np.random.uniform(0,1,(10,5))
        xt1 = Tensor(x)
        y, z = xt1 + 1, xt1*10
    """)
    x, xt1 = names["x"], names["xt1"]
    assert np.array_equal(xt1.value, x) and xt1.grad.shape == x.shape
    assert np.array_equal(names["y"].value, x + 1) and np.array_equal(names["z"].value, x * 10)


def test_modules_operations():
    """Left out: an inner size of 20 against one of 30, and keywords inside np.ones."""
    names = run("""
        import numpy as np
        from pygrad.tensor import Tensor
        x = Tensor(value=np.ones((10,20,30)))

        # built-ins
        y = x + 2*x - x/2 + 3
        assert np.all(y.value == 5.5)
        y = (x**2)@np.ones((10,30,20))
        assert np.all(y.value == 30)
        y = (-1*(x+2*x-3*x)/4 @ np.ones((10,30,20))) **2
        assert y.shape == (10, 20, 20) and not y.value.any()

        # other
        y = x.sum(axis=0); x.sum(axis=(0,1,2)); x.sum()
        y = x.mean() + x.std()
        assert y.shape == (10, 20, 1) and np.all(y.value == 1)
        y.backward()
        y = x.transpose(); x.T
        assert y.shape == (30, 20, 10)
        y = x.reshape((30,-1))
        x2     = Tensor(np.ones((1, 3, 32, 32)))
        kernel = Tensor(np.ones((1, 1, 3, 5, 5)))
        assert np.all(kernel.Conv2D(x2).value == 75)

        # activations
        x.relu()
        x.tanh()
        x.reshape((-1,20,1)).sigmoid()
        x.softmax()
    """)
    assert np.isfinite(names["x"].grad).all()


def test_modules_backward(capsys):
    run("""
        from pygrad.tensor import Tensor
        x = Tensor(value=1, label='x')
        y = x**2 + x + 1
        y.backward()
        print(x.grad)
        # -> 3.0
        y.backward()
        print(x.grad)
        # -> 3.0
        y.backward(reset_grad=False)
        print(x.grad)
        # -> 11.0
    """)
    assert capsys.readouterr().out == "3.0\n3.0\n6.0\n"  # 11 is stale gradients, passed on again


def test_modules_dropout(numpy_random):
    """The page's own Dropout: half of the elements are 0, as `mask_idcs` makes them."""
    names = run("""
        from pygrad.tensor import Tensor
        import numpy as np

        class Dropout:
            def __init__(self, rate:float=0.1):
                self.rate = rate

            def __call__(self, x:Tensor, training:bool=True) -> Tensor:
                if training:
                    n_points        = int(np.prod(x.shape)*self.rate)
                    arr_indices     = np.unravel_index(np.random.choice(np.arange(0, np.prod(x.shape)),
                                                        size=n_points,
                                                        replace=False), x.shape)
                    dropouted_pts   = x.mask_idcs(arr_indices)
                    return dropouted_pts
                else:
                    return x

        x = Tensor(np.array([1,1,1,1]))
        d = Dropout(0.5)
        otp = d(x)
        otp.value
        otp.backward()
        x.grad
    """)  # noqa: E501
    assert sorted(names["otp"].value) == [0, 0, 1, 1]
    assert np.array_equal(names["x"].grad, names["otp"].value)


NETWORKS = """
import numpy as np
from pygrad.activations import ReLU
from pygrad.basics import Flatten, Linear
from pygrad.constants import PRECISION
from pygrad.module import Module
from pygrad.tensor import Tensor

class DNN:
    \"\"\"Dense Neural Network, (28,28) -> (10) \"\"\"
    def __init__(self, dtype=np.float32):

        self.dtype          = dtype
        self.flatten        = Flatten()
        self.dense1         = Linear(i_dim=28*28, o_dim=100)
        self.relu1          = ReLU()
        self.dense2         = Linear(i_dim=100, o_dim=10)

    def forward(self, x:Tensor):
        x = self.flatten(x)
        x = self.dense1(x)
        x = self.relu1(x)
        x = self.dense2(x)
        return x

class DNN2(Module):
    def __init__(self, dtype=PRECISION):

        self.dtype          = dtype
        batch_size          = 1
        self.flatten        = Flatten()
        self.dense1         = Linear(i_dim=28*28, o_dim=100)
        self.relu1          = ReLU()
        self.dense2         = Linear(i_dim=100, o_dim=10)
        super().__init__(x=Tensor(np.ones((batch_size, 1, 28, 28), dtype=self.dtype), leaf=True))

    def forward(self, x:Tensor):
        x = self.flatten(x)
        x = self.dense1(x)
        x = self.relu1(x)
        x = self.dense2(x)
        return x
"""


def test_modules_networks(numpy_random):
    names = run(
        NETWORKS,
        """
        dnn1    = DNN()
        dnn2    = DNN2()

        batch_size = 16
        x          = Tensor(np.ones((batch_size,28,28), dtype=np.float32), leaf=True)

        fwd1    = dnn1.forward(x)   # shape=(batch_size, 1, 10)
        fwd2    = dnn2(x=x)         # shape=(batch_size, 1, 10)

        fwd1.backward()
        fwd2.backward()
        """,
    )
    assert names["fwd1"].shape == names["fwd2"].shape == (16, 1, 10)
    for dense in (names["dnn1"].dense2, names["dnn2"].dense2):  # the page: 16 for the first
        assert dense.W.value.shape == dense.W.grad.shape == (1, 100, 10)


def test_modules_training(numpy_random, oracle):
    numpy_random.seed(0)
    names = run(
        NETWORKS,
        """
        from pygrad.tensor import Tensor
        from pygrad.optims import SGD
        import numpy as np

        model       = DNN2()                        # defined previously, subclassing Module
        optim       = SGD(model.weights, lr=0.1)    # model.weights property is available

        n_epochs    = 25
        batch_size  = 4

        for _ in range(n_epochs):
            x           = Tensor(np.random.uniform(0,1,(batch_size,28,28)), leaf=True)
            y_true      = Tensor(np.ones((batch_size,1,10), dtype=np.float32), leaf=True)

            model.model_reset()
            optim.zero_grad()
            y_pred = model(x=x)
            loss   = ((y_pred - y_true)**2).sum(axis=-1).mean(axis=0, keepdims=False) # averages over the batch
            loss.backward()
            optim.step(loss)
        """,  # noqa: E501
    )
    assert names["loss"].shape == (1,) and names["model"].dense1.W.shape == (1, 784, 100)

    numpy_random.seed(0)
    model = run(NETWORKS, "model = DNN2()")["model"]
    net = oracle.nn.Sequential(
        oracle.nn.Linear(784, 100), oracle.nn.ReLU(), oracle.nn.Linear(100, 10)
    ).double()
    for ours, layer in ((model.dense1, net[0]), (model.dense2, net[2])):
        layer.weight.data[:] = oracle.from_numpy(ours.W.value[0].T.copy())
        layer.bias.data[:] = oracle.from_numpy(ours.B.value[0, 0])
    optim = oracle.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(25):
        x = oracle.from_numpy(numpy_random.uniform(0, 1, (4, 784)))
        optim.zero_grad()
        loss = ((net(x) - 1) ** 2).sum(-1).mean()
        loss.backward()
        optim.step()
    close(names["loss"].value, [loss.item()], 1e-6)


SCRIPT = """
import sys
from architectures.dnn import DNN
from examples.transformer.utils import accuracy_fn
from pygrad.tensor import Tensor
import numpy as np
model = DNN()
print(model(x=Tensor(np.ones((2, 1, 28, 28)), leaf=True)).shape, DNN.__module__, sys.argv[1:])
"""


def command(folder, *words):
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tidegrad", "run", "--as", "pygrad", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(DIALECT.parents[2])},
        timeout=120,
    )
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.isolated
def test_a_script_runs_unchanged(tmp_path):
    (tmp_path / "program.py").write_text(SCRIPT)
    place = "tidegrad.dialects.pygrad.architectures.dnn"
    assert command(tmp_path, "program.py", "a") == (0, f"(2, 1, 10) {place} ['a']\n", "")


@pytest.mark.isolated
def test_a_scripts_own_packages_come_first(tmp_path):
    (tmp_path / "architectures").mkdir()
    text = (DIALECT / "architectures" / "dnn.py").read_text()
    text = text.replace("from ...shared", "from tidegrad.dialects.shared")
    (tmp_path / "architectures" / "dnn.py").write_text(text.replace("from ..", "from pygrad."))
    (tmp_path / "program.py").write_text(SCRIPT)
    assert command(tmp_path, "program.py") == (0, "(2, 1, 10) architectures.dnn []\n", "")


@pytest.mark.isolated
def test_what_the_dialect_lacks_is_named(tmp_path):
    (tmp_path / "program.py").write_text("from pygrad.optims import AdamW\n")
    code, _, said = command(tmp_path, "program.py")
    assert code == 1 and "pygrad has no AdamW; tidegrad has tg.optim.AdamW" in said
    (tmp_path / "program.py").write_text("import pygrad.cuda\n")
    code, _, said = command(tmp_path, "program.py")
    assert code == 1 and "the dialect has no module pygrad.cuda" in said
