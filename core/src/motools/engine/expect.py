"""How long a step will take and what it will cost, from what earlier computations of the same component did."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, cast

from motools.canonical import JSON

if TYPE_CHECKING:
    from motools.store import KeyRow, Store

ATTEMPTS = 20
"""How many of the newest computations count."""

_PRICED = 5  # of as many the logs are read


@dataclass(frozen=True)
class Expected:
    """What a computation usually takes; None where nothing is known.

    Args:
        attempts: how many earlier computations this is from.
        seconds: median of their time.
        cost_usd: median of what they spent in US dollars; None where nothing was spent or a part had no price.
        tokens: median of the tokens they read and wrote; None where they used none.
    """

    attempts: int = 0
    seconds: float | None = None
    cost_usd: float | None = None
    tokens: int | None = None


class Expectations:
    """What computations usually take, by the logs of one store.

    Args:
        store: where the logs are; None where there is no store yet.
    """

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._spent: dict[str, dict[str, list[Mapping[str, Any]]]] = {}

    def of(
        self, history: Sequence[KeyRow], references: Mapping[str, JSON] | None = None, backends: Collection[str] = ()
    ) -> Expected:
        """Return what the newest of `history` (newest first) lead one to expect.

        Args:
            history: earlier computations of the component.
            references: that part of the key of what is to be computed. Computations with the same count, where there are
                none those by the same backends, and where there are none of these either, all.
            backends: the places in `references` that say who does the work.
        """
        rows = _alike([row for row in history if _first_attempt(row)], references or {}, backends)[:ATTEMPTS]
        if not rows:
            return Expected()
        spent = [self._spending(row) for row in rows[:_PRICED]]
        costs = [cost for cost, _ in spent if cost is not None]
        tokens = [count for _, count in spent if count is not None]
        return Expected(
            len(rows),
            median(row.seconds for row in rows),
            median(costs) if costs else None,
            round(median(tokens)) if tokens else None,
        )

    def _spending(self, row: KeyRow) -> tuple[float | None, int | None]:
        """Return US dollars and tokens that a computation reported; None for none, or where a part had no price."""
        assert self._store is not None
        if row.run_id not in self._spent:
            found: dict[str, list[Mapping[str, Any]]] = {}
            for event in self._store.events.read(row.run_id):
                if event.type == "step_spent":
                    found.setdefault(event.body["activation"], []).append(event.body)
            self._spent[row.run_id] = found
        said = self._spent[row.run_id].get(row.activation)
        if said is None:
            return None, None
        costs = [body["cost_usd"] for body in said]
        cost = None if any(part is None for part in costs) else float(sum(costs))
        return cost, sum(body["input_tokens"] + body["output_tokens"] for body in said)


def _first_attempt(row: KeyRow) -> bool:
    """Say whether a computation was not begun before: one that went on with a job that was there already took no time."""
    return row.activation.rpartition("#")[2] == "1" or "#" not in row.activation


def _alike(rows: list[KeyRow], references: Mapping[str, JSON], backends: Collection[str]) -> list[KeyRow]:
    """Return the rows that are most like what is to be computed: a dummy's time says nothing of a real backend's."""
    if not references:
        return rows
    earlier = [cast("dict[str, dict[str, JSON]]", row.parts).get("references", {}) for row in rows]
    same = [row for row, before in zip(rows, earlier, strict=True) if before == references]
    if same:
        return same
    who = _names(references, backends)
    return [row for row, before in zip(rows, earlier, strict=True) if _names(before, backends) == who] or rows


def _names(references: Mapping[str, JSON], places: Collection[str]) -> list[JSON]:
    """Return what stands at these places, a component by its name alone: its version hardly changes how long it takes."""
    found = [references.get(place) for place in sorted(places)]
    return [item.get("component", item) if isinstance(item, dict) else item for item in found]
