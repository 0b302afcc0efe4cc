"""Two lists of rows, compared by what they say and not by where they stand. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from motools.canonical import JSON, canonical_json

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RowsDiff:
    """How rows differ.

    Args:
        before, after: how many there are.
        added, removed: rows that only the later, or the earlier, list has; as often as it has them more often.
        changed: (before, after) of rows that ask the same and answer otherwise, or have the same `id`.
        moved: whether all are the same but stand in another order.
    """

    before: int
    after: int
    added: tuple[Row, ...]
    removed: tuple[Row, ...]
    changed: tuple[tuple[Row, Row], ...]
    moved: bool

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed or self.changed or self.moved)

    def to_json(self, most: int) -> dict[str, JSON]:
        """Return it as JSON values, with at most `most` rows of each kind."""
        return {
            "before": self.before,
            "after": self.after,
            "added": len(self.added),
            "removed": len(self.removed),
            "changed": len(self.changed),
            "moved": self.moved,
            "first_added": [dict(row) for row in self.added[:most]],
            "first_removed": [dict(row) for row in self.removed[:most]],
            "first_changed": [{"before": dict(old), "after": dict(new)} for old, new in self.changed[:most]],
        }


def diff_rows(before: Sequence[Row], after: Sequence[Row]) -> RowsDiff:
    """Return how `after` differs from `before`."""
    old, new = [canonical_json(row) for row in before], [canonical_json(row) for row in after]
    removed = _surplus(before, old, Counter(new))
    added = _surplus(after, new, Counter(old))
    changed: list[tuple[Row, Row]] = []
    waiting: dict[bytes, list[Row]] = {}
    for row in added:
        waiting.setdefault(_question(row), []).append(row)
    left: list[Row] = []
    for row in removed:
        answers = waiting.get(_question(row))
        if answers:
            changed.append((row, answers.pop(0)))
        else:
            left.append(row)
    paired = Counter(canonical_json(row) for _, row in changed)
    really_added = _surplus(added, [canonical_json(row) for row in added], paired)
    moved = old != new and not (left or really_added or changed)
    return RowsDiff(len(before), len(after), tuple(really_added), tuple(left), tuple(changed), moved)


def _surplus(rows: Sequence[Row], digests: Sequence[bytes], others: Counter[bytes]) -> list[Row]:
    """Return the rows that are there more often than in the others, in their order."""
    left = Counter(others)
    found = []
    for row, digest in zip(rows, digests, strict=True):
        if left[digest] > 0:
            left[digest] -= 1
        else:
            found.append(row)
    return found


def _question(row: Row) -> bytes:
    """Return what a row is about: its id, else all it says before the answer; two that are equal there are one, changed."""
    for name in ("id", "prompt"):
        if name in row:
            return canonical_json([name, row[name]])
    messages = row.get("messages")
    if isinstance(messages, list):
        asked = [turn for turn in messages if not (isinstance(turn, Mapping) and turn.get("role") == "assistant")]
        return canonical_json(["messages", asked])
    return canonical_json(["row", dict(row)])
