"""What a matrix found: for every arm and metric the mean over seeds with its interval, how much it is made of, what failed.

Intervals:

* two seeds or more: Student's t interval of what the seeds found (`motools.evals.statistics.over_seeds`): it holds what differs
  from seed to seed, so training but not the choice of questions; cut at 0 and 1 where every score is 0 or 1;
* seeds that all found exactly the same: that interval would have no width, so the answers of all seeds are taken together and
  grouped by question (`motools.evals.statistics.estimate`); a value without answers behind it then has no interval;
* one cell: the evaluation's own interval over its questions, which holds nothing of training.

No value is left out: every seed's own stands beside the mean, and cells that failed are counted and named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from motools.canonical import JSON
from motools.engine.matrix import CellState, is_matrix, matrix_state
from motools.engine.matrix_driver import folded
from motools.engine.newrun import opened_store
from motools.errors import InputError
from motools.evals.comparison import estimates, scores
from motools.evals.comparison import summary as side
from motools.evals.statistics import LEVEL, Estimate, Groups, estimate, is_binary, over_seeds

if TYPE_CHECKING:
    from motools.store import Store

NOTE_SEEDS = (
    "t over seeds: Student's t interval of the seeds' own values, one a seed, n-1 degrees of freedom. It says how training "
    "varies, on these questions."
)
NOTE_EQUAL = "seeds equal: every seed found the same, so the interval is that of all answers, grouped by question."
NOTE_ONE = "one cell: the interval is over the questions alone; it says nothing of how training varies."


@dataclass(frozen=True, kw_only=True)
class SeedValue:
    """What one cell found: `low` and `high` are its own interval over questions, `n` its answers, `errors` those missing."""

    cell: str
    seed: int | None
    run_id: str
    value: float
    low: float | None
    high: float | None
    n: int
    errors: int


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """One metric of one arm.

    Args:
        arm: the arm.
        output: name of the atom it is in.
        task: the task that was asked; None for a value that is no evaluation.
        metric: `scorer` for the mean of a scorer's scores, else as the backend calls it: `scorer/metric`.
        value: mean over seeds.
        low, high: limits of its 95 % interval, None where there is too little to tell.
        method: which interval; see this module's description.
        seeds: how many cells have the metric.
        n: answers in all of them together.
        errors: answers that are missing in all of them together.
        values: what each cell found.
    """

    arm: str
    output: str
    task: str | None
    metric: str
    value: float
    low: float | None
    high: float | None
    method: str
    seeds: int
    n: int
    errors: int
    values: tuple[SeedValue, ...]


@dataclass(frozen=True, kw_only=True)
class ArmCount:
    """How many cells of an arm there are, have finished, have failed, and are neither; `failed_cells` names those failed."""

    arm: str
    cells: int
    finished: int
    failed: int
    open: int
    failed_cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MatrixSummary:
    """What a matrix found: `rows` a metric and arm, `arms` counts of cells, `notes` what one must know to read them."""

    run_id: str
    rows: tuple[SummaryRow, ...]
    arms: tuple[ArmCount, ...]
    notes: tuple[str, ...]

    def _repr_html_(self) -> str:
        from motools.evals.shown import summary_html

        return summary_html(self)

    def to_dict(self) -> dict[str, JSON]:
        """Return it as JSON values."""
        return cast("dict[str, JSON]", _lists(asdict(self)))


@dataclass(frozen=True)
class _Found:
    """One metric of one cell; `groups` are its scores, where it is the mean of a scorer."""

    output: str
    task: str | None
    metric: str
    value: SeedValue
    groups: Groups | None = None
    method: str | None = None
    dummy: bool = False


def summarise(run_id: str, *, store: Store | str | Path | None = None) -> MatrixSummary:
    """Return what the finished cells of a matrix found, and how many failed.

    Args:
        run_id: the matrix, a unique beginning of its id, or `last`.
        store: a store or its folder; by default `MOTOOLS_STORAGE_DIR` or `.motools`.

    Raises:
        NotFoundError: there is no such run.
        InputError: it is the run of a workflow without a matrix.
        CorruptError, DataError: a stored result is altered, or not of the form that it should have.
    """
    with opened_store(store) as opened:
        row = opened.runs.get(run_id)
        definition = cast("dict[str, Any]", row.definition)
        if not is_matrix(definition):
            raise InputError(f"the run '{row.id}' has no cells: it is no matrix", hint="'motools run show' shows it.")
        cells = matrix_state(row.id, definition, folded(opened, row)).cells
        arms = list(dict.fromkeys(cell.arm for cell in cells.values()))
        found = {
            arm: [each for cell in cells.values() if cell.arm == arm for each in _found(opened, cell)] for arm in arms
        }
    rows = [row for arm in arms for row in _rows(arm, found[arm])]
    counts = tuple(_count(arm, [cell for cell in cells.values() if cell.arm == arm]) for arm in arms)
    everything = [each for arm in arms for each in found[arm]]
    return MatrixSummary(
        run_id=row.id,
        rows=tuple(rows),
        arms=counts,
        notes=tuple(_notes(rows, counts, any(f.dummy for f in everything))),
    )


def _found(store: Store, cell: CellState) -> Iterator[_Found]:
    """Yield every metric of a finished cell."""
    if cell.status != "finished" or cell.run_id is None:
        return
    from motools.atom import EvalAtom, ValueAtom

    outputs = folded(store, store.runs.get(cell.run_id)).output_atoms
    for name, atom_id in outputs.items():
        kind = store.atoms.get(atom_id).type
        if kind == EvalAtom.atom_type:
            yield from _evaluated(cell, name, EvalAtom.load(atom_id, store=store).results())
        elif kind == ValueAtom.atom_type:
            for metric, number in _numbers(name, ValueAtom.load(atom_id, store=store).value()):
                yield _Found(name, None, metric, _value(cell, number, 0, 0))


def _evaluated(cell: CellState, name: str, results: Any) -> Iterator[_Found]:
    said = side(results, f"{name} of the cell '{cell.name}'")
    task, groups = str(results["task"]), scores(results)
    means = {scorer: found for scorer, found in estimates(results).items() if found is not None}
    for scorer, found in means.items():
        value = _value(cell, found.value, found.n, said.errors, found)
        yield _Found(name, task, scorer, value, groups[scorer], found.method, said.dummy)
    for metric, number in dict(results.get("metrics") or {}).items():
        scorer, _, word = str(metric).rpartition("/")
        mean = means.get(scorer)
        if mean is not None and word in ("mean", "accuracy") and abs(mean.value - number) < 1e-9:
            continue  # said already, with its interval
        yield _Found(name, task, str(metric), _value(cell, float(number), said.n, said.errors), dummy=said.dummy)


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    items = value.items() if isinstance(value, Mapping) else [(None, value)]
    for key, number in items:
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            yield name if key is None else f"{name}/{key}", float(number)


def _value(cell: CellState, value: float, n: int, errors: int, found: Estimate | None = None) -> SeedValue:
    return SeedValue(
        cell=cell.name,
        seed=cell.seed,
        run_id=str(cell.run_id),
        value=value,
        low=found.low if found else None,
        high=found.high if found else None,
        n=n,
        errors=errors,
    )


def _rows(arm: str, found: Sequence[_Found]) -> Iterator[SummaryRow]:
    grouped: dict[tuple[str, str | None, str], list[_Found]] = {}
    for each in found:
        grouped.setdefault((each.output, each.task, each.metric), []).append(each)
    for (output, task, metric), same in grouped.items():
        whole = combined(
            [each.value.value for each in same],
            [each.groups for each in same],
            Estimate(same[0].value.value, same[0].value.low, same[0].value.high, 1, 1, same[0].method or "no interval"),
        )
        yield SummaryRow(
            arm=arm,
            output=output,
            task=task,
            metric=metric,
            value=whole.value,
            low=whole.low,
            high=whole.high,
            method=whole.method,
            seeds=len(same),
            n=sum(each.value.n for each in same),
            errors=sum(each.value.errors for each in same),
            values=tuple(each.value for each in same),
        )


def combined(
    values: Sequence[float], groups: Sequence[Groups | None], alone: Estimate | None = None, level: float = LEVEL
) -> Estimate:
    """Return the mean over seeds with the interval that this module's description says.

    Args:
        values: what each seed found, at least one.
        groups: the scores that each is the mean of, by sample; None where it is no mean of scores.
        alone: what the evaluation of the only seed says of itself.
        level: of the interval.
    """
    if len(values) == 1:
        return replace(alone, value=values[0], method=f"one cell: {alone.method}") if alone else _only(values[0])
    found = over_seeds(values, level)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    known = [each for each in groups if each]
    if len(known) < len(values):
        equal = len(set(values)) == 1
        return replace(found, low=None, high=None, method="seeds equal: no interval") if equal else found
    if len(set(values)) == 1:
        pooled: dict[str, list[float]] = {}
        for each in known:
            for sample, scored in each.items():
                pooled.setdefault(sample, []).extend(scored)
        answers = estimate(pooled, level)
        assert answers is not None
        return replace(answers, value=values[0], method=f"seeds equal: {answers.method}")
    if all(is_binary(each) for each in known):
        return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))
    return found


def _only(value: float) -> Estimate:
    return Estimate(value, None, None, 1, 1, "one cell: no interval")


def _count(arm: str, cells: Sequence[CellState]) -> ArmCount:
    failed = tuple(cell.name for cell in cells if cell.status == "failed")
    finished = sum(cell.status == "finished" for cell in cells)
    return ArmCount(
        arm=arm,
        cells=len(cells),
        finished=finished,
        failed=len(failed),
        open=len(cells) - finished - len(failed),
        failed_cells=failed,
    )


def _notes(rows: Sequence[SummaryRow], arms: Sequence[ArmCount], dummy: bool) -> Iterator[str]:
    if dummy:
        yield "made by a dummy: nothing was really asked, and these figures mean nothing."
    for start, note in (("t over", NOTE_SEEDS), ("seeds equal", NOTE_EQUAL), ("one cell", NOTE_ONE)):
        if any(row.method.startswith(start) and row.low is not None for row in rows):
            yield note
    for arm in arms:
        if arm.failed:
            yield f"{arm.arm}: {arm.failed} of {arm.cells} cells failed ({', '.join(arm.failed_cells)})."
        if arm.open:
            yield f"{arm.arm}: {arm.open} of {arm.cells} cells have not finished."
        lacking = {row.metric: arm.finished - row.seeds for row in rows if row.arm == arm.arm and row.task is not None}
        for metric, count in lacking.items():
            if count > 0:
                yield f"{arm.arm}: '{metric}' is missing in {count} of {arm.finished} cells that finished."
    missing = sum(row.errors for row in rows)
    if missing:
        names = ", ".join(dict.fromkeys(row.arm for row in rows if row.errors))
        yield f"answers are missing in {names}; they count neither way."


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, (list, tuple)) else value
