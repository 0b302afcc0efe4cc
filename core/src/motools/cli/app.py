"""The nouns of the command line. A noun's module is imported when it is called, never to list it."""

from __future__ import annotations

from importlib import import_module

import click

from motools import __version__
from motools.errors import MotoolsError, did_you_mean

NOUNS: dict[str, str] = {
    "init": "Write an experiment to begin with, in this folder",
    "workflow": "List, check and run workflows",
    "run": "Look at runs, and go on with one",
    "atom": "Look at results, and at what they were made from",
    "eval": "Compare evaluations, and read their samples",
    "model": "Fetch models, and ask them",
    "zoo": "Datasets, tasks and workflows that plugins bring",
    "plugin": "What is installed, and what failed",
    "store": "Look after the store",
    "doctor": "Find out what is wrong here, and what to do about it",
}
"""Noun → one line for `--help`, in the order in which they are listed. `motools.cli.<noun>` holds the command."""


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the noun; an unknown one is answered with the nearest."""
        name = args[0]
        if name not in NOUNS and not name.startswith("-") and not ctx.resilient_parsing:
            near = did_you_mean(name, NOUNS)
            raise click.UsageError(f"there is no command '{name}'" + (f". {near}" if near else ""), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the nouns with their lines."""
        with formatter.section("Commands"):
            formatter.write_dl(list(NOUNS.items()))


def _version(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"motools {__version__}")
        ctx.exit()


@click.group(
    cls=Nouns,
    name="motools",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="'motools COMMAND --help' says more about each.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks; may stand anywhere in the line.")
def app() -> None:
    """Experiments with language models as cached, traceable, resumable runs."""
