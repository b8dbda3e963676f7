"""What `benchmarks.compiled` measures: a workload a file, each written for three engines."""

from importlib import import_module

# The rows in the order they are printed: the module that has each, and its name there.
ROWS = {
    "moons": "mlp",
    "spiral": "mlp",
    "mnist": "mlp",
    "wide": "mlp",
    "lenet": "lenet",
    "lstm": "lstm",
    "gpt": "gpt",
    "options": "options",
    "affine": "affine",
    "overhead": "overhead",
}


def workload(row):
    """The Workload called `row`."""
    return getattr(import_module(f"{__name__}.{ROWS[row]}"), row.upper())
