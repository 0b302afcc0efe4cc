"""Large files that settings name: their digests, remembered while what `stat` says of them is the same."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from motools.canonical import Digest, digest_file
from motools.errors import StoreError
from motools.store.database import Database
from motools.store.source import seen_as, settled

_SMALL = 1 << 20  # what is smaller is hashed sooner than looked up


class SeenFiles:
    """The files that one store has seen."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def digest(self, path: Path) -> Digest:
        """Return the digest of a file's bytes, as `digest_file`; one that has not changed since it was seen is not read.

        Raises:
            OSError: it cannot be read.
        """
        found = os.stat(path)
        if found.st_size < _SMALL:
            return digest_file(path)
        seen = seen_as(found)
        row = self._database.one(
            "SELECT digest FROM seen_file WHERE device = ? AND inode = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ?",
            seen,
        )
        if row is not None:
            return str(row[0])
        safe = settled(found, time.time_ns())
        digest = digest_file(path)
        if safe and seen_as(os.stat(path)) == seen and not self._database.readonly:
            with suppress(StoreError), self._database.transaction():
                self._database.execute(
                    "INSERT OR REPLACE INTO seen_file(device, inode, size, mtime_ns, ctime_ns, digest) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (*seen, digest),
                )
        return digest
