"""`motools run report`: what a run was asked, found and made, as one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.cli.output import print_json, visible
from motools.errors import InputError

if TYPE_CHECKING:
    from motools.report import Report


def report_runs(run_ids: tuple[str, ...], output: Path, samples: str | None, store: Path, *, as_json: bool) -> None:
    """Write a report about runs and say what is in it."""
    from motools.report import write_report
    from motools.store import Store

    limits = _limits(samples)
    with Store.open(store, create=False) as opened:
        report = write_report(output, run_ids, store=opened, limits=limits)
    said = report_json(report, output)
    if as_json:
        print_json(said)
        return
    counts = f"{len(report.runs)} run{_s(report.runs)}, {len(report.evaluations)} evaluation{_s(report.evaluations)}"
    shown = f"{said['samples']:,} samples" + (f" of {said['samples_asked']:,}" if said["left_out"] else "")
    click.echo(f"{visible(str(output))}  {said['bytes']:,} bytes: {counts}, {shown}")
    if said["left_out"]:
        click.echo("note: not every sample is in it; --samples all puts them in", err=True)
    for atom_id, reason in report.lost.items():
        click.echo(f"note: the results of '{atom_id}' are not in it: {visible(reason)}", err=True)


def report_json(report: Report, output: Path) -> dict[str, Any]:
    """Return what was written: the documented form of `run report --json`."""
    there = sum(len(task.samples["rows"]) for task in report.tasks)
    asked = sum(task.samples["asked"] for task in report.tasks)
    return {
        "path": str(output.absolute()),
        "bytes": output.stat().st_size,
        "runs": [run.id for run in report.runs],
        "evaluations": [each.atom for each in report.evaluations],
        "samples": there,
        "samples_asked": asked,
        "left_out": asked - there,
        "lost": dict(report.lost),
    }


def _limits(samples: str | None) -> Any:
    from motools.report.data import Limits

    if samples is None:
        return Limits()
    if samples == "all":
        return Limits(samples=1 << 62, text=1 << 62, total=1 << 62)
    if not samples.isdecimal():
        raise InputError(f"'{samples}' is not a number of samples", where="--samples", hint="Write a number, or all.")
    return Limits(samples=int(samples))


def _s(items: Any) -> str:
    return "" if len(items) == 1 else "s"
