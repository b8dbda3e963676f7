"""Floor 7. The layers that are functions: activations, pooling, losses, one line each."""

from __future__ import annotations

import tidegrad as tg

from .. import functional as F
from .base import layer

__all__ = ["ELU", "GELU", "AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d", "BCELoss"]
__all__ += ["BCEWithLogitsLoss", "CosineSimilarity", "CrossEntropyLoss", "HuberLoss", "KLDivLoss"]
__all__ += ["L1Loss", "LeakyReLU", "LogSigmoid", "LogSoftmax", "MSELoss", "MaxPool1d"]
__all__ += ["MaxPool2d", "NLLLoss", "ReLU", "SiLU", "Sigmoid", "SmoothL1Loss", "Softmax"]
__all__ += ["Softplus", "Tanh", "Upsample"]

# fmt: off
ELU        = layer("ELU",        tg.elu)
GELU       = layer("GELU",       tg.gelu)
LeakyReLU  = layer("LeakyReLU",  tg.leaky_relu)
LogSigmoid = layer("LogSigmoid", tg.log_sigmoid)
LogSoftmax = layer("LogSoftmax", tg.log_softmax)
ReLU       = layer("ReLU",       tg.relu)
Sigmoid    = layer("Sigmoid",    tg.sigmoid)
SiLU       = layer("SiLU",       tg.silu)
Softmax    = layer("Softmax",    tg.softmax)
Softplus   = layer("Softplus",   tg.softplus)
Tanh       = layer("Tanh",       tg.tanh)

AdaptiveAvgPool2d = layer("AdaptiveAvgPool2d", F.adaptive_avg_pool2d)
AvgPool1d         = layer("AvgPool1d",         F.avg_pool1d)
AvgPool2d         = layer("AvgPool2d",         F.avg_pool2d)
MaxPool1d         = layer("MaxPool1d",         F.max_pool1d)
MaxPool2d         = layer("MaxPool2d",         F.max_pool2d)
Upsample          = layer("Upsample",          F.interpolate)

BCELoss           = layer("BCELoss",           F.binary_cross_entropy,             inputs=2)
BCEWithLogitsLoss = layer("BCEWithLogitsLoss", F.binary_cross_entropy_with_logits, inputs=2)
CosineSimilarity  = layer("CosineSimilarity",  F.cosine_similarity,                inputs=2)
CrossEntropyLoss  = layer("CrossEntropyLoss",  F.cross_entropy,                    inputs=2)
HuberLoss         = layer("HuberLoss",         F.huber_loss,                       inputs=2)
KLDivLoss         = layer("KLDivLoss",         F.kl_div,                           inputs=2)
L1Loss            = layer("L1Loss",            F.l1_loss,                          inputs=2)
MSELoss           = layer("MSELoss",           F.mse_loss,                         inputs=2)
NLLLoss           = layer("NLLLoss",           F.nll_loss,                         inputs=2)
SmoothL1Loss      = layer("SmoothL1Loss",      F.smooth_l1_loss,                   inputs=2)
