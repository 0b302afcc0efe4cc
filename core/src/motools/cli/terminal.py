"""Lines on a terminal of which the last ones are drawn anew, through rich."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.style import Style

from motools.cli.drawing import Line


class Terminal:
    """Keeps a frame at the end of what stands on a terminal; `start` it, `show` frames, and `stop` it.

    Args:
        stream: the terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._frame: Sequence[Line] = ()
        self._console = Console(file=stream, force_terminal=True, highlight=False, markup=False)
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
            get_renderable=lambda: _Lines(self._frame),
        )

    def start(self) -> None:
        """Begin; the cursor is hidden until the end."""
        self._live.start()

    def size(self) -> tuple[int, int]:
        """Return width and height in characters, as they are now; 80 and 24 where the terminal does not say."""
        try:
            found = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return 80, 24
        return found.columns or 80, found.lines or 24

    def show(self, frame: Sequence[Line], above: Sequence[str] = ()) -> None:
        """Draw a frame in place of the last one, and above it lines that stay, as long as they are: the terminal wraps them."""
        self._console.size = self.size()
        self._frame = frame
        if above:
            self._console.print(_Above(above))
        else:
            self._live.refresh()

    def stop(self, *, keep: bool) -> None:
        """End; the last frame stays if `keep`, else it is taken away."""
        self._live.transient = not keep
        self._live.stop()


class _Lines:
    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for number, line in enumerate(self._lines):
            if number:
                yield Segment.line()
            for text, style in line:
                yield Segment(text, _style(style))


class _Above:
    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._lines:
            yield Segment(line)
            yield Segment.line()


_styles: dict[str, Style] = {}


def _style(name: str) -> Style | None:
    if name and name not in _styles:
        _styles[name] = Style.parse(name)
    return _styles.get(name)
