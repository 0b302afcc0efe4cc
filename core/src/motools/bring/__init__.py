"""What people bring: datasets, values and folders of their own, and logs of evaluations made elsewhere, as atoms.

data      a file or folder becomes an atom;  logs: a log becomes an eval atom;  origin: what is remembered of where it was
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motools.bring.data import add_data
    from motools.bring.logs import import_log
    from motools.bring.origin import Brought

_HOME = {"Brought": "origin", "add_data": "data", "import_log": "logs"}

__all__ = ["Brought", "add_data", "import_log"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'motools.bring' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"motools.bring.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
