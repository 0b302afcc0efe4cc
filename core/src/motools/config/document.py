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
        text: the value as it was typed.
    """

    where: str
    text: str


@dataclass(frozen=True)
class Document:
    """A JSON value, and for each part of it the place where it was written.

    Args:
        value: the data.
        source: what to call the document in messages, usually its path as the user wrote it.
        folder: the folder that relative paths in the document start from.
        marks: path of a part → its place.
        overrides: path of a part → what the command line said of it.
    """

    value: JSON
    source: str
    folder: Path
    marks: Mapping[DataPath, Mark] = field(default_factory=dict)
    overrides: Mapping[DataPath, Override] = field(default_factory=dict)

    def where(self, path: DataPath = (), *, key: bool = False) -> str:
        """Return `file:line:column` of a part, or of the nearest part around it; `--set a.b` if it was said there."""
        override = self.override(path)
        if override is None and path and path not in self.marks:
            # `--set a.b=1` also made `a`, where the file has none.
            override = next((said for old, said in self.overrides.items() if old[: len(path)] == path), None)
        if override is not None:
            return override.where
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
        for length in range(len(path), 0, -1):
            if path[:length] in self.overrides:
                return self.overrides[path[:length]]
        return None

    def folder_of(self, path: DataPath) -> Path:
        """Return the folder that a relative path said there starts from."""
        return Path.cwd() if self.override(path) is not None else self.folder

    def with_override(self, path: DataPath, value: JSON, override: Override) -> Document:
        """Return a document whose value is `value`, of which the part at `path` was said on the command line."""
        kept = {old: said for old, said in self.overrides.items() if old[: len(path)] != path}
        return replace(self, value=value, overrides={**kept, path: override})


def dotted(path: DataPath) -> str:
    """Write a path as people do: `train_model.layers[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
