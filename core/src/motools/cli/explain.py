"""`motools run explain` and `motools run accept`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.canonical import iso_time
from motools.cli.output import print_json, visible
from motools.cli.plan import print_diffs

if TYPE_CHECKING:
    from motools.engine.compared import Explained
    from motools.store.equivalences import EquivalenceRow


def show_explained(step: str, run_id: str, store: Path, *, as_json: bool) -> None:
    """Print a step's key beside the nearest earlier one."""
    from motools.engine.compared import explain_step
    from motools.store import Store

    with Store.open(store, create=False) as opened:
        found = explain_step(opened, opened.runs.get(run_id), step)
    if as_json:
        print_json(explained_json(found))
        return
    click.echo(f"step {found.step} of run {found.run_id}  {found.status}")
    for reason in found.why:
        click.echo(f"  {visible(reason)}")
    if found.beside is None:
        return
    click.echo(f"\nbeside run {found.beside.run_id}, {found.beside.activation}")
    equal = [part for part in found.parts if part not in {change.part for change in found.changes}]
    click.echo(f"the same: {', '.join(equal) or 'nothing'}")
    print_diffs(found.step, dict(found.diffs))


def explained_json(found: Explained) -> dict[str, Any]:
    """Return it as JSON values: the documented form of `run explain --json`."""
    return {
        "run_id": found.run_id,
        "step": found.step,
        "status": found.status,
        "why": list(found.why),
        "key": found.key,
        "parts": dict(found.parts),
        "beside": None
        if found.beside is None
        else {
            "run_id": found.beside.run_id,
            "activation": found.beside.activation,
            "key": found.beside.key,
            "parts": found.beside.parts,
            "computed_at": iso_time(found.beside.at),
        },
        "changes": [change.to_json() for change in found.changes],
        "diffs": dict(found.diffs),
        "accepted": [dict(decision) for decision in found.accepted],
    }


def decide(
    step: str,
    run_id: str,
    reason: str,
    store: Path,
    *,
    config: Path | None,
    sets: tuple[str, ...],
    take_back: bool,
    user: str,
    as_json: bool,
) -> None:
    """Record that a result may be used on, or that it may no longer, and print what was recorded."""
    from motools.cli.run import read_state
    from motools.engine.accept import accept, revoke
    from motools.engine.compared import refuse_matrix
    from motools.errors import InputError, did_you_mean
    from motools.store import Store

    with Store.open(store, create=False) as opened:
        run = opened.runs.get(run_id)
        refuse_matrix(opened, run, f"motools run accept {step}")
        states = read_state(opened, run).step_states
        if step not in states:
            raise InputError(
                f"there is no step '{step}' in it (steps: {', '.join(states)})",
                where=f"run {run.id}",
                hint=did_you_mean(step, states),
            )
        key = states[step].key if states[step].done else None
        if take_back:
            rows = revoke(opened, run, step, key, user=user, reason=reason)
        else:
            settings, document = _settings_now(run.definition, config, sets)
            row, planned = accept(opened, run, step, key, settings=settings, at=document, user=user, reason=reason)
            rows = [row]
    if as_json:
        print_json([row.to_json() for row in rows])
    elif take_back:
        click.echo(f"taken back: the result of {step} of run {run.id} is no longer used for changed code or settings")
    else:
        for text in planned.reasons:
            click.echo(f"  {visible(text)}")
        click.echo(f"accepted: {step} goes on with its result of run {run.id}")


def _settings_now(definition: Any, config: Path | None, sets: tuple[str, ...]) -> tuple[Any, Any]:
    """Return the settings that hold now: those of a file, or of the run, with what the command line says over them."""
    from motools.cli.options import read_settings, set_files
    from motools.config import Document

    if config is None and not sets and not set_files():
        return None, None
    document = read_settings(config, sets, otherwise=Document(definition["settings"], "the run's settings", Path.cwd()))
    return document.value, document


def accepted_lines(decisions: Any) -> list[str]:
    """Return, a line each, by whom results were accepted that are used under another key than their own."""
    from motools.engine.plan import accepted_words
    from motools.store.equivalences import EquivalenceRow

    rows: list[EquivalenceRow] = [
        decision if isinstance(decision, EquivalenceRow) else EquivalenceRow.from_json(decision)
        for decision in decisions
    ]
    return [accepted_words(row) for row in rows]
