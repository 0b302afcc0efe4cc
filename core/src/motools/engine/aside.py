"""Waiting, in a thread where an event loop runs already (a notebook's), for work that needs a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")


def run_aside(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run the coroutine that `make()` returns in a thread with a loop of its own, and wait for it.

    An interrupt here (Ctrl-C, a notebook's stop button) cancels it, so that a run pauses, and is raised when it has come to
    its end; a second one leaves at once.

    Raises:
        KeyboardInterrupt: it was interrupted. Also whatever the coroutine raises.
    """
    outcome: Future[T] = Future()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []
    begun = threading.Event()

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None
        running.append((asyncio.get_running_loop(), task))
        begun.set()
        return await make()

    def work() -> None:
        try:
            outcome.set_result(asyncio.run(main()))
        except BaseException as error:  # handed to whoever waits
            outcome.set_exception(error)
        finally:
            begun.set()

    thread = threading.Thread(target=copy_context().run, args=(work,), name="motools-run", daemon=True)
    try:
        thread.start()
        return outcome.result()
    except KeyboardInterrupt:
        begun.wait()
        for loop, task in running:
            try:
                loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:  # the loop is closed: it has ended meanwhile
                break
        if thread.is_alive():
            thread.join()
        raise
