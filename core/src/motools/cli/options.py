"""Options that many commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from motools.config.user import default_user
from motools.errors import ConfigError

if TYPE_CHECKING:
    from motools.config import Document

_SET_FILES = "motools.set_files"

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
    """Add `--set STEP.KEY=VALUE`, which may be said again, and what goes with it: `--set-file` and `--env-file`.

    The command gets `sets`; `read_settings` knows the rest.
    """
    command = env_file_option(command)
    command = click.option(
        "--set-file",
        multiple=True,
        metavar="[STEP.KEY=]FILE",
        expose_value=False,
        callback=_set_files,
        help="Set one value to what FILE holds; or, without STEP.KEY=, lay the settings in FILE over the file's.",
    )(command)
    return click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="STEP.KEY=VALUE",
        help="Set one value, over the file's; again for more.",
    )(command)


def env_file_option(command: _Command) -> _Command:
    """Add `--env-file PATH`: where secrets are read from that the environment does not have."""
    return click.option(
        "--env-file",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_env_file,
        help="File of NAME=value lines for ${{ secret.NAME }}.  [default: MOTOOLS_ENV_FILE]",
    )(command)


def read_settings(config: Path | None, sets: Sequence[str], *, otherwise: Document | None = None) -> Document:
    """Return the settings that the options say: those of `--config`, over them `--set-file`, over them `--set`.

    Args:
        config: the file; None: there is none.
        sets: as `set_option` gives them.
        otherwise: the settings where there is no file; none by default.

    Raises:
        ConfigError: a file or a setting cannot be read.
    """
    from motools.config import Document, apply_overrides, load_yaml

    if config is not None:
        document = load_yaml(config)
        if document.value is None:
            raise ConfigError(
                "the file holds no settings", where=str(config), hint="Leave --config out to use all defaults."
            )
    else:
        document = otherwise or Document({}, "the settings (there is no --config)", Path.cwd())
    return apply_overrides(document, sets, set_files())


def set_files() -> tuple[str, ...]:
    """Return what `--set-file` said to the command that is called now."""
    said: tuple[str, ...] = click.get_current_context().meta.get(_SET_FILES, ())
    return said


def _set_files(ctx: click.Context, option: click.Parameter, given: tuple[str, ...]) -> None:
    ctx.meta[_SET_FILES] = given


def _env_file(ctx: click.Context, option: click.Parameter, given: Path | None) -> None:
    if given is not None and not ctx.resilient_parsing:
        from motools.config.secrets import use_env_file

        use_env_file(given)


def user_option(command: _Command) -> _Command:
    """Add `--user NAME`; the command gets `user`."""
    return click.option(
        "--user", default=default_user, help="Whose results these are.  [default: MOTOOLS_USER, or your login name]"
    )(command)
