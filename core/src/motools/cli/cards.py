"""Cards of the zoo as text: what was measured in which arm, with intervals."""

from __future__ import annotations

import click

from motools.cli.output import print_fields, print_table, visible
from motools.contracts.card import Card
from motools.errors import BrokenPluginError, MotoolsError
from motools.plugins.catalog import Entry
from motools.plugins.kinds import spoken


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
        click.echo(
            f"warning: the card of {spoken(entry.kind)} '{entry.name}' cannot be loaded: {visible(str(error))}",
            err=True,
        )
        return None


def print_card(card: Card, *, indent: str = "  ") -> None:
    """Print a card on stdout: a table with a row for each metric and a column for each arm, then how it was measured."""
    click.echo()
    _paragraph("about", card.about, indent)
    _paragraph("control", card.control, indent)
    found = card.measurement
    if found is not None:
        click.echo()
        arms = list(dict.fromkeys(arm for effect in found.effects for arm in effect.arms))
        print_table(
            ("  measured", *arms),
            [(f"{indent}{effect.metric}", *map(effect.arms.get, arms)) for effect in found.effects],
        )
        click.echo()
        print_fields(
            {
                "model": found.model,
                "settings": [f"{name} {value}" for name, value in found.settings.items()],
                "minutes": [f"{what} {minutes:g}" for what, minutes in found.minutes.items()],
                "hardware": found.hardware,
                "date": found.date,
                "limits": " ".join(card.limits),
                "after": card.reference,
            },
            indent=indent,
        )
        for command in found.commands:
            click.echo(f"{indent}$ {command}")
    else:
        print_fields({"limits": " ".join(card.limits), "after": card.reference}, indent=indent)


def _paragraph(name: str, text: str, indent: str) -> None:
    if text:
        print_fields({name: text}, indent=indent)
