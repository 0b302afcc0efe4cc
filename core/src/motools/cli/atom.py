"""`motools atom`: look at results, and at what they were made from."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.canonical import iso_time
from motools.cli.nouns import Noun
from motools.cli.options import env_file_option, json_option, store_option, user_option
from motools.cli.output import print_fields, print_json, print_table, visible

if TYPE_CHECKING:
    from motools.store.atoms import AtomRow
    from motools.store.store import Store


@click.group(cls=Noun)
def atom() -> None:
    """Look at results, and at what they were made from.

    ATOM is an atom's id, the beginning of one, 'last', or 'last-TYPE': the newest model is 'last-model'.
    """


@atom.command()
@click.argument("path", metavar="FILE|FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--type",
    "kind",
    help="Its type: dataset, value, model, or a word of your own.  [default: told by the file's ending]",
)
@click.option("--tag", "tags", multiple=True, help="A tag to find it by; again for more.")
@click.option(
    "--meta", "metas", multiple=True, metavar="NAME=VALUE", help="Metadata, part of its value; again for more."
)
@user_option
@store_option
@json_option
def add(
    path: Path,
    kind: str | None,
    tags: tuple[str, ...],
    metas: tuple[str, ...],
    user: str,
    store: Path,
    as_json: bool,
) -> None:
    """Copy a file or folder of your own into the store as an atom. It can be the input of a workflow at once.

    The rows of a dataset (.jsonl, .csv, or .json with --type dataset) are checked; a .json file is a value. The same again
    is the same atom. Who added it, when, from where and with what SHA-256 is part of its lineage. It is pinned.

    With --json: `atom`, `type`, `new`, `user`, `value_digest`, `metadata`, `tags`, `origin` (atom, path, bytes, sha256, how,
    reader).

    Example: motools atom add rows.jsonl --tag mine --meta licence=MIT
    """
    from motools.cli.bring import add as add_path

    add_path(path, kind, metas, tags, user, store, as_json=as_json)


@atom.command("list")
@click.option("--type", "kind", help="Only atoms of this type.")
@click.option("--user", help="Only this user's.")
@click.option("--tag", help="Only those with this tag.")
@click.option(
    "--where", multiple=True, metavar="metadata.NAME=VALUE", help="Only those whose metadata say so; again for more."
)
@click.option(
    "--search", metavar="TEXT", help="Only those with this text in id, tags, metadata, names of files, or value."
)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many, the newest first.")
@store_option
@json_option
def list_atoms(
    kind: str | None,
    user: str | None,
    tag: str | None,
    where: tuple[str, ...],
    search: str | None,
    limit: int,
    store: Path,
    as_json: bool,
) -> None:
    """List atoms, newest first.

    With --json: a list of atoms (id, type, user, created_at, content, value_digest, metadata, made_from,
    tags, reused_from).

    Example: motools atom list --type model --where metadata.model_id=gpt-4 --search owls
    """
    from motools.atom.search import Condition
    from motools.atom.search import search as find

    conditions = [Condition.parse(written) for written in where]
    with _open(store) as opened:
        rows = find(opened, type=kind, user=user, tag=tag, where=conditions, text=search, limit=limit)
    if as_json:
        print_json([_json(row) for row in rows])
        return
    print_table(
        ("atom", "type", "user", "made", "from"),
        [(row.id, row.type, row.user, _local(row.created_at), list(row.made_from.values())) for row in rows],
        empty="There is no such atom."
        if kind or user or tag or where or search
        else f"There are no atoms in '{store}' yet.",
    )


@atom.command()
@click.argument("atom_id", metavar="ATOM")
@store_option
@json_option
def show(atom_id: str, store: Path, as_json: bool) -> None:
    """Show one atom: its origin, metadata, and files or value.

    With --json: the atom as in `atom list`, with `path`, `files` (path → size and digest) and `value` (null for files).

    Example: motools atom show eval-ada-0123456789ab
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
@click.argument("atom_id", metavar="ATOM")
@click.option("--mermaid", is_flag=True, help="Print a Mermaid flowchart.")
@store_option
@json_option
def lineage(atom_id: str, mermaid: bool, store: Path, as_json: bool) -> None:
    """Show what an atom was made from, all the way up. It says who made what, in which step and run, with which code
    and seeds.

    With --json: `start`, `atoms` (id, type, user, created_at, tags, made_by), `links` (child, name, parent, reused) and
    `accepted` (atom → what people decided about using it for changed code or settings: `motools run accept`). `made_by`
    lists how (computed or reused), run, workflow, step, activation, user, at, seconds, key, component, code, seeds,
    computed_by and accepted.

    Example: motools atom lineage eval-ada-0123456789ab
    """
    from motools.atom.lineage import ancestors
    from motools.cli.lineage import show_lineage

    with _open(store) as opened:
        show_lineage(opened, ancestors(atom_id, store=opened), down=False, mermaid=mermaid, as_json=as_json)


@atom.command()
@click.argument("atom_id", metavar="ATOM")
@click.option("--mermaid", is_flag=True, help="Print a Mermaid flowchart.")
@store_option
@json_option
def uses(atom_id: str, mermaid: bool, store: Path, as_json: bool) -> None:
    """Show what was made from an atom, all the way down. A mistake in it has reached all of these.

    With --json: as in `atom lineage`.

    Example: motools atom uses dataset-ada-0123456789ab
    """
    from motools.atom.lineage import descendants
    from motools.cli.lineage import show_lineage

    with _open(store) as opened:
        show_lineage(opened, descendants(atom_id, store=opened), down=True, mermaid=mermaid, as_json=as_json)


@atom.command()
@click.argument("atom_id", metavar="ATOM")
@click.option(
    "--store-to", type=click.Path(path_type=Path), help="Make it in this folder, which must be new, and keep it."
)
@click.option("--jobs", type=click.IntRange(min=1), help="How many steps may run at once.")
@click.option("--dry-run", is_flag=True, help="Only show which runs would be done again.")
@click.option("--yes", is_flag=True, help="Go ahead where work outside (a training job) is done again.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing while it runs but failures.")
@env_file_option
@store_option
@json_option
def reproduce(
    atom_id: str,
    store_to: Path | None,
    jobs: int | None,
    dry_run: bool,
    yes: bool,
    quiet: bool,
    store: Path,
    as_json: bool,
) -> None:
    """Make an atom again, in an empty store. All it was made from is made again too; of each is said how it comes out.

    The steps of the runs that made them are done again with the settings recorded then and the code of now. Each atom has the
    same bytes, or (an evaluation) the same metrics, or differs, and then it is said why: which part of the step's key is
    another, or that the step is not deterministic. Exits with 1 unless all are the same.

    With --json: `target`, `ok`, `atoms` (atom, type, verdict, made, run, step, why).

    Example: motools atom reproduce eval-ada-0123456789ab --dry-run
    """
    from motools.cli.reproduce import reproduce_atom

    reproduce_atom(atom_id, store, into=store_to, jobs=jobs, dry_run=dry_run, yes=yes, quiet=quiet, as_json=as_json)


@atom.command()
@click.argument("atom_id", metavar="ATOM")
@user_option
@store_option
@json_option
def pin(atom_id: str, user: str, store: Path, as_json: bool) -> None:
    """Keep an atom, whatever 'motools store gc' removes. All it was made from is kept too.

    Example: motools atom pin model-ada-0123456789ab
    """
    with _open(store) as opened:
        pinned = opened.labels.pin(atom_id, user)
    if as_json:
        print_json({"atom": pinned.atom, "pinned": True, "user": pinned.user, "at": iso_time(pinned.at)})
        return
    click.echo(f"{pinned.atom} is pinned by {visible(pinned.user)} since {_local(pinned.at)}")


@atom.command()
@click.argument("atom_id", metavar="ATOM")
@store_option
@json_option
def unpin(atom_id: str, store: Path, as_json: bool) -> None:
    """Take the pin of an atom away. It stays as long as anything else needs it.

    Example: motools atom unpin model-ada-0123456789ab
    """
    with _open(store) as opened:
        row = opened.atoms.get(atom_id)
        was = opened.labels.unpin(row.id)
    if as_json:
        print_json({"atom": row.id, "pinned": False, "changed": was})
        return
    click.echo(f"{row.id} is not pinned {'any more' if was else '(and was not)'}")


@atom.command()
@click.argument("atom_id", metavar="ATOM")
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@store_option
@json_option
def tag(atom_id: str, tags: tuple[str, ...], store: Path, as_json: bool) -> None:
    """Give an atom tags to find it by. An atom with a tag is kept by 'motools store gc'.

    Example: motools atom tag model-ada-0123456789ab good for-the-paper
    """
    with _open(store) as opened:
        row = opened.atoms.get(atom_id)
        now = opened.labels.tag(row.id, tags)
    if as_json:
        print_json({"atom": row.id, "tags": list(now)})
        return
    click.echo(f"{row.id}: {', '.join(map(visible, now))}")


@atom.command()
@click.argument("atom_id", metavar="ATOM")
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@store_option
@json_option
def untag(atom_id: str, tags: tuple[str, ...], store: Path, as_json: bool) -> None:
    """Take tags away from an atom.

    Example: motools atom untag dataset-ada-0123456789ab first
    """
    with _open(store) as opened:
        row = opened.atoms.get(atom_id)
        left = opened.labels.untag(row.id, tags)
    if as_json:
        print_json({"atom": row.id, "tags": list(left)})
        return
    click.echo(f"{row.id}: {', '.join(map(visible, left)) or 'no tags'}")


def _open(store: Path) -> Store:
    from motools.store.store import Store

    return Store.open(store, create=False)


def _json(row: AtomRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": row.type,
        "user": row.user,
        "created_at": iso_time(row.created_at),
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
