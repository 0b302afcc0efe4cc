"""Who declared a name that is gone: a plugin that was uninstalled, or that another environment of this user has.

Read only where a name leads nowhere, to say what to install.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from motools.config.paths import cache_dir
from motools.errors import ConfigError
from motools.plugins.catalog import Catalog

FILE = "components.json"


def remember(catalog: Catalog) -> None:
    """Note who declares what; where that cannot be written nothing happens."""
    before = remembered()
    after = {kind: dict(names) for kind, names in before.items()}
    for entry in catalog.entries:
        after.setdefault(entry.kind, {})[entry.name] = entry.distribution
    if after == before:
        return
    with suppress(OSError, ConfigError):
        file = _file()
        partial = file.with_name(f".{FILE}-{os.getpid()}")
        partial.write_text(json.dumps(after, sort_keys=True), encoding="utf-8")
        partial.replace(file)  # of two writers one may be forgotten, until its catalog is built again


def remembered() -> dict[str, dict[str, str]]:
    """Return kind → name → the distribution that was last seen to declare it."""
    try:
        said = json.loads(_file().read_text(encoding="utf-8"))
        return {str(kind): {str(name): str(owner) for name, owner in names.items()} for kind, names in said.items()}
    except (OSError, ValueError, AttributeError, ConfigError):
        return {}


def _file() -> Path:
    return cache_dir() / FILE
