"""Floor 8. The names of picograd's module `engine`."""

from ..shared import lacking
from .config import get_distributed_config, set_distributed_config
from .graphs import optimize_graph, visualize_graph
from .shards import Tensor
from .values import Value

__all__ = ["Tensor", "Value", "get_distributed_config", "optimize_graph"]
__all__ += ["set_distributed_config", "visualize_graph"]

__getattr__ = lacking("picograd")
