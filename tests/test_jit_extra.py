"""Without the packages that the compiler needs everything eager works, and jit says what to do."""

import pytest

HIDDEN = """
    import sys

    class Hidden:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == HIDE:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    HIDE = sys.argv[1]
    sys.meta_path.insert(0, Hidden())
"""

EAGER = """
    import numpy as np
    import tidegrad as tg

    net = tg.nn.Sequential(tg.nn.Linear(6, 9), tg.nn.ReLU(), tg.nn.Linear(9, 3))
    opt = tg.optim.Adam(net.parameters(), lr=1e-2)
    x, y = tg.random.normal((16, 6)), tg.tensor(np.arange(16) % 3)

    def step():
        opt.zero_grad()
        loss = tg.nn.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
        return loss

    losses = [step().item() for _ in range(20)]
    assert losses[-1] < losses[0]
    cell = tg.nn.LSTM(6, 4)
    cell(x)[0].sum().backward()
    assert tg.grad(lambda v: (v * v).sum())(tg.ones(3)).tolist() == [2, 2, 2]
    assert tg.cond(tg.tensor(True), lambda v: v + 1, lambda v: v, tg.ones(2)).tolist() == [2, 2]
    assert tg.scan(lambda c, v: (c + v, c), tg.zeros(()), tg.ones(3))[0].item() == 3
"""

REFUSED = """
    compiled = tg.jit(step)  # which may be made, as by a decorator
    before = {name: p.numpy() for name, p in net.state_dict().items()}
    for _ in range(2):
        try:
            compiled()
        except ImportError as error:
            print(error)
    for name, p in net.state_dict().items():
        assert p.tolist() == before[name].tolist(), name
    assert step().item() < losses[0]  # nothing has changed
    before = tg.get_num_threads()
    tg.set_num_threads(2)
    assert tg.get_num_threads() == 2 and before >= 1
    tg.set_deterministic(True)
    assert tg.is_deterministic()
"""


def test_without_llvmlite(alone):
    said = alone(HIDDEN + EAGER + REFUSED, "llvmlite").splitlines()
    wanted = 'llvmlite is needed for this: pip install "tidegrad[jit]" ('
    assert len(said) == 2 and all(line.startswith(wanted) for line in said)


@pytest.mark.parametrize("version", ["0.1.0", "0.44.9"])
def test_an_llvmlite_that_is_too_old(alone, version):
    text = (
        EAGER
        + """
    import llvmlite, sys
    llvmlite.__version__ = sys.argv[1]
    try:
        tg.jit(step)()
    except ImportError as error:
        print(error)
    """
    )
    said = alone(text, version)
    assert said.startswith('llvmlite is needed for this: pip install "tidegrad[jit]" (0.45 or')
    assert version in said and said.count("\n") == 1


LOADED = """
    import sys
    import tidegrad as tg

    def loaded():
        names = [name for name in sys.modules if name.startswith("tidegrad.jit")]
        return names + ["llvmlite"] * ("llvmlite" in sys.modules)

    assert loaded() == [], loaded()
    net = tg.nn.Linear(3, 2)
    opt = tg.optim.SGD(net.parameters(), lr=0.1)
    net(tg.ones((4, 3))).sum().backward()
    opt.step()
    assert loaded() == [], loaded()
    f = tg.jit(lambda x: x + 1)
    assert "llvmlite" not in loaded()
    f(tg.ones(2))
    assert "llvmlite" in loaded()
    print("done")
"""


def test_nothing_of_the_compiler_is_loaded_before_it_is_used(alone):
    assert alone(LOADED) == "done\n"


def test_the_public_names():
    import tidegrad as tg

    names = {"jit", "set_num_threads", "get_num_threads", "set_deterministic", "is_deterministic"}
    assert names <= set(dir(tg)) and names <= set(tg.__all__)
    assert all(callable(getattr(tg, name)) and getattr(tg, name).__doc__ for name in names)
