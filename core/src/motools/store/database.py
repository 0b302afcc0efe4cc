"""The store's SQLite database: one connection a process, guarded by a lock, and one writer at a time on the machine.

Writers of all processes take `motools.lock` (flock) before they begin, so that the write-ahead log is checkpointed only
while nobody commits. A process that dies lets go of it.

Before a fork the connection is closed and each side opens its own when it next needs one: a SQLite connection, and even
SQLite's memory of its locks, must not cross a fork.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from motools.errors import CorruptError, StoreError, StoreFullError, StoreNotWritableError, StoreTooNewError
from motools.store.location import refuse_network
from motools.store.migrations import APPLICATION_ID, MIGRATIONS

BUSY_SECONDS = 30.0
"""How long a writer waits for the others before it gives up."""

_CHECKPOINT_ROWS = 700  # changed by this process: 4 to 8 MB of log
_LOG_BYTES = 16 << 20  # a log found larger than this is folded in at the first commit
_NORMAL, _FULL = 1, 2

_Row = tuple[Any, ...]


class Database:
    """Queries and transactions on `motools.db` in `folder`. Made by `Database.shared`, ended by `release`."""

    def __init__(self, folder: Path, before_full: Callable[[Database], None]) -> None:
        self.folder = folder
        self.file = folder / "motools.db"
        self.readonly = False
        self.users = 0
        self._before_full = before_full
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._flock = -1
        self._depth = 0
        self._wanted_full = self._began_full = self._doomed = False
        self._level = _NORMAL
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
                raise self._explain(error) from error

    def one(self, sql: str, args: Sequence[Any] = ()) -> _Row | None:
        """Return the first row of a SELECT, or None."""
        with self._lock:
            try:
                row: _Row | None = (self._connection or self._connect()).execute(sql, args).fetchone()
            except sqlite3.Error as error:
                raise self._explain(error) from error
            return row

    def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Run one statement inside the current transaction and return how many rows it changed."""
        assert self._depth, "a write outside a transaction"
        assert self._connection is not None
        try:
            return self._connection.execute(sql, args).rowcount
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row inside the current transaction."""
        assert self._depth, "a write outside a transaction"
        assert self._connection is not None
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def transaction(self, full: bool = False) -> Transaction:
        """Return a context manager: all written inside is committed at the end of the outermost one, or nothing is."""
        return Transaction(self, full)

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
            raise StoreNotWritableError(f"the store '{self.folder}' can only be read", hint=_WRITABLE)
        if full:
            self._before_full(self)  # the slow part, before anyone has to wait for us
        self._take_flock()
        try:
            level = _FULL if full else _NORMAL
            if level != self._level:
                connection.execute(f"PRAGMA synchronous={level}")
                self._level = level
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._drop_flock()
            raise self._explain(error) from error
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
            self._drop_flock()
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
                raise self._explain(error) from error
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

    def _take_flock(self) -> None:
        try:
            fcntl.flock(self._flock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            pass
        deadline, pause = time.monotonic() + BUSY_SECONDS, 0.0002
        while True:
            time.sleep(pause)
            try:
                fcntl.flock(self._flock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                pause = min(pause * 1.5, 0.005)
            if time.monotonic() > deadline:
                raise StoreError(
                    f"another process has been writing to the store '{self.folder}' for {BUSY_SECONDS:.0f} seconds",
                    hint=f"Look for a stopped motools process (`fuser {self.folder / 'motools.lock'}` names it), "
                    "end it, and try again. Nothing was lost.",
                )

    def _drop_flock(self) -> None:
        if self._flock >= 0:
            fcntl.flock(self._flock, fcntl.LOCK_UN)

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
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            refuse_network(self.folder)
        except (FileExistsError, NotADirectoryError):
            raise StoreError(f"'{self.folder}' is not a folder, so it cannot be a store") from None
        except OSError as error:
            raise os_error(error, self.folder) from error
        self._connect()

    def _connect(self) -> sqlite3.Connection:
        if self._torn_by_fork:
            raise StoreError("this process was forked inside a transaction and cannot go on with it")
        if self.users < 0 or (self.users == 0 and self._identity is not None):
            raise StoreError(f"the store '{self.folder}' has been closed", hint="Open it again with Store.open().")
        self.readonly = False
        try:
            self._flock = os.open(self.folder / "motools.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            if not self.file.exists():
                raise os_error(error, self.folder) from error
            self.readonly = True
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._connection = self._connect_once()
                break
            except sqlite3.Error as error:
                # Another process closing or recovering the log at this moment.
                if error.sqlite_errorcode & 0xFF in (5, 6, 15) and time.monotonic() < deadline:
                    time.sleep(0.01)
                    continue
                self._disconnect()
                raise self._explain(error) from error
            except BaseException:
                self._disconnect()
                raise
        found = os.stat(self.file)
        self._identity = (found.st_dev, found.st_ino)
        return self._connection

    def _connect_once(self) -> sqlite3.Connection:
        if self.readonly:
            return self._connect_readonly()
        connection = sqlite3.connect(
            self.file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            if self._version(connection) < len(MIGRATIONS):
                self._take_flock()
                try:
                    self._migrate(connection)
                finally:
                    self._drop_flock()
            # Checkpoints are ours (see above); the size limit gives the disk its space back after a large one.
            connection.execute(f"PRAGMA synchronous={_NORMAL}")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
            self._level = _NORMAL
            log = Path(f"{self.file}-wal")
            self._folded = -_CHECKPOINT_ROWS if log.exists() and log.stat().st_size > _LOG_BYTES else 0
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect_readonly(self) -> sqlite3.Connection:
        """Open on a medium that cannot be written: without a log the file cannot change, so no locks are needed."""
        log = Path(f"{self.file}-wal")
        quiet = not log.exists() or log.stat().st_size == 0
        uri = f"{self.file.absolute().as_uri()}?{'immutable=1' if quiet else 'mode=ro'}"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            if self._version(connection) < len(MIGRATIONS):
                raise StoreNotWritableError(
                    f"the store '{self.folder}' was made by an older motools and cannot be brought up to date: it is read-only",
                    hint="Copy it to a place that can be written and open the copy.",
                )
        except BaseException:
            connection.close()
            raise
        return connection

    def _version(self, connection: sqlite3.Connection) -> int:
        """Return how many migrations the database has; refuse one that is not ours, or is from a newer motools."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        if owner != APPLICATION_ID and (
            owner or version or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        ):
            raise StoreError(
                f"'{self.file}' is a database, but not one of motools",
                hint="Name another folder with --store or MOTOOLS_STORAGE_DIR.",
            )
        if version > len(MIGRATIONS):
            raise StoreTooNewError(
                f"the store '{self.folder}' was made by a newer motools (format {version}, not {len(MIGRATIONS)})",
                hint="Upgrade motools (`pip install -U motools`), or name another store with --store.",
            )
        return int(version)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.execute(f"PRAGMA synchronous={_FULL}")
        connection.execute("BEGIN IMMEDIATE")
        try:
            for number in range(self._version(connection), len(MIGRATIONS)):
                for statement in MIGRATIONS[number]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={number + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        sync_folder(self.folder)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if self._flock >= 0:
            os.close(self._flock)
            self._flock = -1

    def _explain(self, error: sqlite3.Error) -> StoreError:
        """Return the error of ours that says what SQLite's means."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and is_full(self.folder)):
            return full_error(self.folder)
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            return StoreNotWritableError(
                f"the store's database '{self.file}' cannot be opened or written", hint=_WRITABLE
            )
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
            return StoreError(
                f"the store's database '{self.file}' is locked by another program",
                hint=f"`fuser {self.file}` names it. Close it and try again; nothing was lost.",
            )
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return CorruptError(
                f"the store's database '{self.file}' is damaged: {error}",
                hint="Keep a copy of the folder, restore motools.db from a backup, or begin a new store with --store; "
                "the files under objects/ are whole on their own.",
            )
        return StoreError(f"the store's database '{self.file}' failed: {error}", hint="Run `motools store verify`.")


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


_WRITABLE = "Give yourself write access to the folder, or name another store with --store or MOTOOLS_STORAGE_DIR."

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
            os.close(database._flock)
            database._flock = -1
    _forking.clear()


_inherited: list[object] = []

os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_full(folder: Path) -> bool:
    """Say whether the disk that holds `folder` has no room left."""
    try:
        room = os.statvfs(folder)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < 1 << 16


def full_error(folder: Path) -> StoreFullError:
    """Return the error that says the disk of the store is full."""
    return StoreFullError(
        f"the disk that holds the store '{folder}' is full",
        hint="Free some space and run the same command again: what was recorded is whole, and nothing was lost.",
    )


def os_error(error: OSError, folder: Path) -> StoreError:
    """Return the error of ours for one that the operating system gave when the store was written."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full_error(folder)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreNotWritableError(f"the store '{folder}' cannot be written: {error.strerror}", hint=_WRITABLE)
    return StoreError(f"the store '{folder}' cannot be used: {error}")
