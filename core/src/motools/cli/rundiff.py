"""`motools run diff`: two runs beside each other, in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.canonical import iso_time
from motools.cli.eventwords import seconds
from motools.cli.figures import interval
from motools.cli.finding import local_time
from motools.cli.nouns import Verb
from motools.cli.options import json_option, store_option
from motools.cli.output import note, print_fields, print_json, print_table, visible

if TYPE_CHECKING:
    from motools.engine.explain import Change
    from motools.evals.rundiff import DataDiff, MetricsDiff, RunDiff, RunHead


@click.command(cls=Verb)
@click.argument("a", metavar="RUN")
@click.argument("b", metavar="RUN")
@click.option(
    "--rows", type=click.IntRange(min=0), default=3, show_default=True, help="How many rows of each kind to show."
)
@store_option
@json_option
def diff(a: str, b: str, rows: int, store: Path, as_json: bool) -> None:
    """Compare two runs: show what differs.

    That is settings, code, data, environment, metrics with intervals, and steps; those with equal keys computed the same. Rows
    are compared by what they say; one that asks the same and answers otherwise counts as changed.

    With --json: `a`, `b`, `same`, `workflow`, `settings`, `code`, `data`, `only`, `environment`, `metrics`, `steps`.

    Example: motools run diff 20260102-040506-bcde 20260102-030405-abcd
    """
    from motools.evals.rundiff import diff_runs
    from motools.store import Store

    with Store.open(store, create=False) as opened:
        found = diff_runs(opened, a, b)
    if as_json:
        print_json(diff_json(found, rows))
    else:
        _print(found, rows)


def diff_json(found: RunDiff, rows: int) -> dict[str, Any]:
    """Return it as JSON values: the documented form of `run diff --json`."""
    return {
        "a": _head_json(found.a),
        "b": _head_json(found.b),
        "same": found.same,
        "workflow": [_change_json(change) for change in found.workflow],
        "settings": [_change_json(change) for change in found.settings],
        "code": dict(found.code),
        "data": [
            {
                "name": each.name,
                "type": each.type,
                "atoms": list(each.atoms),
                "same": each.same,
                "rows": None if each.rows is None else each.rows.to_json(rows),
            }
            for each in found.data
        ],
        "only": dict(found.only),
        "environment": [_change_json(change) for change in found.environment],
        "metrics": [
            {
                "name": each.name,
                "atoms": list(each.atoms),
                "same": each.same,
                "why_not": each.why or None,
                "scorers": [asdict(row) for row in each.comparison.scorers] if each.comparison else [],
                "notes": list(each.comparison.notes) if each.comparison else [],
                "dummy": each.comparison.dummy if each.comparison else None,
                "alone": [
                    {name: asdict(value) if value else None for name, value in side.items()} for side in each.alone
                ],
            }
            for each in found.metrics
        ],
        "steps": [
            {
                "step": each.name,
                "statuses": list(each.statuses),
                "seconds": list(each.seconds),
                "same": each.same,
                "parts": list(each.parts),
            }
            for each in found.steps
        ],
    }


def _head_json(head: RunHead) -> dict[str, Any]:
    return {
        "run_id": head.id,
        "workflow": head.workflow,
        "user": head.user,
        "status": head.status,
        "created_at": iso_time(head.created_at),
        "seconds": head.seconds,
    }


def _change_json(change: Change) -> dict[str, Any]:
    return {"path": list(change.path), "kind": change.kind, "before": change.before, "after": change.after}


def _print(found: RunDiff, rows: int) -> None:
    for name, head in (("A", found.a), ("B", found.b)):
        when = local_time(head.created_at)
        click.echo(
            f"{name}  run {head.id}  {head.workflow}  {head.status}  by {head.user}, {when}, took {seconds(head.seconds)}"
        )
    if found.same:
        click.echo("\nidentical: settings, code, data, environment and metrics are the same")
    else:
        _print_changes("workflow", found.workflow)
        _print_changes("settings", found.settings)
        _print_code(found.code)
        _print_data(found.data, found.only, rows)
        _print_changes("environment", found.environment)
        for metrics in found.metrics:
            _print_metrics(metrics)
    click.echo()
    print_table(
        ("step", "keys", "A", "took A", "B", "took B"),
        [
            (
                each.name,
                "–" if each.same is None else "same" if each.same else f"differ: {', '.join(each.parts)}".rstrip(": "),
                each.statuses[0] or "–",
                seconds(each.seconds[0]),
                each.statuses[1] or "–",
                seconds(each.seconds[1]),
            )
            for each in found.steps
        ],
    )


def _print_changes(what: str, changes: Iterable[Change]) -> None:
    from motools.config.document import dotted
    from motools.engine.explain import short

    lines = []
    for change in changes:
        before = "nothing" if change.kind == "added" else short(change.before)
        after = "nothing" if change.kind == "removed" else short(change.after)
        lines.append(f"  {dotted(change.path) or what}: {before} → {after}")
    if what == "workflow" and not lines:
        return
    click.echo(f"\n{what}" if lines else f"\n{what}: identical")
    for line in lines:
        click.echo(visible(line))


def _print_code(diffs: Mapping[str, str | None]) -> None:
    click.echo("\ncode" if diffs else "\ncode: identical")
    for definition, text in diffs.items():
        if text is None:
            click.echo(f"  the code of {definition} before or after is not kept any more")
        else:
            click.echo("\n".join(f"  {line}" for line in visible(text, keep_lines=True).splitlines()))


def _print_data(data: Iterable[DataDiff], only: Mapping[str, str], rows: int) -> None:
    differing = [each for each in data if not each.same]
    click.echo("\ndata" if differing or only else "\ndata: identical")
    for each in differing:
        if each.rows is None:
            click.echo(f"  {each.name} ({each.type}): other content, {each.atoms[0]} → {each.atoms[1]}")
            continue
        diff = each.rows
        if diff.same:
            click.echo(f"  {each.name}: the same {diff.after} rows; its metadata differ")
            continue
        if diff.moved:
            click.echo(f"  {each.name}: the same {diff.after} rows in another order")
            continue
        counts = f"{len(diff.added)} added, {len(diff.removed)} removed, {len(diff.changed)} changed"
        click.echo(f"  {each.name}: of {diff.before} and {diff.after} rows {counts}")
        for sign, some in (("+", diff.added), ("-", diff.removed)):
            for row in some[:rows]:
                click.echo(f"    {sign} {_row(row)}")
        for before, after in diff.changed[:rows]:
            click.echo(f"    < {_row(before)}\n    > {_row(after)}")
    for name, side in only.items():
        click.echo(f"  {name}: only {side.upper()} has it")


def _row(row: Mapping[str, Any]) -> str:
    text = visible(json.dumps(row, ensure_ascii=False))
    return text if len(text) <= 200 else f"{text[:199]}…"


def _print_metrics(metrics: MetricsDiff) -> None:
    if metrics.same:
        click.echo(f"\nmetrics of {metrics.name}: identical")
        return
    comparison = metrics.comparison
    if comparison is None:
        click.echo(f"\nmetrics of {metrics.name}: not comparable: {visible(metrics.why)}")
        for side, found in zip("AB", metrics.alone, strict=True):
            print_fields({f"{side} {name}": interval(value) for name, value in found.items()}, indent="  ")
        return
    click.echo(f"\nmetrics of {metrics.name} ({visible(comparison.task)})")
    print_table(
        ("scorer", "A [95 %]", "B [95 %]", "paired n", "B − A [95 %]"),
        [
            (
                row.scorer,
                interval(row.a),
                interval(row.b),
                row.difference.n if row.difference else 0,
                interval(row.difference, signed=True),
            )
            for row in comparison.scorers
        ],
        empty="No scores.",
    )
    for text in comparison.notes:
        note(f"note: {visible(text)}")
