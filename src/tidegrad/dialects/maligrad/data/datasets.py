"""Floor 8. maligrad's data sets: two noisy half circles, and MNIST."""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np

from ...shared import lacking
from .engine import Dataset

__all__ = ["MNIST", "Dataset", "Moons"]

BROKEN = (EOFError, OSError, ValueError, zlib.error)  # what damaged files lead to


class Moons(Dataset):
    """Two noisy half circles, 1 for the upper one; `seed` leaves np.random as it is."""

    def __init__(self, n_samples: int, seed: int | None = None):
        angle = np.linspace(0, 2 * np.pi, n_samples)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        up = circle[:, 1] > 0
        normal = (np.random if seed is None else np.random.RandomState(seed)).normal
        halves = [circle[up] + [0.5, 0], circle[~up] - [0.5, 0]]
        self.X = np.concatenate([half + normal(0, 0.5 / 3, half.shape) for half in halves])
        self.y = np.repeat([1, 0], [len(half) for half in halves])

    def __getitem__(self, index: Any) -> Any:
        return self.X[index], self.y[index]

    def __len__(self) -> int:
        return len(self.X)


class MNIST(Dataset):
    """Handwritten digits, images (n, 28, 28) and labels (n,) of uint8, from files in `root`.

    `download` fetches those that are missing, and only then; a file is written once it has come
    whole, else the OSError or ValueError says what came instead. There, a failed answer was
    written as if it were data, and `download=False` fetched all the same.
    """

    _url = "https://storage.googleapis.com/cvdf-datasets/mnist/{file}"
    _subsets = {"train": "train", "test": "t10k"}  # noqa: RUF012 - as there
    _kinds = {"images": "images-idx3", "labels": "labels-idx1"}  # noqa: RUF012 - as there

    def __init__(self, root: str | Path, train: bool = True, download: bool = True):
        self.root, self.subset = Path(root), "train" if train else "test"
        if download:
            self.download(root)
        self.images, self.labels = self.load(self.subset)

    def __getitem__(self, index: Any) -> Any:
        return self.images[index], self.labels[index]

    def __len__(self) -> int:
        return len(self.labels)

    def load(self, subset: str) -> tuple[np.ndarray, np.ndarray]:
        """The images and labels of "train" or "test"."""
        images, labels = (self.root / self._file(subset, kind) for kind in self._kinds)
        for path in (images, labels):
            if not path.exists():
                raise FileNotFoundError(f"MNIST: there is no {path}; download=True fetches it")
        found = decoded(images.read_bytes(), images), decoded(labels.read_bytes(), labels)
        if found[0].shape[:1] != found[1].shape:
            raise ValueError(f"MNIST: {images} and {labels} are not of equal length")
        return found

    @classmethod
    def download(cls, root: str | Path) -> None:
        """Fetch the files that are not in the folder `root`."""
        for subset in cls._subsets:
            for kind in cls._kinds:
                path = Path(root) / cls._file(subset, kind)
                if not path.exists():
                    fetch(cls._url.format(file=path.name), path)

    @classmethod
    def _file(cls, subset: str, kind: str) -> str:
        return f"{cls._subsets[subset]}-{cls._kinds[kind]}-ubyte.gz"


def decoded(content: bytes, place: Any) -> np.ndarray:
    """The array in a gzipped IDX file; a ValueError where it is damaged."""
    try:
        data = gzip.decompress(content)
        if len(data) < 4 or data[:3] != b"\0\0\x08":
            raise ValueError("it is no IDX file of bytes")
        shape = np.frombuffer(data, ">u4", count=data[3], offset=4).astype(int)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)
    except BROKEN as error:
        raise ValueError(f"MNIST: {place} is damaged or cut short: {error}") from error


def fetch(url: str, path: Path) -> None:
    """Write what `url` answers to `path`, once it is whole."""
    try:
        with urlopen(url, timeout=60) as answer:
            content = answer.read()
    except (OSError, HTTPException) as error:
        raise OSError(f"MNIST: {url} could not be read: {error}; nothing was written") from error
    decoded(content, url)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as beside:
        part = Path(beside) / path.name
        part.write_bytes(content)
        os.replace(part, path)


__getattr__ = lacking("maligrad")
