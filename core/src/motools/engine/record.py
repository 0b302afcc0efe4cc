"""Writing a run's events: each is committed, then folded, then shown to who listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from motools.engine.secrets import clean
from motools.engine.state import RunState

if TYPE_CHECKING:
    from motools.store import Store


class RunEvent(NamedTuple):
    """An event as listeners and plugins get it. `at` is seconds since the epoch."""

    run_id: str
    sequence: int
    type: str
    body: Mapping[str, Any]
    at: float


Listener = Callable[[RunEvent], None]


class Recorder:
    """Appends events of one run under one lease. Safe to use from the loop and from step threads.

    Args:
        store: where the log is.
        run_id: whose log.
        fence: number of the lease; an append after the lease is lost is refused by the store.
        state: the fold; only this object changes it.
        listeners: called after each commit, in order.
    """

    def __init__(
        self, store: Store, run_id: str, fence: int, state: RunState, listeners: Sequence[Listener] = ()
    ) -> None:
        self.store = store
        self.run_id = run_id
        self.fence = fence
        self.state = state
        self._listeners = tuple(listeners)
        self._lock = threading.RLock()
        self._held: list[RunEvent] | None = None

    def commit(
        self,
        *events: tuple[str, dict[str, Any]],
        full: bool = False,
        status: str | None = None,
        before: Callable[[], object] | None = None,
    ) -> None:
        """Record events, and what `before` writes to the store, in one transaction; then fold and announce them.

        Args:
            events: type and body of each.
            full: flush to the disk before returning (decisions, effects, the end of a run).
            status: the run's status from now on.
            before: writes rows that belong to the events; may add to their bodies.
        """
        with self._lock:
            with self.store.transaction(full=full):
                if before is not None:
                    before()
                events = tuple((kind, clean(body)) for kind, body in events)
                last = self.store.events.append(self.run_id, self.fence, list(events), full=full, status=status)
            at = time.time()
            first = last - len(events) + 1
            for offset, (kind, body) in enumerate(events):
                self.state.apply(first + offset, kind, body, at)
            if self._listeners:
                told = [
                    RunEvent(self.run_id, first + offset, kind, body, at) for offset, (kind, body) in enumerate(events)
                ]
                if self._held is None:
                    self._tell(told)
                else:
                    self._held += told

    @property
    def within(self) -> bool:
        """Whether `together` is going on, so that what is read now is as it will be when it is committed."""
        return self._held is not None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make all commits inside the block one transaction; listeners are told after it.

        Inside, the state runs ahead of the log: start nothing there, and when this raises, stop, for the state is wrong then.
        """
        with self._lock:
            held: list[RunEvent] = []
            self._held = held
            try:
                with self.store.transaction():
                    yield
            finally:
                self._held = None
            self._tell(held)

    def _tell(self, events: Sequence[RunEvent]) -> None:
        for event in events:
            for listener in self._listeners:
                listener(event)
