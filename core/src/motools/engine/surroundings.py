"""What a run's log says of the machine it began on: facts for people, no part of any key."""

from __future__ import annotations

import os
import sys

from motools import __version__
from motools.canonical import JSON


def surroundings() -> dict[str, JSON]:
    """Return what is known at once, without importing anything: interpreter, system, processors, motools and its plugins."""
    from motools.plugins import installed

    version = ".".join(map(str, sys.version_info[:3]))
    system = os.uname() if hasattr(os, "uname") else None
    return {
        "python": f"{sys.implementation.name} {version}",
        "system": f"{system.sysname} {system.release}" if system else sys.platform,
        "machine": system.machine if system else os.environ.get("PROCESSOR_ARCHITECTURE", ""),
        "processors": os.cpu_count() or 0,
        "motools": __version__,
        "plugins": {plugin.distribution: plugin.version for plugin in installed().plugins if plugin.failure is None},
    }
