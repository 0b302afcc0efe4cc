"""The runs' logs: append-only, numbered from 1 without gaps, written only by the holder of the run's lease."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from motools.canonical import canonical_json
from motools.errors import NotFoundError, RunBusyError
from motools.store.database import Database
from motools.store.leases import describe
from motools.store.rows import read_json

SEQ_MASK = (1 << 32) - 1
"""The part of an event's `place` in the table that is its number in the run."""


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
            row = database.one(_HEAD, (run_id,))
            if row is None:
                raise NotFoundError(f"there is no run '{run_id}' in the store")
            run, current, owner, last = row
            if current != fence:
                raise stale(run_id, owner)
            place: int = (run << 32) if last is None else last
            now = self._clock()
            if len(bodies) == 1:
                ((kind, body),) = bodies
                database.execute(_INSERT, (place + 1, fence, now, kind, body))
            else:
                rows = [(place + i, fence, now, kind, body) for i, (kind, body) in enumerate(bodies, 1)]
                database.execute_many(_INSERT, rows)
            if status is not None:
                database.execute("UPDATE run_state SET status = ? WHERE run = ?", (status, run))
        return (place + len(bodies)) & SEQ_MASK

    def read(self, run_id: str, after: int = 0, limit: int | None = None) -> list[Event]:
        """Return the events with a number above `after`, in order.

        Raises:
            NotFoundError: no such run.
        """
        run = self._database.one("SELECT n << 32 FROM run WHERE id = ?", (run_id,))
        if run is None:
            raise NotFoundError(f"there is no run '{run_id}' in the store")
        rows = self._database.query(
            "SELECT place, fence, at, type, body FROM event WHERE place > ? AND place <= ? ORDER BY place LIMIT ?",
            (run[0] + after, run[0] + SEQ_MASK, -1 if limit is None else limit),
        )
        return [
            Event(place & SEQ_MASK, fence, at, kind, read_json(body, f"run '{run_id}', event {place & SEQ_MASK},"))
            for place, fence, at, kind, body in rows
        ]


def stale(run_id: str, owner: str | None) -> RunBusyError:
    """Return the error for a write with a fence that is no longer the run's."""
    now = f"{describe(owner)} drives it now" if owner else "it was released"
    return RunBusyError(
        f"this process no longer drives the run '{run_id}': {now}", hint="`motools run show` says where the run stands."
    )


_INSERT = "INSERT INTO event(place, fence, at, type, body) VALUES (?, ?, ?, ?, ?)"
_HEAD = """
    SELECT n, fence, owner, (SELECT max(place) FROM event WHERE place > n << 32 AND place < (n + 1) << 32)
    FROM run JOIN run_state ON run = n WHERE id = ?
"""
