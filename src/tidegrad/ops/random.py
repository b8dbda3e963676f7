"""Floor 3. Provisional random numbers."""
import numpy as np
from ..core import Tensor
from ..dtypes import as_dtype
class Generator:
    def __init__(self, seed=0): self.r = np.random.Generator(np.random.Philox(seed))
    def uniform(self, shape=(), low=0.0, high=1.0, dtype=None): return Tensor(np.asarray(self.r.uniform(low, high, shape)).astype(as_dtype(dtype)))
    def normal(self, shape=(), mean=0.0, std=1.0, dtype=None): return Tensor(np.asarray(self.r.normal(mean, std, shape)).astype(as_dtype(dtype)))
    def integers(self, low, high=None, shape=(), dtype="int64"): return Tensor(np.asarray(self.r.integers(low, high, shape)).astype(dtype))
    def bernoulli(self, p=0.5, shape=(), dtype=bool): return Tensor(np.asarray(self.r.uniform(size=shape) < p).astype(dtype))
    def permutation(self, n): return Tensor(self.r.permutation(n))
    def state_dict(self): return {"state": repr(self.r.bit_generator.state)}
    def load_state_dict(self, s): self.r.bit_generator.state = eval(s["state"], {"array": np.array, "uint64": np.uint64})
_g = Generator()
def default_generator(): return _g
def seed(n): _g.__init__(n)
def _m(name):
    def f(*a, generator=None, **k): return getattr(generator or _g, name)(*a, **k)
    return f
uniform, normal, integers, bernoulli, permutation = map(_m, ("uniform", "normal", "integers", "bernoulli", "permutation"))
