"""The settings of a run, as they were used and as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from motools.store import RunRow


def print_settings(row: RunRow) -> None:
    """Print a run's settings as a config file that gives the same run again: defaults written out, paths absolute.

    Of a matrix, whose cells have settings of their own, they are as they were written.
    """
    from motools.cli.output import visible
    from motools.config import dump_yaml

    definition = cast(dict[str, Any], row.definition)
    written = written_settings(row)
    settings = definition["settings"] or {}
    said = "with every default written out"
    if "matrix" in definition:
        settings = written["settings"] if written is not None else {"matrix": definition["matrix"]}
        said = "as they were written; those of a cell are written out: motools run show CELLS_RUN --settings"
    click.echo(f"# The settings of run {row.id} of {row.workflow}, {said}.")
    for line in _origin(written, "matrix" in definition):
        click.echo(f"# {visible(line)}")
    if definition["workflow"] is not None:
        click.echo(f"#     motools workflow run {visible(definition['workflow'])} --config THIS_FILE")
    click.echo()
    click.echo(dump_yaml(settings), nl=False)


def written_settings(row: RunRow) -> dict[str, Any] | None:
    """Return what was written and where, for `--json`; None for a run begun in Python or by an older version."""
    found: dict[str, Any] | None = cast(dict[str, Any], row.definition).get("written")
    return found


def _origin(written: dict[str, Any] | None, as_written: bool) -> list[str]:
    if written is None:
        return []
    paths = f" Relative paths start from {written['folder']}." if as_written else ""
    lines = [f"Read from {written['source']}.{paths}"] if written["folder"] is not None else []
    said = dict.fromkeys(override["said"] for override in written["overrides"])
    return lines + [f"On the command line: {option}" for option in said]
