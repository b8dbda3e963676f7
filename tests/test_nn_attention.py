"""Attention and transformers beside PyTorch: masks, options, names; and rows that see nothing."""

import numpy as np
import pytest
from nn_oracle import beside, gradients  # noqa: F401

import tidegrad as tg
from tidegrad import nn
from tidegrad.nn import functional as F

L, S, N, E = 3, 4, 2, 8


def attention_masks(rng):
    """A bool mask that leaves every query a key, and a float one."""
    seen = rng.uniform(size=(L, S)) < 0.6
    seen[:, 0] = True
    return seen, rng.normal(size=(L, S))


@pytest.mark.parametrize("mask", ["none", "bool", "float", "causal"])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_scaled_dot_product_attention(beside, mask, scale):
    q, k, v = beside.normal(N, 2, L, E), beside.normal(N, 2, S, E), beside.normal(N, 2, S, 5)
    seen, bias = attention_masks(beside.rng)
    options = {"scale": scale, "is_causal": mask == "causal"}
    options |= {"attn_mask": {"bool": seen, "float": bias}.get(mask)}
    theirs = beside.torch.nn.functional.scaled_dot_product_attention
    beside.call(F.scaled_dot_product_attention, theirs, (q, k, v), **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["bool", "float"])
def test_a_query_that_sees_no_key_gets_zero(dtype, kind):
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(dtype)
    seen = np.array([[True] * 3, [False] * 3, [True, False, True]])
    mask = tg.tensor(seen if kind == "bool" else np.where(seen, 0, -np.inf).astype(dtype))
    out, grads = gradients(
        lambda q, k, v: tg.sum(F.scaled_dot_product_attention(q, k, v, mask) ** 2), x, x, x
    )
    assert np.isfinite(out) and all(np.isfinite(g).all() for g in grads)
    assert grads[0][1].tolist() == [0.0] * 4
    assert F.attention_weights(tg.tensor(x), tg.tensor(x), mask).numpy()[1].tolist() == [0.0] * 3


def test_causal_and_mask_together():
    x, seen = tg.zeros((3, 2)), tg.tensor([[True, True, True], [False, True, True], [True] * 3])
    weights = F.attention_weights(x, x, seen, is_causal=True).numpy()
    np.testing.assert_allclose(weights, [[1, 0, 0], [0, 1, 0], [1 / 3] * 3], rtol=1e-6)


def test_attention_dropout():
    tg.random.seed(0)
    x = tg.tensor(np.random.default_rng(0).normal(size=(5, 4)))
    plain = F.scaled_dot_product_attention(x, x, x).numpy()
    assert not np.allclose(F.scaled_dot_product_attention(x, x, x, dropout_p=0.5).numpy(), plain)


def qkv(beside, batch_first):
    shapes = [(L, N, E), (S, N, E), (S, N, E)]
    if batch_first:
        shapes = [(n, length, size) for length, n, size in shapes]
    return [beside.normal(*shape) for shape in shapes]


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"batch_first": True}], ids=str)
@pytest.mark.parametrize("mask", ["none", "bool", "float", "heads", "padding", "both"])
@pytest.mark.parametrize("weights", ["mean", "each", "none"])
def test_multihead_attention(beside, options, mask, weights):
    ours = nn.MultiheadAttention(E, 2, **options)
    theirs = beside.torch.nn.MultiheadAttention(E, 2, **options)
    inputs = qkv(beside, options.get("batch_first"))
    seen, bias = attention_masks(beside.rng)
    padding = np.array([[False] * S, [False, True, False, True]])
    masks = {
        "none": {},
        "bool": {"attn_mask": ~seen},
        "float": {"attn_mask": bias},
        "heads": {"attn_mask": beside.normal(N * 2, L, S)},
        "padding": {"key_padding_mask": padding},
        "both": {"attn_mask": ~seen, "key_padding_mask": padding},
    }[mask]
    masks |= {"need_weights": weights != "none", "average_attn_weights": weights == "mean"}
    beside.layer(ours, theirs, *inputs, **masks)


def test_self_attention_without_a_batch(beside):
    ours, theirs = nn.MultiheadAttention(E, 2), beside.torch.nn.MultiheadAttention(E, 2)

    def self_attention(layer):
        return lambda x, **options: layer(x, x, x, **options)

    beside.layer(ours, theirs, *(beside.normal(L, E) for _ in range(3)))
    copied = nn.MultiheadAttention(E, 2).astype(tg.float64)
    copied.load_state_dict(theirs.state_dict())
    padding = np.array([False, True, False])
    for x in (beside.normal(L, E), beside.normal(L, 1, E)):
        mask = padding if x.ndim == 2 else padding[None]
        beside.call(self_attention(copied), self_attention(theirs), (x,), key_padding_mask=mask)


def test_causal_attention_needs_no_mask():
    layer, x = nn.MultiheadAttention(E, 2), tg.ones((3, 1, E))
    hidden = tg.tensor(np.triu(np.ones((3, 3), bool), 1))
    a, b = layer(x, x, x, is_causal=True), layer(x, x, x, attn_mask=hidden)
    np.testing.assert_array_equal(a[0].detach().numpy(), b[0].detach().numpy())
    np.testing.assert_array_equal(a[1].detach().numpy(), b[1].detach().numpy())


BLOCKS = [{}, {"norm_first": True, "activation": "gelu"}, {"batch_first": True, "bias": False}]


@pytest.mark.parametrize("options", BLOCKS, ids=str)
def test_encoder(beside, options):
    options = {"dim_feedforward": 6, "dropout": 0.0, **options}
    torch_nn = beside.torch.nn
    ours, theirs = (m.TransformerEncoderLayer(E, 2, **options) for m in (nn, torch_nn))
    x = beside.normal(L, N, E)
    beside.layer(ours, theirs, x)
    # Nested tensors are a shortcut of PyTorch's that changes no values.
    ours, theirs = (
        nn.TransformerEncoder(ours, 2, norm=nn.LayerNorm(E)),
        torch_nn.TransformerEncoder(
            theirs, 2, norm=torch_nn.LayerNorm(E), enable_nested_tensor=False
        ),
    )
    length, batch = (N, L) if options.get("batch_first") else (L, N)
    mask = np.triu(np.ones((length, length), bool), 1)
    padding = np.zeros((batch, length), bool)
    padding[0, -1] = True
    beside.layer(ours, theirs, x, mask=mask, src_key_padding_mask=padding)


@pytest.mark.parametrize("options", BLOCKS, ids=str)
def test_decoder(beside, options):
    options = {"dim_feedforward": 6, "dropout": 0.0, **options}
    torch_nn = beside.torch.nn
    ours, theirs = (m.TransformerDecoderLayer(E, 2, **options) for m in (nn, torch_nn))
    shapes = [(L, N, E), (S, N, E)]
    if options.get("batch_first"):
        shapes = [(N, L, E), (N, S, E)]
    x, memory = (beside.normal(*shape) for shape in shapes)
    beside.layer(ours, theirs, x, memory)
    stacks = [
        m.TransformerDecoder(layer, 2, norm=m.LayerNorm(E))
        for m, layer in ((nn, ours), (torch_nn, theirs))
    ]
    seen, _ = attention_masks(beside.rng)
    masks = {"tgt_mask": np.triu(np.ones((L, L), bool), 1), "memory_mask": ~seen}
    masks["memory_key_padding_mask"] = np.array([[False] * S, [False, False, False, True]])
    beside.layer(*stacks, x, memory, **masks)


def test_is_causal_reaches_every_layer():
    layer = nn.TransformerEncoderLayer(E, 2, 6, dropout=0.0)
    stack, x = nn.TransformerEncoder(layer, 2), tg.random.normal((4, 1, E))
    out = stack(x, is_causal=True).detach().numpy()
    np.testing.assert_allclose(
        stack(x[:2], is_causal=True).detach().numpy(), out[:2], rtol=1e-5, atol=1e-6
    )


def test_copies_in_a_stack_are_independent():
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(E, 2, 6), 3)
    assert len(list(stack.parameters())) == 3 * 12


def test_sinusoidal_positions():
    table = nn.SinusoidalPositionalEncoding(5, max_len=7)(tg.zeros((7, 1, 5))).numpy()[:, 0]
    for position in range(7):
        for i in range(5):
            angle = position / 10000 ** ((i - i % 2) / 5)
            wave = np.sin(angle) if i % 2 == 0 else np.cos(angle)
            assert table[position, i] == pytest.approx(wave, abs=1e-6)
    assert nn.SinusoidalPositionalEncoding(5).state_dict() == {}


def test_learned_positions():
    layer, x = nn.LearnedPositionalEncoding(4, max_len=5, batch_first=True), tg.zeros((2, 3, 4))
    np.testing.assert_array_equal(layer(x).detach().numpy()[1], layer.weight.data[:3])
    tg.sum(layer(x)).backward()
    assert layer.weight.grad.tolist() == [[2.0] * 4] * 3 + [[0.0] * 4] * 2


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda x: nn.MultiheadAttention(8, 3), "3 heads do not divide embed_dim 8"),
        (
            lambda x: nn.MultiheadAttention(4, 2)(x, x, x),
            r"must be \(L, N, 4\), \(S, N, 4\).*\(3, 2, 8\)",
        ),
        (lambda x: nn.MultiheadAttention(8, 2)(x, x[0], x), r"or all without N, but .*\(2, 8\)"),
        (
            lambda x: nn.MultiheadAttention(8, 2)(x, x, x[:2]),
            r"\(S, N, 8\), \(S, N, 8\), .*\(3, 2, 8\), \(2, 2, 8\)",
        ),
        (
            lambda x: nn.MultiheadAttention(8, 2)(x, x, x, attn_mask=tg.zeros((2, 2))),
            r"attn_mask must have shape \(3, 3\) or \(4, 3, 3\), not \(2, 2\)",
        ),
        (
            lambda x: F.scaled_dot_product_attention(x, x[..., :4], x),
            r"\(3, 2, 8\) and \(3, 2, 4\)",
        ),
        (lambda x: F.scaled_dot_product_attention(x, x, x[:, :1]), "must be as many"),
        (lambda x: nn.TransformerEncoderLayer(8, 2, activation="tan"), "function, not 'tan'"),
        (lambda x: nn.SinusoidalPositionalEncoding(8, max_len=2)(x), r"T up to 2.*\(3, 2, 8\)"),
    ],
)
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call(tg.ones((3, 2, 8)))
