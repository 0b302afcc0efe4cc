"""Putting objects on the disk before a commit that promises them."""

from __future__ import annotations

import errno
import os

from motools.canonical import digest_file
from motools.errors import StoreError
from motools.store.database import Database
from motools.store.disk import full_error, seen_now, sync_folder


def sync_objects(database: Database) -> None:
    """Put every object whose row is not marked so on the disk; called before and within a full transaction."""
    pending = database.query("SELECT digest, placed FROM object WHERE synced = 0")
    if not pending:
        return
    states, folders = [], set()
    for digest, placed in pending:
        folder = database.folder / "objects" / digest[:2]
        try:
            handle = os.open(folder / digest[2:], os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            states.append((2, digest))  # deleted behind our back: reading it says so; it must not stop other commits
            continue
        try:
            # Of another process: it may be what a loss of power left of it, and must not be promised then.
            known = digest in database.written or (placed is not None and placed == seen_now(os.fstat(handle)))
            if not known and digest_file(folder / digest[2:]) != digest:
                states.append((2, digest))
                continue
            os.fsync(handle)
        except OSError as error:
            raise (
                full_error(database.folder)
                if error.errno == errno.ENOSPC
                else StoreError(f"the object '{digest[:16]}…' could not be put on the disk: {error.strerror}")
            ) from error
        finally:
            os.close(handle)
        folders.add(folder)
        states.append((1, digest))
    for folder in folders:
        sync_folder(folder)
    sync_folder(database.folder / "objects")
    with database.transaction():
        database.execute_many("UPDATE object SET synced = ? WHERE digest = ?", states)
    database.written.difference_update(digest for _, digest in states)
