"""JSON Schema (draft 2020-12) of a config, for editors and `workflow schema`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from motools.canonical import JSON
from motools.config.decoding import decode, encode
from motools.config.references import ComponentRef, FileRef
from motools.config.types import MISSING, FieldShape, Shape, record_fields, shape_of
from motools.errors import ConfigError, MotoolsError

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SECTION = re.compile(r"^(Args|Arguments|Attributes|Fields):\s*$")
_ENTRY = re.compile(r"^(\s+)\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")


@dataclass(frozen=True)
class Choice:
    """A component that a setting may name.

    Args:
        names: what it may be called, the usual name first.
        summary: one line about it.
        config: the class of its settings; None where they are not typed.
    """

    names: tuple[str, ...]
    summary: str
    config: Any = None


Choices = Callable[[str], Sequence[Choice]]
"""Returns the components of a kind."""


def json_schema(cls: Any, choices: Choices | None = None) -> dict[str, JSON]:
    """Return the schema of what `decode(cls, ...)` accepts.

    Descriptions come from `Annotated[..., Doc("...")]`, else from the `Args:` section of the class's docstring.

    Args:
        cls: the class.
        choices: knows the components there are: names are then listed, and settings of a component are those of the one
            that is named. Without it any text may name a component, and its settings are any mapping.

    Raises:
        DefinitionError: `cls` has an annotation that config values cannot have.
    """
    writer = _Writer(choices)
    root = writer.write(shape_of(cls))
    schema: dict[str, JSON] = {"$schema": DIALECT, **root}
    if writer.definitions:
        schema["$defs"] = {name: writer.definitions[name] for name in sorted(writer.definitions)}
    return schema


class _Writer:
    """Collects the schemas of the classes met on the way, each once."""

    def __init__(self, choices: Choices | None) -> None:
        self.choices = choices
        self.definitions: dict[str, JSON] = {}
        self.names: dict[type, str] = {}

    def write(self, shape: Shape) -> dict[str, JSON]:
        schema: dict[str, JSON] = getattr(self, f"write_{shape.kind}", _scalar)(shape)
        if shape.doc:
            schema["description"] = shape.doc
        if isinstance(shape.marker, ComponentRef):
            schema["x-motools-component"] = shape.marker.kind
            if self.choices is not None:
                schema["anyOf"] = _names(shape.marker.kind, self.choices(shape.marker.kind))
        elif isinstance(shape.marker, FileRef):
            schema["x-motools-file"] = True
        return schema

    def write_secret(self, shape: Shape) -> dict[str, JSON]:
        return {"type": "string", "pattern": r"\$\{\{\s*secret\.[A-Za-z_][A-Za-z0-9_]*\s*\}\}"}

    def write_literal(self, shape: Shape) -> dict[str, JSON]:
        return {"enum": [encode(value) for value in shape.values]}

    def write_enum(self, shape: Shape) -> dict[str, JSON]:
        return {"enum": [encode(member) for member in shape.cls]}

    def write_union(self, shape: Shape) -> dict[str, JSON]:
        return {"anyOf": [self.write(arm) for arm in shape.inner]}

    def write_list(self, shape: Shape) -> dict[str, JSON]:
        return {"type": "array", "items": self.write(shape.inner[0])}

    def write_tuple(self, shape: Shape) -> dict[str, JSON]:
        size = len(shape.inner)
        return {
            "type": "array",
            "prefixItems": [self.write(item) for item in shape.inner],
            "minItems": size,
            "maxItems": size,
        }

    def write_dict(self, shape: Shape) -> dict[str, JSON]:
        key, value = shape.inner
        schema: dict[str, JSON] = {"type": "object", "additionalProperties": self.write(value)}
        if key.kind in ("literal", "enum"):
            schema["propertyNames"] = self.write(key)
        return schema

    def write_record(self, shape: Shape) -> dict[str, JSON]:
        return {"$ref": f"#/$defs/{self.define(shape.cls)}"}

    def define(self, cls: type) -> str:
        if cls in self.names:
            return self.names[cls]
        name = self.names[cls] = self.free_name(cls)
        self.definitions[name] = {}  # its place, for a class that mentions itself
        described = _args_section(cls)
        fields = record_fields(cls)
        schema: dict[str, JSON] = {"type": "object", "title": cls.__name__}
        summary = _summary(cls)
        if summary:
            schema["description"] = summary
        schema["properties"] = {field.name: self.write_field(field, described) for field in fields.values()}
        required: list[JSON] = [field.name for field in fields.values() if _must_be_given(field)]
        if required:
            schema["required"] = required
        schema["additionalProperties"] = False
        if self.choices is not None:
            conditions = [part for field in fields.values() for part in self.component_settings(field, fields)]
            if conditions:
                schema["allOf"] = conditions
        self.definitions[name] = schema
        return name

    def component_settings(self, field: FieldShape, fields: Mapping[str, FieldShape]) -> Iterator[JSON]:
        """Yield, for a field that holds the settings of a component, what they are for each component that may be named."""
        names = fields.get(field.shape.settings_of or "")
        if names is None or not isinstance(names.shape.marker, ComponentRef):
            return
        assert self.choices is not None
        for choice in self.choices(names.shape.marker.kind):
            if choice.config is None:
                continue
            named: dict[str, JSON] = {"properties": {names.name: {"enum": [*choice.names]}}}
            if names.default not in choice.names:
                named["required"] = [names.name]
            inside: dict[str, JSON] = {"properties": {field.name: self.write(shape_of(choice.config))}}
            if not _complete_without(choice.config):
                inside["required"] = [field.name]
            yield {"if": named, "then": inside}

    def write_field(self, field: FieldShape, described: dict[str, str]) -> dict[str, JSON]:
        schema = self.write(field.shape)
        if "description" not in schema and field.name in described:
            schema["description"] = described[field.name]
        try:
            if field.default is not MISSING:
                schema["default"] = encode(field.default)
            elif field.default_factory is not MISSING:
                schema["default"] = encode(field.default_factory())
        except MotoolsError:
            pass  # a default that has no JSON form cannot be shown; the field is optional all the same
        return schema

    def write_model(self, shape: Shape) -> dict[str, JSON]:
        if shape.cls not in self.names:
            name = self.names[shape.cls] = self.free_name(shape.cls)
            schema = shape.cls.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}")
            for inner, definition in schema.pop("$defs", {}).items():
                self.definitions[f"{name}.{inner}"] = _closed(definition)
            self.definitions[name] = _closed(schema)
        return {"$ref": f"#/$defs/{self.names[shape.cls]}"}

    def free_name(self, cls: type) -> str:
        taken = set(self.names.values())
        return next(
            name
            for name in (cls.__name__, f"{cls.__module__}.{cls.__name__}", f"{cls.__module__}.{cls.__name__}.{id(cls)}")
            if name not in taken
        )


def _scalar(shape: Shape) -> dict[str, JSON]:
    kinds: dict[str, JSON] = {"none": "null", "text": "string", "path": "string", "int": "integer", "float": "number"}
    kinds["bool"] = "boolean"
    return {"type": kinds[shape.kind]} if shape.kind in kinds else {}


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Refuse unknown keys, as `decode` does, unless the model says otherwise."""
    if schema.get("type") == "object" and "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return schema


def _must_be_given(field: FieldShape) -> bool:
    return field.required and not (field.shape.kind == "record" and _complete_without(field.shape.cls))


def _complete_without(cls: Any) -> bool:
    """Say whether a class of settings needs no key."""
    try:
        decode(cls, {})
    except ConfigError:
        return False
    return True


def _names(kind: str, choices: Sequence[Choice]) -> list[JSON]:
    """Return what may stand where a component of a kind is named."""
    listed: dict[str, JSON] = {
        "enum": [name for choice in choices for name in choice.names],
        "enumDescriptions": [choice.summary for choice in choices for _ in choice.names],
    }
    others: list[JSON] = [{"pattern": pattern, "description": words} for words, pattern in _ELSEWHERE.get(kind, ())]
    return [listed, *others]


_PATH = ("a file: ./x, ../x, /x, ~/x", r"^(\.{1,2}|~)?/")
_ATTRIBUTE = ("module:attribute, or ./file.py:attribute", r"^[^/@]+:[^:]+$")
_ELSEWHERE = {
    "dataset": (_PATH, _ATTRIBUTE),
    "task": (
        _PATH,
        _ATTRIBUTE,
        ("a task that only the eval backend knows: package/name, file.py@name", r"^[^:]*[/@][^:]*$"),
    ),
}
"""Kinds of components that may be something else than a declared one."""


def _summary(cls: type) -> str | None:
    text = cls.__dict__.get("__doc__") or ""
    # @dataclass writes the signature where there is no docstring.
    first = inspect.cleandoc(text).partition("\n\n")[0].replace("\n", " ")
    return None if first.startswith(f"{cls.__name__}(") else first or None


def _args_section(cls: type) -> dict[str, str]:
    """Return what the `Args:` sections of a class and its bases say of each field."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        found.update(_entries(inspect.cleandoc(base.__dict__.get("__doc__") or "")))
    return found


def _entries(text: str) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    indent, current, inside = 0, "", False
    for line in text.splitlines():
        if _SECTION.match(line):
            inside, indent, current = True, 0, ""
        elif inside and line.strip():
            depth = len(line) - len(line.lstrip())
            if depth == 0:
                inside = False
                continue
            entry = _ENTRY.match(line)
            if entry and (indent == 0 or depth == indent):
                indent, current = depth, entry.group(2)
                found[current] = [entry.group(3)]
            elif current:
                found[current].append(line.strip())
    return {name: " ".join(lines).strip() for name, lines in found.items()}
