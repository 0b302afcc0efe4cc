"""The catalog: what is installed, as plain data that goes to JSON and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from motools.canonical import JSON

if TYPE_CHECKING:
    from motools.plugins.components import Component


class Entry(NamedTuple):
    """One component, and who declares it.

    Args:
        kind: `provider`, `dataset` ...
        name: the short name.
        target: `module:attribute`.
        summary: one line.
        distribution: the distribution that declares it, as it spells its own name.
        version: of that distribution.
        config: `module:attribute` of the type of its settings.
        cache_version: takes the place of the version in keys, where it is declared.
        fields: the other fields of the component (`licence`, `secrets` ...).
    """

    kind: str
    name: str
    target: str
    summary: str
    distribution: str
    version: str
    config: str | None = None
    cache_version: int | None = None
    fields: Mapping[str, JSON] = MappingProxyType({})

    @property
    def qualified(self) -> str:
        """`distribution/name`, which names it even where another plugin declares the same name."""
        return f"{self.distribution}/{self.name}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**self._asdict(), "fields": dict(self.fields)}


class PluginFailure(NamedTuple):
    """Why a plugin declares nothing.

    Args:
        stage: where it stopped: `metadata`, `trust`, `compatibility`, `import`, `hooks` or `declarations`.
        error: what happened, in one line.
        hint: what to do next.
        traceback: of what was raised, or where the module was when it hung or crashed; may be empty.
    """

    stage: str
    error: str
    hint: str
    traceback: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self._asdict()


class PluginRecord(NamedTuple):
    """One entry point in group `motools`.

    Args:
        distribution: the distribution's name as it spells it.
        version: of the distribution.
        entry_point: name of the entry point.
        module: the declaring module (what the entry point names).
        summary: the distribution's own line about itself.
        licence: of the distribution, as it states it.
        url: its home page.
        observes: whether it implements `motools_event`.
        failure: why it declares nothing; None when all is well.
    """

    distribution: str
    version: str
    entry_point: str
    module: str
    summary: str = ""
    licence: str = ""
    url: str = ""
    observes: bool = False
    failure: PluginFailure | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**self._asdict(), "failure": self.failure.to_dict() if self.failure else None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PluginRecord:
        """Read what `to_dict` returned."""
        failure = data["failure"]
        return cls(**{**data, "failure": PluginFailure(**failure) if failure else None})


class Catalog(NamedTuple):
    """Everything that installed plugins declare, sorted by distribution; plugins that failed are among `plugins`."""

    plugins: tuple[PluginRecord, ...] = ()
    entries: tuple[Entry, ...] = ()

    @property
    def failures(self) -> tuple[PluginRecord, ...]:
        """The plugins that declare nothing because something is wrong."""
        return tuple(plugin for plugin in self.plugins if plugin.failure)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "plugins": [plugin.to_dict() for plugin in self.plugins],
            "entries": [entry.to_dict() for entry in self.entries],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Catalog:
        """Read what `to_dict` returned.

        Raises:
            TypeError, KeyError: it is something else.
        """
        return cls(
            plugins=tuple(PluginRecord.from_dict(plugin) for plugin in data["plugins"]),
            entries=tuple(Entry(**entry) for entry in data["entries"]),
        )


def entry_of(component: Component, distribution: str, version: str) -> Entry:
    """Return the catalog's entry for a declared component.

    Raises:
        CanonicalError: a field of it is not plain data.
    """
    from dataclasses import asdict

    from motools.canonical import canonical_json

    fields: dict[str, Any] = {
        key: list(value) if isinstance(value, tuple) else value for key, value in asdict(component).items()
    }
    canonical_json(fields)
    common = {key: fields.pop(key) for key in ("name", "target", "summary", "config", "cache_version")}
    return Entry(kind=component.kind, distribution=distribution, version=version, fields=fields, **common)


def normalized(distribution: str) -> str:
    """Return a distribution's name in the form in which two spellings of it are equal."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
