"""The installed training backends by the names of their classes.

from motools.training.backends import OpenAITrainingBackend
"""

from __future__ import annotations

from typing import Any

from motools.contracts.face import backend_class, backend_classes, new_backend
from motools.contracts.training import TrainingBackend

_KIND = "training_backend"


def get_backend(name: str) -> TrainingBackend:
    """Return a new training backend by its component's name (`openai`, `motools-openai/openai`).

    Raises:
        PluginError: there is none of that name, or it cannot be loaded.
    """
    backend: TrainingBackend = new_backend(_KIND, name, TrainingBackend)
    return backend


def __getattr__(name: str) -> Any:
    return backend_class(_KIND, name, __name__)


def __dir__() -> list[str]:
    return sorted({"get_backend", *backend_classes(_KIND)})
