"""The activation that runs now, as seen from inside a step or a backend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol

from motools.canonical import JSON


class Activation(Protocol):
    """What a step may ask of the engine (its `context` argument), and a backend through `current_activation()`."""

    name: str
    """`node@visit#attempt`, as in events and logs."""

    run_id: str

    key: str
    """The step key: equal for every activation that would compute the same thing."""

    seed: int

    store_path: Path
    """Folder of the store; a backend keeps what belongs to its jobs under `jobs_dir(...)`."""

    @property
    def cancelled(self) -> bool:
        """Whether the run is being paused or cancelled; long work looks at it now and then and stops."""
        ...

    def check_cancelled(self) -> None:
        """Raise if the run is being paused or cancelled."""
        ...

    async def once(
        self,
        name: str,
        submit: Callable[[str], Awaitable[JSON]],
        *,
        request: JSON,
        find: Callable[[str], Awaitable[JSON]] | None = None,
    ) -> JSON:
        """Do something to the world once for this step key, however often the step is tried.

        The intent is recorded, `submit(key)` is awaited, and what it returns (a job record) is recorded before this returns.
        A later activation with the same step key gets the recorded answer and `submit` is not called again.

        Args:
            name: names the effect within the step.
            submit: starts the work and returns a JSON record of it; `key` identifies the effect to the other side.
            request: what is asked for; the same name with another request is an error.
            find: looks the work up by `key` after a crash between intent and record; returns None if it never arrived.

        Raises:
            EffectInDoubtError: an earlier try crashed in between, or its `submit` raised what is no `motools.errors` error,
                and `find` cannot tell; `--rerun STEP`, said by who has looked, submits again.
            StepError: called where nothing can be awaited.
        """
        ...

    async def close_effect(self, name: str, outcome: str) -> None:
        """Record that the work behind effect `name` ended (`succeeded`, `failed`, `cancelled`).

        After `failed` or `cancelled` the next `once` of that name begins a new generation.
        """
        ...

    def progress(self, fraction: float | None = None, message: str = "", **data: Any) -> None:
        """Report progress: a fraction from 0 to 1 if known, a message, and figures such as `loss=0.3, step=4`."""
        ...

    def log(self, message: str, **data: Any) -> None:
        """Write a line to the run's log."""
        ...

    def spend(self, *, input_tokens: int = 0, output_tokens: int = 0, cost_usd: float | None = None) -> None:
        """Count tokens and money; `cost_usd=None` means unpriced, never free."""
        ...


_current: ContextVar[Activation | None] = ContextVar("motools_activation", default=None)


def current_activation() -> Activation | None:
    """Return the activation this code runs in, or None outside a run."""
    return _current.get()


def set_current_activation(activation: Activation | None) -> Any:
    """Set the current activation; the engine calls it. Returns the token for `reset_current_activation`."""
    return _current.set(activation)


def reset_current_activation(token: Any) -> None:
    """Undo `set_current_activation`."""
    _current.reset(token)


def jobs_dir(backend: str) -> Path:
    """Return the folder where `backend` keeps its local jobs: in the run's store, else in the current or default one."""
    activation = current_activation()
    if activation is not None:
        root = activation.store_path
    else:
        from motools.atom import current_store

        root = current_store().path
    folder = root / "jobs" / backend
    folder.mkdir(parents=True, exist_ok=True)
    return folder
