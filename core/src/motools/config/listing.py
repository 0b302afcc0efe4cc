"""What can be set, as a flat list for people: every key with its type, its default and what it does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from motools.canonical import JSON
from motools.config.schema import json_schema

_WORDS = {
    "null": "null",
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
}


@dataclass(frozen=True)
class Setting:
    """One key of a config.

    Args:
        name: the key, with the keys around it: `train_model.seed`.
        type: what may be written there, in words.
        required: whether it has no default.
        default: the default as a JSON value; None also where it has none.
        description: what it does, as the class says; empty where it does not.
    """

    name: str
    type: str
    required: bool
    default: JSON
    description: str

    def to_json(self) -> dict[str, JSON]:
        """Return it as JSON values."""
        return asdict(self)

    @property
    def default_text(self) -> str:
        """The default as one writes it in YAML."""
        return "(required)" if self.required else json.dumps(self.default, ensure_ascii=False)


def list_settings(cls: Any) -> list[Setting]:
    """Return every setting of a config class, those of configs inside it by their dotted names.

    Raises:
        DefinitionError: `cls` has an annotation that config values cannot have.
    """
    schema = json_schema(cls)
    definitions: Any = schema.get("$defs", {})
    return list(_listed(schema, definitions, (), ()))


def _listed(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], path: tuple[str, ...], inside: tuple[str, ...]
) -> Iterator[Setting]:
    record = _record(schema, definitions)
    required = record.get("required", ())
    for name, item in record.get("properties", {}).items():
        target = item.get("$ref", "")
        inner = _record(item, definitions)
        if target and target not in inside and "properties" in inner:
            yield from _listed(item, definitions, (*path, name), (*inside, target))
            continue
        yield Setting(
            ".".join((*path, name)),
            _type(item, definitions),
            name in required,
            item.get("default"),
            " ".join(str(item.get("description", "")).split()),
        )


def _record(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema itself, or the definition it refers to."""
    target = schema.get("$ref")
    found: Mapping[str, Any] = definitions[target.removeprefix("#/$defs/")] if target else schema
    return found


def _type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    schema = _record(schema, definitions)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(arm, definitions) for arm in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(value if isinstance(value, str) else json.dumps(value) for value in schema["enum"])
    if schema.get("type") == "array" and "items" in schema:
        return f"list of {_type(schema['items'], definitions)}"
    return _WORDS.get(schema.get("type", ""), "anything")
