"""What a view reads from the store: what it was not told, and how long steps usually take, by the most similar settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any, cast

from motools.cli.watched import Watched
from motools.engine.record import RunEvent
from motools.errors import MotoolsError
from motools.workflow.stored import stored_graph

_LOOKED_AT = 2_000  # newest computations of the store
_COUNTED = 10
_MOST_STEPS = 100

_NEWEST = """
    SELECT substr(activation, 1, instr(activation, '@') - 1), seconds, parts FROM
        (SELECT * FROM computed ORDER BY n DESC LIMIT ?) AS newest JOIN run ON run.id = newest.run
    WHERE run.workflow = ? AND activation LIKE '%#1' ORDER BY newest.n DESC
"""
"""Only first attempts: one that went on with a job that was there already says nothing."""


def learn(store: Path, run_id: str) -> tuple[dict[str, float], dict[str, tuple[str, ...]]]:
    """Return step → seconds it usually takes, as far as known, and step → the steps before it.

    Args:
        store: the store's folder. run_id: the run.
    """
    from motools.store import Store

    try:
        with Store.open(store, create=False) as opened:
            row = opened.runs.get(run_id)
            definition = cast(dict[str, Any], row.definition)
            graph = stored_graph(definition["graph"])
            reads = {
                name: tuple({source.node for source in node.reads.values() if source.node is not None})
                for name, node in graph.nodes.items()
            }
            if len(reads) > _MOST_STEPS:
                return {}, reads
            found: dict[str, list[tuple[int, float]]] = {}
            for name, seconds, parts in opened.database.query(_NEWEST, (_LOOKED_AT, row.workflow)):
                if name in reads:
                    before = json.loads(parts).get("config")
                    found.setdefault(name, []).append((_differences(before, definition["settings"].get(name)), seconds))
    except (MotoolsError, KeyError, ValueError):
        return {}, {}  # it is a comfort, and no reason to fail
    usual = {}
    for name, rows in found.items():
        least = min(differences for differences, _ in rows)
        usual[name] = median([seconds for differences, seconds in rows if differences == least][:_COUNTED])
    return usual, reads


def catch_up(store: Path, run: Watched) -> Watched:
    """Return a watched run with what happened before it was told of, as a resumed one has; without that if it cannot be read."""
    from motools.store import Store

    caught_up = Watched()
    try:
        with Store.open(store, create=False) as opened:
            events = opened.events.read(run.run_id, limit=run.sequence)
    except MotoolsError:
        return run
    for event in events:
        caught_up.take(RunEvent(run.run_id, event.seq, event.type, event.body, event.at))
    return caught_up


def _differences(before: Any, now: Any) -> int:
    """Count the settings that are not the same."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return sum(_differences(before.get(name), now.get(name)) for name in {*before, *now})
    return int(before != now)
