"""The driver: does what `decide` says, records what happened, and decides again.

A step's life here: key → hit? → a slot → key claimed and start recorded (one transaction) → run → files stored → finished
(values, atoms, key, event, and the claim let go of: one transaction). A waiter holds no slot; nothing is held while nothing
runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from motools.atom import Atom
from motools.engine.activation import StepActivation
from motools.engine.calling import call_step
from motools.engine.claims import CLAIM_SECONDS, take_claim
from motools.engine.identity import StepKey, changed_sources
from motools.engine.outputs import NewAtom, has_files, store_outputs
from motools.engine.starting import LEASE_SECONDS, Starter
from motools.engine.state import RunState
from motools.engine.threads import Slots
from motools.engine.workspaces import Workspaces
from motools.errors import StoreError


class _ClaimedError(Exception):
    """Another run is computing the key."""


class _MadeMeanwhileError(Exception):
    """Another run has computed the key."""


class Driver:
    """Drives one run to its end, or until it is stopped.

    Args:
        starter: begins its steps; it may have begun some already.
        slots: places that it shares with other runs of this process; whoever made them closes their threads.
    """

    def __init__(self, starter: Starter, slots: Slots | None = None) -> None:
        self.starter = starter
        self.store = starter.store
        self.plan = starter.plan
        self.state = starter.state
        self.recorder = starter.recorder
        self._waiting: set[str] = set()  # nodes that wait for another run to compute them
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._done: list[str] = []
        self._wake = asyncio.Event()
        self._activations: dict[str, StepActivation] = {}
        self._claims: dict[str, tuple[str, str]] = {}
        self._shared = slots is not None
        self._slots = slots or Slots(self.plan.jobs)
        self._workspaces = Workspaces(self.store.path / "tmp" / self.plan.run_id)

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
                acted = self.starter.act(may_end=not self._tasks)
                self._start_tasks()
                if acted:
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
            if not self._shared:
                self._slots.threads.close()
            with suppress(StoreError):
                self.store.runs.release(self.starter.lease)
            self._workspaces.close()
        return self.state

    def _start_tasks(self) -> None:
        """Start computing what waits for it, as far as there are slots."""
        while self.starter.queue and len(self._tasks) - len(self._waiting) < self.plan.jobs:
            node, activation, key = self.starter.queue.popleft()
            task = self._tasks[node] = asyncio.ensure_future(self._run(node, activation, key))
            task.add_done_callback(lambda _, node=node: self._ended(node))  # type: ignore[misc]

    def _ended(self, node: str) -> None:
        self._done.append(node)
        self._wake.set()

    async def _run(self, node: str, activation: str, key: StepKey) -> None:
        """Compute a node's result, or take over the result of whoever computes the same key now."""
        owner = f"{self.starter.lease.owner}/{node}"
        try:
            while True:
                async with self._slots.free:
                    started = self._start(node, activation, key, owner)
                    if started:
                        await self._compute(node, activation, key, owner)
                    if started is not None:
                        return
                await self._wait(node, activation, key, owner)
        except Exception as error:
            self.starter.fail(node, activation, error, key)
        finally:
            self.starter.in_hand.discard(node)
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
            earlier = self.starter.earlier
            if earlier.may_use(node, key) and self.store.keys.get(key.digest) and earlier.has(node, key):
                raise _MadeMeanwhileError

        try:
            self.recorder.commit(
                ("step_started", {"node": node, "activation": activation, "key": key.digest}), before=claim
            )
        except _ClaimedError:
            return None
        except _MadeMeanwhileError:
            if self.starter.earlier.use(node, activation, key):
                return False
            return self._start(node, activation, key, owner)
        self.starter.in_hand.discard(node)
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
            # Who names the step with --rerun has looked at what was in doubt before, not at what this run leaves in doubt.
            looked_at=self.store.runs.get(self.plan.run_id).created_at if node in self.plan.rerun else None,
        )
        inputs = {name: Atom.of_row(self.starter.atom(atom_id), self.store) for name, atom_id in atom_ids.items()}
        workspace = self._workspaces.take()
        ended = False
        self._activations[node] = activation
        started = time.monotonic()
        try:
            returned = await call_step(step, config, inputs, workspace, activation, self._slots.threads)
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

        checked: list[NewAtom] = await self._slots.threads.run(check) if has_files(returned) else check()
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
                self.starter.atoms[row.id] = row
                outputs[atom.name] = row.id
            if changed:
                return
            key.keep_sources(self.store, self.starter.sources_kept)
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

    def _reap(self) -> None:
        while self._done:
            self._tasks.pop(self._done.pop()).result()

    async def _pause(self, reason: str) -> None:
        await self._stop_tasks()
        self.starter.pause(reason)

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
            self.starter.lease = self.store.runs.renew(self.starter.lease, LEASE_SECONDS)
            for key, owner in list(self._claims.values()):
                self.store.keys.claim(key, owner, CLAIM_SECONDS)
