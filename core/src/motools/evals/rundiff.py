"""Two runs beside each other: settings, code, inputs, data, environment, metrics and time. Nothing is computed again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from motools.atom import DatasetAtom, EvalAtom
from motools.canonical import JSON
from motools.engine.code import source_text
from motools.engine.compared import explain_steps
from motools.engine.explain import PARTS, Change, code_diffs, compare
from motools.engine.state import RunState, StepState
from motools.errors import DataError, InputError
from motools.evals.comparison import Comparison, estimates
from motools.evals.comparison import compare as compare_results
from motools.evals.rowdiff import RowsDiff, diff_rows
from motools.evals.statistics import Estimate
from motools.workflow.stored import stored_graph

if TYPE_CHECKING:
    from motools.store import Event, RunRow, Store


@dataclass(frozen=True)
class RunHead:
    """Which run, whose, when (seconds since 1970, UTC), and how long it took so far."""

    id: str
    workflow: str
    user: str
    status: str
    created_at: float
    seconds: float


@dataclass(frozen=True)
class StepDiff:
    """One step in both runs; None on the side where the workflow has no such step.

    Args:
        same: whether the keys are equal, so that both computed, or used, the same thing; None where one has no key.
        parts: the parts of the key that differ.
    """

    name: str
    statuses: tuple[str | None, str | None]
    seconds: tuple[float | None, float | None]
    same: bool | None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataDiff:
    """An atom that both runs read or made under one name: `rows` where they are rows, and differ."""

    name: str
    type: str
    atoms: tuple[str, str]
    same: bool
    rows: RowsDiff | None = None


@dataclass(frozen=True)
class MetricsDiff:
    """An evaluation that both runs made under one name.

    Args:
        comparison: of both; None where they cannot be compared, and `why` says why.
        alone: then, what each says by itself.
    """

    name: str
    atoms: tuple[str, str]
    same: bool
    comparison: Comparison | None = None
    why: str = ""
    alone: tuple[Mapping[str, Estimate | None], Mapping[str, Estimate | None]] = field(default=({}, {}))


@dataclass(frozen=True)
class RunDiff:
    """How run `b` differs from run `a`.

    Args:
        settings: with the step first in each path.
        code: definition → unified diff; None where one of the sources is not kept any more.
        data: what was read and made under one name, evaluations apart.
        only: name → which run alone (`a` or `b`) has an atom of that name.
        environment: interpreter, system, plugins and the distributions that steps use.
    """

    a: RunHead
    b: RunHead
    workflow: tuple[Change, ...]
    settings: tuple[Change, ...]
    code: Mapping[str, str | None]
    data: tuple[DataDiff, ...]
    only: Mapping[str, str]
    environment: tuple[Change, ...]
    metrics: tuple[MetricsDiff, ...]
    steps: tuple[StepDiff, ...]

    @property
    def same(self) -> bool:
        """Whether they differ only in who ran them, when, and how long it took."""
        differing = self.workflow or self.settings or self.code or self.only or self.environment
        contents = [each.same for each in self.data] + [each.same for each in self.metrics]
        return not differing and all(contents)


def diff_runs(store: Store, a: str, b: str) -> RunDiff:
    """Compare two runs.

    Args:
        a, b: ids, beginnings of ids, or `last`.

    Raises:
        NotFoundError: there is no such run. InputError: they are one run, or one is a matrix.
    """
    rows = store.runs.get(a), store.runs.get(b)
    if rows[0].id == rows[1].id:
        raise InputError(
            f"'{a}' and '{b}' are one run, '{rows[0].id}'", hint="Name two: 'motools run list' shows them."
        )
    for row in rows:
        if cells := store.runs.parts(row.id):
            name, run_id = next(iter(cells.items()))
            raise InputError(
                f"the run '{row.id}' is a matrix of {len(cells)} cells",
                hint=f"Compare its cells, which are runs: '{name}' is {run_id}; 'motools run show {row.id}' lists them.",
            )
    one, two = (_Side(store, row) for row in rows)
    changes = {
        name: _part_changes(one.parts.get(name, {}), two.parts.get(name, {})) for name in (*one.parts, *two.parts)
    }
    code: dict[str, str | None] = {}
    for found in changes.values():
        code |= code_diffs(found, lambda digest: source_text(store, digest))
    data, only = _data(store, one, two)
    return RunDiff(
        one.head,
        two.head,
        compare({"workflow": one.row.workflow}, {"workflow": two.row.workflow}),
        compare({"config": one.settings}, {"config": two.settings}),
        code,
        tuple(each for each in data if each.type != "eval"),
        only,
        compare({"environment": one.environment}, {"environment": two.environment}),
        tuple(_metrics(store, each) for each in data if each.type == "eval"),
        tuple(_steps(one, two, changes)),
    )


class _Side:
    """What is read of one of the two runs."""

    def __init__(self, store: Store, row: RunRow) -> None:
        self.row = row
        definition = cast(dict[str, Any], row.definition)
        events = store.events.read(row.id)
        self.state = RunState(stored_graph(definition["graph"]))
        for event in events:
            self.state.apply(event.seq, event.type, event.body, event.at)
        self.settings: dict[str, JSON] = definition["settings"]
        self.parts = {name: dict(step.parts) for name, step in explain_steps(store, row).items() if step.parts}
        self.environment = _environment(events, self.parts)
        self.atoms = {**self.state.inputs, **self.state.output_atoms}
        took = (events[-1].at if events else row.created_at) - row.created_at
        self.head = RunHead(row.id, row.workflow, row.user, self.state.status, row.created_at, took)


def _environment(events: list[Event], parts: Mapping[str, Mapping[str, JSON]]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for event in events:
        if event.type == "run_started":
            found = dict(event.body.get("environment") or {})
    used: dict[str, JSON] = {}
    for step in parts.values():
        used |= cast(dict[str, JSON], step.get("packages") or {})
    return {**found, "packages": used} if used else found


def _part_changes(before: Mapping[str, JSON], after: Mapping[str, JSON]) -> tuple[Change, ...]:
    return compare(before, after) if before and after else ()


def _steps(one: _Side, two: _Side, changes: Mapping[str, tuple[Change, ...]]) -> list[StepDiff]:
    found = []
    for name in dict.fromkeys([*one.state.steps, *two.state.steps]):
        sides = one.state.steps.get(name), two.state.steps.get(name)
        keys = [step.key if step is not None else None for step in sides]
        same = None if None in keys else keys[0] == keys[1]
        differing = {change.part for change in changes.get(name, ())}
        parts = tuple(part for part in (*PARTS, *sorted(differing - set(PARTS))) if part in differing)
        statuses = cast(tuple[str | None, str | None], tuple(step.status if step else None for step in sides))
        seconds = cast(tuple[float | None, float | None], tuple(map(_seconds, sides)))
        found.append(StepDiff(name, statuses, seconds, same, () if same else parts))
    return found


def _seconds(step: StepState | None) -> float | None:
    return None if step is None or step.status == "cached" else step.runtime_seconds


def _data(store: Store, one: _Side, two: _Side) -> tuple[list[DataDiff], dict[str, str]]:
    found = []
    only = {name: "a" for name in one.atoms if name not in two.atoms}
    only |= {name: "b" for name in two.atoms if name not in one.atoms}
    for name in one.atoms:
        if name not in two.atoms:
            continue
        before, after = store.atoms.get(one.atoms[name]), store.atoms.get(two.atoms[name])
        same = before.value == after.value
        rows = None
        if not same and before.type == after.type == DatasetAtom.atom_type:
            rows = _rows_diff(store, before.id, after.id)
        kind = before.type if before.type == after.type else f"{before.type}, {after.type}"
        found.append(DataDiff(name, kind, (before.id, after.id), same, rows))
    return found, only


def _rows_diff(store: Store, before: str, after: str) -> RowsDiff | None:
    """Return how two datasets' rows differ; None where they are no JSON lines."""
    try:
        old, new = (_read_rows(DatasetAtom.load(atom, store=store).get_data_path()) for atom in (before, after))
    except (DataError, OSError, ValueError):
        return None
    return diff_rows(old, new)


def _read_rows(folder: Path) -> list[Mapping[str, Any]]:
    files = [folder] if folder.is_file() else sorted(folder.rglob("*.jsonl"))
    if not files:
        raise DataError(f"there are no rows in '{folder}'")
    rows = [
        json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    if not all(isinstance(row, dict) for row in rows):
        raise DataError(f"not every line in '{folder}' is an object")
    return rows


def _metrics(store: Store, data: DataDiff) -> MetricsDiff:
    results = []
    try:
        for atom_id in data.atoms:
            results.append(cast(dict[str, Any], EvalAtom.load(atom_id, store=store).results()))
        comparison = compare_results(results[0], results[1])
    except (DataError, InputError) as error:
        why = f"{error.where}: {error.message}" if error.where else error.message
        alone = [estimates(each) if isinstance(each, dict) and "samples" in each else {} for each in (*results, {}, {})]
        return MetricsDiff(data.name, data.atoms, data.same, None, why, (alone[0], alone[1]))
    return MetricsDiff(data.name, data.atoms, data.same, comparison)
