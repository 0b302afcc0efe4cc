"""How many trainers run at once on this machine: as many as there are slots, one unless MOTOOLS_TRAINERS says otherwise."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from motools.errors import ConfigError
from motools_transformers.files import cache_folder, open_lock, try_lock


def slot_count() -> int:
    """Return the number of slots.

    Raises:
        ConfigError: MOTOOLS_TRAINERS is not a whole number from 1.
    """
    text = os.environ.get("MOTOOLS_TRAINERS", "1")
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"MOTOOLS_TRAINERS is {text!r}, not a whole number from 1")
    return int(text)


@contextmanager
def trainer_slot(waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a slot for the length of a block; `waiting` is called about four times a second until there is one."""
    folder = cache_folder("locks")
    fds = [open_lock(folder / f"trainer-{number}.lock") for number in range(slot_count())]
    try:
        while not any(try_lock(fd) for fd in fds):
            waiting()
            time.sleep(0.25)
        yield
    finally:
        for fd in fds:
            os.close(fd)
