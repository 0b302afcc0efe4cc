"""The store that code means when it names none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Lock

from motools.store.location import default_store_path
from motools.store.store import Store

_current: ContextVar[Store | None] = ContextVar("motools_store", default=None)
_opened: dict[Path, Store] = {}
_opening = Lock()


def current_store() -> Store:
    """Return the store of the innermost `use_store`, else the one at `default_store_path()` as it is at this moment.

    Raises:
        StoreError: it cannot be opened.
    """
    return _current.get() or store_at(default_store_path())


def chosen_store() -> Store | None:
    """Return the store of the innermost `use_store`; None outside of any."""
    return _current.get()


def store_at(path: Path, *, create: bool = True) -> Store:
    """Return a store that stays open until the process ends; each folder is opened once.

    Raises:
        StoreError: it cannot be opened.
    """
    with _opening:
        store = _opened.get(path)
        if store is None or not store.usable:
            store = _opened[path] = Store.open(path, create=create)
        return store


@contextmanager
def use_store(store: Store | Path | str) -> Iterator[Store]:
    """Make `store` the current one inside the `with` block, for this task and what it starts.

    A path is opened, and closed at the end.
    """
    opened = store if isinstance(store, Store) else Store.open(store)
    token = _current.set(opened)
    try:
        yield opened
    finally:
        _current.reset(token)
        if opened is not store:
            opened.close()
