"""The lock that writers of all processes queue for: `motools.lock`, by flock, which a process that dies lets go of."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from motools.errors import StoreError


class WriterLock:
    """One process's handle of the lock of a store; `open` may be called again after `close`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._handle = -1

    def open(self) -> None:
        """Open the file, made if need be.

        Raises:
            OSError: it cannot be written.
        """
        self._handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def close(self) -> None:
        """Close the file, and with it let go of the lock, unless a forked process has it too."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def take(self, seconds: float) -> None:
        """Wait for the lock.

        Raises:
            StoreError: others had it for all of that time.
        """
        deadline, pause = 0.0, 0.0002
        while True:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                now = time.monotonic()
                deadline = deadline or now + seconds
            if now > deadline:
                raise StoreError(
                    f"another process has been writing to the store '{self._file.parent}' for {seconds:.0f} seconds",
                    hint=f"Look for a stopped motools process (`fuser {self._file}` names it), end it, and try again. "
                    "Nothing was lost.",
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.005)

    def drop(self) -> None:
        """Let go of the lock."""
        if self._handle >= 0:
            fcntl.flock(self._handle, fcntl.LOCK_UN)
