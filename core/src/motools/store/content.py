"""Contents: what an atom holds, either one JSON value or files.

A content of files is the canonical JSON list of `[relative path, object digest, size, executable]`, sorted by path. Its
digest covers names, bytes and the executable bit, framed by JSON, so `a`+`bc` is not `ab`+`c`. A file given alone is a
content with that one file under its own name. Of a folder, all regular files count; links to files and folders inside it
are stored as what they point to; empty folders are not kept.
"""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple, cast

from motools.canonical import JSON, Digest, canonical_json, digest_bytes
from motools.errors import CorruptError, DataError, NotFoundError
from motools.store.database import Database
from motools.store.objects import REFRESH_SECONDS, CollectedError, Ingested, Objects, StoredObject
from motools.store.source import scan, source_stat
from motools.store.trees import Entry, Trees

INLINE_BYTES = 64 << 10
"""Up to this many bytes of canonical JSON are kept in the database, more in an object."""


class Content(NamedTuple):
    """A content: `kind` is `value` or `files`, `size` the bytes of the value or of all files."""

    digest: Digest
    kind: Literal["value", "files"]
    size: int


class Contents:
    """The contents of one store."""

    def __init__(
        self, folder: Path, database: Database, objects: Objects, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = folder
        self._database = database
        self._clock = clock
        self._objects = objects
        self.trees = Trees(folder, database.readonly, objects, self)

    def put_value(self, value: object) -> Content:
        """Store a JSON value.

        Raises:
            CanonicalError: it has no canonical JSON form; the path of the part is named.
        """
        return self.put_json(canonical_json(value))

    def put_json(self, body: bytes) -> Content:
        """Store a JSON value that is in its canonical form already."""
        return self._put("value", body, len(body), [])

    def put_path(self, path: Path | str) -> Content:
        """Store a file, or all files of a folder.

        Raises:
            DataError: nothing is there, a folder holds no file, a link leads out of the folder or nowhere, a name is
                not UTF-8, or something is neither file nor folder.
        """
        while True:
            entries, ingested = [], []
            for name, file in scan(Path(path)):
                item = self._objects.ingest(file)
                ingested.append(item)
                executable = bool(source_stat(file).st_mode & stat.S_IXUSR)
                entries.append([name, item.object.digest, item.object.size, executable])
            with suppress(CollectedError):
                return self._put("files", canonical_json(entries), sum(i.object.size for i in ingested), ingested)

    def get(self, digest: Digest) -> Content:
        """Return the content of that digest.

        Raises:
            NotFoundError: the store does not have it.
        """
        row = self._database.one("SELECT kind, size FROM content WHERE digest = ?", (digest,))
        if row is None:
            raise NotFoundError(f"there is no content '{digest}' in the store '{self._store}'")
        return Content(digest, row[0], row[1])

    def value(self, digest: Digest) -> JSON:
        """Return the JSON value of a content, its bytes hashed again.

        Raises:
            NotFoundError: the store does not have it.
            DataError: it is one of files.
            CorruptError: it is altered or gone.
        """
        kind, body = self.body(digest)
        if kind != "value":
            raise DataError(f"the content '{digest[:16]}…' is files, not a JSON value")
        return cast(JSON, json.loads(body))

    def files(self, digest: Digest) -> dict[str, StoredObject]:
        """Return the objects of a content of files by relative path; a value has none.

        Raises:
            NotFoundError, CorruptError: as `value`.
        """
        return {name: StoredObject(file, size) for name, file, size, _ in self.entries(digest)}

    def exists(self, digest: Digest) -> bool:
        """Say whether the content and all of its objects are there and, by size and time, unchanged.

        Raises:
            CorruptError: something of it is there but altered.
        """
        row = self._database.one("SELECT kind, object FROM content WHERE digest = ?", (digest,))
        if row is None or (row[1] is not None and not self._objects.exists(row[1])):
            return False
        return row[0] == "value" or all(self._objects.exists(file) for _, file, _, _ in self.entries(digest))

    def path(self, digest: Digest) -> Path:
        """Return a folder that shows the content, for reading only; a JSON value is shown as the file `value.json`.

        Raises:
            NotFoundError, CorruptError: as `value`; a folder that somebody changed is refused too.
        """
        return self.trees.path(digest)

    # -- inside

    def _put(self, kind: Literal["value", "files"], body: bytes, size: int, ingested: list[Ingested]) -> Content:
        content = Content(content_digest(kind, body), kind, size)
        known = self._database.one("SELECT object, used_at FROM content WHERE digest = ?", (content.digest,))
        if known is not None and known[0] is None and known[1] > self._clock() - REFRESH_SECONDS:
            self._objects.record(ingested)
            return content
        with self._database.transaction():
            self._objects.record(ingested)
            stored = self._objects.put_bytes(body).digest if len(body) > INLINE_BYTES else None
            self._database.execute(
                "INSERT INTO content(digest, kind, size, body, object, used_at) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT(digest) DO UPDATE SET used_at = excluded.used_at",
                (content.digest, kind, size, body if stored is None else None, stored, self._clock()),
            )
        return content

    def body(self, digest: Digest) -> tuple[str, bytes]:
        """Return the kind of a content and its canonical JSON: the value, or the list of files.

        Raises:
            NotFoundError, CorruptError: as `value`.
        """
        row = self._database.one("SELECT kind, CAST(body AS BLOB), object FROM content WHERE digest = ?", (digest,))
        if row is None:
            raise NotFoundError(f"there is no content '{digest}' in the store '{self._store}'")
        kind, body, stored = row
        if body is None:
            body = self._objects.read(stored)
        if content_digest(kind, body) != digest:
            raise CorruptError(
                f"the content '{digest[:16]}…' has been altered in the database",
                where=str(self._database.file),
                hint="Restore motools.db from a copy; `motools store verify` lists everything that is wrong.",
            )
        return kind, body

    def entries(self, digest: Digest) -> list[Entry]:
        """Return the files of a content as (relative path, object, size, executable); a value has none.

        Raises:
            NotFoundError, CorruptError: as `value`.
        """
        kind, body = self.body(digest)
        return [cast(Entry, tuple(entry)) for entry in json.loads(body)] if kind == "files" else []


def content_digest(kind: str, body: bytes) -> Digest:
    """Return `digest_json("content", {"body": body, "kind": kind})` for a body that is canonical JSON already."""
    return digest_bytes("content", b'{"body":' + body + b',"kind":"' + kind.encode() + b'"}')
