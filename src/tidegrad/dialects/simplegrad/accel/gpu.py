"""Floor 8. simplegrad's OpenCL device is not here: the error says what takes its place."""

from __future__ import annotations

from typing import Any

from ...shared import lacking

__all__: list[str] = []

missing = lacking("simplegrad")


def __getattr__(name: str) -> Any:
    if name != "GPU":
        return missing(name)
    raise ImportError(
        "accel.gpu: the dialect brings no OpenCL; give a class with your device's operations to "
        "tg.backends.register(name, cls), and assign the name or the class to Tensor.device"
    )
