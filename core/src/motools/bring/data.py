"""Files and folders of people's own as atoms: datasets checked row by row, JSON values, and anything else as it is."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from motools import __version__
from motools.bring.origin import Brought, keep, source
from motools.canonical import JSON
from motools.config.references import near_file
from motools.config.user import default_user
from motools.contracts.dataset import row_shape, rows_to_jsonl
from motools.contracts.rowfiles import read_rows, read_value
from motools.contracts.training import rows_path
from motools.errors import DataError, InputError

if TYPE_CHECKING:
    from motools.store import Content, Store

_TYPE_OF = {".jsonl": "dataset", ".csv": "dataset", ".json": "value"}


def add_data(
    path: str | os.PathLike[str],
    *,
    type: str | None = None,
    user: str | None = None,
    metadata: Mapping[str, JSON] | None = None,
    tags: Iterable[str] = (),
    store: Store | None = None,
) -> Brought:
    """Copy a file or folder into the store as an atom, after checking it; the same again is the same atom.

    A dataset is a `.jsonl`, `.json` or `.csv` file, or a folder with one `.jsonl` file; its rows are checked as those of a
    loader are, and kept as `prepare_dataset` keeps them. A value is a JSON file. A model is a folder of weights whose
    metadata name `provider` and `model`. Every other type is taken as it is.

    Args:
        path: the file or folder; it is copied, never linked to.
        type: the atom's type; by default that of the file's ending (`.jsonl`, `.csv`: dataset; `.json`: value).
        user: who adds it.
        metadata: JSON object; it belongs to the atom's value.
        tags: labels to find it by; they do not.
        store: where; by default the current one.

    Raises:
        DataError: nothing is there, or it is not what its type asks for; `where` names the file and the line.
        InputError: the type cannot be told, or metadata are missing or not for giving.
    """
    from motools.atom import current_store

    place = Path(path)
    if not place.exists():
        raise DataError(f"there is no file '{place}'", hint=near_file(place))
    kind = type or _type_of(place)
    store = store or current_store()
    given = dict(metadata or {})
    before = source(place)
    content, metadata = _taken(store, place, kind, given)
    return keep(
        store,
        type=kind,
        content=content,
        metadata=metadata,
        found=before,
        how="added",
        reader=f"motools {__version__}",
        user=user or default_user(),
        tags=tags,
    )


def _type_of(path: Path) -> str:
    kind = None if path.is_dir() else _TYPE_OF.get(path.suffix.lower())
    if kind is None:
        what = "a folder" if path.is_dir() else f"a file that ends in '{path.suffix}'" if path.suffix else "this file"
        raise InputError(
            f"the type of atom cannot be told from {what}",
            where=str(path),
            hint="Say it with --type (type= in Python): dataset, model, value, or a word of your own.",
        )
    return kind


def _taken(store: Store, path: Path, kind: str, given: dict[str, JSON]) -> tuple[Content, dict[str, JSON]]:
    """Check what is at `path`, copy it into the store and return the content with the atom's metadata."""
    if kind == "dataset":
        return _dataset(store, path, given)
    if kind == "value":
        if path.is_dir():
            raise DataError(f"'{path}' is a folder, and a value is one JSON file", hint="Give it another --type.")
        return store.content.put_value(read_value(path)), given
    if kind == "model":
        return store.content.put_path(path), _model(path, given)
    if kind == "eval":
        _check_results(path)
    return store.content.put_path(path), given


def _dataset(store: Store, path: Path, given: dict[str, JSON]) -> tuple[Content, dict[str, JSON]]:
    if path.is_file() and path.suffix.lower() not in (".jsonl", ".json", ".csv"):
        raise DataError(
            f"'{path}' is no file of rows",
            hint="A dataset is a .jsonl, .json or .csv file, or a folder with one .jsonl.",
        )
    rows = read_rows(rows_path(path))
    metadata = _with(given, {"samples": len(rows), "shape": row_shape(rows[0], where=f"{path} row 1")})
    if path.is_dir():
        return store.content.put_path(path), metadata
    with tempfile.TemporaryDirectory(prefix="motools-add-") as folder:
        file = Path(folder) / "dataset.jsonl"
        file.write_bytes(rows_to_jsonl(rows))
        return store.content.put_path(file), metadata


def _model(path: Path, given: dict[str, JSON]) -> dict[str, JSON]:
    missing = [name for name in ("provider", "model") if not isinstance(given.get(name), str)]
    if missing or not path.is_dir():
        said = f"metadata '{missing[0]}' is missing" if missing else f"'{path}' is no folder"
        raise InputError(
            f"a model is a folder of weights that a provider serves: {said}",
            where=str(path),
            hint="Say what serves it: --meta provider=transformers --meta model=NAME_OF_THE_BASE_MODEL.",
        )
    default = f"{given['provider']}/{given['model']}:{path.resolve().name}"
    return {"model_id": default, **given, "weights": True}


def _check_results(path: Path) -> None:
    file = path / "results.json"
    if not file.is_file():
        raise DataError(
            f"'{path}' holds no 'results.json', so it is not an evaluation as motools keeps them",
            hint="A log of another tool is brought with 'motools eval import'.",
        )
    try:
        found = json.loads(file.read_bytes())
        if not isinstance(found["samples"], list) or not isinstance(found["task"], str):
            raise TypeError("'samples' is no list, or 'task' no text")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"these are not results of an evaluation: {error}",
            where=str(file),
            hint="Results are what an eval backend's EvalResults.to_json writes.",
        ) from None


def _with(given: dict[str, JSON], found: dict[str, JSON]) -> dict[str, JSON]:
    for name, value in found.items():
        if name in given and given[name] != value:
            raise InputError(
                f"the metadata '{name}' is {value!r}: it is counted, not given", hint=f"Leave --meta {name} out."
            )
    return {**given, **found}
