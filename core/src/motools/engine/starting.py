"""Beginning steps: each uses an earlier result at once, or waits to be computed. Needs no event loop, so that a run whose
results are all known already ends before one is made.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from motools.engine.decide import EndRun, StartStep, decide
from motools.engine.earlier import Earlier
from motools.engine.identity import StepKey, step_key
from motools.engine.record import Listener, Recorder
from motools.engine.runplan import RunPlan
from motools.engine.state import RunState
from motools.engine.surroundings import libraries
from motools.workflow.config import StepConfig

if TYPE_CHECKING:
    from motools.engine.manifest.keep import Watch
    from motools.store import AtomRow, Lease, Store

LEASE_SECONDS = 30.0
"""How long a run stays with an owner that no longer says it is there."""

_BATCH_SECONDS = 0.02  # how long others may wait while earlier results are taken over


class Starter:
    """Begins the steps of one run.

    Args:
        store: where everything is recorded.
        plan: what to run.
        lease: the right to drive it.
        state: the fold of the events so far.
        listeners: called with each event after it is recorded.
        watch: sees what keys are made of.
    """

    def __init__(
        self,
        store: Store,
        plan: RunPlan,
        lease: Lease,
        state: RunState,
        listeners: Sequence[Listener] = (),
        watch: Watch | None = None,
    ) -> None:
        self.store = store
        self.plan = plan
        self.lease = lease
        self.state = state
        self.recorder = Recorder(store, plan.run_id, lease.fence, state, listeners)
        self.in_hand: set[str] = set()
        """Nodes told to start whose start is not recorded yet."""
        self.queue: deque[tuple[str, str, StepKey]] = deque()
        """Those of them that wait to be computed: node, activation and key."""
        self.atoms: dict[str, AtomRow] = {}
        self.sources_kept: set[str] = set()
        self.earlier = Earlier(store, plan, self.recorder, self.atoms, self.sources_kept)
        self.keys: dict[str, StepKey] = {}
        """Node → the key it was looked up by."""
        self._watch = watch
        self.errors: dict[str, BaseException] = {}
        """Node → the exception it failed with, for those who are in this process."""

    def act(self, *, may_end: bool = True) -> bool:
        """Do what follows from the state, for a short while; say whether something happened, so that more may follow.

        Args:
            may_end: whether the run's end may be recorded.
        """
        actions = decide(self.state, self.in_hand)
        if not actions:
            return False
        if isinstance(actions[0], EndRun):
            if may_end:
                self._end(actions[0].status)
            return may_end
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
        return True

    def take_over(self, interrupts: Sequence[int] = ()) -> None:
        """Use earlier results until the run has ended or a step must be computed.

        Args:
            interrupts: not empty any more when Ctrl-C was pressed; see `interrupts_deferred`.

        Raises:
            KeyboardInterrupt: it was; the run is recorded as paused, if it has not ended.
        """
        renew = time.monotonic() + LEASE_SECONDS / 3
        while not (interrupts or self.state.final or self.queue) and self.act():
            if time.monotonic() > renew:  # keys of large files take their time
                self.lease = self.store.runs.renew(self.lease, LEASE_SECONDS)
                renew = time.monotonic() + LEASE_SECONDS / 3
        if interrupts:
            self.pause("interrupted")
            raise KeyboardInterrupt

    def pause(self, reason: str) -> None:
        """Record that the run is paused, unless it has ended."""
        if not self.state.final:
            self.recorder.commit(("run_paused", {"reason": reason}), full=True, status="paused")

    def atom(self, atom_id: str) -> AtomRow:
        """Return the row of an atom."""
        if atom_id not in self.atoms:
            self.atoms[atom_id] = self.store.atoms.get(atom_id)
        return self.atoms[atom_id]

    def fail(self, node: str, activation: str, error: BaseException, key: StepKey | None) -> None:
        """Record that a step failed."""
        from motools.engine.failures import describe_error

        self.errors[node] = error
        body = {"node": node, "activation": activation, "error": describe_error(error, node)}
        if key is not None:
            body |= {"key": key.digest, "parts": dict(key.parts)}  # of a result the store keeps them; here is none
        self.recorder.commit(("step_failed", body))

    def _is_quick(self, node: str) -> bool:
        """Say whether a node's key is made without reading files, which nobody should have to wait for."""
        config = self.plan.configs[node]
        if config is None:
            return True
        from motools.config import component_references

        return not (isinstance(config, StepConfig) or component_references(type(config), config))

    def _begin_more(self, until: float) -> None:
        nodes = self._quick_nodes()
        while nodes:
            for node in nodes:
                if time.monotonic() > until:
                    return
                self._begin(node)
            nodes = self._quick_nodes()

    def _quick_nodes(self) -> list[str]:
        actions = decide(self.state, self.in_hand)
        return [action.node for action in actions if isinstance(action, StartStep) and self._is_quick(action.node)]

    def _begin(self, node: str) -> bool:
        """Use an earlier result (True), or have it computed."""
        activation = f"{node}@1#{self.state.steps[node].attempt + 1}"
        key: StepKey | None = None
        try:
            key = self._key(node)
            if self.earlier.use(node, activation, key):
                return True
            if self.plan.leaves_out(node):
                from motools.engine.failures import left_out_error

                raise left_out_error(node)
        except Exception as error:
            self.fail(node, activation, error, key)
            return False
        self.in_hand.add(node)
        self.queue.append((node, activation, key))
        return False

    def _key(self, node: str) -> StepKey:
        atoms = {name: self.atom(atom_id) for name, atom_id in self.state.input_atoms(node).items()}

        def metadata() -> dict[str, Mapping[str, Any]]:
            return {name: atom.metadata for name, atom in atoms.items()}

        values = {name: atom.value for name, atom in atoms.items()}
        with self._watch.looking() if self._watch is not None else nullcontext():
            key = self.keys[node] = step_key(
                self.plan.graph.nodes[node], self.plan.configs[node], values, codes=self.plan.codes, metadata=metadata
            )
        return key

    def _end(self, status: str) -> None:
        body: dict[str, Any] = (
            {"outputs": self.state.output_atoms} if status == "completed" else {"failed": list(self.state.failed)}
        )
        if any(step.status == "finished" for step in self.state.steps.values()):
            body["libraries"] = libraries()
        self.recorder.commit((f"run_{status}", body), full=True, status=status)


@contextmanager
def interrupts_deferred() -> Iterator[list[int]]:
    """Put off Ctrl-C inside the block, where it would otherwise strike between a commit and its fold: the list that is given
    is not empty any more after it. A second one is not put off. In another thread than the main one nothing is done.
    """
    import signal
    import threading

    seen: list[int] = []
    usual = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not usual:
        yield seen
        return

    def note(number: int, frame: Any) -> None:
        if seen:
            usual(number, frame)
        seen.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, usual)
