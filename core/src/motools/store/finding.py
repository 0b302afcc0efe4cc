"""Finding runs: newest first, a page at a time, reading of each only what the filter asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from motools.canonical import JSON
from motools.store.leases import is_dead
from motools.store.store import Store
from motools.store.wherefields import Filter

_PAGE = 500
_LAST = "(SELECT max(place) FROM event WHERE place > run.n << 32 AND place < (run.n + 1) << 32)"


@dataclass
class FoundRun:
    """A run as lists show it.

    Args:
        n: number of its row. id, workflow, user: as in its row.
        status: as it really is: one that nobody drives any more is `stopped`.
        created_at, updated_at: seconds since 1970 (UTC).
        tags: its tags. notes: its notes, oldest first.
        matrix, cell: the run it is a part of, and under which name; None where it is none.
        cells: how many cells it has; None where it is no matrix.
    """

    n: int
    id: str
    workflow: str
    user: str
    status: str
    created_at: float
    updated_at: float
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    matrix: str | None = None
    cell: str | None = None
    cells: int | None = None
    settings: JSON = None
    metrics: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def values(self, path: tuple[str, ...]) -> Sequence[JSON]:
        """Return what it has under a field; settings, metrics and errors only if they were read."""
        name = path[0]
        if name == "settings":
            return _inside(self.settings, path[1:])
        if name == "metrics":
            return cast(list[JSON], self.metrics.get(".".join(path[1:]), []))
        if name in ("matrix", "cell"):
            found = getattr(self, name)
            return [] if found is None else [found]
        if name in _PLAIN:
            return [cast(JSON, getattr(self, _PLAIN[name]))]
        if name == "seconds":
            return [self.updated_at - self.created_at]
        return {"tag": list(self.tags), "note": list(self.notes), "error": self.errors}[name]


_PLAIN = {
    "id": "id",
    "workflow": "workflow",
    "user": "user",
    "status": "status",
    "created": "created_at",
    "updated": "updated_at",
}


def find_runs(
    store: Store,
    meant: Filter | None = None,
    *,
    limit: int | None = None,
    cells: bool = True,
    and_also: Sequence[Filter] = (),
) -> Iterator[FoundRun]:
    """Yield the runs that every filter means, newest first.

    Args:
        meant, and_also: the filters; none: all runs.
        limit: how many at most.
        cells: whether runs that are cells of a matrix are looked at.
    """
    filters = [each for each in (meant, *and_also) if each is not None]
    needs = frozenset[str]().union(*(each.needs for each in filters))
    conditions = [each.sql for each in filters if each.sql is not None]
    wanted = "".join(f" AND {condition.text}" for condition in conditions) + ("" if cells else " AND part.run IS NULL")
    arguments = [argument for condition in conditions for argument in condition.arguments]
    given, before = 0, None
    while limit is None or given < limit:
        page = _page(store, wanted, arguments, before)
        if not page:
            return
        before = page[-1].n
        _read(store, page, needs)
        for run in page:
            if all(each.holds(run) for each in filters):
                yield run
                given += 1
                if given == limit:
                    return


def _page(store: Store, wanted: str, arguments: list[Any], before: int | None) -> list[FoundRun]:
    rows = store.database.query(
        "SELECT run.n, run.id, run.workflow, run.user, run_state.status, run.created_at, "
        f"coalesce((SELECT at FROM event WHERE place = {_LAST}), run.created_at), owner, whole.id, part.name, "
        "json_extract(run.details, '$.cells'), "
        "(SELECT json_group_array(tag) FROM (SELECT tag FROM run_tag WHERE run_tag.run = run.n ORDER BY tag)), "
        "(SELECT json_group_array(text) FROM (SELECT text FROM run_note WHERE run_note.run = run.n ORDER BY n)) "
        "FROM run JOIN run_state ON run_state.run = run.n LEFT JOIN part ON part.run = run.n "
        "LEFT JOIN run AS whole ON whole.n = part.whole "
        f"WHERE run.n < ?{wanted} ORDER BY run.n DESC LIMIT {_PAGE}",
        ((1 << 62) if before is None else before, *arguments),
    )
    return [
        FoundRun(
            *(n, run_id, workflow, user, real_status(status, owner), created_at, updated_at),
            tags=tuple(json.loads(tags)),
            notes=tuple(json.loads(notes)),
            matrix=matrix,
            cell=cell,
            cells=cells,
        )
        for n, run_id, workflow, user, status, created_at, updated_at, owner, matrix, cell, cells, tags, notes in rows
    ]


def known_fields(store: Store) -> set[str]:
    """Return the settings and metrics that the newest runs have, as they are written in a filter."""
    runs = _page(store, "", [], None)
    _read(store, runs, frozenset(("settings", "metrics")))
    found = {f"metrics.{name}" for run in runs for name in run.metrics}
    for run in runs:
        _add_paths(found, "settings", run.settings)
    return found


def _add_paths(found: set[str], path: str, value: JSON) -> None:
    found.add(path)
    if isinstance(value, dict):
        for name, inside in value.items():
            _add_paths(found, f"{path}.{name}", inside)


def real_status(status: str, owner: str | None) -> str:
    """Return a run's status as it really is: one that should be running but whose process is gone has stopped."""
    if status in ("running", "queued") and (owner is None or is_dead(owner)):
        return "stopped"
    return status


def _read(store: Store, page: list[FoundRun], needs: frozenset[str]) -> None:
    """Read into the runs of a page what is not in their rows and is asked for."""
    runs = {run.n: run for run in page}
    numbers = json.dumps(list(runs))
    query = store.database.query
    these = "(SELECT value FROM json_each(?))"
    if "settings" in needs:
        for n, text in query(
            f"SELECT n, json_extract(definition, '$.settings') FROM run WHERE n IN {these}", (numbers,)
        ):
            runs[n].settings = json.loads(text) if isinstance(text, str) else None
    if "metrics" in needs:
        for n, name, value in query(_METRICS.format(these=these, last=_LAST), (numbers,)):
            _add_metric(runs[n], name, value)
        rest = json.dumps([n for n, run in runs.items() if run.status != "completed"])
        for n, name, value in query(_METRICS_ON_THE_WAY.format(these=these), (rest,)):
            _add_metric(runs[n], name, value)
    if "error" in needs:
        failed = json.dumps([n for n, run in runs.items() if run.status not in ("completed", "queued")])
        for n, message in query(_ERRORS.format(these=these), (failed,)):
            runs[n].errors.append(str(message))


_METRICS = """
    SELECT run.n, metric.key, metric.value FROM run JOIN event ON event.place = {last},
        json_each(event.body, '$.outputs') AS made JOIN atom ON atom.id = made.value,
        json_each(atom.metadata, '$.metrics') AS metric
    WHERE run.n IN {these} AND event.type = 'run_completed'
"""
"""The metrics of runs that completed, whose last event names what they made."""

_METRICS_ON_THE_WAY = """
    SELECT run.n, metric.key, metric.value FROM run JOIN event ON place > run.n << 32 AND place < (run.n + 1) << 32,
        json_each(event.body, '$.outputs') AS made JOIN atom ON atom.id = made.value,
        json_each(atom.metadata, '$.metrics') AS metric
    WHERE run.n IN {these} AND event.type IN ('step_finished', 'step_cached')
"""

_ERRORS = """
    SELECT run.n, json_extract(body, '$.error.message') FROM run
    JOIN event ON place > run.n << 32 AND place < (run.n + 1) << 32
    WHERE run.n IN {these} AND event.type = 'step_failed' ORDER BY place
"""


def _add_metric(run: FoundRun, name: str, value: Any) -> None:
    if isinstance(value, (int, float)):
        run.metrics.setdefault(name, []).append(value)


def _inside(value: JSON, path: tuple[str, ...]) -> Sequence[JSON]:
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return []
    return [value]
