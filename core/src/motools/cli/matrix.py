"""What people see of a matrix: lines while it goes on, then its cells and the table of means over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.cli.errors import code_line, debugging
from motools.cli.eventwords import seconds
from motools.cli.output import note, print_table, visible
from motools.engine.record import Listener, RunEvent

if TYPE_CHECKING:
    from motools.cli.live import View
    from motools.engine.matrix import CellState, MatrixState
    from motools.evals.summary import MatrixSummary
    from motools.store import Store

_CELLS_SHOWN = 40
_ERRORS_SHOWN = 5


class CellRouter:
    """A listener that hands each event to the view of the cell whose run it is of; a single run's go through as they are.

    Args:
        view: what shows them.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._whole = view.listener()
        self._cells: dict[str, Listener] = {}

    def __call__(self, event: RunEvent) -> None:
        """Take one event."""
        cell = self._cells.get(event.run_id)
        if cell is not None:
            cell(event)
        elif event.type == "step_started" and event.body.get("run"):
            self._cells[event.body["run"]] = self._view.listener(event.body["node"])
        elif event.type in ("step_finished", "step_failed") and event.body.get("run"):
            ended = f"done in {seconds(event.body['seconds'])}" if event.type == "step_finished" else "FAILED"
            self._view.settle(event.body["node"], f"{ended} (run {event.body['run']})")
        else:
            if event.body.get("cells"):  # begun, or gone on with
                self._view.cells = tuple(event.body["cells"])
            self._whole(event)


def print_matrix(state: MatrixState, store: Path, *, shown: str | None = None, verbose: bool = False) -> None:
    """Print a matrix for people.

    Args:
        state: where it stands.
        store: the store's folder.
        shown: the status to show, where a person asked for it by `run show`.
        verbose: list every cell, and what every seed found.
    """
    from motools.evals.summary import summarise

    summary = summarise(state.run_id, store=store)
    cells = list(state.cells.values())
    counts = {word: sum(cell.status == word for cell in cells) for word in ("finished", "failed")}
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "none has ended"
    click.echo(f"\nmatrix {state.run_id}  {state.workflow_name}  {shown or state.status}  ({len(cells)} cells: {told})")
    if verbose or len(cells) <= _CELLS_SHOWN:
        rows = [
            (cell.name, _words(cell), seconds(state.step_states[cell.name].runtime_seconds), cell.run_id)
            for cell in cells
        ]
        print_table(("cell", "status", "took", "run"), rows)
    else:
        note("--verbose lists the cells.")
    print_summary(summary, verbose=verbose)
    _print_errors(cells)


def print_summary(summary: MatrixSummary, *, verbose: bool = False) -> None:
    """Print the table of means over seeds, and what one must know to read it."""
    rows = [row for row in summary.rows if verbose or not row.metric.endswith("/stderr")]
    if not rows:
        return
    failed = {arm.arm: arm.failed for arm in summary.arms}
    several = len({row.output for row in rows if row.task}) > 1
    tasks = len({row.task for row in rows if row.task}) > 1
    columns = ["arm", *(["output"] if several else []), *(["task"] if tasks else [])]
    columns += ["metric", "mean [95 %]", "seeds", "n", "failed", "interval"]
    table = []
    for row in rows:
        first = [row.arm, *([row.output] if several else []), *([row.task] if tasks else [])]
        table.append([*first, row.metric, _interval(row), row.seeds, row.n or None, failed[row.arm], row.method])
    click.echo()
    print_table(columns, table)
    if verbose:
        click.echo()
        values = [
            (each.cell, row.metric, _interval(each), each.n or None, each.errors, each.run_id)
            for row in rows
            for each in row.values
        ]
        print_table(("cell", "metric", "value [95 %]", "n", "errors", "run"), values)
    for text in summary.notes:
        note(f"note: {visible(text)}")


def matrix_json(state: MatrixState, store: Store | Path) -> dict[str, Any]:
    """Return a matrix as JSON values: what stands beside a run's own in `run show --json` and `workflow run --json`."""
    from motools.evals.summary import summarise

    summary = summarise(state.run_id, store=store).to_dict()
    del summary["run_id"]
    return {
        "cells": [
            {
                "cell": cell.name,
                "run_id": cell.run_id,
                "status": cell.status,
                "arm": cell.arm,
                "seed": cell.seed,
                "coordinates": dict(cell.coordinates),
                "settings": dict(cell.settings),
            }
            for cell in state.cells.values()
        ],
        "summary": summary,
    }


def _words(cell: CellState) -> str:
    return {"not_reached": "not begun", "pending": "not begun"}.get(cell.status, cell.status)


def _interval(found: Any) -> str:
    if found.low is None or found.high is None:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _print_errors(cells: Sequence[CellState]) -> None:
    """Print why cells failed: the same reason once, with the cells it is of."""
    debug = debugging(click.get_current_context())
    failed: dict[tuple[str, str], list[CellState]] = {}
    for cell in cells:
        if cell.error:
            failed.setdefault((str(cell.error["message"]), str(cell.error.get("code"))), []).append(cell)
    for same in list(failed.values())[:_ERRORS_SHOWN]:
        error = same[0].error or {}
        if debug:
            click.echo(f"\n{error.get('traceback')}", err=True, nl=False)
        more = f"\nThe same in {', '.join(cell.name for cell in same[1:])}." if len(same) > 1 else ""
        said = visible(f"{error['where']}: {error['message']}") + visible(more, keep_lines=True)
        click.echo(f"\nerror: {said}", err=True)
        if error.get("hint"):
            click.echo(f"hint: {visible(str(error['hint']), keep_lines=True)}", err=True)
        click.echo(code_line(str(error["code"])), err=True)
    if len(failed) > _ERRORS_SHOWN:
        click.echo(f"\n{len(failed) - _ERRORS_SHOWN} more kinds of failures: --json has them.", err=True)
