"""Rows of atoms: who made what from what, found again by id, type, user, tag, metadata or value.

The *value* of an atom is its type, content and metadata: all that a step can read. Its *record* adds the user and what it
was made from; the id is `{type}-{user}-{12 hex of the record's digest}`, longer where two records would share it. Adding a
record that is there already returns it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from motools.canonical import JSON, Digest, canonical_json, digest_bytes, digest_json
from motools.errors import CanonicalError, CorruptError, InputError, NotFoundError, did_you_mean
from motools.store.database import Database
from motools.store.rows import read_json

_TYPE = re.compile(r"[a-z][a-z0-9_.-]*\Z")
_USER = re.compile(r"\w[\w.@+-]{0,63}\Z")
_SELECT = """
    SELECT id, type, user, created_at, content, value, metadata, reused_from,
        (SELECT json_group_object(name, parent) FROM atom_parent WHERE atom = id),
        (SELECT json_group_array(tag) FROM atom_tag WHERE atom = id)
    FROM atom
"""


class AtomRow(NamedTuple):
    """An atom as the store knows it.

    Args:
        created_at: when the record was first added, in seconds since 1970 (UTC).
        content: digest of the content.
        value: digest of type, content and metadata.
        made_from: the atoms it was made from, by the name the step knew them under.
        reused_from: the atom whose value was reused, if nothing was computed.
    """

    id: str
    type: str
    user: str
    created_at: float
    content: Digest
    value: Digest
    metadata: dict[str, JSON]
    made_from: dict[str, str]
    tags: tuple[str, ...]
    reused_from: str | None


class Atoms:
    """The atoms of one store."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def add(
        self,
        *,
        type: str,
        user: str,
        content: Digest,
        metadata: Mapping[str, JSON] | None = None,
        made_from: Mapping[str, str] | None = None,
        tags: Iterable[str] = (),
        reused_from: str | None = None,
    ) -> AtomRow:
        """Add a record, or find the equal one; tags are added to it.

        Args:
            content: digest from `store.content`.
            made_from: ids of atoms in this store, by name.

        Raises:
            InputError: the type or user has a form that an id cannot hold, or a tag is no text.
            CanonicalError: the metadata is not a JSON object with text keys.
            NotFoundError: the content, or an atom it is made from, is not in the store.
        """
        check_names(type, user)
        parents = dict(made_from or {})
        metadata_json = metadata_body(metadata)
        value = value_digest(type, content, metadata_json)
        record = digest_json("atom", {"type": type, "user": user, "value": value, "made_from": parents})
        labels = (tags,) if isinstance(tags, str) else tuple(tags)
        if not all(isinstance(tag, str) and tag.strip() for tag in labels):
            raise InputError(f"{labels!r} are not tags", hint="A tag is a text that is not empty.")
        prefix = f"{type}-{user}-"
        atom_id, known = (prefix, False) if self._database.writing else self._place(prefix, record)
        if known:
            found = self._exact(atom_id)
            if found is not None and set(found.tags).issuperset(labels):
                return found  # the usual case when a run is repeated: nothing to write
        with self._database.transaction():
            atom_id, known = self._place(prefix, record)
            now = self._clock()
            if not known:
                self._check_references(content, parents, reused_from)
                self._database.execute(
                    "INSERT INTO atom(id, record, type, user, content, value, metadata, created_at, reused_from) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (atom_id, record, type, user, content, value, metadata_json.decode(), now, reused_from),
                )
                if parents:
                    self._database.execute_many(
                        "INSERT INTO atom_parent(atom, name, parent) VALUES (?, ?, ?)",
                        [(atom_id, name, parent) for name, parent in parents.items()],
                    )
            if labels:
                self._database.execute_many(
                    "INSERT OR IGNORE INTO atom_tag(atom, tag) VALUES (?, ?)", [(atom_id, tag) for tag in labels]
                )
            if known:
                added = self._exact(atom_id)
                assert added is not None
                return added
        return AtomRow(
            id=atom_id,
            type=type,
            user=user,
            created_at=now,
            content=content,
            value=value,
            metadata=json.loads(metadata_json),
            made_from=dict(sorted(parents.items())),
            tags=tuple(sorted(set(labels))),
            reused_from=reused_from,
        )

    def get(self, atom_id: str) -> AtomRow:
        """Return the atom of that id, or of the only id that begins so; `last` and `last-TYPE` are the newest.

        Raises:
            NotFoundError: there is none, or there are several. CorruptError: its row has been altered.
        """
        found = self._exact(atom_id) or self._exact(unique_prefix(self._database, "atom", atom_id))
        assert found is not None
        if found.value != value_digest(found.type, found.content, metadata_body(found.metadata)):
            raise CorruptError(
                f"the record of the atom '{found.id}' has been altered in the database",
                where=str(self._database.file),
                hint="Restore motools.db from a copy of the store; `motools store verify` lists everything that is wrong.",
            )
        return found

    def find(
        self,
        type: str | None = None,
        user: str | None = None,
        metadata: Mapping[str, JSON] | None = None,
        tag: str | None = None,
        value: Digest | None = None,
        made_from: str | None = None,
        limit: int | None = None,
    ) -> list[AtomRow]:
        """Return the atoms that fit every condition given, newest first.

        Args:
            metadata: these keys have exactly these JSON values (`1` is not `1.0`).
            made_from: id of an atom they were directly made from.
        """
        clauses: list[str] = []
        args: list[Any] = []
        for column, wanted in (("type", type), ("user", user), ("value", value)):
            if wanted is not None:
                clauses.append(f"{column} = ?")
                args.append(wanted)
        if tag is not None:
            clauses.append("id IN (SELECT atom FROM atom_tag WHERE tag = ?)")
            args.append(tag)
        if made_from is not None:
            clauses.append("id IN (SELECT atom FROM atom_parent WHERE parent = ?)")
            args.append(made_from)
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        sql = f"{_SELECT} {where} ORDER BY n DESC"
        if limit is not None and not metadata:
            sql += f" LIMIT {int(limit)}"
        rows = self._database.query(sql, args)
        if metadata:
            wanted_json = {key: canonical_json(item) for key, item in metadata.items()}
            rows = [row for row in rows if _holds(json.loads(row[6]), wanted_json)]
        return [_row(row) for row in (rows if limit is None else rows[:limit])]

    def children(self, atom_id: str) -> list[AtomRow]:
        """Return the atoms directly made from this one, oldest first."""
        return self.find(made_from=atom_id)[::-1]

    # -- inside

    def _check_references(self, content: Digest, parents: Mapping[str, str], reused_from: str | None) -> None:
        if self._database.one("SELECT 1 FROM content WHERE digest = ?", (content,)) is None:
            raise NotFoundError(f"there is no content '{content}' in the store", hint="Put it there first.")
        for name, parent in [*parents.items(), *([("reused_from", reused_from)] if reused_from else [])]:
            if self._database.one("SELECT 1 FROM atom WHERE id = ?", (parent,)) is None:
                raise NotFoundError(
                    f"'{name}' names the atom '{parent}', which is not in the store",
                    hint="made_from takes whole ids of atoms that exist; `motools atom list` shows them.",
                )

    def _place(self, prefix: str, record: Digest) -> tuple[str, bool]:
        """Return the id of a record, and whether it is there already."""
        for length in range(12, 65, 4):
            atom_id = prefix + record[:length]
            row = self._database.one("SELECT record FROM atom WHERE id = ?", (atom_id,))
            if row is None or row[0] == record:
                return atom_id, row is not None
        raise AssertionError("two records with one digest")

    def _exact(self, atom_id: str) -> AtomRow | None:
        row = self._database.one(f"{_SELECT} WHERE id = ?", (atom_id,))
        return None if row is None else _row(row)


def _row(row: tuple[Any, ...]) -> AtomRow:
    atom_id, kind, user, created_at, content, value, metadata, reused_from, made_from, tags = row
    return AtomRow(
        id=atom_id,
        type=kind,
        user=user,
        created_at=created_at,
        content=content,
        value=value,
        metadata=read_json(metadata, f"the atom '{atom_id}'") if metadata != "{}" else {},
        made_from=json.loads(made_from) if made_from != "{}" else {},
        tags=tuple(json.loads(tags)) if tags != "[]" else (),
        reused_from=reused_from,
    )


def metadata_body(metadata: Mapping[str, JSON] | None) -> bytes:
    """Return metadata as canonical JSON.

    Raises:
        CanonicalError: it is not an object with text keys and JSON values.
    """
    plain = dict(metadata) if isinstance(metadata, Mapping) else (metadata or {})
    if not isinstance(plain, dict):
        raise CanonicalError(f"metadata is a {type(metadata).__name__}, not an object", path="$")
    return canonical_json(plain)


def value_digest(type: str, content: Digest, metadata_json: bytes) -> Digest:
    """Return `digest_json("atom-value", {content, metadata, type})`, the metadata being canonical JSON already."""
    head = canonical_json(content)
    return digest_bytes(
        "atom-value",
        b'{"content":' + head + b',"metadata":' + metadata_json + b',"type":' + canonical_json(type) + b"}",
    )


def unique_prefix(database: Database, table: str, prefix: str) -> str:
    """Return the id `prefix`, or else the only one in `table` that begins so.

    Of atoms, `last` is the newest, and `last-model` the newest of type `model`.

    Raises:
        NotFoundError: none does, or several do.
    """
    if table == "atom" and (prefix == "last" or prefix.startswith("last-")):
        of_type = prefix.removeprefix("last").removeprefix("-")
        query = "SELECT id FROM atom WHERE ?1 = '' OR type = ?1 ORDER BY n DESC LIMIT 1"
        row = database.one(query, (of_type,))
        if row is not None:
            return str(row[0])
    found = []
    if prefix:
        found = [
            row[0]
            for row in database.query(
                f"SELECT id FROM {table} WHERE substr(id, 1, ?) = ? ORDER BY id LIMIT 4", (len(prefix), prefix)
            )
        ]
    if len(found) == 1 or prefix in found:
        return prefix if prefix in found else str(found[0])
    if found:
        shown = ", ".join(f"'{name}'" for name in found[:3]) + (" …" if len(found) > 3 else "")
        raise NotFoundError(f"'{prefix}' begins more than one {table}'s id: {shown}", hint="Write more of the id.")
    known = [row[0] for row in database.query(f"SELECT id FROM {table} ORDER BY n DESC LIMIT 500")]
    if table == "atom" and database.one("SELECT 1 FROM run WHERE id = ?", (prefix,)):
        hint = f"That is a run: 'motools run show {prefix}' names the atoms that it made."
        raise NotFoundError(f"there is no atom '{prefix}' in the store", hint=hint)
    hint = did_you_mean(prefix, known) or f"`motools {table} list` shows what there is in '{database.folder}'."
    raise NotFoundError(f"there is no {table} '{prefix}' in the store", hint=hint)


def check_names(type: str, user: str) -> None:
    """Refuse a type or user that an id cannot hold.

    Raises:
        InputError: it is one.
    """
    if not isinstance(type, str) or not _TYPE.match(type):
        raise InputError(
            f"{type!r} cannot be a type of atom",
            hint="Use lower case letters, digits, '_', '-' and '.', beginning with a letter.",
        )
    if not isinstance(user, str) or not _USER.match(user):
        raise InputError(
            f"{user!r} cannot be a user's name", hint="Use up to 64 letters, digits and the characters . _ @ + -"
        )


def _holds(metadata: dict[str, JSON], wanted: Mapping[str, bytes]) -> bool:
    return all(key in metadata and canonical_json(metadata[key]) == item for key, item in wanted.items())
