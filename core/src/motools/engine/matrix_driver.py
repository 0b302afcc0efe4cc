"""Driving a matrix: a run whose nodes are its cells, each a run of its own. All share the places in which steps run.

The log of a matrix has the events of any run: `step_started` says which run does a cell, and is recorded in one transaction
with that run; `step_finished` and `step_failed` say how it ended. So its state is the fold that every run has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from motools.engine.begin import begin
from motools.engine.cells import CheckedCell
from motools.engine.code import CodeBook
from motools.engine.decide import EndRun, StartStep, decide
from motools.engine.failures import describe_error
from motools.engine.newrun import new_run_id, tell_plugins
from motools.engine.record import Listener, Recorder
from motools.engine.runplan import RunPlan
from motools.engine.starting import LEASE_SECONDS
from motools.engine.state import FINAL, RunState
from motools.engine.threads import Slots
from motools.errors import CorruptError, MotoolsError, RunError, StoreError
from motools.store import RunRow
from motools.workflow.stored import stored_graph

if TYPE_CHECKING:
    from motools.store import Lease, Store
    from motools.workflow.graph import Graph

_OPEN_PER_JOB = 2
"""Cells under way for each place of a step: while some wait for a step they share, others can use the place."""


@dataclass(frozen=True)
class MatrixPlan:
    """What a matrix is to do.

    Args:
        run_id: the matrix.
        name: the workflow's name.
        graph: the compiled workflow.
        cells: name → cell, in the order in which they are begun.
        definition: what the record of every cell's run holds, but for its settings.
        user: in whose name.
        jobs: how many steps run at once in all cells together.
        on_failure: whether cells are begun after one has failed.
        cache, rerun, stages, codes: as in `RunPlan`, for every cell.
    """

    run_id: str
    name: str
    graph: Graph
    cells: Mapping[str, CheckedCell]
    definition: Mapping[str, Any]
    user: str
    jobs: int
    on_failure: str = "continue"
    cache: bool = True
    rerun: frozenset[str] = frozenset()
    stages: frozenset[str] | None = None
    codes: CodeBook = field(default_factory=CodeBook)

    def of(self, cell: str, run_id: str) -> RunPlan:
        """Return what the run of a cell is to do."""
        configs = self.cells[cell].configs
        return RunPlan(
            run_id, self.graph, configs, self.user, self.jobs, self.cache, self.rerun, self.stages, self.codes
        )

    def definition_of(self, cell: str) -> dict[str, Any]:
        """Return what the record of a cell's run holds."""
        return {**self.definition, "settings": dict(self.cells[cell].settings)}


class MatrixDriver:
    """Drives one matrix to its end, or until it is stopped.

    Args:
        store: where everything is recorded.
        plan: what to do.
        lease: the right to drive it.
        state: the fold of the matrix's events so far.
        listeners: called with each event of the matrix and of its cells' runs after it is recorded.
        accepted: what has changed since the matrix began, and was accepted.
    """

    def __init__(
        self,
        store: Store,
        plan: MatrixPlan,
        lease: Lease,
        state: RunState,
        listeners: Sequence[Listener] = (),
        accepted: Sequence[str] = (),
    ) -> None:
        self.store = store
        self.plan = plan
        self.lease = lease
        self.state = state
        self.recorder = Recorder(store, plan.run_id, lease.fence, state, (*listeners, tell_plugins))
        self._listeners = listeners
        self._accepted = accepted
        self._runs = store.runs.parts(plan.run_id)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots = Slots(plan.jobs)
        self.errors: dict[str, BaseException] = {}
        """Cell → the exception that it failed with, for those who are in this process."""

    async def drive(self) -> None:
        """Run every cell that is left and record the end.

        When this task is cancelled (Ctrl-C), all cells under way and the matrix are recorded as paused, and the cancellation
        goes on.
        """
        heartbeat = asyncio.ensure_future(self._heartbeat())
        try:
            while not self.state.final:
                self._act()
                if self._tasks:
                    await asyncio.wait([*self._tasks.values(), heartbeat], return_when=asyncio.FIRST_COMPLETED)
                if heartbeat.done():
                    heartbeat.result()
                for cell in [cell for cell, task in self._tasks.items() if task.done()]:
                    self._tasks.pop(cell).result()
        except asyncio.CancelledError:
            await self._stop()
            if not self.state.final:
                self.recorder.commit(("run_paused", {"reason": "interrupted"}), full=True, status="paused")
            raise
        except BaseException:
            await self._stop()
            raise
        finally:
            heartbeat.cancel()
            self._slots.threads.close()
            with suppress(StoreError):
                self.store.runs.release(self.lease)

    def _act(self) -> None:
        """Begin cells, as far as there are places; record the end where nothing is left."""
        stopped = self.plan.on_failure == "stop" and bool(self.state.failed)
        for action in decide(self.state):
            if isinstance(action, EndRun):
                self._end(action.status)
            elif stopped:
                if not self._tasks:
                    self._end("failed")
                return
            elif isinstance(action, StartStep):
                if len(self._tasks) >= _OPEN_PER_JOB * self.plan.jobs:
                    return
                run_id = self._begin(action.node)
                self._tasks[action.node] = asyncio.ensure_future(self._drive_cell(action.node, run_id))

    def _begin(self, cell: str) -> str:
        """Record that a cell is begun, or gone on with, and return the id of its run."""
        run_id = self._runs.get(cell)
        known = run_id is not None
        while run_id is None or (not known and self.store.runs.has(run_id)):
            run_id = new_run_id()
        chosen = run_id

        def create() -> None:
            if not known:
                definition = self.plan.definition_of(cell)
                self.store.runs.create(RunRow(chosen, self.plan.name, self.plan.user, definition))
                self.store.runs.add_part(self.plan.run_id, cell, chosen)

        body = {"node": cell, "activation": self._activation(cell, 1), "key": None, "run": chosen}
        self.recorder.commit(("step_started", body), before=create)
        self._runs[cell] = chosen
        return chosen

    def _activation(self, cell: str, more: int = 0) -> str:
        return f"{cell}@1#{self.state.steps[cell].attempt + more}"

    async def _drive_cell(self, cell: str, run_id: str) -> None:
        started = time.monotonic()
        body: dict[str, Any] = {"node": cell, "activation": self._activation(cell), "run": run_id}
        try:
            state = await self._run(cell, run_id)
            error = cell_error(cell, run_id, state) if state.status != "completed" else None
        except MotoolsError as raised:
            if isinstance(raised, StoreError) and not isinstance(raised, CorruptError):
                raise  # the others cannot go on either
            self.errors[cell] = raised
            error = describe_error(raised, cell)
        if error is not None:
            self.recorder.commit(("step_failed", {**body, "error": error}))
        else:
            seconds = round(time.monotonic() - started, 6)
            self.recorder.commit(("step_finished", {**body, "outputs": {}, "seconds": seconds}))

    async def _run(self, cell: str, run_id: str) -> RunState:
        """Run a cell to its end and return what it came to; one that has ended already is left as it is."""
        row = self.store.runs.get(run_id)
        if row.status in FINAL:
            return folded(self.store, row)
        plan = self.plan.of(cell, run_id)
        begun = begin(self.store, plan, self.plan.definition_of(cell), self._listeners, self._accepted)
        await begun.drive(self._slots)
        if begun.starter.errors:
            self.errors[cell] = next(iter(begun.starter.errors.values()))
        return begun.starter.state

    def _end(self, status: str) -> None:
        body: dict[str, Any] = {"outputs": {}} if status == "completed" else {"failed": list(self.state.failed)}
        self.recorder.commit((f"run_{status}", body), full=True, status=status)

    async def _stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _heartbeat(self) -> None:
        """Keep the lease; a lost one ends the driving."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            self.lease = self.store.runs.renew(self.lease, LEASE_SECONDS)


def folded(store: Store, row: RunRow) -> RunState:
    """Return a run's state from its log."""
    state = RunState(stored_graph(cast("dict[str, Any]", row.definition)["graph"]))
    for event in store.events.read(row.id):
        state.apply(event.seq, event.type, event.body, event.at)
    return state


def cell_error(cell: str, run_id: str, state: RunState) -> dict[str, Any]:
    """Return why a cell failed, as it stands in the log: the error of the first of its steps that failed."""
    if not state.failed:
        return describe_error(RunError(f"its run has {state.status}", where=f"cell '{cell}', run {run_id}"), cell)
    error = dict(state.steps[state.failed[0]].error or {})
    return {**error, "where": f"cell '{cell}' (run {run_id}): {error.get('where')}"}
