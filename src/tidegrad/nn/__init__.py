"""Floor 7. Neural networks: modules, layers, losses and initial values.

PyTorch's names and shapes, so that its weights load; `dim` is `axis`.  Functions are in
`nn.functional` and re-exported here.
"""

from __future__ import annotations

from typing import Any

from . import functional, init
from .containers import ModuleDict, ModuleList, ParameterList, Sequential
from .layers.activations import (
    ELU,
    GELU,
    GLU,
    SELU,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softmin,
    Softplus,
    Softsign,
    Tanh,
)
from .layers.attention import (
    LearnedPositionalEncoding,
    MultiheadAttention,
    SinusoidalPositionalEncoding,
)
from .layers.conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from .layers.dropout import Dropout, Dropout2d
from .layers.linear import Bilinear, Embedding, Flatten, Identity, Linear, Unflatten
from .layers.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CosineEmbeddingLoss,
    CosineSimilarity,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from .layers.norms import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm
from .layers.pooling import AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d, Upsample
from .layers.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from .layers.transformer import (
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from .module import Module
from .tree import Parameter

__all__ = ["AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d", "BCELoss", "BCEWithLogitsLoss"]
__all__ += ["BatchNorm1d", "BatchNorm2d", "Bilinear", "Conv1d", "Conv2d", "ConvTranspose1d"]
__all__ += ["ConvTranspose2d", "CosineEmbeddingLoss", "CosineSimilarity", "CrossEntropyLoss"]
__all__ += ["Dropout", "Dropout2d", "ELU", "Embedding", "Flatten", "GELU", "GLU", "GRU", "GRUCell"]
__all__ += ["GroupNorm", "Hardsigmoid", "Hardswish", "Hardtanh", "HuberLoss", "Identity"]
__all__ += ["KLDivLoss", "L1Loss", "LSTM", "LSTMCell", "LayerNorm", "LeakyReLU"]
__all__ += ["LearnedPositionalEncoding", "Linear", "LogSigmoid", "LogSoftmax", "MSELoss"]
__all__ += ["MaxPool1d", "MaxPool2d", "Mish", "Module", "ModuleDict", "ModuleList"]
__all__ += ["MultiheadAttention", "NLLLoss", "PReLU", "Parameter", "ParameterList", "RMSNorm"]
__all__ += ["RNN", "RNNCell", "ReLU", "ReLU6", "SELU", "Sequential", "SiLU", "Sigmoid"]
__all__ += ["SinusoidalPositionalEncoding", "SmoothL1Loss", "Softmax", "Softmin", "Softplus"]
__all__ += ["Softsign", "Tanh", "TransformerDecoder", "TransformerDecoderLayer"]
__all__ += ["TransformerEncoder", "TransformerEncoderLayer", "Unflatten", "Upsample", "functional"]
__all__ += ["init"]


def __getattr__(name: str) -> Any:
    """The functions, under their own names: `tg.nn.cross_entropy`."""
    if name in dir(functional):
        return getattr(functional, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *dir(functional)])
