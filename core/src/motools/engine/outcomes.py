"""How an atom that was made again compares with the one it was to be, and why it differs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from motools.canonical import JSON, equal_json
from motools.engine.explain import compare, told, words

if TYPE_CHECKING:
    from motools.store import AtomRow, Store

Verdict = Literal["same bytes", "same metrics", "differs", "given", "failed"]


@dataclass(frozen=True)
class Outcome:
    """How one atom came out.

    Args:
        atom, type: the atom that was to be made again.
        verdict: `same bytes` (content and metadata), `same metrics` (an evaluation whose other bytes differ), `differs`,
            `given` (copied), or `failed`.
        made: the atom made now.
        run, step: what made it then.
        why: what differs, or what stood in the way, in words.
    """

    atom: str
    type: str
    verdict: Verdict
    made: str | None = None
    run: str | None = None
    step: str | None = None
    why: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the atom."""
        return self.verdict in ("same bytes", "same metrics", "given")


def compared(
    store: Store, into: Store, pair: tuple[str, str], keys: tuple[str | None, str | None], run: str, node: str
) -> Outcome:
    """Return how an atom of `into` compares with the one of `store` that it was to be.

    Args:
        pair: the ids of the original and of the new atom.
        keys: the keys of the steps that made them, as far as they are known.
        run, node: which run and step made the original.
    """
    atom, made = pair
    before, after = store.atoms.get(atom), into.atoms.get(made)
    why, inputs = _key_changes(store, into, *keys)
    if before.value == after.value:
        return Outcome(atom, before.type, "same bytes", made, run, node, tuple(f"although {each}" for each in why))
    different = _content_changes(store, into, before, after)
    if before.type == "eval" and (metrics := _metrics(store, before)) is not None:
        now = _metrics(into, after)
        if now is not None and equal_json(metrics, now):
            return Outcome(atom, before.type, "same metrics", made, run, node, (*why, *different))
        different = [*_metric_changes(metrics, now), *different]
    if not why and not inputs:
        why = ["not deterministic: the same key gave something else"]
    return Outcome(atom, before.type, "differs", made, run, node, (*why, *inputs, *different))


def _key_changes(store: Store, into: Store, before: str | None, after: str | None) -> tuple[list[str], list[str]]:
    """Return how a step's key differs now: in itself, and in what it reads."""
    old = store.keys.get(before) if before else None
    new = into.keys.get(after) if after else None
    if old is None or new is None:
        return ["what its key was made of is not known any more"], []
    changes = told(compare(cast(dict[str, JSON], old.parts), cast(dict[str, JSON], new.parts)))
    own = [words(change) for change in changes if change.part != "inputs"]
    return own, [f"its input {change.path[0]} differs" for change in changes if change.part == "inputs" and change.path]


def _content_changes(store: Store, into: Store, before: AtomRow, after: AtomRow) -> list[str]:
    changed = [
        f"metadata.{name} differs"
        for name in sorted(before.metadata.keys() | after.metadata.keys())
        if not equal_json(before.metadata.get(name), after.metadata.get(name))
    ]
    if before.content == after.content:
        return changed
    old, new = store.content.files(before.content), into.content.files(after.content)
    if not old and not new:
        return [*changed, "its value differs"]
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            changed.append(f"the file '{name}' is not there")
        elif name not in old:
            changed.append(f"the file '{name}' is new")
        elif old[name] != new[name]:
            changed.append(f"the file '{name}' differs")
    return changed or ["which of its files can be executed differs"]


def _metrics(store: Store, row: AtomRow) -> dict[str, JSON] | None:
    """Return the metrics in an evaluation's `results.json`."""
    file = store.content.files(row.content).get("results.json")
    if file is None:
        return None
    try:
        found = json.loads(store.objects.read(file.digest))
    except ValueError:
        return None
    metrics = found.get("metrics") if isinstance(found, dict) else None
    return metrics if isinstance(metrics, dict) else None


def _metric_changes(before: Mapping[str, JSON], after: Mapping[str, JSON] | None) -> list[str]:
    after = after or {}
    return [
        f"{name}: {before.get(name, 'nothing')} → {after.get(name, 'nothing')}"
        for name in sorted(before.keys() | after.keys())
        if not equal_json(before.get(name), after.get(name))
    ]
