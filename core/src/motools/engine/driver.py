"""The driver: does what `decide` says, records what happened, and decides again.

A step's life here: key → hit? → a slot → key claimed and start recorded (one transaction) → run → files stored → finished
(values, atoms, key, event, and the claim let go of: one transaction). A waiter holds no slot; nothing is held while nothing
runs.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.atom import Atom
from motools.config import component_references
from motools.engine.activation import StepActivation
from motools.engine.calling import call_step
from motools.engine.claims import CLAIM_SECONDS, take_claim
from motools.engine.decide import EndRun, StartStep, decide
from motools.engine.earlier import Earlier
from motools.engine.failures import describe_error, left_out_error
from motools.engine.identity import StepKey, changed_sources, step_key
from motools.engine.outputs import NewAtom, has_files, store_outputs
from motools.engine.record import Listener, Recorder
from motools.engine.runplan import RunPlan
from motools.engine.state import RunState
from motools.engine.threads import WorkerThreads
from motools.engine.workspaces import Workspaces
from motools.errors import StoreError
from motools.workflow.config import StepConfig

if TYPE_CHECKING:
    from motools.store import AtomRow, Lease, Store

LEASE_SECONDS = 30.0
"""How long a run stays with an owner that no longer says it is there."""

_BATCH_SECONDS = 0.02  # how long others may wait while earlier results are taken over


class _ClaimedError(Exception):
    """Another run is computing the key."""


class _MadeMeanwhileError(Exception):
    """Another run has computed the key."""


class Driver:
    """Drives one run to its end, or until it is stopped.

    Args:
        store: where everything is recorded.
        plan: what to run.
        lease: the right to drive it.
        state: the fold of the events so far.
        listeners: called with each event after it is recorded.
    """

    def __init__(
        self, store: Store, plan: RunPlan, lease: Lease, state: RunState, listeners: Sequence[Listener] = ()
    ) -> None:
        self.store = store
        self.plan = plan
        self.lease = lease
        self.state = state
        self.recorder = Recorder(store, plan.run_id, lease.fence, state, listeners)
        self._in_hand: set[str] = set()  # nodes told to start whose start is not recorded yet
        self._queue: deque[tuple[str, str, StepKey]] = deque()  # those of them that wait for a task
        self._waiting: set[str] = set()  # those that wait for another run to compute them
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._done: list[str] = []
        self._wake = asyncio.Event()
        self._activations: dict[str, StepActivation] = {}
        self._claims: dict[str, tuple[str, str]] = {}
        self._atoms: dict[str, AtomRow] = {}
        self._sources_kept: set[str] = set()
        self._slots = asyncio.Semaphore(plan.jobs)
        self._threads = WorkerThreads(plan.jobs)
        self._earlier = Earlier(store, plan, self.recorder, self._atoms, self._sources_kept)
        self._workspaces = Workspaces(store.path / "tmp" / plan.run_id)
        self.errors: dict[str, BaseException] = {}
        """Node → the exception it failed with, for those who are in this process."""

    async def drive(self) -> RunState:
        """Run everything that can run and record the end.

        When this task is cancelled (Ctrl-C), the run is recorded as paused, submissions under way are finished first, and
        the cancellation goes on.
        """
        heartbeat = asyncio.ensure_future(self._heartbeat())
        heartbeat.add_done_callback(lambda _: self._wake.set())
        try:
            while not self.state.final:
                if heartbeat.done():
                    heartbeat.result()
                self._wake.clear()
                if self._act():
                    await asyncio.sleep(0)
                elif self._tasks:
                    await self._wake.wait()
                self._reap()
        except asyncio.CancelledError:
            await self._pause("interrupted")
            raise
        except BaseException:
            await self._stop_tasks()
            raise
        finally:
            heartbeat.cancel()
            self._threads.close()
            with suppress(StoreError):
                self.store.runs.release(self.lease)
            self._workspaces.close()
        return self.state

    def _act(self) -> bool:
        """Do what follows from the state; say whether something happened, so that more may follow."""
        actions = decide(self.state, self._in_hand)
        if not actions:
            self._start_tasks()
            return False
        if isinstance(actions[0], EndRun):
            if not self._tasks:
                self._end(actions[0].status)
            return not self._tasks
        until = time.monotonic() + _BATCH_SECONDS
        found = False
        for action in actions:
            if found or time.monotonic() > until:
                break
            if isinstance(action, StartStep):
                found = self._begin(action.node) and self._is_quick(action.node)
        if found:
            # Using earlier results does nothing to the world, so what more there is goes into one transaction.
            with self.recorder.together():
                self._begin_more(until)
        self._start_tasks()
        return True

    def _is_quick(self, node: str) -> bool:
        """Say whether a node's key is made without reading files, which nobody should have to wait for."""
        config = self.plan.configs[node]
        return config is None or not (isinstance(config, StepConfig) or component_references(type(config), config))

    def _begin_more(self, until: float) -> None:
        nodes = self._quick_nodes()
        while nodes:
            for node in nodes:
                if time.monotonic() > until:
                    return
                self._begin(node)
            nodes = self._quick_nodes()

    def _quick_nodes(self) -> list[str]:
        actions = decide(self.state, self._in_hand)
        return [action.node for action in actions if isinstance(action, StartStep) and self._is_quick(action.node)]

    def _begin(self, node: str) -> bool:
        """Use an earlier result (True), or have it computed."""
        activation = f"{node}@1#{self.state.steps[node].attempt + 1}"
        key: StepKey | None = None
        try:
            key = self._key(node)
            if self._earlier.use(node, activation, key):
                return True
            if self.plan.leaves_out(node):
                raise left_out_error(node)
        except Exception as error:
            self._fail(node, activation, error, key)
            return False
        self._in_hand.add(node)
        self._queue.append((node, activation, key))
        return False

    def _start_tasks(self) -> None:
        """Start computing what waits for it, as far as there are slots."""
        while self._queue and len(self._tasks) - len(self._waiting) < self.plan.jobs:
            node, activation, key = self._queue.popleft()
            task = self._tasks[node] = asyncio.ensure_future(self._run(node, activation, key))
            task.add_done_callback(lambda _, node=node: self._ended(node))  # type: ignore[misc]

    def _ended(self, node: str) -> None:
        self._done.append(node)
        self._wake.set()

    def _key(self, node: str) -> StepKey:
        def metadata() -> dict[str, Mapping[str, Any]]:
            return {name: self._atom(atom).metadata for name, atom in self.state.input_atoms(node).items()}

        config, values = self.plan.configs[node], self._input_values(node)
        return step_key(self.plan.graph.nodes[node], config, values, codes=self.plan.codes, metadata=metadata)

    def _input_values(self, node: str) -> dict[str, str]:
        return {name: self._atom(atom).value for name, atom in self.state.input_atoms(node).items()}

    def _atom(self, atom_id: str) -> AtomRow:
        if atom_id not in self._atoms:
            self._atoms[atom_id] = self.store.atoms.get(atom_id)
        return self._atoms[atom_id]

    async def _run(self, node: str, activation: str, key: StepKey) -> None:
        """Compute a node's result, or take over the result of whoever computes the same key now."""
        owner = f"{self.lease.owner}/{node}"
        try:
            while True:
                async with self._slots:
                    started = self._start(node, activation, key, owner)
                    if started:
                        await self._compute(node, activation, key, owner)
                    if started is not None:
                        return
                await self._wait(node, activation, key, owner)
        except Exception as error:
            self._fail(node, activation, error, key)
        finally:
            self._in_hand.discard(node)
            if node in self._claims:
                self.store.keys.release_claim(*self._claims.pop(node))

    def _start(self, node: str, activation: str, key: StepKey, owner: str) -> bool | None:
        """Claim the key and record the start in one transaction.

        Returns:
            Whether it has started. False: a result was made meanwhile, and is used. None: another is computing it.
        """
        step = self.plan.graph.nodes[node].step
        claims = (step.cache and key.complete) or step.effect != "pure"

        def claim() -> None:
            if claims and not self.store.keys.claim(key.digest, owner, CLAIM_SECONDS):
                raise _ClaimedError
            if self._earlier.may_use(node, key) and self.store.keys.get(key.digest) and self._earlier.has(node, key):
                raise _MadeMeanwhileError

        try:
            self.recorder.commit(
                ("step_started", {"node": node, "activation": activation, "key": key.digest}), before=claim
            )
        except _ClaimedError:
            return None
        except _MadeMeanwhileError:
            if self._earlier.use(node, activation, key):
                return False
            return self._start(node, activation, key, owner)
        self._in_hand.discard(node)
        if claims:
            self._claims[node] = (key.digest, owner)
        return True

    async def _wait(self, node: str, activation: str, key: StepKey, owner: str) -> None:
        """Return when the key is ours, after another has computed it or died."""
        about = {"node": node, "activation": activation, "key": key.digest}
        self._waiting.add(node)
        self._wake.set()  # its slot is free
        try:
            await take_claim(
                self.store,
                key.digest,
                owner,
                lambda run: self.recorder.commit(("step_waiting", {**about, "run": run})),
            )
        finally:
            self._waiting.discard(node)
        self._claims[node] = (key.digest, owner)

    async def _compute(self, node: str, activation_name: str, key: StepKey, owner: str) -> None:
        step = self.plan.graph.nodes[node].step
        config = self.plan.configs[node]
        atom_ids = self.state.input_atoms(node)
        seed = getattr(config, "seed", 0)
        activation = StepActivation(
            self.recorder,
            node=node,
            name=activation_name,
            key=key.digest,
            seed=seed if isinstance(seed, int) else 0,
            owner=owner,
            # Asked for again after it was there: what it sends outside is sent again, once for this run.
            draw=self.plan.run_id if self.plan.repeats(node) and self.store.keys.get(key.digest) else 0,
        )
        inputs = {name: Atom.of_row(self._atom(atom_id), self.store) for name, atom_id in atom_ids.items()}
        workspace = self._workspaces.take()
        ended = False
        self._activations[node] = activation
        started = time.monotonic()
        try:
            returned = await call_step(step, config, inputs, workspace, activation, self._threads)
            seconds = time.monotonic() - started
            atoms = await self._checked(node, returned, workspace)
            self._finish(node, activation_name, key, atoms, atom_ids, seconds)
            ended = True
        finally:
            del self._activations[node]
            self._workspaces.give_back(workspace, ended=ended)

    async def _checked(self, node: str, returned: Any, workspace: Path) -> list[NewAtom]:
        """Return what a step made as atoms to store; reading its files does not hold up the others."""

        def check() -> list[NewAtom]:
            return store_outputs(self.store, self.plan.graph.nodes[node], returned, workspace)

        checked: list[NewAtom] = await self._threads.run(check) if has_files(returned) else check()
        return checked

    def _finish(
        self,
        node: str,
        activation: str,
        key: StepKey,
        atoms: Sequence[NewAtom],
        inputs: Mapping[str, str],
        seconds: float,
    ) -> None:
        outputs: dict[str, str] = {}
        body: dict[str, Any] = {
            "node": node,
            "activation": activation,
            "outputs": outputs,
            "seconds": round(seconds, 6),
        }
        events = [("step_finished", body)]
        changed = changed_sources(self.plan.graph.nodes[node], key, self.plan.codes)
        if changed:
            # What was computed may be of the old code or, where it was imported late, of the new: it serves this run only.
            body["parts"] = dict(key.parts)
            events.insert(0, ("sources_changed", {"node": node, "activation": activation, "definitions": changed}))

        def write() -> None:
            if node in self._claims:
                self.store.keys.release_claim(*self._claims[node])
            for atom in atoms:
                row = self.store.atoms.add(
                    type=atom.type,
                    user=self.plan.user,
                    content=atom.store_content(self.store),
                    metadata=atom.metadata,
                    made_from={**inputs, **atom.made_from},
                    tags=atom.tags,
                )
                self._atoms[row.id] = row
                outputs[atom.name] = row.id
            if changed:
                return
            key.keep_sources(self.store, self._sources_kept)
            self.store.keys.put(
                key.digest,
                parts=dict(key.parts),
                component=key.component,
                run_id=self.plan.run_id,
                activation=activation,
                outputs=outputs,
                seconds=seconds,
            )

        self.recorder.commit(*events, before=write)
        self._claims.pop(node, None)

    def _fail(self, node: str, activation: str, error: BaseException, key: StepKey | None) -> None:
        self.errors[node] = error
        body = {"node": node, "activation": activation, "error": describe_error(error, node)}
        if key is not None:
            body |= {"key": key.digest, "parts": dict(key.parts)}  # of a result the store keeps them; here is none
        self.recorder.commit(("step_failed", body))

    def _end(self, status: str) -> None:
        body = {"outputs": self.state.output_atoms} if status == "completed" else {"failed": list(self.state.failed)}
        self.recorder.commit((f"run_{status}", body), full=True, status=status)

    def _reap(self) -> None:
        while self._done:
            self._tasks.pop(self._done.pop()).result()

    async def _pause(self, reason: str) -> None:
        await self._stop_tasks()
        if not self.state.final:
            self.recorder.commit(("run_paused", {"reason": reason}), full=True, status="paused")

    async def _stop_tasks(self) -> None:
        submissions = [task for activation in self._activations.values() for task in activation.submissions]
        for activation in self._activations.values():
            activation.cancel()
        for task in self._tasks.values():
            task.cancel()
        if submissions:
            await asyncio.wait(submissions)
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _heartbeat(self) -> None:
        """Keep the lease and the claims; a lost lease ends the driving."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            self.lease = self.store.runs.renew(self.lease, LEASE_SECONDS)
            for key, owner in list(self._claims.values()):
                self.store.keys.claim(key, owner, CLAIM_SECONDS)
