"""The dialect pygrad: layers, losses, optimizers, Module and the models, against PyTorch."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest

from tidegrad.dialects.pygrad import activations, basics, optims
from tidegrad.dialects.pygrad.activations import ReLU
from tidegrad.dialects.pygrad.architectures import transformer
from tidegrad.dialects.pygrad.architectures.cnn import CNN
from tidegrad.dialects.pygrad.architectures.dnn import DNN
from tidegrad.dialects.pygrad.basics import AddNorm, Conv2D, Dropout, Flatten, Linear, Softmax
from tidegrad.dialects.pygrad.examples.transformer import utils
from tidegrad.dialects.pygrad.losses import BCELoss, CCELoss
from tidegrad.dialects.pygrad.module import Module
from tidegrad.dialects.pygrad.optims import SGD, Adam, RMSProp, SGD_Momentum
from tidegrad.dialects.pygrad.tensor import Tensor

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
pytestmark = pytest.mark.usefixtures("numpy_random")


@pytest.fixture(autouse=True)
def seeded(numpy_random):
    numpy_random.seed(0)


def close(x, y, tol=1e-6):
    np.testing.assert_allclose(x, y, rtol=tol, atol=tol)


def ones(*shape, **options):
    return Tensor(np.ones(shape), **options)


# Layers


def test_printed_forms():
    assert repr(Linear(2, 1)) == "Linear=(name=Linear, W shape=(1, 2, 1), B shape=(1, 1, 1)"
    assert (
        repr(Linear(2, 1, bias=False, label=3)) == "Linear=(name=3, W shape=(1, 2, 1), B shape=None"
    )
    assert repr(Softmax()) == "Softmax=(name=Softmax)"
    assert repr(Flatten("flat")) == "Flatten=(name=flat)"
    assert repr(ReLU()) == "ReLU Layer=(name=ReLU)"
    assert repr(BCELoss()) == "BCELoss=(name=BCELoss)"
    assert repr(CCELoss("mine")) == "CCELoss=(name=mine)"
    conv, bare = Conv2D(2, 1, 3, 3), Conv2D(2, 1, 3, 3, bias=False)
    conv(ones(4, 1, 5, 5)), bare(ones(4, 1, 5, 5))
    form = "Conv2D=(name=Conv2D, kernel=(1, 2, 1, 3, 3), bias={}, output=(4, 2, 3, 3))"
    assert repr(conv) == form.format((1, 2, 1, 1)) and repr(bare) == form.format(None)


@DTYPES
@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias, dtype, oracle, rng):
    layer, theirs = Linear(5, 3, bias, dtype=dtype), oracle.nn.Linear(5, 3, bias)
    theirs = theirs.to(oracle.from_numpy(np.zeros(1, dtype)).dtype)
    theirs.weight.data[:] = oracle.from_numpy(layer.W.value[0].T.copy())
    if bias:
        theirs.bias.data[:] = oracle.from_numpy(layer.B.value[0, 0])
    for batch in (4, 2):  # the engine took one size of batch alone
        v = rng.normal(size=(batch, 6, 5)).astype(dtype)
        x, y = Tensor(v, dtype=dtype), oracle.tensor(v, requires_grad=True)
        out, expected = layer(x), theirs(y)
        assert layer.tensor is out and out.label == "Linear"
        (out**2).backward(), theirs.zero_grad(), (expected**2).sum().backward()
        tol = 1e-4 if dtype is np.float32 else 1e-9
        close(out.value, expected.detach().numpy(), tol)
        close(x.grad, y.grad.numpy(), tol)
        close(layer.W.grad[0].T, theirs.weight.grad.numpy(), tol)
        assert layer.W.shape == layer.W.grad.shape == (1, 5, 3) and layer.W.grad.dtype == dtype
        if bias:
            close(layer.B.grad[0, 0], theirs.bias.grad.numpy(), tol)


def test_labels_and_draws():
    layer = Linear(4, 300)
    assert (layer.W.label, layer.B.label) == ("W_Linear", "b_Linear")
    assert 0.49 < np.abs(layer.W.value).max() < 0.5 and layer.dtype is np.float64
    conv = Conv2D(4, 16, 3, 3)
    assert (conv.kw.label, conv.kb.label) == ("ConvW_Conv2D", "ConvB_Conv2D")
    assert 0.08 < np.abs(conv.kw.value).max() < (16 * 9) ** -0.5  # and not its root


@DTYPES
@pytest.mark.parametrize("bias", [True, False])
def test_conv2d(bias, dtype, oracle, rng):
    layer = Conv2D(3, 2, 2, 3, bias, dtype=dtype)
    assert layer.kw.dtype is dtype
    for batch in (4, 1):
        v = rng.normal(size=(batch, 2, 5, 6)).astype(dtype)
        x, y = Tensor(v, dtype=dtype), oracle.tensor(v, requires_grad=True)
        kernel = oracle.tensor(layer.kw.value[0], requires_grad=True)
        shift = oracle.tensor(layer.kb.value[0, :, 0, 0]) if bias else None
        out, expected = layer(x), oracle.nn.functional.conv2d(y, kernel, shift)
        (out**2).backward(), (expected**2).sum().backward()
        tol = 1e-4 if dtype is np.float32 else 1e-9
        close(out.value, expected.detach().numpy(), tol)
        close(x.grad, y.grad.numpy(), tol)
        close(layer.kw.grad[0], kernel.grad.numpy(), tol)
        assert layer.shape == out.shape and layer.kw.shape == (1, 3, 2, 2, 3)
        assert layer.kb is None if not bias else layer.kb.grad.shape == (1, 3, 1, 1)


def test_dropout_keeps_the_mean():
    x = ones(20, 5, 10)
    y = Dropout(0.5)(x)
    assert y.value.mean() == 1 and (y.value == 0).sum() == 500
    y.backward()
    close(x.grad, y.value)
    assert Dropout(0.5)(x, training=False) is x
    assert not Dropout(1.0)(x).value.any() and Dropout(0.0)(x) is x


def test_dropout_draws_from_numpy():
    np.random.seed(3)
    first = Dropout(0.3)(ones(100)).value
    np.random.seed(3)
    assert np.array_equal(first, Dropout(0.3)(ones(100)).value)


@DTYPES
def test_addnorm(dtype, oracle, rng):
    v = rng.normal(size=(2, 2, 3, 5)).astype(dtype)
    x, skip = (Tensor(part, dtype=dtype) for part in v)
    y, other = (oracle.tensor(part, requires_grad=True) for part in v)
    weights = rng.normal(size=(2, 3, 5)).astype(dtype)
    out = AddNorm(gain=0.5, bias=0.25)(x, skip)
    expected = 0.5 * oracle.nn.functional.layer_norm(y + other, (5,), eps=1e-9) + 0.25
    (out * weights).backward(), (expected * oracle.tensor(weights)).sum().backward()
    tol = 1e-4 if dtype is np.float32 else 1e-8
    close(out.value, expected.detach().numpy(), tol)
    close(x.grad, y.grad.numpy(), tol)
    close(skip.grad, other.grad.numpy(), tol)


@DTYPES
def test_addnorm_of_a_constant_row(dtype):
    x, skip = (Tensor(np.full((1, 1, 3), 0.1), dtype=dtype) for _ in range(2))
    AddNorm()(x, skip).backward()
    close(x.grad, np.zeros((1, 1, 3)), 1e-2 if dtype is np.float32 else 1e-6)


def test_layers_of_functions():
    x = Tensor([[[-1.0, 2.0], [3.0, -4.0]]])
    for layer, expected in ((ReLU(), x.relu()), (Softmax("s"), x.softmax()), (Flatten(), None)):
        out = layer(x)
        assert layer.tensor is out and out.label == layer.label
        assert expected is None or np.array_equal(out.value, expected.value)
    assert out.shape == (1, 1, 4)


@pytest.mark.parametrize(
    ("error", "said", "do"),
    [
        (ValueError, r"Linear: takes 3 axes.*\(4, 2\)", lambda: Linear(2, 1)(ones(4, 2))),
        (ValueError, "matmul: shapes", lambda: Linear(2, 1)(ones(4, 1, 3))),
        (TypeError, "Linear: takes a Tensor, not ndarray", lambda: Linear(2, 1)(np.ones(2))),
        (ValueError, "Linear: i_dim is a positive int, not 0", lambda: Linear(0, 1)),
        (ValueError, "Linear: o_dim is a positive int, not 1.5", lambda: Linear(1, 1.5)),
        (ValueError, "Conv2D: kW is a positive int", lambda: Conv2D(1, 1, 1, -1)),
        (ValueError, "Conv2D: takes 4 axes", lambda: Conv2D(1, 1, 1, 1)(ones(4, 2))),
        (ValueError, "3 channels, the images have 2", lambda: Conv2D(1, 3, 1, 1)(ones(1, 2, 4, 4))),
        (ValueError, "Dropout: rate is within 0 to 1, not 1.5", lambda: Dropout(1.5)),
        (TypeError, "Dropout: takes a Tensor", lambda: Dropout()(np.ones(3))),
        (ValueError, "AddNorm: x and skip differ", lambda: AddNorm()(ones(1, 2), ones(1, 3))),
        (TypeError, "ReLU: label is a str", lambda: ReLU([])),
        (TypeError, "Flatten: takes a Tensor", lambda: Flatten()(3)),
        (ValueError, "CCELoss: shapes", lambda: CCELoss()(ones(1, 1, 3), ones(1, 1, 2))),
        (ValueError, "CCELoss: takes 3 axes", lambda: CCELoss()(ones(1, 3), ones(1, 3))),
        (ValueError, "targets are within", lambda: CCELoss()(ones(1, 1, 3), 2 * ones(1, 1, 3))),
        (ValueError, "predictions are within", lambda: BCELoss()(2 * ones(1, 1, 1), ones(1, 1, 1))),
        (ValueError, r"\(batch, 1, 1\)", lambda: BCELoss()(ones(1, 1, 2), ones(1, 1, 2))),
        (TypeError, "BCELoss: takes a Tensor", lambda: BCELoss()(ones(1, 1, 1), 1)),
        (AttributeError, "the dialect pygrad has no Conv3D", lambda: basics.Conv3D),
        (AttributeError, "no GELU; tidegrad has tg.nn.GELU", lambda: activations.GELU),
        (AttributeError, "no AdamW; tidegrad has tg.optim.AdamW", lambda: optims.AdamW),
    ],
)  # fmt: skip
def test_bad_input_is_named(error, said, do):
    with pytest.raises(error, match=said):
        do()


# Losses


@DTYPES
def test_bce(dtype):
    p = Tensor(np.array([0.3, 0.6]).reshape(2, 1, 1), dtype=dtype)
    t = Tensor(np.array([1, 0]).reshape(2, 1, 1), leaf=True, dtype=dtype)
    loss = BCELoss()(p, t)
    loss.backward()
    assert loss.shape == ()
    close(loss.value, 1.06013177, 1e-6)
    close(p.grad[:, 0, 0], [-0.5 / 0.3, 0.5 / 0.4], 1e-5)


@DTYPES
def test_bce_of_a_perfect_prediction(dtype):
    p = Tensor(np.array([1, 0]).reshape(2, 1, 1), dtype=dtype)
    loss = BCELoss()(p, Tensor(p.value, leaf=True, dtype=dtype))
    loss.backward()
    assert loss.value == 0 and np.isfinite(p.grad).all()


@DTYPES
def test_cce(dtype):
    x = Tensor([[[1, 2, 3]], [[1, 1, 1]]], dtype=dtype)
    t = Tensor([[[0, 0, 1]], [[1, 0, 0]]], learnable=False, leaf=True, dtype=dtype)
    loss = CCELoss()(x, t)
    loss.backward()
    close(loss.value, 0.75310913)
    close(x.grad[0, 0], [0.04501529, 0.12236424, -0.16737952])
    close(x.grad[1, 0], [-0.33333333, 0.16666667, 0.16666667])
    assert loss.weights == [x]


@DTYPES
@pytest.mark.parametrize(
    ("logits", "label", "value", "grad"),
    [([0, 0, 2000], 0, 2000, [-1, 0, 1]), ([0, 0, 800], 2, 0, [0, 0, 0])],
)
def test_cce_of_certainty(logits, label, value, grad, dtype):
    x = Tensor([[logits]], dtype=dtype)
    loss = CCELoss()(x, Tensor(np.eye(3)[[[label]]], leaf=True, dtype=dtype))
    loss.backward()
    assert loss.value == value and x.grad[0, 0].tolist() == grad


def test_cce_with_a_mask(oracle, rng):
    labels = np.array([[2, 1, 0, 0, 0], [1, 3, 2, 2, 0], [0, 1, 2, 0, 3], [1, 1, 1, 1, 1]])
    counted = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
    v = rng.normal(size=(4, 5, 4))
    x, y = Tensor(v), oracle.tensor(v, requires_grad=True)
    target = Tensor(np.eye(4)[labels], learnable=False, leaf=True)
    kept = oracle.tensor(np.where(counted, labels, -100)).reshape(-1)
    for mask in (True, False):
        loss = CCELoss()(x, target, mask=mask)
        wanted = kept if mask else oracle.tensor(labels).reshape(-1)
        expected = oracle.nn.functional.cross_entropy(y.reshape(-1, 4), wanted)
        y.grad = None
        loss.backward(), expected.backward()
        close(loss.value, expected.item(), 1e-12)
        close(x.grad, y.grad.numpy(), 1e-12)


# Optimizers

STEPS = {
    SGD: [[0.8, 1.6, 3], [0.64, 1.28, 3], [0.512, 1.024, 3]],
    SGD_Momentum: [[0.8, 1.6, 3], [0.46, 0.92, 3], [0.062, 0.124, 3]],
    RMSProp: [[0.683772, 1.683772, 3], [0.498871, 1.473875, 3], [0.369181, 1.308718, 3]],
    Adam: [[0.9, 1.9, 3], [0.800412, 1.800166, 3], [0.701586, 1.700623, 3]],
}
OPTIMIZERS = pytest.mark.parametrize("method", STEPS)


def distance(x):
    return ((x - [0, 0, 3]) ** 2).sum()


@DTYPES
@OPTIMIZERS
def test_steps_are_pytorchs(method, dtype):
    x = Tensor([1, 2, 3], dtype=dtype)
    optim = method([x], lr=0.1)
    for expected in STEPS[method]:
        optim.zero_grad()
        loss = distance(x)
        loss.backward()
        optim.step(loss)
        close(x.value, expected)
        assert x.value.dtype == dtype and x.grad.any()
    assert optim.iter_num == 3


@OPTIMIZERS
def test_gathered_steps_are_the_same(method):
    """Three equal losses whose gradients are gathered are one; also of a parameter's own graph."""
    x = Tensor([1, 2, 3])
    optim = method([x], lr=0.1)
    for expected in STEPS[method]:
        optim.zero_grad()
        for _ in range(3):
            loss = distance(x)
            loss.backward(reset_grad=True)
            optim.step_single(loss, 3, modify=False)
        optim.step_single(loss, 3, modify=True)
        close(x.value, expected, 2e-6)


@OPTIMIZERS
def test_gathered_gradients_can_be_clipped(method):
    """The parameter's gradient is what a step is made from."""
    x, y = Tensor([1.0]), Tensor([1.0])
    optims = [method([z], lr=0.1) for z in (x, y)]
    for z, optim, factor in ((x, optims[0], 10.0), (y, optims[1], 1.0)):
        loss = (z * factor).sum()
        loss.backward()
        optim.step_single(loss, 1)
        z.grad = np.clip(z.grad, -1, 1)
        optim.step_single(loss, 1, modify=True)
    assert x.value == y.value != 1


@OPTIMIZERS
def test_a_number_is_a_parameter(method):
    x = Tensor(1.0)
    optim = method([x], lr=0.1)
    loss = (x - 3) ** 2
    loss.backward()
    optim.step(loss)
    assert x.value > 1 and x.shape == ()


@OPTIMIZERS
def test_parameters_are_told_apart(method):
    """A second parameter's steps are as the first one's, and a target is not taken for one."""
    a, b, target = Tensor([1.0]), Tensor([[1.0, 1.0]]), Tensor([[5.0, 5.0]])
    optim = method([a, b], lr=0.1)
    for modify in (False, True):
        loss = ((target - a - b) ** 2).sum()
        loss.backward()
        optim.step_single(loss, 1, modify)
    assert target.value.tolist() == [[5, 5]] and b.shape == (1, 2)
    if method is Adam:
        close(a.value, [1.1]), close(b.value, [[1.1, 1.1]])
    else:
        assert a.value > 1 and np.all(b.value > 1)


def test_a_parameter_beside_the_loss_stays():
    x, other = Tensor([1.0]), Tensor([1.0])
    optim = Adam([x, other], lr=0.1)
    loss = (x**2).sum()
    loss.backward()
    optim.step(loss)
    assert other.value == 1 and x.value < 1


def test_rates_may_change():
    x = Tensor([1.0])
    optim = SGD([x], lr=0.1)
    optim.lr /= 10
    loss = x.sum()
    loss.backward()
    optim.step(loss)
    close(x.value, [0.99])


@pytest.mark.parametrize(
    ("method", "forget"),
    [(SGD_Momentum, "zero_momentums"), (RMSProp, "zero_vs"), (Adam, "zero_adam")],
)
def test_what_is_kept_can_be_forgotten(method, forget):
    x = Tensor([1, 2, 3])
    optim = method([x], lr=0.1)
    for _ in range(2):
        x.value = np.array([1.0, 2.0, 3.0])
        loss = distance(x)
        loss.backward()
        optim.step(loss)
        close(x.value, STEPS[method][0])
        getattr(optim, forget)()


def test_argument_forms():
    x = Tensor([1.0])
    assert SGD([x]).lr == 1e-5 and SGD([x], 0.5).lr == 0.5
    assert (RMSProp([x], 0.8, 0.1).beta, RMSProp([x]).lr) == (0.8, 1e-5)
    assert (SGD_Momentum([x], 0.5).beta, SGD_Momentum([x]).beta) == (0.5, 0.9)
    adam = Adam([x], 0.8, 0.9, 1e-6, 0.1)
    assert (adam.beta1, adam.beta2, adam.eps, adam.lr) == (0.8, 0.9, 1e-6, 0.1)
    assert adam.model_parameters == [x]


def test_optimizers_refuse():
    x = Tensor([1.0])
    loss = (x * 2).sum()
    for parameters in ([], [1.0], None):
        with pytest.raises(ValueError, match="SGD: takes a list of Tensors"):
            SGD(parameters)
    with pytest.raises(ValueError, match="lr"):
        Adam([x], lr=-1.0)
    with pytest.raises(ValueError, match=r"SGD: takes a loss after loss.backward\(\)"):
        SGD([x], lr=0.1).step(loss)
    with pytest.raises(ValueError, match="Adam: the loss depends on none of the parameters"):
        other = Tensor(1.0)
        other.backward()
        Adam([x]).step(other)
    with pytest.raises(ValueError, match="positive size, not 0"):
        SGD([x]).step_single(loss, 0)
    with pytest.raises(AttributeError, match="pygrad has no Optimizer.state_dict"):
        SGD([x]).state_dict  # noqa: B018
    assert x.value == 1


# Module


class Net(Module):
    def __init__(self, dtype=np.float64):
        self.dense1, self.relu, self.dense2 = Linear(3, 4, dtype=dtype), ReLU(), Linear(4, 2)
        super().__init__(x=Tensor(np.ones((1, 1, 3)), leaf=True))

    def forward(self, x):
        return self.dense2(self.relu(self.dense1(x)))


def test_a_module_runs_as_a_copy():
    net = Net()
    assert net.weights == [net.dense1.W, net.dense1.B, net.dense2.W, net.dense2.B]
    assert net.model_copy is None and net.params[-1].label == "Linear"
    y = net(x=Tensor(np.ones((5, 1, 3)), leaf=True))
    y.backward()
    assert y.shape == (5, 1, 2) and not net.dense1.W.grad.any()
    inner = net.model_copy
    assert inner.dense1.W.grad.any() and inner.dense1.W.shape == (1, 3, 4)
    assert inner.weights == y.weights and inner.params == y.topo
    assert net.dense2.tensor.shape == (1, 1, 2) and inner.dense2.tensor is y
    net(x=Tensor(np.ones((2, 1, 3)), leaf=True))
    assert net.model_copy is inner
    net.model_reset()
    assert net.model_copy is not inner and not net.model_copy.dense1.W.grad.any()
    z = net.call_slow(x=Tensor(np.ones((5, 1, 3)), leaf=True))
    assert np.array_equal(z.value, y.value)
    with pytest.raises(TypeError, match="positional"):
        net(Tensor(np.ones((5, 1, 3))))
    with pytest.raises(TypeError, match="abstract"):
        Module()


def test_the_copy_follows_the_weights():
    net, x = Net(), Tensor(np.ones((2, 1, 3)), leaf=True)
    net(x=x)
    net.dense2.B.value = net.dense2.B.value + 1
    net.dense2.W.value[:] = 0
    assert np.array_equal(net(x=x).value, np.broadcast_to(net.dense2.B.value, (2, 1, 2)))


@OPTIMIZERS
def test_a_module_trains_as_in_pytorch(method, oracle, rng):
    net = Net()
    theirs = oracle.nn.Sequential(
        oracle.nn.Linear(3, 4), oracle.nn.ReLU(), oracle.nn.Linear(4, 2)
    ).double()
    for ours, layer in ((net.dense1, theirs[0]), (net.dense2, theirs[2])):
        layer.weight.data[:] = oracle.from_numpy(ours.W.value[0].T.copy())
        layer.bias.data[:] = oracle.from_numpy(ours.B.value[0, 0].copy())
    optim = method(net.weights, lr=0.05)
    peer = {
        SGD: lambda p: oracle.optim.SGD(p, lr=0.05),
        SGD_Momentum: lambda p: oracle.optim.SGD(p, lr=0.05, momentum=0.9),
        RMSProp: lambda p: oracle.optim.RMSprop(p, lr=0.05, alpha=0.9),
        Adam: lambda p: oracle.optim.Adam(p, lr=0.05),
    }[method](theirs.parameters())
    for batch in (8, 8, 3):
        x, t = rng.normal(size=(batch, 1, 3)), rng.normal(size=(batch, 1, 2))
        peer.zero_grad(), optim.zero_grad()
        ((theirs(oracle.tensor(x)) - oracle.tensor(t)) ** 2).mean().backward()
        loss = ((net(x=Tensor(x, leaf=True)) - t) ** 2).mean(axis=None)
        loss.backward()
        optim.step(loss), peer.step(), net.model_reset()
    close(net.dense1.W.value[0].T, theirs[0].weight.detach().numpy(), 1e-9)
    close(net.dense2.B.value[0, 0], theirs[2].bias.detach().numpy(), 1e-9)
    assert net.dense1.W.grad.shape == (1, 3, 4) and net.dense1.W.grad.any()


def test_a_penalty_on_the_weights_counts_too():
    net = Net()
    optim = SGD(net.weights, lr=0.1)
    before = net.dense1.W.value
    loss = (net(x=Tensor(np.zeros((1, 1, 3)), leaf=True)) ** 2).sum() + (net.dense1.W**2).sum()
    loss.backward()
    optim.step(loss)
    close(net.dense1.W.value, 0.8 * before)


def test_copies_and_pickles_of_a_module():
    net, x = Net(), Tensor(np.ones((2, 1, 3)), leaf=True)
    y = net(x=x)
    y.backward()
    for new in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(new(x=x).value, y.value)
        optim = SGD(new.weights, lr=0.1)
        loss = new(x=x).sum()
        loss.backward()
        optim.step(loss)
        assert not np.array_equal(new.dense2.B.value, net.dense2.B.value)
        assert not net.dense1.W.grad.any()


def test_another_module_in_the_loss_is_left_alone():
    net = Net()
    target = copy.deepcopy(net)
    x, kept = Tensor(np.ones((2, 1, 3)), leaf=True), target.dense2.B.value
    optim = SGD(net.weights, lr=0.1)
    loss = ((net(x=x) - target(x=x) + 1) ** 2).sum()
    loss.backward()
    optim.step(loss)
    assert np.array_equal(target.dense2.B.value, kept)
    assert not np.array_equal(net.dense2.B.value, kept)


# The models


@DTYPES
@pytest.mark.parametrize(("kind", "count"), [(DNN, 79_510), (CNN, 41_315)])
def test_models(kind, count, dtype):
    model = kind(dtype=dtype)
    assert sum(w.value.size for w in model.weights) == count
    assert {w.dtype for w in model.weights} == {dtype}
    for batch in (4, 2):
        x = Tensor(np.ones((batch, 1, 28, 28)), learnable=False, leaf=True, dtype=dtype)
        y = model(x=x, training=True)
        y.backward()
        assert y.shape == (batch, 1, 10) and y.dtype is dtype
        assert [w.shape[0] for w in model.weights] == [1] * len(model.weights)
    again = model(x=x, training=False).value
    assert np.array_equal(again, model(x=x, training=False).value)


def test_memory_is_that_of_the_activations():
    model, loss_fn = DNN(), CCELoss()
    optim = SGD(model.weights, lr=0.01)
    x, t = np.ones((256, 1, 28, 28)), np.eye(10)[np.zeros((256, 1), int)]
    tracemalloc.start()
    try:
        loss = loss_fn(model(x=Tensor(x, leaf=True)), Tensor(t, leaf=True))
        loss.backward()
        optim.step(loss)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6  # 500 MB in the engine; the images are 1.6 MB


def test_attention(oracle, rng):
    v = rng.normal(size=(3, 2, 4, 5, 8))
    q, k, w = (Tensor(part) for part in v)
    theirs = [oracle.tensor(part, requires_grad=True) for part in v]
    hidden = np.triu(np.ones((5, 5)), 1).astype(bool)
    for mask in (None, Tensor(np.broadcast_to(hidden, (2, 4, 5, 5)), leaf=True)):
        z = transformer.Attention(16, n_heads=2)(q, k, w, mask=mask)
        allowed = None if mask is None else oracle.tensor(~hidden)
        for x in theirs:
            x.grad = None
        expected = oracle.nn.functional.scaled_dot_product_attention(*theirs, attn_mask=allowed)
        (z**2).backward(), (expected**2).sum().backward()
        close(z.value, expected.detach().numpy())
        for ours, x in zip((q, k, w), theirs, strict=True):
            close(ours.grad, x.grad.numpy())


def test_a_row_that_sees_nothing_passes_nothing():
    q, k, v = (Tensor(np.random.normal(size=(1, 1, 2, 3))) for _ in range(3))
    hidden = Tensor(np.ones((1, 1, 2, 2)), leaf=True)
    (transformer.Attention(3)(q, k, v, mask=hidden) * [[1, 2, 3]]).backward()
    assert not q.grad.any() and not k.grad.any() and np.abs(v.grad).max() < 10


def test_onehot_tokens():
    rows = transformer.onehot_tokens(Tensor([[1, 0, 2]]), 4)
    assert rows.tolist() == [[[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]]


def test_embedding_is_learned():
    embedding = transformer.Embedding(5, 4)
    x = embedding.gen_embeddings(3, Tensor([[1, 1, 2]]))
    places = embedding.generate_pos_embeddings(3)
    close(places[0], [0, 1, 0, 1]), close(places[1, :2], [np.sin(1), np.cos(1)])
    close(places[2, 2:], [np.sin(0.02), np.cos(0.02)])
    close(x.value[0], embedding.cust_emb.value[[1, 1, 2]] + places)
    x.backward()
    assert embedding.cust_emb.grad[:, 0].tolist() == [0, 2, 1, 0, 0]
    assert embedding.onehot_tokens([[1]], 2).tolist() == [[[0, 1]]]


def small(**options):
    sizes = dict(n_heads=2, d_model=8, d_k=8, d_v=8, d_ff=16, n_layers=2)
    return transformer.Transformer(
        range(7), range(6), **sizes, enc_seq_length=4, dec_seq_length=3, **options
    )


def test_masks_of_the_transformer():
    model = small()
    source, target = Tensor([[2, 3, 0, 0]], leaf=True), Tensor([[1, 4, 0]], leaf=True)
    inner, across = model.make_enc_mask(source), model.make_cross_mask(source, target)
    ahead = model.make_dec_lookahead_mask(target)
    assert (inner.shape, across.shape, ahead.shape) == ((1, 2, 4, 4), (1, 2, 3, 4), (1, 2, 3, 3))
    assert inner.value[0, 0].tolist() == [[0, 0, 1, 1]] * 4
    assert across.value[0, 1].tolist() == [[0, 0, 1, 1]] * 3
    assert ahead.value[0, 1].tolist() == [[0, 1, 1], [0, 0, 1], [1, 1, 1]]
    assert ahead.leaf and not ahead.learnable
    assert model.padding_mask(source.value).tolist() == [[0, 0, 1, 1]]
    assert model.lookahead_mask(3).tolist() == [[[0, 1, 1], [0, 0, 1], [0, 0, 0]]]


def test_the_transformer_sees_neither_padding_nor_what_comes():
    model = small(dropout=0.0)

    def scores(source, target):
        tensors = {"enc_inp": Tensor([source], leaf=True), "dec_inp": Tensor([target], leaf=True)}
        return model(**tensors, training=False).value[0]

    first = scores([2, 3, 1, 0], [1, 4, 2])
    assert first.shape == (3, 6)
    close(scores([2, 3, 1, 0], [1, 4, 5])[:2], first[:2], 1e-12)
    model.encoder.embedding.cust_emb.value[0] += 100  # what is behind padding
    close(scores([2, 3, 1, 0], [1, 4, 2]), first, 1e-12)
    assert not np.allclose(scores([2, 4, 1, 0], [1, 4, 2]), first)


def test_the_transformer_learns_to_copy():
    words = np.random.randint(2, 6, size=(16, 2))
    source = np.hstack([words, np.zeros((16, 2), int)])
    target = np.hstack([np.ones((16, 1), int), words, np.zeros((16, 1), int)])
    model, loss_fn = small(dropout=0.0), CCELoss()
    assert all(w.leaf is False for w in model.weights)
    optim = Adam(model.weights, lr=0.01)
    for _ in range(60):
        optim.zero_grad()
        tensors = dict(enc_inp=Tensor(source, leaf=True), dec_inp=Tensor(target[:, :-1], leaf=True))
        y = model(**tensors, training=True)
        wanted = Tensor(model.onehot_tokens(Tensor(target[:, 1:])), learnable=False, leaf=True)
        loss = loss_fn(y, wanted, mask=True)
        loss.backward()
        optim.step_single(loss, 1)
        optim.step_single(loss, 1, modify=True)
    assert utils.accuracy_fn(y.value, wanted.value) == 1.0


# Sentences


@pytest.fixture(params=[str, object])
def sentences(request, tmp_path):
    path = tmp_path / "pairs.pkl"
    pairs = [["go", "geh"], ["go on", "geh weiter"], ["stop", "halt"], ["stop it", "lass das"]]
    path.write_bytes(pickle.dumps(np.array(pairs, dtype=request.param)))
    return path


def test_sentences_become_tokens(sentences):
    prepare = utils.PrepareDataset()
    dataset, words, others = prepare.load_dataset(sentences, max_len=3, store=True)
    assert dataset[:, 0].tolist() == [f"<START> {s} <EOS>" for s in ("go", "go on", "stop")]
    assert words == {"<EOS>": 0, "<START>": 1, "go": 2, "on": 3, "stop": 4}
    assert others == {"<EOS>": 0, "<START>": 1, "geh": 2, "weiter": 3, "halt": 4}
    assert (prepare.enc_vocab_size(), prepare.dec_vocab_size()) == (6, 6)
    train, test = prepare.train_test_split(dataset, split=0.7, shuffle=False, store=True)
    assert len(train) == 2 and len(test) == 1 and prepare.test is test
    x, y = prepare.create_enc_dec_inputs(train, store=True)
    assert x.tolist() == [[1, 2, 0, 0], [1, 2, 3, 0]] and prepare.trainY is y
    assert prepare.find_seq_length(train[:, 0]) == 4
    assert prepare.tokens_to_words(x[1:], words) == ["<START> go on <EOS> "]
    shuffled, rest = prepare.train_test_split(dataset)
    assert sorted([*shuffled[:, 0], *rest[:, 0]]) == sorted(dataset[:, 0])


def test_a_data_set_that_is_no_array_is_refused(tmp_path):
    (tmp_path / "pairs.pkl").write_bytes(pickle.dumps(print))
    with pytest.raises(pickle.UnpicklingError, match=r"takes an array, and this is builtins.print"):
        utils.PrepareDataset().load_dataset(tmp_path / "pairs.pkl")


def test_accuracy_leaves_ends_out():
    y = np.eye(3)[[[1, 2, 0]]]
    assert utils.accuracy_fn(np.eye(3)[[[1, 1, 1]]], y) == 0.5


def test_inference_and_files(sentences, tmp_path, capsys):
    prepare = utils.PrepareDataset()
    dataset, words, others = prepare.load_dataset(sentences)
    prepare.create_enc_dec_inputs(dataset, store=True)
    model = transformer.Transformer(
        words, others, 2, 8, 8, 8, 16, 1, enc_seq_length=3, dec_seq_length=3
    )
    utils.infer_one(model, prepare)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "ine_txt: go <EOS>" and said[1] == "ind_txt: <START> geh "
    assert said[2].startswith("prd_txt: ") and said[3] == "act_txt: geh <EOS>"
    with pytest.warns(UserWarning, match="no data set"):
        utils.save_model(tmp_path / "made" / "here", model, prepare)
    saved = pickle.loads((tmp_path / "made" / "here" / "model.pkl").read_bytes())
    assert np.array_equal(saved.decoder.linear.W.value, model.decoder.linear.W.value)
    assert (tmp_path / "made" / "here" / "dataset.pkl").exists() and model.model_copy is None
