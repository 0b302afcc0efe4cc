"""What is durable: objects, contents, atoms, runs, events, keys and effects, in one folder.

location     where the store is
database     SQLite: one connection a process, transactions, errors explained
migrations   the tables
objects      files by digest, under objects/
content      JSON values and lists of files, shown as folders under trees/
atoms        who made what from what
runs         runs and their leases;  leases: owners, and whether they live
events       the runs' append-only logs
keys         what was computed under which key, and who computes it now
effects      what was done to the world
store        all of it, opened
verify       everything that is wrong with a store
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motools.store.atoms import AtomRow
    from motools.store.content import Content
    from motools.store.effects import EffectRow
    from motools.store.events import Event
    from motools.store.keys import KeyRow
    from motools.store.leases import Lease, this_process
    from motools.store.location import default_store_path
    from motools.store.objects import StoredObject
    from motools.store.runs import RunRow
    from motools.store.store import Store

__all__ = [
    "AtomRow",
    "Content",
    "EffectRow",
    "Event",
    "KeyRow",
    "Lease",
    "RunRow",
    "Store",
    "StoredObject",
    "default_store_path",
    "this_process",
]

_HOME = {
    "AtomRow": "atoms",
    "Content": "content",
    "EffectRow": "effects",
    "Event": "events",
    "KeyRow": "keys",
    "Lease": "leases",
    "RunRow": "runs",
    "Store": "store",
    "StoredObject": "objects",
    "default_store_path": "location",
    "this_process": "leases",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'motools.store' has no attribute '{name}'")
    found = getattr(import_module(f"motools.store.{_HOME[name]}"), name)
    globals()[name] = found
    return found
