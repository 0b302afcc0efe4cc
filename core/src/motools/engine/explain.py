"""Why a step is computed: its key beside the nearest earlier one, part by part, in words.

Pure: keys' parts go in, sentences come out. The parts are those of `identity.step_key`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Literal, Protocol, TypeVar, cast

from motools.canonical import JSON
from motools.config.document import dotted

PARTS = ("component", "code", "packages", "config", "references", "files", "inputs", "environment", "draw", "outputs")
"""The parts of a key in the order in which people are told of them; others come after."""

_WHOLE_CODE = {"version": "version", "cache_version": "cache_version", "uncached": "state", "bytecode": "bytecode"}
"""Code that is not known by its definitions says one of these instead."""

_DIGEST = 64


@dataclass(frozen=True)
class Change:
    """One difference between two keys.

    Args:
        part: which part of the key: `config`, `code`, `inputs` ...
        path: where in the part: names of settings and places in lists; for code the definition.
        kind: whether it is `changed`, `added` or `removed`.
        before: what stood there, None where it is added.
        after: what stands there now, None where it is removed.
    """

    part: str
    path: tuple[str | int, ...]
    kind: Literal["changed", "added", "removed"]
    before: JSON = None
    after: JSON = None

    def to_json(self) -> dict[str, JSON]:
        """Return it as it stands in `--json`, with the words."""
        return {
            "part": self.part,
            "path": list(self.path),
            "kind": self.kind,
            "before": self.before,
            "after": self.after,
            "words": words(self),
        }


class Computed(Protocol):
    """What is read of an earlier computation (a `KeyRow`)."""

    @property
    def parts(self) -> JSON: ...
    @property
    def activation(self) -> str: ...


_Computed = TypeVar("_Computed", bound=Computed)


def compare(
    before: Mapping[str, JSON], after: Mapping[str, JSON], *, without: Iterable[str] = ()
) -> tuple[Change, ...]:
    """Return all differences between the parts of two keys.

    Args:
        before: the parts of the earlier key.
        after: those of the later one.
        without: parts not to look at.
    """
    left_out = set(without)
    names = [*PARTS, *sorted((before.keys() | after.keys()) - set(PARTS))]
    found: list[Change] = []
    for part in names:
        if part not in left_out:
            found += _walk(part, (), before.get(part), after.get(part))
    return tuple(found)


def nearest(
    parts: Mapping[str, JSON], history: Sequence[_Computed], node: str, *, without: Iterable[str] = ()
) -> tuple[_Computed, tuple[Change, ...]] | None:
    """Return the earlier computation that differs least, with how it differs; None if there is none.

    One of the same node of a workflow comes before one of another; of equally near ones the newest is taken.

    Args:
        parts: the key's parts.
        history: computations of the same component, newest first.
        node: the node that the key is of.
        without: parts not to look at.
    """
    left_out = tuple(without)
    best: tuple[int, _Computed, tuple[Change, ...]] | None = None
    for row in [row for row in history if row.activation.partition("@")[0] == node] or history:
        changes = compare(cast(dict[str, JSON], row.parts), parts, without=left_out)
        rank = len(told(changes))
        if best is None or rank < best[0]:
            best = (rank, row, changes)
        if rank == 0:
            break
    return None if best is None else (best[1], best[2])


def told(changes: Sequence[Change]) -> list[Change]:
    """Return the changes that people are told of: not who a setting names, where they are told that it names another."""
    settings = {change.path for change in changes if change.part == "config"}

    def implied(change: Change) -> bool:
        return change.part in ("references", "files") and any(
            dotted(path) == str(change.path[0]) for path in settings if change.path
        )

    return [change for change in changes if not implied(change)]


def words(change: Change) -> str:
    """Return one change as a clause: `config.learning_rate: 0.001 → 0.002`, `code of helpers:clean changed`."""
    part, path = change.part, change.path
    if part == "config":
        return f"config{_after_dot(path)}: {_from_to(change)}"
    if part == "code":
        return _code_words(change, path)
    if part == "inputs" and path:
        return {
            "changed": f"input {path[0]} changed",
            "added": f"it now reads {path[0]}",
            "removed": f"it no longer reads {path[0]}",
        }[change.kind]
    if part == "files" and path:
        return f"the file that config.{path[0]} names " + {"changed": "changed"}.get(change.kind, f"is {change.kind}")
    if part == "references" and path:
        return _reference_words(change)
    if part == "packages" and path:
        return f"installed {path[0]}: {_from_to(change)}"
    if part == "input_components" and path:
        return f"what serves input {dotted(path)}: {_from_to(change)}"
    return f"{part}{_after_dot(path)}: {_from_to(change)}"


def _code_words(change: Change, path: tuple[str | int, ...]) -> str:
    if not path:
        return "how its code is known changed"
    name = str(path[0])
    if name in _WHOLE_CODE:
        return f"its code's {_WHOLE_CODE[name]}: {_from_to(change)}"
    if name == "code":
        return "its code changed"
    if change.kind == "changed" or len(path) > 1:
        return f"code of {name} changed"
    return f"its code {'now' if change.kind == 'added' else 'no longer'} uses {name}"


def _reference_words(change: Change) -> str:
    place, rest = f"config.{change.path[0]}", change.path[1:]
    if rest[:1] == ("file",):
        return f"the file that {place} names changed"
    if rest[:1] == ("code",):
        named = _code_words(change, rest[1:]) if len(rest) > 1 else "its code changed"
        return f"{place}: {named}"
    if not rest:
        return f"what {place} names is {change.kind}"
    return f"{place}, {dotted(rest)}: {_from_to(change)}"


def _walk(part: str, path: tuple[str | int, ...], before: JSON, after: JSON) -> Iterator[Change]:
    if before is None and isinstance(after, dict) and not path:
        before = {}
    if after is None and isinstance(before, dict) and not path:
        after = {}
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            if name not in after:
                yield Change(part, (*path, name), "removed", before=before[name])
            elif name not in before:
                yield Change(part, (*path, name), "added", after=after[name])
            else:
                yield from _walk(part, (*path, name), before[name], after[name])
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _walk(part, (*path, place), old, new)
    elif repr(before) != repr(after):  # 1, 1.0 and True make three keys, as do 0.0 and -0.0
        yield Change(part, path, "changed", before, after)


def _after_dot(path: tuple[str | int, ...]) -> str:
    text = dotted(path)
    return text if not text or text.startswith("[") else f".{text}"


def _from_to(change: Change) -> str:
    before = "nothing" if change.kind == "added" else short(change.before)
    after = "nothing" if change.kind == "removed" else short(change.after)
    return f"{before} → {after}"


def short(value: JSON, most: int = 60) -> str:
    """Return a JSON value as people read it in one line: digests by their beginning, long ones cut."""
    if isinstance(value, str) and len(value) == _DIGEST and all(letter in "0123456789abcdef" for letter in value):
        return value[:12]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def code_diffs(changes: Sequence[Change], source: Callable[[str], str | None]) -> dict[str, str | None]:
    """Return definition → unified diff of its code, for the changes that are of code.

    Args:
        changes: the differences between two keys.
        source: digest → text of that definition, or None where it is not known any more; then there is no diff.
    """
    diffs: dict[str, str | None] = {}
    for change in changes:
        path = change.path[2:] if change.part == "references" and change.path[1:2] == ("code",) else change.path
        if change.part not in ("code", "references") or not path or path[0] in _WHOLE_CODE:
            continue
        if change.part == "references" and path is change.path:
            continue
        name = str(path[0])
        before, after = (_text(value, source) for value in (change.before, change.after))
        if (before is None and change.kind != "added") or (after is None and change.kind != "removed"):
            diffs[name] = None
            continue
        lines = unified_diff(
            (before or "").splitlines(), (after or "").splitlines(), f"{name} before", f"{name} now", lineterm=""
        )
        diffs[name] = "\n".join(lines)
    return diffs


def _text(value: Any, source: Callable[[str], str | None]) -> str | None:
    return source(value) if isinstance(value, str) else None
