"""How `motools atom lineage` and `uses` show what they found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from motools.cli.output import print_json, visible

if TYPE_CHECKING:
    from motools.atom.lineage import Lineage
    from motools.atom.provenance import Maker
    from motools.store.atoms import AtomRow
    from motools.store.equivalences import EquivalenceRow
    from motools.store.store import Store


def show_lineage(store: Store, found: Lineage, *, down: bool, mermaid: bool, as_json: bool) -> None:
    """Print a lineage as a tree, a Mermaid flowchart or JSON, with what people decided about its atoms."""
    if mermaid and as_json:
        raise click.UsageError("--mermaid and --json are two forms: give one of them")
    accepted = store.equivalences.of_atoms(row.id for row in found.atoms)
    if as_json:
        said = {atom: [decision.to_json() for decision in rows] for atom, rows in accepted.items()}
        print_json({**found.to_json(), "accepted": said})
    elif mermaid:
        click.echo(found.to_mermaid(), nl=False)
    else:
        for line in _tree(found, down=down):
            click.echo(visible(line))
        for line in _decisions(accepted):
            click.echo(visible(line))


def _tree(found: Lineage, *, down: bool) -> list[str]:
    """Return the lineage as indented lines; an atom reached twice is written out once."""
    rows = {row.id: row for row in found.atoms}
    lines: list[str] = []
    written: set[str] = set()
    waiting: list[tuple[str, int, str]] = [(found.start, 0, "")]
    while waiting:
        atom_id, depth, label = waiting.pop()
        row = rows[atom_id]
        again = atom_id in written
        note = "(above)" if again else _note(row, found.makers.get(atom_id, ()))
        lines.append(f"{'   ' * depth}{label}{atom_id}  {note}")
        if again:
            continue
        written.add(atom_id)
        links = [link for link in found.links if (link.parent if down else link.child) == atom_id]
        for link in reversed(links):
            label = "value of " if link.reused else f"{link.name}: " if not down else f"as {link.name}: "
            waiting.append((link.child if down else link.parent, depth + 1, label))
    return lines


def _decisions(accepted: dict[str, list[EquivalenceRow]]) -> list[str]:
    """Return what people decided about using atoms under other keys, a line each."""
    verbs = {"accepted": "was accepted as the result", "revoked": "is no longer accepted as the result"}
    return [
        f"{atom} {verbs[row.what]} of '{row.step}' with changed code or settings, "
        f"by {row.user}, {_when(row.at)}: {row.reason}"
        for atom, rows in accepted.items()
        for row in rows
    ]


def _note(row: AtomRow, made_by: Sequence[Maker]) -> str:
    when = _when(row.created_at)
    if not made_by:
        path = row.metadata.get("path") if row.type == "origin" else None
        return f"{path}, " * (path is not None) + f"by {row.user}, {when}"
    first, others = made_by[0], len({maker.run for maker in made_by}) - 1
    seeds = "".join(f", {path} {value}" for path, value in first.seeds.items())
    said = f"by {row.user}, {when}, {first.step} of run {first.run}{seeds}{_code(first)}"
    if first.accepted:
        said += ", accepted by a person"
    return said + (f" (and in {others} more run{'s' if others > 1 else ''})" if others else "")


def _code(maker: Maker) -> str:
    """Return what is known of the code in a few words."""
    code = maker.code
    if not isinstance(code, dict):
        return ""
    for name in ("version", "cache_version"):
        if code.get(name) is not None:
            return f", {maker.component} {name.replace('_', ' ')} {code[name]}"
    return f", {maker.component}"


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
