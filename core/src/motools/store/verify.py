"""Everything that is wrong with a store: every object, row and tree is looked at, nothing is changed."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from motools.canonical import digest_file, digest_json
from motools.errors import CorruptError, NotFoundError
from motools.store.atoms import value_digest
from motools.store.events import SEQ_MASK
from motools.store.store import Store

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_RESTORE = "Restore motools.db from a copy of the store."


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: which thing, what is wrong with it, and what can be done."""

    kind: str
    name: str
    problem: str
    remedy: str


def check(store: Store) -> Iterator[Finding]:
    """Yield what is wrong; a store that processes were killed in, at any point, has nothing wrong.

    Raises:
        StoreError: the database cannot be read at all.
    """
    damaged = False
    for (line,) in store.database.query("PRAGMA integrity_check"):
        if line != "ok":
            damaged = True
            yield Finding("database", "motools.db", line, _RESTORE)
    if damaged:
        return
    yield from _objects(store)
    yield from _contents(store)
    yield from _atoms(store)
    yield from _runs(store)
    yield from _trees(store)


def counts(store: Store) -> dict[str, int]:
    """Return how many things of each kind `check` looks at."""
    tables = {"objects": "object", "contents": "content", "atoms": "atom", "runs": "run", "events": "event"}
    found = {name: store.database.query(f"SELECT count(*) FROM {table}")[0][0] for name, table in tables.items()}
    return {**found, "trees": len(_names(store.path / "trees"))}


def _objects(store: Store) -> Iterator[Finding]:
    known = {digest for (digest,) in store.database.query("SELECT digest FROM object")}
    for digest in sorted(known):
        problem = _problem(lambda: store.objects.verify(digest))  # noqa: B023
        if problem is not None:
            yield Finding("object", digest, *problem)
    # One without a row was left by a process killed before it could write the row: whole, and adopted when stored again.
    for folder in _names(store.path / "objects"):
        for name in _names(store.path / "objects" / folder):
            path = store.path / "objects" / folder / name
            if folder + name not in known and not (path.is_file() and digest_file(path) == folder + name):
                yield Finding(
                    "object", folder + name, f"'{path}' is not an object of this store", "Move it out of the store."
                )


def _contents(store: Store) -> Iterator[Finding]:
    for (digest,) in store.database.query("SELECT digest FROM content ORDER BY digest"):
        problem = _problem(lambda: _look_at_content(store, digest))  # noqa: B023 (called at once)
        if problem is not None:
            yield Finding("content", digest, *problem)


def _look_at_content(store: Store, digest: str) -> None:
    for name, file in store.content.files(digest).items():
        row = store.database.one("SELECT size FROM object WHERE digest = ?", (file.digest,))
        if row is None or row[0] != file.size:
            raise CorruptError(f"the content's file '{name}' has no object in the store", hint=_RESTORE)


def _atoms(store: Store) -> Iterator[Finding]:
    ids = {atom_id for (atom_id,) in store.database.query("SELECT id FROM atom")}
    contents = {digest for (digest,) in store.database.query("SELECT digest FROM content")}
    rows = store.database.query("SELECT id, record, metadata, content FROM atom ORDER BY n")
    for atom_id, record, metadata, content in rows:
        try:
            row = store.atoms.get(atom_id)
        except CorruptError as error:
            yield Finding("atom", atom_id, error.message, _RESTORE)
            continue
        missing = [f"'{name}' ('{parent}')" for name, parent in row.made_from.items() if parent not in ids]
        if row.value != value_digest(row.type, row.content, metadata.encode()) or record != digest_json(
            "atom", {"type": row.type, "user": row.user, "value": row.value, "made_from": row.made_from}
        ):
            yield Finding("atom", atom_id, "its row has been altered", _RESTORE)
        elif content not in contents:
            yield Finding("atom", atom_id, f"its content '{content[:16]}…' is not in the store", _RESTORE)
        elif missing:
            yield Finding("atom", atom_id, f"it is made from {', '.join(missing)}, not in the store", _RESTORE)
    for key, outputs, parts in store.database.query("SELECT key, outputs, parts FROM computed ORDER BY n"):
        try:
            made = json.loads(outputs)
            altered = digest_json("step-key", json.loads(parts)) != key and _DIGEST.match(key)
        except ValueError:
            made, altered = {}, True
        if altered:
            yield Finding("key", key, "what it was computed from has been altered in the database", _RESTORE)
        for name, atom_id in made.items():
            if atom_id not in ids:
                yield Finding("key", key, f"its output '{name}' is the atom '{atom_id}', not in the store", _RESTORE)


def _runs(store: Store) -> Iterator[Finding]:
    names: dict[int, str] = dict(store.database.query("SELECT n, id FROM run"))
    states = {run for (run,) in store.database.query("SELECT run FROM run_state")}
    for number, run_id in names.items():
        if number not in states:
            yield Finding("run", run_id, "its status is missing", _RESTORE)
            continue
        problem = _problem(lambda: store.runs.get(run_id))  # noqa: B023
        if problem is not None:
            yield Finding("run", run_id, *problem)
    lines: Counter[int] = Counter()
    last: dict[int, int] = {}
    for place, body in store.database.query("SELECT place, body FROM event ORDER BY place"):
        run, seq = place >> 32, place & SEQ_MASK
        lines[run] += 1
        last[run] = seq
        try:
            json.loads(body)
        except ValueError:
            yield Finding("run", names.get(run, str(run)), f"its event {seq} is not JSON", _RESTORE)
    for run, count in lines.items():
        if run not in names:
            yield Finding("run", f"number {run}", f"{count} events belong to no run", _RESTORE)
        elif last[run] != count:
            yield Finding("run", names[run], f"of {last[run]} events {last[run] - count} are missing", _RESTORE)


def _trees(store: Store) -> Iterator[Finding]:
    for name in _names(store.path / "trees"):
        try:
            problem = _problem(lambda: store.content.trees.check(name))  # noqa: B023
        except NotFoundError:
            problem = ("it shows no content of this store", f"Remove '{store.path / 'trees' / name}'.")
        if problem is not None:
            yield Finding("tree", name, *problem)


def _problem(look: Callable[[], object]) -> tuple[str, str] | None:
    """Return what a look at something found wrong, and the remedy; None if it is well."""
    try:
        look()
    except CorruptError as error:
        where = f" ({error.where})" if error.where else ""
        return f"{error.message}{where}", error.hint or _RESTORE
    return None


def _names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.is_dir() else []
