"""The workloads of the benchmarks compute the same in tidegrad and PyTorch, at small sizes."""

import numpy as np
import pytest

import tidegrad as tg
from benchmarks.workloads import ROWS, affine, gpt, lenet, lstm, mlp, options, overhead, workload

SMALL = {
    (affine, "SHAPE"): (50, 3),
    (gpt, "BATCH"): 2,
    (lenet, "BATCH"): 2,
    (lstm, "BATCH"): 2,
    (lstm, "STEPS"): 5,
    (options, "COUNT"): 100,
}
WORKLOADS = {
    "moons": mlp.mlp("", (2, 5, 1), 9, mlp.moons, classes=False),
    "spiral": mlp.mlp("", (2, 5, 3), 9, mlp.spirals),
    "noise": mlp.mlp("", (4, 5, 5, 3), 9, mlp.noise),
    "lenet": lenet.LENET,
    "lstm": lstm.LSTM,
    "gpt": gpt.GPT,
    "options": options.OPTIONS,
    "affine": affine.AFFINE,
    "overhead": overhead.OVERHEAD,
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small sizes, and steps that run as they are written."""
    for (module, name), value in SMALL.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(tg, "jit", lambda f: f, raising=False)


@pytest.mark.parametrize("name", WORKLOADS)
def test_three_steps_agree_with_pytorch_and_start_afresh(oracle, name, rng):
    given = WORKLOADS[name]
    state, inputs = given.make(rng)
    results = []
    for peer in (given.tidegrad(state, inputs), given.pytorch(state, inputs, False)):
        begun = peer.read(peer())
        peer()
        results.append(peer.read(peer()))
        peer.restart()
        for was, now in zip(begun, peer.read(peer()), strict=True):
            np.testing.assert_array_equal(was, now)
    for x, y in zip(*results, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_a_workload(row):
    found = workload(row)
    assert found.title
    assert found.training == bool(found.flops)
