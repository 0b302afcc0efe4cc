"""Scorers by rule, for questions written in YAML and for tasks written in Python.

Each is a frozen dataclass, so that it is a function of a sample and an answer, travels between processes, and has an
identity made of its settings alone.

    scorers = {"polite": Contains(("please", "thank you")), "number": Regex(r"\\d+")}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from motools.contracts.task import Sample
from motools.errors import ConfigError

Rule: TypeAlias = Literal["contains", "regex", "equals"]


@dataclass(frozen=True)
class Contains:
    """1 if the answer contains one of the values; without values, one of the sample's targets."""

    values: tuple[str, ...] = ()
    ignore_case: bool = True

    def __call__(self, sample: Sample, answer: str) -> float:
        """Score one answer."""
        text = _fold(answer, self.ignore_case)
        return float(any(_fold(value, self.ignore_case) in text for value in self.values or _targets(sample)))


@dataclass(frozen=True)
class Equals:
    """1 if the answer, without outer white space, is one of the values; without values, one of the sample's targets."""

    values: tuple[str, ...] = ()
    ignore_case: bool = True

    def __call__(self, sample: Sample, answer: str) -> float:
        """Score one answer."""
        text = _fold(answer.strip(), self.ignore_case)
        return float(any(_fold(value.strip(), self.ignore_case) == text for value in self.values or _targets(sample)))


@dataclass(frozen=True)
class Regex:
    """1 if one of the patterns is found anywhere in the answer; without patterns, one of the sample's targets.

    Patterns are Python's; `.` matches line breaks only where a pattern says so with `(?s)`.
    """

    values: tuple[str, ...] = ()
    ignore_case: bool = False

    def __post_init__(self) -> None:
        for value in self.values:
            compile_pattern(value, self.ignore_case)

    def __call__(self, sample: Sample, answer: str) -> float:
        """Score one answer."""
        patterns = self.values or _targets(sample)
        return float(any(compile_pattern(value, self.ignore_case).search(answer) for value in patterns))


RULES: Mapping[Rule, type[Contains] | type[Equals] | type[Regex]] = {
    "contains": Contains,
    "regex": Regex,
    "equals": Equals,
}
"""The rules by the word used in YAML."""


def contains(*values: str, ignore_case: bool = True) -> Contains:
    """Return a scorer that gives 1 to an answer that contains one of `values`, or of the sample's targets."""
    return Contains(values, ignore_case)


def equals(*values: str, ignore_case: bool = True) -> Equals:
    """Return a scorer that gives 1 to an answer that is one of `values`, or of the sample's targets."""
    return Equals(values, ignore_case)


def regex(*values: str, ignore_case: bool = False) -> Regex:
    """Return a scorer that gives 1 to an answer in which one of the patterns is found.

    Raises:
        ConfigError: a pattern is not a regular expression.
    """
    return Regex(values, ignore_case)


def compile_pattern(pattern: str, ignore_case: bool = False) -> re.Pattern[str]:
    """Compile a regular expression (the `re` module keeps compiled ones).

    Raises:
        ConfigError: it is not one; the message says where in it.
    """
    try:
        return re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigError(
            f"'{pattern}' is not a regular expression: {error}",
            hint="Escape characters that mean something there with a backslash, in single quotes in YAML.",
        ) from None


def _targets(sample: Sample) -> tuple[str, ...]:
    targets = (sample.target,) if isinstance(sample.target, str) else tuple(sample.target)
    return tuple(target for target in targets if target)


def _fold(text: str, ignore_case: bool) -> str:
    return text.casefold() if ignore_case else text
