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
    local response line kind value
    COMPREPLY=()
    response=$(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1" 2>/dev/null)
    while IFS= read -r line; do
        kind=${line%%%%,*} value=${line#*,}
        case $kind in
            dir) compopt -o dirnames 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
            plain)
                case $value in
                    *[=.:/]) compopt -o nospace 2>/dev/null ;;
                    *[!a-zA-Z0-9_.,:/=@%%+-]*) printf -v value %%q "$value" ;;
                esac
                COMPREPLY+=("$value") ;;
        esac
    done <<< "$response"
    return 0
}
complete -o nosort -F %(complete_func)s %(prog_name)s 2>/dev/null || complete -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local kind value about
    local -a answer closed closed_shown open open_shown
    (( ! $+commands[%(prog_name)s] )) && return 1
    answer=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
%(complete_var)s=zsh_complete %(prog_name)s 2>/dev/null)}")
    for kind value about in "${answer[@]}"; do
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain)
                [[ "$about" == _ ]] && about="$value" || about="$value  -- $about"
                if [[ "$value" == *[=.:/] ]]; then
                    open+=("$value"); open_shown+=("$about")
                else
                    closed+=("$value"); closed_shown+=("$about")
                fi ;;
        esac
    done
    (( $#open )) && compadd -V open -l -S '' -d open_shown -a open
    (( $#closed )) && compadd -V closed -l -d closed_shown -a closed
    return 0
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
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


class _Zsh(ZshComplete):
    """Zsh shows what each word is, and puts no space behind a word that goes on."""

    source_template: ClassVar[str] = _ZSH

    def format_completion(self, item: CompletionItem[str]) -> str:
        return f"{item.type}\n{item.value}\n{item.help or '_'}"


def _last_break(word: str) -> int:
    return max(word.rfind("="), word.rfind(":")) + 1


_CLASSES: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": FishComplete}


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
