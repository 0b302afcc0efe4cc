"""Cards of the zoo as text: what was measured in which arm, with intervals."""

from __future__ import annotations

from collections.abc import Mapping

import click

from motools.cli.output import print_table, visible
from motools.contracts.card import Card
from motools.errors import BrokenPluginError, MotoolsError
from motools.plugins.catalog import Entry
from motools.plugins.kinds import spoken

WIDTH = 110
"""Columns that texts are wrapped to."""


def load_card(entry: Entry) -> Card | None:
    """Return the card a component names, None where it names none or it cannot be loaded (said on stderr)."""
    target = entry.fields.get("card")
    if not isinstance(target, str):
        return None
    from motools.plugins import import_target

    try:
        card = import_target(target)
        if not isinstance(card, Card):
            raise BrokenPluginError(
                f"'{target}' is a {type(card).__name__}, not a card", hint="Make it a motools.contracts.card.Card."
            )
        return card
    except MotoolsError as error:
        said = visible(str(error), keep_lines=True)
        click.echo(f"warning: the card of {spoken(entry.kind)} '{entry.name}' cannot be loaded: {said}", err=True)
        return None


def print_card(card: Card, *, indent: str = "  ") -> None:
    """Print a card on stdout: what it is about, a row for each metric with a column for each arm, how it was measured."""
    found = card.measurement
    click.echo()
    _print_texts({"about": card.about, "control": card.control}, indent)
    if found is not None:
        click.echo()
        arms = list(dict.fromkeys(arm for effect in found.effects for arm in effect.arms))
        print_table(
            (f"{indent}measured", *arms),
            [(f"{indent}{effect.metric}", *map(effect.arms.get, arms)) for effect in found.effects],
        )
        click.echo()
        how = {
            "model": found.model,
            "settings": ", ".join(f"{name} {value}" for name, value in found.settings.items()),
            "minutes": ", ".join(f"{what} {minutes:g}" for what, minutes in found.minutes.items()),
            "hardware": found.hardware,
            "date": found.date,
        }
    else:
        how = {}
    _print_texts(how | {"limits": " ".join(card.limits), "after": card.reference}, indent)
    for command in found.commands if found else ():
        click.echo(f"{indent}$ {visible(command)}")


def _print_texts(texts: Mapping[str, str], indent: str) -> None:
    """Print names and texts, aligned and wrapped; empty texts are left out."""
    from textwrap import fill

    for name, text in texts.items():
        if text:
            begin = f"{indent}{name.ljust(8)}  "
            click.echo(fill(visible(text), WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin)))
