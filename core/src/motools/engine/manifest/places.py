"""Whether files and folders are as they were: by what `stat` says of a file, and by the names in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib.machinery import all_suffixes
from typing import Any, Literal, TypeAlias

TICK_NS = 20_000_000
"""What changed this shortly before somebody looked may have changed again since, and bear the same time."""

Stamp: TypeAlias = "list[int] | None"
"""Device, inode, size (not of a folder), mtime_ns and ctime_ns; None where there is nothing."""

Kind = Literal["stamp", "imports", "all"]
"""What of a folder counts: that nothing came or went; names that an import may find; every name."""

_IMPORTS = (*all_suffixes(), ".dist-info", ".egg-info", ".egg", ".egg-link", ".pth")


class DoubtError(Exception):
    """It cannot be told whether all is as it was."""


def file_stamp(path: str) -> Stamp:
    """Return the stamp of a file, or of what a link leads to.

    Raises:
        OSError: it cannot be asked for.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def folder_stamp(path: str) -> Stamp:
    """Return the stamp of a folder; it changes when a name comes or goes.

    Raises:
        OSError: it cannot be asked for.
    """
    found = file_stamp(path)
    return None if found is None else [*found[:2], *found[3:]]


def names_in(path: str, kind: Kind, without: str = "") -> list[str]:
    """Return the names in a folder that count, sorted.

    Args:
        path: the folder.
        kind: which count.
        without: a path in it that does not.

    Raises:
        OSError: it cannot be read.
    """
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if entry.path != without and _counts(entry, kind))


def _counts(entry: os.DirEntry[str], kind: Kind) -> bool:
    if kind == "all" or entry.name.endswith(_IMPORTS):
        return True
    return entry.name.isidentifier() and entry.name != "__pycache__" and entry.is_dir()


def of_files(paths: Iterable[str], since: int) -> dict[str, Stamp]:
    """Return the stamp of each file.

    Args:
        paths: the files; some may not be there.
        since: nanoseconds since 1970; what changed later, or shortly before, is in doubt.

    Raises:
        DoubtError: one changed.
        OSError: one cannot be asked for.
    """
    stamps = {path: file_stamp(path) for path in paths}
    for path, stamp in stamps.items():
        if _late(stamp, since):
            raise DoubtError(f"'{path}' changed")
    return stamps


def of_folders(kinds: Mapping[str, Kind], since: int, without: str) -> list[list[Any]]:
    """Return `[path, kind, stamp, names]` of each folder. One that changed lately has no stamp: its names are to be read.

    Raises:
        DoubtError: a name that counts came lately.
        OSError: one cannot be read.
    """
    found: list[list[Any]] = []
    for path, kind in sorted(kinds.items()):
        stamp = folder_stamp(path)
        if stamp is None or not os.path.isdir(path):
            found.append([path, "file", file_stamp(path), None])
        elif kind == "stamp":
            if _late(stamp, since):
                raise DoubtError(f"'{path}' changed")
            found.append([path, kind, stamp, None])
        else:
            names = names_in(path, kind, without)
            late = _late(stamp, since)
            if late and any(_late(_own_stamp(os.path.join(path, name)), since) for name in names):
                raise DoubtError(f"something in '{path}' changed")
            found.append([path, kind, None if late else stamp, names])
    return found


def _own_stamp(path: str) -> Stamp:
    found = os.lstat(path)
    return [found.st_mtime_ns, found.st_ctime_ns]


def _late(stamp: Stamp, since: int) -> bool:
    if stamp is None:
        return False
    # Times with a fine part come from a clock that ticks every few milliseconds; others may count seconds, or two.
    tick = TICK_NS if stamp[-1] % 1_000_000 else 2_100_000_000
    return max(stamp[-2:]) > since - tick


def unchanged(
    files: Mapping[str, Stamp], folders: Iterable[tuple[str, str, Stamp, list[str] | None]], without: str
) -> bool:
    """Say whether all is as it was when `of_files` and `of_folders` looked.

    Raises:
        OSError: it cannot be asked for.
    """
    for path, stamp in files.items():
        if file_stamp(path) != stamp:
            return False
    for path, kind, stamp, names in folders:
        if kind == "file":
            if file_stamp(path) != stamp:
                return False
        elif stamp is None or folder_stamp(path) != stamp:
            if names is None or (kind != "all" and kind != "imports"):
                return False
            if names_in(path, "all" if kind == "all" else "imports", without) != names:
                return False
    return True
