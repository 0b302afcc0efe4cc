"""Rows of runs, and the lease that keeps a run to one driver."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from motools.canonical import JSON, canonical_json
from motools.errors import InputError, NotFoundError, RunBusyError, RunError
from motools.store.atoms import unique_prefix
from motools.store.database import Database
from motools.store.events import SEQ_MASK, stale
from motools.store.leases import Lease, describe, is_dead, this_process
from motools.store.rows import read_json

# A run's head and the time of its last change are those of its last event; the row is not written for each.
_SELECT = f"""
    SELECT id, workflow, user, definition, details, parent, status, created_at, coalesce(at, created_at),
        coalesce(place & {SEQ_MASK}, 0), run_state.fence, owner, until,
        (SELECT at FROM archived WHERE archived.run = run.n)
    FROM run JOIN run_state ON run_state.run = run.n LEFT JOIN event ON place =
        (SELECT max(place) FROM event WHERE place > run.n << 32 AND place < (run.n + 1) << 32)
"""

FINAL = ("completed", "failed", "cancelled")
"""Statuses after which nothing is added to a run."""

_LETTERS = re.compile(r"[a-z]{4}\Z")

_THIS = "run = (SELECT n FROM run WHERE id = ?)"
_WITH_PARTS = "SELECT n FROM run WHERE id = ? UNION SELECT run FROM part WHERE whole = (SELECT n FROM run WHERE id = ?)"
_NO_PART = "NOT EXISTS (SELECT 1 FROM part WHERE part.run = run.n)"


class RunRow(NamedTuple):
    """A run as the store knows it.

    Args:
        definition: the compiled workflow and whatever else the run keeps for its whole life.
        details: other JSON about the run, for lists.
        parent: the run this one derives from.
        status: projection of the log, written with the events it comes from.
        created_at: seconds since 1970 (UTC); set by the store, as all that follow.
        head: number of the last event.
        fence: number of the last lease; 0 before the first.
        owner: who holds the lease, until when; None when nobody does.
        archived_at: when somebody said that its results may go; None if nobody did.
    """

    id: str
    workflow: str
    user: str
    definition: JSON
    details: dict[str, JSON] | None = None
    parent: str | None = None
    status: str = "queued"
    created_at: float = 0.0
    updated_at: float = 0.0
    head: int = 0
    fence: int = 0
    owner: str | None = None
    until: float | None = None
    archived_at: float | None = None


class Runs:
    """The runs of one store."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def create(self, run: RunRow) -> RunRow:
        """Write a new run and return it with its times.

        Raises:
            InputError: there is a run of that id. CanonicalError: definition or details are not JSON.
        """
        now = self._clock()
        made = run._replace(
            details=run.details or {}, created_at=now, updated_at=now, head=0, fence=0, owner=None, until=None
        )
        definition, details = canonical_json(run.definition).decode(), canonical_json(run.details or {}).decode()
        with self._database.transaction():
            if self.has(run.id):
                raise InputError(f"there is a run '{run.id}' already")
            self._database.execute(
                "INSERT INTO run(id, workflow, user, definition, details, parent, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (run.id, run.workflow, run.user, definition, details, run.parent, now),
            )
            self._database.execute(
                "INSERT INTO run_state(run, status, fence) SELECT n, ?, 0 FROM run WHERE id = ?", (run.status, run.id)
            )
        return made

    def has(self, run_id: str) -> bool:
        """Say whether there is a run of exactly that id."""
        return self._database.one("SELECT 1 FROM run WHERE id = ?", (run_id,)) is not None

    def get(self, run_id: str) -> RunRow:
        """Return the run of that id, or of the only id that begins so, or ends in these letters; `last` is the newest run.

        Raises:
            NotFoundError: there is none, or there are several.
        """
        row = self._database.one(f"{_SELECT} WHERE id = ?", (run_id,))
        if row is None and run_id == "last":
            row = self._database.one(f"{_SELECT} WHERE {_NO_PART} ORDER BY n DESC LIMIT 1")
            if row is None:
                raise NotFoundError("there is no run in the store yet", hint="`motools workflow run` makes one.")
        if row is None:
            found = self._by_letters(run_id) or unique_prefix(self._database, "run", run_id)
            row = self._database.one(f"{_SELECT} WHERE id = ?", (found,))
            assert row is not None
        return _run(row)

    def _by_letters(self, letters: str) -> str | None:
        """Return the only id that ends in `-` and these letters: what people remember of one."""
        if not _LETTERS.match(letters):
            return None
        rows = self._database.query("SELECT id FROM run WHERE substr(id, -5) = ? LIMIT 2", (f"-{letters}",))
        return str(rows[0][0]) if len(rows) == 1 else None

    def unfinished(self, identity: str) -> list[RunRow]:
        """Return the runs that have not ended and whose details have that `identity`, newest first."""
        rows = self._database.query(
            f"{_SELECT} WHERE status NOT IN {FINAL!r} AND json_extract(details, '$.identity') = ? ORDER BY n DESC",
            (identity,),
        )
        return [_run(row) for row in rows]

    def list(self, limit: int | None = None, status: str | None = None, *, parts: bool = True) -> list[RunRow]:
        """Return runs, newest first; those that are parts of another (cells of a matrix) only where `parts` is true."""
        rows = self._database.query(
            f"{_SELECT} WHERE (? IS NULL OR status = ?) AND (? OR {_NO_PART}) ORDER BY n DESC LIMIT ?",
            (status, status, parts, -1 if limit is None else limit),
        )
        return [_run(row) for row in rows]

    def add_part(self, whole: str, name: str, run_id: str) -> None:
        """Record that a run is the part of that name of another run, once for each name."""
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO part(run, whole, name) SELECT part.n, whole.n, ? FROM run AS part, run AS whole "
                "WHERE part.id = ? AND whole.id = ?",
                (name, run_id, whole),
            )

    def parts(self, whole: str) -> dict[str, str]:
        """Return name → id of the runs that are parts of a run, in the order in which they began."""
        return dict(
            self._database.query(
                "SELECT name, run.id FROM part JOIN run ON run.n = part.run "
                "WHERE whole = (SELECT n FROM run WHERE id = ?) ORDER BY run.n",
                (whole,),
            )
        )

    def whole(self, run_id: str) -> tuple[str, str] | None:
        """Return the run that a run is a part of, and the part's name; None where it is no part."""
        row = self._database.one(
            f"SELECT run.id, part.name FROM part JOIN run ON run.n = part.whole WHERE part.{_THIS}", (run_id,)
        )
        return None if row is None else (row[0], row[1])

    def archive(self, run_id: str, user: str) -> RunRow:
        """Let the results of a run, and of its parts, go at the next `gc`, as far as nothing else needs them.

        Records and logs stay.

        Args:
            run_id: as in `get`. user: who says so.

        Raises:
            NotFoundError: no such run. RunError: it is not finished, so it may still need them.
        """
        with self._database.transaction():
            row = self.get(run_id)
            if row.status not in FINAL:
                raise RunError(
                    "it is not finished, so it may still need what it made",
                    where=f"run {row.id}",
                    hint=f"Finish it (`motools run resume {row.id}`), then archive it.",
                )
            self._database.execute(
                f"INSERT OR IGNORE INTO archived(run, user, at) SELECT n, ?, ? FROM run WHERE n IN ({_WITH_PARTS})",
                (user, self._clock(), row.id, row.id),
            )
            return self.get(row.id)

    def unarchive(self, run_id: str) -> RunRow:
        """Keep the results of a run, and of its parts, again; what `gc` removed meanwhile does not come back.

        Raises:
            NotFoundError: no such run.
        """
        with self._database.transaction():
            row = self.get(run_id)
            self._database.execute(f"DELETE FROM archived WHERE run IN ({_WITH_PARTS})", (row.id, row.id))
            return self.get(row.id)

    def acquire(self, run_id: str, owner: str | None, ttl: float) -> Lease:
        """Become the one driver of a run for `ttl` seconds; `owner` is by default this process.

        A holder that is known to be gone, or whose time has run out, loses it; its fence is refused from then on.

        Raises:
            NotFoundError: no such run. RunBusyError: a living owner holds it.
        """
        owner = owner or this_process()
        with self._database.transaction():
            held_by, until, fence = self._lease(run_id)
            now = self._clock()
            if held_by is not None and until > now and not is_dead(held_by):
                raise _busy(run_id, held_by, until - now)
            lease = Lease(run_id, fence + 1, now + ttl, owner, ttl)
            self._database.execute(
                f"UPDATE run_state SET fence = ?, owner = ?, until = ? WHERE {_THIS}",
                (lease.fence, owner, lease.until, run_id),
            )
        return lease

    def renew(self, lease: Lease, ttl: float | None = None) -> Lease:
        """Hold a lease for `ttl` seconds from now, by default for as long as it was acquired for.

        Raises:
            NotFoundError: no such run. RunBusyError: another has taken it, or it was released.
        """
        with self._database.transaction():
            self.check(lease)
            renewed = lease._replace(until=self._clock() + (lease.ttl if ttl is None else ttl))
            self._database.execute(f"UPDATE run_state SET until = ? WHERE {_THIS}", (renewed.until, lease.run_id))
        return renewed

    def release(self, lease: Lease) -> None:
        """Let go of a lease; nothing happens if it was lost already. Its fence is refused from then on."""
        with self._database.transaction():
            self._database.execute(
                f"UPDATE run_state SET fence = fence + 1, owner = NULL, until = NULL WHERE {_THIS} AND fence = ?",
                (lease.run_id, lease.fence),
            )

    def check(self, lease: Lease) -> None:
        """Make sure that a lease is still the run's; called right before an effect starts.

        Raises:
            NotFoundError: no such run. RunBusyError: another has taken it, or it was released.
        """
        owner, _, fence = self._lease(lease.run_id)
        if fence != lease.fence:
            raise stale(lease.run_id, owner)

    def _lease(self, run_id: str) -> tuple[str | None, float, int]:
        row = self._database.one(f"SELECT owner, until, fence FROM run_state WHERE {_THIS}", (run_id,))
        if row is None:
            raise NotFoundError(
                f"there is no run '{run_id}' in the store", hint="`motools run list` shows what there is."
            )
        return row[0], row[1] or 0.0, row[2]


def _busy(run_id: str, owner: str, seconds: float) -> RunBusyError:
    return RunBusyError(
        f"the run '{run_id}' is being driven by {describe(owner)}",
        hint=f"Wait for it, or end that process; if it is already gone elsewhere, try again in {seconds:.0f} seconds.",
    )


def _run(row: tuple[Any, ...]) -> RunRow:
    run_id, workflow, user, definition, details, *rest = row
    return RunRow(
        run_id, workflow, user, read_json(definition, f"run '{run_id}'"), read_json(details, f"run '{run_id}'"), *rest
    )
