"""`motools completion`: the script by which a shell completes the line; see `motools.cli.completing` for the answers."""

from __future__ import annotations

import click

from motools.cli.nouns import Verb
from motools.cli.options import json_option
from motools.cli.output import print_json

SHELLS = ("bash", "zsh", "fish")


@click.command(cls=Verb)
@click.argument("shell", type=click.Choice(SHELLS))
@json_option
def completion(shell: str, as_json: bool) -> None:
    """Print the script by which a shell completes the line.

    \b
    For good, write it to a file that the shell reads:
      bash   motools completion bash > ~/.local/share/bash-completion/completions/motools
      zsh    motools completion zsh > ~/.zfunc/_motools   (with ~/.zfunc in fpath, before compinit)
      fish   motools completion fish > ~/.config/fish/completions/motools.fish
    For this session only, in bash:  eval "$(motools completion bash)"

    With --json: `shell` and `script`.

    Example: motools completion bash
    """
    from motools.cli.completing import script

    text = script(shell)
    if as_json:
        print_json({"shell": shell, "script": text})
    else:
        click.echo(text, nl=False)
