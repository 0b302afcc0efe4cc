"""`motools plugin`: what is installed, what failed, and a package of one's own to begin with.

Only the catalog is read, and nothing of a plugin is imported, but for the class of its settings where one asks for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.cli.errors import debugging
from motools.cli.nouns import Noun
from motools.cli.options import json_option
from motools.cli.output import note, print_fields, print_json, print_table, visible
from motools.errors import UnknownComponentError, did_you_mean
from motools.plugins.catalog import Catalog, Entry, PluginRecord, normalized
from motools.plugins.kinds import KINDS, spoken
from motools.plugins.known import KNOWN
from motools.plugins.lookup import installed
from motools.plugins.lookup import refresh as read_again

if TYPE_CHECKING:
    from motools.config.listing import Setting


class _Names(click.Choice[str]):
    """A choice of names that are read only when they are needed; `read` names a function of `motools.cli.scaffold`."""

    def __init__(self, read: str) -> None:
        self.read = read
        self.case_sensitive = True

    @property
    def choices(self) -> Sequence[str]:  # type: ignore[override]
        from motools.cli import scaffold

        names: list[str] = getattr(scaffold, self.read)()
        return names


class _Kind(click.Choice[str]):
    """A kind of component, written with `_` as in the catalog or with `-` as in `plugin new`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(value.replace("-", "_") if isinstance(value, str) else value, param, ctx)


@click.group(cls=Noun)
def plugin() -> None:
    """What is installed, and what failed."""


@plugin.command("list")
@click.option("--kind", type=_Kind(KINDS), help="List the components of one kind instead of the plugins.")
@json_option
def list_plugins(kind: str | None, as_json: bool) -> None:
    """List the installed plugins.

    With --json: `plugins` (each with `failure`, null when all is well) and `components`, those of --kind if given.

    Example: motools plugin list --kind training_backend
    """
    catalog = installed()
    entries = [entry for entry in catalog.entries if kind in (None, entry.kind)]
    if as_json:
        _print_catalog(catalog, entries)
    elif kind:
        print_table(
            ("name", "plugin", "version", "summary"),
            [(entry.name, entry.distribution, entry.version, entry.summary) for entry in _by_name(entries)],
            empty=f"No {spoken(kind)} is installed.",
        )
    else:
        print_table(
            ("plugin", "version", "state", "declares"),
            [
                (record.distribution, record.version, _state(record), _counts(catalog, record))
                for record in catalog.plugins
            ],
        )
    if not as_json:
        _mention_failures(catalog)


@plugin.command()
@click.argument("name")
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of a plugin that failed.")
@click.option(
    "--settings",
    "with_settings",
    is_flag=True,
    help="List every setting with its type, default and meaning; imports the class that declares them.",
)
@json_option
@click.pass_context
def show(context: click.Context, name: str, verbose: bool, with_settings: bool, as_json: bool) -> None:
    """Show a plugin or a component.

    NAME is a distribution (motools-inspect), a component (inspect), or both (motools-inspect/inspect).

    With --json: `plugins` and `components` of that name; with --settings each component has `settings`, a list of
    `name`, `type`, `required`, `default`, `description` (null where it declares no settings).

    Example: motools plugin show mozoo
    """
    catalog = installed()
    records, entries = _named(catalog, name)
    entries = _by_name(entries)
    found = [_settings(entry) if with_settings else None for entry in entries]
    if as_json:
        described = [each.to_dict() for each in entries]
        if with_settings:
            for component, listed in zip(described, found, strict=True):
                component["settings"] = None if listed is None else [setting.to_json() for setting in listed]
        print_json({"plugins": [each.to_dict() for each in records], "components": described})
        return
    for record in records:
        _show_plugin(record, traceback=verbose or debugging(context))
    for entry, listed in zip(entries, found, strict=True):
        _show_component(entry, catalog, offer=not with_settings)
        if listed is not None:
            click.echo()
            print_table(
                ("setting", "type", "default", "what it does"),
                [(each.name, each.type, each.default_text, each.description) for each in listed],
                empty="  It has no settings.",
            )


@plugin.command()
@json_option
def refresh(as_json: bool) -> None:
    """Ask every plugin again what it declares. Needed only where a change was not noticed, or to try a failure again.

    Example: motools plugin refresh
    """
    catalog = read_again()
    if as_json:
        _print_catalog(catalog, list(catalog.entries))
        return
    note(f"{len(catalog.plugins)} plugins, {len(catalog.entries)} components")
    _mention_failures(catalog)


@plugin.command()
@click.argument("name")
@click.option("--kind", type=_Names("kind_names"), required=True, help="What the package is to be.")
@click.option(
    "--path",
    "folder",
    type=click.Path(path_type=Path),
    help="The folder to write, which must not exist; by default one of the package's name, here.",
)
@click.option("--author", help="Who writes it: 'Name', or 'Name <name@example.org>'.")
@click.option(
    "--license",
    "licence",
    type=_Names("licence_names"),
    default="Apache-2.0",
    show_default=True,
    help="Under which it may be used.",
)
@click.option("--ci", is_flag=True, help="Add a workflow that tests it on GitHub.")
@json_option
def new(name: str, kind: str, folder: Path | None, author: str | None, licence: str, ci: bool, as_json: bool) -> None:
    """Write a package of your own to begin with. It is small, works, and has the tests that motools expects it to pass.

    NAME is what people will write in their settings; the package is called motools-NAME, or mozoo-NAME for a zoo. Nothing is
    overwritten.

    With --json: `kind`, `distribution`, `module`, `component` (the name), `folder`, `written` (its files), `next` (commands).

    Example: motools plugin new acme --kind training-backend
    """
    from motools.cli.scaffold import check_free, names_of, read_kind, write_package

    wanted = read_kind(kind)
    names = names_of(name, wanted.prefix)
    check_free(names, wanted.components)
    written = write_package(wanted, names, folder or Path(names.distribution), author=author, licence=licence, ci=ci)
    if as_json:
        said = {"distribution": names.distribution, "module": names.module, "component": names.component}
        place = {"folder": str(written.folder.absolute()), "written": list(written.files), "next": list(written.next)}
        print_json({"kind": kind, **said, **place})
        return
    for path in written.files:
        click.echo(f"wrote {written.folder / path}")
    click.echo("\nNow:\n" + "\n".join(f"  {command}" for command in written.next))


def _print_catalog(catalog: Catalog, entries: list[Entry]) -> None:
    print_json(
        {
            "plugins": [record.to_dict() for record in catalog.plugins],
            "components": [entry.to_dict() for entry in entries],
        }
    )


def _by_name(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.kind, entry.name, entry.distribution))


def _state(record: PluginRecord) -> str:
    if record.failure is None:
        return "ok"
    return "not allowed" if record.failure.stage == "trust" else f"failed ({record.failure.stage})"


def _counts(catalog: Catalog, record: PluginRecord) -> str:
    kinds = [entry.kind for entry in catalog.entries if entry.distribution == record.distribution]
    counts = [f"{kinds.count(kind)} {spoken(kind)}{'s' * (kinds.count(kind) > 1)}" for kind in KINDS if kind in kinds]
    return ", ".join([*counts, *(["observes events"] if record.observes else [])])


def _mention_failures(catalog: Catalog) -> None:
    for record in catalog.failures:
        assert record.failure is not None
        if record.failure.stage != "trust":
            click.echo(
                f"warning: '{record.distribution}' {record.version}: {visible(record.failure.error)}\n"
                f"         'motools plugin show {record.distribution}' says more",
                err=True,
            )


def _named(catalog: Catalog, name: str) -> tuple[list[PluginRecord], list[Entry]]:
    records = [record for record in catalog.plugins if normalized(record.distribution) == normalized(name)]
    if records:
        mine = {normalized(record.distribution) for record in records}
        return records, [entry for entry in catalog.entries if normalized(entry.distribution) in mine]
    distribution, slash, short = name.rpartition("/")
    entries = [
        entry
        for entry in catalog.entries
        if entry.name == short and (not slash or normalized(entry.distribution) == normalized(distribution))
    ]
    if entries:
        return [], entries
    names = {entry.name for entry in catalog.entries} | {record.distribution for record in catalog.plugins}
    known = {short: owner for owned in KNOWN.values() for short, owner in owned.items()}
    if name in known:
        hint = f"'{name}' comes with '{known[name]}': pip install {known[name]}"
    else:
        hint = did_you_mean(name, names) or "'motools plugin list' shows what there is."
    raise UnknownComponentError(f"there is no plugin or component '{name}'", hint=hint)


def _show_plugin(record: PluginRecord, *, traceback: bool) -> None:
    failure = record.failure
    print_fields(
        {
            "plugin": f"{record.distribution} {record.version}",
            "summary": record.summary,
            "licence": record.licence,
            "home": record.url,
            "declared in": record.module,
            "state": _state(record),
            "observes events": record.observes or None,
            "why": failure and failure.error,
            "what to do": failure and failure.hint,
            "traceback": "with -v" if failure and failure.traceback and not traceback else None,
        }
    )
    if failure and failure.traceback and traceback:
        click.echo("\n" + visible(failure.traceback.rstrip(), keep_lines=True))


def _settings(entry: Entry) -> list[Setting] | None:
    """Return the settings of a component, or None where it declares none.

    Raises:
        BrokenPluginError: the class that declares them cannot be imported.
    """
    from motools.config.listing import list_settings
    from motools.plugins.lookup import load_config

    cls = load_config(entry.kind, entry.qualified)
    return None if cls is None else list_settings(cls)


def _show_component(entry: Entry, catalog: Catalog, *, offer: bool) -> None:
    twins = [each for each in catalog.entries if (each.kind, each.name) == (entry.kind, entry.name)]
    fields: dict[str, Any] = {
        "plugin": f"{entry.distribution} {entry.version}",
        "summary": entry.summary,
        "target": entry.target,
        "config": entry.config,
        "settings": "listed with --settings" if entry.config and offer else None,
        "cache version": entry.cache_version,
        **{name.replace("_", " "): value for name, value in entry.fields.items()},
        "write it as": entry.qualified if len(twins) > 1 else entry.name,
    }
    click.echo(f"\n{spoken(entry.kind)} '{entry.name}'")
    print_fields(fields, indent="  ")
