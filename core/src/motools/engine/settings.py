"""From what people write as a workflow's settings to one checked object a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, field, fields, is_dataclass, make_dataclass
from pathlib import Path
from typing import Any

from motools.config.document import dotted
from motools.engine.secrets import check_secrets, remember_declared
from motools.errors import ConfigError, InputError, PluginError, UnknownComponentError, did_you_mean
from motools.workflow.config import StepConfig, WorkflowConfig
from motools.workflow.graph import Graph


def settings_class(graph: Graph) -> type[Any]:
    """Return the class of a workflow's settings: its own, or one made of its steps' classes.

    Raises:
        DefinitionError: the class of a step's settings is none that settings can have.
    """
    from motools.config.types import shape_of

    if graph.config_class is not None:
        return graph.config_class
    required: list[Any] = []
    optional: list[Any] = []
    for node in graph.nodes.values():
        cls = node.step.config_class
        if cls is None:
            continue
        shape_of(cls, where=f"the settings of step '{node.name}'")
        if _has_defaults(cls):
            optional.append((node.name, cls, field(default_factory=cls)))
        else:
            required.append((node.name, cls))
    return make_dataclass(f"{graph.name}_config", required + optional, bases=(WorkflowConfig,))


def step_settings(graph: Graph, given: Any, *, at: Any = None) -> dict[str, Any]:
    """Return node → checked settings (None for a step without settings).

    Args:
        graph: the compiled workflow.
        given: a mapping, an object of the settings class, or None for all defaults.
        at: says where in a file each value stands, for messages.

    Raises:
        ConfigError: an unknown, missing or wrong value.
    """
    from motools.config import decode

    cls = settings_class(graph)
    if given is None:
        given = {}
    if at is not None or isinstance(given, Mapping):
        given = decode(cls, given, at=at, elsewhere=lambda: _elsewhere(graph, given))
    elif graph.config_class is None and isinstance(given, WorkflowConfig):
        _check_steps(given, graph)
    elif not isinstance(given, cls):
        hint = f"Pass a {cls.__name__} or a mapping."
        if isinstance(given, (str, Path)):
            hint += f" Those in a file: motools.config.load_yaml({str(given)!r}).value"
        raise ConfigError(
            f"the settings are a {type(given).__name__}, not a {cls.__name__}",
            where=f"workflow '{graph.name}'",
            hint=hint,
        )
    configs: dict[str, Any] = {}
    for node in graph.nodes.values():
        config = getattr(given, node.name, None)
        expected = node.step.config_class
        if expected is not None and config is None:
            raise ConfigError(
                f"there are no settings for step '{node.name}'",
                where=cls.__name__,
                hint=f"Give {cls.__name__} a field '{node.name}: {expected.__name__}'.",
            )
        if config is not None:
            _check_references(config, at, (node.name,))
            if isinstance(config, StepConfig):
                config.complete(at, (node.name,))
        configs[node.name] = config
    remember_declared()
    check_secrets(configs, at)
    return configs


def _elsewhere(graph: Graph, given: Any) -> Iterable[str]:
    from motools.engine.schema import component_settings_names

    return component_settings_names(graph, given)


def component_settings(kind: str, name: str, given: Mapping[str, Any], at: Any, path: tuple[str | int, ...]) -> Any:
    """Return the settings of a component, checked by the class it declares, with defaults written out.

    Args:
        kind: `training_backend` ...
        name: the component.
        given: the settings as written.
        at: the document they were read from, or None.
        path: where in it they stand.

    Raises:
        ConfigError: a setting is unknown or wrong.
    """
    from motools.config import decode, encode
    from motools.plugins import load_config

    cls = load_config(kind, name)
    return dict(given) if cls is None else encode(decode(cls, given, at=at, path=path))


def _check_steps(given: WorkflowConfig, graph: Graph) -> None:
    """Refuse settings for a step that the workflow does not have."""
    for name in vars(given):
        if name not in graph.nodes:
            raise ConfigError(
                f"there is no step '{name}'",
                where=f"{type(given).__name__} for workflow '{graph.name}'",
                hint=did_you_mean(name, graph.nodes) or f"Steps are {', '.join(graph.nodes)}.",
            )


async def check_data(configs: Mapping[str, Any]) -> None:
    """Read the files of rows that settings name, as the run would: for `validate`, which has the time.

    Raises:
        DataError: rows are wrong; the message names file and line.
    """
    from motools.config import component_references
    from motools.config.references import is_path
    from motools.contracts.resolve import load_rows

    for config in configs.values():
        for reference in component_references(type(config), config) if config is not None else ():
            if reference.kind == "dataset" and is_path(reference.text) and ".py:" not in reference.text:
                await load_rows(reference.text)


def _find(config: Any, kind: str, name: str, folder: Path) -> None:
    from motools.plugins import find

    try:
        find(kind, name)
    except UnknownComponentError as error:
        if isinstance(config, StepConfig) and config.own_meaning(kind, name) is not None:
            return
        if (folder / name).is_file():
            error.hint = f"For the file, write ./{name}"
        raise


def _check_references(config: Any, at: Any, path: tuple[str | int, ...]) -> None:
    """Find every component and file the settings name, so that a wrong name is told before anything runs."""
    from motools.config import component_references
    from motools.config.references import is_path, near_file
    from motools.contracts.resolve import check_ending, load_object

    for reference in component_references(type(config), config):
        text = reference.text
        where = at.where((*path, *reference.path)) if at is not None else ".".join(map(str, (*path, *reference.path)))
        if reference.kind == "file" or is_path(text):
            file = Path(text.rpartition(":")[0] if ".py:" in text else text)
            if not file.exists():
                raise ConfigError(f"there is no file '{file}'", where=where, hint=near_file(file))
        try:
            check_ending(text, reference.kind)
            if ":" in text and reference.kind != "file":
                load_object(text)
            elif reference.kind != "file" and not is_path(text):
                _find(config, reference.kind, text, at.folder if at is not None else Path.cwd())
        except (PluginError, InputError) as error:
            error.where = error.where or where
            raise


def written_settings(at: Any) -> dict[str, Any] | None:
    """Return what was written of the settings and where, for the run's record; None where they were made in Python.

    `source` is the file as it was named, `folder` where it lies (None: there was none), `settings` what it said, and
    `overrides` what the command line said over it: `setting`, `said` (the option), `value`.
    """
    if at is None:
        return None
    overrides = [
        {"setting": dotted(path), "said": _said(override), "value": _at(at.value, path)}
        for path, override in at.overrides.items()
    ]
    return {
        "source": at.source,
        "folder": str(at.folder) if at.marks else None,
        "settings": at.written if at.overrides else at.value,
        "overrides": overrides,
    }


def _said(override: Any) -> str:
    if override.file is not None or override.text is None:
        return str(override.where)
    return f"{override.where}={override.text}" if override.where.startswith("--set ") else str(override.where)


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def settings_json(configs: Mapping[str, Any]) -> dict[str, Any]:
    """Return checked settings as JSON values, for the log."""
    from motools.config import encode

    return {name: encode(config) for name, config in configs.items() if config is not None}


def _has_defaults(cls: type[Any]) -> bool:
    if issubclass(cls, dict):
        return True
    if is_dataclass(cls):
        return all(item.default is not MISSING or item.default_factory is not MISSING for item in fields(cls))
    model_fields = getattr(cls, "model_fields", None)
    if model_fields is not None:
        return not any(item.is_required() for item in model_fields.values())
    return False
