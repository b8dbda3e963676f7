"""Floor 6. Backends: who computes what eager operations ask for, NumPy or something else.

An accelerator is a class with a dozen array operations, those of `tg.backends.Host`, which has
them in NumPy and says what each means.  Once registered, everything runs on it:

>>> class Mine(tg.backends.Host):
...     def map(self, text, inputs, shape, dtype):
...         print("map", text)
...         return super().map(text, inputs, shape, dtype)
>>> tg.backends.register("mine", Mine)
>>> with tg.backends.use("mine"):
...     x = tg.tensor([1.0, 2.0]) * 3 + 1
map x * y
map x + y
>>> x.numpy()
array([4., 7.], dtype=float32)
"""

from .choice import home, names, register, use
from .host import DOZEN, FUNCTIONS, Host
from .pieces import pays

__all__ = ["DOZEN", "FUNCTIONS", "Host", "home", "names", "pays", "register", "use"]
