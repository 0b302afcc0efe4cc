"""`motools atom add` and `motools eval import`: what people bring with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.cli.output import note, print_fields, print_json, visible
from motools.errors import ConfigError, InputError

if TYPE_CHECKING:
    from motools.bring import Brought


def add(
    path: Path,
    kind: str | None,
    metas: tuple[str, ...],
    tags: tuple[str, ...],
    user: str,
    store: Path,
    *,
    as_json: bool,
) -> None:
    """Add a file or folder as an atom and say what became of it."""
    from motools.bring import add_data
    from motools.store import Store

    metadata = dict(_meta(written) for written in metas)
    with Store.open(store) as opened:
        brought = add_data(path, type=kind, user=user, metadata=metadata, tags=tags, store=opened)
    if as_json:
        print_json(brought_json(brought))
        return
    _say(brought)
    if brought.new:
        note(f"Use it:  motools workflow run NAME --input INPUT={brought.atom.id}")


def import_(
    path: Path, model: str | None, backend: str | None, tags: tuple[str, ...], user: str, store: Path, *, as_json: bool
) -> None:
    """Import a log of an evaluation as an eval atom and say what is in it."""
    from motools.bring import import_log
    from motools.store import Store

    with Store.open(store) as opened:
        brought = import_log(path, model=model, backend=backend, user=user, tags=tags, store=opened)
    if as_json:
        print_json(brought_json(brought))
        return
    _say(brought)
    if brought.new:
        note(f"Look at it:  motools eval show {brought.atom.id}")


def brought_json(brought: Brought) -> dict[str, Any]:
    """Return it as JSON values: the documented form of `atom add --json` and `eval import --json`."""
    return {
        "atom": brought.atom.id,
        "type": brought.atom.type,
        "new": brought.new,
        "user": brought.atom.user,
        "value_digest": brought.atom.value_digest,
        "metadata": dict(brought.atom.metadata),
        "tags": list(brought.atom.tags),
        "origin": {"atom": brought.origin.id, **_origin(brought)},
    }


def _origin(brought: Brought) -> dict[str, Any]:
    found = brought.origin.value()
    assert isinstance(found, dict)
    return found


def _say(brought: Brought) -> None:
    atom, origin = brought.atom, _origin(brought)
    click.echo(f"{atom.id}  {'added' if brought.new else 'is there already, with the same content'}")
    shown = {name: value for name, value in atom.metadata.items() if isinstance(value, (str, int, float))}
    came = f"{origin['path']} ({origin['bytes']:,} bytes), {origin['how']} by {atom.user} with {origin['reader']}"
    print_fields({**shown, "tags": atom.tags, "from": came, "sha256": origin["sha256"]}, indent="  ")
    metrics = atom.metadata.get("metrics")
    if isinstance(metrics, dict):
        print_fields(metrics, indent="  ")
    if brought.new:
        note(f"It is pinned, so that 'motools store gc' keeps it; to let it go: motools atom unpin {atom.id}")


def _meta(written: str) -> tuple[str, Any]:
    """Read `NAME=VALUE`; a value is what a YAML file would mean by it.

    Raises:
        InputError: it has another form. ConfigError: the value is not YAML.
    """
    from motools.config.yaml import parse_yaml, resolve_scalar

    name, equals, text = written.partition("=")
    name, text = name.strip(), text.strip()
    where = f"--meta {name}"
    if not equals or not name:
        raise InputError(
            f"'{visible(written)}' does not say NAME=VALUE", where="--meta", hint="Write --meta licence=MIT."
        )
    if text[:1] in ("[", "{", '"', "'"):
        try:
            return name, parse_yaml(text, source=where).value
        except ConfigError as error:
            raise ConfigError(error.message, where=where, hint="Quote the whole of it for the shell.") from None
    try:
        return name, resolve_scalar(text)
    except ValueError as error:
        raise ConfigError(str(error), where=where, hint="Give a finite number.") from None
