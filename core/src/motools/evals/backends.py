"""The installed eval backends by the names of their classes: `from motools.evals.backends import InspectEvalBackend`."""

from __future__ import annotations

from typing import Any

from motools.contracts.evaluation import EvalBackend
from motools.contracts.face import backend_class, backend_classes, new_backend

_KIND = "eval_backend"


def get_backend(name: str) -> EvalBackend:
    """Return a new eval backend by its component's name (`inspect`, `motools-inspect/inspect`).

    Raises:
        PluginError: there is none of that name, or it cannot be loaded.
    """
    backend: EvalBackend = new_backend(_KIND, name, EvalBackend)
    return backend


def __getattr__(name: str) -> Any:
    return backend_class(_KIND, name, __name__)


def __dir__() -> list[str]:
    return sorted({"get_backend", *backend_classes(_KIND)})
