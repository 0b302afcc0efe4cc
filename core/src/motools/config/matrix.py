"""`matrix:` in a workflow's settings: axes whose values are combined into cells, each a run of its own.

    matrix:
      seeds: 3
      arms:
        control: {}
        inoculated: {prepare_dataset.loader_kwargs.variant: inoculated}
      train_model.hyperparameters.epochs: [1, 2]

Here is what a matrix is; `motools.config.axes` reads one, `motools.config.cells` makes its cells. The grammar in full is in
docs/matrix.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from motools.canonical import JSON, canonical_json, digest_json
from motools.config.document import DataPath

KEY = "matrix"
RESERVED = ("seeds", "include", "exclude", "on_failure", "jobs")
OnFailure = Literal["continue", "stop"]
SEEDS = "seeds"

_WORD = re.compile(r"[\w.+:@/-]{1,40}\Z")


@dataclass(frozen=True)
class Setting:
    """A value for one setting: the parts of its dotted path, and where in the document it is written."""

    path: tuple[str, ...]
    value: JSON
    at: DataPath


@dataclass(frozen=True)
class Choice:
    """One value of an axis.

    Args:
        label: what the cells that have it are called by.
        value: the value; of an axis of named arms, the name.
        settings: what it sets.
        at: where it is written.
    """

    label: str
    value: JSON
    settings: tuple[Setting, ...]
    at: DataPath


@dataclass(frozen=True)
class Axis:
    """What varies: `named` (arms: name → settings), `path` (values of one setting) or `seeds`."""

    name: str
    kind: Literal["named", "path", "seeds"]
    choices: tuple[Choice, ...]
    paths: tuple[tuple[str, ...], ...] = ()
    """The settings that a value is for; of named arms none."""


@dataclass(frozen=True)
class Entry:
    """One entry of `include` or `exclude`: axis → the values meant, and, of `include`, settings of its cells alone."""

    choices: Mapping[str, tuple[Choice, ...]]
    settings: tuple[Setting, ...]
    at: DataPath


@dataclass(frozen=True)
class Matrix:
    """A checked `matrix:`.

    Args:
        axes: in the order in which they are written.
        include: cells besides those of the axes.
        exclude: cells of the axes that are left out.
        on_failure: whether the other cells are begun after one has failed.
        jobs: how many steps run at once in all cells together; None: as for one run.
    """

    axes: tuple[Axis, ...]
    include: tuple[Entry, ...] = ()
    exclude: tuple[Entry, ...] = ()
    on_failure: OnFailure = "continue"
    jobs: int | None = None


def same(a: JSON, b: JSON) -> bool:
    """Say whether two JSON values are one: 1, 1.0, true and "1" are four."""
    return canonical_json(a) == canonical_json(b)


def label(value: JSON) -> str:
    """Return a value as it stands in the name of a cell."""
    if isinstance(value, str) and _WORD.match(value):
        return value
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if len(text) <= 40:
        return text
    return f"#{digest_json('matrix-value', value)[:8]}"


def shown(value: JSON) -> str:
    """Return a value as messages show it."""
    text = json.dumps(value, ensure_ascii=False)
    return f"'{value}'" if isinstance(value, str) else text if len(text) <= 60 else text[:57] + "..."


def is_int(value: JSON) -> bool:
    """Say whether a value is a whole number, which true is not."""
    return isinstance(value, int) and not isinstance(value, bool)
