"""A run as it is watched: what each step is doing, how far it is, what it spends, and about how long it will take. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from motools.engine.record import RunEvent

_LOSSES = 400
_BARS = "▁▂▃▄▅▆▇█"


@dataclass
class WatchedStep:
    """One step of a watched run. Times are seconds since 1970.

    Args:
        status: `waiting`, `running`, `done`, `cached`, `failed`, `skipped` or `not reached`.
        order: rises with each change, so that the newest come first.
        fraction: how much is done, 0 to 1. rate_from: when and with which fraction this attempt was first heard of.
        losses: the newest losses it reported.
        tokens, cost_usd: what it spent; `unpriced` says that some of it has no known price.
        usual: how many seconds it usually takes, where that is known.
    """

    name: str
    status: str = "waiting"
    order: int = 0
    started: float | None = None
    ended: float | None = None
    fraction: float | None = None
    rate_from: tuple[float, float] | None = None
    heard: float = 0.0
    message: str = ""
    losses: deque[float] = field(default_factory=lambda: deque(maxlen=_LOSSES))
    outcome: str = ""
    tokens: int = 0
    cost_usd: float = 0.0
    unpriced: bool = False
    usual: float | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status not in ("waiting", "running")

    def left(self, now: float) -> float | None:
        """Return about how many seconds it will still take, by its progress or by what it usually takes; None: not known."""
        if self.over:
            return 0.0
        if self.status == "running" and self.fraction is not None and self.rate_from is not None:
            at, fraction = self.rate_from
            if self.fraction > fraction and self.heard > at:
                whole = (1 - self.fraction) * (self.heard - at) / (self.fraction - fraction)
                return max(0.0, whole - (now - self.heard))
        if self.usual is None or self.started is None:
            return self.usual
        left = self.usual - (now - self.started)
        return left if left > 0 else None  # it takes longer than usual: nobody knows how long

    def seconds(self, now: float) -> float | None:
        """Return how long it ran, or has been running."""
        if self.started is None:
            return None
        return (now if self.ended is None else self.ended) - self.started


class Watched:
    """The fold of a run's events for those who watch it."""

    def __init__(self) -> None:
        self.run_id = ""
        self.workflow = ""
        self.status = "queued"
        self.begun: float | None = None
        self.ended: float | None = None
        self.sequence = 0
        """Number of the last event that was taken in."""
        self.missed = False
        """Whether it was told only of what came after its beginning."""
        self.steps: dict[str, WatchedStep] = {}
        self.reads: Mapping[str, tuple[str, ...]] = {}
        """Step → the steps that come before it, as far as that is known."""
        self._changes = 0

    def take(self, event: RunEvent) -> None:
        """Take in one event; that of another run begins anew."""
        if event.run_id != self.run_id:
            vars(self).update(vars(Watched()))
            self.run_id = event.run_id
            self.missed = event.sequence > 1
        self.sequence = event.sequence
        handler = _HANDLERS.get(event.type)
        if handler is not None:
            handler(self, event.body, event.at)

    def count(self, *statuses: str) -> int:
        """Return how many steps are of these statuses."""
        return sum(step.status in statuses for step in self.steps.values())

    def left(self, now: float) -> float | None:
        """Return about how many seconds the run will still take: its longest way through what is left; None: not known."""
        if len(self.steps) > 200:
            return None
        ends: dict[str, float] = {}
        before = list(self.steps)
        for place, (name, step) in enumerate(self.steps.items()):
            left = step.left(now)
            if left is None:
                return None
            # Where the graph is not known, one comes after the other.
            earlier = self.reads.get(name, tuple(before[:place][-1:]) if not self.reads else ())
            ends[name] = left + max((ends.get(each, 0.0) for each in earlier), default=0.0)
        return max(ends.values(), default=None)

    def spent(self) -> tuple[int, float, bool]:
        """Return tokens, US dollars, and whether some of it has no known price."""
        steps = self.steps.values()
        return (
            sum(step.tokens for step in steps),
            sum(step.cost_usd for step in steps),
            any(step.unpriced for step in steps),
        )

    def _step(self, body: Mapping[str, Any]) -> WatchedStep:
        name = str(body["node"])
        self._changes += 1
        step = self.steps.setdefault(name, WatchedStep(name))
        step.order = self._changes
        return step

    def _started(self, body: Mapping[str, Any], at: float) -> None:
        self.workflow, self.status, self.begun = str(body["workflow"]), "running", at
        for name in body["settings"]:
            self.steps[name] = WatchedStep(name)
        for name in body.get("skipped", ()):
            self.steps.setdefault(name, WatchedStep(name)).status = "skipped"

    def _resumed(self, body: Mapping[str, Any], at: float) -> None:
        self.status = "running"
        for step in self.steps.values():
            if step.status == "running":
                step.status, step.started = "waiting", None

    def _step_started(self, body: Mapping[str, Any], at: float) -> None:
        step = self._step(body)
        step.status, step.started, step.ended, step.outcome = "running", at, None, ""
        step.fraction, step.rate_from, step.message = None, None, ""

    def _step_waiting(self, body: Mapping[str, Any], at: float) -> None:
        if body["run"]:
            self._step(body).message = f"waits for run {body['run']}, which computes the same"

    def _lost(self, body: Mapping[str, Any], at: float) -> None:
        step = self._step(body)
        step.status, step.started, step.ended, step.outcome = "waiting", None, None, ""

    def _ended(self, body: Mapping[str, Any], at: float, status: str, outcome: str) -> None:
        step = self._step(body)
        step.status, step.outcome, step.ended = status, outcome, at
        step.started = at if step.started is None else step.started

    def _step_finished(self, body: Mapping[str, Any], at: float) -> None:
        self._ended(body, at, "done", ", ".join(body.get("outputs", {}).values()))

    def _step_cached(self, body: Mapping[str, Any], at: float) -> None:
        self._ended(body, at, "cached", ", ".join(body.get("outputs", {}).values()))

    def _step_failed(self, body: Mapping[str, Any], at: float) -> None:
        self._ended(body, at, "failed", str(body["error"]["message"]))

    def _progress(self, body: Mapping[str, Any], at: float) -> None:
        step = self._step(body)
        step.heard = at
        if body.get("message"):
            step.message = str(body["message"])
        fraction = body.get("fraction")
        if isinstance(fraction, (int, float)):
            step.fraction = min(1.0, max(0.0, float(fraction)))
            if step.rate_from is None or step.fraction < step.rate_from[1]:
                step.rate_from = (at, step.fraction)
        loss = (body.get("data") or {}).get("loss")
        if isinstance(loss, (int, float)) and not isinstance(loss, bool):
            step.losses.append(float(loss))

    def _spent(self, body: Mapping[str, Any], at: float) -> None:
        step = self._step(body)
        step.tokens += int(body["input_tokens"]) + int(body["output_tokens"])
        if body["cost_usd"] is None:
            step.unpriced = True
        else:
            step.cost_usd += float(body["cost_usd"])

    def _end(self, status: str, at: float) -> None:
        self.status, self.ended = status, at
        for step in self.steps.values():
            if step.status == "waiting" and status in ("completed", "failed", "cancelled"):
                step.status = "not reached"


_HANDLERS: dict[str, Callable[[Watched, Mapping[str, Any], float], None]] = {
    "run_started": Watched._started,
    "run_resumed": Watched._resumed,
    "step_started": Watched._step_started,
    "step_waiting": Watched._step_waiting,
    "step_lost": Watched._lost,
    "step_finished": Watched._step_finished,
    "step_cached": Watched._step_cached,
    "step_failed": Watched._step_failed,
    "step_progress": Watched._progress,
    "step_spent": Watched._spent,
    "run_paused": lambda run, body, at: run._end("paused", at),
    "run_completed": lambda run, body, at: run._end("completed", at),
    "run_failed": lambda run, body, at: run._end("failed", at),
    "run_cancelled": lambda run, body, at: run._end("cancelled", at),
}


def sparkline(values: list[float], width: int) -> str:
    """Return figures as a line of bars, newest at the right; what is no number is a gap."""
    values = values[-width * 4 :]
    if len(values) > width:  # the mean of as many as share a column
        size = len(values) / width
        groups = [values[int(i * size) : max(int((i + 1) * size), int(i * size) + 1)] for i in range(width)]
        values = [sum(group) / len(group) for group in groups]
    finite = [value for value in values if value - value == 0]
    if len(finite) < 2:
        return ""
    low, high = min(finite), max(finite)
    span = (high / 2 - low / 2) or 1.0  # of halves: the difference itself may be too large for a number
    return "".join(_BARS[int((v / 2 - low / 2) / span * (len(_BARS) - 1))] if v - v == 0 else " " for v in values)
