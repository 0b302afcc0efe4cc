"""What plugin authors import, and how the rest of motools looks components up.

A declaring module needs `hookimpl` and the `*Component` classes. Names are resolved on first use, so importing this
package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pluggy import HookimplMarker

    from motools.plugins.catalog import Catalog as Catalog
    from motools.plugins.catalog import Entry as Entry
    from motools.plugins.catalog import PluginFailure as PluginFailure
    from motools.plugins.catalog import PluginRecord as PluginRecord
    from motools.plugins.components import AtomTypeComponent as AtomTypeComponent
    from motools.plugins.components import Component as Component
    from motools.plugins.components import DatasetComponent as DatasetComponent
    from motools.plugins.components import EvalBackendComponent as EvalBackendComponent
    from motools.plugins.components import ExecutorComponent as ExecutorComponent
    from motools.plugins.components import ProviderComponent as ProviderComponent
    from motools.plugins.components import StepTypeComponent as StepTypeComponent
    from motools.plugins.components import TaskComponent as TaskComponent
    from motools.plugins.components import ToolComponent as ToolComponent
    from motools.plugins.components import TrainingBackendComponent as TrainingBackendComponent
    from motools.plugins.components import WorkflowComponent as WorkflowComponent
    from motools.plugins.lookup import add_component as add_component
    from motools.plugins.lookup import entries as entries
    from motools.plugins.lookup import find as find
    from motools.plugins.lookup import installed as installed
    from motools.plugins.lookup import load as load
    from motools.plugins.lookup import load_config as load_config
    from motools.plugins.lookup import refresh as refresh
    from motools.plugins.observers import PluginWarning as PluginWarning
    from motools.plugins.observers import notify as notify
    from motools.plugins.targets import import_target as import_target

    hookimpl = HookimplMarker("motools")
    """Marks a function of a declaring module as the implementation of the hook of its name."""

_HOMES = {
    "catalog": ("Catalog", "Entry", "PluginFailure", "PluginRecord"),
    "components": (
        "AtomTypeComponent",
        "Component",
        "DatasetComponent",
        "EvalBackendComponent",
        "ExecutorComponent",
        "ProviderComponent",
        "StepTypeComponent",
        "TaskComponent",
        "ToolComponent",
        "TrainingBackendComponent",
        "WorkflowComponent",
    ),
    "lookup": ("add_component", "entries", "find", "installed", "load", "load_config", "refresh"),
    "observers": ("PluginWarning", "notify"),
    "targets": ("import_target",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AtomTypeComponent",
    "Catalog",
    "Component",
    "DatasetComponent",
    "Entry",
    "EvalBackendComponent",
    "ExecutorComponent",
    "PluginFailure",
    "PluginRecord",
    "PluginWarning",
    "ProviderComponent",
    "StepTypeComponent",
    "TaskComponent",
    "ToolComponent",
    "TrainingBackendComponent",
    "WorkflowComponent",
    "add_component",
    "entries",
    "find",
    "hookimpl",
    "import_target",
    "installed",
    "load",
    "load_config",
    "notify",
    "refresh",
]


def __getattr__(name: str) -> Any:
    if name == "hookimpl":
        from pluggy import HookimplMarker

        value: Any = HookimplMarker("motools")
    elif name in _HOME:
        value = getattr(importlib.import_module(f"motools.plugins.{_HOME[name]}"), name)
    else:
        raise AttributeError(f"module 'motools.plugins' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
