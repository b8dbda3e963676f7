"""Floor 7. Layer: a module that reads as the call that made it; and functions as layers."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter as Argument
from inspect import Signature, signature
from typing import Any

import tidegrad as tg

from ..module import Module

__all__ = ["Layer", "layer"]


class Layer(Module):
    """A module that keeps the arguments it was made with under their own names."""

    __signature__: Signature

    def __init_subclass__(cls) -> None:
        # Said here, because Python would take that of Module.__new__, which accepts anything.
        if "__init__" in vars(cls):
            own = list(signature(cls.__init__).parameters.values())
            cls.__signature__ = Signature(own[1:])

    def extra_repr(self) -> str:
        """The arguments, but for options that are as usual."""
        shown = []
        for name, argument in self.__signature__.parameters.items():
            value, usual = vars(self).get(name, argument.default), argument.default
            # A bias that was not wanted is None.
            value = False if value is None and usual is True else value
            if isinstance(value, (int, float, str, tuple)) and value != usual:
                shown.append(repr(value) if usual is Argument.empty else f"{name}={value!r}")
        return ", ".join(shown)


class Applied(Layer):
    """A function whose options are attributes; arrays among them are buffers, not saved."""

    function: Callable[..., Any]

    def __init__(self, *args, **kwargs):
        given = self.__signature__.bind(*args, **kwargs)
        given.apply_defaults()
        for name, value in given.arguments.items():
            if hasattr(value, "shape"):
                self.register_buffer(name, tg.asarray(value), persistent=False)
            else:
                setattr(self, name, value)

    def forward(self, *inputs):
        """The function of `inputs`, with the options held here."""
        held = vars(self)
        return self.function(
            *inputs, **{name: held[name] for name in self.__signature__.parameters}
        )


def layer(name: str, function: Callable[..., Any], inputs: int = 1) -> type[Layer]:
    """The layer called `name` that applies `function`; what follows its inputs are options."""
    options = list(signature(function).parameters.values())[inputs:]
    body = {
        "function": staticmethod(function),
        "__doc__": function.__doc__,
        "__module__": f"{__package__}.functions",
        "__signature__": Signature(options),
    }
    return type(name, (Applied,), body)
