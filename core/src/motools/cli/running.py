"""Driving a run from the command line: lines while it goes on, a summary at the end, and a good way to stop."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from motools.cli.errors import code_line, debugging
from motools.cli.eventwords import seconds
from motools.cli.live import RunSeen, open_view
from motools.cli.output import print_fields, print_json, print_table, visible
from motools.cli.shield import shielded
from motools.engine.record import Listener

if TYPE_CHECKING:
    from motools.engine.api import WorkflowState
    from motools.engine.matrix import MatrixState
    from motools.store import Store


def drive(
    start: Callable[[Sequence[Listener]], WorkflowState],
    *,
    store: Path,
    quiet: bool,
    as_json: bool,
    cells: Sequence[str] | None = None,
    verbose: bool = False,
) -> None:
    """Run what `start` returns, and end the process as the run ended.

    Args:
        start: runs it, and tells the listeners it is given.
        store: the store's folder, for the commands that are suggested.
        quiet: say nothing while it runs but failures.
        as_json: print the result as JSON on stdout.
        cells: names of the cells of a matrix as far as they are known; None for what cannot be one.
        verbose: of a matrix show all cells and what every seed found.
    """
    view = open_view(quiet=quiet, store=store, cells=cells or ())
    listener: Listener = view.listener()
    if cells is not None:
        from motools.cli.matrix import CellRouter

        listener = CellRouter(view)
    # A polite request to end is the same as Ctrl-C: the run is paused and can be resumed.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        # What a step prints is for people; stdout is for the result.
        with view, shielded():
            state = start([listener])
    except KeyboardInterrupt:
        if (seen := view.runs.get("")) is not None:
            for cell in view.runs.values():
                seen.jobs.update(cell.jobs)
            click.echo(how_to_continue(seen, store), err=True)
        raise
    if as_json:
        print_json(state_json(state, store))
    else:
        print_state(state, store, verbose=verbose)
    if state.status == "failed":
        sys.exit(_exit_code(state))


def how_to_continue(seen: RunSeen, store: Path) -> str:
    """Return what to tell a person who has interrupted a run: how it goes on, and which jobs go on meanwhile."""
    flag = store_flag(store)
    said = [
        "\npaused." if seen.paused else "\nleft at once.",
        f"To continue:  motools run resume {seen.run_id}{flag}",
    ]
    for (node, _, _), job in seen.jobs.items():
        said.append(f"The job '{job}' of step '{node}' goes on meanwhile.")
    if seen.jobs:
        said.append(f"To stop it:   motools run cancel {seen.run_id}{flag}")
    return "\n".join(said)


def store_flag(store: Path) -> str:
    """Return ` --store PATH` where a suggested command needs it."""
    from motools.store.location import default_store_path

    if store == default_store_path():
        return ""
    try:
        shown = store.relative_to(Path.cwd())
    except ValueError:
        shown = store
    return f" --store {shlex.quote(str(shown))}"


def _exit_code(state: WorkflowState) -> int:
    codes = {step.error.get("exit_code", 1) for step in state.step_states.values() if step.error}
    return int(codes.pop()) if len(codes) == 1 else 1


def print_state(state: WorkflowState, store: Path, *, shown: str | None = None, verbose: bool = False) -> None:
    """Print a run's end for people: steps, atoms, metrics, failures and what to do next.

    Args:
        state: the run's state.
        store: the store's folder.
        shown: the status to show, where a person asked for the run by `run show`.
        verbose: of a matrix show all cells and what every seed found.
    """
    if state.made_of == "cells":
        from motools.cli.matrix import print_matrix

        print_matrix(cast("MatrixState", state), store, shown=shown, verbose=verbose)
        return
    debug = debugging(click.get_current_context())
    rows = []
    for step in state.step_states.values():
        atoms = ", ".join(step.output_atoms.values())
        took = None if step.status == "cached" else seconds(step.runtime_seconds)
        status = "CACHED" if step.status == "cached" else step.status.replace("_", " ")
        rows.append((step.name, status, took, atoms))
    click.echo(f"\nrun {state.run_id}  {state.workflow_name}  {shown or state.status}")
    print_table(("step", "status", "took", "atoms"), rows)
    for step in state.step_states.values():
        if step.accepted:
            from motools.cli.explain import accepted_lines

            for line in accepted_lines(step.accepted):
                click.echo(f"{step.name}: {visible(line)}")
    _print_evals(state, store)
    flag = store_flag(store)
    for step in state.step_states.values():
        if step.error:
            if debug:
                click.echo(f"\n{step.error['traceback']}", err=True, nl=False)
            click.echo(f"\nerror: {step.error['where']}: {step.error['message']}", err=True)
            if step.error.get("hint"):
                click.echo(f"hint: {step.error['hint']}", err=True)
            click.echo(code_line(step.error["code"]), err=True)
    if state.status == "failed" and shown is None:
        click.echo(f"\nThe run's log: motools run logs {state.run_id}{flag}", err=True)


def _print_evals(state: WorkflowState, store: Path) -> None:
    from motools.store import Store

    with Store.open(store) as opened:
        for name, atom_id in state.output_atoms.items():
            atom = opened.atoms.get(atom_id)
            if atom.metadata.get("dummy"):
                click.echo(f"{name}: DUMMY, made by a dummy backend; nothing real was computed")
            metrics = atom.metadata.get("metrics")
            if isinstance(metrics, dict):
                errors = atom.metadata.get("errors")
                click.echo(f"{name}: {atom.metadata.get('task')}, n {atom.metadata.get('n')}, errors {errors}")
                print_fields(metrics, indent="  ")


def state_json(state: WorkflowState, store: Store | Path) -> dict[str, Any]:
    """Return a run's state as JSON values: the documented form of `run show --json` and `workflow run --json`.

    Args:
        state: the run's state.
        store: the store or its folder, for what the cells of a matrix found.
    """
    matrix = None
    if state.made_of == "cells":
        from motools.cli.matrix import matrix_json

        matrix = matrix_json(cast("MatrixState", state), store)
    return {
        "run_id": state.run_id,
        "workflow": state.workflow_name,
        "status": state.status,
        "input_atoms": dict(state.input_atoms),
        "output_atoms": dict(state.output_atoms),
        "settings": dict(state.config),
        "steps": {
            name: {
                "status": step.status,
                "attempt": step.attempt,
                "key": step.key,
                "output_atoms": dict(step.output_atoms),
                "seconds": step.runtime_seconds,
                "progress": dict(step.progress),
                "reused_from_run": step.reused_from_run,
                "accepted": [dict(decision) for decision in step.accepted],
                "error": step.error,
            }
            for name, step in state.step_states.items()
        },
        "matrix": matrix,
    }
