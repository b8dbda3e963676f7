"""Every example runs, at reduced size, reaches what it says and writes what it names."""

import importlib.util
import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import tidegrad as tg

QUICK = ["queue", "shlex", "textwrap"]
EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def example():
    """Loads an example by name, once its packages are known to be installed."""

    def load(name):
        for package in ("matplotlib", "scipy", "sklearn"):
            pytest.importorskip(package)
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def picture(path):
    """A PNG's pixels, which are not all alike."""
    pixels = pytest.importorskip("matplotlib.image").imread(path)
    assert min(pixels.shape[:2]) > 200
    assert pixels.std() > 0.01
    return pixels


def test_every_example_is_tested():
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= tests


def test_digits(example, tmp_path, capsys):
    digits = example("digits")
    folder = tmp_path / "made" / "here"
    accuracy = digits.main(folder, epochs=8)
    assert accuracy > 0.96

    said = capsys.readouterr().out
    written = sorted(path.name for path in folder.iterdir())
    assert written == ["curves.png", "digits.png", "loss.svg", "reader.safetensors"]
    assert all(str(folder / name) in said for name in written)
    # What was read back from the file classifies as what was trained.
    assert said.count(f"{accuracy:.2%}") == 2

    picture(folder / "curves.png")
    picture(folder / "digits.png")
    drawn = ElementTree.parse(folder / "loss.svg").getroot()
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert "strokes.weight" in "".join(drawn.itertext())
    saved = tg.load(folder / "reader.safetensors")
    assert saved.keys() == digits.Reader().state_dict().keys()


def test_digits_are_held_out(example):
    digits = example("digits")
    seen, unseen = digits.digits()
    assert (len(seen), len(unseen)) == (1437, 360)
    counts = np.bincount(unseen.tensors[1].numpy())
    assert counts.min() >= 34 and counts.max() <= 38
    again = digits.digits()[1]
    assert np.array_equal(again.tensors[0].numpy(), unseen.tensors[0].numpy())
    rows = {image.tobytes() for image in seen.tensors[0].numpy()}
    assert not any(image.tobytes() in rows for image in unseen.tensors[0].numpy())


def test_digits_marks_mistakes(example, tmp_path):
    digits = example("digits")
    images = np.random.default_rng(0).random((60, 1, 8, 8))
    labels = np.arange(60) % 10
    right, wrong = labels.copy(), labels.copy()
    wrong[::20] += 1
    digits.show(images, labels, right, tmp_path / "right.png")
    digits.show(images, labels, wrong, tmp_path / "wrong.png")
    assert red(picture(tmp_path / "right.png")) == 0
    assert red(picture(tmp_path / "wrong.png")) > 1000


def red(pixels):
    """How many pixels are redder than grey can be."""
    return int((pixels[..., 0] > pixels[..., 1] + 0.4).sum())


def test_spiral(example, tmp_path):
    accuracy = example("spiral").main(tmp_path)
    assert accuracy >= 0.97
    pixels = picture(tmp_path / "spiral.png")
    # Three classes in three colours, none of them a stain.
    coarse = (pixels[..., :3] * 10).round().reshape(-1, 3)
    _, counts = np.unique(coarse, axis=0, return_counts=True)
    assert np.sort(counts)[-3] > len(coarse) / 20
    picture(tmp_path / "spiral-curves.png")


def test_minimize(example, tmp_path):
    minimize = example("minimize")
    found = minimize.main(tmp_path, links=12)
    best = found["gradient, Hessian"]
    assert best.success and np.abs(best.jac).max() < 1e-4
    assert np.isclose(found["gradient"].fun, best.fun, atol=1e-6)
    assert best.fun < found["no derivative"].fun
    evaluations = [found[name].nfev for name in ("gradient, Hessian", "gradient", "differences")]
    assert evaluations == sorted(evaluations)
    # The chain hangs on the curve that is known for it, but for its links and a little stretch.
    x, y = minimize.joints(best.x)
    assert np.abs(y - minimize.catenary(x)).max() < 0.01
    picture(tmp_path / "chain.png")


def test_minimize_derivatives(example):
    minimize = example("minimize")
    places = np.random.default_rng(0).normal(size=6)
    tg.check_grads(minimize.energy, (places,), order=2)


def test_characters(example, tmp_path, capsys):
    reached, entropy = example("characters").main(tmp_path, 8, 64, QUICK)
    assert 3.5 < entropy < math.log2(128)
    assert reached < entropy - 0.5
    said = capsys.readouterr().out
    assert "--- after 8 epochs ---\ndef " in said
    picture(tmp_path / "characters.png")
