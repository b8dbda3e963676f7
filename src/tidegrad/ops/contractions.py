"""Floor 3. placeholder until the real one lands"""

__all__ = ["matmul"]


def matmul(x, y):
    raise NotImplementedError
