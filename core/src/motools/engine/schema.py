"""The JSON Schema of a workflow's settings, with what is installed in it: names of components, and their settings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from motools.canonical import JSON
from motools.config.schema import Choice, json_schema
from motools.config.types import FieldShape, record_fields, shape_of
from motools.engine.settings import settings_class
from motools.errors import MotoolsError
from motools.workflow.graph import Graph


def workflow_schema(graph: Graph) -> dict[str, JSON]:
    """Return the schema of a workflow's settings.

    Settings of a component whose plugin fails are any mapping; the plugin says why when it is used.

    Raises:
        DefinitionError: a class of settings has an annotation that config values cannot have.
    """
    schema: dict[str, Any] = json_schema(settings_class(graph), cache(_choices))
    root = schema["$defs"][schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else schema
    if "matrix" not in root.get("properties", {"matrix": None}):
        root["properties"]["matrix"] = matrix_schema(graph.nodes)
    return {**schema, "title": f"Settings of the workflow {graph.name}"}


def matrix_schema(steps: Iterable[str]) -> dict[str, JSON]:
    """Return the schema of `matrix:`, as far as it does not depend on the axes; docs/matrix.md has the grammar.

    Args:
        steps: the steps of the workflow: the first words of the paths of settings.
    """
    begins = "|".join(re.escape(step) for step in steps)
    several: dict[str, JSON] = {"type": "array", "minItems": 1, "items": {"type": "integer"}}
    seeds: list[JSON] = [{"type": "integer", "minimum": 1}, several]
    spelt: dict[str, JSON] = {
        "type": "object",
        "properties": {
            "values": {"anyOf": [*seeds]},
            "set": {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]},
        },
        "required": ["values"],
        "additionalProperties": False,
    }
    entries: dict[str, JSON] = {"type": "array", "items": {"type": "object", "minProperties": 1}}
    arms: dict[str, JSON] = {"type": "object", "minProperties": 1, "additionalProperties": {"type": ["object", "null"]}}
    return {
        "description": "Axes whose values are combined into cells, each a run of its own (docs/matrix.md).",
        "type": "object",
        "properties": {
            "seeds": {"anyOf": [*seeds, spelt], "description": "how many seeds (3 for 0, 1 and 2), or which"},
            "include": {**entries, "description": "cells besides those of the axes"},
            "exclude": {**entries, "description": "cells of the axes that are left out"},
            "on_failure": {"enum": ["continue", "stop"], "default": "continue"},
            "jobs": {"type": ["integer", "null"], "minimum": 1, "description": "steps at once in all cells together"},
        },
        "patternProperties": {
            f"^({begins})[.]": {"type": "array", "minItems": 1, "description": "the values of one setting"},
            f"^(?!({begins}|seeds|include|exclude|on_failure|jobs)([.]|$))": {
                **arms,
                "description": "named arms: a name, and the settings it changes by their whole paths",
            },
        },
        "additionalProperties": False,
    }


def component_settings_names(graph: Graph, given: Any) -> Iterator[str]:
    """Yield the full names of the settings of the components that a workflow's settings name.

    Args:
        graph: the workflow.
        given: the settings as data, as far as they can be read.
    """
    shape = shape_of(settings_class(graph))
    for node, step in record_fields(shape.cls).items() if shape.kind == "record" else ():
        if step.shape.kind == "record":
            fields = record_fields(step.shape.cls)
            said = given.get(node) if isinstance(given, Mapping) else None
            for name, known in fields.items():
                for inner in _names_inside(known, fields, said):
                    yield f"{node}.{name}.{inner}"


def _names_inside(known: FieldShape, fields: Mapping[str, FieldShape], said: Any) -> Iterable[str]:
    named = fields.get(known.shape.settings_of or "")
    if named is None or named.shape.marker is None:
        return ()
    name = said.get(named.name, named.default) if isinstance(said, Mapping) else named.default
    choices = _choices(getattr(named.shape.marker, "kind", ""))
    config = next((choice.config for choice in choices if name in choice.names), None)
    if config is None:
        return ()
    shape = shape_of(config)
    if shape.kind == "record":
        return record_fields(shape.cls)
    from motools.config.models import model_fields

    return model_fields(shape.cls)


def _choices(kind: str) -> list[Choice]:
    from motools.plugins import entries, load_config

    found = entries(kind)
    short = Counter(entry.name for entry in found)
    choices = []
    for entry in found:
        names = (entry.name, entry.qualified) if short[entry.name] == 1 else (entry.qualified,)
        try:
            config = load_config(kind, entry.qualified)
        except MotoolsError:
            config = None
        choices.append(Choice(names, entry.summary, config))
    return choices
