"""From a name to its entry and to the object behind it."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from motools.errors import AmbiguousComponentError, BrokenPluginError, InputError, UnknownComponentError, did_you_mean
from motools.plugins.cache import load_catalog
from motools.plugins.catalog import Catalog, Entry, PluginRecord, entry_of, normalized
from motools.plugins.kinds import KINDS, spoken
from motools.plugins.known import KNOWN
from motools.plugins.targets import import_target

if TYPE_CHECKING:
    from motools.plugins.components import Component

IN_PROCESS = "<in process>"
"""Stands for the distribution of a component that no plugin declares."""

_catalog: Catalog | None = None
_added: dict[tuple[str, str, str], Entry] = {}


def installed() -> Catalog:
    """Return the catalog of installed plugins, read once a process.

    Raises:
        ConfigError, PluginError: see `motools.plugins.cache.load_catalog`.
    """
    global _catalog
    if _catalog is None:
        _catalog = load_catalog()
    return _catalog


def refresh(*, rebuild: bool = True) -> Catalog:
    """Read the catalog again, by default by asking every plugin anew."""
    global _catalog
    _catalog = load_catalog(rebuild=rebuild)
    return _catalog


class Registration:
    """A component added in this process; a context manager that removes it at its end."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    def remove(self) -> None:
        """Take the component out again; nothing happens if it is gone or replaced."""
        if _added.get(_key(self.entry)) is self.entry:
            del _added[_key(self.entry)]

    def __enter__(self) -> Entry:
        return self.entry

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def add_component(component: Component, distribution: str = IN_PROCESS, version: str = "0") -> Registration:
    """Add a component in this process, as a plugin named `distribution` would declare it.

    Adding the same name again replaces it, so that a notebook's cell can be run twice.

    Raises:
        CanonicalError: a field of it is not plain data.
    """
    entry = entry_of(component, distribution, version)
    _added[_key(entry)] = entry
    return Registration(entry)


def _key(entry: Entry) -> tuple[str, str, str]:
    return (entry.kind, entry.distribution, entry.name)


def entries(kind: str | None = None) -> tuple[Entry, ...]:
    """Return every component, or those of one kind, sorted by name; installed ones and those added in this process.

    Raises:
        InputError: there is no such kind.
    """
    if kind is not None:
        check_kind(kind)
    everything = (*installed().entries, *_added.values())
    wanted = (entry for entry in everything if kind is None or entry.kind == kind)
    return tuple(sorted(wanted, key=lambda entry: (entry.kind, entry.name, entry.distribution)))


def check_kind(kind: str) -> None:
    """Refuse a word that is no kind of component.

    Raises:
        InputError: with the nearest kind.
    """
    if kind not in KINDS:
        raise InputError(
            f"there is no kind of component '{kind}'",
            hint=did_you_mean(kind, KINDS) or f"Kinds are {', '.join(KINDS)}.",
        )


def find(kind: str, name: str) -> Entry:
    """Return the one component of `kind` that `name` means: a short name, or `distribution/name`.

    Raises:
        AmbiguousComponentError: several plugins declare the short name.
        BrokenPluginError: it belongs to a plugin that is installed but failed.
        UnknownComponentError: nobody declares it; the hint says what is near, what to install, and what there is.
        InputError: there is no such kind.
    """
    check_kind(kind)
    found = _matches(kind, name)
    if not found:
        # Something may have been installed since this process read the catalog.
        refresh(rebuild=False)
        found = _matches(kind, name)
    if len(found) == 1:
        return found[0]
    if found:
        owners = " and ".join(f"'{entry.distribution}' {entry.version}" for entry in found)
        ways = " or ".join(f"'{entry.qualified}'" for entry in found)
        distinct = len({entry.qualified for entry in found}) > 1
        raise AmbiguousComponentError(
            f"the {spoken(kind)} '{name}' is declared by {owners}",
            hint=f"Write {ways}." if distinct else "Its authors must declare it once; another version may do.",
        )
    raise _nothing(kind, name)


def _matches(kind: str, name: str) -> list[Entry]:
    distribution, slash, short = name.rpartition("/")
    everything = (*installed().entries, *_added.values())
    found = [entry for entry in everything if entry.kind == kind and entry.name == short]
    if slash:
        found = [entry for entry in found if normalized(entry.distribution) == normalized(distribution)]
    return found


def _nothing(kind: str, name: str) -> UnknownComponentError | BrokenPluginError:
    from difflib import get_close_matches

    from motools.plugins.remembered import remembered

    distribution, slash, short = name.rpartition("/")
    known = dict(KNOWN.get(kind, {}))
    if (owner := remembered().get(kind, {}).get(short)) is not None:
        known.setdefault(short, owner)
    source = distribution if slash else known.get(name)
    failed = [plugin for plugin in installed().failures if plugin.failure]
    for plugin in failed:
        if source and normalized(plugin.distribution) == normalized(source):
            return _failed(kind, short, plugin)

    there_is = sorted({entry.name for entry in entries(kind)})
    present = {normalized(plugin.distribution) for plugin in installed().plugins}
    near = get_close_matches(short, [*there_is, *known], n=1)
    advice = [f"Did you mean '{name}'?" for name in near if name != short]
    for candidate in dict.fromkeys([short, *near]):
        if candidate in known and normalized(known[candidate]) not in present:
            advice.append(f"'{candidate}' comes with '{known[candidate]}': pip install {known[candidate]}")
    if slash and normalized(distribution) not in present:
        advice.append(f"No plugin of the name '{distribution}' is installed.")
    if failed:
        reasons = "; ".join(f"'{plugin.distribution}' {plugin.version} ({_why(plugin)})" for plugin in failed)
        advice.append(f"Installed but not working: {reasons}.")
    advice.append(f"There is: {', '.join(there_is)}." if there_is else f"No {spoken(kind)} is installed.")
    return UnknownComponentError(f"there is no {spoken(kind)} '{name}'", hint="\n".join(advice))


def _why(plugin: PluginRecord) -> str:
    assert plugin.failure is not None
    return plugin.failure.error


def _failed(kind: str, name: str, plugin: PluginRecord) -> BrokenPluginError:
    assert plugin.failure is not None
    return BrokenPluginError(
        f"the {spoken(kind)} '{name}' cannot be used: "
        f"the plugin '{plugin.distribution}' {plugin.version} is installed but failed: {plugin.failure.error}",
        hint=plugin.failure.hint,
    )


def load(kind: str, name: str) -> Any:
    """Import what is behind a component and return it.

    Raises:
        BrokenPluginError: importing it failed; the message names distribution, version, target and cause.
        AmbiguousComponentError, UnknownComponentError, InputError: see `find`.
    """
    entry = find(kind, name)
    return _imported(entry, entry.target)


def load_config(kind: str, name: str) -> Any:
    """Import the type of a component's settings and return it, or None if it declares none.

    Raises:
        as `load`.
    """
    entry = find(kind, name)
    return None if entry.config is None else _imported(entry, entry.config)


def _imported(entry: Entry, target: str) -> Any:
    try:
        return import_target(target)
    except (Exception, SystemExit) as error:
        cause = f"{type(error).__name__}: {error}".replace("\n", " ")
        raise BrokenPluginError(
            f"the {spoken(entry.kind)} '{entry.name}' of '{entry.distribution}' {entry.version} "
            f"cannot be loaded from '{target}': {cause}",
            hint=_remedy(entry, target, error),
        ) from error


def _remedy(entry: Entry, target: str, error: BaseException) -> str:
    if entry.distribution == IN_PROCESS:
        return "Correct the target that was given to 'add_component'."
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] != target.split(".")[0]:
        return (
            f"The module '{error.name}' is missing. Install what provides it, or reinstall the plugin with all it "
            f"needs: pip install --force-reinstall {entry.distribution}"
        )
    return (
        f"Install another version of '{entry.distribution}', or tell its authors; "
        f"the same command with --debug shows where it failed."
    )
