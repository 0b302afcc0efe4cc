"""Ending a run for good that nobody drives: its jobs elsewhere are stopped, and the log says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from motools.contracts.training import Job, TrainingBackend
from motools.engine.record import Recorder
from motools.engine.starting import LEASE_SECONDS
from motools.engine.state import FINAL, RunState
from motools.errors import PluginError, RunError
from motools.store import this_process
from motools.store.leases import is_dead
from motools.workflow.stored import stored_graph

if TYPE_CHECKING:
    from motools.store import EffectRow, Store


async def cancel_run(store: Store, run_id: str, reason: str = "") -> dict[str, bool]:
    """Cancel a run, or a matrix with its cells, and return the open jobs: id → whether it could be stopped.

    Raises:
        RunError: the run has ended already.
        RunBusyError: a living process drives it.
    """
    from motools.atom import use_store

    row = store.runs.get(run_id)
    if row.status in FINAL:
        raise RunError(f"the run has {row.status} already", where=f"run {row.id}", hint="There is nothing to cancel.")
    lease = store.runs.acquire(row.id, f"{this_process()}#cancel", LEASE_SECONDS)
    try:
        definition = cast(dict[str, Any], row.definition)
        state = RunState(stored_graph(definition["graph"]))
        for event in store.events.read(row.id):
            state.apply(event.seq, event.type, event.body, event.at)
        recorder = Recorder(store, row.id, lease.fence, state)
        jobs: dict[str, bool] = {}
        for part in store.runs.parts(row.id).values():
            if store.runs.get(part).status not in FINAL:
                jobs |= await cancel_run(store, part, reason)
        with use_store(store):
            for effect in _open_effects(store, state):
                job = cast(dict[str, Any], effect.record)
                jobs[str(job.get("id"))] = stopped = await _stop(job)
                if stopped:
                    store.effects.close(effect, "cancelled")
        body = {"reason": reason, "jobs": jobs}
        recorder.commit(("run_cancelled", body), full=True, status="cancelled")
        return jobs
    finally:
        store.runs.release(lease)


def _open_effects(store: Store, state: RunState) -> list[EffectRow]:
    keys = [step.key for step in state.steps.values() if step.key is not None and not step.done]
    # A job that another living run waits for is that run's now.
    keys = [key for key in keys if (holder := store.keys.holder(key)) is None or is_dead(holder)]
    effects = [effect for key in keys for effect in store.effects.list(key)]
    return [effect for effect in effects if effect.state == "done" and isinstance(effect.record, dict)]


async def _stop(job: dict[str, Any]) -> bool:
    """Stop a job through the backend it names; False where none is named or it is not installed."""
    from motools.plugins import load

    if "backend" not in job:
        return False
    try:
        backend: TrainingBackend = load("training_backend", str(job["backend"]))()
    except PluginError:
        return False
    await backend.cancel(Job(id=str(job["id"]), data=job.get("data") or {}))
    return True
