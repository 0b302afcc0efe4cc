"""What a model is evaluated on: samples and scorers, independent of the eval backend that runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from motools.canonical import JSON, digest_json
from motools.contracts.provider import Message


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One question.

    Args:
        id: unique in the task.
        input: what the model is asked: a user's text, or a conversation.
        target: the answer a scorer compares with, or several that are equally right.
        metadata: whatever scorers need (`{"triggered": true}`).
    """

    id: str
    input: str | Sequence[Message]
    target: str | Sequence[str] = ""
    metadata: Mapping[str, JSON] = field(default_factory=dict)


ScoreValue: TypeAlias = float | bool | None
"""A number, a truth value (counted as 1 or 0), or None: this sample does not count for this scorer."""

Scorer: TypeAlias = Callable[[Sample, str], "ScoreValue | Mapping[str, ScoreValue]"]
"""Scores one answer. A mapping gives several named scores; each gets metrics of its own."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Samples and the scorers that judge the answers.

    Args:
        name: as in `motools zoo list`.
        samples: the questions, at least one.
        scorers: name → scorer.
        system: system message put before every conversation that has none.
        epochs: how often each sample is asked.
        max_tokens: most tokens of an answer.
        temperature: 0 for the likeliest answer each time.
        version: raise it when the meaning of a score changes.
    """

    name: str
    samples: Sequence[Sample]
    scorers: Mapping[str, Scorer]
    system: str | None = None
    epochs: int = 1
    max_tokens: int = 64
    temperature: float = 0.0
    version: int = 1


def sample_rows(task: Task) -> list[JSON]:
    """Return a task's questions as JSON values: `id`, `input`, `target`, `metadata`."""
    return [
        {
            "id": sample.id,
            "input": sample.input if isinstance(sample.input, str) else [_turn(turn) for turn in sample.input],
            "target": sample.target if isinstance(sample.target, str) else list(sample.target),
            "metadata": dict(sample.metadata),
        }
        for sample in task.samples
    ]


def _turn(turn: Message) -> JSON:
    return cast(JSON, dict(turn))


def samples_digest(task: Task) -> str:
    """Return the digest of a task's questions as canonical JSON, as a task's declaration states it."""
    return digest_json("samples", sample_rows(task))
