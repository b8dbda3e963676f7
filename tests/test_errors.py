"""Exceptions are of the standard kinds; optional packages fail with one sentence."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tidegrad import errors
from tidegrad.errors import extra

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
MODULE_OF = {"scikit-learn": "sklearn"}


@pytest.mark.parametrize(
    ("error", "kinds"),
    [
        (errors.ShapeError, [ValueError]),
        (errors.DTypeError, [TypeError]),
        (errors.AxisError, np.exceptions.AxisError.__bases__),
        (errors.GraphError, [RuntimeError]),
        (errors.AnomalyError, [FloatingPointError]),
        (errors.FileFormatError, [ValueError]),
    ],
)
def test_every_exception_is_of_a_standard_kind(error, kinds):
    for kind in kinds:
        assert issubclass(error, kind)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make an importable package `ebb` out of source text."""

    def make(source):
        (tmp_path / "ebb.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(__import__("sys").modules, "ebb", raising=False)

    return make


def test_a_working_package_is_given():
    assert extra("xml.dom", "train").__name__ == "xml.dom"


def test_an_absent_package_names_its_extra():
    sentence = 'ebb is needed for this: pip install "tidegrad[train]" (ModuleNotFoundError: No'
    with pytest.raises(ImportError, match="^" + re.escape(sentence)) as raised:
        extra("ebb.tide", "train")
    assert isinstance(raised.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    "source", ["1 / 0", "import no_such_part", "raise OSError('libebb.so.1: no such file')", "("]
)
def test_a_broken_package_names_its_extra_and_the_cause(package, source):
    package(source)
    with pytest.raises(ImportError, match=r'^ebb is needed .*"tidegrad\[viz\]" \(\w+: .') as raised:
        extra("ebb", "viz")
    assert raised.value.__cause__ is not None


@pytest.mark.parametrize("version", ["1.4", "1.4.9", "1", "0.9rc1"])
def test_an_old_package_names_its_extra_and_the_version(package, monkeypatch, version):
    package(f"__version__ = {version!r}")
    monkeypatch.setitem(errors.OLDEST, "ebb", (1, 5))
    told = re.escape(f'pip install "tidegrad[train]" (1.5 or later; this is {version})')
    with pytest.raises(ImportError, match=told + "$"):
        extra("ebb", "train")


@pytest.mark.parametrize("version", ["1.5", "1.5.0rc1", "1.10", "2.0+cpu", "unknown", None])
def test_a_new_or_unnumbered_package_is_given(package, monkeypatch, version):
    package(f"__version__ = {version!r}")
    monkeypatch.setitem(errors.OLDEST, "ebb", (1, 5))
    assert extra("ebb", "train").__version__ == version


def test_the_oldest_versions_are_those_that_the_extras_ask_for():
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    asked = dict(line.split(">=") for lines in extras.values() for line in lines if ">=" in line)
    versions = {MODULE_OF.get(name, name): version for name, version in asked.items()}
    for module, oldest in errors.OLDEST.items():
        assert versions[module] == ".".join(map(str, oldest))
