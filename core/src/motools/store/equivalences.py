"""What people declared equal: a step key that may use the result of an earlier one, by whom, when and why.

The table only grows. The last row of a key says whether something is in force: `accepted`, or `revoked` since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from motools.canonical import JSON, Digest, iso_time
from motools.errors import InputError, NotFoundError
from motools.store.database import Database

_COLUMNS = "key, earlier, step, what, user, reason, at"


class EquivalenceRow(NamedTuple):
    """One decision of a person about two step keys.

    Args:
        key: the key whose own result is not there.
        earlier: the key whose result it may use.
        step: the step both are of.
        what: `accepted`, or `revoked`: it is taken back.
        reason: why, in the person's words. at: when, in seconds since 1970 (UTC).
    """

    key: Digest
    earlier: Digest
    step: str
    what: Literal["accepted", "revoked"]
    user: str
    reason: str
    at: float

    def to_json(self) -> dict[str, JSON]:
        """Return it as it stands in events and in `--json`: `at` is ISO 8601, UTC."""
        return {**self._asdict(), "at": iso_time(self.at)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EquivalenceRow:
        """Read what `to_json` returned."""
        from datetime import datetime

        return cls(**{**data, "at": datetime.fromisoformat(data["at"]).timestamp()})


class Equivalences:
    """The equivalences of one store."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def accept(self, key: Digest, earlier: Digest, *, step: str, user: str, reason: str) -> EquivalenceRow:
        """Let `key` use the result of `earlier`; kept through a loss of power.

        Raises:
            InputError: there is no reason, the keys are one, or `earlier` itself follows `key`.
        """
        _check_reason(reason)
        with self._database.transaction(full=True):
            if key in [earlier, *(row.earlier for row in self.chain(earlier))]:
                raise InputError(
                    "a key cannot stand for itself",
                    where=f"step '{step}'",
                    hint="Revoke the acceptance the other way round first.",
                )
            return self._add(key, earlier, step, "accepted", user, reason)

    def revoke(self, key: Digest, *, user: str, reason: str) -> EquivalenceRow:
        """Take back what is in force for `key`; what was computed with it meanwhile stays as it is.

        Raises:
            InputError: there is no reason. NotFoundError: nothing is in force.
        """
        _check_reason(reason)
        with self._database.transaction(full=True):
            row = self.get(key)
            if row is None:
                raise NotFoundError(f"nothing is accepted for the key '{key[:12]}'")
            return self._add(key, row.earlier, row.step, "revoked", user, reason)

    def get(self, key: Digest) -> EquivalenceRow | None:
        """Return what is in force for a key."""
        row = self._database.one(f"SELECT {_COLUMNS} FROM equivalence WHERE key = ? ORDER BY n DESC LIMIT 1", (key,))
        found = None if row is None else EquivalenceRow(*row)
        return None if found is None or found.what == "revoked" else found

    def chain(self, key: Digest) -> list[EquivalenceRow]:
        """Return what leads from a key to earlier and earlier ones, as far as it is in force."""
        found: list[EquivalenceRow] = []
        while (row := self.get(key)) is not None:
            found.append(row)
            key = row.earlier
        return found

    def history(self, key: Digest | None = None) -> list[EquivalenceRow]:
        """Return every decision, also those taken back, oldest first; of one key, as the later or the earlier of the two."""
        rows = self._database.query(
            f"SELECT {_COLUMNS} FROM equivalence WHERE ? IS NULL OR key = ? OR earlier = ? ORDER BY n", (key, key, key)
        )
        return [EquivalenceRow(*row) for row in rows]

    def of_atoms(self, atom_ids: Iterable[str]) -> dict[str, list[EquivalenceRow]]:
        """Return atom id → the decisions by which it stood, or stands, for another key's result."""
        wanted = set(atom_ids)
        rows = self.history()
        leads_to = {row.key: row.earlier for row in rows}
        found: dict[str, list[EquivalenceRow]] = {}
        for row in rows:
            key, seen = row.earlier, {row.key}
            while not (outputs := self._outputs(key)) and key in leads_to and key not in seen:
                seen.add(key)  # what was accepted at different times may go round in a circle
                key = leads_to[key]
            for atom_id in sorted(outputs & wanted):
                found.setdefault(atom_id, []).append(row)
        return found

    def _outputs(self, key: Digest) -> set[str]:
        rows = self._database.query(
            "SELECT DISTINCT made.value FROM computed, json_each(outputs) AS made WHERE computed.key = ?", (key,)
        )
        return {atom_id for (atom_id,) in rows}

    def _add(
        self, key: Digest, earlier: Digest, step: str, what: Literal["accepted", "revoked"], user: str, reason: str
    ) -> EquivalenceRow:
        row = EquivalenceRow(key, earlier, step, what, user, reason.strip(), self._clock())
        self._database.execute(f"INSERT INTO equivalence({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return row


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise InputError("there is no reason", where="--reason", hint="Say in a sentence why the result still holds.")
