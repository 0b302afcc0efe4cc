"""Following a run that another process drives: its log by number, and whether anybody drives it still."""

from __future__ import annotations

from motools.errors import NotFoundError
from motools.store.events import Event
from motools.store.leases import is_dead
from motools.store.runs import FINAL
from motools.store.store import Store

BEGINNING = 5.0
"""For so many seconds a run that nobody drives yet is believed to be about to begin."""


class Follower:
    """Gives every event of a run once and in order, however often the run's driver dies and somebody resumes it.

    Args:
        store: where the run is. run_id: its whole id.
        after: give only events with a higher number.
    """

    def __init__(self, store: Store, run_id: str, after: int = 0) -> None:
        self.run_id = run_id
        self._store = store
        self._after = after

    def look(self) -> tuple[list[Event], str]:
        """Return the events since the last look, and where the run stands after them.

        Returns:
            The events, and `queued`, `running`, `paused`, `completed`, `failed`, `cancelled`, or `stopped`: it should be
            running, but the process that drove it is gone. After one of `completed`, `failed` and `cancelled` nothing more
            comes.

        Raises:
            NotFoundError: the run is not in the store any more.
        """
        standing = self._standing()  # first: what is recorded after it comes with the next look
        events = self._store.events.read(self.run_id, self._after)
        if events:
            self._after = events[-1].seq
        return events, standing

    def _standing(self) -> str:
        row = self._store.database.one(
            "SELECT status, owner, until, created_at FROM run JOIN run_state ON run = n WHERE id = ?", (self.run_id,)
        )
        if row is None:
            raise NotFoundError(f"there is no run '{self.run_id}' in the store", hint="`motools run list` shows them.")
        status, owner, until, created_at = row
        if status in FINAL or status == "paused":
            return str(status)
        now = self._store.clock()
        if owner is None:
            return "queued" if status == "queued" and now - created_at < BEGINNING else "stopped"
        return "stopped" if is_dead(owner) or (until or 0.0) < now else "running"
