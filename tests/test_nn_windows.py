"""Convolution and pooling layers beside PyTorch: options, weight names, errors."""

import pytest
from nn_oracle import beside  # noqa: F401

import tidegrad as tg
from tidegrad import nn

CONVOLUTIONS = [
    ((4, 6, 3), {}),
    ((4, 6, 3), {"stride": 2, "padding": 1, "bias": False}),
    ((4, 6, 3), {"padding": "same", "dilation": 2}),
    ((4, 6, 2), {"padding": "valid", "groups": 2}),
]
TRANSPOSES = [
    ((4, 6, 3), {}),
    ((4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1, "bias": False}),
    ((4, 6, 2), {"groups": 2, "dilation": 2}),
]


def sized(beside, axes, batch=True):
    return beside.normal(*((2,) if batch else ()), 4, *(7, 6)[:axes])


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("args, options", CONVOLUTIONS, ids=str)
def test_convolutions(beside, axes, args, options):
    ours, theirs = (getattr(m, f"Conv{axes}d")(*args, **options) for m in (nn, beside.torch.nn))
    beside.layer(ours, theirs, sized(beside, axes))
    beside.layer(ours, theirs, sized(beside, axes, batch=False))


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("args, options", TRANSPOSES, ids=str)
def test_transposes(beside, axes, args, options):
    name = f"ConvTranspose{axes}d"
    ours, theirs = (getattr(m, name)(*args, **options) for m in (nn, beside.torch.nn))
    beside.layer(ours, theirs, sized(beside, axes))


def test_sizes_by_axis(beside):
    options = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
    ours, theirs = nn.Conv2d(4, 6, **options), beside.torch.nn.Conv2d(4, 6, **options)
    beside.layer(ours, theirs, sized(beside, 2))


@pytest.mark.parametrize(
    "name, axes, options",
    [
        ("MaxPool1d", 1, {"kernel_size": 2}),
        ("MaxPool2d", 2, {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("MaxPool2d", 2, {"kernel_size": (2, 3), "ceil_mode": True}),
        ("MaxPool2d", 2, {"kernel_size": 2, "stride": 1, "dilation": 2}),
        ("AvgPool1d", 1, {"kernel_size": 3}),
        ("AvgPool2d", 2, {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("AvgPool2d", 2, {"kernel_size": 2, "padding": 1, "count_include_pad": False}),
        ("AdaptiveAvgPool2d", 2, {"output_size": 1}),
        ("AdaptiveAvgPool2d", 2, {"output_size": (3, 4)}),
        ("Upsample", 2, {"scale_factor": 2}),
        ("Upsample", 2, {"size": (9, 5), "mode": "bilinear"}),
        ("Upsample", 2, {"scale_factor": 3, "mode": "bilinear", "align_corners": True}),
    ],
)
def test_pooling_and_resizing(beside, name, axes, options):
    ours, theirs = (getattr(m, name)(**options) for m in (nn, beside.torch.nn))
    beside.layer(ours, theirs, sized(beside, axes))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: nn.Conv2d(3, 4, 3)(tg.ones((2, 1, 5, 5))), r"conv2d: .*takes 3 channels.*1, 5, 5"),
        (lambda: nn.Conv1d(3, 4, 3)(tg.ones((3,))), r"takes \(channels, ...\).*not shape \(3,\)"),
        (
            lambda: nn.ConvTranspose2d(3, 4, 3)(tg.ones((1, 2, 3, 5, 5))),
            r"2 axes after the channels, not shape \(1, 2, 3, 5, 5\)",
        ),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "2 groups must divide in_channels 3"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), "must be one integer or 2"),
    ],
)
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    "layer, line",
    [
        (
            nn.Conv2d(3, 4, 3, stride=2, padding=(1, 0), bias=False),
            "Conv2d(3, 4, 3, stride=2, padding=(1, 0), bias=False)  # 108 parameters",
        ),
        (nn.ConvTranspose1d(2, 4, 3, groups=2), "ConvTranspose1d(2, 4, 3, groups=2)  # 16"),
        (nn.Conv1d(1, 2, 3, padding="same"), "Conv1d(1, 2, 3, padding='same')  # 8 parameters"),
        (nn.MaxPool2d(2, ceil_mode=True), "MaxPool2d(2, ceil_mode=True)"),
        (nn.Upsample(scale_factor=2), "Upsample(scale_factor=2)"),
    ],
)
def test_a_layer_reads_as_the_call_that_made_it(layer, line):
    assert repr(layer).startswith(line)
