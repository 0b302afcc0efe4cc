"""Beginning runs, new ones and those that stopped: checked, recorded, and earlier results used as far as there are any."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from motools.config.user import default_user
from motools.engine.code import CodeBook
from motools.engine.definition import differences, graph_of, load_workflow, run_definition
from motools.engine.record import Listener, RunEvent
from motools.engine.recovery import lost_results
from motools.engine.runplan import RunPlan
from motools.engine.settings import settings_json, step_settings, written_settings
from motools.engine.stages import choose_reruns, choose_stages, skipped_steps
from motools.engine.starting import LEASE_SECONDS, Starter
from motools.engine.state import FINAL, RunState
from motools.engine.surroundings import surroundings
from motools.errors import InputError, RunError, StoreError, did_you_mean
from motools.store import RunRow, this_process
from motools.workflow.graph import Graph
from motools.workflow.workflow import Workflow

if TYPE_CHECKING:
    from motools.engine.threads import Slots
    from motools.store import Store


@dataclass(frozen=True)
class Begun:
    """A run that has begun: what was known already is taken over.

    Args:
        starter: has begun its steps.
        definition: what its record holds of the workflow.
    """

    starter: Starter
    definition: Mapping[str, Any]

    async def drive(self, slots: Slots | None = None) -> None:
        """Do what is left, in slots that are shared with other runs if they are given."""
        if not self.starter.state.final:
            from motools.atom.current import use_store
            from motools.engine.driver import Driver

            with use_store(self.starter.store):
                await Driver(self.starter, slots).drive()


@contextmanager
def begun_run(
    workflow: Workflow | str,
    input_atoms: Mapping[str, str] | None,
    config: Any,
    user: str | None,
    *,
    store: Store | str | Path | None,
    jobs: int | None,
    cache: bool,
    rerun: Sequence[str],
    stages: str | Sequence[str] | None,
    listeners: Sequence[Listener],
    config_document: Any,
) -> Iterator[Begun]:
    """Begin a run; the arguments are those of `run_workflow`."""
    reference = portable_reference(workflow) if isinstance(workflow, str) else None
    loaded = load_workflow(workflow) if isinstance(workflow, str) else workflow
    graph = graph_of(loaded)
    configs = step_settings(graph, config, at=config_document)
    chosen = choose_stages(graph, stages)
    again = choose_reruns(graph, rerun, chosen)
    with opened_store(store) as opened:
        inputs = check_inputs(opened, graph, input_atoms or {})
        if chosen is not None:
            from motools.engine.plan import check_left_out

            check_left_out(opened, graph, configs, inputs, chosen, cache=cache, rerun=again)
        settings = settings_json(configs)
        codes = CodeBook()
        definition = run_definition(reference, graph, settings, inputs, cache, again, chosen, codes)
        definition["written"] = written_settings(config_document)
        who = user or default_user()
        with opened.transaction():
            check_inputs(opened, graph, inputs)  # from here on the run keeps them from `store gc`
            run_id = new_run_id()
            while opened.runs.has(run_id):
                run_id = new_run_id()
            opened.runs.create(RunRow(run_id, loaded.name, who, definition))
        plan = RunPlan(run_id, graph, configs, who, jobs or default_jobs(), cache, again, chosen, codes)
        yield begin(opened, plan, definition, listeners)


@contextmanager
def resumed_run(
    run_id: str,
    *,
    store: Store | str | Path | None,
    jobs: int | None,
    accept_changes: bool,
    listeners: Sequence[Listener],
) -> Iterator[Begun]:
    """Begin to go on with a run; the arguments are those of `aresume_run`."""
    with opened_store(store) as opened:
        row = opened.runs.get(run_id)
        if row.status in FINAL:
            raise RunError(
                f"the run has {row.status}",
                where=f"run {row.id}",
                hint="Run its workflow again: what is finished is reused.",
            )
        old = cast(dict[str, Any], row.definition)
        if old["workflow"] is None:
            raise RunError(
                "its workflow was made in a script or notebook, which another process cannot load",
                where=f"run {row.id}",
                hint="Run the same script again: finished steps are reused.",
            )
        graph = graph_of(load_workflow(old["workflow"]))
        configs = step_settings(graph, old["settings"])
        cache = bool(old["cache"])
        rerun, stages = frozenset(old["rerun"]), None if old["stages"] is None else frozenset(old["stages"])
        codes = CodeBook()
        settings = settings_json(configs)
        new = run_definition(old["workflow"], graph, settings, old["inputs"], cache, rerun, stages, codes)
        changed = differences(old, new)
        if changed and not accept_changes:
            raise RunError(
                "since it began, this has changed: " + ", ".join(changed),
                where=f"run {row.id}",
                hint="Go on all the same with --accept-changes, or begin a new run.",
            )
        plan = RunPlan(row.id, graph, configs, row.user, jobs or default_jobs(), cache, rerun, stages, codes)
        yield begin(opened, plan, new, listeners, resumed=changed)


def begin(
    store: Store,
    plan: RunPlan,
    definition: Mapping[str, Any],
    listeners: Sequence[Listener],
    resumed: Sequence[str] | None = None,
) -> Begun:
    """Become the driver of a run and use earlier results until something must be computed."""
    from motools.atom.current import use_store

    lease = store.runs.acquire(plan.run_id, f"{this_process()}#{plan.run_id}", LEASE_SECONDS)
    starter: Starter | None = None
    try:
        state = RunState(plan.graph)
        for event in store.events.read(plan.run_id):
            state.apply(event.seq, event.type, event.body, event.at)
        starter = Starter(store, plan, lease, state, (*listeners, tell_plugins))
        if state.sequence == 0:
            starter.recorder.commit(("run_started", _started(plan, definition)), status="running")
        else:
            lost = lost_results(store, state)
            starter.recorder.commit(
                ("run_resumed", {"accepted_changes": list(resumed or ())}),
                *[("step_lost", {"node": name, "outputs": state.steps[name].output_atoms}) for name in lost],
                status="running",
            )
        with use_store(store):
            starter.take_over()
    except BaseException:
        with suppress(StoreError):
            store.runs.release(starter.lease if starter is not None else lease)
        raise
    if state.final:
        store.runs.release(starter.lease)
    return Begun(starter, definition)


def _started(plan: RunPlan, definition: Mapping[str, Any]) -> dict[str, Any]:
    started = {
        "workflow": plan.graph.name,
        "inputs": definition["inputs"],
        "settings": definition["settings"],
        "user": plan.user,
        "jobs": plan.jobs,
        "environment": surroundings(),
    }
    if skipped := skipped_steps(plan.graph, plan.stages):
        started["skipped"] = sorted(skipped)
    return started


def tell_plugins(event: RunEvent) -> None:
    """Tell the plugins that observe runs of an event: a listener."""
    from motools.plugins import notify

    notify(
        {"run": event.run_id, "sequence": event.sequence, "type": event.type, "at": event.at, "body": dict(event.body)}
    )


def check_inputs(store: Store, graph: Graph, given: Mapping[str, str]) -> dict[str, str]:
    """Return name → full atom id of a run's inputs.

    Raises:
        InputError: one is missing, unknown, or an atom of another type.
        NotFoundError: there is no such atom.
    """
    where = f"workflow '{graph.name}'"
    for name in given:
        if name not in graph.inputs:
            raise InputError(
                f"there is no input '{name}' (inputs: {', '.join(graph.inputs) or 'none'})",
                where=where,
                hint=did_you_mean(name, graph.inputs),
            )
    missing = [f"'{name}' ({kind})" for name, kind in graph.inputs.items() if name not in given]
    if missing:
        raise InputError(
            f"these inputs are missing: {', '.join(missing)}",
            where=where,
            hint="Give each as input_atoms={name: atom id}, on the command line as --input name=ATOM.",
        )
    inputs = {}
    for name, atom_id in given.items():
        row = store.atoms.get(str(getattr(atom_id, "id", atom_id)))
        if row.type != graph.inputs[name]:
            raise InputError(
                f"input '{name}' is of type {row.type} ('{row.id}'), but type {graph.inputs[name]} is read", where=where
            )
        inputs[name] = row.id
    return inputs


def portable_reference(name: str) -> str:
    """Return a workflow's name such that it can be loaded from any working directory."""
    from motools.config.references import absolute, is_path

    return absolute(name, Path.cwd()) if is_path(name) else name


@contextmanager
def opened_store(store: Store | str | Path | None) -> Iterator[Store]:
    """Give a store: the one passed, or one opened for the block."""
    if store is None or isinstance(store, (str, Path)):
        from motools.store import Store

        with Store.open(Path(store) if store is not None else None) as opened:
            yield opened
    else:
        yield store


_LETTERS = "abcdefghijkmnpqrstuvwxyz"


def new_run_id() -> str:
    """Return a run id: when it began (UTC) and four random letters, so that ids sort by time and are easy to say."""
    letters = ""
    while len(letters) < 4:  # of a byte's 256 values 240 are ten times the alphabet
        letters += "".join(_LETTERS[byte % 24] for byte in os.urandom(4) if byte < 240)
    letters = letters[:4]
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{letters}"


def default_jobs() -> int:
    """Return how many steps run at once when nobody says: one a core, at least 4, since many only wait."""
    return max(4, os.cpu_count() or 1)
