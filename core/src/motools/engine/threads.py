"""Where steps run: slots, and worker threads for sync steps. The threads are daemons: a step that does not come back cannot
hold up leaving.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Context, Callable[[], Any]]


class Slots:
    """How many steps run at once: `async with slots.free` holds one place. Runs that share slots share the limit."""

    def __init__(self, jobs: int) -> None:
        self.free = asyncio.Semaphore(jobs)
        self.threads = WorkerThreads(jobs)


class WorkerThreads:
    """Runs functions in at most `size` threads, started when needed and used again."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = 0
        self._idle = 0
        self._lock = threading.Lock()

    async def run(self, function: Callable[[], Any]) -> Any:
        """Run `function` in a thread, with this task's context variables, and return what it returns."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            if not self._idle and self._threads < self._size:
                self._threads += 1
                threading.Thread(target=self._work, name=f"motools-step-{self._threads}", daemon=True).start()
            else:
                self._idle -= self._idle > 0
        self._jobs.put((loop, future, copy_context(), function))
        return await future

    def close(self) -> None:
        """Let the threads end when they have nothing to do."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            loop, future, context, function = job
            try:
                result, error = context.run(function), None
            except BaseException as raised:  # handed to whoever awaits it
                result, error = None, raised
            del job, function, context
            with self._lock:
                self._idle += 1
            try:
                loop.call_soon_threadsafe(_deliver, future, result, error)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return


def _deliver(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):  # cannot be set on a future
        future.set_exception(RuntimeError("the step raised StopIteration"))
    else:
        future.set_exception(error)
