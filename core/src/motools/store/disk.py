"""The disk under the store: syncing folders, and what its errors and SQLite's mean."""

from __future__ import annotations

import errno
import os
import sqlite3
from functools import cache
from pathlib import Path

from motools.errors import CorruptError, StoreError, StoreFullError, StoreNotWritableError

WRITABLE = "Give yourself write access to the folder, or name another store with --store or MOTOOLS_STORAGE_DIR."
"""What to do where a store cannot be written."""

LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
"""SQLite's codes for: another connection is in the way."""


def seen_now(found: os.stat_result) -> str | None:
    """Return what says that a file's bytes are those that were there when this was the same: inode and time of its last change,
    in this start of the machine, for after a loss of power a file may have its times and not its bytes. None: not known here.
    """
    start = _boot()
    return f"{start}/{found.st_dev}/{found.st_ino}/{found.st_ctime_ns}" if start else None


@cache
def _boot() -> str | None:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return None


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
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full_error(folder)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreNotWritableError(f"the store '{folder}' cannot be written: {error.strerror}", hint=WRITABLE)
    return StoreError(f"the store '{folder}' cannot be used: {error}")


def explain(error: sqlite3.Error, file: Path) -> StoreError:
    """Return the error of ours that says what SQLite's means."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (
        code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and is_full(file.parent)
    ):
        return full_error(file.parent)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreNotWritableError(f"the store's database '{file}' cannot be opened or written", hint=WRITABLE)
    if code in LOCKED:
        return StoreError(
            f"the store's database '{file}' is locked by another program",
            hint=f"`fuser {file}` names it. Close it and try again; nothing was lost.",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return CorruptError(
            f"the store's database '{file}' is damaged: {error}",
            hint="Keep a copy of the folder, restore motools.db from a backup, or begin a new store with --store; "
            "the files under objects/ are whole on their own.",
        )
    return StoreError(f"the store's database '{file}' failed: {error}", hint="Run `motools store verify`.")
