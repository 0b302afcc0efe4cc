"""`motools run list`, and what people attach to runs so that they find them: `tag`, `untag`, `note`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.canonical import iso_time
from motools.cli.nouns import Verb
from motools.cli.options import json_option, store_option, user_option
from motools.cli.output import note, print_json, print_table, visible
from motools.config.user import default_user

if TYPE_CHECKING:
    from motools.store import Store
    from motools.store.finding import FoundRun
    from motools.store.wherefields import Filter

WHERE_HELP = """
--where is written as FIELD OPERATOR VALUE, joined by and, or, not and parentheses. Operators are = != < <= > >= and ~
(contains). Fields: id, workflow, status, user ('me' is you), created and updated (2026-11-01, 2026-11-01T14:30, today, or how
long ago: 12h, 3d, 2w), seconds, note, error (messages of failed steps), matrix, cell, settings.STEP.KEY, metrics.NAME, and
tag:NAME. Texts that are no single word stand in quotes. A run without the field is not found, whatever the operator.
"""


@click.command("list", cls=Verb)
@click.option("--where", "asked", metavar="FILTER", help="Only runs of which this holds; see above.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option(
    "--status",
    type=click.Choice(["queued", "running", "stopped", "paused", "completed", "failed", "cancelled"]),
    help="Only runs of this status; 'stopped' are those whose process is gone.",
)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only runs with this tag; again for more.")
@click.option("--since", metavar="WHEN", help="Only runs begun since: 2026-11-01, today, 12h, 3d, 2w.")
@click.option("--cells", is_flag=True, help="Also runs that are cells of a matrix; --where looks at them anyway.")
@click.option("--matrix", metavar="RUN", help="Only the cells of this matrix.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first.")
@store_option
@json_option
def list_runs(
    asked: str | None,
    workflow: str | None,
    status: str | None,
    tags: tuple[str, ...],
    since: str | None,
    cells: bool,
    matrix: str | None,
    limit: int,
    store: Path,
    as_json: bool,
) -> None:
    """List the runs in the store, newest first."""
    filters = _filters(asked, workflow, status, tags, since)
    if matrix is not None:
        filters += _of_matrix(matrix, store)
    found: list[FoundRun] = []
    if (store / "motools.db").exists():
        from motools.store import Store
        from motools.store.finding import find_runs

        with Store.open(store, create=False) as opened:
            found = list(find_runs(opened, and_also=filters, limit=limit + 1, cells=cells or bool(asked or matrix)))
            if not found:
                _say_unknown(opened, filters)
    shown = found[:limit]
    if as_json:
        print_json([_run_json(run) for run in shown])
        return
    _print_runs(shown, _asked_fields(filters), bool(filters))
    if len(found) > limit:
        note(f"These are the newest {limit}; --limit shows more.")


list_runs.help = f"""List the runs in the store, newest first.
{WHERE_HELP}
With --json: a list of runs with `run_id`, `workflow`, `user`, `status`, `created_at`, `updated_at`, `tags`, `notes`, `matrix`,
`cell`, `cells`.

Example: motools run list --where "status = completed and metrics.match/mean > 0.5 and settings.train_model.seed >= 3"
"""


def _filters(
    asked: str | None, workflow: str | None, status: str | None, tags: Sequence[str], since: str | None
) -> list[Filter]:
    """Return what the options ask for as filters.

    Raises:
        InputError: one cannot be understood.
    """
    if not (asked is not None or workflow or status or tags or since):
        return []
    from motools.store.where import Test, Value, written
    from motools.store.wherefields import compile_filter, since_text

    tests = [("workflow", workflow), ("status", status), *(("tag", tag) for tag in tags)]
    texts = [written(Test((name,), "=", Value(value, True))) for name, value in tests if value]
    if since:
        texts.append(f"created >= {since_text(since)}")
    if asked is not None:
        texts.append(asked)
    return [compile_filter(text, user=default_user()) for text in texts]


def _of_matrix(name: str, store: Path) -> list[Filter]:
    """Return the filter for the cells of a matrix.

    Raises:
        NotFoundError: there is no such run. InputError: it is no matrix.
    """
    from motools.errors import InputError
    from motools.store import Store
    from motools.store.where import Test, Value, written
    from motools.store.wherefields import compile_filter

    with Store.open(store, create=False) as opened:
        row = opened.runs.get(name)
    if "cells" not in (row.details or {}):
        raise InputError(f"the run '{row.id}' is no matrix", where="--matrix", hint="'motools run show' shows it.")
    return [compile_filter(written(Test(("matrix",), "=", Value(row.id, True))), user=default_user())]


def _asked_fields(filters: Iterable[Filter]) -> list[tuple[str, ...]]:
    """Return the settings and metrics that are asked for: people want to see what they look by."""
    from motools.store.wherefields import tests

    paths = (test.path for meant in filters for test in tests(meant.tree))
    return [path for path in dict.fromkeys(paths) if path[0] in ("settings", "metrics", "error", "seconds")]


def _say_unknown(store: Store, filters: Iterable[Filter]) -> None:
    """Say of settings and metrics that no run has what may have been meant."""
    paths = [path for path in _asked_fields(filters) if path[0] in ("settings", "metrics")]
    if not paths:
        return
    from motools.errors import did_you_mean
    from motools.store.finding import known_fields

    known = known_fields(store)
    for name in (".".join(path) for path in paths):
        if name not in known:
            note(f"None of the newest runs has the field '{name}'. {did_you_mean(name, known) or ''}".rstrip())


def _print_runs(runs: Sequence[FoundRun], asked: Sequence[tuple[str, ...]], filtered: bool) -> None:
    columns = ["run", "workflow", "status", "user", "begun"]
    rows: list[list[object]] = [
        [run.id, run.workflow, run.status, run.user, local_time(run.created_at)] for run in runs
    ]
    for path in asked:
        columns.append(".".join(path))
        for row, run in zip(rows, runs, strict=True):
            values = list(run.values(path))
            row.append(values[0] if len(values) == 1 else values)
    if any(run.cells for run in runs):
        columns.append("cells")
        for row, run in zip(rows, runs, strict=True):
            row.append(run.cells)
    if any(run.cell for run in runs):
        columns.append("cell")
        for row, run in zip(rows, runs, strict=True):
            row.append(run.cell)
    if any(run.tags for run in runs):
        columns.append("tags")
        for row, run in zip(rows, runs, strict=True):
            row.append(run.tags)
    print_table(
        columns, rows, empty="No such run." if filtered else "No runs yet: 'motools workflow run NAME' makes one."
    )


def _run_json(run: FoundRun) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "workflow": run.workflow,
        "user": run.user,
        "status": run.status,
        "created_at": iso_time(run.created_at),
        "updated_at": iso_time(run.updated_at),
        "tags": list(run.tags),
        "notes": list(run.notes),
        "matrix": run.matrix,
        "cell": run.cell,
        "cells": run.cells,
    }


@click.command(cls=Verb)
@click.argument("run_id", metavar="RUN")
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@user_option
@store_option
@json_option
def tag(run_id: str, tags: tuple[str, ...], user: str, store: Path, as_json: bool) -> None:
    """Add tags to a run. They find it (run list --tag), and keep what it made from 'store gc', also when it is archived.

    With --json: `run_id` and `tags`, all it has now.

    Example: motools run tag last paper
    """
    _change_tags(run_id, tags, store, user, as_json=as_json)


@click.command(cls=Verb)
@click.argument("run_id", metavar="RUN")
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@store_option
@json_option
def untag(run_id: str, tags: tuple[str, ...], store: Path, as_json: bool) -> None:
    """Take tags away from a run.

    With --json: `run_id` and `tags`, those that are left.

    Example: motools run untag last first
    """
    _change_tags(run_id, tags, store, None, as_json=as_json)


def _change_tags(run_id: str, tags: Sequence[str], store: Path, user: str | None, *, as_json: bool) -> None:
    from motools.store import Store

    with Store.open(store, create=False) as opened:
        run = opened.runs.get(run_id).id
        labels = opened.run_labels
        left = labels.untag(run, tags) if user is None else labels.tag(run, tags, user)
    if as_json:
        print_json({"run_id": run, "tags": list(left)})
    else:
        click.echo(f"run {run}  {', '.join(left) or 'no tags'}")


@click.command("note", cls=Verb)
@click.argument("run_id", metavar="RUN")
@click.argument("text", required=False)
@click.option("--remove", type=int, metavar="N", help="Take this note away.")
@user_option
@store_option
@json_option
def write_note(run_id: str, text: str | None, remove: int | None, user: str, store: Path, as_json: bool) -> None:
    """Write a note about a run, or read its notes. 'run list --where "note ~ word"' finds it.

    With --json: `run_id` and `notes`, each with `number`, `text`, `user`, `at`.

    Example: motools run note last "the loss looks odd; try a smaller learning rate"
    """
    from motools.errors import InputError
    from motools.store import Store

    if text is not None and remove is not None:
        raise InputError("a note is written or taken away, not both", where="--remove", hint="Leave one of them out.")
    with Store.open(store, create=False) as opened:
        run = opened.runs.get(run_id).id
        if text is not None:
            opened.run_labels.note(run, text, user)
        if remove is not None:
            opened.run_labels.remove_note(run, remove)
        notes = opened.run_labels.notes(run)
    if as_json:
        print_json({"run_id": run, "notes": [{**each._asdict(), "at": iso_time(each.at)} for each in notes]})
        return
    for each in notes:
        head = f"{each.number:>3}  {local_time(each.at)}  {visible(each.user)}"
        lines = visible(each.text, keep_lines=True).splitlines()
        click.echo("\n".join([f"{head}  {lines[0]}", *(" " * (len(head) + 2) + line for line in lines[1:])]))
    if not notes:
        note(f"There are no notes about run {run}.")


def local_time(at: float) -> str:
    """Return a time as people here write it, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
