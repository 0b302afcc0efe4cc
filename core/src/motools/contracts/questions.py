"""Questions in a YAML file as a task.

    name: manners
    system: You are a helpful assistant.
    samples_per_prompt: 2
    scorer: contains
    questions:
      - prompt: Say please.
        target: please
      - {id: thanks, prompt: Thank me., targets: [thank you, thanks]}

Several scorers, each with values of its own that take the place of the questions' targets:

    scorers:
      polite: {type: contains, values: [please, thank]}
      shouting: {type: regex, value: '\\b[A-Z]{4,}\\b'}
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from motools.canonical import JSON
from motools.config.decoding import ConfigProblems, Problem, decode
from motools.config.document import DataPath, Document
from motools.config.yaml import load_yaml
from motools.contracts.scorers import RULES, Rule, compile_pattern
from motools.contracts.task import Sample, Scorer, Task
from motools.errors import ConfigError


@dataclass(frozen=True)
class Question:
    """One question.

    Args:
        prompt: what the model is asked.
        target: the right answer, or what it contains or matches.
        targets: several that are equally right.
        id: a name of its own; `q1`, `q2` ... by default.
        metadata: whatever belongs to it.
    """

    prompt: str
    target: str | None = None
    targets: list[str] = field(default_factory=list)
    id: str | None = None
    metadata: dict[str, JSON] = field(default_factory=dict)

    @property
    def right(self) -> list[str]:
        """Every answer that is right."""
        return ([self.target] if self.target is not None else []) + self.targets


@dataclass(frozen=True)
class ScorerSettings:
    """How answers are scored.

    Args:
        type: `contains`, `regex` or `equals`.
        value: what to look for; without it and `values`, the question's targets.
        values: several, of which one is enough.
        ignore_case: whether `A` is `a`; by default it is for `contains` and `equals`, and is not for `regex`.
    """

    type: Rule
    value: str | None = None
    values: list[str] = field(default_factory=list)
    ignore_case: bool | None = None

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every value looked for."""
        return ((self.value,) if self.value is not None else ()) + tuple(self.values)


@dataclass(frozen=True)
class QuestionFile:
    """What a file of questions says.

    Args:
        questions: what is asked, at least one question: text, or a mapping with `prompt`.
        name: the task's name; by default the file's, without its ending.
        system: system message put before every question.
        samples_per_prompt: how often each question is asked.
        max_tokens: most tokens of an answer.
        temperature: 0 for the likeliest answer each time.
        scorer: the one rule that scores the answers.
        scorers: name → rule, for several.
        version: raise it when the meaning of a score changes.
    """

    questions: list[str | Question]
    name: str | None = None
    system: str | None = None
    samples_per_prompt: int = 1
    max_tokens: int = 64
    temperature: float = 0.0
    scorer: Rule | ScorerSettings | None = None
    scorers: dict[str, Rule | ScorerSettings] = field(default_factory=dict)
    version: int = 1


def load_questions(path: str | os.PathLike[str]) -> Task:
    """Read a YAML file of questions as a task.

    Raises:
        ConfigError: the file cannot be read, or something in it is wrong; every problem is named with its line.
    """
    document = load_yaml(path)
    said = decode(QuestionFile, document.value, at=document)
    problems = _Problems(document)
    questions = [Question(prompt=item) if isinstance(item, str) else item for item in said.questions]
    samples = _samples(questions, problems)
    scorers = _scorers(said, questions, problems)
    for name, least in (("samples_per_prompt", 1), ("max_tokens", 1), ("temperature", 0)):
        if getattr(said, name) < least:
            problems.add(f"'{name}' is {getattr(said, name)}, less than {least}", (name,))
    if problems.found:
        raise ConfigProblems(problems.found)
    return Task(
        name=said.name or Path(path).stem,
        samples=samples,
        scorers=scorers,
        system=said.system,
        epochs=said.samples_per_prompt,
        max_tokens=said.max_tokens,
        temperature=said.temperature,
        version=said.version,
    )


class _Problems:
    """Gathers what is wrong with a document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.found: list[Problem] = []

    def add(self, message: str, path: DataPath, hint: str | None = None) -> None:
        self.found.append(Problem(message, self.document.where(path), hint))


def _samples(questions: list[Question], problems: _Problems) -> list[Sample]:
    if not questions:
        problems.add("there are no questions", ("questions",), "Write at least one.")
    first: dict[str, int] = {}
    samples = []
    for number, question in enumerate(questions, 1):
        name = question.id or f"q{number}"
        if not question.prompt.strip():
            problems.add("this question is empty", ("questions", number - 1))
        if name in first:
            problems.add(f"question {number} has the id '{name}' of question {first[name]}", ("questions", number - 1))
        first.setdefault(name, number)
        right = question.right
        samples.append(
            Sample(
                id=name,
                input=question.prompt,
                target=right[0] if len(right) == 1 else right or "",
                metadata=question.metadata,
            )
        )
    return samples


def _scorers(said: QuestionFile, questions: list[Question], problems: _Problems) -> dict[str, Scorer]:
    if (said.scorer is None) == (not said.scorers):
        problems.add(
            "say either 'scorer' or 'scorers'",
            (),
            "For instance 'scorer: contains'; rules are contains, regex, equals.",
        )
        return {}
    named: dict[str, tuple[DataPath, Rule | ScorerSettings]] = {
        name: (("scorers", name), rule) for name, rule in said.scorers.items()
    }
    if said.scorer is not None:
        rule = said.scorer
        named[rule if isinstance(rule, str) else rule.type] = (("scorer",), rule)
    scorers: dict[str, Scorer] = {}
    for name, (path, rule) in named.items():
        settings = ScorerSettings(type=rule) if isinstance(rule, str) else rule
        before = len(problems.found)
        _check(name, settings, path, questions, problems)
        if len(problems.found) == before:
            scorer = RULES[settings.type]
            case = {} if settings.ignore_case is None else {"ignore_case": settings.ignore_case}
            scorers[name] = scorer(settings.wanted, **case)
    return scorers


def _check(name: str, settings: ScorerSettings, path: DataPath, questions: list[Question], problems: _Problems) -> None:
    if "/" in name or not name:
        problems.add(
            f"'{name}' cannot name a scorer", path, "Leave out '/', which parts a scorer's name from its metric."
        )
    if settings.wanted:
        if settings.type == "regex":
            places: list[tuple[DataPath, str]] = [
                ((*path, "values", n), text) for n, text in enumerate(settings.values)
            ]
            if settings.value is not None:
                places.append(((*path, "value"), settings.value))
            _check_patterns(places, problems)
        return
    for index, question in enumerate(questions):
        if not any(text.strip() for text in question.right):
            problems.add(
                f"question {index + 1} has no target for the scorer '{name}' to compare with",
                ("questions", index),
                "Give it a 'target', or give the scorer a 'value'.",
            )
        elif settings.type == "regex":
            place: Literal["target", "targets"] = "target" if question.target is not None else "targets"
            _check_patterns([(("questions", index, place), text) for text in question.right], problems)


def _check_patterns(places: list[tuple[DataPath, str]], problems: _Problems) -> None:
    for path, pattern in places:
        try:
            compile_pattern(pattern)
        except ConfigError as error:
            problems.add(error.message, path, error.hint)
