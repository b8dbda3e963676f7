"""A small GPT: pre-norm blocks, learned positions, causal attention, a feed-forward part of 4x."""

import numpy as np

import tidegrad as tg

from .peers import LR, Jax, PyTorch, Tidegrad, Workload, linear

SYMBOLS, WIDTH, HEADS, CONTEXT, BATCH, LAYERS = 96, 128, 4, 64, 8, 2
HEAD = WIDTH // HEADS
BLOCK = {
    "norm1.weight": (WIDTH,), "norm1.bias": (WIDTH,),
    "qkv.weight": (3 * WIDTH, WIDTH), "qkv.bias": (3 * WIDTH,),
    "proj.weight": (WIDTH, WIDTH), "proj.bias": (WIDTH,),
    "norm2.weight": (WIDTH,), "norm2.bias": (WIDTH,),
    "up.weight": (4 * WIDTH, WIDTH), "up.bias": (4 * WIDTH,),
    "down.weight": (WIDTH, 4 * WIDTH), "down.bias": (WIDTH,),
}  # fmt: skip
SHAPES = {
    "tokens.weight": (SYMBOLS, WIDTH), "positions.weight": (CONTEXT, WIDTH),
    **{f"blocks.{k}.{name}": shape for k in range(LAYERS) for name, shape in BLOCK.items()},
    "norm.weight": (WIDTH,), "norm.bias": (WIDTH,),
    "head.weight": (SYMBOLS, WIDTH), "head.bias": (SYMBOLS,),
}  # fmt: skip


def make(random):
    state = {k: random.normal(0, 0.05, shape).astype(np.float32) for k, shape in SHAPES.items()}
    for name in state:
        if "norm" in name and name.endswith("weight"):
            state[name] += 1
    text = random.integers(0, SYMBOLS, (BATCH, CONTEXT + 1))
    return state, (np.ascontiguousarray(text[:, :-1]), np.ascontiguousarray(text[:, 1:]))


class Block(tg.nn.Module):
    def __init__(self):
        self.norm1, self.norm2 = tg.nn.LayerNorm(WIDTH), tg.nn.LayerNorm(WIDTH)
        self.qkv, self.proj = tg.nn.Linear(WIDTH, 3 * WIDTH), tg.nn.Linear(WIDTH, WIDTH)
        self.up, self.down = tg.nn.Linear(WIDTH, 4 * WIDTH), tg.nn.Linear(4 * WIDTH, WIDTH)

    def attend(self, x):
        b, t, _ = x.shape
        q, k, v = tg.split(self.qkv(x), 3, axis=-1)
        q, k, v = (a.reshape(b, t, HEADS, HEAD).swapaxes(1, 2) for a in (q, k, v))
        y = tg.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.swapaxes(1, 2).reshape(b, t, WIDTH))

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.down(tg.gelu(self.up(self.norm2(x))))


class Net(tg.nn.Module):
    def __init__(self):
        self.tokens = tg.nn.Embedding(SYMBOLS, WIDTH)
        self.positions = tg.nn.Embedding(CONTEXT, WIDTH)
        self.blocks = tg.nn.Sequential(*[Block() for _ in range(LAYERS)])
        self.norm, self.head = tg.nn.LayerNorm(WIDTH), tg.nn.Linear(WIDTH, SYMBOLS)

    def forward(self, x):
        x = self.tokens(x) + self.positions(tg.arange(CONTEXT))
        return self.head(self.norm(self.blocks(x)))


def tidegrad(state, inputs):
    net = Net()
    net.load_state_dict(state)
    opt = tg.optim.Adam(net.parameters(), lr=LR)

    @tg.jit
    def step(x, y):
        opt.zero_grad()
        logits = net(x)
        loss = tg.nn.functional.cross_entropy(logits.reshape(-1, SYMBOLS), y.reshape(-1))
        loss.backward()
        opt.step()
        return loss

    return Tidegrad(step, [tg.tensor(a) for a in inputs], net, opt)


def pytorch(state, inputs, compiled):
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def attend(self, x):
            b, t, _ = x.shape
            q, k, v = self.qkv(x).split(WIDTH, dim=-1)
            q, k, v = (a.reshape(b, t, HEADS, HEAD).transpose(1, 2) for a in (q, k, v))
            y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.proj(y.transpose(1, 2).reshape(b, t, WIDTH))

        def forward(self, x):
            x = x + self.attend(self.norm1(x))
            return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Embedding(SYMBOLS, WIDTH)
            self.positions = nn.Embedding(CONTEXT, WIDTH)
            self.blocks = nn.Sequential(*[Block() for _ in range(LAYERS)])
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, SYMBOLS)

        def forward(self, x):
            x = self.tokens(x) + self.positions(torch.arange(CONTEXT))
            return self.head(self.norm(self.blocks(x)))

    def loss_of(logits, y):
        return nn.functional.cross_entropy(logits.reshape(-1, SYMBOLS), y.reshape(-1))

    return PyTorch(Net(), loss_of, state, inputs, compiled)


def jax(state, inputs):
    import jax
    import jax.numpy as jnp

    def linear(p, name, x):
        return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def norm(p, name, x):
        x = x - x.mean(axis=-1, keepdims=True)
        x = x * jax.lax.rsqrt((x * x).mean(axis=-1, keepdims=True) + 1e-5)
        return x * p[f"{name}.weight"] + p[f"{name}.bias"]

    def attend(p, name, x):
        q, k, v = jnp.split(linear(p, f"{name}.qkv", x), 3, axis=-1)
        q, k, v = (a.reshape(*x.shape[:2], HEADS, HEAD) for a in (q, k, v))
        y = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        return linear(p, f"{name}.proj", y.reshape(x.shape))

    def loss(p, x, y):
        x = p["tokens.weight"][x] + p["positions.weight"]
        for k in range(LAYERS):
            block = f"blocks.{k}"
            x = x + attend(p, block, norm(p, f"{block}.norm1", x))
            h = linear(p, f"{block}.up", norm(p, f"{block}.norm2", x))
            x = x + linear(p, f"{block}.down", jax.nn.gelu(h, approximate=False))
        logits = linear(p, "head", norm(p, "norm", x))
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], axis=-1).mean()

    return Jax(loss, state, inputs)


ROWS = BATCH * CONTEXT
PRODUCTS = [
    *linear(ROWS, WIDTH, 3 * WIDTH), *linear(ROWS, WIDTH, WIDTH),
    *linear(ROWS, WIDTH, 4 * WIDTH), *linear(ROWS, 4 * WIDTH, WIDTH),
    # Of every head: scores and averages, then their gradients by both factors.
    (3 * BATCH * HEADS, CONTEXT, HEAD, CONTEXT), (3 * BATCH * HEADS, CONTEXT, CONTEXT, HEAD),
]  # fmt: skip
GPT = Workload(
    "mini GPT: 2 layers, width 128, 4 heads, context 64, batch 8", make, tidegrad, pytorch, jax,
    LAYERS * PRODUCTS + linear(ROWS, WIDTH, SYMBOLS),
)  # fmt: skip
