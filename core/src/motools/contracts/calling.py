"""Calling what people wrote, and saying in one message what went wrong there."""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from motools.errors import ConfigError, DataError, MotoolsError, did_you_mean

T = TypeVar("T")


async def call(function: Callable[..., Any], kwargs: Mapping[str, Any], *, name: str, setting: str) -> Any:
    """Call a loader or task function, sync (in a thread) or async, and return what it returns.

    An async generator's values are gathered in a list.

    Args:
        function: the function.
        kwargs: its arguments.
        name: what to call it in messages.
        setting: the setting its arguments come from.

    Raises:
        ConfigError: an argument it does not take, or one it needs and did not get.
        DataError: it raised; `where` is the file and line in its own code. An error of motools' own goes through.
    """
    check_arguments(function, kwargs, name=name, setting=setting)
    try:
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            result = function(**kwargs)
        else:
            result = await in_thread(lambda: function(**kwargs))
        if inspect.isawaitable(result):
            result = await result
        if isinstance(result, AsyncIterator):
            result = [item async for item in result]
        return result
    except MotoolsError:
        raise
    except (Exception, SystemExit) as error:
        raise raised(error, name=name) from error


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Call what blocks in a thread of its own, with the context variables of here.

    The thread is a daemon: one that does not come back does not hold up leaving.
    """
    import asyncio
    import threading
    from contextvars import copy_context

    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(set_outcome: Callable[[Any], None], outcome: Any) -> None:
        if not future.done():
            set_outcome(outcome)

    def work() -> None:
        outcome: Any
        set_outcome: Callable[[Any], None]
        try:
            outcome, set_outcome = function(*arguments), future.set_result
        except BaseException as error:  # handed to whoever awaits it
            outcome, set_outcome = error, future.set_exception
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(deliver, set_outcome, outcome)

    threading.Thread(target=copy_context().run, args=(work,), daemon=True).start()
    return await future


def check_arguments(function: Callable[..., Any], kwargs: Mapping[str, Any], *, name: str, setting: str) -> None:
    """Compare arguments with a function's signature before it is called.

    Raises:
        ConfigError: an argument it does not take, or one it needs and did not get.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return  # written in C without a signature; the call will tell
    named = {
        key: parameter
        for key, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for key in kwargs:
        if key not in named and not takes_any:
            takes = f"It takes {', '.join(named)}." if named else "It takes none."
            near = did_you_mean(key, named)
            raise ConfigError(
                f"{name} takes no argument '{key}'", where=setting, hint=f"{near} {takes}" if near else takes
            )
    missing = [key for key, parameter in named.items() if parameter.default is parameter.empty and key not in kwargs]
    if missing:
        listed = ", ".join(f"'{key}'" for key in missing)
        raise ConfigError(f"{name} needs {listed}", where=setting, hint=f"Give it under '{setting}'.")


def raised(error: BaseException, *, name: str, doing: str = "") -> DataError:
    """Return the error to raise instead of one that somebody's code raised: what, and in which line of theirs."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint: str | None = "Mend it there; --debug shows the whole traceback."
    if isinstance(error, MotoolsError):  # such as a step that is declared wrongly
        what, hint = f"{error.where}: {error.message}" if error.where else error.message, error.hint
    return DataError(f"{name} failed{f' while {doing}' if doing else ''}: {what}", where=code_place(error), hint=hint)


def code_place(error: BaseException) -> str | None:
    """Return `file:line` of the innermost frame in code that is neither motools', installed nor the standard library."""
    import sysconfig
    import traceback

    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}:{error.offset}"
    core = f"{Path(__file__).parents[1]}{os.sep}"
    foreign = (core, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), "<")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(foreign)]
    if not own:
        own = [frame for frame in frames if not frame.filename.startswith((core, "<"))]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else None
