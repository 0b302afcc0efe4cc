"""Answers an author gives, by which a scorer is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from motools.contracts import Sample

Answer: TypeAlias = "str | Callable[[Sample], str]"
"""A text, or a function that makes one for a sample."""


@dataclass(frozen=True)
class Answers:
    """What a scorer must count as 1, and what as 0, over all samples it counts at all.

    Args:
        one: an answer with score 1; by default the sample's target (the first of several).
        zero: an answer with score 0.
    """

    zero: Answer
    one: Answer | None = None

    def ones(self, sample: Sample) -> str:
        """Return the answer with score 1 to a sample."""
        if self.one is None:
            return sample.target if isinstance(sample.target, str) else sample.target[0]
        return _text(self.one, sample)

    def zeros(self, sample: Sample) -> str:
        """Return the answer with score 0 to a sample."""
        return _text(self.zero, sample)


def _text(answer: Answer, sample: Sample) -> str:
    return answer if isinstance(answer, str) else answer(sample)
