"""The keys of an installed workflow's settings, remembered between two presses of Tab.

To know them its classes are imported, which costs more than all the rest of an answer. What was found is kept in the cache folder
with the files it came from, and holds as long as each of them has the same size and time of change.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from motools.config.paths import cache_dir
from motools.errors import ConfigError
from motools.plugins import Entry, find

FOLDER = "settings"


def known_settings(name: str) -> dict[str, str]:
    """Return key → what it does, of every setting of an installed workflow.

    Raises:
        PluginError: there is no such workflow, or it cannot be loaded.
    """
    entry = find("workflow", name)
    found = _remembered(entry)
    if found is None:
        before = set(sys.modules)
        found = _read(entry)
        _remember(entry, found, _stamps(set(sys.modules) - before))
    return found


def _read(entry: Entry) -> dict[str, str]:
    from motools.config.listing import list_settings
    from motools.engine.definition import graph_of, load_workflow
    from motools.engine.settings import settings_class

    graph = graph_of(load_workflow(entry.qualified))
    return {each.name: each.description for each in list_settings(settings_class(graph))}


def _file(entry: Entry) -> Path:
    return cache_dir() / FOLDER / f"{entry.distribution}-{entry.name}.json"


def _remembered(entry: Entry) -> dict[str, str] | None:
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError):
        said = json.loads(_file(entry).read_text(encoding="utf-8"))
        same = (said["target"], said["python"]) == (entry.target, sys.executable)
        if same and all(_stamp(file) == stamp for file, stamp in said["files"].items()):
            return {str(key): str(about) for key, about in said["settings"].items()}
    return None


def _remember(entry: Entry, found: dict[str, str], stamps: dict[str, Any]) -> None:
    said = {"target": entry.target, "python": sys.executable, "files": stamps, "settings": found}
    with suppress(OSError, ConfigError):
        file = _file(entry)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}-{os.getpid()}")
        partial.write_text(json.dumps(said), encoding="utf-8")
        partial.replace(file)


def _stamps(modules: set[str]) -> dict[str, Any]:
    files = (getattr(sys.modules.get(name), "__file__", None) for name in modules)
    return {file: _stamp(file) for file in files if file}


def _stamp(file: str) -> list[int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
