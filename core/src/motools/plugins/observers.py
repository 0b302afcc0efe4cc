"""Telling plugins what happens. Nothing they do can stop or change a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from motools.canonical import JSON
from motools.plugins.catalog import Catalog, PluginRecord
from motools.plugins.kinds import OBSERVING_HOOK
from motools.plugins.lookup import installed


class PluginWarning(UserWarning):
    """An observing plugin failed; the run goes on."""


_Observer = Callable[[Mapping[str, JSON]], Any]

_asked: Catalog | None = None
_observers: list[tuple[PluginRecord, _Observer]] = []
_complained: set[str] = set()


def notify(event: Mapping[str, JSON]) -> None:
    """Tell every plugin that implements `motools_event` what happened, one after the other; each gets a copy.

    What one raises becomes one `PluginWarning` a process. Where no plugin observes, this does nothing.
    """
    for plugin, observe in _observing():
        from copy import deepcopy

        try:
            observe(deepcopy(dict(event)))
        except (Exception, SystemExit) as error:
            _complain(plugin, error)


def _observing() -> list[tuple[PluginRecord, _Observer]]:
    global _asked, _observers
    catalog = installed()
    if catalog is not _asked:
        _asked = catalog
        _observers = [
            (plugin, observe)
            for plugin in catalog.plugins
            if plugin.observes and (observe := _implementation(plugin)) is not None
        ]
    return _observers


def _implementation(plugin: PluginRecord) -> _Observer | None:
    from importlib import import_module

    try:
        module, _, attribute = plugin.module.partition(":")
        found: Any = import_module(module)
        for part in filter(None, attribute.split(".")):
            found = getattr(found, part)
        for name in dir(found):
            marked = getattr(getattr(found, name), "motools_impl", None)
            if marked and (marked.get("specname") or name) == OBSERVING_HOOK:
                implementation: _Observer = getattr(found, name)
                return implementation
        raise ImportError(f"it no longer implements {OBSERVING_HOOK}")
    except (Exception, SystemExit) as error:
        _complain(plugin, error)
        return None


def _complain(plugin: PluginRecord, error: BaseException) -> None:
    if plugin.distribution in _complained:
        return
    _complained.add(plugin.distribution)
    import warnings
    from contextlib import suppress

    with suppress(PluginWarning):  # where warnings were made errors: an observer still cannot stop a run
        warnings.warn(
            f"the plugin '{plugin.distribution}' {plugin.version} failed to observe an event "
            f"({type(error).__name__}: {error}); the run goes on, and this is said once",
            PluginWarning,
            stacklevel=3,
        )
