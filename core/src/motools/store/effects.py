"""Effects: what was done to the world, recorded before and after.

An effect belongs to (step key, draw, name), and counts its *generations*: one is open from the intent until the work behind
it ended in failure; only then may the same name begin the next. All is committed to the disk before the call returns.

    begin ── new ──▶ intended ── done(record) ──▶ done ── close("succeeded") ──▶ closed, and stays the answer
                        │                          └───── close("failed" ...) ──▶ closed, the next begin is new
                        └── close("not_done") ──▶ closed, the next begin is new
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, cast

from motools.canonical import JSON, Digest, canonical_json, digest_json
from motools.errors import InputError, NotFoundError, RunBusyError
from motools.store.database import Database
from motools.store.leases import describe

_COLUMNS = "step_key, draw, name, generation, request, owner, state, record, outcome, at"

SUCCEEDED = "succeeded"
"""The outcome after which an effect stays the answer; after any other the next `begin` opens a generation."""


class EffectRow(NamedTuple):
    """One generation of an effect.

    Args:
        state: `new`, recorded by this very call, so nothing was sent yet; `intended`, recorded by an earlier call of
            `owner` whose end is not known; `done`, the record is known; `closed`, the work behind it ended with `outcome`.
        key: identifies this generation to the other side.
        at: when its state last changed, in seconds since 1970 (UTC).
    """

    step_key: Digest
    draw: int | str
    name: str
    generation: int
    request: Digest
    owner: str
    state: Literal["new", "intended", "done", "closed"]
    record: JSON = None
    outcome: str | None = None
    at: float = 0.0

    @property
    def key(self) -> str:
        """32 hex digits, the same for every attempt at this generation."""
        return digest_json("effect", [self.step_key, self.draw, self.name, self.generation])[:32]


class Effects:
    """The effects of one store."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def begin(self, step_key: Digest, draw: int | str, name: str, request_digest: Digest, owner: str) -> EffectRow:
        """Record the intent, or return what there is already.

        Raises:
            InputError: the open generation, or the one that succeeded, asked for something else.
        """
        with self._database.transaction(full=True):
            last = self._last(step_key, draw, name)
            if last is not None and not (last.state == "closed" and last.outcome != SUCCEEDED):
                if last.request != request_digest:
                    raise InputError(
                        f"the effect '{name}' was already begun with another request",
                        hint="Within a step, give each request to the outside a name of its own; what is requested "
                        "must follow from the step's inputs alone.",
                    )
                return last
            generation = 1 if last is None else last.generation + 1
            now = self._clock()
            self._database.execute(
                f"INSERT INTO effect({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 'intended', NULL, NULL, ?)",
                (step_key, draw, name, generation, request_digest, owner, now),
            )
        return EffectRow(step_key, draw, name, generation, request_digest, owner, "new", at=now)

    def take_over(self, effect: EffectRow, owner: str) -> EffectRow:
        """Make an intent one's own after finding out that it was never carried out; returns it as `new`.

        Raises:
            RunBusyError: someone else was quicker, or its end is known by now.
        """
        with self._database.transaction(full=True):
            now = self._clock()
            changed = self._database.execute(
                f"UPDATE effect SET owner = ?, at = ? WHERE {_SAME} AND state = 'intended' AND owner = ?",
                (owner, now, *_place(effect), effect.owner),
            )
            if not changed:
                current = self._exact(effect)
                raise RunBusyError(
                    f"the effect '{effect.name}' is {current.state} by {describe(current.owner)} now",
                    hint="Look at it again.",
                )
        return effect._replace(owner=owner, state="new", at=now)

    def done(self, effect: EffectRow, record: JSON) -> EffectRow:
        """Record what came back; again with the same record changes nothing.

        Raises:
            InputError: it is closed, or done with another record. CanonicalError: the record is not JSON.
        """
        body = canonical_json(record)
        with self._database.transaction(full=True):
            current = self._exact(effect)
            if current.state == "done" and canonical_json(current.record) == body:
                return current
            if current.state != "intended":
                raise InputError(f"the effect '{effect.name}' is {current.state} already, with another record")
            now = self._clock()
            self._database.execute(
                f"UPDATE effect SET state = 'done', record = ?, at = ? WHERE {_SAME}",
                (body.decode(), now, *_place(effect)),
            )
        return current._replace(state="done", record=record, at=now)

    def close(self, effect: EffectRow, outcome: str) -> EffectRow:
        """Record how the work behind it ended: `succeeded`, `failed`, `cancelled`, or `not_done` (never accepted).

        Closing again with the same outcome changes nothing.

        Raises:
            InputError: it is closed with another outcome, or is to succeed without a record.
        """
        with self._database.transaction(full=True):
            current = self._exact(effect)
            if current.state == "closed":
                if current.outcome == outcome:
                    return current
                raise InputError(f"the effect '{effect.name}' is closed already as {current.outcome}")
            if outcome == SUCCEEDED and current.state != "done":
                raise InputError(f"the effect '{effect.name}' cannot succeed before its record is there")
            now = self._clock()
            self._database.execute(
                f"UPDATE effect SET state = 'closed', outcome = ?, at = ? WHERE {_SAME}",
                (outcome, now, *_place(effect)),
            )
        return current._replace(state="closed", outcome=outcome, at=now)

    def list(self, step_key: Digest) -> list[EffectRow]:
        """Return all effects of a step key, by draw, name and generation."""
        rows = self._database.query(
            f"SELECT {_COLUMNS} FROM effect WHERE step_key = ? ORDER BY draw, name, generation", (step_key,)
        )
        return [_effect(row) for row in rows]

    def _last(self, step_key: Digest, draw: int | str, name: str) -> EffectRow | None:
        row = self._database.one(
            f"SELECT {_COLUMNS} FROM effect WHERE step_key = ? AND draw = ? AND name = ? "
            "ORDER BY generation DESC LIMIT 1",
            (step_key, draw, name),
        )
        return None if row is None else _effect(row)

    def _exact(self, effect: EffectRow) -> EffectRow:
        row = self._database.one(f"SELECT {_COLUMNS} FROM effect WHERE {_SAME}", _place(effect))
        if row is None:
            raise NotFoundError(f"the effect '{effect.name}' was never begun in this store")
        return _effect(row)


_SAME = "step_key = ? AND draw = ? AND name = ? AND generation = ?"


def _place(effect: EffectRow) -> tuple[str, int | str, str, int]:
    return (effect.step_key, effect.draw, effect.name, effect.generation)


def _effect(row: tuple[Any, ...]) -> EffectRow:
    step_key, draw, name, generation, request, owner, state, record, outcome, at = row
    body = None if record is None else cast(JSON, json.loads(record))
    return EffectRow(step_key, draw, name, generation, request, owner, state, body, outcome, at)
