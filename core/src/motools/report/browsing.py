"""Samples as the page's script browses them: one row a question, one answer an evaluation, cut to a size.

    {scorers, evaluations: [{letter, model}], asked, rows: [{id, epoch, input: [[role, text]], target: [text], answers}]}

`answers` has one place an evaluation: null, or {output, scores, error, stop, why}, without what is empty. `asked` counts the
rows there would be without a limit. A text that was cut is an object {text, length}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from motools.report.data import Evaluation, Limits


class Budget:
    """How much room for samples a report has left.

    Args:
        limits: of one report.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.left = limits.total

    def text(self, value: Any) -> str | dict[str, Any]:
        """Return a text, cut where it is too long."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        limit = self.limits.text
        self.left -= min(len(text), limit)
        return text if len(text) <= limit else {"text": text[:limit], "length": len(text)}


def browsable(
    evaluations: Sequence[Evaluation], results: Sequence[Mapping[str, Any]], budget: Budget
) -> dict[str, Any]:
    """Return the samples of evaluations of one task, in the first one's order; the same question stands once."""
    rows: dict[tuple[str, int, str], list[Mapping[str, Any] | None]] = {}
    for place, found in enumerate(results):
        for sample in found["samples"]:
            question = json.dumps([sample.get("input"), sample.get("target")], sort_keys=True)
            key = (sample["id"], sample.get("epoch", 1), question)
            rows.setdefault(key, [None] * len(results))[place] = sample
    scorers = sorted({name for found in results for sample in found["samples"] for name in sample["scores"]})
    kept = []
    for samples in list(rows.values())[: budget.limits.samples]:
        if budget.left <= 0:
            break
        kept.append(_row(samples, budget))
    return {
        "scorers": scorers,
        "evaluations": [{"letter": each.letter, "model": each.side.model} for each in evaluations],
        "asked": len(rows),
        "rows": kept,
    }


def _row(samples: Sequence[Mapping[str, Any] | None], budget: Budget) -> dict[str, Any]:
    first = next(sample for sample in samples if sample is not None)
    target = first.get("target") or []
    row: dict[str, Any] = {
        "id": first["id"],
        "input": [
            [str(turn.get("role", "?")), budget.text(turn.get("content", ""))] for turn in first.get("input") or ()
        ],
        "target": [budget.text(each) for each in ([target] if isinstance(target, str) else target)],
        "answers": [None if sample is None else _answer(sample, budget) for sample in samples],
    }
    if first.get("epoch", 1) != 1:
        row["epoch"] = first["epoch"]
    return row


def _answer(sample: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    answer: dict[str, Any] = {"scores": sample["scores"]}
    if sample.get("error") is not None:
        answer["error"] = budget.text(sample["error"])
    if sample.get("output"):
        answer["output"] = budget.text(sample["output"])
    if sample.get("stop_reason") not in (None, "stop"):
        answer["stop"] = sample["stop_reason"]
    why = {name: budget.text(said) for name, said in (sample.get("explanations") or {}).items() if said}
    if why:
        answer["why"] = why
    return answer
