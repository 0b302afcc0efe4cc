"""Reading `matrix:`: every axis, exception and choice checked, and all that is wrong told at once with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from motools.canonical import JSON
from motools.config.decoding import ConfigProblems, Problem
from motools.config.document import DataPath, Document
from motools.config.matrix import (
    KEY,
    RESERVED,
    SEEDS,
    Axis,
    Choice,
    Matrix,
    OnFailure,
    Setting,
    is_int,
    label,
    same,
    shown,
)
from motools.config.matrix_entries import Entries
from motools.config.types import describe_value
from motools.errors import did_you_mean

_LABEL = re.compile(r"[\w.+:@-]+\Z")
_LABEL_HINT = "Use letters, digits and . _ - + : @; it names the cells."


def read_matrix(document: Document, *, steps: Sequence[str], seed_settings: Sequence[str]) -> Matrix:
    """Return the `matrix:` of a document of settings, checked as far as one can without the settings' types.

    Args:
        document: the settings; its value has the key `matrix`.
        steps: names of the workflow's steps: the first words of the paths of settings.
        seed_settings: paths of the settings that `seeds` sets where it does not say which.

    Raises:
        ConfigProblems: something in it is wrong; all of it is named, each with its place.
    """
    reader = Reader(document, steps, seed_settings)
    matrix = reader.read(cast("Mapping[str, JSON]", document.value)[KEY])
    if reader.problems:
        raise ConfigProblems(reader.problems)
    assert matrix is not None
    return matrix


@dataclass
class Reader:
    """One reading; `problems` gathers what is wrong."""

    document: Document
    steps: Sequence[str]
    seed_settings: Sequence[str]
    problems: list[Problem] = field(default_factory=list)

    def problem(self, message: str, at: DataPath, hint: str | None = None, *, key: bool = False) -> None:
        self.problems.append(Problem(message, self.document.where(at, key=key), hint))

    def read(self, data: JSON) -> Matrix | None:
        if not isinstance(data, dict):
            self.problem(
                f"'{KEY}' should be a mapping, found {describe_value(data)}", (KEY,), "Write 'seeds: 3' in it."
            )
            return None
        axes = [self.axis(name, value) for name, value in data.items() if name not in RESERVED or name == SEEDS]
        known = {axis.name: axis for axis in axes if axis is not None}
        entries = Entries(self, data, known)
        include, exclude = entries.read("include"), entries.read("exclude")
        return Matrix(tuple(known.values()), include, exclude, self.on_failure(data), self.jobs(data))

    # -- axes

    def axis(self, name: str, data: JSON) -> Axis | None:
        at: DataPath = (KEY, name)
        if name == SEEDS:
            return self.seeds(data, at)
        if isinstance(data, dict):
            return self.arms(name, data, at)
        if isinstance(data, list):
            return self.values(name, data, at)
        near = did_you_mean(name, RESERVED)
        self.problem(
            f"'{KEY}.{name}' should be a list of values, or a mapping from names to settings, found {describe_value(data)}",
            at,
            near or "For example  train_model.seed: [0, 1]",
        )
        return None

    def arms(self, name: str, data: Mapping[str, JSON], at: DataPath) -> Axis | None:
        if name.split(".")[0] in self.steps:
            self.problem(
                f"'{name}' is a step's settings, and no name for arms",
                at,
                f"For values of one setting write its whole path: {name}.{next(iter(data), 'key')}: [...]",
                key=True,
            )
            return None
        self.check_label(name, at)
        if not data:
            self.problem(f"'{KEY}.{name}' has no arm", at, "Name at least one, or take the axis out.")
        choices = []
        for arm, settings in data.items():
            place = (*at, arm)
            self.check_label(arm, place)
            if settings is not None and not isinstance(settings, dict):
                self.problem(
                    f"the arm '{arm}' should be a mapping from settings to values, found {describe_value(settings)}",
                    place,
                    "For example  train_model.suffix: mine; {} changes nothing.",
                )
                continue
            found = self.settings(settings or {}, place)
            choices.append(Choice(arm, arm, found, place))
        return Axis(name, "named", tuple(choices))

    def values(self, name: str, data: Sequence[JSON], at: DataPath) -> Axis | None:
        path = self.path(name, at, RESERVED)
        if path is None:
            return None
        if not data:
            self.problem(f"'{KEY}.{name}' has no value", at, "Give at least one, or take the axis out.")
        choices = self.choices([(value, (*at, index)) for index, value in enumerate(data)], (path,))
        self.refuse_twice(name, choices)
        return Axis(name, "path", choices, (path,))

    def seeds(self, data: JSON, at: DataPath) -> Axis | None:
        values, place = data, at
        paths: list[tuple[str, ...]] = [tuple(text.split(".")) for text in self.seed_settings]
        if isinstance(data, dict):
            unknown = [key for key in data if key not in ("values", "set")]
            for key in unknown:
                hint = did_you_mean(key, ("values", "set")) or "Known keys: values, set."
                self.problem(f"unknown key '{key}' in '{KEY}.{SEEDS}'", (*at, key), hint, key=True)
            if unknown:
                return None
            values, place = data.get("values"), (*at, "values")
            if "set" in data:
                paths = self.seed_paths(data["set"], (*at, "set"))
        elif not paths:
            self.problem(
                "no step of this workflow has a setting 'seed'",
                at,
                "Say which settings take it: seeds: {values: 3, set: [step.key]}",
                key=True,
            )
            return None
        seeds = self.seed_values(values, place)
        if seeds is None or not paths:
            return None
        choices = tuple(
            Choice(str(seed), seed, tuple(Setting(path, seed, where) for path in paths), where) for seed, where in seeds
        )
        self.refuse_twice(SEEDS, choices)
        return Axis(SEEDS, "seeds", choices, tuple(paths))

    def seed_values(self, data: JSON, at: DataPath) -> list[tuple[int, DataPath]] | None:
        if is_int(data) and cast(int, data) > 0:
            return [(seed, at) for seed in range(cast(int, data))]
        if isinstance(data, list) and data and all(is_int(seed) for seed in data):
            return [(cast(int, seed), (*at, index)) for index, seed in enumerate(data)]
        if isinstance(data, list) and data:
            for index, seed in enumerate(data):
                if not is_int(seed):
                    self.problem(f"a seed should be a whole number, found {describe_value(seed)}", (*at, index))
            return None
        found = "a list of none" if data == [] else describe_value(data)
        self.problem(
            f"'{KEY}.{SEEDS}' should be how many (at least 1), or a list of whole numbers, found {found}",
            at,
            "For example  seeds: 3  for 0, 1 and 2.",
        )
        return None

    def seed_paths(self, data: JSON, at: DataPath) -> list[tuple[str, ...]]:
        texts = [data] if isinstance(data, str) else data
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            self.problem(
                f"'{KEY}.{SEEDS}.set' should be a list of settings, found {describe_value(data)}",
                at,
                "For example  set: [train_model.seed]",
            )
            return []
        listed = isinstance(data, list)
        found = [self.path(str(text), (*at, index) if listed else at) for index, text in enumerate(texts)]
        return [path for path in found if path is not None]

    # -- the rest

    def on_failure(self, data: Mapping[str, JSON]) -> OnFailure:
        said = data.get("on_failure", "continue")
        if said not in ("continue", "stop"):
            near = did_you_mean(said, ("continue", "stop")) if isinstance(said, str) else None
            message = f"'{KEY}.on_failure' should be one of 'continue', 'stop', found {describe_value(said)}"
            self.problem(message, (KEY, "on_failure"), near)
            return "continue"
        return cast(OnFailure, said)

    def jobs(self, data: Mapping[str, JSON]) -> int | None:
        said = data.get("jobs")
        if said is None or (is_int(said) and cast(int, said) > 0):
            return cast("int | None", said)
        message = f"'{KEY}.jobs' should be a whole number from 1, found {describe_value(said)}"
        self.problem(message, (KEY, "jobs"), "It is how many steps run at once in all cells together.")
        return None

    def settings(self, data: Mapping[str, JSON], at: DataPath) -> tuple[Setting, ...]:
        found = []
        for name, value in data.items():
            path = self.path(name, (*at, name))
            if path is not None:
                found.append(Setting(path, value, (*at, name)))
        return tuple(found)

    def path(self, text: str, at: DataPath, also: Iterable[str] = ()) -> tuple[str, ...] | None:
        """Return the parts of a setting's dotted path, if its first is a step."""
        parts = tuple(text.split("."))
        if all(parts) and parts[0] in self.steps:
            return parts
        near = did_you_mean(text, also) or did_you_mean(parts[0], [*self.steps, *also])
        hint = near or f"It begins with a step: {', '.join(self.steps)}. Arms are a mapping from names to settings."
        self.problem(f"'{text}' is no setting of this workflow", at, hint, key=True)
        return None

    def choices(
        self, values: Sequence[tuple[JSON, DataPath]], paths: tuple[tuple[str, ...], ...]
    ) -> tuple[Choice, ...]:
        labels = [label(value) for value, _ in values]
        if len(set(labels)) < len(labels):  # the text "1" and the number 1
            labels = [json.dumps(value, ensure_ascii=False, sort_keys=True) for value, _ in values]
        return tuple(
            Choice(text, value, tuple(Setting(path, value, at) for path in paths), at)
            for text, (value, at) in zip(labels, values, strict=True)
        )

    def check_label(self, text: str, at: DataPath) -> None:
        if not _LABEL.match(text):
            self.problem(f"'{text}' cannot be a name here", at, _LABEL_HINT, key=True)

    def refuse_twice(self, name: str, choices: Sequence[Choice]) -> None:
        seen: list[JSON] = []
        for choice in choices:
            if any(same(choice.value, other) for other in seen):
                self.problem(
                    f"'{KEY}.{name}' has the value {shown(choice.value)} twice", choice.at, "Keep one of them."
                )
            seen.append(choice.value)
