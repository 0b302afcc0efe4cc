"""The user's files: which there are, how they are read, and how they are known to be unchanged."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from motools.errors import DataError

Seen = tuple[int, int, int, int, int]
"""Device, inode, size, modification and change time in nanoseconds."""


def scan(path: Path) -> list[tuple[str, Path]]:
    """Return the files at `path` as (name with `/`, real path), sorted by name; a single file is under its own name.

    Raises:
        DataError: see `Contents.put_path`.
    """
    if not os.path.exists(path):
        raise DataError(f"there is no file or folder '{path}'")
    name = path.name or path.resolve().name
    if not path.is_dir():
        _check_name(name, path)
        return [(name, path)]
    root = Path(os.path.realpath(path))
    found = sorted(_walk(root, root, "", (root,)))
    if not found:
        raise DataError(f"the folder '{path}' holds no files, so there is nothing to store")
    return found


def _walk(root: Path, folder: Path, prefix: str, above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise DataError(f"the folder '{folder}' cannot be read: {error.strerror}") from error
    for entry in entries:
        name = prefix + entry.name
        path = Path(entry.path)
        _check_name(entry.name, path)
        if entry.is_symlink():
            target = Path(os.path.realpath(path))
            if not target.exists():
                raise DataError(
                    f"the link '{path}' leads nowhere", hint="Remove it, or put what it names in its place."
                )
            if target != root and root not in target.parents:
                raise DataError(
                    f"the link '{path}' leads out of the folder, to '{target}'",
                    hint="Copy the folder with `cp -rL`, which copies what links point to, and store the copy.",
                )
            path = target
        if path.is_dir():
            if path in above:
                raise DataError(f"the link '{entry.path}' leads back to a folder it is in")
            yield from _walk(root, path, f"{name}/", (*above, path))
        elif path.is_file():
            yield name, path
        else:
            raise DataError(f"'{path}' is neither a file nor a folder, so it cannot be stored")


def _check_name(name: str, path: Path) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(f"the name {os.fsencode(path)!r} is not UTF-8", hint="Rename the file.") from None


def source_stat(path: Path) -> os.stat_result:
    """Return the stat of a regular file.

    Raises:
        DataError: it cannot be looked at, or is something else.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"'{path}' is not a regular file, so it cannot be stored")
    return found


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the error for a file that cannot be read."""
    return DataError(f"'{path}' cannot be read: {error.strerror}")


def seen_as(found: os.stat_result) -> Seen:
    """Return what tells a file that has not changed."""
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def settled(found: os.stat_result, now_ns: int) -> bool:
    """Say whether any later write must show in the times, because they are older than one tick of the file's clock."""
    # Times with a fine part come from a clock that ticks every few milliseconds; others may count seconds, or two.
    grain = 100_000_000 if found.st_ctime_ns % 1_000_000 else 2_100_000_000
    return max(found.st_mtime_ns, found.st_ctime_ns) + grain < now_ns


def read_all(handle: int, source: Path) -> bytes:
    """Return all bytes of an open file.

    Raises:
        DataError: reading failed.
    """
    parts = []
    try:
        while part := os.read(handle, 4 << 20):
            parts.append(part)
    except OSError as error:
        raise unreadable(source, error) from error
    return b"".join(parts)


def transfer(reading: int, writing: int) -> None:
    """Copy all bytes, inside the kernel where that works; the loop after it takes what is left."""
    try:
        while os.copy_file_range(reading, writing, 1 << 30):
            pass
    except (OSError, AttributeError) as error:
        if getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
    buffer = memoryview(bytearray(1 << 20))
    while count := os.readv(reading, [buffer]):
        done = 0
        while done < count:
            done += os.write(writing, buffer[done:count])
