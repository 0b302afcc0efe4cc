"""Running a command and ending well: one clear message on stderr, and an exit code that stays the same.

    0     done
    1     the run failed, or something is broken
    2     what was given is wrong (also: wrong options)
    3     no run, atom or workflow of that name
    4     a plugin or a component
    5     the store
    6     a provider or backend
    70    a bug in motools
    130   Ctrl-C
    141   the reader of the output went away (`motools run list | head`)

`--debug` anywhere in the line, or `MOTOOLS_DEBUG=1`, shows tracebacks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

import click

from motools.cli.output import decorated, visible
from motools.errors import EXIT_INTERRUPTED, MotoolsError, StoreFullError

EXIT_USAGE = 2
EXIT_BUG = 70
EXIT_NO_READER = 141

_DEBUG = "motools.debug"
ERRORS_PAGE = "docs/errors.md"


def run(app: click.Group, arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code; whatever went wrong has been said on stderr."""
    debug, arguments = take_debug(arguments)
    _plain_warnings()
    try:
        code = _invoke(app, arguments, debug)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BaseException as error:
        code = _report(error, debug)
        _drop_unwritable_output()
        return code


def take_debug(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Take `--debug` out of the options before a `--` and return whether it, or `MOTOOLS_DEBUG`, is set."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != "--debug"]
    debug = len(options) < end or os.environ.get("MOTOOLS_DEBUG", "") not in ("", "0")
    return debug, [*options, *arguments[end:]]


def debugging(context: click.Context) -> bool:
    """Say whether tracebacks are wanted."""
    return bool(context.meta.get(_DEBUG))


def _invoke(app: click.Group, arguments: list[str], debug: bool) -> int:
    if instruction := os.environ.get("_MOTOOLS_COMPLETE"):
        from click.shell_completion import shell_complete

        return shell_complete(app, {}, "motools", "_MOTOOLS_COMPLETE", instruction)
    try:
        with app.make_context("motools", arguments) as context:
            context.meta[_DEBUG] = debug
            app.invoke(context)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
            return 1
        return stop.code or 0
    return 0


def _report(error: BaseException, debug: bool) -> int:
    causes = list(_leaves(error))
    if any(isinstance(cause, (KeyboardInterrupt, click.Abort)) for cause in causes):
        return EXIT_INTERRUPTED
    if isinstance(error, BrokenPipeError) and _reader_gone():
        return EXIT_NO_READER
    if debug:
        import traceback

        traceback.print_exception(error)
    codes = [_say(cause, debug) for cause in causes]
    return EXIT_BUG if EXIT_BUG in codes else codes[0]


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


def _say(error: BaseException, debug: bool) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return EXIT_USAGE
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "motools"
        _write(error.format_message(), f"'{command} --help' shows what can be written.", "usage")
        return EXIT_USAGE
    if isinstance(error, click.ClickException):
        _write(error.format_message(), None, "usage")
        return error.exit_code
    if isinstance(error, OSError) and _disk_full(error):
        place = f" (writing '{error.filename}')" if error.filename else ""
        error = StoreFullError(f"the disk is full{place}", hint="Free some space and run the same command again.")
    if isinstance(error, MotoolsError):
        message = f"{error.where}: {error.message}" if error.where else error.message
        _write(message, error.hint, error.code)
        return error.exit_code
    advice = "Run the same command with --debug to see where, and report it with what that prints."
    if debug:
        advice = "Report it with the traceback above."
    _write(f"this is a bug in motools: {type(error).__name__}: {error}", advice, "bug")
    return EXIT_BUG


def _disk_full(error: OSError) -> bool:
    import errno

    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _write(message: str, hint: str | None, code: str) -> None:
    head = "error:"
    if decorated(sys.stderr):
        head = click.style(head, fg="red", bold=True)
    lines = [f"{head} {visible(message, keep_lines=True)}"]
    if hint:
        lines.append("hint: " + visible(hint, keep_lines=True).replace("\n", "\n      "))
    lines.append(f"code: {code} ({ERRORS_PAGE}#{code})")
    click.echo("\n".join(lines), err=True, color=decorated(sys.stderr))


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
