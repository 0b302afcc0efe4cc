"""Small durable file work: atomic writes, locks between processes, the cache folder."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from motools.errors import StoreFullError, StoreNotWritableError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

DISK_ERRORS = (*_FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO)
"""Error numbers that come from the disk, not from a network."""


def cache_folder(*parts: str) -> Path:
    """Return a folder of motools' cache (`MOTOOLS_CACHE_DIR`), made if it is not there."""
    from motools.config.paths import cache_dir

    folder = cache_dir().joinpath(*parts)
    with explained_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_atomically(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a file so that a reader sees the old content or the whole new one; with `sync` also after power loss."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any, *, sync: bool = True) -> None:
    """Write a JSON value atomically."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, sort_keys=True).encode() + b"\n", sync=sync)


def read_json(path: Path) -> Any:
    """Return the JSON value of a file, or None where there is no such file."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None


def open_lock(path: Path) -> int:
    """Return a file descriptor of the lock file; it is closed when this process starts another program."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def try_lock(fd: int) -> bool:
    """Take the lock if nobody holds it. It is freed when every copy of the descriptor is closed, also by SIGKILL."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file for the length of a block, waiting for it."""
    fd = open_lock(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextmanager
def explained_disk_errors(folder: Path) -> Iterator[None]:
    """Turn "no space left" and "not permitted" within a block into errors with a next step."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFullError(
                "the disk is full, or a quota is reached",
                where=str(folder),
                hint="Free some space and run the same command again; MOTOOLS_CACHE_DIR names another folder for weights.",
            ) from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise StoreNotWritableError(
                "this folder cannot be written",
                where=str(folder),
                hint="Change its permissions, or name another folder in MOTOOLS_CACHE_DIR.",
            ) from error
        raise
