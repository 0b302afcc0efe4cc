"""One evaluation at a time, in a thread with its own event loop.

Inspect refuses two evaluations at once in one process and keeps its state in globals. So each evaluation waits for its turn
and runs apart from the caller's loop, which stays free; whoever is cancelled, while waiting or running, gives the turn up.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio
from anyio.to_thread import run_sync

T = TypeVar("T")

_TURN = threading.Lock()

TICK_SECONDS = 0.2
GRACE_SECONDS = 10.0
"""How long a cancelled evaluation may take to close its log before it is left to itself."""


class Stopped(Exception):
    """The evaluation was stopped before it had a result."""


async def in_turn(work: Callable[[], Awaitable[T]], tick: Callable[[Callable[[], None]], None]) -> T:
    """Run `work` in a thread with its own loop when its turn has come, and return what it returns.

    Args:
        work: an async function; it sees the caller's context variables.
        tick: called in the caller's loop every 0.2 s with a function that stops the work.

    Raises:
        Stopped: `tick` stopped it. What `work` raises comes through as it is.
    """
    visit = _Visit(work)
    error: Exception | None = None

    async def ticking() -> None:
        while True:
            await anyio.sleep(TICK_SECONDS)
            tick(visit.stop)

    async with anyio.create_task_group() as group:
        group.start_soon(ticking)
        try:
            # A limiter of its own: those who wait must not use up the threads that others need.
            result = await run_sync(visit.run, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))
        except anyio.get_cancelled_exc_class():
            visit.stop()
            with anyio.CancelScope(shield=True):
                await visit.settled(GRACE_SECONDS)
            raise
        except Exception as failure:
            error = failure
        group.cancel_scope.cancel()
    if error is not None:
        raise error
    return result


class _Visit(Generic[T]):
    """One piece of work and the thread it runs in."""

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._stop = threading.Event()
        self._done = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scope: anyio.CancelScope | None = None

    def run(self) -> T:
        """Wait for the turn and do the work; called in a thread."""
        try:
            while not _TURN.acquire(timeout=0.05):
                if self._stop.is_set():
                    raise Stopped
            try:
                return anyio.run(self._main)
            finally:
                _TURN.release()
        finally:
            self._done.set()

    async def _main(self) -> T:
        with anyio.CancelScope() as scope:
            self._scope, self._loop = scope, asyncio.get_running_loop()
            # `stop` sets its flag before it looks for the loop, so one of the two sees the other.
            if self._stop.is_set():
                raise Stopped
            return await self._work()
        raise Stopped

    def stop(self) -> None:
        """Cancel the work, from any thread; again changes nothing."""
        if self._stop.is_set():
            return
        self._stop.set()
        if self._loop is not None and self._scope is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just closed: nothing is left to cancel
                self._loop.call_soon_threadsafe(self._scope.cancel)

    async def settled(self, seconds: float) -> None:
        """Wait until the thread has ended, at most so long."""
        until = time.monotonic() + seconds
        while not self._done.is_set() and time.monotonic() < until:
            await anyio.sleep(0.02)
