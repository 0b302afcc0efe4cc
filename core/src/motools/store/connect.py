"""Opening `motools.db`: as ours, up to date, and as far as the medium allows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from motools.errors import StoreError, StoreNotWritableError, StoreTooNewError
from motools.store.disk import sync_folder
from motools.store.migrations import APPLICATION_ID, MIGRATIONS

NORMAL, FULL = 1, 2
"""Values of `PRAGMA synchronous`."""

LOG_BYTES = 16 << 20
"""The write-ahead log gives back what it takes above this."""


def connect(file: Path, timeout: float) -> sqlite3.Connection:
    """Open the database for reading and writing; it may still have to be migrated.

    Raises:
        StoreError: it is not one of motools. StoreTooNewError: a newer motools made it. sqlite3.Error.
    """
    connection = sqlite3.connect(
        file, timeout=timeout, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        version(connection, file)
        # Checkpoints are the caller's; the size limit gives the disk its space back after a large log.
        connection.execute(f"PRAGMA synchronous={NORMAL}")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute(f"PRAGMA journal_size_limit={LOG_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_readonly(file: Path, timeout: float, *, fixed: bool) -> sqlite3.Connection:
    """Open a database that cannot be written.

    Args:
        fixed: whether nobody can write there, as on a read-only medium: without a log, no locks are needed then.

    Raises:
        StoreError, StoreTooNewError: as `connect`. StoreNotWritableError: it would have to be migrated. sqlite3.Error.
    """
    log = Path(f"{file}-wal")
    quiet = not log.exists() or log.stat().st_size == 0
    ways = ["immutable=1"] if fixed and quiet else ["mode=ro"]
    if quiet and not fixed:
        ways.append("immutable=1")  # nobody has it open, and the locks' file cannot be made by us
    for way in ways:
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?{way}",
            uri=True,
            timeout=timeout,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if version(connection, file) < len(MIGRATIONS):
                raise StoreNotWritableError(
                    f"the store '{file.parent}' was made by an older motools and, being read-only, cannot be migrated",
                    hint="Copy it to a place that can be written and open the copy.",
                )
        except sqlite3.OperationalError:
            connection.close()
            if way == ways[-1]:
                raise
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise AssertionError("one of the ways returns or raises")


def version(connection: sqlite3.Connection, file: Path) -> int:
    """Return how many migrations the database has.

    Raises:
        StoreError: it is not one of motools. StoreTooNewError: it has more than this motools knows.
    """
    (applied,) = connection.execute("PRAGMA user_version").fetchone()
    if not _is_ours(connection):
        raise StoreError(
            f"'{file}' is a database, but not one of motools",
            hint="Name another folder with --store or MOTOOLS_STORAGE_DIR.",
        )
    if applied > len(MIGRATIONS):
        raise StoreTooNewError(
            f"the store '{file.parent}' was made by a newer motools (format {applied}, not {len(MIGRATIONS)})",
            hint="Upgrade motools (`pip install -U motools`), or name another store with --store.",
        )
    return int(applied)


def _is_ours(connection: sqlite3.Connection) -> bool:
    """Say whether a database is one of motools, or empty; another process may be making it at this moment."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if owner == APPLICATION_ID:
        return True
    empty = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    if owner == 0 and empty and connection.execute("PRAGMA user_version").fetchone() == (0,):
        return True
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    return bool(owner == APPLICATION_ID)


def migrate(connection: sqlite3.Connection, file: Path) -> None:
    """Apply the migrations that are missing, all or none; the caller keeps other writers out."""
    connection.execute("PRAGMA journal_mode=WAL").fetchone()
    connection.execute(f"PRAGMA synchronous={FULL}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in range(version(connection, file), len(MIGRATIONS)):
            for statement in MIGRATIONS[number]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={number + 1}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute(f"PRAGMA synchronous={NORMAL}")
    sync_folder(file.parent)
