"""Floor 7. Loop: fit a model to the batches of a loader."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from time import perf_counter
from typing import Any

from .checkpoint import resumable
from .history import History
from .measure import READ_ONCE, Averages, evaluate, measure
from .report import Lines, reporting
from .run import Run

__all__ = ["fit"]


def fit(model: Any, loader: Any, loss: Any, optimizer: Any, epochs: int, **options: Any) -> History:
    """Train `model` in place for `epochs` passes over `loader`, and return what was measured.

    A batch is `(*inputs, target)`, and the loss is `loss(model(*inputs), target)`, a scalar mean
    over items. `Run` tells what may be given by name: validate, metrics, callbacks, schedule,
    schedule_per, checkpoint, every, resume, forward, progress.

    With a `checkpoint` the run, killed and started again in the same way, ends in the same bits.
    Ctrl-C ends it after the current step, saved, with `history.interrupted`; a second one is a
    KeyboardInterrupt at once. A loss that is NaN or infinite is a FloatingPointError before it
    reaches the parameters; an empty loader or a loss that is no scalar is a ValueError.

    >>> net, batches = tg.nn.Linear(2, 2), [tg.data.blobs(20, classes=2)]
    >>> opt = tg.optim.Adam(net.parameters(), lr=0.1)
    >>> history = tg.training.fit(net, batches, tg.nn.cross_entropy, opt, 5, progress=False)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """
    run = Run(model, loader, loss, optimizer, epochs, **options)
    keeper = run.keeper()
    resumed = run.resume and keeper is not None and keeper.restore()
    training = model.training
    try:
        with interruptions() as pressed, closing(reporting(run)) as report:
            if resumed:
                report.note(f"resumed from {run.checkpoint} after {run.step} steps")
            train(run, pressed, report)
    finally:
        model.train(training)
    return run.history


def train(run: Run, pressed: list[bool], report: Lines) -> None:
    """Epoch after epoch, from wherever `run` stands."""
    history = run.history
    run.tell("on_start")
    over = history.stopped or (run.epoch >= run.epochs and f"{run.epoch} epochs are done")
    if over:
        report.note(f"nothing to do: {over}; start over with resume=False or another checkpoint")
    skip = 0 if resumable(run.loader) else run.batch
    while run.epoch < run.epochs and history.stopped is None and not pressed:
        run.model.train()
        for _ in steps(run, skip):
            report.step()
            if pressed or history.stopped is not None:
                break
            if run.every and run.step % run.every == 0:
                run.save()
        else:
            finish_epoch(run)
            report.show(run.epoch, history.rows[-1])
        skip = 0
        run.save()
    history.interrupted = bool(pressed) and run.epoch < run.epochs
    if history.interrupted:
        kept = f", which {run.checkpoint} holds" if run.checkpoint else ""
        report.note(f"interrupted after {run.step} steps{kept}")
    run.tell("on_end")


def steps(run: Run, skip: int) -> Iterator[None]:
    """The steps of the epoch under way, of which the loader still repeats the first `skip`."""
    began = perf_counter()
    # Closed in the end, so that the loader's thread never outlives the run.
    with closing(batch for batch in run.loader) as batches:
        for batch in islice(batches, skip, None):
            step(run, batch)
            now = perf_counter()
            run.seconds, began = run.seconds + now - began, now
            yield
    if run.batch == 0:
        raise ValueError(f"fit: the loader gave no batch in epoch {run.epoch + 1}; {READ_ONCE}")


def step(run: Run, batch: Any) -> None:
    """One batch: forward, backward, update."""
    run.optimizer.zero_grad()
    loss, numbers, items = measure(run.model, batch, run.loss_function, run.metrics, run.forward)
    run.loss = numbers["loss"]
    if not math.isfinite(run.loss):
        raise FloatingPointError(
            f"fit: the loss is {run.loss} in epoch {run.epoch + 1}, step {run.step + 1}; the "
            "parameters are those from before this step. Lower the learning rate, clip gradients, "
            "or look for the cause under tg.detect_anomaly()"
        )
    if not loss.requires_grad:
        raise ValueError(
            "fit: the loss does not depend on any parameter that needs a gradient; look for a "
            "detach(), .numpy() or no_grad() between the model and the loss, or frozen parameters"
        )
    loss.backward()
    run.tell("on_gradients")
    run.optimizer.step()
    if run.schedule is not None and run.schedule_per == "step":
        run.schedule.step()
    run.averages.add(numbers, items)
    run.batch += 1
    run.step += 1
    run.tell("on_step")


def finish_epoch(run: Run) -> None:
    """Validate, write the epoch's row, and let schedule and callbacks act on it."""
    row = {"epoch": run.epoch + 1, **run.averages.means()}
    if run.validate is not None:
        found = evaluate(
            run.model, run.validate, run.loss_function, metrics=run.metrics, forward=run.forward
        )
        row.update({f"val_{name}": value for name, value in found.items()})
    row["lr"] = float(run.optimizer.param_groups[0]["lr"])
    row["seconds"] = round(run.seconds, 3)
    run.history.rows.append(row)
    run.epoch, run.batch, run.seconds, run.averages = run.epoch + 1, 0, 0.0, Averages()
    if run.schedule is not None and run.schedule_per == "epoch":
        run.schedule.step(*[row.get("val_loss", row["loss"])] if run.plateau else [])
    run.tell("on_epoch")


@contextmanager
def interruptions() -> Iterator[list[bool]]:
    """A list that the first Ctrl-C puts True into; the next one is a KeyboardInterrupt.

    Ctrl-C is left alone outside the main thread and where the program has a handler of its own.
    """
    pressed: list[bool] = []

    def press(*_: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(True)

    main = threading.current_thread() is threading.main_thread()
    ours = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
