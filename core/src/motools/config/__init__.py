"""What people write: YAML, overrides, typed configs and their JSON Schema.

Reading and writing typed configs is in `motools.config.decoding` (`decode`, `encode`).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motools.config.decoding import ConfigProblems, Problem
    from motools.config.document import Document, dotted
    from motools.config.overrides import apply_overrides
    from motools.config.references import (
        ComponentRef,
        DatasetRef,
        EvalBackendRef,
        InputFile,
        ProviderRef,
        Reference,
        TaskRef,
        TrainingBackendRef,
        component_references,
    )
    from motools.config.schema import json_schema
    from motools.config.yaml import load_yaml, parse_yaml

_HOMES = {
    "ComponentRef": "references",
    "ConfigProblems": "decode",
    "DatasetRef": "references",
    "Document": "document",
    "EvalBackendRef": "references",
    "InputFile": "references",
    "Problem": "decode",
    "ProviderRef": "references",
    "Reference": "references",
    "TaskRef": "references",
    "TrainingBackendRef": "references",
    "apply_overrides": "overrides",
    "component_references": "references",
    "dotted": "document",
    "json_schema": "schema",
    "load_yaml": "yaml",
    "parse_yaml": "yaml",
}

__all__ = [
    "ComponentRef",
    "ConfigProblems",
    "DatasetRef",
    "Document",
    "EvalBackendRef",
    "InputFile",
    "Problem",
    "ProviderRef",
    "Reference",
    "TaskRef",
    "TrainingBackendRef",
    "apply_overrides",
    "component_references",
    "dotted",
    "json_schema",
    "load_yaml",
    "parse_yaml",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'motools.config' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"motools.config.{home}"), name)
