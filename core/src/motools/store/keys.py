"""What was computed under which step key, and who computes a key now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from motools.canonical import JSON, Digest, canonical_json
from motools.errors import NotFoundError
from motools.store.database import Database
from motools.store.leases import is_dead
from motools.store.rows import read_json

_COLUMNS = "key, component, parts, run, activation, outputs, seconds, at"


class KeyRow(NamedTuple):
    """One completed computation.

    Args:
        component: which component computed it; `history` is by it.
        parts_json: what the key was made of, as JSON text (read on demand: a hit does not need it).
        outputs: ids of the atoms it made, by name.
        seconds: how long it took. at: when it was recorded, in seconds since 1970 (UTC).
    """

    key: Digest
    component: str
    parts_json: str
    run_id: str
    activation: str
    outputs: dict[str, str]
    seconds: float
    at: float

    @property
    def parts(self) -> JSON:
        """What the key was made of."""
        return cast(JSON, read_json(self.parts_json, f"the key '{self.key[:12]}'"))


class Keys:
    """The keys of one store."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def put(
        self,
        key: Digest,
        *,
        parts: JSON,
        component: str,
        run_id: str,
        activation: str,
        outputs: Mapping[str, str],
        seconds: float,
    ) -> None:
        """Record a completed computation; a later one of the same key takes its place in `get`.

        Raises:
            NotFoundError: an output is not an atom of this store. CanonicalError: the parts are not JSON.
        """
        parts_json = canonical_json(parts).decode()
        with self._database.transaction():
            for name, atom_id in outputs.items():
                if self._database.one("SELECT 1 FROM atom WHERE id = ?", (atom_id,)) is None:
                    raise NotFoundError(f"the output '{name}' names the atom '{atom_id}', which is not in the store")
            self._database.execute(
                f"INSERT INTO computed({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    component,
                    parts_json,
                    run_id,
                    activation,
                    canonical_json(dict(outputs)).decode(),
                    seconds,
                    self._clock(),
                ),
            )

    def get(self, key: Digest) -> KeyRow | None:
        """Return the newest computation of that key."""
        row = self._database.one(f"SELECT {_COLUMNS} FROM computed WHERE key = ? ORDER BY n DESC LIMIT 1", (key,))
        return None if row is None else _key(row)

    def history(self, component: str, limit: int | None = None) -> list[KeyRow]:
        """Return the computations of a component, newest first."""
        rows = self._database.query(
            f"SELECT {_COLUMNS} FROM computed WHERE component = ? ORDER BY n DESC LIMIT ?",
            (component, -1 if limit is None else limit),
        )
        return [_key(row) for row in rows]

    def of_node(self, workflow: str, node: str, limit: int) -> list[KeyRow]:
        """Return the computations of a node in runs of a workflow, whichever component did them, newest first.

        Only the newest 10,000 computations of the store are looked at.
        """
        columns = ", ".join(f"newest.{column}" for column in _COLUMNS.split(", "))
        rows = self._database.query(
            f"SELECT {columns} FROM (SELECT * FROM computed ORDER BY n DESC LIMIT 10000) AS newest "
            "JOIN run ON run.id = newest.run WHERE run.workflow = ? AND substr(newest.activation, 1, ?) = ? "
            "ORDER BY newest.n DESC LIMIT ?",
            (workflow, len(node) + 1, f"{node}@", limit),
        )
        return [_key(row) for row in rows]

    def claim(self, key: Digest, owner: str, ttl: float) -> bool:
        """Become the one that computes a key, for `ttl` seconds; again by the same owner prolongs it.

        Returns:
            Whether `owner` has it now. False: a living owner has it, wait and look again.
        """
        with self._database.transaction():
            now = self._clock()
            claim = (key, owner, now + ttl)
            if self._database.execute("INSERT OR IGNORE INTO claim(key, owner, until) VALUES (?, ?, ?)", claim):
                return True
            row = self._database.one("SELECT owner, until FROM claim WHERE key = ?", (key,))
            if row is not None and row[0] != owner and row[1] > now and not is_dead(row[0]):
                return False
            self._database.execute("INSERT OR REPLACE INTO claim(key, owner, until) VALUES (?, ?, ?)", claim)
        return True

    def holder(self, key: Digest) -> str | None:
        """Return who has claimed a key, dead or alive; None when nobody has."""
        row = self._database.one("SELECT owner FROM claim WHERE key = ?", (key,))
        return None if row is None else str(row[0])

    def release_claim(self, key: Digest, owner: str) -> None:
        """Let go of a key; nothing happens if `owner` does not have it."""
        with self._database.transaction():
            self._database.execute("DELETE FROM claim WHERE key = ? AND owner = ?", (key, owner))


def _key(row: tuple[Any, ...]) -> KeyRow:
    key, component, parts, run_id, activation, outputs, seconds, at = row
    return KeyRow(key, component, parts, run_id, activation, read_json(outputs, f"the key '{key[:12]}'"), seconds, at)
