"""`motools store`: look after the store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from motools.cli.options import json_option, store_option
from motools.cli.output import print_json, visible


@click.group()
def store() -> None:
    """Look after the store."""


@store.command()
@store_option
@json_option
@click.pass_context
def verify(context: click.Context, store: Path, as_json: bool) -> None:
    """Look at every object, row and folder of the store; exit with 1 if anything is wrong. Nothing is changed.

    With --json: `store`, `counts` of what was looked at, and `findings` (kind, name, problem, remedy).
    """
    from motools.store.store import Store
    from motools.store.verify import check, counts

    with Store.open(store, create=False) as opened:
        looked_at = counts(opened)
        findings = list(check(opened))
    if as_json:
        print_json({"store": str(store), "counts": looked_at, "findings": [asdict(each) for each in findings]})
    else:
        for finding in findings:
            click.echo(f"{finding.kind} '{visible(finding.name)}': {visible(finding.problem)}")
            click.echo(f"    {visible(finding.remedy)}")
        summary = ", ".join(f"{number} {name}" for name, number in looked_at.items())
        verdict = f"{len(findings)} wrong" if findings else "all well"
        click.echo(f"'{store}': {summary}: {verdict}", err=bool(findings))
    if findings:
        context.exit(1)
