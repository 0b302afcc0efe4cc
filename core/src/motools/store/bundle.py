"""The file that carries atoms from one store to another: a zip archive that any unzip opens, checked to the last bit.

    bundle.json        format, the atoms asked for, and size and digest of every other member
    contents.jsonl     atoms.jsonl  keys.jsonl  equivalences.jsonl  runs.jsonl  labels.jsonl  events.jsonl:
                       rows, one JSON array a line
    objects/<digest>   the files

Nothing is compressed, members are sorted and carry no times, so the same atoms give the same bytes. The archive's comment is
`motools bundle 0001 ` and the BLAKE3 digest, as 64 hex digits, of every byte before these 64.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from motools.canonical import Digest, canonical_json
from motools.errors import DataError, StoreTooNewError

FORMAT = 1
TABLES = ("contents", "atoms", "keys", "equivalences", "runs", "labels", "events")
"""Tables of rows in a bundle, in the order in which they are written."""

_MAGIC = b"motools bundle "
_COMMENT = _MAGIC + b"%04d " % FORMAT
_DIGEST_BYTES = 64
_TAIL = len(_COMMENT) + _DIGEST_BYTES
_CHUNK = 1 << 20
_AGAIN = "Fetch or export the file again; nothing was imported."
_MEMBER = re.compile(r"(?:" + "|".join(TABLES) + r")\.jsonl\Z|objects/[0-9a-f]{64}\Z")


class Member(NamedTuple):
    """One member: its size in bytes, and the digest of its bytes (as an object)."""

    size: int
    digest: Digest


def write_bundle(
    path: Path, wanted: Iterable[str], tables: Mapping[str, list[list[Any]]], objects: Mapping[Digest, Path]
) -> int:
    """Write a bundle and return its size; a file that is there is replaced once the new one is whole.

    Args:
        wanted: ids of the atoms that were asked for.
        tables: table → its rows.
        objects: digest → where the bytes are.

    Raises:
        DataError: an object's bytes are not those of its digest any more. OSError: the file cannot be written.
    """
    texts = {f"{name}.jsonl": b"".join(canonical_json(row) + b"\n" for row in tables[name]) for name in TABLES}
    members = {name: Member(len(text), object_digest([text])) for name, text in texts.items()}
    members |= {f"objects/{digest}": Member(source.stat().st_size, digest) for digest, source in objects.items()}
    head = {"format": FORMAT, "wanted": sorted(wanted), "members": {name: list(each) for name, each in members.items()}}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            archive.comment = _COMMENT + b"0" * _DIGEST_BYTES
            for name, text in {"bundle.json": canonical_json(head), **texts}.items():
                archive.writestr(_info(name, len(text)), text)
            for digest in sorted(objects):
                _add_object(archive, digest, objects[digest])
        size = temporary.stat().st_size
        with open(temporary, "r+b") as file:
            digest = _bundle_digest(file, size)
            file.seek(size - _DIGEST_BYTES)
            file.write(digest.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return size


def _info(name: str, size: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)  # of 1980, the earliest a zip can say
    info.external_attr = 0o644 << 16
    info.create_system = 3
    info.file_size = size
    return info


def _add_object(archive: zipfile.ZipFile, digest: Digest, source: Path) -> None:
    hasher = _hasher("object")
    with open(source, "rb") as reading, archive.open(_info(f"objects/{digest}", source.stat().st_size), "w") as writing:
        while data := reading.read(_CHUNK):
            hasher.update(data)
            writing.write(data)
    if hasher.hexdigest() != digest:
        raise DataError(
            f"the object '{digest[:16]}…' was changed while it was exported",
            where=str(source),
            hint="`motools store verify` lists everything that is wrong.",
        )


class Bundle:
    """An open bundle whose every byte is known to be as it was written. Made by `open_bundle`."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, wanted: list[str], members: Mapping[str, Member]) -> None:
        self.path = path
        self.wanted = wanted
        self.members = members
        self._archive = archive

    @property
    def objects(self) -> dict[Digest, int]:
        """Digest → size of every object in it."""
        return {name[8:]: each.size for name, each in self.members.items() if name.startswith("objects/")}

    def rows(self, table: str) -> Iterator[list[Any]]:
        """Yield the rows of a table.

        Raises:
            DataError: one is not a JSON array.
        """
        text = self._archive.read(f"{table}.jsonl")
        for number, line in enumerate(text.splitlines(), 1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, list):
                raise wrong(self.path, f"{table}.jsonl line {number}", "it is not a row")
            yield row

    def copy_object(self, digest: Digest, writing: IO[bytes]) -> None:
        """Write an object's bytes.

        Raises:
            DataError: they are not those of the digest.
        """
        hasher = _hasher("object")
        with self._archive.open(f"objects/{digest}") as reading:
            while data := reading.read(_CHUNK):
                hasher.update(data)
                writing.write(data)
        if hasher.hexdigest() != digest:
            raise wrong(self.path, f"objects/{digest}", "its bytes are not those of its digest")


@contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """Open a bundle after hashing all of it.

    Raises:
        DataError: it is no bundle, truncated, altered (which part is named), or holds a member that has no place in one.
        StoreTooNewError: a newer motools made it.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise DataError(f"the bundle '{path}' cannot be read: {error.strerror}", hint="Check the path.") from None
    with file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - _TAIL))
        tail = file.read()
        _check_format(path, tail)
        intact = _bundle_digest(file, size).encode() == tail[len(_COMMENT) :]
        try:
            archive = zipfile.ZipFile(file)
            wanted, members = _head(path, archive)
            if not intact:
                _name_damage(path, archive, members)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, KeyError) as error:
            raise wrong(path, "the archive", f"it is damaged: {error}") from None
        if not intact:
            raise wrong(path, "the archive", "bytes between its members, or at its end, have been altered")
        _check_members(path, archive, members)
        with archive:
            yield Bundle(path, archive, wanted, members)


def wrong(path: Path, where: str, problem: str) -> DataError:
    """Return the error for something in a bundle that is not as it should be."""
    return DataError(f"the bundle is refused: {problem}", where=f"{path}: {where}", hint=_AGAIN)


def _check_format(path: Path, tail: bytes) -> None:
    match = re.fullmatch(rb"(\d{4}) ([0-9a-f]{64})", tail[len(_MAGIC) :]) if tail.startswith(_MAGIC) else None
    if match is None:
        raise wrong(path, "its end", "it is not a bundle of motools, or not all of one")
    if int(match[1]) > FORMAT:
        raise StoreTooNewError(
            f"the bundle was made by a newer motools (format {int(match[1])}, not {FORMAT})",
            where=str(path),
            hint="Upgrade motools (`pip install -U motools`); nothing was imported.",
        )
    if int(match[1]) < 1:
        raise wrong(path, "its end", "there never was such a format")


def _head(path: Path, archive: zipfile.ZipFile) -> tuple[list[str], dict[str, Member]]:
    if archive.namelist()[:1] != ["bundle.json"]:
        raise wrong(path, "the archive", "its first member is not 'bundle.json'")
    head = json.loads(archive.read("bundle.json"))
    try:
        wanted = [str(each) for each in head["wanted"]]
        members = {str(name): Member(int(size), str(digest)) for name, (size, digest) in head["members"].items()}
    except (TypeError, AttributeError) as error:
        raise wrong(path, "bundle.json", f"it says something else than a bundle's: {error}") from None
    if head["format"] != FORMAT:
        raise wrong(path, "bundle.json", "it names another format than the end of the file")
    return wanted, members


def _name_damage(path: Path, archive: zipfile.ZipFile, members: Mapping[str, Member]) -> None:
    """Raise for the first member whose bytes are altered, if it is one."""
    for name, member in members.items():
        hasher = _hasher("object")
        try:
            with archive.open(name) as reading:
                while data := reading.read(_CHUNK):
                    hasher.update(data)
            altered = hasher.hexdigest() != member.digest
        except (zipfile.BadZipFile, EOFError):
            altered = True
        if altered:
            raise wrong(path, name, "it has been altered")


def _check_members(path: Path, archive: zipfile.ZipFile, members: Mapping[str, Member]) -> None:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    for name in names[1:]:
        if name not in members or not _MEMBER.match(name):
            raise wrong(path, repr(name), "a member of that name has no place in a bundle")
    if len(set(names)) != len(names):
        raise wrong(path, "the archive", "it holds two members of one name")
    for name, member in members.items():
        if name not in names or not _MEMBER.match(name):
            raise wrong(path, "bundle.json", f"it names the member {name!r}, which is not there")
        if name.startswith("objects/") and name[8:] != member.digest:
            raise wrong(path, name, "its name is not its digest")
    for table in TABLES:
        name = f"{table}.jsonl"
        if name not in members or object_digest([archive.read(name)]) != members[name].digest:
            raise wrong(path, name, "it is missing, or its bytes are not those of its digest")
    for info in infos:
        size = members[info.filename].size if info.filename in members else info.file_size
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != size or info.flag_bits & 1:
            raise wrong(path, info.filename, "it is compressed, encrypted, or of another size than 'bundle.json' says")


def _bundle_digest(file: IO[bytes], size: int) -> Digest:
    """Return the digest of all bytes before the last 64."""
    hasher = _hasher("bundle")
    file.seek(0)
    left = size - _DIGEST_BYTES
    while left > 0 and (data := file.read(min(_CHUNK, left))):
        hasher.update(data)
        left -= len(data)
    return cast(Digest, hasher.hexdigest())


def object_digest(parts: Iterable[bytes]) -> Digest:
    """Return the digest that an object with these bytes has."""
    hasher = _hasher("object")
    for part in parts:
        hasher.update(part)
    return cast(Digest, hasher.hexdigest())


def _hasher(tag: str) -> Any:
    from blake3 import blake3

    return blake3(derive_key_context=f"motools 2026 {tag}")
