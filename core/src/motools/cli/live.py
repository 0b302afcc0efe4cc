"""What people see of runs while they go on: on a terminal a display that is drawn anew, elsewhere lines. All on stderr.

    with open_view(quiet=quiet, cells=["plain seed=0", "plain seed=1"]) as view:
        asyncio.gather(*(arun_workflow(..., listeners=[view.listener(cell)]) for cell in ...))
        view.settle("plain seed=1", "not begun: another failed")

For a single run leave `cells` out and take `view.listener()`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import click

from motools.cli.eventwords import event_words
from motools.cli.output import decorated, visible
from motools.engine.record import Listener, RunEvent

_PROGRESS_EVERY = 2.0  # seconds between two lines about one step's progress


@dataclass
class RunSeen:
    """What is known of a run from the events a view was told.

    Args:
        run_id: None before its first event.
        paused: whether it was told to pause.
        jobs: work elsewhere that has not ended: (step, effect, generation) → what it is called there.
    """

    run_id: str | None = None
    paused: bool = False
    jobs: dict[tuple[str, str, int], str] = field(default_factory=dict)

    def take(self, event: RunEvent) -> None:
        """Take in one event."""
        if event.run_id != self.run_id:
            self.run_id, self.paused, self.jobs = event.run_id, False, {}
        body = event.body
        if event.type == "run_paused":
            self.paused = True
        elif event.type in ("effect_done", "effect_reused") and _has_id(body["record"]):
            self.jobs[body["node"], body["name"], body["generation"]] = str(body["record"]["id"])
        elif event.type == "effect_closed":
            self.jobs.pop((body["node"], body["name"], body["generation"]), None)


def _has_id(record: object) -> bool:
    return isinstance(record, dict) and record.get("id") is not None


class View:
    """Shows one or several runs as lines; a subclass shows them another way. Safe to be told from several threads.

    Args:
        quiet: say nothing but failures.
        cells: names of the runs, where there are several.
    """

    def __init__(self, *, quiet: bool = False, cells: Sequence[str] = ()) -> None:
        self.quiet = quiet
        self.cells = tuple(cells)
        self.runs: dict[str, RunSeen] = {}
        """Cell (or "") → its run, as far as it was told of."""
        self._lock = threading.RLock()
        self._widths: dict[str, int] = {}
        self._said: dict[tuple[str, str], float] = {}

    def __enter__(self) -> View:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what is drawn; what was final stays on the screen."""

    def listener(self, cell: str = "") -> Listener:
        """Return a listener for the run of a cell, or for the only run."""

        def listen(event: RunEvent) -> None:
            with self._lock:
                self.runs.setdefault(cell, RunSeen()).take(event)
                self.take(cell, event)

        return listen

    def settle(self, cell: str, text: str) -> None:
        """Say what became of a cell that has no run now."""
        self.say(f"[{cell}] {text}")

    def say(self, text: str) -> None:
        """Say something about all of it, in a line of its own."""
        with self._lock:
            if not self.quiet:
                self._print(text)

    def take(self, cell: str, event: RunEvent) -> None:
        """Show one event."""
        line = self.line(cell, event)
        if line is not None and (not self.quiet or event.type == "step_failed"):
            self._print(line)

    def line(self, cell: str, event: RunEvent) -> str | None:
        """Return the line that says an event; None for one that is not worth a line now."""
        body = event.body
        if event.type == "run_started":
            self._widths[cell] = max((len(name) for name in body["settings"]), default=0)
            text: str | None = f"run {event.run_id} of {body['workflow']}"
        elif event.type == "run_resumed":
            text = f"run {event.run_id} goes on"
        elif event.type in _SHOWN_AT_THE_END or (event.type == "step_progress" and self._said_lately(cell, event)):
            text = None
        else:
            text = event_words(event.type, body)
        if text is None:
            return None
        node = body.get("node")
        inside = f"  {node:<{self._widths.get(cell, 0)}}  {text}" if node else text
        return f"[{cell}] {inside}" if cell else inside

    def _said_lately(self, cell: str, event: RunEvent) -> bool:
        now, step = time.monotonic(), (cell, str(event.body["node"]))
        if now - self._said.get(step, -_PROGRESS_EVERY) < _PROGRESS_EVERY:
            return True
        self._said[step] = now
        return False

    def _print(self, line: str) -> None:
        click.echo(visible(line), err=True)


_SHOWN_AT_THE_END = ("run_paused", "run_completed", "run_failed", "run_cancelled", "step_spent")


def open_view(*, quiet: bool = False, cells: Sequence[str] = (), store: Path | None = None) -> View:
    """Return a view: one that draws where stderr is a terminal that can be drawn on, else one of lines.

    `NO_COLOR`, `TERM=dumb`, `--quiet` and `MOTOOLS_LIVE=0` ask for lines.

    Args:
        quiet: say nothing but failures.
        cells: names of the runs, where there are several.
        store: the store's folder, from which it is read how long steps usually take; None: progress alone tells.
    """
    if quiet or not decorated(sys.stderr) or os.environ.get("MOTOOLS_LIVE") == "0":
        return View(quiet=quiet, cells=cells)
    from motools.cli.screen import Screen

    return Screen(cells=cells, store=store)
