"""What people write: YAML, overrides, typed configs and their JSON Schema."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motools.config.decoding import ConfigProblems, Problem, decode, encode
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
    from motools.config.secrets import Secret
    from motools.config.yaml import dump_yaml, load_yaml, parse_yaml

# No module here may share its name with one of these: importing it would hide the function.
_HOMES = {
    "decoding": ("ConfigProblems", "Problem", "decode", "encode"),
    "document": ("Document", "dotted"),
    "overrides": ("apply_overrides",),
    "references": (
        "ComponentRef",
        "DatasetRef",
        "EvalBackendRef",
        "InputFile",
        "ProviderRef",
        "Reference",
        "TaskRef",
        "TrainingBackendRef",
        "component_references",
    ),
    "schema": ("json_schema",),
    "secrets": ("Secret",),
    "yaml": ("dump_yaml", "load_yaml", "parse_yaml"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

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
    "Secret",
    "TaskRef",
    "TrainingBackendRef",
    "apply_overrides",
    "component_references",
    "decode",
    "dotted",
    "dump_yaml",
    "encode",
    "json_schema",
    "load_yaml",
    "parse_yaml",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'motools.config' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"motools.config.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
