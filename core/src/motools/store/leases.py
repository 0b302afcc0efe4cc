"""Who owns something for a while: names of processes, and whether they still live.

An owner is a text. One made by `this_process()` says machine, start of the machine, process namespace, process id and
the process's start time, so that any process on the same machine can tell at once that it is gone, also when its id has
been given to another. `#` or `/` and anything may follow, to tell apart owners within a process. Owners of other forms, and those
on other machines, are believed alive until their time runs out.
"""

from __future__ import annotations

import os
import re
from functools import cache
from typing import NamedTuple

from motools.canonical import digest_bytes

_OWNER = re.compile(r"(?P<machine>[^#/]+)/(?P<pid>\d+)\.(?P<start>\d+)([#/].*)?\Z", re.DOTALL)


class Lease(NamedTuple):
    """The right to drive a run: every write names `fence`, which no other holder ever has.

    `until` is in seconds since 1970 by the clock of this machine; renewing adds `ttl` seconds to now.
    """

    run_id: str
    fence: int
    until: float
    owner: str
    ttl: float


def this_process() -> str:
    """Return the owner text of this process."""
    return _owner(os.getpid())


@cache
def _owner(pid: int) -> str:
    return f"{_machine()}/{pid}.{_start_time(pid) or 0}"


def is_dead(owner: str) -> bool:
    """Say whether `owner` is a process of this machine that is known to be gone."""
    match = _OWNER.match(owner)
    if match is None or match["machine"] != _machine():
        return False
    start = _start_time(int(match["pid"]))
    return start is None or str(start) != match["start"]


def describe(owner: str) -> str:
    """Return how an owner is called in messages: `process 12 on 'host'`."""
    match = _OWNER.match(owner)
    if match is None:
        return f"'{owner}'"
    return f"process {match['pid']} on '{match['machine'].rpartition('.')[0]}'"


@cache
def _machine() -> str:
    """Name the machine, this start of it, and the namespace process ids are counted in."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            start = file.read().strip()
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        start = namespace = ""  # no /proc: the host's name must do
    return f"{os.uname().nodename}.{digest_bytes('machine', f'{start}|{namespace}'.encode())[:8]}"


def _start_time(pid: int) -> int | None:
    """Return when a process began, in ticks since the machine did; None if it is gone or a zombie.

    Where there is no /proc, 0 for any process that is there.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        if os.path.exists("/proc/self/stat"):
            return None
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass
        return 0
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
