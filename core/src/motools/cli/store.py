"""`motools store`: look after the store."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.canonical import iso_time
from motools.cli.nouns import Noun
from motools.cli.options import json_option, store_option
from motools.cli.output import print_json, print_table, visible

if TYPE_CHECKING:
    from motools.store.gc import Collection


@click.group(cls=Noun)
def store() -> None:
    """Look after the store."""


@store.command()
@store_option
@json_option
@click.pass_context
def verify(context: click.Context, store: Path, as_json: bool) -> None:
    """Look at every object, row and folder of the store. Nothing is changed; if anything is wrong the exit code is 1.

    With --json: `store`, `counts` of what was looked at, and `findings` (kind, name, problem, remedy).

    Example: motools store verify
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


class _Age(click.ParamType[float]):
    """A time span: `90`, `15m`, `2h`, `3d`, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", value.strip())
        if match is None:
            self.fail(f"'{value}' is no time: write 90s, 15m, 2h or 3d", param, ctx)
        return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


@store.command()
@click.option("--delete", is_flag=True, help="Really remove it; without this it is only shown.")
@click.option("--older-than", type=_Age(), default="1h", show_default=True, help="What is younger stays: 15m, 2h, 3d.")
@click.option("--kept", is_flag=True, help="Also list every atom that stays, and why.")
@store_option
@json_option
def gc(delete: bool, older_than: float, kept: bool, store: Path, as_json: bool) -> None:
    """Show what nothing needs any more, and how much room it takes. --delete removes it. Safe beside running runs.

    What stays: atoms with a pin or a tag, those of runs that are not archived ('motools run archive RUN') or not finished,
    what is younger than an hour, and all that any of these was made from.

    With --json: `deleted`, `bytes`, `atoms` (id, type, user, created_at, size), `contents`, `objects`, `keys` (how many),
    `strays`, `workspaces` (paths in the store), `kept` (atom → why).

    Example: motools store gc --older-than 3d
    """
    from motools.store.gc import collect
    from motools.store.store import Store

    with Store.open(store, create=False) as opened:
        found = collect(opened, older_than=older_than, delete=delete)
    if as_json:
        gone = [{**asdict(atom), "created_at": iso_time(atom.created_at)} for atom in found.atoms]
        print_json({**asdict(found), "atoms": gone})
        return
    _print_collection(found, store)
    if kept:
        click.echo()
        print_table(("atom", "stays because"), list(found.kept.items()), empty="No atom stays.")


@store.command("export")
@click.argument("atoms", metavar="ATOM...", nargs=-1, required=True)
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="The file to write.")
@store_option
@json_option
def export_atoms(atoms: tuple[str, ...], output: Path, store: Path, as_json: bool) -> None:
    """Write atoms, with all they came from, into one file. Another store can take it in.

    It holds all their ancestors, the keys of the steps that made them, and the records and logs of those runs. The same atoms
    give the same bytes.

    With --json: `path`, `wanted` (ids), and how many `atoms`, `contents`, `keys`, `runs`, `objects` and `bytes`.

    Example: motools store export eval-ada-0123456789ab -o results.motools
    """
    from motools.store.exporting import export
    from motools.store.store import Store

    with Store.open(store, create=False) as opened:
        done = export(opened, atoms, output)
    if as_json:
        print_json(asdict(done))
    else:
        click.echo(f"'{output}': {done.atoms} atoms, {done.keys} keys, {done.runs} runs, {done.bytes:,} bytes")


@store.command("import")
@click.argument("bundle", type=click.Path(path_type=Path))
@store_option
@json_option
def import_atoms(bundle: Path, store: Path, as_json: bool) -> None:
    """Take in a file that 'motools store export' wrote. All of it is checked first; then all of it is there, or nothing.

    Steps whose keys come with it are not computed again here: take bundles only from people whose results you trust.

    With --json: `wanted` (ids), how many `atoms`, `contents`, `keys` were new, and the new `runs` (ids).

    Example: motools store import results.motools
    """
    from motools.store.importing import import_bundle
    from motools.store.store import Store

    with Store.open(store) as opened:
        done = import_bundle(opened, bundle)
    if as_json:
        print_json(asdict(done))
        return
    new = f"{done.atoms} atoms, {done.keys} keys, {len(done.runs)} runs"
    click.echo(f"new in '{store}': {new}" if done.atoms or done.runs else f"'{store}' had all of it already")
    for atom_id in done.wanted:
        click.echo(f"  {visible(atom_id)}")


def _print_collection(found: Collection, store: Path) -> None:
    from motools.cli.running import store_flag

    for line, atoms in (("removed" if found.deleted else "would go", found.atoms),):
        if atoms:
            print_table((line, "type", "user", "bytes"), [(each.id, each.type, each.user, each.size) for each in atoms])
            click.echo()
    loose = len(found.strays) + len(found.workspaces)
    parts = [
        f"{len(found.atoms)} atoms",
        f"{found.keys} keys",
        f"{found.contents} contents",
        f"{found.objects} objects",
        *([f"{loose} left-over files and folders"] if loose else []),
    ]
    done = "removed" if found.deleted else "would go"
    click.echo(f"{', '.join(parts)} {done}: {found.bytes:,} bytes")
    for why, number in _reasons(found.kept.values()).items():
        click.echo(f"{number} {'atom stays' if number == 1 else 'atoms stay'}: {visible(why)}")
    nothing = not (found.atoms or found.contents or found.objects or loose)
    if not found.deleted and not nothing:
        click.echo(f"\nNothing was removed. To remove it:  motools store gc --delete{store_flag(store)}")


def _reasons(kept: Any) -> dict[str, int]:
    """Return reason → how many atoms stay for it; what was made from something is one reason."""
    counted: dict[str, int] = {}
    for why in kept:
        reason = "something that stays was made from it" if why.endswith(" was made from it") else why
        counted[reason] = counted.get(reason, 0) + 1
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
