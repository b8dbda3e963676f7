"""Floor 7. Interrupt: Ctrl-C is remembered until the step is whole; a second one acts at once."""

from __future__ import annotations

import signal
import threading
from typing import Self

__all__ = ["Interrupt"]


class Interrupt:
    """While entered, the first Ctrl-C only sets `pressed`; the next is a KeyboardInterrupt.

    It steps aside, and Ctrl-C acts at once, outside the main thread and where the program has a
    handler of its own.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._installed = False

    def __enter__(self) -> Self:
        ours = threading.current_thread() is threading.main_thread()
        if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._press)
            self._installed = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _press(self, *_: object) -> None:
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True
