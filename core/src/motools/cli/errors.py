"""Running a command and ending well: one clear message on stderr, and an exit code that stays the same (`EXIT_CODES`).

With `--json` the message is one JSON object on the last line of stderr, so that stdout holds the whole document or nothing.
`--debug` anywhere in the line, or `MOTOOLS_DEBUG=1`, shows tracebacks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click

from motools.cli.output import decorated, visible
from motools.errors import EXIT_INTERRUPTED, MotoolsError, StoreFullError

EXIT_USAGE = 2
EXIT_BUG = 70
EXIT_NOT_DRIVEN = 75
EXIT_NO_READER = 141

EXIT_CODES: dict[int, str] = {
    0: "done",
    1: "the run failed, or something is broken",
    2: "what was given is wrong: options, settings, data",
    3: "there is no run, atom or workflow of that name",
    4: "a plugin, or a component of one",
    5: "the store",
    6: "a provider or backend refused or failed",
    EXIT_BUG: "a bug in motools",
    EXIT_NOT_DRIVEN: "no process drives the run that is followed with --until-stopped",
    EXIT_INTERRUPTED: "Ctrl-C: the run is paused, 'motools run resume' goes on",
    EXIT_NO_READER: "the reader of the output went away",
}
"""Exit code → what it means. They stay as they are."""

_DEBUG = "motools.debug"


def run(app: click.Group, arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code; whatever went wrong has been said on stderr."""
    debug, arguments = take_debug(arguments)
    as_json = "--json" in _options(arguments)
    _plain_warnings()
    try:
        code = _invoke(app, arguments, debug)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BaseException as error:
        from motools.cli.shield import shielded

        with shielded():
            code = _report(error, debug, as_json)
        _drop_unwritable_output()
        return code


def take_debug(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Take `--debug` out of the options before a `--` and return whether it, or `MOTOOLS_DEBUG`, is set."""
    given = _options(arguments)
    options = [argument for argument in given if argument != "--debug"]
    debug = len(options) < len(given) or os.environ.get("MOTOOLS_DEBUG", "") not in ("", "0")
    return debug, [*options, *arguments[len(given) :]]


def _options(arguments: Sequence[str]) -> Sequence[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def debugging(context: click.Context) -> bool:
    """Say whether tracebacks are wanted."""
    return bool(context.meta.get(_DEBUG))


def _invoke(app: click.Group, arguments: list[str], debug: bool) -> int:
    if instruction := os.environ.get("_MOTOOLS_COMPLETE"):
        from motools.cli.completing import answer

        return answer(app, instruction)
    try:
        with app.make_context("motools", arguments) as context:
            context.meta[_DEBUG] = debug
            app.invoke(context)
    except click.exceptions.NoArgsIsHelpError as bare:  # a noun alone
        click.echo(bare.format_message())
        return 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
            return 1
        return stop.code or 0
    return 0


def _report(error: BaseException, debug: bool, as_json: bool) -> int:
    causes = list(_leaves(error))
    if any(isinstance(cause, (KeyboardInterrupt, click.Abort)) for cause in causes):
        return EXIT_INTERRUPTED
    if isinstance(error, BrokenPipeError) and _reader_gone():
        return EXIT_NO_READER
    if debug:
        import traceback

        traceback.print_exception(error)
    said = [_told(cause, debug) for cause in causes]
    said.sort(key=lambda each: each.exit_code != EXIT_BUG)  # a bug decides the exit code
    if as_json:
        import json

        first, *others = [each._asdict() for each in said]
        click.echo(json.dumps({**first, "also": others}), err=True)
    else:
        for each in said:
            _write(each)
    return said[0].exit_code


def _drop_unwritable_output() -> None:
    """Give what is still buffered and has nowhere to go to nobody, so that the interpreter does not complain at its end."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error


class Told(NamedTuple):
    """An error as it is told: the documented form of an error under `--json`.

    Args:
        code, message, where, hint, exit_code: as in `MotoolsError`.
    """

    code: str
    message: str
    where: str | None
    hint: str | None
    exit_code: int


def _told(error: BaseException, debug: bool) -> Told:
    if isinstance(error, click.ClickException):
        message = error.format_message().replace("\n\t", " ")  # choices stand a line each
        message = message[:1].lower() + message[1:].rstrip(".")  # click speaks in sentences
        return Told("usage", message, None, _usage_hint(error), EXIT_USAGE)
    if isinstance(error, OSError) and _disk_full(error):
        place = f" (writing '{error.filename}')" if error.filename else ""
        error = StoreFullError(f"the disk is full{place}", hint="Free some space and run the same command again.")
    if isinstance(error, MotoolsError):
        return Told(error.code, error.message, error.where, error.hint, error.exit_code)
    advice = "Run the same command with --debug to see where, and report it with what that prints."
    if debug:
        advice = "Report it with the traceback above."
    return Told("bug", f"this is a bug in motools: {type(error).__name__}: {error}", None, advice, EXIT_BUG)


def _usage_hint(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return "'motools --help' shows what can be written."
    if isinstance(error, click.NoSuchOption) and isinstance(context.command, click.Group):
        return f"Options stand behind the verb: motools NOUN VERB {error.option_name}"
    more = f"'{context.command_path} --help' shows what can be written."
    if isinstance(context.command, click.Group):
        return more
    lines = [f"It is written: {' '.join([context.command_path, *context.command.collect_usage_pieces(context)])}", more]
    if "extra argument" in error.message and any("--run" in option.opts for option in context.command.params):
        lines.insert(1, "The run is said with --run RUN.")
    return "\n".join(lines)


def _disk_full(error: OSError) -> bool:
    import errno

    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _write(error: Told) -> None:
    head = "error:"
    if decorated(sys.stderr):
        head = click.style(head, fg="red", bold=True)
    message = f"{error.where}: {error.message}" if error.where else error.message
    lines = [f"{head} {visible(message, keep_lines=True)}"]
    if error.hint:
        lines.append("hint: " + visible(error.hint, keep_lines=True).replace("\n", "\n      "))
    lines.append(code_line(error.code))
    click.echo("\n".join(lines), err=True, color=decorated(sys.stderr))


def code_line(code: str) -> str:
    """Return the last line of an error: its code, and where more is said."""
    return f"code: {code} (motools help errors {code})"


def _reader_gone() -> bool:
    """Say whether it is stdout that nobody reads any more, and not a pipe or connection of our own."""
    try:
        import select

        poll = select.poll()
        poll.register(1, select.POLLOUT)
        return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
    except (ImportError, AttributeError, OSError):
        return True


def _plain_warnings() -> None:
    """Print the warnings meant for people as one line, without the place in our code."""
    import warnings

    usual = warnings.formatwarning

    def plain(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        if category.__module__.startswith("motools."):
            return f"warning: {message}\n"
        return usual(message, category, filename, lineno, line)

    warnings.formatwarning = plain
