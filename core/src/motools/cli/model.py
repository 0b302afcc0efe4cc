"""`motools model`: bring models onto this machine, and ask them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.cli.nouns import Noun
from motools.cli.options import json_option, store_option
from motools.cli.output import note, print_fields, print_json, print_table, visible
from motools.errors import InputError, MotoolsError, NotFoundError, StoreError, UnknownComponentError, nearest

if TYPE_CHECKING:
    from motools.contracts import ChatAnswer, ChatOptions, Message, ModelRef, Provider
    from motools.plugins import Entry

FETCH = "fetch"
"""Capability of a provider that keeps weights on this machine: its class has the functions `fetch` and `models`."""


@click.group(cls=Noun)
def model() -> None:
    """Fetch models, and ask them."""


@model.command()
@click.argument("name")
@click.option("--source", help="Where from; by default what is here already, else the first source that answers.")
@click.option("--provider", help="Which provider keeps it; needed only where several can.")
@json_option
def fetch(name: str, source: str | None, provider: str | None, as_json: bool) -> None:
    """Bring a model's weights onto this machine, unless they are there.

    With --json: `name`, `folder`, `identity`, `source`, `reused`.

    Example: motools model fetch smollm2-135m-instruct
    """
    from motools.plugins import load

    entry = _keeper(provider)
    fetched: Mapping[str, Any] = load("provider", entry.qualified).fetch(name, source, lambda text: note(visible(text)))
    if as_json:
        print_json(fetched)
        return
    if fetched["reused"]:
        note("It is here already; nothing was downloaded.")
    print_fields({"model": f"{entry.name}/{name}", **{key: fetched[key] for key in ("source", "identity", "folder")}})


@model.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """List models with a short name, and those on this machine.

    With --json: a list of `provider`, `name`, `summary`, `licence`, `source` (empty: not here yet), `folder`.

    Example: motools model list
    """
    from motools.plugins import load

    found = [
        {"provider": entry.name, **row} for entry in _keepers() for row in load("provider", entry.qualified).models()
    ]
    if as_json:
        print_json(found)
        return
    print_table(
        ("model", "here", "licence", "summary"),
        [
            (
                f"{row['provider']}/{row['name']}",
                f"from {row['source']}" if row["source"] else "no",
                row["licence"],
                row["summary"],
            )
            for row in found
        ],
        empty="No installed provider keeps models on this machine. Install one: pip install motools-transformers",
    )


@model.command()
@click.argument("name", metavar="MODEL")
@click.argument("text")
@click.option("--system", help="A system message.")
@click.option("--max-tokens", default=256, show_default=True, type=click.IntRange(1), help="Most tokens to generate.")
@click.option("--temperature", type=click.FloatRange(0), help="0 picks the likeliest token each time.")
@click.option("--seed", type=int, help="The same seed gives the same answer, where the provider can.")
@store_option
@json_option
def ask(
    name: str,
    text: str,
    system: str | None,
    max_tokens: int,
    temperature: float | None,
    seed: int | None,
    store: Path,
    as_json: bool,
) -> None:
    """Ask a model one question. MODEL is provider/model, or the id of a model atom (its beginning is enough).

    With --json: `model`, `text`, `stop_reason`, `usage` (`input_tokens`, `output_tokens`, `cost_usd`; null is unpriced),
    `dummy` (nothing was really asked).

    Example: motools model ask dummy/any "What is ice?"
    """
    from dataclasses import asdict

    from motools.contracts import ChatOptions
    from motools.plugins import load

    if not text.strip():
        raise InputError("the question is empty", hint='Write it in quotes: motools model ask MODEL "What is ice?"')
    ref = _named(name, store)
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": text})
    options = ChatOptions(max_tokens=max_tokens, temperature=temperature, seed=seed)
    provider = load("provider", ref.provider)()
    answer = asyncio.run(_ask(provider, ref, messages, options, show=not as_json))
    if as_json:
        print_json(
            {
                "model": str(ref),
                "text": answer.text,
                "stop_reason": answer.stop_reason,
                "usage": asdict(answer.usage),
                "dummy": provider.dummy,
            }
        )
        return
    if provider.dummy:
        note("This is a dummy answer: nothing was really asked.")
    if answer.stop_reason == "length":
        note(f"(cut off after {max_tokens} tokens; --max-tokens allows more)")


async def _ask(
    provider: Provider, ref: ModelRef, messages: list[Message], options: ChatOptions, *, show: bool
) -> ChatAnswer:
    """Ask and return the whole answer; `show` prints it as it comes."""
    from motools.contracts import ChatAnswer, Usage

    text, reason, usage = "", "stop", Usage()
    try:
        async for chunk in provider.chat(ref, messages, options=options):
            text += chunk.text
            reason, usage = chunk.stop_reason or reason, chunk.usage or usage
            if show:
                click.echo(visible(chunk.text, keep_lines=True), nl=False)
    finally:
        await provider.aclose()
    if show:
        click.echo()
    return ChatAnswer(text=text, stop_reason=reason, usage=usage)


def _named(name: str, store: Path) -> ModelRef:
    """Return the model that a name on the command line means.

    Raises:
        NotFoundError: there is no such atom.
        InputError: it is no model, or does not say who serves it.
    """
    from motools.contracts import ModelRef

    if "/" in name:
        return ModelRef.parse(name)
    from motools.atom import ModelAtom
    from motools.builtin.steps import model_ref
    from motools.store import Store

    try:
        with Store.open(store, create=False) as opened:
            row = opened.atoms.get(name)
            if row.type != ModelAtom.atom_type:
                raise InputError(
                    f"'{row.id}' is of type '{row.type}', not a model",
                    hint="'motools atom list --type model' shows the models that were made here.",
                )
            return model_ref(ModelAtom.load(row.id, store=opened))
    except (NotFoundError, StoreError) as error:
        error.hint = _known(name) or error.hint
        raise


def _known(name: str) -> str | None:
    """Return how a model is written that a provider knows by this name, or by one that is near; None where none is."""
    from motools.plugins import load

    known: list[str] = []
    for entry in _keepers():
        try:
            known += [f"{entry.name}/{row['name']}" for row in load("provider", entry.qualified).models()]
        except MotoolsError:
            continue  # what is wrong with a plugin is another question
    ways = [written for written in known if written.partition("/")[2] == name]
    if ways:
        return f"For the model, write {' or '.join(ways)}"
    near = nearest(name, [written.partition("/")[2] for written in known])
    ways = [written for written in known if written.partition("/")[2] == near]
    return f"Did you mean '{ways[0]}'?" if ways else None


def _keepers() -> list[Entry]:
    from motools.plugins import entries

    return [entry for entry in entries("provider") if FETCH in (entry.fields.get("capabilities") or ())]  # type: ignore[operator]


def _keeper(wanted: str | None) -> Entry:
    """Return the provider that fetches.

    Raises:
        UnknownComponentError: none of that name is installed, or none at all that fetches.
        InputError: it does not fetch, or several do and none was named.
    """
    from motools.plugins import find

    keepers = _keepers()
    if wanted is not None:
        entry = find("provider", wanted)
        if entry not in keepers:
            raise InputError(f"the provider '{wanted}' keeps no models on this machine", hint="Leave --provider out.")
        return entry
    if not keepers:
        raise UnknownComponentError(
            "no installed provider keeps models on this machine", hint="Install one: pip install motools-transformers"
        )
    if len(keepers) > 1:
        names = ", ".join(entry.qualified for entry in keepers)
        raise InputError(f"several providers keep models: {names}", hint="Say which with --provider.")
    return keepers[0]
