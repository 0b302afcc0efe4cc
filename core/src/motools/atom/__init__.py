"""What was made: atoms, their types, and their lineage."""

from motools.atom.atom import Atom
from motools.atom.current import current_store, use_store
from motools.atom.types import DatasetAtom, EvalAtom, ModelAtom, TaskAtom, ValueAtom

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
