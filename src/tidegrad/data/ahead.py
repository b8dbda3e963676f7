"""Floor 7. Ahead: a thread makes the next items of an iterator while this one is used."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from queue import SimpleQueue
from typing import Any

__all__ = ["ahead"]


def ahead(source: Iterator[Any], depth: int) -> Generator[Any, None, None]:
    """The items of `source`, at most `depth` of them made before they are asked for.

    An exception in `source` is raised here, in its place in the order. The thread ends with the
    iteration, however that ends; closing waits for the item that is being made.
    """
    room = threading.Semaphore(depth)
    made: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
    stop = threading.Event()
    # A daemon, since an iterator that is still held when the program ends is never closed.
    worker = threading.Thread(
        target=produce, args=(source, room, made, stop), name="tidegrad-prefetch", daemon=True
    )
    worker.start()
    try:
        while True:
            item, error = made.get()
            if error is not None:
                break
            room.release()
            yield item
            # Otherwise this frame would keep one batch more alive than `depth` says.
            del item
        if error is not DONE:
            raise error
    finally:
        stop.set()
        room.release()
        error = None  # an exception that refers to the frame it came through is a cycle
        # The garbage collector may close an abandoned iterator on its own worker.
        if worker is not threading.current_thread():
            worker.join()


DONE = BaseException("no more items")


def produce(
    source: Iterator[Any], room: threading.Semaphore, made: SimpleQueue, stop: threading.Event
) -> None:
    """Put the items of `source` into `made` as long as there is room, then how it ended."""
    try:
        room.acquire()
        for item in () if stop.is_set() else source:
            made.put((item, None))
            del item
            room.acquire()
            if stop.is_set():
                return
        made.put((None, DONE))
    except BaseException as error:  # whatever it is, it belongs to whoever iterates
        made.put((None, error))
