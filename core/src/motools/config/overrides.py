"""Settings said on the command line: `--set a.b=c`, `--set-file a.b=FILE` and `--set-file FILE`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from motools.canonical import JSON
from motools.config.document import DataPath, Document, Override, dotted
from motools.config.references import near_file
from motools.config.yaml import MAX_BYTES, decode_text, parse_yaml, resolve_scalar
from motools.errors import ConfigError

_KEY_AND_FILE = re.compile(r"([A-Za-z_][\w-]*(?:\.[\w-]+)*)=(.+)\Z", re.S)
_DATA = (".yaml", ".yml", ".json")


def apply_overrides(document: Document, overrides: Iterable[str], files: Iterable[str] = ()) -> Document:
    """Return the document with what the command line says over it: first `files`, then `overrides`, each in order.

    A value is read as a YAML scalar, or as YAML where it begins with `[`, `{` or a quote. A part that is due to be text
    is the text as typed, so `--set name=1.10` keeps its zero. A number in the key picks an item of a list
    (`layers.0=4`). Whether a key exists is judged when the whole is decoded; messages then name the setting.

    Args:
        document: what the file says.
        overrides: `key.key=value` each.
        files: `key.key=FILE`, where the file's content is the value: its text without the line end that ends it, or, where
            it is called `.yaml`, `.yml` or `.json` and the part is not due to be text, what it holds. Or `FILE` alone: a
            mapping of settings, nested or with dotted keys, that are laid over those of the document. Relative paths in
            such data start from the file's own folder.

    Raises:
        ConfigError: no `=`, an empty key, a value or file that is not YAML, or a key inside something that has none.
    """
    for text in files:
        document = _with_file(document, text)
    for text in overrides:
        key, equals, typed = text.partition("=")
        where = f"--set {key}"
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise ConfigError(
                f"'{text}' does not say key=value", where="--set", hint="Write it like --set train_model.suffix=mine."
            )
        document = _with(document, parts, _read(typed, where), Override(where=where, text=typed))
    return document


def _with(document: Document, parts: list[str], value: JSON, override: Override) -> Document:
    path, merged = _placed(document.value, parts, value, override.where, ())
    return document.with_override(path, merged, override)


def _with_file(document: Document, said: str) -> Document:
    named = _KEY_AND_FILE.match(said)
    where = f"--set-file {said}"
    file = Path(named[2] if named else said)
    content = _content(file, where)
    is_data = file.suffix.lower() in _DATA
    if named is None:
        return _laid_over(document, _data(content, file, where), where)
    text = content.removesuffix("\n").removesuffix("\r")
    if not is_data:
        return _with(document, named[1].split("."), text, Override(where, text))
    data = _data(content, file, where)
    return _with(document, named[1].split("."), data.value, Override(where, text, data))


def _laid_over(document: Document, data: Document, where: str) -> Document:
    if not isinstance(data.value, dict):
        raise ConfigError(
            "the file does not hold a mapping of settings",
            where=f"{data.source} ({where})",
            hint="Write settings in it as in a config file, or say which one it is the value of: --set-file KEY=FILE.",
        )
    for path, value in _leaves(data.value, ()):
        parts = [part for key in path for part in key.split(".")]
        override = Override(where, None, data, path)
        if not all(parts):
            place = f"{data.where(path, key=True)} ({where})"
            raise ConfigError(f"'{'.'.join(path)}' is no key", where=place, hint="Write step.key, or nest the keys.")
        try:
            document = _with(document, parts, value, override)
        except ConfigError as error:
            error.where = f"{data.where(path, key=True)} ({where})"
            raise
    return document


def _leaves(data: dict[str, JSON], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], JSON]]:
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _data(content: str, file: Path, where: str) -> Document:
    try:
        return parse_yaml(content, source=str(file), folder=file.absolute().parent)
    except ConfigError as error:
        error.where = f"{error.where or file} ({where})"
        raise


def _content(file: Path, where: str) -> str:
    try:
        with file.expanduser().open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"there is no file '{file}'", where=where, hint=near_file(file)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"'{file}' cannot be read: {reason}", where=where, hint="Name a readable file.") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"'{file}' is larger than {MAX_BYTES >> 20} MiB", where=where, hint="Name a smaller file.")
    try:
        return decode_text(data, source=str(file))
    except ConfigError as error:
        error.where = f"{error.where or file} ({where})"
        raise


def _read(typed: str, where: str) -> JSON:
    text = typed.strip()
    if text[:1] in ("[", "{", '"', "'"):
        try:
            return parse_yaml(text, source=where).value
        except ConfigError as error:
            raise ConfigError(error.message, where=where, hint="Quote the whole setting for the shell.") from None
    try:
        return resolve_scalar(text)
    except ValueError as error:
        raise ConfigError(str(error), where=where, hint="Give a finite number.") from None


def _placed(data: JSON, parts: list[str], value: JSON, where: str, path: DataPath) -> tuple[DataPath, JSON]:
    """Return the path that `parts` mean in `data`, and `data` with `value` there; `data` itself is not changed."""
    if not parts:
        return path, value
    name, rest = parts[0], parts[1:]
    if isinstance(data, list):
        if not (name.isdecimal() and int(name) < len(data)):
            raise ConfigError(
                f"'{dotted(path)}' is a list of {len(data)}, and '{name}' is none of its places",
                where=where,
                hint=f"Use a number from 0 to {len(data) - 1}, or give the whole list as [a, b].",
            )
        items: list[Any] = list(data)
        full, items[int(name)] = _placed(items[int(name)], rest, value, where, (*path, int(name)))
        return full, items
    if data is not None and not isinstance(data, dict):
        raise ConfigError(
            f"'{dotted(path)}' is {data!r} and has no keys", where=where, hint=f"Set it whole: --set {dotted(path)}=..."
        )
    table = dict(data or {})
    full, table[name] = _placed(table.get(name), rest, value, where, (*path, name))
    return full, table
