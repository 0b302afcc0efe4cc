"""Finding atoms by what their metadata say, and by words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from motools.canonical import JSON, equal_json
from motools.errors import InputError
from motools.store.atoms import AtomRow
from motools.store.store import Store


@dataclass(frozen=True)
class Condition:
    """The metadata at `path` are `text`, or the JSON value that `text` is."""

    path: tuple[str, ...]
    text: str

    @classmethod
    def parse(cls, written: str) -> Condition:
        """Read `metadata.NAME=VALUE`; further names lead into objects.

        Raises:
            InputError: it has another form.
        """
        place, sign, text = written.partition("=")
        first, *path = place.strip().split(".")
        if not sign or first != "metadata" or not path or not all(path):
            raise InputError(
                f"'{written}' is not a condition",
                where="--where",
                hint="Write metadata.NAME=VALUE, e.g. metadata.seed=1",
            )
        return cls(tuple(path), text.strip())

    def holds(self, metadata: JSON) -> bool:
        """Say whether metadata fulfil it."""
        found = metadata
        for name in self.path:
            if not isinstance(found, dict) or name not in found:
                return False
            found = found[name]
        return found == self.text if isinstance(found, str) else self._equals(found)

    def _equals(self, found: JSON) -> bool:
        try:
            return equal_json(found, json.loads(self.text))
        except ValueError:
            return False


def search(
    store: Store,
    *,
    type: str | None = None,
    user: str | None = None,
    tag: str | None = None,
    where: Sequence[Condition] = (),
    text: str | None = None,
    limit: int | None = None,
) -> list[AtomRow]:
    """Return the atoms that fit everything given, newest first.

    Args:
        where: conditions on the metadata, all of which hold.
        text: stands, whatever its case, in the id, user, tags, metadata, a file's name, or a value of up to 64 KiB.
        limit: how many at most.
    """
    if not where and text is None:
        return store.atoms.find(type=type, user=user, tag=tag, limit=limit)
    found: list[AtomRow] = []
    for row in store.atoms.find(type=type, user=user, tag=tag):
        if len(found) == limit:
            break
        if all(condition.holds(row.metadata) for condition in where) and (text is None or _speaks(store, row, text)):
            found.append(row)
    return found


def _speaks(store: Store, row: AtomRow, text: str) -> bool:
    wanted = text.casefold()
    said = [row.id, row.user, *row.tags, json.dumps(row.metadata, ensure_ascii=False)]
    if any(wanted in each.casefold() for each in said):
        return True
    content = store.database.one("SELECT kind, CAST(body AS TEXT) FROM content WHERE digest = ?", (row.content,))
    if content is None or content[1] is None:
        return False
    kind, body = content
    shown = body if kind == "value" else "\n".join(name for name, *_ in json.loads(body))
    return wanted in shown.casefold()
