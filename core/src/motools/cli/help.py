"""`motools help`: texts that are read, not run. All of them are part of the installation."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

import click

from motools.cli.nouns import Verb
from motools.cli.options import json_option
from motools.cli.output import print_json
from motools.errors import NotFoundError, did_you_mean

_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


@click.command(cls=Verb)
@click.argument("topic", nargs=-1)
@json_option
@click.pass_context
def help(context: click.Context, topic: tuple[str, ...], as_json: bool) -> None:
    """Read about a command, an error, or what JSON it prints.

    TOPIC is a command (run show), 'errors', 'errors CODE', 'exit-codes', or 'json COMMAND' (json run show).

    With --json: `topic`, `text`, and `schema` (the JSON Schema, of 'json COMMAND' only).

    Example: motools help errors store-full

    Example: motools help json run show
    """
    text, schema = _topic(context, topic)
    if as_json:
        print_json({"topic": " ".join(topic), "text": text, "schema": schema})
    elif schema is not None:
        print_json(schema)
    else:
        click.echo(text)


def _topic(context: click.Context, topic: tuple[str, ...]) -> tuple[str, dict[str, Any] | None]:
    match topic:
        case ["errors"]:
            return _codes(), None
        case ["errors", code]:
            return _code(code), None
        case ["exit-codes"]:
            return exit_codes(), None
        case ["json"]:
            return _with_schema(), None
        case ["json", *words]:
            return _schema(words)
        case _:
            return _command(context, topic), None


def error_pages() -> dict[str, str]:
    """Return error code → what it means and what to do, as Markdown."""
    text = (resources.files("motools.cli") / "pages" / "errors.md").read_text(encoding="utf-8")
    parts = re.split(r"^### (\S+)\n", text, flags=re.M)
    return {code: body.partition("\n## ")[0].strip() for code, body in zip(parts[1::2], parts[2::2], strict=True)}


def exit_codes() -> str:
    """Return the exit codes, one a line."""
    from motools.cli.errors import EXIT_CODES

    return "\n".join(f"{code:>3}  {meaning}" for code, meaning in EXIT_CODES.items())


def _codes() -> str:
    pages = error_pages()
    width = max(map(len, pages))
    firsts = {code: re.split(r"(?<=[a-z`)])[.:] ", _plain(text.replace("\n", " ")))[0] for code, text in pages.items()}
    lines = [f"{code.ljust(width)}  {first.rstrip('.')}" for code, first in firsts.items()]
    return "\n".join([*lines, "", "'motools help errors CODE' says what to do about one."])


def _code(code: str) -> str:
    pages = error_pages()
    if code not in pages:
        hint = did_you_mean(code, pages) or "'motools help errors' lists them. A plugin may have codes of its own."
        raise NotFoundError(f"motools has no error code '{code}'", hint=hint)
    return f"{code}\n\n{_plain(pages[code])}"


def _plain(text: str) -> str:
    """Return Markdown as it is read on a terminal: no links, no backquotes."""
    return _LINK.sub(r"\1", text).replace("`", "")


def _with_schema() -> str:
    from motools.cli.schemas import schema_names

    names = [name.replace("-", " ") for name in schema_names()]
    return "\n".join(["Commands whose --json has a schema ('motools help json COMMAND' prints it):", *names])


def _schema(words: list[str]) -> tuple[str, dict[str, Any]]:
    from motools.cli.schemas import load_schema, schema_names

    name = "-".join(words)
    if name not in [*schema_names(), "error"]:
        known = {each.replace("-", " ") for each in schema_names()}
        hint = did_you_mean(" ".join(words), known) or "'motools help json' lists them."
        raise NotFoundError(f"there is no schema for '{' '.join(words)}'", hint=hint)
    schema = load_schema(name)
    return str(schema["description"]), schema


def _command(context: click.Context, words: tuple[str, ...]) -> str:
    root = context.find_root()
    at, command = root, root.command
    for number, word in enumerate(words):
        child = command.get_command(at, word) if isinstance(command, click.Group) else None
        if child is None:
            topics = {"errors", "exit-codes", "json"} if number == 0 else set()
            known = topics | set(command.list_commands(at) if isinstance(command, click.Group) else ())
            place = " ".join(["motools", *words[:number]])
            hint = did_you_mean(word, known) or f"'{place} --help' shows what there is."
            raise NotFoundError(f"there is no help on '{' '.join(words)}'", hint=hint)
        command = child
        at = click.Context(command, info_name=word, parent=at)
    return command.get_help(at)
