"""PyTorch's optimizers driving tidegrad's parameters."""

import functools
import sys

import numpy as np
import pytest

import tidegrad as tg


@pytest.fixture
def torch(oracle):
    return oracle


def start(dtype=tg.float64):
    values = ([1.0, 2.0, 3.0], [[-1.0], [0.5]])
    return [tg.tensor(v, dtype=dtype, requires_grad=True) for v in values]


def loss_of(params):
    return sum(((p - 0.5) ** 4).sum() for p in params)


def closing(optimizer, params):
    def closure():
        optimizer.zero_grad()
        loss = loss_of(params)
        loss.backward()
        return loss

    return closure


CLASSES = [
    ("SGD", dict(lr=0.01, momentum=0.9, nesterov=True)),
    ("AdamW", dict(lr=0.1, amsgrad=True)),
    ("NAdam", dict(lr=0.1)),
    ("Rprop", dict(lr=0.1)),
    ("Adamax", dict(lr=0.1)),
    ("Adadelta", dict(lr=1.0)),
    ("LBFGS", dict(line_search_fn="strong_wolfe")),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "options"), CLASSES, ids=[name for name, _ in CLASSES])
def test_any_optimizer_takes_pytorchs_path(torch, name, options, dtype):
    ours = start(dtype)
    theirs = [torch.tensor(p.numpy().copy(), requires_grad=True) for p in ours]
    mine = tg.optim.TorchOptimizer(getattr(torch.optim, name), ours, **options)
    torchs = getattr(torch.optim, name)(theirs, **options)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for _ in range(5):
        found = mine.step(closing(mine, ours))
        expected = torchs.step(closing(torchs, theirs))
        assert type(found) is tg.Tensor
        np.testing.assert_allclose(found.item(), expected.item(), rtol=tolerance, atol=tolerance)
        for p, q in zip(ours, theirs, strict=True):
            assert p.dtype == dtype and p.is_leaf and p.requires_grad
            np.testing.assert_allclose(
                p.numpy(), q.detach().numpy(), rtol=tolerance, atol=tolerance
            )


def test_gradients_are_handed_over_without_a_copy(torch):
    seen = []

    class Watching(torch.optim.SGD):
        def step(self, closure=None):
            seen.append([p.grad.data_ptr() for g in self.param_groups for p in g["params"]])
            return super().step(closure)

    params = start()
    optimizer = tg.optim.TorchOptimizer(Watching, params, lr=0.1)
    loss_of(params).backward()
    for p in params:
        p.grad = p.grad * 1.0
    optimizer.step()
    assert seen == [[p.grad.numpy().ctypes.data for p in params]]


def test_snapshots_and_graphs_keep_their_values(torch):
    params = start()
    x = params[0]
    held, loss = x.detach(), (x * x).sum()
    optimizer = tg.optim.TorchOptimizer(torch.optim.SGD, params, lr=0.1)
    x.grad = tg.tensor([1.0, 1.0, 1.0], dtype=tg.float64)
    optimizer.step()
    after = x.numpy()
    assert held.tolist() == [1.0, 2.0, 3.0]
    optimizer.step()
    np.testing.assert_allclose(after, [0.9, 1.9, 2.9])
    np.testing.assert_allclose(x.numpy(), [0.8, 1.8, 2.8])
    optimizer.zero_grad()
    loss.backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_values_changed_in_between_are_followed(torch):
    x = tg.tensor([1.0], requires_grad=True)
    optimizer = tg.optim.TorchOptimizer(torch.optim.SGD, [x], lr=0.5)
    x.data = np.float32([10.0])
    x.grad = tg.tensor([1.0])
    optimizer.step()
    assert x.tolist() == [9.5]


def test_groups_rates_and_states(torch):
    x, y = start()
    optimizer = tg.optim.TorchOptimizer(
        functools.partial(torch.optim.Adam, lr=0.5), [dict(params=[x], lr=0.25), dict(params=[y])]
    )
    assert [g["lr"] for g in optimizer.param_groups] == [0.25, 0.5]
    loss_of([x, y]).backward()
    optimizer.step()
    saved, values = optimizer.state_dict(), [x.numpy().copy(), y.numpy().copy()]
    optimizer.step()
    again = [tg.tensor(v, requires_grad=True) for v in values]
    other = tg.optim.TorchOptimizer(torch.optim.Adam, [dict(params=[p]) for p in again])
    other.load_state_dict(saved)
    for p, q in zip(again, (x, y), strict=True):
        p.grad = q.grad
    other.step()
    assert [p.tolist() for p in again] == [x.tolist(), y.tolist()]
    assert "TorchOptimizer(Adam" in repr(other)


def test_our_schedules_set_its_rates(torch):
    x = tg.tensor([1.0], requires_grad=True)
    optimizer = tg.optim.TorchOptimizer(torch.optim.SGD, [x], lr=0.5)
    schedule = tg.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    schedule.step()
    assert optimizer.torch.param_groups[0]["lr"] == 0.25


def test_parameters_without_gradient_stay(torch):
    x, y = start()
    optimizer = tg.optim.TorchOptimizer(torch.optim.SGD, [x, y], lr=0.5, weight_decay=0.5)
    x.grad = tg.ones_like(x)
    optimizer.step()
    assert y.tolist() == [[-1.0], [0.5]] and x.tolist() != [1.0, 2.0, 3.0]


def test_a_recorded_gradient_is_handed_over_too(torch):
    x = tg.tensor([2.0], requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    tg.optim.TorchOptimizer(torch.optim.SGD, [x], lr=0.25).step()
    assert x.tolist() == [-1.0]


def test_bad_input_changes_nothing(torch):
    x, y = start()
    optimizer = tg.optim.TorchOptimizer(torch.optim.SGD, [x, y], lr=0.5)
    calls = []

    def closure():
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return closing(optimizer, [x, y])()

    with pytest.raises(KeyboardInterrupt):
        tg.optim.TorchOptimizer(torch.optim.LBFGS, [x, y]).step(closure)
    assert (x.tolist(), y.tolist()) == ([1.0, 2.0, 3.0], [[-1.0], [0.5]])
    with pytest.raises(ValueError, match="empty"):
        tg.optim.TorchOptimizer(torch.optim.SGD, [], lr=0.5)
    with pytest.raises(ValueError, match="requires_grad"):
        tg.optim.TorchOptimizer(torch.optim.SGD, [tg.tensor([1.0])], lr=0.5)
    for wrong in (tg.optim.SGD, torch.nn.Linear, "SGD"):
        with pytest.raises(TypeError, match=r"class of torch\.optim"):
            tg.optim.TorchOptimizer(wrong, [x])


def test_without_pytorch_it_says_what_it_takes(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    with pytest.raises(TypeError, match=r"class of torch\.optim"):
        tg.optim.TorchOptimizer(object, start())
