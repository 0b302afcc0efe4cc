"""Giving room back: what nothing needs any more is shown, and removed when asked for.

Safe beside running runs: what is put here counts as young, what a run uses is bound to it under the lock that writers take,
and under that lock everything is looked at once more before its rows go. Then the files go, a few at a time, each only
while no row names it. A process that dies in between leaves files without rows, which the next collection finds.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from motools.errors import InputError, StoreNotWritableError
from motools.store.disk import WRITABLE
from motools.store.leases import describe, is_dead
from motools.store.retention import Picture, Retention
from motools.store.store import Store

DEFAULT_AGE = 3600.0
"""What is younger than this many seconds stays."""

LEAST_AGE = 900.0
"""The least that is safe while others work: what they put here may be bound to a run only some minutes later."""


@dataclass(frozen=True)
class Leftover:
    """An atom that may go: its content's size is in bytes, and may be shared with others that stay."""

    id: str
    type: str
    user: str
    created_at: float
    size: int


@dataclass(frozen=True)
class Collection:
    """What a collection removed, or would remove.

    Args:
        deleted: whether it did.
        atoms: the atoms, oldest first.
        contents, objects, keys: how many contents, objects, and computations that are not known any more.
        strays: files that no row names: left by killed processes.
        workspaces: folders of steps of runs that have ended.
        bytes: how much room that gives, without what the file system adds.
        kept: atom → why it stays.
    """

    deleted: bool
    atoms: tuple[Leftover, ...]
    contents: int
    objects: int
    keys: int
    strays: tuple[str, ...]
    workspaces: tuple[str, ...]
    bytes: int
    kept: Mapping[str, str]


def collect(store: Store, *, older_than: float = DEFAULT_AGE, delete: bool = False) -> Collection:
    """Find what nothing needs any more and, if `delete`, remove it.

    Args:
        older_than: seconds; what was made or put here later stays.

    Raises:
        InputError: `older_than` is negative, or less than is safe while somebody works with the store.
        CorruptError: something that stays cannot be read, so what it needs is not known; nothing is removed.
        StoreError: see `Store.open`.
    """
    if older_than < 0:
        raise InputError("an age cannot be negative", where="--older-than")
    if delete and store.readonly:
        raise StoreNotWritableError(f"the store '{store.path}' can only be read", hint=WRITABLE)
    if delete and older_than < LEAST_AGE:
        _refuse_company(store)
    retention = Retention(store)
    first = retention.look(store.clock() - older_than)
    strays = _strays(store, older_than)
    workspaces = _workspaces(store, older_than)
    loose = sum(_size(path) for path in [*strays, *workspaces])
    if not delete:
        return _report(store, first, _leftovers(store, first), strays, workspaces, loose, deleted=False)
    with store.transaction(full=True):
        again = retention.look(store.clock() - older_than, first.atoms)
        gone = _both(first, again)
        leftovers = _leftovers(store, gone)
        for digest in gone.contents:
            shutil.rmtree(store.path / "trees" / digest, ignore_errors=True)
        _forget(store, gone)
    _remove_objects(store, sorted(gone.objects))
    _remove_strays(store, strays, older_than)
    for folder in workspaces:
        shutil.rmtree(folder, ignore_errors=True)
    return _report(store, gone, leftovers, strays, workspaces, loose, deleted=True)


def _both(first: Picture, again: Picture) -> Picture:
    """Return what both looks found left over: nothing goes that was not seen before the lock was taken."""
    atoms = first.atoms & again.atoms
    return Picture(
        kept=again.kept,
        atoms=atoms,
        contents=first.contents & again.contents,
        objects=first.objects & again.objects,
        computed={number: outputs for number, outputs in again.computed.items() if not outputs.isdisjoint(atoms)},
        bytes=min(first.bytes, again.bytes),
    )


def _leftovers(store: Store, picture: Picture) -> tuple[Leftover, ...]:
    rows = store.database.query(
        "SELECT atom.id, type, user, created_at, coalesce(content.size, 0) FROM atom "
        "LEFT JOIN content ON content.digest = atom.content ORDER BY n"
    )
    return tuple(Leftover(*row) for row in rows if row[0] in picture.atoms)


def _report(
    store: Store,
    picture: Picture,
    atoms: tuple[Leftover, ...],
    strays: list[Path],
    workspaces: list[Path],
    loose: int,
    *,
    deleted: bool,
) -> Collection:
    return Collection(
        deleted=deleted,
        atoms=atoms,
        contents=len(picture.contents),
        objects=len(picture.objects),
        keys=len(picture.computed),
        strays=tuple(str(path.relative_to(store.path)) for path in strays),
        workspaces=tuple(str(path.relative_to(store.path)) for path in workspaces),
        bytes=picture.bytes + loose,
        kept=dict(sorted(picture.kept.items())),
    )


def _refuse_company(store: Store) -> None:
    now = store.clock()
    owners = store.database.query(
        "SELECT owner, until FROM run_state WHERE owner IS NOT NULL UNION ALL SELECT owner, until FROM claim"
    )
    for owner, until in owners:
        if until > now and not is_dead(owner):
            raise InputError(
                f"{describe(owner)} works with the store, and may be about to use what is {LEAST_AGE / 60:.0f} minutes old",
                where="--older-than",
                hint="Wait until it has ended, or let everything younger than an hour stay (the default).",
            )


def _forget(store: Store, gone: Picture) -> None:
    """Delete the rows; the caller holds the transaction."""
    many = store.database.execute_many
    atoms = [(atom_id,) for atom_id in gone.atoms]
    for table, column in (("atom_parent", "atom"), ("atom_tag", "atom"), ("atom", "id")):
        many(f"DELETE FROM {table} WHERE {column} = ?", atoms)
    many("DELETE FROM computed WHERE n = ?", [(number,) for number in gone.computed])
    many("DELETE FROM content WHERE digest = ?", [(digest,) for digest in gone.contents])
    many("DELETE FROM object WHERE digest = ?", [(digest,) for digest in gone.objects])
    if gone.objects:
        store.database.execute("DELETE FROM file_stat WHERE digest NOT IN (SELECT digest FROM object)")


_AT_ONCE = 200
_Item = TypeVar("_Item")


def _chunks(items: list[_Item]) -> Iterator[list[_Item]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]


def _remove_objects(store: Store, digests: list[str]) -> None:
    """Delete the files of objects whose rows went, unless one was put here again meanwhile."""
    for some in _chunks(digests):
        with store.transaction():  # nobody writes a row meanwhile
            for digest in some:
                if store.database.one("SELECT 1 FROM object WHERE digest = ?", (digest,)) is None:
                    with suppress(FileNotFoundError):
                        os.unlink(store.path / "objects" / digest[:2] / digest[2:])


def _strays(store: Store, older_than: float) -> list[Path]:
    """Return files under objects/ and folders under trees/ that no row names, of that age."""
    objects = {digest for (digest,) in store.database.query("SELECT digest FROM object")}
    contents = {digest for (digest,) in store.database.query("SELECT digest FROM content")}
    found = [
        path
        for path in _entries(store.path / "objects", lambda folder: _entries(folder))
        if path.parent.name + path.name not in objects
    ]
    found += [path for path in _entries(store.path / "trees") if path.name not in contents]
    return [path for path in found if _age(path) >= older_than]


def _remove_strays(store: Store, strays: list[Path], older_than: float) -> None:
    for some in _chunks(strays):
        with store.transaction():
            for path in some:
                table, name = (
                    ("content", path.name) if path.parent.name == "trees" else ("object", path.parent.name + path.name)
                )
                if store.database.one(f"SELECT 1 FROM {table} WHERE digest = ?", (name,)) is None:
                    _remove(path, older_than)


def _remove(path: Path, older_than: float) -> None:
    with suppress(OSError):
        if _age(path) >= older_than:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _workspaces(store: Store, older_than: float) -> list[Path]:
    """Return the folders in tmp/ of runs that have ended."""
    ended = {
        run_id
        for (run_id,) in store.database.query(
            "SELECT id FROM run JOIN run_state ON run = n WHERE status IN ('completed', 'failed', 'cancelled') "
            "AND owner IS NULL"
        )
    }
    return [path for path in _entries(store.path / "tmp") if path.name in ended and _age(path) >= older_than]


def _entries(folder: Path, inside: Callable[[Path], Iterator[Path]] | None = None) -> Iterator[Path]:
    """Yield what is in a folder, or in its folders; nothing where there is none."""
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        if inside is None:
            yield folder / name
        else:
            yield from inside(folder / name)


def _age(path: Path) -> float:
    """Return for how many seconds something has been where it is; renaming begins anew. 0 where it is gone."""
    try:
        return time.time() - os.lstat(path).st_ctime
    except FileNotFoundError:
        return 0.0


def _size(path: Path) -> int:
    """Return the bytes of a file, or of the files below a folder that have no other name."""
    try:
        if not path.is_dir() or path.is_symlink():
            return os.lstat(path).st_size
        found = (os.lstat(Path(place) / name) for place, _, names in os.walk(path) for name in names)
        return sum(each.st_size for each in found if each.st_nlink == 1)
    except FileNotFoundError:
        return 0
