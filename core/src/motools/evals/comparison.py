"""Two evaluations of one task, side by side: every scorer, every sample, nothing averaged away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from motools.canonical import JSON
from motools.errors import DataError, InputError
from motools.evals.statistics import Estimate, estimate, paired_difference


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two evaluations.

    Args:
        label: what to call it.
        model: the model's id.
        backend: the eval backend's name.
        n: how many answers were to be given.
        errors: how many of them were not.
        dummy: nothing was really asked.
    """

    label: str
    model: str
    backend: str
    n: int
    errors: int
    dummy: bool


@dataclass(frozen=True, kw_only=True)
class ScorerComparison:
    """One scorer (or one part of a scorer, `scorer/part`) on both sides.

    Args:
        scorer: its name.
        a: mean of the first evaluation, None without a score.
        b: of the second.
        difference: `b` less `a` over the samples scored in both, None where there are none.
        uncounted_a: answers of the first that the scorer left out.
        uncounted_b: of the second.
    """

    scorer: str
    a: Estimate | None
    b: Estimate | None
    difference: Estimate | None
    uncounted_a: int
    uncounted_b: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two evaluations of one task.

    Args:
        task: the task's name.
        a: the first evaluation, for instance of the untouched model.
        b: the second.
        scorers: every scorer that either has, by name.
        only_a: ids of samples that only the first asked.
        only_b: ids of samples that only the second asked.
        notes: what a reader must know before trusting the figures.
    """

    task: str
    a: Side
    b: Side
    scorers: tuple[ScorerComparison, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def dummy(self) -> bool:
        """Whether nothing was really asked on one side."""
        return self.a.dummy or self.b.dummy

    def _repr_html_(self) -> str:
        from motools.evals.shown import comparison_html

        return comparison_html(self)

    def to_dict(self) -> dict[str, JSON]:
        """Return it as JSON values."""
        data: dict[str, JSON] = asdict(self)
        data["dummy"] = self.dummy
        return {key: list(value) if isinstance(value, tuple) else value for key, value in data.items()}


def compare(
    a: Mapping[str, Any], b: Mapping[str, Any], *, labels: tuple[str, str] = ("A", "B"), level: float = 0.95
) -> Comparison:
    """Compare two results.

    Args:
        a: what `EvalResults.to_dict` returns, or what is in an eval atom's `results.json`.
        b: the same of the other evaluation.
        labels: what to call them.
        level: of the intervals.

    Raises:
        DataError: one of them has not that form.
        InputError: they are results of different tasks, or have no sample in common.
    """
    sides = summary(a, labels[0]), summary(b, labels[1])
    if a["task"] != b["task"]:
        raise InputError(
            f"'{labels[0]}' is of the task '{a['task']}' and '{labels[1]}' of the task '{b['task']}'",
            hint="Compare two evaluations of one task.",
        )
    ids_a, ids_b = _ids(a), _ids(b)
    if not ids_a.keys() & ids_b.keys():
        raise InputError(
            f"'{labels[0]}' and '{labels[1]}' have no sample in common",
            hint="The task's samples are different now; evaluate both models again.",
        )
    scores_a, scores_b = _scores(a), _scores(b)
    rows = []
    for name in sorted({*scores_a, *scores_b}):
        groups_a, left_out_a = scores_a.get(name, ({}, 0))
        groups_b, left_out_b = scores_b.get(name, ({}, 0))
        rows.append(
            ScorerComparison(
                scorer=name,
                a=estimate(groups_a, level),
                b=estimate(groups_b, level),
                difference=paired_difference(groups_a, groups_b, level),
                uncounted_a=left_out_a,
                uncounted_b=left_out_b,
            )
        )
    only_a = tuple(name for name in ids_a if name not in ids_b)
    only_b = tuple(name for name in ids_b if name not in ids_a)
    return Comparison(
        task=a["task"],
        a=sides[0],
        b=sides[1],
        scorers=tuple(rows),
        only_a=only_a,
        only_b=only_b,
        notes=tuple(_notes(sides, rows, only_a, only_b, _changed(ids_a, ids_b))),
    )


def summary(results: Mapping[str, Any], label: str) -> Side:
    """Return whose results these are and how complete.

    Raises:
        DataError: they are not results of an evaluation.
    """
    try:
        if not isinstance(results["task"], str):
            raise TypeError("the task has no name")
        for sample in results["samples"]:
            if not isinstance(sample["scores"], Mapping) or not isinstance(sample["id"], str):
                raise TypeError("a sample has no id or no scores")
        return Side(
            label=label,
            model=str(results["model"]),
            backend=str(results["backend"]),
            n=int(results["n"]),
            errors=int(results["errors"]),
            dummy=bool(results.get("dummy", False)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"these are not results of an evaluation: {type(error).__name__}: {error}",
            where=f"'{label}'",
            hint="Results are what an eval backend's EvalResults.to_json writes.",
        ) from None


def estimates(results: Mapping[str, Any], level: float = 0.95) -> dict[str, Estimate | None]:
    """Return scorer → the mean of its scores with its interval, None where it counted nothing; by name."""
    return {name: estimate(groups, level) for name, (groups, _) in sorted(_scores(results).items())}


def scores(results: Mapping[str, Any]) -> dict[str, dict[str, list[float]]]:
    """Return scorer → sample id → the scores of its repetitions that count."""
    return {name: groups for name, (groups, _) in sorted(_scores(results).items())}


def _ids(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return sample id → what was asked, in the order of the results."""
    asked: dict[str, Any] = {}
    for sample in results["samples"]:
        asked[sample["id"]] = sample.get("input") or asked.get(sample["id"])
    return asked


def _scores(results: Mapping[str, Any]) -> dict[str, tuple[dict[str, list[float]], int]]:
    """Return scorer → (sample id → scores of its repetitions, how many answers have none)."""
    answered = [sample for sample in results["samples"] if sample.get("error") is None]
    found: dict[str, tuple[dict[str, list[float]], int]] = {}
    for name in {name for sample in answered for name in sample["scores"]}:
        groups: dict[str, list[float]] = {}
        left_out = 0
        for sample in answered:
            score = sample["scores"].get(name)
            if isinstance(score, (int, float)):
                groups.setdefault(sample["id"], []).append(float(score))
            else:
                left_out += 1
        found[name] = (groups, left_out)
    return found


def _changed(asked_a: Mapping[str, Any], asked_b: Mapping[str, Any]) -> int:
    """Count samples of the same id that were not asked the same."""
    return sum(1 for name, asked in asked_a.items() if asked and asked_b.get(name) and asked != asked_b[name])


def _notes(
    sides: tuple[Side, Side],
    rows: list[ScorerComparison],
    only_a: tuple[str, ...],
    only_b: tuple[str, ...],
    changed: int,
) -> list[str]:
    a, b = sides
    notes = []
    for side in sides:
        if side.dummy:
            notes.append(f"{side.label} is a dummy: nothing was really asked, and its figures mean nothing.")
        if side.errors:
            notes.append(f"{side.label} has no answer to {side.errors} of {side.n}; they count neither way.")
    for only, one, other in ((only_a, a, b), (only_b, b, a)):
        if only:
            notes.append(f"{_samples(len(only))} of {one.label} {_were(len(only))} not asked in {other.label}.")
    if changed:
        notes.append(
            f"{_samples(changed)} of the same id {_were(changed)} asked differently in {a.label} and {b.label}."
        )
    for row in rows:
        for side, found, left_out in ((a, row.a, row.uncounted_a), (b, row.b, row.uncounted_b)):
            if found is None and not left_out:
                notes.append(f"{side.label} has no scorer '{row.scorer}'.")
    partly = [f"'{row.scorer}'" for row in rows if row.uncounted_a or row.uncounted_b]
    if partly:
        notes.append(f"not every answer counts for {', '.join(partly)}: n is how many do.")
    return notes


def _samples(count: int) -> str:
    return "1 sample" if count == 1 else f"{count} samples"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
