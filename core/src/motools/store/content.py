"""Contents: what an atom holds, either one JSON value or files.

A content of files is the canonical JSON list of `[relative path, object digest, size, executable]`, sorted by path. Its
digest covers names, bytes and the executable bit, framed by JSON, so `a`+`bc` is not `ab`+`c`. A file given alone is a
content with that one file under its own name. Of a folder, all regular files count; links to files and folders inside it
are stored as what they point to; empty folders are not kept.

`trees/<digest>/` shows a content as a folder: hard links to objects, never to the user's files.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, cast

from motools.canonical import JSON, Digest, canonical_json, digest_bytes, digest_file
from motools.errors import CorruptError, DataError, NotFoundError
from motools.store.database import Database
from motools.store.disk import os_error
from motools.store.objects import STAMP, Ingested, Objects, StoredObject

INLINE_BYTES = 64 << 10
"""Up to this many bytes of canonical JSON are kept in the database, more in an object."""

VALUE_FILE = "value.json"
"""Name of the file that shows a JSON value in its tree."""

_Entry = tuple[str, Digest, int, bool]


class Content(NamedTuple):
    """A content: `kind` is `value` or `files`, `size` the bytes of the value or of all files."""

    digest: Digest
    kind: Literal["value", "files"]
    size: int


class Contents:
    """The contents of one store."""

    def __init__(self, folder: Path, database: Database, objects: Objects) -> None:
        self._store = folder
        self._folder = folder / "trees"
        self._database = database
        self._objects = objects
        self._checked: set[Digest] = set()

    def put_value(self, value: object) -> Content:
        """Store a JSON value.

        Raises:
            CanonicalError: it has no canonical JSON form; the path of the part is named.
        """
        body = canonical_json(value)
        return self._put("value", body, len(body), [])

    def put_path(self, path: Path | str) -> Content:
        """Store a file, or all files of a folder.

        Raises:
            DataError: nothing is there, a folder holds no file, a link leads out of the folder or nowhere, a name is
                not UTF-8, or something is neither file nor folder.
        """
        entries, ingested = [], []
        for name, file in scan(Path(path)):
            item = self._objects.ingest(file)
            ingested.append(item)
            executable = bool(os.stat(file).st_mode & stat.S_IXUSR)
            entries.append([name, item.object.digest, item.object.size, executable])
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
        kind, body = self._body(digest)
        if kind != "value":
            raise DataError(f"the content '{digest[:16]}…' is files, not a JSON value")
        return cast(JSON, json.loads(body))

    def files(self, digest: Digest) -> dict[str, StoredObject]:
        """Return the objects of a content of files by relative path; a value has none.

        Raises:
            NotFoundError, CorruptError: as `value`.
        """
        return {name: StoredObject(file, size) for name, file, size, _ in self._entries(digest)}

    def exists(self, digest: Digest) -> bool:
        """Say whether the content and all of its objects are there and, by size and time, unchanged.

        Raises:
            CorruptError: something of it is there but altered.
        """
        row = self._database.one("SELECT kind, object FROM content WHERE digest = ?", (digest,))
        if row is None or (row[1] is not None and not self._objects.exists(row[1])):
            return False
        return row[0] == "value" or all(self._objects.exists(file) for _, file, _, _ in self._entries(digest))

    def path(self, digest: Digest) -> Path:
        """Return a folder that shows the content, for reading only; a JSON value is shown as the file `value.json`.

        Raises:
            NotFoundError, CorruptError: as `value`; a folder that somebody changed is refused too.
        """
        tree = self._folder / digest
        if digest not in self._checked:
            if tree.is_dir():
                self.check_tree(digest)
                for file in self.files(digest).values():
                    self._objects.path(file.digest)
            elif self._database.readonly:
                return self._copy_aside(digest)
            else:
                self._build(digest, tree)
            self._checked.add(digest)
        return tree

    def check_tree(self, digest: Digest) -> None:
        """Compare the folder of a content with what it must hold; the objects it links to are not hashed.

        Raises:
            CorruptError: a file is missing, altered or too many.
        """
        kind, body = self._body(digest)
        tree = self._folder / digest
        expected: dict[str, Digest] = {VALUE_FILE: digest_bytes("object", body)} if kind == "value" else {}
        expected |= {name: file for name, file, _, _ in self._entries(digest)}
        found = dict(_walk_tree(tree))
        for name in sorted(expected.keys() ^ found.keys()):
            problem = "is missing" if name in expected else "does not belong to it"
            raise self._bad_tree(tree, f"'{name}' {problem}")
        for name, file in expected.items():
            if kind == "files" and self._objects.is_same(file, found[name]):
                continue
            if digest_file(Path(found[name])) != file:
                raise self._bad_tree(tree, f"'{name}' has been altered")

    # -- inside

    def _put(self, kind: Literal["value", "files"], body: bytes, size: int, ingested: list[Ingested]) -> Content:
        content = Content(content_digest(kind, body), kind, size)
        known = self._database.one("SELECT object FROM content WHERE digest = ?", (content.digest,))
        if known is not None and known[0] is None:
            self._objects.record(ingested)
            return content
        with self._database.transaction():
            self._objects.record(ingested)
            stored = self._objects.put_bytes(body).digest if len(body) > INLINE_BYTES else None
            self._database.execute(
                "INSERT OR IGNORE INTO content(digest, kind, size, body, object) VALUES (?, ?, ?, ?, ?)",
                (content.digest, kind, size, body if stored is None else None, stored),
            )
        return content

    def _body(self, digest: Digest) -> tuple[str, bytes]:
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

    def _entries(self, digest: Digest) -> list[_Entry]:
        kind, body = self._body(digest)
        return [cast(_Entry, tuple(entry)) for entry in json.loads(body)] if kind == "files" else []

    def _build(self, digest: Digest, tree: Path) -> None:
        """Make the folder beside its place and move it there whole."""
        import shutil

        temporary = self._objects.temporary()
        try:
            self._fill(digest, temporary, link=True)
            self._folder.mkdir(exist_ok=True)
            os.rename(temporary, tree)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                self.check_tree(digest)  # another process made it first
                return
            raise os_error(error, self._store) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _fill(self, digest: Digest, folder: Path, *, link: bool) -> None:
        import shutil

        kind, body = self._body(digest)
        folder.mkdir()
        if kind == "value":
            (folder / VALUE_FILE).write_bytes(body)
            os.chmod(folder / VALUE_FILE, 0o444)
            return
        for name, file, _, executable in self._entries(digest):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source = self._objects.path(file)
            try:
                if executable or not link:
                    raise OSError(errno.EMLINK, "an executable file needs a mode of its own")
                os.link(source, target)
            except OSError as error:
                if error.errno not in (errno.EMLINK, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP):
                    raise
                shutil.copyfile(source, target)
                os.chmod(target, 0o555 if executable else 0o444)
                os.utime(target, ns=(STAMP, STAMP))

    def _copy_aside(self, digest: Digest) -> Path:
        """Show a content of a store that can only be read, outside of it, until the process ends."""
        import atexit
        import shutil
        import tempfile

        folder = Path(tempfile.mkdtemp(prefix="motools-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self._fill(digest, folder / digest, link=False)
        return folder / digest

    def _bad_tree(self, tree: Path, problem: str) -> CorruptError:
        return CorruptError(
            f"the folder of an atom has been changed: {problem}",
            where=str(tree),
            hint=f"Remove it (`rm -r {tree}`); it is made again from the objects when it is next needed.",
        )


def content_digest(kind: str, body: bytes) -> Digest:
    """Return `digest_json("content", {"body": body, "kind": kind})` for a body that is canonical JSON already."""
    return digest_bytes("content", b'{"body":' + body + b',"kind":"' + kind.encode() + b'"}')


def scan(path: Path) -> list[tuple[str, Path]]:
    """Return the files at `path` as (name with `/`, real path), sorted by name; a single file is under its own name.

    Raises:
        DataError: see `Contents.put_path`.
    """
    if not os.path.exists(path):
        raise DataError(f"there is no file or folder '{path}'")
    name = path.name or path.resolve().name
    if not path.is_dir():
        _check_name(name, path)
        return [(name, path)]
    root = Path(os.path.realpath(path))
    found = sorted(_walk(root, root, "", (root,)))
    if not found:
        raise DataError(f"the folder '{path}' holds no files, so there is nothing to store")
    return found


def _walk(root: Path, folder: Path, prefix: str, above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise DataError(f"the folder '{folder}' cannot be read: {error.strerror}") from error
    for entry in entries:
        name = prefix + entry.name
        path = Path(entry.path)
        _check_name(entry.name, path)
        if entry.is_symlink():
            target = Path(os.path.realpath(path))
            if not target.exists():
                raise DataError(
                    f"the link '{path}' leads nowhere", hint="Remove it, or put what it names in its place."
                )
            if target != root and root not in target.parents:
                raise DataError(
                    f"the link '{path}' leads out of the folder, to '{target}'",
                    hint="Copy the folder with `cp -rL`, which copies what links point to, and store the copy.",
                )
            path = target
        if path.is_dir():
            if path in above:
                raise DataError(f"the link '{entry.path}' leads back to a folder it is in")
            yield from _walk(root, path, f"{name}/", (*above, path))
        elif path.is_file():
            yield name, path
        else:
            raise DataError(f"'{path}' is neither a file nor a folder, so it cannot be stored")


def _check_name(name: str, path: Path) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(f"the name {os.fsencode(path)!r} is not UTF-8", hint="Rename the file.") from None


def _walk_tree(folder: Path) -> Iterator[tuple[str, str]]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            yield os.path.relpath(path, folder), path
