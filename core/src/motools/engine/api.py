"""Running workflows: `run_workflow` and `arun_workflow`, and going on with a run that stopped."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from motools.engine.record import Listener
from motools.engine.state import RunState, StepState
from motools.errors import RunError

if TYPE_CHECKING:
    from motools.engine.begin import Begun
    from motools.engine.manifest.keep import Watch
    from motools.engine.manifest.question import Question
    from motools.store import Store
    from motools.workflow.graph import Graph
    from motools.workflow.workflow import Workflow


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

    made_of: ClassVar[str] = "steps"

    def __repr__(self) -> str:
        # Short, also because asyncio writes down the result of what it has run.
        return f"WorkflowState({self.run_id!r}, {self.workflow_name!r}, {self.status!r}, {len(self.step_states)} steps)"

    def _repr_html_(self) -> str:
        from motools.engine.shown import state_html

        return state_html(self)

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
            f"{len(failed)} of {len(state.step_states)} {state.made_of} failed:\n  " + "\n  ".join(lines),
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
    config_document: Any = None,
    manifest: bool | Question = True,
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
        config_document: says where in a file the settings stand, for messages.
        manifest: whether to remember what the keys are made of, and to use what an earlier run of the same words remembered
            (see `motools.engine.manifest`).

    Returns:
        What the run came to.

    Raises:
        WorkflowFailed: a step failed; its `state` has the rest.
        InputError: there is no such step, or one that `stages` leaves out has no earlier result to read.
        ConfigError, NotFoundError, PluginError, StoreError: the run could not begin.
    """
    question: Question | None = manifest if not isinstance(manifest, bool) else None
    if manifest is True and isinstance(workflow, str) and cache and not rerun and stages is None:
        from motools.engine.manifest.asked import answered, asked_in_python

        question = asked_in_python(workflow, store, input_atoms, config, config_document)
        state = question and answered(question, user=user, jobs=jobs, inputs=input_atoms or {}, listeners=listeners)
        if state:
            return state
    from motools.engine.begin import begun_run

    begun = begun_run(
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
        config_document=config_document,
        watch=_watch(question),
    )
    return _to_the_end(begun, raise_on_failure)


def _watch(question: Question | None) -> Watch | None:
    if question is None:
        return None
    from motools.engine.manifest.keep import Watch

    return Watch(question)


T = TypeVar("T")


def run_sync(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run the coroutine that `make()` returns, in this thread or, where a loop runs already, in another one."""
    import asyncio

    if asyncio._get_running_loop() is None:
        return asyncio.run(make())
    from motools.engine.aside import run_aside

    return run_aside(make)


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
    """Run a workflow: `run_workflow` for async code; it asks no manifest."""
    from motools.engine.begin import begun_run

    begun = begun_run(
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
        config_document=config_document,
    )
    with begun as run:
        await run.drive()
        return _came_to(run, raise_on_failure)


def resume_run(
    run_id: str,
    *,
    store: Store | str | Path | None = None,
    jobs: int | None = None,
    accept_changes: bool = False,
    listeners: Sequence[Listener] = (),
    raise_on_failure: bool = True,
) -> WorkflowState:
    """Go on with a run that was paused or whose process is gone, and wait for it; see `aresume_run`."""
    arguments: Any = {"store": store, "jobs": jobs, "accept_changes": accept_changes, "listeners": listeners}
    from motools.engine.begin import resumed_run

    if _is_matrix(run_id, store):
        return run_sync(lambda: aresume_run(run_id, raise_on_failure=raise_on_failure, **arguments))
    return _to_the_end(resumed_run(run_id, **arguments), raise_on_failure)


async def aresume_run(
    run_id: str,
    *,
    store: Store | str | Path | None = None,
    jobs: int | None = None,
    accept_changes: bool = False,
    listeners: Sequence[Listener] = (),
    raise_on_failure: bool = True,
) -> WorkflowState:
    """Go on with a run, or a matrix of runs, that was paused or whose process is gone.

    Args:
        run_id: the run, a unique beginning of its id, or `last`.
        accept_changes: go on although the code is another than when the run began; it is recorded.

    Raises:
        RunError: the run has ended, or was made in a script (run that again), or its code changed.
        RunBusyError: a living process drives it.
    """
    arguments: Any = {"store": store, "jobs": jobs, "accept_changes": accept_changes, "listeners": listeners}
    if _is_matrix(run_id, store):
        from motools.engine.matrix import aresume_matrix

        return await aresume_matrix(run_id, raise_on_failure=raise_on_failure, **arguments)
    from motools.engine.begin import resumed_run

    with resumed_run(run_id, **arguments) as run:
        await run.drive()
        return _came_to(run, raise_on_failure)


def _is_matrix(run_id: str, store: Store | str | Path | None) -> bool:
    from motools.engine.newrun import opened_store

    with opened_store(store) as opened:
        definition = opened.runs.get(run_id).definition
    return isinstance(definition, dict) and "cells" in definition


def _to_the_end(begun: AbstractContextManager[Begun], raise_on_failure: bool) -> WorkflowState:
    """Drive a run and wait for it. Where all is known already, no event loop is made."""
    with begun as run:
        if not run.starter.state.final:
            run_sync(run.drive)
        run.keep()
        return _came_to(run, raise_on_failure)


def _came_to(run: Begun, raise_on_failure: bool) -> WorkflowState:
    starter = run.starter
    result = result_of(starter.plan.run_id, starter.plan.graph, run.definition, starter.state)
    if raise_on_failure and starter.state.status == "failed":
        raise WorkflowFailed(result) from next(iter(starter.errors.values()), None)
    return result


def result_of(run_id: str, graph: Graph, definition: Mapping[str, Any], state: RunState) -> WorkflowState:
    """Return a run's state as its callers see it; of a matrix a `MatrixState`."""
    if "cells" in definition:
        from motools.engine.matrix import matrix_state

        return matrix_state(run_id, definition, state)
    return WorkflowState(
        run_id=run_id,
        workflow_name=graph.name,
        status=state.status,
        input_atoms=dict(state.inputs),
        config=dict(definition["settings"]),
        step_states=state.steps,
        output_atoms=state.output_atoms,
    )
