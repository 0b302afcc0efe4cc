"""Keeps what Inspect changes in the process (display, loggers, exception hook, `.env` variables) within one evaluation."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

from motools_inspect._private import display_off, remove_log_handler


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let Inspect do its work inside the block and leave the process as it was after it.

    Inspect reads a `.env` file up the tree into the environment; judges of a task may need the keys in it, so they are there
    during the evaluation, and only then.
    """
    from dotenv import dotenv_values, find_dotenv

    root = logging.getLogger()
    hook, level = sys.excepthook, root.level
    path = find_dotenv(usecwd=True)
    before = {name: os.environ.get(name) for name in (*dotenv_values(path), "INSPECT_LOG_DIR")} if path else {}
    display_off()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        remove_log_handler()
        root.setLevel(level)
        sys.excepthook = hook
