"""A large array: the sum of x * 2 + 1, and its gradient written out in full."""

import numpy as np

import tidegrad as tg

from .peers import Called, Workload

SHAPE = (1_000_000, 100)


def make(random):
    return {}, (random.random(SHAPE, np.float32),)


def tidegrad(state, inputs):
    both = tg.jit(tg.value_and_grad(lambda x: (x * 2 + 1).sum()))
    return Called(both, [tg.tensor(x) for x in inputs], lambda x: x.numpy())


def pytorch(state, inputs, compiled):
    import torch

    def total(x):
        return (x * 2 + 1).sum()

    if compiled:  # with torch.func, whose graph holds both passes
        both = torch.compile(torch.func.grad_and_value(total))
        return Called(lambda x: both(x)[::-1], [torch.from_numpy(x) for x in inputs])

    def both(x):
        x.grad = None
        value = total(x)
        value.backward()
        return value, x.grad

    tensors = [torch.from_numpy(x).requires_grad_() for x in inputs]
    return Called(both, tensors, lambda x: x.detach().numpy())


def jax(state, inputs):
    import jax
    import jax.numpy as jnp

    both = jax.jit(jax.value_and_grad(lambda x: (x * 2 + 1).sum()))
    return Called(lambda x: jax.block_until_ready(both(x)), [jnp.asarray(x) for x in inputs])


AFFINE = Workload(
    "(1000000, 100): the sum of x * 2 + 1 and its gradient", make, tidegrad, pytorch, jax,
    moved=2 * 4 * SHAPE[0] * SHAPE[1], training=False,
)  # fmt: skip
