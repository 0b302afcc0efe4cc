"""Running a workflow's matrix: `run_matrix` and `arun_matrix`, and going on with one that stopped.

A matrix is a run whose nodes are its cells. Each cell is a run of its own, which shares steps with the others as any two runs
do: what has the same key is computed once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from motools.canonical import JSON, digest_json
from motools.config.user import default_user
from motools.engine.api import WorkflowFailed, WorkflowState, run_sync
from motools.engine.cells import CheckedCell, check_matrix, matrix_document
from motools.engine.code import CodeBook
from motools.engine.definition import differences, graph_of, load_workflow, run_definition
from motools.engine.matrix_driver import MatrixDriver, MatrixPlan
from motools.engine.newrun import check_inputs, default_jobs, new_run_id, opened_store, portable_reference
from motools.engine.record import Listener
from motools.engine.settings import settings_json, step_settings, written_settings
from motools.engine.stages import choose_reruns, choose_stages
from motools.engine.starting import LEASE_SECONDS
from motools.engine.state import FINAL, RunState, StepState
from motools.errors import RunBusyError, RunError, StoreError
from motools.store import RunRow, this_process
from motools.workflow.graph import Graph
from motools.workflow.stored import stored_graph
from motools.workflow.workflow import Workflow

if TYPE_CHECKING:
    from motools.config.document import Document
    from motools.store import Lease, Store


@dataclass(frozen=True)
class CellState:
    """Where one cell of a matrix stands.

    Args:
        name: unique in the matrix.
        arm: its name without the seed.
        seed: the seed, None without `seeds`.
        coordinates: axis → value; of an axis of named arms the name.
        settings: step → its settings as JSON.
        status: `pending`, `running`, `finished`, `failed`, `cancelled` or `not_reached` (the matrix ended before it began).
        run_id: its run, None before it has begun.
        error: why it failed, as in the log.
    """

    name: str
    arm: str
    seed: int | None
    coordinates: Mapping[str, JSON]
    settings: Mapping[str, Any]
    status: str
    run_id: str | None
    error: Mapping[str, Any] | None


@dataclass(frozen=True, repr=False)
class MatrixState(WorkflowState):
    """What a matrix came to: a run whose steps are its cells; `cells` says of each which run did it."""

    cells: Mapping[str, CellState] = field(default_factory=dict)

    made_of: ClassVar[str] = "cells"

    def __repr__(self) -> str:
        return f"MatrixState({self.run_id!r}, {self.workflow_name!r}, {self.status!r}, {len(self.cells)} cells)"


def run_matrix(
    workflow: Workflow | str,
    matrix: Mapping[str, Any] | None = None,
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
    config_document: Document | None = None,
) -> MatrixState:
    """Run every cell of a matrix and wait for all; also inside a running event loop (a notebook), where it runs in a thread.

    A matrix of the same cells, inputs and code that was begun before and did not end is gone on with.

    Args:
        workflow: a `Workflow`, or the name of one: a component, `module:attribute`, `./file.py:attribute`.
        matrix: what stands under `matrix:` in YAML (docs/matrix.md): `{"seeds": 3, "arms": {...}}`. It may as well stand under
            that key in `config`.
        input_atoms: name → atom id of each input of the workflow.
        config: the settings that all cells share: an object of the workflow's settings class, or a mapping.
        user: in whose name; by default `MOTOOLS_USER` or the login name.
        store: a store or its folder; by default `MOTOOLS_STORAGE_DIR` or `.motools`.
        jobs: how many steps run at once in all cells together; by default the matrix's own `jobs`, or one a core, at least 4.
        cache: whether earlier results are used; without, every cell computes each of its steps.
        rerun: steps that every cell computes again although their result is known.
        stages: only these steps, as in `run_workflow`.
        listeners: called with each event of the matrix and of its cells' runs after it is recorded.
        raise_on_failure: whether a failed cell raises.
        config_document: says where in a file settings and matrix stand, for messages.

    Returns:
        What the matrix came to. `motools.evals.summarise` makes its table of means over seeds.

    Raises:
        WorkflowFailed: a cell failed; its `state` has the rest.
        ConfigError: the matrix, or the settings of a cell, are wrong.
        InputError, NotFoundError, PluginError, StoreError: the matrix could not begin.
    """
    return run_sync(
        lambda: arun_matrix(
            workflow,
            matrix,
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
            config_document=config_document,
        )
    )


async def arun_matrix(
    workflow: Workflow | str,
    matrix: Mapping[str, Any] | None = None,
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
    config_document: Document | None = None,
) -> MatrixState:
    """Run a matrix: `run_matrix` for async code."""
    reference = portable_reference(workflow) if isinstance(workflow, str) else None
    loaded = load_workflow(workflow) if isinstance(workflow, str) else workflow
    graph = graph_of(loaded)
    checked = check_matrix(graph, config_document or matrix_document(matrix, config))
    chosen = choose_stages(graph, stages)
    again = choose_reruns(graph, rerun, chosen)
    with opened_store(store) as opened:
        inputs = check_inputs(opened, graph, input_atoms or {})
        if chosen is not None:
            from motools.engine.plan import check_left_out

            for done in checked.cells:
                check_left_out(opened, graph, done.configs, inputs, chosen, cache=cache, rerun=again)
        codes = CodeBook()
        shared = run_definition(reference, graph, {}, inputs, cache, again, chosen, codes)
        cells = [done.to_json() for done in checked.cells]
        who = user or default_user()
        identity = _identity(shared, cells, who)
        definition: dict[str, Any] = {
            **shared,
            "workflow_graph": shared["graph"],
            "graph": _shape(loaded.name, [done.cell.name for done in checked.cells]),
            "matrix": checked.written,
            "written": written_settings(config_document),
            "cells": cells,
            "on_failure": checked.matrix.on_failure,
            "jobs": checked.matrix.jobs,
        }

        def plan(run_id: str) -> MatrixPlan:
            return MatrixPlan(
                run_id,
                loaded.name,
                graph,
                {done.cell.name: done for done in checked.cells},
                shared,
                who,
                jobs or checked.matrix.jobs or default_jobs(),
                checked.matrix.on_failure,
                cache,
                again,
                chosen,
                codes,
            )

        for row in opened.runs.unfinished(identity):
            try:
                lease = _acquire(opened, row.id)
            except RunBusyError:  # another process is at it: this one gets a record of its own
                continue
            return await _drive(opened, plan(row.id), lease, row.definition, listeners, raise_on_failure)
        with opened.transaction():
            check_inputs(opened, graph, inputs)  # from here on the matrix keeps them from `store gc`
            run_id = new_run_id()
            while opened.runs.has(run_id):
                run_id = new_run_id()
            details: dict[str, JSON] = {"identity": identity, "cells": len(cells)}
            opened.runs.create(RunRow(run_id, loaded.name, who, definition, details))
            lease = _acquire(opened, run_id)  # before another process takes it for one that stopped
        return await _drive(opened, plan(run_id), lease, definition, listeners, raise_on_failure)


async def aresume_matrix(
    run_id: str,
    *,
    store: Store | str | Path | None = None,
    jobs: int | None = None,
    accept_changes: bool = False,
    listeners: Sequence[Listener] = (),
    raise_on_failure: bool = True,
) -> MatrixState:
    """Go on with a matrix that was paused or whose process is gone: the arguments and errors of `aresume_run`."""
    with opened_store(store) as opened:
        row = opened.runs.get(run_id)
        if row.status in FINAL:
            raise RunError(
                f"the matrix has {row.status}",
                where=f"run {row.id}",
                hint="Run it again with the same settings: what is finished is reused.",
            )
        old = cast("dict[str, Any]", row.definition)
        if old["workflow"] is None:
            raise RunError(
                "its workflow was made in a script or notebook, which another process cannot load",
                where=f"run {row.id}",
                hint="Run the same script again: it goes on with this matrix.",
            )
        graph = graph_of(load_workflow(old["workflow"]))
        cells = _stored_cells(graph, old["cells"])
        cache, rerun = bool(old["cache"]), frozenset(old["rerun"])
        stages = None if old["stages"] is None else frozenset(old["stages"])
        codes = CodeBook()
        shared = run_definition(old["workflow"], graph, {}, old["inputs"], cache, rerun, stages, codes)
        before = {name: cell["settings"] for name, cell in zip(cells, old["cells"], strict=True)}
        now = {name: dict(done.settings) for name, done in cells.items()}
        changed = differences({**old, "graph": old["workflow_graph"], "settings": before}, {**shared, "settings": now})
        if changed and not accept_changes:
            raise RunError(
                "since it began, this has changed: " + ", ".join(changed),
                where=f"run {row.id}",
                hint="Go on all the same with --accept-changes, or run the same settings again as a new matrix.",
            )
        wanted = jobs or old["jobs"] or default_jobs()
        plan = MatrixPlan(
            row.id, row.workflow, graph, cells, shared, row.user, wanted, old["on_failure"], cache, rerun, stages, codes
        )
        return await _drive(opened, plan, _acquire(opened, row.id), old, listeners, raise_on_failure, changed)


def _stored_cells(graph: Graph, stored: Sequence[Mapping[str, Any]]) -> dict[str, CheckedCell]:
    from motools.config.cells import Cell

    cells = {}
    for item in stored:
        configs = step_settings(graph, item["settings"])
        cell = Cell(item["name"], item["arm"], item["seed"], {}, ())
        cells[cell.name] = CheckedCell(cell, configs, settings_json(configs))
    return cells


def _acquire(store: Store, run_id: str) -> Lease:
    """Become the driver of a matrix.

    Raises:
        RunBusyError: a living process drives it.
    """
    return store.runs.acquire(run_id, f"{this_process()}#{run_id}", LEASE_SECONDS)


async def _drive(
    store: Store,
    plan: MatrixPlan,
    lease: Lease,
    definition: Any,
    listeners: Sequence[Listener],
    raise_on_failure: bool,
    accepted: Sequence[str] = (),
) -> MatrixState:
    """Drive a matrix under a lease, which is let go of at the end."""
    try:
        state = RunState(stored_graph(_shape(plan.name, list(plan.cells))))
        for event in store.events.read(plan.run_id):
            state.apply(event.seq, event.type, event.body, event.at)
        driver = MatrixDriver(store, plan, lease, state, listeners, accepted)
        if state.sequence == 0:
            started = {"workflow": plan.name, "inputs": definition["inputs"], "settings": {}, "user": plan.user}
            started |= {"jobs": plan.jobs, "cells": list(plan.cells)}
            driver.recorder.commit(("run_started", started), status="running")
        else:
            resumed = {"accepted_changes": list(accepted), "cells": list(plan.cells)}
            driver.recorder.commit(("run_resumed", resumed), status="running")
    except BaseException:
        with suppress(StoreError):
            store.runs.release(lease)
        raise
    await driver.drive()
    result = matrix_state(plan.run_id, definition, state)
    if raise_on_failure and state.status == "failed":
        raise WorkflowFailed(result) from next(iter(driver.errors.values()), None)
    return result


def is_matrix(definition: object) -> bool:
    """Say whether the definition in a run's record is that of a matrix."""
    return isinstance(definition, Mapping) and "cells" in definition


def matrix_state(run_id: str, definition: Mapping[str, Any], state: RunState) -> MatrixState:
    """Return a matrix's state as its callers see it."""
    return MatrixState(
        run_id=run_id,
        workflow_name=state.graph.name,
        status=state.status,
        input_atoms=dict(state.inputs),
        config={},
        step_states={cell["name"]: state.steps[cell["name"]] for cell in definition["cells"]},
        output_atoms={},
        cells={
            cell["name"]: _cell_state(cell, state.steps[cell["name"]], state.status == "cancelled")
            for cell in definition["cells"]
        },
    )


def _cell_state(cell: Mapping[str, Any], step: StepState, cancelled: bool) -> CellState:
    return CellState(
        cell["name"],
        cell["arm"],
        cell["seed"],
        cell["coordinates"],
        cell["settings"],
        "cancelled" if cancelled and step.status == "running" else step.status,
        step.run,
        step.error,
    )


def _shape(name: str, cells: Sequence[str]) -> dict[str, Any]:
    """Return the matrix as a graph: its cells, which read nothing of each other."""
    nodes = {cell: {"reads": {}, "writes": {}, "effect": "pure"} for cell in cells}
    return {"name": name, "inputs": {}, "nodes": nodes}


def _identity(shared: Mapping[str, Any], cells: Sequence[Mapping[str, JSON]], user: str) -> str:
    """Return what a matrix is known by, whatever order its values are written in."""
    ordered: list[JSON] = [
        [cell["name"], cell["settings"]] for cell in sorted(cells, key=lambda cell: str(cell["name"]))
    ]
    return digest_json("matrix", {"run": dict(shared), "cells": ordered, "user": user})
