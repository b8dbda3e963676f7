"""What every test and every docstring example finds: `tg`, `np`, and an unchanged process."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")  # before anything imports matplotlib: no windows

import numpy as np
import pytest

import tidegrad as tg


@pytest.fixture(autouse=True, scope="session")
def programs_of_their_own(tmp_path_factory):
    """Compiled programs are kept where the tests of this run find them, and nobody else."""
    os.environ["TIDEGRAD_CACHE"] = str(tmp_path_factory.mktemp("programs"))


@pytest.fixture(autouse=True)
def clean_process():
    """The same random numbers for every test, and nothing process-wide changed by it."""
    tg.random.seed(0)
    before = process_state()
    yield
    assert process_state() == before


def process_state():
    numpy_random = np.random.get_state(legacy=False)["state"]
    return {
        "recording": tg.is_grad_enabled(),
        "float errors": np.geterr(),
        "numpy random": (numpy_random["pos"], numpy_random["key"].tobytes()),
        "printing": np.get_printoptions(),
    }


@pytest.fixture(autouse=True)
def example_names(request, doctest_namespace, monkeypatch, tmp_path):
    """Examples say `tg` and `np` without importing them, and write into an empty folder."""
    if isinstance(request.node, pytest.DoctestItem):
        doctest_namespace.update(tg=tg, np=np)
        monkeypatch.chdir(tmp_path)
