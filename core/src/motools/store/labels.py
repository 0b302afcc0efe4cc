"""What people attach to atoms without changing them: pins, which keep an atom, and tags, which also find it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from motools.errors import InputError
from motools.store.atoms import unique_prefix
from motools.store.database import Database


class Pin(NamedTuple):
    """An atom that is to be kept: who said so, and when (seconds since 1970, UTC)."""

    atom: str
    user: str
    at: float


class Labels:
    """The pins and tags of one store. An atom is named by its id, or by the only id that begins so."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def pin(self, atom_id: str, user: str) -> Pin:
        """Keep an atom, and all it was made from, until it is unpinned; pinned again changes nothing.

        Raises:
            NotFoundError: there is no such atom.
        """
        with self._database.transaction():
            pin = Pin(unique_prefix(self._database, "atom", atom_id), user, self._clock())
            self._database.execute("INSERT OR IGNORE INTO pin(atom, user, at) VALUES (?, ?, ?)", pin)
            row = self._database.one("SELECT atom, user, at FROM pin WHERE atom = ?", (pin.atom,))
        assert row is not None
        return Pin(*row)

    def unpin(self, atom_id: str) -> bool:
        """Take a pin away; return whether there was one.

        Raises:
            NotFoundError: there is no such atom.
        """
        with self._database.transaction():
            found = unique_prefix(self._database, "atom", atom_id)
            return bool(self._database.execute("DELETE FROM pin WHERE atom = ?", (found,)))

    def pins(self) -> list[Pin]:
        """Return all pins, oldest first."""
        return [Pin(*row) for row in self._database.query("SELECT atom, user, at FROM pin ORDER BY at, atom")]

    def tag(self, atom_id: str, tags: Iterable[str]) -> tuple[str, ...]:
        """Add tags and return all the atom has then.

        Raises:
            InputError: one is empty. NotFoundError: there is no such atom.
        """
        wanted = _checked(tags)
        with self._database.transaction():
            found = unique_prefix(self._database, "atom", atom_id)
            self._database.execute_many(
                "INSERT OR IGNORE INTO atom_tag(atom, tag) VALUES (?, ?)", [(found, tag) for tag in wanted]
            )
            return self._tags(found)

    def untag(self, atom_id: str, tags: Iterable[str]) -> tuple[str, ...]:
        """Take tags away and return those that are left.

        Raises:
            InputError: the atom does not have one of them. NotFoundError: there is no such atom.
        """
        wanted = _checked(tags)
        with self._database.transaction():
            found = unique_prefix(self._database, "atom", atom_id)
            has = self._tags(found)
            for tag in wanted:
                if tag not in has:
                    raise InputError(
                        f"the atom '{found}' does not have the tag '{tag}'",
                        hint=f"Its tags: {', '.join(has) or 'none'}.",
                    )
            self._database.execute_many("DELETE FROM atom_tag WHERE atom = ? AND tag = ?", [(found, t) for t in wanted])
            return self._tags(found)

    def _tags(self, atom_id: str) -> tuple[str, ...]:
        rows = self._database.query("SELECT tag FROM atom_tag WHERE atom = ? ORDER BY tag", (atom_id,))
        return tuple(tag for (tag,) in rows)


def _checked(tags: Iterable[str]) -> list[str]:
    wanted = list(tags)
    if not wanted or not all(tag.strip() for tag in wanted):
        raise InputError("a tag is a text that is not empty", hint="Name at least one.")
    return wanted
