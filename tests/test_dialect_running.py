"""`python -m tidegrad run --as NAME`: programs as Python itself would run them."""

import subprocess
import sys

import pytest

from tidegrad.dialects import answers


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a program for pygrad from the folder of the test; what has ended."""
    monkeypatch.chdir(tmp_path)

    def run(*words, text=None, options=()):
        command = [sys.executable, *options, "-m", "tidegrad", "run", "--as", "pygrad", *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)

    return run


def written(folder, name, text):
    (folder / name).write_text(text)
    return name


@pytest.mark.isolated
def test_threads_and_exit_handlers_import_too(run, tmp_path):
    """They run when the program has come to its end."""
    program = """
import atexit, threading, time

def late():
    time.sleep(0.2)
    from pygrad.tensor import Tensor
    print("thread", Tensor(1))

@atexit.register
def bye():
    from pygrad.losses import BCELoss
    print("exit", BCELoss())

threading.Thread(target=late).start()
"""
    ended = run(written(tmp_path, "late.py", program))
    assert (ended.returncode, ended.stderr) == (0, "")
    told = ended.stdout.splitlines()
    assert told[0].startswith("thread Tensor(value=1.0") and told[1].startswith("exit BCELoss")


@pytest.mark.isolated
def test_a_program_from_the_standard_input(run):
    program = """
import pickle, sys
from pygrad.tensor import Tensor

class Own:
    field: Tensor = 1

print(__name__, sys.argv, Own.__annotations__["field"] is Tensor)
print(type(pickle.loads(pickle.dumps(Own()))) is Own)
sys.exit(3)
"""
    ended = run("-", "--fast", text=program)
    assert (ended.returncode, ended.stderr) == (3, "")
    assert ended.stdout.splitlines() == ["__main__ ['-', '--fast'] True", "True"]


@pytest.mark.isolated
def test_a_folder_and_a_safe_path(run, tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    written(folder, "beside.py", "from pygrad.tensor import Tensor\nONE = Tensor(1)\n")
    written(folder, "__main__.py", "from beside import ONE\nprint(ONE)\n")
    ended = run("app")
    assert ended.stdout.startswith("Tensor(value=1.0"), ended.stderr
    before = run("app/__main__.py", options=["-P"])
    assert "No module named 'beside'" in before.stderr  # as Python has it
    program = "import sys, tidegrad.nn, pygrad\nprint(sys.path[0])"
    ended = run(written(tmp_path, "path.py", program), options=["-P"])
    assert ended.returncode == 0 and ended.stdout.strip() != str(tmp_path)


def test_answering_until_python_exits(monkeypatch):
    """What is registered for the exit takes the answers back."""
    last = []
    monkeypatch.setattr(answers.atexit, "register", last.append)
    before = list(sys.meta_path)
    with answers.until_exit("micrograd"):
        pass
    from micrograd.engine import Value

    assert Value.__module__ == "tidegrad.dialects.micrograd.engine"
    (undo,) = last
    undo()
    assert sys.meta_path == before and "micrograd" not in sys.modules
