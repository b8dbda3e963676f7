"""Floor 7. Checkpoint: the whole state of a run in one file, restored whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import tidegrad as tg

__all__ = ["Checkpoint"]


class Checkpoint:
    """Named parts, each with `state_dict` and `load_state_dict`, kept together in one file.

    The default random stream is always among them, as `random`. Saving goes beside the old file
    and renames, so that a kill at any moment leaves one of the two whole.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = f"{folder.name}/run.safetensors"
    >>> net, loader = tg.nn.Linear(2, 1), tg.data.DataLoader(range(9))
    >>> keeper = tg.training.Checkpoint(path, model=net, loader=loader)
    >>> keeper.restore()
    False
    >>> keeper.save()
    >>> keeper.restore()
    True
    >>> folder.cleanup()
    """

    def __init__(self, path: str | os.PathLike[str], **parts: Any):
        for name, part in parts.items():
            if not resumable(part):
                raise TypeError(
                    f"Checkpoint: {name} is a {type(part).__name__}, which lacks state_dict or "
                    "load_state_dict; leave it out or add them"
                )
        self.path = checked_path(path)
        self.parts = {"random": tg.random.default_generator(), **parts}

    def save(self) -> None:
        """Write the state of every part."""
        tg.save(self.path, self.state())

    def state(self) -> dict[str, Any]:
        """The state of every part, under its name."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def restore(self) -> bool:
        """Load every part from the file; False where there is none.

        A file that lacks a part or has one too many, or whose state does not fit a part, is the
        ValueError of that part, and every part keeps the state it had.
        """
        if not self.path.exists():
            return False
        state = tg.load(self.path)
        if not isinstance(state, dict):
            raise ValueError(f"Checkpoint: {self.path} holds a {type(state).__name__}, not parts")
        missing = sorted(self.parts.keys() - state.keys())
        unexpected = sorted(map(str, state.keys() - self.parts.keys()))
        if missing or unexpected:
            raise ValueError(
                f"Checkpoint: {self.path} does not fit: missing {missing or 'nothing'}, "
                f"unexpected {unexpected or 'nothing'}; give the parts it was saved with, "
                "or start over without it"
            )
        before = self.state()
        try:
            self._load(state)
        except BaseException:
            self._load(before)
            raise
        return True

    def _load(self, state: dict[str, Any]) -> None:
        for name, part in self.parts.items():
            part.load_state_dict(state[name])


def checked_path(path: str | os.PathLike[str]) -> Path:
    """`path`, if its folder exists: known now, not after the first hour of training."""
    checked = Path(path)
    if not checked.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {checked.parent}; make it before training")
    return checked


def resumable(part: Any) -> bool:
    """Whether a checkpoint can keep `part`."""
    return hasattr(part, "state_dict") and hasattr(part, "load_state_dict")
