"""The catalog on disk: the usual start reads one small file and stats what it was made from."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from motools.canonical import digest_bytes
from motools.config.paths import cache_dir
from motools.errors import ConfigError, PluginError
from motools.plugins.catalog import Catalog
from motools.plugins.environment import IN_CHILD, distributions_in, file_stamp, folder_stamps, place

_KEEP = 64  # files of other environments that are kept
_CLOCK_TICK_NS = 20_000_000  # file times of usual systems are finer than this
_LOCK_SECONDS = 120.0


def load_catalog(*, rebuild: bool = False) -> Catalog:
    """Return the catalog of this environment: the cached one while nothing it was made from has changed.

    Only one process builds at a time; the others wait and read. A cache folder that cannot be used means building anew.

    Args:
        rebuild: build even though nothing seems to have changed.

    Raises:
        ConfigError: a setting of the environment is wrong.
        PluginError: the process that reads the plugins cannot be started, or this is called by a plugin being read.
    """
    if os.environ.get(IN_CHILD):  # it would wait for itself
        raise PluginError(
            "a declaring module asked what is installed while it was being read",
            hint="It imports only the standard library and 'motools.plugins' and returns plain data.",
        )
    where = place()
    file = _file(where)
    if not rebuild and (catalog := _read(file, where)) is not None:
        return catalog
    with _lock(file):
        if not rebuild and (catalog := _read(file, where)) is not None:
            return catalog
        return _build(file, where)


def cache_problem() -> str | None:
    """Return why the cache cannot be kept, or None when it can."""
    try:
        folder = cache_dir() / "catalog"
        folder.mkdir(parents=True, exist_ok=True)
    except ConfigError as error:
        return str(error)
    except OSError as error:
        return f"'{error.filename}': {error.strerror}"
    return None if os.access(folder, os.W_OK) else f"'{folder}' cannot be written"


def _file(where: dict[str, Any]) -> Path | None:
    try:
        # Not the canonical form: a path may hold bytes that are no text.
        name = digest_bytes("plugin-catalog", json.dumps(where, sort_keys=True).encode())[:24]
        return cache_dir() / "catalog" / f"{name}.json"
    except ConfigError:
        return None


def _read(file: Path | None, where: dict[str, Any]) -> Catalog | None:
    if file is None:
        return None
    try:
        data = json.loads(file.read_bytes())
        return Catalog.from_dict(data["catalog"]) if data["place"] == where and _unchanged(data) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _unchanged(data: dict[str, Any]) -> bool:
    folders = data["folders"]
    now = folder_stamps(data["place"]["path"])
    if now.keys() != folders.keys() or any(file_stamp(path) != stamp for path, stamp in data["files"].items()):
        return False
    return all(
        stamp == folders[folder] or distributions_in(folder) == data["distributions"][folder]
        for folder, stamp in now.items()
    )


def _build(file: Path | None, where: dict[str, Any]) -> Catalog:
    from motools.plugins.builder import build
    from motools.plugins.remembered import remember

    folders = folder_stamps(where["path"])
    # A change in the same tick of the file system's clock as the last one would leave the times as they are.
    if 0 <= time.time_ns() - max(folders.values(), default=0) < _CLOCK_TICK_NS:
        time.sleep(_CLOCK_TICK_NS / 1e9)
        folders = folder_stamps(where["path"])
    distributions = {folder: distributions_in(folder) for folder in folders}
    catalog, files = build()
    if file is not None:
        data = {
            "place": where,
            "folders": folders,
            "distributions": distributions,
            "files": files,
            "catalog": catalog.to_dict(),
        }
        with suppress(OSError):
            _write(file, json.dumps(data).encode())
            remember(catalog)
    return catalog


def _write(file: Path, data: bytes) -> None:
    import tempfile

    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.replace(temporary, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _prune(file.parent)


def _prune(folder: Path) -> None:
    with os.scandir(folder) as items:
        found = sorted((item.stat().st_mtime_ns, item.path) for item in items if item.name.endswith((".json", ".lock")))
    for _, path in found[: -2 * _KEEP]:
        with suppress(OSError):
            os.unlink(path)


@contextmanager
def _lock(file: Path | None) -> Iterator[None]:
    """Keep other builders of the same catalog out; where locks cannot be had, every process builds for itself."""
    handle = None
    try:
        handle = _locked(file) if file is not None else None
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _locked(file: Path) -> int | None:
    try:
        import fcntl

        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (ImportError, OSError):
        return None
    until = time.monotonic() + _LOCK_SECONDS
    try:
        while time.monotonic() < until:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return handle
            except BlockingIOError:
                time.sleep(0.05)
    except OSError:
        pass
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None
