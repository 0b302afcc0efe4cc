"""A run's state is the fold of its events: `state.apply(event)`, without disk or clock.

Events of a run, in the order in which they can occur (`node` names the node of the graph, `activation` the visit):

    run_started      workflow, inputs, settings, user, jobs, environment (the machine and its software), skipped (steps left
                     out that nothing here needs), cells (of a matrix: their names)
    run_resumed      accepted_changes, cells
    step_lost        node, outputs (of a finished step, whose files a loss of power took: it runs again)
    result_lost      node, activation, key, run, outputs (the same of an earlier run's result)
    step_waiting     node, activation, key, run (which computes the same now)
    step_started     node, activation, key, run (of a cell of a matrix: the run that does it)
    step_cached      node, activation, key, outputs, reused_from, run, accepted and parts (of the key) where a person said so
    step_progress    node, activation, fraction, message, data
    step_log         node, activation, message, data
    effect_intended  node, activation, name, generation, key
    effect_done      node, activation, name, generation, record
    effect_closed    node, activation, name, generation, outcome
    sources_changed  node, activation, definitions (whose sources are others than at the start; the result is not kept)
    step_finished    node, activation, outputs, seconds, parts (of the key, where the sources have changed)
    step_failed      node, activation, error, key, parts (of the key)
    run_paused       reason
    run_completed    outputs, libraries (name → version of those loaded, where something was computed)
    run_failed       failed, libraries
    run_cancelled    reason
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from motools.workflow.graph import Graph

FINAL = frozenset({"completed", "failed", "cancelled"})
"""Run statuses after which nothing happens any more."""


@dataclass
class StepState:
    """Where one step of a run stands.

    `status` is `pending`, `running`, `finished`, `cached`, `failed`, or `not_reached` (something before it failed), or
    `skipped` (the run leaves it out).
    Times are seconds since the epoch, by the store's clock. `run` is the run that does it, where it is a cell of a matrix.
    """

    name: str
    status: str = "pending"
    attempt: int = 0
    activation: str | None = None
    key: str | None = None
    output_atoms: dict[str, str] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    time_started: float | None = None
    time_finished: float | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    reused_from_run: str | None = None
    run: str | None = None
    accepted: tuple[Mapping[str, Any], ...] = ()

    @property
    def done(self) -> bool:
        """Whether its outputs are there."""
        return self.status in ("finished", "cached")

    @property
    def runtime_seconds(self) -> float | None:
        """How long it ran, once it has ended."""
        if self.time_started is None or self.time_finished is None:
            return None
        return self.time_finished - self.time_started


class RunState:
    """What is known of a run after its events so far.

    Args:
        graph: the compiled workflow, whose nodes the events speak of.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.status = "queued"
        self.inputs: dict[str, str] = {}
        self.steps = {name: StepState(name) for name in graph.nodes}
        self.running: set[str] = set()
        self.failed: list[str] = []
        self.sequence = 0
        self._unsettled = {name: len(node.after) for name, node in graph.nodes.items()}
        self._ready = dict.fromkeys(name for name, count in self._unsettled.items() if not count)

    @property
    def ready(self) -> Collection[str]:
        """Nodes that can start now, in the order of the graph's list or of their becoming ready."""
        return self._ready.keys()

    @property
    def final(self) -> bool:
        """Whether the run has ended for good."""
        return self.status in FINAL

    def input_atoms(self, node: str) -> dict[str, str]:
        """Return the ids of the atoms a node reads; everything before it must be done."""
        atoms = {}
        for name, source in self.graph.nodes[node].reads.items():
            if source.node is None:
                atoms[name] = self.inputs[source.name]
            else:
                atoms[name] = self.steps[source.node].output_atoms[source.name]
        return atoms

    @property
    def output_atoms(self) -> dict[str, str]:
        """Name → id of the atom last written under it, as far as it is there; steps the run leaves out do not count."""
        if any(step.status == "skipped" for step in self.steps.values()):
            return {name: atom for step in self.steps.values() for name, atom in step.output_atoms.items()}
        return {
            name: self.steps[source.node].output_atoms[source.name]
            for name, source in self.graph.outputs.items()
            if source.node is not None and source.name in self.steps[source.node].output_atoms
        }

    def apply(self, sequence: int, kind: str, body: Mapping[str, Any], at: float) -> None:
        """Take in one event.

        Args:
            sequence: its number in the run; numbers rise.
            kind: its type.
            body: its content.
            at: when it was recorded, seconds since the epoch.
        """
        assert sequence > self.sequence, "events are applied once and in order"
        self.sequence = sequence
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, body, at)

    # One method an event.

    def _run_started(self, body: Mapping[str, Any], at: float) -> None:
        self.status = "running"
        self.inputs = dict(body["inputs"])
        for name in body.get("skipped", ()):
            self.steps[name].status = "skipped"
            self._ready.pop(name, None)

    def _run_resumed(self, body: Mapping[str, Any], at: float) -> None:
        self.status = "running"
        # What an earlier owner had started and not finished starts again.
        for name in sorted(self.running, key=list(self.steps).index):
            self.steps[name].status = "pending"
            self._ready[name] = None
        self.running.clear()

    def _step_lost(self, body: Mapping[str, Any], at: float) -> None:
        step = self.steps[body["node"]]
        step.status, step.output_atoms = "pending", {}
        if not self._unsettled[step.name]:
            self._ready[step.name] = None
        for name in self.graph.successors[step.name]:
            self._unsettled[name] += 1
            self._ready.pop(name, None)

    def _step_started(self, body: Mapping[str, Any], at: float) -> None:
        step = self.steps[body["node"]]
        self._ready.pop(step.name, None)
        self.running.add(step.name)
        step.status, step.error = "running", None
        step.attempt += 1
        step.activation, step.key, step.time_started = body["activation"], body["key"], at
        step.run = body.get("run")

    def _step_cached(self, body: Mapping[str, Any], at: float) -> None:
        step = self.steps[body["node"]]
        step.activation, step.key = body["activation"], body["key"]
        step.time_started = step.time_started or at
        step.reused_from_run = body.get("run")
        step.accepted = tuple(body.get("accepted", ()))
        self._ended(step, "cached", at)
        self._settle(step, body["outputs"])

    def _step_finished(self, body: Mapping[str, Any], at: float) -> None:
        step = self.steps[body["node"]]
        self._ended(step, "finished", at)
        self._settle(step, body["outputs"])

    def _step_failed(self, body: Mapping[str, Any], at: float) -> None:
        step = self.steps[body["node"]]
        step.error = dict(body["error"])
        step.activation = body["activation"]
        step.key = body.get("key", step.key)
        step.time_started = step.time_started or at
        self._ended(step, "failed", at)
        self.failed.append(step.name)

    def _step_progress(self, body: Mapping[str, Any], at: float) -> None:
        self.steps[body["node"]].progress = {
            **self.steps[body["node"]].progress,
            **{name: value for name, value in body.items() if name not in ("node", "activation") and value is not None},
        }

    def _run_paused(self, body: Mapping[str, Any], at: float) -> None:
        self.status = "paused"

    def _run_completed(self, body: Mapping[str, Any], at: float) -> None:
        self._end_run("completed")

    def _run_failed(self, body: Mapping[str, Any], at: float) -> None:
        self._end_run("failed")

    def _run_cancelled(self, body: Mapping[str, Any], at: float) -> None:
        self._end_run("cancelled")

    def _ended(self, step: StepState, status: str, at: float) -> None:
        step.status, step.time_finished = status, at
        self.running.discard(step.name)
        self._ready.pop(step.name, None)

    def _settle(self, step: StepState, outputs: Mapping[str, str]) -> None:
        step.output_atoms = dict(outputs)
        for name in self.graph.successors[step.name]:
            self._unsettled[name] -= 1
            if not self._unsettled[name] and self.steps[name].status == "pending":
                self._ready[name] = None

    def _end_run(self, status: str) -> None:
        self.status = status
        for step in self.steps.values():
            if step.status == "pending":
                step.status = "not_reached"


_HANDLERS = {
    name: getattr(RunState, f"_{name}")
    for name in (
        "run_started",
        "run_resumed",
        "step_lost",
        "step_started",
        "step_cached",
        "step_finished",
        "step_failed",
        "step_progress",
        "run_paused",
        "run_completed",
        "run_failed",
        "run_cancelled",
    )
}
