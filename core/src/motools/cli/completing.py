"""Answers to a shell that completes a line: the words that fit, or nothing, quickly, silently, and without changing anything.

The shell's script (`script`) calls `motools` with `_MOTOOLS_COMPLETE=<shell>_complete` and the line in `COMP_WORDS` and
`COMP_CWORD`, as click's own protocol has it; it gets one candidate a line (zsh: three lines each).
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stderr, suppress
from typing import ClassVar

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete

VARIABLE = "_MOTOOLS_COMPLETE"

_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' response kind value
    COMPREPLY=()
    response=$(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1" 2>/dev/null)
    for line in $response; do
        kind=${line%%%%,*} value=${line#*,}
        case $kind in
            dir) compopt -o dirnames 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
            *)
                COMPREPLY+=("$value")
                case $value in *[=.:/]) compopt -o nospace 2>/dev/null ;; esac ;;
        esac
    done
    return 0
}
complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null || complete -F %(complete_func)s %(prog_name)s
"""


class _Bash(BashComplete):
    """Bash splits words at `=` and `:` too: a candidate is what is to stand after the last of them."""

    source_template: ClassVar[str] = _BASH

    def source(self) -> str:
        return self.source_template % self.source_vars()

    def get_completion_args(self) -> tuple[list[str], str]:
        args, incomplete = super().get_completion_args()
        joined: list[str] = []
        for word in [*args, incomplete]:
            if joined and (word in ("=", ":") or joined[-1].endswith(("=", ":"))) and word != "":
                joined[-1] += word
            elif joined and word == "" and joined[-1].endswith(("=", ":")):
                continue
            else:
                joined.append(word)
        self._before = joined[-1][: _last_break(joined[-1])] if joined else ""
        return joined[:-1], joined[-1] if joined else ""

    def format_completion(self, item: CompletionItem[str]) -> str:
        if item.type == "plain" and item.value.startswith(self._before):
            return f"plain,{item.value[len(self._before) :]}"
        return super().format_completion(item)


def _last_break(word: str) -> int:
    return max(word.rfind("="), word.rfind(":")) + 1


_CLASSES: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": ZshComplete, "fish": FishComplete}


def script(shell: str) -> str:
    """Return the script for `bash`, `zsh` or `fish`."""
    return _CLASSES[shell](click.Command("motools"), {}, "motools", VARIABLE).source()


def answer(app: click.Group, instruction: str) -> int:
    """Print what fits, for an instruction such as `bash_complete`; whatever goes wrong is nobody's business now.

    Returns:
        the exit code: 0, or 1 where the instruction is not one.
    """
    shell, _, what = instruction.partition("_")
    if shell not in _CLASSES or what not in ("complete", "source"):
        return 1
    if what == "source":
        click.echo(script(shell), nl=False)
        return 0
    found = ""
    with suppress(Exception), open(os.devnull, "w") as null, redirect_stderr(null):
        found = _CLASSES[shell](app, {}, "motools", VARIABLE).complete()
    if found and sys.stdout is not None:
        click.echo(found.encode())
    return 0
