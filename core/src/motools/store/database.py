"""The store's SQLite database: one connection a process, guarded by a lock, and one writer at a time on the machine.

Writers of all processes take `motools.lock` (flock) before they begin, so that the write-ahead log is checkpointed only
while nobody commits. A process that dies lets go of it.

Before a fork the connection is closed and each side opens its own when it next needs one: a SQLite connection, and even
SQLite's memory of its locks, must not cross a fork.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from motools.errors import StoreError, StoreNotWritableError
from motools.store.connect import FULL, LOG_BYTES, NORMAL, connect, connect_readonly, migrate, version
from motools.store.disk import LOCKED, WRITABLE, explain, os_error
from motools.store.location import refuse_network
from motools.store.lock import WriterLock
from motools.store.migrations import MIGRATIONS

BUSY_SECONDS = 30.0
"""How long a writer waits for the others before it gives up."""

_CHECKPOINT_ROWS = 1400  # changed by this process: 8 to 16 MB of log

_Row = tuple[Any, ...]


class Database:
    """Queries and transactions on `motools.db` in `folder`. Made by `Database.shared`, ended by `release`."""

    def __init__(self, folder: Path, before_full: Callable[[Database], None]) -> None:
        self.folder = folder
        self.file = folder / "motools.db"
        self.readonly = False
        self.users = 0
        self.written: set[str] = set()
        """Objects whose bytes this process wrote itself: they are what they should be, if not on the disk yet."""
        self._before_full = before_full
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._queue = WriterLock(folder / "motools.lock")
        self._depth = 0
        self._wanted_full = self._began_full = self._doomed = False
        self._level = NORMAL
        self._folded = 0  # how many rows had been changed when the log was last folded in
        self._identity: tuple[int, int] | None = None
        self._torn_by_fork = False

    @classmethod
    def shared(cls, folder: Path, *, create: bool, before_full: Callable[[Database], None]) -> Database:
        """Return this process's database for `folder`, opened on first use; each caller calls `release` once.

        Raises:
            StoreError: there is none and `create` is false, or it cannot be used (see its subclasses).
        """
        key = os.path.realpath(folder)
        with _registry_lock:
            found = _registry.get(key)
            if found is None or found.replaced():
                found = cls(folder, before_full)
                found._open(create)
                _registry[key] = found
            found.users += 1
            return found

    def release(self) -> None:
        """Close the connection when the last user has called this."""
        with _registry_lock:
            self.users -= 1
            if self.users > 0:
                return
            for key in [key for key, database in _registry.items() if database is self]:
                del _registry[key]
        # Not under the registry's lock: a thread inside a transaction may be waiting for that.
        with self._lock:
            self._disconnect()

    def query(self, sql: str, args: Sequence[Any] = ()) -> list[_Row]:
        """Return all rows of a SELECT; inside a transaction of this thread it sees what that wrote."""
        with self._lock:
            try:
                return (self._connection or self._connect()).execute(sql, args).fetchall()
            except sqlite3.Error as error:
                raise explain(error, self.file) from error

    def one(self, sql: str, args: Sequence[Any] = ()) -> _Row | None:
        """Return the first row of a SELECT, or None."""
        with self._lock:
            try:
                row: _Row | None = (self._connection or self._connect()).execute(sql, args).fetchone()
            except sqlite3.Error as error:
                raise explain(error, self.file) from error
            return row

    def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Run one statement inside the current transaction and return how many rows it changed."""
        assert self._depth, "a write outside a transaction"
        assert self._connection is not None
        try:
            return self._connection.execute(sql, args).rowcount
        except sqlite3.Error as error:
            raise explain(error, self.file) from error

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row inside the current transaction."""
        assert self._depth, "a write outside a transaction"
        assert self._connection is not None
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise explain(error, self.file) from error

    def transaction(self, full: bool = False) -> Transaction:
        """Return a context manager: all written inside is committed at the end of the outermost one, or nothing is."""
        return Transaction(self, full)

    @property
    def writing(self) -> bool:
        """Whether a transaction is open, of whichever thread."""
        return self._depth > 0

    @property
    def changes(self) -> int:
        """How many rows this connection has changed so far."""
        return self._connection.total_changes if self._connection is not None else 0

    # -- transactions

    def _enter(self, full: bool) -> None:
        self._lock.acquire()
        try:
            if self._depth == 0:
                self._begin(full)
            elif self._torn_by_fork:
                raise StoreError("this process was forked inside a transaction and cannot go on with it")
            self._wanted_full = self._wanted_full or full
            self._depth += 1
        except BaseException:
            self._lock.release()
            raise

    def _begin(self, full: bool) -> None:
        connection = self._connection or self._connect()
        if self.readonly:
            raise StoreNotWritableError(f"the store '{self.folder}' can only be read", hint=WRITABLE)
        if full:
            self._before_full(self)  # the slow part, before anyone has to wait for us
        self._queue.take(BUSY_SECONDS)
        try:
            level = FULL if full else NORMAL
            if level != self._level:
                connection.execute(f"PRAGMA synchronous={level}")
                self._level = level
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._queue.drop()
            raise explain(error, self.file) from error
        self._began_full, self._wanted_full, self._doomed = full, False, False

    def _leave(self, failed: bool, wrote: bool) -> None:
        try:
            if self._depth > 1:
                # What an inner transaction wrote before it failed cannot be taken back alone.
                self._doomed = self._doomed or (failed and wrote)
            elif self._torn_by_fork:
                self._torn_by_fork = False
            else:
                self._end(failed)
        finally:
            self._depth -= 1
            self._lock.release()

    def _end(self, failed: bool) -> None:
        try:
            if not failed and not self._doomed:
                self._commit()
                return
            self._rollback()
        finally:
            self._queue.drop()
        if not failed:
            raise StoreError("a part of this transaction failed after it had written, so all of it was undone")

    def _commit(self) -> None:
        connection = self._connection
        assert connection is not None
        try:
            if self._wanted_full:
                self._before_full(self)
            connection.execute("COMMIT")
        except BaseException as error:
            self._rollback()
            if isinstance(error, sqlite3.Error):
                raise explain(error, self.file) from error
            raise
        if self._wanted_full and not self._began_full:
            self._sync_log()
        if connection.total_changes - self._folded >= _CHECKPOINT_ROWS:
            self._checkpoint(connection)

    def _rollback(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._disconnect()  # closing undoes it too

    def _sync_log(self) -> None:
        """Put the log on the disk: a full transaction joined one that had begun as a normal one."""
        try:
            log = os.open(f"{self.file}-wal", os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            os.fsync(log)
        finally:
            os.close(log)

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        self._folded = connection.total_changes
        with suppress(sqlite3.Error):  # the commit stands; the log is folded in by a later one
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    # -- the connection

    def replaced(self) -> bool:
        """Say whether another database, or none, lies where this one was opened."""
        try:
            found = os.stat(self.file)
        except OSError:
            return True
        return self._identity != (found.st_dev, found.st_ino)

    def _open(self, create: bool) -> None:
        if not create and not self.file.exists():
            raise StoreError(
                f"there is no store in '{self.folder}'",
                hint="Name another folder with --store or MOTOOLS_STORAGE_DIR; a run makes one where none is.",
            )
        new = not self.folder.exists()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            refuse_network(self.folder)
            if new:  # a folder of ours alone: its gigabytes are not to be committed to a repository by accident
                (self.folder / ".gitignore").write_text("*\n")
        except (FileExistsError, NotADirectoryError):
            raise StoreError(f"'{self.folder}' is not a folder, so it cannot be a store") from None
        except OSError as error:
            raise os_error(error, self.folder) from error
        self._connect()

    def _connect(self) -> sqlite3.Connection:
        if self._torn_by_fork:
            raise StoreError("this process was forked inside a transaction and cannot go on with it")
        if self.users == 0 and self._identity is not None:
            raise StoreError(f"the store '{self.folder}' has been closed", hint="Open it again with Store.open().")
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._connection = connection = self._connect_once()
                break
            except sqlite3.Error as error:
                self._disconnect()
                # Another process is closing it, or recovering its log, at this moment.
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in LOCKED or time.monotonic() > deadline:
                    raise explain(error, self.file) from error
                time.sleep(0.01)
            except BaseException:
                self._disconnect()
                raise
        log = Path(f"{self.file}-wal")
        self._folded = -_CHECKPOINT_ROWS if log.exists() and log.stat().st_size > LOG_BYTES else 0
        self._level = NORMAL
        found = os.stat(self.file)
        self._identity = (found.st_dev, found.st_ino)
        return connection

    def _connect_once(self) -> sqlite3.Connection:
        self.readonly = False
        try:
            self._queue.open()
        except OSError as error:
            if not self.file.exists():
                raise os_error(error, self.folder) from error
            self.readonly = True
            return connect_readonly(self.file, BUSY_SECONDS, fixed=error.errno == errno.EROFS)
        connection = connect(self.file, BUSY_SECONDS)
        try:
            if version(connection, self.file) < len(MIGRATIONS):
                self._queue.take(BUSY_SECONDS)
                try:
                    migrate(connection, self.file)
                finally:
                    self._queue.drop()
        except BaseException:
            connection.close()
            raise
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._queue.close()


class Transaction:
    """One level of a transaction; see `Database.transaction`."""

    __slots__ = ("_changes", "_database", "_full")

    def __init__(self, database: Database, full: bool) -> None:
        self._database = database
        self._full = full

    def __enter__(self) -> None:
        self._database._enter(self._full)
        self._changes = self._database.changes

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database._leave(kind is not None, self._database.changes != self._changes)


_registry: dict[str, Database] = {}
_registry_lock = threading.Lock()
_forking: list[Database] = []


def _before_fork() -> None:
    with _registry_lock:
        _forking[:] = _registry.values()
    for database in _forking:
        database._lock.acquire()
        if database._depth == 0:
            database._disconnect()


def _after_fork_in_parent() -> None:
    for database in _forking:
        database._lock.release()
    _forking.clear()


def _after_fork_in_child() -> None:
    global _registry_lock
    _registry_lock = threading.Lock()
    for database in _forking:
        depth = database._depth  # more than 0: the forking thread, the only one here, is inside a transaction
        database._lock = threading.RLock()
        for _ in range(depth):
            database._lock.acquire()
        if depth:
            database._torn_by_fork = True
            _inherited.append(database._connection)  # closing it here would take the parent's log away
            database._connection = None
            database._queue.close()
    _forking.clear()


_inherited: list[object] = []

os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
