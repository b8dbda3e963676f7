"""What a call costs: ten tensors of four numbers, added up."""

from functools import reduce
from operator import add

import numpy as np

import tidegrad as tg

from .peers import Called, Workload


def make(random):
    return {}, tuple(random.random((10, 4), np.float32))


def tidegrad(state, inputs):
    @tg.jit
    def total(*xs):
        return (reduce(add, xs),)

    return Called(total, [tg.tensor(x) for x in inputs], lambda x: x.numpy())


def pytorch(state, inputs, compiled):
    import torch

    def total(*xs):
        return (reduce(torch.add, xs),)

    total = torch.compile(total) if compiled else total
    return Called(total, [torch.from_numpy(x.copy()) for x in inputs])


def jax(state, inputs):
    import jax
    import jax.numpy as jnp

    total = jax.jit(lambda *xs: (reduce(add, xs),))
    return Called(lambda *xs: jax.block_until_ready(total(*xs)), [jnp.asarray(x) for x in inputs])


OVERHEAD = Workload(
    "a call with ten tensors of four numbers", make, tidegrad, pytorch, jax, training=False
)  # fmt: skip
