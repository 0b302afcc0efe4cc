"""The cells of a matrix: every combination of its values less `exclude` and besides `include`, and the settings of each."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from typing import Any, cast

from motools.canonical import JSON
from motools.config.decoding import ConfigProblems, Problem
from motools.config.document import DataPath, Document, Mark, Override, dotted
from motools.config.matrix import KEY, Axis, Choice, Entry, Matrix, Setting, label, same
from motools.config.types import describe_value
from motools.errors import ConfigError

MAX_CELLS = 5000
"""More cells than this are taken for a slip."""


@dataclass(frozen=True)
class Cell:
    """One combination: a run of its own.

    Args:
        name: unique in the matrix; `arm` and seed.
        arm: the name without the seed: cells of one arm differ in nothing else. `all` where nothing else varies.
        seed: the seed, None without `seeds`.
        choices: axis → the value taken.
        settings: what it sets, over the settings outside the matrix.
        at: where it comes from, for messages.
    """

    name: str
    arm: str
    seed: int | None
    choices: Mapping[str, Choice]
    settings: tuple[Setting, ...]
    at: DataPath = (KEY,)

    @property
    def coordinates(self) -> dict[str, JSON]:
        """Axis → value; of an axis of named arms the name."""
        return {name: choice.value for name, choice in self.choices.items()}


def expand(matrix: Matrix, document: Document) -> list[Cell]:
    """Return the cells in the order in which they are begun: all arms with the first seed, then with the next.

    Raises:
        ConfigProblems: there is none, there are too many, an entry of `exclude` matches none, or two values of a cell are
            for the same setting.
    """
    axes = _in_order(matrix.axes)
    count = math.prod(len(axis.choices) for axis in axes) if axes else 0
    count += sum(_size(entry, axes) for entry in matrix.include)
    if count > MAX_CELLS:
        raise ConfigError(
            f"the matrix makes {count:,} cells, and more than {MAX_CELLS:,} are taken for a slip",
            where=document.where((KEY,), key=True),
            hint="Leave values out, or make several files of it.",
        )
    problems: list[Problem] = []
    cells = list(_product(axes, matrix.exclude, document, problems))
    for entry in matrix.include:
        cells += _included(entry, axes)
    if not cells and not problems:
        why = "'exclude' leaves none of them" if count else "there is no axis in it"
        problems.append(
            Problem(f"the matrix makes no cell: {why}", document.where((KEY,), key=True), "For example  seeds: 3")
        )
    problems += _conflicts(cells, document)
    if problems:
        raise ConfigProblems(problems)
    return cells


def unused(matrix: Matrix, cells: Sequence[Cell]) -> list[Cell]:
    """Return a cell for each value that no cell has, to check what it sets all the same."""
    used = {(name, id(choice)) for cell in cells for name, choice in cell.choices.items()}
    return [
        Cell(choice.label, choice.label, None, {axis.name: choice}, choice.settings, choice.at)
        for axis in matrix.axes
        for choice in axis.choices
        if (axis.name, id(choice)) not in used
    ]


def _in_order(axes: Sequence[Axis]) -> list[Axis]:
    """Return the seeds first, so that they vary slowest: a comparison of all arms is there early."""
    return sorted(axes, key=lambda axis: axis.kind != "seeds")


def _size(entry: Entry, axes: Sequence[Axis]) -> int:
    return math.prod(len(entry.choices.get(axis.name, axis.choices)) for axis in axes)


def _product(
    axes: Sequence[Axis], exclude: Sequence[Entry], document: Document, problems: list[Problem]
) -> Iterator[Cell]:
    matched = [False] * len(exclude)
    for combination in product(*(axis.choices for axis in axes)) if axes else ():
        taken = dict(zip((axis.name for axis in axes), combination, strict=True))
        hits = [
            all(any(taken[name] is choice for choice in choices) for name, choices in entry.choices.items())
            for entry in exclude
        ]
        matched = [before or hit for before, hit in zip(matched, hits, strict=True)]
        if not any(hits):
            yield _cell(axes, taken, (), (KEY,))
    for entry, hit in zip(exclude, matched, strict=True):
        if not hit:
            problems.append(
                Problem("this entry of 'exclude' matches no cell", document.where(entry.at), "Mend it or take it out.")
            )


def _included(entry: Entry, axes: Sequence[Axis]) -> Iterator[Cell]:
    for combination in product(*(entry.choices.get(axis.name, axis.choices) for axis in axes)):
        taken = dict(zip((axis.name for axis in axes), combination, strict=True))
        yield _cell(axes, taken, entry.settings, entry.at)


def _cell(axes: Sequence[Axis], taken: Mapping[str, Choice], more: tuple[Setting, ...], at: DataPath) -> Cell:
    words, seed = [], None
    for axis in axes:
        choice = taken[axis.name]
        if axis.kind == "seeds":
            seed = cast(int, choice.value)
        else:
            words.append(choice.label if axis.kind == "named" else f"{_short(axis, axes)}={choice.label}")
    words += [f"{'.'.join(setting.path)}={label(setting.value)}" for setting in more]
    arm = ",".join(words)
    name = ",".join([*words, *([f"seed={seed}"] if seed is not None else [])])
    settings = tuple(setting for choice in taken.values() for setting in choice.settings)
    return Cell(name or "all", arm or "all", seed, dict(taken), (*settings, *more), at)


def _short(axis: Axis, axes: Sequence[Axis]) -> str:
    """Return the last word of an axis's path, or all of it where another ends in the same word."""
    last = axis.name.rpartition(".")[2]
    alike = [other for other in axes if other.name.rpartition(".")[2] == last]
    return last if len(alike) == 1 and last != "seed" else axis.name


def _conflicts(cells: Sequence[Cell], document: Document) -> list[Problem]:
    """Return a problem for every two values of one cell that are for the same setting, or for one inside the other."""
    found: dict[tuple[DataPath, DataPath], Problem] = {}
    names: set[str] = set()
    for cell in cells:
        settings = sorted(cell.settings, key=lambda setting: setting.path)
        for first, second in pairwise(settings):
            if second.path[: len(first.path)] == first.path and (first.at, second.at) not in found:
                found[first.at, second.at] = Problem(
                    f"'{'.'.join(second.path)}' is set twice in the cell '{cell.name}'",
                    document.where(second.at, key=True),
                    f"It is set at {document.where(first.at, key=True)} too; keep one of them.",
                )
        if cell.name in names and (cell.at, ()) not in found:
            message = f"there is a cell '{cell.name}' already"
            found[cell.at, ()] = Problem(
                message, document.where(cell.at), "Take this one out, or give it another value."
            )
        names.add(cell.name)
    return list(found.values())


@dataclass
class CellDocuments:
    """The settings of cells as documents whose parts know where they were written.

    Args:
        document: the settings with the matrix.
    """

    document: Document
    _inside: dict[DataPath, list[tuple[DataPath, Mark]]] = field(default_factory=dict)

    @property
    def base(self) -> Document:
        """The settings without the matrix."""
        value = {name: part for name, part in cast("dict[str, JSON]", self.document.value).items() if name != KEY}
        return replace(self.document, value=value)

    def of(self, cell: Cell) -> Document:
        """Return a cell's settings.

        Raises:
            ConfigError: the command line sets what the matrix varies, or a path leads into something without keys.
        """
        base = self.base
        value, marks, overrides = base.value, dict(base.marks), dict(base.overrides)
        for setting in cell.settings:
            self._refuse_override(setting)
            path, value = self._placed(value, setting, setting.path, ())
            for old in [old for old in marks if old[: len(path)] == path]:
                del marks[old]
            said = self.document.override(setting.at)
            if said is not None:
                text = setting.value if isinstance(setting.value, str) else json.dumps(setting.value)
                overrides[path] = Override(where=said.where, text=text)
                continue
            for inner, mark in self._marks(setting.at):
                marks[(*path, *inner)] = mark
            for length in range(1, len(path)):  # what the path leads through and the file has not
                if path[:length] not in marks and setting.at in self.document.marks:
                    marks[path[:length]] = self.document.marks[setting.at]
        return replace(base, value=value, marks=marks, overrides=overrides)

    def _refuse_override(self, setting: Setting) -> None:
        for path, said in self.document.overrides.items():
            typed = tuple(str(part) for part in path)
            if typed[:1] != (KEY,) and (
                typed[: len(setting.path)] == setting.path or setting.path[: len(typed)] == typed
            ):
                raise ConfigError(
                    f"the matrix varies '{'.'.join(setting.path)}'",
                    where=said.where,
                    hint=f"It is set at {self.document.where(setting.at, key=True)}; keep one of them.",
                )

    def _marks(self, at: DataPath) -> list[tuple[DataPath, Mark]]:
        if at not in self._inside:
            marks = self.document.marks
            self._inside[at] = [(path[len(at) :], mark) for path, mark in marks.items() if path[: len(at)] == at]
        return self._inside[at]

    def _placed(self, data: JSON, setting: Setting, parts: Sequence[str], path: DataPath) -> tuple[DataPath, JSON]:
        """Return the path that `parts` mean in `data`, and `data` with the value there; `data` itself is not changed."""
        if not parts:
            return path, setting.value
        name, rest = parts[0], parts[1:]
        if isinstance(data, list) and name.isdecimal() and int(name) < len(data):
            items: list[Any] = list(data)
            full, items[int(name)] = self._placed(items[int(name)], setting, rest, (*path, int(name)))
            return full, items
        if data is not None and not isinstance(data, dict):
            where = self.document.where(setting.at, key=True)
            if isinstance(data, list):
                message = f"'{dotted(path)}' is a list of {len(data)}, and '{name}' is none of its places"
                raise ConfigError(message, where=where, hint="Use a number from 0, or give the whole list.")
            message = f"'{dotted(path)}' is {describe_value(data)} and has no keys"
            raise ConfigError(message, where=where, hint=f"Set it whole: {dotted(path)}.")
        table = dict(data or {})
        full, table[name] = self._placed(table.get(name), setting, rest, (*path, name))
        return full, table


def difference(first: Cell, second: Cell) -> DataPath:
    """Return where two cells differ: the place of the value that the second has and the first has not."""
    for name, choice in second.choices.items():
        if name not in first.choices or not same(first.choices[name].value, choice.value):
            return choice.at
    return second.at
