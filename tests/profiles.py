"""How much the random tests do: a fixed little in every run, far more under `make fuzz`."""

import os

from hypothesis import HealthCheck, settings

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"


def many(usual: int, fuzz: int) -> int:
    """A number of examples: `usual`, or `fuzz` under `make fuzz`."""
    return fuzz if FUZZ else usual


# Usual runs draw the same examples each time, so that a failure is the change's own.
settings.register_profile("usual", derandomize=True, deadline=None, max_examples=100)
settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=2000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fuzz" if FUZZ else "usual")
