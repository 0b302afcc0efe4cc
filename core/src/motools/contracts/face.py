"""Backends by the name of their class, as a module hands them on: nothing is imported until a name is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motools.canonical import JSON
from motools.errors import BrokenPluginError, did_you_mean


def backend_classes(kind: str) -> list[str]:
    """Return the names of the classes behind the components of `kind`, read from the catalog."""
    from motools.plugins import entries

    return [entry.target.rpartition(":")[2] for entry in entries(kind)]


def backend_class(kind: str, name: str, module: str) -> Any:
    """Return the class called `name` behind a component of `kind`; what `module.__getattr__` does.

    Raises:
        ImportError: nothing installed has a class of that name; the message says what to install.
        AttributeError: `name` cannot be a class of a backend (it does not begin with a capital).
        BrokenPluginError: importing it failed.
    """
    if not name[:1].isupper():
        raise AttributeError(f"module '{module}' has no attribute '{name}'")
    from motools.plugins import entries, load

    everything = entries(kind)
    found = [entry for entry in everything if entry.target.rpartition(":")[2] == name]
    if not found:  # `OpenAITrainingBackend` for the component `openai`, whatever its class is called
        wanted = name.lower()
        found = [entry for entry in everything if plain(entry.name) + plain(kind) == wanted]
    if len(found) > 1:
        owners = " and ".join(f"'{entry.distribution}'" for entry in found)
        raise ImportError(f"'{name}' is declared by {owners}; use {module}.get_backend('distribution/name')")
    if found:
        return load(kind, f"{found[0].distribution}/{found[0].name}")
    raise ImportError(f"no installed plugin declares '{name}'. {_advice(kind, name)}", name=module)


def _advice(kind: str, name: str) -> str:
    from motools.plugins.known import KNOWN

    there_is = backend_classes(kind)
    for component, distribution in sorted(KNOWN.get(kind, {}).items()):
        if name.lower().startswith(plain(component)):
            return f"The backend '{component}' comes with '{distribution}': pip install {distribution}"
    return did_you_mean(name, there_is) or f"There is: {', '.join(there_is) or 'nothing'}."


def plain(name: str) -> str:
    """Return a name as it would be within the name of a class, in lower case."""
    return name.replace("_", "").replace("-", "").replace(".", "").lower()


def new_backend(kind: str, name: str, cls: type[Any]) -> Any:
    """Return a new backend by its component's name.

    Raises:
        PluginError: there is none of that name, it cannot be loaded, or it is no `cls`.
    """
    from motools.plugins import load

    backend = load(kind, name)()
    if not isinstance(backend, cls):
        raise BrokenPluginError(
            f"'{name}' is a {type(backend).__module__}.{type(backend).__qualname__}, not an instance of {cls.__name__}",
            hint=f"Its class must be a subclass of motools.contracts.{cls.__name__}.",
        )
    return backend


def declared_settings(kind: str, backend: Any, given: Mapping[str, Any], name: str) -> dict[str, JSON]:
    """Return settings as the class that a backend's component declares has them: checked, with defaults written out.

    Args:
        kind: the component's kind.
        backend: a backend; one that no component declares gets its settings as they are.
        given: the settings as written.
        name: what to call them in messages.

    Raises:
        ConfigError: a setting is unknown or wrong.
    """
    from motools.config import decode, encode
    from motools.plugins import entries, load_config

    target = f"{type(backend).__module__}:{type(backend).__qualname__}"
    component = next((entry for entry in entries(kind) if entry.target == target), None)
    cls = load_config(kind, component.qualified) if component else None
    settings = dict(given) if cls is None else encode(decode(cls, given, path=(name,)))
    assert isinstance(settings, dict)
    return settings
