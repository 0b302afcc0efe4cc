"""The nouns of the command line. A noun's module is imported when it is called, never to list it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click

from motools import __version__
from motools.errors import MotoolsError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SECTIONS: dict[str, dict[str, str]] = {
    "Begin": {
        "init": "Write an experiment to begin with, in this folder",
        "doctor": "Find out what is wrong here, and what to do about it",
        "help": "Read about a command, an error, or what JSON it prints",
        "completion": "Let the shell complete commands, runs, atoms and settings",
    },
    "Work": {
        "workflow": "List, check and run workflows",
        "run": "Look at runs, and go on with one",
        "atom": "Look at results, and at what they were made from",
        "eval": "Compare evaluations, and read their samples",
        "model": "Fetch models, and ask them",
    },
    "Parts and places": {
        "zoo": "Datasets, tasks and workflows that plugins bring",
        "plugin": "What is installed, and what failed",
        "store": "Look after the store",
    },
}
"""Heading → noun → one line for `--help`, in the order in which they are listed."""

NOUNS: dict[str, str] = {noun: line for section in SECTIONS.values() for noun, line in section.items()}
"""Noun → its line. `motools.cli.<noun>` holds the command."""


_WIDTH = max(map(len, NOUNS))


class Nouns(click.Group):
    """A group whose commands are known by name before they are imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the nouns, most used first."""
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a noun's command.

        Raises:
            MotoolsError: this installation lacks it.
        """
        if cmd_name not in NOUNS:
            return None
        module = f"motools.cli.{cmd_name}"
        try:
            command = getattr(import_module(module), cmd_name)
        except ModuleNotFoundError as error:
            if error.name != module or ctx.resilient_parsing:
                raise
            raise MotoolsError(
                f"this installation of motools {__version__} lacks the command '{cmd_name}'",
                hint="Reinstall it: pip install --force-reinstall motools",
            ) from error
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Return the nouns and options that fit."""
        from click.shell_completion import CompletionItem

        fitting = [CompletionItem(noun, help=line) for noun, line in NOUNS.items() if noun.startswith(incomplete)]
        return fitting or click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the noun; an unknown one is answered with the nearest."""
        name = args[0]
        if name not in NOUNS and not name.startswith("-") and not ctx.resilient_parsing:
            from motools.cli.habits import unknown_noun

            raise click.UsageError(unknown_noun(self._verbs(ctx), args), ctx)
        return super().resolve_command(ctx, args)

    def _verbs(self, ctx: click.Context) -> dict[str, list[str]]:
        found = {}
        for name in NOUNS:
            command = self.get_command(ctx, name)
            found[name] = command.list_commands(ctx) if isinstance(command, click.Group) else []
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the nouns with their lines, by use."""
        for heading, nouns in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(noun.ljust(_WIDTH), line) for noun, line in nouns.items()])


def _version(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"motools {__version__}")
        ctx.exit()


@click.group(
    cls=Nouns,
    name="motools",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="'motools COMMAND --help' says more about each; 'motools help errors CODE' about an error.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks; may stand anywhere in the line.")
def app() -> None:
    """Experiments with language models as cached, traceable, resumable runs."""
