"""Floor 7. Saving and loading: trees of tensors as safetensors files, whole or refused."""

from .saving import load, save

__all__ = ["load", "save"]
