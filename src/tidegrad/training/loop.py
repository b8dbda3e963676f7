"""Floor 7. Loop: fit a model to the batches of a loader."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import tidegrad as tg

from .checkpoint import Checkpoint, resumable
from .evaluate import evaluate, measured, reading, scalar, size, supervised
from .history import History
from .interrupt import Interrupt
from .options import Options
from .report import Report, reporting
from .run import Averages, Run, watched

__all__ = ["fit"]


def fit(model: Any, loader: Any, loss: Any, optimizer: Any, epochs: int, **options: Any) -> History:
    """Train `model` in place for `epochs` passes over `loader`, and return what was measured.

    A batch is `(*inputs, target)`, and the loss is `loss(model(*inputs), target)`, a scalar mean
    over items. What may be given by name (validate, metrics, callbacks, schedule, checkpoint,
    every, resume, forward, stop_on_nan, progress) is told in `tg.training.Options`.

    With a `checkpoint` the run, killed and started again in the same way, ends in the same bits.
    Ctrl-C ends it after the current step, saved, with `history.interrupted`; a second Ctrl-C is
    a KeyboardInterrupt at once. A loss that is NaN or infinite is a FloatingPointError before it
    reaches the parameters; an empty loader or a loss that is no scalar is a ValueError.

    >>> x, y = tg.data.blobs(20, classes=2, seed=1)
    >>> loader = tg.data.DataLoader(tg.data.TensorDataset(x, y), batch_size=8, shuffle=True)
    >>> net = tg.nn.Linear(2, 2)
    >>> opt = tg.optim.Adam(net.parameters(), lr=0.1)
    >>> history = tg.training.fit(net, loader, tg.nn.cross_entropy, opt, 5, progress=False)
    >>> len(history), history["loss"][-1] < history["loss"][0]
    (5, True)
    """
    run = Run(model, loader, loss, optimizer, epochs, Options(**options))
    keeper = keeper_of(run)
    resumed = keeper is not None and run.options.resume and keeper.restore()
    training = model.training
    try:
        with Interrupt() as interrupt, reporting(run) as report:
            if keeper is not None and resumed:
                report.note(f"resumed from {keeper.path} after {run.step} steps")
            train(run, keeper, interrupt, report)
    finally:
        model.train(training)
    return run.history


def train(run: Run, keeper: Checkpoint | None, interrupt: Interrupt, report: Report) -> None:
    """Epoch after epoch, from wherever `run` stands."""
    run.tell("on_start")
    over = run.history.stopped or (run.epoch >= run.epochs and f"{run.epoch} epochs are done")
    if over:
        report.note(f"nothing to do: {over}; start over with resume=False or another checkpoint")
    every = run.options.every
    skip = 0 if resumable(run.loader) else run.batch
    while run.epoch < run.epochs and run.history.stopped is None and not interrupt.pressed:
        run.model.train()
        for _ in steps(run, skip):
            report.step()
            if interrupt.pressed or run.history.stopped is not None:
                break
            if keeper is not None and every is not None and run.step % every == 0:
                keeper.save()
        else:
            finish_epoch(run)
            report.epoch()
        skip = 0
        if keeper is not None:
            keeper.save()
    run.history.interrupted = interrupt.pressed and run.epoch < run.epochs
    if run.history.interrupted:
        kept = "" if keeper is None else f", which {keeper.path} holds"
        report.note(f"interrupted after {run.step} steps{kept}")
    run.tell("on_end")


def steps(run: Run, skip: int) -> Iterator[None]:
    """The steps of the epoch under way, of which the loader still repeats the first `skip`."""
    began = time.perf_counter()
    with reading(run.loader) as batches:
        for batch in islice(batches, skip, None):
            step(run, batch)
            now = time.perf_counter()
            run.seconds, began = run.seconds + now - began, now
            yield
    if run.batch == 0:
        raise ValueError(
            f"fit: the loader gave no batch in epoch {run.epoch + 1}; "
            "an iterator can be read only once, so give a DataLoader or a list"
        )


def step(run: Run, batch: Any) -> None:
    """One batch: forward, backward, update."""
    run.optimizer.zero_grad()
    prediction, target = (run.options.forward or supervised)(run.model, batch)
    loss = scalar(run.loss_function(prediction, target))
    value = loss.item()
    if run.options.stop_on_nan and not math.isfinite(value):
        raise FloatingPointError(
            f"fit: the loss is {value} in epoch {run.epoch + 1}, step {run.step + 1}; the "
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
    if run.options.schedule is not None and run.options.schedule_per == "step":
        run.options.schedule.step()
    with tg.no_grad():
        numbers = {"loss": value, **measured(run.options.metrics, prediction, target)}
    run.loss = value
    run.averages.add(numbers, size(prediction))
    run.batch += 1
    run.step += 1
    run.tell("on_step")


def finish_epoch(run: Run) -> None:
    """Validate, write the epoch's row, and let schedule and callbacks act on it."""
    row = {"epoch": run.epoch + 1, **run.averages.means()}
    options = run.options
    if options.validate is not None:
        asked: dict[str, Any] = {"metrics": options.metrics, "forward": options.forward}
        found = evaluate(run.model, options.validate, run.loss_function, **asked)
        row.update({f"val_{name}": value for name, value in found.items()})
    row["lr"] = float(run.optimizer.param_groups[0]["lr"])
    row["seconds"] = round(run.seconds, 3)
    run.history.append(row)
    run.epoch, run.batch, run.seconds, run.averages = run.epoch + 1, 0, 0.0, Averages()
    if options.schedule is not None and options.schedule_per == "epoch":
        loss = [watched(run.history, None)[1]] if options.plateau else []
        options.schedule.step(*loss)
    run.tell("on_epoch")


def keeper_of(run: Run) -> Checkpoint | None:
    """The checkpoint of a run: one that the user made keeps its own parts beside the run's."""
    wanted = run.options.checkpoint
    if wanted is None:
        return None
    if isinstance(wanted, Checkpoint):
        return Checkpoint(wanted.path, **{**wanted.parts, **run.parts()})
    return Checkpoint(wanted, **run.parts())
