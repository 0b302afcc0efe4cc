"""Taking a bundle into a store: everything is checked first, then becomes visible at once, or nothing does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motools.canonical import Digest, canonical_json
from motools.errors import InputError
from motools.store.bundle import Bundle, open_bundle
from motools.store.bundled import CheckedRows
from motools.store.content import INLINE_BYTES
from motools.store.objects import CollectedError, Ingested, StoredObject
from motools.store.store import Store


@dataclass(frozen=True)
class Imported:
    """What a bundle brought: the atoms it was made for, and how many atoms, contents, keys and runs were new here."""

    wanted: tuple[str, ...]
    atoms: int
    contents: int
    keys: int
    runs: tuple[str, ...]


def import_bundle(store: Store, path: Path) -> Imported:
    """Take in a bundle; what is here already stays as it is, so a second time changes nothing.

    An imported result never takes the place of one computed here, and an imported run is never the `last` one.

    Raises:
        DataError: the bundle is damaged, or not one; where is named, and nothing is changed.
        StoreTooNewError: a newer motools made it.
        InputError: an atom or a run of it is another one here.
        StoreError: the store cannot be written; nothing is changed.
    """
    with open_bundle(path) as bundle:
        tables = CheckedRows(bundle)
        _compare(store, tables)
        while True:
            temporaries = _extract(store, bundle)
            try:
                with suppress(CollectedError):
                    return _write(store, bundle, tables, temporaries)
            finally:
                for temporary in temporaries.values():
                    temporary.unlink(missing_ok=True)


def _compare(store: Store, tables: CheckedRows) -> None:
    """Refuse a bundle that says something else about an atom or a run than the store does."""
    for atom_id, (record, _, _) in tables.records.items():
        row = store.database.one("SELECT record FROM atom WHERE id = ?", (atom_id,))
        if row is not None and row[0] != record:
            raise InputError(
                f"the store has another atom '{atom_id}'", hint="Import the bundle into a store of its own."
            )
    for run_id, run in tables.runs.items():
        known = store.database.one(
            "SELECT workflow, user, definition, created_at, status FROM run JOIN run_state ON run = n WHERE id = ?",
            (run_id,),
        )
        if known is None:
            continue
        same = (
            known == (run[1], run[2], canonical_json(run[3]).decode(), run[6], run[7])
            and [[event.seq, event.fence, event.at, event.type, event.body] for event in store.events.read(run_id)]
            == tables.events[run_id]
        )
        if not same:
            raise InputError(f"the store has another run '{run_id}'", hint="Import the bundle into a store of its own.")


def _extract(store: Store, bundle: Bundle) -> dict[Digest, Path]:
    """Copy the objects into tmp/, each hashed on the way."""
    temporaries: dict[Digest, Path] = {}
    try:
        for digest in bundle.objects:
            temporaries[digest] = store.objects.temporary()
            with store.objects.writing(), open(temporaries[digest], "xb") as file:
                bundle.copy_object(digest, file)
    except BaseException:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)
        raise
    return temporaries


def _write(store: Store, bundle: Bundle, tables: CheckedRows, temporaries: dict[Digest, Path]) -> Imported:
    placed: list[Ingested] = [
        store.objects.put_checked(temporaries[digest], StoredObject(digest, size))
        for digest, size in bundle.objects.items()
    ]
    now = store.clock()
    with store.transaction(full=True):
        _compare(store, tables)
        store.objects.record(placed)
        contents = sum(_add_content(store, digest, *each, now) for digest, each in tables.contents.items())
        atoms = sum(_add_atom(store, row, *tables.records[row[0]]) for row in tables.atoms.values())
        # Numbers below all others: what is imported comes before, so it is never the newest of its kind.
        runs = [run_id for run_id, row in tables.runs.items() if _add_run(store, row, tables.events[run_id])]
        for row in tables.labels:
            _add_label(store, row)
        keys = sum(_add_key(store, row) for row in reversed(tables.keys))
        for row in tables.equivalences:
            _add_equivalence(store, row)
    return Imported(tuple(bundle.wanted), atoms, contents, keys, tuple(runs))


def _add_content(store: Store, digest: Digest, kind: str, body: bytes, size: int, now: float) -> int:
    stored = store.objects.put_bytes(body).digest if len(body) > INLINE_BYTES else None
    known = store.database.one("SELECT 1 FROM content WHERE digest = ?", (digest,))
    store.database.execute(
        "INSERT INTO content(digest, kind, size, body, object, used_at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT(digest) DO UPDATE SET used_at = excluded.used_at",
        (digest, kind, size, body if stored is None else None, stored, now),
    )
    return known is None


def _add_atom(store: Store, row: Sequence[Any], record: Digest, value: Digest, metadata: bytes) -> int:
    atom_id, kind, user, created_at, content, _, made_from, tags, reused_from = row
    added = store.database.execute(
        "INSERT OR IGNORE INTO atom(id, record, type, user, content, value, metadata, created_at, reused_from) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (atom_id, record, kind, user, content, value, metadata.decode(), created_at, reused_from),
    )
    if added:
        store.database.execute_many(
            "INSERT INTO atom_parent(atom, name, parent) VALUES (?, ?, ?)",
            [(atom_id, name, parent) for name, parent in made_from.items()],
        )
    store.database.execute_many(
        "INSERT OR IGNORE INTO atom_tag(atom, tag) VALUES (?, ?)", [(atom_id, tag) for tag in tags]
    )
    return added


def _before_all(store: Store, table: str) -> int:
    row = store.database.one(f"SELECT coalesce(min(n), 1) FROM {table}")
    assert row is not None
    return min(int(row[0]), 0) - 1


def _add_run(store: Store, row: Sequence[Any], events: list[list[Any]]) -> bool:
    run_id, workflow, user, definition, details, parent, created_at, status = row
    if store.database.one("SELECT 1 FROM run WHERE id = ?", (run_id,)) is not None:
        return False
    number = _before_all(store, "run")
    store.database.execute(
        "INSERT INTO run(n, id, workflow, user, definition, details, parent, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (number, run_id, workflow, user, _text(definition), _text(details), parent, created_at),
    )
    fence = max((event[1] for event in events), default=0)
    store.database.execute("INSERT INTO run_state(run, status, fence) VALUES (?, ?, ?)", (number, status, fence))
    store.database.execute_many(
        "INSERT INTO event(place, fence, at, type, body) VALUES (?, ?, ?, ?, ?)",
        [((number << 32) + seq, fence, at, kind, _text(body)) for seq, fence, at, kind, body in events],
    )
    return True


def _add_label(store: Store, row: Sequence[Any]) -> None:
    """Add a tag or a note to a run that is there; what it has already stays as it is."""
    run_id, kind, text, user, at = row
    this = "SELECT n FROM run WHERE id = ?"
    if kind == "tag":
        store.database.execute(
            f"INSERT OR IGNORE INTO run_tag(run, tag, user, at) VALUES (({this}), ?, ?, ?)", (run_id, text, user, at)
        )
        return
    same = f"run = ({this}) AND text = ? AND user = ? AND at = ?"
    if store.database.one(f"SELECT 1 FROM run_note WHERE {same}", (run_id, text, user, at)) is None:
        store.database.execute(
            f"INSERT INTO run_note(run, text, user, at) VALUES (({this}), ?, ?, ?)", (run_id, text, user, at)
        )


def _add_key(store: Store, row: Sequence[Any]) -> bool:
    key, component, run_id, parts, activation, outputs, seconds, at = row
    known = "SELECT 1 FROM computed WHERE key = ? AND run = ? AND activation = ?"
    if store.database.one(known, (key, run_id, activation)) is not None:
        return False
    store.database.execute(
        "INSERT INTO computed(n, key, component, parts, run, activation, outputs, seconds, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            _before_all(store, "computed"),
            key,
            component,
            _text(parts),
            run_id,
            activation,
            _text(outputs),
            seconds,
            at,
        ),
    )
    return True


def _add_equivalence(store: Store, row: Sequence[Any]) -> None:
    same = "key = ? AND earlier = ? AND step = ? AND what = ? AND user = ? AND reason = ? AND at = ?"
    if store.database.one(f"SELECT 1 FROM equivalence WHERE {same}", row) is None:
        store.database.execute(
            "INSERT INTO equivalence(n, key, earlier, step, what, user, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (_before_all(store, "equivalence"), *row),
        )


def _text(value: Any) -> str:
    return canonical_json(value).decode()
