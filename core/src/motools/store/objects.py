"""Objects: files named by the digest of their bytes, under `objects/ab/cdef...`.

A file is copied to `tmp/`, the *copy* is hashed, made read-only and renamed to its name, so a name never stands for
other bytes and a crash leaves at most a file in `tmp/`. Every object carries the same modification time (`STAMP`): a file
that somebody has written to since differs in time or size, which a stat shows; the first use in a process hashes it too.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from motools.canonical import Digest, digest_bytes, digest_file
from motools.errors import CorruptError, DataError, InputError, NotFoundError
from motools.store.database import Database
from motools.store.disk import os_error, seen_now
from motools.store.source import Seen, read_all, seen_as, settled, source_stat, transfer, unreadable

STAMP = 946_684_800_000_000_000
"""Modification time of every object, in nanoseconds: 2000-01-01 (zip files cannot say what is before 1980)."""

REFRESH_SECONDS = 600.0
"""What is put here again and was last put longer ago than this counts as put now, so that `gc` leaves it alone."""

_SMALL = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_TEMPORARY = re.compile(r"\d+\.[0-9a-f]{16}\Z")
_STALE_SECONDS = 3600


_Row = tuple[int, int, float, str | None]  # size, synced, used_at, placed


class StoredObject(NamedTuple):
    """An object: the digest of its bytes, and how many there are."""

    digest: Digest
    size: int


class Ingested(NamedTuple):
    """A file whose bytes are in the store.

    Args:
        placed: whether its file got its name now; else it had one, and a row.
        fresh: whether the row says that it was put here lately.
        stat: remembered with it, where that is safe.
    """

    object: StoredObject
    placed: bool
    fresh: bool
    stat: Seen | None


class CollectedError(Exception):
    """`gc` removed an object between its being put and its row being written: put it again."""


class Objects:
    """The objects of one store."""

    def __init__(self, folder: Path, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._store = folder
        self._folder = folder / "objects"
        self._database = database
        self._clock = clock
        self._verified: set[Digest] = set()
        self._swept = False

    def put_file(self, path: Path | str) -> StoredObject:
        """Store a copy of a file. A file that has not changed since it was last stored costs a stat.

        Raises:
            DataError: it cannot be read, is not a regular file, or changes all the time.
            StoreFullError, StoreNotWritableError, CorruptError: see `motools.errors`.
        """
        while True:
            ingested = self.ingest(Path(path))
            with suppress(CollectedError):
                self.record([ingested])
                return ingested.object

    def put_bytes(self, data: bytes) -> StoredObject:
        """Store bytes."""
        stored = StoredObject(digest_bytes("object", data), len(data))
        while True:
            row = self._row(stored.digest)
            if row is not None and self._unchanged(stored.digest, row):
                ingested = Ingested(stored, False, self._fresh(row), None)
            else:
                temporary = self.temporary()
                try:
                    with self.writing(), open(temporary, "xb") as file:
                        file.write(data)
                    ingested = self._install(temporary, stored, None)
                except BaseException:
                    temporary.unlink(missing_ok=True)
                    raise
            with suppress(CollectedError):
                self.record([ingested])
                return stored

    def put_checked(self, temporary: Path, stored: StoredObject) -> Ingested:
        """Give a finished file in `tmp/`, already hashed, its name; `record` follows."""
        return self._install(temporary, stored, None)

    def ingest(self, path: Path) -> Ingested:
        """Copy a file's bytes into the store without a row of the database; `record` follows."""
        for _ in range(3):
            before = source_stat(path)
            seen = seen_as(before)
            remembered = self._remembered(seen)
            if remembered is not None:
                return remembered
            safe = settled(before, time.time_ns())
            temporary = self.temporary()
            try:
                stored = self._copy(path, temporary, before.st_size)
                if seen == seen_as(source_stat(path)) and stored.size == before.st_size:
                    return self._install(temporary, stored, seen if safe else None)
            finally:
                temporary.unlink(missing_ok=True)
        raise DataError(f"'{path}' is being written to, so it cannot be stored", hint="Wait until it is finished.")

    def record(self, ingested: Iterable[Ingested]) -> None:
        """Write the rows of files just taken in, in one transaction.

        Raises:
            CollectedError: one has been removed since; nothing is written, and it must be taken in again.
        """
        rows = [item for item in ingested if item.placed or not item.fresh or item.stat is not None]
        if not rows:
            return
        with self._database.transaction():
            for item in rows:
                # Only `gc` removes files and rows, and only while nobody else writes: what is here now stays.
                if item.placed and not os.path.lexists(self._where(item.object.digest)):
                    raise CollectedError
            for item in rows:
                if item.placed:
                    self._database.written.add(item.object.digest)
                    placed = seen_now(os.lstat(self._where(item.object.digest)))
                    self._database.execute(
                        "INSERT INTO object(digest, size, used_at, placed) VALUES (?, ?, ?, ?) ON CONFLICT(digest) "
                        "DO UPDATE SET synced = 0, used_at = excluded.used_at, placed = excluded.placed",
                        (*item.object, self._clock(), placed),
                    )
                elif not item.fresh and not self._database.execute(
                    "UPDATE object SET used_at = ? WHERE digest = ?", (self._clock(), item.object.digest)
                ):
                    raise CollectedError
                if item.stat is not None:
                    self._database.execute(
                        "INSERT OR REPLACE INTO file_stat(device, inode, size, mtime_ns, ctime_ns, digest) "
                        "VALUES (?, ?, ?, ?, ?, ?)",
                        (*item.stat, item.object.digest),
                    )

    def exists(self, digest: Digest) -> bool:
        """Say whether the object is there and, by its size and time, unchanged.

        Raises:
            CorruptError: it is there, but its bytes are not those that were stored.
        """
        row = self._row(digest)
        return row is not None and self._unchanged(digest, row)

    def path(self, digest: Digest) -> Path:
        """Return where the object lies; it is for reading only. Hashed at the first call in a process.

        Raises:
            NotFoundError: the store never had it. CorruptError: it is gone or altered.
        """
        row = self._row(digest)
        if row is None:
            raise NotFoundError(f"there is no object '{digest}' in the store '{self._store}'")
        if not self._unchanged(digest, row):
            raise self._altered(digest) if self._where(digest).exists() else self._missing(digest)
        if digest not in self._verified:
            if self._hash(digest) != digest:
                raise self._altered(digest)
            self._verified.add(digest)
        return self._where(digest)

    def open(self, digest: Digest) -> IO[bytes]:
        """Open the object for reading; see `path`."""
        return open(self.path(digest), "rb")

    def read(self, digest: Digest) -> bytes:
        """Return the object's bytes, hashed again.

        Raises:
            NotFoundError, CorruptError: as `path`.
        """
        if self._row(digest) is None:
            raise NotFoundError(f"there is no object '{digest}' in the store '{self._store}'")
        try:
            data = self._where(digest).read_bytes()
        except FileNotFoundError:
            raise self._missing(digest) from None
        except OSError as error:
            raise self._unreadable(digest, error) from error
        if digest_bytes("object", data) != digest:
            raise self._altered(digest)
        return data

    def verify(self, digest: Digest) -> StoredObject:
        """Hash the object again and return it.

        Raises:
            NotFoundError, CorruptError: as `path`.
        """
        self._verified.discard(digest)
        return StoredObject(digest, self.path(digest).stat().st_size)

    def is_same(self, digest: Digest, path: str) -> bool:
        """Say whether `path` is a link to the object's file."""
        try:
            return os.path.samefile(self._where(digest), path)
        except FileNotFoundError:
            return False

    def temporary(self) -> Path:
        """Return a new name in the store's `tmp/`, which is on the same file system as everything else there."""
        folder = self._store / "tmp"
        if not self._swept:
            with self.writing():
                folder.mkdir(exist_ok=True)
            self._swept = True
            _sweep(folder)
        return folder / f"{os.getpid()}.{os.urandom(8).hex()}"

    # -- inside

    def _where(self, digest: Digest) -> Path:
        if not _DIGEST.match(digest):
            raise InputError(f"'{digest}' is not a digest", hint="A digest is 64 hexadecimal digits.")
        return self._folder / digest[:2] / digest[2:]

    def _row(self, digest: Digest) -> _Row | None:
        return self._database.one("SELECT size, synced, used_at, placed FROM object WHERE digest = ?", (digest,))

    def _fresh(self, row: _Row) -> bool:
        return row[2] > self._clock() - REFRESH_SECONDS

    def _remembered(self, seen: Seen) -> Ingested | None:
        found = self._database.one(
            "SELECT digest FROM file_stat "
            "WHERE device = ? AND inode = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ?",
            seen,
        )
        row = self._row(found[0]) if found is not None else None
        if found is None or row is None or not self._unchanged(found[0], row):
            return None
        return Ingested(StoredObject(found[0], row[0]), False, self._fresh(row), None)

    def _unchanged(self, digest: Digest, row: _Row) -> bool:
        size, synced, _, placed = row
        try:
            found = os.lstat(self._where(digest))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unreadable(digest, error) from error
        if found.st_size == size and stat.S_ISREG(found.st_mode):
            # What another process put here may not have reached the disk before the power went, though size and time did.
            known = synced == 1 or digest in self._database.written or digest in self._verified
            known = known or (placed is not None and placed == seen_now(found))
            if found.st_mtime_ns == STAMP and known:
                return True
            # A copied store has other times; then the bytes decide, and are stamped again.
            if self._hash(digest) == digest:
                self._verified.add(digest)
                with suppress(OSError):  # not ours to write: it is hashed the next time again
                    os.utime(self._where(digest), ns=(STAMP, STAMP))
                return True
        if synced == 1:
            raise self._altered(digest)
        return False  # written shortly before the power went: never promised to be there

    def _hash(self, digest: Digest) -> Digest:
        """Return the digest of the bytes that are there."""
        try:
            return digest_file(self._where(digest))
        except FileNotFoundError:
            raise self._missing(digest) from None
        except OSError as error:
            raise self._unreadable(digest, error) from error

    def _copy(self, source: Path, temporary: Path, size: int) -> StoredObject:
        try:
            reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise unreadable(source, error) from error
        try:
            if size < _SMALL:
                data = read_all(reading, source)
                with self.writing(), open(temporary, "xb") as file:
                    file.write(data)
                return StoredObject(digest_bytes("object", data), len(data))
            with self.writing(), open(temporary, "xb") as file:
                transfer(reading, file.fileno())
        finally:
            os.close(reading)
        return StoredObject(digest_file(temporary), temporary.stat().st_size)

    def _install(self, temporary: Path, stored: StoredObject, seen: Seen | None) -> Ingested:
        """Give a finished file its name, unless the store has it already."""
        row = self._row(stored.digest)
        if row is not None and self._unchanged(stored.digest, row):
            temporary.unlink()
            return Ingested(stored, row[1] == 2, self._fresh(row), seen)
        target = self._where(stored.digest)
        with self.writing():
            os.chmod(temporary, 0o444)
            os.utime(temporary, ns=(STAMP, STAMP))
            try:
                os.rename(temporary, target)
            except FileNotFoundError:
                target.parent.mkdir(parents=True, exist_ok=True)
                os.rename(temporary, target)
        return Ingested(stored, True, True, seen)

    def writing(self) -> _Writing:
        """Return a context manager for writing into the store's folder: it turns errors into `StoreError`s."""
        return _Writing(self._store, self._database)

    def _missing(self, digest: Digest) -> CorruptError:
        return CorruptError(
            f"the object '{digest[:16]}…' is gone from the store",
            where=str(self._where(digest)),
            hint="Put the file back from a copy of the store, or run again what made it; `motools store verify` lists "
            "everything that is wrong.",
        )

    def _altered(self, digest: Digest) -> CorruptError:
        return CorruptError(
            f"the object '{digest[:16]}…' has been altered: its bytes are not those that were stored",
            where=str(self._where(digest)),
            hint="Put the file back from a copy of the store, or move it away and run again what made it; "
            "`motools store verify` lists everything that is wrong.",
        )

    def _unreadable(self, digest: Digest, error: OSError) -> CorruptError:
        return CorruptError(
            f"the object '{digest[:16]}…' cannot be read: {error.strerror}", where=str(self._where(digest))
        )


class _Writing:
    """Turns the operating system's errors while writing into ours, and refuses a store that can only be read."""

    __slots__ = ("_database", "_folder")

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database

    def __enter__(self) -> None:
        if self._database.readonly:
            raise os_error(OSError(errno.EROFS, os.strerror(errno.EROFS)), self._folder)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise os_error(error, self._folder) from error


def _sweep(folder: Path) -> None:
    """Remove what killed processes left here; only what is old, since another container's processes look dead here."""
    import shutil

    for entry in os.scandir(folder):
        if not _TEMPORARY.match(entry.name):
            continue
        try:
            alive = os.path.exists(f"/proc/{entry.name.partition('.')[0]}")
            if alive or time.time() - entry.stat(follow_symlinks=False).st_ctime < _STALE_SECONDS:
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)
        except OSError:
            continue  # someone else was quicker
