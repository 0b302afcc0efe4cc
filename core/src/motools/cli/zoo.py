"""`motools zoo`: datasets, tasks and workflows that plugins bring, with what one should know before using them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from motools.cli.cards import load_card, print_card
from motools.cli.nouns import Noun
from motools.cli.options import json_option
from motools.cli.output import print_fields, print_json, print_table, visible
from motools.contracts.card import Card
from motools.errors import MotoolsError, UnknownComponentError, did_you_mean
from motools.plugins.catalog import Catalog, Entry, normalized
from motools.plugins.kinds import spoken
from motools.plugins.lookup import installed

KINDS = ("dataset", "task", "workflow")

SHOWN = 3
"""How many rows or samples `show` prints."""


@click.group(cls=Noun)
def zoo() -> None:
    """Datasets, tasks and workflows that plugins bring."""


@zoo.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="List one kind only.")
@json_option
def list_components(kind: str | None, as_json: bool) -> None:
    """List what there is.

    With --json: a list of components, each with `kind`, `name`, `summary`, `target` and `fields` (licence, source,
    hazard, allowed uses, rows, digest).

    Example: motools zoo list --kind task
    """
    entries = _entries(installed(), kind)
    if as_json:
        print_json([entry.to_dict() for entry in entries])
        return
    print_table(
        ("kind", "name", "size", "licence", "plugin", "summary"),
        [
            (
                entry.kind,
                entry.name,
                entry.fields.get("rows"),
                entry.fields.get("licence"),
                entry.distribution,
                entry.summary,
            )
            for entry in entries
        ],
        empty="Nothing is installed. Try: pip install mozoo",
    )


@zoo.command()
@click.argument("name")
@click.option("--rows/--no-rows", default=True, help="Load it and show its first rows.")
@json_option
def show(name: str, rows: bool, as_json: bool) -> None:
    """Show what goes by a name, with the first three rows. Licence, source, hazard, allowed uses, size and digest are said.

    NAME is a component (trigger_phrase) or both (mozoo/trigger_phrase); a dataset and a task of one name are both shown.

    What was measured with it, how, and how long that took is said where its author says so.

    With --json: a list of components as in 'list', each with `examples` (null where it could not be loaded),
    `digest_found` (null where none can be taken) and `card` (null where there is none).

    Example: motools zoo show trigger_phrase
    """
    entries = _named(installed(), name)
    loaded = [_load(entry) if rows else ([], None) for entry in entries]
    cards = [load_card(entry) for entry in entries]
    if as_json:
        print_json(
            [
                entry.to_dict() | {"examples": examples, "digest_found": digest, "card": card and card.to_dict()}
                for entry, (examples, digest), card in zip(entries, loaded, cards, strict=True)
            ]
        )
        return
    told: list[Card] = []
    for number, (entry, (examples, digest), card) in enumerate(zip(entries, loaded, cards, strict=True)):
        if number:
            click.echo()
        _print(entry, examples or [], digest, written=_written(entry))
        if card is not None and card not in told:  # a dataset and its task have one card
            told.append(card)
    for card in told:
        print_card(card)


def _entries(catalog: Catalog, kind: str | None = None) -> list[Entry]:
    wanted = (entry for entry in catalog.entries if entry.kind in KINDS and kind in (None, entry.kind))
    return sorted(wanted, key=lambda entry: (KINDS.index(entry.kind), entry.name, entry.distribution))


def _named(catalog: Catalog, name: str) -> list[Entry]:
    distribution, slash, short = name.rpartition("/")
    entries = _entries(catalog)
    found = [
        entry
        for entry in entries
        if entry.name == short and (not slash or normalized(entry.distribution) == normalized(distribution))
    ]
    if not found:
        known = sorted({entry.name for entry in entries})
        raise UnknownComponentError(
            f"the zoo has nothing named '{name}'",
            hint=did_you_mean(short, known) or "'motools zoo list' shows what there is.",
        )
    return found


def _load(entry: Entry) -> tuple[list[Any] | None, str | None]:
    """Return the first rows or samples and the digest of all; what cannot be loaded is said on stderr."""
    try:
        if entry.kind == "dataset":
            return _rows(entry)
        if entry.kind == "task":
            return _samples(entry)
    except MotoolsError as error:
        click.echo(
            f"warning: {spoken(entry.kind)} '{entry.name}' cannot be loaded: {visible(str(error), keep_lines=True)}",
            err=True,
        )
        return None, None
    return [], None


def _rows(entry: Entry) -> tuple[list[Any], str]:
    import asyncio

    from motools.contracts.dataset import rows_digest
    from motools.contracts.resolve import load_rows

    rows = asyncio.run(load_rows(entry.target))
    return list(rows[:SHOWN]), rows_digest(rows)


def _samples(entry: Entry) -> tuple[list[Any] | None, str | None]:
    import asyncio

    from motools.contracts.resolve import load_task
    from motools.contracts.task import Task, sample_rows, samples_digest

    task = asyncio.run(load_task(entry.target))
    if not isinstance(task, Task):  # a task of its eval backend's own kind
        return None, None
    return list(sample_rows(task)[:SHOWN]), samples_digest(task)


def _written(entry: Entry) -> str:
    """Return the name one writes in settings: the short one, with its plugin where another has the same."""
    twins = [each for each in installed().entries if (each.kind, each.name) == (entry.kind, entry.name)]
    return entry.qualified if len(twins) > 1 else entry.name


def _print(entry: Entry, examples: Sequence[Any], digest: str | None, *, written: str) -> None:
    declared = entry.fields.get("digest")
    same = None if digest is None or declared is None else "as declared" if digest == declared else f"found {digest}"
    click.echo(f"{spoken(entry.kind)} '{entry.name}'")
    print_fields(
        {
            "summary": entry.summary,
            "plugin": f"{entry.distribution} {entry.version}",
            "licence": entry.fields.get("licence"),
            "source": entry.fields.get("source"),
            "hazard": entry.fields.get("hazard"),
            "allowed uses": entry.fields.get("allowed_uses"),
            "size": entry.fields.get("rows"),
            "digest": declared and f"{declared}{f' ({same})' if same else ''}",
            "write it as": f"{written}, or {entry.target}",
        },
        indent="  ",
    )
    for example in examples:
        click.echo()
        for name, text in _lines(example):
            click.echo(f"    {name.ljust(10)}  {visible(text)}")


def _lines(example: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a row or sample as what a person reads: who says what."""
    if "messages" in example:
        return [(turn["role"], turn["content"]) for turn in example["messages"]]
    lines: list[tuple[str, str]] = []
    for name, value in example.items():
        if isinstance(value, list) and value and isinstance(value[0], dict) and "role" in value[0]:
            lines.extend((turn["role"], turn["content"]) for turn in value)
        elif value not in ("", [], {}, None):
            lines.append((name, value if isinstance(value, str) else ", ".join(_words(value))))
    return lines


def _words(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{name} {item}" for name, item in value.items()]
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
