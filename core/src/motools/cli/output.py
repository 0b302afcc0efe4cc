"""What commands print: tables and fields for people, JSON for programs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import click

from motools.cli.nouns import QUIET

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?%?")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def decorated(stream: TextIO | None) -> bool:
    """Say whether a stream is a terminal that may be written to in colour (None: it was closed before we began)."""
    return (
        stream is not None and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()
    )


def visible(text: str, *, keep_lines: bool = False) -> str:
    """Return text with control characters made visible: what a plugin or a file says must not steer the terminal."""
    pattern = _CONTROL_BUT_LINES if keep_lines else _CONTROL
    return pattern.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def silenced() -> bool:
    """Say whether the command that runs was told `--quiet`."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(QUIET))


def note(text: str) -> None:
    """Say something on stderr for the person who reads along; `--quiet` silences it."""
    if not silenced():
        click.echo(text, err=True)


def print_json(value: Any) -> None:
    """Print a JSON value on stdout as UTF-8, indented."""
    try:
        data = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:  # a lone surrogate, from the name of a file
        data = json.dumps(value, indent=2, allow_nan=False).encode()
    click.echo(data)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "Nothing.") -> None:
    """Print rows on stdout as a table; `empty` (on stderr) where there is none.

    On a terminal the table is drawn by rich, elsewhere (or with `NO_COLOR`) it is plain text in aligned columns.
    Columns of numbers are aligned to the right, None is an empty cell.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        note(empty)
        return
    numeric = [all(cell == "" or _NUMBER.fullmatch(cell) for cell in column) for column in zip(*cells, strict=True)]
    if not decorated(sys.stdout):
        click.echo(plain_table(columns, cells, numeric))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name, right in zip(columns, numeric, strict=True):
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def plain_table(columns: Sequence[str], cells: Sequence[Sequence[str]], numeric: Sequence[bool]) -> str:
    """Return a table as aligned text, two spaces between columns, none at the end of a line."""
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    lines = []
    for row in (columns, *cells):
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def print_fields(fields: Mapping[str, object], *, indent: str = "") -> None:
    """Print names and values on stdout, one a line, aligned; empty values are left out."""
    shown = {name: _cell(value) for name, value in fields.items() if value not in (None, "", [], (), {})}
    width = max(map(len, shown), default=0)
    for name, text in shown.items():
        click.echo(f"{indent}{name.ljust(width)}  {text}")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(item) for item in value)
    return visible(str(value))
