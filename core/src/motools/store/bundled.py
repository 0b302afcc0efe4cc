"""The rows of a bundle, checked: digests, ids, names of files, and that all they speak of is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from motools.canonical import Digest, canonical_json, digest_json
from motools.errors import CanonicalError, DataError, InputError
from motools.store.atoms import check_names, metadata_body, value_digest
from motools.store.bundle import Bundle, wrong
from motools.store.content import content_digest
from motools.store.runs import FINAL

_RUN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")
_HEX = re.compile(r"[0-9a-f]{64}\Z")


class CheckedRows:
    """The rows of a bundle, each found to be what it says it is; what it names is in the bundle too.

    Args:
        contents: digest → kind, canonical JSON, bytes.
        atoms: id → row. records: id → digest of the record, digest of the value, metadata.
        runs: id → row. events: run → its events. keys, equivalences: rows. labels: tags and notes of the runs.

    Raises:
        DataError: one is not; where is named.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.contents = {row[0]: self._content(row) for row in self._rows("contents", str, str, None)}
        self.runs = {
            row[0]: row for row in self._rows("runs", str, str, str, dict, dict, (str, type(None)), float, str)
        }
        self.atoms = {
            row[0]: row for row in self._rows("atoms", str, str, str, float, str, dict, dict, list, (str, type(None)))
        }
        self.records = {atom_id: self._record(row) for atom_id, row in self.atoms.items()}
        self.keys = list(self._rows("keys", str, str, str, dict, str, dict, float, float))
        self.equivalences = list(self._rows("equivalences", str, str, str, str, str, str, float))
        self.labels = list(self._rows("labels", str, str, str, str, float))
        self.events: dict[str, list[list[Any]]] = {run_id: [] for run_id in self.runs}
        for row in self._rows("events", str, int, int, float, str, dict):
            self._event(row)
        self._references()

    def _rows(self, table: str, *kinds: Any) -> Iterator[list[Any]]:
        for number, row in enumerate(self._bundle.rows(table), 1):
            where = f"{table}.jsonl line {number}"
            if len(row) != len(kinds):
                raise wrong(self._bundle.path, where, "it has another number of columns")
            for place, (value, kind) in enumerate(zip(row, kinds, strict=True)):
                if kind is float and type(value) is int:
                    row[place] = float(value)
                elif kind is not None and not isinstance(value, kind):
                    raise wrong(self._bundle.path, where, f"column {place + 1} is a {type(value).__name__}")
            try:
                canonical_json(row)
            except CanonicalError as error:
                raise wrong(self._bundle.path, where, error.message) from None
            yield row

    def wrong(self, name: str, problem: str) -> DataError:
        """Return the error for something in the bundle."""
        return wrong(self._bundle.path, name, problem)

    def _content(self, row: list[Any]) -> tuple[str, bytes, int]:
        digest, kind, value = row
        body = canonical_json(value)
        if kind not in ("value", "files") or content_digest(kind, body) != digest:
            raise self.wrong(f"content '{digest}'", "it is not what its digest says")
        if kind == "value":
            return kind, body, len(body)
        names: list[str] = []
        for entry in value if isinstance(value, list) else [None]:
            if not (isinstance(entry, list) and [type(each) for each in entry] == [str, str, int, bool]):
                raise self.wrong(f"content '{digest}'", "it is no list of files")
            name, file, size, _ = entry
            if not _is_plain(name):
                raise self.wrong(f"content '{digest}'", f"the name {name!r} leads out of its folder, or is none")
            if self._bundle.objects.get(file) != size:
                raise self.wrong(f"content '{digest}'", f"the object of its file '{name}' is not in the bundle")
            names.append(name)
        folders = {"/".join(parts[:end]) for parts in (n.split("/") for n in names) for end in range(1, len(parts))}
        if len(set(names)) != len(names) or folders & set(names):
            raise self.wrong(f"content '{digest}'", "two of its files are at one place")
        return kind, body, sum(entry[2] for entry in value)

    def _record(self, row: list[Any]) -> tuple[Digest, Digest, bytes]:
        """Return record digest, value digest and metadata of an atom."""
        atom_id, kind, user, _, content, metadata, made_from, tags, _ = row
        try:
            check_names(kind, user)
        except InputError as error:
            raise self.wrong(f"atom '{atom_id}'", error.message) from None
        body = metadata_body(metadata)
        value = value_digest(kind, content, body)
        record = digest_json("atom", {"type": kind, "user": user, "value": value, "made_from": made_from})
        if atom_id not in {f"{kind}-{user}-{record[:length]}" for length in range(12, 65, 4)}:
            raise self.wrong(f"atom '{atom_id}'", "it is not what its id says")
        if not all(isinstance(tag, str) and tag.strip() for tag in tags):
            raise self.wrong(f"atom '{atom_id}'", "its tags are not texts")
        return record, value, body

    def _event(self, row: list[Any]) -> None:
        run_id, seq = row[:2]
        if run_id not in self.events or seq != len(self.events[run_id]) + 1:
            raise self.wrong(f"run '{run_id}'", f"its event {seq} stands where another should")
        self.events[run_id].append(row[1:])

    def _references(self) -> None:
        for atom_id, (_, _, _, _, content, _, made_from, _, reused_from) in self.atoms.items():
            if content not in self.contents:
                raise self.wrong(f"atom '{atom_id}'", "its content is not in the bundle")
            for name, parent in [*made_from.items(), *([("reused_from", reused_from)] if reused_from else [])]:
                if parent not in self.atoms:
                    raise self.wrong(f"atom '{atom_id}'", f"'{name}' ('{parent}') is not in the bundle")
        for run_id, row in self.runs.items():
            if not _RUN_ID.match(run_id) or row[7] not in FINAL:
                raise self.wrong(f"run '{run_id}'", "it has no proper id, or is not finished")
        for key, _, run_id, _, _, outputs, _, _ in self.keys:
            if not _HEX.match(key) or run_id not in self.runs or not set(outputs.values()) <= self.atoms.keys():
                raise self.wrong(f"key '{key}'", "its run, or an atom it made, is not in the bundle")
        for run_id, kind, text, _, _ in self.labels:
            if run_id not in self.runs or kind not in ("tag", "note"):
                raise self.wrong(
                    f"run '{run_id}'", f"its label '{text}' is neither tag nor note, or it is not in the bundle"
                )
        for row in self.equivalences:
            if row[3] not in ("accepted", "revoked"):
                raise self.wrong(f"key '{row[0]}'", f"nobody can have '{row[3]}' it")
        for atom_id in self._bundle.wanted:
            if atom_id not in self.atoms:
                raise self.wrong("bundle.json", f"the atom '{atom_id}' is not in the bundle")
        _refuse_circles(self)


def _refuse_circles(tables: CheckedRows) -> None:
    done: set[str] = set()
    for start in tables.atoms:
        path: dict[str, Iterator[str]] = {start: iter(tables.atoms[start][6].values())}
        while path:
            atom_id, parents = next(reversed(path.items()))
            for parent in parents:
                if parent in path:
                    raise tables.wrong(f"atom '{atom_id}'", "it is made from itself")
                if parent not in done:
                    path[parent] = iter(tables.atoms[parent][6].values())
                    break
            else:
                done.add(atom_id)
                del path[atom_id]


def _is_plain(name: str) -> bool:
    return "\0" not in name and "\\" not in name and not {"", ".", ".."} & set(name.split("/"))
