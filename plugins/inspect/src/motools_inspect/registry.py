"""What Inspect imports through its entry point: registers the model API `motools` and the metrics."""

from motools_inspect.model_api import motools
from motools_inspect.scoring import mean, stderr

__all__ = ["mean", "motools", "stderr"]
