"""Reads what a report says from a store. Nothing is written, nothing is computed again, no plugin is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from motools.atom.lineage import Link, parent_links
from motools.atom.provenance import makers
from motools.canonical import JSON
from motools.engine.compared import Explained, explain_steps
from motools.engine.matrix import is_matrix
from motools.engine.state import RunState
from motools.errors import InputError, NotFoundError
from motools.evals.summary import summarise
from motools.report.data import AtomPart, EventPart, Limits, Report, RunPart, StepPart
from motools.report.results import task_parts
from motools.store.leases import is_dead
from motools.workflow.stored import stored_graph

if TYPE_CHECKING:
    from motools.store import AtomRow, Event, RunRow, Store

_UNSPOKEN = frozenset({"step_progress", "step_log", "step_waiting"})
"""Events that say how far a step is; there may be many, and the end of the step says more."""

_OF_PEOPLE = ("review", "decision", "checkpoint")


def gather_report(store: Store, names: Sequence[str], *, limits: Limits | None = None) -> Report:
    """Return what the store knows about runs.

    Args:
        store: where they are.
        names: ids of runs, beginnings of ids, or `last`; a matrix stands for its cells. Also ids of evaluations, which were
            perhaps imported and have no run.
        limits: how much of it.

    Raises:
        NotFoundError: there is no such run, nor such an evaluation.
        InputError: nothing is named.
    """
    limits = limits or Limits()
    rows, evaluations, matrices = _named(store, names)
    runs = tuple(_run(store, row, limits) for row in rows)
    rows_of_atoms, links, gone = _ancestry(store, [*_atoms_of(runs), *evaluations])
    tasks, lost = task_parts(store, runs, rows_of_atoms, limits, evaluations)
    return Report(
        runs=runs,
        tasks=tasks,
        matrices=tuple(summarise(matrix, store=store) for matrix in matrices),
        atoms=_atoms(store, rows_of_atoms),
        links=links,
        gone=tuple(gone),
        lost=lost,
        limits=limits,
    )


def _named(store: Store, names: Sequence[str]) -> tuple[list[RunRow], list[str], list[str]]:
    """Return the runs that names mean, the evaluations, and the matrices, each once; a matrix means its cells' runs."""
    runs: dict[str, RunRow] = {}
    evaluations: dict[str, None] = {}
    matrices: dict[str, None] = {}
    for name in names:
        try:
            row = store.runs.get(name)
        except NotFoundError as no_run:
            evaluations[_evaluation(store, name, no_run)] = None
            continue
        if is_matrix(row.definition):
            matrices[row.id] = None
            runs.update({part: store.runs.get(part) for part in store.runs.parts(row.id).values()})
        else:
            runs[row.id] = row
    if not runs and not evaluations and not matrices:
        raise InputError("no run is named", hint="Name at least one; 'last' is the newest.")
    return list(runs.values()), list(evaluations), list(matrices)


def _evaluation(store: Store, name: str, no_run: NotFoundError) -> str:
    """Return the id of the evaluation that a name which is no run's means.

    Raises:
        NotFoundError: it is no atom's either. InputError: it is another atom's.
    """
    try:
        row = store.atoms.get(name)
    except NotFoundError:
        raise no_run from None
    if row.type != "eval":
        raise InputError(
            f"'{row.id}' is of type '{row.type}'",
            hint="A report is about runs and evaluations: 'motools run list' shows them.",
        )
    return row.id


def _run(store: Store, row: RunRow, limits: Limits) -> RunPart:
    definition = cast(dict[str, Any], row.definition)
    graph = stored_graph(definition["graph"])
    events = store.events.read(row.id)
    state = RunState(graph)
    for event in events:
        state.apply(event.seq, event.type, event.body, event.at)
    explained = explain_steps(store, row, limits.explained)
    spoken = [_event(event) for event in events if event.type not in _UNSPOKEN]
    started: Mapping[str, Any] = next((event.body for event in events if event.type == "run_started"), {})
    return RunPart(
        id=row.id,
        workflow=row.workflow,
        reference=definition.get("workflow"),
        part_of=store.runs.whole(row.id),
        user=row.user,
        status=_status(row),
        parent=row.parent,
        created_at=row.created_at,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
        inputs=dict(definition["inputs"]),
        outputs=state.output_atoms,
        settings=dict(_flat(definition["settings"])),
        asked=dict(_asked(definition, started)),
        details=dict(row.details or {}),
        tags=store.run_labels.tags(row.id),
        notes=tuple(store.run_labels.notes(row.id)),
        steps=tuple(_step(state, explained.get(name), name) for name in state.steps),
        decisions=tuple(event for event in spoken if _is_decision(event)),
        environment=_environment(started, spoken, explained.values()),
        events=tuple(_middle_left_out(spoken, limits.events)),
        left_out=max(0, len(spoken) - limits.events),
    )


def _environment(
    started: Mapping[str, Any], spoken: Iterable[EventPart], explained: Iterable[Explained]
) -> dict[str, JSON]:
    """Return what the log says of the machine and of what was loaded, and the distributions that the steps' keys name."""
    found: dict[str, JSON] = dict(started.get("environment") or {})
    used: dict[str, JSON] = {}
    for step in explained:
        packages = step.parts.get("packages")
        if isinstance(packages, dict):
            used.update(packages)
    if used:
        found["used by steps:"] = dict(sorted(used.items()))
    for event in spoken:
        if event.body.get("libraries"):
            found["loaded:"] = dict(event.body["libraries"])
    return found


def _status(row: RunRow) -> str:
    """Return a run's status as it really is: a running one whose process is gone has stopped."""
    if row.status in ("running", "queued") and (row.owner is None or is_dead(row.owner)):
        return "stopped"
    return row.status


def _step(state: RunState, explained: Explained | None, name: str) -> StepPart:
    step = state.steps[name]
    if explained is None:
        unsaid = () if step.status == "cached" else (f"not compared here: motools run explain {name}",)
        explained = Explained("", name, step.status, unsaid, step.key)
    why = explained.why[: len(explained.why) - len(explained.accepted)]  # decisions are shown by themselves
    message = step.progress.get("message")
    component = explained.parts.get("component")
    return StepPart(
        name=name,
        status=step.status,
        attempt=step.attempt,
        seconds=step.runtime_seconds,
        key=step.key,
        component=str(component) if component is not None else None,
        why=why,
        from_run=step.reused_from_run,
        accepted=step.accepted,
        outputs=dict(step.output_atoms),
        error=step.error,
        diffs=dict(explained.diffs),
        last_said=str(message) if message is not None else None,
    )


def _event(event: Event) -> EventPart:
    return EventPart(seq=event.seq, at=event.at, type=event.type, body=event.body)


def _is_decision(event: EventPart) -> bool:
    """Say whether a person decided something: also events of kinds that this version does not know."""
    said = event.type.startswith(_OF_PEOPLE) or "decision" in event.body
    return said or bool(event.body.get("accepted_changes") or event.body.get("accepted"))


def _middle_left_out(events: list[EventPart], limit: int) -> list[EventPart]:
    if len(events) <= limit:
        return events
    return events[: limit - limit // 2] + events[len(events) - limit // 2 :]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, JSON]]:
    """Yield `step.key` and value of settings; an empty object is a value."""
    for name, value in settings.items():
        place = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{place}.")
        else:
            yield place, cast(JSON, value)


def _asked(definition: Mapping[str, Any], started: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield how a run was asked to go about it, where that is not the usual way."""
    if not definition["cache"]:
        yield "cache", "earlier results are not used (--no-cache)"
    if definition["rerun"]:
        yield "rerun", ", ".join(definition["rerun"])
    if definition["stages"] is not None:
        yield "stages", ", ".join(definition["stages"])
    if started.get("jobs") is not None:
        yield "steps at once", str(started["jobs"])
    written = definition.get("written")
    if isinstance(written, Mapping):
        if written["folder"] is not None:
            yield "config file", str(written["source"])
        if written["overrides"]:
            yield "on the command line", "\n".join(str(override["said"]) for override in written["overrides"])


def _atoms_of(runs: Iterable[RunPart]) -> list[str]:
    """Return the atoms that runs made and read, what they made last first."""
    made = [atom for run in runs for step in reversed(run.steps) for atom in step.outputs.values()]
    return list(dict.fromkeys([*made, *(atom for run in runs for atom in run.inputs.values())]))


def _ancestry(store: Store, start: list[str]) -> tuple[dict[str, AtomRow], tuple[Link, ...], list[str]]:
    """Return atoms and all they were made from, nearest first, the links, and the ids of those that are gone."""
    rows: dict[str, AtomRow] = {}
    links: dict[Link, None] = {}
    gone: dict[str, None] = {}

    def take(atom_id: str) -> bool:
        if atom_id in rows or atom_id in gone:
            return False
        try:
            rows[atom_id] = store.atoms.get(atom_id)
        except NotFoundError:
            gone[atom_id] = None
            return False
        return True

    waiting = [atom_id for atom_id in start if take(atom_id)]
    for atom_id in waiting:
        for link in parent_links(rows[atom_id]):
            links[link] = None
            if take(link.parent) and not link.reused:
                waiting.append(link.parent)
    return rows, tuple(link for link in links if link.parent in rows), list(gone)


def _atoms(store: Store, rows: Mapping[str, AtomRow]) -> tuple[AtomPart, ...]:
    made_by = makers(store, list(rows))
    pins = {pin.atom: pin.user for pin in store.labels.pins()}
    accepted = store.equivalences.of_atoms(rows)
    return tuple(
        AtomPart(
            row=row,
            makers=made_by[atom_id],
            pinned_by=pins.get(atom_id),
            accepted=tuple(decision._asdict() for decision in accepted.get(atom_id, ())),
        )
        for atom_id, row in rows.items()
    )
