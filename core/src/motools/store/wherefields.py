"""What a filter may ask of runs: its fields, checked, as a predicate over what is known of a run and as SQL."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from motools.canonical import JSON
from motools.errors import InputError, did_you_mean
from motools.store import where
from motools.store.where import All, Not, Test, Tree

STATUSES = ("queued", "running", "stopped", "paused", "completed", "failed", "cancelled")
"""What a run's status may be; `stopped` is one whose process is gone."""

FIELDS: Mapping[str, str] = {
    "id": "the run's id",
    "workflow": "the workflow's name",
    "status": ", ".join(STATUSES),
    "user": "whose run it is; `me` is you",
    "created": "when it began: 2026-11-01, 2026-11-01T14:30, today, yesterday, or how long ago: 90m, 12h, 3d, 2w",
    "updated": "when something was last recorded of it",
    "seconds": "how long it took, from its beginning to what was last recorded",
    "tag": "its tags, also written tag:paper",
    "note": "its notes",
    "error": "the messages of steps that failed",
    "matrix": "the id of the matrix it is a cell of",
    "cell": "its name there",
    "settings.STEP.KEY": "a setting, with the defaults of those that were not given",
    "metrics.NAME": "a metric of any of its evaluations, as `run show` names it: metrics.match/mean",
}
"""Field → what it is, in the order in which people are told."""

_TIMES = ("created", "updated")
_NUMBERS = ("seconds",)
_PATHS = ("settings", "metrics")
_AGO = re.compile(r"(\d+(?:\.\d+)?)(s|m|min|h|d|w)\Z")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


class Known(Protocol):
    """What is asked of a run: the values it has under a field, none where it has no such field."""

    def values(self, path: tuple[str, ...]) -> Sequence[JSON]: ...


Predicate = Callable[[Known], bool]


class Sql(NamedTuple):
    """A condition over `run`, `run_state` and `part`; `exact` says that it holds for no other runs than the filter does."""

    text: str
    arguments: tuple[Any, ...]
    exact: bool


@dataclass(frozen=True)
class Filter:
    """A checked filter.

    Args:
        tree: what was asked.
        holds: says of a run whether it is meant.
        sql: a condition that all runs meant fulfil; None: any.
        needs: the fields it asks for, by their first part.
    """

    tree: Tree
    holds: Predicate
    sql: Sql | None
    needs: frozenset[str]


def compile_filter(text: str, *, user: str, now: float | None = None) -> Filter:
    """Return a filter, checked.

    Args:
        text: as `motools.store.where` says.
        user: who `me` is.
        now: seconds since 1970, from which `3d` is counted back; by default the present.

    Raises:
        InputError: it is no filter, or asks for what there is not; a caret stands under the place.
    """
    checker = _Checker(text, user, time.time() if now is None else now)
    tree = where.parse(text)
    holds = checker.predicate(tree)
    return Filter(tree, holds, checker.sql(tree), frozenset(test.path[0] for test in tests(tree)))


def tests(tree: Tree) -> Iterator[Test]:
    """Yield every comparison in a tree."""
    if isinstance(tree, Test):
        yield tree
    else:
        for part in [tree.part] if isinstance(tree, Not) else tree.parts:
            yield from tests(part)


def moment(text: str, now: float) -> tuple[float, float] | None:
    """Return the beginning and the end of what a text names, in seconds since 1970: a day, a minute, an instant; or None."""
    if ago := _AGO.match(text):
        at = now - float(ago[1]) * _UNITS[ago[2]]
        return at, at
    if text.lower() in ("today", "yesterday"):
        day = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
        day -= timedelta(days=text.lower() == "yesterday")
        return day.timestamp(), (day + timedelta(days=1)).timestamp()
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        return None
    try:
        begin = datetime.fromisoformat(text)
        lasts = timedelta(days=1) if len(text) == 10 else timedelta(minutes=1 if text.count(":") == 1 else 0)
        return begin.timestamp(), (begin + lasts).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def since_text(text: str) -> str:
    """Return what `--since` names as a value in a filter.

    Raises:
        InputError: it is no time.
    """
    since_seconds(text)
    return where.written(Test(("x",), "=", where.Value(text))).removeprefix("x = ")


def since_seconds(text: str) -> float:
    """Return the beginning of what `--since` names, in seconds since 1970.

    Raises:
        InputError: it is no time.
    """
    found = moment(text, time.time())
    if found is None:
        raise InputError(f"'{text}' is no time", where="--since", hint=_TIME_HINT)
    return found[0]


_TIME_HINT = "Write a day (2026-11-01), a time (2026-11-01T14:30), today, yesterday, or how long ago: 90m, 12h, 3d, 2w."


class _Checker:
    def __init__(self, text: str, user: str, now: float) -> None:
        self._text = text
        self._user = user
        self._now = now

    def predicate(self, tree: Tree) -> Predicate:
        if isinstance(tree, Test):
            return self._test(tree)
        if isinstance(tree, Not):
            inner = self.predicate(tree.part)
            return lambda run: not inner(run)
        parts = [self.predicate(part) for part in tree.parts]
        if isinstance(tree, All):
            return lambda run: all(part(run) for part in parts)
        return lambda run: any(part(run) for part in parts)

    def _test(self, test: Test) -> Predicate:
        self._check_field(test)
        path, name, operator, value = test.path, test.path[0], test.operator, self._value(test)
        if name in _TIMES:
            begin, end = self._moment(test)
            return lambda run: any(_in_time(float(str(at)), operator, begin, end) for at in run.values(path))
        if operator == "!=":
            return lambda run: bool(found := run.values(path)) and not any(equal(each, value) for each in found)
        return lambda run: any(compare(each, operator, value) for each in run.values(path))

    def _check_field(self, test: Test) -> None:
        name = test.path[0]
        if name in _PATHS:
            if len(test.path) == 1:
                raise self._wrong(test, f"'{name}' alone is no field", f"Write {_example(name)}.")
            return
        plain = [field for field in FIELDS if "." not in field]
        if name in plain and len(test.path) == 1:
            if name in _TIMES and test.operator == "~":
                raise self._wrong(test, f"'{name}' is a time: ~ has no meaning for it", _TIME_HINT)
            return
        if name in plain:
            raise self._wrong(test, f"'{name}' has no parts", f"Write only {name}.")
        shown = ".".join(test.path)
        near = did_you_mean(name, [*plain, *_PATHS])
        if near is None and len(test.path) > 1:
            near = f"A setting is written settings.{shown}"
        elif near is None and "/" in name:
            near = f"A metric is written metrics.{shown}"
        raise self._wrong(test, f"there is no field '{shown}'", near or f"There are: {', '.join(FIELDS)}.")

    def _value(self, test: Test) -> where.Value:
        value = test.value
        if test.path == ("user",) and value.text == "me" and not value.quoted:
            return where.Value(self._user, True)
        if test.path == ("status",) and test.operator in ("=", "!=") and value.text not in STATUSES:
            hint = did_you_mean(value.text, STATUSES) or f"A run is {', '.join(STATUSES[:-1])} or {STATUSES[-1]}."
            raise where.wrong(self._text, value.at, f"there is no status '{value.text}'", hint)
        if test.path[0] in (*_NUMBERS, "metrics") and number(value) is None:
            raise where.wrong(self._text, value.at, f"'{value.text}' is no number", "Write for example > 0.5")
        return value

    def _moment(self, test: Test) -> tuple[float, float]:
        found = moment(test.value.text, self._now)
        if found is None:
            raise where.wrong(self._text, test.value.at, f"'{test.value.text}' is no time", _TIME_HINT)
        return found

    def _wrong(self, test: Test, message: str, hint: str) -> InputError:
        return where.wrong(self._text, test.at, message, hint)

    def sql(self, tree: Tree) -> Sql | None:
        """Return a condition that every run fulfils of which the tree holds; None where there is none to be told."""
        if isinstance(tree, Test):
            return self._test_sql(tree)
        if isinstance(tree, Not):
            inner = self.sql(tree.part)
            return Sql(f"NOT ({inner.text})", inner.arguments, True) if inner and inner.exact else None
        found = [self.sql(part) for part in tree.parts]
        known = [part for part in found if part is not None]
        if not known or (not isinstance(tree, All) and len(known) < len(found)):
            return None
        word = " AND " if isinstance(tree, All) else " OR "
        exact = len(known) == len(found) and all(part.exact for part in known)
        return Sql(
            "(" + word.join(part.text for part in known) + ")",
            tuple(argument for part in known for argument in part.arguments),
            exact,
        )

    def _test_sql(self, test: Test) -> Sql | None:
        name, operator, value = test.path[0], test.operator, self._value(test).text
        if name in ("id", "workflow", "user") and operator in ("=", "!="):
            return Sql(f"run.{name} {operator} ?", (value,), True)
        if name == "status" and operator == "=":
            if value in ("queued", "running", "stopped"):
                return Sql("run_state.status IN ('queued', 'running')", (), False)
            return Sql("run_state.status = ?", (value,), True)
        if name == "tag" and operator == "=":
            return Sql("EXISTS (SELECT 1 FROM run_tag WHERE run_tag.run = run.n AND tag = ?)", (value,), True)
        if name in ("matrix", "cell"):
            return Sql("part.run IS NOT NULL", (), False)
        if name == "created" and operator in ("<", "<=", ">", ">="):
            begin, end = self._moment(test)
            if operator == ">":
                return Sql("run.created_at > ?" if begin == end else "run.created_at >= ?", (end,), True)
            if operator == "<=":
                return Sql("run.created_at <= ?" if begin == end else "run.created_at < ?", (end,), True)
            return Sql(f"run.created_at {operator} ?", (begin,), True)
        return None


def _in_time(at: float, operator: str, begin: float, end: float) -> bool:
    if begin == end:
        return _ordered(at, operator, begin)
    return {
        "=": begin <= at < end,
        "!=": not begin <= at < end,
        "<": at < begin,
        "<=": at < end,
        ">": at >= end,
        ">=": at >= begin,
    }[operator]


def number(value: where.Value) -> float | None:
    """Return the number that a value without quotes is, or None."""
    if value.quoted or not re.match(r"[-+]?(\d|\.\d)", value.text):
        return None
    try:
        return float(value.text)
    except ValueError:
        return None


def equal(found: JSON, value: where.Value) -> bool:
    """Say whether a value found is the one written: texts letter by letter, numbers as numbers."""
    if isinstance(found, str):
        return found == value.text
    if value.quoted:
        return False
    if found is None or isinstance(found, bool):
        return value.text == {None: "null", True: "true", False: "false"}[found]
    return isinstance(found, (int, float)) and found == number(value)


def compare(found: JSON, operator: str, value: where.Value) -> bool:
    """Say whether `found operator value` holds; what cannot be compared is not so."""
    if operator == "=":
        return equal(found, value)
    if operator == "~":
        if isinstance(found, list):
            return any(equal(each, value) for each in found)
        return isinstance(found, str) and value.text.casefold() in found.casefold()
    if isinstance(found, str):
        return _ordered(found, operator, value.text)
    wanted = number(value)
    if wanted is None or isinstance(found, bool) or not isinstance(found, (int, float)):
        return False
    return _ordered(found, operator, wanted)


def _ordered(found: Any, operator: str, wanted: Any) -> bool:
    return bool(
        {
            "=": found == wanted,
            "!=": found != wanted,
            "<": found < wanted,
            "<=": found <= wanted,
            ">": found > wanted,
            ">=": found >= wanted,
        }[operator]
    )


def _example(name: str) -> str:
    return "settings.train_model.seed = 3" if name == "settings" else "metrics.match/mean > 0.5"
