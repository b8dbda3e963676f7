"""What the tests of nn share: a layer or function beside PyTorch's, values and all gradients."""

import numpy as np
import pytest

import tidegrad as tg


def close(ours, theirs, tolerance=1e-9):
    theirs = np.asarray(theirs)
    assert tuple(ours.shape) == theirs.shape
    scale = max(1.0, np.abs(theirs).max(initial=0.0))
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=tolerance, atol=tolerance * scale)


def flat(result):
    """The tensors of nested tuples, without None."""
    if isinstance(result, (tuple, list)):
        return [x for part in result for x in flat(part)]
    return [] if result is None else [result]


def is_float(array):
    return isinstance(array, np.ndarray) and array.dtype.kind == "f"


def gradients(f, *arrays):
    """The value of a scalar function and its gradients, as NumPy has them."""
    tensors = [tg.tensor(a, requires_grad=True) for a in arrays]
    loss = f(*tensors)
    loss.backward()
    return loss.item(), [t.grad.numpy() for t in tensors]


class Oracle:
    """Calls both sides with the same arrays; float arrays are differentiated."""

    def __init__(self):
        self.torch = pytest.importorskip("torch")
        self.torch.manual_seed(0)
        self.rng = np.random.default_rng(0)

    def normal(self, *shape):
        return self.rng.normal(size=shape)

    def both(self, array):
        if not isinstance(array, np.ndarray):
            return (array, array)
        ours, theirs = tg.tensor(array), self.torch.tensor(array)
        if is_float(array):
            ours.requires_grad = True
            theirs.requires_grad_()
        return ours, theirs

    def call(self, ours, theirs, args, **options):
        """Compare two callables on `args`, and the gradients of a random sum of their results."""
        pairs = [self.both(a) for a in args]
        named = {k: self.both(v) for k, v in options.items()}
        mine = flat(ours(*(a for a, _ in pairs), **{k: v[0] for k, v in named.items()}))
        yours = flat(theirs(*(b for _, b in pairs), **{k: v[1] for k, v in named.items()}))
        assert len(mine) == len(yours)
        total, sum_of = 0.0, 0.0
        for a, b in zip(mine, yours, strict=True):
            close(a.detach(), b.detach())
            cotangent = self.rng.normal(size=tuple(b.shape))
            if b.requires_grad:
                total = total + tg.sum(a * tg.tensor(cotangent))
                sum_of = sum_of + (b * self.torch.tensor(cotangent)).sum()
        if not isinstance(total, float):
            total.backward()
            sum_of.backward()
        for a, b in [*pairs, *named.values()]:
            if isinstance(a, tg.Tensor) and b.requires_grad and b.grad is not None:
                close(a.grad, b.grad)
        return mine, yours

    def layer(self, ours, theirs, *args, **options):
        """Give our layer the weights of PyTorch's, and compare; names and shapes too."""
        theirs = theirs.double()
        theirs.zero_grad()
        with self.torch.no_grad():
            for p in theirs.parameters():
                p.copy_(self.torch.tensor(self.rng.normal(size=tuple(p.shape)) * 0.5))
        state = theirs.state_dict()
        assert {k: x.shape for k, x in ours.state_dict().items()} == {
            k: tuple(x.shape) for k, x in state.items()
        }
        ours = ours.astype(tg.float64).train(theirs.training)
        ours.load_state_dict(state)
        result = self.call(ours, theirs, args, **options)
        weights = dict(theirs.named_parameters())
        assert list(weights) == [name for name, _ in ours.named_parameters()]
        for name, p in ours.named_parameters():
            if weights[name].grad is None:
                assert p.grad is None, name
            else:
                close(p.grad, weights[name].grad)
        for name, buffer in ours.named_buffers():
            close(buffer, dict(theirs.named_buffers())[name])
        return result


@pytest.fixture
def beside():
    return Oracle()
