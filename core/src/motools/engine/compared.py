"""Why a step of a run was computed, or was not: its key beside the nearest earlier one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from motools.canonical import JSON
from motools.engine.code import source_text
from motools.engine.explain import Change, code_diffs, nearest, told, words
from motools.engine.plan import HISTORY, accepted_words, change_words
from motools.engine.state import RunState, StepState
from motools.errors import InputError, did_you_mean
from motools.workflow.stored import stored_graph

if TYPE_CHECKING:
    from motools.store import Event, KeyRow, RunRow, Store


@dataclass(frozen=True)
class Explained:
    """A step of a run beside the nearest earlier computation.

    Args:
        run_id, step: which one.
        status: how it ended there.
        why: in words.
        key: its key; None where it came to none.
        parts: what the key is made of.
        beside: the earlier computation; None where there is none.
        changes: how the two differ.
        diffs: definition → unified diff of its code; None where a source is not known any more.
        accepted: the decisions of people by which an earlier result was used.
    """

    run_id: str
    step: str
    status: str
    why: tuple[str, ...]
    key: str | None = None
    parts: Mapping[str, JSON] = field(default_factory=dict)
    beside: KeyRow | None = None
    changes: tuple[Change, ...] = ()
    diffs: Mapping[str, str | None] = field(default_factory=dict)
    accepted: tuple[Mapping[str, Any], ...] = ()


def explain_step(store: Store, run: RunRow, name: str) -> Explained:
    """Return why a step of a run was computed, or which earlier result it used.

    Raises:
        InputError: the run has no such step, or is a matrix, whose cells are runs of their own.
    """
    state, events = _folded(store, run)
    refuse_matrix(store, run, f"motools run explain {name}")
    if name not in state.steps:
        raise InputError(
            f"there is no step '{name}' in it (steps: {', '.join(state.steps)})",
            where=f"run {run.id}",
            hint=did_you_mean(name, state.steps),
        )
    return _explained(store, run, name, state, events)


def refuse_matrix(store: Store, run: RunRow, command: str) -> None:
    """Refuse a matrix where a run of a workflow is meant.

    Args:
        store: where its cells' runs are.
        run: the run.
        command: what a person would write before `--run`.

    Raises:
        InputError: it is a matrix.
    """
    if "cells" in cast(dict[str, Any], run.definition):
        cell, part = next(iter(store.runs.parts(run.id).items()), ("CELL", "RUN"))
        raise InputError(
            "it is a matrix, whose cells are runs of their own",
            where=f"run {run.id}",
            hint=f"Name the run of a cell; of '{cell}' it is: {command} --run {part}",
        )


def explain_steps(store: Store, run: RunRow, most: int | None = None) -> dict[str, Explained]:
    """Return step → what `explain_step` returns, for the first `most` steps of a run, or all."""
    state, events = _folded(store, run)
    by_step: dict[str, list[Event]] = {name: [] for name in state.steps}
    for event in events:
        if event.body.get("node") in by_step:
            by_step[event.body["node"]].append(event)
    return {name: _explained(store, run, name, state, by_step[name]) for name in list(state.steps)[:most]}


def _folded(store: Store, run: RunRow) -> tuple[RunState, list[Event]]:
    events = store.events.read(run.id)
    state = RunState(stored_graph(cast(dict[str, Any], run.definition)["graph"]))
    for event in events:
        state.apply(event.seq, event.type, event.body, event.at)
    return state, events


def _explained(store: Store, run: RunRow, name: str, state: RunState, events: list[Event]) -> Explained:
    """Explain one step from the events of the run, or from those of this step alone."""
    definition, graph = cast(dict[str, Any], run.definition), state.graph
    step = state.steps[name]
    parts = _parts(store, step, events)
    if parts is None and step.key is not None and not step.done:
        parts = _parts_now(store, run, name, state)
    if parts is None:
        return Explained(run.id, name, step.status, (_WITHOUT.get(step.status, "its key was not made"),), step.key)
    if step.status == "cached" and not step.accepted:
        return Explained(
            run.id, name, step.status, (f"nothing changed since run {step.reused_from_run}",), step.key, parts
        )
    began = _began(step, events)
    earlier = [row for row in store.keys.history(str(parts["component"]), HISTORY) if row.at < began]
    # Where the function has another name now, what the node of this name did before is the nearest there is.
    earlier = earlier or [row for row in store.keys.of_node(run.workflow, name, HISTORY) if row.at < began]
    near = nearest(parts, earlier, name)
    if near is None:
        return Explained(run.id, name, step.status, ("never computed before",), step.key, parts)
    beside, changes = near
    source_of = {read: source.node for read, source in graph.nodes[name].reads.items()}
    atoms = state.input_atoms(name)
    why = [
        change_words(store, change, beside, source_of.get(str(change.path[0])), atoms.get(str(change.path[0])))
        if change.part == "inputs" and change.path
        else words(change)
        for change in told(changes)
    ]
    if not why:
        why = [_again(definition, name)]
    why += [_accepted(decision) for decision in step.accepted]
    diffs = code_diffs(changes, lambda digest: source_text(store, digest))
    return Explained(run.id, name, step.status, tuple(why), step.key, parts, beside, changes, diffs, step.accepted)


_WITHOUT = {
    "pending": "it has not begun",
    "running": "it has not ended, and its code or settings cannot be read here as they were when it began",
    "not_reached": "it was not reached: something before it failed",
    "skipped": "the run leaves it out",
}


def _parts(store: Store, step: StepState, events: list[Event]) -> dict[str, JSON] | None:
    for event in reversed(events):
        if (
            event.type in ("step_failed", "step_cached", "step_finished")
            and event.body["node"] == step.name
            and "parts" in event.body
        ):
            return cast(dict[str, JSON], event.body["parts"])
    row = store.keys.get(step.key) if step.key and step.done else None
    return None if row is None else cast(dict[str, JSON], row.parts)


def _parts_now(store: Store, run: RunRow, name: str, state: RunState) -> dict[str, JSON] | None:
    """Return the parts of the key of a step that has not ended, made anew; None where they make another key by now."""
    from motools.engine.definition import graph_of, load_workflow
    from motools.engine.identity import step_key
    from motools.engine.settings import step_settings
    from motools.errors import MotoolsError

    definition = cast(dict[str, Any], run.definition)
    if definition["workflow"] is None:
        return None
    try:
        graph = graph_of(load_workflow(definition["workflow"]))
        config = step_settings(graph, definition["settings"])[name]
        atoms = {read: store.atoms.get(atom_id) for read, atom_id in state.input_atoms(name).items()}
        values = {read: atom.value for read, atom in atoms.items()}
        metadata = {read: atom.metadata for read, atom in atoms.items()}
        key = step_key(graph.nodes[name], config, values, metadata=lambda: metadata)
    except (MotoolsError, KeyError):
        return None
    return dict(key.parts) if key.digest == state.steps[name].key else None


def _began(step: StepState, events: list[Event]) -> float:
    """Return when the activation that counts began, by the store's clock."""
    for event in reversed(events):
        if event.body.get("activation") == step.activation and event.type == "step_started":
            return float(event.at)
    return step.time_finished or 0.0


def _again(definition: Mapping[str, Any], name: str) -> str:
    if name in definition["rerun"]:
        return "nothing changed: it was asked for with --rerun"
    if not definition["cache"]:
        return "nothing changed: it was asked for with --no-cache"
    return "nothing changed: the earlier result could not be used, or was never to be used again (cache=False)"


def _accepted(decision: Mapping[str, Any]) -> str:
    from motools.store.equivalences import EquivalenceRow

    return "all the same its result is used: " + accepted_words(EquivalenceRow.from_json(decision))
