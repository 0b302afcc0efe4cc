"""Logs of evaluations made elsewhere as eval atoms, read by the eval backend that declares it reads them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from motools.bring.origin import Brought, keep, source
from motools.canonical import JSON
from motools.config.references import near_file
from motools.config.user import default_user
from motools.contracts.evaluation import EvalBackend, EvalResults
from motools.errors import DataError, InputError, PluginError

if TYPE_CHECKING:
    from motools.plugins import Entry
    from motools.store import Store


def import_log(
    path: str | os.PathLike[str],
    *,
    model: str | None = None,
    backend: str | None = None,
    user: str | None = None,
    tags: Iterable[str] = (),
    store: Store | None = None,
) -> Brought:
    """Read a log of an evaluation and keep it as an eval atom, with the log itself; the same log again is the same atom.

    Args:
        path: the log. Nothing is stored unless all of it can be read.
        model: what to call the model; by default as the log does.
        backend: the eval backend that reads it, where several can.
        user: who imports it.
        tags: labels to find it by.
        store: where; by default the current one.

    Raises:
        DataError: there is no such file, or it is truncated, altered, of another version, or no log of a finished evaluation.
        PluginError: no installed eval backend reads such files.
        InputError: several do.
    """
    from motools.atom import current_store

    file = Path(path)
    if not file.is_file():
        what = "is a folder, not a log" if file.is_dir() else "is not there"
        raise DataError(f"'{file}' {what}", hint=None if file.is_dir() else near_file(file))
    entry = reader_of(file, backend)
    before = source(file)
    results = _read(entry, file)
    if source(file) != before:
        raise DataError("the file changed while it was read", where=str(file), hint="Import it when it is finished.")
    if model is not None:
        results = replace(results, model=model)
    store = store or current_store()
    with tempfile.TemporaryDirectory(prefix="motools-import-") as made:
        folder = Path(made) / "eval"
        (folder / "logs").mkdir(parents=True)
        (folder / "results.json").write_text(results.to_json(), encoding="utf-8")
        # Its name is part of the content, which is to be the same for the same bytes wherever they lay.
        shutil.copyfile(file, folder / "logs" / f"log{file.suffix.lower()}")
        content = store.content.put_path(folder)
    return keep(
        store,
        type="eval",
        content=content,
        metadata=_metadata(results, before["sha256"]),
        found=before,
        how="imported",
        reader=f"{entry.distribution} {entry.version}",
        user=user or default_user(),
        tags=tags,
    )


def reader_of(path: Path, backend: str | None = None) -> Entry:
    """Return the eval backend that reads a log.

    Raises:
        PluginError: none does, or not the one that is named. InputError: several do.
    """
    from motools.plugins import entries, find
    from motools.plugins.known import LOGS

    ending = path.suffix.lower()
    if backend is not None:
        named = find("eval_backend", backend)
        if not _endings(named):
            raise PluginError(f"the eval backend '{backend}' reads no logs", hint=_readers(entries("eval_backend")))
        return named
    found = [entry for entry in entries("eval_backend") if ending in _endings(entry)]
    if len(found) == 1:
        return found[0]
    if found:
        names = " or ".join(f"--backend {entry.qualified}" for entry in found)
        raise InputError(f"several eval backends read files like '{path.name}'", hint=f"Say which: {names}.")
    known = LOGS.get(ending)
    raise PluginError(
        f"no installed eval backend reads files like '{path.name}'",
        hint=f"'{known}' does: pip install {known}" if known else _readers(entries("eval_backend")),
    )


def _endings(entry: Entry) -> tuple[str, ...]:
    found = entry.fields.get("reads") or ()
    return tuple(str(ending) for ending in found) if isinstance(found, (list, tuple)) else ()


def _readers(there: Iterable[Entry]) -> str:
    listed = [f"'{entry.name}' reads {', '.join(_endings(entry))}" for entry in there if _endings(entry)]
    return "; ".join(listed) + "." if listed else "No installed eval backend reads logs; 'motools-inspect' does."


def _read(entry: Entry, path: Path) -> EvalResults:
    from motools.plugins import load

    backend: EvalBackend = load("eval_backend", entry.qualified)()
    return backend.read_log(path)


def _metadata(results: EvalResults, sha256: JSON) -> dict[str, JSON]:
    metadata: dict[str, JSON] = {
        "task": results.task,
        "model_id": results.model,
        "backend": results.backend,
        "metrics": dict(results.metrics),
        "n": results.n,
        "errors": results.errors,
        "imported": {"sha256": sha256},
    }
    if results.dummy:
        metadata["dummy"] = True
    return metadata
