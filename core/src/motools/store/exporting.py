"""Taking atoms out of a store with everything they came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motools.canonical import Digest
from motools.errors import InputError, RunError
from motools.store.bundle import write_bundle
from motools.store.events import SEQ_MASK
from motools.store.mentions import mentions
from motools.store.runs import FINAL
from motools.store.store import Store


@dataclass(frozen=True)
class Exported:
    """What a bundle holds: the atoms asked for, how many atoms, contents, keys, runs and objects in all, and its bytes."""

    path: str
    wanted: tuple[str, ...]
    atoms: int
    contents: int
    keys: int
    runs: int
    objects: int
    bytes: int


def export(store: Store, atom_ids: Sequence[str], path: Path) -> Exported:
    """Write a bundle with atoms, all their ancestors, the keys that made them, and the records and logs of those runs.

    Other results of a step that made one of them come along, so that its key is a hit in the other store.

    Args:
        atom_ids: ids, or unique beginnings.
        path: the file, replaced if it is there.

    Raises:
        InputError: no atom is named, or the file cannot be written. NotFoundError: there is no such atom.
        RunError: a run that made one of them is not finished. CorruptError: something of it is gone or altered.
    """
    if not atom_ids:
        raise InputError("no atom is named", hint="`motools atom list` shows what there is.")
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"'{path}' is no place for a file", hint="Name a file in a folder that exists.")
    wanted = [store.atoms.get(atom_id).id for atom_id in atom_ids]
    atoms, keys = _closure(store, wanted)
    runs = _runs(store, atoms, keys)
    tables = {
        "atoms": [_atom_row(store, atom_id) for atom_id in sorted(atoms)],
        "keys": _key_rows(store, keys),
        "equivalences": _equivalences(store, atoms),
        "runs": _run_rows(store, runs),
        "labels": _label_rows(store, runs),
        "events": _event_rows(store, runs),
    }
    said = [row[3] for row in tables["keys"]] + [row[3] for row in tables["runs"]]
    known = {digest for (digest,) in store.database.query("SELECT digest FROM content")}
    contents = {row[4] for row in tables["atoms"]} | (mentions(map(json.dumps, said)).digests & known)
    objects: dict[Digest, Path] = {}
    tables["contents"] = [_content_row(store, digest, objects) for digest in sorted(contents)]
    try:
        size = write_bundle(path, wanted, tables, objects)
    except OSError as error:
        raise InputError(f"'{path}' cannot be written: {error.strerror}", hint="Name another place.") from error
    return Exported(
        str(path), tuple(wanted), len(atoms), len(contents), len(tables["keys"]), len(runs), len(objects), size
    )


def _closure(store: Store, wanted: Iterable[str]) -> tuple[set[str], set[int]]:
    """Return the atoms with all ancestors and siblings, and the rows of the computations that made them."""
    parents: dict[str, set[str]] = {}
    for child, parent in store.database.query(
        "SELECT atom, parent FROM atom_parent UNION ALL SELECT id, reused_from FROM atom WHERE reused_from IS NOT NULL"
    ):
        parents.setdefault(child, set()).add(parent)
    makers: dict[str, list[tuple[int, str, tuple[str, ...]]]] = {}
    for number, run_id, outputs in store.database.query("SELECT n, run, outputs FROM computed ORDER BY n"):
        made = tuple(json.loads(outputs).values())
        for atom_id in made:
            makers.setdefault(atom_id, []).append((number, run_id, made))
    finished = {
        run_id
        for (run_id,) in store.database.query(f"SELECT id FROM run JOIN run_state ON run = n WHERE status IN {FINAL!r}")
    }
    atoms: set[str] = set()
    keys: set[int] = set()
    waiting = list(wanted)
    while waiting:
        atom_id = waiting.pop()
        if atom_id in atoms:
            continue
        atoms.add(atom_id)
        waiting += parents.get(atom_id, ())
        made_by = makers.get(atom_id, [])
        usable = [each for each in made_by if each[1] in finished]
        if made_by and not usable:
            raise RunError(
                f"the run that made the atom '{atom_id}' is not finished, so its log is not whole",
                where=f"run {made_by[-1][1]}",
                hint=f"Wait for it, or finish it (`motools run resume {made_by[-1][1]}`), and export then.",
            )
        for number, _, siblings in usable:
            keys.add(number)
            waiting += siblings
    return atoms, keys


def _runs(store: Store, atoms: set[str], keys: set[int]) -> list[int]:
    """Return the rows of the runs that made the atoms, and of those they derive from; of a bound one the first that did."""
    query = store.database.query
    wanted = json.dumps(sorted(keys))
    runs = {
        run
        for (run,) in query(
            "SELECT run.n FROM computed JOIN run ON run.id = computed.run "
            "WHERE computed.n IN (SELECT value FROM json_each(?))",
            (wanted,),
        )
    }
    computed = {
        atom
        for (atom,) in query(
            "SELECT made.value FROM computed, json_each(outputs) AS made WHERE n IN (SELECT value FROM json_each(?))",
            (wanted,),
        )
    }
    bound = query(
        "SELECT made.value, event.place >> 32 FROM event, json_each(event.body, '$.outputs') AS made, run_state "
        f"WHERE event.type = 'step_cached' AND run_state.run = event.place >> 32 AND run_state.status IN {FINAL!r} "
        "AND made.value IN (SELECT value FROM json_each(?)) ORDER BY event.at",
        (json.dumps(sorted(atoms - computed)),),
    )
    first: dict[str, int] = {}
    for atom_id, run in bound:
        first.setdefault(atom_id, run)
    runs |= set(first.values())
    waiting = list(runs)
    while waiting:
        for (parent,) in query(
            "SELECT p.n FROM run JOIN run AS p ON p.id = run.parent WHERE run.n = ?", (waiting.pop(),)
        ):
            if parent not in runs:
                runs.add(parent)
                waiting.append(parent)
    return sorted(runs)


def _atom_row(store: Store, atom_id: str) -> list[Any]:
    row = store.atoms.get(atom_id)
    made_from = {name: row.made_from[name] for name in sorted(row.made_from)}
    return [
        row.id,
        row.type,
        row.user,
        row.created_at,
        row.content,
        row.metadata,
        made_from,
        sorted(row.tags),
        row.reused_from,
    ]


def _key_rows(store: Store, keys: set[int]) -> list[list[Any]]:
    rows = store.database.query(
        "SELECT key, component, run, parts, activation, outputs, seconds, at FROM computed "
        "WHERE n IN (SELECT value FROM json_each(?)) ORDER BY at, key, run, activation",
        (json.dumps(sorted(keys)),),
    )
    return [
        [key, component, run, json.loads(parts), activation, json.loads(outputs), seconds, at]
        for key, component, run, parts, activation, outputs, seconds, at in rows
    ]


def _equivalences(store: Store, atoms: set[str]) -> list[list[Any]]:
    decisions = {row for rows in store.equivalences.of_atoms(atoms).values() for row in rows}
    return [list(row) for row in sorted(decisions, key=lambda row: (row.at, row.key, row.what))]


def _run_rows(store: Store, runs: list[int]) -> list[list[Any]]:
    rows = store.database.query(
        "SELECT id, workflow, user, definition, details, parent, created_at, status FROM run "
        "JOIN run_state ON run = n WHERE n IN (SELECT value FROM json_each(?)) ORDER BY id",
        (json.dumps(runs),),
    )
    return [[*row[:3], json.loads(row[3]), json.loads(row[4]), *row[5:]] for row in rows]


def _label_rows(store: Store, runs: list[int]) -> list[list[Any]]:
    rows = store.database.query(
        "SELECT id, kind, text, label.user, at FROM (SELECT run, 'tag' AS kind, tag AS text, user, at FROM run_tag UNION ALL "
        "SELECT run, 'note', text, user, at FROM run_note) AS label JOIN run ON run.n = label.run "
        "WHERE label.run IN (SELECT value FROM json_each(?)) ORDER BY id, kind, at, text",
        (json.dumps(runs),),
    )
    return [list(row) for row in rows]


def _event_rows(store: Store, runs: list[int]) -> list[list[Any]]:
    names: dict[int, str] = dict(store.database.query("SELECT n, id FROM run"))
    found = []
    for number in sorted(runs, key=names.__getitem__):
        rows = store.database.query(
            "SELECT place, fence, at, type, body FROM event WHERE place > ? AND place < ? ORDER BY place",
            (number << 32, (number + 1) << 32),
        )
        found += [
            [names[number], place & SEQ_MASK, fence, at, kind, json.loads(body)]
            for place, fence, at, kind, body in rows
        ]
    return found


def _content_row(store: Store, digest: Digest, objects: dict[Digest, Path]) -> list[Any]:
    """Return a content's row, and add the objects it needs."""
    kind, body = store.content.body(digest)
    for _, file, _, _ in store.content.entries(digest):
        if file not in objects:
            objects[file] = store.objects.path(file)
    return [digest, kind, json.loads(body)]
