"""The types of atom that the core knows."""

from __future__ import annotations

import json
from typing import ClassVar, cast

from motools.atom.atom import Atom
from motools.canonical import JSON
from motools.errors import DataError


class DatasetAtom(Atom):
    """Rows, as files (usually one `.jsonl`)."""

    atom_type: ClassVar[str | None] = "dataset"


class ModelAtom(Atom):
    """A model: weights, or the name of a model that a provider holds."""

    atom_type: ClassVar[str | None] = "model"

    def get_model_id(self) -> str:
        """Return `model_id` from the metadata, or else from the file `model.json`.

        Raises:
            DataError: neither says it.
        """
        named = self.metadata.get("model_id") or _file_json(self, "model.json", "model_id")
        if not isinstance(named, str):
            raise DataError(
                f"the model atom '{self.id}' does not say its model id",
                hint="The step that makes it gives metadata={'model_id': ...}, or writes it into model.json.",
            )
        return named


class EvalAtom(Atom):
    """Results of an evaluation, as `results.json` and the evaluator's own files."""

    atom_type: ClassVar[str | None] = "eval"

    def results(self) -> JSON:
        """Return `results.json` as plain JSON; `motools.contracts.EvalResults` reads it.

        Raises:
            DataError: there is no such file, or it is not JSON.
        """
        path = self.get_data_path() / "results.json"
        if not path.is_file():
            raise DataError(f"the eval atom '{self.id}' has no 'results.json'", where=str(path.parent))
        try:
            return cast(JSON, json.loads(path.read_bytes()))
        except ValueError as error:
            raise DataError(
                f"'results.json' of the eval atom '{self.id}' is not JSON: {error}", where=str(path)
            ) from None

    def json_view(self) -> dict[str, JSON]:
        """Return type, value, metadata and, where `results.json` has them, the metrics."""
        view = super().json_view()
        metrics = _file_json(self, "results.json", "metrics")
        return view if metrics is None else {**view, "metrics": metrics}


class TaskAtom(Atom):
    """What a model is evaluated on."""

    atom_type: ClassVar[str | None] = "task"


class ValueAtom(Atom):
    """A JSON value."""

    atom_type: ClassVar[str | None] = "value"


def _file_json(atom: Atom, name: str, key: str) -> JSON:
    """Return one key of a JSON object in a file of the atom; None where there is no such file, object or key."""
    path = atom.get_data_path() / name
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return cast(JSON, found.get(key)) if isinstance(found, dict) else None
