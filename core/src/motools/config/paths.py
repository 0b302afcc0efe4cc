"""Where motools keeps what belongs to the user and to no store."""

from __future__ import annotations

import os
from pathlib import Path

from motools.errors import ConfigError


def cache_dir() -> Path:
    """Return the folder for what can be made again.

    It is `MOTOOLS_CACHE_DIR`, else `$XDG_CACHE_HOME/motools`, else `~/.cache/motools`. The folder may not exist yet.

    Raises:
        ConfigError: neither is set and there is no home folder.
    """
    own = os.environ.get("MOTOOLS_CACHE_DIR")
    if own:
        return Path(own).expanduser().absolute()
    # A relative XDG path is invalid and to be ignored (XDG base directory specification, "Environment variables").
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):
        return Path(base, "motools")
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        raise ConfigError("there is no home folder to keep a cache in", hint="Set MOTOOLS_CACHE_DIR to a folder.")
    return Path(home, ".cache", "motools")
