"""A value together with where each part of it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from motools.canonical import JSON

DataPath: TypeAlias = "tuple[str | int, ...]"
"""The way to a part of a JSON value: `("train_model", "layers", 0)`."""


@dataclass(frozen=True)
class Mark:
    """Where a part begins, counted from 1; for a list's item the key's place is the item's."""

    key_line: int
    key_column: int
    line: int
    column: int


@dataclass(frozen=True)
class Override:
    """A part that was said on the command line instead of in the file.

    Args:
        where: what to call the place (`--set a.b`).
        text: the value as it was typed, for a part that is due to be text; None where it was not typed.
        file: the document that the command line named instead of a value.
        at: the way to the part in that document.
    """

    where: str
    text: str | None
    file: Document | None = None
    at: DataPath = ()


@dataclass(frozen=True)
class Document:
    """A JSON value, and for each part of it the place where it was written.

    Args:
        value: the data.
        source: what to call the document in messages, usually its path as the user wrote it.
        folder: the folder that relative paths in the document start from.
        marks: path of a part → its place.
        overrides: path of a part → what the command line said of it.
        written: the data before the command line changed it.
    """

    value: JSON
    source: str
    folder: Path
    marks: Mapping[DataPath, Mark] = field(default_factory=dict)
    overrides: Mapping[DataPath, Override] = field(default_factory=dict)
    written: JSON = None

    def where(self, path: DataPath = (), *, key: bool = False) -> str:
        """Return `file:line:column` of a part, or of the nearest part around it; `--set a.b` if it was said there."""
        length = self._said(path)
        if length is not None:
            override = self.overrides[path[:length]]
            if override.file is None:
                return override.where
            return f"{override.file.where((*override.at, *path[length:]), key=key)} ({override.where})"
        if path and path not in self.marks:
            # `--set a.b=1` also made `a`, where the file has none.
            inside = next((said for old, said in self.overrides.items() if old[: len(path)] == path), None)
            if inside is not None:
                return inside.where
        for length in range(len(path), -1, -1):
            mark = self.marks.get(path[:length])
            if mark is not None:
                # What is missing from `path` would be inside this part, so its beginning is the place to look at.
                at_key = key and length == len(path)
                line, column = (mark.key_line, mark.key_column) if at_key else (mark.line, mark.column)
                return f"{self.source}:{line}:{column}"
        return self.source

    def override(self, path: DataPath) -> Override | None:
        """Return what the command line said of a part or of what contains it."""
        length = self._said(path)
        return None if length is None else self.overrides[path[:length]]

    def _said(self, path: DataPath) -> int | None:
        """Return how much of `path` leads to what the command line said; None where it said nothing of it."""
        return next((length for length in range(len(path), 0, -1) if path[:length] in self.overrides), None)

    def folder_of(self, path: DataPath) -> Path:
        """Return the folder that a relative path said there starts from."""
        override = self.override(path)
        if override is None:
            return self.folder
        return Path.cwd() if override.file is None else override.file.folder

    def with_override(self, path: DataPath, value: JSON, override: Override) -> Document:
        """Return a document whose value is `value`, of which the part at `path` was said on the command line."""
        kept = {old: said for old, said in self.overrides.items() if old[: len(path)] != path}
        written = self.written if self.overrides else self.value
        return replace(self, value=value, overrides={**kept, path: override}, written=written)


def dotted(path: DataPath) -> str:
    """Write a path as people do: `train_model.layers[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
