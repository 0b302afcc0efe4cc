"""The evaluations of runs: estimates of every scorer, comparisons with the first, and their samples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from motools.errors import DataError, InputError, StoreError
from motools.evals.comparison import Comparison, compare, estimates, summary
from motools.report.browsing import Budget, browsable
from motools.report.data import Evaluation, Limits, RunPart, TaskPart

if TYPE_CHECKING:
    from motools.store import AtomRow, Store


def task_parts(
    store: Store, runs: Iterable[RunPart], atoms: Mapping[str, AtomRow], limits: Limits, named: Iterable[str] = ()
) -> tuple[tuple[TaskPart, ...], dict[str, str]]:
    """Return the evaluations that runs made or read, or that are named, by task, and eval atom → why it cannot be read."""
    found: dict[str, list[tuple[Evaluation, dict[str, Any]]]] = {}
    lost: dict[str, str] = {}
    for number, (atom_id, origins) in enumerate(_evaluations(runs, atoms, named).items()):
        row = atoms[atom_id]
        try:
            results = _results(store, row)
            evaluation = _evaluation(row, results, origins, letter(number))
        except (StoreError, DataError) as error:
            lost[atom_id] = error.message
            continue
        found.setdefault(evaluation.task, []).append((evaluation, results))
    budget = Budget(limits)
    return tuple(_task(task, pairs, budget) for task, pairs in found.items()), lost


def letter(number: int) -> str:
    """Return A to Z, then AA, AB, ..."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, len(ascii_uppercase))
        name = ascii_uppercase[rest] + name
    return name


def _evaluations(
    runs: Iterable[RunPart], atoms: Mapping[str, AtomRow], named: Iterable[str]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return eval atom id → (run, name) of where it stands, in the order of the runs and their steps."""
    found: dict[str, list[tuple[str, str]]] = {}
    for run in runs:
        made = [pair for step in run.steps for pair in step.outputs.items()]
        for name, atom_id in [*run.inputs.items(), *made]:
            if atom_id in atoms and atoms[atom_id].type == "eval":
                found.setdefault(atom_id, []).append((run.id, name))
    for atom_id in named:
        found.setdefault(atom_id, [])
    return {atom_id: tuple(origins) for atom_id, origins in found.items()}


def _results(store: Store, row: AtomRow) -> dict[str, Any]:
    """Return an evaluation's results.

    Raises:
        DataError: they are not what an eval backend writes. StoreError: they are gone, or altered.
    """
    files = store.content.files(row.content)
    if "results.json" not in files:
        raise DataError(f"the eval atom '{row.id}' has no 'results.json'")
    try:
        results = json.loads(store.objects.read(files["results.json"].digest))
    except ValueError as error:
        raise DataError(f"'results.json' of the eval atom '{row.id}' is not JSON: {error}") from None
    if not isinstance(results, dict):
        raise DataError(f"'results.json' of the eval atom '{row.id}' is not an object")
    return results


def _evaluation(
    row: AtomRow, results: Mapping[str, Any], origins: tuple[tuple[str, str], ...], name: str
) -> Evaluation:
    side = summary(results, name)
    found = estimates(results)
    answered = sum(1 for sample in results["samples"] if sample.get("error") is None)
    metrics = results.get("metrics")
    usage = results.get("usage")
    return Evaluation(
        letter=name,
        atom=row.id,
        origins=origins,
        task=results["task"],
        side=side,
        estimates=found,
        uncounted={scorer: answered - (estimate.n if estimate else 0) for scorer, estimate in found.items()},
        metrics=dict(sorted(metrics.items())) if isinstance(metrics, Mapping) else {},
        usage=usage if isinstance(usage, Mapping) else None,
        imported=row.metadata.get("imported"),
    )


def _task(task: str, pairs: Sequence[tuple[Evaluation, dict[str, Any]]], budget: Budget) -> TaskPart:
    evaluations = tuple(evaluation for evaluation, _ in pairs)
    comparisons: list[Comparison] = []
    problems: list[str] = []
    (first, first_results), *others = pairs
    for other, results in others:
        try:
            comparisons.append(compare(first_results, results, labels=(first.letter, other.letter)))
        except InputError as error:
            problems.append(error.message)
    return TaskPart(
        task=task,
        evaluations=evaluations,
        comparisons=tuple(comparisons),
        problems=tuple(problems),
        samples=browsable(evaluations, [results for _, results in pairs], budget),
    )
