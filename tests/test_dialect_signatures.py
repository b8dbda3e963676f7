"""Argument names, their order and defaults are the engines': pygrad, maligrad and simplegrad."""

import inspect
from functools import reduce

import numpy as np
import pytest

from tidegrad.dialects import maligrad, pygrad, simplegrad
from tidegrad.dialects.pygrad.architectures import cnn, dnn, transformer
from tidegrad.dialects.pygrad.examples.transformer import utils
from tidegrad.dialects.simplegrad.accel.symbolic import SymbolicArray

SIZES = "d_vocab, n_heads, d_model, d_k, d_v, d_ff, n_layers, d_context, dropout"
PYGRAD = {
    "tensor.Tensor": "value, label='', dtype=float64, learnable=True, leaf=False, _prev=()",
    "tensor.Tensor.sum": "self, axis=None, keepdims=False",
    "tensor.Tensor.mean": "self, axis=-1, keepdims=True",
    "tensor.Tensor.std": "self, axis=-1, keepdim=True",
    "tensor.Tensor.reshape": "self, shape",
    "tensor.Tensor.transpose": "self, axes=None",
    "tensor.Tensor.mask_idcs": "self, mask_idcs, value=0.0",
    "tensor.Tensor.conv2D": "self, other",
    "tensor.Tensor.new_value": "self, x",
    "tensor.Tensor.backward": "self, reset_grad=True",
    "basics.Dropout": "rate=0.1",
    "basics.Dropout.__call__": "self, x, training=True",
    "basics.AddNorm": "gain=1.0, bias=0.0, epsilon=1e-09",
    "basics.AddNorm.__call__": "self, x, skip",
    "basics.Linear": "i_dim, o_dim, bias=True, label='Linear', dtype=float64",
    "basics.Softmax": "label='Softmax'",
    "basics.Flatten": "label='Flatten'",
    "basics.Conv2D": "o_dim, i_dim, kH, kW, bias=True, label='Conv2D', dtype=float64",
    "activations.ReLU": "label='ReLU'",
    "losses.BCELoss": "label='BCELoss'",
    "losses.BCELoss.__call__": "self, pred, target",
    "losses.CCELoss": "label='CCELoss'",
    "losses.CCELoss.__call__": "self, pred, target, mask=False",
    "optims.SGD": "model_parameters, lr=1e-05",
    "optims.SGD_Momentum": "model_parameters, beta=0.9, lr=1e-05",
    "optims.RMSProp": "model_parameters, beta=0.9, lr=1e-05",
    "optims.Adam": "model_parameters, beta1=0.9, beta2=0.999, eps=1e-08, lr=1e-05",
    "optims.Adam.step": "self, loss",
    "optims.Adam.step_single": "self, loss, batch_size, modify=False",
    "module.Module.__call__": "self, **kwargs",
    "module.Module.call_slow": "self, **kwargs",
    "module.Module.parameters": "self, **kwargs",
    "numba_ops.combined_softmax_backprop": "new_val, new_grad",
    "numba_ops.find_sum_grad_3D": "new_val",
    "numba_ops.softmax_matmul_3D": "A, B",
    "numba_ops.softmax_grad": "new_val, grad",
    "numba_ops.mat_sum": "mat1, mat2",
    "numba_ops.conv2d_fwd": "kernel, signal",
    "numba_ops.conv2d_bwd": "kernel, signal, grad",
    "dnn.DNN": "batch_size=1, label='DNN', dropout=0.1, dtype=float64",
    "cnn.CNN": "batch_size=1, label='CNN', dropout=0.1, dtype=float64",
    "transformer.Embedding": "d_vocab, d_model, dtype=float64",
    "transformer.Attention": "d_k, n_heads=None, label='Attention', eps=1000000000.0, "
    "dtype=float64",
    "transformer.MultiHeadAttention": "n_heads, d_n, d_k, d_v, d_model, dtype=float64, label='MHA'",
    "transformer.Encoder": SIZES + ", dtype=float64",
    "transformer.Decoder": SIZES + ", dtype=float64",
    "transformer.EncoderLayer": "n_heads, d_model, d_k, d_v, d_ff, d_context, dropout, "
    "dtype=float64",
    "transformer.DecoderLayer": "n_heads, d_model, d_k, d_v, d_ff, d_context, dropout, "
    "dtype=float64",
    "transformer.onehot_tokens": "inp, d_vocab",
    "transformer.Transformer": "enc_tokenizer, dec_tokenizer, n_heads=8, d_model=512, d_k=512, "
    "d_v=512, d_ff=2048, n_layers=6, enc_seq_length=1, dec_seq_length=1, batch_size=1, "
    "label='Transformer', dropout=0.1, dtype=float64",
    "transformer.Transformer.forward": "self, enc_inp, dec_inp, training",
}
MALIGRAD = {
    "autograd.engine.Variable": "data, requires_grad=False, _src_fcn=None, _src_index=0",
    "autograd.engine.Variable.backward": "self, partial=None",
    "autograd.engine.Variable.reshape": "x, *new_shape",
    "autograd.engine.Variable.transpose": "x, axes=None",
    "autograd.engine.Variable.swap_axes": "x, axis1, axis2",
    "autograd.engine.Variable.sum": "x, axis=None, keepdims=False",
    "autograd.engine.Variable.mean": "x, axis=None, keepdims=False",
    "autograd.engine.Variable.max": "x, axis=None, keepdims=False",
    "autograd.engine.Variable.min": "x, axis=None, keepdims=False",
    "autograd.engine.Variable.maximum": "self, other",
    "autograd.engine.Variable.squeeze": "x, axes=None",
    "autograd.engine.Variable.unsqueeze": "x, axes",
    "autograd.engine.Function": "",
    "autograd.engine.Function.save_for_backprop": "self, *to_save",
    "autograd.engine.Compare": "compare_op",
    "autograd.engine.accumulate_grad": "grad, partial",
    "nn.Sequential": "*modules",
    "nn.engine.Parameter": "data",
    "nn.Linear": "in_features, out_features, bias=True",
    "nn.Softmax": "axis=-1",
    "nn.Conv": "in_chan, out_chan, ker_shape, stride=1, dilation=1, bias=True",
    "nn.Maxpool": "ker_shape, stride=None, dilation=1",
    "nn.Flatten": "n",
    "nn.functional.conv": "img, ker, dim, stride=1, dilation=1",
    "nn.functional.maxpool": "img, ker_shape, stride=1, dilation=1",
    "nn.functional.avgpool": "img, ker_shape, stride=1, dilation=1",
    "nn.functional.softmax": "x, axis=-1",
    "nn.functional.categorical_crossentropy": "y, target, eps=1e-08",
    "nn.optim.SGD": "parameters, lr",
    "data.engine.DataLoader": "dataset, batch_size, shuffle=True, seed=None",
    "data.datasets.Moons": "n_samples, seed=None",
    "data.datasets.MNIST": "root, train=True, download=True",
}
SIMPLEGRAD = {
    "Tensor": "data",
    "Tensor.relu": "self",
    "Tensor.div": "self, x",
    "Tensor.sub": "self, x",
    "Tensor.mean": "x, axis=None",
    "Tensor.einsum": "x, subscripts, *operands",
    "Tensor.as_strided": "self, shape, strides",
    "Tensor.window_view": "x, kernel_size=(2, 2), stride=1",
    "Tensor.layer_norm": "x, axes, weight, bias, eps=1e-05",
    "Tensor.conv2d": "x, w, padding=0, stride=1",
    "Tensor.maxpool2d": "x, kernel_size=(3, 3), padding=0, stride=1",
    "Tensor._backward": "self, dv",
    "Optimizer": "params, *args, decay=0.0",
    "Adam": "params, learning_rate=0.01, epsilon=1e-07, beta1=0.9, beta2=0.999, **kwargs",
    "SymbolicArray.__new__": "cls, arr, symbolic=None, **options",
}
BESIDE = {"dnn": dnn, "cnn": cnn, "transformer": transformer, "SymbolicArray": SymbolicArray}
CASES = [
    (engine, name, wanted)
    for engine, names in ((pygrad, PYGRAD), (maligrad, MALIGRAD), (simplegrad, SIMPLEGRAD))
    for name, wanted in names.items()
]


def named(engine, name):
    first, *rest = name.split(".")
    return reduce(getattr, rest, BESIDE[first] if first in BESIDE else getattr(engine, first))


def bare(function):
    """A signature without types; a dtype by its name."""
    found = inspect.signature(function).parameters.values()
    plain = [p.replace(annotation=p.empty) for p in found]
    return str(inspect.Signature(plain))[1:-1].replace(repr(np.float64), "float64")


@pytest.mark.parametrize(("engine", "name", "wanted"), CASES, ids=[name for _, name, _ in CASES])
def test_signatures_are_the_engines(engine, name, wanted):
    assert bare(named(engine, name)) == wanted


def test_a_tokenizing_data_set_has_its_names():
    wanted = """load_dataset train_test_split create_enc_dec_inputs enc_vocab_size dec_vocab_size
        find_seq_length add_start_eos words_to_tokens tokens_to_words"""
    for name in wanted.split():
        assert callable(getattr(utils.PrepareDataset, name))
    assert callable(utils.accuracy_fn) and callable(utils.infer_one) and callable(utils.save_model)


def test_operands_by_name(numpy_random):
    x = simplegrad.Tensor(np.array([6.0]))
    assert x.div(x=2.0).sub(x=1.0).data == 2.0
    layer = transformer.EncoderLayer(
        n_heads=2, d_model=4, d_k=4, d_v=4, d_ff=8, d_context=3, dropout=0.1
    )
    assert layer.d_context == 3
