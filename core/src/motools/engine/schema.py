"""The JSON Schema of a workflow's settings, with what is installed in it: names of components, and their settings."""

from __future__ import annotations

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
    """Return the schema of a workflow's settings, `matrix:` included.

    Settings of a component whose plugin fails are any mapping; the plugin says why when it is used.

    Raises:
        DefinitionError: a class of settings has an annotation that config values cannot have.
    """
    from motools.config.matrix_schema import with_matrix

    schema = with_matrix(json_schema(settings_class(graph), cache(_choices)))
    return {**schema, "title": f"Settings of the workflow {graph.name}"}


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
