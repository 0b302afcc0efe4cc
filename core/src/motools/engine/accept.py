"""Letting a step use the result of an earlier key because a person says that the change does not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from motools.engine.definition import graph_of, load_workflow
from motools.engine.hits import Hit, find_hit
from motools.engine.plan import PlannedStep, Planner
from motools.engine.settings import step_settings
from motools.errors import InputError, NotFoundError, RunError, did_you_mean

if TYPE_CHECKING:
    from motools.store import RunRow, Store
    from motools.store.equivalences import EquivalenceRow


def accept(
    store: Store, run: RunRow, step: str, earlier: str | None, *, settings: Any, at: Any, user: str, reason: str
) -> tuple[EquivalenceRow, PlannedStep]:
    """Let the key that `step` would have now use the result that it has in `run`.

    Args:
        store: where it is recorded.
        run: the run whose result is to be used on.
        step: the step.
        earlier: the key of the step in that run; None where it came to no result.
        settings: the settings that hold now; None for those of the run.
        at: says where in a file each of them stands.
        user: who says so.
        reason: why, in a sentence.

    Returns:
        The decision, and the step as it was planned before it.

    Raises:
        InputError: the step has no result there or is unknown, nothing changed, or there is nothing to decide.
        RunError: the workflow cannot be loaded, or what the step reads now is not known yet.
    """
    where = f"step '{step}'"
    definition = cast(dict[str, Any], run.definition)
    if definition["workflow"] is None:
        raise RunError(
            f"the workflow of run {run.id} was made in a script or notebook, which another process cannot load",
            where=where,
            hint="Give it a name that can be loaded: ./file.py:workflow.",
        )
    graph = graph_of(load_workflow(definition["workflow"]))
    if step not in graph.nodes:
        raise InputError(
            f"there is no step '{step}' in workflow '{graph.name}'", hint=did_you_mean(step, graph.nodes) or None
        )
    if earlier is None:
        raise InputError(
            f"it has no result in run {run.id}", where=where, hint="Name a run in which it was computed or reused."
        )
    configs = step_settings(graph, definition["settings"] if settings is None else settings, at=at)
    planner = Planner(store, graph, configs, definition["inputs"])
    planner.walk()
    planned = planner.steps[step]
    if planned.waits_for:
        raise RunError(
            f"what it reads now is not known: {' and '.join(planned.waits_for)} would be computed before it",
            where=where,
            hint=f"Accept or run '{planned.waits_for[0]}' first.",
        )
    if planned.key == earlier:
        raise InputError(f"nothing changed since run {run.id}", where=where, hint="There is nothing to accept.")
    if planned.hit is not None:
        raise InputError(
            f"it has a result already, from run {planned.hit.row.run_id}",
            where=where,
            hint="There is nothing to accept; 'motools workflow plan' shows what is used.",
        )
    if planned.never_used:
        raise InputError(planned.never_used, where=where, hint="It is computed in every run.")
    if not isinstance(find_hit(store, earlier, graph.nodes[step].step.output_atom_types), Hit):
        raise InputError(
            f"its result of run {run.id} cannot be used: files of it are missing, or it writes other atoms now",
            where=where,
        )
    assert planned.key is not None
    return store.equivalences.accept(planned.key, earlier, step=step, user=user, reason=reason), planned


def revoke(store: Store, run: RunRow, step: str, key: str | None, *, user: str, reason: str) -> list[EquivalenceRow]:
    """Take back what was accepted about the result that `step` has in `run`, as the later or the earlier of the two.

    Raises:
        NotFoundError: nothing is in force.
    """
    in_force = [
        row
        for row in (store.equivalences.history(key) if key else [])
        if row.step == step and store.equivalences.get(row.key) == row
    ]
    if not in_force:
        raise NotFoundError(
            f"nothing about its result in run {run.id} is accepted", where=f"step '{step}'", hint="Name another run."
        )
    return [store.equivalences.revoke(row.key, user=user, reason=reason) for row in in_force]
