"""The store: one folder with objects, trees and a database."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from motools.store.atoms import Atoms
from motools.store.content import Contents
from motools.store.database import Database, Transaction
from motools.store.effects import Effects
from motools.store.equivalences import Equivalences
from motools.store.events import Events
from motools.store.keys import Keys
from motools.store.labels import Labels
from motools.store.location import default_store_path
from motools.store.objects import Objects
from motools.store.runlabels import RunLabels
from motools.store.runs import Runs
from motools.store.seen import SeenFiles
from motools.store.sync import sync_objects


class Store:
    """An open store; `Store.open` makes one. Safe to use from several threads; a forked process goes on by itself.

    Attributes:
        path: the folder, absolute.
        readonly: whether it lies on a medium that cannot be written.
        clock: seconds since 1970.
        objects, content, atoms, labels, runs, run_labels, events, keys, equivalences, effects, seen_files: see the classes.
    """

    def __init__(self, path: Path, database: Database, clock: Callable[[], float]) -> None:
        self.path = path
        self.clock = clock
        self.objects = Objects(path, database, clock)
        self.content = Contents(path, database, self.objects, clock)
        self.labels = Labels(database, clock)
        self.atoms = Atoms(database, clock)
        self.runs = Runs(database, clock)
        self.run_labels = RunLabels(database, clock)
        self.events = Events(database, clock)
        self.keys = Keys(database, clock)
        self.equivalences = Equivalences(database, clock)
        self.effects = Effects(database, clock)
        self.seen_files = SeenFiles(database)
        self._database = database
        self._closed = False

    @classmethod
    def open(
        cls, path: Path | str | None = None, *, create: bool = True, clock: Callable[[], float] = time.time
    ) -> Store:
        """Open the store in folder `path`, by default `default_store_path()`.

        Args:
            create: make one where there is none.
            clock: seconds since 1970; expiry of leases and claims is by it.

        Raises:
            StoreError: there is none, or it cannot be used: StoreNotWritableError, StoreTooNewError, StoreFullError,
                CorruptError say why.
        """
        folder = Path(os.path.abspath(path)) if path is not None else default_store_path()
        return cls(folder, Database.shared(folder, create=create, before_full=sync_objects), clock)

    @property
    def readonly(self) -> bool:
        """Whether the store lies on a medium that cannot be written."""
        return self._database.readonly

    @property
    def usable(self) -> bool:
        """Whether it is open and its folder is still the one that was opened."""
        return not (self._closed or self._database.replaced())

    @property
    def database(self) -> Database:
        """The database, for `motools store verify` and tests."""
        return self._database

    def transaction(self, full: bool = False) -> Transaction:
        """Return a context manager that makes all writes inside it one: all are committed at its end, or none.

        Inner ones join the outermost. Keep it short and do not await inside: other processes wait.

        Args:
            full: whether it must survive a loss of power when it is committed, together with all objects stored before.
        """
        return self._database.transaction(full)

    def close(self) -> None:
        """Close the store; it cannot be used any more."""
        if not self._closed:
            self._closed = True
            self._database.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"
