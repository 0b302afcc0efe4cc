"""In whose name things are made."""

from __future__ import annotations

import os
import re


def default_user() -> str:
    """Return who runs this: `MOTOOLS_USER`, else the login name, else `user`; in the form that ids hold."""
    name = os.environ.get("MOTOOLS_USER")
    if not name:
        from getpass import getuser

        try:
            name = getuser()
        except (KeyError, OSError):  # no such user in the password database, as in some containers
            name = "user"
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_") or "user"
