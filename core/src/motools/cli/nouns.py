"""What every noun and verb of the command line has in common: `-q`, names that complete, and answers to words of other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

HELP_OPTIONS = ("-h", "--help")
"""click keeps a command's help option as it was first asked for, so no command leaves it to the context around it."""

QUIET = "motools.quiet"
"""Key of a context's `meta`: whether only failures are said on stderr."""


def _be_quiet(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted:
        ctx.meta[QUIET] = True


class Text(click.types.StringParamType):
    """A text that completes to the names it may be; which those are says `motools.cli.candidates`."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """Return the names that fit."""
        from click.shell_completion import CompletionItem

        from motools.cli.candidates import candidates

        found = candidates(ctx, param, incomplete)
        return [CompletionItem(each.word, help=" ".join(each.about.split()) or None) for each in found]


class Verb(click.Command):
    """A command that does something. It has `--quiet`, and its arguments complete by what they are called in the help."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for parameter in self.params:
            if type(parameter.type) is click.types.StringParamType:
                parameter.type = Text()
        if not any("--quiet" in parameter.opts for parameter in self.params):
            help_text = "Say nothing on stderr but what went wrong."
            quiet = click.Option(
                ["-q", "--quiet"], is_flag=True, help=help_text, expose_value=False, callback=_be_quiet
            )
            self.params.append(quiet)

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Return the options that ask for help."""
        return list(HELP_OPTIONS)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; `note` says nothing where it is to be quiet."""
        if ctx.params.get("quiet"):
            ctx.meta[QUIET] = True
        return super().invoke(ctx)


class Noun(click.Group):
    """A noun with its verbs. Alone it prints its help; a verb it does not have is answered with the one that is meant."""

    command_class = Verb

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Return the options that ask for help."""
        return list(HELP_OPTIONS)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which they are written down, which is that of a day's work."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            from motools.cli.habits import unknown_verb

            raise click.UsageError(unknown_verb(str(self.name), list(self.commands), args), ctx)
        return super().resolve_command(ctx, args)
