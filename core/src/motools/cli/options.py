"""Options that many commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from motools.config.user import default_user

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _store(ctx: click.Context, option: click.Parameter, given: Path | None) -> Path:
    from motools.store.location import default_store_path

    return given.expanduser().absolute() if given is not None else default_store_path()


def store_option(command: _Command) -> _Command:
    """Add `--store PATH`; the command gets `store`, an absolute path that may not exist yet."""
    return click.option(
        "--store",
        type=click.Path(path_type=Path),
        callback=_store,
        help="Folder of the store.  [default: MOTOOLS_STORAGE_DIR, or .motools here]",
    )(command)


def json_option(command: _Command) -> _Command:
    """Add `--json`; the command gets `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout, for programs.")(command)


def config_option(command: _Command) -> _Command:
    """Add `--config PATH`; the command gets `config`."""
    return click.option(
        "--config",
        "-c",
        "config",
        type=click.Path(path_type=Path),
        help="YAML file with the settings: one mapping a step.",
    )(command)


def set_option(command: _Command) -> _Command:
    """Add `--set STEP.KEY=VALUE`, which may be said again; the command gets `sets`."""
    return click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="STEP.KEY=VALUE",
        help="Set one value, over the file's; again for more.",
    )(command)


def user_option(command: _Command) -> _Command:
    """Add `--user NAME`; the command gets `user`."""
    return click.option(
        "--user", default=default_user, help="Whose results these are.  [default: MOTOOLS_USER, or your login name]"
    )(command)
