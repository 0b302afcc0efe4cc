"""Where something that a person brought was: an atom of type `origin`, which the atom made of it is made from.

So who brought what from where is part of every lineage, travels with bundles and is kept as long as what was made of it. The
origin is no part of the value: the same bytes brought again are the same atom, wherever they lay.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from motools.atom import Atom
from motools.canonical import JSON, canonical_json
from motools.errors import DataError
from motools.store.atoms import value_digest

if TYPE_CHECKING:
    from motools.store import Content, Store

ORIGIN = "origin"
"""The type of these atoms, and the name under which others are made from them."""


@dataclass(frozen=True)
class Brought:
    """An atom made of what a person brought.

    Args:
        atom: the atom.
        origin: the atom that says where it came from.
        new: whether the store did not have it before.
    """

    atom: Atom
    origin: Atom
    new: bool


def source(path: Path) -> dict[str, JSON]:
    """Return what is remembered of a file or folder: its path as it was named, its bytes, and a file's SHA-256.

    Raises:
        DataError: it cannot be read.
    """
    try:
        if path.is_dir():
            files = [each for each in path.rglob("*") if each.is_file()]
            return {"path": os.fspath(path), "bytes": sum(each.stat().st_size for each in files), "sha256": None}
        with path.open("rb") as stream:
            digest = file_digest(stream, "sha256").hexdigest()
            return {"path": os.fspath(path), "bytes": stream.tell(), "sha256": digest}
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}", hint="Check its permissions.") from None


def keep(
    store: Store,
    *,
    type: str,
    content: Content,
    metadata: Mapping[str, JSON],
    found: Mapping[str, JSON],
    how: Literal["added", "imported"],
    reader: str,
    user: str,
    tags: Iterable[str],
) -> Brought:
    """Make the atom and its origin, or find those that hold the same; it is pinned, since nothing else keeps it.

    Args:
        store: where.
        type, content, metadata: of the atom.
        found: what `source` returned.
        how: `added` as it is, or `imported` from another form.
        reader: what read it, with its version.
        user: who brought it.
        tags: labels for the atom.
    """
    value = value_digest(type, content.digest, canonical_json(dict(metadata)))
    for row in reversed(store.atoms.find(type, user, value=value)):
        if ORIGIN in row.made_from:
            same = store.atoms.add(
                type=type, user=user, content=row.content, metadata=row.metadata, made_from=row.made_from, tags=tags
            )
            return Brought(Atom.of_row(same, store), Atom.load(row.made_from[ORIGIN], store=store), new=False)
    with store.transaction():
        about: dict[str, JSON] = {**found, "how": how, "reader": reader}
        origin = Atom.create(type=ORIGIN, user=user, value=about, metadata={"path": found["path"]}, store=store)
        row = store.atoms.add(
            type=type, user=user, content=content.digest, metadata=metadata, made_from={ORIGIN: origin.id}, tags=tags
        )
        store.labels.pin(row.id, user)
    return Brought(Atom.of_row(row, store), origin, new=True)
