"""What a run's jobs write by themselves (a trainer's own log), read from the files that their backends name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.contracts.training import Job

if TYPE_CHECKING:
    from motools.store import Event, Store

_CHUNK = 1 << 20


class JobOutput:
    """Reads on in the output of each job that a run's log names.

    Args:
        store: where the jobs are.
        step: only jobs of this step; None: of all.
    """

    def __init__(self, store: Store, step: str | None) -> None:
        self._store = store
        self._step = step
        self._files: dict[Path, _File] = {}
        self.without: set[str] = set()
        """Backends whose jobs keep no output on this machine."""

    def take(self, event: Event) -> None:
        """Learn of a job from an event."""
        if event.type not in ("effect_done", "effect_reused") or not isinstance(event.body["record"], dict):
            return
        step, record = str(event.body["node"]), event.body["record"]
        if self._step in (None, step) and "backend" in record:
            path = self._path(record)
            if path is None:
                self.without.add(str(record["backend"]))
            elif path not in self._files:
                self._files[path] = _File(step, path)

    def read(self, *, rest: bool = False) -> Iterator[tuple[str, str]]:
        """Yield step and line of what has been written since the last time.

        Args:
            rest: also what no end of a line follows yet.
        """
        for file in self._files.values():
            for line in file.read(rest):
                yield file.step, line

    def _path(self, record: dict[str, Any]) -> Path | None:
        from motools.atom import use_store
        from motools.errors import PluginError
        from motools.plugins import load

        try:
            backend = load("training_backend", str(record["backend"]))()
        except PluginError:
            return None
        with use_store(self._store):
            found: Path | None = backend.output_file(Job(id=str(record["id"]), data=record.get("data") or {}))
        return found


class _File:
    def __init__(self, step: str, path: Path) -> None:
        self.step = step
        self._path = path
        self._at = 0
        self._begun = b""

    def read(self, rest: bool) -> Iterator[str]:
        try:
            with open(self._path, "rb") as file:
                file.seek(self._at)
                while data := file.read(_CHUNK):
                    self._at += len(data)
                    *lines, self._begun = (self._begun + data).split(b"\n")
                    yield from map(_text, lines)
        except OSError:  # not there yet, or not any more
            pass
        if rest and self._begun:
            yield _text(self._begun)
            self._begun = b""


def _text(line: bytes) -> str:
    """Return a line as it stands at last: a progress bar writes it again and again."""
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", errors="backslashreplace")
