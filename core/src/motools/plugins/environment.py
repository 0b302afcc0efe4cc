"""What the catalog depends on: the interpreter, where it looks for modules, what may be loaded, and the files read."""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

from motools import __version__
from motools.errors import ConfigError

FORMAT = 1
"""Raised when the cache's file changes its form."""

IN_CHILD = "MOTOOLS_CATALOG_CHILD"
"""Environment variable that is set where plugins are being read, and in whatever they start."""

_MARKS = (".dist-info", ".egg-info", ".egg")

Stamp = list[int] | None
"""`[mtime_ns, size]` of a file; None where there is none."""


class Trust(NamedTuple):
    """Which plugins may be imported: every installed one, or those on a list (an empty list allows none)."""

    mode: str
    allowed: tuple[str, ...]

    def allows(self, distribution: str) -> bool:
        """Say whether a distribution (normalised name) may be imported; motools itself always is."""
        return self.mode == "installed" or distribution == "motools" or distribution in self.allowed


def trust() -> Trust:
    """Return the trust settings: `MOTOOLS_PLUGIN_TRUST` (`installed` or `allowlist`) and `MOTOOLS_PLUGIN_ALLOWLIST`.

    Raises:
        ConfigError: the setting is another word.
    """
    from motools.plugins.catalog import normalized

    mode = os.environ.get("MOTOOLS_PLUGIN_TRUST", "").strip() or "installed"
    if mode not in ("installed", "allowlist"):
        raise ConfigError(
            f"MOTOOLS_PLUGIN_TRUST is '{mode}'", where="environment", hint="Set it to 'installed' or 'allowlist'."
        )
    names = os.environ.get("MOTOOLS_PLUGIN_ALLOWLIST", "") if mode == "allowlist" else ""
    return Trust(mode, tuple(sorted({normalized(name.strip()) for name in names.split(",") if name.strip()})))


def place() -> dict[str, Any]:
    """Return what names this environment: two of them never share a cached catalog."""
    settings = trust()
    return {
        "format": FORMAT,
        "motools": __version__,
        "python": sys.version,
        "executable": sys.executable,
        "prefix": sys.prefix,
        "path": search_path(),
        "trust": settings.mode,
        "allowed": list(settings.allowed),
    }


def search_path() -> list[str]:
    """Return `sys.path` with absolute paths, each once."""
    return list(dict.fromkeys(os.path.abspath(path) for path in sys.path))


def folder_stamps(folders: list[str]) -> dict[str, int]:
    """Return mtime_ns of each folder (or archive) that exists."""
    stamps = {}
    for folder in folders:
        try:
            stamps[folder] = os.stat(folder).st_mtime_ns
        except OSError:
            continue
    return stamps


def distributions_in(folder: str) -> list[list[Any]]:
    """Return `[name, mtime_ns]` of each distribution's metadata in a folder, sorted.

    A folder that programs write results to gets a new mtime all the time; what matters is whether this changed.
    """
    try:
        with os.scandir(folder) as items:
            return sorted([item.name, item.stat().st_mtime_ns] for item in items if item.name.endswith(_MARKS))
    except OSError:
        return []


def file_stamp(path: str) -> Stamp:
    """Return `[mtime_ns, size]` of a file, or None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_mtime_ns, found.st_size]
