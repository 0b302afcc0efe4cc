"""`motools atom`: look at results, and at what they were made from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.cli.options import json_option, store_option
from motools.cli.output import print_fields, print_json, print_table, visible

if TYPE_CHECKING:
    from motools.atom.lineage import Lineage
    from motools.store.atoms import AtomRow
    from motools.store.equivalences import EquivalenceRow
    from motools.store.store import Store


@click.group()
def atom() -> None:
    """Look at results, and at what they were made from."""


@atom.command("list")
@click.option("--type", "kind", help="Only atoms of this type.")
@click.option("--user", help="Only this user's.")
@click.option("--tag", help="Only those with this tag.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many, the newest first.")
@store_option
@json_option
def list_atoms(kind: str | None, user: str | None, tag: str | None, limit: int, store: Path, as_json: bool) -> None:
    """List atoms, newest first.

    With --json: a list of atoms (id, type, user, created_at, content, value_digest, metadata, made_from,
    tags, reused_from).
    """
    with _open(store) as opened:
        rows = opened.atoms.find(type=kind, user=user, tag=tag, limit=limit)
    if as_json:
        print_json([_json(row) for row in rows])
        return
    print_table(
        ("atom", "type", "user", "made", "from"),
        [(row.id, row.type, row.user, _local(row.created_at), list(row.made_from.values())) for row in rows],
        empty="There is no such atom." if kind or user or tag else f"There are no atoms in '{store}' yet.",
    )


@atom.command()
@click.argument("atom_id", metavar="ID")
@store_option
@json_option
def show(atom_id: str, store: Path, as_json: bool) -> None:
    """Show one atom: where it comes from, its metadata, and its files or value. The beginning of its ID is enough.

    With --json: the atom as in `atom list`, with `path`, `files` (path → size and digest) and `value` (null for files).
    """
    with _open(store) as opened:
        row = opened.atoms.get(atom_id)
        content = opened.content.get(row.content)
        value = opened.content.value(row.content) if content.kind == "value" else None
        files = opened.content.files(row.content)
        path = opened.content.path(row.content)
        children = [child.id for child in opened.atoms.children(row.id)]
    if as_json:
        listed = {name: {"size": file.size, "digest": file.digest} for name, file in files.items()}
        print_json({**_json(row), "path": str(path), "files": listed, "value": value, "children": children})
        return
    print_fields(
        {
            "atom": row.id,
            "type": row.type,
            "user": row.user,
            "made": _local(row.created_at),
            "tags": row.tags,
            "made from": [f"{name}={parent}" for name, parent in row.made_from.items()],
            "value of": row.reused_from,
            "used by": children,
            "folder": path,
        }
    )
    if row.metadata:
        click.echo("\nmetadata")
        print_fields({name: _short(item) for name, item in row.metadata.items()}, indent="  ")
    if content.kind == "value":
        click.echo(f"\nvalue\n  {_short(value)}")
    else:
        click.echo("\nfiles")
        print_fields({visible(name): f"{file.size:,} bytes" for name, file in files.items()}, indent="  ")


@atom.command()
@click.argument("atom_id", metavar="ID")
@click.option("--down", is_flag=True, help="Show what was made from it instead of what it was made from.")
@click.option("--mermaid", is_flag=True, help="Print a Mermaid flowchart.")
@store_option
@json_option
def lineage(atom_id: str, down: bool, mermaid: bool, store: Path, as_json: bool) -> None:
    """Show what an atom was made from, all the way up. The beginning of its ID is enough.

    With --json: `start`, `atoms` (id, type, user, created_at, tags), `links` (child, name, parent, reused) and `accepted`
    (atom → what people decided about using it for changed code or settings: `motools run accept`).
    """
    from motools.atom.lineage import ancestors, descendants

    if mermaid and as_json:
        raise click.UsageError("--mermaid and --json are two forms: give one of them")
    with _open(store) as opened:
        found = (descendants if down else ancestors)(atom_id, store=opened)
        accepted = opened.equivalences.of_atoms(row.id for row in found.atoms)
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


def _open(store: Path) -> Store:
    from motools.store.store import Store

    return Store.open(store, create=False)


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
        note = "  (above)" if again else f"  by {row.user}, {_local(row.created_at)}"
        lines.append(f"{'   ' * depth}{label}{atom_id}{note}")
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
        f"by {row.user}, {_local(row.at)}: {row.reason}"
        for atom, rows in accepted.items()
        for row in rows
    ]


def _json(row: AtomRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": row.type,
        "user": row.user,
        "created_at": datetime.fromtimestamp(row.created_at, UTC).isoformat(),
        "content": row.content,
        "value_digest": row.value,
        "metadata": row.metadata,
        "made_from": row.made_from,
        "tags": list(row.tags),
        "reused_from": row.reused_from,
    }


def _local(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def _short(value: object) -> str:
    import json

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text):,} characters; --json prints all)"
