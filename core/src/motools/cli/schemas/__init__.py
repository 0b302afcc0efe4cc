"""The JSON that each command prints with `--json`, as JSON Schemas (2020-12), a file for each command.

`<noun>-<verb>.json` may refer to `common.json#/$defs/NAME`; `load_schema` puts what it refers to into one document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

_SHARED = "common.json#/$defs/"
_NO_COMMAND = {"common", "error"}
LINES = "lines"
"""Value of a schema's `x-output` where the command prints one such document a line."""


def schema_names() -> list[str]:
    """Return the names of the schemas of all commands (`run-show`), sorted."""
    files = (file.name for file in resources.files(__name__).iterdir())
    return sorted({name.removesuffix(".json") for name in files if name.endswith(".json")} - _NO_COMMAND)


def load_schema(name: str) -> dict[str, Any]:
    """Return the schema of a command's `--json` as one document that refers to nothing outside itself.

    Args:
        name: the command's words joined by `-` (`run-show`), or `error` for what stderr ends with where a command fails.

    Raises:
        KeyError: there is none.
    """
    if name not in [*schema_names(), "error"]:
        raise KeyError(name)
    schema = _read(name)
    shared: dict[str, Any] = _read("common")["$defs"]
    needed: dict[str, Any] = {}
    waiting: list[Any] = [schema]
    while waiting:
        for wanted in _references(waiting.pop()):
            if wanted not in needed:
                needed[wanted] = shared[wanted]
                waiting.append(shared[wanted])
    bundled: dict[str, Any] = _inside(schema)
    if needed:
        bundled["$defs"] = {each: _inside(needed[each]) for each in sorted(needed)}
    return bundled


def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((resources.files(__name__) / f"{name}.json").read_text(encoding="utf-8"))
    return data


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str) and target.startswith(_SHARED):
            yield target.removeprefix(_SHARED)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _references(item)


def _inside(value: Any) -> Any:
    """Return a schema whose references to the shared file are references into the document itself."""
    if isinstance(value, list):
        return [_inside(item) for item in value]
    if not isinstance(value, dict):
        return value
    target = value.get("$ref")
    if isinstance(target, str) and target.startswith(_SHARED):
        value = {**value, "$ref": "#/$defs/" + target.removeprefix(_SHARED)}
    return {name: _inside(item) for name, item in value.items()}
