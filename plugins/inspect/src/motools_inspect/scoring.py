"""Scorers of motools tasks as Inspect scorers, and the two metrics that are computed of them.

A motools scorer may return a number, a truth value, None (this sample does not count) or a mapping of such parts, and nobody
knows which before it is called. So the metrics take scores as they come: each part is averaged for itself, over the samples
that count for it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from typing import Any

from inspect_ai.scorer import Metric, SampleScore, Score, Target, metric, scorer
from inspect_ai.scorer import Scorer as InspectScorer
from inspect_ai.solver import TaskState

from motools.contracts import Sample, Scorer
from motools.errors import DefinitionError


def inspect_scorer(name: str, score: Scorer, samples: Mapping[str, Sample]) -> InspectScorer:
    """Return a motools scorer as an Inspect scorer.

    Args:
        name: its name in the task.
        score: the motools scorer.
        samples: the task's samples by id.
    """

    @scorer(metrics=[mean(), stderr()], name=name)
    def build() -> InspectScorer:
        async def judge(state: TaskState, target: Target) -> Score:
            answer = state.output.completion
            value = score(samples[str(state.sample_id)], answer)
            return Score(value=_to_inspect(value, name), answer=answer)

        return judge

    return build()


def _to_inspect(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        for part in value:
            if not isinstance(part, str) or not part or "/" in part:
                raise DefinitionError(
                    f"the scorer '{name}' returned a part named {part!r}", hint="Use text without '/'."
                )
        return {part: _number(item, f"{name}/{part}") for part, item in value.items()}
    return _number(value, name)


def _number(value: Any, name: str) -> float:
    """Return a score as a number; NaN is Inspect's word for a sample that does not count."""
    if value is None:
        return math.nan
    if isinstance(value, (bool, int, float)) and math.isfinite(value):
        return float(value)
    raise DefinitionError(
        f"the scorer '{name}' returned {value!r}",
        hint="Return a number, True, False, None where the sample does not count, or a mapping of these.",
    )


@metric(name="mean", scores="unreduced")
def mean() -> Metric:
    """Mean over the samples that count; a sample asked several times counts once, by its mean."""
    return _by_part(statistics.fmean)


@metric(name="stderr", scores="unreduced")
def stderr() -> Metric:
    """Standard error of that mean, `s / sqrt(n)` with the sample's standard deviation; NaN for fewer than two samples."""
    return _by_part(_stderr)


def _stderr(values: list[float]) -> float:
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def _by_part(compute: Callable[[list[float]], float]) -> Metric:
    def of(scores: list[SampleScore]) -> Any:
        parts: dict[str | None, dict[str, list[float]]] = {}
        for item in scores:
            value = item.score.value
            for part, number in value.items() if isinstance(value, dict) else [(None, value)]:
                by_sample = parts.setdefault(part, {})
                if not math.isnan(number):  # type: ignore[arg-type]
                    by_sample.setdefault(str(item.sample_id), []).append(float(number))  # type: ignore[arg-type]
        results = {
            part: compute([statistics.fmean(numbers) for numbers in by_sample.values()]) if by_sample else math.nan
            for part, by_sample in parts.items()
        }
        if set(results) <= {None}:
            return results.get(None, math.nan)
        # A scorer that returned both forms: what it returned as a bare number is a part of its own.
        return {"value" if part is None else part: number for part, number in results.items()}

    return of
