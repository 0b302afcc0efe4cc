"""Builds the catalog in child processes, so that a plugin that hangs, exits or crashes costs only itself.

One child reads all plugins. Where it dies within one, the next child begins with that one: if it dies again, that
plugin is to blame, otherwise something an earlier plugin left behind was. Where it hangs, the plugin is blamed at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from time import monotonic
from typing import IO

from motools.errors import ConfigError, PluginError
from motools.plugins.catalog import Catalog, Entry, PluginFailure, PluginRecord
from motools.plugins.environment import IN_CHILD, Stamp, search_path, trust

_MARK = "--- motools reads "
_START_SECONDS = 120.0  # for the interpreter and the metadata; no plugin runs yet
_PATIENCE_SECONDS = 2.0  # after which a person at a terminal is told what takes so long
_LONGEST_TAIL = 20_000


def plugin_seconds() -> float:
    """Return how long one plugin may take to declare itself: `MOTOOLS_PLUGIN_TIMEOUT` seconds, by default 20.

    Raises:
        ConfigError: it is not a number above 0.
    """
    text = os.environ.get("MOTOOLS_PLUGIN_TIMEOUT", "").strip() or "20"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise ConfigError(
            f"MOTOOLS_PLUGIN_TIMEOUT is '{text}'", where="environment", hint="Set it to a number of seconds above 0."
        )
    return seconds


@dataclass
class _State:
    """What the children have said so far."""

    plugins: dict[str, PluginRecord] = field(default_factory=dict)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    files: dict[str, Stamp] = field(default_factory=dict)
    begun: dict[str, PluginRecord] = field(default_factory=dict)
    suspect: str | None = None


def build() -> tuple[Catalog, dict[str, Stamp]]:
    """Read every plugin and return the catalog, with the files it was made from.

    Raises:
        PluginError: no child can be started.
    """
    seconds = plugin_seconds()
    state = _State()
    while not _run_child(state, seconds):
        pass
    order = sorted(state.plugins, key=lambda id: id.split(":", 1))
    catalog = Catalog(
        plugins=tuple(state.plugins[id] for id in order),
        entries=tuple(entry for id in order for entry in state.entries.get(id, [])),
    )
    return catalog, state.files


def _run_child(state: _State, seconds: float) -> bool:
    """Run one child until it ends; return whether it read the last plugin."""
    with tempfile.TemporaryFile() as errors:
        child = _start(state, seconds, errors)
        hung = True
        try:
            said, current, hung = _listen(child, state, seconds)
        finally:
            _end(child, at_once=hung)
        if said == "end":
            return True
        tail = _tail(errors)
    if current is not None and (hung or state.suspect == current):
        state.plugins[current] = _failed(state.begun[current], child.returncode, hung, seconds, tail)
        state.suspect = None
    elif current is not None:
        state.suspect = current
    elif said == "nothing":
        raise PluginError(
            f"the process that reads the plugins did not start (exit code {child.returncode}): {tail.strip()[-2000:]}",
            hint=f"Try '{sys.executable} -c \"import motools.plugins.child\"'.",
        )
    return False


def _start(state: _State, seconds: float, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    import motools

    settings = trust()
    request = {
        "path": search_path(),
        "trust": settings.mode,
        "allowed": settings.allowed,
        "skip": list(state.plugins),
        "first": state.suspect,
        "seconds": seconds,
        "mark": _MARK,
    }
    home = str(Path(motools.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
    try:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "motools.plugins.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": path, IN_CHILD: "1"},
            start_new_session=True,
        )
    except OSError as error:
        raise PluginError(
            f"the process that reads the plugins cannot be started: {error}",
            hint=f"'{sys.executable}' must be a Python interpreter that can be run.",
        ) from error
    assert child.stdin is not None
    with suppress(BrokenPipeError), child.stdin as stream:
        stream.write(json.dumps(request).encode())
    return child


def _listen(child: subprocess.Popen[bytes], state: _State, seconds: float) -> tuple[str, str | None, bool]:
    """Take in what the child says. Return its last word, the plugin it was in, and whether it took too long there."""
    lines: Queue[bytes | None] = Queue()
    assert child.stdout is not None
    Thread(target=_pump, args=(child.stdout, lines), daemon=True).start()
    said, current = "nothing", None
    until = monotonic() + _START_SECONDS
    told = False
    while True:
        try:
            line = lines.get(timeout=0.2)
        except Empty:
            if monotonic() >= until:
                return said, current, True
            if current is not None and not told and monotonic() > until - seconds + _PATIENCE_SECONDS:
                told = True
                _tell_who_is_waited_for(state.begun[current], seconds)
            # A process that a plugin started may keep the pipe open after the child is gone.
            if child.poll() is not None and lines.empty():
                return said, current, False
            continue
        if line is None:
            return said, current, False
        answer = json.loads(line)
        if "end" in answer:
            return "end", None, False
        state.files.update(answer["files"])
        record = PluginRecord.from_dict(answer["record"])
        if "begin" in answer:
            said, current, told = "begin", answer["begin"], False
            state.begun[current] = record
            until = monotonic() + seconds
        else:
            said, current = "done", None
            state.plugins[answer["done"]] = record
            state.entries[answer["done"]] = [Entry(**entry) for entry in answer["entries"]]
            until = monotonic() + _START_SECONDS


def _tell_who_is_waited_for(plugin: PluginRecord, seconds: float) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"waiting for the plugin '{plugin.distribution}' to be imported (up to {seconds:g} s)", file=sys.stderr)


def _pump(stream: IO[bytes], lines: Queue[bytes | None]) -> None:
    with stream:
        for line in stream:
            if line.endswith(b"\n"):
                lines.put(line)
    lines.put(None)


def _end(child: subprocess.Popen[bytes], *, at_once: bool) -> None:
    """End the child and what it started; one that is leaving by itself keeps its exit code."""
    import signal

    if not at_once:
        with suppress(subprocess.TimeoutExpired):
            child.wait(2.0)
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()


def _tail(errors: IO[bytes]) -> str:
    """Return what was written to stderr since the last plugin began."""
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - _LONGEST_TAIL))
    text = errors.read().decode("utf-8", "replace")
    return text.rpartition(_MARK)[2].partition("\n")[2] if _MARK in text else text


def _failed(begun: PluginRecord, code: int, hung: bool, seconds: float, tail: str) -> PluginRecord:
    if hung:
        error = (
            f"'{begun.module}' did not come back within {seconds:g} s when it was imported and asked what it declares"
        )
        hint = (
            f"Try again with 'motools plugin refresh', with more time in MOTOOLS_PLUGIN_TIMEOUT, "
            f"or remove it: pip uninstall {begun.distribution}"
        )
    else:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        error = f"'{begun.module}' ended the process ({how}) when it was imported"
        hint = (
            f"Install another version of '{begun.distribution}', or remove it: pip uninstall {begun.distribution}; "
            f"'motools plugin refresh' tries again."
        )
    failure = PluginFailure(stage="import", error=error, hint=hint, traceback=tail)
    return PluginRecord.from_dict({**begun.to_dict(), "failure": failure.to_dict()})
