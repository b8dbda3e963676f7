"""Floor 7. The layers, one family a file."""
# ruff: noqa: F403

from .attention import *
from .conv import *
from .functions import *
from .linear import *
from .norms import *
from .recurrent import *
from .transformer import *
