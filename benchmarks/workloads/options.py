"""Black and Scholes: the price of a million options, and its slopes by all five arguments."""

import numpy as np

import tidegrad as tg

from .peers import Called, Workload

COUNT = 1_000_000
RANGES = ((80, 120), (80, 120), (0.1, 2), (0.01, 0.05), (0.1, 0.5))


def make(random):
    drawn = (random.uniform(low, high, COUNT) for low, high in RANGES)
    return {}, tuple(x.astype(np.float32) for x in drawn)


def tidegrad(state, inputs):
    def cdf(x):
        return 0.5 * (1 + tg.erf(x * 0.5**0.5))

    def price(s, k, t, r, sigma):
        spread = sigma * tg.sqrt(t)
        d = (tg.log(s / k) + (r + sigma * sigma / 2) * t) / spread
        return s * cdf(d) - k * tg.exp(-r * t) * cdf(d - spread)

    def total(*args):
        value = price(*args)
        return value.sum(), value

    @tg.jit
    def slopes(*args):
        (_, value), grads = tg.value_and_grad(total, argnums=(0, 1, 2, 3, 4), has_aux=True)(*args)
        return value, *grads

    return Called(slopes, [tg.tensor(x) for x in inputs], lambda x: x.numpy())


def pytorch(state, inputs, compiled):
    import torch

    def cdf(x):
        return 0.5 * (1 + torch.erf(x * 0.5**0.5))

    def price(s, k, t, r, sigma):
        spread = sigma * torch.sqrt(t)
        d = (torch.log(s / k) + (r + sigma * sigma / 2) * t) / spread
        return s * cdf(d) - k * torch.exp(-r * t) * cdf(d - spread)

    if compiled:  # with torch.func, whose graph holds both passes
        both = torch.func.grad_and_value(price, argnums=(0, 1, 2, 3, 4))
        both = torch.compile(torch.func.vmap(both))

        def slopes(*args):
            grads, value = both(*args)
            return value, *grads

        return Called(slopes, [torch.from_numpy(x) for x in inputs])
    one = torch.ones(COUNT)

    def slopes(*args):
        value = price(*args)
        return value, *torch.autograd.grad(value, args, one)

    tensors = [torch.from_numpy(x).requires_grad_() for x in inputs]
    return Called(slopes, tensors, lambda x: x.detach().numpy())


def jax(state, inputs):
    import jax
    import jax.numpy as jnp

    def cdf(x):
        return 0.5 * (1 + jax.scipy.special.erf(x * 0.5**0.5))

    def price(s, k, t, r, sigma):
        spread = sigma * jnp.sqrt(t)
        d = (jnp.log(s / k) + (r + sigma * sigma / 2) * t) / spread
        return s * cdf(d) - k * jnp.exp(-r * t) * cdf(d - spread)

    def total(*args):
        value = price(*args)
        return value.sum(), value

    both = jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2, 3, 4), has_aux=True))

    def slopes(*args):
        (_, value), grads = jax.block_until_ready(both(*args))
        return value, *grads

    return Called(slopes, [jnp.asarray(x) for x in inputs])


OPTIONS = Workload(
    "Black-Scholes: a million prices and their five slopes", make, tidegrad, pytorch, jax,
    moved=11 * 4 * COUNT, training=False,
)  # fmt: skip
