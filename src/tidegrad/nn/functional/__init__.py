"""Floor 7. The library's functions: what layers compute, without the layers.

PyTorch's signatures, `dim` being `axis`.  Activations and one_hot that tidegrad itself has
(`tg.relu`, `tg.softmax`, ...) are found here too.
"""

from __future__ import annotations

from typing import Any

import tidegrad as tg

from .activations import (
    glu,
    hardsigmoid,
    hardswish,
    hardtanh,
    logsigmoid,
    mish,
    prelu,
    relu6,
    selu,
    softmin,
    softplus,
    softsign,
)
from .attention import attention_weights, scaled_dot_product_attention
from .classes import cross_entropy, nll_loss
from .conv import conv1d, conv2d, conv_transpose1d, conv_transpose2d, unfold
from .dropout import dropout, dropout2d
from .interpolate import interpolate
from .linear import bilinear, embedding, linear
from .losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cosine_similarity,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    normalize,
    smooth_l1_loss,
)
from .norms import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from .pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from .recurrent import gru_step, lstm_step, recur, rnn_relu_step, rnn_tanh_step

__all__ = ["attention_weights", "batch_norm", "bilinear", "binary_cross_entropy"]
__all__ += ["binary_cross_entropy_with_logits", "cosine_embedding_loss", "cosine_similarity"]
__all__ += ["cross_entropy", "dropout", "dropout2d", "embedding", "glu", "group_norm", "gru_step"]
__all__ += ["hardsigmoid", "hardswish", "hardtanh", "huber_loss", "instance_norm", "kl_div"]
__all__ += ["l1_loss", "layer_norm", "linear", "logsigmoid", "lstm_step", "mish", "mse_loss"]
__all__ += ["nll_loss", "normalize", "prelu", "recur", "relu6", "rms_norm", "rnn_relu_step"]
__all__ += ["rnn_tanh_step", "scaled_dot_product_attention", "selu", "smooth_l1_loss", "softmin"]
__all__ += ["softplus", "softsign"]
__all__ += ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "conv1d"]
__all__ += ["conv2d", "conv_transpose1d", "conv_transpose2d", "interpolate", "max_pool1d"]
__all__ += ["max_pool2d", "unfold"]

# Looked up late, as tidegrad is still being imported while this module is.
BORROWED = ["elu", "gelu", "leaky_relu", "log_softmax", "one_hot", "relu", "sigmoid", "silu"]
BORROWED += ["softmax", "tanh"]


def __getattr__(name: str) -> Any:
    if name in BORROWED:
        return getattr(tg, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *BORROWED])
