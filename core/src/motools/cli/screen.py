"""The view that draws on a terminal: the steps, below them what was said last; what scrolls out of it stays above.

Events are only folded in as they come; a thread of its own draws. It draws at most eight times a second, and so seldom that
drawing takes at most a fiftieth of the time.
"""

from __future__ import annotations

import io
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from motools.cli.live import View
from motools.cli.output import visible
from motools.cli.watched import Watched
from motools.engine.record import RunEvent

if TYPE_CHECKING:
    from pathlib import Path

    from motools.cli.terminal import Terminal

BEGIN_SECONDS = 0.2
"""What is over sooner is not drawn: only its lines are printed."""

LEAST_SECONDS = 1 / 8
"""Between two drawings."""

SHARE = 50
"""A drawing is followed by at least so many times the time that it took."""

_MANY_STEPS = 60  # of more, what is done is counted and not said line by line
_TICK = 1.0  # seconds after which the clocks are drawn anew
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


class Screen(View):
    """Draws runs on the terminal that stderr is.

    Args:
        cells: names of the runs, where there are several.
        store: folder of the store, from which it is read how long steps usually take; None: that is not said.
    """

    def __init__(self, *, cells: Sequence[str] = (), store: Path | None = None) -> None:
        super().__init__(cells=cells)
        self.drawn = 0
        """How often it has drawn."""
        self._store = store
        self._watched: dict[str, Watched] = {}
        self._settled: dict[str, str] = {}
        self._said_lines: list[str] = []
        self._learnt: set[str] = set()
        self._terminal: Terminal | None = None
        self._dirty = False
        self._wake = threading.Event()
        self._broken = False
        self._stderr: TextIO | None = None
        self._thread = threading.Thread(target=self._draw_on, name="motools-screen", daemon=True)

    def __enter__(self) -> Screen:
        self._stderr = sys.stderr
        sys.stderr = _Said(self, self._stderr)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wake.set()
        self._thread.join()
        said = sys.stderr
        if isinstance(said, _Said):
            said.end()
        assert self._stderr is not None
        sys.stderr = self._stderr
        # What is told of a run that ended is printed after this; of one that was interrupted this is the last word.
        if self._terminal is not None and not self._broken:
            self._draw(last=True)
            self._terminal.stop(keep=kind is not None)
        for line in self._said_lines:
            self._print(line)
        self._said_lines.clear()

    def take(self, cell: str, event: RunEvent) -> None:
        """Fold in one event; it is drawn soon."""
        run = self._watched.setdefault(cell, Watched())
        run.take(event)
        counted = event.type in _DONE and (cell or len(run.steps) > _MANY_STEPS)
        if event.type not in _DRAWN and not counted:
            line = self.line(cell, event)
            if line is not None:
                self.say(line)
        self._dirty = True

    def settle(self, cell: str, text: str) -> None:
        """Say what became of a cell that has no run now."""
        with self._lock:
            self._settled[cell] = text
            self.say(f"[{cell}] {text}")

    def say(self, text: str) -> None:
        """Say something in a line of its own."""
        with self._lock:
            if self._broken:
                self._print(text)
                return
            self._said_lines.append(text)
            self._dirty = True

    def _draw_on(self) -> None:
        try:
            self._keep_drawing()
        except Exception as error:  # whatever is wrong with the view: the run goes on, and is told of in lines
            with self._lock:
                self._broken = True
                self._said_lines.append(f"The live view ended: {type(error).__name__}: {error}")
                lines, self._said_lines = self._said_lines, []
            if self._terminal is not None:
                with suppress(Exception):
                    self._terminal.stop(keep=False)
            for line in lines:
                self._print(line)

    def _print(self, line: str) -> None:
        print(visible(line), file=self._stderr, flush=True)

    def _keep_drawing(self) -> None:
        pause, drawn_at = BEGIN_SECONDS, 0.0
        while not self._wake.wait(pause):
            began = time.monotonic()
            if self._terminal is None:
                self._begin()
            if not self._dirty and began - drawn_at < _TICK:
                pause = LEAST_SECONDS
                continue
            self._learn()
            began = time.monotonic()
            self._draw()
            drawn_at = time.monotonic()
            pause = max(LEAST_SECONDS, (drawn_at - began) * SHARE)

    def _begin(self) -> None:
        from motools.cli.terminal import Terminal

        assert self._stderr is not None
        terminal = Terminal(self._stderr)
        terminal.start()
        self._terminal = terminal

    def _draw(self, *, last: bool = False) -> None:
        from motools.cli.drawing import FINE, LOG_LINES, PLAIN, draw

        assert self._stderr is not None
        assert self._terminal is not None
        width, height = self._terminal.size()
        with self._lock:
            self._dirty = False
            scrolled = len(self._said_lines) - (0 if last else LOG_LINES)
            above = self._said_lines[: max(0, scrolled)]
            del self._said_lines[: len(above)]
            frame = draw(
                self._watched,
                self.cells or [cell for cell in self._watched if cell],
                self._settled,
                self._said_lines,
                width=width,
                # The last line stays free: a terminal scrolls when it is written full.
                height=height - 1,
                now=time.time(),
                marks=FINE if "utf" in (self._stderr.encoding or "").lower() else PLAIN,
            )
        self.drawn += 1
        self._terminal.show(frame, [visible(line) for line in above])

    def _learn(self) -> None:
        """Read of runs that are new here which step comes after which, and how long each usually takes."""
        with self._lock:
            new = {run.run_id: run for run in self._watched.values() if run.run_id and run.run_id not in self._learnt}
        if self._store is None or not new:
            return
        from motools.cli.usual import catch_up, learn

        for run_id, run in new.items():
            self._learnt.add(run_id)
            usual, reads = learn(self._store, run_id)
            with self._lock:
                if run.missed:
                    vars(run).update(vars(catch_up(self._store, run)))
                run.reads = reads
                # A log read back names the steps by the alphabet.
                run.steps = {name: run.steps[name] for name in [*reads, *run.steps] if name in run.steps}
                for name, step in run.steps.items():
                    step.usual = usual.get(name)


_DRAWN = ("step_started", "step_progress")
_DONE = ("step_finished", "step_cached")


class _Said(io.TextIOBase):
    """Takes the place of stderr while something is drawn: what is written becomes lines above."""

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self._screen = screen
        self._stream = stream
        self._begun = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in _tidied(lines):
            self._screen.say(line)
        return len(text)

    def end(self) -> None:
        """Say what no end of a line followed."""
        for line in _tidied([self._begun] if self._begun else []):
            self._screen.say(line)
        self._begun = ""


def _tidied(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield _COLOUR.sub("", line).rstrip("\r").rpartition("\r")[2].expandtabs()
