"""Floor 7. Checkpoint: the whole state of a run in one file, restored whole or not at all."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import tidegrad as tg

__all__ = ["Checkpoint", "checked_path", "resumable"]


class Checkpoint:
    """Named parts, each with `state_dict` and `load_state_dict`, kept together in one file.

    The default random stream is always among them, as `random`.

    >>> net, loader = tg.nn.Linear(2, 1), tg.data.DataLoader(range(9))
    >>> keeper = tg.training.Checkpoint("run.safetensors", model=net, loader=loader)
    >>> keeper.restore()
    False
    >>> keeper.save()
    >>> keeper.restore()
    True
    """

    def __init__(self, path: str | PathLike[str], **parts: Any):
        for name, part in parts.items():
            if not resumable(part):
                raise TypeError(
                    f"Checkpoint: {name} is a {type(part).__name__}, which lacks state_dict or "
                    "load_state_dict; leave it out or add them"
                )
        self.path = checked_path(path)
        self.parts = {"random": tg.random.default_generator(), **parts}

    def save(self) -> None:
        """Write the state of every part; killed meanwhile, the old file or the new one is whole."""
        tg.save(self.path, self._state())

    def restore(self) -> bool:
        """Load every part from the file; False where there is none.

        A file of other parts, or whose state does not fit a part, is a ValueError (or what that
        part raises), and every part keeps the state it had.
        """
        if not self.path.exists():
            return False
        state, before = tg.load(self.path), self._state()
        found = set(state) if isinstance(state, dict) else set()
        if found != before.keys():
            raise ValueError(
                f"Checkpoint: {self.path} does not fit: missing "
                f"{sorted(before.keys() - found) or 'nothing'}, unexpected "
                f"{sorted(map(str, found - before.keys())) or 'nothing'}; give the parts it was "
                "saved with, or start over without it"
            )
        try:
            self._load(state)
        except BaseException:  # whatever came in between, nothing is half changed
            self._load(before)
            raise
        return True

    def _state(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self.parts.items()}

    def _load(self, state: dict[str, Any]) -> None:
        for name, part in self.parts.items():
            part.load_state_dict(state[name])


def checked_path(path: str | PathLike[str]) -> Path:
    """`path`, if its folder exists: known now, not after the first hour of training."""
    checked = Path(path)
    if not checked.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {checked.parent}; make it before training")
    return checked


def resumable(part: Any) -> bool:
    """Whether a checkpoint can keep `part`."""
    return hasattr(part, "state_dict") and hasattr(part, "load_state_dict")
