"""maligrad's networks and data: windows, layers, modules, optimizer, loader, data sets."""

import copy
import gzip
import pickle
import struct
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tidegrad.dialects.maligrad import data, nn
from tidegrad.dialects.maligrad.autograd.engine import Variable
from tidegrad.dialects.maligrad.data import DataLoader, Dataset
from tidegrad.dialects.maligrad.data.datasets import MNIST, Moons
from tidegrad.dialects.maligrad.nn import functional as F
from tidegrad.dialects.maligrad.nn.engine import search_parameters, search_submodules
from tidegrad.dialects.maligrad.nn.optim import SGD, Optimizer
from tidegrad.dialects.running import answered

FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def compared(oracle, y, wanted, variables, tensors):
    """The same values and gradients, for a cotangent that differs everywhere."""
    close = {"rtol": 1e-4, "atol": 1e-4} if y.dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-12}
    np.testing.assert_allclose(y.data, wanted.detach().numpy(), **close)
    weights = np.cos(np.arange(y.size)).reshape(y.shape).astype(y.dtype)
    y.backward(weights)
    wanted.backward(oracle.tensor(weights))
    for v, t in zip(variables, tensors):
        np.testing.assert_allclose(v.grad, t.grad.numpy(), **close)
        assert v.grad.dtype == v.dtype


# Windows.

PLANE, SOLID = ((4, 3, 7, 8), (5, 3, 2, 3)), ((2, 3, 5, 6, 4), (4, 3, 2, 3, 2))
CONVS = {
    "1-d": ((4, 3, 11), (5, 3, 3), 1, 1),
    "1-d stride": ((4, 3, 11), (5, 3, 3), 2, 1),
    "2-d": (*PLANE, 1, 1),
    "2-d stride": (*PLANE, 2, 1),
    "2-d dilation": (*PLANE, 1, 2),
    "2-d uneven": (*PLANE, (2, 1), (1, 3)),
    "3-d": (*SOLID, 1, 1),
    "3-d uneven": (*SOLID, (1, 2, 2), 1),
    "the whole": ((2, 3, 5, 5), (4, 3, 5, 5), 1, 1),
    "one by one": ((2, 3, 5, 5), (4, 3, 1, 1), 3, 1),
}


@FLOATS
@pytest.mark.parametrize(("image", "kernel", "stride", "dilation"), CONVS.values(), ids=CONVS)
def test_conv_is_pytorchs(oracle, rng, numpy_random, image, kernel, stride, dilation, dtype):
    axes = len(kernel) - 2
    x, w, b = (rng.normal(size=s).astype(dtype) for s in (image, kernel, kernel[:1] + (1,) * axes))
    layer = nn.Conv(kernel[1], kernel[0], kernel[2:], stride, dilation)
    layer.ker.data, layer.b.data = w, b
    v = Variable(x, requires_grad=True)
    tensors = [oracle.tensor(a, requires_grad=True) for a in (x, w, b)]
    theirs = getattr(oracle.nn.functional, f"conv{axes}d")
    wanted = theirs(*tensors[:2], tensors[2].flatten(), stride=stride, dilation=dilation)
    compared(oracle, layer(v), wanted, (v, layer.ker, layer.b), tensors)


def test_conv_of_any_batches(rng):
    image, kernel = rng.normal(size=(2, 1, 3, 6, 5)), rng.normal(size=(4, 2, 3, 2))
    out = F.conv(image, kernel, 2).data
    assert out.shape == (2, 1, 3, 4, 2, 4, 4)
    for i in np.ndindex(2, 1, 3):
        for j in np.ndindex(4, 2):
            windows = np.lib.stride_tricks.sliding_window_view(image[i], (3, 2))
            np.testing.assert_allclose(out[(*i, *j)], (windows * kernel[j]).sum((-1, -2)))


def test_steps_of_conv():
    """Of a number the channels know nothing; a tuple may speak of them, or of batch, but only 1."""
    image, kernel = np.ones((4, 3, 5, 5)), np.ones((2, 3, 2, 2))
    shape = (4, 2, 1, 2, 2)
    for stride in (2, (2, 2), (1, 2, 2), (1, 1, 2, 2)):
        assert F.conv(image, kernel, 3, stride).shape == shape
    assert F.conv(image, kernel, 3, 1, 2).shape == (4, 2, 1, 3, 3)
    assert F.conv(np.ones((9, 9)), np.ones((3, 3)), 2, 2, 2).shape == (3, 3)
    with pytest.raises(ValueError, match=r"conv: stride \(2, 1, 1, 1\) for 3 axes"):
        F.conv(image, kernel, 3, (2, 1, 1, 1))


def test_conv_without_bias_and_without_batch(numpy_random):
    layer = nn.Conv(2, 3, (2, 2), bias=False)
    assert layer.b == 0 and len(layer.parameters()) == 1
    assert layer(np.ones((2, 4, 4))).shape == (3, 3, 3)
    assert layer(np.ones((5, 6, 2, 4, 4))).shape == (5, 6, 3, 3, 3)


def test_conv_takes_little_memory(numpy_random, rng):
    layer, x = nn.Conv(16, 16, (3, 3)), Variable(rng.normal(size=(8, 16, 28, 28)), True)
    tracemalloc.start()
    try:
        layer(x).sum().backward()
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()


POOLS = [(2, 2, 1), (3, 1, 1), (2, 3, 1), (2, 1, 2)]


@FLOATS
@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize(("size", "stride", "dilation"), POOLS)
def test_maxpool_is_pytorchs(oracle, rng, axes, size, stride, dilation, dtype):
    shape, kernel = (2, 3) + (9,) * axes, (size,) * axes
    x = rng.permutation(np.prod(shape)).reshape(shape).astype(dtype)
    v, t = Variable(x, True), oracle.tensor(x, requires_grad=True)
    theirs = getattr(oracle.nn.functional, f"max_pool{axes}d")(t, size, stride, 0, dilation)
    compared(oracle, F.maxpool(v, kernel, stride, dilation), theirs, [v], [t])


@FLOATS
@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), (2, 3)])
def test_avgpool_is_pytorchs(oracle, rng, axes, size, stride, dtype):
    x = rng.normal(size=(2, 3) + (9,) * axes).astype(dtype)
    v, t = Variable(x, True), oracle.tensor(x, requires_grad=True)
    theirs = getattr(oracle.nn.functional, f"avg_pool{axes}d")(t, size, stride)
    compared(oracle, F.avgpool(v, (size,) * axes, stride), theirs, [v], [t])


def test_pools_of_the_suite():
    square, rows = np.arange(16.0).reshape(4, 4), np.arange(12.0).reshape(3, 4)
    assert F.maxpool(square, (3, 3)).data.tolist() == [[10, 11], [14, 15]]
    assert F.avgpool(square, (3, 3)).data.tolist() == [[5, 6], [9, 10]]
    assert F.maxpool(rows, (3,)).data.tolist() == [[2, 3], [6, 7], [10, 11]]
    x = Variable(np.ones((2, 2)), True)
    nn.Maxpool((2, 2))(x).backward()
    assert x.grad.tolist() == [[1, 1], [1, 1]]
    assert nn.Maxpool((2, 3))(np.ones((5, 4, 6))).shape == (5, 2, 2)
    assert nn.Maxpool((2, 2), 1)(np.ones((4, 4))).shape == (3, 3)
    v = Variable(np.arange(4, dtype=np.float32), True)
    assert F.avgpool(v, (2,)).dtype == np.float32 and F.avgpool([1, 2], (2,)).data == [1.5]


ONE, TWO = np.ones(3), np.ones((3, 3))
BAD = {
    "too large": (lambda: F.conv(np.ones((2, 2)), TWO, 2), "conv: a kernel of 3, dilation 1"),
    "too few axes": (lambda: F.conv(ONE, TWO, 2), "do not both have 2 axes"),
    "no axes": (lambda: F.conv(ONE, ONE, 0), "do not both have 0 axes"),
    "no stride": (lambda: F.maxpool(ONE, (2,), 0), "maxpool: stride 0 for 1 axes"),
    "pool axes": (lambda: F.avgpool(ONE, (2, 2)), "avgpool: a kernel of shape"),
    "channels": (lambda: nn.Conv(3, 2, (2,))(np.ones((4, 5))), "takes 3 channels on axis -2"),
    "features": (lambda: nn.Linear(3, 2)(np.ones((4, 5))), r"matmul: shapes \(4, 5\) and \(3, 2\)"),
    "targets": (lambda: F.categorical_crossentropy(TWO, [0, 1]), "broadcast_to: shapes"),
}


@pytest.mark.parametrize(("compute", "text"), BAD.values(), ids=BAD)
def test_wrong_shapes_are_errors(numpy_random, compute, text):
    with pytest.raises(ValueError, match=text):
        compute()


# Loss, layers, modules.


@FLOATS
def test_cross_entropy(oracle, rng, dtype):
    logits, target = rng.normal(size=(5, 4)).astype(dtype), rng.integers(0, 4, 5)
    v, t = Variable(logits, True), oracle.tensor(logits, requires_grad=True)
    wanted = oracle.nn.functional.cross_entropy(t, oracle.tensor(target))
    compared(oracle, F.categorical_crossentropy(F.softmax(v), target, eps=0), wanted, [v], [t])


def test_cross_entropy_of_more_axes(rng):
    chances = rng.random((2, 5, 4))
    for target in (rng.integers(0, 4, (2, 5)), rng.integers(0, 4, 5)):
        found = F.categorical_crossentropy(chances, Variable(target))
        whole = np.broadcast_to(target, (2, 5))
        picked = np.take_along_axis(chances, whole[..., None], -1)
        np.testing.assert_allclose(found.data, -np.log(picked + 1e-8).mean())
    sure = F.categorical_crossentropy(Variable([[1.0, 0.0]], True), np.array([1]))
    assert np.isclose(sure.data, -np.log(1e-8))


def test_initial_values_are_the_engines(numpy_random):
    numpy_random.seed(3)
    linear, conv = nn.Linear(3, 2), nn.Conv(2, 4, (3,))
    numpy_random.seed(3)
    shapes = [(3, 2), (2,), (4, 2, 3), (4, 1)]
    for p, shape in zip(linear.parameters() + conv.parameters(), shapes, strict=True):
        assert (p.data == np.random.rand(*shape) - 0.5).all() and p.requires_grad
    assert nn.Linear(3, 2, bias=False).b == 0


def test_layers(numpy_random):
    x = np.array([[-1.0, 0.0, 2.0]])
    assert nn.ReLU()(x).data.tolist() == [[0, 0, 2]]
    np.testing.assert_allclose(nn.Sigmoid()(x).data, 1 / (1 + np.exp(-x)))
    np.testing.assert_allclose(nn.Softmax()(x).data, np.exp(x) / np.exp(x).sum())
    assert nn.Softmax(axis=0)(x).data.tolist() == [[1, 1, 1]]
    assert nn.Flatten(2)(Variable(np.ones((4, 2, 3)))).shape == (4, 6)
    assert nn.Flatten(1)(np.ones((4, 2, 3))).shape == (4, 2, 3)
    layer = nn.Linear(3, 2)
    assert (layer(x).data == x @ layer.W.data + layer.b.data).all()
    for rows in (4, 2, 7):  # a layer serves every batch
        assert layer(np.ones((rows, 3))).shape == (rows, 2)


class Net(nn.Module):
    def __init__(self):
        self.name, self.count, self.scale = "net", 3, np.array(1.0)
        self.layers = {"a": nn.Linear(2, 2), "rest": [nn.Parameter(np.ones(1)), (nn.ReLU(),)]}
        self.head = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1, bias=False))
        self.again, self.me, self.frozen = self.layers["a"], self, Variable(np.ones(2))

    def forward(self, x):
        for p in self.layers["rest"][:1]:
            x = x * p
        return self.head(self.layers["a"](x))


def test_parameters_are_found_once_wherever_they_are(numpy_random):
    net = Net()
    a, head = net.layers["a"], net.head.modules
    wanted = [a.W, a.b, net.layers["rest"][0], head[0].W, head[0].b, head[2].W]
    found = net.parameters()
    assert len(found) == 6 and all(p is q for p, q in zip(found, wanted))
    assert net.submodules() == [a, net.layers["rest"][1][0], net.head]
    assert len(search_parameters([a.W, "text", {"b": a.b}, 3.0])) == 2
    assert search_submodules(net.head) == list(head)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_models_are_copied_and_pickled(numpy_random, copied):
    net, x = Net(), np.ones((3, 2))
    net(x).sum().backward()
    other = copied(net)
    assert (other(x).data == net(x).data).all()
    for p, q in zip(net.parameters(), other.parameters(), strict=True):
        assert p is not q and (p.grad == q.grad).all() and type(q) is nn.Parameter
    other.parameters()[0].data += 1
    assert (other(x).data != net(x).data).any()


def test_modules_define_forward():
    class Empty(nn.Module):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Empty()


# The optimizer.


@FLOATS
def test_sgd_is_pytorchs(dtype):
    p = nn.Parameter(np.array([1, 2, 3], dtype))
    optimizer = SGD([p], lr=0.1)
    for wanted in ([0.8, 1.6, 3], [0.64, 1.28, 3], [0.512, 1.024, 3]):
        optimizer.zero_grad()
        assert p.grad is None
        ((p - np.array([0, 0, 3], dtype)) ** 2).sum().backward()
        optimizer.step()
        np.testing.assert_allclose(p.data, wanted, rtol=1e-6)
    assert p.dtype == dtype


def test_sgd_and_what_has_no_gradient():
    used, unused = nn.Parameter(2), nn.Parameter(np.ones(2))
    optimizer = SGD((p for p in (used, unused)), 0.5)
    (used * used).backward()
    optimizer.step()
    optimizer.zero_grad()
    assert used.data == 0 and unused.data.tolist() == [1, 1] and used.grad is None
    with pytest.raises(TypeError, match="abstract"):
        Optimizer([used], 0.1)


def test_training_is_pytorchs(oracle, rng, numpy_random):
    """A network of two layers, five steps, from the same beginning."""
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax())
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
    theirs = [oracle.tensor(p.data, requires_grad=True) for p in net.parameters()]
    ours, peers = SGD(net.parameters(), 0.5), oracle.optim.SGD(theirs, 0.5)
    for _ in range(5):
        ours.zero_grad()
        loss = F.categorical_crossentropy(net(x), y)
        loss.backward()
        ours.step()
        peers.zero_grad()
        w, b, v, c = theirs
        chances = oracle.softmax(oracle.relu(oracle.tensor(x) @ w + b) @ v + c, -1)
        wanted = -(chances[range(6), y] + 1e-8).log().mean()
        wanted.backward()
        peers.step()
        np.testing.assert_allclose(loss.data, wanted.item(), rtol=1e-12)
    for p, q in zip(net.parameters(), theirs):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-10)


# Data.


class Numbers(Dataset):
    def __init__(self, count):
        self.count = count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        return index, np.full(2, index + 0.5)

    def __len__(self):
        return self.count


def test_batches_are_lists_of_arrays():
    batches = list(DataLoader(Numbers(5), 2, shuffle=False))
    assert [type(batch) for batch in batches] == [list] * 3
    assert [x.tolist() for x, _ in batches] == [[0, 1], [2, 3], [4]]
    assert [y.shape for _, y in batches] == [(2, 2), (2, 2), (1, 2)]
    x, y = batches[0]
    assert x.dtype == np.int64 and y.dtype == np.float64


def epochs(loader, count=2):
    return [[int(n) for x, _ in loader for n in x] for _ in range(count)]


def test_shuffling_is_by_the_seed():
    first, second = epochs(DataLoader(Numbers(20), 3, seed=1))
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second and first != sorted(first)
    assert epochs(DataLoader(Numbers(20), 3, seed=1)) == [first, second]
    assert epochs(DataLoader(Numbers(20), 3, seed=2)) != [first, second]


def test_without_a_seed_np_random_shuffles(numpy_random):
    loader = DataLoader(Numbers(20), 3)
    numpy_random.seed(5)
    first = epochs(loader)
    numpy_random.seed(5)
    assert epochs(DataLoader(Numbers(20), 3)) == first
    assert epochs(loader) != first


def test_a_wrong_loader():
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        DataLoader(Numbers(3), 0)
    with pytest.raises(TypeError, match="abstract"):
        Dataset()


def test_moons(numpy_random):
    state = np.random.get_state()[1].copy()
    moons, again = Moons(100, seed=3), Moons(100, seed=3)
    assert (np.random.get_state()[1] == state).all()
    assert (moons.X == again.X).all() and moons.X.shape == (100, 2) and len(moons) == 100
    assert moons.y.tolist() == sorted(moons.y.tolist(), reverse=True) and set(moons.y) == {0, 1}
    numpy_random.seed(3)
    assert (Moons(100).X == moons.X).all()
    x, y = moons[7]
    assert x.shape == (2,) and y == 1


def idx(array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def mnist(tmp_path, monkeypatch, rng):
    """A folder that MNIST comes from."""
    folder = tmp_path / "there"
    folder.mkdir()
    for subset, count in (("train", 60), ("t10k", 10)):
        images, labels = rng.integers(0, 256, (count, 28, 28)), rng.integers(0, 10, count)
        (folder / f"{subset}-images-idx3-ubyte.gz").write_bytes(idx(images))
        (folder / f"{subset}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
    monkeypatch.setattr(MNIST, "_url", f"{folder.as_uri()}/{{file}}")
    return folder


def test_mnist_is_fetched_and_read(mnist, tmp_path):
    root = tmp_path / "new" / "here"
    train = MNIST(root)
    assert len(train) == 60 and train.images.shape == (60, 28, 28) and train.labels.shape == (60,)
    assert sorted(p.name for p in root.iterdir()) == sorted(p.name for p in mnist.iterdir())
    image, label = train[0]
    assert image.dtype == label.dtype == np.uint8
    for path in mnist.iterdir():
        path.unlink()  # what is there is not fetched again
    test = MNIST(str(root), train=False)
    assert len(test) == 10 and len(test[:][1]) == 10
    x, y = next(iter(DataLoader(test, 4, seed=0)))
    assert x.shape == (4, 28, 28) and y.shape == (4,)


def test_mnist_is_not_fetched_unasked(mnist, tmp_path):
    with pytest.raises(FileNotFoundError, match="download=True fetches it"):
        MNIST(tmp_path / "here", download=False)
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("damage", ["cut", "no gzip", "no idx", "too short", "absent"])
def test_a_failed_download_leaves_nothing(mnist, tmp_path, damage):
    path = mnist / "train-labels-idx1-ubyte.gz"
    whole = path.read_bytes()
    made = {
        "cut": whole[:-20],
        "no gzip": b"<html>Not Found</html>",
        "no idx": gzip.compress(b"words"),
        "too short": gzip.compress(gzip.decompress(whole)[:-1]),
    }
    path.unlink() if damage == "absent" else path.write_bytes(made[damage])
    with pytest.raises((OSError, ValueError), match="could not be read|damaged or cut short"):
        MNIST(tmp_path / "here")
    assert [p.name for p in (tmp_path / "here").iterdir()] == ["train-images-idx3-ubyte.gz"]
    path.write_bytes(whole)
    assert len(MNIST(tmp_path / "here")) == 60


class Hasty(BaseHTTPRequestHandler):
    """Promises more than it sends, or has nothing."""

    def do_GET(self):
        self.send_response(200 if self.path.startswith("/cut") else 404)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"a beginning")

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(("folder", "text"), [("cut", "IncompleteRead"), ("none", "404")])
def test_a_connection_that_breaks(monkeypatch, tmp_path, folder, text):
    with ThreadingHTTPServer(("127.0.0.1", 0), Hasty) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/{folder}/{{file}}"
        monkeypatch.setattr(MNIST, "_url", url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        try:
            with pytest.raises(OSError, match=f"could not be read: .*{text}.*nothing was written"):
                MNIST(tmp_path / "here")
        finally:
            server.shutdown()
            thread.join()
    assert not (tmp_path / "here").exists()


def test_damaged_files_are_named(mnist, tmp_path):
    MNIST(tmp_path / "here")
    path = tmp_path / "here" / "t10k-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte.gz is damaged or cut short"):
        MNIST(tmp_path / "here", train=False)
    path.write_bytes(idx(np.zeros((9, 28, 28))))
    with pytest.raises(ValueError, match="are not of equal length"):
        MNIST(tmp_path / "here", train=False)


# Programs run as they are.

MLP = """
import numpy as np

from maligrad import nn
from maligrad.nn import functional as F
from maligrad.data import DataLoader
from maligrad.data.datasets import MNIST
from maligrad.nn.optim import SGD

train_dataset = MNIST(root)
test_dataset  = MNIST(root, train=False)
train_loader  = DataLoader(train_dataset, batch_size=32)

img, label = train_dataset[0]

np.random.seed(1337)

model = nn.Sequential(
    nn.Linear(784, 123), nn.ReLU(),
    nn.Linear(123, 77), nn.ReLU(),
    nn.Linear(77, 77), nn.ReLU(),
    nn.Linear(77, 10),
    nn.Softmax()
)
optimizer = SGD(model.parameters(), lr=1e-3)
criterion = F.categorical_crossentropy

for epoch in range(10):
    print(f"{epoch=}")
    for batch in train_loader:
        optimizer.zero_grad()

        x, y = batch
        x = x.reshape(x.shape[0], -1) / 255 # flatten images
        pred = model(x)
        loss = criterion(pred, y)

        loss.backward()
        optimizer.step()

        print(" "*100, end="\\r")
        print(loss.data, end="\\r")
    print()

x, y = test_dataset[:]
x = x.reshape(x.shape[0], -1) / 255

pred = np.argmax(model(x), axis=-1)
test_accuracy = (pred == y).mean()
print(f"{test_accuracy=}")
"""


def test_the_notebooks_program(mnist, tmp_path, numpy_random, capsys):
    with answered("maligrad"):
        exec(MLP, {"root": tmp_path / "here"})
    said = capsys.readouterr().out
    assert "epoch=9" in said and "test_accuracy=" in said


def test_modules_are_where_they_were():
    with answered("maligrad"):
        from maligrad.autograd.engine import Pow, accumulate_grad  # noqa: F401
        from maligrad.data.engine import DataLoader, Dataset  # noqa: F401
        from maligrad.nn.engine import Module, Parameter, Sequential, search_submodules  # noqa: F401
        from maligrad.nn.functional import Variable, maxpool  # noqa: F401
        from maligrad.nn.layers import Conv, Parameter, Variable  # noqa: F401
        from maligrad.nn.optim import SGD, Optimizer  # noqa: F401

        with pytest.raises(ImportError, match="has no Dropout; tidegrad has tg.nn.Dropout"):
            from maligrad.nn import Dropout  # noqa: F401
        with pytest.raises(ModuleNotFoundError, match="no module maligrad.nn.rnn"):
            import maligrad.nn.rnn  # noqa: F401
    assert data.datasets.MNIST is MNIST
