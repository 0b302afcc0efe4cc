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


def libraries() -> dict[str, JSON]:
    """Return module → version of what is loaded in this process beside the standard library, as far as it says its version."""
    found: dict[str, JSON] = {}
    for name, module in list(sys.modules.items()):
        if "." not in name and name[0] != "_" and name not in sys.stdlib_module_names:
            version = getattr(module, "__dict__", {}).get("__version__")
            if isinstance(version, str):
                found[name] = str(version)  # torch's is a class of its own
    return dict(sorted(found.items()))
