"""The runs' logs: append-only, numbered from 1 without gaps, written only by the holder of the run's lease."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from motools.canonical import canonical_json
from motools.errors import NotFoundError
from motools.store.database import Database
from motools.store.runs import stale


class Event(NamedTuple):
    """One line of a run's log: its number, the writer's fence, when (seconds since 1970, UTC), type and JSON body."""

    seq: int
    fence: int
    at: float
    type: str
    body: Any


class Events:
    """The logs of one store."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def append(
        self,
        run_id: str,
        fence: int,
        events: Sequence[tuple[str, object]],
        full: bool = False,
        status: str | None = None,
    ) -> int:
        """Append events of (type, JSON body) in one transaction and return the last number.

        Args:
            fence: the writer's; 0 where nobody has driven the run yet.
            full: whether it must survive a loss of power when this returns.
            status: the run's status from now on, if the events change it.

        Raises:
            RunBusyError: the fence is not the run's. NotFoundError: no such run. CanonicalError: a body is not JSON.
        """
        bodies = [(kind, canonical_json(body).decode()) for kind, body in events]
        database = self._database
        with database.transaction(full):
            row = database.one("SELECT fence, head, owner FROM run WHERE id = ?", (run_id,))
            if row is None:
                raise NotFoundError(f"there is no run '{run_id}' in the store")
            if row[0] != fence:
                raise stale(run_id, row[2])
            head: int = row[1]
            now = self._clock()
            if len(bodies) == 1:
                ((kind, body),) = bodies
                database.execute(_INSERT, (run_id, head + 1, fence, now, kind, body))
            else:
                database.execute_many(
                    _INSERT, [(run_id, head + i, fence, now, kind, body) for i, (kind, body) in enumerate(bodies, 1)]
                )
            head += len(bodies)
            database.execute(
                "UPDATE run SET head = ?, status = coalesce(?, status), updated_at = ? WHERE id = ?",
                (head, status, now, run_id),
            )
        return head

    def read(self, run_id: str, after: int = 0, limit: int | None = None) -> list[Event]:
        """Return the events with a number above `after`, in order.

        Raises:
            NotFoundError: no such run.
        """
        rows = self._database.query(
            "SELECT seq, fence, at, type, body FROM event WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?",
            (run_id, after, -1 if limit is None else limit),
        )
        if not rows and self._database.one("SELECT 1 FROM run WHERE id = ?", (run_id,)) is None:
            raise NotFoundError(f"there is no run '{run_id}' in the store")
        return [Event(seq, fence, at, kind, json.loads(body)) for seq, fence, at, kind, body in rows]


_INSERT = "INSERT INTO event(run, seq, fence, at, type, body) VALUES (?, ?, ?, ?, ?, ?)"
