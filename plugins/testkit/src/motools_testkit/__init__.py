"""What motools expects of a plugin, as classes of tests to inherit: a subclass names its component and inherits the checks.

from motools_testkit import TrainingBackendContract

class TestTraining(TrainingBackendContract):
    component = "acme"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motools_testkit.answers import Answers as Answers
    from motools_testkit.contract import Contract as Contract
    from motools_testkit.contract import checks_of as checks_of
    from motools_testkit.training import TrainingBackendContract as TrainingBackendContract
    from motools_testkit.zoo import ZooPackageContract as ZooPackageContract

_HOMES = {
    "Answers": "answers",
    "Contract": "contract",
    "TrainingBackendContract": "training",
    "ZooPackageContract": "zoo",
    "checks_of": "contract",
}

__all__ = ["Answers", "Contract", "TrainingBackendContract", "ZooPackageContract", "checks_of"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'motools_testkit' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"motools_testkit.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
