"""What is asked of a manifest: everything said, and everything about this process that an answer may depend on."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from motools import __version__
from motools.canonical import JSON, Digest, digest_bytes, digest_json
from motools.errors import CanonicalError
from motools.workflow.step import named_like_secret

FORMAT = 1
"""Raised when manifests change their form or what they mean."""

FOLDER = "manifests"
"""Where they lie in a store."""

_SWITCH = "MOTOOLS_MANIFEST"
_VOLATILE = frozenset({"_", "SHLVL", "OLDPWD", "PWD", "PYTEST_CURRENT_TEST", _SWITCH})
"""Variables that differ from one command to the next and say nothing."""


class Question(NamedTuple):
    """What is asked.

    Args:
        store: the store's folder.
        digest: of all that was said, and of this process.
        since: when it was asked, in nanoseconds since 1970.
        began: when the oldest of what is imported already was read; later changes of it are in doubt.
        path: `sys.path` when it was asked.
        loaded: names of the modules that were imported then.
        files: files whose bytes are in the digest.
    """

    store: Path
    digest: Digest
    since: int
    began: int
    path: tuple[str, ...]
    loaded: frozenset[str]
    files: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        """Where the manifest lies that may answer it."""
        return self.store / FOLDER / f"{self.digest[:40]}.json"


def switched_on() -> bool:
    """Say whether manifests are used at all: unless `MOTOOLS_MANIFEST` is `off`."""
    return os.environ.get(_SWITCH, "").strip().lower() not in ("off", "0", "no", "false")


def ask(name: str, store: Path, said: JSON, *, files: Sequence[Path] = (), began: int | None = None) -> Question | None:
    """Return the question that a person's words are; None where it cannot be put.

    Args:
        name: the workflow's name.
        store: the store's folder.
        said: everything else that was said, as JSON.
        files: files that were named and are read whole: settings.
        began: when the process began, in nanoseconds since 1970, where that is known already.
    """
    if not switched_on():
        return None
    since = time.time_ns()
    began = _process_began() if began is None else began
    if began is None:
        return None
    try:
        about = {
            "format": FORMAT,
            "motools": __version__,
            "python": [sys.version, sys.executable, sys.prefix, sys.base_prefix, sys.platform],
            "flags": [list(sys.flags), sorted(f"{k}={v}" for k, v in sys._xoptions.items()), list(sys.warnoptions)],
            "path": list(sys.path),
            "arguments": list(sys.argv),
            "folder": os.getcwd(),
            "environment": _environment(),
            "secrets from": _env_file(),
            "workflow": name,
            "said": said,
            "files": [[os.path.abspath(file), digest_bytes("manifest-file", file.read_bytes())] for file in files],
        }
        digest = digest_json("manifest-question", about)
    except (OSError, CanonicalError):
        return None
    loaded = frozenset(sys.modules)
    named = tuple(os.path.abspath(file) for file in files)
    return Question(store, digest, since, began, tuple(sys.path), loaded, named)


def _environment() -> list[list[str]]:
    """Return the environment; of variables that are named like secrets only whether they are set."""
    kept: list[list[str]] = []
    for name, value in sorted(os.environ.items()):
        if name not in _VOLATILE:
            kept.append([name, (bool(value) and "set") or "" if named_like_secret(name) else value])
    return kept


def _env_file() -> Any:
    config = sys.modules.get("motools.config.secrets")
    found = config.env_file() if config is not None else None
    return None if found is None else str(found)


def _process_began() -> int | None:
    """Return when this process began, in nanoseconds since 1970; None where that is not known."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
        return time.time_ns() - int(age * 1e9) - 10_000_000  # it counts in hundredths of a second
    except (OSError, AttributeError, ValueError, IndexError):
        return None
