"""How often a step really ran: one byte a time in the file that `BENCH_COUNT` names."""

from __future__ import annotations

import os

_file = os.open(os.environ.get("BENCH_COUNT", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def count() -> None:
    """Say that a step runs."""
    os.write(_file, b".")
