"""What to do next: a pure function of a run's state."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from motools.engine.state import RunState


class StartStep(NamedTuple):
    """Start this node now."""

    node: str


class EndRun(NamedTuple):
    """Nothing is left to do: record that the run `completed` or `failed`."""

    status: str


def decide(state: RunState, in_hand: Collection[str] = ()) -> list[StartStep | EndRun]:
    """Return what follows from the state; the same state always gives the same answer.

    All ready nodes start. A run ends when nothing runs and nothing is ready: it failed if a step did.

    Args:
        state: the run.
        in_hand: ready nodes that were told to start before, and whose start is not recorded yet.
    """
    if state.final or state.status == "paused":
        return []
    actions: list[StartStep | EndRun] = []
    if len(state.ready) > len(in_hand):
        actions += [StartStep(node) for node in state.ready if node not in in_hand]
    if not actions and not in_hand and not state.running:
        actions.append(EndRun("failed" if state.failed else "completed"))
    return actions
