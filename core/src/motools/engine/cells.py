"""The cells of a workflow's matrix with their checked settings: what each run of it is to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from motools.canonical import JSON, canonical_json, digest_json
from motools.engine.settings import settings_class, settings_json, step_settings
from motools.errors import InputError
from motools.workflow.graph import Graph

if TYPE_CHECKING:
    from motools.config.cells import Cell
    from motools.config.decoding import Problem
    from motools.config.document import DataPath, Document
    from motools.config.matrix import Matrix

_ENOUGH = 20  # cells with problems before the others are not looked at any more


@dataclass(frozen=True)
class CheckedCell:
    """A cell, its settings a step as checked objects, and the same as JSON values."""

    cell: Cell
    configs: Mapping[str, Any]
    settings: Mapping[str, Any]

    def to_json(self) -> dict[str, JSON]:
        """Return what the record of a matrix holds of a cell."""
        cell = self.cell
        return {
            "name": cell.name,
            "arm": cell.arm,
            "seed": cell.seed,
            "coordinates": cell.coordinates,
            "settings": dict(self.settings),
        }


@dataclass(frozen=True)
class CheckedMatrix:
    """A matrix whose cells are all checked, in the order in which they are begun; `written` is as it was written."""

    matrix: Matrix
    cells: tuple[CheckedCell, ...]
    written: JSON


def has_matrix(graph: Graph, value: object) -> bool:
    """Say whether settings as written hold a matrix: the key `matrix`, which is not one of the workflow's steps."""
    return isinstance(value, Mapping) and "matrix" in value and "matrix" not in graph.nodes


def matrix_document(matrix: object, config: object) -> Document:
    """Return a matrix and settings given in Python as a document.

    Raises:
        InputError: there is no matrix, or there are two.
        CanonicalError: something in it is no JSON value.
    """
    from motools.config import Document, dotted, encode

    written = encode(config) if is_dataclass(config) or hasattr(config, "model_dump") else config
    if written is not None and not isinstance(written, Mapping):
        raise InputError(
            f"the settings are a {type(written).__name__}", hint="Pass a mapping, or an object of the settings' class."
        )
    value = dict(written or {})
    if matrix is not None and "matrix" in value:
        raise InputError("there is a matrix in the settings, and another one beside them", hint="Give one of them.")
    if matrix is not None:
        value["matrix"] = matrix
    if "matrix" not in value:
        raise InputError("there is no matrix", hint="For example run_matrix(workflow, {'seeds': 3}).")

    value = _plain(value)
    canonical_json(value)  # which names what is no JSON value

    class InPython(Document):
        """A document that was never text: a place in it is its path."""

        def where(self, path: DataPath = (), *, key: bool = False) -> str:
            return dotted(path) or self.source

    return InPython(value, "settings", Path.cwd())


def _plain(value: Any) -> Any:
    """Return a value with lists for what Python has besides: `range(3)`, tuples."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple, range)) else value


def check_matrix(graph: Graph, document: Document) -> CheckedMatrix:
    """Return the cells of the matrix in a document of settings, every one with its settings checked.

    Raises:
        ConfigError: the matrix, or the settings of one of its cells, are wrong, or two cells are the same.
    """
    from motools.config.axes import read_matrix
    from motools.config.cells import CellDocuments, difference, expand, unused
    from motools.config.decoding import ConfigProblems, Problem

    cls = settings_class(graph)
    typed = replace(graph, config_class=cls)  # one class for all cells
    matrix = read_matrix(document, steps=list(graph.nodes), seed_settings=seed_settings(graph))
    cells = expand(matrix, document)
    documents = CellDocuments(document)
    problems: dict[Problem, None] = {}
    checked: list[CheckedCell] = []
    known: dict[str, Cell] = {}
    wrong = 0
    for cell in (*unused(matrix, cells), *cells):
        try:
            settings = documents.of(cell)
            configs = step_settings(typed, settings.value, at=settings)
        except ConfigProblems as error:
            problems.update(dict.fromkeys(error.problems))
            wrong += 1
            if wrong == _ENOUGH:
                break
            continue
        checked.append(CheckedCell(cell, configs, settings_json(configs)))
    if not problems:
        checked = checked[-len(cells) :]
        told: set[tuple[str, str]] = set()  # arms: what holds in every seed is said of one
        for done in checked:
            same = known.setdefault(digest_json("settings", dict(done.settings)), done.cell)
            if same is not done.cell and (same.arm, done.cell.arm) not in told:
                told.add((same.arm, done.cell.arm))
                message = f"the cells '{same.name}' and '{done.cell.name}' have the same settings"
                where = document.where(difference(same, done.cell))
                problems[Problem(message, where, "Make them differ, or take one of them out.")] = None
    if problems:
        raise ConfigProblems(list(problems))
    return CheckedMatrix(matrix, tuple(checked), cast("dict[str, JSON]", document.value)["matrix"])


async def check_cells_data(checked: CheckedMatrix) -> None:
    """Read the files of rows that the cells' settings name, each once: for `validate`.

    Raises:
        DataError: rows are wrong; the message names file and line.
    """
    from motools.engine.settings import check_data

    different: dict[str, tuple[str, Any]] = {}
    for done in checked.cells:
        for node, settings in done.settings.items():
            different[digest_json("settings", [node, settings])] = (node, done.configs[node])
    for node, config in different.values():
        await check_data({node: config})


def seed_settings(graph: Graph) -> list[str]:
    """Return the paths of the settings that `seeds` is for: the key `seed` of every step that has one."""
    from motools.config.types import is_model, record_fields

    found = []
    for node in graph.nodes.values():
        cls = node.step.config_class
        if cls is None:
            continue
        names: Sequence[str] = list(record_fields(cls)) if is_dataclass(cls) else ()
        if is_model(cls):
            names = list(cls.model_fields)
        if "seed" in names:
            found.append(f"{node.name}.seed")
    return found
