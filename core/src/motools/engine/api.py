"""Running workflows: `run_workflow` and `arun_workflow`, and going on with a run that stopped."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from motools.config.user import default_user
from motools.engine.code import CodeBook
from motools.engine.definition import differences, graph_of, load_workflow, run_definition
from motools.engine.driver import LEASE_SECONDS, Driver
from motools.engine.record import Listener, RunEvent
from motools.engine.recovery import lost_results
from motools.engine.runplan import RunPlan
from motools.engine.settings import settings_json, step_settings
from motools.engine.stages import choose_reruns, choose_stages, skipped_steps
from motools.engine.state import FINAL, RunState, StepState
from motools.errors import InputError, RunError, did_you_mean
from motools.store import RunRow, this_process
from motools.workflow.graph import Graph
from motools.workflow.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from motools.store import Store


@dataclass(frozen=True, repr=False)
class WorkflowState:
    """What a run came to.

    Args:
        run_id: the run's id, for `motools run show`.
        workflow_name: the workflow's name.
        status: `completed`, `failed` or `paused`.
        input_atoms: name → atom id the run was given.
        config: step → its settings as JSON.
        step_states: step → where it stands.
        output_atoms: name → id of the atom last written under it.
    """

    run_id: str
    workflow_name: str
    status: str
    input_atoms: Mapping[str, str]
    config: Mapping[str, Any]
    step_states: Mapping[str, StepState]
    output_atoms: Mapping[str, str]

    def __repr__(self) -> str:
        # Short, also because asyncio writes down the result of what it has run.
        return f"WorkflowState({self.run_id!r}, {self.workflow_name!r}, {self.status!r}, {len(self.step_states)} steps)"

    def get_output_atoms(self) -> dict[str, str]:
        """Return name → id of every atom the run made or reused."""
        return dict(self.output_atoms)

    def get_step_state(self, name: str) -> StepState:
        """Return where a step stands."""
        return self.step_states[name]


class WorkflowFailed(RunError):
    """A step of the run failed; everything that did not depend on it was finished. `state` has all of it."""

    code = "run-failed"

    def __init__(self, state: WorkflowState) -> None:
        failed = [step for step in state.step_states.values() if step.status == "failed"]
        lines = []
        for step in failed:
            error = step.error or {}
            lines.append(
                f"{error.get('where')}: {error.get('message')}" + (f" {error['hint']}" if error.get("hint") else "")
            )
        super().__init__(
            f"{len(failed)} of {len(state.step_states)} steps failed:\n  " + "\n  ".join(lines),
            where=f"run {state.run_id}",
            hint=f"More: motools run show {state.run_id}. What is finished is not done again by the next run.",
        )
        self.state = state
        codes = {(step.error or {}).get("exit_code", 1) for step in failed}
        self.exit_code = codes.pop() if len(codes) == 1 else 1  # type: ignore[misc]


def run_workflow(
    workflow: Workflow | str,
    input_atoms: Mapping[str, str] | None = None,
    config: Any = None,
    user: str | None = None,
    *,
    store: Store | str | Path | None = None,
    jobs: int | None = None,
    cache: bool = True,
    rerun: Sequence[str] = (),
    stages: str | Sequence[str] | None = None,
    listeners: Sequence[Listener] = (),
    raise_on_failure: bool = True,
) -> WorkflowState:
    """Run a workflow and wait for it; also inside a running event loop (a notebook), where it runs in a thread.

    Args:
        workflow: a `Workflow`, or the name of one: a component, `module:attribute`, `./file.py:attribute`.
        input_atoms: name → atom id of each input of the workflow.
        config: an object of the workflow's settings class, or a mapping: step → its settings.
        user: in whose name; by default `MOTOOLS_USER` or the login name.
        store: a store or its folder; by default `MOTOOLS_STORAGE_DIR` or `.motools`.
        jobs: how many steps may run at once; by default one a core, at least 4.
        cache: whether earlier results are used.
        rerun: steps to compute again although their result is known; keys decide what follows from that.
        stages: only these steps: names and ranges as in `a,b`, `a:c`, `:b`, `b:`. What they read of other steps comes from
            earlier results.
        listeners: called with each event of the run after it is recorded.
        raise_on_failure: whether a failed step raises.

    Returns:
        What the run came to.

    Raises:
        WorkflowFailed: a step failed; its `state` has the rest.
        InputError: there is no such step, or one that `stages` leaves out has no earlier result to read.
        ConfigError, NotFoundError, PluginError, StoreError: the run could not begin.
    """
    return run_sync(
        lambda: arun_workflow(
            workflow,
            input_atoms,
            config,
            user,
            store=store,
            jobs=jobs,
            cache=cache,
            rerun=rerun,
            stages=stages,
            listeners=listeners,
            raise_on_failure=raise_on_failure,
        )
    )


T = TypeVar("T")


def run_sync(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run the coroutine that `make()` returns, in this thread or, where a loop runs already, in another one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        inside = False
    else:
        inside = True
    if not inside:
        return asyncio.run(make())
    from concurrent.futures import ThreadPoolExecutor

    context = copy_context()
    with ThreadPoolExecutor(1, thread_name_prefix="motools-run") as executor:
        return executor.submit(context.run, lambda: asyncio.run(make())).result()


async def arun_workflow(
    workflow: Workflow | str,
    input_atoms: Mapping[str, str] | None = None,
    config: Any = None,
    user: str | None = None,
    *,
    store: Store | str | Path | None = None,
    jobs: int | None = None,
    cache: bool = True,
    rerun: Sequence[str] = (),
    stages: str | Sequence[str] | None = None,
    listeners: Sequence[Listener] = (),
    raise_on_failure: bool = True,
    config_document: Any = None,
) -> WorkflowState:
    """Run a workflow: `run_workflow` for async code. `config_document` says where in a file the settings stand."""
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
        who = user or default_user()
        with opened.transaction():
            check_inputs(opened, graph, inputs)  # from here on the run keeps them from `store gc`
            run_id = new_run_id()
            while opened.runs.has(run_id):
                run_id = new_run_id()
            opened.runs.create(RunRow(run_id, loaded.name, who, definition))
        plan = RunPlan(run_id, graph, configs, who, jobs or default_jobs(), cache, again, chosen, codes)
        return await _drive(opened, plan, definition, listeners, raise_on_failure)


async def aresume_run(
    run_id: str,
    *,
    store: Store | str | Path | None = None,
    jobs: int | None = None,
    accept_changes: bool = False,
    listeners: Sequence[Listener] = (),
    raise_on_failure: bool = True,
) -> WorkflowState:
    """Go on with a run that was paused or whose process is gone.

    Args:
        run_id: the run, a unique beginning of its id, or `last`.
        accept_changes: go on although the code is another than when the run began; it is recorded.

    Raises:
        RunError: the run has ended, or was made in a script (run that again), or its code changed.
        RunBusyError: a living process drives it.
    """
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
        return await _drive(opened, plan, new, listeners, raise_on_failure, resumed=changed)


async def _drive(
    store: Store,
    plan: RunPlan,
    definition: Mapping[str, Any],
    listeners: Sequence[Listener],
    raise_on_failure: bool,
    resumed: Sequence[str] | None = None,
) -> WorkflowState:
    from motools.atom import use_store

    lease = store.runs.acquire(plan.run_id, f"{this_process()}#{plan.run_id}", LEASE_SECONDS)
    state = RunState(plan.graph)
    for event in store.events.read(plan.run_id):
        state.apply(event.seq, event.type, event.body, event.at)
    driver = Driver(store, plan, lease, state, (*listeners, _tell_plugins))
    if state.sequence == 0:
        started = {
            "workflow": plan.graph.name,
            "inputs": definition["inputs"],
            "settings": definition["settings"],
            "user": plan.user,
            "jobs": plan.jobs,
        }
        if skipped := skipped_steps(plan.graph, plan.stages):
            started["skipped"] = sorted(skipped)
        driver.recorder.commit(("run_started", started), status="running")
    else:
        try:
            lost = lost_results(store, state)
        except BaseException:
            store.runs.release(lease)
            raise
        driver.recorder.commit(
            ("run_resumed", {"accepted_changes": list(resumed or ())}),
            *[("step_lost", {"node": name, "outputs": state.steps[name].output_atoms}) for name in lost],
            status="running",
        )
    with use_store(store):
        await driver.drive()
    result = result_of(plan.run_id, plan.graph, definition, state)
    if raise_on_failure and state.status == "failed":
        raise WorkflowFailed(result) from next(iter(driver.errors.values()), None)
    return result


def _tell_plugins(event: RunEvent) -> None:
    from motools.plugins import notify

    notify(
        {"run": event.run_id, "sequence": event.sequence, "type": event.type, "at": event.at, "body": dict(event.body)}
    )


def result_of(run_id: str, graph: Graph, definition: Mapping[str, Any], state: RunState) -> WorkflowState:
    """Return a run's state as its callers see it."""
    return WorkflowState(
        run_id=run_id,
        workflow_name=graph.name,
        status=state.status,
        input_atoms=dict(state.inputs),
        config=dict(definition["settings"]),
        step_states=state.steps,
        output_atoms=state.output_atoms,
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


def new_run_id() -> str:
    """Return a run id: when it began (UTC) and four random letters, so that ids sort by time and are easy to say."""
    letters = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz") for _ in range(4))
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{letters}"


def default_jobs() -> int:
    """Return how many steps run at once when nobody says: one a core, at least 4, since many only wait."""
    return max(4, os.cpu_count() or 1)
