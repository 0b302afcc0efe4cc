"""Beginning runs, new ones and those that stopped: checked, recorded, and earlier results used as far as there are any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from motools.config.user import default_user
from motools.engine.code import CodeBook
from motools.engine.definition import differences, graph_of, load_workflow, run_definition
from motools.engine.newrun import (
    check_inputs,
    default_jobs,
    new_run_id,
    opened_store,
    portable_reference,
    started_body,
    tell_plugins,
)
from motools.engine.record import Listener
from motools.engine.recovery import lost_results
from motools.engine.runplan import RunPlan
from motools.engine.settings import settings_json, step_settings, written_settings
from motools.engine.stages import choose_reruns, choose_stages
from motools.engine.starting import LEASE_SECONDS, Starter, interrupts_deferred
from motools.engine.state import FINAL, RunState
from motools.errors import RunError, StoreError
from motools.store import RunRow, this_process
from motools.workflow.workflow import Workflow

if TYPE_CHECKING:
    from motools.engine.manifest.keep import Watch
    from motools.engine.threads import Slots
    from motools.store import Store


@dataclass(frozen=True)
class Begun:
    """A run that has begun: what was known already is taken over.

    Args:
        starter: has begun its steps.
        definition: what its record holds of the workflow.
        watch: writes a manifest when it has come to a good end.
    """

    starter: Starter
    definition: Mapping[str, Any]
    watch: Watch | None = None

    async def drive(self, slots: Slots | None = None) -> None:
        """Do what is left, in slots that are shared with other runs if they are given."""
        if not self.starter.state.final:
            from motools.atom.current import use_store
            from motools.engine.driver import Driver

            with use_store(self.starter.store):
                await Driver(self.starter, slots).drive()

    def keep(self) -> None:
        """Remember what the keys of a run that completed were made of, so that the next one need not make them."""
        if self.watch is not None and self.starter.state.status == "completed":
            self.watch.keep(self)


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
    watch: Watch | None = None,
) -> Iterator[Begun]:
    """Begin a run; the arguments are those of `run_workflow`. `watch` sees what its keys are made of."""
    looking = watch.looking if watch is not None else nullcontext
    reference = portable_reference(workflow) if isinstance(workflow, str) else None
    with looking():
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
        codes = CodeBook()
        with looking():
            settings = settings_json(configs)
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
        yield begin(opened, plan, definition, listeners, watch=watch)


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
    watch: Watch | None = None,
) -> Begun:
    """Become the driver of a run and use earlier results until something must be computed."""
    from motools.atom.current import use_store

    with interrupts_deferred() as interrupts:
        lease = store.runs.acquire(plan.run_id, f"{this_process()}#{plan.run_id}", LEASE_SECONDS)
        starter: Starter | None = None
        try:
            state = RunState(plan.graph)
            for event in store.events.read(plan.run_id):
                state.apply(event.seq, event.type, event.body, event.at)
            starter = Starter(store, plan, lease, state, (*listeners, tell_plugins), watch)
            if state.sequence == 0:
                starter.recorder.commit(("run_started", started_body(plan, definition)), status="running")
            else:
                lost = lost_results(store, state)
                starter.recorder.commit(
                    ("run_resumed", {"accepted_changes": list(resumed or ())}),
                    *[("step_lost", {"node": name, "outputs": state.steps[name].output_atoms}) for name in lost],
                    status="running",
                )
            with use_store(store):
                starter.take_over(interrupts)
        except BaseException:
            with suppress(StoreError):
                store.runs.release(starter.lease if starter is not None else lease)
            raise
    if state.final:
        store.runs.release(starter.lease)
    return Begun(starter, definition, watch)
