"""From a log of Inspect to results: every scorer × metric under a name of its own."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inspect_ai.log import EvalLog, EvalMetric, EvalSample, EvalScore
from inspect_ai.model import ChatMessageUser
from inspect_ai.scorer import CORRECT, INCORRECT, NOANSWER, PARTIAL
from pydantic_core import to_jsonable_python

from motools.contracts import SampleResult
from motools_inspect.messages import asked

_GRADES = {CORRECT: 1.0, PARTIAL: 0.5, INCORRECT: 0.0, NOANSWER: 0.0}

_STOP_REASONS = {
    "stop": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "refused",
}

# Inspect's own metrics turn a mapping into 0, with a warning in its log: no result, so no number here.
_OF_NUMBERS_ONLY = {"accuracy", "mean", "std", "stderr", "var", "bootstrap_stderr", "ci"}


def sample_results(log: EvalLog, ids: Sequence[str]) -> list[SampleResult]:
    """Return every sample of a log, in the task's order."""
    order = {id_: position for position, id_ in enumerate(ids)}
    found = sorted(log.samples or [], key=lambda item: (order.get(str(item.id), len(order)), str(item.id), item.epoch))
    return [_sample(item) for item in found]


def _sample(item: EvalSample) -> SampleResult:
    conversation = item.messages or (
        [ChatMessageUser(content=item.input)] if isinstance(item.input, str) else list(item.input)
    )
    return SampleResult(
        id=str(item.id),
        epoch=item.epoch,
        input=asked(conversation),
        output=item.output.completion,
        target=item.target,
        scores=dict(_scores(item)),
        explanations={name: score.explanation for name, score in (item.scores or {}).items() if score.explanation},
        error=item.error.message if item.error else None,
        stop_reason=_STOP_REASONS.get(item.output.stop_reason) if item.output.choices else None,
        metadata=to_jsonable_python(item.metadata, fallback=str),
    )


def _scores(item: EvalSample) -> Iterator[tuple[str, float | str | None]]:
    for name, score in (item.scores or {}).items():
        value = score.value
        if isinstance(value, Mapping):
            for part, inner in value.items():
                yield f"{name}/{part}", score_value(inner)
        elif isinstance(value, (list, tuple)):
            for index, inner in enumerate(value):
                yield f"{name}/{index}", score_value(inner)
        else:
            yield name, score_value(value)


def score_value(value: Any) -> float | str | None:
    """Return one score: grades of Inspect (C, P, I, N) as 1, 0.5, 0, 0; None where the sample does not count."""
    if isinstance(value, str):
        return _GRADES.get(value, value)
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def metrics(log: EvalLog, samples: Sequence[SampleResult]) -> dict[str, float]:
    """Return every metric of a log as `scorer/metric` or `scorer/part/metric`.

    Where a scorer was reduced over epochs in several ways, the way is added: `scorer/metric@at_least_2`. Parts of a
    mapping that the task computes no metric of get `mean` and `stderr`. A metric without a value (nothing counted) is
    left out.
    """
    found: dict[str, float] = {}
    parts = _parts(log)
    scores = log.results.scores if log.results else []
    ways = Counter((score.scorer, score.name) for score in scores)
    measured: set[str] = set()
    for score in scores:
        own = parts.get(score.scorer, [])
        is_part = score.name != score.scorer or score.name in own
        base = f"{score.scorer}/{score.name}" if is_part else score.scorer
        way = f"@{score.reducer}" if score.reducer and ways[score.scorer, score.name] > 1 else ""
        for path, metric in _named(score, base, bare=bool(own) and not is_part):
            measured.add(path.rpartition("/")[0])
            if math.isfinite(metric.value):
                found[_unique(f"{path}{way}", found)] = float(metric.value)
    for scorer, names in parts.items():
        for name in names:
            if f"{scorer}/{name}" not in measured:
                found.update(_computed(f"{scorer}/{name}", samples))
    return dict(sorted(found.items()))


def _named(score: EvalScore, base: str, *, bare: bool) -> Iterator[tuple[str, EvalMetric]]:
    for key, metric in score.metrics.items():
        if metric.group is not None:  # one metric with several values: `name` is which
            yield f"{base}/{metric.name}/{_short(metric.group)}", metric
        elif not (bare and metric.name in _OF_NUMBERS_ONLY):
            yield f"{base}/{_short(key)}", metric


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _unique(name: str, taken: Mapping[str, float]) -> str:
    number, candidate = 2, name
    while candidate in taken:
        candidate, number = f"{name}#{number}", number + 1
    return candidate


def _parts(log: EvalLog) -> dict[str, list[str]]:
    """Return the parts of each scorer that returned mappings, in the order they were first seen."""
    parts: dict[str, dict[str, None]] = {}
    for item in log.samples or []:
        for name, score in (item.scores or {}).items():
            if isinstance(score.value, Mapping):
                parts.setdefault(name, {}).update(dict.fromkeys(score.value))
    return {name: list(found) for name, found in parts.items()}


def _computed(path: str, samples: Sequence[SampleResult]) -> dict[str, float]:
    by_sample: dict[str, list[float]] = {}
    for sample in samples:
        value = sample.scores.get(path)
        if isinstance(value, float):
            by_sample.setdefault(sample.id, []).append(value)
    values = [statistics.fmean(numbers) for numbers in by_sample.values()]
    found = {f"{path}/mean": statistics.fmean(values)} if values else {}
    if len(values) > 1:
        found[f"{path}/stderr"] = statistics.stdev(values) / math.sqrt(len(values))
    return found
