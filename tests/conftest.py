"""What tests share: random numbers, PyTorch and JAX where installed, processes of their own."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import profiles  # noqa: F401  (sets how many examples Hypothesis draws)
import pytest

SOURCE = Path(__file__).parents[1] / "src"


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def numpy_random():
    """NumPy's global random state may be used, as other engines do: it is put back afterwards."""
    state = np.random.get_state()
    yield np.random
    np.random.set_state(state)


@pytest.fixture
def oracle():
    """PyTorch, to compare with."""
    return pytest.importorskip("torch", reason="PyTorch is not installed: make oracles")


@pytest.fixture
def jax():
    """JAX, to compare with, in 64 bits where asked."""
    state = np.random.get_state()  # which importing JAX changes
    jax = pytest.importorskip("jax", reason="JAX is not installed: make oracles")
    np.random.set_state(state)
    with jax.enable_x64(True):
        yield jax


@pytest.fixture
def alone(tmp_path):
    """Run a program in a fresh interpreter, where warnings are errors; what it printed."""

    def run(program: str, *arguments: object, timeout: float = 120, **environment: str) -> str:
        paths = [str(SOURCE), os.environ.get("PYTHONPATH", "")]
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", dedent(program), *map(str, arguments)],
            capture_output=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | environment,
            text=True,
            timeout=timeout,
        )
        assert ended.returncode == 0, ended.stderr
        assert not ended.stderr, ended.stderr
        return ended.stdout

    return run


def pytest_collection_modifyitems(items):
    for item in items:
        if "alone" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.isolated)
