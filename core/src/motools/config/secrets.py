"""Secrets in configs: `${{ secret.NAME }}`, wherever text may stand.

A config holds the reference and never the value; so do keys, logs and saved configs. The value is read from the
environment, or from the file that `--env-file` or `MOTOOLS_ENV_FILE` names, and put in its place only for the call of
the step that needs it. From then on this process knows the value and takes it out of everything it records.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.config.redaction import MIN_LENGTH, Redactor
from motools.errors import ConfigError

if TYPE_CHECKING:
    from motools.config.document import DataPath

ENV_FILE = "MOTOOLS_ENV_FILE"
OPENING = "${{"

_REFERENCE = re.compile(r"\$\$\{\{|\$\{\{(.*?)\}\}", re.S)
_NAME = re.compile(r"\s*secret\.([A-Za-z_][A-Za-z0-9_]*)\s*\Z")

_env_file: Path | None = None
_known: dict[str, str] = {}  # value → name
_filled: dict[str, str] = {}  # text with values → the text with references that it was written as
_redactor = Redactor({})


# -- what is written


def references(text: str) -> list[str]:
    """Return the names of the secrets that a text refers to. `$${{` is the text `${{` and no reference.

    Raises:
        ConfigError: what stands between `${{` and `}}` is no `secret.NAME`, or there is no `}}`.
    """
    names = []
    for found in _REFERENCE.finditer(text):
        if found[0] == "$" + OPENING:
            continue
        named = _NAME.match(found[1])
        if named is None:
            said = found[0] if len(found[0]) <= 60 else f"{found[0][:57]}..."
            plural = found[1].strip().startswith("secrets.")
            raise ConfigError(
                f"'{said}' is no reference to a secret",
                hint="Did you mean 'secret.' without an 's'?"
                if plural
                else "Write ${{ secret.NAME }}, with a name of letters, digits and '_'; for the text '${{' itself write '$${{'.",
            )
        names.append(named[1])
    if OPENING in _REFERENCE.sub("", text):
        raise ConfigError(
            "'${{' has no '}}' after it", hint="Write ${{ secret.NAME }}; for the text '${{' itself write '$${{'."
        )
    return names


def texts(value: Any, path: DataPath = ()) -> Iterator[tuple[DataPath, str]]:
    """Yield every text in a config, or in JSON data, that holds `${{`, with the way to it."""
    if isinstance(value, (str, Secret, os.PathLike)):
        text = value.reference if isinstance(value, Secret) else os.fspath(value)
        if isinstance(text, str) and OPENING in text:
            yield path, text
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, (*path, str(key)))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from texts(item, (*path, index))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from texts(getattr(value, field.name, None), (*path, field.name))
    elif hasattr(value, "model_fields_set"):
        for name in type(value).model_fields:
            yield from texts(getattr(value, name), (*path, name))
    elif hasattr(value, "get_secret_value"):
        yield from texts(value.get_secret_value(), path)


class Secret:
    """A setting that is a secret. It holds the reference, so nothing that shows or stores it shows the value.

        @dataclass
        class AskConfig(StepConfig):
            api_key: Secret

    and in the step `config.api_key.reveal()`.

    Args:
        reference: text with at least one `${{ secret.NAME }}`.

    Raises:
        ConfigError: there is no reference in it.
    """

    __slots__ = ("reference",)

    reference: str

    def __init__(self, reference: str) -> None:
        if not references(reference):
            raise ConfigError(
                "a secret is not written down itself",
                hint="Write ${{ secret.NAME }}, and set NAME in the environment or in a file for --env-file.",
            )
        object.__setattr__(self, "reference", reference)

    def reveal(self) -> str:
        """Return the value.

        Raises:
            ConfigError: it is not set, or too short to be kept out of logs.
        """
        return fill(self.reference)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Secret does not change")

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, (self.reference,)

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reference == self.reference

    def __hash__(self) -> int:
        return hash((Secret, self.reference))


def reveal(config: Any) -> Any:
    """Return a config with the values of its secrets in place of the references; without any it is the config itself.

    A `Secret` stays one. Classes are not called again: what checks the settings saw the reference.

    Raises:
        ConfigError: a secret is not set, or too short.
    """
    if next(texts(config), None) is None:
        return config
    return _revealed(config)


def _revealed(value: Any) -> Any:
    if isinstance(value, str):
        return fill(value) if OPENING in value else value
    if isinstance(value, Path):
        return type(value)(fill(str(value)))
    if isinstance(value, Mapping):
        return {key: _revealed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_revealed(item) for item in value])
    if hasattr(value, "model_fields_set"):
        return value.model_copy(update={name: _revealed(getattr(value, name)) for name in type(value).model_fields})
    if hasattr(value, "get_secret_value"):
        return type(value)(fill(value.get_secret_value()))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        from copy import copy

        made = copy(value)
        for field in dataclasses.fields(value):
            if hasattr(value, field.name):
                object.__setattr__(made, field.name, _revealed(getattr(value, field.name)))
        return made
    return value


def fill(text: str) -> str:
    """Return a text with its references replaced by the values, and `$${{` by `${{`; the values are remembered.

    Raises:
        ConfigError: a secret is not set, or too short.
    """

    def value(found: re.Match[str]) -> str:
        if found[0] == "$" + OPENING:
            return OPENING
        named = _NAME.match(found[1])
        assert named is not None  # it was checked when the config was read
        return known_value(named[1])

    names = references(text)
    filled = _REFERENCE.sub(value, text)
    if names:
        _filled[filled] = text
    return filled


def written(text: str) -> str:
    """Return how a text was written before `reveal` filled in its secrets; a text without any is itself.

    A component's class may read settings again within the step: there a `Secret` is given its value.
    """
    return _filled.get(text, text)


# -- where values come from


def use_env_file(path: str | os.PathLike[str] | None) -> None:
    """Read secrets that the environment does not have from this file, in this process; None: from `MOTOOLS_ENV_FILE`.

    Raises:
        ConfigError: there is no such file, or it is not written as `.env` files are.
    """
    global _env_file
    _env_file = None if path is None else Path(path).expanduser().absolute()
    if _env_file is not None:
        _read(_env_file, os.stat(_env_file).st_mtime_ns if _env_file.is_file() else 0)


def env_file() -> Path | None:
    """Return the file that secrets are read from besides the environment, if one is named."""
    named = os.environ.get(ENV_FILE)
    return _env_file or (Path(named).expanduser().absolute() if named else None)


def lookup(name: str) -> str | None:
    """Return what the environment says of a secret, else what the file says of it; None where neither has it.

    Raises:
        ConfigError: the file cannot be read.
    """
    value = os.environ.get(name)
    file = env_file()
    if not value and file is not None:
        value = _read(file, os.stat(file).st_mtime_ns if file.is_file() else 0).get(name)
    return value or None


@lru_cache(maxsize=4)
def _read(file: Path, stamp: int) -> Mapping[str, str]:
    from motools.config.envfile import read_env_file

    return read_env_file(file)


def problem_with(name: str) -> ConfigError | None:
    """Return why a secret cannot be used, and what to do; None if it can."""
    value = lookup(name)
    if value is None:
        file = env_file()
        also = f"or add it to '{file}'." if file else f"or write {name}=... into a file and name that with --env-file."
        return ConfigError(f"the secret '{name}' is not set", hint=f"Set the environment variable {name}, {also}")
    if len(value) < MIN_LENGTH:
        return ConfigError(
            f"the secret '{name}' has {len(value)} characters, too few to be told from other text in a log",
            hint=f"Use one of at least {MIN_LENGTH}; what is no secret can stand in the settings itself.",
        )
    return None


def known_value(name: str) -> str:
    """Return a secret's value; from now on it is taken out of what this process records.

    Raises:
        ConfigError: it is not set, or too short.
    """
    if (problem := problem_with(name)) is not None:
        raise problem
    value = lookup(name)
    assert value is not None
    remember({name: value})
    return value


# -- what this process keeps out of its records


def remember(secrets: Mapping[str, str]) -> None:
    """Take these values (name → value) out of everything that this process records from now on."""
    global _redactor
    new = {value: name for name, value in secrets.items() if value and value not in _known}
    if new:
        _known.update(new)
        _redactor = Redactor(_known)


def remember_environment(names: Iterable[str]) -> None:
    """`remember` those of the environment variables `names` that are set."""
    remember({name: value for name in names if (value := os.environ.get(name))})


def redactor() -> Redactor:
    """Return what takes the secrets that this process knows out of texts."""
    return _redactor


def redacted(text: str) -> str:
    """Return a text without the secrets that this process knows."""
    return _redactor.text(text)
