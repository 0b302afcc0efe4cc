"""`--set a.b=c`: a part of a config said on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from motools.canonical import JSON
from motools.config.document import DataPath, Document, Override, dotted
from motools.config.yaml import parse_yaml, resolve_scalar
from motools.errors import ConfigError


def apply_overrides(document: Document, overrides: Iterable[str]) -> Document:
    """Return the document with `key.key=value` settings applied in order.

    A value is read as a YAML scalar, or as YAML where it begins with `[`, `{` or a quote. A part that is due to be text
    is the text as typed, so `--set name=1.10` keeps its zero. A number in the key picks an item of a list
    (`layers.0=4`). Whether a key exists is judged when the whole is decoded; messages then name the setting.

    Raises:
        ConfigError: no `=`, an empty key, a value that is not YAML, or a key inside something that has none.
    """
    for text in overrides:
        key, equals, typed = text.partition("=")
        where = f"--set {key}"
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise ConfigError(
                f"'{text}' does not say key=value", where="--set", hint="Write it like --set train_model.suffix=mine."
            )
        value = _read(typed, where)
        path, merged = _placed(document.value, parts, value, where, ())
        document = document.with_override(path, merged, Override(where=where, text=typed))
    return document


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
