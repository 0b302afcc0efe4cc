"""What people attach to runs: tags, which find a run and keep its results, and notes.

They are no part of the run's log: a run that has ended can still be tagged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from motools.errors import InputError, NotFoundError, did_you_mean
from motools.store.database import Database

MOST_TAG = 64
"""Letters of a tag at most."""

MOST_NOTE = 10_000
"""Letters of a note at most."""

_TAG = re.compile(r"[^\W_][\w.:/+@-]*\Z")


class RunNote(NamedTuple):
    """What somebody wrote down about a run; `number` names it, `at` is seconds since 1970 (UTC)."""

    number: int
    text: str
    user: str
    at: float


class RunLabels:
    """The tags and notes of the runs of one store. A run is named by its whole id."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def tag(self, run_id: str, tags: Iterable[str], user: str) -> tuple[str, ...]:
        """Add tags and return all the run has then; one that it has already stays whose it was.

        Raises:
            InputError: one is no tag. NotFoundError: there is no such run.
        """
        wanted = checked_tags(tags)
        with self._database.transaction():
            run, now = self._number(run_id), self._clock()
            self._database.execute_many(
                "INSERT OR IGNORE INTO run_tag(run, tag, user, at) VALUES (?, ?, ?, ?)",
                [(run, tag, user, now) for tag in wanted],
            )
            return self._tags(run)

    def untag(self, run_id: str, tags: Iterable[str]) -> tuple[str, ...]:
        """Take tags away and return those that are left.

        Raises:
            InputError: the run does not have one of them. NotFoundError: there is no such run.
        """
        wanted = checked_tags(tags)
        with self._database.transaction():
            run = self._number(run_id)
            has = self._tags(run)
            for tag in wanted:
                if tag not in has:
                    raise InputError(
                        f"the run '{run_id}' does not have the tag '{tag}'",
                        hint=did_you_mean(tag, has) or f"Its tags: {', '.join(has) or 'none'}.",
                    )
            self._database.execute_many("DELETE FROM run_tag WHERE run = ? AND tag = ?", [(run, tag) for tag in wanted])
            return self._tags(run)

    def tags(self, run_id: str) -> tuple[str, ...]:
        """Return a run's tags, sorted.

        Raises:
            NotFoundError: there is no such run.
        """
        return self._tags(self._number(run_id))

    def note(self, run_id: str, text: str, user: str) -> RunNote:
        """Write something down about a run.

        Raises:
            InputError: the text is empty or too long. NotFoundError: there is no such run.
        """
        if not text.strip() or len(text) > MOST_NOTE:
            raise InputError(
                f"a note is a text of 1 to {MOST_NOTE:,} letters, not {len(text):,}",
                hint="Keep long texts in a file, and name it in the note.",
            )
        with self._database.transaction():
            run, now = self._number(run_id), self._clock()
            self._database.execute(
                "INSERT INTO run_note(run, text, user, at) VALUES (?, ?, ?, ?)", (run, text, user, now)
            )
            row = self._database.one("SELECT last_insert_rowid()")
        assert row is not None
        return RunNote(int(row[0]), text, user, now)

    def remove_note(self, run_id: str, number: int) -> RunNote:
        """Take a note away and return it.

        Raises:
            NotFoundError: there is no such run, or it has no such note.
        """
        with self._database.transaction():
            run = self._number(run_id)
            found = {note.number: note for note in self._notes(run)}
            if number not in found:
                known = ", ".join(map(str, found)) or "none"
                raise NotFoundError(f"the run '{run_id}' has no note {number}", hint=f"Its notes: {known}.")
            self._database.execute("DELETE FROM run_note WHERE n = ?", (number,))
            return found[number]

    def notes(self, run_id: str) -> list[RunNote]:
        """Return a run's notes, oldest first.

        Raises:
            NotFoundError: there is no such run.
        """
        return self._notes(self._number(run_id))

    def _number(self, run_id: str) -> int:
        row = self._database.one("SELECT n FROM run WHERE id = ?", (run_id,))
        if row is None:
            raise NotFoundError(f"there is no run '{run_id}' in the store", hint="`motools run list` shows them.")
        return int(row[0])

    def _tags(self, run: int) -> tuple[str, ...]:
        rows = self._database.query("SELECT tag FROM run_tag WHERE run = ? ORDER BY tag", (run,))
        return tuple(tag for (tag,) in rows)

    def _notes(self, run: int) -> list[RunNote]:
        rows = self._database.query("SELECT n, text, user, at FROM run_note WHERE run = ? ORDER BY n", (run,))
        return [RunNote(*row) for row in rows]


def checked_tags(tags: Iterable[str]) -> list[str]:
    """Return tags that can be written without quotes wherever a run is looked for.

    Raises:
        InputError: there is none, or one is no tag.
    """
    wanted = list(tags)
    if not wanted:
        raise InputError("no tag is named", hint="Name at least one.")
    for tag in wanted:
        if len(tag) > MOST_TAG or not _TAG.match(tag):
            raise InputError(
                f"'{tag}' is no tag",
                hint=f"A tag is a word of at most {MOST_TAG} letters, digits and . : / + @ _ -, such as 'paper'.",
            )
    return wanted
