"""`motools doctor`: what is wrong on this machine, and what to do about it. It changes nothing and imports no plugin."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from motools import __version__
from motools.cli.nouns import Verb
from motools.cli.options import json_option, store_option
from motools.cli.output import decorated, print_json, visible
from motools.errors import MotoolsError

_LOW_DISK = 2 << 30  # bytes: less than the weights of one small model and their copies
_OLD_SQLITE = (3, 35)  # RETURNING


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    Args:
        name: what.
        state: `ok`, `warning` (works, but) or `broken`.
        found: what was found.
        remedy: what to do about it.
    """

    name: str
    state: str
    found: str
    remedy: str = ""


@click.command(cls=Verb)
@store_option
@json_option
def doctor(store: Path, as_json: bool) -> None:
    """Find out what is wrong here, and what to do about it. Exits with 1 when something is broken.

    With --json: `ok`, and `checks` with `name`, `state` (ok, warning, broken), `found`, `remedy`.

    Example: motools doctor
    """
    checks = [*_machine(), _cache(), *_store(store), _disk(store), *_plugins()]
    broken = any(check.state == "broken" for check in checks)
    if as_json:
        print_json({"ok": not broken, "checks": [asdict(check) for check in checks]})
    else:
        _print(checks)
    if broken:
        sys.exit(1)


def _print(checks: list[Check]) -> None:
    colours = {"ok": "green", "warning": "yellow", "broken": "red"}
    width = max(len(check.name) for check in checks)
    for check in checks:
        state = check.state.ljust(7)
        if decorated(sys.stdout):
            state = click.style(state, fg=colours[check.state])
        click.echo(f"{state}  {check.name.ljust(width)}  {visible(check.found)}", color=decorated(sys.stdout))
        if check.remedy:
            indent = " " * (width + 11)
            click.echo(indent + visible(check.remedy, keep_lines=True).replace("\n", "\n" + indent))


def _machine() -> list[Check]:
    import platform

    python = f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})"
    checks = [
        Check("motools", "ok", f"{__version__} ({Path(__file__).resolve().parents[1]})"),
        Check("python", "ok", python),
        Check("platform", "ok", f"{platform.platform()}, {os.cpu_count()} processors"),
    ]
    try:
        import sqlite3
    except ImportError as error:
        remedy = "Use a Python that was built with SQLite: a store cannot be opened without it."
        return [*checks, Check("sqlite", "broken", f"cannot be imported: {error}", remedy)]
    if sqlite3.sqlite_version_info < _OLD_SQLITE:
        remedy = "Use a newer Python; motools needs SQLite 3.35."
        return [*checks, Check("sqlite", "broken", sqlite3.sqlite_version, remedy)]
    return [*checks, Check("sqlite", "ok", sqlite3.sqlite_version)]


def _cache() -> Check:
    from motools.config.paths import cache_dir
    from motools.plugins.cache import cache_problem

    problem = cache_problem()
    if problem is None:
        return Check("cache", "ok", str(cache_dir()))
    return Check("cache", "warning", problem, "Every start asks all plugins anew. Set MOTOOLS_CACHE_DIR to a folder.")


def _store(folder: Path) -> list[Check]:
    where = _existing(folder)
    kind = _file_system(where)
    checks = []
    try:
        from motools.store.location import refuse_network

        refuse_network(where)
        checks.append(Check("file system", "ok", kind))
    except MotoolsError as error:
        checks.append(Check("file system", "broken", error.message, error.hint or ""))
    if where != folder:
        if refusal := _refusal(where):
            remedy = "Choose another folder with --store or MOTOOLS_STORAGE_DIR."
            return [*checks, Check("store", "broken", f"'{folder}' cannot be made in '{where}': {refusal}", remedy)]
        return [*checks, Check("store", "ok", f"{folder} (not there yet; it is made by the first run)")]
    try:
        from motools.store.store import Store

        with Store.open(folder, create=False) as store:
            readonly = store.readonly
    except MotoolsError as error:
        return [*checks, Check("store", "broken", error.message, error.hint or "")]
    if refusal := "it is read-only" if readonly else _refusal(folder):
        remedy = "It can be read. To run something, choose another folder with --store or MOTOOLS_STORAGE_DIR."
        return [*checks, Check("store", "broken", f"'{folder}' cannot be written: {refusal}", remedy)]
    return [*checks, Check("store", "ok", str(folder))]


def _refusal(folder: Path) -> str | None:
    """Return why nothing can be written in a folder, or None; found out by writing, for rights do not tell all."""
    from tempfile import TemporaryFile

    try:
        with TemporaryFile(dir=folder) as file:
            file.write(bytes(1 << 16))
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _existing(path: Path) -> Path:
    """Return the folder, or the nearest above it that exists."""
    return next(each for each in (path, *path.parents) if os.path.exists(each))


def _file_system(folder: Path) -> str:
    from motools.store.location import file_system_of

    try:
        mounts = Path("/proc/self/mounts").read_text(errors="surrogateescape")
    except OSError:
        return "unknown"
    return file_system_of(os.path.realpath(folder), mounts) or "unknown"


def _disk(store: Path) -> Check:
    from shutil import disk_usage

    free = disk_usage(_existing(store)).free
    found = f"{free / (1 << 30):.1f} GiB free"
    if free < _LOW_DISK:
        return Check("disk", "warning", found, "Training a small model takes about 2 GiB. Free some space.")
    return Check("disk", "ok", found)


def _plugins() -> list[Check]:
    from motools.plugins.kinds import spoken
    from motools.plugins.lookup import installed

    try:
        catalog = installed()
    except MotoolsError as error:
        return [Check("plugins", "broken", error.message, error.hint or "")]
    working = [record for record in catalog.plugins if record.failure is None]
    checks = [Check("plugins", "ok", ", ".join(f"{each.distribution} {each.version}" for each in working) or "none")]
    if not any(record.distribution == "motools" for record in catalog.plugins):
        remedy = "Its own workflows and backends are not found. Install it instead of putting it on the path."
        checks.append(Check("plugins", "broken", "motools itself is not installed as a distribution", remedy))
    for record in catalog.failures:
        assert record.failure is not None
        # Leaving a plugin out on purpose is not a fault.
        state = "ok" if record.failure.stage == "trust" else "broken"
        found = f"{record.distribution} {record.version}: {record.failure.error}"
        checks.append(Check("plugin", state, found, record.failure.hint))
    names = [(entry.kind, entry.name) for entry in catalog.entries]
    for kind, name in sorted({each for each in names if names.count(each) > 1}):
        ways = " or ".join(f"'{each.qualified}'" for each in catalog.entries if (each.kind, each.name) == (kind, name))
        checks.append(Check("plugins", "warning", f"several declare the {spoken(kind)} '{name}'", f"Write {ways}."))
    return checks
