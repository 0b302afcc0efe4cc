"""What was made: atoms, their types, and their lineage."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motools.atom.atom import Atom
    from motools.atom.current import current_store, use_store
    from motools.atom.types import DatasetAtom, EvalAtom, ModelAtom, TaskAtom, ValueAtom

# A start needs none of them. `Atom` comes with its types, so that no other class can take their names.
_HOMES = {
    "current": ("current_store", "use_store"),
    "types": ("Atom", "DatasetAtom", "EvalAtom", "ModelAtom", "TaskAtom", "ValueAtom"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Atom",
    "DatasetAtom",
    "EvalAtom",
    "ModelAtom",
    "TaskAtom",
    "ValueAtom",
    "current_store",
    "use_store",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'motools.atom' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"motools.atom.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
