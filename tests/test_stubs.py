"""The type stubs say what the tables attach: they are written by a program, and current."""

import subprocess
import sys
from pathlib import Path

import tidegrad as tg
from tidegrad.core import Tensor

ROOT = Path(__file__).parent.parent


def test_stubs_are_current():
    command = [sys.executable, str(ROOT / "tools" / "stubs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_type_checker_sees_methods_and_functions():
    core = (ROOT / "src/tidegrad/core.pyi").read_text()
    package = (ROOT / "src/tidegrad/__init__.pyi").read_text()
    for name in ("sum", "reshape", "backward", "__add__", "__matmul__", "requires_grad"):
        assert hasattr(Tensor, name) and f"def {name}(" in core
    for name in ("exp", "where", "stack", "grad", "tensor"):
        assert callable(getattr(tg, name)) and name in package
