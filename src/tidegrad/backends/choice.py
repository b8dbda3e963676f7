"""Floor 6. Choice: which backends there are, and which one a thread uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import Tensor, local
from ..trees import flatten
from .device import Device
from .execution import Execution
from .held import Held
from .host import DOZEN
from .processes import Processes
from .threads import Sharing, Threads

__all__ = ["home", "names", "register", "use"]

# The built-in backends; those that are registered are added.
MAKERS: dict[str, Callable[..., Execution | None]] = {
    "numpy": lambda: None,
    "threads": Threads,
    "processes": Processes,
}
BUILT_IN = frozenset(MAKERS)


def register(name: str, accelerator: Any) -> None:
    """Make `accelerator`, a class with the dozen operations of `tg.backends.Host`, known as `name`.

    It is instantiated, without arguments, at its first use.  TypeError, naming them, where it
    lacks operations; ValueError for a name that is a built-in backend's.

    >>> class Empty:
    ...     pass
    >>> tg.backends.register("empty", Empty)
    Traceback (most recent call last):
    TypeError: register: Empty lacks the operations array, numpy, map, reduce, reshape, ...
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"register: a backend's name is an identifier, not {name!r}")
    if name in BUILT_IN:
        raise ValueError(f"register: {name!r} is tidegrad's own backend; choose another name")
    lacking = [one for one in DOZEN if not callable(getattr(accelerator, one, None))]
    if lacking:
        what = getattr(accelerator, "__name__", type(accelerator).__name__)
        raise TypeError(
            f"register: {what} lacks the operations {', '.join(lacking)}; tg.backends.Host says "
            "what each of them means"
        )
    made: list[Device] = []

    def maker() -> Device:
        if not made:
            backend = accelerator() if isinstance(accelerator, type) else accelerator
            made.append(Device(name, backend))
        return made[0]

    MAKERS[name] = maker


def names() -> list[str]:
    """The backends that there are."""
    return sorted(MAKERS)


def home(tree: Any) -> Any:
    """Bring every tensor of `tree` to NumPy: of a Module, an optimizer, or a tree of tensors.

    Gives `tree` back.

    >>> tg.backends.home(tg.nn.Linear(2, 1)).weight.shape
    (1, 2)
    """
    groups = getattr(tree, "param_groups", [])
    kept = [tree.state, [(dict(group), group.step) for group in groups]] if groups else []
    for tensor in [*flatten([tree, kept])[0], *getattr(tree, "buffers", list)()]:
        for t in (tensor, getattr(tensor, "grad", None)):
            if type(t) is Tensor and isinstance(t.array, Held):
                t.array = t.array.known()
    return tree


class use:
    """Let this thread's eager operations run on the backend `name`, from now on.

    As `with tg.backends.use(name):` only until the end of the block.  Functions under `tg.jit` run
    eagerly there, operation by operation.  Tensors made there stay there; "numpy" is the way back.
    `options` are those of the backend: `workers` and `min_elements` of "threads" and "processes".
    ValueError for a name that is not registered, and for options that make no sense; RuntimeError
    inside a compiled function and where operations are looked at, as by `detect_anomaly`.

    >>> with tg.backends.use("threads", workers=2):
    ...     tg.tensor([1.0, 2.0]) + 1
    tensor([2., 3.])
    """

    def __init__(self, name: str, **options: Any):
        maker = MAKERS.get(name)
        if maker is None:
            raise ValueError(
                f"backends.use: there is no backend {name!r}, only {', '.join(names())}; "
                "tg.backends.register(name, cls) adds one"
            )
        try:
            execution = maker(**options)
        except TypeError as error:
            if options and "unexpected keyword" in str(error):
                raise ValueError(
                    f"backends.use: {name} has no option {', '.join(options)}"
                ) from None
            raise
        self.execution, self.left = execution, False
        self.begin()

    def begin(self) -> None:
        if local.trace is not None and not isinstance(local.trace, Execution):
            raise RuntimeError(
                "backends.use: operations are being looked at here, by a compiled function, a "
                "checkpoint, detect_anomaly or whole_tape; choose the backend before these begin"
            )
        self.before = local.trace, local.lifting
        local.trace, local.lifting = self.execution, isinstance(self.execution, Sharing)

    def __enter__(self) -> use:
        if self.left:
            self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.left = True
        local.trace, local.lifting = self.before
