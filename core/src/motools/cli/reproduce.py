"""`motools atom reproduce`: make an atom again and say how it compares."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from motools.cli.output import print_json, print_table, visible

if TYPE_CHECKING:
    from motools.engine.outcomes import Outcome
    from motools.engine.reproduce import Reproduction


def reproduce_atom(
    atom_id: str,
    store: Path,
    *,
    into: Path | None,
    jobs: int | None,
    dry_run: bool,
    yes: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Plan, ask where work outside is done again, do it, and end the process with 1 where something came out otherwise."""
    from motools.cli.live import open_view
    from motools.engine.reproduce import areproduce, plan_reproduction
    from motools.store import Store

    with Store.open(store, create=False) as opened:
        plan = plan_reproduction(opened, atom_id)
        if dry_run:
            _show_plan(plan, as_json=as_json)
            return
        if not yes:
            _ask(plan)
        with _place(into) as folder, Store.open(folder) as target, open_view(quiet=quiet) as view:
            outcomes = asyncio.run(areproduce(opened, target, plan, jobs=jobs, listeners=[view.listener()]))
    if as_json:
        print_json({"target": plan.target, "ok": _ok(plan, outcomes), "atoms": [asdict(each) for each in outcomes]})
    else:
        _show_outcomes(outcomes)
        if into is not None:
            click.echo(f"\nWhat was made now is in '{into}'.")
    if not _ok(plan, outcomes):
        sys.exit(1)


def _ok(plan: Reproduction, outcomes: list[Outcome]) -> bool:
    """Say whether all came out the same; an atom that could only be copied was not made again."""
    return all(each.ok for each in outcomes) and plan.target not in plan.given


def _ask(plan: Reproduction) -> None:
    outside = plan.outside()
    if not outside:
        return
    said = f"{', '.join(outside)}: work outside is done, and paid for, again"
    if not sys.stdin.isatty():
        from motools.errors import InputError

        raise InputError(said, where="--yes", hint="Say --yes to go ahead, --dry-run to see what would be done.")
    click.confirm(f"{said}. Go ahead?", abort=True, err=True)


@contextmanager
def _place(into: Path | None) -> Iterator[Path]:
    if into is not None:
        yield into.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="motools-reproduce-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "store"


def _show_plan(plan: Reproduction, *, as_json: bool) -> None:
    if as_json:
        repeats = [
            {"run": each.run.id, "workflow": each.run.workflow, "steps": sorted(each.nodes), "atoms": list(each.made)}
            for each in plan.repeats
        ]
        print_json({"target": plan.target, "given": dict(plan.given), "runs": repeats})
        return
    print_table(
        ("run", "workflow", "steps to do again"),
        [(r.run.id, r.run.workflow, [n for n in r.state.steps if n in r.nodes]) for r in plan.repeats],
        empty="No run can be done again.",
    )
    for atom, why in plan.given.items():
        click.echo(f"{atom} would be copied: {visible(why)}")


def _show_outcomes(outcomes: list[Outcome]) -> None:
    print_table(
        ("atom", "made by", "comes out"),
        [(each.atom, f"{each.step} of run {each.run}" if each.run else "", each.verdict) for each in outcomes],
    )
    for outcome in outcomes:
        for why in outcome.why:
            click.echo(f"{outcome.atom}: {visible(why)}")
