"""JSON read back from the database."""

from __future__ import annotations

import json
from typing import Any

from motools.errors import CorruptError


def read_json(text: str | bytes, what: str) -> Any:
    """Return a JSON value that a row holds.

    Args:
        what: whose it is, for the message: `run '20260101-...'`.

    Raises:
        CorruptError: it is not JSON, so the row has been altered.
    """
    try:
        return json.loads(text)
    except ValueError:
        raise CorruptError(
            f"the record of {what} has been altered in the database: it is not JSON",
            hint="Restore motools.db from a copy of the store; `motools store verify` lists everything that is wrong.",
        ) from None
