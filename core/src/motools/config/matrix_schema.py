"""The JSON Schema of `matrix:`, beside that of a workflow's settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from motools.canonical import JSON
from motools.config.matrix import KEY

_SCALARS = ("string", "integer", "number", "boolean", "null")


def with_matrix(schema: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the schema of a workflow's settings with the key `matrix` in it.

    In the matrix every setting is known by its path with its own schema, so that editors complete and check arms.

    Args:
        schema: what `json_schema` returns for a record with a record a step.
    """
    definitions = dict(cast("dict[str, Any]", schema.get("$defs", {})))
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if name not in definitions or KEY in definitions[name].get("properties", {}):
        return dict(schema)  # a step of that name keeps its settings
    root = definitions[name]
    typed = dict(_paths(root, definitions, (), ()))
    settings = {path: found for path, (found, _) in typed.items()}
    inside = "|".join(path.replace(".", r"\.") for path, (_, is_open) in typed.items() if is_open)
    pattern = rf"^({inside})\." if inside else None
    definitions[name] = {**root, "properties": {**root["properties"], KEY: {"$ref": "#/$defs/matrix"}}}
    definitions["matrix_settings"] = {
        "type": ["object", "null"],
        "description": "Settings by their paths, over those outside the matrix; {} changes nothing.",
        "properties": settings,
        **({"patternProperties": {pattern: {}}} if pattern else {}),
        "additionalProperties": False,
    }
    lists = {path: {"type": "array", "minItems": 1, "items": found} for path, found in settings.items()}
    definitions["matrix"] = {
        "type": "object",
        "title": "matrix",
        "description": "What varies. Every combination is a cell: a run of its own, which shares steps with the others.",
        "minProperties": 1,
        "properties": {**_fixed(settings), **lists},
        **({"patternProperties": {pattern: {"type": "array", "minItems": 1}}} if pattern else {}),
        "additionalProperties": {
            "type": "object",
            "description": "An axis of named arms: name → settings.",
            "minProperties": 1,
            "additionalProperties": {"$ref": "#/$defs/matrix_settings"},
        },
    }
    return {**schema, "$defs": {key: definitions[key] for key in sorted(definitions)}}


def _fixed(settings: Mapping[str, Any]) -> dict[str, Any]:
    values = {
        "anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "integer"}},
        ]
    }
    paths = {"type": "string", "examples": list(settings)}
    chosen = {
        "type": "object",
        "properties": {"values": values, "set": {"anyOf": [paths, {"type": "array", "minItems": 1, "items": paths}]}},
        "required": ["values"],
        "additionalProperties": False,
    }
    entries = {"type": "array", "items": {"type": "object", "minProperties": 1}}
    return {
        "arms": {
            "type": "object",
            "description": "The arms of the experiment: name → settings.",
            "minProperties": 1,
            "additionalProperties": {"$ref": "#/$defs/matrix_settings"},
        },
        "seeds": {
            "description": "Seeds, or how many (3 is 0, 1 and 2), for the setting 'seed' of every step, or for those in 'set'.",
            "anyOf": [*values["anyOf"], chosen],
        },
        "include": {**entries, "description": "More cells: axis → value, and settings of their own."},
        "exclude": {**entries, "description": "Cells of the axes that are left out: axis → value."},
        "on_failure": {
            "enum": ["continue", "stop"],
            "default": "continue",
            "description": "Whether cells are begun after one has failed.",
        },
        "jobs": {
            "type": ["integer", "null"],
            "minimum": 1,
            "description": "How many steps run at once in all cells together.",
        },
    }


def _paths(
    record: Mapping[str, Any], definitions: Mapping[str, Any], path: tuple[str, ...], inside: tuple[str, ...]
) -> Iterator[tuple[str, tuple[Any, bool]]]:
    """Yield the path of every setting with its schema, and whether paths may lead into it."""
    for name, item in record.get("properties", {}).items():
        here = (*path, name)
        target = str(item.get("$ref", "")).removeprefix("#/$defs/")
        inner = definitions.get(target, {})
        known = "properties" in inner
        yield ".".join(here), ({"type": "object"} if known else item, not known and not _is_scalar(item))
        if known and target not in inside:
            yield from _paths(inner, definitions, here, (*inside, target))


def _is_scalar(schema: Mapping[str, Any]) -> bool:
    if schema.get("type") in _SCALARS or "enum" in schema or "const" in schema:
        return True
    return "anyOf" in schema and all(_is_scalar(arm) for arm in schema["anyOf"])
