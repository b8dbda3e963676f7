"""The engines: a program of each, to be called, to be started afresh, and to be read."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

# Small, so that the loss of step 50 is large enough to be compared.
LR = 1e-4


@dataclass
class Workload:
    """What one row computes: its data, how each engine is written, and what it must cost.

    `make(random)` gives the initial weights, by PyTorch's names, and the inputs of a step.
    `products` are (how many, m, k, n) of one call.  `moved` is the bytes that a call must read and
    write; a training step adds its weights and their two moments, in and out, and its inputs.
    """

    title: str
    make: Callable
    tidegrad: Callable
    pytorch: Callable
    jax: Callable
    products: list = field(default_factory=list)
    moved: int = 0
    training: bool = True

    @property
    def flops(self):
        return sum(2 * count * m * k * n for count, m, k, n in self.products)

    def bytes(self, state, inputs):
        held = sum(w.nbytes for w in state.values())
        return self.moved + (6 * held + sum(x.nbytes for x in inputs) if self.training else 0)


def linear(rows, below, above, first=False):
    """The products of a linear layer in a training step: forward, weights' and input's gradient."""
    forward, weights = (1, rows, below, above), (1, above, rows, below)
    return [forward, weights] + ([] if first else [(1, rows, above, below)])


class Tidegrad:
    """A compiled step, and the network and optimizer that it changes."""

    def __init__(self, step, inputs, net=None, opt=None):
        self.step, self.inputs, self.net, self.opt = step, inputs, net, opt
        if net is not None:
            self.initial = net.state_dict(), opt.state_dict()

    def __call__(self):
        return self.step(*self.inputs)

    def restart(self):
        if self.net is not None:
            self.net.load_state_dict(self.initial[0])
            self.opt.load_state_dict(self.initial[1])

    def read(self, result):
        return [x.numpy() for x in (result if isinstance(result, tuple) else (result,))]


class PyTorch:
    """An ordinary step; `compiled`, its forward and backward pass come from torch.compile.

    Adam is the fused one, the fastest of the three on a CPU.
    """

    def __init__(self, net, loss_of, state, inputs, compiled):
        import torch

        self.initial = {name: torch.from_numpy(w.copy()) for name, w in state.items()}
        self.inputs = [torch.from_numpy(a) for a in inputs]
        self.net = net
        self.opt = torch.optim.Adam(net.parameters(), lr=LR, fused=True)

        def loss(x, y):
            return loss_of(net(x), y)

        self.loss = torch.compile(loss) if compiled else loss
        self.restart()

    def __call__(self):
        self.opt.zero_grad()
        loss = self.loss(*self.inputs)
        loss.backward()
        self.opt.step()
        return loss

    def restart(self):
        self.net.load_state_dict(self.initial)
        for state in self.opt.state.values():
            for kept in state.values():
                kept.zero_()

    def read(self, result):
        return [result.detach().numpy()]


class Jax:
    """A jitted step that gives new weights and moments; Adam is written out, memory donated."""

    def __init__(self, loss, state, inputs):
        import jax
        import jax.numpy as jnp

        def step(state, *inputs):
            count, params, m, v = state
            value, grads = jax.value_and_grad(loss)(params, *inputs)
            count = count + 1
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
            # expm1 keeps 1 - 0.999**count right in float32, as others compute it in float64.
            rate = -LR / jnp.expm1(count * np.log(0.9))
            scale = 1 / jnp.sqrt(-jnp.expm1(count * np.log(0.999)))
            params = jax.tree.map(
                lambda p, m, v: p - rate * m / (jnp.sqrt(v) * scale + 1e-8), params, m, v
            )
            return (count, params, m, v), value

        self.step = jax.jit(step, donate_argnums=0)
        self.initial = state
        self.inputs = [jnp.asarray(a) for a in inputs]
        self.restart()

    def __call__(self):
        self.state, value = self.step(self.state, *self.inputs)
        return value.block_until_ready()

    def restart(self):
        import jax.numpy as jnp

        params, m, v = (
            {name: jnp.array(w * keep) for name, w in self.initial.items()} for keep in (1, 0, 0)
        )
        self.state = (jnp.float32(0), params, m, v)

    def read(self, result):
        return [np.asarray(result)]


class Called:
    """A function without state, already bound to its inputs."""

    def __init__(self, function, inputs, read=np.asarray):
        self.function, self.inputs, self.reader = function, inputs, read

    def __call__(self):
        return self.function(*self.inputs)

    def restart(self):
        pass

    def read(self, result):
        return [self.reader(x) for x in result]
