"""Who made an atom: which step of which run, when, for whom, with which code and seeds.

Joined from the computations in the store (`computed`, with the parts of their keys), the runs, and the events by which a run
bound an earlier result to itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from motools.canonical import JSON, iso_time
from motools.store.rows import read_json
from motools.store.store import Store


@dataclass(frozen=True)
class Maker:
    """One making of an atom; the same atom may have been made, or bound, by several runs.

    Args:
        how: `computed`, or `reused`: the run took the result of an earlier computation.
        run, workflow, step, activation: where.
        user: in whose name the run was. at: when (seconds since 1970, UTC). seconds: how long it took to compute.
        key: the step's key. component: what the step is.
        code: what is known of its code: definition → digest, or a version.
        seeds: every setting called seed, by its path in the step's settings.
        computed_by: the run whose result was taken.
        accepted: decisions of people by which a result of another key was taken.
    """

    how: Literal["computed", "reused"]
    run: str
    workflow: str
    step: str
    activation: str
    user: str
    at: float
    seconds: float | None = None
    key: str | None = None
    component: str | None = None
    code: JSON = None
    seeds: Mapping[str, JSON] = field(default_factory=dict)
    computed_by: str | None = None
    accepted: tuple[JSON, ...] = ()

    def to_json(self) -> dict[str, JSON]:
        """Return it as a JSON object; `at` is ISO 8601, UTC."""
        return {**asdict(self), "at": iso_time(self.at), "seeds": dict(self.seeds), "accepted": list(self.accepted)}


def makers(store: Store, atom_ids: Collection[str]) -> dict[str, tuple[Maker, ...]]:
    """Return atom id → all its makings, oldest first; an atom that no run made has none."""
    found: dict[str, list[Maker]] = {atom_id: [] for atom_id in atom_ids}
    wanted = json.dumps(list(atom_ids))
    runs = {
        run_id: (workflow, user)
        for run_id, workflow, user in store.database.query("SELECT id, workflow, user FROM run")
    }
    for atom_id, maker in (*_computed(store, wanted, runs), *_reused(store, wanted, runs)):
        found[atom_id].append(maker)
    return {atom_id: tuple(sorted(list_, key=lambda maker: maker.at)) for atom_id, list_ in found.items()}


_Runs = Mapping[str, tuple[str, str]]


def _computed(store: Store, wanted: str, runs: _Runs) -> Iterator[tuple[str, Maker]]:
    rows = store.database.query(
        "SELECT made.value, computed.key, component, parts, run, activation, seconds, at FROM computed, "
        "json_each(computed.outputs) AS made WHERE made.value IN (SELECT value FROM json_each(?)) ORDER BY n",
        (wanted,),
    )
    for atom_id, key, component, parts_json, run_id, activation, seconds, at in rows:
        workflow, user = runs.get(run_id, ("", ""))
        maker = Maker(
            "computed",
            run_id,
            workflow,
            activation.partition("@")[0],
            activation,
            user,
            at,
            seconds,
            key,
            component,
            **_of_key(read_json(parts_json, f"the key '{key[:12]}'")),
        )
        yield atom_id, maker


def _reused(store: Store, wanted: str, runs: _Runs) -> Iterator[tuple[str, Maker]]:
    rows = store.database.query(
        "SELECT made.value, run.id, event.at, event.body FROM event JOIN run ON run.n = event.place >> 32, "
        "json_each(event.body, '$.outputs') AS made "
        "WHERE event.type = 'step_cached' AND made.value IN (SELECT value FROM json_each(?)) ORDER BY event.place",
        (wanted,),
    )
    for atom_id, run_id, at, text in rows:
        body: dict[str, Any] = read_json(text, f"an event of run '{run_id}'")
        workflow, user = runs[run_id]
        row = store.keys.get(str(body.get("key")))
        known: dict[str, Any] = {}
        if "parts" in body:
            known = _of_key(body["parts"])
        elif row is not None:
            known = {"component": row.component, **_of_key(cast(dict[str, Any], row.parts))}
        maker = Maker(
            "reused",
            run_id,
            workflow,
            body["node"],
            body["activation"],
            user,
            at,
            key=body.get("key"),
            computed_by=body.get("run"),
            accepted=tuple(body.get("accepted", ())),
            **known,
        )
        yield atom_id, maker


def _of_key(parts: Mapping[str, Any]) -> dict[str, Any]:
    seeds = dict(_seeds(parts.get("config"), ""))
    if parts.get("seed") is not None:
        seeds["seed"] = parts["seed"]
    return {"code": parts.get("code"), "seeds": seeds}


def _seeds(value: Any, path: str) -> Iterator[tuple[str, JSON]]:
    if isinstance(value, dict):
        for name, item in value.items():
            place = f"{path}.{name}" if path else name
            if name == "seed" and not isinstance(item, (dict, list)):
                yield place, item
            else:
                yield from _seeds(item, place)
