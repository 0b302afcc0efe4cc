"""Which atoms and contents the runs and keys of a store speak of, read out of their JSON wherever it stands there.

Every text that looks like an id or a digest counts: whoever asks what must be kept would rather keep too much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from motools.errors import CorruptError
from motools.store.database import Database
from motools.store.events import SEQ_MASK

_ID = re.compile(r"[\w.@+-]+-[0-9a-f]{12,64}")
_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


class Mentions(NamedTuple):
    """Texts that may be ids of atoms, and texts that may be digests."""

    ids: frozenset[str]
    digests: frozenset[str]

    def plus(self, other: Mentions) -> Mentions:
        """Return what either has."""
        return Mentions(self.ids | other.ids, self.digests | other.digests)


NOTHING = Mentions(frozenset(), frozenset())


def mentions(texts: Iterable[str]) -> Mentions:
    """Return what texts speak of."""
    ids: set[str] = set()
    digests: set[str] = set()
    for text in texts:
        ids.update(_ID.findall(text))
        digests.update(_DIGEST.findall(text))
    return Mentions(frozenset(ids), frozenset(digests))


class Reader:
    """Reads what runs and keys speak of; a second time it reads only what has been written since."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._runs: dict[int, tuple[int, Mentions]] = {}
        self._keys: dict[int, frozenset[str]] = {}

    def run(self, number: int) -> Mentions:
        """Return what a run's definition and log speak of; `number` is its row's.

        Raises:
            CorruptError: an event is missing or altered, so what it spoke of is not known.
        """
        head, known = self._runs.get(number, (number << 32, NOTHING))
        texts: list[str] = []
        if known is NOTHING:
            texts += (text for row in self._definition(number) for text in row)
        rows = self._database.query(
            "SELECT place, type, body, json_valid(body) FROM event WHERE place > ? AND place < ? ORDER BY place",
            (head, (number + 1) << 32),
        )
        for place, (found_at, kind, body, valid) in enumerate(rows, head + 1):
            if found_at != place or not valid:
                raise CorruptError(
                    f"the log of a run has been altered: its event {place & SEQ_MASK} is missing or no JSON",
                    hint="Restore motools.db from a copy of the store; `motools store verify` names the run.",
                )
            if kind != "step_progress":
                texts.append(body)
        found = known.plus(mentions(texts))
        self._runs[number] = (rows[-1][0] if rows else head, found)
        return found

    def key(self, number: int) -> frozenset[str]:
        """Return the digests that the parts of a computation speak of; `number` is its row's."""
        if number not in self._keys:
            row = self._database.one("SELECT parts FROM computed WHERE n = ?", (number,))
            self._keys[number] = mentions([] if row is None else [row[0]]).digests
        return self._keys[number]

    def _definition(self, number: int) -> list[tuple[str, str]]:
        return [
            (definition, details)
            for definition, details in self._database.query(
                "SELECT definition, details FROM run WHERE n = ?", (number,)
            )
        ]
